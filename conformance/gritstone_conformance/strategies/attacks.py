"""Attacks on a host: modules that try to get out, to get at others, or to bring it down; ``abuse`` has further ones.

Each has a name and a kind. The model computes the expected outcome; that the host is alive afterwards, and makes
the same steps as before, is asked after each group.

Spec: :rule:`wasm.host.alive`, :rule:`wasm.host.bounded`, :rule:`wasm.call.survives`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.wasm.instructions import host_types
from gritstone_conformance.strategies.assembler import Assembly, name_bytes, uleb, vector
from gritstone_conformance.strategies.host_calls import PAGE

__all__ = ["Attack", "module_attacks"]

_ZERO: Final = ("i32.const", 0)
_FUEL: Final = 3_000_000
_TEXTS: Final = (
    *("out of fuel", "all fuel consumed by WebAssembly", "wasm trap: unreachable", "exhausted:fuel", "stack overflow"),
    *("wasm `unreachable` instruction executed", "RuntimeError: memory access out of bounds", "integer overflow"),
    *("failed:guest:0", "declined", "call stack exhausted", "timeout", "\u202eleuf", "a\nb", "x" * 1_000),
)


@dataclass(frozen=True, slots=True)
class Attack:
    """A module that is run as ``wit`` of a new actor.

    Attributes:
        name: what is tried, behind its kind and a colon.
        module: its bytes.
        manifest: what it is granted.
    """

    name: str
    module: bytes
    manifest: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind."""
        return self.name.partition(":")[0]


def _attack(name: str, change: _Change, code: Sequence[Any] = (_ZERO,), **grants: Any) -> Attack:
    guest = Assembly()
    change(guest)
    guest.entry(list(code))
    return Attack(name, guest.binary(), {"fuel": _FUEL, **grants})


def _nothing(guest: Assembly) -> None:
    """Leave the guest as it is."""


_Change: TypeAlias = Callable[[Assembly], object]


def _function(code: Sequence[Any], name: str | None = None, results: Sequence[str] = ()) -> _Change:
    return lambda guest: guest.function([], results, [], code, name)


def _custom(name: str, content: bytes) -> _Change:
    return lambda guest: guest.custom(name, content)


def _reserved(name: str) -> _Change:
    return lambda guest: guest.export(name, guest.global_("i64", 7, True), 3)


def _traps_under(name: str) -> _Change:
    return lambda guest: guest.export(name, guest.function([], [], [], ["unreachable"]))


def _memory(pages: int, maximum: int | None = None) -> _Change:
    return lambda guest: guest.memory(pages, maximum)


def _table(size: int) -> _Change:
    return lambda guest: guest.table(size)


# --- before anything runs ------------------------------------------------------------------------------


def _starts() -> Iterator[Attack]:
    """Code that runs before the entry is called."""

    def start(code: Sequence[Any], parameters: Sequence[str] = ()) -> _Change:
        def change(guest: Assembly) -> None:
            guest.start = guest.function(parameters, [], [], code)

        return change

    yield _attack("start: returns", start([]))
    yield _attack("start: traps", start(["unreachable"]))
    yield _attack("start: never ends", start([("loop", None, [("br", 0)])]))
    yield _attack("start: with a parameter", start([], ["i32"]))
    for name in ("_start", "__wasm_call_ctors", "main", "__wasm_apply_data_relocs"):
        yield _attack(f"start: exports {name}", _function(["unreachable"], name))
    for word, code in (("traps", ["unreachable"]), ("never ends", [("loop", None, [("br", 0)])]), ("returns", [])):
        yield _attack(
            f"start: _initialize {word}",
            _function(code, "_initialize"),
        )
    yield _attack("start: _initialize with a result", _function([_ZERO], "_initialize", ["i32"]))
    yield _attack("start: _initialize is an import", lambda guest: guest.export("_initialize", guest.grit("fuel")))


