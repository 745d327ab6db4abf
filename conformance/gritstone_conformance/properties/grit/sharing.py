"""Several processes on one durable store at once (feature ``shared``).

Each process is driven by a thread of its own. In the first claimed format there are four of them, else two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Message, Object, from_base64, to_base64
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable
from gritstone_conformance.properties.grit.references import blobs
from gritstone_conformance.properties.grit.registry import each_format, is_first
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import SubjectLike, Trial

__all__ = ["PROPERTIES"]

_RACES: Final = 40  # each for one name
_UPDATES: Final = 60  # of the writer that readers watch
_GARBAGE: Final = 3_000  # messages of a chain that is pruned, each with a blob
_BACK: Final = 60  # references that are set meanwhile, to messages all over the chain
_BACK_STEP: Final = 49
_NAMES: Final = ("tags/a", "tags/b", "x/c")

Request = tuple[str, dict[str, Json]]
Line = tuple[str, dict[str, Json], dict[str, Json]]


def exactly_one_wins(trial: Trial, fmt: Format) -> None:
    """Of several updates at once that expect the same target and want different ones, exactly one succeeds.

    Each process sends an update of every name in the same order, without waiting for replies. A lost update writes
    nothing, so a process that is behind catches up, and from then on the processes compete for every name.
    """
    pair = open_durable(trial, fmt)
    processes = _processes(trial, pair, fmt)
    targets = blobs(pair, 2 * len(processes))
    before: dict[str, bytes | None] = dict.fromkeys(f"tags/{number}" for number in range(_RACES))
    for wanted in (targets[: len(processes)], targets[len(processes) :]):
        replies = _at_once(
            [
                (process, [_update(handle, name, old, target) for name, old in before.items()])
                for (process, handle), target in zip(processes, wanted, strict=True)
            ]
        )
        for number, name in enumerate(before):
            seen = [of_process[number] for of_process in replies]
            won = [target for reply, target in zip(seen, wanted, strict=True) if isinstance(reply, Ok)]
            lost = [reply for reply in seen if isinstance(reply, Refused) and reply.code == "conflict"]
            if len(won) != 1 or len(won) + len(lost) != len(seen):
                told = [answer_of(reply) for reply in seen]
                trial.fail("exactly one", told, words="not exactly one update won a race")
            before[name] = pair.model.references[name] = won[0]
        pair.expect(pair.refs())


def _update(handle: str, name: str, old: bytes | None, new: bytes) -> Request:
    return "grit.cas", {"store": handle, "changes": [Change(name, old, new).to_json()]}


def readers_see_whole_updates(trial: Trial, fmt: Format) -> None:
    """No reader in any process sees some changes of an update without the others, in a list or in a bundle."""
    pair = open_durable(trial, fmt)
    (reader, handle), *_ = _processes(trial, pair, fmt, others=1)
    targets = blobs(pair, 5)
    updates: list[Request] = []
    old: bytes | None = None
    for number in range(_UPDATES):
        new = targets[number % len(targets)]
        changes = [Change(name, old, new).to_json() for name in _NAMES]
        updates.append(("grit.cas", {"store": pair.handle, "changes": changes}))
        old = new
    listing = ("grit.refs", {"store": handle, "prefix": "", "after": None, "limit": 4096})
    bundle = ("grit.export", {"store": handle, "cursor": None})
    written, *read = _at_once([(trial.subject, updates), (reader, [listing, listing, bundle, listing] * 20)])
    _check_all_ok(trial, written)
    for reply in read[0]:
        _check_whole(trial, reply)
    pair.model.references = dict.fromkeys(_NAMES, targets[(_UPDATES - 1) % len(targets)])
    pair.expect(pair.refs())
    pair.export()


def _check_all_ok(trial: Trial, replies: Iterable[Reply]) -> None:
    for reply in replies:
        if not isinstance(reply, Ok):
            trial.fail({"ok": {}}, answer_of(reply), words="an operation failed because others ran")


def _check_whole(trial: Trial, reply: Reply) -> None:
    if not isinstance(reply, Ok):
        words = "a reader was refused because of a writer"
        trial.fail("ok", answer_of(reply), words=words, rule="grit.store.serial")
        return
    if "refs" in reply.value:
        lines = reply.value["refs"]
        rule = "grit.ref.atomic"
    else:
        lines = [line.split()[1:] for line in _header(reply.value.get("bytes", "")) if line.startswith("ref ")]
        rule = "grit.ref.snapshot"
    targets = {tuple(line[1:]) for line in lines}  # of an invalid line, whatever it contains
    if len(lines) not in (0, len(_NAMES)) or len(targets) > 1:
        trial.fail("all names with one target", lines, words="a reader saw half an update", rule=rule)


def _header(text: str) -> list[str]:
    return from_base64(text).partition(b"\n\n")[0].decode("latin-1").split("\n")


def scripts_at_once(trial: Trial, fmt: Format) -> None:
    """Each of several processes gets the answers that it would get alone, and the store ends with all their work."""
    pair = open_durable(trial, fmt)
    processes = _processes(trial, pair, fmt)
    shared = [fmt.encode(Blob((), b"shared" + bytes((number,)))) for number in range(10)]
    scripts = [_script(fmt, handle, number, shared) for number, (_, handle) in enumerate(processes)]
    asked = [[(op, args) for op, args, _ in script] for script in scripts]
    threads = [(process, requests) for (process, _), requests in zip(processes, asked, strict=True)]
    for script, replies in zip(scripts, _at_once(threads), strict=True):
        for (op, _, expected), reply in zip(script, replies, strict=True):
            if reply != Ok(expected):
                trial.fail(expected, answer_of(reply), words=f"{op} answers otherwise when others run")
    for number, (_, handle) in enumerate(processes):
        for op, args, _ in _script(fmt, handle, number, shared):
            _repeat(pair, op, args)
    pair.expect(pair.refs(), pair.has(list(pair.model.objects)))
    pair.export()


def _script(fmt: Format, handle: str, number: int, shared: list[bytes]) -> list[Line]:
    """Return requests with answers that do not depend on what others do: objects of all, references of one's own."""
    name = f"own/{number}"
    old: bytes | None = None
    script: list[Line] = []
    for turn in range(20):
        for data in (fmt.encode(Blob((), bytes((number, turn)))), shared[turn % len(shared)]):
            identity = fmt.hash(data)
            script.append(("grit.put", {"store": handle, "bytes": to_base64(data)}, {"id": identity.hex()}))
            script.append(("grit.get", {"store": handle, "id": identity.hex()}, {"bytes": to_base64(data)}))
        script.append(("grit.cas", {"store": handle, "changes": [Change(name, old, identity).to_json()]}, {}))
        listing = {"store": handle, "prefix": name, "after": None, "limit": 9}
        script.append(("grit.refs", listing, {"refs": [[name, identity.hex()]], "more": False}))
        old = identity
    return script


