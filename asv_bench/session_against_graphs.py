"""Compare turns of sessions with turns of a graph framework that keeps checkpoints, on the same work.

    pip install langgraph langgraph-checkpoint-sqlite
    python asv_bench/session_against_graphs.py [TURNS]

A turn is a prompt and a response of 200 bytes each, in a conversation with a window of 24 messages. After each turn the
conversation is stored: in memory, or on the disk before the next turn begins. Each kind is run three times, by turns
with the others, and the best rate counts. Without the framework, only the sessions are measured.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store
from gritstone.grit.lmdb_store import open_durable
from gritstone.optional import turn_on
from gritstone.session import Sessions

_WINDOW = 24
_BYTES = 200
_ROUNDS = 3
_GUEST = Path(__file__).parents[1] / "vectors" / "session" / "guests" / "session.wasm"

Turns = Callable[[int], None]
"""Runs a number of turns."""


def _text(word: str, number: int) -> str:
    return f"{word} {number}".ljust(_BYTES, ".")


@contextmanager
def _session(store: Store, guest: bytes | None = None) -> Iterator[Turns]:
    with Sessions(store, guest=guest) as sessions:
        chat = sessions.open(config={"keep": 12, "max_messages": _WINDOW})
        done = 0

        def run(count: int) -> None:
            nonlocal done
            for number in range(done, done + count):
                chat.commit(chat.prepare(_text("prompt", number)), _text("response", number))
            done += count

        yield run


@contextmanager
def _graph(saver: Any) -> Iterator[Turns]:
    from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found,unused-ignore]

    class State(TypedDict):
        messages: Annotated[list[dict[str, str]], lambda old, new: (old + new)[-_WINDOW:]]

    def model(state: State) -> dict[str, Any]:
        number = state["messages"][-1]["content"].split()[1]
        return {"messages": [{"role": "assistant", "content": _text("response", int(number.rstrip(".")))}]}

    graph = StateGraph(State)
    graph.add_node("model", model)
    graph.add_edge(START, "model")
    graph.add_edge("model", END)
    compiled = graph.compile(checkpointer=saver)
    settings: Any = {"configurable": {"thread_id": "1"}}
    done = 0

    def run(count: int) -> None:
        nonlocal done
        for number in range(done, done + count):
            compiled.invoke(
                {"messages": [{"role": "user", "content": _text("prompt", number)}]}, settings, durability="sync"
            )
        done += count

    yield run


@contextmanager
def _sqlite(folder: Path) -> Iterator[Turns]:
    from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found,unused-ignore]

    connection = sqlite3.connect(folder / "graph.sqlite", check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    with _graph(SqliteSaver(connection)) as run:
        yield run
    connection.close()


@contextmanager
def _graph_in_memory() -> Iterator[Turns]:
    from langgraph.checkpoint.memory import InMemorySaver  # type: ignore[import-not-found,unused-ignore]

    with _graph(InMemorySaver()) as run:
        yield run


@contextmanager
def _durable(folder: Path) -> Iterator[Turns]:
    store = open_durable(folder / "sessions", CBOR_BLAKE3)
    with _session(store) as run:
        yield run
    store.close()


def _kinds(folder: Path) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        "session, memory": lambda: _session(Store.open(MemoryEngine(), CBOR_BLAKE3)),
        "session, LMDB": lambda: _durable(folder),
        "session.wasm, memory": lambda: _session(Store.open(MemoryEngine(), CBOR_BLAKE3), _GUEST.read_bytes()),
    }
    try:
        import langgraph.checkpoint.sqlite  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        print("langgraph and langgraph-checkpoint-sqlite are not installed: sessions only", file=sys.stderr)
        return found
    return {**found, "graph, memory": _graph_in_memory, "graph, SQLite": lambda: _sqlite(folder)}


def measure(turns: int) -> dict[str, tuple[float, float]]:
    """Return the turns per second of each kind, by the clock and by the processor time of this process."""
    rates: dict[str, tuple[float, float]] = {}
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            for kind, begin in _kinds(Path(folder)).items():
                with begin() as run:
                    run(_WINDOW)  # until the window is full
                    start, used = time.perf_counter(), time.process_time()
                    run(turns)
                    rate, by_cpu = turns / (time.perf_counter() - start), turns / (time.process_time() - used)
                    best, best_by_cpu = rates.get(kind, (0.0, 0.0))
                    rates[kind] = max(rate, best), max(by_cpu, best_by_cpu)
    return rates


def main() -> None:
    """Measure and print."""
    turn_on()
    rates = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    for kind, (rate, by_cpu) in rates.items():
        print(f"{kind:<22}{rate:8.0f} turns/s, {by_cpu:8.0f} by processor time")
    for first, second in (("session, memory", "graph, memory"), ("session, LMDB", "graph, SQLite")):
        if second in rates:
            rate, by_cpu = (one / other for one, other in zip(rates[first], rates[second], strict=True))
            print(f"{first} / {second}: {rate:.2f}, {by_cpu:.2f} by processor time")


if __name__ == "__main__":
    main()
