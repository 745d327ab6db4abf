"""Operations on sessions, killed at each durable write: all references are as before, or all are as after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.residency.sessions import Limits, Residency
from gritstone_conformance.model.runtime import start
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.runtime.halves import Half, kill_at_each_write
from gritstone_conformance.properties.session.resident import HELLO, Resident
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_KILL: Final = "session.recover.kill"
_FEATURES: Final = ("external", "durable", "fault.kill")
_AT: Final = 10_000_000


def _half(
    resident: Resident,
    op: str,
    args: dict[str, Json],
    work: Callable[[Residency], dict[str, Json]],
    limits: Limits | None = None,
) -> Half:
    """Carry an operation out on the model, in a runtime that was just started; return it as it is before."""
    resident.fill()
    resident.flush()
    store = resident.pair.model
    before = store.export()
    residency = Residency(start(store, resident.terms.agent, resident.terms.config))
    residency.limits = limits or residency.limits
    residency.now(_AT)
    answer = work(residency)
    setting = None if limits is None else ("session.limits", asdict(limits))
    return Half(before, f"session.{op}", {"at": _AT, **args}, answer, dict(store.references), _KILL, setting)


def _kill(trial: Trial, fmt: Format, resident: Resident, halves: list[Half]) -> None:
    """Close the store of the scenario, and kill a process at each write of each half."""
    trial.expect("grit.close", {"store": resident.pair.handle}, ok())
    kill_at_each_write(trial, fmt, halves)


def _step(resident: Resident, op: str, session: bytes, work: Callable[[Residency], bytes]) -> Half:
    return _half(resident, op, {"session": session.hex()}, lambda residency: ok(step=work(residency).hex()))


def _session(resident: Resident, title: bytes) -> bytes:
    session = resident.puppet(title)
    resident.open(session, 1_000)
    resident.send(session, resident.stage.program(programs.append("log", b"t")), 1_001)
    resident.run()
    return session


def opened(trial: Trial, fmt: Format) -> None:
    """An open makes the first step, and archives a session that gets mail and a restore request, all or nothing."""
    resident = Resident(trial, fmt)
    core = resident.mailing(b"opened", _session(resident, b"leaves"))
    resident.fill()
    resident.request(resident.pair.cas(Change("kept/core", None, core)))
    half = _half(
        resident,
        "open",
        {"core": core.hex()},
        lambda residency: ok(session=core.hex(), message=residency.open(core, _AT).hex()),
        Limits(max_live=1),
    )
    _kill(trial, fmt, resident, [half])


def archived(trial: Trial, fmt: Format) -> None:
    """An archive and a sweep remove heads, set references and send notices, all or nothing."""
    resident = Resident(trial, fmt)
    sessions = [_session(resident, b"%d" % number) for number in range(3)]
    first = _step(resident, "archive", sessions[0], lambda residency: residency.archive(sessions[0], _AT))
    sweep = _half(resident, "sweep", {}, lambda residency: ok(archived=[one.hex() for one in residency.sweep(_AT)]))
    _kill(trial, fmt, resident, [first, sweep])


def restored(trial: Trial, fmt: Format) -> None:
    """A restore sets the head, removes the reference and sends the notice, all or nothing."""
    resident = Resident(trial, fmt)
    session = _session(resident, b"restored")
    resident.archive(session, 2_000)
    half = _step(resident, "restore", session, lambda residency: residency.restore(session, _AT))
    _kill(trial, fmt, resident, [half])


def taken(trial: Trial, fmt: Format) -> None:
    """A restore in another store moves the agent's head, its entries and the references, all or nothing."""
    first = Resident(trial, fmt)
    session = first.spoken(b"taken")
    first.archive(session, 2_000)
    name = f"archived/{session.hex()}"
    first.flush()
    data = first.pair.model.export([name])
    trial.expect("grit.close", {"store": "s"}, ok())
    second = Resident(trial, fmt, pair=open_memory(trial, fmt, "t"))
    for asked in second.pair.take(data):
        second.request(asked)
    half = _step(second, "restore", session, lambda residency: residency.restore(session, _AT))
    _kill(trial, fmt, second, [half])


