"""Cases of instances, snapshots and exports: fixed orders of operations on probes that count or change their state."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.strategies import sandbox_probes as probes
from gritstone_conformance.strategies import sandbox_states as states
from gritstone_conformance.strategies.sandbox_probes import Prediction, predict
from selftests.vectors.sandbox_scripts import FULL_STACK, LIMITS, SHORT, STOPPED, Draft, Script

__all__ = ["INSTANCES", "SNAPSHOTS"]

_COUNTS: Final = predict(probes.counter, 8)
_LEFT: Final = predict(states.leaving, 2)
_TURNED: Final = predict(states.turning, 3)
_UNSTEADY: Final = predict(states.unsteady, 2, 64)
_TRAP: Final = Prediction("failed:trap:unreachable")
_WORD: Final = probes.every_word(1)
_DONE: Final = predict(_WORD)[0]
_LARGE, _SMALL = {**LIMITS, "pages": 64}, {**LIMITS, "pages": 32}


def _run_fresh(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0])
        .run(states.leaving, _LEFT[0])
        .run(probes.counter, _COUNTS[0])
        .run(states.leaving, _LEFT[0])
    )


def _run_interleaved(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .run(states.leaving, _LEFT[0], "b")
        .run(probes.counter, _COUNTS[0], "c")
        .again("a", _COUNTS[1])
        .again("b", _LEFT[1])
        .again("c", _COUNTS[1])
        .again("a", _COUNTS[2])
        .again("b", _LEFT[1])
    )


def _keep_counts(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .again("a", _COUNTS[1])
        .again("a", _COUNTS[2])
        .run(states.leaving, _LEFT[0], "b")
        .again("b", _LEFT[1])
    )


def _keep_closed(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .run(probes.counter, _COUNTS[0], "b")
        .again("a", _COUNTS[1])
        .close("a")
        .missing("again", "instance", "a")
        .missing("close", "handle", "a")
        .again("b", _COUNTS[1])
        .run(probes.counter, _COUNTS[0], "c")
        .missing("again", "instance", "a")
    )


def _fail_apart(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .run(states.failing, _TRAP)
        .again("a", _COUNTS[1])
        .run(states.endless("branch"), STOPPED, limits=SHORT)
        .again("a", _COUNTS[2])
        .run(states.recursing("direct"), FULL_STACK)
        .again("a", _COUNTS[3])
        .run(states.unsteady, _UNSTEADY[0], limits=_LARGE)
        .run(_WORD, _DONE)
    )


def _fail_atomic(script: Script) -> Script:
    return (
        script.run(states.unsteady, _UNSTEADY[0], "a", _LARGE)
        .again("a", _TRAP, _SMALL)
        .again("a", _TRAP, _SMALL)
        .again("a", _UNSTEADY[1], _LARGE)
    )


def _fail_atomic_first(script: Script) -> Script:
    return script.run(states.unsteady, _TRAP, "a").again("a", _UNSTEADY[0], _LARGE)


INSTANCES: Final = (
    Draft("run/fresh", ("run.fresh",), _run_fresh),
    Draft("run/interleaved", ("run.apart",), _run_interleaved, ("keep",)),
    Draft("keep/counts", ("keep.state",), _keep_counts, ("keep",)),
    Draft("keep/closed", ("keep.closed",), _keep_closed, ("keep",)),
    Draft("fail/apart", ("fail.apart",), _fail_apart, ("keep",)),
    Draft(
        "fail/atomic",
        ("fail.atomic",),
        _fail_atomic,
        ("keep", "atomic"),
        comment="The failed calls have written to the memory, set a global and grown the memory.",
    ),
    Draft("fail/atomic-first", ("fail.atomic",), _fail_atomic_first, ("keep", "atomic")),
)


def _fork_counts(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "parent")
        .snapshot("parent", "s")
        .resume("s", "x")
        .resume("s", "y")
        .again("x", _COUNTS[1])
        .again("x", _COUNTS[2])
        .again("y", _COUNTS[1])
        .again("x", _COUNTS[3])
        .again("parent", _COUNTS[1])
        .again("y", _COUNTS[2])
        .resume("s", "z")
        .again("z", _COUNTS[1], rule="sandbox.snapshot.fixed")
    )


def _snapshot_globals(script: Script) -> Script:
    return (
        script.run(states.turning, _TURNED[0], "a")
        .snapshot("a", "s")
        .resume("s", "b")
        .again("b", _TURNED[1])
        .snapshot("b", "t")
        .resume("t", "c")
        .again("c", _TURNED[2])
    )


def _snapshot_memory(script: Script) -> Script:
    return script.run(states.leaving, _LEFT[0], "a").snapshot("a", "s").resume("s", "b").again("b", _LEFT[1])


def _snapshot_before_the_first_change(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .resume("s", "b")
        .snapshot("b", "t")
        .resume("t", "c")
        .again("c", _COUNTS[1])
        .again("a", _COUNTS[1])
    )


def _snapshot_of_a_closed_instance(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .close("a")
        .resume("s", "b")
        .close("s")
        .again("b", _COUNTS[1])
        .missing("resume", "snapshot", "s", "sandbox.keep.closed")
        .missing("snapshot", "instance", "a", "sandbox.keep.closed")
        .again("b", _COUNTS[2])
    )


def _snapshot_after_a_failed_child(script: Script) -> Script:
    return (
        script.run(states.unsteady, _UNSTEADY[0], "a", _LARGE)
        .snapshot("a", "s")
        .resume("s", "b")
        .again("b", _TRAP, {**LIMITS, "pages": 32})
        .resume("s", "c")
        .again("c", _UNSTEADY[1], _LARGE)
    )


def _snapshot_kinds_of_handles(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .missing("again", "instance", "s")
        .missing("resume", "snapshot", "a")
        .missing("snapshot", "instance", "s")
        .again("a", _COUNTS[1])
    )


def _export_same_process(script: Script) -> Script:
    return (
        script.run(states.leaving, _LEFT[0], "a")
        .snapshot("a", "s")
        .copy("export", "snapshot", "s", "bytes", "data")
        .close("a")
        .close("s")
        .copy("import", "bytes", "data", "snapshot", "t")
        .resume("t", "b")
        .again("b", _LEFT[1])
    )


def _export_of_closed(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .copy("export", "snapshot", "s", "bytes", "data")
        .close("s")
        .missing("export", "snapshot", "s")
        .missing("export", "snapshot", "a")
        .again("a", _COUNTS[1])
    )


SNAPSHOTS: Final = (
    Draft("fork/counts", ("fork.apart", "snapshot.fixed"), _fork_counts, ("snapshot",)),
    Draft("snapshot/globals", ("snapshot.globals",), _snapshot_globals, ("snapshot",)),
    Draft("snapshot/memory", ("snapshot.memory", "snapshot.globals"), _snapshot_memory, ("snapshot",)),
    Draft(
        "snapshot/before-the-first-change",
        ("snapshot.quiet", "fork.equal"),
        _snapshot_before_the_first_change,
        ("snapshot",),
    ),
    Draft(
        "snapshot/of-a-closed-instance",
        ("snapshot.fixed", "keep.closed"),
        _snapshot_of_a_closed_instance,
        ("snapshot",),
    ),
    Draft("snapshot/after-a-failed-child", ("snapshot.fixed",), _snapshot_after_a_failed_child, ("snapshot",)),
    Draft("snapshot/kinds-of-handles", ("keep.closed",), _snapshot_kinds_of_handles, ("snapshot",)),
    Draft("export/same-process", ("export.complete",), _export_same_process, ("export",)),
    Draft("export/of-closed", ("keep.closed",), _export_of_closed, ("export",)),
)
