"""The output of ``gritstone new-iut``: correct from the start, short, and it never overwrites a file.

Spec: :rule:`suite.scaffold.climbs`.
"""

from __future__ import annotations

import io
import json
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from gritstone_conformance.commands.new_iut import SCAFFOLDS
from gritstone_conformance.results.report import read_report
from selftests.terminal import Run

TOOLS = {"python": sys.executable, "javascript": "node", "go": "go", "rust": "cargo"}
CLIMBED = ["start", "hello", "flush"]


@pytest.fixture(autouse=True)
def _buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the variable that would flush for an adapter that does not."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def written(run: Run, language: str, folder: str = "my tree") -> str:
    """Write a scaffold, run the build commands that it prints; return the command of its adapter."""
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"needs {TOOLS[language]}")
    code, out, err = run("new-iut", language, folder)
    assert (code, err) == (0, "")
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
