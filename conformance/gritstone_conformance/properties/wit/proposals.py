"""Proposals: what a message is for an actor, what may be read together, and how an actor begins."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Message, Step
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_MAIL: Final = 4_096  # messages in one request
_TYPES: Final = ("", "genesis", "update", "cleanup", "job", "updates", "Update", "duplicate")


def kinds(trial: Trial, fmt: Format) -> None:
    """The kind of a message is that of the first row that fits: the state decides before the header."""
    bench = Workbench(trial, fmt)
    for number, mt in enumerate(_TYPES):
        for content in ("own", "program", "blob", "core"):
            title = b"%d %s" % (number, content.encode())
            for actor in (bench.actor(title), bench.born(title + b" lives")):
                messages = {
                    "own": actor.identity,
                    "program": bench.program(programs.append("log", b"p")),
                    "blob": bench.stage.blob(b"v"),
                    "core": bench.stage.core(title + b" other", log=bench.stage.blob(b"m")),
                }
                rule = "wit.kind.precedence" if actor.head else "wit.genesis.identity"
                actor.tell(messages[content], mt, rule=rule)
                actor.tell(bench.program(programs.append("log", b"!")), rule=rule)
    bench.flush()


def other_headers(trial: Trial, fmt: Format) -> None:
    """No other header makes a control message."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    for key in ("MT", "kind", "type", "ct", "wit_update", "Mt"):
        for value in ("update", "cleanup", "genesis"):
            ordinary = bench.program(programs.append("log", b"o"), wit=bench.stage.blob(b"nothing"))
            actor.send(ordinary, more=((key, value),))
            actor.step(rule="wit.kind.precedence")
    bench.flush()


def invalid(trial: Trial, fmt: Format) -> None:
    """An invalid proposal is refused as such and makes no step; its valid twin makes one."""
    bench = Workbench(trial, fmt)
    actor, rule = bench.born(), "wit.proposal.valid"
    other, third = (bench.stage.tree(name=bench.stage.blob(name)) for name in (b"other", b"third"))
    empty = bench.program(b"")
    head = actor.head
    first, second = actor.send(empty), actor.send(empty, "x")
    control = actor.send(bench.stage.tree(k=empty), "update", sender=other)
    update, behind = (actor.send(bench.stage.tree(k=empty), "update", sender=third) for _ in range(2))
    read = bench.executor.shelf.mail(actor.value.inbox)[bench.outside]
    wrong: tuple[list[tuple[bytes, bytes]], ...] = (
        [],
        [(bench.outside, first), (bench.outside, second)],
        [(bench.outside, first), (bench.outside, first)],
        [(bench.outside, empty)],
        [(bench.outside, actor.identity)],
        [(bench.outside, read)],
        [(bench.outside, second), (other, control)],
        [(other, bench.outside)],
        sorted([(other, control), (third, update)]),
        [(third, behind)],
    )
    for mail in wrong:
        bench.step(actor.identity, head, mail, rule=rule)
        bench.admit(actor.identity, head, mail, head or b"", rule=rule)
    for mail in ([(bench.outside, first)], [(bench.outside, second)], [(other, control)], [(third, update)]):
        made = bench.step(actor.identity, head, mail, rule=rule)
        assert made is not None
        bench.admit(actor.identity, head, mail, made, rule=rule)
    unborn = bench.actor(b"unborn")
    for content, mt in ((empty, ""), (empty, "genesis"), (other, "update"), (actor.identity, "genesis")):
        bench.step(unborn.identity, None, [(bench.outside, unborn.send(content, mt, signal=True))], rule=rule)
    unborn.tips.clear()
    unborn.tell(unborn.identity, rule="wit.genesis.identity")
    bench.flush()


def absent(trial: Trial, fmt: Format) -> None:
    """What is not there is missing, and what is of another kind is invalid."""
    bench = Workbench(trial, fmt)
    actor, nobody = bench.born(), fmt.hash(b"nobody")
    message = actor.send(bench.program(b""))
    mail = [(bench.outside, message)]
    bench.step(nobody, None, mail)
    bench.step(actor.identity, nobody, mail)
    bench.step(actor.identity, actor.head, [(bench.outside, nobody)])
    gap = bench.add(Message(nobody, (), bench.outside))
    bench.step(actor.identity, actor.head, [(bench.outside, gap)])
    bench.step(bench.stage.blob(b"no tree"), None, mail)
    bench.step(actor.identity, actor.identity, mail)
    bench.step(bench.outside, actor.head, mail)
    box, tree = bench.box((bench.outside, message)), actor.value.core
    for wrong in (nobody, bench.stage.blob(b"no tree"), message, actor.head):
        assert wrong is not None
        bench.step(wrong, bench.add(Step(None, wrong, None, None, tree)), mail)
    assert box is not None
    bench.step(actor.identity, box, mail)
    actor.step(*mail)
    bench.flush()


def erased(trial: Trial, fmt: Format) -> None:
    """An actor, a head or a message that was erased is missing, or a blob in a wrong place."""
    bench = Workbench(trial, fmt)
    actor, gone = bench.born(), bench.stage.blob(b"gone")
    mail = [(bench.outside, actor.send(bench.program(b"")))]
    head = bench.add(Step(None, gone, None, None, actor.value.core))
    bench.fill()
    bench.flush()
    bench.pair.expect(bench.pair.erase(gone))
    bench.step(gone, head, mail)
    bench.step(actor.identity, gone, mail)
    bench.step(actor.identity, actor.head, [(bench.outside, gone)])
    actor.step(*mail)
    bench.flush()


