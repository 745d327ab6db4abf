"""Requests that fit the schema, one for every operation that an implementation claims.

Decides nothing about right answers beyond what is plain from the bytes sent: the properties of this package need
material whose answers are known without a model of a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.model.agent import agent_core
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.queries import PUPPET_WUT
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Step, Tree, to_json
from gritstone_conformance.model.wasm.ed25519 import public_key
from gritstone_conformance.model.wasm.signing import sign_bundle
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.sandbox_abi import ABIS
from gritstone_conformance.strategies.sandbox_probes import counter
from gritstone_conformance.strategies.scenarios import PUPPET, Stage
from gritstone_conformance.strategies.session_guest import session_core

__all__ = ["Sample", "blob_of", "empty_bundle", "every_request", "exact_blob", "format_of", "opening", "tree_of"]

Request = tuple[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One object: its JSON form, its bytes as text, its id in hex."""

    object: dict[str, Json]
    bytes: str
    id: str


def format_of(claims: Claims) -> Format:
    """Return a claimed format; the first one this suite knows."""
    return next((FORMATS[name] for name in claims.formats if name in FORMATS), FRAMED_SHA256)


def _sample(fmt: Format, value: Blob | Tree) -> Sample:
    data = fmt.encode(value)
    return Sample(to_json(value), encode_bytes(data), fmt.hash(data).hex())


def blob_of(fmt: Format, data: bytes) -> Sample:
    """Return a blob without headers."""
    return _sample(fmt, Blob((), data))


def tree_of(fmt: Format, name: str, target: Sample) -> Sample:
    """Return a tree of one entry."""
    return _sample(fmt, Tree(((name, bytes.fromhex(target.id)),)))


def exact_blob(fmt: Format, size_bytes: int) -> Sample:
    """Return a blob whose encoding has exactly so many bytes (at least 100)."""
    length = size_bytes
    while (surplus := len(fmt.encode(Blob((), bytes(length)))) - size_bytes) > 0:
        length -= surplus
    return _sample(fmt, Blob((), bytes(length)))


def empty_bundle(fmt: Format) -> bytes:
    """Return the bundle without references and frames."""
    content = b"gritstone bundle 1\nformat " + fmt.name.encode() + b"\n\nz" + bytes(8)
    return content + fmt.hash(content)


def opening(store: str, fmt: Format, directory: str | None = None, *, create: bool = True) -> Request:
    """Return the request that opens a memory store, or a durable one in ``directory``."""
    args: dict[str, Json] = {"store": store, "format": fmt.name, "backend": "memory", "create": create}
    return "grit.open", args if directory is None else args | {"backend": "durable", "dir": directory}


def every_request(claims: Claims, hello: dict[str, Json], directory: str, path: str) -> list[Request]:
    """Return requests that fit the schema, at least one per claimed operation, in an order in which they succeed.

    Args:
        claims: what is claimed; nothing else is asked.
        hello: the arguments of hello.
        directory: an empty directory for a durable store, opened if that is claimed.
        path: a file that does not exist yet.
    """
    asked: list[Request] = [("hello", hello), ("ping", {})]
    if "grit" in claims.profiles:
        asked += _of_grit(claims, directory, path)
    if "wit" in claims.profiles:
        asked += _of_wit(claims)
    if "runtime" in claims.profiles:
        asked += _of_runtime(claims)
    if "wasm" in claims.profiles or {"wit", "wasm.executor"} <= {*claims.profiles, *claims.features}:
        asked += _of_wasm(claims)
    if "image" in claims.profiles:
        asked += _of_image(claims)
    if "session" in claims.profiles:
        asked += _of_session(claims)
    asked += _of_flow(claims)
    if "sandbox" in claims.profiles:
        asked += _of_sandbox(claims)
    return asked


