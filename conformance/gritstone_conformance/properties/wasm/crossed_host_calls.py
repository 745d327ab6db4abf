"""Crossings of host calls: where ranges lie, what ids lead to, which numbers are passed, which of two defects decides.

The rows are those of the tables ``wasm/host-ranges``, ``wasm/host-objects``, ``wasm/host-numbers`` and
``wasm/host-orders``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.wasm.crossed_scene import BOUND
from gritstone_conformance.properties.wasm.host_scene import KEY, MANIFESTS, PARAMETERS, HostScene, Writer
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.host_calls import PAGE, SPARE, CallScript, slot
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_RANGE: Final = "wasm.abi.range"
_FUNCTION: Final = "wasm.abi.function"
_SCOPE: Final = "wasm.abi.scope"
_ORDER: Final = "wasm.abi.order"
_MOST: Final = (1 << 63) - 1
_WORD: Final = 0xFFFF_FFFF
_ROOM_AT: Final = SPARE + 0x100  # behind the records of the script guest
_ROOM: Final = 16
_ENOUGH_ROOM: Final = 40
_IDS, _OUTS = 50, 70  # slots
_OUTSIDE: Final = {"2^31": 1 << 31, "2^32 - 32": _WORD - 31, "2^32 - 1": _WORD}
_LENGTHS: Final = {"0": 0, "2^32 - 1": _WORD}
_BEYOND: Final = {"at": ("one-past", *_OUTSIDE), "length": ("past-end", "2^32 - 1")}
_TWINS: Final = {"at": "last", "length": "to-end"}
"""Dimension -> its values for ranges beyond memory, and the value for the longest or last one that is not."""


def call_at(trial: Trial, row: Row) -> None:
    """Make a host call with one pointer and one length at the places of a row, after its twin within memory."""
    usual = row["at"] == row["length"] == "usual"
    scene = HostScene(trial, row, _FUNCTION if usual else _RANGE)
    manifest = MANIFESTS[row["manifest"]]
    kept = scene.pages_image() if row["memory"] == "restored" else {}
    is_restored = bool(kept) and "image" in manifest and row["entry"] != "update"
    twin = {**row, **{name: _TWINS[name] for name, words in _BEYOND.items() if row[name] in words}}
    script = _ranged(scene, row, is_restored)
    scene.set_up(manifest, script, **kept)
    twin["results"] = "1" if row["results"] == "0" else row["results"]  # a call without a result shows nothing else
    if twin != row:
        scene.run_twin(_ranged(scene, twin, is_restored))
    scene.make_calls(script)


def _ranged(scene: HostScene, row: Row, is_restored: bool) -> CallScript:
    pages = 2 if is_restored else 1
    grow = {"grown": 1, "to-bound": BOUND - pages, "past-bound": BOUND - pages + 1}.get(row["memory"], 0)
    writer = Writer(scene, pages + grow if pages + grow <= BOUND else pages)
    writer.begin(grow)
    _call(writer, row["call"], *_placed(writer, row))
    writer.end(row["results"])
    return writer.script


def _pointers(name: str) -> list[int]:
    """Return the places of the parameters of a function that are pointers."""
    return [place for place, each in enumerate(PARAMETERS[name]) if not isinstance(each, int)]


def _placed(writer: Writer, row: Row) -> tuple[list[int], list[int]]:
    """Return the arguments of the call of a row, and the places of the ids that it writes."""
    name = row["call"]
    places = _pointers(name)
    moved = {"first": places[0], "middle": places[len(places) // 2], "last": places[-1]}[row["pointer"]]
    sized = next((place for place in places if _has_length(PARAMETERS[name][place])), None)
    args: list[int] = []
    outs: list[int] = []
    for place, each in enumerate(PARAMETERS[name]):
        if isinstance(each, int):
            args.append(each)
            continue
        usual = len(each) if isinstance(each, bytes) else _ROOM if each == "room" else 32
        is_moved = place == moved and row["at"] != "usual"
        at = _place(writer, row["at"], usual) if is_moved else _usual(writer, each, place)
        if isinstance(each, bytes):
            writer.write(each, at)
        elif each == "out":
            outs.append(at)
        elif each != "room":
            writer.fetch(each, at)
        args.append(at & _WORD)
        if _has_length(each):
            args.append(_length(writer, row["length"], at, usual) if place == sized else usual)
    return args, outs


def _has_length(each: str | bytes | int) -> bool:
    return isinstance(each, bytes) or each == "room"


def _usual(writer: Writer, each: str | bytes | int, place: int) -> int:
    """Return where a parameter points to if nothing is said about it."""
    if isinstance(each, bytes):
        return writer.script.text(each)
    return _ROOM_AT if each == "room" else slot((_OUTS if each == "out" else _IDS) + place)


def _place(writer: Writer, word: str, length: int) -> int:
    """Return the pointer that a word stands for."""
    size = writer.size
    near = {
        "0": 0,
        "over-page": PAGE - length // 2,
        "third-page": 2 * PAGE + 8,
        "last": size - length,
        "one-past": size - length + 1,
        "end": size,
    }
    return near[word] if word in near else _OUTSIDE[word]


def _length(writer: Writer, word: str, at: int, usual: int) -> int:
    near = {"usual": usual, "to-end": max(writer.size - at, 0), "past-end": max(writer.size - at, 0) + 1}
    return near.get(word, _LENGTHS.get(word, usual)) & _WORD


def _call(writer: Writer, name: str, args: Sequence[int], outs: Sequence[int]) -> None:
    """Make the host call, twice, and look at what it wrote."""
    writer.script.call(name, *args)
    writer.look(*outs)
    writer.script.call(name, *args)


_COUNTS: Final = {"message": 2, "mailbox": 1, "step": 5, "tree": 2, "empty-blob": 0, "input": 8, "covered": 1}
_NAMES: Final = {"mailbox": 32}
"""Kind of object -> the length of what `entry` writes; `ab` and `cde` are the names in the tree."""


def call_with(trial: Trial, row: Row) -> None:
    """Make a host call with the id of the object of a row."""
    known = row["object"] not in ("unknown", "out-of-scope", "erased-out-of-scope", "zero")
    scene = HostScene(trial, row, _FUNCTION if known else _SCOPE)
    writer = Writer(scene)
    writer.begin()
    place = ("first", "second", "third", "fourth", "fifth").index(row["place"])
    ids = [at for at in _pointers(row["call"]) if _is_id(PARAMETERS[row["call"]][at])]
    args, outs = _given(writer, row["call"], {ids[place]: row["object"]}, {})
    _call(writer, row["call"], args, outs)
    scene.set_up(MANIFESTS[row["manifest"]], writer.script)
    scene.lose(row["object"])
    scene.make_calls(writer.script)


def _is_id(each: str | bytes | int) -> bool:
    return isinstance(each, str) and each not in ("out", "room")


def call_numbered(trial: Trial, row: Row) -> None:
    """Make a host call with the number and the room of a row, and with more room than is needed."""
    scene = HostScene(trial, row, _FUNCTION)
    writer = Writer(scene)
    writer.begin()
    name, _, kind = row["call"].partition(" ")
    changed, objects = _changed(name, kind, row), {0: kind} if kind else {}
    args, outs = _given(writer, name, objects, changed)
    _call(writer, name, args, outs)
    args, outs = _given(writer, name, objects, {**changed, "room": _ENOUGH_ROOM})
    _call(writer, name, args, outs)
    scene.set_up(MANIFESTS[row["manifest"]], writer.script)
    scene.make_calls(writer.script)


def _changed(name: str, kind: str, row: Row) -> dict[str, int]:
    """Return the number and the room of a row."""
    count = _COUNTS.get(kind or name, 4)
    numbers = {"0": 0, "1": 1, "last": max(count - 1, 0), "past": count, "2^31": 1 << 31, "2^32 - 1": _WORD}
    number = numbers[row["number"]]
    whole = _NAMES.get(kind, 2 if number == 0 else 3) if name == "entry" else 4
    room = {"0": 0, "short": whole - 1, "exact": whole, "more": whole + 7}[row["room"]]
    return {"number": number, "room": room}


def _given(
    writer: Writer, name: str, objects: dict[int, str], changed: dict[str, int], texts: dict[int, bytes] | None = None
) -> tuple[list[int], list[int]]:
    """Return the arguments of a call with other objects, texts and numbers at some places, and where it writes ids."""
    args: list[int] = []
    outs: list[int] = []
    for place, usual in enumerate(PARAMETERS[name]):
        each = objects.get(place, (texts or {}).get(place, usual))
        if isinstance(each, int):
            args.append(changed.get("number", each))
            continue
        at = _usual(writer, each, place)
        if _is_id(each):
            writer.fetch(str(each), at)
        elif each == "out":
            outs.append(at)
        args.append(at)
        if _has_length(each):
            args.append(len(each) if isinstance(each, bytes) else changed.get("room", _ROOM))
    return args, outs


_WRONG: Final = {"link": "tree", "headers": "tree", "size": "message", "place": "message", "message": "tree"}
"""Function -> an object of a kind that it does not accept, where that is not a blob."""


def call_wrongly(trial: Trial, row: Row) -> None:
    """Make a host call with two defects."""
    scene = HostScene(trial, row, _ORDER)
    writer = Writer(scene)
    writer.begin()
    name, defects = row["call"], row["defects"].split()
    objects, changed, texts = _spoiled(name, defects)
    args, outs = _given(writer, name, objects, changed, texts)
    if "range" in defects:
        outs = []
        args[-2:] = [writer.size, 1] if _has_length(PARAMETERS[name][-1]) else [*args[-2:-1], writer.size - 31]
    _call(writer, name, args, outs)
    manifest = {**MANIFESTS["everything"]}
    if "grant" in defects:
        del manifest[name]
    kept = scene.pages_image(random=[KEY, _MOST - 1]) if "limit" in defects else {}
    scene.set_up(manifest, writer.script, **kept)
    scene.lose("erased" if "erased" in defects else "")
    scene.make_calls(writer.script)


def _spoiled(name: str, defects: Sequence[str]) -> tuple[dict[int, str], dict[str, int], dict[int, bytes]]:
    """Return the objects, numbers and texts that are wrong."""
    ids = [place for place in _pointers(name) if _is_id(PARAMETERS[name][place])]
    texts = [place for place in _pointers(name) if isinstance(PARAMETERS[name][place], bytes)]
    objects: dict[int, str] = {}
    changed: dict[str, int] = {}
    wrong: dict[int, bytes] = {}
    if "erased" in defects:
        objects[ids[-1]] = "erased"
    if "kind" in defects:
        objects[ids[0]] = _WRONG.get(name, "blob")
    if "unknown" in defects:
        objects[ids[0] if "erased" in defects or "absent" in defects else ids[-1]] = "unknown"
    if "invalid" in defects:
        changed["number"] = 99
        if texts:
            wrong[texts[-1]] = {"blob": b"k\0v", "message": b"k\0v", "query": b"na\xffe"}.get(name, b"a//b")
    if "absent" in defects:
        changed.update(_absent(name))
        if name in ("place", "mail"):
            objects[ids[-1]] = "zero"
        if texts and "invalid" not in defects:
            wrong[texts[0]] = b"none"
    return objects, changed, wrong


def _absent(name: str) -> dict[str, int]:
    """Return the number for which nothing is there."""
    return {"number": {"input": 5, "link": 0}.get(name, _WORD)}


def _features(*rules: str) -> Callable[[Iterable[str]], tuple[str, ...]]:
    return lambda _: rules


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("wasm/host-ranges", call_at, _features(_RANGE, _FUNCTION), ("wasm.executor",), "wit"),
    *each_row("wasm/host-objects", call_with, _features(_FUNCTION, _SCOPE), ("wasm.executor",), "wit"),
    *each_row("wasm/host-numbers", call_numbered, _features(_FUNCTION), ("wasm.executor",), "wit"),
    *each_row("wasm/host-orders", call_wrongly, _features(_ORDER), ("wasm.executor",), "wit"),
)
