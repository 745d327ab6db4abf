"""The last bytes of an implementation's standard error: stored and shown to the user, never judged."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.text import printable

__all__ = ["LogTail"]

_KEPT_BYTES: Final = 64 << 10
_SHOWN_BYTES: Final = 4 << 10


class LogTail:
    """The last 64 KiB of a byte stream.

    Attributes:
        total: how many bytes were added in total.
    """

    __slots__ = ("_kept", "total")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Append bytes; only the last 64 KiB are kept."""
        self._kept += data
        self.total += len(data)
        if len(self._kept) > 2 * _KEPT_BYTES:  # not at each write, which would copy 64 KiB each time
            del self._kept[:-_KEPT_BYTES]

    def read(self) -> bytes:
        """Return the stored bytes, at most 64 KiB."""
        return bytes(self._kept[-_KEPT_BYTES:])

    def words(self) -> str:
        """Return the last 4 KiB on one line, safe to print; empty if nothing was written."""
        shown = bytes(self._kept[-_SHOWN_BYTES:]).strip()
        return printable(shown, _SHOWN_BYTES) if shown else ""
