"""The suite is independent of the reference: no module imports it, and the suite runs where it is not installed.

Spec: :rule:`suite.oracle.independent`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.judge import compare
from gritstone_conformance.replies import Ok
from selftests.paths import PLANTED

WITHOUT = """
import importlib, importlib.abc, pkgutil, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "gritstone":
            raise ModuleNotFoundError(f"no module named {name}")

sys.meta_path.insert(0, Missing())
"""
IMPORTS_ALL = """
import gritstone_conformance
modules = list(pkgutil.walk_packages(gritstone_conformance.__path__, "gritstone_conformance."))
for module in modules:
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert len(modules) > 150, len(modules)
assert "gritstone" not in sys.modules
"""
VERIFIES = """
from gritstone_conformance.cli import main
code = main(["verify", "--iut", sys.argv[1], "-k", "grit/tree/*"])
assert "gritstone" not in sys.modules
raise SystemExit(code)
"""


def run_without_reference(program: str, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT + program, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.rule("suite.oracle.independent")
def test_suite_imports_without_the_reference(tmp_path: Path) -> None:
    done = run_without_reference(IMPORTS_ALL, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.rule("suite.oracle.independent")
def test_judge_works_without_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gritstone"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gritstone", None)  # an import of it fails
    try:
        found = [compare({"ok": {"n": number}}, Ok({"n": 1}), {}) for number in (1, 2)]
    except ImportError as problem:
        pytest.fail(str(problem))
    assert [difference is None for difference in found] == [True, False]


@pytest.mark.rule("suite.oracle.independent")
def test_verify_works_without_the_reference(tmp_path: Path) -> None:
    done = run_without_reference(VERIFIES, tmp_path, f"{sys.executable} {PLANTED / 'always_ok.py'}")
    assert done.returncode == 1, done.stderr
    assert "always_ok 1" in done.stdout
