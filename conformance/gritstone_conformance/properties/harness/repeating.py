"""Repeating: what a process happens to find around itself is in no answer to a request that no clock has a say in."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from gritstone_conformance.attachment.conditions import with_hash_seed
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.judge import expectation_of
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.harness.probe import DONE, process_of
from gritstone_conformance.properties.harness.samples import every_request, opening
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.strategies.scenarios import SCENARIO_TAPE, Scenario, build
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES", "is_time_free"]

_SCENARIOS: Final = 4
_CHOICES: Final = 24
_ANY: Final[dict[str, Json]] = {"any": []}


def is_time_free(op: str, args: dict[str, Json]) -> bool:
    """Return whether neither a clock, nor a free schedule, nor fresh entropy has a say in the answer to a request.

    A request on a runtime depends on how the runtime was started; here only the start itself shows that.

    Spec: :rule:`harness.reply.repeatable`.
    """
    match op:
        case "runtime.start":
            return (args.get("schedule"), args.get("clock")) == ("chosen", "suite")
        case "wit.step" | "wit.admit" | "wit.query":
            return "transition_ms" not in args
        case "wasm.fork":
            return args.get("entropy") != "fresh"
    return True


def repeatable(trial: Trial) -> None:
    """Two processes of one command, under other hash seeds, answer the same time-free requests alike."""
    usual = trial.spawn()
    here = process_of(trial.subject)
    assert isinstance(here.opener, Command)  # what was attached cannot be spawned
    first = _requests(trial)
    wanted = [expectation_of(reply) for reply in usual.ask_many([(op, args) for op, args, *_ in first])]
    second = [
        (op, args, seen if expect is _ANY else expect)
        for (op, args, expect, *_), seen in zip(_requests(trial), wanted, strict=True)
    ]
    for seed in (0, 1):
        other = Subject(with_hash_seed(here.opener, seed), replace(here.settings, trace=None))
        try:
            trial.expect_many(second, on=other)
        finally:
            other.close()


def _requests(trial: Trial) -> list[Asked]:
    """Return the requests, with directories of their own; ``_ANY`` stands where only the first answer is known."""
    hello = process_of(trial.subject).settings.hello_args()
    listed = every_request(trial.claims, hello, trial.directory(), trial.path())
    asked: list[Asked] = [(op, args, _ANY) for op, args in listed if _is_asked(op, args)]
    if "grit" in trial.claims.profiles:
        for name in trial.claims.formats:
            if name in FORMATS:
                asked += _busy_store(FORMATS[name])
    if _is_chosen(trial.claims):
        for fmt in (FORMATS[name] for name in trial.claims.formats if name in FORMATS):
            asked += [each for number in range(_SCENARIOS) for each in _scenario(fmt, number)]
    return asked


def _is_asked(op: str, args: dict[str, Json]) -> bool:
    return is_time_free(op, args) and not op.startswith(("runtime.", "fault."))


def _is_chosen(claims: Claims) -> bool:
    return "runtime" in claims.profiles and {"schedule", "clock"} <= set(claims.features)


def _busy_store(fmt: Format) -> list[Asked]:
    """Return the life of a store with many objects and references: what comes in lists has an order to lose."""
    store: dict[str, Json] = {"store": "many"}
    graph = build(_tape(0), fmt).graph
    ids = [identity.hex() for identity in graph.encodings]
    changes = [{"name": f"tags/{identity[:8]}", "old": None, "new": identity} for identity in ids]
    return [
        (*opening("many", fmt), DONE),
        *_puts("many", graph.encodings),
        *(("grit.cas", {**store, "changes": [change]}, DONE) for change in changes),
        ("grit.refs", {**store, "prefix": "", "after": None, "limit": 1_000}, _ANY),
        ("grit.has", {**store, "ids": ids[::-1]}, _ANY),
        ("grit.export", {**store, "cursor": None}, _ANY),
        ("grit.close", store, DONE),
    ]


def _scenario(fmt: Format, number: int) -> list[Asked]:
    """Return a scenario on a runtime whose schedule and clock are the suite's."""
    scenario: Scenario = build(_tape(number), fmt, asks=False)
    terms = StartOptions(schedule="chosen", clock="suite", config=Config(10, 40, scenario.max_attempts))
    of: dict[str, Json] = {"runtime": "life"}
    injected: list[Asked] = [
        (
            "runtime.inject",
            {
                **of,
                "to": each.to.hex(),
                "headers": [[*pair] for pair in each.headers],
                "content": each.content.hex(),
                "mode": each.mode,
            },
            _ANY,
        )
        for each in scenario.injections
    ]
    chosen: list[Asked] = []
    for choice in range(_CHOICES):
        chosen += [("runtime.ready", of, _ANY), ("runtime.choose", {**of, "choice": choice}, _ANY)]
    return [
        (*opening("live", fmt), DONE),
        *_puts("live", scenario.graph.encodings),
        ("runtime.start", start_args(terms, "live", "life"), _ANY),
        *injected,
        *chosen,
        ("runtime.time", {**of, "now_ms": "1000"}, _ANY),
        *chosen,
        ("runtime.mail", of, _ANY),
        ("runtime.stop", {**of, "how": "now"}, _ANY),
        ("grit.refs", {"store": "live", "prefix": "", "after": None, "limit": 1_000}, _ANY),
        ("grit.export", {"store": "live", "cursor": None}, _ANY),
        ("grit.close", {"store": "live"}, DONE),
    ]


def _puts(store: str, encodings: dict[bytes, bytes]) -> list[Asked]:
    return [
        ("grit.put", {"store": store, "bytes": to_base64(data)}, {"ok": {"id": identity.hex()}})
        for identity, data in encodings.items()
    ]


def _tape(number: int) -> Tape:
    """Return decisions that are always the same."""
    blocks = (hashlib.sha256(b"repeat %d %d" % (number, block)).digest() for block in range(SCENARIO_TAPE // 32 + 1))
    return Tape(b"".join(blocks)[:SCENARIO_TAPE])


PROPERTIES = (Property("harness/reply/repeatable", ("harness.reply.repeatable",), repeatable, kind="wire", cost=400),)
