"""The audit: what a step may have done, for steps of any origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit import Mailbox, Message, Step, Tree
from gritstone.wasm.capabilities import audit
from gritstone.wasm.cores import manifest_of
from gritstone.wit.code import Run
from gritstone.wit.position import position_of
from gritstone.wit.proposals import MessageKind, Proposal

_MODULE = b"no module"


class Desk:
    """Put steps of one actor together, and audit them.

    Attributes:
        actor: its id.
        core: the entries of its core.
    """

    def __init__(self, bench: Any, manifest: Mapping[str, Any] | None = None, **entries: Any) -> None:
        self.bench = bench
        self.workspace = bench.workspace
        self.manifest = manifest
        self.actor = bench.core(_MODULE, manifest, **entries)
        genesis = bench.message(None, self.actor, mt="genesis")
        self.inbox = {bench.sender: genesis}
        self.outbox: dict[bytes, bytes] = {}
        self.core = dict(self.workspace.load(self.actor).entries)

    def put(self, value: Any) -> bytes:
        object_id: bytes = self.workspace.put(value)
        return object_id

    def core_with(self, **entries: bytes | None) -> dict[str, bytes]:
        """Return the core with other entries; None removes one."""
        entries = {**self.core, **entries}
        return {name: target for name, target in entries.items() if target is not None}

    def child(self, manifest: Mapping[str, Any] | None = None, **entries: Any) -> bytes:
        core: bytes = self.bench.core(_MODULE, manifest, **entries)
        return core

    def message(self, content: bytes | None = None, previous: bytes | None = None, **headers: str) -> bytes:
        return self.put(Message(previous, headers, self.bench.blob(b"") if content is None else content))

    def audit(
        self,
        core: Mapping[str, bytes] | None = None,
        sent: Mapping[bytes, bytes] | None = None,
        *,
        is_update: bool = False,
        sender: bytes | None = None,
    ) -> int | str | None:
        """Audit a step with this core and these messages; gives the tanks, or what is denied."""
        before = self._step(None, self.inbox, self.outbox, self.actor)
        last = position_of(self.workspace, before)
        sender = sender or self.bench.sender
        message = self.message(None, self.inbox.get(sender))
        proposal = Proposal(MessageKind.UPDATE if is_update else MessageKind.ORDINARY, ((sender, (message,)),))
        run = Run(self.workspace, self.actor, last, self.actor, last.core, proposal, 1)
        core_id = self.actor if core is None else self.put(Tree(core))
        after = self._step(before, {**self.inbox, sender: message}, {**self.outbox, **(sent or {})}, core_id)
        manifest = manifest_of(self.workspace, last.core)
        try:
            return audit(run, manifest, position_of(self.workspace, after), is_update=is_update)
        except Rejected as refusal:
            return refusal.code

    def _step(self, previous: bytes | None, inbox: Any, outbox: Any, core: bytes) -> bytes:
        return self.put(
            Step(previous, self.actor, self.put(Mailbox(inbox)), self.put(Mailbox(outbox)) if outbox else None, core)
        )


def denied(grant: str) -> str:
    return f"failed:denied:{grant}"


def test_unchanged_core_is_never_denied(bench: Any) -> None:
    assert Desk(bench).audit() == 0
    desk = Desk(bench)
    assert desk.audit(desk.core_with(note=bench.blob(b"x"))) == 0


def test_changed_wasm_entry_is_denied(bench: Any) -> None:
    desk = Desk(bench, {})
    for wasm in (None, bench.blob(b""), bench.nested({"other": b""})):
        assert desk.audit(desk.core_with(wasm=wasm)) == denied("host")
    without = Desk(bench)
    assert without.audit(without.core_with(wasm=bench.nested({"manifest": b""}))) == denied("host")


def test_an_update_by_code_may_change_manifest_and_peers(bench: Any) -> None:
    desk = Desk(bench, {}, wasm={"state": b"s"})
    old = {"manifest": (bench.document({"v": 1}),), "state": b"s"}
    for wasm, code in [
        ({**old, "manifest": b"x"}, 0),
        ({"state": b"s"}, 0),
        ({**old, "peers": {"a": b""}}, 0),
        ({**old, "state": b"t"}, denied("host")),
        ({**old, "creator": b""}, denied("host")),
        ({"manifest": old["manifest"]}, denied("host")),
    ]:
        assert desk.audit(desk.core_with(wasm=bench.nested(wasm)), is_update=True) == code
    assert desk.audit(desk.core_with(wasm=None), is_update=True) == denied("host")
    assert desk.audit(desk.core_with(wasm=bench.blob(b"")), is_update=True) == denied("host")
    plain = Desk(bench, {})
    assert plain.audit(plain.core_with(wasm=None), is_update=True) == 0
    assert plain.audit(plain.core_with(wasm=bench.blob(b"")), is_update=True) == denied("host")


def test_changed_code_is_denied_except_by_updates(bench: Any) -> None:
    other = bench.blob(b"x")
    code = bench.nested({"main.wasm": b"another"})
    beside = bench.nested({"main.wasm": (bench.blob(_MODULE, ct="application/wasm"),), "more": b""})
    node = bench.blob(b"wasm:other.wasm")
    for entries in ({"wit": node}, {"wit_query": other}, {"wit_update": other}, {"frozen": other}, {"code": code},
                    {"code": None}, {"code": other}):  # fmt: skip
        desk = Desk(bench)
        assert desk.audit(desk.core_with(**entries)) == denied("code")
        assert desk.audit(desk.core_with(**entries), is_update=True) == 0
        granted = Desk(bench, {"code": True})
        assert granted.audit(granted.core_with(**entries)) == 0
    desk = Desk(bench)
    assert desk.audit(desk.core_with(code=beside)) == 0, "the module is where it was"


@pytest.mark.parametrize("node", [b"external:puppet/1", b"/a:b:c", b"wasm:a:b", b"", {"a": b"wasm:a"}, None])
@pytest.mark.parametrize("is_update", [False, True])
def test_guest_stays_a_guest_with_any_grant(bench: Any, node: Any, is_update: bool) -> None:
    desk = Desk(bench, {"code": True, "send": "any", "spawn": "any", "update": "any"})
    put = {"wit": None} if node is None else dict(bench.workspace.load(bench.nested({"wit": node})).entries)
    assert desk.audit(desk.core_with(**put), is_update=is_update) == denied("code")


def test_changed_query_module_is_denied(bench: Any) -> None:
    desk = Desk(bench, wit_query=b"wasm:q/m", q={"m": b"module"})
    assert desk.audit(desk.core_with(q=bench.nested({"m": b"another"}))) == denied("code")
    assert desk.audit(desk.core_with(q=bench.nested({"m": b"module", "n": b""}))) == 0


@pytest.mark.parametrize(
    ("fs", "granted"),
    [
        ({"a": {"f": b"1"}, "b": {"f": b"2"}}, True),
        ({"a": {"f": b"3"}, "b": {"f": b"2"}}, True),
        ({"b": {"f": b"2"}}, True),
        ({"a": {"f": b"1"}, "b": {"f": b"3"}}, False),
        ({"a": {"f": b"1"}}, False),
        ({"a": {"f": b"1"}, "b": {"f": b"2"}, "c": b""}, False),
        (b"", False),
        (None, False),
    ],
)
def test_only_mounts_with_rw_may_change(bench: Any, fs: Any, granted: bool) -> None:
    desk = Desk(bench, {"mounts": {"a": "rw", "b": "ro"}}, fs={"a": {"f": b"1"}, "b": {"f": b"2"}})
    new = None if fs is None else bench.blob(fs) if isinstance(fs, bytes) else bench.nested(fs)
    assert desk.audit(desk.core_with(fs=new)) == (0 if granted else denied("mount"))


def test_mount_may_be_created_and_removed_whole(bench: Any) -> None:
    desk = Desk(bench, {"mounts": {"a": "rw"}})
    assert desk.audit(desk.core_with(fs=bench.nested({"a": b""}))) == 0
    other = Desk(bench, {"mounts": {"a": "rw"}}, fs={"a": b""})
    assert other.audit(other.core_with(fs=None)) == 0


def test_messages_go_only_to_granted_recipients(bench: Any) -> None:
    peer, stranger = bench.nested({"name": b"peer"}), bench.nested({"name": b"stranger"})
    desk = Desk(bench, {}, wasm={"peers": {"p": (peer,)}})
    assert desk.audit(sent={peer: desk.message()}) == 0
    assert desk.audit(sent={stranger: desk.message()}) == denied("send")
    assert desk.audit(sent={bench.sender: desk.message()}) == denied("send")
    replies = Desk(bench, {"send": "reply"})
    assert replies.audit(sent={bench.sender: replies.message()}) == 0
    assert replies.audit(sent={stranger: replies.message()}, sender=stranger) == 0
    assert replies.audit(sent={stranger: replies.message()}) == denied("send")
    free = Desk(bench, {"send": "any"})
    assert free.audit(sent={stranger: free.message()}) == 0


def test_unchanged_and_removed_entries_are_not_sent(bench: Any) -> None:
    stranger = bench.nested({"name": b"stranger"})
    desk = Desk(bench)
    tip = desk.message()
    desk.outbox = {stranger: tip, bench.sender: tip}
    assert desk.audit() == 0
    assert desk.audit(sent={stranger: tip}) == 0
    assert desk.audit(sent={stranger: desk.message(previous=tip)}) == denied("send")


@pytest.mark.parametrize(
    ("ours", "theirs", "entries", "passes"),
    [
        ({"spawn": "wasm"}, None, {}, True),
        ({}, None, {}, False),
        ({"send": "any"}, None, {}, False),
        ({"spawn": "wasm", "fuel": 9_999_999}, None, {}, False),
        ({"spawn": "wasm", "fuel": 9_999_999}, {"fuel": 9_999_999}, {}, True),
        ({"spawn": "wasm", "pages": 255}, None, {}, False),
        ({"spawn": "wasm", "pages": 255}, {"pages": 255}, {}, True),
        ({"spawn": "wasm"}, {"fuel": 10_000_001}, {}, False),
        ({"spawn": "wasm"}, {"pages": 257}, {}, False),
        ({"spawn": "wasm"}, {"image": True, "clock": {"start": 0, "tick": 1}, "mounts": {"a": "rw"}}, {}, True),
        *[
            ({"spawn": "wasm", **({name: value} if has else {})}, {name: value}, {}, has)
            for name, value in [("attempt", True), ("query", True), ("code", True), ("raw", True), ("update", "any")]
            for has in (False, True)
        ],
        ({"spawn": "wasm"}, {"send": "reply"}, {}, False),
        ({"spawn": "wasm", "send": "reply"}, {"send": "reply"}, {}, True),
        ({"spawn": "wasm", "send": "reply"}, {"send": "any"}, {}, False),
        ({"spawn": "wasm", "send": "any"}, {"send": "reply"}, {}, True),
        ({"spawn": "wasm"}, {"spawn": "wasm"}, {}, True),
        ({"spawn": "wasm"}, {"spawn": "any"}, {}, False),
        ({"spawn": "any"}, {"spawn": "any", "fuel": 1 << 60}, {"wit": b"external:puppet/1"}, True),
        ({"spawn": "wasm"}, None, {"wit": b"external:puppet/1"}, False),
        ({"spawn": "wasm"}, None, {"wit_query": b"external:puppet/1"}, False),
        ({"spawn": "wasm"}, None, {"wit_query": b"wasm:code/main.wasm"}, True),
        *[({"spawn": "wasm"}, {}, {"wasm": {name: b""}}, False) for name in ("state", "module", "memory", "fork",
                                                                             "creator")],
        ({"spawn": "wasm"}, {}, {"wasm": {"other": b""}}, True),
        ({"spawn": "wasm"}, None, {"wasm": {"manifest": b"\xa0"}}, False),
        ({"spawn": "wasm"}, None, {"wasm": {"peers": b""}}, False),
        ({"spawn": "wasm"}, None, {"wasm": {"peers": {"p": b"any"}}}, False),
        ({"spawn": "wasm", "send": "any"}, None, {"wasm": {"peers": {"p": b"any"}}}, True),
    ],
)  # fmt: skip
def test_births_need_the_spawn_grant(bench: Any, ours: Any, theirs: Any, entries: Any, passes: bool) -> None:
    desk = Desk(bench, ours)
    child = desk.child(theirs, **entries)
    code = 0 if passes else denied("spawn" if "spawn" in ours or "send" in ours else "send")
    assert desk.audit(sent={child: desk.message(child, mt="genesis")}) == code


def test_birth_behind_other_messages_counts(bench: Any) -> None:
    desk = Desk(bench, {"spawn": "wasm"})
    child = desk.child({"raw": True})
    birth = desk.message(child)
    assert desk.audit(sent={child: desk.message(previous=birth)}) == denied("spawn")
    desk.outbox = {child: birth}
    assert desk.audit(sent={child: desk.message(previous=birth)}) == 0, "the birth is not new"


def test_child_may_have_recipients_of_its_parent(bench: Any) -> None:
    peer = bench.nested({"name": b"peer"})
    desk = Desk(bench, {"spawn": "wasm"}, wasm={"peers": {"p": (peer,)}})
    sibling = desk.child(note=b"sibling")
    for other, code in [(peer, 0), (bench.sender, denied("spawn")), (sibling, 0)]:
        child = desk.child(wasm={"peers": {"x": (other,)}})
        sent = {child: desk.message(child), sibling: desk.message(sibling)}
        assert desk.audit(sent=sent) == code


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        ({"note": b""}, True),
        ({"wit": b"wasm:a/b"}, True),
        ({"wit": b"external:puppet/1"}, False),
        ({"wit_query": b"/a:b:c"}, False),
        ({"wit_query": {"x": b""}}, False),
        ({"wit_update": b"wasm:a/b"}, False),
        ({"wasm": {"other": b""}}, False),
        (b"wasm", True),
    ],
)
def test_update_sent_by_a_guest_is_checked(bench: Any, content: Any, passes: bool) -> None:
    for ours in ({"send": "any"}, {"send": "any", "spawn": "wasm"}, {"spawn": "any"}):
        desk = Desk(bench, ours)
        target = bench.nested({"wit": b"wasm:code/main.wasm"})
        desk.outbox = {target: desk.message()}
        update = bench.blob(content) if isinstance(content, bytes) else bench.nested(content)
        message = desk.message(update, desk.outbox[target], mt="update")
        assert desk.audit(sent={target: message}) == (0 if passes or ours == {"spawn": "any"} else denied("spawn"))
        assert desk.audit(sent={target: desk.message(update, desk.outbox[target])}) == 0, "no update"


@pytest.mark.parametrize("node", [b"external:puppet/1", b"/a:b:c", b"wasm:a:b", b"", {"a": b"wasm:a"}, None])
@pytest.mark.parametrize("grants", [{}, {"send": "any", "spawn": "any", "code": True, "update": "any"}])
def test_updates_reach_only_actors_born_as_guests(bench: Any, node: Any, grants: Mapping[str, Any]) -> None:
    target = bench.nested({"name": b"target", **({} if node is None else {"wit": node})})
    friend = bench.nested({"wit": b"wasm:a", "wit_query": b"/a:b:c"})
    desk = Desk(bench, grants, wasm={"peers": {"target": (target,), "friend": (friend,)}})
    for content in (bench.blob(b""), bench.nested({"note": b""})):
        update, other = desk.message(content, mt="update"), desk.message(content, mt="Update")
        assert desk.audit(sent={target: update}) == denied("spawn")
        assert desk.audit(sent={target: desk.message(None, update)}) == denied("spawn")
        assert desk.audit(sent={friend: update, target: update}) == denied("spawn")
        assert desk.audit(sent={friend: update, target: other}) == 0
    desk.outbox = {target: update}
    assert desk.audit(sent={target: desk.message(None, update)}) == 0, "that was sent before, by whomever"


def test_tank_is_paid_once_per_birth(bench: Any) -> None:
    desk = Desk(bench, {"spawn": "wasm", "tank": 10})
    rich, poor = desk.child({"tank": 1_000}), desk.child({"tank": 1})
    none = desk.child()
    assert desk.audit(sent={rich: desk.message(rich), poor: desk.message(poor)}) == 1_001
    assert desk.audit(sent={rich: desk.message(rich, desk.message(rich))}) == 2_000
    assert desk.audit(sent={none: desk.message(none)}) == denied("spawn")
    free = Desk(bench, {"spawn": "any", "tank": 10})
    assert free.audit(sent={none: free.message(none), poor: free.message(poor)}) == 1
    unbound = Desk(bench, {"spawn": "wasm"})
    assert unbound.audit(sent={rich: unbound.message(rich)}) == 0
