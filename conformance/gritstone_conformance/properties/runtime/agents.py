"""The agent: how it begins, what enters through it, and what leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.grammar import VALUE_BYTES
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import Blob, Headers, Mailbox, Message, Step, Tree
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions, start_args
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("test", "a", "\u00e9\U0001f600", "e\u0301", "n" * 255, "with blank", "\u0000x")


_DEEP: Final = 20_000  # a larger tree_depth is not tried: it would take minutes
_LONG: Final = 1 << 16  # bytes
_AROUND: Final = 16  # bytes of a header around its value, at most


def bootstrap(trial: Trial, fmt: Format) -> None:
    """A start on a store without an agent makes exactly two references, byte for byte as the text says."""
    for name in _NAMES:
        lockstep = LockstepModel(trial, fmt, StartOptions(agent=name))
        lockstep.refs(rule="runtime.agent.bootstrap")
        lockstep.export(rule="runtime.agent.bootstrap")
        lockstep.stop()
        lockstep.flush()
        trial.expect("grit.close", {"store": "s"}, ok())
    for name in ("", "n" * 256, "\u00e9" * 128):
        _open(trial, fmt)
        trial.expect(
            "runtime.start", start_args(StartOptions(agent=name)), refused("invalid"), rule="runtime.agent.name"
        )
        trial.expect("grit.refs", _LISTED, ok(refs=[], more=False), rule="runtime.agent.name")
        trial.expect("grit.close", {"store": "s"}, ok())


_LISTED: Final = {"store": "s", "prefix": "", "after": None, "limit": 10}


def _open(trial: Trial, fmt: Format) -> None:
    args = {"store": "s", "format": fmt.name, "backend": "memory", "create": True}
    trial.expect("grit.open", args, ok())


def other_name(trial: Trial, fmt: Format) -> None:
    """A start under another name than that of the store's agent is rejected and changes nothing."""
    rule = "runtime.agent.name"
    lockstep = LockstepModel(trial, fmt)
    lockstep.born()
    lockstep.stop()
    for name in ("other", "Test", "test ", "tes"):
        lockstep.ask_plainly("runtime.start", start_args(StartOptions(agent=name)), refused("rejected", "agent"), rule)
        lockstep.refs(rule=rule)
    lockstep.start(rule=rule)
    lockstep.ask_plainly("runtime.start", start_args(StartOptions()), refused("rejected"), rule)
    lockstep.refs(rule=rule)
    lockstep.flush()


def half_agent(trial: Trial, fmt: Format) -> None:
    """A store with an agent and no head of it, or the head and no agent, is rejected."""
    for missing in ("runtime/agent", "heads/"):
        lockstep = LockstepModel(trial, fmt)
        lockstep.stop()
        references = lockstep.pair.model.references
        name = next(each for each in references if each.startswith(missing))
        lockstep.request(lockstep.pair.cas(Change(name, references[name], None)))
        args = start_args(lockstep.terms)
        lockstep.ask_plainly("runtime.start", args, refused("rejected"), "runtime.agent.name")
        lockstep.flush()
        trial.expect("grit.close", {"store": "s"}, ok())


def injected(trial: Trial, fmt: Format, tape: Tape) -> None:
    """What is injected is exactly the message asked for, behind the one before or in its place, and nothing twice."""
    rule = "runtime.agent.inject"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    receivers = [stage.core(b"one"), stage.core(b"two"), lockstep.agent]
    contents = [stage.program(b""), stage.blob(b"x", ("ct", "s")), stage.core(b"nobody")]
    queued: set[bytes] = set()
    for _ in range(tape.within(2, 10)):
        headers = tape.pick(((), (("mt", "job"),), (("z", "1"), ("a", "2")), (("reply", "0" * 64),)))
        mode = tape.pick(("queue", "signal", "queue"))
        to = tape.pick(receivers)
        trial.reach("signal after queue", mode == "signal" and to in queued)
        queued |= {to} if mode == "queue" else set()
        lockstep.inject(to, tape.pick(contents), mode=mode, headers=headers, rule=rule)
        lockstep.refs(rule=rule)
    lockstep.run(rule=rule)
    lockstep.export(rule="runtime.agent.changes")


