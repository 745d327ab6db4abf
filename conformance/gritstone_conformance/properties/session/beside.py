"""A session is opened while another process prunes its store."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.beside import Background
from gritstone_conformance.properties.runtime.judging import export
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "session.open.whole"
_NAP_MS: Final = 600
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
        trial.fail("an opened session", repr(reply)[:200], words="the open is refused", rule=_RULE)
    head = {"store": "s", "prefix": f"heads/{core.hex()}", "after": None, "limit": 1}
    trial.expect("grit.refs", head, ok(refs=[[f"heads/{core.hex()}", _ANY]], more=False), rule=_RULE)
    export(trial, "s", rule=_RULE)


PROPERTIES: Final = in_each_format(
    "session/open/pruned", pruned, _RULE, features=("external", "durable", "shared"), once=True, cost=900
)
