"""Shell completion of the command line: bash completes real words; other shells parse their script if installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.commands.completion import SHELLS

# simulates readline: the words of a line, and the cursor at its end
ASK = """
eval "$(gritstone completion bash)"
COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMPREPLY=()
complete -p gritstone | grep -q _python_argcomplete && _python_argcomplete gritstone
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH on which ``gritstone`` is this suite's command."""
    command = tmp_path / "bin" / "gritstone"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gritstone_conformance.cli "$@"\n')
    command.chmod(0o755)
    return f"{command.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gritstone d", {"doctor", "diff"}),
        ("gritstone new-iut p", {"python"}),
        ("gritstone verify --pro", {"--profile"}),
        ("gritstone verify --profile w", {"wit", "wasm"}),
        ("gritstone verify --rule grit.tree.key", {"grit.tree.key-order", "grit.tree.key-unique"}),
        ("gritstone show grit.tree.key-o", {"grit.tree.key-order"}),
        ("gritstone show grit/tr", {"grit/tree/", "grit/transcode/"}),
        ("gritstone replay grit/tree/two-names", {"grit/tree/two-names", "grit/tree/two-names-in-cbor"}),
        ("gritstone completion z", {"zsh"}),
        ("gritstone verify -k nothing/like", set()),
    ],
)
def test_bash_completes_words(line: str, words: set[str], path: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", line], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    found = {word.strip() for word in done.stdout.split("\n")} - {""}
    assert (words <= found, done.stderr) == (True, "")
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)
    assert found == words or line.endswith("two-names")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_is_valid_for_its_shell(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "gritstone" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    subprocess.run([shell, "-n", str(script)], check=True, timeout=60)
