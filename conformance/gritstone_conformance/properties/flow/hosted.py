"""Rules of flows that need a store or a runtime, but no death of it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, encode
from gritstone_conformance.model.flow_replay import replay_expected
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.transcode import transcode
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.kernels import SubjectKernel
from gritstone_conformance.properties.flow.living import (
    LOST,
    carry_out,
    judge_life,
    live_on_model,
    live_unharmed,
    of_flows,
)
from gritstone_conformance.properties.flow.peer import Peer, first_core
from gritstone_conformance.properties.flow.scene import FlowScene
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.properties.runtime.judging import export
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.flow_lives import (
    CROSSINGS,
    LIFE_TAPE,
    LIVES,
    SEALED,
    Life,
    draw_life,
    lives_policy,
)
from gritstone_conformance.strategies.flow_runs import call, draw_policy, draw_program, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_UNDELIVERABLE: Final = "flow.call.undeliverable"
_STARTED: Final = "flow.start.identity"
_HOST: Final = "flow.step.environment"
_SILENT: Final = "flow.replay.silent"
_GONE: Final = "flow.erase.gone"
_TRANSCODES: Final = "flow.step.transcodes"


# --- peers that are actors of the same store ----------------------------------------------------------------------


class _Store(LockstepModel):
    """A runtime with one flow, whose tool ``v`` is a puppet."""

    def flow(self, whole: Any, bank: bytes, **members: Any) -> bytes:
        """Start a flow; return it."""
        stage = self.stage
        code = stage.blob(b"external:flow/1", ("ct", "s"))
        document = partial(Blob, (("ct", "cbor"),))
        graph = stage.graph
        doc = graph.add(document(encode(lives_policy(tools={"v": {"peer": "bank", "params": ["x"]}}, **members))))
        edges = stage.tree(bank=bank, edge=self.agent)
        core = stage.tree(
            input=graph.add(document(encode({}))),
            policy=stage.tree(doc=doc, peers=edges),
            program=graph.add(document(encode(whole))),
            wit=code,
            wit_query=code,
        )
        self.inject(core, core, GENESIS)
        return core


def undeliverable(trial: Trial, fmt: Format) -> None:
    """A peer that fails on a call for good makes the call fail; the flow reads the receipt of the runtime."""
    work = {"tool": "v", "args": {"x": 1}}
    failing = {**call("e", "v", args={"x": 1}), "on_error": "f", "retry": {"max_attempts": 3}}
    subs = {"a": {**work, "optional": True}}
    wholes: tuple[tuple[Any, dict[str, Any]], ...] = (
        (program("a", None, a=failing, f=call("e", "v", args={"x": 2})), {}),
        (program("p", None, p={"kind": "parallel", "calls": subs, "next": "e"}), {}),
        (program("a", None, a=call("e", "v")), {}),
        (program("a", None, a=call("e", "v")), {"agent": ...}),
    )
    store = _Store(trial, fmt, StartOptions(config=Config(0, 0, 2)))
    stage = store.stage
    for number, (whole, members) in enumerate(wholes):
        poison = stage.tree(**{"flow.call": stage.program(programs.fail())})
        bank = store.born(b"bank %d" % number, on=poison)
        flow = store.flow(whole, bank, **members)
        store.run(rule=_UNDELIVERABLE)
        store.query(flow, "trace", rule=_UNDELIVERABLE)
    store.export(rule=_UNDELIVERABLE)


def absent(trial: Trial, fmt: Format) -> None:
    """A call to an actor that has no step yet stays its mail, also over a restart; the actor reads it once."""
    store = _Store(trial, fmt)
    stage = store.stage
    log = stage.tree(**{"flow.call": stage.program(programs.append("log", b"c"))})
    banks = [stage.core(b"bank %d" % number, on=log) for number in range(2)]
    for number, bank in enumerate(banks):
        flow = store.flow(program("a", None, a=call("e", "v")), bank)
        store.run(rule=LOST)
        if number:
            store.restart(rule=LOST)
            store.run(rule=LOST)
        store.query(flow, "state", rule=LOST)
        store.inject(bank, bank, GENESIS)
        store.run(rule=LOST)
        store.query(bank, "get", b"log", rule=LOST)
    store.restart(rule=LOST)
    store.run(rule=LOST)
    for bank in banks:
        store.query(bank, "get", b"log", rule=LOST)
    store.export(rule=LOST)


# --- one flow, however often it is started ------------------------------------------------------------------------


def started_again(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow whose first core is sent again and again carries its program out once."""
    life = draw_life(tape)
    model = live_on_model(fmt, life)
    with relying(trial, partial(live_unharmed, trial, fmt, life, model), "the same flow, started once"):
        kernel = SubjectKernel(trial, fmt, model[0], rule=_STARTED)
        kernel.start()
        flow = first_core(kernel, life)
        for _ in range(tape.within(1, 3)):
            kernel.inject(flow, GENESIS, flow)
        peer = Peer(kernel, life)
        peer.live()
        kernel.inject(flow, GENESIS, flow)
        peer.live()
        judge_life(trial, kernel, peer, model, _STARTED)
    kernel.fixture.close()


