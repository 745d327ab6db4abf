"""Failure: what is retried and how often, what is marked, which senders get receipts, and what removes a mark."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.illegal import KINDS
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Message, to_base64
from gritstone_conformance.properties.runtime.double import GENESIS, MOST_STEPS, Double, Terms
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_LIMIT_MS: Final = 240  # what a transition is given; one that does not sleep needs far less


def counted(trial: Trial, fmt: Format) -> None:
    """A message that keeps failing is run ``max_attempts`` times, with the attempts 1 to that, and then marked."""
    rule = "runtime.retry.count"
    for most in (1, 2, 4):
        double = Double(trial, fmt, Terms(config=Config(0, 0, most)))
        for failures in range(most + 1):
            actor = double.born(b"%d" % failures)
            ops = programs.try_again(failures) + programs.append("log", b"done")
            double.tell(actor, double.stage.program(ops), rule=rule)
            double.query(actor, "get", b"log", rule=rule)
        double.refs(rule="runtime.fail.mark")
        double.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def marked(trial: Trial, fmt: Format) -> None:
    """A mark names sender and message; while it is there only updates run, after a start too."""
    double = Double(trial, fmt)
    stage = double.stage
    actor, bystander = double.born(b"a"), double.born(b"b")
    log = stage.program(programs.append("log", b"x"))
    double.tell(actor, log)
    double.tell(actor, stage.program(programs.fail()), rule="runtime.fail.mark")
    double.refs(rule="runtime.fail.mark")
    double.tell(actor, log, rule="runtime.fail.stop")
    ask = stage.program(programs.send(0, 1), actor, log)
    double.tell(bystander, ask, rule="runtime.fail.stop")
    double.restart(rule="runtime.fail.stop")
    double.run(rule="runtime.fail.stop")
    double.tell(actor, log, rule="runtime.fail.stop")
    double.tell(bystander, log, rule="runtime.fail.stop")
    double.export(rule="runtime.fail.stop")


def healed(trial: Trial, fmt: Format) -> None:
    """An admitted update unmarks, and what had failed is tried again; a refused one leaves the mark."""
    rule = "runtime.fail.unmark"
    double = Double(trial, fmt)
    stage = double.stage
    actor, mender = double.born(b"a"), double.born(b"m")
    broken = stage.tree(wit=stage.blob(b"external:absent"))
    whole = stage.tree(wit=stage.blob(PUPPET))
    log = stage.program(programs.append("log", b"x"))
    victim = double.born(b"v")
    poison = stage.program(programs.fail())
    double.tell(mender, stage.program(programs.send(0, 1), victim, poison), rule="runtime.fail.mark")
    double.tell(victim, stage.blob(b"refused"), "update", rule=rule)
    double.refs(rule=rule)
    double.tell(actor, broken, "update")
    double.tell(actor, log, rule="runtime.fail.mark")
    double.refs(rule="runtime.fail.mark")
    refused = stage.tree(wit=stage.tree(x=stage.blob(b"")))
    for content in (stage.blob(b"blob"), refused, whole):
        ask = stage.program(programs.send(0, 1, "update"), actor, content)
        double.tell(mender, ask, rule=rule)
        double.refs(rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    poison = stage.program(programs.try_again(1) + programs.append("log", b"y"))
    double.tell(actor, poison, rule=rule)
    double.tell(actor, stage.program(programs.fail()), rule=rule)
    double.tell(mender, stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=log)), rule=rule)
    double.refs(rule=rule)
    double.export(rule=rule)


def passing(trial: Trial, fmt: Format) -> None:
    """An update of another sender, and one that is a signal, passes a marked actor; one queued behind waits."""
    rule = "runtime.fail.pass"
    stamped = {"wit": STAMP}
    for way in ("queued", "signal", "other"):
        double = Double(trial, fmt)
        stage = double.stage
        update = stage.tree(**{name: stage.blob(code) for name, code in stamped.items()})
        actor, other = double.born(b"a"), double.born(b"b")
        double.tell(actor, stage.program(programs.fail()))
        double.refs(rule="runtime.fail.mark")
        if way == "other":
            double.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        else:
            double.tell(actor, update, "update", "signal" if way == "signal" else "queue", rule=rule)
        double.refs(rule=rule)
        double.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        double.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def genesis_fails(trial: Trial, fmt: Format) -> None:
    """A genesis message that fails leaves a mark and no head; when an operator removes the mark, it is tried again."""
    rule = "runtime.fail.genesis"
    double = Double(trial, fmt)
    stage = double.stage
    bad = stage.core(b"bad", program=stage.blob(programs.fail()))
    code = stage.core(b"code", b"external:absent")
    late = stage.core(b"late", program=stage.blob(programs.try_again(1)))
    creator = double.born(b"creator")
    for core in (bad, code, late):
        double.inject(core, core, headers=GENESIS, rule=rule)
        double.run(rule=rule)
        double.refs(rule=rule)
    spawned = stage.core(b"spawned", program=stage.blob(programs.illegal(0x09)))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), spawned), rule=rule)
    double.tell(bad, stage.tree(k=stage.blob(b"k")), "update", rule=rule)
    double.refs(rule=rule)
    double.restart(rule=rule)
    double.run(rule=rule)
    double.export(rule=rule)


def unmarked(trial: Trial, fmt: Format) -> None:
    """After an operator removed a mark, a runtime that is started tries the message again, with attempt 1."""
    rule = "runtime.fail.mark"
    double = Double(trial, fmt, Terms(config=Config(0, 0, 2)))
    stage = double.stage
    actor = double.born(b"a")
    double.tell(actor, stage.program(programs.try_again(1) + programs.append("log", b"1")), rule=rule)
    double.tell(actor, stage.program(programs.try_again(2)), rule=rule)
    double.refs(rule=rule)
    double.stop()
    name = f"failed/{actor.hex()}"
    double.request(double.pair.cas(Change(name, double.pair.model.references[name], None)))
    double.start()
    double.run(rule=rule)
    double.refs(rule=rule)
    double.export(rule=rule)


def bad_steps(trial: Trial, fmt: Format) -> None:
    """A result that is not admitted counts as a failure like any other and does not disturb the runtime."""
    rule = "runtime.fail.bad-step"
    double = Double(trial, fmt, Terms(config=Config(0, 0, 2)))
    stage = double.stage
    bystander = double.born(b"bystander")
    log = stage.program(programs.append("log", b"x"))
    for kind in KINDS:
        actor = double.born(b"x%d" % kind)
        for _ in range(2):
            double.tell(actor, stage.program(programs.send(0, 1), bystander, log), rule=rule)
        double.tell(actor, stage.program(programs.append("log", b"x") + programs.illegal(kind)), rule=rule)
        double.query(actor, "step", rule=rule)
        double.request(double.pair.refs("failed/", rule="runtime.fail.mark"))
        double.refs(rule="wit.admit.trace")
    double.tell(bystander, log, rule=rule)
    double.export(rule="wit.admit.trace")


def failing_updates(trial: Trial, fmt: Format) -> None:
    """An update that keeps failing is answered by the step that only reads, and marks no actor."""
    rule = "runtime.fail.update"
    double = Double(trial, fmt, Terms(config=Config(0, 0, 2)))
    stage = double.stage
    puppet = stage.blob(PUPPET)
    actor, poisoned = double.born(b"a"), double.born(b"p")
    double.tell(poisoned, stage.program(programs.fail()))
    for ops, code in (
        (programs.fail(), puppet),
        (programs.illegal(0x01), puppet),
        (programs.try_again(1) + programs.append("log", b"u"), puppet),
        (programs.try_again(2), puppet),
        (b"", stage.blob(b"external:absent")),
        (b"", stage.tree(x=puppet)),
        (programs.delete("wit"), puppet),
    ):
        content = stage.program(ops, wit_update=code)
        double.tell(actor, content, "update", rule=rule)
        double.refs(rule=rule)
        double.tell(poisoned, content, "update", "signal", rule=rule)
        double.refs(rule=rule)
    double.tell(actor, stage.program(programs.append("log", b"alive")), rule=rule)
    double.export(rule=rule)


def receipts(trial: Trial, fmt: Format) -> None:
    """With each mark the sender gets one receipt, behind the agent's other mail; a receipt causes none."""
    rule = "runtime.receipt.form"
    double = Double(trial, fmt, Terms(config=Config(0, 0, 1)))
    stage = double.stage
    heard = stage.tree(receipt=stage.program(programs.append("log", b"r")))
    sender = double.born(b"sender", on=heard)
    for title, code, ops in (
        (b"failed", PUPPET, programs.fail()),
        (b"illegal", PUPPET, programs.illegal(0x02)),
        (b"unresolved", PUPPET, b""),
        (b"genesis", PUPPET, b""),
    ):
        target = double.born(title, code) if title != b"genesis" else stage.core(b"x", program=stage.blob(b"F"))
        if title == b"unresolved":
            double.tell(target, stage.tree(wit=stage.blob(b"external:absent")), "update")
        content = target if title == b"genesis" else stage.program(ops)
        double.tell(sender, stage.program(programs.send(0, 1), target, content), rule=rule)
        double.refs(rule=rule)
        double.query(sender, "get", b"log", rule=rule)
    double.tell(target, stage.program(b""), rule=rule)
    fragile = double.born(b"fragile", on=stage.tree(receipt=stage.program(programs.fail())))
    victim = double.born(b"victim")
    ask = stage.program(programs.send(0, 1), victim, stage.program(programs.fail()))
    double.tell(fragile, ask, rule="runtime.receipt.no-loop")
    double.refs(rule="runtime.receipt.no-loop")
    itself = double.born(b"itself", on=heard)
    to_itself = stage.program(programs.send(programs.ACTOR, 0), stage.program(programs.fail()))
    double.tell(itself, to_itself, rule=rule)
    double.refs(rule=rule)
    from_outside = double.born(b"outside")
    double.tell(from_outside, stage.program(programs.fail()), rule="runtime.receipt.no-loop")
    double.export(rule="runtime.receipt.no-loop")


