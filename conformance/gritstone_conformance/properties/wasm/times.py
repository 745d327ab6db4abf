"""The time limit of a transition: a guest that never ends is ended, also one that answers a query."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.lockstep import GENESIS, MOST_STEPS, LockstepModel, StartOptions
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench
from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.endings import returning
from gritstone_conformance.strategies.guests import add_module, guest_core
from gritstone_conformance.strategies.host_calls import CallScript, script_guest, slot
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "wasm.host.time"
_LIMIT_MS: Final = 20
_LONG: Final = 1 << 27  # much longer than the limit, but a host that does not end the guest answers some time
_CALLS: Final = 1 << 31  # the same for a guest whose fuel is spent by host calls, of which each costs 100 units
_YEARS: Final = 1 << 62
_ENDLESS: Final[Code] = [("loop", None, [("br", 0)]), zero]


def _endless(entry: str = "wit") -> bytes:
    guest = Assembly()
    guest.entry(_ENDLESS, name=entry)
    return guest.binary()


def _endless_calls() -> bytes:
    """Return a guest that never ends and makes a host call in each turn."""
    guest = Assembly()
    kind = guest.grit("kind")
    guest.memory(1)
    guest.entry([("loop", None, [("drop", ("call", kind, number(0))), ("br", 0)]), zero])
    return guest.binary()


def _endless_beginning() -> bytes:
    """Return a guest whose ``_initialize`` never ends."""
    guest = Assembly()
    guest.entry([zero])
    guest.function([], [], (), [("loop", None, [("br", 0)])], "_initialize")
    return guest.binary()


def guests_out_of_time(trial: Trial, fmt: Format) -> None:
    """A guest whose fuel lasts longer is ended after ``transition_ms`` milliseconds, and other steps follow."""
    bench = GuestBench(trial, fmt)
    for module, fuel in ((_endless(), _LONG), (_endless_calls(), _CALLS), (_endless_beginning(), _LONG)):
        actor = bench.guest(module, {"fuel": fuel})
        message = actor.send(actor.identity, "genesis")
        bench.fill()
        args = {**bench.about(actor.identity, None, [(bench.outside, message)]), "attempt": 1}
        bench.ask("wit.step", {**args, "transition_ms": _LIMIT_MS}, refused("exhausted", "timeout"), _RULE)
        bench.run(returning(5), rule=_RULE)
        bench.flush()


def queries_out_of_time(trial: Trial) -> None:
    """A guest that would answer a query of a transition after years is ended with the transition."""
    fmt = FORMATS[trial.claims.formats[0]]
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    endless, usual = (add_module(stage.graph, each) for each in (_endless("wit_query"), script_guest()))
    code = stage.tree(**{"main.wasm": usual, "endless.wasm": endless})
    node = stage.blob(b"wasm:code/endless.wasm", ("ct", "s"))
    asked = guest_core(stage.graph, b"asked", script_guest(), {"fuel": _YEARS}, code=code, wit_query=node)
    asking = guest_core(stage.graph, b"asking", script_guest(), {"query": True}, peer=asked)
    for actor in (asked, asking):
        lockstep.inject(actor, actor, headers=GENESIS, rule=_RULE)
        lockstep.run(rule=_RULE)
    lockstep.stop()
    lockstep.terms = StartOptions(config=Config(0, 0, 1), transition_ms=_LIMIT_MS)
    lockstep.start(rule=_RULE)
    script = CallScript().call("input", 2, slot(1)).find(1, "peer", 2).blob(b"", 3)
    script.call("query", slot(2), script.text(b"q"), 1, slot(3), slot(4))
    lockstep.inject(asking, stage.blob(script.step(1).data()), rule=_RULE)
    lockstep.flush()
    parked = ok(cause="rest", steps={"$": "any"}, parked=[[asking.hex(), "timeout"]])
    trial.expect("runtime.run", {"runtime": "r", "max_steps": MOST_STEPS}, parked, rule=_RULE)
    trial.expect("runtime.stop", {"runtime": "r", "how": "drain"}, ok(), rule=_RULE)
    trial.expect("grit.close", {"store": "s"}, ok())


PROPERTIES: Final = (
    *of_engines("wasm/host/out-of-time", guests_out_of_time, _RULE),
    Property("wasm/host/query-out-of-time", (_RULE,), queries_out_of_time, None, Requires((), (), ("wasm",))),
)
