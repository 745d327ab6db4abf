"""The JSON form of values: for people who write programs, and for reports.

JSON has no refs, so a ref is an object with the one member ``$ref``. Fractions, exponents, repeated members and lone
surrogates are refused.

``read_json`` and ``write_json`` are for texts that are read again. What is only shown, such as an event or a result, is
data: a map is written as it is, also one that looks like a ref.

Spec: ``flow/values``.
"""

from __future__ import annotations

import json
from typing import NoReturn

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.values import ID, Ref, Value, encode_value

__all__ = ["plain", "read_json", "show_json", "shown", "value_of_members", "write_json"]

_REF = "$ref"


def read_json(text: str, most: int | None = None) -> Value:
    """Return the value of a JSON text.

    Args:
        text: the JSON text.
        most: the maximum length of the encoding of the value in bytes; None for any length.

    Raises:
        Malformed: the text is not JSON, or has no value of a flow.
        Exhausted: the value is too long or nested too deeply.
    """
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=value_of_members
        )
    except ValueError as error:
        raise Malformed(f"the text is not JSON of a value: {error}", rule="flow.value.canonical") from None
    except RecursionError:
        raise Exhausted("the JSON text is nested too deeply", rule="flow.value.limits") from None
    encode_value(value, most)
    return value


def write_json(value: Value) -> str:
    """Return the JSON form of a value.

    Raises:
        Malformed: a map has the one member ``$ref``, so it has no JSON form.
    """
    return _dumps(plain(value))


def show_json(value: Value) -> str:
    """Return a value as JSON for people and other programs. See ``shown``."""
    return _dumps(shown(value))


def plain(value: Value) -> Value:
    """Return a value with objects in the place of refs.

    Raises:
        Malformed: a map has the one member ``$ref``, so it has no JSON form.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            if item.keys() == {_REF}:
                raise Malformed("a map with the one member $ref has no JSON form", rule="flow.value.canonical")
            waiting += item.values()
        elif type(item) is list:
            waiting += item
    return shown(value)


def shown(value: Value) -> Value:
    """Return a value with objects in the place of refs. A map with the one member ``$ref`` stays as it is."""
    if type(value) is Ref:
        return {_REF: value.name}
    if type(value) is list:
        return [shown(item) for item in value]
    if type(value) is dict:
        return {name: shown(item) for name, item in value.items()}
    return value


def _dumps(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def value_of_members(pairs: list[tuple[str, Value]]) -> Value:
    """Return a map, or a ref, from the members of an object.

    Raises:
        ValueError: a member occurs twice, or the name of a ref is not an id.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    if members.keys() != {_REF}:
        return members
    name = members[_REF]
    if type(name) is not str or ID.fullmatch(name) is None:
        raise ValueError("the name of a ref is not an id")
    return Ref(name)


def _integer(text: str) -> int:
    if text == "-0":
        _refuse(text)
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")
