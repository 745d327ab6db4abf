"""Processes that leave the process group of their parent: they are found, counted, ended and reported."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone_conformance.attachment import procfs
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.results.report import read_report
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from selftests.fakes.scripts import PATIENT, start_script
from selftests.fakes.subject import fake_book
from selftests.terminal import Run, is_running, verify

SPAWN = """
import subprocess, sys
quiet = {{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
code = "import time; held = b'x' * {size}; time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, env={env}, **quiet)
open({path!r}, "w").write(str(child.pid))
"""
KEPT, CLEARED = "None", "{}"


def spawning(path: Path, when: str, *, env: str = KEPT, size: int = 1) -> str:
    """Return the body of an adapter that starts a process in its own session."""
    lines = SPAWN.format(size=size, env=env, path=str(path)).replace("\n", "\n    ")
    return f"if op == {when!r}:\n    {lines}\n"


def orphaning(path: Path, size: int) -> str:
    """Return the body of an adapter that starts a process whose parent has ended."""
    code = SPAWN.format(size=size, env=KEPT, path=str(path))
    return f"if op == 'ping':\n    import subprocess\n    subprocess.run([sys.executable, '-c', {code!r}])\n"


def closes(subject: Subject) -> None:
    subject.close()


def kills(subject: Subject) -> None:
    subject.kill()


def ends_input(subject: Subject) -> None:
    subject.end_input()


@pytest.mark.rule("suite.process.strays")
def test_process_that_begins_a_program_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / str(os.getpid())
    own.mkdir()
    for name, text in {"cmdline": "", "environ": "", "stat": "1 (python) R 1"}.items():
        (own / name).write_text(text)
    monkeypatch.setattr(procfs, "_PROC", tmp_path)
    begun = threading.Timer(0.1, (own / "environ").write_text, ["A=1\0MARK=2\0"])
    begun.start()
    assert procfs.outside_group(1, "MARK=2", frozenset()) == {os.getpid()}
    begun.join()


@pytest.mark.rule("suite.process.strays")
@pytest.mark.parametrize(
    ("when", "env", "end"),
    [
        ("ping", KEPT, closes),
        ("ping", KEPT, kills),
        ("ping", CLEARED, kills),
        ("ping", KEPT, ends_input),
        ("bye", KEPT, closes),
    ],
)
def test_process_outside_the_group_is_ended_and_reported(
    tmp_path: Path, when: str, env: str, end: Callable[[Subject], None]
) -> None:
    child = tmp_path / "child"
    subject = start_script(tmp_path, spawning(child, when, env=env), PATIENT)
    subject.ask("ping", {})
    end(subject)
    assert not is_running(int(child.read_text()))
    assert [fault.rule for fault in subject.strays] == ["harness.process.group"]
    assert subject.faults == [], "the case that finds the process does not fail"


@pytest.mark.rule("suite.process.strays")
def test_memory_of_a_process_outside_the_group_counts(tmp_path: Path) -> None:
    child = tmp_path / "child"
    body = orphaning(child, 200 << 20) + "if op == 'ping':\n    time.sleep(600)\n"
    subject = start_script(tmp_path, body, AttachSettings(max_rss_bytes=100 << 20))
    (answer,) = subject.ask_each([("ping", {})])
    assert isinstance(answer, SubjectFault)
    assert answer.cause == "memory"
    assert not is_running(int(child.read_text()))


@pytest.mark.rule("suite.process.strays")
def test_run_reports_a_process_that_is_started_at_exit(run: Run, tmp_path: Path) -> None:
    child = tmp_path / "child"
    run(*verify(adapter(tmp_path, spawning(child, "bye")), "-k", "harness/watch/*"))
    found = {outcome.case: outcome for outcome in read_report(Path(".gritstone/report.jsonl")).outcomes}
    assert found["harness/watch/process-group"].verdict == "fail"
    assert not is_running(int(child.read_text()))


@pytest.mark.rule("suite.log.size")
@pytest.mark.parametrize("mib", [40, 24])
def test_large_standard_error_is_reported(tmp_path: Path, mib: int) -> None:
    chatty = f"if op == 'ping':\n    for _ in range({mib}): sys.stderr.write('x' * (1 << 20))\n"
    subject = start_script(tmp_path, chatty, PATIENT)
    subject.ask("ping", {})
    subject.kill()
    subject.ask("ping", {})
    subject.close()
    size = subject.log_bytes
    assert 2 * mib << 20 <= size < (2 * mib + 1) << 20
    (watch,) = make_plan((), (), ("harness.frame.stdout-clean",), Selection(), 1).items
    recorder = OutcomeBuilder(fake_book())
    outcome = recorder.with_log_size(recorder.watched(watch, (), 1), size)
    assert outcome.detail == ("at least 64 MiB were written to standard error" if mib == 40 else None)


def adapter(tmp_path: Path, body: str) -> str:
    """Return the command of an adapter whose body is built by :func:`start_script`."""
    subject = start_script(tmp_path, body, PATIENT)
    subject.kill()
    assert isinstance(subject.opener, Command)
    return str(subject.opener)


def test_process_that_existed_before_is_not_a_child(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "", PATIENT)
    before = procfs.all_pids()
    assert os.getpid() in before
    subject.close()
    assert subject.strays == []
