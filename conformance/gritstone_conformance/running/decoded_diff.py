"""Insides: what is in bytes that are not the expected ones, as the model reads them.

A difference between two texts of base64url tells nobody what went wrong. Where the expected bytes are an object, this
says which field of it came out otherwise, or why what came is no object. Where they are a bundle, one wrong object
changes the ids of all that lead to it; so the object to look at is one that leads to nothing else that is wrong.

For people only: no verdict rests on it.
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
from gritstone_conformance.results.excerpts import show_sides

__all__ = ["decoded_difference"]

_MEMBERS: Final = ("bytes", "bundle")
_LONGEST: Final = 1 << 20  # base64url characters that are looked into
_WIDTH: Final = 80  # characters of a value
_DIGITS: Final = 12  # of an id
_UNREADABLE: Final = "object"


def decoded_difference(path: str, expected: Json, got: Json) -> str | None:
    """Return in words what the first object is that came out otherwise than expected, and where in it.

    Args:
        path: of the first difference in the answer, as a JSON Pointer.
        expected: what should stand there.
        got: what stands there.

    Returns:
        None where these are no two byte strings, where the expected bytes are neither an object nor a bundle, and where
        they are longer than a mebibyte.
    """
    if path.rpartition("/")[2] not in _MEMBERS:
        return None
    wanted, came = _bytes_of(expected), _bytes_of(got)
    if wanted is None or came is None:
        return None
    for fmt in FORMATS.values():
        value = _object_of(fmt, wanted)
        if not isinstance(value, Refusal):
            return _inside_object(fmt, value, came)
    bundle = scan(wanted)
    return None if bundle.defects else _inside_bundle(bundle, scan(came))


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


def _inside_object(fmt: Format, wanted: Object, came: bytes) -> str:
    """Return why bytes are not the encoding of a value."""
    value = _object_of(fmt, came)
    if isinstance(value, Refusal):
        if not isinstance(_object_of(other_format(fmt), came), Refusal):
            return f"these bytes are an object of {other_format(fmt).name}, not of {fmt.name}"
        return f"these bytes are no object of {fmt.name}: {_why(value)}"
    return f"these bytes are a {kind_of(value)}: {_apart(wanted, value)}"


def _inside_bundle(wanted: Bundle, came: Bundle) -> str | None:
    """Return which object of a bundle, or else which reference, is not the expected one."""
    assert wanted.format is not None
    if came.format is None:
        return f"these bytes are no bundle: {_why(Refusal(came.defects))}"
    if came.format is not wanted.format:
        return f"this is a bundle of {came.format.name}, not of {wanted.format.name}"
    lost, more = _only_in(wanted, came), _only_in(came, wanted)
    if lost:
        kind = _kind(wanted, lost[0])
        words = f"the first object that differs is the {kind} {_short(lost[0])}"
        like = next((each for wish in (kind, _UNREADABLE) for each in more if _kind(came, each) == wish), None)
        if lost[0] in came.places:
            return f"{words}, which came as a {_kind(came, lost[0])}"
        if like is None:
            return f"{words}, which the bundle lacks"
        return f"{words}, in whose place {_short(like)} came: {_between(wanted, lost[0], came, like)}"
    if more:
        return f"the bundle has the {_kind(came, more[0])} {_short(more[0])}, and nothing should lead to it"
    for name in sorted(wanted.references.keys() | came.references.keys()):
        targets = [bundle.references.get(name) for bundle in (wanted, came)]
        if targets[0] != targets[1]:
            sides = [None if target is None else target.hex() for target in targets]
            return f"the reference {name} differs: {_sides(*sides)}"
    return _why(Refusal(came.defects)) if came.defects else None


def _only_in(bundle: Bundle, other: Bundle) -> list[bytes]:
    """Return the ids that only one of two bundles has, those first that lead to none of the others."""
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


def _between(wanted: Bundle, identity: bytes, came: Bundle, other: bytes) -> str:
    assert wanted.format is not None
    one, its = wanted.encoding(identity), came.encoding(other)
    if one is None or its is None:  # tombstones alone
        return "both are erased"
    value = _object_of(wanted.format, its)
    return _why(value) if isinstance(value, Refusal) else _apart(wanted.format.decode(one), value)


def _apart(wanted: Object, value: Object) -> str:
    found = difference_of(to_json(wanted), to_json(value))
    if found is None:
        return "its fields are the expected ones"
    path, expected, got = found
    return f"{path} differs: {_sides(expected, got)}"


def _sides(expected: Json, got: Json) -> str:
    one, other = show_sides("/", expected, got, _WIDTH)
    return f"{one} expected, {other} got"


def _why(refusal: Refusal) -> str:
    defect = refusal.defects[0]
    return f"{defect.kind}, {defect.words} ({defect.rule})"
