"""An implementation that does nothing, echoes, accepts or rejects everything, hangs or dies passes no rule.

Spec: :rule:`suite.mutant.zero`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Plan, Planned, Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.replies import Json, Ok, Refused, Unsupported
from gritstone_conformance.results.judgement import rule_verdicts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.plan_runner import execute, execute_nothing
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.scripts import Brisk
from selftests.fakes.subject import Answer, FakeSubject, accept, fake_book, honest, reject
from selftests.paths import PLANTED

QUICK = RunSettings(saves=False, shrink_s=0.0)
USUAL = AttachSettings(hellos=1)
WAITED_FOR = Brisk(deadline_scale=0.05, hellos=1)
ROWS = ("grit/crossing/", "runtime/crossing/", "wasm/crossing/", "wasm/puppet/", "wit/crossing/")
"""Properties that run one function on many rows of a table."""

NOTHING = ("null", "echo", "always_ok", "always_refuse", "unsupported", "hang", "dies_on_3rd", "slow")


@cache
def data() -> SuiteData:
    return load_data()


@cache
def gate(*, one_row_of: int) -> Plan:
    """Return the plan of a whole gate, without the properties that cannot change the verdict of a rule here.

    A rule that a vector fails stays failed, whatever its properties return; a constant answer is alike in both formats.

    Args:
        one_row_of: how many rows of a table there are for each that is included.
    """
    plan = plan_run(data(), Selection(), 1)
    names = {item.name for item in plan.items}
    again = {name.removesuffix("-framed") + "-cbor" for name in names if name.endswith("-framed")}
    by_vector = {item.rules[0] for item in plan.items if isinstance(item.source, Case)}
    led = {item.rules[0] for item in plan.items}
    rows = [item.name for item in plan.items if item.name.startswith(ROWS)]
    omitted = again | (set(rows) - set(rows[::one_row_of]))

    def adds(item: Planned) -> bool:
        return item.name not in omitted and (item.rules[0] not in by_vector or not led.issuperset(item.rules))

    return replace(
        plan, items=tuple(item for item in plan.items if not isinstance(item.source, Property) or adds(item))
    )


def outcomes_of(command: list[str], plan: Plan, attach_settings: AttachSettings = USUAL) -> tuple[Outcome, ...]:
    """Run a plan on a command as a run does, without diagnostics for people."""
    try:
        subject = Launcher.for_command(command, attach_settings).start()
    except SubjectFault as fault:
        return execute_nothing(plan, fault, data().book)
    return execute(plan, subject, data().book, QUICK, lambda _: None).outcomes


@pytest.mark.rule("suite.mutant.zero", slow=True)
@pytest.mark.parametrize("name", NOTHING)
def test_implementation_without_function_passes_no_rule(name: str) -> None:
    words = {"null": [], "slow": ["everything", "0.4"]}.get(name, ["everything"])
    attach_settings = WAITED_FOR if name in ("hang", "slow") else USUAL
    # a row in which nothing can fail passes where every answer is accepted, so more of them are needed there
    plan = gate(one_row_of=4 if name == "always_ok" else 16)
    verdicts = rule_verdicts(outcomes_of([sys.executable, str(PLANTED / f"{name}.py"), *words], plan, attach_settings))
    profiles = {"grit", "wit", "runtime", "wasm", "image", "session", "flow", "sandbox", "harness"}
    assert {rule.partition(".")[0] for rule in verdicts} == profiles
    assert len(verdicts) > 250
    assert [rule for rule, verdict in verdicts.items() if verdict == "pass"] == []


@pytest.mark.rule("suite.mutant.zero", slow=True)
def test_one_wrong_id_in_fifty_is_state_that_cases_share() -> None:
    proxy = [sys.executable, str(PLANTED / "one_wrong_id_in_50.py"), "--", sys.executable, "-m", "gritstone.harness"]
    plan = plan_run(data(), Selection(rule="grit.id.whole"), 1)
    verdicts = rule_verdicts(outcomes_of(proxy, plan))
    assert (verdicts["harness.state.isolated"], verdicts["grit.id.whole"]) == ("fail", "error")


def echo(op: str, args: dict[str, Json]) -> Answer:
    return Ok(args)


LAZY: dict[str, Callable[[str, dict[str, Json]], Answer]] = {
    "echo": echo,
    "always-ok": lambda op, args: Ok({}),
    "always-refuse": lambda op, args: Refused("invalid"),
    "unsupported": lambda op, args: Unsupported(op),
    "hang": lambda op, args: SubjectFault("hung:blocked", "no reply"),
    "dies": lambda op, args: SubjectFault("dead:exit-3", "stderr is empty"),
}
RULES = {
    "grit.tree.key-order": [accept(), reject()],
    "harness.frame.line": [reject("harness/frame/bad", twin="harness/frame/good", rule="harness.frame.line")],
    "harness.reply.order": [],
    "grit.store.flat": [],
}


def controlled(trial: Trial) -> None:
    trial.expect("grit.id", {"n": "good"}, {"ok": {"id": 1}})
    trial.expect("grit.id", {"n": "bad"}, {"refused": "invalid"})


def small_plan() -> Plan:
    """Return a plan with a reject and its twin, a property with its control, a watch, and a case of the harness."""
    empty = accept("harness/frame/good", value=2, rule="harness.frame.line")
    cases: list[Case] = [accept(), reject(), empty]
    cases.append(reject("harness/frame/bad", twin="harness/frame/good", rule="harness.frame.line"))
    property_ = Property("grit/store/controlled", ("grit.store.flat",), controlled)
    return make_plan(cases, [property_], ["harness.reply.order"], Selection(), 1)


@pytest.mark.rule("suite.mutant.zero")
@pytest.mark.parametrize("name", LAZY)
def test_no_rule_of_a_small_plan_passes_either(name: str, tmp_path: Path) -> None:
    found = execute(small_plan(), FakeSubject(LAZY[name]), fake_book(), QUICK, lambda _: None).outcomes
    assert [rule for rule, verdict in rule_verdicts(found).items() if verdict == "pass"] == []
    assert set(rule_verdicts(found)) == {*RULES}


@pytest.mark.rule("suite.mutant.zero")
def test_honest_implementation_passes_the_same_rules() -> None:
    def right(op: str, args: dict[str, Json]) -> Answer:
        return Ok({"id": 2}) if args["n"] == "harness/frame/good" else honest(op, args)

    found = execute(small_plan(), FakeSubject(right), fake_book(), QUICK, lambda _: None).outcomes
    assert set(rule_verdicts(found).values()) == {"pass"}
