"""A run in progress: a transition that may be waiting for something, and the queries that it waits for.

The transition is at the bottom of a stack of generators. A query that it makes of another actor goes on top, and so on.
What ends on top is the answer to the one below.
"""

from __future__ import annotations

from collections.abc import Container, Generator
from typing import Any

from gritstone.grit.objects import ObjectId
from gritstone.runtime.actors import Actor
from gritstone.wit.code import Request, Run
from gritstone.wit.workspace import Workspace

__all__ = ["MOST_NESTED", "PendingQuery", "Running"]

MOST_NESTED = 32
"""How many queries may wait for each other."""


class PendingQuery:
    """Be a query from outside of any run, in progress.

    Attributes:
        asked: the steps that were asked, and the answers that were had on the way.
    """

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: set[ObjectId] = set()


class Running:
    """Be a run in progress.

    Attributes:
        actor: whose it is.
        base: the head that it began from; None before a first step.
        mark: the mark that the actor had then; None if it had none.
        run: what its code sees.
        began_ms: when it began.
        is_over: whether it has ended or was abandoned.
        is_stale: whether something that it has read was discarded with a refused update, or its actor is away.
        removals: the count of removals of the store when it began.
        waits_for: what it waits for; None while it runs.
        stack: the transition, and the queries above it, each with where it makes objects.
        asked: the steps that were asked, and the answers that were had.
    """

    __slots__ = (
        "actor",
        "asked",
        "base",
        "began_ms",
        "is_over",
        "is_stale",
        "mark",
        "removals",
        "run",
        "stack",
        "waits_for",
    )

    def __init__(self, actor: Actor, run: Run, play: Generator[Request, Any, Any], began_ms: float) -> None:
        self.actor = actor
        self.base: ObjectId | None = actor.head
        self.mark: ObjectId | None = actor.mark
        self.run = run
        self.began_ms = began_ms
        self.is_over = False
        self.is_stale = False
        self.removals = 0
        self.waits_for: Request | None = None
        self.asked: set[ObjectId] = set()
        self.stack: list[tuple[Generator[Request, Any, Any], Workspace]] = [(play, run.workspace)]

    def push(self, step: ObjectId, play: Generator[Request, Any, Any], workspace: Workspace) -> None:
        """Begin a query of a step that what was on top waits for."""
        self.asked.add(step)
        self.stack.append((play, workspace))

    def pop(self, answer: ObjectId | None) -> None:
        """End the query on top; what it made goes to whoever asked, since its answer may be among it."""
        if answer is not None:
            self.asked.add(answer)
        _, workspace = self.stack.pop()
        self.stack[-1][1].take_over(workspace)

    def note_discarded(self, discarded: Container[ObjectId]) -> None:
        """Note which objects were discarded with a refused update; a run that has read one of them is stale.

        Spec: :rule:`runtime.head.before-route`, :rule:`runtime.head.asked`.
        """
        covered = (message for _, messages in self.run.proposal.covered for message in messages)
        self.is_stale = self.is_stale or any(one in discarded for one in (*covered, *self.asked))

    def close(self) -> None:
        """Give everything up."""
        self.is_over = True
        while self.stack:
            self.stack.pop()[0].close()
