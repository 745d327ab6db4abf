"""Admission: which modules are guests, and which check refuses the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.wasm.instructions import LIMITS
from gritstone_conformance.properties.wasm.asking import admitting, answering, not_admitted, of_modules
from gritstone_conformance.strategies import module_defects, module_sizes, twin_bodies, twin_operands, twin_parts, twins
from gritstone_conformance.strategies.edits import edit
from gritstone_conformance.strategies.guest_modules import TAPE, draw_guest
from gritstone_conformance.strategies.module_sizes import Size
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.strategies.twins import Twin
from gritstone_conformance.strategies.worked import WORKED
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ENTRIES: Final = ("wit", "wit_query", "wit_update")
_MOST_PAGES: Final = 65_536
_LONG: Final = ("module bytes", "functions")


def _ask_twins(trial: Trial, found: Iterator[Twin], rule: str) -> None:
    """Request each module with a defect, and its twin without."""
    asked = {}
    for twin in found:
        asked[twin.good, twin.entry] = admitting(twin.good, rule, twin.entry)
        asked[twin.bad, twin.entry] = admitting(twin.bad, rule, twin.entry)
    trial.expect_many(list(asked.values()))


def language(trial: Trial) -> None:
    """Forms, types, sections and flags outside the language are refused, and what is malformed or wrongly typed."""
    _ask_twins(trial, twins.language(), "wasm.module.language")


def bodies(trial: Trial) -> None:
    """A body that breaks one condition of validation, or whose bytes do not spell it, is refused."""
    _ask_twins(trial, twin_bodies.bodies(), "wasm.module.language")


def operands(trial: Trial) -> None:
    """Each operand of each instruction has its type, and what stands behind the immediates of one is validated, too."""
    refused = not_admitted("module")
    asked = [answering("wasm.admit", module, refused, None, "wit", 256) for _, module in twin_operands.operands()]
    trial.expect_many([*asked, admitting(twin_operands.with_all_instructions())])


def instructions(trial: Trial) -> None:
    """Every instruction outside the language is refused, in live code and in dead code."""
    _ask_twins(trial, twins.foreign_instructions(), "wasm.module.language")


def table_index(trial: Trial) -> None:
    """``call_indirect`` names table 0 in any LEB128 spelling of 32 bits, and no other table."""
    _ask_twins(trial, twins.table_indices(), "wasm.module.table-index")


def state(trial: Trial) -> None:
    """A module that keeps state outside memory and integer globals is refused, and one that is not simply placed."""
    _ask_twins(trial, twin_parts.state(), "wasm.module.state")


def imports(trial: Trial) -> None:
    """Only functions of the ABI are imported, under their names and with their types."""
    _ask_twins(trial, twin_parts.imports(), "wasm.module.import")


def entries(trial: Trial) -> None:
    """A guest exports its entry, and what ``_initialize``, ``wait`` and the host's own names ask for."""
    _ask_twins(trial, twin_parts.entries(), "wasm.module.entry")
    _ask_twins(trial, twin_parts.winding(), "wasm.module.entry")


def limits(trial: Trial) -> None:
    """Each limit of a module is exact."""
    _ask_sizes(trial, [size for size in module_sizes.SIZES if size.name not in _LONG])


def long_limits(trial: Trial) -> None:
    """So are those at which a module is long to read."""
    room = trial.claims.limits["frame_bytes"] * 3 // 4 - 1024
    _ask_sizes(trial, [size for size in module_sizes.SIZES if size.name in _LONG and size.limit < room])


def too_long(trial: Trial) -> None:
    """Too many bytes are refused as too many, whatever they are, and as many as there may be as what they are."""
    most = LIMITS["module_bytes"]
    if most < trial.claims.limits["frame_bytes"] * 3 // 4 - 1024:
        for length, code in ((most, "module"), (most + 1, "limit")):
            trial.expect_many([answering("wasm.admit", bytes(length), not_admitted(code), None, "wit", 1)])


def _ask_sizes(trial: Trial, sizes: list[Size]) -> None:
    over, pages = not_admitted("limit"), module_sizes.PAGES
    for size in sizes:
        at = not_admitted(size.code) if size.code else ok()
        for module, expect in ((size.build(size.limit), at), (size.build(size.limit + 1), over)):
            trial.expect_many([answering("wasm.admit", module, expect, None, "wit", pages)])


