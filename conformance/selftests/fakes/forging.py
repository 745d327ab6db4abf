"""Build histories by hand, so that each can be wrong in one place where no runtime would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from gritstone_conformance.model.bundle import Bundle, scan
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Mailbox, Message, Object, Step, Tree
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage

__all__ = ["Scribe", "rechain", "reforge"]

GENESIS = (("mt", "genesis"),)


@dataclass(slots=True)
class Scribe:
    """Writes steps: by default each method adds the objects that a runtime would write.

    Attributes:
        stage: adds objects.
        agent: the agent of the name ``test``.
        heads: actors to heads.
        marks: actors to marks.
        names: further references.
    """

    stage: Stage
    agent: bytes = b""
    heads: dict[bytes, bytes] = field(default_factory=dict)
    marks: dict[bytes, bytes] = field(default_factory=dict)
    names: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, fmt: Format) -> Scribe:
        """Return a scribe with a store that has an agent and nothing else."""
        scribe = cls(Stage(Graph(fmt)))
        graph = scribe.stage.graph
        scribe.agent = graph.add(Tree((("name", scribe.stage.blob(b"test", ("ct", "s"))),)))
        genesis = graph.add(Message(None, GENESIS, scribe.agent))
        scribe.write(scribe.agent, Step(None, scribe.agent, scribe.box({scribe.agent: genesis}), None, scribe.agent))
        return scribe

    def box(self, entries: Mapping[bytes, bytes]) -> bytes | None:
        """Add a mailbox; returns None if it has no entries."""
        return self.stage.graph.add(Mailbox(tuple(entries.items()))) if entries else None

    def message(self, previous: bytes | None, content: bytes, mt: str = "") -> bytes:
        """Add a message."""
        return self.stage.graph.add(Message(previous, (("mt", mt),) if mt else (), content))

    def step_of(self, actor: bytes) -> Step:
        """Return the head of an actor as a value."""
        value = self.stage.graph.values[self.heads[actor]]
        assert isinstance(value, Step)
        return value

    def mail(self, box: bytes | None) -> dict[bytes, bytes]:
        """Return a mailbox as a map."""
        value = self.stage.graph.values[box] if box is not None else Mailbox(())
        assert isinstance(value, Mailbox)
        return dict(value.entries)

    def write(self, actor: bytes, step: Step) -> bytes:
        """Add a step and make it the head."""
        self.heads[actor] = self.stage.graph.add(step)
        return self.heads[actor]

    def act(
        self,
        actor: bytes,
        *,
        reads: Mapping[bytes, bytes] | None = None,
        sends: Mapping[bytes, bytes | None] | None = None,
        core: bytes | None = None,
    ) -> bytes:
        """Add a step after the head with changed entries of inbox and outbox (None removes one) and a core."""
        last = self.step_of(actor)
        inbox = {**self.mail(last.inbox), **(reads or {})}
        outbox = {**self.mail(last.outbox), **(sends or {})}
        kept = {to: message for to, message in outbox.items() if message is not None}
        return self.write(actor, Step(self.heads[actor], actor, self.box(inbox), self.box(kept), core or last.core))

    def inject(self, to: bytes, content: bytes, mt: str = "", *, signal: bool = False) -> bytes:
        """Add a step of the agent that sends a message; returns the message."""
        last = None if signal else self.mail(self.step_of(self.agent).outbox).get(to)
        message = self.message(last, content, mt)
        self.act(self.agent, sends={to: message})
        return message

    def born(self, title: bytes, **entries: bytes) -> bytes:
        """Add an actor with its genesis message and first step; returns its id."""
        actor = self.stage.core(title, **entries)
        genesis = self.inject(actor, actor, "genesis")
        self.write(actor, Step(None, actor, self.box({self.agent: genesis}), None, actor))
        return actor

    def references(self) -> dict[str, bytes]:
        """Return all references."""
        heads = {f"heads/{actor.hex()}": head for actor, head in self.heads.items()}
        marks = {f"failed/{actor.hex()}": mark for actor, mark in self.marks.items()}
        return {"runtime/agent": self.agent, **heads, **marks, **self.names}

    def bundle(self) -> bytes:
        """Return the bundle of all references."""
        graph = self.stage.graph
        graph.references = self.references()
        return graph.bundle()


def reforge(data: bytes, actor: bytes, index: int, /, **fields: bytes | None) -> bytes:
    """Return a bundle in which one step has other fields, and the later steps follow the changed one.

    Args:
        data: a legal bundle.
        actor: the actor of the step.
        index: the index of the step in its chain, from 0.
        fields: the new values of fields, by name.
    """
    return rechain(data, actor, lambda at, step: replace(step, **fields) if at == index else step)  # type: ignore[arg-type]


def rechain(data: bytes, actor: bytes, alter: Callable[[int, Step], Step], added: Iterable[Object] = ()) -> bytes:
    """Return a bundle in which the steps of an actor are altered and follow each other.

    Args:
        data: a legal bundle.
        actor: the actor of the steps.
        alter: returns the new step for the index of a step in its chain, from 0, and the step.
        added: further objects of the bundle.
    """
    bundle = scan(data)
    assert bundle.format is not None
    store = Store(bundle.format)
    store.import_(data)
    store.keep({bundle.format.hash(encoding): encoding for encoding in map(bundle.format.encode, added)})
    last: bytes | None = None
    is_same = True
    for at, step in enumerate(_chain(bundle, bundle.references[f"heads/{actor.hex()}"])):
        altered = alter(at, step if is_same else replace(step, previous=last))
        is_same = is_same and altered == step
        encoding = bundle.format.encode(altered)
        last = bundle.format.hash(encoding)
        store.keep({last: encoding})
    assert last is not None
    store.references[f"heads/{actor.hex()}"] = last
    return store.export()


def _chain(bundle: Bundle, head: bytes) -> list[Step]:
    steps: list[Step] = []
    at: bytes | None = head
    while at is not None:
        step = bundle.shapes[at]
        assert isinstance(step, Step)
        steps.append(step)
        at = step.previous
    return steps[::-1]
