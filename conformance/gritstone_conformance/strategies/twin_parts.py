"""Twins of admitted modules: each has one defect of state, imports or exports.

Spec: :rule:`wasm.module.state`, :rule:`wasm.module.import`, :rule:`wasm.module.entry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, name_bytes, uleb
from gritstone_conformance.strategies.twins import Twin, base, edited

__all__ = ["entries", "imports", "state", "winding"]


def _segments() -> Iterator[tuple[str, Callable[[Assembly], object], Callable[[Assembly], object]]]:
    none = b"\0"
    offset = b"\x41\0\x0b"
    plain = b"\0" + offset + b"\1\0"
    explicit = b"\2\0" + offset + b"\0\1\0"
    elements = cycle((plain, explicit, b"\0\x41\2\x0b\0", b"\x80\0\x41\1\x0b\1\0"))
    data = cycle((b"\0\x41\xfe\xff\3\x0b\2ab", b"\0\x41\x80\x80\4\x0b\0", b"\2\0\x41\0\x0b\1a", b"\1\1a"))
    for name, spelled in (
        ("a passive element segment", b"\1\0\1\0"),
        ("a declarative element segment", b"\3\0\1\0"),
        ("an element segment of no expressions", b"\4" + offset + none),
        ("a passive element segment of no expressions", b"\5\x70" + none),
        ("an element segment of expressions", b"\4" + offset + b"\1\xd2\0\x0b"),
        ("an element segment of expressions of numbers", b"\4" + offset + b"\1\x41\0\x0b"),
        ("a declarative element segment of no expressions", b"\7\x70" + none),
        ("an element segment of another table", b"\2\1" + offset + b"\0\1\0"),
        ("an element segment of another kind", b"\2\0" + offset + b"\1\1\0"),
        ("an element segment of a function that is not there", b"\0" + offset + b"\1\1"),
        ("an element segment with a flag of 8", b"\x08" + offset + b"\1\0"),
        ("an element segment past the table", b"\0\x41\1\x0b\2\0\0"),
        ("an empty element segment past the table", b"\0\x41\3\x0b\0"),
        ("an element segment at -1", b"\0\x41\x7f\x0b\1\0"),
    ):
        yield name, _element(next(elements)), _element(spelled)
    for name, spelled in (
        ("a data segment past the memory", b"\0\x41\xff\xff\3\x0b\2ab"),
        ("an empty data segment past the memory", b"\0\x41\x81\x80\4\x0b\0"),
        ("a data segment at -1", b"\0\x41\x7f\x0b\1a"),
        ("a data segment inside the largest memory alone", b"\0\x41\x80\x80\4\x0b\1a"),
        ("a data segment of another memory", b"\2\1\x41\0\x0b\1a"),
        ("a data segment with a flag of 3", b"\3\x41\0\x0b\1a"),
        ("a data segment at an i64", b"\0\x42\0\x0b\1a"),
        ("a data segment at a global", b"\0\x23\0\x0b\1a"),
        ("a data segment at a sum", b"\0\x41\0\x41\0\x6a\x0b\1a"),
        ("a data segment at nothing", b"\0\x0b\1a"),
        ("a data segment at a constant and a nop", b"\0\x01\x41\0\x0b\1a"),
    ):
        yield name, _segment(next(data)), _segment(spelled)


def _element(spelled: bytes) -> Callable[[Assembly], object]:
    return lambda guest: guest.elements_.append(spelled)


def _segment(spelled: bytes) -> Callable[[Assembly], object]:
    return lambda guest: guest.segments.append(spelled)


def state() -> Iterator[Twin]:
    """Yield modules with state outside memory and integer globals, and segments that are not simply placed."""
    for name, change, wrongly in _segments():
        yield Twin(name, "module", edited(change), edited(wrongly))
    for kind in ("f32", "f64"):
        floating = edited(lambda guest, kind=kind: guest.global_(kind, 1.0, mutable=True))  # type: ignore[misc]
        fixed = edited(lambda guest, kind=kind: guest.global_(kind, 1.0))  # type: ignore[misc]
        yield Twin(f"a mutable global of {kind}", "module", fixed, floating)
    for name, spelled in (
        ("a global of another global", b"\x7f\0\x23\0\x0b"),
        ("a global of a sum", b"\x7f\0\x41\1\x41\1\x6a\x0b"),
        ("a global of another type", b"\x7e\0\x41\1\x0b"),
        ("a global of nothing", b"\x7f\0\x0b"),
        ("a global of a branch with 32,769 labels", b"\x7f\0\x0e" + uleb(32_769) + bytes(32_770) + b"\x0b"),
        ("a global of two constants", b"\x7f\0\x41\1\x41\1\x0b"),
        ("a global of references", b"\x70\0\xd0\x70\x0b"),
        ("a global with a flag of 2", b"\x7f\2\x41\1\x0b"),
    ):
        plain = b"\x7f\1\x41\1\x0b"
        changed = [edited(lambda guest, one=one: guest.globals.append(one)) for one in (plain, spelled)]  # type: ignore[misc]
        yield Twin(name, "module", changed[0], changed[1])
    starting = base()
    starting.define(starting.declare([], []), (), [])
    starting.entry([("i32.const", 0)])
    good = starting.binary()
    starting.start = 0
    yield Twin("a start section", "module", good, starting.binary())
    twice = base()
    function = twice.entry([("i32.const", 0)])
    twice.export("a", function)
    good = twice.binary()
    twice.exports[-1] = name_bytes("wit") + b"\0" + uleb(function)
    yield Twin("a name exported twice", "module", good, twice.binary())
    for space, index in ((0, 1), (1, 1), (2, 1), (3, 2), (4, 0)):
        guest = base()
        guest.entry([("i32.const", 0)])
        guest.export("x", max(index - 1, 0), space % 4)
        good = guest.binary()
        guest.exports[-1] = name_bytes("x") + bytes([space, index])
        yield Twin(f"an export of kind {space} that is not there", "module", good, guest.binary())


def imports() -> Iterator[Twin]:
    """Yield imports that do not belong to the ABI."""
    for name, module, field, description in (
        ("another module", "env", "result", b"\0\0"),
        ("a module in capitals", "GRIT", "result", b"\0\0"),
        ("an empty module name", "", "result", b"\0\0"),
        ("an unknown name", "grit", "results", b"\0\0"),
        ("a name in capitals", "grit", "Result", b"\0\0"),
        ("an empty name", "grit", "", b"\0\0"),
        ("a module name with a byte order mark", "\ufeffgrit", "result", b"\0\0"),
        ("a name with a byte order mark", "grit", "\ufeffresult", b"\0\0"),
        ("a function of wasi", "wasi_snapshot_preview1", "proc_exit", b"\0\1"),
        ("a function of another type", "grit", "result", b"\0\1"),
        ("a memory", "grit", "memory", b"\2\0\0"),
        ("a table", "grit", "table", b"\1\x70\0\0"),
        ("a global", "grit", "global", b"\3\x7f\0"),
        ("a mutable global", "grit", "global", b"\3\x7f\1"),
        ("a function of the name of a global", "grit", "result", b"\3\x7f\0"),
    ):
        for used in (False, True):
            good, bad = (_importing(*one, used) for one in (("grit", "result", b"\0\0"), (module, field, description)))
            yield Twin(f"{name}, {'used' if used else 'unused'}", "import", good, bad)


_USES: Final[dict[int, list[Any]]] = {
    1: [b"\x41\0\x41\0\x11\1\0"],
    2: [("i32.load", ("i32.const", 0)), "drop"],
    3: [("global.get", 0), "drop"],
}
"""Kind of an import to code that uses it, but for functions, which are called."""


def _importing(module: str, field: str, description: bytes, used: bool) -> bytes:
    guest = Assembly()
    guest.type(["i32"], ["i32"])
    guest.type(["i32"], [])
    guest.import_("grit", "result", b"\0\0")
    index = guest.import_(module, field, description)
    call: list[Any] = [("call", index, ("i32.const", 0)), *([] if description == b"\0\1" else ["drop"])]
    code = _USES.get(description[0], call) if used else []
    guest.entry([*code, ("i32.const", 0)])
    return guest.binary()


def entries() -> Iterator[Twin]:
    """Yield modules whose exports are not those of a guest."""
    zero = ("i32.const", 0)

    def exporting(
        name: str, results: Sequence[str] = ("i32",), parameters: Sequence[str] = (), more: str = ""
    ) -> bytes:
        guest = base()
        index = guest.function(parameters, results, (), [(f"{kind}.const", 0) for kind in results], name)
        if more:
            guest.export(more, index)
        return guest.binary()

    for entry in ("wit", "wit_query", "wit_update"):
        good = exporting(entry)
        other = "wit" if entry != "wit" else "wit_query"
        for name, bad in (
            ("no entry", exporting("x")),
            ("another entry", exporting(other)),
            ("an entry in capitals", exporting(entry.upper())),
            ("an entry with a byte order mark", exporting(f"\ufeff{entry}")),
            ("an entry without result", exporting(entry, [])),
            ("an entry of i64", exporting(entry, ["i64"])),
            ("an entry with two results", exporting(entry, ["i32", "i32"])),
            ("an entry with a parameter", exporting(entry, ["i32"], ["i32"])),
        ):
            yield Twin(f"{name} for {entry}", "export", good, bad, entry)
    for name in ("grit:", "grit:fuel", "grit:x"):
        yield Twin(f"an export {name}", "export", exporting("wit", more="grit"), exporting("wit", more=name))
        yield Twin(f"an export {name}", "export", exporting("wit", more="Grit:"), exporting("wit", more=name))
    for kind, index in ((1, 0), (2, 0), (3, 0)):
        yield Twin(f"an entry of kind {kind}", "export", exporting("wit"), _exported("wit", kind, index))
        guest = base()
        guest.entry([zero])
        guest.function([], [], (), [], "_initialize")
        good = guest.binary()
        guest.exports[-1] = name_bytes("_initialize") + bytes([kind, index])
        yield Twin(f"_initialize of kind {kind}", "export", good, guest.binary())
    for results, parameters in ((["i32"], []), ([], ["i32"])):
        guest = base()
        guest.entry([zero])
        guest.function(parameters, results, (), [zero] * len(results), "_initialize")
        yield Twin("_initialize of another type", "export", exporting("wit"), guest.binary())
    passed = Assembly()
    attempt = passed.grit("attempt")
    own = passed.entry([("call", attempt)])
    good = passed.binary()
    passed.exports = [name_bytes("wit") + b"\0" + uleb(attempt), name_bytes("x") + b"\0" + uleb(own)]
    yield Twin("an entry that is an import", "export", good, passed.binary())


def _exported(name: str, kind: int, index: int) -> bytes:
    guest = base()
    guest.entry([("i32.const", 0)], name="x")
    guest.export(name, index, kind)
    return guest.binary()


_WINDING: Final = {
    "asyncify_start_unwind": (["i32"], []),
    "asyncify_stop_unwind": ([], []),
    "asyncify_start_rewind": (["i32"], []),
    "asyncify_stop_rewind": ([], []),
    "asyncify_get_state": ([], ["i32"]),
}


def _waiting(lacking: str = "", wrong: str = "", area: tuple[str, bool] = ("i32", False), kind: int = 3) -> bytes:
    """Return a guest that imports ``wait``, with the exports that it needs but for what is lacking or wrong."""
    guest = Assembly()
    wait = guest.grit("wait")
    for name, (parameters, results) in _WINDING.items():
        if name != lacking:
            given = ["i64"] if name == wrong else parameters
            guest.function(given, results, (), [("i32.const", 0)] * len(results), name)
    if lacking != "grit_wait_area":
        guest.memory(1)
        guest.table(1)
        guest.export("grit_wait_area", guest.global_(area[0], 0, area[1]), kind)
    guest.entry([("call", wait)])
    return guest.binary()


def winding() -> Iterator[Twin]:
    """Yield modules that import ``wait`` and have not the exports that it needs."""
    good = _waiting()
    for name in (*_WINDING, "grit_wait_area"):
        yield Twin(f"no {name}", "export", good, _waiting(lacking=name))
    for name in _WINDING:
        yield Twin(f"{name} of another type", "export", good, _waiting(wrong=name))
    for kind, mutable in (("i64", False), ("i32", True)):
        yield Twin(f"an area of {kind}, mutable {mutable}", "export", good, _waiting(area=(kind, mutable)))
    for number in range(3):
        yield Twin(f"an area of kind {number} with the index of a global", "export", good, _waiting(kind=number))
