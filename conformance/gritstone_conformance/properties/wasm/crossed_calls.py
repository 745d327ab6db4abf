"""Crossings of one call: where it starts, what it does to memory, how it ends, and with what budget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Blob
from gritstone_conformance.model.wasm.documents import CT_CBOR
from gritstone_conformance.properties.crossing_rows import NUMBERS, each_row
from gritstone_conformance.properties.wasm.crossed_scene import BOUND, ENOUGH, GuestScene, looking
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.host_calls import BUFFERS, PAGE, ZERO_AT, CallScript, slot
from gritstone_conformance.trial import Property, Trial

__all__ = ["MANIFESTS", "PROPERTIES", "erase_stored", "stored"]

_MOST: Final = (1 << 63) - 1
_ACTOR, _CORE, _OUTBOX, _BLOB, _MADE, _LAST = 1, 2, 3, 4, 5, 6
_PAGE: Final = b"page" * (PAGE // 4)
_FUEL: Final = 1_000_000
_KEY: Final = bytes(range(32))
_STREAMS: Final = {"random": _KEY, "clock": {"start": 3, "tick": 1}}
MANIFESTS: Final[dict[str, dict[str, Any]]] = {
    "image": {"image": True},
    "lowered": {"image": True, "pages": 2},
    "everything": {"image": True, "tank": 1 << 62, **_STREAMS},
    "streams": _STREAMS,
    "tank": {"tank": (1 << 31) + _FUEL},
    "nothing": {},
}
"""Manifest of a row -> its members in addition to `fuel`."""

_POSITIONS: Final = {
    "0": (0, 0),
    "2^53": (1 << 53, 1 << 53),
    "last": (_MOST - 8, _MOST - 1),
    "one-short": (_MOST - 7, _MOST),
}
"""Positions of the random stream and values of the clock; a script asks for 8 bytes and for two times."""

_STRICT: Final = "wasm.image.strict"
_COMPLETE: Final = "wasm.image.complete"
_MODULE: Final = "wasm.image.module"
_DENY: Final = "wasm.manifest.deny"
_TANK: Final = "wasm.fuel.tank"
_CAP: Final = "wasm.memory.cap"
_ATOMIC: Final = "wasm.call.atomic"
_EXACT: Final = "wasm.fuel.exact"


def start(trial: Trial, row: Row) -> None:
    """Make one call from a stored state and image, and one after it."""
    scene = GuestScene(trial, FORMATS[row["format"]], row["entry"], _start_rule(row))
    script = _acting(row)
    entries = stored(scene, row)
    manifest = {"fuel": _FUEL, **MANIFESTS[row["manifest"]]}
    scene.begin(manifest, script, **entries)
    erase_stored(scene, row, entries)
    made = scene.call(script)
    _afterwards(scene, script, made, row["later"], {**manifest, **MANIFESTS["everything"]})
    scene.flush()


def _acting(row: Row) -> CallScript:
    script = looking()
    match row["action"]:
        case "grow":
            script.act("grow", 1).act("load", PAGE).act("store", 2 * PAGE - 4, 9)
        case "store":
            script.act("store", 0xC000, 0x0102_0304)
        case "clear":
            script.act("fill", 0xA000, 0, PAGE - 0xA000)
        case "set":
            script.act("set", 0xFFFF_FFFF)
        case "random":
            script.call("random", BUFFERS + 0x1000, 8)
        case "clock":
            script.call("clock").call("clock")
    return script


def stored(scene: GuestScene, row: Row) -> dict[str, bytes]:
    """Return the entries of ``wasm`` of a row."""
    state = row["state"]
    if state == "absent":
        return {}
    more: dict[str, Any] = {}
    if row["streams"] != "lacking":
        position, clock = _POSITIONS[row["streams"]]
        more = {"random": [_KEY, position], "clock": clock}
    if state == "wide-global":
        more["globals"] = [1 << 32]
    used = NUMBERS[row["used"]]
    pages = {"grown": 2, "at-bound": BOUND, "above-bound": BOUND + 1, "page-beyond": 2}.get(state, 1)
    number = {"grown": 1, "at-bound": BOUND - 1, "page-beyond": 2}.get(state, 0)
    data = bytes(PAGE) if state == "zero-page" else _PAGE
    entries = scene.image(pages, {number: data}, used, **more)
    if state == "other-module":
        entries["wasm_module"] = scene.stage.blob(b"another module")
    if state == "corrupt-state":
        entries["wasm_state"] = scene.add(Blob(CT_CBOR, b"\xa2\x61v\x01\x64used\x18\x01"))
    return entries


def erase_stored(scene: GuestScene, row: Row, entries: dict[str, bytes]) -> None:
    """Erase the page or the state of a row, if it says so."""
    page = scene.add(Blob((), _PAGE))
    erased = {"erased-page": page, "erased-state": entries.get("wasm_state")}.get(row["state"])
    if erased is not None:
        scene.fill()
        scene.flush()
        scene.erase(erased)


def _afterwards(
    scene: GuestScene, script: CallScript, made: bytes | None, word: str, granted: dict[str, Any] | None = None
) -> None:
    """Make another call, from the step that was made or from the head as it was."""
    head = made or scene.head
    if word == "same" or head is None:
        scene.call(script)
    elif word == "granted":
        assert granted is not None
        changed = scene.grant(granted, head)
        scene.call(looking(), "message", changed)
    else:
        scene.call(looking(), word, head)


def end(trial: Trial, row: Row) -> None:
    """Make one call with a budget, and one after it."""
    scene = GuestScene(trial, FORMATS[row["format"]], row["entry"], _end_rule(row))
    pages = 2 if row["image"] == "restored" else 1
    script = _ending(row, pages)
    used = NUMBERS[row["used"]]
    image = {"image": True} if row["image"] != "not-granted" else {}
    kept = scene.image(2, {1: _PAGE}, used)
    if row["image"] == "new":
        kept["wasm_module"] = scene.stage.blob(b"another module")
    scene.begin({**image, "fuel": ENOUGH}, script, **kept)
    units = _budget(row["budget"], scene.units(script))
    limited = {"tank": min(units + used, _MOST), "fuel": _MOST} if row["limit"] == "tank" else {"fuel": units}
    scene.begin({**image, **limited}, script, **kept)
    made = scene.call(script)
    scene.rule = _ATOMIC
    _afterwards(scene, script, made, row["later"])
    scene.flush()


def _budget(word: str, exact: int) -> int:
    near = {"exact": exact, "one-short": exact - 1, "one-more": exact + 1}
    return near[word] if word in near else NUMBERS[word]


def _ending(row: Row, pages: int) -> CallScript:
    """Return a script that changes memory and ends as a row says."""
    script = CallScript().call("input", 0, slot(_ACTOR)).call("input", 2, slot(_CORE)).call("input", 4, slot(_OUTBOX))
    script.call("input", 7, slot(_LAST)).blob(b"new", _BLOB)
    size = pages * PAGE
    match row["memory"]:
        case "grow-0":
            script.act("grow", 0)
        case "to-bound":
            script.act("grow", BOUND - pages).act("store", BOUND * PAGE - 4, 1)
        case "past-bound":
            script.act("grow", BOUND - pages + 1).act("store", size - 4, 1)
        case "2^31 pages" | "2^32 - 1 pages" as word:
            script.act("grow", 1 << 31 if word.startswith("2^31") else (1 << 32) - 1)
        case "end":
            script.act("store", size - 4, 0xFFFF_FFFF)
        case "past-end":
            script.act("store", size - 3, 1)
        case "new-page":
            script.call("input", 0, size - 32).act("grow", 1).call("input", 0, size).act("load", size)
        case "global":
            script.act("set", 1 << 31)
    return _with_end(script, row["end"], size, row["entry"] == "query")


def _with_end(script: CallScript, word: str, size: int, query: bool) -> CallScript:
    match word:
        case "trap":
            return script.act("trap")
        case "guest-0":
            return script.call("fail", 0, 0, 0)
        case "bounds":
            return script.call("read", slot(_BLOB), 0, BOUND * PAGE - 2 if size == BOUND * PAGE else size * 4, 3)
        case "unset":
            return script.call("result", slot(_BLOB)).call("result", ZERO_AT).act("silent")
        case "same-step":
            return script.call("result", slot(_LAST)).act("silent")
        case "twice":
            script.call("result", slot(_CORE))
            return script if query else script.step(_CORE)
        case "denied-host":
            return script.place(_CORE, "wasm/manifest", _BLOB, _CORE).step(_CORE)
        case "denied-send":
            script.place(0, "x", _BLOB, 10).call("message", ZERO_AT, 0, 0, slot(_BLOB), slot(11))
            return script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(12)).step(_CORE, outbox=12)
        case _:
            return script


def _start_rule(row: Row) -> str:
    """Return the rule that the state of a row decides."""
    if row["state"] in ("absent", "kept", "grown", "at-bound"):
        denied = row["action"] in ("random", "clock") and row["manifest"] not in ("everything", "streams")
        return _DENY if denied else _COMPLETE
    return _MODULE if row["state"] == "other-module" else _STRICT


def _end_rule(row: Row) -> str:
    """Return the rule that the memory and the budget of a row decide."""
    if row["memory"] in ("to-bound", "past-bound") and row["budget"] in ("2^31", "2^53", "2^63 - 1"):
        return _CAP
    return _TANK if row["limit"] == "tank" else _EXACT


def _start_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_STRICT, _COMPLETE, _MODULE, _DENY)


def _end_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_EXACT, _ATOMIC, _TANK, _CAP)


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("wasm/states", start, _start_rules, ("wasm.executor",), "wit"),
    *each_row("wasm/calls", end, _end_rules, ("wasm.executor",), "wit"),
)
