"""Crossings of ``wit``: the merge of two trees at each pair of entries, and a bounce at each end of its numbers.

The rows are those of the tables ``wit/merges`` and ``wit/bounces``. The model determines each reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Headers, Message, Tree
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.wit.crossed_scene import ADMISSION, RULES, Scene, head_of
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.scenarios import STAMP, Stage
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_MERGE: Final = "wit.update.merge"
_RULES: Final = tuple(dict.fromkeys((_MERGE, *RULES, *ADMISSION)))
_EXACT: Final = "wit.puppet.exact"


def merge(trial: Trial, row: Row) -> None:
    """Merge two trees that differ as the row says, or update an actor with one of them."""
    bench = Workbench(trial, FORMATS[row["format"]])
    stage, depth = bench.stage, int(row["depth"])
    erased = [name for name in ("old", "new") if row[name].endswith("erased")]
    sides = {name: _entry(stage, row[name], name) for name in ("old", "new")}
    old, new = ({} if value is None else _nested(bench, value, depth) for value in sides.values())
    if row["beside"] == "equal-trees":
        same = stage.tree(a=stage.blob(b"a"))
        old, new = {**old, "s": same}, {**new, "s": same}
    elif row["beside"] != "nothing":
        old |= {"s": stage.blob(b"old s")} if row["beside"] in ("old", "both") else {}
        new |= {"s": stage.blob(b"new s")} if row["beside"] in ("new", "both") else {}
    lines = {
        "entry": "/".join([*["d"] * (depth - 1), "x"]),
        "above": "d",
        "beside": "s",
        "absent-path": "no/such",
    }
    if row["frozen"] != "nothing":
        old["frozen"] = stage.blob(b"x" if row["frozen"] == "whole" else f"{lines[row['frozen']]}\n".encode())
    core = stage.core(b"a", **old)
    update = stage.tree(**new, z=stage.blob(b"z"))
    peer = stage.tree(name=stage.blob(b"peer"))
    bench.fill()
    bench.flush()
    for name in erased:
        bench.pair.expect(bench.pair.erase(bench.pair.model.format.hash(_erased(stage, name))))
    if row["request"] == "merge":
        for pair in ((core, update), (update, core)):
            merged = bench.merge(*pair, rule=_MERGE)
            assert merged is not None
            bench.flush()
            bench.pair.expect(bench.pair.get(merged, rule=_MERGE))
        return
    outbox = {} if row["outbox"] == "none" else {peer: bench.add(Message(None, (), stage.blob(b"sent")))}
    head = head_of(bench, core, "longer", {}, outbox)
    message = bench.add(Message(None, (("mt", "update"),), update))
    scene = Scene(bench, core, head, {peer: message}, message, _RULES)
    scene.look(scene.step())
    bench.flush()


def _erased(stage: Stage, name: str) -> bytes:
    return stage.graph.encodings[stage.blob(b"erased " + name.encode())]


def _entry(stage: Stage, word: str, side: str) -> bytes | None:
    """Return what one side has in the place, or None."""
    blob, leaf = stage.blob(b"v"), stage.blob(side.encode())
    match word:
        case "blob":
            return blob
        case "headers":
            return stage.blob(b"v", ("ct", side))
        case "tree":
            return stage.tree(a=leaf)
        case "wide":
            return stage.tree(a=blob, b=stage.tree(c=leaf), e=stage.tree(f=leaf) if side == "old" else leaf)
        case "erased":
            return stage.blob(b"erased " + side.encode())
        case "tree-erased":
            return stage.tree(a=stage.blob(b"erased " + side.encode()), g=leaf)
        case _:
            return None


def _nested(bench: Workbench, value: bytes, depth: int) -> dict[str, bytes]:
    """Return the entries of a tree in which a value has a depth."""
    name = "x"
    for _ in range(depth - 1):
        value, name = bench.add(Tree(((name, value),))), "d"
    return {name: value}


def bounce(trial: Trial, row: Row) -> None:
    """Ask for the step of a message that bounces, from a core with a count."""
    bench = Workbench(trial, FORMATS[row["format"]])
    stage, kind = bench.stage, row["kind"]
    limit = programs.bounce(_NUMBERS[row["limit"]])
    again = {
        "bounce": limit,
        "release": programs.release(programs.SENDER),
        "send": programs.send(programs.SENDER, 0, "x"),
    }
    body = {"program": stage.blob(limit + again.get(row["again"], b"")), "00": stage.blob(b"said")}
    count = _count(stage, row["count"])
    entries = {} if count is None else {"bounces": count}
    actor = stage.core(b"a", **entries, **(body if kind == "genesis" else {}))
    code = {"wit_update": stage.blob(STAMP)} if kind == "update" else {}
    peer = stage.tree(name=stage.blob(b"peer"))
    mt = kind if kind in ("update", "cleanup") else "job"
    headers: Headers = () if row["headers"] == "none" else (("mt", mt),)
    if row["headers"] == "more":
        headers = (*headers, ("x", "y"))
    message = bench.add(Message(None, headers, actor if kind == "genesis" else stage.tree(**body, **code)))
    one = bench.add(Message(None, (), stage.blob(b"sent")))
    two = bench.add(Message(one, (), stage.blob(b"sent")))
    outbox = {"one": {peer: one}, "chain": {peer: two}}.get(row["outbox"], {})
    head = None if kind == "genesis" else head_of(bench, actor, "longer", {}, outbox)
    bench.fill()
    bench.flush()
    if row["count"] == "erased" and count is not None:
        bench.pair.expect(bench.pair.erase(count))
    scene = Scene(bench, actor, head, {peer: message}, message, (_EXACT, "wit.transition.class"))
    scene.look(scene.step())
    bench.flush()


_NUMBERS: Final = {
    "1": 1,
    "2^31 - 1": (1 << 31) - 1,
    "2^31": 1 << 31,
    "2^32 - 3": (1 << 32) - 3,
    "2^32 - 2": (1 << 32) - 2,
    "2^32 - 1": (1 << 32) - 1,
}


def _count(stage: Stage, word: str) -> bytes | None:
    if word in _NUMBERS:
        return stage.blob(_NUMBERS[word].to_bytes(4), ("ct", "b"))
    return {"nothing": None, "5 bytes": stage.blob(bytes(5)), "erased": stage.blob(bytes(4), ("erased", ""))}[word]


def _merge_rules(_: Iterable[str]) -> tuple[str, ...]:
    return _RULES


def _bounce_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_EXACT, "wit.transition.class")


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("wit/merges", merge, _merge_rules, features=("external",)),
    *each_row("wit/bounces", bounce, _bounce_rules, features=("external",)),
)
