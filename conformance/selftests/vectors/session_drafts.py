"""Drafts of vectors of sessions: scripts of messages, and how each of them ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.graph import edges
from gritstone_conformance.model.values import Message, Object, to_base64
from gritstone_conformance.replies import Json
from selftests.model.session_scene import Scene

__all__ = [
    "ADD",
    "CONTINUE",
    "FINAL",
    "HELLO",
    "NOT_NOW",
    "PHASES",
    "RETRY",
    "TOOLS",
    "TWO",
    "Draft",
    "Recorder",
    "Script",
    "asked",
    "both",
    "calling",
    "commit",
    "idle",
    "ready",
    "refusal",
    "say",
    "send",
    "send_without_time",
    "void",
]

HELLO: Final = b'{"kind":"user","prompt":"hello"}'
CONTINUE: Final = b'{"kind":"continue"}'
TOOLS: Final = (
    b'[{"description":"Add","name":"add","params":[{"name":"a","required":true,"type":"number"},'
    b'{"name":"b","required":false,"type":"integer"}]},'
    b'{"description":"Anything","name":"all","params":[{"name":"any","required":false,"type":"any"},'
    b'{"name":"array","required":false,"type":"array"},{"name":"boolean","required":false,"type":"boolean"},'
    b'{"name":"object","required":false,"type":"object"},{"name":"string","required":false,"type":"string"}]}]'
)
ADD: Final = b'{"action":"call_tool","input":{"a":1},"tool":"add"}'
TWO: Final = b'{"action":"call_tools","calls":[{"input":{"a":1},"tool":"add"},{"input":{"a":2},"tool":"add"}]}'
FINAL: Final = b'{"action":"final","response":"done"}'
RETRY: Final = b'{"action":"retry"}'


class Recorder(Scene):
    """A scene that keeps the requests of a case."""

    def __post_init__(self) -> None:
        self.frames: dict[bytes, bytes | None] = {}
        self.steps: list[CaseStep] = []
        self.newest_sent = b""
        self.tags: dict[str, bytes] = {}
        super().__post_init__()

    def put(self, value: Object) -> bytes:
        data = self.format.encode(value)
        identity = super().put(value)
        self.frames[identity] = data
        return identity

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        self.newest_sent = super().queue(mt, content, **headers)
        return self.newest_sent

    def read(self, tip: bytes) -> None:
        self.read_from(self.host, tip)

    def read_from(self, sender: bytes, tip: bytes) -> None:
        """Make the step that covers the messages of a sender up to one."""
        before = self.head
        self.head = Executor(self.store).step(self.actor, before, [(sender, tip)])
        args: dict[str, Json] = {
            "store": "s",
            "actor": self.actor.hex(),
            "head": None if before is None else before.hex(),
            "inbox": [[sender.hex(), tip.hex()]],
            "attempt": 1,
        }
        self.steps.append(CaseStep("wit.step", args, {"ok": {"step": self.head.hex()}}))

    def send_from_other(self, mt: str, content: bytes, **headers: str) -> None:
        """Send a message from an actor that is not the host."""
        pairs = tuple({"mt": mt, **headers}.items())
        other = self.tree(name=self.blob(b"other", ct="s"))
        self.tags |= {"other": self.put(Message(None, pairs, content)), "sender": other}
        self.read_from(other, self.tags["other"])

    def first_of(self, core: bytes, genesis: bytes) -> bytes:
        """Return the first step of another session."""
        return self.step_of(core, None, genesis)

    def step_of(self, core: bytes, head: bytes | None, tip: bytes, sender: bytes | None = None) -> bytes:
        """Return the step of another session that covers a message, by default of the host."""
        return Executor(self.store).step(core, head, [(self.host if sender is None else sender, tip)])

    def ask(self, name: str, args: bytes = b"") -> bytes | None:
        answer = super().ask(name, args)
        assert self.head is not None
        asked: dict[str, Json] = {"store": "s", "step": self.head.hex(), "name": name, "args": to_base64(args)}
        result = None if answer is None else answer.hex()
        self.steps.append(CaseStep("wit.query", asked, {"ok": {"result": result}}))
        if answer is not None:
            stored = to_base64(self.format.encode(self.value(answer)))
            self.steps.append(CaseStep("grit.get", {"store": "s", "id": result}, {"ok": {"bytes": stored}}))
        return answer

    def erase(self, identity: bytes) -> None:
        """Erase a blob."""
        self.store.erase(identity)
        self.steps.append(CaseStep("grit.erase", {"store": "s", "id": identity.hex()}, {"ok": {}}))

    def case(self, name: str, rules: tuple[str, ...], features: tuple[str, ...] = ()) -> Case:
        """Return the case: one import of all that the client made, then the requests."""
        open_store: dict[str, Json] = {"store": "s", "format": self.format.name, "backend": "memory", "create": True}
        references = {"tags/host": self.host, "tags/newest": self.newest_sent}
        references |= {f"tags/{name}": identity for name, identity in self.tags.items()}
        frames = self._reached(references.values())
        bundle = to_base64(write(self.format, references, frames))
        counts: dict[str, Json] = {"objects": len(frames), "refs": len(references)}
        first = (
            CaseStep("grit.open", open_store, {"ok": {}}),
            CaseStep("grit.import", {"store": "s", "bytes": bundle, "more": False}, {"ok": counts}),
        )
        requires = Requires((self.format.name,), ("session.guest", *features), ("wit",))
        plain = f"session/{name}"
        title = plain if self.format is FRAMED_SHA256 else f"{plain}-in-cbor"
        return Case(title, rules, requires, (*first, *self.steps))

    def _reached(self, roots: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return the objects of the client to which the references lead."""
        reached: dict[bytes, bytes | None] = {}
        waiting = list(roots)
        while waiting:
            identity = waiting.pop()
            if identity not in reached:
                frame = reached[identity] = self.frames[identity]
                assert frame is not None
                waiting += [edge.target for edge in edges(self.format.decode(frame))]
        return reached


