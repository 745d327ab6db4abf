"""Manifests: one form, in every byte; what they do not grant is denied; what they ask is given or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import refused
from gritstone_conformance.model.values import Blob, Headers, Tree
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.properties.wasm.bench import GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.host_calls import BUFFERS, PAGE, ZERO_AT, CallScript, script_guest, slot
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "manifest_examples"]

_STRICT: Final = "wasm.manifest.strict"
_MOST: Final = (1 << 63) - 1

_FULL: Final[dict[str, Any]] = {
    "v": 1,
    "fuel": 1_000_000,
    "tank": _MOST,
    "pages": 4,
    "image": True,
    "random": bytes(32),
    "clock": {"start": 0, "tick": _MOST},
    "attempt": True,
    "query": True,
    "send": "any",
    "spawn": "any",
    "code": True,
    "update": "any",
    "raw": True,
    "mounts": {"a": "ro", "b": "rw"},
}

_GOOD: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"v": 1},
    _FULL,
    {"v": 1, "fuel": _MOST, "pages": 1},
    {"v": 1, "tank": 0},
    {"v": 1, "send": "reply", "spawn": "wasm"},
    {"v": 1, "mounts": {}},
    {"v": 1, "mounts": {"x" * 255: "rw", "two words": "ro"}},
)

_VALUES: Final[tuple[Any, ...]] = (0, 1, 2, 65_536, 65_537, _MOST, _MOST + 1, -1, True, False, "", "any", "reply")
_MORE: Final[tuple[Any, ...]] = (
    "wasm",
    "ro",
    b"",
    bytes(31),
    bytes(32),
    bytes(33),
    [],
    [1],
    {},
    {"a": "rw"},
    {"a": "x"},
)
_DEEPER: Final[tuple[Any, ...]] = (
    {"start": 0},
    {"start": 0, "tick": 1, "more": 1},
    {"start": _MOST + 1, "tick": 1},
    {"start": 0, "tick": -1},
    {"a/b": "ro"},
    {"": "ro"},
    {"..": "rw"},
    {"x" * 256: "rw"},
    {"a": True},
    {1: "ro"},
)


def _bent() -> Iterator[bytes]:
    """Yield manifests in other spellings, and bytes that are no manifest."""
    good = encode_item({"v": 1, "fuel": 1_000_000})
    yield from (
        b"",
        good[:-1],
        good + b"\0",
        b"\xa1\x61v\x01\xa1\x61v\x01",
        b"\xf6",
        b"\x80",
        b"\xa0",
        b"\x01",
        b"\xff",
    )
    yield good.replace(b"\x1a\x00\x0f\x42\x40", b"\x1b\0\0\0\0\x00\x0f\x42\x40")
    yield good.replace(b"\x61v\x01", b"\x61v\x18\x01")
    yield good.replace(b"\x61v", b"\x78\x01v")
    yield b"\xb8\x02" + good[1:]
    yield b"\xbf" + good[1:] + b"\xff"
    yield b"\xa2" + good[4:] + good[1:4]
    yield b"\xa2\x61v\x01\x61v\x01"
    yield b"\xc1" + good
    yield b"\xa2\x61v\x01\x64fuel\xf9\x3c\x00"
    yield b"\xa2\x61v\x01\x64fuel\xfa\x49\x74\x24\x00"
    yield b"\xa2\x61v\x01\x64fuel\xc2\x43\x0f\x42\x40"
    yield b"\xa2\x61v\x01\x65image\xf8\x15"
    yield b"\xa2\x61v\x01\x65image\xf7"
    yield b"\xa2\x61v\x01\x64send\x7f\x63any\xff"
    yield b"\xa2\x61v\x01\x64send\x63an\xff"
    yield b"\xa2\x41v\x01\x64fuel\x01"
    yield b"\xa2\x61v\x01\x00\x01"
    yield b"\xa1\x61v\xf9\x3c\x00"
    yield b'{"v":1}'


def manifest_examples() -> Iterator[bytes]:
    """Yield documents that are manifests, and documents that differ from one in one member or in their spelling."""
    yield from _by_member()
    yield from _bent()


def _by_member() -> Iterator[bytes]:
    yield from map(encode_item, _GOOD)
    for name in _FULL:
        yield from (encode_item({"v": 1, name: value}) for value in _few(name))


def documents(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A member that is unknown, lacking, of a wrong type or beyond its bound makes it no manifest."""
    bench = GuestBench(trial, fmt)
    for _ in range(12):
        members = dict(tape.pick(_GOOD)) if tape.below(3) else {"v": 1}
        for _ in range(tape.within(0, 2)):
            name = tape.pick((*_FULL, "V", "fuel ", "more", "state"))
            members[name] = tape.pick((*_VALUES, *_MORE, *_DEEPER))
        if tape.once_in(8):
            members.pop("v", None)
        _ask(bench, encode_item(members))
    bench.flush()


