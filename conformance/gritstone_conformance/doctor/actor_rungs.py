"""The rungs of ``wit`` and ``runtime`` in ``gritstone doctor``: the beginning of the first example of the spec.

Core(a) is the tree {name: blob {ct: s} ``a``, wit: W, wit_query: W} with the puppet as W. The agent ``test`` sends it
to itself as a genesis message; the first step of the new actor is expected. All values are golden values; nothing is
computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.cases import CaseStep
from gritstone_conformance.doctor.rungs import Rung, open_step, right_step
from gritstone_conformance.replies import Claims, Json

__all__ = ["actor_rungs", "start_step", "stopped_steps", "tree_bytes"]

_STORE: Final = "s"
_RUNTIME: Final = "r"


@dataclass(frozen=True, slots=True)
class _Round:
    """Known values of one format; objects are bytes, all other values ids."""

    agent_objects: tuple[bytes, ...]
    core_objects: tuple[bytes, ...]
    message: bytes
    agent: str
    actor: str
    message_id: str
    step: str
    agent_head: str


def tree_bytes(entries: list[tuple[str, str]], *, framed: bool) -> bytes:
    """Return a tree of names and ids, given in the order of the format."""
    if framed:
        body = b"".join(name.encode() + b"\0" + bytes.fromhex(target) for name, target in entries)
        return f"tree {len(body)}\0".encode() + body
    found = b"".join(bytes([0x60 + len(name)]) + name.encode() + b"\x58\x20" + bytes.fromhex(t) for name, t in entries)
    return bytes([0x82, 0x01, 0xA0 + len(entries)]) + found


_FRAMED_W: Final = "a948f677372ad7716c988c56f99c4d1cfffce3cae69a65c4cbc879cee3b7e3f7"
_FRAMED_A: Final = "6d95e0d26d91e6248bccc0f794a95bb3ba07ea6db63b3679a8f3a8d21e7cf20c"
_FRAMED_NAME: Final = "4671c525fe58839504ff895b28d8ef5fc2b91282183750ef360f85f5dbdb53ad"
_FRAMED_TEST: Final = "2908ef6fa57c1fe2d2a62194535cf6fb49819d2f1e2493c0e255e227cdcc861d"
_CBOR_W: Final = "80454a612bc062cb045a7ebf1ce8f5f9d0b5f6f526c52cc29c3cf92be0c8dfe1"
_CBOR_A: Final = "401a226c235ce2048e954fc0b745e7ead7233ecdb4885d8a3d2d16da7b242103"
_CBOR_NAME: Final = "a305634dd73f98f0db9d91a71632bb9b0027de22eb7a5879f304feb0a8bc21da"
_CBOR_TEST: Final = "1946b30087b3b4b5f460912042ab79d6f0f834bed2da74335fd4a3ec9b1fdcbf"

_ROUNDS: Final = {
    "framed-sha256": _Round(
        agent_objects=(b"blob 10\0ct\0s\0\0test", tree_bytes([("name", _FRAMED_TEST)], framed=True)),
        core_objects=(
            b"blob 23\0ct\0s\0\0external:puppet/1",
            b"blob 7\0ct\0s\0\0a",
            tree_bytes([("name", _FRAMED_NAME), ("wit", _FRAMED_W), ("wit_query", _FRAMED_W)], framed=True),
        ),
        message=b"message 76\0" + bytes(32) + b"mt\0genesis\0\0" + bytes.fromhex(_FRAMED_A),
        agent="d291ab0946eb8710d869caa46c755b0c0fa9d087bd11b145c900b30871f738e8",
        actor=_FRAMED_A,
        message_id="94177dadb67b8bccaebb13dd30750cb5a4ea0296f158ee87089951ab825e10e2",
        step="c760c4951c22f12620336ecb217b7be12e9f837ca31540626242b0fa71f690de",
        agent_head="5360739adaf0a81e5620cade3a994b80b5076f7ba549712009e3aeac88330dfb",
    ),
    "cbor-blake3": _Round(
        agent_objects=(bytes.fromhex("8300a162637461734474657374"), tree_bytes([("name", _CBOR_TEST)], framed=False)),
        core_objects=(
            bytes.fromhex("8300a162637461735165787465726e616c3a7075707065742f31"),
            bytes.fromhex("8300a162637461734161"),
            tree_bytes([("wit", _CBOR_W), ("name", _CBOR_NAME), ("wit_query", _CBOR_W)], framed=False),
        ),
        message=bytes.fromhex("8402f6a1626d746767656e657369735820" + _CBOR_A),
        agent="573fd161edae834e58c402d7be08499147537548dc3517690ff3429badb42fa2",
        actor=_CBOR_A,
        message_id="032fa71defc97acec6ab2543c555a0ba7023249027eeb0abde977be4acca490f",
        step="832717e6ba46dec7ad41ac4668c206700e2054d3a8f1dc9aa417aa7708718023",
        agent_head="5c392a06f8cfc7da7bfbbb7142b23c56970f799c7dddbec1f3f4d1b55262a09e",
    ),
}


def actor_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of ``wit`` and ``runtime`` that the claims allow, in order; all of them require the puppet."""
    formats = [fmt for fmt in _ROUNDS if fmt in claims.formats] if "external" in claims.features else []
    for profile, make in (("wit", _wit), ("runtime", _start), ("runtime", _run)):
        if profile in claims.profiles:
            for fmt in formats:
                yield make(fmt, _ROUNDS[fmt])


