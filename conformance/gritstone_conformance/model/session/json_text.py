"""JSON as a session reads and writes it: read strictly, written in one way, and a number keeps its spelling.

Spec: ``session/json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

__all__ = ["DEEPEST", "JsonText", "NotJson", "Number", "read_json", "write_json"]

DEEPEST: Final = 32
"""How many objects and arrays may be nested in a text from outside."""

_LONGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as it was written."""

    spelling: str

    @property
    def is_integer(self) -> bool:
        """Whether it is written without a fraction and without an exponent."""
        return not set(self.spelling) & set(".eE")

    @property
    def natural(self) -> int | None:
        """The value of an integer without a sign, or None for another number."""
        return int(self.spelling) if self.spelling.isdecimal() else None


JsonText: TypeAlias = bool | int | str | Number | list["JsonText"] | dict[str, "JsonText"] | None
"""A value. What was read holds no ``int``."""


class NotJson(ValueError):  # noqa: N818 - says what the text is
    """The bytes are not JSON that a session reads."""


def read_json(data: bytes, deepest: int = DEEPEST) -> JsonText:
    """Return the value of a JSON text.

    Raises:
        NotJson: the bytes are anything else.

    Spec: :rule:`session.json.strict`.
    """
    try:
        value: JsonText = _DECODER.decode(data.decode())
        _check(value, deepest)
        write_json(value)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)) from problem
    return value


def write_json(value: JsonText) -> bytes:
    """Return the one text of a value: members ascend by their names as UTF-16 code units, and there are no blanks.

    Spec: :rule:`session.json.spelling`.
    """
    return _written(value).encode()


def _written(value: JsonText) -> str:
    match value:
        case Number(spelling):
            return spelling
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
            return "{" + ",".join(f"{_written(name)}:{_written(value[name])}" for name in names) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _check(value: JsonText, deepest: int) -> None:
    if isinstance(value, list | dict):
        if deepest == 0:
            raise NotJson("too many objects and arrays are nested")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, deepest - 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("a name occurs twice in an object")
    return members


def _number(spelling: str) -> Number:
    if len(spelling) > _LONGEST:
        raise NotJson(f"a number of {len(spelling)} bytes")
    return Number(spelling)


def _refuse(word: str) -> Any:
    raise NotJson(f"{word} is no JSON")


_DECODER: Final = json.JSONDecoder(
    parse_int=_number, parse_float=_number, parse_constant=_refuse, object_pairs_hook=_unique
)
