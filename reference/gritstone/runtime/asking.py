"""Queries of an actor from outside of any run.

Spec: :rule:`runtime.query.rest`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.objects import ObjectId
from gritstone.runtime.actors import MOST_NESTED, PendingQuery
from gritstone.runtime.machine import Machine
from gritstone.wit.code import Ask, Await, Request, Sleep
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = ["answer", "provide"]


async def answer(
    machine: Machine, request: Ask, pending: PendingQuery, *, takes_time: bool, nested: int = 0
) -> tuple[ObjectId, ObjectId | None, Workspace]:
    """Query an actor at its present head.

    Args:
        machine: the machine of the actor.
        request: the actor and the query.
        pending: the query in progress; it records the steps that are queried.
        takes_time: whether sleeping takes time.
        nested: the number of queries that wait for this one.

    Returns:
        The step that was queried, the id of the answer or None, and the objects that were made for it.

    Raises:
        Missing: the actor has no head.
        Rejected: no code answers the query, or the query failed.
    """
    if nested >= MOST_NESTED:
        raise failure("failed", "queries are nested too deep", rule="wit.query.answers")
    workspace = Workspace(machine.world.objects)
    step, play = machine.query(workspace, request)
    pending.asked.add(step)
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                wanted = play.send(value) if error is None else play.throw(error)
            except StopIteration as stop:
                return step, stop.value, workspace
            value, error = await provide(machine, wanted, workspace, pending, takes_time=takes_time, nested=nested)
    finally:
        play.close()


async def provide(
    machine: Machine, wanted: Request, workspace: Workspace, pending: PendingQuery, *, takes_time: bool, nested: int
) -> tuple[Any, BaseException | None]:
    """Return the result that code waits for, or the exception to raise in it."""
    try:
        match wanted:
            case Sleep(milliseconds):
                await asyncio.sleep(milliseconds / 1000 if takes_time else 0)
                return None, None
            case Ask():
                _, found, below = await answer(machine, wanted, pending, takes_time=takes_time, nested=nested + 1)
                if found is not None:
                    pending.asked.add(found)
                workspace.take_over(below)
                return found, None
            case Await(awaitable):
                return await awaitable, None
    except Refusal as refusal:
        return None, refusal
    except Exception as error:  # noqa: BLE001 - it is raised in the code that waits
        return None, error
