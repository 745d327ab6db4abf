"""The process of a host: it survives every module, and neither a run nor an import takes its memory or its files."""

from __future__ import annotations

import io
import math
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.abuse import SMALL
from gritstone_conformance.strategies.sandbox_probes import counter, every_word, predict
from gritstone_conformance.strategies.sandbox_states import LOOPS, RECURSIONS, endless, leaving, recursing, sized
from gritstone_conformance.strategies.sandbox_work import HEAVY
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_KEPT_BYTES: Final = 256 << 10  # of a run
_REFUSING_BYTES: Final = 64 << 20
_RUNS: Final = 60
_MEASURES: Final = 3
_REFUSED: Final = {"any": [{"refused": kind} for kind in ("malformed", "invalid", "rejected")]}


def alive(scene: SandboxScene) -> None:
    """A host replies to a module that is heavy to decode, to validate or to compile, and the next run is right."""
    word = every_word(1)
    for name, make in HEAVY.items():
        with _replying(scene, name, "sandbox.host.alive"):
            scene.run_module(make(), limits(fuel=1_000_000, ms=2_000))
        scene.running(word, predict(word)[0])


def full_stack(scene: SandboxScene) -> None:
    """A host replies to every kind of endless recursion."""
    word = every_word(1)
    for kind in RECURSIONS:
        with _replying(scene, f"recursion: {kind}", "sandbox.stack.bound"):
            scene.run(recursing(kind))
        scene.running(word, predict(word)[0])


def stopped(scene: SandboxScene) -> None:
    """A host replies to every kind of endless loop."""
    for kind in LOOPS:
        with _replying(scene, f"loop: {kind}", "sandbox.stop.any"):
            report = scene.run(endless(kind), limits(fuel=1_000_000, ms=60))
        if report.outcome not in ("exhausted:fuel", "timeout"):
            scene.trial.fail("exhausted:fuel or timeout", report.outcome, path="/ok/outcome", words=f"loop: {kind}")


@contextmanager
def _replying(scene: SandboxScene, name: str, rule: str) -> Iterator[None]:
    """Fail where the host dies or hangs instead of replying."""
    try:
        yield
    except SubjectFault as fault:
        if not fault.sent or not fault.cause.startswith(("dead", "hung")):
            raise
        scene.trial.fail("a reply", str(fault), words=name, rule=rule)


