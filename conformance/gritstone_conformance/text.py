"""Text from an implementation, made safe to show on a terminal or in a report.

Control characters, direction overrides, characters without width and lone surrogates become escapes: output of an
implementation cannot move the cursor, change colours or reorder text. Messages cut such text with :func:`printable`;
lines for a terminal are written with :func:`say`, or escaped with :func:`plain`.

Spec: :rule:`suite.output.plain`.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Final, TextIO

__all__ = ["counted", "hex_bytes", "json_plain", "plain", "printable", "quoted", "say", "unfolded"]

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    return _SHORT.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def printable(text: str | bytes, limit: int = 200) -> str:
    r"""Return ``text`` on one line with everything unsafe escaped.

    Args:
        text: bytes are read as UTF-8; invalid bytes are shown as ``\xNN``.
        limit: maximum number of characters of the input; a cut is marked with an ellipsis.
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit + 4].decode("utf-8", "backslashreplace")
    shown = _UNSAFE.sub(_escape, text[:limit])
    return shown + "…" if len(text) > limit else shown


def quoted(text: str | bytes, limit: int = 200) -> str:
    """Return ``text`` as :func:`printable`, in double quotes."""
    return f'"{printable(text, limit)}"'


def plain(text: str) -> str:
    """Return a line of any length with everything unsafe escaped; a safe line remains unchanged."""
    return _UNSAFE.sub(_escape, text)


def json_plain(text: str) -> str:
    """Return the text of a JSON document without line ends, with everything unsafe spelled as JSON escapes."""
    return _UNSAFE.sub(_json_escape, text)


def say(text: str, file: TextIO | None = None) -> None:
    """Write one line with everything unsafe escaped, and flush it."""
    print(plain(text), file=file or sys.stdout, flush=True)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 object``, ``2 objects``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def unfolded(words: str, most: int = 12) -> list[str]:
    r"""Return the description of a broken process, with each of its last lines of standard error on a separate line.

    Args:
        words: printable text; lines of standard error, if any, follow ``stderr:`` and end with ``\n``.
        most: how many lines of standard error remain; the last ones are the most informative.
    """
    head, mark, log = words.partition("stderr: ")
    lines = [line for line in log.split("\\n") if line.strip()]
    if len(lines) < 2:
        return [words]
    left_out = [f"  … {counted(len(lines) - most, 'line')} before"] if len(lines) > most else []
    return [f"{head}{mark}".rstrip(), *left_out, *(f"  {line}" for line in lines[-most:])]


def hex_bytes(data: bytes, limit: int = 8) -> str:
    """Return the first ``limit`` bytes as ``41 63 6d``, with an ellipsis when there are more."""
    return data[:limit].hex(" ") + (" …" if len(data) > limit else "")