def _repeat(pair: Pair, op: str, args: dict[str, Json]) -> None:
    """Carry a request out on the model."""
    if op == "grit.put":
        pair.model.put(from_base64(args["bytes"]))
    elif op == "grit.cas":
        for change in args["changes"]:
            pair.model.references[change["name"]] = bytes.fromhex(change["new"])


def seen_elsewhere(trial: Trial, fmt: Format, value: Object, graph: Graph) -> None:
    """Once a put, an update or an import was answered, every operation in any other process sees what it did."""
    first = open_durable(trial, fmt)
    second = first.beside("t", trial.spawn())
    for number, each in enumerate((value, Blob((), fmt.encode(value)), Blob((("k", "v"),), b""))):
        writer, reader = (first, second) if number % 2 == 0 else (second, first)
        data = fmt.encode(each)
        identity = fmt.hash(data)
        reader.expect(reader.get(identity), reader.has([identity]), reader.refs())
        writer.expect(writer.put(data), writer.point("tags/a", identity))
        reader.expect(reader.get(identity), reader.has([identity]), rule="grit.store.put-visible")
        reader.expect(reader.refs(), rule="grit.ref.fresh")
    second.expect(*second.take(graph.bundle()))
    first.expect(first.refs(), rule="grit.ref.fresh")
    first.export()


