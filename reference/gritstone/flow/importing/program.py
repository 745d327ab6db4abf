"""Programs of the published engine, converted to programs and tools of policies.

Spec: ``flow/documents``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gritstone.errors import Exhausted, GritstoneError, Malformed
from gritstone.flow.check import check
from gritstone.flow.importing.conditions import NotPossible, write_condition
from gritstone.flow.importing.references import References
from gritstone.flow.importing.source import Members, Remark, Remarks, Source, read_source
from gritstone.flow.importing.ways import END, FAILED, Last, State, Ways, can_skip, edges, find_ways
from gritstone.flow.limits import RANGES
from gritstone.flow.values import ID, encode_value

__all__ = ["Imported", "NotExpressible", "import_program"]

_FIRST_BACKOFF_MS = 1_000  # of the engine; it doubles up to 30 seconds
_MOST_ATTEMPTS = 10
_MOST_MS = 86_400_000


class NotExpressible(GritstoneError):  # noqa: N818 - it says what is the case
    """A program of the published engine has parts that no flow expresses.

    Attributes:
        problems: all of them, each with its place.
    """

    def __init__(self, problems: tuple[Remark, ...]) -> None:
        """Create the error with its problems."""
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Imported:
    """A converted program.

    Attributes:
        program: the document of the program.
        policy_tools: the parameters of each tool that it calls, as in the document of a policy, without peers.
        notes: where the flow ends in a case in which the engine continues.
        nodes: by the id of a step, the names of its nodes.
        inputs: the keys of the input that the program reads.
        has_timers: whether its policy needs a timer.
    """

    program: dict[str, Any]
    policy_tools: dict[str, dict[str, Any]]
    notes: tuple[Remark, ...]
    nodes: Mapping[str, tuple[str, ...]]
    inputs: frozenset[str]
    has_timers: bool

    def policy(self, peer: str = "host") -> dict[str, Any]:
        """Return the document of a policy that permits the program, and lets one peer perform all tools."""
        tools = {name: {"peer": peer, **tool} for name, tool in self.policy_tools.items()}
        return {"flow_policy": 1, "tools": tools, **({"timer": peer} if self.has_timers else {})}


def import_program(source: Members | str, *, model: str = "llm") -> Imported:
    """Convert a program of the published engine.

    Args:
        source: the program, as a mapping or as JSON.
        model: the tool that the steps of models call, with ``prompt`` and ``system``.

    Raises:
        NotExpressible: a part of the program has no equivalent. All problems are reported at once.
    """
    remarks = Remarks()
    read = read_source(source, remarks)
    made = None
    if read is not None and not remarks.problems:
        ways = find_ways(read, remarks)
        made = _Builder(read, ways, model, remarks).build() if not remarks.problems else None
    if made is not None and not remarks.problems:
        _check(made, remarks)
    if made is None or remarks.problems:
        raise NotExpressible(tuple(sorted(remarks.problems)))
    return made


def _check(made: Imported, remarks: Remarks) -> None:
    """Report the defects of the converted program."""
    try:
        documents = [encode_value(made.program, None), encode_value(made.policy()), encode_value({})]
    except (Malformed, Exhausted) as refusal:
        remarks.problem("", str(refusal))
        return
    steps = {node: step for step, nodes in made.nodes.items() for node in nodes}
    for at, code in check(documents[0], documents[1], documents[2], ["host"], []):
        node, *sub = at.split(".")
        remarks.problem(".".join([steps.get(node, node), *sub]), f"the flow has the defect {code}")


class _Builder:
    """The conversion of one program."""

    def __init__(self, source: Source, ways: Ways, model: str, remarks: Remarks) -> None:
        self._source = source
        self._ways = ways
        self._model = model
        self._remarks = remarks
        self._names = self._name_nodes()
        steps: dict[str, list[str]] = {step["id"]: [] for step in source.steps}
        for state, name in self._names.items():
            steps[source.steps[state.step]["id"]].append(name)
        self._steps = steps
        self._references = References(source, steps)
        self._tools: dict[str, set[str]] = {}
        self._ends: dict[Last, str] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._has_timers = False

    def build(self) -> Imported | None:
        for step, names in self._steps.items():
            if not names:
                self._remarks.note(step, "no way leads to the step; it is left out")
        for state, name in self._names.items():
            try:
                self._nodes[name] = self._node(state)
            except NotPossible as reason:
                self._remarks.problem(self._id(state), str(reason))
        start = self._names[State(0)]
        given = self._source.program
        program = {"flow": 1, "name": given["name"], "start": start, "nodes": self._nodes, "limits": self._limits()}
        if given["description"]:
            program["desc"] = given["description"]
        return Imported(
            program,
            {name: {"params": sorted(params)} for name, params in sorted(self._tools.items())},
            tuple(self._remarks.notes),
            {step: tuple(names) for step, names in self._steps.items()},
            frozenset(self._references.inputs),
            self._has_timers,
        )

    # --- names ---------------------------------------------------------------------------------------------

    def _id(self, state: State) -> str:
        return str(self._source.steps[state.step]["id"])

    def _name_nodes(self) -> dict[State, str]:
        """Return a name for each state; an id that is a name stays."""
        states = sorted(self._ways.exits)
        kept = {one["id"] for one in self._source.steps if ID.fullmatch(one["id"])}
        names: dict[State, str] = {}
        for state in states:
            wanted = self._id(state)
            if ID.fullmatch(wanted) is None:
                wanted = re.sub(r"[^a-z0-9_]", "_", f"n_{wanted.lower()}")[:50]
                self._remarks.note(self._id(state), "the node has another name than the step")
            elif state.is_target and State(state.step) in self._ways.exits:
                wanted = f"{wanted[:50]}_target"
            else:
                names[state] = wanted
                continue
            names[state] = _unused(wanted, kept)
            kept.add(names[state])
        return names

    def _end(self, last: Last, at: str) -> str:
        """Return the name of an end with the last output as its result."""
        if last not in self._ends:
            if last.kind == "many":
                self._remarks.problem(at, "the result depends on which steps are skipped before the end")
            taken = {*self._names.values(), *self._ends.values()}
            name = self._ends[last] = _unused("end", taken)
            outputs = {"step": f"$out.{self._names.get(last.state)}", "text": last.text.replace("$", "$$")}
            self._nodes[name] = {"kind": "end", "outcome": "success", "output": outputs.get(last.kind)}
            if last.kind == "failed":
                self._nodes[name] = {"kind": "end", "outcome": "failure"}
        return self._ends[last]

    # --- nodes ---------------------------------------------------------------------------------------------

    def _node(self, state: State) -> dict[str, Any]:
        step, at = self._source.steps[state.step], self._id(state)
        ways = edges(self._source, state, self._ways.exits[state], self._ways.last[state])
        exits = [self._exit(target, last, at) for target, last in ways]
        if step["type"] == "condition":
            return {"kind": "branch", "if": self._condition(step), "then": exits[0], "else": exits[1]}
        if step["type"] == "parallel":
            return self._parallel(step, exits[0])
        node = {"kind": "call", **self._work(step, at), "next": exits[0]}
        if can_skip(step):
            node["on_error"] = exits[1]
        return node

    def _exit(self, target: State, last: Last, at: str) -> str:
        if target == FAILED:
            return self._end(Last("failed"), at)
        return self._end(last, at) if target == END else self._names[target]

    def _condition(self, step: Members) -> str:
        if step["on_error"] == "skip":
            raise NotPossible("the engine continues with the next step of the list after an error in the condition")
        text, is_unusual = write_condition(step["condition"], self._references.in_condition)
        if is_unusual:
            self._remarks.note(step["id"], f"the engine groups from left to right: {text}")
        return text

    def _parallel(self, step: Members, following: str) -> dict[str, Any]:
        if step["on_error"] == "retry":
            raise NotPossible("the engine repeats all steps of a parallel")
        subs: dict[str, dict[str, Any]] = {}
        for sub in step["parallel_steps"]:
            at = f"{step['id']}.{sub['id']}"
            if ID.fullmatch(sub["id"]) is None:
                self._remarks.problem(at, "the id is a key of the output, so it must be a name of a flow")
            try:
                subs[sub["id"]] = self._work(sub, at) | ({"optional": True} if step["on_error"] == "skip" else {})
            except NotPossible as reason:
                self._remarks.problem(at, str(reason))
        node = {"kind": "parallel", "calls": subs, "next": following}
        if step["max_concurrency"] is not None:
            node["width"] = min(step["max_concurrency"], 64)
        return node

    # --- calls ---------------------------------------------------------------------------------------------

    def _work(self, step: Members, at: str) -> dict[str, Any]:
        """Return what a call and a sub have in common."""

        def note(what: str) -> None:
            self._remarks.note(at, what)

        if step["type"] == "llm":
            tool, given = self._model, {name: step[name] for name in ("prompt", "system") if step[name]}
        else:
            tool, given = step["tool"], step["args"]
            if tool == self._model:
                raise NotPossible(f"the tool {tool!r} has the name of the tool of models")
            if _has_variable(list(given.values())):
                note("the engine replaces variables only in whole arguments, not inside lists and maps")
        if ID.fullmatch(tool) is None:
            raise NotPossible(f"the tool {tool!r} is not a name of a flow")
        if not all(type(name) is str for name in given):
            raise NotPossible("the name of an argument is not a text")
        args = {name: self._references.template(value, note) for name, value in given.items()}
        self._tools.setdefault(tool, set()).update(args)
        return {"tool": tool, "args": args, **self._retry(step), **self._of_model(step, note)}

    def _retry(self, step: Members) -> dict[str, Any]:
        if step["on_error"] != "retry" or step["max_retries"] <= 1:
            return {}
        if step["max_retries"] > _MOST_ATTEMPTS:
            raise NotPossible(f"max_retries is {step['max_retries']}, at most {_MOST_ATTEMPTS} are possible")
        self._has_timers = True
        return {"retry": {"max_attempts": step["max_retries"], "backoff_ms": _FIRST_BACKOFF_MS}}

    def _of_model(self, step: Members, note: Any) -> dict[str, Any]:
        """Return the members of a call of a model for its outputs and its time."""
        found: dict[str, Any] = {}
        if step["allowed_outputs"] is not None:
            if step["on_error"] == "skip":
                raise NotPossible("the engine takes the first allowed output in the place of another one")
            if step["on_error"] == "retry":
                note("an output that is not allowed is not requested again")
            note("an output with blanks around an allowed one is not allowed")
            found["one_of"] = list(dict.fromkeys(step["allowed_outputs"]))
        if step["timeout_seconds"] is not None:
            if step["on_timeout"] == "fallback":
                raise NotPossible("the engine takes the first allowed output, or an empty text, after a timeout")
            found["timeout_ms"] = _milliseconds(step["timeout_seconds"])
            self._has_timers = True
        return found

    # --- limits --------------------------------------------------------------------------------------------

    def _limits(self) -> dict[str, int]:
        given, longest = self._source.program, self._ways.longest
        most = {name: range_[1] for name, range_ in RANGES.items()}
        limits = {name: most[name] for name in ("max_steps", "max_calls")}
        if longest is None:
            limits["max_visits"] = most["max_visits"]
            self._remarks.note("", "there is a cycle: the flow ends after 10,000 steps, or 1,000 that change nothing")
        if given["max_steps"] is not None and (longest is None or given["max_steps"] < longest):
            limits["max_steps"] = self._limit("max_steps", given["max_steps"])
            self._remarks.note("", "max_steps counts the end, and the steps of a parallel, too")
        limits["max_stalled"] = most["max_stalled"]
        if given["max_stalled_steps"] is not None:
            limits["max_stalled"] = self._limit("max_stalled", given["max_stalled_steps"])
            self._remarks.note("", "max_stalled counts the first step, and the targets of conditions, too")
        if given["max_tokens"] is not None:
            # the engine stops a step if the tokens are at the limit, a flow stops a call if they are above it
            limits["max_tokens"] = self._limit("max_tokens", given["max_tokens"] - 1)
        return limits

    def _limit(self, name: str, value: int) -> int:
        least, most = RANGES[name]
        if value < least:
            self._remarks.problem("", f"{name} lets no step run")
        if value > most:
            self._remarks.note("", f"{name} is {most:,} at most")
        return min(value, most)


def _unused(wanted: str, taken: set[str]) -> str:
    """Return a name that is not taken."""
    return wanted if wanted not in taken else next(_numbered(wanted, taken))


def _numbered(wanted: str, taken: set[str]) -> Iterator[str]:
    number = 2
    while True:
        if f"{wanted}_{number}" not in taken:
            yield f"{wanted}_{number}"
        number += 1


def _milliseconds(seconds: float) -> int:
    if not 0.001 <= seconds <= _MOST_MS / 1_000:
        raise NotPossible(f"timeout_seconds is {seconds}, expected 0.001 to {_MOST_MS // 1_000:,}")
    return round(seconds * 1_000)


def _has_variable(values: list[Any]) -> bool:
    """Return whether a text inside a list or a map looks like a variable."""
    todo = [one for one in values if isinstance(one, list | Mapping)]
    while todo:
        value = todo.pop()
        for item in value.values() if isinstance(value, Mapping) else value:
            if isinstance(item, list | Mapping):
                todo.append(item)
            elif isinstance(item, str) and re.search(r"\$\w", item):
                return True
    return False
