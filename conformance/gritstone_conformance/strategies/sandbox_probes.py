"""The probes of the profile ``sandbox``: bodies, and what the suite's interpreter says about them.

A probe is a function that fills a :class:`~.sandbox_abi.SandboxProbe` and returns the module. The same function makes
the module for each ABI, and for the interpreter, which predicts the outcome and the words.

Spec: ``sandbox/abi``, ``sandbox/outcomes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from gritstone_conformance.model.wasm.admission import admit
from gritstone_conformance.model.wasm.instructions import INSTRUCTIONS, TYPE_NAMES, Instruction
from gritstone_conformance.model.wasm.machine import Machine, OutOfFuel
from gritstone_conformance.model.wasm.numeric import TRAPPING, Trapped
from gritstone_conformance.model.wasm.signatures import PLAIN
from gritstone_conformance.strategies.endings import CAUSES
from gritstone_conformance.strategies.guest_numbers import INTERESTING
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import COUNT, DATA, MODEL, OUT, SandboxProbe, read_words

__all__ = ["Prediction", "bordered", "counter", "every_word", "exiting", "predict", "semantics", "trapping"]

Build = Callable[[str], bytes]
"""ABI to module."""

_PAGES: Final = 16
_FUEL: Final = 1 << 40
_KEPT: Final = 256  # predictions


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a call of a probe has to report.

    Attributes:
        outcome: as in the table of outcomes.
        words: what it emits; empty unless it is done.
    """

    outcome: str
    words: tuple[int, ...] = ()


class _NoHost:
    """The model's ABI has no functions of the host."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def predict(
    build: Build, calls: int = 1, pages: int = _PAGES, fuel: int = _FUEL, *, wide: bool = False
) -> list[Prediction]:
    """Return what successive calls of one instance report, as the suite's interpreter finds it.

    Args:
        build: the probe.
        calls: how many calls; the first one is the run.
        pages: the limit of pages.
        fuel: units of the interpreter for all calls.
        wide: whether the probe may be wide.
    """
    return list(_predicted(build, calls, pages, fuel, wide))


@lru_cache(_KEPT)
def _predicted(build: Build, calls: int, pages: int, fuel: int, wide: bool) -> tuple[Prediction, ...]:
    machine = Machine(admit(build(MODEL), "wit", pages, wide), pages, fuel, _NoHost())  # type: ignore[arg-type]
    return tuple(_call(machine, is_run=number == 0) for number in range(calls))


def _call(machine: Machine, *, is_run: bool) -> Prediction:
    try:
        if is_run:
            machine.start()
        code = machine.call("wit")
    except Trapped as trap:
        return Prediction(f"failed:trap:{trap.code}")
    except OutOfFuel:
        return Prediction("exhausted:fuel")
    if code:
        return Prediction(f"failed:guest:{code}")
    size = int.from_bytes(machine.memory[COUNT : COUNT + 4], "little")
    words = read_words(MODEL, bytes(machine.memory[OUT : OUT + size]))
    assert words is not None
    return Prediction("done", tuple(words))


def counter(abi: str) -> bytes:
    """Return a probe that counts its calls in its memory, from 100 on, and in a global."""
    probe = SandboxProbe(abi)
    at = number(DATA)
    probe.module.data(DATA, (100).to_bytes(8, "little"))
    calls = probe.module.global_("i32", 0, mutable=True)
    return probe.binary(
        [
            ("i64.store", at, ("i64.add", ("i64.load", at), number(1, "i64"))),
            ("global.set", calls, ("i32.add", ("global.get", calls), number(1))),
            probe.word(("i64.load", at)),
            probe.number(("global.get", calls)),
        ]
    )


def bordered(abi: str) -> bytes:
    """Return a probe that fills the memory around the size of the output, and where the output will be, with bytes."""
    probe = SandboxProbe(abi)
    around = [(0, COUNT), (COUNT + 4, OUT - COUNT - 4), (OUT, 2_048)]
    fills = [("memory.fill", number(at), number(0xA5), number(size)) for at, size in around]
    return probe.binary([*fills, probe.word(number(7, "i64")), probe.word(number(0, "i64"))])


def every_word(count: int) -> Build:
    """Return a probe that emits words with all bytes, and with bytes that are separators elsewhere."""
    values = [(0x0123456789ABCDEF * (at + 1)) & (1 << 64) - 1 for at in range(count - 4)]
    values += [0, (1 << 64) - 1, 0x0A0D0A2000FF0A0D, 0x8000000000000000][: count - len(values)]

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        return probe.binary([probe.word(number(value, "i64")) for value in values])

    return build


def exiting(code: int) -> Build:
    """Return a probe that emits a word and then leaves with a code."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        return probe.binary([probe.word(number(7, "i64")), number(code)], code_i32=True)

    return build


