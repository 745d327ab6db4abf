"""The agent: the actor that represents the outside, and whose steps the runtime makes.

Functions here make objects and return the agent's next step; the machine adopts it.

Spec: :rule:`runtime.agent.bootstrap`, :rule:`runtime.agent.changes`, :rule:`runtime.receipt.form`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gritstone.errors import Invalid, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.wit.channels import Roots, root_of
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = [
    "Entries",
    "agent_step",
    "check_injection",
    "cut_step",
    "distinct_headers",
    "first_step",
    "make_agent",
    "receipt_headers",
    "signal_is_sent",
]

_MOST_NAME_BYTES = 255

Entries: TypeAlias = Mapping[ObjectId, ObjectId | None]
"""Changed entries of a mailbox; None removes an entry."""


def make_agent(workspace: Workspace, name: str) -> ObjectId:
    """Make the agent's core, whose id is the id of the agent.

    Raises:
        Invalid: the name is empty, longer than 255 bytes, or cannot be encoded in UTF-8.

    Spec: :rule:`runtime.agent.bootstrap`.
    """
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError:
        data = b""
    if not 1 <= len(data) <= _MOST_NAME_BYTES:
        raise Invalid(
            "the name of the agent is invalid",
            rule="runtime.agent.bootstrap",
            got=ascii(name[:80]),
            expected="1 to 255 bytes",
        )
    return workspace.put(Tree({"name": workspace.put(Blob({"ct": "s"}, data))}))


def first_step(workspace: Workspace, agent: ObjectId) -> ObjectId:
    """Make the agent's first step.

    Spec: :rule:`runtime.agent.bootstrap`.
    """
    genesis = workspace.put(Message(None, {"mt": "genesis"}, agent))
    return workspace.put(Step(None, agent, workspace.put(Mailbox({agent: genesis})), None, agent))


def agent_step(workspace: Workspace, last: Position, sent: Entries, read: Entries) -> Position:
    """Make the agent's next step.

    Args:
        workspace: the workspace that receives the objects.
        last: the position of the agent.
        sent: changed entries of the outbox; at least one, or one of ``read``.
        read: changed entries of the inbox.

    Spec: :rule:`runtime.agent.changes`.
    """
    return _step(workspace, last, last.step_id, (_changed(last.inbox, read), _changed(last.outbox, sent)))


def cut_step(workspace: Workspace, last: Position) -> Position:
    """Make the step that begins a new chain of the agent, in place of the one that ends with ``last``.

    Its note names the previous step as text. So no object of the old chain is reachable from it, and two cuts are never
    equal.

    Spec: :rule:`runtime.cut.step`.
    """
    agent = last.step.actor
    headers = {"mt": "cleanup", "cut": last.step_id.hex()}
    note = workspace.put(Message(None, headers, workspace.put(Blob(NO_HEADERS, b""))))
    return _step(workspace, last, None, (_changed(last.inbox, {agent: note}), _changed(last.outbox, {agent: None})))


def _changed(entries: Mapping[ObjectId, ObjectId], changes: Entries) -> Mapping[ObjectId, ObjectId]:
    """Return the entries after some changes. New ones are put in their order, so that encoding has little to sort."""
    if not changes:
        return entries
    merged = dict(entries)
    for actor, message in changes.items():
        if message is not None:
            merged[actor] = message
        else:
            merged.pop(actor, None)
    return merged if changes.keys() <= entries.keys() else {actor: merged[actor] for actor in sorted(merged)}


def _step(
    workspace: Workspace,
    last: Position,
    previous: ObjectId | None,
    boxes: tuple[Mapping[ObjectId, ObjectId], Mapping[ObjectId, ObjectId]],
) -> Position:
    inbox, outbox = boxes
    inbox_id = last.step.inbox if inbox is last.inbox else _mailbox(workspace, inbox)
    outbox_id = last.step.outbox if outbox is last.outbox else _mailbox(workspace, outbox)
    step = Step(previous, last.step.actor, inbox_id, outbox_id, last.step.core)
    return Position(workspace.put(step), step, inbox, outbox, last.core)


def _mailbox(workspace: Workspace, entries: Mapping[ObjectId, ObjectId]) -> ObjectId | None:
    return workspace.put(Mailbox(MappingProxyType(entries))) if entries else None


def distinct_headers(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers by key.

    Raises:
        Invalid: a key is repeated.
    """
    by_key = dict(headers)
    if len(by_key) != len(headers):
        raise Invalid("a header key is repeated", rule="runtime.agent.inject-refused")
    return by_key or NO_HEADERS


def check_injection(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Check the headers of an injection, except their grammar.

    Raises:
        Invalid: a key is repeated.
        Rejected: they are the headers of a receipt.

    Spec: :rule:`runtime.receipt.reserved`.
    """
    by_key = distinct_headers(headers)
    if by_key.get("mt") == "receipt":
        raise Rejected("the headers are reserved for receipts", rule="runtime.receipt.reserved")
    return by_key


def signal_is_sent(workspace: Workspace, roots: Roots, tip: ObjectId | None, signal: ObjectId) -> bool:
    """Return whether a signal is the tip of its channel already.

    Args:
        workspace: returns objects.
        roots: known roots of chains; more are added.
        tip: the entry of the outbox.
        signal: a message without previous; only the root of a chain can equal it.

    Raises:
        Rejected: it is an older message of the chain, so sending it would move the channel back.

    Spec: :rule:`runtime.agent.inject`.
    """
    if tip is None or tip == signal:
        return tip == signal
    if root_of(workspace.load, roots, tip) == signal:
        raise Rejected(
            "the channel already has the message before its tip", rule="runtime.agent.inject", got=signal.hex()
        )
    return False


def receipt_headers(message: ObjectId, failure: str) -> Mapping[str, str]:
    """Return the headers of a receipt.

    Args:
        message: the message that failed.
        failure: the code of its last failure: a class, perhaps with a code of its own after a colon.

    Spec: :rule:`runtime.receipt.form`.
    """
    word, _, code = failure.partition(":")
    headers = {"mt": "receipt", "reply": message.hex(), "class": word}
    if code:
        headers["code"] = code
    return headers
