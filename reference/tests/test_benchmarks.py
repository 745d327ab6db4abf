"""Every benchmark runs: once, on a small case. ``tox -e bench`` runs them all by asv, with all parameters."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "asv_bench" / "benchmarks"
SMALL = {"transitions": 400, "rounds": 2, "actors": 200, "side": 4, "steps": 200, "seconds": 0.05}
"""Attributes of benchmarks that say how much there is to do."""


def load(profile: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{profile}_benchmarks", FOLDER / f"{profile}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(class_: type) -> list[str]:
    return [name for name in dir(class_) if name.startswith(("time_", "track_"))]


def axes_of(class_: type) -> list[Any]:
    params = getattr(class_, "params", ())
    several = isinstance(params, tuple) and all(isinstance(one, (list, tuple)) for one in params)
    return list(params) if several else [params]


def is_large(name: str, params: tuple[Any, ...]) -> bool:
    if name == "ShortLives":
        return bool(params[1] > 125)  # without a release, the time grows with the square of the number of actors
    return (name == "Bundles" and params[0] == "durable") or "10000" in "".join(map(str, params))


def cases() -> list[Any]:
    found = []
    for profile in sorted(path.stem for path in FOLDER.glob("[!_]*.py")):
        for name, class_ in vars(load(profile)).items():
            if isinstance(class_, type) and not name.startswith("_") and measured(class_):
                found += [
                    pytest.param(class_, params, id="-".join([profile, name, *map(str, params)]))
                    for params in itertools.product(*axes_of(class_))
                    if not is_large(name, params)
                ]
    return found


@pytest.mark.parametrize(("class_", "params"), cases())
def test_every_benchmark_runs_once(class_: Any, params: tuple[Any, ...]) -> None:
    benchmark = class_()
    for name in SMALL.keys() & set(dir(class_)):
        setattr(benchmark, name, SMALL[name])
    try:
        if hasattr(benchmark, "setup"):
            benchmark.setup(*params)
    except NotImplementedError as reason:  # this is how asv learns that a case cannot run here
        pytest.skip(str(reason))
    try:
        for name in measured(class_):
            getattr(benchmark, name)(*params)
    finally:
        if hasattr(benchmark, "teardown"):
            benchmark.teardown(*params)
