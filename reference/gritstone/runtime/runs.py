"""A run in progress: a transition that may be waiting for something, and the queries that it waits for.

The transition is at the bottom of a stack of generators. A query that it makes of another actor goes on top, and so on.
What ends on top is the answer to the one below.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from gritstone.grit.objects import ObjectId
from gritstone.runtime.actors import Actor
from gritstone.wit.code import Request, Run
from gritstone.wit.workspace import Workspace

__all__ = ["MOST_NESTED", "Running"]

MOST_NESTED = 32
"""How many queries may wait for each other."""


class Running:
    """Be a run in progress.

    Attributes:
        actor: whose it is.
        base: the head that it began from; None before a first step.
        run: what its code sees.
        began_ms: when it began.
        is_over: whether it has ended or was abandoned.
        waits_for: what it waits for; None while it runs.
    """

    __slots__ = ("_stack", "actor", "base", "began_ms", "is_over", "run", "waits_for")

    def __init__(self, actor: Actor, run: Run, play: Generator[Request, Any, Any], began_ms: float) -> None:
        self.actor = actor
        self.base: ObjectId | None = actor.head
        self.run = run
        self.began_ms = began_ms
        self.is_over = False
        self.waits_for: Request | None = None
        self._stack: list[tuple[Generator[Request, Any, Any], Workspace]] = [(play, run.workspace)]

    @property
    def play(self) -> Generator[Request, Any, Any]:
        """Give what is to go on next."""
        return self._stack[-1][0]

    @property
    def nested(self) -> int:
        """Give the number of queries that wait for each other."""
        return len(self._stack) - 1

    def push(self, play: Generator[Request, Any, Any], workspace: Workspace) -> None:
        """Begin a query that what was on top waits for."""
        self._stack.append((play, workspace))

    def pop(self) -> bool:
        """End what is on top; false if it was the transition itself.

        What a query made goes to whoever asked, since its answer may be among it.
        """
        _, workspace = self._stack.pop()
        if not self._stack:
            return False
        self._stack[-1][1].take_over(workspace)
        return True

    def close(self) -> None:
        """Give everything up."""
        self.is_over = True
        while self._stack:
            self._stack.pop()[0].close()
