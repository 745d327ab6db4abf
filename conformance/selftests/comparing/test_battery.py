"""``gritstone verify --battery``: it finds answers that depend on the environment, and lists the untried conditions."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.attachment.conditions import CONDITIONS, Condition, Missing
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cli import main
from gritstone_conformance.comparing import battery
from gritstone_conformance.comparing.transcripts import CaseTranscript, Transcript, entry_of, partings
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Ok
from gritstone_conformance.vectors.files import VectorSet
from selftests.fakes.reports import comparison_lines
from selftests.fakes.subject import HELLO, fake_book
from selftests.terminal import REFERENCE, mutant

GLOB = "grit/refs/*"
FEW = tuple(each for each in CONDITIONS if each.name in ("a fresh process", "another hash seed"))


def run(tmp_path: Path, command: str) -> tuple[int, dict[str, dict[str, Any]]]:
    report = tmp_path / "report.jsonl"
    code = main(["verify", "--iut", command, "-k", GLOB, "--battery", "--report", str(report)])
    _, *lines, footer = comparison_lines(tmp_path / "report.battery.jsonl")
    assert footer["exit"] in (0, 1)
    return code, {line["condition"]: line for line in lines}


def having(value: bool) -> Transcript:
    return Transcript(
        {"a/b": CaseTranscript.of("pass", None, [[entry_of("grit.has", {"ids": [1]}, Ok({"has": [value]}))]])}
    )


@pytest.mark.rule("suite.battery.table")
def test_each_condition_is_compared_with_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([having(True), having(True), having(False)])
    monkeypatch.setattr(battery._Runner, "run", lambda *_: (next(answers), HELLO))
    monkeypatch.setattr(battery, "load_data", lambda: SuiteData(fake_book(), VectorSet((), "0" * 64)))
    none = Condition("none", lambda *_: Missing("there is none"))
    monkeypatch.setattr(battery, "CONDITIONS", (*FEW, none))
    report = tmp_path / "report.jsonl"
    target = Target.parse("adapter", None)
    code = battery.run_battery(RunContext(target, Selection(globs=("none",)), report=report), sys.stdout)
    _, same, other, untried, _ = comparison_lines(tmp_path / "report.battery.jsonl")
    assert code == 1
    assert [(each["cases"], each["differ"]) for each in (same, other)] == [(1, 0), (1, 1)]
    assert untried == {"type": "condition", "condition": "none", "not_tried": "there is none"}
    assert f"{'none':<28}  not tried   there is none" in capsys.readouterr().out


@pytest.mark.rule("suite.battery.table")
def test_list_in_hash_order_differs_under_another_hash_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setattr(battery, "CONDITIONS", FEW)
    code, rows = run(tmp_path, mutant("references-are-listed-in-hash-order"))
    assert code == 1
    assert rows["a fresh process"]["differ"] == 0
    found = rows["another hash seed"]
    assert found["differ"] > 0
    assert found["first"]["op"] == "grit.refs"
    assert found["first"]["path"].startswith("/refs/")
    assert found["first"]["answers"][0] != found["first"]["answers"][1]
    reported = capsys.readouterr().out
    assert f"first        {found['first']['case']}, step {found['first']['step'] + 1}: grit.refs /refs/" in reported


@pytest.mark.rule("suite.battery.table")
def test_unavailable_condition_is_shown_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = next(each for each in CONDITIONS if each.name == "the clock 400 days later")
    monkeypatch.setattr(battery, "CONDITIONS", (FEW[0], later))
    monkeypatch.setenv("PATH", "")
    code, rows = run(tmp_path, REFERENCE)
    assert code == 0
    assert rows[later.name] == {"type": "condition", "condition": later.name, "not_tried": "faketime is not installed"}
    assert "the clock 400 days later      not tried   faketime is not installed" in capsys.readouterr().out
    assert rows["a fresh process"]["cases"] > 0


def test_every_condition_starts_the_command_differently(tmp_path: Path) -> None:
    command = Command((sys.executable, "-c", "pass"))
    made = {each.name: each.made(command, tmp_path) for each in CONDITIONS}
    started = [each for each in made.values() if isinstance(each, Command)]
    assert len({(each.argv, each.cwd, each.env, each.umask) for each in started}) == len(started) - 1, (
        "except the first"
    )
    assert all(each.argv[-3:] == command.argv for each in started)
    assert len(made) == 11
    assert all(isinstance(each, Command | Missing) for each in made.values())


SEEN = """
import json, os, pathlib, sys
umask = os.umask(0)
personality = pathlib.Path("/proc/self/personality")
reported = {
    "cwd": os.getcwd(), "umask": umask, "pad": len(os.environ.get("PADDING", "")),
    "TZ": os.environ.get("TZ"), "LC_ALL": os.environ.get("LC_ALL"), "seed": os.environ.get("PYTHONHASHSEED"),
    "cpus": len(os.sched_getaffinity(0)), "fixed": bool(int(personality.read_text(), 16) & 0x40000),
}
sys.stdout.write(json.dumps(reported))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("another hash seed", {"seed": "4097"}),
        ("LC_ALL=tr_TR.UTF-8", {"LC_ALL": "tr_TR.UTF-8"}),
        ("TZ=Asia/Kathmandu", {"TZ": "Asia/Kathmandu"}),
        ("umask 077", {"umask": 0o077}),
        ("64 KiB more environment", {"pad": 65_536}),
        ("one processor", {"cpus": 1}),
        ("no address randomization", {"fixed": True}),
    ],
)
def test_process_runs_under_its_condition(tmp_path: Path, name: str, expected: dict[str, Any]) -> None:
    condition = next(each for each in CONDITIONS if each.name == name)
    made = condition.made(Command((sys.executable, "-c", SEEN)), tmp_path)
    if isinstance(made, Missing):
        pytest.skip(made.why)
    seen = output_of(made)
    assert expected.items() <= seen.items()
    assert seen["cwd"] == os.getcwd()


