"""What is granted belongs to the instance: later calls, copies, failed and suspended calls, and calls that exit.

Spec: ``sandbox/authority``, ``sandbox/instances``, ``sandbox/snapshots``, ``sandbox/suspended``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.sandbox.scene import Report, SandboxScene, limits, of_sandboxes
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction
from gritstone_conformance.strategies.sandbox_wasi import clocks, drawing, folders, gathering, scattering
from gritstone_conformance.strategies.wasi_descriptors import pointing
from gritstone_conformance.strategies.wasi_probe import (
    APPEND,
    BUFFER,
    CREATE,
    DESCRIPTOR,
    FAILS,
    RESULT,
    WasiProbe,
)
from gritstone_conformance.trial import SubjectLike

__all__ = ["PROPERTIES"]

_CALLS: Final = 4
_SMALL, _LARGE = limits(pages=32), limits(pages=256)
_FULL_MEMORY: Final = ("exhausted:memory", "failed")
_ROUNDS: Final = 2_000
_EXIT_CODE: Final = 3
_MOST_CARRIED: Final = 125  # the largest code that every host carries
_SEED: Final[dict[str, Json]] = {"random": to_base64(bytes(range(32)))}
_EQUAL, _KEPT, _ATOMIC = "sandbox.suspend.equal", "sandbox.suspend.kept", "sandbox.fail.atomic"

# --- probes ------------------------------------------------------------------------------------------------

_AT: Final = DATA + 3_072


class _Probe(WasiProbe):
    """A probe that counts its calls in its memory, from 100 on, and may call some functions of WASI."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.module.data(_AT, (100).to_bytes(8, "little"))

    def counting(self) -> list[Any]:
        """Return code that counts a call and emits the count."""
        count = ("i64.load", number(_AT))
        return [("i64.store", number(_AT), ("i64.add", count, number(1, "i64"))), self.word(count)]

    def appending(self) -> list[Any]:
        """Return code that appends ``x`` to the file ``n`` and emits the error numbers."""
        return [
            *self.buffer(*self.text("x")),
            self.number(self.open("n", CREATE, APPEND)),
            ("drop", self.through("fd_write", DESCRIPTOR)),
            self.number(("i32.load", number(FAILS))),
            self.number(self.call("fd_close", DESCRIPTOR)),
        ]

    def drawing(self) -> list[Any]:
        """Return code that draws 8 random bytes and emits the error number and these bytes."""
        return [self.number(self.call("random_get", BUFFER, 8)), self.word(("i64.load", number(BUFFER)))]


_LOOP: Final = (
    "loop",
    None,
    [("br_if", 0, ("i32.lt_u", ("local.tee", 0, ("i32.add", ("local.get", 0), number(1))), number(_ROUNDS)))],
)


def _made(what: str, ending: str) -> bytes:
    functions = ("random_get",) if what == "random" else ("path_open", "fd_write", "fd_close")
    probe = _Probe(*functions, "proc_exit")
    code = [*probe.counting(), *(probe.drawing() if what == "random" else probe.appending())]
    if ending == "loop":
        return probe.made([*code, _LOOP], ["i32"])
    leaving: Code = [probe.call("proc_exit", _EXIT_CODE)] if ending == "exit" else ["unreachable"]
    return probe.made([*code, ("if", None, ("i32.lt_s", ("memory.grow", number(24)), zero), leaving)])


def _loop_files(abi: str) -> bytes:
    """Return a probe that appends to a file and then loops."""
    return _made("files", "loop")


def _loop_random(abi: str) -> bytes:
    """Return a probe that draws random bytes and then loops."""
    return _made("random", "loop")


def _failing(what: str, ending: str) -> Build:
    """Return a probe that appends or draws, and then traps or exits unless it can grow by 24 pages."""

    def build(abi: str) -> bytes:
        return _made(what, ending)

    return build


def _stream(abi: str) -> bytes:
    """Return a probe that emits, 4 times, the error number and 8 random bytes of one draw of 32 bytes."""
    probe = _Probe("random_get")
    code: list[Any] = [("i32.store", number(RESULT), probe.call("random_get", BUFFER, 8 * _CALLS))]
    for at in range(_CALLS):
        code += [probe.number(("i32.load", number(RESULT))), probe.word(("i64.load", number(BUFFER + 8 * at)))]
    return probe.made(code)


