"""What is mutated: how all mutants of an implementation are built, and how one is switched on."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Protocol

from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

from .marked import Marks
from .mutants import Mutant, named
from .scores import HERE

__all__ = ["TARGETS", "JavaScript", "Target"]

_COMPARISONS: Final = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
)
_ARITHMETIC: Final = ("Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Mod_Mul", "LShift_RShift", "RShift_LShift")
_OPERATORS: Final = (
    *(f"core/ReplaceComparisonOperator_{each}" for each in _COMPARISONS),
    *(f"core/ReplaceBinaryOperator_{each}" for each in _ARITHMETIC),
    *("core/ReplaceBinaryOperator_BitAnd_BitOr", "core/ReplaceUnaryOperator_Delete_Not", "core/AddNot"),
    *("core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue", "core/ReplaceAndWithOr", "core/ReplaceOrWithAnd"),
    *("core/ReplaceBreakWithContinue", "core/ReplaceContinueWithBreak", "core/NumberReplacer"),
    "core/ZeroIterationForLoop",
)
"""The operators that make plausible faults. Those that replace ``|`` are left out, for most stand in types."""


_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


class Target(Protocol):
    """One implementation.

    Attributes:
        marks_cases: whether what a case reaches is known before the process ends, so that a process can run many cases.
    """

    marks_cases: bool

    def build(self, folder: Path, files: str = "*") -> list[Mutant]:
        """Build the mutants of the files that match into a folder, which is replaced."""

    def command(self, folder: Path) -> Sequence[str]:
        """Return the command that starts the build."""

    def switched_on(self, mutant: Mutant | None, reached: Path | None) -> Mapping[str, str]:
        """Return the environment variables that switch a mutant on, and name the file of what is reached."""

    def places(self, mutant: Mutant) -> int:
        """Return where a mutant is reached, as a bit mask."""

    def reached(self, path: Path) -> int:
        """Return what was reached since the last call, as a bit mask."""


class JavaScript:
    """The JavaScript implementation: all mutants are in one build, instrumented by Stryker."""

    source = HERE.parent / "implementations" / "javascript"
    marks_cases = False

    def build(self, folder: Path, files: str = "*") -> list[Mutant]:
        """See :class:`Target`; the mutants of all files are in the build."""
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["node", HERE / "instrument.mjs", self.source, folder], check=True, stdout=subprocess.DEVNULL)
        listed = json.loads((folder / "mutants.json").read_text())
        names = {each["file"] for each in listed}
        sources = {name: (self.source / name).read_text().split("\n") for name in names}
        members = ("id", "file", "line", "operator", "original", "replacement")
        mutants = named((tuple(each[member] for member in members) for each in listed), sources)
        return [mutant for mutant in mutants if fnmatchcase(mutant.file, files)]

    def command(self, folder: Path) -> Sequence[str]:
        """See :class:`Target`."""
        return ("node", "--import", str(HERE / "reached.mjs"), str(folder / "adapter.js"))

    def switched_on(self, mutant: Mutant | None, reached: Path | None) -> Mapping[str, str]:
        """See :class:`Target`."""
        active = {} if mutant is None else {"__STRYKER_ACTIVE_MUTANT__": mutant.id}
        return active if reached is None else {**active, "GRITSTONE_REACHED": str(reached)}

    def places(self, mutant: Mutant) -> int:
        """See :class:`Target`."""
        return 1 << int(mutant.id)

    def reached(self, path: Path) -> int:
        """See :class:`Target`."""
        return sum(1 << int(each) for each in set(path.read_text().split())) if path.exists() else 0


class Reference:
    """The reference: Cosmic Ray's operators change one place of one module at a time."""

    source = HERE.parent.parent / "reference" / "gritstone"
    marks_cases = True

    def build(self, folder: Path, files: str = "*") -> list[Mutant]:
        """See :class:`Target`; the changed modules are written when they are switched on."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder, self._marks = folder, Marks()
        self._marks.write(self.source, folder / "marked" / "gritstone")
        sources: dict[str, Sequence[str]] = {}
        found: list[tuple[str, str, int, str, str, str]] = []
        for path in sorted(self.source.rglob("*.py")):
            file, text = str(path.relative_to(self.source)), path.read_text()
            if not fnmatchcase(file, files):
                continue
            sources[file] = text.split("\n")
            for operator, line, original, turn in places(text):
                found.append((f"{operator} {turn}", file, line, operator, original, str(turn)))
        return named(found, sources)

    def command(self, folder: Path) -> Sequence[str]:
        """See :class:`Target`."""
        return (sys.executable, str(HERE / "mutated.py"))

    def switched_on(self, mutant: Mutant | None, reached: Path | None) -> Mapping[str, str]:
        """See :class:`Target`."""
        if reached is not None:
            reached.write_bytes(bytes(self._marks.count))
            path = [str(self._folder / "marked"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
            return {"GRITSTONE_REACHED": str(reached), "PYTHONPATH": os.pathsep.join(path)}
        if mutant is None:
            return {}
        changed = self._folder / f"{mutant.name}.py"
        operator, turn = mutant.id.split()
        changed.write_text(mutate_code((self.source / mutant.file).read_text(), get_operator(operator)(), int(turn)))
        module = "gritstone." + mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        return {"GRITSTONE_MUTANT": f"{module}={changed}"}

    def places(self, mutant: Mutant) -> int:
        """See :class:`Target`."""
        return self._marks.mask(mutant.file, mutant.line)

    def reached(self, path: Path) -> int:
        """See :class:`Target`."""
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as marks:
            seen = marks[:]
            marks[:] = bytes(len(seen))
        return int(seen[::-1].translate(_DIGITS), 2)


def places(text: str) -> Iterator[tuple[str, int, str, int]]:
    """Yield operator, line, source text and number of each place of a module that an operator changes."""
    operators = {name: get_operator(name)() for name in _OPERATORS}
    turns = dict.fromkeys(operators, 0)
    for node in _walk(get_ast(text)):
        is_star = node.type == "operator" and node.value in ("*", "/") and node.parent.type != "term"
        for name, operator in operators.items():
            for (line, _), _ in operator.mutation_positions(node):
                if not is_star:  # a star before a parameter or an argument multiplies nothing
                    yield name, line, node.get_code(include_prefix=False), turns[name]
                turns[name] += 1


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _walk(child)


TARGETS: Final[Mapping[str, Target]] = {"javascript": JavaScript(), "reference": Reference()}
