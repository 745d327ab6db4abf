"""Check 15: two exports of one store, and the suite's own list of what it sent.

Spec: ``runtime/history``, ``runtime/recovery``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gritstone_conformance.model.away import is_away
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.values import Headers

__all__ = ["Sent", "check_continued", "check_sent"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was injected.

    Attributes:
        to: its receiver.
        headers: its headers.
        content: its content.
        mode: ``queue`` or ``signal``.
        message: its id as it was answered; None if it was not answered.
    """

    to: bytes
    headers: Headers
    content: bytes
    mode: str
    message: bytes | None


def check_continued(first: History, second: History) -> Iterator[Finding]:
    """Yield each head of the first that is not in the history of the second, and each end that is undone.

    Spec: :rule:`runtime.recover.continue`, :rule:`runtime.head.cas`, :rule:`runtime.collect.final`.
    """
    for name, target in first.references.items():
        if name.startswith("gone/") and target == first.agent and second.references.get(name) != target:
            yield Finding("revived", Place(name), "the actor was collected, and this reference has changed")
    for actor, chain in first.chains.items():
        later = second.chains.get(actor)
        ended = f"gone/{actor.hex()}" in second.references
        if ended or (is_away(second.references, actor) if later is None else later.cut or chain.ids[-1] in later.ids):
            continue
        words = "the actor has no head any more" if later is None else "an earlier head is not on the chain"
        yield Finding("rewound", Place(f"heads/{actor.hex()}", actor), words)


def check_sent(history: History, listed: Sequence[Sent]) -> Iterator[Finding]:
    """Yield each injection that is lost, and each that was made more often than it was asked for.

    Spec: :rule:`runtime.recover.injection`.
    """
    assert history.agent is not None, "the history has no agent"
    for each in () if history.is_open(history.agent) else listed:
        channel = history.channels.get((history.agent, each.to))
        place = Place(f"heads/{history.agent.hex()}~0/outbox/{each.to.hex()}", history.agent)
        if each.message is not None and (channel is None or each.message not in channel.places):
            yield Finding("forgotten", place, f"{each.message.hex()} was injected, but the agent did not send it")
    asked = Counter((each.to, _in_order(each.headers), each.content) for each in listed)
    queued = Counter((each.to, _in_order(each.headers), each.content) for each in listed if each.mode == "queue")
    there, behind = _counted(history, history.agent)
    for key in sorted(asked):
        place = Place(f"heads/{history.agent.hex()}~0/outbox/{key[0].hex()}", history.agent)
        if there[key] > asked[key] or behind[key] > queued[key]:
            yield Finding("doubled", place, f"the agent sent {there[key]} such messages, {asked[key]} were requested")


_Key = tuple[bytes, Headers, bytes]


def _counted(history: History, agent: bytes) -> tuple[Counter[_Key], Counter[_Key]]:
    """Return how often each message was sent by the agent, and how often behind another."""
    there: Counter[_Key] = Counter()
    behind: Counter[_Key] = Counter()
    for (sender, receiver), channel in history.channels.items():
        for identity in channel.messages if sender == agent else ():
            message = history.shelf.message(identity)
            key = receiver, _in_order(message.headers), message.content
            there[key] += 1
            behind[key] += message.previous is not None
    return there, behind


def _in_order(headers: Headers) -> Headers:
    return tuple(sorted(headers))
