"""Check 18: each operation of an image is what its roots and its world require.

Each operation is computed again from the world before it, and compared with its record and its steps. A finding begins
with the fault of the table of the text. Operations after the first one at fault are not judged.

Spec: ``image/history``, "Check 18: the operations"; :rule:`image.history.operation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.chains import Chain
from gritstone_conformance.model.differences import draft_of, step_difference
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.image.begin import Begin, Post, of_post, of_requests, of_rollback, of_timer
from gritstone_conformance.model.image.books import COUNTED
from gritstone_conformance.model.image.contents import number_of
from gritstone_conformance.model.image.denial import Unknowable
from gritstone_conformance.model.image.guest_cores import is_guest
from gritstone_conformance.model.image.operation import Made, perform
from gritstone_conformance.model.image.record import Failed, Outcome, Record, RootLine
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.image.world import Entry, World, worlds_up_to
from gritstone_conformance.model.journal.journal_check import Journal, Sent
from gritstone_conformance.model.journal.outside import RESERVED_HEADERS
from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.refusals import Defect
from gritstone_conformance.model.values import Step

__all__ = ["FAULTS", "MOST_REQUESTS", "OPERATION_RULES", "Operations", "check_operations"]

FAULTS: Final = {
    "crowded": "image.op.step",
    "next-post": "image.post.order",
    "next-timer": "image.timer.order",
    "roots": "image.op.roots",
    "outcome": "image.op.report",
    "fuel": "image.fuel.exact",
    "savepoint": "image.op.report",
    "failure": "image.op.failure-step",
    "operation": "image.history.operation",
    "left": "image.op.rest",
}
"""The faults of the check, in the order of the table, to their rules; two have further ones."""

MOST_REQUESTS: Final = 32
"""The most messages of a request."""

_LIMIT: Final = Failed("exhausted", "exhausted")
_NARROWED: Final = {
    "rejected/capability": "image.cap.send",
    "rejected/escalation": "image.cap.attenuate",
    "rejected/entry": "image.entry.declared",
    "rejected/location": "image.location.reserved",
    "rejected/stale": "image.op.expect",
    "exhausted/fuel": "image.fuel.exact",
    **{f"exhausted/{resource}": "image.quota.hard" for resource in COUNTED},
    **{f"exhausted/{limit}": "image.op.limits" for limit in ("steps", "depth", "heads")},
}
"""The failure that one side has and the other does not, to the rule of the fault ``outcome``."""

OPERATION_RULES: Final = tuple(dict.fromkeys([*FAULTS.values(), "image.timer.due", *_NARROWED.values()]))
"""The rules that the check can name."""


@dataclass(slots=True)
class Operations:
    """What became of the operations.

    Attributes:
        findings: the first operation that differs.
        computed: how many were computed and are right.
        without_roots: how many are of R alone.
        unverified: how many could not be decided.
    """

    findings: list[Finding] = field(default_factory=list)
    computed: int = 0
    without_roots: int = 0
    unverified: int = 0


def check_operations(history: History, journal: Journal) -> Operations:
    """Compute the operations of a journal again, each from the world that the records before it give."""
    result = Operations()
    if history.agent is None or history.kernel is None or not journal.entries:
        return result
    state = State(history.shelf, history.agent, history.kernel, has_guests=True)
    for number, entry in enumerate(journal.entries):
        history.shelf.erased.clear()
        trial = _Trial(history, journal, state, entry, journal.sent[number])
        fault = None
        if number and not entry.record.roots:
            result.without_roots += 1
        elif number:
            fault = trial.fault()
        state.advance(entry)
        if fault is None and state.left and trial.why_not is None:
            fault = "left", FAULTS["left"], "a join or a savepoint is unread", trial.record_place()
        if fault is not None and trial.why_not is None:
            word, rule, words, place = fault
            result.findings.append(Finding("operation", place, f"{word}: {words}", rule))
            break
        if trial.why_not is not None:
            result.unverified += 1
            history.unverified.append(f"{trial.record_place().path}: {trial.why_not}")
        elif entry.record.roots:
            result.computed += 1
    return result


_Fault = tuple[str, str, str, Place]
"""A fault, its rule, what is wrong, and where."""


@dataclass(slots=True)
class _Trial:
    """One operation that is computed again.

    Attributes:
        why_not: why it cannot be decided, or None.
    """

    history: History
    journal: Journal
    state: State
    entry: Entry
    sent: Sent
    why_not: str | None = None

    @property
    def record(self) -> Record:
        """The record of the operation."""
        return self.entry.record

    def record_place(self) -> Place:
        """Return the place of the record."""
        return self.journal.place(self.history, self.record.seq)

    def fault(self) -> _Fault | None:
        """Return the first difference, or None."""
        absent = next((root for root in self.record.roots if self._is_absent(root)), None)
        if absent is not None:
            self.why_not = f"the root {absent[2].hex()} is not in the bundle"
            return None
        fault = self._crowded() or self._wrong_roots()
        if fault is None:
            fault = self._computed()
        if self.history.shelf.erased:
            self.why_not = "the computation needs a blob that was erased"
        elif fault is not None and self.state.is_blurred:
            self.why_not = "a timer or an owner was erased before"
        return fault

    def _is_absent(self, root: RootLine) -> bool:
        message = self.history.shelf.look(root[2])
        if isinstance(message, Defect | Tombstone):
            return True
        return isinstance(self.history.shelf.look(self.history.shelf.message(root[2]).content), Defect)

    def _fault(self, word: str, words: str, rule: str | None = None, place: Place | None = None) -> _Fault:
        return word, rule or FAULTS[word], words, self.record_place() if place is None else place

    def _crowded(self) -> _Fault | None:
        for chain, index in self._steps():
            if len(chain.covered(self.history.shelf, index)) > 1:
                place = chain.place(index, "inbox")
                return self._fault("crowded", "a step covers more than one message", place=place)
        return None

    def _steps(self) -> Iterator[tuple[Chain, int]]:
        """Yield the steps of the lines ``head``, ascending by actor, the older first."""
        for actor, old, new in self.record.heads:
            chain = self.history.chains[actor]
            places = chain.places()
            first = 0 if old is None else places[old] + 1
            yield from ((chain, index) for index in range(first, places[new] + 1))

    def _wrong_roots(self) -> _Fault | None:
        """Return the fault of the roots."""
        sender, target, message = self.record.roots[0]
        if len(self.record.roots) == 1 and self.state.is_unread(sender, target, message):
            return self._wrong_post(Post(sender, target, message))
        handle = header(self.history.shelf.message(message), "timer")
        if len(self.record.roots) == 1 and sender == self.state.agent and handle is not None:
            return self._wrong_timer(target, message, handle)
        if self._begin() is None:
            return self._fault("roots", "the roots are not those of a request, a timer, a post or a rollback")
        return None

    def _wrong_post(self, post: Post) -> _Fault | None:
        if header(self.history.shelf.message(post.message), "op") is not None:
            return self._fault("roots", "the root is a join or a savepoint")
        if self.state.next_root() != post:
            return self._fault("next-post", "the post is not the next root")
        return None

    def _wrong_timer(self, target: bytes, message: bytes, handle: str) -> _Fault | None:
        timer = self.state.timer(target, handle)
        mt = header(self.history.shelf.message(message), "mt")
        if timer is None or timer.due > self.state.clock or timer.mt != mt:
            return self._fault("next-timer", "there is no such timer that is due", "image.timer.due")
        if self.state.next_root() != timer:
            return self._fault("next-timer", "the timer is not the next root")
        if of_timer(self.state.view(), timer).roots[0].message != message:
            return self._fault("roots", "the root of the timer has another form")
        return None

    def _begin(self) -> Begin | None:
        """Return the beginning that has the roots of the record, or None."""
        found = self._of_rollback() if self._is_rollback() else self._of_requests()
        if found is None:
            return None
        roots = tuple((root.sender, root.target, root.message) for root in found.roots)
        return found if roots == self.record.roots and self._are_sent() else None

    def _are_sent(self) -> bool:
        """Return whether R sends each root, or does not since the operation failed and its target has no head."""
        heads = self.state.world.heads
        return all(
            message in self.sent.get(target, ()) or (isinstance(self.record.outcome, Failed) and target not in heads)
            for _, target, message in self.record.roots
        )

    def _is_rollback(self) -> bool:
        return header(self.history.shelf.message(self.record.roots[0][2]), "world") is not None

    def _of_rollback(self) -> Begin | None:
        state, world = self.state, header(self.history.shelf.message(self.record.roots[0][2]), "world") or ""
        number = number_of(world.encode())
        if number is None or number > state.seq:
            return None
        heads = state.world.heads[state.agent], state.world.heads[state.kernel]
        wanted: World = worlds_up_to(state.shelf, state.agent, heads, number)
        return of_rollback(state.view(), wanted.heads, number, (state.agent, state.kernel))

    def _of_requests(self) -> Begin | None:
        shelf, messages = self.history.shelf, []
        for number, (sender, target, identity) in enumerate(self.record.roots):
            message = shelf.message(identity)
            reserved = set(RESERVED_HEADERS) - ({"key"} if number == 0 else set())
            if sender != self.state.agent or dict(message.headers).keys() & reserved:
                return None
            messages.append((target, message.headers, message.content))
        return of_requests(self.state.view(), messages) if len(messages) <= MOST_REQUESTS else None

    def _computed(self) -> _Fault | None:
        """Compute the operation and return the first difference."""
        state, root = self.state, self.record.roots[0]
        timer = state.timer(root[1], header(self.history.shelf.message(root[2]), "timer") or "")
        if len(self.record.roots) == 1 and state.is_unread(*root):
            begin: Begin | None = of_post(state.view(), Post(*root))
        elif timer is not None and root[0] == state.agent:
            begin = of_timer(state.view(), timer)
        else:
            begin = self._begin()
        assert begin is not None, "the roots are right"
        fault = self._compared(begin)
        if fault is not None and self.why_not is None and not self._may_have_guests():
            return self._without_guests(begin, fault)
        return fault

    def _without_guests(self, begin: Begin, fault: _Fault) -> _Fault | None:
        """Return the fault of an operation, if it has one also by a runtime that does not admit guests."""
        self.state.has_guests = False
        other = self._compared(begin)
        self.state.has_guests = True
        return None if other is None and self.why_not is None else fault

    def _may_have_guests(self) -> bool:
        """Return whether an actor of the history was a guest, so that its runtime admits them."""
        shelf, chains = self.history.shelf, self.history.actors()
        return any(is_guest(shelf, step.core) for chain in chains for step in chain.steps)

    def _compared(self, begin: Begin) -> _Fault | None:
        """Make the operation and return the first difference."""
        try:
            made = perform(self.state, begin)
        except Unknowable as problem:
            self.why_not = str(problem)
            return None
        if _has_limit(self.record) or _has_limit(made.record):
            self.why_not = "a limit of the runtime decided"
            return None
        fault = self._difference(made)
        if fault is not None and _is_quota(made.record, self.record) and self._is_vague():
            self.why_not = "blobs that count for a quota were erased"
        return fault

    def _difference(self, made: Made) -> _Fault | None:
        wanted, found = made.record, self.record
        if wanted.outcome != found.outcome:
            rule = _NARROWED.get(str(_failure(wanted.outcome, found.outcome)), FAULTS["outcome"])
            return self._fault("outcome", f"{found.outcome}, expected {wanted.outcome}", rule)
        if wanted.fuel != found.fuel:
            return self._fault("fuel", f"{found.fuel} units, expected {wanted.fuel}")
        if wanted.savepoints != found.savepoints:
            return self._fault("savepoint", "other savepoints failed")
        word = "failure" if isinstance(found.outcome, Failed) else "operation"
        place = self._step_at_fault(made)
        if place is not None:
            return self._fault(word, "computing the operation again gives another step", place=place)
        if (wanted.heads, wanted.reads, wanted.gone) != (found.heads, found.reads, found.gone):
            return self._fault(word, "computing the operation again gives another record")
        return None

    def _step_at_fault(self, made: Made) -> Place | None:
        """Return the first place of a step that differs from the computed one, or None."""
        computed: dict[bytes, list[bytes]] = {}
        for step in made.steps:
            computed.setdefault(self._step(step).actor, []).append(step)
        for chain, index in self._steps():
            expected = computed.get(chain.actor, [])
            if not expected:
                return chain.place(index, "inbox")
            wanted = expected.pop(0)
            if wanted != chain.ids[index]:
                shelf = self.history.shelf
                path = step_difference(shelf, draft_of(shelf, self._step(wanted)), draft_of(shelf, chain.steps[index]))
                return chain.place(index, path)
        return None

    def _step(self, identity: bytes) -> Step:
        return self.history.shelf.step(identity)

    def _is_vague(self) -> bool:
        return bool(self.state.books.vague)


def _failure(computed: Outcome, recorded: Outcome) -> Outcome:
    """Return the computed failure, or the recorded one if the operation commits."""
    return computed if isinstance(computed, Failed) else recorded


def _has_limit(record: Record) -> bool:
    return _LIMIT in (record.outcome, *(why for _, why in record.savepoints))


def _is_quota(*records: Record) -> bool:
    return any(record.outcome == Failed("exhausted", "bytes") for record in records)
