"""What the tests of the reference share: Hypothesis profiles, stores, graphs."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from gritstone.grit import (
    FORMATS,
    Blob,
    Change,
    Format,
    Limits,
    Mailbox,
    MemoryEngine,
    Message,
    Object,
    ObjectId,
    Step,
    Store,
    Tree,
)
from gritstone.grit.engine import Engine
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.harness import Adapter, Claims

settings.register_profile(
    "gate",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("search", parent=settings.get_profile("gate"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

A = bytes(range(1, 33))
B = bytes(range(0x65, 0x85))


@pytest.fixture(params=sorted(FORMATS))
def format_(request: pytest.FixtureRequest) -> Format:
    """Return each format."""
    return FORMATS[request.param]


@pytest.fixture(params=["memory", "lmdb"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Return an empty engine of each kind."""
    made: Engine = MemoryEngine() if request.param == "memory" else LmdbEngine(tmp_path / "store", create=True)
    yield made
    made.close()


@pytest.fixture
def store(engine: Engine, format_: Format) -> Store:
    """Return an empty store of each kind and format."""
    return Store.open(engine, format_, limits=Limits(tree_depth=2_000))


@pytest.fixture
def memory_store(format_: Format) -> Store:
    """Return an empty memory store of each format."""
    return Store.open(MemoryEngine(), format_)


@pytest.fixture
def keep() -> Callable[[Store, Object], ObjectId]:
    """Put an object, given as a value."""

    def put(store: Store, value: Object) -> ObjectId:
        return store.put(store.format.encode(value, store.limits))

    return put


@pytest.fixture
def plant(keep: Callable[[Store, Object], ObjectId]) -> Callable[[Store, int], dict[str, ObjectId]]:
    """Put a closed graph of every kind, drawn from a seed, and references to it; give all ids by a label."""

    def plant_graph(store: Store, seed: int) -> dict[str, ObjectId]:
        draw = random.Random(seed)
        ids = {f"blob{n}": keep(store, Blob({"ct": "s"}, draw.randbytes(draw.randrange(60)))) for n in range(4)}
        for n in range(4):
            names = draw.sample(["a", "b", "aa", "a b", "zz", "Wit"], draw.randrange(1, 5))
            ids[f"tree{n}"] = keep(store, Tree({name: draw.choice(list(ids.values())) for name in names}))
        trees = [ids[f"tree{n}"] for n in range(4)]
        previous = None
        for n in range(3):
            content = draw.choice(list(ids.values())[:8])
            previous = ids[f"message{n}"] = keep(store, Message(previous, {"mt": f"{n}"}, content))
        ids["mailbox"] = keep(store, Mailbox(dict.fromkeys(trees[:2], ids["message1"])))
        ids["letter"] = keep(store, Mailbox({trees[0]: ids["message2"]}))
        first = keep(store, Step(None, trees[0], None, ids["mailbox"], trees[0]))
        ids["step0"] = first
        ids["step1"] = keep(store, Step(first, trees[0], ids["mailbox"], ids["letter"], trees[1]))
        actor = trees[0].hex()
        store.update_references(
            [
                Change(f"heads/{actor}", None, ids["step1"]),
                Change(f"failed/{actor}", None, ids["letter"]),
                Change("actors/one", None, trees[0]),
                Change("runtime/agent", None, trees[1]),
                Change("tags/all.trees", None, keep(store, Tree({f"t{n}": tree for n, tree in enumerate(trees)}))),
            ]
        )
        return ids

    return plant_graph


# --- the door --------------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Client:
    """Ask an adapter in this process.

    Attributes:
        adapter: the adapter.
        seq: the next sequence number.
    """

    def __init__(self, claims: Claims) -> None:
        self.adapter = Adapter(claims)
        self.seq = 0

    def together(self, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
        lines, first = [], self.seq
        for op, args in requests:
            lines.append(json.dumps({"seq": self.seq, "op": op, "args": args}).encode())
            self.seq += 1
        replies = [json.loads(reply) for reply in self.adapter.answer(lines) if reply]
        assert [reply.pop("seq") for reply in replies] == list(range(first, first + len(replies)))
        return replies

    def ask(self, op: str, **args: Any) -> Any:
        (reply,) = self.together((op, {name.rstrip("_"): value for name, value in args.items()}))
        return reply

    def ok(self, op: str, **args: Any) -> Any:
        reply = self.ask(op, **args)
        assert reply.keys() == {"ok"}, reply
        return reply["ok"]

    def refused(self, op: str, **args: Any) -> tuple[str, str | None]:
        reply = self.ask(op, **args)
        assert reply.keys() == {"refused"}, reply
        return reply["refused"]["class"], reply["refused"].get("code")


@pytest.fixture
def attach() -> Iterator[Callable[[Claims], Client]]:
    """Attach to adapters with the claims given."""
    made: list[Client] = []

    def attach_one(claims: Claims) -> Client:
        made.append(Client(claims))
        return made[-1]

    yield attach_one
    for one in made:
        one.adapter.close()


@pytest.fixture
def client(attach: Callable[[Claims], Client]) -> Client:
    return attach(Claims())


@pytest.fixture(params=["memory", "durable"])
def opened(request: pytest.FixtureRequest, client: Client, format_: Format, tmp_path: Path) -> Client:
    """Return a client with the store ``s`` open."""
    place = {"dir": str(tmp_path / "store")} if request.param == "durable" else {}
    client.ok("grit.open", store="s", format=format_.name, backend=request.param, create=True, **place)
    return client


@pytest.fixture
def put(opened: Client, format_: Format) -> Callable[[Object], str]:
    """Put an object into ``s``; give its id."""

    def put_object(value: Object) -> str:
        data = format_.encode(value, Limits())
        return str(opened.ok("grit.put", store="s", bytes=b64(data))["id"])

    return put_object
