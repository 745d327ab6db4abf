"""Forks: the core that is made, and when none is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gritstone.errors import Invalid, Missing, Rejected
from gritstone.grit import Blob, Object, ObjectId, Step, Store, Tree
from gritstone.wasm.documents import GuestState, encode_item, read_state, state_blob
from gritstone.wasm.forks import Numbers, fork_core, fork_key
from gritstone.wit import Objects
from gritstone.wit.paths import find
from gritstone.wit.workspace import Workspace

KEY = bytes(range(32))
_FULL = GuestState(used=70, pages=1, globals=(1, 2), random=(b"r" * 32, 99), clock=12, call="wit")

Keep = Callable[[Store, Object], ObjectId]


class Stage:
    """Put steps of a Wasm actor into a store, and fork them."""

    def __init__(self, store: Store, keep: Keep) -> None:
        self.store = store
        self._keep = keep

    def put(self, value: Object) -> ObjectId:
        return self._keep(self.store, value)

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.put(Blob(headers, data))

    def tree(self, **entries: ObjectId) -> ObjectId:
        return self.put(Tree(entries))

    def step(self, wit: bytes = b"wasm:code/x.wasm", **more: ObjectId) -> ObjectId:
        """Put a step whose core has these entries in addition to its node."""
        core = self.tree(wit=self.blob(wit), other=self.blob(b"o"), **more)
        return self.put(Step(None, core, None, None, core))

    def wasm(
        self, manifest: Mapping[str, object] | None, state: GuestState | None = None, **more: ObjectId
    ) -> ObjectId:
        """Put a step with host nodes."""
        nodes = dict(more)
        if manifest is not None:
            nodes["manifest"] = self.blob(encode_item({"v": 1} | dict(manifest)), ct="cbor")
        if state is not None:
            nodes["state"] = self.put(state_blob(state))
        return self.step(wasm=self.tree(**nodes))

    def fork(self, step: ObjectId, number: int = 0, *, fresh: bool = True) -> ObjectId:
        workspace = self.workspace()
        core = fork_core(workspace, step, number, fresh=fresh)
        assert sum(not there for there in self.store.has(workspace.encodings)) <= 5
        workspace.keep(self.store)
        return core

    def workspace(self) -> Workspace:
        return Workspace(Objects(self.store.format, self.store.limits, self.store.get))

    def entries(self, core: ObjectId, *path: str) -> dict[str, ObjectId]:
        workspace = self.workspace()
        tree = workspace.tree(core)
        assert tree is not None
        if path:
            at = find(workspace, tree.entries, path)
            assert at is not None
            tree = workspace.tree(at)
            assert tree is not None
        return dict(tree.entries)

    def state(self, core: ObjectId) -> GuestState:
        return read_state(self.workspace().look(self.entries(core, "wasm")["state"]))


@pytest.fixture
def stage(memory_store: Store, keep: Keep) -> Stage:
    return Stage(memory_store, keep)


def core_of(stage: Stage, step: ObjectId) -> ObjectId:
    value = stage.workspace().load(step)
    assert isinstance(value, Step)
    return value.core


def test_fork_key_has_the_specified_value() -> None:
    assert fork_key(KEY, 1).hex() == "7f7a1d0c8dda5e6bf65b11eea6cf979e1e8ae367e4dfed86ee825d34c99fbf3f"


def test_without_state_only_the_fork_is_added(stage: Stage) -> None:
    kept = stage.tree(page=stage.blob(b"p"))
    step = stage.wasm({"fuel": 5}, _FULL, memory=kept)
    core, before = stage.fork(step, 2**53 - 1), core_of(stage, step)
    assert stage.entries(core, "wasm", "fork") == {"n": stage.blob(b"9007199254740991", ct="s"), "parent": before}
    old, new = stage.entries(before, "wasm"), stage.entries(core, "wasm")
    assert new.pop("fork")
    assert new == old
    old, new = stage.entries(before), stage.entries(core)
    assert new.pop("wasm") != old.pop("wasm")
    assert new == old


def test_core_without_host_nodes_is_forked(stage: Stage) -> None:
    core = stage.fork(stage.step())
    assert stage.entries(core, "wasm").keys() == {"fork"}
    assert stage.fork(stage.step(wasm=stage.blob(b"no tree"))) != core
    assert stage.fork(stage.step()) == core, "the same step and number, the same actor"
    assert stage.fork(stage.step(), 1) != core


@pytest.mark.parametrize(
    ("manifest", "before", "fresh", "after"),
    [
        ({"image": True}, _FULL, True, _FULL),
        ({"random": KEY}, _FULL, False, _FULL),
        ({"random": KEY}, _FULL, True, replace(_FULL, random=(fork_key(b"r" * 32, 3), 0))),
        ({"random": KEY}, GuestState(used=1), True, GuestState(used=1, random=(fork_key(KEY, 3), 0))),
        ({"random": KEY}, GuestState(used=1), False, GuestState(used=1)),
        ({"tank": 71}, _FULL, True, replace(_FULL, used=71)),
        ({"tank": 69}, _FULL, True, _FULL),
        ({"image": True}, None, True, GuestState()),
        ({"random": KEY, "clock": {"start": 4, "tick": 1}}, None, False, GuestState(random=(KEY, 0), clock=4)),
        ({"random": KEY, "tank": 9}, None, True, GuestState(used=9, random=(fork_key(KEY, 3), 0))),
    ],
)
def test_fork_copies_the_state_of_the_guest(
    stage: Stage, manifest: Mapping[str, object], before: GuestState | None, fresh: bool, after: GuestState
) -> None:
    assert stage.state(stage.fork(stage.wasm(manifest, before), 3, fresh=fresh)) == after


def test_fork_of_a_fork_derives_its_key_twice(stage: Stage) -> None:
    first = stage.fork(stage.wasm({"random": KEY}), 1)
    step = stage.put(Step(None, first, None, None, first))
    second = stage.fork(step, 1)
    assert stage.entries(second, "wasm", "fork")["parent"] == first
    assert stage.state(second).random == (fork_key(fork_key(KEY, 1), 1), 0)


@pytest.mark.parametrize(
    "node", [b"external:puppet/1", b"wasm:", b"wasm:/x", b"wasm:x:y", b"wasm:x\n", b"WASM:x", b"wasm:a//b"]
)
def test_step_of_another_actor_is_not_forked(stage: Stage, node: bytes) -> None:
    with pytest.raises(Invalid):
        stage.fork(stage.step(node))


def test_object_that_is_no_step_is_not_forked(stage: Stage) -> None:
    with pytest.raises(Missing):
        stage.fork(b"x" * 32)
    with pytest.raises(Invalid):
        stage.fork(stage.blob(b""))
    core = stage.tree(other=stage.blob(b""))
    with pytest.raises(Invalid):
        stage.fork(stage.put(Step(None, core, None, None, core)))


@pytest.mark.parametrize(("members", "code"), [({"zork": 1}, "unresolved:manifest"), ({"tank": 1}, "unresolved:image")])
def test_fork_rejects_a_defective_core(stage: Stage, members: Mapping[str, object], code: str) -> None:
    manifest = stage.blob(encode_item({"v": 1} | dict(members)), ct="cbor")
    with pytest.raises(Rejected) as caught:
        stage.fork(stage.step(wasm=stage.tree(manifest=manifest, state=stage.blob(b"?"))))
    assert caught.value.code == code


# --- the counter of the worked examples ------------------------------------------------------------------

_MANIFEST = {"fuel": 1_000_000, "image": True, "pages": 4}
_FORKS = {
    "framed-sha256": "088cd258be45eaa14c672bb1a949afbf877c50b4bdd767a2f1384efac28c5ba2",
    "cbor-blake3": "5a1439a2dd7c29b7b8507a2d86c9f17634a805dad3193ee26b5417fc2fb02bc0",
}


def count(bench: Any, actor: ObjectId, step: ObjectId) -> int:
    return int(bench.workspace.load(bench.core_of(actor, step)["count"]).data[0])


def make_fork(bench: Any, step: ObjectId, number: int) -> ObjectId:
    workspace = bench.workspace
    core = fork_core(workspace, step, number, fresh=True)
    bench.keep(workspace)
    return core


def test_fork_does_not_affect_its_parent(bench: Any, counter: bytes) -> None:
    actor = bench.core(counter, _MANIFEST)
    head = bench.tell(actor, bench.born(actor))
    forks = [make_fork(bench, head, number) for number in (0, 1)]
    assert forks[0].hex() == _FORKS[bench.store.format.name]
    alone = bench.tell(actor, head)
    for fork in forks:
        first = bench.born(fork)
        position = bench.position(fork, first)
        assert (position.step.core, position.step.outbox) == (fork, None)
        assert position.inbox.keys() == {bench.sender}
        assert count(bench, fork, first) == 2, "no guest code has run"
        assert count(bench, fork, bench.tell(fork, first)) == 3
    assert bench.tell(actor, head) == alone


def test_fork_starts_with_an_empty_tank(bench: Any, counter: bytes) -> None:
    actor = bench.core(counter, {**_MANIFEST, "tank": 50_000})
    fork = make_fork(bench, bench.born(actor), 0)
    first = bench.born(fork)
    assert bench.tell(fork, first) == "exhausted:fuel"
    manifest = bench.document({"v": 1, **_MANIFEST, "tank": 60_000})
    nodes = {name: (one,) for name, one in bench.wasm_of(fork, first).items()}
    filled = bench.tell(fork, first, bench.nested({"wasm": {**nodes, "manifest": (manifest,)}}), mt="update")
    assert count(bench, fork, bench.tell(fork, filled)) == 2


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 400, 1_000_000])
def test_free_fork_number_is_found_in_few_tries(taken: int) -> None:
    tries: list[int] = []

    def is_taken(number: int) -> bool:
        tries.append(number)
        return number < taken + len(made)

    numbers, made = Numbers(), list[int]()
    for _ in range(10):
        tries.clear()
        made.append(numbers.take(b"step", is_taken))
        assert len(tries) <= (1 if len(made) > 1 else 2 * taken.bit_length() + 1)
    assert made == list(range(taken, taken + 10))
    assert numbers.take(b"another", lambda number: False) == 0


def test_numbers_may_have_gaps_and_end() -> None:
    gaps = {0, 1, 3, 7, 8}
    numbers = Numbers()
    for _ in range(5):
        found = numbers.take(b"step", gaps.__contains__)
        assert found not in gaps
        gaps.add(found)
    with pytest.raises(Rejected):
        Numbers().take(b"step", lambda number: True)


def test_cache_of_fork_numbers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone.wasm.forks._KEPT_NUMBERS", 2)
    numbers = Numbers()
    for origin in (b"1", b"2", b"1", b"3"):
        numbers.take(origin, lambda number: False)
    assert numbers.take(b"1", lambda number: False) == 2
    assert numbers.take(b"2", lambda number: False) == 0
