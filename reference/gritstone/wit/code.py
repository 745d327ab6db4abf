"""Code: what an executor runs, and the requests that code may make.

Code is sans-IO. A transition or query is a generator: it reads and makes objects in its workspace, yields a
``Request`` for whatever takes time or needs another actor, is sent the answer, and returns an id. Most code never
yields, and then costs no more than a call. The driver of the generator decides how time passes and which actors answer.

::

    Sleep      continue after that time         answered with None
    Ask        query another actor              answered with an id or None; a refusal is thrown in
    Await      wait for something asynchronous  answered with its result; its exception is thrown in
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.wit.paths import Path
from gritstone.wit.position import Position
from gritstone.wit.proposals import Proposal
from gritstone.wit.workspace import Workspace

__all__ = ["Ask", "Await", "Code", "CodeRun", "Draft", "Question", "Request", "Run", "Sleep"]


@dataclass(frozen=True, slots=True)
class Sleep:
    """A request to continue later.

    Attributes:
        milliseconds: the time to wait.
    """

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A query of another actor.

    Attributes:
        actor: the id of the queried actor.
        name: the name of the query.
        args: its arguments.
    """

    actor: ObjectId
    name: str
    args: bytes


@dataclass(frozen=True, slots=True)
class Await:
    """A request to wait for something asynchronous.

    Attributes:
        awaitable: an awaitable that is not awaited yet.
    """

    awaitable: Awaitable[Any]


Request: TypeAlias = Sleep | Ask | Await

CodeRun: TypeAlias = Generator[Request, Any, "ObjectId | Draft | None"]
"""A transition or query in progress. A transition returns an id or a draft; a query returns an id or None."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A step that its code changes once it is admitted.

    Attributes:
        step: its id; None and the id of ``Run.last`` mean the same as when code returns them.
        finish: called with the position after the admitted step; returns the id of the step to make, which may be the
            same.
    """

    step: ObjectId | None
    finish: Callable[[Position], ObjectId]


@dataclass(slots=True, eq=False)
class Run:
    """One transition of one actor with one proposal, as its code sees it.

    Attributes:
        workspace: reads objects and collects new ones.
        actor: the id of the actor.
        last: its position; None before its first step.
        core_id: the id of the core.
        core: the entries of the core that the transition starts from; for a first step, the entries of the content.
        proposal: the messages to read.
        attempt: 1 for the first attempt.
        fixed: frozen paths in addition to those that the core lists, if it lists any.
    """

    workspace: Workspace
    actor: ObjectId
    last: Position | None
    core_id: ObjectId
    core: Mapping[str, ObjectId]
    proposal: Proposal
    attempt: int
    fixed: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One query of one step, as its code sees it.

    Attributes:
        workspace: reads objects and collects new ones.
        position: the queried step.
        name: the name of the query; any text.
        args: its arguments.
    """

    workspace: Workspace
    position: Position
    name: str
    args: bytes


class Code(Protocol):
    """Code of an actor: it makes steps and answers queries."""

    def step(self, run: Run) -> CodeRun:
        """Return the id of the next step, a draft of it, or the id of ``run.last`` to decline."""

    def query(self, question: Question) -> CodeRun:
        """Return the id of a blob or tree, or None."""