def trapping(trap: str, cause: str) -> Build:
    """Return a probe that emits a word and then traps.

    Args:
        trap: a key of ``endings.CAUSES``.
        cause: the name of a cause of this trap.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        module.data(None, b"passive!")
        module.data(DATA, b"active")
        module.table(3)
        own = module.declare()
        kinds = [module.type([], []), module.type([], ["i32"])]
        other = module.function([], [], (), [])
        module.elements(0, [own, other])
        code = [_resolved(item, own, kinds) for item in CAUSES[trap][cause]]
        module.define(own, (), code)
        return probe.binary([probe.word(number(7, "i64")), ("call", own)])

    return build


def _resolved(item: Any, own: int, kinds: Sequence[int]) -> Any:
    """Return an instruction of a cause with the index of the function itself and of types."""
    if not isinstance(item, tuple):
        return item
    if item[0] == "call" and item[1] == "self":
        return ("call", own)
    if item[0] == "call_indirect":
        return ("call_indirect", kinds[item[1]], *item[2:])
    return tuple(_resolved(part, own, kinds) if isinstance(part, tuple) else part for part in item)


_EACH: Final = 40  # results of a probe
_NUMERIC: Final = [
    row
    for row in INSTRUCTIONS
    if row.code in PLAIN and not row.immediates and PLAIN[row.code][1] and PLAIN[row.code][0]
]


def _operands(row: Instruction) -> Iterator[tuple[int, ...]]:
    """Yield a few tuples of interesting operands of an instruction, on which it does not trap."""
    kinds = [TYPE_NAMES[kind] for kind in PLAIN[row.code][0]]
    values = [INTERESTING[kind] for kind in kinds]
    for at in range(6):
        chosen = tuple(each[(at * (5 + 2 * place) + place) % len(each)] for place, each in enumerate(values))
        if row.name not in TRAPPING:
            yield chosen
        elif row.name[4:7] in ("div", "rem"):
            yield (chosen[0], values[1][3 + at % 2])  # neither 0 nor -1
        else:
            yield (int.from_bytes(_SMALL[kinds[0]], "little"),)


_SMALL: Final = {"f32": b"\0\0\x40\x42", "f64": b"\0\0\0\0\0\0\x48\x40"}  # 48.0


def semantics() -> list[tuple[str, Build]]:
    """Return probes that emit results of the numeric instructions, with their names."""
    asserted = [(row, operands) for row in _NUMERIC for operands in dict.fromkeys(_operands(row))]
    parts = [asserted[at : at + _EACH] for at in range(0, len(asserted), _EACH)]
    return [(f"{part[0][0].name.replace('.', '-')}-and-on", _emitting(part)) for part in parts]


def _emitting(part: Sequence[tuple[Instruction, tuple[int, ...]]]) -> Build:
    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        code = []
        for row, operands in part:
            takes, gives = PLAIN[row.code]
            values = [number(value, TYPE_NAMES[kind]) for kind, value in zip(takes, operands, strict=True)]
            result, kind = (row.name, *values), TYPE_NAMES[gives[0]]
            word = _as_word(result, kind)
            if kind[0] == "f" and not row.name.endswith(_EXACT):
                nan = number(_NAN[kind], "i64")
                word = ("select", word, nan, (f"{kind}.eq", result, result))
            code.append(probe.word(word))
        return probe.binary(code)

    return build


_NAN: Final = {"f32": 0x7FC00000, "f64": 0x7FF8 << 48}
_EXACT: Final = ("abs", "neg", "copysign", "reinterpret_i32", "reinterpret_i64")
"""Instructions whose result has exactly one value, also for a NaN."""


def _as_word(value: Any, kind: str) -> Any:
    match kind:
        case "i64":
            return value
        case "f64":
            return ("i64.reinterpret_f64", value)
        case "f32":
            return ("i64.extend_i32_u", ("i32.reinterpret_f32", value))
        case _:
            return ("i64.extend_i32_u", value)


def grows(pages: int) -> Build:
    """Return a probe that grows its memory page by page, emits how often this succeeded, and writes to its end."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        last = ("i32.sub", ("i32.mul", ("memory.size",), number(65_536)), number(8))
        following = ("local.tee", 0, ("i32.add", ("local.get", 0), number(1)))
        return probe.binary(
            [
                (
                    "block",
                    None,
                    [
                        (
                            "loop",
                            None,
                            [
                                ("br_if", 1, ("i32.lt_s", ("memory.grow", number(1)), zero)),
                                ("br_if", 0, ("i32.lt_u", following, number(pages))),
                            ],
                        )
                    ],
                ),
                ("i64.store", last, number(9, "i64")),
                probe.number(("local.get", 0)),
                probe.number(("memory.size",)),
                probe.word(("i64.load", last)),
            ],
            ["i32"],
        )

    return build
