"""Settings of a run: what the options say, as one value that is passed down.

Two Hypothesis profiles, and only these: ``gate`` sends the same lines in every run; ``search`` draws others, keeps a
database, and takes ten times the examples or as long as it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from gritstone_conformance.results.expectations import Expectations
from gritstone_conformance.trial import Property

__all__ = ["DEFAULT_HOME", "RunSettings", "Watcher", "examples_of", "hypothesis_settings"]

Watcher: TypeAlias = Callable[[str, float, int], None]
"""Called now and then with the case that is shrunk, for how many seconds, and how many tries there were."""

_GATE_EXAMPLES: Final = {"property": 100, "machine": 50, "wire": 100, "crash": 10}
SEARCH_FACTOR: Final = 10
DEFAULT_HOME: Final = Path(".gritstone")
"""The default folder of reports and found cases."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run is done.

    Attributes:
        profile: ``gate`` or ``search``.
        seed: orders cases, makes sequence numbers and draws.
        deadline_scale: factor on every deadline.
        search_s: seconds that a search may take altogether, or None for ten times the examples.
        shrink_s: seconds that shrinking one failure may take.
        shrink_all_s: seconds that shrinking all failures of a run may take.
        shrink_tries: tries for a failure like one that was shrunk: so many examples, and as many traces.
        watch: is called with what is shrunk while that goes on, or None.
        strict: whether a SHOULD counts like a MUST.
        home: where found cases and the engine's database go.
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
    watch: Watcher | None = None
    strict: bool = False
    home: Path = DEFAULT_HOME
    saves: bool = True
    expect: Expectations | None = None

    def share(self, part: float) -> RunSettings:
        """Return the settings of a part that has this share of the time of a search and of shrinking."""
        search_s = None if self.search_s is None else self.search_s * part
        return replace(self, search_s=search_s, shrink_all_s=self.shrink_all_s * part)


def examples_of(prop: Property, profile: str) -> int:
    """Return how many examples a property gets in a Hypothesis profile."""
    gate = prop.examples or _GATE_EXAMPLES.get(prop.kind, 100)
    return gate if profile == "gate" else gate * SEARCH_FACTOR


def hypothesis_settings(prop: Property, run: RunSettings) -> Any:
    """Return the engine's settings for one property.

    Health checks that depend on time or on the size of the drawn data are off: they would make a verdict depend on
    the machine. The one on filtering stays, for it judges the strategy.
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
