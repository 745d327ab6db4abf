"""The actors of a scenario of the formal model, and the programs of its labels.

The ids of the actors are in the order of their names in the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Headers, Message
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.casting import PUPPET
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage

__all__ = ["AGENT", "Cast"]

AGENT: Final = "agent"
_MOST_NAMES: Final = 10_000
_UPDATES: Final = ("update", "bad-update", "refused-update")
_LABELS: Final = (
    *("nop", "note", "other-note", "queue", "queue-fail", "queue-genesis", "queue-update", "signal", "other-signal"),
    *("withdraw", "self", "fail", "try", "leave", "query", "illegal", "genesis", "cleanup", "effect", *_UPDATES),
)


@dataclass(slots=True)
class Cast:
    """The actors of one scenario in one format.

    Attributes:
        ids: the id of each actor by its name in the model, with that of the agent.
        illegal: the kind of the illegal results.
    """

    stage: Stage
    ids: dict[str, bytes]
    illegal: int
    _known: dict[tuple[str, str, bytes], str] = field(default_factory=dict)

    @classmethod
    def of(cls, fmt: Format, actors: Sequence[str], stillborn: Iterable[str], illegal: int) -> Cast:
        """Try names until the ids of the actors are in ascending order, and below that of the agent."""
        stage = Stage(Graph(fmt))
        agent = stage.tree(name=stage.blob(b"test", ("ct", "s")))
        below = agent
        found: dict[str, bytes] = {}
        for actor in reversed(actors):
            share = (len(actors) - len(found)) / (len(actors) - len(found) + 1)
            floor = int.from_bytes(below[:4]) * share
            for number in range(_MOST_NAMES):
                core = _core(stage, f"{actor}{number}", is_stillborn=actor in stillborn)
                if core < below and int.from_bytes(core[:4]) >= floor * 0.5:
                    break
            else:
                raise AssertionError("no name gives an actor an id in the order of the model")
            found[actor] = below = core
        cast = cls(stage, {**dict(sorted(found.items())), AGENT: agent}, illegal)
        cast.learn()
        return cast

    def learn(self) -> None:
        """Add the contents of all labels for all receivers, and remember which is which."""
        for to in self.ids:
            for label in _LABELS:
                headers, content = self.message(to, label)
                self._known[(to, dict(headers)["mt"], content)] = label

    def name_of(self, identity: bytes) -> str | None:
        """Return the name of an actor in the model, or None."""
        return next((name for name, each in self.ids.items() if each == identity), None)

    def label_of(self, to: str, message: Message) -> str:
        """Return the label of a message, or its ``mt`` and its content if the model has no such message."""
        mt = dict(message.headers).get("mt", "")
        return self._known.get((to, mt, message.content), f"{mt} with the content {message.content.hex()[:8]}")

    def message(self, to: str, label: str) -> tuple[Headers, bytes]:
        """Return headers and content of a message with a label to an actor."""
        mt = "update" if label in _UPDATES else label
        return (("mt", mt),), self._content(to, label)

    def _content(self, to: str, label: str) -> bytes:
        stage = self.stage
        match label:
            case "genesis":
                return self.ids[to]
            case "update":
                return stage.tree(fixed=stage.blob(b""), on=stage.tree(fail=stage.program(b"")))
            case "refused-update":
                return stage.blob(b"no tree")
            case "bad-update":
                return stage.program(programs.fail(), wit_update=stage.blob(PUPPET, ("ct", "s")))
            case "effect" if to == AGENT:
                return stage.blob(b"effect")
            case _:
                return self._program(self._neighbour(to), label)

    def _program(self, to: str, label: str) -> bytes:
        """Return the program with which a label of an actor reaches its neighbour ``to``."""
        stage, receiver = self.stage, self.ids[to]
        if label.startswith("queue"):
            sent = label.partition("-")[2] or "nop"
            return stage.program(programs.send(0, 1, sent), receiver, self._content(to, sent))
        if label.endswith("signal"):
            sent = "other-note" if label == "other-signal" else "note"
            return stage.program(programs.send(0, 1, sent, b"s"), receiver, self._content(to, sent))
        match label:
            case "withdraw":
                return stage.program(programs.release(0), receiver)
            case "self":
                return stage.program(programs.send(programs.ACTOR, 0, "nop"), self._program(to, "nop"))
            case "effect":
                return stage.program(programs.send(0, 1, "effect"), self.ids[AGENT], stage.blob(b"effect"))
            case "try":
                return stage.program(programs.try_again(1))
            case "leave":
                return stage.program(programs.leave("fixed"))
            case "query":
                return stage.program(programs.query(0, "step", 1, "answer"), receiver, stage.blob(b""))
            case "illegal":
                return stage.program(programs.illegal(self.illegal))
            case _:
                return stage.program(b"")

    def _neighbour(self, actor: str) -> str:
        """Return the actor to which the programs of an actor send: the next one in the order, or the first."""
        actors = [name for name in self.ids if name != AGENT]
        if actor == AGENT:
            return actors[0]
        return actors[(actors.index(actor) + 1) % len(actors)]


def _core(stage: Stage, title: str, *, is_stillborn: bool) -> bytes:
    first: dict[str, Any] = {"program": stage.blob(programs.fail())} if is_stillborn else {}
    return stage.core(title.encode(), on=stage.tree(fail=stage.program(programs.fail())), **first)
