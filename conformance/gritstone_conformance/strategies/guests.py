"""Guests: the modules that come with the vectors, and the cores of actors that run them.

The committed modules are used; the sources next to them show what they do. ``DIGEST`` names each by the
SHA-256 of its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.strategies.graphs import Graph

__all__ = ["GUESTS", "add_manifest", "add_module", "add_modules", "guest", "guest_core", "guests_dir"]

GUESTS: Final = (
    *("compute", "counter", "effects", "files", "floats", "grow", "loops", "puppet-stamp", "puppet", "random"),
    *("recurse", "tables", "waiter"),
)
"""The names of all guests, in the order of their files."""


def guests_dir() -> Path:
    """Return the directory of the guests: sources, modules and ``DIGEST``."""
    return vectors_dir() / "wasm" / "guests"


@cache
def guest(name: str) -> bytes:
    """Return the module of a guest."""
    return (guests_dir() / f"{name}.wasm").read_bytes()


def add_module(graph: Graph, module: bytes) -> bytes:
    """Add the blob of a module, with the header that is the custom, and return its id."""
    return graph.add(Blob((("ct", "application/wasm"),), module))


def add_modules(graph: Graph, *names: str) -> bytes:
    """Add the tree that is the custom place of modules, ``code``, with these guests, and return its id."""
    return graph.add(Tree(tuple((f"{name}.wasm", add_module(graph, guest(name))) for name in names)))


def add_manifest(graph: Graph, members: Mapping[str, Any]) -> bytes:
    """Add a manifest with ``v`` and these members, and return its id."""
    return graph.add(Blob(CT_CBOR, encode_item({"v": 1, **members})))


def guest_core(
    graph: Graph,
    title: bytes,
    module: str | bytes,
    manifest: Mapping[str, Any] | None = None,
    *,
    wasm: Mapping[str, bytes] | None = None,
    **entries: bytes,
) -> bytes:
    """Add the core of an actor that runs a module at ``code/main.wasm``, and return its id.

    Args:
        graph: where it is added.
        title: what stands at ``name``, so that the actor is another one.
        module: the name of a guest, or the bytes of a module.
        manifest: members of the manifest; None: there is none.
        wasm: further entries of ``wasm``.
        entries: further entries, in place of those that it has by itself where the names are the same.
    """
    data = guest(module) if isinstance(module, str) else module
    granted = {} if manifest is None else {"manifest": add_manifest(graph, manifest)}
    whole = {**granted, **(wasm or {})}
    own = {
        "code": graph.add(Tree((("main.wasm", add_module(graph, data)),))),
        "name": graph.add(Blob((("ct", "s"),), title)),
        "wit": graph.add(Blob((("ct", "s"),), b"wasm:code/main.wasm")),
        **({"wasm": graph.add(Tree(tuple(whole.items())))} if whole else {}),
    }
    return graph.add(Tree(tuple({**own, **entries}.items())))
