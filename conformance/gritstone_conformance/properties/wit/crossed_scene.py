"""What the crossings of ``wit`` share: an actor at a head that the suite made, and one request about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from gritstone_conformance.model.proposals import message_kind
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.transition import update_is_refused
from gritstone_conformance.model.values import Message, Step, Tree
from gritstone_conformance.properties.wit.workbench import GENESIS, Workbench

__all__ = ["ADMISSION", "RULES", "Scene", "head_of", "id_on_side"]

ADMISSION: Final = (
    *(
        "wit.admit.previous",
        "wit.admit.actor",
        "wit.admit.progress",
        "wit.admit.inbox-proposed",
        "wit.admit.inbox-keep",
    ),
    *("wit.admit.inbox-cursor", "wit.admit.outbox", "wit.admit.closed", "wit.admit.kind", "wit.admit.core"),
    *("wit.frozen.kept", "wit.puppet.exact", "wit.transition.class"),
)
"""The rules by which a result is not admitted, or a program fails."""

RULES: Final = (
    *("wit.transition.class", "wit.proposal.valid", "wit.proposal.fence", "wit.genesis.first", "wit.genesis.identity"),
    *("wit.genesis.again", "wit.puppet.exact", "wit.puppet.leave", "wit.update.merge", "wit.update.refused"),
    *("wit.update.code", "wit.frozen.kept", "wit.frozen.code", "wit.cleanup.cut", "wit.transition.attempt"),
    *("wit.transition.declined", "wit.node.forms", "wit.admit.core", "wit.channel.unread", "wit.channel.superseded"),
    "wit.channel.cursor",
)
"""The rules that a request for a step may judge, with those of admission apart."""

_BY_KIND: Final = {
    "genesis": "wit.genesis.first",
    "waiting": "wit.genesis.identity",
    "ordinary": "wit.puppet.exact",
    "update": "wit.update.merge",
    "cleanup": "wit.cleanup.cut",
    "duplicate": "wit.genesis.again",
}


@dataclass
class Scene:
    """One actor, and one request about it.

    Attributes:
        bench: the store, with the model.
        actor: the actor.
        head: its head, or None.
        mail: the proposal.
        message: the message that the row is about.
        rules: the rules that the case judges.
        attempt: of the request.
        transition_ms: of the request, or None.
    """

    bench: Workbench
    actor: bytes
    head: bytes | None
    mail: dict[bytes, bytes]
    message: bytes
    rules: tuple[str, ...]
    attempt: int = 1
    transition_ms: int | None = None

    @property
    def kind(self) -> str:
        """The kind of the message."""
        value = self.bench.stage.graph.values[self.message]
        assert isinstance(value, Message)
        return message_kind(self.actor, value, has_step=self.head is not None)

    def step(self, rule: str | None = None) -> bytes | None:
        """Ask for the step; return it, or ``head`` if the transition declines, or None if it is refused."""
        bench, time = self.bench, {} if self.transition_ms is None else {"transition_ms": self.transition_ms}
        mail = sorted(self.mail.items())
        args = {**bench.about(self.actor, self.head, mail), "attempt": self.attempt, **time}
        bench.fill()
        try:
            made = bench.executor.step(self.actor, self.head, mail, self.attempt, self.transition_ms or 0)
        except Refusal as refusal:
            bench.ask("wit.step", args, refusal.expectation(), self._refused(refusal, rule))
            return None
        bench.ask("wit.step", args, ok(step=made.hex()), rule or self._made(made))
        return made

    def look(self, made: bytes | None) -> None:
        """Look at a step, and ask whether it would be admitted."""
        if made is None or made == self.head:
            return
        self.bench.flush()
        self.bench.pair.expect(self.bench.pair.get(made, rule=self._made(made)))
        self.bench.admit(self.actor, self.head, sorted(self.mail.items()), made, rule=self._made(made))

    def _made(self, made: bytes) -> str:
        if made == self.head:
            return self._known("wit.transition.declined")
        return self._known(self._update_rule() if self.kind == "update" else _BY_KIND[self.kind])

    def _update_rule(self) -> str:
        """Return the rule that decides which step covers the update."""
        shelf, head = self.bench.executor.shelf, self.head
        assert head is not None, "an actor without a step has no update"
        content = shelf.message(self.message).content
        if shelf.is_tree(content) and "wit_update" in shelf.names(content):
            return "wit.frozen.code" if "frozen" in shelf.names(shelf.step(head).core) else "wit.update.code"
        sender = next(each for each, message in self.mail.items() if message == self.message)
        refused = update_is_refused(shelf, head, (sender, self.message))
        return "wit.update.refused" if refused else "wit.update.merge"

    def _refused(self, refusal: Refusal, rule: str | None) -> str:
        found = next((each.rule for each in refusal.defects if each.rule in self.rules), None)
        return found or rule or self._known("wit.transition.class")

    def _known(self, rule: str) -> str:
        return rule if rule in self.rules else self.rules[0]


def head_of(
    bench: Workbench, actor: bytes, state: str, inbox: Mapping[bytes, bytes], outbox: Mapping[bytes, bytes]
) -> bytes:
    """Add a head whose core has grown: ``born`` at its first step, ``longer`` after it, ``cut`` by a cleanup."""
    genesis = bench.add(Message(None, GENESIS, actor))
    first = bench.add(Step(None, actor, bench.box((bench.outside, genesis)), None, actor))
    outside = genesis
    if state == "cut":
        outside = bench.add(Message(genesis, (("mt", "cleanup"),), actor))
    core, value = actor, bench.stage.graph.values[actor]
    if isinstance(value, Tree):
        core = bench.add(Tree((*value.entries, ("now", bench.stage.blob(state.encode())))))
    boxes = bench.box(*sorted({bench.outside: outside, **inbox}.items())), bench.box(*sorted(outbox.items()))
    return bench.add(Step(first if state == "longer" else None, actor, *boxes, core))


def id_on_side(bench: Workbench, title: str, than: bytes, *, lower: bool) -> bytes:
    """Add a tree whose id is lower or higher than another one."""
    for number in count():
        tree = bench.stage.tree(name=bench.stage.blob(f"{title} {number}".encode()))
        if (tree < than) == lower:
            return tree
    raise AssertionError
