"""The threads that perform tools which are plain functions."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

__all__ = ["Workers"]


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
