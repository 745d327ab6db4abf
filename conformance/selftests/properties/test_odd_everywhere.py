"""Every property on a model that sometimes returns another value of a valid shape.

The result is a failure, a fault or a pass: no answer makes the suite itself fail or run without end.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gritstone_conformance.attachment.reply_shapes import shape_problem
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import REFUSAL_CLASSES, Json, Ok, Refused, Reply, Trouble, Unsupported, WrongShape
from gritstone_conformance.trial import Divergence, Property
from selftests.properties.model_runs import run_on_model

pytestmark = pytest.mark.nightly
LONG = ("grit/scale/", "grit/depth/", "wasm/everywhere/")
FEATURES, PROFILES = (set(claimed) for claimed in (GuestHost().claims.features, GuestHost().claims.profiles))
PROPERTIES = [
    prop
    for prop in load_properties()
    if prop.kind != "wire" and not prop.name.startswith(("harness/", *LONG))
    if set(prop.requires.features) <= FEATURES and set(prop.requires.profiles) <= PROFILES
]
TEXTS: tuple[Json, ...] = ("", "zz", "Zw", "AAAA", "heads/zz", "failed/" + "0" * 64, None)


class Odd(GuestHost):
    """A model that answers a share of all requests wrongly."""

    source: random.Random
    share = 0.0

    def spawn(self) -> Odd:
        other = type(self)(self.world, self.limits, self.seed + 1)
        other.source, other.share = self.source, self.share
        return other

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        reply = super().ask(op, args)
        if self.source.random() >= self.share:
            return reply
        if not isinstance(reply, Ok):
            return Ok({}) if shape_problem(op, {}) is None else reply
        others: tuple[Reply, ...] = (Trouble("odd"), Unsupported("odd"), *map(Refused, REFUSAL_CLASSES))
        if self.source.random() < 0.1:
            return self.source.choice(others)
        value = self.odd(reply.value)
        problem = shape_problem(op, value)
        return Ok(value) if problem is None else WrongShape(value, problem.path, problem.expected, problem.got)

    def odd(self, value: Json) -> Any:
        """Return a value with one place changed."""
        draw = self.source
        if isinstance(value, dict) and value:
            name = draw.choice(list(value))
            return {**value, name: self.odd(value[name])}
        if isinstance(value, list) and value:
            at = draw.randrange(len(value))
            changed = [*value[:at], self.odd(value[at]), *value[at + 1 :]]
            return draw.choice([[], value[::-1], [*value, value[0]], value[1:], changed])
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return draw.choice([0, 1, value + 1, 1 << 40])
        if isinstance(value, str) and len(value) == 64:
            return draw.choice(["0" * 64, "f" * 64])
        return draw.choice([*TEXTS, value[: len(value) // 8 * 4]]) if isinstance(value, str) else draw.choice(TEXTS)


@contextmanager
def ending_within(seconds: int) -> Iterator[None]:
    """Fail if the block does not end in time."""

    def fail(*_: object) -> None:
        pytest.fail(f"it did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.rule("suite.verdict.own-fault", "suite.bounds.each", slow=True)
@pytest.mark.parametrize("share", [0.005, 0.05, 0.4])
@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_no_answer_causes_an_error_of_the_suite(prop: Property, share: float) -> None:
    subject = Odd()
    subject.source, subject.share = random.Random(f"{prop.name} {share}"), share
    with ending_within(120):
        run_on_model(prop, subject, 1, seed=subject.source.getrandbits(32), allowed=(Divergence, SubjectFault))
