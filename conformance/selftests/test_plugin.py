"""The pytest plugin: its items are cases, and its verdicts and report equal those of ``gritstone verify``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.results.report import read_report
from selftests.paths import PLANTED
from selftests.terminal import REFERENCE


def run_pytest(where: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--no-header", *options]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=120)


def run_suite(where: Path, iut: str, *options: str) -> subprocess.CompletedProcess[str]:
    return run_pytest(where, "--pyargs", "gritstone_conformance", "--gritstone-iut", iut, *options)


@pytest.mark.rule("suite.shard.union", slow=True)
def test_items_are_cases_and_report_equals_that_of_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "--iut", REFERENCE, "-k", "grit/tree/*"]) == 0
    verified = read_report(tmp_path / ".gritstone/report.jsonl")
    verdicts = {found.case: found.verdict for found in verified.outcomes if found.kind == "vector"}
    done = run_suite(tmp_path, REFERENCE, "-k", "grit/tree/ and not edited", "-n", "2", "--dist", "worksteal")
    assert done.returncode == 0, done.stdout
    assert "this is not a claim" in done.stdout
    report = read_report(tmp_path / ".gritstone/pytest.jsonl")
    assert verdicts == {found.case: found.verdict for found in report.outcomes if found.kind == "vector"}
    assert report.header["iut"] == verified.header["iut"]
    assert report.footer["exit"] == 0


@pytest.mark.rule("suite.shard.union", slow=True)
def test_missing_part_of_a_worker_gives_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "killing.py").write_text(
        "import os, signal\n"
        "def pytest_runtest_teardown(item):\n"
        "    if getattr(item.config, 'workerinput', {}).get('workerid') == 'gw0':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    workers = ("-n", "2", "--max-worker-restart", "0")
    done = run_suite(tmp_path, REFERENCE, "-k", "grit/tree/two-names or grit/tree/names", "-p", "killing", *workers)
    assert done.returncode == 4, done.stdout
    assert "no report: the parts of gw0 are missing" in done.stdout
    assert not (tmp_path / ".gritstone/pytest.jsonl").exists()


@pytest.mark.rule("suite.verdict.own-fault", slow=True)
def test_suite_fault_in_an_item_gives_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaking.py").write_text(
        "from gritstone_conformance.pytest_run import case_runner\n"
        "def breaks(*rest):\n"
        "    raise ZeroDivisionError\n"
        "case_runner.run_item = breaks\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    done = run_suite(tmp_path, REFERENCE, "-k", "grit/tree/two-names", "-p", "breaking")
    assert done.returncode == 4, done.stdout
    assert "no report: " in done.stdout
    assert not (tmp_path / ".gritstone/pytest.jsonl").exists()


def test_failure_is_printed_as_by_verify(tmp_path: Path) -> None:
    iut = shlex.join([sys.executable, str(PLANTED / "always_refuse.py")])
    done = run_suite(tmp_path, iut, "-k", "grit/tree/two-names or grit/tree/names-descending")
    assert done.returncode == 1
    assert "plugin.py::grit/tree/two-names" in done.stdout
    assert "FAIL grit." in done.stdout
    assert "expected     ok  " in done.stdout
    assert "got          refused invalid" in done.stdout
    verdicts = {found.case: found.verdict for found in read_report(tmp_path / ".gritstone/pytest.jsonl").outcomes}
    assert verdicts["grit/tree/two-names"] == "fail"
    assert verdicts["grit/tree/names-descending"] == "error", "its twin failed"
    assert verdicts["harness/watch/frame-line"] == "error", "no case shows that the wire works"


def test_missing_hello_ends_the_run(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "true", "-k", "grit/tree/two-names")
    assert done.returncode == 3
    assert "hello failed: dead:exit-0" in done.stdout + done.stderr


def test_missing_option_collects_nothing(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "--pyargs", "gritstone_conformance", "--collect-only")
    assert done.returncode == 5
    assert "no tests" in done.stdout


def test_plugin_imports_no_other_module_of_the_suite() -> None:
    script = (
        "import sys; import gritstone_conformance.plugin;"
        "print(sorted(name for name in sys.modules if name.startswith(('gritstone', 'hypothesis', 'rich', 'json'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.strip("[]\n").replace("'", "").split(", "))
    assert {name for name in loaded if name.startswith("gritstone")} == {
        "gritstone_conformance",
        "gritstone_conformance.plugin",
    }
    assert not loaded & {"hypothesis", "rich"}
