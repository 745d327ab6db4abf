"""A forked mutant behaves as one that is started normally: edits, directory, variables, exit code and failed rules."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance.attachment.conditions import with_hash_seed
from gritstone_conformance.attachment.process import Command, Process
from selftests.mutants.detection import detect
from selftests.mutants.forked import Forking, can_fork
from selftests.mutants.mutate import STALE, Edit, Mutant, edits_in_environment, load_mutants
from selftests.mutants.proving import prove

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mutants are forked only on Linux")

_WAIT_S = 60.0
_LISTED = "__all__ = ["
_WRITES_ITS_NAME = "import os\nos.write(1, __name__.encode() + b' ')\n" + _LISTED
_REPORTS_ALL = """\
    import os

    place = os.getcwd(), sys.path[0], sys.argv[1:], os.environ["GRITSTONE_PLACE"]
    kept = os.getsid(0) == os.getpid(), sorted(os.listdir("/proc/self/fd"))
    os.write(1, repr((place, kept)).encode())
    os.write(2, b"to the log")
    return 7
"""


_OF_REFERENCE = (
    "framed-takes-zero-ids",
    "cbor-joins-chunks",
    "a-queued-message-is-followed-to-the-start",
    "an-entry-may-go-back",
    "find-finds-below-blobs",
    "ranges-wrap",
)
_OF_SUITE = (
    "suite-drops-the-message-of-a-refusal",
    "suite-runs-cases-in-file-order",
    "suite-has-one-row-of-numbers-for-all-seeds",
    "suite-claims-without-the-number-of-rules",
    "suite-selects-a-reject-without-its-twin",
    "suite-keeps-values-without-end",
)


def _saying(*files: str) -> Mutant:
    return Mutant("says its name", "", tuple(Edit(file, _LISTED, _WRITES_ITS_NAME) for file in files))


def _commands(mutant: Mutant) -> tuple[Forking, Command]:
    """Return how a mutant is forked and how it is started."""
    plain = Command(mutant.command("gritstone.harness"))
    return Forking(plain.argv, mutant=mutant, plain=plain), plain


def _ended(process: Process) -> tuple[str, str, str]:
    """Close the input of a process; return its output, its log and how it ended."""
    process.end_input()
    assert process.wait_exit(_WAIT_S)
    ends = process.ends
    assert ends.log is not None
    output, log = (os.read(number, 1 << 16).decode() for number in (ends.read, ends.log))
    return output, log, process.kill()


@pytest.mark.parametrize(
    "files",
    [
        ["gritstone/grit/formats.py"],
        ["gritstone/harness/server.py"],
        ["gritstone/wit/admission.py"],
        ["gritstone/wasm/host_functions.py"],
        ["gritstone/wasm/host_functions.py", "gritstone/grit/cbor.py"],
        ["gritstone/grit/formats.py", "gritstone/grit/cbor.py"],
    ],
    ids=" and ".join,
)
def test_each_edited_module_is_imported_once_and_with_its_edits(files: list[str]) -> None:
    mutant = _saying(*files)
    forking, plain = _commands(mutant)
    with edits_in_environment(mutant):
        forked, started = _ended(forking.open()), _ended(plain.open())
    assert sorted(forked[0].split()) == sorted(started[0].split()) == sorted(edit.module for edit in mutant.edits)
    assert forked[1:] == started[1:] == ("", "exit-0")


def test_what_is_forked_finds_itself_where_what_is_started_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRITSTONE_PLACE", "so")
    mutant = Mutant("reports all", "", (Edit("gritstone/harness/__main__.py", "    gc.freeze()\n", _REPORTS_ALL),))
    forking, plain = _commands(mutant)
    with edits_in_environment(mutant):
        forked, started = _ended(forking.open()), _ended(plain.open())
    assert forked[0] == started[0]
    assert str(tmp_path) in forked[0]
    assert "to the log" in forked[1]
    assert forked[2] == started[2] == "exit-7"


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("raise ValueError('no value')", "exit-1"),
        ("sys.exit('no code')", "exit-1"),
        ("sys.exit()", "exit-0"),
        ("import atexit, os; atexit.register(os.write, 1, b'at last')", "exit-0"),
        ("import os, threading; threading.Timer(0.2, os.write, (1, b'late')).start()", "exit-0"),
        ("print('said')", "exit-0"),
        ("import os; os._exit(3)", "exit-3"),
    ],
)
def test_what_is_forked_ends_as_what_is_started(words: str, end: str) -> None:
    mutant = Mutant("ends", "", (Edit("gritstone/harness/__main__.py", "    gc.freeze()\n", f"    {words}\n"),))
    forking, plain = _commands(mutant)
    with edits_in_environment(mutant):
        (output, log, ended), started = _ended(forking.open()), _ended(plain.open())
    assert (output, ended) == (started[0], started[2])
    assert log.splitlines()[-1:] == started[1].splitlines()[-1:]
    assert ended == end


def test_a_stale_mutant_ends_as_a_started_one() -> None:
    mutant = Mutant("gone", "", (Edit("gritstone/errors.py", "no such text", ""),))
    _, log, end = _ended(_commands(mutant)[0].open())
    assert "occurs 0 times" in log
    assert end == f"exit-{STALE}"


def test_a_death_is_told() -> None:
    process = _commands(_saying("gritstone/grit/formats.py"))[0].open()
    os.kill(process.pid, signal.SIGABRT)
    assert process.wait_exit(_WAIT_S)
    assert process.kill() == "signal-ABRT"


def test_what_is_to_be_started_in_another_way_is_started(tmp_path: Path) -> None:
    forking, _ = _commands(_saying("gritstone/grit/formats.py"))
    ways = (with_hash_seed(forking, 1), forking.moved_to(str(tmp_path)), replace(forking, umask=0o077))
    opened = [command.open() for command in (forking, *ways)]
    assert [type(process) is Process for process in opened] == [False, True, True, True]
    for process in opened:
        process.kill()


def _forked_and_started(name: str) -> tuple[Mutant, Mutant]:
    mutant = load_mutants()[name]
    started = replace(mutant, fresh_process=True)
    assert (can_fork(mutant), can_fork(started)) == (True, False)
    return mutant, started


@pytest.mark.parametrize("name", _OF_REFERENCE)
def test_a_forked_mutant_of_the_reference_fails_as_a_started_one(name: str, tmp_path: Path) -> None:
    forked, started = (
        detect(mutant.command("gritstone.harness"), mutant, tmp_path) for mutant in _forked_and_started(name)
    )
    assert forked == started
    assert forked.failed


@pytest.mark.parametrize("name", _OF_SUITE)
def test_a_forked_mutant_of_the_suite_fails_as_a_started_one(name: str, tmp_path: Path) -> None:
    forked, started = (prove(mutant, tmp_path) for mutant in _forked_and_started(name))
    assert forked == started
    assert forked.found
