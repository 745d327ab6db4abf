"""Running a guest as code of ``wit``, which yields when it asks another actor.

A guest cannot yield in the middle of a host call. So one that asks runs on a thread of its own, and either that thread
runs or the one that drives the code, never both. Since most that may ask do not, a guest begins where it is; when it
asks, what it did is dropped, and it begins again on a thread. All others stay where they are, unless the stack there
could be too small: the engine ends the process when a guest meets the end of the stack before the end of its units.

Spec: :rule:`wasm.abi.function`, :rule:`wasm.host.alive`.
"""

from __future__ import annotations

import queue
import resource
import threading
from collections.abc import Callable, Generator
from functools import cache
from typing import Any, TypeAlias, TypeVar

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.wit.code import Ask as Request

__all__ = ["Ask", "play"]

_T = TypeVar("_T")
_STARTING = threading.Lock()  # the size of stacks is one for all threads that start
_STACK_BYTES = 8 << 20  # of the stack of a thread; four times what a guest may take of it

Ask: TypeAlias = Callable[[ObjectId, str, bytes], ObjectId | None]
"""Ask another actor a query; a refusal is raised."""


class _Abandoned(BaseException):
    """End a guest that nobody waits for any more."""


class _Asks(BaseException):
    """End a guest that asks where it cannot wait."""


class _Thread:
    """Be a guest on a thread of its own."""

    def __init__(self, run: Callable[[Ask], Any]) -> None:
        self._run = run
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[ObjectId | None, BaseException | None]] = queue.SimpleQueue()
        self._waits = False

    def play(self) -> Generator[Request, Any, Any]:
        """Run it to its end, and yield what it asks."""
        with _STARTING:
            before = threading.stack_size(_STACK_BYTES)
            try:
                threading.Thread(target=self._work, name="guest", daemon=True).start()
            finally:
                threading.stack_size(before)
        while True:
            what, value = self._asked.get()
            match what:
                case "end":
                    return value
                case "error":
                    raise value
            self._waits = True
            try:
                answer = yield value
            except Exception as error:  # noqa: BLE001 - it belongs to the guest, which is told of it
                self._answer(None, error)
            else:
                self._answer(answer, None)

    def close(self) -> None:
        """End the guest if it waits for an answer that will not come."""
        if self._waits:
            self._answer(None, _Abandoned())
            self._asked.get()

    def _answer(self, answer: ObjectId | None, error: BaseException | None) -> None:
        self._waits = False
        self._answers.put((answer, error))

    def _ask(self, actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
        self._asked.put(("ask", Request(actor, name, args)))
        answer, error = self._answers.get()
        if error is not None:
            raise error
        return answer

    def _work(self) -> None:
        try:
            self._asked.put(("end", self._run(self._ask)))
        except BaseException as error:  # noqa: BLE001 - raised again where the guest is waited for
            self._asked.put(("error", error))


def _has_room() -> bool:
    """Tell whether this thread is known to have a stack that is large enough."""
    return threading.current_thread() is threading.main_thread() and _main_has_room()


@cache
def _main_has_room() -> bool:
    size, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return size == resource.RLIM_INFINITY or size >= _STACK_BYTES


def play(run: Callable[[Ask], _T], *, may_ask: bool) -> Generator[Request, Any, _T]:
    """Run a guest; what it asks is yielded.

    Args:
        run: runs it to its end, and is given what asks.
        may_ask: whether it may ask anything.
    """
    if _has_room():
        try:
            return run(_again if may_ask else _nobody)
        except _Asks:
            pass
    thread = _Thread(run)
    try:
        ended: _T = yield from thread.play()
        return ended
    finally:
        thread.close()


def _again(actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
    raise _Asks


def _nobody(actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
    raise Rejected("nobody can be asked here", rule="wit.query.answers")
