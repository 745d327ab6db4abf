"""An image that is served: requests, the clock, rollbacks, and what runs at rest.

Each method carries one request out on the model store of a started runtime, or raises Refusal and changes nothing.

Spec: ``image/requests``, ``image/world``; ``harness/operations-image``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from gritstone_conformance.model.agent import Agent, first_agent_step
from gritstone_conformance.model.image.begin import Begin, Timer, of_post, of_requests, of_rollback, of_timer
from gritstone_conformance.model.image.contents import LARGEST
from gritstone_conformance.model.image.operation import MOST_STEPS, Made, perform
from gritstone_conformance.model.image.record import Failed, NotRecord
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.image.world import (
    World,
    first_entry,
    kernel_actor,
    kernel_chain,
    read_record,
    worlds_up_to,
)
from gritstone_conformance.model.journal.listing import shown
from gritstone_conformance.model.journal.outside import Request, check_messages
from gritstone_conformance.model.refusals import Defect, Refusal, exhausted, invalid, missing, rejected
from gritstone_conformance.model.runtime import Runtime
from gritstone_conformance.model.values import Headers
from gritstone_conformance.replies import Json

__all__ = ["Image"]

_KEY: Final = re.compile(r"[!-~]{1,64}")
_OTHERS: Final = ("heads/", "failed/", "archived/", "closed/", "gone/", "moved/", "adopted/")

Outcome = tuple[int, Failed | None]
"""The number of an operation, and its failure, or None if it committed."""


class _ImageAgent(Agent):
    """The agent of an image: each of its steps is an operation without roots."""

    image: Image

    def step(self, sent: dict[bytes, bytes], read: dict[bytes, bytes], dropped: bytes | None = None) -> None:
        """Make an operation in which R sends and acknowledges. Spec: :rule:`image.runtime.inject`."""
        self.image.make(Begin(sends=sent, read=read))


class Image:
    """An image on the store of a started runtime, or a store that may become one.

    Attributes:
        runtime: the runtime.
        kernel: K.
        agent: R, whose steps are operations.
        on_commit: called before each operation is published, with a function that publishes it.
        has_guests: whether actors may be guests, by the feature ``image.wasm``.
    """

    def __init__(
        self,
        runtime: Runtime,
        on_commit: Callable[[Callable[[], None]], None] | None = None,
        *,
        has_guests: bool = False,
    ) -> None:
        self.runtime = runtime
        self.has_guests = has_guests
        self.kernel = kernel_actor(runtime.shelf.format)
        self.agent = _ImageAgent(runtime.mailroom, runtime.agent.identity)
        self.agent.image = self
        self.on_commit = on_commit if on_commit is not None else lambda publish: publish()
        self._state: State | None = None

    @property
    def is_image(self) -> bool:
        """Whether the store is an image."""
        return f"heads/{self.kernel.hex()}" in self.runtime.store.references

    @property
    def state(self) -> State:
        """The state of the newest world; read from the store if another runtime or the suite has changed it."""
        references, shelf = self.runtime.store.references, self.runtime.shelf
        head = references[f"heads/{self.kernel.hex()}"]
        if self._state is None or self._state.world.heads[self.kernel] != head:
            self.runtime.mailroom.reload()
            agent, kernel = self.agent.identity, self.kernel
            self._state = State.load(shelf, references, agent, kernel, has_guests=self.has_guests)
        return self._state

    def start(self) -> bytes:
        """Make the image and return K. Spec: :rule:`image.start.made`, :rule:`image.start.fresh`."""
        shelf, references, agent = self.runtime.shelf, self.runtime.store.references, self.agent.identity
        own = f"heads/{agent.hex()}"
        first = references[own]
        others = [name for name in references if name != own and name.startswith(_OTHERS)]
        if first != first_agent_step(shelf, agent) or others:
            raise Refusal([rejected("image.start.fresh", "the store is not fresh", "image")])
        self._check_room(1, "image.start.made")
        entry = first_entry(shelf, agent, first)
        self.on_commit(lambda: self._publish({agent: entry.agent_step, self.kernel: entry.kernel_step}, {}))
        return self.kernel

    def request(self, messages: Sequence[Request], key: str | None = None) -> Outcome:
        """Make one operation whose roots are the messages. Spec: ``image/requests``, "A request"."""
        if key is not None and not _KEY.fullmatch(key):
            raise Refusal([invalid("image.request.key", "the key is not of its form", "key")])
        recorded = None if key is None else self.state.recorded(key)
        if recorded is not None:
            return recorded
        view = self.state.view()
        check_messages(self.agent, view, self.kernel, messages, None)
        (to, headers, content), *others = messages
        keyed: Headers = headers if key is None else (*headers, ("key", key))
        return self._outcome(self.make(of_requests(view, [(to, keyed, content), *others])))

    def clock(self, now_ms: int) -> int:
        """Move the clock and return the number of the operation. Spec: :rule:`image.clock.forward`."""
        rule = "image.clock.forward"
        if now_ms > LARGEST:
            raise Refusal([Defect("malformed", rule, "now_ms is above 2^63 - 1", "clock")])
        if now_ms < self.state.clock:
            raise Refusal([rejected(rule, "now_ms is below the clock", "clock")])
        return self.make(Begin(clock=now_ms)).record.seq

    def rollback(self, to: int) -> Outcome:
        """Return the cores of all actors to those of world n. Spec: :rule:`image.world.rollback`."""
        wanted, view = self._world(to), self.state.view()
        begin = of_rollback(view, wanted.heads, to, (self.agent.identity, self.kernel))
        rule = "image.world.rollback-refused"
        if len(begin.roots) > MOST_STEPS:
            raise Refusal([Defect("exhausted", rule, f"{len(begin.roots)} roots", "steps")])
        if any(view.unread(self.agent.identity, root.target) for root in begin.roots):
            raise Refusal([rejected(rule, "a message of R to a target is unread", "order")])
        return self._outcome(self.make(begin))

    def list_actors(self, as_: bytes | None, after: bytes | None, limit: int) -> tuple[list[Json], bool]:
        """Return the actors of the newest world, and whether there are more. Spec: :rule:`image.list.exact`."""
        view, others = self.state.view(), (self.agent.identity, self.kernel)
        owner = None
        if as_ is not None:
            if as_ in others or view.head(as_) is None:
                raise Refusal([missing("image.list.redacted", "as is not an actor with a head", "actor")])
            owner = view.owner(as_)
        actors = sorted(actor for actor in view.base.heads if actor not in others and (after is None or actor > after))
        listed = [shown(view, actor, is_whole=as_ is None or view.owner(actor) == owner) for actor in actors[:limit]]
        return listed, len(actors) > limit

    def log(self, first: int, limit: int) -> tuple[list[bytes], bool]:
        """Return records and whether there are later ones. Spec: :rule:`image.log.exact`."""
        steps = kernel_chain(self.runtime.shelf, self.runtime.store.references[f"heads/{self.kernel.hex()}"])
        try:
            records = [read_record(self.runtime.shelf, step).encode() for step in steps[first : first + limit]]
        except NotRecord as problem:
            raise Refusal([missing("image.log.exact", str(problem), "corrupt")]) from problem
        return records, len(steps) > first + limit

    def world(self, seq: int | None, after: str | None, limit: int) -> tuple[int, bytes, list[tuple[str, bytes]], bool]:
        """Return the number, the root, references and whether there are more. Spec: :rule:`image.world.past`."""
        number = self.state.seq if seq is None else seq
        found = self.state.world if number == self.state.seq else self._world(number)
        refs = [ref for ref in found.refs() if after is None or ref[0] > after]
        return number, found.root(self.runtime.shelf.format), refs[:limit], len(refs) > limit

    def inject(self, to: bytes, headers: Headers, content: bytes, mode: str) -> bytes:
        """Send a post of R and return its id. Spec: :rule:`image.runtime.inject`."""
        check_messages(self.agent, self.state.view(), self.kernel, [(to, headers, content)], mode)
        return self.agent.inject(to, headers, content, mode)

    def run(self, max_steps: int) -> tuple[str, int]:
        """Run operations until the image is at rest; return the cause of the end, and how many steps actors made.

        Spec: :rule:`image.runtime.run`.
        """
        steps = 0
        while steps < max_steps:
            state = self.state
            root = state.next_root()
            if root is None:
                return "rest", steps
            begin = of_timer(state.view(), root) if isinstance(root, Timer) else of_post(state.view(), root)
            steps += len(self.make(begin).steps)
        return "max-steps", steps

    def make(self, begin: Begin) -> Made:
        """Make one operation and publish it; raises Refusal if the store has no room for its references."""
        state, shelf = self.state, self.runtime.shelf
        made = perform(state, begin)
        heads = {actor: step for actor, step in made.view.heads.items() if step is not None}
        gone = made.view.gone.keys() - state.world.gone.keys()
        new = len((heads.keys() | gone) - state.world.heads.keys())
        try:
            self._check_room(new, "image.op.atomic")
        except Refusal:
            shelf.forget()
            raise
        self.on_commit(lambda: self._publish(heads, made.view.gone))
        state.advance(made.entry)
        return made

    def _publish(self, heads: dict[bytes, bytes], gone: dict[bytes, bytes]) -> None:
        """Store what the new references reach, and set them. Spec: :rule:`image.op.atomic`."""
        store, room = self.runtime.store, self.runtime.mailroom
        self.runtime.shelf.flush_all_reached(store, [*heads.values(), *gone.values()])
        for actor, step in heads.items():
            room.set_head(actor, step)
        for actor, step in gone.items():
            if actor in room.heads:
                room.set_head(actor, None)
            store.references[f"gone/{actor.hex()}"] = step

    def _check_room(self, new: int, rule: str) -> None:
        if len(self.runtime.store.references) + new > self.runtime.store.limits.refs:
            raise Refusal([exhausted(rule, "there is no room for another reference")])

    def _world(self, seq: int) -> World:
        """Return world n; raises Refusal. Spec: :rule:`image.world.past-refused`."""
        rule, state = "image.world.past-refused", self.state
        if seq > state.seq:
            raise Refusal([missing(rule, "there is no world of this number yet", "world")])
        heads = state.world.heads[self.agent.identity], state.world.heads[self.kernel]
        try:
            return worlds_up_to(self.runtime.shelf, self.agent.identity, heads, seq)
        except NotRecord as problem:
            raise Refusal([missing(rule, str(problem), "corrupt")]) from problem

    @staticmethod
    def _outcome(made: Made) -> Outcome:
        failed = made.record.outcome
        return made.record.seq, failed if isinstance(failed, Failed) else None
