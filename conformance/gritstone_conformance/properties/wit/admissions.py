"""Admission: what code gives back becomes a step only if it breaks none of the conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.illegal import KINDS, absent_id
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Mailbox, Message, Step, Tree
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULES: Final = {
    0x01: "wit.admit.previous",
    0x02: "wit.admit.actor",
    0x03: "wit.admit.progress",
    0x04: "wit.admit.inbox-proposed",
    0x05: "wit.admit.inbox-keep",
    0x06: "wit.admit.inbox-cursor",
    0x07: "wit.admit.outbox",
    0x08: "wit.admit.closed",
    0x09: "wit.admit.kind",
    0x0A: "wit.admit.core",
    0x0B: "wit.admit.closed",
    0x0C: "wit.admit.kind",
    0x0D: "wit.admit.closed",
    0x0E: "wit.admit.previous",
}
"""Kind of ``X`` to the rule that the result breaks."""

assert _RULES.keys() == KINDS.keys()


def illegal_results(trial: Trial, fmt: Format) -> None:
    """Every kind of illegal result is refused as such; the same step without it is admitted."""
    bench = Workbench(trial, fmt)
    for kind, rule in _RULES.items():
        actor = _with_outbox(bench, b"x%d" % kind)
        head = actor.head
        for where in ("sent", "signal", "genesis", "cleanup"):
            ops = programs.append("log", b"i") + programs.illegal(kind)
            if where == "genesis":
                unborn = bench.actor(b"g%d" % kind, program=bench.stage.blob(ops))
                unborn.tell(unborn.identity, rule=rule)
                continue
            mt = "cleanup" if where == "cleanup" else ""
            message = actor.send(bench.program(ops), mt, signal=where == "signal")
            bench.step(actor.identity, head, [(bench.outside, message)], rule=rule)
        tips = bench.executor.shelf.mail(actor.value.inbox)
        actor.tips = dict(tips)
        actor.tell(bench.program(programs.append("log", b"l")), rule=rule)
    bench.references(rule="wit.admit.trace")
    bench.flush()


def _with_outbox(bench: Workbench, title: bytes) -> BenchActor:
    """Return an actor with three steps, that has sent two messages behind each other."""
    actor = bench.born(title)
    empty = bench.program(b"")
    actor.tell(bench.program(programs.send(0, 1) + programs.send(0, 1, "two"), bench.outside, empty))
    actor.tell(empty)
    return actor


def no_trace(trial: Trial, fmt: Format) -> None:
    """A result that is not admitted changes no reference, whatever other operations do with it."""
    bench = Workbench(trial, fmt)
    actor = _with_outbox(bench, b"a")
    name = f"heads/{actor.identity.hex()}"
    assert actor.head is not None
    bench.fill()
    bench.flush()
    bench.pair.expect(bench.pair.cas(Change(name, None, actor.head)))
    for kind in KINDS:
        message = actor.send(bench.program(programs.illegal(kind)), signal=True)
        bench.step(actor.identity, actor.head, [(bench.outside, message)], rule=_RULES[kind])
        bench.references(rule="wit.admit.trace")
    actor.step((bench.outside, actor.send(bench.program(b""), signal=True)), rule="wit.admit.trace")
    bench.references(rule="wit.admit.trace")
    bench.flush()


def altered(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A legal step is admitted, and each altered one is judged by the conditions alone."""
    bench = Workbench(trial, fmt)
    actor = _with_outbox(bench, b"a")
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    head, last = actor.head, actor.value
    empty = bench.program(b"")
    sent = [actor.send(empty, str(number), sender=tape.pick((bench.outside, other))) for number in range(3)]
    mail = sorted((sender, tip) for sender, tip in actor.tips.items() if tip in sent)
    made = bench.step(actor.identity, head, mail)
    assert made is not None
    bench.admit(actor.identity, head, mail, made, rule="wit.admit.previous")
    good = bench.executor.shelf.step(made)
    for _ in range(6):
        step = _altered(bench, tape, good, last, sent)
        expect = bench.admit(actor.identity, head, mail, bench.add(step), rule="wit.admit.closed")
        trial.reach("another step is admitted", step != good and "ok" in expect)
    bench.flush()


def _altered(bench: Workbench, tape: Tape, good: Step, last: Step, sent: list[bytes]) -> Step:
    """Return a step with one or two other fields."""
    step = good
    for _ in range(tape.within(1, 2)):
        field = tape.pick(("previous", "inbox", "outbox", "core", "actor", "inbox", "outbox"))
        match field:
            case "previous":
                step = replace(step, previous=tape.pick((None, last.previous, good.previous)))
            case "actor":
                step = replace(step, actor=tape.pick((bench.outside, good.actor)))
            case "core":
                step = replace(step, core=tape.pick((_core(bench, good), bench.outside, good.core, last.core)))
            case "inbox":
                step = replace(step, inbox=_box(bench, tape, good.inbox, sent))
            case _:
                step = replace(step, outbox=_box(bench, tape, good.outbox, sent))
    return step