Script = Callable[[Recorder], None]


@dataclass(frozen=True, slots=True)
class Draft:
    """One case, before it is made in a format.

    Attributes:
        name: topic and slug.
        rules: the rules without ``session.``, the main rule first.
        script: sends the messages.
        ends: the type of the last message of the session, and some members of its content.
        entries: further entries of the first core.
        features: features that the case needs in addition.
    """

    name: str
    rules: tuple[str, ...]
    script: Script
    ends: tuple[str, dict[str, Any]]
    entries: dict[str, bytes] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    def case(self, fmt: Format) -> Case:
        """Return the case in a format; raises AssertionError if the model does not end as the draft states."""
        scene = Recorder(fmt, self.entries)
        self.script(scene)
        scene.query("state")
        headers, content = scene.last_reply()
        mt, members = self.ends
        assert (headers["mt"], {**content, **members}) == (mt, content), (self.name, headers, content)
        return scene.case(self.name, tuple(f"session.{rule}" for rule in self.rules), self.features)


def refusal(kind: str, code: str) -> tuple[str, dict[str, Any]]:
    """Return how a draft ends that is refused."""
    return "refused", {"class": kind, "code": code}


def idle(scene: Recorder) -> None:
    """Leave a new session as it is."""


def calling(scene: Recorder) -> None:
    scene.commit(HELLO, TWO, "j")


def ready(scene: Recorder) -> None:
    scene.commit(HELLO, ADD, "j")
    scene.result("1.0", b"1")


def asked(scene: Recorder) -> None:
    scene.send("ask", scene.blob(HELLO, ct="j"), at="1000", corr="c1")


PHASES: Final[dict[str, Script]] = {"idle": idle, "calling": calling, "ready": ready, "asked": asked}


def commit(request: bytes, data: bytes) -> Script:
    """Return a commit whose turn is that of the request now, or of 64 zeros if the turn cannot be prepared."""

    def script(scene: Recorder) -> None:
        scene.commit(request, data, "j")

    return script


def both(first: Script, second: Script) -> Script:
    def script(scene: Recorder) -> None:
        first(scene)
        second(scene)

    return script


def say(text: bytes) -> Script:
    return lambda scene: void(scene.commit(HELLO, text))


def send(mt: str, **headers: str) -> Script:
    return lambda scene: void(scene.send(mt, scene.blob(b""), **{"at": "1", **headers}))


def send_without_time(scene: Recorder) -> None:
    scene.send("abandon", scene.blob(b""))


def void(_: object) -> None:
    """Drop a value."""


NOT_NOW: Final = refusal("rejected", "phase")
