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
        (
            'if op == "session.prepare": return {"seq": seq, "unsupported": {"feature": op}}',
            "opens framed-sha256 BAD: session.prepare",
            "advice    a claim in `hello` requires session.prepare: implement it, or remove the claim",
        ),
        (
            'if op == "session.archive" and "ok" in reply: return {"seq": seq, "ok": {"step": "0" * 64}}',
            "archives framed-sha256 BAD: session.archive",
            "advice    `heads/S` becomes `archived/S`",
        ),
        (
            'if op == "session.restore" and "ok" in reply: return {"seq": seq, "refused": {"class": "missing"}}',
            "restores framed-sha256 BAD: session.restore",
            "advice    the head is the archived step",
        ),
    ],
    ids=["step", "turn", "tools", "opens", "archives", "restores"],
)
def test_doctor_advises_on_mistakes_of_sessions(
    body: str, rung: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output = doctor(mistaken(tmp_path, body), capfd)
    assert code != 0
    assert rung in output
    assert words in output
