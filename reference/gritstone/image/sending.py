"""Sending: the checks that each message of an actor passes in the step that sends it.

::

    malformed/mt  malformed/mode  missing/actor  rejected/gone  rejected/location  rejected/effect
    rejected/order  rejected/escalation  rejected/capability

The first that fails fails the step.

Spec: :rule:`image.cap.order`, :rule:`image.cap.send`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from gritstone.errors import Refusal
from gritstone.grit.objects import Message, ObjectId
from gritstone.image.capabilities import SPAWN, covered, send_capability
from gritstone.image.cores import Facts
from gritstone.image.mail import POST, Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.refusals import refusal
from gritstone.image.spawning import escalates, gains_of
from gritstone.image.texts import is_kernel_type, is_plain_type, read_number

__all__ = ["Sender"]

_MODES = ("join", "save", None)
_OWN_TYPES = ("image.timer", "image.cancel")


class Sender:
    """The outbox of an actor in one step.

    Attributes:
        actor: the actor.
        outbox: the entries, with what was sent.
        sent: the joins and savepoints that were sent, in order.
        gains: the capabilities for the actors that were spawned.
        has_sent: whether anything was sent.
        held: the capabilities that count.
    """

    def __init__(
        self, copy: PrivateCopy, actor: ObjectId, facts: Facts, outbox: Mapping[ObjectId, ObjectId], frame: int
    ) -> None:
        self.actor = actor
        self.outbox = dict(outbox)
        self.sent: list[Letter] = []
        self.gains: dict[ObjectId, tuple[str, ...]] = {}
        self.has_sent = False
        self._copy = copy
        self._facts = facts
        self._frame = frame
        self.held: Container[str] = facts.part("caps")

    def send(self, target: ObjectId, mt: str, mode: str | None, content: ObjectId) -> tuple[str, ...]:
        """Check and send a message of a program; return the capabilities that the sender gains by it.

        Raises:
            Refusal: the sending is refused; see the module.
        """
        self._check_type(target, mt, content)
        _check_mode(mt, {} if mode is None else {"op": mode})
        self._check_target(target, mode, is_genesis=mt == "genesis")
        if mt == "genesis":
            self._check_spawn(target)
        self._check_capability(target, mt)
        headers = {"mt": mt} if mode is None else {"mt": mt, "op": mode}
        self._add(target, headers, content)
        return self._gain(target) if mt == "genesis" else ()

    def _gain(self, target: ObjectId) -> tuple[str, ...]:
        """Add and return the capabilities that the creator of an actor gains; none if the actor exists already."""
        if self._copy.has_head(target) or target in self.gains:
            return ()
        self.gains[target] = gains_of(target)
        self.held = {*self._facts.part("caps"), *(one for gained in self.gains.values() for one in gained)}
        return self.gains[target]

    def reply(self, letter: Letter, content: ObjectId) -> None:
        """Check and send a reply to the message that is being answered.

        Raises:
            Refusal: the sending is refused.
        """
        if content == letter.sender:
            raise _malformed_type("reply")
        mode = "join" if letter.mode is not None else None
        self._check_target(letter.sender, mode, is_genesis=False)
        headers = {"mt": "reply", "reply": letter.message_id.hex()}
        self._add(letter.sender, headers if mode is None else {**headers, "op": mode}, content)

    def adopt(self, answered: Letter, target: ObjectId, message_id: ObjectId, message: Message) -> None:
        """Check and send a message that a guest made.

        Args:
            answered: the message that the guest answers.
            target: the receiver.
            message_id: the id of the message.
            message: the message, which is behind the last one of its channel.

        Raises:
            Refusal: the sending is refused.

        Spec: :rule:`image.wasm.both`.
        """
        mt, mode = message.headers.get("mt", ""), message.headers.get("op")
        is_reply = mt == "reply"
        if is_reply:
            _check_reply(answered, target, message)
        else:
            self._check_type(target, mt, message.content)
        _check_mode(mt, message.headers)
        self._check_target(target, mode, is_genesis=mt == "genesis")
        if mt == "genesis":
            self._check_spawn(target)
        if not is_reply:
            self._check_capability(target, mt)
        self._pass_on(target, message_id, message)
        if mt == "genesis":
            self._gain(target)

    def emit(self, event: str, subscriber: ObjectId, content: ObjectId) -> None:
        """Check and send an event to a subscriber.

        Raises:
            Refusal: the sending is refused.
        """
        mt = f"on.{event}"
        if content == subscriber:
            raise _malformed_type(mt)
        if subscriber == self._copy.base.agent:
            self._add(subscriber, {"mt": mt}, content)
            return
        self._check_order(subscriber, "join")
        self._add(subscriber, {"mt": mt, "op": "join"}, content)

    def notify(self, headers: Mapping[str, str], target: ObjectId, content: ObjectId) -> None:
        """Send a notice, which passes no check."""
        self._add(target, headers, content)

    def _add(self, target: ObjectId, headers: Mapping[str, str], content: ObjectId) -> None:
        message = Message(self.outbox.get(target), headers, content)
        self._pass_on(target, self._copy.workspace.put(message), message)

    def _pass_on(self, target: ObjectId, message_id: ObjectId, message: Message) -> None:
        frame = POST if "op" not in message.headers else self._frame
        letter = Letter(self.actor, target, message_id, message, frame)
        self.outbox[target] = message_id
        self.has_sent = True
        self._copy.send(letter)
        if frame != POST:
            self.sent.append(letter)

    # --- checks ----------------------------------------------------------------------------------------

    @staticmethod
    def _check_type(target: ObjectId, mt: str, content: ObjectId) -> None:
        is_genesis = mt == "genesis"
        if not (is_genesis or is_plain_type(mt) or is_kernel_type(mt)) or is_genesis is not (content == target):
            raise _malformed_type(mt)

    def _check_target(self, target: ObjectId, mode: str | None, *, is_genesis: bool) -> None:
        copy, agent = self._copy, self._copy.base.agent
        if target not in (agent, copy.base.kernel) and not copy.has_head(target):
            if copy.is_gone(target):
                raise refusal("rejected/gone", "the receiver was destroyed", "gone.final", got=target.hex())
            if not is_genesis and target not in self.gains:
                raise refusal("missing/actor", "the receiver has no head", "cap.order", got=target.hex())
        if target == copy.base.kernel:
            raise refusal("rejected/location", "the kernel actor reads records only", "location.kernel")
        if target == agent and mode is not None:
            raise refusal("rejected/effect", "the agent reads posts only", "effect.deferred")
        self._check_order(target, mode)

    def _check_order(self, target: ObjectId, mode: str | None) -> None:
        if mode is not None and self._copy.mail.is_out_of_order(self.actor, target, self._frame):
            raise refusal("rejected/order", "the message would overtake another", "op.order", got=target.hex())

    def _check_spawn(self, target: ObjectId) -> None:
        """Check that a spawned actor gets no more than its creator may give; its form is checked in its first step.

        Spec: :rule:`image.cap.attenuate`.
        """
        copy = self._copy
        tree = copy.core_tree(target)
        if tree is None or copy.has_head(target):
            return
        if escalates(copy.workspace, tree.entries, self.actor, self._facts.owner or self.actor, self.held):
            raise refusal("rejected/escalation", "the spawned actor has more rights", "cap.attenuate", got=target.hex())

    def _check_capability(self, target: ObjectId, mt: str) -> None:
        """Check that a capability of the core before covers a message.

        Spec: :rule:`image.cap.send`.
        """
        if mt == "genesis":
            wanted = SPAWN
        elif target == self.actor and (is_plain_type(mt) or mt in _OWN_TYPES or mt.startswith("image.emit.")):
            return
        else:
            wanted = send_capability(target, mt)
        if not covered(self.held, wanted):
            raise refusal("rejected/capability", "no capability covers the message", "cap.send", got=wanted)


def _check_reply(answered: Letter, target: ObjectId, message: Message) -> None:
    """Check that a reply of a guest is one to the message that it answers.

    Spec: :rule:`image.message.type`.
    """
    mode = "join" if answered.mode is not None else None
    is_own = target == answered.sender and message.headers.get("reply") == answered.message_id.hex()
    if not is_own or message.headers.get("op") != mode or message.content == target:
        raise _malformed_type("reply")


def _check_mode(mt: str, headers: Mapping[str, str]) -> None:
    """Check the mode of a message, and that only a savepoint has a limit of fuel.

    Spec: :rule:`image.message.mode`.
    """
    mode, fuel = headers.get("op"), headers.get("fuel")
    is_limit = fuel is None or (mode == "save" and read_number(fuel.encode("ascii", "replace")) is not None)
    is_allowed = mode == "join" if mt == "genesis" else mode is not None or not is_kernel_type(mt)
    if mode not in _MODES or not is_limit or not is_allowed:
        raise refusal("malformed/mode", "the mode of a message is not allowed", "message.mode", got=mode)


def _malformed_type(mt: str) -> Refusal:
    return refusal("malformed/mt", "the type of a message is not allowed", "message.type", got=ascii(mt))
