"""What the sessions of a store look like, read without a runtime; nothing is changed.

Spec: ``session/core``, ``session/residency``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gritstone.errors import Missing, Refusal
from gritstone.grit.objects import Blob, ObjectId, Step
from gritstone.grit.store import Store
from gritstone.session.forms import Damaged
from gritstone.session.json_text import parse
from gritstone.session.talk import Talk
from gritstone.session.tools import plain
from gritstone.wit.objects import Objects
from gritstone.wit.workspace import Workspace

__all__ = ["Described", "View", "agent_name", "describe_session", "find_session", "host_name", "list_sessions"]

_DEEPEST = 64
_ID = re.compile("[0-9a-f]{64}")
_SPACES = {"heads": "live", "archived": "archived", "moved": "moved", "closed": "closed"}


@dataclass(frozen=True, slots=True)
class View:
    """A session of a store.

    Attributes:
        session: its id.
        standing: ``live``, ``archived``, ``moved`` or ``closed``.
        step: its last step.
        phase: its phase; ``damaged`` if its state is not of its form.
        count: the number of its changes.
        messages: the number of messages of its history.
    """

    session: ObjectId
    standing: str
    step: ObjectId
    phase: str
    count: int
    messages: int


@dataclass(frozen=True, slots=True)
class Described:
    """A session with its conversation.

    Attributes:
        view: the session.
        system_prompt: the system prompt.
        tools: the names of its tools.
        summary: the summary of the messages that are not listed any more, or None.
        messages: role and text of each message that is listed, oldest first.
        ask: the prompt of the open ask, or None.
    """

    view: View
    system_prompt: str
    tools: list[str]
    summary: str | None
    messages: list[tuple[str, str]]
    ask: str | None


def agent_name(store: Store) -> str | None:
    """Return the name of the agent of a store; None if it has none."""
    with store.snapshot() as snapshot:
        agent = snapshot.target("runtime/agent")
    return None if agent is None else _name(_workspace(store), agent)


def host_name(store: Store, session: ObjectId, step: ObjectId) -> str | None:
    """Return the name of the host of a session at a step; None if it has none that is named."""
    workspace = _workspace(store)
    entries = _session_entries(workspace, step, session)
    return None if entries is None else _name(workspace, entries["host"])


def _name(workspace: Workspace, actor: ObjectId) -> str | None:
    tree = workspace.tree(actor)
    blob = None if tree is None or "name" not in tree.entries else workspace.blob(tree.entries["name"])
    try:
        return None if blob is None else blob.data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _workspace(store: Store) -> Workspace:
    return Workspace(Objects(store.format, store.limits, store.get))


def list_sessions(store: Store) -> list[View]:
    """Return the sessions of a store, ascending."""
    workspace = _workspace(store)
    found = []
    for session, standing, step in _places(store):
        entries = _session_entries(workspace, step, session)
        if entries is not None:
            found.append(_view(workspace, (session, standing, step)))
    return sorted(found, key=lambda one: one.session)


def _places(store: Store) -> Iterator[tuple[ObjectId, str, ObjectId]]:
    with store.snapshot() as snapshot:
        for space, standing in _SPACES.items():
            for name, step in snapshot.references(f"{space}/"):
                digits = name.partition("/")[2]
                if _ID.fullmatch(digits):  # a bundle may bring any other name
                    yield bytes.fromhex(digits), standing, step


def _session_entries(workspace: Workspace, step: ObjectId, session: ObjectId) -> dict[str, ObjectId] | None:
    """Return the entries of the tree ``session`` of a step; None if it is not the step of a session."""
    try:
        value = workspace.look(step)
        core = workspace.tree(value.core) if isinstance(value, Step) and value.actor == session else None
        tree = None if core is None or "session" not in core.entries else workspace.tree(core.entries["session"])
    except Refusal:
        return None
    return dict(tree.entries) if tree is not None and "host" in tree.entries else None


def _talk(workspace: Workspace, step: ObjectId) -> Talk | None:
    value = workspace.look(step)
    assert isinstance(value, Step), "it was checked"
    core = workspace.tree(value.core)
    assert core is not None, "it was checked"
    try:
        return Talk(workspace, core.entries)
    except Damaged:
        return None


def _view(workspace: Workspace, place: tuple[ObjectId, str, ObjectId]) -> View:
    session, standing, step = place
    talk = _talk(workspace, step)
    if talk is None:
        return View(session, standing, step, "damaged", 0, 0)
    phase = talk.state["phase"] if talk.ask is None else "asking"
    return View(session, standing, step, phase, talk.state["count"], talk.state["history"])


def find_session(store: Store, text: str) -> View:
    """Return the session whose id begins with a text.

    Raises:
        Missing: there is none, or more than one.
    """
    found = [one for one in list_sessions(store) if one.session.hex().startswith(text)]
    if len(found) != 1:
        what = "no session has an id" if not found else f"{len(found)} sessions have ids"
        raise Missing(f"{what} that begins with {text!r}", rule="session.away.refused", code="session")
    return found[0]


def describe_session(store: Store, view: View) -> Described:
    """Return a session with its conversation.

    Raises:
        Missing: its state is damaged.
    """
    workspace = _workspace(store)
    talk = _talk(workspace, view.step)
    if talk is None:
        raise Missing("the state of the session is damaged", rule="session.guest.damaged", got=view.session.hex())
    blobs = [talk.look(target) for target in talk.log]
    ask = None if talk.ask is None else str(talk.ask["asked"]["prompt"])
    return Described(
        view,
        str(talk.config["system_prompt"]),
        [str(tool["name"]) for tool in talk.tools],
        None if talk.summary is None else talk.summary[0],
        [(blob.headers["role"], _text(blob)) if isinstance(blob, Blob) else ("erased", "") for blob in blobs],
        ask,
    )


def _text(blob: Blob) -> str:
    text = blob.data.decode("utf-8")
    if "tool" in blob.headers:
        return f"{blob.headers['tool']} -> {text}"
    if blob.headers["ct"] == "s":
        return text
    return "; ".join(f"{one['tool']}({_arguments(one['input'])})" for one in plain(parse(blob.data, _DEEPEST))["calls"])


def _arguments(given: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in given.items())
