"""Guests as code of ``wit``, which yields when a guest queries another actor.

A guest cannot yield in the middle of a host call. So a guest that queries runs on a separate thread, and either that
thread or the one that drives the code runs, never both. Most guests that may query do not. So a guest starts on the
current thread; at its first query its effects are dropped, and it starts again on a separate thread. A guest that may
not query stays on the current thread, unless the stack there could be too small: the engine ends the process if a guest
reaches the end of the stack before the end of its units.

Spec: :rule:`wasm.abi.function`, :rule:`wasm.host.alive`.
"""

from __future__ import annotations

import queue
import resource
import threading
from collections.abc import Callable, Generator
from functools import cache
from typing import Any, Generic, TypeAlias, TypeVar

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.wit.code import Ask as Request

__all__ = ["Ask", "AsksTooEarly", "GuestThread", "ask_later", "ask_nobody", "has_room"]

_T = TypeVar("_T")
_STARTING = threading.Lock()  # the stack size is a setting for all threads that start
_STACK_BYTES = 8 << 20  # stack of a thread; four times what a guest may use of it

Ask: TypeAlias = Callable[[ObjectId, str, bytes], ObjectId | None]
"""A function that queries another actor; a refusal is raised."""


class _Abandoned(BaseException):
    """An exception that ends a guest whose result is no longer needed."""


class AsksTooEarly(BaseException):
    """An exception that ends a guest that queries where it cannot wait."""


class GuestThread(Generic[_T]):
    """A guest on a separate thread."""

    def __init__(self, run: Callable[[Ask], _T]) -> None:
        """Prepare a thread.

        Args:
            run: runs the guest to its end; receives the function that makes queries.
        """
        self._run = run
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[ObjectId | None, BaseException | None]] = queue.SimpleQueue()
        self._waits = False

    def play(self) -> Generator[Request, Any, _T]:
        """Run the guest to its end, and yield its queries; return what ``run`` returns."""
        with _STARTING:
            before = threading.stack_size(_STACK_BYTES)
            try:
                threading.Thread(target=self._work, name="guest", daemon=True).start()
            finally:
                threading.stack_size(before)
        try:
            while True:
                what, value = self._asked.get()
                match what:
                    case "end":
                        ended: _T = value
                        return ended
                    case "error":
                        raise value
                self._waits = True
                try:
                    answer = yield value
                except Exception as error:  # noqa: BLE001 - it belongs to the guest, which receives it
                    self._answer(None, error)
                else:
                    self._answer(answer, None)
        finally:
            if self._waits:  # for an answer that will not arrive
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
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            self._asked.put(("error", error))


def has_room() -> bool:
    """Return whether this thread is known to have a large enough stack for a guest."""
    return threading.current_thread() is threading.main_thread() and _main_has_room()


@cache
def _main_has_room() -> bool:
    size, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return size == resource.RLIM_INFINITY or size >= _STACK_BYTES


def ask_later(actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
    """End a guest that queries on the current thread: it must run on a separate one."""
    raise AsksTooEarly


def ask_nobody(actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
    """Refuse the query of a guest that may not query."""
    raise Rejected("queries are not possible here", rule="wit.query.answers")
