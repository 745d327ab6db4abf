"""Fuel and time: what a call costs repeats, grows with the work, and bounds it.

Units are the host's own, so only the shape of ``used`` is judged.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.properties.sandbox.environments import busy, elsewhere
from gritstone_conformance.properties.sandbox.scene import Report, SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, counter, every_word, predict
from gritstone_conformance.strategies.sandbox_states import endless
from gritstone_conformance.strategies.sandbox_work import BULK, WORK, bulk, counting, laboring, straight, working
from gritstone_conformance.timing import Stopwatch, with_more_time

__all__ = ["PROPERTIES"]

_ROUNDS: Final = 500
_LATE_S: Final = 1.0
_LIMITS_MS: Final = (300, 3_000)
_MOST_STRAIGHT: Final = 9_000  # instructions, so that a probe has at most 65,536 bytes
_MOST_ROUNDS: Final = 1 << 26
_UNLIMITED: Final = limits(ms=None)
_LINEAR: Final = "sandbox.fuel.linear"
_LARGE: Final = 32_000  # bytes of a bulk instruction
_BYTES_A_UNIT: Final = 1_024

_BUILDS: Final[dict[str, Build]] = {
    **{kind: working(kind, _ROUNDS) for kind in WORK},
    "a straight line": straight(3_000),
    **{name: bulk(name, _LARGE) for name in BULK},
}


def _used(scene: SandboxScene, report: Report) -> int:
    if report.used is None:
        scene.trial.fail("a number", None, path="/ok/used", words="no amount of fuel")
    return report.used


def _slack(scene: SandboxScene) -> int:
    return int(scene.trial.claims.limits["fuel_slack"])


def repeats(scene: SandboxScene) -> None:
    """A call uses the same fuel in each run, after other calls, in other processes and environments, and under load."""
    builds = {**_BUILDS, "a counter": counter}
    expected = {name: predict(build)[0] for name, build in builds.items()}
    other = scene.trial.other()
    amounts = {}
    for name, build in builds.items():
        amounts[name] = _used(scene, scene.running(build, expected[name]))
        scene.run(endless("branch"), limits(fuel=100_000, ms=20))
        for process in (None, other):
            _uses(scene, name, amounts[name], scene.running(build, expected[name], on=process))
    with elsewhere(scene) as moved, busy(scene):
        for name, build in builds.items():
            for process in (moved, None):
                _uses(scene, name, amounts[name], scene.running(build, expected[name], on=process))


def _uses(scene: SandboxScene, name: str, amount: int, report: Report) -> None:
    found = _used(scene, report)
    if found != amount:
        scene.trial.fail(amount, found, path="/ok/used", words=f"another amount of fuel for {name}")


def enough(scene: SandboxScene) -> None:
    """With the fuel that a call used, or more, it is done with the same words and the same use."""
    for name, build in _BUILDS.items():
        expected = predict(build)[0]
        used = _used(scene, scene.running(build, expected))
        for fuel in (used, used + 1, 2 * used + 1):
            _uses(scene, name, used, scene.running(build, expected, limits(fuel=max(fuel, 1))))


def bound(scene: SandboxScene) -> None:
    """With less fuel than a call used, and less than the slack, it is exhausted, and uses no more than it has."""
    slack = _slack(scene)
    line = straight(min(3_000 + slack // 2, _MOST_STRAIGHT))
    predicted = [(build, predict(build)[0]) for build in (*_BUILDS.values(), line)]
    for build, expected in (*predicted, _beyond_slack(scene)):
        used = _used(scene, scene.running(build, expected, _UNLIMITED))
        for fuel in (used - slack - 1, used // 2 - slack, 1):
            if 1 <= fuel < used - slack:
                spent = _used(scene, scene.running(build, Prediction("exhausted:fuel"), limits(fuel=fuel)))
                if spent > fuel:
                    scene.trial.fail(f"at most {fuel}", spent, path="/ok/used", words="more fuel than the limit")


def _beyond_slack(scene: SandboxScene) -> tuple[Build, Prediction]:
    """Return a probe that uses more than twice the slack, so that there are limits below what it uses."""
    rounds = _MOST_STRAIGHT
    while True:
        build, expected = counting(rounds), Prediction("done", (rounds,))
        used = _used(scene, scene.running(build, expected, _UNLIMITED))
        if used > 2 * (_slack(scene) + 1):
            return build, expected
        if rounds == _MOST_ROUNDS:
            wanted = f"more than {2 * (_slack(scene) + 1)} units for {rounds} rounds"
            scene.trial.fail(wanted, used, path="/ok/used", words="no work uses more than the slack", rule=_LINEAR)
        rounds = min(16 * rounds, _MOST_ROUNDS)


def own_fuel(scene: SandboxScene, choices: list[str]) -> None:
    """Each call of an instance has its own limit of fuel, whatever fuel earlier calls had and left."""
    build = laboring(max(_ROUNDS, _slack(scene)))
    expected = predict(build, len(choices) + 1)
    report = scene.running(build, expected[0], _UNLIMITED, keep=True)
    reports = [report, *(scene.calling(report.instance, each, _UNLIMITED) for each in expected[1:])]
    amounts = [_used(scene, each) for each in reports]
    kept = scene.running(build, expected[0], limits(fuel=amounts[0]), keep=True).instance
    calls = 1
    for choice in choices:
        used = amounts[calls]
        if choice == "short" and used // 2 > _slack(scene):
            scene.calling(kept, Prediction("exhausted:fuel"), limits(fuel=used // 2 - _slack(scene)))
            if not scene.claims("atomic"):
                return
        else:
            fuel = used if choice == "exact" else 4 * used
            _uses(scene, f"call {calls + 1}", used, scene.calling(kept, expected[calls], limits(fuel=fuel)))
            calls += 1


def exact(scene: SandboxScene) -> None:
    """With one unit less than a call used, it is exhausted."""
    for build in _BUILDS.values():
        used = _used(scene, scene.running(build, predict(build)[0]))
        if used > 1:
            scene.running(build, Prediction("exhausted:fuel"), limits(fuel=used - 1))


def linear(scene: SandboxScene) -> None:
    """The same work done twice as often costs twice as much, beyond what every call costs, and something."""
    for kind in WORK:
        used = []
        for times in (1, 2, 4, 8):
            build = working(kind, _ROUNDS * times)
            used.append(_used(scene, scene.running(build, predict(build)[0])))
        first = used[1] - used[0]
        for step, times in ((used[2] - used[1], 2), (used[3] - used[2], 4)):
            if step <= 0 or abs(step - times * first) > times * max(first // 100, 1):
                wanted = f"{times} x {first}, and more than 0"
                scene.trial.fail(wanted, step, path="/ok/used", words=f"the fuel of {kind} is not proportional")


def in_bulk(scene: SandboxScene) -> None:
    """A bulk instruction of many bytes costs more than one of a single byte."""
    for name in BULK:
        costs = []
        for size in (1, _LARGE):
            build = bulk(name, size)
            costs.append(_used(scene, scene.running(build, predict(build)[0])))
        least = (_LARGE - 1) // _BYTES_A_UNIT
        if costs[1] - costs[0] < least:
            scene.trial.fail(f"at least {least} units more", costs[1] - costs[0], words=f"{name} of many bytes is free")


def in_time(scene: SandboxScene) -> None:
    """A call that does not end is ended between its limit and a second later; a short call of another limit is not."""
    word = every_word(1)
    done = predict(word)[0]
    for ms in (60, 200):
        watch = Stopwatch(scene.trial)
        fault = None
        try:
            scene.running(endless("branch"), Prediction("timeout"), limits(fuel=None, ms=ms))
        except SubjectFault as raised:
            fault = raised
        took, waiting = watch.passed_s(), watch.waiting_s()
        if fault is not None and not (fault.sent and fault.cause.startswith(("late", "hung"))):
            raise fault
        if took < ms / 1_000 or waiting > ms / 1_000 + _LATE_S:
            scene.trial.fail(f"{ms} to {ms + 1_000} ms", round(took * 1_000), words="ended too early or too late")
        if fault is not None:
            raise fault
        scene.running(word, done, limits(fuel=None, ms=10_000), rule="sandbox.time.enough")
        time.sleep(ms / 1_000)  # the limit of a call that is over
        scene.running(word, done, limits(fuel=None, ms=10_000), rule="sandbox.time.enough")


def kept_in_time(scene: SandboxScene) -> None:
    """Each call of an instance has its own limit of time, which begins with the call."""
    with_more_time(scene.trial, partial(_called_after, scene), _LIMITS_MS)


def _called_after(scene: SandboxScene, limit_ms: int) -> None:
    """Call an instance again after the time of its first call is over."""
    counts, within = predict(counter, 4), limits(fuel=None, ms=limit_ms)
    instance = scene.running(counter, counts[0], within, keep=True).instance
    time.sleep(limit_ms / 1_000 + 0.01)
    scene.calling(instance, counts[1], within, rule="sandbox.time.enough")
    scene.running(endless("calls"), Prediction("timeout"), limits(fuel=None, ms=50))
    scene.calling(instance, counts[2], limits(fuel=None, ms=10_000), rule="sandbox.time.enough")


PROPERTIES: Final = (
    of_sandboxes("sandbox/fuel/repeats", repeats, "sandbox.fuel.repeats", features=("fuel",), cost=190),
    of_sandboxes("sandbox/fuel/enough", enough, "sandbox.fuel.enough", features=("fuel",), cost=70),
    of_sandboxes("sandbox/fuel/bound", bound, "sandbox.fuel.bound", _LINEAR, features=("fuel",), cost=50),
    of_sandboxes(
        *("sandbox/limits/fuel-of-each-call", own_fuel, "sandbox.limits.own"),
        features=("fuel", "keep"),
        given={"choices": st.lists(st.sampled_from(("exact", "short", "enough")), min_size=3, max_size=8)},
        examples=10,
    ),
    of_sandboxes("sandbox/fuel/exact", exact, "sandbox.fuel.exact", features=("fuel",)),
    of_sandboxes("sandbox/fuel/linear", linear, _LINEAR, features=("fuel",)),
    of_sandboxes("sandbox/fuel/bulk", in_bulk, "sandbox.fuel.bulk", features=("fuel",)),
    of_sandboxes(
        "sandbox/time/limit", in_time, "sandbox.time.limit", "sandbox.time.enough", features=("time",), cost=45
    ),
    of_sandboxes(
        *("sandbox/time/kept", kept_in_time, "sandbox.time.enough", "sandbox.time.limit"),
        features=("time", "keep"),
    ),
)
