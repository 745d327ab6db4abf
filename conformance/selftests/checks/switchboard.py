"""The checks of the judge and of the model, found in the syntax of their modules, and how each is switched off.

A *check* is a condition that leads to a refusal or a finding: the test of an ``if`` whose branch raises or returns an
accusation; each operand that could cause this alone; a test that skips code that accuses; the result of a predicate in
such a test; a call whose only effect is to raise; findings that are passed on. This module lists the checks from the
source, so new checks are included automatically.

Each module is compiled with a switch in every check, all of them at once: ``test`` becomes ``test and __on__(id)``, so
that it is still evaluated. One field holds the check that is off, and each switch that decides something is recorded,
so that one run shows in which cases each check accuses.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, TypeVar

from selftests.checks.accusing import Vocabulary, accuses, is_pure, leaves, streams
from selftests.paths import SUITE

__all__ = ["Check", "Switchboard", "find_checks", "install", "switched"]

JUDGE: Final = (
    "judge.py",
    "auditing/histories.py",
    "auditing/objects.py",
    "results/judgement.py",
    "running/final_verdicts.py",
    "attachment/base64url.py",
    "attachment/claims.py",
    "attachment/reply_shapes.py",
    "attachment/protocol.py",
)
"""The modules that judge; the model consists of all modules in its folder."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        id: module, function and place in it, e.g. ``model/wasm/checking:_Checker.pop#2``.
        file: its module, e.g. ``model/wasm/checking.py``.
        line: where it begins.
        source: the condition, or the call, on one line.
    """

    id: str
    file: str
    line: int
    source: str


@dataclass(slots=True)
class Switchboard:
    """The check that is off, and the checks that have decided something.

    Attributes:
        off: the id of the check that is switched off, or None.
        seen: ids of the checks that have accused since this was emptied.
    """

    off: str | None = None
    seen: set[str] = field(default_factory=set)

    def on(self, check: str) -> bool:
        """Return the right operand for a test that accuses when it is true."""
        self.seen.add(check)
        return check != self.off

    def passes(self, check: str) -> bool:
        """Return the right operand for a test that accuses when it is false."""
        self.seen.add(check)
        return check == self.off

    def runs(self, check: str) -> bool:
        """Return whether a call that may raise is made."""
        return check != self.off

    def notes(self, check: str) -> bool:
        """Record that a call has raised."""
        self.seen.add(check)
        return True

    def only(self, check: str, accusations: Iterable[T]) -> Iterator[T]:
        """Yield accusations, unless the check is off."""
        if check != self.off:
            for accusation in accusations:
                self.seen.add(check)
                yield accusation

    def names(self) -> dict[str, Callable[..., Any]]:
        """Return the switches under the names that compiled modules use."""
        return {f"__{name}__": getattr(self, name) for name in ("on", "passes", "runs", "notes", "only")}


class _Switcher:
    """Puts switches into one module and lists its checks."""

    def __init__(self, file: str, vocabulary: Vocabulary) -> None:
        self.file = file
        self.vocabulary = vocabulary
        self.checks: list[Check] = []
        self._path: list[str] = []
        self._counts: dict[str, int] = {}
        self._returns: str = ""
        self._accused: bool | None = None  # the result of this predicate that accuses

    def module(self, tree: ast.Module) -> ast.Module:
        """Put a switch into each check of a module."""
        tree.body = self._block(tree.body)
        return ast.fix_missing_locations(tree)

    def _switch(self, name: str, node: ast.AST, *more: ast.expr) -> ast.Call:
        """Return the call of a switch for a new check."""
        return self._call(name, self._note(node), *more)

    def _note(self, node: ast.AST) -> str:
        where = ".".join(self._path) or "module"
        self._counts[where] = self._counts.get(where, 0) + 1
        identity = f"{self.file.removesuffix('.py')}:{where}#{self._counts[where]}"
        self.checks.append(Check(identity, self.file, getattr(node, "lineno", 0), " ".join(ast.unparse(node).split())))
        return identity

    @staticmethod
    def _call(name: str, check: str, *more: ast.expr) -> ast.Call:
        return ast.Call(ast.Name(f"__{name}__", ast.Load()), [ast.Constant(check), *more], [])

    def _block(self, body: Sequence[ast.stmt], *, loop: bool = False) -> list[ast.stmt]:
        return [self._statement(stmt, body[index + 1 :], loop=loop) for index, stmt in enumerate(body)]

    def _statement(self, stmt: ast.stmt, rest: Sequence[ast.stmt], *, loop: bool) -> ast.stmt:
        match stmt:
            case ast.FunctionDef() | ast.ClassDef():
                return self._definition(stmt)
            case ast.If():
                return self._if(stmt, rest)
            case ast.Match():
                for case in stmt.cases:
                    case.body = self._guarded(case.body)
                return stmt
            case ast.Expr(ast.Call() as call) if self._only_raises(call):
                return self._helper(stmt)
        for name in ("body", "orelse", "finalbody"):
            if isinstance(inner := getattr(stmt, name, None), list):
                setattr(stmt, name, self._guarded(inner) if isinstance(stmt, ast.For) else self._block(inner))
        for handler in getattr(stmt, "handlers", ()):
            handler.body = self._block(handler.body)
        if isinstance(stmt, ast.Return) and stmt.value is not None:
            stmt.value = self._answer(stmt.value)
        return self._expressions(stmt)

    def _guarded(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Switch the unconditional accusations in the body of a loop or of a ``case``."""
        made = []
        for index, stmt in enumerate(body):
            is_guarded = any(isinstance(before, ast.If) and leaves(before.body) for before in body[:index])
            is_plain = not isinstance(stmt, ast.If | ast.For) and not is_guarded
            direct = is_plain and accuses(stmt, self.vocabulary, self._returns)
            switched = self._statement(stmt, body[index + 1 :], loop=True)
            made.append(ast.If(self._switch("on", stmt), [switched], []) if direct else switched)
        return made

    def _definition(self, node: ast.FunctionDef | ast.ClassDef) -> ast.stmt:
        outer = self._returns, self._accused
        self._path.append(node.name)
        if isinstance(node, ast.FunctionDef):
            self._returns = ast.unparse(node.returns) if node.returns else ""
            self._accused = self.vocabulary.predicates.get(node.name) if self._returns == "bool" else None
        node.body = self._block(node.body)
        self._path.pop()
        self._returns, self._accused = outer
        return node

    def _if(self, stmt: ast.If, rest: Sequence[ast.stmt]) -> ast.If:
        body, others = self._accuse(stmt.body), self._accuse(stmt.orelse)
        is_elif = len(stmt.orelse) == 1 and isinstance(stmt.orelse[0], ast.If)
        passes = not stmt.orelse and leaves(stmt.body) and bool(rest) and self._accuse(rest[-1:])
        if (body or self._asks_further(stmt)) and not others:
            stmt.test = self.guard(stmt.test, truth=True)
        elif not body and ((others and not is_elif) or passes):
            stmt.test = self.guard(stmt.test, truth=False)
        else:
            stmt.test = self._expression(stmt.test)
        stmt.body, stmt.orelse = self._block(stmt.body), self._block(stmt.orelse)
        return stmt

    def _accuse(self, body: Sequence[ast.stmt]) -> bool:
        return any(accuses(stmt, self.vocabulary, self._returns) or self._is_wrong(stmt) for stmt in body)

    def _asks_further(self, stmt: ast.If) -> bool:
        """Return whether each of several parts of a test leads to a further test that accuses."""
        further = (each for each in stmt.body if isinstance(each, ast.If))
        return _is_split(stmt.test, truth=True) and any(self._accuse([*each.body, *each.orelse]) for each in further)

    def _is_wrong(self, stmt: ast.stmt) -> bool:
        """Return whether a statement returns the accusing result of a predicate."""
        if self._accused is None or not isinstance(stmt, ast.Return):
            return False
        return isinstance(stmt.value, ast.Constant) and stmt.value.value is self._accused

    def _answer(self, value: ast.expr) -> ast.expr:
        if self._accused is None or isinstance(value, ast.Constant):
            return value
        return self.guard(value, truth=self._accused)

    def guard(self, test: ast.expr, *, truth: bool) -> ast.expr:
        """Switch each part of a test that accuses by itself when it is ``truth``."""
        match test:
            case ast.UnaryOp(ast.Not()):
                test.operand = self.guard(test.operand, truth=not truth)
                return test
            case ast.BoolOp():
                is_wide = isinstance(test.op, ast.Or) == truth
                if is_wide or any(_is_split(each, truth=truth) for each in test.values):
                    test.values = [
                        self.guard(each, truth=truth) if is_wide or _is_split(each, truth=truth) else each
                        for each in test.values
                    ]
                    return test
            case ast.Compare() if not truth and len(test.ops) > 1 and is_pure(test):
                sides = [test.left, *test.comparators]
                pairs = zip(sides, test.ops, sides[1:], strict=False)
                parts = [ast.copy_location(ast.Compare(left, [op], [right]), test) for left, op, right in pairs]
                return ast.copy_location(ast.BoolOp(ast.And(), [self.guard(each, truth=False) for each in parts]), test)
        switch = self._switch("on" if truth else "passes", test)
        return ast.BoolOp(ast.And() if truth else ast.Or(), [self._expression(test), switch])

    def _only_raises(self, call: ast.Call) -> bool:
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        shapes = self.file == "attachment/reply_shapes.py" and len(call.args) == 2
        return shapes or name in self.vocabulary.raisers

    def _helper(self, stmt: ast.stmt) -> ast.stmt:
        """Switch a call that may raise; record it when it has raised."""
        check = self._note(stmt)
        noted = ast.ExceptHandler(
            ast.Name("Exception", ast.Load()), None, [ast.Expr(self._call("notes", check)), ast.Raise()]
        )
        return ast.If(self._call("runs", check), [ast.Try([stmt], [noted], [], [])], [])

    def _expressions(self, stmt: ast.stmt) -> ast.stmt:
        """Switch what accuses inside the expressions of a statement."""
        if isinstance(stmt, ast.AugAssign | ast.Expr) and streams(stmt.value, self.vocabulary):
            if isinstance(stmt, ast.AugAssign):
                stmt.value = self._switch("only", stmt.value, stmt.value)
            elif isinstance(stmt.value, ast.YieldFrom):
                stmt.value.value = self._switch("only", stmt.value, stmt.value.value)
            return stmt
        for name, value in ast.iter_fields(stmt):
            if isinstance(value, ast.expr):
                setattr(stmt, name, self._expression(value))
        return stmt

    def _expression(self, node: ast.expr) -> ast.expr:
        return _Inside(self).visit(node)  # type: ignore[no-any-return]


