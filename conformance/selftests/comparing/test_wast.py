"""``gritstone wast``: scripts of the official test suite run in a sandbox, with the results counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.comparing.wast_scripts import _equal
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.wast_modules import Foreign, UnreadableError
from selftests.terminal import REFERENCE, planted

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Write a script with its modules, run it, and return the exit code and the output."""

    def run_script(*commands: dict[str, Any], iut: str = REFERENCE, **modules: bytes) -> tuple[int, str]:
        for name, data in modules.items():
            (tmp_path / f"{name}.wasm").write_bytes(data)
        numbered = [{"line": line, **command} for line, command in enumerate(commands, 1)]
        (tmp_path / "own.json").write_text(json.dumps({"source_filename": "own.wast", "commands": numbered}))
        code = main(["wast", str(tmp_path / "own.json"), "--iut", iut])
        return code, capsys.readouterr().out

    return run_script


def counting(*, memory: bool = True) -> bytes:
    """Return a module with state, a division, and data where the ABI has its output."""
    module = Assembly()
    if memory:
        module.memory(1)
        module.data(0, bytes(range(1, 33)))
    calls = module.global_("i32", 0, mutable=True)
    more = ("i32.add", ("global.get", calls), ("i32.const", 1))
    module.function([], ["i32"], [], [("global.set", calls, more), ("global.get", calls)], "count")
    return module.binary()


def plain() -> bytes:
    """Return a module without state."""
    module = Assembly()
    module.function(["i32", "i32"], ["i32"], [], [("i32.div_s", ("local.get", 0), ("local.get", 1))], "div")
    module.function(["f64", "f64"], ["f64"], [], [("f64.sub", ("local.get", 0), ("local.get", 1))], "sub")
    return module.binary()


def invoke(name: str, *values: tuple[str, int | str]) -> dict[str, Any]:
    return {
        "type": "invoke",
        "field": name,
        "args": [{"type": kind, "value": str(value)} for kind, value in values],
    }


def returns(action: dict[str, Any], *values: tuple[str, int | str]) -> dict[str, Any]:
    expected = [{"type": kind, "value": str(value)} for kind, value in values]
    return {"type": "assert_return", "action": action, "expected": expected}


def ends(kind: str, action: dict[str, Any], text: str) -> dict[str, Any]:
    return {"type": kind, "action": action, "text": text, "expected": [{"type": "i32"}]}


MODULE = {"type": "module", "filename": "m.wasm"}
INFINITY = 0x7FF << 52


def test_state_of_earlier_calls_is_kept(run: Run) -> None:
    count = invoke("count")
    calls = [returns(count, ("i32", 1)), {"type": "action", "action": count, "expected": [{"type": "i32"}]}]
    code, out = run(MODULE, *calls, returns(count, ("i32", 3)), m=counting())
    assert (code, "3 passed, 0 failed, 0 refused, 0 not expressed" in out) == (0, True)


def test_traps_nans_and_defects_pass(run: Run) -> None:
    code, out = run(
        MODULE,
        returns(invoke("sub", ("f64", INFINITY), ("f64", INFINITY)), ("f64", "nan:canonical")),
        ends("assert_trap", invoke("div", ("i32", 1), ("i32", 0)), "integer divide by zero"),
        returns(invoke("div", ("i32", 6), ("i32", 0xFFFFFFFF)), ("i32", 0xFFFFFFFA)),
        {"type": "assert_invalid", "filename": "bad.wasm", "text": "type mismatch", "module_type": "binary"},
        {"type": "assert_malformed", "filename": "cut.wasm", "text": "unexpected end", "module_type": "binary"},
        m=plain(),
        bad=invalid(),
        cut=plain()[:-1],
    )
    assert (code, "6 passed, 0 failed, 0 refused, 0 not expressed" in out) == (0, True)


