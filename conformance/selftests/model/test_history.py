"""The history checker: it accepts the history of a runtime, and reports each fault with its word, rule and place."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.bundle import scan, write
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import BLAME, FAULTS, Finding
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.model.values import Blob
from gritstone_conformance.rules import scan_rules
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.programs import ACTOR, append, query, send
from gritstone_conformance.strategies.scenarios import Injection, Scenario, Stage
from selftests.fakes.forgeries import FORGED, base, lost
from selftests.fakes.forging import Scribe, reforge
from selftests.fakes.staging import ball_game, drawn, run_lowest, run_scenario

SEEDS = range(15)
GOLDEN = {
    ("framed-sha256", 3): (6822, "8fac4742007487b2d98469f97ee75e72c4c68d169fbba472bc1805f541217fb2"),
    ("cbor-blake3", 3): (6410, "92089d029d5406c5d1c6dcd856e980b8f39d43089843ebb623ee1d98ddda64e2"),
    ("framed-sha256", None): (4761, "a9b139071d25cf56cfe0190fe5df32fa64d88cbbe67d64f9fde48cb2f3e3afab"),
    ("cbor-blake3", None): (4355, "e6b67da27cf035844934018365b104c44cbbddcddbf923bd2401c102b27cd76e"),
}


def judge(data: bytes, *, at_rest: bool = True) -> Verdict:
    return check_history(scan(data), at_rest=at_rest, is_whole=True)


def first(verdict: Verdict) -> Finding:
    assert verdict.findings, "the verdict has no findings"
    return verdict.findings[0]


@pytest.mark.parametrize("limit", [3, None])
def test_golden_histories_are_legal(fmt: Format, limit: int | None) -> None:
    data = run_lowest(ball_game(fmt, limit=limit)).store.export()
    assert (len(data), data[-32:].hex()) == GOLDEN[fmt.name, limit]
    verdict = judge(data)
    assert verdict.is_legal
    assert not verdict.unverified
    assert verdict.recomputed == verdict.steps - (4 if limit else 5)  # the rest are steps of the agent


@pytest.mark.parametrize("seed", SEEDS)
def test_history_of_a_runtime_is_legal(fmt: Format, seed: int) -> None:
    runtime = run_scenario(drawn(fmt, seed), seed)
    verdict = check_history(
        scan(runtime.store.export()), at_rest=True, max_attempts=runtime.config.max_attempts, is_whole=True
    )
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.unverified == []
    assert verdict.structural == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_cut_histories_are_legal(fmt: Format, seed: int) -> None:
    runtime = run_scenario(drawn(fmt, 1000 + seed, cleanups=True), seed)
    runtime.collect()
    verdict = check_history(scan(runtime.store.export()), at_rest=True, max_attempts=runtime.config.max_attempts)
    assert [str(finding) for finding in verdict.findings] == []


def test_actor_may_send_itself_a_message_again_after_a_cut(fmt: Format) -> None:
    stage = Stage(Graph(fmt))
    actor = stage.core(b"a")
    note = stage.program(append("log", b"."))
    again = stage.program(send(ACTOR, 0, mode=b"s"), note)
    mail = (
        Injection(actor, (("mt", "genesis"),), actor),
        Injection(actor, (), again),
        Injection(actor, (("mt", "cleanup"),), stage.program(send(ACTOR, 0, mode=b"s"), again)),
    )
    runtime = run_lowest(Scenario(stage.graph, (actor,), mail))
    verdict = check_history(scan(runtime.store.export()), at_rest=True)
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.history is not None
    chain = verdict.history.chains[actor]
    assert chain.cut
    assert chain.inboxes[0][actor] == chain.inboxes[-1][actor] != chain.inboxes[1][actor]


@pytest.mark.parametrize("seed", range(3))
def test_history_stays_legal_if_a_blob_is_erased(fmt: Format, seed: int) -> None:
    verdicts = list(judged_without_each_blob(fmt, run_scenario(drawn(fmt, seed), seed).store.export()))
    assert [verdict.findings for verdict in verdicts] == [[]] * len(verdicts)
    assert sum(len(verdict.unverified) for verdict in verdicts) > len(verdicts) // 4


def test_history_stays_legal_if_the_blob_of_an_answer_is_erased(fmt: Format) -> None:
    stage = Stage(Graph(fmt))
    asked, asking = stage.core(b"asked"), stage.core(b"asking")
    path, note = stage.blob(b"log"), stage.program(append("log", b"."))
    question = stage.program(query(0, "get", 1, "answer"), asked, path)
    mail = (
        *(Injection(actor, (("mt", "genesis"),), actor) for actor in (asked, asking)),
        *(Injection(asked, (), note), Injection(asking, (), question), Injection(asked, (), note)),
    )
    runtime = run_lowest(Scenario(stage.graph, (asked, asking), mail))
    verdicts = list(judged_without_each_blob(fmt, runtime.store.export()))
    assert [verdict.findings for verdict in verdicts] == [[]] * len(verdicts)
    assert any("answer to a query" in words for verdict in verdicts for words in verdict.unverified)


def judged_without_each_blob(fmt: Format, data: bytes) -> Iterator[Verdict]:
    """Yield the verdict on a history for each of its blobs, of which the bundle has only the tombstone."""
    bundle = scan(data)
    for erased in [each for each, shape in bundle.shapes.items() if isinstance(shape, Blob)]:
        frames = {each: None if each == erased else bundle.encoding(each) for each in bundle.shapes}
        yield check_history(scan(write(fmt, bundle.references, frames)))


def flips(history: History, actor: bytes, index: int) -> dict[str, bytes | None]:
    """Return for each field of a step another existing value of the right kind, if there is one."""
    step = history.chains[actor].steps[index]
    others = [other for chain in history.chains.values() for other in chain.steps if other != step]
    found: dict[str, bytes | None] = {}
    for name in ("actor", "inbox", "outbox", "core"):
        values = [getattr(other, name) for other in others if getattr(other, name) != getattr(step, name)]
        if values:
            found[name] = values[index % len(values)]
    if index > 1:
        found["previous"] = history.chains[actor].steps[index - 1].previous
    return found


def names(verdict: Verdict, actor: bytes, index: int) -> bool:
    """Return whether a verdict names a step; a head of another actor is found through its reference."""
    return any(
        (finding.place.actor, finding.place.index) == (actor, index)
        or (finding.rule == "grit.ref.target" and actor.hex() in finding.words)
        for finding in verdict.findings
    )


@pytest.mark.parametrize("seed", range(8))
def test_changed_step_field_is_reported_at_its_step(fmt: Format, seed: int) -> None:
    data = run_scenario(drawn(fmt, 50 + seed), seed).store.export()
    history = judge(data).history
    assert history is not None
    tried = silent = 0
    for actor, chain in history.chains.items():
        for index in range(len(chain)):
            for name, value in flips(history, actor, index).items():
                forged = judge(reforge(data, actor, index, **{name: value}), at_rest=False)
                tried += 1
                if forged.is_legal:
                    # the agent may retract and resend; fewer steps may read mail without effect
                    assert name == "previous" or (actor == history.agent and name == "outbox"), (name, index)
                    silent += 1
                    continue
                wanted = index - 1 if name == "previous" else index
                assert names(forged, actor, wanted) or actor == history.agent, (name, index, str(first(forged)))
    assert tried > 5
    assert silent < tried


@pytest.mark.parametrize("limit", [2, None])
def test_any_other_value_of_a_field_is_reported_at_its_step(fmt: Format, limit: int | None) -> None:
    """Each field of each step is set to each value of that field in any step: the fault is at that step or the next."""
    data = run_lowest(ball_game(fmt, limit=limit)).store.export()
    history = judge(data).history
    assert history is not None
    steps = [step for chain in history.chains.values() for step in chain.steps]
    tried = 0
    for actor, chain in history.chains.items():
        for index, step in enumerate(chain.steps):
            for name in ("previous", "actor", "inbox", "outbox", "core"):
                for value in {getattr(other, name) for other in steps} - {getattr(step, name)}:
                    forged = judge(reforge(data, actor, index, **{name: value}), at_rest=False)
                    tried += 1
                    if forged.is_legal:
                        # the agent may send anything; fewer steps may read mail without effect
                        assert name == "previous" or (actor == history.agent and name == "outbox"), (name, index)
                    elif name != "previous" and actor != history.agent:
                        assert names(forged, actor, index) or names(forged, actor, index + 1), (name, index)
    assert tried > 100


def test_missing_object_is_reported(fmt: Format) -> None:
    bundle = scan(run_lowest(ball_game(fmt)).store.export())
    frames = bundle.frames()
    for identity in frames:
        left = {each: encoding for each, encoding in frames.items() if each != identity}
        verdict = check_history(scan(write(fmt, bundle.references, left)))
        assert first(verdict).fault == "bundle"
        assert any(identity.hex() in finding.words for finding in verdict.findings)


def test_reordered_channel_is_reported_at_its_place(fmt: Format) -> None:
    scribe = Scribe.of(fmt)
    a = scribe.born(b"a")
    empty = scribe.stage.program(b"")
    mail = [scribe.inject(a, empty, mt) for mt in ("one", "two", "three")]
    for number in (0, 2, 1):
        scribe.act(a, reads={scribe.agent: mail[number]})
    found = first(judge(scribe.bundle()))
    assert (found.fault, found.place.actor, found.place.index) == (
        "crowd",
        a,
        3,
    )  # the fault reaches back to the genesis


def test_unmodified_history_is_legal(fmt: Format) -> None:
    scribe, *_ = base(fmt)
    assert judge(scribe.bundle()).is_legal


@pytest.mark.parametrize("name", FORGED)
def test_forged_history_is_reported(fmt: Format, name: str) -> None:
    scribe, a, b = base(fmt)
    forge, fault = FORGED[name]
    forge(scribe, a, b)
    verdict = judge(scribe.bundle())
    assert first(verdict).fault == fault, [str(finding) for finding in verdict.findings]


def test_rest_is_checked_only_on_request(fmt: Format) -> None:
    scribe, a, b = base(fmt)
    lost(scribe, a, b)
    assert judge(scribe.bundle(), at_rest=False).is_legal


def test_step_of_another_actor_is_reported(fmt: Format) -> None:
    scribe, a, b = base(fmt)
    between = scribe.stage.graph.add(replace(scribe.step_of(b), previous=scribe.heads[b], actor=a))
    scribe.write(b, replace(scribe.step_of(b), previous=between))
    found = first(judge(scribe.bundle()))
    assert (found.fault, found.place.path) == ("foreign", f"heads/{b.hex()}~1/actor")


def test_faults_are_those_of_the_spec() -> None:
    text = (spec_dir() / "runtime" / "history.rst").read_text(encoding="utf-8")
    table = text[text.index("- no.") : text.index("What only the outside can know")]
    words = re.findall(r"^     - ``([a-z-]+)``$", table, re.MULTILINE)
    assert list(FAULTS) == words
    order = text.partition("code-block:: text\n\n   1 ")[2].partition("\n")[0]
    assert [1, *map(int, order.split())] == list(BLAME)
    known = {rule.id for rule in scan_rules(spec_dir())}
    assert {rule for _, rule in FAULTS.values()} <= known


def test_check_takes_linear_time() -> None:
    """The time for a long history is proportional to its length; the check does not depend on the format."""
    seconds = []
    for limit in (200, 1600):
        bundle = scan(run_lowest(ball_game(FRAMED_SHA256, limit=limit)).store.export())
        started = time.process_time()
        verdict = check_history(bundle, at_rest=True)
        seconds.append((time.process_time() - started) / verdict.steps)
        assert verdict.is_legal
    assert seconds[1] < 2.5 * seconds[0]
