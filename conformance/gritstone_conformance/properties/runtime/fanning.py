"""Fanning out: to route one new message costs hardly more where the outbox has many receivers."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Mailbox, Message, Step, Tree, to_base64
from gritstone_conformance.properties.grit.pair import PIECE_BYTES
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_FEW: Final = 100  # entries of an outbox
_MANY: Final = 10_000
_TIMES: Final = 3
_ROUNDS: Final = 5
_NOISE_S: Final = 0.05


def fans(trial: Trial, fmt: Format) -> None:
    """Routing a step that changes one entry of a large outbox costs hardly more than with a small one."""
    few, many = (_routing_s(trial, fmt, entries) for entries in (_FEW, _MANY if is_first(trial, fmt) else _FEW * 4))
    if many > _TIMES * few and many - few > _NOISE_S:
        words = "routing one changed entry takes more than three times as long with a large outbox"
        trial.fail_slow(_TIMES, few, many, words=words)


def _routing_s(trial: Trial, fmt: Format, entries: int) -> float:
    """Return the seconds of processor time that routing adds to the transition, for an outbox of so many entries."""
    stage = Stage(Graph(fmt))
    graph, blob = stage.graph, stage.blob(b"")
    hub, sender = stage.core(b"hub"), stage.tree(name=blob)
    message = graph.add(Message(None, (), blob))
    receivers = [graph.add(Tree(((f"{number:05}", blob),))) for number in range(entries)]
    genesis = graph.add(Message(None, GENESIS, hub))
    inbox = graph.add(Mailbox(((sender, genesis),)))
    outbox = graph.add(Mailbox(tuple((receiver, message) for receiver in receivers)))
    head = graph.add(Step(None, hub, inbox, outbox, hub))
    says = [stage.program(programs.send(0, 0, f"{number}"), receivers[entries // 2]) for number in range(_ROUNDS)]
    mail = [graph.add(Message(genesis, (), say)) for say in says]
    box = graph.add(Mailbox(tuple((receivers[number], each) for number, each in enumerate(mail))))
    graph.references = {f"heads/{hub.hex()}": head, "tags/mail": box}
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    data = graph.bundle()
    for at in range(0, len(data), PIECE_BYTES):
        more = at + PIECE_BYTES < len(data)
        piece = {"store": "s", "bytes": to_base64(data[at : at + PIECE_BYTES]), "more": more}
        fixture.ask("grit.import", piece, ok(objects={"$": "any"}, refs={"$": "any"}))
    fixture.stop()
    fixture.start()
    fixture.run()
    alone, routed = [], []
    for say, each in zip(says, mail, strict=True):
        about = {"store": "s", "actor": hub.hex(), "head": head.hex(), "inbox": [[sender.hex(), each.hex()]]}
        watch = Stopwatch(trial)
        trial.expect("wit.step", {**about, "attempt": 1}, ok(step={"$": "any"}))
        alone.append(watch.worked_s())
        watch = Stopwatch(trial)
        fixture.inject([Injection(hub, (), say)])
        fixture.run()
        routed.append(watch.worked_s())
    fixture.close()
    return max(min(routed) - min(alone), 0.0)


PROPERTIES: Final = in_each_format("runtime/route/fans", fans, "runtime.route.fan")
