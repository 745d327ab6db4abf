"""The rungs of flows, and the advice for mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.commands.test_doctor_guests import doctor, mistaken


@pytest.mark.parametrize(
    ("body", "rung", "words"),
    [
        (
            'if op == "flow.eval" and "refused" in reply: return {"seq": seq, "ok": {"value": True}}',
            "expression BAD: flow.eval",
            "advice    `and` binds before `or`",
        ),
        (
            'if op == "flow.render": return {"seq": seq, "ok": {"value": args["template"]}}',
            "template BAD: flow.render",
            "advice    a text that is a path becomes its value",
        ),
        (
            'if op == "flow.check": return {"seq": seq, "ok": {"defects": []}}',
            "check BAD: flow.check",
            "advice    all defects of the stage",
        ),
    ],
    ids=["expression", "template", "check"],
)
def test_doctor_advises_on_mistakes_of_flows(
    body: str, rung: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output = doctor(mistaken(tmp_path, body), capfd)
    assert code != 0
    assert rung in output
    assert words in output