def _imports() -> Iterator[Attack]:
    """Imports of missing functions, of wrong types, or under confusing names."""
    plain = b"\0\0"

    def imported(module: str | bytes, name: str | bytes, description: bytes = plain) -> _Change:
        def change(guest: Assembly) -> None:
            guest.type([], ["i32"])
            guest.import_(module, name, description)

        return change

    for module, name in (
        *(("wasi_snapshot_preview1", each) for each in ("fd_write", "path_open", "environ_get", "clock_time_get")),
        *(("wasi_snapshot_preview1", each) for each in ("random_get", "proc_exit", "sock_accept", "fd_readdir")),
        *(("env", each) for each in ("memory", "system", "emscripten_run_script", "abort")),
        *(("wasi:filesystem/types@0.2.0", "open"), ("", ""), ("GRIT", "fuel"), ("grit ", "fuel"), ("grit\0", "fuel")),
        *(("grit", each) for each in ("", "eval", "fuel\0", "FUEL", "__proto__", "constructor", "open", "toString")),
        *(("gr\u0456t", "fuel"), ("grit", "inpu\u0442"), ("node:fs", "readFileSync"), ("js", "process")),
    ):
        yield _attack(f"import: {module} {name}", imported(module, name))
    for kind, description in (
        *(("table", b"\1\x70\0\1"), ("memory", b"\2\0\1"), ("shared memory", b"\2\3\1\1")),
        *(("global", b"\3\x7f\0"), ("mutable global", b"\3\x7f\1"), ("tag", b"\4\0\0")),
    ):
        yield _attack(f"import: a {kind}", imported("grit", "memory", description))
    for name, (parameters, results) in host_types().items():
        for word, changed in (
            ("one parameter more", (parameters + b"\x7f", results)),
            ("64-bit pointers", (parameters.replace(b"\x7f", b"\x7e") or b"\x7e", results)),
            ("another result", (parameters, b"" if results else b"\x7f")),
        ):
            yield _attack(f"import: {name} with {word}", _wrong_type(name, *changed))


def _wrong_type(name: str, parameters: bytes, results: bytes) -> _Change:
    def change(guest: Assembly) -> None:
        kind = guest._type(b"\x60" + name_bytes(parameters) + name_bytes(results))
        guest.import_("grit", name, b"\0" + uleb(kind))

    return change


def _exports() -> Iterator[Attack]:
    """Exports under names that the host reserves, and invalid entries."""
    for name in ("grit:fuel", "grit:depth", "grit:memory", "grit:g0", "grit:", "grit:x"):
        yield _attack(f"export: {name}", _reserved(name))
    for name in ("__proto__", "constructor", "hasOwnProperty", "then", "grit", "memory", "toString"):
        yield _attack(f"export: {name}", _function([_ZERO], name, ["i32"]))
    guest = Assembly()
    guest.export("wit", guest.grit("attempt"))
    yield Attack("export: an import as wit", guest.binary(), {"fuel": _FUEL, "attempt": True})
    guest = Assembly()
    guest.export("wit", guest.global_("i32", 0), 3)
    yield Attack("export: a global as wit", guest.binary(), {"fuel": _FUEL})


def _names() -> Iterator[Attack]:
    """Names and texts that look like messages of an engine."""
    for text in _TEXTS:
        subsection = vector([uleb(0) + name_bytes(text)])
        section = b"\1" + uleb(len(subsection)) + subsection
        for word, code in (("traps", ["unreachable"]), ("declines", [_ZERO])):
            yield _attack(f"name: {text[:20]!r} {word}", _custom("name", section), code)
        yield _attack(f"name: exports {text[:20]!r}", _traps_under(text))
    for content in (b"", b"\1", b"\1\xff\xff\xff\xff\x0f", b"\0" * 100, b"\1\x05\xff\xff\xff\xff\x0f"):
        yield _attack(f"name: a broken section {content[:4].hex()}", _custom("name", content))
    for name in ("producers", ".debug_info", "sourceMappingURL", "dylink.0", "target_features", "grit:compiled"):
        yield _attack(f"name: section {name}", _custom(name, b"\xff" * 50))
    guest = Assembly()
    fail = guest.grit("fail")
    guest.memory(1)
    for at, text in enumerate(_TEXTS):
        guest.data(at * 1_024, text.encode()[:1_024])
    for at, text in enumerate(_TEXTS):
        call = (
            "call",
            fail,
            ("i32.const", at),
            ("i32.const", at * 1_024),
            ("i32.const", min(len(text.encode()), 1_024)),
        )
        yield Attack(f"name: fails with {text[:20]!r}", _with_entry(guest, [call, _ZERO]), {"fuel": _FUEL})


