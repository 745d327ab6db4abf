"""Crossings of forks: what is forked, with which number and entropy, and what parent and fork do afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.properties.crossing_rows import NUMBERS, each_row
from gritstone_conformance.properties.wasm.crossed_calls import MANIFESTS, erase_stored, stored
from gritstone_conformance.properties.wasm.crossed_scene import GuestScene, looking
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.host_calls import BUFFERS, CallScript
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_FUEL: Final = 1_000_000
_EXACT: Final = "wasm.fork.exact"
_REFUSED: Final = "wasm.fork.refused"
_STILL: Final = "wasm.fork.no-run"
_APART: Final = "wasm.fork.apart"


def fork(trial: Trial, row: Row) -> None:
    """Fork a step, and let parent and fork make steps."""
    scene = GuestScene(trial, FORMATS[row["format"]], "message", _EXACT)
    entries = stored(scene, row)
    scene.begin({"fuel": _FUEL, **MANIFESTS[row["manifest"]]}, looking(), **entries)
    erase_stored(scene, row, entries)
    assert scene.head is not None
    number, entropy = NUMBERS[row["number"]], row["entropy"]
    core = _fork(scene, scene.head, number, entropy)
    match row["later"]:
        case "same":
            _fork(scene, scene.head, number, entropy)
        case "other-entropy":
            _fork(scene, scene.head, number, "replay" if entropy == "fresh" else "fresh")
        case "parent":
            _step(scene, scene.core, scene.head, row)
    head = _born(scene, core)
    if head is not None and core is not None:
        _let_step(scene, core, head, row)
    scene.flush()


def _fork(scene: GuestScene, step: bytes, number: int, entropy: str) -> bytes | None:
    """Ask for the first core of a fork; returns it, or None if that is refused."""
    scene.fill()
    shelf = Shelf.over(scene.pair.model)
    core: bytes | None = None
    rule = _EXACT
    try:
        core = fork_core(shelf, step, number, entropy)
        shelf.flush(scene.pair.model)
        expect = ok(core=core.hex())
    except Refusal as refusal:
        expect, rule = refusal.expectation(), _REFUSED
    except Failure as failure:
        expect, rule = failure.refusal().expectation(), _REFUSED
    scene.ask("wasm.fork", {"step": step.hex(), "n": number, "entropy": entropy}, expect, rule)
    return core


def _born(scene: GuestScene, core: bytes | None) -> bytes | None:
    if core is None:
        return None
    genesis = scene.add(Message(None, (("mt", "genesis"),), core))
    return scene.step(core, None, [(scene.outside, genesis)], rule=_STILL)


def _let_step(scene: GuestScene, core: bytes, head: bytes, row: Row) -> None:
    """Make steps of a fork, and of a fork of it."""
    if row["later"] == "granted":
        changed = scene.grant({"fuel": _FUEL, **MANIFESTS["everything"], "tank": (1 << 63) - 1}, head, core)
        head = changed or head
    made = _step(scene, core, head, row) or head
    if row["later"] == "forked-again":
        again = _fork(scene, made, NUMBERS[row["number"]], row["entropy"])
        born = _born(scene, again)
        if again is not None and born is not None:
            _step(scene, again, born, row)


def _step(scene: GuestScene, actor: bytes, head: bytes, row: Row) -> bytes | None:
    """Ask for a step of an actor that reads its state."""
    script = looking().act("store", 0xC000, 0x0506_0708)
    if "random" in MANIFESTS[row["manifest"]]:
        script = _streaming(script)
    message = scene.add(Message(None, (), scene.stage.blob(script.data())))
    return scene.step(actor, head, [(scene.outside, message)], rule=_APART)


def _streaming(script: CallScript) -> CallScript:
    return script.call("random", BUFFERS + 0x1000, 8).call("clock")


def _rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_EXACT, _REFUSED, _STILL, _APART)


PROPERTIES: Final[tuple[Property, ...]] = each_row("wasm/forks", fork, _rules)
