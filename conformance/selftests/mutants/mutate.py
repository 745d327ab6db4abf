"""Run a program with one deliberate fault.

    python mutate.py ID -- -m gritstone.harness            a fault of the reference, or a liar in front of it
    python mutate.py ID -- -m gritstone_conformance.cli …  a fault of the suite itself
    python mutate.py ID -- -m pytest …

An entry of ``mutants/`` has one of three forms:

- ``file``, ``old``, ``new`` (and further edits in ``more``): the edits are applied to the source of their modules as
  these are imported. Nothing on disk changes. ``old`` must occur exactly once, otherwise the mutant is *stale* and
  this program exits with code 70 before anything runs.
- the same with a file of the suite or of its self-tests, ``gritstone_conformance/…``, ``selftests/…``: a
  ``sitecustomize`` module on ``PYTHONPATH`` also adds the fault to each Python process that the program starts (a suite
  with ``--jobs``, a test that runs ``gritstone``).
- ``proxy = "NAME"``: the program is unchanged; the liar ``NAME`` of ``liar.py`` runs in front of it.

``equivalent = "proof"`` excludes an entry from the count, with the proof that no test can distinguish it from the
original.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

STALE = 70
CATALOGUE = Path(__file__).resolve().parent
OF_SUITE = ("gritstone_conformance/", "selftests/")
EVERYWHERE = Path(__file__).with_name("everywhere")
"""The folder of the ``sitecustomize`` module that applies the edits in ``$MUTANT_EDITS`` to each Python process."""

EDITS_VARIABLE = "MUTANT_EDITS"
_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one module.

    Attributes:
        file: the module's path below its source root, e.g. ``gritstone/grit/framed.py``.
        old: source text that occurs exactly once in the file.
        new: the text that replaces it.
    """

    file: str
    old: str
    new: str

    @property
    def module(self) -> str:
        """The dotted name of the module that is edited."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        """The name of the top-level package that is edited."""
        return self.file.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        id: its name.
        violates: the rule that it violates and under which it must be reported.
        edits: the changes that make it; several if other code compensates for a single one.
        also: other rules that it may violate.
        proxy: the name of the liar, or None; a liar has no edits.
        equivalent: the proof that no test can distinguish it from the original, or None.
        by: the case to run first, because it is known to detect the fault.
        listens: whether it must be attached at a socket, because the fault is visible only there.
        waits: whether it is detected by a timeout; it then runs with shorter deadlines than a normal run.
        fresh_process: whether each of its processes is started and none is forked, because forked processes share their
            hash seed.
    """

    id: str
    violates: str
    edits: tuple[Edit, ...]
    also: tuple[str, ...] = ()
    proxy: str | None = None
    equivalent: str | None = None
    by: str | None = None
    listens: bool = False
    waits: bool = False
    fresh_process: bool = False

    @property
    def is_of_suite(self) -> bool:
        """Whether it is a fault of the suite's own code."""
        return any(edit.file.startswith(OF_SUITE) for edit in self.edits)

    def command(self, module: str, *args: str) -> tuple[str, ...]:
        """Return the words that run ``python -m module args`` with the fault."""
        return (sys.executable, str(Path(__file__).resolve()), self.id, "--", "-m", module, *args)


class StaleMutantError(Exception):
    """A mutant's ``old`` does not occur exactly once in its file."""


def load_mutants(path: Path = CATALOGUE) -> dict[str, Mutant]:
    """Read a catalogue of mutants, a directory of TOML files, by id."""
    mutants = [mutant for file in sorted(path.glob("*.toml")) for mutant in read_mutants(file)]
    if len({mutant.id for mutant in mutants}) != len(mutants):
        raise ValueError(f"{path}: two mutants have the same id")
    return {mutant.id: mutant for mutant in mutants}


def read_mutants(file: Path) -> list[Mutant]:
    """Read one file of a catalogue."""
    import tomllib  # a child that gets the edits in its environment does not need it

    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("mutant", [])
    return [_checked_mutant(file, number, entry) for number, entry in enumerate(entries, 1)]


def _checked_mutant(file: Path, number: int, entry: dict[str, Any]) -> Mutant:
    """Return the mutant of an entry; raise ValueError with its place if a key is missing or unknown."""
    try:
        return _mutant(**entry)
    except TypeError as problem:
        named = entry.get("id", f"entry {number}")
        words = str(problem).removeprefix("_mutant() ").replace("keyword-only argument", "key")
        raise ValueError(f"{file.name}: {named}: {words.replace('keyword argument', 'key')}") from problem


