"""The outside of a flow: a peer that performs each key once, remembers it, and answers whatever it is sent again."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from gritstone_conformance.model.flow.values import Value, encode
from gritstone_conformance.model.values import Blob, Headers, Message, Object, Tree
from gritstone_conformance.strategies.flow_lives import GIVEN, Life

__all__ = ["Kernel", "Peer", "first_core"]

_CODE: Final = b"external:flow/1"


class Kernel(Protocol):
    """A started runtime and its store."""

    @property
    def agent(self) -> bytes:
        """The outside."""

    def put(self, value: Object) -> bytes:
        """Store an object; return its id."""

    def inject(self, to: bytes, headers: Headers, content: bytes) -> None:
        """Send a message from outside."""

    def run(self) -> None:
        """Run to rest."""

    def mail(self) -> list[tuple[bytes, bytes]]:
        """Return the unread mail to the outside."""

    def acknowledge(self, sender: bytes, message: bytes) -> None:
        """Acknowledge the mail of a sender up to a message."""

    def query(self, actor: bytes, name: str) -> bytes | None:
        """Ask an actor; return the answer."""

    def message(self, identity: bytes) -> Message:
        """Read a message."""

    def names(self, identity: bytes) -> dict[str, bytes]:
        """Read a tree."""

    def value(self, identity: bytes) -> Value:
        """Read a document."""


def first_core(kernel: Kernel, life: Life) -> bytes:
    """Add the first core of a life, whose peer ``edge`` is the outside; return the flow."""
    code = kernel.put(Blob((("ct", "s"),), _CODE))

    def document(value: Any) -> bytes:
        return kernel.put(Blob((("ct", "cbor"),), encode(value)))

    def tree(entries: dict[str, bytes]) -> bytes:
        return kernel.put(Tree(tuple(sorted(entries.items()))))

    sealed = {name: kernel.put(Blob((("ct", "sealed"),), data)) for name, data in life.refs.items()}
    given = {name: value for name, value in GIVEN.items() if name == "x" or name in life.refs}
    whole = {
        "input": document(given),
        "policy": tree({"doc": document(life.policy), "peers": tree({"edge": kernel.agent})}),
        "program": document(life.program),
        "wit": code,
        "wit_query": code,
    }
    return tree(whole | ({"refs": tree(sealed)} if sealed else {}))


class Peer:
    """Carries out a life on a runtime, and goes on with it after the runtime was started again.

    Attributes:
        flows: the flows that sent something, in that order: the first one and its successors.
        performed: the keys of the calls, in the order in which they were performed; each has its number.
        places: the keys by flow, place of the call in the program, visit and arguments.
        sends: for each key and attempt the ids of the messages with it.
    """

    def __init__(self, kernel: Kernel, life: Life, *, most_rounds: int = 1_000) -> None:
        self.kernel = kernel
        self._most_rounds = most_rounds
        self.life = life
        self.performed: dict[bytes, int] = {}
        self.places: dict[tuple[bytes, str, int, bytes], set[bytes]] = {}
        self.sends: dict[tuple[bytes, str], set[bytes]] = {}
        self.flows: list[bytes] = []
        self._moves = deque(life.moves)
        self._timers: deque[bytes] = deque()
        self._seen: set[bytes] = set()
        self._outgoing: deque[tuple[bytes, Headers, bytes]] = deque()
        self._is_begun = False

    def live(self) -> None:
        """Carry out what is left of the life. It can be called again after the runtime died and was started again."""
        if not self._is_begun:
            flow = first_core(self.kernel, self.life)
            self.flows.append(flow)
            self._outgoing.append((flow, (("mt", "genesis"),), flow))
            self._is_begun = True
        for _ in range(self._most_rounds):
            self._flush()
            self.kernel.run()
            if not self._answer_mail() and not self._move():
                return
        raise AssertionError("the life does not end")

    # --- what the peer reads -------------------------------------------------------------------------------

    def _answer_mail(self) -> bool:
        """Answer all unread mail; return whether there was any."""
        mail = self.kernel.mail()
        last: dict[bytes, bytes] = {}
        answered: list[list[tuple[bytes, Headers, bytes]]] = []
        for sender, message in mail:
            if sender not in self.flows:
                self.flows.append(sender)
            answered.append(self._answer(sender, message))
            last[sender] = message
        for each in answered[::-1] if self.life.is_reversed else answered:
            self._outgoing += each
        self._flush()
        for sender, message in last.items():
            self.kernel.acknowledge(sender, message)
        return bool(mail)

    def _answer(self, sender: bytes, message: bytes) -> list[tuple[bytes, Headers, bytes]]:
        """Return the messages that a message is answered with."""
        value = self.kernel.message(message)
        headers = dict(value.headers)
        match headers["mt"]:
            case "flow.call":
                return self._perform(sender, value.content, headers["attempt"], message)
            case "flow.timer" if message not in self._seen:
                self._seen.add(message)
                self._timers.append(value.content)
            case "flow.erase":
                return [self._said(sender, "flow.erased", request=value.content)]
        return []

    def _perform(self, flow: bytes, key: bytes, attempt: str, message: bytes) -> list[tuple[bytes, Headers, bytes]]:
        """Perform a call, unless its key is known; return its results."""
        request: Any = self.kernel.value(self.kernel.names(key)["doc"])
        place = ".".join(request[name] for name in ("node", "sub") if name in request)
        self.places.setdefault((flow, place, request["visit"], encode(request["args"])), set()).add(key)
        self.sends.setdefault((key, attempt), set()).add(message)
        number = self.performed.setdefault(key, len(self.performed))
        listed = self.life.answers.get(place, ())
        value = self.life.values[number % len(self.life.values)]
        results = listed[int(attempt) - 1] if int(attempt) <= len(listed) else ({"outcome": "ok", "value": value},)
        made = [
            self._said(flow, "flow.result", {"attempt": int(attempt), **result} if result else {}, request=key)
            for result in results
        ]
        return [each for each in made for _ in range(self.life.copies)]

    # --- what the peer does by itself ------------------------------------------------------------------------

    def _move(self) -> bool:
        """Do what the life has next, or report a timer; return whether there was something to do.

        The process may die at each object that is stored, so a move is taken from the list only afterwards.
        """
        while self._moves or self._timers:
            name, value = self._moves[0] if self._moves else ("fire", None)
            moves: Any = value if name == "together" else ((name, value),)
            timers = deque(self._timers)
            made = [
                self._made(each, timers.popleft() if each == "fire" else about)
                for each, about in moves
                if each != "fire" or timers
            ]
            self._timers = timers
            if self._moves:
                self._moves.popleft()
            self._outgoing += made
            if made:
                return True
        return False

    def _made(self, name: str, value: Any) -> tuple[bytes, Headers, bytes]:
        """Return the message of a move."""
        said: tuple[bytes, Headers, bytes] = getattr(self, f"_{name}")(self.flows[-1], value)
        return said

    def _event(self, flow: bytes, value: Any) -> tuple[bytes, Headers, bytes]:
        core = self.kernel.names(flow)
        answer = self.kernel.query(flow, "accepts")
        accepted: Any = [] if answer is None else self.kernel.value(answer)
        waits = [each for each in accepted if each["mt"] == "flow.event"] or [{"node": "w", "visit": 1, "event": "go"}]
        document = {name: waits[0][name] for name in ("node", "visit", "event")}
        bound = {"flow": flow, "program": core["program"], "policy": core["policy"]}
        return self._said(flow, "flow.event", {**document, "value": value}, **bound)

    def _result(self, _: bytes, result: Any) -> tuple[bytes, Headers, bytes]:
        """Answer the newest call."""
        key = list(self.performed)[-1]
        attempt = max(int(attempt) for each, attempt in self.sends if each == key)
        flow = self.kernel.names(key)["flow"]
        return self._said(flow, "flow.result", {"attempt": attempt, **result}, request=key)

    def _fire(self, _: bytes, timer: bytes) -> tuple[bytes, Headers, bytes]:
        return self._said(self.kernel.names(timer)["flow"], "flow.fired", timer=timer)

    def _cancel(self, flow: bytes, _: Any) -> tuple[bytes, Headers, bytes]:
        return self._said(flow, "flow.cancel", flow=flow)

    def _cleanup(self, flow: bytes, _: Any) -> tuple[bytes, Headers, bytes]:
        return self._said(flow, "cleanup", flow=flow)

    def _erase(self, flow: bytes, names: list[str]) -> tuple[bytes, Headers, bytes]:
        return self._said(flow, "flow.erase", {"refs": names}, flow=flow)

    def _replan(self, flow: bytes, program: Any) -> tuple[bytes, Headers, bytes]:
        return self._said(flow, "flow.replan", flow=flow, program=self._document(program))

    def _poison(self, flow: bytes, way: int) -> tuple[bytes, Headers, bytes]:
        if way == 0:
            return self._said(flow, "flow.result", {"attempt": 1, "outcome": "ok", "value": 1}, request=flow)
        return self._said(flow, ("flow.fired", "flow.nothing")[way % 2], timer=flow)

    # --- objects -----------------------------------------------------------------------------------------------

    def _said(self, to: bytes, mt: str, value: Any = None, **entries: bytes) -> tuple[bytes, Headers, bytes]:
        doc = {} if value is None else {"doc": self._document(value)}
        packet = self.kernel.put(Tree(tuple(sorted({**entries, **doc}.items()))))
        return to, (("mt", mt),), packet

    def _document(self, value: Any) -> bytes:
        return self.kernel.put(Blob((("ct", "cbor"),), encode(value)))

    def _flush(self) -> None:
        """Send what is to be sent; a message that was not answered for is sent again."""
        while self._outgoing:
            self.kernel.inject(*self._outgoing[0])
            self._outgoing.popleft()
