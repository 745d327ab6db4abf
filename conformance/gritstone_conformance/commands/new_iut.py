"""``gritstone new-iut``: create a minimal adapter in one of a few languages, and print the next commands.

The adapter is correct and claims nothing: it passes the rungs of the doctor before those of the first profile. Existing
files are never overwritten.

Spec: :rule:`suite.scaffold.climbs`.
"""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.text import printable, say

__all__ = ["SCAFFOLDS", "Scaffold", "run_command"]

_TEMPLATES: Final = Path(__file__).resolve().parents[1] / "scaffolds"
_NAME: Final = "my-runtime"  # in the templates


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The files and commands of one language.

    Attributes:
        adapter: the file that contains the adapter.
        others: further files that the language requires.
        build: shell commands that build the adapter, or an empty text; ``{dir}`` is the folder.
        iut: the command that starts the adapter.
    """

    adapter: str
    others: tuple[str, ...]
    build: str
    iut: str


SCAFFOLDS: Final = {
    "python": Scaffold("adapter.py", (), "", "python {dir}/adapter.py"),
    "javascript": Scaffold("adapter.js", ("package.json",), "", "node {dir}/adapter.js"),
    "go": Scaffold("main.go", ("go.mod",), "go build -C {dir} -o adapter .", "{dir}/adapter"),
    "rust": Scaffold(
        "src/main.rs",
        ("src/json.rs", "Cargo.toml"),
        "cargo build --release --manifest-path {dir}/Cargo.toml",
        "{dir}/target/release/adapter",
    ),
}


def run_command(options: argparse.Namespace) -> int:
    """Write the files, print the next commands, and return 0; write nothing if one of the files exists."""
    scaffold = SCAFFOLDS[options.language]
    folder: Path = options.dir
    for path in _written(folder, options.language, scaffold):
        say(f"wrote {printable(str(path))}")
    quoted = shlex.quote(str(folder))
    here = quoted if folder.is_absolute() or not scaffold.iut.startswith("{dir}") else f"./{quoted}"
    iut = shlex.quote(scaffold.iut.format(dir=here))
    say("next:")
    if scaffold.build:
        say(f"  {scaffold.build.format(dir=quoted)}")
    say(f"  gritstone doctor --iut {iut}")
    return 0


def _written(folder: Path, language: str, scaffold: Scaffold) -> list[Path]:
    names = (scaffold.adapter, *scaffold.others)
    for name in names:
        if (folder / name).exists():
            raise UsageError(f"{folder / name} already exists and is not overwritten: choose another folder")
    try:
        return [_write(folder / name, _filled(_TEMPLATES / language / name, folder)) for name in names]
    except OSError as problem:
        raise UsageError(f"{problem.filename}: {problem.strerror}") from problem


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:  # never overwrite a file created meanwhile
        file.write(text)
    return path


def _filled(template: Path, folder: Path) -> str:
    """Return a template with the folder's name as the implementation's name, reduced to plain characters."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return template.read_text(encoding="utf-8").replace(_NAME, name[:64] or _NAME)