def _core(bench: Workbench, step: Step) -> bytes:
    entries = dict(bench.executor.shelf.names(step.core))
    return bench.add(Tree(tuple({**entries, "wit": bench.stage.tree(x=bench.outside)}.items())))


def _box(bench: Workbench, tape: Tape, box: bytes | None, sent: list[bytes]) -> bytes | None:
    """Return a mailbox with one entry removed, moved along its chain, or added."""
    shelf = bench.executor.shelf
    entries = dict(shelf.mail(box))
    keys = sorted(entries)
    word = tape.below(5)
    if word == 0 and keys:
        del entries[tape.pick(keys)]
    elif word == 1 and keys:
        key = tape.pick(keys)
        previous = shelf.message(entries[key]).previous
        if previous is not None:
            entries[key] = previous
    elif word == 2 and keys:
        key = tape.pick(keys)
        entries[key] = bench.add(Message(entries[key], (("more", "1"),), bench.outside))
    elif word == 3 and keys:
        key = tape.pick(keys)
        previous = shelf.message(entries[key]).previous
        entries[key] = bench.add(Message(previous, (("fork", "1"),), bench.outside))
    else:
        entries[tape.pick((bench.outside, bench.stage.tree(k=bench.outside)))] = tape.pick(sent)
    return bench.add(Mailbox(tuple(entries.items()))) if entries else None


def outboxes(trial: Trial, fmt: Format) -> None:
    """An entry may stay, go, come, be queued behind or replaced by another chain; it may not go back or fork."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    message = actor.send(bench.program(b""))
    mail = [(bench.outside, message)]
    chain = [bench.add(Message(None, (), bench.outside))]
    for number in range(3):
        chain.append(bench.add(Message(chain[-1], (("n", str(number)),), bench.outside)))
    fork = bench.add(Message(chain[1], (("fork", ""),), bench.outside))
    fresh = bench.add(Message(bench.add(Message(None, (("new", ""),), bench.outside)), (), bench.outside))
    base = bench.step(actor.identity, actor.head, mail)
    assert base is not None
    for old in (None, *chain):
        first = replace(bench.executor.shelf.step(base), outbox=bench.box((actor.identity, old)) if old else None)
        start = bench.add(first)
        queued = bench.add(Message(message, (), bench.program(b"")))
        for new in (None, *chain, fork, fresh):
            box = bench.box((actor.identity, new)) if new else None
            inbox = bench.box((bench.outside, queued))
            step = bench.add(Step(start, actor.identity, inbox, box, first.core))
            bench.admit(actor.identity, start, [(bench.outside, queued)], step, rule="wit.admit.outbox")
    bench.flush()


def closures(trial: Trial, fmt: Format) -> None:
    """Nothing that is absent, and nothing of a wrong kind, may be reached from a step."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    message = actor.send(bench.program(b""))
    mail, head = [(bench.outside, message)], actor.head
    made = bench.step(actor.identity, head, mail)
    assert made is not None
    good = bench.executor.shelf.step(made)
    gone = absent_id(message)
    wit = bench.executor.shelf.names(good.core)["wit"]
    deep = bench.stage.tree(a=bench.stage.tree(b=gone))
    odd = bench.stage.tree(a=message)
    steps = {
        "wit.admit.closed": [
            replace(good, core=gone),
            replace(good, outbox=gone),
            replace(good, core=bench.stage.tree(wit=wit, deep=deep)),
            replace(good, outbox=bench.box((actor.identity, bench.add(Message(None, (), gone))))),
            replace(good, outbox=bench.box((actor.identity, bench.add(Message(gone, (), wit))))),
            replace(good, outbox=bench.box((gone, message))),
        ],
        "wit.admit.kind": [
            replace(good, core=wit),
            replace(good, core=message),
            replace(good, inbox=good.core),
            replace(good, outbox=message),
            replace(good, core=bench.stage.tree(wit=wit, odd=odd)),
            replace(good, outbox=bench.box((message, message))),
            replace(good, outbox=bench.box((actor.identity, wit))),
        ],
    }
    for rule, wrong in steps.items():
        for step in wrong:
            bench.admit(actor.identity, head, mail, bench.add(step), rule=rule)
    for result, rule in ((gone, "wit.admit.closed"), (wit, "wit.admit.kind"), (good.core, "wit.admit.kind")):
        bench.admit(actor.identity, head, mail, result, rule=rule)
    bench.admit(actor.identity, head, mail, made, rule="wit.admit.closed")
    bench.flush()


PROPERTIES: Final = (
    *in_each_format("wit/admit/illegal-results", illegal_results, *dict.fromkeys(_RULES.values()), "wit.admit.trace"),
    *in_each_format("wit/admit/no-trace", no_trace, "wit.admit.trace", *dict.fromkeys(_RULES.values())),
    *in_each_format(
        "wit/admit/altered",
        altered,
        *dict.fromkeys(_RULES.values()),
        reach={"another step is admitted": 0.25, "wit.admit refused": 0.5},
        given=tape(64),
        examples=26,
    ),
    *in_each_format("wit/admit/outboxes", outboxes, "wit.admit.outbox"),
    *in_each_format("wit/admit/closures", closures, "wit.admit.closed", "wit.admit.kind"),
)
