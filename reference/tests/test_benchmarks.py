"""Every benchmark runs: once, on its smaller cases. ``tox -e bench-smoke`` runs them all by asv."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "asv_bench" / "benchmarks" / "grit.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grit_benchmarks", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> list[Any]:
    found = []
    for name, class_ in vars(load()).items():
        if isinstance(class_, type) and hasattr(class_, "params"):
            axes = class_.params if isinstance(class_.params, tuple) else (class_.params,)
            for params in itertools.product(*axes):
                large = name == "Bundles" and params[0] == "durable"
                if not large and "10000" not in "".join(params):
                    found.append(pytest.param(class_, params, id="-".join([name, *params])))
    return found


@pytest.mark.parametrize(("class_", "params"), cases())
def test_runs(class_: Any, params: tuple[str, ...]) -> None:
    benchmark = class_()
    benchmark.setup(*params)
    timed = [name for name in dir(benchmark) if name.startswith("time_")]
    assert timed
    try:
        for name in timed:
            getattr(benchmark, name)(*params)
    finally:
        if hasattr(benchmark, "teardown"):
            benchmark.teardown(*params)
