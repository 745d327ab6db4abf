"""Scripts: requests to one store with a runtime, one by one, while its process is killed.

A script is plain data. What it begins with is made by the model and imported from one bundle, so that only its own
requests are written one by one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.choices import run_freely
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Headers, Tree, to_base64
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Scenario, Stage

__all__ = [
    "SCRIPTS",
    "Script",
    "ScriptStep",
    "asking",
    "failing",
    "fanning",
    "living",
    "marking",
    "of_scenario",
    "releasing",
    "talking",
    "updating",
]

_GENESIS: Final[Headers] = (("mt", "genesis"),)
_UPDATE: Final[Headers] = (("mt", "update"),)


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One request of a script.

    Attributes:
        word: ``start``, ``inject``, ``run``, ``look`` (list the references), ``ask`` (an actor), ``collect``,
            ``release``, ``cut``, ``prune`` or ``import``.
        injection: what ``inject`` sends.
        args: further arguments of the request.
    """

    word: str
    injection: Injection | None = None
    args: tuple[tuple[str, Json], ...] = ()


_RUN: Final = ScriptStep("run")
_LOOK: Final = ScriptStep("look")
_START: Final = ScriptStep("start")


@dataclass(frozen=True, slots=True)
class Script:
    """A script.

    Attributes:
        bundle: what the store holds before.
        acts: the requests, in order.
        max_attempts: failures until an actor is marked.
        mortals: actors that ``collect`` removes.
        imported: the references that ``import`` brings.
        found: for some faults, the rule that is violated where a death left them.
        is_whole: whether nothing of its history has to be believed.
    """

    bundle: bytes
    acts: tuple[ScriptStep, ...]
    max_attempts: int = 2
    mortals: frozenset[bytes] = frozenset()
    imported: frozenset[str] = frozenset()
    found: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = True


def _inject(to: bytes, content: bytes, headers: Headers = (), mode: str = "queue") -> ScriptStep:
    return ScriptStep("inject", Injection(to, headers, content, mode))


def _ask(actor: bytes) -> ScriptStep:
    return ScriptStep("ask", args=(("actor", actor.hex()), ("name", "get"), ("args", to_base64(b"log"))))


def _genesis(*cores: bytes) -> tuple[ScriptStep, ...]:
    return tuple(_inject(core, core, _GENESIS) for core in cores)


def _bundle(graph: Graph, *acts: ScriptStep, max_attempts: int = 2) -> bytes:
    """Return the bundle of a store that holds all objects of a graph, and on which the model did some acts."""
    store = Store(graph.format)
    kit = graph.add(Tree(tuple((f"{number:04x}", each) for number, each in enumerate(graph.of_kind("tree", "blob")))))
    graph.fill(store)
    store.references["tags/kit"] = kit
    if acts:
        runtime = start(store, "test", Config(1, 2, max_attempts))
        for act in acts:
            if act.injection is not None:
                each = act.injection
                runtime.agent.inject(each.to, each.headers, each.content, each.mode)
            else:
                run_freely(runtime, random.Random(1))
    return store.export()


def talking(fmt: Format, rounds: int = 1) -> Script:
    """Return a script of two actors: they begin, and send each other messages; one also gets a signal."""
    stage = Stage(Graph(fmt))
    one, other = stage.core(b"one"), stage.core(b"other")
    talk = stage.program(programs.append("log", b"t") + programs.send(0, 1), other, stage.program(programs.bounce(2)))
    last = stage.program(programs.append("log", b"s") + programs.send(programs.ACTOR, 0), stage.program(b""))
    bundle = _bundle(stage.graph)
    signal = _inject(one, last, (), "signal")
    acts: list[ScriptStep] = [_START, *_genesis(one, other), _inject(one, talk), _RUN, _ask(one), _ask(other), _LOOK]
    for number in range(1, rounds):
        acts += [signal, _RUN] if number == rounds - 1 else [_inject(one, talk), _inject(other, talk), _RUN, _LOOK]
    return Script(bundle, tuple(acts))


def failing(fmt: Format, rounds: int = 1) -> Script:
    """Return a script in which an actor fails at a message of another, is marked, and is healed by an update."""
    stage = Stage(Graph(fmt))
    broken = stage.tree(job=stage.program(programs.fail()))
    receipt = stage.tree(receipt=stage.program(programs.append("log", b"r")))
    worker, boss = stage.core(b"worker", on=broken), stage.core(b"boss", on=receipt)
    ask = stage.program(programs.send(0, 1, "job"), worker, stage.blob(b"work"))
    fixed = stage.tree(on=stage.tree(job=stage.program(programs.append("log", b"w"))))
    spoilt = stage.tree(on=stage.tree(job=stage.program(programs.try_again(9))))
    acts: list[ScriptStep] = []
    for number in range(rounds):
        if number:
            acts += [_inject(worker, spoilt, _UPDATE), _RUN]
        acts += [_inject(boss, ask), _RUN, _LOOK, _inject(worker, fixed, _UPDATE), _RUN, _LOOK]
    return Script(_bundle(stage.graph, *_genesis(worker, boss), _RUN), (_START, *acts))


