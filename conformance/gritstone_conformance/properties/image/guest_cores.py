"""Cores of guests: which are valid, for a first core, an install and a revert, and which code a message runs."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.wasm.documents import CT_CBOR
from gritstone_conformance.properties.image.guests import GuestImage, of_guests
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.assembler import Assembly, uleb
from gritstone_conformance.strategies.guest_modules import TAPE, draw_guest
from gritstone_conformance.strategies.guests import add_manifest, add_module
from gritstone_conformance.strategies.image.cores import CODE
from gritstone_conformance.strategies.image.courier import TOOL, courier, guest_core
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_VALID: Final = "image.wasm.valid"
_BOTH: Final = "image.wasm.both"
_UNDONE: Final = "image.wasm.undone"
_FUEL: Final = "image.wasm.fuel"
_IMPORTS: Final = "image.tool.imports"
_PINNED: Final = "image.code.pinned"
_ONCE: Final = "image.timer.once"
_MALFORMED: Final = "malformed/program"
_IMPORT: Final = "rejected/import"
_PAGES: Final = 65_536  # of WebAssembly


def _importing(module: str, name: str, result: str = "i32") -> bytes:
    """Return a module that imports a function without parameters."""
    guest = Assembly()
    kind = guest.type([], [result])
    guest.import_(module, name, b"\0" + uleb(kind))
    guest.memory(1)
    for entry in ("wit", "wit_query"):
        guest.entry([("i32.const", 0)], name=entry)
    return guest.binary()


def _exporting(*names: str, pages: int = 1) -> bytes:
    """Return a module that exports these entries."""
    guest = Assembly()
    guest.memory(pages)
    for name in names:
        guest.entry([("i32.const", 0)], name=name)
    return guest.binary()


def _cores(image: _Cores) -> list[tuple[str, bytes, str]]:
    """Return titles, first cores and how their genesis ends."""
    stage, graph = image.stage, image.stage.graph
    rights: dict[str, Any] = {"owner": image.one, "entry": {"do": "*"}}

    def of(title: str, module: bytes | None = None, **entries: bytes) -> bytes:
        return guest_core(stage, title, module, None, entries, **rights)

    def wit(title: str, name: str, node: str = "wit") -> bytes:
        return of(title, **{node: stage.text(name)})

    def wasm(title: str, data: bytes | None = None, /, **nodes: bytes) -> bytes:
        return of(title, data, wasm=stage.tree(**nodes))

    code, good = stage.text(CODE.decode()), add_module(graph, courier())
    foreign = add_module(graph, _importing("env", "now"))
    empty = add_module(graph, b"")
    some = add_manifest(graph, {"fuel": 1_000})
    broken = stage.blob(b"\xff", *CT_CBOR)
    kept = add_manifest(graph, {"fuel": 1_000, "image": True})
    bad_caps = guest_core(stage, "caps", b"", None, **rights, caps=("spawns",))
    foreign_caps = guest_core(stage, "import and caps", None, None, {"wit": code}, **rights, caps=("spawns",))
    two = {"wit_query": stage.text("wasm:code/other.wasm")}
    return [
        ("good", of("good"), COMMITTED),
        ("no manifest", stage.tree(**{**image.names(of("none")), "wasm": stage.tree(x=code)}), COMMITTED),
        ("deep", of("deep", code=stage.tree(a=stage.tree(b=good)), **image.nodes("wasm:code/a/b")), COMMITTED),
        ("other entries", of("others", code=stage.tree(**{"tool.wasm": good, "go": code, "x": empty})), COMMITTED),
        ("untyped", of("untyped", code=stage.tree(**{"tool.wasm": stage.blob(courier())})), COMMITTED),
        ("query is a program", of("query", wit_query=code), _IMPORT),
        ("step is a program", of("step", wit=code), _IMPORT),
        ("puppet", of("puppet", wit_query=stage.text("external:puppet/1")), _IMPORT),
        ("no path", wit("no path", "wasm:"), _IMPORT),
        ("colon", wit("colon", "wasm:code/a:b"), _IMPORT),
        ("empty name", wit("empty name", "wasm:code//tool.wasm"), _IMPORT),
        ("no path for queries", wit("no path 2", "wasm:", "wit_query"), _IMPORT),
        ("outside", of("outside", tool=good, **image.nodes("wasm:tool")), _MALFORMED),
        ("query outside", of("query outside", tool=good, wit_query=stage.text("wasm:tool")), _MALFORMED),
        ("outside, foreign", of("foreign", tool=foreign, **image.nodes("wasm:tool")), _MALFORMED),
        ("like code", of("like", codes=stage.tree(a=good), **image.nodes("wasm:codes/a")), _MALFORMED),
        ("code itself", of("itself", code=good, **image.nodes("wasm:code")), _MALFORMED),
        ("absent", of("absent", **image.nodes("wasm:code/absent")), _MALFORMED),
        ("query absent", wit("absent 2", "wasm:code/absent", "wit_query"), _MALFORMED),
        ("tree", of("tree", code=stage.tree(a=stage.tree(b=good)), **image.nodes("wasm:code/a")), _MALFORMED),
        ("no code", of("no code", code=good), _MALFORMED),
        ("no module", of("no module", b"\0asm"), _MALFORMED),
        ("empty module", of("empty module", b""), _MALFORMED),
        ("no query", of("no query", _exporting("wit")), _MALFORMED),
        ("no step", of("no step", _exporting("wit_query")), _MALFORMED),
        ("both entries", of("both entries", _exporting("wit", "wit_query")), COMMITTED),
        ("pages", of("pages", _exporting("wit", "wit_query", pages=9)), _MALFORMED),
        ("foreign module", of("foreign module", _importing("env", "now")), _IMPORT),
        ("foreign function", of("foreign function", _importing("grit", "now")), _IMPORT),
        ("foreign type", of("foreign type", _importing("grit", "attempt", "i64")), _IMPORT),
        ("session import", of("session import", _importing("grit2", "fuel", "i64")), _IMPORT),
        ("own import", of("own import", _importing("grit", "fuel", "i64")), COMMITTED),
        ("query imports", of("query imports", code=image.modules(good, foreign), **two), _IMPORT),
        ("step first", of("step first", code=image.modules(empty, foreign), **two), _MALFORMED),
        ("import first", of("import first", code=image.modules(foreign, empty), **two), _IMPORT),
        ("query second", of("query second", code=image.modules(good, empty), **two), _MALFORMED),
        ("manifest", wasm("manifest", manifest=broken), _MALFORMED),
        ("manifest before import", wasm("manifest first", _importing("env", "now"), manifest=broken), _MALFORMED),
        ("manifest tree", wasm("manifest tree", manifest=stage.tree(a=some)), _MALFORMED),
        ("old image", wasm("state", manifest=kept, module=good, state=broken), _MALFORMED),
        (
            "import before image",
            wasm("st", _importing("env", "now"), manifest=kept, module=good, state=broken),
            _IMPORT,
        ),
        ("state not kept", wasm("not kept", manifest=some, module=good, state=broken), COMMITTED),
        ("capability first", bad_caps, "malformed/capability"),
        ("node first", foreign_caps, _IMPORT),
        *_host(image, rights),
    ]


def _host(image: _Cores, rights: dict[str, Any]) -> list[tuple[str, bytes, str]]:
    """Return the cores with more pages than the host has, if it can have fewer than there are."""
    most = image.trial.claims.limits["wasm_pages"]
    if most >= _PAGES:
        return []
    modules = {"good": courier(), "foreign": _importing("env", "now"), "none": b""}
    pages = {"pages": most + 1}
    cores = {name: guest_core(image.stage, f"host {name}", data, pages, **rights) for name, data in modules.items()}
    cores["outside"] = guest_core(image.stage, "host outside", None, pages, image.nodes("wasm:tool"), **rights)
    return [(name, core, "exhausted/exhausted") for name, core in cores.items()]


class _Cores(GuestImage):
    """An image with helpers for cores."""

    def names(self, tree: bytes) -> dict[str, bytes]:
        """Return the entries of a tree that was added."""
        self.fill()
        return dict(self.model.shelf.names(tree))

    def nodes(self, name: str) -> dict[str, bytes]:
        """Return both code nodes."""
        return {"wit": self.stage.text(name), "wit_query": self.stage.text(name)}

    def modules(self, step: bytes, query: bytes) -> bytes:
        """Return the code of a module for each entry."""
        return self.stage.tree(**{"tool.wasm": step, "other.wasm": query})


def valid(trial: Trial, fmt: Format) -> None:
    """A guest is valid exactly by the conditions of the text, from R, from an actor and in an install."""
    image = _Cores(trial, fmt)
    stage, one = image.stage, image.one
    target, program = image.guest("target"), stage.actor("program", owner=one)
    image.create(program)
    for _, core, ends in _cores(image):
        image.create(core, ends=ends if ends == COMMITTED else f"refused {ends}", rule=_VALID)
        entries = image.names(core)
        content = {name: entries[name] for name in ("code", "wit", "wit_query")}
        image.say(target, "image.install", stage.tree(**content), ANY, rule=_VALID)
        image.say(program, "image.install", stage.tree(**content), ANY, rule=_VALID)
        image.order(one, stage.draft().join(core, "genesis", core), ANY, rule=_VALID)
    image.list_actors(rule=_VALID)
    image.log(rule=_VALID)
    image.judge(rule=_VALID)


def made_by_actors(trial: Trial, fmt: Format) -> None:
    """A genesis by a program fails with the failure of its first core; a savepoint contains it."""
    image = _Cores(trial, fmt)
    stage, one = image.stage, image.one
    for title, core, _ in _cores(image):
        names = image.names(image.names(core)["image"])
        if "caps" in names:
            continue
        wanted = stage.tree(**{**image.names(core), "name": stage.text(f"made {title}")})
        image.order(one, stage.draft().join(wanted, "genesis", wanted), ANY, rule=_VALID)
        image.order(one, stage.draft().join(wanted, "do", stage.empty()), ANY, rule=_VALID)
    image.list_actors(rule=_VALID)
    image.log(rule=_VALID)
    image.judge(rule=_VALID)


def replaced(trial: Trial, fmt: Format) -> None:
    """An install makes a guest of an actor, or the reverse, for the next operation; a revert judges the new core."""
    image = _Cores(trial, fmt)
    stage, one = image.stage, image.one
    rights: dict[str, Any] = {"owner": one, "entry": {"do": "*", "run": "*"}}
    manifest = stage.tree(manifest=add_manifest(stage.graph, {"fuel": 30_000, "image": True}))
    actor = stage.actor("turns", {"wasm": manifest}, code={"do": stage.draft().add("x", 1).seal()}, **rights)
    image.create(actor)
    module = add_module(stage.graph, courier())
    tool = stage.tree(code=stage.tree(**{"tool.wasm": module, "do": module}), **image.nodes(TOOL))
    program = stage.draft().add("x", 10).seal()
    back = stage.tree(code=stage.tree(**{"do": program, "tool.wasm": program}), **image.nodes(CODE.decode()))
    trap = stage.tree(code=stage.tree(**{"tool.wasm": add_module(stage.graph, courier("trapping"))}))
    cores = []
    for _ in range(2):
        for install in (tool, back):
            draft = stage.draft().join(actor, "do", stage.empty()).join(actor, "image.install", install)
            image.order(one, draft.join(actor, "do", stage.empty()), rule=_PINNED)
            cores.append(image.core(actor))
            image.do(actor, rule=_PINNED)
            image.do(actor, ends=ANY, rule=_PINNED, trap=stage.empty())
    image.say(actor, "image.install", tool, rule=_VALID)
    image.say(actor, "image.install", trap, rule=_VALID)
    image.do(actor, ends="rejected/failed:trap:unreachable", rule=_BOTH)
    image.say(actor, "image.install", stage.tree(**image.nodes(CODE.decode())), _MALFORMED, rule=_VALID)
    image.say(actor, "image.install", stage.tree(wit=stage.text(CODE.decode())), _IMPORT, rule=_VALID)
    for core in cores:
        image.say(actor, "image.revert", stage.tree(core=core), rule=_VALID)
        image.do(actor, rule=_VALID)
    broken = image.names(cores[0]) | {"code": stage.tree(**{"tool.wasm": stage.blob(b"none")})}
    image.say(actor, "image.revert", stage.tree(core=stage.tree(**broken)), _MALFORMED, rule=_VALID)
    foreign = stage.tree(**{"tool.wasm": add_module(stage.graph, _importing("env", "now"))})
    broken["code"] = foreign
    image.say(actor, "image.revert", stage.tree(core=stage.tree(**broken)), _IMPORT, rule=_VALID)
    image.list_actors(rule=_VALID)
    image.log(rule=_VALID)
    image.judge(rule=_VALID)


def timers(trial: Trial, fmt: Format) -> None:
    """A timer of a guest fires once; the guest does not see its entry, and its step has none, also if it fails."""
    image = GuestImage(trial, fmt)
    stage = image.stage
    guest = image.guest("timed", "send.*.*", image=True)
    path: dict[str, Any] = {"path": stage.blob(b"seen"), "child": stage.text("yes")}
    for mt in ("do", "absent", "do"):
        image.do(guest, image.told(guest, "image.timer", stage.text(f"5 {mt}")), rule=_ONCE, **path)
    image.world(rule=_ONCE)
    image.clock(100)
    for _ in range(3):
        image.run(1, rule=_ONCE)
        image.world(rule=_ONCE)
    trapping = image.guest("traps", module=courier("trapping"))
    image.order(image.one, stage.draft().post(trapping, "do", stage.empty()).post(guest, "do", stage.empty()))
    image.run(rule=_BOTH)
    image.log(rule=_ONCE)
    image.judge(rule=_ONCE)


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any module answers messages of all kinds in operations with any fuel, as the model computes it."""
    image = GuestImage(trial, fmt)
    stage, one = image.stage, image.one
    found = draw_guest(tape, size=30)
    manifest: dict[str, Any] = {"pages": max(found.pages, 1), "fuel": tape.pick((20_000, 50, 1 + tape.below(3_000)))}
    manifest |= {"image": True} if tape.below(2) else {}
    code = stage.text("wasm:code/drawn.wasm")
    rights: dict[str, Any] = {"owner": one, "entry": {"do": "*"}}
    core = guest_core(stage, "drawn", None, manifest, {"wit": code}, modules=(("drawn.wasm", found.module),), **rights)
    if image.create(core, ends=ANY, rule=_VALID) != COMMITTED:
        return
    nothing = stage.empty()
    for _ in range(4):
        image.limit(one, fuel=tape.pick((30_000, 30 + tape.below(4_000))))
        image.order(one, stage.draft().save(core, "do", nothing).save(core, "do", nothing), ANY, rule=_FUEL)
        image.say(core, "do", nothing, ANY, rule=_FUEL)
        image.order(one, stage.draft().join(core, "do", nothing).fail(), ANY, rule=_UNDONE)
        image.order(one, stage.draft().spin(tape.below(40)).post(core, "do", nothing), ANY, rule=_FUEL)
        image.run(rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
    image.judge(rule=_UNDONE)


PROPERTIES: Final = (
    *of_guests("wasm/valid", valid, _VALID, _IMPORTS),
    *of_guests("wasm/made", made_by_actors, _VALID),
    *of_guests("wasm/replaced", replaced, _VALID, _PINNED),
    *of_guests("wasm/timers", timers, _BOTH, _ONCE),
    *of_guests("wasm/drawn", drawn, _FUEL, _UNDONE, given=tape(TAPE), examples=10),
)
