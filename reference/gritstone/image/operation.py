"""The operation: frames, fuel, savepoints and failure steps.

::

    frame       a queue of messages; the outermost one has the roots, each other one begins with a savepoint
    taken       a message that was removed from the queue; the step that answers it reads this message alone
    failure     undoes the innermost frame, or the outermost one whose fuel is exceeded, or the whole operation

Nothing here changes the world: the result is the private copy.

Spec: the chapter *Operations* of ``image``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from gritstone.errors import Refusal
from gritstone.image.answering import Answering, failure_step
from gritstone.image.changes import Mark
from gritstone.image.ledger import Ledger
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.record import Root, Undone
from gritstone.image.refusals import Failure, failure_of
from gritstone.image.weighing import units

__all__ = ["MOST_DEPTH", "MOST_HEADS", "MOST_STEPS", "Operation"]

MOST_STEPS = 1_000
"""The most messages that an operation takes."""

MOST_DEPTH = 16
"""The most savepoints within each other."""

MOST_HEADS = 1_000
"""The most heads that an operation moves, reads and removes."""


@dataclass(slots=True)
class _Frame:
    """A part of an operation that fails as a whole.

    Attributes:
        number: its number, which no other frame of the operation has.
        queue: the messages that are not taken.
        begin: the savepoint that began it; None for the frame of the roots.
        mark: the private copy when it began.
        fuel_end: the fuel of the operation at which its limit is reached; None without a limit.
    """

    number: int
    queue: deque[Letter]
    begin: Letter | None
    mark: Mark
    fuel_end: int | None


class _Limit(Exception):  # noqa: N818 - it ends frames
    """A failure of an enclosing frame.

    Attributes:
        depth: the number of frames around it.
        failure: why it fails.
    """

    def __init__(self, depth: int, failure: Failure) -> None:
        super().__init__(str(failure))
        self.depth = depth
        self.failure = failure


class Operation:
    """One operation.

    Attributes:
        copy: the private copy.
        fuel: the fuel that was used.
        savepoints: the savepoints that failed.
        taken: how many messages were taken.
    """

    def __init__(self, copy: PrivateCopy, seq: int, clock: int, ledger: Ledger) -> None:
        """Begin with a private copy in which nothing has happened.

        Args:
            copy: the private copy.
            seq: the number of the operation.
            clock: the clock before it.
            ledger: what the world uses.
        """
        self.copy = copy
        self.fuel = 0
        self.savepoints: list[Undone] = []
        self.taken = 0
        self._ledger = ledger
        self._answering = Answering(copy, seq, clock, self, ledger)
        self._frames: list[_Frame] = []
        self._numbers = 0

    def run(self, roots: Sequence[Letter], fuel_limit: int | None) -> Failure | None:
        """Run until no message is left.

        Args:
            roots: the roots; those of the agent are not sent yet.
            fuel_limit: the fuel that it may use; None for no limit.

        Returns:
            Why it failed; None if it did not. What a failed one did is not undone.
        """
        for root in roots:
            self._send(root)
        self._push(deque(roots), None, fuel_limit)
        while self._frames:
            frame = self._frames[-1]
            if not frame.queue:
                self._frames.pop()
                continue
            letter = frame.queue.popleft()
            try:
                if letter.mode == "save" and not letter.is_root and letter is not frame.begin:
                    self._enter(letter)
                else:
                    frame.queue.extend(self._take(letter, frame))
            except _Limit as limit:
                ended = self._end(limit.depth, limit.failure)
            except Refusal as error:
                ended = self._end(len(self._frames) - 1, failure_of(error))
            else:
                ended = None
            if ended is not None:
                return ended
        return None

    def fail(self, roots: Sequence[Letter], failure: Failure, begin: Mark) -> None:
        """Undo everything, and let the target of each root make its failure step.

        Args:
            roots: the roots.
            failure: why the operation failed.
            begin: the private copy before the operation.

        Spec: :rule:`image.op.failure-step`, :rule:`image.op.total`.
        """
        self.copy.undo(begin)
        self.copy.reads.clear()
        for root in roots:
            if self.copy.has_head(root.target):
                self._send(root)
                failure_step(self.copy, root, failure, None)

    # --- frames ----------------------------------------------------------------------------------------

    def _send(self, root: Letter) -> None:
        """Record a root as sent by the agent; any other root is sent already."""
        if not root.is_stored:
            self.copy.send_root(root)

    def _push(self, queue: deque[Letter], begin: Letter | None, fuel_limit: int | None) -> None:
        end = None if fuel_limit is None else self.fuel + fuel_limit
        self._frames.append(_Frame(self._numbers, queue, begin, self.copy.mark(), end))
        self._numbers += 1

    def _enter(self, letter: Letter) -> None:
        """Begin the frame of a savepoint.

        Spec: :rule:`image.op.savepoint`, :rule:`image.op.limits`.
        """
        if len(self._frames) > MOST_DEPTH:
            raise _Limit(0, Failure("exhausted", "depth"))
        self._push(deque((letter,)), letter, letter.fuel_limit)

    def _take(self, letter: Letter, frame: _Frame) -> list[Letter]:
        if self.taken >= MOST_STEPS:
            raise _Limit(0, Failure("exhausted", "steps"))
        self.taken += 1
        self.charge(units(self._answering.weigh(letter)))
        before = self.copy.position(letter.target)
        sent = self._answering.answer(letter, frame.number)
        if self._ledger.grow(self.copy, letter.target, before):
            raise _Limit(0, Failure("exhausted", "bytes"))
        return sent

    def charge(self, units: int) -> None:
        """Use fuel.

        Spec: :rule:`image.fuel.exact`, :rule:`image.fuel.unmaskable`.
        """
        total = self.fuel + units
        for depth, frame in enumerate(self._frames):
            if frame.fuel_end is not None and total > frame.fuel_end:
                raise _Limit(depth, Failure("exhausted", "fuel"))
        self.fuel = total

    def rest(self) -> int | None:
        """Return the units until the first open frame reaches its limit; None if no open frame has a limit.

        Spec: :rule:`image.wasm.fuel`.
        """
        ends = [frame.fuel_end for frame in self._frames if frame.fuel_end is not None]
        return min(ends) - self.fuel if ends else None

    def end(self) -> NoReturn:
        """Fail the outermost frame that has reached its limit."""
        depth = next(depth for depth, frame in enumerate(self._frames) if frame.fuel_end == self.fuel)
        raise _Limit(depth, Failure("exhausted", "fuel"))

    def _end(self, depth: int, failure: Failure) -> Failure | None:
        """End a frame that failed, with those within it; return the failure if it is that of the roots."""
        frame = self._frames[depth]
        del self._frames[depth:]
        letter = frame.begin
        if letter is None:
            return failure
        self.copy.undo(frame.mark)
        self.savepoints.append(Undone(Root(letter.sender, letter.target, letter.message_id), failure))
        around = self._frames[-1]
        around.queue.extend(failure_step(self.copy, letter, failure, around.number))
        return None
