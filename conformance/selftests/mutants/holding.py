"""Which modules hold what others have defined: looked up in all that can be reached from them in a Python process.

    holding.py FILE

To be run by ``fork_pool.py``; writes to ``FILE`` what each module of the suite and its selftests holds of the others,
and under ``libraries`` what all other modules hold of them.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

__all__ = ["held_by", "main"]

_OURS = ("gritstone_conformance", "selftests")


def held_by(modules: Iterable[ModuleType]) -> frozenset[str]:
    """Return the modules of which some modules hold a function, a class, an instance or the module itself.

    What stands at the top of another module is looked through where that one is. That a package holds what is in it
    counts for nothing: who forgets a module takes it out of its package.
    """
    modules = list(modules)
    found: set[str] = set()
    seen = _dicts() | {id(sys.modules)}
    left: list[Any] = [value for module in modules for value in vars(module).values() if not _is_in(module, value)]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float):
            continue
        seen.add(id(thing))
        home = _home(thing)
        found.add(home)
        if isinstance(thing, ModuleType | BuiltinFunctionType) or _stands_in(sys.modules.get(home), thing, modules):
            continue
        left += gc.get_referents(thing)
    return frozenset(name for name in found if _is_ours(name))


def _dicts() -> set[int]:
    return {id(vars(module)) for module in sys.modules.values() if isinstance(module, ModuleType)}


def _is_in(package: ModuleType, value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__.rpartition(".")[0] == package.__name__


def _home(thing: Any) -> str:
    """Return the name of the module that has defined a thing, or its type."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    name = thing.__module__ if isinstance(thing, type | FunctionType) else type(thing).__module__
    return name if isinstance(name, str) else ""


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _OURS


def _stands_in(home: ModuleType | None, thing: Any, modules: list[ModuleType]) -> bool:
    """Tell whether a class or function stands at the top of a module that is none of these."""
    if home is None or not isinstance(thing, type | FunctionType) or any(home is module for module in modules):
        return False
    return vars(home).get(thing.__qualname__) is thing


def main(path: str) -> None:
    """Write what the modules of this process hold."""
    loaded = {name: module for name, module in sys.modules.items() if isinstance(module, ModuleType)}
    held = {name: sorted(held_by([module])) for name, module in loaded.items() if _is_ours(name)}
    libraries = [module for name, module in loaded.items() if not _is_ours(name) and name != "__main__"]
    Path(path).write_text(json.dumps({**held, "libraries": sorted(held_by(libraries))}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
