"""A trial: one example of a property, run on a live subject and compared with the model.

A property calls :meth:`Trial.expect` for each request, giving what the model says the answer must be. The first wrong
answer raises :class:`Divergence`, which carries the requests so far as the steps of a case: so each failure that
Hypothesis shrinks *is* a vector, replayable in any language without Python.

This module decides how properties talk; ``subject`` owns the process, ``judge`` compares, ``properties`` say what
to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeAlias, TypedDict

from gritstone_conformance.cases import Requires, Step
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.judge import Difference, compare
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply
from gritstone_conformance.results.surroundings import Level, surroundings

__all__ = ["Asked", "Divergence", "Property", "PropertyOptions", "SubjectLike", "Trial"]


_UNITS_A_SECOND: Final = 100_000_000  # that a guest is given time for


Asked: TypeAlias = (
    tuple[str, dict[str, Json], dict[str, Json]] | tuple[str, dict[str, Json], dict[str, Json], str | None]
)
"""A request with what is expected of its reply, and perhaps the rule that this judges."""


class SubjectLike(Protocol):
    """What a trial needs of a subject; ``subject.Subject`` is the real one."""

    claims: Claims

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request and return its reply; raises SubjectFault."""

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Send requests pipelined within the window and return replies in order; raises SubjectFault."""

    def allow_guests(self, seconds: float) -> None:
        """Add so many seconds to the deadline of each transition and query from now on."""

    def kill(self) -> None:
        """SIGKILL the process group now; the next ``ask`` starts a fresh process."""

    def strike(self) -> None:
        """SIGKILL the process group and clear nothing away: from another thread, while requests are unanswered."""

    def close(self) -> None:
        """Send bye and wait for the end; kill what is left."""

    def peak_rss_bytes(self) -> int | None:
        """Return the peak resident size of the process since the last reset, or None where it cannot be read."""

    def reset_peak_rss(self) -> bool:
        """Start a new peak; returns whether this machine can."""

    def cpu_seconds(self) -> float | None:
        """Return the processor time that the process has used so far, or None where it cannot be read."""


class Divergence(Exception):  # noqa: N818 - a finding, not an error
    """The implementation answered wrongly.

    Attributes:
        difference: the first difference.
        steps: all requests of the example so far, with the model's expectations; the last one failed.
        rule: the rule that is broken.
        replayable: whether the steps alone, in one process, show the fault again.
        around: what is next to the difference in the answer, for people.
        history: the part of a history around the fault, for people, or None.
        remark: what else a report says, or None.
    """

    def __init__(
        self,
        difference: Difference,
        steps: Sequence[Step],
        rule: str,
        *,
        replayable: bool = True,
        around: Sequence[Level] = (),
        history: dict[str, Json] | None = None,
    ) -> None:
        super().__init__(f"{rule}: {difference.signature}")
        self.difference = difference
        self.steps = tuple(steps)
        self.rule = rule
        self.replayable = replayable
        self.around = tuple(around)
        self.history = history
        self.remark: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One registered property.

    Attributes:
        name: its case name, ``<profile>/<topic>/<slug>``.
        rules: the rules it judges; ``rules[0]`` is blamed unless a step names another.
        body: ``body(trial, **drawn)``.
        given: keyword -> Hypothesis strategy, or a function of Claims that returns such a mapping; empty: runs once.
        requires: claims it needs.
        kind: ``property``, ``machine``, ``crash`` or ``wire``; for the report and the budget of examples.
        examples: examples in the profile ``gate`` (None: the profile's own number).
        search_only: whether it runs in the profile ``search`` only, since it takes long or depends on luck.
        cost: what it costs in ``gate``, in vectors, so that jobs get equal shares (None: what its kind costs).
        reach: situation -> the least share of the examples in ``gate`` that must come into it.
    """

    name: str
    rules: tuple[str, ...]
    body: Callable[..., None]
    given: Any = None
    requires: Requires = field(default_factory=Requires)
    kind: str = "property"
    examples: int | None = None
    search_only: bool = False
    cost: float | None = None
    reach: Mapping[str, float] = field(default_factory=dict)


