"""Modules that no host may run, modules of each part of the floor language, and modules with misleading texts.

A defect is one of WebAssembly itself, whatever proposals a host supports.

Spec: ``sandbox/abi``, :rule:`sandbox.outcome.unforged`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gritstone_conformance.strategies.assembler import HEADER, Assembly, Code, name_bytes, uleb
from gritstone_conformance.strategies.endings import texts
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = ["FLOOR", "PLACES", "TEXTS", "WORDS", "defective", "disguised", "forgeries"]


def defective(valid: Build) -> dict[str, Build]:
    """Return modules that may not run, most of them made from a valid probe, each with its defect as name."""

    def changed(change: Callable[[bytes], bytes]) -> Build:
        return lambda abi: change(valid(abi))

    return {
        "no bytes": changed(lambda data: b""),
        "a text": changed(lambda data: b"(module)"),
        "only the magic number": changed(lambda data: data[:4]),
        "no sections": changed(lambda data: HEADER),
        "another version": changed(lambda data: data[:4] + b"\2" + data[5:]),
        "another magic number": changed(lambda data: b"\0ASM" + data[4:]),
        "the last byte missing": changed(lambda data: data[:-1]),
        "a byte after the last section": changed(lambda data: data + b"\1"),
        "a section twice": changed(lambda data: data + data[8 : 10 + data[9]]),
        "a body of another type": _with(lambda module: module.function([], ["i32"], (), [number(1, "i64")])),
        "an empty stack": _with(lambda module: module.function([], [], (), ["drop"])),
        "a value left": _with(lambda module: module.function([], [], (), [zero])),
        "an unknown local": _with(lambda module: module.function([], [], (), [("local.set", 9, zero)])),
        "an unknown function": _with(lambda module: module.function([], [], (), [("call", 999)])),
        "an unknown opcode": _with(lambda module: module.function([], [], (), [b"\xff"])),
        "a branch out of the body": _with(lambda module: module.function([], [], (), [("br", 7)])),
        "a constant that is set": _with(_sets_a_constant),
        "a data segment without memory index 0": _with(lambda module: module.segments.append(b"\2\7\x41\0\x0b\0")),
        "an export twice": _with(_exports_twice),
        "an unknown import": lambda abi: SandboxProbe(abi, imports=[("nobody", "nothing", "", "")]).binary([]),
        "an import of a known module": lambda abi: SandboxProbe(abi, imports=[(_MODULE[abi], "none", "", "")]).binary(
            []
        ),
        "no entry": _entry(lambda name: f"{name}_"),
        "an entry in capitals": _entry(str.upper),
        "an entry with a parameter": _entry(str, ["i32"]),
        "an entry with another result": _entry(str, [], ["i64"]),
        "a memory as the entry": _memory_as_entry,
        "a start function and no entry": _entry(lambda name: f"{name}_", starts=True),
        "a start function and an entry with a parameter": _entry(str, ["i32"], starts=True),
        "a start function with a parameter": _with(_starts_with_parameter),
    }


_MODULE: Final = {"memory": "env", "wasi": "wasi_snapshot_preview1", "extism": "extism:host/env", "grit": "grit"}
_ENTRY: Final = {"memory": "run", "wasi": "_start", "extism": "run", "grit": "wit"}


def _with(add: Callable[[Assembly], object]) -> Build:
    """Return a probe of nothing, to which something wrong was added."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        add(probe.module)
        return probe.binary([])

    return build


def _exports_twice(module: Assembly) -> None:
    module.export("twice", module.imported)
    module.export("twice", module.imported)


def _sets_a_constant(module: Assembly) -> None:
    constant = module.global_("i32", 1)
    module.function([], [], (), [("global.set", constant, zero)])


def _starts_with_parameter(module: Assembly) -> None:
    module.start = module.function(["i32"], [], (), [])


