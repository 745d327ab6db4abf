"""The ways through a program of the published engine.

A step of the engine ends in two ways: entered in sequence, it continues with the next step of the list; entered as the
target of a condition, it ends the program, unless it has ``next_step``. A step that is entered both ways, and
continues differently, becomes two nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gritstone.flow.importing.source import Members, Remarks, Source

__all__ = ["END", "FAILED", "Last", "State", "Ways", "can_skip", "edges", "find_ways"]


class State(NamedTuple):
    """A step and how it was entered.

    Attributes:
        step: the position of the step.
        is_target: whether it was entered as the target of a condition.
    """

    step: int
    is_target: bool = False


END = State(-1)
"""The end of the program with success."""
FAILED = State(-2)
"""The end of the program with a failure."""


class Last(NamedTuple):
    """The last output before some place, which is the result of a program that ends there.

    Attributes:
        kind: ``step``, ``text`` (the output of a condition), ``none`` or ``many``.
        state: the step with this output.
        text: the text.
    """

    kind: str
    state: State = END
    text: str = ""


NONE = Last("none")
MANY = Last("many")


@dataclass(frozen=True, slots=True)
class Ways:
    """The states that can be reached, each with what follows.

    Attributes:
        exits: by state, the next state; of a condition, those for true and false.
        last: by state, the last output before it.
        longest: the maximum number of steps of a run; None if there is a cycle.
    """

    exits: Mapping[State, tuple[State, ...]]
    last: Mapping[State, Last]
    longest: int | None


def find_ways(source: Source, remarks: Remarks) -> Ways:
    """Return the ways through a program; problems are added to the remarks."""
    targets = {state: _exits(source, state, remarks) for state in _states(source)}
    same = _same(source, targets)
    exits: dict[State, tuple[State, ...]] = {}
    todo = [State(0)]
    while todo:
        state = todo.pop()
        if state not in exits and state.step >= 0:
            exits[state] = tuple(same.get(one, one) for one in targets[state])
            todo += exits[state]
    for state in exits:
        _check_exits(source, state, targets[state], remarks)
    return Ways(exits, _last_outputs(source, exits), _longest(exits))


def _states(source: Source) -> Iterator[State]:
    for at in range(len(source.steps)):
        yield from (State(at), State(at, True))


def _exits(source: Source, state: State, remarks: Remarks) -> tuple[State, ...]:
    """Return the states that follow a state, before equal states are joined."""
    step = source.steps[state.step]
    if step["type"] == "condition":
        names = (step["then"], step["otherwise"])
        return tuple(_target(source, name, is_target=not state.is_target) for name in names)
    if step["next_step"] and (state.is_target or not step["is_terminal"]):
        return (_target(source, step["next_step"], is_target=False),)
    is_end = state.is_target or step["is_terminal"] or state.step + 1 == len(source.steps)
    return (END,) if is_end else (State(state.step + 1),)


def _target(source: Source, name: str | None, *, is_target: bool) -> State:
    return State(source.index[name], is_target) if name is not None and name in source.index else FAILED


def _check_exits(source: Source, state: State, exits: tuple[State, ...], remarks: Remarks) -> None:
    """Report exits of a state that lead nowhere."""
    step = source.steps[state.step]
    names = (step["then"], step["otherwise"]) if step["type"] == "condition" else (step["next_step"],)
    for name, exit_ in zip(names, exits, strict=True):
        if exit_ == FAILED and name:
            remarks.problem(step["id"], f"there is no step {name!r}")
        elif exit_ == FAILED and state.is_target:
            remarks.problem(step["id"], "the engine starts the program again if this condition has no branch")


def _same(source: Source, targets: Mapping[State, tuple[State, ...]]) -> dict[State, State]:
    """Return, for each state entered as a target that continues like the one entered in sequence, the latter."""
    differs = set()
    before: dict[State, list[State]] = {}
    todo = []
    for state in _states(source):
        if not state.is_target:
            continue
        plain = State(state.step)
        if source.steps[state.step]["type"] != "condition":
            if targets[state] != targets[plain]:
                todo.append(state)
            continue
        for one in targets[state]:  # a state in sequence, which `plain` has as a target
            if one.step >= 0:
                before.setdefault(State(one.step, True), []).append(state)
            elif FAILED in targets[state]:
                todo.append(state)
    while todo:
        state = todo.pop()
        if state not in differs:
            differs.add(state)
            todo += before.get(state, ())
    return {state: State(state.step) for state in _states(source) if state.is_target and state not in differs}


# --- analyses --------------------------------------------------------------------------------------------


def edges(source: Source, state: State, exits: tuple[State, ...], before: Last) -> Iterator[tuple[State, Last]]:
    """Yield each following state with the last output there."""
    step = source.steps[state.step]
    if step["type"] == "condition":
        for target, name in zip(exits, (step["then"], step["otherwise"]), strict=True):
            yield target, Last("text", text=name or "")
        return
    yield exits[0], Last("step", state)
    if can_skip(step):
        yield exits[0], before


def can_skip(step: Members) -> bool:
    """Return whether the program continues after a failure of a step."""
    return bool(step["on_error"] == "skip" and step["type"] != "parallel")


def _last_outputs(source: Source, exits: Mapping[State, tuple[State, ...]]) -> dict[State, Last]:
    """Return the last output before each state; two different ones are ``MANY``."""
    last = {State(0): NONE}
    todo = [State(0)]
    while todo:
        state = todo.pop()
        for target, output in edges(source, state, exits[state], last[state]):
            joined = output if last.get(target, output) == output else MANY
            if last.get(target) != joined:
                last[target] = joined
                if target.step >= 0:
                    todo.append(target)
    return last


def _longest(exits: Mapping[State, tuple[State, ...]]) -> int | None:
    """Return the length of the longest way in steps; None if there is a cycle."""
    lengths: dict[State, int] = {}
    open_: set[State] = set()
    todo = [State(0)]
    while todo:
        state = todo[-1]
        after = [one for one in exits[state] if one.step >= 0]
        if state in lengths:
            todo.pop()
        elif state in open_:
            open_.discard(todo.pop())
            lengths[state] = 1 + max((lengths[one] for one in after), default=0)
        elif state in after or any(one in open_ for one in after):
            return None
        else:
            open_.add(state)
            todo += [one for one in after if one not in lengths]
    return lengths[State(0)]
