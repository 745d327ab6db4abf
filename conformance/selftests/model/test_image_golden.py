"""The golden image of the spec, made by the model of images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image import spelling
from gritstone_conformance.model.image.world import read_record
from selftests.model.image_scene import Scene

QUOTA = {"actors": 10}


def listed(chapter: str, fmt: Format, label: str) -> list[str]:
    """Return the ids that a chapter lists under numbered labels, in order."""
    text = (Path(spec_dir()) / "image" / f"{chapter}.rst").read_text(encoding="utf-8")
    found = []
    for block in re.findall(rf"   {fmt.name}\n((?:   .*\n)+)", text):
        found += re.findall(rf"   {label} +\d+.* +([0-9a-f]{{64}})\n", block)
    return found


@pytest.fixture
def golden(fmt: Format) -> Scene:
    """Return the image after its nine operations."""
    scene = Scene(fmt)
    code = scene.text("external:image/1")
    quota = scene.text("actors 10\nbytes 1000000\nfuel 100000\nposts 1000\nsubs 100\ntimers 100\n")
    image = scene.tree({"owner": scene.text("self"), "quota": quota})
    actor = scene.tree({"wit": code, "wit_query": code, "n": scene.text("1"), "image": image})
    assert scene.request(actor, "genesis", actor) is None
    assert scene.request(actor, "image.grant", scene.text("spawn")) is None
    assert scene.request(actor, "image.grant", scene.text("send.*")) == "malformed/capability"
    scene.image.clock(1000)
    ops = spelling.add("x", 2) + spelling.send(spelling.ACTOR, "join", "image.timer", 0)
    assert scene.run(actor, ops, o00=scene.text("50 tick")) is None
    ticking = scene.tree({"tick": scene.program(spelling.add("x", 40))})
    assert scene.request(actor, "image.install", scene.tree({"code": ticking})) is None
    scene.image.clock(1050)
    scene.rest()
    assert scene.data(actor, "x") == b"42"
    assert scene.request(actor, "image.destroy", scene.blob()) is None
    return scene


def test_worlds_have_the_roots_of_the_spec(golden: Scene, fmt: Format) -> None:
    roots = [golden.image.world(seq, None, 1)[1].hex() for seq in range(10)]
    assert roots == listed("examples", fmt, "world")


def test_records_have_the_ids_of_the_spec(golden: Scene, fmt: Format) -> None:
    records, more = golden.image.log(1, 100)
    assert [golden.text(record.decode()).hex() for record in records] == listed("record", fmt, "record")
    assert not more


def test_steps_are_those_of_the_spec(golden: Scene, fmt: Format) -> None:
    ((actor, head),) = golden.image.state.world.gone.items()
    steps = [head]
    while (previous := golden.image.runtime.shelf.step(steps[-1]).previous) is not None:
        steps.append(previous)
    assert [step.hex() for step in reversed(steps)] == listed("examples", fmt, "step")
    assert golden.store.references[f"gone/{actor.hex()}"] == head


def test_golden_image_is_a_legal_history(golden: Scene) -> None:
    verdict = golden.judge(at_rest=True)
    assert verdict.findings == []
    assert verdict.unverified == []
    counts = verdict.operations
    assert (counts.computed, counts.without_roots, counts.unverified) == (7, 2, 0)


def test_record_of_the_start_is_that_of_operation_0(golden: Scene) -> None:
    first = golden.image.world(0, None, 100)[2]
    kernel = golden.image.kernel.hex()
    step = dict(first)[f"heads/{kernel}"]
    assert read_record(golden.image.runtime.shelf, step).outcome == "genesis"
