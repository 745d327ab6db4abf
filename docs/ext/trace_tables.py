"""Sphinx: from rule to case, to mutant, to verdict.

``rule-table`` has a row for each rule of a profile, ``trace-numbers`` counts them, ``trace-implementations`` says whose
verdicts they are, ``trace-excluded`` lists the rules that no mutant proves, with the reason, and ``trace-crossings``
counts the covered pairs of states. All of it is made from what the suite itself reads: the rules, its plan, its
catalogue of mutants, the tables of crossings, and the verdict files in ``docs/verdicts``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gritstone_conformance.attachment.claims import PROFILES
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.reporting.mutants import mutants_by_rule
from gritstone_conformance.reporting.verdict_files import load_verdicts
from gritstone_conformance.rules import Rule, load_rules
from gritstone_conformance.strategies.crossings.rows import rows_of, uncovered
from gritstone_conformance.strategies.crossings.table import load_tables
from selftests.mutants.marks import proofs_by_rule

_SHOWN: Final = 3  # names of cases or mutants in a row
_VERDICTS: Final = Path(__file__).resolve().parents[1] / "verdicts"
_ORDER: Final = ("reference", "javascript", "go")
_SAID: Final = {"skip": "not tested"}
_NONE: Final = "—"


@cache
def cases_by_rule() -> dict[str, tuple[str, ...]]:
    """Return, per rule id, the names of the cases that the suite plans for it, ascending; the selftests of its own."""
    found: dict[str, list[str]] = {}
    for item in plan_run(load_data(), Selection(), seed=1).items:
        for rule_id in item.rules:
            found.setdefault(rule_id, []).append(item.name)
    for rule_id, proofs in proofs_by_rule().items():
        if rule_id.startswith("suite."):
            found[rule_id] = [proof.test.partition("::")[2] for proof in proofs]
    return {rule_id: tuple(sorted(names)) for rule_id, names in found.items()}


@cache
def kept_verdicts() -> dict[str, dict[str, Any]]:
    """Return the verdict files by name, the reference first."""
    files = {file.stem: load_verdicts(file) for file in _VERDICTS.glob("*.json")}
    return {name: files[name] for name in sorted(files, key=lambda name: (name not in _ORDER, _place(name), name))}


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _rules_of(profile: str) -> list[Rule]:
    return [rule for rule in load_rules().rules.values() if rule.profile == profile]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: " + ", ".join(f"``{name}``" for name in names[:_SHOWN]) + more


def _proof(rule: Rule, names: Sequence[str]) -> str:
    if names:
        return _named(names)
    return f"none: {rule.unproven}" if rule.unproven else _NONE


def _verdict_lines(rule: Rule) -> list[str]:
    """Return a line block with the verdict of each implementation."""
    if rule.profile == "suite":
        return [_NONE]
    told = ((name, kept["verdicts"].get(rule.id)) for name, kept in kept_verdicts().items())
    return [f"| {name} {_SAID.get(said, said)}" for name, said in told if said is not None] or [_NONE]


class GeneratedTable(SphinxDirective):
    """A table that is generated from data, so that its page is read in every build."""

    def table(self, options: Iterable[str], rows: Iterable[Sequence[str | Sequence[str]]]) -> list[nodes.Node]:
        """Return a table; a cell is one line or several."""
        self.env.note_reread()
        lines = [".. list-table::", "   :header-rows: 1", *(f"   :{option}" for option in options), ""]
        for row in rows:
            for number, cell in enumerate(row):
                first, *others = [cell] if isinstance(cell, str) else cell
                lines.append(f"   {'*' if number == 0 else ' '} - {first}")
                lines += [f"       {other}" if other else "" for other in others]
        return self.parse_text_to_nodes("\n".join(lines))


class RuleTable(GeneratedTable):
    """``.. rule-table:: profile``: every rule of a profile: sentence, cases, mutants, verdicts."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        cases, mutants = cases_by_rule(), mutants_by_rule()
        rows: list[Sequence[str | Sequence[str]]] = [("Rule", "Cases", "Mutants", "Verdicts")]
        for rule in _rules_of(self.arguments[0]):
            names = cases.get(rule.id, ())
            rows.append(
                (
                    (f":rule:`{rule.id}` {rule.level}", "", rule.text),
                    _named(names) if names else rule.untested or _NONE,
                    _proof(rule, mutants.get(rule.id, ())),
                    _verdict_lines(rule),
                )
            )
        return self.table(("class: trace", "widths: 46 22 20 12"), rows)


