"""The outcome of a run: the durable change that the table of states names, and the record of a failure.

::

    step-admitted        the head moves; what it sent is routed
    update-admitted      the same for a marked actor, and the mark is removed
    update-refused       the head moves to the cursor-only step
    declined             not run again until something changes
    failed-many          the messages are run one at a time from now on
    failed-again         the message is delayed
    failed-last          a mark, and a receipt
    failed-last-update   the head moves to the cursor-only step
    stale                no change

Spec: the chapters *Failure* and *States* of ``runtime``.
"""

from __future__ import annotations

from gritstone.errors import Refusal, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, Message, ObjectId
from gritstone.runtime.actors import Actor, MessageKey, Running
from gritstone.runtime.agent import Entries, agent_step, cut_step, receipt_headers
from gritstone.runtime.config import Config
from gritstone.runtime.operator import refuse_in_image
from gritstone.runtime.proposing import key_of, message_keys_of
from gritstone.runtime.states import Event
from gritstone.runtime.world import World
from gritstone.wit.admission import Admitted
from gritstone.wit.failures import failure_class
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind
from gritstone.wit.workspace import Workspace

__all__ = [
    "adopt_agent_step",
    "adopt_cut",
    "agent_position",
    "end_admitted",
    "end_declined",
    "end_failed",
    "last_sent",
    "needs_mark",
]


def end_admitted(world: World, running: Running, admitted: Admitted, *, event: Event = Event.STEP_ADMITTED) -> None:
    """Adopt a step.

    Args:
        world: the world that adopts it.
        running: the run that made it.
        admitted: the step.
        event: the event, unless the step answers an update, which determines the event.

    Spec: :rule:`runtime.fail.unmark`, :rule:`runtime.head.once`.
    """
    actor, position = running.actor, admitted.position
    batch, covered = world.batch, running.run.proposal.covered
    world.take(admitted.workspace)
    for borrowed in admitted.borrowed:
        if borrowed not in batch.objects:
            batch.borrowed.add(borrowed)
    world.executor.adopt(admitted)
    world.head_moved(actor, position)
    if admitted.refused_update:
        event = Event.UPDATE_REFUSED if event is Event.STEP_ADMITTED else event
    elif actor.mark is not None:
        event = Event.UPDATE_ADMITTED
        _heal(world, actor)
    if actor.failures is not None:
        actor.covered(message_keys_of(running.run.proposal))
    mail, inbox = actor.mail, position.inbox
    for sender, _ in covered:
        if mail.get(sender) == inbox.get(sender):
            actor.set_tip(sender, None)
    if admitted.sent:
        world.route(actor.actor_id, admitted.sent)
    actor.happen(event)


def _heal(world: World, actor: Actor) -> None:
    """Remove the mark of an actor that was updated, and reset its failures.

    Spec: :rule:`runtime.fail.unmark`, :rule:`runtime.recover.unmark`.
    """
    world.batch.move_mark(actor.actor_id, actor.mark, None)
    actor.mark = actor.message_key = actor.failures = None


def end_declined(running: Running) -> None:
    """Record that a proposal was declined.

    Spec: :rule:`runtime.run.declined`.
    """
    actor = running.actor
    actor.have_failures().declined.add(key_of(running.run.proposal))
    actor.happen(Event.DECLINED)


def needs_mark(config: Config, running: Running) -> bool:
    """Return whether a failure of a run marks its actor."""
    proposal = running.run.proposal
    message_keys = message_keys_of(proposal)
    if len(message_keys) > 1 or proposal.kind is MessageKind.UPDATE:
        return False
    failures = running.actor.failures
    count = 0 if failures is None else failures.counts.get(message_keys[0], 0)
    return count + 1 >= config.max_attempts


def end_failed(world: World, config: Config, running: Running, refusal: Refusal, now_ms: int) -> bool:
    """Count a failure, or run the messages one at a time from now on.

    Returns:
        Whether the run was that of an update that must now be refused; in that case nothing has changed yet.

    Spec: :rule:`runtime.retry.isolate`, :rule:`runtime.retry.count`, :rule:`runtime.fail.update`.
    """
    actor, proposal = running.actor, running.run.proposal
    failures = actor.have_failures()
    message_keys = message_keys_of(proposal)
    if len(message_keys) > 1:
        failures.isolated.update(message_keys)
        actor.happen(Event.FAILED_MANY)
        return False
    (message_key,) = message_keys
    count = failures.counts.get(message_key, 0) + 1
    if count < config.max_attempts:
        failures.counts[message_key] = count
        delay_ms = config.delay_ms(count)
        if delay_ms:
            failures.delayed[message_key] = now_ms + delay_ms
        actor.happen(Event.FAILED_AGAIN)
        return False
    # The last failure is not counted here: its consequence ends the count, or is discarded with its update.
    if proposal.kind is MessageKind.UPDATE:
        return True
    _mark(world, running, message_key, refusal)
    actor.happen(Event.FAILED_LAST)
    return False


