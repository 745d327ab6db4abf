"""The data items of a valid ``cbor-blake3`` object, found by their places, so that one of them can be respelled."""

from __future__ import annotations

from dataclasses import dataclass

from gritstone_conformance.model.cbor import encode_head
from gritstone_conformance.model.wellformed import read_head

__all__ = ["Item", "long_head", "parse", "render"]


@dataclass(slots=True)
class Item:
    """One item of a tree of items.

    Attributes:
        major: its major type.
        argument: the argument of its head; of strings, arrays and maps it follows from the content.
        content: the bytes of a string.
        children: the elements of an array; keys and values of a map, in turn.
        head: spelled instead of the shortest head, if there is one.
        before: stands before the head.
        after: stands after the content.
    """

    major: int
    argument: int
    content: bytes = b""
    children: list[Item] | None = None
    head: bytes | None = None
    before: bytes = b""
    after: bytes = b""

    def everywhere(self) -> list[Item]:
        """Return this item and all below it, from the front."""
        below = [item for child in self.children or () for item in child.everywhere()]
        return [self, *below]


def parse(data: bytes) -> Item:
    """Return the tree of items of a valid object, which nests three deep."""
    item, end = _parse(data, 0)
    assert end == len(data), "valid objects are one item"
    return item


def _parse(data: bytes, at: int) -> tuple[Item, int]:
    head = read_head(data, at)
    item, at = Item(head.major, head.argument), head.end
    if head.major in (2, 3):
        item.content = data[at : at + head.argument]
        return item, at + head.argument
    if head.major in (4, 5):
        item.children = []
        for _ in range(head.argument * (head.major - 3)):
            child, at = _parse(data, at)
            item.children.append(child)
    return item, at


def render(item: Item) -> bytes:
    """Return the bytes of a tree of items, with heads that match its contents unless it has explicit heads."""
    argument = item.argument
    if item.children is not None:
        argument = len(item.children) // (item.major - 3)
    elif item.major in (2, 3):
        argument = len(item.content)
    head = encode_head(item.major, argument) if item.head is None else item.head
    inside = b"".join(map(render, item.children)) if item.children is not None else item.content
    return item.before + head + inside + item.after


def long_head(major: int, argument: int, width: int) -> bytes:
    """Return the head with the argument in ``width`` bytes: 1, 2, 4 or 8."""
    return bytes((major << 5 | (24, 25, 26, 27)[(1, 2, 4, 8).index(width)],)) + argument.to_bytes(width)
