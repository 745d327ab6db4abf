"""Values: what a client puts into messages, cores and programs, as Python writes it.

::

    None               the empty blob
    "text", 20         a text blob
    b"..." (32 bytes)  the id of an object of the store
    {"name": value}    a tree
    Blob, Tree         this object
    an actor           its id; a program: its program tree

Spec: :ref:`image-actors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from gritstone.exact import exact
from gritstone.grit.objects import Blob, Object, ObjectId, Tree
from gritstone.image.texts import EMPTY

__all__ = ["Put", "Storable", "Value", "store_value"]

_ID_BYTES = 32

Put: TypeAlias = Callable[[Object], ObjectId]
"""Adds an object and returns its id."""


@runtime_checkable
class Storable(Protocol):
    """A value that stores itself."""

    def store(self, put: Put) -> ObjectId:
        """Add the objects of the value; return the id that leads to them."""
        ...


Value: TypeAlias = str | int | ObjectId | Blob | Tree | Storable | Mapping[str, Any] | None
"""What a client writes for an object."""


def store_value(value: Value, put: Put) -> ObjectId:
    """Add the objects of a value; return its id.

    Raises:
        TypeError: the value is none of the listed kinds.
        ValueError: an id does not have 32 bytes.
        Invalid: the format has no encoding for it, for example for the name of an entry.
    """
    match value:
        case None:
            return put(EMPTY)
        case str() | int():
            return put(Blob({"ct": "s"}, str(exact(value)).encode()))
        case bytes():
            if len(value) != _ID_BYTES:
                raise ValueError(f"an id has {_ID_BYTES} bytes, got {len(value)}")
            return value
        case Blob() | Tree():
            return put(value)
        case Mapping():
            return put(Tree({name: store_value(item, put) for name, item in value.items()}))
        case Storable():
            return value.store(put)
    raise TypeError(f"not a value of an image: {type(value).__name__}")
