"""What the host sends to flows: first cores, results, events and orders, in one step of the agent for many flows.

A flow that has ended and was archived is made live again for a message, and archived again afterwards.

Spec: ``flow/messages``; :rule:`runtime.agent.inject`, :rule:`runtime.release.resume`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gritstone.errors import Missing, Refusal
from gritstone.flow.calls import Reply
from gritstone.flow.values import Value, document, encode_value
from gritstone.grit.graph import edges
from gritstone.grit.objects import Blob, Message, ObjectId, Tree
from gritstone.grit.references import Change
from gritstone.runtime.agent import Entries
from gritstone.runtime.away import away_names, away_step
from gritstone.runtime.letters import Letter
from gritstone.runtime.outcomes import adopt_agent_step, agent_position, last_sent
from gritstone.runtime.world import World
from gritstone.wit.channels import load_message
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

__all__ = ["Sending", "archive", "confirmed", "put_refs", "result_packet", "send_all"]

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sending:
    """A message of the agent to a flow.

    Attributes:
        flow: the receiver.
        mt: the type.
        build: stores the content in a workspace, and returns its id.
        letter: the message of the flow that this one answers; None if it answers none.
    """

    flow: ObjectId
    mt: str
    build: Callable[[Workspace], ObjectId]
    letter: ObjectId | None = None


def put_refs(payloads: Mapping[str, bytes], salts: Callable[[], bytes]) -> dict[str, Blob]:
    """Return sealed blobs for payloads.

    Args:
        payloads: the payloads by name.
        salts: returns the 16 bytes of a salt.
    """
    return {name: Blob({"ct": "sealed"}, salts() + payload) for name, payload in payloads.items()}


def result_packet(packet: ObjectId, attempt: int, reply: Reply, refs: Mapping[str, Blob]) -> Callable[..., ObjectId]:
    """Return a function that stores the packet of a result.

    Args:
        packet: the packet of the call.
        attempt: the attempt that the result answers.
        reply: the reply. The text of an error is evidence, which the flow never reads.
        refs: new sealed blobs.
    """
    data = reply.encoding(attempt)

    def build(workspace: Workspace) -> ObjectId:
        entries = {"request": packet, "doc": workspace.put(document(data))}
        if refs:
            entries["refs"] = workspace.put(Tree({name: workspace.put(blob) for name, blob in refs.items()}))
        if reply.text:
            entries["text"] = workspace.put(Blob({"ct": "s"}, reply.text.encode()))
        return workspace.put(Tree(entries))

    return build


def packet_of(
    entries: Mapping[str, ObjectId], value: Value = None, blobs: Mapping[str, Blob] | None = None
) -> Callable[..., ObjectId]:
    """Return a function that stores a packet: its edges, a document ``doc`` if there is a value, and sealed blobs."""
    data = None if value is None else encode_value(value)

    def build(workspace: Workspace) -> ObjectId:
        found = dict(entries)
        if data is not None:
            found["doc"] = workspace.put(document(data))
        if blobs:
            found["refs"] = workspace.put(Tree({name: workspace.put(blob) for name, blob in blobs.items()}))
        return workspace.put(Tree(found))

    return build


def send_all(world: World, sendings: Sequence[Sending], read: Mapping[ObjectId, ObjectId]) -> dict[int, Refusal]:
    """Send messages and acknowledge mail, in the batch, by one step of the agent.

    A genesis message to a flow that exists is not sent again, and an answer to a flow that has ended is not sent.

    Args:
        world: the world.
        sendings: the messages, in their order.
        read: the last message of each flow that is acknowledged.

    Returns:
        Why messages could not be sent, by their number.
    """
    workspace = Workspace(world.objects)
    sent: dict[ObjectId, ObjectId | None] = {}
    cursors: dict[ObjectId, ObjectId | None] = dict(read)
    refused: dict[int, Refusal] = {}
    begun = 0
    for number, one in enumerate(sendings):
        flow = one.flow
        if (one.mt == "genesis" and _exists(world, flow, sent)) or (one.letter is not None and world.is_away(flow)):
            continue
        try:
            if one.mt != "genesis" and world.is_away(flow):
                _reopen(world, flow)
            if one.mt == "genesis":
                world.check_room(begun + 1)  # else it would be stored, and could not begin
                begun += 1
            content = one.build(workspace)
        except Refusal as refusal:
            refused[number] = refusal
            continue
        tip = sent.get(flow) or last_sent(world, flow)
        sent[flow] = workspace.put(Message(tip, {"mt": one.mt}, content))
    if not sent and not cursors:
        return refused
    made = workspace.made
    borrowed = {target for value in made.values() for target, _ in edges(value) if target not in made}
    adopt_agent_step(world, workspace, sent, cursors)
    world.batch.borrowed |= borrowed
    return refused


def _exists(world: World, flow: ObjectId, sent: Entries) -> bool:
    actor = world.actors.get(flow)
    return flow in sent or world.is_away(flow) or (actor is not None and (actor.head is not None or bool(actor.mail)))


def _reopen(world: World, flow: ObjectId) -> None:
    """Make an archived flow live, in the batch. Its mail was read before.

    Raises:
        Missing: it is not archived.
    """
    name = away_names(flow)[0]
    with world.store.snapshot() as snapshot:
        stopped = away_step(snapshot, flow)
    if stopped is None or stopped[0] != name:
        raise Missing("the flow is not archived in this store", rule="runtime.away.still", got=flow.hex())
    position, target = load_position(world.objects, stopped[1], flow), stopped[1]
    for one in away_names(flow):
        world.batch.change(Change(one, target if one == name else None, None))
    read = position.outbox.get(world.agent)
    if read is not None:
        adopt_agent_step(world, Workspace(world.objects), {}, {flow: read})
    world.come_back(world.actor(flow), position.step_id)


def confirmed(world: World, flow: ObjectId, unread: Sequence[Letter]) -> set[ObjectId]:
    """Return the requests of a flow for an erasure that the agent has confirmed already."""
    requests = {letter.content_id: letter.message_id for letter in unread if letter.mt == "flow.erase"}
    found: set[ObjectId] = set()
    at = last_sent(world, flow) if requests else None
    while at is not None:
        message = load_message(world.objects.load, at)
        if message.headers.get("mt") == "flow.erased":
            packet = world.objects.look(message.content)
            if isinstance(packet, Tree) and packet.entries.get("request") in requests:
                found.add(requests[packet.entries["request"]])
        at = message.previous
    return found


def archive(world: World, flows: Mapping[ObjectId, ObjectId | None]) -> None:
    """Archive flows that have ended, in the batch, and drop the agent's entries for them.

    Args:
        world: the world.
        flows: the last message of each flow to the agent; None if it sent none.

    Spec: :rule:`runtime.release.entries`.
    """
    position = agent_position(world)
    for flow in flows:
        world.leave(world.actor(flow), f"archived/{flow.hex()}")
        world.actor(world.agent).set_tip(flow, None)
    written = {flow: None for flow in flows if flow in position.outbox}
    read = {flow: None for flow in flows if flow in position.inbox}
    if written or read:
        adopt_agent_step(world, Workspace(world.objects), written, read)
