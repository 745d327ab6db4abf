"""The agent: how it begins, what enters through it, and what leaves."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import Blob, Mailbox, Message, Step, Tree
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms, start_args
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("test", "a", "\u00e9\U0001f600", "e\u0301", "n" * 255, "with blank", "\u0000x")


def bootstrap(trial: Trial, fmt: Format) -> None:
    """A start on a store without an agent makes exactly two references, byte for byte as the text says."""
    for name in _NAMES:
        double = Double(trial, fmt, Terms(agent=name))
        double.refs(rule="runtime.agent.bootstrap")
        double.export(rule="runtime.agent.bootstrap")
        double.stop()
        double.play()
        trial.expect("grit.close", {"store": "s"}, ok())
    for name in ("", "n" * 256, "\u00e9" * 128):
        _open(trial, fmt)
        trial.expect("runtime.start", start_args(Terms(agent=name)), refused("invalid"), rule="runtime.agent.name")
        trial.expect("grit.refs", _LISTED, ok(refs=[], more=False), rule="runtime.agent.name")
        trial.expect("grit.close", {"store": "s"}, ok())


_LISTED: Final = {"store": "s", "prefix": "", "after": None, "limit": 10}


def _open(trial: Trial, fmt: Format) -> None:
    args = {"store": "s", "format": fmt.name, "backend": "memory", "create": True}
    trial.expect("grit.open", args, ok())


def other_name(trial: Trial, fmt: Format) -> None:
    """A start under another name than that of the store's agent is rejected and changes nothing."""
    rule = "runtime.agent.name"
    double = Double(trial, fmt)
    double.born()
    double.stop()
    for name in ("other", "Test", "test ", "tes"):
        double.ask_plainly("runtime.start", start_args(Terms(agent=name)), refused("rejected", "agent"), rule)
        double.refs(rule=rule)
    double.start(rule=rule)
    double.ask_plainly("runtime.start", start_args(Terms()), refused("rejected"), rule)
    double.refs(rule=rule)
    double.play()


def half_agent(trial: Trial, fmt: Format) -> None:
    """A store with an agent and no head of it, or the head and no agent, is rejected."""
    for missing in ("runtime/agent", "heads/"):
        double = Double(trial, fmt)
        double.stop()
        references = double.pair.model.references
        name = next(each for each in references if each.startswith(missing))
        double.request(double.pair.cas(Change(name, references[name], None)))
        args = start_args(double.terms)
        double.ask_plainly("runtime.start", args, refused("rejected"), "runtime.agent.name")
        double.play()
        trial.expect("grit.close", {"store": "s"}, ok())


def injected(trial: Trial, fmt: Format, tape: Tape) -> None:
    """What is injected is exactly the message asked for, behind the one before or in its place, and nothing twice."""
    rule = "runtime.agent.inject"
    double = Double(trial, fmt)
    stage = double.stage
    receivers = [stage.core(b"one"), stage.core(b"two"), double.agent]
    contents = [stage.program(b""), stage.blob(b"x", ("ct", "s")), stage.core(b"nobody")]
    queued: set[bytes] = set()
    for _ in range(tape.within(2, 10)):
        headers = tape.pick(((), (("mt", "job"),), (("z", "1"), ("a", "2")), (("reply", "0" * 64),)))
        mode = tape.pick(("queue", "signal", "queue"))
        to = tape.pick(receivers)
        trial.reach("signal after queue", mode == "signal" and to in queued)
        queued |= {to} if mode == "queue" else set()
        double.inject(to, tape.pick(contents), mode=mode, headers=headers, rule=rule)
        double.refs(rule=rule)
    double.run(rule=rule)
    double.export(rule="runtime.agent.changes")


def injections_refused(trial: Trial, fmt: Format) -> None:
    """What is absent, of a wrong kind, outside the grammar or kept for the runtime is refused, without a step."""
    rule = "runtime.agent.inject"
    double = Double(trial, fmt)
    stage = double.stage
    actor, blob = stage.core(b"a"), stage.blob(b"content")
    gone = fmt.hash(b"absent")
    open_tree = stage.tree(x=gone, y=blob)
    message = stage.graph.add(Message(None, (), blob))
    odd = stage.tree(m=message)
    for to, content in (
        *((gone, blob), (actor, gone), (blob, blob), (message, blob), (actor, message), (gone, gone)),
        *((open_tree, blob), (actor, open_tree), (actor, odd), (odd, blob)),
    ):
        double.inject(to, content, rule=rule)
        double.refs(rule=rule)
    late = Blob((), b"late")
    about: dict[str, Json] = {"to": actor.hex(), "headers": [], "content": fmt.hash(fmt.encode(late)).hex()}
    double.ask("runtime.inject", {**about, "mode": "queue"}, refused("missing"), rule)
    double.inject(actor, stage.graph.add(late), rule=rule)
    for headers in ((("a", "1"), ("a", "2")), (("", "x"),), (("a b", "x"),), (("a", "\n"),), (("a" * 65, ""),)):
        double.inject(actor, blob, headers=headers, rule=rule)
    for mode in ("queue", "signal"):
        double.inject(actor, blob, "receipt", mode, rule="runtime.receipt.reserved")
        double.inject(actor, blob, mode=mode, headers=(("x", ""), ("mt", "receipt")), rule="runtime.receipt.reserved")
        double.refs(rule="runtime.receipt.reserved")
    for mt in ("receipts", "Receipt", "genesis", "update"):
        double.inject(actor, blob, mt, rule=rule)
    signal = double.inject(actor, blob, "s", "signal", rule=rule)
    assert double.inject(actor, blob, "s", "signal", rule=rule) == signal
    double.refs(rule=rule)
    double.inject(actor, blob, "t", rule=rule)
    double.inject(actor, blob, "s", "signal", rule=rule)
    double.refs(rule=rule)
    double.inject(actor, blob, "u", "signal", rule=rule)
    double.export(rule=rule)


