"""The rungs of ``gritstone doctor``: the requests of each and the expected replies.

Values are the golden ones of the spec, for the two formats; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.base64url import decode_bytes, encode_bytes
from gritstone_conformance.cases import CaseStep
from gritstone_conformance.replies import Claims, Json

__all__ = ["Rung", "golden_bundle", "open_step", "reopening", "right_step", "rungs_for"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung.

    Attributes:
        name: one word.
        steps: the requests in order, each with the expected reply.
        advice: what to check if the rung is bad.
        silence: what to check if the process ended or did not reply in time; empty if there is nothing special.
    """

    name: str
    steps: tuple[CaseStep, ...]
    advice: str
    silence: str = ""


@dataclass(frozen=True, slots=True)
class _Golden:
    """Known values of one format; ``hello`` is the blob {ct: s} ``hello``, ``tree`` holds it under ``greeting``.

    ``zeros_id`` is the hash of a number of zeros that equals the floor of ``object_bytes``.
    """

    empty: str
    empty_id: str
    reject: str
    reject_class: str
    hello: str
    hello_id: str
    tree: str
    tree_id: str
    bundle: str
    zeros_id: str


def _b64(hexed: str) -> str:
    return encode_bytes(bytes.fromhex(hexed))


_LONGEST: Final = 1_048_576
_FRAMED_HELLO: Final = b"blob 11\0ct\0s\0\0hello"
_FRAMED_HELLO_ID: Final = "22878b77b2c12fc26f873116451d3c9d5092ccf77441cf80ad761422b28aa759"
_FRAMED_TREE: Final = b"tree 41\0greeting\0" + bytes.fromhex(_FRAMED_HELLO_ID)
_CBOR_HELLO: Final = bytes.fromhex("8300a162637461734568656c6c6f")
_CBOR_HELLO_ID: Final = "dffae06effea754ff3da34ac11f1de16010774f77315bc1e1a5d333ab90874d1"
_CBOR_TREE: Final = bytes.fromhex("8201a1686772656574696e675820") + bytes.fromhex(_CBOR_HELLO_ID)
_FRAMED_TREE_ID: Final = "e14a95cdf4bfdfe35357a01c73893a9e0dc1656550e71aab1c414908f5a28633"
_CBOR_TREE_ID: Final = "d41a6abde61d87f5bc86dd4aecad20b3033874f83b0a3ef393ec9def735777ae"


def _bundle(fmt: str, tree_id: str, frames: list[tuple[str, bytes]], digest: str) -> str:
    lines = f"gritstone bundle 1\nformat {fmt}\nref tags/demo {tree_id}\n\n".encode()
    body = b"".join(b"o" + len(data).to_bytes(8) + data for _, data in sorted(frames))
    return encode_bytes(lines + body + b"z" + (2).to_bytes(8) + bytes.fromhex(digest))


_GOLDEN: Final = {
    "framed-sha256": _Golden(
        empty=_b64("626c6f6220310000"),
        empty_id="449e9b795420cd16fe60ad5298cf680f15a7cd2ac9b44adaf7ed3edc0d08dd78",
        reject=encode_bytes(b"blob 01\0\0"),
        reject_class="invalid",
        hello=encode_bytes(_FRAMED_HELLO),
        hello_id=_FRAMED_HELLO_ID,
        tree=encode_bytes(_FRAMED_TREE),
        tree_id=_FRAMED_TREE_ID,
        bundle=_bundle(
            "framed-sha256",
            _FRAMED_TREE_ID,
            [(_FRAMED_HELLO_ID, _FRAMED_HELLO), (_FRAMED_TREE_ID, _FRAMED_TREE)],
            "122b48beacb82d528cac7c3cbe52bdbe9de6ce4f313f095968f882a9821c0dd2",
        ),
        zeros_id="30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58",
    ),
    "cbor-blake3": _Golden(
        empty=_b64("8300a040"),
        empty_id="d9009c5b189873f2997b664c07d8efe3e2efa4308c99107fa3174afdd47e6ebd",
        reject=_b64("8300a04000"),
        reject_class="malformed",
        hello=encode_bytes(_CBOR_HELLO),
        hello_id=_CBOR_HELLO_ID,
        tree=encode_bytes(_CBOR_TREE),
        tree_id=_CBOR_TREE_ID,
        bundle=_bundle(
            "cbor-blake3",
            _CBOR_TREE_ID,
            [(_CBOR_HELLO_ID, _CBOR_HELLO), (_CBOR_TREE_ID, _CBOR_TREE)],
            "d13cdd75f307e00e205cfe51aa57d30ffc37f5ea4d25d51baef59afb9b9fb239",
        ),
        zeros_id="488de202f73bd976de4e7048f4e1f39a776d86d582b7348ff53bf432b987fca8",
    ),
}

_EMPTY: Final[dict[str, Json]] = {"kind": "blob", "headers": [], "data": ""}


def golden_bundle(fmt: str) -> bytes:
    """Return the golden bundle of a format: ``tags/demo`` -> a tree with one blob."""
    return decode_bytes(_GOLDEN[fmt].bundle)


