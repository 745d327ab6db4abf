"""A report with one example of everything that pages, JUnit files and badges show, and with hostile texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.planning.context import RunContext, header_line
from gritstone_conformance.planning.suite import SuiteData, load_data
from gritstone_conformance.replies import Json
from gritstone_conformance.results.expectations import Expectation
from gritstone_conformance.results.extracts import extract
from gritstone_conformance.results.judgement import judge_run
from gritstone_conformance.results.outcomes import Divergent, Outcome
from gritstone_conformance.results.report import Report, footer_line, write_report
from selftests.fakes.forging import reforge
from selftests.fakes.staging import drawn, run_scenario
from selftests.fakes.subject import HELLO

__all__ = [
    "HARM",
    "assemble",
    "data",
    "forged",
    "forged_bundle",
    "header",
    "passing",
    "seal",
    "specimen",
    "specimen_outcomes",
]

HARM: Final = (
    "</script><script>document.title='owned'</script><img src=http://x/> \u001b[31m \u202egnp.exe\u2028 \x00 &amp;"
)
_AROUND: Final = [
    {"member": "object", "before": [], "after": [["id", "5afd3f80…"]], "left_out": 0},
    {"member": "entries", "before": [["kind", HARM]], "after": [], "left_out": 2},
    {"member": "1", "before": [["0", '["a","01020304…"]']], "after": [], "left_out": 0},
]


@cache
def data() -> SuiteData:
    return load_data()


@cache
def forged_bundle() -> bytes:
    """Return a store in which the second step of an actor reads nothing."""
    bundle = run_scenario(drawn(FORMATS["cbor-blake3"], 25), 25).store.export()
    history = check_history(scan(bundle)).history
    assert history is not None
    actor = next(each for each, chain in history.chains.items() if each != history.agent and len(chain) > 4)
    first = history.chains[actor].steps[0]
    return reforge(bundle, actor, 1, core=first.core, inbox=first.inbox)


@cache
def forged() -> tuple[Verdict, Finding]:
    """Return the verdict on that store and its first finding."""
    verdict = check_history(scan(forged_bundle()))
    return verdict, verdict.findings[0]


def _history() -> Json:
    verdict, finding = forged()
    assert verdict.history is not None
    return extract(verdict.history, finding)


def _outcome(case: str, judged: str, verdict: str = "pass", seconds: float = 0.002, **more: Any) -> Outcome:
    about: dict[str, Any] = {"kind": "vector", "level": "MUST", "requests": 3, "seconds": seconds, **more}
    digest = f"{sum(map(ord, case)):064x}"
    return Outcome(case=case, digest=digest, rules=(judged,), verdict=verdict, **about)


def _known() -> dict[str, Json]:
    entry = Expectation(
        case="grit/blob/empty",
        signature="expected ok got unsupported",
        kind="bug",
        reason=HARM,
        expires="2026-06-01",
        lines={"first": 1, "last": 5},
    )
    return entry.to_json()


def specimen_outcomes() -> tuple[Outcome, ...]:
    """Return outcomes of every verdict: a difference with a path, a history, a death, a known failure, a skip."""
    difference = Divergent(0, "grit.decode", "/object/entries/1", ["b"], ["B", HARM], 1, {"bytes": "AA"}, _AROUND)
    finding = forged()[1]
    illegal = Divergent(4, "grit.export", finding.place.path, "a legal history", finding.words, 5, {"store": "s"})
    return (
        _outcome("grit/tree/two-names", "grit.tree.key-order"),
        _outcome(
            "grit/tree/names-descending",
            "grit.tree.key-order",
            "fail",
            rule="grit.tree.key-order",
            signature="expected value got value at /object/entries/*",
            divergence=difference,
            found="found/9eb1d2cfc4507b4d.json",
            shrunk_from=41,
        ),
        _outcome(
            "runtime/free/drawn-cbor",
            finding.rule,
            "fail",
            seconds=1.5,
            kind="property",
            rule=finding.rule,
            signature=f"history {finding.fault}",
            divergence=illegal,
            history=_history(),
        ),
        _outcome(
            "grit/blob/huge",
            "grit.blob.any",
            "error",
            cause="dead:signal-SEGV",
            detail=f"stderr: one\\ntwo\\n{HARM}",
            poisoned_by="grit/tree/two-names",
        ),
        _outcome(
            "grit/blob/empty",
            "grit.blob.any",
            "fail",
            rule="grit.blob.any",
            signature="expected ok got unsupported",
            divergence=Divergent(0, "grit.id", "", {"ok": 1}, {"unsupported": HARM}, 1, {}),
            expected=_known(),
        ),
        _outcome("wit/query/read", "wit.query.answers", "skip", seconds=0.0, requests=0, reason=f"feature {HARM}"),
    )


def header(**changes: Any) -> dict[str, Any]:
    """Return a header with the digests of this suite."""
    iut = {**HELLO, "implementation": {"name": "acme", "version": HARM, "language": "rust"}, "spec": ["0.6"]}
    context = RunContext(Target("stdio", ("./adapter", HARM)))
    made = header_line(data().book, data().vectors.digest, context, iut, "2026-01-02T03:04:05.678Z")
    return {**made, **changes}


def assemble(outcomes: Sequence[Outcome], made: dict[str, Any]) -> Report:
    """Return a report of outcomes as if it had been read from a file; its texts are not sanitized."""
    judgement = judge_run(outcomes, data().book, made["iut"]["profiles"], made["iut"]["features"])
    footer = footer_line(outcomes, judgement, 0, "2026-01-02T03:05:06.000Z")
    return Report(made, tuple(outcomes), {**footer, "sha256": "5" * 64})


def specimen() -> Report:
    """Return the report of all specimen outcomes."""
    return assemble(specimen_outcomes(), header())


def seal(path: Path, report: Report) -> Path:
    """Write a report."""
    write_report(path, report.header, report.outcomes, {k: v for k, v in report.footer.items() if k != "sha256"})
    return path


def passing(cases: int = 0) -> Report:
    """Return a report in which every rule of ``grit`` and ``harness`` passes, with at least ``cases`` cases."""
    rules = [rule for rule in data().book.rules.values() if rule.profile in ("grit", "harness")]
    outcomes = [_outcome(f"{rule.profile}/all/{rule.id.replace('.', '-')}", rule.id) for rule in rules]
    outcomes += [
        replace(outcomes[number % len(rules)], case=f"grit/many/a-case-with-a-name-as-long-as-usual-{number}")
        for number in range(cases - len(rules))
    ]
    iut = {**HELLO, "implementation": {"name": "acme", "version": "1.0", "language": "rust"}}
    return assemble(outcomes, header(iut=iut, command=["./adapter"]))
