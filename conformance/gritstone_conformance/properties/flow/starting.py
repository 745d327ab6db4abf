"""First cores and first steps: forms, defects, duplicates, updates, and actors that are no flows."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, encode
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import CODE, SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_programs import EVERYTHING, REFUND, draw_edit, edited
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.strategies.flow_values import TAPE
from gritstone_conformance.strategies.scenarios import PUPPET
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SMALL: Final = program("a", a=call(args={"x": "$input.x"}))
_CARRY: Final = {"calls": 1, "replans": 1, "steps": 2, "tokens": 3}


def _started(scene: FlowScene, rule: str, **entries: bytes | None) -> FlowScene:
    """Start a flow with entries that may not be of their form, and say something to it."""
    scene.start(_SMALL, policy(), {"x": 1}, {"card": SEALED}, rule=rule, rejected=None, **entries)
    scene.control("cancel", rule=rule)
    return scene


def forms(trial: Trial, fmt: Format) -> None:
    """A core with another entry, without a required one, or with one of another form, is rejected with ``core``."""
    scene = FlowScene(trial, fmt)
    blob, tree, document = scene.blob(b"x", ct="s"), scene.stranger, scene.document({})
    sealed, code = scene.blob(SEALED, ct="sealed"), scene.blob(CODE)
    targets = {
        "blob": blob,
        "tree": tree,
        "document": document,
        "sealed": sealed,
        "code": code,
        "refs": scene.tree(a=sealed),
        "documents": scene.tree(a=document),
    }
    names = ("wit_query", "name", "program", "input", "policy", "refs", "from", "carry", "prior", "starter", "facts")
    for name in (*names, "erased", "state", "out", "part", "sent", "timers", "next", "x", "Wit"):
        for target in targets.values():
            _started(scene, "core.closed", **{name: target})
    for name in ("wit_query", "program", "input", "policy", "refs"):
        _started(scene, "core.closed", **{name: None})
    _started(scene, "core.closed", wit=scene.blob(CODE, ct="s", x="y"), wit_query=code)
    for entries in ({"Bad": sealed}, {"x" * 63: sealed}, {"x" * 64: sealed}, {"1": sealed}, {"a": blob}, {"a": tree}):
        _started(scene, "core.closed", refs=scene.tree(**entries))
    for data in (b"", bytes(15), bytes(16), SEALED):
        _started(scene, "core.closed", refs=scene.tree(a=scene.blob(data, ct="sealed")))
    _started(scene, "core.closed", refs=scene.tree(a=scene.blob(SEALED, ct="sealed", x="y")))
    scene.flush()


def policies(trial: Trial, fmt: Format) -> None:
    """The policy of a core is a tree of a blob and of actors by name."""
    scene = FlowScene(trial, fmt)
    doc, peers = scene.document(policy()), scene.tree(**scene.peers)
    trees: tuple[dict[str, bytes], ...] = (
        *({"doc": doc}, {"peers": peers}, {"doc": doc, "peers": peers, "x": doc}, {"doc": peers, "peers": peers}),
        *({"doc": doc, "peers": doc}, {"doc": doc, "peers": scene.tree(**scene.peers, Bad=scene.stranger)}),
        *({"doc": doc, "peers": scene.tree(**scene.peers, spare=doc)}, {"doc": scene.blob(b"x"), "peers": peers}),
        *({"doc": doc, "peers": scene.tree(**scene.peers, spare=scene.stranger)},),
    )
    for entries in trees:
        _started(scene, "core.closed", policy=scene.tree(**entries))
    smallest = {"flow_policy": 1, "tools": {}}
    scene.start(program("e"), smallest, None, rule="core.closed", policy=scene.tree(doc=scene.document(smallest)))
    scene.flush()


def successors(trial: Trial, fmt: Format) -> None:
    """A core with ``from`` has ``carry`` and ``starter``, and optionally three further entries of their forms."""
    scene = FlowScene(trial, fmt).start(_SMALL, policy(), {"x": 1}, {"card": SEALED})
    first, document = scene.actor.identity, scene.document(1)
    good = {"from": first, "carry": scene.document(_CARRY), "starter": scene.stranger}
    good |= {"prior": scene.tree(a=document), "facts": scene.tree(t=document), "erased": scene.document(["card"])}
    _started(scene, "core.closed", **good)
    for name in good:
        _started(scene, "core.closed", **{key: each for key, each in good.items() if key != name})
        for target in (document, scene.stranger, scene.tree(Bad=document), scene.tree(a=scene.blob(b"x"))):
            _started(scene, "core.closed", **{**good, name: target})
    carries = [{**_CARRY, name: each} for name in (*_CARRY, "x") for each in (-1, 0, 2**63 - 1, "1", None)]
    carries += [{name: each for name, each in _CARRY.items() if name != absent} for absent in _CARRY]
    for carry in carries:
        _started(scene, "core.closed", **{**good, "carry": scene.document(carry)})
    for name in ("prior", "facts"):
        for value in (Ref("card"), Ref("nope"), [{"k": Ref("card")}], [{"k": [Ref("card"), Ref("new")]}], {"nope": 1}):
            _started(scene, "core.closed", **{**good, name: scene.tree(a=document, t=scene.document(value))})
    lists: tuple[Any, ...] = ([], ["card"], ["card", "card"], ["nope"], ["Bad"], [1], "card", {"card": 1})
    for names in lists:
        _started(scene, "core.closed", **{**good, "erased": scene.document(names)})
    scene.flush()


def order_of_names(trial: Trial, fmt: Format) -> None:
    """``erased`` of a first core is in key order: shorter names first."""
    scene = FlowScene(trial, fmt).start(_SMALL, policy(), {"x": 1}, {"card": SEALED})
    sealed = scene.blob(SEALED, ct="sealed")
    refs = scene.tree(card=sealed, b=sealed, aa=sealed)
    good = {"from": scene.actor.identity, "carry": scene.document(_CARRY), "starter": scene.stranger, "refs": refs}
    for names in (["b", "aa", "card"], ["aa", "b", "card"], ["b", "card", "aa"], ["b"], ["aa", "card"]):
        _started(scene, "core.closed", **good, erased=scene.document(names))
    scene.flush()


def checked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow is rejected exactly for the defects that ``flow.check`` returns."""
    scene = FlowScene(trial, fmt)
    peers = {"edge": scene.bench.outside, "bank": scene.peers["bank"], "clock": scene.peers["clock"]}
    pay = ("nodes", "pay")
    unsafe = [edited(REFUND, "program", (*pay, "guards"), ...), edited(REFUND, "program", (*pay, "next"), "gate")]
    unsafe += [
        edited(REFUND, "program", ("nodes", "gate", "else"), "pay"),
        edited(REFUND, "program", ("start",), "pay"),
    ]
    for draft in (EVERYTHING, REFUND, EVERYTHING, EVERYTHING):
        for each in (draw_edit(tape, draft), tape.pick((draft, *unsafe))):
            refs = {name: scene.blob(SEALED, ct="sealed") for name in each.refs}
            named = {name: peers[name] for name in each.peers}
            doc = scene.document(each.policy)
            rules = scene.tree(doc=doc, **({"peers": scene.tree(**named)} if named else {}))
            entries = {"policy": rules, "refs": scene.tree(**refs) if refs else None}
            scene.start(each.program, {}, each.input, rule="check.same", rejected=None, **entries)
            scene.query("trace", "check.same")
    for data in (b"", b"\x81", encode(1)):
        for name in ("program", "input"):
            entry = {name: scene.blob(data, ct=tape.pick(("cbor", "s")))}
            scene.start(_SMALL, policy(), {"x": 1}, rule="check.same", rejected=None, **entry)
    scene.flush()


