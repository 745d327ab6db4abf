"""The audit of a step: what it may have changed and sent under the manifest before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Step
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.host_calls import ZERO_AT, CallScript, script_guest, slot
from gritstone_conformance.trial import Trial

__all__ = ["CORE", "PROPERTIES", "beginning", "sends"]

_ACTOR, CORE, _OUTBOX, _BLOB, _TREE, _MADE = 1, 2, 3, 4, 5, 6


def beginning() -> CallScript:
    """Return a script that has actor, core, outbox, a blob and a tree in its slots."""
    script = CallScript().call("input", 0, slot(_ACTOR)).call("input", 2, slot(CORE)).call("input", 4, slot(_OUTBOX))
    return script.blob(b"new", _BLOB).place(0, "x", _BLOB, _TREE)


def _changes(*paths: tuple[str, int]) -> CallScript:
    """Return a script whose step has other children at paths: slot 0 removes."""
    script = beginning()
    for path, child in paths:
        script.place(CORE, path, child, CORE)
    return script.step(CORE)


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


def _update_each(
    bench: GuestBench, rule: str, manifest: Mapping[str, Any], entries: dict[str, bytes], paths: Any
) -> None:
    """Ask for the step of each change as code of an update makes it, all from one head."""
    actor = bench.run(script_guest(), manifest, title=b"updated", also=entries)
    code = bench.executor.shelf.names(actor.value.core)["code"]
    for path in paths:
        script = bench.stage.blob(_changes(path).data())
        content = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code, script=script)
        bench.probe_content(actor, content, "update", rule=rule)


def wasm_tree_unchanged(trial: Trial, fmt: Format) -> None:
    """A step whose code changed ``wasm`` is denied with ``host``, whatever the manifest grants."""
    bench = GuestBench(trial, fmt)
    peers = bench.stage.tree(p=bench.stage.tree(a=bench.stage.blob(b"p")))
    for manifest in ({"image": True}, {"code": True, "raw": True, "send": "any", "spawn": "any", "update": "any"}):
        _run_each(bench, "wasm.grant.host", manifest, {"wasm_peers": peers}, _HOST)
    bench.run(script_guest(), rule="wasm.grant.host", script=bench.stage.blob(_changes(("wasm/a", _BLOB)).data()))
    for manifest in ({"image": True}, {}):
        _update_each(bench, "wasm.grant.host", manifest, {"wasm_peers": peers}, _HOST)
    bench.flush()


def code_nodes_unchanged(trial: Trial, fmt: Format) -> None:
    """Without ``code`` nodes, ``frozen`` and what module paths lead to stay, by whatever parent they would change."""
    bench = GuestBench(trial, fmt)
    module = bench.stage.blob(script_guest())
    node = bench.stage.blob(b"wasm:query/q.wasm")
    entries = {"query": bench.stage.tree(**{"q.wasm": module}), "wit_query": node}
    for manifest in ({}, {"code": True}):
        _run_each(bench, "wasm.grant.code", manifest, entries, _CODE)
    _update_each(bench, "wasm.grant.code", {}, entries, _CODE)
    same = CallScript().call("input", 2, slot(CORE)).find(CORE, "wit", _BLOB).place(CORE, "wit", _BLOB, CORE).step(CORE)
    bench.run(script_guest(), {}, title=b"same").tell(bench.stage.blob(same.data()), rule="wasm.grant.code")
    bench.flush()


def mount(trial: Trial, fmt: Format) -> None:
    """Of ``fs`` only what is below ``rw`` mounts changes."""
    bench = GuestBench(trial, fmt)
    a = bench.stage.tree(a=bench.stage.blob(b"a"))
    for mounts in ({"r": "ro", "w": "rw", "v": "rw"}, {}):
        _run_each(bench, "wasm.grant.mount", {"mounts": mounts}, {"fs": bench.stage.tree(r=a, w=a, n=a)}, _MOUNT)
        _run_each(bench, "wasm.grant.mount", {"mounts": mounts}, {"name": bench.stage.blob(b"none")}, _MOUNT[:6])
    _run_each(bench, "wasm.grant.mount", {"mounts": {"w": "rw"}}, {"fs": bench.stage.blob(b"a blob")}, _MOUNT[2:11])
    bench.flush()


def sends(to: str, content: str = "", mt: bytes = b"", *, twice: bool = False, peer: str = "") -> CallScript:
    """Return a script that sends what is at a path of its core to what is at another, or to itself; else a blob."""
    script = beginning().find(CORE, to, 10) if to else beginning().call("input", 0, slot(10))
    if content:
        script.find(CORE, content, _BLOB)
    header = b"mt\0" + mt + b"\0" if mt else b""
    at, length = script.text(header), len(header)
    script.call("input", 4, slot(_OUTBOX)).call("message", ZERO_AT, at, length, slot(_BLOB), slot(11))
    if twice:
        script.blob(b"then", 12).call("message", slot(11), 0, 0, slot(12), slot(11))
    if peer:
        script.find(CORE, peer, 14).place(CORE, "wasm/peers/p", 14, CORE)
    return script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(13)).step(CORE, outbox=13)


def _sends_both(one: str, other: str) -> CallScript:
    """Return a script that sends the same to two actors at paths of its core."""
    script = beginning().find(CORE, one, 10).find(CORE, other, 14)
    script.call("input", 4, slot(_OUTBOX)).call("message", ZERO_AT, 0, 0, slot(_BLOB), slot(11))
    script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(13)).call(
        "mail", slot(13), slot(14), slot(11), slot(13)
    )
    return script.step(CORE, outbox=13)


def _chain(*texts: bytes) -> CallScript:
    """Return a script that makes messages, each behind the one before, and sends the last."""
    script, previous = beginning().find(CORE, "other", 10), ZERO_AT
    for text in texts:
        script.blob(text, 12).call("message", previous, 0, 0, slot(12), slot(11))
        previous = slot(11)
    script.call("mail", slot(_OUTBOX), slot(10), slot(11), slot(13))
    return script.step(CORE, outbox=13)


def chains(trial: Trial, fmt: Format) -> None:
    """A guest sends behind its last message, or begins another chain; behind an older message it sends nothing."""
    bench = GuestBench(trial, fmt)
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    actor = bench.run(script_guest(), {"send": "any"}, also={"other": other})
    actor.tell(bench.stage.blob(_chain(b"1", b"2").data()), rule="wit.admit.outbox")
    for texts in ((b"1", b"2", b"3"), (b"1", b"3"), (b"1",), (b"4",), (b"4", b"5"), (b"1", b"3", b"4")):
        bench.probe(actor, _chain(*texts), rule="wit.admit.outbox")
    bench.flush()


def send(trial: Trial, fmt: Format) -> None:
    """An actor that is no recipient is sent nothing; a peer, one owed a reply, a child, and with ``any`` all are."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.grant.send"
    other, peer = bench.stage.tree(name=bench.stage.blob(b"other")), bench.stage.tree(name=bench.stage.blob(b"peer"))
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    people = {"other": other, "peer": peer, "friend": friend, "wasm_peers": bench.stage.tree(p=peer)}
    for manifest in ({}, {"send": "reply"}, {"send": "any"}, {"spawn": "any"}, {"spawn": "wasm"}):
        actor = bench.run(script_guest(), manifest, also=people)
        for to in ("other", "peer", "friend", "wasm", "wasm/peers/p"):
            bench.probe(actor, sends(to), rule=rule)
        for pair in (("peer", "other"), ("other", "peer"), ("peer", "wasm/peers/p")):
            bench.probe(actor, _sends_both(*pair), rule=rule)
        bench.probe(actor, sends("friend"), rule=rule, sender=friend)
        actor.step((friend, actor.send(bench.stage.blob(CallScript().data()), sender=friend)))
        for twice in (False, True):
            bench.probe(actor, sends("friend", twice=twice), rule=rule)
        bench.probe(actor, sends("other"), rule=rule)
    actor = bench.run(script_guest(), {}, title=b"updated", also=people)
    code = bench.executor.shelf.names(actor.value.core)["code"]
    for to in ("other", "peer"):
        script = bench.stage.blob(sends(to, peer="other").data())
        content = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code, script=script)
        bench.probe_content(actor, content, "update", rule=rule)
    _send_again(bench, rule)
    bench.flush()


