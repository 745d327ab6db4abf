"""Reading the entry ``session`` of a core; a session that is not of its form is damaged.

Spec: ``session/core``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gritstone_conformance.model.session.json_text import JsonText, NotJson, Number, read_json
from gritstone_conformance.model.session.messages import Damaged, is_text, read_entry
from gritstone_conformance.model.session.refused import Refused
from gritstone_conformance.model.session.requests import (
    TEXT_ID,
    is_call,
    is_corr,
    is_number,
    plain_blob,
    read_request,
)
from gritstone_conformance.model.session.settings import TOOL_NAME, Config, Tool, read_config, read_tools
from gritstone_conformance.model.session.tree import Ask, Session, Summary, Turn, history_name
from gritstone_conformance.model.shelf import Shelf

__all__ = ["check_first", "host_of", "load_session"]

_FIRST: Final = {"config", "host", "nonce", "tools"}
_NAMES: Final = _FIRST | {"ask", "calls", "history", "results", "state", "summary", "turns"}
_STATE: Final = ("count", "covered", "history", "phase", "rounds")
_PHASES: Final = ("idle", "calling", "ready")
_NONCE_BYTES: Final = 32
_MOST_MESSAGES: Final = 10_000
_MOST_CALLS: Final = 16
_MOST_TURNS: Final = 8
_MOST: Final = 1 << 52
"""The largest number in a state, so that what one transition adds to it stays exact."""


def host_of(shelf: Shelf, core: bytes) -> bytes | None:
    """Return the host of a session: the actor at ``session/host``, or None if there is none."""
    host = _below(shelf, shelf.names(core).get("session")).get("host")
    return host if host is not None and shelf.is_tree(host) else None


def check_first(shelf: Shelf, core: bytes) -> Session:
    """Return the session of a first core; raises Damaged.

    Spec: :rule:`session.guest.genesis`.
    """
    _expect("effects" not in shelf.names(core))
    _expect(_below(shelf, shelf.names(core).get("session")).keys() <= _FIRST)
    return load_session(shelf, core)


def load_session(shelf: Shelf, core: bytes) -> Session:
    """Return the session of a core; raises Damaged."""
    root = shelf.names(core).get("session")
    names = _below(shelf, root)
    _expect(names.keys() <= _NAMES and host_of(shelf, core) is not None)
    nonce = _plain(shelf, names, "nonce", "b")
    _expect(nonce is not None and len(nonce) == _NONCE_BYTES)
    assert root is not None
    session = Session(root, {name: names[name] for name in sorted(_FIRST & names.keys())})
    session = replace(session, config=_config(shelf, names), tools=_tools(shelf, names))
    session = _with_state(session, _plain(shelf, names, "state", "j"))
    session = replace(session, messages=_messages(shelf, session, names), summary=_summary(shelf, names))
    session = replace(session, calls=_calls(shelf, session, names), results=_blobs(shelf, names.get("results")))
    held = [read_entry(shelf, target) for call, target in session.results.items() if call in session.calls]
    _expect(all(entry is None or entry.role == "tool" for entry in held))
    _expect(session.phase == "calling" or not session.calls)
    _expect(session.phase != "calling" or bool(session.open_calls()))
    session = replace(session, turns=_turns(shelf, names.get("turns")), ask=_ask(shelf, names.get("ask")))
    effects = shelf.names(core).get("effects")
    _expect((effects is None) == (session.ask is None))
    return replace(session, effects=_effects(shelf, session, effects))


def _expect(condition: bool) -> None:
    if not condition:
        raise Damaged("the session is not of its form")


def _below(shelf: Shelf, identity: bytes | None) -> dict[str, bytes]:
    """Return the entries of a tree; none for anything else."""
    return shelf.names(identity) if identity is not None and shelf.is_tree(identity) else {}


def _tree(shelf: Shelf, identity: bytes | None) -> dict[str, bytes]:
    """Return the entries of a tree that may be absent."""
    _expect(identity is None or shelf.is_tree(identity))
    return _below(shelf, identity)


def _plain(shelf: Shelf, names: dict[str, bytes], name: str, ct: str) -> bytes | None:
    """Return the data of a blob that may be absent, and has the one header ``ct``."""
    identity = names.get(name)
    if identity is None:
        return None
    blob = plain_blob(shelf, identity, ct)
    _expect(blob is not None)
    assert blob is not None
    return blob.data


def _text(shelf: Shelf, names: dict[str, bytes], name: str) -> str | None:
    data = _plain(shelf, names, name, "s")
    _expect(data is None or is_text(data))
    return None if data is None else data.decode()


def _config(shelf: Shelf, names: dict[str, bytes]) -> Config:
    data = _plain(shelf, names, "config", "j")
    config = Config() if data is None else read_config(data)
    _expect(config is not None)
    assert config is not None
    return config


def _tools(shelf: Shelf, names: dict[str, bytes]) -> dict[str, Tool]:
    data = _plain(shelf, names, "tools", "j")
    tools = () if data is None else read_tools(data)
    _expect(tools is not None)
    return {tool.name: tool for tool in tools or ()}


def _with_state(session: Session, data: bytes | None) -> Session:
    if data is None:
        return session
    try:
        value = read_json(data)
    except NotJson as problem:
        raise Damaged("the state is no JSON") from problem
    _expect(isinstance(value, dict) and value.keys() == set(_STATE))
    assert isinstance(value, dict)
    phase = value["phase"]
    _expect(phase in _PHASES)
    session = replace(
        session,
        count=_natural(value["count"]),
        covered=_natural(value["covered"]),
        history=_natural(value["history"]),
        phase=str(phase),
        rounds=_natural(value["rounds"]),
    )
    _expect(0 <= session.history - session.covered <= _MOST_MESSAGES)
    return session


def _natural(value: JsonText) -> int:
    number = value.natural if isinstance(value, Number) else None
    _expect(number is not None and number <= _MOST)
    assert number is not None
    return number


def _messages(shelf: Shelf, session: Session, names: dict[str, bytes]) -> tuple[bytes, ...]:
    found = _tree(shelf, names.get("history"))
    wanted = [history_name(index) for index in range(session.covered, session.history)]
    _expect(found.keys() == set(wanted))
    for identity in dict.fromkeys(found.values()):
        read_entry(shelf, identity)
    return tuple(found[name] for name in wanted)


def _summary(shelf: Shelf, names: dict[str, bytes]) -> Summary | None:
    identity = names.get("summary")
    if identity is None:
        return None
    blob = shelf.blob(identity)
    _expect(blob is not None and is_text(blob.data))
    assert blob is not None
    match dict(blob.headers):
        case {"covered": covered, "ct": "s", "version": version, **rest} if not rest:
            _expect(is_number(covered) and is_number(version) and 1 <= int(version) <= _MOST)
            return Summary(blob.data.decode(), int(covered), int(version))
    raise Damaged("the summary has other headers")


def _calls(shelf: Shelf, session: Session, names: dict[str, bytes]) -> dict[str, str]:
    """Return the open calls in their order, which is not that of their names."""
    found = _tree(shelf, names.get("calls"))
    counts = {name.split(".")[0] for name in found}
    wanted = [f"{count}.{at}" for count in counts for at in range(len(found))]
    _expect(found.keys() == set(wanted) and len(counts) <= 1 and len(found) <= _MOST_CALLS)
    _expect(all(is_number(count) for count in counts))
    calls = {name: _text(shelf, found, name) or "" for name in wanted}
    _expect(all(TOOL_NAME.fullmatch(tool) for tool in calls.values()))
    return calls


def _blobs(shelf: Shelf, identity: bytes | None) -> dict[str, bytes]:
    found = _tree(shelf, identity)
    _expect(all(is_call(name) and not shelf.is_tree(target) for name, target in found.items()))
    return found


def _turns(shelf: Shelf, identity: bytes | None) -> dict[str, Turn]:
    found = _tree(shelf, identity)
    _expect(len(found) <= _MOST_TURNS)
    return {name: _turn(shelf, name, target) for name, target in found.items()}


def _turn(shelf: Shelf, name: str, identity: bytes) -> Turn:
    names = _tree(shelf, identity)
    _expect(TEXT_ID.fullmatch(name) is not None and names.keys() == {"count", "response", "result"})
    _expect(not shelf.is_tree(names["response"]) and not shelf.is_tree(names["result"]))
    count = _text(shelf, names, "count")
    _expect(is_number(count))
    return Turn(int(count or "0"), names["response"], names["result"])


def _ask(shelf: Shelf, identity: bytes | None) -> Ask | None:
    if identity is None:
        return None
    names = _tree(shelf, identity)
    _expect({"message", "request"} <= names.keys() <= {"corr", "message", "request"})
    corr, message = _text(shelf, names, "corr"), _text(shelf, names, "message") or ""
    _expect(corr is None or is_corr(corr))
    _expect(TEXT_ID.fullmatch(message) is not None)
    try:
        request = read_request(_plain(shelf, names, "request", "j") or b"")
    except Refused as refused:
        raise Damaged("the request of the ask is none") from refused
    _expect(request.kind == "user")
    return Ask(corr, message, names["request"])


def _effects(shelf: Shelf, session: Session, identity: bytes | None) -> dict[str, str]:
    """Return the effects of an open ask: those of the open calls in their order, or one that requests a model."""
    found = _tree(shelf, identity)
    wanted = [*session.open_calls()] or ["model"]
    _expect(session.ask is None or found.keys() == set(wanted))
    effects = {name: _text(shelf, found, name) or "" for name in wanted if name in found}
    _expect(all(TEXT_ID.fullmatch(message) for message in effects.values()))
    return effects
