"""Install programs that tests run and no Python package brings: ``python system_packages.py NAME...``.

A program that is missing is installed with ``apt-get``, if the machine has it and the user is root. Otherwise one line
says which packages are missing, and the tests that need them are skipped.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def has_browser() -> bool:
    """Return whether a browser for the tests of pages is there."""
    return any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")))


def has_rust() -> bool:
    """Return whether a Rust compiler has a standard library for WebAssembly, or its sources and a linker."""
    for rustc in filter(None, (shutil.which("rustc"), shutil.which("rustc", path="/usr/bin"))):
        if Path(rustc).with_name("cargo").exists():
            library = printed(rustc, "--target", "wasm32-unknown-unknown", "--print", "target-libdir")
            sources = printed(rustc, "--print", "sysroot") / "lib/rustlib/src/rust/library/std"
            if library.is_dir() or (sources.is_dir() and shutil.which("wasm-ld")):
                return True
    return False


def printed(*command: str) -> Path:
    """Return the path that a command prints."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return Path(done.stdout.strip() or "/nowhere")


# by name: whether it is there, and the packages of Debian that bring it
PROGRAMS = {
    "browser": (has_browser, ("chromium",)),
    "rust": (has_rust, ("rustc-web", "cargo-web", "rust-web-src", "lld")),
}


def install(name: str) -> None:
    """Install the packages of a program unless it is there; a second process waits for the first."""
    present, packages = PROGRAMS[name]
    with (Path(tempfile.gettempdir()) / f"gritstone-packages-{os.getuid()}").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if present():
            return
        if os.getuid() == 0 and shutil.which("apt-get"):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (("update",), ("install", "-y", "--no-install-recommends", *packages)):
                subprocess.run(("apt-get", "-q", *command), check=False, env=environment, stdout=subprocess.DEVNULL)
        if not present():
            print(f"missing packages: {' '.join(packages)}; the tests that need them are skipped", flush=True)


for wanted in sys.argv[1:]:
    install(wanted)
