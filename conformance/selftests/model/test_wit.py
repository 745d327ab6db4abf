"""The model of ``wit`` against examples from the spec: channels, kinds, admission, merge, queries, wut, puppet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from gritstone_conformance.model import channels
from gritstone_conformance.model.channels import change
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.illegal import KINDS
from gritstone_conformance.model.proposals import _covers, message_kind, propose
from gritstone_conformance.model.queries import PUPPET_WUT
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Step, Tree
from gritstone_conformance.model.wuts import canonical, openapi, read_wut
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage

GENESIS = (("mt", "genesis"),)
PLAIN_OPS = (
    "57016b00017641036c6f670002616241036c6f670001635003632f64f250026d65f044016b44076e6f2f73756368"
    "57066e616d652f78000044066e616d652f78530071026869f2530071000153f173000153f071000152f153f37107"
    "67656e65736973f3"
)
GOLDEN = {
    "framed-sha256": {
        "core": "6d95e0d26d91e6248bccc0f794a95bb3ba07ea6db63b3679a8f3a8d21e7cf20c",
        "first": "c760c4951c22f12620336ecb217b7be12e9f837ca31540626242b0fa71f690de",
        "second": "1efa90398ba3b3a61e97867eaaddf880fb50514d9bebd3ae2e77c9cab32f9994",
        "every op": "671c87e8479e89ea5a34fa4e619363212c2a202b51eee329d5f232c5ef15ee5e",
        "merge": "6456777b227e40dc4d1e59feb349b644fb8257dc0df23c111372d38a4a2734b2",
        "wut": "b400c6905bc4bb48ea8f3c49048d69087615a9574e5e3fd0d0f0d60e2b5a536a",
    },
    "cbor-blake3": {
        "core": "401a226c235ce2048e954fc0b745e7ead7233ecdb4885d8a3d2d16da7b242103",
        "first": "832717e6ba46dec7ad41ac4668c206700e2054d3a8f1dc9aa417aa7708718023",
        "second": "4bdb65d9f92a4fb267c41428c867b782b87bbdd66a8da0924367bcaf247dc388",
        "every op": "5c6f5a316991a6081b853ba94cbf5086ee789638f32e943908824e6ac5a8ef3d",
        "merge": "48ecf2f91e4ebfdfeb32baa191b7915a6d7920c47dd95ac0dbdbe2a59a5c855a",
        "wut": "466ef26916a5a6ff8fc47c314b864d20ab2cc33df6576e929f2dad51ea90e508",
    },
}


class Desk:
    """A stage, and an executor over a store that contains the stage's objects."""

    def __init__(self, fmt: Format) -> None:
        self.stage = Stage(Graph(fmt))
        self.store = Store(fmt)
        self.agent = self.add(Tree((("name", self.stage.blob(b"test", ("ct", "s"))),)))

    def add(self, value: Blob | Tree | Message | Mailbox | Step) -> bytes:
        return self.stage.graph.add(value)

    def message(self, previous: bytes | None, content: bytes, mt: str = "") -> bytes:
        return self.add(Message(previous, (("mt", mt),) if mt else (), content))

    @property
    def executor(self) -> Executor:
        self.stage.graph.fill(self.store)
        return Executor(self.store)

    def born(self, title: bytes = b"a", **entries: bytes) -> tuple[bytes, bytes, bytes]:
        """Return an actor, its genesis message and its first step."""
        actor = self.stage.core(title, **entries)
        genesis = self.message(None, actor, "genesis")
        return actor, genesis, self.executor.step(actor, None, [(self.agent, genesis)])

    def step(self, identity: bytes) -> Step:
        return self.executor.shelf.step(identity)


@pytest.fixture
def desk(fmt: Format) -> Desk:
    return Desk(fmt)


def golden(desk: Desk, name: str) -> str:
    return GOLDEN[desk.store.format.name][name]


def refusal_of(work: Callable[[], object]) -> tuple[set[str], set[str]]:
    """Return the classes and codes of the rejection that a call raises."""
    with pytest.raises(Refusal) as caught:
        work()
    return set(caught.value.kinds), {defect.code for defect in caught.value.defects if defect.code}


