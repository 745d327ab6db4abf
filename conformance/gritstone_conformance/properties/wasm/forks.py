"""Forks: the first core of an actor that resumes from the state of another one, and the scenarios of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, missing, ok
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wasm.guest_lockstep import (
    KEEPS,
    PUPPET_GRANTS,
    GuestLockstepModel,
    move_references,
)
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


def _fork(lockstep: GuestLockstepModel, step: bytes, number: int = 0, entropy: str = "fresh") -> bytes | None:
    """Ask for the first core of a fork; returns it, or None where that is refused."""
    lockstep.fill()
    shelf = Shelf.over(lockstep.pair.model)
    core: bytes | None = None
    try:
        core = fork_core(shelf, step, number, entropy)
        shelf.flush(lockstep.pair.model)
        expect = ok(core=core.hex())
    except Refusal as refusal:
        expect = refusal.expectation()
    except Failure as failure:
        expect = failure.refusal().expectation()
    args: dict[str, Json] = {"store": "s", "step": step.hex(), "n": number, "entropy": entropy}
    lockstep.ask_plainly("wasm.fork", args, expect, lockstep.rule)
    lockstep.model.mailroom.reload()
    return core


def _head(lockstep: GuestLockstepModel, actor: bytes) -> bytes:
    lockstep.run(rule=lockstep.rule)
    return lockstep.pair.model.references[f"heads/{actor.hex()}"]


def _bear(lockstep: GuestLockstepModel, core: bytes | None) -> bytes:
    """Start a fork."""
    assert core is not None, "the model forks it"
    lockstep.inject(core, core, headers=GENESIS, rule=lockstep.rule)
    lockstep.run(rule=lockstep.rule)
    return core


def core_of_a_fork(trial: Trial, fmt: Format) -> None:
    """A fork has the core of the text: the same for the same step, number and entropy, another for others."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.exact")
    random = {"random": _KEY, "clock": {"start": 7, "tick": 3}}
    for number, manifest in enumerate(
        (None, {}, KEEPS, random, {**KEEPS, **random, "tank": 1 << 40}, {"tank": 50_000}, {"random": bytes(32)})
    ):
        module = "random" if manifest and "clock" in manifest else "counter"
        actor = lockstep.guest(b"a%d" % number, module, manifest)
        lockstep.ask_guest(actor, b"\3\5")
        step = _head(lockstep, actor)
        for n, entropy in _FORKS:
            fork = _fork(lockstep, step, n, entropy)
        for _ in range(2):
            again = _bear(lockstep, fork)
            lockstep.ask_guest(again, b"\2")
            fork = _fork(lockstep, _head(lockstep, again), 2)
    actor = lockstep.guest(b"less", "random", {**random, "tank": 1 << 40})
    lockstep.ask_guest(actor, b"\3")
    for less in ({"clock": random["clock"], "tank": 1}, {"tank": 1 << 41}, {**random}):
        lockstep.change(actor, wasm=lockstep.manifest(less))
        _fork(lockstep, _head(lockstep, actor), 3)
    plain = lockstep.guest(b"granted later", "counter")
    lockstep.change(plain, wasm=lockstep.manifest({**random, "tank": 9}))
    _fork(lockstep, _head(lockstep, plain), 4)
    lockstep.tell(actor, lockstep.stage.blob(b"clean"), "cleanup", rule=lockstep.rule)
    _fork(lockstep, _head(lockstep, actor), 5)
    lockstep.compare()


