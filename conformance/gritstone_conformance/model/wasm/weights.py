"""What objects weigh, and the ranges and charges of host calls.

Spec: "Host calls" of ``wasm/fuel``, "Conventions" of ``wasm/abi``; :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.values import Blob, Headers, Mailbox, Message, Object, Tree
from gritstone_conformance.model.wasm.instructions import COSTS

__all__ = ["LAYOUTS", "OBJECT_LIMIT", "base_of", "eighths", "ranges", "tree_weight", "weight"]

LAYOUTS: Final = {
    "input": "no",
    "covered": "noo",
    "kind": "i",
    "size": "i",
    "read": "inO",
    "headers": "iO",
    "link": "ino",
    "entry": "inOo",
    "find": "iIo",
    "place": "iIio",
    "mail": "iiio",
    "blob": "IIo",
    "message": "iIio",
    "step": "iiiiio",
    "result": "i",
    "query_name": "O",
    "query": "iIio",
    "random": "O",
    "clock": "",
    "attempt": "",
    "fuel": "",
    "log": "I",
    "fail": "nI",
    "wait": "",
}
"""Function to its parameters.

``n`` a number, ``i`` the pointer of an id that is read, ``o`` of one that is written, ``I`` pointer and length of what
is read, ``O`` of room for what is written.
"""

_HOST: Final[dict[str, Any]] = COSTS["host"]
_WEIGHTS: Final[dict[str, dict[str, int]]] = _HOST["weights"]
OBJECT_LIMIT: Final[int] = _HOST["object_limit"]
"""What an object that a guest makes weighs at most."""


def ranges(name: str, args: list[int]) -> Iterator[tuple[str, int, int]]:
    """Yield letter, pointer (or number) and length of each parameter of a call, in order."""
    rest = iter(args)
    for letter in LAYOUTS[name]:
        start = next(rest)
        yield letter, start, (next(rest) if letter in "IO" else 32 if letter in "io" else 0)


def base_of(name: str) -> int:
    """Return the base of charge A."""
    return int(_HOST["a"].get(name, _HOST["a"]["default"]))


def eighths(size: int) -> int:
    """Return the units that bytes and weights cost: an eighth, rounded up."""
    return -(-size // int(_HOST["b_bytes_per_unit"]))


def tree_weight(names: Iterable[str]) -> int:
    """Return the weight of a tree with these names."""
    return sum(_WEIGHTS["tree"]["entry"] + len(name.encode()) for name in names)


def weight(value: Object | Tombstone) -> int:
    """Return the weight of an object; it is the same in every format."""
    match value:
        case Blob(headers, data):
            return _WEIGHTS["blob"]["base"] + len(data) + _of_headers(headers)
        case Tree(entries):
            return tree_weight(name for name, _ in entries)
        case Message(_, headers, _):
            return _WEIGHTS["message"]["base"] + _of_headers(headers)
        case Mailbox(entries):
            return _WEIGHTS["mailbox"]["entry"] * len(entries)
        case Tombstone():
            return 0
    return _WEIGHTS["step"]["base"]


def _of_headers(headers: Headers) -> int:
    base = _WEIGHTS["header"]["base"]
    return sum(base + len(key.encode()) + len(value.encode()) for key, value in headers)
