"""The golden ids of the specification: cores, records and worlds of one image, in both formats."""

from __future__ import annotations

import re
from pathlib import Path

from gritstone.image.requests import past_world
from gritstone.image.texts import text_blob
from gritstone.image.worlds import world_root

from .stage import Program, Stage

SPEC = Path(__file__).resolve().parents[3] / "spec" / "image" / "record.rst"
WORLDS = {
    "framed-sha256": {
        0: "ff252fc9d8f18133489c9ace84e4d1186aa759ae0b075e097e252ed0f680df18",
        1: "ab1de267162cc53dacf8b5f9ab969e1cc81c617eadce2db3f3c10a617c9aee3c",
        3: "73ee419277deb75d91264d5bf683d3b1cc17d5318c52f8ae47c36347c97abc40",
        5: "622dc2e7e287ddcba00f5f2a0de2efe4be3d61fd5d7e609be93ee9508682f40c",
        8: "cdea28842a2fea6093af2c7b5a3d7916f41b25db35a7df6a860be148d56b2243",
        9: "96ce704a668e3d60c1dbf141121a16ab41873d74bdaf688de9bd9a584885811e",
    },
    "cbor-blake3": {
        0: "842594a5b08391c69b7f2721ce5b7808c913db9ec65b8e19f7612f594c878740",
        1: "3e91aed8a3439437ff76ef35e2e1bbef23e0887ffc256b0058f2096aef394033",
        3: "89bd8d06fa64feb7101b79660a693c89943875b2bd9c9a64eecc86708df0b4a6",
        5: "f2a9842d34c74d806347a7542c4a6b73b99d79fb336a82d771f76f4fb4942959",
        8: "06c8813acc740814137f851d47b813b258c21d32e7aee088d8f5086130560f31",
        9: "ac938504e284c7262ba571e52fde8df6859faa032e5b3bd1e2045dcf223b7051",
    },
}


def golden(format_name: str) -> dict[str, str]:
    """Return the ids that the chapter on records lists for a format."""
    text = SPEC.read_text()
    part = text[text.index("Golden records") :]
    block = part[part.index(f"   {format_name}\n") :].split("\n\n", 1)[0]
    return dict(re.findall(r"^   (A|record \d)\s+([0-9a-f]{64})$", block, re.MULTILINE))


def test_golden_image(stage: Stage) -> None:
    format_ = stage.store.format
    ids = golden(format_.name)
    actor = stage.core(n="1")
    assert actor.hex() == ids["A"]
    assert stage.ask(actor, "genesis", actor).failure is None
    assert stage.ask(actor, "image.grant", stage.text("spawn")).failure is None
    assert str(stage.ask(actor, "image.grant", stage.text("send.*")).failure) == "malformed/capability"
    assert stage.clock(1_000) == 4
    program = Program().add("x", 2).send(0xF0, "j", "image.timer", stage.text("50 tick"))
    assert stage.run_program(actor, program).failure is None
    code = stage.tree({"code": {"tick": Program().add("x", 40)}})
    assert stage.ask(actor, "image.install", code).failure is None
    assert stage.clock(1_050) == 7
    assert stage.rest() == 1
    assert stage.value(actor, "x") == b"42"
    assert stage.ask(actor, "image.destroy", stage.blob(b"")).failure is None
    found = {f"record {seq}": stage.put(text_blob(stage.record_text(seq))).hex() for seq in range(1, 10)}
    assert {"A": actor.hex(), **found} == ids
    roots = {seq: world_root(past_world(stage.engine, seq), format_).hex() for seq in WORLDS[format_.name]}
    assert roots == WORLDS[format_.name]
