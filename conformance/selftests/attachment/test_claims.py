"""The validation of ``hello``: known claims, limits within their bounds, known names."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.attachment.claims import (
    FEATURES,
    FLOORS,
    FORMATS,
    PROFILES,
    covered_profiles,
    is_claimed,
    judged_spec,
    read_hello,
    with_included,
)
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.suite import load_data
from gritstone_conformance.schemas import violation

TERMS = AttachSettings()
LIMITS = {**FLOORS, "window": 64, "frame_bytes": 16 << 20}
HELLO: dict[str, Any] = {
    "protocol": 1,
    "implementation": {"name": "a", "version": "1", "language": "x"},
    "spec": ["0.6"],
    "formats": list(FORMATS),
    "profiles": ["grit"],
    "features": ["durable"],
    "limits": LIMITS,
}


def breaches(**changed: Any) -> list[tuple[str | None, str]]:
    return [(fault.rule, fault.detail) for fault in read_hello({**HELLO, **changed}, TERMS).breaches]


def test_valid_hello_violates_no_rule() -> None:
    hello = read_hello(HELLO, TERMS)
    assert (hello.breaches, hello.notes) == ((), ())
    assert hello.claims.limits == LIMITS
    assert hello.claims.raw == HELLO


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"profiles": ["wit"]}, "wit is claimed without grit"),
        ({"profiles": ["grit", "runtime"]}, "runtime is claimed without wit"),
        ({"features": ["shared"]}, "shared is claimed without durable"),
        ({"features": ["transcode"], "formats": ["cbor-blake3"]}, "transcode is claimed without framed-sha256"),
    ],
)
def test_claim_without_its_prerequisites_is_reported(changed: dict[str, Any], words: str) -> None:
    assert ("harness.hello.closed", words) in breaches(**changed)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"cas_names": 63}, "cas_names is 63, below its floor 64"),
        ({"refs": 9_999}, "refs is 9999, below its floor 10000"),
        ({"frame_bytes": 1 << 20}, "frame_bytes is 1048576, below its floor 4194304"),
        ({"window": 65}, "window is 65, more than the 64 offered"),
        ({"frame_bytes": (16 << 20) + 1}, "frame_bytes is 16777217, more than the 16777216 offered"),
        ({"object_bytes": 12_581_889}, "object_bytes is 12581889, more than the 12581888 that fit in frame_bytes"),
    ],
)
def test_limit_out_of_range_is_reported(limits: dict[str, int], words: str) -> None:
    assert ("harness.hello.limits", words) in breaches(limits={**LIMITS, **limits})


def test_limit_of_null_is_reported() -> None:
    free = dict.fromkeys(("tree_depth", "cas_names", "refs"))
    read = read_hello({**HELLO, "limits": {**LIMITS, **free}}, TERMS)
    assert read.breaches == ()
    assert {read.claims.limits[name] for name in free} == {2**53 - 1}
    assert violation("reply-ok", {**HELLO, "limits": {**LIMITS, **free}}, "ok.hello") is None
    for name in ("object_bytes", "window", "frame_bytes"):
        with pytest.raises(SubjectFault):
            read_hello({**HELLO, "limits": {**LIMITS, name: None}}, TERMS)


def test_missing_limit_is_reported_and_replaced_by_its_floor() -> None:
    limits = {name: value for name, value in LIMITS.items() if name != "refs"}
    hello = read_hello({**HELLO, "limits": limits}, TERMS)
    assert [fault.rule for fault in hello.breaches] == ["harness.hello.limits"]
    assert hello.claims.limits["refs"] == FLOORS["refs"]
    assert read_hello({**HELLO, "profiles": [], "limits": limits}, TERMS).breaches == ()


WASM_PROFILES = ["grit", "wit", "runtime", "wasm"]
WASM_LIMITS = {**LIMITS, "object_bytes": 8_388_608, "wasm_pages": 1024}


@pytest.mark.parametrize(
    "claimed", [{"profiles": WASM_PROFILES}, {"profiles": ["grit", "wit"], "features": ["wasm.executor"]}]
)
def test_executor_must_declare_the_wasm_limits(claimed: dict[str, Any]) -> None:
    """Spec: :rule:`wasm.host.limits`."""
    assert breaches(**claimed, limits=WASM_LIMITS) == []
    lacking = breaches(**claimed)
    assert {rule for rule, _ in lacking} == {"wasm.host.limits"}
    assert {words.split()[0] for _, words in lacking} == {"wasm_pages", "object_bytes"}
    assert [rule for rule, _ in breaches(**claimed, limits={**WASM_LIMITS, "wasm_pages": 65_537})] == [
        "wasm.host.limits"
    ]
    assert breaches(features=["wasm.executor"]) == []  # the feature has no meaning without its profile


def test_guest_of_sessions_needs_external_code_and_large_objects() -> None:
    """Spec: :rule:`harness.hello.limits`, :rule:`harness.hello.closed`."""
    claimed = {"profiles": ["grit", "wit"], "features": ["external", "session.guest"]}
    limits = {**LIMITS, "object_bytes": 8_388_608}
    assert breaches(**claimed, limits=limits) == []
    assert [rule for rule, _ in breaches(**claimed, limits={**limits, "object_bytes": 8_388_607})] == [
        "harness.hello.limits"
    ]
    assert [rule for rule, _ in breaches(**{**claimed, "features": ["session.guest"]}, limits=limits)] == [
        "harness.hello.closed"
    ]


def test_flows_need_external_code() -> None:
    """Spec: :rule:`harness.hello.closed`."""
    claimed = {"profiles": ["grit", "wit"], "features": ["external", "flow.executor"]}
    assert breaches(**claimed) == []
    assert [rule for rule, _ in breaches(**{**claimed, "features": ["flow.executor"]})] == ["harness.hello.closed"]


def test_pure_part_of_flows_needs_no_profile() -> None:
    """Spec: ``flow/index``; :rule:`harness.hello.closed`, :rule:`harness.hello.honest`."""
    limits = {"window": 64, "frame_bytes": 4 << 20}
    claimed = {**HELLO, "formats": [], "profiles": [], "features": ["flow.pure"], "limits": limits}
    hello = read_hello(claimed, TERMS)
    claims = hello.claims
    assert hello.breaches == ()
    assert covered_profiles(claims.profiles, claims.features) == ("flow",)
    asked = ("flow.check", "flow.eval", "flow.render", "flow.replay", "flow.metrics", "grit.id", "wit.step")
    assert [op for op in asked if is_claimed(op, {}, claims)] == ["flow.check", "flow.eval", "flow.render"]


def test_what_is_included_is_in_force() -> None:
    assert with_included((), ("flow.executor",)) == ("flow.executor", "flow.pure")
    assert with_included(("flow",), ()) == ("flow.executor", "flow.pure")
    assert with_included((), ("flow.pure", "durable")) == ("flow.pure", "durable")


def test_guests_of_images_mean_nothing_without_both_profiles() -> None:
    """Spec: :rule:`harness.hello.closed`."""
    claimed = {"profiles": [*WASM_PROFILES, "image"], "features": ["image.wasm"]}
    for name in ("", "wasm", "image"):
        profiles = [each for each in claimed["profiles"] if each != name]
        assert breaches(**{**claimed, "profiles": profiles}, limits=WASM_LIMITS) == []
    guests = [case for case in load_data().vectors.cases() if "image.wasm" in case.requires.features]
    assert {case.requires.profiles for case in guests} == {("image", "wasm")}


SANDBOX: dict[str, Any] = {
    "formats": [],
    "profiles": ["sandbox"],
    "features": ["sandbox.abi.memory", "sandbox.fuel"],
    "limits": {"window": 64, "frame_bytes": 4 << 20, "fuel_slack": 65_536},
}


def test_sandbox_needs_neither_formats_nor_limits_of_stores() -> None:
    assert breaches(**SANDBOX) == []
    assert breaches(**{**SANDBOX, "features": ["sandbox.abi.wasi", "sandbox.time"]}) == []


@pytest.mark.parametrize(
    ("features", "lacking"),
    [
        (["sandbox.fuel"], "sandbox.abi.*"),
        (["sandbox.fuel", "sandbox.abi.nobody"], "sandbox.abi.*"),
        (["sandbox.abi.memory"], "sandbox.fuel and sandbox.time"),
    ],
)
def test_sandbox_without_an_abi_or_a_limit_is_reported(features: list[str], lacking: str) -> None:
    """Spec: :rule:`sandbox.hello.floor`."""
    found = breaches(**{**SANDBOX, "features": features})
    assert [rule for rule, _ in found] == ["sandbox.hello.floor"]
    assert lacking in found[0][1]
    assert breaches(**{**SANDBOX, "formats": HELLO["formats"], "profiles": [], "features": features}) == []


@pytest.mark.parametrize("slack", [None, -1, 65_537])
def test_slack_out_of_range_is_reported(slack: int | None) -> None:
    limits = {**SANDBOX["limits"], "fuel_slack": slack}
    if slack is None:
        del limits["fuel_slack"]
    assert [rule for rule, _ in breaches(**{**SANDBOX, "limits": limits})] == ["harness.hello.limits"]
    assert breaches(**{**SANDBOX, "limits": limits, "features": ["sandbox.abi.memory", "sandbox.time"]}) == []


def test_wasm_profile_implies_the_executor_feature() -> None:
    claims = read_hello({**HELLO, "profiles": WASM_PROFILES, "limits": WASM_LIMITS}, TERMS).claims
    assert claims.features == ("durable", "wasm.executor")
    assert is_claimed("wasm.admit", {}, claims)
    assert is_claimed("wasm.fork", {}, claims)
    assert not is_claimed("wasm.sign", {}, claims)
    executor = {**HELLO, "profiles": ["grit", "wit"], "features": ["wasm.executor"], "limits": WASM_LIMITS}
    claims = read_hello(executor, TERMS).claims
    assert covered_profiles(claims.profiles, claims.features) == ("grit", "wit", "wasm")
    assert is_claimed("wasm.meter", {}, claims)
    assert not is_claimed("wasm.fork", {}, claims)


@pytest.mark.parametrize(
    "changed",
    [
        {"protocol": 2},
        {"implementation": {"name": "a"}},
        {"formats": []},
        {"profiles": "grit"},
        {"limits": []},
        {"limits": {**LIMITS, "window": True}},
        {"limits": {"window": "64", "frame_bytes": 16 << 20}},
        {"surplus": 1},
    ],
)
def test_invalid_hello_is_rejected(changed: dict[str, Any]) -> None:
    with pytest.raises(SubjectFault) as caught:
        read_hello({**HELLO, **changed}, TERMS)
    assert caught.value.rule == "harness.hello.any-time"


def test_absent_limits_object_means_every_limit_is_missing() -> None:
    hello = read_hello({**HELLO, "limits": {}}, TERMS)
    assert {fault.rule for fault in hello.breaches} == {"harness.hello.limits"}
    assert len(hello.breaches) == len(FLOORS)
    assert hello.claims.limits == FLOORS


def test_unknown_name_is_reported_with_the_nearest_known_one() -> None:
    hello = read_hello({**HELLO, "features": ["durabel", "files"], "profiles": ["grit", "wasn"]}, TERMS)
    assert hello.notes == (
        "unknown profile 'wasn'; the nearest known one is 'wasm'",
        "unknown feature 'durabel'; the nearest known one is 'durable'",
    )


@pytest.mark.rule("suite.rules.judged")
@pytest.mark.parametrize(
    ("spoken", "judged"),
    [(["7.1"], "7.1"), (["7.2", "7.1"], "7.2"), (["7.1", "8.0"], "7.1"), (["8.0"], None), (["7.3", "7.1"], "7.3")],
)
def test_newest_common_version_is_used_to_judge(
    spoken: list[str], judged: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec: :rule:`suite.rules.judged`."""
    monkeypatch.setattr("gritstone_conformance.attachment.claims.SPEC_VERSIONS", ("7.1", "7.2", "7.3"))
    assert judged_spec(spoken) == judged
    assert bool(read_hello({**HELLO, "spec": spoken}, TERMS).claims.profiles) == (judged is not None)


