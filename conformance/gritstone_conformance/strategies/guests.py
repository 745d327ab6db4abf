"""Guests: the modules that come with the vectors, and the cores of actors that run them.

The committed modules are what is used; their sources beside them show what they do. ``DIGEST`` names each by the
SHA-256 of its bytes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.strategies.graphs import Graph

__all__ = ["GUESTS", "add_module", "add_modules", "guest", "guests_dir"]

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
