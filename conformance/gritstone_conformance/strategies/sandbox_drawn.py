"""Drawn probes: code with all instructions of the floor language, whose results and memory are emitted.

Spec: :rule:`sandbox.result.exact`.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.strategies.guest_code import Coder
from gritstone_conformance.strategies.guest_numbers import draw_constant
from gritstone_conformance.strategies.guest_scope import CodeScope
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import COUNT, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build
from gritstone_conformance.strategies.tape import Tape

__all__ = ["TAPE", "draw_probe"]

TAPE: Final = 400  # bytes
_SHOWN: Final = ((0, 4_096), (4_096, 1_024), (65_472, 64))
"""Places and sizes of the memory that drawn code writes to most."""

_CLEARED: Final = 4_096


def draw_probe(tape: Tape) -> Build:
    """Draw a probe that calls drawn code, and then emits its result, its globals and folds of its memory."""
    data = tape.data

    def build(abi: str) -> bytes:
        return _drawn(Tape(data), abi)

    return build


def _drawn(tape: Tape, abi: str) -> bytes:
    probe = SandboxProbe(abi)
    module = probe.module
    scope = CodeScope(memory=True, type_of=module.type, shows_nan=False)
    scope.segments = 1 + module.data(None, tape.take(8))
    shapes = [(("i32",), ("i64",)), (("i64", "i32"), ("i32",)), ((), ("i64", "i32"))][: tape.within(1, 3)]
    declared = [(module.declare(*shape), *shape) for shape in shapes]
    scope.recursive = declared
    kinds = [tape.pick(("i32", "i64")) for _ in range(tape.below(4))]
    scope.globals = [(module.global_(kind, draw_constant(tape, kind)[1], mutable=True), kind, True) for kind in kinds]
    module.table(len(declared) + 1)
    module.elements(0, [index for index, *_ in declared])
    scope.table = len(declared) + 1
    scope.types = [(module.type(*shape), *shape) for shape in shapes]
    for index, parameters, results in declared:
        coder = Coder(tape, scope, parameters, results, 25)
        code = coder.body()
        module.define(index, coder.declared(len(parameters)), code)
        scope.functions = [*scope.functions, (index, parameters, results)]
    coder = Coder(tape, scope, (), ("i64",), 40)
    code = coder.body()
    main = module.function([], ["i64"], coder.declared(0), code)
    folded = _fold(probe)
    return probe.binary(
        [
            ("memory.fill", zero, zero, number(_CLEARED)),  # whatever the ABI has left there
            ("local.set", 0, ("call", main)),
            *(
                ("local.set", at, ("call", folded, number(begin), number(size)))
                for at, (begin, size) in enumerate(_SHOWN, 1)
            ),
            ("i32.store", COUNT, zero, zero),
            *(probe.word(("local.get", at)) for at in range(1 + len(_SHOWN))),
            *(_shown_global(probe, index, kind) for index, kind, _ in scope.globals),
        ],
        ["i64"] * (1 + len(_SHOWN)),
    )


def _shown_global(probe: SandboxProbe, index: int, kind: str) -> Any:
    value = ("global.get", index)
    return probe.word(value) if kind == "i64" else probe.number(value)


def _fold(probe: SandboxProbe) -> int:
    """Add a function that folds a range of the memory into a word, and return its index."""
    load = ("i64.load", ("local.get", 0))
    mixed = ("i64.xor", ("i64.rotl", ("local.get", 2), number(7, "i64")), load)
    following = ("local.tee", 0, ("i32.add", ("local.get", 0), number(8)))
    loop = [("local.set", 2, mixed), ("br_if", 0, ("i32.lt_u", following, ("local.get", 3)))]
    code = [
        ("local.set", 3, ("i32.add", ("local.get", 0), ("local.get", 1))),
        ("loop", None, loop),
        ("local.get", 2),
    ]
    return probe.module.function(["i32", "i32"], ["i64"], ["i64", "i32"], code)
