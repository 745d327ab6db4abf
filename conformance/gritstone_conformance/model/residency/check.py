"""Check 16: the references of sessions against the notices that the agent sent about them.

Spec: "Histories" of ``session/restore``; :rule:`session.history.residency`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gritstone_conformance.model.away import SPACES
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.residency.notices import PREFIX, is_time
from gritstone_conformance.model.session.json_text import JsonText, NotJson, Number, read_json, write_json
from gritstone_conformance.model.values import Blob, Message, Step, Tree

__all__ = ["check_residency"]

_REASONS = ("capacity_pressure", "idle_timeout", "requested")
_MEMBERS = {
    "session_archived": {"at", "reason", "root", "session", "step", "touched"},
    "session_restored": {"at", "root", "session", "source", "step"},
    "session_closed": {"at", "session", "step"},
}


@dataclass(frozen=True, slots=True)
class _Notice:
    """A notice after which the references of a session are others: its type, the session and the step."""

    mt: str
    session: bytes
    step: bytes


def check_residency(history: History) -> Iterator[Finding]:
    """Yield what the notices and the references of sessions contradict."""
    agent = history.agent
    if agent is None or history.is_cut(agent):
        return
    channel = history.channels.get((agent, agent))
    notices: dict[bytes, list[_Notice]] = {}
    for identity in () if channel is None else channel.messages:
        message = history.shelf.message(identity)
        if not message_type(message).startswith(PREFIX):
            continue
        try:
            notice = _read(history, message)
        except _Erased:
            history.unverified.append(f"the content of the notice {identity.hex()} was erased")
            continue
        except _Wrong as problem:
            place = Place(f"heads/{agent.hex()}~0/outbox/{agent.hex()}", agent)
            yield Finding("residency", place, f"{identity.hex()} is not a notice: {problem}")
            continue
        if notice is not None:
            notices.setdefault(notice.session, []).append(notice)
    for session in sorted(notices):
        words = _contradiction(history, notices[session])
        if words is not None:
            yield Finding("residency", Place(f"heads/{session.hex()}", session), words)


def _contradiction(history: History, notices: list[_Notice]) -> str | None:
    """Return what is wrong with the references of one session, or None."""
    last, chain = notices[-1], history.chains.get(notices[-1].session)
    digits = last.session.hex()
    away = {space for space in SPACES if f"{space}/{digits}" in history.references}
    has_head = f"heads/{digits}" in history.references
    if chain is not None and not chain.cut and any(each.step not in chain.ids for each in notices):
        return "a notice names a step that is not of its history"
    if last.mt == "session_archived":
        if has_head and not _is_adopted(history, last):
            return "it was archived and has a head"
        return None if away or has_head else "it was archived and is nowhere"
    if last.mt == "session_restored":
        if has_head and away & {"archived", "closed"}:
            return "it was restored and is away"
        return None if has_head or away & {"moved", "gone"} else "it was restored and has no head"
    if has_head or "archived" in away or "closed" not in away:
        return "it was closed and is not"
    target = history.references[f"closed/{digits}"]
    return "it was closed at another step" if _is_other_step(history, target, last.step) else None


def _is_other_step(history: History, target: bytes, step: bytes) -> bool:
    return target != step and isinstance(history.shelf.look(target), Step)


def _is_adopted(history: History, notice: _Notice) -> bool:
    """Return whether an actor was adopted at the step of a notice or later."""
    chain = history.chains[notice.session]
    adopted = history.references.get(f"adopted/{notice.session.hex()}")
    if adopted not in chain.ids:
        return False
    return notice.step not in chain.ids or chain.ids.index(adopted) >= chain.ids.index(notice.step)


class _Wrong(Exception):  # noqa: N818 - says what is wrong
    """A message is not a notice."""


class _Erased(Exception):  # noqa: N818 - says what is absent
    """The content of a message was erased."""


def _read(history: History, message: Message) -> _Notice | None:
    """Return a notice of the three kinds, None for another one; raises ``_Wrong``."""
    headers = dict(message.headers)
    mt = headers["mt"]
    if set(headers) != {"at", "mt", "session"} or not is_time(headers["at"]) or not _is_id(headers["session"]):
        raise _Wrong("other headers")
    content = history.shelf.get(message.content)
    if mt == "session_restore_requested":
        if content != Blob((), b"") and not isinstance(content, Tombstone):
            raise _Wrong("the content is not the empty blob")
        return None
    if mt == "session_restore_progress":
        _object(content)
        return None
    if mt not in _MEMBERS:
        raise _Wrong("an unknown type")
    core = None
    if mt == "session_archived":
        entries = dict(content.entries) if isinstance(content, Tree) else {}
        if set(entries) != {"core", "info"}:
            raise _Wrong("the content is not a core and its description")
        core, content = entries["core"], history.shelf.get(entries["info"])
    members = _object(content)
    if isinstance(content, Blob) and content.data != write_json(members):
        raise _Wrong("the JSON is not written in its one form")
    _check_members(mt, members, headers)
    step = bytes.fromhex(str(members["step"]))
    value = history.shelf.look(step)
    if core is not None and isinstance(value, Step) and value.core != core:
        raise _Wrong("the core is not that of the step")
    return _Notice(mt, bytes.fromhex(headers["session"]), step)


def _check_members(mt: str, members: dict[str, JsonText], headers: dict[str, str]) -> None:
    ids = {"session", "step"} | {name for name in ("root",) if name in _MEMBERS[mt]}
    if set(members) != _MEMBERS[mt] or not all(_is_id(members[name]) for name in ids):
        raise _Wrong("other members")
    if members["session"] != headers["session"] or members["at"] != Number(headers["at"]):
        raise _Wrong("headers and members differ")
    if members.get("source", "host") != "host" or members.get("reason", "requested") not in _REASONS:
        raise _Wrong("an unknown source or reason")
    touched = members.get("touched", Number("0"))
    if not isinstance(touched, Number) or not is_time(touched.spelling):
        raise _Wrong("the touched time is not a number")


def _object(content: object) -> dict[str, JsonText]:
    """Return the object of a JSON blob that has only the header ``ct: j``."""
    if isinstance(content, Tombstone):
        raise _Erased
    if not isinstance(content, Blob) or content.headers != (("ct", "j"),):
        raise _Wrong("the content is not a JSON blob")
    try:
        value = read_json(content.data)
    except NotJson as problem:
        raise _Wrong(str(problem)) from problem
    if not isinstance(value, dict):
        raise _Wrong("the content is not an object")
    return value


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")
