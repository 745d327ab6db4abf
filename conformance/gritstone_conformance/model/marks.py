"""Check 12: marks and receipts.

Spec: ``runtime/history``, ``runtime/failure``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.admission import admission_defects
from gritstone_conformance.model.chains import Channel
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.failures import CLASSES, Declined, Failure, is_code
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.law import Foreign
from gritstone_conformance.model.matching import covered_by
from gritstone_conformance.model.proposals import Proposal, header, message_kind, message_type
from gritstone_conformance.model.puppet import Context, Draft, Question
from gritstone_conformance.model.transition import make_step, update_is_refused
from gritstone_conformance.model.values import Blob, Message

__all__ = ["check_marks"]

_NOTHING: Final = Channel()


def check_marks(history: History) -> Iterator[Finding]:
    """Yield what is wrong with marks and receipts."""
    for name, target in sorted(history.references.items()):
        if name.startswith("failed/"):
            yield from _of_mark(history, name, bytes.fromhex(name[7:]), history.shelf.mail(target))
    if history.agent is not None:
        yield from _of_receipts(history, history.agent)


def _of_mark(history: History, name: str, actor: bytes, target: dict[bytes, bytes]) -> Iterator[Finding]:
    place = Place(name, actor)
    ((sender, failed),) = target.items()
    message = history.shelf.message(failed)
    channel = history.channels.get((sender, actor), _NOTHING)
    position = channel.unmatched(failed)
    if position is None:
        if history.is_open(sender):
            history.unverified.append(f"{name}: what the sender sent is not known in full")
        else:
            yield Finding("mark", place, "the mark names a message that was never sent, or that was read")
            return
    elif not history.is_open(sender) and any(
        later > position and message_type(history.shelf.message(channel.messages[later])) != "update"
        for later in channel.matched()
    ):
        yield Finding("overtaken", place, "the actor read a later message of that sender that is not an update")
    kind = message_kind(actor, message, has_step=actor in history.chains)
    if kind in ("update", "waiting"):
        yield Finding("mark", place, f"the mark names a message of the kind {kind}")
    elif not _fails(history, actor, Proposal(kind, ((sender, failed),))):
        yield Finding("mark", place, "the message that the mark names does not fail")
    if history.agent is not None and sender != history.agent:
        yield from _of_count(history, place, (history.agent, sender, actor), failed)


def _fails(history: History, actor: bytes, proposal: Proposal) -> bool:
    """Return whether a message, run alone from the head, fails or may have failed."""
    chain = history.chains.get(actor)
    last = None if chain is None else chain.ids[-1]
    doubtful: list[object] = []

    def ask(question: Question) -> bytes | None:
        doubtful.append(question)
        return None

    context = Context(actor, history.max_attempts or 1, ask, doubtful.append)
    try:
        made = make_step(history.shelf, context, proposal, last)
        result = made.seal(history.shelf) if isinstance(made, Draft) else made
        return bool(doubtful or admission_defects(history.shelf, actor, last, proposal, result))
    except (Failure, Foreign):
        return True
    except Declined:
        return bool(doubtful)


def _of_count(history: History, place: Place, who: tuple[bytes, bytes, bytes], failed: bytes) -> Iterator[Finding]:
    """Yield a finding unless there is exactly one receipt, or more for a reason."""
    agent, sender, actor = who
    receipts = [each for each in _receipts(history, agent, sender) if header(each[1], "reply") == failed.hex()]
    if not receipts and history.is_open(agent):
        history.unverified.append(f"{place.path}: the agent's chain was cut, so the receipt cannot be checked")
    elif not receipts:
        yield Finding("receipt", place, "there is no receipt for the message")
    elsewhere = any(
        failed in channel.places
        for (other, receiver), channel in history.channels.items()
        if other == sender and receiver != actor
    )
    if len(receipts) < 2 or elsewhere or _was_healed(history, actor):
        return
    if history.is_open(sender) or history.is_cut(actor):
        history.unverified.append(f"{place.path}: why there are {len(receipts)} receipts is not known in full")
    else:
        yield Finding("receipt", place, f"there are {len(receipts)} receipts for the message")


def _was_healed(history: History, actor: bytes) -> bool:
    """Return whether some step of an actor answers an update that was not refused."""
    chain = history.chains.get(actor)
    covered = () if chain is None else covered_by(history, chain)
    for index in range(1, len(covered)):
        assert chain is not None
        read = covered[index]
        message = history.shelf.message(read[0][1]) if read else None
        is_update = message is not None and message_type(message) == "update"
        if is_update and not update_is_refused(history.shelf, chain.ids[index - 1], read[0]):
            return True
    return False


def _receipts(history: History, agent: bytes, sender: bytes) -> list[tuple[bytes, Message]]:
    channel = history.channels.get((agent, sender))
    sent = [] if channel is None else [(each, history.shelf.message(each)) for each in channel.messages]
    return [(each, message) for each, message in sent if message_type(message) == "receipt"]


def _of_receipts(history: History, agent: bytes) -> Iterator[Finding]:
    """Yield a finding for each invalid receipt."""
    for who, receiver in sorted(history.channels):
        if who != agent:
            continue
        for identity, message in _receipts(history, agent, receiver):
            step = history.channels[agent, receiver].senders[history.channels[agent, receiver].places[identity][0]]
            place = history.chains[agent].place(step, f"outbox/{receiver.hex()}")
            if receiver == agent:
                yield Finding("no-loop", place, "the agent sent itself a receipt")
            elif not _has_form(history, message):
                yield Finding("receipt", place, f"{identity.hex()} does not have the form of a receipt")
            elif not _answers_something(history, receiver, message):
                yield Finding("receipt", place, f"{identity.hex()} names no message that its receiver sent")


def _has_form(history: History, message: Message) -> bool:
    headers = dict(message.headers)
    fmt = history.shelf.format
    kind = headers.get("class", "")
    plain = set(headers) == {"mt", "reply", "class"}
    coded = set(headers) == {"mt", "reply", "class", "code"} and is_code(kind, headers["code"])
    return kind in CLASSES and (plain or coded) and message.content == fmt.hash(fmt.encode(Blob((), b"")))


def _answers_something(history: History, receiver: bytes, message: Message) -> bool:
    """Return whether what a receipt answers was sent by its receiver."""
    reply = header(message, "reply") or ""
    try:
        failed = bytes.fromhex(reply)
    except ValueError:
        return False
    sent = any(failed in channel.places for (who, _), channel in history.channels.items() if who == receiver)
    return failed.hex() == reply and (sent or history.is_open(receiver))
