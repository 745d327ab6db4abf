"""A full medium: what frees room still works, again and again, and erased bytes are gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROUNDS = """
import os, random, sys
from pathlib import Path
from gritstone.errors import Exhausted
from gritstone.grit import FRAMED_SHA256, Blob, Change, Tree, export_bundle
from gritstone.grit.lmdb_store import open_durable

directory = Path(sys.argv[1])
draw = random.Random(int(sys.argv[2]))
store = open_durable(directory / "store", FRAMED_SHA256)

def put(data):
    return store.put(FRAMED_SHA256.encode(Blob({}, data), store.limits))

def fill():
    found = []
    for size in (150_000, 9_000):
        try:
            while True:
                found.append(put(draw.randbytes(size + draw.randrange(8))))
        except Exhausted:
            pass
    return found

def traces(data):
    pieces = [data[at : at + 16] for at in range(0, len(data) - 16, 1_000)]
    contents = [path.read_bytes() for path in (directory / "store").glob("*") if "lock" not in path.name]
    return sum(piece in content for content in contents for piece in pieces)

for turn in range(4):
    if turn % 2:
        (directory / "other").write_bytes(b"x" * 40_000)  # another program writes to the medium, too
    found = fill()
    assert len(found) > 5, (turn, len(found))
    secret = next(one for one in found if len(store.get(one)) > 9_000)
    data = store.get(secret)
    assert traces(data) > 0
    store.erase(secret)
    assert traces(data) == 0, turn
    assert not store.has([secret])[0]
    kept = found[1::7]
    assert store.prune(kept) > 0
    assert all(store.has(kept))
    put(b"small %d" % turn)
    if turn == 1:
        store.close()
        store = open_durable(directory / "store", FRAMED_SHA256)
    store.prune()
    (directory / "other").unlink(missing_ok=True)
print("done")
store.close()
"""


@pytest.mark.parametrize("seed", range(2))
def test_full_store_can_free_space(tmp_path: Path, seed: int) -> None:
    mounted = 'mount -t tmpfs -o size=4m tmpfs "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(tmp_path), sys.executable, _ROUNDS, str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this system does not permit mounts")
    assert done.stdout.split() == ["done"], done.stderr
