"""Killed runtimes: the model passes the properties, and each planted fault is reported under its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.properties.runtime import arming, crashes
from gritstone_conformance.properties.runtime.kills import NEVER, Ordeal
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import scripts
from gritstone_conformance.trial import Divergence, Property, Trial

PROPERTIES = {prop.name: prop for prop in (*crashes.PROPERTIES, *arming.PROPERTIES)}
GATE = [prop for prop in PROPERTIES.values() if not prop.search_only]
CBOR = FORMATS["cbor-blake3"]


def run_on_host(prop: Property, subject: ModelHost, **drawn: Any) -> Trial:
    """Run one example; raises Divergence."""
    trial = Trial(subject, prop.rules[0], subject.spawn)
    try:
        prop.body(trial, **drawn)
    finally:
        trial.finish()
    return trial


@pytest.mark.parametrize("prop", GATE, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    trial = run_on_host(prop, ModelHost())
    assert prop.kind != "crash" or prop.name.startswith("harness/") or "deaths" in (trial.remark or "")


def test_model_passes_in_any_order_of_execution() -> None:
    for seed in (1, 2):
        run_on_host(PROPERTIES["runtime/crash/again-cbor"], ModelHost(seed=seed))
        run_on_host(PROPERTIES["runtime/crash/long-talking-cbor"], Unarmed(None, None, seed))


class Unarmed(ModelHost):
    """A model that cannot kill itself."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        features = tuple(name for name in self.claims.features if name != "fault.kill")
        self.claims = replace(self.claims, features=features)

    def spawn(self) -> Unarmed:
        return type(self)(self.world)


@pytest.mark.parametrize("name", ["talking", "failing", "living"])
def test_unarmed_model_is_killed_between_requests(name: str) -> None:
    trial = run_on_host(PROPERTIES[f"runtime/crash/{name}-framed"], Unarmed())
    assert (trial.remark or "").endswith("deaths, between requests")


def test_kill_at_a_random_moment_is_survived() -> None:
    for which in range(5):
        trial = run_on_host(PROPERTIES["runtime/crash/sampled-cbor"], Unarmed(), share=8, which=which)
        assert trial.remark == "killed at some moments, sampled"


class Spoilt(Unarmed):
    """A model that damages its stores when it dies, as after a partial write."""

    def kill(self) -> None:
        for store in self.world.stores.values():
            if "runtime/agent" in store.references:
                self.spoil(store)
        super().kill()

    def spoil(self, store: Store) -> None:
        """Change the stores that a death leaves."""


def back(store: Store, name: str) -> None:
    """Move a head back by one step."""
    previous = store.look(store.references[name]).previous  # type: ignore[union-attr]
    if previous is not None:
        store.references[name] = previous


class LosesTheLastInjection(Spoilt):
    """A model that did not write the agent's head."""

    def spoil(self, store: Store) -> None:
        back(store, f"heads/{store.references['runtime/agent'].hex()}")


class LosesBoxes(Spoilt):
    """A model that wrote the head of an actor before its outbox."""

    def spoil(self, store: Store) -> None:
        for name, target in store.references.items():
            outbox = store.look(target).outbox if name.startswith("heads/") else None  # type: ignore[union-attr]
            if outbox is not None and name[6:] != store.references["runtime/agent"].hex():
                store.objects.pop(outbox, None)


class LosesAnswers(Spoilt):
    """A model whose actors are all one step behind their answers."""

    def spoil(self, store: Store) -> None:
        for name in store.references:
            if name.startswith("heads/") and name[6:] != store.references["runtime/agent"].hex():
                back(store, name)


class LosesSenders(Spoilt):
    """A model whose most active sender is behind the readers of its messages."""

    def spoil(self, store: Store) -> None:
        heads = [name for name in store.references if name.startswith("heads/")]
        agent = f"heads/{store.references['runtime/agent'].hex()}"
        sent = [name for name in heads if name != agent and store.look(store.references[name]).outbox]  # type: ignore[union-attr]
        for name in sent[:1]:
            for _ in range(9):
                back(store, name)


class LosesMarks(Spoilt):
    """A model that wrote a receipt without its mark."""

    def spoil(self, store: Store) -> None:
        for name in [name for name in store.references if name.startswith("failed/")]:
            del store.references[name]