def _leaving(abi: str) -> bytes:
    """Return a probe that counts its calls, and exits with 0 each time."""
    probe = _Probe("proc_exit")
    return probe.made([*probe.counting(), probe.call("proc_exit", 0), *probe.counting()])


def _leaving_at_the_start(abi: str) -> bytes:
    """Return a probe whose start function counts and exits with 0, and whose entry counts."""
    probe = _Probe("proc_exit")
    probe.module.start = probe.module.function([], [], (), [*probe.counting(), probe.call("proc_exit", 0)])
    return probe.made(probe.counting())


def _exiting(code: int) -> Build:
    def build(abi: str) -> bytes:
        probe = _Probe("proc_exit")
        return probe.made([*probe.counting(), probe.call("proc_exit", number(code))])

    return build


# --- what is granted ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Granted:
    """A probe that observes a grant, and its calls.

    Attributes:
        build: the probe.
        grants: of its run.
        calls: what each call reports.
        files: the files after each call; None if none are granted.
    """

    build: Build
    grants: dict[str, Json]
    calls: list[Prediction]
    files: list[dict[str, Json]] | None = None

    def how(self, turn: int, rule: str) -> dict[str, Any]:
        """Return how a call is judged."""
        return {"rule": rule} if self.files is None else {"rule": rule, "files": self.files[turn]}

    def run(self, scene: SandboxScene, rule: str, **how: Any) -> Report:
        """Make the first call."""
        how = {"within": _LARGE, "keep": True, **self.how(0, rule), **how}
        return scene.running(self.build, self.calls[0], grants=self.grants, **how)

    def again(self, scene: SandboxScene, handle: str | None, turn: int, rule: str, **how: Any) -> Report:
        """Make a later call."""
        return scene.calling(handle, self.calls[turn], **{"within": _LARGE, **self.how(turn, rule), **how})


def _texts(grants: dict[str, Json], which: str, texts: list[str]) -> _Granted:
    """Return the probe of texts that have 7 bytes each, so that a word ends where the text ends."""
    words = (int.from_bytes(text.encode() + b"\0", "little") for text in texts)
    calls = [Prediction("done", (len(texts), 8 * len(texts), 0, *words))] * _CALLS
    return _Granted(pointing(which, len(texts), 1), grants, calls)


def _of_env(scene: SandboxScene) -> Iterator[_Granted]:
    yield _texts({"args": ["a probe", "2 words"]}, "args", ["a probe", "2 words"])
    yield _texts({"env": {"LANG": "en"}}, "environ", ["LANG=en"])


def _of_clock(scene: SandboxScene) -> Iterator[_Granted]:
    now = 1_700_000_000_123_456
    yield _Granted(clocks, {"clock": now}, [Prediction("done", (0, now, 0, now))] * _CALLS)


def _drawn(scene: SandboxScene) -> list[tuple[int, ...]]:
    """Return the error number and the random bytes of each of several draws of 8 bytes."""
    words = scene.run(_stream, grants=_SEED).words or ()
    if len(words) != 2 * _CALLS or len(set(words[1::2])) != _CALLS:
        scene.trial.fail("different words", [*words], path="/ok/output", words="no random bytes")
    return [words[at : at + 2] for at in range(0, 2 * _CALLS, 2)]


def _counted(scene: SandboxScene, what: str, build: Build) -> _Granted:
    """Return the calls of a probe that counts, and appends or draws."""
    if what == "files":
        calls = [Prediction("done", (101 + turn, 0, 0, 0)) for turn in range(_CALLS)]
        kept = to_base64(b"\0kept")
        left: list[dict[str, Json]] = [{"n": to_base64(b"-" + b"x" * (turn + 1)), "o": kept} for turn in range(_CALLS)]
        return _Granted(build, {"files": {"n": to_base64(b"-"), "o": kept}}, calls, left)
    calls = [Prediction("done", (101 + turn, *words)) for turn, words in enumerate(_drawn(scene))]
    return _Granted(build, _SEED, calls)


def _of_random(scene: SandboxScene) -> Iterator[_Granted]:
    yield _counted(scene, "random", _loop_random)


