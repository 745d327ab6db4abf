"""Who may update a Wasm actor, and what an update may change."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.wasm.documents import CT_CBOR
from gritstone_conformance.properties.runtime.double import GENESIS
from gritstone_conformance.properties.wasm.doubles import KEEPS, PUPPET_GRANTS, GuestDouble
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.guest_modules import wiping
from gritstone_conformance.strategies.guests import add_module, guest
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def senders(trial: Trial, fmt: Format) -> None:
    """An update from anybody but the creator is answered by the cursor-only step, unless ``update`` is ``any``."""
    house = GuestDouble(trial, fmt, "wasm.grant.update")
    stage = house.stage
    stranger = house.guest(b"stranger", "puppet", PUPPET_GRANTS)
    update = stage.tree(k=stage.blob(b"v"))
    for title, manifest, wasm in (
        (b"own", KEEPS, {}),
        (b"none", None, {}),
        (b"any", {**KEEPS, "update": "any"}, {}),
        (b"bad", {**KEEPS, "update": "all"}, {}),
        (b"named", KEEPS, {"creator": stranger}),
        (b"nobody", KEEPS, {"creator": stage.blob(b"nobody")}),
    ):
        actor = house.guest(title, "counter", manifest, wasm=wasm)
        house.tell(actor, update, "update", rule=house.rule)
        house.tell(
            stranger,
            stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=stage.blob(b"w"))),
            rule=house.rule,
        )
        house.ask_guest(actor, b"")
        house.change(actor, wasm=house.manifest({**KEEPS, "update": "all"}))
        house.tell(
            stranger,
            stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=stage.blob(b"x"))),
            rule=house.rule,
        )
    house.compare()


def merges(trial: Trial, fmt: Format) -> None:
    """An update without code changes ``manifest`` and ``peers`` of ``wasm`` and nothing else of it."""
    house = GuestDouble(trial, fmt, "wasm.grant.update")
    stage = house.stage
    actor = house.guest(b"a", "counter", KEEPS)
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
        house.change(actor, wasm=wasm, k=blob)
        house.ask_guest(actor, b"")
    house.change(actor, wasm=house.manifest({**KEEPS, "fuel": 1}))
    house.ask_guest(actor, b"")
    house.change(actor, wasm=stage.tree(manifest=blob))
    house.change(actor, wasm=house.manifest(KEEPS))
    house.ask_guest(actor, b"")
    house.compare()


def stays(trial: Trial, fmt: Format) -> None:
    """An update without code leaves a guest with code of the form ``wasm:<path>``, or it is refused."""
    house = GuestDouble(trial, fmt, "wasm.grant.update-stays")
    stage = house.stage
    for manifest in (KEEPS, {**KEEPS, "update": "any"}):
        actor = house.guest(b"any" if "update" in manifest else b"own", "counter", manifest)
        for node in (b"external:puppet/1", b"/code:main:step", b"wasm:a:b", b"", b"wasm:code/main.wasm"):
            house.change(actor, wit=stage.blob(node), k=stage.blob(node))
            house.ask_guest(actor, b"")
        house.change(actor, wit=stage.tree(a=stage.blob(b"wasm:x")))
        house.change(actor, wit_query=stage.blob(b"external:puppet/1"))
        house.change(actor, wit=stage.blob(b"wasm:code/none.wasm"))
        house.ask_guest(actor, b"")
    house.compare()


def from_guests(trial: Trial, fmt: Format) -> None:
    """A guest updates a guest that lets it, and no actor of the host: a peer, one without a step yet, or its sender."""
    house = GuestDouble(trial, fmt, "wasm.grant.update-guests")
    stage = house.stage
    node = stage.blob(b"external:puppet/1", ("ct", "s"))
    born = stage.tree(wit=node, title=stage.blob(b"born"))
    house.inject(born, born, headers=GENESIS, rule=house.rule)
    house.run(rule=house.rule)
    friend = house.guest(b"friend", "counter", {**KEEPS, "update": "any"})
    update = stage.tree(k=stage.blob(b"v"))
    for title, grants in ((b"all", PUPPET_GRANTS), (b"peers", {"fuel": PUPPET_GRANTS["fuel"], "raw": True})):
        unborn = stage.tree(wit=node, title=stage.blob(title))
        mixed = stage.tree(wit=node, wasm=house.manifest(KEEPS), title=stage.blob(title))
        peers = stage.tree(a=born, b=unborn, c=friend, d=mixed)
        guest_actor = house.guest(title, "puppet", grants, wasm={"peers": peers})
        for to in (born, unborn, friend, mixed):
            for number, kinds in enumerate((("update",), ("job",), ("update",), ("update", "job"))):
                ops = b"".join(programs.send(0, 1, mt) for mt in kinds)
                house.tell(guest_actor, stage.program(ops, to, update), mode="signal", rule=house.rule)
                house.refs(rule=house.rule)
                house.change(guest_actor, note=stage.blob(to + b"%d" % number))
    house.ask_guest(friend, b"")
    house.compare()


def by_code(trial: Trial, fmt: Format) -> None:
    """Code of an update runs for the creator alone; another form of ``wit_update`` runs nothing."""
    house = GuestDouble(trial, fmt, "wasm.grant.update")
    stage = house.stage
    stranger = house.guest(b"stranger", "puppet", PUPPET_GRANTS)
    modules = stage.tree(**{"up.wasm": add_module(stage.graph, guest("puppet"))})
    grants = {**PUPPET_GRANTS, "image": True, "tank": 1 << 40}
    actor = house.guest(b"a", "counter", grants)
    house.ask_guest(actor, b"")
    works = programs.append("log", b"x") + programs.write("code/main.wasm", b"new")
    for node in (b"wasm:code/up.wasm", b"wasm:code/none.wasm", b"external:puppet/1", b"/code:a:b", b"wasm:wit_update"):
        content = {"code": modules, "program": stage.blob(works), "wit_update": stage.blob(node)}
        update = stage.tree(**content)
        send = stage.program(programs.send(0, 1, "update"), actor, update)
        house.tell(stranger, send, rule=house.rule)
        house.tell(actor, update, "update", "signal", rule=house.rule)
        house.refs(rule=house.rule)
    house.change(actor, code=house.module("counter"))
    house.ask_guest(actor, b"")
    for path in ("wasm/state", "wasm/module", "wasm/memory/00/00", "wasm/creator", "wasm/manifest", "wasm/peers/p"):
        program = stage.blob(programs.put(path, 0))
        wit_update = stage.blob(b"wasm:code/up.wasm")
        update = stage.tree(**{"code": modules, "program": program, "wit_update": wit_update, "00": actor})
        house.tell(actor, update, "update", "signal", rule=house.rule)
        house.refs(rule=house.rule)
    house.compare()


def creators(trial: Trial, fmt: Format) -> None:
    """A cleanup leaves the creator in the core, so that after a prune its updates, and only those, are accepted."""
    rule = "wasm.grant.creator"
    house = GuestDouble(trial, fmt, rule)
    stage = house.stage
    mother = house.guest(b"mother", "puppet", PUPPET_GRANTS)
    for number, manifest in enumerate((KEEPS, None, {"update": "any"}, {"tank": 1 << 40})):
        own = house.guest(b"own %d" % number, "counter", manifest)
        given = house.guest(b"given %d" % number, "counter", manifest, wasm={"creator": mother})
        for actor in (own, given):
            house.ask_guest(actor, b"")
            house.tell(actor, stage.blob(b"clean"), "cleanup", rule=rule)
            house.refs(rule=rule)
        house.play()
        house.prune()
        for actor in (own, given):
            house.change(actor, k=stage.blob(b"agent"))
            update = stage.tree(k=stage.blob(b"mother"))
            house.tell(mother, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
            house.ask_guest(actor, b"")
            house.tell(actor, stage.blob(b"again"), "cleanup", rule=rule)
    _forget_creator(house, rule)
    house.compare()


def _forget_creator(house: GuestDouble, rule: str) -> None:
    """Cut the history of an actor whose core does not name its creator, and refuse updates of it from any sender."""
    stage = house.stage
    actor = house.guest(b"nobody's", "counter", {"update": "any"})
    house.tell(actor, stage.blob(b"clean"), "cleanup", rule=rule)
    house.play()
    house.prune()
    for wasm in (house.manifest(KEEPS), house.manifest({"update": "any"})):
        house.change(actor, wasm=wasm, k=wasm)
        house.refs(rule=rule)


def frozen(trial: Trial, fmt: Format) -> None:
    """In a frozen core the module paths of the nodes are fixed, for updates and for guests that may change code."""
    rule = "wasm.grant.frozen"
    house = GuestDouble(trial, fmt, rule)
    stage = house.stage
    for number, lines in enumerate((b"", b"k\n", b"code\n", b"bad")):
        entries = {"frozen": stage.blob(lines), "k": stage.blob(b"v")}
        actor = house.guest(b"guest %d" % number, "counter", {"pages": 4}, **entries)
        for change in (
            {"code": house.module("grow")},
            {"code": stage.tree(**{"other.wasm": stage.blob(b"free")})},
            {"code": stage.blob(b"")},
            {"k": stage.blob(b"w")},
            {"free": stage.blob(b"w")},
            {"wasm": house.manifest({"pages": 5})},
        ):
            house.change(actor, **change)
            house.ask_guest(actor, b"")
        puppet = house.guest(b"puppet %d" % number, "puppet", PUPPET_GRANTS, **entries)
        for path in ("code/main.wasm", "code/other.wasm", "code", "k", "free", "wit"):
            content = stage.program(programs.write(path, b"new"))
            house.tell(puppet, content, mode="signal", rule=rule)
            house.refs(rule=rule)
    for lines in (b"k\n", b"bad"):
        for module in ("counter", wiping()):
            actor = house.guest(b"keeps", module, KEEPS, frozen=stage.blob(lines), k=stage.blob(b"v"))
            house.ask_guest(actor, b"")
    modules = {name: stage.tree(**{"q.wasm": stage.blob(name.encode())}) for name in ("old", "new")}
    node = stage.blob(b"wasm:query/q.wasm")
    actor = house.guest(b"asks", "counter", frozen=stage.blob(b"k\n"), wit_query=node, query=modules["old"])
    house.change(actor, query=modules["new"])
    house.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/update/senders", senders, "wasm.grant.update", features=()),
    *in_each_format("wasm/update/merges", merges, "wasm.grant.update", features=()),
    *in_each_format("wasm/update/stays", stays, "wasm.grant.update-stays", features=()),
    *in_each_format("wasm/update/from-guests", from_guests, "wasm.grant.update-guests", features=()),
    *in_each_format("wasm/update/by-code", by_code, "wasm.grant.update", "wasm.call.update", features=()),
    *in_each_format("wasm/update/creators", creators, "wasm.grant.creator", "wasm.grant.update", features=()),
    *in_each_format("wasm/update/frozen", frozen, "wasm.grant.frozen", features=()),
)
