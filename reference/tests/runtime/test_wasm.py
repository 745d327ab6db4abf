"""Wasm actors in a runtime: the puppet's module, fuel that is raised, receipts, updates, forks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from gritstone.grit import Blob
from gritstone.optional.isolation import Isolated
from gritstone.wasm import Guests
from gritstone.wasm.documents import encode_item, read_state
from gritstone.wit import PUPPETS, External, Laws, Sleep

_GUESTS = Path(__file__).parents[3] / "vectors" / "wasm" / "guests"
_PUPPET = {
    "raw": True, "code": True, "query": True, "attempt": True, "fuel": 10**9, "send": "any", "spawn": "any",
    "update": "any",
}  # fmt: skip
_LAWS = Laws(External(PUPPETS), Guests())


@pytest.fixture
def land(stage: Any) -> Any:
    """Return a stage on which Wasm actors live."""
    stage.laws = _LAWS
    stage.start(max_attempts=1)
    return stage


def manifest(stage: Any, members: Mapping[str, Any]) -> bytes:
    found: bytes = stage.blob(encode_item({"v": 1, **members}), ct="cbor")
    return found


def core(stage: Any, name: str, members: Mapping[str, Any], module: str = "puppet", **wasm: bytes) -> bytes:
    """Put the first core of an actor whose code is one of the guests."""
    data = (_GUESTS / f"{module}.wasm").read_bytes()
    node = stage.blob(f"wasm:code/{module}.wasm".encode(), ct="s")
    found: bytes = stage.tree(
        name=stage.blob(name.encode(), ct="s"),
        code=stage.tree(**{f"{module}.wasm": stage.blob(data, ct="application/wasm")}),
        wit=node,
        wit_query=node,
        wasm=stage.tree(manifest=manifest(stage, members), **wasm),
    )
    return found


def born(stage: Any, actor: bytes) -> bytes:
    stage.inject(actor, actor, "genesis")
    stage.run()
    return actor


def state(stage: Any, actor: bytes) -> Any:
    nodes = stage.entries(stage.core_of(actor)["wasm"])
    return read_state(stage.load(nodes["state"]))


def receipts(stage: Any, to: bytes) -> list[dict[str, str]]:
    at = stage.entries(stage.head(stage.runtime.agent).outbox).get(to)
    found = []
    while at is not None:
        message = stage.load(at)
        if message.headers.get("mt") == "receipt":
            found.append(dict(message.headers))
        at = message.previous
    return found


def test_wasm_puppet_talks_to_the_plain_puppet(land: Any) -> None:
    a = born(land, core(land, "a", _PUPPET))
    (b,) = land.born("b")
    program = land.program(b"W\3got\0\2hi")
    land.tell(a, b"W\1k\0\1vS\0q\0\1", **{"00": b, "01": program})
    land.run()
    assert (land.data(a, "k"), land.data(b, "got")) == (b"v", b"hi")
    assert land.runtime.parked() == []


@pytest.mark.parametrize("is_isolated", [False, True])
def test_guest_receives_the_answer_of_another_guest(land: Any, is_isolated: bool) -> None:
    if is_isolated:  # while one process waits for an answer, another one gives it
        land.laws = Laws(External(PUPPETS), Isolated())
        land.start(max_attempts=1)
    a, b, c = (born(land, core(land, name, _PUPPET)) for name in "abc")
    args = land.blob(b"what?")
    for asker, asked in ((a, b), (b, a), (c, c)):
        land.tell(asker, b"Q\0\4echo\1\3got", **{"00": asked, "01": args})
    land.tell(c, b"Q\0\4fail\1\3not", **{"00": a, "01": args})
    land.run()
    assert [land.data(one, "got") for one in (a, b, c)] == [b"what?"] * 3
    assert land.data(c, "not") == b"error"


def test_stop_while_a_guest_waits_ends_the_guest(land: Any) -> None:
    """What it asked sleeps; the run is given up, and made again after the next start."""

    class Sleeper:
        is_slow = True

        def step(self, run: Any) -> Any:
            raise NotImplementedError

        def query(self, question: Any) -> Any:
            yield Sleep(3_600_000 if self.is_slow else 0)
            return question.workspace.put(Blob({}, b"at last"))

    sleeper = Sleeper()
    land.laws = Laws(External({**PUPPETS, "sleeper": sleeper}), _LAWS.laws[1])
    land.start(suite_clock=False)
    a = born(land, core(land, "a", _PUPPET))
    b = land.core("b")
    b = born(land, land.tree(**{**land.entries(b), "wit_query": land.blob(b"external:sleeper")}))
    land.tell(a, b"Q\0\1x\1\3got", **{"00": b, "01": land.blob(b"")})

    async def stop_soon() -> None:
        serving = asyncio.ensure_future(land.runtime.serve())
        while not land.runtime.machine.in_progress:
            await asyncio.sleep(0.001)
        await land.runtime.stop(drain=False)
        await serving

    land.wait(stop_soon())
    assert land.data(a, "got") is None
    sleeper.is_slow = False
    land.start(suite_clock=False)
    land.run()
    assert land.data(a, "got") == b"at last"


@pytest.mark.parametrize("module", ["counter", "puppet"])
def test_raised_fuel_lets_the_guest_continue(land: Any, module: str) -> None:
    """The same messages lead to the same core as with that fuel at once."""
    members = {"image": True, "pages": 64} if module == "counter" else _PUPPET
    enough = {**members, "fuel": 10**6}
    (friend,) = land.born("friend")
    actor, twin = (born(land, core(land, name, enough, module)) for name in "ab")
    for one in (actor, twin):
        update = enough if one == twin else {**members, "fuel": 100}
        land.inject(one, land.tree(wasm=land.tree(manifest=manifest(land, update))), "update")
        land.run()
        land.tell(friend, b"S\0q\0\1", **{"00": one, "01": land.program(b"W\1k\0\1v")})
    land.run()
    assert land.runtime.parked() == [(actor, "exhausted")]
    land.inject(actor, land.tree(wasm=land.tree(manifest=manifest(land, enough))), "update")
    land.run()
    assert land.runtime.parked() == []
    raised, at_once = ({**land.core_of(one), "name": b"", "wasm": b""} for one in (actor, twin))
    assert raised == at_once
    if module == "counter":  # its memory holds the id of the actor
        assert state(land, actor) == state(land, twin)


def test_receipt_names_the_wasm_failure(land: Any) -> None:
    (a,) = land.born("a")
    failing = born(land, core(land, "b", _PUPPET))
    poor = born(land, core(land, "c", {**_PUPPET, "fuel": 10**5}))
    low = land.tree(wasm=land.tree(manifest=manifest(land, {**_PUPPET, "fuel": 9})))
    land.inject(poor, low, "update")
    bad = land.tree(wasm=land.tree(manifest=land.blob(b"defect")))
    broken = born(land, core(land, "d", _PUPPET))
    land.inject(broken, bad, "update")
    land.run()
    for to in (failing, poor, broken):
        land.tell(a, b"S\0q\0\1", **{"00": to, "01": land.program(b"F")})
    land.run()
    found = {(one["class"], one.get("code")) for one in receipts(land, a)}
    assert found == {("failed", "guest:1"), ("exhausted", "fuel"), ("unresolved", "manifest")}


def test_updates_of_strangers_are_read_without_effect(land: Any) -> None:
    owner, stranger = land.born("a", "b")
    actor = core(land, "c", {**_PUPPET, "fuel": 10**8})
    guarded = land.tree(manifest=manifest(land, {**{k: v for k, v in _PUPPET.items() if k != "update"}}))
    actor = land.tree(**{**land.entries(actor), "wasm": guarded})
    land.tell(owner, b"S\0q\7genesis\0", **{"00": actor})
    land.run()
    change = land.tree(note=land.blob(b"x"))
    for sender in (stranger, owner):
        land.tell(sender, b"S\0q\6update\1", **{"00": actor, "01": change})
        land.run()
        assert ("note" in land.core_of(actor)) is (sender == owner)
    assert land.runtime.parked() == []


def test_actor_with_an_empty_tank_is_marked_until_its_refill(land: Any) -> None:
    actor = born(land, core(land, "a", {"tank": 10_000, "image": True, "pages": 64}, "counter"))
    (friend,) = land.born("friend")
    for _ in range(3):
        land.tell(friend, b"S\0q\0\1", **{"00": actor, "01": land.blob(b"")})
        land.run()
    assert land.runtime.parked() == [(actor, "exhausted")]
    used = state(land, actor).used
    assert used <= 10_000
    assert len(land.steps(actor)) == 2
    full = land.tree(wasm=land.tree(manifest=manifest(land, {"tank": 100_000, "image": True, "pages": 64})))
    land.inject(actor, full, "update")
    land.run()
    assert land.runtime.parked() == []
    assert state(land, actor).used > used


def test_forked_actor_makes_its_first_step_without_code(land: Any) -> None:
    fork = land.tree(n=land.blob(b"0", ct="s"))
    actor = born(land, core(land, "a", {"fuel": 1}, fork=fork))
    step = land.head(actor)
    assert (step.previous, step.outbox, step.core) == (None, None, actor)
    assert land.entries(step.inbox).keys() == {land.runtime.agent}


def test_guest_is_stopped_when_its_time_is_over(land: Any) -> None:
    """It has fuel for years; others go on."""
    land.start(suite_clock=False, max_attempts=3, base_ms=1, transition_ms=400)
    endless = wasmtime.wat2wasm('(module (func (export "wit") (result i32) (loop (br 0)) unreachable))')
    node = land.blob(b"wasm:main")
    wasm = land.tree(manifest=manifest(land, {"fuel": 2**63 - 1}))
    actor = born(land, land.tree(wit=node, main=land.blob(bytes(endless)), wasm=wasm))
    assert land.runtime.parked() == [(actor, "timeout")]
    other = born(land, core(land, "a", _PUPPET))  # compiling counts, but the next attempt finds it done
    assert land.head(other) is not None