def test_condition_sets_another_working_directory(tmp_path: Path) -> None:
    condition = next(each for each in CONDITIONS if each.name == "another working directory")
    made = condition.made(Command((sys.executable, "-c", SEEN)), tmp_path)
    assert isinstance(made, Command)
    assert output_of(made)["cwd"] == str(tmp_path)


def output_of(command: Command) -> dict[str, Any]:
    process = command.open()
    assert process.wait_exit(60)
    with os.fdopen(os.dup(process.ends.read)) as stream:
        os.set_blocking(stream.fileno(), True)
        reported: dict[str, Any] = json.loads(stream.read())
    process.kill()
    return reported


def test_command_that_fails_to_start_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = next(each for each in CONDITIONS if each.name == "another working directory")
    monkeypatch.setattr(battery, "CONDITIONS", (elsewhere,))
    program = (
        "import pathlib, runpy, sys; sys.exit(3) if not pathlib.Path('here').exists() else "
        "runpy.run_module('gritstone.harness', run_name='__main__', alter_sys=True)"
    )
    (tmp_path / "here").touch()
    monkeypatch.chdir(tmp_path)
    code, rows = run(tmp_path, shlex.join([sys.executable, "-c", program]))
    assert code == 1
    assert rows[elsewhere.name]["broke"].startswith("does not start: dead:exit-3")


def test_case_with_different_requests_is_not_compared() -> None:
    one, other = (
        Transcript(
            {"a/b": CaseTranscript.of("pass", None, [[entry_of("grit.has", {"ids": [number]}, Ok({"has": [True]}))]])}
        )
        for number in range(2)
    )
    row = battery._row("here", one, other)
    assert (row.cases, row.differ, row.unlike, row.first) == (0, 0, 1, None)


def test_command_that_never_answers_hello_is_no_suite_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--iut", "false", "-k", GLOB, "--battery", "--report", str(tmp_path / "report.jsonl")]) == 3
    assert "stopped: dead:exit-1" in capsys.readouterr().out


def test_requests_after_a_free_run_are_not_compared() -> None:
    free = {"schedule": "free", "clock": "system"}
    answers: list[dict[str, Any]] = [{"refs": []}, {"refs": [1]}]
    for start, differs in ((free, False), ({"schedule": "chosen", "clock": "suite"}, True)):
        one, other = (
            CaseTranscript.of(
                "pass", None, [[entry_of("runtime.start", start, Ok({})), entry_of("grit.refs", {}, Ok(value))]]
            )
            for value in answers
        )
        assert bool(list(partings("a/b", one, other, until=battery._is_over))) == differs
