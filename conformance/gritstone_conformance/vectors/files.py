"""Golden vectors: files of cases, and the digest of the complete set.

This module reads ``<profile>/<topic>.json``, ``<topic>.reject.json`` and ``<profile>/found/<16 hex>.json``; ``audits``
reads ``audit/``, and ``scenarios`` reads ``model/``. A file of the user is checked against its schema. For the bundled
set, only its ``DIGEST`` is checked; ``lint`` checks its content.

Invariants: names are unique in a set (``plan`` and ``lint`` check that identities are, too); ``DIGEST`` has one
``sha256sum`` line per file, sorted by path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.replies import Json
from gritstone_conformance.scenarios import SCENARIOS
from gritstone_conformance.schemas import violation
from gritstone_conformance.vectors.audits import AUDITS

__all__ = [
    "VectorFile",
    "VectorSet",
    "current_digest_text",
    "digest_text",
    "load_vectors",
    "parse_vector_file",
    "read_vector_file",
]

VECTORS_SCHEMA = "urn:gritstone:schema:0.6:vectors"


@dataclass(frozen=True, slots=True)
class VectorFile:
    """One file of cases.

    Attributes:
        path: relative to the directory of vectors, with forward slashes; or the path from the user.
        spec: the version of the spec that it was made for.
        profile: the profile of all its cases.
        topic: the middle segment of the names of its cases.
        kind: ``accept`` or ``reject``.
        flags: the meaning of each flag of its cases: note, effect, bug.
        cases: in the order of the file.
    """

    path: str
    spec: str
    profile: str
    topic: str
    kind: str
    flags: dict[str, Json]
    cases: tuple[Case, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the content of the file."""
        return {
            "$schema": VECTORS_SCHEMA,
            "spec": self.spec,
            "profile": self.profile,
            "topic": self.topic,
            "kind": self.kind,
            "count": len(self.cases),
            "flags": self.flags,
            "cases": [case.to_json() for case in self.cases],
        }

    def to_text(self) -> str:
        """Return the text of the file: two-space indent, one final line feed."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class VectorSet:
    """All vectors of a directory.

    Attributes:
        files: ascending by path.
        digest: the vectors digest: SHA-256 (hex) of the text of ``DIGEST``.
    """

    files: tuple[VectorFile, ...] = field(repr=False)
    digest: str

    def cases(self) -> Iterator[Case]:
        """Yield every case, file by file."""
        for file in self.files:
            yield from file.cases

    def by_name(self) -> Mapping[str, Case]:
        """Return the cases by their names."""
        return {case.name: case for case in self.cases()}


def load_vectors(root: Path | None = None, *, check_digest: bool = True) -> VectorSet:
    """Load all vector files below a directory.

    Args:
        root: the directory; default: the bundled one.
        check_digest: whether to reject a set whose files are not those in its ``DIGEST``.

    Raises:
        DataError: a file is not a valid vector file, ``DIGEST`` is missing or outdated, or a name occurs twice.
    """
    base = root or vectors_dir()
    contents = _contents(base)
    text = digest_text(contents)
    if check_digest:
        _check_digest(base, text)
    cases = {path: raw for path, raw in contents.items() if not path.startswith((AUDITS, SCENARIOS))}
    files = tuple(_parsed(path, _parse_json(raw, path, unique=not check_digest)) for path, raw in cases.items())
    _check_names(files)
    return VectorSet(files, hashlib.sha256(text.encode()).hexdigest())


def read_vector_file(path: Path) -> VectorFile:
    """Read one vector file of the user.

    Raises:
        UsageError: it cannot be read.
        DataError: it is not JSON, or not a valid vector file; the message has the place and the reason.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem
    return parse_vector_file(raw, str(path), check_schema=True)


def parse_vector_file(raw: bytes, path: str, *, check_schema: bool) -> VectorFile:
    """Build a vector file from its bytes.

    Args:
        raw: the content.
        path: its name in error messages.
        check_schema: whether to check it against the schema first.

    Raises:
        DataError: it is not JSON, or not a valid vector file.
    """
    content = _parse_json(raw, path, unique=True)
    wrong = violation("vectors", content) if check_schema else None
    if wrong is not None:
        raise DataError(f"{path}: {wrong}")
    return _parsed(path, content)


def _parsed(path: str, content: Any) -> VectorFile:
    try:
        members = {name: content[name] for name in ("spec", "profile", "topic", "kind", "flags")}
        cases = tuple(Case.from_json(case) for case in content["cases"])
    except (KeyError, TypeError, AttributeError) as problem:
        raise DataError(f"{path}: not a vector file: {problem!r}") from problem
    except DataError as problem:
        raise DataError(f"{path}: {problem}") from problem
    return VectorFile(path=path, cases=cases, **members)


def digest_text(contents: Mapping[str, bytes]) -> str:
    """Return the text of ``DIGEST`` for files by path: the lines that ``sha256sum`` writes, ascending by path."""
    lines = (f"{hashlib.sha256(contents[path]).hexdigest()}  {path}\n" for path in sorted(contents))
    return "".join(lines)


def current_digest_text(root: Path) -> str:
    """Return the text of ``DIGEST`` for the present files."""
    return digest_text(_contents(root))


def _contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of all vector files by path, without the schemas in ``schema/``."""
    if not root.is_dir():
        raise DataError(f"{root}: not a directory of vectors")
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.json"))
    return {path: (root / path).read_bytes() for path in paths if not path.startswith("schema/")}


def _check_digest(root: Path, text: str) -> None:
    try:
        written = (root / "DIGEST").read_text(encoding="utf-8")
    except OSError as problem:
        raise DataError(f"{root / 'DIGEST'}: {problem.strerror or problem}") from problem
    if written == text:
        return
    listed, there = set(written.splitlines()), set(text.splitlines())
    changed = sorted({line.split("  ", 1)[-1] for line in listed ^ there}) or ["the order of its lines"]
    raise DataError(f"{root / 'DIGEST'}: outdated for {changed[0]}: run `gritstone vectors --digest --write`")


def _check_names(files: tuple[VectorFile, ...]) -> None:
    names: dict[str, str] = {}
    for file in files:
        for case in file.cases:
            if case.name in names:
                raise DataError(f"{file.path}: the name {case.name} is already used in {names[case.name]}")
            names[case.name] = file.path


def _parse_json(raw: bytes, path: str, *, unique: bool) -> Any:
    """Parse a file; if ``unique``, reject repeated members, which is checked before a file is added to ``DIGEST``."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique_members if unique else None)
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON: {problem}") from problem


def _unique_members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice in one object")
    return members
