"""The threads that perform tools: a bounded number for plain functions, and one for what is awaited."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

__all__ = ["AwaitingThread", "Workers"]

_LONGEST_END_S = 5.0

_log = logging.getLogger(__name__)


class Workers:
    """A bounded pool of threads. Its threads do not keep the process alive."""

    def __init__(self, most: int) -> None:
        """Begin without threads.

        Args:
            most: the maximum number of threads, at least 1.
        """
        self._most = most
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._idle = threading.Semaphore(0)

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which raises nothing, in a thread. Only one thread may call this."""
        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name="gritstone-tool", daemon=True).start()

    def close(self) -> None:
        """End the threads after the jobs that wait."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            job()
            self._idle.release()


class AwaitingThread:
    """An event loop in a thread of its own, in which tools are awaited.

    A tool can end an event loop, for example if a task that it has begun raises ``SystemExit``. This one continues with
    the tasks of other tools. The thread begins with the first call, and does not keep the process alive.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def call(self, function: Callable[[], object]) -> bool:
        """Call a function in the thread; return false if it was closed. Any thread may call this."""
        with self._lock:
            if self._is_closed:
                return False
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._work, args=(self._loop,), name="gritstone-await", daemon=True).start()
            self._loop.call_soon_threadsafe(function)
            return True

    def close(self) -> None:
        """Cancel what is awaited, and end the thread."""
        with self._lock:
            self._is_closed = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._is_closed:
            try:
                loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - raised by a tool
                _log.warning("a tool has ended its event loop, which continues: %s", type(error).__name__)
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        with suppress(BaseException):
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_LONGEST_END_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
