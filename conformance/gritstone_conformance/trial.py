"""A trial: one example of a property, run on a live subject and compared with the model.

A property calls :meth:`Trial.expect` for each request, with the reply that the model expects. The first wrong reply
raises :class:`Divergence`, which contains the requests so far as the steps of a case: each failure that Hypothesis
shrinks *is* a vector, which can be replayed in any language without Python.

``subject`` owns the process, ``judge`` compares replies, ``properties`` choose the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeAlias, TypedDict

from gritstone_conformance.cases import CaseStep, Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.judge import Difference, compare
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply
from gritstone_conformance.results.diff_context import Level, diff_context

__all__ = ["Asked", "Divergence", "Property", "PropertyOptions", "SubjectLike", "Trial"]


_MOST_NUMBER: Final = 2**53 - 1
_UNITS_A_SECOND: Final = 100_000_000  # granted for a guest's fuel


Asked: TypeAlias = (
    tuple[str, dict[str, Json], dict[str, Json]] | tuple[str, dict[str, Json], dict[str, Json], str | None]
)
"""A request, the expectation for its reply, and optionally the rule that it judges."""


class SubjectLike(Protocol):
    """The interface of a subject that a trial uses; ``subject.Subject`` implements it."""

    claims: Claims

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request and return its reply; raises SubjectFault."""

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Send requests pipelined within the window and return replies in order; raises SubjectFault."""

    def allow_guests(self, seconds: float) -> None:
        """Add a number of seconds to the deadline of each later transition and query."""

    def kill(self) -> None:
        """SIGKILL the process group now; the next ``ask`` starts a fresh process."""

    def kill_from_thread(self) -> None:
        """SIGKILL the process group without cleaning up: from another thread, while replies are pending."""

    def close(self) -> None:
        """Send bye and wait for the end; kill the remaining processes."""

    def peak_rss_bytes(self) -> int | None:
        """Return the peak resident size of the process since the last reset, or None if it cannot be read."""

    def reset_peak_rss(self) -> bool:
        """Reset the peak; return whether this machine supports that."""

    def cpu_seconds(self) -> float | None:
        """Return the processor time used by the process so far, or None if it cannot be read."""

    def queued_seconds(self) -> float | None:
        """Return the time during which the process waited for a processor so far, or None if it cannot be read."""


class Divergence(Exception):  # noqa: N818 - a finding, not an error
    """The implementation returned a wrong reply.

    Attributes:
        difference: the first difference.
        steps: all requests of the example so far, with the expectations of the model; the last one failed.
        rule: the violated rule.
        replayable: whether the steps alone, in one process, reproduce the fault.
        is_in_reply: whether the last reply contradicts the expectation of its step; if not, the property computed the
            difference from several replies or a measurement, and a replay of the steps cannot show it.
        around: the values next to the difference in the reply, for display.
        history: the part of a history around the fault, for display, or None.
        remark: a further note for the report, or None.
    """

    def __init__(
        self,
        difference: Difference,
        steps: Sequence[CaseStep],
        rule: str,
        *,
        replayable: bool = True,
        around: Sequence[Level] = (),
    ) -> None:
        super().__init__(f"{rule}: {difference.signature}")
        self.difference = difference
        self.steps = tuple(steps)
        self.rule = rule
        self.replayable = replayable
        self.is_in_reply = True
        self.around = tuple(around)
        self.history: dict[str, Json] | None = None
        self.remark: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One registered property.

    Attributes:
        name: its case name, ``<profile>/<topic>/<slug>``.
        rules: the rules that it judges; a failure counts against ``rules[0]`` unless its step names another one.
        body: ``body(trial, **drawn)``.
        given: keyword -> Hypothesis strategy, or a function of Claims that returns such a mapping; empty: runs once.
        requires: the required claims.
        kind: ``property``, ``machine``, ``crash`` or ``wire``; for the report and the number of examples.
        examples: examples in the profile ``gate`` (None: the default of the profile).
        search_only: whether it runs only in the profile ``search``, because it takes long or depends on chance.
        spared_by: a format: the gate omits this property if the implementation claims that format, too, because the
            property for that format finds the same faults.
        cost: its duration in ``gate``, in vectors, to balance the jobs (None: the default of its kind).
        reach: situation -> the minimum share of the examples in ``gate`` that must reach it.
    """

    name: str
    rules: tuple[str, ...]
    body: Callable[..., None]
    given: Any = None
    requires: Requires = field(default_factory=Requires)
    kind: str = "property"
    examples: int | None = None
    search_only: bool = False
    spared_by: str | None = None
    cost: float | None = None
    reach: Mapping[str, float] = field(default_factory=dict)

    def is_run(self, profile: str, formats: Collection[str]) -> bool:
        """Return whether a run in a profile, ``gate`` or ``search``, includes it, if these formats are claimed."""
        return profile == "search" or not (self.search_only or self.spared_by in formats)