def out_of_time(trial: Trial, fmt: Format) -> None:
    """Naps of a transition add up; an actor out of time is marked, and mark and receipt have the class ``timeout``."""
    rule = "runtime.receipt.form"
    double = Double(trial, fmt, Terms(config=Config(0, 0, 1), transition_ms=_LIMIT_MS))
    stage = double.stage
    sender, slow = double.born(b"sender"), double.born(b"slow")
    naps = stage.program(programs.sleep(_LIMIT_MS * 2 // 3) * 2)
    failed = stage.graph.add(Message(None, (), naps))
    asked = double.inject(sender, stage.program(programs.send(0, 1), slow, naps))
    headers = (("mt", "receipt"), ("reply", failed.hex()), ("class", "timeout"))
    receipt = fmt.encode(Message(asked, headers, fmt.hash(fmt.encode(Blob((), b"")))))
    double.play()
    parked = ok(cause="rest", steps={"$": "any"}, parked=[[slow.hex(), "timeout"]])
    trial.expect("runtime.run", {"runtime": "r", "max_steps": MOST_STEPS}, parked, rule="runtime.fail.mark")
    kept = ok(bytes=to_base64(receipt))
    trial.expect("grit.get", {"store": "s", "id": fmt.hash(receipt).hex()}, kept, rule=rule)
    trial.expect("grit.close", {"store": "s"}, ok())


PROPERTIES: Final = (
    *in_each_format("runtime/retry/count", counted, "runtime.retry.count", "runtime.fail.mark"),
    *in_each_format("runtime/fail/marked", marked, "runtime.fail.mark", "runtime.fail.stop"),
    *in_each_format("runtime/fail/healed", healed, "runtime.fail.unmark", "runtime.fail.mark"),
    *in_each_format("runtime/fail/passing", passing, "runtime.fail.pass", "runtime.fail.mark"),
    *in_each_format("runtime/fail/genesis", genesis_fails, "runtime.fail.genesis"),
    *in_each_format("runtime/fail/unmarked", unmarked, "runtime.fail.mark"),
    *in_each_format(
        "runtime/fail/bad-steps", bad_steps, "runtime.fail.bad-step", "wit.admit.trace", "runtime.fail.mark"
    ),
    *in_each_format("runtime/fail/updates", failing_updates, "runtime.fail.update"),
    *in_each_format("runtime/receipt/out-of-time", out_of_time, "runtime.receipt.form", "runtime.fail.mark"),
    *in_each_format("runtime/receipt/sent", receipts, "runtime.receipt.form", "runtime.receipt.no-loop"),
)
