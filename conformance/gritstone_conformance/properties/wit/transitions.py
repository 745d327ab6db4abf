"""Transitions: whose code runs, when it declines, which arguments it gets, and how it fails."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_UNRESOLVED: Final = (
    b"",
    b"external:",
    b"external:absent",
    b"external:absent/more",
    b"external:puppet/1 ",
    b" external:puppet/1",
    b"external:puppet/1\n",
    b"\nexternal:puppet/1",
    b"external: puppet/1",
    b"External:puppet/1",
    b"EXTERNAL:puppet/1",
    b"external:Puppet/1",
    b"external:/puppet/1",
    b"external:.puppet/1",
    b"puppet/1",
    b"internal:puppet/1",
    b"external:puppet/1\0",
    b"external:puppet/1:x",
    b"\xff",
    b"wasm:",
    b"no/path:module:function",
    b"/path:module",
)


def source(trial: Trial, fmt: Format) -> None:
    """The code is that of the core before the step; what a step puts into its own core runs from the next one on."""
    bench = Workbench(trial, fmt)
    rule = "wit.transition.source"
    stamp, puppet = bench.stage.blob(STAMP, ("ct", "s")), bench.stage.blob(PUPPET, ("ct", "s"))
    log = bench.program(programs.append("log", b"x"))
    actor = bench.born(b"a", program=bench.stage.blob(programs.put("wit", 0)), **{"00": stamp})
    actor.tell(log, rule=rule)
    actor.tell(bench.program(programs.put("wit", 0), puppet), rule=rule)
    actor.tell(log, rule=rule)
    actor.tell(bench.stage.tree(wit=stamp), "update", rule=rule)
    actor.tell(log, rule=rule)
    first = bench.born(b"b", STAMP)
    first.tell(log, rule=rule)
    bench.flush()


def no_stale(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A node that is replaced takes effect with the next step, for one actor and not for another."""
    bench = Workbench(trial, fmt)
    rule = "wit.transition.no-stale"
    codes = [bench.stage.blob(code, ("ct", "s")) for code in (PUPPET, STAMP, b"external:absent")]
    actors = [bench.born(b"a"), bench.born(b"b"), bench.born(b"c", STAMP)]
    for _ in range(tape.within(2, 10)):
        actor = tape.pick(actors)
        code = tape.pick((0, 1, 0, 1, 2))
        if tape.below(2):
            actor.tell(bench.stage.tree(wit=codes[code]), "update", rule=rule)
        elif code < 2:
            actor.tell(bench.program(programs.put("wit", 0) + programs.append("log", b"w"), codes[code]), rule=rule)
        else:
            actor.tell(bench.program(programs.append("log", b"x")), rule=rule)
    bench.flush()


def declined(trial: Trial, fmt: Format) -> None:
    """Code that gives back the step it started from leaves no trace; for a first step that is a failure."""
    bench = Workbench(trial, fmt)
    rule = "wit.transition.declined"
    actor = bench.born()
    held = bench.program(programs.leave("k") + programs.append("log", b"h"))
    before = actor.head
    assert actor.tell(held, rule=rule) == before
    bench.references(rule=rule)
    actor.tips[bench.outside] = bench.executor.shelf.mail(actor.value.inbox)[bench.outside]
    actor.tell(bench.program(programs.write("k", b"v")), rule=rule)
    assert actor.tell(held, rule=rule) != before
    unborn = bench.actor(b"u", program=bench.stage.blob(programs.leave("k")))
    unborn.tell(unborn.identity, rule=rule)
    bench.flush()


def attempts(trial: Trial, fmt: Format) -> None:
    """Code sees the attempt that the request gives."""
    bench = Workbench(trial, fmt)
    actor, rule = bench.born(), "wit.transition.attempt"
    for failures in (0, 1, 2, 3, 254, 255):
        ask = bench.program(programs.try_again(failures) + programs.append("log", b"t"))
        message = actor.send(ask)
        for attempt in sorted({1, max(failures, 1), failures + 1, failures + 2}):
            bench.step(actor.identity, actor.head, [(bench.outside, message)], attempt, rule=rule)
        actor.step((bench.outside, message), attempt=(1 << 32) - 1, rule=rule)
    bench.flush()


