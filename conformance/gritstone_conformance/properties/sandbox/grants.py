"""Grants: a guest observes what was granted, exactly, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.strategies.sandbox_abi import write_words
from gritstone_conformance.strategies.sandbox_probes import Prediction, every_word, predict
from gritstone_conformance.strategies.sandbox_wasi import (
    BEYOND,
    OUTSIDE,
    beyond,
    changing_files,
    clocks,
    drawing,
    escaping,
    folders,
    gathering,
    listing,
    looking,
    misusing,
    reading,
    scattering,
    seeking,
    seeking_nowhere,
    sleeping,
)
from gritstone_conformance.strategies.wasi_descriptors import pointing
from gritstone_conformance.timing import Stopwatch

__all__ = ["PROPERTIES"]

_SLEEP_MS: Final = 2_000
_BLOCKED_S: Final = 1.0
_LOOKED: Final = 3 + 7 + 10 * len(OUTSIDE)


def _padded(data: bytes, words: int) -> list[int]:
    data = data.ljust(8 * words, b"\0")[: 8 * words]
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, 8 * words, 8)]


def nothing(scene: SandboxScene) -> None:
    """Without grants a guest finds no variables, arguments, folders, files or sockets."""
    word = every_word(1)
    scene.running(word, predict(word)[0])
    report = scene.run(looking)
    if report.kind == "done" and report.words != (0,) * _LOOKED:
        scene.trial.fail([0] * _LOOKED, [*(report.words or ())], path="/ok/output", words="something was found")


def _first_argument(abi: str) -> bytes:
    """Return a probe that emits the number of its arguments, and the begin of the first one."""
    return pointing("args", 1, 4)(abi)


def nothing_changes(scene: SandboxScene) -> None:
    """Without grants clocks, random bytes and one argument are absent, or constants, equal in every run and process."""
    other = scene.trial.other()
    for build in (clocks, drawing, _first_argument):
        seen = []
        for process in (None, None, other):
            report = scene.run(build, on=process)
            seen.append([report.outcome, *(report.words or ())])
            time.sleep(0.01)
        if seen[1:] != seen[:1] * 2:
            different = next(each for each in seen if each != seen[0])
            scene.trial.fail(seen[0], different, path="/ok/output", words="something changes")


def blocked(scene: SandboxScene) -> None:
    """A guest that asks to wait for two seconds is not let wait."""
    word = every_word(1)
    scene.running(word, predict(word)[0])
    for within in (limits(ms=None), limits(ms=100)):
        watch = Stopwatch(scene.trial)
        scene.run(sleeping(_SLEEP_MS), within)
        took = watch.waiting_s()
        if took > _BLOCKED_S + (within["ms"] or 0) / 1_000:
            scene.trial.fail("at most 1,000 ms", round(took * 1_000), words="the call was blocked")


def _listed(texts: list[str]) -> Prediction:
    size = sum(len(text.encode()) + 1 for text in texts)
    return Prediction("done", (0, len(texts), size, 0))


def environment(scene: SandboxScene) -> None:
    """The arguments and the environment are those that were granted, in number and size."""
    for args in ([], ["probe"], ["probe", "", "two words", "ünï"]):
        grants: dict[str, Json] = {"args": args}
        scene.running(listing("args"), _listed(args), grants=grants)
        scene.running(listing("environ"), _listed([]), grants=grants)
    for env in ({}, {"LANG": "C.UTF-8"}, {"EMPTY": ""}, {"A": "1", "B": "22", "C": "333"}):
        texts = [f"{name}={value}" for name, value in env.items()]
        scene.running(listing("environ"), _listed(texts), grants={"env": env})


def clock(scene: SandboxScene) -> None:
    """Every clock shows the time that was granted, in each process."""
    other = scene.trial.other()
    for now in (0, 1_700_000_000_123_456_789 >> 10, (1 << 53) - 1):
        for process in (None, other):
            expected = Prediction("done", (0, now, 0, now))
            scene.running(clocks, expected, grants={"clock": now}, on=process)


def randomness(scene: SandboxScene) -> None:
    """A seed gives the same random bytes everywhere, and another seed gives others."""
    other = scene.trial.other()
    found = []
    for seed in (bytes(32), bytes(range(32)), b"\xff" * 32):
        grants: dict[str, Json] = {"random": to_base64(seed)}
        words = scene.run(drawing, grants=grants).words or ()
        for process in (None, other):
            scene.running(drawing, Prediction("done", words), grants=grants, on=process)
        found.append(words[2:])
        if words[:2] != (0, 0) or len(set(words[2:])) < 4:
            scene.trial.fail("four different words", [*words], path="/ok/output", words="no random bytes")
    if len(set(found)) < 3:
        scene.trial.fail("three different lists of words", [*map(list, found)], words="the seed changes nothing")


def _with_files(
    scene: SandboxScene, build: Any, words: list[int], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> None:
    """Run a probe with files, and expect words and files."""
    grants: dict[str, Json] = {"files": {path: to_base64(data) for path, data in before.items()}}
    files = {path: to_base64(data) for path, data in after.items()}
    scene.running(build, Prediction("done", tuple(words)), grants=grants, files=files)


def _read(data: bytes | None) -> list[int]:
    """Return what ``reading`` emits of a file."""
    if data is None:
        return [0, 0, 0, 0, 0, 0, 0]
    first, second = data[:29], data[29:32]
    return [1, len(first), len(second), *_padded(first.ljust(29, b"\0") + second, 4)]


def _moved(data: bytes, place: int, at: int) -> list[int]:
    """Return what ``seeking`` emits of a move that succeeds."""
    return [1, place, 3, int.from_bytes(data[at : at + 3], "little")]


def files(scene: SandboxScene) -> None:
    """A guest reads the bytes of every file, and the reply has every file that it left."""
    binary = bytes(range(256))
    before = {"a.txt": b"text\r\n", "empty": b"", "b/c/d.bin": binary, "e f": b"\0\xff\xfe", "z": b"last"}
    paths = ["a.txt", "empty", "b/c/d.bin", "e f", "missing", "b/missing"]
    words = [word for path in paths for word in _read(before.get(path))]
    _with_files(scene, reading(paths), words, before, before)
    _with_files(scene, reading(["x"]), _read(None), {}, {})
    moves = [(-5, 2), (-2, 1), (1, 0), (0, 1), (-1, 0), (2, 2)]  # begin, place, end
    words = [word for found in ((251, 251), (252, 252), (1, 1), (4, 4)) for word in _moved(binary, *found)]
    words += [0, 0, 3, int.from_bytes(binary[7:10], "little"), 1, 258, 0, 0, 1, 0]
    _with_files(scene, seeking("b/c/d.bin", moves), words, before, before)
    changes = [
        ("write", "a.txt", "new"),
        ("append", "z", " and more"),
        ("write", "b/new", "nested"),
        ("remove", "empty"),
        ("rename", "e f", "g"),
        ("remove", "missing"),
        ("write", "void", ""),
    ]
    after = {
        "a.txt": b"new",
        "b/c/d.bin": binary,
        "b/new": b"nested",
        "g": b"\0\xff\xfe",
        "void": b"",
        "z": b"last and more",
    }
    _with_files(scene, changing_files(changes), [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1], before, after)


def buffers(scene: SandboxScene) -> None:
    """A guest reads into several buffers and writes from several; buffers may be empty, and larger than the file."""
    data = bytes(range(1, 41))
    for sizes in ((7, 0, 20, 30), (40, 5), (1, 39), (0, 0, 3)):
        rest, parts = data, list[bytes]()
        for size in sizes:
            parts.append(rest[:size].ljust(size, b"\0"))
            rest = rest[size:]
        words = [len(data) - len(rest), *_padded(b"\0".join(parts), 8)]
        _with_files(scene, scattering("f", sizes, 8), words, {"f": data}, {"f": data})
    for texts in (("several ", "", "buffers", "!"), ("", "end"), ("a", "b")):
        text = "".join(texts).encode()
        _with_files(scene, gathering("new", texts), [len(text)], {"f": data}, {"f": data, "new": text})


def pieces(scene: SandboxScene) -> None:
    """Words that are written from several buffers are in the output, in order."""
    words = (0x0123456789ABCDEF, 0, 7)
    text = write_words("wasi", words).decode()
    for ends in ((20, 20, 51), (0, 51), (1, 50, 51), (17, 34, 51)):
        texts = [text[first:end] for first, end in zip((0, *ends), ends, strict=False)]
        scene.running(gathering(None, texts), Prediction("done", words))


_NO_FOLDERS: Final = (0,) * (2 * 9)


def folder(scene: SandboxScene) -> None:
    """The granted files are in a folder at the descriptor 3, which has a name; there are no other folders."""
    for files in ({"a": b"1"}, {}):
        _with_files(scene, folders, [*_NO_FOLDERS, 1, 0, 1, 1, 1, 1, 255, 255], files, files)
    scene.running(folders, Prediction("done", (*_NO_FOLDERS, 0)), rule="sandbox.grant.nothing")


_MISUSES: Final = 5 + 2 * 4
_GRANTED: Final[dict[str, Json]] = {
    "args": ["probe"],
    "env": {"LANG": "C"},
    "random": to_base64(bytes(32)),
    "clock": 1_700_000_000,
    "files": {"f": to_base64(b"content")},
}


def bounds(scene: SandboxScene) -> None:
    """A function that gets a range behind the memory does not succeed, and the next run is right."""
    word = every_word(1)
    grants = {name: value for name, value in _GRANTED.items() if scene.claims("env" if name == "args" else name)}
    for which in BEYOND:
        for granted in ({}, grants):
            report = scene.run(beyond(which), grants=granted)
            if report.kind not in ("failed", "unresolved") and (report.outcome, report.words) != ("done", (0,)):
                found: Json = [report.outcome, *(report.words or ())]
                scene.trial.fail(
                    "failed, or an error number", found, path="/ok/output", words=f"behind the memory: {which}"
                )
    scene.running(word, predict(word)[0])


_ORIGINS: Final = (3, 4, 99, (1 << 31) - 1)


def misuses(scene: SandboxScene) -> None:
    """Clocks, descriptors and origins that do not exist are errors, also if clocks and files are granted."""
    grants: dict[str, Json] = {}
    if scene.claims("clock"):
        grants["clock"] = 1_700_000_000
    if scene.claims("files"):
        grants["files"] = {"f": to_base64(b"content")}
        words = tuple(word for _ in _ORIGINS for word in (0, 2))
        scene.running(seeking_nowhere("f", _ORIGINS), Prediction("done", words), grants=grants, files=grants["files"])
    for granted in ({}, grants):
        report = scene.run(misusing, grants=granted)
        if report.kind != "unresolved" and (report.outcome, report.words) != ("done", (0,) * _MISUSES):
            found: Json = [report.outcome, *(report.words or ())]
            scene.trial.fail(["done", *[0] * _MISUSES], found, path="/ok/output", words="what is not there was used")


def inside(scene: SandboxScene) -> None:
    """No path, link or renaming leads out of the folder, and nothing appears outside."""
    folder = Path(scene.trial.directory())
    canary = folder / "canary"
    canary.write_bytes(b"canary")
    absolute = str(canary)
    out = f"../../../../../../../../../../../..{absolute}"
    paths = ["/a", "..", "../..", "/", "../a", "./../a", "a/../../a"]
    paths += [absolute, out, f"a/..{absolute}", f"a/../{out}", f".//{out}"]
    before = {"a": b"inside", "b": b"other"}
    grants: dict[str, Json] = {"files": {path: to_base64(data) for path, data in before.items()}}
    _look_at_words(scene, paths, out, grants)
    fresh = f"{out}-new"
    for link in (("link", absolute, "l"), ("link", out, "l")):
        build = changing_files([link, ("append", "l", "x"), ("rename", "a", fresh), ("write", fresh, "x")])
        scene.run(build, grants=grants)
    _look(folder, canary, scene)
    for path in (absolute, "../canary", out):
        _look_at_names(scene, scene.trial.observe("sandbox.run", _request(scene, {"files": {path: to_base64(b"x")}})))
    _look(folder, canary, scene)
    _with_files(scene, reading(["a"]), _read(b"inside"), before, before)


def _look_at_names(scene: SandboxScene, reply: Reply) -> None:
    """Report paths that lead outside, in the reply to a run that granted a file outside."""
    names = [*reply.value.get("files", {})] if isinstance(reply, Ok) else []
    if any({"", ".", ".."} & {*name.split("/")} for name in names):
        scene.trial.fail("no path that leads outside", [*names], path="/ok/files", words="a path leads outside")


def _look_at_words(scene: SandboxScene, paths: list[str], out: str, grants: dict[str, Json]) -> None:
    """Run a probe that tries paths, and report what it found outside.

    A host may resolve ``..`` of the folder, and an absolute path, to the folder itself.
    """
    report = scene.run(escaping(paths, out, "a"), grants=grants)
    words = report.words or ()
    canary, known = (int.from_bytes(data, "little") for data in (b"canary", b"inside"))
    if (report.outcome, len(words)) != ("done", 4 * len(paths)):
        scene.trial.fail("done", [report.outcome, *words], path="/ok/output", words="the probe did not end")
    for at, path in enumerate(paths):
        read, is_folder, behind, found = words[4 * at : 4 * at + 4]
        if canary in (read, behind) or (is_folder and found != known):
            scene.trial.fail("nothing outside", [path, read, is_folder, behind, found], words="a path leads outside")


def _request(scene: SandboxScene, grants: dict[str, Json]) -> dict[str, Json]:
    module = to_base64(reading(["a"])("wasi"))
    return {"module": module, "limits": limits(), "grants": grants, "keep": False}


def _look(folder: Path, canary: Path, scene: SandboxScene) -> None:
    found = {path.name: path.read_bytes().decode("latin-1") for path in folder.iterdir()}
    if found != {canary.name: "canary"}:
        scene.trial.fail({canary.name: "canary"}, found, words="a file outside was changed")


def files_kept(scene: SandboxScene) -> None:
    """The files that a call left are those of the next one, and of a snapshot."""
    before: dict[str, Json] = {"files": {"n": to_base64(b"1")}}
    build = changing_files([("append", "n", "2")])
    done = Prediction("done", (1, 1))
    files = {"n": to_base64(b"12")}
    kept = scene.running(build, done, grants=before, files=files, keep=True).instance
    scene.calling(kept, done, files={"n": to_base64(b"122")})
    if scene.claims("snapshot"):
        copied = scene.resume(scene.snapshot(str(kept)))
        scene.calling(kept, done, files={"n": to_base64(b"1222")})
        scene.calling(copied, done, files={"n": to_base64(b"1222")}, rule="sandbox.fork.apart")


PROPERTIES: Final = (
    of_sandboxes("sandbox/grant/nothing", nothing, "sandbox.grant.nothing", abi="wasi"),
    of_sandboxes("sandbox/grant/nothing-changes", nothing_changes, "sandbox.grant.nothing", abi="wasi"),
    of_sandboxes("sandbox/stop/blocked", blocked, "sandbox.stop.blocked", abi="wasi"),
    of_sandboxes("sandbox/result/buffers", pieces, "sandbox.result.whole", abi="wasi"),
    of_sandboxes("sandbox/grant/env", environment, "sandbox.grant.env", features=("env",), abi="wasi"),
    of_sandboxes("sandbox/grant/clock", clock, "sandbox.grant.clock", features=("clock",), abi="wasi"),
    of_sandboxes("sandbox/grant/random", randomness, "sandbox.grant.random", features=("random",), abi="wasi"),
    of_sandboxes("sandbox/files/kept", files, "sandbox.files.kept", features=("files",), abi="wasi"),
    of_sandboxes("sandbox/files/buffers", buffers, "sandbox.files.kept", features=("files",), abi="wasi"),
    of_sandboxes(
        *("sandbox/files/folder", folder, "sandbox.files.folder", "sandbox.grant.nothing"),
        features=("files",),
        abi="wasi",
    ),
    of_sandboxes("sandbox/grant/bounds", bounds, "sandbox.grant.bounds", abi="wasi"),
    of_sandboxes("sandbox/grant/misused", misuses, "sandbox.grant.misused", abi="wasi"),
    of_sandboxes("sandbox/files/inside", inside, "sandbox.files.inside", features=("files",), abi="wasi"),
    of_sandboxes(
        *("sandbox/files/state", files_kept, "sandbox.keep.state", "sandbox.files.kept"),
        features=("files", "keep"),
        abi="wasi",
    ),
)
