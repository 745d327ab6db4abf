"""Runs the program in ``vectors/README.md`` with an implementation that conforms and with two that do not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selftests.paths import CHECKOUT

REFERENCE = """
import json, subprocess, sys

process = subprocess.Popen([sys.executable, "-m", "gritstone.harness"], stdin=-1, stdout=-1, text=True)
number = 0


def request(op, args):
    global number
    number += 1
    process.stdin.write(json.dumps({"seq": number, "op": op, "args": args}) + "\\n")
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    if "refused" in reply:
        return {"refused": reply["refused"]["class"], "code": reply["refused"].get("code")}
    return {name: reply[name] for name in ("ok", "unsupported", "error") if name in reply}


HELLO = json.loads('''HELLO_ARGS''')
request("hello", HELLO)


def start():
    return request
"""
REFUSES = 'def start():\n    return lambda op, args: {"refused": "invalid", "code": None}\n'
ACCEPTS = 'def start():\n    return lambda op, args: {"ok": {}}\n'


def hello_args() -> str:
    """Return the arguments of ``hello`` from a file of requests."""
    hello = json.loads((CHECKOUT / "docs/examples/first_run.jsonl").read_text().splitlines()[0])
    return json.dumps(hello["args"])


@pytest.mark.parametrize(
    ("codec", "code", "last"),
    [
        pytest.param(REFERENCE, 0, r"\d{2,} pass, 0 fail, \d+ skip", id="reference"),
        pytest.param(REFUSES, 1, r"0 pass, \d+ fail, \d+ skip", id="refuses"),
        pytest.param(ACCEPTS, 1, r"\d pass, \d{2,} fail, \d+ skip", id="accepts"),
    ],
)
def test_readme_program_judges_codecs(codec: str, code: int, last: str, tmp_path: Path) -> None:
    topics = ("id", "tree", "tree.reject", "cas", "cas.reject")
    ran = run_program(codec, topics, tmp_path)
    assert re.fullmatch(last, ran.stdout.splitlines()[-1]), ran.stdout[-500:] + ran.stderr
    assert ran.returncode == code


def test_readme_program_makes_directories_and_files(tmp_path: Path) -> None:
    ran = run_program(
        REFERENCE, ("store", "store.reject", "erase"), tmp_path, '"features": {"durable", "files", "erase", "damage"}'
    )
    assert re.fullmatch(r"\d{2,} pass, 0 fail, \d+ skip", ran.stdout.splitlines()[-1]), ran.stdout[-500:] + ran.stderr


def run_program(
    codec: str, topics: tuple[str, ...], tmp_path: Path, features: str = '"features": set()'
) -> subprocess.CompletedProcess[str]:
    """Run the program of the README with an implementation that has some features."""
    program = re.search(
        r"^```python\n(.*?)^```", (CHECKOUT / "vectors/README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert program is not None
    assert program[1].count('"features": set()') == 1
    (tmp_path / "run.py").write_text(program[1].replace('"features": set()', features))
    (tmp_path / "my_codec.py").write_text(codec.replace("HELLO_ARGS", hello_args()))
    (tmp_path / "vectors/grit").mkdir(parents=True)
    for topic in topics:
        shutil.copy(CHECKOUT / f"vectors/grit/{topic}.json", tmp_path / "vectors/grit")
    return subprocess.run(
        [sys.executable, "run.py", "vectors"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