def pruned_meanwhile(trial: Trial, fmt: Format) -> None:
    """A reference that is set while another process prunes keeps its closure, or its target is gone already."""
    pair = open_durable(trial, fmt)
    (pruner, handle), *_ = _processes(trial, pair, fmt, others=1)
    garbage = Graph(fmt)
    messages: list[bytes] = []
    for number in range(_GARBAGE):
        leaf = garbage.add(Blob((), b"leaf" + number.to_bytes(2)))
        messages.append(garbage.add(Message(messages[-1] if messages else None, (), leaf)))
    garbage.references = {"tags/garbage": messages[-1]}
    trial.expect_many(pair.take(garbage.bundle()))
    pair.expect(pair.point("tags/garbage", None))
    work: list[Request] = []
    for number in range(_BACK):
        target = messages[number * _BACK_STEP]
        change = Change(f"tags/b{number}", None, target).to_json()
        work.append(("grit.cas", {"store": pair.handle, "changes": [change]}))
        work += [("grit.has", {"store": pair.handle, "ids": [target.hex()]})] * 4
    replies, pruned = _at_once([(trial.subject, work), (pruner, [("grit.prune", {"store": handle, "pins": []})])])
    _check_all_ok(trial, pruned)
    for number, reply in enumerate(replies[::5]):
        if isinstance(reply, Ok):
            pair.model.references[f"tags/b{number}"] = messages[number * _BACK_STEP]
        elif not isinstance(reply, Refused) or reply.kind != "missing":
            trial.fail("ok, or refused missing", answer_of(reply), words="an update failed because of a prune")
    pair.model.prune()
    pair.expect(pair.refs())
    pair.export()


def _processes(trial: Trial, pair: Pair, fmt: Format, *, others: int | None = None) -> list[tuple[SubjectLike, str]]:
    """Return processes with the name of a handle on the pair's store in each; others first, the trial's own last."""
    count = others if others is not None else (3 if is_first(trial, fmt) else 1)
    started: list[tuple[SubjectLike, str]] = []
    for number in range(count):
        other = pair.beside(f"p{number}", trial.spawn())
        assert other.process is not None
        started.append((other.process, other.handle))
    return [*started, (trial.subject, pair.handle)]


def _at_once(work: list[tuple[SubjectLike, list[Request]]]) -> list[list[Reply]]:
    """Run each process's requests, all processes at the same time; returns their replies.

    Raises:
        SubjectFault: the first that was raised.
    """
    barrier = threading.Barrier(len(work))
    replies: list[list[Reply]] = [[] for _ in work]
    faults: list[Exception] = []

    def drive(number: int, process: SubjectLike, requests: list[Request]) -> None:
        barrier.wait()
        try:
            replies[number] = process.ask_many(requests)
        except SubjectFault as fault:
            faults.append(fault)

    threads = [threading.Thread(target=drive, args=(number, *each)) for number, each in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return replies


_SHARED: Final = ("durable", "shared")

PROPERTIES: Final = (
    *each_format("shared/race", exactly_one_wins, "grit.ref.race", features=_SHARED),
    *each_format(
        *("shared/readers", readers_see_whole_updates, "grit.ref.atomic", "grit.ref.snapshot", "grit.store.serial"),
        features=_SHARED,
    ),
    *each_format("shared/prune", pruned_meanwhile, "grit.prune.meanwhile", features=_SHARED, cost=150),
    *each_format("shared/scripts", scripts_at_once, "grit.store.serial", features=_SHARED, cost=150),
    *each_format(
        *("shared/seen-elsewhere", seen_elsewhere, "grit.ref.fresh", "grit.store.put-visible"),
        given=lambda fmt: {**draws.value()(fmt), **draws.graph(3)(fmt)},
        features=_SHARED,
        examples=1,
    ),
)