def _mark(world: World, running: Running, message_key: MessageKey, refusal: Refusal) -> None:
    """Mark an actor, and send the sender a receipt.

    The update expects the head unchanged, and that the actor is not away.

    Spec: :rule:`runtime.fail.mark`, :rule:`runtime.fail.expected`, :rule:`runtime.away.expected`,
    :rule:`runtime.receipt.form`, :rule:`runtime.receipt.no-loop`.
    """
    actor = running.actor
    sender, message = message_key
    workspace = Workspace(world.objects)
    mark = workspace.put(Mailbox({sender: message}))
    actor.mark, actor.message_key, actor.failure = mark, message_key, failure_class(refusal)
    _keep(world, workspace)
    world.batch.borrowed.add(message)
    world.batch.move_head(actor.actor_id, actor.head, actor.head)
    world.batch.present.add(actor.actor_id)
    world.batch.move_mark(actor.actor_id, None, mark)
    if sender != world.agent:
        headers = receipt_headers(message, refusal.code or "failed")
        content = workspace.put(Blob(NO_HEADERS, b""))
        receipt = workspace.put(Message(last_sent(world, sender), headers, content))
        adopt_agent_step(world, workspace, {sender: receipt}, {})


def agent_position(world: World) -> Position:
    """Return the position of the agent."""
    position = world.position(world.actor(world.agent))
    assert position is not None, "the agent has a head"
    return position


def last_sent(world: World, to: ObjectId) -> ObjectId | None:
    """Return the message that precedes the agent's next message to an actor; None if there is none.

    It is the entry of the agent's outbox. If that was released, it is the message that the actor read last; the next
    commit then expects the head of the actor unchanged.

    Spec: :rule:`runtime.release.resume`.
    """
    found = agent_position(world).outbox.get(to)
    if found is not None or to == world.agent:
        return found
    inbox = world.look_at(to)
    return inbox.get(world.agent)


def adopt_agent_step(world: World, workspace: Workspace, sent: Entries, read: Entries) -> Position:
    """Make a step of the agent.

    Args:
        world: the world that adopts it.
        workspace: the objects that were made for it.
        sent: changed entries of its outbox; None removes one.
        read: changed entries of its inbox; None removes one.

    Spec: :rule:`runtime.agent.changes`.
    """
    if world.operator is not None:
        return world.operator.agent_step(workspace, sent, read)
    agent = world.actor(world.agent)
    position = agent_step(workspace, agent_position(world), sent, read)
    _keep_step(world, workspace, position)
    world.batch.borrowed.update(actor for actor, message in sent.items() if message is not None)
    world.batch.borrowed.update(message for message in read.values() if message is not None)
    world.head_moved(agent, position)
    for sender, message in read.items():
        if agent.mail.get(sender) == message:
            agent.set_tip(sender, None)
    for receiver, message in sent.items():
        if message is None:
            world.actor(receiver).set_tip(world.agent, None)
    world.route(world.agent, [(receiver, message) for receiver, message in sent.items() if message is not None])
    return position


def adopt_cut(world: World) -> ObjectId:
    """Begin a new chain of the agent; return the new head, or the present head if it has no previous.

    Raises:
        Rejected: mail of the agent to itself is not acknowledged (code ``busy``).

    Spec: :rule:`runtime.cut.step`.
    """
    refuse_in_image(world.operator)
    agent, last = world.actor(world.agent), agent_position(world)
    if last.step.previous is None:
        return last.step_id
    if world.agent in agent.mail:
        raise Rejected("mail from the agent to itself is not acknowledged", rule="runtime.cut.step", code="busy")
    workspace = Workspace(world.objects)
    position = cut_step(workspace, last)
    _keep_step(world, workspace, position)
    world.head_moved(agent, position)
    return position.step_id


def _keep_step(world: World, workspace: Workspace, position: Position) -> None:
    """Add a step of the agent to the batch. Nothing reads it and its mailboxes soon, so no cache gets them."""
    world.take(workspace)
    step = position.step
    made = {position.step_id, step.inbox, step.outbox}
    world.objects.remember({one: value for one, value in workspace.made.items() if one not in made})


def _keep(world: World, workspace: Workspace) -> None:
    world.take(workspace)
    world.objects.remember(workspace.made)
