"""The operation: a private run of steps of many actors, which commits as a whole or changes nothing.

Nothing of the state changes by a run: what it makes is an entry of the journal and the steps, on the shelf.

Spec: ``image/operation``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.admission import admission_defects
from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.image.begin import Begin, Root
from gritstone_conformance.model.image.contents import EMPTY, number_of, put_text
from gritstone_conformance.model.image.denial import Denied, Ended, Unknowable, within_limits
from gritstone_conformance.model.image.frames import Frame, Meter, Sending
from gritstone_conformance.model.image.guests import GuestTurn, answer_as_guest
from gritstone_conformance.model.image.kernel import KernelTurn, answer_kernel
from gritstone_conformance.model.image.programs import Program, program_in
from gritstone_conformance.model.image.record import COMMITTED, Failed, Record, RootLine
from gritstone_conformance.model.image.running import Turn, run_program
from gritstone_conformance.model.image.sending import Letter, Outgoing
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.image.types import is_event_type, is_plain, kernel_type
from gritstone_conformance.model.image.validity import check_core
from gritstone_conformance.model.image.views import View, image_entry
from gritstone_conformance.model.image.weighing import (
    kernel_weight,
    merge_weight,
    program_weight,
    size,
    step_weight,
    units,
)
from gritstone_conformance.model.image.world import Entry
from gritstone_conformance.model.module_nodes import module_path
from gritstone_conformance.model.proposals import Proposal, header, message_type
from gritstone_conformance.model.puppet import Draft
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Message, Step

__all__ = ["MOST_DEPTH", "MOST_LINES", "MOST_STEPS", "Made", "perform"]

MOST_STEPS: Final = 1000  # messages taken
MOST_DEPTH: Final = 16  # frames of savepoints
MOST_LINES: Final = 1000  # lines head, read and gone


@dataclass(frozen=True, slots=True)
class Made:
    """What an operation made.

    Attributes:
        record: its record.
        entry: the record with the steps of R and K.
        view: the private copy at its end, with the heads of R and K.
        steps: the steps that it made for actors and that are kept, in the order in which they were made.
    """

    record: Record
    entry: Entry
    view: View
    steps: tuple[bytes, ...]


def perform(state: State, begin: Begin) -> Made:
    """Make an operation from the newest world.

    Raises:
        Unknowable: a guest takes more units than are counted here, or the recorded world has an illegal step.
        Refusal: an object is absent.
    """
    run = _Run(state, begin, state.view())
    run.view.sent = dict(begin.sends)
    why = run.outcome()
    if why is not None:
        run.fail(why)
    return _close(run, why)


@dataclass(slots=True)
class _Run:
    """An operation while it runs.

    Attributes:
        taken: messages that were taken; this, the fuel, the savepoints, the reads and the timers are never undone.
        steps: the steps that were made and not undone.
        grown: by how many bytes each principal uses more than before.
        timers: how many messages ``image.timer`` were taken.
    """

    state: State
    begin: Begin
    view: View
    meter: Meter = field(default_factory=Meter)
    taken: int = 0
    timers: int = 0
    savepoints: list[tuple[RootLine, Failed]] = field(default_factory=list)
    reads: set[bytes] = field(default_factory=set)
    steps: list[bytes] = field(default_factory=list)
    handles: dict[Sending, str] = field(default_factory=dict)
    grown: dict[bytes, int] = field(default_factory=dict)

    def outcome(self) -> Denied | None:
        """Run the frame of the roots and return the failure of the operation, or None."""
        roots = [_sending(root) for root in self.begin.roots]
        self.handles = {_sending(root): root.handle for root in self.begin.roots if root.handle is not None}
        if not roots:
            return None
        try:
            self._frame(roots, self.begin.fuel, ())
        except Denied as why:
            return why
        except Ended as ended:
            return ended.why
        return self._exceeded()

    def fail(self, why: Denied) -> None:
        """Undo everything and make the failure steps of the roots. Spec: :rule:`image.op.failure-step`."""
        self.view = self.state.view()
        self.steps = []
        for root in self.begin.roots:
            if self.view.head(root.target) is None:
                continue
            if root.sender == self.view.agent and root.target in self.begin.sends:
                self.view.sent[root.target] = root.message
            self._failure_step(Frame(None, 0), _sending(root), why)

    def _exceeded(self) -> Denied | None:
        """Return the first limit or quota that the operation exceeds, or None."""
        lines = len(_heads(self.view)) + len(_reads(self)) + len(self.view.gone)
        return Denied("exhausted", "heads") if lines > MOST_LINES else self.state.books.judge(self.view)

    def _frame(self, queue: Iterable[Sending], limit: int | None, begun: tuple[Sending, ...]) -> None:
        """Read a queue of messages and all that they cause.

        Args:
            queue: the roots, or a savepoint.
            limit: the fuel limit.
            begun: the savepoint that began the frame.

        Raises:
            Denied: the frame fails.
            Ended: a frame around it, or this one for its fuel, fails.
        """
        frame = Frame(limit, self.meter.spent)
        frame.add(queue)
        self.meter.frames.append(frame)
        first = () if begun else tuple(frame.queue)
        try:
            while frame.queue:
                sending = frame.take()
                is_save = header(self.view.shelf.message(sending.message), "op") == "save"
                if is_save and sending not in begun and sending not in first:
                    frame.add(self._savepoint(frame, sending))
                    continue
                if self.taken == MOST_STEPS:
                    raise Ended(0, Denied("exhausted", "steps"))
                self.taken += 1
                self.meter.charge(units(self._weigh(sending)))
                before = self.view.core(sending.target)
                frame.add(self._answer(frame, sending))
                self._grow(sending.target, before)
        finally:
            self.meter.frames.pop()

    def _weigh(self, sending: Sending) -> int:
        """Return the weight of a message. Spec: ``image/quotas``, "Weights"."""
        view, shelf, message = self.view, self.view.shelf, self.view.shelf.message(sending.message)
        core, mt, content = view.core(sending.target), message_type(message), message.content
        if core is None:
            return size(shelf, content)
        total, kernel = step_weight(view, sending.target, core, mt), kernel_type(mt)
        if mt == "genesis":
            return total
        if kernel is not None:
            total += kernel_weight(shelf, core, content)
            if kernel[0] == "install" and shelf.is_tree(content):
                total += merge_weight(shelf, core, content) + size(shelf, content)
            return total + (size(shelf, content) if kernel[0] == "revert" else 0)
        pinned = self._pinned(sending.target)
        if view.has_guests and module_path(shelf, pinned, "wit") is not None:
            return total + size(shelf, shelf.names(core).get("wasm"))
        return total + program_weight(shelf, content if mt == "run" else find(shelf, pinned, ["code", mt]))

    def _grow(self, actor: bytes, before: bytes | None) -> None:
        """Judge the bytes of the owner of an actor that made a step. Spec: :rule:`image.quota.hard`."""
        books, view = self.state.books, self.view
        owner, change = books.growth(view, actor, before)
        self.grown[owner] = self.grown.get(owner, 0) + change
        why = books.judge_bytes(view, owner, self.grown[owner])
        if why is not None:
            raise Ended(0, why)

    def _savepoint(self, frame: Frame, sending: Sending) -> list[Sending]:
        """Run a savepoint; if it fails, undo it, make the failure step, and return the notice if it is a join.

        Spec: :rule:`image.op.savepoint`.
        """
        depth = len(self.meter.frames)
        if depth > MOST_DEPTH:
            raise Ended(0, Denied("exhausted", "depth"))
        mark, made, grown = self.view.mark(), len(self.steps), dict(self.grown)
        fuel = header(self.view.shelf.message(sending.message), "fuel")
        try:
            self._frame([sending], None if fuel is None else number_of(fuel.encode()), (sending,))
        except Denied as denied:
            why = denied
        except Ended as ended:
            if ended.depth != depth:
                raise
            why = ended.why
        else:
            return []
        self.view.restore(mark)
        del self.steps[made:]
        self.grown = grown
        line = sending.sender, sending.target, sending.message
        self.savepoints.append((line, Failed(why.kind, why.code)))
        return self._failure_step(frame, sending, why)

    def _failure_step(self, frame: Frame, sending: Sending, why: Denied) -> list[Sending]:
        """Make the failure step for a message, with its notice. Spec: :rule:`image.op.notice`."""
        outgoing = Outgoing.of(self.view, self.state.kernel, frame, sending)
        message = self.view.shelf.message(sending.message)
        if sending.sender != self.view.agent and message_type(message) != "failed":
            is_save = header(message, "op") == "save"
            mode = "join" if is_save and not outgoing.is_blocked(sending.sender) else "post"
            own = (("class", why.kind), ("code", why.code), ("reply", sending.message.hex()))
            outgoing.put(Letter(sending.sender, "failed", mode, self.view.shelf.put(EMPTY), own))
        self._step(outgoing, self._core_before(sending))
        return outgoing.queued

    def _answer(self, frame: Frame, sending: Sending) -> list[Sending]:
        """Make the step that answers a message, and return the joins and savepoints that it sent; raises Denied."""
        try:
            return self._answered(frame, sending)
        except Refusal as refusal:
            raise within_limits(refusal) from refusal

    def _answered(self, frame: Frame, sending: Sending) -> list[Sending]:
        message = self.view.shelf.message(sending.message)
        kernel = kernel_type(message_type(message))
        index = self.timers
        self.timers += kernel is not None and kernel[0] == "timer"
        self._check_expected(sending, message)
        self._check_entry(sending, message)
        outgoing = Outgoing.of(self.view, self.state.kernel, frame, sending)
        if message.content == sending.target:
            return self._genesis(outgoing)
        core = self._core_before(sending)
        if kernel is not None:
            turn = KernelTurn(
                *(self.view, self.state.books, outgoing, message, kernel[1], core),
                *(self.state.seq + 1, self.state.clock, index),
            )
            self._step(outgoing, answer_kernel(turn, kernel[0]))
            if turn.is_destroyed:
                self.view.destroy(sending.target)
            return outgoing.queued
        if self.view.has_guests and module_path(self.view.shelf, self._pinned(sending.target), "wit") is not None:
            guest = GuestTurn(self.view, outgoing, self._pinned(sending.target), core)
            self._take_over(outgoing, answer_as_guest(guest, self.meter))
            return outgoing.queued
        program = self._program(sending.target, message)
        if program is not None:
            working = WorkingTree(self.view.shelf, self.view.shelf.names(core))
            run_program(Turn(self.view, message, program, working, outgoing, self.reads), self.meter)
            core = working.seal()
        self._step(outgoing, core)
        return outgoing.queued

    def _check_expected(self, sending: Sending, message: Message) -> None:
        """Spec: :rule:`image.op.expect`."""
        expected, core = header(message, "expect"), self.view.core(sending.target)
        if expected is not None and (core is None or core.hex() != expected):
            raise Denied("rejected", "stale")

    def _check_entry(self, sending: Sending, message: Message) -> None:
        """Spec: :rule:`image.entry.declared`, :rule:`image.entry.current`."""
        mt, shelf = message_type(message), self.view.shelf
        if sending.sender in (self.view.agent, sending.target) or message.content == sending.target:
            return
        if kernel_type(mt) is not None or mt in ("failed", "reply") or is_event_type(mt):
            return
        core = self.view.core(sending.target)
        table = None if core is None else image_entry(shelf, core, "entry")
        target = None if table is None or not shelf.is_tree(table) else shelf.names(table).get(mt)
        blob = None if target is None else shelf.blob(target)
        admitted = [] if blob is None else blob.data.split(b"\n")
        if admitted != [b"*"] and sending.sender.hex().encode() not in admitted:
            raise Denied("rejected", "entry")

    def _genesis(self, outgoing: Outgoing) -> list[Sending]:
        """Answer a genesis. Spec: :rule:`image.spawn.first`, :rule:`image.spawn.valid`."""
        actor = outgoing.actor
        core = self.view.core(actor)
        if core is None:
            check_core(self.view, actor, is_first=True)
        self._step(outgoing, actor if core is None else core)
        return []

    def _program(self, actor: bytes, message: Message) -> Program | None:
        """Return the program that answers a message, or None if it is only read.

        Spec: :rule:`image.program.handler`.
        """
        mt, pinned = message_type(message), self._pinned(actor)
        if mt == "run":
            return program_in(self.view.shelf, message.content)
        handler = find(self.view.shelf, pinned, ["code", mt]) if _is_handled(mt) else None
        if handler is not None:
            return program_in(self.view.shelf, handler)
        if mt in ("failed", "reply"):
            return None
        raise Denied("missing", "handler")

    def _pinned(self, actor: bytes) -> bytes:
        """Return the core that has the pinned code of an actor. Spec: :rule:`image.code.pinned`."""
        head = self.view.base.heads.get(actor)
        return actor if head is None else self.view.shelf.step(head).core

    def _core_before(self, sending: Sending) -> bytes:
        """Return the core from which a step begins: that of the head, without the entry of a timer that fires.

        Spec: :rule:`image.timer.once`.
        """
        core = self.view.core(sending.target)
        if core is None:  # only in a forged journal
            raise Denied("missing", "actor")
        handle = self.handles.get(sending)
        if handle is None:
            return core
        working = WorkingTree(self.view.shelf, self.view.shelf.names(core))
        working.delete(["image", "timers", handle])
        return working.seal()

    def _step(self, outgoing: Outgoing, core: bytes) -> None:
        """Make a step of an actor, admitted, and move its head."""
        sender, actor, message = outgoing.answered
        last = self.view.head(actor)
        before = {} if last is None else self.view.inbox(actor)
        draft = Draft(last, actor, {**before, sender: message}, dict(outgoing.outbox), core)
        self._take_over(outgoing, draft.seal(self.view.shelf))

    def _take_over(self, outgoing: Outgoing, step: bytes) -> None:
        """Admit a step and move the head of its actor."""
        sender, actor, message = outgoing.answered
        last, view = self.view.head(actor), self.view
        kind = "genesis" if last is None else "ordinary"
        defects = admission_defects(view.shelf, actor, last, Proposal(kind, ((sender, message),)), step)
        if defects and all(defect.kind == "exhausted" for defect in defects):
            raise Denied("exhausted", "exhausted")
        if defects:  # only in a world that a forged journal left
            raise Unknowable("a step from the recorded world is not admitted")
        view.set_head(actor, step)
        self.steps.append(step)


def _close(run: _Run, why: Denied | None) -> Made:
    """Make the steps of R and K, and the record."""
    state, view, begin = run.state, run.view, run.begin
    record = Record(
        state.seq + 1,
        state.clock if begin.clock is None else begin.clock,
        tuple((root.sender, root.target, root.message) for root in begin.roots),
        run.meter.spent,
        COMMITTED if why is None else Failed(why.kind, why.code),
        tuple(run.savepoints),
        _heads(view),
        () if why is not None else _reads(run),
        tuple(sorted(view.gone)),
    )
    entry = _publish(run, record)
    view.set_head(state.agent, entry.agent_step)
    view.set_head(state.kernel, entry.kernel_step)
    return Made(record, entry, view, tuple(run.steps))


def _publish(run: _Run, record: Record) -> Entry:
    """Store the steps of R and K. Spec: :rule:`image.op.one-step`."""
    state, shelf = run.state, run.view.shelf
    agent, kernel = state.world.heads[state.agent], state.world.heads[state.kernel]
    last, op = shelf.step(agent), put_text(shelf, record.encode())
    message = shelf.put(Message(shelf.mail(last.outbox).get(state.kernel), (("mt", "image.op"),), op))
    outbox = {**shelf.mail(last.outbox), **run.view.sent, state.kernel: message}
    inbox = {**shelf.mail(last.inbox), **run.begin.read}
    agent_step = Draft(agent, state.agent, inbox, outbox, state.agent).seal(shelf)
    before = shelf.step(kernel)
    core = WorkingTree(shelf, shelf.names(before.core))
    core.put(["op"], op)
    read = shelf.put_mail({**shelf.mail(before.inbox), state.agent: message})
    return Entry(record, agent_step, shelf.put(Step(kernel, state.kernel, read, before.outbox, core.seal())))


def _heads(view: View) -> tuple[tuple[bytes, bytes | None, bytes], ...]:
    """Return the lines ``head``."""
    lines = []
    for actor in sorted(view.changed()):
        step = view.last_step(actor)
        assert step is not None, "it has made a step"
        lines.append((actor, view.base.heads.get(actor), step))
    return tuple(lines)


def _reads(run: _Run) -> tuple[tuple[bytes, bytes], ...]:
    """Return the lines ``read``. Spec: :rule:`image.serial.read`."""
    heads, changed = run.view.base.heads, run.view.changed()
    return tuple((actor, heads[actor]) for actor in sorted(run.reads - changed) if actor in heads)


def _sending(root: Root) -> Sending:
    return Sending(root.sender, root.target, root.message)


def _is_handled(mt: str) -> bool:
    return is_plain(mt) or is_event_type(mt) or mt in ("failed", "reply")
