"""Work that is spread over processes, which start with the state of this one.

The processes are forks, so that nothing of a large history is copied to them; what they find is sent back. Where a
system cannot fork, the work is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import Any, Final, TypeVar

from gritstone_conformance.model.spreading import Spread, in_turn

__all__ = ["over_processes"]

_PARTS_A_JOB: Final = 8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def over_processes(jobs: int) -> Spread:
    """Return a function that spreads work over so many processes."""
    if jobs == 1 or "fork" not in get_all_start_methods():
        return in_turn

    def spread(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        size = max(1, len(items) // (jobs * _PARTS_A_JOB))
        context = get_context("fork")
        with ProcessPoolExecutor(min(jobs, len(items)) or 1, context, _Worker.set, (work,)) as pool:
            return list(pool.map(_Worker.do, items, chunksize=size))

    return spread


class _Worker:
    """The work of a process; it is set once, before the first item."""

    work: Callable[[Any], Any]

    @classmethod
    def set(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)

    @classmethod
    def do(cls, item: Any) -> Any:
        return cls.work(item)