def _of_session(claims: Claims) -> list[Request]:
    """Return requests about a conversation, and about a puppet that is opened, archived, restored and closed."""
    fmt, nonce = format_of(claims), bytes(32)
    stage, agent = Stage(Graph(fmt)), agent_core(Shelf.over(Store(fmt)), "test")
    below = stage.tree(host=agent, nonce=stage.blob(nonce, ("ct", "b")))
    talk = stage.tree(**session_core(stage.graph, below))
    puppet = stage.core(b"session", PUPPET, session=below)
    live: dict[str, Json] = {"runtime": "live"}
    timed = live | {"at": 1_000}
    about, conversation = timed | {"session": puppet.hex()}, timed | {"session": talk.hex()}
    terms: dict[str, Json] = {"store": "l", "agent": "test", "base_ms": 0, "cap_ms": 0, "max_attempts": 3}
    request = encode_bytes(b'{"kind":"user","prompt":"hello"}')
    return [
        opening("l", fmt),
        *(("grit.put", {"store": "l", "bytes": encode_bytes(data)}) for data in stage.graph.encodings.values()),
        ("runtime.start", live | terms | {"schedule": "free", "clock": "system", "transition_ms": 0, "workers": 1}),
        ("session.limits", live | {"max_live": 2, "idle_ms": 0, "lease_ms": 0}),
        ("session.open", timed | {"core": puppet.hex()}),
        ("session.prepare", timed | {"session": None, "request": request, "nonce": encode_bytes(nonce)}),
        ("session.prepare", conversation | {"request": request}),
        ("session.send", conversation | {"headers": [["at", "1"], ["mt", "note"]], "content": puppet.hex()}),
        ("runtime.run", live | {"max_steps": 10}),
        ("session.sweep", timed),
        ("session.archive", about),
        ("session.progress", about | {"progress": encode_bytes(b"{}")}),
        ("session.restore", about),
        ("session.close", about),
        ("runtime.stop", live | {"how": "drain"}),
        ("grit.close", {"store": "l"}),
    ]


def _of_image(claims: Claims) -> list[Request]:
    """Return requests about an image with one principal, which is created, listed and destroyed."""
    fmt, live = format_of(claims), {"runtime": "image"}
    stage = ImageStage(Graph(fmt), agent_core(Shelf.over(Store(fmt)), "test"))
    actor, text = stage.actor("a"), stage.text("spawn").hex()
    terms: dict[str, Json] = {"store": "i", "agent": "test", "base_ms": 0, "cap_ms": 0, "max_attempts": 3}
    genesis: dict[str, Json] = {"to": actor.hex(), "headers": [["mt", "genesis"]], "content": actor.hex()}
    grant: dict[str, Json] = {"to": actor.hex(), "headers": [["mt", "image.grant"]], "content": text}
    page: dict[str, Json] = {"after": None, "limit": 10}
    return [
        opening("i", fmt),
        *(("grit.put", {"store": "i", "bytes": encode_bytes(data)}) for data in stage.graph.encodings.values()),
        ("runtime.start", live | terms | {"schedule": "free", "clock": "system", "transition_ms": 0, "workers": 1}),
        ("image.start", dict(live)),
        ("image.request", live | {"messages": [genesis]}),
        ("image.request", live | {"messages": [grant], "key": "k"}),
        ("image.clock", live | {"now_ms": "1000"}),
        ("image.list", live | page),
        ("image.list", live | page | {"as": actor.hex()}),
        ("image.log", live | {"from": 0, "limit": 10}),
        ("image.world", live | page),
        ("image.world", live | page | {"seq": 0}),
        ("image.rollback", live | {"to": 0}),
        ("runtime.stop", live | {"how": "drain"}),
        ("grit.close", {"store": "i"}),
    ]


def _of_replay(claims: Claims) -> list[Request]:
    """Return the first step of a flow whose core is defective, and its replay."""
    fmt = format_of(claims)
    stage, model = Stage(Graph(fmt)), Store(fmt)
    core = stage.tree(wit=stage.blob(b"external:flow/1", ("ct", "s")))
    sender = stage.tree(name=stage.blob(b"agent", ("ct", "s")))
    message = stage.graph.add(Message(None, (("mt", "genesis"),), core))
    for data in stage.graph.encodings.values():
        model.put(data)
    inbox: list[Json] = [[sender.hex(), message.hex()]]
    step = Executor(model).step(core, None, [(sender, message)])
    about: dict[str, Json] = {"store": "f", "actor": core.hex(), "head": None, "inbox": inbox, "attempt": 1}
    return [
        opening("f", fmt),
        *(("grit.put", {"store": "f", "bytes": encode_bytes(data)}) for data in stage.graph.encodings.values()),
        ("wit.step", about),
        ("flow.replay", {"store": "f", "step": step.hex()}),
        ("grit.close", {"store": "f"}),
    ]


def _of_flow(claims: Claims) -> list[Request]:
    """Return a check of documents that are not maps, an expression and a template without variables, and more."""
    if "flow.pure" not in claims.features:
        return []
    null, empty = encode_bytes(b"\xf6"), encode_bytes(b"\xa0")
    documents: dict[str, Json] = {"program": null, "policy": null, "input": empty}
    asked: list[Request] = [
        ("flow.check", documents | {"peers": ["edge"], "refs": ["card"]}),
        ("flow.eval", {"expr": "1 < 2", "env": empty}),
        ("flow.render", {"template": null, "env": empty}),
    ]
    if "flow" in claims.profiles or {"wit", "flow.executor"} <= {*claims.profiles, *claims.features}:
        asked += _of_replay(claims)
        if "flow.metrics" in claims.features:
            asked.append(("flow.metrics", {"trace": encode_bytes(b"\x80"), "baselines": [["a"]]}))
    return asked


