"""Channels: what is unread follows from tip and cursor, and costs what is unread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.channels import MOST_UNREAD
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, Mailbox, Message, Step, to_base64
from gritstone_conformance.properties.grit.pair import PIECE_BYTES
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import PUPPET, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SHORT, _LONGER, _LONG = 1_000, 10_000, 100_000  # messages
_TIMES: Final = 3
_ROUNDS: Final = 9
_ENOUGH_S: Final = 0.25  # seconds of rounds after which none is added
_AGAIN: Final = 4  # times that a measurement is made again before it counts
_NOISE_S: Final = 400e-6  # a difference below it is the pipe's, not the walk's


def unread(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Unread is what is met from the tip up to the cursor, or up to a message without previous, oldest first."""
    bench = Workbench(trial, fmt)
    content = bench.stage.blob(b"content")
    messages: list[bytes] = []
    for number in range(tape.within(1, 8)):
        previous = tape.pick((*messages[::-1], None)) if tape.below(3) else (messages[-1] if messages else None)
        messages.append(bench.add(Message(previous, (("n", str(number)),), content)))
    absent = fmt.hash(b"absent")
    for tip in messages:
        bench.unread(tip, tape.pick((None, *messages[::-1], absent)), rule="wit.channel.unread")
        bench.unread(tip, tip, rule="wit.channel.unread")
    lone = bench.add(Message(absent, (), content))
    bench.unread(lone, tape.pick((None, messages[0])))
    bench.unread(lone, absent)
    bench.unread(content, None)
    bench.unread(absent, None)
    bench.flush()


def most_unread(trial: Trial, fmt: Format) -> None:
    """A list of 4,096 unread messages is given whole, a longer one is exhausted."""
    bench = Workbench(trial, fmt)
    content = bench.stage.blob(b"")
    messages: list[bytes] = []
    for _ in range(MOST_UNREAD + 1):
        messages.append(bench.add(Message(messages[-1] if messages else None, (), content)))
    bench.unread(messages[-2], None)
    bench.unread(messages[-1], messages[0])
    bench.unread(messages[-1], None)
    bench.flush()


