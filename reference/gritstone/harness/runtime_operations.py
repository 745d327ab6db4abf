"""The operations of the profile ``runtime``, and ``fault.*``; see ``operations`` for what an operation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gritstone.errors import Rejected
from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.runtimes import Bound, Runtimes
from gritstone.harness.wire import Json, write_bytes
from gritstone.harness.wit_operations import laws_of
from gritstone.image.service import Service
from gritstone.image.starting import refuse_image_store
from gritstone.runtime import Config, Runtime
from gritstone.session.residency import Residency

__all__ = ["FAULT_OPERATIONS", "RUNTIME_OPERATIONS"]


def _runtimes(session: Session) -> Runtimes:
    if session.runtimes is None:
        session.runtimes = Runtimes()
    return session.runtimes


def _runtime(session: Session, args: Arguments) -> Runtime:
    """Return the runtime of a request, with the present heads and marks."""
    bound = _runtimes(session)[args["runtime"]]
    bound.runtime.refresh()
    if bound.image is not None:
        bound.image.look()
    return bound.runtime


def _with_schedule(session: Session, args: Arguments, *, chosen: bool) -> Runtime:
    """Return the runtime of a request that needs one kind of schedule.

    Raises:
        Rejected: the runtime has the other kind.
    """
    if _runtimes(session)[args["runtime"]].chosen is not chosen:
        expected = "chosen" if chosen else "free"
        raise Rejected("wrong kind of schedule", rule="runtime.schedule.refused", expected=expected)
    return _runtime(session, args)


def runtime_start(session: Session, args: Arguments) -> Json:
    runtimes = _runtimes(session)
    store = session.handles[args["store"]].store
    runtimes.check_free(args["runtime"])
    config = Config(
        args["agent"],
        base_ms=args["base_ms"],
        cap_ms=args["cap_ms"],
        max_attempts=args["max_attempts"],
        transition_ms=args["transition_ms"],
    )
    is_chosen = args["schedule"] == "chosen"
    has_images = "image" in session.claims.profiles
    if is_chosen and has_images:
        refuse_image_store(store)
    runtime = Runtime(store, laws_of(session), config, suite_clock=args["clock"] == "suite")
    image = Service(runtime) if has_images else None
    residency = Residency(runtime) if "session" in session.claims.profiles and not is_chosen else None
    runtimes.bind(args["runtime"], Bound(runtime, args["store"], is_chosen, residency, image))
    return {"agent": runtime.agent.hex()}


def runtime_inject(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    signal = args["mode"] == "signal"
    message = runtime.inject(args["to"], args["content"], args["headers"], signal=signal)
    return {"message": _runtimes(session).wait(message).hex()}


def runtime_run(session: Session, args: Arguments) -> Json:
    runtime = _with_schedule(session, args, chosen=False)
    report = _runtimes(session).wait(runtime.run(args["max_steps"]))
    parked = [(actor.hex(), failure) for actor, failure in report.parked]
    return {"cause": report.cause, "steps": report.steps, "parked": parked}


def runtime_query(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    step, found = _runtimes(session).wait(runtime.query(args["actor"], args["name"], args["args"]))
    return {"step": step.hex(), "result": None if found is None else found.hex()}


def runtime_mail(session: Session, args: Arguments) -> Json:
    return {"mail": [(sender.hex(), message.hex()) for sender, message in _runtime(session, args).mail()]}


def runtime_ack(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    _runtimes(session).wait(runtime.acknowledge(args["sender"], args["message"]))
    return {}


def runtime_collect(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    return {"removed": [actor.hex() for actor in _runtimes(session).wait(runtime.collect())]}


def runtime_release(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    return {"released": [actor.hex() for actor in _runtimes(session).wait(runtime.release(args["actors"]))]}


def runtime_cut(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    return {"step": _runtimes(session).wait(runtime.cut()).hex()}


def runtime_stop(session: Session, args: Arguments) -> Json:
    _runtimes(session).stop(args["runtime"], drain=args["how"] == "drain")
    return {}


def runtime_ready(session: Session, args: Arguments) -> Json:
    runtime = _with_schedule(session, args, chosen=True)
    choices = []
    for actor, proposal in runtime.ready():
        inbox = [(sender.hex(), message.hex()) for sender, message in proposal.mailbox.items()]
        choices.append({"actor": actor.hex(), "inbox": inbox})
    return {"choices": choices}


def runtime_choose(session: Session, args: Arguments) -> Json:
    runtime = _with_schedule(session, args, chosen=True)
    step = _runtimes(session).wait(runtime.choose(args["choice"]))
    return {"step": None if step is None else step.hex()}


def runtime_time(session: Session, args: Arguments) -> Json:
    return {"due": _runtime(session, args).set_time(args["now_ms"])}


def runtime_effects(session: Session, args: Arguments) -> Json:
    found = []
    for effect in _runtime(session, args).effects():
        actor, message = effect.sender.hex(), effect.message.hex()
        request = None if effect.request is None else write_bytes(effect.request)
        found.append(
            {
                "effect": f"{actor}.{message}",
                "actor": actor,
                "message": message,
                "kind": effect.kind,
                "request": request,
            }
        )
    return {"effects": found}


def runtime_resolve(session: Session, args: Arguments) -> Json:
    runtime = _runtime(session, args)
    _runtimes(session).wait(runtime.resolve(args["effect"], args["outcome"]))
    return {}


def fault_arm(session: Session, args: Arguments) -> Json:
    session.handles.writes.arm(args["writes"], args["when"])
    return {}


def fault_count(session: Session, args: Arguments) -> Json:
    return {"writes": session.handles.writes.count}


RUNTIME_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "runtime.start": runtime_start,
        "runtime.inject": runtime_inject,
        "runtime.run": runtime_run,
        "runtime.query": runtime_query,
        "runtime.mail": runtime_mail,
        "runtime.ack": runtime_ack,
        "runtime.collect": runtime_collect,
        "runtime.release": runtime_release,
        "runtime.cut": runtime_cut,
        "runtime.stop": runtime_stop,
        "runtime.ready": runtime_ready,
        "runtime.choose": runtime_choose,
        "runtime.time": runtime_time,
        "runtime.effects": runtime_effects,
        "runtime.resolve": runtime_resolve,
    }
)
"""The operations of ``runtime`` by name."""

FAULT_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {"fault.arm": fault_arm, "fault.count": fault_count}
)
"""The operations of ``fault`` by name."""