def test_claims_for_another_spec_are_ignored() -> None:
    hello = read_hello({**HELLO, "spec": ["7.0"]}, TERMS)
    assert (hello.claims.profiles, hello.claims.features, hello.claims.formats) == ((), (), ())
    assert hello.notes == ("it is written for spec 7.0, not for 0.6: nothing is claimed",)


def test_tables_contain_only_known_names() -> None:
    for needs in PROFILES.values():
        assert set(needs) <= PROFILES.keys()
    for needs in FEATURES.values():
        assert set(needs) <= FEATURES.keys() | PROFILES.keys() | set(FORMATS)


@pytest.mark.parametrize(
    ("op", "args", "claimed"),
    [
        ("ping", {}, True),
        ("grit.get", {"store": "s"}, True),
        ("grit.zork", {}, False),
        ("zork", {}, False),
        ("grit.erase", {}, False),
        ("grit.id", {"format": "cbor-blake3"}, True),
        ("grit.id", {"format": "other"}, False),
        ("grit.open", {"format": "cbor-blake3", "backend": "durable"}, True),
        ("grit.export", {"store": "s", "to": "/x"}, False),
        ("grit.export", {"store": "s", "cursor": None}, True),
        ("grit.transcode", {"from": "cbor-blake3", "to": "cbor-blake3"}, False),
    ],
)
def test_unsupported_reply_contradicts_a_claim(op: str, args: dict[str, Any], claimed: bool) -> None:
    assert is_claimed(op, args, read_hello(HELLO, TERMS).claims) is claimed


@pytest.mark.parametrize(
    ("workers", "claimed"), [(1, True), (2, False), (None, True), ("2", True), ([2], True), ({}, True)]
)
def test_arguments_outside_the_schema_raise_nothing(workers: Any, claimed: bool) -> None:
    claims = read_hello({**HELLO, "profiles": ["grit", "wit", "runtime"]}, TERMS).claims
    assert is_claimed("runtime.start", {"workers": workers}, claims) is claimed


def test_grit_claims_need_the_grit_profile() -> None:
    claims = read_hello({**HELLO, "profiles": []}, TERMS).claims
    assert not is_claimed("grit.get", {"store": "s"}, claims)
    assert is_claimed("hello", {}, claims)