def _with_entry(guest: Assembly, code: Sequence[Any]) -> bytes:
    """Return the module with an entry that another module of the same parts has not."""
    again = Assembly(types=list(guest.types), imports=list(guest.imports), imported=guest.imported)
    again.memories, again.segments, again.data_count = guest.memories, guest.segments, guest.data_count
    again.entry(code)
    return again.binary()


# --- while it runs -------------------------------------------------------------------------------------


def _bombs() -> Iterator[Attack]:
    """Memory, tables, recursion, loops and logs without end."""
    one = ("i32.const", 1)
    forever: list[Any] = [("loop", None, [("br", 0)]), _ZERO]
    grow = ("loop", None, [("drop", ("memory.grow", one)), ("br", 0)])
    yield _attack("bomb: an empty loop", _nothing, forever)
    yield _attack("bomb: memory page by page", _memory(1), [grow, _ZERO], pages=64)
    for pages in (65_535, 0x7FFF_FFFF, 0xFFFF_FFFF):
        code = [("drop", ("memory.grow", ("i32.const", pages))), _ZERO]
        yield _attack(f"bomb: {pages} pages at once", _memory(1), code)
        yield _attack(f"bomb: {pages} pages with fuel", _memory(1), code, fuel=1 << 62)
    for least, most in ((65_536, None), (65_537, None), (1_025, 1_025), (0, 65_536), (1, 0)):
        yield _attack(f"bomb: a memory of {least} to {most}", _memory(least, most))
    for size in (65_536, 65_537, 10_000_000, 0xFFFF_FFFF):
        yield _attack(f"bomb: a table of {size}", _table(size))
    fill = ("memory.fill", _ZERO, one, ("i32.const", PAGE))
    yield _attack("bomb: fills", _memory(1), [("loop", None, [fill, ("br", 0)]), _ZERO])
    yield _attack("bomb: fills too much", _memory(1), [("memory.fill", one, one, ("i32.const", -1)), _ZERO])
    guest = Assembly()
    log = guest.grit("log")
    guest.memory(1)
    call = ("drop", ("call", log, _ZERO, ("i32.const", PAGE)))
    guest.entry([("loop", None, [call, ("br", 0)]), _ZERO])
    yield Attack("bomb: logs", guest.binary(), {"fuel": _FUEL})
    yield from _recursions()


def _recursions() -> Iterator[Attack]:
    for word, local_types in (
        *(("without locals", []), ("with floats", ["f64"] * 500), ("with many locals", ["i64"] * 9_000)),
        ("with all types", ["i32", "i64", "f32", "f64"] * 40),
    ):
        guest = Assembly()
        own = guest.declare([], ["i32"])
        guest.define(own, local_types, [("i32.add", ("i32.const", 1), ("call", own))])
        guest.export("wit", own)
        yield Attack(f"recursion: {word}", guest.binary(), {"fuel": _FUEL})
    guest = Assembly()
    wide = guest.declare(["i64"] * 64, ["f64"])
    arguments = [("local.get", number) for number in range(64)]
    guest.define(wide, [], [("f64.add", ("f64.const", 1.0), ("call", wide, *arguments))])
    guest.entry([("drop", ("call", wide, *[("i64.const", 7)] * 64)), _ZERO])
    yield Attack("recursion: with 64 parameters", guest.binary(), {"fuel": _FUEL})
    guest = Assembly()
    guest.table(1)
    kind = guest.type([], ["i32"])
    own = guest.declare([], ["i32"])
    guest.define(own, [], [("i32.add", ("i32.const", 1), ("call_indirect", kind, _ZERO))])
    guest.elements(0, [own])
    guest.export("wit", own)
    yield Attack("recursion: through the table", guest.binary(), {"fuel": _FUEL})
    guest = Assembly()
    ring = [guest.declare([], ["i32"]) for _ in range(50)]
    for at, own in enumerate(ring):
        guest.define(own, ["i64"] * at, [("i32.add", ("i32.const", 1), ("call", ring[(at + 1) % 50]))])
    guest.export("wit", ring[0])
    yield Attack("recursion: in a ring", guest.binary(), {"fuel": _FUEL})


