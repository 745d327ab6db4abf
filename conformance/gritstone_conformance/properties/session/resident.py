"""The lockstep model of a runtime with sessions: each request ``session.*`` is made of the subject and of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.residency.sessions import Limits, Residency
from gritstone_conformance.model.runtime import Runtime
from gritstone_conformance.model.session.json_text import write_json
from gritstone_conformance.model.values import Headers, to_base64
from gritstone_conformance.properties.grit.pair import Pair
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.scenarios import PUPPET
from gritstone_conformance.trial import Trial

__all__ = ["HELLO", "NONCE", "Resident"]

NONCE: Final = bytes(range(32))
HELLO: Final = b'{"kind":"user","prompt":"hello"}'


class Resident(LockstepModel):
    """One store with a runtime of sessions of the subject, and that of the model.

    Attributes:
        residency: the sessions of the model's runtime.
    """

    residency: Residency

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        terms: StartOptions | None = None,
        *,
        durable: bool = False,
        pair: Pair | None = None,
    ) -> None:
        super().__init__(trial, fmt, terms, durable=durable, pair=pair)

    def start(self, *, rule: str | None = None) -> Runtime:
        """Start the runtime, for the first time or again."""
        runtime = super().start(rule=rule)
        self.residency = Residency(runtime)
        return runtime

    def limits(self, max_live: int = 128, idle_ms: int = 300_000, lease_ms: int = 600_000) -> None:
        """Set the limits."""
        self.residency.limits = Limits(max_live, idle_ms, lease_ms)
        args: dict[str, Json] = {"max_live": max_live, "idle_ms": idle_ms, "lease_ms": lease_ms}
        self.ask("session.limits", args, ok())

    def puppet(self, title: bytes, host: bytes | None = None) -> bytes:
        """Add the core of a puppet whose host is the agent, or another actor."""
        below = self.stage.tree(host=self.agent if host is None else host, nonce=self.stage.blob(title))
        return self.stage.core(title, PUPPET, session=below)

    def mailing(self, title: bytes, *receivers: bytes) -> bytes:
        """Add the core of a puppet whose first step sends each receiver, in this order, a program that writes a log."""
        stage, below = self.stage, self.stage.tree(host=self.agent, nonce=self.stage.blob(title))
        sends = b"".join(programs.send(number, len(receivers), "") for number in range(len(receivers)))
        operands = (*receivers, stage.program(programs.append("log", b"t")))
        numbered = {f"{number:02x}": each for number, each in enumerate(operands)}
        return stage.core(title, PUPPET, program=stage.blob(sends), session=below, **numbered)

    def guest(self, number: int) -> bytes:
        """Add the core of a session with the guest ``session/1``, which is the default core with a nonce."""
        nonce = self.stage.blob(bytes([number]) * 32, ("ct", "b"))
        code = self.stage.blob(b"external:session/1", ("ct", "s"))
        return self.stage.tree(session=self.stage.tree(host=self.agent, nonce=nonce), wit=code, wit_query=code)

    def spoken(self, title: bytes) -> bytes:
        """Open a puppet that has sent the agent a message, which is acknowledged; return it."""
        session = self.puppet(title)
        self.open(session, 1_000)
        self.send(session, self.says(), 1_001)
        self.run()
        self.ack_all()
        return session

    def read(self, session: bytes, at: int, mt: str) -> None:
        """Send an empty request to a guest, run, and acknowledge the reply."""
        self.send(session, self.stage.blob(b""), at, mt)
        self.run()
        self.ack_all()

    def says(self, to: bytes | None = None, mt: str = "") -> bytes:
        """Return a program that sends a message to the agent or another actor."""
        receiver = self.agent if to is None else to
        return self.stage.program(programs.send(0, 1, mt), receiver, self.stage.blob(b"said"))

    def says_to(self, *receivers: bytes) -> bytes:
        """Return a program that sends one message to each of some actors, in this order."""
        sends = b"".join(programs.send(number, len(receivers), "") for number in range(len(receivers)))
        return self.stage.program(sends, *receivers, self.stage.blob(b"said"))

    def open(self, core: bytes, at: int, *, rule: str | None = None) -> bool:
        """Open a session; return whether it was opened."""
        self.fill()

        def work() -> dict[str, Json]:
            return ok(session=core.hex(), message=self.residency.open(core, at).hex())

        return self._both("open", {"core": core.hex()}, at, work, rule)

    def prepare(
        self, session: bytes | None, at: int, request: bytes = HELLO, nonce: bytes = NONCE, *, rule: str | None = None
    ) -> bytes:
        """Prepare a turn; return the session, which is a new one with this nonce if none is named."""
        args: dict[str, Json] = {"session": None if session is None else session.hex(), "request": to_base64(request)}
        actor = self.residency.default_core(nonce) if session is None else session
        if session is None:
            args["nonce"] = to_base64(nonce)

        def work() -> dict[str, Json]:
            if session is None:
                self.residency.open(actor, at)
            turn, data = self.residency.prepare(actor, request, at)
            return ok(session=actor.hex(), turn=turn.hex(), prepared=to_base64(data))

        self._both("prepare", args, at, work, rule)
        return actor

    def send(
        self,
        session: bytes,
        content: bytes,
        at: int,
        mt: str = "",
        *,
        stamp: int | None = None,
        rule: str | None = None,
    ) -> bool:
        """Send a message with the header ``at``, and ``mt`` if it is not empty; return whether it was sent."""
        pairs: Headers = (("at", str(at if stamp is None else stamp)), *((("mt", mt),) if mt else ()))
        return self.deliver(session, pairs, content, at, rule=rule)

    def deliver(self, session: bytes, pairs: Headers, content: bytes, at: int, *, rule: str | None = None) -> bool:
        """Send a message with these headers; return whether it was sent."""
        self.fill()

        def work() -> dict[str, Json]:
            return ok(message=self.residency.send(session, pairs, content, at).hex())

        args = {"session": session.hex(), "headers": [[*pair] for pair in pairs], "content": content.hex()}
        return self._both("send", args, at, work, rule)

    def commit(self, session: bytes, at: int, text: bytes = b"hi", request: bytes = HELLO) -> None:
        """Commit a final text for the turn that the session prepares now, and run."""
        turn, _ = self.residency.prepare(session, request, at)
        stage = self.stage
        content = stage.tree(request=stage.blob(request, ("ct", "j")), response=stage.blob(text, ("ct", "s")))
        self.prepare(session, at, request)
        self.deliver(session, (("at", str(at)), ("mt", "commit"), ("turn", turn.hex())), content, at)
        self.run()

    def sweep(self, at: int, *, rule: str | None = None) -> None:
        """Archive what is idle."""
        self._both("sweep", {}, at, lambda: ok(archived=[one.hex() for one in self.residency.sweep(at)]), rule)

    def archive(self, session: bytes, at: int, *, rule: str | None = None) -> bool:
        """Archive a session; return whether it was archived."""
        return self._step("archive", session, at, self.residency.archive, rule)

    def restore(self, session: bytes, at: int, *, rule: str | None = None) -> bool:
        """Restore a session; return whether it was restored."""
        return self._step("restore", session, at, self.residency.restore, rule)

    def close_session(self, session: bytes, at: int, *, rule: str | None = None) -> bool:
        """Close a session; return whether it is closed."""
        return self._step("close", session, at, self.residency.close, rule)

    def progress(self, session: bytes, data: bytes, at: int, *, rule: str | None = None) -> bool:
        """Report progress; return whether it was sent."""

        def work() -> dict[str, Json]:
            self.residency.progress(session, data, at)
            return ok()

        return self._both("progress", {"session": session.hex(), "progress": to_base64(data)}, at, work, rule)

    def percent(self, session: bytes, percent: int, at: int, *, rule: str | None = None) -> bool:
        """Report a percent; return whether it was sent."""
        return self.progress(session, write_json({"percent": percent}), at, rule=rule)

    def ack_all(self) -> None:
        """Acknowledge all mail to the agent."""
        for sender in dict.fromkeys(sender for sender, _ in self.model.agent.mail()):
            last = [message for each, message in self.model.agent.mail() if each == sender][-1]
            self.ack(sender, last)

    def judge(self, *, rule: str, at_rest: bool = True) -> None:
        """Compare references, mail and the whole store, and judge the history."""
        self.refs(rule=rule)
        self.mail(rule=rule)
        check_export(self.trial, self.export(rule=rule), at_rest=at_rest, known=StoreFacts(is_whole=False))

    def _step(
        self, word: str, session: bytes, at: int, carry_out: Callable[[bytes, int], bytes], rule: str | None
    ) -> bool:
        return self._both(word, {"session": session.hex()}, at, lambda: ok(step=carry_out(session, at).hex()), rule)

    def _both(
        self, word: str, args: dict[str, Json], at: int, work: Callable[[], dict[str, Json]], rule: str | None
    ) -> bool:
        """Carry a request out on the model, and make it of the subject; return whether it was accepted."""
        self.residency.now(at)
        try:
            expect, accepted = work(), True
        except Refusal as refusal:
            expect, accepted = refusal.expectation(), False
        self.ask(f"session.{word}", {"at": at, **args}, expect, rule)
        return accepted