class _Inside(ast.NodeTransformer):
    """Switches conditional expressions, comprehensions and lists that accuse."""

    def __init__(self, switcher: _Switcher) -> None:
        self.switcher = switcher

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        body, others = self._accuses(node.body), self._accuses(node.orelse)
        if body != others:
            node.test = self.switcher.guard(node.test, truth=body)
            return node
        return self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        if streams(node.value, self.switcher.vocabulary):
            node.value = self.switcher._switch("only", node.value, node.value)
            return node
        return self.generic_visit(node)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> ast.AST:
        if self._accuses(node.elt) and node.generators[-1].ifs:
            node.generators[-1].ifs = [self.switcher.guard(each, truth=True) for each in node.generators[-1].ifs]
            return node
        return self.generic_visit(node)

    def _accuses(self, value: ast.expr) -> bool:
        return accuses(ast.Return(value), self.switcher.vocabulary, self.switcher._returns)


def _is_split(test: ast.expr, *, truth: bool) -> bool:
    """Return whether a test has several parts, each of which could make it ``truth`` alone."""
    match test:
        case ast.UnaryOp(ast.Not(), operand):
            return _is_split(operand, truth=not truth)
        case ast.BoolOp(op, values):
            return isinstance(op, ast.Or) == truth or any(_is_split(each, truth=truth) for each in values)
        case ast.Compare(ops=ops):
            return not truth and len(ops) > 1 and is_pure(test)
    return False


