"""The end of an implementation's standard error: kept, shown where it helps, never judged."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.text import printable

__all__ = ["LogTail"]

_KEPT_BYTES: Final = 64 << 10
_SHOWN_BYTES: Final = 4 << 10


class LogTail:
    """The last 64 KiB of a byte stream.

    Attributes:
        total: bytes that were added altogether.
    """

    __slots__ = ("_kept", "total")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Append bytes; the oldest ones beyond 64 KiB are forgotten."""
        self._kept += data
        self.total += len(data)
        if len(self._kept) > 2 * _KEPT_BYTES:  # rarely, so that a chatty process costs no copy per write
            del self._kept[:-_KEPT_BYTES]

    def read(self) -> bytes:
        """Return what is kept, as received; at most 64 KiB."""
        return bytes(self._kept[-_KEPT_BYTES:])

    def words(self) -> str:
        """Return the last 4 KiB on one line, safe to print; empty when nothing was written."""
        shown = bytes(self._kept[-_SHOWN_BYTES:]).strip()
        return printable(shown, _SHOWN_BYTES) if shown else ""
