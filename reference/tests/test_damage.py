"""Damaged files of a durable store: no request ends the process, and no answer is wrong.

Each damaged copy is opened and used in a child process, so that its death is seen. Every read has to give what was
stored or be refused; every write has to succeed or be refused.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import FRAMED_SHA256, Blob, Change, Store, Tree
from gritstone.grit.engine import Table
from gritstone.grit.lmdb_pages import read_pages
from gritstone.grit.lmdb_store import open_durable

_CHILD = """
import sys
from pathlib import Path
from gritstone.errors import Missing, Rejected, StorageError
from gritstone.grit import FRAMED_SHA256, Blob, Change
from gritstone.grit.lmdb_store import open_durable

def attempt(ask):
    try:
        return ask()
    except (Missing, StorageError):
        return None

def judge(store, names, objects):
    listed = attempt(lambda: dict(store.list_references()[0]))
    if listed is not None and listed != names:
        return f"wrong references {listed}"
    for object_id, data in objects.items():
        found = attempt(lambda: store.get(object_id))
        if found is not None and found != data:
            return "wrong bytes"
    fresh = FRAMED_SHA256.encode(Blob({}, b"fresh" * 400), store.limits)
    attempt(lambda: store.put(fresh))
    name, target = sorted(names.items())[0]
    attempt(lambda: store.update_references([Change(name, target, None)]))
    attempt(lambda: store.erase(sorted(objects)[0]))
    attempt(lambda: store.prune())
    again = attempt(lambda: store.put(fresh))
    return "opened" if again is None or attempt(lambda: store.get(again)) in (fresh, None) else "lost"

def run(directory, names, objects):
    try:
        store = open_durable(directory, FRAMED_SHA256)
    except (Missing, Rejected) as refusal:
        return "refused" if refusal.code == "corrupt" or "unknown layout" in str(refusal) else f"refused {refusal}"
    try:
        return judge(store, names, objects)
    finally:
        store.close()