def _of_files(scene: SandboxScene) -> Iterator[_Granted]:
    yield _counted(scene, "files", _loop_files)
    report = scene.run(folders, grants={"files": {}})
    calls = [Prediction("done", report.words or ())] * _CALLS
    yield _Granted(folders, {"files": {}}, calls, [{}] * _CALLS)


_KINDS: Final[dict[str, Callable[[SandboxScene], Iterator[_Granted]]]] = {
    "env": _of_env,
    "clock": _of_clock,
    "random": _of_random,
    "files": _of_files,
}


def _granted(scene: SandboxScene) -> list[_Granted]:
    """Return the probes of each kind of grant that the host claims."""
    return [each for kind, make in _KINDS.items() if scene.claims(kind) for each in make(scene)]


def _each_call(scene: SandboxScene, kind: str) -> None:
    rule = f"sandbox.grant.{kind}"
    for granted in _KINDS[kind](scene):
        kept, bystander = (granted.run(scene, rule).instance for _ in range(2))
        for turn in range(1, _CALLS):
            granted.again(scene, kept, turn, rule)
        granted.again(scene, bystander, 1, rule)


def env(scene: SandboxScene) -> None:
    """Each call of a kept instance has the arguments and the environment of its run."""
    _each_call(scene, "env")


def clock(scene: SandboxScene) -> None:
    """Each call of a kept instance has the clock of its run."""
    _each_call(scene, "clock")


def random_bytes(scene: SandboxScene) -> None:
    """The random bytes of the calls of an instance are those that one call draws at once, in order."""
    _each_call(scene, "random")


# --- copies ------------------------------------------------------------------------------------------------


def copies(scene: SandboxScene) -> None:
    """An instance that is resumed from a snapshot has the grants, and has drawn as many random bytes."""
    rule = "sandbox.fork.equal"
    for granted in _granted(scene):
        kept = granted.run(scene, rule).instance
        snapshot = scene.snapshot(str(kept))
        used = granted.again(scene, kept, 1, rule).used
        for _ in range(2):
            copied = scene.resume(snapshot)
            report = granted.again(scene, copied, 1, rule)
            if report.used != used:
                scene.trial.fail(used, report.used, path="/ok/used", words="another amount of fuel", rule=rule)
            granted.again(scene, copied, 2, rule)
        granted.again(scene, kept, 2, rule)


def exports(scene: SandboxScene) -> None:
    """An instance that is imported by this or another process has the grants, and has drawn as many random bytes."""
    rule, other = "sandbox.export.complete", scene.trial.other()
    for granted in _granted(scene):
        kept = granted.run(scene, rule).instance
        data = scene.export(scene.snapshot(str(kept)))
        for process in (None, other):
            moved = scene.resume(scene.import_(data, on=process), on=process)
            granted.again(scene, moved, 1, rule, on=process)
            granted.again(scene, moved, 2, rule, on=process)
        granted.again(scene, kept, 1, rule)


# --- failures ----------------------------------------------------------------------------------------------


def _before(granted: _Granted, turn: int) -> dict[str, Any]:
    """Return how a call is judged that leaves everything as it was before."""
    if granted.files is None:
        return {"rule": _ATOMIC}
    return {"rule": _ATOMIC, "files": granted.files[turn - 1] if turn else granted.grants["files"]}


def _failures(scene: SandboxScene, what: str) -> None:
    trap, left = Prediction("failed:trap:unreachable"), Prediction(f"failed:guest:{_EXIT_CODE}")
    for ending, expected in (("trap", trap), ("exit", left)):
        granted = _counted(scene, what, _failing(what, ending))
        fails: dict[str, Any] = {"or_ends": _FULL_MEMORY, "within": limits(pages=16)}
        first = scene.running(
            granted.build, expected, grants=granted.grants, keep=True, **{**fails, **_before(granted, 0)}
        ).instance
        scene.calling(first, expected, **fails, **_before(granted, 0))
        granted.again(scene, first, 0, _ATOMIC)
        for _ in range(2):
            scene.calling(first, expected, **{**fails, "within": _SMALL}, **_before(granted, 1))
        granted.again(scene, first, 1, _ATOMIC)
    if scene.claims("fuel"):
        _spent(scene, what)


