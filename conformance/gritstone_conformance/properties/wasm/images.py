"""State and image: what a step leaves of them, what the next call finds, and which of them are not restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Message, Step
from gritstone_conformance.model.wasm.documents import CT_CBOR, encode_item
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.guest_modules import wiping
from gritstone_conformance.strategies.guests import add_module
from gritstone_conformance.strategies.host_calls import PAGE, SPARE, CallScript, script_guest, slot
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_IMAGE: Final[dict[str, Any]] = {"image": True, "fuel": 20_000_000, "pages": 6}


def nodes(trial: Trial, fmt: Format, tape: Tape) -> None:
    """State, module and memory are there after each step exactly as the manifest grants them."""
    bench = GuestBench(trial, fmt)
    grants = {"image": True, "random": bytes(32), "clock": {"start": 1, "tick": 2}, "tank": 1 << 50}
    actor = bench.run(script_guest(), {**_draw(tape, grants), "pages": 6, "image": True}, rule="wasm.image.nodes")
    size, keeps = 1, True
    for _ in range(tape.within(2, 5)):
        script, size = CallScript(), size if keeps else 1
        for _ in range(tape.within(0, 6)):
            size = _draw_act(tape, script, size)
        actor.tell(bench.stage.blob(script.data()), rule="wasm.image.nodes")
        if tape.once_in(3):
            wanted = {"v": 1, "pages": 6, **_draw(tape, grants)}
            keeps = "image" in wanted
            more = bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document(wanted)))
            actor.tell(more, "update", rule="wasm.image.nodes")
    if actor.head is not None:
        bench.holds(actor.head, rule="wasm.image.nodes")
    bench.flush()


def _draw(tape: Tape, grants: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in grants.items() if tape.below(2)}


def _draw_act(tape: Tape, script: CallScript, size: int) -> int:
    """Add something that changes memory or the global; returns the size of the memory behind it."""
    place = PAGE * tape.below(size) + 0xF000 + 4 * tape.below(8)
    choice = tape.below(4)
    if choice == 0:
        more = tape.within(0, 3)
        script.act("grow", more)
        size += more if size + more <= 6 else 0
    elif choice == 1:
        script.act("set", tape.pick((0, 1, 0xFFFF_FFFF, 1 << 31)))
    else:
        script.act("store", place, tape.pick((0, 1, 0xFFFF_FFFF)))
    return size


def left_nodes(trial: Trial, fmt: Format) -> None:
    """A first step without any grant removes what its core has of an image, and ``wasm`` with its last entry."""
    bench = GuestBench(trial, fmt)
    blob = bench.stage.blob(b"there")
    for names in (("state",), ("module",), ("memory",), ("state", "module", "memory"), ("state", "other"), ()):
        bench.run(script_guest(), None, rule="wasm.image.nodes", also={f"wasm_{name}": blob for name in names})
    bench.flush()


def complete(trial: Trial, fmt: Format) -> None:
    """All memory and all mutable globals are at the beginning of a call what they were at the end of the one before."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.image.complete"
    actor = bench.run(script_guest(initializes=True), _IMAGE, rule=rule)
    ends = (0xB000, PAGE - 4, PAGE, 2 * PAGE - 4, 2 * PAGE, 3 * PAGE - 4)
    write = CallScript().act("get").act("grow", 2).act("set", 0x8123_4567)
    for number, place in enumerate(ends):
        write.act("store", place, 0x0101_0101 * (number + 1))
    look = CallScript().act("get").act("grow", 0)
    for place in (*ends, 2 * PAGE + 4):
        look.act("load", place)
    for script in (write, look, CallScript().act("set", 0).act("store", PAGE, 0).act("grow", 1), look, look):
        actor.tell(bench.stage.blob(script.data()), rule=rule)
    assert actor.head is not None
    bench.query(actor.head, "look", look.data(), rule="wasm.call.query")
    large = bench.run(script_guest(), {**_IMAGE, "pages": 300, "fuel": 20_000_000}, title=b"large")
    far = (128 * PAGE, 256 * PAGE, 258 * PAGE - 4)
    for act in ("store", "load"):
        script = CallScript().act("grow", 257 if act == "store" else 0)
        for place in far:
            script.act(act, place, 7)
        large.tell(bench.stage.blob(script.data()), rule=rule)
    bench.flush()


