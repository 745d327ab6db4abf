"""The model of images: what it refuses where no vector leads, each with the one condition that decides it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.contents import TEXT
from gritstone_conformance.model.image.denial import within_limits
from gritstone_conformance.model.image.law import KERNEL
from gritstone_conformance.model.image.record import NotRecord, parse_record
from gritstone_conformance.model.image.world import FIRST_RECORD, first_entry, read_record
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.model.journal import live
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.refusals import Refusal, exhausted, missing
from gritstone_conformance.model.values import Blob, Message, Step
from gritstone_conformance.replies import Ok, Refused
from selftests.model.image_scene import Scene

START = {"agent": "test", "clock": "suite", "base_ms": 0, "cap_ms": 0, "max_attempts": 1}
IMAGE = Refused("rejected", "image")


@pytest.fixture
def scene(fmt: Format) -> Scene:
    return Scene(fmt)


def test_number_of_a_record_has_a_largest_value() -> None:
    text = FIRST_RECORD.encode().decode()
    assert parse_record(text.replace("clock 0", f"clock {2**63 - 1}").encode()).clock == 2**63 - 1
    with pytest.raises(NotRecord, match="above"):
        parse_record(text.replace("clock 0", f"clock {2**63}").encode())


def test_object_above_a_limit_is_a_failure_and_another_defect_is_not() -> None:
    above, other = exhausted("grit.limits", "too long"), missing("grit.get", "absent")
    assert str(within_limits(Refusal([above]))) == "exhausted/exhausted"
    with pytest.raises(Refusal):
        within_limits(Refusal([above, other]))


def test_core_deeper_than_a_tree_may_be_is_a_failure(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (actor,) = scene.people("A").values()
    tree = scene.tree({"x": scene.blob()})
    for _ in range(3):
        tree = scene.tree({"x": tree})
    monkeypatch.setattr(type(scene.store.limits), "tree_depth", 6, raising=False)
    put = op.put("a/b/c/d", 0)
    assert scene.run(actor, op.put("a", 0), o00=tree) is None
    assert scene.run(actor, put, o00=tree) == "exhausted/exhausted"


# --- the kernel actor ------------------------------------------------------------


def kernel_step(scene: Scene, kind: str, *messages: bytes) -> object:
    """Return the step of K that covers messages of R."""
    last = scene.store.references[f"heads/{scene.image.kernel.hex()}"]
    covered = tuple((scene.agent, message) for message in messages)
    shelf = scene.image.runtime.shelf
    return KERNEL.step(shelf, Context(scene.image.kernel), Proposal(kind, covered), last)


def record(scene: Scene, mt: str = "image.op", content: bytes | None = None) -> bytes:
    """Return a message with a record."""
    text = scene.text("image-op 1\n") if content is None else content
    return scene.put(Message(None, (("mt", mt),), text))


def test_kernel_actor_keeps_a_record(scene: Scene) -> None:
    assert kernel_step(scene, "ordinary", record(scene))


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("ordinary", lambda scene: (record(scene), record(scene, content=scene.blob()))),
        ("update", lambda scene: (record(scene),)),
        ("ordinary", lambda scene: (record(scene, mt="run"),)),
        ("ordinary", lambda scene: (record(scene, content=scene.tree({"a": scene.blob()})),)),
    ],
    ids=["two", "update", "type", "tree"],
)
def test_kernel_actor_keeps_nothing_else(
    scene: Scene, kind: str, messages: Callable[[Scene], tuple[bytes, ...]]
) -> None:
    with pytest.raises(Failure):
        kernel_step(scene, kind, *messages(scene))


@pytest.mark.parametrize("entry", ["absent", "tree", "headers"])
def test_core_of_the_kernel_actor_without_a_record(scene: Scene, entry: str) -> None:
    shelf = scene.image.runtime.shelf
    wrong = {"tree": scene.tree({"a": scene.blob()}), "headers": scene.put(Blob((), FIRST_RECORD.encode()))}
    entries = {"wit": scene.text("external:image-kernel/1")} | ({"op": wrong[entry]} if entry in wrong else {})
    step = shelf.put(Step(None, scene.image.kernel, None, None, scene.tree(entries)))
    with pytest.raises(NotRecord, match="no text blob"):
        read_record(shelf, step)


def test_record_that_is_lost_is_refused(scene: Scene) -> None:
    shelf = scene.image.runtime.shelf
    text = scene.put(Blob(TEXT, FIRST_RECORD.encode() + b" "))
    entries = {"wit": scene.text("external:image-kernel/1"), "op": text}
    step = shelf.put(Step(None, scene.image.kernel, None, None, scene.tree(entries)))
    del scene.store.objects[text]
    with pytest.raises(Refusal) as caught:
        read_record(shelf, step)
    assert caught.value.defects[0].kind == "missing"


# --- starts, room, and the outside ------------------------------------------------------------


class Served:
    """A client of the model host with one store."""

    def __init__(self, fmt: Format) -> None:
        self.host = ImageHost()
        self.host.ask("grit.open", {"store": "s", "format": fmt.name, "backend": "memory", "create": True})

    def start(self, schedule: str) -> Any:
        return self.host.ask("runtime.start", {"store": "s", "runtime": "r", "schedule": schedule, **START})


def test_image_is_served_by_a_free_schedule_only(fmt: Format) -> None:
    served = Served(fmt)
    assert isinstance(served.start("chosen"), Ok)
    assert served.host.ask("image.start", {"runtime": "r"}) == IMAGE
    assert isinstance(served.host.ask("runtime.stop", {"runtime": "r", "how": "drain"}), Ok)
    assert isinstance(served.start("free"), Ok)
    assert isinstance(served.host.ask("image.start", {"runtime": "r"}), Ok)
    assert isinstance(served.host.ask("runtime.stop", {"runtime": "r", "how": "drain"}), Ok)
    assert served.start("chosen") == IMAGE


@pytest.mark.parametrize("name", ["wasm.release", "wasm.adopt"])
def test_actor_of_an_image_is_not_handed_off(fmt: Format, name: str) -> None:
    served = Served(fmt)
    served.start("free")
    served.host.ask("image.start", {"runtime": "r"})
    actor = "00" * 32
    assert served.host.ask(name, {"store": "s", "actor": actor, "bundle": "", "bytes": ""}) == IMAGE


def test_store_whose_agent_made_a_step_is_not_fresh(fmt: Format) -> None:
    scene = Scene(fmt, begins=False)
    agent, shelf = scene.agent, scene.image.runtime.shelf
    first = scene.store.references[f"heads/{agent.hex()}"]
    second = shelf.put(Step(first, agent, None, None, agent))
    shelf.flush(scene.store)
    scene.store.references[f"heads/{agent.hex()}"] = second
    assert scene.denial(scene.image.start) == "rejected/image"


@pytest.mark.parametrize("space", ["heads", "failed", "archived", "closed", "gone", "moved", "adopted"])
def test_store_with_another_actor_is_not_fresh(fmt: Format, space: str) -> None:
    scene = Scene(fmt, begins=False)
    scene.store.references[f"{space}/{'ab' * 32}"] = scene.blob()
    assert scene.denial(scene.image.start) == "rejected/image"


def test_image_needs_room_for_its_references(fmt: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(fmt, begins=False)
    limits = scene.store.limits
    monkeypatch.setattr(type(limits), "refs", len(scene.store.references), raising=False)
    assert scene.denial(scene.image.start) == "exhausted/None"
    monkeypatch.setattr(type(limits), "refs", len(scene.store.references) + 1, raising=False)
    scene.image.start()
    before = dict(scene.store.references)
    core = scene.core("A")
    assert scene.denial(scene.request, core, "genesis", core) == "exhausted/None"
    assert scene.store.references == before


def test_rollback_has_at_most_a_thousand_roots(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.people("ABC")
    seq = scene.image.state.seq
    monkeypatch.setattr(live, "MOST_STEPS", 2)
    assert scene.denial(scene.image.rollback, 0) == "exhausted/steps"
    monkeypatch.setattr(live, "MOST_STEPS", 3)
    assert scene.image.rollback(0) == (seq + 1, None)


def test_form_of_a_message_is_judged_before_its_receiver(scene: Scene) -> None:
    core, twice = scene.core("unborn"), (("mt", "run"), ("mt", "run"))
    assert scene.denial(scene.image.request, [(core, (("mt", "run"),), scene.program())]) == "missing/actor"
    assert scene.denial(scene.image.request, [(core, twice, scene.program())]) == "invalid/None"


def test_message_whose_content_is_absent_is_refused(scene: Scene) -> None:
    (actor,) = scene.people("A").values()
    assert scene.denial(scene.image.request, [(actor, (("mt", "run"),), b"\1" * 32)]).startswith("missing/")


def cut_agent(scene: Scene) -> bytes:
    """Return the head of an agent whose chain was cut."""
    agent, shelf = scene.agent, scene.image.runtime.shelf
    headers = (("mt", "cleanup"), ("cut", "ab" * 32))
    note = shelf.put(Message(None, headers, shelf.put(Blob((), b""))))
    cut = shelf.put(Step(None, agent, shelf.put_mail({agent: note}), None, agent))
    shelf.flush(scene.store)
    return cut


def test_store_whose_agent_was_cut_is_not_fresh(fmt: Format) -> None:
    scene = Scene(fmt, begins=False)
    scene.store.references[f"heads/{scene.agent.hex()}"] = cut_agent(scene)
    assert scene.denial(scene.image.start) == "rejected/image"


# --- the journal ------------------------------------------------------------


def test_image_without_its_agent_has_no_journal(scene: Scene) -> None:
    del scene.store.references[f"heads/{scene.agent.hex()}"]
    assert "image.start.made" in {finding.rule for finding in scene.judge().findings if finding.check == 17}


def test_journal_does_not_begin_at_a_cut(fmt: Format) -> None:
    scene = Scene(fmt, begins=False)
    shelf = scene.image.runtime.shelf
    entry = first_entry(shelf, scene.agent, cut_agent(scene))
    shelf.flush(scene.store)
    heads = {scene.agent: entry.agent_step, scene.image.kernel: entry.kernel_step}
    scene.store.references |= {f"heads/{actor.hex()}": step for actor, step in heads.items()}
    assert [finding.rule for finding in scene.judge().findings if finding.check == 17] == ["image.start.made"]
