"""The guests: the committed modules match DIGEST and their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gritstone_conformance.model.wasm.puppets import PUPPETS
from gritstone_conformance.strategies.guests import GUESTS, guest, guests_dir

COUNTER = "907fa35b24916e0bf9f549df2d97bb410b94c2d1023813757d6fcd0e609ae126"  # from the chapter of examples


def version_of(command: str) -> str:
    try:
        return subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        return ""


def missing_tool() -> str | None:
    """Return what the build needs and this machine lacks, or None."""
    clang, wasm_opt = os.environ.get("CLANG", "clang"), os.environ.get("WASM_OPT", "wasm-opt")
    if "clang version 14." not in version_of(clang) or shutil.which("wasm-ld") is None:
        return "needs clang 14 with lld"
    return None if "version 132" in version_of(wasm_opt) else "needs wasm-opt of Binaryen 132"


def test_digest_lists_exactly_the_modules() -> None:
    listed = [line.split("  ") for line in (guests_dir() / "DIGEST").read_text().splitlines()]
    assert listed == [[hashlib.sha256(guest(name)).hexdigest(), f"{name}.wasm"] for name in GUESTS]
    assert sorted(path.name for path in guests_dir().glob("*.wasm")) == [f"{name}.wasm" for name in GUESTS]


def test_counter_is_that_of_the_spec() -> None:
    assert hashlib.sha256(guest("counter")).hexdigest() == COUNTER


def test_model_supports_both_puppets() -> None:
    known = {digest.hex() for digest in PUPPETS}
    assert known == {hashlib.sha256(guest(name)).hexdigest() for name in ("puppet", "puppet-stamp")}


def test_sources_build_the_committed_modules(tmp_path: Path) -> None:
    missing = missing_tool()
    if missing is not None:
        pytest.skip(missing)
    subprocess.run([guests_dir() / "build.sh", tmp_path], check=True, timeout=120)
    built = {path.stem: path.read_bytes() for path in tmp_path.glob("*.wasm")}
    assert built == {name: guest(name) for name in GUESTS}