def zero_pages_absent(trial: Trial, fmt: Format) -> None:
    """A page of zeros is absent, and so is a tree without pages; what becomes zero again vanishes."""
    bench = GuestBench(trial, fmt)
    actor = bench.run(script_guest(), _IMAGE)
    for acts in (
        (("grow", 3), ("store", 3 * PAGE, 1)),
        (("store", 2 * PAGE + 8, 7), ("store", 3 * PAGE, 0)),
        (("fill", 2 * PAGE, 0, PAGE),),
        (("fill", 2 * PAGE, 0, 2 * PAGE),),
    ):
        script = CallScript()
        for name, *args in acts:
            script.act(name, *args)
        actor.tell(bench.stage.blob(script.data()), rule="wasm.image.zero")
    assert actor.head is not None
    bench.holds(actor.head, rule="wasm.image.zero")
    empty = bench.run(wiping(), _IMAGE, rule="wasm.image.zero")
    for _ in range(2):
        empty.tell(bench.outside, rule="wasm.image.zero")
    bench.run(script_guest(), wasm_memory=bench.outside, rule="wasm.image.nodes")  # nothing of wasm is left
    bench.flush()


def residue(trial: Trial, fmt: Format) -> None:
    """No byte of a data segment, of another call or of another actor shows through a restored memory."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.image.residue"
    actors = [bench.run(script_guest(), _IMAGE, title=title) for title in (b"a", b"b")]
    wipe = CallScript().act("load", SPARE).act("fill", SPARE, 0, 16).act("load", SPARE).act("store", 0xC000, 5)
    look = CallScript().act("load", SPARE).act("load", SPARE + 12).act("load", 0xC000).act("load", PAGE - 4)
    noise = CallScript().act("fill", 0xB000, 0xEE, PAGE - 0xB000).act("grow", 2).act("fill", PAGE, 0xEE, 2 * PAGE)
    plain = bench.run(script_guest(), {"fuel": 20_000_000}, title=b"plain")
    for actor, script in ((actors[0], wipe), (actors[1], noise), (plain, noise), (actors[0], look), (actors[0], look)):
        actor.tell(bench.stage.blob(script.data()), rule=rule)
    grown = CallScript().act("grow", 1).act("load", PAGE).act("load", 2 * PAGE - 4)
    for actor in (actors[0], plain):
        actor.tell(bench.stage.blob(grown.data()), rule=rule)
    bench.flush()


def without_memory(trial: Trial, fmt: Format) -> None:
    """The image of a module without a memory has no pages, and a call and a query continue from it."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.image.complete"
    guest = Assembly()
    main = guest.function([], ["i32"], [], [("i32.const", 0)])
    for entry in ("wit", "wit_query"):
        guest.export(entry, main)
    state = bench.document({"v": 1, "used": 5, "pages": 0, "globals": []})
    module = add_module(bench.stage.graph, guest.binary())
    core = bench.guest_core(guest.binary(), {"image": True, "fuel": 1_000}, wasm_state=state, wasm_module=module)
    genesis, message = (bench.add(Message(None, headers, core)) for headers in ((("mt", "genesis"),), ()))
    head = bench.add(Step(None, core, bench.box((bench.outside, genesis)), None, core))
    bench.step(core, head, [(bench.outside, message)], rule=rule)
    bench.query(head, "q", rule=rule)
    bench.flush()


