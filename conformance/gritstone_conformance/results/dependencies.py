"""Dependencies: which rules the cases of other rules depend on, and which failures follow from another one.

A case about one rule uses others on the way: a case about bundles encodes objects, a case about lives uses mail. The
table names the rules that many cases depend on, lowest first. A rule depends on those of each line that its id matches,
except on its own line and on later ones, so that no two rules depend on each other.

Pure: looks at outcomes only, after the run, so that the order of cases stays that of the seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from gritstone_conformance.results.outcomes import Outcome

__all__ = ["DEPENDENCIES", "linked", "root_causes"]

_PROFILES: Final = ("grit.*", "wit.*", "runtime.*", "wasm.*")
_ACTORS: Final = ("wit.*", "runtime.*", "wasm.*")
_STORES: Final = ("grit.store.*", "grit.ref.*", "grit.prune.*", "grit.bundle.*", "grit.erase.*", "grit.transcode.*")
_CODE: Final = ("wit.puppet.*", "wit.update.*", "wit.transition.*", "wit.channel.*", "wit.cleanup.*", "wit.frozen.*")

DEPENDENCIES: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("grit.tree.key-order", "grit.header.order", "grit.mailbox.key-order"), (*_PROFILES, "harness.s*")),
    (("grit.id.whole",), (*_STORES, *_ACTORS, "grit.graph.*", "harness.s*")),
    (("grit.store.put-visible", "grit.store.immutable"), (*_STORES, *_ACTORS, "grit.graph.*", "harness.s*")),
    (("grit.ref.grammar", "grit.ref.target", "grit.ref.cas"), (*_STORES, *_ACTORS, "grit.graph.*", "harness.s*")),
    (
        ("grit.graph.edges", "grit.graph.kinds"),
        ("grit.prune.*", "grit.bundle.*", "grit.erase.graph", "grit.transcode.*"),
    ),
    (("grit.bundle.bytes",), ("grit.bundle.*", "grit.transcode.*", "grit.store.crash", "runtime.history.bundle")),
    (("wit.proposal.valid",), (*_ACTORS,)),
    (("wit.genesis.first", "wit.genesis.again"), (*_CODE, "runtime.*", "wasm.*")),
    (("wit.admit.*",), (*_CODE, "wit.genesis.*", "runtime.*", "wasm.*")),
    (("wit.channel.cursor", "wit.channel.unread"), ("wit.update.*", "wit.cleanup.*", "runtime.*", "wasm.*")),
    (("wit.puppet.*",), ("runtime.*",)),
    (("runtime.head.cas",), ("runtime.*", "wasm.*")),
    (("runtime.agent.inject",), ("runtime.*", "wasm.*")),
    (("runtime.fail.mark",), ("runtime.*",)),
    (
        ("runtime.receipt.form",),
        ("runtime.effect.*", "runtime.receipt.*", "runtime.fail.*", "runtime.history.*", "runtime.release.*"),
    ),
)
"""Rules, and the globs of the rules that depend on them; the lowest first."""


def root_causes(failures: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each failed rule that depends on another failed rule the lowest of those.

    Others depend on a rule only if it failed in a case of its own profile: a case of a higher profile that reports it
    may itself have met another fault.

    Args:
        failures: pairs of a profile, that of the case, and the rule by which the case failed.
    """
    pairs = set(failures)
    by_level = sorted((rule for profile, rule in pairs if rule.startswith(f"{profile}.")), key=_order)
    found = {}
    for rule in sorted({rule for _, rule in pairs}):
        base = next((base for base in by_level if _depends(rule, base)), None)
        if base is not None:
            found[rule] = base
    return {rule: found.get(base, base) for rule, base in found.items()}


def linked(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes in which each failure names the failed rule that its rule depends on; verdicts stay.

    Spec: :rule:`suite.report.depends`.
    """
    kept = tuple(outcomes)
    failed = (outcome for outcome in kept if outcome.verdict == "fail" and outcome.rule is not None)
    causes = root_causes((outcome.profile, outcome.rule or "") for outcome in failed)
    return tuple(
        replace(outcome, depends_on=causes.get(outcome.rule or "")) if outcome.verdict == "fail" else outcome
        for outcome in kept
    )


def _order(rule: str) -> tuple[int, str]:
    return _level(rule), rule


def _level(rule: str) -> int:
    """Return the line of the table that a rule is a base of, or the number of lines."""
    return next((at for at, (bases, _) in enumerate(DEPENDENCIES) if _matches(rule, bases)), len(DEPENDENCIES))


def _depends(rule: str, base: str) -> bool:
    level = _level(base)
    return level < _level(rule) and _matches(rule, DEPENDENCIES[level][1])


def _matches(rule: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(rule, glob) for glob in globs)
