"""Builds guests with current compilers: clang 22 from a wheel, and Rust with its standard library.

The committed guests were built with clang 14. Later compilers enable more of the language by default, for example long
table indices, so their output has its own tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from gritstone_conformance.strategies.guests import guests_dir

__all__ = ["CRATE", "build_c", "build_rust", "build_wasi", "rust_toolchains", "wasi_rustc"]

CRATE: Final = guests_dir() / "rust"
_ZIG: Final = (sys.executable, "-m", "ziglang")
_TARGET: Final = "wasm32-unknown-unknown"
_WASI: Final = "wasm32-wasip1"
_WASI_GUESTS: Final = Path(__file__).parent / "wasi_guests"


def build_c(out: Path, *sources: Path, options: tuple[str, ...] = ()) -> bytes:
    """Return the module that clang and wasm-ld of the wheel ``ziglang`` build from C sources."""
    objects = []
    for source in sources:
        built = out / f"{source.stem}.o"
        flags = ("--target=wasm32", "-ffreestanding", "-Os", "-Wall", "-Wextra", "-Werror", *options)
        _run(*_ZIG, "clang", *flags, f"-I{guests_dir()}", "-c", source, "-o", built)
        objects.append(built)
    module = out / f"{sources[0].stem}.wasm"
    _run(*_ZIG, "wasm-ld", "--no-entry", "--strip-all", *objects, "-o", module)
    return module.read_bytes()


def rust_toolchains() -> list[tuple[Path, Path, bool]]:
    """Return the Rust toolchains that can build guests, as rustc, cargo, and whether std must be built first."""
    found = []
    for rustc in dict.fromkeys(filter(None, (shutil.which("rustc"), shutil.which("rustc", path="/usr/bin")))):
        cargo = Path(rustc).with_name("cargo")
        libraries = _printed(rustc, "--target", _TARGET, "--print", "target-libdir")
        sources = Path(_printed(rustc, "--print", "sysroot"), "lib/rustlib/src/rust/library/std")
        builds_std = sources.is_dir() and shutil.which("wasm-ld") is not None
        if cargo.exists() and (Path(libraries).is_dir() or builds_std):
            found.append((Path(rustc), cargo, not Path(libraries).is_dir()))
    return found


def build_rust(out: Path) -> bytes:
    """Return the module of the crate in ``vectors/wasm/guests/rust``.

    Raises:
        FileNotFoundError: no toolchain on this machine can build for the target.
    """
    toolchains = rust_toolchains()
    if not toolchains:
        raise FileNotFoundError(f"no rustc with a standard library or its sources for {_TARGET}")
    rustc, cargo, builds_std = min(toolchains, key=lambda found: found[2])
    crate = shutil.copytree(CRATE, out / "crate")
    target = Path(os.environ.get("CARGO_TARGET_DIR", out / "target"))
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "PATH": f"{rustc.parent}:{os.environ['PATH']}"}
    options: tuple[str, ...] = ()
    if builds_std:
        environment |= {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": "-C linker=wasm-ld"}
        options = ("-Z", "build-std=std,panic_abort", "-Z", "build-std-features=")
    command: tuple[str | Path, ...] = (cargo, "build", "--quiet", "--release", "--target", _TARGET, *options)
    _run(*command, cwd=crate, env=environment)
    return (target / _TARGET / "release" / "shapes.wasm").read_bytes()


def build_wasi(out: Path, name: str) -> bytes:
    """Return the module that a compiler builds from a source in ``wasi_guests``, with the library of its language.

    Raises:
        FileNotFoundError: no ``rustc`` here has the standard library for WASI; see ``wasi_rustc``.
    """
    source, module = _WASI_GUESTS / name, out / f"{name}.wasm"
    if source.suffix == ".c":
        _run(*_ZIG, "cc", "-target", "wasm32-wasi", "-Os", "-s", "-o", module, source)
        return module.read_bytes()
    rustc = wasi_rustc()
    if rustc is None:
        raise FileNotFoundError(f"no rustc with a standard library for {_WASI}")
    _run(rustc, "--edition", "2021", "--target", _WASI, "-O", "-C", "strip=symbols", "-o", module, source)
    return module.read_bytes()


def wasi_rustc() -> str | None:
    """Return a compiler that has the standard library for WASI, which ``rustup`` can add; ``None`` if there is none."""
    for rustc in dict.fromkeys(filter(None, (shutil.which("rustc"), shutil.which("rustc", path="/usr/bin")))):
        if not _has_wasi(rustc) and (rustup := shutil.which("rustup", path=str(Path(rustc).parent))):
            subprocess.run((rustup, "target", "add", _WASI), capture_output=True, check=False, timeout=300)
        if _has_wasi(rustc):
            return rustc
    return None


def _has_wasi(rustc: str) -> bool:
    libraries = Path(_printed(rustc, "--target", _WASI, "--print", "target-libdir"))
    return any(libraries.glob("libstd-*.rlib"))


def _printed(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else "/nowhere"


def _run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=900)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}"
