"""The rungs of ``wasm`` in ``gritstone doctor``, for hosts and for executors of single steps.

The requests are golden vectors: the smallest module, the counter of the spec, a trap, a budget. The query is a query of
the puppet as a module; its ids are golden values, and nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.doctor.actor_rungs import start_step, stopped_steps, tree_bytes
from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung, right_step
from gritstone_conformance.replies import Claims, Json

__all__ = ["guest_rungs"]

_STORE: Final = "s"  # the handle of the vectors


@dataclass(frozen=True, slots=True)
class _Asked:
    """Known values of one format.

    Attributes:
        suffix: the suffix of the names of its vectors.
        entries: the core of the puppet as a module, with a query, ascending in this format.
        core: the id of that core; its actor.
        message: the genesis message, and ``message_id`` its id.
        step: the first step; ``echoed`` is the id of the blob ``hello``, the result of the query.
        agent: the agent ``demo``; ``first_step`` is the first step of the counter that it starts.
    """

    suffix: str
    entries: tuple[tuple[str, str], ...]
    core: str
    message: bytes
    message_id: str
    step: str
    echoed: str
    agent: str
    first_step: str


_FRAMED_NODE: Final = "86d74ba8fd396f275a445543b93b40b34ef28346bc9af2c3d60f35ec0ba57f34"
_FRAMED_CORE: Final = "dd9b442317cdcc96dcc15f16d4f20f282b3dbc01582f007c80c126cadcb3e49b"
_CBOR_NODE: Final = "d7183ae6438107b2bd991b92d8d8887cbf98cdf9fb6f61d74d9360ca4b2159ea"
_CBOR_CORE: Final = "9ec1521b5aa6f0fd533f5c83ad93b9b61e4b648967d05f6b035f955bee396843"

_ASKED: Final = {
    "framed-sha256": _Asked(
        suffix="",
        entries=(
            ("code", "4bbf6f1adbd0ae7edcbc495ea0ac8a76da6a5845e0973e276109440aeac30828"),
            ("name", "30cf090fb90ac1dae50bd3b7b09ebcc434e6a54f6ff9bdedb2b3299f82762957"),
            ("wasm", "4144cc8435e1761cc7932ee27179abfbc0ea53ff8ca49bb09261e738aece7cd0"),
            ("wit", _FRAMED_NODE),
            ("wit_query", _FRAMED_NODE),
        ),
        core=_FRAMED_CORE,
        message=b"message 76\0" + bytes(32) + b"mt\0genesis\0\0" + bytes.fromhex(_FRAMED_CORE),
        message_id="2e221606f0cd07e25101faa2f125bd0deacb798198d015a18411c03e3eef2c18",
        step="2cf4e322296a27406ea2e6eae95f22dd47d17723468e8e7aa0a4babe0738c0fc",
        echoed="b13898a51083c08c8d475bcfcce05b5035b998ac76f85a57679c0f053def4e85",
        agent="b63c4bbe2e102fb5b3a97d53f0ab42d429ed03055cfbf9c57eb09a41ce2f7f05",
        first_step="735f3a854a345219d8af101f005fa6028ff9686478f3fc0627bed8d9d7169cfa",
    ),
    "cbor-blake3": _Asked(
        suffix="-in-cbor",
        entries=(
            ("wit", _CBOR_NODE),
            ("code", "04d01d15ac1558aceccdd90ed21eed1e9345d8c475e2dc73c2dae8396afcd34d"),
            ("name", "8744dfd47a476682fd2d8d56a3eadcbd4a4f83b0b5386d602366426373562d1b"),
            ("wasm", "8a3c261037516c7dcb5065a52c68ddd9c007c592e33567919c069dbf583eda14"),
            ("wit_query", _CBOR_NODE),
        ),
        core=_CBOR_CORE,
        message=bytes.fromhex("8402f6a1626d746767656e657369735820" + _CBOR_CORE),
        message_id="2f45c7e62b9b545ed244e93ff0596ea0bdcab8c82de53b36d2270de37a5393c6",
        step="06187e1b4f33c58339ba594784395155b418bab4cf8cd6aba8d7c1d77e1f854b",
        echoed="8934c7026ccc45ecf91fe0510aa926cbcd049d09c687dac319463f75a060ae3c",
        agent="1dfaeec2ba00420579f5e80574fb410a403b9c64d39f79ec7dfa704237600326",
        first_step="ba629cf2684a050f8f945a7b571067493048a9765be410f149bcc20d5641b67c",
    ),
}


def guest_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of ``wasm`` that the claims allow, in order: those of executors, then of hosts."""
    if "wasm" not in claims.profiles and "wasm.executor" not in claims.features:
        return
    vectors = GoldenSteps("wasm")
    yield from _of_modules(vectors)
    for fmt, asked in _ASKED.items():
        if fmt in claims.formats:
            yield from _of_guests(vectors, fmt, asked)
            if "wasm" in claims.profiles:
                yield _actor(vectors, fmt, asked)


