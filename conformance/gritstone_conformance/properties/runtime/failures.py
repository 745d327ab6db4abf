"""Failure: what is retried and how often, what is marked, which senders get receipts, and what removes a mark."""

from __future__ import annotations

from functools import partial
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.illegal import KINDS
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Message, to_base64
from gritstone_conformance.properties.runtime.lockstep import GENESIS, MOST_STEPS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.timing import with_more_time
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_LIMITS_MS: Final = (240, 2_400)  # what a transition is given; one that does not sleep needs far less


def attempts_counted(trial: Trial, fmt: Format) -> None:
    """A message that keeps failing is run ``max_attempts`` times, with the attempts 1 to that, and then marked."""
    rule = "runtime.retry.count"
    for most in (1, 2, 4):
        lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, most)))
        for failures in range(most + 1):
            actor = lockstep.born(b"%d" % failures)
            ops = programs.try_again(failures) + programs.append("log", b"done")
            lockstep.tell(actor, lockstep.stage.program(ops), rule=rule)
            lockstep.query(actor, "get", b"log", rule=rule)
        lockstep.refs(rule="runtime.fail.mark")
        lockstep.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def marked_after_last_attempt(trial: Trial, fmt: Format) -> None:
    """A mark names sender and message; while it is there only updates run, after a start too."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, bystander = lockstep.born(b"a"), lockstep.born(b"b")
    log = stage.program(programs.append("log", b"x"))
    lockstep.tell(actor, log)
    lockstep.tell(actor, stage.program(programs.fail()), rule="runtime.fail.mark")
    lockstep.refs(rule="runtime.fail.mark")
    lockstep.tell(actor, log, rule="runtime.fail.stop")
    ask = stage.program(programs.send(0, 1), actor, log)
    lockstep.tell(bystander, ask, rule="runtime.fail.stop")
    lockstep.restart(rule="runtime.fail.stop")
    lockstep.run(rule="runtime.fail.stop")
    lockstep.tell(actor, log, rule="runtime.fail.stop")
    lockstep.tell(bystander, log, rule="runtime.fail.stop")
    lockstep.export(rule="runtime.fail.stop")


def update_removes_mark(trial: Trial, fmt: Format) -> None:
    """An admitted update unmarks, and what had failed is tried again; a refused one leaves the mark."""
    rule = "runtime.fail.unmark"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, mender = lockstep.born(b"a"), lockstep.born(b"m")
    broken = stage.tree(wit=stage.blob(b"external:absent"))
    whole = stage.tree(wit=stage.blob(PUPPET))
    log = stage.program(programs.append("log", b"x"))
    victim = lockstep.born(b"v")
    poison = stage.program(programs.fail())
    lockstep.tell(mender, stage.program(programs.send(0, 1), victim, poison), rule="runtime.fail.mark")
    lockstep.tell(victim, stage.blob(b"refused"), "update", rule=rule)
    lockstep.refs(rule=rule)
    lockstep.tell(actor, broken, "update")
    lockstep.tell(actor, log, rule="runtime.fail.mark")
    lockstep.refs(rule="runtime.fail.mark")
    refused = stage.tree(wit=stage.tree(x=stage.blob(b"")))
    for content in (stage.blob(b"blob"), refused, whole):
        ask = stage.program(programs.send(0, 1, "update"), actor, content)
        lockstep.tell(mender, ask, rule=rule)
        lockstep.refs(rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    poison = stage.program(programs.try_again(1) + programs.append("log", b"y"))
    lockstep.tell(actor, poison, rule=rule)
    lockstep.tell(actor, stage.program(programs.fail()), rule=rule)
    lockstep.tell(mender, stage.program(programs.send(0, 1, "update"), actor, stage.tree(k=log)), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def idle_update_removes_mark(trial: Trial, fmt: Format) -> None:
    """An update that leaves the core as it is unmarks all the same: what had failed is run, and fails, again."""
    rule = "runtime.fail.unmark"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    sender = lockstep.born(b"s")
    code = stage.blob(PUPPET, ("ct", "s"))
    equal = stage.tree(wit=stage.blob(PUPPET))
    for number, content in enumerate((equal, stage.program(b"", wit_update=code))):
        victim = lockstep.born(b"%d" % number)
        lockstep.tell(sender, stage.program(programs.send(0, 1), victim, stage.program(programs.fail())), rule=rule)
        lockstep.refs(rule="runtime.fail.mark")
        lockstep.tell(victim, content, "update", rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def updates_pass_marked_actors(trial: Trial, fmt: Format) -> None:
    """An update of another sender, and one that is a signal, passes a marked actor; one queued behind waits."""
    rule = "runtime.fail.pass"
    stamped = {"wit": STAMP}
    for way in ("queued", "signal", "other"):
        lockstep = LockstepModel(trial, fmt)
        stage = lockstep.stage
        update = stage.tree(**{name: stage.blob(code) for name, code in stamped.items()})
        actor, other = lockstep.born(b"a"), lockstep.born(b"b")
        lockstep.tell(actor, stage.program(programs.fail()))
        lockstep.refs(rule="runtime.fail.mark")
        if way == "other":
            lockstep.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        else:
            lockstep.tell(actor, update, "update", "signal" if way == "signal" else "queue", rule=rule)
        lockstep.refs(rule=rule)
        lockstep.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        lockstep.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def genesis_fails(trial: Trial, fmt: Format) -> None:
    """A genesis message that fails leaves a mark and no head; when an operator removes the mark, it is tried again."""
    rule = "runtime.fail.genesis"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    bad = stage.core(b"bad", program=stage.blob(programs.fail()))
    code = stage.core(b"code", b"external:absent")
    late = stage.core(b"late", program=stage.blob(programs.try_again(1)))
    creator = lockstep.born(b"creator")
    for core in (bad, code, late):
        lockstep.inject(core, core, headers=GENESIS, rule=rule)
        lockstep.run(rule=rule)
        lockstep.refs(rule=rule)
    spawned = stage.core(b"spawned", program=stage.blob(programs.illegal(0x09)))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), spawned), rule=rule)
    lockstep.tell(bad, stage.tree(k=stage.blob(b"k")), "update", rule=rule)
    lockstep.refs(rule=rule)
    lockstep.restart(rule=rule)
    lockstep.run(rule=rule)
    lockstep.export(rule=rule)


def unmarked(trial: Trial, fmt: Format) -> None:
    """After an operator removed a mark, a runtime that is started tries the message again, with attempt 1."""
    rule = "runtime.fail.mark"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 2)))
    stage = lockstep.stage
    actor = lockstep.born(b"a")
    lockstep.tell(actor, stage.program(programs.try_again(1) + programs.append("log", b"1")), rule=rule)
    lockstep.tell(actor, stage.program(programs.try_again(2)), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.stop()
    name = f"failed/{actor.hex()}"
    lockstep.request(lockstep.pair.cas(Change(name, lockstep.pair.model.references[name], None)))
    lockstep.start()
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def bad_steps(trial: Trial, fmt: Format) -> None:
    """A result that is not admitted counts as a failure like any other and does not disturb the runtime."""
    rule = "runtime.fail.bad-step"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 2)))
    stage = lockstep.stage
    bystander = lockstep.born(b"bystander")
    log = stage.program(programs.append("log", b"x"))
    for kind in KINDS:
        actor = lockstep.born(b"x%d" % kind)
        for _ in range(2):
            lockstep.tell(actor, stage.program(programs.send(0, 1), bystander, log), rule=rule)
        lockstep.tell(actor, stage.program(programs.append("log", b"x") + programs.illegal(kind)), rule=rule)
        lockstep.query(actor, "step", rule=rule)
        lockstep.request(lockstep.pair.refs("failed/", rule="runtime.fail.mark"))
        lockstep.refs(rule="wit.admit.trace")
    lockstep.tell(bystander, log, rule=rule)
    lockstep.export(rule="wit.admit.trace")


def failing_updates(trial: Trial, fmt: Format) -> None:
    """An update that keeps failing is answered by the step that only reads, and marks no actor."""
    rule = "runtime.fail.update"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 2)))
    stage = lockstep.stage
    puppet = stage.blob(PUPPET)
    actor, poisoned = lockstep.born(b"a"), lockstep.born(b"p")
    lockstep.tell(poisoned, stage.program(programs.fail()))
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
        lockstep.tell(actor, content, "update", rule=rule)
        lockstep.refs(rule=rule)
        lockstep.tell(poisoned, content, "update", "signal", rule=rule)
        lockstep.refs(rule=rule)
    lockstep.tell(actor, stage.program(programs.append("log", b"alive")), rule=rule)
    lockstep.export(rule=rule)


def receipts(trial: Trial, fmt: Format) -> None:
    """With each mark the sender gets one receipt, behind the agent's other mail; a receipt causes none."""
    rule = "runtime.receipt.form"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    receipt = stage.tree(receipt=stage.program(programs.append("log", b"r")))
    sender = lockstep.born(b"sender", on=receipt)
    for title, code, ops in (
        (b"failed", PUPPET, programs.fail()),
        (b"illegal", PUPPET, programs.illegal(0x02)),
        (b"unresolved", PUPPET, b""),
        (b"genesis", PUPPET, b""),
    ):
        target = lockstep.born(title, code) if title != b"genesis" else stage.core(b"x", program=stage.blob(b"F"))
        if title == b"unresolved":
            lockstep.tell(target, stage.tree(wit=stage.blob(b"external:absent")), "update")
        content = target if title == b"genesis" else stage.program(ops)
        lockstep.tell(sender, stage.program(programs.send(0, 1), target, content), rule=rule)
        lockstep.refs(rule=rule)
        lockstep.query(sender, "get", b"log", rule=rule)
    lockstep.tell(target, stage.program(b""), rule=rule)
    fragile = lockstep.born(b"fragile", on=stage.tree(receipt=stage.program(programs.fail())))
    victim = lockstep.born(b"victim")
    ask = stage.program(programs.send(0, 1), victim, stage.program(programs.fail()))
    lockstep.tell(fragile, ask, rule="runtime.receipt.no-loop")
    lockstep.refs(rule="runtime.receipt.no-loop")
    itself = lockstep.born(b"itself", on=receipt)
    to_itself = stage.program(programs.send(programs.ACTOR, 0), stage.program(programs.fail()))
    lockstep.tell(itself, to_itself, rule=rule)
    lockstep.refs(rule=rule)
    from_outside = lockstep.born(b"outside")
    lockstep.tell(from_outside, stage.program(programs.fail()), rule="runtime.receipt.no-loop")
    lockstep.export(rule="runtime.receipt.no-loop")


