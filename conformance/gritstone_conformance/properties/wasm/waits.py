"""Calls that are suspended: where ``wait`` is denied, how a call goes on, what winding costs, and each misuse."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.guests import add_module
from gritstone_conformance.strategies.host_calls import CallScript, script_guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.strategies.waiters import MISUSES, waiter
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_IMAGE: Final[dict[str, Any]] = {"image": True, "fuel": 1_000_000, "pages": 2}
_CONTINUATION: Final = ("wasm.continuation",)


def denied(trial: Trial, fmt: Format) -> None:
    """``wait`` is denied in every place but ``wit`` with an image, on a host of the class."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.denied"
    bench.run(waiter(), {"fuel": 1_000_000}, rule=rule)
    bench.run(waiter(), None, rule=rule)
    bench.run(waiter(initializes=True), _IMAGE, rule=rule)
    bench.run(waiter(), _IMAGE, rule=rule)
    asked = bench.run(waiter(entry="wit_query"), _IMAGE)
    assert asked.head is not None
    bench.query(asked.head, "q", b"", rule=rule)
    code = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, waiter(entry="wit_update"))})
    update = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code)
    asked.tell(update, "update", rule=rule)
    bench.flush()


def resume(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A suspended call goes on behind its ``wait`` in the next call of ``wit`` and not before, with the new inputs."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.resume"
    actor = bench.run(waiter(), _IMAGE, rule=rule)
    empty = bench.stage.blob(b"")
    code = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, waiter())})
    for _ in range(tape.within(2, 6)):
        choice = tape.below(6)
        assert actor.head is not None
        if choice == 1:
            bench.query(actor.head, "q", b"", rule=rule)
        elif choice == 2:
            actor.tell(bench.stage.tree(k=empty), "update", rule=rule)
        elif choice == 3:
            more = bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document({"v": 1, **_IMAGE, "fuel": 900_000})))
            actor.tell(more, "update", rule=rule)
        elif choice == 4:
            actor.tell(empty, "cleanup", rule=rule)
        elif choice == 5:
            bench.probe_content(
                actor, bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code), "update", rule=rule
            )
        actor.tell(bench.stage.blob(tape.take(1)), rule=rule)
    bench.holds(actor.value.previous or actor.identity, rule=rule)
    bench.flush()


def renewed(trial: Trial, fmt: Format) -> None:
    """Another module, or none of the image, drops the suspended call: the entry starts again."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.resume"
    actor = bench.run(waiter(), _IMAGE)
    empty = bench.stage.blob(b"")
    actor.tell(empty)
    code = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, waiter())})
    actor.tell(bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code), "update", rule=rule)
    actor.tell(empty, rule=rule)
    quiet = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, script_guest())})
    script = bench.stage.blob(CallScript().data())
    actor.tell(bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=quiet, script=script), "update", rule=rule)
    actor.tell(empty, rule=rule)
    other = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, waiter(burns=4))})
    actor.tell(bench.stage.tree(code=other), "update", rule=rule)
    for _ in range(2):
        actor.tell(empty, rule=rule)
    actor.tell(bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document({"v": 1}))), "update", rule=rule)
    bench.probe_content(actor, empty, rule="wasm.wait.denied")
    actor.tell(
        bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document({"v": 1, **_IMAGE}))), "update", rule=rule
    )
    actor.tell(empty, rule=rule)
    bench.flush()


def forgets(trial: Trial, fmt: Format) -> None:
    """An id that was given before a call was suspended is unknown when it goes on."""
    bench = GuestBench(trial, fmt)
    actor = bench.run(waiter(remembers=True), _IMAGE, rule="wasm.abi.scope")
    for _ in range(2):
        actor.tell(bench.stage.blob(b""), rule="wasm.abi.scope")
    bench.flush()


def equal(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Stopped inside a call, exported, imported and gone on with elsewhere: the heads of going on here."""
    rule = "wasm.wait.equal"
    bench = GuestBench(trial, fmt)
    actor = bench.run(waiter(), _IMAGE, rule=rule)
    for _ in range(tape.within(0, 2)):
        actor.tell(bench.stage.blob(tape.take(1)), rule=rule)
    assert actor.head is not None
    name = f"tags/{actor.identity.hex()}"
    bench.flush()
    bench.pair.expect(bench.pair.point(name, actor.head, rule=rule))
    bundle = bench.pair.export([name], rule=rule)
    assert bundle is not None
    other = GuestBench(trial, fmt, "t")
    other.pair.process = trial.spawn()
    other.pair.expect(other.pair.open(create=True), *other.pair.take(bundle, rule=rule))
    other.stage = bench.stage
    gone = BenchActor(other, actor.identity)
    gone.head, gone.tips = actor.head, dict(actor.tips)
    for _ in range(tape.within(1, 3)):
        content = bench.stage.blob(tape.take(1))
        for each in (actor, gone):
            each.tell(content, rule=rule)
        bench.flush()
        other.flush()
    other.pair.process.close()
    assert actor.head == gone.head, "the model goes another way elsewhere"


