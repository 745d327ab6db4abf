"""Notices: mail of the agent to itself about its sessions.

Spec: :rule:`session.archive.event`, :rule:`session.restore.requested`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gritstone.errors import Invalid, Malformed
from gritstone.grit.objects import NO_HEADERS, Blob, Message, ObjectId, Tree
from gritstone.grit.references import Change
from gritstone.runtime.agent import Entries
from gritstone.runtime.outcomes import adopt_agent_step, last_sent
from gritstone.runtime.world import World
from gritstone.session.forms import json_blob
from gritstone.session.json_text import Json, NoJson, Spelled, parse
from gritstone.wit.channels import load_message, unread
from gritstone.wit.workspace import Workspace

__all__ = [
    "RESERVED",
    "Notice",
    "archived_notice",
    "closed_notice",
    "forget_request",
    "progress_notice",
    "read_percent",
    "request_notices",
    "request_restore",
    "restored_notice",
    "send_notices",
]

_MOST_PERCENT = 100

RESERVED = "session_"
"""What the type of a notice begins with."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice.

    Attributes:
        mt: its type.
        session: the id of the session.
        content: the blob; for a session that was archived, what belongs to ``info``.
        core: the core of a session that was archived, else None.
    """

    mt: str
    session: ObjectId
    content: Blob
    core: ObjectId | None = None


_Info: TypeAlias = dict[str, Json]


def archived_notice(session: ObjectId, core: ObjectId, info: _Info) -> Notice:
    """Return the notice of a session that was archived."""
    return Notice("session_archived", session, json_blob({**info, "session": session.hex()}), core)


def restored_notice(session: ObjectId, info: _Info) -> Notice:
    """Return the notice of a session that was restored."""
    return Notice("session_restored", session, json_blob({**info, "session": session.hex(), "source": "host"}))


def closed_notice(session: ObjectId, info: _Info) -> Notice:
    """Return the notice of a session that was closed."""
    return Notice("session_closed", session, json_blob({**info, "session": session.hex()}))


def progress_notice(session: ObjectId, data: bytes) -> Notice:
    """Return the notice about a restore, with a JSON text as it is."""
    return Notice("session_restore_progress", session, Blob({"ct": "j"}, data))


def read_percent(data: bytes, last: int) -> int:
    """Return the percent of a progress text, or the last one if it has none.

    Raises:
        Malformed: the data is not an object.
        Invalid: the percent is not an integer from the last one to 100.

    Spec: :rule:`session.restore.progress`.
    """
    rule = "session.restore.progress"
    try:
        value = parse(data)
    except NoJson:
        value = None
    if not isinstance(value, dict):
        raise Malformed("not a JSON text of an object", rule=rule, code="progress")
    if "percent" not in value:
        return last
    spelled = value["percent"]
    percent = spelled.natural if isinstance(spelled, Spelled) else None
    if percent is None or not last <= percent <= _MOST_PERCENT:
        raise Invalid(
            "invalid percent", rule=rule, code="percent", got=str(spelled), expected=f"{last} to {_MOST_PERCENT}"
        )
    return percent


def request_notices(session: ObjectId) -> list[Notice]:
    """Return the two notices of a restore request."""
    first = json_blob({"message": "", "percent": 0, "stage": "requested"})
    return [
        Notice("session_restore_requested", session, Blob(NO_HEADERS, b"")),
        progress_notice(session, first.data),
    ]


def send_notices(world: World, at: int, notices: Sequence[Notice], sent: Entries, read: Entries) -> None:
    """Make a step of the agent that sends notices.

    Args:
        world: the world that adopts it.
        at: the time of the request.
        notices: in their order, at least one.
        sent: other changed entries of the agent's outbox; None removes one.
        read: changed entries of its inbox; None removes one.
    """
    workspace = Workspace(world.objects)
    tip = last_sent(world, world.agent)
    for notice in notices:
        content = workspace.put(notice.content)
        if notice.core is not None:
            content = workspace.put(Tree({"core": notice.core, "info": content}))
            world.batch.borrowed.add(notice.core)
        headers = {"at": str(at), "mt": notice.mt, "session": notice.session.hex()}
        tip = workspace.put(Message(tip, headers, content))
    adopt_agent_step(world, workspace, {**sent, world.agent: tip}, read)


def request_restore(world: World, session: ObjectId, target: ObjectId, at: int) -> None:
    """Send a restore request, unless this runtime has sent one since the session was archived.

    The update expects that no other runtime has restored the session or archived it again.

    Args:
        world: the world.
        session: the session.
        target: the target of its reference.
        at: the time of the request.

    Spec: :rule:`session.restore.requested`, :rule:`session.restore.expected`.
    """
    world.batch.change(Change(f"archived/{session.hex()}", target, target))
    world.expect(world.agent)
    key = ("requested", session, target)
    last = world.batch.notes.get(key, world.notes.get(key))
    if last is None or isinstance(last, int) or _is_archived_again(world, session, last):
        send_notices(world, at, request_notices(session), {}, {})
        last = None
    tip = last_sent(world, world.agent) or last  # nothing was sent since a cut
    assert tip is not None, "it sent a restore request"
    world.batch.notes[key] = tip


def forget_request(world: World, session: ObjectId, step: ObjectId) -> None:
    """Note that this runtime archives a session at a step, so that the next use is a reason to request it again.

    Spec: :rule:`session.restore.requested`.
    """
    key = ("requested", session, step)
    if key in world.batch.notes or key in world.notes:
        world.batch.notes[key] = 0


def _is_archived_again(world: World, session: ObjectId, since: ObjectId) -> bool:
    """Return whether the agent has sent itself, after a message, that a session was archived.

    Spec: :rule:`session.restore.requested`.
    """
    load = world.objects.load
    sent, _ = unread(load, last_sent(world, world.agent), since)
    notices = (load_message(load, message).headers for message in sent)
    return any(one.get("mt") == "session_archived" and one.get("session") == session.hex() for one in notices)