@cache
def _files() -> Mapping[str, ast.Module]:
    """Return the parsed modules of judge and model by their path below the suite."""
    paths = [*(SUITE / name for name in JUDGE), *sorted((SUITE / "model").rglob("*.py"))]
    return {path.relative_to(SUITE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@cache
def _vocabulary() -> Vocabulary:
    return Vocabulary.of(_files().values())


@cache
def find_checks() -> dict[str, Check]:
    """Return every check by its id."""
    found: list[Check] = []
    for file in _files():
        found += _switched(file)[1]
    return {check.id: check for check in found}


def _switched(file: str) -> tuple[ast.Module, list[Check]]:
    return switched(file, ast.parse((SUITE / file).read_text(encoding="utf-8")), _vocabulary())


def switched(file: str, tree: ast.Module, vocabulary: Vocabulary) -> tuple[ast.Module, list[Check]]:
    """Return a module with a switch in each of its checks, and the checks.

    Args:
        file: the path of the module below the suite.
        tree: its syntax, which is changed in place.
        vocabulary: the functions that it calls.
    """
    switcher = _Switcher(file, vocabulary)
    return switcher.module(tree), switcher.checks


class _Loader(importlib.machinery.SourceFileLoader):
    board: Switchboard
    file: str

    def get_code(self, fullname: str) -> CodeType:
        """Compile the module with its switches, without a cached bytecode file."""
        del fullname
        return compile(_switched(self.file)[0], self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Add the switches to the names of the module, and run it."""
        module.__dict__.update(self.board.names())
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, board: Switchboard) -> None:
        self.board = board

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the modules of judge and model with the loader of switches; leave all others alone."""
        if not fullname.startswith("gritstone_conformance."):
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return None
        file = Path(found.origin).resolve().relative_to(SUITE).as_posix()
        if file not in _files():
            return None
        loader = _Loader(fullname, found.origin)
        loader.board, loader.file = self.board, file
        locations = found.submodule_search_locations
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=loader, submodule_search_locations=locations
        )


def install() -> Switchboard:
    """Import judge and model with switches from now on; none of their modules may be imported already."""
    board = Switchboard()
    assert not any(name.startswith("gritstone_conformance.model") for name in sys.modules)
    sys.meta_path.insert(0, _Finder(board))
    return board
