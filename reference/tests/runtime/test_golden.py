"""Golden histories of the specification, both formats and engines."""

from __future__ import annotations

from typing import Any

import pytest

GOLD = {
    "S1": {
        "framed-sha256": (4_464, "d4b317dfda0eb50daf4e3a44f52b1c8b13f3327a666757eaf1506cf2338958ee"),
        "cbor-blake3": (4_034, "27cbf73727ff979573a9ac3914de23339a7bedc14547a0df7f3f0eb48bcb34e8"),
    },
    "S3": {
        "framed-sha256": (6_822, "8fac4742007487b2d98469f97ee75e72c4c68d169fbba472bc1805f541217fb2"),
        "cbor-blake3": (6_410, "92089d029d5406c5d1c6dcd856e980b8f39d43089843ebb623ee1d98ddda64e2"),
    },
    "S4": {
        "framed-sha256": (4_761, "a9b139071d25cf56cfe0190fe5df32fa64d88cbbe67d64f9fde48cb2f3e3afab"),
        "cbor-blake3": (4_355, "e6b67da27cf035844934018365b104c44cbbddcddbf923bd2401c102b27cd76e"),
    },
}
AGENT = {
    "framed-sha256": "d291ab0946eb8710d869caa46c755b0c0fa9d087bd11b145c900b30871f738e8",
    "cbor-blake3": "573fd161edae834e58c402d7be08499147537548dc3517690ff3429badb42fa2",
}
FIRST = {
    "framed-sha256": "55f2174c1c253a7da28652a6c5d61a74138517712fe5fa64b4a44aa317b60143",
    "cbor-blake3": "3ea2e5ce015d7842f344f85f0876d60b4735dc859d4ac04ded1702a0273b82c5",
}


def check(stage: Any, name: str) -> None:
    bundle = stage.bundle()
    assert (len(bundle), bundle[-32:].hex()) == GOLD[name][stage.store.format.name]


def lowest(stage: Any) -> None:
    """Always run the actor with the lowest id, with all of its ordinary mail."""
    while True:
        choices = stage.runtime.ready()
        if not choices:
            return
        actor = choices[0][0]
        largest = max((n for n, one in enumerate(choices) if one[0] == actor), key=lambda n: choices[n][1].count)
        stage.wait(stage.runtime.choose(largest))


def test_bootstrap_matches_golden_ids(any_stage: Any) -> None:
    agent = any_stage.start().agent
    name = any_stage.store.format.name
    assert agent.hex() == AGENT[name]
    expected = {"runtime/agent": agent, f"heads/{AGENT[name]}": bytes.fromhex(FIRST[name])}
    assert any_stage.refs() == expected
    any_stage.start()
    assert any_stage.refs() == expected


def test_one_round_matches_golden_ids(any_stage: Any) -> None:
    any_stage.start()
    a, b = any_stage.born("a", "b")
    p1 = any_stage.program(bytes.fromhex("57016b000176"))
    any_stage.tell(a, bytes.fromhex("41036c6f67000268695300710001"), **{"00": b, "01": p1})
    any_stage.run()
    check(any_stage, "S1")


@pytest.mark.parametrize(("name", "program", "attempts"), [("S3", b"B\0\0\0\3", 3), ("S4", b"F", 1)])
@pytest.mark.parametrize("chosen", [False, True])
def test_bounce_and_receipt_match_golden_ids(
    any_stage: Any, name: str, program: bytes, attempts: int, chosen: bool
) -> None:
    any_stage.start(max_attempts=attempts)
    a, b = any_stage.core("a"), any_stage.core("b")
    any_stage.inject(a, a, "genesis")
    any_stage.inject(b, b, "genesis")
    any_stage.tell(a, b"S\0q\0\1", **{"00": b, "01": any_stage.program(program)})
    if chosen:
        lowest(any_stage)
    else:
        any_stage.run()
    check(any_stage, name)
