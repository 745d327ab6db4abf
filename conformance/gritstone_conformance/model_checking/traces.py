"""Exported histories as behaviours of the model: bundles become constants of the module ``Trace``, which TLC replays.

The module ``Histories``, made here, has the steps of each actor in order. A message is its chain of labels, as in the
model. The label of a message is what it is for the model (a genesis, an update, a cleanup, a receipt or anything else),
with a number that stands for its headers and content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.proposals import header, message_type
from gritstone_conformance.model_checking.tlc import Tlc

__all__ = ["FAULTS", "MOST_MESSAGES", "MOST_STEPS", "Refusal", "replay", "trace_module"]

MOST_STEPS: Final = 2_000
"""The number of steps of a history that is replayed; the work grows faster than the number."""

MOST_MESSAGES: Final = 4_000
"""The number of messages of a history that is replayed; each is its whole chain in the model."""

_MOST_CELLS: Final = 100_000
"""The product of the steps of a history and its actors."""

_FEW_STEPS: Final = 500

FAULTS: Final = {
    "actor": ("wit.admit.actor", "the step belongs to another actor"),
    "kept": ("wit.admit.inbox-keep", "an entry of its inbox is gone"),
    "progress": ("wit.admit.progress", "the step covers nothing"),
    "genesis": ("wit.genesis.identity", "the first step covers no genesis message"),
    "first": ("wit.genesis.first", "the first step covers more than the first message of a channel"),
    "fence": ("wit.proposal.fence", "a control message is not covered alone"),
    "previous": ("wit.admit.previous", "the step has a previous and must not, or the reverse"),
    "outbox": ("wit.admit.outbox", "an entry of its outbox changed illegally"),
    "admit": ("wit.transition.class", "admission refuses the step"),
    "agent": ("runtime.agent.changes", "the agent changed its core, or nothing"),
    "unsent": ("runtime.route.sent", "the step covers a message that its sender never sent on this channel"),
    "twice": ("runtime.head.once", "the step covers a message more often than it was sent"),
    "order": ("runtime.route.in-order", "the step covers a message that was sent before one already covered"),
    "cycle": ("runtime.history.acyclic", "the step that sent a message comes after the one that covers it"),
    "mark": ("runtime.fail.mark", "the mark names a message that cannot be marked"),
    "receipt": ("runtime.receipt.form", "the sender of the message of the mark has no receipt"),
    "no-loop": ("runtime.receipt.no-loop", "the agent sent itself a receipt"),
    "returned": ("runtime.collect.final", "an actor that was collected has a head or a mark"),
}
"""Faults to their rules, and what they mean."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first fault of an actor in a history that is no behaviour of the model.

    Attributes:
        actor: the actor.
        step: the id of the step, or None for a fault of references.
        index: the place of the step in the chain, from 1; 0 for a fault of references.
        fault: a key of ``FAULTS``.
    """

    actor: bytes
    step: bytes | None
    index: int
    fault: str

    @property
    def rule(self) -> str:
        """The rule that is broken."""
        return FAULTS[self.fault][0]

    def __str__(self) -> str:
        """Return the fault in words."""
        actor = f"actor {self.actor.hex()}"
        where = f"step {self.index} ({self.step.hex()}) of {actor}" if self.step else actor
        return f"{where}: {FAULTS[self.fault][1]} ({self.rule})"


def replay(tlc: Tlc, histories: Sequence[History]) -> list[list[Refusal]]:
    """Replay histories in the model, and return what it refuses of each; nothing of a history that it accepts.

    Raises:
        UsageError: a history is too long, or TLC fails.
    """
    names = [_names(history) for history in histories]
    config = "SPECIFICATION Spec\nCHECK_DEADLOCK FALSE\nCONSTANTS\n"
    actors = sorted({name for each in names for name in each.values()} - {"agent"})
    config += f'  Actors = {{{", ".join(map(_quoted, actors))}}}\n  Stillborn = {{}}\n  Broken = "none"\n'
    config += "  InOrder <- HistoryOrder\n"
    is_short = sum(map(_size, histories)) < _FEW_STEPS
    outcome = tlc.run("Trace", config, extra={"Histories": trace_module(histories)}, is_short=is_short)
    found: list[list[Refusal]] = [[] for _ in histories]
    decided: dict[int, str] = {}
    for said in outcome.said:
        match said:
            case ("trace", int(number), str(verdict)):
                decided[number] = verdict
            case ("trace", int(number), str(name), int(step), str(fault)):
                history = histories[number - 1]
                actor = next(each for each, its in names[number - 1].items() if its == name)
                found[number - 1].append(_refusal(history, actor, step, fault))
    for number, refusals in enumerate(found, 1):
        if decided.get(number) != ("refused" if refusals else "accepted"):
            raise UsageError(f"TLC did not decide history {number}: {decided.get(number, 'no verdict')}")
    return found


def _refusal(history: History, actor: bytes, step: int, fault: str) -> Refusal:
    return Refusal(actor, history.chains[actor].ids[step - 1] if step else None, step, fault)


def _size(history: History) -> int:
    return sum(map(len, history.chains.values()))


def _names(history: History) -> dict[bytes, str]:
    """Return a short name for each actor that has steps or mail: ``agent``, or a number, ascending by id."""
    found = set(history.chains)
    for actor, mark in _marks(history):
        found |= {actor, *mark}
    for chain in history.chains.values():
        for box in (*chain.inboxes, *chain.outboxes):
            found |= box.keys()
    agent = {history.agent: "agent"} if history.agent in found else {}
    return agent | {actor: str(number) for number, actor in enumerate(sorted(found - agent.keys()), 1)}


def _marks(history: History) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    """Yield the actors that are marked, with the senders and messages of their marks."""
    for name, target in history.references.items():
        if name.startswith("failed/"):
            yield bytes.fromhex(name.removeprefix("failed/")), history.shelf.mail(target)


def trace_module(histories: Sequence[History]) -> str:
    """Return the module ``Histories``.

    Raises:
        UsageError: a history has too many steps or messages.
    """
    lines = ["---- MODULE Histories ----", "EXTENDS Wit, TLC"]
    records = []
    width = 0
    for number, history in enumerate(histories, 1):
        writer = _Writer(history, f"m{number}")
        steps, actors = _size(history), len(writer.names)
        if steps > MOST_STEPS or steps * actors > _MOST_CELLS:
            raise UsageError(
                f"the history has {steps} steps of {actors} actors; at most {MOST_STEPS} steps are replayed, and at "
                f"most {_MOST_CELLS} as the product of both (gritstone audit has no such limit)"
            )
        record = writer.record()
        lines += writer.lines
        lines.append(f"History{number} == {record}")
        records.append(f"History{number}")
        width = max(width, sum(name != "agent" for name in writer.names.values()))
    order = ", ".join([*(_quoted(str(number)) for number in range(1, width + 1)), '"agent"'])
    lines += [f"HistoryOrder == <<{order}>>", f"Histories == <<{', '.join(records)}>>", "====", ""]
    return "\n".join(lines)


@dataclass(slots=True)
class _Writer:
    """Writes one history; messages and mailboxes become definitions, which TLC evaluates once.

    Attributes:
        history: the history.
        prefix: the beginning of the names of its definitions.
        names: actors to their names in the module.
        lines: the definitions.
    """

    history: History
    prefix: str
    names: dict[bytes, str] = field(init=False)
    lines: list[str] = field(default_factory=list)
    _messages: dict[tuple[bytes, bytes], str] = field(default_factory=dict)
    _numbers: dict[object, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name the actors."""
        self.names = _names(self.history)

    def record(self) -> str:
        """Return the record of the history, after the definitions that it needs."""
        history = self.history
        steps = {actor: list(self._steps(actor)) for actor in history.chains}
        marks = {actor: self._mark(actor, mark) for actor, mark in _marks(history)}
        every = {self.names[actor]: actor for actor in self.names}
        gone = [name for name, actor in every.items() if self._is_gone(actor)]

        def transferred(actor: bytes) -> str:
            return str(history.adopted_steps(actor) if actor in history.chains else 0)

        parts = (
            f"steps |-> {_function(every, lambda actor: _sequence(steps.get(actor, ())))}",
            f"marks |-> {_function(every, lambda actor: marks.get(actor, '<<>>'))}",
            f"open |-> {_set(name for name, actor in every.items() if history.is_open(actor))}",
            f"cut |-> {_set(name for name, actor in every.items() if history.is_cut(actor))}",
            f"transferred |-> {_function(every, transferred, '0')}",
            f"gone |-> {_set(gone)}",
        )
        return f"[{', '.join(parts)}]"

    def _is_gone(self, actor: bytes) -> bool:
        return self.history.references.get(f"gone/{actor.hex()}") == self.history.agent is not None

    def _steps(self, actor: bytes) -> Iterator[str]:
        chain = self.history.chains[actor]
        for step, inbox, outbox in zip(chain.steps, chain.inboxes, chain.outboxes, strict=True):
            owner = self.names.get(step.actor, "nobody")
            previous = "none" if step.previous is None else "last"
            read = self._box((sender, message, actor) for sender, message in inbox.items())
            sent = self._box((receiver, message, receiver) for receiver, message in outbox.items())
            yield (
                f"[actor |-> {_quoted(owner)}, previous |-> {_quoted(previous)}, inbox |-> {read}, outbox |-> {sent}, "
                f"core |-> {self._number(step.core)}]"
            )

    def _mark(self, actor: bytes, mark: Mapping[bytes, bytes]) -> str:
        """Return the entries of a mark: sender, message, and the number of its id."""
        return _sequence(
            f"<<{_quoted(self.names[sender])}, {self._message(message, actor)}, {self._number(message)}>>"
            for sender, message in mark.items()
        )

    def _box(self, entries: Iterable[tuple[bytes, bytes, bytes]]) -> str:
        """Return a mailbox; an entry is whose it is, a message, and the receiver of the message."""
        pairs = [f"({_quoted(self.names[key])} :> {self._message(message, to)})" for key, message, to in entries]
        return " @@ ".join([*pairs, "NoMail"])

    def _message(self, message: bytes, receiver: bytes) -> str:
        """Return the name of the definition of a message; define it and those before it if that was not done yet."""
        chain = []
        at: bytes | None = message
        while at is not None and (at, receiver) not in self._messages:
            chain.append(at)
            if len(self._messages) + len(chain) > MOST_MESSAGES:
                raise UsageError(f"the history has more than {MOST_MESSAGES} messages, of which each is replayed")
            at = self.history.shelf.message(at).previous
        before = "None" if at is None else self._messages[at, receiver]
        for each in reversed(chain):
            name = f"{self.prefix}_{len(self._messages)}"
            self.lines.append(f"{name} == Append({before}, {self._label(each, receiver)})")
            self._messages[each, receiver] = before = name
        return before

    def _label(self, identity: bytes, receiver: bytes) -> str:
        message = self.history.shelf.message(identity)
        number = self._number((message.headers, message.content))
        program = message_type(message)
        if program == "receipt":
            return f'<<"receipt", {self._number(_identity(header(message, "reply")))}, {number}>>'
        if program not in ("update", "cleanup"):
            program = "genesis" if message.content == receiver else "other"
        return f"<<{_quoted(program)}, {number}>>"

    def _number(self, value: object) -> int:
        """Return a number that stands for a value."""
        return self._numbers.setdefault(value, len(self._numbers))


def _identity(digits: str | None) -> object:
    try:
        return bytes.fromhex(digits or "")
    except ValueError:
        return digits


def _function(every: Mapping[str, bytes], value: Callable[[bytes], str], default: str = "<<>>") -> str:
    """Return a function on all names, with a default for names that this history does not have."""
    pairs = [f"({_quoted(name)} :> {value(actor)})" for name, actor in every.items()]
    return " @@ ".join([*pairs, f"[x \\in Everyone |-> {default}]"])


def _sequence(items: Iterable[str]) -> str:
    return f"<<{', '.join(items)}>>"


def _set(names: Iterable[str]) -> str:
    return f"{{{', '.join(map(_quoted, names))}}}"


def _quoted(text: str) -> str:
    return f'"{text}"'
