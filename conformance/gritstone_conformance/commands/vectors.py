"""``gritstone vectors``: list, check, export and add golden vectors; check the history checker with ``audit/``."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.results.report import read_report
from gritstone_conformance.rules import RuleBook, load_rules
from gritstone_conformance.running.found_cases import file_of
from gritstone_conformance.text import counted
from gritstone_conformance.vectors.audits import judge_audit, load_audits
from gritstone_conformance.vectors.confirmations import CONFIRMED, confirmations_text
from gritstone_conformance.vectors.edits import edit_between, edit_bytes, most_edit_bytes
from gritstone_conformance.vectors.files import VectorSet, current_digest_text, load_vectors, read_vector_file
from gritstone_conformance.vectors.lint import lint_vectors

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone vectors``; return the exit code."""
    root = options.root or vectors_dir()
    if not root.is_dir():
        raise UsageError(f"{root}: not a directory of vectors")
    if options.write and not options.digest:
        raise UsageError("--write requires --digest")
    if options.path:
        print(root)
    elif options.lint:
        return _lint(root)
    elif options.audits:
        return _audits(root)
    elif options.digest:
        _digest(root, write=options.write)
    elif options.confirm:
        text = confirmations_text(load_vectors(root), map(read_report, options.confirm))
        write_file(root / CONFIRMED, text)
    elif options.export is not None:
        _export(load_vectors(root), options.export)
    elif options.add is not None:
        _add(options, root)
    else:
        _list(load_vectors(root), root)
    return 0


def _list(vectors: VectorSet, root: Path) -> None:
    for audits in load_audits(root):
        print(f"{audits.path}  audit  {len(audits.audits)} audits")
    for file in vectors.files:
        print(f"{file.path}  {file.kind}  {len(file.cases)} cases")
    print(f"{sum(len(file.cases) for file in vectors.files)} cases · vectors {vectors.digest}")


def _lint(root: Path) -> int:
    findings = lint_vectors(root, load_rules())
    for finding in findings:
        print(finding)
    print(f"vectors: {counted(len(findings), 'problem')} in {root}")
    return 4 if findings else 0


def _audits(root: Path) -> int:
    audits = [audit for file in load_audits(root) for audit in file.audits]
    wrong = [words for audit in audits if (words := judge_audit(audit)) is not None]
    for words in wrong:
        print(words)
    print(f"audits: {len(audits)} judged, {len(wrong)} with an unexpected result")
    return 4 if wrong else 0


def _digest(root: Path, *, write: bool) -> None:
    text = current_digest_text(root)
    if write:
        write_file(root / "DIGEST", text)
    print(hashlib.sha256(text.encode()).hexdigest())


def _export(vectors: VectorSet, target: Path) -> None:
    """Write all cases to one file, one case per line, with its digest."""
    lines = (
        json.dumps({"digest": case.identity(), "kind": file.kind, **case.to_json()}, ensure_ascii=False) + "\n"
        for file in vectors.files
        for case in file.cases
    )
    write_file(target, "".join(lines))


def _add(options: argparse.Namespace, root: Path) -> None:
    """Add a found case to ``<profile>/found/`` and update ``DIGEST``."""
    book, vectors = load_rules(), load_vectors(root)
    given = read_vector_file(options.add)
    if len(given.cases) != 1:
        raise UsageError(f"{options.add}: expected one case, got {len(given.cases)}")
    case = given.cases[0]
    if case.judge != "exact":
        raise UsageError(f"{options.add}: its lines alone do not show the fault; it cannot be a vector")
    rules = _rules(options.rules, case, book)
    comment = _comment(options.comment)
    case = replace(case, rules=rules, comment=comment, flags=(), origin={**case.origin, "by": "regression"})
    file = file_of(_with_twin(case, options.twin, vectors))
    _check_new(case, vectors)
    target = root / case.profile / "found" / file.path
    write_file(target, file.to_text())
    _digest(root, write=True)
    print(f"{target.relative_to(root)}: {case.name}")


def _rules(given: str | None, case: Case, book: RuleBook) -> tuple[str, ...]:
    text = given if given is not None else _asked(f"rules, the main one first [{','.join(case.rules)}]: ", "--rules")
    rules = tuple(re.split(r"[,\s]+", text.strip())) if text.strip() else case.rules
    for rule in rules:
        if rule not in book.rules:
            raise UsageError(f"unknown rule {rule}: expected a rule of spec {book.spec}")
    return rules


def _comment(given: str | None) -> str:
    text = (given if given is not None else _asked("comment, a description of the case: ", "--comment")).strip()
    if not text:
        raise UsageError("the comment is empty: a vector requires a description")
    return text


def _asked(question: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"{option} is required if there is no terminal for input")
    return input(question)


def _with_twin(case: Case, name: str | None, vectors: VectorSet) -> Case:
    """Return the case with the twin and the edit that a case whose every reply is a refusal requires."""
    if name is None:
        if case.twin is None and all("refused" in step.expect for step in case.steps):
            raise UsageError("every reply is a refusal: --twin requires the name of an accepted vector one edit away")
        return case
    twin = vectors.by_name().get(name)
    if twin is None:
        raise UsageError(f"--twin {name}: unknown vector")
    try:
        edit = edit_between(twin, case)
    except DataError as problem:
        raise UsageError(f"--twin {name}: {problem}") from problem
    allowed = most_edit_bytes(case, edit)
    if edit_bytes(edit) > allowed:
        raise UsageError(f"--twin {name}: the edit has {edit_bytes(edit)} bytes, expected at most {allowed}")
    return replace(case, twin=name, edit=edit)


def _check_new(case: Case, vectors: VectorSet) -> None:
    identity = case.identity()
    for other in vectors.cases():
        if other.name == case.name or other.identity() == identity:
            raise UsageError(f"{other.name} is a vector with the same name or steps")
