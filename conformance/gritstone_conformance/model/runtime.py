"""The model runtime: the least that the text of ``runtime`` says, run by choices.

One instance is one started runtime on a model store. What it knows beyond heads and marks ends with it. Each choice is
carried out to its durable change; nothing runs by itself. Which choices there are is said in ``choices``.

Spec: ``runtime/states``, ``runtime/failure``, ``runtime/schedule``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.agent import Agent, agent_core, first_agent_step, receipt
from gritstone_conformance.model.executor import admitted_step
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import REFUSED, Context, Question
from gritstone_conformance.model.queries import answer_query
from gritstone_conformance.model.refusals import Refusal, exhausted, invalid, missing, rejected
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.transition import cursor_only, update_is_refused

__all__ = ["Config", "Known", "Runtime", "start"]

_NAME_BYTES: Final = 255


@dataclass(frozen=True, slots=True)
class Config:
    """How a runtime tries again.

    Attributes:
        base_ms: the delay after the first counted failure, in milliseconds.
        cap_ms: the longest delay.
        max_attempts: counted failures until an actor is marked.
    """

    base_ms: int = 0
    cap_ms: int = 0
    max_attempts: int = 3

    def delay_ms(self, count: int) -> int:
        """Return how long a message waits after so many counted failures."""
        return min(self.cap_ms, self.base_ms << (count - 1))


@dataclass(slots=True)
class Known:
    """What a runtime knows of one actor and forgets when it ends; keys are (sender, message).

    Attributes:
        counts: counted failures; a count ends when its message is covered.
        due: when a delayed message may be tried again, in milliseconds, also if it was superseded meanwhile.
        declined: proposals, as their entries, that were declined since anything changed.
        isolated: messages that a failed run covered together and that are still unread.
    """

    counts: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    due: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    declined: set[tuple[tuple[bytes, bytes], ...]] = field(default_factory=set)
    isolated: set[tuple[bytes, bytes]] = field(default_factory=set)


def start(store: Store, name: str, config: Config) -> Runtime:
    """Start a runtime on a store, with a new agent where there is none.

    Raises:
        Refusal: the name is none, or the store belongs to another agent.

    Spec: :rule:`runtime.agent.bootstrap`, :rule:`runtime.agent.name`.
    """
    if not 1 <= len(name.encode()) <= _NAME_BYTES:
        raise Refusal([invalid("runtime.agent.name", "the name is empty or too long")])
    shelf = Shelf.over(store)
    agent = agent_core(shelf, name)
    there = store.references.get("runtime/agent")
    if there is None and f"heads/{agent.hex()}" in store.references:
        raise Refusal([rejected("runtime.agent.name", "there is a head, but no agent")])
    if there is not None and there != agent:
        raise Refusal([rejected("runtime.agent.name", "the store has another agent", "agent")])
    if there is not None and f"heads/{agent.hex()}" not in store.references:
        raise Refusal([rejected("runtime.agent.name", "there is an agent, but no head")])
    if there is None:
        first = first_agent_step(shelf, agent)
        shelf.flush(store)
        store.references |= {"runtime/agent": agent, f"heads/{agent.hex()}": first}
    return Runtime(store, shelf, agent, config)


class Runtime:
    """One started runtime.

    Attributes:
        agent: the agent.
        mailroom: heads and mail.
        now_ms: the time, which moves only by :meth:`move_time`.
        adopted: how many steps of actors became heads.
        last_failures: marked actors to the class of the last failure.
        on_adopted: called with the receivers to which the new head of an actor sends mail.
    """

    def __init__(self, store: Store, shelf: Shelf, agent: bytes, config: Config) -> None:
        self.store = store
        self.config = config
        self.mailroom = Mailroom(store, shelf)
        self.agent = Agent(self.mailroom, agent)
        self.now_ms = 0
        self.adopted = 0
        self.last_failures: dict[bytes, str] = {}
        self.on_adopted: Callable[[list[bytes]], None] | None = None
        self._known: dict[bytes, Known] = {}
        self._seen: dict[bytes, tuple[object, ...]] = {}

    @property
    def shelf(self) -> Shelf:
        """The objects."""
        return self.mailroom.shelf

    def known(self, actor: bytes) -> Known:
        """Return what is known of an actor, without what no longer holds."""
        known = self._known.setdefault(actor, Known())
        unread = {(sender, message) for sender, ids in self.mailroom.mail(actor) for message in ids}
        state = (self.mailroom.heads.get(actor), frozenset(unread))
        if self._seen.get(actor) != state:
            self._seen[actor] = state
            known.declined.clear()
            known.isolated &= unread
        return known

    def is_delayed(self, actor: bytes) -> bool:
        """Return whether an actor has a delayed message."""
        return any(due > self.now_ms for due in self.known(actor).due.values())

    def is_marked(self, actor: bytes) -> bool:
        """Return whether an actor is marked."""
        return f"failed/{actor.hex()}" in self.store.references

    def move_time(self, now_ms: int) -> int:
        """Set the time and return how many delayed messages it made due; raises Refusal where it would go back."""
        if now_ms < self.now_ms:
            raise Refusal([rejected("runtime.clock.refused", "the time is earlier than the current time")])
        before, self.now_ms = self.now_ms, now_ms
        dues = [due for actor in list(self._known) for due in self.known(actor).due.values()]
        return sum(before < due <= now_ms for due in dues)

    def next_due_ms(self) -> int | None:
        """Return when the next delayed message may be tried, or None where none is delayed."""
        dues = [due for actor in list(self._known) for due in self.known(actor).due.values() if due > self.now_ms]
        return min(dues, default=None)

    def run(self, actor: bytes, proposal: Proposal) -> bytes | None:
        """Run an actor once and return the step that became its head, or None.

        Spec: the table of ``runtime/states``.
        """
        known = self.known(actor)
        last = self.mailroom.heads.get(actor)
        attempt = 1 + max(known.counts.get(each, 0) for each in proposal.covered)
        try:
            step = admitted_step(self.shelf, Context(actor, attempt, self.ask), proposal, last)
        except Declined:
            self.shelf.forget()
            known.declined.add(proposal.names)
            return None
        except Failure as failure:
            self.shelf.forget()
            return self._fail(actor, proposal, failure)
        if last is None:
            self._check_room()
        self._adopt(actor, proposal, step, heals=self._heals(actor, proposal, last))
        return step

    def _check_room(self) -> None:
        """Raise Refusal if the store has as many references as it may have. Spec: :rule:`runtime.run.full`."""
        if len(self.store.references) >= self.store.limits.refs:
            self.shelf.forget()
            raise Refusal([exhausted("runtime.run.full", "there is no room for another reference")])

    def ask(self, question: Question) -> bytes | None:
        """Answer a query of the head of an actor, as the puppet's ``Q`` asks it."""
        head = self.mailroom.heads.get(question.actor)
        try:
            return REFUSED if head is None else answer_query(self.shelf, head, question.name, question.args)
        except Refusal:
            return REFUSED

    def query(self, actor: bytes, name: str, args: bytes) -> tuple[bytes, bytes | None]:
        """Return the head of an actor and its answer; raises Refusal.

        Spec: :rule:`runtime.query.rest`.
        """
        head = self.mailroom.heads.get(actor)
        if head is None:
            raise Refusal([missing("wit.query.answers", "the actor has no head")])
        answer = answer_query(self.shelf, head, name, args)
        self.shelf.flush(self.store)
        return head, answer

    def collect(self) -> list[bytes]:
        """Collect the actors at the end of their life; returns their ids, ascending.

        Spec: :rule:`runtime.collect.collected`, :rule:`runtime.collect.held`.
        """
        removed: list[bytes] = []
        while ended := [actor for actor in self.mailroom.heads if self._has_ended(actor)]:
            for actor in ended:
                self.mailroom.set_head(actor, None)
                self.store.references.pop(f"failed/{actor.hex()}", None)
                self.store.references[f"gone/{actor.hex()}"] = self.agent.identity
                self._known.pop(actor, None)
            removed += ended
        return sorted(removed)

    def parked(self) -> list[list[str]]:
        """Return the marked actors, ascending, each with the class of its last failure."""
        marked = sorted(name[7:] for name in self.store.references if name.startswith("failed/"))
        return [[actor, self.last_failures.get(bytes.fromhex(actor), "unknown")] for actor in marked]

    def _heals(self, actor: bytes, proposal: Proposal, last: bytes | None) -> bool:
        if proposal.kind != "update" or not self.is_marked(actor):
            return False
        assert last is not None
        return not update_is_refused(self.shelf, last, proposal.covered[0])

    def _adopt(self, actor: bytes, proposal: Proposal, step: bytes, *, heals: bool) -> None:
        if heals:
            del self.store.references[f"failed/{actor.hex()}"]
            self._known.pop(actor, None)
        known = self.known(actor)
        for covered in proposal.covered:
            known.counts.pop(covered, None)
            known.due.pop(covered, None)
        before = self.mailroom.outbox(actor)
        self.mailroom.set_head(actor, step)
        self.adopted += 1
        if self.on_adopted is not None:
            sent = self.mailroom.outbox(actor).items()
            self.on_adopted([receiver for receiver, tip in sent if before.get(receiver) != tip])

    def _fail(self, actor: bytes, proposal: Proposal, failure: Failure) -> bytes | None:
        """Do what follows from a failed run.

        Raises:
            Refusal: the store has no room for a mark; nothing was changed.

        Spec: :rule:`runtime.retry.isolate`, :rule:`runtime.retry.count`, :rule:`runtime.fail.update`,
        :rule:`runtime.run.full`.
        """
        known = self.known(actor)
        if len(proposal.covered) > 1:
            known.isolated |= set(proposal.covered)
            return None
        (covered,) = proposal.covered
        count = known.counts.get(covered, 0) + 1
        is_last = count >= self.config.max_attempts
        if is_last and proposal.kind != "update":
            self._check_room()
        known.counts[covered] = count
        if not is_last:
            known.due[covered] = self.now_ms + self.config.delay_ms(known.counts[covered])
            return None
        if proposal.kind == "update":
            last = self.mailroom.heads[actor]
            step = cursor_only(self.shelf, actor, proposal, last).seal(self.shelf)
            self._adopt(actor, proposal, step, heals=False)
            return step
        self._mark(actor, covered, failure)
        return None

    def _mark(self, actor: bytes, covered: tuple[bytes, bytes], failure: Failure) -> None:
        """Mark an actor and send the receipt.

        Spec: :rule:`runtime.fail.mark`, :rule:`runtime.receipt.no-loop`.
        """
        sender, message = covered
        mark = self.shelf.put_mail({sender: message})
        assert mark is not None
        self.last_failures[actor] = failure.kind
        if sender == self.agent.identity:
            self.shelf.flush(self.store)
        else:
            previous = self.agent.last_sent(sender)
            self.agent.step({sender: receipt(self.shelf, previous, message, failure.kind, failure.code)}, {})
        self.store.references[f"failed/{actor.hex()}"] = mark

    def _is_gone(self, actor: bytes) -> bool:
        return f"gone/{actor.hex()}" in self.store.references

    def _has_ended(self, actor: bytes) -> bool:
        if actor == self.agent.identity or set(self.mailroom.tips.get(actor, {})) - {actor}:
            return False
        named = any(target == actor for name, target in self.store.references.items() if name.startswith("actors/"))
        sent = self.mailroom.outbox(actor).items()
        read = all(self.mailroom.inbox(to).get(actor) == tip or self._is_gone(to) for to, tip in sent if to != actor)
        return read and not named
