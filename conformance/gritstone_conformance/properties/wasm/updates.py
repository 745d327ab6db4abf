"""Who may update a Wasm actor, and what an update may change."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.wasm.documents import CT_CBOR
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wasm.guest_lockstep import KEEPS, PUPPET_GRANTS, GuestLockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.guest_modules import wiping
from gritstone_conformance.strategies.guests import add_module, guest
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def senders(trial: Trial, fmt: Format) -> None:
    """An update from anybody but the creator is answered by the cursor-only step, unless ``update`` is ``any``."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update")
    stage = lockstep.stage
    stranger = lockstep.guest(b"stranger", "puppet", PUPPET_GRANTS)
    update = stage.tree(k=stage.blob(b"v"))
    for title, manifest, wasm in (
        (b"own", KEEPS, {}),
        (b"none", None, {}),
        (b"any", {**KEEPS, "update": "any"}, {}),
        (b"bad", {**KEEPS, "update": "all"}, {}),
        (b"named", KEEPS, {"creator": stranger}),
        (b"nobody", KEEPS, {"creator": stage.blob(b"nobody")}),
    ):
        actor = lockstep.guest(title, "counter", manifest, wasm=wasm)
        lockstep.tell(actor, update, "update", rule=lockstep.rule)
        lockstep.tell(
            stranger,
            stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=stage.blob(b"w"))),
            rule=lockstep.rule,
        )
        lockstep.ask_guest(actor, b"")
        lockstep.change(actor, wasm=lockstep.manifest({**KEEPS, "update": "all"}))
        lockstep.tell(
            stranger,
            stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=stage.blob(b"x"))),
            rule=lockstep.rule,
        )
    lockstep.compare()


def merges(trial: Trial, fmt: Format) -> None:
    """An update without code changes ``manifest`` and ``peers`` of ``wasm`` and nothing else of it."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update")
    stage = lockstep.stage
    actor = lockstep.guest(b"a", "counter", KEEPS)
    blob, tree = stage.blob(b"x"), stage.tree(x=stage.blob(b"x"))
    state = stage.blob(b"\xa2avadusd\0", *CT_CBOR)
    for wasm in (
        *(stage.tree(**{name: blob}) for name in ("state", "module", "memory", "creator", "fork", "other")),
        *(stage.tree(**{name: tree}) for name in ("creator", "fork", "peers", "memory", "state")),
        stage.tree(state=state),
        stage.tree(peers=stage.tree(me=actor)),
        stage.tree(memory=stage.tree(**{"00": stage.tree(**{"00": blob})})),
        blob,
    ):
        lockstep.change(actor, wasm=wasm, k=blob)
        lockstep.ask_guest(actor, b"")
    lockstep.change(actor, wasm=lockstep.manifest({**KEEPS, "fuel": 1}))
    lockstep.ask_guest(actor, b"")
    lockstep.change(actor, wasm=stage.tree(manifest=blob))
    lockstep.change(actor, wasm=lockstep.manifest(KEEPS))
    lockstep.ask_guest(actor, b"")
    lockstep.compare()


def stays(trial: Trial, fmt: Format) -> None:
    """An update without code leaves a guest with code of the form ``wasm:<path>``, or it is refused."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update-stays")
    stage = lockstep.stage
    for manifest in (KEEPS, {**KEEPS, "update": "any"}):
        actor = lockstep.guest(b"any" if "update" in manifest else b"own", "counter", manifest)
        for node in (b"external:puppet/1", b"/code:main:step", b"wasm:a:b", b"", b"wasm:code/main.wasm"):
            lockstep.change(actor, wit=stage.blob(node), k=stage.blob(node))
            lockstep.ask_guest(actor, b"")
        lockstep.change(actor, wit=stage.tree(a=stage.blob(b"wasm:x")))
        lockstep.change(actor, wit_query=stage.blob(b"external:puppet/1"))
        lockstep.change(actor, wit=stage.blob(b"wasm:code/none.wasm"))
        lockstep.ask_guest(actor, b"")
    lockstep.compare()


