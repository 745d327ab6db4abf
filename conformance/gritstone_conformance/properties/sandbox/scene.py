"""Calls of probes in the host under test, and what a property reads of their reports.

Spec: ``sandbox/abi``, ``sandbox/limits``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict, Unpack

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.sandbox_abi import ABIS, read_words, write_words
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction
from gritstone_conformance.trial import Property, PropertyOptions, SubjectLike, Trial

__all__ = ["ENOUGH", "LIMITS", "Report", "SandboxScene", "limits", "of_sandboxes"]

ENOUGH: Final = 1_000_000_000
"""Units of fuel that are enough for each probe that is not about fuel, in the units of any host."""

LIMITS: Final[dict[str, Json]] = {"fuel": ENOUGH, "pages": 16, "table": 10_000, "ms": 10_000}
"""The limits of a call that is not about limits."""

_SHORT: Final[dict[str, Json]] = {**LIMITS, "fuel": 1_000_000, "ms": 40}
"""The limits of a call that does not end by itself."""


_ANY: Final[dict[str, Json]] = {"$": "any"}
_COST: Final = 15  # vectors take as long as a usual property of sandboxes
_STACK: Final = ("exhausted:stack", "failed:trap:stack-overflow")


def limits(**changed: Json) -> dict[str, Json]:
    """Return :data:`LIMITS` with some of them changed."""
    return {**LIMITS, **changed}


def _limits_for(outcomes: Sequence[str]) -> dict[str, Json]:
    """Return short limits if they may end the call, so that a busy host has time for any other call."""
    return _SHORT if "timeout" in outcomes else LIMITS


NO_GRANTS: Final[dict[str, Json]] = {}


class _How(TypedDict, total=False):
    """How a call is sent and judged.

    Attributes:
        rule: the rule that it judges.
        on: another process of the host.
        files: the files after the call, if files were granted.
        suspend: whether the call is kept if its fuel is spent.
        or_ends: further outcomes that are right.
    """

    rule: str
    on: SubjectLike | None
    files: dict[str, Json]
    suspend: bool
    or_ends: Sequence[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What a host reports of one call.

    Attributes:
        outcome: as in the table of outcomes.
        words: what the probe emitted; None if the output is no sequence of words.
        used: units of fuel; None without the feature.
        instance: its handle, or None.
    """

    outcome: str
    words: tuple[int, ...] | None
    used: int | None
    instance: str | None

    @property
    def kind(self) -> str:
        """The class of the outcome."""
        return self.outcome.split(":")[0]


