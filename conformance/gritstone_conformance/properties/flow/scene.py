"""A flow on a workbench: each message to it is read by a step that the subject and the model make side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Unpack

from gritstone_conformance.model.flow.values import Value, decode, digest, encode
from gritstone_conformance.model.flow_replay import replay_expected
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Message
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["CODE", "PEERS", "SEALED", "FlowScene", "Outgoing", "of_runs"]

CODE: Final = b"external:flow/1"
PEERS: Final = ("bank", "clock", "desk", "edge")
"""The peers of the policies; each is an actor of its own."""
SEALED: Final = bytes(range(16)) + b"4111 1111 1111 1111"


def of_runs(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    once: bool = True,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format, of which the gate runs one by default; see :func:`in_each_format`."""
    return in_each_format(
        f"flow/{name}",
        body,
        *(f"flow.{rule}" for rule in rules),
        given=given,
        features=("flow.executor", *features),
        once=once,
        **options,
    )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that a flow sent.

    Attributes:
        identity: its id.
        receiver: the actor that it was sent to.
        mt: its type.
        packet: its content.
        message: the whole message.
    """

    identity: bytes
    receiver: bytes
    mt: str
    packet: bytes
    message: Message


class FlowScene:
    """One flow with its peers. Every method takes the rule that its requests judge, without ``flow.``.

    Attributes:
        bench: the store, next to the model's.
        peers: the actors of the peers by name; ``edge`` is also the starter.
        actor: the flow.
    """

    def __init__(self, trial: Trial, fmt: Format, bench: Workbench | None = None) -> None:
        self.bench = Workbench(trial, fmt) if bench is None else bench
        self.peers = {name: self.tree(name=self.blob(name.encode(), ct="s")) for name in PEERS}
        self.peers["edge"] = self.bench.outside
        self.stranger = self.tree(name=self.blob(b"stranger", ct="s"))
        self.actor = BenchActor(self.bench, self.bench.outside)

    def start(
        self,
        program: Any,
        policy: Any,
        given: Any = None,
        refs: Mapping[str, bytes] | None = None,
        /,
        *,
        rule: str = "step.function",
        rejected: bool | None = False,
        **entries: bytes | None,
    ) -> FlowScene:
        """Start a flow, which is rejected as stated if that is not None; returns the scene."""
        self.actor = BenchActor(self.bench, self.first_core(program, policy, given, refs, **entries))
        self.send("genesis", self.actor.identity, rule=rule)
        found = self.state["log"][0]
        assert rejected in (None, found["e"] == "rejected"), f"the model logs {found}"
        return self

    def first_core(
        self,
        program: Any,
        policy: Any,
        given: Any = None,
        refs: Mapping[str, bytes] | None = None,
        /,
        **entries: bytes | None,
    ) -> bytes:
        """Add a first core; entries replace or add to those of the work, and None removes one."""
        code = self.blob(CODE, ct="s")
        parts = {"doc": self.document(policy), "peers": self.tree(**self.peers)}
        core: dict[str, bytes | None] = {"wit": code, "wit_query": code, "policy": self.tree(**parts)}
        core |= {"program": self.document(program), "input": self.document({} if given is None else given)}
        if refs:
            core["refs"] = self.tree(**{name: self.blob(data, ct="sealed") for name, data in refs.items()})
        return self.tree(**{name: each for name, each in {**core, **entries}.items() if each is not None})

    # --- objects -------------------------------------------------------------------------------------------

    def blob(self, data: bytes, **headers: str) -> bytes:
        """Add a blob."""
        return self.bench.stage.blob(data, *headers.items())

    def tree(self, **entries: bytes) -> bytes:
        """Add a tree."""
        return self.bench.stage.tree(**entries)

    def document(self, value: Any) -> bytes:
        """Add a document, or one of bytes that need not be an encoding."""
        return self.blob(value if isinstance(value, bytes) else encode(value), ct="cbor")

    def packet(self, value: Any = None, **entries: bytes) -> bytes:
        """Add a packet; None stands for no document."""
        return self.tree(**{**({} if value is None else {"doc": self.document(value)}), **entries})

    # --- messages ------------------------------------------------------------------------------------------

    def queue(self, mt: str, content: bytes, sender: bytes | str = "edge", **headers: str) -> bytes:
        """Send a message of a peer or another actor that stays unread."""
        who = self.peers[sender] if isinstance(sender, str) else sender
        return self.actor.send(content, mt, sender=who, more=tuple(headers.items()))

    def read(self, rule: str) -> bytes | None:
        """Ask for the step that reads what is unread."""
        inbox = {} if self.actor.head is None else self.bench.executor.shelf.mail(self.actor.value.inbox)
        mail = [(sender, tip) for sender, tip in sorted(self.actor.tips.items()) if inbox.get(sender) != tip]
        return self.actor.step(*mail, rule=f"flow.{rule}")

    def send(self, mt: str, content: bytes, sender: bytes | str = "edge", *, rule: str, **headers: str) -> bytes:
        """Send a message and ask for the step that reads it; returns the message."""
        message = self.queue(mt, content, sender, **headers)
        self.read(rule)
        return message

    def ok(
        self, value: Any, *, rule: str, call: Outgoing | None = None, attempt: int | None = None, **more: Any
    ) -> None:
        """Answer a call, by default the newest one, with a value; ``refs`` and other entries of bytes are edges."""
        self._answer({"outcome": "ok", "value": value}, rule, call, attempt, more)

    def error(self, *, rule: str, retry: bool = True, call: Outgoing | None = None, attempt: int | None = None) -> None:
        """Answer a call with an error."""
        self._answer({"outcome": "error", "error": {"class": "no", "retry": retry}}, rule, call, attempt, {})

    def pending(self, *, rule: str, call: Outgoing | None = None, attempt: int | None = None) -> None:
        """Answer a call with ``pending``."""
        self._answer({"outcome": "pending"}, rule, call, attempt, {})

    def _answer(
        self, members: dict[str, Any], rule: str, call: Outgoing | None, attempt: int | None, more: dict[str, Any]
    ) -> None:
        to = self.calls()[-1] if call is None else call
        number = int(dict(to.message.headers)["attempt"]) if attempt is None else attempt
        entries = {name: each for name, each in more.items() if isinstance(each, bytes)}
        members |= {"attempt": number, **{name: each for name, each in more.items() if name not in entries}}
        self.send("flow.result", self.packet(members, request=to.packet, **entries), to.receiver, rule=rule)

    def fire(self, *, rule: str, timer: Outgoing | None = None) -> None:
        """Report that a timer has fired, by default the newest."""
        to = self.sent("flow.timer")[-1] if timer is None else timer
        self.send("flow.fired", self.packet(timer=to.packet), to.receiver, rule=rule)

    def event(self, value: Any = 1, sender: bytes | str = "desk", *, rule: str, **other: Any) -> None:
        """Send the event of the open wait, or ``go``, with some members or entries replaced."""
        self.send("flow.event", self.event_packet(value, **other), sender, rule=rule)

    def event_packet(self, value: Any = 1, **other: Any) -> bytes:
        """Add the packet of an event that fits the open wait, with some members or entries replaced."""
        core, state = self.entries, self.state
        entries = {"flow": self.actor.identity, "program": core["program"], "policy": core["policy"]}
        members = {"node": state["at"] or "w", "visit": state.get("visit", 1), "event": "go", "value": value}
        entries |= {name: each for name, each in other.items() if isinstance(each, bytes)}
        return self.packet(members | {name: other[name] for name in members if name in other}, **entries)

    def control(self, name: str, sender: bytes | str = "desk", *, rule: str, **more: Any) -> None:
        """Send ``flow.<name>`` with the edge ``flow``: a cancel, an erase of ``refs``, or a replan with ``program``."""
        self.send(f"flow.{name}", self.control_packet(**more), sender, rule=rule)

    def control_packet(self, **more: Any) -> bytes:
        """Add the packet of a message of control."""
        entries: dict[str, bytes] = {"flow": self.actor.identity}
        if "program" in more:
            entries["program"] = self.document(more["program"])
        return self.packet({"refs": more["refs"]} if "refs" in more else None, **entries)

    def erased(self, *, rule: str, request: bytes | None = None) -> None:
        """Report that a ``flow.erase`` was carried out, by default the newest."""
        packet = self.sent("flow.erase")[-1].packet if request is None else request
        self.send("flow.erased", self.packet(request=packet), "desk", rule=rule)

    def receipt(self, *, rule: str, call: Outgoing | None = None) -> None:
        """Report that a call was not delivered, by default the newest."""
        to = self.calls()[-1] if call is None else call
        self.send("receipt", self.blob(b""), "desk", rule=rule, reply=to.identity.hex())

    def successor(self, *, rule: str) -> FlowScene:
        """Ask for the first step of the successor; returns its scene, in which its ``flow.start`` is unread."""
        scene = FlowScene(self.bench.trial, self.bench.stage.graph.format, self.bench)
        scene.actor = BenchActor(self.bench, self.entries["next"])
        (genesis, start) = self.sent("genesis", self.entries["next"]) + self.sent("flow.start", self.entries["next"])
        scene.actor.tips[self.actor.identity] = genesis.identity
        scene.read(rule)
        scene.actor.tips[self.actor.identity] = start.identity
        return scene

    def erase(self, identity: bytes) -> None:
        """Erase a blob in the store."""
        self.flush()
        self.bench.pair.expect(self.bench.pair.erase(identity))

    @contextmanager
    def fork(self) -> Iterator[None]:
        """Return to the head and the mail of now at the end."""
        head, tips = self.actor.head, dict(self.actor.tips)
        yield
        self.actor.head, self.actor.tips = head, tips

    # --- questions -----------------------------------------------------------------------------------------

    def query(self, name: str, rule: str, args: bytes = b"") -> bytes | None:
        """Ask a query; returns the answer."""
        assert self.actor.head is not None, "the flow has no head"
        return self.bench.query(self.actor.head, name, args, rule=f"flow.{rule}")

    def replay(self, rule: str, step: bytes | None = None) -> dict[str, Any]:
        """Ask for a replay, by default up to the head; returns what the model expects."""
        asked = self.actor.head if step is None else step
        assert asked is not None, "the flow has no head"
        self.bench.fill()
        expect = replay_expected(self.bench.pair.model, asked)
        self.bench.ask("flow.replay", {"step": asked.hex()}, expect, f"flow.{rule}")
        return expect

    def flush(self) -> None:
        """Send the pending requests."""
        self.bench.flush()

    # --- what the model has --------------------------------------------------------------------------------

    def sent(self, mt: str, receiver: bytes | None = None) -> list[Outgoing]:
        """Return the messages of a type that the flow sent, by receiver in the order of peers, oldest first."""
        shelf, found = self.bench.executor.shelf, []
        mail, known = dict(shelf.mail(self.actor.value.outbox)), [*self.peers.values()]
        for to in sorted(mail, key=lambda each: (known.index(each) if each in known else len(known), each)):
            tip = mail[to]
            at: bytes | None = tip if receiver in (None, to) else None
            chain = []
            while at is not None:
                message = shelf.message(at)
                chain.append(Outgoing(at, to, dict(message.headers)["mt"], message.content, message))
                at = message.previous
            found += [each for each in reversed(chain) if each.mt == mt]
        return found

    def packet_of(self, sent: Outgoing) -> dict[str, bytes]:
        """Return the entries of the packet of a message."""
        return dict(self.bench.executor.shelf.names(sent.packet))

    def calls(self) -> list[Outgoing]:
        """Return the calls that the flow sent; with several peers they are not in the order of time."""
        return self.sent("flow.call")

    def call_of(self, key: str) -> Outgoing:
        """Return the newest message of the open call of a node or a sub."""
        sent = self.entries["sent"]
        shelf = self.bench.executor.shelf
        packet = sent if "done" not in self.state else shelf.names(sent)[key]
        return next(each for each in reversed(self.calls()) if each.packet == packet)

    @property
    def entries(self) -> dict[str, bytes]:
        """The entries of the core."""
        return dict(self.bench.executor.shelf.names(self.actor.value.core))

    @property
    def state(self) -> Any:
        """The state."""
        return self.value(self.entries["state"])

    @property
    def log(self) -> list[str]:
        """The names of the events of the newest step; of those that were ignored the reason."""
        return [event["why"] if event["e"] == "ignored" else event["e"] for event in self.state["log"]]

    @property
    def trace(self) -> Any:
        """The canonical trace; the subject is not asked."""
        assert self.actor.head is not None, "the flow has no head"
        return self.value(self.bench.executor.query(self.actor.head, "trace", b""))

    @property
    def trace_hash(self) -> str:
        """The trace hash; the subject is not asked."""
        return digest(self.trace)

    def value(self, identity: bytes | None) -> Value:
        """Return the value of a document."""
        blob = None if identity is None else self.bench.executor.shelf.get(identity)
        assert isinstance(blob, Blob), "not a document"
        return decode(blob.data, None)
