"""Random runs: drawn programs under drawn policies with drawn messages; every step, answer and replay."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.scene import FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import draw_policy, draw_program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_TAPE: Final = 400
_TERMINAL: Final = ("rejected", "succeeded", "failed", "budget_exceeded", "stalled")


def _started(trial: Trial, fmt: Format, tape: Tape) -> Conversation:
    program, policy = draw_program(tape), draw_policy(tape)
    scene = FlowScene(trial, fmt).start(program, policy, GIVEN, REFS, rejected=None)
    return Conversation(scene, tape)


def runs(trial: Trial, fmt: Format, tape: Tape) -> None:
    """For the same step and messages, a flow makes the step, and gives the answers, that the text defines."""
    talk = _started(trial, fmt, tape)
    ended = 0
    for _ in range(tape.within(6, 20)):
        talk.say("step.function")
        if tape.once_in(4):
            talk.scene.query("accepts", "query.accepts")
        if talk.scene.state["status"] in _TERMINAL:
            ended += 1
            if "next" in talk.scene.entries and tape.below(2):
                talk = Conversation(talk.scene.successor(rule="replan.carries"), tape)
                talk.scene.read("replan.heir")
        if ended > 3:
            break
    trial.reach("ended", ended > 0)
    for name in ("state", "trace", "accepts", "wut", "", "State"):
        talk.scene.query(name, "query.state")
    talk.scene.replay("replay.identical")
    talk.scene.flush()


def folds(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A step that covers several messages has the core and the outbox of steps that cover one each."""
    talk = _started(trial, fmt, tape)
    scene = talk.scene
    for _ in range(tape.within(1, 4)):
        head, tips, logs = scene.actor.head, dict(scene.actor.tips), []
        told = sorted((talk.message() for _ in range(tape.within(2, 5))), key=lambda said: said[2])
        for mt, content, sender, headers in told:
            scene.send(mt, content, sender, rule="step.function", **headers)
            logs += scene.state["log"]
        apart, outbox = {**scene.entries, "state": b""}, scene.actor.value.outbox
        scene.actor.head, scene.actor.tips = head, {**tips, **scene.actor.tips}
        scene.read("step.fold")
        assert ({**scene.entries, "state": b""}, scene.actor.value.outbox) == (apart, outbox), (
            "the model depends on steps"
        )
        assert scene.state["log"] == logs, "the model depends on steps"
    scene.query("trace", "step.fold")
    scene.replay("replay.identical")
    scene.flush()


PROPERTIES: Final = (
    *of_runs(
        *("run/drawn", runs, "step.function", "step.ignored", "query.accepts", "query.state", "replay.identical"),
        given=tape(_TAPE),
        examples=60,
        reach={"ended": 0.5},
    ),
    *of_runs("run/folded", folds, "step.fold", "step.function", given=tape(_TAPE), examples=25),
)
