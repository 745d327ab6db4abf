"""Checks of the model that no vector reaches: each rejects its defect and accepts the nearest valid value.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model import wuts
from gritstone_conformance.model.admission import closure_defects
from gritstone_conformance.model.bundle import scan, write
from gritstone_conformance.model.continuing import Sent, check_continued, check_sent
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.formats import CBOR_BLAKE3, FRAMED_SHA256, Format
from gritstone_conformance.model.framed import _Body, _Cut, _read_header, decode_in_any_order
from gritstone_conformance.model.grammar import CBOR, FRAMED, check_value
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Defect, Refusal, refused
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.transcode import transcode
from gritstone_conformance.model.values import Blob, Message, Object, Step, Tree, from_json, to_base64
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.model.wellformed import is_one_item
from gritstone_conformance.replies import Ok, Refused
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from selftests.fakes.forging import Scribe


def kinds(act: Callable[[], object]) -> frozenset[str]:
    """Return the classes with which a call is rejected; an empty set if it is accepted."""
    try:
        act()
    except Refusal as refusal:
        return refusal.kinds
    return frozenset()


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (b"blob 6\0\0hello", set()),
        (b" 6\0\0hello", {"malformed"}),
        (b"blob 0000000000000000000000000000000000000000000000006\0\0hello", {"malformed"}),
        (b"blob %s6\0\0hello" % (b"0" * 19), {"malformed"}),
        (b"blob %s6\0\0hello" % (b"0" * 18), {"invalid"}),
        (b"blob06\0\0hello", {"malformed"}),
        (b"blob 6", {"malformed"}),
        (b"tree 1\0a", {"malformed"}),
    ],
)
def test_framed_headers_are_validated(data: bytes, classes: set[str]) -> None:
    assert kinds(lambda: FRAMED_SHA256.decode(data)) == classes


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (b"blob 9\0b\x001\0a\x002\0\0", set()),  # only the order is invalid
        (b"blob 9\0a\x001\0a\x002\0\0", {"invalid"}),  # a duplicate key
        (b"blob 09\0b\x001\0a\x002\0\0", {"invalid"}),  # a leading zero in the length
    ],
)
def test_decode_in_any_order_accepts_only_another_order(data: bytes, classes: set[str]) -> None:
    assert kinds(lambda: decode_in_any_order(data)) == classes


def test_name_with_an_excessive_length_is_invalid_if_truncated() -> None:
    assert kinds(lambda: CBOR_BLAKE3.decode(b"\x82\x01\xa1\x79\x01\x2cab")) >= {"invalid"}
    assert kinds(lambda: CBOR_BLAKE3.decode(b"\x82\x01\xa1\x78\x2cab")) == {"malformed"}


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (b"\x83\0\xa0\x41x", set()),
        (b"\x82\0\xa0\x41x", {"malformed", "invalid"}),  # one element fewer than declared
        (b"\x83\0\xbf\x41x", {"malformed", "invalid"}),  # headers without an end
        (b"\x80\0", {"malformed", "invalid"}),
    ],
)
def test_cbor_arrays_reject_missing_and_trailing_items(data: bytes, classes: set[str]) -> None:
    assert kinds(lambda: CBOR_BLAKE3.decode(data)) == classes


def test_fields_of_framed_objects_are_checked_one_by_one() -> None:
    defects: list[Defect] = []
    assert _read_header(b"none 1\0x", defects) == ("none", b"x")
    with pytest.raises(_Cut):
        _Body(b"abc", defects)._text("text")
    assert [defect.rule for defect in defects] == ["grit.object.kinds", "grit.framed.terminator"]


def test_texts_of_framed_objects_are_ascii() -> None:
    assert [defect.rule for defect in check_value("\xe9", FRAMED)] == ["grit.framed.ascii"]
    assert check_value("\xe9", CBOR) == []


@pytest.mark.parametrize(
    ("data", "is_item"),
    [
        (b"\x5f\x41a\xff", True),
        (b"\x5f\x5f\xff", False),
        (b"\x5f\x61a\xff", False),
        (b"\x7f\x61a\xff", True),
        (b"\x1c" + bytes(16), False),
        (b"\xff", False),
        (b"\0", True),
        (b"\0\0", False),
    ],
)
def test_cbor_items_and_string_chunks_are_recognized(data: bytes, is_item: bool) -> None:
    assert is_one_item(data) == is_item


def test_tombstone_with_a_zero_id_is_reported(fmt: Format) -> None:
    good = write(fmt, {}, {b"\1" * 32: None})
    bad = write(fmt, {}, {bytes(32): None})
    assert "grit.id.zero" not in {defect.rule for defect in scan(good).defects}
    assert "grit.id.zero" in {defect.rule for defect in scan(bad).defects}


def test_size_equals_the_length_of_the_encoding(fmt: Format) -> None:
    assert kinds(lambda: fmt.encode_within(Blob((), b"x" * 64), 64)) == {"exhausted"}
    assert fmt.encode_within(Blob((), b"x"), 64)


def test_import_counts_references(fmt: Format) -> None:
    blob = fmt.encode(Blob((), b"x"))
    bundle = write(fmt, {"tags/a": fmt.hash(blob), "tags/b": fmt.hash(blob)}, {fmt.hash(blob): blob})
    assert "ok" in Store(fmt, Limits(refs=2)).import_(bundle)
    assert Store(fmt, Limits(refs=1)).import_(bundle) == refused("exhausted")


def test_transcode_rejects_values_the_other_format_lacks() -> None:
    def bundle(name: str) -> bytes:
        blob = CBOR_BLAKE3.encode(Blob((), b"x"))
        tree = CBOR_BLAKE3.encode(Tree(((name, CBOR_BLAKE3.hash(blob)),)))
        return write(CBOR_BLAKE3, {"tags/a": CBOR_BLAKE3.hash(tree)}, {CBOR_BLAKE3.hash(x): x for x in (blob, tree)})

    def turned(name: str) -> bytes:
        return transcode(bundle(name), CBOR_BLAKE3, FRAMED_SHA256, object_bytes=1 << 20, tree_depth=1024)

    assert kinds(lambda: turned("a")) == frozenset()
    assert kinds(lambda: turned("\xe9"))
    gone, bounds = b"\7" * 32, {"object_bytes": 1 << 20, "tree_depth": 1024}
    for name, classes in (("a", {"missing"}), ("\xe9", {"missing", *kinds(lambda: turned("\xe9"))})):
        tree = CBOR_BLAKE3.encode(Tree(((name, gone),)))
        data = write(CBOR_BLAKE3, {"tags/a": CBOR_BLAKE3.hash(tree)}, {CBOR_BLAKE3.hash(tree): tree, gone: None})
        assert kinds(partial(transcode, data, CBOR_BLAKE3, FRAMED_SHA256, **bounds)) == classes


def test_unknown_kind_is_not_an_object() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        from_json({"kind": "bloc", "headers": [], "data": ""})


@pytest.mark.parametrize("queries", [b"{}", b"[]", b'""', b"0"])
def test_queries_of_a_wut_must_be_an_object(queries: bytes) -> None:
    data = b'{"messages":{},"name":"n","queries":%s,"wut":1}' % queries
    assert bool(kinds(lambda: wuts.read_wut(data))) == (queries != b"{}")


@pytest.mark.parametrize("depth", [3, 4])
def test_closed_object_may_exceed_the_open_depth(fmt: Format, depth: int) -> None:
    store = Store(fmt, Limits(tree_depth=3))

    def put(value: Object) -> bytes:
        data = fmt.encode(value)
        store.put(data)
        return fmt.hash(data)

    inner = put(Blob((), b"x"))
    for _ in range(depth):
        inner = put(Tree((("a", inner),)))
    step = put(Step(None, inner, None, None, inner))
    assert {defect.kind for defect in closure_defects(Shelf.over(store), step)} == (
        {"exhausted"} if depth > 3 else set()
    )


def test_erased_blob_is_removed_from_the_shelf(fmt: Format) -> None:
    store = Store(fmt)
    data = fmt.encode(Blob((), b"read"))
    store.put(data)
    shelf = Shelf.over(store)
    written = shelf.put(Blob((), b"written"))
    shelf.flush(store)
    for identity in (fmt.hash(data), written):
        assert shelf.blob(identity) is not None
        assert store.erase(identity) == {"ok": {}}
        assert shelf.blob(identity) is None


def opened(host: ModelHost, **more: Any) -> ModelHost:
    args = {"store": "s", "format": "framed-sha256", "backend": "memory", "create": True, **more}
    assert host.ask("grit.open", args) == Ok({})
    return host


def test_host_requests_without_a_target_are_rejected() -> None:
    host = opened(GuestHost())
    zero = "00" * 32
    assert host.ask("wit.unread", {"store": "t", "tip": zero, "cursor": None}) == Refused("missing")
    assert host.ask("wasm.release", {"store": "t", "actor": zero}) == Refused("missing")
    for op in ("wasm.admit", "wasm.meter"):
        args = {"module": "", "entry": "wit", "pages": 4097}
        assert host.ask(op, args) == Refused("exhausted", "exhausted:host")
        assert host.ask(op, {**args, "pages": 4096}) == Refused("rejected", "unresolved:module")


def test_id_is_rejected_beyond_the_fields_of_an_object() -> None:
    host = ModelHost(limits=Limits(object_bytes=64))
    assert host.ask("grit.id", {"format": "framed-sha256", "bytes": to_base64(b"x" * 65)}) == Refused("exhausted")
    assert isinstance(host.ask("grit.id", {"format": "framed-sha256", "bytes": to_base64(b"x" * 64)}), Ok)


def test_struck_host_stays_dead() -> None:
    host = ModelHost()
    host.kill_from_thread()
    with pytest.raises(SubjectFault, match="struck"):
        host.ask_many([("ping", {})])
    assert host.ask_many([("ping", {})]) == [Ok({})]


@pytest.mark.parametrize("writes", [1, 2])
def test_host_dies_at_the_armed_write(writes: int) -> None:
    world = DurableStores()
    host = opened(ModelHost(world), dir="d")
    assert host.ask("fault.arm", {"writes": writes, "when": "before"}) == Ok({})
    blobs = [{"store": "s", "bytes": to_base64(FRAMED_SHA256.encode(Blob((), bytes([n]))))} for n in range(writes)]
    for blob in blobs[:-1]:
        assert isinstance(host.ask("grit.put", blob), Ok)
    with pytest.raises(SubjectFault, match="armed"):
        host.ask("grit.put", blobs[-1])
    assert len(world.stores["d"].objects) == writes - 1


def test_choose_is_rejected_on_a_free_runtime() -> None:
    host = opened(ModelHost())
    wanted = {"store": "s", "agent": "test", "base_ms": 10, "cap_ms": 100, "max_attempts": 3, "transition_ms": 0}
    begin = {**wanted, "runtime": "f", "schedule": "free", "clock": "suite"}
    assert isinstance(host.ask("runtime.start", begin), Ok)
    actor = put(host, Tree((("a", bytes.fromhex(put(host, Blob((), b"x")))),)))
    sent = {"runtime": "f", "to": actor, "headers": [["mt", "genesis"]], "content": actor, "mode": "queue"}
    assert isinstance(host.ask("runtime.inject", sent), Ok)
    assert host.ask("runtime.choose", {"runtime": "f", "choice": 0}) == Refused("rejected")


@pytest.mark.parametrize("needs", ["a head", "a mark"])
def test_run_is_exhausted_if_an_outcome_needs_a_reference(needs: str) -> None:
    host = opened(ModelHost(limits=Limits(refs=2)))  # the agent and its head
    wanted = {"store": "s", "agent": "test", "base_ms": 10, "cap_ms": 100, "max_attempts": 1, "transition_ms": 0}
    begin = {**wanted, "runtime": "f", "schedule": "free", "clock": "suite"}
    assert isinstance(host.ask("runtime.start", begin), Ok)
    stage = Stage(Graph(FRAMED_SHA256))
    core = stage.core(b"x") if needs == "a head" else stage.tree(a=stage.blob(b"x"))  # without code a genesis fails
    for value in stage.graph.values.values():
        put(host, value)
    sent = {"runtime": "f", "to": core.hex(), "headers": [["mt", "genesis"]], "content": core.hex(), "mode": "queue"}
    assert isinstance(host.ask("runtime.inject", sent), Ok)
    assert host.ask("runtime.run", {"runtime": "f", "max_steps": 9}) == Refused("exhausted")


def test_erased_blob_cannot_receive_a_message() -> None:
    host = opened(ModelHost())
    wanted = {"store": "s", "agent": "test", "base_ms": 10, "cap_ms": 100, "max_attempts": 3, "transition_ms": 0}
    assert isinstance(host.ask("runtime.start", {**wanted, "runtime": "r", "schedule": "chosen", "clock": "suite"}), Ok)
    blob = put(host, Blob((), b"x"))
    assert host.ask("grit.erase", {"store": "s", "id": blob}) == Ok({})
    sent = {"runtime": "r", "to": blob, "headers": [], "content": blob, "mode": "queue"}
    assert host.ask("runtime.inject", sent) == Refused("rejected")


@pytest.mark.parametrize("headers", [(("a", "1"), ("a", "2")), (("a b", "1"),), (("a", "\n"),)])
def test_every_defect_of_an_injection_is_reported(fmt: Format, headers: tuple[tuple[str, str], ...]) -> None:
    agent = start(Store(fmt), "test", Config(10, 100, 3)).agent
    absent = b"\7" * 32
    assert kinds(lambda: agent.inject(absent, headers, absent, "queue")) == {"missing", "invalid"}


def test_cut_is_rejected_while_mail_to_the_agent_is_unread(fmt: Format) -> None:
    agent = start(Store(fmt), "test", Config(10, 100, 3)).agent
    message = agent.inject(agent.identity, (), agent.identity, "queue")
    assert kinds(agent.cut) == {"rejected"}
    agent.acknowledge(agent.identity, message)
    assert kinds(agent.cut) == frozenset()
    assert agent.shelf.step(agent.mailroom.heads[agent.identity]).previous is None


def put(host: ModelHost, value: Object) -> str:
    reply = host.ask("grit.put", {"store": "s", "bytes": to_base64(FRAMED_SHA256.encode(value))})
    assert isinstance(reply, Ok)
    return str(reply.value["id"])


def agents(fmt: Format, core: Callable[[Stage], bytes]) -> list[Finding]:
    """Return the findings in a store whose agent has another core."""
    scribe = Scribe.of(fmt)
    stage = scribe.stage
    scribe.heads.clear()
    scribe.agent = core(stage)
    genesis = scribe.message(None, scribe.agent, "genesis")
    box = scribe.box({scribe.agent: genesis})
    scribe.write(scribe.agent, Step(None, scribe.agent, box, None, scribe.agent))
    return check_history(scan(scribe.bundle())).findings


def named(data: bytes, *headers: tuple[str, str]) -> Callable[[Stage], bytes]:
    return lambda stage: stage.graph.add(Tree((("name", stage.blob(data, *headers)),)))


def test_core_of_an_agent_has_one_form(fmt: Format) -> None:
    assert agents(fmt, named(b"test", ("ct", "s"))) == []
    for core in (
        named(b"", ("ct", "s")),
        named(b"x" * 256, ("ct", "s")),
        named(b"test"),
        named(b"\xff", ("ct", "s")),
        lambda stage: stage.graph.add(Tree((("name", stage.graph.add(Tree((("a", stage.blob(b"a")),)))),))),
        lambda stage: stage.graph.add(Tree((("title", stage.blob(b"test", ("ct", "s"))),))),
    ):
        assert [finding.fault for finding in agents(fmt, core)] == ["bootstrap"]


def test_runtime_store_must_have_an_agent(fmt: Format) -> None:
    scribe = Scribe.of(fmt)
    graph = scribe.stage.graph
    graph.references = {name: target for name, target in scribe.references().items() if name != "runtime/agent"}
    found = {(finding.fault, finding.place.path) for finding in check_history(scan(graph.bundle())).findings}
    assert ("bootstrap", "runtime/agent") in found


def test_code_must_be_a_blob(fmt: Format) -> None:
    scribe = Scribe.of(fmt)
    stage = scribe.stage
    actor = scribe.born(b"a")
    sent = scribe.inject(actor, stage.blob(b"x"))
    tree = stage.graph.add(Tree((("a", stage.blob(b"a")),)))
    scribe.act(actor, reads={scribe.agent: sent}, core=stage.graph.add(Tree((("wit", tree),))))
    assert "no-wit" in {finding.fault for finding in check_history(scan(scribe.bundle())).findings}


def test_history_must_continue_an_earlier_export(fmt: Format) -> None:
    before, after = Scribe.of(fmt), Scribe.of(fmt)
    actor = before.born(b"a")
    first, second = (check_history(scan(scribe.bundle())).history for scribe in (before, after))
    assert first is not None
    assert second is not None
    assert [finding.fault for finding in check_continued(first, second)] == ["rewound", "rewound"]
    assert list(check_continued(first, first)) == []
    content = before.stage.blob(b"x")
    one = before.inject(actor, content)
    once = Sent(actor, (), content, "queue", one)
    history = check_history(scan(before.bundle())).history
    assert history is not None
    assert list(check_sent(history, [once])) == []
    lost = Sent(content, (), content, "queue", one)
    assert [finding.fault for finding in check_sent(history, [lost, once])] == ["forgotten"]
    signal = Sent(actor, (), content, "signal", one)
    assert [finding.fault for finding in check_sent(history, [signal])] == ["doubled"]
    before.inject(actor, content)
    again = check_history(scan(before.bundle())).history
    assert again is not None
    assert [finding.fault for finding in check_sent(again, [once])] == ["doubled"]


def test_signal_is_not_created_twice(fmt: Format) -> None:
    scribe = Scribe.of(fmt)
    actor, one, other = scribe.born(b"a"), scribe.stage.blob(b"x"), scribe.stage.blob(b"y")
    asked = [Sent(actor, (), content, "signal", scribe.inject(actor, content, signal=True)) for content in (one, other)]
    history = check_history(scan(scribe.bundle())).history
    assert history is not None
    assert list(check_sent(history, asked)) == []
    scribe.inject(actor, one, signal=True)
    again = check_history(scan(scribe.bundle())).history
    assert again is not None
    assert [finding.fault for finding in check_sent(again, asked)] == ["doubled"]


def test_actor_must_be_a_tree() -> None:
    host = opened(ModelHost())
    blob = put(host, Blob((), b"x"))
    genesis = put(host, Message(None, (("mt", "genesis"),), bytes.fromhex(blob)))
    args = {"store": "s", "actor": blob, "head": None, "inbox": [[blob, genesis]], "attempt": 1}
    assert host.ask("wit.step", args) == Refused("invalid")
