"""Files of expected failures: parsing, the lines of each entry, rejection of invalid files, and edits by accept."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.results.expect_edits import spell_entry, with_changes, with_entries
from gritstone_conformance.results.expect_files import LARGEST_BYTES, ExpectFile, parse_expectations, read_expectations
from gritstone_conformance.results.expectations import Expectation
from gritstone_conformance.schemas import violation

PATH = Path("acme.expect.toml")
GOOD = """\
# what acme knows

# a comment of the first entry
[[expect]]
case = "grit/tree/*"  # "[[expect]]" in a comment
signature = "expected refused:invalid got ok"
kind = "bug"
reason = '''
[[expect]]
matches = 9
'''
expires = 2027-03-01
matches = 3   # three of them

# a comment that stands alone

[[ expect ]]
rule = "grit.ref.cas-atomic"
signature = "history gap"
kind = "suite-dispute"
reason = "the text says \\"may\\""
issue = "https://example.org/17"
matches = 1
"""
ENTRY = 'case = "grit/tree/a"\nsignature = "late"\nkind = "wontfix"\nreason = "r"\n'


def read(text: str | bytes) -> ExpectFile:
    return parse_expectations(PATH, text if isinstance(text, bytes) else text.encode())


def entries(text: str | bytes) -> tuple[Expectation, ...]:
    return read(text).expectations.entries


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_entry_is_read_with_its_lines(newline: str) -> None:
    first, second = entries(GOOD.replace("\n", newline))
    assert first == Expectation(
        "expected refused:invalid got ok",
        "bug",
        "[[expect]]\nmatches = 9\n",
        case="grit/tree/*",
        expires="2027-03-01",
        matches=3,
        lines={
            "first": 4,
            "last": 13,
            "case": 5,
            "signature": 6,
            "kind": 7,
            "reason": 8,
            "expires": 12,
            "matches": 13,
        },
    )
    assert (second.reason, second.issue, second.lines["first"], second.lines["last"]) == (
        'the text says "may"',
        "https://example.org/17",
        17,
        23,
    )


def test_file_without_entries_is_valid() -> None:
    assert entries("") == entries("# nothing is known\n") == ()


BAD: dict[str, tuple[str | bytes, int, str]] = {
    "BOM": (b"\xef\xbb\xbf" + GOOD.encode(), 1, "begins with a byte order mark"),
    "UTF-16": (GOOD.encode("utf-16"), 1, "begins with a byte order mark"),
    "not UTF-8": (GOOD.encode().replace(b"three of", b"three \xff of"), 13, "byte 0xff is not UTF-8"),
    "no TOML": (GOOD + "oh no\n", 24, "invalid TOML"),
    "CR alone": (GOOD.replace("\n", "\r"), 1, "invalid TOML"),
    "bad date": (GOOD.replace("2027-03-01", "2027-02-30"), 12, "invalid TOML"),
    "date in quotes": (GOOD.replace("2027-03-01", '"2027-03-01"'), 12, "expires must be a day without quotes"),
    "date with time": (GOOD.replace("2027-03-01", "2027-03-01T00:00:00Z"), 12, "expires must be a day"),
    "unknown key": (GOOD.replace("kind = ", 'knid = "x"\nkind = ', 1), 7, "unknown key 'knid'"),
    "unknown table": (GOOD + "[more]\n", 24, "unknown key 'more'"),
    "unknown top": ("version = 1\n" + GOOD, 1, "unknown key 'version'"),
    "lines": (GOOD.replace("kind = ", "lines = {}\nkind = ", 1), 7, "unknown key 'lines'"),
    "one table": ("[expect]\n" + ENTRY, 1, "each entry must be a table [[expect]]"),
    "inline": ('expect = [{case = "x"}]\n', 1, "each entry must be a table [[expect]]"),
    "no signature": (GOOD.replace('signature = "history gap"\n', ""), 17, "the entry has no signature"),
    "empty reason": ("[[expect]]\n" + ENTRY.replace('"r"', '" "'), 5, "reason must be a text that is not empty"),
    "number for text": ("[[expect]]\n" + ENTRY.replace('"late"', "7"), 3, "signature must be a text"),
    "case and rule": ("[[expect]]\n" + ENTRY + 'rule = "x"\n', 1, "exactly one of case and rule"),
    "neither": ("[[expect]]\n" + ENTRY.partition("\n")[2], 1, "exactly one of case and rule"),
    "unknown kind": ("[[expect]]\n" + ENTRY.replace("wontfix", "maybe"), 4, "kind is 'maybe', not one of bug, wontfix"),
    "bug for ever": ("[[expect]]\n" + ENTRY.replace("wontfix", "bug"), 1, "a bug requires its last day"),
    "dispute without issue": (GOOD.replace('issue = "https://example.org/17"\n', ""), 17, "requires issue, the URL"),
    "issue": (GOOD.replace("https://", ""), 22, "issue must be a URL"),
    "glob without matches": ("[[expect]]\n" + ENTRY.replace("/a", "/?"), 1, "requires matches"),
    "rule without matches": ("[[expect]]\n" + ENTRY.replace("case", "rule"), 1, "requires matches"),
    "no matches": (GOOD.replace("matches = 3", "matches = 0"), 13, "matches must be a number from 1"),
    "true matches": (GOOD.replace("matches = 3", "matches = true"), 13, "matches must be a number from 1"),
    "too many": (GOOD.replace("matches = 3", "matches = 1000001"), 13, "matches must be a number from 1"),
    "huge number": (GOOD.replace("matches = 3", "matches = 1" + "0" * 5000), 13, "invalid TOML"),
    "one case, two matches": ("[[expect]]\n" + ENTRY + "matches = 2\n", 6, "matches must be 1 if case is"),
    "never run": ("[[expect]]\n" + ENTRY.replace("late", "not-run"), 3, "not-run does not describe a case"),
    "deep": ("x = " + "[" * 100_000, 1, "invalid TOML"),
}


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize("fault", BAD)
def test_invalid_file_is_rejected_with_the_line(fault: str) -> None:
    text, line, words = BAD[fault]
    with pytest.raises(UsageError, match=r"^acme\.expect\.toml:") as caught:
        read(text)
    assert words in str(caught.value)
    if fault not in ("huge number", "CR alone"):  # the parser reports these without a line
        assert str(caught.value).startswith(f"{PATH}:{line}: ")


def test_oversized_file_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(UsageError, match="expected at most 1048576 bytes"):
        read_expectations(path)
    path.write_bytes(b"#" * LARGEST_BYTES)
    assert read_expectations(path).expectations.entries == ()


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_expectations(tmp_path / "none.toml")


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


PARSED = [fault for fault in BAD if BAD[fault][2] != "invalid TOML" and fault not in ("BOM", "UTF-16", "not UTF-8")]


@pytest.mark.parametrize("fault", [fault for fault in PARSED if fault not in ("date in quotes", "inline")])
def test_schema_rejects_what_the_reader_rejects(fault: str) -> None:
    text = BAD[fault][0]
    assert isinstance(text, str)
    assert violation("expect", as_json(tomllib.loads(text))) is not None


def test_schema_accepts_what_the_reader_accepts() -> None:
    for text in (GOOD, "", "[[expect]]\n" + ENTRY, "[[expect]]\n" + ENTRY + "matches = 1\n"):
        assert violation("expect", as_json(tomllib.loads(text))) is None


def test_entries_are_appended_as_they_are_read() -> None:
    new = Expectation(
        'say "no"\x7f \\', "suite-dispute", "a\nb", rule="grit.x.y", issue="https://x.example/1", matches=2
    )
    for text in ("", GOOD, GOOD.rstrip("\n")):
        added = with_entries(read(text), [new, new])
        assert added.startswith(text)
        again = entries(added)
        assert [each.signature for each in again[-2:]] == [new.signature] * 2
        assert again[-1].reason == "a\nb"
    assert spell_entry(new)[0] == "[[expect]]"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_unedited_lines_are_unchanged(newline: str) -> None:
    text = GOOD.replace("\n", newline)
    file = read(text)
    first, second = file.expectations.entries
    changed = with_changes(file, [(first, {"matches": "4", "expires": "2028-01-01"})])
    expected = GOOD.replace("matches = 3 ", "matches = 4 ").replace("2027-03-01", "2028-01-01")
    assert changed == expected.replace("\n", newline)
    longer = with_changes(file, [(second, {"expires": "2028-01-01"})])
    assert longer == text + f"expires = 2028-01-01{newline}"
    assert with_changes(file, []) == text


def test_removing_an_entry_removes_the_comment_above_it() -> None:
    file = read(GOOD)
    first, second = file.expectations.entries
    without = with_changes(file, [(first, {})])
    assert without.startswith("# what acme knows\n\n# a comment that stands alone\n\n[[ expect ]]")
    assert with_changes(file, [(second, {})]).endswith("# a comment that stands alone\n\n")
    assert with_changes(file, [(first, {}), (second, {})]) == "# what acme knows\n\n# a comment that stands alone\n\n"
    top = read("# the file\n[[expect]]\n" + ENTRY + "# the end\n")
    assert with_changes(top, [(top.expectations.entries[0], {})]) == "# the file\n# the end\n"
