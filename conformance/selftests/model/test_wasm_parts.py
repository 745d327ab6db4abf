"""Parts of modules and states, as the model reads them: each check rejects its defect and nothing else.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.model.wasm.binary import (
    _check_counts,
    _read_element,
    _read_export,
    _read_import,
    _read_table,
    _read_type,
    decode,
)
from gritstone_conformance.model.wasm.bodies import _block_type, read_body, read_expression
from gritstone_conformance.model.wasm.documents import NoDocument, read_state
from gritstone_conformance.model.wasm.machine import Trapped
from gritstone_conformance.model.wasm.numeric import _div_s, _rem_s, _truncate
from gritstone_conformance.model.wasm.reader import Malformed, Reader
from gritstone_conformance.strategies.assembler import HEADER, Assembly
from gritstone_conformance.strategies.worked import WORKED

STATE = b"\xa2\x61v\x01\x64used\x00"
IMAGE = b"\xa4\x61v\x01\x64used\x00\x65pages\x00\x67globals"


@pytest.mark.parametrize("data", [STATE, IMAGE + b"\x80"])
def test_valid_state_is_read(data: bytes) -> None:
    assert read_state(data).used == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\xa1\x61v\x01",  # `used` is missing
        b"\xa3\x61v\x01\x64used\0\x67globals\x80",  # globals without pages
        b"\xa3\x61v\x01\x64call\x63wit\x64used\x00",  # a call without an image
        b"\x81\x61v",  # not a map
        b"\x81" * 100_000,  # deeply nested
        IMAGE + b"\x9f",  # of indefinite length
        b"\xa2\x80\x00\x61v\x01",  # a key that is not a text
        STATE[:-1] + b"\x18\x00",  # in a longer encoding
        STATE + b"\x00",
        STATE[:-1],
        b"\xa1\x61v\x82\x01",  # more items than bytes
    ],
)
def test_invalid_state_is_rejected(data: bytes) -> None:
    with pytest.raises(NoDocument):
        read_state(data)


def whole(data: bytes) -> Reader:
    return Reader(data, 0, len(data))


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (lambda data: whole(data).signed(32), b"\x80\x80\x80\x80\x78", b"\x80\x80\x80\x80\x40"),
        (lambda data: whole(data).signed(32), b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\x3f"),
        (lambda data: _read_type(whole(data)), b"\x60\0\0", b"\0\0"),
        (lambda data: _read_table(whole(data)), b"\x70\0\1", b"\0\1"),
        (lambda data: _read_import(whole(data)), b"\1a\1b\0\0", b"\1a\1b\4\0"),
        (lambda data: _read_export(whole(data)), b"\1a\3\0", b"\1a\4\0"),
        (lambda data: _read_element(whole(data)), b"\0\x41\0\x0b\0", b"\x08\x41\0\x0b\0"),
        (lambda data: _read_element(whole(data)), b"\1\0\0", b"\1\1\0"),
        (lambda data: _block_type(whole(data)), b"\1", b"\x41"),
        (lambda data: read_expression(whole(data)), b"\x0b", b"\x05\x0b"),
        (lambda data: read_expression(whole(data)), b"\x41\0\x04\x40\x05\x0b\x0b", b"\x02\x40\x05\x0b\x0b"),
        (lambda data: read_body(whole(data)), b"\2\0\x0b", b"\3\0\x0b\0"),
    ],
)
def test_module_parts_are_validated(read: Callable[[bytes], object], good: bytes, bad: bytes) -> None:
    read(good)
    with pytest.raises(Malformed):
        read(bad)


@pytest.mark.parametrize("read", [Reader.byte, Reader.u32, lambda part: part.take(1), lambda part: part.skip(1)])
def test_part_cannot_read_beyond_its_end(read: Callable[[Reader], object]) -> None:
    part = Reader(b"\1\2", 0, 1)
    read(part)
    with pytest.raises(Malformed):
        read(part)


def test_sections_occur_once_and_in_order() -> None:
    types, exports = b"\1\1\0", b"\7\1\0"
    assert len(decode(HEADER + types + exports).sections) == 2
    for sections in (types + types, exports + types):
        with pytest.raises(Malformed):
            decode(HEADER + sections)


@pytest.mark.parametrize(("types", "is_one"), [(b"\1\x7f", True), (b"\2\x7f\x7f", False)])
def test_select_has_exactly_one_type(types: bytes, is_one: bool) -> None:
    guest = Assembly()
    guest.entry([*(("i32.const", 0) for _ in range(3)), b"\x1c" + types])
    with contextlib.nullcontext() if is_one else pytest.raises(NotAdmitted):
        admit(guest.binary(), "wit", 1)


def test_function_and_code_counts_must_match() -> None:
    module = decode(WORKED["nothing"].module)
    _check_counts(module)
    with pytest.raises(Malformed):
        _check_counts(replace(module, bodies=[]))


@pytest.mark.parametrize("value", [0x7FF8 << 48, 0x43F << 52])
def test_float_outside_the_integer_range_is_not_truncated(value: int) -> None:
    assert _truncate("f64", 32, True, True, value) in (0, (1 << 31) - 1)
    with pytest.raises(Trapped):
        _truncate("f64", 32, True, False, value)


@pytest.mark.parametrize("act", [_div_s, _rem_s])
def test_division_by_zero_traps(act: Callable[[int, int, int], int]) -> None:
    assert act(32, 7, 7) in (0, 1)
    with pytest.raises(Trapped):
        act(32, 7, 0)
