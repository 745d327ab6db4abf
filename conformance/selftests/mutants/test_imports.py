"""Which modules import which is read from their sources, and none holds what it does not import.

So a child that forgets a module with all that are bound to it holds nothing of it, and a fault in it is there as if the
child had just been started.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from selftests.mutants import fork_pool
from selftests.mutants.holding import held_by
from selftests.mutants.imports import bound_to, named_in, needed, sources
from selftests.paths import SELFTESTS

PATIENCE_S = 100
LISTS = """
import json, sys
import gritstone_conformance
names = sorted(
    name
    for name, module in sys.modules.items()
    if name.startswith(("gritstone_conformance", "selftests.")) and module.__file__
)
has = hasattr(gritstone_conformance, "judge")
from gritstone_conformance import judge
from gritstone_conformance.running import vector_runner
again = vector_runner.compare is judge.compare and judge is sys.modules["gritstone_conformance.judge"]
with open(sys.argv[1], "w") as file:
    json.dump([names, has, again], file)
"""


def of_ast(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.module, "a relative import"
            yield from (f"{node.module}.{alias.name}".removesuffix(".*") for alias in node.names)


@pytest.mark.parametrize(
    "source",
    [
        "import a.b, c as d\n",
        "from a.b import c as d, e  # why\n",
        "from a import (\n    b,  # why (not)\n    c,\n)\n",
        "if d:\n    from a import b\n    import c.d\n",
        "from a import *\n",
    ],
)
def test_imports_are_read_from_a_source(source: str) -> None:
    assert set(of_ast(source)) <= set(named_in(source))


@pytest.mark.nightly
def test_no_import_is_missed() -> None:
    for name, path in sources().items():
        source = path.read_text(encoding="utf-8")
        assert set(of_ast(source)) <= set(named_in(source)), name


@pytest.mark.nightly
def test_no_module_changes_another_as_it_is_imported() -> None:
    """By a statement, that is; what a decorator may have put there is a function, which is held."""
    for name in fork_pool.imported_before():
        tree = ast.parse(sources()[name].read_text(encoding="utf-8"))
        assert [ast.unparse(each) for each in at_import(tree.body) if changes_something(each)] == [], name


def at_import(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef) or ast.unparse(statement).startswith("if __name__ =="):
            continue
        yield statement
        for part in ("body", "orelse", "handlers", "finalbody"):
            yield from at_import(getattr(statement, part, ()))


def changes_something(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return isinstance(statement, ast.Delete) or any(isinstance(each, ast.Attribute | ast.Subscript) for each in targets)


def test_what_changes_something_is_told() -> None:
    told = [
        "a.append(1)",
        "a.b = 1",
        "a[1] = 2",
        "a.b += 1",
        "del a.b",
        "if a:\n    b.c()",
        "for a in b:\n    c[a] = 1",
    ]
    assert [each for each in told if not any(map(changes_something, at_import(ast.parse(each).body)))] == []
    fine = [
        "a = b.c()",
        "'doc'",
        "a: int = 1",
        "def a(): b.c()",
        "class A:\n    b = 1",
        "if __name__ == '__main__':\n    a()",
    ]
    assert [each for each in fine if any(map(changes_something, at_import(ast.parse(each).body)))] == []


def test_who_imports_a_module_through_others_is_bound_to_it() -> None:
    assert "gritstone_conformance.judge" in needed(["selftests.mutants.hunting"])
    bound = bound_to(["gritstone_conformance.running.vector_runner"])
    assert {
        "gritstone_conformance.running.vector_runner",
        "gritstone_conformance.commands.verify",
        "selftests.mutants.hunting",
    } <= bound
    assert "gritstone_conformance.judge" not in bound


def test_no_module_holds_what_it_does_not_import(tmp_path: Path) -> None:
    written = tmp_path / "held.json"
    end = fork_pool.run([str(SELFTESTS / "mutants/holding.py"), str(written)], tmp_path, PATIENCE_S)
    assert written.exists(), end
    held = {name: set(modules) for name, modules in json.loads(written.read_bytes()).items()}
    folders = held.keys() - sources().keys() - {"libraries"}
    assert {name: held.pop(name) for name in folders} == {name: set() for name in folders}
    assert held.pop("libraries") <= {"selftests.mutants.fork_pool"}, "which multiprocessing runs"
    assert {name: held[name] - needed([name]) for name in fork_pool.imported_before()} == {name: set() for name in held}


@pytest.mark.parametrize(
    "hides",
    [
        pytest.param(lambda thing: {"a": [(thing,)]}, id="in a dictionary"),
        pytest.param(lambda thing: lambda: thing, id="in a closure"),
        pytest.param(lambda thing: type("Local", (), {"member": thing}), id="in a class"),
    ],
)
def test_what_a_module_holds_is_found_wherever_it_is(hides: Callable[[object], object]) -> None:
    module = ModuleType("other")
    module.__dict__["holds"] = hides(ast.parse)
    assert held_by([module]) <= {"selftests.mutants.test_imports"}
    module.__dict__["holds"] = hides(bound_to)
    assert "selftests.mutants.imports" in held_by([module])


def test_a_child_forgets_what_is_edited_and_all_that_are_bound_to_it(tmp_path: Path) -> None:
    (tmp_path / "lists.py").write_text(LISTS)
    words = [str(tmp_path / "lists.py"), str(tmp_path / "list.json")]
    end = fork_pool.run(words, tmp_path, PATIENCE_S, ["gritstone_conformance.judge"])
    assert (tmp_path / "list.json").exists(), end
    names, has, again = json.loads((tmp_path / "list.json").read_bytes())
    assert set(names) == set(fork_pool.imported_before()) - bound_to(["gritstone_conformance.judge"])
    assert (has, again) == (False, True)
