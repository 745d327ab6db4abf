"""The call of a guest: a step that a module makes within an operation, by the laws of both profiles.

Spec: ``image/wasm``, "The call"; :rule:`image.wasm.both`, :rule:`image.wasm.fuel`, :rule:`image.wasm.undone`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.failures import CLASSES, Declined, Failure
from gritstone_conformance.model.image.contents import number_of, put_text
from gritstone_conformance.model.image.denial import Denied, Ended, Unknowable
from gritstone_conformance.model.image.frames import Meter
from gritstone_conformance.model.image.sending import Letter, Outgoing
from gritstone_conformance.model.image.views import View
from gritstone_conformance.model.proposals import Proposal, header, message_type
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.values import Message
from gritstone_conformance.model.wasm.abi import CannotTell
from gritstone_conformance.model.wasm.calls import Finish, find_call, guest_of
from gritstone_conformance.model.wasm.running import Left, run_guest

__all__ = ["GuestTurn", "answer_as_guest"]

_KEPT: Final = ("image", "code", "wit", "wit_query", "wit_update", "src", "frozen")
"""What no step of a guest changes."""


@dataclass(frozen=True, slots=True)
class GuestTurn:
    """The turn of a guest.

    Attributes:
        view: the private copy.
        outgoing: what the step sends.
        pinned: the core with the pinned code.
        core: the core before.
    """

    view: View
    outgoing: Outgoing
    pinned: bytes
    core: bytes


def answer_as_guest(turn: GuestTurn, meter: Meter) -> bytes:
    """Return the step that a guest makes.

    Raises:
        Denied: the step fails.
        Ended: the fuel of a frame is spent.
        Unknowable: the call takes more units than are counted here.
    """
    try:
        finish = _called(turn, meter)
        tanks = finish.audited()
        _check_kept(turn, finish.result.core)
        gained = _send_all(turn, finish)
        return finish.admitted(_with_caps(turn, finish.core_after(tanks), gained))
    except Failure as failure:
        raise Denied(CLASSES[failure.kind], failure.wire_code) from failure
    except Declined as declined:
        raise Denied("rejected", "declined") from declined


def _called(turn: GuestTurn, meter: Meter) -> Finish:
    """Run the guest to its end and charge what it spent.

    Spec: :rule:`image.wasm.fuel`.
    """
    shelf, (sender, actor, message) = turn.view.shelf, turn.outgoing.answered
    last, context = turn.view.head(actor), Context(actor)
    proposal = Proposal("ordinary", ((sender, message),))
    found = find_call(shelf, turn.core, turn.pinned, "wit")
    guest = guest_of(shelf, context, proposal, last, turn.core, found)
    rest, depth = meter.rest() or (found.budget + 1, 0)
    confined = replace(found.manifest, query=False)
    guest = replace(guest, manifest=confined, budget=min(rest, found.budget), is_confined=True)
    left: Left | Failure
    try:
        left = run_guest(shelf, guest)
    except CannotTell as problem:
        raise Unknowable("a guest takes more units than are counted") from problem
    except Failure as failure:
        left = failure
    assert left.spent is not None, "its units were counted"
    meter.charge(left.spent)
    if isinstance(left, Left):
        return Finish(shelf, context, proposal, last, turn.core, found, left)
    if (left.kind, left.code) == ("exhausted", "fuel") and rest <= found.budget:
        raise Ended(depth, Denied("exhausted", "fuel"))
    raise left


def _check_kept(turn: GuestTurn, core: bytes) -> None:
    """Spec: :rule:`image.cap.self`."""
    if any(find(turn.view.shelf, turn.core, [name]) != find(turn.view.shelf, core, [name]) for name in _KEPT):
        raise Denied("rejected", "location")


def _send_all(turn: GuestTurn, finish: Finish) -> list[str]:
    """Judge the messages of a step and return the capabilities that it gains; raises Denied."""
    shelf, before = turn.view.shelf, turn.outgoing.before
    after, gained = shelf.mail(finish.result.outbox), []
    for to in sorted(before.keys() | after.keys()):
        if before.get(to) != after.get(to):
            for identity in _since(turn, after.get(to), before.get(to)):
                message = shelf.message(identity)
                gained += turn.outgoing.send_made(_letter(turn, to, message), identity)
    return gained


def _since(turn: GuestTurn, tip: bytes | None, last: bytes | None) -> list[bytes]:
    """Return the messages of a channel after the last one, oldest first; raises Denied if there is none before them."""
    found, at = [], tip
    while at is not None and at != last:
        found.append(at)
        at = turn.view.shelf.message(at).previous
    if at != last:
        raise Denied("malformed", "mode")
    return found[::-1]


def _letter(turn: GuestTurn, to: bytes, message: Message) -> Letter:
    """Return the letter that a message is; raises Denied for headers that fit no mode."""
    mt, op = message_type(message), header(message, "op")
    letter = Letter(to, mt, op or "post", message.content)
    if mt == "reply":
        if not _is_reply(turn, to, message):
            raise Denied("malformed", "mt")
        letter = replace(letter, headers=(("reply", turn.outgoing.answered.message.hex()),))
    turn.outgoing.check_type(letter)
    fuel = header(message, "fuel")
    is_limit = fuel is None or (op == "save" and number_of(fuel.encode()) is not None)
    if op not in (None, "join", "save") or not is_limit:
        raise Denied("malformed", "mode")
    return letter


def _is_reply(turn: GuestTurn, to: bytes, message: Message) -> bool:
    """Return whether a message is a reply that a guest may send."""
    answered = turn.outgoing.answered
    has_op = header(turn.view.shelf.message(answered.message), "op") is not None
    is_right = header(message, "reply") == answered.message.hex()
    return to == answered.sender and is_right and header(message, "op") == ("join" if has_op else None)


def _with_caps(turn: GuestTurn, core: bytes, gained: list[str]) -> bytes:
    """Return a core with the capabilities of births. Spec: :rule:`image.spawn.gains`."""
    if not gained:
        return core
    working = WorkingTree(turn.view.shelf, turn.view.shelf.names(core))
    granter = put_text(turn.view.shelf, turn.outgoing.actor.hex())
    for name in gained:
        working.put(["image", "caps", name], granter)
    return working.seal()
