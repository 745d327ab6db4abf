"""Descriptors of WASI and what was granted: places in files, renaming, pointers to texts, ranges behind the memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.sandbox.scene import SandboxScene, of_sandboxes
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.sandbox_probes import Prediction
from gritstone_conformance.strategies.wasi_descriptors import (
    OUT_OF_REACH,
    Move,
    cpu_clocks,
    moving,
    out_of_reach,
    pointing,
    writing_errors,
)

__all__ = ["PROPERTIES", "expect_steps"]

_CREATE, _EXCLUSIVE, _TRUNCATE, _APPEND = 1, 4, 8, 1
_BEGIN, _HERE, _END = range(3)  # origins of a move
_TEXT_WORDS: Final = 4
_OF_TEXTS: Final = 4  # ranges of OUT_OF_REACH


def _encoded(files: Mapping[str, bytes]) -> dict[str, Json]:
    return {path: to_base64(data) for path, data in files.items()}


def expect_steps(
    scene: SandboxScene,
    steps: Sequence[tuple[Move, list[int]]],
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    rule: str | None = None,
) -> None:
    """Run a probe of steps, each with the words that it emits, and expect the files that it leaves."""
    words = tuple(word for _, emitted in steps for word in emitted)
    build = moving([move for move, _ in steps])
    grants: dict[str, Json] = {"files": _encoded(before)}
    rule = rule or "sandbox.files.kept"
    scene.running(build, Prediction("done", words), grants=grants, files=_encoded(after), rule=rule)


def _read(data: bytes) -> list[int]:
    return [1, len(data), int.from_bytes(data, "little")]


def places(scene: SandboxScene) -> None:
    """A write is at the place of its descriptor, moves it, and fills a gap behind the end of the file with zeros."""
    steps: list[tuple[Move, list[int]]] = [
        (("open", 0, "f", 0, 0), [1]),
        (("write", 0, "AB"), [1]),
        (("write", 0, "C"), [1]),
        (("seek", 0, 0, _HERE), [1, 3]),
        (("read", 0, 2), _read(b"de")),
        (("write", 0, "F"), [1]),
        (("seek", 0, 4, _END), [1, 12]),
        (("read", 0, 2), _read(b"")),
        (("write", 0, "xy"), [1]),
        (("write", 0, "z"), [1]),
        (("seek", 0, -9, _END), [1, 6]),
        (("read", 0, 8), _read(b"gh\0\0\0\0xy")),
        (("open", 1, "new", _CREATE, 0), [1]),
        (("seek", 1, 3, _BEGIN), [1, 3]),
        (("write", 1, "!"), [1]),
    ]
    after = {"f": b"ABCdeFgh\0\0\0\0xyz", "new": b"\0\0\0!"}
    expect_steps(scene, steps, {"f": b"abcdefgh"}, after)
    quiet: list[tuple[Move, list[int]]] = [
        (("open", 0, "f", 0, 0), [1]),
        (("seek", 0, 100, _BEGIN), [1, 100]),
        (("close", 0), [1]),
    ]
    expect_steps(scene, quiet, {"f": b"abc"}, {"f": b"abc"})  # a move alone changes nothing


def openings(scene: SandboxScene) -> None:
    """Only an opening that truncates empties a file, and one that wants a new file fails if there is one."""
    steps: list[tuple[Move, list[int]]] = [
        (("open", 0, "f", _CREATE, 0), [1]),
        (("write", 0, "AB"), [1]),
        (("open", 1, "f", _CREATE, 0), [1]),
        (("read", 1, 8), _read(b"ABcdef")),
        (("open", 2, "kept", _CREATE, 0), [1]),
        (("close", 2), [1]),
        (("open", 3, "kept", _CREATE | _EXCLUSIVE, 0), [0]),
        (("open", 4, "emptied", _TRUNCATE, 0), [1]),
        (("open", 5, "missing", _TRUNCATE, 0), [0]),
        (("open", 6, "new", _CREATE | _EXCLUSIVE, 0), [1]),
    ]
    before = {"f": b"abcdef", "kept": b"kept", "emptied": b"text"}
    after = {"f": b"ABcdef", "kept": b"kept", "emptied": b"", "new": b""}
    expect_steps(scene, steps, before, after)


def appending(scene: SandboxScene) -> None:
    """A descriptor that appends writes at the end of the file, also if another one wrote since it was opened."""
    steps: list[tuple[Move, list[int]]] = [
        (("open", 0, "f", 0, _APPEND), [1]),
        (("open", 1, "f", 0, _APPEND), [1]),
        (("write", 0, "first"), [1]),
        (("write", 1, "second"), [1]),
        (("write", 0, "third"), [1]),
        (("open", 2, "f", 0, 0), [1]),
        (("write", 2, "T"), [1]),
        (("write", 1, "."), [1]),
        (("read", 2, 7), _read(b"ext fir")),
    ]
    expect_steps(scene, steps, {"f": b"text "}, {"f": b"Text firstsecondthird."})


def renaming(scene: SandboxScene) -> None:
    """A file that is renamed takes the place of another file, and one that is renamed to its own path stays."""
    steps: list[tuple[Move, list[int]]] = [
        (("rename", "self", "self"), [1]),
        (("open", 0, "self", 0, 0), [1]),
        (("read", 0, 8), _read(b"itself")),
        (("close", 0), [1]),
        (("rename", "from", "onto"), [1]),
        (("open", 1, "from", 0, 0), [0]),
        (("open", 2, "onto", 0, 0), [1]),
        (("read", 2, 8), _read(b"moved")),
        (("close", 2), [1]),
        (("rename", "missing", "self"), [0]),
        (("rename", "onto", "back"), [1]),
        (("rename", "back", "from"), [1]),
        (("remove", "onto"), [0]),
    ]
    before = {"self": b"itself", "from": b"moved", "onto": b"longer than the other", "other": b""}
    expect_steps(scene, steps, before, {"self": b"itself", "from": b"moved", "other": b""})


def closed(scene: SandboxScene) -> None:
    """A descriptor that was closed does not read, write or move, and the file stays as it is."""
    steps: list[tuple[Move, list[int]]] = [
        (("open", 0, "f", 0, 0), [1]),
        (("open", 1, "g", 0, 0), [1]),
        (("write", 0, "A"), [1]),
        (("close", 0), [1]),
        (("write", 0, "B"), [0]),
        (("read", 0, 2), [0, 0, 0]),
        (("seek", 0, 0, _BEGIN), [0, 0]),
        (("close", 0), [0]),
        (("write", 1, "C"), [1]),  # the other one is still open
    ]
    expect_steps(scene, steps, {"f": b"abc", "g": b"abc"}, {"f": b"Abc", "g": b"Cbc"}, "sandbox.grant.misused")


def _texts(scene: SandboxScene, which: str, texts: list[str], grants: dict[str, Json]) -> None:
    """Expect texts where the pointers of the guest point to; variables may have any order."""
    report = scene.run(pointing(which, len(texts), _TEXT_WORDS), grants=grants)
    size = sum(len(text.encode()) + 1 for text in texts)
    begin: list[Json] = ["done", len(texts), size, 0]
    words = report.words or ()
    found = [report.outcome, *words[:3]]
    if found != begin:
        scene.trial.fail(begin, found, path="/ok/output", words=f"the sizes of {which}")
    data = b"".join(word.to_bytes(8, "little") for word in words[3:])
    parts = [data[at : at + 8 * _TEXT_WORDS] for at in range(0, len(data), 8 * _TEXT_WORDS)]
    got = [part.partition(b"\0")[0].decode("utf-8", "backslashreplace") for part in parts]
    right, seen = (texts, got) if which == "args" else (sorted(texts), sorted(got))
    if seen != right:
        scene.trial.fail([*right], [*seen], path="/ok/output", words=f"the texts of {which}")


def pointers(scene: SandboxScene) -> None:
    """The pointers of arguments and variables point to their texts, which may have characters of several bytes."""
    for args in (["one"], ["probe", "", "ünïcödé", "€", "last"], ["a", "bb", "ccc"]):
        _texts(scene, "args", args, {"args": [*args]})
    env: dict[str, Json] = {"A": "1", "LONG": "a longer value", "NAME": "größer", "P": "x=y=z", "Z": ""}
    _texts(scene, "environ", [f"{name}={value}" for name, value in env.items()], {"env": env})


def other_clocks(scene: SandboxScene) -> None:
    """The clocks of the processor show the time that was granted, or are errors."""
    for now in (1_700_000_000_123_456_789 >> 10, (1 << 53) - 1):
        scene.running(cpu_clocks(now), Prediction("done", (0, 0)), grants={"clock": now})


def errors(scene: SandboxScene) -> None:
    """What a guest writes to standard error is not in its output."""
    for text in ("a message", "0123456789abcdef\n"):
        scene.running(writing_errors(text), Prediction("done", (7,)))


def _refused(scene: SandboxScene, which: str, grants: dict[str, Json]) -> None:
    report = scene.run(out_of_reach(which), grants=grants)
    if report.kind not in ("failed", "unresolved") and (report.outcome, report.words) != ("done", (0,)):
        found: Json = [report.outcome, *(report.words or ())]
        scene.trial.fail("failed, or an error number", found, path="/ok/output", words=f"behind the memory: {which}")


def file_bounds(scene: SandboxScene) -> None:
    """A function of files that gets a range behind the memory does not succeed."""
    for which in OUT_OF_REACH[:-_OF_TEXTS]:
        _refused(scene, which, {"files": _encoded({"f": b"content"})})


def text_bounds(scene: SandboxScene) -> None:
    """Arguments and variables are not written behind the memory."""
    for which in OUT_OF_REACH[-_OF_TEXTS:]:
        _refused(scene, which, {"args": ["probe"], "env": {"LANG": "C"}})


_FILES: Final = ("files",)

PROPERTIES: Final = (
    of_sandboxes("sandbox/descriptors/places", places, "sandbox.files.kept", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/openings", openings, "sandbox.files.kept", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/appending", appending, "sandbox.files.kept", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/renaming", renaming, "sandbox.files.kept", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/closed", closed, "sandbox.grant.misused", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/pointers", pointers, "sandbox.grant.env", features=("env",), abi="wasi"),
    of_sandboxes("sandbox/descriptors/clocks", other_clocks, "sandbox.grant.clock", features=("clock",), abi="wasi"),
    of_sandboxes("sandbox/descriptors/errors", errors, "sandbox.result.whole", abi="wasi"),
    of_sandboxes("sandbox/descriptors/file-bounds", file_bounds, "sandbox.grant.bounds", features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/descriptors/text-bounds", text_bounds, "sandbox.grant.bounds", features=("env",), abi="wasi"),
)
