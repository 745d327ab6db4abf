"""The judge: compares a reply with an expectation and returns the first difference.

Pure: no I/O, no clock. It compares one expectation with one reply; ``verdicts`` derives the verdicts of cases, twins
and rules from the results.

Expectations: ``{"ok": value}`` whole-object equality; ``{"$": "any"}`` matches anything; ``{"$": name}`` binds on first
use and must be equal later; ``{"refused": class}`` with an optional ``code``, null for no code; ``{"unsupported": …}``;
``{"any": [...]}`` is satisfied by one of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json, Ok, Refused, Reply, Trouble, Unsupported, WrongShape
from gritstone_conformance.text import printable

__all__ = ["Difference", "answer_of", "compare", "difference_of", "expectation_of", "substitute"]

_ANY: Final[Json] = {"$": "any"}
_LONGEST_PATH: Final = 400  # characters in a signature
_LONGEST_CODE: Final = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference between a reply and its expectation.

    Attributes:
        path: JSON Pointer into the ``ok`` object; empty if the kind of reply differs.
        expected: the expected value at the path (or the whole expectation).
        got: the actual value there (or the whole reply).
        signature: stable text that groups failures, free of ids and indexes.
        message: the message of a refusal, for display; never compared.
        whole: the whole ``ok`` object of the reply, to find the violated rule; never compared.
    """

    path: str
    expected: Json
    got: Json
    signature: str
    message: str | None = field(default=None, compare=False)
    whole: Json = field(default=None, compare=False, repr=False)


def substitute(value: Json, bindings: Mapping[str, Json]) -> Json:
    """Replace every ``{"$": name}`` in a request's arguments by its bound value.

    Raises:
        DataError: a name is used before it was bound.
    """
    if isinstance(value, dict):
        if set(value) == {"$"}:
            if value["$"] not in bindings:
                raise DataError(f"a step uses the name {value['$']!r} before it is bound")
            return bindings[value["$"]]
        return {key: substitute(item, bindings) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, bindings) for item in value]
    return value


def compare(expect: Mapping[str, Json], reply: Reply, bindings: dict[str, Json]) -> Difference | None:
    """Return None if the reply satisfies the expectation, else the first difference.

    Names bound by the reply are added to ``bindings`` only when it satisfies the expectation. A difference carries the
    message of a refusal; the message has no effect on the result.

    Spec: :rule:`suite.message.refusal`.
    """
    found = _compare(expect, reply, bindings)
    if found is None:
        return None
    if isinstance(reply, Refused):
        return replace(found, message=reply.message)
    return replace(found, whole=reply.value) if isinstance(reply, Ok) else found


def _compare(expect: Mapping[str, Json], reply: Reply, bindings: dict[str, Json]) -> Difference | None:
    if "any" in expect:
        tried = [_compare(option, reply, bindings) for option in expect["any"]]
        if any(difference is None for difference in tried):
            return None
        words = " or ".join(sorted({_expected_word(option) for option in expect["any"]}))
        return Difference("", dict(expect), answer_of(reply), f"expected {words} got {_reply_word(reply)}")
    if "ok" in expect and isinstance(reply, Ok):
        fresh = dict(bindings)
        found = _first_difference(expect["ok"], reply.value, fresh)
        if found is None:
            bindings.update(fresh)
            return None
        path, wanted, got = found
        return Difference(path, wanted, got, f"expected value got value at {_general(path)}")
    if "ok" in expect and isinstance(reply, WrongShape):
        words = f"expected value got value at {_general(reply.path)}"
        return Difference(reply.path, reply.expected, reply.got, words)
    if isinstance(reply, Refused) and expect.get("refused") == reply.kind:
        if "code" not in expect or expect["code"] == reply.code:
            return None
        wanted, got = expect["code"] or "none", reply.code or "none"
        words = f"expected refused:{reply.kind}:{wanted} got refused:{reply.kind}:{printable(got, _LONGEST_CODE)}"
        return Difference("/refused/code", expect["code"], reply.code, words)
    if isinstance(reply, Unsupported) and "unsupported" in expect:
        return None
    if isinstance(reply, Trouble) and "error" in expect:
        return None
    words = f"expected {_expected_word(expect)} got {_reply_word(reply)}"
    return Difference("", dict(expect), answer_of(reply), words)


