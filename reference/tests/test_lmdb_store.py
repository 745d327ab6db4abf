"""The durable engine: what survives, what grows, and what must be gone. The laws are in ``test_engine``."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from gritstone.errors import Exhausted, Missing, Rejected, StorageError
from gritstone.grit import CBOR_BLAKE3, FRAMED_SHA256, Blob, Change, ObjectId, Store, Tree, export_bundle
from gritstone.grit.engine import Table
from gritstone.grit.lmdb_store import LmdbEngine, open_durable


def blob(data: bytes) -> bytes:
    return FRAMED_SHA256.encode(Blob({}, data), Store(_NO_ENGINE, FRAMED_SHA256).limits)


_NO_ENGINE: LmdbEngine = None  # type: ignore[assignment]


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Store]:
    store = open_durable(tmp_path / "store", FRAMED_SHA256)
    yield store
    store.close()


def child(script: str, *args: object, **popen: object) -> subprocess.Popen[bytes]:
    """Run a script in another process."""
    text = "import sys, os\nfrom gritstone.grit import *\nfrom gritstone.grit.lmdb_store import open_durable\n"
    command = [sys.executable, "-c", text + textwrap.dedent(script), *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **popen)  # type: ignore[call-overload, no-any-return]


def run(script: str, *args: object) -> bytes:
    process = child(script, *args)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


# --- opening ---------------------------------------------------------------------------------------------


def test_reopened_store_has_its_content(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    one = store.put(blob(b"1"))
    store.update_references([Change("tags/x", None, one)])
    store.close()
    with pytest.raises(Rejected) as caught:
        open_durable(directory, CBOR_BLAKE3)
    assert caught.value.code == "format"
    store = open_durable(directory, FRAMED_SHA256, create=False)
    assert store.get(one) == blob(b"1")
    assert store.list_references() == ([("tags/x", one)], False)
    store.close()


def test_open_creates_nothing_unless_requested(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        open_durable(tmp_path / "none", FRAMED_SHA256, create=False)
    with pytest.raises(Missing):
        open_durable(tmp_path, FRAMED_SHA256, create=False)
    assert list(tmp_path.iterdir()) == []


def test_open_leaves_other_files_alone(tmp_path: Path) -> None:
    store = open_durable(tmp_path / "store", FRAMED_SHA256)
    one = store.put(blob(b"1"))
    store.erase(one)
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["grit-1.mdb", "grit-1.mdb-lock", "reserve"]


# --- growing ---------------------------------------------------------------------------------------------


def test_the_map_grows_until_the_write_fits(tmp_path: Path) -> None:
    store = open_durable(tmp_path / "store", FRAMED_SHA256, map_bytes=1 << 20)
    big = blob(bytes(20_000_000))
    small = [store.put(blob(bytes([n]) * 5_000)) for n in range(100)]
    object_id = store.put(big)
    assert store.get(object_id) == big
    assert all(store.has(small))
    store.close()


def test_map_grown_by_another_process_is_adopted(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256, map_bytes=1 << 20)
    for n in range(3):
        out = run(
            """
            store = open_durable(sys.argv[1], FRAMED_SHA256, map_bytes=1 << 20)
            data = FRAMED_SHA256.encode(Blob({}, sys.argv[2].encode() * 5_000_000), store.limits)
            print(store.put(data).hex())
            """,
            directory,
            n,
        )
        assert len(store.get(bytes.fromhex(out.decode().strip()))) > 5_000_000
        store.put(blob(b"%d" % n))
    store.close()


def test_update_on_a_full_disk_is_exhausted(tmp_path: Path) -> None:
    out = run(
        """
        import resource, signal
        from gritstone.errors import Exhausted
        store = open_durable(sys.argv[1], FRAMED_SHA256)
        small = store.put(FRAMED_SHA256.encode(Blob({}, b"small"), store.limits))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = max(os.path.getsize(os.path.join(sys.argv[1], n)) for n in os.listdir(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8192, size + 8192))
        import gritstone.grit.lmdb_store as module
        os.statvfs = lambda path: os.statvfs_result((1, 1, 1, 0, 0, 0, 0, 0, 0, 255))
        try:
            store.put(FRAMED_SHA256.encode(Blob({}, bytes(30_000_000)), store.limits))
        except Exhausted as refusal:
            print(refusal.rule)
        assert len(store.get(small)) == 13
        store.put(FRAMED_SHA256.encode(Blob({}, b"tiny"), store.limits))
        """,
        tmp_path / "store",
    )
    assert out.decode().strip() == "grit.store.full"


def test_full_address_space_is_exhausted(tmp_path: Path) -> None:
    out = run(
        """
        import resource
        from gritstone.errors import Exhausted
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        store = open_durable(sys.argv[1], FRAMED_SHA256)
        small = store.put(FRAMED_SHA256.encode(Blob({}, b"small"), store.limits))
        try:
            store._engine._grow(1 << 40)
        except Exhausted as refusal:
            print(refusal.rule)
        assert len(store.get(small)) == 13
        store.put(FRAMED_SHA256.encode(Blob({}, b"more"), store.limits))
        """,
        tmp_path / "store",
    )
    assert out.decode().strip() == "grit.store.full"


def test_a_view_ends_when_the_map_grows(tmp_path: Path) -> None:
    store = open_durable(tmp_path / "store", FRAMED_SHA256, map_bytes=1 << 20)
    small = store.put(blob(b"small"))
    with store.snapshot() as snapshot:
        assert snapshot.get(small) == blob(b"small")
        store.put(blob(bytes(10_000_000)))
        with pytest.raises(Rejected):
            snapshot.get(small)
    assert store.get(small) == blob(b"small")
    store.close()


# --- several processes -----------------------------------------------------------------------------------


def test_processes_see_the_commits_of_each_other(durable: Store, tmp_path: Path) -> None:
    other = child(
        """
        store = open_durable(sys.argv[1], FRAMED_SHA256)
        for line in sys.stdin.buffer:
            data = FRAMED_SHA256.encode(Blob({}, line.strip()), store.limits)
            known = store.has([FRAMED_SHA256.object_id(data)])[0]
            reply = FRAMED_SHA256.encode(Blob({}, b"re:" + line.strip()), store.limits)
            print(known, store.put(reply).hex(), len(store.list_references()[0]), flush=True)
        """,
        tmp_path / "store",
    )
    assert other.stdin
    assert other.stdout
    for n in range(20):
        object_id = durable.put(blob(b"%d" % n))
        durable.update_references([Change(f"tags/{n}", None, object_id)])
        other.stdin.write(b"%d\n" % n)
        other.stdin.flush()
        known, reply, count = other.stdout.readline().split()
        assert known == b"True"
        assert durable.get(bytes.fromhex(reply.decode())) == blob(b"re:%d" % n)
        assert int(count) == n + 1
        if n % 5 == 0:
            durable.erase(bytes.fromhex(reply.decode()))
    other.communicate(timeout=10)
    assert other.returncode == 0


_RACE = """
from gritstone.errors import Rejected
store = open_durable(sys.argv[1], FRAMED_SHA256)
ids = [store.put(FRAMED_SHA256.encode(Blob({}, b"%d" % n), store.limits)) for n in range(50)]
print("ready", flush=True)
sys.stdin.readline()
won = 0
for old, new in zip(ids, ids[1:]):
    try:
        store.update_references([Change("tags/x", old, new), Change("tags/y", old, new)])
        won += 1
    except Rejected as refusal:
        assert refusal.code == "conflict"
    while dict(store.list_references("tags/x")[0])["tags/x"] == old:
        pass
    seen = store.list_references()[0]
    assert seen[0][1] == seen[1][1]
