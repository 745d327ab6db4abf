"""The command line end to end on real processes: exit codes, invalid input, jobs, replay, doctor, show."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone_conformance import SPEC_VERSION
from gritstone_conformance.cli import main
from gritstone_conformance.commands.catalogue import COMMANDS
from gritstone_conformance.commands.options import make_parser
from gritstone_conformance.results.report import read_report
from selftests.paths import PLANTED
from selftests.terminal import REFERENCE, Run, is_running, planted, verify

TREES = ("-k", "grit/tree/*names*")
"""A dozen vectors, of both kinds."""
MIXED = ("-k", "grit/tree/*n[ai][qm]*")
"""These and two properties, some of each in either part of two."""


@pytest.mark.rule("suite.exit.law", "suite.exit.nothing", slow=True)
@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (verify(REFERENCE, *TREES), 0),
        (verify(REFERENCE, "--rule", "grit.tree.non-empty", "--seed", "9"), 0),
        (verify(planted("always_ok"), *TREES), 1),
        (verify(planted("always_refuse"), *TREES), 1),
        (verify(planted("unsupported"), *TREES), 1),
        (verify(REFERENCE, "-k", "nomatch"), 3),
        (verify(planted("null"), *TREES), 3),
        (verify(planted("echo"), *TREES), 3),
        (verify("cat", *TREES), 3),
        (verify("true", *TREES), 3),
        (verify(f"{sys.executable} -c 'raise SystemExit(1)'", *TREES), 3),
        (verify(planted("null"), "-k", "harness/hello/s*"), 3),
        (verify("no-such-command-anywhere"), 2),
        (verify(REFERENCE, "--profile", "nonsense"), 2),
    ],
)
def test_exit_codes_of_commands(run: Run, argv: tuple[str, ...], code: int) -> None:
    got, out, err = run(*argv)
    assert got == code, (out, err)
    if code == 2:
        assert err.startswith("gritstone: ")
        assert err.count("\n") == 1
    else:
        footer = read_report(Path(".gritstone/report.jsonl")).footer
        assert footer["exit"] == code
        assert "exit" not in out or f"exit {code}" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("verfy",), "invalid choice: 'verfy'; the nearest is verify"),
        (
            ("verify", "--itu", "x"),
            "unrecognized arguments: --itu; the nearest is --iut (see `gritstone verify --help`)",
        ),
        (verify("x", "--repot", "y"), "unrecognized arguments: --repot y; the nearest is --report"),
        (("new-iut", "pyton", "x"), "invalid choice: 'pyton'; the nearest is python"),
        (("completion", "csh"), "invalid choice: 'csh'"),
        (("verify",), "one of the arguments --iut --connect is required"),
        (verify(REFERENCE, "--connect", "unix:/x"), "not allowed with argument --iut"),
        (("verify", "--connect", "http://x"), "neither unix:PATH nor tcp:HOST:PORT"),
        (("verify", "--connect", "unix:/no/such/socket"), "cannot connect to unix:/no/such/socket"),
        (verify(""), "the command of the implementation is empty"),
        (verify("'unbalanced"), "No closing quotation"),
        (verify("x", "--jobs", "0"), "invalid number '0': expected an integer from 1 to 256"),
        (verify("x", "--shard", "2/2"), "invalid shard '2/2': expected I/N with I from 0 to N-1"),
        (verify("x", "--shard", "0/2", "--jobs", "2"), "--jobs starts one adapter per shard"),
        (verify("x", "--for", "30"), "invalid span '30': expected a number and a unit, such as 90s, 30m or 2h"),
        (verify("x", "--max-rss", "lots"), "invalid size 'lots'"),
        (verify("x", "--deadline-scale", "nan"), "invalid factor 'nan': expected a positive number"),
        (verify("x", "--deadline-scale", "2", "--no-deadline"), "not allowed with argument"),
        (verify("x", "--rule", "grit.tree.name-order"), f"no rule of spec {SPEC_VERSION} matches"),
        (verify("x", "--seed", "-1"), "--seed"),
        (verify("x", "--report", "/dev/null/x"), "/dev/null/x: Not a directory"),
        (verify("x", "--trace", "/no/such/directory/x"), "No such file or directory"),
        (("replay", "nothing", "--iut", "x"), "nothing: expected a saved case"),
        (("replay", "none.json", "--iut", "x"), "none.json: No such file"),
        (("show", "grit.tree.key-ordre"), "the nearest is grit.tree.key-order"),
        (("show", "runtime.receipt"), "3 names begin with it: runtime.receipt.form runtime.receipt.no-loop"),
        (("show", "--raw", "grit/none"), "expected the name of a vector"),
        (("report", "none.jsonl"), "none.jsonl: No such file"),
        (("audit", "none.grit"), "none.grit: No such file"),
        (("audit", "."), "Is a directory"),
        (("vectors", "--root", "none"), "none: not a directory of vectors"),
        (("vectors", "--write"), "--write requires --digest"),
        (("vectors", "--add", "none.json"), "none.json: No such file"),
    ],
)
def test_usage_error_is_one_line_and_exit_2(run: Run, argv: tuple[str, ...], words: str) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err
    assert err.startswith("gritstone: ")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"cases":[]}', b"[" * 100_000, b"null"])
@pytest.mark.parametrize("argv", [("report", "bad"), ("replay", "./bad", "--iut", "cat"), ("vectors", "--add", "bad")])
def test_invalid_file_is_one_line_and_exit_4(run: Run, argv: tuple[str, ...], content: bytes) -> None:
    Path("bad").write_bytes(content)
    code, out, err = run(*argv)
    assert (code, out) == (4, "")
    assert err.count("\n") == 1
    assert "bad: " in err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_starts_with_the_purpose_and_ends_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    first = capsys.readouterr().out.partition("exit codes: 0 no unexpected result")[0]
    command = COMMANDS[name]
    assert " ".join(first.split()).startswith(command.purpose)
    assert first.rstrip().endswith(command.examples[-1])
    assert 2 <= len(command.examples) <= 3


@pytest.mark.parametrize("line", [line for command in COMMANDS.values() for line in command.examples])
def test_examples_of_help_are_valid_commands(line: str) -> None:
    words = shlex.split(re.sub(r'^eval "\$\((.*)\)"$', r"\1", line).partition(" | ")[0])
    assert words.pop(0) == "gritstone"
    assert make_parser().parse_args(words).command == words[0]


def test_command_line_without_arguments_prints_a_hint(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (2, "")
    found = [line.partition("    ")[0].split() for line in out.splitlines() if line.startswith("  gritstone")]
    assert [words[1] for words in found] == ["new-iut", "doctor", "verify"]
    assert len(out.splitlines()) < 10


@pytest.mark.rule("suite.verdict.own-fault", "suite.verdict.own-case")
def test_suite_error_in_a_case_is_exit_4_with_a_report(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from gritstone_conformance.running import vector_runner

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug in the judge")

    monkeypatch.setattr(vector_runner, "compare", broken)
    code, out, _ = run(*verify(REFERENCE, *TREES))
    assert code == 4
    assert "the suite itself failed in " in out
    report = read_report(Path(".gritstone/report.jsonl"))
    assert report.footer["exit"] == 4
    assert {outcome.cause for outcome in report.outcomes if outcome.verdict != "pass"} == {"suite"}


@pytest.mark.rule("suite.verdict.own-fault")
def test_suite_error_outside_cases_is_exit_4(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from gritstone_conformance.running import plan_runner as runs

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug in the ledger")

    monkeypatch.setattr(runs, "final_outcomes", broken)
    code, _, err = run(*verify(REFERENCE, *TREES))
    assert code == 4
    assert err.rstrip().endswith("gritstone: the suite itself failed: ZeroDivisionError: a bug in the ledger")
    assert not Path(".gritstone/report.jsonl").exists(), "a report was written"


def test_failing_run_removes_an_older_report(run: Run) -> None:
    assert run(*verify(REFERENCE, *TREES))[0] == 0
    assert Path(".gritstone/report.jsonl").exists()
    assert run(*verify("no-such-command"))[0] == 2
    assert not Path(".gritstone/report.jsonl").exists()


def children() -> set[str]:
    """Return the ids of this process's living children, read from /proc."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for listed in lists for pid in listed.read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_no_process_is_left_after_a_run(run: Run) -> None:
    before = children()
    run(*verify(planted("always_ok"), *TREES))
    run(*verify("cat", *TREES))
    run("doctor", "--iut", REFERENCE)
    assert children() <= before


