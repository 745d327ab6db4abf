"""Queues: the posts that wait and the timers that are set, in the order in which they run.

Both follow from the world. ``Queues`` keeps what an engine learned of them; an entry whose post was read or whose timer
was removed is dropped when its turn comes.

Spec: :ref:`image-rest`, :rule:`image.timer.order`, :rule:`image.post.order`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from gritstone.grit.objects import ObjectId

__all__ = ["DueTimer", "Post", "Queues"]

DueTimer: TypeAlias = tuple[int, int, int, ObjectId, str]
"""Due time in milliseconds, seq, index, actor and handle."""

Post: TypeAlias = tuple[int, ObjectId, ObjectId, ObjectId]
"""The number of the operation that sent it, sender, receiver and message."""

_LEAST_KEPT = 1_024


class Queues:
    """Posts and timers of an image."""

    def __init__(self) -> None:
        self._timers: list[DueTimer] = []
        self._blocked: dict[ObjectId, list[DueTimer]] = {}
        self._posts: deque[Post] = deque()
        self._most = _LEAST_KEPT

    @property
    def timers(self) -> int:
        """Return the number of timers that are kept, with those that are not set any more."""
        return len(self._timers) + sum(map(len, self._blocked.values()))

    def replace_posts(self, posts: Iterable[Post]) -> None:
        """Replace the posts, which are in their order, because the mail of all actors was read again."""
        self._posts = deque(posts)
        for actor in list(self._blocked):
            self.unblock(actor)

    def add_posts(self, posts: Iterable[Post]) -> None:
        """Add the posts of the newest operation, in their order."""
        self._posts.extend(posts)

    def add_timer(self, timer: DueTimer) -> None:
        """Add a timer."""
        heapq.heappush(self._timers, timer)

    def compact(self, is_set: Callable[[DueTimer], bool]) -> None:
        """Drop timers that are not set any more, when the queue is twice as long as after the last time."""
        if len(self._timers) > self._most:
            self._timers = [timer for timer in self._timers if is_set(timer)]
            heapq.heapify(self._timers)
            self._most = max(_LEAST_KEPT, 2 * len(self._timers))

    def unblock(self, actor: ObjectId) -> None:
        """Return to the queue the timers of an actor that waited for mail to be read."""
        for timer in self._blocked.pop(actor, ()):
            heapq.heappush(self._timers, timer)

    def due(
        self, clock: int, is_set: Callable[[DueTimer], bool], is_blocked: Callable[[ObjectId], bool]
    ) -> DueTimer | None:
        """Return the timer that fires next; it stays in the queue.

        Args:
            clock: the clock of the image.
            is_set: returns whether a timer is in the core of its actor.
            is_blocked: returns whether an actor has unread mail of the agent.
        """
        timers = self._timers
        while timers and timers[0][0] <= clock:
            first = timers[0]
            if not is_set(first):
                heapq.heappop(timers)
            elif is_blocked(first[3]):
                self._blocked.setdefault(first[3], []).append(heapq.heappop(timers))
            else:
                return first
        return None

    def post(self, is_unread: Callable[[Post], bool]) -> Post | None:
        """Return the post that runs next; it stays in the queue."""
        while self._posts:
            if is_unread(self._posts[0]):
                return self._posts[0]
            self._posts.popleft()
        return None
