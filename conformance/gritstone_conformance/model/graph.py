"""What objects lead to: edges, closure, nesting. Every walk keeps its own stack and meets each id once.

Decides which ids a set of roots reaches and what is wrong with that graph; where objects come from is the caller's
business: a function from an id to an object, to a tombstone, or to the defect of not having it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gritstone_conformance.model.refusals import Defect, exhausted, invalid
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree, kind_of

__all__ = [
    "TARGET_SPACES",
    "TOMBSTONE",
    "Closure",
    "Edge",
    "Look",
    "Tombstone",
    "check_target",
    "close",
    "edges",
    "is_closure",
    "leads",
]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an erased blob; a leaf that counts as a blob."""


TOMBSTONE: Final = Tombstone()

Look: TypeAlias = Callable[[bytes], "Object | Tombstone | Defect"]

_TREE, _MESSAGE, _MAILBOX, _STEP = ("tree",), ("message",), ("mailbox",), ("step",)
_CONTENT: Final = ("blob", "tree")

_Ends: TypeAlias = list[tuple[bytes, tuple[str, ...]]]
"""What the edges of an object lead to, and may lead to."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge: the field it stands in, the id it leads to, and the kinds it may lead to."""

    label: str
    target: bytes
    kinds: tuple[str, ...]


def edges(value: Object) -> list[Edge]:
    """Return the edges of an object.

    Spec: :rule:`grit.graph.edges`, :rule:`grit.graph.kinds`.
    """
    ends = zip(_labels(value), leads(value), strict=True)
    return [Edge(label, target, kinds) for label, (target, kinds) in ends]


def leads(value: Object) -> _Ends:
    """Return what the edges of an object lead to, and may lead to, in their order."""
    match value:
        case Blob():
            return []
        case Tree(entries):
            return [(target, _CONTENT) for _, target in entries]
        case Message(previous, _, content):
            return [(content, _CONTENT)] if previous is None else [(previous, _MESSAGE), (content, _CONTENT)]
        case Mailbox(entries):
            return [end for key, target in entries for end in ((key, _TREE), (target, _MESSAGE))]
        case Step(previous, actor, inbox, outbox, core):
            ends = ((previous, _STEP), (actor, _TREE), (inbox, _MAILBOX), (outbox, _MAILBOX), (core, _TREE))
            return [(target, kinds) for target, kinds in ends if target is not None]


def _labels(value: Object) -> list[str]:
    """Return the fields in which the edges of an object stand, in their order."""
    match value:
        case Blob():
            return []
        case Tree(entries):
            return [f"entries/{name}" for name, _ in entries]
        case Message(previous, _, _):
            return ["content"] if previous is None else ["previous", "content"]
        case Mailbox(entries):
            return ["key", "value"] * len(entries)
        case Step():
            names = ("previous", "actor", "inbox", "outbox", "core")
            return [name for name in names if getattr(value, name) is not None]


def is_closure(roots: Iterable[bytes], objects: Mapping[bytes, Object | Tombstone]) -> bool:
    """Return whether objects are exactly what roots reach, with edges to permitted kinds only.

    No walk is needed for that: an id is a hash, so edges lead in no circle, and what is not a root is reached if an
    edge leads to it.
    """
    ends = set(roots)
    for value in objects.values():
        for target, kinds in () if isinstance(value, Tombstone) else leads(value):
            if type(objects.get(target)) not in _TYPES[kinds]:
                return False
            ends.add(target)
    return len(ends) == len(objects) and all(end in objects for end in ends)


_TYPES: Final[dict[tuple[str, ...], set[type]]] = {
    _TREE: {Tree},
    _MESSAGE: {Message},
    _MAILBOX: {Mailbox},
    _STEP: {Step},
    _CONTENT: {Blob, Tree, Tombstone},
}


