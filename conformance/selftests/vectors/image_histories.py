"""Histories of images for the audits: what a runtime of the model does, and what a forger writes after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.begin import Begin, Post, of_post, of_requests, of_timer
from gritstone_conformance.model.image.record import COMMITTED, Failed, Record, RootLine, parse_record
from gritstone_conformance.model.journal.live import Image
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Headers, Mailbox, Message, Object, Step, Tree
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.notation import parse
from gritstone_conformance.strategies.image.ops import Draft

__all__ = ["ImageHistory"]

_TEXT: Final[Headers] = (("ct", "s"),)


class ImageHistory:
    """An image of the model and its store, whose newest operation can be replaced.

    Attributes:
        store: the store.
        image: the image.
        stage: adds objects.
        actors: actors by letter: principals that may send each other anything and count notices in ``f``.
    """

    def __init__(self, fmt: Format, letters: str = "ABC", **limits: int) -> None:
        """Start an image and create its actors.

        Args:
            fmt: the format.
            letters: the names of the actors.
            limits: limits of their quotas.
        """
        self.store = Store(fmt)
        runtime = start(self.store, "test", Config(1, 4, 2))
        self.image = Image(runtime)
        self.image.start()
        runtime.agent = self.image.agent
        self.stage = ImageStage(Graph(fmt), self.image.agent.identity)
        self.actors: dict[str, bytes] = {}
        code = {name: self.stage.draft().add(name[0], 1).seal() for name in ("failed", "tick", "job")}
        for letter in letters:
            caps = () if letter == "C" else ("send.*.*", "send.*.image.*", "read.*", "spawn")
            entry = {"run": "*"} if letter == "C" else dict.fromkeys(("run", "tick", "job"), "*")
            self.actors[letter] = self.stage.actor(letter, caps=caps, entry=entry, code=code, limits=limits)
        if letters:
            self.request(*((actor, "genesis", actor) for actor in self.actors.values()))

    # --- what a runtime does -------------------------------------------------------------------------------

    def request(self, *messages: tuple[bytes, str, bytes], **headers: str) -> str:
        """Make a request; return how it ended. The headers are those of all messages."""
        self.fill()
        pairs = [(to, tuple(sorted({"mt": mt, **headers}.items())), content) for to, mt, content in messages]
        _, failed = self.image.request(pairs)
        return COMMITTED if failed is None else str(failed)

    def play(self, text: str) -> str:
        """Make a request in the notation; return how it ended."""
        told = [parse(self.stage, self.actors, each) for each in text.split(";")]
        return self.request(*((self.actors[one.actor], "run", one.program) for one in told))

    def order(self, letter: str, draft: Draft) -> str:
        """Make a request of one message ``run``; return how it ended."""
        return self.request((self.actors[letter], "run", draft.seal()))

    def fill(self) -> None:
        """Put the objects of the stage into the store."""
        self.stage.graph.fill(self.store)

    def make(self, begin: Begin) -> None:
        """Make an operation, whether its roots are the next ones or not."""
        self.fill()
        self.image.make(begin)

    def run_post(self, number: int) -> None:
        """Run one of the posts that wait, by its number in their order."""
        posts = [Post(*each) for each in self._posts()]
        self.make(of_post(self.image.state.view(), posts[number]))

    def _posts(self) -> list[tuple[bytes, bytes, bytes]]:
        """Return sender, receiver and id of the newest unread message of each channel, ascending."""
        shelf, heads = self.shelf, self.image.state.world.heads
        found = []
        for sender in sorted(heads):
            for receiver, tip in sorted(shelf.mail(shelf.step(heads[sender]).outbox).items()):
                read = shelf.mail(shelf.step(heads[receiver]).inbox).get(sender) if receiver in heads else None
                if receiver in self.actors.values() and tip != read:
                    found.append((sender, receiver, tip))
        return found

    def fire(self, letter: str, number: int) -> None:
        """Fire a timer of an actor, by its number in the order of due time, seq and index."""
        state, actor = self.image.state, self.actors[letter]
        view = state.view()
        core = self.shelf.names(self.shelf.step(state.world.heads[actor]).core)
        handles = self.shelf.names(self.shelf.names(core["image"])["timers"])
        timers = sorted(filter(None, (state.timer(actor, handle) for handle in handles)), key=lambda one: one.due)
        self.make(of_timer(view, timers[number]))

    def request_with(self, letter: str, content: bytes, **headers: str) -> None:
        """Make a request with headers that a client cannot send."""
        self.fill()
        pairs = tuple(sorted({"mt": "run", **headers}.items()))
        self.make(of_requests(self.image.state.view(), [(self.actors[letter], pairs, content)]))

    def post(self, letter: str, content: bytes, **headers: str) -> None:
        """Make R send a post with any headers."""
        self.fill()
        actor = self.actors[letter]
        pairs = tuple(sorted({"mt": "run", **headers}.items()))
        message = self.add(Message(self.image.state.view().last_sent(self.agent, actor), pairs, content))
        self.image.agent.step({actor: message}, {})

    def bundle(self) -> bytes:
        """Return the bundle of the store."""
        self.store.prune()
        return self.store.export()

    # --- what is there -------------------------------------------------------------------------------------

    @property
    def agent(self) -> bytes:
        """R."""
        return self.image.agent.identity

    @property
    def kernel(self) -> bytes:
        """K."""
        return self.image.kernel

    @property
    def shelf(self) -> Shelf:
        """The objects of the store."""
        return Shelf.over(self.store)

    @property
    def record(self) -> Record:
        """The newest record."""
        return parse_record(self.blob(self.shelf.names(self.step_of(self.kernel).core)["op"]))

    def blob(self, identity: bytes) -> bytes:
        """Return the data of a blob."""
        value = self.shelf.get(identity)
        assert isinstance(value, Blob)
        return value.data

    def head(self, actor: bytes) -> bytes:
        """Return the head of an actor."""
        return self.store.references[f"heads/{actor.hex()}"]

    def step_of(self, actor: bytes) -> Step:
        """Return the newest step of an actor."""
        return self.shelf.step(self.head(actor))

    def add(self, value: Object) -> bytes:
        """Put an object into the store."""
        encoding = self.store.format.encode(value)
        assert "ok" in self.store.put(encoding)
        return self.store.format.hash(encoding)

    # --- what a forger writes ------------------------------------------------------------------------------

    def set_head(self, actor: bytes, step: bytes) -> None:
        """Set a head."""
        self.store.references[f"heads/{actor.hex()}"] = step

    def rewrite(
        self, text: bytes | None = None, sends: Mapping[bytes, bytes | None] | None = None, **fields: Any
    ) -> None:
        """Replace the steps of R and K of the newest operation.

        Args:
            text: the record; by default the newest one with other fields.
            sends: receivers to what R sends in addition, None for an entry of the step before.
            fields: fields of the record.
        """
        data = replace(self.record, **fields).encode() if text is None else text
        last, kernel = self.step_of(self.agent), self.step_of(self.kernel)
        assert last.previous is not None
        assert kernel.previous is not None
        before = dict(self.shelf.mail(self.shelf.step(last.previous).outbox))
        content = self.add(Blob(_TEXT, data))
        message = self.add(Message(before.get(self.kernel), (("mt", "image.op"),), content))
        outbox = {**self.shelf.mail(last.outbox), self.kernel: message}
        for receiver, tip in (sends or {}).items():
            outbox[receiver] = before[receiver] if tip is None else tip
        agent = self.add(replace(last, outbox=self.mailbox(outbox)))
        core = self.add(Tree((("op", content), ("wit", self.shelf.names(kernel.core)["wit"]))))
        inbox = self.mailbox({self.agent: message})
        self.set_head(self.agent, agent)
        self.set_head(self.kernel, self.add(replace(kernel, inbox=inbox, core=core)))

    def mailbox(self, entries: Mapping[bytes, bytes]) -> bytes | None:
        """Put a mailbox into the store."""
        return self.add(Mailbox(tuple(sorted(entries.items())))) if entries else None

    def alter(self, letter: str, path: str, data: bytes, **record: Any) -> None:
        """Replace a blob of the core of the newest step of an actor, and the record, so that it fits."""
        actor = self.actors[letter]
        step = self.step_of(actor)
        core = {**self.shelf.names(step.core), path: self.add(Blob((), data))}
        self.replace_step(actor, replace(step, core=self.add(Tree(tuple(sorted(core.items()))))), **record)

    def replace_step(self, actor: bytes, step: Step, **record: Any) -> None:
        """Replace the newest step of an actor, and the record, so that it fits."""
        made = self.add(step)
        self.set_head(actor, made)
        heads = tuple((one, old, made if one == actor else new) for one, old, new in self.record.heads)
        self.rewrite(heads=heads, **record)

    def as_failed(self, failure: str) -> None:
        """Replace the newest operation, of one root and one actor, by one that failed."""
        (root,), ((actor, old, _),) = self.record.roots, self.record.heads
        assert old is not None
        before = self.shelf.step(old)
        inbox = self.mailbox({**self.shelf.mail(before.inbox), root[0]: root[2]})
        made = self.add(Step(old, actor, inbox, before.outbox, before.core))
        self.set_head(actor, made)
        self.rewrite(outcome=Failed(*failure.split("/")), heads=((actor, old, made),))

    def as_committed(self, letter: str) -> None:
        """Replace the newest operation, which failed, by one that committed and wrote ``y``."""
        self.alter(letter, "y", b"1", outcome=COMMITTED)

    def root(self) -> RootLine:
        """Return the first root of the newest operation."""
        return self.record.roots[0]
