"""Which modules of the suite and of its selftests import which, and forgetting some, so that they are imported again.

A module is *bound* to another when it imports it, directly or through others, at its top or in a function of its own.
Who forgets a module has to forget all that are bound to it: they hold what it defined when they imported it.
``test_imports.py`` shows that no other module does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from selftests.mutants.mutate import EVERYWHERE
from selftests.paths import PLANTED, SELFTESTS, SUITE

__all__ = ["bound_to", "forget", "named_in", "needed", "sources"]

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\((?:[^)#]|#.*)*\)|.*)|import[ \t]+(.*))", re.M)
_NAME = re.compile(r"\w[\w.]*")


@cache
def sources() -> Mapping[str, Path]:
    """Return the files of all modules of the suite and of its selftests by their names."""
    suite = (path for path in SUITE.rglob("*.py") if (path.parent / "__init__.py").exists())
    tests = (path for path in SELFTESTS.rglob("*.py") if path.parent not in (PLANTED, EVERYWHERE))
    return {_module(path.relative_to(SUITE.parent)): path for path in sorted([*suite, *tests])}


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def _imports() -> Mapping[str, frozenset[str]]:
    """Return what each module imports directly; packages are imported by what is in them."""
    return {name: frozenset(_imported(name, path.read_text(encoding="utf-8"))) for name, path in sources().items()}


def _imported(name: str, source: str) -> Iterator[str]:
    yield from _known(name.rpartition(".")[0])
    for each in named_in(source):
        yield from _known(each)


def named_in(source: str) -> Iterator[str]:
    """Yield what a source imports by its full name, and now and then a word that is none."""
    for package, members, modules in _IMPORT.findall(source):
        yield package
        yield from (f"{package}.{member}" for member in _NAME.findall(members))
        yield from _NAME.findall(modules)


def _known(name: str) -> Iterator[str]:
    """Yield a module and the packages around it; of a name in a module, the module."""
    while name:
        if name in sources():
            yield name
        name = name.rpartition(".")[0]


def needed(names: Iterable[str]) -> frozenset[str]:
    """Return some modules and all that they import, directly or through others."""
    return _closed(names, _imports())


def bound_to(names: Iterable[str]) -> frozenset[str]:
    """Return some modules and all that are bound to them."""
    return _closed(names, _importers())


@cache
def _importers() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(each for each, direct in _imports().items() if name in direct) for name in sources()}


def _closed(names: Iterable[str], edges: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += edges[name]
    return frozenset(found)


def forget(names: Iterable[str]) -> None:
    """Let some modules be imported again when they are needed; whoever holds them keeps what it holds."""
    for name in names:
        module = sys.modules.pop(name, None)
        package, _, last = name.rpartition(".")
        around = sys.modules.get(package)
        if isinstance(module, ModuleType) and around is not None and getattr(around, last, None) is module:
            delattr(around, last)