print(won)
"""


def test_only_one_of_two_equal_updates_succeeds(durable: Store, tmp_path: Path) -> None:
    first = durable.put(blob(b"0"))
    durable.update_references([Change("tags/x", None, first), Change("tags/y", None, first)])
    racers = [child(_RACE, tmp_path / "store") for _ in range(3)]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == b"ready\n"
    outs = []
    for racer in racers:
        assert racer.stdin
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    for racer in racers:
        out, _ = racer.communicate(timeout=60)
        assert racer.returncode == 0
        outs.append(int(out))
    assert sum(outs) == 49


# --- being killed ----------------------------------------------------------------------------------------

_WRITER = """
store = open_durable(sys.argv[1], FRAMED_SHA256)
last = None
for n in range(1_000_000):
    data = FRAMED_SHA256.encode(Blob({}, b"%d" % n * 50), store.limits)
    object_id = store.put(data)
    store.update_references([Change("tags/a", last, object_id), Change("tags/b", last, object_id)])
    print(object_id.hex(), flush=True)
    last = object_id
    if n % 7 == 3:
        store.prune()
    if n % 11 == 5:
        store.erase(store.put(FRAMED_SHA256.encode(Blob({}, b"x%d" % n), store.limits)))
"""


@pytest.mark.parametrize("seed", range(8))
def test_kill_at_any_moment_keeps_the_store(tmp_path: Path, seed: int) -> None:
    writer = child(_WRITER, tmp_path / "store")
    assert writer.stdout
    answered = [writer.stdout.readline()]
    time.sleep(random.Random(seed).uniform(0.0, 0.15))
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate(timeout=60)
    answered += rest.splitlines()
    store = open_durable(tmp_path / "store", FRAMED_SHA256, create=False)
    references = dict(store.list_references()[0])
    assert references["tags/a"] == references["tags/b"]
    last = bytes.fromhex(answered[-1].strip().decode())
    if references["tags/a"] != last:
        assert len(store.get(references["tags/a"])) > 0
    with store.snapshot() as snapshot:
        list(export_bundle(snapshot))
    store.put(blob(b"after"))
    store.close()


# --- erasing ---------------------------------------------------------------------------------------------


def traces(directory: Path, secret: bytes, width: int) -> int:
    """Count the pieces of a secret that any file of a directory holds.

    Another process reads them: to close LMDB's lock file here would give up the locks of this process.
    """
    content = subprocess.run(["cat", *directory.iterdir()], stdout=subprocess.PIPE, check=True).stdout
    return sum(secret[at : at + width] in content for at in range(0, len(secret) - width + 1, 8))


def fill(store: Store, draw: random.Random, count: int) -> list[ObjectId]:
    sizes = [10, 100, 700, 1_500, 3_000, 9_000]
    return [store.put(blob(draw.randbytes(draw.choice(sizes)))) for _ in range(count)]


@pytest.mark.parametrize("size", [40, 900, 2_500, 20_000])
def test_erased_bytes_are_in_no_file(durable: Store, tmp_path: Path, size: int) -> None:
    draw = random.Random(size)
    secret = draw.randbytes(size)
    kept = fill(durable, draw, 60)
    object_id = durable.put(blob(secret))
    kept += fill(durable, draw, 60)
    for gone in kept[::7]:
        durable.erase(gone)
    durable.prune([*(one for n, one in enumerate(kept) if n % 7 and n % 3), object_id])
    directory = tmp_path / "store"
    assert traces(directory, secret, 16) > 0
    durable.erase(object_id)
    assert traces(directory, secret, 16) == 0
    assert durable.has([one for n, one in enumerate(kept) if n % 7 and n % 3]) == [True] * sum(
        1 for n, _ in enumerate(kept) if n % 7 and n % 3
    )


def test_replaced_damaged_bytes_are_in_no_file(durable: Store, tmp_path: Path) -> None:
    secret = random.Random(5).randbytes(500)
    object_id = durable.put(blob(secret))
    durable.update(lambda batch: batch.put(Table.OBJECTS, object_id, blob(secret)[:-1] + b"!"))
    durable.put(blob(secret))
    durable.erase(object_id)
    assert traces(tmp_path / "store", secret, 16) == 0


def test_a_view_outlives_the_generation(durable: Store) -> None:
    draw = random.Random(1)
    kept = fill(durable, draw, 20)
    secret = durable.put(blob(b"secret"))
    with durable.snapshot() as snapshot:
        durable.erase(secret)
        durable.put(blob(b"later"))
        assert [snapshot.get(one) for one in kept] == [durable.get(one) for one in kept]
        assert snapshot.get(secret) == blob(b"secret")
    durable.erase(kept[0])


def test_other_process_switches_to_the_new_generation(durable: Store, tmp_path: Path) -> None:
    other = child(
        """
        store = open_durable(sys.argv[1], FRAMED_SHA256)
        print("ready", flush=True)
        for line in sys.stdin:
            print(store.put(FRAMED_SHA256.encode(Blob({}, line.encode()), store.limits)).hex(), flush=True)
        """,
        tmp_path / "store",
    )
    assert other.stdin
    assert other.stdout
    assert other.stdout.readline() == b"ready\n"
    for n in range(5):
        secret = random.Random(n).randbytes(300)
        object_id = durable.put(blob(secret))
        durable.erase(object_id)
        assert traces(tmp_path / "store", secret, 16) == 0
        other.stdin.write(b"%d\n" % n)
        other.stdin.flush()
        assert durable.has([bytes.fromhex(other.stdout.readline().strip().decode())]) == [True]
    other.communicate(timeout=10)
    assert other.returncode == 0
    assert len(list((tmp_path / "store").iterdir())) == 3


_KILLED_SCRUB = """
import signal
from gritstone.grit import generations
store = open_durable(sys.argv[1], FRAMED_SHA256)
object_id = bytes.fromhex(sys.argv[2])
point = sys.argv[3]

