"""Journeys: actors and their mail, one message a step, for the matrix of ``gritstone resume``.

Every guest makes at least one. Each journey keeps its memory, so that there is something to carry; those of ``waiter``
are cut inside calls, each wait being the end of a step.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import add_module, guest
from gritstone_conformance.strategies.scenarios import program_tree

__all__ = ["JOURNEYS", "Itinerary", "Journey", "contents_of"]

_Contents = Callable[[Graph], Sequence[bytes]]
_KEY: Final = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Itinerary:
    """A journey in one format.

    Attributes:
        graph: all that has to be there before the first step.
        actor: the actor that makes it.
        sender: the actor that sends its mail.
        messages: the mail, each queued behind the one before; the first is the genesis message.
    """

    graph: Graph
    actor: bytes
    sender: bytes
    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """An actor that runs a guest, and the messages to it.

    Attributes:
        name: its name, which begins with that of the guest.
        guest: the name of the guest.
        manifest: what it is granted.
        contents: adds the contents of its messages behind the genesis message, and returns their ids.
        features: what an implementation has to claim.
        entries: further entries of the core, each a blob's data or a tree of such.
        module: the bytes of the module; None: the bundled guest of that name.
    """

    name: str
    guest: str
    manifest: Mapping[str, Any]
    contents: _Contents
    features: tuple[str, ...] = ()
    entries: Mapping[str, Any] | None = None
    module: bytes | None = None

    def is_claimed_by(self, claims: Claims) -> bool:
        """Return whether an implementation makes the required claims."""
        runs = "wasm" in claims.profiles or "wasm.executor" in claims.features
        return runs and set(self.features) <= set(claims.features)

    def plan(self, fmt: Format) -> Itinerary:
        """Return the journey in a format."""
        graph = Graph(fmt)
        manifest = graph.add(Blob(CT_CBOR, encode_item({"v": 1, **self.manifest})))
        wit = graph.add(Blob((("ct", "s"),), b"wasm:code/main.wasm"))
        own = {
            "code": graph.add(Tree((("main.wasm", add_module(graph, self.module or guest(self.guest))),))),
            "name": graph.add(Blob((("ct", "s"),), self.name.encode())),
            "wasm": graph.add(Tree((("manifest", manifest),))),
            "wit": wit,
        }
        more = {name: _add(graph, value) for name, value in (self.entries or {}).items()}
        actor = graph.add(Tree(tuple({**own, **more}.items())))
        sender = graph.add(Tree((("name", graph.add(Blob((), b"traveller"))),)))
        messages = [graph.add(Message(None, (("mt", "genesis"),), actor))]
        for content in self.contents(graph):
            messages.append(graph.add(Message(messages[-1], (), content)))
        return Itinerary(graph, actor, sender, tuple(messages))


def _add(graph: Graph, value: bytes | Mapping[str, Any]) -> bytes:
    if isinstance(value, bytes):
        return graph.add(Blob((), value))
    return graph.add(Tree(tuple((name, _add(graph, one)) for name, one in value.items())))


def contents_of(*contents: bytes) -> _Contents:
    """Return a function that adds a blob for each message and returns their ids."""
    return lambda graph: [graph.add(Blob((), content)) for content in contents]


def _numbers(width: str, *values: int) -> _Contents:
    return contents_of(*(struct.pack(f"<{width}", value) for value in values))


def _puppet(graph: Graph) -> list[bytes]:
    ops = [programs.append("log", b"%d" % number) + programs.write("k/v", b"%d" % number) for number in range(6)]
    return [program_tree(graph, op) for op in ops]


_FLOATS: Final = [
    struct.pack("<QQII", *bits)
    for bits in (
        (0x7FF4000000000001, 0x3FF0000000000000, 0x7FA00001, 0x3F800000),
        (0x8000000000000000, 0x0000000000000000, 0x80000000, 0x00000000),
        (0x7FF0000000000000, 0xFFF0000000000000, 0x7F800000, 0xFF800000),
        (0x0000000000000001, 0x433FFFFFFFFFFFFF, 0x00000001, 0x4B7FFFFF),
    )
]
_FILES: Final = (b"w\5box/a\3one", b"a\5box/a\4 two", b"r\5box/a", b"w\7box/b/c\1xl\3box", b"d\5box/a", b"l\3box")
_KEEPS: Final = {"image": True, "pages": 64}

JOURNEYS: Final = (
    Journey("counter", "counter", {**_KEEPS, "pages": 4}, contents_of(*[b""] * 6)),
    Journey("compute", "compute", {**_KEEPS, "fuel": 100_000_000}, _numbers("I", 10, 1_000, 0, 5_000)),
    Journey("effects", "effects", {**_KEEPS, "send": "reply"}, contents_of(b"r", b"rs", b"x", b"rrr")),
    Journey("files", "files", {**_KEEPS, "mounts": {"box": "rw"}}, contents_of(*_FILES)),
    Journey("floats", "floats", _KEEPS, contents_of(*_FLOATS)),
    Journey("grow", "grow", _KEEPS, _numbers("I", 1, 0, 30, 100, 5)),
    Journey("loops", "loops", {**_KEEPS, "tank": 1 << 40, "fuel": 1 << 32}, _numbers("Q", 1, 100_000, 7)),
    Journey("puppet", "puppet", {"fuel": 1_000_000_000, "raw": True, "code": True, "send": "any"}, _puppet),
    Journey(
        "random",
        "random",
        {**_KEEPS, "random": _KEY, "clock": {"start": 5, "tick": 1 << 40}},
        contents_of(b"\1\2\3", b"\x1f\x20\x21", b"", b"\xff\0\1", b"\x40"),
    ),
    Journey("recurse", "recurse", _KEEPS, _numbers("I", 1, 100, 2_000)),
    Journey("tables", "tables", _KEEPS, contents_of(b"\1\2\3\4", b"", b"\4\4\1")),
    Journey(
        "waiter-shallow",
        "waiter",
        _KEEPS,
        contents_of(b"\1\3", *[b""] * 4, b"\0\2", *[b""] * 3),
        ("wasm.continuation",),
    ),
    Journey(
        "waiter-deep", "waiter", _KEEPS, contents_of(b"\x32\4", *[b""] * 6, b"\5\1", *[b""] * 2), ("wasm.continuation",)
    ),
)
"""All journeys; of those that wait, the messages without bytes carry a suspended call on."""
