"""Expected failures end to end: verify, accept, merge, replay, audit and pytest read one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.results.expect_files import read_expectations
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.schemas import violation
from selftests.terminal import REFERENCE, Run, mutant

LAX = mutant("framed-tree-takes-any-order")
REPORT = Path(".gritstone/report.jsonl")
FILE = Path("gritstone.expect.toml")
BUG = """\
# what is known

[[expect]]
case = "grit/tree/third-name-out-of-order"
signature = "expected refused:invalid got ok"
kind = "bug"
reason = "not yet"
expires = 2099-12-31
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one report of each implementation, ``lax.jsonl`` and ``good.jsonl``; return their folder."""
    folder = tmp_path_factory.mktemp("reports")
    for name, iut in (("lax", LAX), ("good", REFERENCE)):
        main([*verify(iut), "--report", str(folder / f"{name}.jsonl")])
    return folder


def verify(iut: str, *options: str) -> tuple[str, ...]:
    return ("verify", "--iut", iut, "-k", "grit/tree/third-name*", *options)


def known(report: Report) -> list[str]:
    return [outcome.case for outcome in report.outcomes if outcome.expected is not None]


@pytest.mark.rule("suite.expect.strict", "suite.expect.claim", slow=True)
def test_expected_failure_is_exit_0_and_still_a_failure(run: Run) -> None:
    FILE.write_text(BUG)
    code, out, _ = run(*verify(LAX, "--expect", str(FILE)))
    report = read_report(REPORT)
    assert (code, report.footer["exit"], report.footer["unexpected"]) == (0, 0, 0)
    assert report.footer["cases"]["fail"] == 1
    assert report.footer["rules"]["fail"] == 1
    assert known(report) == ["grit/tree/third-name-out-of-order"]
    assert "KNOWN grit.tree.key-order" in out
    assert "bug until 2099-12-31: not yet" in out
    assert "FAIL" not in out
    assert out.splitlines()[-1].startswith("1 known; only a part of the cases")
    for line in REPORT.read_bytes().splitlines():
        assert violation("report", json.loads(line)) is None
    result = run("report")
    assert result[0] == 0
    assert "KNOWN grit.tree.key-order" in result[1]
    assert result[1].splitlines()[-1] == out.splitlines()[-1]


@pytest.mark.rule("suite.expect.strict", slow=True)
def test_stale_entry_is_exit_1_and_shows_its_lines(run: Run) -> None:
    FILE.write_text(BUG)
    code, out, _ = run(*verify(REFERENCE, "--expect", str(FILE)))
    footer = read_report(REPORT).footer
    assert (code, footer["exit"], footer["unexpected"]) == (1, 1, 1)
    assert "STALE gritstone.expect.toml:3   grit/tree/third-name-out-of-order   passes now" in out
    assert "      - lines 3-8" in out
    assert "1 stale entry" in out.splitlines()[-1]
    for line in REPORT.read_bytes().splitlines():
        assert violation("report", json.loads(line)) is None
    result = run("report")
    assert result[0] == 1
    assert "STALE gritstone.expect.toml:3" in result[1]
    assert result[1].splitlines()[-1] == out.splitlines()[-1]


@pytest.mark.rule("suite.expect.strict", slow=True)
def test_failures_of_a_stale_entry_are_unexpected_again(run: Run) -> None:
    FILE.write_text(BUG.replace("2099-12-31", "2020-12-31"))
    code, out, _ = run(*verify(LAX, "--expect", str(FILE)))
    assert code == 1
    assert read_report(REPORT).footer["unexpected"] == 2
    assert "expired on 2020-12-31" in out
    assert "FAIL grit.tree.key-order" in out
    assert out.splitlines()[-1].startswith("1 rule fails, 0 errors, 1 stale entry; ")


@pytest.mark.parametrize("command", ["verify", "replay", "audit"])
@pytest.mark.parametrize("text", ["\ufeff" + BUG, BUG + "knid = 1\n"], ids=["BOM", "unknown key"])
def test_invalid_file_is_exit_2_before_a_case_runs(run: Run, command: str, text: str) -> None:
    FILE.write_text(text, encoding="utf-8")
    argv = {
        "verify": verify("no-such-command"),
        "replay": ("replay", "grit/tree/two-names", "--iut", "no-such-command"),
        "audit": ("audit", "none.grit"),
    }[command]
    code, out, err = run(*argv, "--expect", str(FILE))
    assert (code, out) == (2, "")
    assert err.startswith("gritstone: gritstone.expect.toml:")
    assert err.count("\n") == 1
    assert not REPORT.exists()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_accept_is_enough_and_a_second_changes_nothing(run: Run, reports: Path, newline: str) -> None:
    FILE.write_bytes(b"# ours" + newline.encode())
    report = str(reports / "lax.jsonl")
    code, out, _ = run("accept", report, "--reason", 'say "no"', "--expires", "2099-01-01")
    assert (code, out) == (0, "gritstone.expect.toml: 1 added\n")
    first = FILE.read_bytes()
    assert first.startswith(b"# ours" + newline.encode())
    assert first.count(b"\n") == first.count(newline.encode())
    (entry,) = read_expectations(FILE).expectations.entries
    assert (entry.rule, entry.matches, entry.reason) == ("grit.tree.key-order", 1, 'say "no"')
    assert run(*verify(LAX, "--expect", str(FILE)))[0] == 0
    assert run("accept", report, "--reason", "other") == (0, "gritstone.expect.toml: nothing to change\n", "")
    assert FILE.read_bytes() == first


def test_stale_entries_are_removed_on_request(run: Run, reports: Path) -> None:
    FILE.write_text(BUG)
    report = str(reports / "good.jsonl")
    code, out, _ = run("accept", report, "--reason", "r")
    assert code == 1
    assert "STALE gritstone.expect.toml:3" in out
    assert FILE.read_text() == BUG
    assert run("accept", report, "--reason", "r", "--prune") == (0, "gritstone.expect.toml: 1 removed\n", "")
    assert FILE.read_text() == "# what is known\n\n"
    assert run("accept", report, "--reason", "r", "--prune") == (0, "gritstone.expect.toml: nothing to change\n", "")


def test_count_is_updated_and_expiry_renewed(run: Run, reports: Path) -> None:
    several = BUG.replace("grit/tree/third-name-out-of-order", "grit/tree/third*") + "matches = 7  # once\n"
    FILE.write_text(several.replace("2099", "2020"))
    report = str(reports / "lax.jsonl")
    assert run("accept", report, "--reason", "r")[0] == 1, "the expired entry needs a new date"
    code, out, _ = run("accept", report, "--reason", "r", "--expires", "2098-01-01")
    assert (code, out) == (0, "gritstone.expect.toml: 2 changed\n")
    assert FILE.read_text() == several.replace("2099-12-31", "2098-01-01").replace("matches = 7  #", "matches = 1  #")
    assert run("accept", report, "--reason", "r") == (0, "gritstone.expect.toml: nothing to change\n", "")


def test_new_entry_does_not_overlap_a_matching_one(run: Run) -> None:
    FILE.write_text(BUG)
    wide = ("verify", "--iut", LAX, "-k", "grit/tree/[tn]*-*")
    run(*wide)
    assert run("accept", str(REPORT), "--reason", "r")[0] == 0
    entries = read_expectations(FILE).expectations.entries
    assert {entry.case for entry in entries} == {
        "grit/tree/third-name-out-of-order",
        "grit/tree/names-descending",
    }
    assert run(*wide, "--expect", str(FILE))[0] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--reason", " "), "reason must be a text that is not empty"),
        (("--reason", "r", "--kind", "suite-dispute"), "requires issue, the URL"),
        (("--reason", "r", "--kind", "suite-dispute", "--issue", "17"), "issue must be a URL"),
        (("--reason", "r", "--expires", "soon"), "invalid day 'soon': expected YYYY-MM-DD"),
        (("--reason", "r", "--expires", "2027-W01-1"), "invalid day '2027-W01-1': expected YYYY-MM-DD"),
        (("--reason", "r", "--expires", "2020-01-01"), "the day is before"),
        (("--reason", "r", "--kind", "meh"), "invalid choice"),
        (("--reason", "r", "--into", "/dev/null/x.toml"), "Not a directory"),
        ((), "--reason"),
    ],
)
def test_failure_that_cannot_be_accepted_is_a_usage_error(
    run: Run, reports: Path, options: tuple[str, ...], words: str
) -> None:
    code, out, err = run("accept", str(reports / "lax.jsonl"), *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not FILE.exists()


def test_cases_that_did_not_run_cannot_be_accepted(run: Run) -> None:
    assert run("verify", "--iut", "true", "-k", "grit/tree/two-names")[0] == 3
    code, _, err = run("accept", str(REPORT), "--reason", "r")
    assert code == 2
    assert "their result is unknown" in err


@pytest.mark.rule("suite.expect.strict", slow=True)
def test_shards_are_judged_alone_and_again_after_the_merge(run: Run) -> None:
    FILE.write_text(BUG.replace("third-name-out-of-order", "*") + "matches = 7\n")
    parts = [f"{index}.jsonl" for index in range(2)]
    trees = ("verify", "--iut", LAX, "-k", "grit/tree/*", "--expect", str(FILE))
    for index, part in enumerate(parts):
        code, out, _ = run(*trees, "--shard", f"{index}/2", "--report", part)
        assert code == 0, out
    assert sum(len(known(read_report(Path(part)))) for part in parts) == 6
    code, out, _ = run("report", "--merge", "whole.jsonl", *parts)
    assert code == 1
    assert "expects 7 failures, found 6: " in out
    assert known(read_report(Path("whole.jsonl"))) == []


def test_jobs_are_judged_together(run: Run) -> None:
    """The parts hold an expected failure and a stale entry."""
    FILE.write_text(BUG + BUG.replace("third-name-out-of-order", "three-names-close-together"))
    code, out, _ = run("verify", "--iut", LAX, "-k", "grit/tree/th*", "--expect", str(FILE), "--jobs", "2")
    report = read_report(REPORT)
    assert (code, report.footer["unexpected"]) == (1, 1), out
    assert known(report) == ["grit/tree/third-name-out-of-order"]
    assert (out.count("KNOWN"), out.count("STALE")) == (1, 1)


def test_replay_reports_an_expected_failure(run: Run) -> None:
    FILE.write_text(BUG)
    case = ("replay", "grit/tree/third-name-out-of-order", "--iut", LAX)
    code, out, _ = run(*case, "--expect", str(FILE))
    assert code == 1
    assert out.splitlines()[0] == ("FAILS  grit/tree/third-name-out-of-order   known: bug until 2099-12-31: not yet")
    assert "known" not in run(*case)[1]


def test_audit_reports_an_expected_failure(run: Run) -> None:
    Path("odd.grit").write_bytes(b"no bundle")
    assert run("audit", "odd.grit")[0] == 1
    report = ".gritstone/audit.jsonl"
    assert run("accept", report, "--reason", "old exporter", "--kind", "wontfix", "--into", str(FILE))[0] == 0
    code, out, _ = run("audit", "odd.grit", "--expect", str(FILE))
    assert code == 0
    assert "KNOWN grit." in out
    assert "bundle not legal: 1 of" in out
    assert ", 1 known · " in out
    assert run(*verify(REFERENCE, "--expect", str(FILE)))[0] == 0, "a run does not judge entries of an audit"


def test_pytest_plugin_reads_the_same_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(BUG)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--pyargs", "gritstone_conformance"]
    options = ["-k", "third-name-out-of-order", "--gritstone-expect", str(FILE), "--gritstone-iut"]
    done = subprocess.run([*command, *options, LAX], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
    assert "1 known; " in done.stdout
    done = subprocess.run([*command, *options, REFERENCE], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "STALE gritstone.expect.toml:3" in done.stdout
    (tmp_path / FILE).write_text("what?")
    done = subprocess.run([*command, *options, LAX], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "gritstone.expect.toml:1: invalid TOML" in done.stderr
