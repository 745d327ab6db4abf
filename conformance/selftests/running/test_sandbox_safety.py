"""The probes of ``sandbox`` do not harm the machine on a host that ignores its limits."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selftests.paths import CHECKOUT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("wasmtime") is None, reason="needs wasmtime")

_EXAMPLE = CHECKOUT / "docs" / "examples" / "sandbox_wasmtime.py"
_SIZES = '    store.set_limits(memory_size=limits["pages"] * PAGE, table_elements=table)\n'
_NO_SIZES = ((_SIZES, ""),)
_NO_LIMITS = (
    *_NO_SIZES,
    ("CONFIG.consume_fuel = True\n", ""),
    ("CONFIG.epoch_interruption = True\n", ""),
    ("    store.set_fuel(fuel)\n    store.set_epoch_deadline(1)\n", ""),
    ("fuel - store.get_fuel()", "1"),
)
_ALLOWED = "300M"  # resident; an idle host has about 50


def _verify(folder: Path, edits: tuple[tuple[str, str], ...]) -> list[dict[str, object]]:
    """Run all cases of the profile on a host without limits, and return the lines of the report."""
    source = _EXAMPLE.read_text(encoding="utf-8")
    for was, now in edits:
        assert was in source
        source = source.replace(was, now)
    (folder / "host.py").write_text(source, encoding="utf-8")
    shutil.copy(_EXAMPLE.with_name("sandbox_loop.py"), folder)
    iut = shlex.join([sys.executable, "host.py"])
    options = ["--profile", "sandbox", "--max-rss", _ALLOWED, "--deadline-scale", "0.05", "--quiet", "--iut", iut]
    done = subprocess.run(
        [sys.executable, "-m", "gritstone_conformance.cli", "verify", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-2_000:] + done.stderr[-2_000:]
    return [json.loads(line) for line in (folder / ".gritstone/report.jsonl").read_text().splitlines()]


def _processes(folder: Path) -> list[str]:
    """Return the processes that run in a folder."""
    return [each.parent.name for each in Path("/proc").glob("[0-9]*/cwd") if _leads_to(each, folder)]


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder.resolve()
    except OSError:  # it ended
        return False


@pytest.mark.nightly
@pytest.mark.parametrize("edits", [_NO_SIZES, _NO_LIMITS], ids=["no limit of memory and tables", "no limit at all"])
def test_run_ends_with_bounded_memory_and_leaves_nothing(tmp_path: Path, edits: tuple[tuple[str, str], ...]) -> None:
    lines = _verify(tmp_path, edits)
    cases = [line for line in lines if line["type"] == "case"]
    assert lines[-1]["type"] == "footer"
    assert [case["case"] for case in cases if str(case.get("cause", "")).startswith(("memory", "dead"))] == []
    assert _processes(tmp_path) == []
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"host.py", "sandbox_loop.py", ".gritstone"}
    if edits is _NO_SIZES:
        assert "sandbox.pages.bound" in {case.get("rule") for case in cases if case["verdict"] == "fail"}
    else:
        assert any(str(case.get("cause", "")).startswith("hung") for case in cases)
