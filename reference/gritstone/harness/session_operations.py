"""The operations of the profile ``session``; see ``operations`` for what an operation is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from gritstone.errors import Missing, Rejected
from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.runtime.operator import refuse_in_image
from gritstone.session.residency import Residency
from gritstone.session.usage import Limits

__all__ = ["SESSION_OPERATIONS"]

_T = TypeVar("_T")


def _residency(session: Session, args: Arguments) -> Residency:
    """Return the sessions of the runtime of a request, with the present heads and marks.

    Raises:
        Missing: the runtime is not started.
        Rejected: the suite chooses its schedule, or the store is an image (code ``image``).
    """
    if session.runtimes is None:
        raise Missing("the runtime handle is not open", rule="runtime.start.handle", got=args["runtime"])
    residency = session.runtimes[args["runtime"]].residency
    if residency is None:
        raise Rejected("wrong kind of schedule", rule="session.schedule.free", expected="free")
    residency.runtime.refresh()
    refuse_in_image(residency.runtime.machine.world.operator)
    return residency


def _wait(session: Session, coroutine: Coroutine[Any, Any, _T]) -> _T:
    assert session.runtimes is not None, "there is a runtime"
    return session.runtimes.wait(coroutine)


def session_limits(session: Session, args: Arguments) -> Json:
    _residency(session, args).limits = Limits(args["max_live"], args["idle_ms"], args["lease_ms"])
    return {}


def session_open(session: Session, args: Arguments) -> Json:
    opened, message = _wait(session, _residency(session, args).open(args["core"], args["at"]))
    return {"session": opened.hex(), "message": message.hex()}


def session_prepare(session: Session, args: Arguments) -> Json:
    residency = _residency(session, args)
    prepared = _wait(session, residency.prepare(args["session"], args["request"], args["at"], args.get("nonce")))
    return {"session": prepared.session.hex(), "turn": prepared.turn.hex(), "prepared": write_bytes(prepared.data)}


def session_send(session: Session, args: Arguments) -> Json:
    residency = _residency(session, args)
    sent = residency.send(args["session"], args["headers"], args["content"], args["at"])
    return {"message": _wait(session, sent).hex()}


def session_sweep(session: Session, args: Arguments) -> Json:
    archived = _wait(session, _residency(session, args).sweep(args["at"]))
    return {"archived": [one.hex() for one in archived]}


def session_archive(session: Session, args: Arguments) -> Json:
    return {"step": _wait(session, _residency(session, args).archive(args["session"], args["at"])).hex()}


def session_restore(session: Session, args: Arguments) -> Json:
    return {"step": _wait(session, _residency(session, args).restore(args["session"], args["at"])).hex()}


def session_close(session: Session, args: Arguments) -> Json:
    return {"step": _wait(session, _residency(session, args).close(args["session"], args["at"])).hex()}


def session_progress(session: Session, args: Arguments) -> Json:
    _wait(session, _residency(session, args).progress(args["session"], args["progress"], args["at"]))
    return {}


SESSION_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "session.limits": session_limits,
        "session.open": session_open,
        "session.prepare": session_prepare,
        "session.send": session_send,
        "session.sweep": session_sweep,
        "session.archive": session_archive,
        "session.restore": session_restore,
        "session.close": session_close,
        "session.progress": session_progress,
    }
)
"""The operations of ``session`` by name."""
