"""Which modules may run: each refusal has a twin that is admitted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.errors import Rejected
from gritstone.wasm.admission import MODULE_BYTES, admit_module
from gritstone.wasm.binary import Module
from gritstone.wasm.interface import FUNCTIONS
from gritstone.wasm.reader import I32, I64

_WIT = '(func (export "wit") (result i32) i32.const 0)'
_ATTEMPT = '(import "grit" "attempt" (func (result i32)))'
_WAIT = (
    '(import "grit" "wait" (func (result i32)))'
    '(func (export "asyncify_start_unwind") (param i32)) (func (export "asyncify_start_rewind") (param i32))'
    '(func (export "asyncify_stop_unwind")) (func (export "asyncify_stop_rewind"))'
    '(func (export "asyncify_get_state") (result i32) i32.const 0)'
    '(global (export "grit_wait_area") i32 (i32.const 8))'
)


def _code(data: bytes, entry: str = "wit", pages: int = 256) -> str | None:
    try:
        admit_module(data, entry, pages)
    except Rejected as refusal:
        return refusal.code
    return None


def _wide(parameters: int, results: int) -> str:
    return f"(type (func (param {'i32 ' * parameters}) (result {'i32 ' * results})))"


def _nested(depth: int) -> str:
    return "(func " + "block " * depth + "end " * depth + ")"


def _table(targets: int) -> str:
    return f"(func i32.const 0 br_table {'0 ' * targets} 0)"


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        ("(func nop)", "(func i32.add)", "module"),
        ("(func)", "(func) (start 0)", "module"),
        ('(import "grit" "attempt" (func (result i32)))', '(import "env" "attempt" (func (result i32)))', "import"),
        ('(import "grit" "clock" (func (result i64)))', '(import "grit" "clock" (func (result i32)))', "import"),
        ('(import "grit" "wut" (func))', None, "import"),
        ('(import "grit" "memory" (memory 1))', None, "import"),
        ('(func (export "_initialize"))', '(func (export "_initialize") (param i32))', "export"),
        ('(func (export "grit"))', '(func (export "grit:"))', "export"),
        (_WAIT, _WAIT.replace("_get_state", "_state"), "export"),
        (_WAIT, _WAIT.replace("area", "place"), "export"),
        (_WAIT, _WAIT.replace(" i32 (i32.const 8)", " (mut i32) (i32.const 8)"), "export"),
        (_wide(64, 16), _wide(65, 16), "limit"),
        (_wide(64, 16), _wide(64, 17), "limit"),
        (_nested(1_024), _nested(1_025), "limit"),
        (_table(32_768), _table(32_769), "limit"),
        ("(func (local " + "i64 " * 10_000 + "))", "(func (local " + "i64 " * 10_001 + "))", "limit"),
        ('(func (export "' + "x" * 1_024 + '"))', '(func (export "' + "é" * 513 + '"))', "limit"),
        ("(table 65536 funcref)", "(table 65537 funcref)", "limit"),
        ("(memory 256)", "(memory 257)", "limit"),
        ("(global (mut i64) (i64.const 0))", "(global (mut f64) (f64.const 0))", "module"),
        ("(global f64 (f64.const 0))", "(global (mut f32) (f32.const 0))", "module"),
        ("(global i32 (i32.const 0))" * 1_024, "(global i32 (i32.const 0))" * 1_025, "limit"),
        (_ATTEMPT * 64, _ATTEMPT * 65, "limit"),
        ('(data "")' * 16_384, '(data "")' * 16_385, "limit"),
        (
            "(table 1 funcref)" + "(elem (i32.const 0) func)" * 4_096,
            "(table 1 funcref)" + "(elem (i32.const 0) func)" * 4_097,
            "limit",
        ),
    ],
)  # fmt: skip
def test_module_and_metered_twin_are_admitted(wat: Callable[..., bytes], good: str, bad: str | None, code: str) -> None:
    if bad is None:
        good, bad = "", good
    assert _code(wat(f"(module {good} {_WIT})")) is None
    assert _code(wat(f"(module {bad} {_WIT})")) == f"unresolved:{code}"


def test_every_function_can_be_imported(wat: Callable[..., bytes]) -> None:
    for name, type_ in FUNCTIONS.items():
        parameters = "i32 " * len(type_.parameters)
        result = {(I32,): "i32", (I64,): "i64", (): ""}[type_.results]
        line = f'(import "grit" "{name}" (func (param {parameters}) (result {result})))'
        assert _code(wat(f"(module {_WAIT if name == 'wait' else line} {_WIT})")) is None, name
        assert _code(wat(f"(module {line.replace('(param', '(param i32')} {_WIT})")) == "unresolved:import", name


@pytest.mark.parametrize("entry", ["wit", "wit_query", "wit_update"])
def test_entry_has_the_name_of_its_node(wat: Callable[..., bytes], entry: str) -> None:
    assert _code(wat(f"(module {_WIT.replace('wit', entry)})"), entry) is None
    assert _code(wat("(module)"), entry) == "unresolved:export"
    assert _code(wat(f'(module (func (export "{entry}")))'), entry) == "unresolved:export"
    assert _code(wat(f'(module (func (export "{entry}") (param i32) (result i32) i32.const 0))'), entry)
    assert _code(wat(f'(module (memory (export "{entry}") 1))'), entry) == "unresolved:export"
    assert _code(wat(f'(module {_ATTEMPT} (export "{entry}" (func 0)))'), entry) == "unresolved:export"


def test_first_failure_is_reported(wat: Callable[..., bytes]) -> None:
    defects = [
        ("module", "(func (drop (ref.null func)))"),
        ("limit", "(memory 257)"),
        ("module", "(func i32.add)"),
        ("import", '(import "env" "x" (func))'),
        ("export", '(func (export "grit:x"))'),
    ]
    for first in range(5):
        for second in range(first + 1, 5):
            pair = defects[first], defects[second]
            text = " ".join(text for _, text in sorted(pair, key=lambda one: one[0] != "import"))
            assert _code(wat(f"(module {text} {_WIT})")) == f"unresolved:{pair[0][0]}", text


def test_lengths_of_bodies_and_modules_are_limited(wat: Callable[..., bytes]) -> None:
    body = 262_144 - 2  # a count of locals and an end
    assert _code(wat(f"(module (func {'nop ' * body}) {_WIT})")) is None
    assert _code(wat(f"(module (func {'nop ' * (body + 1)}) {_WIT})")) == "unresolved:limit"
    start = wat(f"(module {_WIT})")
    padding = MODULE_BYTES - len(start) - 5  # a custom section: its number, four bytes of length, a name of length 0
    custom = b"\0" + bytes(
        (padding & 0x7F | 0x80, padding >> 7 & 0x7F | 0x80, padding >> 14 & 0x7F | 0x80, padding >> 21)
    )
    assert _code(start + custom + bytes(padding)) is None
    assert _code(start + custom + bytes(padding) + b"\0\1\0") == "unresolved:limit"


def test_counter_example_is_admitted(counter: bytes) -> None:
    assert _code(counter, pages=2) is None
    assert _code(counter, pages=1) == "unresolved:limit"


@pytest.mark.parametrize("count", [10, 4_000])
def test_imports_are_counted_once_for_element_segments(
    count: int, monkeypatch: pytest.MonkeyPatch, wat: Callable[..., bytes]
) -> None:
    counted = []
    imported = Module.imported

    def count_imports(module: Module) -> list[int]:
        counted.append(module)
        found: list[int] = imported.__get__(module)
        return found

    monkeypatch.setattr(Module, "imported", property(count_imports))
    assert _code(wat(f"(module {_ATTEMPT} (table 1 funcref) {'(elem (i32.const 0))' * count} {_WIT})")) is None
    assert len(counted) < 10
