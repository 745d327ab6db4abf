"""Documents, sealed blobs and packets as objects of a store.

Spec: ``flow/values``, ``flow/core``, ``flow/messages``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.flow.limits import VALUE_BYTES
from gritstone_conformance.model.flow.values import NotAValue, Value, decode, encode, is_name
from gritstone_conformance.model.law import node_data
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Tree

__all__ = [
    "CODE",
    "Documents",
    "ErasedDocument",
    "NotADocument",
    "document",
    "document_data",
    "is_flow",
    "is_sealed",
    "named",
    "put_tree",
    "read_document",
    "read_sent",
]

CODE: Final = b"external:flow/1"

_HEADERS: Final = (("ct", "cbor"),)
_SEALED: Final = (("ct", "sealed"),)
_SALT_BYTES: Final = 16


class ErasedDocument(Failure):
    """A document that is needed was erased."""


class NotADocument(Exception):  # noqa: N818 - says what the object is
    """An object is not a document."""


def is_flow(shelf: Shelf, core: bytes) -> bool:
    """Return whether a core has the code of flows at ``wit``."""
    return node_data(shelf, core, "wit") == CODE


def document(value: Value) -> Blob:
    """Return the document of a value."""
    return Blob(_HEADERS, encode(value))


def document_data(shelf: Shelf, identity: bytes) -> bytes | None:
    """Return the data of a blob that has the headers of a document, or None for every other object.

    Raises:
        ErasedDocument: the blob was erased.

    Spec: :rule:`flow.step.function`.
    """
    blob = shelf.blob(identity)
    if blob is None and shelf.is_erased(identity):
        raise ErasedDocument("failed", f"the document {identity.hex()} was erased", "flow.step.function")
    return blob.data if blob is not None and blob.headers == _HEADERS else None


def read_document(shelf: Shelf, identity: bytes, most: int | None = VALUE_BYTES) -> Value:
    """Return the value of a document; raises NotADocument, and ErasedDocument."""
    data = document_data(shelf, identity)
    if data is None:
        raise NotADocument
    try:
        return decode(data, most)
    except NotAValue as problem:
        raise NotADocument from problem


def read_sent(shelf: Shelf, identity: bytes) -> Value:
    """Return the value of the document of a packet; raises NotADocument also if it was erased."""
    try:
        return read_document(shelf, identity)
    except ErasedDocument as failure:
        raise NotADocument from failure


def is_sealed(shelf: Shelf, identity: bytes) -> bool:
    """Return whether an object is a sealed blob. An erased blob counts as one."""
    blob = shelf.blob(identity)
    if blob is None:
        return shelf.is_erased(identity)
    return blob.headers == _SEALED and len(blob.data) >= _SALT_BYTES


def named(shelf: Shelf, identity: bytes) -> dict[str, bytes] | None:
    """Return the entries of a tree whose names are names of values, or None for every other object."""
    if not shelf.is_tree(identity):
        return None
    entries = dict(shelf.names(identity))
    return entries if all(map(is_name, entries)) else None


def put_tree(shelf: Shelf, entries: Mapping[str, bytes]) -> bytes:
    """Store a tree and return its id."""
    return shelf.put(Tree(tuple(entries.items())))


@dataclass(frozen=True, slots=True)
class Documents(Mapping[str, Value]):
    """Documents by name as a map of their values, each read when it is looked up; None stands for null."""

    shelf: Shelf
    entries: Mapping[str, bytes | None]

    def __getitem__(self, name: str) -> Value:
        identity = self.entries[name]
        return None if identity is None else read_document(self.shelf, identity)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries
