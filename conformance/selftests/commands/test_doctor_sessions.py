"""The rungs of sessions, and the advice for mistakes of their guests."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.commands.test_doctor_guests import doctor, mistaken


@pytest.mark.parametrize(
    ("body", "rung", "words"),
    [
        (
            'if op == "wit.step" and args["actor"].startswith("717696"): return {"seq": seq, "ok": {"step": "0" * 64}}',
            "session framed-sha256 BAD: wit.step",
            "advice    the first step: the core as sent",
        ),
        (
            'if op == "wit.query" and args["name"] == "prepare": return {"seq": seq, "ok": {"result": None}}',
            "turn framed-sha256 BAD: wit.query",
            "advice    a commit appends both messages",
        ),
        (
            'if op == "wit.step" and args["actor"].startswith("675b2a"): return {"seq": seq, "ok": {"step": "0" * 64}}',
            "tools framed-sha256 BAD: wit.step",
            "advice    a call opens",
        ),
    ],
    ids=["step", "turn", "tools"],
)
def test_doctor_advises_on_mistakes_of_sessions(
    body: str, rung: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output = doctor(mistaken(tmp_path, body), capfd)
    assert code != 0
    assert rung in output
    assert words in output
