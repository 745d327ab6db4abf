"""What is claimed."""

from __future__ import annotations

import pytest

from gritstone.errors import Rejected
from gritstone.grit import Limits
from gritstone.harness import Claims

SANDBOX = {
    *("sandbox.abi.memory", "sandbox.abi.wasi", "sandbox.fuel", "sandbox.time", "sandbox.table", "sandbox.traps"),
    "sandbox.wide",
    *("sandbox.keep", "sandbox.atomic", "sandbox.snapshot", "sandbox.export", "sandbox.tank", "sandbox.suspend"),
    *("sandbox.env", "sandbox.random", "sandbox.clock", "sandbox.files"),
}


def test_default_claims_are_complete() -> None:
    answer = Claims().within(16_777_216, 64).hello({"protocol": [1, 9]})
    assert answer["protocol"] == 1
    assert answer["limits"] == {
        "object_bytes": 8_388_608,
        "tree_depth": 2_048,
        "cas_names": 4_096,
        "refs": 16_384,
        "window": 64,
        "frame_bytes": 11_534_336,
        "wasm_pages": 4_096,
        "fuel_slack": 0,
    }
    assert set(answer["formats"]) == {"framed-sha256", "cbor-blake3"}
    assert set(answer["features"]) == {
        *("durable", "files", "shared", "transcode", "erase", "damage"),
        *("external", "session.guest", "flow.executor", "flow.metrics", "schedule", "clock", "effects", "fault.kill"),
        *("wasm.continuation", "wasm.signature", "image.wasm"),
        *SANDBOX,
    }
    assert set(answer["profiles"]) == {"grit", "wit", "runtime", "wasm", "session", "flow", "image", "sandbox"}


def test_object_bytes_limit_is_reduced_to_fit_a_frame() -> None:
    assert Claims().within(2**40, 1).limits.object_bytes == 8_388_608
    assert Claims().within(4_194_304, 1).limits.object_bytes == 4_194_304 * 3 // 4 - 1_024
    assert Claims(limits=Limits(object_bytes=1_048_576)).within(4_194_304, 1).limits.object_bytes == 1_048_576
    assert Claims().within(4_194_304, 9).window == 9


def test_dropped_feature_drops_dependent_features() -> None:
    left = {
        "files",
        "transcode",
        "damage",
        "external",
        "session.guest",
        "flow.executor",
        "flow.metrics",
        "schedule",
        "clock",
        "effects",
    }
    left |= {"wasm.continuation", "wasm.signature", "image.wasm"} | SANDBOX
    assert set(Claims().without({"durable", "erase"}).features) == left
    assert "transcode" not in Claims(formats=("framed-sha256",)).without(set()).features


def test_sessions_are_not_claimed_without_external_code_or_with_small_objects() -> None:
    for claims in (Claims().without({"external"}), Claims().within(11_000_000, 64)):
        assert "session.guest" not in claims.features
    assert "session.guest" in Claims().within(11_200_000, 64).features


def test_flows_are_not_claimed_without_their_executor() -> None:
    for dropped in ("external", "flow.executor"):
        claims = Claims().without({dropped})
        assert "flow" not in claims.profiles
        assert not {"flow.executor", "flow.metrics"} & set(claims.features)
    assert "flow" in Claims().without({"flow.metrics"}).profiles


def test_dropped_wasm_profile_drops_its_features() -> None:
    for claims in (Claims().without({"wasm"}), Claims().within(11_000_000, 64)):
        answer = claims.hello({"protocol": [1]})
        assert "wasm" not in answer["profiles"]
        assert not {"wasm.continuation", "wasm.signature", "image.wasm"} & set(answer["features"])
        assert "wasm_pages" not in answer["limits"]
    assert Claims().within(11_200_000, 64).limits.object_bytes == 8_388_608


@pytest.mark.parametrize(
    ("dropped", "lost"),
    [
        ("sandbox.snapshot", {"sandbox.snapshot", "sandbox.export", "sandbox.tank"}),
        ("sandbox.keep", {f"sandbox.{one}" for one in ("keep", "atomic", "snapshot", "export", "tank", "suspend")}),
        ("sandbox.fuel", {"sandbox.fuel", "sandbox.tank", "sandbox.suspend"}),
        ("sandbox.abi.wasi", {f"sandbox.{one}" for one in ("abi.wasi", "env", "random", "clock", "files")}),
        ("sandbox", SANDBOX),
    ],
)
def test_dropped_feature_of_sandbox_drops_dependent_features(dropped: str, lost: set[str]) -> None:
    claims = Claims().without({dropped})
    assert set(claims.features) == set(Claims().features) - lost
    answer = claims.hello({"protocol": [1]})
    assert ("sandbox" in answer["profiles"]) == (dropped != "sandbox")
    assert ("fuel_slack" in answer["limits"]) == ("sandbox.fuel" not in lost)


def test_hello_rejects_unknown_protocols() -> None:
    with pytest.raises(Rejected):
        Claims().hello({"protocol": [2]})
