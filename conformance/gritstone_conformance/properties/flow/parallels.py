"""Parallels: order and number of calls, dependencies, optional subs, and the stop after a failure."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import in_key_order
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import TOOLS, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("b", "a", "dd", "c", "aa", "d", "f", "e")
_OUT: Final = end(output="$out.p")


def _started(scene: FlowScene, subs: dict[str, Any], rule: str, limits: Any = None, **members: Any) -> FlowScene:
    """Start a flow with a parallel, and a call after it if it fails."""
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e", **members}, "e": _OUT}
    tools = {**TOOLS, "d": {"peer": "edge", "params": ["x"], "when": "False"}}
    return scene.start(program("p", limits, **nodes), policy(tools=tools), {"x": 1}, rule=rule)


def _sub(tool: str = "t", **members: Any) -> dict[str, Any]:
    return {"tool": tool, "args": {}, **members}


def _answer(scene: FlowScene, key: str, value: Any, rule: str) -> None:
    """Answer the open call of a sub: with a value, or with an error for None."""
    found = scene.call_of(key)
    attempt = int(dict(found.message.headers)["attempt"])
    if value is None:
        scene.error(call=found, attempt=attempt, retry=False, rule=rule)
    else:
        scene.ok(value, call=found, attempt=attempt, rule=rule)


def _graph(tape: Tape, most: int = 8) -> dict[str, Any]:
    """Return subs that depend on those before them."""
    subs: dict[str, Any] = {}
    for name in _NAMES[: tape.within(1, most)]:
        depends = [each for each in subs if tape.once_in(3)]
        subs[name] = _sub("tuv"[tape.below(3)], args={"x": name})
        if depends:
            subs[name] |= {"depends_on": depends, "args": {"x": [f"$dep.{each}" for each in depends]}}
    return subs


def graphs(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Subs are called in key order, as far as dependencies and width permit; the parallel ends for every width."""
    subs = _graph(tape)
    members = {"width": tape.pick((1, 2, 3, 64))} if tape.below(4) else {}
    scene = _started(FlowScene(trial, fmt), subs, "par.order", **members)
    while scene.state["at"] is not None:
        is_last = len(scene.state["done"]) == len(subs) - 1
        _answer(
            scene,
            tape.pick(sorted(scene.state["flight"])),
            f"{tape.below(9)}",
            "par.progress" if is_last else "par.order",
        )
    assert set(scene.state["output"]) == set(subs), "the model ends"
    scene.flush()


def depends(trial: Trial, fmt: Format) -> None:
    """A sub waits for all that it depends on; their outputs, or null, are in its arguments."""
    subs = {
        "a": _sub("t", args={"x": ["$dep.c", "$dep.b"]}, depends_on=["c", "b"]),
        "b": _sub("u", optional=True),
        "c": _sub("v", args={"x": 1}),
        "d": _sub("t", args={"x": "$dep.a"}, depends_on=["a"]),
    }
    scene = _started(FlowScene(trial, fmt), subs, "par.depends")
    for order in (("b", "c"), ("c", "b")):
        for value in ("v", None):
            with scene.fork():
                for key in order:
                    _answer(scene, key, value if key == "b" else "c", "par.depends")
                _answer(scene, "a", "A", "par.depends")
                _answer(scene, "d", "D", "par.depends")
    scene.flush()


def schedules(trial: Trial, fmt: Format, tape: Tape) -> None:
    """In every order of the same results, the output of a parallel and the trace are the same."""
    count = tape.within(2, 5)
    subs = {name: _sub("t", args={"x": name}, optional=name == "a") for name in _NAMES[:count]}
    subs["z"] = _sub("u", depends_on=["b"], args={"x": "$dep.b"})
    scene = _started(FlowScene(trial, fmt), subs, "par.order")
    found = set()
    for _ in range(3):
        with scene.fork():
            while scene.state["at"] is not None:
                key = tape.pick(sorted(scene.state["flight"]))
                _answer(scene, key, None if key == "a" else key, "par.schedule-free")
            scene.query("trace", "par.schedule-free")
            found.add((scene.trace_hash, str(scene.state["output"])))
    assert len(found) == 1, "the model depends on the order"
    scene.flush()


