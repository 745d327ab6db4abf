"""The temporary directories and files of a case, created when a step first names one.

``{"$": "dir"}``, ``dir-1``, … are fresh empty directories; ``{"$": "path"}``, ``path-1``, … are paths of files that do
not exist yet, each in a fresh directory. All of them are removed after the case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.replies import Json

__all__ = ["TemporaryPaths", "names_in"]

_PLACE: Final = re.compile(r"(dir|path)(-\d+)?")


def names_in(value: Json) -> frozenset[str]:
    """Return every name of a ``{"$": name}`` in a JSON value."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if type(inner) is dict:
            if len(inner) == 1 and "$" in inner:
                found.add(inner["$"])
                continue
            inner = list(inner.values())
        if type(inner) is list:
            waiting.extend(item for item in inner if type(item) is dict or type(item) is list)
    return frozenset(found)


class TemporaryPaths:
    """The temporary paths of one case."""

    def __init__(self) -> None:
        self._roots: list[str] = []

    @staticmethod
    def is_temporary(name: str) -> bool:
        """Return whether a name is that of a temporary path, and not of a bound value."""
        return _PLACE.fullmatch(name) is not None

    def provide(self, names: Iterable[str], bindings: dict[str, Json]) -> None:
        """Create the temporary paths among ``names`` that are not in ``bindings``, and add them."""
        for name in sorted(names):
            if name not in bindings and self.is_temporary(name):
                root = fresh_folder()
                self._roots.append(root)
                bindings[name] = root if name.startswith("dir") else str(Path(root) / "file")

    def remove(self) -> None:
        """Remove all directories that were created."""
        while self._roots:
            remove_folder(self._roots.pop())
