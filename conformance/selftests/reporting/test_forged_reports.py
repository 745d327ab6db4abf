"""Forged reports: a sealed report is either rejected, or every derived file can be made from it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.commands.diff import change_lines, changes_between
from gritstone_conformance.commands.report import report_lines
from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.badge import make_badge, make_endpoint
from gritstone_conformance.reporting.junit import make_junit
from gritstone_conformance.reporting.page.whole import make_page
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.results.report_lines import check_line
from gritstone_conformance.schemas import violation
from selftests.fakes.specimen import data, seal, specimen

ODD: tuple[Json, ...] = (None, True, -1, 0, 2**53 - 1, 0.5, "", "x", "\x00\u202e", [], [None], {}, {"": []})
"""What is put in the place of each member."""

NO_JSON = {
    "NaN": "is not JSON",
    "1e999": "is not JSON",
    "1" * 400: "is not JSON",
    '"\\ud800"': "lone surrogate",
    "[" * 100_000: "is not JSON",
    '{"a":' * 500 + "1" + "}" * 500: "nested more than 400 levels",
}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    report = specimen()
    path = seal(
        folder / "specimen.jsonl", Report({**report.header, "today": "2027-01-01"}, report.outcomes, report.footer)
    )
    return [json.loads(row) for row in path.read_bytes().splitlines()]


def sealed(path: Path, rows: list[str]) -> Path:
    """Write lines with a valid seal."""
    body = "".join(f"{row}\n" for row in rows[:-1]).encode()
    try:
        footer = {**json.loads(rows[-1]), "sha256": hashlib.sha256(body).hexdigest()}
    except (TypeError, ValueError, RecursionError):
        footer = None
    path.write_bytes(body + (rows[-1] if footer is None else json.dumps(footer)).encode() + b"\n")
    return path


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each member and of the first item of each list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*path, name)
        yield from places(item, (*path, name))


def put(line: dict[str, Any], path: tuple[Any, ...], value: Json) -> dict[str, Any]:
    changed: Any = copy.deepcopy(line)
    there = changed
    for name in path[:-1]:
        there = there[name]
    there[path[-1]] = value
    return changed  # type: ignore[no-any-return]


def make_everything(path: Path) -> None:
    report = read_report(path)
    for make in (make_page, make_junit, make_badge, make_endpoint):
        make(report, data()).encode()
    "\n".join(report_lines(report, path, data(), 80)).encode()
    "\n".join(change_lines(changes_between(specimen(), report))).encode()
    json.dumps(changes_between(report, specimen()).to_json()).encode()


@pytest.mark.parametrize("number", range(len(specimen().outcomes) + 2))
def test_report_with_a_changed_member_is_rejected_or_shown(tmp_path: Path, number: int) -> None:
    lines = lines_of(tmp_path)
    rows = [json.dumps(line) for line in lines]
    seen = {"refused": 0, "shown": 0}
    for path in places(lines[number]):
        shown = False  # equivalent values are shown once
        for value in ODD if len(path) < 4 else ODD[::3]:
            line = put(lines[number], path, value)
            try:
                check_line(line)
            except DataError:
                seen["refused"] += 1
                continue
            if shown and len(path) > 1:
                continue
            shown = True
            forged = sealed(tmp_path / "forged.jsonl", [*rows[:number], json.dumps(line), *rows[number + 1 :]])
            try:
                make_everything(forged)
                seen["shown"] += 1
            except DataError:
                seen["refused"] += 1
    assert seen["refused"] > 40
    assert seen["shown"] > 0


@pytest.mark.parametrize("text", NO_JSON, ids=lambda text: text[:8])
def test_invalid_report_is_rejected_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    rows = [json.dumps(line) for line in lines_of(tmp_path)]
    at = next(number for number, row in enumerate(rows) if '"got": ' in row)
    rows[at] = rows[at].replace('"got": ', f'"got": {text}, "got": ', 1) if text[0] in "[" else rows[at]
    line = json.loads(rows[at]) if text[0] not in "[" else None
    if line is not None:
        line["divergence"]["got"] = "HERE"
        rows[at] = json.dumps(line).replace('"HERE"', text)
    forged = sealed(tmp_path / "forged.jsonl", rows)
    assert main(["report", str(forged), "--html", str(tmp_path / "r.html")]) == 4
    message = capsys.readouterr().err
    assert NO_JSON[text] in message
    assert f"line {at + 1}" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("started",), "2027-99-99T00:00:00.000Z"),
        (("history", "illegal"), 10_000),
        (("history", "steps", 0, "actor"), 10_000),
        (("history", "messages", 0, "to"), 10_000),
        (("history", "cuts"), [{"label": "x", "after": [None, None, None, 10_000]}]),
        (("history", "cuts"), [{"label": "x", "after": []}]),
    ],
)
def test_dangling_index_is_rejected_though_it_fits_the_schema(
    tmp_path: Path, path: tuple[Any, ...], value: Json
) -> None:
    line = next(each for each in lines_of(tmp_path) if path[0] in each)
    forged = put(line, path, value)
    assert violation("report", forged) is None
    with pytest.raises(DataError, match=r"no such|not a valid date|0 entries"):
        check_line(forged)