def stops(trial: Trial, fmt: Format, tape: Tape) -> None:
    """After a failure nothing is called or tried again; open calls are recorded; the first failure is the node's."""
    retry = {"max_attempts": 3, "backoff_ms": 10}
    subs = {name: _sub("t", args={"x": name}, retry=retry, timeout_ms=9) for name in _NAMES[: tape.within(2, 5)]}
    subs["zz"] = _sub("t", depends_on=["b"])
    scene = _started(
        FlowScene(trial, fmt), subs, "par.order", **({"width": tape.within(1, 4)} if tape.below(3) else {})
    )
    for _ in range(tape.below(3)):
        scene.error(call=scene.call_of(tape.pick(sorted(scene.state["flight"]))), rule="retry.schedule")
    open_calls = [key for key, flight in sorted(scene.state["flight"].items()) if flight["phase"] == "called"]
    if not open_calls:
        scene.fire(rule="retry.schedule")
        open_calls = [key for key, flight in sorted(scene.state["flight"].items()) if flight["phase"] == "called"]
    _answer(scene, tape.pick(open_calls), None, "par.stop")
    while scene.state["at"] is not None:
        key = tape.pick(sorted(scene.state["flight"]))
        way = tape.below(3)
        if way == 0:
            _answer(scene, key, "v", "par.stop")
        elif way == 1:
            found = scene.call_of(key)
            scene.error(call=found, rule="par.stop")
        else:
            scene.receipt(call=scene.call_of(key), rule="par.stop")
    scene.flush()


def optional(trial: Trial, fmt: Format) -> None:
    """Optional subs that fail, by each kind of failure, are null in the output; the others decide."""
    way: tuple[dict[str, Any], ...] = (
        *({"tool": "d"}, {"args": {"x": "$input.nope"}}, {"args": {"x": "${input.y}"}}, {"one_of": ["yes"]}, {}),
    )
    scene = FlowScene(trial, fmt)
    for members in way:
        for is_optional in (True, False):
            subs = {"a": _sub("t"), "b": {**_sub("t", optional=is_optional), **members}, "c": _sub("v", args={"x": 1})}
            _started(scene, subs, "par.optional", width=1)
            while scene.state["at"] is not None:
                key = next(iter(scene.state["flight"]))
                _answer(scene, key, None if key == "b" and not members else "no", "par.optional")
            output = scene.state.get("output")
            assert output is None or output == {"a": "no", "b": None, "c": "no"}, "the model has another output"
    for names in (("a",), ("a", "b", "c")):
        _started(scene, {name: _sub("d", optional=True) for name in names}, "par.optional")
    scene.flush()


def narrow(trial: Trial, fmt: Format) -> None:
    """A sub that failed or was denied does not occupy a place, so a parallel of width 1 ends when all have answered."""
    scene = FlowScene(trial, fmt)
    lost: tuple[dict[str, Any], ...] = ({"tool": "d"}, {"args": {"x": "$input.nope"}}, {"one_of": ["yes"]}, {})
    for members in lost:
        for names in (("a",), ("a", "b"), ("b", "c")):
            subs = {name: {**_sub(optional=True), **(members if name in names else {})} for name in ("a", "b", "c")}
            _started(scene, subs, "par.progress", width=1)
            while scene.state["at"] is not None:
                key = next(iter(scene.state["flight"]))
                _answer(scene, key, None if key in names else "v", "par.progress")
            assert scene.state["status"] == "succeeded", "the model ends"
    scene.flush()


def limited(trial: Trial, fmt: Format) -> None:
    """A limit stops a parallel, also at an optional sub, which is not logged; the open calls are recorded first."""
    scene = FlowScene(trial, fmt)
    for limits in ({"max_calls": 2}, {"max_tokens": 7}, {"max_steps": 3}, {"max_steps": 2, "max_calls": 1}):
        for is_optional in (True, False):
            subs = {name: _sub("t", optional=is_optional) for name in ("a", "b", "c")}
            _started(scene, subs, "par.stop", limits)
            while scene.state["at"] is not None:
                _answer(scene, next(iter(scene.state["flight"])), None, "par.stop")
            assert scene.state["status"] == "budget_exceeded", "the limit was reached"
    scene.flush()


def sizes(trial: Trial, fmt: Format) -> None:
    """A join whose output exceeds the limits of a value fails the node with the class ``size``."""
    scene = _started(FlowScene(trial, fmt), {"a": _sub(), "b": _sub()}, "step.function")
    for size in (32_000, 33_000):
        with scene.fork():
            for key in ("a", "b"):
                _answer(scene, key, "x" * size, "step.function")
    assert in_key_order(["b", "aa", "a"]) == ["a", "b", "aa"], "key order is that of encodings"
    scene.flush()


PROPERTIES: Final = (
    *of_runs("par/graphs", graphs, "par.order", "par.progress", given=tape(64), examples=15),
    *of_runs("par/depends", depends, "par.depends"),
    *of_runs("par/schedules", schedules, "par.schedule-free", "par.order", given=tape(40), examples=8),
    *of_runs("par/stops", stops, "par.stop", "par.order", "retry.schedule", given=tape(40), examples=15),
    *of_runs("par/optional", optional, "par.optional"),
    *of_runs("par/narrow", narrow, "par.progress"),
    *of_runs("par/limited", limited, "par.stop"),
    *of_runs("par/sizes", sizes, "step.function"),
)