@dataclass(slots=True)
class Closure:
    """What roots reach.

    Attributes:
        found: everything that was met and is there, in the order of meeting.
        defects: why the closure is refused; empty if it is not.
    """

    found: dict[bytes, Object | Tombstone] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)


def close(roots: Iterable[bytes], look: Look, tree_depth: int | None) -> Closure:
    """Form the closure of roots.

    Args:
        roots: ids, in any order; may repeat.
        look: what is under an id; a defect says why nothing is.
        tree_depth: how deep trees may be nested; None: as deep as they like.
    """
    closure = Closure()
    lacking: set[bytes] = set()
    ends: dict[bytes, _Ends] = {}
    waiting = list(roots)[::-1]
    while waiting:
        identity = waiting.pop()
        if identity in closure.found or identity in lacking:
            continue
        value = look(identity)
        if isinstance(value, Defect):
            lacking.add(identity)
            closure.defects.append(value)
            continue
        closure.found[identity] = value
        if not isinstance(value, Tombstone):
            ends[identity] = leads(value)
            waiting += [target for target, _ in reversed(ends[identity]) if target not in closure.found]
    closure.defects += _wrong_kinds(closure.found, ends)
    if tree_depth is not None:
        closure.defects += _too_deep(closure.found, tree_depth)
    return closure


def _wrong_kinds(found: Mapping[bytes, Object | Tombstone], ends: Mapping[bytes, _Ends]) -> list[Defect]:
    """Return a defect for each edge between objects that are there that leads to another kind than it may."""
    kinds = {identity: "blob" if isinstance(value, Tombstone) else kind_of(value) for identity, value in found.items()}
    return [
        invalid("grit.graph.kinds", f"{source.hex()}/{_labels(value)[number]} leads to a {kinds[target]}")
        for source, value in found.items()
        if not isinstance(value, Tombstone)
        for number, (target, allowed) in enumerate(ends[source])
        if target in kinds and kinds[target] not in allowed
    ]


def _too_deep(found: Mapping[bytes, Object | Tombstone], tree_depth: int) -> list[Defect]:
    """Return a defect if a tree is nested too deep; children are settled before parents."""
    below = {
        identity: [target for _, target in value.entries if isinstance(found.get(target), Tree)]
        for identity, value in found.items()
        if isinstance(value, Tree)
    }
    if len(below) <= tree_depth:
        return []
    nesting: dict[bytes, int] = {}
    for start in below:
        waiting = [start]
        while waiting:
            identity = waiting[-1]
            unsettled = [] if identity in nesting else [child for child in below[identity] if child not in nesting]
            if unsettled:
                waiting += unsettled
                continue
            nesting.setdefault(identity, 1 + max((nesting[child] for child in below[identity]), default=0))
            waiting.pop()
    deepest = max(nesting.values(), default=0)
    if deepest <= tree_depth:
        return []
    return [exhausted("grit.graph.iterative", f"trees are nested {deepest} deep, the limit is {tree_depth}")]


TARGET_SPACES: Final = {"heads": "step", "failed": "mailbox", "actors": "tree", "runtime": "tree"}
"""The kind that the targets of a space must have; every other space takes any."""


def check_target(name: str, value: Object | Tombstone) -> str | None:
    """Return why an object cannot be the target of a reference, or None if it can.

    Args:
        name: the reference's name, inside the grammar.
        value: the object, or its tombstone, which counts as a blob.

    Spec: :rule:`grit.ref.target`.
    """
    space, _, second = name.partition("/")
    wanted = TARGET_SPACES.get(space)
    kind = "blob" if isinstance(value, Tombstone) else kind_of(value)
    if wanted is not None and kind != wanted:
        return f"{name} leads to a {kind}, not to a {wanted}"
    if space == "heads" and isinstance(value, Step) and value.actor.hex() != second:
        return f"{name} leads to a step of another actor"
    if space == "failed" and isinstance(value, Mailbox) and len(value.entries) != 1:
        return f"{name} leads to a mailbox with {len(value.entries)} entries"
    return None
