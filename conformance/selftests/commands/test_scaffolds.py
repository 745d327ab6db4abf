"""The output of ``gritstone new-iut``: correct from the start, short, and it never overwrites a file.

Spec: :rule:`suite.scaffold.climbs`, :rule:`suite.scaffold.sandbox`.
"""

from __future__ import annotations

import io
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.commands.new_iut import PROFILES, SCAFFOLDS
from gritstone_conformance.results.report import read_report
from selftests.paths import CHECKOUT
from selftests.terminal import Run

TOOLS = {"python": sys.executable, "javascript": "node", "go": "go", "rust": "cargo"}
CLIMBED = ["start", "hello", "flush"]
SANDBOXES = PROFILES["sandbox"]
FILLED = Path(__file__).parent / "filled"


@pytest.fixture(autouse=True)
def _buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the variable that would flush for an adapter that does not."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def written(run: Run, language: str, folder: str = "my tree", *, sandbox: str | None = None) -> str:
    """Write a scaffold, run the build commands that it prints; return the command of its adapter.

    Args:
        run: runs ``gritstone``.
        language: the language.
        folder: where to write to.
        sandbox: None for the adapter without a profile; ``""`` for that of ``sandbox`` as it is written, else the path
            of a file that replaces the one to fill in.
    """
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"needs {TOOLS[language]}")
    code, out, err = run("new-iut", language, folder, *(() if sandbox is None else ("--profile", "sandbox")))
    assert (code, err) == (0, "")
    if sandbox:
        shutil.copy(sandbox, Path(folder, SANDBOXES[language].to_fill))
    _, _, advice = out.partition("next:\n")
    *build, asks = [shlex.split(line) for line in advice.splitlines()]
    for command in build:
        offline = ["--offline"] if command[0] == "cargo" else []
        subprocess.run([*command, *offline], check=True, timeout=300)
    assert asks[:3] == ["gritstone", "doctor", "--iut"]
    return asks[3].replace("python ", f"{shlex.quote(sys.executable)} ", 1)


@pytest.mark.rule("suite.scaffold.climbs")
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_scaffold_passes_up_to_flush_and_nothing_is_judged(run: Run, language: str) -> None:
    climbs(run, language)


class Line(io.BytesIO):
    """One line of input, then the end; reading the end calls ``asks``.

    Attributes:
        asks: called before the end is returned.
    """

    def __init__(self, line: bytes, asks: Callable[[], None]) -> None:
        super().__init__(line)
        self.asks = asks

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            self.asks()
            raise StopIteration
        return line


@pytest.mark.rule("suite.scaffold.climbs")
def test_scaffold_answers_before_it_reads_the_next_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("new-iut", "python", "here")[0] == 0
    seen = io.BytesIO()
    answers: list[bytes] = []
    lines = Line(b'{"seq":7,"op":"ping","args":{}}\n', lambda: answers.append(seen.getvalue()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(seen)))
    runpy.run_path("here/adapter.py", run_name="__main__")
    monkeypatch.undo()
    (answer,) = answers
    assert answer, "the answer was not flushed"
    assert json.loads(answer) == {"seq": 7, "ok": {}}


@pytest.mark.rule("suite.scaffold.climbs")
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_bye_with_a_member_without_a_name_does_not_end_the_scaffold(run: Run, language: str) -> None:
    command = shlex.split(written(run, language))
    lines = request_line(1, "bye", {"": 1}) + request_line(2, "ping", {}) + request_line(3, "bye", {})
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [[*reply][1] for reply in replies] == ["error", "ok", "ok"]


@pytest.mark.compilers
@pytest.mark.rule("suite.scaffold.climbs", slow=True)
@pytest.mark.parametrize("language", ["go", "rust"])
def test_compiled_scaffold_passes_too(run: Run, language: str) -> None:
    climbs(run, language)


