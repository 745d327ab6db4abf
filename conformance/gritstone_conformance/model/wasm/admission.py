"""Admission of a module: the closed order of checks, and the parts of an admitted module that others use.

Spec: :ref:`wasm-admission`, :ref:`wasm-limits`; :rule:`wasm.module.first`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.wasm.binary import FunctionType, Limits, Module, decode
from gritstone_conformance.model.wasm.bodies import Body
from gritstone_conformance.model.wasm.checking import Invalid
from gritstone_conformance.model.wasm.instructions import COSTS, I32, LIMITS, host_types
from gritstone_conformance.model.wasm.keeping import kept
from gritstone_conformance.model.wasm.reader import Malformed
from gritstone_conformance.model.wasm.segments import Segments, split
from gritstone_conformance.model.wasm.validation import validate

__all__ = ["ENTRIES", "AdmittedModule", "Function", "NotAdmitted", "admit"]

ENTRIES: Final = ("wit", "wit_query", "wit_update")
_ENTRY_TYPE: Final = (b"", bytes([I32]))
_INITIALIZE: Final = b"_initialize"
_WINDING: Final[dict[bytes, FunctionType]] = {
    b"asyncify_start_unwind": (bytes([I32]), b""),
    b"asyncify_stop_unwind": (b"", b""),
    b"asyncify_start_rewind": (bytes([I32]), b""),
    b"asyncify_stop_rewind": (b"", b""),
    b"asyncify_get_state": (b"", bytes([I32])),
}
_WAIT_AREA: Final = b"grit_wait_area"
_FRAME: Final[int] = COSTS["frame"]["base"]


class NotAdmitted(Exception):  # noqa: N818 - the words of the spec
    """A module is not admitted.

    Attributes:
        code: ``module``, ``limit``, ``import`` or ``export``; the outcome is ``unresolved`` with it.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code


@dataclass(eq=False, slots=True)
class Function:
    """A function that the module defines.

    Attributes:
        kind: its parameters and results.
        body: its code.
        parts: its segments.
        frame: its stack units.
        maker: makes it for one instance; there is none before it is called first.
    """

    kind: FunctionType
    body: Body
    parts: Segments
    frame: int
    maker: Callable[..., Any] | None = None


@dataclass(eq=False, slots=True)
class AdmittedModule:
    """An admitted module.

    Attributes:
        module: what was read.
        defined: the functions that it defines.
        imports: the names of the imported functions, in the order of their indices.
        kinds: the type of each function, imports first.
        exported: name of each exported function to its index.
    """

    module: Module
    defined: list[Function]
    imports: list[str]
    kinds: list[FunctionType]
    exported: dict[str, int]

    def memory_limits(self, pages: int) -> Limits | None:
        """Return initial and largest size of the memory under a manifest, or None without memory."""
        if not self.module.memories:
            return None
        least, most = self.module.memories[0]
        return least, pages if most is None else min(most, pages)


def _measures(module: Module, pages: int) -> Iterator[tuple[int, int, str]]:
    """Yield each size of a module with its limit."""
    names = [name for item in module.imports for name in (item.module, item.name)]
    names += [export.name for export in module.exports]
    yield len(module.types), LIMITS["types"], "types"
    yield max((len(kind[0]) for kind in module.types), default=0), LIMITS["parameters"], "parameters"
    yield max((len(kind[1]) for kind in module.types), default=0), LIMITS["results"], "results"
    yield len(module.functions), LIMITS["functions"], "functions"
    yield max((body.size for body in module.bodies), default=0), LIMITS["body_bytes"], "bytes of a body"
    yield max((body.declared for body in module.bodies), default=0), LIMITS["locals"], "locals"
    yield max((body.nesting for body in module.bodies), default=0), LIMITS["nesting"], "open constructs"
    yield _most_labels(module), LIMITS["br_table_labels"], "labels"
    yield len(module.imports), LIMITS["imports"], "imports"
    yield len(module.exports), LIMITS["exports"], "exports"
    yield max(map(len, names), default=0), LIMITS["name_bytes"], "bytes of a name"
    yield len(module.globals), LIMITS["globals"], "globals"
    yield max((least for least, _ in module.all_tables()), default=0), LIMITS["table_elements"], "elements"
    yield len(module.segments), LIMITS["data_segments"], "data segments"
    yield len(module.elements), LIMITS["element_segments"], "element segments"
    yield max((least for least, _ in module.all_memories()), default=0), pages, "pages"


def _most_labels(module: Module) -> int:
    tables = (op.immediates[0] for body in module.bodies for op in body.code if op.instruction.code == 0x0E)
    return max(map(len, tables), default=0)


def _check_imports(module: Module) -> None:
    known = host_types()
    for item in module.imports:
        name = item.name.decode()
        if item.kind != 0 or item.module != b"grit" or module.types[item.what] != known.get(name):
            raise NotAdmitted("import", f"{name!r} is no function of the ABI")


def _check_exports(module: Module, entry: str) -> None:
    imported = len(module.imported(0))
    indices = module.type_indices()
    kinds = {
        export.name: module.types[indices[export.index]]
        for export in module.exports
        if export.kind == 0 and export.index >= imported
    }
    names = {export.name for export in module.exports}
    wanted = {entry.encode(): _ENTRY_TYPE}
    if _INITIALIZE in names:
        wanted[_INITIALIZE] = (b"", b"")
    if any(item.name == b"wait" for item in module.imports):
        wanted |= _WINDING
        if not any(
            export.name == _WAIT_AREA and _is_area(module, export.kind, export.index) for export in module.exports
        ):
            raise NotAdmitted("export", "there is no grit_wait_area")
    for name, kind in wanted.items():
        if kinds.get(name) != kind:
            raise NotAdmitted("export", f"{name!r} is not exported with its type")
    if any(name.startswith(b"grit:") for name in names):
        raise NotAdmitted("export", "a name begins with grit:")


def _is_area(module: Module, kind: int, index: int) -> bool:
    return kind == 3 and module.globals[index].kind == I32 and not module.globals[index].mutable


@kept
def admit(data: bytes, entry: str, pages: int, wide: bool = False) -> AdmittedModule:
    """Admit a module for an entry and the ``pages`` of a manifest.

    Args:
        data: the bytes of the module.
        entry: the code node.
        pages: the most pages of its memory.
        wide: whether it may be a wide module of ``sandbox``, which no actor may be.

    Raises:
        NotAdmitted: with the code of the first check that fails.
    """
    if len(data) > LIMITS["module_bytes"]:
        raise NotAdmitted("limit", "bytes of the module")
    try:
        module, defined = _examine(data, pages, wide)
    except (Malformed, Invalid) as error:
        raise NotAdmitted("module", str(error)) from error
    _check_imports(module)
    _check_exports(module, entry)
    indices = module.type_indices()
    exported = {export.name.decode(): export.index for export in module.exports if export.kind == 0}
    names = [item.name.decode() for item in module.imports]
    return AdmittedModule(module, defined, names, [module.types[index] for index in indices], exported)


@kept
def _examine(data: bytes, pages: int, wide: bool) -> tuple[Module, list[Function]]:
    """Do checks 2 to 4."""
    module = decode(data)
    for found, most, what in _measures(module, pages):
        if found > most:
            raise NotAdmitted("limit", f"{found} {what}, at most {most}")
    parts = [split(body) for body in module.bodies]
    heights = validate(module, parts, wide=wide)
    defined = []
    for index, body, part, height in zip(module.functions, module.bodies, parts, heights, strict=True):
        kind = module.types[index]
        defined.append(Function(kind, body, part, _FRAME + len(kind[0]) + body.declared + height))
    return module, defined
