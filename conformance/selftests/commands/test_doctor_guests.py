"""The rungs of ``wasm``: the implementations that pass them, and the advice for mistakes of guest hosts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from selftests.paths import SELFTESTS

REFERENCE = (sys.executable, "-m", "gritstone.harness")
# a proxy in front of the reference; the body of `change` makes the mistake
PROXY = """
import sys
sys.path.insert(0, {room!r})
from selftests.fakes.liar import LIARS, Liar, serve
from selftests.fakes.lies import edited

def change(request, reply):
    op, args, seq = request["op"], request["args"], request["seq"]
    refusal = reply.get("refused", {{}}).get("code", "")
{body}
    return None

LIARS["mistaken"] = Liar(edited(change), None, spoils=0)
raise SystemExit(serve("mistaken", sys.argv[1:]))
"""


def mistaken(folder: Path, *body: str) -> str:
    path = folder / "mistaken.py"
    lines = "\n".join(f"    {line}" for line in body)
    path.write_text(PROXY.format(room=str(SELFTESTS.parent), body=lines), encoding="utf-8")
    return shlex.join([sys.executable, str(path), *REFERENCE])


def doctor(iut: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["doctor", "--iut", iut])
    return code, capfd.readouterr().out


@pytest.mark.parametrize(
    ("body", "rung", "words"),
    [
        (
            'if op == "wasm.admit": return {"seq": seq, "unsupported": {"feature": op}}',
            "admit BAD: wasm.admit",
            "advice    a claim in `hello` requires wasm.admit: implement it, or remove the claim",
        ),
        (
            'if op == "wasm.admit": return {"seq": seq, "ok": {}}',
            "strict BAD: wasm.admit",
            "advice    the spec, not the engine, defines valid modules",
        ),
        (
            'if op == "wasm.meter": return {"seq": seq, "ok": {"module": args["module"]}}',
            "meter BAD: wasm.meter",
            "advice    the metered form is fixed byte for byte",
        ),
        (
            'if op == "wit.step" and args["actor"][:4] not in ("6d95", "401a"):'  # not those of the rung `wit`
            ' return {"seq": seq, "ok": {"step": args["actor"]}}',
            "guest framed-sha256 BAD: wit.step",
            "advice    the first step of the counter in the spec",
        ),
        (
            'if op == "wit.query": return {"seq": seq, "ok": {"result": None}}',
            "query framed-sha256 BAD: wit.query",
            "advice    a query reads the core of the step",
        ),
        (
            'if "trap" in refusal: return {"seq": seq, "error": {"message": "wasm trap: unreachable"}}',
            "trap framed-sha256 BAD: wit.step",
            "advice    `error` means that the adapter failed",
        ),
        (
            'if "trap" in refusal: raise SystemExit(134)',
            "trap framed-sha256 BAD: dead:exit-134",
            "asked     wit.step",
        ),
        (
            'if "fuel" in refusal: return {"seq": seq, "ok": {"step": args["head"]}}',
            "fuel framed-sha256 BAD: wit.step",
            "advice    count the original module",
        ),
        (
            'if op == "grit.refs" and len(args["prefix"]) > 64: return {"seq": seq, "ok": {"refs": [], "more": False}}',
            "actor framed-sha256 BAD: grit.refs",
            "advice    an actor whose code is a module runs like any other",
        ),
    ],
)
def test_mistake_is_reported_at_its_rung(
    body: str, rung: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out = doctor(mistaken(tmp_path, body), capfd)
    assert code == 1
    first_bad = next(line for line in out.splitlines() if "BAD" in line)
    assert rung in first_bad
    assert words in out


def test_executor_passes_without_a_runtime(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    claim = (
        'if op == "hello":',
        "    kept = {'durable', 'files', 'external'}",
        "    features = sorted(kept.intersection(reply['ok']['features'])) + ['wasm.executor']",
        "    return {**reply, 'ok': {**reply['ok'], 'profiles': ['grit', 'wit'], 'features': features}}",
    )
    code, out = doctor(mistaken(tmp_path, *claim), capfd)
    assert code == 0, out
    words = list(dict.fromkeys(line.split()[1] for line in out.splitlines()))
    assert words[words.index("wit") :] == [
        "wit",
        "admit",
        "strict",
        "meter",
        "guest",
        "query",
        "trap",
        "fuel",
        "restart",
    ]


def test_implementation_without_wasm_gets_no_guest_request(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    claim = 'if op == "hello": return {**reply, "ok": {**reply["ok"], "profiles": ["grit"], "features": []}}'
    code, out = doctor(mistaken(tmp_path, claim), capfd)
    assert code == 0, out
    assert "admit" not in out
