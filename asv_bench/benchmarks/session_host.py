"""Speed of a host of sessions: whole turns, archive and restore, and a start with many archived sessions."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import tracemalloc
from pathlib import Path

from gritstone.grit import FORMATS, Blob, Mailbox, MemoryEngine, Message, ObjectId, Step, Store, Tree
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.references import Change
from gritstone.runtime import Config, Runtime
from gritstone.session.guest import SESSIONS
from gritstone.session.residency import Residency
from gritstone.session.usage import Limits
from gritstone.wit import Laws, Objects
from gritstone.wit.workspace import Workspace

_REQUEST = b'{"kind":"user","prompt":"%s"}' % (b"q" * 200)
_ANSWER = b"a" * 200
_PART = 4_000  # references of one update


class _Host:
    """A store with a runtime of sessions."""

    def open_store(self, backend: str, format_name: str = "framed-sha256") -> None:
        """Open an empty store."""
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-")
        format_ = FORMATS[format_name]
        is_durable = backend == "durable"
        path = Path(self.directory) / "store"
        self.store = open_durable(path, format_) if is_durable else Store.open(MemoryEngine(), format_)

    def start(self) -> None:
        """Start a runtime."""
        runtime = Runtime(self.store, Laws(SESSIONS), Config(agent="bench"))
        self.residency = Residency(runtime, Limits(lease_ms=1))
        self.at = 0

    def teardown(self, *params: object) -> None:
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def turn(self, session: ObjectId | None) -> ObjectId:
        """Make a turn: prepare, commit, run, and acknowledge the replies."""
        self.at += 10
        residency, runtime = self.residency, self.residency.runtime
        prepared = await residency.prepare(session, _REQUEST, self.at)
        workspace = Workspace(runtime.machine.world.objects)
        request, response = workspace.put(Blob({"ct": "j"}, _REQUEST)), workspace.put(Blob({"ct": "s"}, _ANSWER))
        content = workspace.put(Tree({"request": request, "response": response}))
        workspace.keep(self.store)
        headers = [("at", str(self.at)), ("mt", "commit"), ("turn", prepared.turn.hex())]
        await residency.send(prepared.session, headers, content, self.at)
        await runtime.run()
        for sender, message in dict(runtime.mail()).items():
            await runtime.acknowledge(sender, message)
        return prepared.session


class HostedTurns(_Host):
    """Turns of one session of a runtime; every change is durable before the next."""

    params = (["memory", "durable"],)
    param_names = ("backend",)
    rounds = 40

    def setup(self, backend: str) -> None:
        self.open_store(backend)
        self.start()
        self.session = asyncio.run(self.turn(None))

    def track_turns_per_second(self, backend: str) -> float:
        async def turns() -> float:
            begin = time.perf_counter()
            for _ in range(self.rounds):
                await self.turn(self.session)
            return self.rounds / (time.perf_counter() - begin)

        return asyncio.run(turns())


class ArchiveAndRestore(_Host):
    """A session is archived and restored, with this many turns behind it, next to others that are live."""

    params = (["memory", "durable"], [1, 64], [0, 127])
    param_names = ("backend", "turns", "others")
    rounds = 100

    def setup(self, backend: str, turns: int, others: int) -> None:
        self.open_store(backend)
        self.start()

        async def begin() -> ObjectId:
            for _ in range(others):
                await self.turn(None)
            session = await self.turn(None)
            for _ in range(turns - 1):
                await self.turn(session)
            return session

        self.session = asyncio.run(begin())

    def track_pairs_per_second(self, backend: str, turns: int, others: int) -> float:
        async def pairs() -> float:
            begin = time.perf_counter()
            for _ in range(self.rounds):
                self.at += 10
                await self.residency.archive(self.session, self.at)
                await self.residency.restore(self.session, self.at)
            return self.rounds / (time.perf_counter() - begin)

        return asyncio.run(pairs())


class StartWithArchived(_Host):
    """A start on a durable store with archived sessions, of which the agent has released all."""

    actors = 100_000

    def setup(self) -> None:
        self.open_store("durable")
        self.start()
        agent = self.residency.runtime.agent
        workspace = Workspace(Objects(self.store.format, self.store.limits, self.store.get))
        code = workspace.put(Blob({"ct": "s"}, b"external:session/1"))
        changes = []
        for number in range(self.actors):
            nonce = workspace.put(Blob({"ct": "b"}, number.to_bytes(32)))
            core = workspace.put(
                Tree({"session": workspace.put(Tree({"host": agent, "nonce": nonce})), "wit": code, "wit_query": code})
            )
            genesis = workspace.put(Message(None, {"at": "1", "mt": "genesis"}, core))
            step = workspace.put(Step(None, core, workspace.put(Mailbox({agent: genesis})), None, core))
            changes.append(Change(f"archived/{core.hex()}", None, step))
            if len(changes) == _PART or number == self.actors - 1:
                workspace.keep(self.store)
                self.store.update_references(changes)
                changes = []
                workspace = Workspace(Objects(self.store.format, self.store.limits, self.store.get))

    def time_start(self) -> None:
        self.start()

    def track_bytes_per_session(self) -> float:
        tracemalloc.start()
        self.start()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept / self.actors
