"""Cases of runs that use no fuel, of tanks and of suspended calls.

Amounts of fuel are the host's own, so these cases are about calls that need far less than a limit, or have no end.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import sandbox_defects as defects
from gritstone_conformance.strategies import sandbox_probes as probes
from gritstone_conformance.strategies import sandbox_states as states
from gritstone_conformance.strategies.sandbox_probes import Prediction, predict
from gritstone_conformance.strategies.sandbox_work import counting
from selftests.vectors.sandbox_scripts import LIMITS, Draft, Script

__all__ = ["SUSPENDED", "TANKS", "UNUSED"]

_COUNTS: Final = predict(probes.counter, 4)
_ONCE: Final = predict(states.once, 1)
_REST: Final[dict[str, Json]] = {**LIMITS, "fuel": None}
_SPENT: Final = ("exhausted:fuel",)


def _module_uses_no_fuel(script: Script) -> Script:
    whole = probes.every_word(2)
    script.run(whole, predict(whole)[0])
    for build in defects.defective(whole).values():
        script.unresolved(build(script.abi))
    return script


UNUSED: Final = (Draft("module/uses-no-fuel", ("fuel.unresolved",), _module_uses_no_fuel, ("fuel",)),)


def _tank_rest(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .again("a", _COUNTS[1], _REST)
        .run(states.once, _ONCE[0], "b", {**LIMITS, "fuel": 1_000_000})
        .again("b", _SPENT, _REST)
    )


def _tank_of_a_fork(script: Script) -> Script:
    return (
        script.run(states.once, _ONCE[0], "a", {**LIMITS, "fuel": 1_000_000})
        .snapshot("a", "s")
        .resume("s", "b")
        .snapshot("b", "t")
        .resume("t", "c")
        .again("c", _SPENT, _REST)
        .run(probes.counter, _COUNTS[0], "d")
        .snapshot("d", "u")
        .resume("u", "e")
        .again("e", _COUNTS[1], _REST)
        .again("d", _COUNTS[1], _REST)
    )


def _tank_of_an_export(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .export("s", "some", 100_000_000)
        .copy("import", "bytes", "some", "snapshot", "t")
        .resume("t", "b")
        .again("b", _COUNTS[1], _REST)
        .again("a", _COUNTS[1], _REST)
        .export("s", "none", None)
        .copy("import", "bytes", "none", "snapshot", "u")
        .resume("u", "c")
        .again("c", _SPENT, _REST)
    )


def _tank_more_than_is_left(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a")
        .snapshot("a", "s")
        .export("s", "most", 900_000_000)
        .too_much("s", 100_000_001)
        .again("a", _COUNTS[1], _REST)
        .again("a", _COUNTS[2])
        .snapshot("a", "t")
        .export("t", "other", 900_000_000)
        .too_much("s", 100_000_001)
    )


def _tank_without_a_limit(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a", _REST)
        .again("a", _COUNTS[1], _REST, rule="sandbox.tank.carried")
        .snapshot("a", "s")
        .export("s", "none", None)
        .copy("import", "bytes", "none", "snapshot", "t")
        .resume("t", "b")
        .again("b", _COUNTS[2], _REST, rule="sandbox.tank.moved")
    )


def _tank_of_few_units(script: Script) -> Script:
    script.run(probes.counter, _COUNTS[0], "a", _REST).snapshot("a", "s")
    for name, fuel in (("none", 0), ("few", 50)):
        script = (
            script.export("s", name, fuel)
            .copy("import", "bytes", name, "snapshot", f"{name}-t")
            .resume(f"{name}-t", f"{name}-b")
            .again(f"{name}-b", _SPENT, _REST, rule="sandbox.tank.moved")
        )
    return script.again("a", _COUNTS[1], _REST)


TANKS: Final = (
    Draft(
        "tank/rest",
        ("tank.carried",),
        _tank_rest,
        ("tank",),
        comment="The first call of the second probe ends, and the next one does not.",
    ),
    Draft("tank/of-a-fork", ("tank.carried",), _tank_of_a_fork, ("tank",)),
    Draft(
        "tank/of-an-export",
        ("tank.moved",),
        _tank_of_an_export,
        ("tank", "export"),
        comment="The second export carries no fuel.",
    ),
    Draft(
        "tank/more-than-is-left",
        ("tank.moved",),
        _tank_more_than_is_left,
        ("tank", "export"),
        comment="The first tank had 1,000,000,000 units. A call with a number has a tank of its own.",
    ),
    Draft(
        "tank/of-few-units",
        ("tank.moved",),
        _tank_of_few_units,
        ("tank", "export"),
        comment="The tank has no limit, and the exports carry 0 and 50 units.",
    ),
    Draft("tank/without-a-limit", ("tank.carried", "tank.moved"), _tank_without_a_limit, ("tank", "export")),
)

_ROUNDS: Final = 10_000_000
_LONG: Final = counting(_ROUNDS)
_COUNTED: Final = Prediction("done", (_ROUNDS,))
_SHORT: Final[dict[str, Json]] = {**LIMITS, "fuel": 100_000}
_WAITS: Final = ("suspended",)


def _suspend_kept(script: Script) -> Script:
    return (
        script.run(probes.counter, _COUNTS[0], "a", suspend=True)
        .run(states.endless("branch"), _WAITS, "b", _SHORT, suspend=True)
        .again("b", _WAITS, _SHORT, suspend=True)
        .again("a", _COUNTS[1], suspend=True)
        .again("b", ("exhausted:fuel",), _SHORT)
    )


def _suspend_continued(script: Script) -> Script:
    return (
        script.run(_LONG, _COUNTED)
        .run(_LONG, _WAITS, "a", _SHORT, suspend=True)
        .again("a", _WAITS, _SHORT, suspend=True)
        .again("a", _COUNTED)
        .again("a", _WAITS, _SHORT, suspend=True)
        .again("a", _COUNTED, suspend=True)
    )


def _suspend_copied(script: Script) -> Script:
    return (
        script.run(_LONG, _WAITS, "a", _SHORT, suspend=True)
        .snapshot("a", "s")
        .again("a", _COUNTED)
        .copy("export", "snapshot", "s", "bytes", "data")
        .copy("import", "bytes", "data", "snapshot", "t")
        .resume("t", "b")
        .again("b", _WAITS, _SHORT, suspend=True)
        .again("b", _COUNTED)
        .resume("s", "c")
        .again("c", _COUNTED)
    )


SUSPENDED: Final = (
    Draft("suspend/kept", ("suspend.kept",), _suspend_kept, ("suspend",)),
    Draft("suspend/continued", ("suspend.equal",), _suspend_continued, ("suspend",)),
    Draft("suspend/copied", ("suspend.equal",), _suspend_copied, ("suspend", "export")),
)
