"""Run a program with one deliberate fault in one of its modules.

    python mutate.py ID -- -m gritstone.harness

The edit of the mutant ``ID`` in ``mutants/``, and those in its ``more``, are applied to the source of their modules
as these are imported, in this process only: no copies, and nothing on disk changes. ``old`` must occur exactly once,
else the mutant is *stale* and this program ends with exit code 70 before anything runs.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import runpy
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

STALE = 70
CATALOGUE = Path(__file__).with_name("mutants")


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one module.

    Attributes:
        file: the module's path below its source root, e.g. ``gritstone/grit/framed.py``.
        old: source text that occurs exactly once in the file.
        new: what stands there instead.
    """

    file: str
    old: str
    new: str

    @property
    def module(self) -> str:
        """The dotted name of the module that is edited."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        id: its name.
        kills: the rule that it breaks, and by whose name it must be found.
        edits: the changes that make it; more than one where one is made good by what stands elsewhere.
        also: other rules that it may break.
    """

    id: str
    kills: str
    edits: tuple[Edit, ...]
    also: tuple[str, ...] = ()


class StaleMutantError(Exception):
    """A mutant's ``old`` does not occur exactly once in its file."""


def load_mutants(path: Path = CATALOGUE) -> dict[str, Mutant]:
    """Read a catalogue of mutants, a directory of TOML files, by id."""
    files = sorted(path.glob("*.toml"))
    entries = [entry for file in files for entry in tomllib.loads(file.read_text(encoding="utf-8"))["mutant"]]
    mutants = [_mutant(**entry) for entry in entries]
    if len({mutant.id for mutant in mutants}) != len(mutants):
        raise ValueError(f"{path}: a mutant's id stands twice")
    return {mutant.id: mutant for mutant in mutants}


def _mutant(
    *,
    id: str,  # noqa: A002 - as in the file
    kills: str,
    file: str,
    old: str,
    new: str,
    also: Sequence[str] = (),
    more: Sequence[dict[str, str]] = (),
) -> Mutant:
    return Mutant(id, kills, (Edit(file, old, new), *(Edit(**edit) for edit in more)), tuple(also))


def apply_edits(mutant: Mutant, file: str, source: str) -> str:
    """Return the source of a file with the fault; raises StaleMutantError unless each ``old`` occurs exactly once."""
    for edit in mutant.edits:
        if edit.file == file:
            count = source.count(edit.old)
            if count != 1:
                raise StaleMutantError(f"{mutant.id}: its old text occurs {count} times in {file}, not once")
            source = source.replace(edit.old, edit.new)
    return source


class _MutatingLoader(importlib.machinery.SourceFileLoader):
    mutant: Mutant
    file: str

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        """Compile the edited source; never a cached bytecode file."""
        source = self.get_source(fullname)
        assert source is not None
        return compile(apply_edits(self.mutant, self.file, source), self.path, "exec", dont_inherit=True)


class _MutatingFinder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.files = {edit.module: edit.file for edit in mutant.edits}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a mutated module with an editing loader; leave all others alone."""
        if fullname not in self.files:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return None
        loader = _MutatingLoader(fullname, found.origin)
        loader.mutant, loader.file = self.mutant, self.files[fullname]
        locations = found.submodule_search_locations
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=loader, submodule_search_locations=locations
        )


def main(argv: list[str]) -> int:
    """Install the fault and run the rest of the command line as Python would."""
    name, dashes, option, target, *rest = argv
    assert (dashes, option) == ("--", "-m"), "usage: mutate.py ID -- -m MODULE [ARG ...]"
    mutant = load_mutants()[name]
    sys.meta_path.insert(0, _MutatingFinder(mutant))
    sys.argv = [target, *rest]
    try:
        for edit in mutant.edits:
            importlib.import_module(edit.module)
    except StaleMutantError as stale:
        print(stale, file=sys.stderr)
        return STALE
    runpy.run_module(target, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
