"""Abuse of a host: small modules that state huge sizes, and pointers and lengths that do not lie in memory.

Spec: :rule:`wasm.host.bounded`, :rule:`wasm.abi.range`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gritstone_conformance.model.wasm.weights import LAYOUTS
from gritstone_conformance.strategies.assembler import assemble, name_bytes, uleb, vector
from gritstone_conformance.strategies.host_calls import BUFFERS, FUNCTIONS, ZERO_AT, CallScript, slot

__all__ = ["SMALL", "pointer_attacks"]


def _counted(section: int, count: int) -> bytes:
    return assemble([(1, vector([b"\x60\0\0"])), (section, uleb(count))])


def _declared(section: int, count: int) -> bytes:
    return assemble([(1, vector([b"\x60\0\0"])), (section, uleb(count) + b"\0" * 900)])


SMALL: Final[dict[str, bytes]] = {
    **{
        f"section {number} of {count}": _counted(number, count)
        for number in range(1, 13)
        for count in (1 << 20, 0xFFFF_FFFF)
    },
    **{
        f"section {number} of {count}, begun": _declared(number, count)
        for number in (1, 3, 7, 9, 10, 11)
        for count in (900, 1 << 31)
    },
    "locals": assemble(
        [(1, vector([b"\x60\0\0"])), (3, b"\1\0"), (10, vector([name_bytes(b"\1\xff\xff\xff\xff\x0f\x7f\x0b")]))]
    ),
    "groups of locals": assemble(
        [(1, vector([b"\x60\0\0"])), (3, b"\1\0"), (10, vector([name_bytes(b"\xff\xff\xff\xff\x0f\1\x7f\x0b")]))]
    ),
    "br_table": assemble(
        [
            (1, vector([b"\x60\0\0"])),
            (3, b"\1\0"),
            (10, vector([name_bytes(b"\0\x41\0\x0e\xff\xff\xff\xff\x0f\0\x0b")])),
        ]
    ),
    "select": assemble(
        [(1, vector([b"\x60\0\0"])), (3, b"\1\0"), (10, vector([name_bytes(b"\0\x1c\xff\xff\xff\xff\x0f\x7f\x0b")]))]
    ),
    "table": assemble([(4, vector([b"\x70\0" + uleb(0xFFFF_FFFF)]))]),
    "memory": assemble([(5, vector([b"\0" + uleb(65_536)]))]),
    "name": assemble([(0, uleb(0xFFFF_FFFF))]),
    "import name": assemble([(2, b"\1" + uleb(0xFFFF_FFFF) + b"grit")]),
    "type": assemble([(1, b"\1\x60" + uleb(0xFFFF_FFFF))]),
    "elements": assemble([(9, b"\1\0\x41\0\x0b" + uleb(0xFFFF_FFFF))]),
    "data": assemble([(11, b"\1\0\x41\0\x0b" + uleb(0xFFFF_FFFF))]),
}
"""Modules of at most 1,024 bytes that state counts and sizes that they do not have."""


# --- at every host call --------------------------------------------------------------------------------

_TOP: Final = 0xFFFF_FFFF


def _bad_ids(size: int) -> tuple[int, ...]:
    return (size - 31, size, size + 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFE0, _TOP)


def _bad_ranges(size: int) -> tuple[tuple[int, int], ...]:
    return (
        *((0, size + 1), (size, 1), (size - 1, 2), (_TOP, 1), (1, _TOP), (_TOP, _TOP), (0x8000_0000, 0x8000_0000)),
        *((size + 1, 0), (_TOP, 0), (size, 0)),
    )


def pointer_attacks(size: int) -> Iterator[tuple[str, CallScript]]:
    """Yield scripts of one call each, for a guest with so many bytes of memory: one range is wrong, the others right.

    The last range of each, empty and at the end of memory, is right too.
    """
    for name in FUNCTIONS:
        usual = [_usual(letter) for letter in LAYOUTS[name]]
        for at, letter in enumerate(LAYOUTS[name]):
            bad: Sequence[Sequence[int]] = ()
            if letter in "io":
                bad = [(pointer,) for pointer in _bad_ids(size)]
            elif letter in "IO":
                bad = _bad_ranges(size)
            for words in bad:
                args = [word for other, each in enumerate(usual) for word in (words if other == at else each)]
                yield f"{name} {at} {words}", CallScript().call(name, *args)


def _usual(letter: str) -> tuple[int, ...]:
    match letter:
        case "n":
            return (0,)
        case "i":
            return (ZERO_AT,)
        case "o":
            return (slot(60),)
        case _:
            return (BUFFERS, 8)
