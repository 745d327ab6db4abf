"""The agent: the actor that stands for the outside, and whose steps the runtime makes.

Functions here make objects and say what the agent's next step would be; adopting it is the machine's.

Spec: :rule:`runtime.agent.bootstrap`, :rule:`runtime.agent.steps`, :rule:`runtime.receipt.form`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.errors import Invalid, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.wit.channels import Roots, root_of
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["agent_step", "check_injection", "first_step", "make_agent", "receipt_headers", "signal_is_sent"]

_MOST_NAME_BYTES = 255


def make_agent(workspace: Workspace, name: str) -> ObjectId:
    """Make the agent's core, whose id is the agent's.

    Raises:
        Invalid: the name is empty, longer than 255 bytes, or no UTF-8.

    Spec: :rule:`runtime.agent.bootstrap`.
    """
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError:
        data = b""
    if not 1 <= len(data) <= _MOST_NAME_BYTES:
        raise Invalid(
            "no name for an agent", rule="runtime.agent.bootstrap", got=ascii(name[:80]), expected="1 to 255 bytes"
        )
    return workspace.put(Tree({"name": workspace.put(Blob({"ct": "s"}, data))}))


def first_step(workspace: Workspace, agent: ObjectId) -> ObjectId:
    """Make the agent's first step.

    Spec: :rule:`runtime.agent.bootstrap`.
    """
    genesis = workspace.put(Message(None, {"mt": "genesis"}, agent))
    return workspace.put(Step(None, agent, workspace.put(Mailbox({agent: genesis})), None, agent))


def agent_step(
    workspace: Workspace,
    last: Position,
    sent: Mapping[ObjectId, ObjectId],
    read: Mapping[ObjectId, ObjectId],
) -> Position:
    """Make the agent's next step.

    Args:
        workspace: where it is made.
        last: where the agent is.
        sent: new entries of the outbox; at least one, or one of ``read``.
        read: new entries of the inbox.

    Spec: :rule:`runtime.agent.steps`.
    """
    inbox, outbox = dict(last.inbox), dict(last.outbox)
    inbox.update(read)
    outbox.update(sent)
    step = Step(
        last.step_id,
        last.step.actor,
        workspace.put(Mailbox(inbox)) if read else last.step.inbox,
        workspace.put(Mailbox(outbox)) if sent else last.step.outbox,
        last.step.core,
    )
    return Position(workspace.put(step), step, inbox, outbox, last.core)


def check_injection(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Judge the headers of an injection, apart from their grammar.

    Raises:
        Invalid: a key twice.
        Rejected: they are those of a receipt.

    Spec: :rule:`runtime.receipt.reserved`.
    """
    by_key = dict(headers)
    if len(by_key) != len(headers):
        raise Invalid("a header twice", rule="runtime.agent.inject")
    if by_key.get("mt") == "receipt":
        raise Rejected("only a mark sends receipts", rule="runtime.receipt.reserved")
    return by_key or NO_HEADERS


def signal_is_sent(workspace: Workspace, roots: Roots, tip: ObjectId | None, signal: ObjectId) -> bool:
    """Tell whether a signal is the tip of its channel already.

    Args:
        workspace: gives objects.
        roots: roots of chains that are known; more are added.
        tip: the entry of the outbox.
        signal: a message without previous; a chain can hold it as its root only.

    Raises:
        Rejected: it is an older message of the chain, so that sending it would go back.

    Spec: :rule:`runtime.agent.inject`.
    """
    if tip is None or tip == signal:
        return tip == signal
    if root_of(workspace.load, roots, tip) == signal:
        raise Rejected("the chain holds that message already", rule="runtime.agent.inject", got=signal.hex())
    return False


def receipt_headers(message: ObjectId, failure: str) -> Mapping[str, str]:
    """Give the headers of a receipt.

    Args:
        message: what failed.
        failure: the code of its last failure: a class, perhaps with a code of its own after a colon.

    Spec: :rule:`runtime.receipt.form`.
    """
    word, _, code = failure.partition(":")
    headers = {"mt": "receipt", "reply": message.hex(), "class": word}
    if code:
        headers["code"] = code
    return headers
