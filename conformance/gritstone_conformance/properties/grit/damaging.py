"""Damaged files of a durable store: the process lives, nothing wrong is answered, and a refusal to open loses nothing.

The suite knows nothing about the files of an implementation. It closes the store, damages one file, opens the store
again, and asks for everything that the store held. Damage is drawn at any place, and next to the names of references,
where an implementation that does not check its files gives another target.
"""

from __future__ import annotations

import os
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import given_entries, read_given, write_given
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable
from gritstone_conformance.properties.grit.pruning import fill
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.replies import Ok, Refused, Reply
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ROUNDS: Final = 8  # damages of one store
_NAME: Final = "tags/damaged-reference"
_REACH: Final = 72  # bytes behind a name in which its target is looked for
_DAMAGES: Final = ("name", "cut", "flip", "zeros", "name", "remove", "cut", "flip")

Files = dict[str, bytes]


def damaged_files(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """Whatever was done to one file, every request is answered, and with nothing that was never stored."""
    pair = open_durable(trial, fmt)
    fill(pair, graph)
    for data in (b"first", b"second"):
        target = fmt.encode(Blob((), data))
        pair.expect(pair.put(target), pair.point(_NAME, fmt.hash(target)))
    pair.expect(pair.close())
    whole = _files(pair)
    if not whole:
        return  # nothing of the store can be reached from outside
    for number in range(_ROUNDS):
        path, content = _damage(whole, _DAMAGES[number], tape.turned(11 * number))
        opened = _judge(pair, path, content)
        if not opened:
            _restore(whole, [path])
            pair.expect(pair.open(create=False), pair.refs(), rule="grit.store.damage-kept")
            pair.expect(*(pair.get(identity) for identity in pair.model.objects), rule="grit.store.damage-kept")
            pair.expect(pair.close())
        for each in _files(pair).keys() - whole.keys():
            os.unlink(each)
        _restore(whole, list(whole))


def _files(pair: Pair) -> Files:
    assert pair.directory is not None
    contents = {path: read_given(path) for path in given_entries(pair.directory)}
    return {path: content for path, content in sorted(contents.items()) if isinstance(content, bytes)}


def _restore(whole: Files, paths: list[str]) -> None:
    for path in paths:
        write_given(path, whole[path])


def _damage(whole: Files, how: str, tape: Tape) -> tuple[str, bytes | None]:
    """Return a file and its damaged content; None: it is removed."""
    named = [path for path, content in whole.items() if _NAME.encode() in content]
    path = tape.pick(named) if how == "name" and named else tape.pick([each for each in whole if whole[each]])
    content = bytearray(whole[path])
    at = int.from_bytes(tape.take(4)) % len(content)
    if how == "remove":
        return path, None
    if how == "cut":
        return path, bytes(content[:at])
    if how == "zeros":
        begin = at & ~4095
        content[begin : begin + 4096] = bytes(len(content[begin : begin + 4096]))
        return path, bytes(content)
    places = [at]
    if how == "name" and named:  # in every copy of the entry, since only one of them counts
        name, distance = _NAME.encode(), len(_NAME) + at % _REACH
        places = [begin + distance for begin in range(len(content)) if content.startswith(name, begin)]
    for place in places:
        if place < len(content):
            content[place] ^= 1 << at % 8
    return path, bytes(content)


def _judge(pair: Pair, path: str, content: bytes | None) -> bool:
    """Open the damaged store and ask for everything in it; returns whether it could be opened."""
    trial, fmt = pair.trial, pair.model.format
    if content is None:
        os.unlink(path)
    else:
        write_given(path, content)
    try:
        args = {"store": "s", "format": fmt.name, "backend": "durable", "dir": pair.directory, "create": False}
        reply = trial.observe("grit.open", args)
        if not isinstance(reply, Ok):
            _check_missing(trial, reply)
            return False
        _check_references(trial, pair)
        for identity, data in pair.model.objects.items():
            reply = trial.observe("grit.get", {"store": "s", "id": identity.hex()})
            if reply != Ok({"bytes": to_base64(data)}):
                _check_missing(trial, reply)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})
    except SubjectFault as fault:
        trial.fail("an answer", str(fault)[:200], words="a damaged file ends the process")
    return True


def _check_missing(trial: Trial, reply: Reply) -> None:
    if not isinstance(reply, Refused) or reply.kind != "missing":
        trial.fail({"refused": "missing"}, answer_of(reply), words="damage is not refused as missing")


def _check_references(trial: Trial, pair: Pair) -> None:
    reply = trial.observe("grit.refs", {"store": "s", "prefix": "", "after": None, "limit": 4096})
    if not isinstance(reply, Ok):
        _check_missing(trial, reply)
        return
    fmt = pair.model.format
    had = {(name, target.hex()) for name, target in pair.model.references.items()}
    had.add((_NAME, fmt.hash(fmt.encode(Blob((), b"first"))).hex()))
    listed = {(name, target) for name, target in reply.value.get("refs", ())}
    if not listed <= had:
        trial.fail(
            sorted(map(list, had)), sorted(map(list, listed - had)), words="a target that the reference never had"
        )


PROPERTIES: Final = each_format(
    *("damage/files", damaged_files, "grit.store.damaged", "grit.store.damage-kept"),
    given=draws.graph_and_tape(44, 3),
    features=("durable", "damage"),
    examples=6,
)
