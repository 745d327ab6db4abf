"""Instances, snapshots and exports: each handle is one state, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.sandbox.environments import elsewhere
from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.sandbox_defects import defective
from gritstone_conformance.strategies.sandbox_ends import ENDS, ending
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, counter, every_word, predict
from gritstone_conformance.strategies.sandbox_states import (
    failing,
    growing,
    leaving,
    scattered,
    sized,
    turning,
    unsteady,
)
from gritstone_conformance.strategies.sandbox_wide import floating
from gritstone_conformance.trial import SubjectLike

__all__ = ["PROPERTIES"]

_KINDS: Final[tuple[Build, ...]] = (counter, leaving, unsteady)
_LARGE: Final = limits(pages=256)
_PREDICTED: Final = 9  # calls of one instance
_BYSTANDING: Final = 60
_STEP: Final = 7  # pages
_MOST_COPIES: Final = 3
_FULL_MEMORY: Final = ("exhausted:memory", "failed")
_UNRESOLVED: Final = tuple(f"unresolved:{what}" for what in ("module", "import", "export", "limit"))


@dataclass(slots=True)
class _Copy:
    """What the model knows of an instance or a snapshot.

    Attributes:
        handle: its handle.
        kind: the index of its probe.
        calls: how often its entry was called.
    """

    handle: str
    kind: int
    calls: int


@dataclass(slots=True)
class _World:
    """The handles of a host and a model of their states.

    Each operation picks its handle by a drawn number and does nothing where there is none.
    """

    scene: SandboxScene
    instances: list[_Copy] = field(default_factory=list)
    snapshots: list[_Copy] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def run(self, drawn: int) -> None:
        """Run a probe and keep it."""
        kind = drawn % len(_KINDS)
        expected = predict(_KINDS[kind], _PREDICTED, 256)[0]
        report = self.scene.running(_KINDS[kind], expected, _LARGE, keep=True, rule="sandbox.run.fresh")
        self.instances.append(_Copy(str(report.instance), kind, 1))

    def again(self, drawn: int) -> None:
        """Call an instance again."""
        if self.instances:
            copy = self.instances[drawn % len(self.instances)]
            if copy.calls < _PREDICTED:
                expected = predict(_KINDS[copy.kind], _PREDICTED, 256)[copy.calls]
                self.scene.calling(copy.handle, expected, _LARGE)
                copy.calls += 1

    def fail(self, drawn: int) -> None:
        """Make a new run fail, or an instance if its state then stays."""
        copies = [copy for copy in self.instances if copy.kind == 2 and copy.calls == 1]
        trap = predict(unsteady)[0]
        if drawn % 2 and copies and self.scene.claims("atomic"):
            self.scene.calling(copies[drawn % len(copies)].handle, trap, limits(pages=32), rule="sandbox.fail.atomic")
        else:
            self.scene.running(failing, trap, rule="sandbox.fail.apart")

    def snapshot(self, drawn: int) -> None:
        """Make a snapshot of an instance."""
        if self.instances:
            copy = self.instances[drawn % len(self.instances)]
            self.snapshots.append(_Copy(self.scene.snapshot(copy.handle), copy.kind, copy.calls))

    def resume(self, drawn: int) -> None:
        """Make an instance of a snapshot."""
        if self.snapshots:
            copy = self.snapshots[drawn % len(self.snapshots)]
            self.instances.append(_Copy(self.scene.resume(copy.handle), copy.kind, copy.calls))

    def carry(self, drawn: int) -> None:
        """Export a snapshot and import it."""
        if self.snapshots and self.scene.claims("export"):
            copy = self.snapshots[drawn % len(self.snapshots)]
            handle = self.scene.import_(self.scene.export(copy.handle))
            self.snapshots.append(_Copy(handle, copy.kind, copy.calls))

    def close(self, drawn: int) -> None:
        """Close a handle."""
        pool = self.snapshots if drawn % 2 and self.snapshots else self.instances
        if pool:
            copy = pool.pop(drawn // 2 % len(pool))
            self.scene.close(copy.handle)
            self.closed.append(copy.handle)

    def use_closed(self, drawn: int) -> None:
        """Use a closed handle."""
        if self.closed:
            handle = self.closed[drawn % len(self.closed)]
            args = {"instance": handle, "limits": _LARGE}
            self.scene.trial.expect("sandbox.again", args, {"refused": "missing"}, rule="sandbox.keep.closed")
            self.scene.trial.expect(
                "sandbox.close", {"handle": handle}, {"refused": "missing"}, rule="sandbox.keep.closed"
            )

    def look(self) -> None:
        """Call every instance once more."""
        for number in range(len(self.instances)):
            self.again(number)


_KEPT: Final = ("run", "again", "again", "fail", "close", "use_closed")
_COPIED: Final = (*_KEPT, "again", "snapshot", "snapshot", "resume", "resume", "carry")


def _orders(choices: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(choices), st.integers(0, 255)), min_size=8, max_size=30)


def apart(scene: SandboxScene, orders: list[tuple[str, int]]) -> None:
    """Handles behave as if each were the only one, in any order of operations."""
    world = _World(scene)
    world.run(0)
    for name, drawn in orders:
        getattr(world, name)(drawn)
    world.look()


def handles(scene: SandboxScene) -> None:
    """Each kept instance has a handle of its own, also when others were closed."""
    made: list[str] = []
    for build in (*_KINDS, counter, every_word(256)):
        report = scene.running(build, predict(build, 1, 256)[0], _LARGE, keep=True)
        if report.instance is None or report.instance in made:
            wanted = f"a handle other than {made}"
            scene.trial.fail(wanted, report.instance, path="/ok/instance", words="no handle of its own")
        made.append(report.instance)
    scene.close(made.pop(0))
    report = scene.running(counter, predict(counter)[0], keep=True)
    if report.instance in made:
        scene.trial.fail("a new handle", report.instance, path="/ok/instance", words="the handle of another instance")


def float_bits(scene: SandboxScene, single: int, double: int) -> None:
    """The bits of float globals stay in each call and in each copy, whatever number or NaN they are."""
    build = floating(single, double)
    expected = predict(build, 5, wide=True)
    kept = str(scene.running(build, expected[0], keep=True, rule="sandbox.module.wide").instance)
    copied = scene.resume(scene.snapshot(kept))
    for number in (1, 2):
        scene.calling(copied, expected[number])
    scene.calling(kept, expected[1], rule="sandbox.keep.state")
    if scene.claims("export"):
        moved = scene.resume(scene.import_(scene.export(scene.snapshot(copied))))
        scene.calling(moved, expected[3], rule="sandbox.export.complete")
        scene.calling(scene.resume(scene.snapshot(moved)), expected[4])


def copies(scene: SandboxScene) -> None:
    """Each snapshot and each resumed instance has a handle of its own; closing one leaves those of equal states."""
    report = scene.running(counter, predict(counter)[0], keep=True)
    instance = str(report.instance)
    snapshots = [scene.snapshot(instance) for _ in range(3)]
    if scene.claims("export"):
        data = scene.export(snapshots[0])
        snapshots += [scene.import_(data) for _ in range(2)]
    instances = [instance, *(scene.resume(snapshot) for snapshot in (*snapshots, snapshots[0]))]
    made = [*snapshots, *instances]
    repeated = next((handle for handle in made if made.count(handle) > 1), None)
    if repeated is not None:
        scene.trial.fail("handles that differ", repeated, words="two copies have the same handle")
    for handle in (*snapshots[:-1], *instances[:-1]):
        scene.close(handle)
    scene.calling(scene.resume(snapshots[-1]), predict(counter, 2)[1])
    scene.calling(instances[-1], predict(counter, 2)[1])


class _Bystanders:
    """Kept instances and snapshots in several states, which nothing that happens to others may change."""

    def __init__(self, scene: SandboxScene) -> None:
        self._scene = scene
        self._expected = {build: predict(build, _BYSTANDING) for build in (counter, leaving, turning)}
        self._calls = dict.fromkeys(self._expected, 1)
        self._handles = {
            build: str(scene.running(build, each[0], keep=True).instance) for build, each in self._expected.items()
        }
        copied = self._handles if scene.claims("snapshot") else {}
        self._snapshots = {build: scene.snapshot(handle) for build, handle in copied.items()}

    def look(self) -> None:
        """Call each instance once more, and run its probe again."""
        for build, expected in self._expected.items():
            self._scene.calling(self._handles[build], expected[self._calls[build]])
            self._scene.running(build, expected[0])
            self._calls[build] += 1

    def look_at_snapshots(self) -> None:
        """Resume each snapshot and call the instance."""
        for build, snapshot in self._snapshots.items():
            resumed = self._scene.resume(snapshot)
            self._scene.calling(resumed, self._expected[build][1])
            self._scene.close(resumed)


def each_end(scene: SandboxScene) -> None:
    """After a call that ends in any way, other instances, snapshots and later runs are as they would be alone."""
    _ends_apart(scene, [name for name, end in ENDS.items() if not end.abis or scene.abi in end.abis])


def each_end_wasi(scene: SandboxScene) -> None:
    """The same with WASI, for ends by which a host may treat its functions in another way."""
    _ends_apart(scene, _WASI_ENDS)


def _ends_apart(scene: SandboxScene, names: Sequence[str]) -> None:
    bystanders = _Bystanders(scene)
    for name in names:
        end = ENDS[name]
        for later in (False, True):
            first, second = ending(name, later=later), end.outcomes
            report = scene.ending(first, ("done",) if later else second, keep=True)
            bystanders.look()
            if later:
                scene.ending_again(str(report.instance), second)
                bystanders.look()
                if scene.claims("atomic"):
                    scene.ending_again(str(report.instance), second, rule="sandbox.fail.atomic")
        scene.ending(ending(name), end.outcomes)
        bystanders.look()
    bystanders.look_at_snapshots()


def each_refusal(scene: SandboxScene) -> None:
    """After a refused module, a closed handle or a refused import, other instances and snapshots are unchanged."""
    bystanders = _Bystanders(scene)
    for build in defective(every_word(1)).values():
        scene.ending(build, _UNRESOLVED, keep=True)
        bystanders.look()
    scene.ending(sized(17), (*_UNRESOLVED, *_FULL_MEMORY), keep=True, rule="sandbox.pages.bound")
    bystanders.look()
    for refused in ("again", "close"):
        closed = str(scene.running(counter, predict(counter)[0], keep=True).instance)
        scene.close(closed)
        args: dict[str, Json] = {"handle": closed} if refused == "close" else {"instance": closed, "limits": limits()}
        scene.trial.expect(f"sandbox.{refused}", args, {"refused": "missing"}, rule="sandbox.keep.closed")
        bystanders.look()
    if scene.claims("export"):
        refusals: dict[str, Json] = {"any": [{"refused": kind} for kind in ("malformed", "invalid", "rejected")]}
        scene.trial.expect(
            "sandbox.import", {"bytes": to_base64(b"no export")}, refusals, rule="sandbox.import.checked"
        )
        bystanders.look()
    bystanders.look_at_snapshots()


def own_pages(scene: SandboxScene, calls: list[tuple[int, int]]) -> None:
    """Each call of an instance has its own limit of pages, whatever limits its and other calls had before."""
    build, sizes = growing(1, step=_STEP), list[tuple[str, int]]()
    for which, more in calls:
        copy = which % (_MOST_COPIES + 1)
        size = sizes[copy][1] if copy < len(sizes) else 1
        most = -(-size // 16) * 16 + 16 * more
        fits = size + _STEP <= most
        words = (size, size + _STEP) if fits else (0xFFFF_FFFF, size)
        expected, ends = Prediction("done", words), () if fits else _FULL_MEMORY
        if copy < len(sizes):
            report = scene.calling(sizes[copy][0], expected, limits(pages=most), or_ends=ends)
        else:
            report = scene.running(build, expected, limits(pages=most), keep=True, or_ends=ends)
            copy = len(sizes)
            sizes.append((str(report.instance), size))
        if fits:
            sizes[copy] = sizes[copy][0], size + _STEP
        elif report.outcome != "done" and not scene.claims("atomic"):
            sizes.pop(copy)


def first_failure(scene: SandboxScene) -> None:
    """An instance whose first call failed is kept, with the state that the module defines."""
    expected = predict(unsteady, 2, 256)
    report = scene.running(unsteady, predict(unsteady)[0], keep=True)
    if report.instance is None:
        scene.trial.fail("a handle", None, path="/ok/instance", words="the instance was dropped")
    for each in expected:
        scene.calling(report.instance, each, _LARGE)


def equal(scene: SandboxScene) -> None:
    """An instance that was copied after each of its calls makes the same calls as one that was not."""
    for build in _KINDS:
        expected = predict(build, 4, 256)
        first = scene.running(build, expected[0], _LARGE, keep=True)
        used = [first.used]
        alone = first.instance
        copied = scene.running(build, expected[0], _LARGE, keep=True).instance
        for each in expected[1:]:
            used.append(scene.calling(alone, each, _LARGE).used)
            copied = scene.resume(scene.snapshot(str(copied)))
            report = scene.calling(copied, each, _LARGE)
            if report.used != used[-1]:
                scene.trial.fail(used[-1], report.used, path="/ok/used", words="another amount of fuel")


def exported(scene: SandboxScene) -> None:
    """An export continues in another process with the same calls, and equal snapshots have equal exports."""
    other = scene.trial.other()
    for build in _KINDS:
        expected = predict(build, 3, 256)
        kept = str(scene.running(build, expected[0], _LARGE, keep=True).instance)
        data = scene.export(scene.snapshot(kept))
        moved = scene.resume(scene.import_(data, on=other), on=other)
        here = scene.calling(kept, expected[1], _LARGE)
        there = scene.calling(moved, expected[1], _LARGE, on=other)
        if here.used != there.used:
            scene.trial.fail(here.used, there.used, path="/ok/used", words="another amount of fuel")
        scene.calling(moved, expected[2], _LARGE, on=other)


def exported_same(scene: SandboxScene) -> None:
    """Equal calls in two processes, with other environments, leave snapshots with equal exports."""
    with elsewhere(scene) as other:
        for build in (*_KINDS, scattered):
            _exports_same(scene, build, other)


def _exports_same(scene: SandboxScene, build: Build, other: SubjectLike) -> None:
    expected = predict(build, 2, 256)
    made = []
    for process in (None, other):
        kept = str(scene.running(build, expected[0], _LARGE, keep=True, on=process).instance)
        scene.calling(kept, expected[1], _LARGE, on=process)
        snapshot = scene.snapshot(kept, on=process)
        made += [scene.export(snapshot, on=process) for _ in range(2)]
    for data in made[1:]:
        if data != made[0]:
            scene.trial.fail(to_base64(made[0][:256]), to_base64(data[:256]), words="other bytes")


_WASI_ENDS: Final = ("unreachable", "loop", "exit")


def _bits(size: int, fraction: int) -> st.SearchStrategy[int]:
    """Return a strategy of the bits of a float, half of them those of a NaN or of an infinity."""
    any_bits = st.integers(0, (1 << size) - 1)
    special = (1 << size - 1) - (1 << fraction)
    return st.one_of(any_bits, any_bits.map(lambda bits: bits | special))


_FAIL_APART: Final = "sandbox.fail.apart"

PROPERTIES: Final = (
    of_sandboxes(
        *("sandbox/keep/machine", apart, "sandbox.run.apart", "sandbox.run.fresh", "sandbox.keep.state"),
        *("sandbox.keep.closed", "sandbox.fail.apart", "sandbox.fail.atomic"),
        features=("keep",),
        given={"orders": _orders(_KEPT)},
        kind="machine",
        examples=6,
    ),
    of_sandboxes(
        *("sandbox/fork/machine", apart, "sandbox.fork.apart", "sandbox.snapshot.fixed", "sandbox.snapshot.memory"),
        *("sandbox.snapshot.globals", "sandbox.keep.closed", "sandbox.fail.atomic", "sandbox.run.fresh"),
        features=("snapshot",),
        given={"orders": _orders(_COPIED)},
        kind="machine",
        examples=10,
        cost=70,
    ),
    of_sandboxes("sandbox/keep/handles", handles, "sandbox.keep.handle", features=("keep",)),
    of_sandboxes("sandbox/keep/copies", copies, "sandbox.keep.handle", features=("snapshot",)),
    of_sandboxes("sandbox/fail/each-end", each_end, _FAIL_APART, "sandbox.fail.atomic", features=("keep",), cost=140),
    of_sandboxes(
        *("sandbox/fail/each-end-wasi", each_end_wasi, _FAIL_APART, "sandbox.fail.atomic"),
        features=("keep",),
        abi="wasi",
        cost=50,
    ),
    of_sandboxes(
        *("sandbox/fail/each-refusal", each_refusal, _FAIL_APART, "sandbox.keep.closed"), features=("keep",), cost=80
    ),
    of_sandboxes(
        *("sandbox/limits/pages-of-each-call", own_pages, "sandbox.limits.own"),
        features=("keep",),
        given={"calls": st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=4, max_size=16)},
        examples=8,
    ),
    of_sandboxes("sandbox/fail/first", first_failure, "sandbox.fail.atomic", features=("atomic",)),
    of_sandboxes(
        *("sandbox/snapshot/float-bits", float_bits, "sandbox.snapshot.globals", "sandbox.module.wide"),
        *("sandbox.keep.state", "sandbox.export.complete"),
        features=("snapshot", "wide"),
        given={"single": _bits(32, 23), "double": _bits(64, 52)},
        examples=12,
        cost=70,
    ),
    of_sandboxes("sandbox/fork/equal", equal, "sandbox.fork.equal", features=("snapshot",)),
    of_sandboxes("sandbox/export/other-process", exported, "sandbox.export.complete", features=("export",)),
    of_sandboxes("sandbox/export/same", exported_same, "sandbox.export.same", features=("export",), cost=70),
)
