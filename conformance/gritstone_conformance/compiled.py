"""JSON Schemas as functions: whether a document fits, some ten times sooner than a validator that explains itself.

Decides for the part of JSON Schema 2020-12 that the spec's own schemas are made of, and only for values that it is sure
of. Everything else raises ``UnsureError``, and the caller asks the validator; so does who wants to know what is wrong.

Invariant: where it does not raise, it says what the validator says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from gritstone_conformance.replies import Json

__all__ = ["Check", "Compiler", "UnsureError"]

Check: TypeAlias = Callable[[Json], bool]
"""Says whether a value fits a schema; raises UnsureError where it cannot."""

_Schema: TypeAlias = Mapping[str, Json]

_SAID_ONLY: Final = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "format"})
"""Keywords that allow and forbid nothing; ``then`` and ``else`` belong to ``if``."""


class UnsureError(Exception):
    """The validator has to be asked."""


class Compiler:
    """Makes functions of schemas, each of them once.

    Args:
        by_id: the schemas by their ``$id``.
    """

    def __init__(self, by_id: Mapping[str, Json]) -> None:
        self._by_id = by_id
        self._made: dict[str, Check] = {}

    def check(self, ref: str) -> Check:
        """Return the function of a schema, or of a definition: ``<id>`` or ``<id>#/$defs/<name>``."""
        if ref not in self._made:
            self._made[ref] = self._later(ref)  # for a schema that refers to itself
            urn, _, pointer = ref.partition("#")
            schema = self._by_id[urn]
            for name in pointer.split("/")[1:]:
                schema = schema[name]
            self._made[ref] = self._compiled(schema, urn)
        return self._made[ref]

    def _later(self, ref: str) -> Check:
        def check(value: Json) -> bool:
            return self._made[ref](value)

        return check

    def _compiled(self, schema: Json, urn: str) -> Check:
        if isinstance(schema, bool):
            return lambda value: schema
        checks = [*self._of_structure(schema, urn), *_of_values(schema), *self._of_parts(schema, urn)]
        if schema.keys() - _SAID_ONLY - _KNOWN:
            checks = [_unsure]
        if len(checks) == 1:
            return checks[0]
        return lambda value: all(check(value) for check in checks)

    def _of_structure(self, schema: _Schema, urn: str) -> list[Check]:
        checks: list[Check] = []
        if schema.keys() & {"properties", "required", "additionalProperties", "propertyNames", "dependentRequired"}:
            checks.append(self._object(schema, urn))
        if schema.keys() & {"items", "prefixItems", "contains"}:
            checks.append(self._array(schema, urn))
        return checks

    def _object(self, schema: _Schema, urn: str) -> Check:
        known = {name: self._compiled(each, urn) for name, each in schema.get("properties", {}).items()}
        required = frozenset(schema.get("required", ()))
        other = self._compiled(schema.get("additionalProperties", True), urn)
        named = self._compiled(schema.get("propertyNames", True), urn)
        together = tuple(schema.get("dependentRequired", {}).items())

        def check(value: Json) -> bool:
            if not isinstance(value, dict):
                return True
            return (
                value.keys() >= required
                and all(known.get(name, other)(member) for name, member in value.items())
                and all(map(named, value))
                and all(value.keys() >= set(needed) for name, needed in together if name in value)
            )

        return check

    def _array(self, schema: _Schema, urn: str) -> Check:
        first = [self._compiled(each, urn) for each in schema.get("prefixItems", ())]
        rest = self._compiled(schema.get("items", True), urn)
        wanted = self._compiled(schema["contains"], urn) if "contains" in schema else None

        def check(value: Json) -> bool:
            if not isinstance(value, list):
                return True
            return (
                all(of(item) for of, item in zip(first, value, strict=False))
                and all(map(rest, value[len(first) :]))
                and (wanted is None or any(map(wanted, value)))
            )

        return check

    def _of_parts(self, schema: _Schema, urn: str) -> list[Check]:
        """Return what a schema says by other schemas."""
        parts = {name: [self._compiled(each, urn) for each in schema[name]] for name in _SEVERAL if name in schema}
        checks = [_SEVERAL[name](several) for name, several in parts.items()]
        if "$ref" in schema:
            ref = schema["$ref"]
            checks.append(self.check(urn + ref if ref.startswith("#") else ref))
        if "not" in schema:
            refused = self._compiled(schema["not"], urn)
            checks.append(lambda value: not refused(value))
        if "if" in schema:
            test, then, other = (self._compiled(schema.get(name, True), urn) for name in ("if", "then", "else"))
            checks.append(lambda value: then(value) if test(value) else other(value))
        return checks


def _unsure(value: Json) -> bool:
    raise UnsureError


def _all_of(parts: Collection[Check]) -> Check:
    return lambda value: all(part(value) for part in parts)


def _any_of(parts: Collection[Check]) -> Check:
    return lambda value: any(part(value) for part in parts)


def _one_of(parts: Collection[Check]) -> Check:
    return lambda value: sum(1 for part in parts if part(value)) == 1


def _of_values(schema: _Schema) -> list[Check]:
    return [make(schema[name]) for name, make in _VALUES.items() if name in schema]


def _type(wanted: Json) -> Check:
    names = [wanted] if isinstance(wanted, str) else wanted
    types = frozenset(each for name in names for each in _TYPES[name])
    if "integer" in names and "number" not in names:
        return lambda value: _no_fraction(value) in types
    return lambda value: type(value) in types


def _no_fraction(value: Json) -> type:
    if isinstance(value, float):  # 1.0 is an integer
        raise UnsureError
    return type(value)


def _enum(values: list[Json]) -> Check:
    if not all(isinstance(value, str) for value in values):
        return _unsure
    allowed = frozenset(values)
    return lambda value: isinstance(value, str) and value in allowed


def _const(wanted: Json) -> Check:
    if isinstance(wanted, bool | str):
        return lambda value: type(value) is type(wanted) and value == wanted
    if isinstance(wanted, int):
        return lambda value: _no_fraction(value) is int and value == wanted
    return _unsure


def _pattern(pattern: str) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _unique(wanted: bool) -> Check:
    def check(value: Json) -> bool:
        if not wanted or not isinstance(value, list):
            return True
        if not all(isinstance(item, str) for item in value):
            raise UnsureError
        return len(set(value)) == len(value)

    return check


def _bound(of: Callable[[Json, int], bool], *kinds: type) -> Callable[[Json], Check]:
    """Return how a keyword with a number is made a function; it speaks of values of some types only."""
    return lambda number: lambda value: type(value) not in kinds or of(value, number)


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_VALUES: Final[dict[str, Callable[[Json], Check]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "uniqueItems": _unique,
    "minimum": _bound(lambda value, least: value >= least, int, float),
    "maximum": _bound(lambda value, most: value <= most, int, float),
    "minLength": _bound(lambda value, least: len(value) >= least, str),
    "maxLength": _bound(lambda value, most: len(value) <= most, str),
    "minItems": _bound(lambda value, least: len(value) >= least, list),
    "maxItems": _bound(lambda value, most: len(value) <= most, list),
    "minProperties": _bound(lambda value, least: len(value) >= least, dict),
    "maxProperties": _bound(lambda value, most: len(value) <= most, dict),
}
_SEVERAL: Final[dict[str, Callable[[Collection[Check]], Check]]] = {
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
_KNOWN: Final = frozenset(
    {
        *("properties", "required", "additionalProperties", "propertyNames", "dependentRequired"),
        *("items", "prefixItems", "contains", "$ref", "not", "if", "then", "else", *_VALUES, *_SEVERAL),
    }
)
