"""``gritstone verify --against``: each target is judged by the rules; a difference outside every rule is a dispute."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cli import main
from gritstone_conformance.comparing import against as against_module
from gritstone_conformance.comparing.against import Side, compare_sides
from gritstone_conformance.comparing.transcripts import CaseTranscript, Entry, Reel, Transcript, entry_of
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.results.report import Report
from selftests.fakes.reports import comparison_lines
from selftests.fakes.subject import HELLO
from selftests.terminal import REFERENCE, mutant

WRONG = mutant("last-writer-wins")  # two copies give the same answers
CASE = "grit/cas/expected-other-target"


def verdicts(report: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return {line["case"]: line["verdict"] for line in lines if line["type"] == "case"}


def against(report: Path, *commands: str, glob: str) -> tuple[int, list[dict[str, Any]]]:
    first, *others = commands
    more = [word for other in others for word in ("--against", other)]
    code = main(["verify", "--iut", first, *more, "-k", glob, "--report", str(report)])
    return code, comparison_lines(report.with_name("report.against.jsonl"))


@pytest.mark.rule("suite.dispute.no-vote")
@pytest.mark.parametrize("right", ["A", "B", "C"])
def test_two_equal_wrong_targets_do_not_outvote_a_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: str
) -> None:
    commands = [REFERENCE if letter == right else WRONG for letter in "ABC"]
    code, lines = against(tmp_path / "report.jsonl", *commands, glob=CASE)
    names = {"A": "report.jsonl", "B": "report.b.jsonl", "C": "report.c.jsonl"}
    found = {letter: verdicts(tmp_path / name)[CASE] for letter, name in names.items()}
    assert found == {letter: "pass" if letter == right else "fail" for letter in "ABC"}
    assert code == (0 if right == "A" else 1), "the exit code is not that of the first target"
    differences = [line for line in lines if line["type"] == "difference"]
    assert differences, "no difference from the first target is shown"
    for line in differences:
        assert line["finding"] == "settled"
        assert set(line["broken"]) == set(line["answers"]) - {right}
        assert right in line["answers"]
    assert f"SETTLED {CASE}" in capsys.readouterr().out


@pytest.mark.rule("suite.dispute.no-vote")
@pytest.mark.parametrize("codes", [(0, 1, 1), (1, 0, 0), (3, 1, 0)])
def test_exit_code_is_that_of_the_first_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...]
) -> None:
    ends, header = iter(codes), {"iut": HELLO, "attach": "stdio", "command": ["adapter"]}
    monkeypatch.setattr(against_module, "verify", lambda *_: next(ends))
    monkeypatch.setattr(against_module, "read_report", lambda _: Report(header, (), {}))
    targets = [Target.parse(command, None) for command in ("one", "two", "three")]
    report = tmp_path / "report.jsonl"
    context = RunContext(targets[0], report=report)
    given = (context, targets[1:], lambda *_: pytest.fail("unexpected progress report"), sys.stdout)
    assert against_module.verify_against(*given) == codes[0]
    *_, footer = comparison_lines(tmp_path / "report.against.jsonl")
    assert footer["exit"] == codes[0]


def script(
    *answers: Reply | SubjectFault, verdict: str = "pass", rule: str | None = None, step: int = 0
) -> CaseTranscript:
    entries = [entry_of("grit.cas", {"store": "s", "n": number}, answer) for number, answer in enumerate(answers)]
    failed = 0 if verdict == "fail" else None
    return CaseTranscript.of(verdict, rule, [entries], failed, step if verdict == "fail" else None)


def compared(one: CaseTranscript, other: CaseTranscript) -> tuple[list[dict[str, Any]], list[str], int]:
    sides = [Side(letter, letter, Transcript({"a/b": each})) for letter, each in (("A", one), ("B", other))]
    findings, unlike, count = compare_sides(*sides)
    return [finding.to_json() for finding in findings], unlike, count


DONE, MISSING, STALE = Ok({}), Refused("missing"), Refused("rejected", "conflict")


@pytest.mark.rule("suite.dispute.no-vote")
def test_difference_without_a_failed_rule_is_a_dispute() -> None:
    (line,), unlike, count = compared(script(DONE, MISSING), script(DONE, STALE))
    assert (line["finding"], line["broken"], line["step"], line["path"]) == ("dispute", {}, 1, "")
    expected = {"A": {"refused": "missing", "code": None}, "B": {"refused": "rejected", "code": "conflict"}}
    assert line["answers"] == expected
    assert (unlike, count) == ([], 1)


@pytest.mark.rule("suite.dispute.no-vote")
def test_later_failure_does_not_settle_an_earlier_difference() -> None:
    one = script(MISSING, DONE, DONE)
    other = script(STALE, DONE, MISSING, verdict="fail", rule="grit.ref.atomic", step=2)
    lines, _, _ = compared(one, other)
    assert [(line["finding"], line["step"]) for line in lines] == [("dispute", 0), ("settled", 2)]
    assert lines[1]["broken"] == {"B": "grit.ref.atomic"}


@pytest.mark.rule("suite.dispute.no-vote")
def test_both_targets_can_fail_in_different_ways() -> None:
    one = script(MISSING, verdict="fail", rule="grit.ref.cas")
    other = script(STALE, verdict="fail", rule="grit.ref.cas")
    (line,), _, _ = compared(one, other)
    assert line["broken"] == {"A": "grit.ref.cas", "B": "grit.ref.cas"}


@pytest.mark.parametrize("verdict", ["skip", "error"])
def test_unanswered_requests_are_not_compared(verdict: str) -> None:
    assert compared(script(DONE), script(MISSING, verdict=verdict)) == ([], [], 0)


def test_death_is_not_compared_as_an_answer() -> None:
    assert compared(script(DONE, DONE), script(DONE, SubjectFault("dead:signal-KILL", ""))) == ([], [], 1)


def test_path_of_a_difference_inside_an_answer_is_reported() -> None:
    (line,), _, _ = compared(script(Ok({"refs": [["a", "1"]]})), script(Ok({"refs": [["a", "2"]]})))
    assert (line["path"], line["answers"]) == ("/refs/0/1", {"A": "1", "B": "2"})


def test_cursor_spellings_and_paths_are_not_differences() -> None:
    assert compared(script(Ok({"cursor": "7"})), script(Ok({"cursor": "x7"}))) == ([], [], 1)
    assert compared(script(Ok({"cursor": "7"})), script(Ok({"cursor": None})))[0][0]["finding"] == "dispute"
    one, other = (
        entry_of("grit.open", {"dir": f"{gettempdir()}/tmpabcdef{name}/tmpxyz_12{name}/store"}, DONE)
        for name in ("ab", "cd")
    )
    assert one == other


def test_cases_with_different_requests_are_counted() -> None:
    entries = [[entry_of("grit.has", {"ids": [number]}, DONE)] for number in range(2)]
    one, other = (CaseTranscript.of("pass", None, [each]) for each in entries)
    assert compared(one, other) == ([], ["a/b"], 1)


def test_long_texts_are_shortened_and_still_differ() -> None:
    one, other = (entry_of("grit.get", {"id": "x"}, Ok({"bytes": "A" * 999 + end})) for end in "AQ")
    assert isinstance(one, Entry)
    assert len(str(one.answer)) < 300
    assert one.answer != other.answer


@pytest.mark.parametrize("answers", [(Ok({"$": "any"}), DONE), (Ok({"a": {"$": []}}), Ok({"a": 1}))])
def test_answered_text_is_not_read_as_a_binding_name(answers: tuple[Reply, Reply]) -> None:
    one, other = (script(answer) for answer in answers)
    assert len(compared(one, other)[0]) == len(compared(other, one)[0]) == 1


def test_deeply_nested_answer_is_compared() -> None:
    deep: Json = {}
    for _ in range(900):
        deep = {"a": [deep]}
    assert compared(script(Ok(deep)), script(Ok(deep))) == ([], [], 1)
    assert len(compared(script(Ok(deep)), script(DONE))[0]) == 1


def many(count: int, last: int) -> Ok:
    return Ok({"ids": [*range(count), last]})


@pytest.mark.rule("suite.bounds.each")
def test_large_answer_is_kept_as_length_and_digest() -> None:
    large, other = script(many(1 << 20, 0)), script(many(1 << 20, 1))
    assert len(large.examples[0]) < 1000
    (entry,) = large.entries(0)
    assert len(entry.answer["ok"]) < 100
    assert compared(large, large) == ([], [], 1)
    for one in (other, script(DONE)):
        (line,), _, _ = compared(large, one)
        assert (line["finding"], line["path"], line["args"]) == ("dispute", "", {"store": "s", "n": 0})
        assert len(json.dumps(line)) < 1000


@pytest.mark.rule("suite.bounds.each")
def test_example_keeps_a_limited_number_of_answers() -> None:
    scripts = []
    for end in (19, 0):
        reel = Reel(room=60_000)
        for at in range(20):
            reel.add(entry_of("grit.has", {"n": at}, many(1000, at if at < 19 else end)))  # 4 KB
        scripts.append(CaseTranscript("pass", None, (reel.packed(),)))
    kept = [isinstance(entry.answer["ok"], dict) for entry in scripts[0].entries(0)]
    assert kept == [True] * kept.index(False) + [False] * (20 - kept.index(False))
    assert 10 < kept.index(False) < 18
    (line,), _, _ = compared(*scripts)
    assert (line["step"], line["path"]) == (19, "")


@pytest.mark.rule("suite.bounds.each")
def test_full_answers_are_compared_with_digests() -> None:
    small, full = Transcript(), Transcript(room=1)
    for transcript in (small, full):
        for case in ("a/b", "a/c"):
            reel = transcript.reel()
            reel.add(entry_of("grit.refs", {}, Ok({"refs": [case]})))
            transcript.scripts[case] = CaseTranscript("pass", None, (transcript.keep(reel),))
    (first,), (second,) = (full.scripts[case].entries(0) for case in ("a/b", "a/c"))
    assert (first.answer, second.answer["ok"][:9]) == ({"ok": {"refs": ["a/b"]}}, "…16 bytes")
    assert compare_sides(Side("A", "A", small), Side("B", "B", full)) == ([], [], 2)
    small.scripts["a/c"] = script(Ok({"refs": []}))
    assert compare_sides(Side("A", "A", small), Side("B", "B", full))[1:] == (["a/c"], 2)


@pytest.mark.parametrize("option", [("--jobs", "2"), ("--search",), ("--shard", "0/2")])
def test_incompatible_options_are_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    report = str(tmp_path / "report.jsonl")
    assert main(["verify", "--iut", "true", "--against", "true", *option, "--report", report]) == 2
    assert "cannot be combined with" in capsys.readouterr().err
