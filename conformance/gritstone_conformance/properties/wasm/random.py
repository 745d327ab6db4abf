"""Randomness and time: a stream without gaps, a clock that counts, and calls that leave both unchanged."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.wasm.documents import MOST, encode_item
from gritstone_conformance.properties.wasm.bench import GuestBench, in_one_format
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.host_calls import BUFFERS, CallScript, script_guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_STREAM, _STILL, _CLOCK = "wasm.random.stream", "wasm.random.still", "wasm.clock.count"


def bytes_of_the_stream(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The bytes are those of the stream of the key, over calls and steps, however their lengths are split."""
    bench = GuestBench(trial, fmt)
    actor = bench.run(script_guest(), {"random": tape.take(32)}, rule=_STREAM)
    for _ in range(tape.within(1, 4)):
        script, at = CallScript(), BUFFERS
        for _ in range(tape.within(1, 8)):
            length = tape.pick((1, 31, 32, 33, 0, 64, 5, 200)) + tape.below(4)
            script.call("random", at, length)
            at += length
        actor.tell(bench.stage.blob(script.data()), rule=_STREAM)
    bench.flush()


def last_position(trial: Trial, fmt: Format) -> None:
    """The position goes up to 2^63 - 1 and not beyond; key and position are those of the state."""
    bench = GuestBench(trial, fmt)
    for position in (0, 1, 31, (1 << 32) - 1, MOST - 33, MOST - 1, MOST):
        state = bench.document({"v": 1, "used": 0, "random": [bytes(range(1, 33)), position]})
        script = (
            CallScript().call("random", BUFFERS, 1).call("random", BUFFERS + 8, 33).call("random", BUFFERS + 48, 32)
        )
        content = bench.stage.blob(script.call("random", BUFFERS, 0).data())
        bench.run(script_guest(), {"random": bytes(32)}, rule=_STREAM, wasm_state=state, script=content)
    bench.flush()


def clock_counts(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The clock gives ``start`` first and grows by ``tick`` with each reading, modulo 2^63."""
    bench = GuestBench(trial, fmt)
    clock = {"start": tape.pick((0, 1, MOST, 1_700_000_000_000)), "tick": tape.pick((0, 1, 1_000, MOST, 1 << 62))}
    actor = bench.run(script_guest(), {"clock": clock}, rule=_CLOCK)
    for _ in range(tape.within(1, 4)):
        script = CallScript()
        for _ in range(tape.within(0, 5)):
            script.call("clock")
        actor.tell(bench.stage.blob(script.data()), rule=_CLOCK)
    bench.flush()


def unchanged_without_a_step(trial: Trial, fmt: Format) -> None:
    """Calls that end without a step, and queries, leave randomness and clock where they were."""
    bench = GuestBench(trial, fmt)
    grants: dict[str, Any] = {"random": bytes(32), "clock": {"start": 3, "tick": 7}}
    actor = bench.run(script_guest(), grants)
    reads = CallScript().call("random", BUFFERS, 40).call("clock")
    ends = (("stop", 5), ("trap",), ("silent",))
    for _ in range(2):
        for end in ends:
            script = CallScript().call("random", BUFFERS, 100).call("clock").call("clock").act(end[0], *end[1:])
            bench.probe(actor, script, rule=_STILL)
        bench.probe(actor, CallScript().call("random", BUFFERS, 9).call("clock").call("attempt"), rule=_STILL)
        assert actor.head is not None
        bench.query(actor.head, "q", reads.data(), rule=_STILL)
        bench.query(actor.head, "q", reads.data(), rule=_STILL)
        actor.tell(bench.stage.blob(reads.data()), rule=_STILL)
    bench.flush()


def granted(trial: Trial, fmt: Format) -> None:
    """A member that the manifest begins to grant starts again, one that it ceases to grant is gone."""
    bench = GuestBench(trial, fmt)
    key, clock = {"random": bytes(range(32))}, {"clock": {"start": 100, "tick": 5}}
    actor = bench.run(script_guest(), {**key, **clock})
    both = bench.stage.blob(CallScript().call("random", BUFFERS, 40).call("clock").call("clock").data())
    for manifest in ({**key, **clock}, key, {**key, **clock}, {}, {**key, **clock}, {"random": bytes(32), **clock}):
        update = bench.stage.tree(wasm=bench.stage.tree(manifest=bench.document(encode_item({"v": 1, **manifest}))))
        actor.tell(update, "update", rule=_STREAM)
        script = CallScript()
        if "random" in manifest:
            script.call("random", BUFFERS, 40)
        if "clock" in manifest:
            script.call("clock").call("clock")
        actor.tell(bench.stage.blob(script.data()), rule=_STREAM if "random" in manifest else _CLOCK)
    actor.tell(both, rule=_STREAM)
    bench.flush()


PROPERTIES: Final = (
    *in_one_format("wasm/random/stream", bytes_of_the_stream, _STREAM, given=tape(80), examples=3),
    *in_one_format("wasm/random/last", last_position, _STREAM),
    *in_one_format("wasm/random/still", unchanged_without_a_step, _STILL),
    *in_one_format("wasm/random/granted", granted, _STREAM, _CLOCK),
    *in_one_format("wasm/clock/count", clock_counts, _CLOCK, given=tape(40), examples=3),
)
