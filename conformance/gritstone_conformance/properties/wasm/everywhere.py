"""The same everywhere: in every process, under every surrounding, in one piece or carried on elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from gritstone_conformance.folders import given_entries, read_given
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.runtime.lockstep import start_args
from gritstone_conformance.properties.wasm.bench import GuestBench, of_executors
from gritstone_conformance.properties.wasm.guest_lockstep import KEEPS, GuestLockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.guests import guest
from gritstone_conformance.strategies.journeys import JOURNEYS
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_SAME: Final = "wasm.same.everywhere"
_EQUAL: Final = "wasm.image.equal"
_ELSE: Final = "wasm.grant.nothing-else"
_ENGINE: Final = "wasm.fuel.no-engine"

_SURROUNDINGS: Final[tuple[dict[str, str], ...]] = (
    {
        "TZ": "Pacific/Kiritimati",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "1",
        "OMP_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "UV_THREADPOOL_SIZE": "1",
        "GOMAXPROCS": "1",
    },
    {
        "TZ": "UTC",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "4294967295",
        "GOMAXPROCS": "7",
        "UV_THREADPOOL_SIZE": "7",
        "RAYON_NUM_THREADS": "7",
        "COLUMNS": "1",
        "HOME": "/nowhere",
    },
)


@contextmanager
def _surrounded(names: dict[str, str]) -> Iterator[None]:
    """Start processes with other variables in their environment within this context."""
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _travel(trial: Trial, fmt: Format, bench: GuestBench) -> list[Asked]:
    """Run the journey of every guest in the model; returns all its requests."""
    for journey in JOURNEYS:
        if set(journey.features) <= set(trial.claims.features):
            way = journey.plan(fmt)
            bench.stage.graph.values.update(way.graph.values)
            bench.stage.graph.encodings.update(way.graph.encodings)
            actor = BenchActor(bench, way.actor)
            for message in way.messages:
                actor.step((way.sender, message), rule=_SAME)
    return bench.waiting()


def same(trial: Trial, fmt: Format) -> None:
    """Every guest makes the same steps in fresh processes, in other zones and locales, with other seeds and threads."""
    bench = GuestBench(trial, fmt)
    requests = [bench.pair.open(create=True), *_travel(trial, fmt, bench)]
    bench.flush()
    for names in _SURROUNDINGS[: 2 if is_first(trial, fmt) else 1]:
        with _surrounded(names):
            process = trial.spawn()
        trial.expect_many(requests, rule=_SAME, on=process)
        process.close()


def carried(trial: Trial, fmt: Format, tape: Tape) -> None:
    """All steps in one process, or some of them, an export, an import elsewhere and the rest there: one head."""
    lockstep = GuestLockstepModel(trial, fmt, _EQUAL)
    grants = {**KEEPS, "random": bytes(range(32)), "clock": {"start": 3, "tick": 1 << 40}, "tank": 1 << 50}
    actors = [lockstep.guest(name.encode(), name, grants) for name in ("random", "grow", "counter")]
    if "wasm.continuation" in trial.claims.features:
        actors.append(lockstep.guest(b"waiter", "waiter", KEEPS))
    for _ in range(tape.within(1, 3)):
        lockstep.ask_guest(tape.pick(actors[::-1]), bytes((tape.below(4), tape.below(4))))
    for _ in range(tape.within(1, 2)):
        bundle = lockstep.export(rule=_EQUAL)
        for _ in range(tape.within(1, 3)):
            lockstep.ask_guest(tape.pick(actors[::-1]), bytes((tape.below(4), tape.below(4))))
        lockstep.refs(rule=_EQUAL)
        rest = lockstep.waiting()
        lockstep.flush()
        _go_on(trial, lockstep, bundle, rest)


def _go_on(trial: Trial, lockstep: GuestLockstepModel, bundle: bytes, rest: list[Asked]) -> None:
    """Import a bundle into a fresh process and make the rest of the requests there."""
    process: SubjectLike = trial.spawn()
    piece: dict[str, Json] = {"store": "s", "bytes": to_base64(bundle), "more": False}
    begin: list[Asked] = [
        lockstep.pair.open(create=True),
        ("grit.import", piece, ok(objects={"$": "any"}, refs={"$": "any"})),
        ("runtime.start", start_args(lockstep.terms), ok(agent=lockstep.agent.hex())),
    ]
    trial.expect_many([*begin, *rest], rule=_EQUAL, on=process)
    process.close()


def nothing_else(trial: Trial, fmt: Format) -> None:
    """While guests do all that they can, no file is made, and no path that they name is touched."""
    directory = Path(trial.directory())
    canary = directory / "canary"
    canary.write_bytes(b"still here")
    times = canary.stat()
    bench = GuestBench(trial, fmt)
    for number, path in enumerate(
        (str(canary), "../" * 12 + str(canary)[1:], "canary", "/etc/passwd", "/proc/self/environ")
    ):
        commands = b"".join(
            letter + bytes((len(path),)) + path.encode() + (b"\1x" if letter in b"wa" else b"")
            for letter in (b"w", b"r", b"l", b"d")
        )
        actor = bench.run(guest("files"), {"mounts": {"canary": "rw", "etc": "rw"}}, title=b"%d" % number, rule=_ELSE)
        actor.tell(bench.stage.blob(commands), rule=_ELSE)
        actor.tell(bench.stage.blob(commands.replace(path.encode(), path.encode().replace(b"/", b"_"))), rule=_ELSE)
    if is_first(trial, fmt):
        _travel(trial, fmt, bench)
    bench.flush()
    left = sorted(given_entries(directory))
    after = canary.lstat() if left == [str(canary)] else times
    if left != [str(canary)] or read_given(canary) != b"still here":
        trial.fail("an untouched directory", [Path(path).name for path in left], words="files changed")
    if (after.st_mtime_ns, after.st_ctime_ns, after.st_atime_ns) != (
        times.st_mtime_ns,
        times.st_ctime_ns,
        times.st_atime_ns,
    ):
        trial.fail("untouched", "read or written", words="a file was touched")


def no_engine(units: int, trial: Trial, fmt: Format) -> None:
    """A call that has the fuel runs to its end, however long that takes; with a unit less it is exhausted."""
    bench = GuestBench(trial, fmt)
    trial.spends(units)
    turns = (units - _AROUND) // _TURN
    following = ("local.tee", 0, ("i64.add", ("local.get", 0), ("i64.const", 1)))
    folded = ("i64.xor", ("local.get", 0), ("i64.shr_u", ("local.get", 0), ("i64.const", 32)))
    module = Assembly()
    loop = ("loop", None, [("br_if", 0, ("i64.lt_u", following, ("i64.const", turns)))])
    module.entry([loop, ("i32.wrap_i64", folded)], ["i64"])
    ends = {0: refused("rejected", f"failed:guest:{(turns ^ turns >> 32) & 0xFFFF_FFFF}")}
    if units <= _QUICK:
        ends[1] = refused("exhausted", "exhausted:fuel")
    for less, expect in ends.items():
        actor = bench.guest(module.binary(), {"fuel": _AROUND + _TURN * turns - less})
        message = actor.send(actor.identity, "genesis")
        bench.fill()
        inbox: Json = [[bench.outside.hex(), message.hex()]]
        bench.ask(
            "wit.step", {"actor": actor.identity.hex(), "head": None, "inbox": inbox, "attempt": 1}, expect, _ENGINE
        )
    bench.flush()
    trial.spends(0)


_TURN, _AROUND = 7, 8  # units of one turn of the loop, and of all else
_QUICK: Final = 1_000_000_000

PROPERTIES: Final = (
    *of_executors("wasm/everywhere/same", same, _SAME, cost=800, once=True),
    *in_each_format(
        "wasm/everywhere/carried",
        carried,
        _EQUAL,
        _SAME,
        features=(),
        given=tape(40),
        examples=2,
        cost=600,
        once=True,
    ),
    *of_executors("wasm/everywhere/nothing-else", nothing_else, _ELSE, cost=400, once=True),
    *of_executors("wasm/everywhere/long", partial(no_engine, 100_000_000), _ENGINE, cost=200),
    *of_executors("wasm/everywhere/longest", partial(no_engine, 10_000_000_000), _ENGINE, search_only=True),
)