def rungs_for(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs between flush and restart that the claims allow, in order."""
    formats = [fmt for fmt in _GOLDEN if fmt in claims.formats] if "grit" in claims.profiles else []
    for make in (_id, _decode, _reject, _encode, _store, _refs, _bundle_rung):
        for fmt in formats:
            yield make(fmt, _GOLDEN[fmt])


def right_step(op: str, args: dict[str, Json], **ok: Json) -> CaseStep:
    """Return a step that expects ``ok`` with these members."""
    return CaseStep(op, args, {"ok": ok})


def _id(fmt: str, golden: _Golden) -> Rung:
    steps = (
        right_step("grit.id", {"format": fmt, "bytes": golden.empty}, id=golden.empty_id),
        right_step("grit.id", {"format": fmt, "bytes": encode_bytes(bytes(_LONGEST))}, id=golden.zeros_id),
    )
    return Rung(f"id {fmt}", steps, "the id is the hash of the whole object, header included, in lower-case hex")


def _decode(fmt: str, golden: _Golden) -> Rung:
    step = right_step("grit.decode", {"format": fmt, "bytes": golden.empty}, object=_EMPTY, id=golden.empty_id)
    return Rung(f"decode {fmt}", (step,), "bytes travel as base64url without padding; headers are a list of pairs")


def _reject(fmt: str, golden: _Golden) -> Rung:
    step = CaseStep("grit.decode", {"format": fmt, "bytes": golden.reject}, {"refused": golden.reject_class})
    words = "bytes that the encoder would not write are refused with a class; `error` is for faults of the adapter"
    return Rung(f"reject {fmt}", (step,), words)


def _encode(fmt: str, golden: _Golden) -> Rung:
    args: dict[str, Json] = {"format": fmt, "object": _EMPTY}
    step = right_step("grit.encode", args, bytes=golden.empty, id=golden.empty_id)
    return Rung(f"encode {fmt}", (step,), "encode and decode are each other's inverse")


def open_step(store: str, fmt: str) -> CaseStep:
    """Return the step that opens a new memory store."""
    return right_step("grit.open", {"store": store, "format": fmt, "backend": "memory", "create": True})


def _store(fmt: str, golden: _Golden) -> Rung:
    steps = (
        open_step("s", fmt),
        right_step("grit.put", {"store": "s", "bytes": golden.hello}, id=golden.hello_id),
        right_step("grit.get", {"store": "s", "id": golden.hello_id}, bytes=golden.hello),
        CaseStep("grit.get", {"store": "s", "id": golden.tree_id}, {"refused": "missing"}),
        right_step("grit.close", {"store": "s"}),
    )
    return Rung(f"store {fmt}", steps, "the suite chooses the handles; an object that was not put is missing")


def _filled(fmt: str, golden: _Golden) -> tuple[CaseStep, ...]:
    return (
        open_step("s", fmt),
        *_filling(golden),
    )


def _filling(golden: _Golden) -> tuple[CaseStep, ...]:
    change: Json = {"name": "tags/demo", "old": None, "new": golden.tree_id}
    return (
        right_step("grit.put", {"store": "s", "bytes": golden.hello}, id=golden.hello_id),
        right_step("grit.put", {"store": "s", "bytes": golden.tree}, id=golden.tree_id),
        right_step("grit.cas", {"store": "s", "changes": [change]}),
    )


def _listed(golden: _Golden) -> CaseStep:
    args: dict[str, Json] = {"store": "s", "prefix": "tags/", "after": None, "limit": 10}
    return right_step("grit.refs", args, refs=[["tags/demo", golden.tree_id]], more=False)


def _refs(fmt: str, golden: _Golden) -> Rung:
    again: Json = {"name": "tags/demo", "old": None, "new": golden.tree_id}
    steps = (
        *_filled(fmt, golden),
        CaseStep("grit.cas", {"store": "s", "changes": [again]}, {"refused": "rejected", "code": "conflict"}),
        _listed(golden),
        right_step("grit.close", {"store": "s"}),
    )
    return Rung(
        f"refs {fmt}", steps, "an update happens if every expected old value holds, else it is rejected: conflict"
    )


def _bundle_rung(fmt: str, golden: _Golden) -> Rung:
    steps = (
        *_filled(fmt, golden),
        right_step("grit.export", {"store": "s", "cursor": None}, bytes=golden.bundle, cursor=None),
        right_step("grit.close", {"store": "s"}),
    )
    return Rung(f"bundle {fmt}", steps, "reference lines ascend by name, frames by id; the digest covers all before it")


def reopening(claims: Claims, directory: str) -> tuple[tuple[CaseStep, ...], tuple[CaseStep, ...]] | None:
    """Return the requests before and after a restart of a durable store, or None if ``durable`` is not claimed."""
    formats = [fmt for fmt in _GOLDEN if fmt in claims.formats]
    if "durable" not in claims.features or not formats:
        return None
    golden = _GOLDEN[formats[0]]
    args: dict[str, Json] = {"store": "s", "format": formats[0], "backend": "durable", "dir": directory}
    before = (right_step("grit.open", {**args, "create": True}), *_filling(golden))
    after = (
        right_step("grit.open", {**args, "create": False}),
        _listed(golden),
        right_step("grit.close", {"store": "s"}),
    )
    return before, after
