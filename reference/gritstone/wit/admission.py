"""Admission: the checks that the result of code passes before it becomes a step of the actor.

::

    1  closed, kinds     every new edge leads to an allowed kind, and everything that it reaches is present
    2  actor, previous   the step is of the same actor and follows the step of the transition
    3  inbox             keys are kept; cursors move along the proposal; at least one moves
    4  outbox            every change is legal
    5  core              a blob at ``wit``; frozen paths unchanged

Cost: the new part of the step if it follows a head, because everything that a head reaches was present when the head
was set. Otherwise also the whole core, the actor and the covered messages.

Spec: the chapter *Admission* of ``wit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gritstone.errors import Refusal
from gritstone.grit.objects import Blob, Kind, Mailbox, Message, ObjectId, Step, Tree
from gritstone.wit.channels import Roots, is_legal_change
from gritstone.wit.closure_cache import ClosureCache, Walk
from gritstone.wit.code import Run
from gritstone.wit.failures import failure, illegal_step
from gritstone.wit.frozen import changed_path
from gritstone.wit.position import NO_IDS, Position
from gritstone.wit.proposals import MessageKind
from gritstone.wit.workspace import Workspace

__all__ = ["Admitted", "Sent", "admit"]

_TREE = frozenset({Kind.TREE})
_MESSAGE = frozenset({Kind.MESSAGE})
_CONTENT = frozenset({Kind.BLOB, Kind.TREE})
_MANY = 16  # minimum entries of an outbox for which finding all changed ones at once is faster
_MESSAGE_RANK = -Kind.MESSAGE.value

Sent: TypeAlias = list[tuple[ObjectId, ObjectId | None]]
"""Receivers with the new tip of their channel; None if it was withdrawn."""


class Admitted:
    """A step that may become the head.

    Attributes:
        position: the decoded step.
        sent: changed entries of the outbox.
        workspace: the objects that were made for it.
        ranks: the ranks of the objects that it reaches.
        borrowed: ids that the step leads to and that are neither new nor of the previous step.
        refused_update: whether it answers an update without applying it.
    """

    __slots__ = ("borrowed", "position", "ranks", "refused_update", "sent", "workspace")

    def __init__(self, position: Position, sent: Sent, workspace: Workspace, walk: Walk) -> None:
        self.position = position
        self.sent = sent
        self.workspace = workspace
        self.ranks = walk.found
        self.borrowed = walk.borrowed
        self.refused_update = False


def admit(run: Run, result: ObjectId, closures: ClosureCache, roots: Roots, *, trust_heads: bool) -> Admitted:
    """Check the result of a transition.

    Args:
        run: the transition.
        result: any id.
        closures: the ids that are known to be present with everything that they reach; not changed.
        roots: known roots of chains; more are added.
        trust_heads: whether the previous step and the covered messages are known to be present with everything that
            they reach.

    Raises:
        Rejected: the result is not admitted (code ``illegal-step``).
        Exhausted: trees are nested too deeply (code ``exhausted``).

    Spec: :rule:`wit.admit.closed`, :rule:`wit.admit.kind`, :rule:`wit.admit.trace`.
    """
    walk = Walk(run.workspace, closures)
    step = run.workspace.made.get(result) or walk.look(result)
    if type(step) is not Step:
        raise illegal_step("the result is no step", "wit.admit.kind", got=result.hex())
    last = run.last
    expected = None if last is None or run.proposal.kind is MessageKind.CLEANUP else last.step_id
    if step.actor != run.actor or step.previous != expected:
        raise _foreign(run, step)
    inbox = _mailbox(walk, step.inbox)
    if not _covers_one(run, inbox):
        _check_inbox(run, inbox)
    if not trust_heads:
        _follow_mail(run, walk, inbox)
        walk.follow(step.actor, _TREE)
        walk.follow(step.core, _TREE)
    if last is not None and step.outbox == last.step.outbox:
        outbox: Mapping[ObjectId, ObjectId] = last.outbox
        sent: Sent = []
    else:
        outbox = _mailbox(walk, step.outbox)
        sent = _check_outbox(run, walk, outbox, roots)
    core = _check_core(run, walk, step.core)
    if trust_heads:
        walk.borrowed += [messages[-1] for _, messages in run.proposal.covered]
    return Admitted(Position(result, step, inbox, outbox, core), sent, run.workspace, walk)


def _foreign(run: Run, step: Step) -> Refusal:
    """Return the refusal of a step of another actor, or with another previous step.

    Spec: :rule:`wit.admit.actor`, :rule:`wit.admit.previous`, :rule:`wit.cleanup.cut`.
    """
    if step.actor != run.actor:
        return illegal_step(
            "a step of another actor", "wit.admit.actor", got=step.actor.hex(), expected=run.actor.hex()
        )
    got = "none" if step.previous is None else step.previous.hex()
    return illegal_step("another previous", "wit.admit.previous", got=got)


def _mailbox(walk: Walk, mailbox: ObjectId | None) -> Mapping[ObjectId, ObjectId]:
    if mailbox is None:
        return NO_IDS
    value = walk.workspace.made.get(mailbox) or walk.look(mailbox)
    if type(value) is not Mailbox:
        raise illegal_step("no mailbox where one belongs", "wit.admit.kind", got=mailbox.hex())
    return value.entries


def _follow_mail(run: Run, walk: Walk, inbox: Mapping[ObjectId, ObjectId]) -> None:
    """Follow the messages that the step has read, down to those that the previous step has read.

    Spec: :rule:`wit.admit.closed`, :rule:`wit.admit.kind`.
    """
    before = NO_IDS if run.last is None else run.last.inbox
    for read in before.values():
        walk.found[read] = _MESSAGE_RANK
    for sender, messages in run.proposal.covered:
        cursor = inbox.get(sender)
        if cursor is not None and cursor in messages:
            walk.follow(sender, _TREE)
            walk.follow(cursor, _MESSAGE)


def _covers_one(run: Run, inbox: Mapping[ObjectId, ObjectId]) -> bool:
    """Return whether the only difference of an inbox is the proposed cursor of the only proposed sender."""
    covered = run.proposal.covered
    if len(covered) != 1:
        return False
    ((sender, messages),) = covered
    before = NO_IDS if run.last is None else run.last.inbox
    cursor = inbox.get(sender)
    return cursor == messages[-1] and inbox == {**before, sender: cursor} and before.get(sender) != cursor


def _check_inbox(run: Run, inbox: Mapping[ObjectId, ObjectId]) -> None:
    """Check the changes of the inbox.

    Spec: :rule:`wit.admit.inbox-keep`, :rule:`wit.admit.inbox-proposed`, :rule:`wit.admit.inbox-cursor`,
    :rule:`wit.admit.progress`.
    """
    before = NO_IDS if run.last is None else run.last.inbox
    if not before.keys() <= inbox.keys():
        raise illegal_step("a sender vanished from the inbox", "wit.admit.inbox-keep")
    moved = {sender: cursor for sender, cursor in inbox.items() if before.get(sender) != cursor}
    if not moved:
        raise illegal_step("the step covers nothing", "wit.admit.progress")
    count = 0
    for sender, messages in run.proposal.covered:
        cursor = moved.get(sender)
        if cursor is not None:
            count += 1
            if cursor != messages[-1] and cursor not in messages:
                raise illegal_step(
                    "a cursor at a message that is not proposed", "wit.admit.inbox-cursor", got=cursor.hex()
                )
    if count != len(moved):
        raise illegal_step("an entry of a sender that is not in the proposal", "wit.admit.inbox-proposed")


def _check_outbox(run: Run, walk: Walk, outbox: Mapping[ObjectId, ObjectId], roots: Roots) -> Sent:
    """Check the changes of the outbox, and follow its new messages.

    Spec: :rule:`wit.admit.outbox`.
    """
    before = NO_IDS if run.last is None else run.last.outbox
    sent: Sent = []
    if not before.keys() <= outbox.keys():
        sent += [(receiver, None) for receiver in sorted(before.keys() - outbox.keys())]
    for receiver, new in outbox.items() if len(outbox) < _MANY else sorted(outbox.items() - before.items()):
        old = before.get(receiver)
        if old == new:
            continue
        sent.append((receiver, new))
        if old is None:
            walk.follow(receiver, _TREE)
        message = run.workspace.made.get(new)
        if type(message) is Message and message.previous == old:
            # Most steps send one message whose previous is the tip, or a first message.
            walk.follow(message.content, _CONTENT)
            walk.found[new] = _MESSAGE_RANK
            continue
        if old is not None:
            walk.found[old] = _MESSAGE_RANK
        walk.follow(new, _MESSAGE)
        try:
            legal = is_legal_change(run.workspace.load, roots, old, new)
        except Refusal as refusal:
            raise illegal_step(str(refusal), "wit.admit.closed", got=new.hex()) from None
        if not legal:
            raise illegal_step("an entry went back", "wit.admit.outbox", got=new.hex())
    return sent


def _check_core(run: Run, walk: Walk, core_id: ObjectId) -> Mapping[str, ObjectId]:
    """Check the core, and follow its new objects.

    Spec: :rule:`wit.admit.core`, :rule:`wit.frozen.kept`.
    """
    before = run.core
    core = before
    if core_id != run.core_id:
        tree = run.workspace.made.get(core_id) or walk.look(core_id)
        if type(tree) is not Tree:
            raise illegal_step("a core that is no tree", "wit.admit.kind", got=core_id.hex())
        core = tree.entries
        _follow_changes(run, walk, core)
    wit = core.get("wit")
    node = None if wit is None else walk.look(wit)
    if wit is None or (node is not None and type(node) is not Blob):
        raise illegal_step("a core without a blob at wit", "wit.admit.core")
    if core is not before and "frozen" in before:
        path = changed_path(run.workspace, before, core, run.fixed)
        if path is not None:
            raise illegal_step("a frozen path changed", "wit.frozen.kept", got=ascii(path))
    return core


def _follow_changes(run: Run, walk: Walk, core: Mapping[str, ObjectId]) -> None:
    """Follow the objects of a core that are at other paths than in the previous core.

    An object at the same path was within the limit of depth before, so it still is.
    """
    workspace = run.workspace
    limit = workspace.objects.limits.tree_depth
    waiting: list[tuple[Mapping[str, ObjectId], Mapping[str, ObjectId], int]] = [(core, run.core, 1)]
    while waiting:
        new, old, level = waiting.pop()
        for name, target in new.items():
            before = old.get(name)
            if before == target:
                continue
            made = workspace.made.get(target)
            if type(made) is Blob:
                walk.found[target] = 0
                continue
            if before is not None and not walk.knows(target):
                tree, counterpart = walk.look(target), walk.look(before)
                if type(tree) is Tree and type(counterpart) is Tree:
                    waiting.append((tree.entries, counterpart.entries, level + 1))
                    if made is None:
                        walk.borrowed.append(target)
                    continue
            rank = walk.follow(target, _CONTENT)
            if level + rank > limit:
                raise failure("exhausted", "trees are nested too deep", expected=f"at most {limit}")
