"""The model's engine against the unit counts of the spec."""

from __future__ import annotations

import hashlib
import re

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.wasm.admission import admit
from gritstone_conformance.model.wasm.machine import Machine, OutOfFuel, Trapped
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.endings import CAUSES, ending_with
from gritstone_conformance.strategies.worked import WORKED, Worked

PAGES = 256


def no_host(name: str, arguments: list[int]) -> int | None:
    raise AssertionError((name, arguments))


def outcome(module: bytes, budget: int) -> tuple[str, int]:
    """Return the outcome of ``wit``, and the units that it spends."""
    machine = Machine(admit(module, "wit", PAGES), PAGES, budget, no_host)
    try:
        n = machine.call("wit")
    except Trapped as trap:
        return f"trap:{trap.code}", budget - machine.fuel
    except OutOfFuel:
        return "fuel", budget - machine.fuel
    return f"guest:{n}" if n else "declined", budget - machine.fuel


@pytest.mark.parametrize("worked", WORKED.values(), ids=list(WORKED))
def test_worked_example_has_the_specified_units(worked: Worked) -> None:
    assert outcome(worked.module, worked.units) == (worked.outcome, worked.units)
    assert outcome(worked.module, worked.units + 10_000) == (worked.outcome, worked.units)
    assert outcome(worked.module, worked.units - 1) == ("fuel", worked.units - 1)
    assert outcome(worked.module, 0) == ("fuel", 0)


def bulk(name: str, *operands: int) -> Code:
    """Return a bulk instruction on constants; the segment that it reads comes before them."""
    segment = (0,) if name == "init" else ()
    return [(f"memory.{name}", *segment, *(("i32.const", operand) for operand in operands))]


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("fill", (65_529, 1, 7), (65_530, 1, 7)),
        ("fill", (65_536, 1, 0), (65_537, 1, 0)),
        ("copy", (65_529, 0, 7), (65_530, 0, 7)),
        ("copy", (0, 65_529, 7), (0, 65_530, 7)),
        ("copy", (65_536, 65_536, 0), (65_536, 65_537, 0)),
        ("copy", (65_536, 65_536, 0), (65_537, 65_536, 0)),
        ("init", (65_529, 0, 7), (65_530, 0, 7)),
        ("init", (0, 1, 7), (0, 2, 7)),
    ],
)
def test_bulk_instructions_reach_the_last_byte(name: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    """The module has a memory of one page, and a segment of eight bytes.

    Spec: :ref:`wasm-traps`, :rule:`suite.mutant.oracle`.
    """
    assert outcome(ending_with(bulk(name, *inside)), 100_000)[0] == "declined"
    assert outcome(ending_with(bulk(name, *outside)), 100_000)[0] == "trap:memory-bounds"


def test_indirect_call_reaches_each_function_of_its_type() -> None:
    """The called function has no result, and would call itself without end.

    Spec: :ref:`wasm-traps`, :rule:`suite.mutant.oracle`.
    """
    code = CAUSES["indirect-call"]["results alone are other"]
    assert outcome(ending_with(code), 1_000_000)[0] == "trap:indirect-call"


def test_metered_form_equals_the_example_of_the_spec() -> None:
    """The chapter on the metered form shows the two modules in two columns."""
    text = (spec_dir() / "wasm" / "metering.rst").read_text(encoding="utf-8")
    module = WORKED["nothing"].module
    metered = meter(admit(module, "wit", PAGES), PAGES)
    assert len(metered) == 118
    assert hashlib.sha256(metered).hexdigest() in text


def test_counter_of_the_spec_is_admitted() -> None:
    text = (spec_dir() / "wasm" / "examples.rst").read_text(encoding="utf-8")
    found = re.search(r"   (0061736d01000000012305[0-9a-f\s]+)\n\n", text)
    assert found
    module = bytes.fromhex("".join(found[1].split()))
    assert hashlib.sha256(module).hexdigest() in text
    assert admit(module, "wit", 4).imports == ["input", "blob", "place", "step", "result"]
