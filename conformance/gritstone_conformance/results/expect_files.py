"""Files of expected failures: TOML, written by the implementer, read strictly.

Checks the form of a file and finds the lines of each entry; every fault raises a UsageError of one line with the line
number. CRLF is accepted like LF. A byte order mark is rejected: few TOML readers accept one.

Spec: :rule:`suite.expect.strict`; the form is that of ``expect.schema.json``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from gritstone_conformance.errors import UsageError
from gritstone_conformance.results.expectations import KINDS, Expectation, Expectations, is_glob
from gritstone_conformance.text import printable

__all__ = ["LARGEST_BYTES", "NEVER", "ExpectFile", "expectations_of", "parse_expectations", "read_expectations"]

LARGEST_BYTES: Final = 1 << 20

_TEXTS: Final = ("case", "rule", "signature", "kind", "reason", "issue")
_KEYS: Final = frozenset({*_TEXTS, "expires", "matches"})
_NEEDED: Final = ("signature", "kind", "reason")
_MOST: Final = 1_000_000
NEVER: Final = ("not-run", "not-started", "suite")
"""Causes that give no information about a case, and so cannot be expected."""

_QUOTED_OR_NOTED: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:[^"\\\r\n]|\\.)*"'
    r"|'[^'\r\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_HEADER: Final = re.compile(r"[ \t]*\[\[[ \t]*expect[ \t]*\]\]")
_KEY: Final = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*=")


@dataclass(frozen=True, slots=True)
class ExpectFile:
    """A parsed file: its entries, and its text, line by line.

    Attributes:
        path: where it is.
        expectations: its entries.
        lines: its text, each with its end of line.
    """

    path: Path
    expectations: Expectations
    lines: tuple[str, ...]

    @property
    def newline(self) -> str:
        """The end of line that it uses."""
        return "\r\n" if self.lines and self.lines[0].endswith("\r\n") else "\n"


def read_expectations(path: Path) -> ExpectFile:
    """Read a file of expected failures.

    Raises:
        UsageError: it cannot be read, or is invalid; with the line number.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem
    return parse_expectations(path, raw)


def expectations_of(path: Path | None) -> Expectations | None:
    """Return the entries of the file that an option names, or None without one; raises UsageError."""
    return None if path is None else read_expectations(path).expectations


def parse_expectations(path: Path, raw: bytes) -> ExpectFile:
    """Parse the bytes of a file; raises UsageError like :func:`read_expectations`."""
    if len(raw) > LARGEST_BYTES:
        raise UsageError(f"{path}: the file is too large: expected at most {LARGEST_BYTES} bytes")
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{path}:1: begins with a byte order mark; save it as UTF-8 without one")
    try:
        text = raw.decode()
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise UsageError(f"{path}:{line}: byte 0x{raw[problem.start]:02x} is not UTF-8") from problem
    try:
        members = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        found = re.search(r"at line (\d+)", str(problem))
        line = int(found[1]) if found else text.count("\n") + 1
        raise UsageError(f"{path}:{line}: invalid TOML: {printable(str(problem))}") from problem
    entries = tuple(_entries(path, members, _masked(text)))
    made = Expectations(str(path), hashlib.sha256(raw).hexdigest(), entries)
    return ExpectFile(path, made, tuple(_lines(text)))