def older_signals(trial: Trial, fmt: Format) -> None:
    """A signal before the last message is refused, whichever runtime queued that; a superseded one is sent again."""
    rule = "runtime.agent.inject"
    double = Double(trial, fmt)
    stage = double.stage
    actor, note, other = stage.core(b"a"), stage.blob(b"note"), stage.blob(b"other")
    double.ask_plainly("runtime.start", start_args(double.terms, runtime="second"), ok(agent=double.agent.hex()))

    def send(content: bytes, mode: str, runtime: str) -> None:
        double.fill()
        args = {"runtime": runtime, "to": actor.hex(), "headers": [], "content": content.hex(), "mode": mode}
        try:
            expect = ok(message=double.model.agent.inject(actor, (), content, mode).hex())
        except Refusal as refusal:
            expect = refusal.expectation()
        double.ask_plainly("runtime.inject", args, expect, rule)
        double.refs(rule=rule)

    for last, mode in ((other, "queue"), (other, "signal"), (note, "queue")):
        send(note, "signal", "r")
        send(last, mode, "second")
        send(note, "signal", "r")
        send(note, "signal", "second")
        send(stage.blob(mode.encode() + last), "signal", "r")
    double.export(rule=rule)


def acknowledged(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Mail to the outside is listed, in order, until it is acknowledged, superseded or withdrawn, and then no more."""
    rule = "runtime.agent.mail"
    double = Double(trial, fmt)
    actors = [double.born(b"a"), double.born(b"b")]
    note = double.stage.blob(b"note")
    says = [
        double.stage.program(programs.send(0, 1, "say") * 2, double.agent, note),
        double.stage.program(programs.send(0, 1, "now", b"s"), double.agent, note),
        double.stage.program(programs.release(0), double.agent, note),
    ]
    for _ in range(tape.within(2, 8)):
        word = tape.below(6)
        if word < 3:
            double.tell(tape.pick(actors), tape.pick((says[0], says[0], says[1], says[2])))
        elif word == 3:
            double.restart()
        listed = double.mail(rule=rule)
        if listed and word > 3:
            sender, message = tape.pick(listed)
            double.ack(sender, message, rule=rule)
            double.ack(sender, message, rule=rule)
            double.mail(rule=rule)
    double.ack(double.stage.core(b"nobody"), note, rule=rule)
    double.ack(actors[0], fmt.hash(b"absent"), rule=rule)
    double.refs(rule=rule)
    double.run(rule="runtime.route.rest")
    double.export(rule="runtime.agent.changes")


def mail_first(trial: Trial, fmt: Format) -> None:
    """Mail that waits for the agent before anything was injected is acknowledged by a step without an outbox."""
    rule = "runtime.agent.changes"
    graph = Graph(fmt)
    stage = Stage(graph)
    actor = stage.core(b"a")
    agent = graph.add(Tree((("name", graph.add(Blob((("ct", "s"),), b"test"))),)))
    genesis = graph.add(Message(None, GENESIS, actor))
    said = graph.add(Message(None, (("mt", "hello"),), stage.blob(b"x")))
    other = stage.core(b"creator")
    inbox = graph.add(Mailbox(((other, genesis),)))
    head = graph.add(Step(None, actor, inbox, graph.add(Mailbox(((agent, said),))), actor))
    sent = graph.add(Mailbox(((actor, genesis),)))
    first = graph.add(Message(None, GENESIS, other))
    creator = graph.add(Step(None, other, graph.add(Mailbox(((actor, first),))), sent, other))
    source = Store(fmt)
    graph.references = {f"heads/{actor.hex()}": head, f"heads/{other.hex()}": creator}
    graph.fill(source)
    double = Double(trial, fmt)
    double.stop()
    for asked in double.pair.take(source.export()):
        double.request(asked)
    double.start()
    double.mail(rule="runtime.agent.mail")
    double.ack(actor, said, rule=rule)
    double.mail(rule="runtime.agent.mail")
    double.export(rule=rule)


def same_effects(trial: Trial, fmt: Format) -> None:
    """The same message of two senders is two effects: each is answered and acknowledged on its own."""
    rule = "runtime.effect.open"
    double = Double(trial, fmt)
    stage = double.stage
    ask = stage.program(
        programs.send(0, 1, "effect.x") + programs.send(0, 1, "effect.y"), double.agent, stage.blob(b"")
    )
    for title in (b"a", b"b", b"c"):
        double.tell(double.born(title), ask)
    names = double.effects(rule=rule)
    firsts, seconds = names[::2], names[1::2]
    double.resolve(seconds[0], "ok", b"out of order", rule="runtime.effect.linked")
    double.effects(rule=rule)
    double.resolve(firsts[1], "ok", b"in order", rule="runtime.effect.linked")
    double.effects(rule=rule)
    sender, message = double.mail(rule="runtime.effect.linked")[-1]
    double.ack(sender, message, rule=rule)
    double.effects(rule=rule)
    double.resolve(firsts[0], "failed", b"late", rule="runtime.effect.linked")
    double.effects(rule=rule)
    double.mail(rule="runtime.effect.linked")
    double.resolve(seconds[1], "ok", b"last", rule="runtime.effect.linked")
    double.effects(rule=rule)
    double.play()


def effects(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An effect is listed until it is answered, in any order, and answered by one linked message of the agent."""
    double = Double(trial, fmt)
    stage = double.stage
    log = stage.program(programs.append("log", b"r"))
    handlers = {"effect.ok": log, "effect.failed": log}
    on = stage.graph.add(Tree(tuple(handlers.items())))
    actors = [double.born(name, on=on) for name in (b"a", b"b")]
    for number in range(tape.within(2, 9)):
        request = stage.blob(b"request %d" % number) if tape.below(4) else stage.tree(r=stage.blob(b"%d" % number))
        mt = tape.pick(("effect.http", "effect.x", "note", "effect.", "effects.y", "effect.a b"))
        mode = b"s" if tape.once_in(8) else b"q"
        double.tell(tape.pick(actors), stage.program(programs.send(0, 1, mt, mode), double.agent, request))
        names = double.effects(rule="runtime.effect.open")
        word = tape.below(8)
        if names and word < 4:
            name, answer = tape.pick(names), b"answer %d" % number
            double.resolve(name, tape.pick(("ok", "failed")), answer, rule="runtime.effect.linked")
            double.run(rule="runtime.effect.linked")
            double.refs(rule="runtime.effect.linked")
            double.effects(rule="runtime.effect.open")
            double.resolve(name, "ok", b"again", rule="runtime.effect.linked")
        elif word == 4:
            listed = double.mail(rule="runtime.agent.mail")
            if listed:
                double.ack(*tape.pick(listed), rule="runtime.agent.mail")
        elif word == 5:
            double.restart(rule="runtime.effect.open")
        double.effects(rule="runtime.effect.open")
        double.mail(rule="runtime.effect.linked")
    double.export(rule="runtime.effect.linked")


PROPERTIES: Final = (
    *in_each_format("runtime/agent/bootstrap", bootstrap, "runtime.agent.bootstrap", "runtime.agent.name", features=()),
    *in_each_format("runtime/agent/name", other_name, "runtime.agent.name"),
    *in_each_format("runtime/agent/half", half_agent, "runtime.agent.name", features=()),
    *in_each_format(
        *("runtime/agent/injected", injected, "runtime.agent.inject", "runtime.agent.changes"),
        reach={"signal after queue": 0.1},
        given=tape(40),
        features=(),
        examples=16,
    ),
    *in_each_format(
        *("runtime/agent/refused", injections_refused, "runtime.agent.inject", "runtime.receipt.reserved"),
        features=(),
    ),
    *in_each_format("runtime/agent/older-signals", older_signals, "runtime.agent.inject", features=()),
    *in_each_format(
        *(
            "runtime/agent/acknowledged",
            acknowledged,
            "runtime.agent.mail",
            "runtime.agent.changes",
            "runtime.route.rest",
        ),
        given=tape(40),
        examples=13,
    ),
    *in_each_format("runtime/agent/mail-first", mail_first, "runtime.agent.changes", "runtime.agent.mail"),
    *in_each_format(
        *("runtime/effect/same", same_effects, "runtime.effect.open", "runtime.effect.linked"),
        features=("external", "effects"),
    ),
    *in_each_format(
        *("runtime/effect/answered", effects, "runtime.effect.open", "runtime.effect.linked", "runtime.agent.mail"),
        reach={"runtime.resolve accepted": 0.2},
        given=tape(60),
        features=("external", "effects"),
        examples=13,
    ),
)
