"""Illegal results: what the op ``X`` of the puppet makes of a step.

Spec: the table "Illegal results" of ``wit/puppet``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.puppet import Draft, Work
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message, Step, Tree

__all__ = ["KINDS", "absent_id", "spoil"]


def absent_id(identity: bytes) -> bytes:
    """Return the id with every bit inverted."""
    return bytes(byte ^ 0xFF for byte in identity)


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """What a kind has to work with: the work, the draft, and sender and message of the program with the op."""

    work: Work
    draft: Draft
    sender: bytes
    message: bytes

    @property
    def shelf(self) -> Shelf:
        return self.work.shelf

    @property
    def last(self) -> Step | None:
        return self.work.last[1] if self.work.last else None

    @property
    def last_inbox(self) -> dict[bytes, bytes]:
        return dict(self.shelf.mail(self.last.inbox)) if self.last else {}


def spoil(work: Work, draft: Draft) -> Draft | bytes:
    """Return the draft made illegal as the work says, or an id that is no step.

    Raises:
        Failure: there is nothing to alter, or no such kind.
    """
    if work.illegal is None:
        return draft
    kind, sender, message = work.illegal
    alter = KINDS.get(kind)
    altered = None if alter is None else alter(_Spoilt(work, draft, sender, message))
    if altered is None:
        raise Failure("failed", f"X {kind:02X} has nothing to alter", "wit.puppet.exact")
    return altered


def _previous(spoilt: _Spoilt) -> Draft:
    if spoilt.work.last is None:
        return replace(spoilt.draft, previous=spoilt.draft.core)
    cut = spoilt.work.proposal.kind == "cleanup"
    return replace(spoilt.draft, previous=spoilt.work.last[0] if cut else None)


def _actor(spoilt: _Spoilt) -> Draft | None:
    same = spoilt.sender == spoilt.work.context.actor
    return None if same else replace(spoilt.draft, actor=spoilt.sender)


def _no_progress(spoilt: _Spoilt) -> Draft:
    return replace(spoilt.draft, inbox=spoilt.last_inbox)


def _unproposed(spoilt: _Spoilt) -> Draft | None:
    key = spoilt.draft.core
    if key in spoilt.draft.inbox or key in spoilt.work.proposal.tips:
        return None
    return replace(spoilt.draft, inbox={**spoilt.draft.inbox, key: spoilt.message})


def _vanished(spoilt: _Spoilt) -> Draft | None:
    if spoilt.sender not in spoilt.last_inbox:
        return None
    kept = {sender: message for sender, message in spoilt.draft.inbox.items() if sender != spoilt.sender}
    return replace(spoilt.draft, inbox=kept)


def _unsent(spoilt: _Spoilt) -> Draft:
    content = spoilt.shelf.message(spoilt.message).content
    forged = spoilt.shelf.put(Message(spoilt.message, (), content))
    return replace(spoilt.draft, inbox={**spoilt.draft.inbox, spoilt.sender: forged})


def _rewound(spoilt: _Spoilt) -> Draft | None:
    outbox = spoilt.shelf.mail(spoilt.last.outbox) if spoilt.last else {}
    if not outbox:
        return None
    key = min(outbox)
    previous = spoilt.shelf.message(outbox[key]).previous
    return None if previous is None else replace(spoilt.draft, outbox={**spoilt.draft.outbox, key: previous})


def _absent_content(spoilt: _Spoilt) -> Draft:
    previous = spoilt.draft.outbox.get(spoilt.sender)
    sent = spoilt.shelf.put(Message(previous, (), absent_id(spoilt.message)))
    return replace(spoilt.draft, outbox={**spoilt.draft.outbox, spoilt.sender: sent})


def _blob_core(spoilt: _Spoilt) -> Draft:
    return replace(spoilt.draft, core=spoilt.shelf.put(Blob((), b"")))


def _no_wit(spoilt: _Spoilt) -> Draft | None:
    entries = dict(spoilt.shelf.names(spoilt.draft.core))
    if entries.pop("wit", None) is None or not entries:
        return None
    return replace(spoilt.draft, core=spoilt.shelf.put(Tree(tuple(entries.items()))))


def _absent_core(spoilt: _Spoilt) -> Draft:
    return replace(spoilt.draft, core=absent_id(spoilt.message))


def _core_itself(spoilt: _Spoilt) -> bytes:
    return spoilt.draft.core


def _absent_step(spoilt: _Spoilt) -> bytes:
    return absent_id(spoilt.message)


def _skipped(spoilt: _Spoilt) -> Draft | None:
    if spoilt.last is None or spoilt.last.previous is None:
        return None
    return replace(spoilt.draft, previous=spoilt.last.previous)


KINDS: Final[dict[int, Callable[[_Spoilt], Draft | bytes | None]]] = {
    0x01: _previous,
    0x02: _actor,
    0x03: _no_progress,
    0x04: _unproposed,
    0x05: _vanished,
    0x06: _unsent,
    0x07: _rewound,
    0x08: _absent_content,
    0x09: _blob_core,
    0x0A: _no_wit,
    0x0B: _absent_core,
    0x0C: _core_itself,
    0x0D: _absent_step,
    0x0E: _skipped,
}
"""The kinds of ``X``; each gives None where there is nothing to alter."""
