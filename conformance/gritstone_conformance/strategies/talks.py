"""Talks: the mail of one sender to one actor, one message a step, for the journeys of ``gritstone resume``.

Messages name what the actor sent before by its id. The model makes the steps of the talk to learn these ids, and its
steps are not compared with anything.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import Tombstone, edges
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.journeys import Itinerary

__all__ = ["SENDER_NAME", "Talk"]

SENDER_NAME: Final = "traveller"
"""The name of the sender, which can be the agent of a runtime."""


class Talk:
    """A talk that is written down while the model carries it out.

    Attributes:
        graph: everything that the talk needs before the first step.
        actor: the actor that reads the mail; empty until it begins.
        host: the actor that sends the mail.
        messages: the mail so far.
        head: the newest step of the actor, or None.
    """

    def __init__(self, fmt: Format) -> None:
        self.graph = Graph(fmt)
        self.host = self.tree(name=self.blob(SENDER_NAME.encode(), "s"))
        self.actor = b""
        self.messages: list[bytes] = []
        self.head: bytes | None = None
        self._executor = Executor(Store(fmt))
        self._put = 0

    def blob(self, data: bytes, ct: str = "j") -> bytes:
        """Add a blob."""
        return self.graph.add(Blob((("ct", ct),), data))

    def tree(self, **entries: bytes) -> bytes:
        """Add a tree."""
        return self.graph.add(Tree(tuple(entries.items())))

    def say(self, mt: str, content: bytes, **headers: str) -> None:
        """Send a message, and read it."""
        previous = self.messages[-1] if self.messages else None
        pairs = tuple(sorted({"mt": mt, **headers}.items()))
        self.messages.append(self.graph.add(Message(previous, pairs, content)))
        for data in list(self.graph.encodings.values())[self._put :]:
            self._executor.store.put(data)
        self._put = len(self.graph.encodings)
        self.head = self._executor.step(self.actor, self.head, [(self.host, self.messages[-1])])

    def query(self, name: str, args: bytes = b"") -> bytes | None:
        """Return the id of the answer to a query."""
        assert self.head is not None, "it has begun"
        return self._executor.query(self.head, name, args)

    def adopt(self, identity: bytes) -> bytes:
        """Add an object that the model made, with all that it leads to; returns its id."""
        if identity not in self.graph.values:
            value = self.shelf.get(identity)
            assert not isinstance(value, Tombstone), "nothing is erased"
            for edge in edges(value):
                self.adopt(edge.target)
            self.graph.add(value)
        return identity

    @property
    def shelf(self) -> Shelf:
        """The objects of the talk, those of the model's steps too."""
        return self._executor.shelf

    def newest(self) -> bytes:
        """Return the message that the actor sent last to the sender of its mail."""
        assert self.head is not None, "it has begun"
        return self.shelf.mail(self.shelf.step(self.head).outbox)[self.host]

    def itinerary(self) -> Itinerary:
        """Return the talk as a journey."""
        return Itinerary(self.graph, self.actor, self.host, tuple(self.messages))