def invalid() -> bytes:
    module = Assembly()
    module.function([], ["i32"], [], [])
    return module.binary()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (returns(invoke("div", ("i32", 6), ("i32", 2)), ("i32", 4)), "line 2: expected i32 4, got 3"),
        (returns(invoke("div", ("i32", 6), ("i32", 0)), ("i32", 4)), "expected done, got failed:trap:divide-by-zero"),
        (ends("assert_trap", invoke("div", ("i32", 6), ("i32", 2)), "integer divide by zero"), "got done"),
        (ends("assert_trap", invoke("div", ("i32", 6), ("i32", 0)), "unreachable"), "got failed:trap:divide-by-zero"),
        (ends("assert_exhaustion", invoke("div", ("i32", 6), ("i32", 2)), "call stack exhausted"), "got done"),
        ({"type": "assert_invalid", "filename": "m.wasm", "text": "type mismatch"}, "expected unresolved, got done"),
        ({"type": "assert_malformed", "filename": "m.wasm", "text": "no"}, "expected unresolved, got done"),
    ],
)
def test_wrong_result_fails(run: Run, command: dict[str, Any], words: str) -> None:
    code, out = run(MODULE, command, m=plain())
    assert (code, words in out) == (1, True), out
    assert "1 passed, 1 failed" in out


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (returns(invoke("count", ("externref", 1))), "a value of type externref"),
        (returns(invoke("lost")), "the export does not exist"),
        (returns({**invoke("count"), "module": "$M"}), "the call is of another module"),
        ({"type": "assert_unlinkable", "filename": "m.wasm", "text": "x"}, "assert_unlinkable needs several modules"),
        ({"type": "assert_malformed", "filename": "m.wat", "text": "x", "module_type": "text"}, "in the text form"),
        ({"type": "assert_invalid", "filename": "m.wasm", "text": "unknown function"}, "could make the module valid"),
    ],
)
def test_assertion_that_is_not_expressed_is_counted(run: Run, command: dict[str, Any], reason: str) -> None:
    code, out = run(MODULE, command, m=counting(memory=False))
    assert code == 0
    assert "1 passed, 0 failed, 0 refused, 1 not expressed" in out
    assert reason in out


def test_calls_after_a_trap_of_a_module_with_state_are_not_expressed(run: Run) -> None:
    trap = ends("assert_trap", invoke("count"), "unreachable")
    _, out = run(MODULE, trap, returns(invoke("count"), ("i32", 2)), m=counting())
    assert "1  not expressed: an earlier call of the same instance trapped" in out


def test_module_outside_the_floor_language_is_refused_and_does_not_fail(run: Run) -> None:
    two_tables = b"\x04\x07\x02" + 2 * b"\x70\x00\x00"
    code, out = run(MODULE, m=b"\0asm\1\0\0\0" + two_tables)
    assert (code, "0 passed, 0 failed, 1 refused" in out) == (3, True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"commands": [1]}', '{"commands": [{"type": "assert_return"}]}'])
def test_other_file_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.json").write_text(text)
    assert main(["wast", str(tmp_path / "own.json"), "--iut", REFERENCE]) == 2


def test_module_outside_the_folder_is_not_read(run: Run) -> None:
    code, _ = run({"type": "module", "filename": "../../etc/passwd"}, m=plain())
    assert code == 2


@pytest.mark.parametrize(
    ("value", "bits", "equal"),
    [
        ("nan:canonical", 0x7FC00000, True),
        ("nan:canonical", 0xFFC00000, True),
        ("nan:canonical", 0x7FC00001, False),
        ("nan:arithmetic", 0x7FC00001, True),
        ("nan:arithmetic", 0x7F800001, False),
        ("nan:canonical", 0x7F800000, False),
        ("2139095040", 0x7F800000, True),
    ],
)
def test_nan_is_compared_by_class(value: str, bits: int, equal: bool) -> None:
    assert _equal("f32", value, bits) is equal


@pytest.mark.parametrize(
    "data", [b"", b"\0asm\2\0\0\0", b"\0asm\1\0\0\0\1\2\0", b"\0asm\1\0\0\0\1\x80\x80\x80\x80\x80\0"]
)
def test_sections_that_cannot_be_separated_are_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        Foreign.read(data)


def test_host_without_the_abi_is_a_usage_error(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"commands": []}')
    assert main(["wast", str(tmp_path / "own.json"), "--iut", planted("honest")]) == 2
    assert "does not claim sandbox.abi.memory" in capfd.readouterr().err
