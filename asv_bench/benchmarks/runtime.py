"""Speed of ``runtime``: messages between actors, from the injection to rest, on each kind of store.

The actors are puppets, so that every implementation can be asked to do the same work. Two classes have the same
exchange between other actors: ``RawPingPong`` between code that does nothing else, which shows the runtime's own cost,
and ``PingPongOfHandlers`` between decorated functions. ``durable`` stores write to the disk of the temporary directory;
``unsynced`` ones to a file system in memory, where a commit waits for no disk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import tracemalloc
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from gritstone.grit import FORMATS, Blob, Mailbox, MemoryEngine, Message, Object, ObjectId, Step, Store, Tree
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.objects import NO_HEADERS
from gritstone.kit.actors import BlobObject, Core, InboxMessage, Outbox, OutboxMessage, Wit
from gritstone.runtime import Config, RunSummary, Runtime
from gritstone.wit import PUPPETS, External, Laws, Question, Run
from gritstone.wit.code import CodeRun

_T = TypeVar("_T")

_BACKENDS = ["memory", "unsynced", "durable"]
_IN_MEMORY = "/dev/shm"  # noqa: S108 - a folder of its own is made there
_WORKERS = 100

player = Wit("player")


@player.message("ball")
def on_ball(ball: BlobObject, message: InboxMessage, core: Core, outbox: Outbox) -> None:
    """Count a message, and send it back."""
    left = int(ball.get_as_str()) - 1
    core.makeb_path("left").set_as_str(str(left))
    if left:
        outbox.add(OutboxMessage.from_new(message.sender_id, BlobObject.from_str(str(left)), mt="ball"))


@player.message("serve")
def on_serve(opponent: bytes, outbox: Outbox) -> None:
    """Send the first message."""
    outbox.add(OutboxMessage.from_new(opponent[:32], BlobObject.from_str(opponent[32:].decode()), mt="ball"))


class Bouncer:
    """Send each message back and store nothing; the first message names the other actor."""

    def step(self, run: Run) -> CodeRun:
        yield from ()
        workspace, last = run.workspace, run.last
        inbox: dict[ObjectId, ObjectId] = {} if last is None else dict(last.inbox)
        outbox: dict[ObjectId, ObjectId] = {} if last is None else dict(last.outbox)
        for sender, messages in run.proposal.covered:
            for one in messages:
                inbox[sender] = one
                message = workspace.message(one)
                if not message.headers:
                    outbox[sender] = workspace.put(Message(outbox.get(sender), NO_HEADERS, message.content))
                elif message.headers["mt"] == "serve":
                    opponent = workspace.blob(message.content)
                    assert opponent is not None
                    outbox[opponent.data] = workspace.put(Message(None, NO_HEADERS, message.content))
        boxes = workspace.put(Mailbox(inbox)), workspace.put(Mailbox(outbox)) if outbox else None
        return workspace.put(Step(None if last is None else last.step_id, run.actor, *boxes, run.core_id))

    def query(self, question: Question) -> CodeRun:
        yield from ()
        return None


class _WithRuntime:
    """Keep a store with a runtime on it, an event loop, and the directory of a durable store."""

    number = 1
    repeat = 3
    warmup_time = 0.0
    timeout = 300

    def open(self, backend: str, format_name: str = "framed-sha256") -> None:
        if backend == "unsynced" and not os.path.isdir(_IN_MEMORY):
            raise NotImplementedError("no file system in memory")
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-", dir=_IN_MEMORY if backend == "unsynced" else None)
        format_ = FORMATS[format_name]
        if backend == "memory":
            self.store = Store.open(MemoryEngine(), format_)
        else:
            self.store = open_durable(Path(self.directory) / "store", format_)
        self.unsaved: list[tuple[bytes, None]] = []
        self.loop = asyncio.new_event_loop()
        laws = Laws(External({**PUPPETS, "player": player.code, "bouncer": Bouncer()}))
        self.runtime = Runtime(self.store, laws, Config("bench", transition_ms=0))

    def teardown(self, *params: object) -> None:
        self.wait(self.runtime.stop(drain=False))
        self.loop.close()
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(coroutine)

    def put(self, value: Object) -> ObjectId:
        """Make an object; it is stored with others before it is used."""
        data = self.store.format.encode(value, self.store.limits)
        self.unsaved.append((data, None))
        return self.store.format.object_id(data)

    def save(self) -> None:
        self.store.put_group(self.unsaved)
        self.unsaved.clear()

    def program(self, code: bytes, **operands: ObjectId) -> ObjectId:
        return self.put(Tree({"program": self.put(Blob({}, code)), **operands}))

    def core(self, name: str, code: str = "puppet/1") -> ObjectId:
        node = self.put(Blob({"ct": "s"}, f"external:{code}".encode()))
        return self.put(Tree({"name": self.put(Blob({"ct": "s"}, name.encode())), "wit": node, "wit_query": node}))

    def born(self, count: int, code: str = "puppet/1") -> list[ObjectId]:
        """Make actors, and let them make their first steps."""
        made = [self.core(f"actor {n}", code) for n in range(count)]
        self.create(made)
        return made

    def create(self, cores: Iterable[ObjectId]) -> None:
        """Create actors from cores; their genesis messages share a few commits."""

        async def send() -> None:
            server = asyncio.create_task(self.runtime.serve())
            await asyncio.sleep(0)
            await asyncio.gather(*(self.runtime.inject(core, core, [("mt", "genesis")]) for core in cores))
            server.cancel()
            await asyncio.wait((server,))

        self.save()
        self.wait(send())
        assert self.wait(self.runtime.run()).parked == []

    def inject(self, to: ObjectId, content: ObjectId, mt: str = "") -> None:
        self.save()
        self.wait(self.runtime.inject(to, content, [("mt", mt)] if mt else []))

    def run(self, steps: int) -> RunSummary:
        """Go to rest, by so many steps."""
        report = self.wait(self.runtime.run())
        assert (report.cause, report.steps, report.parked) == ("rest", steps, [])
        return report


class PingPong(_WithRuntime):
    """Pairs of puppets that send a message to and fro; 4,000 transitions in all."""

    params = (_BACKENDS, [1, 50])
    param_names = ("backend", "pairs")
    transitions = 4_000

    def setup(self, backend: str, pairs: int) -> None:
        self.open(backend)
        actors = self.born(2 * pairs)
        bounces = self.transitions // (2 * pairs)
        ball = self.program(b"B" + bounces.to_bytes(4, "big"))
        for one, other in zip(actors[::2], actors[1::2], strict=True):
            self.inject(one, self.program(b"S\0q\0\1", **{"00": other, "01": ball}))

    def time_to_rest(self, backend: str, pairs: int) -> None:
        # Each pair: one step sends the first message; each of the two bounces it, the second one no more at the limit.
        self.run(self.transitions)


class RawPingPong(_WithRuntime):
    """Pairs of actors that do nothing but send each message back; 4,000 transitions in all."""

    params = (_BACKENDS, [1, 50])
    param_names = ("backend", "pairs")
    transitions = 4_000

    def setup(self, backend: str, pairs: int) -> None:
        self.open(backend)
        actors = self.born(2 * pairs, "bouncer")
        for one, other in zip(actors[::2], actors[1::2], strict=True):
            self.inject(one, self.put(Blob({}, other)), "serve")

    def time_steps(self, backend: str, pairs: int) -> None:
        report = self.wait(self.runtime.run(self.transitions))
        assert (report.cause, report.steps) == ("max-steps", self.transitions)


class PingPongOfHandlers(_WithRuntime):
    """One pair of actors written as handlers; 2,000 transitions."""

    transitions = 2_000

    def setup(self) -> None:
        self.open("memory")
        one, other = self.born(2, "player")
        self.inject(one, self.put(Blob({}, other + str(self.transitions - 1).encode())), "serve")

    def time_to_rest(self) -> None:
        self.run(self.transitions)


class FanOut(_WithRuntime):
    """A hub that sends to 100 workers, and each of them back; 20 rounds, 4,000 messages."""

    params = _BACKENDS
    param_names = ("backend",)
    rounds = 20

    def setup(self, backend: str) -> None:
        self.open(backend)
        self.hub, *workers = self.born(1 + _WORKERS)
        operands = {f"{n:02x}": worker for n, worker in enumerate(workers)}
        code = b"".join(b"S" + bytes([n]) + b"q\0" + bytes([_WORKERS]) for n in range(_WORKERS))
        answer = self.program(b"S\xf1q\0\0", **{"00": self.put(Blob({}, b""))})
        self.order = self.program(code, **operands, **{f"{_WORKERS:02x}": answer})

    def time_rounds(self, backend: str) -> None:
        for _ in range(self.rounds):
            self.inject(self.hub, self.order)
            report = self.wait(self.runtime.run())
            assert report.steps >= _WORKERS + 2


class Genesis(_WithRuntime):
    """2,000 actors that one step of another creates."""

    params = _BACKENDS
    param_names = ("backend",)
    actors = 2_000

    def setup(self, backend: str) -> None:
        self.open(backend)
        (parent,) = self.born(1)
        at_once = 200
        for first in range(0, self.actors, at_once):
            cores = [self.core(f"child {n}") for n in range(first, first + at_once)]
            code = b"".join(b"S" + bytes([n]) + b"q\7genesis" + bytes([n]) for n in range(at_once))
            self.inject(parent, self.program(code, **{f"{n:02x}": core for n, core in enumerate(cores)}))

    def time_to_rest(self, backend: str) -> None:
        report = self.wait(self.runtime.run())
        assert report.steps > self.actors
        assert len(self.runtime.machine.world.actors) == self.actors + 2


class Grid(_WithRuntime):
    """20 by 20 actors; what enters at a corner goes right and down to each actor once from each side."""

    params = _BACKENDS
    param_names = ("backend",)
    side = 20

    def setup(self, backend: str) -> None:
        self.open(backend)
        side = self.side
        wave = self.put(Blob({}, b""))
        cores: dict[tuple[int, int], ObjectId] = {}
        node = self.put(Blob({"ct": "s"}, b"external:puppet/1"))
        for y in reversed(range(side)):
            for x in reversed(range(side)):
                name = self.put(Blob({"ct": "s"}, f"{x} {y}".encode()))
                below = [cores[place] for place in ((x + 1, y), (x, y + 1)) if place in cores]
                code = b"A\4seen\0\1." + b"".join(b"S" + bytes([n]) + b"s\4wave\xf2" for n in range(len(below)))
                handler = self.program(code, **{f"{n:02x}": one for n, one in enumerate(below)})
                handlers = self.put(Tree({"wave": handler}))
                cores[x, y] = self.put(Tree({"name": name, "wit": node, "wit_query": node, "on": handlers}))
        self.create(cores.values())
        self.inject(cores[0, 0], wave, "wave")

    def time_to_rest(self, backend: str) -> None:
        report = self.wait(self.runtime.run())
        assert report.steps >= self.side * self.side


class ShortLives(_WithRuntime):
    """Actors that are created and used once, and released and collected in groups of 50 or not; then a cut and a prune.

    Without a release each injection writes a mailbox with an entry for every actor so far, so time and bytes grow with
    the square of the number of actors.
    """

    params = (["kept", "released"], [125, 500])
    param_names = ("agent", "actors")
    repeat = 1
    unit = "bytes"

    def setup(self, agent: str, actors: int) -> None:
        self.open("unsynced")
        self.rounds = 0

    def _live(self, agent: str, actors: int) -> None:
        self.rounds += 1  # a collected actor never returns, so each round has actors of its own
        self.cores = [self.core(f"short {self.rounds} {number}") for number in range(actors)]
        self.said = self.program(b"S\0q\0\1", **{"00": self.runtime.agent, "01": self.put(Blob(NO_HEADERS, b"said"))})
        self.save()
        for begin in range(0, len(self.cores), 50):
            for core in self.cores[begin : begin + 50]:
                self.inject(core, core, "genesis")
                self.inject(core, self.said)
                self.wait(self.runtime.run())
                for sender, message in self.runtime.mail():
                    self.wait(self.runtime.acknowledge(sender, message))
            if agent == "released":
                self.wait(self.runtime.release(self.cores[begin : begin + 50]))
                self.wait(self.runtime.release(self.wait(self.runtime.collect())))
        self.wait(self.runtime.cut())
        self.store.prune(self.runtime.pins())
        self.runtime.forget()

    def time_lives(self, agent: str, actors: int) -> None:
        self._live(agent, actors)

    def track_bytes(self, agent: str, actors: int) -> int:
        """Return how many bytes the files of the store take at the end."""
        self._live(agent, actors)
        return sum(path.stat().st_blocks * 512 for path in Path(self.directory).rglob("*") if path.is_file())


class Restart(_WithRuntime):
    """A runtime that starts on a store with 1,000 actors at rest."""

    params = _BACKENDS
    param_names = ("backend",)
    actors = 1_000

    def setup(self, backend: str) -> None:
        self.open(backend)
        self.born(self.actors)

    def time_start(self, backend: str) -> None:
        Runtime(self.store, Laws(External(PUPPETS)), Config("bench"))


class Idle(_WithRuntime):
    """1,000 actors at rest on a durable store, while the runtime serves."""

    actors = 1_000
    seconds = 0.4

    def setup(self) -> None:
        self.open("durable")
        self.born(self.actors)

    def track_processor_time(self) -> float:
        """Return the processor time in one second of doing nothing, in milliseconds."""

        async def idle() -> float:
            server = asyncio.create_task(self.runtime.serve())
            await asyncio.sleep(0.05)
            begun = time.process_time()
            await asyncio.sleep(self.seconds)
            used = time.process_time() - begun
            await self.runtime.stop(drain=False)
            await server
            return used

        return self.wait(idle()) / self.seconds * 1e3

    track_processor_time.unit = "ms/s"  # type: ignore[attr-defined] # asv's way to say it

    def track_memory(self) -> float:
        """Return the memory that a runtime needs for an actor at rest, in bytes."""
        tracemalloc.start()
        try:
            runtime = Runtime(self.store, Laws(External(PUPPETS)), Config("bench"))
            assert len(runtime.machine.world.actors) == self.actors + 1
            return tracemalloc.get_traced_memory()[0] / self.actors
        finally:
            tracemalloc.stop()

    track_memory.unit = "bytes/actor"  # type: ignore[attr-defined] # asv's way to say it
