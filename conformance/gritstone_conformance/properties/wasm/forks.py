"""Forks: the first core of an actor that resumes from the state of another one, and the scenarios of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, missing, ok
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.properties.runtime.double import GENESIS
from gritstone_conformance.properties.wasm.doubles import KEEPS, PUPPET_GRANTS, GuestDouble, move_references
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_NEW: Final = 5  # objects that a fork may add
_MOST_N: Final = (1 << 53) - 1
_KEY: Final = bytes(range(32))


_FORKS: Final = (
    *((0, "fresh"), (0, "replay"), (1, "fresh"), (2**31, "fresh"), (2**32 + 1, "fresh")),
    *((_MOST_N, "fresh"), (_MOST_N, "replay"), (0, "fresh")),
)
"""Numbers and entropies of the forks of one step; the numbers cross the sizes of words."""


def _fork(house: GuestDouble, step: bytes, number: int = 0, entropy: str = "fresh") -> bytes | None:
    """Ask for the first core of a fork; returns it, or None where that is refused."""
    house.fill()
    shelf = Shelf.over(house.pair.model)
    core: bytes | None = None
    try:
        core = fork_core(shelf, step, number, entropy)
        shelf.flush(house.pair.model)
        expect = ok(core=core.hex())
    except Refusal as refusal:
        expect = refusal.expectation()
    except Failure as failure:
        expect = failure.refusal().expectation()
    args: dict[str, Json] = {"store": "s", "step": step.hex(), "n": number, "entropy": entropy}
    house.ask_plainly("wasm.fork", args, expect, house.rule)
    house.model.mailroom.reload()
    return core


def _head(house: GuestDouble, actor: bytes) -> bytes:
    house.run(rule=house.rule)
    return house.pair.model.references[f"heads/{actor.hex()}"]


def _bear(house: GuestDouble, core: bytes | None) -> bytes:
    """Start a fork."""
    assert core is not None, "the model forks it"
    house.inject(core, core, headers=GENESIS, rule=house.rule)
    house.run(rule=house.rule)
    return core


def exact(trial: Trial, fmt: Format) -> None:
    """A fork has the core of the text: the same for the same step, number and entropy, another for others."""
    house = GuestDouble(trial, fmt, "wasm.fork.exact")
    random = {"random": _KEY, "clock": {"start": 7, "tick": 3}}
    for number, manifest in enumerate(
        (None, {}, KEEPS, random, {**KEEPS, **random, "tank": 1 << 40}, {"tank": 50_000}, {"random": bytes(32)})
    ):
        module = "random" if manifest and "clock" in manifest else "counter"
        actor = house.guest(b"a%d" % number, module, manifest)
        house.ask_guest(actor, b"\3\5")
        step = _head(house, actor)
        for n, entropy in _FORKS:
            fork = _fork(house, step, n, entropy)
        for _ in range(2):
            again = _bear(house, fork)
            house.ask_guest(again, b"\2")
            fork = _fork(house, _head(house, again), 2)
    actor = house.guest(b"less", "random", {**random, "tank": 1 << 40})
    house.ask_guest(actor, b"\3")
    for less in ({"clock": random["clock"], "tank": 1}, {"tank": 1 << 41}, {**random}):
        house.change(actor, wasm=house.manifest(less))
        _fork(house, _head(house, actor), 3)
    plain = house.guest(b"granted later", "counter")
    house.change(plain, wasm=house.manifest({**random, "tank": 9}))
    _fork(house, _head(house, plain), 4)
    house.tell(actor, house.stage.blob(b"clean"), "cleanup", rule=house.rule)
    _fork(house, _head(house, actor), 5)
    house.compare()


def refused(trial: Trial, fmt: Format) -> None:
    """A step of no Wasm actor, and an invalid manifest or state, are not forked."""
    house = GuestDouble(trial, fmt, "wasm.fork.exact")
    stage = house.stage
    plain = stage.core(b"plain", b"external:absent")
    actor = house.guest(b"a", "counter", {"tank": 1 << 30})
    step = _head(house, actor)
    for one in (
        actor,
        stage.blob(b"blob"),
        plain,
        house.agent,
        house.pair.model.references["heads/" + house.agent.hex()],
    ):
        _fork(house, one)
    house.ask_plainly(
        "wasm.fork",
        {"store": "s", "step": bytes(31).hex() + "01", "n": 0, "entropy": "fresh"},
        Refusal([missing(house.rule, "no such step")]).expectation(),
        house.rule,
    )
    house.change(actor, wasm=stage.tree(manifest=stage.blob(b"none", ("ct", "cbor"))))
    _fork(house, _head(house, actor))
    _fork(house, step)
    house.compare()


def few(trial: Trial, fmt: Format) -> None:
    """A fork adds at most five objects, however large the memory is."""
    rule = "wasm.fork.exact"
    house = GuestDouble(trial, fmt, rule)
    actor = house.guest(b"a", "grow", {"image": True, "pages": 64, "random": _KEY, "tank": 1 << 40, "fuel": 1 << 30})
    house.ask_guest(actor, b"\x30")
    step = _head(house, actor)
    house.prune()
    for entropy in ("fresh", "replay"):
        _fork(house, step, 9, entropy)
        house.play()
        house.pair.model.prune([])
        args: dict[str, Json] = {"store": "s", "pins": []}
        removed = trial.expect("grit.prune", args, ok(removed={"$": "any"}), rule=rule)["removed"]
        if removed > _MOST_NEW:
            trial.fail(f"at most {_MOST_NEW}", removed, words="a fork adds more objects than it needs", rule=rule)


def apart(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A parent and its forks go on as each would alone, in whatever order they run; the first step runs no code."""
    house = GuestDouble(trial, fmt, "wasm.fork.apart")
    manifest = {"image": True, "pages": 4, "random": _KEY, "clock": {"start": 0, "tick": 1}}
    family = [house.guest(b"a", "random", manifest)]
    for number in range(tape.within(4, 10)):
        actor = tape.pick(family)
        match tape.below(4):
            case 0:
                entropy = tape.pick(("fresh", "replay"))
                family.append(_bear(house, _fork(house, _head(house, actor), number, entropy)))
            case 1:
                house.change(actor, k=house.stage.blob(bytes((tape.below(256),))))
            case _:
                house.ask_guest(actor, bytes(tape.below(40) for _ in range(tape.within(1, 3))))
    house.compare()


