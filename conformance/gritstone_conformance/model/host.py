"""The oracle as a host of actors: it answers the requests of ``wit`` and ``runtime`` by the model, in this process.

A free schedule is one that a seed chooses; two hosts with different seeds run the same scenario differently, and both
are right. :class:`~gritstone_conformance.model.subject.DurableStores` are written one commit at a time, so
that a host can be killed at each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.choices import any_choice, choices
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.runtime import Config, Runtime, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import FEATURES, DurableStores, ModelSubject
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.model.wuts import openapi
from gritstone_conformance.replies import Json

__all__ = ["ModelHost"]

_HOSTED = ("external", "schedule", "clock", "effects", "fault.kill")
_Expectation = dict[str, Json]


@dataclass(slots=True)
class _Started:
    """One started runtime: its handle, and whether the suite or the runtime schedules it."""

    runtime: Runtime
    store: str
    is_free: bool
    own_clock: bool
    source: random.Random


class ModelHost(ModelSubject):
    """One process of an implementation of ``runtime`` that is the model.

    Attributes:
        seed: what a free schedule follows.
        writes: durable writes of this process so far.
    """

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None, seed: int = 0) -> None:
        super().__init__(world, limits)
        profiles, features = ("grit", "wit", "runtime"), (*FEATURES, *_HOSTED)
        self.claims = replace(self.claims, profiles=profiles, features=features)
        self.seed = seed
        self.writes = 0
        self._started: dict[str, _Started] = {}
        self._armed: tuple[int, str] | None = None

    def spawn(self) -> ModelHost:
        """Return another process over the same disk."""
        return ModelHost(self.world, self.limits, self.seed + 1)

    def kill(self) -> None:
        """Forget everything that is not on the disk."""
        super().kill()
        self._started.clear()
        self._armed = None
        self.writes = 0

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        prefix, _, name = op.partition(".")
        if prefix == "grit":
            if name == "close":
                gone = args["store"]
                self._started = {key: each for key, each in self._started.items() if each.store != gone}
            return self._durably(args.get("store", ""), lambda: super(ModelHost, self)._answer(op, args))
        method: Callable[..., _Expectation] | None = getattr(self, f"_{prefix}_{name}", None)
        if prefix not in ("wit", "runtime", "fault") or method is None:
            return super()._answer(op, args)
        if "runtime" in args and name != "start":
            started = self._started.get(args["runtime"])
            if started is None:
                return refused("missing")
            started.runtime.mailroom.reload()
            return self._durably(started.store, lambda: method(started, **_rest(args, "runtime")))
        if "store" in args:
            handle = self._handles.get(args["store"])
            if handle is None:
                return refused("missing")
            return self._durably(args["store"], lambda: method(handle.store, **_rest(args, "store")))
        return method(**args)

    def _durably(self, name: str, work: Callable[[], _Expectation]) -> _Expectation:
        """Carry a request out; each change of a durable store is one write, at which the process may be killed."""
        handle = self._handles.get(name)
        if handle is None or all(store is not handle.store for store in self.world.stores.values()):
            return work()
        before = handle.store.copy()
        answer = work()
        if (before.references, before.objects) != (handle.store.references, handle.store.objects):
            self._write(handle.store, before)
        return answer

    def _write(self, store: Store, before: Store) -> None:
        self.writes += 1
        if self._armed is None:
            return
        left, when = self._armed
        self._armed = (left - 1, when)
        if left > 1:
            return
        if when == "before":
            store.objects, store.references = before.objects, before.references
        self.kill()
        raise SubjectFault("dead:signal-KILL", "armed")

    def _wit_step(
        self,
        store: Store,
        actor: str,
        head: str | None,
        inbox: list[list[str]],
        **limits: int,
    ) -> _Expectation:
        attempt, transition_ms = limits["attempt"], limits.get("transition_ms", 0)
        return Executor(store).step_expected(_raw(actor), _maybe(head), _mail(inbox), attempt, transition_ms)

    def _wit_admit(self, store: Store, actor: str, head: str | None, inbox: list[list[str]], step: str) -> _Expectation:
        Executor(store).admit(_raw(actor), _maybe(head), _mail(inbox), _raw(step))
        return ok()

    def _wit_unread(self, store: Store, tip: str, cursor: str | None) -> _Expectation:
        return ok(**Executor(store).unread(_raw(tip), _maybe(cursor)))

    def _wit_merge(self, store: Store, core: str, update: str) -> _Expectation:
        return ok(core=Executor(store).merge(_raw(core), _raw(update)).hex())

    def _wit_query(self, store: Store, step: str, name: str, args: str) -> _Expectation:
        return ok(result=_hex(Executor(store).query(_raw(step), name, from_base64(args))))

    def _wit_openapi(self, actor: str, wut: str) -> _Expectation:
        return ok(document=to_base64(openapi(_raw(actor), from_base64(wut))))

    def _runtime_start(
        self, store: Store, runtime: str, agent: str, schedule: str, clock: str, **config: Any
    ) -> _Expectation:
        if runtime in self._started:
            return refused("rejected")
        wanted = Config(config["base_ms"], config["cap_ms"], config["max_attempts"])
        begun = start(store, agent, wanted)
        name = next(key for key, handle in self._handles.items() if handle.store is store)
        source = random.Random(self.seed)
        self._started[runtime] = _Started(begun, name, schedule == "free", clock == "system", source)
        return ok(agent=begun.agent.identity.hex())

    def _runtime_inject(
        self, started: _Started, to: str, headers: list[list[str]], content: str, mode: str
    ) -> _Expectation:
        agent = started.runtime.agent
        message = agent.inject(_raw(to), tuple((key, value) for key, value in headers), _raw(content), mode)
        return ok(message=message.hex())

    def _runtime_run(self, started: _Started, max_steps: int) -> _Expectation:
        if not started.is_free:
            return refused("rejected")
        runtime, before = started.runtime, started.runtime.adopted
        cause = "max-steps"
        held: dict[bytes, Refusal] = {}  # the actors whose outcome needs another reference
        while runtime.adopted - before < max_steps:
            choice = any_choice(runtime, started.source, held)
            due = runtime.next_due_ms()
            if choice is not None:
                try:
                    self._durably(started.store, lambda choice=choice: self._choose(runtime, choice))  # type: ignore[misc]
                except Refusal as refusal:
                    held[choice[0]] = refusal
            elif held:
                raise next(iter(held.values()))
            elif due is not None and started.own_clock:
                runtime.move_time(due)
            else:
                cause = "rest" if due is None else "waiting"
                break
        return ok(cause=cause, steps=runtime.adopted - before, parked=runtime.parked())

    @staticmethod
    def _choose(runtime: Runtime, choice: Any) -> _Expectation:
        return ok(step=_hex(runtime.run(*choice)))

    def _runtime_query(self, started: _Started, actor: str, name: str, args: str) -> _Expectation:
        step, result = started.runtime.query(_raw(actor), name, from_base64(args))
        return ok(step=step.hex(), result=_hex(result))

    def _runtime_mail(self, started: _Started) -> _Expectation:
        return ok(mail=[[sender.hex(), message.hex()] for sender, message in started.runtime.agent.mail()])

    def _runtime_ack(self, started: _Started, sender: str, message: str) -> _Expectation:
        started.runtime.agent.acknowledge(_raw(sender), _raw(message))
        return ok()

    def _runtime_collect(self, started: _Started) -> _Expectation:
        return ok(removed=[actor.hex() for actor in started.runtime.collect()])

    def _runtime_release(self, started: _Started, actors: list[str]) -> _Expectation:
        return ok(released=[actor.hex() for actor in started.runtime.agent.release(map(_raw, actors))])

    def _runtime_cut(self, started: _Started) -> _Expectation:
        return ok(step=started.runtime.agent.cut().hex())

    def _runtime_stop(self, started: _Started, how: str) -> _Expectation:
        self._started = {name: each for name, each in self._started.items() if each is not started}
        return ok()

    def _runtime_ready(self, started: _Started) -> _Expectation:
        if started.is_free:
            return refused("rejected")
        return ok(choices=ready_json(started.runtime))

    def _runtime_choose(self, started: _Started, choice: int) -> _Expectation:
        listed = choices(started.runtime)
        if started.is_free or not listed:
            return refused("rejected")
        return self._choose(started.runtime, listed[choice % len(listed)])

    def _runtime_time(self, started: _Started, now_ms: str) -> _Expectation:
        if started.own_clock:
            return refused("rejected")
        return ok(due=started.runtime.move_time(int(now_ms)))

    def _runtime_effects(self, started: _Started) -> _Expectation:
        return ok(
            effects=[
                {
                    "effect": effect.name,
                    "actor": effect.actor.hex(),
                    "message": effect.message.hex(),
                    "kind": effect.kind,
                    "request": None if effect.request is None else to_base64(effect.request),
                }
                for effect in started.runtime.agent.effects()
            ]
        )

    def _runtime_resolve(self, started: _Started, effect: str, outcome: dict[str, str]) -> _Expectation:
        ((word, answer),) = outcome.items()
        data = from_base64(answer) if word == "ok" else answer.encode()
        started.runtime.agent.resolve(effect, word, data)
        return ok()

    def _fault_arm(self, writes: int, when: str) -> _Expectation:
        self._armed = (writes, when)
        return ok()

    def _fault_count(self) -> _Expectation:
        return ok(writes=self.writes)


def ready_json(runtime: Runtime) -> list[Json]:
    """Return the choices of a runtime as ``runtime.ready`` lists them."""
    return [
        {"actor": actor.hex(), "inbox": [[sender.hex(), message.hex()] for sender, message in proposal.names]}
        for actor, proposal in choices(runtime)
    ]


def _rest(args: dict[str, Json], name: str) -> dict[str, Json]:
    return {key: value for key, value in args.items() if key != name}


def _raw(identity: str) -> bytes:
    return bytes.fromhex(identity)


def _maybe(identity: str | None) -> bytes | None:
    return None if identity is None else bytes.fromhex(identity)


def _hex(identity: bytes | None) -> str | None:
    return None if identity is None else identity.hex()


def _mail(pairs: list[list[str]]) -> list[tuple[bytes, bytes]]:
    return [(bytes.fromhex(sender), bytes.fromhex(message)) for sender, message in pairs]
