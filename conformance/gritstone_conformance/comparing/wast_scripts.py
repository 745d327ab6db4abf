"""Scripts of the official WebAssembly test suite, in the JSON form that ``wast2json`` writes, as runs of a sandbox.

Each module runs with an added entry that calls its functions with the constants of the script. An assertion that
cannot be made into such a run is counted with its reason.

Spec: ``sandbox/abi``, ``sandbox/outcomes``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.running.ledger import RunSubject
from gritstone_conformance.strategies.sandbox_abi import read_words
from gritstone_conformance.strategies.wast_modules import Call, Foreign, UnreadableError

__all__ = ["Check", "ScriptResult", "read_script", "run_script"]

PAGES: Final = 1_024
_LIMITS: Final[dict[str, Json]] = {"fuel": 1_000_000_000, "pages": PAGES, "table": 1_000_000, "ms": 10_000}
_GROUP: Final = 100  # results that one run emits
_TYPES: Final = ("i32", "i64", "f32", "f64")
_MOST_BYTES: Final = 64 << 20  # of a script or a module
_TRAPS: Final = {
    "integer divide by zero": ("divide-by-zero",),
    "integer overflow": ("unrepresentable",),
    "invalid conversion to integer": ("unrepresentable",),
    "out of bounds memory access": ("memory-bounds",),
    "out of bounds table access": ("table-bounds",),
    "undefined element": ("table-bounds", "indirect-call"),
    "undefined": ("table-bounds", "indirect-call"),
    "uninitialized element": ("indirect-call",),
    "uninitialized": ("indirect-call",),
    "indirect call type mismatch": ("indirect-call",),
    "indirect call": ("indirect-call",),
    "unreachable": ("unreachable",),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One run, and what it has to show.

    Attributes:
        lines: the lines of the assertions in the script.
        calls: of the entry.
        values: the expected results, each a type and a text, for each line.
        outcomes: the outcomes or classes that are accepted.
        module: the probe.
        foreign: the module that the script contains, or None if it is defective.
    """

    lines: tuple[int, ...]
    calls: tuple[Call, ...]
    values: tuple[tuple[tuple[str, str], ...], ...]
    outcomes: tuple[str, ...]
    module: bytes
    foreign: Foreign | None = None


@dataclass(slots=True)
class ScriptResult:
    """The result of one script.

    Attributes:
        passed: how many assertions passed.
        failures: the line and a description of each failure.
        refused: assertions about modules that the host does not run and does not have to run.
        skipped: reason to number of assertions that are not expressed.
    """

    passed: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


class _SkipError(Exception):
    """An assertion that is not expressed: the reason."""