def duplicates(trial: Trial, fmt: Format) -> None:
    """A second genesis message is covered by a step that changes nothing, and its step is not in the trace twice."""
    scene = FlowScene(trial, fmt).start(_SMALL, policy(), {"x": 1}, {"card": SEALED})
    core = scene.actor.value.core
    for sender in ("edge", "desk", scene.stranger):
        scene.send("genesis", scene.actor.identity, sender, rule="start.duplicate")
        assert scene.actor.value.core == core, "the model changes nothing"
        scene.query("trace", "start.duplicate")
    scene.ok(1, rule="start.duplicate")
    scene.send("", scene.actor.identity, "bank", rule="start.duplicate")
    scene.query("trace", "start.duplicate")
    scene.replay("start.duplicate")
    scene.flush()


def updates(trial: Trial, fmt: Format) -> None:
    """An update is refused, from every sender, with and without ``wit_update``."""
    scene = FlowScene(trial, fmt).start(_SMALL, policy(), {"x": 1}, {"card": SEALED})
    code = scene.blob(PUPPET, ct="s")
    contents = [
        scene.tree(wit=code),
        scene.tree(name=code, wit_update=code),
        scene.tree(input=scene.document({"x": 2})),
    ]
    contents += [scene.tree(wit_update=scene.blob(CODE, ct="s")), scene.blob(b"x")]
    for content in contents:
        for sender in ("edge", "desk", scene.stranger, scene.actor.identity):
            with scene.fork():
                scene.send("update", content, sender, rule="start.update")
    actor = scene.bench.born(b"puppet")
    actor.tell(scene.tree(wit_update=scene.blob(CODE, ct="s"), x=code), "update", rule="flow.start.update")
    scene.flush()


