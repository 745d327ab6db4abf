"""Every rule for implementations has a case, every case names existing rules, and requests reveal no case or rule."""

from __future__ import annotations

import pytest

from gritstone_conformance.cases import Case
from gritstone_conformance.planning.plan import Planned, Selection, uncovered_rules
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.rules import RuleBook, load_rules
from selftests.mutants.mutate import load_mutants
from selftests.mutants.zoo import unproven_rules

DATA = load_data()
ITEMS: tuple[Planned, ...] = plan_run(DATA, Selection(), 1).items


def binding(book: RuleBook) -> RuleBook:
    """Return the rules that bind implementations; those of ``suite`` bind the suite, and this folder tests them."""
    rules = {name: rule for name, rule in book.rules.items() if rule.profile != "suite"}
    return RuleBook(book.spec, rules, book.versions, book.digest)


@pytest.mark.rule("suite.rules.covered")
def test_every_rule_has_a_case_or_a_reason() -> None:
    assert uncovered_rules(binding(load_rules()), ITEMS) == ()


def test_every_must_has_a_mutant_or_a_dated_reason() -> None:
    """Spec: :rule:`suite.rules.proven`."""
    broken = {mutant.violates for mutant in load_mutants().values() if not mutant.equivalent}
    assert unproven_rules(load_rules().rules.values(), broken) == []


def test_only_rules_of_the_wire_are_covered_by_a_watch_alone() -> None:
    active = [item for item in ITEMS if item.kind != "watch"]
    lines_only = {"harness.frame.line", "harness.json.plain", "harness.reply.one-answer", "harness.reply.class-closed"}
    left = set(uncovered_rules(binding(load_rules()), active))
    assert not {rule for rule in left if not rule.startswith("harness.")}
    assert left <= lines_only | {"harness.hello.closed", "harness.frame.stdout-clean", "harness.hello.honest"}


@pytest.mark.rule("suite.rules.known")
def test_every_named_rule_exists() -> None:
    known = set(DATA.book.rules)
    assert {rule for item in ITEMS for rule in item.rules if rule not in known} == set()


def test_case_names_begin_with_the_profile_and_a_topic() -> None:
    assert all(item.name.count("/") >= 2 for item in ITEMS)
    assert {item.profile for item in ITEMS} == {
        "grit",
        "wit",
        "runtime",
        "wasm",
        "image",
        "session",
        "flow",
        "sandbox",
        "harness",
    }


@pytest.mark.rule("suite.request.no-answer")
def test_vector_requests_do_not_name_their_case_or_rule() -> None:
    for item in ITEMS:
        if isinstance(item.source, Case):
            text = repr([step.args for step in item.source.steps])
            assert item.name not in text
            assert not any(rule in text for rule in item.rules)


def test_digests_are_unique() -> None:
    assert len({item.digest for item in ITEMS}) == len(ITEMS)
