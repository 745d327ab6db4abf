"""The command line of flows: what it prints, and its errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gritstone.flow import Program, call, end, wait
from gritstone.flow.command import main
from gritstone.flow.program import Policy

PROGRAM = Program("one", start="a", nodes={"a": call("double", {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})
POLICY = Policy.allow({"double": ["n"], "show": ["n"], "read": {"params": ["to"], "refs": ["to"]}}, events=["go"])
TOOLS = """
import time
def double(n):
    if n == 0:
        raise ValueError("no")
    while n == 7:
        time.sleep(0.1)
    return 2 * n
def read(to):
    return to.name
def show(n):
    return [{"$ref": "card"}, {"$ref": n}]
TOOLS = {"double": double, "read": read, "show": show}
NOTHING = 5
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with a program, a policy, inputs and tools."""
    (tmp_path / "program.json").write_text(PROGRAM.to_json())
    (tmp_path / "policy.yaml").write_text(POLICY.to_yaml())
    for n in (0, 3, 7):
        (tmp_path / f"{n}.json").write_text(json.dumps({"n": n}))
    (tmp_path / "flow_tools_of_test.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> tuple[str, str]:
    assert main([str(word) for word in words]) == code
    printed = capsys.readouterr()
    return printed.out, printed.err


RUN = ("run", "program.json", "policy.yaml", "--tools", "flow_tools_of_test:TOOLS", "--store", "store")


def test_check_prints_all_defects(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "program.json", "policy.yaml") == ("program.json: no defects\n", "")
    bad = Program("x", start="b", nodes={"a": call("absent", {"n": "$out.q"}, next="z")})
    (place / "bad.json").write_text(bad.to_json())
    out, err = run(capsys, "check", "bad.json", "policy.yaml", code=1)
    assert err == ""
    assert [line.split(": ")[:2] for line in out.splitlines()] == [
        ["program", "unknown-target"],
        ["a", "unknown-target"],
        ["a", "unknown-tool"],
        ["a", "unknown-variable"],
    ]
    (place / "ref.json").write_text('{"n": {"$ref": "card"}}')
    assert run(capsys, "check", "program.json", "policy.yaml", "--input", "ref.json")[1] == ""
    (place / "half.json").write_text('{"n": 1.5}')
    assert "1.5 is not an integer" in run(capsys, "check", "half.json", "policy.yaml", code=1)[1]
    assert "No such file" in run(capsys, "check", "absent.json", "policy.yaml", code=1)[1]


def test_run_prints_events_and_the_outcome(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, *RUN, "--input", "3.json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [event["e"] for event in lines[:-1]] == ["admitted", "entered", "called", "settled", "entered", "ended"]
    assert lines[-1] == {"status": "succeeded", "output": 6}
    flow = err.split()[1]
    assert run(capsys, *RUN, "--input", "3.json", "--quiet")[0] == '{"status":"succeeded","output":6}\n'
    assert len(run(capsys, "list", "store")[0].splitlines()) == 1, "the same run is the same flow"
    run(capsys, *RUN, "--input", "3.json", "--quiet", "--name", "second")
    listed = run(capsys, "list", "store")[0].splitlines()
    assert len(listed) == 2
    assert listed[0].split()[1:] == ["succeeded", "2", "steps", "1", "calls", "0", "tokens"]
    out, _ = run(capsys, *RUN, "--input", "0.json", "--quiet", code=1)
    assert json.loads(out) == {"status": "failed", "failure": {"class": "tool", "node": "a", "why": "ValueError"}}
    trace, _ = run(capsys, "trace", "store", flow[:10])
    assert [json.loads(line) for line in trace.splitlines()] == lines[:-1]
    assert run(capsys, "replay", "store", flow)[0] == "2 steps, all equal\n"
    watched, line = run(capsys, "watch", "store", flow)
    assert watched == trace
    assert "succeeded" in line
    assert "==>" in run(capsys, "graph", "store", flow)[0]


def test_graph_writes_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "graph", "program.json")[0].startswith("flowchart TD")
    run(capsys, "graph", "program.json", "--output", "graph.mmd")
    assert (place / "graph.mmd").read_text().startswith("flowchart TD")
    run(capsys, *RUN, "--input", "3.json", "--quiet")
    assert "needs the id of a flow" in run(capsys, "graph", "store", code=1)[1]


def test_refs_are_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(
        "r", start="a", nodes={"a": call("read", {"to": "$input.to"}, next="w"), "w": wait("go", next="e"), "e": end()}
    )
    (place / "program.json").write_text(program.to_json())
    (place / "input.json").write_text('{"to": {"$ref": "card"}}')
    (place / "card").write_bytes(b"4111")
    words = (*RUN, "--input", "input.json", "--ref", "card=card", "--timeout", "0.3")
    for _ in range(2):
        out, err = run(capsys, *words, code=1)
        assert out == ""
        assert "the time is over" in err
    assert len(run(capsys, "list", "store")[0].splitlines()) == 1, "the interrupted flow was continued"
    out, _ = run(capsys, *RUN, "--input", "input.json", code=1)
    assert out == "program: unknown-ref: the flow does not have the ref\n"


def test_output_with_the_member_ref_is_printed_as_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program("r", start="a", nodes={"a": call("show", {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})
    (place / "program.json").write_text(program.to_json())
    out, _ = run(capsys, *RUN, "--input", "3.json")
    assert json.loads(out.splitlines()[-1]) == {"status": "succeeded", "output": [{"$ref": "card"}, {"$ref": 3}]}
    flow = run(capsys, "list", "store")[0].split()[0]
    assert run(capsys, "trace", "store", flow)[0].splitlines() == out.splitlines()[:-1]


def test_errors_name_their_cause(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word, message in (
        ("absent:TOOLS", "cannot be imported"),
        ("flow_tools_of_test:X", "cannot be imported"),
        ("flow_tools_of_test:NOTHING", "is not a mapping"),
    ):
        assert message in run(capsys, *RUN[:4], word, *RUN[5:], code=1)[1]
    run(capsys, *RUN, "--input", "3.json", "--quiet")
    assert "no flow has this id" in run(capsys, "trace", "store", "0123456789", code=1)[1]
    assert "no store" in run(capsys, "list", place / "absent", code=1)[1]
    for words in (["trace", "store", "XY"], ["nope"], [], ["check", "a", "b", "--ref", "card"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        capsys.readouterr()


def test_watch_follows_a_run_that_is_killed_and_continued(place: Path) -> None:
    """The run and the watcher are processes on the same store."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    base = [sys.executable, "-m", "gritstone.flow"]
    held = subprocess.Popen([*base, *RUN, "--input", "7.json"], stdout=subprocess.PIPE, text=True, env=environment)
    assert held.stdout is not None
    while '"called"' not in held.stdout.readline():
        pass
    os.kill(held.pid, signal.SIGKILL)
    held.communicate()
    (place / "flow_tools_of_test.py").write_text(TOOLS.replace("n == 7", "False"))
    listed = subprocess.run([*base, "list", "store"], capture_output=True, text=True, check=True)
    flow, status = listed.stdout.split()[:2]
    assert status == "running"
    watcher = subprocess.Popen([*base, "watch", "store", flow], stdout=subprocess.PIPE, text=True, env=environment)
    time.sleep(0.5)
    done = subprocess.run(
        [*base, *RUN, "--input", "7.json"], capture_output=True, text=True, env=environment, check=True
    )
    watched, _ = watcher.communicate(timeout=60)
    assert json.loads(done.stdout.splitlines()[-1]) == {"status": "succeeded", "output": 14}
    assert watched.splitlines() == done.stdout.splitlines()[:-1]