def members(trial: Trial, fmt: Format) -> None:
    """Each member has its values and no others."""
    bench = GuestBench(trial, fmt)
    for document in _by_member():
        _ask(bench, document)
    bench.flush()


def _few(name: str) -> tuple[Any, ...]:
    """Return values for a member that other members have, or that are just beyond its bound."""
    bounds = {"fuel": (0, _MOST + 1), "tank": (_MOST + 1, -1), "pages": (65_537, -1), "random": (bytes(31), bytes(33))}
    wide = {"clock": _DEEPER[:4], "mounts": (*_DEEPER[4:], {"a": "x"}), "send": ("wasm", ""), "spawn": ("reply", True)}
    return (*bounds.get(name, ()), *wide.get(name, ()), False, [], "all", 2)


def spellings(trial: Trial, fmt: Format) -> None:
    """Another spelling of CBOR, other headers, another kind, an erased blob: none is a manifest."""
    bench = GuestBench(trial, fmt)
    for data in _bent():
        _ask(bench, data)
    good = encode_item({"v": 1})
    others: tuple[Headers, ...] = (
        (),
        (("ct", "CBOR"),),
        (("CT", "cbor"),),
        (("ct", "cbor"), ("a", "b")),
        (("ct", "j"),),
    )
    for headers in (*others, CT_CBOR):
        bench.run(script_guest(), None, rule=_STRICT, wasm_manifest=bench.add(Blob(headers, good)))
    tree = bench.add(Tree((("v", bench.stage.blob(b"1")),)))
    bench.run(script_guest(), None, rule=_STRICT, wasm_manifest=tree)
    bench.run(script_guest(), None, rule=_STRICT, wasm=bench.stage.blob(b"no tree"))
    bench.flush()


def _ask(bench: GuestBench, manifest: bytes) -> None:
    """Ask for a first step under a manifest, which is made if it is one."""
    bench.run(script_guest(), manifest, rule=_STRICT)


_CALLS: Final = (("random", BUFFERS, 1), ("clock",), ("attempt",), ("query", ZERO_AT, 0, PAGE, ZERO_AT, slot(1)))


def deny(trial: Trial, fmt: Format) -> None:
    """What a manifest does not grant is denied with the code of the grant, each by itself."""
    bench = GuestBench(trial, fmt)
    grants = {"random": bytes(32), "clock": {"start": 1, "tick": 1}, "attempt": True, "query": True}
    for name, *args in _CALLS:
        script = bench.stage.blob(CallScript().call(name, *args).data())
        others = {grant: value for grant, value in grants.items() if grant != name}
        for manifest in (None, {}, others, {name: grants[name]}):
            bench.run(script_guest(), manifest, rule="wasm.manifest.deny", script=script)
        actor = bench.run(script_guest(), grants, title=b"asked")
        assert actor.head is not None
        bench.query(actor.head, "q", CallScript().call(name, *args).data(), rule="wasm.manifest.deny")
    bench.flush()