def _spent(scene: SandboxScene, what: str) -> None:
    granted = _counted(scene, what, _loop_random if what == "random" else _loop_files)
    report = granted.run(scene, _ATOMIC)
    fuel = (report.used or 0) - int(scene.trial.claims.limits["fuel_slack"]) - 1
    if fuel > 0:
        scene.calling(
            report.instance, Prediction("exhausted:fuel"), limits(fuel=fuel, pages=256), **_before(granted, 1)
        )
    granted.again(scene, report.instance, 1, _ATOMIC)


def failed_files(scene: SandboxScene) -> None:
    """What a call that fails wrote to files is gone: after a trap, an exit, or spent fuel, in a first or later call."""
    _failures(scene, "files")


def failed_random(scene: SandboxScene) -> None:
    """The random bytes that a call drew which fails are drawn again by the next call."""
    _failures(scene, "random")


# --- suspended calls ---------------------------------------------------------------------------------------


def _suspended(scene: SandboxScene, what: str) -> None:
    granted = _counted(scene, what, _loop_random if what == "random" else _loop_files)
    whole = granted.run(scene, _EQUAL)
    used = [whole.used or 0, granted.again(scene, whole.instance, 1, _EQUAL).used or 0]
    hows = ["stay", *(["resume"] if scene.claims("snapshot") else []), *(["move"] if scene.claims("export") else [])]
    for how in hows:
        _divided(scene, granted, used, how)


def _divided(scene: SandboxScene, granted: _Granted, used: list[int], how: str) -> None:
    """Make the first and the second call in three parts each, and two more."""
    handle: str | None = None
    place: SubjectLike | None = None
    slack = int(scene.trial.claims.limits["fuel_slack"])
    for turn, whole in enumerate(used):
        fuel = (whole - slack) // 3
        for _ in range(2):
            if fuel < 1:
                break
            within, expected = limits(fuel=fuel, pages=256), Prediction("suspended")
            part: dict[str, Any] = {"suspend": True, "rule": _KEPT, "on": place}
            if granted.files is not None:
                part["files"] = {"$": "any"}
            if handle is None:
                report = scene.running(granted.build, expected, within, keep=True, grants=granted.grants, **part)
                handle = str(report.instance)
            else:
                scene.calling(handle, expected, within, **part)
            handle, place = _crossed(scene, handle, place, how)
        if handle is None:
            handle = str(granted.run(scene, _EQUAL).instance)
        else:
            granted.again(scene, handle, turn, _EQUAL, suspend=True, on=place)
    for turn in range(len(used), _CALLS):
        granted.again(scene, handle, turn, _EQUAL, on=place)


def _crossed(scene: SandboxScene, handle: str, place: SubjectLike | None, how: str) -> tuple[str, SubjectLike | None]:
    """Copy an instance with a suspended call; return where it continues."""
    if how == "stay":
        return handle, place
    snapshot = scene.snapshot(handle, on=place)
    if how == "resume":
        return scene.resume(snapshot, on=place), place
    other = scene.trial.other() if place is None else None
    return scene.resume(scene.import_(scene.export(snapshot, on=place), on=other), on=other), other


def suspended_files(scene: SandboxScene) -> None:
    """A call that appends to a file and is made in parts, with copies between them, appends once."""
    _suspended(scene, "files")


def suspended_random(scene: SandboxScene) -> None:
    """A call that draws random bytes and is made in parts, with copies between them, draws once."""
    _suspended(scene, "random")


# --- exits and fuel ----------------------------------------------------------------------------------------


def left_state(scene: SandboxScene) -> None:
    """A call that exits with 0 is done and leaves its state, unless the host dropped the instance."""
    kept = scene.running(_leaving, Prediction("done", (101,)), keep=True).instance
    copied = scene.resume(scene.snapshot(kept)) if kept is not None and scene.claims("snapshot") else None
    for instance in (kept, copied):
        for turn in range(1, _CALLS):
            if instance is not None and not scene.calling_if_kept(instance, Prediction("done", (101 + turn,))):
                break