@pytest.mark.rule("suite.signal.ends")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_terminated_run_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    ended(tmp_path, number, 1)


@pytest.mark.rule("suite.signal.ends")
def test_repeated_signals_end_a_run_as_the_first_one_does(tmp_path: Path) -> None:
    ended(tmp_path, signal.SIGINT, 20, 0.001)


CLEANING = """
import time
from gritstone_conformance import cli
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.folders import fresh_folder

with cli._terminable():
    fresh_folder()
    child = Command(("sleep", "600")).open()
    try:
        print(child.pid, flush=True)
        time.sleep(600)
    finally:
        print("cleaning", flush=True)
        time.sleep(600)
"""


@pytest.mark.rule("suite.signal.ends")
def test_second_signal_ends_a_slow_shutdown(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLEANING],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "gritstone: interrupted\n")
    assert list(tmp_path.iterdir()) == []
    assert not is_running(child)


def ended(tmp_path: Path, number: signal.Signals, times: int, pause_s: float = 0.0) -> None:
    """Send signals to a run that waits for an implementation, and check that no process is left."""
    (tmp_path / "tmp").mkdir()
    mark = f"--ended-from-outside={os.getpid()}"
    # this adapter answers only hello, so the run is in progress however slow this process is
    iut = shlex.join([sys.executable, str(PLANTED / "hang.py"), mark])
    command = [sys.executable, "-m", "gritstone_conformance.cli", *verify(iut, "-k", "grit/[bt]*/*")]

    # a process started in the background may have inherited that interrupts are ignored
    def listen() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("gritstone")
        for _ in range(times):
            process.send_signal(number)
            time.sleep(pause_s)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "gritstone: interrupted\n")
    assert not any(mark.encode() in line for line in command_lines())
    assert not (tmp_path / ".gritstone/report.jsonl").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.rule("suite.output.lost")