def born(trial: Trial, fmt: Format) -> None:
    """An actor whose first core is not that of a flow fails each step and each query of ``flow/1``."""
    scene = FlowScene(trial, fmt).start(_SMALL, policy(), {"x": 1}, {"card": SEALED})
    bench, code = scene.bench, scene.blob(CODE, ct="s")
    actor = bench.born(b"puppet")
    actor.tell(scene.tree(wit=code, wit_query=code), "update", rule="flow.start.born")
    for mt, content in (("note", scene.blob(b"")), ("flow.cancel", scene.packet(flow=actor.identity))):
        message = actor.send(content, mt)
        bench.step(actor.identity, actor.head, [(bench.outside, message)], rule="flow.start.born")
    assert actor.head is not None, "the puppet has a head"
    for name in ("state", "wut", "trace", "accepts", "other"):
        bench.query(actor.head, name, rule="flow.start.born")
    asked = bench.born(b"asked")
    asked.tell(scene.tree(wit_query=code), "update", rule="flow.start.born")
    assert asked.head is not None, "the puppet has a head"
    bench.query(asked.head, "wut", rule="flow.start.born")
    scene.flush()


def cleanups(trial: Trial, fmt: Format) -> None:
    """A cleanup is declined, but from a peer in ``control.cleanup`` to a flow that ended and was not rejected."""
    scene = FlowScene(trial, fmt)
    for rules in (policy(), policy(control={"cancel": ["desk"], "cleanup": []}), policy(control={"cancel": ["desk"]})):
        scene.start(_SMALL, rules, {"x": 1}, {"card": SEALED})
        for is_ended in (False, True):
            if is_ended:
                scene.control("cancel", rule="step.function")
            for sender in ("desk", "edge", scene.stranger):
                with scene.fork():
                    scene.send("cleanup", scene.blob(b""), sender, rule="step.function")
                    scene.query("trace", "trace.exact")
                    scene.replay("replay.identical")
    scene.start(program("nope"), policy(), {"x": 1}, {"card": SEALED}, rejected=True)
    scene.send("cleanup", scene.blob(b""), "desk", rule="step.function")
    scene.start(_SMALL, policy(), {"x": 1}, rejected=True, extra=scene.stranger)
    scene.send("cleanup", scene.blob(b""), "desk", rule="step.function")
    scene.flush()


def frozen(trial: Trial, fmt: Format) -> None:
    """The fixed entries of a core are the same in each step; a starter is that of the first step."""
    scene = FlowScene(trial, fmt)
    name = scene.blob(b"1")
    nodes = {"a": call("w"), "w": {"kind": "wait", "event": "go", "next": "e"}, "e": end(output="$out.w")}
    scene.start(program("a", None, **nodes), policy(), {"x": 1}, {"card": SEALED}, name=name, rule="start.frozen")
    fixed = {
        each: scene.entries[each] for each in ("wit", "wit_query", "name", "program", "input", "policy", "starter")
    }
    new = scene.tree(new=scene.blob(SEALED + b"n", ct="sealed"), starter=scene.blob(SEALED + b"n", ct="sealed"))
    scene.ok({"program": 1, "policy": 2}, refs=new, rule="start.frozen")
    scene.control("erase", refs=["card"], rule="start.frozen")
    scene.event({"input": 1}, program=fixed["program"], rule="start.frozen")
    assert fixed.items() <= scene.entries.items(), "the model keeps them"
    scene.flush()


PROPERTIES: Final = (
    *of_runs("core/forms", forms, "core.closed"),
    *of_runs("core/policies", policies, "core.closed"),
    *of_runs("core/successors", successors, "core.closed"),
    *of_runs("core/order-of-names", order_of_names, "core.closed"),
    *of_runs("start/checked", checked, "check.same", given=tape(4 * TAPE), examples=20),
    *of_runs("start/duplicates", duplicates, "start.duplicate"),
    *of_runs("start/updates", updates, "start.update"),
    *of_runs("start/born", born, "start.born"),
    *of_runs("start/cleanups", cleanups, "step.function", "trace.exact", "replay.identical"),
    *of_runs("start/frozen", frozen, "start.frozen"),
)
