"""Runtimes that die: a script is killed at each of its durable writes, and goes on as if nothing had happened.

With the feature ``fault.kill`` that is exhaustive: before and after the first durable write, the second, and so on,
until the script ends unharmed. In the gate a script of more writes than that has time for is killed at some of them,
spread evenly. Without the feature the process is killed between any two requests, and in a search at some moments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.properties.runtime.free import scenario
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.kills import DEATH_RULES, NEVER, Ordeal
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.scenarios import Scenario
from gritstone_conformance.strategies.scripts import (
    Script,
    asking,
    failing,
    fanning,
    living,
    marking,
    of_scenario,
    talking,
    updating,
)
from gritstone_conformance.trial import Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_MOST_WRITES: Final = 40  # of a start that makes an agent
_MOST_DEATHS: Final = 10
"""In the gate, for each script and format."""

_Make = Callable[[Format], Script]


def killed(make: _Make, most: int | None, trial: Trial, fmt: Format) -> None:
    """Whatever write it is killed at, nothing answered is lost, nothing is there in part, and the script can end."""
    _kill(trial, Ordeal(trial, fmt, make(fmt)), most)


def killed_at_first(trial: Trial, fmt: Format) -> None:
    """A death while a store gets its agent leaves both references or none, and the next start resumes from there."""
    victim = trial.spawn()
    writes = _writes_of_first(trial, fmt, victim)
    if writes > _MOST_WRITES:
        for index in range(_MOST_WRITES):
            _dies_at_first(trial, fmt, victim, 1 + index * (writes - 1) // (_MOST_WRITES - 1))
        trial.remark = f"{_MOST_WRITES} deaths, before as many durable writes, spread evenly"
        return
    number = 1
    while _dies_at_first(trial, fmt, victim, number):
        number += 1
        if number > 2 * writes + 50:
            words = "the start never ends unharmed"
            trial.fail(f"at most {writes} writes", number, words=words, rule="harness.fault.exact")
    trial.remark = f"{number - 1} deaths, before every durable write"


def _writes_of_first(trial: Trial, fmt: Format, victim: SubjectLike) -> int:
    """Return how many durable writes a start makes that makes an agent."""

    def count() -> int:
        writes: int = trial.expect("fault.count", {}, ok(writes={"$": "any"}), on=victim)["writes"]
        return writes

    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory=trial.directory(), process=victim))
    fixture.flush()
    trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=victim)
    before = count()
    fixture.start()
    fixture.flush()
    writes = count() - before
    fixture.close()
    return writes


def _dies_at_first(trial: Trial, fmt: Format, victim: SubjectLike, number: int) -> bool:
    """Die before a write of the start that makes an agent, and start again; returns whether there was one to die at."""
    rule = "runtime.agent.bootstrap"
    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory=trial.directory(), process=victim))
    fixture.flush()
    trial.expect("fault.arm", {"writes": number, "when": "before"}, ok(), on=victim)
    try:
        fixture.start()
        fixture.flush()
        trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=victim)
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
    else:
        fixture.close()
        return False
    victim.kill()
    fixture = FreeScheduleFixture(
        trial, fmt, opening=StoreOptions(directory=fixture.directory, process=victim, create=False), rule=rule
    )
    fixture.start()
    fixture.flush()
    args: dict[str, Json] = {"store": fixture.handle, "prefix": "", "after": None, "limit": 10}
    refs = trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=victim, rule=rule)["refs"]
    if [name.partition("/")[0] for name, _ in refs] != ["heads", "runtime"]:
        trial.fail("an agent and its head", refs, words="a death leaves half an agent", rule=rule)
    fixture.close()
    return True


def killed_again(make: _Make, stride: int, trial: Trial, fmt: Format) -> None:
    """However often it is killed, also while it starts again, the heads that were seen stay and the script can end."""
    ordeal = Ordeal(trial, fmt, make(fmt))
    ordeal.again_and_again(stride)
    trial.remark = ordeal.remark()


def drawn(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """The same for scenarios that are drawn."""
    _kill(trial, Ordeal(trial, fmt, of_scenario(scenario)), None)


def sampled(trial: Trial, fmt: Format, share: int, which: int) -> None:
    """The same for kills at random moments."""
    ordeal = Ordeal(trial, fmt, _LONG[which](fmt))
    ordeal.at_times(share)
    trial.remark = "killed at some moments, sampled"


def _kill(trial: Trial, ordeal: Ordeal, most: int | None) -> None:
    ordeal.rehearse()
    if ordeal.writes is None:
        ordeal.every_answer()
    else:
        ordeal.every_write(most)
    trial.remark = ordeal.remark()


_LONG: Final[tuple[_Make, ...]] = (
    partial(talking, rounds=5),
    partial(failing, rounds=3),
    partial(fanning, width=8),
    partial(updating, rounds=3),
    living,
)


def _moments(fmt: Format) -> Mapping[str, st.SearchStrategy[Any]]:
    return {"share": st.integers(1, 15), "which": st.integers(0, len(_LONG) - 1)}


def _each(name: str, body: Callable[..., None], *rules: str, armed: bool = False, **rest: Any) -> tuple[Property, ...]:
    """Return one property per format; ``armed``: only where a process can kill itself."""
    every = tuple(dict.fromkeys((*rules, *DEATH_RULES, *HISTORY_RULES)))
    features = ("external", "durable", *(("fault.kill",) if armed else ()))
    return in_each_format(f"runtime/crash/{name}", body, *every, features=features, kind="crash", **rest)


_CONTINUE: Final = "runtime.recover.continue"

PROPERTIES: Final = (
    *_each(
        *("talking", partial(killed, talking, _MOST_DEATHS)),
        *("runtime.recover.step", "runtime.recover.injection", "runtime.head.before-route"),
        once=True,
        cost=2_000,
    ),
    *_each(
        *("failing", partial(killed, failing, _MOST_DEATHS), "runtime.recover.mark", "runtime.recover.unmark"),
        once=True,
        cost=2_500,
    ),
    *_each("living", partial(killed, living, _MOST_DEATHS), "runtime.recover.collect", once=True, cost=1_400),
    *_each("asking", partial(killed, asking, _MOST_DEATHS), "runtime.head.asked", cost=800),
    *_each("marking", partial(killed, marking, _MOST_DEATHS), "runtime.fail.sent", once=True, cost=800),
    *in_each_format(
        *("runtime/crash/first", killed_at_first, "runtime.agent.bootstrap"),
        features=("durable", "fault.kill"),
        once=True,
        kind="crash",
        cost=800,
    ),
    *_each("again", partial(killed_again, failing, 2), _CONTINUE, armed=True, once=True),
    *(
        prop
        for name, make in zip(("talking", "failing", "fanning", "updating"), _LONG, strict=False)
        for prop in (
            *_each(f"long-{name}", partial(killed, make, None), _CONTINUE, search_only=True),
            *_each(f"long-{name}-again", partial(killed_again, make, 1), _CONTINUE, armed=True, search_only=True),
        )
    ),
    *_each("drawn", drawn, _CONTINUE, given=scenario(), examples=1, search_only=True),
    *_each("sampled", sampled, _CONTINUE, given=_moments, examples=2, search_only=True),
)