def from_guests(trial: Trial, fmt: Format) -> None:
    """A guest updates a guest that lets it, and no actor of the host: a peer, one without a step yet, or its sender."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update-guests")
    stage = lockstep.stage
    node = stage.blob(b"external:puppet/1", ("ct", "s"))
    born = stage.tree(wit=node, title=stage.blob(b"born"))
    lockstep.inject(born, born, headers=GENESIS, rule=lockstep.rule)
    lockstep.run(rule=lockstep.rule)
    friend = lockstep.guest(b"friend", "counter", {**KEEPS, "update": "any"})
    update = stage.tree(k=stage.blob(b"v"))
    for title, grants in ((b"all", PUPPET_GRANTS), (b"peers", {"fuel": PUPPET_GRANTS["fuel"], "raw": True})):
        unborn = stage.tree(wit=node, title=stage.blob(title))
        mixed = stage.tree(wit=node, wasm=lockstep.manifest(KEEPS), title=stage.blob(title))
        peers = stage.tree(a=born, b=unborn, c=friend, d=mixed)
        guest_actor = lockstep.guest(title, "puppet", grants, wasm={"peers": peers})
        for to in (born, unborn, friend, mixed):
            for number, kinds in enumerate((("update",), ("job",), ("update",), ("update", "job"))):
                ops = b"".join(programs.send(0, 1, mt) for mt in kinds)
                lockstep.tell(guest_actor, stage.program(ops, to, update), mode="signal", rule=lockstep.rule)
                lockstep.refs(rule=lockstep.rule)
                lockstep.change(guest_actor, note=stage.blob(to + b"%d" % number))
    lockstep.ask_guest(friend, b"")
    lockstep.compare()


def by_code(trial: Trial, fmt: Format) -> None:
    """Code of an update runs for the creator alone; another form of ``wit_update`` runs nothing."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.grant.update")
    stage = lockstep.stage
    stranger = lockstep.guest(b"stranger", "puppet", PUPPET_GRANTS)
    modules = stage.tree(**{"up.wasm": add_module(stage.graph, guest("puppet"))})
    grants = {**PUPPET_GRANTS, "image": True, "tank": 1 << 40}
    actor = lockstep.guest(b"a", "counter", grants)
    lockstep.ask_guest(actor, b"")
    works = programs.append("log", b"x") + programs.write("code/main.wasm", b"new")
    for node in (b"wasm:code/up.wasm", b"wasm:code/none.wasm", b"external:puppet/1", b"/code:a:b", b"wasm:wit_update"):
        content = {"code": modules, "program": stage.blob(works), "wit_update": stage.blob(node)}
        update = stage.tree(**content)
        send = stage.program(programs.send(0, 1, "update"), actor, update)
        lockstep.tell(stranger, send, rule=lockstep.rule)
        lockstep.tell(actor, update, "update", "signal", rule=lockstep.rule)
        lockstep.refs(rule=lockstep.rule)
    lockstep.change(actor, code=lockstep.module("counter"))
    lockstep.ask_guest(actor, b"")
    for path in ("wasm/state", "wasm/module", "wasm/memory/00/00", "wasm/creator", "wasm/manifest", "wasm/peers/p"):
        program = stage.blob(programs.put(path, 0))
        wit_update = stage.blob(b"wasm:code/up.wasm")
        update = stage.tree(**{"code": modules, "program": program, "wit_update": wit_update, "00": actor})
        lockstep.tell(actor, update, "update", "signal", rule=lockstep.rule)
        lockstep.refs(rule=lockstep.rule)
    lockstep.compare()


def creators(trial: Trial, fmt: Format) -> None:
    """A cleanup leaves the creator in the core, so that after a prune its updates, and only those, are accepted."""
    rule = "wasm.grant.creator"
    lockstep = GuestLockstepModel(trial, fmt, rule)
    stage = lockstep.stage
    mother = lockstep.guest(b"mother", "puppet", PUPPET_GRANTS)
    for number, manifest in enumerate((KEEPS, None, {"update": "any"}, {"tank": 1 << 40})):
        own = lockstep.guest(b"own %d" % number, "counter", manifest)
        given = lockstep.guest(b"given %d" % number, "counter", manifest, wasm={"creator": mother})
        for actor in (own, given):
            lockstep.ask_guest(actor, b"")
            lockstep.tell(actor, stage.blob(b"clean"), "cleanup", rule=rule)
            lockstep.refs(rule=rule)
        lockstep.flush()
        lockstep.prune()
        for actor in (own, given):
            lockstep.change(actor, k=stage.blob(b"agent"))
            update = stage.tree(k=stage.blob(b"mother"))
            lockstep.tell(mother, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
            lockstep.ask_guest(actor, b"")
            lockstep.tell(actor, stage.blob(b"again"), "cleanup", rule=rule)
    _forget_creator(lockstep, rule)
    lockstep.compare()


def _forget_creator(lockstep: GuestLockstepModel, rule: str) -> None:
    """Cut the history of an actor whose core does not name its creator, and refuse updates of it from any sender."""
    stage = lockstep.stage
    actor = lockstep.guest(b"nobody's", "counter", {"update": "any"})
    lockstep.tell(actor, stage.blob(b"clean"), "cleanup", rule=rule)
    lockstep.flush()
    lockstep.prune()
    for wasm in (lockstep.manifest(KEEPS), lockstep.manifest({"update": "any"})):
        lockstep.change(actor, wasm=wasm, k=wasm)
        lockstep.refs(rule=rule)


def frozen(trial: Trial, fmt: Format) -> None:
    """In a frozen core the module paths of the nodes are fixed, for updates and for guests that may change code."""
    rule = "wasm.grant.frozen"
    lockstep = GuestLockstepModel(trial, fmt, rule)
    stage = lockstep.stage
    for number, lines in enumerate((b"", b"k\n", b"code\n", b"bad")):
        entries = {"frozen": stage.blob(lines), "k": stage.blob(b"v")}
        actor = lockstep.guest(b"guest %d" % number, "counter", {"pages": 4}, **entries)
        for change in (
            {"code": lockstep.module("grow")},
            {"code": stage.tree(**{"other.wasm": stage.blob(b"free")})},
            {"code": stage.blob(b"")},
            {"k": stage.blob(b"w")},
            {"free": stage.blob(b"w")},
            {"wasm": lockstep.manifest({"pages": 5})},
        ):
            lockstep.change(actor, **change)
            lockstep.ask_guest(actor, b"")
        puppet = lockstep.guest(b"puppet %d" % number, "puppet", PUPPET_GRANTS, **entries)
        for path in ("code/main.wasm", "code/other.wasm", "code", "k", "free", "wit"):
            content = stage.program(programs.write(path, b"new"))
            lockstep.tell(puppet, content, mode="signal", rule=rule)
            lockstep.refs(rule=rule)
    for lines in (b"k\n", b"bad"):
        for module in ("counter", wiping()):
            actor = lockstep.guest(b"keeps", module, KEEPS, frozen=stage.blob(lines), k=stage.blob(b"v"))
            lockstep.ask_guest(actor, b"")
    modules = {name: stage.tree(**{"q.wasm": stage.blob(name.encode())}) for name in ("old", "new")}
    node = stage.blob(b"wasm:query/q.wasm")
    actor = lockstep.guest(b"asks", "counter", frozen=stage.blob(b"k\n"), wit_query=node, query=modules["old"])
    lockstep.change(actor, query=modules["new"])
    lockstep.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/update/senders", senders, "wasm.grant.update", features=()),
    *in_each_format("wasm/update/merges", merges, "wasm.grant.update", features=()),
    *in_each_format("wasm/update/stays", stays, "wasm.grant.update-stays", features=()),
    *in_each_format("wasm/update/from-guests", from_guests, "wasm.grant.update-guests", features=()),
    *in_each_format("wasm/update/by-code", by_code, "wasm.grant.update", "wasm.call.update", features=()),
    *in_each_format("wasm/update/creators", creators, "wasm.grant.creator", "wasm.grant.update", features=()),
    *in_each_format("wasm/update/frozen", frozen, "wasm.grant.frozen", features=()),
)
