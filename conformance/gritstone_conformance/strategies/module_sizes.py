"""Modules of any size in one respect, for limits that are exact: at the limit admitted, one over it not.

Spec: :rule:`wasm.module.limit`; ``limits.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.wasm.instructions import LIMITS
from gritstone_conformance.strategies.assembler import Assembly, Code, assemble, uleb, vector

__all__ = ["PAGES", "SIZES", "Size"]

PAGES: Final = 3  # of the manifest for which modules of SIZES are admitted
_ZERO: Final = ("i32.const", 0)


@dataclass(frozen=True, slots=True)
class Size:
    """One limit.

    Attributes:
        name: what is limited.
        limit: the largest that is admitted.
        build: makes the module of a size.
        code: how the module at the limit is refused for another reason, or empty: it is admitted.
    """

    name: str
    limit: int
    build: Callable[[int], bytes]
    code: str = ""


def _guest(change: Callable[[Assembly], object], code: Code = (), local_types: Sequence[str] = ()) -> bytes:
    guest = Assembly()
    change(guest)
    guest.entry([*code, _ZERO], local_types)
    return guest.binary()


def _module_bytes(size: int) -> bytes:
    """Fill a module with a custom section to a number of bytes."""
    start = _guest(lambda guest: None)
    content = size - len(start) - 5
    return start + b"\0" + uleb(content, 4) + b"\0" + bytes(content - 1)


def _types(count: int) -> bytes:
    """Return a module with types that are all alike: a type may stand more than once."""
    parts = dict(Assembly.sections(_plain()))
    parts[1] = vector([b"\x60\0\1\x7f"] * count)
    return assemble(sorted(parts.items()))


def _plain() -> Assembly:
    guest = Assembly()
    guest.entry([_ZERO])
    return guest


def _functions(count: int) -> bytes:
    parts = dict(Assembly.sections(_plain()))
    parts[3] = vector([b"\0"] * count)
    parts[10] = vector([b"\4\0\x41\0\x0b"] * count)
    return assemble(sorted(parts.items()))


def _body(size: int) -> bytes:
    """Return a body of few instructions, which are as long as they can be."""
    long = b"\x42" + 9 * b"\x80" + b"\0\x1a"
    count, rest = divmod(size - 4, len(long))
    return _guest(lambda guest: None, [long * count, b"\1" * rest])


def _locals(*groups: int) -> Callable[[int], bytes]:
    """Return the bytes that declare locals in these groups, the last with the rest."""

    def build(count: int) -> bytes:
        guest = Assembly()
        sizes = (*groups, count - sum(groups))
        index = guest.declare([], ["i32"])
        guest.define_raw(index, [uleb(each) + bytes([0x7F - at % 4]) for at, each in enumerate(sizes)], b"\x41\0")
        guest.export("wit", index)
        return guest.binary()

    return build


def _nested(opening: bytes, dead: bool, closing: bytes = b"\x0b") -> Callable[[int], bytes]:
    """Return code with nested constructs, as live or dead code, and a block that is not nested behind it."""
    outside = 1 if dead else 0

    def build(depth: int) -> bytes:
        inner = opening * (depth - outside) + closing * (depth - outside) + b"\x02\x40\x0b"
        return _guest(lambda guest: None, [b"\x02\x40\x00" + inner + b"\x0b" if dead else inner])

    return build


def _labels(count: int) -> bytes:
    """Return code with a ``br_table`` of so many labels, and one of few behind it."""
    return _guest(lambda guest: None, [("block", None, [("br_table", [0] * each, 0, _ZERO)]) for each in (count, 1)])


def _repeated(act: Callable[[Assembly, int], Any]) -> Callable[[int], bytes]:
    """Return a function that makes a guest with ``count`` items."""

    def build(count: int) -> bytes:
        return _guest(lambda guest: [act(guest, number) for number in range(count)])

    return build


def _exports(count: int) -> bytes:
    guest = Assembly()
    index = guest.entry([_ZERO])
    for number in range(count - 1):
        guest.export(f"e{number}", index)
    return guest.binary()


def _with_table(act: Callable[[Assembly, int], Any]) -> Callable[[int], bytes]:
    def build(count: int) -> bytes:
        guest = _plain()
        guest.table(1)
        for number in range(count):
            act(guest, number)
        return guest.binary()

    return build


def _named(size: int) -> bytes:
    guest = _plain()
    guest.export("n" * size, 0)
    return guest.binary()


def _importing(module: str, field: str, description: bytes = b"\0\0") -> bytes:
    return _guest(lambda guest: (guest.type([], ["i32"]), guest.import_(module, field, description)))


SIZES: Final = (
    Size("module bytes", LIMITS["module_bytes"], _module_bytes),
    Size("types", LIMITS["types"], _types),
    Size("parameters", LIMITS["parameters"], lambda count: _guest(lambda guest: guest.type(["i64"] * count, []))),
    Size("results", LIMITS["results"], lambda count: _guest(lambda guest: guest.type([], ["f32"] * count))),
    Size("functions", LIMITS["functions"], _functions),
    Size("body bytes", LIMITS["body_bytes"], _body),
    Size("locals", LIMITS["locals"], _locals()),
    Size("locals in groups", LIMITS["locals"], _locals(3000, 0, 6000)),
    Size("blocks", LIMITS["nesting"], _nested(b"\x02\x40", False)),
    Size("loops", LIMITS["nesting"], _nested(b"\x03\x40", False)),
    Size("ifs", LIMITS["nesting"], _nested(b"\x41\0\x04\x40", False, b"\x05\x0b")),
    Size("dead ifs", LIMITS["nesting"], _nested(b"\x41\0\x04\x40", True)),
    Size("labels", LIMITS["br_table_labels"], _labels),
    Size("imports", LIMITS["imports"], _repeated(lambda guest, number: guest.grit("result"))),
    Size("exports", LIMITS["exports"], _exports),
    Size("bytes of an export's name", LIMITS["name_bytes"], _named),
    Size("bytes of an import's name", LIMITS["name_bytes"], lambda size: _importing("grit", "n" * size), "import"),
    Size("bytes of an import's module", LIMITS["name_bytes"], lambda size: _importing("n" * size, "result"), "import"),
    Size("globals", LIMITS["globals"], _repeated(lambda guest, number: guest.global_("i32", number, number % 2 == 0))),
    Size("table", LIMITS["table_elements"], lambda size: _guest(lambda guest: guest.table(size))),
    Size(
        "table that is imported",
        LIMITS["table_elements"],
        lambda size: _importing("grit", "t", b"\1\x70\0" + uleb(size)),
        "import",
    ),
    Size("data segments", LIMITS["data_segments"], _repeated(lambda guest, number: guest.data(None, b""))),
    Size("element segments", LIMITS["element_segments"], _with_table(lambda guest, number: guest.elements(0, []))),
    Size("pages", PAGES, lambda size: _guest(lambda guest: guest.memory(size))),
    Size("pages that are imported", PAGES, lambda size: _importing("grit", "m", b"\2\0" + uleb(size)), "import"),
)
"""Each limit of a module."""
