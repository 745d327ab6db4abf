"""Checks of transitions, queries, marks, receipts and rest that no vector reaches: each rejects its defect.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gritstone_conformance import model
from gritstone_conformance.model.away import is_away, stopped_at
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.evidence import open_history
from gritstone_conformance.model.executor import Executor, _Watch
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.freezing import frozen_paths
from gritstone_conformance.model.graph import TOMBSTONE, Tombstone
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.law import Foreign
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.matching import _of_kinds
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.queries import answer_query
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.stepwise import _of_first
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.transition import make_step
from gritstone_conformance.model.values import Message, Object, Step
from gritstone_conformance.strategies import programs
from selftests.fakes.forging import Scribe


@pytest.fixture
def scribe(fmt: Format) -> Scribe:
    """Return a scribe with an agent, in either format."""
    return Scribe.of(fmt)


def findings_of(scribe: Scribe, fault: str, *, at_rest: bool = False) -> list[str]:
    """Return the findings of one fault in the history of a scribe, as text."""
    findings = check_history(scan(scribe.bundle()), at_rest=at_rest, is_whole=True).findings
    return [finding.words for finding in findings if finding.fault == fault]


def mark(scribe: Scribe, actor: bytes, sender: bytes, message: bytes) -> None:
    """Mark an actor with a message that is claimed to fail."""
    box = scribe.box({sender: message})
    assert box is not None
    scribe.marks[actor] = box


def test_mark_must_name_a_message_that_was_sent(scribe: Scribe) -> None:
    actor = scribe.stage.core(b"x")
    mark(scribe, actor, scribe.agent, scribe.message(None, actor, "genesis"))
    assert findings_of(scribe, "mark") == ["the mark names a message that was never sent, or that was read"]


@pytest.mark.parametrize(("ops", "fails"), [(programs.fail(), True), (programs.leave("k"), False)])
def test_mark_must_name_a_message_that_fails(scribe: Scribe, ops: bytes, fails: bool) -> None:
    actor = scribe.born(b"a")
    mark(scribe, actor, scribe.agent, scribe.inject(actor, scribe.stage.program(ops)))
    assert findings_of(scribe, "mark") == ([] if fails else ["the message that the mark names does not fail"])


def receipt(scribe: Scribe, to: bytes, reply: str, data: bytes = b"") -> None:
    """Send a receipt from the agent."""
    last = scribe.mail(scribe.step_of(scribe.agent).outbox).get(to)
    headers = (("mt", "receipt"), ("reply", reply), ("class", "failed"))
    message = scribe.stage.graph.add(Message(last, headers, scribe.stage.blob(data)))
    scribe.act(scribe.agent, sends={to: message})


def sent(scribe: Scribe) -> tuple[bytes, bytes]:
    """Return an actor and a message that it sent."""
    actor, other = scribe.born(b"a"), scribe.born(b"b")
    message = scribe.message(None, scribe.stage.blob(b"x"))
    scribe.act(actor, reads={scribe.agent: scribe.inject(actor, scribe.stage.blob(b"y"))}, sends={other: message})
    return actor, message


def test_content_of_a_receipt_must_be_empty(scribe: Scribe) -> None:
    actor, message = sent(scribe)
    receipt(scribe, actor, message.hex())
    assert findings_of(scribe, "receipt") == []
    receipt(scribe, actor, message.hex(), b"x")
    assert [words.split(" ", 1)[1] for words in findings_of(scribe, "receipt")] == [
        "does not have the form of a receipt"
    ]


def test_receipt_must_spell_an_id_in_lower_case(scribe: Scribe) -> None:
    actor, message = sent(scribe)
    receipt(scribe, actor, message.hex().upper())
    assert [words.split(" ", 1)[1] for words in findings_of(scribe, "receipt")] == [
        "names no message that its receiver sent"
    ]


def test_unknown_actor_must_not_get_a_receipt(scribe: Scribe) -> None:
    receipt(scribe, scribe.stage.core(b"x"), "07" * 32)
    assert [words.split(" ", 1)[1] for words in findings_of(scribe, "receipt")] == [
        "names no message that its receiver sent"
    ]


def test_first_step_must_read_only_its_genesis_message(scribe: Scribe) -> None:
    actor = scribe.stage.core(b"x")
    mail = scribe.message(None, scribe.stage.blob(b"y"))
    genesis = scribe.message(None, actor, "genesis")
    boxes = {
        (): {scribe.agent: genesis},
        ("no-genesis",): {scribe.agent: mail},
        ("crowded",): {scribe.agent: scribe.message(mail, actor, "genesis")},
    }
    for faults, box in boxes.items():
        scribe.write(actor, Step(None, actor, scribe.box(box), None, actor))
        history = open_history(scan(scribe.bundle()))
        chain = history.chains[actor]
        assert tuple(finding.fault for finding in _of_first(history, chain)) == faults
        assert [finding.fault for finding in _of_kinds(history, chain, 0, ())] == ["still"]


def test_cleanup_waits_only_for_other_mail(scribe: Scribe) -> None:
    actor = scribe.born(b"a")
    cleanup = scribe.inject(actor, scribe.stage.blob(b"x"), "cleanup")
    assert findings_of(scribe, "lost", at_rest=True) == [
        f"the message {cleanup.hex()} of the kind cleanup was left unread"
    ]
    mail = scribe.message(None, scribe.stage.program(programs.leave("k")))
    other = scribe.born(b"b")
    scribe.act(other, reads={scribe.agent: scribe.inject(other, scribe.stage.blob(b"y"))}, sends={actor: mail})
    assert findings_of(scribe, "lost", at_rest=True) == []


def test_transition_sleeps_no_longer_than_its_limit() -> None:
    watch = _Watch(10)
    watch.sleep(10)
    with pytest.raises(Failure, match="timeout"):
        watch.sleep(1)
    _Watch(0).sleep(1 << 20)


def stored(scribe: Scribe, core: bytes, *, limits: Limits | None = None) -> tuple[Store, bytes]:
    """Return a store with the history of a scribe, and a step in it that has a core."""
    step = scribe.stage.graph.add(Step(None, core, None, None, core))
    store = Store(scribe.stage.graph.format, limits if limits is not None else Limits())
    scribe.stage.graph.fill(store)
    return store, step


def test_absent_actor_has_no_proposal(scribe: Scribe) -> None:
    absent = b"\7" * 32
    genesis = scribe.message(None, absent, "genesis")
    store, _ = stored(scribe, scribe.stage.core(b"a"))
    with pytest.raises(Refusal, match="actor"):
        Executor(store).admit(absent, None, [(scribe.agent, genesis)], genesis)


def test_erased_answer_is_not_an_answer(scribe: Scribe) -> None:
    answer = scribe.stage.blob(b"x")
    store, step = stored(scribe, scribe.stage.core(b"a", k=answer))
    assert answer_query(Shelf.over(store), step, "get", b"k") == answer
    store.erase(answer)
    with pytest.raises(Refusal, match="erased"):
        answer_query(Shelf.over(store), step, "get", b"k")


def end_of(work: Callable[[], object]) -> type[Exception] | None:
    """Return the exception with which a call ends, or ``NoneType``."""
    try:
        work()
    except (Foreign, Failure, Refusal) as end:
        return type(end)
    return None


def test_answers_of_other_code_cannot_be_predicted(scribe: Scribe) -> None:
    store, step = stored(scribe, scribe.stage.core(b"a", b"external:other/1"))
    assert end_of(lambda: answer_query(Shelf.over(store), step, "echo", b"")) is Foreign


def run(scribe: Scribe, core: bytes, ops: bytes = b"", limits: Limits | None = None) -> None:
    """Make an actor read one message whose content is a program."""
    message = scribe.message(None, scribe.stage.program(ops))
    store, step = stored(scribe, core, limits=limits)
    make_step(Shelf.over(store), Context(core), Proposal("ordinary", ((scribe.agent, message),)), step)


def test_results_of_other_code_cannot_be_predicted(scribe: Scribe) -> None:
    assert end_of(lambda: run(scribe, scribe.stage.core(b"a", b"external:other/1"))) is Foreign


def test_oversized_object_fails_the_transition(scribe: Scribe) -> None:
    core, more = scribe.stage.core(b"a", k=scribe.stage.blob(b"x" * 600)), programs.append("k", b"x" * 600)
    ends = [end_of(partial(run, scribe, core, more, Limits(object_bytes=size))) for size in (2000, 1000)]
    assert ends == [None, Failure]


def test_model_of_wit_does_not_mention_higher_profiles() -> None:
    """Only the list of laws and the frozen paths name other profiles."""
    folder = Path(model.__file__).parent
    for name in ("transition", "queries", "cores", "host_code", "recompute", "admission", "proposals", "puppet"):
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert re.search("wasm|guest", text, re.IGNORECASE) is None, name


@pytest.mark.parametrize("has_wasm", [True, False])
def test_module_paths_are_frozen_in_every_frozen_core(scribe: Scribe, *, has_wasm: bool) -> None:
    """This includes a core whose ``wit`` is other code and in which only ``wit_query`` names a module."""
    stage = scribe.stage
    node = stage.blob(b"wasm:code/m" if has_wasm else b"external:puppet/1")
    tree = stage.tree(m=stage.blob(b"module"))
    core = stage.core(b"a", code=tree, wit_query=node, frozen=stage.blob(b""))
    store, _ = stored(scribe, core)
    paths = frozen_paths(Shelf.over(store), core)
    assert (["code", "m"] in (paths or [])) is has_wasm


def test_away_actor_stopped_at_its_own_first_step() -> None:
    actor, other = b"a" * 32, b"b" * 32
    objects: dict[bytes, Object | Tombstone] = {
        b"1": Step(None, actor, None, None, actor),
        b"2": Step(None, other, None, None, other),
        b"3": TOMBSTONE,
    }
    references = {
        f"archived/{actor.hex()}": b"3",
        f"closed/{actor.hex()}": b"2",
        f"gone/{actor.hex()}": b"1",
        f"moved/{other.hex()}": b"absent",
        f"tags/{other.hex()}": b"2",
    }
    assert stopped_at(references, objects) == {actor: b"1"}
    assert [is_away(references, each) for each in (actor, other, bytes(32))] == [True, True, False]
