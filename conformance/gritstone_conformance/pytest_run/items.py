"""Cases as pytest items, and the state of their run.

Each process that runs items (the only process, or an xdist worker) has a :class:`CaseRunner`: one subject and the
outcomes so far, so that a reject case can be compared with its twin. Each outcome is sent as a user property of the
test report to the process that writes the gritstone report. If a worker was lost, or the suite itself failed, no report
is written, and the exit code is 4.

Spec: :rule:`suite.shard.union`, :rule:`suite.verdict.own-fault`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cases import case_order
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.context import RunContext, header_of
from gritstone_conformance.planning.plan import Plan, Planned, Selection, Watch
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.pytest_run.case_runner import CaseRunner
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.conclusions import ending_lines
from gritstone_conformance.results.expect_files import expectations_of
from gritstone_conformance.results.expectations import blamed_rule
from gritstone_conformance.results.judgement import EXIT
from gritstone_conformance.results.merging import worse
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Conclusion, remove_old, timestamp
from gritstone_conformance.running.verification import conclude
from gritstone_conformance.text import plain

__all__ = ["CaseItem", "RunState", "SuiteFile"]

_KEY = "gritstone"


class CaseFailedError(Exception):
    """A case failed or has an error; contains the lines to show."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))


class SuiteFile(pytest.File):
    """Collects every case of the plan except the watches, which are judged at the end of the run."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one item per vector and property, in the order of the plan."""
        state = state_of(self.config)
        for planned in state.plan.items:
            if not isinstance(planned.source, Watch):
                yield CaseItem.from_parent(self, name=planned.name, planned=planned)


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, planned: Planned, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def runtest(self) -> None:
        """Run the case and its twin; the item fails, is skipped or passes according to the verdict."""
        case_runner = state_of(self.config).case_runner()
        outcome = case_runner.judge(self.planned)
        self.user_properties.append((_KEY, json.dumps(outcome.to_json())))
        if outcome.verdict == "skip":
            pytest.skip(outcome.reason or "")
        state_of(self.config).excuse(outcome)
        if outcome.verdict != "pass":
            raise CaseFailedError(case_runner.teller.block(outcome, case_runner.verdicts()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return a failed case as ``gritstone verify`` shows it, or a fault of the suite with its traceback."""
        if isinstance(excinfo.value, CaseFailedError):
            return "\n".join(map(plain, str(excinfo.value).split("\n")))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the location of the item for a report."""
        return self.path, None, self.name


class RunState:
    """The state of the run in one pytest process; a pytest plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._target = Target.parse(config.getoption("gritstone_iut"), None)
        self._report: Path = config.getoption("gritstone_report")
        self._started = timestamp()
        self._settings = RunSettings(
            seed=config.getoption("gritstone_seed"),
            home=self._report.parent,
            expect=expectations_of(config.getoption("gritstone_expect")),
        )
        self._case_runner: CaseRunner | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._parts: list[dict[str, Json]] = []
        self._lost: set[str] = set()
        self._broken: list[str] = []
        self._lines: list[str] = []
        self.data: SuiteData = load_data()
        self.plan: Plan = plan_run(self.data, Selection(), self._settings.seed)
        self._names = {item.name for item in self.plan.items}
        if not self._is_worker:
            remove_old(self._report)

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def case_runner(self) -> CaseRunner:
        """Return the case runner of this process; starts it at the first call."""
        if self._case_runner is None:
            try:
                self._case_runner = CaseRunner(self._target, self.plan, self.data, self._settings)
            except SubjectFault as fault:
                pytest.exit(plain(f"gritstone: hello failed: {fault}; run `gritstone doctor` for details"), 3)
        return self._case_runner

    def excuse(self, outcome: Outcome) -> None:
        """End an item as an expected failure if an entry names it; the entry is checked at the end of the run."""
        expected = self._settings.expect
        entry = expected.entry_for(outcome, self._started[:10]) if expected is not None else None
        if entry is not None:
            pytest.xfail(f"{blamed_rule(outcome)}: {entry.words()}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store the outcome in a report; a case that failed without an outcome was not judged."""
        properties = dict(report.user_properties)
        if _KEY in properties and report.when == "call":
            outcome = Outcome.from_json(json.loads(str(properties[_KEY])))
            self._outcomes[outcome.case] = outcome
        elif report.failed and _KEY not in properties and report.nodeid.partition("::")[2] in self._names:
            self._broken.append(report.nodeid.partition("::")[2])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Store the result of an xdist worker."""
        part = getattr(node, "workeroutput", {}).get(_KEY)
        if error or part is None:
            self._lost.add(str(node.gateway.id))
        else:
            self._parts.append(json.loads(part))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the implementation; write the report, or send the part to the process that writes it."""
        if self._case_runner is not None:
            self._parts.append(self._case_runner.finish())
        if self._is_worker:
            part = self._parts[0] if self._parts else None
            session.config.workeroutput[_KEY] = json.dumps(part)  # type: ignore[attr-defined]
            return
        self._parts = [part for part in self._parts if part is not None]
        if self._lost or self._broken:
            self._lines = self._complaints()
            session.exitstatus = EXIT["suite"]
        elif self._parts:
            code = self._write()
            if code and session.exitstatus == 0:
                session.exitstatus = code

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the last lines of the run."""
        if self._lines:
            terminalreporter.section("gritstone")
            for line in self._lines:
                terminalreporter.write_line(plain(line))

    def begin(self, header: Any, notes: Any) -> None:
        """Do nothing: pytest shows the progress."""

    def notice(self, outcome: Outcome) -> None:
        """Do nothing: pytest shows the progress."""

    def progress(self, case: str, seconds: float, tries: int) -> None:
        """Do nothing: pytest shows the progress."""

    def end(self, conclusion: Conclusion) -> None:
        """Store the last lines for the summary."""
        self._lines = ending_lines(conclusion)

    def _complaints(self) -> list[str]:
        """Return the reasons why there is no report."""
        lost = [f"no report: the parts of {', '.join(sorted(self._lost))} are missing"] if self._lost else []
        broken = [f"no report: the suite itself failed in {name}" for name in sorted(set(self._broken))]
        return lost or broken

    def _write(self) -> int:
        """Write the report of all parts; it supports a claim only if it has every planned case."""
        for part in self._parts:
            for line in part["watches"]:
                watch = Outcome.from_json(line)
                before = self._outcomes.get(watch.case)
                self._outcomes[watch.case] = watch if before is None else worse(before, watch)
        whole = self._outcomes.keys() == self._names
        selection = Selection() if whole else Selection(globs=("*",))
        context = RunContext(self._target, settings=self._settings, report=self._report)
        header = header_of(context, self.data, self._parts[0]["iut"], self._started)
        ordered = sorted(self._outcomes.values(), key=lambda outcome: case_order(self._settings.seed, outcome.case))
        restarts = sum(part["restarts"] for part in self._parts)
        return conclude(replace(context, selection=selection), self.data, header, ordered, restarts, self)


def state_of(config: pytest.Config) -> RunState:
    """Return the state of the run."""
    state = config.pluginmanager.get_plugin("gritstone-run")
    assert isinstance(state, RunState)
    return state
