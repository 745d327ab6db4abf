"""What messages and ops weigh: the bytes that they read and make, by the tables of the text.

Spec: ``image/quotas``, "Weights"; :rule:`image.fuel.exact`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.image.contents import LARGEST
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.programs import Op
from gritstone_conformance.model.image.views import View, image_entries
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message
from gritstone_conformance.model.wasm.weights import tree_weight, weight

__all__ = ["Weighed", "cost_of_op", "kernel_weight", "merge_weight", "program_weight", "size", "step_weight", "units"]

_UNIT: Final = 1024  # bytes of weight
_MAIL: Final = 72  # of an entry of a mailbox
_CAPS: Final = ("image", "caps", "spawn")

_Node = bytes | WorkingTree | None


class Weighed(Protocol):
    """The turn of a message, of which the ops are weighed."""

    view: View
    message: Message
    core: WorkingTree

    def ref(self, ref: int) -> bytes:
        """Return the id that a ref stands for; raises Denied."""

    def is_actor(self, identity: bytes) -> bool:
        """Return whether an id is that of an actor with a head, neither R nor K."""


def units(weighed: int) -> int:
    """Return the charge for a message or an op."""
    return 1 + weighed // _UNIT


def _names(shelf: Shelf, node: _Node) -> dict[str, Any] | None:
    """Return the entries of a tree, or None for what is no tree."""
    if isinstance(node, WorkingTree):
        return node.entries
    return shelf.names(node) if node is not None and shelf.is_tree(node) else None


def _look_up(shelf: Shelf, tree: _Node, path: Sequence[str]) -> tuple[int, _Node]:
    """Return the weight of a path, and what it leads to."""
    total, at = tree_weight(path), tree
    for name in path:
        names = _names(shelf, at)
        if names is None:
            return total, None
        total, at = total + tree_weight(names), names.get(name)
    return total, at


def _blob(shelf: Shelf, node: _Node) -> int:
    """Return the weight of a blob; 0 for what is none or was erased."""
    value = shelf.get(node) if isinstance(node, bytes) else None
    return weight(value) if isinstance(value, Blob) else 0


def size(shelf: Shelf, root: bytes | None) -> int:
    """Return how many bytes the blobs of an object have, counted once for each path; each tree is looked at once."""
    known: dict[bytes, int] = {}
    waiting = [] if root is None else [root]
    while waiting:
        identity = waiting[-1]
        below: Collection[bytes] = shelf.names(identity).values() if shelf.is_tree(identity) else ()
        ahead = [each for each in below if each not in known]
        if ahead:
            waiting += ahead
            continue
        value = shelf.get(identity)
        own = len(value.data) if isinstance(value, Blob) else 0
        known[identity] = min(own + sum(known[each] for each in below), LARGEST)
        waiting.pop()
    return 0 if root is None else known[root]


def step_weight(view: View, actor: bytes, core: bytes, mt: str) -> int:
    """Return the weight of every message to an actor with a head."""
    entry = image_entries(view.shelf, core, "entry").get(mt)
    return _MAIL * (len(view.inbox(actor)) + len(view.outbox(actor))) + _blob(view.shelf, entry)


def kernel_weight(shelf: Shelf, core: bytes, content: bytes) -> int:
    """Return what a kernel message adds."""
    image = shelf.names(core)["image"]
    trees = [core, image, *(each for each in shelf.names(image).values() if shelf.is_tree(each))]
    return weight(shelf.get(content)) + sum(tree_weight(shelf.names(each)) for each in trees)


def merge_weight(shelf: Shelf, core: bytes, content: bytes) -> int:
    """Return what an installation adds for the pairs of trees that are merged."""
    pairs: set[tuple[bytes, bytes]] = set()
    waiting = [(core, content)]
    while waiting:
        old, new = pair = waiting.pop()
        if old == new or pair in pairs or not (shelf.is_tree(old) and shelf.is_tree(new)):
            continue
        pairs.add(pair)
        names = shelf.names(old)
        waiting += [(names[name], each) for name, each in shelf.names(new).items() if name in names]
    return sum(tree_weight(shelf.names(each)) for pair in pairs for each in pair)


def program_weight(shelf: Shelf, tree: bytes | None) -> int:
    """Return what a program that answers a message adds."""
    names = _names(shelf, tree)
    return 0 if names is None else _blob(shelf, names.get("program"))


def cost_of_op(turn: Weighed, op: Op) -> int:
    """Return the charge for an op."""
    byte, operands = op
    if byte == b"n":
        return 1 + int(operands[0])
    if byte in (b"P", b"D"):
        return units(_path(turn, operands[0])[0])
    if byte in (b"W", b"A", b"x", b"a", b"c"):
        return units(_data_op(turn, byte, *operands))
    if byte == b"r":
        return units(_read(turn, *operands))
    return units(_birth(turn, operands[3]) if byte == b"s" and operands[2] == "genesis" else 0)


def _path(turn: Weighed, path: Sequence[str]) -> tuple[int, _Node]:
    return _look_up(turn.view.shelf, turn.core, path)


def _data_op(turn: Weighed, byte: bytes, path: Sequence[str], operand: Any) -> int:
    total, found = _path(turn, path)
    times = {b"W": 0, b"x": 1}.get(byte, 2)
    total += times * _blob(turn.view.shelf, found)
    if byte == b"c":
        total += _blob(turn.view.shelf, turn.message.content)
    return total + (len(operand) if isinstance(operand, bytes) else 0)


def _read(turn: Weighed, ref: int, source: Sequence[str], to: Sequence[str]) -> int:
    total, actor = _path(turn, to)[0], _object(turn, ref)
    if actor is None or not turn.is_actor(actor):
        return total
    return total + _look_up(turn.view.shelf, turn.view.core(actor), source)[0]


def _birth(turn: Weighed, content: int) -> int:
    return _path(turn, _CAPS)[0] + _look_up(turn.view.shelf, _object(turn, content), _CAPS)[0]


def _object(turn: Weighed, ref: int) -> bytes | None:
    """Return the id that a ref stands for, or None if it stands for none."""
    try:
        return turn.ref(ref)
    except (Denied, Refusal):
        return None
