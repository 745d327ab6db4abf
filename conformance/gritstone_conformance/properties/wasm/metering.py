"""The metered form of modules, byte for byte."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.wasm.asking import metering, of_modules
from gritstone_conformance.strategies.dead_guests import dead_guests
from gritstone_conformance.strategies.edits import edit
from gritstone_conformance.strategies.guest_modules import TAPE, draw_guest
from gritstone_conformance.strategies.guests import GUESTS, guest
from gritstone_conformance.strategies.spellings import respelled, spelled
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.strategies.twin_bodies import bodies
from gritstone_conformance.strategies.twin_operands import with_all_instructions
from gritstone_conformance.strategies.twin_parts import imports, state
from gritstone_conformance.strategies.twins import language, sections, table_indices
from gritstone_conformance.strategies.worked import WORKED
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_PAGES: Final = (0, 1, 2, 3, 256, 1024)


def worked(trial: Trial) -> None:
    """The guests of the text and of the vectors have one metered form for each number of pages, and no other."""
    modules = [*(example.module for example in WORKED.values()), *map(guest, GUESTS)]
    trial.expect_many([metering(module, None, "wit", pages) for module in modules for pages in (1, 256)])


def encodings(trial: Trial) -> None:
    """Spellings, empty sections, lists of results, inserted locals and limits of memory: kept, or written shortest."""
    trial.expect_many([metering(module, None, "wit", pages) for module in spelled() for pages in _PAGES])


def admitted(trial: Trial) -> None:
    """Each instruction, each construct, each label, and what is dead in them, have their metered form."""
    twins = dict.fromkeys(twin.good for twin in (*bodies(), *table_indices()))
    trial.expect_many([metering(module) for module in (*dead_guests(), with_all_instructions(), *twins)])


def refused(trial: Trial) -> None:
    """What is not admitted has no metered form, and is refused as its admission is."""
    found = [*language(), *state(), *imports()]
    trial.expect_many([metering(twin.bad, None, twin.entry) for twin in found[::3]])


def drawn(trial: Trial, tape: Tape) -> None:
    """Any guest, however it is spelled."""
    module = draw_guest(tape).module
    other = tape.turned(TAPE // 3)
    again = respelled(other, sections(module))
    trial.expect_many([metering(each, None, "wit", other.pick(_PAGES)) for each in (module, again, again)])
    trial.expect_many([metering(edit(other, module)) for _ in range(2)])


PROPERTIES: Final = (
    of_modules("wasm/meter/worked", worked, "wasm.meter.exact"),
    of_modules("wasm/meter/encodings", encodings, "wasm.meter.exact"),
    of_modules("wasm/meter/admitted", admitted, "wasm.meter.exact"),
    of_modules("wasm/meter/refused", refused, "wasm.meter.exact"),
    of_modules(
        *("wasm/meter/drawn", drawn, "wasm.meter.exact"),
        reach={"wasm.meter accepted": 0.4},
        given={"tape": from_tape(lambda tape: tape, TAPE)},
        examples=12,
    ),
)
