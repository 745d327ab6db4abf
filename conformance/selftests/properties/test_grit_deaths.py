"""Stores that lose data in a kill: each is reported under its rule."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import ModelSubject
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Divergence, Trial
from selftests.properties.model_runs import SMALL, CrashingModel, run_on_model

PROPERTIES = {prop.name: prop for prop in load_properties() if prop.name.startswith("grit/crash/")}
Answer = dict[str, Json]


class Forgetful(ModelSubject):
    """A store that answers before it writes: a kill loses every change since the store was opened."""

    keeps_objects = False

    def __init__(self, **rest: Any) -> None:
        super().__init__(limits=SMALL, **rest)
        self.opened: dict[str, Any] = {}

    def spawn(self) -> Forgetful:
        return type(self)(world=self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> Answer:
        answer = super()._answer(op, args)
        if op == "grit.open" and "dir" in args and "ok" in answer:
            self.opened[args["dir"]] = self.world.stores[args["dir"]].copy()
        return answer

    def kill(self) -> None:
        for directory, before in getattr(self, "opened", {}).items():
            now = self.world.stores[directory]
            if self.keeps_objects:
                before.objects = dict(now.objects)
            self.world.stores[directory] = before
        super().kill()


class ForgetsReferences(Forgetful):
    """A store that writes objects at once and references at the end."""

    keeps_objects = True


class ForgetsPuts(Forgetful):
    """A store that writes references at once and objects at the end."""

    def kill(self) -> None:
        for directory, before in getattr(self, "opened", {}).items():
            before.references = dict(self.world.stores[directory].references)
        super().kill()


class PrunesTooMuch(Forgetful):
    """A store that keeps every change, unless something was pruned: then a kill loses the changes."""

    pruned = False

    def _answer(self, op: str, args: dict[str, Json]) -> Answer:
        self.pruned |= op == "grit.prune"
        return super()._answer(op, args)

    def kill(self) -> None:
        if not self.pruned:
            self.opened.clear()
        super().kill()


class HalvesUpdates(ForgetsReferences):
    """A store that loses one of several references."""

    def kill(self) -> None:
        halves = {directory: dict(self.world.stores[directory].references) for directory in self.opened}
        super().kill()
        for directory, references in halves.items():
            self.world.stores[directory].references = dict(list(references.items())[:1])


class ExportsNothing(Forgetful):
    """A store that keeps every change, and exports empty pieces."""

    def _answer(self, op: str, args: dict[str, Json]) -> Answer:
        answer = super()._answer(op, args)
        return {"ok": {"bytes": "", "cursor": None}} if op == "grit.export" and "ok" in answer else answer

    def kill(self) -> None:
        self.opened.clear()
        super().kill()


@pytest.mark.parametrize(
    ("subject", "rule", "name"),
    [
        (Forgetful, "grit.store.crash", "crash/answered-writes"),
        (ForgetsReferences, "grit.ref.durable", "crash/answered-writes"),
        (HalvesUpdates, "grit.ref.atomic", "crash/answered-writes"),
        (PrunesTooMuch, "grit.prune.safe", "crash/prune"),
        (Forgetful, "grit.ref.durable", "crash/prune"),
        (ExportsNothing, "grit.bundle.bytes", "crash/prune"),
        (Forgetful, "grit.bundle.import-atomic", "crash/import"),
    ],
)
def test_store_that_does_not_survive_a_kill_is_reported(subject: type[Forgetful], rule: str, name: str) -> None:
    prop = PROPERTIES[f"grit/{name}-framed"]
    found = set()
    for share in (16, 32, 64, 8):  # sixteenths of the run time; at the last one, every request has been answered
        process = subject()
        trial = Trial(process, prop.rules[0], process.spawn)
        try:
            prop.body(trial, share=share)
        except Divergence as divergence:
            found.add(divergence.rule)
        finally:
            trial.finish()
    assert rule in found


class Tears(CrashingModel):
    """A model that dies in the middle of a write: the last reference is unchanged and the others are changed."""

    def leave(self, before: dict[str, Store]) -> None:
        for directory, store in before.items():
            now = self.world.stores[directory]
            name = sorted({*now.references, *store.references})[-1]
            now.references = {each: target for each, target in now.references.items() if each != name}
            now.references |= {name: store.references[name]} if name in store.references else {}


class SweepsFirst(CrashingModel):
    """A model that removes all objects before it writes back those to keep."""

    def leave(self, before: dict[str, Store]) -> None:
        for directory in before:
            self.world.stores[directory].objects = {}


@pytest.mark.parametrize(
    ("subject", "rule", "name"),
    [
        (Tears, "grit.ref.atomic", "crash/update-at-each-write"),
        (Tears, "grit.bundle.import-atomic", "crash/import-at-each-write"),
        (SweepsFirst, "grit.prune.safe", "crash/prune-at-each-write"),
        (Forgetful, "grit.ref.durable", "crash/answered-at-last"),
        (ForgetsPuts, "grit.store.crash", "crash/answered-at-last"),
    ],
)
def test_store_that_does_not_survive_a_write_is_reported(subject: type[ModelSubject], rule: str, name: str) -> None:
    prop = PROPERTIES[f"grit/{name}-framed"]
    with pytest.raises(Divergence) as found:
        run_on_model(prop, subject(), 1)
    assert found.value.rule == rule
