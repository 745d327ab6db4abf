"""What an audit reports about an image: actors, operations, and denials by axis of containment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gritstone_conformance.auditing.images import AXES, axis_of, image_lines
from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.cli import main
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import Verdict
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.record import Failed
from selftests.model.image_scene import Scene


@pytest.fixture
def scene(fmt: Format) -> Scene:
    """Return an image in which one denial of each axis has happened, the last one within a savepoint."""
    scene = Scene(fmt)
    people = scene.people("AB")
    a, b = people["A"], people["B"]
    weak = scene.core("weak", a, entry={"run": "*"})
    assert scene.request(weak, "genesis", weak) is None
    assert scene.request(a, "run", scene.tree({"program": scene.blob(b"Q")})) == "malformed/program"
    assert scene.run(a, op.write("code/x", b"y")) == "rejected/location"
    assert scene.run(a, op.send(0, "join", "closed", 0), o00=b) == "malformed/mt"
    assert scene.run(a, op.send(0, "join", "closed", 1), o00=b, o01=scene.blob()) == "rejected/entry"
    assert scene.run(weak, op.send(0, "join", "run", 1), o00=b, o01=scene.blob()) == "rejected/capability"
    assert scene.request(a, "run", scene.play([("save", b, [op.fail()])])) is None
    assert scene.request(weak, "image.destroy", scene.blob()) is None
    return scene


def test_the_lines_show_actors_operations_and_denials(scene: Scene) -> None:
    verdict = scene.judge(at_rest=True)
    assert verdict.findings == []
    lines = list(image_lines(verdict))
    assert lines[0] == "actors: 2, 2 principals, 1 gone"
    assert sorted(line.split("  ")[2] for line in lines[1:3]) == ["principal, A, 7 steps", "principal, B, 2 steps"]
    assert lines[3] == "operations: 5 committed, 5 failed, 1 savepoint undone"
    assert lines[4] == "denials: language 1 · location 1 · invocation 1 · capability 1 · rollback 2"
    assert [line.split()[1:4] for line in lines[5:]] == [
        ["4", "language", "malformed/program"],
        ["5", "location", "rejected/location"],
        ["6", "rollback", "malformed/mt"],
        ["7", "invocation", "rejected/entry"],
        ["8", "capability", "rejected/capability"],
        ["9", "rollback", "rejected/failed"],
    ]


def test_long_lists_are_cut(fmt: Format) -> None:
    scene = Scene(fmt)
    people = scene.people("ABCDEFGHIJKL")
    for _ in range(13):
        assert scene.run(people["A"], op.fail_with("no")) == "rejected/no"
    lines = list(image_lines(scene.judge()))
    assert lines[11] == "  and 2 more"
    assert lines[-1] == "  and 3 more"
    assert lines[-12] == "denials: language 0 · location 0 · invocation 0 · capability 0 · rollback 13"


def test_a_name_that_could_control_a_terminal_is_not_printed(fmt: Format) -> None:
    scene = Scene(fmt)
    scene.people("\x1b")
    assert not any("\x1b" in line for line in image_lines(scene.judge()))


def test_another_store_has_no_lines() -> None:
    assert image_lines(Verdict()) == ()


def test_each_axis_has_the_failures_of_the_specification() -> None:
    listed = {
        f"{one['class']}/{one['code']}"
        for one in json.loads((spec_dir() / "image/refusals.json").read_text())["refusals"]
    }
    by_axis = {axis: {one for one in listed if axis_of(Failed(*one.split("/"))) == axis} for axis in AXES}
    assert by_axis["language"] == {"malformed/program", "rejected/import"}
    assert by_axis["location"] == {"rejected/location"}
    assert by_axis["invocation"] == {"rejected/entry"}
    quotas = {f"exhausted/{one}" for one in ("actors", "bytes", "fuel", "posts", "subs", "timers")}
    assert by_axis["capability"] == {"rejected/capability", "rejected/escalation"} | quotas


def test_the_command_prints_the_lines(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("image.grit").write_bytes(scene.store.export())
    assert main(["audit", "image.grit", "--at-rest"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert list(image_lines(scene.judge())) == printed[2:-1]
    assert printed[-1].startswith("bundle ok")
