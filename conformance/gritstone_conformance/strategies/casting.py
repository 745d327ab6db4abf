"""The code of the test actors: external code, or the puppet's module in their own cores.

Properties name the puppets by ``PUPPET`` and ``STAMP``. In a ``GuestFormat`` the same names put nodes of
the form ``wasm:<path>`` in their place, and the modules and the manifest of a test actor next to them.

Spec: "The puppet" in ``wasm/classes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Tree
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import add_manifest, add_modules

__all__ = ["PUPPET", "STAMP", "TEST_GRANTS", "GuestFormat", "code_data", "with_modules"]

PUPPET: Final = b"external:puppet/1"
STAMP: Final = b"external:puppet-stamp/1"

TEST_GRANTS: Final[Mapping[str, Any]] = {
    "fuel": 1_000_000_000,
    **dict.fromkeys(("raw", "code", "query", "attempt"), True),
    **dict.fromkeys(("send", "spawn", "update"), "any"),
}
"""The members of the manifest of a test actor without ``v``."""

_NODES: Final = {PUPPET: b"wasm:code/puppet.wasm", STAMP: b"wasm:code/puppet-stamp.wasm"}


@dataclass(frozen=True, slots=True)
class GuestFormat(Format):
    """A format in which test actors run modules; in all else the format that it is made of."""

    @classmethod
    def of(cls, fmt: Format) -> GuestFormat:
        """Return the format with modules."""
        return cls(*(getattr(fmt, field.name) for field in fields(fmt)))


def code_data(graph: Graph, data: bytes) -> bytes:
    """Return the data of a code node that names the same puppet where modules are the code."""
    return _NODES.get(data, data) if isinstance(graph.format, GuestFormat) else data


def with_modules(graph: Graph, entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the entries of a core, or of an update with code, with the entries that modules need as code nodes."""
    if not isinstance(graph.format, GuestFormat):
        return dict(entries)
    own = {"code": add_modules(graph, "puppet", "puppet-stamp")}
    if "wit_update" not in entries:
        own["wasm"] = graph.add(Tree((("manifest", add_manifest(graph, TEST_GRANTS)),)))
    return {**own, **entries}
