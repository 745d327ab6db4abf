"""Crossings of bounds: the longest and the first too long text, update and nesting, in each state of store and object.

The rows are those of the table ``grit/bounds``. The model determines each reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from gritstone_conformance.model.cbor import encode_head
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Object, Tree
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Asked, Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_LEAF: Final = b"leaf"
_SPACE: Final = 32
_NAME: Final = 200
_GRAMMAR: Final = "grit.ref.grammar"
_LIMIT: Final = "grit.ref.limit"
_GRAPH: Final = "grit.graph.iterative"
_HEADER: Final = "grit.header.grammar"
_TEXT: Final = {"tree-name": "grit.name.grammar", "header-key": _HEADER, "header-value": _HEADER}
_TEXTS: Final = {"tree-name": ("n", 255), "header-key": ("k", 64), "header-value": ("v", 65_535)}
"""Bound -> a letter and the length of the longest text."""

_RULES: Final = (
    *(_GRAMMAR, _LIMIT, _GRAPH, *dict.fromkeys(_TEXT.values()), "grit.ref.cas", "grit.ref.list"),
    *("grit.bundle.exact", "grit.prune.exact", "grit.store.has", "grit.store.open", "grit.ref.durable"),
)


@dataclass
class _Crossing:
    """One row on its way.

    Attributes:
        row: the row.
        first: the handle that makes the state.
        actor: the handle with the request.
        graph: the objects.
        leaf: a blob in the state of the row.
        deep: the top of trees nested to the limit, or None.
    """

    row: Row
    first: Pair
    actor: Pair
    graph: Graph
    leaf: bytes
    deep: bytes | None = None

    @property
    def more(self) -> int:
        """By how much the request exceeds the bound."""
        return 1 if self.row["amount"] == "over" else 0


def cross(trial: Trial, row: Row) -> None:
    """Run a row that kills no process."""
    fmt = FORMATS[row["format"]]
    for _ in _scene(open_memory(trial, fmt) if row["handle"] == "memory" else open_durable(trial, fmt), row):
        raise AssertionError("the row kills no process")


def cross_killed(trial: Trial, row: Row, process: SubjectLike, handle: str) -> Iterator[None]:
    """Run a row in another process; yield where it is killed."""
    yield from _scene(open_durable(trial, FORMATS[row["format"]], handle, process), row)


def _scene(pair: Pair, row: Row) -> Iterator[None]:
    """Make the state, turn the handles, make the request at a bound, do what comes later, and look at all there is."""
    graph = Graph(pair.model.format)
    crossing = _Crossing(row, pair, pair, graph, graph.add(Blob((), _LEAF)))
    _make_state(crossing)
    match row["handle"]:
        case "reopened" | "closed":
            pair.expect(pair.close())
        case "second" | "other-closed":
            crossing.actor = pair.beside(f"{pair.handle}-beside")
        case "kill":
            yield
    match row["handle"]:
        case "reopened" | "kill":
            pair.expect(pair.open(create=False), rule="grit.ref.durable")
        case "other-closed":
            pair.expect(pair.close())
    _request(crossing)
    _later(crossing)
    _look(crossing.actor, prunes=row["bound"] != "tree-depth")  # the request is a prune there


def _make_state(crossing: _Crossing) -> None:
    """Nest trees above the leaf, if the row needs them, and bring the leaf into its state."""
    pair, graph, leaf = crossing.first, crossing.graph, crossing.leaf
    if crossing.row["bound"] == "tree-depth":
        crossing.deep, bundle = _nested(graph.format, pair.model.limits.tree_depth)
        pair.expect(*pair.take(bundle, rule=_GRAPH))
    state = crossing.row["object"]
    if state != "absent":
        pair.expect(pair.put(graph.encodings[leaf]))
    if state == "held":
        pair.expect(pair.point("tags/held", leaf))
    elif state == "erased":
        pair.expect(pair.erase(leaf))
    elif state == "corrupt":
        pair.expect(pair.damage(leaf, 0, 1))


@cache
def _nested(fmt: Format, depth: int) -> tuple[bytes, bytes]:
    """Return the topmost of trees nested above the leaf, and a bundle of them."""
    nested = Graph(fmt)
    top = nested.add(Blob((), _LEAF))
    for _ in range(depth):
        top = nested.add(Tree((("t", top),)))
    nested.references["tags/deep"] = top
    return top, nested.bundle()


def _request(crossing: _Crossing) -> None:
    """Make the request; on a closed handle it is ``missing`` and changes nothing."""
    pair = crossing.actor
    if crossing.row["handle"] == "closed":
        kept, pair.model = pair.model, pair.model.copy()
        asked = list(_asked(crossing))
        pair.model = kept
        missing: list[Asked] = [(op, args, {"refused": "missing"}, "grit.store.open") for op, args, *_ in asked]
        pair.expect(*missing, pair.open(create=False))
    pair.expect(*_asked(crossing))


def _asked(crossing: _Crossing) -> Iterator[Asked]:
    """Yield the requests at the bound, or one beyond it."""
    pair, bound = crossing.actor, crossing.row["bound"]
    if bound in _TEXT:
        yield pair.put(_encoding(crossing), rule=_TEXT[bound])
    elif bound == "tree-depth":
        assert crossing.deep is not None, "the row nests trees"
        top = crossing.graph.format.encode(Tree((("t", crossing.deep),)))
        if crossing.more:
            yield pair.put(top)
            yield pair.point("tags/top", crossing.graph.format.hash(top))
        yield pair.prune([crossing.deep], rule=_GRAPH)
    elif bound == "cas-names":
        names = [f"tags/n{number}" for number in range(pair.model.limits.cas_names + crossing.more)]
        target = crossing.leaf
        held = pair.model.references
        yield pair.cas(*(Change(name, held.get(name), target) for name in names), rule=_LIMIT)
    else:
        space = "s" * (_SPACE + (crossing.more if bound == "reference-space" else 0))
        name = "n" * (_NAME + (crossing.more if bound == "reference-name" else 0))
        whole = f"{space}/{name}"
        yield pair.cas(Change(whole, pair.model.references.get(whole), crossing.leaf), rule=_GRAMMAR)
        yield pair.refs(whole, whole[:-1], 1, rule="grit.ref.list")


def _encoding(crossing: _Crossing) -> bytes:
    """Return the encoding of an object with a text at its bound, or one byte beyond it."""
    letter, most = _TEXTS[crossing.row["bound"]]
    text = letter * most
    value: dict[str, Object] = {
        "tree-name": Tree(((text, crossing.leaf),)),
        "header-key": Blob(((text, ""),), b""),
        "header-value": Blob((("a", text),), b""),
    }
    fmt = crossing.graph.format
    data = fmt.encode(value[crossing.row["bound"]])
    if not crossing.more:
        return data
    if fmt is CBOR_BLAKE3:
        short, long = (encode_head(3, size) + letter.encode() * size for size in (most, most + 1))
        return data.replace(short, long)
    kind, _, body = data.partition(b"\0")
    longer = body.replace(text.encode(), (text + letter).encode())
    return b"%b %d\0%b" % (kind.partition(b" ")[0], len(longer), longer)


def _later(crossing: _Crossing) -> None:
    pair = crossing.actor
    match crossing.row["later"]:
        case "again":
            pair.expect(*_asked(crossing))
        case "prune":
            pair.expect(pair.prune(rule=_prune_rule(pair)))
        case "reopen":
            pair.expect(pair.close(), pair.open(create=False))
        case "drop":
            removed = [Change(name, target, None) for name, target in sorted(pair.model.references.items())]
            width = pair.model.limits.cas_names
            for start in range(0, len(removed), width):
                pair.expect(pair.cas(*removed[start : start + width], rule="grit.ref.cas"))


def _look(pair: Pair, *, prunes: bool) -> None:
    """Look at all references and at their closure, and perhaps prune."""
    pair.expect(pair.refs(rule="grit.ref.cas"))
    pair.export(rule="grit.bundle.exact")
    if prunes:
        pair.expect(pair.prune(rule=_prune_rule(pair)), pair.refs(rule="grit.ref.cas"))


def _prune_rule(pair: Pair) -> str:
    """Return the rule that a prune judges: one if trees may be nested too deep, another one otherwise."""
    return _GRAPH if "tags/top" in pair.model.references else "grit.prune.exact"


def _rules(_: Iterable[str]) -> tuple[str, ...]:
    return _RULES


PROPERTIES: Final[tuple[Property, ...]] = each_row("grit/bounds", cross, _rules, scene=cross_killed)
