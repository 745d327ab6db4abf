"""The rungs of images, and the advice for mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.commands.test_doctor_guests import doctor, mistaken


@pytest.mark.parametrize(
    ("body", "rung", "words"),
    [
        (
            'if op == "image.start": return {"seq": seq, "ok": {"kernel": "0" * 64}}',
            "journal framed-sha256 BAD: image.start",
            "advice    `image.start` makes the kernel actor",
        ),
        (
            'if op == "image.world" and args.get("seq") == 3: return {"seq": seq, "refused": {"class": "missing"}}',
            "image framed-sha256 BAD: image.world",
            "advice    compare the first record",
        ),
        (
            'if op == "image.request" and reply.get("ok", {}).get("outcome", {}).get("failed"): '
            'return {"seq": seq, "ok": {"seq": reply["ok"]["seq"], "outcome": {"committed": {}}}}',
            "rights framed-sha256 BAD: image.request",
            "advice    the capabilities that count",
        ),
        (
            'if op == "image.rollback": return {"seq": seq, "unsupported": {"feature": op}}',
            "rollback framed-sha256 BAD: image.rollback",
            "advice    a claim in `hello` requires image.rollback: implement it, or remove the claim",
        ),
    ],
    ids=["journal", "image", "rights", "rollback"],
)
def test_doctor_advises_on_mistakes_of_images(
    body: str, rung: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output = doctor(mistaken(tmp_path, body), capfd)
    assert code != 0
    assert rung in output
    assert words in output
