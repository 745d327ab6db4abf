"""A copy of the reference that marks the statements that run, and the mutants that each statement belongs to.

A statement in a function sets one byte of a shared file before it runs. The suite reads and clears the bytes after each
case, so it knows what each case reaches. What runs during the import belongs to no case: a mutant of a constant, a
class or a default counts as reached where a statement names it.
"""

from __future__ import annotations

import ast
import compileall
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .mutated import MARKS

__all__ = ["Marks"]


@dataclass(slots=True)
class Marks:
    """The statements of functions, each with its number.

    Attributes:
        statements: file -> first line, last line and number of each.
        count: how many there are.
        naming: a name and the file that names it -> the statements there, as a bit mask.
        imported: file -> first line, last line and names of each statement that runs during the import.
    """

    statements: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    count: int = 0
    naming: dict[str, dict[str, int]] = field(default_factory=dict)
    imported: dict[str, list[tuple[int, int, Sequence[str]]]] = field(default_factory=dict)

    def write(self, source: Path, folder: Path) -> None:
        """Copy a package into a folder, with marks."""
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted(source.rglob("*.py")):
            file = str(path.relative_to(source))
            tree = ast.parse(path.read_text())
            self.statements[file], self.imported[file] = [], []
            self._module(file, tree.body)
            (folder / file).write_text(ast.unparse(ast.fix_missing_locations(tree)))
        compileall.compile_dir(folder, quiet=1)

    def mask(self, file: str, line: int) -> int:
        """Return the statements of which one runs if the code in a line of a file runs or is used, as a bit mask."""
        around = [each for each in self.statements[file] if each[0] <= line <= each[1]]
        if around:
            return 1 << min(around, key=lambda each: (each[1] - each[0], -each[2]))[2]
        named = [each for each in self.imported[file] if each[0] <= line <= each[1]]
        names = min(named, key=lambda each: each[1] - each[0])[2] if named else ()
        mask = 0
        for name in names:
            for other, statements in self.naming.get(name, {}).items():
                mask |= statements if other == file or not name.startswith("_") else 0
        return mask or self._whole(file)

    def _whole(self, file: str) -> int:
        mask = 0
        for _, _, number in self.statements[file]:
            mask |= 1 << number
        return mask

    def _module(self, file: str, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.imported[file].append((*_lines(statement), [statement.name]))
                statement.body[:] = self._marked(file, statement.body)
            elif isinstance(statement, ast.ClassDef):
                self.imported[file].append((*_lines(statement), [statement.name]))
                self._module(file, statement.body)
            else:
                self.imported[file].append((*_lines(statement), _assigned(statement)))

    def _marked(self, file: str, body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
        for index, statement in enumerate(list(body)):
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if index == 0 and is_text and isinstance(statement.value.value, str):  # type: ignore[attr-defined]
                yield statement
                continue
            yield self._mark(file, statement)
            for inner in _blocks(statement):
                inner[:] = self._marked(file, list(inner))
            yield statement

    def _mark(self, file: str, statement: ast.stmt) -> ast.stmt:
        number, self.count = self.count, self.count + 1
        self.statements[file].append((*_lines(statement), number))
        for name in _names(statement):
            files = self.naming.setdefault(name, {})
            files[file] = files.get(file, 0) | 1 << number
        return ast.copy_location(ast.parse(f"{MARKS}[{number}] = 1").body[0], statement)


def _lines(statement: ast.stmt) -> tuple[int, int]:
    decorators = getattr(statement, "decorator_list", ())
    first = min([statement.lineno, *(each.lineno for each in decorators)])
    return first, statement.end_lineno or statement.lineno


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for each in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(each, name, None)
            if isinstance(inner, list) and inner:
                yield inner


def _names(statement: ast.stmt) -> set[str]:
    """Return the names in a statement, without those in the statements inside it."""
    outer = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)]
    nodes = [node for child in outer for node in ast.walk(child)]
    return {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes} - {""}


def _assigned(statement: ast.stmt) -> list[str]:
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
