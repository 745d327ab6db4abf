"""What programs and messages may do: paths, the five axes of containment, sending, entry tables, spawning."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Refusal
from gritstone.grit import ObjectId
from gritstone.image.requests import Request

from .stage import Program, Stage

WRITTEN = ["a", "a/b", "imagex", "Image", "codex", "~", "a%2fb", "x/image"]
RESERVED = ["image", "image/caps/x", "code/h", "wit", "wit_query", "wit_update/a", "src/t", "frozen", "wasm/state"]
NO_PATHS = ["", "/a", "a/", "a//b", ".", "a/../image"]


def outcome(stage: Stage, actor: ObjectId, program: Program) -> str:
    failure = stage.run_program(actor, program).failure
    return "committed" if failure is None else str(failure)


def writers(stage: Stage, at: str) -> list[Program]:
    """Return one program for each operation that changes a path."""
    return [
        Program().put(at, stage.text("v")),
        Program().write(at, b"v"),
        Program().add(at, 1),
        Program().delete(at),
        Program().read(0xF0, "n", at),
        Program().count(at, "+"),
    ]


@pytest.mark.parametrize("at", WRITTEN)
def test_path_can_be_written(stage: Stage, at: str) -> None:
    actor = stage.born(n="1")
    assert outcome(stage, actor, Program().put(at, stage.text("v"))) == "committed"
    assert stage.value(actor, at) == b"v"


@pytest.mark.parametrize("at", RESERVED)
def test_reserved_path_is_refused(stage: Stage, at: str) -> None:
    actor = stage.born(n="1")
    before = stage.engine.base.position(actor)
    assert {outcome(stage, actor, program) for program in writers(stage, at)} == {"rejected/location"}
    after = stage.engine.base.position(actor)
    assert before is not None
    assert after is not None
    assert before.step.core == after.step.core


@pytest.mark.parametrize("at", NO_PATHS)
def test_text_that_is_no_path_is_refused(stage: Stage, at: str) -> None:
    actor = stage.born(n="1")
    assert outcome(stage, actor, Program().write(at, b"v")) == "malformed/program"


@pytest.mark.parametrize(
    "data",
    [
        b"Z",
        b"Wx",
        b"W\x01a\x00\x05v",
        b"P\x01a\xf4",
        b"s\xf0q\x01a\xf0",
        b"c\x01n*",
        b"f\x00",
        b"f\x02A!",
        b"n\x00\x00",
    ],
)
def test_program_is_parsed_before_it_runs(stage: Stage, data: bytes) -> None:
    actor = stage.born(n="1")
    program = Program().write("a", b"1")
    program.data += data
    assert outcome(stage, actor, program) == "malformed/program"
    assert stage.value(actor, "a") is None
    code = stage.tree({"code": {"x": program}})
    assert str(stage.ask(actor, "image.install", code).failure) == "malformed/program"
    with pytest.raises(Refusal) as refused:
        stage.born(code={"x": program}, n="2")
    assert (refused.value.kind, refused.value.code) == ("malformed", "program")


# --- the five axes -------------------------------------------------------------------------------------


def attack(stage: Stage, **change: Any) -> tuple[str, bytes | None]:
    """Make an actor spend from a budget of another; return the outcome and the budget after it."""
    spend = Program().add("budget", -100)
    entry = {"spend": "*"} if change.get("entry", True) else {}
    end = Program().fail("late") if change.get("fails") else Program()
    spend.data += end.data
    owner = stage.born(entry=entry, code={"spend": spend}, budget="500")
    held = {f"send.{owner.hex()}.spend": stage.agent} if change.get("capability", True) else {}
    if "install" in change:
        held[f"send.{owner.hex()}.image.install"] = stage.agent
    caller = stage.born(caps=held, name="caller")
    program = change.get("program", lambda _: Program())(owner).send(owner, "j", "spend", stage.text("c"))
    if "install" in change:
        program.send(owner, "j", "image.install", stage.tree({"code": {"spend": Program()}}))
    return outcome(stage, caller, program), stage.value(owner, "budget")


def broken(_: ObjectId) -> Program:
    program = Program()
    program.data = b"\x00"
    return program


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({}, "committed"),
        ({"program": broken}, "malformed/program"),
        ({"program": lambda _: Program().write("code/spend", b"")}, "rejected/location"),
        ({"install": True}, "rejected/location"),
        ({"entry": False}, "rejected/entry"),
        ({"capability": False}, "rejected/capability"),
        ({"fails": True}, "rejected/late"),
    ],
)
def test_each_axis_stops_the_attack_alone(stage: Stage, change: dict[str, Any], result: str) -> None:
    assert attack(stage, **change) == (result, b"400" if result == "committed" else b"500")


# --- sending -------------------------------------------------------------------------------------------


def test_sending_is_checked_in_order(stage: Stage) -> None:
    other = stage.born(name="other")
    actor = stage.born(name="actor")
    unborn, note = stage.core(name="unborn"), stage.text("n")
    kernel, agent = stage.engine.kernel, stage.agent
    cases = [
        (unborn, "p", "failed", note, "malformed/mt"),
        (unborn, "p", "", note, "malformed/mt"),
        (unborn, "p", "on.e", note, "malformed/mt"),
        (unborn, "p", "image.op", note, "malformed/mt"),
        (unborn, "p", "x", unborn, "malformed/mt"),
        (unborn, "j", "genesis", note, "malformed/mt"),
        (unborn, "p", "genesis", unborn, "malformed/mode"),
        (unborn, "p", "image.grant", note, "malformed/mode"),
        (unborn, "p", "x", note, "missing/actor"),
        (kernel, "p", "x", note, "rejected/location"),
        (agent, "j", "x", note, "rejected/effect"),
        (unborn, "j", "genesis", unborn, "rejected/escalation"),
        (other, "p", "x", note, "rejected/capability"),
        (agent, "p", "effect.x", note, "rejected/capability"),
        (note, "p", "x", note, "rejected/failed"),
    ]
    found = [outcome(stage, actor, Program().send(to, mode, mt, content)) for to, mode, mt, content, _ in cases]
    assert found == [case[-1] for case in cases]


def test_sending_to_destroyed_actor_is_refused(stage: Stage) -> None:
    actor, other = stage.born(name="actor", caps={"send.*.*": stage.agent}), stage.born(name="other")
    assert stage.ask(other, "image.destroy", stage.blob(b"")).failure is None
    assert outcome(stage, actor, Program().send(other, "p", "x", stage.text("n"))) == "rejected/gone"
    with pytest.raises(Refusal) as refused:
        stage.ask(other, "genesis", other)
    assert (refused.value.kind, refused.value.code) == ("rejected", "gone")


def test_reply_and_own_messages_need_no_capability(stage: Stage) -> None:
    answer = Program().reply(stage.text("pong"))
    server = stage.born(name="server", entry={"ping": "*"}, code={"ping": answer})
    caps = {f"send.{server.hex()}.ping": stage.agent}
    client = stage.born(name="client", caps=caps, code={"reply": Program().put("answer", 0xF2)})
    assert outcome(stage, client, Program().send(server, "j", "ping", stage.text("n"))) == "committed"
    assert stage.value(client, "answer") == b"pong"
    assert outcome(stage, client, Program().send(0xF0, "j", "image.emit.e", stage.text("n"))) == "committed"


def test_entry_table_lists_senders(stage: Stage) -> None:
    allowed = stage.born(name="allowed", caps={"send.*.*": stage.agent})
    denied = stage.born(name="denied", caps={"send.*.*": stage.agent})
    server = stage.born(name="server", entry={"ping": allowed.hex()}, code={"ping": Program().add("n", 1)})
    ping = Program().send(server, "j", "ping", stage.text("n"))
    assert [outcome(stage, one, ping) for one in (allowed, denied)] == ["committed", "rejected/entry"]


# --- spawning ------------------------------------------------------------------------------------------


def test_spawned_actor_works_at_once(stage: Stage) -> None:
    parent = stage.born(caps={"spawn": stage.agent})
    tool = stage.core(owner=parent, entry={"go": parent.hex()}, code={"go": Program().add("n", 1)})
    program = Program().send(tool, "j", "genesis", tool).send(tool, "j", "go", stage.text("c"))
    assert outcome(stage, parent, program) == "committed"
    assert stage.value(tool, "n") == b"1"
    gained = f"image/caps/send.{tool.hex()}.image.*"
    assert stage.value(parent, gained) == parent.hex().encode()
    assert outcome(stage, parent, Program().send(tool, "j", "genesis", tool)) == "committed"


def test_spawned_actor_cannot_have_more_rights(stage: Stage) -> None:
    parent = stage.born(caps={"spawn": stage.agent, "send.*.pay": stage.agent})
    other = stage.born(name="other")
    cores = {
        "covered": stage.core(owner=parent, caps={f"send.{other.hex()}.pay": parent}),
        "uncovered": stage.core(owner=parent, caps={f"send.{other.hex()}.pays": parent}),
        "granter": stage.core(owner=parent, caps={f"send.{other.hex()}.pay": other}),
        "owner": stage.core(owner=other, name="x"),
        "principal": stage.core(name="y"),
        "program": stage.core(owner=parent, code={"x": broken(other)}),
    }
    found = {name: outcome(stage, parent, Program().send(core, "j", "genesis", core)) for name, core in cores.items()}
    denied = dict.fromkeys(("uncovered", "granter", "owner", "principal"), "rejected/escalation")
    assert found == {"covered": "committed", "program": "malformed/program", **denied}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"wit": "external:puppet/1"}, "rejected/import"),
        ({"frozen": ""}, "malformed/core"),
        ({"wit_update": "external:image/1"}, "malformed/core"),
        ({"caps": {"send.*": b"\x01" * 32}}, "malformed/capability"),
        ({"entry": {"image.grant": "*"}}, "malformed/core"),
        ({"entry": {"x": "-"}}, "malformed/core"),
        ({"owner": b"\x01" * 32}, "missing/actor"),
    ],
)
def test_invalid_core_is_refused_before_any_step(stage: Stage, change: dict[str, Any], what: str) -> None:
    seq = stage.engine.seq
    with pytest.raises(Refusal) as refused:
        stage.born(**change)
    assert f"{refused.value.kind}/{refused.value.code}" == what
    assert stage.engine.seq == seq


def test_code_is_pinned_for_an_operation(stage: Stage) -> None:
    new = stage.tree({"code": {"go": Program().write("v", b"new")}})
    old = Program().write("v", b"old")
    caps = {"send.*.image.*": stage.agent}
    actor = stage.born(code={"go": old}, caps=caps)
    program = Program().send(0xF0, "j", "image.install", new).send(0xF0, "j", "go", stage.text("c"))
    assert outcome(stage, actor, program) == "committed"
    assert stage.value(actor, "v") == b"old"
    assert stage.ask(actor, "go", stage.text("c")).failure is None
    assert stage.value(actor, "v") == b"new"


def test_read_needs_a_capability_and_is_recorded(stage: Stage) -> None:
    other = stage.born(name="other")
    reader = stage.born(caps={f"read.{other.hex()}": stage.agent}, kept="1")
    denied = stage.born(name="denied")
    program = Program().read(other, "name", "copy").read(other, "absent", "kept")
    assert outcome(stage, denied, program) == "rejected/capability"
    assert outcome(stage, reader, program) == "committed"
    assert stage.value(reader, "copy") == b"other"
    assert stage.value(reader, "kept") is None
    position = stage.engine.base.position(other)
    assert position is not None
    assert f"read {other.hex()} {position.step_id.hex()}\n" in stage.record_text(stage.engine.seq)
    assert outcome(stage, reader, Program().read(stage.agent, "name", "copy")) == "rejected/location"


# --- the outside ---------------------------------------------------------------------------------------


def test_outside_is_checked_before_any_step(stage: Stage) -> None:
    actor, note = stage.born(), stage.text("n")
    kernel, unborn = stage.engine.kernel, stage.core(name="unborn")
    cases = [
        (actor, [("mt", "reply")], note, "malformed/mt"),
        (actor, [("mt", "receipt")], note, "malformed/mt"),
        (actor, [], note, "malformed/mt"),
        (actor, [("mt", "x"), ("op", "join")], note, "malformed/mode"),
        (actor, [("mt", "x"), ("key", "k")], note, "malformed/mode"),
        (unborn, [("mt", "x")], note, "missing/actor"),
        (kernel, [("mt", "x")], note, "rejected/location"),
        (stage.agent, [("mt", "x")], note, "rejected/location"),
    ]
    seq = stage.engine.seq
    found = []
    for to, headers, content, _ in cases:
        with pytest.raises(Refusal) as refused:
            stage.request([Request(to, headers, content)])
        found.append(f"{refused.value.kind}/{refused.value.code}")
    assert found == [case[-1] for case in cases]
    assert stage.engine.seq == seq
    stage.wait(stage.runtime.inject(actor, note, [("mt", "x")]))
    with pytest.raises(Refusal) as refused:
        stage.ask(actor, "x", note)
    assert refused.value.code == "order"
    for headers, signal in (([("mt", "x")], True), ([("mt", "image.grant")], False)):
        with pytest.raises(Refusal) as refused:
            stage.wait(stage.runtime.inject(actor, note, headers, signal=signal))
        assert refused.value.code == "mode"