def classes(trial: Trial, fmt: Format) -> None:
    """A failed transition is refused with the class and code of its cause, and the actor resumes from where it was."""
    bench = Workbench(trial, fmt)
    rule = "wit.transition.class"
    actor = bench.born()
    for ops in (programs.fail(), programs.illegal(0x0D), programs.illegal(0x09), programs.append("log", b"x")):
        message = bench.program(ops)
        tips = dict(actor.tips)
        actor.tell(message, rule=rule)
        actor.tips = tips
    lost = bench.born(b"lost")
    lost.tell(bench.stage.tree(wit=bench.stage.blob(b"external:absent")), "update", rule=rule)
    lost.tell(bench.program(b""), rule=rule)
    bench.flush()


def too_long(trial: Trial, fmt: Format) -> None:
    """An object longer than ``object_bytes`` exhausts the transition."""
    bench = Workbench(trial, fmt)
    limit = trial.claims.limits["object_bytes"]
    if limit > 1 << 24:
        return
    actor = bench.born()
    room = limit - len(fmt.encode(Blob((), bytes(limit - 100)))) + limit - 100
    full = bench.stage.blob(bytes(room - 8))
    actor.tell(bench.program(programs.put("big", 0), full))
    actor.tell(bench.program(programs.append("big", bytes(4))), rule="wit.transition.class")
    actor.tell(bench.program(programs.append("big", bytes(64))), rule="wit.transition.class")
    bench.flush()


def timeout(trial: Trial, fmt: Format) -> None:
    """A transition that has not ended after ``transition_ms`` milliseconds is refused as a timeout; 0 is no limit."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    rule = "wit.transition.class"
    slow = actor.send(bench.program(programs.sleep(300) + programs.append("log", b"z")))
    bench.fill()
    inbox = [[bench.outside.hex(), slow.hex()]]
    assert actor.head is not None
    args = {"actor": actor.identity.hex(), "head": actor.head.hex(), "inbox": inbox, "attempt": 1}
    bench.ask("wit.step", {**args, "transition_ms": 30}, refused("exhausted", "timeout"), rule)
    made = actor.step((bench.outside, slow), rule="wit.transition.unlimited")
    assert made is not None
    bench.ask("wit.step", {**args, "transition_ms": 0}, ok(step=made.hex()), "wit.transition.unlimited")
    bench.flush()


def nodes(trial: Trial, fmt: Format) -> None:
    """A code node resolves only if its whole data is of one of the forms and names code that there is."""
    bench = Workbench(trial, fmt)
    rule = "wit.node.forms"
    log = bench.program(programs.append("log", b"x"))
    good = bench.stage.blob(PUPPET, ("any", "header"))
    for number, data in enumerate(_UNRESOLVED):
        actor = bench.born(b"n%d" % number)
        assert actor.head is not None
        actor.tell(bench.stage.tree(wit=bench.stage.blob(data), wit_query=bench.stage.blob(data)), "update", rule=rule)
        tips = dict(actor.tips)
        actor.tell(log, rule=rule)
        bench.query(actor.head, "step", rule=rule)
        actor.tips = tips
        actor.tell(bench.stage.tree(wit=good, wit_query=good), "update", rule=rule)
        actor.tell(log, rule=rule)
        bench.query(actor.head, "step", rule=rule)
        unborn = bench.actor(b"u%d" % number, data)
        unborn.tell(unborn.identity, rule=rule)
    bare = bench.add(Tree((("name", good),)))
    bench.step(bare, None, [(bench.outside, bench.stage.graph.add(_genesis(bare)))], rule=rule)
    folded = bench.stage.tree(wit=bench.stage.tree(code=good))
    bench.step(folded, None, [(bench.outside, bench.stage.graph.add(_genesis(folded)))], rule=rule)
    actor = bench.born(b"no query")
    assert actor.head is not None
    actor.tell(bench.program(programs.delete("wit_query")))
    bench.query(actor.head, "step", rule=rule)
    bench.flush()


def _genesis(actor: bytes) -> Message:
    return Message(None, (("mt", "genesis"),), actor)


PROPERTIES: Final = (
    *in_each_format("wit/transition/source", source, "wit.transition.source"),
    *in_each_format(
        *("wit/transition/no-stale", no_stale, "wit.transition.no-stale"),
        given=tape(40),
        examples=20,
    ),
    *in_each_format("wit/transition/declined", declined, "wit.transition.declined"),
    *in_each_format("wit/transition/attempts", attempts, "wit.transition.attempt"),
    *in_each_format("wit/transition/classes", classes, "wit.transition.class"),
    *in_each_format("wit/transition/too-long", too_long, "wit.transition.class", once=True),
    *in_each_format("wit/transition/timeout", timeout, "wit.transition.class", "wit.transition.unlimited"),
    *in_each_format("wit/node/forms", nodes, "wit.node.forms"),
)