class PropertyOptions(TypedDict, total=False):
    """Members of :class:`Property` that registrations pass on unchanged."""

    kind: str
    examples: int | None
    search_only: bool
    cost: float | None
    reach: Mapping[str, float]


class Trial:
    """One example: sends requests, compares replies, records the trace, and cleans up.

    At the end it closes every handle, ends every extra process and removes every directory that it opened.

    Attributes:
        remark: a note for the report if the case passes, or None.
        reached: the situations that this example reached.
    """

    def __init__(
        self,
        subject: SubjectLike,
        rule: str,
        spawn: Callable[[], SubjectLike] | None = None,
        instead: Callable[[Asked], Sequence[Asked]] | None = None,
        companion: Callable[[], SubjectLike] | None = None,
    ) -> None:
        self.subject = subject
        self.claims = subject.claims
        self.steps: list[CaseStep] = []
        self.bindings: dict[str, Json] = {}
        self.remark: str | None = None
        self.reached: set[str] = set()
        self._rule = rule
        self._spawn = spawn
        self._instead = instead
        self._companion = companion
        self._other: SubjectLike | None = None
        self._extra: list[SubjectLike] = []
        self._roots: dict[str, str] = {}  # absolute directory -> its placeholder in a case
        self._handles: list[str] = []
        self._copies: list[tuple[SubjectLike, str]] = []  # processes and their handles of instances and snapshots
        self._replayable = True
        self._message: str | None = None  # of the last refusal, until the next observation

    def expect(
        self,
        op: str,
        args: dict[str, Json],
        expect: dict[str, Json],
        *,
        rule: str | None = None,
        on: SubjectLike | None = None,
    ) -> dict[str, Json]:
        """Send one request and compare its reply with ``expect``.

        Args:
            op: the operation.
            args: its arguments, without placeholders.
            expect: an expectation in the form of cases.
            rule: the rule that this step judges; default: the property's first.
            on: another process of the same command; the trace then cannot be replayed as one case.

        Returns:
            The ``ok`` object, or an empty dict for an expected refusal.

        Raises:
            Divergence: the reply differs from the expectation.
            SubjectFault: the implementation broke.
        """
        return self.expect_many([(op, args, expect)], rule=rule, on=on)[0]

    def expect_many(
        self, requests: Sequence[Asked], *, rule: str | None = None, on: SubjectLike | None = None
    ) -> list[dict[str, Json]]:
        """Send several requests pipelined; compare the replies in order and raise on the first difference.

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
            self.steps.append(CaseStep(op, self._portable(args), expect, judged))
            self._note_handle(op, args)
            difference = compare(expect, reply, self.bindings)
            if difference is not None:
                raise self._divergence(difference, judged, around=diff_context(reply, difference.path))
            values.append(reply.value if isinstance(reply, Ok) else {})
            if target is self.subject or target is self._other:
                self._note_copies(target, op, args, values[-1])
        return values

    def observe(self, op: str, args: dict[str, Json], *, on: SubjectLike | None = None) -> Reply:
        """Send one request whose reply the property judges itself; call :meth:`fail` if it is wrong."""
        self.steps.append(CaseStep(op, self._portable(args), {"ok": {"$": "any"}}))
        reply = self._target(on).ask(op, args)
        self._message = reply.message if isinstance(reply, Refused) else None
        self._note_handle(op, args)
        return reply

    def observe_apart(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Send pipelined requests that a case cannot contain; the property judges the replies itself."""
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
    ) -> NoReturn:
        """Raise a Divergence that the property found itself.

        Args:
            expected: the expected value.
            got: the actual value.
            path: JSON Pointer to the value.
            words: the signature, free of ids.
            rule: the violated rule; default: the property's first.
        """
        shown = _shown(expected), _shown(got)
        divergence = self._divergence(Difference(path, *shown, words, self._message), rule)
        divergence.is_in_reply = False
        raise divergence

    def fail_in_history(self, difference: Difference, rule: str, history: dict[str, Json] | None) -> NoReturn:
        """Raise a Divergence found in a history; ``history`` is the extract around the fault."""
        divergence = self._divergence(difference, rule)
        divergence.history = history
        divergence.is_in_reply = False
        raise divergence

    def fail_slow(self, times: float, least_s: float, took_s: float, *, words: str) -> None:
        """Raise a Divergence for replies that took more than ``times`` the processor time that was expected."""
        expected = f"less than {times} x {least_s:.6f} s of processor time"
        self.fail(expected, f"{took_s:.6f} s of processor time", words=words)

    def reach(self, situation: str, here: object = True) -> None:
        """Record that this example reached a situation, if ``here``; it must follow from draws and model alone.

        For each request with an expected acceptance or refusal this happens by itself, as ``grit.cas refused``.

        Spec: :rule:`suite.property.reach`.
        """
        if here:
            self.reached.add(situation)

    def spends(self, units: int) -> None:
        """Extend the deadlines for guests that use a number of units of fuel in each later call; 0: reset."""
        self.subject.allow_guests(units / _UNITS_A_SECOND)

    def spawn(self) -> SubjectLike:
        """Start another process of the same command; it ends with the trial."""
        if self._spawn is None:
            raise RuntimeError("this trial cannot start processes")
        process = self._spawn()
        self._extra.append(process)
        self._replayable = False
        return process

    def other(self) -> SubjectLike:
        """Return another process of the same command that all trials share, or a new one where there is none.

        Instances and snapshots that a trial made there are closed with the trial.
        """
        if self._companion is None:
            return self.spawn()
        self._replayable = False
        self._other = self._companion()
        return self._other

    def directory(self) -> str:
        """Return a fresh, empty, absolute directory that is removed with the trial."""
        return self._fresh("dir")

    def path(self) -> str:
        """Return an absolute path of a file that does not exist yet, in a fresh directory."""
        return str(Path(self._fresh("path")) / "file")

    def start_over(self) -> None:
        """Close the stores and forget the requests so far, to make an attempt again."""
        handles, self._handles = self._handles, []
        if handles:
            self.subject.ask_many([("grit.close", {"store": handle}) for handle in handles])
        self.steps.clear()
        self.bindings.clear()

    def finish(self) -> None:
        """Close handles, end extra processes, remove directories; never raise for faults of the subject."""
        handles, self._handles = self._handles, []
        copies, self._copies = self._copies, []
        try:
            for process in self._extra:
                process.close()
            if handles:
                self.subject.ask_many([("grit.close", {"store": handle}) for handle in handles])
            for process in {id(process): process for process, _ in copies}.values():
                own = [handle for each, handle in copies if each is process]
                process.ask_many([("sandbox.close", {"handle": handle}) for handle in own])
        except SubjectFault:
            pass  # the subject records it in its faults, which the caller checks
        finally:
            for root in self._roots:
                remove_folder(root)

    @property
    def is_replayable(self) -> bool:
        """Whether the steps alone, in one process, reproduce the result."""
        return self._replayable

    def _step(self, request: Asked, rule: str | None) -> CaseStep:
        op, args, expect, *_ = request
        return CaseStep(op, self._portable(args), expect, _judged(request, rule))

    def _fresh(self, word: str) -> str:
        root = fresh_folder()
        used = sum(1 for name in self._roots.values() if name.split("-")[0] == word)
        self._roots[root] = f"{word}-{used}" if used else word
        return root

    def _portable(self, args: dict[str, Json]) -> dict[str, Json]:
        """Replace paths of this machine by the placeholders that a runner binds, so that the trace is portable."""
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

    def _note_copies(self, on: SubjectLike, op: str, args: dict[str, Json], value: dict[str, Json]) -> None:
        if op == "sandbox.close" and (on, args["handle"]) in self._copies:
            self._copies.remove((on, str(args["handle"])))
        elif op.startswith("sandbox."):
            handles = (value.get(name) for name in ("instance", "snapshot"))
            self._copies += [(on, handle) for handle in handles if isinstance(handle, str)]

    def _divergence(self, difference: Difference, rule: str | None, **members: Any) -> Divergence:
        return Divergence(difference, self.steps, rule or self._rule, replayable=self._replayable, **members)


def _shown(value: Json) -> Json:
    """Return a value that a report can contain: an integer that is too large for one is its text."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return str(value) if isinstance(value, int) and abs(value) > _MOST_NUMBER else value


def _judged(request: Asked, rule: str | None) -> str | None:
    """Return the rule that a request judges: its own, else the one for all requests."""
    return next((own for own in request[3:] if own is not None), rule)
