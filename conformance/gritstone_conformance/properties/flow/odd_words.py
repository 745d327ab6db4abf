"""Odd words: names that objects of some languages have by themselves, where a flow looks up a name of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.asking import checking, evaluating, of_flows, outcome_of, rendering
from gritstone_conformance.properties.flow.measuring import MEASURES, measuring
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.strategies.flow_programs import EVERYTHING, FlowDraft, edited, smallest
from gritstone_conformance.strategies.flow_runs import call, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_WORDS: Final = ("constructor", "toString", "hasOwnProperty", "__proto__", "__class__", "keys")
_NAME: Final = "constructor"
_REFS: Final = {"card": SEALED}
_MAPS: Final[tuple[tuple[str, tuple[str | int, ...]], ...]] = (
    *(("program", ()), ("program", ("limits",))),
    *(("program", ("nodes", name)) for name in ("ask", "choose", "both", "rest", "done")),
    *(("program", ("nodes", "ask", "retry")), ("program", ("nodes", "both", "calls", "one"))),
    *(("policy", ()), ("policy", ("limits",)), ("policy", ("control",)), ("policy", ("tools", "model"))),
)
"""Document and path of a map of each form."""


def members(trial: Trial) -> None:
    """A member that is named by an odd word is one that no form has."""
    for document, path in _MAPS:
        drafts = [edited(EVERYTHING, document, (*path, word), 1) for word in _WORDS]
        trial.expect_many([checking(draft) for draft in drafts])


def kinds(trial: Trial) -> None:
    """An odd word is no kind of a node and no outcome of an end."""
    for word in _WORDS:
        nodes = ({"kind": word}, {"kind": word, "next": "e"}, {"kind": "end", "outcome": word})
        trial.expect_many([checking(smallest(s=node)) for node in nodes])


def _with_policy(draft: FlowDraft, **more: Any) -> FlowDraft:
    return replace(draft, policy={**draft.policy, **more})


def unknown(trial: Trial) -> None:
    """A node, a tool, a parameter, an event, a peer, a ref and a variable of an odd name exist only where declared."""
    plain = smallest(s=call())
    tool = {"peer": "edge", "params": ["v"]}
    work = {"tool": "t", "args": {}}
    drafts = [
        edited(plain, "program", ("start",), _NAME),
        smallest(s=call(_NAME)),
        smallest(s=call(on_error=_NAME)),
        smallest(s={"kind": "branch", "if": "True", "then": "e", "else": _NAME}),
        smallest(s=call(guards=[f"{_NAME}.then"])),
        smallest(s={"kind": "parallel", "calls": {"c": {**work, "depends_on": [_NAME]}}, "next": "e"}),
        smallest(s={"kind": "parallel", "calls": {"c": {**work, "args": {"v": f"$dep.{_NAME}"}}}, "next": "e"}),
        smallest(s=call(tool=_NAME)),
        smallest(s=call(args={"v": f"$out.{_NAME}"})),
        smallest(s=call(args={"v": Ref(_NAME)})),
        *(smallest(s=call(args={word: 1})) for word in _WORDS),
        *(smallest(s={"kind": "wait", "event": word, "next": "e"}) for word in _WORDS),
        *(_with_policy(plain, tools={"t": {**tool, "when": f"${space}.{_NAME} == 1"}}) for space in ("tool", "args")),
        _with_policy(plain, tools={"t": {**tool, "peer": _NAME}}),
        _with_policy(plain, timer=_NAME),
        _with_policy(plain, events={"go": [_NAME]}),
        _with_policy(plain, control={"cancel": [_NAME]}),
    ]
    requests = [checking(draft) for draft in drafts]
    assert all(outcome_of(each) for each in requests), "the model knows an odd name"
    trial.expect_many(requests)


def declared(trial: Trial) -> None:
    """What is declared under an odd name is found under it."""
    tools = {_NAME: {"peer": _NAME, "params": [*_WORDS], "when": f"has $tool.{_NAME} or has $args.{_NAME}"}}
    work = {"tool": _NAME, "args": {word: Ref(_NAME) for word in _WORDS}}
    nodes: dict[str, Any] = {
        "s": {"kind": "wait", "event": "__proto__", "next": _NAME},
        _NAME: {"kind": "parallel", "calls": {_NAME: work, "c": {**work, "depends_on": [_NAME]}}, "next": "last"},
        "last": call(tool=_NAME, args={"keys": f"$out.{_NAME}"}),
    }
    draft = _with_policy(smallest(**nodes), tools=tools, events={word: [_NAME] for word in _WORDS})
    found = checking(replace(draft, peers=(_NAME,), refs=(_NAME,)))
    assert outcome_of(found) == [], f"the model finds {outcome_of(found)}"
    trial.expect_many([found])


def variables(trial: Trial) -> None:
    """A variable of an odd name is unbound unless its map has a member of this name."""
    for word in ("constructor", "toString", "hasOwnProperty", "keys"):
        environments: list[Any] = [{}, {"input": {}}, {"input": {"x": {}}}, {"input": {word: 1, "x": {word: 2}}}]
        for env in environments:
            for path in (word, f"x.{word}"):
                trial.expect_many(
                    [
                        evaluating(f"$input.{path} == 2", env, "eval.refused"),
                        evaluating(f"has $input.{path}", env, "eval.refused"),
                        rendering(f"$input.{path}", env, "eval.refused"),
                    ]
                )


def _asking(scene: FlowScene) -> FlowScene:
    return scene.start(program("a", a=call()), policy(), {"x": 1}, _REFS)


def outcomes(trial: Trial, fmt: Format) -> None:
    """A result whose outcome is an odd word is a bad one."""
    scene = _asking(FlowScene(trial, fmt))
    to = scene.calls()[-1]
    for word in _WORDS:
        with scene.fork():
            packet = scene.packet({"attempt": 1, "outcome": word}, request=to.packet)
            scene.send("flow.result", packet, to.receiver, rule="result.malformed")
            assert "settled" in scene.log, f"the model logs {scene.log}"
    scene.flush()


def messages(trial: Trial, fmt: Format) -> None:
    """A message whose type is an odd word is an unknown one."""
    scene = _asking(FlowScene(trial, fmt))
    for word in _WORDS:
        scene.send(word, scene.control_packet(), "desk", rule="step.ignored")
        assert scene.log == ["unknown-message"], f"the model logs {scene.log}"
    scene.flush()


def queries(trial: Trial, fmt: Format) -> None:
    """The answer to a query that is named by an odd word is none."""
    scene = _asking(FlowScene(trial, fmt))
    for word in _WORDS:
        assert scene.query(word, "query.state") is None, "the model answers"
    scene.flush()


def entries(trial: Trial, fmt: Format) -> None:
    """A first core with an entry that is named by an odd word is rejected."""
    scene = FlowScene(trial, fmt)
    for word in _WORDS:
        odd = {word: scene.blob(b"")}
        scene.start(program("e"), policy(), None, None, rule="core.closed", rejected=True, **odd)
    scene.flush()


def events(trial: Trial) -> None:
    """A trace with an event that is named by an odd word is malformed, and so is one with a member of such a name."""
    odd: list[dict[str, Any]] = [{"e": word} for word in _WORDS]
    odd += [{"e": "cut", word: 1} for word in _WORDS]
    trial.expect_many([measuring([each], [], "metric.refused") for each in odd])


PROPERTIES: Final = (
    of_flows("words/members", members, "check.closed", "check.defects"),
    of_flows("words/kinds", kinds, "check.defects"),
    of_flows("words/unknown", unknown, "check.defects"),
    of_flows("words/declared", declared, "check.defects"),
    of_flows("words/variables", variables, "eval.refused"),
    of_flows("words/events", events, "metric.refused", requires=MEASURES),
    *of_runs("words/outcomes", outcomes, "result.malformed"),
    *of_runs("words/messages", messages, "step.ignored"),
    *of_runs("words/queries", queries, "query.state"),
    *of_runs("words/entries", entries, "core.closed"),
)
