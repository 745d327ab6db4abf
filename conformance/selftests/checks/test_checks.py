"""If any one check of the judge or the model is switched off, a probe fails.

Spec: :rule:`suite.mutant.oracle`, :rule:`suite.check.alive`.
"""

from __future__ import annotations

import ast
import fcntl
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selftests.checks.accusing import Vocabulary
from selftests.checks.switchboard import Switchboard, find_checks, switched
from selftests.checks.switching import Seen
from selftests.mutants.zoo import record_check

HERE = Path(__file__).resolve().parent
CHECKS = find_checks()
LISTED = tomllib.loads((HERE / "needless.toml").read_text(encoding="utf-8"))["needless"]
NEEDLESS = {each["check"]: each for each in LISTED}
"""Checks that never decide anything alone, each with the proof."""

NEEDED = [check for check in CHECKS if check not in NEEDLESS]


@pytest.fixture(scope="session")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Switch off the checks that this session tests, once for all its workers.

    ``--dist worksteal`` assigns all these tests to one worker at first, so the other worker runs mutants meanwhile.
    """
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = sorted({spec.params["check"] for spec in asked if spec is not None and "check" in spec.params})
    own = tmp_path_factory.getbasetemp()
    home = own.parent if hasattr(request.config, "workerinput") else own
    with (home / "checks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = home / "checks.seen.json"
        if not results.exists():
            (home / "checks.json").write_text(json.dumps(wanted))
            command = [
                sys.executable,
                "-m",
                "selftests.checks.switching",
                str(home / "checks.json"),
                str(results),
            ]
            done = subprocess.run(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert done.returncode == 0, done.stdout[-4000:]
    return {check: Seen(**each) for check, each in json.loads(results.read_bytes()).items()}


@pytest.mark.zoo
@pytest.mark.parametrize("check", NEEDED)
def test_disabled_check_is_detected(
    check: str, seen: dict[str, Seen], record_property: Callable[[str, object], None]
) -> None:
    rule = "suite.mutant.oracle" if check.startswith("model/") else "suite.check.alive"
    record_check(record_property, check, rule, broke=seen[check].broke)
    assert seen[check].by is not None, f"{CHECKS[check].source}: {seen[check].words}"


@pytest.mark.parametrize("check", NEEDLESS)
def test_needless_check_matches_its_proof(check: str) -> None:
    assert CHECKS[check].source == NEEDLESS[check]["source"]
    assert len(NEEDLESS[check]["proof"]) > 20


def test_checks_cover_the_judge_and_the_model() -> None:
    files = {check.file for check in CHECKS.values()}
    assert {"judge.py", "attachment/reply_shapes.py", "attachment/protocol.py", "model/wasm/checking.py"} <= files
    assert len(CHECKS) > 600


SOURCE = """
def judge(value, other) -> Difference | None:
    if value is None or other < 0 <= value[0]:
        raise Refusal([])
    if not (value and other):
        return refused("invalid")
    check_all(value)
    return None if value == other else Difference("", value, other, "")

def check_all(value) -> None:
    for item in value:
        if not is_right(item):
            raise Invalid("wrong")

def is_right(item) -> bool:
    if item == 3:
        return False
    return item > 0 and item < 9

def find(items) -> Iterator[Finding]:
    yield from other_findings(items)
    for item in items:
        if item:
            continue
        yield Finding("lost", item)

def other_findings(items) -> list[Finding]:
    return [Finding("more", item) for item in items if item > 1]

def is_open(items) -> bool:
    if items:
        return True
    assert items is not None
    return bool(items)
"""


def test_find_checks_lists_exactly_the_checks() -> None:
    tree = ast.parse(SOURCE)
    _, checks = switched("x.py", tree, Vocabulary.of([tree]))
    assert [(check.id, check.source) for check in checks] == [
        ("x:judge#1", "value is None"),
        ("x:judge#2", "other < 0 <= value[0]"),
        ("x:judge#3", "value"),
        ("x:judge#4", "other"),
        ("x:judge#5", "check_all(value)"),
        ("x:judge#6", "value == other"),
        ("x:check_all#1", "is_right(item)"),
        ("x:is_right#1", "item == 3"),
        ("x:is_right#2", "item > 0"),
        ("x:is_right#3", "item < 9"),
        ("x:find#1", "(yield from other_findings(items))"),
        ("x:find#2", "item"),
        ("x:other_findings#1", "item > 1"),
    ]


class WrongError(Exception):
    """A stand-in for a refusal."""


def compiled(board: Switchboard) -> dict[str, Any]:
    """Return the functions of the source with switches."""
    tree = ast.parse("from __future__ import annotations\n" + SOURCE)
    space: dict[str, Any] = {**board.names(), "Invalid": WrongError, "Refusal": WrongError}
    space["Difference"] = lambda *words: words
    exec(compile(switched("x.py", tree, Vocabulary.of([tree]))[0], "x.py", "exec"), space)
    return space


@pytest.mark.parametrize(("off", "item"), [("is_right#1", 3), ("is_right#2", 0), ("is_right#3", 9)])
def test_disabled_check_accepts_only_its_own_fault(off: str, item: int) -> None:
    board = Switchboard()
    check_all = compiled(board)["check_all"]
    for wrong in (0, 3, 9):
        with pytest.raises(WrongError):
            check_all([wrong])
    assert {"x:check_all#1", f"x:{off}"} <= board.seen
    board.off = f"x:{off}"
    check_all([item])
    for wrong in {0, 3, 9} - {item}:
        with pytest.raises(WrongError):
            check_all([wrong])


def test_disabled_call_is_skipped_and_findings_are_dropped() -> None:
    board = Switchboard()
    space = compiled(board)
    with pytest.raises(WrongError):
        space["judge"]([3], 3)
    assert "x:judge#5" in board.seen
    board.off = "x:judge#5"
    assert space["judge"]([3], 3) == ("", [3], 3, "")
    space["Finding"] = lambda *words: words
    assert list(space["find"]([2])) == [("more", 2)]
    board.off = "x:find#1"
    assert list(space["find"]([2])) == []
