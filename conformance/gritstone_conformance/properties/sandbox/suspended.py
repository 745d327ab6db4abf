"""Suspended calls: any division of the fuel gives the words, the state and the sum of the fuel of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from hypothesis import strategies as st

from gritstone_conformance.properties.sandbox.scene import Report, SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, counter, predict
from gritstone_conformance.strategies.sandbox_states import leaving, unsteady
from gritstone_conformance.strategies.sandbox_wide import starting
from gritstone_conformance.strategies.sandbox_work import laboring, working
from gritstone_conformance.trial import SubjectLike

__all__ = ["PROPERTIES"]

_BUILDS: Final[tuple[Build, ...]] = (laboring(400), leaving, unsteady, counter, working("memory", 200))
_CALLS: Final = 3
_PAGES: Final = 256
_LARGE: Final = limits(pages=_PAGES)
_EQUAL, _KEPT = "sandbox.suspend.equal", "sandbox.suspend.kept"
_SPENT: Final = Prediction("suspended")
_CROSSINGS: Final = ("stay", "stay", "resume", "fork", "move", "move away")


@dataclass(frozen=True, slots=True)
class _Whole:
    """The calls of a probe, each in one part.

    Attributes:
        expected: their words.
        used: the units that each used.
    """

    expected: list[Prediction]
    used: list[int]


@dataclass(frozen=True, slots=True)
class _Place:
    """An instance with a suspended call.

    Attributes:
        handle: its handle; None before the call began.
        on: its process; None for the first one.
    """

    handle: str | None
    on: SubjectLike | None = None


class _Divided:
    """A call that is made in parts.

    Attributes:
        rest: the units that are left of the call.
    """

    def __init__(self, scene: SandboxScene, build: Build, whole: _Whole, turn: int) -> None:
        self._scene = scene
        self._build = build
        self._slack = int(scene.trial.claims.limits["fuel_slack"])
        self._expected = whole.expected[turn]
        self._whole = whole.used[turn]
        self.rest = self._whole

    def part(self, place: _Place, fuel: int) -> tuple[_Place, bool]:
        """Run a part; return where the instance is, and whether the call is over."""
        is_enough = fuel >= self.rest
        either = () if is_enough or fuel < self.rest - self._slack else ("done",)
        report = self._ask(place, self._expected if is_enough else _SPENT, fuel, either)
        used = _used(self._scene, report)
        if place.handle is None and report.instance is None:
            self._scene.trial.fail("a handle", None, path="/ok/instance", words="the call is not kept", rule=_KEPT)
        if used > fuel or (report.outcome == "suspended" and used < fuel - self._slack):
            self._fail(f"from {fuel - self._slack} to {fuel}", used)
        self.rest -= used
        if self.rest < 0 or (report.outcome == "done" and self.rest > self._slack):
            wanted = f"from {self._whole - self._slack} to {self._whole} in all parts"
            self._fail(wanted, self._whole - self.rest)
        return _Place(report.instance if place.handle is None else place.handle, place.on), report.outcome == "done"

    def _fail(self, expected: str, used: int) -> NoReturn:
        self._scene.trial.fail(expected, used, path="/ok/used", words="another amount of fuel", rule=_EQUAL)

    def _ask(self, place: _Place, expected: Prediction, fuel: int, or_ends: tuple[str, ...]) -> Report:
        rule = _KEPT if expected is _SPENT else _EQUAL
        if place.handle is None:
            within = limits(fuel=fuel, pages=_PAGES)
            return self._scene.running(
                self._build, expected, within, keep=True, suspend=True, rule=rule, or_ends=or_ends, on=place.on
            )
        within = limits(fuel=fuel, pages=_PAGES if self.rest == self._whole else 16)
        return self._scene.calling(
            place.handle, expected, within, suspend=True, rule=rule, or_ends=or_ends, on=place.on
        )


def _used(scene: SandboxScene, report: Report) -> int:
    if report.used is None:
        scene.trial.fail("a number", None, path="/ok/used", words="no amount of fuel")
    return report.used


def _whole(scene: SandboxScene, build: Build, *, wide: bool = False) -> _Whole:
    """Make the calls of a probe in one part each."""
    expected = predict(build, _CALLS, _PAGES, wide=wide)
    report = scene.running(build, expected[0], _LARGE, keep=True)
    later = (scene.calling(report.instance, each, _LARGE) for each in expected[1:])
    return _Whole(expected, [_used(scene, each) for each in (report, *later)])


def _cross(scene: SandboxScene, place: _Place, how: str, other: SubjectLike | None) -> _Place:
    """Copy an instance with a suspended call; return where it continues."""
    features = {"resume": "snapshot", "fork": "snapshot", "move": "export", "move away": "export"}
    if how not in features or not scene.claims(features[how]):
        return place
    snapshot = scene.snapshot(str(place.handle), on=place.on)
    if how == "fork":  # what happens to the origin does not change the copy
        scene.calling(str(place.handle), _SPENT, limits(fuel=1, pages=16), suspend=True, or_ends=("done",), on=place.on)
    if features[how] == "snapshot":
        return _Place(scene.resume(snapshot, on=place.on), place.on)
    on = other if how == "move away" and place.on is None else None
    imported = scene.import_(scene.export(snapshot, on=place.on), on=on)
    return _Place(scene.resume(imported, on=on), on)


def equal(scene: SandboxScene, kind: int, turn: int, parts: list[tuple[int, str]], more: int) -> None:
    """A call in parts, with copies between them, is equal to the call in one part, and so are the calls after it."""
    build = _BUILDS[kind]
    whole = _whole(scene, build)
    place = _Place(None)
    if turn:
        place = _Place(scene.running(build, whole.expected[0], _LARGE, keep=True).instance)
    other = scene.trial.other() if any(how == "move away" for _, how in parts) else None
    call = _Divided(scene, build, whole, turn)
    is_over = False
    for share, how in parts:
        place, is_over = call.part(place, max(call.rest * share // 100, 1))
        if is_over:
            break
        place = _cross(scene, place, how, other)
    if not is_over:
        place, _ = call.part(place, max(call.rest + more, 1))
    for following in range(turn + 1, _CALLS):
        report = scene.calling(place.handle, whole.expected[following], _LARGE, rule=_EQUAL, on=place.on)
        if report.used != whole.used[following]:
            scene.trial.fail(whole.used[following], report.used, path="/ok/used", words="another amount of fuel")


def started(scene: SandboxScene) -> None:
    """A run that is suspended in its start function, or after it, runs this function once."""
    build = starting()
    whole = _whole(scene, build, wide=True)
    for share in (1, 30, 60, 99):
        for how in ("stay", "resume", "move"):
            call = _Divided(scene, build, whole, 0)
            place, is_over = call.part(_Place(None), max(call.rest * share // 100, 1))
            if not is_over:
                place, _ = call.part(_cross(scene, place, how, None), max(call.rest, 1))
            for expected in whole.expected[1:]:
                scene.calling(place.handle, expected, _LARGE, rule=_EQUAL)


def each_unit(scene: SandboxScene) -> None:
    """A short call in parts of a few units each is suspended in each of them but the last."""
    whole = _whole(scene, counter)
    place = _Place(scene.running(counter, whole.expected[0], _LARGE, keep=True).instance)
    call = _Divided(scene, counter, whole, 1)
    slack = int(scene.trial.claims.limits["fuel_slack"])
    while call.rest > 0:
        place, is_over = call.part(place, min(slack + max(whole.used[1] // 16, 1), call.rest))
        if is_over:
            break
    scene.calling(place.handle, whole.expected[2], _LARGE, rule=_EQUAL)


def failed(scene: SandboxScene) -> None:
    """A call that fails in a later part leaves the instance as it was before the first part."""
    whole, small = _whole(scene, unsteady), limits(pages=32)
    trap, spent = predict(unsteady)[0], Prediction("exhausted:fuel")
    slack = int(scene.trial.claims.limits["fuel_slack"])
    for first, expected, later in (
        (small, trap, _LARGE),
        (_LARGE, spent, limits(fuel=1, pages=_PAGES)),
    ):
        fuel = whole.used[1] // 2 - slack
        if fuel < 1:
            continue
        kept = scene.running(unsteady, whole.expected[0], _LARGE, keep=True).instance
        scene.calling(kept, _SPENT, {**first, "fuel": fuel}, suspend=True, rule=_KEPT)
        scene.calling(kept, expected, later, rule=_KEPT)
        report = scene.calling(kept, whole.expected[1], _LARGE)
        if report.used != whole.used[1]:
            scene.trial.fail(whole.used[1], report.used, path="/ok/used", words="a call that begins in the middle")


def out_of_the_tank(scene: SandboxScene) -> None:
    """A suspended part takes its fuel out of the tank; with an empty tank a call is suspended and uses nothing."""
    whole = _whole(scene, counter)
    first, second = whole.used[0], whole.used[1]
    half = second // 2 - int(scene.trial.claims.limits["fuel_slack"])
    if half < 1:
        return
    rest = limits(fuel=None)
    kept = scene.running(counter, whole.expected[0], limits(fuel=first + half), keep=True).instance
    used = _used(scene, scene.calling(kept, _SPENT, rest, suspend=True))
    for _ in range(half - used + 1):
        before, used = used, used + _used(scene, scene.calling(kept, _SPENT, rest, suspend=True))
        if used == before or used >= half:
            break
    empty = _used(scene, scene.calling(kept, _SPENT, rest, suspend=True)) if used == half else 0
    if used > half or empty:
        scene.trial.fail(f"{half} in all", used + empty, path="/ok/used", words="more fuel than was left")
    scene.calling(kept, whole.expected[1], limits(fuel=second - used), rule=_EQUAL)


_SHARES: Final = st.tuples(st.integers(0, 99), st.sampled_from(_CROSSINGS))

PROPERTIES: Final = (
    of_sandboxes(
        *("sandbox/suspend/divided", equal, _EQUAL, _KEPT),
        features=("suspend",),
        given={
            "kind": st.integers(0, len(_BUILDS) - 1),
            "turn": st.integers(0, 1),
            "parts": st.lists(_SHARES, min_size=1, max_size=5),
            "more": st.sampled_from((0, 1, 1_000_000)),
        },
        examples=20,
        cost=180,
    ),
    of_sandboxes("sandbox/suspend/start", started, _EQUAL, _KEPT, features=("suspend", "wide")),
    of_sandboxes("sandbox/suspend/each-unit", each_unit, _EQUAL, _KEPT, features=("suspend",)),
    of_sandboxes("sandbox/suspend/failed", failed, "sandbox.fail.atomic", _KEPT, features=("suspend", "atomic")),
    of_sandboxes("sandbox/suspend/tank", out_of_the_tank, "sandbox.tank.carried", _EQUAL, features=("suspend", "tank")),
)
