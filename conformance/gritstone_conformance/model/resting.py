"""Check 14: at rest nothing is lost.

Spec: ``runtime/states``, :rule:`runtime.route.rest`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.model.away import is_away
from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.law import Foreign
from gritstone_conformance.model.proposals import Proposal, message_kind
from gritstone_conformance.model.puppet import REFUSED, Context
from gritstone_conformance.model.recompute import LAST_ATTEMPT
from gritstone_conformance.model.transition import make_step

__all__ = ["check_rest"]


def check_rest(history: History) -> Iterator[Finding]:
    """Yield each channel with mail that no sentence about rest allows."""
    for actor, firsts in sorted(_first_unread(history).items()):
        chain = history.chains.get(actor)
        shelf = history.shelf
        kinds = {
            sender: message_kind(actor, shelf.message(first), has_step=chain is not None)
            for sender, first in firsts.items()
        }
        marked = f"failed/{actor.hex()}" in history.references
        away = is_away(history.references, actor)
        for sender, first in sorted(firsts.items()):
            kind = kinds[sender]
            others = {kinds[other] for other in firsts if other != sender}
            if (
                kind == "waiting"
                or away
                or (marked and kind != "update")
                or (kind == "cleanup" and others - {"cleanup"})
                or _declines(history, actor, Proposal(kind, ((sender, first),)))
            ):
                continue
            path = f"heads/{sender.hex()}~0/outbox/{actor.hex()}"
            yield Finding("lost", Place(path, actor), f"the message {first.hex()} of the kind {kind} was left unread")


def _first_unread(history: History) -> dict[bytes, dict[bytes, bytes]]:
    """Return actors, the agent apart, to senders with mail for them, to the oldest unread message."""
    found: dict[bytes, dict[bytes, bytes]] = {}
    for sender, chain in history.chains.items():
        if f"heads/{sender.hex()}" not in history.references:
            continue
        for actor, tip in chain.outboxes[-1].items():
            inbox = history.chains[actor].inboxes[-1] if actor in history.chains else {}
            if actor != history.agent and inbox.get(sender) != tip:
                found.setdefault(actor, {})[sender] = unread(history.shelf, tip, inbox.get(sender)).ids[0]
    return found


def _declines(history: History, actor: bytes, proposal: Proposal) -> bool:
    """Return whether a run of the proposal declines; that of other code is believed to."""
    chain = history.chains.get(actor)
    last = None if chain is None else chain.ids[-1]
    try:
        make_step(history.shelf, Context(actor, LAST_ATTEMPT, lambda _: REFUSED), proposal, last)
    except Declined:
        return True
    except Failure:
        return False
    except Foreign:
        history.unverified.append(f"{actor.hex()}: whether its code declines cannot be checked")
        return True
    return False
