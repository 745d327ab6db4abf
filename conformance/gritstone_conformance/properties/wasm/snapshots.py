"""Snapshots in transfer: one with any changed bit is refused."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.grit.pair import Pair, open_memory
from gritstone_conformance.properties.wasm.bench import GuestBench, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.guests import guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_STRICT: Final = "wasm.image.strict"
_GRANTS: Final = {"image": True, "pages": 64, "random": bytes(range(32)), "clock": {"start": 3, "tick": 1 << 40}}


def altered(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A bundle of a snapshot with one bit changed is refused; the one that it was made of is taken after all."""
    bench = GuestBench(trial, fmt)
    actor = bench.run(guest("random"), _GRANTS)
    for asked in range(tape.within(1, 3)):
        actor.tell(bench.stage.blob(bytes((asked, tape.below(64)))))
    assert actor.head is not None
    bench.fill()
    bench.flush()
    name = f"tags/{actor.identity.hex()}"
    bench.pair.expect(bench.pair.point(name, actor.head))
    bundle = bench.pair.export([name])
    assert bundle is not None
    elsewhere = open_memory(trial, fmt, "t")
    for _ in range(8):
        _take_altered(elsewhere, bundle, int.from_bytes(tape.take(3)) % (8 * len(bundle)))
    elsewhere.expect(*elsewhere.take(bundle, rule=_STRICT))


def _take_altered(pair: Pair, bundle: bytes, place: int) -> None:
    """Import a bundle with the bit at a place changed."""
    data = bytearray(bundle)
    data[place // 8] ^= 1 << place % 8
    pair.expect(*pair.take(bytes(data), rule=_STRICT))


PROPERTIES: Final = (*of_executors("wasm/image/altered", altered, _STRICT, given=tape(40), examples=3, once=True),)
