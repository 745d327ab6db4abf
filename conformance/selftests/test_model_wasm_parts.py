"""Parts of modules and states, read by the model: each check refuses what it is there for, and nothing beside it.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone_conformance.model.wasm.binary import _read_element, _read_export, _read_import
from gritstone_conformance.model.wasm.bodies import _block_type, read_body, read_expression
from gritstone_conformance.model.wasm.documents import NoDocument, read_state
from gritstone_conformance.model.wasm.machine import Trapped
from gritstone_conformance.model.wasm.numeric import _div_s, _rem_s
from gritstone_conformance.model.wasm.reader import Malformed, Reader

STATE = b"\xa2\x61v\x01\x64used\x00"
IMAGE = b"\xa4\x61v\x01\x64used\x00\x65pages\x00\x67globals"


@pytest.mark.parametrize("data", [STATE, IMAGE + b"\x80"])
def test_states(data: bytes) -> None:
    assert read_state(data).used == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\xa1\x61v\x01",  # no used
        b"\xa3\x61v\x01\x64call\x63wit\x64used\x00",  # a call without an image
        b"\x81\x61v",  # no map
        b"\x81" * 100_000,  # nested without end
        IMAGE + b"\x9f",  # of no length
        b"\xa2\x80\x00\x61v\x01",  # a key that is no text
        STATE[:-1] + b"\x18\x00",  # in a longer spelling
        STATE + b"\x00",
        STATE[:-1],
        b"\xa1\x61v\x82\x01",  # more items than bytes
    ],
)
def test_what_is_no_state(data: bytes) -> None:
    with pytest.raises(NoDocument):
        read_state(data)


def whole(data: bytes) -> Reader:
    return Reader(data, 0, len(data))


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (lambda data: whole(data).signed(32), b"\x80\x80\x80\x80\x78", b"\x80\x80\x80\x80\x40"),
        (lambda data: whole(data).signed(32), b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\x3f"),
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
def test_parts_of_modules(read: Callable[[bytes], object], good: bytes, bad: bytes) -> None:
    read(good)
    with pytest.raises(Malformed):
        read(bad)


@pytest.mark.parametrize("act", [_div_s, _rem_s])
def test_nothing_is_divided_by_zero(act: Callable[[int, int, int], int]) -> None:
    assert act(32, 7, 7) in (0, 1)
    with pytest.raises(Trapped):
        act(32, 7, 0)