def host_pages(trial: Trial) -> None:
    """More pages than the host has are asked first, whatever the module is; what it has is enough for any module."""
    most = trial.claims.limits["wasm_pages"]
    module = WORKED["grow"].module
    asked = [answering("wasm.admit", module, ok(), None, "wit", pages) for pages in (1, most)]
    asked.append(answering("wasm.admit", module, not_admitted("limit"), None, "wit", 0))
    if most < _MOST_PAGES:
        host = refused("exhausted", "exhausted:host")
        asked += [
            answering("wasm.admit", data, host, None, "wit", pages)
            for pages in (most + 1, _MOST_PAGES)
            for data in (module, b"", b"\0asm")
        ]
    trial.expect_many(asked)


def first(trial: Trial, tape: Tape) -> None:
    """Of several defects the first in the order of the text gives the code."""
    asked = []
    for _ in range(3):
        module, code = module_defects.draw_defects(tape)
        asked.append(answering("wasm.admit", module, not_admitted(code), None, "wit", module_defects.PAGES))
    trial.expect_many(asked)


def first_of_twins(trial: Trial) -> None:
    """What is malformed is found before a memory with more pages than there are, and what is invalid after it."""
    found = [*twins.language(), *twin_bodies.bodies(), *twins.table_indices(), *twin_parts.state()]
    found += list(twins.foreign_instructions())[::5]
    trial.expect_many([admitting(twin.bad, None, twin.entry, 0) for twin in found])


def first_of_two(trial: Trial) -> None:
    """Each defect gives its code next to a defect of each later check."""
    asked = []
    for module, code in module_defects.pairs():
        asked.append(answering("wasm.admit", module, not_admitted(code), None, "wit", module_defects.PAGES))
    trial.expect_many(asked)


def drawn(trial: Trial, tape: Tape) -> None:
    """Every guest is admitted for the entry that it has and the pages that it needs, and for no others."""
    entry = tape.pick(_ENTRIES)
    guest = draw_guest(tape, entry)
    asked = [admitting(guest.module, None, each) for each in _ENTRIES]
    trial.expect_many([*asked, *(admitting(guest.module, None, entry, pages) for pages in (0, 1, 2))])


def edited(trial: Trial, tape: Tape) -> None:
    """What few changed bytes make of a guest is admitted or refused as the text says."""
    guest = draw_guest(tape, size=20)
    changes = tape.turned(TAPE // 2)
    asked = [admitting(edit(changes, guest.module)) for _ in range(8)]
    trial.expect_many(asked)


_TAPE: Final = {"tape": from_tape(lambda tape: tape, TAPE)}

PROPERTIES: Final = (
    of_modules("wasm/module/language", language, "wasm.module.language"),
    of_modules("wasm/module/bodies", bodies, "wasm.module.language"),
    of_modules("wasm/module/operands", operands, "wasm.module.language"),
    of_modules("wasm/module/instructions", instructions, "wasm.module.language"),
    of_modules("wasm/module/table-index", table_index, "wasm.module.table-index"),
    of_modules("wasm/module/state", state, "wasm.module.state"),
    of_modules("wasm/module/import", imports, "wasm.module.import"),
    of_modules("wasm/module/entry", entries, "wasm.module.entry"),
    of_modules("wasm/module/limit", limits, "wasm.module.limit", cost=100),
    of_modules("wasm/module/limit-long", long_limits, "wasm.module.limit", search_only=True),
    of_modules("wasm/module/too-long", too_long, "wasm.module.limit", cost=100),
    of_modules("wasm/module/host-pages", host_pages, "wasm.manifest.not-lowered", "wasm.host.limits"),
    of_modules("wasm/module/first-of-twins", first_of_twins, "wasm.module.first"),
    of_modules("wasm/module/first-of-two", first_of_two, "wasm.module.first"),
    of_modules(
        *("wasm/module/first", first, "wasm.module.first"),
        given={"tape": from_tape(lambda tape: tape, 60)},
        examples=20,
    ),
    of_modules(
        "wasm/module/drawn",
        drawn,
        "wasm.module.language",
        "wasm.module.entry",
        reach={"wasm.admit accepted": 0.5, "wasm.admit refused": 0.5},
        given=_TAPE,
        examples=10,
    ),
    of_modules("wasm/module/edited", edited, "wasm.module.language", given=_TAPE, examples=12),
)
