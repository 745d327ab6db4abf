"""The rungs of sessions, and the advice for mistakes of their guests."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.commands.test_doctor_guests import doctor, mistaken


@pytest.mark.parametrize(
    ("body", "rung", "words"),
    [
        (
            'if op == "wit.step" and args["actor"][:4] not in ("6d95", "401a"):'  # not those of the rung `wit`
            ' return {"seq": seq, "ok": {"step": args["actor"]}}',
            "session framed-sha256 BAD: wit.step",
            "advice    the first step: the core as sent",
        ),
        (
            'if op == "wit.query": return {"seq": seq, "ok": {"result": None}}',
            "turn framed-sha256 BAD: wit.query",
            "advice    a commit appends both messages",
        ),
        (
            'if op == "grit.get" and "tool" in __import__("base64").urlsafe_b64decode('
            'reply["ok"]["bytes"] + "==").decode("latin-1"):'
            ' return {"seq": seq, "ok": {"bytes": ""}}',
            "tools framed-sha256 BAD: grit.get",
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
