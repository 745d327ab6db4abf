"""Histories with steps of modules: a host's history is legal, and each forged node is reported, run or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.choices import run_freely
from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.model.runtime import Config, Runtime, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Tree
from gritstone_conformance.model.wasm.documents import CT_CBOR, State, encode_item, read_state
from gritstone_conformance.model.wasm.fork import fork_core
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import guest_core
from gritstone_conformance.strategies.host_calls import BUFFERS, CallScript, script_guest, slot

GRANTS = {
    "fuel": 10_000_000,
    "pages": 4,
    "image": True,
    "random": bytes(range(32)),
    "clock": {"start": 4, "tick": 3},
    "tank": 1 << 40,
    "attempt": True,
}
PLAIN = CallScript().act("set", 5).act("store", 0xC000, 9).call("random", BUFFERS, 40).call("clock")
ASKING = CallScript().call("attempt").act("store", 0xC000, 8)


class GuestHistory:
    """A runtime with one actor that runs scripts."""

    def __init__(self, fmt: Format) -> None:
        self.runtime: Runtime = start(Store(fmt), "test", Config(1, 1, 2))
        graph = Graph(fmt)
        self.actor = guest_core(graph, b"a", script_guest(), GRANTS)
        self.runtime.store.keep(graph.encodings)
        self.say(self.actor, "genesis")

    def add(self, value: Object) -> bytes:
        identity = self.runtime.shelf.put(value)
        self.runtime.shelf.flush(self.runtime.store)
        return identity

    def say(self, content: bytes | CallScript, mt: str = "", to: bytes | None = None) -> None:
        content_id = self.add(Blob((), content.data())) if isinstance(content, CallScript) else content
        headers = (("mt", mt),) if mt else ()
        self.runtime.agent.inject(self.actor if to is None else to, headers, content_id, "queue")
        run_freely(self.runtime, random.Random(1))

    def forge(self, path: str, value: Object | None) -> Verdict:
        """Judge the history after replacing the value at a path of the newest core."""
        target = None if value is None else self.add(value)
        shelf, head = self.runtime.shelf, self.runtime.mailroom.heads[self.actor]
        step = shelf.step(head)
        core = WorkingTree(shelf, shelf.names(step.core))
        core.delete(path.split("/"))
        if target is not None:
            core.put(path.split("/"), target)
        forged = self.add(replace(step, core=core.seal()))
        copy = self.runtime.store.copy()
        copy.references[f"heads/{self.actor.hex()}"] = forged
        return check_history(scan(copy.export()), is_whole=True)

    def judged(self) -> Verdict:
        return check_history(scan(self.runtime.store.export()), at_rest=True, max_attempts=2, is_whole=True)

    def state(self) -> State:
        shelf = self.runtime.shelf
        found = find(shelf, shelf.step(self.runtime.mailroom.heads[self.actor]).core, ("wasm", "state"))
        assert found is not None
        blob = shelf.blob(found)
        assert blob is not None
        return read_state(blob.data)


def test_history_of_a_host_is_legal(fmt: Format) -> None:
    guest = GuestHistory(fmt)
    for script in (PLAIN, ASKING, PLAIN):
        guest.say(script)
    manifest = Blob(CT_CBOR, encode_item({"v": 1, **GRANTS, "fuel": 9_000_000}))
    update = guest.add(Tree((("wasm", guest.add(Tree((("manifest", guest.add(manifest)),)))),)))
    guest.say(update, "update")
    guest.say(PLAIN)
    shelf = guest.runtime.shelf
    child = fork_core(shelf, guest.runtime.mailroom.heads[guest.actor], 0, "fresh")
    shelf.flush(guest.runtime.store)
    guest.say(child, "genesis", to=child)
    guest.say(CallScript().act("stop", 3))
    verdict = guest.judged()
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.structural == 1  # the step that requested its attempt
    assert verdict.recomputed == 6
    assert guest.runtime.parked() == [[guest.actor.hex(), "failed"]]


def used_more(guest: GuestHistory) -> Object:
    return Blob(CT_CBOR, replace(guest.state(), used=guest.state().used + 1).encode())


def used_too_much(guest: GuestHistory) -> Object:
    return Blob(CT_CBOR, replace(guest.state(), used=guest.state().used + 20_000_000).encode())


def random_rekeyed(guest: GuestHistory) -> Object:
    return Blob(CT_CBOR, replace(guest.state(), random=(bytes(32), 40)).encode())


def no_clock(guest: GuestHistory) -> Object:
    return Blob(CT_CBOR, replace(guest.state(), clock=None).encode())


def a_page(guest: GuestHistory) -> Object:
    return Blob((), b"\1" * 65_536)


def a_blob(guest: GuestHistory) -> Object:
    return Blob((), b"x")


def nothing(guest: GuestHistory) -> None:
    return None


RECOMPUTED: list[tuple[str, Callable[[GuestHistory], Object | None], str]] = [
    ("wasm/state", used_more, "wasm.image.nodes"),
    ("wasm/state", nothing, "wasm.image.nodes"),
    ("wasm/memory/00/00", a_page, "wasm.image.nodes"),
    ("wasm/memory/00/03", a_page, "wasm.image.nodes"),
    ("wasm/module", nothing, "wasm.image.nodes"),
    ("wasm/creator", a_blob, "wasm.image.nodes"),
    ("report", a_blob, "wasm.call.result"),
]


@pytest.mark.parametrize(("path", "made", "rule"), RECOMPUTED, ids=lambda value: getattr(value, "__name__", value))
def test_forged_step_is_found_by_recomputing_it(
    fmt: Format, path: str, made: Callable[[GuestHistory], Object | None], rule: str
) -> None:
    guest = GuestHistory(fmt)
    guest.say(PLAIN)
    assert guest.judged().is_legal
    verdict = guest.forge(path, made(guest))
    assert [finding.rule for finding in verdict.findings] == [rule]


def code_of_the_host(guest: GuestHistory) -> Object:
    return Blob((), b"/code:main:step")


OUTSIDE: list[tuple[str, Callable[[GuestHistory], Object | None], str]] = [
    ("wasm/state", used_too_much, "wasm.fuel.used"),
    ("wasm/state", random_rekeyed, "wasm.random.stream"),
    ("wasm/state", no_clock, "wasm.image.nodes"),
    ("wasm/state", nothing, "wasm.image.nodes"),
    ("wasm/state", a_blob, "wasm.image.strict"),
    ("wasm/memory/00/07", a_page, "wasm.image.strict"),
    ("wasm/memory/00/00", a_blob, "wasm.image.strict"),
    ("wasm/module", nothing, "wasm.image.nodes"),
    ("wasm/creator", a_blob, "wasm.grant.creator"),
    ("wasm/other", a_blob, "wasm.grant.host"),
    ("wasm/manifest", a_blob, "wasm.grant.host"),
    ("wit_query", a_blob, "wasm.grant.code"),
    ("wit", code_of_the_host, "wasm.grant.stays-guest"),
    ("fs/a", a_blob, "wasm.grant.mount"),
]


@pytest.mark.parametrize(("path", "made", "rule"), OUTSIDE, ids=lambda value: getattr(value, "__name__", value))
def test_forged_step_that_is_not_run_is_found_by_its_form(
    fmt: Format, path: str, made: Callable[[GuestHistory], Object | None], rule: str
) -> None:
    guest = GuestHistory(fmt)
    guest.say(ASKING)
    assert guest.judged().is_legal
    assert guest.judged().structural == 1
    verdict = guest.forge(path, made(guest))
    assert [finding.rule for finding in verdict.findings] == [rule]


def test_update_from_another_sender_is_ignored(fmt: Format) -> None:
    guest = GuestHistory(fmt)
    asks = CallScript().call("input", 2, slot(1)).find(1, "wit", 2)
    guest.say(asks)
    update = guest.add(Tree((("report", guest.add(Blob((), b"mine"))),)))
    guest.say(guest.add(Tree((("wasm", guest.add(Tree((("state", guest.add(Blob((), b"x"))),)))),))), "update")
    assert guest.judged().is_legal  # it was read without an effect
    shelf, store = guest.runtime.shelf, guest.runtime.store
    step = shelf.step(guest.runtime.mailroom.heads[guest.actor])
    core = WorkingTree(shelf, shelf.names(step.core))
    core.put(["wasm", "state"], update)
    forged = guest.add(replace(step, core=core.seal()))
    store.references[f"heads/{guest.actor.hex()}"] = forged
    found = check_history(scan(store.export()), is_whole=True).findings
    assert [finding.rule for finding in found] == ["wasm.grant.update"]


@pytest.mark.parametrize(("node", "found"), [(b"wasm:x", []), (b"/code:main:step", ["wasm.grant.update-guests"])])
def test_update_of_a_guest_is_reported_at_its_sender(
    fmt: Format, monkeypatch: pytest.MonkeyPatch, node: bytes, found: list[str]
) -> None:
    for grant in ("send", "spawn"):
        monkeypatch.setitem(GRANTS, grant, "any")
    guest = GuestHistory(fmt)
    guest.say(ASKING)
    receiver = guest.add(Tree((("wit", guest.add(Blob((), node))),)))
    update = guest.add(Message(None, (("mt", "update"),), guest.add(Blob((), b"x"))))
    step = guest.runtime.shelf.step(guest.runtime.mailroom.heads[guest.actor])
    forged = guest.add(replace(step, outbox=guest.add(Mailbox(((receiver, update),)))))
    guest.runtime.store.references[f"heads/{guest.actor.hex()}"] = forged
    verdict = check_history(scan(guest.runtime.store.export()), is_whole=True)
    assert [finding.rule for finding in verdict.findings] == found


def test_unverifiable_values_are_accepted(fmt: Format) -> None:
    guest = GuestHistory(fmt)
    guest.say(ASKING)
    for path, made in (("report", a_blob), ("wasm/memory/00/00", a_page)):
        assert guest.forge(path, made(guest)).is_legal


def test_query_of_an_actor_that_was_moved_away_is_legal(fmt: Format) -> None:
    guest = GuestHistory(fmt)
    guest.say(PLAIN)
    references = guest.runtime.store.references
    references[f"moved/{guest.actor.hex()}"] = references.pop(f"heads/{guest.actor.hex()}")
    guest.runtime.mailroom.reload()
    guest.say(PLAIN)
    assert guest.judged().is_legal
    references["moved/" + "0" * 64] = guest.add(Blob((), b"no step"))
    assert guest.judged().is_legal


def test_query_answers_of_guests_are_accepted_if_possible(fmt: Format) -> None:
    graph = Graph(fmt)
    other = guest_core(graph, b"other", script_guest(), {"pages": 1})
    asks = CallScript().call("input", 2, slot(1)).find(1, "args", 2).find(1, "other", 3)
    asks.call("query", slot(3), BUFFERS, 0, slot(2), slot(4)).call("size", slot(4))
    core = guest_core(
        graph, b"asker", script_guest(), {"query": True}, other=other, args=graph.add(Blob((), CallScript().data()))
    )
    guest = GuestHistory(fmt)
    guest.runtime.store.keep(graph.encodings)
    for actor in (other, core):
        guest.say(actor, "genesis", to=actor)
    guest.say(asks, to=core)
    verdict = guest.judged()
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.structural == 0
