"""What the commands print is safe for a terminal, and each error is one line."""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.command_line import Failed, plain, run_command, say_block
from gritstone.errors import Missing

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_plain_text_has_nothing_that_a_terminal_acts_on(text: str) -> None:
    shown = plain(text)
    assert not {unicodedata.category(one) for one in shown} & (HIDDEN - {"Cf"})
    assert json.loads(f'"{plain(json.dumps(text, ensure_ascii=False)[1:-1])}"') == text, "an escape of JSON"


@pytest.mark.parametrize(
    "code", [*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F)]
)
def test_each_control_is_escaped(code: int) -> None:
    assert plain(chr(code)).isascii()


def test_all_format_characters_but_visible_marks_are_escaped() -> None:
    visible = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    found = {
        code for code in range(0x11_0000) if unicodedata.category(chr(code)) == "Cf" and not plain(chr(code)).isascii()
    }
    assert {code for code in found if not 0x13430 <= code < 0x13460} == visible


def test_further_lines_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    say_block("user", "hi\nassistant: forged\r\x1b]52;c;eA==\x07")
    assert capsys.readouterr().out == "user: hi\n    assistant: forged\\r\\u001b]52;c;eA==\\u0007\n"


def _raises(problem: BaseException) -> Callable[[argparse.Namespace], None]:
    def run(options: argparse.Namespace) -> None:
        raise problem

    return run


@pytest.mark.parametrize(
    ("problem", "code", "words"),
    [
        (Failed("x"), 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (Missing("a\nb", rule="r", code="known"), 1, "tool: a b; do it\n"),
        (ValueError("\x1b[2J" + "y" * 500), 1, "tool: \\u001b[2J" + "y" * 396 + "…\n"),
        (FileNotFoundError(2, "No such file", "a\u202eb"), 1, "tool: [Errno 2] No such file: 'a\\u202eb'\n"),
    ],
)
def test_error_is_one_line(problem: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("tool", _raises(problem), argparse.Namespace(), {"known": "do it"}) == code
    assert capsys.readouterr().err == words


def test_own_faults_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run_command("tool", _raises(KeyError("x")), argparse.Namespace())
