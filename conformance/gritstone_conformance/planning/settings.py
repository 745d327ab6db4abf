"""The settings of a run: the command-line options as one value.

There are two Hypothesis profiles: ``gate`` sends the same lines in every run; ``search`` draws different examples,
stores them in a database, and runs ten times the examples or up to a time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from gritstone_conformance.results.expectations import Expectations
from gritstone_conformance.trial import Property

__all__ = ["DEFAULT_HOME", "OnProgress", "RunSettings", "examples_of", "hypothesis_settings"]

OnProgress: TypeAlias = Callable[[str, float, int], None]
"""Receives the name of the case that is being shrunk, the seconds and the tries so far."""

_GATE_EXAMPLES: Final = {"property": 100, "machine": 50, "wire": 100, "crash": 10}
SEARCH_FACTOR: Final = 10
DEFAULT_HOME: Final = Path(".gritstone")
"""The default folder of reports and found cases."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run.

    Attributes:
        profile: ``gate`` or ``search``.
        seed: determines the order of cases, the sequence numbers and the draws.
        deadline_scale: the factor of every deadline.
        search_s: the time limit of a search in seconds; None: ten times the examples.
        shrink_s: the time limit for shrinking one failure, in seconds.
        shrink_all_s: the time limit for shrinking all failures of a run, in seconds.
        shrink_tries: how many examples, and how many traces, for a failure with the rule and signature of another one.
        progress: called with the progress of shrinking, or None.
        strict: whether a violated SHOULD counts like a violated MUST.
        home: the folder of found cases and of the database of Hypothesis.
        saves: whether found cases are written.
        expect: the failures that the implementer expects, or None.
    """

    profile: str = "gate"
    seed: int = 1
    deadline_scale: float = 1.0
    search_s: float | None = None
    shrink_s: float = 60.0
    shrink_all_s: float = 180.0
    shrink_tries: int = 100
    progress: OnProgress | None = None
    strict: bool = False
    home: Path = DEFAULT_HOME
    saves: bool = True
    expect: Expectations | None = None

    def share(self, part: float) -> RunSettings:
        """Return the settings of a part with this share of the time limits of the search and of shrinking."""
        search_s = None if self.search_s is None else self.search_s * part
        return replace(self, search_s=search_s, shrink_all_s=self.shrink_all_s * part)


def examples_of(prop: Property, profile: str) -> int:
    """Return how many examples a property gets in a Hypothesis profile."""
    gate = prop.examples or _GATE_EXAMPLES.get(prop.kind, 100)
    return gate if profile == "gate" else gate * SEARCH_FACTOR


def hypothesis_settings(prop: Property, run: RunSettings) -> Any:
    """Return the settings of Hypothesis for one property.

    Health checks that depend on time or on the size of the drawn data are off, because a verdict must not depend on
    the machine. The health check of filtering is on, because it checks the strategy.
    """
    from hypothesis import HealthCheck, Phase, Verbosity, settings
    from hypothesis.database import DirectoryBasedExampleDatabase

    gate = run.profile == "gate"
    return settings(
        parent=settings.get_profile("default"),
        derandomize=gate,
        database=None if gate else DirectoryBasedExampleDatabase(run.home / "hypothesis"),
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        max_examples=examples_of(prop, run.profile),
        stateful_step_count=30,
        phases=(Phase.generate, Phase.shrink) if gate else (Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
