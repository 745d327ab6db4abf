"""Guests that wait: ``wait`` is denied in an image, and a call that is suspended in a first core is resumed."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.properties.image.guests import GuestImage, of_guests
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED
from gritstone_conformance.strategies.guests import add_manifest, add_module
from gritstone_conformance.strategies.image.courier import guest_core
from gritstone_conformance.strategies.waiters import MISUSES, suspended_memory, waiter
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BOTH: Final = "image.wasm.both"
_FUEL: Final = "image.wasm.fuel"
_UNDONE: Final = "image.wasm.undone"
_DENIED: Final = "rejected/failed:denied:wait"
_KEPT: Final[dict[str, Any]] = {"image": True, "fuel": 200_000, "pages": 2}


def denied(trial: Trial, fmt: Format) -> None:
    """``wait`` is denied in every call of an operation, whatever the manifest grants, and the failure is undone."""
    image = GuestImage(trial, fmt)
    stage, one, nothing = image.stage, image.one, image.stage.empty()
    for granted in ({}, _KEPT):
        for initializes in (False, True):
            module = waiter(initializes=initializes)
            guest = image.guest(f"waits {len(granted)} {initializes}", module=module, **granted)
            image.do(guest, ends=_DENIED, rule=_BOTH)
            image.order(one, stage.draft().join(guest, "do", nothing), _DENIED, rule=_BOTH)
            image.order(one, stage.draft().save(guest, "do", nothing).save(guest, "do", nothing), rule=_BOTH)
            image.order(one, stage.draft().post(guest, "do", nothing), rule=_BOTH)
            image.run(rule=_BOTH)
    idle = image.guest("idle", module=waiter(entry="wit_query"), **_KEPT)
    image.do(idle, rule=_BOTH)
    image.query(idle, "q", rule=_BOTH)
    image.do(idle, rule=_BOTH)
    image.list_actors(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def _suspended(image: GuestImage, title: str, module: bytes, manifest: dict[str, Any]) -> bytes:
    """Create a guest whose first core has a suspended call; return its id."""
    stage = image.stage
    page = stage.blob(suspended_memory())
    state = encode_item({"v": 1, "used": 5, "pages": 1, "globals": [0], "call": "wit"})
    wasm = stage.tree(
        manifest=add_manifest(stage.graph, manifest),
        state=stage.blob(state, *CT_CBOR),
        module=add_module(stage.graph, module),
        memory=stage.tree(**{"00": stage.tree(**{"00": page})}),
    )
    rights: dict[str, Any] = {"owner": image.one, "entry": {"do": "*"}}
    core = guest_core(stage, title, module, None, {"wasm": wasm}, **rights)
    image.create(core, ends=COMMITTED)
    return core


def resumed(trial: Trial, fmt: Format) -> None:
    """A call that is suspended in a first core continues behind its ``wait``; if undone, it is suspended again."""
    image = GuestImage(trial, fmt, fuel=1 << 50, actors=50)
    stage, one, nothing = image.stage, image.one, image.stage.empty()
    guest = _suspended(image, "ends", waiter(ends=True), _KEPT)
    image.query(guest, "q", rule=_BOTH)
    failing = stage.draft().join(guest, "do", nothing).fail().seal()
    for _ in range(2):
        image.order(one, stage.draft().save(one, "run", failing), rule=_UNDONE)
        image.order(one, stage.draft().join(guest, "do", nothing).fail(), "rejected/failed", rule=_UNDONE)
        image.world(rule=_UNDONE)
        image.restart(rule=_UNDONE)
    image.order(one, stage.draft().join(guest, "do", nothing), rule=_BOTH)
    image.query(guest, "q", rule=_BOTH)
    image.do(guest, ends=_DENIED, rule=_BOTH)  # there is no suspended call any more, so it waits
    for title, module, manifest in (
        ("again", waiter(), _KEPT),
        ("not kept", waiter(ends=True), {"fuel": 200_000}),
        ("poor", waiter(ends=True), _KEPT | {"fuel": 300}),
        ("rich", waiter("traps when resumed"), _KEPT | {"fuel": 1 << 40}),
        *((misuse, waiter(misuse, ends=True), _KEPT) for misuse in MISUSES if "resum" in misuse or "rewind" in misuse),
        ("rich", waiter("spins in stop_rewind"), _KEPT | {"fuel": 1 << 40}),
    ):
        other = _suspended(image, title, module, manifest)
        image.do(other, ends=ANY, rule=_BOTH)
        image.order(one, stage.draft().save(other, "do", nothing).post(other, "do", nothing), rule=_BOTH)
        image.run(rule=_BOTH)
        image.log(image.seq, rule=_FUEL)  # winding takes nothing of the budget
    install = stage.tree(code=stage.tree(**{"tool.wasm": add_module(stage.graph, waiter(burns=4))}))
    renewed = _suspended(image, "renewed", waiter(ends=True), _KEPT)
    image.say(renewed, "image.install", install, rule=_BOTH)
    image.do(renewed, ends=_DENIED, rule=_BOTH)
    image.list_actors(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_UNDONE)


PROPERTIES: Final = (
    *of_guests("wasm/waits", denied, _BOTH),
    *of_guests("wasm/resumed", resumed, _BOTH, _FUEL, _UNDONE),
)