def injections_at_limits(trial: Trial, fmt: Format) -> None:
    """A message at ``object_bytes``, of trees at ``tree_depth``, is sent; a longer one, or of deeper trees, is not."""
    rule = "runtime.agent.limits"
    lockstep = LockstepModel(trial, fmt)
    limits = lockstep.pair.model.limits
    blob, one = lockstep.stage.blob(b"leaf"), lockstep.stage.core(b"one")
    if limits.tree_depth <= _DEEP:
        trees = [blob]
        for _ in range(limits.tree_depth + 1):
            trees.append(lockstep.stage.tree(t=trees[-1]))
        for to, content in ((one, trees[-1]), (one, trees[-2]), (trees[-1], blob), (trees[-2], blob)):
            lockstep.inject(to, content, rule=rule)
            lockstep.refs(rule=rule)
    for more in (1, 0):
        lockstep.inject(one, blob, _headers_of(fmt, blob, limits.object_bytes + more), "signal", rule=rule)
        lockstep.refs(rule=rule)
    lockstep.flush()


def _headers_of(fmt: Format, content: bytes, size: int) -> Headers:
    """Return headers with which a message without a previous is of a given length."""
    full = [(f"h{number:03}", "x" * VALUE_BYTES) for number in range((size - _LONG) // (VALUE_BYTES + _AROUND))]

    def headers(length: int) -> Headers:
        return (*full, *(("yz"[number], "x" * (length // 2 + number * (length % 2))) for number in range(2)))

    return headers(_fitting(fmt, lambda length: Message(None, headers(length), content), size))


def _blob_of(headers: Headers, length: int) -> Blob:
    return Blob(headers, bytes(length))


def _fitting(fmt: Format, make: Callable[[int], Blob | Message], size: int) -> int:
    """Return the number for which an object, which grows by one byte with it, is of a given length if it can be."""
    length = _LONG
    for _ in range(4):
        length += size - len(fmt.encode(make(length)))
    return length


def answers_at_limits(trial: Trial, fmt: Format) -> None:
    """An answer at ``object_bytes`` is sent; for a longer one the effect stays open."""
    rule = "runtime.effect.limit"
    lockstep = LockstepModel(trial, fmt)
    limit, stage = lockstep.pair.model.limits.object_bytes, lockstep.stage
    ask = stage.program(programs.send(0, 1, "effect.x") * 2, lockstep.agent, stage.blob(b""))
    lockstep.tell(lockstep.born(b"a"), ask)
    for outcome, headers in (("ok", ()), ("failed", (("ct", "s"),))):
        for size in (limit + 1, limit):
            name = lockstep.effects(rule=rule)[0]
            length = _fitting(fmt, partial(_blob_of, headers), size)
            lockstep.resolve(name, outcome, b"x" * length, rule=rule)
            lockstep.run(rule=rule)
            lockstep.refs(rule=rule)
    lockstep.effects(rule=rule)
    lockstep.flush()


def injections_refused(trial: Trial, fmt: Format) -> None:
    """What is absent, of a wrong kind, outside the grammar or kept for the runtime is refused, without a step."""
    rule = "runtime.agent.inject"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, blob = stage.core(b"a"), stage.blob(b"content")
    gone = fmt.hash(b"absent")
    open_tree = stage.tree(x=gone, y=blob)
    message = stage.graph.add(Message(None, (), blob))
    odd = stage.tree(m=message)
    for to, content in (
        *((gone, blob), (actor, gone), (blob, blob), (message, blob), (actor, message), (gone, gone)),
        *((open_tree, blob), (actor, open_tree), (actor, odd), (odd, blob)),
    ):
        lockstep.inject(to, content, rule=rule)
        lockstep.refs(rule=rule)
    late = Blob((), b"late")
    about: dict[str, Json] = {"to": actor.hex(), "headers": [], "content": fmt.hash(fmt.encode(late)).hex()}
    lockstep.ask("runtime.inject", {**about, "mode": "queue"}, refused("missing"), rule)
    lockstep.inject(actor, stage.graph.add(late), rule=rule)
    for headers in ((("a", "1"), ("a", "2")), (("", "x"),), (("a b", "x"),), (("a", "\n"),), (("a" * 65, ""),)):
        lockstep.inject(actor, blob, headers=headers, rule=rule)
    for mode in ("queue", "signal"):
        lockstep.inject(actor, blob, "receipt", mode, rule="runtime.receipt.reserved")
        lockstep.inject(actor, blob, mode=mode, headers=(("x", ""), ("mt", "receipt")), rule="runtime.receipt.reserved")
        lockstep.refs(rule="runtime.receipt.reserved")
    for mt in ("receipts", "Receipt", "genesis", "update"):
        lockstep.inject(actor, blob, mt, rule=rule)
    signal = lockstep.inject(actor, blob, "s", "signal", rule=rule)
    assert lockstep.inject(actor, blob, "s", "signal", rule=rule) == signal
    lockstep.refs(rule=rule)
    lockstep.inject(actor, blob, "t", rule=rule)
    lockstep.inject(actor, blob, "s", "signal", rule=rule)
    lockstep.refs(rule=rule)
    lockstep.inject(actor, blob, "u", "signal", rule=rule)
    lockstep.export(rule=rule)


def older_signals(trial: Trial, fmt: Format) -> None:
    """A signal before the last message is refused, whichever runtime queued that; a superseded one is sent again."""
    rule = "runtime.agent.inject"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, note, other = stage.core(b"a"), stage.blob(b"note"), stage.blob(b"other")
    lockstep.ask_plainly("runtime.start", start_args(lockstep.terms, runtime="second"), ok(agent=lockstep.agent.hex()))

    def send(content: bytes, mode: str, runtime: str) -> None:
        lockstep.fill()
        args = {"runtime": runtime, "to": actor.hex(), "headers": [], "content": content.hex(), "mode": mode}
        try:
            expect = ok(message=lockstep.model.agent.inject(actor, (), content, mode).hex())
        except Refusal as refusal:
            expect = refusal.expectation()
        lockstep.ask_plainly("runtime.inject", args, expect, rule)
        lockstep.refs(rule=rule)

    for last, mode in ((other, "queue"), (other, "signal"), (note, "queue")):
        send(note, "signal", "r")
        send(last, mode, "second")
        send(note, "signal", "r")
        send(note, "signal", "second")
        send(stage.blob(mode.encode() + last), "signal", "r")
    lockstep.export(rule=rule)


def acknowledged(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Mail to the outside is listed, in order, until it is acknowledged, superseded or withdrawn, and then no more."""
    rule = "runtime.agent.mail"
    lockstep = LockstepModel(trial, fmt)
    actors = [lockstep.born(b"a"), lockstep.born(b"b")]
    note = lockstep.stage.blob(b"note")
    says = [
        lockstep.stage.program(programs.send(0, 1, "say") * 2, lockstep.agent, note),
        lockstep.stage.program(programs.send(0, 1, "now", b"s"), lockstep.agent, note),
        lockstep.stage.program(programs.release(0), lockstep.agent, note),
    ]
    for _ in range(tape.within(2, 8)):
        word = tape.below(6)
        if word < 3:
            lockstep.tell(tape.pick(actors), tape.pick((says[0], says[0], says[1], says[2])))
        elif word == 3:
            lockstep.restart()
        listed = lockstep.mail(rule=rule)
        if listed and word > 3:
            sender, message = tape.pick(listed)
            lockstep.ack(sender, message, rule=rule)
            lockstep.ack(sender, message, rule=rule)
            lockstep.mail(rule=rule)
    lockstep.ack(lockstep.stage.core(b"nobody"), note, rule=rule)
    lockstep.ack(actors[0], fmt.hash(b"absent"), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.run(rule="runtime.route.rest")
    lockstep.export(rule="runtime.agent.changes")


def mail_first(trial: Trial, fmt: Format) -> None:
    """Mail that waits for the agent before anything was injected is acknowledged by a step without an outbox."""
    rule = "runtime.agent.changes"
    graph = Graph(fmt)
    stage = Stage(graph)
    actor = stage.core(b"a")
    agent = graph.add(Tree((("name", graph.add(Blob((("ct", "s"),), b"test"))),)))
    genesis = graph.add(Message(None, GENESIS, actor))
    message = graph.add(Message(None, (("mt", "hello"),), stage.blob(b"x")))
    other = stage.core(b"creator")
    inbox = graph.add(Mailbox(((other, genesis),)))
    head = graph.add(Step(None, actor, inbox, graph.add(Mailbox(((agent, message),))), actor))
    sent = graph.add(Mailbox(((actor, genesis),)))
    first = graph.add(Message(None, GENESIS, other))
    creator = graph.add(Step(None, other, graph.add(Mailbox(((actor, first),))), sent, other))
    source = Store(fmt)
    graph.references = {f"heads/{actor.hex()}": head, f"heads/{other.hex()}": creator}
    graph.fill(source)
    lockstep = LockstepModel(trial, fmt)
    lockstep.stop()
    for asked in lockstep.pair.take(source.export()):
        lockstep.request(asked)
    lockstep.start()
    lockstep.mail(rule="runtime.agent.mail")
    lockstep.ack(actor, message, rule=rule)
    lockstep.mail(rule="runtime.agent.mail")
    lockstep.export(rule=rule)


def same_effects(trial: Trial, fmt: Format) -> None:
    """The same message of two senders is two effects: each is answered and acknowledged on its own."""
    rule = "runtime.effect.open"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    ask = stage.program(
        programs.send(0, 1, "effect.x") + programs.send(0, 1, "effect.y"), lockstep.agent, stage.blob(b"")
    )
    for title in (b"a", b"b", b"c"):
        lockstep.tell(lockstep.born(title), ask)
    names = lockstep.effects(rule=rule)
    firsts, seconds = names[::2], names[1::2]
    lockstep.resolve(seconds[0], "ok", b"out of order", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)
    lockstep.resolve(firsts[1], "ok", b"in order", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)
    sender, message = lockstep.mail(rule="runtime.effect.linked")[-1]
    lockstep.ack(sender, message, rule=rule)
    lockstep.effects(rule=rule)
    lockstep.resolve(firsts[0], "failed", b"late", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)
    lockstep.mail(rule="runtime.effect.linked")
    lockstep.resolve(seconds[1], "ok", b"last", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)
    lockstep.flush()


def own_effects(trial: Trial, fmt: Format) -> None:
    """What a client sends to the agent itself is mail and, by its type, an effect, like what an actor sends."""
    rule = "runtime.effect.open"
    lockstep = LockstepModel(trial, fmt)
    agent, blob = lockstep.agent, lockstep.stage.blob(b"data")
    for kind in ("effect.first", "note", "effect.second", "effect.third"):
        lockstep.inject(agent, blob, kind)
    lockstep.run(rule=rule)
    lockstep.mail(rule="runtime.agent.mail")
    names = lockstep.effects(rule=rule)
    lockstep.resolve(names[1], "failed", b"out of order", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)
    lockstep.resolve(names[0], "ok", b"in order", rule="runtime.effect.linked")
    lockstep.effects(rule=rule)  # the answers to the agent are effects of the kinds failed and ok
    lockstep.ack(*lockstep.mail(rule="runtime.agent.mail")[0], rule="runtime.agent.mail")
    lockstep.effects(rule=rule)
    lockstep.restart(rule=rule)
    lockstep.effects(rule=rule)
    lockstep.mail(rule="runtime.agent.mail")
    lockstep.export(rule=rule)


def effects(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An effect is listed until it is answered, in any order, and answered by one linked message of the agent."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    log = stage.program(programs.append("log", b"r"))
    handlers = {"effect.ok": log, "effect.failed": log}
    on = stage.graph.add(Tree(tuple(handlers.items())))
    actors = [lockstep.born(name, on=on) for name in (b"a", b"b")]
    for number in range(tape.within(2, 9)):
        request = stage.blob(b"request %d" % number) if tape.below(4) else stage.tree(r=stage.blob(b"%d" % number))
        mt = tape.pick(("effect.http", "effect.x", "note", "effect.", "effects.y", "effect.a b"))
        mode = b"s" if tape.once_in(8) else b"q"
        lockstep.tell(tape.pick(actors), stage.program(programs.send(0, 1, mt, mode), lockstep.agent, request))
        names = lockstep.effects(rule="runtime.effect.open")
        word = tape.below(8)
        if names and word < 4:
            name, answer = tape.pick(names), b"answer %d" % number
            lockstep.resolve(name, tape.pick(("ok", "failed")), answer, rule="runtime.effect.linked")
            lockstep.run(rule="runtime.effect.linked")
            lockstep.refs(rule="runtime.effect.linked")
            lockstep.effects(rule="runtime.effect.open")
            lockstep.resolve(name, "ok", b"again", rule="runtime.effect.linked")
        elif word == 4:
            listed = lockstep.mail(rule="runtime.agent.mail")
            if listed:
                lockstep.ack(*tape.pick(listed), rule="runtime.agent.mail")
        elif word == 5:
            lockstep.restart(rule="runtime.effect.open")
        lockstep.effects(rule="runtime.effect.open")
        lockstep.mail(rule="runtime.effect.linked")
    lockstep.export(rule="runtime.effect.linked")


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
    *in_each_format("runtime/agent/limits", injections_at_limits, "runtime.agent.limits", once=True),
    *in_each_format(
        *("runtime/effect/limit", answers_at_limits, "runtime.effect.limit"),
        features=("external", "effects"),
        once=True,
    ),
    *in_each_format("runtime/agent/mail-first", mail_first, "runtime.agent.changes", "runtime.agent.mail"),
    *in_each_format(
        *("runtime/effect/same", same_effects, "runtime.effect.open", "runtime.effect.linked"),
        features=("external", "effects"),
    ),
    *in_each_format(
        *("runtime/effect/own", own_effects, "runtime.effect.open", "runtime.effect.linked", "runtime.agent.mail"),
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