def difference_of(one: Json, other: Json) -> tuple[str, Json, Json] | None:
    """Return the path of the first difference of two JSON values and the value there in each, or None."""
    return _first_difference(one, other, None)


def expectation_of(reply: Reply) -> dict[str, Json]:
    """Return the expectation that an equal reply satisfies, with any text for a cursor.

    Spec: :rule:`harness.reply.repeatable`.
    """
    match reply:
        case Ok(value=value) | WrongShape(value=value):
            return {"ok": {**value, "cursor": _ANY} if isinstance(value.get("cursor"), str) else value}
        case Refused(kind=kind, code=code):
            return {"refused": kind, "code": code}
        case Unsupported(feature=feature):
            return {"unsupported": feature}
        case Trouble():
            return {"error": True}


def _first_difference(expected: Json, got: Json, bindings: dict[str, Json] | None) -> tuple[str, Json, Json] | None:
    """Return the first difference; without bindings, ``{"$": ...}`` is a plain value."""
    kind = type(expected)
    if kind is dict:
        if bindings is not None and expected.keys() == {"$"} and isinstance(expected["$"], str):
            name = expected["$"]
            if name == "any" or bindings.setdefault(name, got) == got:
                return None
            return "", bindings[name], got
        if type(got) is dict:
            return _first_of(sorted(expected.keys() | got.keys()), expected, got, bindings)
    elif kind is list and type(got) is list:
        longest = range(max(len(expected), len(got)))
        return _first_of(longest, dict(enumerate(expected)), dict(enumerate(got)), bindings)
    # bool is an int in Python, not in JSON
    same = kind is type(got) and expected == got
    return None if same else ("", expected, got)


def _first_of(
    keys: Iterable[str | int], expected: Mapping[Any, Json], got: Mapping[Any, Json], bindings: dict[str, Json] | None
) -> tuple[str, Json, Json] | None:
    """Return the first difference below one of the keys; the callers build its path on return."""
    for key in keys:
        if key not in got:
            if bindings is not None and expected[key] == _ANY:
                continue
            return _pointer(key), expected[key], None
        if key not in expected:
            return _pointer(key), None, got[key]
        found = _first_difference(expected[key], got[key], bindings)
        if found is not None:
            path, wanted, there = found
            return _pointer(key) + path, wanted, there
    return None


def _pointer(key: str | int) -> str:
    """Return the part of a JSON Pointer that leads to a member or an item."""
    return f"/{str(key).replace('~', '~0').replace('/', '~1')}"


def _expected_word(expect: Mapping[str, Json]) -> str:
    if "refused" in expect:
        return f"refused:{expect['refused']}"
    return next(iter(expect), "nothing")


def _reply_word(reply: Reply) -> str:
    match reply:
        case Ok() | WrongShape():
            return "ok"
        case Refused(kind=kind):
            return f"refused:{kind}"
        case Unsupported():
            return "unsupported"
        case Trouble():
            return "error"


def answer_of(reply: Reply) -> Json:
    """Return a reply as a JSON value, in the form of an expectation."""
    match reply:
        case Ok(value=value) | WrongShape(value=value):
            return {"ok": value}
        case Refused(kind=kind, code=code):
            return {"refused": kind} if code is None else {"refused": kind, "code": code}
        case Unsupported(feature=feature):
            return {"unsupported": feature}
        case Trouble(message=message):
            return {"error": message}


def _general(path: str) -> str:
    """Return the path with list indexes and ids replaced by ``*``, so that signatures group."""
    return printable(re.sub(r"/(\d+|[0-9a-f]{64})(?=/|$)", "/*", path), _LONGEST_PATH) or "/"
