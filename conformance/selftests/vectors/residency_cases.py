"""The vectors of the host of sessions: the scripts of the properties, with the replies of the model.

An implementation in another language runs them without the model. ``session_cases`` writes them.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.model.session_host import SessionHost
from gritstone_conformance.properties.session import archiving, crossing, opening, restoring
from gritstone_conformance.trial import Property, Trial

__all__ = ["residency_cases"]

_SUFFIXES: Final = {"framed": "", "cbor": "-in-cbor"}
_OTHER: Final = ("session/open/unique", "session/residency/defaults")
"""Properties that are no vectors: the model does not know the replies before, or there are hundreds of requests."""


def residency_cases() -> dict[str, list[Case]]:
    """Return the vectors by topic."""
    topics: dict[str, list[Case]] = {}
    for prop in (*opening.PROPERTIES, *archiving.PROPERTIES, *restoring.PROPERTIES, *crossing.PROPERTIES):
        name, _, form = prop.name.rpartition("-")
        if not prop.given and name not in _OTHER:
            topics.setdefault(name.split("/")[1], []).append(_case(prop, name + _SUFFIXES[form]))
    return topics


def _case(prop: Property, name: str) -> Case:
    steps = _record(prop)
    judged = dict.fromkeys(step.rule for step in steps if step.rule is not None)
    rules = (*prop.rules, *(rule for rule in judged if rule not in prop.rules))
    return Case(
        name,
        rules,
        prop.requires,
        steps,
        comment=_gist(prop),
    )


def _gist(prop: Property) -> str:
    assert isinstance(prop.body, partial), "each property is that of a format"
    return " ".join((prop.body.args[0].__doc__ or "").split())


def _record(prop: Property) -> tuple[CaseStep, ...]:
    """Run the script of a property on the model, and return its requests with the replies."""
    host = SessionHost()
    trial = Trial(host, prop.rules[0], host.spawn)
    prop.body(trial)
    steps = tuple(trial.steps)
    trial.finish()
    return steps