def reading(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever is queued, superseded, withdrawn and sent again, a step reads what is unread and no other message."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    senders = [bench.outside, bench.stage.tree(name=bench.stage.blob(b"other"))]
    for number in range(tape.within(2, 10)):
        sender = tape.pick(senders)
        word = tape.below(8)
        content = bench.program(programs.append("log", b"%x" % number))
        if word < 4:
            is_signal = tape.once_in(3)
            trial.reach("signal after queue", is_signal and sender in actor.tips)
            actor.send(content, sender=sender, signal=is_signal)
        elif word == 4 and sender in actor.tips:
            _again(bench, actor, sender)
        elif actor.tips:
            _read(bench, actor, tape)
    bench.flush()
    assert actor.head is not None
    bench.holds(actor.head)


def _read(bench: Workbench, actor: BenchActor, tape: Tape) -> None:
    """Read what some senders sent, as far as it is not read yet, or try to."""
    inbox = bench.executor.shelf.mail(actor.value.inbox)
    mail = [(sender, tip) for sender, tip in sorted(actor.tips.items()) if tape.below(3)]
    unread_mail = [(sender, tip) for sender, tip in mail if inbox.get(sender) != tip]
    if unread_mail:
        actor.step(*unread_mail, rule="wit.channel.unread")


def _again(bench: Workbench, actor: BenchActor, sender: bytes) -> None:
    """Propose what may have been read already: where the tip is the cursor, nothing is new."""
    tip = actor.tips[sender]
    inbox = bench.executor.shelf.mail(actor.value.inbox)
    actor.step((sender, tip), rule="wit.channel.cursor" if inbox.get(sender) == tip else "wit.channel.unread")


def superseded(trial: Trial, fmt: Format) -> None:
    """After q1 q2 signal q3 two are read, and the same signal once more delivers nothing."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    say = [bench.program(programs.append("log", b"%d" % number)) for number in range(4)]
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    for number in range(2):
        actor.send(say[number], sender=other)
    actor.step((other, actor.tips[other]), rule="wit.channel.unread")
    actor.send(say[0], sender=other)
    signal = actor.send(say[2], sender=other, signal=True)
    actor.send(say[3], sender=other)
    bench.unread(actor.tips[other], bench.executor.shelf.mail(actor.value.inbox)[other], rule="wit.channel.superseded")
    actor.step((other, actor.tips[other]), rule="wit.channel.superseded")
    signal = actor.send(say[2], "x", sender=other, signal=True)
    actor.step((other, signal), rule="wit.channel.superseded")
    assert actor.send(say[2], "x", sender=other, signal=True) == signal
    actor.step((other, signal), rule="wit.channel.cursor")
    bench.unread(signal, signal, rule="wit.channel.cursor")
    bench.flush()


def flat(trial: Trial, fmt: Format) -> None:
    """Work grows with what is unread and sent, not with the chain."""
    short = _Chain(trial, fmt, "s", _SHORT)
    measures = (_Chain.unread, _Chain.send)
    least = {measure: _fastest(measure, short) for measure in measures}
    for handle, length in (("t", _LONGER), ("u", _LONG)) if is_first(trial, fmt) else (("t", _LONGER),):
        chain = _Chain(trial, fmt, handle, length)
        for measure in measures:
            took = _fastest(measure, chain)
            for _ in range(_AGAIN):
                if took <= max(_TIMES * least[measure], least[measure] + _NOISE_S):
                    break
                took = min(took, _fastest(measure, chain))
            else:
                words = f"{measure.__name__} takes more than three times as long on a chain of {length} messages"
                trial.fail_slow(_TIMES, least[measure], took, words=words)


class _Chain:
    """A store with a long chain of messages: an actor has read all but the last, and has sent another one such."""

    def __init__(self, trial: Trial, fmt: Format, handle: str, length: int) -> None:
        self.trial = trial
        self.handle = handle
        self.frames: dict[bytes, bytes | None] = {}
        self.fmt = fmt
        content = self.add(fmt.encode(Blob((), b"")))
        before, after = fmt.encode(Message(b"\xee" * 32, (), content)).split(b"\xee" * 32)
        first = at = self.add(fmt.encode(Message(None, (), content)))
        self.cursor = first
        for _ in range(length):
            self.cursor, at = at, self.add(before + at + after)
        self.tip = at
        self.sends = 0
        self.mail: list[bytes] = []
        self.head = ""
        self._actor(first)
        self._import()

    def add(self, data: bytes) -> bytes:
        """Add an encoding and return its id."""
        identity = self.fmt.hash(data)
        self.frames[identity] = data
        return identity

    def unread(self) -> None:
        """Ask for the one unread message."""
        args = {"store": self.handle, "tip": self.tip.hex(), "cursor": self.cursor.hex()}
        self.trial.expect("wit.unread", args, ok(ids=[self.tip.hex()], fresh=False), rule="wit.channel.walk-cost")

    def send(self) -> None:
        """Ask for a step that queues one message behind the long chain."""
        inbox: list[Json] = [[self.sender.hex(), self.mail[self.sends].hex()]]
        args = {"store": self.handle, "actor": self.actor.hex(), "head": self.head, "inbox": inbox, "attempt": 1}
        self.sends += 1
        made = self.trial.expect("wit.step", args, ok(step={"$": "any"}), rule="wit.channel.walk-cost")
        self.head = made["step"]

    def _actor(self, first: bytes) -> None:
        """Add an actor whose outbox holds the tip of the chain, and messages that each make it send one more."""
        stage = Stage(Graph(self.fmt))
        self.actor = stage.core(b"sender", PUPPET)
        self.sender = stage.tree(name=stage.blob(b"outside"))
        ask = stage.program(programs.send(0, 0), self.sender)
        genesis = stage.graph.add(Message(None, (("mt", "genesis"),), self.actor))
        for _ in range((1 + _AGAIN) * _ROUNDS):
            self.mail.append(stage.graph.add(Message(self.mail[-1] if self.mail else genesis, (), ask)))
        inbox = stage.graph.add(Mailbox(((self.sender, genesis),)))
        for data in stage.graph.encodings.values():
            self.add(data)
        outbox = self.add(self.fmt.encode(Mailbox(((self.sender, self.tip),))))
        self.head = self.add(self.fmt.encode(Step(None, self.actor, inbox, outbox, self.actor))).hex()
        self.box = self.add(self.fmt.encode(Mailbox(((self.sender, self.mail[-1]),))))

    def _import(self) -> None:
        """Import everything, outside the model."""
        args: dict[str, Json] = {"store": self.handle, "format": self.fmt.name, "backend": "memory", "create": True}
        self.trial.expect("grit.open", args, ok())
        references = {f"heads/{self.actor.hex()}": bytes.fromhex(self.head), "tags/mail": self.box}
        data = write(self.fmt, references, self.frames)
        for at in range(0, len(data), PIECE_BYTES):
            more = at + PIECE_BYTES < len(data)
            expect = ok(objects=0, refs=0) if more else ok(objects=len(self.frames), refs=2)
            piece = {"store": self.handle, "bytes": to_base64(data[at : at + PIECE_BYTES]), "more": more}
            self.trial.expect("grit.import", piece, expect)


def _fastest(measure: Callable[[_Chain], None], chain: _Chain) -> float:
    """Return the processor time, in seconds, of the fastest of some rounds, of fewer where each takes long."""
    rounds: list[float] = []
    while len(rounds) < _ROUNDS and sum(rounds) < _ENOUGH_S:
        watch = Stopwatch(chain.trial)
        measure(chain)
        rounds.append(watch.worked_s())
    return min(rounds)


PROPERTIES: Final = (
    *in_each_format(
        *("wit/channel/unread", unread, "wit.channel.unread", "wit.channel.superseded"),
        given=tape(40),
        features=(),
        examples=26,
    ),
    *in_each_format("wit/channel/most", most_unread, "wit.channel.unread", features=(), once=True),
    *in_each_format(
        *("wit/channel/reading", reading, "wit.channel.unread", "wit.channel.superseded", "wit.channel.cursor"),
        reach={"signal after queue": 0.06},
        given=tape(60),
        examples=26,
    ),
    *in_each_format(
        *("wit/channel/superseded", superseded, "wit.channel.superseded", "wit.channel.cursor", "wit.channel.unread"),
    ),
    *in_each_format("wit/channel/flat", flat, "wit.channel.walk-cost", cost=2_000, once=True),
)