def _send_again(bench: GuestBench, rule: str) -> None:
    """Send from an actor to its child, and withdraw that, while it may give birth and once it may not any more."""
    child = bench.guest_core(script_guest(), {"fuel": 1, "pages": 1}, b"child")
    actor = bench.run(script_guest(), {"spawn": "wasm"}, title=b"mother", child=child)
    actor.tell(bench.stage.blob(sends("child", "child", b"genesis").data()), rule=rule)
    gone = beginning().find(CORE, "child", 10).call("mail", slot(_OUTBOX), slot(10), ZERO_AT, slot(13))
    gone.step(CORE, outbox=13)
    for manifest in ({"spawn": "wasm"}, {}):
        wasm = bench.stage.tree(manifest=bench.document({"v": 1, **manifest}))
        actor.tell(bench.stage.tree(wasm=wasm), "update", rule=rule)
        for script in (sends("child"), gone):
            bench.probe(actor, script, rule=rule)


def updates(trial: Trial, fmt: Format) -> None:
    """An update that raises rights is not sent without ``spawn`` ``any``, not even to an actor created here."""
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
    friend = stage.tree(wit=stage.blob(MAIN))
    contents["child"] = bench.guest_core(script_guest(), {"fuel": 1, "pages": 1})
    for manifest in ({"send": "any"}, {"send": "any", "spawn": "wasm"}, {"send": "any", "spawn": "any"}):
        actor = bench.run(script_guest(), manifest, friend=friend, also=contents)
        for name in list(contents)[:-1]:
            for mt in (b"update", b"job")[: 1 if "spawn" in manifest else 2]:
                script = sends("friend", name, mt, twice=name in ("u1", "u3"))
                bench.probe(actor, script, rule="wasm.grant.send-update")
        for to, content in (("", "u0"), ("", "u1"), ("child", "child")):
            bench.probe(actor, sends(to, content, b"update"), rule="wasm.grant.send-update")
    bench.flush()


_NODES: Final = {
    "guest": MAIN,
    "another": b"wasm:x",
    "source": b"/code:main:step",
    "external": b"external:puppet/1",
    "colon": b"wasm:a:b",
    "bare": b"wasm:",
    "upper": b"WASM:x",
    "empty": b"",
}
"""Code nodes; the first two are of guests."""

_SPELLINGS: Final = (b"update", b"Update", b"updates", b"update ", b"cleanup", b"")


def _receivers(bench: GuestBench) -> dict[str, bytes]:
    """Return the first cores of actors with code of any form, by a name."""
    stage = bench.stage
    receivers = {
        name: stage.tree(wit=stage.blob(data), title=stage.blob(name.encode())) for name, data in _NODES.items()
    }
    receivers["none"] = stage.tree(title=stage.blob(b"none"))
    receivers["tree"] = stage.tree(wit=stage.tree(a=stage.blob(MAIN)))
    receivers["query"] = stage.tree(wit=stage.blob(b"external:puppet/1"), wit_query=stage.blob(MAIN))
    return receivers


def host_code(trial: Trial, fmt: Format) -> None:
    """An update goes to actors whose first core is that of a guest, and to no other, whatever is granted."""
    bench = GuestBench(trial, fmt)
    stage, rule = bench.stage, "wasm.grant.update-guests"
    receivers = _receivers(bench)
    contents = {"plain": stage.tree(k=stage.blob(b"v")), "blob": stage.blob(b"no tree")}
    contents["files"] = stage.tree(code=stage.tree(**{"main.py": stage.blob(b"import os")}))
    everything = {"send": "any", "spawn": "any", "update": "any", "code": True, "raw": True}
    for manifest in ({}, {"send": "reply"}, {"send": "any"}, {"spawn": "wasm", "tank": 1 << 40}, everything):
        peers = stage.tree(**receivers)
        actor = bench.run(script_guest(), manifest, also={**receivers, **contents, "wasm_peers": peers})
        for to in receivers:
            for content in contents if to in ("guest", "source") else ("plain",):
                bench.probe(actor, sends(to, content, b"update"), rule=rule)
            bench.probe(actor, sends(to, "plain", b"update", twice=True), rule=rule)
        for mt in _SPELLINGS:
            bench.probe(actor, sends("source", "files", mt), rule=rule)
        bench.probe(actor, sends("", "plain", b"update"), rule=rule)
        for to in ("guest", "source"):
            bench.probe(actor, sends(to, to, b"update"), rule=rule)
            bench.probe(actor, sends(to, "plain", b"update"), rule=rule, sender=receivers[to])
            actor.tell(stage.blob(sends(to, "plain", b"job").data()), rule=rule)
            bench.probe(actor, sends(to, "plain", b"update"), rule=rule)
    bench.flush()


def update_to_itself(trial: Trial, fmt: Format) -> None:
    """A guest sends an update to itself only if its first core is that of a guest; an update may have made it one."""
    bench = GuestBench(trial, fmt)
    stage, rule = bench.stage, "wasm.grant.update-guests"
    contents = {"plain": stage.tree(k=stage.blob(b"v")), "blob": stage.blob(b"no tree")}
    receivers = _receivers(bench)
    for identity in (receivers[name] for name in ("guest", "source", "external", "none", "query")):
        for manifest in ({}, {"send": "any", "spawn": "any", "update": "any", "code": True, "raw": True}):
            actor = BenchActor(bench, identity)
            genesis = actor.send(identity, "genesis")
            actor.head = bench.add(Step(None, identity, bench.box((bench.outside, genesis)), None, identity))
            bench.fill()
            core = bench.guest_core(script_guest(), manifest, wasm_peers=stage.tree(me=identity), **contents)
            actor.head = bench.pretend(actor, core)
            bench.probe(actor, sends("", "plain", b"update"), rule=rule)
            bench.probe(actor, sends("", "plain", b"job"), rule=rule)
        bench.probe(actor, sends("", "blob", b"update", twice=True), rule=rule)
        actor.tell(stage.blob(sends("", "plain", b"job").data()), rule=rule)
        bench.probe(actor, sends("", "plain", b"update"), rule=rule)
    bench.flush()


