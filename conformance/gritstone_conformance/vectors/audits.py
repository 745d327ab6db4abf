"""Audits: bundles of histories, legal and forged, each with what an auditor must find in it.

They test auditors, as vectors test implementations. :func:`judge_audit` holds the suite's own checker against them.

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
"""Where audits are below the directory of vectors; what lies elsewhere there are cases."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One bundle and what is in it.

    Attributes:
        name: ``audit/<topic>/<slug>``.
        rules: the rules it is about, the main one first.
        format: the format of the bundle.
        bundle: the bundle, as base64url.
        finding: check, fault, rule and path of the finding that is named; None for a legal history.
        origin: where it comes from.
        at_rest: whether the runtime was at rest.
        earlier: an earlier bundle of the same store, or None.
        injected: what was injected, or None.
        unverified: how many findings are unverified.
        twin: of a forged history: the legal one that it was made of.
        comment: for people.
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
        """Build an audit from its file form, which fits the schema."""
        injected = value.get("injected")
        members = {**value, "rules": tuple(value["rules"]), "injected": None if injected is None else tuple(injected)}
        return cls(**members)


@dataclass(frozen=True, slots=True)
class AuditFile:
    """One file of audits.

    Attributes:
        path: relative to the vectors' directory, with forward slashes.
        topic: the middle segment of the names of its audits.
        count: how many audits it says it has.
        audits: in the order of the file.
    """

    path: str
    topic: str
    count: int
    audits: tuple[Audit, ...] = field(default=())


def load_audits(root: Path | None = None) -> tuple[AuditFile, ...]:
    """Load all files of audits below a directory of vectors, the bundled one by default, ascending by path.

    Raises:
        DataError: a file is no file of audits.
    """
    base = root or vectors_dir()
    return tuple(_read(path, path.relative_to(base).as_posix()) for path in sorted((base / AUDITS).glob("*.json")))


def judge_audit(audit: Audit) -> str | None:
    """Hold the suite's own checker against an audit; returns what is wrong in one line, or None."""
    verdict, findings = _judge(audit)
    unverified = len(verdict.unverified)
    named = findings[0] if findings else None
    if not _fits(audit.finding, named):
        return f"{audit.name}: expected {audit.finding or 'a legal history'}, found {named or 'nothing'}"
    if unverified != audit.unverified:
        return f"{audit.name}: {unverified} findings are unverified, expected {audit.unverified}"
    return None


def lint_audits(root: Path, book: RuleBook) -> Iterator[str]:
    """Yield what is wrong with the form of the audits below a directory of vectors; not with what they say."""
    seen: set[str] = set()
    for path in sorted((root / AUDITS).glob("*.json")):
        try:
            file = _read(path, path.relative_to(root).as_posix())
        except DataError as problem:
            yield str(problem)
            continue
        if file.path != f"{AUDITS}{file.topic}.json":
            yield f"{file.path}: its topic says it is {AUDITS}{file.topic}.json"
        if file.count != len(file.audits):
            yield f"{file.path}: count says {file.count}, there are {len(file.audits)} audits"
        legal = {audit.name: audit for audit in file.audits if audit.finding is None}
        for audit in file.audits:
            if audit.name in seen:
                yield f"{file.path}: {audit.name}: the name stands twice"
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
            yield f"names {rule}, which is no rule"
    if finding and FAULTS.get(finding["fault"], (None,))[0] != finding["check"]:
        yield f"names the fault {finding['fault']}, which check {finding['check']} does not have"
    twin = legal.get(audit.twin or "")
    if finding and (twin is None or twin.format != audit.format):
        yield f"its twin {audit.twin} is no legal history of this file and format"
