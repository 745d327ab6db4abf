"""A run in progress: a transition, which may be waiting, and the queries that it waits for.

The transition is at the bottom of a stack of generators. A query that it makes of another actor is pushed on top, and
so on. The result of the top generator is the answer to the one below.
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
"""The maximum nesting of queries."""


class PendingQuery:
    """A query in progress from outside of any run.

    Attributes:
        asked: the steps that were queried, and the answers received so far.
    """

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: set[ObjectId] = set()


class Running:
    """A run in progress.

    Attributes:
        actor: the actor that runs.
        base: the head when the run began; None before a first step.
        mark: the mark that the actor had then; None if it had none.
        run: the run as its code sees it.
        began_ms: when it began.
        is_over: whether it has ended or was abandoned.
        is_stale: whether an object that it has read was discarded with a refused update, or its actor is away.
        removals: the count of removals of the store when it began.
        waits_for: the request that it waits for; None while it runs.
        stack: the transition, and the queries above it, each with the workspace of its objects.
        asked: the steps that were queried, and the answers received.
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
        """Begin a query of a step for the generator on top, which waits for it."""
        self.asked.add(step)
        self.stack.append((play, workspace))

    def pop(self, answer: ObjectId | None) -> None:
        """End the query on top; its objects go to the generator below, since the answer may be among them."""
        if answer is not None:
            self.asked.add(answer)
        _, workspace = self.stack.pop()
        self.stack[-1][1].take_over(workspace)

    def note_discarded(self, discarded: Container[ObjectId]) -> None:
        """Record the objects that were discarded with a refused update; a run that has read one of them is stale.

        Spec: :rule:`runtime.head.before-route`, :rule:`runtime.head.asked`.
        """
        covered = (message for _, messages in self.run.proposal.covered for message in messages)
        self.is_stale = self.is_stale or any(one in discarded for one in (*covered, *self.asked))

    def close(self) -> None:
        """Abandon the run and its queries."""
        self.is_over = True
        while self.stack:
            self.stack.pop()[0].close()
