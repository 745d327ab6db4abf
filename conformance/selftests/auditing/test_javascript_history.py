"""Histories of the JavaScript implementation: the audit accepts them, and reports the place of each alteration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.cli import main
from gritstone_conformance.model.bundle import scan, write
from gritstone_conformance.model.chains import Chain
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Mailbox, Step, from_base64, to_base64
from gritstone_conformance.properties.runtime.lockstep import MOST_STEPS, StartOptions, start_args
from gritstone_conformance.replies import Json, Ok, Refused
from gritstone_conformance.strategies.scenarios import Scenario
from selftests.fakes.forging import rechain, reforge
from selftests.fakes.staging import drawn
from selftests.paths import SELFTESTS

ADAPTER = SELFTESTS.parent / "implementations/javascript/adapter.js"
SEED = 25  # three actors that talk to each other, of which one is marked
MAX_ATTEMPTS = 2

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js"),
]


def ask(subject: Subject, op: str, **args: Json) -> dict[str, Json]:
    reply = subject.ask(op, args)
    assert isinstance(reply, Ok | Refused), reply
    return reply.value if isinstance(reply, Ok) else {}


def play_in_javascript(scenario: Scenario) -> bytes:
    """Run a scenario on the JavaScript implementation with its own schedule; return the bundle of all references."""
    subject = Launcher.for_command(["node", str(ADAPTER)]).start()
    try:
        ask(subject, "grit.open", store="s", format=scenario.graph.format.name, backend="memory", create=True)
        for encoding in scenario.graph.encodings.values():
            ask(subject, "grit.put", store="s", bytes=to_base64(encoding))
        subject.ask("runtime.start", start_args(StartOptions(config=Config(0, 0, MAX_ATTEMPTS))))
        for number, each in enumerate(scenario.injections):
            headers: list[Json] = [[*pair] for pair in each.headers]
            about = {"to": each.to.hex(), "headers": headers, "content": each.content.hex(), "mode": each.mode}
            ask(subject, "runtime.inject", runtime="r", **about)
            if number in scenario.pauses:
                ask(subject, "runtime.run", runtime="r", max_steps=MOST_STEPS)
        assert ask(subject, "runtime.run", runtime="r", max_steps=MOST_STEPS)["cause"] == "rest"
        piece = ask(subject, "grit.export", store="s", cursor=None)
        assert piece["cursor"] is None
        return from_base64(str(piece["bytes"]))
    finally:
        subject.kill()


@cache
def exported(fmt: Format, seed: int = SEED) -> bytes:
    return play_in_javascript(drawn(fmt, seed))


def findings(data: bytes, *, at_rest: bool = False) -> list[Finding]:
    return check_history(scan(data), at_rest=at_rest, max_attempts=MAX_ATTEMPTS, is_whole=True).findings


def opened(data: bytes) -> History:
    history = check_history(scan(data), at_rest=True, max_attempts=MAX_ATTEMPTS, is_whole=True).history
    assert history is not None
    return history


def is_named(found: list[Finding], actor: bytes, places: range) -> bool:
    """Return whether a finding names a step at one of these places, or the head reference of another actor."""
    return any(
        (finding.place.actor == actor and finding.place.index in places)
        or (finding.rule == "grit.ref.target" and actor.hex() in finding.words)
        for finding in found
    )


def flips(history: History, chain: Chain, index: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield for each field of a step another value of that field in this history."""
    step = chain.steps[index]
    others = [other for each in history.chains.values() for other in each.steps]
    for name in ("previous", "actor", "inbox", "outbox", "core"):
        values = {getattr(other, name) for other in others} - {getattr(step, name)}
        yield name, sorted(values, key=lambda value: value or b"")[index % len(values)]


def is_free(history: History, actor: bytes, name: str) -> bool:
    """Return whether another value may be legal or be detected elsewhere: the agent may send and retract anything."""
    return actor == history.agent and name in ("outbox", "previous")


def swaps(history: History, chain: Chain) -> Iterator[tuple[int, int, dict[int, Mailbox]]]:
    """Yield ways to swap what two steps read of one channel, as the inboxes in between."""
    boxes = [history.shelf.mail(step.inbox) for step in chain.steps]
    for sender in sorted(boxes[-1]):
        moved = [at for at in range(1, len(boxes)) if boxes[at].get(sender) != boxes[at - 1].get(sender)]
        for first, second in pairwise(moved):
            now, later = boxes[first][sender], boxes[second][sender]
            inboxes = {at: {**boxes[at], sender: now if at == second else later} for at in range(first, second + 1)}
            yield first, second, {at: Mailbox(tuple(sorted(box.items()))) for at, box in inboxes.items()}


def test_audit_accepts_a_history_of_javascript(fmt: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = exported(fmt)
    Path("export.grit").write_bytes(data)
    assert main(["audit", "export.grit", "--at-rest"]) == 0
    history = opened(data)
    assert len(history.chains) == 4
    assert not history.unverified
    Path("export.grit").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert main(["audit", "export.grit", "--at-rest"]) == 1


def test_changed_step_field_is_reported_at_its_step() -> None:
    """In one format: ``model/test_history.py`` does this for histories of the model in both."""
    data = exported(FRAMED_SHA256)
    history = opened(data)
    tried = 0
    for actor, chain in history.chains.items():
        for index in range(len(chain)):
            for name, value in flips(history, chain, index):
                found = findings(reforge(data, actor, index, **{name: value}))
                places = range(len(chain)) if name == "previous" else range(index, index + 1)
                assert is_named(found, actor, places) or is_free(history, actor, name), (name, index)
                tried += 1
    assert tried > 50


def test_missing_object_is_reported(fmt: Format) -> None:
    bundle = scan(exported(fmt))
    frames = bundle.frames()
    for identity in frames:
        left = {each: encoding for each, encoding in frames.items() if each != identity}
        found = findings(write(fmt, bundle.references, left))
        assert found[0].fault == "bundle"
        assert any(identity.hex() in finding.words for finding in found)


def test_reordered_channel_is_reported_at_its_place(fmt: Format) -> None:
    data = exported(fmt)
    history = opened(data)
    tried = 0
    for actor, chain in history.chains.items():
        for first, second, boxes in swaps(history, chain):

            def alter(at: int, step: Step, boxes: dict[int, Mailbox] = boxes) -> Step:
                return replace(step, inbox=fmt.hash(fmt.encode(boxes[at]))) if at in boxes else step

            found = findings(rechain(data, actor, alter, boxes.values()))
            assert is_named(found, actor, range(first, second + 1)), (first, second)
            tried += 1
    assert tried > 0
