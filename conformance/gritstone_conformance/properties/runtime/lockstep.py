"""The lockstep model: the runtime of the model receives the same requests as the runtime of the subject.

This requires that only one result is possible. With a chosen schedule this always holds. With a free schedule it holds
if, at each run, at most one actor has mail and can read it in only one way; a script that allows more is faulty. Every
reply, and the whole exported store, must then equal the model's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.host import ready_json
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.runtime import Config, Runtime, start
from gritstone_conformance.model.values import Headers, to_base64
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import PUPPET, Scenario, Stage
from gritstone_conformance.trial import Asked, Trial

__all__ = ["GENESIS", "LockstepModel", "StartOptions", "start_args"]

GENESIS: Headers = (("mt", "genesis"),)
MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of ``runtime.start``.

    Attributes:
        schedule: ``free`` or ``chosen``.
        clock: ``system`` or ``suite``.
        config: the configuration of retries.
        transition_ms: time for a transition.
        agent: the name of the agent.
        workers: how many transitions may run at once, or None to omit the member.
    """

    schedule: str = "free"
    clock: str = "system"
    config: Config = field(default_factory=lambda: Config(1, 4, 2))
    transition_ms: int = 0
    agent: str = "test"
    workers: int | None = None


def start_args(terms: StartOptions, store: str = "s", runtime: str = "r") -> dict[str, Json]:
    """Return the arguments of ``runtime.start``."""
    config = terms.config
    workers = {} if terms.workers is None else {"workers": terms.workers}
    return {
        "runtime": runtime,
        "store": store,
        "agent": terms.agent,
        "schedule": terms.schedule,
        "clock": terms.clock,
        "base_ms": config.base_ms,
        "cap_ms": config.cap_ms,
        "max_attempts": config.max_attempts,
        "transition_ms": terms.transition_ms,
        **workers,
    }


