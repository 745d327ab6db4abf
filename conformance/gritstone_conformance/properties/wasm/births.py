"""Births: which children a step may send, and what it pays for their tanks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wasm.grants import CORE, beginning, sends
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.host_calls import ZERO_AT, CallScript, script_guest, slot
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def children_without_more_grants(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Without ``spawn`` ``any`` only a narrower core of a guest is given birth, in each respect of the text."""
    bench = GuestBench(trial, fmt)
    spawn = tape.pick(("wasm", "wasm", "wasm", "any", None))
    own = _draw_manifest(tape) | {"fuel": 20_000_000, "spawn": spawn}
    own = {name: value for name, value in own.items() if value is not None}
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    entries = {"friend": friend}
    for number in range(6):
        entries[f"c{number}"] = _draw_child(bench, tape, own, friend)
    actor = bench.run(script_guest(), own, rule="wasm.grant.spawn", wasm_peers=bench.stage.tree(p=friend), also=entries)
    for number in range(6):
        script = sends(f"c{number}", f"c{number}", b"genesis", twice=tape.once_in(3))
        bench.probe(actor, script, rule="wasm.grant.spawn")
    bench.flush()


_GRANTS: Final[dict[str, tuple[Any, ...]]] = {
    "fuel": (20_000_000, 20_000_001, 1),
    "pages": (4, 5, 1),
    "tank": (None, 1 << 40, 1 << 39),
    "attempt": (None, True),
    "query": (None, True),
    "code": (None, True),
    "raw": (None, True),
    "update": (None, "any"),
    "send": (None, "reply", "any"),
}


def _draw_manifest(tape: Tape) -> dict[str, Any]:
    return {name: tape.pick(values) for name, values in _GRANTS.items() if tape.below(2)}


def _draw_child(bench: GuestBench, tape: Tape, own: Mapping[str, Any], friend: bytes) -> bytes:
    """Return a core that is narrower than its parent's, but for at most one or two things."""
    members = {name: value for name, value in own.items() if name != "spawn"}
    entries: dict[str, bytes] = {}
    if tape.below(2):
        name = tape.pick((*_GRANTS, "spawn"))
        members[name] = tape.pick(_GRANTS.get(name, ("wasm", "any", None)))
    if tape.once_in(3):
        name = tape.pick(("state", "module", "memory", "fork", "creator", "other"))
        entries[f"wasm_{name}"] = bench.stage.blob(b"there")
    if tape.once_in(4):
        stranger = bench.stage.tree(name=bench.stage.blob(b"stranger"))
        entries["wasm_peers"] = tape.pick((bench.stage.tree(p=friend), bench.stage.tree(p=stranger), friend, stranger))
    if tape.once_in(4):
        data = tape.pick((b"external:puppet/1", b"wasm:", b"wasm:no/such", MAIN, b""))
        entries[tape.pick(("wit", "wit_query", "wit_update"))] = bench.stage.blob(data)
    manifest: Any = {name: value for name, value in members.items() if value is not None}
    if tape.once_in(6):
        manifest = tape.pick((None, b"\xa0", {}))
    return bench.guest_core(script_guest(), manifest, tape.take(2).hex().encode(), **entries)


_WIDER: Final[tuple[dict[str, Any], ...]] = (
    {"fuel": 20_000_001},
    {"pages": 5},
    {"send": "any"},
    {"spawn": "any"},
    {"update": "any"},
)
_MORE: Final[tuple[dict[str, Any], ...]] = (
    {"attempt": True},
    {"query": True},
    {"code": True},
    {"raw": True},
    {"pages": 4, "send": "reply", "spawn": "wasm"},
)
_FREE: Final[tuple[dict[str, Any], ...]] = (
    {"image": True},
    {"random": bytes(32)},
    {"clock": {"start": 0, "tick": 1}},
    {"mounts": {"a": "rw"}},
    {"tank": 5},
)
"""Grants of a child: more than the parent of :func:`each_wider_grant` has, grants it lacks, and free ones."""


