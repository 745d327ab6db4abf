"""Sending: what an actor may send in a step, in which order it is judged, and what is out of order.

Spec: ``image/capabilities``, "Sending"; ``image/messages``, "Order".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gritstone_conformance.model.image.capabilities import holds
from gritstone_conformance.model.image.contents import TEXT
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.frames import Frame, Sending
from gritstone_conformance.model.image.types import is_plain, kernel_type
from gritstone_conformance.model.image.views import View, image_entries, image_entry
from gritstone_conformance.model.values import Blob, Headers, Message

__all__ = ["Letter", "Outgoing"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be sent.

    Attributes:
        to: the receiver.
        mt: the type.
        mode: ``join``, ``save`` or ``post``.
        content: the id of the content.
        headers: further headers.
    """

    to: bytes
    mt: str
    mode: str
    content: bytes
    headers: Headers = ()


@dataclass(slots=True)
class Outgoing:
    """What one step sends.

    Attributes:
        view: the private copy.
        kernel: K.
        frame: the frame in which the answered message was taken.
        answered: the message that is answered.
        before: the outbox before the step.
        outbox: the outbox so far.
        caps: the capabilities that count: those of the core before, and those that were gained.
        created: the receivers of genesis messages of this step.
        queued: the joins and savepoints, in the order in which they were sent.
    """

    view: View
    kernel: bytes
    frame: Frame
    answered: Sending
    before: Mapping[bytes, bytes]
    caps: set[str]
    outbox: dict[bytes, bytes] = field(default_factory=dict)
    created: set[bytes] = field(default_factory=set)
    queued: list[Sending] = field(default_factory=list)
    _posted: set[bytes] = field(default_factory=set)
    _blocked: dict[bytes, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, view: View, kernel: bytes, frame: Frame, answered: Sending) -> Outgoing:
        """Return what the target of a message sends in the step that answers it: nothing so far."""
        core, before = view.core(answered.target), view.outbox(answered.target)
        caps = set() if core is None else set(image_entries(view.shelf, core, "caps"))
        return cls(view, kernel, frame, answered, before, caps, dict(before))

    @property
    def actor(self) -> bytes:
        """The actor that makes the step."""
        return self.answered.target

    def send(self, letter: Letter) -> list[str]:
        """Send a message that a program or a guest sends, and return the capabilities that its sender gains.

        Raises:
            Denied: the first condition that holds.
        """
        gained = self._judge(letter)
        self.put(letter)
        return gained

    def send_made(self, letter: Letter, message: bytes) -> list[str]:
        """Send a message that a guest has made; as :meth:`send`."""
        gained = self._judge(letter)
        self._note(letter, message)
        return gained

    def _judge(self, letter: Letter) -> list[str]:
        """Return the capabilities that the sender of a message gains; raises Denied. Spec: :rule:`image.cap.order`."""
        self._check_form(letter)
        self._check_receiver(letter)
        self.check_order(letter)
        is_birth = letter.mt == "genesis" and self.view.head(letter.to) is None
        if is_birth:
            self._check_birth(letter.to)
        if not self._is_free(letter) and not holds(self.caps, self._needed(letter)):
            raise Denied("rejected", "capability")
        if letter.mt == "genesis":
            self.created.add(letter.to)
        digits = letter.to.hex()
        gained = [f"send.{digits}.*", f"send.{digits}.image.*", f"read.{digits}"] if is_birth else []
        self.caps.update(gained)
        return gained

    def put(self, letter: Letter) -> bytes:
        """Send a message without judging it, and return its id."""
        headers = (("mt", letter.mt), *letter.headers)
        if letter.mode != "post":
            headers = (*headers, ("op", letter.mode))
        message = self.view.shelf.put(Message(self.outbox.get(letter.to), headers, letter.content))
        self._note(letter, message)
        return message

    def _note(self, letter: Letter, message: bytes) -> None:
        self.outbox[letter.to] = message
        if letter.mode == "post":
            self._posted.add(letter.to)
        else:
            self.queued.append(Sending(self.actor, letter.to, message))

    def check_content(self, letter: Letter) -> None:
        """Raise Denied if the content of a message that is not a genesis is its receiver."""
        if letter.content == letter.to:
            raise Denied("malformed", "mt")

    def check_order(self, letter: Letter) -> None:
        """Raise Denied if a message is out of order. Spec: :rule:`image.op.order`."""
        if letter.mode != "post" and self.is_blocked(letter.to):
            raise Denied("rejected", "order")

    def is_blocked(self, to: bytes) -> bool:
        """Return whether a message waits on a channel that is not read before a join that is sent now."""
        if to not in self._blocked:
            cursor = self.view.inbox(to).get(self.actor)
            ids = self.view.unread(self.actor, to) if self.before.get(to) != cursor else ()
            others = (Sending(self.actor, to, each) for each in ids)
            self._blocked[to] = any(each != self.answered and each not in self.frame.waiting for each in others)
        return self._blocked[to] or to in self._posted

    def _check_form(self, letter: Letter) -> None:
        """Conditions 1 and 2."""
        self.check_type(letter)
        if letter.mt == "genesis" and letter.mode != "join":
            raise Denied("malformed", "mode")
        if kernel_type(letter.mt) is not None and letter.mode == "post":
            raise Denied("malformed", "mode")

    @staticmethod
    def check_type(letter: Letter) -> None:
        """Condition 1; raises Denied. That of a reply is never its type."""
        is_genesis, is_reply = letter.mt == "genesis", letter.mt == "reply" and letter.headers != ()
        if not (kernel_type(letter.mt) is not None or is_genesis or is_reply or is_plain(letter.mt)):
            raise Denied("malformed", "mt")
        if is_genesis != (letter.content == letter.to):
            raise Denied("malformed", "mt")

    def _check_receiver(self, letter: Letter) -> None:
        """Conditions 3 to 6."""
        to, is_gone = letter.to, self.view.is_gone(letter.to)
        is_there = self.view.head(to) is not None or is_gone or to in self.created
        if letter.mt != "genesis" and not is_there:
            raise Denied("missing", "actor")
        if is_gone:
            raise Denied("rejected", "gone")
        if to == self.kernel:
            raise Denied("rejected", "location")
        if to == self.view.agent and letter.mode != "post":
            raise Denied("rejected", "effect")

    def _check_birth(self, first: bytes) -> None:
        """Condition 8: a first core gives no more than its creator may. Spec: :rule:`image.cap.attenuate`."""
        shelf, owner = self.view.shelf, self.view.owner(self.actor)
        denied = Denied("rejected", "escalation")
        wanted = "self" if owner is None else owner.hex()
        if not self._is_text(image_entry(shelf, first, "owner"), wanted):
            raise denied
        if any(image_entry(shelf, first, name) is not None for name in ("quota", "timers", "subs")):
            raise denied
        for name, granter in image_entries(shelf, first, "caps").items():
            if not holds(self.caps, name) or not self._is_text(granter, self.actor.hex()):
                raise denied

    def _is_text(self, identity: bytes | None, text: str) -> bool:
        return identity is not None and self.view.shelf.blob(identity) == Blob(TEXT, text.encode())

    def _is_free(self, letter: Letter) -> bool:
        """Return whether a message needs no capability."""
        if letter.mt == "reply":
            return True
        parts = kernel_type(letter.mt)
        is_own = is_plain(letter.mt) or (parts is not None and parts[0] in ("timer", "cancel", "emit"))
        return letter.to == self.actor and is_own

    @staticmethod
    def _needed(letter: Letter) -> str:
        return "spawn" if letter.mt == "genesis" else f"send.{letter.to.hex()}.{letter.mt}"
