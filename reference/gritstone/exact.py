"""The values of built-in classes that values of subclasses contain.

A subclass can have a text of its own, such as an enumeration or an amount in cents that prints as ``12.50``. What is
written of such a value is the number, the text, the list or the dictionary itself, and never that text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["exact", "exact_copy", "exact_members"]

_READ: Mapping[type, Callable[[Any], Any]] = {
    int: int.__int__,
    str: str.__str__,
    float: float.__float__,
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
}


def exact(value: Any) -> Any:
    """Return the value of a built-in class that a value of a subclass contains, or any other value as it is.

    The items of a list and of a dictionary stay as they are.
    """
    kind = type(value)
    if value is None or kind is bool or kind in _READ:
        return value
    for one, read in _READ.items():
        if issubclass(kind, one):
            return read(value)
    return value


def exact_members(value: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dictionary whose keys are exact.

    Raises:
        ValueError: two keys are the same text then.
    """
    members = {exact(name): item for name, item in value.items()}
    if len(members) != len(value):
        raise ValueError("a member occurs twice")
    return members


def exact_copy(value: Any) -> Any:
    """Return a copy of lists and dictionaries in each other in which every value is exact.

    Raises:
        ValueError: two keys of a dictionary are the same text.
    """
    found = exact(value)
    if type(found) is list:
        return [exact_copy(item) for item in found]
    if type(found) is dict:
        return {name: exact_copy(item) for name, item in exact_members(found).items()}
    return found
