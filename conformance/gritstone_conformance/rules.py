"""The rules of the spec, as the suite reads them.

A rule is a ``.. rule::`` directive in ``spec/**/*.rst``. ``scan_rules`` reads these sources and exports them to
``spec/rules.json``, which a run loads, so that an implementer needs no documentation tool. ``versions/<v>.txt`` freezes
the required rules of a spec version and the digest of each text.

Run as a module it keeps the three consistent: ``--check`` reports stale files, ``--write`` exports the rules, and
``--freeze`` writes a new version list (a frozen list is final and never overwritten).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gritstone_conformance import SPEC_VERSION
from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import DataError, SuiteError
from gritstone_conformance.files import write_file
from gritstone_conformance.replies import Json

__all__ = [
    "Rule",
    "RuleBook",
    "drifted",
    "export_rules",
    "freeze_version",
    "load_rules",
    "scan_rules",
    "text_digest",
]

LEVELS: Final = ("MUST", "SHOULD", "MAY")
_ID: Final = re.compile(r"[a-z]+(\.[a-z][a-z0-9-]*){2}")
_START: Final = re.compile(r"\.\. rule:: *(\S*) *$")
_DATED: Final = re.compile(r".+ \([0-9]{4}-[0-9]{2}-[0-9]{2}\)")
_OPTION: Final = re.compile(r" {3}:([a-z]+): *(.*)$")


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement.

    Attributes:
        id: stable name, ``<profile>.<topic>.<slug>``.
        level: MUST, SHOULD or MAY.
        since: the spec version that introduced it.
        needs: features and formats; the rule binds only implementations that claim all of them.
        text: the normative text, with white space folded.
        digest: SHA-256 (hex) of the text.
        chapter: its source file below ``spec/``, without suffix.
        untested: the reason why no case judges it, or None.
        unproven: the reason why no mutant shows that the suite detects a violation, with a date; or None.
    """

    id: str
    level: str
    since: str
    needs: tuple[str, ...]
    text: str
    digest: str
    chapter: str
    untested: str | None = None
    unproven: str | None = None

    @property
    def profile(self) -> str:
        """The first segment of the id."""
        return self.id.split(".", 1)[0]

    def to_json(self) -> dict[str, Json]:
        """Return the form of the rule in ``rules.json``."""
        return {name: list(value) if name == "needs" else value for name, value in self._members()}

    def _members(self) -> Iterator[tuple[str, Json]]:
        return ((name, getattr(self, name)) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a spec, and which of them each version requires.

    Attributes:
        spec: the spec version to judge by; the newest by default.
        rules: id to rule, ascending by id.
        versions: version to (id, level, digest16) triples.
        digest: SHA-256 (hex) of ``rules.json``.
    """

    spec: str
    rules: Mapping[str, Rule]
    versions: Mapping[str, tuple[tuple[str, str, str], ...]]
    digest: str

    def judging(self, spec: str) -> RuleBook:
        """Return the same rules for judging by another version of the spec."""
        return replace(self, spec=spec)

    def scores(self, rule_id: str) -> bool:
        """Return whether a rule counts for or against a claim: in a frozen version, only the rules of its list do.

        Spec: :rule:`suite.rules.frozen`.
        """
        return self.spec not in self.versions or any(rule_id == listed for listed, _, _ in self.versions[self.spec])

    def musts(self, profile: str) -> tuple[str, ...]:
        """Return the MUST rules of a profile that count for a claim, ascending, regardless of what is claimed."""
        return tuple(
            rule.id
            for rule in self.rules.values()
            if rule.profile == profile and rule.level == "MUST" and self.scores(rule.id)
        )

    def required(self, profile: str, claims: Iterable[str] = (), *, level: str = "MUST") -> tuple[str, ...]:
        """Return the ids of the rules of this level that bind an implementation claiming ``profile``, ascending.

        Args:
            profile: the first segment of the ids.
            claims: the claimed features *and formats*; a rule's ``needs`` may name either.
            level: MUST, SHOULD or MAY.

        In a frozen spec version only the rules of its list count: newer rules run unscored. A rule that
        no case judges is not among them.
        """
        claimed = set(claims)
        return tuple(
            rule.id
            for rule in self.rules.values()
            if rule.profile == profile
            and rule.level == level
            and rule.untested is None
            and claimed.issuperset(rule.needs)
            and self.scores(rule.id)
        )


def text_digest(text: str) -> str:
    """Return the SHA-256 (hex) of a rule text with its white space folded to single blanks."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def scan_rules(spec: Path) -> tuple[Rule, ...]:
    """Read every rule directive below ``spec``, ascending by id.

    Raises:
        DataError: a directive is invalid or an id is duplicate; names the file and the line.
    """
    rules: dict[str, Rule] = {}
    for source in sorted(spec.rglob("*.rst")):
        chapter = source.relative_to(spec).with_suffix("").as_posix()
        for rule in _scan_chapter(source.read_text(encoding="utf-8").splitlines(), chapter):
            if rule.id in rules:
                raise DataError(f"{chapter}: duplicate rule {rule.id}, also in {rules[rule.id].chapter}")
            rules[rule.id] = rule
    return tuple(rules[rule_id] for rule_id in sorted(rules))


def _scan_chapter(lines: list[str], chapter: str) -> Iterator[Rule]:
    number = 0
    while number < len(lines):
        start = _START.match(lines[number])
        number += 1
        if start is None:
            continue
        where = f"{chapter}.rst:{number}"
        options: dict[str, str] = {}
        while number < len(lines) and (option := _OPTION.match(lines[number])):
            options[option[1]] = option[2].strip()
            number += 1
        body: list[str] = []
        while number < len(lines) and (not lines[number].strip() or lines[number].startswith("   ")):
            body.append(lines[number])
            number += 1
        yield _make_rule(start[1], options, "\n".join(body).strip(), chapter, where)


def _make_rule(rule_id: str, options: dict[str, str], text: str, chapter: str, where: str) -> Rule:
    if not _ID.fullmatch(rule_id):
        raise DataError(f"{where}: invalid rule id {rule_id!r}, expected profile.topic.slug")
    unknown = set(options) - {"level", "since", "needs", "untested", "unproven"}
    if unknown or options.get("level") not in LEVELS or "since" not in options:
        raise DataError(
            f"{where}: rule {rule_id}: expected :level: ({', '.join(LEVELS)}), :since: and known options only"
        )
    if "unproven" in options and not _DATED.fullmatch(options["unproven"]):
        raise DataError(f"{where}: :unproven: of {rule_id} requires a reason and a date, as in `why (2026-01-31)`")
    if not text or re.search(r"\n\s*\n", text):
        raise DataError(f"{where}: rule {rule_id} must contain exactly one paragraph")
    if options["level"] not in text:
        raise DataError(f"{where}: the text of {rule_id} does not contain {options['level']}")
    return Rule(
        id=rule_id,
        level=options["level"],
        since=options["since"],
        needs=tuple(options.get("needs", "").split()),
        text=" ".join(text.split()),
        digest=text_digest(text),
        chapter=chapter,
        untested=options.get("untested"),
        unproven=options.get("unproven"),
    )


def load_rules(spec: Path | None = None) -> RuleBook:
    """Load ``rules.json`` and the frozen version lists.

    Args:
        spec: the directory; default: the bundled one.

    Raises:
        DataError: a file is missing or invalid.
    """
    root = spec or spec_dir()
    path = root / "rules.json"
    try:
        raw = path.read_bytes()
        members = json.loads(raw)
        rules = [Rule(**{**rule, "needs": tuple(rule["needs"])}) for rule in members["rules"]]
        spec_version = members["spec"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise DataError(f"{path}: invalid rule file: {problem}") from problem
    versions = {file.stem: tuple(_version_lines(file)) for file in sorted((root / "versions").glob("*.txt"))}
    return RuleBook(spec_version, {rule.id: rule for rule in rules}, versions, hashlib.sha256(raw).hexdigest())


def _version_lines(file: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split()
        if len(fields) != 3:
            raise DataError(f"{file}:{number}: expected `id level digest16`, got {line!r}")
        yield fields[0], fields[1], fields[2]


def drifted(book: RuleBook) -> tuple[str, ...]:
    """Return one line per frozen rule that is missing, or whose level or text changed under the same id."""
    found = []
    for version, triples in book.versions.items():
        for rule_id, level, digest16 in triples:
            rule = book.rules.get(rule_id)
            if rule is None:
                found.append(f"{version}: {rule_id} is missing; a frozen rule must stay")
            elif (rule.level, rule.digest[:16]) != (level, digest16):
                found.append(f"{version}: {rule_id} changed its text or level; a changed meaning needs a new id")
    return tuple(found)


def export_rules(rules: Iterable[Rule]) -> str:
    """Return the text of ``rules.json`` for these rules."""
    members = {"spec": SPEC_VERSION, "rules": [rule.to_json() for rule in rules]}
    return json.dumps(members, indent=1, ensure_ascii=False) + "\n"


def freeze_version(rules: Iterable[Rule]) -> str:
    """Return the text of a version list for these rules."""
    return "".join(f"{rule.id} {rule.level} {rule.digest[:16]}\n" for rule in rules)


def main(argv: list[str] | None = None) -> int:
    """Check or write the exported rules; returns the exit code (0 current, 1 stale, 4 unreadable)."""
    parser = argparse.ArgumentParser(
        prog="python -m gritstone_conformance.rules", description="Check or write rules.json."
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit 1 if rules.json is stale or a frozen rule changed")
    action.add_argument("--write", action="store_true", help="export the rules of the spec text to rules.json")
    action.add_argument("--freeze", action="store_true", help=f"write versions/{SPEC_VERSION}.txt unless it exists")
    options = parser.parse_args(argv)
    try:
        return _keep(options)
    except SuiteError as problem:
        print(f"rules: {problem}", file=sys.stderr)
        return 4


def _keep(options: argparse.Namespace) -> int:
    root = spec_dir()
    rules = scan_rules(root)
    exported, frozen = root / "rules.json", root / "versions" / f"{SPEC_VERSION}.txt"
    if options.write:
        write_file(exported, export_rules(rules))
    if options.freeze:
        if frozen.exists():
            raise DataError(f"{frozen.name} exists and is final; a new list requires a new spec version")
        write_file(frozen, freeze_version(rules), replace=False)
    if not exported.exists() or exported.read_text(encoding="utf-8") != export_rules(rules):
        print("rules: rules.json is stale: run `python -m gritstone_conformance.rules --write`", file=sys.stderr)
        return 1
    stale = drifted(load_rules(root))
    for line in stale:
        print(f"rules: {line}", file=sys.stderr)
    print(f"rules: {len(rules)} rules, {len(stale)} frozen rules changed")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