@pytest.mark.parametrize(
    ("tip", "cursor", "ids", "fresh"),
    [
        (0, None, (0,), True),
        (0, 0, (), False),
        (4, None, (0, 1, 2, 3, 4), True),
        (4, 0, (1, 2, 3, 4), False),
        (4, 3, (4,), False),
        (4, 4, (), False),
        (2, 4, (0, 1, 2), True),
        (6, 4, (5, 6), True),
        (6, 5, (6,), False),
        (6, None, (5, 6), True),
    ],
)
def test_unread_lists_the_messages_after_the_cursor(
    desk: Desk, tip: int, cursor: int | None, ids: tuple[int, ...], fresh: bool
) -> None:
    """Messages 0 to 4 are one chain; 5 is a signal, and 6 follows it in the queue."""
    chain: list[bytes] = []
    for number in range(7):
        previous = None if number in (0, 5) else chain[-1]
        chain.append(desk.message(previous, desk.agent, str(number)))
    found = desk.executor.unread(chain[tip], None if cursor is None else chain[cursor])
    assert found == {"ids": [chain[number].hex() for number in ids], "fresh": fresh}


def test_unread_is_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: :rule:`wit.channel.unread`, :rule:`suite.mutant.oracle`."""
    chain = [desk.message(None, desk.agent)]
    while len(chain) < 4:
        chain.append(desk.message(chain[-1], desk.agent))
    monkeypatch.setattr(channels, "MOST_UNREAD", 3)
    executor = desk.executor
    assert executor.unread(chain[2], None) == {"ids": [each.hex() for each in chain[:3]], "fresh": True}
    assert executor.unread(chain[3], chain[0]) == {"ids": [each.hex() for each in chain[1:]], "fresh": False}
    assert refusal_of(lambda: executor.unread(chain[3], None)) == ({"exhausted"}, set())


@pytest.mark.parametrize(
    ("old", "new", "legal", "sent"),
    [
        (None, 2, True, (0, 1, 2)),
        (1, None, True, ()),
        (1, 1, True, ()),
        (0, 2, True, (1, 2)),
        (2, 4, True, (4,)),
        (2, 1, False, (0, 1)),
        (2, 3, False, (0, 3)),
        (3, 0, False, (0,)),
    ],
)
def test_outbox_changes_determine_the_sent_messages(
    desk: Desk, old: int | None, new: int | None, legal: bool, sent: tuple[int, ...]
) -> None:
    """Messages 0 to 2 are one chain, 3 is a fork after 0, and 4 is another chain."""
    chain: list[bytes] = []
    for number in range(5):
        previous = {0: None, 1: 0, 2: 1, 3: 0, 4: None}[number]
        chain.append(desk.message(None if previous is None else chain[previous], desk.agent, str(number)))
    changed = change(desk.executor.shelf, *(None if each is None else chain[each] for each in (old, new)))
    assert (changed.legal, changed.sent) == (legal, tuple(chain[number] for number in sent))


@pytest.mark.parametrize(
    ("mt", "own", "has_step", "kind"),
    [
        ("", True, False, "genesis"),
        ("update", True, False, "genesis"),
        ("genesis", False, False, "waiting"),
        ("update", False, False, "waiting"),
        ("update", True, True, "update"),
        ("cleanup", True, True, "cleanup"),
        ("update", False, True, "update"),
        ("genesis", True, True, "duplicate"),
        ("genesis", False, True, "ordinary"),
        ("", False, True, "ordinary"),
    ],
)
def test_kind_depends_on_type_sender_and_step(mt: str, own: bool, has_step: bool, kind: str) -> None:
    actor = b"\1" * 32
    message = Message(None, (("mt", mt),) if mt else (), actor if own else b"\2" * 32)
    assert message_kind(actor, message, has_step=has_step) == kind


def test_waiting_or_read_messages_are_not_proposed(desk: Desk) -> None:
    """Spec: :rule:`wit.proposal.valid`, :rule:`suite.mutant.oracle`."""
    actor, genesis, first = desk.born()
    message = desk.message(genesis, desk.agent)
    shelf = desk.executor.shelf
    assert propose(shelf, actor, first, [(desk.agent, message)]).kind == "ordinary"
    assert _covers(shelf, message, genesis) == (message,)
    assert refusal_of(lambda: propose(shelf, actor, None, [(desk.agent, message)])) == ({"invalid"}, {"proposal"})
    assert refusal_of(lambda: propose(shelf, desk.agent, None, [(desk.agent, genesis)])) == ({"invalid"}, {"proposal"})
    assert refusal_of(lambda: _covers(shelf, message, message)) == ({"invalid"}, {"proposal"})


def test_golden_steps(desk: Desk) -> None:
    """S1: the core, the genesis step, and a step that logs and sends."""
    stage = desk.stage
    actor, genesis, first = desk.born()
    assert actor.hex() == golden(desk, "core")
    assert first.hex() == golden(desk, "first")
    inner = stage.program(programs.write("k", b"v"))
    ops = programs.append("log", b"hi") + programs.send(0, 1)
    message = desk.message(genesis, stage.program(ops, stage.core(b"b"), inner))
    assert desk.executor.step(actor, first, [(desk.agent, message)]).hex() == golden(desk, "second")


def test_golden_operations(desk: Desk) -> None:
    """S2: every plain operation in one program."""
    stage = desk.stage
    actor, genesis, first = desk.born()
    content = stage.program(bytes.fromhex(PLAIN_OPS), stage.core(b"b"), stage.program(b""))
    message = desk.message(genesis, content)
    made = desk.executor.step(actor, first, [(desk.agent, message)])
    assert made.hex() == golden(desk, "every op")
    shelf = desk.executor.shelf
    assert sorted(shelf.names(shelf.step(made).core)) == ["c", "log", "me", "wit", "wit_query"]
    assert len(shelf.mail(shelf.step(made).outbox)) == 3


def test_golden_merge(desk: Desk) -> None:
    stage = desk.stage
    one = {name: stage.blob(name.encode()) for name in ["1", "2", "3", "4", "5", "6", "7", "8", "w"]}
    core = stage.tree(a=one["1"], d=stage.tree(x=one["2"], y=one["3"]), e=stage.tree(z=one["4"]), wit=one["w"])
    update = stage.tree(a=stage.tree(n=one["5"]), d=stage.tree(y=one["6"]), e=one["7"], new=one["8"])
    assert desk.executor.merge(core, update).hex() == golden(desk, "merge")
    assert desk.executor.merge(core, core) == core
    assert refusal_of(lambda: desk.executor.merge(one["1"], update))[0] == {"invalid"}
    assert refusal_of(lambda: desk.executor.merge(core, b"\7" * 32))[0] == {"missing"}


@pytest.mark.parametrize("kind", KINDS)
def test_illegal_result_is_not_admitted(desk: Desk, kind: int) -> None:
    stage = desk.stage
    actor, genesis, first = desk.born()
    say = stage.program(programs.send(0, 1) + programs.send(0, 1, "two"), desk.agent, stage.program(b""))
    mail = [desk.message(genesis, say)]
    second = desk.executor.step(actor, first, [(desk.agent, mail[0])])
    mail.append(desk.message(mail[0], stage.program(b"")))
    third = desk.executor.step(actor, second, [(desk.agent, mail[1])])
    message = desk.message(mail[1], stage.program(programs.illegal(kind)))
    kinds, codes = refusal_of(lambda: desk.executor.step(actor, third, [(desk.agent, message)]))
    assert (kinds, codes) == ({"rejected"}, {"illegal-step"})
    good = desk.message(mail[1], stage.program(b""))
    assert desk.executor.step(actor, third, [(desk.agent, good)]) != third


def test_admission_reports_the_violated_condition(desk: Desk) -> None:
    """One field is changed at a time; the unchanged step is admitted."""
    actor, genesis, first = desk.born()
    other = desk.stage.core(b"b")
    message = desk.message(genesis, desk.stage.program(b""))
    mail = [(desk.agent, message)]
    good = desk.executor.step(actor, first, mail)
    desk.executor.admit(actor, first, mail, good)
    wrong = {
        "wit.admit.actor": {"actor": other},
        "wit.admit.previous": {"previous": None},
        "wit.admit.inbox-keep": {"inbox": desk.add(Mailbox(((other, message),)))},
        "wit.admit.progress": {"inbox": desk.add(Mailbox(((desk.agent, genesis),)))},
        "wit.admit.core": {"core": desk.agent},
        "wit.admit.kind": {"core": desk.stage.blob(b"")},
        "wit.admit.closed": {"core": b"\7" * 32},
        "wit.admit.inbox-proposed": {"inbox": desk.add(Mailbox(((desk.agent, message), (other, message))))},
        "wit.admit.inbox-cursor": {"inbox": desk.add(Mailbox(((desk.agent, desk.message(message, other)),)))},
    }
    for rule, fields in wrong.items():
        step = desk.add(replace(desk.step(good), **fields))  # type: ignore[arg-type]
        with pytest.raises(Refusal) as caught:
            desk.executor.admit(actor, first, mail, step)
        assert rule in {defect.rule for defect in caught.value.defects}, rule


def test_transition_rejects_a_non_actor_or_a_foreign_head(desk: Desk) -> None:
    """Spec: :rule:`wit.transition.class`, :rule:`suite.mutant.oracle`."""
    actor, genesis, first = desk.born()
    other, _, foreign = desk.born(b"b")
    mail = [(desk.agent, desk.message(genesis, desk.stage.program(b"")))]
    absent = b"\7" * 32

    def refused(actor: bytes, head: bytes | None) -> set[str]:
        return refusal_of(lambda: desk.executor.step(actor, head, mail))[0]

    assert refused(actor, absent) == {"missing"}
    assert refused(actor, foreign) == refused(other, first) == refused(actor, actor) == {"invalid"}
    assert refused(absent, absent) == {"missing"}
    assert refused(absent, first) == {"missing", "invalid"}
    assert desk.step(desk.executor.step(actor, first, mail)).previous == first


def test_transition_on_an_erased_object_reports_both_classes(desk: Desk) -> None:
    """Spec: :rule:`wit.transition.class`, :rule:`suite.mutant.oracle`."""
    actor, genesis, first = desk.born()
    gone = desk.stage.blob(b"gone")
    mail = [(desk.agent, desk.message(genesis, desk.stage.program(b"")))]
    executor = desk.executor
    executor.store.erase(gone)

    def refused(actor: bytes, head: bytes | None, message: bytes) -> tuple[set[str], set[str]]:
        return refusal_of(lambda: executor.step(actor, head, [(desk.agent, message)]))

    assert refused(actor, gone, mail[0][1]) == ({"missing", "invalid"}, {"erased"})
    assert refused(actor, first, gone) == ({"missing", "invalid"}, {"erased", "proposal"})
    assert executor.step(actor, first, mail)


def test_queries_return_their_results(desk: Desk) -> None:
    actor, _, first = desk.born(c=desk.stage.tree(d=desk.stage.blob(b"d")))
    executor = desk.executor
    assert executor.query(first, "get", b"") == actor
    assert executor.query(first, "get", b"c/d") == desk.stage.blob(b"d")
    assert executor.query(first, "get", b"c/no") is None
    assert executor.query(first, "nobody", b"") is None
    wut = executor.query(first, "wut", b"")
    assert wut is not None
    assert wut.hex() == golden(desk, "wut")
    step = executor.query(first, "step", b"")
    assert step is not None
    assert executor.shelf.blob(step) == Blob((("ct", "s"),), first.hex().encode())
    assert refusal_of(lambda: executor.query(first, "fail", b"")) == ({"rejected"}, {"failed"})
    assert refusal_of(lambda: executor.query(first, "get", b"/")) == ({"rejected"}, {"failed"})
    assert refusal_of(lambda: executor.query(b"\7" * 32, "step", b""))[0] == {"missing"}


@pytest.mark.parametrize("kind", ["message", "mailbox", "step"])
def test_query_answers_neither_messages_nor_mailboxes_nor_steps(desk: Desk, kind: str) -> None:
    """Spec: :rule:`wit.query.kind`, :rule:`suite.mutant.oracle`."""
    actor, message, first = desk.born()
    found = {"message": message, "mailbox": desk.add(Mailbox(((desk.agent, message),))), "step": first}[kind]
    code = desk.step(first).core
    core = desk.stage.core(b"a", blob=actor, other=found)
    asked = desk.add(replace(desk.step(first), core=core))
    assert code == actor
    assert desk.executor.query(asked, "get", b"blob") == actor
    assert refusal_of(lambda: desk.executor.query(asked, "get", b"other")) == ({"rejected"}, {"failed"})


def test_wut_and_openapi_are_validated() -> None:
    assert len(PUPPET_WUT) == 268
    document = openapi(bytes(32), PUPPET_WUT)
    wanted = "0d0e73570ef1efb10b478f3d83027bec3bcc091a77827ef2888358512e1ba9a4"
    assert (len(document), hashlib.sha256(document).hexdigest()) == (1122, wanted)
    assert canonical(read_wut(PUPPET_WUT)) == PUPPET_WUT
    assert canonical({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()
    for wrong in (PUPPET_WUT + b"\n", PUPPET_WUT.replace(b'"any"', b'"str"'), b"", b"[]", PUPPET_WUT[:-1]):
        assert refusal_of(lambda data=wrong: read_wut(data))[0] == {"invalid"}  # type: ignore[misc]
