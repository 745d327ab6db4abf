"""Checks 2, 3, 4, 9, 10 and half of 5: each step by itself, and against the step before it.

On the way it notes what each step sent, so that the other checks can ask the channels.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.model.agent import first_agent_step
from gritstone_conformance.model.chains import Chain, Channel
from gritstone_conformance.model.channels import OutboxChange, change, root, unread
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.freezing import thawed
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.values import Blob, Tree

__all__ = ["check_actor", "check_bootstrap"]


def check_actor(history: History, chain: Chain) -> Iterator[Finding]:
    """Yield what is wrong with the steps of one actor, and fill the channels from it."""
    actor = chain.actor
    for index, step in enumerate(chain.steps):
        if step.actor != actor:
            yield Finding("foreign", chain.place(index, "actor"), f"a step of {step.actor.hex()}")
        yield from _of_inbox(history, chain, index)
        yield from _of_outbox(history, chain, index)
        if actor == history.agent:
            yield from _of_agent(chain, index)
        else:
            yield from _of_core(history, chain, index)
        history.shelf.trim(chain.outboxes[index].values())
    if actor != history.agent:
        yield from _of_first(history, chain)


def check_bootstrap(history: History) -> Iterator[Finding]:
    """Yield what is wrong with the first step of the agent; this is check 2."""
    if history.agent is None:
        yield Finding("bootstrap", Place("runtime/agent"), "there is no agent")
        return
    chain = history.chains.get(history.agent)
    if chain is None:
        yield Finding("bootstrap", Place(f"heads/{history.agent.hex()}"), "the agent has no head")
        return
    is_cut = chain.cut and chain.steps[0].core == history.agent
    if not is_cut and chain.ids[0] != first_agent_step(history.shelf, history.agent):
        yield Finding("bootstrap", chain.place(0, "inbox"), "the agent's first step is not that of the bootstrap")
    elif not _is_agent_core(history, history.agent):
        yield Finding("bootstrap", chain.place(0, "core"), "the agent's core has another form")


def _is_agent_core(history: History, agent: bytes) -> bool:
    shelf = history.shelf
    entries = shelf.names(agent)
    blob = shelf.look(entries["name"]) if entries.keys() == {"name"} else None
    if isinstance(blob, Tombstone):
        history.unverified.append("the name of the agent was erased")
        return True
    if not isinstance(blob, Blob) or blob.headers != (("ct", "s"),) or not 1 <= len(blob.data) <= 255:
        return False
    try:
        blob.data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _of_agent(chain: Chain, index: int) -> Iterator[Finding]:
    """Check 2, the later steps."""
    if index == 0:
        return
    if chain.steps[index].core != chain.steps[index - 1].core:
        yield Finding("agent-step", chain.place(index, "core"), "the agent's core changed")
    elif (chain.inboxes[index], chain.outboxes[index]) == chain.before(index):
        yield Finding("agent-step", chain.place(index, "inbox"), "the agent made a step that changes nothing")


def _of_first(history: History, chain: Chain) -> Iterator[Finding]:
    """Check 4."""
    if chain.cut:
        return
    shelf, inbox = history.shelf, chain.inboxes[0]
    own = [sender for sender, message in inbox.items() if shelf.message(message).content == chain.actor]
    if not own:
        yield Finding("no-genesis", chain.place(0, "inbox"), "the first step covers no genesis message")
    for sender in own:
        queued = shelf.message(inbox[sender]).previous is not None
        if len(inbox) > 1 or queued:
            words = "the genesis message is queued behind another" if queued else "the first step covers more"
            yield Finding("crowded", chain.place(0, f"inbox/{sender.hex()}"), words)


def _of_inbox(history: History, chain: Chain, index: int) -> Iterator[Finding]:
    """Check 5, entries that vanish; the agent may release all but its own."""
    gone = chain.before(index)[0].keys() - chain.inboxes[index].keys()
    if chain.actor == history.agent:
        gone &= {history.agent}
    if gone:
        yield Finding("vanished", chain.place(index, f"inbox/{min(gone).hex()}"), "an entry of the inbox is gone")


def _of_outbox(history: History, chain: Chain, index: int) -> Iterator[Finding]:
    """Check 9; notes what the step sends."""
    shelf, old = history.shelf, chain.before(index)[1]
    for receiver, message in sorted(chain.outboxes[index].items() - old.items()):
        if chain.actor == history.agent and receiver not in old:
            changed = OutboxChange(_sent_again(history, chain, index, receiver, message), legal=True)
        else:
            changed = change(shelf, old.get(receiver), message)
        channel = history.channels.setdefault((chain.actor, receiver), Channel())
        for each in changed.sent:
            channel.send(each, shelf.message(each).previous, index)
        if not changed.legal:
            yield Finding(
                "outbox",
                chain.place(index, f"outbox/{receiver.hex()}"),
                "the entry returned to an older message, or to a fork",
            )


def _sent_again(history: History, chain: Chain, index: int, receiver: bytes, message: bytes) -> tuple[bytes, ...]:
    """Return what an entry of the agent sends that was absent: all that was not sent before on this channel.

    Where the chain was cut, and does not hold the entry that was released, that is the newest message.
    """
    shelf, before = history.shelf, chain.sent_before.get((index, receiver))
    walked = unread(shelf, message, before).ids
    if before is None:
        return walked[-1:] if chain.cut and index else walked
    if not walked or shelf.message(walked[0]).previous is not None or root(shelf, message) != root(shelf, before):
        return walked
    known = set(unread(shelf, before, None).ids)
    return tuple(each for each in walked if each not in known)


def _of_core(history: History, chain: Chain, index: int) -> Iterator[Finding]:
    """Check 10."""
    shelf, core = history.shelf, chain.steps[index].core
    wit = shelf.names(core).get("wit")
    if wit is None or shelf.kind(wit) != "blob":
        yield Finding("no-wit", chain.place(index, "core/wit"), "there is no blob at wit")
    if index == 0 and chain.cut:
        return
    before = chain.steps[index - 1].core if index else chain.actor
    shelf.erased.clear()
    path = thawed(shelf, before, core) if isinstance(shelf.look(before), Tree) else None
    if path is not None and shelf.erased:
        history.unverified.append(f"{chain.place(index, 'core').path}: the list of frozen paths was erased")
    elif path is not None:
        yield Finding("thawed", chain.place(index, f"core/{path}".rstrip("/")), "a frozen path changed")
