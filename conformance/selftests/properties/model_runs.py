"""Runs a few examples of a property on the model; and a model that can be set to die at a given write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.limits import FLOORS, Limits
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores, ModelSubject
from gritstone_conformance.planning.settings import RunSettings, hypothesis_settings
from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.trial import Property, Trial

SMALL = Limits.of(FLOORS)


def run_on_model(
    prop: Property,
    subject: ModelSubject,
    examples: int,
    *,
    seed: int = 1,
    allowed: tuple[type[Exception], ...] = (),
) -> None:
    """Run some examples of a property; raises the first Divergence and each exception that is not ``allowed``."""

    def example(**drawn: Any) -> None:
        trial = Trial(subject, prop.rules[0], subject.spawn)
        try:
            prop.body(trial, **drawn)
        except allowed:
            pass  # caught here, because Hypothesis would rerun a failed example
        finally:
            trial.finish()

    given = prop.given(subject.claims) if callable(prop.given) else prop.given
    if not given:
        example()
        return
    settings = hypothesis.settings(
        parent=hypothesis_settings(prop, RunSettings()), max_examples=examples, phases=(hypothesis.Phase.generate,)
    )
    test: Any = hypothesis.given(**dict(given))(example)
    hypothesis.seed(seed)(settings(test))()


class CrashingModel(ModelSubject):
    """A model that can be set to die at a given write; each request that changes a durable store is one write."""

    changes = frozenset({"grit.put", "grit.cas", "grit.import", "grit.prune"})

    def __init__(self, world: DurableStores | None = None) -> None:
        super().__init__(world, SMALL)
        self.armed: tuple[int, str] = (0, "")

    def spawn(self) -> CrashingModel:
        return type(self)(self.world)

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        return self.ask_many([(op, args)])[0]

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        replies: list[Reply] = []
        for number, (op, args) in enumerate(requests):
            if op == "fault.arm":
                self.armed = (args["writes"], args["when"])
                replies.append(Ok({}))
                continue
            before = {directory: store.copy() for directory, store in self.world.stores.items()}
            replies.append(super().ask(op, args))
            if op in self.changes and self.armed[0]:
                left, when = self.armed
                self.armed = (left - 1, when)
                if left == 1:
                    if when == "before":
                        self.leave(before)
                    self.kill()
                    raise SubjectFault("dead:signal-KILL", "armed", request=number)
        return replies

    def kill(self) -> None:
        self.armed = (0, "")
        super().kill()

    def leave(self, before: dict[str, Store]) -> None:
        """Restore the durable state from before the write."""
        self.world.stores.update(before)
