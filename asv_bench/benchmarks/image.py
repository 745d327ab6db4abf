"""Speed of ``image``: operations, starts with many actors, earlier worlds, and the audit of an export.

The operation is always the same, unless stated otherwise: a request to A, which changes a path and joins B, which
changes a path; four steps with those of the agent and the kernel actor. ``durable`` stores write to the disk of the
temporary directory, and each operation waits for it.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from pathlib import Path

from gritstone.grit import FORMATS, Blob, Mailbox, MemoryEngine, Message, ObjectId, Step, Store, Tree, export_bundle
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.references import Change
from gritstone.image import Actor, Image, Letter, Program, Quota
from gritstone.image.code import IMAGES
from gritstone.image.record import encode_record
from gritstone.image.requests import Request
from gritstone.image.service import Service
from gritstone.image.worlds import fold
from gritstone.runtime import Config, Runtime
from gritstone.wit import Laws, Objects
from gritstone.wit.workspace import Workspace
from gritstone_conformance.model.bundle import read
from gritstone_conformance.model.history import check_history

_BACKENDS = ["memory", "durable"]
_QUOTA = Quota(actors=10**6, bytes=10**12, fuel=10**9, posts=10**6)
_PART = 2_000  # references of one update


class _Stage:
    """An image in which A joins B."""

    def open_store(self, backend: str, format_name: str = "framed-sha256") -> None:
        """Open an empty store."""
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-")
        path, format_ = Path(self.directory) / "store", FORMATS[format_name]
        self.store = open_durable(path, format_) if backend == "durable" else Store.open(MemoryEngine(), format_)

    def begin(self) -> None:
        """Start the image, and create A and B."""
        self.image = Image(self.store)
        self.owner = self.image.principal("owner", quota=_QUOTA, caps=["spawn", "send.*.*"])
        self.b = self._tool("b", {"pay": Program().add("n", 1), "fail": Program().add("n", 1).fail()})
        self.a = self._tool("a", {mt: Program().add("n", 1).send(self.b, mt) for mt in ("pay", "fail")})

    def _tool(self, name: str, code: dict[str, Program]) -> Actor:
        return self.image.spawn(self.owner, name, caps=["send.*.*"], entry=dict.fromkeys(code, "*"), code=code)

    def letter(self, mt: str = "pay") -> Letter:
        return self.a.message(mt)

    def teardown(self, *params: object) -> None:
        self.image.close()
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Operations(_Stage):
    """Operations one by one; those of the kind ``fail`` are undone by a failure of B."""

    params = (_BACKENDS, ["pay", "fail"])
    param_names = ("backend", "kind")
    rounds = 1_000

    def setup(self, backend: str, kind: str) -> None:
        self.open_store(backend)
        self.begin()
        self.image.request(self.letter(kind))

    def track_operations_per_second(self, backend: str, kind: str) -> float:
        begin = time.perf_counter()
        for _ in range(self.rounds):
            self.image.request(self.letter(kind))
        return self.rounds / (time.perf_counter() - begin)


class WaitingRequests(_Stage):
    """Requests of several clients that wait at the same time, so that they share updates of the store."""

    params = (_BACKENDS, [1, 32])
    param_names = ("backend", "clients")
    rounds = 1_024

    def setup(self, backend: str, clients: int) -> None:
        self.open_store(backend)
        self.begin()
        workspace = Workspace(Objects(self.store.format, self.store.limits, self.store.get))
        self.message = Request(self.a.id, [("mt", "pay")], workspace.put(Blob({}, b"")))
        workspace.keep(self.store)
        self.image.close()

    def track_operations_per_second(self, backend: str, clients: int) -> float:
        return asyncio.run(self._measure(clients))

    async def _measure(self, clients: int) -> float:
        runtime = Runtime(self.store, Laws(IMAGES), Config("image"))
        service = Service(runtime)
        serving = asyncio.ensure_future(runtime.serve())
        await asyncio.sleep(0)
        times = max(1, self.rounds // clients)

        async def client() -> None:
            for _ in range(times):
                await service.request([self.message])

        begin = time.perf_counter()
        await asyncio.gather(*[client() for _ in range(clients)])
        rate = times * clients / (time.perf_counter() - begin)
        await runtime.stop(drain=True)
        await serving
        return rate


class ManyActors(_Stage):
    """A start, and operations, of an image with this many actors that do not take part."""

    params = ([1_000, 100_000],)
    param_names = ("others",)
    number = 1
    repeat = 3
    timeout = 600
    rounds = 300

    def setup(self, others: int) -> None:
        self.open_store("durable")
        self.begin()
        self.image.close()
        self._add(others)
        self.image = Image(self.store)
        assert self.image.request(self.letter()).failed is None

    def _add(self, others: int) -> None:
        """Add actors by writing their steps, in groups: each group has an actor that has sent the others a genesis."""
        hubs = math.isqrt(others)
        workspace = self._workspace()
        with self.store.snapshot() as snapshot:
            head = snapshot.target(f"heads/{self.owner.id.hex()}")
        assert head is not None
        last = workspace.load(head)
        assert isinstance(last, Step)
        assert last.outbox is not None
        boxes = workspace.load(last.outbox)
        assert isinstance(boxes, Mailbox)
        sent, changes = dict(boxes.entries), list[Change]()
        for number in range(hubs):
            hub = self._core(workspace, f"hub{number}")
            leaves = [self._core(workspace, f"leaf{number}.{at}") for at in range(others // hubs)]
            tips = {leaf: workspace.put(Message(None, {"mt": "genesis", "op": "join"}, leaf)) for leaf in leaves}
            sent[hub] = workspace.put(Message(None, {"mt": "genesis", "op": "join"}, hub))
            outbox = workspace.put(Mailbox(tips))
            changes.append(self._head(workspace, hub, {self.owner.id: sent[hub]}, outbox))
            changes += [self._head(workspace, leaf, {hub: tips[leaf]}, None) for leaf in leaves]
            if len(changes) >= _PART or number == hubs - 1:
                workspace.keep(self.store)
                self.store.update_references(changes)
                workspace, changes = self._workspace(), []
        step = Step(head, self.owner.id, last.inbox, workspace.put(Mailbox(sent)), last.core)
        change = Change(f"heads/{self.owner.id.hex()}", head, workspace.put(step))
        workspace.keep(self.store)
        self.store.update_references([change])

    def _workspace(self) -> Workspace:
        return Workspace(Objects(self.store.format, self.store.limits, self.store.get))

    def _core(self, workspace: Workspace, name: str) -> ObjectId:
        node = workspace.put(Blob({"ct": "s"}, b"external:image/1"))
        owner = workspace.put(Blob({"ct": "s"}, self.owner.id.hex().encode()))
        image, label = workspace.put(Tree({"owner": owner})), workspace.put(Blob({"ct": "s"}, name.encode()))
        return workspace.put(Tree({"image": image, "name": label, "wit": node, "wit_query": node}))

    def _head(
        self, workspace: Workspace, actor: ObjectId, inbox: dict[ObjectId, ObjectId], outbox: ObjectId | None
    ) -> Change:
        step = workspace.put(Step(None, actor, workspace.put(Mailbox(inbox)), outbox, actor))
        return Change(f"heads/{actor.hex()}", None, step)

    def time_start(self, others: int) -> None:
        Image(self.store).close()

    def track_operations_per_second(self, others: int) -> float:
        begin = time.perf_counter()
        for _ in range(self.rounds):
            self.image.request(self.letter())
        return self.rounds / (time.perf_counter() - begin)


class LongJournals(_Stage):
    """An image with this many operations behind it: an operation, the first world, the fold and the audit."""

    params = ([1_000],)
    param_names = ("operations",)
    rounds = 300

    def setup(self, operations: int) -> None:
        self.open_store("memory")
        self.begin()
        for _ in range(operations):
            self.image.request(self.letter())
        with self.store.snapshot() as snapshot:
            self.bundle = b"".join(export_bundle(snapshot))
        self.records = [encode_record(record).encode() for record in self.image.log()]

    def track_operations_per_second(self, operations: int) -> float:
        begin = time.perf_counter()
        for _ in range(self.rounds):
            self.image.request(self.letter())
        return self.rounds / (time.perf_counter() - begin)

    def track_folded_records_per_second(self, operations: int) -> float:
        begin = time.perf_counter()
        fold(self.records)
        return len(self.records) / (time.perf_counter() - begin)

    def time_first_world(self, operations: int) -> None:
        self.image.world(0)

    def time_log(self, operations: int) -> None:
        assert sum(1 for _ in self.image.log()) > operations

    def track_audited_operations_per_second(self, operations: int) -> float:
        begin = time.perf_counter()
        assert check_history(read(self.bundle), at_rest=True).is_legal
        return len(self.records) / (time.perf_counter() - begin)