def climbs(run: Run, language: str) -> None:
    iut = written(run, language)
    code, out, _ = run("doctor", "--deadline-scale", "0.5", "--iut", iut)
    good = [line.split()[1] for line in out.splitlines() if " ok " in line]
    assert (code, good) == (1, CLIMBED), out
    assert "4 claims BAD: profile grit is not claimed" in out
    assert f"my-tree 0.1 ({language})" in out
    code, out, _ = run("verify", "--iut", iut, "-k", "harness/*")
    report = read_report(Path(".gritstone/report.jsonl"))
    assert (code, report.footer["exit"]) == (3, 3), out
    assert [outcome.case for outcome in report.outcomes if outcome.verdict == "fail"] == []
    assert "nothing was judged: no profile is claimed; claim `grit` in `hello`, then `gritstone doctor`" in out


@pytest.mark.rule("suite.scaffold.climbs")
@pytest.mark.parametrize("language", SCAFFOLDS)
def test_scaffold_is_short_and_names_the_next_step(run: Run, language: str) -> None:
    assert run("new-iut", language, "here")[0] == 0
    text = Path("here", SCAFFOLDS[language].adapter).read_text()
    assert len(text.splitlines()) <= 120
    for words in ("harness.hello.honest", "harness.hello.limits", "harness.frame.flush", "grit.id", "operations.rst"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.rule("suite.scaffold.climbs")
@pytest.mark.parametrize("language", SCAFFOLDS)
def test_existing_file_is_not_overwritten(run: Run, language: str) -> None:
    scaffold = SCAFFOLDS[language]
    for name in (scaffold.adapter, *scaffold.others):
        folder = Path(f"taken-{Path(name).stem}")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
        code, out, err = run("new-iut", language, str(folder))
        assert (code, out) == (2, "")
        assert f"{folder / name} already exists" in err
        assert [path for path in folder.rglob("*") if path.is_file()] == [folder / name]
        assert (folder / name).read_text() == "mine"


def test_folder_that_cannot_be_created_is_one_line(run: Run) -> None:
    Path("file").write_text("")
    code, out, err = run("new-iut", "python", "file/below")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_invalid_name_is_omitted(run: Run) -> None:
    assert run("new-iut", "python", '"')[0] == 0
    assert '"name": "my-runtime"' in Path('"', "adapter.py").read_text()


@pytest.mark.rule("suite.scaffold.sandbox")
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_sandbox_scaffold_passes_up_to_defect(run: Run, language: str) -> None:
    sandbox_climbs(run, language)


@pytest.mark.compilers
@pytest.mark.rule("suite.scaffold.sandbox", slow=True)
@pytest.mark.parametrize("language", ["go", "rust"])
def test_compiled_sandbox_scaffold_passes_too(run: Run, language: str) -> None:
    sandbox_climbs(run, language)
    sandbox_answers(run, language)


def sandbox_climbs(run: Run, language: str) -> None:
    iut = written(run, language, sandbox="")
    code, out, _ = run("doctor", "--deadline-scale", "0.5", "--iut", iut)
    good = [line.split()[1] for line in out.splitlines() if re.search(r" ok +\d+ ms", line)]
    assert (code, good) == (1, [*CLIMBED, "defect", "restart"]), out
    assert f"my-tree 0.1 ({language}) · no formats · sandbox · sandbox.abi.memory sandbox.time" in out
    assert "5 run memory BAD: sandbox.run" in out
    assert "got       unresolved:module\n   advice    run the module and return its two words" in out
    assert "Start with the first: run memory" in out


@pytest.mark.rule("suite.scaffold.sandbox")
@pytest.mark.parametrize("language", SANDBOXES)
def test_file_to_fill_in_is_short(run: Run, language: str) -> None:
    code, out, _ = run("new-iut", language, "here", "--profile", "sandbox")
    assert code == 0
    assert f"\nfill in here/{SANDBOXES[language].to_fill}\nnext:" in out
    for name in SANDBOXES[language].files:
        text = Path("here", name).read_text()
        assert max(map(len, text.splitlines())) <= 120
        assert "my-runtime" not in text
    text = Path("here", SANDBOXES[language].to_fill).read_text()
    assert len(text.splitlines()) <= 120
    for words in ("harness.hello.honest", "sandbox.hello.floor", "outcomes.rst", "howto-sandbox.rst"):
        assert words in text


@pytest.mark.rule("suite.scaffold.sandbox")
@pytest.mark.parametrize("language", SANDBOXES)
def test_existing_file_of_a_sandbox_is_not_overwritten(run: Run, language: str) -> None:
    mine = Path("taken", SANDBOXES[language].to_fill)
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    code, out, err = run("new-iut", language, "taken", "--profile", "sandbox")
    assert (code, out) == (2, "")
    assert f"{mine} already exists" in err
    assert [path for path in Path("taken").rglob("*") if path.is_file()] == [mine]


def test_scaffold_of_an_unknown_profile_is_refused(run: Run) -> None:
    code, out, err = run("new-iut", "python", "here", "--profile", "sandbx")
    assert (code, out) == (2, "")
    assert "the nearest is sandbox" in err
    assert not Path("here").exists()


LIMITS: dict[str, Any] = {"pages": 32, "ms": None, "fuel": None, "table": None}
MODULE = encode_bytes(b"\0asm and so on")


def running(module: str = MODULE, **changed: Any) -> tuple[str, dict[str, Any]]:
    return "sandbox.run", {"module": module, "limits": LIMITS, "grants": {}, "keep": True, **changed}


def done(*output: int, used: int = 32, **members: Any) -> dict[str, Any]:
    return {"ok": {"outcome": "done", "output": encode_bytes(bytes(output)), "used": used, **members}}


def calling(handle: str, **changed: Any) -> tuple[str, dict[str, Any]]:
    return "sandbox.again", {"instance": handle, "limits": {**LIMITS, **changed}}


def suspending(handle: str, suspend: Any, **changed: Any) -> tuple[str, dict[str, Any]]:
    return "sandbox.again", {"instance": handle, "limits": {**LIMITS, **changed}, "suspend": suspend}


ONE_UNIT = {**LIMITS, "fuel": 1}
SUSPENDED = {"outcome": "suspended", "output": "", "used": 1}
SEED = bytes(range(200, 232))
MISSING = {"refused": {"class": "missing"}}
UNRESOLVED = {"outcome": "unresolved:module", "output": "", "used": 0, "instance": None}
GRANTED = {"args": ["a", "é"], "env": {"k": "v"}, "random": encode_bytes(SEED), "clock": 7, "files": {"b/c": "AAEC"}}
ANSWERS: list[tuple[tuple[str, dict[str, Any]], dict[str, Any]]] = [
    (running("", keep=False), {"ok": UNRESOLVED}),
    (running("AAAA"), {"ok": UNRESOLVED}),
    (running(keep=False), done(1, instance=None)),
    (running(limits={**LIMITS, "fuel": 2**53 - 1}), done(1, used=2**53 - 1, instance="i1")),
    (calling("i1"), done(2)),
    (("sandbox.snapshot", {"instance": "i1"}), {"ok": {"snapshot": "s2"}}),
    (calling("i1", table=0), done(3)),
    (("sandbox.snapshot", {"instance": "i1"}), {"refused": {"class": "rejected"}}),
    (("sandbox.resume", {"snapshot": "s2"}), {"ok": {"instance": "i3"}}),
    (calling("i3", fuel=9), done(3, used=9)),
    (("sandbox.export", {"snapshot": "s2"}), {"ok": {"bytes": encode_bytes(b"c\2")}}),
    (("sandbox.export", {"snapshot": "s2", "fuel": 7}), {"ok": {"bytes": encode_bytes(b"c\2\7")}}),
    (("sandbox.export", {"snapshot": "s2", "fuel": 0}), {"ok": {"bytes": encode_bytes(b"c\2\0")}}),
    (("sandbox.import", {"bytes": encode_bytes(b"c\4")}), {"ok": {"snapshot": "s4"}}),
    (("sandbox.import", {"bytes": encode_bytes(b"d\4")}), {"refused": {"class": "malformed"}}),
    (("sandbox.resume", {"snapshot": "s4"}), {"ok": {"instance": "i5"}}),
    (calling("i5"), done(5)),
    (calling("s4"), MISSING),
    (("sandbox.resume", {"snapshot": "i5"}), MISSING),
    (("sandbox.export", {"snapshot": "i5"}), MISSING),
    (("sandbox.snapshot", {"instance": "s4"}), MISSING),
    (("sandbox.close", {"handle": "s4"}), {"ok": {}}),
    (("sandbox.close", {"handle": "s4"}), MISSING),
    (("sandbox.close", {"handle": "i3"}), {"ok": {}}),
    (calling("i3"), MISSING),
    (calling("i5", ms=1), {"ok": {"outcome": "timeout", "output": "", "used": 0}}),
    (calling("i5"), MISSING),
    (calling("i1"), done(4)),
    (
        running(keep=False, grants=GRANTED),
        done(1, *SEED, *"aév7".encode(), instance=None, files={"b/c": encode_bytes(b"\2\1\0")}),
    ),
    (running(keep=False, grants={"files": {}}), done(1, instance=None, files={})),
    (running(limits=ONE_UNIT, suspend=True), {"ok": {**SUSPENDED, "output": encode_bytes(b"\1"), "instance": "i6"}}),
    (suspending("i6", True, fuel=1), {"ok": SUSPENDED}),
    (suspending("i6", False, fuel=1), done(1, used=1)),
    (calling("i6", fuel=1), done(2, used=1)),
    (suspending("i6", True, fuel=2), done(3, used=2)),
    (running(limits=ONE_UNIT, suspend=False), done(1, used=1, instance="i7")),
]
BAD_SUSPEND: list[Any] = [None, 0, "true", []]
BAD_MS: list[Any] = [0, 60_001, -1, "1", []]
BAD_LIMITS: list[Any] = [{}, None, [], "", {**LIMITS, "more": None}, {"pages": 32}]
BAD_GRANTS: list[Any] = [
    *(None, [], {"fuel": 1}, {"network": True}, {"args": [1]}, {"args": "a"}, {"env": {"k": 1}}, {"clock": "7"}),
    *({"random": "A"}, {"random": None}, {"files": {"a": "A"}}, {"files": None}, {"abi.memory": 1}, {"": 1}),
]
FAULTY: list[tuple[str, Any]] = [
    *(running(module) for module in ("AA==", "AB", "A", "A A", "+_AA", "\n")),
    *(running(limits={**LIMITS, "pages": pages}) for pages in (None, 0, 17, 1040, "16", 16.5, True)),
    *(running(limits={**LIMITS, "ms": ms}) for ms in BAD_MS),
    *(running(limits={**LIMITS, "fuel": fuel}) for fuel in (0, 2**53, False)),
    *(running(limits={**LIMITS, "table": table}) for table in (-1, 1_000_001)),
    *(running(limits=limits) for limits in BAD_LIMITS),
    *(running(keep=keep) for keep in (None, 1, "true")),
    *(running(grants=grants) for grants in BAD_GRANTS),
    *(calling(handle) for handle in ("", "ä", "a b", "i" * 129)),
    ("sandbox.again", {"instance": None, "limits": LIMITS}),
    ("sandbox.again", {"instance": "i1"}),
    ("sandbox.run", {}),
    ("sandbox.run", None),
    *(("sandbox.export", {"snapshot": "s2", "fuel": fuel}) for fuel in (-1, 1.5, 1 << 53, None, True, "1", [1])),
    ("sandbox.export", {"snapshot": "s2", "more": 1}),
    *(suspending("i1", suspend) for suspend in BAD_SUSPEND),
    *(running(suspend=suspend) for suspend in (None, 1, "false")),
    running(keep=False, suspend=True),
    running(keep=False, suspend=False),
    running(suspend=True, more=1),
    ("sandbox.import", {"bytes": ""}),
    ("sandbox.import", {"bytes": None}),
    ("sandbox.close", {"handle": "i1", "more": 1}),
    ("ping", {"more": 1}),
    ("bye", {"": 1}),
    ("sandbox.close", {"handle,more": 1}),
]


@pytest.mark.rule("suite.scaffold.sandbox")
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_loop_of_a_sandbox_decodes_and_refuses(run: Run, language: str) -> None:
    sandbox_answers(run, language)


def request_line(seq: int, op: str, args: Any) -> str:
    return json.dumps({"seq": seq, "op": op, "args": args}, separators=(",", ":")) + "\n"


def sandbox_answers(run: Run, language: str) -> None:
    """Send requests to a scaffold that is filled in with a sandbox without an engine, and compare every reply."""
    suffix = Path(SANDBOXES[language].to_fill).suffix
    command = shlex.split(written(run, language, "filled", sandbox=str(FILLED / f"sandbox{suffix}")))
    faulty = [(request, None) for request in FAULTY]
    asked = [*ANSWERS, *faulty, (("sandbox.fork", {}), {"unsupported": {"feature": "sandbox.fork"}})]
    asked += [(("ping", {}), {"ok": {}}), (("bye", {}), {"ok": {}})]
    lines = [request_line(at, op, args) for at, ((op, args), _) in enumerate(asked)]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, timeout=60, check=True)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reply.pop("seq") for reply in replies] == [*range(len(asked))], done.stderr
    for reply, ((op, args), expected) in zip(replies, asked, strict=True):
        assert [*reply] == ["error"] if expected is None else reply == expected, (op, args, reply)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_members_of_unclaimed_features_are_errors(run: Run, language: str) -> None:
    suffix = Path(SANDBOXES[language].to_fill).suffix
    command = shlex.split(written(run, language, "filled", sandbox=str(FILLED / f"sandbox{suffix}")))
    filled = Path("filled", SANDBOXES[language].to_fill)
    filled.write_text(re.sub(r', "tank"| tank|\n *"suspend",| suspend(?= env)', "", filled.read_text()))
    asked = [running(), ("sandbox.snapshot", {"instance": "i1"}), ("sandbox.export", {"snapshot": "s2", "fuel": 7})]
    asked += [("sandbox.export", {"snapshot": "s2"}), running(suspend=True), suspending("i1", False)]
    lines = [request_line(at, op, args) for at, (op, args) in enumerate(asked)]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, timeout=60, check=True)
    assert [[*json.loads(line)][1] for line in done.stdout.splitlines()] == [
        "ok",
        "ok",
        "error",
        "ok",
        "error",
        "error",
    ]


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_unclaimed_operation_of_a_sandbox_is_unsupported(run: Run, language: str) -> None:
    command = shlex.split(written(run, language, sandbox=""))
    asked = [calling("i1"), ("sandbox.close", {"handle": "i1"}), ("sandbox.export", {"snapshot": "s1"}), running()]
    lines = [request_line(at, op, args) for at, (op, args) in enumerate(asked)]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, timeout=60, check=True)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reply.get("unsupported") for reply in replies[:3]] == [
        {"feature": f"sandbox.{name}"} for name in ("keep", "keep", "export")
    ]
    assert "error" in replies[3], "keep is true and not claimed"


def test_scaffold_filled_in_with_an_engine_is_a_sandbox(run: Run) -> None:
    """The example of the documentation, with the package wasmtime."""
    iut = written(run, "python", sandbox=str(CHECKOUT / "docs" / "examples" / "sandbox_filled.py"))
    code, out, _ = run("doctor", "--iut", iut)
    assert code == 0, out
    assert [line.split()[1] for line in out.splitlines()][3:] == [
        *("defect", "run", "trap", "limit", "stop", "keep", "close", "restart")
    ]
    code, out, _ = run("verify", "--iut", iut, "-k", "sandbox/*/memory-*")
    report = read_report(Path(".gritstone/report.jsonl"))
    assert (code, report.footer["exit"]) == (0, 0), out
    verdicts = [outcome.verdict for outcome in report.outcomes if outcome.case.startswith("sandbox/")]
    assert verdicts.count("pass") >= 100
