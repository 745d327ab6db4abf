"""The workbench: one store of the subject on which the suite acts as the runtime, next to the model's.

Objects are added to a stage and put before the next request; each operation is carried out on the model at once, and
asked of the subject when the bench runs, all requests pipelined. So a property reads like the scenario it is.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.proposals import Mail
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Headers, Mailbox, Message, Object, Step, to_base64
from gritstone_conformance.model.wuts import openapi
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import PUPPET, Stage
from gritstone_conformance.trial import Asked, Trial

__all__ = ["BenchActor", "Workbench"]

GENESIS: Final = (("mt", "genesis"),)


class BenchActor:
    """An actor on a bench: its id, its head, and what others have sent to it.

    Attributes:
        identity: the id of its first core.
        head: its head, or None before its genesis.
        tips: senders to the newest message of each.
    """

    def __init__(self, bench: Workbench, identity: bytes) -> None:
        self.bench = bench
        self.identity = identity
        self.head: bytes | None = None
        self.tips: dict[bytes, bytes] = {}

    def send(
        self, content: bytes, mt: str = "", *, sender: bytes | None = None, signal: bool = False, more: Headers = ()
    ) -> bytes:
        """Add a message behind the others of its sender, the outside by default, or in their place; returns its id."""
        who = self.bench.outside if sender is None else sender
        headers = (("mt", mt),) if mt else ()
        previous = None if signal else self.tips.get(who)
        message = self.bench.add(Message(previous, (*headers, *more), content))
        self.tips[who] = message
        return message

    def step(self, *mail: tuple[bytes, bytes], attempt: int = 1, rule: str | None = None) -> bytes | None:
        """Ask for the step that reads mail, all that was sent by default, and make it the head if it is one."""
        given = list(mail) or sorted(self.tips.items())
        made = self.bench.step(self.identity, self.head, given, attempt, rule=rule)
        self.head = made if made is not None else self.head
        return made

    def tell(self, content: bytes, mt: str = "", *, rule: str | None = None, attempt: int = 1) -> bytes | None:
        """Send a message and ask for the step that reads it."""
        return self.step((self.bench.outside, self.send(content, mt)), attempt=attempt, rule=rule)

    @property
    def value(self) -> Step:
        """The head as a value."""
        assert self.head is not None, "the actor has no head"
        return self.bench.executor.shelf.step(self.head)


class Workbench:
    """One store, with requests that wait to be sent.

    Attributes:
        stage: adds objects.
        outside: the id of a tree that stands for the sender outside.
    """

    def __init__(self, trial: Trial, fmt: Format, handle: str = "s") -> None:
        self.trial = trial
        self.pair = open_memory(trial, fmt, handle)
        self.executor = Executor(self.pair.model)
        self.stage = Stage(Graph(fmt))
        self._waiting: list[Asked] = []
        self._put = 0
        self.outside = self.stage.tree(name=self.stage.blob(b"outside", ("ct", "s")))

    def add(self, value: Object) -> bytes:
        """Add an object whose children are there; returns its id."""
        return self.stage.graph.add(value)

    def actor(self, title: bytes, code: bytes = PUPPET, **entries: bytes) -> BenchActor:
        """Add the core of an actor that has no step yet."""
        return BenchActor(self, self.stage.core(title, code, **entries))

    def born(self, title: bytes = b"a", code: bytes = PUPPET, **entries: bytes) -> BenchActor:
        """Add an actor and ask for its first step."""
        actor = self.actor(title, code, **entries)
        actor.tell(actor.identity, "genesis")
        return actor

    def box(self, *entries: tuple[bytes, bytes]) -> bytes | None:
        """Add a mailbox; an empty one is none."""
        return self.add(Mailbox(entries)) if entries else None

    def program(self, ops: bytes, *operands: bytes, **entries: bytes) -> bytes:
        """Add a program tree."""
        return self.stage.program(ops, *operands, **entries)

    def step(
        self, actor: bytes, head: bytes | None, mail: Mail, attempt: int = 1, *, rule: str | None = None
    ) -> bytes | None:
        """Ask for ``wit.step``; returns the step, or ``head`` where it declines, or None where it is refused."""
        args = {**self.about(actor, head, mail), "attempt": attempt}
        self.fill()
        try:
            made: bytes | None = self.executor.step(actor, head, mail, attempt)
        except Refusal as refusal:
            self.ask("wit.step", args, refusal.expectation(), _admission_rule(refusal, rule))
            return None
        assert made is not None
        self.ask("wit.step", args, ok(step=made.hex()), rule)
        return made

    def admit(
        self, actor: bytes, head: bytes | None, mail: Mail, step: bytes, *, rule: str | None = None
    ) -> dict[str, Json]:
        """Ask for ``wit.admit``; returns what the model expects."""
        self.fill()
        try:
            self.executor.admit(actor, head, mail, step)
            expect = ok()
        except Refusal as refusal:
            expect = refusal.expectation()
            rule = next((defect.rule for defect in refusal.defects if defect.rule.startswith("wit.admit")), rule)
        self.ask("wit.admit", {**self.about(actor, head, mail), "step": step.hex()}, expect, rule)
        return expect

    def unread(self, tip: bytes, cursor: bytes | None, *, rule: str | None = None) -> None:
        """Ask for ``wit.unread``."""
        self.fill()
        try:
            expect = ok(**self.executor.unread(tip, cursor))
        except Refusal as refusal:
            expect = refusal.expectation()
        args = {"tip": tip.hex(), "cursor": None if cursor is None else cursor.hex()}
        self.ask("wit.unread", args, expect, rule)

    def merge(self, core: bytes, update: bytes, *, rule: str | None = None) -> bytes | None:
        """Ask for ``wit.merge``; returns the merged core, or None where it is refused."""
        self.fill()
        args = {"core": core.hex(), "update": update.hex()}
        try:
            merged = self.executor.merge(core, update)
        except Refusal as refusal:
            self.ask("wit.merge", args, refusal.expectation(), rule)
            return None
        self.ask("wit.merge", args, ok(core=merged.hex()), rule)
        return merged

    def query(self, step: bytes, name: str, args: bytes = b"", *, rule: str | None = None) -> bytes | None:
        """Ask for ``wit.query``; returns the answer, or None where there is none or it is refused."""
        self.fill()
        answer: bytes | None = None
        try:
            answer = self.executor.query(step, name, args)
            expect = ok(result=None if answer is None else answer.hex())
        except Refusal as refusal:
            expect = refusal.expectation()
        self.ask("wit.query", {"step": step.hex(), "name": name, "args": to_base64(args)}, expect, rule)
        return answer

    def openapi(self, actor: bytes, wut: bytes, *, rule: str | None = None) -> None:
        """Ask for ``wit.openapi``, which needs no store."""
        try:
            expect = ok(document=to_base64(openapi(actor, wut)))
        except Refusal as refusal:
            expect = refusal.expectation()
        self._waiting.append(("wit.openapi", {"actor": actor.hex(), "wut": to_base64(wut)}, expect, rule))

    def holds(self, identity: bytes, *, rule: str | None = None) -> None:
        """Ask that an object is there with its whole closure, by setting a reference to it and exporting that."""
        self.fill()
        name = f"tags/{identity.hex()[:16]}"
        held = self.pair.model.references.get(name)
        self._waiting.append(self.pair.cas(Change(name, held, identity), rule=rule))
        self.flush()
        self.pair.export([name], rule=rule)

    def references(self, *, rule: str | None = None) -> None:
        """Ask that the references are those of the model."""
        self._waiting.append(self.pair.refs(rule=rule))

    def ask(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None = None) -> None:
        """Add a request on this store."""
        self._waiting.append((op, {"store": self.pair.handle, **args}, expect, rule))

    def waiting(self) -> list[Asked]:
        """Return what waits."""
        return list(self._waiting)

    def flush(self) -> None:
        """Send the pending requests."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.pair.expect(*waiting)

    def fill(self) -> None:
        """Put every object of the stage that is not in the store."""
        encodings = list(self.stage.graph.encodings.items())[self._put :]
        self._put += len(encodings)
        for identity, data in encodings:
            if identity not in self.pair.model.objects:
                self._waiting.append(self.pair.put(data))

    @staticmethod
    def about(actor: bytes, head: bytes | None, mail: Mail) -> dict[str, Json]:
        """Return the arguments that requests for a step have in common."""
        inbox = [[sender.hex(), message.hex()] for sender, message in mail]
        return {"actor": actor.hex(), "head": None if head is None else head.hex(), "inbox": inbox}


def _admission_rule(refusal: Refusal, rule: str | None) -> str | None:
    """Return the rule of admission by which a result is illegal, else the one given; classes are judged as such."""
    if rule == "wit.transition.class":
        return rule
    return next((defect.rule for defect in refusal.defects if defect.rule.startswith("wit.admit.")), rule)
