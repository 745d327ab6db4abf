"""``gritstone session`` starts the reference in another process, and returns its exit code."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main


def test_words_and_exit_code_pass_through(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["session", "list", str(tmp_path / "absent")]) == 1
    assert capfd.readouterr().err.startswith("gritstone session: the directory has no store")
    assert main(["session", "show", str(tmp_path)]) == 2
    assert "required: SESSION" in capfd.readouterr().err
    assert main(["session", "export", "--help"]) == 0
    assert capfd.readouterr().out.startswith("usage: gritstone session export")


def test_missing_reference_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["session", "list", "x"]) == 2
    assert "the reference is not installed" in capsys.readouterr().err


def test_command_does_not_import_the_reference(tmp_path: Path) -> None:
    program = (
        "import sys; from gritstone_conformance.cli import main; main(['session', 'list', sys.argv[1]]); "
        "print('gritstone' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