def out_of_time(trial: Trial, fmt: Format) -> None:
    """Naps of a transition add up; an actor out of time is marked, and mark and receipt have the class ``timeout``."""
    with_more_time(trial, partial(_nap_too_long, trial, fmt), _LIMITS_MS)


def _nap_too_long(trial: Trial, fmt: Format, limit_ms: int) -> None:
    rule = "runtime.receipt.form"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1), transition_ms=limit_ms))
    stage = lockstep.stage
    sender, slow = lockstep.born(b"sender"), lockstep.born(b"slow")
    naps = stage.program(programs.sleep(limit_ms * 2 // 3) * 2)
    failed = stage.graph.add(Message(None, (), naps))
    asked = lockstep.inject(sender, stage.program(programs.send(0, 1), slow, naps))
    headers = (("mt", "receipt"), ("reply", failed.hex()), ("class", "timeout"))
    receipt = fmt.encode(Message(asked, headers, fmt.hash(fmt.encode(Blob((), b"")))))
    lockstep.flush()
    parked = ok(cause="rest", steps={"$": "any"}, parked=[[slow.hex(), "timeout"]])
    trial.expect("runtime.run", {"runtime": "r", "max_steps": MOST_STEPS}, parked, rule="runtime.fail.mark")
    kept = ok(bytes=to_base64(receipt))
    trial.expect("grit.get", {"store": "s", "id": fmt.hash(receipt).hex()}, kept, rule=rule)
    trial.expect("grit.close", {"store": "s"}, ok())


PROPERTIES: Final = (
    *in_each_format("runtime/retry/count", attempts_counted, "runtime.retry.count", "runtime.fail.mark"),
    *in_each_format("runtime/fail/marked", marked_after_last_attempt, "runtime.fail.mark", "runtime.fail.stop"),
    *in_each_format("runtime/fail/healed", update_removes_mark, "runtime.fail.unmark", "runtime.fail.mark"),
    *in_each_format("runtime/fail/healed-by-nothing", idle_update_removes_mark, "runtime.fail.unmark"),
    *in_each_format("runtime/fail/passing", updates_pass_marked_actors, "runtime.fail.pass", "runtime.fail.mark"),
    *in_each_format("runtime/fail/genesis", genesis_fails, "runtime.fail.genesis"),
    *in_each_format("runtime/fail/unmarked", unmarked, "runtime.fail.mark"),
    *in_each_format(
        "runtime/fail/bad-steps", bad_steps, "runtime.fail.bad-step", "wit.admit.trace", "runtime.fail.mark"
    ),
    *in_each_format("runtime/fail/updates", failing_updates, "runtime.fail.update"),
    *in_each_format("runtime/receipt/out-of-time", out_of_time, "runtime.receipt.form", "runtime.fail.mark"),
    *in_each_format("runtime/receipt/sent", receipts, "runtime.receipt.form", "runtime.receipt.no-loop"),
)
