"""Kernel messages: what the runtime answers for an actor, whose code does not run.

Each type is a function of the turn, in the order of the table of the text: the form of the content, the conditions, the
effect on the working core.

Spec: ``image/kernel``; :rule:`image.kernel.exact`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.cores import WorkingTree, merge
from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.image.begin import with_timers
from gritstone_conformance.model.image.books import Books
from gritstone_conformance.model.image.capabilities import holds, is_capability
from gritstone_conformance.model.image.contents import EMPTY, LARGEST, id_of, is_empty, number_of, text_of
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.sending import Letter, Outgoing
from gritstone_conformance.model.image.types import is_plain
from gritstone_conformance.model.image.validity import check_core, is_entry, quota_of
from gritstone_conformance.model.image.views import View, image_entries, image_entry
from gritstone_conformance.model.values import Blob, Message

__all__ = ["KernelTurn", "answer_kernel"]

_TEXT: Final = (("ct", "s"),)
_INSTALLED: Final = frozenset(("code", "wit", "wit_query", "src"))


@dataclass(slots=True)
class KernelTurn:
    """A kernel message that is answered.

    Attributes:
        view: the private copy.
        books: the usage of the world, with the owner of each actor.
        outgoing: what the step sends.
        message: the message.
        event: the event in its type, or the empty text.
        core: the core of the receiver.
        seq: the number of the operation.
        clock: the clock before the operation, in milliseconds.
        index: how many messages ``image.timer`` were taken before.
        is_destroyed: whether the receiver is gone after the step.
    """

    view: View
    books: Books
    outgoing: Outgoing
    message: Message
    event: str
    core: bytes
    seq: int
    clock: int
    index: int
    is_destroyed: bool = False

    @property
    def sender(self) -> bytes:
        """The actor A, or R."""
        return self.outgoing.answered.sender

    @property
    def actor(self) -> bytes:
        """The receiver B."""
        return self.outgoing.answered.target

    @property
    def is_from_agent(self) -> bool:
        """Whether R sent the message."""
        return self.sender == self.view.agent

    @property
    def is_from_owner(self) -> bool:
        """Whether the owner of the receiver sent the message."""
        return self.sender == self.view.owner(self.actor)

    def text(self) -> str | None:
        """Return the content as text, or None if it is not a text blob."""
        data = text_of(self.view.shelf, self.message.content)
        return None if data is None else data.decode("latin-1")

    def granter(self, capability: str) -> bytes | None:
        """Return who granted a capability of the receiver, or None if it has none of this name."""
        return id_of(text_of(self.view.shelf, image_entries(self.view.shelf, self.core, "caps").get(capability)))

    def put(self, tree: str, name: str, value: Blob) -> bytes:
        """Return the core with an entry of a tree below ``image``."""
        working = self._working()
        working.put(["image", tree, name], self.view.shelf.put(value))
        return working.seal()

    def delete(self, tree: str, name: str) -> bytes:
        """Return the core without an entry of a tree below ``image``."""
        working = self._working()
        working.delete(["image", tree, name])
        return working.seal()

    def _working(self) -> WorkingTree:
        return WorkingTree(self.view.shelf, self.view.shelf.names(self.core))


def answer_kernel(turn: KernelTurn, word: str) -> bytes:
    """Return the core after a kernel message.

    Args:
        turn: the message and its receiver.
        word: the word of its type.

    Raises:
        Denied: the first condition that is violated.
    """
    return _ANSWERS[word](turn)


def _need(condition: bool, kind: str, code: str) -> None:
    if not condition:
        raise Denied(kind, code)


def _capability(turn: KernelTurn) -> str:
    text = turn.text()
    if text is None or not is_capability(text):
        raise Denied("malformed", "capability")
    return text


def _grant(turn: KernelTurn) -> bytes:
    wanted = _capability(turn)
    core = turn.view.core(turn.sender)
    held = {} if core is None else image_entries(turn.view.shelf, core, "caps")
    _need(turn.is_from_agent or holds(held, wanted), "rejected", "escalation")
    return turn.put("caps", wanted, Blob(_TEXT, turn.sender.hex().encode()))


def _revoke(turn: KernelTurn) -> bytes:
    revoked = _capability(turn)
    is_there = revoked in image_entries(turn.view.shelf, turn.core, "caps")
    is_granter = is_there and turn.granter(revoked) == turn.sender
    _need(turn.is_from_agent or turn.is_from_owner or is_granter, "rejected", "capability")
    _need(is_there, "missing", "capability")
    return turn.delete("caps", revoked)


def _entry(turn: KernelTurn) -> bytes:
    text = turn.text()
    mt, found, value = ("" if text is None else text).partition("\n")
    is_name = is_plain(mt) and not check_name(mt, turn.view.shelf.format.name)
    _need(bool(found) and is_name and (value == "-" or is_entry(value.encode("latin-1"))), "malformed", "entry")
    _need(turn.is_from_agent or turn.is_from_owner, "rejected", "capability")
    return turn.delete("entry", mt) if value == "-" else turn.put("entry", mt, Blob(_TEXT, value.encode()))


def _quota(turn: KernelTurn) -> bytes:
    _need(quota_of(text_of(turn.view.shelf, turn.message.content)) is not None, "malformed", "quota")
    _need(turn.is_from_agent and turn.view.is_principal(turn.actor), "rejected", "capability")
    working = WorkingTree(turn.view.shelf, turn.view.shelf.names(turn.core))
    working.put(["image", "quota"], turn.message.content)
    return working.seal()


def _install(turn: KernelTurn) -> bytes:
    shelf, content = turn.view.shelf, turn.message.content
    _need(shelf.is_tree(content), "malformed", "install")
    is_own = turn.is_from_agent or turn.view.owner(turn.sender) == turn.view.owner(turn.actor)
    _need(not shelf.names(content).keys() - _INSTALLED and is_own, "rejected", "location")
    merged = merge(shelf, turn.core, content)
    check_core(turn.view, merged, is_first=False)
    return merged


def _subscribe(turn: KernelTurn) -> bytes:
    _need(is_empty(turn.view.shelf, turn.message.content), "malformed", "subscribe")
    return turn.put("subs", f"{turn.event}.{turn.sender.hex()}", EMPTY)


def _unsubscribe(turn: KernelTurn) -> bytes:
    _need(is_empty(turn.view.shelf, turn.message.content), "malformed", "unsubscribe")
    name = f"{turn.event}.{turn.sender.hex()}"
    _need(name in image_entries(turn.view.shelf, turn.core, "subs"), "missing", "subscription")
    return turn.delete("subs", name)


def _emit(turn: KernelTurn) -> bytes:
    """Send the event to the subscribers. Spec: :rule:`image.event.inside`, :rule:`image.event.order`."""
    _need(turn.sender == turn.actor, "rejected", "capability")
    prefix = f"{turn.event}."
    names = image_entries(turn.view.shelf, turn.core, "subs")
    for name in sorted(name for name in names if name.startswith(prefix)):
        subscriber = id_of(name.removeprefix(prefix).encode())
        if subscriber is None or turn.view.head(subscriber) is None:
            continue
        mode = "post" if subscriber == turn.view.agent else "join"
        letter = Letter(subscriber, f"on.{turn.event}", mode, turn.message.content)
        turn.outgoing.check_content(letter)
        turn.outgoing.check_order(letter)
        turn.outgoing.put(letter)
    return turn.core


def _timer(turn: KernelTurn) -> bytes:
    delay, _, mt = (turn.text() or "").partition(" ")
    number = number_of(delay.encode("latin-1"))
    due = LARGEST + 1 if number is None else turn.clock + number
    _need(due <= LARGEST and is_plain(mt), "malformed", "timer")
    _need(turn.sender == turn.actor, "rejected", "capability")
    handle = turn.outgoing.answered.message.hex()
    return turn.put("timers", handle, Blob(_TEXT, f"{due} {turn.seq} {turn.index} {mt}".encode()))


def _cancel(turn: KernelTurn) -> bytes:
    handle = id_of(text_of(turn.view.shelf, turn.message.content))
    if handle is None:
        raise Denied("malformed", "cancel")
    _need(turn.sender == turn.actor, "rejected", "capability")
    _need(handle.hex() in image_entries(turn.view.shelf, turn.core, "timers"), "missing", "timer")
    return turn.delete("timers", handle.hex())


def _destroy(turn: KernelTurn) -> bytes:
    _need(is_empty(turn.view.shelf, turn.message.content), "malformed", "destroy")
    _need(_is_quiet(turn), "rejected", "busy")
    turn.is_destroyed = True
    return turn.core


def _revert(turn: KernelTurn) -> bytes:
    shelf, content = turn.view.shelf, turn.message.content
    entries = shelf.names(content) if shelf.is_tree(content) else {}
    if entries.keys() != {"core"} or not shelf.is_tree(entries["core"]):
        raise Denied("malformed", "revert")
    core = entries["core"]
    _need(turn.is_from_agent, "rejected", "capability")
    owners = (image_entry(shelf, each, "owner") for each in (core, turn.core))
    _need(len(set(owners)) == 1, "rejected", "escalation")
    reverted = with_timers(shelf, core, turn.core)
    check_core(turn.view, reverted, is_first=False)
    return reverted


def _is_quiet(turn: KernelTurn) -> bool:
    """Return whether the receiver is quiet; the message counts as read. Spec: ``image/kernel``, "Quiet actors"."""
    view, actor, answered = turn.view, turn.actor, turn.outgoing.answered
    inbox = {**view.inbox(actor), answered.sender: answered.message}
    for sender in turn.books.senders_to(view, actor):
        if view.last_sent(sender, actor) != inbox.get(sender):
            return False
    for receiver, tip in view.outbox(actor).items():
        read = inbox if receiver == actor else view.inbox(receiver)
        if read.get(actor) != tip:
            return False
    return not (view.is_principal(actor) and turn.books.has_others(view, actor))


_ANSWERS: Final[dict[str, Callable[[KernelTurn], bytes]]] = {
    "grant": _grant,
    "revoke": _revoke,
    "entry": _entry,
    "quota": _quota,
    "install": _install,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "emit": _emit,
    "timer": _timer,
    "cancel": _cancel,
    "destroy": _destroy,
    "revert": _revert,
}
