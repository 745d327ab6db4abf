"""Large bundles and work in several processes: neither changes a verdict, and memory does not grow with a history."""

from __future__ import annotations

import tracemalloc

import pytest

from gritstone_conformance.attachment.base64url import decode_bytes
from gritstone_conformance.auditing.processes import over_processes
from gritstone_conformance.model import bundle as bundles
from gritstone_conformance.model import shelf as shelves
from gritstone_conformance.model.bundle import Bundle, scan, write
from gritstone_conformance.model.formats import CBOR_BLAKE3, FRAMED_SHA256, Format
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.vectors.audits import load_audits
from selftests.fakes.staging import ball_game, drawn, run_lowest, run_scenario

AUDITS = {audit.name: decode_bytes(audit.bundle) for file in load_audits() for audit in file.audits}
HISTORIES = {
    "drawn": (drawn(FRAMED_SHA256, 5), 5),
    "cut": (drawn(CBOR_BLAKE3, 1003, cleanups=True), 3),
}


def seen(verdict: Verdict) -> tuple[object, ...]:
    """Return what a verdict says; findings and what is unverified in their order."""
    counts = verdict.actors, verdict.steps, verdict.recomputed, verdict.structural, verdict.operations
    return [str(finding) for finding in verdict.findings], verdict.unverified, counts


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat each bundle as a large one, and forget what was read after a few objects."""
    monkeypatch.setattr(bundles, "MOST_HELD", 0)
    monkeypatch.setattr(shelves, "MOST_HELD", 25)


@pytest.mark.parametrize("name", AUDITS)
def test_large_bundle_has_the_same_verdict(name: str, request: pytest.FixtureRequest) -> None:
    plain = check_history(scan(AUDITS[name]), at_rest=True)
    request.getfixturevalue("small_limits")
    bundle = scan(AUDITS[name])
    assert bundle.is_large != bool(bundle.defects)
    assert seen(check_history(bundle, at_rest=True)) == seen(plain)


@pytest.mark.parametrize("name", [name for name in AUDITS if name.startswith("audit/history/")][::20])
@pytest.mark.parametrize("is_large", [False, True])
def test_jobs_give_the_same_verdict(name: str, is_large: bool, request: pytest.FixtureRequest) -> None:
    one = check_history(scan(AUDITS[name]), at_rest=True)
    if is_large:
        request.getfixturevalue("small_limits")
    spread = over_processes(2)
    several = check_history(scan(AUDITS[name], spread=spread), at_rest=True, spread=spread)
    assert seen(several) == seen(one)


@pytest.mark.parametrize("name", HISTORIES)
def test_jobs_give_the_same_channels(name: str) -> None:
    data = run_scenario(*HISTORIES[name]).store.export()
    one, several = check_history(scan(data)), check_history(scan(data), spread=over_processes(3))
    assert one.history is not None
    assert several.history is not None
    assert one.history.channels
    for ends, channel in one.history.channels.items():
        other = several.history.channels[ends]
        assert list(other.messages) == list(channel.messages)
        assert list(other.matched()) == list(channel.matched())


def damaged(fmt: Format) -> dict[str, bytes]:
    """Return bundles with a defect that only one of the conditions of a large bundle detects."""
    good = scan(run_lowest(ball_game(fmt)).store.export())
    frames, references = good.frames(), dict(good.references)
    last = max(frames)
    without = {identity: data for identity, data in frames.items() if identity != references["runtime/agent"]}
    raw = write(fmt, references, frames)
    return {
        "digest": raw[:-1] + bytes([raw[-1] ^ 1]),
        "count": raw[:-34] + bytes([raw[-34] ^ 1]) + raw[-33:],
        "cut": raw[:-50],
        "missing": write(fmt, references, without),
        "unreached": write(fmt, {}, {last: frames[last]}),
        "target": write(fmt, {**references, "heads/" + "1" * 64: references["runtime/agent"]}, frames),
        "encoding": raw.replace(b"external:puppet/1", b"external:puppet/2", 1),
    }


@pytest.mark.parametrize("name", damaged(FRAMED_SHA256))
def test_defects_of_a_large_bundle_are_named(fmt: Format, name: str, request: pytest.FixtureRequest) -> None:
    plain = scan(damaged(fmt)[name])
    request.getfixturevalue("small_limits")
    large = scan(damaged(fmt)[name])
    assert plain.defects
    assert large.defects == plain.defects
    assert not large.is_large


def test_objects_of_a_large_bundle_are_those_of_the_file(fmt: Format, request: pytest.FixtureRequest) -> None:
    data = run_lowest(ball_game(fmt)).store.export()
    plain = scan(data)
    request.getfixturevalue("small_limits")
    large = scan(data)
    assert (dict(large.shapes), dict(large.places)) == (plain.shapes, plain.places)
    assert (large.objects, large.actors, large.frames()) == (plain.objects, plain.actors, plain.frames())
    assert bytes(32) not in large.shapes
    assert bytes(32) not in large.places


def peak_bytes(data: bytes) -> tuple[int, int]:
    """Return the number of steps of a history, and the most memory that reading and checking it took."""
    tracemalloc.start()
    try:
        verdict = check_history(scan(data), at_rest=True)
        return verdict.steps, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a large history takes some bytes in lists; its objects, of about 600 bytes, are not held."""
    monkeypatch.setattr(bundles, "MOST_HELD", 200)
    monkeypatch.setattr(shelves, "MOST_HELD", 400)
    data = [run_lowest(ball_game(FRAMED_SHA256, limit=limit)).store.export() for limit in (300, 1500)]
    (few, less), (many, more) = map(peak_bytes, data)
    assert many - few > 2000
    assert more - less < 300 * (many - few)


def test_work_in_processes_keeps_order_and_errors() -> None:
    spread = over_processes(2)
    numbers = list(range(100))
    assert spread(lambda number: number * number, numbers) == [number * number for number in numbers]
    assert spread(lambda number: number, []) == []
    with pytest.raises(ZeroDivisionError):
        spread(lambda number: 1 // number, numbers)


def test_plain_reading_is_used(fmt: Format) -> None:
    """A legal bundle is read without the reader that names defects."""
    bundle: Bundle = scan(run_lowest(ball_game(fmt)).store.export())
    assert bundle.actors
    assert not bundle.is_large
