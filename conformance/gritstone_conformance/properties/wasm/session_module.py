"""The vectors of sessions, run with the module ``session.wasm`` in place of external code.

The properties of ``sizes`` and ``scripts`` are run with it, too, in the profile ``search``.

The gate runs the first case of each set of rules in a file and one of every five others, the profile ``search`` all.
Left out are the cases of updates, which have rules of their own for actors whose code is a module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

from gritstone_conformance.attachment.claims import EXECUTOR, EXECUTORS
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session import json_texts, scripts, sizes
from gritstone_conformance.properties.wasm.session_vectors import CarriedCase
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies.casting import GuestFormat
from gritstone_conformance.trial import Divergence, Property, Trial

__all__ = ["FILES_OF_HOSTS", "PROPERTIES", "chosen_cases"]

_SAME: Final = "session.wasm.same"
_LEFT_OUT: Final = frozenset({"session.guest.update", "session.guest.no-update-code"})
FILES_OF_HOSTS: Final = frozenset(
    {
        "admission",
        "archive",
        "away",
        "clock",
        "close",
        "crossing",
        "isolation",
        "lease",
        "notice",
        "open",
        "restore",
        "sweep",
    }
)
"""The files that need a host of sessions only: their cases start a runtime."""
_CHOSEN: Final = 5
"""One case in so many runs in the gate, next to the first with its rules."""


@cache
def _cases(topic: str, fmt: Format) -> tuple[Case, ...]:
    """Return the cases of one file in a format that ask a guest, in their order."""
    content = json.loads((vectors_dir() / "session" / f"{topic}.json").read_bytes())
    found = (Case.from_json(case) for case in content["cases"] if case["requires"]["formats"] == [fmt.name])
    asking = (case for case in found if EXECUTORS["session"] in case.requires.features)
    return tuple(case for case in asking if _LEFT_OUT.isdisjoint(case.rules))


def chosen_cases(topic: str, fmt: Format) -> tuple[list[Case], list[Case]]:
    """Return the cases of one file that the gate runs, and all others."""
    chosen: list[Case] = []
    others: list[Case] = []
    known: set[tuple[str, ...]] = set()
    for place, case in enumerate(_cases(topic, fmt)):
        (chosen if place % _CHOSEN == 0 or case.rules not in known else others).append(case)
        known.add(case.rules)
    return chosen, others


def _run(topic: str, part: int, trial: Trial, fmt: Format) -> None:
    chosen = chosen_cases(topic, fmt)
    assert any(chosen), f"{topic} has no case of a guest"
    for case in chosen[part]:
        CarriedCase(trial, fmt, case).run()


def _run_property(body: Callable[..., None], fmt: Format, trial: Trial, **drawn: Any) -> None:
    try:
        body(trial, fmt, **drawn)
    except Divergence as found:
        steps = [replace(step, rule=step.rule and _SAME) for step in found.steps]
        raise Divergence(found.difference, steps, _SAME, replayable=found.replayable) from found


def _with_module(prop: Property) -> Property:
    """Return a property of sessions in which the module is their code."""
    assert isinstance(prop.body, partial), f"{prop.name} was made by in_each_format"
    body, fmt = prop.body.args
    features = tuple(EXECUTOR if name == EXECUTORS["session"] else name for name in prop.requires.features)
    return replace(
        prop,
        name="wasm/session/" + prop.name.removeprefix("session/").replace("/", "-"),
        rules=(_SAME,),
        body=partial(_run_property, body, GuestFormat.of(fmt)),
        requires=replace(prop.requires, features=features),
        search_only=True,
        spared_by=None,
        reach={},
    )


def _made() -> Iterator[Property]:
    yield from (_with_module(prop) for module in (scripts, sizes, json_texts) for prop in module.PROPERTIES)
    for path in sorted((vectors_dir() / "session").glob("*.json")):
        if path.stem in FILES_OF_HOSTS:
            continue
        for part, suffix in enumerate(("", "-others")):
            name, body = f"wasm/session/{path.stem}{suffix}", partial(_run, path.stem, part)
            yield from in_each_format(name, body, _SAME, features=(EXECUTOR,), once=True, search_only=part == 1)


PROPERTIES: Final = tuple(_made())
