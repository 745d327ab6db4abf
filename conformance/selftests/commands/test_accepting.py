"""``gritstone accept``: the entries that it writes for a report, and its edits of existing ones; no case is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.commands.accept import default_file
from gritstone_conformance.planning.suite import SuiteData, load_data
from gritstone_conformance.results.expect_files import read_expectations
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.rules import load_rules
from selftests.fakes.reports import LAX, made_outcome, made_report, saved
from selftests.fakes.subject import HELLO

ORDER, UNIQUE = "grit.tree.key-order", "grit.tree.key-unique"
NEWER = "grit.tree.non-empty"
_DRAFT = load_rules()
BOOK = replace(
    _DRAFT,
    versions={
        _DRAFT.spec: tuple((one.id, one.level, one.digest[:16]) for one in _DRAFT.rules.values() if one.id != NEWER)
    },
)
FILE = Path("fake.expect.toml")

Run = Callable[..., tuple[int, str, str]]


@cache
def loaded() -> SuiteData:
    return replace(load_data(), book=BOOK)


@pytest.fixture
def accept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that accepts outcomes in a temporary directory and returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gritstone_conformance.commands.accept.load_data", loaded)

    def accept(outcomes: tuple[Outcome, ...], *options: str) -> tuple[int, str, str]:
        report = saved(Path("r.jsonl"), made_report(BOOK, *outcomes))
        code = main(["accept", report, "--reason", "so it is", *options])
        out, err = capfd.readouterr()
        return code, out, err

    return accept


def entries() -> list[tuple[str, str, int | None]]:
    return [(each.title, each.signature, each.matches) for each in read_expectations(FILE).expectations.entries]


BOTH = (
    made_outcome("grit/tree/c", "fail", rules=(UNIQUE,)),
    made_outcome("grit/tree/b", "fail"),
    made_outcome("grit/tree/a", "fail"),
    made_outcome("grit/tree/d", "fail", signature="expected ok got value at /id"),
    made_outcome("grit/tree/e", "error", cause="dead:signal-SEGV", rule="harness.reply.total"),
    made_outcome("grit/tree/f", "error", cause="twin"),
    made_outcome("grit/tree/g"),
)


def test_accept_writes_one_entry_per_rule_and_signature(accept: Run) -> None:
    assert accept(BOTH) == (0, "fake.expect.toml: 5 added\n", "")
    assert entries() == [
        (ORDER, "expected ok got value at /id", 1),
        (ORDER, LAX, 2),
        (ORDER, "twin", 1),
        (UNIQUE, LAX, 1),
        ("harness.reply.total", "dead:signal-SEGV", 1),
    ]
    assert {each.expires for each in read_expectations(FILE).expectations.entries} == {"2027-04-01"}, "90 days"
    assert accept(BOTH) == (0, "fake.expect.toml: nothing to change\n", "")


def test_only_an_entry_of_kind_bug_expires_by_default(accept: Run) -> None:
    assert accept(BOTH[:1], "--kind", "wontfix", "--issue", "https://x.example/1")[0] == 0
    (entry,) = read_expectations(FILE).expectations.entries
    assert (entry.kind, entry.expires, entry.issue) == ("wontfix", None, "https://x.example/1")


def test_further_failures_of_an_entry_update_its_count(accept: Run) -> None:
    assert accept(BOTH[:2])[0] == 0
    before = FILE.read_text()
    assert accept(BOTH[:3]) == (0, "fake.expect.toml: 1 changed\n", "")
    assert FILE.read_text() == before.replace("matches = 1", "matches = 2", 1)


def test_new_signature_adds_an_entry_and_prune_drops_the_old(accept: Run) -> None:
    FILE.write_text(
        f'[[expect]]\ncase = "grit/tree/b"\nsignature = "{LAX}"\nkind = "wontfix"\nreason = "so it is"\n',
        encoding="utf-8",
    )
    other = (made_outcome("grit/tree/b", "fail", signature="expected ok got value at /id"),)
    code, out, _ = accept(other)
    assert code == 1
    assert "1 stale entry left: change the lines, or use --prune" in out
    assert entries() == [("grit/tree/b", LAX, None), (ORDER, "expected ok got value at /id", 1)]
    assert accept(other, "--prune") == (0, "fake.expect.toml: 1 removed\n", "")
    assert entries() == [(ORDER, "expected ok got value at /id", 1)]


def test_expired_entry_is_replaced_or_renewed(accept: Run) -> None:
    assert accept(BOTH[:1])[0] == 0
    FILE.write_text(FILE.read_text().replace("2027-04-01", "2026-04-01").replace("so it is", "an old reason"))
    old = FILE.read_text()
    assert accept(BOTH[:1])[0] == 1
    assert FILE.read_text() == old
    assert accept(BOTH[:1], "--prune") == (0, "fake.expect.toml: 1 added, 1 removed\n", "")
    assert "an old reason" not in FILE.read_text()
    FILE.write_text(old)
    assert accept(BOTH[:1], "--expires", "2027-02-01") == (0, "fake.expect.toml: 1 changed\n", "")
    assert FILE.read_text() == old.replace("2026-04-01", "2027-02-01")


def test_outcomes_that_do_not_count_are_not_accepted(accept: Run) -> None:
    assert NEWER in BOOK.rules
    assert not BOOK.scores(NEWER)
    other = (
        made_outcome("grit/tree/s", "fail", level="SHOULD"),
        made_outcome("grit/tree/n", "fail", rules=(NEWER,)),
    )
    assert accept(other) == (0, "fake.expect.toml: nothing to change\n", "")
    assert not FILE.exists()
    assert accept(other, "--strict") == (0, "fake.expect.toml: 1 added\n", "")
    assert entries() == [(ORDER, LAX, 1)]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("acme-rt", "acme-rt.expect.toml"),
        ("../../etc/x", "etc-x.expect.toml"),
        ("Ünï cöde", "n-c-de.expect.toml"),
        ("..", "iut.expect.toml"),
    ],
)
def test_implementation_name_cannot_escape_the_directory(name: str, file: str) -> None:
    hello = {**HELLO, "implementation": {"name": name, "version": "1", "language": "c"}}
    assert default_file(made_report(BOOK, hello=hello).header) == Path(file)


def test_accept_writes_the_file_that_the_run_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = made_report(BOOK, expect={"file": "ours.toml", "sha256": "0" * 64, "entries": []}).header
    assert default_file(given) == FILE
    Path("ours.toml").write_text("")
    assert default_file(given) == Path("ours.toml")


def test_reason_that_is_not_utf8_is_a_usage_error(accept: Run) -> None:
    code, _, err = accept(BOTH, "--reason", "\udcff")
    assert code == 2
    assert "must be UTF-8" in err