@pytest.mark.parametrize(
    ("redirect", "words"),
    [("> /dev/full", "cannot write to standard output: No space left on device"), (">&-", "standard output is closed")],
)
@pytest.mark.parametrize("command", [("verify", "-k", "grit/tree/*"), ("show", "grit.tree.key-order"), ("doctor",)])
def test_unwritable_output_is_reported_in_one_line(
    tmp_path: Path, redirect: str, words: str, command: tuple[str, ...]
) -> None:
    iut = () if command[0] == "show" else ("--iut", REFERENCE)
    line = shlex.join([sys.executable, "-m", "gritstone_conformance.cli", *command, *iut])
    done = subprocess.run(["sh", "-c", f"{line} {redirect}"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, f"gritstone: {words}\n")


@pytest.mark.rule("suite.report.writable")
@pytest.mark.parametrize("more", [(), ("--jobs", "2")])
def test_unwritable_report_path_ends_a_run_before_it_starts(run: Run, tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    iut = shlex.join(["sh", "-c", f"echo >> {tmp_path}/started"])
    for place in (tmp_path / "file/report.jsonl", Path("/proc/report.jsonl"), tmp_path):
        code, _, err = run(*verify(iut, *TREES, "--report", str(place), *more))
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith(f"gritstone: {place}: ")
    assert not (tmp_path / "started").exists()
    assert not list(tmp_path.rglob("*.part"))


def command_lines() -> Iterator[bytes]:
    """Yield the command lines of all processes, read from /proc."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended since
            yield path.read_bytes()


def test_jobs_write_the_same_report_as_one_job(run: Run) -> None:
    code, out, err = run(*verify(REFERENCE, *MIXED, "--report", "one.jsonl"))
    assert (code, err) == (0, "")
    code, merged, err = run(*verify(REFERENCE, *MIXED, "--report", "two.jsonl", "--jobs", "2"))
    assert (code, err) == (0, "")
    one, two = read_report(Path("one.jsonl")), read_report(Path("two.jsonl"))
    assert one.footer["verdicts"] == two.footer["verdicts"]
    assert one.footer["cases"] == two.footer["cases"]
    assert [outcome.case for outcome in one.outcomes] == [outcome.case for outcome in two.outcomes]
    assert two.header["shard"] == [0, 1]
    assert sorted(path.name for path in Path().iterdir()) == ["one.jsonl", "two.jsonl"], (
        "files of parts are left behind"
    )
    assert out.splitlines()[:2] == merged.splitlines()[:2]


def test_report_command_prints_the_last_run_again(run: Run) -> None:
    assert run(*verify(REFERENCE, *TREES))[0] == 0
    assert run("report") == run("report", ".gritstone/report.jsonl")


def test_shards_can_be_merged(run: Run) -> None:
    run(*verify(REFERENCE, *MIXED, "--report", "whole.jsonl"))
    for index in range(2):
        run(*verify(REFERENCE, *MIXED, "--shard", f"{index}/2", "--report", f"{index}.jsonl"))
    code, out, _ = run("report", "0.jsonl", "1.jsonl", "--merge", "merged.jsonl")
    assert code == 0
    assert "this is not a claim" in out
    whole, merged = read_report(Path("whole.jsonl")), read_report(Path("merged.jsonl"))
    assert whole.footer["verdicts"] == merged.footer["verdicts"]
    code, _, err = run("report", "0.jsonl", "--merge", "half.jsonl")
    assert code == 4
    assert "expected the shards 0 to 1 of 2, each once, got [0]" in err


def test_second_rule_pattern_is_a_usage_error(run: Run) -> None:
    code, _, err = run("verify", "--iut", "x", "--rule", "grit.tree.*", "--rule", "grit.blob.*")
    assert code == 2
    assert "--rule: given more than once, expected one pattern" in err


def test_job_that_cannot_start_ends_the_run(run: Run) -> None:
    code, _, err = run(*verify("no-such-command", "--jobs", "2"))
    assert code == 2
    assert "2 of 2 jobs did not complete" in err


def lax(tmp_path: Path) -> str:
    """Return the command of the reference with one changed line: it accepts trees in any order."""
    script = tmp_path / "lax.py"
    script.write_text(
        "import sys, runpy\n"
        "import gritstone.grit.framed as framed\n"
        "original = framed._disorder\n"
        "class Quiet(Exception): pass\n"
        "import inspect\n"
        "source = inspect.getsource(framed)\n"
        'old = \'raise _disorder("name", name, last, offset, "grit.tree.key-order")\'\n'
        "assert source.count(old) == 1\n"
        "exec(compile(source.replace(old, 'pass'), framed.__file__, 'exec'), framed.__dict__)\n"
        "sys.argv = ['gritstone.harness']\n"
        "runpy.run_module('gritstone.harness', run_name='__main__')\n"
    )
    return shlex.join([sys.executable, str(script)])


def test_defect_is_reported_replayed_and_then_fixed(run: Run, tmp_path: Path) -> None:
    broken = lax(tmp_path)
    code, out, _ = run(*verify(broken, "--rule", "grit.tree.key-order", *TREES))
    assert code == 1
    assert "FAIL grit.tree.key-order" in out
    assert "The encoder MUST write the entries of a tree in ascending order" in out
    assert "expected     refused invalid" in out
    assert "got          ok  " in out
    again = next(line for line in out.splitlines() if line.startswith("  again"))
    command = shlex.split(again.removeprefix("  again").strip())
    assert command[:2] == ["gritstone", "replay"]
    assert Path(command[2]).is_file()

    code, out, _ = run(*command[1:])
    assert code == 1
    assert out.startswith("FAILS  grit/tree/")
    code, out, _ = run("replay", Path(command[2]).stem[:8], "--iut", REFERENCE)
    assert code == 0
    assert out.startswith("FIXED  grit/tree/")
    assert "(when saved: expected refused:invalid got ok)" in out
    code, out, _ = run("replay", command[2], "--iut", planted("unsupported"))
    assert code == 1
    assert out.startswith("DIFFERS  grit/tree/")
    code, out, _ = run("replay", command[2], "--iut", "true")
    assert code == 1
    assert out.startswith("ERROR  grit/tree/")


def test_shrunk_failure_can_be_replayed(run: Run, tmp_path: Path) -> None:
    broken = lax(tmp_path)
    code, _, _ = run(*verify(broken, "-k", "grit/tree/key-order-d*framed"))
    assert code == 1
    outcomes = read_report(Path(".gritstone/report.jsonl")).outcomes
    found = [outcome for outcome in outcomes if outcome.kind == "property" and outcome.verdict == "fail"]
    assert found, "no property found the defect"
    for outcome in found:
        assert outcome.found is not None
        assert run("replay", f".gritstone/{outcome.found}", "--iut", broken)[0] == 1
        assert run("replay", f".gritstone/{outcome.found}", "--iut", REFERENCE)[0] == 0


def test_vector_can_be_replayed_by_name(run: Run) -> None:
    code, out, _ = run("replay", "grit/tree/names-descending", "--iut", REFERENCE)
    assert (code, out) == (0, "FIXED  grit/tree/names-descending\n")
    code, out, _ = run("replay", "grit/tree/names-descending", "--iut", planted("always_refuse"))
    assert code == 1, "a reject case proves nothing without its twin"
    assert out.startswith("ERROR  grit/tree/names-descending")


def test_show_prints_a_rule_with_cases_and_verdicts(run: Run) -> None:
    run(*verify(REFERENCE, *TREES))
    for report in ((), ("--report", ".gritstone/report.jsonl")):
        code, out, _ = run("show", "grit.tree.key-order", *report)
        assert code == 0
        assert "MUST" in out.splitlines()[0]
        assert "verdict: pass" in out
        line = re.search(r"^  pass      grit/tree/: (.*(?:\n {14}.*)*)", out, re.MULTILINE)
        assert line is not None, out
        assert "names-descending" in line[1].split()
        mutants = re.search(r"^  mutants   (.*)", out, re.MULTILINE)
        assert mutants is not None, out
        assert "framed-tree-takes-any-order" in mutants[1].split()


def test_show_prints_a_property_and_a_watch(run: Run) -> None:
    code, out, _ = run("show", "harness/reply/fault-is-error")
    assert code == 0
    assert out.startswith("harness/reply/fault-is-error · wire · harness.reply.fault-is-error")
    assert "digest" in out
    assert run("show", "harness/watch/frame-line")[1].startswith(
        "harness/watch/frame-line · watch · harness.frame.line"
    )


def test_schema_path_is_printed(run: Run) -> None:
    folder = Path(run("schemas")[1].strip())
    assert run("schemas", "report")[1].strip() == str(folder / "report.schema.json")
    assert (folder / "report.schema.json").is_file()
    code, _, err = run("schemas", "reports")
    assert code == 2
    assert "unknown schema reports: expected one of audits, case," in err


def test_show_prints_a_case_and_its_lines(run: Run) -> None:
    _, out, _ = run("show", "grit/tree/names-descending")
    assert "twin         grit/tree/two-names (offset 8: 61 -> 63)" in out
    _, out, _ = run("show", "--raw", "grit/tree/names-descending")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["op"] for line in lines] == ["hello", "grit.decode", "bye"]
    assert lines[0]["seq"] == 2927475272592727


def test_trace_contains_every_line(run: Run) -> None:
    run(*verify(REFERENCE, "-k", "grit/tree/two-names", "--trace", "trace.txt"))
    marks = [line[:2] for line in Path("trace.txt").read_text().splitlines()]
    assert marks.count("> ") == marks.count("< ") == 3
