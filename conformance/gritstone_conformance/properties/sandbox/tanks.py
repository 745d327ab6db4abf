"""Tanks: the fuel of an instance and its copies is one budget, in any order of calls, copies and exports.

A client learns what is left only from the calls that are done, so a model counts it: what a call costs is measured
once, and each tank gets an amount that is enough for some calls and not for another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.properties.sandbox.scene import Report, SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_probes import Prediction, counter, predict
from gritstone_conformance.strategies.sandbox_states import sized, unsteady
from gritstone_conformance.trial import SubjectLike

__all__ = ["PROPERTIES"]

_CALLS: Final = 12  # of one instance
_REST: Final = limits(fuel=None)
_CARRIED, _MOVED = "sandbox.tank.carried", "sandbox.tank.moved"
_SPENT: Final = Prediction("exhausted:fuel")


@dataclass(slots=True)
class _Tank:
    """What the model knows of a tank.

    Attributes:
        left: the units that are left.
        rule: the rule that a wrong amount violates.
    """

    left: int
    rule: str = _CARRIED


@dataclass(slots=True)
class _Copy:
    """What the model knows of an instance or a snapshot.

    Attributes:
        handle: its handle.
        calls: how often its entry was called.
        tank: its tank.
        on: its process; None for the first one.
    """

    handle: str
    calls: int
    tank: _Tank
    on: SubjectLike | None = None


def _costs(scene: SandboxScene) -> list[int]:
    """Return what each call of a counter uses."""
    expected = predict(counter, _CALLS)
    report = scene.running(counter, expected[0], keep=True)
    later = (scene.calling(report.instance, each) for each in expected[1:])
    return [_used(scene, each) for each in (report, *later)]


def _used(scene: SandboxScene, report: Report) -> int:
    if report.used is None:
        scene.trial.fail("a number", None, path="/ok/used", words="no amount of fuel")
    return report.used


class _World:
    """The tanks of a host and a model of them.

    Each operation picks its copy by a drawn number and does nothing where there is none.
    """

    def __init__(self, scene: SandboxScene, other: SubjectLike | None) -> None:
        self.scene = scene
        self.other = other
        self.slack = int(scene.trial.claims.limits["fuel_slack"])
        self.costs = _costs(scene)
        self.expected = predict(counter, _CALLS)
        self.instances: list[_Copy] = []
        self.snapshots: list[_Copy] = []

    def _amount(self, calls: int, drawn: int) -> int:
        """Return enough fuel for one to three calls after some calls, and not for one more."""
        end = min(calls + 1 + drawn % 3, _CALLS - 1)
        return sum(self.costs[calls:end]) + drawn * 7919 % max(self.costs[end], 1)

    def run(self, drawn: int) -> None:
        """Run a counter with a budget."""
        tank = _Tank(self._amount(0, drawn))
        report = self.scene.running(counter, self.expected[0], limits(fuel=tank.left), keep=True)
        tank.left -= _used(self.scene, report)
        self.instances.append(_Copy(str(report.instance), 1, tank))

    def rest(self, drawn: int) -> None:
        """Call an instance with what is left."""
        copy = self._picked(drawn)
        if copy is None:
            return
        tank, cost = copy.tank, self.costs[copy.calls]
        if tank.left and cost - self.slack <= tank.left < cost:
            return  # a host with slack may end this call in either way
        if tank.left >= cost:
            expected = self.expected[copy.calls]
            report = self.scene.calling(copy.handle, expected, _REST, rule=tank.rule, on=copy.on)
            copy.calls += 1
            tank.left -= _used(self.scene, report)
            return
        used = _used(self.scene, self.scene.calling(copy.handle, _SPENT, _REST, rule=tank.rule, on=copy.on))
        if used > tank.left:
            self.scene.trial.fail(f"at most {tank.left}", used, path="/ok/used", words="more fuel than was left")
        if not self.scene.claims("atomic"):
            tank.left -= used
            self.instances.remove(copy)

    def refill(self, drawn: int) -> None:
        """Call an instance with a number, which begins a new tank."""
        copy = self._picked(drawn)
        if copy is not None and copy.calls < _CALLS - 1:
            tank = _Tank(self._amount(copy.calls, drawn))
            within, expected = limits(fuel=tank.left), self.expected[copy.calls]
            tank.left -= _used(self.scene, self.scene.calling(copy.handle, expected, within, on=copy.on))
            copy.calls, copy.tank = copy.calls + 1, tank

    def snapshot(self, drawn: int) -> None:
        """Make a snapshot."""
        if self.instances:
            copy = self.instances[drawn % len(self.instances)]
            self.snapshots.append(_Copy(self.scene.snapshot(copy.handle, on=copy.on), copy.calls, copy.tank, copy.on))

    def resume(self, drawn: int) -> None:
        """Make an instance of a snapshot."""
        if self.snapshots:
            copy = self.snapshots[drawn % len(self.snapshots)]
            self.instances.append(_Copy(self.scene.resume(copy.handle, on=copy.on), copy.calls, copy.tank, copy.on))

    def carry(self, drawn: int) -> None:
        """Export a snapshot with nothing, a part or all of its fuel, and import it, perhaps twice."""
        if not self.snapshots:
            return
        copy = self.snapshots[drawn % len(self.snapshots)]
        fuel = (None, 0, copy.tank.left // 2, copy.tank.left)[drawn // 8 % 4]
        data = self.scene.export(copy.handle, fuel=fuel, on=copy.on)
        tank = _Tank(fuel or 0, _MOVED)
        copy.tank.left -= tank.left
        copy.tank.rule = _MOVED if fuel else copy.tank.rule
        on = self.other if drawn % 3 else None
        for _ in range(1 + drawn // 32 % 2):
            self.snapshots.append(_Copy(self.scene.import_(data, on=on), copy.calls, tank, on))

    def ask_too_much(self, drawn: int) -> None:
        """Export a snapshot with more fuel than is left, which changes nothing."""
        if self.snapshots:
            copy = self.snapshots[drawn % len(self.snapshots)]
            args = {"snapshot": copy.handle, "fuel": copy.tank.left + 1 + drawn // 16}
            self.scene.trial.expect("sandbox.export", args, {"refused": "exhausted"}, rule=_MOVED, on=copy.on)

    def look(self) -> None:
        """Call every instance with what is left, and the instances of all snapshots."""
        for number in range(len(self.snapshots)):
            self.resume(number)
        for copy in list(self.instances):
            self.rest(self.instances.index(copy))

    def _picked(self, drawn: int) -> _Copy | None:
        if not self.instances:
            return None
        copy = self.instances[drawn % len(self.instances)]
        return copy if copy.calls < _CALLS else None


_SHARED: Final = ("run", "rest", "rest", "refill", "snapshot", "snapshot", "resume", "resume")
_CARRIED_OUT: Final = (*_SHARED, "rest", "carry", "carry", "carry", "ask_too_much")


def _orders(choices: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(choices), st.integers(0, 255)), min_size=6, max_size=24)


def together(scene: SandboxScene, orders: list[tuple[str, int]]) -> None:
    """Copies of an instance draw on one budget, in any order of calls and copies."""
    _act(_World(scene, None), orders)


def carried_out(scene: SandboxScene, orders: list[tuple[str, int]]) -> None:
    """Fuel that leaves with an export is gone here and is there, in this and in another process."""
    _act(_World(scene, scene.trial.other()), orders)


def _act(world: _World, orders: list[tuple[str, int]]) -> None:
    world.run(1)
    world.snapshot(0)
    for name, drawn in orders:
        getattr(world, name)(drawn)
    world.look()


def emptied(scene: SandboxScene) -> None:
    """A tank of exactly what two calls use is empty after them, for each copy; a number begins a new tank."""
    costs, expected = _costs(scene), predict(counter, _CALLS)
    kept = scene.running(counter, expected[0], limits(fuel=costs[0] + costs[1]), keep=True).instance
    early = scene.snapshot(str(kept))
    scene.calling(kept, expected[1], _REST)
    late = scene.snapshot(str(kept))
    for handle, following in ((early, 1), (late, 2)):
        copy = scene.resume(handle)
        used = _used(scene, scene.calling(copy, _SPENT, _REST))
        if used:
            scene.trial.fail(0, used, path="/ok/used", words="fuel out of an empty tank")
        copy = scene.resume(handle)
        scene.calling(copy, expected[following], limits(fuel=costs[following] + costs[following + 1]))
        scene.calling(copy, expected[following + 1], _REST)


def emptied_large(scene: SandboxScene) -> None:
    """A call out of an empty tank is exhausted, also where the memory is larger than the limit of the call."""
    build, large = sized(17), limits(pages=32)
    expected = predict(build, 2, 32)
    kept = scene.running(build, expected[0], large, keep=True)
    kept = scene.running(build, expected[0], limits(pages=32, fuel=_used(scene, kept)), keep=True)
    for pages in (16, 32):
        copy = scene.resume(scene.snapshot(str(kept.instance)))
        used = _used(scene, scene.calling(copy, _SPENT, limits(pages=pages, fuel=None)))
        if used:
            scene.trial.fail(0, used, path="/ok/used", words="fuel out of an empty tank")


def equal_amounts(scene: SandboxScene) -> None:
    """Two exports with the same fuel carry it twice, and two imports of one of them carry it once."""
    costs, expected = _costs(scene), predict(counter, _CALLS)
    kept = scene.running(counter, expected[0], limits(fuel=costs[0] + 2 * costs[1]), keep=True).instance
    snapshot = scene.snapshot(str(kept))
    one, other = (scene.export(snapshot, fuel=costs[1]) for _ in range(2))
    scene.calling(kept, _SPENT, _REST)
    copies = [scene.resume(scene.import_(data)) for data in (one, other, one)]
    for copy, each in zip(copies, (expected[1], expected[1], _SPENT), strict=True):
        scene.calling(copy, each, _REST)
    late = scene.resume(scene.import_(other))
    scene.calling(late, _SPENT, _REST)


def failed(scene: SandboxScene) -> None:
    """A call that fails takes nothing out of the tank, and begins no new one."""
    large, small = limits(pages=256), limits(pages=32)
    expected, trap = predict(unsteady, 3, 256), predict(unsteady)[0]
    kept = scene.running(unsteady, expected[0], large, keep=True)
    costs = [_used(scene, kept), *(_used(scene, scene.calling(kept.instance, each, large)) for each in expected[1:])]
    budget = limits(fuel=costs[0] + costs[1], pages=256)
    rest, short_rest = {**large, "fuel": None}, {**small, "fuel": None}
    for within in (short_rest, small, {**large, "fuel": 1}):
        if within["fuel"] == 1 and costs[1] - int(scene.trial.claims.limits["fuel_slack"]) <= 1:
            continue
        kept = scene.running(unsteady, expected[0], budget, keep=True)
        scene.calling(kept.instance, _SPENT if within["fuel"] == 1 else trap, within)
        scene.calling(kept.instance, expected[1], rest)
        scene.calling(kept.instance, _SPENT, rest)
    first = scene.running(unsteady, trap, limits(fuel=costs[0], pages=16), keep=True)
    scene.calling(first.instance, expected[0], rest)
    scene.calling(first.instance, _SPENT, rest)


PROPERTIES: Final = (
    of_sandboxes(
        *("sandbox/tank/machine", together, _CARRIED),
        features=("tank",),
        given={"orders": _orders(_SHARED)},
        kind="machine",
        examples=12,
        cost=120,
    ),
    of_sandboxes(
        *("sandbox/tank/exports", carried_out, _MOVED, _CARRIED),
        features=("tank", "export"),
        given={"orders": _orders(_CARRIED_OUT)},
        kind="machine",
        examples=12,
        cost=130,
    ),
    of_sandboxes("sandbox/tank/emptied", emptied, _CARRIED, features=("tank",)),
    of_sandboxes("sandbox/tank/emptied-large", emptied_large, _CARRIED, features=("tank",)),
    of_sandboxes("sandbox/tank/equal-amounts", equal_amounts, _MOVED, features=("tank", "export")),
    of_sandboxes("sandbox/tank/failed", failed, "sandbox.fail.atomic", features=("tank", "atomic")),
)
