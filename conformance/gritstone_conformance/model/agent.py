"""The agent: the actor that stands for the outside, and whose steps the runtime makes.

Spec: ``runtime/agent``, ``runtime/effects``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.channels import root
from gritstone_conformance.model.grammar import check_key, check_value
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.puppet import Draft
from gritstone_conformance.model.refusals import Defect, Refusal, exhausted, invalid, missing, rejected
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Headers, Message, Step, Tree

__all__ = ["Agent", "Effect", "agent_core", "first_agent_step", "receipt"]

EFFECT: Final = "effect."
"""What the type of a message to the agent begins with that asks for an effect."""


def agent_core(shelf: Shelf, name: str) -> bytes:
    """Store the core of an agent and return its id, which is the agent's.

    Spec: :rule:`runtime.agent.bootstrap`.
    """
    return shelf.put(Tree((("name", shelf.put(Blob((("ct", "s"),), name.encode()))),)))


def first_agent_step(shelf: Shelf, agent: bytes) -> bytes:
    """Store the first step of an agent and return its id."""
    genesis = shelf.put(Message(None, (("mt", "genesis"),), agent))
    return shelf.put(Step(None, agent, shelf.put_mail({agent: genesis}), None, agent))


def receipt(shelf: Shelf, previous: bytes | None, failed: bytes, kind: str, code: str | None = None) -> bytes:
    """Store the receipt for a message that failed, with class and code of the failure, and return its id.

    Spec: :rule:`runtime.receipt.form`.
    """
    own = () if code is None else (("code", code),)
    headers = (("mt", "receipt"), ("reply", failed.hex()), ("class", kind), *own)
    return shelf.put(Message(previous, headers, shelf.put(Blob((), b""))))


@dataclass(frozen=True, slots=True)
class Effect:
    """An open effect: sender, message, kind, and the data of its content if that is a blob."""

    actor: bytes
    message: bytes
    kind: str
    request: bytes | None

    @property
    def name(self) -> str:
        """What ``runtime.effects`` calls it."""
        return f"{self.actor.hex()}.{self.message.hex()}"


@dataclass(slots=True)
class Agent:
    """The agent of a store with a mailroom.

    Attributes:
        identity: the agent's id.
        answered: effects that are unread and were answered, since older mail of their sender was not.
        reserved: what the type of an injected message to the agent does not begin with; None for no restriction.
    """

    mailroom: Mailroom
    identity: bytes
    answered: set[tuple[bytes, bytes]] = field(default_factory=set)
    reserved: str | None = None

    @property
    def shelf(self) -> Shelf:
        """The objects."""
        return self.mailroom.shelf

    def inject(self, to: bytes, headers: Headers, content: bytes, mode: str) -> bytes:
        """Send a message and return its id.

        Raises:
            Refusal: it cannot be sent.

        Spec: :rule:`runtime.agent.inject`, :rule:`runtime.receipt.reserved`.
        """
        defects = self.message_defects(to, headers, content)
        if ("mt", "receipt") in headers:
            defects.append(rejected("runtime.receipt.reserved", "only the runtime sends receipts"))
        if defects:
            raise Refusal(defects)
        old = self.last_sent(to)
        sent = Message(old if mode == "queue" else None, headers, content)
        self._check_size(sent, "runtime.agent.limits")
        message = self.shelf.put(sent)
        if message == old:
            return message
        if mode == "signal" and old is not None and root(self.shelf, old) == message:
            self.shelf.forget()
            raise Refusal([rejected("runtime.agent.inject", "the chain already contains the message")])
        self.step({to: message}, {})
        return message

    def _check_size(self, value: Blob | Message, rule: str) -> None:
        """Check that an object is not longer than the limit; raises Refusal."""
        if len(self.shelf.format.encode(value)) > self.mailroom.store.limits.object_bytes:
            raise Refusal([exhausted(rule, "the object is longer than object_bytes")])

    def last_sent(self, to: bytes) -> bytes | None:
        """Return what the next message to an actor is queued behind: the entry, or what the actor read last.

        Spec: :rule:`runtime.release.resume`.
        """
        entry = self.mailroom.outbox(self.identity).get(to)
        if entry is not None or to == self.identity:
            return entry
        return self.mailroom.inbox_anywhere(to).get(self.identity)

    def step(self, sent: dict[bytes, bytes], read: dict[bytes, bytes], dropped: bytes | None = None) -> None:
        """Make a step that sends and acknowledges, and that drops the entries for an actor.

        Spec: :rule:`runtime.agent.changes`.
        """
        inbox = {**self.mailroom.inbox(self.identity), **read}
        outbox = {**self.mailroom.outbox(self.identity), **sent}
        if dropped is not None:
            inbox.pop(dropped, None)
            outbox.pop(dropped, None)
        self._adopt(self.mailroom.heads[self.identity], inbox, outbox)

    def release(self, actors: Iterable[bytes]) -> list[bytes]:
        """Drop the entries for actors and return those of which there was one to drop, ascending; raises Refusal.

        Spec: :rule:`runtime.release.entries`, :rule:`runtime.release.refused`.
        """
        named = set(actors)
        inbox, outbox = dict(self.mailroom.inbox(self.identity)), dict(self.mailroom.outbox(self.identity))
        if self.identity in named:
            raise Refusal([rejected("runtime.release.refused", "the actor is the agent")])
        for actor in sorted(named):
            unread = self.mailroom.unread(self.identity, actor).ids or self.mailroom.unread(actor, self.identity).ids
            if unread and not self.mailroom.is_away(actor):
                raise Refusal([rejected("runtime.release.refused", f"mail of {actor.hex()} is unread", "busy")])
        mute = {actor for actor in named if self.identity not in self.mailroom.outbox(actor)}
        dropped = sorted((named & outbox.keys()) | (mute & inbox.keys()))
        if dropped:
            inbox = {sender: message for sender, message in inbox.items() if sender not in mute}
            outbox = {receiver: message for receiver, message in outbox.items() if receiver not in named}
            self._adopt(self.mailroom.heads[self.identity], inbox, outbox)
        return dropped

    def cut(self) -> bytes:
        """Begin the chain again and return the head; raises Refusal.

        Spec: :rule:`runtime.cut.step`.
        """
        head = self.mailroom.heads[self.identity]
        if self.shelf.step(head).previous is not None:
            if self.mailroom.unread(self.identity, self.identity).ids:
                raise Refusal([rejected("runtime.cut.step", "mail to itself is unread", "busy")])
            note = self.shelf.put(
                Message(None, (("cut", head.hex()), ("mt", "cleanup")), self.shelf.put(Blob((), b"")))
            )
            inbox, outbox = dict(self.mailroom.inbox(self.identity)), dict(self.mailroom.outbox(self.identity))
            outbox.pop(self.identity, None)
            self._adopt(None, {**inbox, self.identity: note}, outbox)
        return self.mailroom.heads[self.identity]

    def _adopt(self, previous: bytes | None, inbox: dict[bytes, bytes], outbox: dict[bytes, bytes]) -> None:
        core = self.shelf.step(self.mailroom.heads[self.identity]).core
        self.mailroom.set_head(self.identity, Draft(previous, self.identity, inbox, outbox, core).seal(self.shelf))

    def mail(self) -> list[tuple[bytes, bytes]]:
        """Return the mail to the outside: senders ascending, of each oldest first."""
        return [(sender, message) for sender, unread in self.mailroom.mail(self.identity) for message in unread]

    def acknowledge(self, sender: bytes, message: bytes) -> None:
        """Move the cursor of a channel; raises Refusal.

        Spec: :rule:`runtime.agent.mail`.
        """
        inbox = self.mailroom.inbox(self.identity)
        if sender not in self.mailroom.heads and sender not in inbox:
            raise Refusal([missing("runtime.agent.mail", "no such sender")])
        if inbox.get(sender) == message:
            return
        if (sender, message) not in self.mail():
            raise Refusal([rejected("runtime.agent.mail", "the message is not listed")])
        self.step({}, {sender: message})
        self.answered &= set(self.mail())

    def effects(self) -> list[Effect]:
        """Return the open effects.

        Spec: :rule:`runtime.effect.open`.
        """
        return [
            Effect(sender, message, message_type(value)[len(EFFECT) :], self._data(value.content))
            for sender, message in self.mail()
            if message_type(value := self.shelf.message(message)).startswith(EFFECT)
            and message_type(value) != EFFECT
            and (sender, message) not in self.answered
        ]

    def resolve(self, name: str, outcome: str, data: bytes) -> None:
        """Answer an effect; raises Refusal where none of this name is open.

        Args:
            name: what ``runtime.effects`` calls it.
            outcome: ``ok`` or ``failed``.
            data: the answer, or the text that says why not.

        Spec: :rule:`runtime.effect.linked`.
        """
        effect = next((each for each in self.effects() if each.name == name), None)
        if effect is None:
            raise Refusal([missing("runtime.effect.linked", "no such effect is open")])
        answer = Blob((("ct", "s"),) if outcome == "failed" else (), data)
        self._check_size(answer, "runtime.effect.limit")
        content = self.shelf.put(answer)
        headers = (("mt", f"effect.{outcome}"), ("reply", effect.message.hex()))
        previous = self.last_sent(effect.actor)
        reply = self.shelf.put(Message(previous, headers, content))
        self.answered.add((effect.actor, effect.message))
        read: dict[bytes, bytes] = {}
        for message in self.mailroom.unread(effect.actor, self.identity).ids:
            if (effect.actor, message) not in self.answered:
                break
            read[effect.actor] = message
        self.step({effect.actor: reply}, read)
        self.answered &= set(self.mail())

    def _data(self, content: bytes) -> bytes | None:
        blob = self.shelf.blob(content)
        return None if blob is None else blob.data

    def message_defects(self, to: bytes, headers: Headers, content: bytes) -> list[Defect]:
        """Return why a message cannot be sent, whatever its type is; that of a receipt is not judged here.

        Spec: :rule:`runtime.agent.inject-refused`.
        """
        defects: list[Defect] = []
        for identity, kinds in ((to, ("tree",)), (content, ("blob", "tree"))):
            value = self.shelf.look(identity)
            if isinstance(value, Defect):
                defects.append(missing("runtime.agent.inject", value.words))
            elif self.shelf.kind(identity) not in kinds:
                defects.append(rejected("runtime.agent.inject-refused", f"{identity.hex()} is of the wrong kind"))
        if not defects:
            defects += self.mailroom.store.closure((to, content)).defects
        name = self.shelf.format.name
        if len({key for key, _ in headers}) < len(headers) or any(
            check_key(key) or check_value(value, name) for key, value in headers
        ):
            defects.append(invalid("runtime.agent.inject-refused", "headers outside the grammar"))
        if self.reserved is not None and to == self.identity and dict(headers).get("mt", "").startswith(self.reserved):
            defects.append(rejected("session.notice.reserved", "only the runtime sends notices"))
        return defects