def each_wider_grant(trial: Trial, fmt: Format) -> None:
    """Each respect in which a child may be wider, by itself."""
    bench = GuestBench(trial, fmt)
    parent: dict[str, Any] = {"fuel": 20_000_000, "pages": 4, "spawn": "wasm", "send": "reply"}
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    blob = bench.stage.blob(b"there")
    least = {"fuel": 1, "pages": 1}
    cores = [
        bench.guest_core(script_guest(), {**least, **each}, b"m%d" % at)
        for at, each in enumerate((*_WIDER, *_MORE, *_FREE))
    ]
    stranger = bench.stage.tree(name=blob)
    odd: list[dict[str, bytes]] = [{f"wasm_{name}": blob} for name in ("state", "module", "memory", "fork", "creator")]
    odd += [{"wasm_other": blob}, {"wasm_peers": blob}]
    odd += [{"wasm_peers": bench.stage.tree(p=peer)} for peer in (friend, stranger)]
    puppet = bench.stage.blob(b"external:puppet/1")
    odd += [{name: puppet} for name in ("wit", "wit_query", "wit_update")]
    cores += [bench.guest_core(script_guest(), least, **each) for each in odd]
    cores += [bench.guest_core(script_guest(), None, b"default"), bench.guest_core(script_guest(), b"\xa0", b"broken")]
    first = bench.guest_core(script_guest(), least, b"first")
    second = bench.guest_core(script_guest(), least, b"second", wasm_peers=bench.stage.tree(p=first))
    cores += [first, second, bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document({"v": 1, **least})))]
    entries = {f"c{number}": core for number, core in enumerate(cores)}
    peers = bench.stage.tree(p=friend)
    actor = bench.run(script_guest(), parent, wasm_peers=peers, also=entries)
    for name in entries:
        bench.probe(actor, sends(name, name, b"genesis"), rule="wasm.grant.spawn")
    siblings = [name for name, core in entries.items() if core in (first, second)]
    bench.probe(actor, _births(siblings), rule="wasm.grant.spawn")
    tanks = [{**least, **tank} for tank in ({}, {"tank": 5})]
    entries = {f"c{at}": bench.guest_core(script_guest(), each, b"t%d" % at) for at, each in enumerate(tanks)}
    paying = bench.run(script_guest(), {**parent, "tank": 1 << 40}, title=b"pays", also=entries)
    for name in entries:
        bench.probe(paying, sends(name, name, b"genesis"), rule="wasm.grant.spawn")
    bench.flush()


def tanks_paid_by_sender(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The tanks of children are paid from the tank of the sender of their birth, all at once, or the step is denied."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.grant.spawn-tank"
    sizes = [tape.pick((0, 1, 1_000_000, 5_000_000, (1 << 63) - 1)) for _ in range(3)]
    entries = {
        f"c{n}": bench.guest_core(script_guest(), {"fuel": 1, "tank": size}, b"%d" % n) for n, size in enumerate(sizes)
    }
    none = bench.guest_core(script_guest(), {"fuel": 1}, b"none")
    for spawn in ("wasm", "any"):
        manifest = {"tank": tape.pick((7_000_000, 1_200_000, 12_000_000)), "spawn": spawn, "fuel": 10_000_000}
        actor = bench.run(script_guest(), manifest, title=spawn.encode(), none=none, also=entries)
        for name in (*entries, "none"):
            bench.probe(actor, sends(name, name, b"genesis"), rule=rule)
        bench.probe(actor, _births(list(entries)), rule=rule)
        bench.probe(actor, _births(["c0", "c0"]), rule=rule)
        actor.tell(bench.stage.blob(sends("none", "none", b"genesis").data()), rule=rule)
        bench.probe(actor, sends("c0", "c0", b"genesis"), rule=rule)
    _wrapping(bench, rule)
    born = {"child": bench.guest_core(script_guest(), {"fuel": 1, "tank": 99}), **_scripted(bench, _births(["child"]))}
    needed = bench.needed(bench.guest_core(script_guest(), {"tank": 1 << 40, "spawn": "wasm"}, **born))
    for tank in (needed, needed - 1):
        bench.run(script_guest(), {"tank": tank, "spawn": "wasm"}, rule=rule, also=born)
    bench.flush()


def _wrapping(bench: GuestBench, rule: str) -> None:
    """Ask for births whose tanks, added up, pass 2^63 and 2^64: a sum in 64 bits comes out small again."""
    most = (1 << 63) - 1
    sizes = {"w0": most, "w1": most, "w2": 2, "w3": 1, "w4": most - 1}
    entries = {
        name: bench.guest_core(script_guest(), {"fuel": 1, "tank": size}, name.encode()) for name, size in sizes.items()
    }
    manifest = {"tank": most, "spawn": "any", "fuel": 10_000_000}
    actor = bench.run(script_guest(), manifest, title=b"wraps", also=entries)
    for names in (("w0", "w1"), ("w0", "w1", "w2"), ("w0", "w1", "w4", "w2"), ("w0", "w3"), ("w0",)):
        bench.probe(actor, _births(list(names)), rule=rule)


def _scripted(bench: GuestBench, script: CallScript) -> dict[str, bytes]:
    return {"script": bench.stage.blob(script.data())}


def _births(names: list[str]) -> CallScript:
    """Return a script that sends several births at once; to one that is named again, one behind the other."""
    script = beginning()
    for number, name in enumerate(names):
        previous = slot(11) if name in names[:number] else ZERO_AT
        script.find(CORE, name, 10).call("message", previous, 0, 0, slot(10), slot(11))
        before = slot(13) if number else ZERO_AT
        script.call("mail", before, slot(10), slot(11), slot(13))
    return script.step(CORE, outbox=13)


PROPERTIES: Final = (
    *in_one_format("wasm/grant/respects", each_wider_grant, "wasm.grant.spawn"),
    *of_executors(
        "wasm/grant/children",
        children_without_more_grants,
        "wasm.grant.spawn",
        "wasm.grant.send",
        given=tape(160),
        examples=2,
    ),
    *in_one_format("wasm/grant/tanks", tanks_paid_by_sender, "wasm.grant.spawn-tank", given=tape(12), examples=2),
)
