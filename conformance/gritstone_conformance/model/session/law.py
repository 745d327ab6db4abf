"""The law of sessions: the code ``external:session/1``.

Spec: ``session``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.law import Law
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.session.desk import DAMAGED, Desk
from gritstone_conformance.model.session.json_text import JsonText
from gritstone_conformance.model.session.loading import check_first, host_of, load_session
from gritstone_conformance.model.session.messages import Damaged
from gritstone_conformance.model.session.post import Post
from gritstone_conformance.model.session.preparing import prepare
from gritstone_conformance.model.session.refused import Refused
from gritstone_conformance.model.session.requests import read_request
from gritstone_conformance.model.session.tree import Session, json_blob, text_blob
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Tree

__all__ = ["SESSION"]

_DATA: Final = b"external:session/1"


class _Sessions(Law):
    """Sessions; see ``Law``."""

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is the name of the code."""
        return data == _DATA

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return the step of a session."""
        match proposal.kind:
            case "genesis":
                return _first_step(shelf, context.actor, proposal)
            case "update":
                raise Failure("failed", "a session is no code of an update", "session.guest.update")
            case _:
                assert last is not None
                return _next_step(shelf, context.actor, proposal, last)

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return the prepared turn, the state, or None."""
        if name not in ("prepare", "state"):
            return None
        actor, core = shelf.step(step).actor, shelf.step(step).core
        try:
            session = _loaded(shelf, core)
            if name == "state":
                return shelf.put(json_blob(_described(session)))
            return shelf.put(prepare(shelf, actor, session, read_request(args)))
        except Refused as refused:
            return shelf.put(json_blob({"refused": refused.to_json()}))

    def refused_sender(self, shelf: Shelf, last: bytes, sender: bytes) -> str | None:
        """Return the rule of updates for a sender that is not the host."""
        return None if sender == host_of(shelf, shelf.step(last).core) else "session.guest.update"

    def refused_code(self, shelf: Shelf, core: bytes) -> str | None:
        """Return the rule of updates: code in an update never runs on a session."""
        return "session.guest.update"

    def refused_merge(self, shelf: Shelf, core: bytes, merged: bytes) -> str | None:
        """Return the rule of updates for a merge that changes what belongs to the session."""
        before, after = shelf.names(core), shelf.names(merged)
        keeps = all(before.get(name) == after.get(name) for name in ("effects", "session"))
        return None if keeps else "session.guest.update"

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule on what a session computes."""
        return "session.guest.exact"


SESSION: Final = _Sessions()


def _loaded(shelf: Shelf, core: bytes) -> Session:
    try:
        return load_session(shelf, core)
    except Damaged as damaged:
        raise DAMAGED from damaged


def _first_step(shelf: Shelf, actor: bytes, proposal: Proposal) -> Draft:
    """Return the first step: the core stays, and the host gets a reply.

    Spec: :rule:`session.guest.genesis`.
    """
    sender, message = proposal.covered[0]
    try:
        session = check_first(shelf, actor)
    except Damaged as damaged:
        raise Failure("failed", f"the first core: {damaged}", "session.guest.genesis") from damaged
    outbox: dict[bytes, bytes] = {}
    host = host_of(shelf, actor)
    if host is not None and host == sender:
        Post(shelf, host, outbox).reply(message, "opened", {"root": session.root.hex()})
    return Draft(None, actor, dict(proposal.tips), outbox, actor)


def _next_step(shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes) -> Draft:
    step = shelf.step(last)
    inbox = {**shelf.mail(step.inbox), **proposal.tips}
    outbox, host = dict(shelf.mail(step.outbox)), host_of(shelf, step.core)
    if proposal.kind == "cleanup":
        return Draft(None, actor, inbox, outbox, step.core)
    requests = [message for sender, message in proposal.covered if sender == host]
    if host is None or not requests:
        return Draft(last, actor, inbox, outbox, step.core)
    desk = Desk(shelf, actor, Post(shelf, host, outbox))
    try:
        session = load_session(shelf, step.core)
    except Damaged:
        for request in requests:
            desk.refuse(request)
        return Draft(last, actor, inbox, outbox, step.core)
    for request in requests:
        session = desk.read(session, request)
    return Draft(last, actor, inbox, outbox, _with_session(shelf, step.core, session))


def _with_session(shelf: Shelf, core: bytes, session: Session) -> bytes:
    """Store a core with its session as it is now, and return its id."""
    entries = {name: target for name, target in shelf.names(core).items() if name != "effects"}
    entries["session"] = session.root
    if session.effects:
        sent = {name: shelf.put(text_blob(message)) for name, message in session.effects.items()}
        entries["effects"] = shelf.put(Tree(tuple(sent.items())))
    return shelf.put(Tree(tuple(entries.items())))


def _described(session: Session) -> JsonText:
    """Return the answer to the query ``state``."""
    calls: list[JsonText] = [{"id": call, "tool": tool} for call, tool in session.open_calls().items()]
    return {
        "calls": calls,
        "count": session.count,
        "covered": session.covered,
        "history": session.history,
        "phase": session.phase,
        "root": session.root.hex(),
        "rounds": session.rounds,
    }
