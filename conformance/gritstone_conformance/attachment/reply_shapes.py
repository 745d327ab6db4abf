"""The shape of the ``ok`` member of a reply, for each operation.

The table :data:`REPLY_SHAPES` has the same content as ``spec/schemas/reply-ok.schema.json``. It is in Python because it
runs on every reply; a selftest compares the two. The reply to an operation that is not in the table is not checked.

There are two kinds of problem: *spelling*, bytes or an id that are not written in canonical form (a protocol fault,
:rule:`harness.bytes.canonical`), and *shape*, every other problem (a wrong answer to the request).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from gritstone_conformance.attachment.base64url import is_canonical
from gritstone_conformance.replies import Json
from gritstone_conformance.text import printable

__all__ = ["MAY_BE_UNLIMITED", "REPLY_SHAPES", "ShapeProblem", "shape_problem"]

_ID: Final = re.compile("[0-9a-f]{64}")
_SPEC: Final = re.compile(r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)")
_FORMAT: Final = re.compile("[a-z][a-z0-9-]*")
_CLAIM: Final = re.compile("[a-z][a-z0-9.-]*")
_MANY: Final = 4096  # ids and references in one reply
_MIN_FRAME: Final = 4_194_304
_GRIT_LIMITS: Final = frozenset({"object_bytes", "tree_depth", "cas_names", "refs"})
MAY_BE_UNLIMITED: Final = frozenset({"tree_depth", "cas_names", "refs"})
"""Limits that may be ``null`` in the answer to ``hello``, which means unlimited."""


@dataclass(slots=True)
class ShapeProblem(Exception):  # noqa: N818 - a finding about a reply
    """The first place where an ``ok`` object does not have the required shape.

    Attributes:
        path: JSON Pointer into the ``ok`` object.
        expected: the required shape at that path, in words.
        got: the value at that path.
        spelling: whether the value is text for bytes or an id that is not in canonical form.
    """

    path: str
    expected: str
    got: Json
    spelling: bool = False

    def __str__(self) -> str:
        """Return the path, the expected shape and the value in one line."""
        return f"{self.path or '/'}: expected {self.expected}, got {printable(repr(self.got), 80)}"


Form: TypeAlias = Callable[[Json, str], None]
"""Checks one value at one path; raises ShapeProblem."""


def _id(value: Json, path: str) -> None:
    if type(value) is not str or _ID.fullmatch(value) is None:
        raise ShapeProblem(path, "an id", value, spelling=isinstance(value, str))


def _bytes(value: Json, path: str) -> None:
    if type(value) is not str or not is_canonical(value):
        raise ShapeProblem(path, "bytes", value, spelling=isinstance(value, str))


def _text(value: Json, path: str) -> None:
    if type(value) is not str:
        raise ShapeProblem(path, "text", value)


def _some_text(value: Json, path: str) -> None:
    if type(value) is not str or not value:
        raise ShapeProblem(path, "non-empty text", value)


def _bool(value: Json, path: str) -> None:
    if type(value) is not bool:
        raise ShapeProblem(path, "true or false", value)


def _uint(least: int = 0) -> Form:
    def check(value: Json, path: str) -> None:
        if type(value) is not int or value < least:
            raise ShapeProblem(path, f"an integer of at least {least}", value)

    return check


def _word(pattern: re.Pattern[str], words: str, longest: int) -> Form:
    def check(value: Json, path: str) -> None:
        if type(value) is not str or len(value) > longest or pattern.fullmatch(value) is None:
            raise ShapeProblem(path, words, value)

    return check


def _or_none(form: Form) -> Form:
    def check(value: Json, path: str) -> None:
        if value is not None:
            form(value, path)

    return check


def _list(form: Form, *, least: int = 0, most: int | None = None, unique: bool = False) -> Form:
    def check(value: Json, path: str) -> None:
        if type(value) is not list or len(value) < least or (most is not None and len(value) > most):
            raise ShapeProblem(path, f"a list of {least} to {'any number of' if most is None else most} items", value)
        for index, item in enumerate(value):
            form(item, f"{path}/{index}")
        if unique and len(set(value)) != len(value):
            raise ShapeProblem(path, "no repeated items", value)

    return check


def _pair(first: Form, second: Form) -> Form:
    def check(value: Json, path: str) -> None:
        if type(value) is not list or len(value) != 2:
            raise ShapeProblem(path, "a pair", value)
        first(value[0], f"{path}/0")
        second(value[1], f"{path}/1")

    return check


def _object(required: dict[str, Form], optional: dict[str, Form] | None = None) -> Form:
    members = required | (optional or {})

    def check(value: Json, path: str) -> None:
        if type(value) is not dict or not required.keys() <= value.keys() <= members.keys():
            raise ShapeProblem(path, f"an object with the members {', '.join(required) or '(none)'}", value)
        for name, item in value.items():
            members[name](item, f"{path}/{name}")

    return check


def _one_of(*words: str) -> Form:
    def check(value: Json, path: str) -> None:
        if type(value) is not str or value not in words:
            raise ShapeProblem(path, f"one of {', '.join(words)}", value)

    return check


_NOTHING: Final = _object({})
_HEADERS: Final = _list(_pair(_text, _text))
_ID_OR_NONE: Final = _or_none(_id)


def _kind(value: Json, path: str) -> None:
    del value, path  # checked by _grit_object


_OBJECTS: Final[dict[str, Form]] = {
    "blob": _object({"kind": _kind, "headers": _HEADERS, "data": _bytes}),
    "tree": _object({"kind": _kind, "entries": _list(_pair(_text, _id))}),
    "message": _object({"kind": _kind, "previous": _ID_OR_NONE, "headers": _HEADERS, "content": _id}),
    "mailbox": _object({"kind": _kind, "entries": _list(_pair(_id, _id))}),
    "step": _object(
        {"kind": _kind, "previous": _ID_OR_NONE, "actor": _id, "inbox": _ID_OR_NONE, "outbox": _ID_OR_NONE, "core": _id}
    ),
}


def _grit_object(value: Json, path: str) -> None:
    kind = value.get("kind") if isinstance(value, dict) else None
    if type(kind) is not str or kind not in _OBJECTS:
        raise ShapeProblem(f"{path}/kind", "one of the five kinds", kind)
    _OBJECTS[kind](value, path)


_MAIL: Final = _list(_pair(_id, _id))
_PARKED: Final = _one_of("failed", "unresolved", "illegal-step", "timeout", "exhausted", "unknown")
_EFFECT: Final = _object(
    {
        "effect": _word(re.compile(r"[0-9a-f]{64}\.[0-9a-f]{64}"), "two ids with a dot between", 129),
        "actor": _id,
        "message": _id,
        "kind": _some_text,
        "request": _or_none(_bytes),
    }
)

_EXPORT_FILE: Final = _object({"size": _uint(), "digest": _id})
_EXPORT_PIECE: Final = _object({"bytes": _bytes, "cursor": _or_none(_some_text)})


def _export(value: Json, path: str) -> None:
    form = _EXPORT_FILE if isinstance(value, dict) and "size" in value else _EXPORT_PIECE
    form(value, path)


_CLASS: Final = _one_of("malformed", "invalid", "missing", "rejected", "exhausted")
_COMMITTED: Final = _object({"committed": _NOTHING})
_FAILED: Final = _object({"failed": _object({"class": _CLASS, "code": _text})})


def _operation_outcome(value: Json, path: str) -> None:
    form = _FAILED if isinstance(value, dict) and "failed" in value else _COMMITTED
    form(value, path)


_U64: Final = re.compile("0|[1-9][0-9]{0,19}")


def _u64(value: Json, path: str) -> None:
    if type(value) is not str or _U64.fullmatch(value) is None or int(value) >= 1 << 64:
        raise ShapeProblem(path, "an unsigned integer of up to 64 bits as text", value)


_REDACTED: Final = _object({"actor": _id})
_TIMER: Final = _object({"handle": _id, "due": _u64, "seq": _uint(), "index": _uint(), "mt": _text})
_SHOWN: Final = _object(
    {
        "actor": _id,
        "owner": _id,
        "core": _id,
        "caps": _list(_pair(_text, _id)),
        "entry": _list(_pair(_text, _text)),
        "code": _list(_text),
        "timers": _list(_TIMER),
        "subs": _list(_pair(_text, _id)),
    }
)


def _image_actor(value: Json, path: str) -> None:
    form = _REDACTED if isinstance(value, dict) and value.keys() == {"actor"} else _SHOWN
    form(value, path)


def _files(value: Json, path: str) -> None:
    if type(value) is not dict:
        raise ShapeProblem(path, "an object of files", value)
    for name, data in value.items():
        _bytes(data, f"{path}/{name}")


def _limits(value: Json, path: str) -> None:
    if type(value) is not dict:
        raise ShapeProblem(path, "an object of limits", value)
    for name, least in (("window", 1), ("frame_bytes", _MIN_FRAME)):
        _uint(least)(value.get(name), f"{path}/{name}")
    for name, limit in value.items():
        if limit is not None or name not in MAY_BE_UNLIMITED:
            _uint()(limit, f"{path}/{name}")


_HELLO_MEMBERS: Final = _object(
    {
        "protocol": _uint(1),
        "implementation": _object(
            {"name": _some_text, "version": _some_text, "language": _some_text}, {"source": _some_text}
        ),
        "spec": _list(_word(_SPEC, "a spec version", 16), least=1),
        "formats": _list(_word(_FORMAT, "a format name", 32), unique=True),
        "profiles": _list(_word(_CLAIM, "a profile name", 64), unique=True),
        "features": _list(_word(_CLAIM, "a feature name", 64), unique=True),
        "limits": _limits,
    },
    {
        "gaps": _list(
            _object({"feature": _word(_CLAIM, "a feature name", 64), "why": _some_text}, {"issue": _some_text})
        )
    },
)


def _hello(value: Json, path: str) -> None:
    _HELLO_MEMBERS(value, path)
    absent = sorted(_GRIT_LIMITS - value["limits"].keys())
    if "grit" in value["profiles"] and absent:
        raise ShapeProblem(f"{path}/limits/{absent[0]}", "a limit, because grit is claimed", None)
    if "grit" in value["profiles"] and not value["formats"]:
        raise ShapeProblem(f"{path}/formats", "at least one format, because grit is claimed", [])


_TRAPS: Final = "unreachable|memory-bounds|table-bounds|indirect-call|divide-by-zero|unrepresentable|stack-overflow"
_OUTCOME: Final = _word(
    re.compile(
        rf"done|failed(:trap:({_TRAPS})|:guest:[1-9][0-9]{{0,9}}|:denied)?|exhausted:(fuel|memory|table|stack)|timeout"
        r"|suspended|unresolved:(module|import|export|limit)"
    ),
    "an outcome",
    64,
)
_INTEGER: Final = _word(re.compile("0|-?[1-9][0-9]*"), "an integer in decimal", 20)
_COPY: Final = _word(re.compile(r"[!-~]{1,128}"), "a handle of a copy", 128)
_CALL: Final[dict[str, Form]] = {"outcome": _OUTCOME, "output": _bytes, "used": _or_none(_uint())}
_FILES: Final[dict[str, Form]] = {"files": _files}

REPLY_SHAPES: Final[dict[str, Form]] = {
    "hello": _hello,
    "ping": _NOTHING,
    "bye": _NOTHING,
    "grit.id": _object({"id": _id}),
    "grit.encode": _object({"bytes": _bytes, "id": _id}),
    "grit.decode": _object({"object": _grit_object, "id": _id}),
    "grit.open": _NOTHING,
    "grit.close": _NOTHING,
    "grit.put": _object({"id": _id}),
    "grit.get": _object({"bytes": _bytes}),
    "grit.has": _object({"has": _list(_bool, most=_MANY)}),
    "grit.refs": _object({"refs": _list(_pair(_text, _id), most=_MANY), "more": _bool}),
    "grit.cas": _NOTHING,
    "grit.export": _export,
    "grit.import": _object({"objects": _uint(), "refs": _uint()}),
    "grit.transcode": _object({"bundle": _bytes}),
    "grit.erase": _NOTHING,
    "grit.prune": _object({"removed": _uint()}),
    "grit.damage": _NOTHING,
    "wit.step": _object({"step": _id}),
    "wit.admit": _NOTHING,
    "wit.unread": _object({"ids": _list(_id, most=_MANY), "fresh": _bool}),
    "wit.merge": _object({"core": _id}),
    "wit.query": _object({"result": _ID_OR_NONE}),
    "wit.openapi": _object({"document": _bytes}),
    "runtime.start": _object({"agent": _id}),
    "runtime.inject": _object({"message": _id}),
    "runtime.run": _object(
        {"cause": _one_of("rest", "waiting", "max-steps"), "steps": _uint(), "parked": _list(_pair(_id, _PARKED))}
    ),
    "runtime.query": _object({"step": _id, "result": _ID_OR_NONE}),
    "runtime.mail": _object({"mail": _MAIL}),
    "runtime.ack": _NOTHING,
    "runtime.collect": _object({"removed": _list(_id)}),
    "runtime.release": _object({"released": _list(_id)}),
    "runtime.cut": _object({"step": _id}),
    "runtime.stop": _NOTHING,
    "runtime.ready": _object({"choices": _list(_object({"actor": _id, "inbox": _MAIL}))}),
    "runtime.choose": _object({"step": _ID_OR_NONE}),
    "runtime.time": _object({"due": _uint()}),
    "runtime.effects": _object({"effects": _list(_EFFECT)}),
    "runtime.resolve": _NOTHING,
    "wasm.admit": _NOTHING,
    "wasm.meter": _object({"module": _bytes}),
    "wasm.fork": _object({"core": _id}),
    "wasm.release": _object({"step": _id}),
    "wasm.adopt": _object({"step": _id}),
    "wasm.sign": _object({"signature": _bytes}),
    "wasm.verify": _NOTHING,
    "image.start": _object({"kernel": _id}),
    "image.request": _object({"seq": _uint(), "outcome": _operation_outcome}),
    "image.clock": _object({"seq": _uint()}),
    "image.rollback": _object({"seq": _uint(), "outcome": _operation_outcome}),
    "image.list": _object({"actors": _list(_image_actor, most=_MANY), "more": _bool}),
    "image.log": _object({"records": _list(_bytes, most=_MANY), "more": _bool}),
    "image.world": _object({"seq": _uint(), "root": _id, "refs": _list(_pair(_text, _id), most=_MANY), "more": _bool}),
    "session.limits": _NOTHING,
    "session.open": _object({"session": _id, "message": _id}),
    "session.prepare": _object({"session": _id, "turn": _id, "prepared": _bytes}),
    "session.send": _object({"message": _id}),
    "session.sweep": _object({"archived": _list(_id)}),
    "session.archive": _object({"step": _id}),
    "session.restore": _object({"step": _id}),
    "session.close": _object({"step": _id}),
    "session.progress": _NOTHING,
    "flow.check": _object({"defects": _list(_pair(_text, _text))}),
    "flow.eval": _object({"value": _bool}),
    "flow.render": _object({"value": _bytes}),
    "flow.replay": _object({"steps": _uint(), "differs": _or_none(_uint())}),
    "flow.metrics": _object(
        {
            "transition_entropy": _uint(),
            **dict.fromkeys(
                ("rollback_density", "path_variance", "invariant_violation_rate", "tool_churn", "retry_rate"),
                _pair(_uint(), _uint()),
            ),
            "usage": _list(_object({"node": _text, "calls": _uint(), "tokens": _INTEGER})),
            "change_point": _or_none(_object({"at": _uint(), "millibits": _INTEGER, "detected": _bool})),
        }
    ),
    "sandbox.run": _object({**_CALL, "instance": _or_none(_COPY)}, _FILES),
    "sandbox.again": _object(_CALL, _FILES),
    "sandbox.snapshot": _object({"snapshot": _COPY}),
    "sandbox.resume": _object({"instance": _COPY}),
    "sandbox.export": _object({"bytes": _bytes}),
    "sandbox.import": _object({"snapshot": _COPY}),
    "sandbox.close": _NOTHING,
    "fault.arm": _NOTHING,
    "fault.count": _object({"writes": _uint()}),
}
"""Operation -> the shape of its ``ok`` object."""


def shape_problem(op: str, value: dict[str, Json]) -> ShapeProblem | None:
    """Return the first place where the ``ok`` of ``op`` does not have the required shape, or None.

    For an unknown operation, no shape is required.

    Spec: :rule:`harness.bytes.canonical`.
    """
    form = REPLY_SHAPES.get(op)
    if form is None:
        return None
    try:
        form(value, "")
    except ShapeProblem as problem:
        return problem
    return None
