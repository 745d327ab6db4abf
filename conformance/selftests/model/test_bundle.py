"""The model's bundles: golden bytes, every condition, and large files."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.model.bundle import read, scan, write, write_file
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, FRAMED_SHA256, Format, other_format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.transcode import transcode
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.strategies.bundle_faults import redigest, spell
from gritstone_conformance.strategies.graphs import Graph, chain, nested

LIMITS = {"object_bytes": 1 << 20, "tree_depth": 1024}


def demo(fmt: Format) -> Graph:
    graph = Graph(fmt)
    leaf = graph.add(Blob((("ct", "s"),), b"hello"))
    graph.references["tags/demo"] = graph.add(Tree((("greeting", leaf),)))
    return graph


@pytest.mark.parametrize(
    ("fmt", "size", "digest"),
    [
        (FRAMED_SHA256, 82, "bc3e958e781d6273f836b565dc9d64a14b21c90fb8b60750e644ff4f050f294b"),
        (CBOR_BLAKE3, 80, "6d2278b3c418105b066466ef697364c37d564984ed4b4ade84419182fc15075e"),
    ],
    ids=FORMATS,
)
def test_empty_bundle_has_the_golden_digest(fmt: Format, size: int, digest: str) -> None:
    data = write(fmt, {}, {})
    assert (len(data), data[-32:].hex()) == (size, digest)
    assert not read(data, fmt).places


@pytest.mark.parametrize(
    ("fmt", "size", "digest", "erased_size", "erased_digest"),
    [
        (
            FRAMED_SHA256,
            *(247, "122b48beacb82d528cac7c3cbe52bdbe9de6ce4f313f095968f882a9821c0dd2"),
            *(252, "026b6c017ef58bdefefe89e9f1feba6af3530519b25414204ff31a47c5ec0884"),
        ),
        (
            CBOR_BLAKE3,
            *(237, "d13cdd75f307e00e205cfe51aa57d30ffc37f5ea4d25d51baef59afb9b9fb239"),
            *(247, "2d8cf1da5814b6d86dd566e0bd47a3ed40052e8e26a76f5744cd393bec445658"),
        ),
    ],
    ids=FORMATS,
)
def test_demo_bundle_has_the_golden_digest(
    fmt: Format, size: int, digest: str, erased_size: int, erased_digest: str
) -> None:
    graph = demo(fmt)
    data = graph.bundle()
    assert (len(data), data[-32:].hex()) == (size, digest)
    leaf = graph.of_kind("blob")[0]
    erased = write(fmt, graph.references, {**graph.encodings, leaf: None})
    assert (len(erased), erased[-32:].hex()) == (erased_size, erased_digest)
    assert read(erased).objects == 1
    assert transcode(data, fmt, other_format(fmt), **LIMITS) == demo(other_format(fmt)).bundle()
    assert write(fmt, read(data).references, read(data).frames()) == data


def conditions(data: bytes, fmt: Format | None = None, **limits: Any) -> set[tuple[str, str | None]]:
    return {(defect.kind, defect.code) for defect in scan(data, fmt, **limits).defects}


def test_defects_of_the_lines_are_reported() -> None:
    data = demo(FRAMED_SHA256).bundle()
    malformed, digest = {("malformed", None)}, {("invalid", "digest")}
    assert conditions(b"") == conditions(data[:30]) == conditions(b"x" + data) == malformed
    assert conditions(data.replace(b"format framed", b"format  framed")) == malformed
    assert conditions(data, CBOR_BLAKE3) == {("rejected", "format")}
    assert conditions(data.replace(b"framed-sha256", b"unknown")) == {("rejected", "format")}
    assert conditions(data.replace(b"ref tags/", b"ref  tags/")) == malformed | digest
    assert conditions(redigest(FRAMED_SHA256, data.replace(b"tags/demo", b"tags/Demo"))) == {("invalid", None)}
    assert conditions(redigest(FRAMED_SHA256, data.replace(b"tags/demo", b"actors/demo"))) == set()
    assert conditions(redigest(FRAMED_SHA256, data.replace(b"tags/demo", b"heads/demo"))) == {("invalid", None)}


def test_defects_of_the_frames_are_reported() -> None:
    data = demo(FRAMED_SHA256).bundle()
    assert conditions(data + b"x") == {("malformed", None), ("invalid", "digest")}
    assert conditions(data[:-1]) == {("malformed", None), ("invalid", "digest")}
    assert conditions(data, object_bytes=20) == {("exhausted", None)}
    assert conditions(redigest(FRAMED_SHA256, data.replace(b"hello", b"hellp"))) == {("invalid", None)}
    assert conditions(redigest(FRAMED_SHA256, data[:-33] + b"\3" + data[-32:])) == {("invalid", None)}
    assert conditions(data[:-1] + bytes((data[-1] ^ 1,))) == {("invalid", "digest")}
    spoiled = redigest(FRAMED_SHA256, data.replace(b"blob 11", b"blob 12"))
    assert conditions(spoiled) == {("malformed", None), ("invalid", None)}


def test_every_prefix_is_malformed_or_has_a_wrong_digest() -> None:
    data = demo(CBOR_BLAKE3).bundle()
    for length in range(len(data)):
        assert conditions(data[:length]) <= {("malformed", None), ("invalid", "digest")}, length


def test_bundle_that_ends_in_its_trailer_is_truncated() -> None:
    data = demo(FRAMED_SHA256).bundle()
    for length in range(len(data) - 41, len(data)):
        rules = {defect.rule for defect in scan(data[:length]).defects}
        assert (length, "grit.bundle.truncated" in rules) == (length, True)
    assert scan(data).defects == []


def test_defects_of_the_graph_are_reported() -> None:
    graph = demo(CBOR_BLAKE3)
    target = next(iter(graph.references.values()))
    leaf = graph.of_kind("blob")[0]
    lines = [f"ref tags/a {target.hex()}"]
    frames = {each: b"o" + len(data).to_bytes(8) + data for each, data in graph.encodings.items()}
    whole = [frames[each] for each in sorted(frames)]
    assert conditions(spell(CBOR_BLAKE3, lines, whole)) == set()
    assert conditions(spell(CBOR_BLAKE3, lines, [frames[target]])) == {("invalid", None)}
    assert conditions(spell(CBOR_BLAKE3, [], whole)) == {("invalid", None)}
    assert conditions(spell(CBOR_BLAKE3, lines, whole[::-1])) == {("invalid", None)}
    assert conditions(spell(CBOR_BLAKE3, lines * 2, whole)) == {("invalid", None)}
    assert conditions(spell(CBOR_BLAKE3, lines, [*whole[:1], *whole])) == {("invalid", None)}
    assert conditions(spell(CBOR_BLAKE3, lines, [b"x" + bytes(32), *whole])) == {("invalid", None)}
    buried = [b"x" + each if each == leaf else frames[each] for each in sorted(frames)]
    assert conditions(spell(CBOR_BLAKE3, lines, buried)) == set()
    misled = Graph(CBOR_BLAKE3, dict(graph.values), dict(graph.encodings))
    misled.references["tags/x"] = misled.add(Message(leaf, (), target))
    assert conditions(misled.bundle()) == {("invalid", None)}


def test_nesting_depth_counts_nested_trees() -> None:
    assert conditions(nested(CBOR_BLAKE3, 1024).bundle(), tree_depth=1024) == set()
    assert conditions(nested(CBOR_BLAKE3, 1025).bundle(), tree_depth=1024) == {("exhausted", None)}


def test_long_chains_are_read_without_recursion(fmt: Format) -> None:
    assert read(chain(fmt, 5_000).bundle(), fmt).objects == 5_001


def test_file_is_read_in_place(tmp_path: Path) -> None:
    graph = chain(FRAMED_SHA256, 50)
    path = tmp_path / "export.grit"
    size = write_file(path, FRAMED_SHA256, graph.references, sorted(graph.encodings.items()))
    assert path.read_bytes() == graph.bundle()
    assert size == path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        assert read(raw).objects == 51


def test_transcode_rejects_invalid_bundles() -> None:
    graph = demo(CBOR_BLAKE3)
    leaf = graph.of_kind("blob")[0]
    erased = write(CBOR_BLAKE3, graph.references, {**graph.encodings, leaf: None})
    for target in FORMATS.values():
        with pytest.raises(Refusal) as refused:
            transcode(erased, CBOR_BLAKE3, target, **LIMITS)
        assert [(each.kind, each.code) for each in refused.value.defects] == [("missing", "erased")]
    graph.references["tags/wide"] = graph.add(Tree((("\u00e9", leaf),)))
    with pytest.raises(Refusal) as refused:
        transcode(graph.bundle(), CBOR_BLAKE3, FRAMED_SHA256, **LIMITS)
    assert refused.value.kinds == {"invalid"}
    assert transcode(graph.bundle(), CBOR_BLAKE3, CBOR_BLAKE3, **LIMITS) == graph.bundle()


def test_unknown_format_is_reported_before_a_bad_reference(fmt: Format) -> None:
    data = b"gritstone bundle 1\nformat framed\nsha256\n\nz" + bytes(40)
    assert {defect.kind for defect in scan(data, fmt).defects} == {"rejected", "malformed"}
