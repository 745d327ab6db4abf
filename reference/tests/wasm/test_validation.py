"""Judging bodies: as the engine does, wherever the language is the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone.errors import Refusal
from gritstone.wasm.binary import MAGIC, read_module
from gritstone.wasm.instructions import SHAPES, Immediate
from gritstone.wasm.reader import I32, unsigned
from gritstone.wasm.validation import validate_body

_TYPES = [bytes.fromhex(text) for text in ("60017f017f", "6000017f", "60027f7e017d", "6000027f7f", "600000")]
_BLOCK_TYPES = ["40", "7f", "7e", "7d", "7c", "00", "01", "03", "04", "05"]
_SMALL = [f"{number:02x}" for number in range(4)]
_IMMEDIATES = {
    Immediate.NONE: [""],
    Immediate.BLOCK: _BLOCK_TYPES,
    Immediate.INDEX: [*_SMALL, "05"],
    Immediate.TABLE: ["0000", "01000000", "010001", "02000102"],
    Immediate.INDIRECT: ["0000", "0100", "0200", "0700"],
    Immediate.TYPES: ["017f", "017d", "017c", "00"],
    Immediate.ACCESS: ["0000", "0100", "0204", "0300", "0400"],
    Immediate.ZERO: ["00"],
    Immediate.ZEROS: ["0000"],
    Immediate.INIT: ["0000", "0100"],
    Immediate.I32: ["00", "7f"],
    Immediate.I64: ["00", "8001"],
    Immediate.FOUR: ["0000c07f"],
    Immediate.EIGHT: ["000000000000f07f"],
}


def _section(number: int, *entries: bytes) -> bytes:
    content = unsigned(len(entries)) + b"".join(entries)
    return bytes((number,)) + unsigned(len(content)) + content


def _module(code: bytes) -> bytes:
    """Put code into a module with memory, table, globals, a passive segment and a second function."""
    body = bytes.fromhex("04017f017e017d017c") + code
    return MAGIC + b"".join(
        (
            _section(1, *_TYPES),
            _section(3, b"\0", b"\2"),
            _section(4, b"\x70\0\1"),
            _section(5, b"\0\1"),
            _section(6, b"\x7f\1\x41\0\x0b", b"\x7e\0\x42\0\x0b"),
            b"\x0c\1\1",
            _section(10, unsigned(len(body)) + body, bytes.fromhex("07004300000000 0b".replace(" ", ""))),
            _section(11, b"\1\0"),
        )
    )


def _height(data: bytes) -> int:
    module = read_module(data)
    if module.invalid is not None:
        raise module.invalid
    types = module.function_types()
    return next(validate_body(module, types, type_, body) for type_, body in zip(types, module.bodies, strict=True))


@st.composite
def _codes(draw: st.DrawFn) -> bytes:
    """Draw code that is often valid: what is on the stack is mostly what the next instruction takes."""
    parts: list[str] = []
    for _ in range(draw(st.integers(0, 12))):
        opcode = draw(st.sampled_from(sorted(SHAPES)))
        shape = SHAPES[opcode]
        if shape.takes is not None and draw(st.integers(0, 7)):
            parts += [
                {0x7F: "4101", 0x7E: "4201", 0x7D: "430000803f", 0x7C: "44" + "00" * 8}[kind] for kind in shape.takes
            ]
        elif shape.takes is None and draw(st.booleans()):
            parts.append("4100")
        head = f"{opcode:02x}" if opcode < 0xFC00 else f"fc{opcode & 0xFF:02x}"
        parts.append(head + draw(st.sampled_from(_IMMEDIATES[shape.immediate])))
        if draw(st.booleans()):
            parts.append("1a")
    ends = draw(st.integers(0, 3))
    parts += ["0b"] * ends
    parts += draw(st.sampled_from([["4100", "0b"], ["0b"], ["00", "0b"], ["0f", "0b"]]))
    return bytes.fromhex("".join(parts))


@settings(max_examples=1500)
@given(_codes())
def test_validation_agrees_with_the_engine(judge: Callable[[bytes], bool], code: bytes) -> None:
    data = _module(code)
    try:
        _height(data)
        is_valid = True
    except Refusal:
        is_valid = False
    assert is_valid == judge(data)


@pytest.mark.parametrize(
    ("text", "height"),
    [
        ("i32.const 0", 1),
        ("i32.const 0 i32.const 0 i32.add", 2),
        ("unreachable", 1),
        ("unreachable i32.const 0 i32.const 0 i32.const 0 i32.add i32.add", 1),
        ("i32.const 0 (block i32.const 0 i32.const 0 br 0 i32.const 0 drop)", 3),
        ("(block (result i32) unreachable)", 1),
        ("i32.const 0 i32.const 1 if unreachable (block i32.const 0 i32.const 0 drop drop) else end", 2),
        ("i32.const 9 i32.const 9 i32.const 1 if (param i32 i32) (result i32) i32.add else drop end", 3),
    ],
)
def test_stack_height_counts_live_operands(wat: Callable[..., bytes], text: str, height: int) -> None:
    assert _height(wat(text)) == height


def test_nesting_and_labels_are_counted(wat: Callable[..., bytes]) -> None:
    body = read_module(wat("(block (loop (block i32.const 0 br_table 0 1 2 0))) (block) i32.const 0")).bodies[0]
    assert (body.nesting, body.labels) == (3, 3)


@pytest.mark.parametrize(
    "text",
    [
        "ref.null func drop i32.const 0",
        "i32.const 0 i32.const 0 i32.const 0 table.init 0 0 i32.const 0",
        "i32.const 0 (v128.const i64x2 0 0) drop",
        "return_call 0",
        "data.drop 0 i32.const 0",
        "i32.const 0 i32.atomic.load drop i32.const 0",
    ],
)
def test_foreign_features_are_rejected(wat: Callable[..., bytes], text: str) -> None:
    data = wat(text, head='(memory 1) (table 1 funcref) (data "a") (elem func)')
    with pytest.raises(Refusal):
        _height(data)


def test_many_locals_allocate_no_memory(judge: Callable[[bytes], bool]) -> None:
    body = bytes.fromhex("01ffffffff0f7f" + "20feffffff0f" + "0b")
    data = MAGIC + _section(1, b"\x60\0\1\x7f") + _section(3, b"\0") + _section(10, unsigned(len(body)) + body)
    assert _height(data) == 1
    assert read_module(data).bodies[0].locals == ((0xFFFFFFFF, I32),)
