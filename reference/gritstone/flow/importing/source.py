"""The source of an import: a program of the published engine, with every member checked.

The engine drops members that it does not know, and ignores some that it knows. Here both are problems, because their
author expects an effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Members", "Remark", "Remarks", "Source", "read_source"]

Members = Mapping[str, Any]
"""The members of a step or a program."""

_MOST_STEPS = 1_000
_UNSET = object()


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """Something that an import reports.

    Attributes:
        at: the id of the step, ``<step>.<sub>``, or the empty text for the program.
        what: what was found there.
    """

    at: str
    what: str

    def __str__(self) -> str:
        return f"{self.at or 'program'}: {self.what}"


@dataclass(slots=True)
class Remarks:
    """What an import has found so far.

    Attributes:
        problems: what cannot be expressed.
        notes: where the flow ends in a case in which the engine continues.
    """

    problems: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    def problem(self, at: str, what: str) -> None:
        """Add a problem, unless it was added before."""
        remark = Remark(at, what)
        if remark not in self.problems:
            self.problems.append(remark)

    def note(self, at: str, what: str) -> None:
        """Add a note, unless it was added before."""
        remark = Remark(at, what)
        if remark not in self.notes:
            self.notes.append(remark)


@dataclass(frozen=True, slots=True)
class Source:
    """A program whose members have the right types.

    Attributes:
        program: the members of the program; absent ones have their defaults.
        steps: the members of the steps, likewise.
        index: the positions of the steps by id.
        subs: by the id of a sub, the id of its parallel.
    """

    program: Members
    steps: tuple[Members, ...]
    index: Mapping[str, int]
    subs: Mapping[str, str]


# member: the default, then the types of values
_PROGRAM: Mapping[str, tuple[Any, ...]] = {
    "name": ("unnamed", str),
    "description": ("", str),
    "version": ("1.0", str),
    "steps": (_UNSET, list),
    "max_steps": (None, int),
    "max_stalled_steps": (None, int),
    "max_tokens": (None, int),
}
_STEP: Mapping[str, tuple[Any, ...]] = {
    "id": (_UNSET, str),
    "type": (_UNSET, str),
    "prompt": (None, str),
    "system": (None, str),
    "output_key": (None, str),
    "tool": (None, str),
    "args": ({}, dict),
    "condition": (None, str),
    "then": (None, str),
    "otherwise": (None, str),
    "parallel_steps": ([], list),
    "max_concurrency": (None, int),
    "on_error": ("fail", str),
    "max_retries": (3, int),
    "is_terminal": (False, bool),
    "next_step": (None, str),
    "allowed_outputs": (None, list),
    "timeout_seconds": (None, int, float),
    "on_timeout": ("fail", str),
}
_ALL = {"id", "type", "on_error", "max_retries"}
_USED: Mapping[str, set[str]] = {
    "llm": {"prompt", "system", "output_key", "is_terminal", "next_step", "allowed_outputs", "timeout_seconds"}
    | {"on_timeout"},
    "tool": {"tool", "args", "output_key", "is_terminal", "next_step"},
    "condition": {"condition", "then", "otherwise"},
    "parallel": {"parallel_steps", "max_concurrency", "output_key", "is_terminal", "next_step"},
}
_UNUSED_IN_SUBS = {"output_key", "is_terminal", "next_step", "on_error"}
_REQUIRED = {"llm": "prompt", "tool": "tool", "condition": "condition", "parallel": "parallel_steps"}
_WORDS = {"on_error": ("fail", "skip", "retry"), "on_timeout": ("fail", "fallback"), "type": tuple(_USED)}


def read_source(source: Members | str, remarks: Remarks) -> Source | None:
    """Return a program of the engine; None if it has problems.

    Args:
        source: the program as a mapping, or as JSON.
        remarks: receives the problems.
    """
    if isinstance(source, str):
        source = _parse(source, remarks)
    program = _members("", source, _PROGRAM, remarks)
    if program is None:
        return None
    if len(program["steps"]) > _MOST_STEPS:
        remarks.problem("", f"there are {len(program['steps'])} steps, at most {_MOST_STEPS} are possible")
        return None
    steps = [_step(number, step, remarks) for number, step in enumerate(program["steps"])]
    if not steps:
        remarks.problem("", "there are no steps")
    if remarks.problems:
        return None
    found = [step for step in steps if step is not None]
    subs = {sub["id"]: step["id"] for step in found for sub in step["parallel_steps"]}
    _check_ids(found, remarks)
    return Source(program, tuple(found), {step["id"]: at for at, step in enumerate(found)}, subs)


def _parse(text: str, remarks: Remarks) -> Any:
    def members(pairs: list[tuple[str, Any]]) -> Any:
        if len(dict(pairs)) != len(pairs):
            remarks.problem("", "a member occurs twice in the JSON text")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        remarks.problem("", f"the text is not JSON: {error}")
        return {}


def _members(at: str, source: Any, table: Mapping[str, tuple[Any, ...]], remarks: Remarks) -> dict[str, Any] | None:
    """Return the members of a mapping with the defaults of a table; None if it has problems."""
    if not isinstance(source, Mapping):
        remarks.problem(at, "it is not a map")
        return None
    before = len(remarks.problems)
    for name in source:
        if name not in table:
            remarks.problem(at, f"the member {name!r} is unknown; the engine drops it")
    found = {}
    for name, (default, *types) in table.items():
        value = source.get(name, default)
        if value is _UNSET:
            remarks.problem(at, f"the member {name!r} is absent")
        elif type(value) not in types and not (value is None and default is None):
            remarks.problem(at, f"the member {name!r} has the type {type(value).__name__}")
        found[name] = value
    return found if len(remarks.problems) == before else None


def _step(number: int, source: Any, remarks: Remarks, parent: str | None = None) -> Members | None:
    """Return the members of a step or a sub; None if it has problems."""
    written = source.get("id") if isinstance(source, Mapping) else None
    at = ".".join(filter(None, (parent, written if type(written) is str else f"steps[{number}]")))
    step = _members(at, source, _STEP, remarks)
    if step is None:
        return None
    for name, words in _WORDS.items():
        if step[name] not in words:
            remarks.problem(at, f"{name} is {step[name]!r}, expected one of {', '.join(words)}")
            return None
    kind = step["type"]
    _check_use(at, step, remarks, is_sub=parent is not None)
    if not step[_REQUIRED[kind]]:
        remarks.problem(at, f"a step of the type {kind} requires {_REQUIRED[kind]}")
    if step["allowed_outputs"] is not None and not all(type(one) is str for one in step["allowed_outputs"]):
        remarks.problem(at, "allowed_outputs has an element that is not a text")
    if kind == "condition" and not (step["then"] or step["otherwise"]):
        remarks.problem(at, "a step of the type condition requires then or otherwise")
    if kind == "parallel":
        step["parallel_steps"] = list(_subs(at, step, remarks))
    return step


def _subs(at: str, step: Members, remarks: Remarks) -> Iterator[Members]:
    for number, sub in enumerate(step["parallel_steps"]):
        found = _step(number, sub, remarks, at)
        if found is not None and found["type"] not in ("llm", "tool"):
            remarks.problem(f"{at}.{found['id']}", f"a sub-step of the type {found['type']} is not possible")
        elif found is not None:
            yield found


def _check_use(at: str, step: Members, remarks: Remarks, *, is_sub: bool) -> None:
    """Report members that have an effect elsewhere, but not in a step like this one."""
    used = _ALL | _USED[step["type"]]
    if is_sub:
        used = used - _UNUSED_IN_SUBS
    for name, (default, *_) in _STEP.items():
        if name not in used and step[name] != default:
            remarks.problem(at, f"the engine ignores {name} here")


def _check_ids(steps: list[Members], remarks: Remarks) -> None:
    """Report ids and output keys that stand for two things."""
    seen: set[str] = set()
    for step in steps:
        for at, one in [(step["id"], step), *((f"{step['id']}.{sub['id']}", sub) for sub in step["parallel_steps"])]:
            if one["id"] in seen:
                remarks.problem(at, f"the id {one['id']!r} occurs twice")
            seen.add(one["id"])
    for step in steps:
        if step["output_key"] in seen - {step["id"]}:
            remarks.problem(step["id"], f"output_key {step['output_key']!r} is also the id of a step")