def refused(trial: Trial, fmt: Format) -> None:
    """A step of no Wasm actor, and an invalid manifest or state, are not forked."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.refused")
    stage = lockstep.stage
    plain = stage.core(b"plain", b"external:absent")
    actor = lockstep.guest(b"a", "counter", {"tank": 1 << 30})
    step = _head(lockstep, actor)
    for one in (
        actor,
        stage.blob(b"blob"),
        plain,
        lockstep.agent,
        lockstep.pair.model.references["heads/" + lockstep.agent.hex()],
    ):
        _fork(lockstep, one)
    lockstep.ask_plainly(
        "wasm.fork",
        {"store": "s", "step": bytes(31).hex() + "01", "n": 0, "entropy": "fresh"},
        Refusal([missing(lockstep.rule, "no such step")]).expectation(),
        lockstep.rule,
    )
    lockstep.change(actor, wasm=stage.tree(manifest=stage.blob(b"none", ("ct", "cbor"))))
    _fork(lockstep, _head(lockstep, actor))
    _fork(lockstep, step)
    lockstep.compare()


def few_objects_added(trial: Trial, fmt: Format) -> None:
    """A fork adds at most five objects, however large the memory is."""
    rule = "wasm.fork.exact"
    lockstep = GuestLockstepModel(trial, fmt, rule)
    actor = lockstep.guest(b"a", "grow", {"image": True, "pages": 64, "random": _KEY, "tank": 1 << 40, "fuel": 1 << 30})
    lockstep.ask_guest(actor, b"\x30")
    step = _head(lockstep, actor)
    lockstep.prune()
    for entropy in ("fresh", "replay"):
        _fork(lockstep, step, 9, entropy)
        lockstep.flush()
        lockstep.pair.model.prune([])
        args: dict[str, Json] = {"store": "s", "pins": []}
        removed = trial.expect("grit.prune", args, ok(removed={"$": "any"}), rule=rule)["removed"]
        if removed > _MOST_NEW:
            trial.fail(f"at most {_MOST_NEW}", removed, words="a fork adds more objects than it needs", rule=rule)


def forks_are_independent(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A parent and its forks go on as each would alone, in whatever order they run; the first step runs no code."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.apart")
    manifest = {"image": True, "pages": 4, "random": _KEY, "clock": {"start": 0, "tick": 1}}
    family = [lockstep.guest(b"a", "random", manifest)]
    for number in range(tape.within(4, 10)):
        actor = tape.pick(family)
        match tape.below(4):
            case 0:
                entropy = tape.pick(("fresh", "replay"))
                family.append(_bear(lockstep, _fork(lockstep, _head(lockstep, actor), number, entropy)))
            case 1:
                lockstep.change(actor, k=lockstep.stage.blob(bytes((tape.below(256),))))
            case _:
                lockstep.ask_guest(actor, bytes(tape.below(40) for _ in range(tape.within(1, 3))))
    lockstep.compare()


def first_step_runs_no_code(trial: Trial, fmt: Format) -> None:
    """The first step of a fork has its core unchanged, reads its genesis message alone and sends nothing."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.no-run")
    stage = lockstep.stage
    known: tuple[tuple[str, Mapping[str, Any]], ...] = (("counter", KEEPS), ("effects", {"send": "any"}))
    for number, (module, manifest) in enumerate(known):
        actor = lockstep.guest(b"a%d" % number, module, manifest)
        lockstep.ask_guest(actor, b"r")
        fork = _bear(lockstep, _fork(lockstep, _head(lockstep, actor)))
        lockstep.ask_guest(fork, b"r")
    for number, wasm in enumerate(
        (
            {"fork": stage.tree(x=stage.blob(b""))},
            {"fork": stage.blob(b"")},
            {"fork": stage.blob(b""), "manifest": stage.blob(b"none")},
        )
    ):
        lockstep.guest(b"by hand %d" % number, "counter", wasm=wasm)
        lockstep.guest(b"no module %d" % number, b"none", wasm=wasm)
    plain = stage.core(b"plain", b"external:absent", wasm=stage.tree(fork=stage.blob(b"")))
    lockstep.inject(plain, plain, headers=GENESIS, rule=lockstep.rule)
    lockstep.run(rule=lockstep.rule)
    lockstep.compare()


