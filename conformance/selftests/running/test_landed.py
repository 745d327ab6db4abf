"""Cases that need a death: without one they return no verdict, and a fault that they find needs the death.

Spec: :rule:`suite.fault.landed`, :rule:`suite.fault.needed`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.properties import load_properties
from gritstone_conformance.properties.runtime.kills import DEATH_RULES
from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.running.property_runner import run_property
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.subject import FakeSubject, fake_book
from selftests.fakes.unharmed import Unharmed
from selftests.mutants.detection import opener
from selftests.mutants.mutate import detectable

RULE: Final = "grit.store.crash"
CRASHES: Final = {prop.name: prop for prop in load_properties() if prop.kind == "crash" and not prop.search_only}
OF_STORES: Final = {
    *("grit.store.crash", "grit.ref.atomic", "grit.ref.durable", "grit.prune.safe", "grit.prune.order"),
    "grit.bundle.import-atomic",
    *("grit.erase.atomic", "runtime.agent.bootstrap", "wasm.handoff.one-owner"),
    *("runtime.fail.sent", "runtime.head.asked", "runtime.cut.step"),
    *("runtime.collect.collected", "wasm.handoff.agent", "session.recover.kill", "flow.crash.every-boundary"),
    *("image.start.made", "image.op.atomic", "image.code.group", "image.post.iff"),
    *("image.durable.ack", "image.durable.boundary"),
}

NEEDED: Final = {
    "flow.crash.every-boundary": ("flow-a-new-process-forgets-a-log", "flow/crash/sometimes-parallel-cbor"),
    "grit.bundle.import-atomic": (
        "an-import-sets-one-reference-before-the-others",
        "grit/crash/import-at-each-write-cbor",
    ),
    "grit.erase.atomic": ("an-erasure-deletes-before-its-tombstone", "grit/crash/erase-at-each-write-cbor"),
    "grit.prune.order": ("a-prune-removes-children-first", "grit/crash/prune-order-framed"),
    "grit.prune.safe": ("a-prune-sweeps-first-and-puts-back", "grit/crash/prune-at-each-write-cbor"),
    "grit.ref.atomic": ("an-update-is-made-one-by-one", "grit/crash/update-at-each-write-cbor"),
    "grit.ref.durable": ("an-update-is-committed-with-the-next", "grit/crash/answered-at-last-cbor"),
    "grit.store.crash": ("a-put-is-committed-with-the-next", "grit/crash/answered-at-last-cbor"),
    "image.code.group": ("image-five-heads-move-in-two-updates", "image/kill/install-cbor"),
    "image.durable.ack": ("image-the-clock-is-answered-before-it-is-durable", "image/kill/alone-cbor"),
    "image.durable.boundary": ("image-two-heads-move-in-two-updates", "image/kill/alone-cbor"),
    "image.op.atomic": ("image-the-first-head-moves-in-an-update-of-its-own", "image/kill/request-cbor"),
    "image.post.iff": ("image-a-run-takes-two-updates", "image/kill/run-cbor"),
    "image.start.made": ("image-a-start-takes-two-updates", "image/kill/start-cbor"),
    "runtime.agent.bootstrap": ("an-agent-begins-in-two-updates", "runtime/crash/first-cbor"),
    "runtime.collect.collected": ("a-collection-removes-marks-in-a-second-update", "runtime/collect/killed-framed"),
    "runtime.cut.step": ("a-cut-moves-the-agents-head-in-two-updates", "runtime/cut/killed-framed"),
    "runtime.fail.sent": ("a-commit-marks-before-it-sends", "runtime/crash/marking-cbor"),
    "runtime.head.asked": ("a-commit-moves-askers-before-the-asked", "runtime/crash/asking-framed"),
    "runtime.head.before-route": ("a-commit-moves-receivers-before-senders", "runtime/crash/failing-cbor"),
    "runtime.recover.continue": ("a-start-goes-back-to-the-first-step", "runtime/crash/again-cbor"),
    "runtime.recover.unmark": ("a-healed-mark-is-removed-after-the-update", "runtime/crash/failing-cbor"),
    "runtime.recover.injection": ("an-injection-is-answered-before-it-is-committed", "runtime/crash/failing-cbor"),
    "runtime.recover.collect": ("a-collected-actor-loses-its-mark-last", "runtime/crash/living-cbor"),
    "runtime.recover.mail": ("a-start-forgets-what-was-injected", "runtime/crash/failing-cbor"),
    "runtime.recover.mark": ("a-mark-is-written-after-its-receipt", "runtime/crash/failing-cbor"),
    "runtime.recover.step": ("a-commit-writes-heads-before-objects", "runtime/crash/talking-cbor"),
    "session.recover.kill": ("session-archive-sends-the-notice-later", "session/kill/archive-cbor"),
    "wasm.handoff.agent": (
        "an-adoption-moves-the-agent-in-an-update-before",
        "wasm/handoff/killed-with-an-agent-framed",
    ),
    "wasm.handoff.one-owner": ("a-release-takes-two-updates", "wasm/handoff/killed-cbor"),
}
"""Rule about deaths -> an unprotected mutant, and a case that finds it."""


def outcome_of(body: object, subject: FakeSubject) -> Outcome:
    """Run one case of the kind ``crash``, as a run does."""
    prop = Property("grit/store/dies", (RULE,), body, kind="crash")  # type: ignore[arg-type]
    plan = make_plan((), [prop], (), Selection(), 1)
    settings = RunSettings(saves=False)
    (outcome,) = execute(plan, subject, fake_book((RULE,)), settings, lambda _: None).outcomes
    return outcome


def honest(op: str, args: dict[str, Json]) -> Reply:
    return Ok({})


def armed(trial: Trial) -> None:
    """Arm the fault, and continue where the process died."""
    trial.expect("fault.arm", {"writes": 1, "when": "before"}, {"ok": {}})
    try:
        trial.expect("grit.put", {}, {"ok": {}})
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise


@pytest.mark.rule("suite.fault.landed")
def test_case_without_a_death_is_an_error_with_its_own_cause() -> None:
    outcome = outcome_of(armed, FakeSubject(honest))
    assert (outcome.verdict, outcome.cause, outcome.rule) == ("error", "unharmed", None)


@pytest.mark.rule("suite.fault.landed")
@pytest.mark.parametrize("cause", ["dead:signal-KILL", "dead:exit-137"])
def test_death_of_the_implementation_counts_as_landed(cause: str) -> None:
    def dies(op: str, args: dict[str, Json]) -> Reply | SubjectFault:
        return SubjectFault(cause, "") if op == "grit.put" else Ok({})

    assert outcome_of(armed, FakeSubject(dies)).verdict == "pass"


@pytest.mark.rule("suite.fault.landed")
def test_kill_lands_only_on_a_living_process() -> None:
    subject = Launcher.for_command([sys.executable, "-m", "gritstone.harness"], AttachSettings()).start()
    try:
        assert subject.deaths == 0
        subject.kill()
        assert subject.deaths == 1
        subject.kill()
        assert subject.deaths == 1
        other = subject.spawn()
        other.ask("ping", {})
        other.close()
        other.kill()
        assert subject.deaths == 1, "the process ended by bye"
        other.ask("ping", {})
        other.kill_from_thread()
        with pytest.raises(SubjectFault, match="signal-KILL"):
            other.ask("ping", {})
        other.kill()
        assert subject.deaths == other.deaths == 2
    finally:
        subject.close()


def rule_of(mutant: str, case: str, home: Path, kind: type[ObservedSubject]) -> str | None:
    """Run a case on a mutant; return the violated rule, else the cause of the fault, or None."""
    planted = detectable()[mutant]
    start = Launcher(opener(planted.command("gritstone.harness"), planted), AttachSettings())
    subject = kind(start.start(), Ledger())
    try:
        tested = run_property(CRASHES[case], subject, RunSettings(shrink_s=0.0, saves=False, home=home))
    finally:
        subject.close()
    if tested.divergence is not None:
        return tested.divergence.rule
    return tested.fault.cause if tested.fault is not None else None


def test_every_rule_about_deaths_has_an_unprotected_mutant() -> None:
    # Faults of away actors show after any start, a release in two steps shows without one, and crossings repeat.
    others = ("harness/", "grit/crossing/", "runtime/away/", "runtime/crossing/", "runtime/release/", "wasm/puppet/")
    led = {prop.rules[0] for prop in CRASHES.values() if not prop.name.startswith(others)}
    assert NEEDED.keys() == {*DEATH_RULES, *OF_STORES} >= led
    mutants = detectable()
    assert {rule: mutants[mutant].violates for rule, (mutant, _) in NEEDED.items()} == {rule: rule for rule in NEEDED}


@pytest.mark.rule("suite.fault.needed")
@pytest.mark.parametrize("rule", ["grit.ref.atomic", "grit.ref.durable"])
def test_case_that_needs_a_death_finds_nothing_without_it(rule: str, tmp_path: Path) -> None:
    mutant, case = NEEDED[rule]
    assert rule_of(mutant, case, tmp_path, ObservedSubject) == rule
    assert rule_of(mutant, case, tmp_path, Unharmed) == "unharmed"


@pytest.mark.rule("suite.fault.needed", slow=True)
@pytest.mark.parametrize("rule", sorted(NEEDED.keys() - {"grit.ref.atomic", "grit.ref.durable"}))
def test_every_rule_about_deaths_finds_nothing_without_one(rule: str, tmp_path: Path) -> None:
    mutant, case = NEEDED[rule]
    assert rule_of(mutant, case, tmp_path, ObservedSubject) == rule
    assert rule_of(mutant, case, tmp_path, Unharmed) == "unharmed"