class TraceNumbers(GeneratedTable):
    """``.. trace-numbers::``: how many rules each profile has, and how many of them cases judge and mutants prove."""

    def run(self) -> list[nodes.Node]:
        """Return the table and the sum."""
        cases, mutants = cases_by_rule(), mutants_by_rule()
        rows = []
        for profile in filter(_rules_of, ("harness", *PROFILES, "suite")):
            rules = _rules_of(profile)
            musts = [rule for rule in rules if rule.level == "MUST"]
            counts = (
                len(rules),
                len(musts),
                len({name for rule in rules for name in cases.get(rule.id, ())}),
                sum(len(mutants.get(rule.id, ())) for rule in rules),
                sum(1 for rule in musts if rule.id in mutants),
                sum(1 for rule in musts if rule.unproven is not None),
            )
            rows.append((profile, counts))
        total = [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]
        said = (
            f"**{total[0]} rules, {total[1]} of them MUST. {total[3]} mutants prove {total[4]} of these; "
            f"{total[5]} are excluded, with a reason.**"
        )
        head = ("Profile", "Rules", "MUST", "Cases", "Mutants", "Proven", "Excluded")
        lines = [(profile, *map(str, counts)) for profile, counts in (*rows, ("all", total))]
        return [*self.parse_text_to_nodes(said), *self.table(("class: numbers",), (head, *lines))]


class TraceImplementations(GeneratedTable):
    """``.. trace-implementations::``: whose verdicts the tables show, and by which suite they were found."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows: list[Sequence[str]] = [("Implementation", "Judged by", "Rules", "Pass", "Fail", "Error", "Not asked")]
        for name, kept in kept_verdicts().items():
            self.env.note_dependency(str(_VERDICTS / f"{name}.json"))
            who, counts = kept["implementation"], Counter(kept["verdicts"].values())
            judged = f"spec {kept['spec']}, suite {kept['suite']}"
            said = [str(counts[verdict]) for verdict in ("pass", "fail", "error", "skip")]
            words = f"{name}: {who['name']} {who['version']} ({who['language']})"
            rows.append((words, judged, str(counts.total()), *said))
        return self.table(("class: numbers",), rows)


class TraceExcluded(GeneratedTable):
    """``.. trace-excluded::``: the rules of level MUST that no mutant proves, each with its reason and date."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_reread()
        excluded = [rule for rule in load_rules().rules.values() if rule.unproven is not None]
        lines = [f"- :rule:`{rule.id}`: {rule.unproven}" for rule in excluded] or ["None."]
        return self.parse_text_to_nodes("\n".join(lines))


class TraceCrossings(GeneratedTable):
    """``.. trace-crossings::``: each table of crossings, and how many of its pairs rows contain; what is impossible.

    With the argument ``numbers`` only the first.
    """

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table and the list of the impossible pairs."""
        rows: list[Sequence[str]] = [("Table", "Dimensions", "Rows", "Covered", "Possible", "Impossible")]
        reasons = []
        for table in load_tables().values():
            possible, impossible = table.pairs
            counts = (len(rows_of(table)), len(possible - uncovered(table)), len(possible), len(impossible))
            values = ", ".join(f"{name} ({len(values)})" for name, values in table.dimensions.items())
            rows.append((f"``{table.name}``: {table.about}", values, *map(str, counts)))
            reasons += [f"- ``{table.name}``, {count}: {reason}" for reason, count in table.reasons()]
        made = self.table(("class: numbers", "widths: 40 32 7 7 7 7"), rows)
        if self.arguments == ["numbers"]:
            return made
        said = "Impossible pairs and their reasons:\n\n" + "\n".join(reasons)
        return [*made, *self.parse_text_to_nodes(said)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("rule-table", RuleTable)
    app.add_directive("trace-numbers", TraceNumbers)
    app.add_directive("trace-implementations", TraceImplementations)
    app.add_directive("trace-excluded", TraceExcluded)
    app.add_directive("trace-crossings", TraceCrossings)
    return {"parallel_read_safe": True}
