"""The spelling of programs: the bytes and the words of each operation, from one table.

An operation is a name and its operands. In bytes a ref is a number: that of a place, or of an operand of the program
tree. Here a ref is a ``Place`` or a value (see ``values``).

Spec: :ref:`image-ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from gritstone.errors import Invalid, Refusal
from gritstone.image.refusals import refusal
from gritstone.image.texts import is_mt
from gritstone.wit.paths import ALPHABETS, read_path

__all__ = ["BYTES", "OPS", "Op", "Place", "check_op", "encode_op", "malformed"]

MODES: Mapping[str, bytes] = MappingProxyType({"join": b"j", "save": b"v", "post": b"p"})
"""The byte of each mode of ``send``."""

_MOST_PATH = 255
_MOST_DATA = 0xFFFF
_MOST_SPIN = 0xFFFF_FFFF
_MOST_AMOUNT = 2**63
_MOST_REASON = 32
_REASON = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class Place(Enum):
    """An object that every program can name."""

    SELF = 0xF0
    SENDER = 0xF1
    CONTENT = 0xF2
    CORE = 0xF3


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a program.

    Attributes:
        name: its name in the table.
        operands: its operands, of the kinds in the table.
    """

    name: str
    operands: tuple[Any, ...] = ()


OPS: Mapping[str, tuple[int, tuple[str, ...]]] = MappingProxyType(
    {
        "put": (0x50, ("path", "ref")),
        "write": (0x57, ("path", "data")),
        "append": (0x41, ("path", "data")),
        "delete": (0x44, ("path",)),
        "fail": (0x46, ()),
        "add": (0x61, ("path", "amount")),
        "count": (0x63, ("path", "sign")),
        "expect": (0x78, ("path", "data")),
        "read": (0x72, ("ref", "path", "path")),
        "send": (0x73, ("ref", "mode", "mt", "ref")),
        "reply": (0x79, ("ref",)),
        "spin": (0x6E, ("units",)),
        "fail-with": (0x66, ("reason",)),
    }
)
"""The byte of each operation, and the kinds of its operands."""

BYTES: Mapping[int, str] = MappingProxyType({byte: name for name, (byte, _) in OPS.items()})
"""The name of each operation by its byte."""


def malformed(message: str, *, got: object = None) -> Refusal:
    """Return the refusal of something that no program can say."""
    return refusal("malformed/program", message, "language.closed", got=got)


def _path(value: str) -> bytes:
    data = value.encode()
    try:
        names = read_path(data, ALPHABETS["cbor-blake3"])
    except Invalid:
        names = ()
    if not names or len(data) > _MOST_PATH:
        raise malformed("invalid path", got=ascii(value[:80]))
    return bytes([len(data)]) + data


def _data(value: bytes) -> bytes:
    if len(value) > _MOST_DATA:
        raise malformed("the data is too long", got=f"{len(value)} bytes")
    return len(value).to_bytes(2, "big") + value


def _mt(value: str) -> bytes:
    if not is_mt(value):
        raise malformed("invalid type of a message", got=ascii(value[:80]))
    return bytes([len(value)]) + value.encode()


def _reason(value: str) -> bytes:
    if not 1 <= len(value) <= _MOST_REASON or not set(value) <= _REASON:
        raise malformed("invalid reason: expected 1 to 32 characters a-z, 0-9 and -", got=ascii(value[:80]))
    return bytes([len(value)]) + value.encode()


def _mode(value: str) -> bytes:
    if value not in MODES:
        raise malformed("invalid mode: expected join, save or post", got=ascii(value[:80]))
    return MODES[value]


def _sign(value: str) -> bytes:
    if value not in ("+", "-"):
        raise malformed("invalid sign: expected + or -", got=ascii(value[:80]))
    return value.encode()


def _amount(value: int) -> bytes:
    if not -_MOST_AMOUNT <= value < _MOST_AMOUNT:
        raise malformed("the number is out of range: expected 64 bits", got=f"{value.bit_length()} bits")
    return value.to_bytes(8, "big", signed=True)


def _units(value: int) -> bytes:
    if not 0 <= value <= _MOST_SPIN:
        raise malformed("the units are out of range: expected 0 to 4294967295", got=f"{value.bit_length()} bits")
    return value.to_bytes(4, "big")


_ENCODERS: Mapping[str, Callable[[Any], bytes]] = MappingProxyType(
    {
        "path": _path,
        "data": _data,
        "mt": _mt,
        "reason": _reason,
        "mode": _mode,
        "sign": _sign,
        "amount": _amount,
        "units": _units,
    }
)


def encode_op(op: Op, number: Callable[[Any], int]) -> bytes:
    """Return the bytes of an operation.

    Args:
        op: the operation.
        number: returns the number of a ref.

    Raises:
        Malformed: an operand cannot be encoded (code ``program``).
    """
    byte, kinds = OPS[op.name]
    parts = [bytes([byte])]
    for kind, value in zip(kinds, op.operands, strict=True):
        parts.append(bytes([number(value)]) if kind == "ref" else _ENCODERS[kind](value))
    return b"".join(parts)


def check_op(op: Op) -> Op:
    """Return an operation whose operands can be encoded.

    Raises:
        Malformed: an operand cannot be encoded (code ``program``).
    """
    encode_op(op, lambda _: 0)
    return op
