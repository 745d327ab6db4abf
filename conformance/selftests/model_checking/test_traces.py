"""Histories replayed in the model: golden and forged ones, and changes of each step, get the verdict of the audit.

Spec: :rule:`suite.model.same`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from gritstone_conformance.attachment.base64url import decode_bytes
from gritstone_conformance.cli import main
from gritstone_conformance.commands import model
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model.bundle import Bundle, scan
from gritstone_conformance.model.evidence import has_history, open_history
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Step
from gritstone_conformance.model_checking import traces
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.model_checking.traces import FAULTS, replay, trace_module
from gritstone_conformance.rules import load_rules
from gritstone_conformance.strategies import programs
from gritstone_conformance.vectors.audits import load_audits
from selftests.fakes import forgeries as forgeries_of
from selftests.fakes.forging import Scribe
from selftests.fakes.staging import ball_game, drawn, run_lowest, run_scenario
from selftests.model_checking.fakes import CLEAN, fake_tlc

SAME: Final = {
    "foreign": "actor",
    "uncut": "previous",
    "no-genesis": "genesis",
    "crowded": "first",
    "vanished": "kept",
    "still": "progress",
    "unsent": "unsent",
    "twice": "twice",
    "stale": "order",
    "disorder": "order",
    "crowd": "fence",
    "outbox": "outbox",
    "agent-step": "agent",
    "cycle": "cycle",
    "returned": "returned",
    "no-loop": "no-loop",
}
"""Faults of the audit to those of the model."""

BEYOND: Final = {
    "bootstrap": "the model begins behind the first step of the agent, and has no form of it",
    "no-wit": "a core is a number in the model",
    "thawed": "a core is a number in the model",
    "recompute": "the model does not have the code of actors",
    "receipt": "the model has no class and code of receipts, and no time of a mark",
    "overtaken": "the model has no time of a mark",
    "mark": "whether a run of the message fails is recomputed",
    "residency": "notices of sessions are ordinary mail in the model",
    "journal": "the journal of an image is content in the model",
    "operation": "operations of an image are content in the model",
}
"""Faults that the model may accept, with the reason."""

Forgery = Callable[[Scribe, bytes, bytes], None]

AUDITS: Final = {audit.name: audit for file in load_audits() for audit in file.audits}


@cache
def bundles() -> dict[str, Bundle]:
    """Return the bundles of all golden and forged histories that can be read."""
    read = {name: scan(decode_bytes(audit.bundle)) for name, audit in AUDITS.items()}
    return {name: bundle for name, bundle in read.items() if not bundle.defects and has_history(bundle)}


@pytest.fixture(scope="module")
def replayed(tlc: Tlc) -> dict[str, list[traces.Refusal]]:
    """Return what the model refuses of each golden and forged history."""
    found = replay(tlc, [open_history(bundle) for bundle in bundles().values()])
    return dict(zip(bundles(), found, strict=True))


@pytest.mark.model
@pytest.mark.rule("suite.model.same", slow=True)
def test_model_accepts_every_legal_history(replayed: dict[str, list[traces.Refusal]]) -> None:
    refused = {name: list(map(str, found)) for name, found in replayed.items() if found}
    legal = {name for name, bundle in bundles().items() if check_history(bundle).is_legal}
    assert len(legal) > 300
    assert not refused.keys() & legal, {name: refused[name] for name in refused.keys() & legal}


@pytest.mark.model
@pytest.mark.rule("suite.model.same", slow=True)
def test_model_refuses_what_the_audit_refuses(replayed: dict[str, list[traces.Refusal]]) -> None:
    seen = set()
    for name, bundle in bundles().items():
        findings = check_history(bundle).findings
        if not findings:
            continue
        audited, found = findings[0].fault, replayed[name]
        seen.add(audited)
        if audited in SAME:
            assert [each.fault for each in found if each.fault == SAME[audited]], (name, audited, found)
            assert findings[0].place.actor in {each.actor for each in found}, (name, found)
        else:
            assert audited in BEYOND, (name, audited)
    assert seen == {*SAME, *BEYOND}


@pytest.mark.model
@pytest.mark.rule("suite.model.same", slow=True)
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mark-for-what-was-read", "mark"),
        ("mark-for-what-nobody-sent", "mark"),
        ("mark-for-an-update", "mark"),
        ("mark-without-receipt", "receipt"),
    ],
)
def test_some_marks_and_receipts_are_refused(replayed: dict[str, list[traces.Refusal]], name: str, fault: str) -> None:
    assert [each.fault for each in replayed[f"audit/history/{name}"]] == [fault]


def agent_reads(messages: Sequence[int]) -> Forgery:
    """Return a history in which the agent reads two signals of an actor in some order; 2 is one that was never sent."""

    def forge(scribe: Scribe, a: bytes, b: bytes) -> None:
        mail = [scribe.message(None, forgeries_of.program(scribe), mt) for mt in ("one", "two", "never")]
        for message in mail[:2]:
            request = scribe.inject(b, forgeries_of.program(scribe))
            scribe.act(b, reads={scribe.agent: request}, sends={scribe.agent: message})
        for number in messages:
            scribe.act(scribe.agent, reads={b: mail[number]})

    return forge


def foreign_step_of_the_agent(scribe: Scribe, a: bytes, b: bytes) -> None:
    scribe.write(scribe.agent, replace(scribe.step_of(scribe.agent), previous=scribe.heads[scribe.agent], actor=a))


def mark_without_a_head(scribe: Scribe, a: bytes, b: bytes) -> None:
    """An actor without a first step is marked for ordinary mail."""
    other = scribe.stage.core(b"never born")
    box = scribe.box({scribe.agent: scribe.inject(other, forgeries_of.program(scribe))})
    assert box is not None
    scribe.marks[other] = box


def mark_of_two_messages(scribe: Scribe, a: bytes, b: bytes) -> None:
    fails = forgeries_of.program(scribe, programs.fail())
    box = scribe.box({scribe.agent: scribe.inject(a, fails), b: scribe.message(None, fails)})
    assert box is not None
    scribe.marks[a] = box


def mark_of_a_stranger(scribe: Scribe, a: bytes, b: bytes) -> None:
    """The sender is no actor of the store."""
    box = scribe.box(
        {scribe.stage.core(b"stranger"): scribe.message(None, forgeries_of.program(scribe, programs.fail()))}
    )
    assert box is not None
    scribe.marks[a] = box


@pytest.mark.model
@pytest.mark.rule("suite.model.same", slow=True)
def test_forged_histories_beyond_the_vectors(tlc: Tlc) -> None:
    """The steps of the agent, and marks; each has the verdict of the audit, where the audit decides."""
    expected: dict[Forgery, list[str]] = {
        agent_reads((0, 1)): [],
        agent_reads((1,)): [],
        agent_reads((2,)): ["unsent"],
        agent_reads((0, 1, 0)): ["twice"],
        agent_reads((1, 0)): ["order"],
        foreign_step_of_the_agent: ["actor"],
        mark_without_a_head: ["mark"],
        mark_of_two_messages: ["mark"],
        mark_of_a_stranger: ["receipt"],
    }
    histories = []
    for forge in expected:
        scribe, a, b = forgeries_of.base(FRAMED_SHA256)
        forge(scribe, a, b)
        histories.append(scan(scribe.bundle()))
    found = replay(tlc, [open_history(bundle) for bundle in histories])
    assert [[each.fault for each in refusals] for refusals in found] == list(expected.values())
    audited = [{finding.fault for finding in check_history(bundle).findings} - {"recompute"} for bundle in histories]
    assert [bool(faults) for faults in audited] == [bool(refusals) for refusals in found]


def forged(data: bytes, actor: bytes, change: Callable[[list[Step]], list[Step]]) -> bytes:
    """Return a bundle in which the chain of an actor is another one, each step behind the one before it."""
    bundle = scan(data)
    assert bundle.format is not None
    store = Store(bundle.format)
    store.import_(data)
    chain: list[Step] = []
    at: bytes | None = bundle.references[f"heads/{actor.hex()}"]
    while at is not None:
        step = bundle.shapes[at]
        assert isinstance(step, Step)
        chain.append(step)
        at = step.previous
    head: bytes | None = None
    for step in change(chain[::-1]):
        encoding = bundle.format.encode(replace(step, previous=head))
        head = bundle.format.hash(encoding)
        store.keep({head: encoding})
    assert head is not None
    store.references[f"heads/{actor.hex()}"] = head
    return store.export()


def forgeries(data: bytes) -> Iterator[bytes]:
    """Yield a history with each of its steps left out, doubled, and in the place of the next one."""
    history = open_history(scan(data))
    for actor, chain in history.chains.items():
        for at in range(1, len(chain)):
            yield forged(data, actor, lambda steps, at=at: steps[:at] + steps[at + 1 :])  # type: ignore[misc]
            yield forged(data, actor, lambda steps, at=at: steps[: at + 1] + steps[at:])  # type: ignore[misc]
            yield forged(
                data,
                actor,
                lambda steps, at=at: [*steps[:at], *steps[at : at + 2][::-1], *steps[at + 2 :]],  # type: ignore[misc]
            )


HISTORIES: Final = {
    "game": run_lowest(ball_game(FRAMED_SHA256, limit=3)).store.export(),
    "drawn": run_scenario(drawn(FRAMED_SHA256, 5), 5).store.export(),
    "audit/history": decode_bytes(AUDITS["audit/history/mail-read-in-disorder-legal"].bundle),
    "audit/away": decode_bytes(AUDITS["audit/away/cut-and-adopted"].bundle),
}


@pytest.mark.model
@pytest.mark.rule("suite.model.same", slow=True)
@pytest.mark.parametrize("name", HISTORIES)
def test_every_change_of_a_step_is_refused_or_legal(tlc: Tlc, name: str) -> None:
    """A changed history that the audit accepts is one that the model has to accept too."""
    data = HISTORIES[name]
    changed = [each for each in forgeries(data) if each != data]
    assert len(changed) > 8
    found = replay(tlc, [open_history(scan(each)) for each in changed])
    refused = 0
    for each, refusals in zip(changed, found, strict=True):
        faults = {finding.fault for finding in check_history(scan(each)).findings}
        expected = {SAME[fault] for fault in faults if fault in SAME}
        assert bool(refusals) >= bool(expected), (faults, refusals)
        assert not refusals or faults, refusals
        refused += bool(refusals)
    assert refused > len(changed) // 2


REFUSED: Final = '<<"trace", 1, "1", 2, "twice">>\n<<"trace", 1, "refused">>\n'


@pytest.mark.rule("suite.model.same")
@pytest.mark.parametrize(
    ("said", "refused"),
    [('<<"trace", 1, "accepted">>\n', []), (REFUSED, ["twice"])],
)
def test_what_tlc_prints_is_the_verdict(tmp_path: Path, said: str, refused: list[str]) -> None:
    history = open_history(scan(run_lowest(ball_game(FRAMED_SHA256, limit=3)).store.export()))
    (found,) = replay(fake_tlc(tmp_path, said + CLEAN), [history])
    assert [each.fault for each in found] == refused
    for each in found:
        assert each.actor == min(history.chains.keys() - {history.agent})
        assert each.step == history.chains[each.actor].ids[1]
        assert each.rule == "runtime.head.once"


@pytest.mark.rule("suite.model.same")
@pytest.mark.parametrize("said", ["", '<<"trace", 1, "refused">>\n', REFUSED.replace('"refused"', '"accepted"')])
def test_history_without_a_verdict_is_not_accepted(tmp_path: Path, said: str) -> None:
    history = open_history(scan(run_lowest(ball_game(FRAMED_SHA256, limit=3)).store.export()))
    with pytest.raises(UsageError, match="TLC did not decide history 1"):
        replay(fake_tlc(tmp_path, said + CLEAN), [history])


@pytest.mark.model
@pytest.mark.usefixtures("tlc")
@pytest.mark.rule("suite.model.same", slow=True)
def test_trace_names_step_and_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("audit/history/read-twice", "audit/history/read-twice-legal")
    files = [tmp_path / f"{number}.grit" for number in range(2)]
    for file, name in zip(files, names, strict=True):
        file.write_bytes(decode_bytes(AUDITS[name].bundle))
    assert main(["model", "trace", *map(str, files)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"FAIL {files[0]}: ")
    assert "covers a message more often than it was sent (runtime.head.once)" in lines[1]
    assert lines[-1] == "2 histories: 1 refused"
    assert main(["model", "trace", str(files[1])]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 history: all are behaviours of the model"


@pytest.mark.rule("suite.model.same")
@pytest.mark.parametrize(
    ("name", "unchecked"),
    [
        ("audit/history/read-twice-legal", []),
        ("audit/away/adopted-after-equal-signals", ["what 1 actor read in another store"]),
        (
            "audit/away/adopted-and-cut",
            ["mail from 2 actors of which the bundle lacks steps", "what 1 actor read in another store"],
        ),
    ],
)
def test_trace_counts_what_it_cannot_check(
    name: str,
    unchecked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tlc = fake_tlc(tmp_path, '<<"trace", 1, "accepted">>\n' + CLEAN)
    monkeypatch.setattr(model, "find_tlc", lambda: tlc)
    file = tmp_path / "export.grit"
    file.write_bytes(decode_bytes(AUDITS[name].bundle))
    assert main(["model", "trace", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in said[1:-1]] == [f"not checked: {words}" for words in unchecked]


@pytest.mark.rule("suite.model.same")
@pytest.mark.parametrize("content", ["cut", "text", "without history", "absent"])
def test_bad_bundle_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    file = tmp_path / "export.grit"
    game = run_lowest(ball_game(FRAMED_SHA256)).store.export()
    data = {"cut": game[:-50], "text": b"no bundle", "without history": Store(FRAMED_SHA256).export()}.get(content)
    if data is not None:
        file.write_bytes(data)
    assert main(["model", "trace", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"gritstone: {file}: ")
    assert captured.err.count("\n") == 1
    assert not captured.out


@pytest.mark.rule("suite.model.same")
def test_trace_needs_a_file_and_other_tasks_take_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "trace"]) == 2
    assert main(["model", "check", "export.grit"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.rule("suite.model.same")
def test_history_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    history = open_history(scan(run_lowest(ball_game(FRAMED_SHA256, limit=3)).store.export()))
    steps = sum(map(len, history.chains.values()))
    monkeypatch.setattr(traces, "MOST_STEPS", steps)
    assert trace_module([history])
    monkeypatch.setattr(traces, "MOST_STEPS", steps - 1)
    with pytest.raises(UsageError, match=f"the history has {steps} steps of 3 actors"):
        trace_module([history])


def test_faults_name_rules() -> None:
    rules = load_rules().rules
    assert not [rule for rule, _ in FAULTS.values() if rule not in rules]
    assert {*SAME.values()} <= FAULTS.keys()