def born_still(trial: Trial, fmt: Format) -> None:
    """The first step of a fork has its core unchanged, reads its genesis message alone and sends nothing."""
    house = GuestDouble(trial, fmt, "wasm.fork.no-run")
    stage = house.stage
    known: tuple[tuple[str, Mapping[str, Any]], ...] = (("counter", KEEPS), ("effects", {"send": "any"}))
    for number, (module, manifest) in enumerate(known):
        actor = house.guest(b"a%d" % number, module, manifest)
        house.ask_guest(actor, b"r")
        fork = _bear(house, _fork(house, _head(house, actor)))
        house.ask_guest(fork, b"r")
    for number, wasm in enumerate(
        (
            {"fork": stage.tree(x=stage.blob(b""))},
            {"fork": stage.blob(b"")},
            {"fork": stage.blob(b""), "manifest": stage.blob(b"none")},
        )
    ):
        house.guest(b"by hand %d" % number, "counter", wasm=wasm)
        house.guest(b"no module %d" % number, b"none", wasm=wasm)
    plain = stage.core(b"plain", b"external:absent", wasm=stage.tree(fork=stage.blob(b"")))
    house.inject(plain, plain, headers=GENESIS, rule=house.rule)
    house.run(rule=house.rule)
    house.compare()


def empty_tank(trial: Trial, fmt: Format) -> None:
    """A fork has nothing in its tank until an update raises it; one without a tank runs at once."""
    house = GuestDouble(trial, fmt, "wasm.fork.fuel")
    for number, tank in enumerate((20_000, 1 << 40, None)):
        members = {"image": True, "pages": 4} | ({} if tank is None else {"tank": tank})
        actor = house.guest(b"a%d" % number, "counter", members)
        house.ask_guest(actor, b"")
        fork = _bear(house, _fork(house, _head(house, actor), number))
        house.ask_guest(fork, b"")
        house.ask_guest(actor, b"")
        if tank is not None:
            house.change(fork, wasm=house.manifest({**members, "tank": tank + 10_000}))
            for _ in range(3):
                house.ask_guest(fork, b"", "signal")
    house.compare()


def suspended(trial: Trial, fmt: Format) -> None:
    """A fork of a suspended call goes on behind its ``wait``, and so does its parent, each on its own."""
    house = GuestDouble(trial, fmt, "wasm.fork.apart")
    actor = house.guest(b"a", "waiter", {"image": True, "pages": 8})
    house.ask_guest(actor, b"\7\3")
    fork = _bear(house, _fork(house, _head(house, actor)))
    for one in (fork, actor, fork, actor, actor, fork):
        house.ask_guest(one, b"")
    house.compare()


def updating(trial: Trial, fmt: Format) -> None:
    """A fork updates guests and no actor of the host, like its parent, also where the receiver is away."""
    house = GuestDouble(trial, fmt, "wasm.grant.update-guests")
    stage = house.stage
    host = stage.tree(wit=stage.blob(b"external:puppet/1", ("ct", "s")), title=stage.blob(b"host"))
    house.inject(host, host, headers=GENESIS, rule=house.rule)
    house.run(rule=house.rule)
    friend = house.guest(b"friend", "counter", {**KEEPS, "update": "any"})
    parent = house.guest(b"parent", "puppet", PUPPET_GRANTS)
    house.tell(parent, stage.program(programs.append("log", b"x")), rule=house.rule)
    fork = _bear(house, _fork(house, _head(house, parent), 2**32))
    update = stage.tree(k=stage.blob(b"v"))
    for space, sender in (("", parent), ("", fork), ("closed", fork), ("moved", fork), ("archived", parent)):
        names = [f"{space}/{each.hex()}" for each in (host, friend)] if space else []
        if names:
            move_references(house, *((name, update) for name in names))
        for to in (host, friend):
            program = stage.program(programs.send(0, 1, "update"), to, update)
            house.tell(sender, program, mode="signal", rule=house.rule)
            house.change(sender, note=stage.blob(b"%s %d" % (space.encode(), to == host)))
            house.refs(rule=house.rule)
        if names:
            move_references(house, *((name, None) for name in names))
        house.run(rule=house.rule)
    house.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/fork/exact", exact, "wasm.fork.exact", features=()),
    *in_each_format("wasm/fork/refused", refused, "wasm.fork.exact", features=()),
    *in_each_format("wasm/fork/few", few, "wasm.fork.exact", features=()),
    *in_each_format(
        "wasm/fork/apart",
        apart,
        "wasm.fork.apart",
        features=(),
        reach={"wasm.fork accepted": 0.25},
        given=tape(60),
        examples=8,
    ),
    *in_each_format("wasm/fork/born-still", born_still, "wasm.fork.no-run", features=()),
    *in_each_format("wasm/fork/tank", empty_tank, "wasm.fork.fuel", features=()),
    *in_each_format("wasm/fork/updating", updating, "wasm.grant.update-guests", features=("external",)),
    *in_each_format("wasm/fork/suspended", suspended, "wasm.fork.apart", features=("wasm.continuation",)),
)
