"""The transition: from the step an actor is at and what it is given to read, to its next step.

The kind of the proposal selects the maker of the step (``MAKERS``); each maker returns a draft, declines, or fails. A
draft becomes a step when it is admitted, which ``admission`` decides.

Spec: ``wit/transition``, ``wit/update``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.cores import merge
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.freezing import thawed
from gritstone_conformance.model.law import Law
from gritstone_conformance.model.laws import law_at, law_of
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Step

__all__ = ["cursor_only", "make_step", "refusing_rule", "update_is_refused"]


def make_step(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Return what the transition gives: a draft, or an id that is meant to be a step.

    Raises:
        Declined: the code declines.
        Failure: the transition fails.
        Foreign: the model cannot recompute this code.
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

    Spec: :rule:`wit.update.refused`, :rule:`wit.frozen.code`.
    """
    core, content = _core(shelf, last), shelf.message(update[1]).content
    if not shelf.is_tree(content):
        return "wit.update.refused"
    law = law_of(shelf, core)
    refused = law.refused_sender(shelf, last, update[0])
    if refused is not None:
        return refused
    if _has_code(shelf, content):
        return "wit.update.refused" if _is_frozen(shelf, core) else law.refused_code(shelf, core)
    merged = merge(shelf, core, content)
    wit = shelf.names(merged).get("wit")
    if wit is None or shelf.kind(wit) != "blob" or thawed(shelf, core, merged) is not None:
        return "wit.update.refused"
    return law.refused_merge(shelf, core, merged)


def _genesis(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Answer the message that creates the actor."""
    sender, message = proposal.covered[0]
    core = shelf.message(message).content
    if law_of(shelf, core).makes_first_step(shelf, core):
        return _run(law_at(shelf, core, "wit"), shelf, context, proposal, last)
    return Draft(None, context.actor, {sender: message}, {}, core)


def _mail(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Make the step with the code of the core.

    Spec: :rule:`wit.transition.source`, :rule:`wit.transition.no-stale`.
    """
    return _run(law_at(shelf, _core(shelf, last), "wit"), shelf, context, proposal, last)


def _run(law: Law | None, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    if law is None:
        raise Failure("unresolved", "no code resolves", "wit.node.forms")
    return law.step(shelf, context, proposal, last)


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
        return _run(law_at(shelf, core, "wit_update", content), shelf, context, proposal, last)
    return Draft(last, context.actor, draft.inbox, draft.outbox, merge(shelf, core, content))


def _duplicate(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
    """Answer a second genesis message.

    Spec: :rule:`wit.genesis.again`.
    """
    assert last is not None
    return cursor_only(shelf, context.actor, proposal, last)


MAKERS: Final[dict[str, Callable[[Shelf, Context, Proposal, bytes | None], Draft | bytes]]] = {
    "genesis": _genesis,
    "ordinary": _mail,
    "cleanup": _mail,
    "update": _update,
    "duplicate": _duplicate,
}
"""The kinds of proposal, with the maker of the step for each."""


def _core(shelf: Shelf, last: bytes | None) -> bytes:
    assert last is not None
    step = shelf.get(last)
    assert isinstance(step, Step)
    return step.core


def _has_code(shelf: Shelf, content: bytes) -> bool:
    return shelf.is_tree(content) and "wit_update" in shelf.names(content)


def _is_frozen(shelf: Shelf, core: bytes) -> bool:
    return "frozen" in shelf.names(core)
