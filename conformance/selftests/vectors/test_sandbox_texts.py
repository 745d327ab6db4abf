"""Each probe of the vectors of ``sandbox`` has a text, which assembles to the module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.wasm.binary import decode
from gritstone_conformance.model.wasm.reader import Malformed
from gritstone_conformance.model.wasm.text_form import module_text
from gritstone_conformance.strategies.sandbox_abi import ABIS
from selftests.vectors.sandbox_cases import sandbox_files
from selftests.vectors.sandbox_texts import FOLDER, modules_of, probe_texts

wasmtime = pytest.importorskip("wasmtime")

FILES = sandbox_files()
TEXTS = probe_texts(FILES)
_DATA_COUNT = 12  # an assembler omits it if no instruction needs it
_MOST_BYTES = 2_000_000


def sections(module: bytes) -> list[tuple[int, bytes]]:
    """Return number and content of each section except the data count."""
    found = decode(module).sections
    return [(one.number, module[one.start : one.end]) for one in found if one.number != _DATA_COUNT]


def modules() -> Iterator[tuple[str, bytes]]:
    """Yield each module of the vectors with the name of its case."""
    for file in FILES:
        for case in file.cases:
            yield from ((case.name, module) for module in modules_of(case))


def test_folder_has_the_current_texts_and_no_other() -> None:
    written = {path.name: path.read_text(encoding="ascii") for path in (vectors_dir() / FOLDER).iterdir()}
    assert written == {name: text for name, (_, text) in TEXTS.items()}
    assert sum(map(len, written.values())) < _MOST_BYTES


@pytest.mark.parametrize("name", TEXTS)
def test_text_assembles_to_its_module(name: str) -> None:
    module, text = TEXTS[name]
    assert sections(bytes(wasmtime.wat2wasm(text))) == sections(module)


def test_every_module_that_decodes_has_a_text_in_its_first_abi() -> None:
    known = {module for module, _ in TEXTS.values()}
    cases = {case.name for file in FILES for case in file.cases}
    for name, module in modules():
        head, _, last = name.rpartition("/")
        abi, _, slug = last.partition("-")
        if abi == next(one for one in ABIS if f"{head}/{one}-{slug}" in cases) and module not in known:
            with pytest.raises(Malformed):
                decode(module)


def test_printer_writes_every_module_of_every_abi() -> None:
    for _, module in modules():
        try:
            text = module_text(module, [])
        except Malformed:
            continue
        assert sections(bytes(wasmtime.wat2wasm(text))) == sections(module)
