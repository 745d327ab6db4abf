"""The properties of ``wit`` and ``runtime``, run with the puppet's module in place of external code.

Left out is what distinguishes the two on purpose: forms of code nodes, time that ``Z`` takes, limits of objects, and
counts of objects that nothing reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.properties.grit.registry import in_one_format
from gritstone_conformance.properties.runtime import (
    agents,
    chosen,
    collection,
    crashes,
    failures,
    free,
    operations,
    retries,
    sendings,
)
from gritstone_conformance.properties.wit import admissions, channels, proposals, puppets, queries, transitions, updates
from gritstone_conformance.properties.wit.registry import with_puppet_module
from gritstone_conformance.trial import Property

__all__ = ["PROPERTIES"]

_OF_WIT: Final = (admissions, channels, proposals, puppets, queries, transitions, updates)
_OF_RUNTIME: Final = (agents, chosen, crashes, failures, free, collection, operations, retries, sendings)

_LEFT_OUT: Final = frozenset(
    {
        *("wit/node/forms", "wit/transition/timeout", "wit/transition/too-long", "wit/channel/flat"),
        *("runtime/head/serial", "runtime/receipt/out-of-time"),
    }
)

_IN_GATE: Final = frozenset(
    {
        *("wit/puppet/generated", "wit/puppet/noise", "wit/puppet/cuts", "wit/puppet/edges", "wit/puppet/handlers"),
        *("wit/puppet/order", "wit/puppet/atomic", "wit/puppet/leave", "wit/query/answers", "wit/query/pure"),
        *("wit/transition/source", "wit/transition/no-stale", "wit/transition/declined", "wit/transition/attempts"),
        *("wit/transition/classes", "wit/update/merges", "wit/update/code", "wit/update/failing-code"),
        *("wit/update/refused", "wit/cleanup/cut", "wit/kind/all", "wit/proposal/fence", "wit/genesis/first"),
        *("wit/genesis/again", "wit/admit/illegal-results", "wit/admit/no-trace"),
        *("runtime/history/free", "runtime/schedule/exact", "runtime/fail/marked", "runtime/receipt/sent"),
        *("runtime/route/self", "runtime/query/rest", "runtime/collect/collected"),
    }
)
"""What runs in ``gate``, with a quarter of the examples; the rest runs in ``search`` only."""


def _with_puppet_module() -> Iterator[Property]:
    for module in (*_OF_WIT, *_OF_RUNTIME):
        for prop in module.PROPERTIES:
            name = prop.name.rpartition("-")[0]
            if "external" in prop.requires.features and name not in _LEFT_OUT and not name.startswith("harness"):
                few = None if prop.given is None else max((prop.examples or 40) // 4, 2)
                yield with_puppet_module(prop, examples=few, search_only=name not in _IN_GATE)


PROPERTIES: Final = in_one_format(_with_puppet_module())
