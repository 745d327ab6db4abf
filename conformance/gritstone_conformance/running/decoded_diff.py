"""The decoded difference between expected and received bytes.

Two different base64url texts do not show what is wrong. If the expected bytes are an object, this module names the
field that differs, or why the received bytes are not an object. If they are a bundle, one wrong object changes the ids
of all objects that refer to it; so the reported object is one that refers to no other wrong object.

The result is text for the user; no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes
from gritstone_conformance.judge import difference_of
from gritstone_conformance.model.bundle import Bundle, scan
from gritstone_conformance.model.formats import FORMATS, Format, other_format
from gritstone_conformance.model.graph import Tombstone, leads
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Object, kind_of, to_json
from gritstone_conformance.replies import Json
from gritstone_conformance.results.excerpts import show_first_byte, show_sides
from gritstone_conformance.running.readable import document_difference

__all__ = ["decoded_difference", "field_difference"]

_MEMBERS: Final = ("bytes", "bundle")
_LONGEST: Final = 1 << 20  # base64url characters; longer texts are not decoded
_WIDTH: Final = 80  # characters of a value
_DIGITS: Final = 12  # of an id
_UNREADABLE: Final = "object"


def decoded_difference(path: str, expected: Json, got: Json) -> str | None:
    """Return text that names the first object that differs, and the place in it.

    Args:
        path: the path of the first difference in the answer, as a JSON Pointer.
        expected: the expected value there.
        got: the received value there.

    Returns:
        None if the values are not two byte strings, if the expected bytes are neither an object nor a bundle, and if a
        text is longer than 1 MiB.
    """
    if path.rpartition("/")[2] not in _MEMBERS:
        return None
    wanted, received = _bytes_of(expected), _bytes_of(got)
    if wanted is None or received is None:
        return None
    for fmt in FORMATS.values():
        value = _object_of(fmt, wanted)
        if not isinstance(value, Refusal):
            return _inside_object(fmt, value, received)
    bundle = scan(wanted)
    return None if bundle.defects else _inside_bundle(bundle, scan(received))


def _bytes_of(text: Json) -> bytes | None:
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        return decode_bytes(text)
    except NotCanonicalError:
        return None


def _object_of(fmt: Format, data: bytes) -> Object | Refusal:
    try:
        return fmt.decode(data)
    except Refusal as refusal:
        return refusal


def _inside_object(fmt: Format, wanted: Object, received: bytes) -> str:
    """Return why received bytes are not the encoding of the expected object."""
    value = _object_of(fmt, received)
    if isinstance(value, Refusal):
        if not isinstance(_object_of(other_format(fmt), received), Refusal):
            return f"these bytes are an object of {other_format(fmt).name}, not of {fmt.name}"
        return f"these bytes are not an object of {fmt.name}: {_why(value)}"
    return f"these bytes are a {kind_of(value)}: {_apart(wanted, value)}"


def _inside_bundle(wanted: Bundle, received: Bundle) -> str | None:
    """Return text that names the object of a bundle that differs, or else the reference."""
    assert wanted.format is not None
    if received.format is None:
        return f"these bytes are not a bundle: {_why(Refusal(received.defects))}"
    if received.format is not wanted.format:
        return f"this is a bundle of {received.format.name}, not of {wanted.format.name}"
    lost, more = _only_in(wanted, received), _only_in(received, wanted)
    if lost:
        kind = _kind(wanted, lost[0])
        words = f"the first object that differs is the {kind} {_short(lost[0])}"
        like = next((each for wish in (kind, _UNREADABLE) for each in more if _kind(received, each) == wish), None)
        if lost[0] in received.places:
            return f"{words}, which is a {_kind(received, lost[0])} in the received bundle"
        if like is None:
            return f"{words}, which is missing"
        return f"{words}, the bundle has {_short(like)} instead: {_between(wanted, lost[0], received, like)}"
    if more:
        return f"the bundle has an unexpected object, the {_kind(received, more[0])} {_short(more[0])}"
    for name in sorted(wanted.references.keys() | received.references.keys()):
        targets = [bundle.references.get(name) for bundle in (wanted, received)]
        if targets[0] != targets[1]:
            sides = [None if target is None else target.hex() for target in targets]
            return f"the reference {name} differs: {_sides(sides[0], sides[1])}"
    return _why(Refusal(received.defects)) if received.defects else None


def _only_in(bundle: Bundle, other: Bundle) -> list[bytes]:
    """Return the ids that are in the first bundle only, starting with those that refer to none of the others."""
    places, its = bundle.places, other.places
    alone = {each for each in places if each not in its or (places[each] is None) is not (its[each] is None)}
    return sorted(alone, key=lambda identity: (not alone.isdisjoint(_targets(bundle, identity)), identity))


def _targets(bundle: Bundle, identity: bytes) -> Iterable[bytes]:
    shape = bundle.shapes.get(identity)
    return () if shape is None or isinstance(shape, Tombstone) else (target for target, _ in leads(shape))


def _kind(bundle: Bundle, identity: bytes) -> str:
    shape = bundle.shapes.get(identity)
    return _UNREADABLE if shape is None else "tombstone" if isinstance(shape, Tombstone) else kind_of(shape)


def _short(identity: bytes) -> str:
    return f"{identity.hex()[:_DIGITS]}…"


def _between(wanted: Bundle, identity: bytes, received: Bundle, other: bytes) -> str:
    assert wanted.format is not None
    one, its = wanted.encoding(identity), received.encoding(other)
    if one is None or its is None:  # tombstones alone
        return "both are erased"
    value = _object_of(wanted.format, its)
    return _why(value) if isinstance(value, Refusal) else _apart(wanted.format.decode(one), value)


def _apart(wanted: Object, value: Object) -> str:
    found = difference_of(to_json(wanted), to_json(value))
    if found is None:
        return "its fields are as expected"
    path, expected, got = found
    return f"{path} differs: {field_difference(path, expected, got)}"


def field_difference(path: str, expected: Json, got: Json) -> str:
    """Return text that shows a field of an object that differs; in the data of a blob, the member of a document."""
    wanted, received = (_bytes_of(side) if path == "/data" else None for side in (expected, got))
    if wanted is not None and received is not None:
        found = document_difference(wanted, received) or show_first_byte(path, expected, got)
        if found is not None:
            return found
    return _sides(expected, got, path)


def _sides(expected: Json, got: Json, path: str = "/") -> str:
    one, other = show_sides(path, expected, got, _WIDTH)
    return f"{one} expected, {other} got"


def _why(refusal: Refusal) -> str:
    defect = refusal.defects[0]
    return f"{defect.kind}, {defect.words} ({defect.rule})"
