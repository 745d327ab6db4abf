"""The cluster: Dask workers, each of which runs one implementation at a time.

No other module uses Dask. A unit requires the resource ``iut``, of which each worker has one, so that two
implementations never share a worker; another worker runs a unit again whose worker was lost.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from gritstone_conformance.campaign.unit import Unit, UnitResult, run_unit
from gritstone_conformance.errors import DataError, UsageError

__all__ = ["Cluster", "opened"]

_RESOURCE: Final = {"iut": 1}
_MISSING: Final = "campaign needs Dask: install the extra, pip install 'gritstone[campaign]'"
_CONNECTS_S: Final = 15
_STARTS_S: Final = 120


class Cluster:
    """Connected workers.

    Attributes:
        workers: their number.
    """

    def __init__(self, client: Any, distributed: Any) -> None:
        self._client = client
        self._distributed = distributed
        self._refused: set[str] = set()
        self.workers = len(self._ready())

    def run_units(
        self, units: Sequence[Unit], patience_s: float, report: Callable[[str], None]
    ) -> Iterator[UnitResult]:
        """Run units on the workers; yield each part as it arrives.

        Args:
            units: in the order of their numbers.
            patience_s: the longest time in seconds to wait for a unit.
            report: called with the reason if a worker is rejected.

        Raises:
            UsageError: no worker has the required implementation.
            DataError: a unit could not be run, or exceeded the time.
        """
        futures = [self._submit(unit) for unit in units]
        coming = self._distributed.as_completed(futures, timeout=patience_s)
        try:
            for future in coming:
                part = self._part(future)
                if part.refused is None:
                    yield part
                else:
                    coming.add(self._elsewhere(units[part.index], part, report))
        except TimeoutError as problem:
            raise DataError(f"a unit was not run within {patience_s:.0f} s: are workers running?") from problem
        finally:
            self._client.cancel(futures)

    def _part(self, future: Any) -> UnitResult:
        if future.status != "finished":
            problem = future.exception()
            raise DataError(f"a unit could not be run: {type(problem).__name__}: {problem}")
        part: UnitResult = future.result()
        return part

    def _submit(self, unit: Unit, workers: Sequence[str] | None = None) -> Any:
        return self._client.submit(_on_worker, unit, workers=workers, resources=_RESOURCE, pure=False, retries=1)

    def _elsewhere(self, unit: Unit, part: UnitResult, report: Callable[[str], None]) -> Any:
        """Submit a unit to any worker that was not rejected."""
        if part.worker not in self._refused:
            report(f"worker {part.worker} rejected: {part.refused}")
        self._refused.add(part.worker)
        left = sorted(set(self._ready()) - self._refused)
        if not left:
            raise UsageError(f"no worker has the implementation of this machine; the last worker: {part.refused}")
        return self._submit(unit, left)

    def _ready(self) -> list[str]:
        """Return the addresses of the workers with the resource ``iut``."""
        found: list[str] = self._client.run_on_scheduler(_addresses)
        return found


@contextmanager
def opened(scheduler: str | None, workers: int) -> Iterator[Cluster]:
    """Connect to a scheduler, or start a number of workers on this machine; they end with the block.

    Raises:
        UsageError: Dask is not installed, the scheduler does not answer, or no worker is ready.
    """
    distributed, dask = _imported()
    with tempfile.TemporaryDirectory(prefix="gritstone-") as folder, dask.config.set(_quiet(folder)):
        if scheduler is None:
            with _local(distributed, workers) as local, distributed.Client(local) as client:
                client.wait_for_workers(workers, timeout=_STARTS_S)
                yield Cluster(client, distributed)
            return
        try:
            client = distributed.Client(scheduler, timeout=_CONNECTS_S)
        except (OSError, ValueError, TimeoutError) as problem:
            raise UsageError(f"--scheduler {scheduler}: {problem}") from problem
        with client:
            cluster = Cluster(client, distributed)
            if not cluster.workers:
                start = f"dask worker {scheduler} --nthreads 1 --resources iut=1"
                raise UsageError(f"--scheduler {scheduler}: no worker has the resource iut; start some: {start}")
            yield cluster


def _quiet(folder: str) -> dict[str, Any]:
    """Return the configuration that makes Dask silent and lets it write into a folder."""
    return {"logging.distributed": "critical", "temporary-directory": folder}


def _local(distributed: Any, workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        resources=_RESOURCE,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    )


def _imported() -> tuple[Any, Any]:
    try:
        return importlib.import_module("distributed"), importlib.import_module("dask")
    except ImportError as problem:
        raise UsageError(_MISSING) from problem


def _on_worker(unit: Unit) -> UnitResult:
    address: str = importlib.import_module("distributed").get_worker().address
    return run_unit(unit, address)


def _addresses(dask_scheduler: Any) -> list[str]:
    return [address for address, worker in dask_scheduler.workers.items() if worker.resources.get("iut", 0) >= 1]
