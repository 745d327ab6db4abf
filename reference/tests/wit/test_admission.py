"""Admission: every way to be illegal, next to what is legal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gritstone.errors import Refusal, Rejected
from gritstone.grit import Mailbox, Message, ObjectId, Step, Tree
from gritstone.wit import Executor, Run, read_proposal
from gritstone.wit.admission import Admitted, admit
from gritstone.wit.position import Position


class Case:
    """An actor at its second step, and a message to it."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.friend = bench.core("friend")
        self.actor, first = bench.born("a")
        send = b"S\0q\0\xf2S\0q\0\xf2W\1k\0\1v"
        self.head = bench.tell(self.actor, first, send, **{"00": self.friend})
        self.last: Position = bench.position(self.head, self.actor)
        self.message = bench.message(bench.blob(b"hi"), self.last.inbox[bench.outside])
        executor = Executor(bench.objects, bench.laws)
        proposal = read_proposal(executor.objects.load, self.actor, self.last, [(bench.outside, self.message)])
        self.run: Run = executor.prepare(self.actor, self.last, proposal, 1)
        self.good = Step(
            self.head,
            self.actor,
            bench.put(Mailbox({bench.outside: self.message})),
            self.last.step.outbox,
            self.last.step.core,
        )

    def admit(self, step: Step | ObjectId) -> Admitted:
        result = step if isinstance(step, bytes) else self.bench.put(step)
        executor = Executor(self.bench.objects, self.bench.laws)
        return admit(self.run, result, executor.closures, executor.roots, trust_heads=False)

    def refused(self, step: Step | ObjectId, rule: str) -> None:
        with pytest.raises(Rejected) as caught:
            self.admit(step)
        assert caught.value.code == "illegal-step"
        assert caught.value.rule == rule


@pytest.fixture
def case(bench: Any) -> Case:
    return Case(bench)


def test_valid_step_is_admitted(case: Case) -> None:
    admitted = case.admit(case.good)
    assert admitted.position.inbox == {case.bench.outside: case.message}
    assert admitted.sent == []


def test_actor_and_previous_must_match(case: Case) -> None:
    case.refused(replace(case.good, actor=case.friend), "wit.admit.actor")
    case.refused(replace(case.good, previous=None), "wit.admit.previous")
    case.refused(replace(case.good, previous=case.last.step.previous), "wit.admit.previous")


def test_inbox_must_move_along_its_channels(case: Case) -> None:
    put, outside = case.bench.put, case.bench.outside
    unsent = put(Message(case.message, {}, case.bench.blob(b"x")))
    case.refused(replace(case.good, inbox=None), "wit.admit.inbox-keep")
    case.refused(replace(case.good, inbox=put(Mailbox({case.friend: case.message}))), "wit.admit.inbox-keep")
    case.refused(replace(case.good, inbox=case.last.step.inbox), "wit.admit.progress")
    case.refused(replace(case.good, inbox=put(Mailbox({outside: unsent}))), "wit.admit.inbox-cursor")
    both = Mailbox({outside: case.message, case.friend: case.message})
    case.refused(replace(case.good, inbox=put(both)), "wit.admit.inbox-proposed")


def test_only_read_messages_need_a_closure(bench: Any) -> None:
    """A proposed message that a step leaves unread is not in its closure."""
    actor, head = bench.born("a")
    last = bench.position(head, actor)
    read = bench.message(bench.blob(b"hi"), last.inbox[bench.outside])
    unread = bench.message(b"\1" * 32, read)
    executor = Executor(bench.objects, bench.laws)
    proposal = read_proposal(executor.objects.load, actor, last, [(bench.outside, unread)])
    run = executor.prepare(actor, last, proposal, 1)
    for cursor, is_whole in ((read, True), (unread, False)):
        step = bench.put(Step(head, actor, bench.put(Mailbox({bench.outside: cursor})), None, last.step.core))
        if is_whole:
            assert admit(run, step, executor.closures, executor.roots, trust_heads=False).position.step_id == step
            continue
        with pytest.raises(Rejected) as caught:
            admit(run, step, executor.closures, executor.roots, trust_heads=False)
        assert caught.value.rule == "wit.admit.closed"


def test_outbox_must_continue_its_channels(case: Case) -> None:
    put, friend = case.bench.put, case.friend
    tip = case.last.outbox[friend]
    older = case.bench.objects.load(tip).previous
    content = case.bench.blob(b"x")

    def with_tip(message: ObjectId) -> Step:
        return replace(case.good, outbox=put(Mailbox({friend: message})))

    case.refused(with_tip(older), "wit.admit.outbox")
    case.refused(with_tip(put(Message(older, {}, content))), "wit.admit.outbox")
    case.refused(with_tip(put(Message(None, {}, b"z" * 32))), "wit.admit.closed")
    case.refused(with_tip(content), "wit.admit.kind")
    case.refused(replace(case.good, outbox=put(Mailbox({content: tip}))), "wit.admit.kind")
    queued = put(Message(put(Message(tip, {}, content)), {}, content))
    assert case.admit(with_tip(queued)).sent == [(friend, queued)]
    signal = put(Message(None, {}, content))
    assert case.admit(with_tip(signal)).sent == [(friend, signal)]
    assert case.admit(replace(case.good, outbox=None)).sent == [(friend, None)]


def test_core_must_be_a_tree_with_wit(case: Case) -> None:
    put, core = case.bench.put, dict(case.last.core)
    case.refused(replace(case.good, core=case.bench.blob(b"")), "wit.admit.kind")
    case.refused(replace(case.good, core=b"z" * 32), "wit.admit.closed")
    case.refused(replace(case.good, core=put(Tree({"k": core["k"]}))), "wit.admit.core")
    case.refused(replace(case.good, core=put(Tree({**core, "wit": case.actor}))), "wit.admit.core")
    case.refused(replace(case.good, core=put(Tree({**core, "new": b"z" * 32}))), "wit.admit.closed")
    case.refused(replace(case.good, core=put(Tree({**core, "new": case.message}))), "wit.admit.kind")
    deep = put(Tree({"x": put(Tree({"y": b"z" * 32}))}))
    case.refused(replace(case.good, core=put(Tree({**core, "new": deep}))), "wit.admit.closed")
    fine = put(Tree({**core, "new": case.actor}))
    assert case.admit(replace(case.good, core=fine)).position.core["new"] == case.actor


def test_results_other_than_steps_are_rejected(case: Case) -> None:
    case.refused(case.actor, "wit.admit.kind")
    case.refused(b"z" * 32, "wit.admit.closed")


def test_step_that_leads_to_a_tombstone_is_admitted(case: Case) -> None:
    blob = case.bench.blob(b"secret")
    core = case.bench.put(Tree({**case.last.core, "new": blob}))
    case.bench.store.erase(blob)
    assert case.admit(replace(case.good, core=core))


def test_trees_nested_too_deep_are_exhausted(case: Case) -> None:
    put, core, limit = case.bench.put, dict(case.last.core), case.bench.store.limits.tree_depth
    tree = core["k"]
    for _ in range(limit - 1):
        tree = put(Tree({"n": tree}))
    at_limit = put(Tree({**core, "deep": tree}))
    assert case.admit(replace(case.good, core=at_limit))
    over = put(Tree({**core, "deep": put(Tree({"n": tree}))}))
    with pytest.raises(Refusal) as caught:
        case.admit(replace(case.good, core=over))
    assert caught.value.code == "exhausted"
