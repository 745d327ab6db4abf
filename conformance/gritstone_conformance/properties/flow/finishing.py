"""Ends and reports, and steps that need a document that was erased."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_DEEP: Final[Any] = [[[[[[[[[[[[[[1]]]]]]]]]]]]]]
_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card"), "big": "x" * 33_000, "deep": _DEEP}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_OUTPUTS: Final[tuple[Any, ...]] = (
    *("$input.x", "${input.x}", "$input.nope", "$input.x.y", "${input.card}", "$input.card", "$$"),
    *(["$input.big", "$input.big"], ["$input.big", "$input.big", "$input.nope"], "${input.big}${input.big}"),
    *(["$input.x.y", "${input.big}${input.big}"], ["$input.deep"], [["$input.deep"]], {"k": "$input.deep"}),
    *([Ref("spare"), "$input.card", Ref("spare")], None, [], {}),
)


def ends(trial: Trial, fmt: Format) -> None:
    """The output of an end is rendered; an error fails the flow, and so does a report above the limits of a value."""
    scene = FlowScene(trial, fmt)
    for outcome in ("success", "failure"):
        for output in _OUTPUTS:
            whole = program("e", e=end(outcome, output=output))
            scene.start(whole, policy(), _GIVEN, _REFS, rule="step.function")
        scene.start(program("e", e=end(outcome)), policy(), _GIVEN, _REFS, rule="step.function")
    scene.flush()


def sizes(trial: Trial, fmt: Format) -> None:
    """The largest report that fits is sent; one byte more fails the flow with the class ``size``."""
    scene = FlowScene(trial, fmt)
    for outcome, most in (("success", 65_501), ("failure", 65_475)):
        found = set()
        for size in range(most - 12, most + 8):
            given = {"a": "x" * 40_000, "b": "x" * (size - 40_000)}
            whole = program("e", e=end(outcome, output="${input.a}${input.b}"))
            scene.start(whole, policy(), given, rule="step.function")
            found.add(scene.state.get("failure", {}).get("class"))
        assert "size" in found, "some reports are too long"
        assert len(found) == 2, "some reports fit"
    scene.flush()


_NODES: Final[dict[str, Any]] = {"a": call("b", args={"x": "$input.x"}), "b": call("e", "u", args={"x": "$out.a"})}


def erased(trial: Trial, fmt: Format) -> None:
    """A step fails if a document that it needs was erased; a step that does not need it is made."""
    scene = FlowScene(trial, fmt)
    for entry in ("program", "policy", "input", "name", "state"):
        given = {**_GIVEN, "n": entry}
        whole = {**program("a", None, **_NODES), "name": entry}
        named = scene.blob(entry.encode())
        scene.start(whole, policy(limits={"max_steps": 900 + len(entry)}), given, _REFS, name=named)
        result = scene.packet({"attempt": 1, "outcome": "ok", "value": "v"}, request=scene.calls()[0].packet)
        told = [("flow.result", result, "edge"), ("flow.cancel", scene.control_packet(), "desk")]
        messages = [(scene.queue(mt, content, sender), scene.peers[sender]) for mt, content, sender in told]
        target = scene.entries[entry]
        if entry == "policy":
            target = scene.bench.executor.shelf.names(target)["doc"]
        scene.erase(target)
        for message, sender in messages:
            mail = [(sender, message)]
            scene.bench.step(scene.actor.identity, scene.actor.head, mail, rule="flow.step.erased")
        for name in ("wut", "state", "trace", "accepts"):
            scene.query(name, "query.erased")
    scene.flush()


def born_erased(trial: Trial, fmt: Format) -> None:
    """The first step fails if the program, the policy or the input was erased, unless there is a defect ``core``."""
    scene = FlowScene(trial, fmt)
    for entry in ("program", "policy", "input", "name"):
        for extra in ({}, {"extra": scene.stranger}):
            whole = {**program("a", None, **_NODES), "name": f"{entry}{len(extra)}"}
            rules = policy(limits={"max_steps": 500 + len(entry) + 50 * len(extra)})
            given = {**_GIVEN, "n": f"{entry}{len(extra)}"}
            core = scene.first_core(whole, rules, given, _REFS, name=scene.blob(entry.encode()), **extra)
            scene.bench.fill()
            names = scene.bench.executor.shelf.names(core)
            target = names[entry] if entry != "policy" else scene.bench.executor.shelf.names(names["policy"])["doc"]
            scene.erase(target)
            actor = type(scene.actor)(scene.bench, core)
            actor.tell(core, "genesis", rule="flow.step.erased")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("step/ends", ends, "step.function"),
    *of_runs("step/report-sizes", sizes, "step.function"),
    *of_runs("step/erased", erased, "step.erased", "query.erased", features=("erase",)),
    *of_runs("step/born-erased", born_erased, "step.erased", features=("erase",)),
)