def _entry(
    named: Callable[[str], str],
    parameters: list[str] | None = None,
    results: list[str] | None = None,
    *,
    starts: bool = False,
) -> Build:
    """Return a module whose entry has another name or another type; with ``starts`` its start function traps."""

    def build(abi: str) -> bytes:
        module = Assembly()
        module.memory(1)
        module.export("memory", 0, 2)
        own = ([] if abi in ("memory", "wasi") else ["i32"]) if results is None else results
        value = [number(0, own[0])] if own else []
        module.function(parameters or [], own, (), value, named(_ENTRY[abi]))
        if starts:
            module.start = module.function([], [], (), ["unreachable"])
        return module.binary()

    return build


def _memory_as_entry(abi: str) -> bytes:
    module = Assembly()
    module.memory(1)
    module.export(_ENTRY[abi], 0, 2)
    return module.binary()


def _emitting(code: Callable[[SandboxProbe], Code], local_types: tuple[str, ...] = ()) -> Build:
    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        return probe.binary(code(probe), local_types)

    return build


def _multiple_results(probe: SandboxProbe) -> Code:
    pair = probe.module.function([], ["i64", "i64"], (), [number(5, "i64"), number(3, "i64")])
    kind = probe.module.type(["i64", "i64"], ["i64"])
    return [probe.word(("i64.sub", ("call", pair))), probe.word(("block", kind, ["i64.add"], ("call", pair)))]


def _exported_global(probe: SandboxProbe) -> Code:
    value = probe.module.global_("i64", 41, mutable=True)
    probe.module.export("value", value, 3)
    more = ("i64.add", ("global.get", value), number(1, "i64"))
    return [("global.set", value, more), probe.word(("global.get", value))]


def _bulk(probe: SandboxProbe) -> Code:
    passive = probe.module.data(None, b"passive data")
    return [
        ("memory.fill", number(DATA), number(0x5A), number(24)),
        ("memory.init", passive, number(DATA + 3), number(2), number(7)),
        ("memory.copy", number(DATA + 6), number(DATA + 1), number(15)),
        *(probe.word(("i64.load", at, number(DATA))) for at in (0, 8, 16)),
    ]


def _indirect(probe: SandboxProbe) -> Code:
    module = probe.module
    each = [module.function(["i64"], ["i64"], (), [(f"i64.{op}", ("local.get", 0), number(7, "i64"))]) for op in _OPS]
    module.table(len(each) + 1)
    module.elements(1, each)
    kind = module.type(["i64"], ["i64"])
    return [probe.word(("call_indirect", kind, number(6, "i64"), number(at + 1))) for at in range(len(each))]


_OPS: Final = ("add", "sub", "mul", "and", "or", "xor")


def _branch_table(probe: SandboxProbe) -> Code:
    chosen = probe.module.declare(["i32"], ["i64"])
    inner: list[Any] = [("block", None, [("block", None, [("br_table", [0, 1], 2, ("local.get", 0))])])]
    body: list[Any] = [("block", None, [*inner[0][2], number(10, "i64"), "return"]), number(20, "i64"), "return"]
    probe.module.define(chosen, (), [("block", None, body), number(30, "i64")])
    return [probe.word(("call", chosen, number(at))) for at in (0, 1, 2, 0xFFFFFFFF)]