def _mutant(
    *,
    id: str,  # noqa: A002 - as in the file
    violates: str,
    file: str | None = None,
    old: str | None = None,
    new: str | None = None,
    also: Sequence[str] = (),
    more: Sequence[dict[str, str]] = (),
    proxy: str | None = None,
    equivalent: str | None = None,
    by: str | None = None,
    listens: bool = False,
    waits: bool = False,
    fresh_process: bool = False,
) -> Mutant:
    edits: tuple[Edit, ...] = ()
    if file is not None and old is not None and new is not None:
        edits = (Edit(file, old, new), *(Edit(**edit) for edit in more))
    if bool(edits) == bool(proxy):
        raise ValueError(f"{id}: a mutant is either an edit (file, old, new) or a liar (proxy)")
    return Mutant(id, violates, edits, tuple(also), proxy, equivalent, by, listens, waits, fresh_process)


def detectable() -> dict[str, Mutant]:
    """Return the mutants that run as an adapter; the self-tests detect the mutants of the suite instead."""
    mutants = load_mutants().items()
    return {name: mutant for name, mutant in mutants if not (mutant.is_of_suite or mutant.equivalent)}


def find_mutant(name: str, path: Path = CATALOGUE) -> Mutant:
    """Return one mutant of a catalogue; parses only the file that contains its id."""
    for file in sorted(path.glob("*.toml")):
        if f'"{name}"' in file.read_text(encoding="utf-8"):
            for mutant in read_mutants(file):
                if mutant.id == name:
                    return mutant
    raise KeyError(name)


def source_of(file: str) -> str:
    """Return the source of the file of an edit from the checkout."""
    root = _CHECKOUT / ("conformance" if file.startswith(OF_SUITE) else "reference")
    return (root / file).read_text(encoding="utf-8")


def check_fresh(mutant: Mutant) -> None:
    """Raise StaleMutantError unless every edit of a mutant applies and changes its file."""
    for file in {edit.file for edit in mutant.edits}:
        source = source_of(file)
        if apply_edits(mutant, file, source) == source:
            raise StaleMutantError(f"{mutant.id}: its edits do not change {file}")


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
        """Compile the edited source, without a cached bytecode file."""
        source = self.get_source(fullname)
        assert source is not None
        return compile(apply_edits(self.mutant, self.file, source), self.path, "exec", dont_inherit=True)


class MutatingFinder:
    """A finder for ``sys.meta_path``; importing its base class would take most of the start time of a child."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.files = {edit.module: edit.file for edit in mutant.edits}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec with an editing loader for a mutated module, and None for other modules."""
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


def install(mutant: Mutant) -> None:
    """Apply the edits of a mutant to each module that is imported from now on."""
    sys.meta_path.insert(0, MutatingFinder(mutant))


def install_from_environment() -> None:
    """Install the edits in ``$MUTANT_EDITS``; called by ``sitecustomize`` in each Python process below a mutant."""
    install(_from_environment())


def _from_environment() -> Mutant:
    name, edits = json.loads(os.environ.get(EDITS_VARIABLE, '["", []]'))
    return Mutant(name, "", tuple(Edit(*edit) for edit in edits))


def to_json(mutant: Mutant) -> str:
    """Return the id and the edits of a mutant as text."""
    return json.dumps([mutant.id, [(edit.file, edit.old, edit.new) for edit in mutant.edits]])


@contextmanager
def edits_in_environment(mutant: Mutant) -> Iterator[None]:
    """Pass the edits of a mutant to children in an environment variable, so that they need not read the catalogue."""
    before = os.environ.get(EDITS_VARIABLE)
    os.environ[EDITS_VARIABLE] = to_json(mutant)
    try:
        yield
    finally:
        if before is None:
            del os.environ[EDITS_VARIABLE]
        else:
            os.environ[EDITS_VARIABLE] = before


def pass_to_children(mutant: Mutant) -> None:
    """Apply the edits of a mutant to each Python process that this process starts."""
    os.environ[EDITS_VARIABLE] = to_json(mutant)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(EVERYWHERE), os.environ.get("PYTHONPATH"))))


def main(argv: Sequence[str]) -> int:
    """Install the fault and run the rest of the command line like Python."""
    name, dashes, option, target, *rest = argv
    assert (dashes, option) == ("--", "-m"), "usage: mutate.py ID -- -m MODULE [ARG ...]"
    mutant = _from_environment()
    if mutant.id != name or not mutant.edits:
        mutant = find_mutant(name)
    if mutant.proxy is not None:
        liar = str(CATALOGUE.with_name("fakes") / "liar.py")
        os.execv(sys.executable, [sys.executable, liar, mutant.proxy, "--", sys.executable, "-m", target, *rest])
    install(mutant)
    if mutant.is_of_suite:
        pass_to_children(mutant)
    return run(mutant, target, rest)


def run(mutant: Mutant, target: str, rest: Sequence[str]) -> int:
    """Run ``python -m target rest`` with the fault in the modules that are imported from now on."""
    sys.argv = [target, *rest]
    sys.path[0] = os.getcwd()  # as with `python -m`
    try:
        for edit in mutant.edits:
            if edit.module != target:
                importlib.import_module(edit.module)
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    except StaleMutantError as stale:
        print(stale, file=sys.stderr)
        return STALE
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
