"""Probes with instructions for tables and references, and what their calls emit.

The suite's interpreter has the floor language, so a list of elements in this module predicts the words: each call makes
the same changes to it as the probe makes to its tables.

Spec: :ref:`sandbox-tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Code, uleb, vector
from gritstone_conformance.strategies.probes import number
from gritstone_conformance.strategies.sandbox_abi import SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction

__all__ = ["CHANGES", "changing_tables", "dropping", "growing_table", "predict_tables"]

_FUNCREF: Final = b"\x70"
_NULL: Final = b"\xd0" + _FUNCREF
_IS_NULL: Final = b"\xd1"
_VALUES: Final = (21, 22, 23, 24)
"""What the functions return that the tables refer to."""

_SIZES: Final = (6, 4)
"""The initial sizes of the two tables."""

CHANGES: Final = 4
"""So many calls change the tables; the later ones only emit them."""


def _set(table: int) -> bytes:
    return b"\x26" + uleb(table)


def _bulk(opcode: int, *immediates: int) -> bytes:
    return b"\xfc" + uleb(opcode) + b"".join(map(uleb, immediates))


def _init(segment: int, table: int) -> bytes:
    return _bulk(12, segment, table)


def _copy(to: int, source: int) -> bytes:
    return _bulk(14, to, source)


def _grow(table: int) -> bytes:
    return _bulk(15, table)


def _size(table: int) -> bytes:
    return _bulk(16, table)


def _fill(table: int) -> bytes:
    return _bulk(17, table)


def _drop_elements(segment: int) -> bytes:
    return _bulk(13, segment)


def _of(function: int) -> bytes:
    return b"\xd2" + uleb(function)


def _passive(functions: Sequence[int]) -> bytes:
    return b"\x01\x00" + vector([uleb(each) for each in functions])


def _with_functions(probe: SandboxProbe) -> list[int]:
    """Add the functions that references name, and two tables without elements."""
    module = probe.module
    functions = [module.function([], ["i32"], (), [number(value)]) for value in _VALUES]
    for size in _SIZES:
        module.table(size)
    module.elements_.append(_passive(functions))
    module.elements_.append(_passive(functions[::-1]))
    return functions


def _shown(probe: SandboxProbe, table: int) -> Code:
    """Return code that emits the size of a table and, for each element, what its function returns, or 0 for null."""
    kind = probe.module.type([], ["i32"])
    at: Any = ("local.get", 0)
    value = [at, b"\x25" + uleb(table), _IS_NULL]
    called = [at, b"\x11" + uleb(kind) + uleb(table)]
    show = [*value, ("if", "i32", [number(0)], called), ("local.set", 1), probe.number(("local.get", 1))]
    following = ("local.tee", 0, ("i32.add", at, number(1)))
    return [
        _size(table),
        ("local.set", 1),
        probe.number(("local.get", 1)),
        ("local.set", 0, number(0)),
        ("loop", None, [*show, following, _size(table), "i32.lt_u", ("br_if", 0)]),
    ]


def _changes(functions: Sequence[int], held: int) -> list[Code]:
    """Return what each call changes; ``held`` is a global that holds a reference."""
    first, second, third, fourth = map(_of, functions)
    return [
        [number(1), second, _set(0), number(0), number(1), number(3), _init(0, 1), third, ("global.set", held)],
        [number(2), number(1), number(2), _copy(0, 1), first, number(2), _grow(1), "drop", _drop_elements(0)],
        [number(3), fourth, number(3), _fill(0), number(1), _NULL, _set(0), number(0), ("global.get", held), _set(0)],
        [number(2), number(2), number(2), _init(1, 1), number(1), number(0), number(4), _copy(0, 0)],
    ]


def changing_tables(abi: str) -> bytes:
    """Return a probe whose first four calls change two tables and a global; each call emits all elements."""
    probe = SandboxProbe(abi)
    functions = _with_functions(probe)
    module = probe.module
    calls = module.global_("i32", 0, mutable=True)
    module.globals.append(_FUNCREF + b"\x01" + _NULL + b"\x0b")
    held = len(module.globals) - 1
    code: list[Any] = [("global.set", calls, ("i32.add", ("global.get", calls), number(1)))]
    for at, change in enumerate(_changes(functions, held), 1):
        code.append(("if", None, ("i32.eq", ("global.get", calls), number(at)), list(change)))
    code += [("global.get", held), _IS_NULL, ("local.set", 0), probe.number(("local.get", 0))]
    for table in range(len(_SIZES)):
        code += _shown(probe, table)
    return probe.binary(code, ["i32", "i32"])


@dataclass(slots=True)
class _Tables:
    """The state of :func:`changing_tables`: 0 is null, other elements are what their functions return."""

    tables: list[list[int]] = field(default_factory=lambda: [[0] * size for size in _SIZES])
    held: int = 0

    def change(self, call: int) -> None:
        """Make the changes of a call, counted from 1."""
        main, other = self.tables
        if call == 1:
            main[1], other[0:3], self.held = _VALUES[1], _VALUES[1:4], _VALUES[2]
        elif call == 2:
            main[2:4] = other[1:3]
            other += [_VALUES[0]] * 2
        elif call == 3:
            main[3:6] = [_VALUES[3]] * 3
            main[1], main[0] = 0, self.held
        elif call == CHANGES:
            other[2:4] = _VALUES[::-1][2:4]
            main[1:5] = main[0:4]

    def words(self) -> tuple[int, ...]:
        """Return what a call emits."""
        shown = [word for table in self.tables for word in (len(table), *table)]
        return (int(not self.held), *shown)


def predict_tables(calls: int) -> list[Prediction]:
    """Return what successive calls of :func:`changing_tables` report."""
    state, found = _Tables(), []
    for call in range(1, calls + 1):
        state.change(call)
        found.append(Prediction("done", state.words()))
    return found


def dropping(kind: str) -> Build:
    """Return a probe whose first call uses and drops a segment, and whose next call uses it again, which traps.

    Args:
        kind: ``elements`` or ``data``.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        functions = _with_functions(probe)
        probe.module.data(None, b"data")
        used = [number(0), number(0), number(1)]
        code: list[Any] = [*used, _init(0, 0), _drop_elements(0)]
        if kind == "data":
            code = [("memory.init", 0, number(8_192), number(0), number(1)), _bulk(9, 0)]
        return probe.binary([*code, probe.number(("call", functions[0]))])

    return build


def growing_table(by: int) -> Build:
    """Return a probe that grows a table by some elements in each call, and emits what the instruction returns."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        _with_functions(probe)
        code = [_NULL, number(by), _grow(0), ("local.set", 0), probe.number(("local.get", 0))]
        return probe.binary([*code, _size(0), ("local.set", 0), probe.number(("local.get", 0))], ["i32"])

    return build
