"""Each invalid twin of an admitted module is rejected by the model for its one defect."""

from __future__ import annotations

import random

import pytest
import wasmtime

from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.model.wasm.instructions import BY_CODE, LIMITS
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.strategies import module_defects, module_sizes, twin_bodies, twin_parts, twins
from gritstone_conformance.strategies.module_sizes import SIZES, Size
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.strategies.twins import Twin

TWINS = [
    *(*twins.language(), *twins.foreign_instructions(), *twin_bodies.bodies()),
    *(*twin_parts.state(), *twin_parts.imports(), *twin_parts.entries(), *twin_parts.winding()),
]
ENGINE = wasmtime.Engine()
SLOW = 100_000


def code(module: bytes, entry: str = "wit", pages: int = 256) -> str:
    """Return the code with which the model rejects a module, or an empty text."""
    try:
        admit(module, entry, pages)
    except NotAdmitted as problem:
        return problem.code
    return ""


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_each_twin_has_exactly_its_defect(twin: Twin) -> None:
    assert (code(twin.good, twin.entry), code(twin.bad, twin.entry)) == ("", twin.code)


def test_valid_modules_are_valid_for_another_engine() -> None:
    for twin in TWINS:
        wasmtime.Module.validate(ENGINE, twin.good)
        wasmtime.Module.validate(ENGINE, meter(admit(twin.good, twin.entry, 256), 256))


def test_language_is_narrower_than_that_of_another_engine() -> None:
    """Another engine would run many of the rejected modules, so a host that relies on its engine alone is detected."""

    def validates(twin: Twin) -> bool:
        try:
            wasmtime.Module.validate(ENGINE, twin.bad)
        except wasmtime.WasmtimeError:
            return False
        return True

    assert sum(map(validates, TWINS)) > 80


def test_every_opcode_has_a_case() -> None:
    spelled = {bytes.fromhex(twin.name) for twin in twins.foreign_instructions() if len(twin.name) == 2}
    assert len(spelled) + len([code for code in BY_CODE if code < 0x100]) + 1 == 0x100


@pytest.mark.parametrize("size", [size for size in SIZES if size.limit < SLOW], ids=lambda size: size.name)
def test_each_limit_is_exact(size: Size) -> None:
    pages = module_sizes.PAGES
    assert code(size.build(size.limit), pages=pages) == size.code
    assert code(size.build(size.limit + 1), pages=pages) == "limit"


def test_large_modules_have_their_requested_size() -> None:
    large = {size.name: size.build(size.limit) for size in SIZES if size.limit >= SLOW}
    assert set(large) == {"module bytes", "body bytes"}
    assert len(large["module bytes"]) == next(size.limit for size in SIZES if size.name == "module bytes")
    assert code(large["module bytes"]) == ""
    assert code(large["module bytes"] + b"\0\1\0") == "limit"


def test_module_size_is_limited() -> None:
    most = LIMITS["module_bytes"]
    assert (code(bytes(most)), code(bytes(most + 1))) == ("module", "limit")


def test_first_of_several_defects_determines_the_code() -> None:
    for checked, defects in module_defects.DEFECTS:
        for name in defects:
            assert (name, code(module_defects.with_defects({name}), pages=module_defects.PAGES)) == (name, checked)
    for seed in range(400):
        module, first = module_defects.draw_defects(Tape(random.Random(seed).randbytes(20)))
        assert code(module, pages=module_defects.PAGES) == first, seed
