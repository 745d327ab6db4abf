"""The judge rejects a right reply of any operation after a change in any one place.

Spec: :rule:`suite.check.alive`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest

from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES, shape_problem
from gritstone_conformance.judge import compare
from gritstone_conformance.replies import Json, Ok, Refused, Reply, Trouble, Unsupported, WrongShape
from selftests.checks.alive import changed_values, other_answers, overlooked
from selftests.checks.oracle import Asked, recorded_replies
from selftests.fakes.subject import HELLO

BY_HAND: dict[str, Json] = {"hello": HELLO, "ping": {}, "bye": {}, "fault.arm": {}, "fault.count": {"writes": 3}}
"""Right replies of the operations that no vector uses."""


@cache
def replies() -> dict[str, list[Asked]]:
    return by_operation(recorded_replies())


def by_operation(recorded: Iterable[Asked]) -> dict[str, list[Asked]]:
    """Return right replies by operation, including those of ``BY_HAND``."""
    found: dict[str, list[Asked]] = {op: [] for op in REPLY_SHAPES}
    for asked in recorded:
        found[asked.op].append(asked)
    for op, value in BY_HAND.items():
        found[op].append(Asked("by hand", op, {"ok": value}, Ok(value), {}))
    return found


@pytest.mark.rule("suite.check.alive", slow=True)
@pytest.mark.parametrize("op", REPLY_SHAPES)
def test_judge_rejects_every_changed_reply(op: str) -> None:
    assert any(isinstance(asked.reply, Ok) for asked in replies()[op]), "no right reply was recorded"
    for asked in replies()[op]:
        wrong = list(overlooked(op, asked.expect, asked.reply, asked.bindings))
        assert wrong == [], asked.case


@pytest.mark.rule("suite.check.alive", slow=True)
@pytest.mark.parametrize("op", REPLY_SHAPES)
def test_recorded_replies_have_a_valid_shape(op: str) -> None:
    for asked in replies()[op]:
        if isinstance(asked.reply, Ok):
            assert shape_problem(op, asked.reply.value) is None


def test_each_place_of_a_value_is_changed() -> None:
    value = {"a": [1, {"b": "x"}], "c": None}
    changed = list(changed_values(value))
    assert {path for path, _ in changed} == {"/a", "/a/0", "/a/1", "/a/1/b", "/a/1/x-more", "/a/2", "/c", "/x-more"}
    assert all(repr(other) != repr(value) for _, other in changed)


def test_members_are_removed_added_and_changed() -> None:
    changed = [other for _, other in changed_values({"id": "00"})]
    assert {} in changed
    assert {"id": "01"} in changed
    assert {"id": "00", "x-more": 0} in changed


@pytest.mark.parametrize(
    "reply", [Ok({}), Refused("invalid"), Refused("missing", "erased"), Unsupported("x"), Trouble("x")], ids=repr
)
def test_other_answers_cover_every_kind(reply: Reply) -> None:
    others = list(other_answers(reply))
    assert reply not in others
    assert {type(other) for other in others} | {type(reply)} == {Ok, Refused, Unsupported, Trouble}


@pytest.mark.rule("suite.check.alive")
@pytest.mark.parametrize(
    ("expect", "reply", "is_right"),
    [
        ({"refused": "missing"}, Refused("missing", "erased"), True),
        ({"refused": "missing", "code": "erased"}, Refused("missing", "erased"), True),
        ({"refused": "missing", "code": "erased"}, Refused("missing"), False),
        ({"refused": "missing", "code": None}, Refused("missing"), True),
        ({"refused": "missing", "code": None}, Refused("missing", "erased"), False),
        ({"unsupported": "threads"}, Unsupported("threads"), True),
        ({"unsupported": "threads"}, Trouble("threads"), False),
        ({"error": True}, Trouble("it broke"), True),
        ({"error": True}, Unsupported("x"), False),
        ({"any": [{"refused": "missing"}, {"ok": {}}]}, Ok({}), True),
        ({"any": [{"refused": "missing"}, {"ok": {}}]}, Refused("invalid"), False),
        ({"ok": {}}, Trouble("it broke"), False),
        ({"ok": {"id": {"$": "any"}}}, Ok({}), True),
        ({"ok": {"id": {"$": "a"}}}, Ok({}), False),
        ({"ok": {"n": 1}}, WrongShape({"n": 1}, "/n", "an integer", 1), False),
    ],
    ids=repr,
)
def test_compare_distinguishes_kinds_of_answers(expect: dict[str, Json], reply: Reply, is_right: bool) -> None:
    assert (compare(expect, reply, {}) is None) == is_right
