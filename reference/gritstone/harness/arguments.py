"""The closed schemas of the arguments of all operations, as one table.

A member is decoded and checked at once: ids become 32 bytes, base64url becomes bytes, JSON objects become objects.
A value that does not match raises ``ArgumentError``. ``spec/schemas/request.schema.json`` has the same schemas for
other readers; ``reference/tests/test_arguments.py`` compares the two.

Spec: :rule:`harness.reply.fault-is-error`, :rule:`harness.bytes.canonical`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid
from gritstone.grit.objects import Object, ObjectId
from gritstone.grit.references import Change
from gritstone.harness.wire import ArgumentError, Json, read_bytes, read_id, read_object

__all__ = ["ARGUMENTS", "Arguments", "read_arguments"]

Arguments: TypeAlias = dict[str, Any]
_Read: TypeAlias = Callable[[Json], Any]

_MAX_UINT = 2**53 - 1
_MAX_U64 = 2**64 - 1
_MAX_RELEASED = 32
_MAX_REQUESTS = 32
_MAX_IDS = 4_096
_MAX_KEYS = 64
_SECRET_BYTES = 32
_MAX_PAGES = 65_536
_MAX_PAGE = 4_096
_LEAST_FRAME_BYTES = 4_194_304
_HANDLE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_U64 = re.compile(r"0|[1-9][0-9]{0,19}")
_FORMAT = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SPEC = re.compile(r"(?=.{1,16}\Z)(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)")


def _uint(least: int, most: int) -> _Read:
    def read(value: Json) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ArgumentError(f"expected an integer from {least} to {most}")
        return value

    return read


def _word(pattern: re.Pattern[str]) -> _Read:
    def read(value: Json) -> str:
        if type(value) is not str or pattern.fullmatch(value) is None:
            raise ArgumentError(f"expected a text of the form {pattern.pattern}")
        return value

    return read


def _text(value: Json) -> str:
    if type(value) is not str:
        raise ArgumentError("expected a text")
    return value


def _full_text(value: Json) -> str:
    if not _text(value):
        raise ArgumentError("expected a text that is not empty")
    return str(value)


def _path(value: Json) -> str:
    if not _text(value).startswith("/"):
        raise ArgumentError("expected an absolute path")
    return str(value)


def _bool(value: Json) -> bool:
    if type(value) is not bool:
        raise ArgumentError("expected a boolean")
    return value


def _or_none(read: _Read) -> _Read:
    return lambda value: None if value is None else read(value)


def _list(read: _Read, most: int = _MAX_UINT, least: int = 0) -> _Read:
    def read_list(value: Json) -> list[Any]:
        if type(value) is not list or not least <= len(value) <= most:
            raise ArgumentError(f"expected a list of {least} to {most} items")
        return [read(item) for item in value]

    return read_list


def _one_of(*words: str) -> _Read:
    def read(value: Json) -> str:
        if type(value) is not str or value not in words:
            raise ArgumentError(f"expected one of {', '.join(words)}")
        return value

    return read


_CHANGE_MEMBERS = {"name", "old", "new"}


def _change(value: Json) -> Change:
    if type(value) is not dict or value.keys() != _CHANGE_MEMBERS:
        raise ArgumentError("expected a change of a reference")
    return Change(_text(value["name"]), _optional_id(value["old"]), _optional_id(value["new"]))


def _object(value: Json) -> Object | Invalid:
    """Read an object; a repeated key is a refusal that must wait until the format was checked."""
    try:
        return read_object(value)
    except Invalid as refusal:
        return refusal


def _optional_id(value: Json) -> ObjectId | None:
    return None if value is None else read_id(value)


def _mail(value: Json) -> tuple[ObjectId, ObjectId]:
    if type(value) is not list or len(value) != 2:
        raise ArgumentError("expected a pair of sender and message")
    return read_id(value[0]), read_id(value[1])


def _header(value: Json) -> tuple[str, str]:
    if type(value) is not list or len(value) != 2:
        raise ArgumentError("expected a pair of header key and value")
    return _text(value[0]), _text(value[1])


def _u64(value: Json) -> int:
    if type(value) is not str or _U64.fullmatch(value) is None or int(value) > _MAX_U64:
        raise ArgumentError(f"expected a text of an integer from 0 to {_MAX_U64}")
    return int(value)


def _effect(value: Json) -> tuple[ObjectId, ObjectId]:
    sender, _, message = _text(value).partition(".")
    return read_id(sender), read_id(message)


def _outcome(value: Json) -> dict[str, bytes | str]:
    if type(value) is not dict or value.keys() not in ({"ok"}, {"failed"}):
        raise ArgumentError("expected an outcome `ok` or `failed`")
    return {"ok": read_bytes(value["ok"])} if "ok" in value else {"failed": _text(value["failed"])}


def _secret(value: Json) -> bytes:
    secret = read_bytes(value)
    if len(secret) != _SECRET_BYTES:
        raise ArgumentError(f"wrong length of a secret: {len(secret)} bytes")
    return secret


def _sandbox_pages(value: Json) -> int:
    pages: int = _uint(16, 1_024)(value)
    if pages % 16:
        raise ArgumentError("expected a multiple of 16")
    return pages


def _named(read: _Read) -> _Read:
    def read_object(value: Json) -> dict[str, Any]:
        if type(value) is not dict:
            raise ArgumentError("expected an object")
        return {name: read(item) for name, item in value.items()}

    return read_object


def _members(members: Mapping[str, _Read], *, all_of_them: bool) -> _Read:
    def read_members(value: Json) -> dict[str, Any]:
        if type(value) is not dict or not value.keys() <= members.keys() or (all_of_them and len(value) < len(members)):
            raise ArgumentError(f"expected an object with the members {', '.join(members)}")
        return {name: members[name](item) for name, item in value.items()}

    return read_members


_limits = _members(
    {
        "fuel": _or_none(_uint(1, _MAX_UINT)),
        "pages": _sandbox_pages,
        "table": _or_none(_uint(0, 1_000_000)),
        "ms": _or_none(_uint(1, 60_000)),
    },
    all_of_them=True,
)
_grants = _members(
    {
        "args": _list(_text),
        "env": _named(_text),
        "random": read_bytes,
        "clock": _uint(0, _MAX_UINT),
        "files": _named(read_bytes),
    },
    all_of_them=False,
)
_request = _members({"to": read_id, "headers": _list(_header), "content": read_id}, all_of_them=True)
_copy = _word(re.compile(r"[!-~]{1,128}"))
_handle = _word(_HANDLE)
_format = _word(_FORMAT)
_texts = _list(_text)
_inbox = _list(_mail, _MAX_IDS)
_attempt = _uint(1, 2**32 - 1)
_any_uint = _uint(0, _MAX_UINT)
_module = {"module": read_bytes, "entry": _one_of("wit", "wit_query", "wit_update"), "pages": _uint(0, _MAX_PAGES)}

_ALL: Mapping[str, Mapping[str, _Read]] = {
    "hello": {
        "protocol": _list(_uint(1, _MAX_UINT), least=1),
        "suite": _full_text,
        "spec": _word(_SPEC),
        "frame_bytes": _uint(_LEAST_FRAME_BYTES, _MAX_UINT),
        "window": _uint(1, _MAX_UINT),
    },
    "ping": {},
    "bye": {},
    "grit.id": {"format": _format, "bytes": read_bytes},
    "grit.encode": {"format": _format, "object": _object},
    "grit.decode": {"format": _format, "bytes": read_bytes},
    "grit.open": {
        "store": _handle,
        "format": _format,
        "backend": _one_of("memory", "durable"),
        "dir?": _path,
        "create": _bool,
    },
    "grit.close": {"store": _handle},
    "grit.put": {"store": _handle, "bytes": read_bytes, "id?": read_id},
    "grit.get": {"store": _handle, "id": read_id},
    "grit.has": {"store": _handle, "ids": _list(read_id, _MAX_IDS)},
    "grit.refs": {"store": _handle, "prefix": _text, "after": _or_none(_text), "limit": _uint(1, _MAX_PAGE)},
    "grit.cas": {"store": _handle, "changes": _list(_change)},
    "grit.export": {"store": _handle, "names?": _texts, "to?": _path, "cursor?": _or_none(_full_text)},
    "grit.import": {"store": _handle, "from?": _path, "bytes?": read_bytes, "more?": _bool},
    "grit.transcode": {"from": _format, "to": _format, "bundle": read_bytes},
    "grit.erase": {"store": _handle, "id": read_id},
    "grit.prune": {"store": _handle, "pins": _list(read_id)},
    "grit.damage": {"store": _handle, "id": read_id, "offset": _any_uint, "xor": _uint(1, 255)},
    "wit.step": {
        "store": _handle,
        "actor": read_id,
        "head": _or_none(read_id),
        "inbox": _inbox,
        "attempt": _attempt,
        "transition_ms?": _any_uint,
    },
    "wit.admit": {
        "store": _handle,
        "actor": read_id,
        "head": _or_none(read_id),
        "inbox": _inbox,
        "step": read_id,
    },
    "wit.unread": {"store": _handle, "tip": read_id, "cursor": _or_none(read_id)},
    "wit.merge": {"store": _handle, "core": read_id, "update": read_id},
    "wit.query": {"store": _handle, "step": read_id, "name": _text, "args": read_bytes},
    "wit.openapi": {"actor": read_id, "wut": read_bytes},
    "runtime.start": {
        "runtime": _handle,
        "store": _handle,
        "agent": _text,
        "schedule": _one_of("free", "chosen"),
        "clock": _one_of("system", "suite"),
        "base_ms": _any_uint,
        "cap_ms": _any_uint,
        "max_attempts": _uint(1, 1_000),
        "transition_ms": _any_uint,
        "workers?": _uint(1, 64),
    },
    "runtime.inject": {
        "runtime": _handle,
        "to": read_id,
        "headers": _list(_header),
        "content": read_id,
        "mode": _one_of("queue", "signal"),
    },
    "runtime.run": {"runtime": _handle, "max_steps": _uint(1, _MAX_UINT)},
    "runtime.query": {"runtime": _handle, "actor": read_id, "name": _text, "args": read_bytes},
    "runtime.mail": {"runtime": _handle},
    "runtime.ack": {"runtime": _handle, "sender": read_id, "message": read_id},
    "runtime.collect": {"runtime": _handle},
    "runtime.release": {"runtime": _handle, "actors": _list(read_id, _MAX_RELEASED, least=1)},
    "runtime.cut": {"runtime": _handle},
    "runtime.stop": {"runtime": _handle, "how": _one_of("drain", "now")},
    "runtime.ready": {"runtime": _handle},
    "runtime.choose": {"runtime": _handle, "choice": _any_uint},
    "runtime.time": {"runtime": _handle, "now_ms": _u64},
    "runtime.effects": {"runtime": _handle},
    "runtime.resolve": {"runtime": _handle, "effect": _effect, "outcome": _outcome},
    "fault.arm": {"writes": _uint(1, _MAX_UINT), "when": _one_of("before", "after")},
    "fault.count": {},
    "wasm.admit": _module,
    "wasm.meter": _module,
    "wasm.fork": {"store": _handle, "step": read_id, "n": _any_uint, "entropy": _one_of("fresh", "replay")},
    "wasm.release": {"store": _handle, "actor": read_id},
    "wasm.adopt": {"store": _handle, "actor": read_id},
    "wasm.sign": {"bundle": read_bytes, "secret": _secret},
    "wasm.verify": {"bundle": read_bytes, "signature": read_bytes, "keys": _list(read_id, _MAX_KEYS)},
    "session.limits": {
        "runtime": _handle,
        "max_live": _uint(1, _MAX_UINT),
        "idle_ms": _any_uint,
        "lease_ms": _any_uint,
    },
    "session.open": {"runtime": _handle, "at": _any_uint, "core": read_id},
    "session.prepare": {
        "runtime": _handle,
        "at": _any_uint,
        "session": _or_none(read_id),
        "request": read_bytes,
        "nonce?": _secret,
    },
    "session.send": {
        "runtime": _handle,
        "at": _any_uint,
        "session": read_id,
        "headers": _list(_header),
        "content": read_id,
    },
    "session.sweep": {"runtime": _handle, "at": _any_uint},
    "session.archive": {"runtime": _handle, "at": _any_uint, "session": read_id},
    "session.restore": {"runtime": _handle, "at": _any_uint, "session": read_id},
    "session.close": {"runtime": _handle, "at": _any_uint, "session": read_id},
    "session.progress": {"runtime": _handle, "at": _any_uint, "session": read_id, "progress": read_bytes},
    "flow.check": {
        "program": read_bytes,
        "policy": read_bytes,
        "input": read_bytes,
        "peers": _texts,
        "refs": _texts,
    },
    "flow.eval": {"expr": _text, "env": read_bytes},
    "flow.render": {"template": read_bytes, "env": read_bytes},
    "flow.replay": {"store": _handle, "step": read_id},
    "flow.metrics": {"trace": read_bytes, "baselines": _list(_texts)},
    "image.start": {"runtime": _handle},
    "image.request": {"runtime": _handle, "messages": _list(_request, _MAX_REQUESTS, least=1), "key?": _text},
    "image.clock": {"runtime": _handle, "now_ms": _u64},
    "image.rollback": {"runtime": _handle, "to": _any_uint},
    "image.list": {
        "runtime": _handle,
        "as?": read_id,
        "after": _or_none(read_id),
        "limit": _uint(1, _MAX_PAGE),
    },
    "image.log": {"runtime": _handle, "from": _any_uint, "limit": _uint(1, _MAX_PAGE)},
    "image.world": {
        "runtime": _handle,
        "seq?": _any_uint,
        "after": _or_none(_text),
        "limit": _uint(1, _MAX_PAGE),
    },
    "sandbox.run": {"module": read_bytes, "limits": _limits, "grants": _grants, "keep": _bool, "suspend?": _bool},
    "sandbox.again": {"instance": _copy, "limits": _limits, "suspend?": _bool},
    "sandbox.snapshot": {"instance": _copy},
    "sandbox.resume": {"snapshot": _copy},
    "sandbox.export": {"snapshot": _copy, "fuel?": _uint(0, 2**53 - 1)},
    "sandbox.import": {"bytes": read_bytes},
    "sandbox.close": {"handle": _copy},
}
"""Members by operation; a question mark makes one optional."""

_CHOICES: Mapping[str, Callable[[Arguments], bool]] = {
    "grit.open": lambda args: ("dir" in args) == (args["backend"] == "durable"),
    "grit.export": lambda args: ("to" in args) != ("cursor" in args),
    "session.prepare": lambda args: "nonce" not in args or args["session"] is None,
    "grit.import": lambda args: args.keys() in ({"store", "from"}, {"store", "bytes", "more"}),
}
"""The conditions on several members of an operation together."""

ARGUMENTS: Mapping[str, Mapping[str, tuple[_Read, bool]]] = MappingProxyType(
    {
        op: {name.rstrip("?"): (read, not name.endswith("?")) for name, read in members.items()}
        for op, members in _ALL.items()
    }
)
"""Members by operation: how each is read, and whether it is required."""

_REQUIRED = {op: {name for name, (_, needed) in members.items() if needed} for op, members in ARGUMENTS.items()}


def read_arguments(op: str, args: Json) -> Arguments:
    """Read the arguments of a known operation.

    Raises:
        ArgumentError: they do not fit the schema.
    """
    members = ARGUMENTS[op]
    if type(args) is not dict or not _REQUIRED[op] <= args.keys():
        raise ArgumentError(f"{op}: a required member is missing")
    values: Arguments = {}
    for name, value in args.items():
        member = members.get(name)
        if member is None:
            raise ArgumentError(f"{op}: unknown member {name!a}")
        try:
            values[name] = member[0](value)
        except ArgumentError as error:
            raise ArgumentError(f"{op}: {name}: {error}") from None
    choice = _CHOICES.get(op)
    if choice is not None and not choice(values):
        raise ArgumentError(f"{op}: the members contradict each other")
    return values
