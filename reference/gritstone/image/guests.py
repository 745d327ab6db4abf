"""Guests: the step that a module makes in an operation, by the laws of images and those of ``wasm``.

::

    prepare    the module of the pinned code; manifest, state and image of the core
    run        within the manifest and the rest of the fuel of the operation; without ``query`` and ``wait``
    charge     what the call spent, whatever its outcome is
    judge      admission and audit of the profile ``wasm``; then what the step changed and sends

Spec: the chapter *Tools as guests* of ``image``, :rule:`image.wasm.both`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, Protocol

from gritstone.errors import InternalError, Refusal
from gritstone.grit.objects import Object, ObjectId
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.refusals import refusal
from gritstone.image.sending import Sender
from gritstone.image.texts import text_blob
from gritstone.wasm.cores import node_path
from gritstone.wit.admission import admit
from gritstone.wit.channels import unread
from gritstone.wit.code import Draft, Run
from gritstone.wit.failures import failure_class
from gritstone.wit.position import Position, load_position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.guest_host import GuestHost
    from gritstone.wasm.transition import GuestCode

__all__ = ["Meter", "answer_as_guest"]

_KEPT = ("image", "code", "wit", "wit_query", "wit_update", "src", "frozen")


class Meter(Protocol):
    """The fuel of an operation."""

    def charge(self, units: int) -> None:
        """Use fuel."""

    def rest(self) -> int | None:
        """Return the units until the first open frame reaches its limit; None if no open frame has a limit."""

    def end(self) -> NoReturn:
        """Fail the outermost frame that has reached its limit."""


class _Branch(Workspace):
    """A workspace on top of another one, whose new objects it reads."""

    __slots__ = ("_below",)

    def __init__(self, below: Workspace) -> None:
        super().__init__(below.objects)
        self._below = below

    def load(self, object_id: ObjectId) -> Object:
        return self.made.get(object_id) or self._below.load(object_id)

    def look(self, object_id: ObjectId) -> Object | None:
        return self.made.get(object_id) or self._below.look(object_id)


def answer_as_guest(
    guests: GuestHost, copy: PrivateCopy, letter: Letter, working: WorkingCore, sender: Sender, meter: Meter
) -> WorkingCore:
    """Answer a message by a guest; return the core of its step. What it sends is in the outbox of the sender.

    Args:
        guests: the host of guests.
        copy: the private copy.
        letter: the message.
        working: the core before, without a timer that the message fires.
        sender: the outbox.
        meter: the fuel of the operation.

    Raises:
        Refusal: the step fails.

    Spec: :rule:`image.wasm.both`, :rule:`image.wasm.fuel`, :rule:`image.wasm.undone`.
    """
    run = _run_of(copy, letter, working)
    try:
        code = _prepared(guests, copy, run)
        position, finished = _called(code, copy, run, meter)
    except Refusal as error:
        if failure_class(error) is None:
            raise
        raise refusal(f"{error.kind}/{error.code}", str(error), "wasm.both") from error
    _check_kept(run.core, position.core)
    _send(copy, letter, run, position, sender)
    run.workspace.drop_unreached((finished,))
    copy.workspace.take_over(run.workspace)
    after = load_position(copy.workspace, finished, run.actor)
    core = WorkingCore(copy.workspace, after.step.core, after.core)
    for gained in sender.gains.values():
        for name in gained:
            core.put(("image", "caps", name), copy.workspace.put(text_blob(run.actor.hex())))
    return core


def _run_of(copy: PrivateCopy, letter: Letter, working: WorkingCore) -> Run:
    last, core_id = copy.position(letter.target), working.store()
    tree = copy.workspace.tree(core_id)
    if last is None or tree is None:
        raise InternalError("a guest without a head")
    proposal = Proposal(MessageKind.ORDINARY, ((letter.sender, (letter.message_id,)),))
    return Run(_Branch(copy.workspace), letter.target, last, core_id, tree.entries, proposal, 1)


def _prepared(guests: GuestHost, copy: PrivateCopy, run: Run) -> GuestCode:
    """Return the call: the module of the pinned code, with manifest, state and image of the core."""
    from gritstone.wasm.transition import prepare_call  # on first use, as the engine

    pinned = copy.pinned(run.actor)
    path = node_path(run.workspace, pinned, "wit")
    return prepare_call(guests, run.workspace, run.core, "wit", pinned, path)


def _called(code: GuestCode, copy: PrivateCopy, run: Run, meter: Meter) -> tuple[Position, ObjectId]:
    """Run a guest, and admit and audit its step; return its position, and the step with the host nodes.

    Spec: :rule:`image.wasm.fuel`.
    """
    from gritstone.wasm.transition import Bounds

    budget, rest = code.budget, meter.rest()
    bounds = Bounds(budget if rest is None else min(budget, rest))
    result: Draft | ObjectId | None = None
    try:
        next(replace(code, bounds=bounds).step(run))
        raise InternalError("a guest asks in an operation")
    except StopIteration as end:
        result = end.value
    except Refusal as error:
        meter.charge(bounds.spent)
        if rest is not None and rest <= budget and error.code == "exhausted:fuel":
            meter.end()
        raise
    meter.charge(bounds.spent)
    if not isinstance(result, Draft) or result.step is None or run.last is None or result.step == run.last.step_id:
        raise refusal("rejected/declined", "the guest declined", "wasm.both")
    base = copy.base
    admitted = admit(run, result.step, copy.closures, base.roots, trust_heads=True)
    return admitted.position, result.finish(admitted.position)


def _check_kept(before: Mapping[str, ObjectId], after: Mapping[str, ObjectId]) -> None:
    """Check that a step kept what only the runtime changes.

    Spec: :rule:`image.cap.self`.
    """
    for name in _KEPT:
        if before.get(name) != after.get(name):
            raise refusal("rejected/location", "a guest does not change this entry", "cap.self", got=name)


def _send(copy: PrivateCopy, letter: Letter, run: Run, position: Position, sender: Sender) -> None:
    """Judge the messages that a step sends: the receivers ascending, the messages to one receiver oldest first."""
    workspace = run.workspace
    before = {} if run.last is None else run.last.outbox
    for target in sorted(before.keys() | position.outbox.keys()):
        tip, known = position.outbox.get(target), before.get(target)
        if tip == known:
            continue
        messages, is_fresh = unread(workspace.load, tip, known)
        if tip is None or (known is not None and is_fresh):
            raise refusal("malformed/mode", "a guest sends behind the last message of a channel", "message.mode")
        for message_id in messages:
            sender.adopt(letter, target, message_id, workspace.message(message_id))
