"""HTML, JUnit and badges: derived from the report lines alone, scoped, reproducible; and the shape of JUnit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.planning.plan import shard_of
from gritstone_conformance.reporting.badge import make_badge, make_endpoint
from gritstone_conformance.reporting.junit import make_junit
from gritstone_conformance.reporting.page.whole import make_page
from gritstone_conformance.results.expectations import Stale
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.schemas import violation
from selftests.fakes.specimen import assemble, data, forged_bundle, passing, seal, specimen

MAKERS = {"html": make_page, "junit": make_junit, "svg": make_badge, "json": make_endpoint}
ADAPTER = f"{sys.executable} -m gritstone.harness"
SCOPE = ("acme 1.0", "conforms to grit of spec", "framed-sha256", "suite 0.1.0")


def options_for(folder: Path) -> list[str]:
    return [
        *("--html", str(folder / "r.html"), "--junit", str(folder / "r.xml")),
        *("--badge", str(folder / "r.svg")),
    ]


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("r.html", "r.xml", "r.svg")}


@pytest.mark.rule("suite.report.derived")
def test_derived_files_do_not_depend_on_the_directory(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "elsewhere" / "b"
    for folder in (first, second):
        folder.mkdir(parents=True)
        seal(folder / "report.jsonl", specimen())
    assert main(["report", str(first / "report.jsonl"), *options_for(first)]) == 1
    environment = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "COLUMNS": "61", "LC_ALL": "C"}
    command = [sys.executable, "-m", "gritstone_conformance.cli", "report", "report.jsonl", *options_for(Path())]
    done = subprocess.run(command, cwd=second, env=environment, capture_output=True)
    assert done.returncode == 1, done.stderr
    assert files(first) == files(second)


@pytest.mark.rule("suite.report.derived")
@pytest.mark.parametrize("form", MAKERS)
def test_derived_files_contain_neither_time_nor_place(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(tmp_path / "report.jsonl", specimen())
    report = read_report(tmp_path / "report.jsonl")
    here = MAKERS[form](report, data())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "61")
    assert MAKERS[form](report, data()) == here


@pytest.mark.rule("suite.report.derived", slow=True)
@pytest.mark.parametrize("more", [[], ["--jobs", "2"]], ids=["one", "jobs"])
def test_run_writes_the_same_files_as_its_report(tmp_path: Path, more: list[str]) -> None:
    report = str(tmp_path / "report.jsonl")
    verify = ["verify", "--iut", ADAPTER, "-k", "grit/tree/*", "--report", report, *more]
    assert main([*verify, *options_for(tmp_path)]) == 0
    of_run = files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        *("r.html", "r.svg", "r.xml", "report.jsonl"),
    ]
    assert main(["report", report, *options_for(tmp_path)]) == 0
    assert files(tmp_path) == of_run


def test_merged_report_writes_the_same_files(tmp_path: Path) -> None:
    whole = specimen()
    parts = []
    for index in range(2):
        dealt = tuple(one for one in whole.outcomes if one.kind == "watch" or shard_of(one.case, 2) == index)
        header = {**whole.header, "shard": [index, 2]}
        parts.append(str(seal(tmp_path / f"{index}.jsonl", assemble(dealt, header))))
    merged = tmp_path / "merged.jsonl"
    assert main(["report", *parts, "--merge", str(merged), *options_for(tmp_path)]) == 1
    assert (tmp_path / "r.html").read_text() == make_page(read_report(merged), data())


@pytest.mark.rule("suite.report.derived")
@pytest.mark.parametrize("form", MAKERS)
def test_changed_member_of_the_report_changes_its_files(form: str) -> None:
    report = passing()
    before = MAKERS[form](report, data())
    other = {**report.footer, "conforms": {"grit": False}, "exit": 1}
    assert MAKERS[form](replace(report, footer=other), data()) != before
    assert MAKERS[form](report, data()) == before


def test_audit_stores_a_history_to_draw(tmp_path: Path) -> None:
    (tmp_path / "store.grit").write_bytes(forged_bundle())
    report = str(tmp_path / "audit.jsonl")
    assert main(["audit", str(tmp_path / "store.grit"), "--report", report]) == 1
    assert main(["report", report, *options_for(tmp_path)]) == 1
    page = (tmp_path / "r.html").read_text()
    assert page.count('class="illegal"') == 1
    assert "Audit report" in page
    assert "not legal" in page
    for line in Path(report).read_bytes().splitlines():
        assert violation("report", json.loads(line)) is None


def test_older_page_is_removed_when_a_run_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.html").write_text("of yesterday")
    verify = ["verify", "--iut", ADAPTER, "--profile", "nonsense", "--report", str(tmp_path / "r.jsonl")]
    assert main([*verify, "--html", str(tmp_path / "r.html")]) == 2
    assert not (tmp_path / "r.html").exists()
    assert "nonsense" in capsys.readouterr().err


def test_unwritable_path_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = seal(tmp_path / "report.jsonl", passing())
    (tmp_path / "file").write_text("")
    assert main(["report", str(report), "--html", str(tmp_path / "file" / "r.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.rule("suite.report.claim")
@pytest.mark.parametrize("form", MAKERS)
def test_claim_names_its_scope(form: str) -> None:
    text = MAKERS[form](passing(), data())
    shown = json.loads(text)["message"] if form == "json" else text
    if form == "junit":
        named = ("acme", "1.0", "grit", "framed-sha256", "0.1.0", data().vectors.digest, '"spec" value=')
        assert all(word in text for word in named)
    else:
        assert all(word in shown for word in (*SCOPE, f"vectors {data().vectors.digest[:8]}"))


@pytest.mark.rule("suite.report.claim")
@pytest.mark.parametrize("form", ["html", "svg", "json"])
def test_failed_conformance_is_never_shown_as_success(form: str) -> None:
    text = MAKERS[form](specimen(), data())
    assert "conforms to" not in text
    assert "does not conform to grit" in text


_MUSTS = len(data().book.musts("grit"))
BASIS = f"framed-sha256 · no features · {_MUSTS} of {_MUSTS} rules tested"


@pytest.mark.parametrize(
    ("conforms", "exit_code", "message", "colour"),
    [
        ({"grit": True, "wit": True}, 0, f"grit wit · {BASIS}", "#1c6437"),
        ({"grit": True, "wit": False}, 1, f"grit, not wit · {BASIS}", "#874500"),
        ({"grit": False}, 1, "not grit", "#a12018"),
        ({"grit": False}, 0, "not grit", "#a12018"),  # expected failures
        ({}, 0, "no claim", "#5d584f"),
        ({"grit": False}, 3, "nothing was judged", "#5d584f"),
    ],
)
def test_badge_agrees_with_the_footer(conforms: dict[str, bool], exit_code: int, message: str, colour: str) -> None:
    report = passing()
    footer = {**report.footer, "conforms": conforms, "exit": exit_code}
    badge = ET.fromstring(make_badge(replace(report, footer=footer), data()))
    texts = [node.text for node in badge.iter("{http://www.w3.org/2000/svg}text")]
    fills = [node.get("fill") for node in badge.iter("{http://www.w3.org/2000/svg}rect")]
    assert texts == [f"gritstone spec {report.header['spec']}", message]
    assert fills[1] == colour


def test_stale_entries_are_a_failing_suite_of_their_own() -> None:
    stale = Stale("acme.expect.toml:1", "grit/tree/x", "it passes", ("- lines 1-5",))
    report = passing()
    report = replace(report, footer={**report.footer, "stale": [stale.to_json()], "unexpected": 1, "exit": 1})
    assert "acme.expect.toml:1" in make_page(report, data())
    root = ET.fromstring(make_junit(report, data()))
    assert root.get("failures") == "1"
    assert root.find("testsuite[@name='expect']/testcase/failure") is not None


ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "tests", "failures", "errors", "time", "disabled"}, {"testsuite"}),
    "testsuite": (
        {
            "name",
            "tests",
            "failures",
            "errors",
            "skipped",
            "time",
            "timestamp",
            "hostname",
            "id",
            "package",
            "disabled",
        },
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "classname", "time", "assertions", "status"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "skipped": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
}
"""Attributes and children that the schemas of the common build servers allow."""


@pytest.mark.parametrize("report", [specimen, passing])
def test_junit_has_the_shape_that_build_servers_read(report: Callable[[], Report]) -> None:
    root = ET.fromstring(make_junit(report(), data()))
    assert root.tag == "testsuites"
    for node in root.iter():
        attributes, children = ALLOWED[node.tag]
        assert node.attrib.keys() <= attributes
        assert {child.tag for child in node} <= children
    for suite in root:
        assert suite[0].tag == "properties"
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == len(suite.findall(f"testcase/{tag}"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])


def test_junit_lists_each_case_once_with_its_verdict() -> None:
    root = ET.fromstring(make_junit(specimen(), data()))
    found = {case.attrib["name"]: [child.tag for child in case] for case in root.iter("testcase")}
    assert found == {
        "grit/tree/two-names": [],
        "grit/tree/names-descending": ["failure"],
        "runtime/free/drawn-cbor": ["failure"],
        "grit/blob/huge": ["error"],
        "grit/blob/empty": ["skipped"],
        "wit/query/read": ["skipped"],
    }
    failure = root.find(".//testcase[@name='grit/tree/names-descending']/failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.attrib["message"].startswith("grit.tree.key-order: expected value got value")
    assert "\n  step 1 of 1" in failure.text
    known = root.find(".//testcase[@name='grit/blob/empty']/skipped")
    assert known is not None
    assert known.attrib["message"].startswith("known: bug until 2026-06-01")


def test_report_lines_with_drawings_match_the_schema(tmp_path: Path) -> None:
    for line in seal(tmp_path / "r", specimen()).read_bytes().splitlines():
        assert violation("report", json.loads(line)) is None
