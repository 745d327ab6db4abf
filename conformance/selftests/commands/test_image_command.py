"""``gritstone image`` starts the reference in another process, and returns its exit code."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main


def test_words_and_exit_code_pass_through(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "list", str(tmp_path / "absent")]) == 1
    assert capfd.readouterr().err.startswith("gritstone image: the directory has no store")
    assert main(["image", "show", str(tmp_path)]) == 2
    assert "required: ACTOR" in capfd.readouterr().err
    assert main(["image", "run", "--help"]) == 0
    assert capfd.readouterr().out.startswith("usage: gritstone image run")


def test_missing_reference_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["image", "list", "x"]) == 2
    assert "the reference is not installed" in capsys.readouterr().err


def test_command_does_not_import_the_reference(tmp_path: Path) -> None:
    program = (
        "import sys; from gritstone_conformance.cli import main; main(['image', 'list', sys.argv[1]]); "
        "print('gritstone' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