def _of_sandbox(claims: Claims) -> list[Request]:
    """Return a run that keeps nothing, and requests about handles that do not exist, which are refused."""
    abi = next((name for name in ABIS if f"sandbox.abi.{name}" in claims.features), ABIS[0])
    limits: dict[str, Json] = {"fuel": 1_000_000_000, "pages": 16, "table": 1_000, "ms": 10_000}
    run = {"module": encode_bytes(counter(abi)), "limits": limits, "grants": {}, "keep": False}
    featured: dict[str, list[Request]] = {
        "keep": [
            ("sandbox.again", {"instance": "none", "limits": limits}),
            ("sandbox.close", {"handle": "none"}),
        ],
        "snapshot": [("sandbox.snapshot", {"instance": "none"}), ("sandbox.resume", {"snapshot": "none"})],
        "export": [("sandbox.export", {"snapshot": "none"}), ("sandbox.import", {"bytes": "AA"})],
    }
    claimed = [requests for feature, requests in featured.items() if f"sandbox.{feature}" in claims.features]
    return [("sandbox.run", run), *(request for requests in claimed for request in requests)]


def _of_grit(claims: Claims, directory: str, path: str) -> list[Request]:
    fmt = format_of(claims)
    blob, tree = blob_of(fmt, b"hello"), tree_of(fmt, "a", blob_of(fmt, b"hello"))
    bundle, store = encode_bytes(empty_bundle(fmt)), {"store": "s"}
    asked: list[Request] = [
        ("grit.id", {"format": fmt.name, "bytes": blob.bytes}),
        ("grit.encode", {"format": fmt.name, "object": blob.object}),
        ("grit.encode", {"format": fmt.name, "object": tree.object}),
        ("grit.decode", {"format": fmt.name, "bytes": tree.bytes}),
        opening("s", fmt),
        ("grit.put", store | {"bytes": blob.bytes, "id": blob.id}),
        ("grit.put", store | {"bytes": tree.bytes}),
        ("grit.get", store | {"id": tree.id}),
        ("grit.has", store | {"ids": [blob.id, tree.id]}),
        ("grit.cas", store | {"changes": [{"name": "tags/a", "old": None, "new": blob.id}]}),
        ("grit.cas", store | {"changes": [{"name": "tags/a", "old": blob.id, "new": tree.id}]}),
        ("grit.refs", store | {"prefix": "tags/", "after": None, "limit": 10}),
        ("grit.export", store | {"names": ["tags/a"], "cursor": None}),
        ("grit.import", store | {"bytes": bundle, "more": False}),
        ("grit.prune", store | {"pins": [blob.id]}),
    ]
    featured: dict[str, list[Request]] = {
        "files": [
            ("grit.export", store | {"to": path}),
            ("grit.import", store | {"from": path}),
        ],
        "transcode": [("grit.transcode", {"from": fmt.name, "to": fmt.name, "bundle": bundle})],
        "damage": [("grit.damage", store | {"id": tree.id, "offset": 0, "xor": 1})],
        "erase": [("grit.erase", store | {"id": blob.id})],
        "durable": [opening("d", fmt, str(Path(directory) / "store")), ("grit.close", {"store": "d"})],
    }
    for feature, requests in featured.items():
        asked += requests if feature in claims.features else []
    return [*asked, ("grit.close", store)]


@dataclass(frozen=True, slots=True)
class _History:
    """The objects of an actor that was created: requests that put them, and their ids."""

    puts: list[Request]
    actor: str
    sender: str
    genesis: str
    step: str


def _history(fmt: Format, store: str, code: bytes = PUPPET) -> _History:
    stage = Stage(Graph(fmt))
    actor, sender = stage.core(b"a", code), stage.tree(name=stage.blob(b"outside", ("ct", "s")))
    genesis = stage.graph.add(Message(None, (("mt", "genesis"),), actor))
    inbox = stage.graph.add(Mailbox(((sender, genesis),)))
    step = stage.graph.add(Step(None, actor, inbox, None, actor))
    puts: list[Request] = [
        ("grit.put", {"store": store, "bytes": encode_bytes(data)}) for data in stage.graph.encodings.values()
    ]
    return _History(puts, actor.hex(), sender.hex(), genesis.hex(), step.hex())


