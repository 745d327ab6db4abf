"""The audit of a step: what it may have changed and sent under the manifest before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.host_calls import ZERO_AT, Script, script_guest, slot
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ACTOR, _CORE, _OUTBOX, _BLOB, _TREE, _MADE = 1, 2, 3, 4, 5, 6


def _beginning() -> Script:
    """Return a script that has actor, core, outbox, a blob and a tree in its slots."""
    script = Script().call("input", 0, slot(_ACTOR)).call("input", 2, slot(_CORE)).call("input", 4, slot(_OUTBOX))
    return script.blob(b"new", _BLOB).place(0, "x", _BLOB, _TREE)


def _changes(*paths: tuple[str, int]) -> Script:
    """Return a script whose step has other children at paths: slot 0 removes."""
    script = _beginning()
    for path, child in paths:
        script.place(_CORE, path, child, _CORE)
    return script.step(_CORE)


_HOST: Final = (
    ("wasm/new", _BLOB),
    ("wasm/manifest", _BLOB),
    ("wasm/manifest", 0),
    ("wasm/peers/p", _BLOB),
    ("wasm/state", _BLOB),
    ("wasm/state", 0),
    ("wasm/module", _BLOB),
    ("wasm/memory/00/00", _BLOB),
    ("wasm/creator", _TREE),
    ("wasm/fork", _TREE),
    ("wasm", _BLOB),
    ("wasm", _TREE),
    ("wasm", 0),
    ("wasn", _BLOB),
)
_CODE: Final = (
    ("wit", _BLOB),
    ("wit_query", _BLOB),
    ("wit_query", 0),
    ("wit_update", _BLOB),
    ("frozen", _BLOB),
    ("code/main.wasm", _BLOB),
    ("code/main.wasm", 0),
    ("code", _BLOB),
    ("code", 0),
    ("code/other.wasm", _BLOB),
    ("query/q.wasm", _BLOB),
    ("query", 0),
    ("wita", _BLOB),
)
_MOUNT: Final = (
    ("fs/r/a", _BLOB),
    ("fs/r", 0),
    ("fs/w/a", _BLOB),
    ("fs/w/a/b/c", _TREE),
    ("fs/w", _BLOB),
    ("fs/w", 0),
    ("fs/n", _BLOB),
    ("fs/n", 0),
    ("fs/u", _TREE),
    ("fs", _BLOB),
    ("fs", 0),
    ("fs/v", _BLOB),
    ("ft", _BLOB),
)


def _run_each(bench: GuestBench, rule: str, manifest: Mapping[str, Any], entries: dict[str, bytes], paths: Any) -> None:
    """Ask for the step of each change, all from one head."""
    actor = bench.run(script_guest(), manifest, also=entries)
    for path in paths:
        bench.probe(actor, _changes(path), rule=rule)


def host(trial: Trial, fmt: Format) -> None:
    """A step whose code changed ``wasm`` is denied with ``host``, whatever the manifest grants."""
    bench = GuestBench(trial, fmt)
    peers = bench.stage.tree(p=bench.stage.tree(a=bench.stage.blob(b"p")))
    for manifest in ({"image": True}, {"code": True, "raw": True, "send": "any", "spawn": "any", "update": "any"}):
        _run_each(bench, "wasm.grant.host", manifest, {"wasm_peers": peers}, _HOST)
    bench.run(script_guest(), rule="wasm.grant.host", script=bench.stage.blob(_changes(("wasm/a", _BLOB)).data()))
    bench.play()


def code(trial: Trial, fmt: Format) -> None:
    """Without ``code`` nodes, ``frozen`` and what module paths lead to stay, by whatever parent they would change."""
    bench = GuestBench(trial, fmt)
    module = bench.stage.blob(script_guest())
    node = bench.stage.blob(b"wasm:query/q.wasm")
    entries = {"query": bench.stage.tree(**{"q.wasm": module}), "wit_query": node}
    for manifest in ({}, {"code": True}):
        _run_each(bench, "wasm.grant.code", manifest, entries, _CODE)
    same = (
        Script().call("input", 2, slot(_CORE)).find(_CORE, "wit", _BLOB).place(_CORE, "wit", _BLOB, _CORE).step(_CORE)
    )
    bench.run(script_guest(), {}, title=b"same").tell(bench.stage.blob(same.data()), rule="wasm.grant.code")
    bench.play()


def mount(trial: Trial, fmt: Format) -> None:
    """Of ``fs`` only what is below ``rw`` mounts changes."""
    bench = GuestBench(trial, fmt)
    a = bench.stage.tree(a=bench.stage.blob(b"a"))
    for mounts in ({"r": "ro", "w": "rw", "v": "rw"}, {}):
        _run_each(bench, "wasm.grant.mount", {"mounts": mounts}, {"fs": bench.stage.tree(r=a, w=a, n=a)}, _MOUNT)
        _run_each(bench, "wasm.grant.mount", {"mounts": mounts}, {"name": bench.stage.blob(b"none")}, _MOUNT[:6])
    _run_each(bench, "wasm.grant.mount", {"mounts": {"w": "rw"}}, {"fs": bench.stage.blob(b"a blob")}, _MOUNT[2:11])
    bench.play()


def _sends(to: str, content: str = "", mt: bytes = b"", *, twice: bool = False, peer: str = "") -> Script:
    """Return a script that sends what is at a path of its core to what is at another, or to itself; else a blob."""
    script = _beginning().find(_CORE, to, 10) if to else _beginning().call("input", 0, slot(10))
    if content:
        script.find(_CORE, content, _BLOB)
    header = b"mt\0" + mt + b"\0" if mt else b""
    at, length = script.text(header), len(header)
    script.call("input", 4, slot(_OUTBOX)).call("message", ZERO_AT, at, length, slot(_BLOB), slot(11))
    if twice:
        script.blob(b"then", 12).call("message", slot(11), 0, 0, slot(12), slot(11))
    if peer:
        script.find(_CORE, peer, 14).place(_CORE, "wasm/peers/p", 14, _CORE)
    return script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(13)).step(_CORE, outbox=13)


def _sends_both(one: str, other: str) -> Script:
    """Return a script that sends the same to two that stand at paths of its core."""
    script = _beginning().find(_CORE, one, 10).find(_CORE, other, 14)
    script.call("input", 4, slot(_OUTBOX)).call("message", ZERO_AT, 0, 0, slot(_BLOB), slot(11))
    script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(13)).call(
        "mail", slot(13), slot(14), slot(11), slot(13)
    )
    return script.step(_CORE, outbox=13)


def send(trial: Trial, fmt: Format) -> None:
    """Who is no recipient is sent nothing: a peer, whom a reply is due, a child, and with ``any`` everybody is one."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.grant.send"
    other, peer = bench.stage.tree(name=bench.stage.blob(b"other")), bench.stage.tree(name=bench.stage.blob(b"peer"))
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    people = {"other": other, "peer": peer, "friend": friend, "wasm_peers": bench.stage.tree(p=peer)}
    for manifest in ({}, {"send": "reply"}, {"send": "any"}, {"spawn": "any"}, {"spawn": "wasm"}):
        actor = bench.run(script_guest(), manifest, also=people)
        for to in ("other", "peer", "friend", "wasm", "wasm/peers/p"):
            bench.probe(actor, _sends(to), rule=rule)
        for pair in (("peer", "other"), ("other", "peer"), ("peer", "wasm/peers/p")):
            bench.probe(actor, _sends_both(*pair), rule=rule)
        bench.probe(actor, _sends("friend"), rule=rule, sender=friend)
        actor.step((friend, actor.send(bench.stage.blob(Script().data()), sender=friend)))
        for twice in (False, True):
            bench.probe(actor, _sends("friend", twice=twice), rule=rule)
        bench.probe(actor, _sends("other"), rule=rule)
    actor = bench.run(script_guest(), {}, title=b"updated", also=people)
    code = bench.executor.shelf.names(actor.value.core)["code"]
    for to in ("other", "peer"):
        script = bench.stage.blob(_sends(to, peer="other").data())
        content = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code, script=script)
        bench.probe_content(actor, content, "update", rule=rule)
    bench.play()