def _lines(text: str) -> list[str]:
    """Return the lines of a text, split at LF, the only line end in TOML."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _masked(text: str) -> list[str]:
    """Return the lines without comments and with quoted text overwritten, so that keys can be recognized."""

    def mask(match: re.Match[str]) -> str:
        found = match.group()
        return "" if found.startswith("#") else re.sub(r"[^\n]", "x", found)

    return _QUOTED_OR_NOTED.sub(mask, text).split("\n")


def _entries(path: Path, members: Mapping[str, Any], lines: list[str]) -> Iterator[Expectation]:
    for name in members:
        if name != "expect":
            line = next((n for n, text in enumerate(lines, 1) if re.match(rf"[\s\[]*{re.escape(name)}\b", text)), 1)
            raise UsageError(f"{path}:{line}: unknown key {printable(name)!r}; entries are [[expect]] tables")
    found = members.get("expect", [])
    places = _places(lines)
    if not isinstance(found, list) or len(found) != len(places):
        raise UsageError(f"{path}:{places[0]['first'] if places else 1}: each entry must be a table [[expect]]")
    for entry, place in zip(found, places, strict=True):
        yield _Reader(path, entry, place).expectation()


def _places(lines: list[str]) -> list[dict[str, int]]:
    """Return the line numbers of each entry: the first, the last, and that of each key."""
    places: list[dict[str, int]] = []
    for number, line in enumerate(lines, 1):
        if _HEADER.match(line):
            places.append({"first": number, "last": number})
        elif places and line.strip():
            places[-1]["last"] = number
            key = _KEY.match(line)
            if key is not None:
                places[-1].setdefault(key[1], number)
    return places


class _Reader:
    """Checks one entry, key by key, and reports the first fault."""

    def __init__(self, path: Path, entry: Mapping[str, Any], place: Mapping[str, int]) -> None:
        self._path = path
        self._entry = entry
        self._place = place

    def expectation(self) -> Expectation:
        for key in self._entry:
            if key not in _KEYS:
                self._refuse(key, f"unknown key {printable(key)!r}; expected one of {', '.join(sorted(_KEYS))}")
        for key in _TEXTS:
            if key in self._entry and not (isinstance(self._entry[key], str) and self._entry[key].strip()):
                self._refuse(key, f"{key} must be a text that is not empty")
        for key in _NEEDED:
            if key not in self._entry:
                self._refuse("first", f"the entry has no {key}")
        if ("case" in self._entry) == ("rule" in self._entry):
            self._refuse("first", "an entry must have exactly one of case and rule")
        self._check_signature()
        self._check_kind()
        members = {**self._entry, "expires": self._expires(), "matches": self._matches()}
        return Expectation(**members, lines=self._place)

    def _check_signature(self) -> None:
        if self._entry["signature"] in NEVER:
            self._refuse(
                "signature", f"signature {self._entry['signature']} does not describe a case; it is invalid here"
            )

    def _check_kind(self) -> None:
        kind, issue = self._entry["kind"], self._entry.get("issue")
        if kind not in KINDS:
            self._refuse("kind", f"kind is {printable(kind)!r}, not one of {', '.join(KINDS)}")
        if issue is not None and not re.fullmatch(r"https?://[^\s/]\S*", issue):
            self._refuse("issue", "issue must be a URL that begins with https:// or http://")
        if kind == "suite-dispute" and issue is None:
            self._refuse("first", "a suite-dispute requires issue, the URL of the discussion")
        if kind == "bug" and "expires" not in self._entry:
            self._refuse("first", "a bug requires its last day, expires = YYYY-MM-DD")

    def _expires(self) -> str | None:
        value = self._entry.get("expires")
        if value is None:
            return None
        if not isinstance(value, date) or isinstance(value, datetime):
            self._refuse("expires", "expires must be a day without quotes and time, expires = YYYY-MM-DD")
        return value.isoformat()

    def _matches(self) -> int | None:
        value, name = self._entry.get("matches"), self._entry.get("case")
        if value is None:
            if name is None or is_glob(name):
                self._refuse("first", "an entry with a rule or a glob requires matches, the number of cases")
            return None
        if type(value) is not int or not 1 <= value <= _MOST:
            self._refuse("matches", f"matches must be a number from 1 to {_MOST}")
        if name is not None and not is_glob(name) and value != 1:
            self._refuse("matches", "matches must be 1 if case is the name of one case")
        return value

    def _refuse(self, key: str, words: str) -> NoReturn:
        raise UsageError(f"{self._path}:{self._place.get(key, self._place['first'])}: {words}")