def living(fmt: Format) -> Script:
    """Return a script that imports, collects actors that are no longer held, one of them marked, and prunes."""
    stage = Stage(Graph(fmt))
    creator = stage.core(b"creator")
    mortals = [stage.core(b"mortal %d" % number) for number in range(3)]
    born = b"".join(programs.send(number, number, "genesis") for number in range(3))
    free = b"".join(programs.release(number) for number in range(3))
    bad = stage.program(programs.fail())
    before = (
        *_genesis(creator),
        _inject(creator, stage.program(born, *mortals)),
        _RUN,
        _inject(creator, stage.program(programs.send(0, 1), mortals[0], bad)),
        _RUN,
        _inject(creator, stage.program(free, *mortals)),
        _RUN,
    )
    bundle = _bundle(stage.graph, *before, max_attempts=1)
    other = Graph(fmt)
    leaf = other.add(Blob((), b"imported"))
    other.references = {"tags/one": other.add(Tree((("leaf", leaf),))), "tags/two": leaf, "x/three": leaf}
    brought = ScriptStep("import", args=(("bytes", to_base64(other.bundle())), ("more", False)))
    acts = (_START, _LOOK, brought, _LOOK, ScriptStep("collect"), ScriptStep("prune"), _LOOK)
    return Script(bundle, acts, 1, frozenset(mortals), frozenset(other.references), is_whole=False)


def fanning(fmt: Format, width: int = 4) -> Script:
    """Return a script of a hub that creates workers, signals each, and gets a message from each."""
    stage = Stage(Graph(fmt))
    hub, workers = stage.core(b"hub"), [stage.core(b"worker %d" % number) for number in range(width)]
    back = stage.program(programs.append("log", b"b"))
    reply = stage.program(programs.send(programs.SENDER, 0) + programs.send(programs.SENDER, 0, "now", b"s"), back)
    fan = b"".join(programs.send(at, at, "genesis") + programs.send(at, width) for at in range(width))
    spread = _inject(hub, stage.program(fan, *workers, reply))
    acts = (_START, *_genesis(hub), spread, _RUN, _LOOK, spread, spread, _RUN, _LOOK)
    return Script(_bundle(stage.graph), acts)


def updating(fmt: Format, rounds: int = 3) -> Script:
    """Return a script of an actor that fails several times before it goes on, and is updated meanwhile."""
    stage = Stage(Graph(fmt))
    actor = stage.core(b"actor")
    slow = stage.program(programs.try_again(2) + programs.append("log", b"s"))
    plain = stage.program(programs.append("log", b"p") + programs.send(programs.ACTOR, 0), stage.program(b""))
    bundle_of = [stage.tree(k=stage.blob(b"k%d" % number)) for number in range(rounds)]
    acts: list[ScriptStep] = [_START, *_genesis(actor)]
    for update in bundle_of:
        acts += [_inject(actor, slow), _inject(actor, plain), _RUN, _LOOK, _inject(actor, update, _UPDATE), _RUN]
    return Script(_bundle(stage.graph), tuple(acts), 4)


def asking(fmt: Format) -> Script:
    """Return a script of an actor that queries another for a value that a step of the same commit may have written."""
    stage = Stage(Graph(fmt))
    asked, asker = stage.core(b"asked"), stage.core(b"asker")
    note = stage.program(programs.append("log", b"n"))
    ask = stage.program(programs.query(0, "get", 1, "got"), asked, stage.blob(b"log"))
    bundle = _bundle(stage.graph, *_genesis(asked, asker), _RUN, _inject(asked, note), _inject(asker, ask))
    return Script(bundle, (_START, _RUN, _LOOK), found={"recompute": "runtime.head.asked"})


def marking(fmt: Format) -> Script:
    """Return a script of an actor that is marked for a message that a step of the same commit may have sent."""
    stage = Stage(Graph(fmt))
    boss, worker = stage.core(b"boss"), stage.core(b"worker")
    say = stage.program(programs.send(0, 1), worker, stage.program(programs.fail()))
    bundle = _bundle(stage.graph, *_genesis(boss, worker), _RUN, _inject(boss, say), max_attempts=1)
    return Script(bundle, (_START, _RUN, _LOOK), 1, found={"mark": "runtime.fail.sent"})


def releasing(fmt: Format) -> Script:
    """Return a script that releases actors, signals them again, cuts the agent's chain and prunes."""
    stage = Stage(Graph(fmt))
    one, other = stage.core(b"one"), stage.core(b"other")
    talk = stage.program(programs.append("log", b"t"))
    messages = (_inject(one, talk), _inject(other, talk), _RUN)
    released = ScriptStep("release", args=(("actors", [one.hex(), other.hex()]),))
    cut = ScriptStep("cut")
    acts = (
        _START,
        *_genesis(one, other),
        *messages,
        released,
        *messages,
        released,
        cut,
        ScriptStep("prune"),
        *messages,
        cut,
        released,
    )
    return Script(_bundle(stage.graph), (*acts, ScriptStep("prune"), *messages), is_whole=False)


def of_scenario(scenario: Scenario) -> Script:
    """Return the script that sends everything of a scenario, with its pauses."""
    acts: list[ScriptStep] = [_START]
    for number, injection in enumerate(scenario.injections):
        acts += [ScriptStep("inject", injection), *([_RUN] if number in scenario.pauses else [])]
    return Script(_bundle(scenario.graph), (*acts, _RUN), scenario.max_attempts)


SCRIPTS: Final = (talking, failing, living, fanning, updating, asking, marking, releasing)
"""Returns a script for a format."""
