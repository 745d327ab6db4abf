"""Answering: the step of an actor that reads one message of an operation, and the failure step.

::

    expect, entry table           refused before anything else
    genesis                       the first step, or the message is only read
    kernel message                ``kernel``
    run, or a type with a program ``acting``
    failed, reply                 only read
    any other                     missing/handler

Spec: :ref:`image-answers`, :ref:`image-failure-step`, :ref:`image-pin`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.errors import InternalError
from gritstone.grit.objects import ObjectId
from gritstone.image.acting import Acting
from gritstone.image.cores import NO_ENTRIES, Facts, check_first_core
from gritstone.image.guest_cores import is_guest
from gritstone.image.guests import Meter, answer_as_guest
from gritstone.image.kernel import Kernel, apply
from gritstone.image.ledger import Ledger, Sizes
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.programs import Program, program_of
from gritstone.image.refusals import Failure, refusal
from gritstone.image.sending import Sender
from gritstone.image.texts import EMPTY, is_kernel_type
from gritstone.image.weighing import install_weight, kernel_weight, message_weight, program_weight
from gritstone.wit.position import Position
from gritstone.wit.puppet.core import WorkingCore

__all__ = ["Answering", "failure_step"]

_ONLY_READ = ("failed", "reply")
_NO_FRAME = -2


class Answering:
    """The steps of one operation."""

    def __init__(
        self,
        copy: PrivateCopy,
        seq: int,
        clock: int,
        meter: Meter,
        ledger: Ledger,
    ) -> None:
        """Begin an operation.

        Args:
            copy: the private copy.
            seq: the number of the operation.
            clock: the clock before it.
            meter: the fuel.
            ledger: what the world uses.
        """
        self._copy = copy
        self._seq = seq
        self._clock = clock
        self._meter = meter
        self._ledger = ledger
        self._sizes = Sizes() if copy.base.has_erased else ledger.sizes  # what is erased has no size
        self._timers = 0
        self._pinned: dict[ObjectId, Mapping[str, ObjectId]] = {}
        self._guests: dict[ObjectId, bool] = {}

    def weigh(self, letter: Letter) -> int:
        """Return the weight of a message.

        Spec: :ref:`image-weights`.
        """
        copy, content = self._copy, letter.message.content
        workspace, last = copy.workspace, copy.position(letter.target)
        if last is None:
            return self._sizes.size(workspace, content)
        total = message_weight(workspace, letter, last)
        if letter.mt == "genesis":
            return total
        if is_kernel_type(letter.mt):
            total += kernel_weight(workspace, letter, last)
            if letter.mt == "image.revert":
                total += self._sizes.size(workspace, content)
            elif letter.mt == "image.install" and workspace.tree(content) is not None:
                total += self._sizes.size(workspace, content) + install_weight(workspace, last.step.core, content)
            return total
        if copy.base.guests is not None and self._is_guest(letter.target):
            state = last.core.get("wasm")
            return total if state is None else total + self._sizes.size(workspace, state)
        root = content if letter.mt == "run" else self._handlers(letter.target).get(letter.mt)
        return total + program_weight(workspace, root)

    def answer(self, letter: Letter, frame: int) -> list[Letter]:
        """Make the step that answers a message; return the joins and savepoints that it sends.

        Nothing stays of what the step made but what it reaches.

        Raises:
            Refusal: the step fails.
        """
        first = len(self._copy.workspace.made)
        sent = self._answer(letter, frame)
        step = self._copy.positions[letter.target] or self._copy.gone[letter.target]
        self._copy.workspace.drop_unreached((step.step_id,), first)
        return sent

    def _answer(self, letter: Letter, frame: int) -> list[Letter]:
        copy = self._copy
        copy.take(letter)
        last = copy.position(letter.target)
        index = self._timers
        if letter.mt == "image.timer":
            self._timers += 1
        _check_expected(letter, last)
        if last is None:
            return self._create(letter)
        facts = copy.facts(last)
        _check_entry(copy, letter, facts)
        if letter.mt == "genesis":
            copy.advance(letter, last.step.core)
            return []
        core = _working_core(copy, letter, last)
        sender = Sender(copy, letter.target, facts, last.outbox, frame)
        if is_kernel_type(letter.mt):
            kernel = Kernel(copy, letter, last, core, sender, self._seq, self._clock, index, self._owns)
            apply(kernel)
            self._finish(letter, kernel.core, sender)
            if kernel.is_destroyed:
                copy.destroy(letter.target, _moved(copy, letter.target))
            return sender.sent
        guests = copy.base.guests
        if guests is not None and self._is_guest(letter.target):
            self._finish(letter, answer_as_guest(guests, copy, letter, core, sender, self._meter), sender)
            return sender.sent
        program = self._program(letter, last)
        if program is not None:
            Acting(copy, letter, core, sender).perform(program, self._meter.charge)
        self._finish(letter, core, sender)
        return sender.sent

    def _owns(self, principal: ObjectId) -> bool:
        return self._ledger.owns(self._copy, principal)

    def _create(self, letter: Letter) -> list[Letter]:
        """Make the first step of an actor.

        Spec: :rule:`image.spawn.first`, :rule:`image.spawn.valid`.
        """
        copy = self._copy
        tree = copy.core_tree(letter.target)
        if letter.mt != "genesis":
            raise InternalError("a message to an actor without a head")
        if tree is None:
            raise refusal("malformed/core", "a core that is not a tree", "core.closed", got=letter.target.hex())
        check_first_core(copy.workspace, tree.entries, copy.is_principal, copy.base.guests)
        copy.advance(letter, letter.target)
        return []

    def _finish(self, letter: Letter, core: WorkingCore, sender: Sender) -> None:
        self._copy.advance(letter, core.store(), sender.outbox if sender.has_sent else None)

    def _program(self, letter: Letter, last: Position) -> Program | None:
        """Return the program that answers a message; None if it is only read.

        Raises:
            Malformed: the program does not parse (code ``program``).
            Missing: there is none (code ``handler``).

        Spec: :rule:`image.program.handler`, :rule:`image.code.pinned`.
        """
        workspace = self._copy.workspace
        if letter.mt == "run":
            return program_of(workspace, letter.message.content)
        root = self._handlers(letter.target).get(letter.mt)
        if root is not None:
            return program_of(workspace, root)
        if letter.mt in _ONLY_READ:
            return None
        raise refusal("missing/handler", "no program for the type", "program.handler", got=letter.mt)

    def _is_guest(self, actor: ObjectId) -> bool:
        """Return whether the pinned code of an actor is a module."""
        found = self._guests.get(actor)
        if found is None:
            found = self._guests[actor] = is_guest(self._copy.workspace, self._copy.pinned(actor))
        return found

    def _handlers(self, actor: ObjectId) -> Mapping[str, ObjectId]:
        """Return the programs of the pinned code of an actor."""
        found = self._pinned.get(actor)
        if found is None:
            core = self._copy.pinned(actor)
            tree = self._copy.workspace.tree(core["code"]) if "code" in core else None
            found = self._pinned[actor] = NO_ENTRIES if tree is None else tree.entries
        return found


def failure_step(copy: PrivateCopy, letter: Letter, failure: Failure, frame: int | None) -> list[Letter]:
    """Make the step that only reads a message that failed; return the notice if it is a join.

    Args:
        copy: the private copy.
        letter: a root or a savepoint.
        failure: why it failed.
        frame: the frame in which the savepoint was taken; None for a root.

    Spec: :rule:`image.op.failure-step`, :rule:`image.op.notice`.
    """
    copy.take(letter)
    last = _moved(copy, letter.target)
    core = _working_core(copy, letter, last)
    sender = Sender(copy, letter.target, copy.facts(last), last.outbox, _NO_FRAME if frame is None else frame)
    if letter.sender != copy.base.agent and letter.mt != "failed":
        headers = {"class": failure.kind, "code": failure.code, "mt": "failed", "reply": letter.message_id.hex()}
        if frame is not None and not copy.mail.is_out_of_order(letter.target, letter.sender, frame):
            headers["op"] = "join"
        sender.notify(headers, letter.sender, copy.workspace.put(EMPTY))
    copy.advance(letter, core.store(), sender.outbox if sender.has_sent else None)
    return sender.sent


def _working_core(copy: PrivateCopy, letter: Letter, last: Position) -> WorkingCore:
    """Return the core of a step before anything else happens: the timer that a root fires is removed.

    Spec: :rule:`image.timer.once`.
    """
    core = WorkingCore(copy.workspace, last.step.core, last.core)
    if letter.handle is not None:
        core.delete(("image", "timers", letter.handle))
    return core


def _moved(copy: PrivateCopy, actor: ObjectId) -> Position:
    position = copy.position(actor)
    if position is None:
        raise InternalError("an actor without a head reads a message")
    return position


def _check_expected(letter: Letter, last: Position | None) -> None:
    """Check the header ``expect``.

    Spec: :rule:`image.op.expect`.
    """
    expected = letter.message.headers.get("expect")
    if expected is not None and (last is None or last.step.core.hex() != expected):
        raise refusal("rejected/stale", "the core of the receiver is another", "op.expect", expected=expected)


def _check_entry(copy: PrivateCopy, letter: Letter, facts: Facts) -> None:
    """Check that the receiver admits a message.

    Spec: :rule:`image.entry.declared`, :rule:`image.entry.current`.
    """
    sender, mt = letter.sender, letter.mt
    if sender in (copy.base.agent, letter.target) or mt in ("genesis", *_ONLY_READ):
        return
    if is_kernel_type(mt) or mt.startswith("on."):
        return
    target = facts.part("entry").get(mt)
    data = b"" if target is None else facts.data(target)
    if data != b"*" and sender.hex().encode() not in data.split(b"\n"):
        raise refusal("rejected/entry", "the receiver does not admit the sender", "entry.declared", got=mt)
