"""Admission: the checks that decide whether a module may run.

The checks run in this order, and the first failure is reported: length, well-formedness, limits, validity, imports,
exports. Since limits are checked before validation, validation takes time linear in the length of the module.

Spec: :rule:`wasm.module.first`, :rule:`wasm.module.import`, :rule:`wasm.module.entry`, :rule:`wasm.module.state`,
:rule:`wasm.module.limit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gritstone.errors import Invalid, Malformed, Refusal
from gritstone.wasm.advice import import_advice
from gritstone.wasm.binary import FunctionType, Module, read_module
from gritstone.wasm.interface import ENTRIES, FUNCTIONS, INITIALIZE, MODULE, RESERVED, WAIT_AREA, WAITING
from gritstone.wasm.reader import I32
from gritstone.wasm.validation import validate_body
from gritstone.wit.failures import failure

__all__ = ["MODULE_BYTES", "AdmittedModule", "admit_language", "admit_module"]

MODULE_BYTES = 8 << 20  # bytes
_TYPES = 4_096
_PARAMETERS = 64
_RESULTS = 16
_FUNCTIONS = 65_536
_BODY_BYTES = 262_144  # bytes
_LOCALS = 10_000
_NESTING = 1_024  # blocks
_LABELS = 32_768
_IMPORTS = 64
_EXPORTS = 4_096
_NAME_BYTES = 1_024  # bytes
_GLOBALS = 1_024
_TABLE = 65_536  # elements
_DATA = 16_384  # segments
_ELEMENTS = 4_096  # segments
_FUNCTION, _GLOBAL = 0, 3
_ENTRY_TYPE = FunctionType((), (I32,))
_INITIALIZE_TYPE = FunctionType((), ())


@dataclass(frozen=True, slots=True)
class AdmittedModule:
    """A module that may run.

    Attributes:
        module: the module.
        heights: the maximum number of operands of each body after any live instruction.
        pages: the maximum size of its memory in pages.
    """

    module: Module
    heights: tuple[int, ...]
    pages: int


def admit_module(data: bytes, entry: str, pages: int) -> AdmittedModule:
    """Check whether a module may run.

    Args:
        data: the bytes of the module.
        entry: the code node that the module is run for.
        pages: the maximum size of its memory in pages.

    Raises:
        Rejected: the module may not run (codes ``unresolved:module``, ``:import``, ``:export``, ``:limit``).

    Spec: :rule:`wasm.module.first`.
    """
    assert entry in ENTRIES, "an entry is named as its node"
    admitted = admit_language(data, pages)
    _check_imports(admitted.module)
    _check_exports(admitted.module, entry)
    return admitted


def admit_language(data: bytes, pages: int) -> AdmittedModule:
    """Check whether a module is one of the language and within the limits, whatever it imports and exports.

    Args:
        data: the bytes of the module.
        pages: the maximum size of its memory in pages.

    Raises:
        Rejected: it is not (codes ``unresolved:module``, ``:limit``).
    """
    if len(data) > MODULE_BYTES:
        raise _refusal("limit", "wasm.module.limit", "bytes", len(data), MODULE_BYTES)
    try:
        module = read_module(data)
    except Malformed as refusal:
        raise _refusal("module", refusal.rule, str(refusal)) from refusal
    for what, got, most in _counts(module, pages):
        if got > most:
            raise _refusal("limit", "wasm.module.limit", what, got, most)
    try:
        if module.invalid is not None:
            raise module.invalid
        types = module.function_types()
        own = types[len(types) - len(module.functions) :]
        pairs = zip(own, module.bodies, strict=True)
        heights = tuple(validate_body(module, types, type_, body) for type_, body in pairs)
    except Invalid as refusal:
        raise _refusal("module", refusal.rule, str(refusal)) from refusal
    return AdmittedModule(module, heights, pages)


def _check_imports(module: Module) -> None:
    for entry in module.imports:
        name = f"{entry.module}.{entry.name}"
        if entry.module != MODULE or entry.type_index is None or entry.name not in FUNCTIONS:
            advice = import_advice(entry.module)
            what = f"an import that no host provides ({advice})" if advice else "an import that no host provides"
            raise _refusal("import", "wasm.module.import", what, ascii(name))
        if module.types[entry.type_index] != FUNCTIONS[entry.name]:
            raise _refusal("import", "wasm.module.import", "an import of another type", ascii(name))


def _check_exports(module: Module, entry: str) -> None:
    types, imported = module.function_types(), len(module.imported)
    own = [one for one in module.exports if one.kind == _FUNCTION and one.index >= imported]
    functions = {one.name: types[one.index] for one in own}
    names = {one.name for one in module.exports}
    wanted = {entry: _ENTRY_TYPE}
    if INITIALIZE in names:
        wanted[INITIALIZE] = _INITIALIZE_TYPE
    if any(one.name == "wait" for one in module.imports):
        wanted |= WAITING
        areas = [module.globals[one.index] for one in module.exports if (one.kind, one.name) == (_GLOBAL, WAIT_AREA)]
        if not areas or areas[0].mutable or areas[0].type != I32:
            raise _refusal("export", "wasm.module.entry", "no constant with the place to wait in", WAIT_AREA)
    for name, type_ in wanted.items():
        if functions.get(name) != type_:
            raise _refusal("export", "wasm.module.entry", "no such function, or one of another type", name)
    reserved = [name for name in names if name.startswith(RESERVED)]
    if reserved:
        raise _refusal("export", "wasm.module.entry", "a name that is kept for hosts", ascii(reserved[0]))


def _counts(module: Module, pages: int) -> Iterator[tuple[str, int, int]]:
    """Yield each limited quantity: its name, its value, and its limit."""
    yield "types", len(module.types), _TYPES
    for type_ in module.types:
        yield "parameters", len(type_.parameters), _PARAMETERS
        yield "results", len(type_.results), _RESULTS
    yield "functions", len(module.functions), _FUNCTIONS
    for body in module.bodies:
        yield "bytes of a body", body.end - body.start, _BODY_BYTES
        yield "locals", body.declared, _LOCALS
        yield "nested constructs", body.nesting, _NESTING
        yield "labels of a br_table", body.labels, _LABELS
    yield "imports", len(module.imports), _IMPORTS
    yield "exports", len(module.exports), _EXPORTS
    names = [name for one in module.imports for name in (one.module, one.name)]
    for name in (*names, *(one.name for one in module.exports)):
        yield "bytes of a name", len(name.encode()), _NAME_BYTES
    yield "globals", len(module.globals) - module.imported_globals, _GLOBALS
    for table in module.tables:
        yield "elements of a table", table.least, _TABLE
    yield "data segments", len(module.segments), _DATA
    yield "element segments", len(module.elements), _ELEMENTS
    for memory in module.memories:
        yield "pages of the first memory", memory.least, pages


def _refusal(code: str, rule: str, what: str, got: object = None, expected: object = None) -> Refusal:
    return failure("unresolved", what, rule=rule, detail=code, got=got, expected=expected)