# --- what a step depends on -----------------------------------------------------------------------------------------


def elsewhere(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The steps of a flow are the same in another process, where nothing else was asked before."""
    scene = FlowScene(trial, fmt)
    scene.start(draw_program(tape), draw_policy(tape), GIVEN, REFS, rule="step.function", rejected=None)
    talk = Conversation(scene, tape)
    for _ in range(tape.within(2, 6)):
        talk.say("step.function")
    scene.flush()
    head, process, store = scene.actor.head, trial.other(), scene.bench.pair.model
    assert head is not None, "the flow has no head"
    flow = f"heads/{scene.actor.identity.hex()}"
    copy = store.copy()
    copy.references = {flow: head}
    data: dict[str, Any] = {"bytes": to_base64(copy.export([flow])), "more": False}
    trial.expect("grit.open", {"store": "e", "format": fmt.name, "backend": "memory", "create": True}, ok(), on=process)
    trial.expect("grit.import", {"store": "e", **data}, ok(objects={"$": "any"}, refs={"$": "any"}), on=process)
    asked = {"store": "e", "step": head.hex()}
    trial.expect("flow.replay", asked, replay_expected(copy, head), on=process, rule=_HOST)
    trial.expect("grit.close", {"store": "e"}, ok(), on=process)


def silent(trial: Trial, fmt: Format) -> None:
    """A replay changes no reference and no mail: that of a flow with an open call, an ended one, and a damaged one."""
    life = LIVES["successor"]()
    model = live_on_model(fmt, life)
    kernel = SubjectKernel(trial, fmt, model[0])
    kernel.start()
    peer = Peer(kernel, life)
    flow = first_core(kernel, life)
    kernel.inject(flow, GENESIS, flow)
    kernel.run()
    for _ in range(2):
        listed = {"store": "s", "prefix": "", "after": None, "limit": 4_096}
        before = trial.expect("grit.refs", listed, ok(refs={"$": "any"}, more=False))["refs"]
        mail = kernel.mail()
        for reference, target in before:
            if reference.startswith("heads/"):
                any_answer = {"any": [ok(**{name: {"$": "any"} for name in _REPLAYED}), {"refused": "invalid"}]}
                trial.expect("flow.replay", {"store": "s", "step": target}, any_answer, rule=_SILENT)
        trial.expect("grit.refs", listed, ok(refs=before, more=False), rule=_SILENT)
        kernel.run()
        trial.expect("grit.refs", listed, ok(refs=before, more=False), rule=_SILENT)
        if kernel.mail() != mail:
            trial.fail(len(mail), len(kernel.mail()), words="a replay changes the mail", rule=_SILENT)
        peer.live()
    judge_life(trial, kernel, peer, model, _SILENT)
    kernel.fixture.close()


_REPLAYED: Final = ("differs", "steps")


def gone(trial: Trial, fmt: Format) -> None:
    """A flow whose sealed blob was erased in the store goes on, and no reply and no bundle has its bytes."""
    nodes = {
        "a": call("w", args={"card": "$input.card"}),
        "w": {"kind": "wait", "event": "go", "next": "b"},
        "b": call(),
    }
    life = Life(
        program("a", None, **nodes),
        lives_policy(),
        moves=(("erase", ["card"]), ("event", 1), ("event", Ref("card"))),
        refs={"card": SEALED["card"]},
    )
    model = live_on_model(fmt, life)
    kernel = SubjectKernel(trial, fmt, model[0], rule=_GONE)
    kernel.start()
    peer = Peer(kernel, life)
    flow = first_core(kernel, life)
    blob = kernel.put(Blob((("ct", "sealed"),), SEALED["card"]))
    kernel.inject(flow, GENESIS, flow)
    kernel.run()
    trial.expect("grit.erase", {"store": "s", "id": blob.hex()}, ok(), rule=_GONE)
    peer.live()
    judge_life(trial, kernel, peer, model, _GONE)
    if SEALED["card"] in export(trial, rule=_GONE):
        trial.fail("no bytes of the blob", "a bundle with them", words="a bundle has an erased payload", rule=_GONE)
    kernel.fixture.close()


def transcoded(name: str, trial: Trial, fmt: Format) -> None:
    """The transcoded export of a flow is the export of the same run in the other format."""
    other = next(each for each in FORMATS.values() if each.name != fmt.name)
    (one, same) = (_exported(trial, each, name) for each in (fmt, other))
    limits = Limits.of(trial.claims.limits)
    if transcode(one, fmt, other, object_bytes=limits.object_bytes, tree_depth=limits.tree_depth) != same:
        trial.fail("the transcoded bundle", "another", words="runs in two formats differ", rule=_TRANSCODES)


def _exported(trial: Trial, fmt: Format, name: str) -> bytes:
    """Return the export of a flow that read one message in each step."""
    life = LIVES[name]()
    model = live_on_model(fmt, life)
    kernel = SubjectKernel(trial, fmt, model[0], rule=_TRANSCODES)
    kernel.runs_each = True
    kernel.start()
    peer = Peer(kernel, life)
    peer.live()
    data = export(trial, names=[f"heads/{peer.flows[0].hex()}"])
    kernel.fixture.close()
    return data


# --- crossings --------------------------------------------------------------------------------------------------------


def crossed(name: str, rule: str, trial: Trial, fmt: Format) -> None:
    """What arrives together has the effect that it has one after the other."""
    carry_out(trial, fmt, CROSSINGS[name][1](), rule, lambda kernel: None)


PROPERTIES: Final[tuple[Property, ...]] = (
    *of_flows("host/undeliverable", undeliverable, _UNDELIVERABLE, features=("external",)),
    *of_flows("host/absent", absent, LOST, features=("external",)),
    *of_flows("host/started-again", started_again, _STARTED, given=tape(LIFE_TAPE), examples=3),
    *of_flows("host/elsewhere", elsewhere, _HOST, given=tape(300), examples=3),
    *of_flows("host/silent", silent, _SILENT),
    *of_flows("host/gone", gone, _GONE, features=("erase",)),
    *(
        prop
        for name in ("chain", "loop", "retry", "wait", "cancel")
        for prop in of_flows(f"host/transcoded-{name}", partial(transcoded, name), _TRANSCODES, features=("transcode",))
    ),
    *(
        prop
        for name, (rule, _) in CROSSINGS.items()
        for prop in of_flows(f"host/crossing-{name}", partial(crossed, name, f"flow.{rule}"), f"flow.{rule}")
    ),
)
