"""Asking an actor from outside of any run.

Spec: :rule:`runtime.query.rest`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.objects import ObjectId
from gritstone.runtime.machine import Machine
from gritstone.runtime.runs import MOST_NESTED, PendingQuery
from gritstone.wit.code import Ask, Await, Request, Sleep
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = ["answer"]


async def answer(
    machine: Machine, request: Ask, pending: PendingQuery, *, takes_time: bool, nested: int = 0
) -> tuple[ObjectId, ObjectId | None, Workspace]:
    """Ask an actor where it is now.

    Args:
        machine: who knows where it is.
        request: whom and what.
        pending: what it belongs to; it learns what is asked.
        takes_time: whether sleeping does.
        nested: how many queries wait for this one.

    Returns:
        The step that was asked, the id of the answer or none, and what was made for it.

    Raises:
        Missing: the actor has no head.
        Rejected: nothing answers there, or it failed.
    """
    if nested >= MOST_NESTED:
        raise failure("failed", "queries that wait for each other", rule="wit.query.answers")
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
            value, error = await _provide(machine, wanted, workspace, pending, takes_time=takes_time, nested=nested)
    finally:
        play.close()


async def _provide(
    machine: Machine, wanted: Request, workspace: Workspace, pending: PendingQuery, *, takes_time: bool, nested: int
) -> tuple[Any, BaseException | None]:
    """Give what a query waits for, or the exception to raise in it."""
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
    except Exception as error:  # noqa: BLE001 - it belongs to the code that waits, which is told of it
        return None, error
