"""The model's engine against the figures of the text."""

from __future__ import annotations

import hashlib
import re

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.wasm.admission import admit
from gritstone_conformance.model.wasm.machine import Machine, OutOfFuel, Trapped
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.strategies.worked import WORKED, Worked

PAGES = 256


def no_host(name: str, arguments: list[int]) -> int | None:
    raise AssertionError((name, arguments))


def outcome(module: bytes, budget: int) -> tuple[str, int]:
    """Return how ``wit`` ends, and the units that it spends."""
    machine = Machine(admit(module, "wit", PAGES), PAGES, budget, no_host)
    try:
        n = machine.call("wit")
    except Trapped as trap:
        return f"trap:{trap.code}", budget - machine.fuel
    except OutOfFuel:
        return "fuel", budget - machine.fuel
    return f"guest:{n}" if n else "declined", budget - machine.fuel


@pytest.mark.parametrize("worked", WORKED.values(), ids=list(WORKED))
def test_worked_example(worked: Worked) -> None:
    assert outcome(worked.module, worked.units) == (worked.outcome, worked.units)
    assert outcome(worked.module, worked.units + 10_000) == (worked.outcome, worked.units)
    assert outcome(worked.module, worked.units - 1) == ("fuel", worked.units - 1)
    assert outcome(worked.module, 0) == ("fuel", 0)


def test_example_of_the_metered_form() -> None:
    """The two modules that stand side by side in the chapter on the metered form."""
    text = (spec_dir() / "wasm" / "metering.rst").read_text(encoding="utf-8")
    module = WORKED["nothing"].module
    metered = meter(admit(module, "wit", PAGES), PAGES)
    assert len(metered) == 118
    assert hashlib.sha256(metered).hexdigest() in text


def test_counter_of_the_text_is_admitted() -> None:
    text = (spec_dir() / "wasm" / "examples.rst").read_text(encoding="utf-8")
    found = re.search(r"   (0061736d01000000012305[0-9a-f\s]+)\n\n", text)
    assert found
    module = bytes.fromhex("".join(found[1].split()))
    assert hashlib.sha256(module).hexdigest() in text
    assert admit(module, "wit", 4).imports == ["input", "blob", "place", "step", "result"]
