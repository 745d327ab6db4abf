"""The words of requirement, and the blocks of a chapter that are checked for them."""

from __future__ import annotations

import pytest
from requirement_lint import data, findings, words

PATTERNS = words()


@pytest.mark.parametrize("entry", data()["word"], ids=lambda entry: str(entry["bad"]))
def test_word_is_found_in_bad_example_only(entry: dict[str, str]) -> None:
    assert list(findings("a.rst", entry["bad"], PATTERNS))
    assert not list(findings("a.rst", entry["good"], PATTERNS))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One.\n\nIt is\nrefused.\n", [4]),
        ("It is refused (:rule:`grit.tree.key-order`).\n", []),
        ("See :rule:`grit.tree.key-order`.\n\nIt is refused.\n", [3]),
        (
            "It is refused\n(:rule:`grit.tree.key-order`): in two cases:\n\n* it must\n* it is refused\n\nIt must.\n",
            [7],
        ),
        ("Two cases:\n\n* it must (:rule:`grit.tree.key-order`)\n* it is refused\n", [4]),
        ("====\nmust\n====\n", [2]),
        ("A rule (:rule:`grit.tree.key-order`) has a table:\n\n====  ====\nmust  must\n====  ====\n", []),
        (
            "It is (:rule:`grit.tree.key-order`):\n\n.. list-table::\n   :widths: 1\n\n   * - must\n     - must\n",
            [],
        ),
        (".. rule:: grit.tree.key-order\n   :level: MUST\n\n   It MUST.\n\nIt must.\n", [6]),
        (".. code-block:: text\n\n   must\n\nAs in::\n\n   must\n", []),
        (".. note:: It must\n   stay.\n", [1]),
        (".. note::\n\n   It must stay.\n", [3]),
        (".. glossary::\n\n   page\n      It must stay.\n", [4]),
        (".. figure:: a.svg\n\n   It must stay.\n", [3]),
        (".. image:: a.svg\n   :alt: It must stay.\n", [2]),
        ("+------+------+\n| name | must |\n+------+------+\n", [2]),
        ('It is "refused", which\nmeans that it must.\n', [2]),
        ("``must`` and :ref:`must`\n", []),
        ("Then a\nname is ``missing``, and ``s`` must stay.\n", [2, 2]),
        ("A name is ``missing`` (:rule:`grit.bundle.exact`).\n", []),
        ("A ``missing`` name is a reference.\n", []),
    ],
)
def test_requirement_is_found_outside_rules(text: str, lines: list[int]) -> None:
    assert [finding.line for finding in findings("a.rst", text, PATTERNS)] == lines
