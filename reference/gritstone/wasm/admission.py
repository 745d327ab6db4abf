"""Admission: which modules may run.

The first failure counts: ``module``, ``import``, ``export``, ``limit``. Two things keep the work small for whoever
sends a hostile module. One that is longer than the limit is not looked at. And where a type has more parameters or
results than the limit, bodies are not judged, since that could take the square of their length.

Spec: :rule:`wasm.module.first`, :rule:`wasm.module.import`, :rule:`wasm.module.entry`, :rule:`wasm.module.state`,
:rule:`wasm.module.limit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gritstone.errors import Refusal
from gritstone.wasm.binary import I32, I64, FunctionType, Module, read_module
from gritstone.wasm.interface import ENTRIES, FUNCTIONS, INITIALIZE, MODULE, RESERVED, WAIT_AREA, WAITING
from gritstone.wasm.validation import Facts, validate_body
from gritstone.wit.failures import failure

__all__ = ["DEFAULT_PAGES", "MODULE_BYTES", "AdmittedModule", "admit_module"]

DEFAULT_PAGES = 256  # pages of 64 KiB
MODULE_BYTES = 8 << 20  # bytes
_TYPES = 4_096
_PARAMETERS = 64
_RESULTS = 16
_FUNCTIONS = 65_536
_BODY_BYTES = 262_144  # bytes
_LOCALS = 10_000
_NESTING = 1_024  # blocks
_TARGETS = 32_768
_IMPORTS = 64
_EXPORTS = 4_096
_GLOBALS = 1_024
_TABLE = 65_536  # elements
_DATA = 16_384  # segments
_ELEMENTS = 4_096  # segments
_FUNCTION, _GLOBAL = 0, 3
_ENTRY_TYPE = FunctionType((), (I32,))
_INITIALIZE_TYPE = FunctionType((), ())


@dataclass(frozen=True, slots=True)
class AdmittedModule:
    """Be a module that may run.

    Attributes:
        module: the module.
        facts: what was found out about each body.
        pages: the largest memory that it may have.
    """

    module: Module
    facts: tuple[Facts, ...]
    pages: int


def admit_module(data: bytes, entry: str, pages: int) -> AdmittedModule:
    """Judge a module.

    Args:
        data: its bytes.
        entry: the node that it is run for.
        pages: the largest memory that it may have.

    Raises:
        Rejected: it may not run (codes ``unresolved:module``, ``:import``, ``:export``, ``:limit``).

    Spec: :rule:`wasm.module.first`.
    """
    assert entry in ENTRIES, "an entry is named as its node"
    if len(data) > MODULE_BYTES:
        raise _refusal("limit", "wasm.module.limit", "a module that is too long", len(data), MODULE_BYTES)
    try:
        module = read_module(data)
        types = module.function_types()
        is_wide = any(len(type_.parameters) > _PARAMETERS or len(type_.results) > _RESULTS for type_ in module.types)
        own = types[len(types) - len(module.functions) :]
        pairs = () if is_wide else zip(own, module.bodies, strict=True)
        facts = tuple(validate_body(module, types, type_, body) for type_, body in pairs)
    except Refusal as refusal:
        raise _refusal("module", refusal.rule, str(refusal)) from refusal
    _check_imports(module)
    _check_exports(module, types, entry)
    for what, got, most in _counts(module, facts, pages):
        if got > most:
            raise _refusal("limit", "wasm.module.limit", what, got, most)
    if any(one.mutable and one.type not in (I32, I64) for one in module.globals):
        raise _refusal("limit", "wasm.module.state", "a mutable global that is no integer")
    return AdmittedModule(module, facts, pages)


def _check_imports(module: Module) -> None:
    for entry in module.imports:
        name = f"{entry.module}.{entry.name}"
        if entry.module != MODULE or entry.type_index is None or entry.name not in FUNCTIONS:
            raise _refusal("import", "wasm.module.import", "an import that nobody gives", ascii(name))
        if module.types[entry.type_index] != FUNCTIONS[entry.name]:
            raise _refusal("import", "wasm.module.import", "an import of another type", ascii(name))


def _check_exports(module: Module, types: list[FunctionType], entry: str) -> None:
    functions = {one.name: types[one.index] for one in module.exports if one.kind == _FUNCTION}
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


def _counts(module: Module, facts: tuple[Facts, ...], pages: int) -> Iterator[tuple[str, int, int]]:
    """Give what is bounded: what it is, how much there is, how much there may be."""
    yield "types", len(module.types), _TYPES
    for type_ in module.types:
        yield "parameters", len(type_.parameters), _PARAMETERS
        yield "results", len(type_.results), _RESULTS
    yield "functions", len(module.functions), _FUNCTIONS
    for body in module.bodies:
        yield "bytes of a body", body.end - body.start, _BODY_BYTES
        yield "locals", body.declared, _LOCALS
    for fact in facts:
        yield "nested blocks", fact.nesting, _NESTING
        yield "targets of a br_table", fact.targets, _TARGETS
    yield "imports", len(module.imports), _IMPORTS
    yield "exports", len(module.exports), _EXPORTS
    yield "globals", len(module.globals), _GLOBALS
    for table in module.tables:
        yield "elements of a table", table.least, _TABLE
    yield "data segments", len(module.segments), _DATA
    yield "element segments", len(module.elements), _ELEMENTS
    for memory in module.memories:
        yield "pages of the first memory", memory.least, pages


def _refusal(code: str, rule: str, what: str, got: object = None, expected: object = None) -> Refusal:
    return failure("unresolved", what, rule=rule, detail=code, got=got, expected=expected)
