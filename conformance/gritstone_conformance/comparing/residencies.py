"""Residency handovers: a runtime opens, archives and restores sessions, and another one resumes from its export.

Spec: :rule:`suite.resume.matrix`, :rule:`session.restore.guard`, :rule:`session.archive.event`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from gritstone_conformance.comparing.matrix import Implementation, Stuck
from gritstone_conformance.comparing.stages import Stage, Staged
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Blob, Tree, to_base64
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Claims, Json, Refused
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.session_guest import session_core
from gritstone_conformance.strategies.session_journeys import ADD, FINAL, HELLO, TOOLS

__all__ = ["RESIDENCIES"]

_MOST_STEPS: Final = 50
_TERMS: Final = StartOptions(config=Config(0, 0, 2))
_NONCE: Final = bytes(range(32))


class _Desk:
    """A started runtime of an implementation, for one stage.

    Attributes:
        first: a session with a tool.
        second: a session without.
    """

    def __init__(self, host: Implementation, handle: str, fmt: Format) -> None:
        self._host, self._handle, self._graph = host, handle, Graph(fmt)
        self._runtime = f"d{handle}"
        self._agent = bytes.fromhex(host.ask("runtime.start", **start_args(_TERMS, handle, self._runtime))["agent"])
        self.first = self._core(tools=self._add(TOOLS))
        self.second = self._core()

    def _add(self, data: bytes, ct: str = "j") -> bytes:
        return self._graph.add(Blob((("ct", ct),), data))

    def _core(self, **entries: bytes) -> bytes:
        below = {"host": self._agent, "nonce": self._add(_NONCE, "b"), **entries}
        return self._graph.add(
            Tree(tuple(session_core(self._graph, self._graph.add(Tree(tuple(below.items())))).items()))
        )

    def put(self) -> None:
        """Put everything that was added."""
        for data in self._graph.encodings.values():
            self._host.ask("grit.put", store=self._handle, bytes=to_base64(data))

    def ask(self, op: str, **args: Json) -> dict[str, Json]:
        """Make a request of the runtime; return the value of ``ok``."""
        return self._host.ask(op, runtime=self._runtime, **args)

    def refuse(self, op: str, code: str, **args: Json) -> None:
        """Make a request of the runtime that has to be refused with a code; raises Stuck."""
        reply = self._host.subject.ask(op, {"runtime": self._runtime, **args})
        if not isinstance(reply, Refused) or reply.code != code:
            raise Stuck(f"{op}: not refused with the code {code}")

    def send(self, at: int, mt: str, content: bytes, **headers: str) -> None:
        """Send a message to the first session, and run."""
        self.put()
        pairs: list[Json] = [[*pair] for pair in sorted({"at": str(at), "mt": mt, **headers}.items())]
        self.ask("session.send", at=at, session=self.first.hex(), headers=pairs, content=content.hex())
        self.run()

    def question(self) -> bytes:
        """Add the content of an ask."""
        return self._add(HELLO)

    def commit(self, at: int) -> None:
        """Prepare a turn of the first session, and commit a response."""
        turn = self.ask("session.prepare", at=at, session=self.first.hex(), request=to_base64(HELLO))["turn"]
        pair = (("request", self._add(HELLO)), ("response", self._add(FINAL)))
        self.send(at, "commit", self._graph.add(Tree(pair)), turn=turn)

    def resolve(self, data: bytes) -> None:
        """Answer the newest effect, and run; older ones are open again because mail before them is unread."""
        effect = self.ask("runtime.effects")["effects"][-1]
        self.ask("runtime.resolve", effect=effect["effect"], outcome={"ok": to_base64(data)})
        self.run()

    def ack(self) -> None:
        """Acknowledge all mail of the agent."""
        for sender, message in dict(self.ask("runtime.mail")["mail"]).items():
            self.ask("runtime.ack", sender=sender, message=message)

    def run(self) -> None:
        """Run until no actor can make a step."""
        self.ask("runtime.run", max_steps=_MOST_STEPS)

    def stop(self) -> None:
        """Stop the runtime."""
        self.ask("runtime.stop", how="now")


_OnDesk: TypeAlias = Callable[[_Desk], object]


def _open(desk: _Desk) -> None:
    desk.put()
    desk.ask("session.open", at=1_000, core=desk.first.hex())
    request, nonce = to_base64(HELLO), to_base64(_NONCE)
    opened = desk.ask("session.prepare", at=1_100, session=None, request=request, nonce=nonce)["session"]
    if opened != desk.second.hex():
        raise Stuck("session.prepare: another session than that of the default core")


def _ask_archived(desk: _Desk) -> None:
    args: dict[str, Json] = {"session": desk.first.hex(), "request": to_base64(HELLO)}
    desk.refuse("session.prepare", "archived", at=3_000, **args)


def _make_room(desk: _Desk) -> None:
    desk.ask("session.limits", max_live=1, idle_ms=0, lease_ms=0)
    desk.ask("session.restore", at=11_000_000, session=desk.second.hex())
    desk.ask("session.restore", at=12_000_000, session=desk.first.hex())


_STAGES: Final[tuple[_OnDesk, ...]] = (
    _open,
    lambda desk: desk.send(1_200, "ask", desk.question()),
    lambda desk: desk.resolve(ADD),
    lambda desk: desk.resolve(b"3"),
    lambda desk: desk.resolve(FINAL),
    _Desk.ack,
    lambda desk: desk.ask("session.archive", at=2_000, session=desk.first.hex()),
    _ask_archived,
    lambda desk: desk.ask(
        "session.progress", at=3_100, session=desk.first.hex(), progress=to_base64(b'{"percent":50}')
    ),
    lambda desk: desk.ask("session.restore", at=4_000, session=desk.first.hex()),
    lambda desk: desk.commit(5_000),
    _Desk.ack,
    lambda desk: desk.ask("session.sweep", at=10_000_000),
    _make_room,
    lambda desk: desk.ask("session.close", at=13_000_000, session=desk.second.hex()),
    lambda desk: desk.commit(14_000_000),
)


def _carry_out(stage: _OnDesk, fmt: Format, host: Implementation, handle: str) -> None:
    desk = _Desk(host, handle, fmt)
    stage(desk)
    desk.stop()


def _stages(fmt: Format) -> Sequence[Stage]:
    return [partial(_carry_out, stage, fmt) for stage in _STAGES]


def _is_claimed_by(claims: Claims) -> bool:
    return "session" in claims.profiles and "effects" in claims.features


RESIDENCIES: Final = (Staged("residency", _stages, _is_claimed_by),)
"""The scenario of residency."""
