"""Whole scripts of commands on one store, against the model: memory and durable, one handle or two.

Each step judges the narrowest rule that its kind of answer can break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies.commands import GraphCommand, GraphCommands
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("tags/a", "tags/b", "x-1/c.d")
_RULES: Final = (
    *("grit.store.put-idempotent", "grit.store.put-strict", "grit.store.missing", "grit.store.immutable"),
    *("grit.ref.cas", "grit.ref.target", "grit.ref.duplicate", "grit.prune.exact", "grit.prune.dangling"),
    *("grit.graph.edges", "grit.bundle.deterministic", "grit.bundle.bytes", "grit.ref.list"),
)


def in_memory(trial: Trial, fmt: Format, script: GraphCommands) -> None:
    """A memory store answers every sequence of operations as the text says."""
    _run(script, [open_memory(trial, fmt)])


def erasing(trial: Trial, fmt: Format, script: GraphCommands) -> None:
    """A store in which blobs are erased answers every sequence of operations as the text says."""
    _run(script, [open_memory(trial, fmt)], erase=True)


def on_disk(trial: Trial, fmt: Format, script: GraphCommands) -> None:
    """A durable store answers every sequence on two handles as the text says, and is the same when opened again."""
    first = open_durable(trial, fmt, "s")
    second = first.beside("t")
    _run(script, [first, second])
    first.expect(first.close(), second.close(), first.open(create=False), first.refs(rule="grit.ref.fresh"))
    _look(first, script)


def _run(script: GraphCommands, pairs: list[Pair], *, erase: bool = False) -> None:
    """Make the requests of the whole script, and send them pipelined up to each export."""
    waiting: list[Asked] = []
    for number, command in enumerate(script.commands):
        pair = pairs[(command.choice >> 7) % len(pairs)]
        if command.word == "export":
            pairs[0].expect(*waiting)
            waiting = []
            pair.export(rule="grit.bundle.deterministic")
        elif command.word != "erase" or erase:
            waiting += _requests(pair, script, command, number)
    pairs[0].expect(*waiting)
    _look(pairs[0], script)


def _look(pair: Pair, script: GraphCommands) -> None:
    """Look at all there is."""
    identities = list(script.graph.values)
    seen = [pair.get(identity, rule=_got(pair, identity)) for identity in identities]
    pair.expect(*seen, pair.has(identities, rule="grit.store.missing"), pair.refs(rule="grit.ref.cas"))


def _requests(pair: Pair, script: GraphCommands, command: GraphCommand, number: int) -> Iterator[Asked]:
    identities = list(script.graph.values)
    identity, other = identities[command.place], identities[command.other]
    match command.word:
        case "put":
            yield _put(pair, script, identity, other, command.choice)
        case "get":
            yield pair.get(identity, rule=_got(pair, identity))
        case "has":
            yield pair.has([identity, other, identity], rule="grit.store.missing")
        case "refs":
            after = (None, "tags/a", "tags", "z")[command.choice % 4]
            prefix = ("", "tags/", "x", "\u00e9")[command.choice // 4 % 4]
            yield pair.refs(prefix, after, 1 + command.choice // 16 % 3, rule="grit.ref.list")
        case "prune":
            pins = [identity] if command.choice % 3 == 0 else []
            yield pair.prune(pins, rule="grit.prune.exact")
        case "erase":
            yield pair.erase(identity, rule="grit.erase.tombstone")
        case "take":
            yield from _import(pair, script)
        case _:
            yield _cas(pair, identity, other, command.choice)


def _put(pair: Pair, script: GraphCommands, identity: bytes, other: bytes, choice: int) -> Asked:
    data = script.graph.encodings[identity]
    if choice % 8 == 0:
        return pair.put(data[:-1] + b"\0\1\2", rule="grit.store.put-strict")
    named = (None, identity, other)[min(choice % 5, 2)]
    rule = "grit.erase.no-return" if identity in pair.model.tombstones else "grit.store.put-idempotent"
    return pair.put(data, named, rule="grit.store.put-strict" if named == other else rule)


def _got(pair: Pair, identity: bytes) -> str:
    if identity in pair.model.objects:
        return "grit.store.immutable"
    return "grit.erase.tombstone" if identity in pair.model.tombstones else "grit.store.missing"


def _import(pair: Pair, script: GraphCommands) -> Iterator[Asked]:
    """Import the graph's bundle, unless that would be refused: what a refused import leaves is not settled."""
    copy = pair.model.copy()
    data = script.graph.bundle()
    if "ok" in copy.import_(data):
        yield from pair.take(data, rule="grit.bundle.bytes")


def _cas(pair: Pair, identity: bytes, other: bytes, choice: int) -> Asked:
    """Change one or two references, expecting mostly what is there."""
    held = pair.model.references
    name, second = _NAMES[choice % 3], _NAMES[choice // 3 % 3]
    new = None if choice % 5 == 0 else identity
    old = held.get(name) if choice // 8 % 4 else other
    changes = [Change(name, old, new)]
    if choice // 32 % 3 == 0:
        changes.append(Change(second, held.get(second), other))
    return pair.cas(*changes, rule=_cas_rule(pair, changes))


def _cas_rule(pair: Pair, changes: list[Change]) -> str:
    """Return the rule that an answer to an update judges."""
    if len({change.name for change in changes}) < len(changes):
        return "grit.ref.duplicate"
    expectation = pair.model.copy().cas(changes)
    return "grit.ref.target" if expectation.get("refused") == "missing" else "grit.ref.cas"


PROPERTIES: Final = (
    *each_format(
        "store/commands-memory",
        in_memory,
        *_RULES,
        reach={
            "grit.cas accepted": 0.15,
            "grit.cas refused": 0.35,
            "grit.get refused": 0.45,
            "grit.import accepted": 0.4,
            "grit.prune accepted": 0.35,
            "grit.put refused": 0.45,
        },
        given=draws.script(24),
        kind="machine",
        examples=21,
    ),
    *each_format(
        *("store/commands-erasing", erasing, *_RULES, "grit.erase.tombstone", "grit.erase.no-return"),
        reach={
            "grit.cas accepted": 0.1,
            "grit.erase refused": 0.2,
            "grit.prune accepted": 0.1,
            "grit.put refused": 0.45,
        },
        given=draws.script(24),
        features=("erase",),
        kind="machine",
        examples=15,
    ),
    *each_format(
        *("store/commands-durable", on_disk, *_RULES, "grit.ref.fresh", "grit.store.put-visible"),
        reach={"grit.get refused": 0.1, "grit.put refused": 0.2},
        given=draws.script(24),
        features=("durable",),
        kind="machine",
        examples=9,
    ),
)