def bounded(scene: SandboxScene) -> None:
    """Runs that are not kept leave no memory behind."""
    build, expected = sized(16), predict(sized(16))[0]

    def work() -> None:
        for _ in range(_RUNS):
            scene.running(build, expected)

    work()
    least = math.inf  # what a process takes once is not left by each run
    for _ in range(_MEASURES):
        least = min(least, _grown(scene.trial, work, settled=True) or 0)
        if least <= _RUNS * _KEPT_BYTES:
            return
    scene.trial.fail(f"at most {_KEPT_BYTES} bytes a run", int(least) // _RUNS, words="a run leaves memory")


def refusing(scene: SandboxScene) -> None:
    """A module of a few bytes that states counts of millions is refused without memory for them."""
    word = every_word(1)

    def work() -> None:
        for name, module in SMALL.items():
            with _replying(scene, name, "sandbox.host.alive"):
                report = scene.run_module(module)
            if report.kind != "unresolved":
                scene.trial.fail("unresolved:module", report.outcome, words="run", rule="sandbox.module.unresolved")
        scene.running(word, predict(word)[0])

    _refuses(scene.trial, work)


def _refuses(trial: Trial, work: Callable[[], None]) -> None:
    work()
    grown = _grown(trial, work, settled=False)
    if grown is not None and grown > _REFUSING_BYTES:
        trial.fail(f"at most {_REFUSING_BYTES} bytes more", grown, words="refusing takes memory")


def _grown(trial: Trial, work: Callable[[], None], *, settled: bool) -> int | None:
    """Return by how many bytes the process grows in some work, at its peak or, if settled, afterwards."""
    is_reset = trial.subject.reset_peak_rss()
    before = trial.subject.peak_rss_bytes()
    work()
    if settled:
        is_reset = trial.subject.reset_peak_rss() and is_reset
    after = trial.subject.peak_rss_bytes()
    if not is_reset or before is None or after is None:
        trial.remark = "memory could not be read"
        return None
    return after - before


def _exported(scene: SandboxScene, calls: int) -> bytes:
    counts = predict(counter, calls)
    instance = str(scene.running(counter, counts[0], keep=True).instance)
    for each in counts[1:]:
        scene.calling(instance, each)
    return scene.export(scene.snapshot(instance))


def _accepts(scene: SandboxScene, data: bytes) -> None:
    """Import an export that was not changed, and call the instance."""
    handle = scene.resume(scene.import_(data))
    scene.calling(handle, predict(counter, 2)[1], rule="sandbox.export.complete")


def _refuses_bytes(scene: SandboxScene, data: bytes) -> None:
    scene.trial.expect("sandbox.import", {"bytes": to_base64(data)}, dict(_REFUSED))


def checked(scene: SandboxScene) -> None:
    """An export with a flipped bit, a missing or an additional byte, or the end of another one is refused."""
    data, other = _exported(scene, 1), _exported(scene, 2)
    _accepts(scene, data)
    for at in range(min(64, len(data))):
        _refuses_bytes(scene, _flipped(data, at, at % 8))
    for size in (0, 1, 8, len(data) // 2, len(data) - 32, len(data) - 1):
        _refuses_bytes(scene, data[: max(size, 0)])
    for more in (b"\0", data[-1:], data):
        _refuses_bytes(scene, data + more)
    for at in (len(data) // 4, len(data) // 2, len(data) - 16):
        spliced = data[:at] + other[at:]
        if spliced not in (data, other):
            _refuses_bytes(scene, spliced)
    _accepts(scene, data)


def _flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def flipped(scene: SandboxScene, places: list[tuple[int, int]]) -> None:
    """An export with a bit flipped anywhere is refused."""
    data = _exported(scene, 1)
    for at, bit in places:
        _refuses_bytes(scene, _flipped(data, at % len(data), bit))
    _accepts(scene, data)


def _hostile(data: bytes) -> Iterator[bytes]:
    """Yield at most 1,024 bytes that state large sizes or that other programs would unpack."""
    for at in range(0, 128, 8):
        yield (data[:at] + b"\xff" * 8 + data[at + 8 :])[:1_024]
    yield data[:1_024]
    yield data[:40] + b"\xff" * 900
    yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 500
    yield b"[" * 1_024
    yield b"\xdd\xff\xff\xff\xff" + b"\xc0" * 900
    yield b"\xbf" * 1_024


def import_bounded(scene: SandboxScene) -> None:
    """A few hostile bytes are refused without much memory."""
    data = _exported(scene, 1)

    def work() -> None:
        for hostile in _hostile(data):
            _refuses_bytes(scene, hostile)
        _accepts(scene, data)

    _refuses(scene.trial, work)


class _Writer:
    """Creates a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


def _archives(canary: Path) -> Iterator[bytes]:
    """Yield bytes that create a file where they are unpacked without care."""
    for name in (str(canary), f"../../../../../../../../../..{canary}"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, b"canary")
        yield packed.getvalue()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        yield packed.getvalue()
    yield pickle.dumps(_Writer(str(canary)), protocol=0)
    yield pickle.dumps(_Writer(str(canary)))


def harmless(scene: SandboxScene) -> None:
    """An import creates no file outside, whatever program would unpack its bytes."""
    folder = Path(scene.trial.directory())
    canary = folder / "canary"
    data = _exported(scene, 1)
    for hostile in _archives(canary):
        for each in (hostile, data[:32] + hostile):
            _refuses_bytes(scene, each)
    if any(folder.iterdir()):
        scene.trial.fail("no file", [path.name for path in folder.iterdir()], words="an import wrote a file")
    _accepts(scene, data)


def kept(scene: SandboxScene) -> None:
    """A host that keeps many instances and closes them has room for as many again."""
    left = predict(leaving, 1)[0]
    for _ in range(3):
        handles = [str(scene.running(leaving, left, keep=True).instance) for _ in range(20)]
        for handle in handles:
            scene.close(handle)


_PLACES: Final = st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 7)), min_size=10, max_size=30)

PROPERTIES: Final = (
    of_sandboxes("sandbox/host/alive", alive, "sandbox.host.alive", cost=200),
    of_sandboxes("sandbox/host/stack", full_stack, "sandbox.stack.bound"),
    of_sandboxes("sandbox/host/stopped", stopped, "sandbox.stop.any"),
    of_sandboxes("sandbox/host/bounded", bounded, "sandbox.host.bounded", cost=40),
    of_sandboxes(
        *("sandbox/host/refusing", refusing, "sandbox.host.bounded", "sandbox.module.unresolved", "sandbox.host.alive")
    ),
    of_sandboxes("sandbox/host/closed", kept, "sandbox.keep.closed", features=("keep",)),
    of_sandboxes("sandbox/import/checked", checked, "sandbox.import.checked", features=("export",), cost=40),
    of_sandboxes(
        *("sandbox/import/flipped", flipped, "sandbox.import.checked"),
        features=("export",),
        given={"places": _PLACES},
        examples=3,
    ),
    of_sandboxes("sandbox/import/bounded", import_bounded, "sandbox.import.bounded", features=("export",)),
    of_sandboxes("sandbox/import/harmless", harmless, "sandbox.import.harmless", features=("export",)),
)