def children(trial: Trial, fmt: Format, tape: Tape) -> None:
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
        script = _sends(f"c{number}", f"c{number}", b"genesis", twice=tape.once_in(3))
        bench.probe(actor, script, rule="wasm.grant.spawn")
    bench.play()


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
"""What a child asks for: more than the parent of :func:`respects` has, what it lacks, and what costs it nothing."""


def respects(trial: Trial, fmt: Format) -> None:
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
    cores += [first, second]
    entries = {f"c{number}": core for number, core in enumerate(cores)}
    peers = bench.stage.tree(p=friend)
    actor = bench.run(script_guest(), parent, wasm_peers=peers, also=entries)
    for name in entries:
        bench.probe(actor, _sends(name, name, b"genesis"), rule="wasm.grant.spawn")
    siblings = [name for name, core in entries.items() if core in (first, second)]
    bench.probe(actor, _births(siblings), rule="wasm.grant.spawn")
    bench.play()


def updates(trial: Trial, fmt: Format) -> None:
    """An update that raises rights is not sent without ``spawn`` ``any``, not even to who was created here."""
    bench = GuestBench(trial, fmt)
    stage = bench.stage
    contents = {
        "u0": stage.tree(k=stage.blob(b"plain")),
        "u1": stage.tree(wasm=stage.tree(manifest=bench.document({"v": 1}))),
        "u2": stage.tree(wasm=stage.blob(b"")),
        "u3": stage.tree(wit_update=stage.blob(MAIN)),
        "u4": stage.tree(wit=stage.blob(b"external:puppet/1")),
        "u5": stage.tree(wit_query=stage.blob(b"external:puppet/1")),
        "u6": stage.tree(wit=stage.blob(b"wasm:a/b"), wit_query=stage.blob(b"wasm:c")),
        "u7": stage.blob(b"no tree"),
        "u8": stage.tree(wit=stage.tree(a=stage.blob(b"b"))),
    }
    friend = stage.tree(name=stage.blob(b"friend"))
    contents["child"] = bench.guest_core(script_guest(), {"fuel": 1, "pages": 1})
    for manifest in ({"send": "any"}, {"send": "any", "spawn": "wasm"}, {"send": "any", "spawn": "any"}):
        actor = bench.run(script_guest(), manifest, friend=friend, also=contents)
        for name in list(contents)[:-1]:
            for mt in (b"update", b"job")[: 1 if "spawn" in manifest else 2]:
                script = _sends("friend", name, mt, twice=name in ("u1", "u3"))
                bench.probe(actor, script, rule="wasm.grant.send-update")
        for to, content in (("", "u0"), ("", "u1"), ("child", "child")):
            bench.probe(actor, _sends(to, content, b"update"), rule="wasm.grant.send-update")
    bench.play()


