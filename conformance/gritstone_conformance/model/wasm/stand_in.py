"""The puppet and the guest of sessions in the place of their modules: known by digest, so that the module need not run.

A module that keeps no state, with more fuel than it needs, shows neither its memory nor its units outside.

Spec: "The puppet" of ``wasm/classes``; :rule:`wasm.puppet.same`; :rule:`session.wasm.same`.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.illegal import spoil
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Draft, run_puppet
from gritstone_conformance.model.puppet_answers import answer_puppet
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.session.law import SESSION
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.puppets import FAILURE, puppet_of
from gritstone_conformance.model.wasm.running import Guest, Left
from gritstone_conformance.model.wasm.sessions import is_session_guest

__all__ = ["stand_in"]

_LEAST_FUEL: Final = 1_000_000_000
_LEAST_PAGES: Final = 256


def stand_in(shelf: Shelf, guest: Guest, proposal: Proposal | None, last: bytes | None) -> Left | None:
    """Return what the puppet or session leaves, or None for another guest, or one without all that these need.

    Args:
        shelf: objects.
        guest: what is to run.
        proposal: what it covers, or None for a query.
        last: the step it starts from, or is asked of.

    Raises:
        Failure: it fails.
    """
    manifest = guest.manifest
    if is_session_guest(guest.data):
        return _session(shelf, guest, proposal, last)
    stamps = puppet_of(guest.data)
    grants = manifest.raw and manifest.query and manifest.attempt and not manifest.keeps_state
    if stamps is None or not grants or manifest.fuel < _LEAST_FUEL:
        return None
    try:
        if proposal is None:
            assert last is not None
            assert guest.query is not None
            args = shelf.blob(guest.given[6] or b"")
            assert args is not None
            return Left(answer_puppet(shelf, last, guest.query, args.data), 0, guest.state)
        return Left(_step(shelf, guest, proposal, last, stamps=stamps), 0, guest.state)
    except Refusal as refusal:
        if any(defect.kind != "exhausted" for defect in refusal.defects):
            raise
        raise Failure("failed", "an object is too long", "wasm.puppet.same", FAILURE) from refusal
    except Failure as failure:
        raise Failure("failed", str(failure), "wasm.puppet.same", FAILURE) from failure


def _session(shelf: Shelf, guest: Guest, proposal: Proposal | None, last: bytes | None) -> Left | None:
    """Return what the guest of sessions leaves, or None where it has not all that it needs."""
    manifest = guest.manifest
    has_enough = manifest.fuel >= _LEAST_FUEL and manifest.pages >= _LEAST_PAGES
    if manifest.keeps_state or manifest.send is None or not has_enough:
        return None
    if proposal is None:
        assert last is not None
        assert guest.query is not None
        args = shelf.blob(guest.given[6] or b"")
        assert args is not None
        return Left(SESSION.query(shelf, last, guest.query, args.data), 0, guest.state)
    try:
        made = SESSION.step(shelf, guest.context, proposal, last)
    except Failure as failure:
        raise Failure("failed", str(failure), "session.wasm.same", "guest:1") from failure
    return Left(made.seal(shelf) if isinstance(made, Draft) else made, 0, guest.state)


def _step(shelf: Shelf, guest: Guest, proposal: Proposal, last: bytes | None, *, stamps: bool) -> bytes | None:
    """Return the id that the puppet gives, or None where it covers nothing."""
    first_core = guest.given[2] if last is None else None
    try:
        work = run_puppet(shelf, guest.context, proposal, last, first_core, stamps=stamps)
    except Declined:
        return None
    draft = Draft(guest.given[1], guest.context.actor, work.inbox, work.outbox, work.core.seal())
    made = spoil(work, draft)
    return made.seal(shelf) if isinstance(made, Draft) else made
