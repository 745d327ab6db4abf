"""Closed graphs of objects with references to them, by construction: children come before parents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import close
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import KINDS, Blob, Mailbox, Message, Object, Step, Tree, kind_of
from gritstone_conformance.strategies import objects, texts
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["GRAPH_TAPE", "Graph", "build", "chain", "graphs", "nested"]

GRAPH_TAPE: Final = 160
"""Bytes of tape that a graph of eight objects can use to the full."""


@dataclass(slots=True)
class Graph:
    """Objects that are all there, and references to some of them.

    Attributes:
        format: their format.
        values: ids to objects, children before parents.
        encodings: ids to encodings, in the same order.
        references: names to targets; what they do not reach is garbage.
    """

    format: Format
    values: dict[bytes, Object] = field(default_factory=dict, repr=False)
    encodings: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    references: dict[str, bytes] = field(default_factory=dict)

    def add(self, value: Object) -> bytes:
        """Add an object whose children were added before; return its id."""
        encoding = self.format.encode(value)
        identity = self.format.hash(encoding)
        self.values[identity], self.encodings[identity] = value, encoding
        return identity

    def of_kind(self, *kinds: str) -> list[bytes]:
        """Return the ids of all objects of these kinds, in order."""
        return [identity for identity, value in self.values.items() if kind_of(value) in kinds]

    def reached(self) -> list[bytes]:
        """Return the closure of the references, in the order of the objects."""
        found = close(self.references.values(), self.values.__getitem__, None).found
        return [identity for identity in self.values if identity in found]

    def bundle(self) -> bytes:
        """Return the bundle of all references."""
        return write(self.format, self.references, {identity: self.encodings[identity] for identity in self.reached()})

    def fill(self, store: Store) -> None:
        """Put everything into a model store and set the references there."""
        for encoding in self.encodings.values():
            store.put(encoding)
        store.references |= self.references


def build(tape: Tape, fmt: Format, *, size: int = 8, ascii_only: bool = False) -> Graph:
    """Return a closed graph of at most ``size`` + 2 objects with one to three references, the first to the last one."""
    graph = Graph(fmt)
    leaf = graph.add(Blob(objects.headers(tape, fmt.name, ascii_only=ascii_only), tape.take(2)))
    graph.add(Tree(((texts.name(tape, fmt.name, ascii_only=ascii_only), leaf),)))
    last = leaf
    for number in range(tape.within(1, size)):
        last = graph.add(_object(tape, graph, number, ascii_only=ascii_only))
    _refer(tape, graph, last)
    for _ in range(tape.pick((0, 1, 0, 2))):
        _refer(tape, graph, tape.pick(list(graph.values)))
    return graph


def graphs(fmt: Format, *, size: int = 8, ascii_only: bool = False) -> st.SearchStrategy[Graph]:
    """Return the strategy of closed graphs of a format; ``ascii_only``: with texts that both formats can write."""
    return from_tape(lambda tape: build(tape, fmt, size=size, ascii_only=ascii_only), GRAPH_TAPE)


def chain(fmt: Format, length: int) -> Graph:
    """Return a chain of messages of one content; ``tags/chain`` leads to the last."""
    graph = Graph(fmt)
    content = graph.add(Blob((), b"content"))
    last: bytes | None = None
    for _ in range(length):
        last = graph.add(Message(last, (), content))
    graph.references["tags/chain"] = content if last is None else last
    return graph


def nested(fmt: Format, depth: int) -> Graph:
    """Return trees nested ``depth`` deep; ``tags/deep`` leads to the outermost."""
    graph = Graph(fmt)
    last = graph.add(Blob((), b"leaf"))
    for _ in range(depth):
        last = graph.add(Tree((("t", last),)))
    graph.references["tags/deep"] = last
    return graph


def _object(tape: Tape, graph: Graph, number: int, *, ascii_only: bool) -> Object:
    kind = tape.pick(("tree", "step", "message", "mailbox", "blob", "step", "message"))
    if kind == "mailbox" and not graph.of_kind("message"):
        kind = "message"
    return _MAKE[kind](tape, graph, number, ascii_only)


def _blob(tape: Tape, graph: Graph, number: int, ascii_only: bool) -> Object:
    return Blob(objects.headers(tape, graph.format.name, ascii_only=ascii_only), bytes((number,)) + tape.take(1))


def _tree(tape: Tape, graph: Graph, number: int, ascii_only: bool) -> Object:
    children = graph.of_kind("blob", "tree")
    names = {texts.name(tape, graph.format.name, ascii_only=ascii_only) for _ in range(tape.within(1, 3))}
    entries = [(name, tape.pick(children[::-1])) for name in sorted(names)]
    return Tree((*entries, (f"t{number}" if f"t{number}" not in names else f"u{number}", children[-1])))


def _message(tape: Tape, graph: Graph, number: int, ascii_only: bool) -> Object:
    previous = tape.pick((*graph.of_kind("message")[::-1], None))
    content = tape.pick(graph.of_kind("blob", "tree"))
    extra = objects.headers(tape, graph.format.name, ascii_only=ascii_only)
    return Message(previous, tuple({**dict(extra), "n": str(number)}.items()), content)


def _mailbox(tape: Tape, graph: Graph, number: int, ascii_only: bool) -> Object:
    trees, messages = graph.of_kind("tree"), graph.of_kind("message")
    keys = {tape.pick(trees[::-1]) for _ in range(tape.within(1, 2))}
    return Mailbox(tuple((key, tape.pick(messages[::-1])) for key in sorted(keys)))


def _step(tape: Tape, graph: Graph, number: int, ascii_only: bool) -> Object:
    trees, boxes = graph.of_kind("tree"), (None, *graph.of_kind("mailbox"))
    previous = tape.pick((*graph.of_kind("step")[::-1], None))
    return Step(previous, tape.pick(trees), tape.pick(boxes), tape.pick(boxes), tape.pick(trees))


_MAKE: Final[dict[str, Callable[[Tape, Graph, int, bool], Object]]] = {
    "blob": _blob,
    "tree": _tree,
    "message": _message,
    "mailbox": _mailbox,
    "step": _step,
}
assert set(_MAKE) == set(KINDS)


def _refer(tape: Tape, graph: Graph, target: bytes) -> None:
    """Add a reference to an object, in a space that accepts it, under an unused name."""
    value, names = graph.values[target], [texts.reference(tape)]
    match value:
        case Step():
            names += [f"heads/{value.actor.hex()}"] * 2
        case Mailbox(entries) if len(entries) == 1:
            names.append(f"failed/{entries[0][0].hex()}")
        case Tree():
            names += ["actors/" + texts.reference(tape).partition("/")[2], "runtime/agent", f"gone/{target.hex()}"]
        case _:
            names.append(f"closed/{target.hex()}")
    graph.references.setdefault(tape.pick(names[::-1]), target)
