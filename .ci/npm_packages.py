"""Install the npm packages of folders exactly as locked: ``python npm_packages.py FOLDER...``.

A folder whose packages are those of its lock file is left alone, and a second process waits for the first: tests of
several environments of tox may run at once and share the packages.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path


def install(folder: Path) -> None:
    """Run ``npm ci`` in the folder, unless it succeeded there after the lock file last changed."""
    locked = folder / "package-lock.json"
    with (folder / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        installed = folder / "node_modules" / ".installed"
        if not installed.exists() or installed.read_bytes() != locked.read_bytes():
            subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
            installed.write_bytes(locked.read_bytes())


for name in sys.argv[1:]:
    install(Path(name))
