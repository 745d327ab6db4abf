"""Table modules on hosts that run them: one is right, the others lose tables or segments.

The reference refuses table modules. So the host here is the package wasmtime. It makes copies by calling the entry of a
new instance as often as that of the original.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from selftests.paths import CHECKOUT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("wasmtime") is None, reason="needs wasmtime")

_EXAMPLE = CHECKOUT / "docs" / "examples" / "sandbox_filled.py"
_COPIES = """

import json
from dataclasses import asdict, replace

FEATURES += ["sandbox.snapshot", "sandbox.export"]


def run(module, limits, grants):
    ended = _run(module, limits, grants)
    return replace(ended, instance=ended.instance and [ended.instance, module, [limits]])


def again(instance, limits):
    instance[2].append(limits)
    return replace(_call(instance[0], limits), instance=instance)


def snapshot(instance):
    return instance[1], list(instance[2])


def resume(snapshot):
    module, calls = snapshot
    made = run(module, calls[0], {}).instance
    for limits in calls[1:]:
        again(made, limits)
    return made


def export_bytes(snapshot, fuel):
    return json.dumps([snapshot[0].hex(), *map(asdict, snapshot[1])]).encode()


def import_bytes(data):
    module, *calls = json.loads(data)
    return bytes.fromhex(module), [Limits(**limits) for limits in calls]
"""
_FRESH = """

def resume(snapshot):
    store = wasmtime.Store(ENGINE)
    store.set_epoch_deadline(1)
    return [(store, wasmtime.Instance(store, wasmtime.Module(ENGINE, snapshot[0]), [])), *snapshot]
"""
_CASES = ["sandbox/module/tables", "sandbox/module/dropped-segments"]
_LAST = ("for limits in calls[1:]:", "for limits in calls[1:-1]:")


def _verdicts(folder: Path, more: str, edit: tuple[str, str] | None = None) -> list[tuple[str, str | None]]:
    """Return the verdict and the violated rule of each case on a host."""
    host = _EXAMPLE.read_text(encoding="utf-8").replace("again(", "_call(").replace("def run(", "def _run(") + more
    if edit is not None:
        assert edit[0] in host
        host = host.replace(*edit)
    gritstone = [sys.executable, "-m", "gritstone_conformance.cli"]
    subprocess.run([*gritstone, "new-iut", "python", "host", "--profile", "sandbox"], cwd=folder, check=True)
    (folder / "host" / "sandbox.py").write_text(host, encoding="utf-8")
    asked = ["--quiet", *(word for case in _CASES for word in ("-k", case))]
    iut = shlex.join([sys.executable, "host/adapter.py"])
    subprocess.run([*gritstone, "verify", *asked, "--iut", iut], cwd=folder, check=False, timeout=120)
    lines = map(json.loads, (folder / ".gritstone/report.jsonl").read_text().splitlines())
    found = {line["case"]: (line["verdict"], line.get("rule")) for line in lines if line.get("case") in _CASES}
    return [found[case] for case in _CASES]


def test_host_with_complete_copies_passes(tmp_path: Path) -> None:
    assert [verdict for verdict, _ in _verdicts(tmp_path, _COPIES)] == ["pass", "pass"]


def test_copies_that_lack_the_last_call_are_reported(tmp_path: Path) -> None:
    tables, _ = _verdicts(tmp_path, _COPIES, _LAST)
    assert tables == ("fail", "sandbox.module.table")


def test_copies_with_new_tables_and_segments_are_reported(tmp_path: Path) -> None:
    assert _verdicts(tmp_path, _COPIES + _FRESH) == [("fail", "sandbox.module.table")] * 2


def test_instances_whose_tables_are_new_in_each_call_are_reported(tmp_path: Path) -> None:
    again = """

_kept = again


def again(instance, limits):
    store = wasmtime.Store(ENGINE)
    store.set_epoch_deadline(1)
    return _kept([(store, wasmtime.Instance(store, wasmtime.Module(ENGINE, instance[1]), [])), *instance[1:]], limits)
"""
    assert _verdicts(tmp_path, _COPIES + again) == [("fail", "sandbox.module.table")] * 2