for line in sys.stdin:
    directory, names, objects = eval(line)
    try:
        print(run(Path(directory), names, objects), flush=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
"""


class Probe:
    """Ask a child process to open damaged stores; it is started again when one of them has killed it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def ask(self, directory: Path, names: dict[str, bytes], objects: dict[bytes, bytes]) -> str:
        if self._child is None:
            command = [sys.executable, "-c", _CHILD]
            pipe = subprocess.PIPE
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(repr((str(directory), names, objects)) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline().strip()
        if not answer:
            self._child.wait()
            answer, self._child = f"died {self._child.returncode}", None
        return answer

    def close(self) -> None:
        if self._child is not None:
            self._child.communicate()


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.close()


class Intact:
    """An intact store of a few pages, and what it holds."""

    def __init__(self, directory: Path) -> None:
        self.objects: dict[bytes, bytes] = {}
        store = open_durable(directory / "intact", FRAMED_SHA256)
        self.large = b"\x08" * 5600
        bodies = [*(bytes([n]) * n * 3 for n in range(8)), self.large]
        blobs = [self._put(store, FRAMED_SHA256.encode(Blob({}, body), store.limits)) for body in bodies]
        top = self._put(store, FRAMED_SHA256.encode(Tree({f"n{n}": one for n, one in enumerate(blobs)}), store.limits))
        self.names = {"tags/top": top, "tags/leaf": blobs[3], "actors/a": top}
        store.update_references([Change(name, None, target) for name, target in self.names.items()])
        gone = store.put(FRAMED_SHA256.encode(Blob({}, b"gone"), store.limits))
        store.erase(gone)
        for n in range(2):  # the last two transactions agree about references and all other objects
            self._put(store, FRAMED_SHA256.encode(Blob({}, b"last %d" % n), store.limits))
        store.close()
        self._name = "grit-1.mdb"
        self.data = (directory / "intact" / self._name).read_bytes()
        self.path = directory / "intact" / self._name
        self._copy = directory / "copy"

    def _put(self, store: Store, data: bytes) -> bytes:
        object_id = store.put(data)
        self.objects[object_id] = data
        return object_id

    def ask(self, probe: Probe, data: bytes | bytearray) -> str:
        """Ask about a store with these bytes in place of its own."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        (self._copy / self._name).write_bytes(data)
        return probe.ask(self._copy, self.names, self.objects)


@pytest.fixture
def intact(tmp_path: Path) -> Iterator[Intact]:
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield Intact(tmp_path)
        return
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        yield Intact(Path(directory))


def test_store_without_damage_opens(intact: Intact, probe: Probe) -> None:
    assert intact.ask(probe, intact.data) == "opened"


def test_truncated_file_is_rejected(intact: Intact, probe: Probe) -> None:
    size = len(intact.data)
    cuts = {*range(0, 400, 7), *range(0, size, 512)}
    cuts |= {page * 4096 + more for page in range(size // 4096) for more in (-1, 1, 16)}
    for cut in sorted(one for one in cuts if 0 <= one < size):
        assert intact.ask(probe, intact.data[:cut]) == "refused", cut


def test_zeroed_page_is_rejected_or_harmless(intact: Intact, probe: Probe) -> None:
    answers = []
    for page in range(len(intact.data) // 4096):
        data = bytearray(intact.data)
        data[page * 4096 : (page + 1) * 4096] = bytes(4096)
        answers.append(intact.ask(probe, data))
    assert set(answers) <= {"refused", "opened"}, answers
    assert answers.count("refused") >= 8, "the pages with nodes"


def test_misplaced_page_is_rejected_or_harmless(intact: Intact, probe: Probe) -> None:
    pages = len(intact.data) // 4096
    for page in range(pages):
        for other in range(pages):
            data = bytearray(intact.data)
            data[page * 4096 : (page + 1) * 4096] = intact.data[other * 4096 : (other + 1) * 4096]
            answer = intact.ask(probe, data)
            assert answer in ("refused", "opened"), (page, other, answer)


def regions(intact: Intact) -> Iterator[int]:
    """Yield every offset at which a byte has a meaning; of the bytes inside the large blob, which are alike, some."""
    with lmdb.open(str(intact.path), subdir=False, lock=False, readonly=True) as environment:
        pages = read_pages(intact.path, environment.info()["last_txnid"])
    unused = {at for begin, end in [*pages.gaps, (152, 4096), (4096 + 152, 2 * 4096)] for at in range(begin, end)}
    large = intact.data.index(intact.large)
    unused.update(at for at in range(large + 16, large + len(intact.large) - 16) if at % 31)
    for page, is_live in enumerate(pages.live):
        if is_live:
            yield from (at for at in range(page * 4096, (page + 1) * 4096) if at not in unused)


@pytest.mark.parametrize("part", range(4))
def test_flipped_bits_are_rejected_or_harmless(intact: Intact, probe: Probe, part: int) -> None:
    wrong = []
    for number, at in enumerate(regions(intact)):
        if number % 4 != part:
            continue
        data = bytearray(intact.data)
        data[at] ^= 1 << (number // 4) % 8
        answer = intact.ask(probe, data)
        if answer not in ("refused", "opened"):
            wrong.append((at // 4096, at % 4096, (number // 4) % 8, answer))
    assert wrong == []


def test_unknown_layout_is_rejected(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    store.update(lambda batch: batch.put(Table.META, b"layout", b"2"))
    store.close()
    with pytest.raises(Rejected, match="layout"):
        open_durable(directory, FRAMED_SHA256)


def test_copied_reference_value_is_damage(tmp_path: Path) -> None:
    """The checksum of one reference does not fit another name."""
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    one = store.put(FRAMED_SHA256.encode(Blob({}, b"1"), store.limits))
    store.update_references([Change("tags/aaaa", None, one)])
    store.close()
    (path,) = (each for each in directory.iterdir() if each.suffix == ".mdb")
    path.write_bytes(path.read_bytes().replace(b"tags/aaaa", b"tags/aaab"))
    with pytest.raises(Missing) as caught:
        open_durable(directory, FRAMED_SHA256)
    assert caught.value.code == "corrupt"


_READ_ONLY = """
import os, sys
from gritstone.errors import Exhausted
from gritstone.grit import FRAMED_SHA256, Blob, Change
from gritstone.grit.lmdb_store import open_durable
store = open_durable(sys.argv[1], FRAMED_SHA256)
((name, target),) = store.list_references()[0]
print(name, len(store.get(target)))
for write in (
    lambda: store.put(FRAMED_SHA256.encode(Blob({}, b"2"), store.limits)),
    lambda: store.update_references([Change("tags/x", target, None)]),
    lambda: store.erase(target),
    lambda: store.prune(),
):
    try:
        write()
    except Exhausted as refusal:
        print(refusal.rule)
store.close()
"""


def test_read_only_medium_is_readable(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    one = store.put(FRAMED_SHA256.encode(Blob({}, b"1"), store.limits))
    store.put(FRAMED_SHA256.encode(Blob({}, b"for the prune"), store.limits))
    store.update_references([Change("tags/x", None, one)])
    store.close()
    mounted = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(directory), sys.executable, _READ_ONLY]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this system does not permit mounts")
    assert done.stdout.splitlines() == ["tags/x 9", *["grit.store.full"] * 4], done.stderr
