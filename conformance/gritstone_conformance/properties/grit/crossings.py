"""Crossings of ``grit``: one request about one object, in each state of the object, its holders, the handle, transfers.

A row of the table ``grit/objects`` defines the state in which the request is made. The model receives all requests,
too, so it determines each reply and the resulting store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Message, Object, Tree
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_LARGE_BYTES: Final = 530_000  # two of these do not fit in one piece of an export
_CUT: Final = 9  # bytes of a bundle in its first piece
_GOT: Final = "grit.store.immutable"
_RULES: Final = (
    *("grit.store.put-idempotent", "grit.store.put-strict", "grit.store.put-visible", "grit.store.missing", _GOT),
    *("grit.store.has", "grit.store.open", "grit.store.close", "grit.prune.exact", "grit.prune.dangling"),
    *("grit.ref.cas", "grit.ref.target", "grit.ref.list", "grit.ref.snapshot", "grit.bundle.deterministic"),
    *("grit.bundle.exact", "grit.bundle.import-atomic", "grit.bundle.cursor", "grit.bundle.stream"),
)
_ERASING: Final = ("grit.erase.tombstone", "grit.erase.no-return", "grit.erase.blob-only", "grit.bundle.no-erase")
_DAMAGING: Final = ("grit.store.verify", "grit.store.damaged")


@dataclass
class _Crossing:
    """One row on its way.

    Attributes:
        row: the row.
        first: the handle that makes the state.
        actor: the handle with the request.
        handles: the handles that are open.
        graph: the objects, and those that hold them.
        target: the id that the request is about.
        child: what the target leads to, or None.
        above: the tree that holds the target, whether it is stored or not.
        other: a blob that is stored and referenced.
        cursor: of the export in progress, with the bundle and what was read of it.
        rest: of the import in progress, with its bundle.
    """

    row: Row
    first: Pair
    actor: Pair
    handles: list[Pair]
    graph: Graph
    target: bytes
    child: bytes | None
    above: bytes
    other: bytes
    cursor: tuple[str, bytes, int] | None = None
    rest: bytes | None = None

    @property
    def encoding(self) -> bytes:
        """The encoding of the target."""
        return self.graph.encodings[self.target]

    def put(self, *identities: bytes | None) -> list[Asked]:
        """Return the requests that store objects through the first handle."""
        return [self.first.put(self.graph.encodings[each]) for each in identities if each is not None]


def cross(trial: Trial, row: Row) -> None:
    """Make the state, make the request, do what comes later, look at all there is, and store the object again."""
    crossing = _opened(trial, row)
    _make_state(crossing)
    _turn_handles(crossing)
    _begin_transfer(crossing)
    _request(crossing)
    _do_later(crossing)
    _end_transfer(crossing)
    for each in crossing.handles:
        _look(crossing, each)
    pair = crossing.actor
    pair.expect(pair.put(crossing.encoding, rule=_put_rule(crossing)))
    pair.expect(pair.get(crossing.target, rule=_got_rule(pair, crossing.target)))


def _opened(trial: Trial, row: Row) -> _Crossing:
    fmt = FORMATS[row["format"]]
    graph = Graph(fmt)
    child, value = _target(graph, row["kind"])
    target = graph.add(value)
    above = graph.add(Tree((("t", target),)))
    other = graph.add(Blob((), b"other"))
    first = open_memory(trial, fmt) if row["handle"] == "memory" else open_durable(trial, fmt)
    handles = [first]
    if row["handle"] in ("second", "other-closed"):
        handles.append(first.beside("t"))
    elif row["handle"] == "other-process":
        handles.insert(0, first.beside("t", trial.spawn()))
    actor = handles[-1] if row["handle"] != "other-closed" else first
    return _Crossing(row, handles[0], actor, handles, graph, target, child, above, other)


def _target(graph: Graph, kind: str) -> tuple[bytes | None, Object]:
    """Return the object that the request is about, and the id of what it leads to."""
    if kind == "blob":
        return None, Blob((("ct", "x"),), b"target")
    child = graph.add(Blob((), b"child"))
    return child, Tree((("c", child),)) if kind == "tree" else Message(None, (), child)


def _make_state(crossing: _Crossing) -> None:
    """Bring the object and its holders into the state of the row."""
    pair, state = crossing.first, crossing.row["object"]
    target = crossing.target
    pair.expect(*crossing.put(crossing.other), pair.point("tags/other", crossing.other))
    if state == "imported":
        pair.expect(*pair.take(_bundle(crossing, "tags/first")))
    elif state != "absent":
        pair.expect(*crossing.put(crossing.child, target))
    if state == "corrupt-pruned":
        pair.expect(pair.damage(target, 0, 1))
    if state in ("pruned", "corrupt-pruned"):
        pair.expect(pair.prune(rule="grit.prune.exact"))
    _hold(crossing)
    if state in ("corrupt", "restored"):
        pair.expect(pair.damage(target, 0, 1))
    if state == "restored":
        pair.expect(pair.put(crossing.encoding, rule="grit.store.verify"))
    elif state in ("erased", "erased-pruned"):
        pair.expect(pair.erase(target))
    elif state == "imported":
        pair.expect(pair.point("tags/first", None))
    if state == "erased-pruned":
        pair.expect(pair.prune(rule="grit.prune.exact"))


def _hold(crossing: _Crossing) -> None:
    pair, holder = crossing.first, crossing.row["holder"]
    if holder in ("reference", "both"):
        pair.expect(pair.point("tags/held", crossing.target))
    if holder in ("tree", "both"):
        pair.expect(*crossing.put(crossing.above), pair.point("tags/above", crossing.above))


def _turn_handles(crossing: _Crossing) -> None:
    """Close and open handles as the row says."""
    match crossing.row["handle"]:
        case "reopened":
            crossing.first.expect(crossing.first.close(), crossing.first.open(create=False))
        case "closed":
            crossing.first.expect(crossing.first.close())
        case "other-closed":
            other = crossing.handles.pop()
            other.expect(other.close())


def _begin_transfer(crossing: _Crossing) -> None:
    pair, fmt = crossing.actor, crossing.graph.format
    if crossing.row["transfer"] == "export":
        names = [f"tags/large-{number}" for number in range(2)]
        for number, name in enumerate(names):
            data = fmt.encode(Blob((), bytes((number,)) * _LARGE_BYTES))
            pair.expect(pair.put(data), pair.point(name, fmt.hash(data)))
        data = pair.model.export(names)
        args: dict[str, Json] = {"store": pair.handle, "cursor": None, "names": [*names]}
        cursor = pair.export_piece(args, data, 0, rule="grit.bundle.stream")
        assert cursor is not None, "more than a piece is left"
        crossing.cursor = (cursor, data, pair.last_piece)
    elif crossing.row["transfer"] == "import":
        small = Graph(fmt)
        small.references["tags/small"] = small.add(Blob((), b"small"))
        bundle = small.bundle()
        crossing.rest = bundle
        pair.expect(pair.piece(bundle[:_CUT], more=True, expect=ok(objects=0, refs=0), rule="grit.bundle.stream"))


def _request(crossing: _Crossing) -> None:
    """Make the request of the row, once or twice; on a closed handle it is ``missing`` and changes nothing."""
    pair, word = crossing.actor, crossing.row["operation"]
    if crossing.row["handle"] != "closed":
        _operate(crossing, word, times=2 if crossing.row["later"] == "at once again" else 1)
        return
    kept, pair.model = pair.model, pair.model.copy()
    if word.startswith("export"):
        asked: list[Asked] = [("grit.export", {"store": pair.handle, "cursor": None}, {})]
    else:
        asked = list(_asked(crossing, word))
    pair.model = kept
    unknown: list[Asked] = [(op, args, refused("missing"), "grit.store.open") for op, args, *_ in asked]
    pair.expect(*unknown, pair.open(create=False))


def _operate(crossing: _Crossing, word: str, *, times: int) -> None:
    """Make the request, or send it several times at once."""
    pair = crossing.actor
    if not word.startswith("export"):
        pair.expect(*(asked for _ in range(times) for asked in _asked(crossing, word)))
        return
    for _ in range(times):
        _export(crossing, word)


def _export(crossing: _Crossing, word: str) -> None:
    pair = crossing.actor
    names = [_held_name(crossing)] if word == "export-named" else _small_names(pair)
    data = pair.export(names, rule="grit.bundle.exact")
    if crossing.cursor is not None:
        if data is not None:  # after a refused request the export in progress may end or continue
            pair.old_cursor(crossing.cursor[0])
        crossing.cursor = None


def _asked(crossing: _Crossing, word: str) -> Iterable[Asked]:
    """Return the requests of an operation other than an export."""
    pair, target = crossing.actor, crossing.target
    if word in _READING:
        return [_READING[word](crossing)]
    if word.startswith("put"):
        named = {"put": None, "put-with-id": target, "put-with-wrong-id": crossing.other}[word]
        rule = "grit.store.put-strict" if word == "put-with-wrong-id" else _put_rule(crossing)
        first = [pair.put(crossing.graph.encodings[crossing.other])] if word == "put-with-id" else []
        return [*first, pair.put(crossing.encoding, named, rule=rule)]  # two at once may be stored as one
    if word.startswith("cas"):
        change = _change(crossing, word)
        known = change.new is None or _is_whole(pair, change.new)
        return [pair.cas(change, rule="grit.ref.cas" if known else "grit.ref.target")]
    if word == "import":
        rule = "grit.erase.no-return" if target in pair.model.tombstones else "grit.bundle.import-atomic"
        return pair.take(_bundle(crossing, "tags/import"), rule=rule)
    data = write(pair.model.format, {"tags/import": target}, {target: None})
    return pair.take(data, rule="grit.bundle.no-erase")


_READING: Final[Mapping[str, Callable[[_Crossing], Asked]]] = {
    "get": lambda it: it.actor.get(it.target, rule=_got_rule(it.actor, it.target)),
    "has": lambda it: it.actor.has([it.target, it.other, it.target], rule="grit.store.has"),
    "erase": lambda it: it.actor.erase(it.target, rule=_erase_rule(it)),
    "damage": lambda it: it.actor.damage(it.target, 0, 4),
    "prune": lambda it: _prune(it.actor),
    "prune-pinned": lambda it: _prune(it.actor, it.target),
    "refs": lambda it: it.actor.refs("tags/", "tags/b", rule="grit.ref.list"),
}
"""Operation -> its request."""


def _change(crossing: _Crossing, word: str) -> Change:
    held = crossing.actor.model.references
    name = _held_name(crossing)
    match word:
        case "cas-create":
            return Change("tags/new", held.get("tags/new"), crossing.target)
        case "cas-move":
            return Change("tags/other", held.get("tags/other"), crossing.target)
        case "cas-keep":
            return Change(name, held.get(name), held.get(name))
        case _:
            return Change(name, held.get(name), None)


def _do_later(crossing: _Crossing) -> None:
    pair = crossing.actor
    match crossing.row["later"]:
        case "prune":
            pair.expect(_prune(pair))
        case "reopen":
            pair.expect(pair.close(), pair.open(create=False))
        case "put":
            pair.expect(pair.put(crossing.encoding, rule=_put_rule(crossing)))
        case "drop":
            removed = [Change(name, target, None) for name, target in pair.model.references.items()]
            pair.expect(pair.cas(*removed, rule="grit.ref.cas"), _prune(pair))


def _end_transfer(crossing: _Crossing) -> None:
    """Read and send what is left; if the handle was closed meanwhile, nothing of the transfer may be left."""
    pair, closed = crossing.actor, crossing.row["later"] == "reopen"
    if crossing.cursor is not None:
        cursor, data, at = crossing.cursor
        if closed:
            pair.old_cursor(cursor)
        else:
            pair.export_rest(cursor, data, at, rule="grit.ref.snapshot")
    if crossing.rest is not None:
        rule = "grit.store.close" if closed else "grit.bundle.stream"
        expect = refused("malformed") if closed else pair.model.import_(crossing.rest)
        pair.expect(pair.piece(crossing.rest[_CUT:], more=False, expect=expect, rule=rule))


def _look(crossing: _Crossing, pair: Pair) -> None:
    """Look at all there is through one handle."""
    every = [crossing.target, crossing.above, crossing.other]
    gets = [pair.get(each, rule=_got_rule(pair, each)) for each in every]
    pair.expect(*gets, pair.has(every, rule="grit.store.has"), pair.refs(rule="grit.ref.cas"))
    pair.export(_small_names(pair), rule="grit.bundle.deterministic")
    pair.expect(_prune(pair))


def _bundle(crossing: _Crossing, name: str) -> bytes:
    frames = {each: crossing.graph.encodings[each] for each in (crossing.target, crossing.child) if each is not None}
    return write(crossing.graph.format, {name: crossing.target}, frames)


def _small_names(pair: Pair) -> list[str]:
    return [name for name in pair.model.references if not name.startswith("tags/large")]


def _held_name(crossing: _Crossing) -> str:
    return {"none": "tags/other", "tree": "tags/above"}.get(crossing.row["holder"], "tags/held")


def _prune(pair: Pair, *pins: bytes) -> Asked:
    """Return a prune, which judges one rule if it succeeds and another one if it must not."""
    op, args, expect, *_ = pair.prune(pins)
    return op, args, expect, "grit.prune.exact" if "ok" in expect else "grit.prune.dangling"


def _is_whole(pair: Pair, identity: bytes) -> bool:
    return identity in pair.model.objects and identity not in pair.model.corrupt


def _got_rule(pair: Pair, identity: bytes) -> str:
    """Return the rule that a get judges: the state of the id decides."""
    if identity in pair.model.tombstones:
        return "grit.erase.tombstone"
    if identity in pair.model.corrupt:
        return "grit.store.verify"
    return _GOT if identity in pair.model.objects else "grit.store.missing"


def _put_rule(crossing: _Crossing) -> str:
    model = crossing.actor.model
    if crossing.target in model.tombstones:
        return "grit.erase.no-return"
    return "grit.store.verify" if crossing.target in model.corrupt else "grit.store.put-idempotent"


def _erase_rule(crossing: _Crossing) -> str:
    whole = _is_whole(crossing.actor, crossing.target) and crossing.row["kind"] == "blob"
    erased = crossing.target in crossing.actor.model.tombstones
    return "grit.erase.tombstone" if whole or erased else "grit.erase.blob-only"


def _rules(features: Iterable[str]) -> tuple[str, ...]:
    """Return the rules that a row with these features judges."""
    erasing = _ERASING if "erase" in features else ()
    return (*_RULES, *erasing, *(_DAMAGING if "damage" in features else ()))


PROPERTIES: Final[tuple[Property, ...]] = each_row("grit/objects", cross, _rules)
