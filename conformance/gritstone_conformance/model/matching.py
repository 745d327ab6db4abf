"""Checks 6 and 7, and the rest of 3 and 5: what each step covers, held against what was sent.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gritstone_conformance.model.chains import Chain, Channel
from gritstone_conformance.model.channels import root
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.proposals import CONTROL, Covered, message_kind, message_type

__all__ = ["Matches", "match_all"]


@dataclass(slots=True)
class Matches:
    """What was matched.

    Attributes:
        findings: what is wrong.
        covered: actors to what each of their steps covers.
        sources: actors to the steps, as (sender, index), that sent what each of their steps covers.
    """

    findings: list[Finding] = field(default_factory=list)
    covered: dict[bytes, list[Covered]] = field(default_factory=dict)
    sources: dict[bytes, list[list[tuple[bytes, int]]]] = field(default_factory=dict)


def match_all(history: History) -> Matches:
    """Match every covered message with a position in what its sender sent."""
    matches = Matches()
    for actor, chain in history.chains.items():
        if chain.cut:
            _believe_first(history, chain)
        covered = matches.covered[actor] = [
            () if _is_believed(history, chain, index) else chain.covered(history.shelf, index)
            for index in range(len(chain))
        ]
        sources: list[list[tuple[bytes, int]]] = []
        for index, messages in enumerate(covered):
            sources.append([])
            for sender, message in messages:
                position = _match(history, chain, index, sender, message, matches.findings)
                if position is not None:
                    sources[-1].append((sender, history.channels[sender, actor].senders[position]))
            if actor != history.agent and not _is_believed(history, chain, index):
                matches.findings += _of_kinds(history, chain, index, messages)
        matches.sources[actor] = sources
    return matches


def _is_believed(history: History, chain: Chain, index: int) -> bool:
    return index == 0 and (chain.cut or chain.actor == history.agent)


def _believe_first(history: History, chain: Chain) -> None:
    """Match what the first step of a cut history has read with its first position, before all else.

    If the sender's history is cut too, a position of a later step may be a second sending of the message.
    """
    for sender, message in chain.inboxes[0].items():
        channel = history.channels.get((sender, chain.actor))
        places = channel.places.get(message) if channel is not None else None
        if channel is not None and places and (channel.senders[places[0]] == 0 or not history.chains[sender].cut):
            channel.matched.add(places[0])
            channel.last = places[0]


def _match(
    history: History, chain: Chain, index: int, sender: bytes, message: bytes, findings: list[Finding]
) -> int | None:
    """Match one message and return its position; None where it has none, which is noted."""
    channel = history.channels.get((sender, chain.actor), _NOTHING)
    position = channel.match(message)
    if position is not None:
        return position
    if _is_doubtful(history, chain, index, (sender, message), channel):
        history.unverified.append(f"{message.hex()} was covered, and what its sender sent is not known in full")
        return None
    fault, place = channel.fault(message), chain.place(index, f"inbox/{sender.hex()}")
    findings.append(Finding(fault, place, f"{_WORDS[fault]}: {message.hex()}"))
    return None


def _is_doubtful(history: History, chain: Chain, index: int, who: tuple[bytes, bytes], channel: Channel) -> bool:
    """Return whether a message that could not be matched may have been sent all the same."""
    sender, message = who
    places = channel.places.get(message)
    if places is None:
        return history.is_open(sender) or (sender == history.agent and _is_overtaken(history, chain, index, channel))
    return history.chains[sender].cut and all(channel.senders[position] == 0 for position in places)


def _is_overtaken(history: History, chain: Chain, index: int, channel: Channel) -> bool:
    """Return whether an actor began to read the chain of the agent that it read last only after a step.

    It may have read what that step covers in a store from which it was adopted.

    Spec: :rule:`wasm.handoff.agent`.
    """
    if channel.begun is None:
        shelf, agent = history.shelf, history.agent
        assert agent is not None, "it is the sender"
        cursors = [box.get(agent) for box in chain.inboxes]
        last = next((each for each in reversed(cursors) if each in channel.places), None)
        wanted = None if last is None else root(shelf, last)
        channel.begun = next((at for at, each in enumerate(cursors) if each and root(shelf, each) == wanted), 0)
    return index < channel.begun


_NOTHING = Channel()

_WORDS = {
    "unsent": "a message that nobody sent on this channel",
    "twice": "a message that was covered before",
    "stale": "a message that was superseded by one covered before",
    "disorder": "a message that was sent before one covered before",
}


def _of_kinds(history: History, chain: Chain, index: int, messages: Covered) -> Iterator[Finding]:
    """Checks 3 (cleanup), 5 (progress) and 7."""
    if not messages:
        yield Finding("still", chain.place(index, "inbox"), "the step covers nothing")
        return
    if index == 0:
        return
    shelf = history.shelf
    if any(message_type(shelf.message(message)) == "cleanup" for _, message in messages):
        yield Finding("uncut", chain.place(index, "previous"), "the step covers a cleanup and has a previous")
    controls = [each for each in messages if message_kind(chain.actor, shelf.message(each[1]), lives=True) in CONTROL]
    if len(messages) > 1 and controls:
        place = chain.place(index, f"inbox/{controls[0][0].hex()}")
        yield Finding("crowd", place, f"{controls[0][1].hex()} is a control message and was not covered alone")
