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
from gritstone.runtime.agent_mailbox import acknowledge, mail
from gritstone.session import Sessions
from gritstone.session.guest import SESSIONS
from gritstone.session.residency import Residency
from gritstone.session.usage import Limits
from gritstone.wit import Laws, Objects
from gritstone.wit.workspace import Workspace

_REQUEST = b'{"kind":"user","prompt":"%s"}' % (b"q" * 200)
_ANSWER = b"a" * 200
_GUEST = Path(__file__).parents[2] / "vectors" / "session" / "guests" / "session.wasm"
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
        """Make a turn: prepare, and then commit, run and acknowledge the reply with one update."""
        self.at += 10
        residency, world = self.residency, self.residency.runtime.machine.world
        prepared = await residency.prepare(session, _REQUEST, self.at)
        new = Workspace(world.objects)
        request, response = new.put(Blob({"ct": "j"}, _REQUEST)), new.put(Blob({"ct": "s"}, _ANSWER))
        content = new.put(Tree({"request": request, "response": response}))
        headers = [("at", str(self.at)), ("mt", "commit"), ("turn", prepared.turn.hex())]

        def receive(message: ObjectId) -> bool:
            for sender, reply in dict(mail(world)).items():
                acknowledge(world, sender, reply)
            return True

        await residency.exchange(prepared.session, headers, content, self.at, new=new, receive=receive)
        return prepared.session


class HostedTurns(_Host):
    """Turns of one session of a runtime; each is durable before the next."""

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


class ArchiveAndRestoreTogether(_Host):
    """Sessions are archived and restored at the same time while the runtime is served, so they share updates."""

    params = (["memory", "durable"], [1, 8, 64])
    param_names = ("backend", "sessions")
    rounds = 128

    def setup(self, backend: str, sessions: int) -> None:
        self.open_store(backend)
        self.start()

    def track_pairs_per_second(self, backend: str, sessions: int) -> float:
        return asyncio.run(self._measure(sessions))

    async def _measure(self, count: int) -> float:
        sessions = [await self.turn(None) for _ in range(count)]
        serving = asyncio.ensure_future(self.residency.runtime.serve())
        await asyncio.sleep(0)
        times = max(1, self.rounds // count)
        begin = time.perf_counter()
        for _ in range(times):
            self.at += 10
            for operation in (self.residency.archive, self.residency.restore):
                await asyncio.gather(*[operation(session, self.at) for session in sessions])
        rate = times * count / (time.perf_counter() - begin)
        await self.residency.runtime.stop(drain=True)
        await serving
        return rate


class Chats(_Host):
    """Turns of a conversation for programs; a text turn is one update of the store."""

    params = (["memory", "durable"], ["external", "module"])
    param_names = ("backend", "guest")
    rounds = 40

    def setup(self, backend: str, guest: str) -> None:
        self.open_store(backend)
        self.sessions = Sessions(self.store, guest=_GUEST.read_bytes() if guest == "module" else None)
        self.chat = self.sessions.open(config={"keep": 12, "max_messages": 24})
        self._play()

    def teardown(self, *params: object) -> None:
        self.sessions.close()
        super().teardown()

    def _play(self) -> None:
        for _ in range(self.rounds):
            self.chat.commit(self.chat.prepare("q" * 200), "a" * 200)

    def track_turns_per_second(self, backend: str, guest: str) -> float:
        begin = time.perf_counter()
        self._play()
        return self.rounds / (time.perf_counter() - begin)


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