class KeepsMarks(Spoilt):
    """A model that moved or removed a head without its mark."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.marks: dict[int, dict[str, bytes]] = {}

    def ask(self, op: str, args: dict[str, Json]) -> Any:
        for number, store in enumerate(self.world.stores.values()):
            seen = {name: target for name, target in store.references.items() if name.startswith("failed/")}
            self.marks.setdefault(number, {}).update(seen)
        return super().ask(op, args)

    def spoil(self, store: Store) -> None:
        number = list(self.world.stores.values()).index(store)
        store.references |= self.marks.get(number, {})


class ImportsHalf(Spoilt):
    """A model that did not write one of the imported references."""

    def spoil(self, store: Store) -> None:
        store.references.pop("tags/two", None)


class ForgetsTags(Spoilt):
    """A model that did not write references other than heads and marks."""

    def spoil(self, store: Store) -> None:
        for name in [name for name in store.references if name.startswith("tags/")]:
            del store.references[name]


class BeginsAgain(Unarmed):
    """A model whose start moves actors back to their first step, and makes them read all their mail at once."""

    def _runtime_start(self, store: Store, *args: Any, **rest: Any) -> Any:
        for name in store.references:
            sends = name.startswith("heads/") and store.look(store.references[name]).outbox is not None  # type: ignore[union-attr]
            if sends and name[6:] != store.references["runtime/agent"].hex():
                for _ in range(99):
                    back(store, name)
        return super()._runtime_start(store, *args, **rest)


class ForgetsMail(Unarmed):
    """A model whose starts after the first ignore messages from outside."""

    is_first = True

    def _runtime_start(self, store: Store, *args: Any, **rest: Any) -> Any:
        self.is_first = "runtime/agent" not in store.references
        return super()._runtime_start(store, *args, **rest)

    def _runtime_run(self, started: Any, max_steps: int) -> Any:
        for tips in () if self.is_first else started.runtime.mailroom.tips.values():
            tips.pop(started.runtime.agent.identity, None)
        return super()._runtime_run(started, max_steps)


@pytest.mark.parametrize(
    ("subject", "name", "rule"),
    [
        (LosesTheLastInjection, "talking", "runtime.recover.injection"),
        (LosesBoxes, "talking", "runtime.recover.step"),
        (LosesAnswers, "talking", "runtime.recover.step"),
        (LosesSenders, "talking", "runtime.head.before-route"),
        (LosesMarks, "failing", "runtime.recover.mark"),
        (KeepsMarks, "failing", "runtime.recover.unmark"),
        (KeepsMarks, "living", "runtime.recover.collect"),
        (ImportsHalf, "living", "runtime.recover.collect"),
        (ForgetsTags, "living", "grit.ref.durable"),
        (BeginsAgain, "long-failing", "runtime.recover.continue"),
        (ForgetsMail, "talking", "runtime.recover.mail"),
    ],
)
def test_state_lost_in_a_kill_is_reported(subject: type[ModelHost], name: str, rule: str) -> None:
    prop = PROPERTIES[f"runtime/crash/{name}-cbor"]
    with pytest.raises(Divergence) as caught:
        run_on_host(prop, subject())
    assert caught.value.rule == rule
    assert rule in prop.rules


class Late(ModelHost):
    """A model that dies one write late."""

    def _fault_arm(self, writes: int, when: str) -> Any:
        return super()._fault_arm(writes + 1, when)


class Deaf(ModelHost):
    """A model that never dies."""

    def _fault_arm(self, writes: int, when: str) -> Any:
        return super()._fault_arm(1 << 50, when)


class Confused(ModelHost):
    """A model that dies after the write instead of before it."""

    def _fault_arm(self, writes: int, when: str) -> Any:
        return super()._fault_arm(writes, "after")


class Exiting(ModelHost):
    """A model that exits by itself instead of by SIGKILL."""

    def ask(self, op: str, args: dict[str, Json]) -> Any:
        try:
            return super().ask(op, args)
        except SubjectFault:
            raise SubjectFault("dead:exit-1", "as armed") from None


class Eager(ModelHost):
    """A model that also dies at changes in memory."""

    def _durably(self, name: str, work: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        if name == "m":
            self.writes += 1
        return super()._durably(name, work)


class Miscounting(ModelHost):
    """A model that does not count writes that change only references."""

    def _write(self, store: Store, before: Store) -> None:
        if store.objects != before.objects:
            super()._write(store, before)


class SeesOneStore(ModelHost):
    """A model that counts only writes to its first store."""

    def _durably(self, name: str, work: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        return work() if name == "t" else super()._durably(name, work)


@pytest.mark.parametrize(
    ("subject", "name", "rule"),
    [
        (Late, "exact", "harness.fault.exact"),
        (Deaf, "exact", "harness.fault.exact"),
        (Confused, "exact", "harness.fault.exact"),
        (Exiting, "exact", "harness.fault.exact"),
        (Eager, "counted", "harness.fault.exact"),
        (Miscounting, "counted", "harness.fault.counts-all"),
        (SeesOneStore, "counted", "harness.fault.counts-all"),
        (SeesOneStore, "exact", "harness.fault.counts-all"),
    ],
)
def test_wrongly_armed_process_is_reported(subject: type[ModelHost], name: str, rule: str) -> None:
    class Planted(subject):  # type: ignore[misc, valid-type]
        def spawn(self) -> Any:
            return type(self)(self.world)

    with pytest.raises(Divergence) as caught:
        run_on_host(PROPERTIES[f"harness/fault/{name}-cbor"], Planted())
    assert caught.value.rule == rule


def test_every_script_completes_without_a_kill() -> None:
    for make in scripts.SCRIPTS:
        trial = Trial(host := ModelHost(DurableStores()), "runtime.recover.step", host.spawn)
        ordeal = Ordeal(trial, CBOR, make(CBOR))
        ordeal.rehearse()
        assert (ordeal.writes or 0) > 2
        assert ordeal.points == 0
        trial.finish()


class DiesAtOnce(ModelHost):
    """A model that kills itself at its first write, whatever write was armed."""

    def spawn(self) -> DiesAtOnce:
        return type(self)(self.world)

    def _write(self, store: Store, before: Store) -> None:
        self._armed = None if self._armed is None else (1, "before")
        super()._write(store, before)


@pytest.mark.parametrize("name", ["talking", "failing"])
def test_unrequested_death_is_a_fault_of_the_implementation(name: str) -> None:
    with pytest.raises(SubjectFault) as caught:
        run_on_host(PROPERTIES[f"runtime/crash/{name}-cbor"], DiesAtOnce())
    assert caught.value.is_sigkill


@pytest.mark.rule("suite.bounds.each")
def test_implementation_that_always_dies_is_not_retried_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone_conformance.properties.runtime.kills._MOST_PROCESSES", 20)
    with pytest.raises(Divergence) as caught:
        run_on_host(PROPERTIES["runtime/crash/again-cbor"], DiesAtOnce())
    assert caught.value.rule == "harness.fault.exact"


class DiesWhenArmed(ModelHost):
    """A model that dies at its first write after it is armed, and returns any count."""

    per_write = 1

    def spawn(self) -> DiesWhenArmed:
        return type(self)(self.world)

    def _write(self, store: Store, before: Store) -> None:
        if self._armed is not None and self._armed[0] < NEVER // 2:
            self._armed = (1, self._armed[1])
        super()._write(store, before)

    def _fault_count(self) -> dict[str, Json]:
        return ok(writes=self.per_write * super()._fault_count()["ok"]["writes"])


class CountsWildly(DiesWhenArmed):
    per_write = 1 << 30


@pytest.mark.rule("suite.bounds.each")
def test_death_at_any_armed_write_is_reported_in_bounded_time() -> None:
    with pytest.raises(Divergence) as caught:
        run_on_host(PROPERTIES["runtime/crash/first-cbor"], DiesWhenArmed())
    assert caught.value.rule == "harness.fault.exact"


@pytest.mark.rule("suite.bounds.each")
@pytest.mark.parametrize("name", ["first", "long-talking"])
def test_excessive_write_counts_are_sampled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone_conformance.properties.runtime.kills._MOST_DEATHS", 8)
    trial = run_on_host(PROPERTIES[f"runtime/crash/{name}-cbor"], CountsWildly())
    assert (trial.remark or "").endswith("spread evenly")
