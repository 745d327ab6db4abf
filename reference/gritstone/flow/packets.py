"""The messages that a flow reads, decoded by their forms.

Spec: ``flow/messages``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.core import read_document
from gritstone.flow.forms import Form, is_name, is_natural
from gritstone.flow.shapes import ERASE, ERASING, EVENT, RESULTS
from gritstone.flow.values import Value
from gritstone.grit.objects import Blob, Kind, Message, ObjectId
from gritstone.wit.workspace import Workspace

__all__ = ["READ", "Packet", "is_sealed", "read_erase_request", "read_message", "read_sealed"]

_SALT_BYTES = 16
_HEX = re.compile(r"[0-9a-f]{64}")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Packet:
    """The content of a message of a known form.

    Attributes:
        kind: the ``mt``.
        entries: the entries of the packet.
        value: the value of ``doc``, if there is one.
        refs: the sealed blobs by name; None if they are not of their form.
        is_bad: whether a result is not of its form.
        reply: the id that a receipt names.
    """

    kind: str
    entries: Mapping[str, ObjectId]
    value: Value = None
    refs: Mapping[str, ObjectId] | None = field(default_factory=dict)
    is_bad: bool = False
    reply: ObjectId = b""


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a packet: its entries, the form of ``doc``, and whether ``refs`` are optional."""

    entries: frozenset[str]
    document: Form | None = None
    has_refs: bool = False


_FORMS: Mapping[str, _Form] = {
    "flow.fired": _Form(frozenset({"timer"})),
    "flow.event": _Form(frozenset({"doc", "flow", "program", "policy"}), EVENT, has_refs=True),
    "flow.cancel": _Form(frozenset({"flow"})),
    "flow.erase": _Form(frozenset({"doc", "flow"}), ERASING),
    "flow.erased": _Form(frozenset({"request"})),
    "flow.replan": _Form(frozenset({"program", "flow"})),
    "flow.start": _Form(frozenset({"flow"})),
}
READ = frozenset({*_FORMS, "flow.result", "receipt"})
"""The ``mt`` of all messages that a flow reads."""


def read_message(workspace: Workspace, message: Message) -> Packet | None:
    """Return the packet of a message with an ``mt`` of ``READ``; None if it is malformed."""
    kind = message.headers["mt"]
    if kind == "receipt":
        reply = message.headers.get("reply", "")
        return Packet(kind, {}, reply=bytes.fromhex(reply)) if _HEX.fullmatch(reply) else None
    tree = workspace.tree(message.content)
    if tree is None:
        return None
    if kind == "flow.result":
        return _read_result(workspace, tree.entries)
    form, entries = _FORMS[kind], tree.entries
    if not form.entries <= entries.keys() <= form.entries | ({"refs"} if form.has_refs else set()):
        return None
    for name, target in entries.items():
        if workspace.kind(target) is not (Kind.BLOB if name in ("doc", "program") else Kind.TREE):
            return None
    refs = read_sealed(workspace, entries["refs"]) if "refs" in entries else {}
    if form.document is None:
        return Packet(kind, entries)
    value = _document(workspace, entries["doc"])
    return None if refs is None or not form.document(value) else Packet(kind, entries, value, refs)


def _read_result(workspace: Workspace, entries: Mapping[str, ObjectId]) -> Packet | None:
    """Read a result; only ``request`` and the attempt must be readable.

    Spec: :rule:`flow.result.malformed`.
    """
    if not {"request", "doc"} <= entries.keys() or workspace.tree(entries["request"]) is None:
        return None
    value = _document(workspace, entries["doc"])
    if type(value) is not dict or not is_natural(value.get("attempt")):
        return None
    outcome = value.get("outcome")
    form = RESULTS.get(outcome) if type(outcome) is str else None
    is_bad = form is None or not form(value)
    refs = read_sealed(workspace, entries["refs"]) if "refs" in entries and outcome == "ok" else {}
    return Packet("flow.result", entries, value, refs, is_bad=is_bad)


def _document(workspace: Workspace, target: ObjectId) -> Value:
    """Return the value of a document, or an object of no form."""
    if workspace.look(target) is None:
        return _ABSENT
    try:
        return read_document(workspace, target)
    except (Malformed, Exhausted):
        return _ABSENT


def read_sealed(workspace: Workspace, target: ObjectId) -> Mapping[str, ObjectId] | None:
    """Return the entries of a tree of sealed blobs by name; None if it has another form."""
    tree = workspace.tree(target)
    if tree is None or not all(map(is_name, tree.entries)):
        return None
    return tree.entries if all(is_sealed(workspace, one) for one in tree.entries.values()) else None


def is_sealed(workspace: Workspace, target: ObjectId) -> bool:
    """Return whether an object is a sealed blob, or was erased."""
    blob = workspace.look(target)
    if blob is None:
        return True
    return isinstance(blob, Blob) and blob.headers == {"ct": "sealed"} and len(blob.data) >= _SALT_BYTES


def read_erase_request(
    workspace: Workspace, target: ObjectId, actor: ObjectId, blob_of: Callable[[str], ObjectId | None]
) -> list[str] | None:
    """Return the names in a packet of ``flow.erase`` that a flow could have sent; None if it is another tree.

    Args:
        workspace: supplies objects.
        target: the packet.
        actor: the flow.
        blob_of: returns the blob of a name that may be in the packet.
    """
    tree = workspace.tree(target)
    entries = {} if tree is None else tree.entries
    if entries.keys() != {"doc", "flow", "refs"} or entries["flow"] != actor:
        return None
    value, refs = _document(workspace, entries["doc"]), workspace.tree(entries["refs"])
    if not ERASE(value) or refs is None:
        return None
    names: list[str] = value["refs"]
    return names if dict(refs.entries) == {name: blob_of(name) for name in names} else None