class LockstepModel:
    """One store with one runtime of the subject, and those of the model.

    Attributes:
        stage: adds objects.
        runtime: the handle of the subject's runtime.
        model: the model's runtime.
    """

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        terms: StartOptions | None = None,
        *,
        durable: bool = False,
        pair: Pair | None = None,
    ) -> None:
        self.trial = trial
        self.pair: Pair = pair or (open_durable(trial, fmt) if durable else open_memory(trial, fmt))
        self.runtime = f"r{self.pair.handle[1:]}"
        self.terms = terms if terms is not None else StartOptions()
        self.stage = Stage(Graph(fmt))
        self._waiting: list[Asked] = []
        self._put = 0
        self.model: Runtime = self.start()

    @property
    def agent(self) -> bytes:
        """The agent's id."""
        return self.model.agent.identity

    def start(self, *, rule: str | None = None) -> Runtime:
        """Start the runtime, for the first time or again."""
        self.model = start(self.pair.model, self.terms.agent, self.terms.config)
        args = start_args(self.terms, self.pair.handle, self.runtime)
        self.ask_plainly("runtime.start", args, ok(agent=self.agent.hex()), rule)
        return self.model

    def stop(self, how: str = "drain", *, rule: str | None = None) -> None:
        """Stop the runtime."""
        self.ask("runtime.stop", {"how": how}, ok(), rule)

    def restart(self, *, rule: str | None = None) -> None:
        """Stop the runtime and start another."""
        self.stop()
        self.start(rule=rule)

    def reopen(self, *, rule: str | None = None) -> None:
        """Stop the runtime, close the durable store, open it and start another runtime."""
        self.stop()
        self._waiting += [self.pair.close(), self.pair.open(create=False)]
        self.start(rule=rule)

    def revive(self, *, rule: str | None = None) -> None:
        """Open the durable store after the process was killed, and start another runtime."""
        self._waiting.append(self.pair.open(create=False))
        self.start(rule=rule)

    def fork(self, *, rule: str | None = None) -> Pair:
        """Continue with a copy of the store in another store; return the first store, whose runtime stays started."""
        data, first = self.export(rule=rule), self.pair
        handle = f"{first.handle}-fork"
        self.pair = open_memory(self.trial, first.model.format, handle, first.process)
        self.runtime = f"r{handle[1:]}"
        self._waiting += self.pair.take(data, rule=rule)
        self._put = 0
        self.start(rule=rule)
        return first

    def prune_store(self, *, rule: str | None = None) -> None:
        """Prune the store; the objects of the stage are put again when they are needed."""
        self.request(self.pair.prune(rule=rule))
        self._put = 0

    def born(self, title: bytes = b"a", code: bytes = PUPPET, **entries: bytes) -> bytes:
        """Create an actor and run its genesis; return its id."""
        actor = self.stage.core(title, code, **entries)
        self.inject(actor, actor, headers=GENESIS)
        self.run()
        return actor

    def tell(self, to: bytes, content: bytes, mt: str = "", mode: str = "queue", *, rule: str | None = None) -> None:
        """Inject a message and run to rest."""
        self.inject(to, content, mt, mode, rule=rule)
        self.run(rule=rule)

    def inject(
        self,
        to: bytes,
        content: bytes,
        headers: str | Headers = (),
        mode: str = "queue",
        *,
        rule: str | None = None,
    ) -> bytes | None:
        """Inject a message; return its id, or None if it is refused. A text as ``headers`` is the value of ``mt``."""
        self.fill()
        pairs: Headers = headers if not isinstance(headers, str) else (("mt", headers),) if headers else ()
        args = {"to": to.hex(), "headers": [[*pair] for pair in pairs], "content": content.hex(), "mode": mode}
        try:
            message: bytes | None = self.model.agent.inject(to, pairs, content, mode)
            assert message is not None
            expect = ok(message=message.hex())
        except Refusal as refusal:
            message, expect = None, refusal.expectation()
        self.ask("runtime.inject", args, expect, rule)
        return message

    def run(self, most_steps: int = MOST_STEPS, *, rule: str | None = None) -> str:
        """Run to rest, or until only a delay is left; return the cause. It makes fewer than ``most_steps`` steps."""
        cause = self._settle()
        expect = ok(cause=cause, steps={"$": "any"}, parked=self.model.parked())
        self.ask("runtime.run", {"max_steps": most_steps}, expect, rule)
        return cause

    def run_without_room(self, *stuck: bytes, rule: str) -> None:
        """Run to rest while the outcomes of some actors need another reference; expect that the others go on."""
        for choice in choices(self.model):
            try:
                self.model.run(*choice)
            except Refusal:
                assert choice[0] in stuck, "the model has no room for the outcome of another actor"
            else:
                assert choice[0] not in stuck, "the model has room"
        self.ask("runtime.run", {"max_steps": MOST_STEPS}, refused("exhausted"), rule)

    def ready(self, *, rule: str | None = None) -> int:
        """Request the choices; return their number."""
        listed = ready_json(self.model)
        self.ask("runtime.ready", {}, ok(choices=listed), rule)
        return len(listed)

    def choose(self, number: int, *, rule: str | None = None) -> bytes | None:
        """Make a choice; return the step that became a head, or None."""
        listed = choices(self.model)
        step: bytes | None = None
        if listed:
            step = self.model.run(*listed[number % len(listed)])
            expect = ok(step=None if step is None else step.hex())
        else:
            expect = refused("rejected")
        self.ask("runtime.choose", {"choice": number}, expect, rule)
        return step

    def time(self, now_ms: int, *, rule: str | None = None) -> None:
        """Move the time."""
        self.ask("runtime.time", {"now_ms": str(now_ms)}, ok(due=self.model.move_time(now_ms)), rule)

    def query(self, actor: bytes, name: str, args: bytes = b"", *, rule: str | None = None) -> bytes | None:
        """Ask an actor; returns the answer, or None where there is none or it is refused."""
        answer: bytes | None = None
        try:
            step, answer = self.model.query(actor, name, args)
            expect = ok(step=step.hex(), result=None if answer is None else answer.hex())
        except Refusal as refusal:
            expect = refusal.expectation()
        self.ask("runtime.query", {"actor": actor.hex(), "name": name, "args": to_base64(args)}, expect, rule)
        return answer

    def mail(self, *, rule: str | None = None) -> list[tuple[bytes, bytes]]:
        """Ask for the mail to the outside."""
        listed = self.model.agent.mail()
        self.ask("runtime.mail", {}, ok(mail=[[who.hex(), what.hex()] for who, what in listed]), rule)
        return listed

    def ack(self, sender: bytes, message: bytes, *, rule: str | None = None) -> None:
        """Acknowledge mail."""
        try:
            self.model.agent.acknowledge(sender, message)
            expect = ok()
        except Refusal as refusal:
            expect = refusal.expectation()
        self.ask("runtime.ack", {"sender": sender.hex(), "message": message.hex()}, expect, rule)

    def effects(self, *, rule: str | None = None) -> list[str]:
        """Ask for the open effects; returns their names."""
        listed = self.model.agent.effects()
        forms: list[Json] = [
            {
                "effect": effect.name,
                "actor": effect.actor.hex(),
                "message": effect.message.hex(),
                "kind": effect.kind,
                "request": None if effect.request is None else to_base64(effect.request),
            }
            for effect in listed
        ]
        self.ask("runtime.effects", {}, ok(effects=forms), rule)
        return [effect.name for effect in listed]

    def resolve(self, name: str, outcome: str, data: bytes, *, rule: str | None = None) -> None:
        """Answer an effect."""
        try:
            self.model.agent.resolve(name, outcome, data)
            expect = ok()
        except Refusal as refusal:
            expect = refusal.expectation()
        value = to_base64(data) if outcome == "ok" else data.decode()
        self.ask("runtime.resolve", {"effect": name, "outcome": {outcome: value}}, expect, rule)

    def collect(self, *, rule: str | None = None) -> list[bytes]:
        """Collect the actors that are not held."""
        removed = self.model.collect()
        self.ask("runtime.collect", {}, ok(removed=[actor.hex() for actor in removed]), rule)
        return removed

    def release(self, *actors: bytes, rule: str | None = None) -> list[bytes]:
        """Release actors; return those of which an entry was dropped."""
        dropped: list[bytes] = []
        try:
            dropped = self.model.agent.release(actors)
            expect = ok(released=[actor.hex() for actor in dropped])
        except Refusal as refusal:
            expect = refusal.expectation()
        self.ask("runtime.release", {"actors": [actor.hex() for actor in actors]}, expect, rule)
        return dropped

    def cut(self, *, rule: str | None = None) -> bytes:
        """Cut the chain of the agent; return its head."""
        try:
            expect = ok(step=self.model.agent.cut().hex())
        except Refusal as refusal:
            expect = refusal.expectation()
        self.ask("runtime.cut", {}, expect, rule)
        return self.model.mailroom.heads[self.agent]

    def refs(self, *, rule: str | None = None) -> None:
        """Check that all references are those of the model."""
        self._waiting.append(self.pair.refs(rule=rule))

    def request(self, asked: Asked) -> None:
        """Add a request about the store, made with ``pair``; the runtime of the model reloads the store."""
        self._waiting.append(asked)
        self.model.mailroom.reload()

    def export(self, *, rule: str | None = None) -> bytes:
        """Export everything and compare it with the store of the model, byte for byte."""
        self.flush()
        data = self.pair.export(rule=rule)
        assert data is not None, "the model's store is closed"
        return data

    def ask(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None = None) -> None:
        """Add a request to the runtime."""
        self.ask_plainly(op, {"runtime": self.runtime, **args}, expect, rule)

    def flush(self) -> None:
        """Send the pending requests."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.pair.expect(*waiting)

    def waiting(self) -> list[Asked]:
        """Return the pending requests."""
        return list(self._waiting)

    def opening(self) -> list[Asked]:
        """Return the first requests of the run, for another process."""
        return [self.pair.open(create=True), ("runtime.start", start_args(self.terms), ok(agent=self.agent.hex()))]

    def load(self, scenario: Scenario) -> None:
        """Add the objects of a scenario."""
        for value in scenario.graph.values.values():
            self.stage.graph.add(value)
        self.fill()

    def fill(self) -> None:
        """Put every object of the stage that is not yet in the store."""
        encodings = list(self.stage.graph.encodings.items())[self._put :]
        self._put += len(encodings)
        for identity, data in encodings:
            if identity not in self.pair.model.objects:
                self._waiting.append(self.pair.put(data))

    def ask_plainly(self, op: str, args: dict[str, Json], expect: dict[str, Json], rule: str | None = None) -> None:
        """Add a request with all its arguments."""
        self._waiting.append((op, args, expect, rule))

    def _settle(self) -> str:
        """Run the model until no step is possible; there must never be more than one choice."""
        while True:
            listed = choices(self.model)
            assert len(listed) <= 1, "the script allows several steps of a free schedule"
            due = self.model.next_due_ms()
            if listed:
                self.model.run(*listed[0])
            elif due is not None and self.terms.clock == "system":
                self.model.move_time(due)
            else:
                return "rest" if due is None else "waiting"
