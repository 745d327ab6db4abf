"""Crossings of handoffs: one half, for an actor in each state, with each set of references, and what follows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wasm.guest_lockstep import PUPPET_GRANTS, GuestLockstepModel, move_references
from gritstone_conformance.properties.wasm.handoffs import hand
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_OWNER: Final = "wasm.handoff.one-owner"
_RECORDED: Final = "wasm.handoff.recorded"
_STILL: Final = "runtime.away.still"
_OTHER_HALF: Final = {"release": "adopt", "adopt": "release"}


def hand_over(trial: Trial, row: Row) -> None:
    """Bring an actor and its references into a state, ask for one half of a handoff, and do what comes later."""
    rule = _OWNER if row["adopted"] == "absent" or row["half"] == "release" else _RECORDED
    lockstep = GuestLockstepModel(trial, FORMATS[row["format"]], rule)
    actor, friend = (lockstep.guest(title, "puppet", PUPPET_GRANTS) for title in (b"a", b"friend"))
    _bring(lockstep, actor, friend, row["actor"])
    _refer(lockstep, actor, friend, row)
    match row["references"]:
        case "fitting-stopped":
            lockstep.stop()
        case "fitting-restarted":
            lockstep.restart()
    hand(lockstep, row["half"], actor)
    if row["references"] == "fitting-stopped":
        lockstep.start()
    _later(lockstep, actor, row)
    lockstep.run(rule=_STILL)
    lockstep.compare()


def _bring(lockstep: GuestLockstepModel, actor: bytes, friend: bytes, state: str) -> None:
    stage = lockstep.stage
    log = stage.program(programs.append("log", b"x"))
    lockstep.tell(actor, log)
    match state:
        case "marked" | "marked-unread":
            lockstep.tell(actor, stage.program(programs.fail()))
        case "replied" | "acknowledged":
            lockstep.tell(actor, stage.program(programs.send(0, 1), lockstep.agent, log))
            if state == "acknowledged":
                lockstep.ack(*lockstep.mail()[0])
        case "sent-to-friend":
            lockstep.tell(friend, stage.program(programs.fail()))
            lockstep.tell(actor, stage.program(programs.send(0, 1), friend, log))
        case "sent-to-unborn":
            lockstep.tell(actor, stage.program(programs.send(0, 1), stage.core(b"unborn"), log))
    if state in ("unread", "marked-unread"):
        lockstep.inject(actor, log)


def _refer(lockstep: GuestLockstepModel, actor: bytes, friend: bytes, row: Row) -> None:
    """Set the references of the actor as a row says."""
    digits, heads = actor.hex(), lockstep.model.mailroom.heads
    head = heads[actor]
    targets = {
        "head": head,
        "previous": lockstep.model.mailroom.shelf.step(head).previous,
        "other": heads[friend],
    }
    moves: list[tuple[str, bytes | None]] = []
    is_moved = (row["half"] == "adopt") == (row["references"].startswith("fitting"))
    if is_moved and row["references"] != "both":
        moves.append((f"heads/{digits}", None))
    if is_moved or row["references"] == "both":
        moves.append((f"moved/{digits}", targets[row["moved"]]))
    if row["away"] != "nothing":
        moves.append((f"{row['away']}/{digits}", head))
    if row["adopted"] != "absent":
        moves.append((f"adopted/{digits}", targets[row["adopted"]]))
    if moves:
        move_references(lockstep, *moves)


def _later(lockstep: GuestLockstepModel, actor: bytes, row: Row) -> None:
    """Do what comes after the half."""
    match row["later"]:
        case "again":
            hand(lockstep, row["half"], actor)
        case "other-half":
            hand(lockstep, _OTHER_HALF[row["half"]], actor)
        case "message":
            lockstep.inject(actor, lockstep.stage.program(programs.append("log", b"y")), rule=_STILL)
        case "genesis":
            lockstep.inject(actor, actor, headers=GENESIS, rule=_STILL)
        case "prune":
            lockstep.prune()
        case "cut":
            lockstep.cut(rule="runtime.cut.step")
        case "collect":
            lockstep.collect(rule="runtime.collect.held")


def _rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_OWNER, _RECORDED, _STILL, "runtime.cut.step", "runtime.collect.held")


PROPERTIES: Final[tuple[Property, ...]] = each_row("wasm/handoffs", hand_over, _rules)
