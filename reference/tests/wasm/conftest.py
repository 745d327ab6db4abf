"""What the tests of the executor share: modules from text, and the engine's own judgement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import wasmtime

from gritstone.wasm.engine import Engine, Instance

COUNTER = bytes.fromhex(
    "0061736d0100000001230560057f7f7f7f7f017f60027f7f017f60067f7f7f7f7f7f017f60017f017f6000017f024105046772697405696e"
    "7075740001046772697404626c6f620000046772697405706c6163650000046772697404737465700002046772697406726573756c740003"
    "030201040503010002071002066d656d6f727902000377697400050a8b0101880101017f4101210041880841880828020041016a36020041"
    "00418c0810001a410141ac0810001a410241cc0810001a410441ec0810001a4105418c0910001a02404188084104418508410041ac091001"
    "0d0041cc08418008410541ac0941cc0810020d004102210041ac08418c08418c0941ec0841cc0841cc0910030d0041cc09100421000b2000"
    "0b0b0c01004180080b05636f756e74"
)
"""A guest that counts in its memory, and puts the count into its core."""


@pytest.fixture(scope="session")
def counter() -> bytes:
    return COUNTER


class Nobody:
    """Be a host that no guest calls."""

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        raise AssertionError(name)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def start(engine: Engine) -> Callable[..., Instance]:
    """Make an instance of a module that calls nobody, with fuel."""

    def instantiate(data: bytes, budget: int = 10_000_000_000, pages: int = 256) -> Instance:
        instance = engine.instantiate(engine.prepare(data, data, "wit", pages), Nobody())
        instance.fuel = budget
        return instance

    return instantiate


@pytest.fixture(scope="session")
def wat() -> Callable[..., bytes]:
    """Make a module of its text; a bare body becomes that of ``wit``."""

    def assemble(text: str, *, head: str = "") -> bytes:
        if not text.startswith("(module"):
            text = f'(module {head} (func (export "wit") (result i32) {text}))'
        return bytes(wasmtime.wat2wasm(text))

    return assemble


@pytest.fixture(scope="session")
def judge() -> Callable[[bytes], bool]:
    """Give the judgement of the engine about a module, with the features of the language alone."""
    config = wasmtime.Config()
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.wasm_tail_call = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_exceptions = False
    engine = wasmtime.Engine(config)

    def is_valid(data: bytes) -> bool:
        try:
            wasmtime.Module.validate(engine, data)
        except wasmtime.WasmtimeError:
            return False
        return True

    return is_valid
