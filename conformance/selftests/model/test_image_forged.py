"""Checks 17 and 18: a forged operation is reported with its fault and rule; the unchanged one is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.begin import Begin, Post, of_post, of_requests, of_timer
from gritstone_conformance.model.image.contents import EMPTY
from gritstone_conformance.model.image.denial import Unknowable
from gritstone_conformance.model.image.operation import Made, perform
from gritstone_conformance.model.image.record import Failed, Record
from gritstone_conformance.model.image.state import State
from gritstone_conformance.model.values import Headers, Message, Step
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.courier import courier, guest_core
from selftests.model.image_scene import Scene


class Forger:
    """An image whose next operation is published by hand.

    Attributes:
        a, b: two actors that may send everything.
        waiting: two posts, and two timers of a that are not due.
    """

    def __init__(self, fmt: Format) -> None:
        self.scene = Scene(fmt)
        people = self.scene.people("AB")
        self.a, self.b = people["A"], people["B"]

    @property
    def state(self) -> State:
        return self.scene.image.state

    def post(self) -> None:
        """Make two posts to b wait."""
        inner = [op.append("log", b".")]
        assert self.scene.request(self.a, "run", self.scene.play([("post", self.b, inner)])) is None
        assert self.scene.request(self.b, "run", self.scene.play([("post", self.a, inner)])) is None

    def set_timers(self) -> None:
        """Set two timers of a."""
        sends = [op.send(op.ACTOR, "join", "image.timer", number) for number in range(2)]
        texts = {"o00": self.scene.text("10 t"), "o01": self.scene.text("20 t")}
        code = self.scene.tree({"code": self.scene.tree({"t": self.scene.program(op.add("t", 1))})})
        assert self.scene.request(self.a, "image.install", code) is None
        assert self.scene.run(self.a, *sends, **texts) is None

    def asked(self, *ops: Any, headers: Headers = ()) -> Begin:
        """Return the beginning of a request to a."""
        return self.sent([(self.a, (("mt", "run"), *headers), self.scene.play(ops))])

    def sent(self, messages: list[tuple[bytes, Headers, bytes]]) -> Begin:
        return of_requests(self.state.view(), messages)

    def made(self, begin: Begin) -> Made:
        return perform(self.state, begin)

    def publish(
        self,
        record: Record,
        sends: dict[bytes, bytes],
        read: dict[bytes, bytes] | None = None,
        op_text: bytes | None = None,
    ) -> None:
        """Make the steps of R and K for a record, and set the references that it says."""
        scene, shelf, state = self.scene, self.scene.image.runtime.shelf, self.state
        agent, kernel = (shelf.step(state.world.heads[actor]) for actor in (state.agent, state.kernel))
        content = scene.text(record.encode().decode())
        message = Message(shelf.mail(agent.outbox).get(state.kernel), (("mt", "image.op"),), content)
        sent = shelf.put(message)
        outbox = shelf.put_mail({**shelf.mail(agent.outbox), **sends, state.kernel: sent})
        inbox = shelf.put_mail({**shelf.mail(agent.inbox), **(read or {})})
        head = shelf.put(Step(state.world.heads[state.agent], state.agent, inbox, outbox, state.agent))
        kept = content if op_text is None else scene.text(op_text.decode())
        core = scene.tree({**shelf.names(kernel.core), "op": kept})
        journal = shelf.put_mail({state.agent: sent})
        step = shelf.put(Step(state.world.heads[state.kernel], state.kernel, journal, None, core))
        references = scene.store.references
        references |= {f"heads/{state.agent.hex()}": head, f"heads/{state.kernel.hex()}": step}
        references |= {f"heads/{actor.hex()}": new for actor, _, new in record.heads}
        for actor in record.gone:
            if f"heads/{actor.hex()}" in references:
                references[f"gone/{actor.hex()}"] = references.pop(f"heads/{actor.hex()}")
        shelf.flush(scene.store)

    def forge(self, begin: Begin, change: Callable[[Record], Record] = lambda record: record) -> None:
        """Publish an operation with a changed record."""
        self.publish(change(self.made(begin).record), dict(begin.sends), dict(begin.read))

    def restep(self, made: Made, actor: bytes, **fields: bytes) -> Record:
        """Return a record whose newest step of an actor has other fields."""
        shelf = self.scene.image.runtime.shelf
        heads = []
        for who, old, new in made.record.heads:
            step = shelf.put(replace(shelf.step(new), **fields)) if who == actor else new
            heads.append((who, old, step))
        return replace(made.record, heads=tuple(heads))

    def faults(self) -> list[tuple[str, str]]:
        """Return fault and rule of the findings of checks 17 and 18."""
        findings = self.scene.judge().findings
        return [(each.words.split(":")[0], each.rule) for each in findings if each.check in (17, 18)]


@pytest.fixture
def forger(fmt: Format) -> Forger:
    return Forger(fmt)


def test_operation_that_is_published_unchanged_is_legal(forger: Forger) -> None:
    forger.forge(forger.asked(op.write("x", b"1"), ("save", forger.b, [op.fail()])))
    forger.forge(forger.asked(op.fail()))
    forger.forge(Begin(clock=9))
    assert forger.scene.judge().findings == []
    assert forger.scene.image.state.seq == 5


RECORDS: dict[str, tuple[Callable[[Record], Record], str]] = {
    "another number": (lambda record: replace(record, seq=record.seq + 1), "record image.op.record"),
    "clock moves with roots": (lambda record: replace(record, clock=7), "clock image.clock.forward"),
    "more fuel": (lambda record: replace(record, fuel=record.fuel + 1), "fuel image.fuel.exact"),
    "savepoint left out": (lambda record: replace(record, savepoints=()), "savepoint image.op.report"),
    "savepoint of another failure": (
        lambda record: replace(record, savepoints=((record.savepoints[0][0], Failed("rejected", "no")),)),
        "savepoint image.op.report",
    ),
    "other outcome": (
        lambda record: replace(record, outcome=Failed("rejected", "entry")),
        "outcome image.entry.declared",
    ),
    "quota as outcome": (
        lambda record: replace(record, outcome=Failed("exhausted", "posts")),
        "outcome image.quota.hard",
    ),
    "line head left out": (lambda record: replace(record, heads=record.heads[:1]), "operation image.history.operation"),
    "lines head in another order": (lambda record: replace(record, heads=record.heads[::-1]), "record image.op.record"),
    "another step before": (
        lambda record: replace(
            record, heads=((record.heads[0][0], record.heads[1][1], record.heads[0][2]), record.heads[1])
        ),
        "fold image.serial.chain",
    ),
    "step after is the one before": (
        lambda record: replace(record, heads=((*record.heads[0][:2], record.heads[0][1] or b""), record.heads[1])),
        "fold image.serial.chain",
    ),
    "line read that is stale": (
        lambda record: replace(record, reads=((record.heads[0][0], record.heads[0][2]),)),
        "fold image.serial.chain",
    ),
    "line read of nothing that was read": (
        lambda record: replace(record, reads=((record.heads[0][0], record.heads[0][1] or b""),)),
        "operation image.history.operation",
    ),
    "line gone of no actor": (lambda record: replace(record, gone=(b"\xee" * 32,)), "fold image.serial.chain"),
    "line gone of an actor that stays": (
        lambda record: replace(record, gone=(record.heads[0][0],)),
        "operation image.history.operation",
    ),
    "no roots": (lambda record: replace(record, roots=()), "record image.op.record"),
    "genesis": (lambda record: replace(record, outcome="genesis"), "record image.op.record"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_changed_record_is_reported(forger: Forger, name: str) -> None:
    change, wanted = RECORDS[name]
    steps = op.write("x", b"1"), ("join", forger.b, [op.write("y", b"1")]), ("save", forger.b, [op.fail()])
    begin = forger.asked(*steps)
    assert len(forger.made(begin).record.heads) == 2
    forger.forge(begin, change)
    assert forger.faults()[0] == tuple(wanted.split())


def test_step_with_another_core_is_reported(forger: Forger) -> None:
    begin = forger.asked(op.write("x", b"1"))
    made = forger.made(begin)
    core = forger.scene.tree({**forger.scene.names(forger.a), "x": forger.scene.blob(b"2")})
    forger.publish(forger.restep(made, forger.a, core=core), dict(begin.sends))
    (finding,) = forger.scene.judge().findings
    assert finding.rule == "image.history.operation"
    assert finding.place.path == f"heads/{forger.a.hex()}~0/core/x"


def test_failure_step_with_another_core_is_reported(forger: Forger) -> None:
    begin = forger.asked(op.write("x", b"1"), op.fail())
    made = forger.made(begin)
    core = forger.scene.tree({**forger.scene.names(forger.a), "x": forger.scene.blob(b"1")})
    forger.publish(forger.restep(made, forger.a, core=core), dict(begin.sends))
    (finding,) = forger.scene.judge().findings
    assert (finding.rule, finding.place.path) == ("image.op.failure-step", f"heads/{forger.a.hex()}~0/core/x")


def test_commit_of_an_operation_that_fails_is_reported(forger: Forger) -> None:
    scene, b = forger.scene, forger.b
    before = scene.names(b)
    outsider = scene.core("outsider", forger.a, caps={}, code={})
    scene.born(outsider)
    scene.request(outsider, "image.grant", scene.text("send.*.nope"))
    program = scene.program(op.send(0, "join", "t", 1), o00=b, o01=scene.blob())
    begin = forger.sent([(outsider, (("mt", "run"),), program)])
    forger.forge(begin, lambda record: replace(record, outcome="committed"))
    assert forger.faults() == [("outcome", "image.cap.send")]
    assert scene.names(b) == before


def test_head_without_a_record_is_reported(forger: Forger) -> None:
    scene, name = forger.scene, f"heads/{forger.a.hex()}"
    shelf, head = scene.image.runtime.shelf, scene.store.references[name]
    step = replace(shelf.step(head), previous=head, core=scene.core("other"))
    scene.store.references[name] = scene.put(step)
    assert ("side", "image.op.only-writer") in forger.faults()


def test_actor_without_a_record_is_reported(forger: Forger) -> None:
    scene = forger.scene
    del scene.store.references[f"heads/{forger.b.hex()}"]
    assert forger.faults()[0] == ("fold", "image.serial.chain")


def test_step_of_the_agent_without_a_record_is_reported(forger: Forger) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    name = f"heads/{scene.agent.hex()}"
    head = scene.store.references[name]
    sent = shelf.put(Message(shelf.mail(shelf.step(head).outbox)[forger.a], (("mt", "t"),), shelf.put(EMPTY)))
    outbox = shelf.put_mail({**shelf.mail(shelf.step(head).outbox), forger.a: sent})
    scene.store.references[name] = shelf.put(replace(shelf.step(head), previous=head, outbox=outbox))
    shelf.flush(scene.store)
    assert forger.faults() == [("side", "image.op.only-writer")]


@pytest.mark.parametrize("space", ["failed", "archived", "closed", "moved"])
def test_mark_in_an_image_is_reported(forger: Forger, space: str) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    head = scene.store.references[f"heads/{forger.a.hex()}"]
    target = shelf.step(head).inbox if space == "failed" else head
    assert target is not None
    scene.store.references[f"{space}/{forger.a.hex()}"] = target
    assert ("mark", "image.runtime.run") in forger.faults()


def test_post_beside_a_request_is_reported(forger: Forger) -> None:
    begin = forger.asked(op.write("x", b"1"))
    shelf, state = forger.scene.image.runtime.shelf, forger.state
    post = shelf.put(Message(state.view().last_sent(state.agent, forger.b), (("mt", "t"),), shelf.put(EMPTY)))
    forger.publish(forger.made(begin).record, {**begin.sends, forger.b: post})
    assert forger.faults() == [("sends", "image.op.one-step")]


def test_two_posts_in_one_operation_are_reported(forger: Forger) -> None:
    shelf, state = forger.scene.image.runtime.shelf, forger.state
    sends = {
        actor: shelf.put(Message(state.view().last_sent(state.agent, actor), (("mt", "t"),), shelf.put(EMPTY)))
        for actor in (forger.a, forger.b)
    }
    one = dict(list(sends.items())[:1])
    forger.forge(Begin(sends=one))
    assert forger.faults() == []
    forger.forge(Begin(sends={actor: message for actor, message in sends.items() if actor not in one}, clock=None))
    assert forger.faults() == []
    two = {actor: shelf.put(Message(message, (("mt", "t"),), shelf.put(EMPTY))) for actor, message in sends.items()}
    forger.forge(Begin(sends=two))
    assert forger.faults() == [("sends", "image.op.one-step")]


def test_clock_that_goes_back_is_reported(forger: Forger) -> None:
    forger.forge(Begin(clock=9))
    assert forger.faults() == []
    forger.forge(Begin(clock=8))
    assert forger.faults() == [("clock", "image.clock.forward")]


def test_record_that_k_did_not_read_is_reported(forger: Forger) -> None:
    made = forger.made(Begin(clock=1))
    forger.publish(made.record, {}, op_text=replace(made.record, clock=2).encode())
    assert forger.faults() == [("pairs", "image.op.one-step")]


def test_image_on_a_used_store_is_reported(forger: Forger) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    state = forger.state
    shelf.put(EMPTY)
    sent = shelf.put(Message(None, (("mt", "genesis"),), forger.b))
    first = scene.image.world(0, None, 9)[2]
    agent_step = shelf.step(dict(first)[f"heads/{state.agent.hex()}"])
    outbox = shelf.put_mail({**shelf.mail(agent_step.outbox), forger.b: sent})
    head = shelf.put(replace(agent_step, outbox=outbox))
    references = scene.store.references
    for name in [name for name in references if name.startswith("heads/")]:
        del references[name]
    references |= {**dict(first), f"heads/{state.agent.hex()}": head}
    shelf.flush(scene.store)
    assert forger.faults()[0] == ("start", "image.start.made")


def test_post_before_its_turn_is_reported(forger: Forger) -> None:
    forger.post()
    first = forger.state.next_root()
    assert isinstance(first, Post)
    others = [(forger.a, forger.b), (forger.b, forger.a)]
    sender, target = next(pair for pair in others if pair != (first.sender, first.target))
    message = forger.state.view().unread(sender, target)[0]
    forger.forge(of_post(forger.state.view(), Post(sender, target, message)))
    assert forger.faults() == [("next-post", "image.post.order")]


def test_post_in_its_turn_is_legal(forger: Forger) -> None:
    forger.post()
    for _ in range(2):
        root = forger.state.next_root()
        assert isinstance(root, Post)
        forger.forge(of_post(forger.state.view(), root))
    assert forger.faults() == []


def test_timer_that_is_not_due_is_reported(forger: Forger) -> None:
    forger.set_timers()
    timer = forger.state._next_timer()
    assert timer is None
    forger.scene.image.clock(19)
    assert forger.state.next_root() is not None
    late = next(each for each in forger.state._timers.values() if each.due == 20)
    forger.forge(of_timer(forger.state.view(), late))
    assert forger.faults() == [("next-timer", "image.timer.due")]


def test_timer_before_its_turn_is_reported(forger: Forger) -> None:
    forger.set_timers()
    forger.scene.image.clock(20)
    late = next(each for each in forger.state._timers.values() if each.due == 20)
    forger.forge(of_timer(forger.state.view(), late))
    assert forger.faults() == [("next-timer", "image.timer.order")]


def test_timer_that_fires_twice_is_reported(forger: Forger) -> None:
    forger.set_timers()
    forger.scene.image.clock(10)
    timer = next(each for each in forger.state._timers.values() if each.due == 10)
    forger.forge(of_timer(forger.state.view(), timer))
    assert forger.faults() == []
    forger.forge(of_timer(forger.state.view(), timer))
    assert forger.faults() == [("next-timer", "image.timer.due")]


@pytest.mark.parametrize("header", ["op", "fuel", "world"])
def test_root_with_a_reserved_header_is_reported(forger: Forger, header: str) -> None:
    forger.forge(forger.asked(op.write("x", b"1"), headers=((header, "save"),)))
    assert forger.faults() == [("roots", "image.op.roots")]


@pytest.mark.parametrize(("count", "wanted"), [(32, []), (33, [("roots", "image.op.roots")])])
def test_request_of_too_many_roots_is_reported(forger: Forger, count: int, wanted: list[tuple[str, str]]) -> None:
    content = forger.scene.program(op.add("n", 1))
    forger.forge(forger.sent([(forger.a, (("mt", "run"),), content)] * count))
    assert forger.faults() == wanted


def test_rollback_with_other_roots_is_reported(forger: Forger) -> None:
    scene = forger.scene
    scene.run(forger.a, op.write("x", b"1"))
    scene.image.rollback(2)
    assert forger.faults() == []
    headers = (("mt", "image.revert"), ("world", "2"))
    core = scene.tree({**scene.names(forger.a), "x": scene.blob(b"3")})
    forger.forge(forger.sent([(forger.a, headers, scene.tree({"core": core}))]))
    assert forger.faults() == [("roots", "image.op.roots")]


def test_step_that_covers_two_messages_is_reported(forger: Forger) -> None:
    content = forger.scene.program(op.add("n", 1))
    begin = forger.sent([(forger.a, (("mt", "run"),), content)] * 2)
    made = forger.made(begin)
    shelf = forger.scene.image.runtime.shelf
    ((_, old, new),) = made.record.heads
    assert old is not None
    record = forger.restep(made, forger.a, previous=old)
    assert shelf.step(new).previous != old
    forger.publish(record, dict(begin.sends))
    assert forger.faults() == [("crowded", "image.op.step")]


def test_join_that_the_agent_posts_is_reported(forger: Forger) -> None:
    shelf, state = forger.scene.image.runtime.shelf, forger.state
    headers = (("mt", "t"), ("op", "join"))
    message = shelf.put(Message(state.view().last_sent(state.agent, forger.a), headers, shelf.put(EMPTY)))
    forger.forge(Begin(sends={forger.a: message}))
    assert forger.faults() == [("left", "image.op.rest")]


@pytest.mark.parametrize("is_gone", [False, True])
def test_root_to_an_actor_without_a_head_is_reported(forger: Forger, is_gone: bool) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    absent = forger.b if is_gone else scene.core("unborn")
    if is_gone:
        assert scene.request(forger.b, "image.destroy", scene.blob()) is None
    last = shelf.mail(shelf.step(forger.state.world.heads[scene.agent]).outbox).get(absent)
    message = scene.put(Message(last, (("mt", "run"),), scene.play([op.write("x", b"1")])))
    record = forger.made(forger.asked(op.write("x", b"1"))).record
    forger.publish(replace(record, roots=((scene.agent, absent, message),), heads=()), {absent: message})
    assert forger.faults() == [("outcome", "image.op.report")]


def test_root_that_is_not_in_the_bundle_makes_its_operation_unverified(forger: Forger) -> None:
    record = forger.made(forger.asked(op.write("x", b"1"))).record
    forger.publish(replace(record, roots=((forger.scene.agent, forger.a, b"\1" * 32),)), {})
    verdict = forger.scene.judge()
    assert verdict.operations.unverified == 1
    assert any("is not in the bundle" in words for words in verdict.unverified)


def test_operation_from_a_world_with_an_illegal_core_is_not_computed(forger: Forger) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    step = shelf.step(forger.state.world.heads[forger.a])
    core = scene.tree({**shelf.names(step.core), "frozen": scene.blob(b"x\n")})
    forger.state.world.heads[forger.a] = shelf.put(replace(step, core=core))
    assert forger.made(forger.asked(op.write("y", b"1"))).record.heads
    with pytest.raises(Unknowable):
        forger.made(forger.asked(op.write("x", b"1")))


def test_erased_record_makes_the_rest_unverified(forger: Forger) -> None:
    scene = forger.scene
    scene.run(forger.a, op.write("x", b"1"))
    scene.run(forger.a, op.write("x", b"2"))
    before = scene.judge()
    (record,), _ = scene.image.log(3, 1)
    scene.store.erase(scene.text(record.decode()))
    verdict = scene.judge()
    assert verdict.findings == []
    assert len(verdict.unverified) == 1
    assert verdict.operations.computed == before.operations.computed - 2
    assert scene.denial(scene.image.log, 1, 9) == "missing/erased"
    assert scene.denial(scene.image.world, 3, None, 9) == "missing/erased"
    assert scene.image.world(2, None, 1)[0] == 2
    assert scene.image.log(4, 9)[1] is False


def test_erased_operand_makes_its_operation_unverified(forger: Forger) -> None:
    scene = forger.scene
    scene.request(forger.a, "run", scene.program(op.count("n", "+")))
    number = scene.text("5")
    counting = scene.tree({"code": scene.tree({"plus": scene.program(op.count("n", "+"))})})
    scene.request(forger.a, "image.install", counting)
    scene.request(forger.a, "plus", number)
    assert scene.judge().unverified == []
    scene.store.erase(number)
    verdict = scene.judge()
    assert verdict.findings == []
    assert (verdict.operations.unverified, len(verdict.unverified)) == (1, 1)


def test_guest_that_is_not_valid_is_reported(forger: Forger) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    code = scene.text("wasm:code/tool.wasm")
    entries = {**shelf.names(scene.core("guest", forger.a)), "wit": code, "wit_query": code}
    guest = scene.tree({**entries, "code": scene.tree({"tool.wasm": scene.blob(b"module")})})
    assert scene.denial(scene.request, guest, "genesis", guest) == "rejected/import"
    begin = forger.sent([(guest, (("mt", "genesis"),), guest)])
    inbox = shelf.put_mail({scene.agent: begin.roots[0].message})
    first = shelf.put(Step(None, guest, inbox, None, guest))
    root = (scene.agent, guest, begin.roots[0].message)
    seq = forger.state.seq + 1
    forger.publish(Record(seq, 0, (root,), 1, heads=((guest, None, first),)), dict(begin.sends))
    assert forger.faults() == [("outcome", "image.op.report")]


def test_refusal_of_a_guest_is_legal_for_a_runtime_without_guests(forger: Forger) -> None:
    scene = forger.scene
    guest = _guest(forger, courier())
    ops = scene.program(op.send(0, "join", "genesis", 0), o00=guest)
    assert scene.request(forger.a, "run", ops) == "rejected/import"
    assert scene.judge().findings == []


def _guest(forger: Forger, module: bytes) -> bytes:
    """Return the first core of a guest, the objects of which are in the store."""
    scene = forger.scene
    stage = ImageStage(Graph(scene.store.format), forger.a)
    core = guest_core(stage, "guest", module, {"image": True}, owner=forger.a, entry={"do": "*"}, granter=forger.a)
    for data in stage.graph.encodings.values():
        scene.store.put(data)
    return core


GUEST_RECORDS: dict[str, tuple[Callable[[Record], Record], str]] = {
    "unchanged": (lambda record: record, ""),
    "more fuel": (lambda record: replace(record, fuel=record.fuel + 1), "fuel image.fuel.exact"),
    "less fuel": (lambda record: replace(record, fuel=record.fuel - 1), "fuel image.fuel.exact"),
    "failure": (lambda record: replace(record, outcome=Failed("rejected", "declined")), "outcome image.op.report"),
}


@pytest.mark.parametrize(("change", "wanted"), GUEST_RECORDS.values(), ids=list(GUEST_RECORDS))
def test_operations_of_guests_are_computed(forger: Forger, change: Callable[[Record], Record], wanted: str) -> None:
    scene = forger.scene
    scene.image.has_guests = scene.image.state.has_guests = True
    guest = _guest(forger, courier())
    scene.born(guest)
    assert scene.request(guest, "do", scene.blob()) is None
    forger.forge(forger.sent([(guest, (("mt", "do"),), scene.blob())]), change)
    assert [" ".join(fault) for fault in forger.faults()] == ([wanted] if wanted else [])
    assert scene.judge().operations.unverified == 0


def test_step_of_a_guest_with_another_memory_is_reported(forger: Forger) -> None:
    scene, shelf = forger.scene, forger.scene.image.runtime.shelf
    scene.image.has_guests = scene.image.state.has_guests = True
    guest = _guest(forger, courier())
    scene.born(guest)
    begin = forger.sent([(guest, (("mt", "do"),), scene.blob())])
    made = forger.made(begin)
    core = WorkingTree(shelf, shelf.names(shelf.step(made.record.heads[0][2]).core))
    core.delete(["wasm", "memory"])
    forger.publish(forger.restep(made, guest, core=core.seal()), dict(begin.sends))
    assert forger.faults() == [("operation", "image.history.operation")]
