"""Code: what an executor runs, and what code may ask of it.

Code is sans-IO. A transition or query is a generator: it reads and makes objects in its workspace, yields a
``Request`` for whatever takes time or needs another actor, is sent the answer, and returns an id. Most code never
yields, and then costs no more than a call. Whoever drives it decides what time is and who is asked.

::

    Sleep      go on after that time            answered with None
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
    """Ask to go on later.

    Attributes:
        milliseconds: after how long.
    """

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for the answer of another actor to a query.

    Attributes:
        actor: whom.
        name: which query.
        args: its arguments.
    """

    actor: ObjectId
    name: str
    args: bytes


@dataclass(frozen=True, slots=True)
class Await:
    """Ask to wait for something asynchronous.

    Attributes:
        awaitable: a coroutine or the like that nobody awaits yet.
    """

    awaitable: Awaitable[Any]


Request: TypeAlias = Sleep | Ask | Await

CodeRun: TypeAlias = Generator[Request, Any, "ObjectId | Draft | None"]
"""A transition or query in progress; it returns an id. A query may return None, for none, and no draft."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Be a step that is not the one to make yet.

    Attributes:
        step: its id; None or that of ``Run.last`` as if it were returned itself.
        finish: is called when it is admitted, with where the actor would be; gives the id of the step to make in its
            stead, or the same.
    """

    step: ObjectId | None
    finish: Callable[[Position], ObjectId]


class Run:
    """Be one transition of one actor with one proposal, as its code sees it.

    Attributes:
        workspace: what it reads and where it makes objects.
        actor: the actor.
        last: where it is; None before its first step.
        core: the entries of the core it starts from; for a first step those of the content.
        core_id: the id of that core.
        proposal: what is to be read.
        attempt: 1 for a first try.
        fixed: paths that are frozen besides those that the core lists, if it lists any.
    """

    __slots__ = ("actor", "attempt", "core", "core_id", "fixed", "last", "proposal", "workspace")

    def __init__(
        self,
        workspace: Workspace,
        actor: ObjectId,
        last: Position | None,
        core_id: ObjectId,
        core: Mapping[str, ObjectId],
        proposal: Proposal,
        attempt: int,
        fixed: tuple[Path, ...] = (),
    ) -> None:
        self.workspace = workspace
        self.actor = actor
        self.last = last
        self.core_id = core_id
        self.core = core
        self.proposal = proposal
        self.attempt = attempt
        self.fixed = fixed


@dataclass(frozen=True, slots=True)
class Question:
    """Be one query of one step, as its code sees it.

    Attributes:
        workspace: what it reads and where it makes objects.
        position: the step that is asked.
        name: which query; any text.
        args: its arguments.
    """

    workspace: Workspace
    position: Position
    name: str
    args: bytes


class Code(Protocol):
    """Make steps and answer queries."""

    def step(self, run: Run) -> CodeRun:
        """Give the id of the next step or a draft of it, or the id of ``run.last`` to decline."""

    def query(self, question: Question) -> CodeRun:
        """Give the id of a blob or tree, or None for none."""
