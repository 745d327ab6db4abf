"""Forms of values: predicates, and functions that make predicates.

A form returns whether a value is of it. Every map is closed. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

from gritstone.flow.limits import MOST_ARGUMENT
from gritstone.flow.values import ID, Value, encode_value, key_order

__all__ = [
    "SHORT",
    "Form",
    "anything",
    "boolean",
    "integer",
    "is_name",
    "is_natural",
    "is_ordered_names",
    "list_of",
    "members",
    "table_of",
    "text_of",
    "words",
]

Form: TypeAlias = Callable[[Value], bool]
"""A predicate of values."""

_is_id = ID.fullmatch


def integer(least: int, most: int) -> Form:
    """Return the form of integers in a range."""
    return lambda value: type(value) is int and least <= value <= most


def text_of(least: int, most: int) -> Form:
    """Return the form of texts whose length in bytes is in a range."""
    return lambda value: type(value) is str and least <= len(value.encode()) <= most


def words(*texts: str) -> Form:
    """Return the form of some texts."""
    return lambda value: type(value) is str and value in texts


def anything(value: Value) -> bool:
    """Return true."""
    return True


def boolean(value: Value) -> bool:
    """Return whether a value is a boolean."""
    return type(value) is bool


def is_name(value: Value) -> bool:
    """Return whether a value is the name of a node, a tool, a peer or a ref."""
    return type(value) is str and _is_id(value) is not None


def list_of(item: Form, least: int = 0, most: int = MOST_ARGUMENT) -> Form:
    """Return the form of a list of distinct elements."""

    def has(value: Value) -> bool:
        if type(value) is not list or not least <= len(value) <= most or not all(map(item, value)):
            return False
        return len({encode_value(one) for one in value}) == len(value)

    return has


def table_of(item: Form, least: int = 0, most: int = MOST_ARGUMENT, key: Form = is_name) -> Form:
    """Return the form of maps with a number of members in a range, by the forms of their keys and members."""

    def has(value: Value) -> bool:
        if type(value) is not dict or not least <= len(value) <= most:
            return False
        return all(map(key, value)) and all(map(item, value.values()))

    return has


def members(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    """Return the form of a closed map."""
    forms = {**required, **(optional or {})}

    def has(value: Value) -> bool:
        if type(value) is not dict or not required.keys() <= value.keys() <= forms.keys():
            return False
        return all(forms[name](member) for name, member in value.items())

    return has


SHORT = text_of(1, 64)
"""The form of texts of 1 to 64 bytes."""

is_natural = integer(0, MOST_ARGUMENT)
"""Whether a value is an integer from 0."""


def is_ordered_names(value: Value) -> bool:
    """Return whether a value is a list of at least one name, in key order and distinct."""
    if type(value) is not list or not value or not all(map(is_name, value)):
        return False
    return all(key_order(before) < key_order(after) for before, after in pairwise(value))