class _Reader:
    """The state of one script: its current module, and what was called."""

    def __init__(self, folder: Path, skipped: Counter[str]) -> None:
        self.folder = folder
        self.skipped = skipped
        self.module: Foreign | str = "no module"
        self.history: list[Call] = []
        self.lost: str | None = None
        self.pending: list[tuple[int, Call, tuple[tuple[str, str], ...]]] = []

    def read(self, command: dict[str, Json]) -> Iterator[Check]:
        """Yield the checks of one command, after those that were pending before it."""
        kind = str(command.get("type"))
        if kind == "assert_return":
            if sum(len(values) for _, _, values in self.pending) + len(command.get("expected", ())) > _GROUP:
                yield from self.flush()
            self._returns(command)
            return
        if kind == "action":
            yield from self.flush()
            self._acts(command)
            return
        if kind in ("assert_trap", "assert_exhaustion", "module"):
            yield from self.flush()
        try:
            check = self._check(command, kind)
        except (_SkipError, UnreadableError) as reason:
            self.skipped[str(reason)] += 1
        else:
            if check is not None:
                yield check

    def _check(self, command: dict[str, Json], kind: str) -> Check | None:
        """Return the check of a command that is not about results."""
        match kind:
            case "module":
                return self._begin(command)
            case "assert_trap" | "assert_exhaustion":
                return self._ends(command, kind)
            case "assert_invalid" | "assert_malformed":
                return self._defective(command)
            case "assert_uninstantiable":
                return self._alone(command, self._foreign(command), ("unresolved", "failed", "exhausted"))
            case _ if kind.startswith("assert_"):
                raise _SkipError(f"{kind} needs several modules")
        return None

    def flush(self) -> Iterator[Check]:
        """Yield the check of the pending results."""
        pending, self.pending = self.pending, []
        if not pending:
            return
        assert isinstance(self.module, Foreign)
        calls = [*self.history, *(call for _, call, _ in pending)]
        if self.module.has_state:
            self.history += [_silent(call) for _, call, _ in pending]
        try:
            probe = self.module.probe(calls)
        except UnreadableError as reason:
            self.skipped[str(reason)] += len(pending)
            return
        lines, values = tuple(line for line, _, _ in pending), tuple(values for _, _, values in pending)
        yield Check(lines, tuple(calls), values, ("done",), probe, self.module)

    def _begin(self, command: dict[str, Json]) -> Check:
        self.history, self.lost = [], None
        self.module = "the module has no binary form"
        try:
            self.module = self._foreign(command)
        except (_SkipError, UnreadableError) as reason:
            self.module = str(reason)
            raise
        return self._alone(command, self.module, ("done",))

    def _foreign(self, command: dict[str, Json]) -> Foreign:
        foreign = Foreign.read(self._bytes(command))
        if foreign.imports:
            raise _SkipError("the module imports something")
        if foreign.defines_memory and not foreign.has_memory:
            raise _SkipError("the memory has no page for the output")
        return foreign

    def _bytes(self, command: dict[str, Json]) -> bytes:
        if command.get("module_type", "binary") != "binary" or not command.get("filename"):
            raise _SkipError("the module is in the text form")
        path = self.folder / Path(str(command["filename"])).name
        return _content(path)

    def _alone(self, command: dict[str, Json], foreign: Foreign, outcomes: tuple[str, ...]) -> Check:
        return Check((command["line"],), (), ((),), outcomes, foreign.probe(()), foreign)

    def _returns(self, command: dict[str, Json]) -> None:
        try:
            values = tuple((str(each["type"]), str(each.get("value"))) for each in command["expected"])
            self.pending.append((command["line"], self._call(command), values))
        except (_SkipError, UnreadableError) as reason:
            self.skipped[str(reason)] += 1
            self.lost = self.lost or "an earlier call is not expressed"

    def _acts(self, command: dict[str, Json]) -> None:
        """Remember a call whose results are not checked."""
        try:
            self.history.append(_silent(self._call(command)))
        except (_SkipError, UnreadableError):
            self.lost = self.lost or "an earlier call is not expressed"

    def _ends(self, command: dict[str, Json], kind: str) -> Check:
        call = _silent(self._call(command))
        assert isinstance(self.module, Foreign)
        check_calls = (*self.history, call)
        if self.module.has_state:
            self.lost = "an earlier call of the same instance trapped"
        outcomes: tuple[str, ...] = ("exhausted", "failed:trap:stack-overflow", "failed", "timeout")
        if kind == "assert_trap":
            names = _TRAPS.get(str(command["text"]))
            outcomes = ("failed:trap",) if names is None else tuple(f"failed:trap:{name}" for name in names)
        return Check((command["line"],), check_calls, ((),), outcomes, self.module.probe(check_calls), self.module)

    def _defective(self, command: dict[str, Json]) -> Check:
        data, text = self._bytes(command), str(command["text"])
        if text.startswith("unknown ") and not text.startswith(("unknown memory", "unknown global", "unknown table")):
            raise _SkipError("an added entry could make the module valid")
        with suppress(UnreadableError):  # then it is sent as it is
            data = Foreign.read(data).probe((), adds_memory="memory" not in text, keeps_exports=True)
        return Check((command["line"],), (), ((),), ("unresolved",), data)

    def _call(self, command: dict[str, Json]) -> Call:
        action = command["action"]
        if isinstance(self.module, str):
            raise _SkipError(self.module)
        if "module" in action:
            raise _SkipError("the call is of another module")
        if self.module.has_state and self.lost:
            raise _SkipError(self.lost)
        arguments = [(each["type"], each["value"]) for each in action.get("args", ())]
        results = tuple(each["type"] for each in command["expected"])
        for kind in (*results, *(kind for kind, _ in arguments)):
            if kind not in _TYPES:
                raise _SkipError(f"a value of type {kind}")
        name = action["field"].encode("utf-8", "surrogatepass")
        call = Call(
            name,
            tuple((kind, int(value)) for kind, value in arguments),
            results,
            is_global=action["type"] == "get",
        )
        if name not in self.module.exports():
            raise _SkipError("the export does not exist")
        return call


