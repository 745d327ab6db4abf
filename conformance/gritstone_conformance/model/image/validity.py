"""Valid cores: the closed form of ``image``, the code nodes, the programs, and what a first core may have.

Spec: ``image/spawn``, "Valid cores"; :rule:`image.spawn.valid`, :rule:`image.core.closed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from gritstone_conformance.model.image.capabilities import is_capability
from gritstone_conformance.model.image.contents import id_of, is_empty, number_of, text_of
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.guest_cores import check_guest, is_guest
from gritstone_conformance.model.image.programs import program_in
from gritstone_conformance.model.image.types import is_plain
from gritstone_conformance.model.image.views import View, image_entries, image_entry
from gritstone_conformance.model.shelf import Shelf

__all__ = ["CODE", "RESOURCES", "check_core", "is_entry", "quota_of", "read_timer"]

CODE: Final = b"external:image/1"
"""The data of ``wit`` and ``wit_query``."""

RESOURCES: Final = ("actors", "bytes", "fuel", "posts", "subs", "timers")
"""The lines of a quota, in order."""

_SUB: Final = re.compile(r"[a-z0-9_-]{1,32}\.[0-9a-f]{64}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def check_core(view: View, core: bytes, *, is_first: bool, principals: Collection[bytes] = ()) -> None:
    """Check that a core is valid.

    Args:
        view: the private copy.
        core: a tree.
        is_first: whether it is a first core.
        principals: actors that count as principals with a head.

    Raises:
        Denied: the first condition that holds.
    """
    shelf = view.shelf
    _check_form(shelf, core)
    nodes = [_data(shelf, shelf.names(core)[name]) for name in ("wit", "wit_query")]
    has_module = view.has_guests and is_guest(shelf, core)
    if not has_module and any(data != CODE for data in nodes):
        raise Denied("rejected", "import")
    if not all(is_capability(name) for name in image_entries(shelf, core, "caps")):
        raise Denied("malformed", "capability")
    if has_module:
        check_guest(shelf, core)
    else:
        _check_programs(shelf, core)
    if is_first and any(image_entry(shelf, core, name) is not None for name in ("timers", "subs")):
        raise Denied("malformed", "core")
    owner = text_of(shelf, image_entry(shelf, core, "owner"))
    if is_first and owner != b"self":
        named = id_of(owner)
        assert named is not None, "the form was checked"
        if not (named in principals or view.is_principal(named)):
            raise Denied("missing", "actor")


def quota_of(data: bytes | None) -> dict[str, int] | None:
    """Return the limits in the text of a quota, or None for another text."""
    lines = b"" if data is None else data
    words = [line.split(b" ") for line in lines.split(b"\n")]
    if len(words) != len(RESOURCES) + 1 or words.pop() != [b""] or any(len(line) != 2 for line in words):
        return None
    limits = {name: number_of(line[1]) for name, line in zip(RESOURCES, words, strict=True)}
    named = [line[0].decode("latin-1") for line in words] == list(RESOURCES)
    known = {name: limit for name, limit in limits.items() if limit is not None}
    return known if named and len(known) == len(RESOURCES) else None


def read_timer(data: bytes | None) -> tuple[int, int, int, str] | None:
    """Return due, seq, index and type of the text of a timer, or None for another text."""
    words = b"" if data is None else data
    parts = words.split(b" ")
    if len(parts) != 4:
        return None
    due, seq, index = (number_of(part) for part in parts[:3])
    mt = parts[3].decode("latin-1")
    return None if due is None or seq is None or index is None or not is_plain(mt) else (due, seq, index, mt)


def is_entry(data: bytes | None) -> bool:
    """Return whether a text is the value of an entry of an entry table."""
    if data is None or data == b"*":
        return data is not None
    lines = data.split(b"\n")
    return all(id_of(line) is not None for line in lines) and lines == sorted(set(lines))


def _check_form(shelf: Shelf, core: bytes) -> None:
    names = shelf.names(core)
    has_nodes = all(name in names and shelf.kind(names[name]) == "blob" for name in ("wit", "wit_query"))
    if "frozen" in names or "wit_update" in names or not has_nodes or not _is_closed(shelf, names.get("image")):
        raise Denied("malformed", "core")


def _is_closed(shelf: Shelf, image: bytes | None) -> bool:
    """Return whether ``image`` is a tree with entries of their forms; the names in ``caps`` are not checked."""
    if image is None or not shelf.is_tree(image):
        return False
    entries = shelf.names(image)
    owner = text_of(shelf, entries.get("owner"))
    if entries.keys() - _FORMS.keys() - {"owner", "quota"} or (owner != b"self" and id_of(owner) is None):
        return False
    if ("quota" in entries) != (owner == b"self"):
        return False
    if "quota" in entries and quota_of(text_of(shelf, entries["quota"])) is None:
        return False
    return all(
        shelf.is_tree(entries[name])
        and all(is_form(shelf, key, target) for key, target in shelf.names(entries[name]).items())
        for name, is_form in _FORMS.items()
        if name in entries
    )


_FORMS: Final[dict[str, Callable[[Shelf, str, bytes], bool]]] = {
    "caps": lambda shelf, name, target: id_of(text_of(shelf, target)) is not None,
    "entry": lambda shelf, name, target: is_plain(name) and is_entry(text_of(shelf, target)),
    "timers": lambda shelf, name, target: (
        _HEX.fullmatch(name) is not None and read_timer(text_of(shelf, target)) is not None
    ),
    "subs": lambda shelf, name, target: _SUB.fullmatch(name) is not None and is_empty(shelf, target),
}
"""The trees of ``image`` to the form of their entries."""


def _check_programs(shelf: Shelf, core: bytes) -> None:
    code = shelf.names(core).get("code")
    if code is None:
        return
    if not shelf.is_tree(code):
        raise Denied("malformed", "program")
    for target in shelf.names(code).values():
        program_in(shelf, target)


def _data(shelf: Shelf, identity: bytes) -> bytes | None:
    blob = shelf.blob(identity)
    return None if blob is None else blob.data