def _of_wit(claims: Claims) -> list[Request]:
    fmt, store = format_of(claims), {"store": "w"}
    history = _history(fmt, "w")
    about = store | {"actor": history.actor, "head": None, "inbox": [[history.sender, history.genesis]]}
    return [
        opening("w", fmt),
        *history.puts,
        ("wit.step", about | {"attempt": 1}),
        ("wit.step", about | {"attempt": 1, "transition_ms": 1000}),
        ("wit.admit", about | {"step": history.step}),
        ("wit.unread", store | {"tip": history.genesis, "cursor": None}),
        ("wit.merge", store | {"core": history.actor, "update": history.sender}),
        ("wit.query", store | {"step": history.step, "name": "step", "args": ""}),
        ("wit.openapi", {"actor": history.actor, "wut": encode_bytes(PUPPET_WUT)}),
        ("grit.close", store),
    ]


def _of_runtime(claims: Claims) -> list[Request]:
    fmt, free, chosen = format_of(claims), {"runtime": "free"}, {"runtime": "chosen"}
    history = _history(fmt, "r")
    terms: dict[str, Json] = {"store": "r", "agent": "test", "base_ms": 0, "cap_ms": 0, "max_attempts": 3}
    letter: dict[str, Json] = {"to": history.actor, "headers": [["mt", "genesis"]], "content": history.actor}
    effect, mail = f"{history.actor}.{history.genesis}", {"sender": history.actor, "message": history.genesis}
    asked: list[Request] = [
        opening("r", fmt),
        *history.puts,
        ("runtime.start", free | terms | {"schedule": "free", "clock": "system", "transition_ms": 0, "workers": 1}),
        ("runtime.inject", free | letter | {"mode": "queue"}),
        ("runtime.run", free | {"max_steps": 10}),
        ("runtime.query", free | {"actor": history.actor, "name": "step", "args": ""}),
        ("runtime.mail", free),
        ("runtime.ack", free | mail),
        ("runtime.collect", free),
        ("runtime.release", free | {"actors": [history.actor]}),
        ("runtime.cut", free),
    ]
    if "effects" in claims.features:
        asked += [("runtime.effects", free), ("runtime.resolve", free | {"effect": effect, "outcome": {"ok": ""}})]
        asked += [("runtime.resolve", free | {"effect": effect, "outcome": {"failed": "so"}})]
    asked.append(("runtime.stop", free | {"how": "drain"}))
    if "schedule" in claims.features:
        clock = "suite" if "clock" in claims.features else "system"
        asked += [
            ("runtime.start", chosen | terms | {"schedule": "chosen", "clock": clock, "transition_ms": 0}),
            ("runtime.inject", chosen | letter | {"mode": "signal"}),
            ("runtime.ready", chosen),
            ("runtime.choose", chosen | {"choice": 0}),
            *([("runtime.time", chosen | {"now_ms": "1"})] if clock == "suite" else []),
            ("runtime.stop", chosen | {"how": "now"}),
        ]
    if "fault.kill" in claims.features:
        asked += [("fault.arm", {"writes": 1 << 40, "when": "before"}), ("fault.count", {})]
    return [*asked, ("grit.close", {"store": "r"})]


_LEAST_MODULE: Final = bytes.fromhex("0061736d010000000105016000017f030201000707010377697400000a0601040041000b")
_SECRET: Final = bytes(range(32))


def _of_wasm(claims: Claims) -> list[Request]:
    fmt, store = format_of(claims), {"store": "g"}
    module: dict[str, Json] = {"module": encode_bytes(_LEAST_MODULE), "entry": "wit", "pages": 0}
    asked: list[Request] = [("wasm.admit", module), ("wasm.meter", module)]
    if "wasm" in claims.profiles:
        history = _history(fmt, "g", b"wasm:code")
        actor = {"actor": history.actor}
        asked += [
            opening("g", fmt),
            *history.puts,
            ("grit.cas", store | {"changes": [{"name": f"heads/{history.actor}", "old": None, "new": history.step}]}),
            ("wasm.fork", store | {"step": history.step, "n": 1, "entropy": "fresh"}),
            ("wasm.release", store | actor),
            ("wasm.adopt", store | actor),
            ("grit.close", store),
        ]
    if "wasm.signature" in claims.features:
        bundle = {"bundle": encode_bytes(empty_bundle(fmt))}
        key, signature = public_key(_SECRET), sign_bundle(_SECRET, fmt.name, {})
        asked += [
            ("wasm.sign", bundle | {"secret": encode_bytes(_SECRET)}),
            ("wasm.verify", bundle | {"signature": encode_bytes(signature), "keys": [key.hex()]}),
        ]
    return asked
