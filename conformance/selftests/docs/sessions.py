"""Run the recorded sessions of the documentation again, and compare or record them.

    python conformance/selftests/docs/sessions.py [NAME ...]        record the sessions named, or all
    python conformance/selftests/docs/sessions.py --digest     write the digest of the vectors to all, and to README

A session is a text file in ``docs/examples/sessions``: lines that begin with ``$`` are commands, the others are what
they print, and ``(exit code N)`` follows a command that did not exit with 0. A session runs in a fresh directory with
the files of ``docs/examples``, its folders ``flows`` and ``images``, and links to the folders of the checkout.

Times, digests, counts of cases and the name of the directory differ from run to run. They are replaced before two
outputs are compared; all other text must be equal.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selftests.paths import CHECKOUT

EXAMPLES: Final = CHECKOUT / "docs" / "examples"
SESSIONS: Final = EXAMPLES / "sessions"

_TIMEOUT_S: Final = 300
_DIGEST: Final = re.compile(r"(?<= vectors )[0-9a-f]{8}\b")
_SHOWN: Final = "/home/you"
_FOUND: Final = re.compile(r"\.gritstone/found/[0-9a-f]{16}\.json")
_TRACEBACK: Final = re.compile(r"(stderr:\n)(?: {5,}.*\n)*?(?= {5}[A-Za-z_.]+(?:Error|Invalid|Malformed)\b)")
_ASIDE: Final = re.compile(r"^shrinking \S+: .*\n", re.MULTILINE)  # printed on stderr by slow machines only
_FOLDS: Final = (
    (re.compile(r"\b\d+ ms\b"), "# ms"),
    (re.compile(r"\b\d+\.\d s\b"), "# s"),
    (re.compile(r"\b\d+/\d+ rules"), "#/# rules"),
    (re.compile(r"\b\d+( ×| pass| skip| requests?\b| objects| cases?\b)"), r"#\1"),
    (re.compile(r"\b[0-9a-f]{8,64}\b"), "#"),
    (re.compile(r"^ {2}(vector|property|machine|crash|wire|watch) .*$", re.MULTILINE), r"  \1 #"),
    (re.compile(r" +"), " "),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One command and its output, stdout and stderr together, with a last line for an exit code other than 0."""

    command: str
    output: str


def read_session(path: Path) -> list[Turn]:
    """Return the turns of a recorded session."""
    turns = re.split(r"^\$ ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [Turn(*_halves(turn)) for turn in turns]


def _halves(turn: str) -> tuple[str, str]:
    command, _, output = turn.partition("\n")
    while command.endswith("\\"):
        line, _, output = output.partition("\n")
        command += "\n" + line
    return command, output


def with_digest(text: str) -> str:
    """Return a text in which each digest of the vectors is that of the present ones."""
    digest = hashlib.sha256((CHECKOUT / "vectors" / "DIGEST").read_bytes()).hexdigest()
    return _DIGEST.sub(digest[:8], text)


def write_session(path: Path, turns: list[Turn]) -> None:
    """Record turns."""
    path.write_text("".join(f"$ {turn.command}\n{turn.output}" for turn in turns), encoding="utf-8")


def play_session(turns: list[Turn], home: Path) -> Iterator[Turn]:
    """Run the commands of a session one after the other in ``home``; yields them with what they print now."""
    _furnish(home)
    for turn in turns:
        command = _with_own_finds(turn.command, home)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
        output = done.stdout.decode("utf-8")
        if done.returncode != 0:
            output += f"(exit code {done.returncode})\n"
        yield Turn(command, _shown(output, home))


def fold(text: str) -> str:
    """Return a text with the parts that differ from run to run replaced."""
    for pattern, replacement in _FOLDS:
        text = pattern.sub(replacement, text)
    return text


def _furnish(home: Path) -> None:
    for file in EXAMPLES.iterdir():
        if file.is_file():
            shutil.copy(file, home)
    for name in ("flows", "images"):
        shutil.copytree(EXAMPLES / name, home / name)
    for name in ("conformance", "docs", "vectors"):
        (home / name).symlink_to(CHECKOUT / name)


def _environment(home: Path) -> dict[str, str]:
    unwanted = ("PYTHONUNBUFFERED", "COLUMNS", "LINES", "GRITSTONE", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PWD": str(home)}


def _with_own_finds(command: str, home: Path) -> str:
    """Replace the path of the recorded counterexample in a command by that of this run; drawn values may differ."""
    found = sorted((home / ".gritstone" / "found").glob("*.json"))
    if len(found) != 1:
        return command
    return _FOUND.sub(f".gritstone/found/{found[0].name}", command)


def _shown(output: str, home: Path) -> str:
    for place, shown in ((home.resolve(), "toy"), (home, "toy"), (CHECKOUT, "gritstone")):
        output = output.replace(str(place), f"{_SHOWN}/{shown}")
    return _TRACEBACK.sub("\\1     …\n", _ASIDE.sub("", output))


def main(names: list[str]) -> int:
    """Record sessions, or write the digest of the vectors to all of them."""
    if names == ["--digest"]:
        for path in (*SESSIONS.glob("*.txt"), CHECKOUT / "README.md"):
            path.write_text(with_digest(path.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    for path in sorted(SESSIONS.glob("*.txt")):
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as home:
            write_session(path, list(play_session(read_session(path), Path(home))))
        print(path.relative_to(CHECKOUT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
