"""Install the one wheel of a directory into a fresh environment, away from the checkout, and run the main job there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def run(*command: str, cwd: str) -> None:
    """Run a command; a non-zero exit ends this script."""
    print("+", *command, flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    subprocess.run(command, cwd=cwd, env=environment, check=True)


def main(directory: str) -> None:
    """Try the wheel found in ``directory``."""
    (wheel,) = Path(directory).resolve().glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("rules.json", "conventions.rst", "schemas/request.schema.json"):
        assert f"gritstone_conformance/_bundled/spec/{needed}" in names, f"{needed} is not in the wheel"
    assert "gritstone_conformance/_bundled/vectors/DIGEST" in names, "the vectors are not in the wheel"
    for scaffold in ("python/adapter.py", "javascript/adapter.js", "go/main.go", "rust/src/main.rs"):
        for profile in ("", "sandbox/"):
            assert f"gritstone_conformance/scaffolds/{profile}{scaffold}" in names, f"{scaffold} is not in the wheel"
    with tempfile.TemporaryDirectory() as away:
        environment = Path(away) / "venv"
        run(sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, str(environment), cwd=away)
        python = environment / "bin" / "python"
        run(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(python), str(wheel), cwd=away)
        gritstone = str(environment / "bin" / "gritstone")
        run(gritstone, "vectors", "--lint", cwd=away)
        run(gritstone, "new-iut", "python", "my-runtime", cwd=away)
        adapter = f"{python} -m gritstone.harness"
        run(gritstone, "verify", "--iut", adapter, "-k", "grit/tree/*", "--html", "report.html", cwd=away)


if __name__ == "__main__":
    main(sys.argv[1])