def fence(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A control message is read alone, when it is the oldest one that is unread; what is behind it comes later."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    kinds: list[str] = []
    for number in range(tape.within(2, 6)):
        mt = tape.pick(("", "update", "", "duplicate", "", "cleanup"))
        content = bench.program(programs.append("log", b"%d" % number), k=bench.stage.blob(b"%d" % number))
        kinds.append(mt)
        actor.send(actor.identity if mt == "duplicate" else content, "" if mt == "duplicate" else mt)
    sent = _sent(bench, actor)
    at = 0
    while at < len(sent):
        for end in range(at, min(at + 3, len(sent))):
            made = bench.step(
                *(actor.identity, actor.head, [(bench.outside, sent[end])]),
                rule="wit.proposal.fence" if any(kinds[at : end + 1]) and end > at else "wit.kind.precedence",
            )
            if end == at:
                after = made
        at, actor.head = at + 1, after
    bench.flush()


def _sent(bench: Workbench, actor: BenchActor) -> list[bytes]:
    """Return what was sent to an actor from outside after its genesis message, oldest first."""
    sent: list[bytes] = []
    at: bytes | None = actor.tips[bench.outside]
    while at is not None:
        sent.append(at)
        at = bench.executor.shelf.message(at).previous if at in bench.pair.model.objects else _previous(bench, at)
    return sent[::-1][1:]


def _previous(bench: Workbench, identity: bytes) -> bytes | None:
    value = bench.stage.graph.values[identity]
    assert isinstance(value, Message)
    return value.previous


def genesis_first(trial: Trial, fmt: Format) -> None:
    """The first step reads one genesis message and nothing else, whatever other mail there is."""
    bench = Workbench(trial, fmt)
    rule = "wit.genesis.first"
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    actor = bench.actor(b"a", program=bench.stage.blob(programs.append("log", b"g")))
    ask = bench.program(programs.append("log", b"x"))
    genesis = actor.send(actor.identity, "genesis")
    behind = actor.send(ask)
    elsewhere = actor.send(ask, sender=other)
    actor.step((bench.outside, behind), rule=rule)
    actor.step((bench.outside, genesis), (other, elsewhere), rule=rule)
    actor.step((other, elsewhere), rule="wit.genesis.identity")
    actor.step((bench.outside, genesis), rule=rule)
    actor.step((bench.outside, behind), (other, elsewhere), rule=rule)
    late = bench.actor(b"late")
    late.send(ask)
    late.send(late.identity, "genesis")
    late.step(rule=rule)
    late.step((other, late.send(late.identity, sender=other)), rule=rule)
    late.step((bench.outside, late.tips[bench.outside]), rule="wit.genesis.again")
    bench.flush()


def genesis_again(trial: Trial, fmt: Format) -> None:
    """A second genesis message moves the cursor, and no code runs."""
    bench = Workbench(trial, fmt)
    actor = bench.born(b"a", program=bench.stage.blob(programs.append("log", b"g")))
    actor.tell(actor.identity, "genesis", rule="wit.genesis.again")
    actor.tell(bench.program(programs.write("k", b"v") + programs.put("wit", 0), bench.stage.blob(b"external:absent")))
    actor.tell(actor.identity, "genesis", rule="wit.genesis.again")
    actor.tell(actor.identity, "job", rule="wit.genesis.again")
    actor.tell(actor.identity, rule="wit.genesis.again")
    actor.tell(actor.identity, "update", rule="wit.kind.precedence")
    bench.flush()


def most_mail(trial: Trial, fmt: Format) -> None:
    """A step covers the mail of 4,096 senders, the most that one request can name."""
    bench = Workbench(trial, fmt)
    actor, rule = bench.born(), "wit.proposal.valid"
    head, message = actor.head, bench.add(Message(None, (), bench.program(b"")))
    senders = (bench.stage.tree(name=bench.stage.blob(b"%d" % number)) for number in range(_MOST_MAIL))
    mail = [(sender, message) for sender in sorted(senders)]
    made = bench.step(actor.identity, head, mail, rule=rule)
    assert made is not None, "the proposal is valid"
    bench.admit(actor.identity, head, mail, made, rule=rule)
    bench.flush()


PROPERTIES: Final = (
    *in_each_format("wit/kind/all", kinds, "wit.kind.precedence", "wit.genesis.identity"),
    *in_each_format("wit/kind/other-headers", other_headers, "wit.kind.precedence"),
    *in_each_format("wit/proposal/invalid", invalid, "wit.proposal.valid", "wit.genesis.identity"),
    *in_each_format("wit/proposal/most", most_mail, "wit.proposal.valid", once=True),
    *in_each_format("wit/proposal/absent", absent, "wit.transition.class"),
    *in_each_format("wit/proposal/erased", erased, "wit.transition.class", features=("external", "erase")),
    *in_each_format(
        *("wit/proposal/fence", fence, "wit.proposal.fence", "wit.kind.precedence"),
        reach={"wit.step refused": 0.4},
        given=tape(16),
        examples=20,
    ),
    *in_each_format("wit/genesis/first", genesis_first, "wit.genesis.first", "wit.genesis.identity"),
    *in_each_format("wit/genesis/again", genesis_again, "wit.genesis.again"),
)
