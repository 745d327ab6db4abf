"""The rule scanner, the export and the drift check."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance import SPEC_VERSION, SPEC_VERSIONS, rules
from gritstone_conformance.errors import DataError
from gritstone_conformance.rules import (
    Rule,
    drifted,
    export_rules,
    freeze_version,
    load_rules,
    scan_rules,
    text_digest,
)
from selftests.paths import CHECKOUT

SENTENCE = "A tree's names MUST be in ascending byte order."
SOURCE = """Trees
=====

.. rule:: grit.tree.some-order
   :level: MUST
   :since: 0.1
   :needs: durable files

   A tree's names
   MUST be in ascending byte order.

Prose that follows, with a MUST outside a rule.

.. rule:: grit.tree.another
   :level: SHOULD
   :since: 0.1

   It SHOULD be pleasant.
"""


def make_spec(root: Path, source: str = SOURCE) -> Path:
    (root / "grit").mkdir(exist_ok=True)
    (root / "versions").mkdir(exist_ok=True)
    (root / "grit" / "objects.rst").write_text(source, encoding="utf-8")
    (root / "rules.json").write_text(export_rules(scan_rules(root)), encoding="utf-8")
    return root


def test_scan_reads_every_member(tmp_path: Path) -> None:
    another, order = scan_rules(make_spec(tmp_path))
    assert another.id == "grit.tree.another"
    assert order == Rule(
        "grit.tree.some-order", "MUST", "0.1", ("durable", "files"), SENTENCE, text_digest(SENTENCE), "grit/objects"
    )


def test_text_digest_folds_white_space() -> None:
    assert text_digest(SENTENCE)[:16] == "ad3c6fbfb2d5945d"
    assert text_digest(SENTENCE.replace(" ", "\n   ")) == text_digest(SENTENCE)
    assert text_digest(SENTENCE + "!") != text_digest(SENTENCE)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("grit.tree.another", "grit.Tree", "invalid rule id"),
        ("grit.tree.another", "grit.tree.some-order", "duplicate rule"),
        (":level: SHOULD", ":level: OUGHT", "expected :level:"),
        (":since: 0.1\n\n   It", ":colour: red\n\n   It", "expected :level:"),
        ("It SHOULD be", "It is", "does not contain SHOULD"),
        ("   It SHOULD be pleasant.\n", "", "exactly one paragraph"),
        ("pleasant.\n", "pleasant.\n\n   And tall.\n", "exactly one paragraph"),
    ],
)
def test_scan_rejects_invalid_rule(tmp_path: Path, old: str, new: str, words: str) -> None:
    make_spec(tmp_path)
    assert old in SOURCE
    source = SOURCE.replace(old, new)
    (tmp_path / "grit" / "objects.rst").write_text(source, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        scan_rules(tmp_path)


def test_required_follows_claims_and_level(tmp_path: Path) -> None:
    book = load_rules(make_spec(tmp_path))
    assert book.required("grit", ["durable"]) == ()
    assert book.required("grit", ["durable", "files", "erase"]) == ("grit.tree.some-order",)
    assert book.required("grit", level="SHOULD") == ("grit.tree.another",)
    assert book.required("wit") == ()


@pytest.mark.rule("suite.rules.frozen")
def test_newer_rules_are_unscored_after_the_freeze(tmp_path: Path) -> None:
    make_spec(tmp_path)
    only = [rule for rule in scan_rules(tmp_path) if rule.level == "SHOULD"]
    (tmp_path / "versions" / f"{SPEC_VERSION}.txt").write_text(freeze_version(only), encoding="utf-8")
    book = load_rules(tmp_path)
    assert book.required("grit", ["durable", "files"]) == ()
    assert book.required("grit", level="SHOULD") == ("grit.tree.another",)


@pytest.mark.rule("suite.rules.drift")
def test_changed_text_under_an_old_id_is_drift(tmp_path: Path) -> None:
    make_spec(tmp_path)
    (tmp_path / "versions" / "0.1.txt").write_text(freeze_version(scan_rules(tmp_path)), encoding="utf-8")
    assert drifted(load_rules(tmp_path)) == ()
    make_spec(tmp_path, SOURCE.replace("ascending", "descending"))
    assert [line.split()[1] for line in drifted(load_rules(tmp_path))] == ["grit.tree.some-order"]
    make_spec(tmp_path, SOURCE.replace("grit.tree.another", "grit.tree.other"))
    assert "grit.tree.another is missing" in drifted(load_rules(tmp_path))[0]


@pytest.mark.rule("suite.rules.drift")
def test_changed_level_is_drift(tmp_path: Path) -> None:
    book = load_rules(make_spec(tmp_path))
    rule = book.rules["grit.tree.some-order"]
    listed = (rule.id, "SHOULD", rule.digest[:16])
    assert drifted(replace(book, versions={"0.1": (listed,)})) != ()
    assert drifted(replace(book, versions={"0.1": ((rule.id, "MUST", rule.digest[:16]),)})) == ()


@pytest.mark.rule("suite.rules.frozen")
def test_frozen_list_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rules, "spec_dir", lambda: make_spec(tmp_path))
    frozen = tmp_path / "versions" / f"{SPEC_VERSION}.txt"
    assert rules.main(["--freeze"]) == 0
    before = frozen.read_text(encoding="utf-8")
    make_spec(tmp_path, SOURCE.replace("ascending", "descending"))
    assert rules.main(["--freeze"]) == 4
    assert "is final" in capsys.readouterr().err
    assert frozen.read_text(encoding="utf-8") == before


@pytest.mark.rule("suite.rules.known")
def test_rules_in_texts_and_docstrings_exist() -> None:
    known = set(load_rules().rules)
    files = (path for folder in ("conformance", "reference", "docs", "spec") for path in (CHECKOUT / folder).rglob("*"))
    unknown = {
        (path.name, name)
        for path in files
        if path.suffix in (".py", ".rst") and not {"node_modules", "_build"} & set(path.parts)
        for name in re.findall(r":rule:`([\w.-]+)`", path.read_text(encoding="utf-8"))
        if name not in known and name not in ("id", "x")
    }
    assert unknown == set()


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"spec": "0.1"}', b'{"spec": "0.1", "rules": [{"id": 1}]}'])
def test_load_rejects_bad_rule_file(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rules.json").write_bytes(content)
    with pytest.raises(DataError, match=r"rules\.json: invalid rule file"):
        load_rules(tmp_path)


def test_load_rejects_bad_version_line(tmp_path: Path) -> None:
    make_spec(tmp_path)
    (tmp_path / "versions" / "0.1.txt").write_text("grit.tree.another SHOULD\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"0\.1\.txt:1"):
        load_rules(tmp_path)


@pytest.mark.rule("suite.rules.drift")
def test_exported_rules_are_current_and_frozen_ones_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    assert rules.main(["--check"]) == 0, capsys.readouterr().err


def test_rules_belong_to_the_known_spec_versions() -> None:
    book = load_rules()
    assert book.spec == SPEC_VERSION
    assert {rule.since for rule in book.rules.values()} <= set(SPEC_VERSIONS)
    assert set(book.versions) <= set(SPEC_VERSIONS), "a frozen list belongs to an unknown spec version"


def test_frozen_list_holds_each_released_rule(tmp_path: Path) -> None:
    make_spec(tmp_path, SOURCE.replace(":since: 0.1", f":since: {SPEC_VERSION}"))
    released = scan_rules(tmp_path)
    (tmp_path / "versions" / f"{SPEC_VERSION}.txt").write_text(freeze_version(released), encoding="utf-8")
    book = load_rules(tmp_path)
    assert tuple(book.versions) == (SPEC_VERSION,)
    assert {triple[0] for triple in book.versions[SPEC_VERSION]} == set(book.rules)
