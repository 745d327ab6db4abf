"""The operation ``X``: results that an executor must not admit.

Each kind is one function: it alters the fields of the computed step, or returns a different id.

Spec: :rule:`wit.puppet.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gritstone.errors import Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.wit.channels import load_message
from gritstone.wit.code import Run
from gritstone.wit.failures import failure
from gritstone.wit.position import entries_of

__all__ = ["KINDS", "alter"]


@dataclass(frozen=True, slots=True)
class _Altering:
    """The inputs of an illegal result.

    Attributes:
        run: the transition.
        step: the computed step.
        sender: x, the sender of the message that contained the ``X``.
        message: m, the id of that message.
    """

    run: Run
    step: Step
    sender: ObjectId
    message: ObjectId

    @property
    def absent(self) -> ObjectId:
        return bytes(byte ^ 0xFF for byte in self.message)

    def inbox(self) -> dict[ObjectId, ObjectId]:
        return dict(entries_of(self.run.workspace, self.step.inbox))

    def outbox(self) -> dict[ObjectId, ObjectId]:
        return dict(entries_of(self.run.workspace, self.step.outbox))

    def mailbox(self, entries: Mapping[ObjectId, ObjectId]) -> ObjectId | None:
        return self.run.workspace.put(Mailbox(entries)) if entries else None

    def content(self) -> ObjectId:
        return load_message(self.run.workspace.load, self.message).content


_Result = Step | ObjectId


def alter(run: Run, step: Step, illegal: tuple[int, ObjectId, ObjectId]) -> ObjectId:
    """Return an illegal result in place of a step.

    Args:
        run: the transition.
        step: the computed step.
        illegal: the kind, the sender and the message.

    Raises:
        Rejected: the kind is unknown, or there is nothing to alter (code ``failed``).
    """
    kind, sender, message = illegal
    make = KINDS.get(kind)
    if make is None:
        raise _nothing(kind)
    result = make(_Altering(run, step, sender, message))
    if result is None:
        raise _nothing(kind)
    return result if isinstance(result, bytes) else run.workspace.put(result)


def _previous(it: _Altering) -> _Result | None:
    last = it.run.last
    if last is None:
        return replace(it.step, previous=it.step.core)
    return replace(it.step, previous=last.step_id if it.step.previous is None else None)


def _actor(it: _Altering) -> _Result | None:
    return None if it.sender == it.run.actor else replace(it.step, actor=it.sender)


def _inbox_still(it: _Altering) -> _Result | None:
    return replace(it.step, inbox=None if it.run.last is None else it.run.last.step.inbox)


def _inbox_invented(it: _Altering) -> _Result | None:
    inbox, key = it.inbox(), it.step.core
    if key in inbox or key in it.run.proposal.mailbox:
        return None
    return replace(it.step, inbox=it.mailbox({**inbox, key: it.message}))


def _inbox_vanished(it: _Altering) -> _Result | None:
    if it.run.last is None or it.sender not in it.run.last.inbox:
        return None
    inbox = it.inbox()
    del inbox[it.sender]
    return replace(it.step, inbox=it.mailbox(inbox))


def _inbox_unsent(it: _Altering) -> _Result | None:
    unsent = it.run.workspace.put(Message(it.message, NO_HEADERS, it.content()))
    return replace(it.step, inbox=it.mailbox({**it.inbox(), it.sender: unsent}))


def _outbox_back(it: _Altering) -> _Result | None:
    before = {} if it.run.last is None else it.run.last.outbox
    if not before:
        return None
    key = min(before)
    older = load_message(it.run.workspace.load, before[key]).previous
    return None if older is None else replace(it.step, outbox=it.mailbox({**it.outbox(), key: older}))


def _outbox_dangling(it: _Altering) -> _Result | None:
    outbox = it.outbox()
    dangling = it.run.workspace.put(Message(outbox.get(it.sender), NO_HEADERS, it.absent))
    return replace(it.step, outbox=it.mailbox({**outbox, it.sender: dangling}))


def _core_blob(it: _Altering) -> _Result | None:
    return replace(it.step, core=it.run.workspace.put(Blob(NO_HEADERS, b"")))


def _core_witless(it: _Altering) -> _Result | None:
    tree = it.run.workspace.tree(it.step.core)
    assert tree is not None, "the core was just made"
    rest = {name: target for name, target in tree.entries.items() if name != "wit"}
    if not rest or len(rest) == len(tree.entries):
        return None
    return replace(it.step, core=it.run.workspace.put(Tree(rest)))


def _core_absent(it: _Altering) -> _Result | None:
    return replace(it.step, core=it.absent)


def _no_step(it: _Altering) -> _Result | None:
    return it.step.core


def _no_object(it: _Altering) -> _Result | None:
    return it.absent


def _previous_skipped(it: _Altering) -> _Result | None:
    older = None if it.run.last is None else it.run.last.step.previous
    return None if older is None else replace(it.step, previous=older)


KINDS: Mapping[int, Callable[[_Altering], _Result | None]] = MappingProxyType(
    {
        0x01: _previous,
        0x02: _actor,
        0x03: _inbox_still,
        0x04: _inbox_invented,
        0x05: _inbox_vanished,
        0x06: _inbox_unsent,
        0x07: _outbox_back,
        0x08: _outbox_dangling,
        0x09: _core_blob,
        0x0A: _core_witless,
        0x0B: _core_absent,
        0x0C: _no_step,
        0x0D: _no_object,
        0x0E: _previous_skipped,
    }
)
"""The function for each kind; it returns None if there is nothing to alter."""


def _nothing(kind: int) -> Refusal:
    return failure("failed", f"X {kind:02x}: nothing to alter", rule="wit.puppet.exact")
