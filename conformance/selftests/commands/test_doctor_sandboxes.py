"""The rungs of ``sandbox``: the hosts that pass them, and the advice for mistakes of hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.commands.test_doctor_guests import doctor, mistaken

ALWAYS = ["start", "hello", "flush", "defect", "run", "trap", "limit", "stop"]
FEATURES = "fuel time traps keep atomic snapshot export"
OUTCOME = 'outcome, output = (reply.get("ok", {}).get(name, "") for name in ("outcome", "output"))'


def host(folder: Path, *body: str, abi: str = "memory", features: str = FEATURES) -> str:
    """Return the command of the reference that claims only the sandbox; the body of a proxy makes the mistake."""
    named = [f"sandbox.{name}" for name in (f"abi.{abi}", *features.split())]
    claim = (
        'if op == "hello":',
        f"    return {{**reply, 'ok': {{**reply['ok'], 'profiles': ['sandbox'], 'formats': [], 'features': {named}}}}}",
    )
    return mistaken(folder, *claim, OUTCOME, *body)


@pytest.mark.parametrize(
    ("body", "rung", "advice", "rule"),
    [
        (
            'if outcome[:4] == "unre": return {"seq": seq, "error": {"message": "CompileError"}}',
            "defect memory BAD: sandbox.run",
            "`error` means that the adapter failed",
            "sandbox.module.unresolved",
        ),
        (
            'if outcome[:4] == "unre": return {"seq": seq, "refused": {"class": "malformed"}}',
            "defect memory BAD: sandbox.run",
            "bytes that are no module are `unresolved:module`, an outcome in `ok`",
            "sandbox.module.unresolved",
        ),
        (
            'if outcome: return {"seq": seq, "ok": {**reply["ok"], "outcome": "unresolved:module", "instance": None}}',
            "run memory BAD: sandbox.run",
            "run the module and return its two words, 101 and 1, with the outcome `done`; `output` is the n bytes from",
            "sandbox.run.fresh",
        ),
        (
            'if outcome: return {"seq": seq, "ok": {**reply["ok"], "output": output[:-11]}}',
            "run memory BAD: sandbox.run",
            "n is the u32 at address 8",
            "sandbox.run.fresh",
        ),
        (
            'if "trap" in outcome: return {"seq": seq, "ok": {**reply["ok"], "outcome": "failed:trap:unreachable"}}',
            "trap memory BAD: sandbox.run",
            "map the error of the engine by its code or class, never by its text",
            "sandbox.outcome.trap",
        ),
        (
            'if "trap" in outcome: raise SystemExit(134)',
            "trap memory BAD: dead:exit-134",
            "this module must not end or block the process of the sandbox",
            "sandbox.outcome.trap",
        ),
        (
            'if output[:3] == "DwA": return {"seq": seq, "ok": {**reply["ok"], "output": "Dg" + output[2:]}}',
            "limit memory BAD: sandbox.run",
            "`pages` of a request is the limit of the memory",
            "sandbox.pages.reached",
        ),
        (
            'if outcome == "unresolved:limit": return {"seq": seq, "ok": {**reply["ok"], "outcome": "done"}}',
            "limit memory BAD: sandbox.run",
            "may not begin with 17",
            "sandbox.pages.bound",
        ),
        (
            'if "exhausted" in outcome or outcome == "timeout": __import__("time").sleep(600)',
            "stop memory BAD: hung:blocked",
            "this loop has no end: stop the call after `ms` milliseconds, or when its `fuel` is spent",
            "sandbox.stop.any",
        ),
        (
            'if output[:3] == "ZgA": return {"seq": seq, "ok": {**reply["ok"], "output": "ZQAAAAAAAAABAAAAAAAAAA"}}',
            "keep memory BAD: sandbox.again",
            "`again` calls the entry of the kept instance with its memory, globals and tables",
            "sandbox.keep.state",
        ),
        (
            'if "refused" in reply: return {"seq": seq, "ok": {}}',
            "close memory BAD: sandbox.again",
            "requests with a closed handle are refused with `missing`; others stay valid",
            "sandbox.keep.closed",
        ),
        (
            'if op[8:] == "again" and output[:3] == "ZQA": return {"seq": seq, "ok": {**reply["ok"], "output": ""}}',
            "atomic memory BAD: sandbox.again",
            "restore memory, globals and tables after a call that is not `done`",
            "sandbox.fail.atomic",
        ),
        (
            'if op == "sandbox.resume": return {"seq": seq, "ok": {"instance": "i9"}}',
            "snapshot memory BAD: sandbox.again",
            "a snapshot is a copy, and each `resume` makes a new instance of it",
            "sandbox.fork.apart",
        ),
        (
            'if op == "sandbox.import": return {"seq": seq, "unsupported": {"feature": op}}',
            "export memory BAD: sandbox.import",
            "a claim in `hello` requires sandbox.import: implement it, or remove the claim",
            "sandbox.export.complete",
        ),
    ],
)
def test_mistake_of_a_host_is_reported_at_its_rung(
    body: str, rung: str, advice: str, rule: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out = doctor(host(tmp_path, body), capfd)
    assert code == 1
    lines = out.splitlines()
    at = next(place for place, line in enumerate(lines) if "BAD" in line)
    assert rung in lines[at], out
    shown = lines[at : at + 8]
    assert advice in next(line for line in shown if line.startswith("   advice ")), out
    assert f"   rule      {rule}: `gritstone show {rule}`" in shown, out


@pytest.mark.parametrize("abi", ["memory", "wasi"])
def test_host_passes_every_rung_in_its_abi(abi: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = doctor(host(tmp_path, abi=abi), capfd)
    assert code == 0, out
    names = [" ".join(line.split()[1:3]) for line in out.splitlines()]
    further = ("keep", "close", "atomic", "snapshot", "export")
    assert names[3:-1] == [f"{name} {abi}" for name in (*ALWAYS[3:], *further)]


def test_probe_is_made_for_the_claimed_abi(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = doctor(host(tmp_path, abi="extism", features="fuel"), capfd)  # which the reference does not have
    assert code == 1
    assert ["defect", "extism", "ok"] in [line.split()[1:4] for line in out.splitlines()]
    assert "run extism BAD: sandbox.run" in out
    assert "`output` is the output of the plug-in's call; a `run` that returns 0 is `done`" in out


def test_expected_outcomes_are_listed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = 'if "exhausted" in outcome: return {"seq": seq, "ok": {**reply["ok"], "outcome": "failed"}}'
    code, out = doctor(host(tmp_path, body, features="fuel"), capfd)
    assert code == 1
    assert "   path      /outcome\n   expected  exhausted:fuel or timeout\n   got       failed\n" in out


def test_host_is_asked_only_what_it_claims(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = doctor(host(tmp_path, features="time"), capfd)
    assert code == 0, out
    assert [line.split()[1] for line in out.splitlines()] == [*ALWAYS, "restart"]


def test_trap_without_a_name_passes_if_traps_are_not_claimed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = 'if "trap" in outcome: return {"seq": seq, "ok": {**reply["ok"], "outcome": "failed"}}'
    code, out = doctor(host(tmp_path, body, features="fuel"), capfd)
    assert code == 0, out
    code, out = doctor(host(tmp_path, body, features="fuel traps"), capfd)
    assert code == 1
    assert "trap memory BAD: sandbox.run" in out


def test_sandbox_without_the_floor_ends_at_hello(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = doctor(host(tmp_path, features=""), capfd)
    assert code == 1
    assert "hello BAD: protocol:sandbox.hello.floor" in out
    assert "advice    claim at least one `sandbox.abi.*`, and `sandbox.fuel` or `sandbox.time`" in out
