"""Admission of the modules of a sandbox.

A module has the language of ``wasm`` and one of two ABIs. With the ABI ``wasi`` it exports ``_start`` and may import
functions of WASI; with the ABI ``memory`` it exports ``run`` and imports nothing. Both export their ``memory``. Wide
modules are lowered to this language first. In it a table never changes and no segment can be dropped, so the state of
an instance is its memory and its globals.

Spec: :rule:`sandbox.module.unresolved`, :rule:`sandbox.module.floor`.
"""

from __future__ import annotations

from gritstone.sandbox.wasi import FUNCTIONS, MODULE
from gritstone.wasm.admission import AdmittedModule, admit_language
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.interface import RESERVED
from gritstone.wit.failures import failure

__all__ = ["MEMORY_ENTRY", "MOST_PAGES", "WASI_ENTRY", "admit_probe", "entry_of"]

MEMORY_ENTRY, WASI_ENTRY = "run", "_start"
"""The entries of the two ABIs."""

MOST_PAGES = 65_536

_RULE = "sandbox.module.unresolved"
_ENTRY_TYPE = FunctionType((), ())
_FUNCTION_KIND, _MEMORY_KIND = 0, 2


def admit_probe(data: bytes, pages: int) -> AdmittedModule:
    """Check whether a module may run.

    Args:
        data: the bytes of the module.
        pages: the maximum size of its memory in pages.

    Raises:
        Rejected: the module may not run (codes ``unresolved:module``, ``:import``, ``:export``, ``:limit``).
    """
    admitted = admit_language(data, pages)
    module, entry = admitted.module, entry_of(admitted)
    for one in module.imports:
        type_ = FUNCTIONS.get(one.name) if one.module == MODULE and entry == WASI_ENTRY else None
        if one.type_index is None or module.types[one.type_index] != type_:
            raise failure("unresolved", "an import that the ABI has not", rule=_RULE, detail="import", got=one.name)
    types = module.function_types()
    entries = [one for one in module.exports if one.name == entry and one.kind == _FUNCTION_KIND]
    if not entries or types[entries[0].index] != _ENTRY_TYPE:
        raise failure("unresolved", "no function with the type of the entry", rule=_RULE, detail="export", got=entry)
    if not any((one.name, one.kind) == ("memory", _MEMORY_KIND) for one in module.exports):
        raise failure("unresolved", "no exported memory", rule=_RULE, detail="export", got="memory")
    if any(one.name.startswith(RESERVED) for one in module.exports):
        raise failure("unresolved", "an export with a name of the host", rule=_RULE, detail="export")
    return admitted


def entry_of(admitted: AdmittedModule) -> str:
    """Return the name of the entry: that of the ABI ``wasi`` if the module exports it."""
    exports_start = any((one.name, one.kind) == (WASI_ENTRY, _FUNCTION_KIND) for one in admitted.module.exports)
    return WASI_ENTRY if exports_start else MEMORY_ENTRY
