"""The operations of the profile ``image``; see ``operations`` for what an operation is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from gritstone.errors import Missing
from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.image.cores import Facts
from gritstone.image.engine import Outcome
from gritstone.image.requests import Request, Shown
from gritstone.image.service import Service
from gritstone.image.starting import no_image
from gritstone.image.worlds import world_root

__all__ = ["IMAGE_OPERATIONS"]

_T = TypeVar("_T")


def _service(session: Session, args: Arguments) -> Service:
    """Return the image of the runtime of a request, with the present references.

    Raises:
        Missing: the runtime is not started.
        Rejected: the suite chooses its schedule (code ``image``).
    """
    if session.runtimes is None:
        raise Missing("the runtime handle is not open", rule="runtime.start.handle", got=args["runtime"])
    bound = session.runtimes[args["runtime"]]
    service = bound.image
    if service is None or bound.chosen:
        raise no_image("wrong kind of schedule", "start.fresh")
    service.runtime.refresh()
    service.look()
    return service


def _wait(session: Session, coroutine: Coroutine[Any, Any, _T]) -> _T:
    assert session.runtimes is not None, "there is a runtime"
    return session.runtimes.wait(coroutine)


def _outcome(outcome: Outcome) -> Json:
    failure = outcome.failure
    word = {"committed": {}} if failure is None else {"failed": {"class": failure.kind, "code": failure.code}}
    return {"seq": outcome.seq, "outcome": word}


def image_start(session: Session, args: Arguments) -> Json:
    return {"kernel": _wait(session, _service(session, args).start()).hex()}


def image_request(session: Session, args: Arguments) -> Json:
    messages = [Request(one["to"], one["headers"], one["content"]) for one in args["messages"]]
    return _outcome(_wait(session, _service(session, args).request(messages, args.get("key"))))


def image_clock(session: Session, args: Arguments) -> Json:
    return {"seq": _wait(session, _service(session, args).set_clock(args["now_ms"]))}


def image_rollback(session: Session, args: Arguments) -> Json:
    return _outcome(_wait(session, _service(session, args).rollback(args["to"])))


def image_list(session: Session, args: Arguments) -> Json:
    shown, more = _service(session, args).list(args.get("as"), args["after"], args["limit"])
    return {"actors": [_shown(one) for one in shown], "more": more}


def image_log(session: Session, args: Arguments) -> Json:
    entries, more = _service(session, args).log(args["from"], args["limit"])
    return {"records": [write_bytes(one.data) for one in entries], "more": more}


def image_world(session: Session, args: Arguments) -> Json:
    service = _service(session, args)
    seq, world = service.world(args.get("seq"))
    root = world_root(world, service.runtime.store.format)
    after, limit = args["after"], args["limit"]
    refs = [(name, target.hex()) for name, target in world.references() if after is None or name > after]
    return {"seq": seq, "root": root.hex(), "refs": refs[:limit], "more": len(refs) > limit}


def _shown(shown: Shown) -> Json:
    if shown.position is None or shown.facts is None:
        return {"actor": shown.actor.hex()}
    facts = shown.facts
    return {
        "actor": shown.actor.hex(),
        "owner": (facts.owner or shown.actor).hex(),
        "core": shown.position.step.core.hex(),
        "caps": [(name, facts.data(target).decode()) for name, target in sorted(facts.part("caps").items())],
        "entry": [(name, facts.data(target).decode()) for name, target in sorted(facts.part("entry").items())],
        "code": sorted(shown.code),
        "timers": _timers(facts),
        "subs": [tuple(name.split(".", 1)) for name in sorted(facts.part("subs"))],
    }


def _timers(facts: Facts) -> Json:
    timers = ((handle, facts.timer(handle)) for handle in sorted(facts.part("timers")))
    return [
        {"handle": handle, "due": str(timer[0]), "seq": timer[1], "index": timer[2], "mt": timer[3]}
        for handle, timer in timers
        if timer is not None
    ]


IMAGE_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "image.start": image_start,
        "image.request": image_request,
        "image.clock": image_clock,
        "image.rollback": image_rollback,
        "image.list": image_list,
        "image.log": image_log,
        "image.world": image_world,
    }
)
"""The operations of ``image`` by name."""