def _compilations() -> Iterator[Attack]:
    """Modules that are dear to read, check, meter or compile."""
    deep = 1_000
    yield _attack("compile: deep blocks", _nothing, [b"\x02\x40" * deep + b"\x0b" * deep, _ZERO])
    yield _attack("compile: deep ifs", _nothing, [b"\x41\0\x04\x40" * deep + b"\x0b" * deep, _ZERO])
    yield _attack("compile: deep loops", _nothing, [b"\x03\x40" * deep + b"\x0b" * deep, _ZERO])
    yield _attack("compile: a long straight body", _nothing, [b"\x41\1\x1a" * 20_000, _ZERO])
    yield _attack("compile: many operands", _nothing, [b"\x41\1" * 5_000 + b"\x6a" * 4_999 + b"\x1a", _ZERO])
    table = ("block", None, [("br_table", [0] * 5_000, 0, _ZERO)])
    yield _attack("compile: a wide br_table", _nothing, [table, _ZERO])
    tables = b"\x41\0\x0e" + vector([b"\0"] * 200) + b"\0"
    yield _attack(
        "compile: many br_tables", _nothing, [b"\x02\x40" + b"".join([tables, b"\x0b\x02\x40"] * 50) + b"\x0b", _ZERO]
    )
    yield _attack("compile: many functions", lambda guest: [guest.function() for _ in range(3_000)])
    yield _attack("compile: many locals", lambda guest: [guest.function([], [], ["f64"] * 9_999) for _ in range(3)])
    yield _attack("compile: many types", lambda guest: guest.types.extend([b"\x60\0\0"] * 4_000))
    yield _attack("compile: many globals", lambda guest: [guest.global_("i64", -1, True) for _ in range(1_000)])
    yield _attack("compile: many exports", _many_exports)
    yield from _metered_compilations()
    for times in (200, 2_000):
        dead = ["unreachable", *["unreachable", ("br", 0), "return"] * times]
        yield _attack(f"compile: {times} dead branches", _function(dead))


def _metered_compilations() -> Iterator[Attack]:
    """Bodies whose metered form takes far longer to compile: a check per segment, times the locals."""

    def body(local_count: int, code: bytes) -> _Change:
        def change(guest: Assembly) -> None:
            guest.memory(1)
            guest.function([], [], ["i32"] * local_count, [code])

        return change

    touches = b"".join(b"\x20" + uleb(one) + b"\x41\1\x6a\x21" + uleb(one) for one in range(1, 1_400))
    branches = b"\x03\x40" + touches + b"\x20\0\x0d\0" * 12_000 + b"\x0b"
    yield _attack("compile: branches over many locals", body(1_400, branches))
    loops = b"\x03\x40" * 100 + touches + b"\x20\0\x0d\0\x0b" * 100
    yield _attack("compile: loops over many locals", body(1_400, loops))
    yield _attack("compile: sizes over many locals", body(1_400, touches + b"\x20\0\x40\0\x1a" * 12_000))
    yield _attack("compile: branches alone", body(1, b"\x03\x40" + b"\x20\0\x0d\0" * 60_000 + b"\x0b"))


def _many_exports(guest: Assembly) -> None:
    function = guest.function()
    for number in range(2_000):
        guest.export(f"e{number}", function)


_GROUPS: Final = (_starts, _imports, _exports, _names, _bombs, _compilations)


@cache
def module_attacks() -> tuple[Attack, ...]:
    """Return all attacks by modules, kind by kind."""
    return tuple(attack for group in _GROUPS for attack in group())
