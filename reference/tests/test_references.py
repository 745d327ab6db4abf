"""The grammar of reference names, and targets."""

from __future__ import annotations

import pytest

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.grit import Blob, Change, Limits, Mailbox, Message, Object, Step, Tree
from gritstone.grit.references import check_changes, check_name, check_target

A = bytes(range(1, 33))
B = bytes(range(0x65, 0x85))
HEX = A.hex()

GOOD = [
    f"heads/{HEX}",
    f"failed/{HEX}",
    "runtime/agent",
    "actors/x",
    "tags/a",
    "tags/0",
    "a/b",
    "a-/b",
    "a1-b/c",
    "tags/a.b_c-d",
    "tags/a__b--c",
    "s" * 32 + "/" + "n" * 200,
    f"tags/{HEX}",
    "tags/" + "0" * 64,
]
BAD = [
    "",
    "/",
    "heads",
    "heads/",
    "/abs",
    "heads/../x",
    "a//b",
    "A/b",
    "a/B",
    "a/b/c",
    "a/.b",
    "a/b.",
    "a/-b",
    "a/b_",
    "a/b..c",
    "1a/b",
    "-a/b",
    "a_b/c",
    "a/b c",
    "a/b\n",
    "a/\u00e9",
    "s" * 33 + "/n",
    "s/" + "n" * 201,
    "x" * 1000,
    "heads/" + HEX[:63],
    "heads/" + HEX + "0",
    "heads/" + HEX.upper(),
    "heads/" + "0" * 64,
    "failed/x",
    "failed/" + "0" * 64,
    "runtime/other",
    "runtime/agents",
]


@pytest.mark.parametrize("name", GOOD)
def test_valid_names_are_accepted(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", BAD)
def test_invalid_names_are_rejected(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_name(name)
    assert caught.value.rule == "grit.ref.grammar"


VALUES: list[Object | None] = [
    Blob({}, b""),
    Tree({"a": A}),
    Message(None, {}, A),
    Mailbox({A: B}),
    Mailbox({A: B, B: A}),
    Step(None, A, None, None, B),
    Step(None, B, None, None, B),
    None,
]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        (f"heads/{HEX}", {5}),
        (f"failed/{HEX}", {3}),
        ("actors/x", {1}),
        ("runtime/agent", {1}),
        ("tags/x", set(range(8))),
        ("moved/x", set(range(8))),
    ],
)
def test_targets_are_checked_by_space(name: str, right: set[int]) -> None:
    for at, value in enumerate(VALUES):
        if at in right:
            check_target(name, value)
        else:
            with pytest.raises(Rejected):
                check_target(name, value)


def test_changes_are_checked_before_reading() -> None:
    limits = Limits(cas_names=2)
    check_changes([Change("a/b", None, A), Change("a/c", A, None)], limits)
    with pytest.raises(Exhausted):
        check_changes([Change(f"a/{n}", None, A) for n in range(3)], limits)
    with pytest.raises(Invalid) as caught:
        check_changes([Change("a/b", None, A), Change("a/b", None, A)], limits)
    assert caught.value.rule == "grit.ref.duplicate"
    with pytest.raises(Invalid):
        check_changes([Change("a/../b", None, A)], limits)