def pages(trial: Trial, fmt: Format) -> None:
    """More pages than the host declares are refused with ``host`` in every call, and never lowered."""
    bench = GuestBench(trial, fmt)
    most = trial.claims.limits["wasm_pages"]
    rule = "wasm.manifest.not-lowered"
    script = bench.stage.blob(CallScript().act("grow", 1).act("grow", most).act("grow", 0xFFFF_FFFF).data())
    for asked in (0, 1, 2, most, *((most + 1, 65_536) if most < 65_536 else ())):
        bench.run(script_guest(), {"fuel": 1 << 62, "pages": asked}, rule=rule, script=script)
    broken = bench.stage.tree(**{"main.wasm": bench.stage.blob(b"no module")})
    if most < 65_536:
        bench.run(script_guest(), {"pages": most + 1}, rule=rule, code=broken)
        actor = bench.run(script_guest(), {}, title=b"grown")
        more = bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document({"v": 1, "pages": most + 1})))
        actor.tell(more, "update", rule=rule)
        actor.tell(script, rule=rule)
        assert actor.head is not None
        bench.query(actor.head, "q", b"", rule=rule)
    bench.flush()


def limits(trial: Trial, fmt: Format) -> None:
    """The limits that a host declares are real: a memory of all its pages is carried out, and not a page more."""
    bench = GuestBench(trial, fmt)
    most = trial.claims.limits["wasm_pages"]
    last = (most << 16) - 4
    module = Assembly()
    module.memory(1)
    grown = ("i32.eq", ("memory.grow", ("i32.const", most - 1)), ("i32.const", 1))
    written = ("i32.shl", ("i32.load8_u", ("i32.const", last)), ("i32.const", 1))
    full = ("i32.shl", ("i32.eq", ("memory.grow", ("i32.const", 1)), ("i32.const", -1)), ("i32.const", 2))
    store = ("i32.store", ("i32.const", last), ("i32.const", 1))
    module.entry([grown, store, written, "i32.or", full, "i32.or"])
    actor = bench.guest(module.binary(), {"fuel": 1 << 40, "pages": most})
    expect = refused("rejected", "failed:guest:7")  # the model need not have this memory
    message = actor.send(actor.identity, "genesis")
    bench.fill()
    mail = [[bench.outside.hex(), message.hex()]]
    args = {"actor": actor.identity.hex(), "head": None, "inbox": mail, "attempt": 1}
    bench.ask("wit.step", args, expect, "wasm.host.limits")
    bench.flush()


def large(trial: Trial, fmt: Format) -> None:
    """A core of many entries, many host calls and a long content have no limit of the host."""
    rule = "wasm.host.no-other-limit"
    bench = GuestBench(trial, fmt)
    script = CallScript()
    for _ in range(100):
        script.call("input", 0, BUFFERS)
    entries = {f"n{number}": bench.stage.blob(b"") for number in range(2_000)}
    calls = bench.stage.blob(script.data())
    actor = bench.run(script_guest(), {"fuel": 1 << 62}, rule=rule, also={**entries, "script": calls})
    actor.tell(calls, rule=rule)
    actor.tell(bench.stage.blob(bytes(500_000)), rule=rule)
    bench.flush()


PROPERTIES: Final = (
    *in_one_format("wasm/host/large", large, "wasm.host.no-other-limit"),
    *in_one_format("wasm/manifest/documents", documents, _STRICT, given=tape(80), examples=4),
    *in_one_format("wasm/manifest/members", members, _STRICT),
    *of_executors("wasm/manifest/spellings", spellings, _STRICT),
    *in_one_format("wasm/manifest/deny", deny, "wasm.manifest.deny"),
    *in_one_format("wasm/manifest/pages", pages, "wasm.manifest.not-lowered", "wasm.host.limits"),
    *in_one_format("wasm/host/limits", limits, "wasm.host.limits"),
)
