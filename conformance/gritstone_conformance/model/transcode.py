"""Transcoding: the same graph in the other format.

Children are translated before parents, without recursion: a graph named by hashes has no cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.bundle import Bundle, read, write
from gritstone_conformance.model.check import check_values
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import Tombstone, leads
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, missing
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree

__all__ = ["MAPPED_SPACES", "canonical", "children_first", "transcode", "translate"]

MAPPED_SPACES: Final = ("heads", "failed", "moved", "adopted", "archived", "closed", "gone")
"""The spaces whose names are ids of actors."""


def transcode(data: bytes, source: Format, target: Format, *, object_bytes: int, tree_depth: int) -> bytes:
    """Return the bundle of the same graph in another format.

    Raises:
        Refusal: the bundle is none, or cannot be written in the other format.

    Spec: :rule:`grit.transcode.shape`, :rule:`grit.transcode.refuse`.
    """
    bundle = read(data, source, object_bytes=object_bytes, tree_depth=tree_depth)
    erased = [identity for identity, place in bundle.places.items() if place is None]
    if erased:
        words = f"the bundle holds the tombstone {erased[0].hex()}"
        raise Refusal([missing("grit.transcode.refuse", words, "erased"), *_unspeakable(bundle, target)])
    frames, renamed = _translate_all(bundle, target, object_bytes)
    references = _rename(bundle.references, renamed)
    return write(target, references, frames)


def canonical(bundle: Bundle) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a bundle that was read leniently with every map in order, and the new id of each object.

    An object that was erased keeps its id.

    Raises:
        Refusal: a reference names an id that another object has now.

    Spec: :rule:`suite.audit.lenient`.
    """
    assert bundle.format is not None
    frames: dict[bytes, bytes | None] = {}
    renamed: dict[bytes, bytes] = {}
    for identity in children_first(bundle):
        encoding = bundle.encoding(identity)
        if encoding is not None:
            encoding = bundle.format.encode(translate(bundle.value_of(encoding)[0], renamed))
        renamed[identity] = identity if encoding is None else bundle.format.hash(encoding)
        frames[renamed[identity]] = encoding
    return write(bundle.format, _rename(bundle.references, renamed), frames), renamed


def translate(value: Object, renamed: Mapping[bytes, bytes]) -> Object:
    """Return the object with every edge replaced."""
    match value:
        case Blob():
            return value
        case Tree(entries):
            return Tree(tuple((name, renamed[target]) for name, target in entries))
        case Message(previous, headers, content):
            return Message(_maybe(previous, renamed), headers, renamed[content])
        case Mailbox(entries):
            return Mailbox(tuple((renamed[key], renamed[target]) for key, target in entries))
        case Step(previous, actor, inbox, outbox, core):
            first, last = _maybe(previous, renamed), renamed[core]
            return Step(first, renamed[actor], _maybe(inbox, renamed), _maybe(outbox, renamed), last)


def _maybe(identity: bytes | None, renamed: Mapping[bytes, bytes]) -> bytes | None:
    return None if identity is None else renamed[identity]


def _translate_all(
    bundle: Bundle, target: Format, object_bytes: int
) -> tuple[dict[bytes, bytes | None], dict[bytes, bytes]]:
    """Return the new frames, and the new id of each old one."""
    frames: dict[bytes, bytes | None] = {}
    renamed: dict[bytes, bytes] = {}
    defects: list[Defect] = []
    for identity in children_first(bundle):
        try:
            encoding = target.encode_within(translate(_value(bundle, identity), renamed), object_bytes)
        except Refusal as refusal:
            defects += refusal.defects
            encoding = identity  # stands in for what cannot be written, so that the rest is looked at too
        renamed[identity] = target.hash(encoding)
        frames[renamed[identity]] = encoding
    if defects:
        raise Refusal(defects)
    return frames, renamed


def _unspeakable(bundle: Bundle, target: Format) -> list[Defect]:
    """Return a defect for each object with a text that the other format cannot write."""
    defects: list[Defect] = []
    for identity, place in bundle.places.items():
        if place is not None:
            try:
                check_values(_value(bundle, identity), target.name)
            except Refusal as refusal:
                defects += refusal.defects
    return defects


def _value(bundle: Bundle, identity: bytes) -> Object:
    encoding = bundle.encoding(identity)
    assert bundle.format is not None
    assert encoding is not None, "a tombstone was translated"
    return bundle.format.decode(encoding)


def children_first(bundle: Bundle) -> list[bytes]:
    """Return the ids of the frames of a valid bundle, each after those that it leads to."""
    settled: dict[bytes, None] = {}
    for start in bundle.places:
        waiting = [start]
        while waiting:
            identity = waiting[-1]
            unsettled = (
                [] if identity in settled else [child for child in _below(bundle, identity) if child not in settled]
            )
            if unsettled:
                waiting += unsettled
                continue
            settled.setdefault(identity)
            waiting.pop()
    return list(settled)


def _below(bundle: Bundle, identity: bytes) -> list[bytes]:
    shape = bundle.shapes[identity]
    return [] if isinstance(shape, Tombstone) else [target for target, _ in leads(shape)]


def _rename(references: Mapping[str, bytes], renamed: Mapping[bytes, bytes]) -> dict[str, bytes]:
    old = {identity.hex(): new.hex() for identity, new in renamed.items()}
    new = set(old.values())
    named: dict[str, bytes] = {}
    for name, target in references.items():
        space, _, second = name.partition("/")
        mapped = space in MAPPED_SPACES
        if mapped and second not in old and second in new:
            raise Refusal([invalid("grit.transcode.shape", f"going back would change {name}")])
        named[f"{space}/{old[second]}" if mapped and second in old else name] = renamed[target]
    return named
