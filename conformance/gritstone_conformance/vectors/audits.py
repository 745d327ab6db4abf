"""Audits: bundles of legal and forged histories, each with the finding that an auditor must report.

They test auditors, as vectors test implementations. :func:`judge_audit` tests the history checker of the suite.

Invariants: names are unique; a forged history names its twin, a legal one of the same file.

Spec: ``harness/vectors``, ``runtime/history``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.base64url import decode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.errors import DataError
from gritstone_conformance.model.bundle import Bundle, scan
from gritstone_conformance.model.continuing import Sent, check_continued, check_sent
from gritstone_conformance.model.findings import FAULTS, Finding, in_order
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.schemas import violation

__all__ = ["AUDITS", "Audit", "AuditFile", "judge_audit", "lint_audits", "load_audits"]

AUDITS: Final = "audit/"
"""The folder of audits in the directory of vectors; files in other folders have cases."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One bundle and its expected finding.

    Attributes:
        name: ``audit/<topic>/<slug>``.
        rules: the rules that it tests, the main one first.
        format: the format of the bundle.
        bundle: the bundle, as base64url.
        finding: check, fault, rule and path of the expected finding; None for a legal history.
        origin: its origin.
        at_rest: whether the runtime was at rest.
        earlier: an earlier bundle of the same store, or None.
        injected: the injected messages, or None.
        unverified: how many findings are unverified.
        twin: the legal history from which a forged history was made, or None.
        comment: text for the reader.
    """

    name: str
    rules: tuple[str, ...]
    format: str
    bundle: str
    finding: dict[str, Json] | None
    origin: dict[str, Json]
    at_rest: bool = False
    earlier: str | None = None
    injected: tuple[dict[str, Json], ...] | None = None
    unverified: int = 0
    twin: str | None = None
    comment: str = ""

    @classmethod
    def from_json(cls, value: dict[str, Json]) -> Audit:
        """Build an audit from its JSON form, which was checked against the schema."""
        injected = value.get("injected")
        members = {**value, "rules": tuple(value["rules"]), "injected": None if injected is None else tuple(injected)}
        return cls(**members)


@dataclass(frozen=True, slots=True)
class AuditFile:
    """One file of audits.

    Attributes:
        path: relative to the directory of vectors, with forward slashes.
        topic: the middle segment of the names of its audits.
        count: the member ``count`` of the file.
        audits: in the order of the file.
    """

    path: str
    topic: str
    count: int
    audits: tuple[Audit, ...] = field(default=())


def load_audits(root: Path | None = None) -> tuple[AuditFile, ...]:
    """Load all files of audits in a directory of vectors, by default the bundled one, ascending by path.

    Raises:
        DataError: a file is not a valid file of audits.
    """
    base = root or vectors_dir()
    return tuple(_read(path, path.relative_to(base).as_posix()) for path in sorted((base / AUDITS).glob("*.json")))


def judge_audit(audit: Audit) -> str | None:
    """Run the history checker on an audit; return the difference to the expected finding in one line, or None."""
    verdict, findings = _judge(audit)
    unverified = len(verdict.unverified)
    named = findings[0] if findings else None
    if not _fits(audit.finding, named):
        return f"{audit.name}: expected {audit.finding or 'a legal history'}, found {named or 'nothing'}"
    if unverified != audit.unverified:
        return f"{audit.name}: {unverified} findings are unverified, expected {audit.unverified}"
    return None


def lint_audits(root: Path, book: RuleBook) -> Iterator[str]:
    """Yield the errors in the structure of the audits in a directory of vectors; expected findings are not checked."""
    seen: set[str] = set()
    for path in sorted((root / AUDITS).glob("*.json")):
        try:
            file = _read(path, path.relative_to(root).as_posix())
        except DataError as problem:
            yield str(problem)
            continue
        if file.path != f"{AUDITS}{file.topic}.json":
            yield f"{file.path}: its topic requires the name {AUDITS}{file.topic}.json"
        if file.count != len(file.audits):
            yield f"{file.path}: count is {file.count}, there are {len(file.audits)} audits"
        legal = {audit.name: audit for audit in file.audits if audit.finding is None}
        for audit in file.audits:
            if audit.name in seen:
                yield f"{file.path}: {audit.name}: the name occurs twice"
            seen.add(audit.name)
            yield from (f"{file.path}: {audit.name}: {found}" for found in _of_audit(audit, file, legal, book))


def _read(path: Path, name: str) -> AuditFile:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(f"{name}: not JSON: {problem}") from problem
    wrong = violation("audits", content)
    if wrong is not None:
        raise DataError(f"{name}: {wrong}")
    audits = tuple(Audit.from_json(each) for each in content["audits"])
    return AuditFile(name, content["topic"], content["count"], audits)


def _judge(audit: Audit) -> tuple[Verdict, list[Finding]]:
    verdict = check_history(_bundle(audit.bundle), at_rest=audit.at_rest)
    if verdict.history is None:
        return verdict, verdict.findings
    more: list[Finding] = []
    if audit.earlier is not None:
        before = check_history(_bundle(audit.earlier)).history
        assert before is not None, "the earlier bundle cannot be read"
        more += check_continued(before, verdict.history)
    if audit.injected is not None:
        more += check_sent(verdict.history, [_sent(each) for each in audit.injected])
    return verdict, in_order([*verdict.findings, *more])


def _bundle(text: str) -> Bundle:
    return scan(decode_bytes(text))


def _sent(injected: dict[str, Json]) -> Sent:
    to, content = bytes.fromhex(injected["to"]), bytes.fromhex(injected["content"])
    message = None if injected["message"] is None else bytes.fromhex(injected["message"])
    return Sent(to, tuple((key, value) for key, value in injected["headers"]), content, injected["mode"], message)


def _fits(expected: dict[str, Json] | None, found: Finding | None) -> bool:
    if expected is None or found is None:
        return expected is None and found is None
    same = (found.check, found.fault, found.rule) == (expected["check"], expected["fault"], expected["rule"])
    return same and f"{found.place.path}/".startswith(f"{expected['path']}/")


def _of_audit(audit: Audit, file: AuditFile, legal: dict[str, Audit], book: RuleBook) -> Iterator[str]:
    if not audit.name.startswith(f"{AUDITS}{file.topic}/"):
        yield f"its name does not begin with {AUDITS}{file.topic}/"
    finding = audit.finding or {}
    for rule in (*audit.rules, *([finding["rule"]] if finding else [])):
        if rule not in book.rules:
            yield f"names {rule}, which is not a rule"
    if finding and FAULTS.get(finding["fault"], (None,))[0] != finding["check"]:
        yield f"names the fault {finding['fault']}, which check {finding['check']} does not have"
    twin = legal.get(audit.twin or "")
    if finding and (twin is None or twin.format != audit.format):
        yield f"its twin {audit.twin} is not a legal history of this file and format"
