"""The check of programs: forms, ranges, single edits, and arguments that are not programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.properties.flow.asking import checking, evaluating, of_flows, outcome_of, rendering
from gritstone_conformance.strategies.flow_programs import (
    EVERYTHING,
    REFUND,
    FlowDraft,
    draw_edit,
    edited,
    places,
    smallest,
)
from gritstone_conformance.strategies.flow_values import KINDS, TAPE, draw_value, spoil
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ANY: Final = ("args", "output")
"""Members whose contents may be any value."""


def without_defects(trial: Trial) -> None:
    """Programs and policies with every member of the grammar, and with as few as possible, have no defects."""
    drafts = [REFUND, EVERYTHING, smallest()]
    drafts += [smallest(s={"kind": "call", "tool": "t", "args": {}, "next": "e"})]
    drafts += [smallest(s={"kind": "parallel", "calls": {"c": {"tool": "t", "args": {}}}, "next": "e"})]
    drafts += [smallest(s={"kind": "branch", "if": "True", "then": "e", "else": "e"})]
    assert [outcome_of(checking(draft)) for draft in drafts] == [[]] * len(drafts)
    trial.expect_many([checking(draft) for draft in drafts])


def one_edit(trial: Trial, tape: Tape) -> None:
    """A program, policy or input with one edit has exactly the defects of the chapter on checks, in order."""
    for draft in (EVERYTHING, EVERYTHING, EVERYTHING, REFUND):
        trial.expect_many([checking(draft_edited := draw_edit(tape, draft))])
        trial.reach("with defects", outcome_of(checking(draft_edited)))


def several_edits(trial: Trial, tape: Tape) -> None:
    """All defects of a stage are reported at once."""
    draft = EVERYTHING
    for _ in range(tape.within(2, 6)):
        if any(
            isinstance(each, bytes) or not isinstance(each, dict) for each in (draft.program, draft.policy, draft.input)
        ):
            break
        draft = draw_edit(tape, draft)
    trial.expect_many([checking(draft)])
    trial.reach("two defects", len(outcome_of(checking(draft))) > 1)


def _maps(draft: FlowDraft) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield document and path of each map that has a form."""
    for document in ("program", "policy"):
        whole: Any = getattr(draft, document)
        for path in places(whole):
            at = whole
            for step in path:
                at = at[step]
            if isinstance(at, dict) and not set(_ANY).intersection(map(str, path)):
                yield document, path


def closed(trial: Trial) -> None:
    """A member that a form does not have is a defect, and so is the lack of one that it requires, in every map."""
    for document, path in _maps(EVERYTHING):
        drafts = [edited(EVERYTHING, document, (*path, name), 1) for name in ("otherwise", "x", "", "Kind")]
        drafts += [
            edited(EVERYTHING, document, (*path, name), "done") for name in ("depends_on", "on_error", "then", "when")
        ]
        at: Any = getattr(EVERYTHING, document)
        for step in path:
            at = at[step]
        drafts += [edited(EVERYTHING, document, (*path, name), ...) for name in at]
        trial.expect_many([checking(draft) for draft in drafts])


_NUMBERS: Final[tuple[tuple[str, tuple[str | int, ...], int, int], ...]] = (
    ("program", ("nodes", "ask", "retry", "max_attempts"), 1, 10),
    ("program", ("nodes", "ask", "retry", "backoff_ms"), 0, 30_000),
    ("program", ("nodes", "ask", "timeout_ms"), 1, 86_400_000),
    ("program", ("nodes", "both", "width"), 1, 64),
    ("program", ("nodes", "both", "calls", "two", "timeout_ms"), 1, 86_400_000),
    ("program", ("nodes", "rest", "timeout_ms"), 1, 86_400_000),
    ("policy", ("tools", "model", "cost"), 0, 10**9),
    *(
        (document, ("limits", name), least, most)
        for document in ("program", "policy")
        for name, least, most in (
            *(("max_steps", 1, 10_000), ("max_calls", 1, 10_000), ("max_tokens", 0, 10**12)),
            *(("max_stalled", 1, 1_000), ("max_visits", 1, 10_000)),
        )
    ),
    ("policy", ("limits", "max_replans"), 0, 16),
    ("program", ("flow",), 1, 1),
    ("policy", ("flow_policy",), 1, 1),
)