def tanks(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The tanks of children are paid from the tank of who sends their birth, all at once, or the step is denied."""
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
            bench.probe(actor, _sends(name, name, b"genesis"), rule=rule)
        bench.probe(actor, _births(list(entries)), rule=rule)
        bench.probe(actor, _births(["c0", "c0"]), rule=rule)
        actor.tell(bench.stage.blob(_sends("none", "none", b"genesis").data()), rule=rule)
        bench.probe(actor, _sends("c0", "c0", b"genesis"), rule=rule)
    born = {"child": bench.guest_core(script_guest(), {"fuel": 1, "tank": 99}), **_scripted(bench, _births(["child"]))}
    needed = bench.needed(bench.guest_core(script_guest(), {"tank": 1 << 40, "spawn": "wasm"}, **born))
    for tank in (needed, needed - 1):
        bench.run(script_guest(), {"tank": tank, "spawn": "wasm"}, rule=rule, also=born)
    bench.play()


def _scripted(bench: GuestBench, script: Script) -> dict[str, bytes]:
    return {"script": bench.stage.blob(script.data())}


def _births(names: list[str]) -> Script:
    """Return a script that sends several births at once; to one that is named again, one behind the other."""
    script = _beginning()
    for number, name in enumerate(names):
        previous = slot(11) if name in names[:number] else ZERO_AT
        script.find(_CORE, name, 10).call("message", previous, 0, 0, slot(10), slot(11))
        before = slot(13) if number else ZERO_AT
        script.call("mail", before, slot(10), slot(11), slot(13))
    return script.step(_CORE, outbox=13)


def first(trial: Trial, fmt: Format) -> None:
    """Of several things that a step may not, the first of the checks gives the code."""
    bench = GuestBench(trial, fmt)
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    actor = bench.run(script_guest(), {}, friend=friend, fs=bench.stage.tree(a=friend))
    changes = (("wasm/x", _BLOB), ("wit_query", _BLOB), ("fs/a", _BLOB))
    for start in range(len(changes) + 1):
        script = _beginning().find(_CORE, "friend", 10).call("message", ZERO_AT, 0, 0, slot(10), slot(11))
        script.call("mail", ZERO_AT, slot(10), slot(11), slot(13))
        for path, child in changes[start:]:
            script.place(_CORE, path, child, _CORE)
        bench.probe(actor, script.step(_CORE, outbox=13), rule="wasm.grant.host")
    bench.play()


PROPERTIES: Final = (
    *in_one_format("wasm/grant/host", host, "wasm.grant.host"),
    *in_one_format("wasm/grant/code", code, "wasm.grant.code"),
    *of_executors("wasm/grant/mount", mount, "wasm.grant.mount"),
    *in_one_format("wasm/grant/send", send, "wasm.grant.send"),
    *in_one_format("wasm/grant/respects", respects, "wasm.grant.spawn"),
    *of_executors("wasm/grant/children", children, "wasm.grant.spawn", "wasm.grant.send", given=tape(160), examples=2),
    *in_one_format("wasm/grant/updates", updates, "wasm.grant.send-update"),
    *in_one_format("wasm/grant/tanks", tanks, "wasm.grant.spawn-tank", given=tape(12), examples=2),
    *in_one_format(
        "wasm/grant/first", first, "wasm.grant.host", "wasm.grant.code", "wasm.grant.mount", "wasm.grant.send"
    ),
)
