"""The functions of the ABI that return values to a guest.

Spec: "Functions" of ``wasm/abi``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.puppet import REFUSED, Question
from gritstone_conformance.model.values import ZERO, Blob, Mailbox, Message, Object, Step, Tree
from gritstone_conformance.model.wasm.abi import (
    ABSENT,
    ERASED,
    FAILED,
    INVALID,
    LIMIT,
    CannotTell,
    Host,
    Problem,
    Reply,
    Use,
    denied,
    read_path,
)
from gritstone_conformance.model.wasm.documents import MOST
from gritstone_conformance.model.wasm.streams import stream, tick
from gritstone_conformance.model.wasm.weights import weight

__all__ = ["READING"]

_ANY: Final = ("blob", "tree", "message", "mailbox", "step")
_QUERY_NAME_BYTES: Final = 65_535
_RANDOM_BYTES_PER_UNIT: Final = 2


def _input(host: Host, which: int, out: int) -> Reply:
    if which >= len(host.inputs.given):
        raise Problem(INVALID)
    return host.give(out, host.inputs.given[which])


def _covered(host: Host, i: int, sender_out: int, message_out: int) -> Reply:
    if i >= len(host.inputs.covered):
        return Reply(ABSENT)
    sender, message = host.inputs.covered[i]
    outputs = ((sender_out, sender, True), (message_out, message, True))
    return Reply(0, weight(host.shelf.get(message)), outputs)


def _kind(host: Host, identity: bytes) -> Reply:
    host.check(Use(identity, _ANY))
    return Reply(host.kind(identity))


def _size(host: Host, identity: bytes) -> Reply:
    host.check(Use(identity, ("blob", "tree", "mailbox")))
    match host.shelf.get(identity):
        case Tree(entries) as value:
            return Reply(len(entries), weight(value))
        case Mailbox(pairs) as value:
            return Reply(len(pairs), weight(value))
    return Reply(len(_whole(host, identity).data))


def _read(host: Host, identity: bytes, offset: int, room: tuple[int, int]) -> Reply:
    host.check(Use(identity, ("blob",)))
    data = _whole(host, identity).data[offset : offset + room[1]]
    return Reply(len(data), 0, ((room[0], data, False),))


def _headers(host: Host, identity: bytes, room: tuple[int, int]) -> Reply:
    host.check(Use(identity, ("blob", "message")))
    value = host.shelf.message(identity) if host.shelf.kind(identity) == "message" else _whole(host, identity)
    pairs = sorted((key.encode(), text.encode()) for key, text in value.headers)
    return _fitting(b"".join(key + b"\0" + text + b"\0" for key, text in pairs), room)


def _link(host: Host, identity: bytes, number: int, out: int) -> Reply:
    host.check(Use(identity, ("message", "step")))
    value = host.shelf.get(identity)
    assert isinstance(value, Message | Step)
    edges = _edges(value)
    if number >= len(edges):
        raise Problem(INVALID)
    return host.give(out, edges[number], weight(value))


def _edges(value: Message | Step) -> tuple[bytes | None, ...]:
    if isinstance(value, Message):
        return value.previous, value.content
    return value.previous, value.actor, value.inbox, value.outbox, value.core


def _entry(host: Host, identity: bytes, i: int, room: tuple[int, int], out: int) -> Reply:
    host.check(Use(identity, ("tree", "mailbox")))
    value = host.shelf.get(identity)
    assert isinstance(value, Tree | Mailbox)
    pairs = _pairs(value)
    if i >= len(pairs):
        return Reply(ABSENT, weight(value))
    key, target = pairs[i]
    if len(key) > room[1]:
        return Reply(len(key), weight(value))
    return Reply(len(key), weight(value), ((room[0], key, isinstance(value, Mailbox)), (out, target, True)))


def _pairs(value: Tree | Mailbox) -> list[tuple[bytes, bytes]]:
    if isinstance(value, Mailbox):
        return sorted(value.entries)
    return sorted((name.encode(), target) for name, target in value.entries)


def _find(host: Host, identity: bytes, key: bytes, out: int) -> Reply:
    host.check(Use(identity, ("tree", "mailbox")))
    value: Object | Tombstone = host.shelf.get(identity)
    if isinstance(value, Mailbox):
        if len(key) != 32:
            raise Problem(INVALID)
        return host.give(out, host.shelf.mail(identity).get(key), weight(value))
    at: bytes | None = identity
    total = 0
    for name in read_path(key, host.shelf.format.name):
        if at is None or not host.shelf.is_tree(at):
            return Reply(ABSENT, total)
        total += weight(host.shelf.get(at))
        at = host.shelf.names(at).get(name)
    return host.give(out, at, total)


def _result(host: Host, identity: bytes) -> Reply:
    host.check(Use(identity, _ANY, maybe=True, edge=True))
    host.result = None if identity == ZERO else identity
    return Reply(0)


def _query_name(host: Host, room: tuple[int, int]) -> Reply:
    name = host.inputs.query
    return Reply(ABSENT) if name is None else _fitting(name.encode(), room)


def _query(host: Host, actor: bytes, name: bytes, args: bytes, out: int) -> Reply:
    if not host.manifest.query or host.inputs.query is not None:
        raise denied("query")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise Problem(INVALID) from None
    if len(name) > _QUERY_NAME_BYTES:
        raise Problem(INVALID)
    host.check(Use(actor, ("tree",)), Use(args, ("blob",)))
    answer = host.context.ask(Question(actor, text, _whole(host, args).data, ()))
    return Reply(FAILED) if answer == REFUSED else host.give(out, answer)


def _random(host: Host, room: tuple[int, int]) -> Reply:
    if host.state.random is None:
        raise denied("random")
    key, position = host.state.random
    start, length = room
    units = -(-length // _RANDOM_BYTES_PER_UNIT)
    if position + length > MOST:
        return Reply(LIMIT, units=units)
    host.machine.charge(units)
    host.state = replace(host.state, random=(key, position + length))
    return Reply(0, 0, ((start, stream(key, position, length), False),), units=0)


def _clock(host: Host) -> Reply:
    if host.manifest.clock is None:
        raise denied("clock")
    value = host.state.clock
    assert value is not None
    host.state = replace(host.state, clock=tick(value, host.manifest.clock[1]))
    return Reply(value)


def _attempt(host: Host) -> Reply:
    if not host.manifest.attempt:
        raise denied("attempt")
    if host.context.is_past:
        raise CannotTell
    return Reply(1 if host.inputs.query is not None else host.context.attempt)


def _fuel(host: Host) -> Reply:
    return Reply(host.machine.fuel + host.hidden)


def _log(host: Host, text: bytes) -> Reply:
    return Reply(0)


def _fail(host: Host, code: int, text: bytes) -> Reply:
    raise Failure("failed", "the guest said so", "wasm.outcome.guest", f"guest:{code}")


def _whole(host: Host, identity: bytes) -> Blob:
    """Return a blob; raises Problem where it was erased."""
    blob = host.shelf.blob(identity)
    if blob is None:
        raise Problem(ERASED)
    return blob


def _fitting(data: bytes, room: tuple[int, int]) -> Reply:
    """Return the reply with bytes that fit into their buffer, or with their length alone."""
    return Reply(len(data), 0, ((room[0], data, False),) if len(data) <= room[1] else ())


READING: Final[dict[str, Callable[..., Reply]]] = {
    "input": _input,
    "covered": _covered,
    "kind": _kind,
    "size": _size,
    "read": _read,
    "headers": _headers,
    "link": _link,
    "entry": _entry,
    "find": _find,
    "result": _result,
    "query_name": _query_name,
    "query": _query,
    "random": _random,
    "clock": _clock,
    "attempt": _attempt,
    "fuel": _fuel,
    "log": _log,
    "fail": _fail,
}
"""Function to what it does."""
