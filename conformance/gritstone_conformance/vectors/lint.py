"""The lint of golden vectors: everything that a file cannot be trusted to get right by itself.

One finding is one line: file, case, what is wrong. The lint does not judge the values: an implementation
and a third reading confirm them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import DataError
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.vectors.audits import AUDITS, lint_audits
from gritstone_conformance.vectors.edits import apply_edit, edit_bytes, most_edit_bytes, requests_of
from gritstone_conformance.vectors.files import VectorFile, current_digest_text, parse_vector_file

__all__ = ["lint_vectors"]


def lint_vectors(root: Path, book: RuleBook) -> list[str]:
    """Return all findings for the vectors below a directory, file by file; empty when all is well."""
    findings: list[str] = []
    files: list[VectorFile] = []
    for path in sorted(root.rglob("*.json")):
        name = path.relative_to(root).as_posix()
        if name.startswith("schema/"):
            findings += _schema_copy(path, name)
            continue
        if name.startswith(AUDITS):
            continue
        try:
            files.append(parse_vector_file(path.read_bytes(), name, check_schema=True))
        except DataError as problem:
            findings.append(str(problem))
    cases = {case.name: (file, case) for file in files for case in file.cases}
    seen: dict[str, str] = {}
    for file in files:
        findings += _file_findings(file, root)
        for case in file.cases:
            findings += [
                f"{file.path}: {case.name}: {found}" for found in _case_findings(file, case, book, cases, seen)
            ]
    return [*findings, *lint_audits(root, book), *_digest_findings(root)]


def _schema_copy(path: Path, name: str) -> Iterator[str]:
    original = spec_dir() / "schemas" / path.name
    if not original.is_file() or original.read_bytes() != path.read_bytes():
        yield f"{name}: differs from spec/schemas/{path.name}"


def _file_findings(file: VectorFile, root: Path) -> Iterator[str]:
    stem = file.path.removesuffix(".json")
    kind = "reject" if stem.endswith(".reject") else "accept"
    place = f"{file.profile}/{file.topic}" + (".reject" if kind == "reject" else "")
    if not stem.startswith(f"{file.profile}/found/") and (stem, kind) != (place, file.kind):
        yield f"{file.path}: profile, topic and kind say it is {place}.json, of kind {kind}"
    if stem.startswith(f"{file.profile}/found/"):
        digests = [case.identity()[:16] for case in file.cases]
        if digests != [stem.rsplit("/", 1)[1]]:
            yield f"{file.path}: holds not exactly the one case that its name is the digest of"
    content = _count_of(root / file.path)
    if content != len(file.cases):
        yield f"{file.path}: count says {content}, there are {len(file.cases)} cases"
    used = {flag for case in file.cases for flag in case.flags}
    for flag in sorted(used - set(file.flags)):
        yield f"{file.path}: the flag {flag} is used and not explained"
    for flag in sorted(set(file.flags) - used):
        yield f"{file.path}: the flag {flag} is explained and not used"


def _count_of(path: Path) -> object:
    return json.loads(path.read_bytes()).get("count")


def _case_findings(
    file: VectorFile,
    case: Case,
    book: RuleBook,
    cases: dict[str, tuple[VectorFile, Case]],
    seen: dict[str, str],
) -> Iterator[str]:
    if cases[case.name][1] is not case:
        yield f"the name stands in {cases[case.name][0].path} as well"
    before = seen.setdefault(case.identity(), case.name)
    if before != case.name:
        yield f"asks and expects the same as {before}"
    if case.profile != file.profile:
        yield f"stands in a file of profile {file.profile}"
    for rule in dict.fromkeys((*case.rules, *(step.rule for step in case.steps if step.rule))):
        if rule not in book.rules:
            yield f"names {rule}, which is no rule"
    if case.twin is not None:
        yield from _twin_findings(case, cases)


def _twin_findings(case: Case, cases: dict[str, tuple[VectorFile, Case]]) -> Iterator[str]:
    file, twin = cases.get(case.twin or "", (None, None))
    if file is None or twin is None:
        yield f"its twin {case.twin} does not exist"
        return
    if file.kind != "accept":
        yield f"its twin {case.twin} is a reject itself"
    if case.requires != twin.requires:
        yield f"its twin {case.twin} requires something else"
    edit = case.edit or {}
    try:
        made = apply_edit(twin, edit)
        size = edit_bytes(edit)
    except (DataError, ValueError) as problem:
        yield f"edit: {problem}"
        return
    if made != requests_of(case):
        yield f"its edit does not make it of {case.twin}"
    if size > most_edit_bytes(case, edit):
        yield f"its edit has {size} bytes, allowed are {most_edit_bytes(case, edit)}"
    if requests_of(twin) == requests_of(case):
        yield f"asks the same as its twin {case.twin}"


def _digest_findings(root: Path) -> list[str]:
    try:
        written = (root / "DIGEST").read_text(encoding="utf-8")
    except OSError as problem:
        return [f"DIGEST: {problem.strerror or problem}"]
    if written == current_digest_text(root):
        return []
    return ["DIGEST: stale; `gritstone vectors --digest --write` renews it"]
