"""Killed at any moment: what was answered is there, what was not is whole or absent, references stay together.

The victim is a process of its own, struck by SIGKILL from another thread while it works on requests that it was sent
at once. How many it had answered is known from the fault; the store is then opened again by the trial's own process.
What the victim did not answer is asked again there, so that each run asks for the same number of things.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Tree, to_base64
from gritstone_conformance.properties.grit.erasing import files
from gritstone_conformance.properties.grit.pair import Pair, open_durable
from gritstone_conformance.properties.grit.registry import each_format, in_one_format
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Asked, Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_PUTS: Final = 120  # objects, more than a window holds
_GARBAGE: Final = 600
_CHAIN: Final = 1_100  # messages, more than a prune removes in one write
_NAMES: Final = ("tags/a", "tags/b", "x/c")
_MARKER: Final = b"the bytes of a blob that is erased"
_MOST_WRITES: Final = 64  # that one request may take; more are not tried

Request = tuple[str, dict[str, Json]]
_Work = Callable[[Pair], list[Asked]]
"""Makes the requests during which a process dies."""


def answered_writes(trial: Trial, fmt: Format, share: int) -> None:
    """After a kill what was answered is there, and what was not is there as a whole or not at all."""
    encodings = [fmt.encode(Blob((), number.to_bytes(2) * (1 + number % 40))) for number in range(_PUTS)]
    identities = [fmt.hash(data) for data in encodings]
    requests: list[Request] = []
    states: list[bytes | None] = [None]
    for number, data in enumerate(encodings):
        requests.append(("grit.put", {"bytes": to_base64(data)}))
        if number % 4 == 3:
            moved = [Change(name, states[-1], identities[number]) for name in _NAMES]
            requests.append(("grit.cas", {"changes": [change.to_json() for change in moved]}))
            states.append(identities[number])
    pair, answered = _kill_during(trial, fmt, [], requests, share)
    pair.expect(pair.open(create=False))
    puts = sum(op == "grit.put" for op, _ in requests[:answered])
    _check_whole(trial, encodings, identities, puts)
    _check_together(trial, states, answered - puts)
    for op, args in requests[answered + 1 :]:
        if op == "grit.put":
            trial.expect(op, {**args, "store": "s"}, {"ok": {"id": {"$": "any"}}})
        else:
            trial.expect("ping", {}, {"ok": {}})


def answered_at_last(trial: Trial, fmt: Format) -> None:
    """What was answered is there after a kill, also if the kill follows the answer at once."""
    victim = trial.spawn()
    pair = open_durable(trial, fmt, "v", victim)
    first, last = (fmt.encode(Blob((), data)) for data in (b"first", b"last"))
    pair.expect(pair.put(first))
    pair.expect(pair.point("tags/a", fmt.hash(first)))
    victim.kill()
    found = Pair(trial, pair.model, handle="s", directory=pair.directory)
    found.expect(found.open(create=False), found.refs(), rule="grit.ref.durable")
    found.expect(found.get(fmt.hash(first)), found.close(), rule="grit.store.crash")
    pair.expect(pair.open(create=False), pair.put(last))
    victim.kill()
    found.expect(found.open(create=False), found.get(fmt.hash(last)), found.close(), rule="grit.store.crash")


def _check_whole(trial: Trial, encodings: list[bytes], identities: list[bytes], answered: int) -> None:
    """Every object that was answered is there with its bytes; every other one too, or it is absent."""
    for number, (identity, data) in enumerate(zip(identities, encodings, strict=True)):
        reply = trial.observe("grit.get", {"store": "s", "id": identity.hex()})
        if reply == Ok({"bytes": to_base64(data)}):
            continue
        if number < answered or not _is_absent(reply):
            words = "an answered put is lost" if number < answered else "an object is there and not whole"
            trial.fail({"ok": {"bytes": to_base64(data)}}, answer_of(reply), words=words, rule="grit.store.crash")


def _is_absent(reply: Reply) -> bool:
    return isinstance(reply, Refused) and reply.kind == "missing" and reply.code is None


def _check_together(trial: Trial, states: list[bytes | None], answered: int) -> None:
    """All names have one target: that of the last answered update, or of one that was under way."""
    reply = trial.observe("grit.refs", {"store": "s", "prefix": "", "after": None, "limit": 4096})
    refs = dict(reply.value.get("refs", ())) if isinstance(reply, Ok) else {}
    found = {refs.get(name) for name in _NAMES}
    if len(found) != 1:
        trial.fail("one target of all names", refs, words="half an update is there", rule="grit.ref.atomic")
    allowed = [None if state is None else state.hex() for state in states[answered:]]
    if found.isdisjoint(allowed):
        trial.fail(allowed, refs, words="an answered update is lost", rule="grit.ref.durable")


def pruned(trial: Trial, fmt: Format, share: int) -> None:
    """If the process is killed during a prune, all references are as before and their closure is present."""
    graph, source = _history(fmt), _history(fmt)
    garbage = [source.add(Blob((), b"garbage" + number.to_bytes(2))) for number in range(_GARBAGE)]
    source.references["x/garbage"] = source.add(Tree(tuple((f"{at:04}", each) for at, each in enumerate(garbage))))
    gone = Change("x/garbage", source.references["x/garbage"], None).to_json()
    before: list[Request] = [
        ("grit.import", {"bytes": to_base64(source.bundle()), "more": False}),
        ("grit.cas", {"changes": [gone]}),
    ]
    with relying(trial, partial(_idle, trial, fmt, graph, before), "a kill without a prune"):
        pair, _ = _kill_during(trial, fmt, before, [("grit.prune", {"pins": []})], share)
        graph.fill(pair.model)
        pair.expect(pair.open(create=False), pair.refs(), *(pair.get(identity) for identity in graph.encodings))
        pair.export()
    trial.expect("grit.prune", {"store": "s", "pins": []}, {"ok": {"removed": {"$": "any"}}})
    pair.export()


def pruned_in_order(trial: Trial, fmt: Format) -> None:
    """If the process is killed after a write of a prune, no object is left without an object that it leads to."""
    graph = Graph(fmt)
    content = graph.add(Blob((), b""))
    chain: list[bytes] = []
    for _ in range(_CHAIN):
        chain.append(graph.add(Message(chain[-1] if chain else None, (), content)))
    graph.references["tags/last"] = chain[-1]
    victim = trial.spawn()
    pair = open_durable(trial, fmt, "v", victim)
    pair.expect(*pair.take(graph.bundle()), pair.cas(Change("tags/last", chain[-1], None)))
    trial.expect("fault.arm", {"writes": 1, "when": "after"}, {"ok": {}}, on=victim)
    try:
        pair.expect(pair.prune(), pair.close())
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
    found = Pair(trial, pair.model, handle="s", directory=pair.directory)
    found.expect(found.open(create=False))
    ids: list[Json] = [each.hex() for each in (content, *chain)]
    has = trial.expect("grit.has", {"store": "s", "ids": ids}, {"ok": {"has": {"$": "any"}}})["has"]
    if has != sorted(has, reverse=True):
        words = "a prune removes an object before one that leads to it"
        trial.fail("the older objects of a chain", f"{has.count(True)} objects", words=words, rule="grit.prune.order")


def _idle(trial: Trial, fmt: Format, graph: Graph, before: list[Request]) -> None:
    """After a kill that meets no request, all references are as before, and their closure is present and exported."""
    victim = trial.spawn()
    pair = open_durable(trial, fmt, "idle", victim)
    victim.ask_many(_with_handle(before, "idle"))
    victim.kill()
    found = Pair(trial, pair.model, handle="still", directory=pair.directory)
    graph.fill(found.model)
    found.expect(found.open(create=False), found.refs(), rule="grit.ref.durable")
    found.expect(*(found.get(identity) for identity in graph.encodings), rule="grit.store.crash")
    found.export(rule="grit.bundle.bytes")
    found.expect(found.close())


def imported(trial: Trial, fmt: Format, share: int) -> None:
    """If the process is killed during an import, references and tombstones are all as before or all as after it."""
    graph = _history(fmt)
    source = Store(fmt, Limits.of(trial.claims.limits))
    graph.fill(source)
    erased = graph.of_kind("blob")[0]
    source.erase(erased)
    data = source.export()
    requests: list[Request] = [("grit.import", {"bytes": to_base64(data), "more": False})]
    pair, answered = _kill_during(trial, fmt, [], requests, share)
    pair.expect(pair.open(create=False))
    reply = trial.observe("grit.refs", {"store": "s", "prefix": "", "after": None, "limit": 4096})
    found = reply.value.get("refs") if isinstance(reply, Ok) else None
    wanted = [[name, target.hex()] for name, target in sorted(graph.references.items())]
    if found not in ([wanted] if answered else [[], wanted]):
        trial.fail(wanted, found, words="an import is there in part", rule="grit.bundle.import-atomic")
    code = getattr(trial.observe("grit.get", {"store": "s", "id": erased.hex()}), "code", "none of a refusal")
    if code != ("erased" if found else None):
        trial.fail("erased" if found else None, code, words="tombstones and references are not of one moment")
    pair.expect(*pair.take(data), pair.refs(), *(pair.get(identity) for identity in graph.encodings))
    pair.export()


def at_each_write(work: _Work, rule: str, trial: Trial, fmt: Format) -> None:
    """Killed between any two durable writes of a request, the store is as before the request or as after it."""
    victim = trial.spawn()
    for number in range(1, _MOST_WRITES):
        if not _dies_at(trial, fmt, victim, work, rule, number):
            break


def _dies_at(trial: Trial, fmt: Format, victim: SubjectLike, work: _Work, rule: str, number: int) -> bool:
    """Kill a process before a write of its work and judge what it left; returns whether there was such a write."""
    graph = _history(fmt, 5)
    pair = open_durable(trial, fmt, "v", victim)
    pair.expect(*pair.take(graph.bundle()), pair.put(fmt.encode(Blob((), b"garbage"))))
    states = [pair.model.copy()]
    asked = work(pair)
    states.append(pair.model)
    trial.expect("fault.arm", {"writes": number, "when": "before"}, {"ok": {}}, on=victim)
    died = True
    try:
        pair.expect(*asked, pair.close())
        states, died = [pair.model], False
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
    found = Pair(trial, pair.model, handle="s", directory=pair.directory)
    found.expect(found.open(create=False))
    listing = trial.observe("grit.refs", {"store": "s", "prefix": "", "after": None, "limit": 4096})
    there = [state for state in states if state.refs() == {"ok": getattr(listing, "value", None)}]
    if not there:
        trial.fail([state.refs() for state in states], answer_of(listing), words="half a change is there", rule=rule)
    found.model = there[0]
    kept = there[0].closure(there[0].references.values()).found
    tombstones = {identity for state in states for identity in state.tombstones}
    found.expect(*(found.get(identity) for identity in sorted({*kept, *tombstones})), found.close(), rule=rule)
    return died


def erased(trial: Trial, fmt: Format) -> None:
    """Killed between any two durable writes of an erasure, the blob is whole or erased, and can be erased again."""
    victim = trial.spawn()
    for number in range(1, _MOST_WRITES):
        if not _erases_until(trial, fmt, victim, number):
            break


def _erases_until(trial: Trial, fmt: Format, victim: SubjectLike, number: int) -> bool:
    """Kill a process before a write of an erasure and judge the blob; returns whether there was such a write."""
    graph = _history(fmt, 5)
    blob = graph.add(Blob((), _MARKER))
    graph.references["tags/blob"] = blob
    pair = open_durable(trial, fmt, "v", victim)
    pair.expect(*pair.take(graph.bundle()))
    before = pair.model.copy()
    asked = [pair.erase(blob)]
    trial.expect("fault.arm", {"writes": number, "when": "before"}, {"ok": {}}, on=victim)
    died = True
    try:
        pair.expect(*asked, pair.close())
        died = False
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
    found = Pair(trial, pair.model, handle="s", directory=pair.directory)
    found.expect(found.open(create=False))
    reply = trial.observe("grit.get", {"store": "s", "id": blob.hex()})
    is_erased = isinstance(reply, Refused) and (reply.kind, reply.code) == ("missing", "erased")
    if not is_erased:
        if not died or reply != Ok({"bytes": to_base64(graph.encodings[blob])}):
            trial.fail("the blob, or its tombstone", answer_of(reply), words="a blob is neither present nor erased")
        found.model = before
    found.expect(found.has([blob]), found.refs(), found.erase(blob), found.get(blob), found.has([blob]))
    if any(_MARKER in content for content in files(found)):
        words = "erased bytes stay in a file after a kill"
        trial.fail("no file with the bytes", "a file with the bytes", words=words, rule="grit.erase.gone")
    found.export()
    found.expect(found.close())
    return died


def _update(pair: Pair) -> list[Asked]:
    return [pair.cas(*(Change(name, pair.model.references.get(name), None) for name in pair.model.references))]


def _import(pair: Pair) -> list[Asked]:
    more = Graph(pair.model.format)
    leaves = [more.add(Blob((), b"leaf" + bytes((number,)))) for number in range(3)]
    more.references = {f"x/{at}": leaf for at, leaf in enumerate(leaves)}
    if "erase" not in pair.trial.claims.features:
        return pair.take(more.bundle())
    elsewhere = Store(pair.model.format, pair.model.limits)
    more.fill(elsewhere)
    elsewhere.erase(leaves[1])
    return pair.take(elsewhere.export())


def _prune(pair: Pair) -> list[Asked]:
    return [pair.prune()]


def _history(fmt: Format, length: int = 60) -> Graph:
    """Return a graph with some hundred objects of several kinds and three references."""
    graph = Graph(fmt)
    last: bytes | None = None
    for number in range(length):
        leaf = graph.add(Blob((), b"leaf" + number.to_bytes(2)))
        last = graph.add(Message(last, (), graph.add(Tree((("n", leaf),)))))
    assert last is not None
    box = graph.add(Mailbox(((graph.of_kind("tree")[3], last),)))
    graph.references = {"tags/last": last, "tags/box": box, "actors/a": graph.of_kind("tree")[-1]}
    return graph


def _kill_during(
    trial: Trial, fmt: Format, before: list[Request], requests: list[Request], share: int
) -> tuple[Pair, int]:
    """Start a victim on a new durable store and kill it while it works on requests.

    Args:
        trial: the trial, whose own process first does the same on another store, to see how long it takes.
        fmt: the format of the stores.
        before: requests that are answered before the others are sent; without a handle, as the others are.
        requests: those that are sent at once.
        share: after how many sixteenths of that time the victim is struck.

    Returns:
        The trial's own handle ``s`` on the victim's store, not open yet, and how many requests were answered.
    """
    rehearsal = open_durable(trial, fmt, "w")
    trial.subject.ask_many(_with_handle(before, "w"))
    started = time.perf_counter()
    trial.subject.ask_many(_with_handle(requests, "w"))
    delay_s = (time.perf_counter() - started) * share / 16
    rehearsal.expect(rehearsal.close())
    victim = trial.spawn()
    pair = open_durable(trial, fmt, "v", victim)
    victim.ask_many(_with_handle(before, "v"))
    answered = _kill_while_asking(victim, _with_handle(requests, "v"), delay_s)
    return Pair(trial, pair.model, handle="s", directory=pair.directory), answered


def _with_handle(requests: list[Request], handle: str) -> list[Request]:
    return [(op, {"store": handle, **args}) for op, args in requests]


def _kill_while_asking(victim: SubjectLike, requests: list[Request], delay_s: float) -> int:
    """Send requests at once and kill the process after a delay; returns how many it had answered.

    Raises:
        SubjectFault: it broke in another way than by this kill.
    """
    timer = threading.Timer(delay_s, victim.kill_from_thread)
    timer.start()
    try:
        answered = len(victim.ask_many(requests))
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
        answered = fault.request
    finally:
        timer.join()
    victim.kill()
    return answered


def _share(fmt: Format) -> Mapping[str, st.SearchStrategy[Any]]:
    return {"share": st.sampled_from([8, 4, 12, 2, 10, 6, 14, 16, 1, 3, 5, 7, 9, 11, 13, 15])}


def _at_each_write(name: str, work: _Work, rule: str) -> tuple[Property, ...]:
    return each_format(
        *(f"crash/{name}-at-each-write", partial(at_each_write, work, rule), rule),
        features=("durable", "fault.kill"),
        kind="crash",
    )


PROPERTIES: Final = (
    *in_one_format(
        (
            *each_format(
                *("crash/answered-writes", answered_writes, "grit.store.crash", "grit.ref.durable", "grit.ref.atomic"),
                given=_share,
                features=("durable",),
                kind="crash",
                examples=3,
            ),
            *each_format(
                *("crash/answered-at-last", answered_at_last, "grit.ref.durable", "grit.store.crash"),
                features=("durable",),
                kind="crash",
            ),
            *each_format(
                *("crash/prune", pruned, "grit.prune.safe", "grit.store.crash", "grit.ref.durable"),
                given=_share,
                features=("durable",),
                kind="crash",
                examples=2,
            ),
            *each_format(
                *("crash/import", imported, "grit.bundle.import-atomic"),
                given=_share,
                features=("durable",),
                kind="crash",
                examples=2,
            ),
            *_at_each_write("prune", _prune, "grit.prune.safe"),
            *_at_each_write("update", _update, "grit.ref.atomic"),
        )
    ),
    *each_format(
        *("crash/prune-order", pruned_in_order, "grit.prune.order"), features=("durable", "fault.kill"), kind="crash"
    ),
    *each_format(
        *("crash/erase-at-each-write", erased, "grit.erase.atomic", "grit.erase.gone"),
        features=("durable", "erase", "fault.kill"),
        kind="crash",
    ),
    *_at_each_write("import", _import, "grit.bundle.import-atomic"),
)