FLOOR: Final[dict[str, Build]] = {
    "multiple results": _emitting(_multiple_results),
    "mutable exported global": _emitting(_exported_global),
    "bulk memory": _emitting(_bulk),
    "calls through a table": _emitting(_indirect),
    "branch table": _emitting(_branch_table),
    "sign extension": _emitting(
        lambda probe: [
            probe.number(("i32.extend8_s", number(0x80))),
            probe.word(("i64.extend16_s", number(0x8000, "i64"))),
            probe.word(("i64.extend32_s", number(0x8000_0000, "i64"))),
        ]
    ),
    "saturating conversions": _emitting(
        lambda probe: [
            probe.number(("i32.trunc_sat_f32_s", number(0x7FC00000, "f32"))),
            probe.number(("i32.trunc_sat_f64_u", number(0x43F << 52, "f64"))),
            probe.word(("i64.trunc_sat_f32_s", number(0xFF800000, "f32"))),
        ]
    ),
    "memory of 0 pages to grow": _emitting(
        lambda probe: [probe.number(("memory.grow", zero)), probe.number(("memory.size",))]
    ),
    "custom sections": lambda abi: _emitting(_exported_global)(abi) + b"\0" + uleb(8) + name_bytes("custom") + b"\0",
}
"""Probes of each part of the floor language beyond the first version of WebAssembly, with its name."""

TEXTS: Final = (
    b"done",
    b"wasm trap: wasm `unreachable` instruction executed",
    b"all fuel consumed by WebAssembly",
    b"exhausted:fuel",
    b"wasm trap: call stack exhausted",
    b"timeout: epoch deadline reached (interrupt)",
    b"failed:trap:divide-by-zero",
    b"unresolved:import unknown import",
)
"""Words of outcomes, and messages of engines for other ends."""


def forgeries(text: bytes) -> dict[str, tuple[Build, Build]]:
    """Return probes that end in one way each, with a text wherever a module can have one, and their neutral twins."""
    return {
        name: (_texted(text, code), _texted(b"\0" * len(text), code, named=b"x" * len(text)))
        for name, code in _ENDINGS.items()
    }


_DIVISION: Final = ("i32.div_u", number(1), zero)
_ENDINGS: Final[dict[str, Code]] = {
    "done": [],
    "trap": ["unreachable"],
    "division": [("drop", _DIVISION)],
    "loop": [("loop", None, [("br", 0)])],
}


def _texted(text: bytes, code: Code, named: bytes | None = None) -> Build:
    """Return a probe with a text as export, in custom sections, in data and in the output."""
    name = text if named is None else named

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        own = module.function([], [], (), code)
        module.export(name, own)
        for section, content in texts(name).items():
            module.custom(section, content)
        module.data(DATA, text.ljust(8, b"\0"))
        return probe.binary([probe.number(("i32.load8_u", number(DATA + len(text)))), ("call", own)])

    return build


WORDS: Final = (
    *(b"done", b"failed", b"trap:", b"unreachable", b"divide-by-zero", b"exhausted:", b"fuel", b"stack", b"memory"),
    *(
        b"timeout",
        b"epoch",
        b"interrupt",
        b"unresolved:",
        b"module",
        b"import",
        b"denied",
        b"guest:0",
        b"exit status 0",
    ),
    *(b"out of", b"overflow", b"RuntimeError: ", b": ", b" ", b"\n", b'{"outcome":"done"}', b"Traceback\n"),
)
"""Parts of the texts that say how a call ended."""

PLACES: Final = ("function", "global", "names", "section", "data", "output")
"""Where a module can have a text: the export of a function or of a global, names, a section, its data, its output."""


def disguised(text: bytes, places: frozenset[str], ending: str) -> Build:
    """Return a probe with a text in some :data:`PLACES`, which then ends as one of those of :func:`forgeries`."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        own = module.function([], [], (), _ENDINGS[ending])
        value = module.global_("i32", 0)
        if "function" in places:
            module.export(b"f" + text, own)
        if "global" in places:
            module.export(b"g" + text, value, 3)
        if "names" in places:
            for section, content in texts(text).items():
                module.custom(section, content)
        if "section" in places:
            module.custom(text, text)
        if "data" in places:
            module.data(DATA, text)
        shown = text if "output" in places else b""
        words = [shown[at : at + 8].ljust(8, b"\0") for at in range(0, len(shown), 8)]
        emits = [probe.word(number(int.from_bytes(word, "little"), "i64")) for word in words]
        return probe.binary([*emits, ("call", own)])

    return build
