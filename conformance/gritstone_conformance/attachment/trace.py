"""A trace: a file with every line sent and received, to debug an adapter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["Trace"]


class Trace:
    """A file to which lines are appended; it is opened for each batch, so no line is lost if the suite is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sent(self, lines: Iterable[bytes]) -> None:
        """Append request lines (without LF), each after ``>`` and a space."""
        self._append(b"> ", lines)

    def received(self, lines: Iterable[bytes]) -> None:
        """Append reply lines (without LF), each after ``<`` and a space."""
        self._append(b"< ", lines)

    def _append(self, mark: bytes, lines: Iterable[bytes]) -> None:
        with self._path.open("ab") as file:
            file.writelines(mark + line + b"\n" for line in lines)