def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

if point == "before-rename":
    generations.Generations.publish = die
elif point == "before-commit":
    plain = generations.Generations.publish
    generations.Generations.publish = lambda self, draft, number: (plain(self, draft, number), die())
else:
    generations.Generations.remove = die
store.erase(object_id)
"""


@pytest.mark.parametrize("point", ["before-rename", "before-commit", "before-removal"])
@pytest.mark.parametrize("other_is_open", [False, True])
def test_kill_during_a_scrub_keeps_the_store(tmp_path: Path, point: str, other_is_open: bool) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    secret = random.Random(3).randbytes(800)
    object_id, kept = store.put(blob(secret)), store.put(blob(b"kept"))
    tree = store.put(FRAMED_SHA256.encode(Tree({"a": object_id, "b": kept}), store.limits))
    store.update_references([Change("tags/x", None, tree)])
    if not other_is_open:
        store.close()
    killed = child(_KILLED_SCRUB, directory, object_id.hex(), point)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    if not other_is_open:
        store = open_durable(directory, FRAMED_SHA256, create=False)
    more = store.put(blob(b"more"))
    with pytest.raises(Missing) as missing:
        store.get(object_id)
    assert missing.value.code == "erased"
    store.erase(object_id)
    assert traces(directory, secret, 16) == 0
    assert store.has([kept, more, tree]) == [True, True, True]
    assert [name for name, _ in store.list_references()[0]] == ["tags/x"]
    store.close()
    store = open_durable(directory, FRAMED_SHA256, create=False)
    assert store.has([kept, more, tree]) == [True, True, True]
    store.close()


def test_scrub_without_space_overwrites_in_place(tmp_path: Path) -> None:
    out = run(
        """
        import resource, signal
        from gritstone.errors import Exhausted
        store = open_durable(sys.argv[1], FRAMED_SHA256)
        put = lambda data: store.put(FRAMED_SHA256.encode(Blob({}, data), store.limits))
        kept, secret = [put(bytes([n]) * 100_000) for n in range(40)], put(b"secret")
        put(b"other")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        plain, os.statvfs = os.statvfs, lambda path: os.statvfs_result((1, 1, 1, 0, 0, 0, 0, 0, 0, 255))
        try:
            store.erase(secret)
        except Exhausted as refusal:
            print(refusal.rule)
        assert len(store.get(secret)) == 14
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(len(os.listdir(sys.argv[1])))
        store.erase(secret)
        print(store.has([secret, *kept]).count(True))
        """,
        tmp_path / "store",
    )
    assert out.decode().split() == ["grit.store.full", "3", "40"]


def test_scrub_without_deletions_copies_nothing(durable: Store, tmp_path: Path) -> None:
    durable.put(blob(b"1"))
    durable.erase(durable.put(blob(b"2")))
    before = {path.name: path.stat().st_ino for path in (tmp_path / "store").iterdir()}
    durable.erase(FRAMED_SHA256.object_id(blob(b"2")))
    assert {path.name: path.stat().st_ino for path in (tmp_path / "store").iterdir()} == before


# --- errors that are not refusals ------------------------------------------------------------------------


def test_disk_error_is_not_reported_as_full(durable: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(batch: object) -> None:
        raise lmdb.Error("mdb_txn_commit: Input/output error")

    with pytest.raises(StorageError):
        durable.update(work)

    room = os.statvfs_result((4096, 4096, 1, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    with pytest.raises(Exhausted):
        durable.update(work)