def host(trial: Trial, fmt: Format) -> None:
    """A core with a suspended call is resumed, or refused with ``host`` where the class is not claimed."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.host"
    state = bench.document({"v": 1, "used": 5, "pages": 1, "globals": [0], "call": "wit"})
    module = add_module(bench.stage.graph, waiter())
    actor = bench.guest(waiter(), _IMAGE, wasm_state=state, wasm_module=module)
    actor.tell(actor.identity, "genesis", rule=rule)
    plain = bench.guest(waiter(entry="wit_query"), {"image": True}, wasm_state=state, wasm_module=module)
    plain.tell(plain.identity, "genesis", rule=rule)
    bench.flush()


def fuel(trial: Trial, fmt: Format) -> None:
    """Winding is in no budget and not in ``used``, within its allowance, however much it takes."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.fuel"
    empty = bench.stage.blob(b"")
    cheap = bench.needed(bench.guest_core(waiter(), _IMAGE))
    for burns in (0, 1_000, 16_000):
        for budget in (cheap, cheap - 1):
            bench.run(waiter(burns=burns), {**_IMAGE, "fuel": budget}, rule=rule)
        actor = bench.run(waiter(burns=burns), _IMAGE, rule=rule)
        for _ in range(2):
            actor.tell(empty, rule=rule)
    bench.flush()


def protocol(trial: Trial, fmt: Format, misuses: tuple[str, ...] = MISUSES) -> None:
    """Each misuse of ``wait`` ends with ``trap:wait`` within the allowance; other traps stay what they are."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.wait.protocol"
    empty = bench.stage.blob(b"")
    for misuse in misuses:
        actor: BenchActor = bench.run(waiter(misuse), _IMAGE, rule=rule)
        if actor.head is not None:
            actor.tell(empty, rule=rule)
    bench.flush()


PROPERTIES: Final = (
    *in_one_format("wasm/wait/denied", denied, "wasm.wait.denied"),
    *of_executors("wasm/wait/host", host, "wasm.wait.host"),
    *of_executors("wasm/wait/resume", resume, "wasm.wait.resume", features=_CONTINUATION, given=tape(16), examples=4),
    *in_one_format("wasm/wait/renewed", renewed, "wasm.wait.resume", features=_CONTINUATION),
    *in_one_format("wasm/wait/forgets", forgets, "wasm.abi.scope", features=_CONTINUATION),
    *of_executors(
        "wasm/wait/equal", equal, "wasm.wait.equal", features=_CONTINUATION, given=tape(8), examples=2, once=True
    ),
    *in_one_format("wasm/wait/fuel", fuel, "wasm.wait.fuel", features=_CONTINUATION),
    *in_one_format("wasm/wait/protocol", protocol, "wasm.wait.protocol", features=_CONTINUATION),
)