class SandboxScene:
    """The host under test, as a property of ``sandbox`` sees it.

    Attributes:
        trial: the trial.
        abi: the ABI of its probes: the first one that the host claims, unless a property is about another.
    """

    def __init__(self, trial: Trial, abi: str | None = None) -> None:
        self.trial = trial
        self.abi = abi or next(name for name in ABIS if f"sandbox.abi.{name}" in trial.claims.features)
        self._modules: dict[Build, str] = {}  # a probe is assembled once

    def claims(self, feature: str) -> bool:
        """Return whether the host claims ``sandbox.<feature>``."""
        return f"sandbox.{feature}" in self.trial.claims.features

    def run(
        self,
        build: Build,
        within: dict[str, Json] = LIMITS,
        *,
        grants: dict[str, Json] = NO_GRANTS,
        on: SubjectLike | None = None,
    ) -> Report:
        """Run a probe that is made for the ABI of this host."""
        args: dict[str, Json] = {"module": self._made(build), "limits": within, "grants": grants, "keep": False}
        return self._read(self._value("sandbox.run", args, on))

    def run_module(
        self,
        module: bytes,
        within: dict[str, Json] = LIMITS,
        *,
        grants: dict[str, Json] = NO_GRANTS,
        on: SubjectLike | None = None,
    ) -> Report:
        """Run a module as it is."""
        args: dict[str, Json] = {"module": to_base64(module), "limits": within, "grants": grants, "keep": False}
        return self._read(self._value("sandbox.run", args, on))

    def again(self, instance: str, within: dict[str, Json] = LIMITS, *, on: SubjectLike | None = None) -> Report:
        """Call the entry of a kept instance once more."""
        return self._read(self._value("sandbox.again", {"instance": instance, "limits": within}, on))

    def snapshot(self, instance: str, *, on: SubjectLike | None = None) -> str:
        """Return the handle of a new snapshot of an instance."""
        return str(self._value("sandbox.snapshot", {"instance": instance}, on)["snapshot"])

    def resume(self, snapshot: str, *, on: SubjectLike | None = None) -> str:
        """Return the handle of a new instance of a snapshot."""
        return str(self._value("sandbox.resume", {"snapshot": snapshot}, on)["instance"])

    def export(self, snapshot: str, *, fuel: int | None = None, on: SubjectLike | None = None) -> bytes:
        """Return a snapshot as bytes, which carry units of fuel."""
        args: dict[str, Json] = {"snapshot": snapshot} if fuel is None else {"snapshot": snapshot, "fuel": fuel}
        return from_base64(str(self._value("sandbox.export", args, on)["bytes"]))

    def import_(self, data: bytes, *, on: SubjectLike | None = None) -> str:
        """Return the handle of the snapshot that these bytes contain."""
        return str(self._value("sandbox.import", {"bytes": to_base64(data)}, on)["snapshot"])

    def close(self, handle: str, *, on: SubjectLike | None = None) -> None:
        """Drop an instance or a snapshot."""
        self._value("sandbox.close", {"handle": handle}, on)

    def running(
        self,
        build: Build,
        expected: Prediction,
        within: dict[str, Json] = LIMITS,
        *,
        keep: bool = False,
        grants: dict[str, Json] = NO_GRANTS,
        **how: Unpack[_How],
    ) -> Report:
        """Run a probe whose end and words are known."""
        args: dict[str, Json] = {"module": self._made(build), "limits": within, "grants": grants, "keep": keep}
        return self._expect("sandbox.run", args, expected, {"instance": _ANY if keep else None}, how)

    def calling(
        self,
        instance: str | None,
        expected: Prediction,
        within: dict[str, Json] = LIMITS,
        **how: Unpack[_How],
    ) -> Report:
        """Call an instance again, whose end and words are known."""
        return self._expect("sandbox.again", {"instance": instance, "limits": within}, expected, {}, how)

    def calling_if_kept(self, instance: str, expected: Prediction) -> bool:
        """Call an instance that the host may have dropped, and return whether it has not."""
        words = to_base64(write_words(self.abi, expected.words))
        done: Json = {"ok": {"outcome": expected.outcome, "output": words, "used": _ANY}}
        args: dict[str, Json] = {"instance": instance, "limits": LIMITS}
        form: Json = {"any": [done, {"refused": "missing"}]}
        return "outcome" in self.trial.expect("sandbox.again", args, form)

    def ending(
        self,
        build: Build,
        outcomes: Sequence[str],
        *,
        keep: bool = False,
        rule: str | None = None,
    ) -> Report:
        """Run a probe that ends in one of several ways, whatever it emits."""
        within = _limits_for(outcomes)
        args: dict[str, Json] = {"module": self._made(build), "limits": within, "grants": {}, "keep": keep}
        return self._ends("sandbox.run", args, outcomes, {"instance": _ANY if keep else None}, rule)

    def ending_again(self, instance: str, outcomes: Sequence[str], *, rule: str | None = None) -> Report:
        """Call an instance that ends in one of several ways."""
        return self._ends("sandbox.again", {"instance": instance, "limits": _limits_for(outcomes)}, outcomes, {}, rule)

    def _ends(
        self, op: str, args: dict[str, Json], outcomes: Sequence[str], more: dict[str, Json], rule: str | None
    ) -> Report:
        forms = [{"ok": {"outcome": one, "output": _ANY, "used": _ANY, **more}} for one in outcomes]
        return self._read(self.trial.expect(op, args, {"any": forms}, rule=rule))

    def _expect(self, op: str, args: dict[str, Json], expected: Prediction, more: dict[str, Json], how: _How) -> Report:
        if "files" in how:
            more = {**more, "files": how["files"]}
        if "suspend" in how:
            args = {**args, "suspend": how["suspend"]}
        output: Json = _ANY
        if expected.outcome == "done":
            output = to_base64(write_words(self.abi, expected.words))
        forms = [{"ok": {"outcome": one, "output": output, "used": _ANY, **more}} for one in self._names(expected)]
        forms += [{"ok": {"outcome": one, "output": _ANY, "used": _ANY, **more}} for one in how.get("or_ends", ())]
        form = forms[0] if len(forms) == 1 else {"any": forms}
        return self._read(self.trial.expect(op, args, form, rule=how.get("rule"), on=how.get("on")))

    def _made(self, build: Build) -> str:
        if build not in self._modules:
            self._modules[build] = to_base64(build(self.abi))
        return self._modules[build]

    def _names(self, expected: Prediction) -> list[str]:
        """Return the outcomes that mean what was predicted on this host."""
        outcome = expected.outcome
        if outcome.startswith("failed:trap:") and not self.claims("traps"):
            return ["failed", *(["exhausted:stack"] if outcome in _STACK else [])]
        return [*_STACK] if outcome in _STACK else [outcome]

    def _value(self, op: str, args: dict[str, Json], on: SubjectLike | None) -> dict[str, Json]:
        return self.trial.expect(op, args, {"ok": {"$": "any"}}, on=on)

    def _read(self, value: dict[str, Any]) -> Report:
        output = from_base64(value["output"])
        words = read_words(self.abi, output)
        return Report(value["outcome"], None if words is None else tuple(words), value["used"], value.get("instance"))


def of_sandboxes(
    name: str,
    body: Callable[..., None],
    *rules: str,
    features: tuple[str, ...] = (),
    abi: str | None = None,
    given: Any = None,
    **options: Unpack[PropertyOptions],
) -> Property:
    """Return a property of sandboxes.

    Args:
        name: profile, topic and slug.
        body: takes the scene and what ``given`` draws.
        rules: the rules it judges.
        features: those it needs, without ``sandbox.``.
        abi: the ABI of its probes, which the host must claim; None for the first one that it claims.
        given: keyword -> strategy, or None.
        options: as in :class:`Property`.
    """

    def run(trial: Trial, **drawn: Any) -> None:
        body(SandboxScene(trial, abi), **drawn)

    options.setdefault("cost", _COST)
    needed = features if abi is None else (f"abi.{abi}", *features)
    requires = Requires((), tuple(f"sandbox.{feature}" for feature in needed), ("sandbox",))
    return Property(name, rules, run, given, requires, **options)
