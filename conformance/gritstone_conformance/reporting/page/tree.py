"""Trees: the path to the first difference, name by name, with the neighbours of each name collapsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.markup import Node, element
from gritstone_conformance.results.excerpts import short_ids, show_sides
from gritstone_conformance.text import counted

__all__ = ["draw_tree"]

_WIDTH: Final = 120  # characters of a value in a tree


def draw_tree(root: str, path: str, around: Sequence[Json], expected: Json, got: Json) -> Node | None:
    """Return a path drawn as a tree, or None without a path.

    Args:
        root: the label of the root.
        path: the path, with or without a leading slash.
        around: the levels of the path from a report line; without levels only the names are drawn.
        expected: the expected value at the end of the path.
        got: the actual value there.
    """
    levels = list(around) or [_bare(name) for name in path.split("/") if name]
    if not levels:
        return None
    inner = _leaf(levels[-1], expected, got)
    for level, above in zip(levels[::-1], [*(each["member"] for each in levels[-2::-1]), root], strict=True):
        inner = element("li", {"class": "on"}, _name(above), element("ul", {}, *_folded(level, inner)))
    return element("ul", {"class": "tree"}, inner)


def _bare(name: str) -> Json:
    return {"member": name.replace("~1", "/").replace("~0", "~"), "before": [], "after": [], "left_out": 0}


def _folded(level: Json, inner: Node) -> Iterator[Node]:
    """Yield one level: the name on the path, with collapsed neighbours on both sides."""
    if level["before"]:
        yield _siblings(level["before"], "before")
    yield inner
    if level["after"] or level["left_out"]:
        yield _siblings(level["after"], "after", level["left_out"])


def _siblings(pairs: Sequence[Json], where: str, left_out: int = 0) -> Node:
    words = f"{counted(len(pairs) + left_out, 'member')} {where if not left_out else 'more'}"
    lines = [element("li", {}, _name(name), ": ", element("code", {}, text)) for name, text in pairs]
    lines += [element("li", {}, f"and {left_out} more")] if left_out else []
    folded = element("details", {}, element("summary", {}, words), element("ul", {}, *lines))
    return element("li", {"class": "beside"}, folded)


def _leaf(level: Json, expected: Json, got: Json) -> Node:
    sides = zip(("expected", "got"), show_sides("/", expected, got, _WIDTH), strict=True)
    values = (
        element("div", {"class": f"said {label}"}, element("b", {}, label), " ", element("code", {}, words))
        for label, words in sides
    )
    here = element(
        "strong", {"class": "here"}, element("span", {"aria-hidden": "true"}, "▸ "), short_ids(level["member"])
    )
    return element("li", {"class": "on leaf"}, here, *values)


def _name(name: str) -> Node:
    return element("span", {"class": "name"}, short_ids(name))
