"""Sphinx: the verdicts on sandboxes that others make.

``sandbox-hosts`` has a row for each host with its adapter, ``sandbox-verdicts`` a row for each rule of the profile, and
``sandbox-failures`` lists the expected failures of one host with their reasons. All of it is read from the verdict
files in ``docs/verdicts/sandbox``, which CI compares with fresh reports, and from the adapters and expectation files in
``docs/examples``.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from trace_tables import GeneratedTable

from gritstone_conformance.errors import DataError
from gritstone_conformance.reporting.verdict_files import load_verdicts
from gritstone_conformance.rules import load_rules

_DOCS: Final = Path(__file__).resolve().parents[1]
_VERDICTS: Final = _DOCS / "verdicts" / "sandbox"
_EXAMPLES: Final = _DOCS / "examples"
_PROFILE: Final = "sandbox."


@cache
def _hosts() -> dict[str, dict[str, Any]]:
    """Return the verdict files by name, ascending."""
    return {file.stem: load_verdicts(file) for file in sorted(_VERDICTS.glob("*.json"))}


def _judged(name: str) -> dict[str, str]:
    """Return the verdicts on the rules of the profile."""
    return {rule: verdict for rule, verdict in _hosts()[name]["verdicts"].items() if rule.startswith(_PROFILE)}


def _adapter(name: str) -> Path:
    """Return the adapter of a host."""
    return next(file for file in sorted(_EXAMPLES.glob(f"sandbox_{name}.*")) if file.suffix in (".py", ".mjs"))


def _reasons(name: str) -> dict[str, str]:
    """Return the reason of each expected failure; raises DataError if they are not the rules that fail."""
    entries = tomllib.loads((_EXAMPLES / f"sandbox_{name}.expect.toml").read_text(encoding="utf-8"))["expect"]
    reasons = {entry["rule"]: entry["reason"] for entry in entries}
    failed = {rule for rule, verdict in _judged(name).items() if verdict == "fail"}
    if failed != reasons.keys():
        raise DataError(f"{name}: rules that fail: {sorted(failed)}, expected to fail: {sorted(reasons)}")
    return reasons


class SandboxHosts(GeneratedTable):
    """``.. sandbox-hosts::``: each host, its version, its adapter, and how many rules it passes."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows: list[Sequence[str]] = [("Host", "Version", "Adapter", "Lines", "Passed", "Failed", "Not asked")]
        for name, kept in _hosts().items():
            adapter, counts = _adapter(name), Counter(_judged(name).values())
            lines = len(adapter.read_text(encoding="utf-8").splitlines())
            numbers = [str(number) for number in (lines, *(counts[each] for each in ("pass", "fail", "skip")))]
            version = kept["implementation"]["version"]
            rows.append((f":ref:`{name} <host-{name}>`", version, f"``{adapter.name}``", *numbers))
        return self.table(("class: numbers",), rows)


class SandboxVerdicts(GeneratedTable):
    """``.. sandbox-verdicts::``: each rule of the profile, and the verdict on each host."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows: list[Sequence[str]] = [("Rule", *_hosts())]
        for rule in load_rules().rules.values():
            if rule.id.startswith(_PROFILE):
                verdicts = {name: _judged(name).get(rule.id, "skip") for name in _hosts()}
                rows.append((f":rule:`{rule.id}`", *(_cell(name, verdict) for name, verdict in verdicts.items())))
        return self.table(("class: trace",), rows)


def _cell(name: str, verdict: str) -> str:
    if verdict == "fail":
        return f":ref:`fails <host-{name}>`"
    return {"pass": "passes", "skip": "—"}.get(verdict, verdict)


class SandboxFailures(GeneratedTable):
    """``.. sandbox-failures:: host``: each rule that the host fails, with the reason."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_reread()
        lines = [f"- :rule:`{rule}`: {reason}." for rule, reason in _reasons(self.arguments[0]).items()]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("sandbox-hosts", SandboxHosts)
    app.add_directive("sandbox-verdicts", SandboxVerdicts)
    app.add_directive("sandbox-failures", SandboxFailures)
    return {"parallel_read_safe": True}