def image_in_genesis_core(trial: Trial, fmt: Format) -> None:
    """A genesis core with an image runs on it, and ``_initialize`` does not."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.image.prepared"
    warm = _warmed(bench, script_guest(initializes=True))
    look = bench.stage.blob(CallScript().act("get").act("load", 0xC000).act("grow", 0).data())
    for core in (warm, _with(bench, warm, "wasm/module", None)):
        actor = BenchActor(bench, _with(bench, core, "script", look))
        actor.tell(actor.identity, "genesis", rule=rule)
        actor.tell(look, rule=rule)
    bench.flush()


def _warmed(bench: GuestBench, module: bytes, manifest: dict[str, Any] = _IMAGE) -> bytes:
    """Return the core of an actor whose memory has a second page and whose global was set."""
    actor = bench.run(module, manifest)
    actor.tell(
        bench.stage.blob(
            CallScript().act("set", 99).act("store", 0xC000, 5).act("grow", 1).act("store", PAGE, 1).data()
        )
    )
    return actor.value.core


def _with(bench: GuestBench, core: bytes, path: str, target: bytes | None) -> bytes:
    """Return a core with something else at a path."""
    bench.fill()
    tree = WorkingTree(bench.executor.shelf, bench.executor.shelf.names(core))
    tree.delete(path.split("/"))
    if target is not None:
        tree.put(path.split("/"), target)
    changed = tree.seal()
    for value in list(bench.executor.shelf.added.values()):
        bench.add(bench.stage.graph.format.decode(value))
    bench.executor.shelf.forget()
    bench.fill()
    return changed


_GOOD: Final[dict[str, Any]] = {"v": 1, "used": 7, "pages": 2, "globals": [5]}
"""The members of a state that is right."""

_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"globals": [0xFFFF_FFFF]},
    {"globals": [1 << 32]},
    {"globals": []},
    {"globals": [1, 2]},
    {"globals": [-1]},
    {"globals": None},
    {"pages": None},
    {"pages": 0},
    {"pages": 1},
    {"pages": 6},
    {"pages": 7},
    {"used": None},
    {"used": (1 << 63) - 1},
    {"used": 1 << 63},
    {"v": 2},
    {"call": "wit"},
    {"call": "wit_query"},
    {"more": 1},
    {"random": [bytes(32), 0]},
    {"random": [bytes(31), 0]},
    {"random": [bytes(32)]},
    {"clock": 1 << 63},
)
"""What is changed in it; None: the member is left out. The first two are no defects."""


def _defects(bench: GuestBench) -> Iterator[tuple[str, bytes | None]]:
    """Yield paths and what stands there instead: first some that are no defects, then one defect each."""
    page = bench.stage.blob(b"\1" + bytes(PAGE - 1))
    yield from (("wasm/memory/00/01", page), ("wasm/memory/00/01", None), ("wasm/module", None))
    yield "name", bench.stage.blob(b"x")
    yield from _state_defects(bench)
    yield from _memory_defects(bench)


def _state_defects(bench: GuestBench) -> Iterator[tuple[str, bytes]]:
    """Yield what stands at ``wasm/state``: documents with one change, then what is no such document."""
    for changes in _CHANGES:
        members = {name: value for name, value in {**_GOOD, **changes}.items() if value is not None}
        yield "wasm/state", bench.document(members)
    blob = bench.stage.blob(b"x")
    yield from (("wasm/state", bench.stage.tree(x=blob)), ("wasm/state", blob))
    yield "wasm/state", bench.add(Blob((), encode_item(_GOOD)))
    yield "wasm/state", bench.add(Blob((*CT_CBOR, ("a", "b")), encode_item(_GOOD)))


def _memory_defects(bench: GuestBench) -> Iterator[tuple[str, bytes]]:
    """Yield memory entries: blobs for trees, names that are no numbers or too large, invalid pages."""
    blob, page = bench.stage.blob(b"x"), bench.stage.blob(b"\1" + bytes(PAGE - 1))
    for name in ("", "/00", "/0", "/0g", "/000", "/0A"):
        yield f"wasm/memory{name}", blob
    for name in ("00/0", "00/0G", "00/02", "01/00", "zz/00"):
        yield f"wasm/memory/{name}", page
    for data in (bytes(PAGE), b"\1" * (PAGE - 1), b"\1" * (PAGE + 1)):
        yield "wasm/memory/00/00", bench.stage.blob(data)
    yield from (("wasm/memory/00/00", blob), ("wasm/memory/00/00", bench.stage.tree(x=blob)))
    yield "wasm/memory/00/00", bench.add(Blob((("a", "b"),), b"\1" * PAGE))


def each_image_defect(trial: Trial, fmt: Format) -> None:
    """Each defect of state and image makes every call that reads it unresolved with ``image``."""
    bench = GuestBench(trial, fmt)
    core = _warmed(bench, script_guest())
    for path, target in _defects(bench):
        actor = BenchActor(bench, _with(bench, core, path, target))
        actor.tell(actor.identity, "genesis", rule="wasm.image.strict")
    bench.flush()


def readers(trial: Trial, fmt: Format) -> None:
    """What a manifest does not keep is not read: its defects are none; a query and an update read what they use."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.image.strict"
    core = _warmed(bench, script_guest())
    node = bench.stage.blob(b"\0" * 9)
    code = bench.stage.tree(**{"main.wasm": add_module(bench.stage.graph, script_guest())})
    update = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code)
    for manifest in ({}, {"clock": {"start": 0, "tick": 1}}, {"image": True}):
        document = bench.document({"v": 1, "pages": 6, **manifest})
        for path in ("wasm/state", "wasm/memory/00/00"):
            actor = bench.run(script_guest(), _IMAGE, title=path.encode())
            spoilt = _with(bench, _with(bench, core, "wasm/manifest", document), path, node)
            actor.head = bench.pretend(actor, spoilt)
            for content, mt in ((node, ""), (update, "update")):
                bench.probe_content(actor, content, mt, rule=rule)
            bench.query(actor.head, "q", b"", rule=rule)
    bench.flush()