def ranges(trial: Trial) -> None:
    """A number at an end of its range is accepted, one outside is a defect, and so is any other kind."""
    for document, path, least, most in _NUMBERS:
        inside = [edited(EVERYTHING, document, path, value) for value in (least, most)]
        trial.expect_many([checking(draft) for draft in inside])
        found = [outcome_of(checking(draft)) for draft in inside]
        assert not any("shape" in code for defects in found for _, code in defects), "the ends of a range are in it"
        values = (least - 1, most + 1, str(least), [least], -(2**63), 2**63 - 1, *KINDS.values())
        outside = [value for value in values if type(value) is not int or not least <= value <= most]
        trial.expect_many([checking(edited(EVERYTHING, document, path, value)) for value in outside])


def kinds(trial: Trial) -> None:
    """A value of another kind, at any place of a program, a policy or an input, has exactly its defects."""
    for document in ("program", "policy", "input"):
        for path in places(getattr(EVERYTHING, document)):
            values = [*KINDS.values(), {}, []]
            trial.expect_many([checking(edited(EVERYTHING, document, path, value)) for value in values])


def _names(count: int) -> list[str]:
    return [f"x{number}" for number in range(count)]


def lengths(trial: Trial) -> None:
    """Lists, maps and texts may have the lengths of the grammar; one more or one less is a defect."""
    drafts = []
    for size in (0, 1, 64, 65):
        text = "x" * size
        drafts += [
            edited(EVERYTHING, "program", ("name",), text),
            edited(EVERYTHING, "policy", ("events", text), ["edge"]),
        ]
        drafts += [edited(EVERYTHING, "policy", ("tools", "model", "params"), ["text", "note", text])]
        drafts += [edited(EVERYTHING, "program", ("nodes", "rest", "event"), text)]
        drafts += [edited(EVERYTHING, "program", ("nodes", "ask", "one_of"), _names(size))]
        calls = {name: {"tool": "model", "args": {}} for name in _names(size)}
        drafts += [smallest_parallel(calls)]
    for size in (31, 32, 33):
        drafts += [edited(EVERYTHING, "program", ("name",), "\u00e9" * size)]
    for size in (0, 1, 16, 17):
        for node in ("ask", "both"):
            exits = [f"{name}.{side}" for name in _names(9) for side in ("then", "else")][:size]
            drafts += [edited(EVERYTHING, "program", ("nodes", node, "guards"), exits)]
    for size in (0, 1_024, 1_025):
        drafts += [edited(EVERYTHING, "program", ("nodes", "ask", "one_of"), ["x" * size])]
        end: Any = {"kind": "end", "outcome": "success"}
        nodes = dict.fromkeys(_names(size), end)
        drafts += [replace(smallest(), program={"flow": 1, "name": "n", "start": "x0", "nodes": nodes})]
    for size in (1, 63, 64):
        drafts += [smallest(**{"x" * size: {"kind": "end", "outcome": "success"}})]
        drafts += [edited(EVERYTHING, "policy", ("tools", "x" * size), {"peer": "edge", "params": []})]
        drafts += [edited(EVERYTHING, "program", ("nodes", "both", "calls", "x" * size), {"tool": "model", "args": {}})]
        drafts += [edited(EVERYTHING, "program", ("nodes", "ask", "on_error"), "x" * size)]
        drafts += [edited(EVERYTHING, "program", ("nodes", "ask", "guards"), ["x" * size + ".then"])]
    trial.expect_many([checking(draft) for draft in drafts])


def smallest_parallel(calls: Any) -> FlowDraft:
    """Return a program whose start is a parallel with these calls."""
    draft = replace(smallest(s={"kind": "parallel", "calls": calls, "next": "e"}), policy=EVERYTHING.policy)
    return replace(draft, peers=EVERYTHING.peers)