def empty_tank(trial: Trial, fmt: Format) -> None:
    """A fork has nothing in its tank until an update raises it; one without a tank runs at once."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.fuel")
    for number, tank in enumerate((20_000, 1 << 40, None)):
        members = {"image": True, "pages": 4} | ({} if tank is None else {"tank": tank})
        actor = lockstep.guest(b"a%d" % number, "counter", members)
        lockstep.ask_guest(actor, b"")
        fork = _bear(lockstep, _fork(lockstep, _head(lockstep, actor), number))
        lockstep.ask_guest(fork, b"")
        lockstep.ask_guest(actor, b"")
        if tank is not None:
            lockstep.change(fork, wasm=lockstep.manifest({**members, "tank": tank + 10_000}))
            for _ in range(3):
                lockstep.ask_guest(fork, b"", "signal")
    lockstep.compare()


def suspended(trial: Trial, fmt: Format) -> None:
    """A fork of a suspended call goes on behind its ``wait``, and so does its parent, each on its own."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fork.apart")
    actor = lockstep.guest(b"a", "waiter", {"image": True, "pages": 8})
    lockstep.ask_guest(actor, b"\7\3")
    fork = _bear(lockstep, _fork(lockstep, _head(lockstep, actor)))
    for one in (fork, actor, fork, actor, actor, fork):
        lockstep.ask_guest(one, b"")
    lockstep.compare()


def updating(trial: Trial, fmt: Format) -> None:
    """A fork updates guests and no actor of the host, like its parent, also where the receiver is away."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update-guests")
    stage = lockstep.stage
    host = stage.tree(wit=stage.blob(b"external:puppet/1", ("ct", "s")), title=stage.blob(b"host"))
    lockstep.inject(host, host, headers=GENESIS, rule=lockstep.rule)
    lockstep.run(rule=lockstep.rule)
    friend = lockstep.guest(b"friend", "counter", {**KEEPS, "update": "any"})
    parent = lockstep.guest(b"parent", "puppet", PUPPET_GRANTS)
    lockstep.tell(parent, stage.program(programs.append("log", b"x")), rule=lockstep.rule)
    fork = _bear(lockstep, _fork(lockstep, _head(lockstep, parent), 2**32))
    update = stage.tree(k=stage.blob(b"v"))
    for space, sender in (("", parent), ("", fork), ("closed", fork), ("moved", fork), ("archived", parent)):
        names = [f"{space}/{each.hex()}" for each in (host, friend)] if space else []
        if names:
            move_references(lockstep, *((name, update) for name in names))
        for to in (host, friend):
            program = stage.program(programs.send(0, 1, "update"), to, update)
            lockstep.tell(sender, program, mode="signal", rule=lockstep.rule)
            lockstep.change(sender, note=stage.blob(b"%s %d" % (space.encode(), to == host)))
            lockstep.refs(rule=lockstep.rule)
        if names:
            move_references(lockstep, *((name, None) for name in names))
        lockstep.run(rule=lockstep.rule)
    lockstep.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/fork/exact", core_of_a_fork, "wasm.fork.exact", features=()),
    *in_each_format("wasm/fork/refused", refused, "wasm.fork.refused", features=()),
    *in_each_format("wasm/fork/few", few_objects_added, "wasm.fork.exact", features=()),
    *in_each_format(
        "wasm/fork/apart",
        forks_are_independent,
        "wasm.fork.apart",
        features=(),
        reach={"wasm.fork accepted": 0.25},
        given=tape(60),
        examples=8,
        once=True,
    ),
    *in_each_format("wasm/fork/born-still", first_step_runs_no_code, "wasm.fork.no-run", features=()),
    *in_each_format("wasm/fork/tank", empty_tank, "wasm.fork.fuel", features=()),
    *in_each_format("wasm/fork/updating", updating, "wasm.grant.update-guests", features=("external",)),
    *in_each_format("wasm/fork/suspended", suspended, "wasm.fork.apart", features=("wasm.continuation",)),
)