def erased(trial: Trial, fmt: Format) -> None:
    """A receiver whose first core has an erased ``wit`` is not known to be a guest, so it is sent no update."""
    bench = GuestBench(trial, fmt)
    stage, node = bench.stage, bench.stage.blob(b"wasm:erased.wasm")
    receiver = stage.tree(wit=node, title=stage.blob(b"erased"))
    also = {"to": receiver, "plain": stage.tree(k=stage.blob(b"v")), "wasm_peers": stage.tree(p=receiver)}
    actor = bench.run(script_guest(), {}, also=also)
    for _ in range(2):
        for mt in (b"update", b"job"):
            bench.probe(actor, sends("to", "plain", mt), rule="wasm.grant.update-guests")
        bench.flush()
        bench.erase(node)


def form_of_code_unchanged(trial: Trial, fmt: Format) -> None:
    """No step of a guest gives it code of another form at ``wit``, not even with ``code`` or after ``wit_update``."""
    bench = GuestBench(trial, fmt)
    stage, rule = bench.stage, "wasm.grant.stays-guest"
    nodes = {name: stage.blob(data) for name, data in _NODES.items()}
    actor = bench.run(script_guest(), {"code": True}, also={**nodes, "to": stage.tree(a=nodes["guest"])})
    code = bench.executor.shelf.names(actor.value.core)["code"]
    for name in nodes:
        for path in ("wit", "wit_query"):
            script = beginning().find(CORE, name, 10).place(CORE, path, 10, CORE).step(CORE)
            bench.probe(actor, script, rule=rule)
            content = stage.tree(wit_update=stage.blob(MAIN), code=code, script=stage.blob(script.data()))
            bench.probe_content(actor, content, "update", rule=rule)
    for child in (0, _TREE):
        bench.probe(actor, _changes(("wit", child)), rule=rule)
    bench.flush()


def first_failed_check(trial: Trial, fmt: Format) -> None:
    """Of several things that a step may not, the first of the checks gives the code."""
    bench = GuestBench(trial, fmt)
    friend = bench.stage.tree(name=bench.stage.blob(b"friend"))
    actor = bench.run(script_guest(), {}, friend=friend, fs=bench.stage.tree(a=friend))
    changes = (("wasm/x", _BLOB), ("wit_query", _BLOB), ("fs/a", _BLOB))
    for start in range(len(changes) + 1):
        script = beginning().find(CORE, "friend", 10).call("message", ZERO_AT, 0, 0, slot(10), slot(11))
        script.call("mail", ZERO_AT, slot(10), slot(11), slot(13))
        for path, child in changes[start:]:
            script.place(CORE, path, child, CORE)
        bench.probe(actor, script.step(CORE, outbox=13), rule="wasm.grant.host")
    bench.flush()


PROPERTIES: Final = (
    *in_one_format("wasm/grant/host", wasm_tree_unchanged, "wasm.grant.host"),
    *in_one_format("wasm/grant/code", code_nodes_unchanged, "wasm.grant.code"),
    *of_executors("wasm/grant/mount", mount, "wasm.grant.mount"),
    *in_one_format("wasm/grant/send", send, "wasm.grant.send"),
    *of_executors("wasm/grant/chains", chains, "wit.admit.outbox", once=True),
    *in_one_format("wasm/grant/updates", updates, "wasm.grant.send-update"),
    *of_executors("wasm/grant/host-code", host_code, "wasm.grant.update-guests", once=True),
    *in_one_format("wasm/grant/itself", update_to_itself, "wasm.grant.update-guests"),
    *of_executors("wasm/grant/erased-node", erased, "wasm.grant.update-guests", features=("erase",)),
    *of_executors("wasm/grant/stays-guest", form_of_code_unchanged, "wasm.grant.stays-guest"),
    *in_one_format(
        "wasm/grant/first",
        first_failed_check,
        "wasm.grant.host",
        "wasm.grant.code",
        "wasm.grant.mount",
        "wasm.grant.send",
    ),
)
