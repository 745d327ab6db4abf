"""Edits of a file of expected failures, line by line; all other text remains, with comments and line ends.

Pure: takes a parsed file and returns its new text. Other modules decide which changes are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gritstone_conformance.results.expect_files import ExpectFile
from gritstone_conformance.results.expectations import Expectation, quoted

__all__ = ["spell_entry", "with_changes", "with_entries"]

_ORDER: Final = ("case", "rule", "signature", "kind", "reason", "issue", "expires", "matches")
_BARE: Final = ("expires", "matches")


def spell_entry(entry: Expectation) -> list[str]:
    """Return the lines of an entry, without ends."""
    values = ((key, getattr(entry, key)) for key in _ORDER)
    given = ((key, value) for key, value in values if value is not None)
    return ["[[expect]]", *(f"{key} = {value if key in _BARE else quoted(value)}" for key, value in given)]


def with_entries(file: ExpectFile, entries: Iterable[Expectation]) -> str:
    """Return the text with entries added at its end, a blank line before each."""
    text, newline = "".join(file.lines), file.newline
    for entry in entries:
        if text and not text.endswith("\n"):
            text += newline
        text += newline if text else ""
        text += "".join(line + newline for line in spell_entry(entry))
    return text


def with_changes(file: ExpectFile, changes: Sequence[tuple[Expectation, Mapping[str, str]]]) -> str:
    """Return the text with values of entries replaced, and without the entries that have no new values.

    A comment directly above a removed entry is removed with it, unless it is at the top of the file. A new key becomes
    the last one of its entry. The text after a value on its line remains.
    """
    lines = list(file.lines)
    for entry, values in sorted(changes, key=lambda change: change[0].lines["first"], reverse=True):
        if values:
            for key, value in sorted(values.items(), key=lambda item: -entry.lines.get(item[0], 0)):
                _set(lines, entry, key, value, file.newline)
        else:
            _remove(lines, entry)
    return "".join(lines)


def _set(lines: list[str], entry: Expectation, key: str, value: str, newline: str) -> None:
    number = entry.lines.get(key)
    if number is None:
        last = entry.lines["last"] - 1
        lines[last] = lines[last] if lines[last].endswith("\n") else lines[last] + newline
        lines.insert(last + 1, f"{key} = {value}{newline}")
        return
    line = lines[number - 1]
    content = line.rstrip("\r\n")
    was = str(getattr(entry, key))
    before, equals, after = content.partition("=")
    kept = after.partition(was)[2] if was in after.split("#")[0] else ""
    lines[number - 1] = f"{before}{equals} {value}{kept}{line[len(content) :]}"


def _remove(lines: list[str], entry: Expectation) -> None:
    first, last = entry.lines["first"] - 1, entry.lines["last"]
    top = first
    while top > 0 and lines[top - 1].lstrip().startswith("#"):
        top -= 1
    first = top if top > 0 else first
    if last < len(lines) and not lines[last].strip() and (first == 0 or not lines[first - 1].strip()):
        last += 1
    del lines[first:last]
