"""Extracts of histories: their content, their order and their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.replies import Ok, Refused
from gritstone_conformance.results import extracts
from gritstone_conformance.results.diff_context import diff_context, level
from gritstone_conformance.results.extracts import extract
from selftests.fakes.forging import Scribe
from selftests.fakes.specimen import forged
from selftests.fakes.staging import ball_game, drawn, run_lowest, run_scenario

FORMAT = FORMATS["cbor-blake3"]


def judged(data: bytes, **asked: Any) -> Verdict:
    return check_history(scan(data), **asked)


def anywhere(verdict: Verdict) -> list[Finding]:
    """Return a finding for every step of a history, as if each were at fault."""
    assert verdict.history is not None
    return [
        Finding("still", chain.place(index, "inbox"), "x")
        for chain in verdict.history.chains.values()
        for index in range(len(chain))
    ]


def check(found_extract: dict[str, Any]) -> None:
    """Check an extract's order against the spec."""
    seen: set[tuple[int, int]] = set()
    for step in found_extract["steps"]:
        assert not any(actor == step["actor"] and index >= step["index"] for actor, index in seen)
        seen.add((step["actor"], step["index"]))
    for message in found_extract["messages"]:
        assert "from" in message or "to" in message
        if "from" in message and "to" in message:
            assert message["from"] < message["to"]
    agents = [number for number, actor in enumerate(found_extract["actors"]) if actor.get("agent")]
    assert agents in ([0], [])


@pytest.mark.parametrize("seed", range(4))
def test_small_history_is_kept_whole_in_a_possible_order(seed: int) -> None:
    verdict = judged(run_scenario(drawn(FORMAT, seed), seed).store.export())
    assert verdict.history is not None
    for finding in anywhere(verdict):
        found_extract = extract(verdict.history, finding)
        check(found_extract)
        assert found_extract["left_out"] == {"actors": 0, "steps": 0}
        assert len(found_extract["steps"]) == verdict.steps
        step = found_extract["steps"][found_extract["illegal"]]
        assert bytes.fromhex(step["id"]) == finding.place.step
        assert found_extract["actors"][step["actor"]]["id"] == finding.place.actor.hex()  # type: ignore[union-attr]


def test_faulty_step_is_marked_with_the_fields_near_the_path() -> None:
    verdict, finding = forged()
    assert verdict.history is not None
    found_extract = extract(verdict.history, finding)
    assert (found_extract["fault"], found_extract["path"]) == ("still", finding.place.path)
    assert found_extract["steps"][found_extract["illegal"]]["index"] == finding.place.index
    where, inbox = found_extract["around"]
    assert where["member"].endswith(finding.place.path.split("/")[1][-8:])
    assert inbox["member"] == "inbox"
    assert [name for name, _ in (*inbox["before"], *inbox["after"])] == ["previous", "actor", "outbox", "core"]


def test_nearest_steps_are_kept_when_the_history_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracts, "MOST_STEPS", 6)
    monkeypatch.setattr(extracts, "MOST_ACTORS", 2)
    verdict = judged(run_scenario(drawn(FORMAT, 25), 25).store.export())
    assert verdict.history is not None
    for finding in anywhere(verdict):
        found_extract = extract(verdict.history, finding)
        check(found_extract)
        assert len(found_extract["steps"]) <= 6
        assert len(found_extract["actors"]) <= 2
        assert found_extract["left_out"]["steps"] == verdict.steps - len(found_extract["steps"])
        assert "illegal" in found_extract


def test_long_history_is_cut_to_the_bounds() -> None:
    verdict = judged(run_lowest(ball_game(FORMAT, limit=250)).store.export())
    assert verdict.history is not None
    assert verdict.steps > 240
    found_extract = extract(verdict.history, anywhere(verdict)[120])
    check(found_extract)
    assert len(found_extract["steps"]) == extracts.MOST_STEPS
    assert len(found_extract["messages"]) <= extracts.MOST_MESSAGES


def test_mail_without_a_sender_or_reader_has_none_in_the_extract() -> None:
    scribe = Scribe.of(FORMAT)
    actor = scribe.born(b"a")
    scribe.inject(actor, scribe.stage.blob(b"x"), "late")
    unsent = scribe.message(None, scribe.stage.blob(b"y"), "gift")
    scribe.act(actor, reads={scribe.agent: unsent})
    verdict = judged(scribe.bundle())
    assert verdict.history is not None
    found_extract = extract(verdict.history, verdict.findings[0])
    assert found_extract["fault"] == "unsent"
    assert {"type": "gift", "to": found_extract["illegal"]} in found_extract["messages"]
    sender = next(
        number for number, step in enumerate(found_extract["steps"]) if (step["actor"], step["index"]) == (0, 2)
    )
    assert {"type": "late", "from": sender, "unread_by": 1} in found_extract["messages"]


def test_finding_without_a_step_has_a_diff_context() -> None:
    verdict = judged(run_scenario(drawn(FORMAT, 7), 7).store.export())
    assert verdict.history is not None
    found_extract = extract(verdict.history, Finding("name", Place("actors/x"), "the target is not a tree"))
    assert "illegal" not in found_extract
    assert found_extract["around"] == []
    assert len(found_extract["steps"]) == verdict.steps


def test_diff_context_is_the_nearest_members_of_each_level() -> None:
    value = {"id": "5" * 64, "object": {"kind": "tree", "entries": [[str(number), "v"] for number in range(9)]}}
    outer, middle, inner = diff_context(Ok(value), "/object/entries/4")
    assert (outer.member, outer.before, outer.left_out) == ("object", (("id", "55555555…"),), 0)
    assert middle.before == (("kind", "tree"),)
    assert [name for name, _ in (*inner.before, *inner.after)] == ["1", "2", "3", "5", "6", "7"]
    assert inner.left_out == 2
    assert diff_context(Ok(value), "") == ()
    assert diff_context(Refused("invalid"), "/refused/code") == ()
    assert diff_context(Ok({"a/b": {"~": 1}}), "/a~1b/~0")[1].member == "~"


def test_diff_context_of_a_huge_answer_is_small() -> None:
    deep: Any = {"x" * 5000: "y" * 100_000, "z": 1}
    for _ in range(60):
        deep = {"a": deep, **{f"b{number}": "c" * 10_000 for number in range(50)}}
    found_extract = diff_context(Ok(deep), "/a" * 60 + "/z")
    assert len(found_extract) == 24
    assert len(str([each.to_json() for each in found_extract])) < 24 * 8 * 300


def test_missing_member_has_a_diff_context() -> None:
    assert level("absent", [("a", 1), ("b", 2)]).to_json() == {
        "member": "absent",
        "before": [["a", "1"], ["b", "2"]],
        "after": [],
        "left_out": 0,
    }
