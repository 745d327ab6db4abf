"""The doctor on the command line: the rungs that pass, the rung at which it stops, and its advice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gritstone_conformance import SPEC_VERSIONS
from selftests.terminal import REFERENCE, Run, bent, lying, mutant, planted


def test_doctor_passes_every_rung_on_the_reference(run: Run) -> None:
    code, out, _ = run("doctor", "--iut", REFERENCE)
    assert code == 0
    words = [line.split()[1] for line in out.splitlines()]
    rungs = ["start", "hello", "flush", "id", "decode", "reject", "encode", "store", "refs", "bundle"]
    guests = ["admit", "strict", "meter", "guest", "query", "trap", "fuel", "actor"]
    sessions = ["session", "turn", "tools", "opens", "archives", "restores"]
    flows = ["expression", "template", "check"]
    images = ["journal", "image", "savepoint", "rights", "rollback"]
    hosts = ["defect", "limit", "stop", "keep", "close", "atomic", "snapshot", "export"]
    assert list(dict.fromkeys(words)) == [
        *rungs,
        "wit",
        "agent",
        "run",
        *guests,
        *sessions,
        *flows,
        *images,
        *hosts,
        "restart",
    ]
    assert all(" ok " in line for line in out.splitlines())


@pytest.mark.parametrize(
    ("name", "rung", "advice"),
    [
        ("always_ok", "id framed-sha256 BAD", "the id is the hash of the whole object"),
        ("always_refuse", "id framed-sha256 BAD", "the id is the hash of the whole object"),
        ("echo", "hello BAD: protocol:reply.one-answer", "exactly one of ok, refused, unsupported, error"),
        ("null", "claims BAD", "claim `grit`"),
    ],
)
def test_doctor_stops_at_the_first_failing_rung(run: Run, name: str, rung: str, advice: str) -> None:
    code, out, _ = run("doctor", "--iut", planted(name))
    assert code == 1
    assert rung in out
    assert advice in out
    assert "\n" in out.split(rung)[1]


@pytest.mark.parametrize(
    ("liar", "advice"),
    [
        ("banner", "logs and banners belong on stderr"),
        ("stale-seq", "copy `seq` from the request"),
        ("double", "write exactly one reply per request"),
    ],
)
def test_doctor_advises_on_each_liar(run: Run, liar: str, advice: str) -> None:
    code, out, _ = run("doctor", "--iut", lying(liar))
    assert code == 1
    assert advice in out


def test_doctor_reports_early_what_it_waits_for(run: Run) -> None:
    started = time.monotonic()
    code, out, _ = run("doctor", "--deadline-scale", "0.3", "--iut", "sleep 60")
    assert code == 1
    assert "no reply to hello yet, waiting up to 4 s: flush stdout after each reply\n 2 hello BAD: hung" in out
    assert time.monotonic() - started < 9, "it waited longer than one hello with a short grace"


def test_doctor_reports_missing_operations(run: Run) -> None:
    code, out, _ = run("doctor", "--iut", planted("unsupported"))
    assert code == 1
    assert "advice    a claim in `hello` requires grit.id: implement it, or remove the claim" in out


def test_doctor_detects_a_limit_on_the_line_length(run: Run, tmp_path: Path) -> None:
    short = "in iter(lambda: sys.stdin.buffer.readline(65536), b'')"
    code, out, _ = run("doctor", "--iut", bent(tmp_path, "in sys.stdin.buffer", short))
    assert code == 1
    assert "id framed-sha256 BAD: dead:exit-1" in out
    assert "asked     grit.id  framed-sha256, 1048576 bytes" in out
    assert "advice    a line may be as long as `frame_bytes`" in out


def test_doctor_points_to_the_message_of_error_replies(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("doctor", "--iut", bent(tmp_path, 're.compile("', 're.compile("!'))
    assert code == 1
    assert "id framed-sha256 BAD" in out
    assert "advice    `error` means that the adapter failed" in out


def test_doctor_reports_an_unknown_spec_version(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("doctor", "--iut", bent(tmp_path, '"spec": ["0.6"]', '"spec": ["7.1"]'))
    assert code == 1
    assert "claims BAD: this suite supports no version in `spec`, so nothing is claimed" in out
    known = " or ".join(f'"{version}"' for version in SPEC_VERSIONS)
    assert f"add {known} to `spec`" in out


def test_doctor_lists_every_rung_after_a_wrong_answer(run: Run) -> None:
    code, out, _ = run("doctor", "--iut", mutant("one-header-more"))
    assert code == 1
    good = [line.split()[1] for line in run("doctor", "--iut", REFERENCE)[1].splitlines()]
    rungs = [line.split()[1] for line in out.splitlines()[:-1] if line[:2].strip().isdigit()]
    assert rungs == good, "the rungs differ from those of a correct implementation"
    bad = [line for line in out.splitlines() if " BAD: " in line]
    assert len(bad) > 1
    assert any(" ok " in line for line in out.splitlines()[out.splitlines().index(bad[0]) :])
    last = out.splitlines()[-1]
    assert last == f"{len(bad)} rungs are bad. Start with the first: {' '.join(bad[0].split()[1:3])}"


def test_doctor_shows_five_failing_rungs_in_full(run: Run) -> None:
    code, out, _ = run("doctor", "--iut", planted("always_refuse"))
    assert code == 1
    assert out.count(" BAD: ") > 5
    assert out.count("   expected ") == out.count("   advice ") == 5


def test_doctor_stops_after_two_hung_requests(run: Run, tmp_path: Path) -> None:
    sleepy = bent(tmp_path, 'return {"unsupported": {"feature": op}}', 'return __import__("time").sleep(600) or {}')
    code, out, _ = run("doctor", "--deadline-scale", "0.3", "--iut", sleepy)
    assert code == 1
    assert out.count(" BAD: ") == out.count(" BAD: hung:blocked") == 2
    assert "not checked: 2 rungs hung" in out


def test_doctor_reports_a_store_that_is_not_durable(run: Run) -> None:
    code, out, _ = run("doctor", "--iut", "true")
    assert code == 1
    assert "start BAD: it exited (exit-0) before" in out
