"""Values of flows, the bytes of values with one fault, and pairs of values that are easily taken for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.flow.values import Ref, Value, encode
from gritstone_conformance.strategies.tape import Tape

__all__ = ["ALIKE", "INTS", "KINDS", "TAPE", "TEXTS", "draw_value", "nested", "spoil"]

TAPE: Final = 120  # bytes of a value

INTS: Final = (
    *(0, 1, -1, 10, 23, 24, -24, -25, 255, 256, -256, -257, 65_535, 65_536, -65_536, -65_537, 2**32 - 1, 2**32),
    *(-(2**32), -(2**32) - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)),
)
TEXTS: Final = (
    *("", "a", "b", "yes", "1", "-1", "true", "True", "None", "null", "PENDING", "$input.x", "${input.x}", "$$", "$"),
    *("'", '"', "\\", "\\n", "\n", "\0", "\x7f", " ", "a=1,b", "__class__", "toString", "and", "x" * 23, "x" * 24),
    *("\u00e9", "e\u0301", "\ud7ff", "\ue000", "\uff5e", "\U00010000", "\U0010ffff", "\ufeff", "x" * 255, "x" * 256),
)
REFS: Final = tuple(map(Ref, ("card", "a", "customer", "x" * 63)))

KINDS: Final[dict[str, Value]] = {
    "null": None,
    "bool": True,
    "int": 1,
    "text": "a",
    "ref": Ref("a"),
    "list": ["a"],
    "map": {"a": 1},
}
"""One value of each kind."""

ALIKE: Final[tuple[tuple[Value, ...], ...]] = (
    (1, True, "1", "True", "true", [1], {"1": 1}),
    (None, False, 0, "", [], {}, "None", "null"),
    (Ref("card"), "card", ["card"], {"$ref": "card"}, {"card": None}),
    ({"a": 1, "b": 2}, {"a=1,b": 2}, {"a": {"b": 2}}, {"a": 1}, ["a", 1, "b", 2], [["a", 1], ["b", 2]]),
    ([1, 2], [[1, 2]], [[1], 2], [1, [2]], "[1,2]", [12], [2, 1], [1, 2, None]),
    ("\u00e9", "e\u0301", "E\u0301", "\u00c9"),
    (2**53, 2**53 + 1, 2**63 - 1, -(2**63), str(2**53)),
    ("a", "a\0", "a ", " a", "A", "\ufeffa", "\uff41"),
    ({"": 1}, {"a": 1}, {"A": 1}, {"a": True}, {"a": "1"}, {"a": [1]}, {"a": None}),
)
"""Values of each row are different, whatever a language of the host takes as equal."""


def draw_value(tape: Tape, depth: int = 4) -> Value:
    """Return a value with at most so many lists and maps in each other."""
    kind = tape.below(7 if depth else 5)
    match kind:
        case 0:
            return tape.pick(INTS)
        case 1:
            return tape.pick(TEXTS)
        case 2:
            return tape.pick((True, False))
        case 3:
            return tape.pick(REFS)
        case 4:
            return None
        case 5:
            return [draw_value(tape, depth - 1) for _ in range(tape.pick((2, 1, 3, 0, 24)))]
        case _:
            return {tape.pick(TEXTS): draw_value(tape, depth - 1) for _ in range(tape.pick((2, 1, 3, 0, 5)))}


def nested(depth: int, kind: str, inner: Value = 0) -> Value:
    """Return ``inner`` within so many lists, maps, or both in turn (``[``, ``{``, ``[{``)."""
    for level in range(depth):
        inner = [inner] if kind[level % len(kind)] == "[" else {"a": inner}
    return inner


_HEADS: Final = (
    *(b"\x18\x17", b"\x19\x00\xff", b"\x1a\x00\x00\xff\xff", b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", b"\x38\x17"),
    *(
        b"\x1c",
        b"\x1f",
        b"\x3f",
        b"\x5f\x41a\xff",
        b"\x7f\x61a\xff",
        b"\x9f\xff",
        b"\xbf\xff",
        b"\xff",
        b"\xf7",
        b"\xf8\x18",
    ),
    *(
        b"\xf0",
        b"\xf9\x3e\x00",
        b"\xfa\x3f\x80\x00\x00",
        b"\xfb" + bytes(8),
        b"\xc0\x61a",
        b"\xc1\x00",
        b"\xd8\x20\x61a",
    ),
    *(
        b"\x78\x01a",
        b"\x58\x01a",
        b"\x98\x00",
        b"\xb8\x00",
        b"\x1b\x80" + bytes(7),
        b"\x3b\x80" + bytes(7),
        b"\x1b" + b"\xff" * 8,
    ),
    *(b"\x40", b"\x41A", b"\x410", b"\x41_", b"\x42a-", b"\x58\x40" + b"a" * 64, b"\x42\xc3\xa9"),
    *(b"\x61\xff", b"\x62\xc0\x80", b"\x63\xed\xa0\x80", b"\x61\xc3", b"\x64\xf4\x90\x80\x80", b"\x63\xe0\x80\xaf"),
    *(
        b"\xa1\x01\x02",
        b"\xa1\x41a\x01",
        b"\xa2\x61a\x01\x61a\x02",
        b"\xa2\x61b\x01\x61a\x02",
        b"\xa2\x62aa\x01\x61b\x02",
    ),
    *(
        b"\xa1\x61a",
        b"\x82\x01",
        b"\x61",
        b"\x9b" + b"\xff" * 8,
        b"\xbb" + b"\xff" * 8,
        b"\x7b" + b"\xff" * 8,
        b"\xa1\xf6\x01",
    ),
    *(b"\x9a\x7f\xff\xff\xff", b"\xba\x7f\xff\xff\xff", b"\x7a\x7f\xff\xff\xff", b"\x5a\x7f\xff\xff\xff", b""),
)
"""Bytes that are not the encoding of a value, each for a reason of its own."""


def spoil(tape: Tape, value: Value) -> bytes:
    """Return the encoding of a value with one fault, or with one change of bytes that may have made another value."""
    data = encode(value)
    at = tape.below(max(len(data), 1))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: data[:at] + tape.pick(_HEADS) + data[at:],
        lambda: data[:at] + tape.pick(_HEADS) + data[at + 1 :],
        lambda: data[:at] + bytes((data[at] ^ (1 << tape.below(8)),)) + data[at + 1 :],
        lambda: data[:at],
        lambda: data[:at] + data[at + 1 :],
        lambda: data + bytes((tape.below(256),)),
        lambda: tape.pick(_HEADS),
        lambda: b"\x82" + data + tape.pick(_HEADS),
        lambda: data[:at] + data[at:] + data[at:],
        lambda: tape.take(tape.below(12)),
    )
    return tape.pick(ways)()
