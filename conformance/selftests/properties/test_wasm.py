"""The properties of ``wasm``: the model passes them, and each planted fault is reported under its rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any
from unittest.mock import patch

import pytest

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.wasm import abi, calls, documents, grants, image, machine, reading, running
from gritstone_conformance.model.wasm.abi import Host, Problem, Reply, Use
from gritstone_conformance.model.wasm.weights import ranges, weight
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Divergence, Property
from selftests.properties.model_runs import run_on_model

MINE = ("abi", "manifest", "grant", "image", "random", "clock", "wait", "host/limits", "call/updates", "call/pure")
PROPERTIES = [
    prop
    for prop in load_properties()
    if any(fnmatch(prop.name, f"wasm/{topic}*") for topic in MINE) and prop.kind == "property"
]
BY_NAME = {prop.name: prop for prop in PROPERTIES}
MODEL_LACKS = ("wasm/host/limits*",)  # memory of all the pages that it declares


@pytest.mark.parametrize(
    "prop",
    [prop for prop in PROPERTIES if not any(fnmatch(prop.name, name) for name in MODEL_LACKS)],
    ids=lambda prop: prop.name,
)
def test_model_passes(prop: Property) -> None:
    if "runtime" not in prop.requires.profiles:
        run_on_model(prop, GuestHost(), 2)


Patch = Any


class Planted(GuestHost):
    """A model whose faults are active only while it answers: the suite computes expected results without them."""

    def __init__(self, *faults: Patch) -> None:
        super().__init__()
        self.faults = faults

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        with ExitStack() as stack:
            for fault in self.faults:
                stack.enter_context(fault)
            return super()._answer(op, args)


def function(name: str, act: Callable[..., Reply]) -> Patch:
    return patch.dict(running._FUNCTIONS, {name: act})


def before(name: str, change: Callable[[Host, Reply], Reply]) -> Patch:
    old = running._FUNCTIONS[name]
    return function(name, lambda host, *args: change(host, old(host, *args)))


def knows_every_id(host: Host, *uses: Use) -> None:
    for use in uses:
        if use.identity == bytes(32) and not use.maybe:
            raise Problem(abi.UNKNOWN)
    for use in uses:
        if use.identity != bytes(32) and host.shelf.kind(use.identity) not in use.kinds:
            raise Problem(abi.KIND)


def forgets_lengths(name: str, args: list[int]) -> Iterator[tuple[str, int, int]]:
    return ((letter, start, min(length, 32)) for letter, start, length in ranges(name, args))


def entry_in_format_order(host: Host, identity: bytes, i: int, room: tuple[int, int], out: int) -> Reply:
    host.check(Use(identity, ("tree", "mailbox")))
    value = host.shelf.get(identity)
    entries = tuple(host.shelf.names(identity).items())
    pairs = [(name.encode(), target) for name, target in host.shelf.format.in_order(entries)]
    if i >= len(pairs):
        return Reply(abi.ABSENT, weight(value))
    return Reply(len(pairs[i][0]), weight(value), ((room[0], pairs[i][0], False), (out, pairs[i][1], True)))


def writes_beside_a_full_buffer(host: Host, identity: bytes, i: int, room: tuple[int, int], out: int) -> Reply:
    reply = reading._entry(host, identity, i, (room[0], 1 << 20), out)
    return (
        reply if not reply.outputs or len(reply.outputs[0][1]) <= room[1] else replace(reply, outputs=reply.outputs[1:])
    )


def shuffled(host: Host, reply: Reply) -> Reply:
    return replace(reply, outputs=reply.outputs[::-1])


def keeps_zero_pages(core: Any, module_id: bytes | None, memory: bytes) -> None:
    with patch.object(image, "_ZERO_PAGE", b""):
        put_image(core, module_id, memory)


put_image = image.put_image


def restores_no_globals(self: machine.Machine, memory: bytes, mutable: list[int]) -> None:
    self.memory[:] = memory


def restores_what_is_not_zero(self: machine.Machine, memory: bytes, mutable: list[int]) -> None:
    restore(
        self,
        bytes(old if new == 0 else new for old, new in zip(self.memory, memory, strict=False))
        + memory[len(self.memory) :],
        mutable,
    )


restore = machine.Machine.restore


def reads_no_image(*args: Any) -> Any:
    try:
        return read_image(*args)
    except Failure:
        return None


read_image = image.read_image


def initializes_always(self: Any) -> int:
    if self.machine.has("_initialize"):
        self.machine.call("_initialize")
    return int(enter(self))


enter = running._Call._enter


def yes(*args: Any) -> bool:
    return True


FAULTS: list[tuple[str, str, tuple[Patch, ...]]] = [
    (
        "wasm.abi.function",
        "wasm/abi/reading",
        (before("size", lambda host, reply: replace(reply, result=reply.result + 1)),),
    ),
    ("wasm.abi.function", "wasm/abi/inputs", (function("attempt", lambda host: Reply(1)),)),
    (
        "wasm.abi.function",
        "wasm/abi/making",
        (before("mail", lambda host, reply: replace(reply, weight=reply.weight + 8)),),
    ),
    ("wasm.abi.function", "wasm/abi/generated", (patch.object(abi, "base_of", lambda name: 100),)),
    ("wasm.abi.scope", "wasm/abi/scope", (patch.object(abi.Host, "check", knows_every_id),)),
    ("wasm.abi.scope", "wasm/abi/kept-ids", (patch.object(abi.Host, "check", knows_every_id),)),
    ("wasm.abi.range", "wasm/abi/every-range", (patch.object(abi, "ranges", forgets_lengths),)),
    ("wasm.abi.buffer", "wasm/abi/fitting", (function("entry", writes_beside_a_full_buffer),)),
    ("wasm.abi.buffer", "wasm/abi/overlapping", (before("entry", shuffled),)),
    ("wasm.abi.format-blind", "wasm/abi/blind", (function("entry", entry_in_format_order),)),
    (
        "wasm.manifest.strict",
        "wasm/manifest/members",
        (patch.dict(documents._MANIFEST, pages=lambda value: type(value) is int),),
    ),
    ("wasm.manifest.strict", "wasm/manifest/spellings", (patch.object(image, "CT_CBOR", ()),)),
    ("wasm.manifest.deny", "wasm/manifest/deny", (function("attempt", lambda host: Reply(1)),)),
    ("wasm.grant.host", "wasm/grant/host", (patch.object(grants.AuditedStep, "_host", yes),)),
    ("wasm.grant.code", "wasm/grant/code", (patch.object(grants.AuditedStep, "_code", yes),)),
    ("wasm.grant.mount", "wasm/grant/mount", (patch.object(grants.AuditedStep, "_mount", yes),)),
    ("wasm.grant.send", "wasm/grant/send", (patch.object(grants.AuditedStep, "_send", yes),)),
    ("wasm.grant.spawn", "wasm/grant/respects", (patch.object(grants.AuditedStep, "_is_narrower", yes),)),
    ("wasm.grant.spawn", "wasm/grant/respects", (patch.object(grants.AuditedStep, "_grants_less", yes),)),
    ("wasm.grant.spawn", "wasm/grant/respects", (patch.object(grants.AuditedStep, "_peers_are_recipients", yes),)),
    ("wasm.grant.send-update", "wasm/grant/updates", (patch.object(grants.AuditedStep, "_is_modest", yes),)),
    ("wasm.grant.update-guests", "wasm/grant/host-code", (patch.object(grants.AuditedStep, "_updates_guests", yes),)),
    ("wasm.grant.stays-guest", "wasm/grant/stays-guest", (patch.object(grants.AuditedStep, "_stays", yes),)),
    ("wasm.grant.spawn-tank", "wasm/grant/tanks", (patch.object(grants.AuditedStep, "tanks", lambda self: 0),)),
    ("wasm.image.nodes", "wasm/image/nodes", (patch.object(calls, "put_image", lambda *args: None),)),
    ("wasm.image.zero", "wasm/image/zero", (patch.object(calls, "put_image", keeps_zero_pages),)),
    ("wasm.image.complete", "wasm/image/complete", (patch.object(machine.Machine, "restore", restores_no_globals),)),
    (
        "wasm.image.residue",
        "wasm/image/residue",
        (patch.object(machine.Machine, "restore", restores_what_is_not_zero),),
    ),
    ("wasm.image.strict", "wasm/image/strict", (patch.object(calls, "read_image", reads_no_image),)),
    ("wasm.image.prepared", "wasm/image/prepared", (patch.object(running._Call, "_enter", initializes_always),)),
    (
        "wasm.random.stream",
        "wasm/random/stream",
        (patch.object(reading, "stream", lambda key, at, length: bytes(length)),),
    ),
    ("wasm.random.stream", "wasm/random/last", (patch.object(reading, "MOST", 1 << 64),)),
    ("wasm.clock.count", "wasm/clock/count", (patch.object(reading, "tick", lambda value, step: value + 1),)),
    ("wasm.call.update", "wasm/call/updates", (patch.object(calls.Finish, "_kept", lambda self, state: state),)),
    ("wasm.wait.denied", "wasm/wait/denied", (patch.object(abi.Host, "_wait", lambda self: 0),)),
    ("wasm.wait.fuel", "wasm/wait/fuel", (patch.object(running, "_WINDING", 1 << 22),)),
    (
        "wasm.wait.protocol",
        "wasm/wait/protocol",
        (patch.object(running, "_misuse", lambda: Failure("failed", "", code="trap:unreachable")),),
    ),
    ("wasm.wait.resume", "wasm/wait/resume", (patch.object(running._Call, "_rewind", lambda self: None),)),
]


@pytest.mark.parametrize(
    ("rule", "name", "faults"), FAULTS, ids=[f"{name}-{at}" for at, (_, name, _) in enumerate(FAULTS)]
)
def test_planted_fault_is_reported(rule: str, name: str, faults: tuple[Patch, ...]) -> None:
    prop = BY_NAME[f"{name}-cbor"] if f"{name}-cbor" in BY_NAME else BY_NAME[name]
    assert rule in prop.rules
    with pytest.raises(Divergence) as caught:
        run_on_model(prop, Planted(*faults), 8)
    assert caught.value.rule == rule