class PropertyOptions(TypedDict, total=False):
    """Members of :class:`Property` that registrations pass on as they are."""

    kind: str
    examples: int | None
    search_only: bool
    cost: float | None
    reach: Mapping[str, float]


class Trial:
    """One example: asks, compares, keeps the trace, cleans up.

    Every store handle opened through it is closed at the end, every extra process ended, every directory removed.

    Attributes:
        remark: what a report says about the case where it passes, or None.
        reached: the situations that this example reached.
    """

    def __init__(
        self,
        subject: SubjectLike,
        rule: str,
        spawn: Callable[[], SubjectLike] | None = None,
        instead: Callable[[Asked], Sequence[Asked]] | None = None,
    ) -> None:
        self.subject = subject
        self.claims = subject.claims
        self.steps: list[Step] = []
        self.bindings: dict[str, Json] = {}
        self.remark: str | None = None
        self.reached: set[str] = set()
        self._rule = rule
        self._spawn = spawn
        self._instead = instead
        self._extra: list[SubjectLike] = []
        self._roots: dict[str, str] = {}  # absolute directory -> the name that stands for it in a case
        self._handles: list[str] = []
        self._replayable = True
        self._message: str | None = None  # of the last refusal, as long as nothing else was observed

    def expect(
        self,
        op: str,
        args: dict[str, Json],
        expect: dict[str, Json],
        *,
        rule: str | None = None,
        on: SubjectLike | None = None,
    ) -> dict[str, Json]:
        """Send one request and hold its reply against ``expect``.

        Args:
            op: the operation.
            args: its arguments, with nothing left to substitute.
            expect: an expectation in the language of cases.
            rule: the rule this step judges; default: the property's first.
            on: another process of the same command; such a trace cannot be replayed as one case.

        Returns:
            The ``ok`` object, or an empty dict for an expected refusal.

        Raises:
            Divergence: the reply is not what is expected.
            SubjectFault: the implementation broke.
        """
        return self.expect_many([(op, args, expect)], rule=rule, on=on)[0]

    def expect_many(
        self, requests: Sequence[Asked], *, rule: str | None = None, on: SubjectLike | None = None
    ) -> list[dict[str, Json]]:
        """Send several requests pipelined; compares in order and raises on the first difference.

        A request is ``(op, args, expect)``, or has a fourth member: the rule that its step judges.
        """
        if self._instead is None:
            return self._expect_each(requests, rule, on)
        values = []
        for request in requests:
            made = self._expect_each(list(self._instead(request)), rule, on)
            values.append(made[-1] if made else {})
        return values

    def _expect_each(
        self, requests: Sequence[Asked], rule: str | None, on: SubjectLike | None
    ) -> list[dict[str, Json]]:
        target, self._message = self._target(on), None
        try:
            replies = target.ask_many([(request[0], request[1]) for request in requests])
        except SubjectFault as fault:
            self.steps += [self._step(request, rule) for request in requests[: fault.request + 1]]
            raise
        values = []
        for request, reply in zip(requests, replies, strict=True):
            op, args, expect, *_ = request
            judged = _judged(request, rule)
            self._note_kind(op, expect)
            self.steps.append(Step(op, self._portable(args), expect, judged))
            self._note_handle(op, args)
            difference = compare(expect, reply, self.bindings)
            if difference is not None:
                raise self._divergence(difference, judged, around=surroundings(reply, difference.path))
            values.append(reply.value if isinstance(reply, Ok) else {})
        return values

    def observe(self, op: str, args: dict[str, Json], *, on: SubjectLike | None = None) -> Reply:
        """Send one request whose answer the property judges itself; follow with :meth:`fail` where it is wrong."""
        self.steps.append(Step(op, self._portable(args), {"ok": {"$": "any"}}))
        reply = self._target(on).ask(op, args)
        self._message = reply.message if isinstance(reply, Refused) else None
        self._note_handle(op, args)
        return reply

    def observe_apart(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Send requests pipelined that no case can hold; the property judges the replies itself."""
        self._replayable = False
        return self.subject.ask_many(requests)

    def fail(
        self,
        expected: Json,
        got: Json,
        *,
        path: str = "",
        words: str,
        rule: str | None = None,
        history: dict[str, Json] | None = None,
    ) -> NoReturn:
        """Raise a Divergence that the property found itself.

        Args:
            expected: what should be there.
            got: what is there.
            path: where.
            words: its signature, free of ids.
            rule: the rule that is broken; default: the property's first.
            history: where it was found in a history, the extract around it.
        """
        raise self._divergence(Difference(path, expected, got, words, self._message), rule, history=history)

    def fail_slow(self, times: float, least_s: float, took_s: float, *, words: str) -> None:
        """Raise a Divergence for what takes more than ``times`` as long as it should; says how to be sure."""
        expected = f"less than {times} x {least_s:.6f} s"
        self.fail(expected, f"{took_s:.6f} s; if the machine had other work, ask again while it rests", words=words)

    def reach(self, situation: str, here: object = True) -> None:
        """Record that this example reached a situation, if ``here``; what follows from draws and model alone.

        Of each request that is expected to be accepted or refused this is said already, as ``grit.cas refused``.

        Spec: :rule:`suite.property.reach`.
        """
        if here:
            self.reached.add(situation)

    def spends(self, units: int) -> None:
        """Announce that guests will spend so many units in each call from now on, which takes time; 0: as usual."""
        self.subject.allow_guests(units / _UNITS_A_SECOND)

    def spawn(self) -> SubjectLike:
        """Start another process of the same command; it is ended with the trial."""
        if self._spawn is None:
            raise RuntimeError("this trial cannot start processes")
        process = self._spawn()
        self._extra.append(process)
        self._replayable = False
        return process

    def directory(self) -> str:
        """Return a fresh, empty, absolute directory that is removed with the trial."""
        return self._fresh("dir")

    def path(self) -> str:
        """Return an absolute path of a file that does not exist yet, in a fresh directory."""
        return str(Path(self._fresh("path")) / "file")

    def finish(self) -> None:
        """Close handles, end extra processes, remove directories; never raises for the subject's faults."""
        handles, self._handles = self._handles, []
        try:
            for process in self._extra:
                process.close()
            if handles:
                self.subject.ask_many([("grit.close", {"store": handle}) for handle in handles])
        except SubjectFault:
            pass  # the subject keeps it among its faults, which the caller checks
        finally:
            for root in self._roots:
                remove_folder(root)

    @property
    def is_replayable(self) -> bool:
        """Whether the steps alone, in one process, show again what happened."""
        return self._replayable

    def _step(self, request: Asked, rule: str | None) -> Step:
        op, args, expect, *_ = request
        return Step(op, self._portable(args), expect, _judged(request, rule))

    def _fresh(self, word: str) -> str:
        root = fresh_folder()
        used = sum(1 for name in self._roots.values() if name.split("-")[0] == word)
        self._roots[root] = f"{word}-{used}" if used else word
        return root

    def _portable(self, args: dict[str, Json]) -> dict[str, Json]:
        """Replace this machine's paths by the names a runner binds, so that the trace can be replayed anywhere."""
        return {key: self._placeholder(value) if isinstance(value, str) else value for key, value in args.items()}

    def _placeholder(self, value: str) -> Json:
        for root, name in self._roots.items():
            if value in (root, str(Path(root) / "file")):
                return {"$": name}
        return value

    def _target(self, on: SubjectLike | None) -> SubjectLike:
        if on is not None and on is not self.subject:
            self._replayable = False
            return on
        return self.subject

    def _note_kind(self, op: str, expect: dict[str, Json]) -> None:
        if "refused" in expect:
            self.reached.add(f"{op} refused")
        elif "ok" in expect:
            self.reached.add(f"{op} accepted")

    def _note_handle(self, op: str, args: dict[str, Json]) -> None:
        if op == "grit.open" and args["store"] not in self._handles:
            self._handles.append(args["store"])
        elif op == "grit.close" and args["store"] in self._handles:
            self._handles.remove(args["store"])

    def _divergence(self, difference: Difference, rule: str | None, **told: Any) -> Divergence:
        return Divergence(difference, self.steps, rule or self._rule, replayable=self._replayable, **told)


def _judged(request: Asked, rule: str | None) -> str | None:
    """Return the rule that a request judges: its own, else the one that was given for all."""
    return next((own for own in request[3:] if own is not None), rule)
