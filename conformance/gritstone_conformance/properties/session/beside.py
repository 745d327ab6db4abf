"""Two processes on one store: what one does to a session while a run of the other is in progress."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.beside import Background
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, check_export, export
from gritstone_conformance.properties.runtime.lockstep import MOST_STEPS, StartOptions, start_args
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "session.open.whole"
_SEEN: Final = "session.archive.seen"
_EXPECTED: Final = "session.restore.expected"
_NAP_MS: Final = 600
_WRITING_MS: Final = 500
_READING_MS: Final = 800
_HEAD_START_S: Final = 0.25  # for the first step, which sleeps
_ANY: Final[dict[str, Json]] = {"$": "any"}


def pruned(trial: Trial, fmt: Format) -> None:
    """A session has a head after it was opened, also if another process prunes the store during its first step."""
    opening = {"format": fmt.name, "backend": "durable", "dir": trial.directory()}
    trial.expect("grit.open", {"store": "s", **opening, "create": True}, ok())
    agent = bytes.fromhex(str(trial.expect("runtime.start", start_args(StartOptions()), ok(agent=_ANY))["agent"]))
    stage = Stage(Graph(fmt))
    program = stage.blob(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    core = stage.core(b"a", program=program, session=stage.tree(host=agent, nonce=stage.blob(b"n")))
    garbage = stage.blob(b"garbage")
    for identity, data in stage.graph.encodings.items():
        trial.expect("grit.put", {"store": "s", "bytes": to_base64(data)}, ok(id=identity.hex()))
    kept: Json = [{"name": "tags/core", "old": None, "new": core.hex()}]
    trial.expect("grit.cas", {"store": "s", "changes": kept}, ok())
    other = trial.spawn()
    trial.expect("grit.open", {"store": "t", **opening, "create": False}, ok(), on=other)
    running = Background(trial.subject, "session.open", {"runtime": "r", "at": 1_000, "core": core.hex()})
    time.sleep(_HEAD_START_S)
    try:
        trial.expect("grit.prune", {"store": "t", "pins": []}, ok(removed=_ANY), on=other)
        trial.expect("grit.has", {"store": "t", "ids": [garbage.hex()]}, ok(has=[False]), on=other)
    finally:
        reply = running.reply()
    if not isinstance(reply, Ok):
        trial.fail("an opened session", answer_of(reply), words="the open is refused", rule=_RULE)
    head = {"store": "s", "prefix": f"heads/{core.hex()}", "after": None, "limit": 1}
    trial.expect("grit.refs", head, ok(refs=[[f"heads/{core.hex()}", _ANY]], more=False), rule=_RULE)
    export(trial, "s", rule=_RULE)


def _archive_meanwhile(trial: Trial, fmt: Format, rule: str, reading_ms: int) -> None:
    """Archive a session from another process before an actor sends it mail, or while it reads that for some time.

    What is asserted holds for every order of the two: the mail is read before, or a restore is requested.
    """
    opening = {"format": fmt.name, "backend": "durable", "dir": trial.directory()}
    trial.expect("grit.open", {"store": "s", **opening, "create": True}, ok())
    agent = bytes.fromhex(str(trial.expect("runtime.start", start_args(StartOptions()), ok(agent=_ANY))["agent"]))
    stage = Stage(Graph(fmt))
    session = stage.core(b"session", session=stage.tree(host=agent, nonce=stage.blob(b"n")))
    writer = stage.core(b"writer")
    mail = stage.program(programs.sleep(reading_ms) + programs.append("log", b"z"))
    program = stage.program(programs.sleep(_WRITING_MS) + programs.send(0, 1), session, mail)
    for identity, data in stage.graph.encodings.items():
        trial.expect("grit.put", {"store": "s", "bytes": to_base64(data)}, ok(id=identity.hex()))
    for actor in (writer, session):
        _inject(trial, actor, [["mt", "genesis"]], actor)
    run: dict[str, Json] = {"runtime": "r", "max_steps": MOST_STEPS}
    trial.expect("runtime.run", run, RAN)
    other = trial.spawn()
    trial.expect("grit.open", {"store": "t", **opening, "create": False}, ok(), on=other)
    trial.expect(
        "runtime.start", {**start_args(StartOptions()), "runtime": "q", "store": "t"}, ok(agent=_ANY), on=other
    )
    trial.expect("session.limits", {"runtime": "r", "max_live": 9, "idle_ms": 0, "lease_ms": 0}, ok())
    _inject(trial, writer, [], program)
    running = Background(trial.subject, "runtime.run", run)
    time.sleep(_HEAD_START_S)
    archive: dict[str, Json] = {"runtime": "q", "at": 1_000, "session": session.hex()}
    try:
        trial.expect("session.archive", archive, {"any": [ok(step=_ANY), refused("rejected", "busy")]}, on=other)
    finally:
        reply = running.reply()
    if not isinstance(reply, Ok):
        trial.fail("rest", answer_of(reply), words="a run is refused", rule="runtime.route.rest")
    trial.expect("runtime.run", run, RAN)
    history = check_export(trial, export(trial, "s", rule=rule), at_rest=True).history
    assert history is not None, "the bundle is read"
    if f"archived/{session.hex()}" in history.references and not _is_requested(history, session):
        trial.fail("a restore request", "none", words="mail waits for an archived session", rule=rule)


def _inject(trial: Trial, to: bytes, headers: Json, content: bytes) -> None:
    what: dict[str, Json] = {"to": to.hex(), "headers": headers, "content": content.hex(), "mode": "queue"}
    trial.expect("runtime.inject", {"runtime": "r", **what}, ok(message=_ANY))


def _is_requested(history: History, session: bytes) -> bool:
    """Return whether the agent has sent a restore request for a session."""
    assert history.agent is not None, "the store has an agent"
    notices = history.channels.get((history.agent, history.agent))
    wanted = {("mt", "session_restore_requested"), ("session", session.hex())}
    sent = () if notices is None else notices.messages
    return any(wanted <= set(history.shelf.message(one).headers) for one in sent)


def archived_after_mail(trial: Trial, fmt: Format) -> None:
    """A session to which a step of another runtime sent mail is not archived, or its restore is requested."""
    _archive_meanwhile(trial, fmt, _SEEN, _READING_MS)


def archived_before_mail(trial: Trial, fmt: Format) -> None:
    """A step that sends mail to a session that another runtime archived during the run requests its restore."""
    _archive_meanwhile(trial, fmt, _EXPECTED, _WRITING_MS)


_SHARED: Final = ("external", "durable", "shared")

PROPERTIES: Final = (
    *in_each_format("session/open/pruned", pruned, _RULE, features=_SHARED, once=True, cost=900),
    *in_each_format(
        "session/archive/after-mail",
        archived_after_mail,
        _SEEN,
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=1_500,
    ),
    *in_each_format(
        "session/archive/before-mail",
        archived_before_mail,
        _EXPECTED,
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=1_500,
    ),
)
