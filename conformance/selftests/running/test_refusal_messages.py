"""The message of a refusal is kept and shown, and decides no verdict.

Spec: :rule:`suite.message.refusal`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.judge import compare
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.reporting.markup import write_html
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.reporting.page.failures import failures_section
from gritstone_conformance.reporting.page.material import gather
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.schemas import violation
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.runs import BOOK, RULE, run
from selftests.fakes.specimen import assemble, data, header
from selftests.fakes.subject import Answer, FakeSubject, accept

WORDS = "the argument agent_id must be provided"


def asking(trial: Trial) -> None:
    trial.expect("grit.id", {"n": "drawn"}, {"ok": {"id": 1}})


def judging(trial: Trial) -> None:
    reply = trial.observe("grit.id", {"n": "judged"})
    trial.fail("an answer", type(reply).__name__, words="no answer")


def refusing(message: str | None) -> FakeSubject:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        return Refused("invalid", message=message)

    return FakeSubject(answer)


def outcomes(message: str | None) -> dict[str, Outcome]:
    properties = [Property(f"grit/tree/{body.__name__}", (RULE,), body) for body in (asking, judging)]
    return run(refusing(message), [accept()], properties=properties)


def block(outcome: Outcome, width: int = 100) -> list[str]:
    header: dict[str, Any] = {"attach": "stdio", "command": ["x"], "iut": {}}
    return Teller(BOOK, {}, header, Path(".gritstone"), width).block(outcome, {})


@pytest.mark.rule("suite.message.refusal")
@pytest.mark.parametrize("case", ["good", "asking", "judging"])
def test_refusal_message_is_kept_and_shown(case: str) -> None:
    outcome = outcomes(WORDS)[f"grit/tree/{case}"]
    line = outcome.to_json()
    assert line["divergence"]["message"] == WORDS
    assert violation("report", line, "case") is None
    divergence = Outcome.from_json(line).divergence
    assert divergence is not None
    assert divergence.message == WORDS
    assert f"  message      {WORDS}" in block(outcome)


@pytest.mark.rule("suite.message.refusal")
def test_refusal_message_changes_no_signature() -> None:
    one, other, none = outcomes(WORDS), outcomes("another text"), outcomes(None)
    for name in one:
        assert one[name].signature == other[name].signature == none[name].signature
        assert one[name].verdict == other[name].verdict == none[name].verdict == "fail"
    assert "message" not in none["grit/tree/good"].to_json()["divergence"]
    replies: list[Reply] = [Refused("missing", message=WORDS), Refused("missing", message=""), Refused("missing")]
    assert [compare({"refused": "missing"}, reply, {}) for reply in replies] == [None] * 3


@pytest.mark.rule("suite.message.refusal")
@pytest.mark.rule("suite.bounds.each")
def test_long_or_hostile_message_is_shortened_and_escaped() -> None:
    outcome = outcomes("\x1b[2J" + "long words " * 100_000)["grit/tree/good"]
    assert outcome.divergence is not None
    assert len(outcome.divergence.message or "") < 450
    lines = block(outcome, 80)
    assert any(line.startswith("  message      \\x1b[2Jlong words") for line in lines)
    assert all(len(line) <= 80 for line in lines if not line.startswith("  again"))


@pytest.mark.rule("suite.report.stable")
def test_message_omits_the_path_of_a_temporary_folder() -> None:
    folder = fresh_folder()
    try:
        outcome = outcomes(f"no such file: {folder}/file")["grit/tree/good"]
    finally:
        remove_folder(folder)
    assert outcome.divergence is not None
    assert outcome.divergence.message == "no such file: {place}/file"
    assert tempfile.gettempdir() not in json.dumps(outcome.to_json())


@pytest.mark.rule("suite.message.refusal")
def test_earlier_refusal_is_not_shown_with_a_later_failure() -> None:
    def late(trial: Trial) -> None:
        trial.observe("grit.id", {"n": "first"})
        trial.observe("grit.get", {"n": "second"})
        trial.fail(1, 2, words="no answer")

    def answer(op: str, args: dict[str, Json]) -> Answer:
        return Refused("invalid", message=WORDS) if op == "grit.id" else Ok({})

    found = run(FakeSubject(answer), properties=[Property("grit/tree/late", (RULE,), late)])["grit/tree/late"]
    assert found.divergence is not None
    assert found.divergence.message is None


@pytest.mark.rule("suite.message.refusal")
def test_page_shows_the_message_of_a_refusal() -> None:
    failed = outcomes("<b>no</b>\x07")["grit/tree/good"]
    section = failures_section(gather(assemble((failed,), header()), data()))
    assert section is not None
    assert "<dt>message</dt><dd><code>&lt;b&gt;no&lt;/b&gt;\\x07</code>" in write_html(section).replace("\n", "")