_LISTS: Final[tuple[tuple[str, tuple[str | int, ...]], ...]] = (
    ("program", ("nodes", "ask", "one_of")),
    ("program", ("nodes", "both", "guards")),
    ("program", ("nodes", "both", "calls", "three", "depends_on")),
    ("policy", ("tools", "pay", "params")),
    ("policy", ("tools", "pay", "refs")),
    ("policy", ("events", "go")),
    *(("policy", ("control", name)) for name in ("cancel", "erase", "replan", "cleanup")),
)


def lists(trial: Trial) -> None:
    """Elements of lists are distinct and of their form; some lists may be empty, and others may not."""
    for document, path in _LISTS:
        at: Any = getattr(EVERYTHING, document)
        for step in path:
            at = at[step]
        values = [
            [],
            [*at, *at],
            [*at, 1],
            [*at, ""],
            [*at, "A-b"],
            [*at, None],
            [*reversed(at)],
            {"a": 1},
            [at],
            [*at, "zz"],
        ]
        trial.expect_many([checking(edited(EVERYTHING, document, path, value)) for value in values])
    same = {"list": [1, 1], "tags": ["a", "a"]}  # in args and output elements may be equal
    trial.expect_many([checking(edited(EVERYTHING, "program", ("nodes", "done", "output"), same))])


def any_bytes(trial: Trial, tape: Tape) -> None:
    """Bytes that are not documents are defects, and never a refusal."""
    documents = [encode(getattr(EVERYTHING, name)) for name in ("program", "policy", "input")]
    for index, name in enumerate(("program", "policy", "input")):
        spoiled = (spoil(tape, draw_value(tape)), _flipped(tape, documents[index]), documents[(index + 1) % 3])
        trial.expect_many([checking(edited(EVERYTHING, name, (), data)) for data in spoiled])
    everywhere = FlowDraft(tape.take(tape.below(9)), tape.take(tape.below(9)), tape.take(tape.below(9)))
    trial.expect_many([checking(everywhere)])


def _flipped(tape: Tape, data: bytes) -> bytes:
    at = tape.below(len(data))
    return data[:at] + bytes((data[at] ^ (1 << tape.below(8)),)) + data[at + 1 :]


def pure(trial: Trial) -> None:
    """The same arguments have the same reply, whatever was requested before."""
    defective = edited(REFUND, "program", ("nodes", "pay", "guards"), ...)
    asked = [
        checking(REFUND),
        checking(defective),
        checking(replace(REFUND, refs=())),
        evaluating("$input.x == 5", {"input": {"x": 5}}),
        evaluating("$input.x == 5", {"input": {"x": 6}}),
        evaluating("$input.x == 5", {}),
        evaluating("$input.x ==", {"input": {"x": 5}}),
        rendering({"a": ["$input.x"]}, {"input": {"x": 5}}),
        rendering({"a": ["$input.x"]}, {"input": {"x": [5]}}),
        rendering({"a": ["$input.x", "$"]}, {"input": {"x": 5}}),
    ]
    for shift in range(len(asked)):
        trial.expect_many([*asked[shift:], *asked[:shift], *reversed(asked)])


_DRAWN: Final = {"tape": from_tape(lambda tape: tape, TAPE)}

PROPERTIES: Final = (
    of_flows("check/without-defects", without_defects, "check.defects"),
    of_flows(
        *("check/one-edit", one_edit, "check.defects"),
        given=_DRAWN,
        examples=250,
        reach={"with defects": 0.5},
        cost=200,
    ),
    of_flows(
        *("check/several-edits", several_edits, "check.defects"), given=_DRAWN, examples=100, reach={"two defects": 0.1}
    ),
    of_flows("check/closed", closed, "check.closed"),
    of_flows("check/ranges", ranges, "check.ranges"),
    of_flows("check/kinds", kinds, "check.ranges"),
    of_flows("check/lengths", lengths, "check.ranges"),
    of_flows("check/lists", lists, "check.defects"),
    of_flows("check/any-bytes", any_bytes, "check.total", given=_DRAWN, examples=60),
    of_flows("check/pure", pure, "check.pure"),
)