def closed(trial: Trial, fmt: Format) -> None:
    """A close removes the head or the reference, sets another, and drops the agent's entries, all or nothing."""
    resident = Resident(trial, fmt)
    live, away = _session(resident, b"live"), _session(resident, b"away")
    resident.archive(away, 2_000)
    first = _step(resident, "close", live, lambda residency: residency.close(live, _AT))
    second = _step(resident, "close", away, lambda residency: residency.close(away, _AT))
    _kill(trial, fmt, resident, [first, second])


def asked(trial: Trial, fmt: Format) -> None:
    """A refused request sends both notices of its restore request, or none."""
    resident = Resident(trial, fmt)
    session = _session(resident, b"asked")
    resident.archive(session, 2_000)

    def work(residency: Residency) -> dict[str, Json]:
        try:
            residency.prepare(session, HELLO, _AT)
        except Refusal as refusal:
            return refusal.expectation()
        raise AssertionError("an archived session was prepared")

    args: dict[str, Json] = {"session": session.hex(), "request": to_base64(HELLO)}
    _kill(trial, fmt, resident, [_half(resident, "prepare", args, work)])


def progressed(trial: Trial, fmt: Format) -> None:
    """Progress is sent or not."""
    resident = Resident(trial, fmt)
    session = _session(resident, b"progressed")
    resident.archive(session, 2_000)

    def work(residency: Residency) -> dict[str, Json]:
        residency.progress(session, b"{}", _AT)
        return ok()

    args: dict[str, Json] = {"session": session.hex(), "progress": to_base64(b"{}")}
    _kill(trial, fmt, resident, [_half(resident, "progress", args, work)])


def operated(trial: Trial, fmt: Format) -> None:
    """A session that is outside is restored from its name, all or nothing."""
    resident = Resident(trial, fmt)
    session = _session(resident, b"outside")
    resident.archive(session, 2_000)
    name = f"archived/{session.hex()}"
    step = resident.pair.model.references[name]
    text = resident.stage.blob(step.hex().encode(), ("ct", "s"))
    resident.fill()
    resident.request(resident.pair.cas(Change(name, step, text), Change(f"kept/{session.hex()}", None, step)))
    half = _step(resident, "restore", session, lambda residency: residency.restore(session, _AT))
    _kill(trial, fmt, resident, [half])


def prepared(trial: Trial, fmt: Format) -> None:
    """A prepare without a session opens it as a whole or not at all."""
    resident = Resident(trial, fmt)
    core = resident.guest(7)
    nonce = bytes([7]) * 32

    def work(residency: Residency) -> dict[str, Json]:
        actor = residency.default_core(nonce)
        assert actor == core, "the stage makes another core"
        residency.open(actor, _AT)
        turn, data = residency.prepare(actor, HELLO, _AT)
        return ok(session=actor.hex(), turn=turn.hex(), prepared=to_base64(data))

    args: dict[str, Json] = {"session": None, "nonce": to_base64(nonce), "request": to_base64(HELLO)}
    _kill(trial, fmt, resident, [_half(resident, "prepare", args, work)])


_GATE: Final = (
    ("open", opened),
    ("archive", archived),
    ("elsewhere", taken),
    ("close", closed),
    ("request", asked),
)
_SEARCH: Final = (("restore", restored), ("progress", progressed), ("outside", operated), ("prepare", prepared))
"""Kills that no gate needs: they make the updates of the others, or a part of one."""


def _properties(name: str, body: Callable[..., None], *, search_only: bool) -> tuple[Property, ...]:
    return in_each_format(
        f"session/kill/{name}",
        body,
        _KILL,
        features=_FEATURES,
        once=True,
        kind="crash",
        cost=600,
        search_only=search_only,
    )


PROPERTIES: Final = tuple(
    prop
    for rows, search_only in ((_GATE, False), (_SEARCH, True))
    for name, body in rows
    for prop in _properties(name, body, search_only=search_only)
)
