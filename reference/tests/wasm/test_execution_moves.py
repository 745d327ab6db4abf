"""Executions apart and elsewhere: forks, files that hold one, stores, and moves to another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gritstone.errors import Malformed, Rejected
from gritstone.grit import Change, MemoryEngine, Store, export_bundle
from gritstone.grit.formats import FORMATS
from gritstone.grit.objects import ObjectId
from gritstone.kit.executions import Environment, OutOfFuel, Sandbox, fork, load, spawn
from gritstone.kit.executions import execution as execution_module
from gritstone.wasm.forks import fork_core
from gritstone.wasm.signature import public_key
from gritstone.wit.workspace import Workspace

SECRET = bytes(range(32))


def test_forks_run_independently(counter: bytes) -> None:
    execution = spawn(counter)
    execution.run()
    forks = [execution.fork(), execution.fork()]
    execution.run()
    forks[0].run()
    forks[0].run()
    assert [one.read("count") for one in (execution, *forks)] == [bytes((n, 0, 0, 0)) for n in (3, 4, 2)]
    assert execution.snapshot_id is not None
    assert fork(execution.snapshot_id, sandbox=execution.sandbox).read("count") == bytes((3, 0, 0, 0))


def test_making_a_fork_does_not_depend_on_its_siblings(counter: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def count_cores(workspace: Workspace, step_id: ObjectId, number: int, *, fresh: bool) -> ObjectId:
        made.append(number)
        return fork_core(workspace, step_id, number, fresh=fresh)

    monkeypatch.setattr(execution_module, "fork_core", count_cores)
    execution = spawn(counter)
    actors = {execution.fork().actor for _ in range(30)}
    assert len(actors) == 30
    assert made == [number for number in range(30) for _ in range(2)]
    made.clear()
    again = Sandbox(execution.sandbox.store)
    assert execution.snapshot_id is not None
    assert fork(execution.snapshot_id, sandbox=again).actor not in actors
    assert len(made) < 15


def test_fork_keeps_unread_messages(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820))
    with pytest.raises(OutOfFuel):
        execution.run(b"one")
    branch = execution.fork()
    assert branch.continue_(5_000).outcome == "step"
    assert branch.read("count") == bytes((2, 0, 0, 0))
    assert len(execution.unread) == 1


def test_saved_execution_loads_unchanged(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    execution.run(b"one")
    execution.save(tmp_path / "x.grit")
    other = load(tmp_path / "x.grit")
    assert other.snapshot_id == execution.snapshot_id
    assert other.run(b"two").snapshot_id == execution.run(b"two").snapshot_id, "the same step, wherever it is made"
    assert other.read("count") == bytes((3, 0, 0, 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.grit"]


def test_moved_execution_keeps_unread_messages(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    execution.run(b"one", {"mt": "x"})
    execution.run(b"two")
    execution.save(tmp_path / "x.grit")
    other = load(tmp_path / "x.grit")
    assert other.unread == ((b"one", {"mt": "x"}), (b"two", {}))
    assert other.continue_(5_000).outcome == "step"
    assert other.read("count") == bytes((3, 0, 0, 0))
    for one in (execution, other):
        assert not [name for name, _ in one.sandbox.store.list_references("unread/")[0]]


def test_execution_moves_to_another_sandbox_and_back(counter: bytes, tmp_path: Path) -> None:
    here, there = Sandbox(), Sandbox()
    execution = spawn(counter, sandbox=here)
    execution.save(tmp_path / "x.grit", move=True)
    with pytest.raises(Rejected):
        execution.run()
    assert execution.read("count") == bytes((1, 0, 0, 0))
    moved = load(tmp_path / "x.grit", sandbox=there)
    moved.run()
    moved.save(tmp_path / "y.grit", move=True)
    name = f"moved/{execution.actor.hex()}"
    here.store.update_references([Change(name, here.place(execution.actor), None)])
    again = load(tmp_path / "y.grit", sandbox=here)
    again.run()
    assert again.read("count") == bytes((3, 0, 0, 0))
    assert execution.snapshot_id == again.snapshot_id


def test_failed_move_leaves_the_execution_usable(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    with pytest.raises(OSError, match="absent"):
        execution.save(tmp_path / "absent" / "x.grit", move=True)
    assert execution.run().outcome == "step"


def test_signed_execution_loads_with_a_trusted_key(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    path = tmp_path / "x.grit"
    execution.save(path, secret=SECRET)
    assert load(path, keys=[public_key(SECRET)]).read("count") == bytes((1, 0, 0, 0))
    with pytest.raises(Rejected) as caught:
        load(path, keys=[b"k" * 32])
    assert caught.value.code == "signature"
    execution.run()
    execution.save(path)
    with pytest.raises(Rejected) as caught:
        load(path, keys=[public_key(SECRET)])
    assert caught.value.code == "signature"


def test_load_rejects_files_that_are_no_execution(counter: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.grit"
    path.write_bytes(b"")
    with pytest.raises(Malformed):
        load(path)
    execution = spawn(counter)
    store = execution.sandbox.store

    def write(*names: str) -> None:
        with store.snapshot() as snapshot:
            path.write_bytes(b"".join(export_bundle(snapshot, list(names))))

    head = f"heads/{execution.actor.hex()}"
    agent = f"heads/{execution.sandbox.agent.hex()}"
    store.update_references([Change("tags/x", None, execution.sandbox.place(execution.actor))])
    for names in ([head, agent], [head, "runtime/agent"], ["tags/x"], [agent], [head, "tags/x"]):
        write(*names)
        sandbox = Sandbox()
        before = sandbox.store.list_references()
        with pytest.raises(Rejected):
            load(path, sandbox=sandbox)
        assert sandbox.store.list_references() == before
    write(head)
    assert load(path).snapshot_id == execution.snapshot_id


def test_load_into_a_store_of_another_format_is_refused(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    execution.save(tmp_path / "x.grit")
    other = Sandbox(Store.open(MemoryEngine(), FORMATS["framed-sha256"]))
    with pytest.raises(Rejected) as caught:
        load(tmp_path / "x.grit", sandbox=other)
    assert caught.value.code == "format"


@pytest.mark.parametrize("more", [{"max_fuel": 2**63 - 1}, {"max_memory_mb": 4_096}], ids=["fuel", "memory"])
def test_file_does_not_grant_itself_more_than_the_limits(counter: bytes, tmp_path: Path, more: dict[str, int]) -> None:
    path, environment = tmp_path / "x.grit", Environment(**more)  # type: ignore[arg-type]
    execution = spawn(counter, environment)
    execution.save(path, secret=SECRET)
    sandbox = Sandbox()
    for keys in (None, [public_key(SECRET)]):
        with pytest.raises(Rejected, match="grants itself too much") as refused:
            load(path, sandbox=sandbox, keys=keys, limits=Environment())
        assert refused.value.code == "grants"
    with pytest.raises(Rejected, match="grants itself too much"):
        load(path, sandbox=sandbox)
    assert sandbox.head(execution.actor) is None
    for loaded in (load(path, limits=environment), load(path, keys=[public_key(SECRET)])):
        assert loaded.snapshot_id == execution.snapshot_id
