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
def test_example_holds(name: str, members: dict[str, str]) -> None:
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
