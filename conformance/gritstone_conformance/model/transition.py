"""The transition: from the step an actor is at and what it is given to read, to its next step.

The kind of the proposal says who makes the step (``MAKERS``); every maker gives a draft, declines, or fails. A
draft becomes a step when it is admitted, which ``admission`` decides.

Spec: ``wit/transition``, ``wit/update``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.cores import merge, thawed
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.illegal import spoil
from gritstone_conformance.model.nodes import Code, code_at, is_wasm_core
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft, run_puppet
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Step
from gritstone_conformance.model.wasm.abi import CannotTell
from gritstone_conformance.model.wasm.calls import make_module_step
from gritstone_conformance.model.wasm.creators import refused_merge, refuses_sender

__all__ = ["Foreign", "code_of", "cursor_only", "make_step", "refusing_rule", "update_is_refused"]


class Foreign(Exception):  # noqa: N818 - says what the code is
    """The code is none that this suite can run; whatever it gives is believed."""


def make_step(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Return what the transition gives: a draft, or an id that is meant to be a step.

    Raises:
        Declined: the code declines.
        Failure: the transition fails.
        Foreign: nobody here can tell.
        Refusal: something that it needs is absent.
    """
    try:
        return MAKERS[proposal.kind](shelf, context, proposal, last)
    except Refusal as refusal:
        if all(defect.kind == "exhausted" for defect in refusal.defects):
            raise Failure("exhausted", str(refusal)) from refusal
        raise


def cursor_only(shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes) -> Draft:
    """Return the step that only reads."""
    step = shelf.step(last)
    inbox = {**shelf.mail(step.inbox), **proposal.tips}
    return Draft(last, actor, inbox, dict(shelf.mail(step.outbox)), step.core)


def code_of(shelf: Shelf, proposal: Proposal, last: bytes | None) -> Code | None:
    """Return the code that makes the step, or None where no code runs.

    Spec: :rule:`wit.transition.source`, :rule:`wit.transition.no-stale`.
    """
    content = shelf.message(proposal.covered[0][1]).content
    match proposal.kind:
        case "genesis":
            return code_at(shelf, content, "wit")
        case "update":
            runs = _has_code(shelf, content) and not _is_frozen(shelf, _core(shelf, last))
            return code_at(shelf, content, "wit_update") if runs else None
        case "duplicate":
            return None
        case _:
            return code_at(shelf, _core(shelf, last), "wit")


def update_is_refused(shelf: Shelf, last: bytes, update: tuple[bytes, bytes]) -> bool:
    """Return whether the transition itself refuses an update.

    Args:
        shelf: objects.
        last: the step that the actor is at.
        update: sender and message.
    """
    return refusing_rule(shelf, last, update) is not None


def refusing_rule(shelf: Shelf, last: bytes, update: tuple[bytes, bytes]) -> str | None:
    """Return the rule by which the transition itself refuses an update, or None where it does not.

    Spec: :rule:`wit.update.refused`, :rule:`wit.frozen.code`, :rule:`wasm.grant.update`.
    """
    core, content = _core(shelf, last), shelf.message(update[1]).content
    if not shelf.is_tree(content):
        return "wit.update.refused"
    is_wasm = is_wasm_core(shelf, core)
    if is_wasm and refuses_sender(shelf, last, update[0]):
        return "wasm.grant.update"
    if _has_code(shelf, content):
        return "wit.update.refused" if _is_frozen(shelf, core) else None
    merged = merge(shelf, core, content)
    wit = shelf.names(merged).get("wit")
    if wit is None or shelf.kind(wit) != "blob" or thawed(shelf, core, merged) is not None:
        return "wit.update.refused"
    return refused_merge(shelf, core, merged) if is_wasm else None


def _run_code(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Let the code make the step."""
    code = code_of(shelf, proposal, last)
    if code is Code.MODULE or (last is not None and is_wasm_core(shelf, _core(shelf, last))):
        return _run_module(shelf, context, proposal, last)
    if code is Code.FOREIGN:
        raise Foreign
    if code is None or not code.is_puppet:
        raise Failure("unresolved", "no code resolves", "wit.node.forms")
    first_core = shelf.message(proposal.covered[0][1]).content if last is None else None
    work = run_puppet(shelf, context, proposal, last, first_core, stamps=code is Code.STAMP)
    previous = None if proposal.kind == "cleanup" else last
    draft = Draft(previous, context.actor, work.inbox, work.outbox, work.core.seal())
    return spoil(work, draft)


def _run_module(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> bytes:
    try:
        return make_module_step(shelf, context, proposal, last)
    except CannotTell as problem:
        raise Foreign from problem


def _update(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Answer an update.

    Spec: :rule:`wit.update.merge`, :rule:`wit.update.code`, :rule:`wit.update.not-own`.
    """
    assert last is not None
    content = shelf.message(proposal.covered[0][1]).content
    core = _core(shelf, last)
    draft = cursor_only(shelf, context.actor, proposal, last)
    if update_is_refused(shelf, last, proposal.covered[0]):
        return draft
    if _has_code(shelf, content):
        return _run_code(shelf, context, proposal, last)
    return Draft(last, context.actor, draft.inbox, draft.outbox, merge(shelf, core, content))


def _duplicate(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Answer a second genesis message.

    Spec: :rule:`wit.genesis.again`.
    """
    assert last is not None
    return cursor_only(shelf, context.actor, proposal, last)


MAKERS: Final[dict[str, Callable[[Shelf, Context, Proposal, bytes | None], Draft | bytes]]] = {
    "genesis": _run_code,
    "ordinary": _run_code,
    "cleanup": _run_code,
    "update": _update,
    "duplicate": _duplicate,
}
"""The kinds of proposal, and who makes the step."""


def _core(shelf: Shelf, last: bytes | None) -> bytes:
    assert last is not None
    step = shelf.get(last)
    assert isinstance(step, Step)
    return step.core


def _has_code(shelf: Shelf, content: bytes) -> bool:
    return shelf.is_tree(content) and "wit_update" in shelf.names(content)


def _is_frozen(shelf: Shelf, core: bytes) -> bool:
    return "frozen" in shelf.names(core)
