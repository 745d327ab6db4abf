"""The JSON form of values, in which specification and tools write them.

Spec: "The JSON form" in ``flow/values``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gritstone_conformance.model.flow.values import LARGEST, LEAST, Ref, Value, in_key_order, is_name

__all__ = ["NoJsonForm", "from_json", "to_json"]

_REF: Final = "$ref"
_INTEGER: Final = re.compile("0|-?[1-9][0-9]*")
_LONGEST: Final = len(str(LEAST))


class NoJsonForm(ValueError):  # noqa: N818 - says what the text or value is
    """A text is not the JSON form of a value, or a value has none."""


def from_json(text: str) -> Value:
    """Return the value of a JSON form; raises NoJsonForm. The nesting is not limited here."""
    try:
        value: Value = _DECODER.decode(text)
        _check_texts(value)
    except (ValueError, RecursionError) as problem:
        raise NoJsonForm(str(problem)) from problem
    return value


def to_json(value: Value) -> str:
    """Return a JSON form of a value, without blanks and with its maps in key order; raises NoJsonForm."""
    match value:
        case Ref(name):
            return f'{{"{_REF}":"{name}"}}'
        case list():
            return "[" + ",".join(map(to_json, value)) + "]"
        case dict():
            if value.keys() == {_REF}:
                raise NoJsonForm("a map whose only key is $ref")
            return "{" + ",".join(f"{to_json(key)}:{to_json(value[key])}" for key in in_key_order(value)) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _check_texts(value: Value) -> None:
    match value:
        case str():
            value.encode()
        case list():
            for item in value:
                _check_texts(item)
        case dict():
            for key, item in value.items():
                key.encode()
                _check_texts(item)


def _object(pairs: list[tuple[str, Any]]) -> Value:
    members: dict[str, Value] = dict(pairs)
    if len(members) != len(pairs):
        raise NoJsonForm("an object has two members with the same name")
    if members.keys() != {_REF}:
        return members
    name = members[_REF]
    if not isinstance(name, str) or not is_name(name):
        raise NoJsonForm("a ref is not a name")
    return Ref(name)


def _number(spelling: str) -> int:
    if not _INTEGER.fullmatch(spelling) or len(spelling) > _LONGEST or not LEAST <= int(spelling) <= LARGEST:
        raise NoJsonForm(f"{spelling[:40]} is not an integer of the range")
    return int(spelling)


def _refuse(spelling: str) -> Any:
    raise NoJsonForm(f"{spelling[:40]} is not an integer")


_DECODER: Final = json.JSONDecoder(
    parse_int=_number, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_object
)
