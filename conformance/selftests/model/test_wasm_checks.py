"""Checks of the model of ``wasm`` that no vector reaches: each rejects its defect and nothing else.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gritstone_conformance.model.agent import Agent, agent_core, first_agent_step
from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree
from gritstone_conformance.model.wasm import handoff, running
from gritstone_conformance.model.wasm.abi import (
    ERASED,
    INVALID,
    KIND,
    UNKNOWN,
    CannotTell,
    Host,
    Inputs,
    Problem,
    read_path,
)
from gritstone_conformance.model.wasm.calls import ask_module, make_module_step
from gritstone_conformance.model.wasm.documents import CT_CBOR, Manifest, State, encode_item, read_state
from gritstone_conformance.model.wasm.machine import Trapped
from gritstone_conformance.model.wasm.outside import outside_fault
from gritstone_conformance.model.wasm.reading import READING, _whole
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import guest_core
from gritstone_conformance.strategies.host_calls import BUFFERS, CallScript, script_guest, slot
from gritstone_conformance.strategies.waiters import waiter

KEEPS = {"image": True, "pages": 4}
NODE = Blob((), b"wasm:code/main.wasm")
RANDOM = {"random": bytes(range(32)), "fuel": 1_000_000}


def rejection_of(act: Callable[[], object]) -> tuple[str, ...]:
    """Return the rejection with which a call ends, or an empty tuple."""
    try:
        act()
    except Failure as failure:
        return failure.kind, failure.rule, failure.code or ""
    except Problem as problem:
        return ("problem", str(problem.number))
    except Refusal as refusal:
        return tuple(sorted(refusal.kinds))
    except (CannotTell, Declined, Trapped) as problem:
        return (type(problem).__name__,)
    return ()


class RunActor:
    """An actor that runs a module, and its shelf.

    Attributes:
        proposal: the messages that the newest step covered, or had to cover.
        before: the step from which this one started.
        head: the newest step.
    """

    def __init__(self, module: bytes, manifest: Mapping[str, Any], fmt: Format = FRAMED_SHA256, **entries: Any) -> None:
        graph = Graph(fmt)
        own: dict[str, Any] = {name: graph.add(value) for name, value in entries.items()}
        self.actor = guest_core(graph, b"a", module, manifest, **own)
        store = Store(fmt)
        store.keep(graph.encodings)
        self.shelf = Shelf.over(store)
        self.sender = self.shelf.put(Tree((("sender", self.shelf.put(Blob((), b"x"))),)))
        self.tip: bytes | None = None
        self.before: bytes | None = None
        self.head: bytes | None = None
        self.proposal = Proposal("genesis", ())

    def run(self, script: CallScript | None = None, *, is_past: bool = False) -> None:
        """Run the module on a message, the first on the genesis message; raises what the call raises."""
        kind, content = "genesis", self.actor
        if self.head is not None:
            data = b"" if script is None else script.data()
            kind, content = "ordinary", self.shelf.put(Blob((), data))
        self.tip = self.shelf.put(Message(self.tip, (), content))
        self.before, self.proposal = self.head, Proposal(kind, ((self.sender, self.tip),))
        self.head = make_module_step(self.shelf, Context(self.actor, is_past=is_past), self.proposal, self.before)

    def state(self, step: bytes | None) -> State:
        """Return the state of a step."""
        assert step is not None
        at = find(self.shelf, self.shelf.step(step).core, ("wasm", "state"))
        blob = None if at is None else self.shelf.blob(at)
        assert blob is not None
        return read_state(blob.data)

    def fault(self, path: str = "", node: State | Object | None = None, **more: Any) -> str | None:
        """Return the rule that the newest step violates with another node or other members in its core."""
        assert self.head is not None
        step = self.shelf.step(self.head)
        if node is not None:
            value = Blob(CT_CBOR, node.encode()) if isinstance(node, State) else node
            core = WorkingTree(self.shelf, self.shelf.names(step.core))
            core.put(path.split("/"), self.shelf.put(value))
            step = replace(step, core=core.seal())
        made = self.shelf.put(replace(step, **more))
        fault = outside_fault(self.shelf, self.actor, self.proposal, self.before, made)
        return None if fault is None else fault.rule


def run_scripts(manifest: Mapping[str, Any], *scripts: CallScript, **entries: Any) -> RunActor:
    """Return an actor whose guest runs the scripts, from its second step on."""
    actor = RunActor(script_guest(), manifest, **entries)
    for script in (None, *scripts):
        actor.run(script)
    return actor


def host(shelf: Shelf, *scope: bytes) -> Host:
    """Return a host that knows some ids."""
    return Host(shelf, Context(b""), Manifest(), State(), Inputs(()), READING, scope=set(scope))


def test_guest_that_is_winding_up_may_only_wait() -> None:
    woken: list[str] = []
    winding = host(Shelf.over(Store(FRAMED_SHA256)))
    winding.winding, winding.rewind = True, lambda: woken.append("again")
    assert rejection_of(lambda: winding("fuel", [])) == ("Trapped",)
    assert rejection_of(lambda: winding("wait", [])) == ()
    assert woken == ["again"]


def test_path_length_is_limited() -> None:
    names = "/".join(["a" * 255] * 16)  # 4,095 bytes
    assert rejection_of(lambda: read_path(names.encode() + b"a", "cbor-blake3")) == ("problem", str(INVALID))
    assert rejection_of(lambda: read_path(names.encode(), "cbor-blake3")) == ()
    assert rejection_of(lambda: read_path(f"{names[:-1]}/a".encode(), "cbor-blake3")) == ()
    assert rejection_of(lambda: read_path(f"{names}/a".encode(), "cbor-blake3")) == ("problem", str(INVALID))


@pytest.mark.parametrize("path", [b"code/main.wasm", b"code", b"code/other"])
def test_node_must_lead_to_a_module(fmt: Format, path: bytes) -> None:
    actor = RunActor(script_guest(), {}, fmt, wit=Blob((), b"wasm:" + path))
    expected = () if path.endswith(b"main.wasm") else ("unresolved", "wasm.module.node", "node")
    assert rejection_of(actor.run) == expected


@pytest.mark.parametrize("suspends", [True, False])
def test_host_that_suspends_nothing_resumes_nothing(suspends: bool) -> None:
    actor = RunActor(waiter() if suspends else script_guest(), KEEPS)
    actor.run()
    actor.shelf.limits = Limits(continuation=False)
    assert rejection_of(actor.run) == (("exhausted", "wasm.wait.host", "host") if suspends else ())


@pytest.mark.parametrize(("pages", "is_run"), [(4, True), (3, False)])
def test_host_rejects_modules_beyond_its_page_limit(pages: int, is_run: bool) -> None:
    actor = RunActor(script_guest(), KEEPS)
    actor.shelf.limits = Limits(wasm_pages=pages)
    assert rejection_of(actor.run) == (() if is_run else ("exhausted", "wasm.manifest.not-lowered", "host"))


def ask(actor: RunActor, script: CallScript) -> bytes | None:
    """Return the answer of the newest step to a query; the answer is the result of a script."""
    assert actor.head is not None
    return ask_module(actor.shelf, actor.head, "q", script.data())


@pytest.mark.parametrize(("given", "is_answer"), [(0, True), (1, False), (6, True)])
def test_query_is_answered_with_a_blob_or_a_tree(given: int, is_answer: bool) -> None:
    """Input 0 is the actor, 1 the step, and 6 the blob of arguments."""
    answer = CallScript().call("input", given, slot(1)).call("result", slot(1)).act("silent")
    ended = rejection_of(partial(ask, run_scripts({}, CallScript(), wit_query=NODE), answer))
    assert ended == (() if is_answer else ("failed", "wasm.call.query", ""))


def test_queried_guest_cannot_query_others() -> None:
    actor = run_scripts({"query": True}, CallScript(), wit_query=NODE)
    asks = CallScript().call("input", 0, slot(1)).blob(b"", 2)
    asks.call("query", slot(1), asks.text(b"q"), 1, slot(2), slot(3))
    assert rejection_of(partial(actor.run, asks)) == ()
    assert rejection_of(partial(ask, actor, asks)) == ("failed", "wasm.manifest.deny", "denied:query")


def test_query_name_length_is_limited() -> None:
    actor = run_scripts({}, CallScript())
    args = actor.shelf.put(Blob((), b""))
    asking = host(actor.shelf, actor.actor, args)
    asking.manifest = Manifest(query=True)
    for size, ended in ((65_535, ()), (65_536, ("problem", str(INVALID)))):
        assert rejection_of(partial(READING["query"], asking, actor.actor, b"q" * size, args, 0)) == ended


def test_empty_result_declines_except_in_the_first_step(fmt: Format) -> None:
    nothing = CallScript().act("silent")
    actor = RunActor(script_guest(), {}, fmt, script=Blob((), nothing.data()))
    assert rejection_of(actor.run) == ("failed", "wasm.call.result", "")
    actor = RunActor(script_guest(), {}, fmt)
    actor.run()
    assert rejection_of(partial(actor.run, nothing)) == ("Declined",)


@pytest.mark.parametrize(("frozen", "is_kept"), [("wasm/state", False), ("wasm/manifest", True)])
def test_step_is_admitted_with_its_host_nodes(frozen: str, is_kept: bool) -> None:
    actor = RunActor(script_guest(), KEEPS, frozen=Blob((), f"{frozen}\n".encode()))
    assert rejection_of(actor.run) == (() if is_kept else ("illegal-step", "wit.frozen.kept", ""))


@pytest.mark.parametrize(("tank", "is_paid"), [(1000, True), ((1 << 40) - 1000, False)])
def test_fuel_of_children_is_part_of_the_parents_fuel(tank: int, is_paid: bool) -> None:
    actor = run_scripts({"tank": 1 << 40, "spawn": "any"})
    manifest = encode_item({"v": 1, "tank": tank})
    birth = CallScript().call("input", 2, slot(1)).blob(manifest, 2, b"ct\0cbor\0").place(1, "wasm/manifest", 2, 3)
    birth.call("message", slot(0), birth.text(b""), 0, slot(3), slot(4))
    birth.call("mail", slot(0), slot(3), slot(4), slot(5))
    ended = rejection_of(partial(actor.run, birth.step(1, outbox=5)))
    assert ended == (() if is_paid else ("failed", "wasm.grant.spawn-tank", "denied:spawn"))


def test_adopted_actor_must_have_a_step() -> None:
    store = Store(FRAMED_SHA256)
    shelf = Shelf.over(store)
    blob = shelf.put(Blob((), b"x"))
    actor = shelf.put(Tree((("wit", blob),)))
    step = shelf.put(Step(None, actor, None, None, actor))
    shelf.flush(store)
    for target, classes in ((b"\7" * 32, ("missing",)), (blob, ("invalid",)), (step, ())):
        store.references[f"moved/{actor.hex()}"] = target
        assert rejection_of(partial(handoff.adopt, Mailroom(store, shelf), actor)) == classes


def moved_actor(store: Store, shelf: Shelf, inbox: dict[bytes, bytes]) -> bytes:
    """Store an actor that stopped at a step with an inbox, and return its id."""
    actor = shelf.put(Tree((("wit", shelf.put(Blob((), b"x"))),)))
    step = shelf.put(Step(None, actor, shelf.put_mail(inbox), None, actor))
    shelf.flush(store)
    store.references[f"moved/{actor.hex()}"] = step
    return actor


@pytest.mark.parametrize(("is_gone", "classes"), [(False, ()), (True, ("rejected",))])
def test_adopt_rejects_an_actor_that_is_gone(is_gone: bool, classes: tuple[str, ...]) -> None:
    store = Store(FRAMED_SHA256)
    shelf = Shelf.over(store)
    actor = moved_actor(store, shelf, {})
    if is_gone:
        store.references[f"gone/{actor.hex()}"] = store.references[f"moved/{actor.hex()}"]
    assert rejection_of(partial(handoff.adopt, Mailroom(store, shelf), actor)) == classes


@pytest.mark.parametrize(
    ("refs", "was_adopted", "classes"), [(2, False, ()), (1, False, ("exhausted",)), (2, True, ())]
)
def test_adopt_needs_room_for_a_new_reference(refs: int, was_adopted: bool, classes: tuple[str, ...]) -> None:
    store = Store(FRAMED_SHA256, Limits(refs=refs))
    shelf = Shelf.over(store)
    actor = moved_actor(store, shelf, {})
    if was_adopted:
        store.references[f"adopted/{actor.hex()}"] = store.references[f"moved/{actor.hex()}"]
    assert rejection_of(partial(handoff.adopt, Mailroom(store, shelf), actor)) == classes


@pytest.mark.parametrize(("read", "classes"), [("first", ()), ("later", ()), ("other", ("rejected",))])
def test_adopt_rejects_a_cursor_on_another_chain(read: str, classes: tuple[str, ...]) -> None:
    store = Store(FRAMED_SHA256)
    shelf = Shelf.over(store)
    content = shelf.put(Blob((), b"x"))
    first = shelf.put(Message(None, (), content))
    cursors = {
        "first": first,
        "later": shelf.put(Message(first, (), content)),
        "other": shelf.put(Message(None, (("mt", "other"),), content)),
    }
    identity = agent_core(shelf, "agent")
    actor = moved_actor(store, shelf, {identity: cursors[read]})
    room = Mailroom(store, shelf)
    store.references["runtime/agent"] = identity
    room.set_head(identity, first_agent_step(shelf, identity))
    Agent(room, identity).step({actor: first}, {})
    assert rejection_of(partial(handoff.adopt, room, actor)) == classes
    assert room.outbox(identity)[actor] == (first if classes else cursors[read])


def test_nodes_without_a_grant_are_absent() -> None:
    actor = run_scripts({}, CallScript())
    assert actor.fault() is None
    assert actor.fault("wasm/state", State()) == "wasm.image.nodes"
    assert actor.fault("wasm/module", Blob((), b"")) == "wasm.image.nodes"
    assert actor.fault("wasm/memory", Tree((("00", actor.sender),))) == "wasm.image.nodes"


def test_state_is_encoded_as_it_is_granted() -> None:
    actor = run_scripts({"tank": 1 << 40}, CallScript())
    state = actor.state(actor.head)
    assert actor.fault("wasm/state", state) is None
    assert actor.fault("wasm/state", replace(state, clock=0)) == "wasm.image.nodes"


def test_every_call_spends_units() -> None:
    actor = run_scripts({"tank": 1 << 40}, CallScript())
    old = actor.state(actor.before)
    rules = [actor.fault("wasm/state", replace(old, used=old.used + spent)) for spent in (0, 1, -1)]
    assert rules == ["wasm.fuel.used", None, "wasm.fuel.used"]


def test_used_units_do_not_exceed_the_fuel() -> None:
    actor = run_scripts({"tank": 1 << 40, "spawn": "any", "send": "any"}, CallScript())
    old = actor.state(actor.before)
    for tank, rule in ((1000, None), ((1 << 40) - old.used, "wasm.fuel.tank")):
        manifest = actor.shelf.put(Blob(CT_CBOR, encode_item({"v": 1, "tank": tank})))
        child = actor.shelf.put(Tree((("wasm", actor.shelf.put(Tree((("manifest", manifest),)))),)))
        birth = actor.shelf.put(Message(None, (), child))
        outbox = actor.shelf.put(Mailbox(((child, birth),)))
        assert actor.fault("wasm/state", replace(old, used=old.used + tank + 1), outbox=outbox) == rule


def test_randomness_advances_only_by_paid_bytes() -> None:
    draws = CallScript().call("random", BUFFERS, 40)
    actor = run_scripts(RANDOM, draws, draws)
    old, new = actor.state(actor.before), actor.state(actor.head)
    assert old.random is not None
    key, start = old.random
    assert start == 40
    most = 2 * (new.used - old.used)
    rules = [actor.fault("wasm/state", replace(new, random=(key, start + moved))) for moved in (0, most, -1, most + 1)]
    assert rules == [None, None, "wasm.random.stream", "wasm.random.stream"]


def test_update_does_not_change_the_image() -> None:
    actor = run_scripts({**KEEPS, "update": "any"}, CallScript())
    assert actor.head is not None
    module = find(actor.shelf, actor.actor, ("code",))
    node = find(actor.shelf, actor.actor, ("wit",))
    assert module is not None
    assert node is not None
    content = actor.shelf.put(Tree((("code", module), ("wit_update", node))))
    tip = actor.shelf.put(Message(actor.tip, (("mt", "update"),), content))
    actor.before, actor.proposal = actor.head, Proposal("update", ((actor.sender, tip),))
    old = actor.state(actor.head)
    assert (old.pages, old.suspended) == (1, False)
    state = replace(old, used=old.used + 1)
    assert actor.fault("wasm/state", state) is None
    for changed in (replace(state, pages=2), replace(state, mutable=(8,)), replace(state, suspended=True)):
        assert actor.fault("wasm/state", changed) == "wasm.call.update"


@pytest.mark.parametrize("asked", ["headers", "size", "read"])
def test_erased_object_has_no_content_to_read(asked: str) -> None:
    store = Store(FRAMED_SHA256)
    identity = FRAMED_SHA256.hash(FRAMED_SHA256.encode(Blob((("a", "b"),), b"x")))
    store.keep({identity: FRAMED_SHA256.encode(Blob((("a", "b"),), b"x"))})
    args = {"headers": ((0, 64),), "size": (), "read": (0, (0, 64))}[asked]

    def ask() -> None:
        READING[asked](host(Shelf.over(store), identity), identity, *args)

    def whole() -> None:
        _whole(host(Shelf.over(store), identity), identity)

    assert rejection_of(ask) == rejection_of(whole) == ()
    assert "ok" in store.erase(identity)
    assert rejection_of(ask) == rejection_of(whole) == ("problem", str(ERASED))


def test_read_requires_a_known_blob() -> None:
    shelf = Shelf.over(Store(FRAMED_SHA256))
    blob = shelf.put(Blob((), b"x"))
    tree = shelf.put(Tree((("a", blob),)))

    def read(identity: bytes, *scope: bytes) -> tuple[str, ...]:
        return rejection_of(partial(READING["read"], host(shelf, *scope), identity, 0, (0, 64)))

    assert read(blob, blob) == ()
    assert read(blob, tree) == ("problem", str(UNKNOWN))
    assert read(tree, tree) == ("problem", str(KIND))


def test_time_needs_a_grant() -> None:
    asks = CallScript().call("clock")
    assert rejection_of(partial(run_scripts({}).run, asks)) == ("failed", "wasm.manifest.deny", "denied:clock")
    assert rejection_of(partial(run_scripts({"clock": {"start": 4, "tick": 3}}).run, asks)) == ()


def test_incomplete_unit_count_is_not_exhaustion(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Assembly()
    guest.entry([("loop", None, [("br", 0)]), "unreachable"])
    monkeypatch.setattr(running, "MOST_UNITS", 1000)
    for fuel, is_past, ended in (
        (1001, True, ("CannotTell",)),
        (1000, True, ("exhausted", "wasm.fuel.exact", "fuel")),
        (1001, False, ("exhausted", "wasm.fuel.exact", "fuel")),
    ):
        actor = RunActor(guest.binary(), {"fuel": fuel})
        assert rejection_of(partial(actor.run, is_past=is_past)) == ended


def test_guest_is_notified_that_it_is_winding_up() -> None:
    for misuse, ended in (("spins in stop_rewind", ("failed", "wasm.wait.protocol", "trap:wait")), ("", ())):
        actor = RunActor(waiter(misuse), KEEPS)
        actor.run()
        assert rejection_of(actor.run) == ended
