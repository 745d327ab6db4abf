"""Random requests about a few sessions: every reply and the whole store equal the model's, and the history is legal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session.resident import Resident
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "session.archive.quiet"
_LENGTH: Final = 160
_STEPS: Final = 24
_SESSIONS: Final = 5


class _Walk:
    """One walk.

    Attributes:
        resident: the runtime and its model.
        cores: the sessions, of which the first two have the default core.
        writer: an actor that is no session.
        now: the time of the last request.
    """

    def __init__(self, trial: Trial, fmt: Format, drawn: Tape) -> None:
        self.resident = Resident(trial, fmt)
        self.tape = drawn
        self.writer = self.resident.born(b"writer")
        self.nonces = [bytes([number]) * 32 for number in range(2)]
        self.cores = [self.resident.residency.default_core(nonce) for nonce in self.nonces]
        self.cores += [self.resident.puppet(b"%d" % number) for number in range(_SESSIONS - 3)]
        self.cores.append(self.resident.puppet(b"foreign", self.writer))
        self.waits: set[bytes] = set()
        self.now = 1_000

    def go(self) -> None:
        """Make one request."""
        moves: tuple[Callable[[bytes], object], ...] = (
            self._open,
            self._prepare,
            self._say,
            self._archive,
            self._restore,
            self._restore,
            self._ack,
            self._sweep,
            self._limits,
            self._close,
            self._percent,
            self._restart,
            self._write,
            self._abandon,
            self._inject,
        )
        self.now = max(0, self.now + self.tape.pick((10, 1, 0, 1_000, -500)))
        self.tape.pick(moves)(self.tape.pick(self.cores))
        self.resident.run()
        self.waits = {one for one in self.waits if self.resident.model.mailroom.is_away(one)}

    def _open(self, session: bytes) -> None:
        if session in self.cores[:2]:
            self.resident.prepare(None, self.now, nonce=self.nonces[self.cores.index(session)])
        else:
            self.resident.open(session, self.now)

    def _prepare(self, session: bytes) -> None:
        self.resident.prepare(session, self.now)

    def _say(self, session: bytes) -> None:
        """Send a program that makes a puppet write to the agent, seldom to another actor."""
        to = self.writer if self.tape.once_in(6) else None
        self.resident.send(session, self.resident.says(to), self.now, stamp=self.now + self.tape.pick((0, -7, 7)))

    def _abandon(self, session: bytes) -> None:
        self.resident.send(session, self.resident.stage.blob(b""), self.now, self.tape.pick(("abandon", "commit")))

    def _archive(self, session: bytes) -> None:
        self.resident.archive(session, self.now)

    def _restore(self, session: bytes) -> None:
        self.resident.restore(session, self.now)

    def _ack(self, session: bytes) -> None:
        self.resident.mail()
        self.resident.ack_all()

    def _sweep(self, session: bytes) -> None:
        self.resident.sweep(self.now + self.tape.pick((100, 0, 1_000)))

    def _limits(self, session: bytes) -> None:
        pick = self.tape.pick
        self.resident.limits(pick((2, 1, 3)), pick((50, 0, 1, 500)), pick((5, 0, 500)))

    def _close(self, session: bytes) -> None:
        if self.tape.once_in(3):
            self.resident.close_session(session, self.now)

    def _percent(self, session: bytes) -> None:
        self.resident.percent(session, self.tape.pick((0, 50, 100, 101)), self.now)

    def _restart(self, session: bytes) -> None:
        self.resident.restart()

    def _write(self, session: bytes) -> None:
        """Make an actor write to a session; at most one message waits for each, so that there is one way to read."""
        if session not in self.waits and session in self.resident.model.mailroom.heads:
            self.resident.tell(self.writer, self.resident.says(session))
        elif session not in self.waits and self.resident.model.mailroom.is_away(session):
            self.waits.add(session)
            self.resident.tell(self.writer, self.resident.says(session))

    def _inject(self, session: bytes) -> None:
        if session not in self.waits and self.resident.model.mailroom.is_away(session):
            self.waits.add(session)
            self.resident.inject(session, self.resident.says(), "note")


def walked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Requests about sessions in any order have the replies, references, notices and heads that the text defines."""
    walk = _Walk(trial, fmt, tape)
    for _ in range(_STEPS):
        walk.go()
    walk.resident.judge(rule=_RULE)


PROPERTIES: Final = in_each_format(
    "session/residency/walk", walked, _RULE, given=tape(_LENGTH), features=("external",), cost=60, examples=30
)
