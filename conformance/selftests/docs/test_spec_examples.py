"""Every example in the text of the spec is run against the suite's own codec."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import to_json

_EXAMPLE = re.compile(r"^\.\. example:: *(.+)\n\n((?:   .*\n)+)", re.MULTILINE)


def read_examples() -> list[tuple[str, dict[str, str]]]:
    """Return (page/name, members) of every example directive."""
    found = []
    for page in sorted(spec_dir().rglob("*.rst")):
        for name, body in _EXAMPLE.findall(page.read_text(encoding="utf-8")):
            members = dict(line.strip().split(": ", 1) for line in body.splitlines())
            found.append((f"{page.stem}/{name}", members))
    return found


EXAMPLES = read_examples()


def test_there_are_examples_in_both_formats() -> None:
    directives = sum(page.read_text(encoding="utf-8").count(".. example::") for page in Path(spec_dir()).rglob("*.rst"))
    assert len(EXAMPLES) == directives >= 10
    assert {members["format"] for _, members in EXAMPLES} == {"framed-sha256", "cbor-blake3"}


@pytest.mark.parametrize(("name", "members"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_example_matches_the_codec(name: str, members: dict[str, str]) -> None:
    fmt = FORMATS[members["format"]]
    data = bytes.fromhex(members["bytes"].replace(" ", ""))
    if "refused" in members:
        with pytest.raises(Refusal) as refused:
            fmt.decode(data)
        assert refused.value.kinds == {members["refused"]}, name
    else:
        value = fmt.decode(data)
        assert to_json(value) == json.loads(members["object"]), name
        assert fmt.encode(value) == data
        assert fmt.hash(data).hex() == members["id"]


def test_figure_of_an_object_shows_the_example() -> None:
    texts = re.findall(
        r"<text[^>]*>([^<]*)</text>", (spec_dir() / "figures" / "object.svg").read_text(encoding="utf-8")
    )
    cbor = next(members for name, members in EXAMPLES if name == "objects/cbor-blob-hello")
    assert " ".join(text for text in texts if re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})+", text)) == cbor["bytes"]
    parts = [part for text in texts if text.startswith(("blob SP", "ct NUL", "hello")) for part in text.split()]
    framed = next(members for name, members in EXAMPLES if name == "objects/framed-blob-hello")
    named = {"SP": b" ", "NUL": b"\0"}
    assert b"".join(named.get(part, part.encode()) for part in parts).hex() == framed["bytes"].replace(" ", "")
    shown = [text.removeprefix("id ").split("…") for text in texts if text.startswith("id ")]
    assert [(len(first), len(last)) for first, last in shown] == [(8, 6), (8, 6)]
    for (first, last), members in zip(shown, (framed, cbor), strict=True):
        assert members["id"].startswith(first)
        assert members["id"].endswith(last)


def test_introduction_ids_match_the_puppet_chapter() -> None:
    puppet = (spec_dir() / "wit" / "puppet.rst").read_text(encoding="utf-8")
    ids = re.findall(r"step\s+([0-9a-f]{8})\.\.\.", (spec_dir() / "introduction.rst").read_text(encoding="utf-8"))
    assert len(ids) == 2
    assert all(f" {start}" in puppet for start in ids)