def _of_modules(vectors: GoldenSteps) -> Iterator[Rung]:
    least = (
        "the smallest module exports wit without parameters and returns an i32; `pages` is the value of the manifest"
    )
    yield Rung("admit", vectors.steps("module", "least"), least)
    strict = "the spec, not the engine, defines valid modules: decode and validate before you compile"
    yield Rung("strict", vectors.steps("module", "no-simd", rejected=True), strict)
    exact = "the metered form is fixed byte for byte: compare it with the example of the chapter on metering"
    yield Rung("meter", vectors.steps("meter", "least"), exact)


def _of_guests(vectors: GoldenSteps, fmt: str, asked: _Asked) -> Iterator[Rung]:
    opened, imported, first, *_, closed = vectors.steps("counter", f"core-a{asked.suffix}")
    words = (
        "the first step of the counter in the spec: a new memory for each call, and the core that the guest returned"
    )
    yield Rung(f"guest {fmt}", (opened, imported, first, closed), words)
    yield _query(vectors, fmt, asked)
    opened, imported, _, _, trapped, closed = vectors.steps("fuel", f"unreachable{asked.suffix}")
    words = "a trap is refused as rejected, with its code; it is not an `error` and does not end the process"
    yield Rung(f"trap {fmt}", (opened, imported, trapped, closed), words)
    words = "count the original module; with this budget the call ends, with one unit less it is exhausted"
    yield Rung(f"fuel {fmt}", vectors.steps("fuel", f"return{asked.suffix}"), words)


def _query(vectors: GoldenSteps, fmt: str, asked: _Asked) -> Rung:
    opened, imported, first, *_, closed = vectors.steps("guest", f"puppet{asked.suffix}")
    ((sender, _),) = first.args["inbox"]
    core = tree_bytes(list(asked.entries), framed=fmt == "framed-sha256")
    step: dict[str, Json] = {
        "store": _STORE,
        "actor": asked.core,
        "head": None,
        "inbox": [[sender, asked.message_id]],
        "attempt": 1,
    }
    query: dict[str, Json] = {"store": _STORE, "step": asked.step, "name": "echo", "args": encode_bytes(b"hello")}
    steps = (
        opened,
        imported,
        right_step("grit.put", {"store": _STORE, "bytes": encode_bytes(core)}, id=asked.core),
        right_step("grit.put", {"store": _STORE, "bytes": encode_bytes(asked.message)}, id=asked.message_id),
        right_step("wit.step", step, step=asked.step),
        right_step("wit.query", query, result=asked.echoed),
        closed,
    )
    return Rung(f"query {fmt}", steps, "a query reads the core of the step, calls `wit_query`, and changes nothing")


def _actor(vectors: GoldenSteps, fmt: str, asked: _Asked) -> Rung:
    opened, imported, first, *_, _closed = vectors.steps("counter", f"core-a{asked.suffix}")
    actor = first.args["actor"]
    injected: dict[str, Json] = {
        "runtime": "r",
        "to": actor,
        "headers": [["mt", "genesis"]],
        "content": actor,
        "mode": "queue",
    }
    listed: dict[str, Json] = {"store": _STORE, "prefix": f"heads/{actor}", "after": None, "limit": 10}
    steps = (
        opened,
        imported,
        start_step("demo", asked.agent, _STORE),
        right_step("runtime.inject", injected, message={"$": "any"}),
        right_step("runtime.run", {"runtime": "r", "max_steps": 100}, cause="rest", steps={"$": "any"}, parked=[]),
        right_step("grit.refs", listed, refs=[[f"heads/{actor}", asked.first_step]], more=False),
        *stopped_steps(_STORE),
    )
    return Rung(
        f"actor {fmt}", steps, "an actor whose code is a module runs like any other, with the steps in the spec"
    )
