"""A trace: every line sent and received, in a file, for people who debug an adapter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["Trace"]


class Trace:
    """A file that lines are appended to; it is opened for each batch, so nothing is lost when the suite is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sent(self, lines: Iterable[bytes]) -> None:
        """Append request lines (without LF), each after the mark ``>`` and a blank."""
        self._append(b"> ", lines)

    def received(self, lines: Iterable[bytes]) -> None:
        """Append reply lines (without LF), each after the mark ``<`` and a blank."""
        self._append(b"< ", lines)

    def _append(self, mark: bytes, lines: Iterable[bytes]) -> None:
        with self._path.open("ab") as file:
            file.writelines(mark + line + b"\n" for line in lines)