def updates(trial: Trial, fmt: Format) -> None:
    """``wit_update`` runs the module of the content in a new instance, and the image stays as it was."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.call.update"
    manifest = {**_IMAGE, "random": bytes(32), "clock": {"start": 9, "tick": 2}, "tank": 1 << 40}
    warm = _warmed(bench, script_guest(), manifest)
    script = (
        CallScript()
        .act("get")
        .act("load", 0xC000)
        .act("set", 5)
        .act("store", 0xC000, 77)
        .call("clock")
        .call("random", 0x5000, 40)
    )
    code = bench.stage.tree(**{"other.wasm": add_module(bench.stage.graph, script_guest(initializes=True))})
    node = bench.stage.blob(b"wasm:code/other.wasm")
    update = bench.stage.tree(wit_update=node, code=code, script=bench.stage.blob(script.data()))
    look = bench.stage.blob(CallScript().act("get").act("load", 0xC000).call("clock").call("random", 0x5000, 40).data())
    other = _with(bench, warm, "wit_update", bench.stage.blob(MAIN))  # that of the content counts
    actor = BenchActor(bench, _with(bench, other, "script", None))
    actor.tell(actor.identity, "genesis", rule=rule)
    same = bench.executor.shelf.names(actor.identity)["code"]
    alike = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=same, script=bench.stage.blob(script.data()))
    for content, mt in ((look, ""), (update, "update"), (look, ""), (update, "update"), (alike, "update"), (look, "")):
        actor.tell(content, mt, rule=rule)
    blank = _with(bench, actor.value.core, "wasm/state", None)
    actor.head = bench.pretend(actor, blank)
    bench.probe_content(actor, update, "update", rule=rule)
    for path in (b"external:puppet/1", b"wasm:no/such", b"wasm:code", b"wasm:code/none.wasm", b""):
        bench.probe_content(actor, bench.stage.tree(wit_update=bench.stage.blob(path), code=code), "update", rule=rule)
    bench.flush()


_NO_ANSWERS: Final = (
    CallScript().act("grow", 6_000),  # more than there is fuel
    CallScript().call("input", 1, slot(1)).call("result", slot(1)).act("silent"),
    CallScript().call("input", 3, slot(1)).call("result", slot(1)).act("silent"),
    CallScript()
    .call("input", 3, slot(1))
    .call("entry", slot(1), 0, slot(2), 32, slot(3))
    .call("result", slot(3))
    .act("silent"),
)


def raw_answers(trial: Trial, fmt: Format) -> None:
    """With ``raw`` a query may answer any id: one of no object, and one of what is no blob or tree, are no answers."""
    bench = GuestBench(trial, fmt)
    actor = bench.run(script_guest(), {"raw": True})
    assert actor.head is not None
    other = bench.stage.blob(b"other")
    for identity in (bytes(31) + b"\1", b"\xff" * 32, other, actor.head, actor.identity):
        bench.query(actor.head, "q", _answering(identity), rule="wasm.outcome.code")
    bench.flush()
    bench.erase(other)
    bench.query(actor.head, "q", _answering(other), rule="wasm.outcome.code")
    bench.flush()


def _answering(identity: bytes) -> bytes:
    script = CallScript()
    return script.call("result", script.text(identity)).act("silent").data()


def queries_change_nothing(trial: Trial, fmt: Format) -> None:
    """A query sees the memory of the image and changes nothing: no state, image, random position, clock or units."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.call.query"
    grants = {**_IMAGE, "random": bytes(32), "clock": {"start": 9, "tick": 2}, "tank": 1 << 40}
    act = (
        CallScript()
        .act("get")
        .act("load", 0xC000)
        .act("set", 5)
        .act("store", 0xC000, 77)
        .call("clock")
        .call("random", 0x5000, 40)
    )
    for manifest in (grants, {"clock": grants["clock"], "random": bytes(32)}):
        actor = bench.run(script_guest(), manifest)
        assert actor.head is not None
        for _ in range(2):
            for _ in range(2):
                bench.query(actor.head, "q", act.data(), rule=rule)
            bench.query(actor.head, "q", CallScript().act("stop", 7).data(), rule=rule)
            bench.query(actor.head, "q", CallScript().act("silent").data(), rule=rule)
            for script in _NO_ANSWERS:
                bench.query(actor.head, "q", script.data(), rule="wasm.outcome.code")
            actor.tell(bench.stage.blob(act.data()), rule=rule)
        first = actor.value.previous
        assert first is not None
        bench.query(first, "q", act.data(), rule=rule)
    bench.references(rule=rule)
    bench.flush()


PROPERTIES: Final = (
    *of_executors("wasm/image/nodes", nodes, "wasm.image.nodes", given=tape(120), examples=4),
    *in_one_format("wasm/image/left", left_nodes, "wasm.image.nodes"),
    *in_one_format("wasm/image/complete", complete, "wasm.image.complete", "wasm.call.query"),
    *in_one_format("wasm/image/zero", zero_pages_absent, "wasm.image.zero", "wasm.image.nodes"),
    *in_one_format("wasm/image/residue", residue, "wasm.image.residue"),
    *of_executors("wasm/image/no-memory", without_memory, "wasm.image.complete"),
    *of_executors("wasm/image/prepared", image_in_genesis_core, "wasm.image.prepared"),
    *of_executors("wasm/image/strict", each_image_defect, "wasm.image.strict"),
    *in_one_format("wasm/image/readers", readers, "wasm.image.strict"),
    *of_executors("wasm/call/updates", updates, "wasm.call.update"),
    *in_one_format("wasm/call/pure-raw", raw_answers, "wasm.outcome.code", features=("erase",)),
    *in_one_format("wasm/call/pure", queries_change_nothing, "wasm.call.query", "wasm.outcome.code"),
)
