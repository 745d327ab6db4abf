"""Each property of the harness passes on an honest adapter and reports the rule that a liar violates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone_conformance.attachment.claims import FEATURES
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.properties import load_properties
from gritstone_conformance.properties.harness import answers, samples, spelling
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.property_runner import run_property
from gritstone_conformance.schemas import fits, violation
from selftests.fakes.liar import LIARS
from selftests.paths import LIAR, PLANTED

REFERENCE = [sys.executable, "-m", "gritstone.harness", "--object-bytes", "1048576", "--cas-names", "100"]
TERMS = AttachSettings(deadline_scale=0.2)
PROPERTIES = {prop.name: prop for prop in load_properties() if prop.name.startswith("harness/")}
EVERYTHING = Claims(
    name="a",
    version="1",
    language="x",
    formats=("framed-sha256", "cbor-blake3"),
    profiles=("grit", "wit", "runtime", "wasm", "image", "session", "flow", "sandbox"),
    features=tuple(FEATURES),
    limits={"object_bytes": 1 << 20, "window": 64},
)


def found(name: str, launcher: Launcher) -> str | None:
    """Run one property; return the rule it reports, else the cause of the fault that ended it, or None."""
    subject = ObservedSubject(launcher.start(), Ledger())
    try:
        tested = run_property(PROPERTIES[name], subject, RunSettings())
    finally:
        subject.close()
    assert not tested.unable
    if tested.divergence is not None:
        return tested.divergence.rule
    if tested.fault is not None:
        return tested.fault.rule or tested.fault.cause
    assert subject.subject.faults == [] or PROPERTIES[name].kind == "crash"
    return None


def against(liar: str) -> Launcher:
    return Launcher.for_command([sys.executable, str(LIAR), liar, "--", *REFERENCE], TERMS)


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(PROPERTIES.keys() - {"harness/connect/same-bytes"}))
def test_property_passes_on_the_reference(name: str) -> None:
    """``tox -e conform`` does this for each commit, with the same cases."""
    assert found(name, Launcher.for_command(REFERENCE, TERMS)) is None


@pytest.mark.parametrize(
    ("liar", "name"),
    [
        ("bom", "harness/frame/conversation"),
        ("crlf", "harness/frame/conversation"),
        ("lf-in-json", "harness/frame/conversation"),
        ("dup-member", "harness/frame/conversation"),
        ("float", "harness/frame/conversation"),
        ("double", "harness/frame/conversation"),
        ("unasked", "harness/frame/conversation"),
        ("class-bad", "harness/frame/conversation"),
        ("two-answers", "harness/frame/conversation"),
        ("huge-line", "harness/frame/limit"),
        ("swallow", "harness/frame/flush"),
        ("swap", "harness/reply/order"),
        ("stale-seq", "harness/reply/order"),
        ("double", "harness/reply/order"),
        ("mixes", "harness/reply/fault-is-error"),
        ("pads", "harness/bytes/lengths"),
        ("claims-then-unsupported", "harness/reply/known-op"),
        ("other-hello", "harness/hello/stable"),
        ("wit-alone", "harness/hello/closed"),
        ("low-limits", "harness/hello/limits-declared"),
        ("modest", "harness/hello/limits-counts"),
        ("hello-once", "harness/hello/any-time"),
        ("hello-clears", "harness/hello/any-time"),
        ("leaks-state", "harness/state/isolated"),
        ("overtakes", "harness/state/sequential"),
        ("ignores-term", "harness/process/ends-after-bye"),
        ("ignores-term", "harness/process/ends-after-eof"),
        ("exits-3-at-bye", "harness/process/ends-after-bye"),
        ("lingers", "harness/process/ends-after-bye"),
        ("forgets", "harness/store/reopen-after-bye"),
        ("forgets", "harness/store/reopen-after-kill"),
        ("litters", "harness/store/dir-only"),
    ],
)
def test_property_reports_the_rule_that_a_liar_violates(liar: str, name: str) -> None:
    assert found(name, against(liar)) == LIARS[liar].rule


def test_death_is_not_an_answer_to_an_unknown_operation() -> None:
    assert found("harness/reply/unknown-op", against("dies-on-unknown")) == "dead:exit-1"


@pytest.fixture
def listening(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Launcher]:
    """Start the planted listener with the fault that the test names, and return how to attach it."""
    path = tmp_path / "socket"
    command = [sys.executable, str(PLANTED / "listener.py"), str(path), *getattr(request, "param", [])]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        yield Launcher.for_address(f"unix:{path}", TERMS)
    finally:
        server.kill()
        server.communicate()


def test_socket_carries_the_same_bytes(listening: Launcher) -> None:
    for name in ("connect/same-bytes", "connect/claimed", "frame/conversation", "hello/stable", "hello/offers"):
        assert found(f"harness/{name}", listening) is None


@pytest.mark.parametrize("listening", [["silent-claim"]], indirect=True)
def test_connection_without_its_feature_is_reported(listening: Launcher) -> None:
    assert found("harness/connect/claimed", listening) == "harness.connect.claimed"


@pytest.mark.parametrize(
    ("listening", "rule"),
    [(["crowd"], "harness.connect.same"), (["once"], "harness.connect.same")],
    indirect=["listening"],
)
def test_fault_of_a_socket_is_reported(listening: Launcher, rule: str) -> None:
    assert found("harness/connect/same-bytes", listening) == rule


@pytest.mark.parametrize("listening", [["greets"]], indirect=True)
def test_greeting_on_the_socket_is_a_banner(listening: Launcher) -> None:
    with pytest.raises(Exception, match="220 ready") as caught:
        listening.start()
    assert getattr(caught.value, "rule", None) == "harness.frame.stdout-clean"


def test_inputs_match_the_schema_and_their_variations_do_not() -> None:
    requests = samples.every_request(EVERYTHING, AttachSettings().hello_args(), "/tmp/dir", "/tmp/path")
    spoilt = 0
    before: dict[str, dict[str, Json]] = {}
    for op, args in requests:
        assert violation("request", {"seq": 0, "op": op, "args": args}) is None
        for changed in [*answers.off_schema(op, args, before.get(op, {})), *spelling.misspelt(args)]:
            if op != "grit.open" and not fits("request", f"args.{op}", changed):
                spoilt += 1
                if spoilt % 20 == 0:  # the complete schema agrees with its part
                    assert violation("request", {"seq": 0, "op": op, "args": changed}) is not None
        before[op] = args
    assert spoilt > 1_600
    assert {op for op, _ in requests} == REPLY_SHAPES.keys() - {"bye"}
