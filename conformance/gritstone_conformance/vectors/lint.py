"""The lint of golden vectors: names, counts, flags, rules, twins, edits and the digest.

A finding is one line with the file, the case and the error. The lint does not check the expected answers: it checks
that implementations confirmed them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import DataError
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.scenarios import SCENARIOS, lint_scenarios
from gritstone_conformance.vectors.audits import AUDITS, lint_audits
from gritstone_conformance.vectors.confirmations import CONFIRMED, lint_confirmations
from gritstone_conformance.vectors.edits import apply_edit, edit_bytes, most_edit_bytes, requests_of
from gritstone_conformance.vectors.files import VectorFile, current_digest_text, parse_vector_file

__all__ = ["lint_vectors"]


def lint_vectors(root: Path, book: RuleBook) -> list[str]:
    """Return all findings for the vectors in a directory, file by file; empty if there are none."""
    findings: list[str] = []
    files: list[VectorFile] = []
    for path in sorted(root.rglob("*.json")):
        name = path.relative_to(root).as_posix()
        if name.startswith("schema/"):
            findings += _schema_copy(path, name)
            continue
        if name.startswith((AUDITS, SCENARIOS)):
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
    if (root / CONFIRMED).exists():  # a set of the user has none
        findings += lint_confirmations(root, {name: case for name, (_, case) in cases.items()})
    return [*findings, *lint_audits(root, book), *lint_scenarios(root, book), *_digest_findings(root)]


def _schema_copy(path: Path, name: str) -> Iterator[str]:
    original = spec_dir() / "schemas" / path.name
    if not original.is_file() or original.read_bytes() != path.read_bytes():
        yield f"{name}: differs from spec/schemas/{path.name}"


def _file_findings(file: VectorFile, root: Path) -> Iterator[str]:
    stem = file.path.removesuffix(".json")
    kind = "reject" if stem.endswith(".reject") else "accept"
    place = f"{file.profile}/{file.topic}" + (".reject" if kind == "reject" else "")
    if not stem.startswith(f"{file.profile}/found/") and (stem, kind) != (place, file.kind):
        yield f"{file.path}: profile, topic and kind require the name {place}.json and the kind {kind}"
    if stem.startswith(f"{file.profile}/found/"):
        digests = [case.identity()[:16] for case in file.cases]
        if digests != [stem.rsplit("/", 1)[1]]:
            yield f"{file.path}: expected exactly one case, whose digest is the name of the file"
    content = _count_of(root / file.path)
    if content != len(file.cases):
        yield f"{file.path}: count is {content}, there are {len(file.cases)} cases"
    used = {flag for case in file.cases for flag in case.flags}
    for flag in sorted(used - set(file.flags)):
        yield f"{file.path}: the flag {flag} is used but not defined"
    for flag in sorted(set(file.flags) - used):
        yield f"{file.path}: the flag {flag} is defined but not used"


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
        yield f"the name is also used in {cases[case.name][0].path}"
    before = seen.setdefault(case.identity(), case.name)
    if before != case.name:
        yield f"has the same requests and expected answers as {before}"
    if case.profile != file.profile:
        yield f"is in a file of profile {file.profile}"
    for rule in dict.fromkeys((*case.rules, *(step.rule for step in case.steps if step.rule))):
        if rule not in book.rules:
            yield f"names {rule}, which is not a rule"
    if case.twin is not None:
        yield from _twin_findings(case, cases)


def _twin_findings(case: Case, cases: dict[str, tuple[VectorFile, Case]]) -> Iterator[str]:
    file, twin = cases.get(case.twin or "", (None, None))
    if file is None or twin is None:
        yield f"its twin {case.twin} does not exist"
        return
    if file.kind != "accept":
        yield f"its twin {case.twin} is a reject case"
    if case.requires != twin.requires:
        yield f"its twin {case.twin} has different requirements"
    edit = case.edit or {}
    try:
        made = apply_edit(twin, edit)
        size = edit_bytes(edit)
    except (DataError, ValueError) as problem:
        yield f"edit: {problem}"
        return
    if made != requests_of(case):
        yield f"its edit of {case.twin} does not produce its requests"
    if size > most_edit_bytes(case, edit):
        yield f"its edit has {size} bytes, the limit is {most_edit_bytes(case, edit)}"
    if requests_of(twin) == requests_of(case):
        yield f"has the same requests as its twin {case.twin}"


def _digest_findings(root: Path) -> list[str]:
    try:
        written = (root / "DIGEST").read_text(encoding="utf-8")
    except OSError as problem:
        return [f"DIGEST: {problem.strerror or problem}"]
    if written == current_digest_text(root):
        return []
    return ["DIGEST: outdated; run `gritstone vectors --digest --write`"]