def _puts(objects: tuple[bytes, ...]) -> tuple[CaseStep, ...]:
    args: list[dict[str, Json]] = [{"store": _STORE, "bytes": encode_bytes(data)} for data in objects]
    return tuple(right_step("grit.put", one, id={"$": "any"}) for one in args)


def _wit(fmt: str, golden: _Round) -> Rung:
    args: dict[str, Json] = {
        "store": _STORE,
        "actor": golden.actor,
        "head": None,
        "inbox": [[golden.agent, golden.message_id]],
        "attempt": 1,
    }
    steps = (
        open_step(_STORE, fmt),
        *_puts((*golden.agent_objects, *golden.core_objects, golden.message)),
        right_step("wit.step", args, step=golden.step),
        right_step("grit.close", {"store": _STORE}),
    )
    return Rung(
        f"wit {fmt}", steps, "the puppet's step: previous none, inbox {sender: message}, outbox none, core as sent"
    )


def start_step(agent: str, agent_id: str, store: str) -> CaseStep:
    """Return the step that starts the runtime ``doctor`` on a store; the id of the agent is expected."""
    args: dict[str, Json] = {
        "runtime": _RUNTIME,
        "store": store,
        "agent": agent,
        "schedule": "free",
        "clock": "system",
        "base_ms": 10,
        "cap_ms": 100,
        "max_attempts": 2,
        "transition_ms": 0,
    }
    return right_step("runtime.start", args, agent=agent_id)


def stopped_steps(store: str) -> tuple[CaseStep, ...]:
    """Return the steps that stop the runtime ``doctor`` and close its store."""
    stop = right_step("runtime.stop", {"runtime": _RUNTIME, "how": "drain"})
    return stop, right_step("grit.close", {"store": store})


def _started(fmt: str, golden: _Round) -> tuple[CaseStep, ...]:
    return open_step(_STORE, fmt), start_step("test", golden.agent, _STORE)


def _start(fmt: str, golden: _Round) -> Rung:
    steps = (*_started(fmt, golden), *stopped_steps(_STORE))
    return Rung(f"agent {fmt}", steps, "the agent is the tree {name: blob {ct: s} test}; reply with its id")


def _run(fmt: str, golden: _Round) -> Rung:
    injected: dict[str, Json] = {
        "runtime": _RUNTIME,
        "to": golden.actor,
        "headers": [["mt", "genesis"]],
        "content": golden.actor,
        "mode": "queue",
    }
    heads: list[Json] = sorted([[f"heads/{golden.actor}", golden.step], [f"heads/{golden.agent}", golden.agent_head]])
    listed: dict[str, Json] = {"store": _STORE, "prefix": "heads/", "after": None, "limit": 10}
    steps = (
        *_started(fmt, golden),
        *_puts(golden.core_objects),
        right_step("runtime.inject", injected, message=golden.message_id),
        right_step("runtime.run", {"runtime": _RUNTIME, "max_steps": 100}, cause="rest", steps={"$": "any"}, parked=[]),
        right_step("grit.refs", listed, refs=heads, more=False),
        *stopped_steps(_STORE),
    )
    return Rung(f"run {fmt}", steps, "a head moves by compare-and-swap to the step that the transition returned")
