"""Text that an implementation wrote, made safe to show on a terminal or in a report.

Control characters, direction overrides and lone surrogates become escapes: nothing an implementation prints can move
the cursor, change colours or reorder what people read.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["hex_bytes", "printable"]

_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def printable(text: str | bytes, limit: int = 200) -> str:
    r"""Return ``text`` on one line with everything unsafe escaped.

    Args:
        text: bytes are read as UTF-8; what is no UTF-8 is shown as ``\xNN``.
        limit: characters of the input that are kept; a cut is marked with an ellipsis.
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit + 4].decode("utf-8", "backslashreplace")
    shown = _UNSAFE.sub(_escape, text[:limit])
    return shown + "…" if len(text) > limit else shown


def hex_bytes(data: bytes, limit: int = 8) -> str:
    """Return the first ``limit`` bytes as ``41 63 6d``, with an ellipsis when there are more."""
    return data[:limit].hex(" ") + (" …" if len(data) > limit else "")