def _silent(call: Call) -> Call:
    return Call(call.name, call.arguments, call.results, emits=False, is_global=call.is_global)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: larger than {_MOST_BYTES} bytes")
        return path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem


def read_script(path: Path, skipped: Counter[str]) -> Iterator[Check]:
    """Yield the checks of a script; what is not expressed is counted by its reason.

    Raises:
        UsageError: the file is not the JSON form of a script, or a module of it is missing.
    """
    try:
        commands = json.loads(_content(path))["commands"]
        reader = _Reader(path.parent, skipped)
        for command in commands:
            yield from reader.read(command)
        yield from reader.flush()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise UsageError(f"{path}: not a script in the JSON form of wast2json: {problem!r}") from problem


def run_script(path: Path, subject: RunSubject, *, traps: bool) -> ScriptResult:
    """Run a script in a sandbox.

    Args:
        path: of its JSON form.
        subject: a host that claims the ABI ``memory``.
        traps: whether the host names traps.
    """
    result = ScriptResult()
    for check in read_script(path, result.skipped):
        _judge(check, subject, result, traps=traps)
    return result


def _judge(check: Check, subject: RunSubject, result: ScriptResult, *, traps: bool) -> None:
    args = {"module": to_base64(check.module), "limits": _LIMITS, "grants": {}, "keep": False}
    try:
        reply = subject.ask("sandbox.run", args)
    except SubjectFault as fault:
        result.failures += [(line, f"no reply: {fault}") for line in check.lines]
        return
    if not isinstance(reply, Ok):
        result.failures += [(line, f"no outcome: {reply}"[:200]) for line in check.lines]
        return
    outcome = str(reply.value["outcome"])
    if not _accepted(outcome, check.outcomes, traps=traps):
        if _is_refusal(outcome) and check.foreign is not None and not _in_floor(check):
            result.refused += len(check.lines)
            return
        wanted = " or ".join(check.outcomes)
        result.failures += [(line, f"expected {wanted}, got {outcome}") for line in check.lines]
        return
    if check.outcomes == ("done",):
        _compare(check, read_words("memory", from_base64(str(reply.value["output"]))), result)
    else:
        result.passed += 1


def _compare(check: Check, words: Sequence[int] | None, result: ScriptResult) -> None:
    wanted = sum(map(len, check.values))
    if words is None or len(words) != wanted:
        result.failures += [(line, f"expected {wanted} words") for line in check.lines]
        return
    rest = iter(words)
    for line, values in zip(check.lines, check.values, strict=True):
        found = zip(values, islice(rest, len(values)), strict=True)
        wrong = [(kind, value, word) for (kind, value), word in found if not _equal(kind, value, word)]
        if wrong:
            kind, value, word = wrong[0]
            result.failures.append((line, f"expected {kind} {value}, got {word}"))
        else:
            result.passed += 1


def _equal(kind: str, value: str, word: int) -> bool:
    """Return whether the bits are those of a value; a NaN is compared by its class."""
    if not value.startswith("nan:"):
        return word == int(value)
    quiet, exponent = (1 << 22, 0xFF << 23) if kind == "f32" else (1 << 51, 0x7FF << 52)
    bits = word & (exponent | (exponent & -exponent) - 1)
    if value == "nan:canonical":
        return bits == exponent | quiet
    return bits & (exponent | quiet) == exponent | quiet


def _accepted(outcome: str, outcomes: Sequence[str], *, traps: bool) -> bool:
    for each in outcomes:
        if outcome == each or outcome.startswith(f"{each}:"):
            return True
        if each.startswith("failed:trap") and not traps and outcome == "failed":
            return True
    return False


def _is_refusal(outcome: str) -> bool:
    return outcome.startswith("unresolved") or outcome in ("exhausted:memory", "exhausted:table")


def _in_floor(check: Check) -> bool:
    """Return whether every host has to run this module."""
    assert check.foreign is not None
    try:
        admit(check.foreign.probe(check.calls, for_model=True), "wit", PAGES)
    except NotAdmitted:
        return False
    return True
