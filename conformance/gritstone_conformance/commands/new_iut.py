"""``gritstone new-iut``: create a minimal adapter in one of a few languages, and print the next commands.

The adapter is correct and claims nothing: it passes the rungs of the doctor before those of the first profile. With
``--profile sandbox`` it claims that profile, and a second file has the functions to fill in. Existing files are never
overwritten.

Spec: :rule:`suite.scaffold.climbs`, :rule:`suite.scaffold.sandbox`.
"""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.text import printable, say

__all__ = ["PROFILES", "SCAFFOLDS", "Scaffold", "run_command"]

_TEMPLATES: Final = Path(__file__).resolve().parents[1] / "scaffolds"
_NAME: Final = "my-runtime"  # in the templates


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The files and commands of one language.

    Attributes:
        adapter: the file that contains the adapter.
        others: further files that the language requires.
        to_fill: the file with the functions to fill in, or an empty text if that is the adapter itself.
        build: shell commands that build the adapter, or an empty text; ``{dir}`` is the folder.
        iut: the command that starts the adapter.
    """

    adapter: str
    others: tuple[str, ...]
    build: str
    iut: str
    to_fill: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """All files, the one to fill in first."""
        return (*((self.to_fill,) if self.to_fill else ()), self.adapter, *self.others)


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
_TO_FILL: Final = {
    "python": "sandbox.py",
    "javascript": "sandbox.js",
    "go": "sandbox.go",
    "rust": "src/sandbox.rs",
}
PROFILES: Final = {
    "sandbox": {language: replace(SCAFFOLDS[language], to_fill=file) for language, file in _TO_FILL.items()},
}
"""Scaffolds of profiles that have their own. Files that they share with ``SCAFFOLDS`` exist once."""


def run_command(options: argparse.Namespace) -> int:
    """Write the files, print the next commands, and return 0; write nothing if one of the files exists."""
    scaffold = PROFILES.get(options.profile, SCAFFOLDS)[options.language]
    folder: Path = options.dir
    for path in _written(folder, options.language, scaffold, options.profile):
        say(f"wrote {printable(str(path))}")
    if scaffold.to_fill:
        say(f"fill in {printable(str(folder / scaffold.to_fill))}")
    quoted = shlex.quote(str(folder))
    here = quoted if folder.is_absolute() or not scaffold.iut.startswith("{dir}") else f"./{quoted}"
    iut = shlex.quote(scaffold.iut.format(dir=here))
    say("next:")
    if scaffold.build:
        say(f"  {scaffold.build.format(dir=quoted)}")
    say(f"  gritstone doctor --iut {iut}")
    return 0


def _written(folder: Path, language: str, scaffold: Scaffold, profile: str | None) -> list[Path]:
    for name in scaffold.files:
        if (folder / name).exists():
            raise UsageError(f"{folder / name} already exists and is not overwritten: choose another folder")
    paths = [folder / name for name in scaffold.files]
    for name, path in zip(scaffold.files, paths, strict=True):
        filled = _filled(_template(language, name, profile), folder)
        write_file(path, filled, replace=False)  # never replace a file created meanwhile
    return paths


def _template(language: str, name: str, profile: str | None) -> Path:
    """Return the template of a profile, or the common one if the profile has none of its own."""
    own = _TEMPLATES / str(profile) / language / name
    return own if own.exists() else _TEMPLATES / language / name


def _filled(template: Path, folder: Path) -> str:
    """Return a template with the folder's name as the implementation's name, reduced to plain characters."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return template.read_text(encoding="utf-8").replace(_NAME, name[:64] or _NAME)
