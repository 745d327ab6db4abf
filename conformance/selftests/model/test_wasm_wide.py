"""Wide modules in the model: admitted only where they are asked for, and run with their start function."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.strategies.sandbox_abi import MODEL, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Prediction, predict
from gritstone_conformance.strategies.sandbox_wide import floating, starting


def starting_with(parameters: list[str]) -> bytes:
    probe = SandboxProbe(MODEL)
    probe.module.start = probe.module.function(parameters, [], (), [])
    return probe.binary([])


@pytest.mark.parametrize("module", [starting()(MODEL), floating(1, 1)(MODEL)], ids=["start section", "float globals"])
def test_wide_module_is_admitted_only_if_it_may_be_wide(module: bytes) -> None:
    assert admit(module, "wit", 16, True).module.data == module
    with pytest.raises(NotAdmitted, match="module"):
        admit(module, "wit", 16)


def test_start_function_with_a_parameter_or_of_no_index_is_invalid() -> None:
    admit(starting_with([]), "wit", 16, True)
    for module in (starting_with(["i32"]), starting_with([]).replace(b"\x08\x01\x01", b"\x08\x01\x09")):
        with pytest.raises(NotAdmitted, match="module"):
            admit(module, "wit", 16, True)


def test_start_function_runs_in_the_first_call_only() -> None:
    found = predict(starting(), 3, wide=True)
    assert found == [Prediction("done", (100 + 1_000 + count, 1_000 + count)) for count in (1, 2, 3)]
    assert predict(starting(["unreachable"]), wide=True) == [Prediction("failed:trap:unreachable")]
    assert predict(starting([("loop", None, [("br", 0)])]), fuel=1_000, wide=True) == [Prediction("exhausted:fuel")]


def test_float_globals_keep_their_bits_and_change_their_sign() -> None:
    found = predict(floating(0x7F812345, 0x7FF0000000000001), 3, wide=True)
    assert found[1].words == (0x7F812345, 0x7F812345, 0x7FF0000000000001, 0x7FF0000000000001)
    assert found[2].words == (0xFF812345, 0xFF812345, 0xFFF0000000000001, 0xFFF0000000000001)
