"""Validity of a module, with the conditions that the text adds to WebAssembly's.

Spec: :ref:`wasm-admission` (4), :rule:`wasm.module.state`.
"""

from __future__ import annotations

from gritstone_conformance.model.wasm.binary import Limits, Module
from gritstone_conformance.model.wasm.bodies import Op
from gritstone_conformance.model.wasm.checking import Invalid, ModuleContext, check_body, element
from gritstone_conformance.model.wasm.instructions import I32, TYPE_NAMES
from gritstone_conformance.model.wasm.segments import Segments

__all__ = ["constant", "validate"]

_MEMORY_PAGES = 65_536
_INTEGERS = ("i32", "i64")


def constant(code: tuple[Op, ...], kind: int) -> int:
    """Return the bits of an initialiser, or find it invalid."""
    if len(code) != 2 or code[0].instruction.name != f"{TYPE_NAMES[kind]}.const":
        raise Invalid("an initializer is not one constant of its type")
    bits: int = code[0].immediates[0]
    return bits


def _check_limits(found: list[Limits], most: int, what: str) -> None:
    if len(found) > 1:
        raise Invalid(f"more than one {what}")
    for least, largest in found:
        if max(least, largest or 0) > most or (largest is not None and least > largest):
            raise Invalid(f"the sizes of the {what}")


def _check_globals(module: Module, *, wide: bool) -> None:
    for item in module.globals:
        constant(item.value, item.kind)
        if item.mutable and TYPE_NAMES[item.kind] not in _INTEGERS and not wide:
            raise Invalid("a mutable global of a float type")


def _check_exports(module: Module, scope: ModuleContext) -> None:
    spaces = (scope.functions, scope.tables, scope.memories, scope.globals)
    for export in module.exports:
        element(spaces[export.kind], export.index, "export")
    if len({export.name for export in module.exports}) != len(module.exports):
        raise Invalid("a name is exported twice")


def _check_elements(module: Module, scope: ModuleContext) -> None:
    for segment in module.elements:
        if segment.flag not in (0, 2) or segment.functions is None or segment.table:
            raise Invalid("an element segment is not active, for table 0, by indices")
        least = element(scope.tables, 0, "table")[0]
        for index in segment.functions:
            element(scope.functions, index, "function")
        if constant(segment.offset, I32) + len(segment.functions) > least:
            raise Invalid("an element segment outside the initial table")


def _check_data(module: Module, scope: ModuleContext) -> None:
    for segment in module.segments:
        if segment.flag == 1:
            continue
        if segment.memory:
            raise Invalid("a data segment for a memory other than 0")
        least = element(scope.memories, 0, "memory")[0]
        if constant(segment.offset, I32) + len(segment.content) > least << 16:
            raise Invalid("a data segment outside the initial memory")


def _check_start(module: Module, scope: ModuleContext, *, wide: bool) -> None:
    if module.start is None:
        return
    if not wide:
        raise Invalid("a start section")
    if element(scope.functions, module.start, "function") != (b"", b""):
        raise Invalid("a start function with parameters or results")


def validate(module: Module, parts: list[Segments], *, wide: bool = False) -> list[int]:
    """Check a module and return, for each function that it defines, the most operands on its stack.

    Args:
        module: what was read.
        parts: the segments of its bodies.
        wide: whether it may have a start function and mutable globals of float types.

    Raises:
        Invalid: WebAssembly or the text forbids something in it.
    """
    scope = ModuleContext(module)
    _check_start(module, scope, wide=wide)
    _check_limits(scope.tables, 0xFFFFFFFF, "table")
    _check_limits(scope.memories, _MEMORY_PAGES, "memory")
    _check_globals(module, wide=wide)
    _check_exports(module, scope)
    _check_elements(module, scope)
    _check_data(module, scope)
    kinds = [module.types[index] for index in module.functions]
    return [
        check_body(scope, kind, body, part.live) for kind, body, part in zip(kinds, module.bodies, parts, strict=True)
    ]
