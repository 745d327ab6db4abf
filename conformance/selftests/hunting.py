"""Hunting a mutant: the cases of the rule that it breaks are put to it until one fails by the name of that rule.

Nothing is shrunk or saved, so a hunt takes as long as the first failure needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.running.engine import check_property
from gritstone_conformance.running.ledger import Ledger, Observed
from gritstone_conformance.running.outcomes import Outcome
from gritstone_conformance.running.plan import Planned, Selection, Watch
from gritstone_conformance.running.recording import Recorder
from gritstone_conformance.running.settings import RunSettings
from gritstone_conformance.running.verifying import Data, load_data, plan_run
from gritstone_conformance.running.window import play_cases
from gritstone_conformance.trial import Claims, Property

__all__ = ["hunt"]


@cache
def _data() -> Data:
    return load_data()


def hunt(command: Sequence[str], rule: str, home: Path) -> tuple[set[str], list[str]]:
    """Put the cases of a rule to an implementation until one fails by its name.

    Args:
        command: starts it.
        rule: the rule.
        home: an empty directory.

    Returns:
        The rules by whose name cases failed, and the names of the cases that were played.
    """
    items = plan_run(_data(), Selection(rule=rule), 1).items
    subject = Observed(Launcher.for_command(list(command)).start(), Ledger())
    failed: set[str] = set()
    played: list[str] = []
    try:
        active = (item for item in items if item.counted and not isinstance(item.source, Watch))
        for item in sorted(active, key=lambda item: _rank(item, rule)):
            if _is_claimed(item, subject.claims):
                played.append(item.name)
                outcome = _play(item, subject, home)
                failed |= {outcome.rule or ""} if outcome.verdict == "fail" else set()
            if rule in failed:
                break
    finally:
        subject.close()
    return failed, played


def _rank(item: Planned, rule: str) -> tuple[bool, bool, int, str]:
    """Put vectors first, then properties that are about the rule, then those about few others besides."""
    return isinstance(item.source, Property), item.rules[0] != rule, len(item.rules), item.name


def _is_claimed(item: Planned, claims: Claims) -> bool:
    if isinstance(item.source, Property) and item.source.search_only:
        return False
    missing = item.requires.missing_from(claims.formats, claims.features, claims.profiles)
    return missing is None and item.profile in (*claims.profiles, "harness")


def _play(item: Planned, subject: Observed, home: Path) -> Outcome:
    recorder = Recorder(_data().book)
    if isinstance(item.source, Property):
        return recorder.tested(item, check_property(item.source, subject, RunSettings(shrink_s=0.0, home=home)))
    (played,) = play_cases([item], subject)
    return recorder.played(played)
