"""The requests of the vectors of the profile ``sandbox``: scripts for one ABI, and cases before they have an ABI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.sandbox_abi import ABIS, write_words
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, predict

__all__ = [
    "ANY",
    "ENDED",
    "FULL_STACK",
    "LIMITS",
    "SHORT",
    "STOPPED",
    "UNRESOLVED",
    "WIDE_ABIS",
    "Draft",
    "Script",
    "done",
    "runs",
    "slug",
]

LIMITS: Final[dict[str, Json]] = {"fuel": 1_000_000_000, "pages": 16, "table": 1_000, "ms": 10_000}
SHORT: Final[dict[str, Json]] = {**LIMITS, "fuel": 1_000_000, "ms": 40}
"""The limits of a call that does not end."""

ANY: Final[dict[str, Json]] = {"$": "any"}
UNRESOLVED: Final = tuple(f"unresolved:{what}" for what in ("module", "import", "export", "limit"))
STOPPED: Final = ("exhausted:fuel", "timeout")
ENDED: Final = ("exhausted:memory", "failed")
"""The outcomes of a call that a host ends because the memory would grow beyond the limit."""

FULL_STACK: Final = ("exhausted:stack", "failed:trap:stack-overflow", "failed", *STOPPED)
WIDE_ABIS: Final = ("memory", "wasi", "extism")
"""Those of hosts that can claim ``sandbox.wide``; the bridge has the language of ``wasm``."""

Expected = Prediction | Sequence[str | Prediction]


@dataclass(slots=True)
class Script:
    """The requests of one case to a host with one ABI.

    Attributes:
        abi: the ABI.
        steps: the requests so far.
    """

    abi: str
    steps: list[CaseStep] = field(default_factory=list)

    def run(
        self,
        probe: Build | bytes,
        expected: Expected,
        keep: str | None = None,
        limits: dict[str, Json] = LIMITS,
        rule: str | None = None,
        *,
        suspend: bool = False,
    ) -> Script:
        """Run a probe; ``keep`` names the handle of its instance, and ``suspend`` keeps the call."""
        module = probe if isinstance(probe, bytes) else probe(self.abi)
        instance: Json = None if keep is None else {"$": keep}
        args: dict[str, Json] = {"module": to_base64(module), "limits": limits, "grants": {}, "keep": keep is not None}
        args |= {"suspend": True} if suspend else {}
        return self._ask("sandbox.run", args, self._reported(expected, {"instance": instance}), rule)

    def unresolved(self, module: bytes) -> Script:
        """Run a defective module, which uses no fuel."""
        args: dict[str, Json] = {"module": to_base64(module), "limits": LIMITS, "grants": {}, "keep": False}
        report: dict[str, Json] = {"output": ANY, "used": 0, "instance": None}
        expected = _one_of([{"ok": {"outcome": outcome, **report}} for outcome in UNRESOLVED])
        return self._ask("sandbox.run", args, expected, None)

    def again(
        self,
        instance: str,
        expected: Expected,
        limits: dict[str, Json] = LIMITS,
        rule: str | None = None,
        *,
        suspend: bool = False,
    ) -> Script:
        """Call an instance again, or continue its call."""
        args: dict[str, Json] = {"instance": {"$": instance}, "limits": limits}
        args |= {"suspend": True} if suspend else {}
        return self._ask("sandbox.again", args, self._reported(expected, {}), rule)

    def copy(self, op: str, member: str, source: str, result: str, name: str, rule: str | None = None) -> Script:
        """Make a copy under a name: ``op`` takes ``member`` and answers with ``result``."""
        return self._ask(f"sandbox.{op}", {member: {"$": source}}, {"ok": {result: {"$": name}}}, rule)

    def snapshot(self, instance: str, name: str) -> Script:
        """Make a snapshot."""
        return self.copy("snapshot", "instance", instance, "snapshot", name)

    def resume(self, snapshot: str, name: str) -> Script:
        """Make an instance of a snapshot."""
        return self.copy("resume", "snapshot", snapshot, "instance", name)

    def export(self, snapshot: str, name: str, fuel: int | None) -> Script:
        """Export a snapshot with some fuel."""
        args: dict[str, Json] = {"snapshot": {"$": snapshot}, **({} if fuel is None else {"fuel": fuel})}
        return self._ask("sandbox.export", args, {"ok": {"bytes": {"$": name}}}, None)

    def too_much(self, snapshot: str, fuel: int) -> Script:
        """Export a snapshot with more fuel than is left."""
        args: dict[str, Json] = {"snapshot": {"$": snapshot}, "fuel": fuel}
        return self._ask("sandbox.export", args, {"refused": "exhausted"}, None)

    def close(self, handle: str) -> Script:
        """Drop a copy."""
        return self._ask("sandbox.close", {"handle": {"$": handle}}, {"ok": {}}, None)

    def missing(self, op: str, member: str, handle: str, rule: str | None = None) -> Script:
        """Use a handle that is not valid."""
        args: dict[str, Json] = {member: {"$": handle}}
        if op == "again":
            args["limits"] = LIMITS
        return self._ask(f"sandbox.{op}", args, {"refused": "missing"}, rule)

    def _ask(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None) -> Script:
        self.steps.append(CaseStep(op, args, expect, rule))
        return self

    def _reported(self, expected: Expected, more: dict[str, Json]) -> dict[str, Json]:
        forms: list[dict[str, Json]] = []
        for one in [expected] if isinstance(expected, Prediction) else expected:
            output: Json = ANY
            if isinstance(one, Prediction) and one.outcome == "done":
                output = to_base64(write_words(self.abi, one.words))
            names = _spelled(one.outcome) if isinstance(one, Prediction) else (one,)
            forms += [{"ok": {"outcome": name, "output": output, "used": ANY, **more}} for name in names]
        return _one_of(forms)


def _spelled(outcome: str) -> tuple[str, ...]:
    """Return the outcomes that a host may report, whether or not it names traps."""
    if outcome == "failed:trap:stack-overflow":
        return FULL_STACK
    return (outcome, "failed") if outcome.startswith("failed:trap:") else (outcome,)


def _one_of(expected: list[dict[str, Json]]) -> dict[str, Json]:
    return expected[0] if len(expected) == 1 else {"any": expected}


@dataclass(frozen=True, slots=True)
class Draft:
    """A case before it has an ABI.

    Attributes:
        name: topic and slug.
        rules: the rules that it tests.
        write: writes its requests.
        features: what it needs, without ``sandbox.``.
        abis: the ABIs in which it is possible.
        comment: what it shows.
    """

    name: str
    rules: tuple[str, ...]
    write: Callable[[Script], Script]
    features: tuple[str, ...] = ()
    abis: tuple[str, ...] = ABIS
    comment: str = ""

    def case(self, abi: str) -> Case:
        """Return the case for an ABI."""
        topic, slug = self.name.split("/")
        needed = tuple(f"sandbox.{feature}" for feature in (f"abi.{abi}", *self.features))
        requires = Requires((), needed, ("sandbox",))
        rules = tuple(f"sandbox.{rule}" for rule in self.rules)
        steps = tuple(self.write(Script(abi)).steps)
        return Case(f"sandbox/{topic}/{abi}-{slug}", rules, requires, steps, comment=self.comment)


def runs(*runs: tuple[Any, ...]) -> Callable[[Script], Script]:
    """Return what writes some runs: of a probe, what is expected, and perhaps the limits."""

    def write(script: Script) -> Script:
        for probe, expected, *limits in runs:
            script.run(probe, expected, limits=limits[0] if limits else LIMITS)
        return script

    return write


def slug(words: str) -> str:
    return "-".join("".join(each if each.isalnum() else " " for each in words.lower()).split())


def done(name: str, build: Build, *rules: str) -> Draft:
    """Return a case of one run, which ends as the interpreter says."""
    return Draft(name, rules, runs((build, predict(build)[0])))