def left_start(scene: SandboxScene) -> None:
    """If the start function exits with 0, the call is done, and the entry does not run."""
    scene.running(_leaving_at_the_start, Prediction("done", (101,)))


def exit_codes(scene: SandboxScene, code: int) -> None:
    """The code of an exit is unsigned and whole, unless the host ends the call because of a large code."""
    or_ends = ("failed:denied",) if code > _MOST_CARRIED else ()
    scene.running(_exiting(code), Prediction(f"failed:guest:{code}"), or_ends=or_ends)


def exit_ranges(scene: SandboxScene) -> None:
    """Codes at the ends of what hosts carry are whole, or denied; none becomes another code or an exit with 0."""
    for code in (1, _MOST_CARRIED, 126, 255, 256, 257, 512, 1 << 16, 1 << 31, (1 << 32) - 256, (1 << 32) - 1):
        exit_codes(scene, code)


def fuel(scene: SandboxScene) -> None:
    """A call that uses functions of WASI uses the same fuel in each run and process."""
    pieces: dict[str, Json] = {"f": to_base64(bytes(range(40)))}
    builds: list[tuple[Build, dict[str, Json]]] = [(gathering(None, ("0" * 16, "\n")), {})]
    if scene.claims("files"):
        builds += [(scattering("f", (7, 0, 20, 30), 8), {"files": pieces})]
        builds += [(gathering("f", ("several ", "buffers")), {"files": pieces})]
    if scene.claims("random"):
        builds += [(drawing, _SEED)]
    builds += [(granted.build, granted.grants) for granted in _granted(scene)]
    other = scene.trial.other()
    for build, grants in builds:
        amounts = [scene.run(build, grants=grants, on=on).used for on in (None, None, other, None, other, other)]
        if amounts[1:] != amounts[:1] * (len(amounts) - 1):
            different = next(each for each in amounts if each != amounts[0])
            scene.trial.fail(amounts[0], different, path="/ok/used", words="another amount of fuel")


PROPERTIES: Final = (
    of_sandboxes("sandbox/kept/env", env, "sandbox.grant.env", features=("env", "keep"), abi="wasi"),
    of_sandboxes("sandbox/kept/clock", clock, "sandbox.grant.clock", features=("clock", "keep"), abi="wasi"),
    of_sandboxes("sandbox/kept/random", random_bytes, "sandbox.grant.random", features=("random", "keep"), abi="wasi"),
    of_sandboxes("sandbox/kept/copies", copies, "sandbox.fork.equal", features=("snapshot",), abi="wasi"),
    of_sandboxes("sandbox/kept/exports", exports, "sandbox.export.complete", features=("export",), abi="wasi"),
    of_sandboxes("sandbox/kept/failed-files", failed_files, _ATOMIC, features=("atomic", "files"), abi="wasi"),
    of_sandboxes("sandbox/kept/failed-random", failed_random, _ATOMIC, features=("atomic", "random"), abi="wasi"),
    of_sandboxes(
        *("sandbox/kept/suspended-files", suspended_files, _EQUAL, _KEPT), features=("suspend", "files"), abi="wasi"
    ),
    of_sandboxes(
        *("sandbox/kept/suspended-random", suspended_random, _EQUAL, _KEPT), features=("suspend", "random"), abi="wasi"
    ),
    of_sandboxes(
        *("sandbox/kept/left-state", left_state, "sandbox.keep.state", "sandbox.outcome.exit"),
        features=("keep",),
        abi="wasi",
    ),
    of_sandboxes(
        *("sandbox/kept/left-start", left_start, "sandbox.outcome.exit", "sandbox.result.whole"),
        features=("wide",),
        abi="wasi",
    ),
    of_sandboxes("sandbox/kept/exit-codes", exit_ranges, "sandbox.outcome.exit", abi="wasi"),
    of_sandboxes(
        *("sandbox/kept/drawn-exit-codes", exit_codes, "sandbox.outcome.exit"),
        abi="wasi",
        given={"code": st.integers(1, (1 << 32) - 1) | st.integers(1, (1 << 24) - 1).map(lambda high: high << 8)},
        examples=20,
    ),
    of_sandboxes("sandbox/kept/fuel", fuel, "sandbox.fuel.repeats", features=("fuel",), abi="wasi"),
)
