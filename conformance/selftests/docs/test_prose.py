"""The lexicon of the prose check, and the text of a file that counts as prose."""

from __future__ import annotations

import pytest
from prose_lint import Entry, findings, lexicon, prose

ENTRIES = lexicon()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.advice)[:30])
def test_entry_finds_bad_example_only(entry: Entry) -> None:
    assert list(entry.finds(entry.bad)), entry.bad
    assert not list(entry.finds(entry.good)), entry.good


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.advice)[:30])
def test_advice_passes_all_entries(entry: Entry) -> None:
    assert not [other.bad for other in ENTRIES if list(other.finds(entry.good))]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.rst", "Title\n=====\n\nIt runs\nanew.\n"),
        ("a.md", "text\n\n```\nanew\n```\n`anew`\nanew\n"),
        ("a.py", '"""Doc."""\nx = 1\n\n\n# it runs anew\n'),
        ("a.py", 'anew = 1\nvalue = "anew"\n\n\nraise E(f"{anew} runs anew")\n'),
        ("a.js", "const anew = 'anew';\n/* one\n two */\n\n// it runs anew\n"),
        ("a.js", "// over `one`\n// it runs anew\n// `two`\n"),
        ("a.go", 'var anew = "anew"\n\n/* one */\n\nfail("it runs anew")\n'),
        ("a.toml", "anew = 'anew'\n\n\n\nx = 1 # it runs anew\n"),
    ],
)
def test_prose_is_found_with_its_line(path: str, text: str) -> None:
    assert [finding.line for finding in findings(path, text, ENTRIES)] == [text.count("\n", 0, text.rindex("anew")) + 1]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.rst", "See ``anew`` and :ref:`runtime-anew`::\n\n    anew\n\n.. code-block:: text\n\n   anew\n"),
        ("a.py", 'anew = ["anew", tell]\n'),
        ("a.js", "const pattern = /anew tell/;\nanew(tell);\n"),
        ("a.toml", "old = '''\nanew\n'''\nmore = [{ old = \"it is anew\", new = \"tell me\" }]\nsource = 'told = x'\n"),
    ],
)
def test_code_is_not_prose(path: str, text: str) -> None:
    assert findings(path, text, ENTRIES) == []


def test_docstring_start_is_checked_in_docstrings_only() -> None:
    text = 'def f():\n    """Give a value."""\n\n\n# Give it a name\nx = "Give me a name"\n'
    assert [finding.line for finding in findings("a.py", text, ENTRIES)] == [2]


def test_prose_keeps_the_number_of_lines() -> None:
    text = '"""One.\n\nTwo ``x``.\n"""\n\nx = (\n    "a b"\n)\n'
    assert prose("a.py", text).count("\n") == text.count("\n")
