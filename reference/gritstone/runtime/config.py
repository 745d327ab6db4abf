"""The configuration of a runtime."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Config"]


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a runtime.

    Attributes:
        agent: the name of the agent; 1 to 255 bytes of UTF-8.
        base_ms: the delay after the first counted failure of a message, in milliseconds.
        cap_ms: the longest delay, in milliseconds.
        max_attempts: counted failures of a message until its actor is marked.
        transition_ms: the time limit of a transition, in milliseconds; 0 for none.
        most_covered: messages of one sender that a free runtime proposes at once.
        most_in_progress: transitions that may wait for something at the same time.
        most_waiting: injections, answers and the like that may wait for a commit at the same time.
        commit_objects: the most new objects that a free runtime collects before it commits.
    """

    agent: str
    base_ms: int = 100  # milliseconds
    cap_ms: int = 60_000  # milliseconds
    max_attempts: int = 5
    transition_ms: int = 0  # milliseconds
    most_covered: int = 1_024
    most_in_progress: int = 16_384
    most_waiting: int = 1_024
    commit_objects: int = 16_384

    def delay_ms(self, count: int) -> int:
        """Return the delay after a counted failure.

        Args:
            count: the number of counted failures including this one, at least 1.

        Spec: :rule:`runtime.retry.delay`.
        """
        # A count may be large; the power of two need not be computed if it is over the cap.
        doublings = min(count - 1, 64)
        return min(self.cap_ms, self.base_ms << doublings)
