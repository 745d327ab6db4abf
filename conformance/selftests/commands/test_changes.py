"""``gritstone diff``: the cases fixed and broken between two reports, and the effect of another spec version."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gritstone_conformance.commands.diff import change_lines, changes_between
from gritstone_conformance.reporting.upgrading import change_of, preview
from gritstone_conformance.results.report import read_report
from gritstone_conformance.rules import load_rules
from selftests.fakes.reports import LAX, made_outcome, made_report, saved
from selftests.fakes.subject import HELLO, fake_book
from selftests.terminal import Run

ORDER, BLOB = "grit.tree.key-order", "grit.blob.any"
BOOK = fake_book([ORDER, BLOB])

report = partial(made_report, BOOK)
GOOD = report(made_outcome("grit/tree/a"), made_outcome("grit/tree/b"), made_outcome("grit/blob/c", rules=(BLOB,)))
BAD = report(
    made_outcome("grit/tree/a", "fail"), made_outcome("grit/tree/b"), made_outcome("grit/blob/c", rules=(BLOB,))
)


def test_newly_failing_case_is_broken() -> None:
    change = changes_between(GOOD, BAD)
    assert change.is_worse
    assert change_lines(change) == [
        f"BROKEN  {ORDER:<28} grit/tree/a   {LAX}",
        f"rule    {ORDER:<28} pass -> fail",
        f"profile {'grit':<28} conforms -> does not conform",
        "0 fixed   1 broken   0 still failing   exit 1",
    ]


def test_newly_passing_case_is_fixed() -> None:
    change = changes_between(BAD, GOOD)
    assert not change.is_worse
    assert change_lines(change) == [
        f"FIXED   {ORDER:<28} grit/tree/a   was: {LAX}",
        f"rule    {ORDER:<28} fail -> pass",
        f"profile {'grit':<28} does not conform -> conforms",
        "1 fixed   0 broken   0 still failing",
    ]


def test_failure_with_another_signature_is_listed() -> None:
    other = report(made_outcome("grit/tree/a", "error"), *BAD.outcomes[1:])
    assert change_lines(changes_between(BAD, BAD)) == ["0 fixed   0 broken   1 still failing"]
    lines = change_lines(changes_between(BAD, other))
    assert lines[0] == f"DIFFERS {ORDER:<28} grit/tree/a   was: {LAX}   now: error late"
    assert lines[-1] == "0 fixed   0 broken   1 still failing (1 with another signature)"


def test_cases_are_matched_by_digest() -> None:
    renamed = report(made_outcome("grit/tree/z", digest=BAD.outcomes[0].digest), *BAD.outcomes[1:])
    assert [new.case for _, new in changes_between(BAD, renamed).fixed] == ["grit/tree/z"]


def test_new_and_retired_cases_are_counted() -> None:
    newer = report(
        *GOOD.outcomes[1:], made_outcome("grit/tree/n"), made_outcome("grit/tree/o", "fail"), vectors="e" * 64
    )
    change = changes_between(GOOD, newer)
    assert (change.added, change.retired) == (("grit/tree/n", "grit/tree/o"), ("grit/tree/a",))
    lines = change_lines(change)
    assert lines[0] == "vectors: ffffffff -> eeeeeeee"
    assert f"NEW     {ORDER:<28} grit/tree/o   {LAX}" in lines
    assert "1 newly failing   2 new cases   1 retired   exit 1" in lines[-1], "the profile no longer conforms"
    part = report(*GOOD.outcomes[:1])
    part = replace(part, footer={**part.footer, "conforms": {}})
    assert change_lines(changes_between(GOOD, part))[-1].endswith("2 cases run only before")
    assert change_lines(changes_between(part, GOOD))[-1].endswith("2 cases run only now")


def test_newly_skipped_case_is_not_broken() -> None:
    skipped = report(made_outcome("grit/tree/a", "skip"), *GOOD.outcomes[1:])
    change = changes_between(GOOD, skipped)
    assert not change.is_worse
    assert change_lines(change)[-1].endswith("1 not judged now")
    back = changes_between(skipped, BAD)
    assert [each.case for each in back.newly_failing] == ["grit/tree/a"]


def test_changed_versions_and_claims_are_described() -> None:
    hello = {
        **HELLO,
        "implementation": {"name": "fake", "version": "2\x1b[2J", "language": "python"},
        "features": ["durable"],
    }
    other = report(*GOOD.outcomes, hello=hello, spec="0.2", suite="0.2.0", seed=7)
    assert change_lines(changes_between(GOOD, other))[:5] == [
        "implementation: fake 1 -> fake 2\\x1b[2J",
        "spec: 0.1 -> 0.2",
        "suite: 0.1.0 -> 0.2.0",
        "seed: 1 -> 7",
        "claims features: durable",
    ]
    assert "claims no longer features: durable" in change_lines(changes_between(other, GOOD))


def test_diff_exit_codes_and_json(run: Run) -> None:
    good, bad = saved(Path("good.jsonl"), GOOD), saved(Path("bad.jsonl"), BAD)
    assert run("diff", good, good) == (0, "0 fixed   0 broken   0 still failing\n", "")
    code, out, _ = run("diff", good, bad, "--json")
    assert code == 1
    members = json.loads(out)
    assert members["exit"] == 1
    assert members["broken"] == [
        {"case": "grit/tree/a", "verdict": "fail", "rule": ORDER, "signature": LAX, "known": False}
    ]
    assert members["conforms"] == {"grit": [True, False]}
    assert json.loads(run("diff", bad, good, "--json")[1])["fixed"] == ["grit/tree/a"]
    Path(bad).write_bytes(Path(bad).read_bytes()[:-2])
    assert run("diff", good, bad)[0] == 4
    for argv in ((good,), (good, good, good), (), ("--spec", "0.1", "0.2", good), (good, good, "--report", good)):
        code, out, err = run("diff", *argv)
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert run("diff", good, "none.jsonl")[0] == 2


def test_versions_are_compared_by_their_rule_lists(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = load_rules()
    listed = tuple((rule.id, rule.level, rule.digest[:16]) for rule in made.rules.values())
    grit = tuple(line for line in listed if line[0].startswith("grit."))
    book = replace(made, versions={"0.1": grit, "0.2": listed})
    monkeypatch.setattr("gritstone_conformance.reporting.upgrading.load_rules", lambda: book)
    change = change_of(book, "0.1", "0.2")
    assert set(change.added) == {rule for rule in book.rules if not rule.startswith("grit.")}
    assert not change.removed
    assert set(change_of(book, "0.2", "0.1").removed) == set(change.added)
    assert change_of(book, "0.1", book.spec).added == change.added
    code, out, _ = run("diff", "--spec", "0.1", "0.2")
    assert code == 0
    assert out.count("\n+ ") == len(change.added) - 1
    assert out.splitlines()[-1].startswith(f"spec 0.1 -> 0.2: {len(change.added)} added, 0 removed, 0 changed level")
    assert json.loads(run("diff", "--spec", "0.1", "0.2", "--json")[1])["added"] == dict(change.added)
    code, _, err = run("diff", "--spec", "0.1", "9.9")
    assert code == 2
    assert "--spec 9.9: expected one of 0.1, 0.2" in err


LISTS = {"0.1": ((ORDER, "SHOULD", "0" * 16), (BLOB, "MUST", "0" * 16)), "0.2": ((ORDER, "MUST", "0" * 16),)}


def test_changed_level_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    book = replace(fake_book([ORDER, BLOB]), versions=LISTS)
    monkeypatch.setattr("gritstone_conformance.reporting.upgrading.load_rules", lambda: book)
    assert run("diff", "--spec", "0.1", "0.2")[1].splitlines() == [
        f"- {BLOB:<36} MUST",
        f"~ {ORDER:<36} SHOULD -> MUST",
        "spec 0.1 -> 0.2: 0 added, 1 removed, 1 changed level",
    ]


@pytest.mark.parametrize(
    ("verdict", "words", "code"),
    [
        ("pass", "1 pass, 0 fail, 0 error, 0 not tested", 0),
        ("fail", "0 pass, 1 fail, 0 error, 0 not tested   exit 1", 1),
        ("skip", "0 pass, 0 fail, 0 error, 1 not tested", 0),
    ],
)
def test_report_lists_the_effects_of_an_upgrade(
    run: Run, monkeypatch: pytest.MonkeyPatch, verdict: str, words: str, code: int
) -> None:
    lists = {"0.1": ((BLOB, "MUST", "0" * 16),), "0.2": ((ORDER, "MUST", "0" * 16), ("wit.step.x", "MUST", "0" * 16))}
    book = replace(fake_book([ORDER, BLOB, "wit.step.x"]), versions=lists)
    monkeypatch.setattr("gritstone_conformance.reporting.upgrading.load_rules", lambda: book)
    one = report(made_outcome("grit/tree/a", verdict), made_outcome("grit/blob/c", rules=(BLOB,)))
    seen = preview(book, change_of(book, "0.1", "0.2"), one)
    assert seen.rules["not tested" if verdict == "skip" else verdict] == (ORDER,)
    assert seen.unbound == 1
    path = saved(Path("r.jsonl"), one)
    got, out, _ = run("diff", "--spec", "0.1", "0.2", "--report", path)
    assert got == code
    assert out.splitlines()[-1] == (
        f"fake 1 under 0.2: of 1 new MUST that binds it, {words.partition('   ')[0]}; 1 more do not bind it"
        + ("   exit 1" if code else "")
    )
    upgrade = json.loads(run("diff", "--spec", "0.1", "0.2", "--report", path, "--json")[1])["upgrade"]
    assert upgrade["exit"] == code
    assert read_report(Path(path)).footer["exit"] in (0, 1)
