"""Admission of the modules of a sandbox.

A module has the language of ``wasm``, no imports, and the exports of the ABI ``memory``: the function ``run`` and the
``memory``. In this language a table never changes and no segment can be dropped, so the state of an instance is its
memory and its globals.

Spec: :rule:`sandbox.module.unresolved`, :rule:`sandbox.module.floor`.
"""

from __future__ import annotations

from gritstone.wasm.admission import AdmittedModule, admit_language
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.interface import RESERVED
from gritstone.wit.failures import failure

__all__ = ["ENTRY", "MOST_PAGES", "admit_probe"]

ENTRY = "run"
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
    module = admitted.module
    if module.imports:
        raise failure("unresolved", "the ABI has no imports", rule=_RULE, detail="import")
    types = module.function_types()
    entries = [one for one in module.exports if one.name == ENTRY and one.kind == _FUNCTION_KIND]
    if not entries or types[entries[0].index] != _ENTRY_TYPE:
        raise failure("unresolved", "no function with the type of the entry", rule=_RULE, detail="export", got=ENTRY)
    if not any((one.name, one.kind) == ("memory", _MEMORY_KIND) for one in module.exports):
        raise failure("unresolved", "no exported memory", rule=_RULE, detail="export", got="memory")
    if any(one.name.startswith(RESERVED) for one in module.exports):
        raise failure("unresolved", "an export with a name of the host", rule=_RULE, detail="export")
    return admitted
