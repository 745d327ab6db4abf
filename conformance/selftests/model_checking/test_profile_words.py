"""Behaviours of the models of the profiles in words."""

from __future__ import annotations

from typing import Any, NamedTuple

from gritstone_conformance.model_checking.profile_words import is_profile, profile_words


class _State(NamedTuple):
    action: str
    variables: dict[str, Any]


_NONE = {"read": (), "heard": 0, "told": 0}
_FIRST = {"read": ("genesis",), "heard": 0, "told": 0}
_IDLE = {"op": "none"}
_ARCHIVE = {"op": "archive", "s": "a", "label": "none"}


def _session(action: str, plan: dict[str, Any], head: Any, archived: Any, *notices: Any) -> _State:
    refs = {name: {"a": _NONE} for name in ("moved", "closed")} | {
        "head": {"a": head},
        "archived": {"a": archived},
        "notices": notices,
    }
    return _State(action, {"parcel": {}, "db": {"here": refs}, "host": {"h1": {"plan": plan, "lease": {"a": _NONE}}}})


def _flow(action: str, mail: tuple[Any, ...], *log: Any) -> _State:
    view = {"h1": {"now": {"f": {"log": log}}}}
    return _State(action, {"performed": {}, "db": {"f": {"log": ()}}, "mail": {"f": mail}, "view": view})


def _image(action: str, plan: dict[str, Any], journal: tuple[Any, ...], running: bool = False) -> _State:
    host = {"h1": {"plan": plan, "base": len(journal), "running": running}}
    return _State(action, {"client": {}, "db": {"journal": journal}, "host": host})


def test_profile_words_names_references_and_notices_of_a_session() -> None:
    words = profile_words(
        [
            _session("", _IDLE, _FIRST, _NONE),
            _session("Request", _ARCHIVE, _FIRST, _NONE),
            _session("Publish", _IDLE, _NONE, _FIRST, ("archived", "a", _FIRST)),
        ]
    )
    assert words == [
        "  1  h1 decides to archive a",
        "  2  h1 publishes archive of a; here: heads/a is removed; here: archived/a = the step with read genesis; "
        "here: notice archived of a",
    ]


def test_profile_words_reports_a_discarded_request() -> None:
    words = profile_words([_session("", _ARCHIVE, _FIRST, _NONE), _session("Publish", _IDLE, _FIRST, _NONE)])
    assert words == ["  1  h1 finds other references than it expects: archive of a is discarded"]


def test_profile_words_names_messages_and_events_of_a_flow() -> None:
    result = {"mt": "result", "node": 1, "attempt": 1, "outcome": "ok"}
    words = profile_words(
        [
            _flow("", ()),
            _flow("Answer", (result,)),
            _flow("Step", (result,), ("settled", 1, 1, "ok"), ("ended", 2, "none")),
        ]
    )
    assert words == ["  1  the outside sends result (1, 1, ok) to f", "  2  a step of f in h1: settled 1 1 ok, ended 2"]


def test_profile_words_names_events_and_the_end_of_a_parallel() -> None:
    before = {"budget": False, "status": "open", "stop": "none", "log": ()}
    after = before | {"status": "failed", "stop": "a", "log": (("failed", "a", "tool"),)}
    assert profile_words([_State("", before), _State("Answer", after)]) == [
        "  1  a step after Answer: failed a tool; a stops the parallel; the parallel ends: failed"
    ]


def test_profile_words_names_operations_of_an_image() -> None:
    plan = {"kind": "post", "program": "fail", "from": "A", "to": "B"}
    record = {"seq": 1, "plan": plan, "outcome": "failed", "saves": ()}
    idle = {"kind": "none"}
    words = profile_words(
        [
            _image("", idle, ()),
            _image("Run", idle, (), running=True),
            _image("Begin", plan, (), running=True),
            _image("Publish", idle, (record,), running=True),
        ]
    )
    assert words == [
        "  1  a runtime.run begins in h1",
        "  2  h1 plans the post fail of A to B on world 0",
        "  3  operation 1, the post fail of A to B: failed",
    ]


def test_is_profile_rejects_behaviours_of_other_models() -> None:
    assert is_profile([_image("", {"kind": "none"}, ())])
    assert not is_profile([_State("", {"run": {}})])
    assert not is_profile([])
