"""Speed of ``grit``: codecs, stores and bundles of the reference.

The objects are those of the targets: drawn from a fixed seed, the same for every version.
"""

from __future__ import annotations

import io
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from gritstone.grit import (
    DEFAULT_LIMITS,
    FORMATS,
    Blob,
    Change,
    Mailbox,
    MemoryEngine,
    Message,
    Object,
    Step,
    Store,
    Tree,
    export_bundle,
    import_bundle,
    transcode,
)
from gritstone.grit.lmdb_store import open_durable

_FORMATS = sorted(FORMATS)
_BACKENDS = ["memory", "durable"]


def _names(draw: random.Random, count: int) -> list[str]:
    return draw.sample([f"name-{n:06}" for n in range(10 * count)], count)


def _tree(draw: random.Random, count: int) -> Object:
    return Tree({name: draw.randbytes(32) for name in _names(draw, count)})


_OBJECTS: dict[str, Callable[[random.Random], Object]] = {
    "blob-1k": lambda draw: Blob({"ct": "s"}, draw.randbytes(1_024)),
    "blob-64k": lambda draw: Blob({"ct": "s"}, draw.randbytes(65_536)),
    "blob-1m": lambda draw: Blob({"ct": "s"}, draw.randbytes(1_048_576)),
    "tree-10": lambda draw: _tree(draw, 10),
    "tree-100": lambda draw: _tree(draw, 100),
    "tree-10000": lambda draw: _tree(draw, 10_000),
    "message": lambda draw: Message(draw.randbytes(32), {"mt": "text/plain"}, draw.randbytes(32)),
    "mailbox-10": lambda draw: Mailbox({draw.randbytes(32): draw.randbytes(32) for _ in range(10)}),
    "mailbox-1000": lambda draw: Mailbox({draw.randbytes(32): draw.randbytes(32) for _ in range(1_000)}),
    "step": lambda draw: Step(*(draw.randbytes(32) for _ in range(5))),
}


class Codec:
    """Encoding with id, and decoding, of one object."""

    params = (_FORMATS, sorted(_OBJECTS))
    param_names = ("format", "object")

    def setup(self, format_name: str, label: str) -> None:
        self.format = FORMATS[format_name]
        self.value = _OBJECTS[label](random.Random(label))
        self.data = self.format.encode(self.value, DEFAULT_LIMITS)
        self.format.object_id(self.data)  # loads the hash
        self.format.decode(self.data, DEFAULT_LIMITS)

    def time_encode_and_id(self, format_name: str, label: str) -> None:
        self.format.object_id(self.format.encode(self.value, DEFAULT_LIMITS))

    def time_decode(self, format_name: str, label: str) -> None:
        self.format.decode(self.data, DEFAULT_LIMITS)


class _WithStore:
    """Keep a store, and the directory of a durable one."""

    def open(self, backend: str, format_name: str = "framed-sha256") -> Store:
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-")
        format_ = FORMATS[format_name]
        if backend == "memory":
            self.store = Store.open(MemoryEngine(), format_)
        else:
            self.store = open_durable(Path(self.directory) / "store", format_)
        return self.store

    def teardown(self, *params: str) -> None:
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def encoded(self, draw: random.Random, size_bytes: int) -> bytes:
        return self.store.format.encode(Blob({}, draw.randbytes(size_bytes)), self.store.limits)


class Puts(_WithStore):
    """Puts of 1 KiB into a store that already holds 1,000 of them."""

    params = _BACKENDS
    param_names = ("backend",)
    number = 40
    repeat = 10
    warmup_time = 0.0

    def setup(self, backend: str) -> None:
        draw = random.Random(backend)
        store = self.open(backend)
        store.put_group([(self.encoded(draw, 1_024), None) for _ in range(1_000)])
        self.fresh = [self.encoded(draw, 1_024) for _ in range(self.number)]
        self.groups = [[(self.encoded(draw, 1_024), None) for _ in range(100)] for _ in range(self.number)]

    def time_put(self, backend: str) -> None:
        self.store.put(self.fresh.pop())

    def time_put_100_at_once(self, backend: str) -> None:
        self.store.put_group(self.groups.pop())


class Reads(_WithStore):
    """Reads from a store of 10,000 objects."""

    params = _BACKENDS
    param_names = ("backend",)

    def setup(self, backend: str) -> None:
        draw = random.Random(backend)
        store = self.open(backend)
        answers = store.put_group([(self.encoded(draw, 200), None) for _ in range(10_000)])
        self.ids = [one for one in answers if isinstance(one, bytes)]
        store.update_references([Change(f"tags/{n}", None, self.ids[n]) for n in range(1_000)])

    def time_get(self, backend: str) -> None:
        self.store.get(self.ids[5_000])

    def time_has_100(self, backend: str) -> None:
        self.store.has(self.ids[:100])

    def time_list_1000_references(self, backend: str) -> None:
        self.store.list_references()


class References(_WithStore):
    """Updates of references."""

    params = _BACKENDS
    param_names = ("backend",)
    number = 40
    repeat = 10
    warmup_time = 0.0

    def setup(self, backend: str) -> None:
        store = self.open(backend)
        self.one, self.two = (store.put(self.encoded(random.Random(n), 100)) for n in range(2))
        store.update_references([Change("tags/x", None, self.one)])

    def time_swap(self, backend: str) -> None:
        self.store.update_references([Change("tags/x", self.one, self.two)])
        self.one, self.two = self.two, self.one


class Bundles(_WithStore):
    """A graph of 20,000 objects, 2.5 MB."""

    params = (_BACKENDS, _FORMATS)
    param_names = ("backend", "format")
    number = 1
    repeat = 3
    warmup_time = 0.0
    timeout = 300

    def setup(self, backend: str, format_name: str) -> None:
        draw = random.Random(format_name)
        store = self.open(backend, format_name)
        blobs = store.put_group([(self.encoded(draw, 60), None) for _ in range(19_800)])
        leaves = [blobs[n : n + 99] for n in range(0, len(blobs), 99)]
        listed = [Tree({f"{m}": one for m, one in enumerate(some) if isinstance(one, bytes)}) for some in leaves]
        trees = store.put_group([(store.format.encode(tree, store.limits), None) for tree in listed])
        root = Tree({f"{n}": tree for n, tree in enumerate(trees) if isinstance(tree, bytes)})
        store.update_references([Change("tags/all", None, store.put(store.format.encode(root, store.limits)))])
        with store.snapshot() as snapshot:
            self.bundle = b"".join(export_bundle(snapshot))

    def time_export(self, backend: str, format_name: str) -> None:
        with self.store.snapshot() as snapshot:
            for _ in export_bundle(snapshot):
                pass

    def time_import(self, backend: str, format_name: str) -> None:
        if backend == "memory":
            import_bundle(Store.open(MemoryEngine(), self.store.format), io.BytesIO(self.bundle))
            return
        other = open_durable(Path(self.directory) / "other", self.store.format)
        import_bundle(other, io.BytesIO(self.bundle))
        other.close()
        shutil.rmtree(Path(self.directory) / "other")

    def time_transcode(self, backend: str, format_name: str) -> None:
        new = next(one for name, one in FORMATS.items() if name != format_name)
        parts = transcode(io.BytesIO(self.bundle), io.BytesIO(), (self.store.format, new), DEFAULT_LIMITS)
        for _ in parts:
            pass
