"""Histories of sessions: what a runtime exports is legal by itself, without a model that follows it."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export, export
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.properties.session.resident import HELLO
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "session.history.residency"
_BOUND: Final = "session.capacity.bound"
_ANY: Final[dict[str, Json]] = {"$": "any"}


class _Plain:
    """A runtime of the subject, of which the suite knows what was replied."""

    def __init__(self, trial: Trial, fmt: Format) -> None:
        self.trial = trial
        opening = {"store": "s", "format": fmt.name, "backend": "memory", "create": True}
        trial.expect("grit.open", opening, ok())
        started = trial.expect("runtime.start", start_args(StartOptions()), ok(agent=_ANY))
        self.agent = str(started["agent"])
        self.at = 1_000

    def ask(self, word: str, answer: dict[str, Json], **args: Json) -> dict[str, Json]:
        """Make a request about sessions; return what was replied."""
        self.at += 1_000_000
        rest = {"runtime": "r", "at": self.at, **args}
        return self.trial.expect(f"session.{word}", rest, ok(**answer), rule=_RULE)

    def prepare(self, session: str | None) -> str:
        """Prepare a turn, of a new session if none is named; return the session."""
        answer = {"session": _ANY, "turn": _ANY, "prepared": _ANY}
        return str(self.ask("prepare", answer, session=session, request=to_base64(HELLO))["session"])

    def read(self) -> None:
        """Acknowledge all mail."""
        for sender, message in self.trial.expect("runtime.mail", {"runtime": "r"}, ok(mail=_ANY))["mail"]:
            self.trial.expect("runtime.ack", {"runtime": "r", "sender": sender, "message": message}, ok())

    def heads(self) -> set[str]:
        """Return the names of the heads of actors other than the agent."""
        args = {"store": "s", "prefix": "heads/", "after": None, "limit": 4096}
        listed = self.trial.expect("grit.refs", args, ok(refs=_ANY, more=False))["refs"]
        return {name for name, _ in listed} - {f"heads/{self.agent}"}

    def count_live(self, most: int) -> None:
        """Check that at most so many sessions are live."""
        found = len(self.heads())
        if found > most:
            self.trial.fail(f"at most {most}", found, path="refs", words="too many live sessions", rule=_BOUND)

    def judge(self) -> None:
        """Check the history in the store."""
        check_export(self.trial, export(self.trial), at_rest=True, known=StoreFacts(is_whole=False))


def recorded(trial: Trial, fmt: Format) -> None:
    """After each archive, restore and close the references are those that the notices record."""
    plain = _Plain(trial, fmt)
    sessions = [plain.prepare(None) for _ in range(3)]
    plain.read()
    plain.judge()
    for session in sessions:
        plain.ask("archive", {"step": _ANY}, session=session)
        plain.judge()
    plain.ask("progress", {}, session=sessions[0], progress=to_base64(b'{"percent":7}'))
    for session in sessions[:2]:
        plain.ask("restore", {"step": _ANY}, session=session)
        plain.judge()
    for session in sessions[1:]:
        plain.ask("close", {"step": _ANY}, session=session)
        plain.judge()
    plain.ask("sweep", {"archived": [sessions[0]]})
    plain.judge()


def bounded(trial: Trial, fmt: Format) -> None:
    """After each open and restore at most the limit of sessions is live, whichever of them are."""
    plain = _Plain(trial, fmt)
    trial.expect("session.limits", {"runtime": "r", "max_live": 2, "idle_ms": 0, "lease_ms": 1}, ok())
    sessions = []
    for _ in range(5):
        sessions.append(plain.prepare(None))
        plain.read()
        plain.count_live(2)
    heads = plain.heads()
    for session in [one for one in sessions if f"heads/{one}" not in heads]:
        plain.ask("restore", {"step": _ANY}, session=session)
        plain.count_live(2)


PROPERTIES: Final = (
    *in_each_format("session/history/recorded", recorded, _RULE),
    *in_each_format("session/admission/bounded", bounded, _BOUND),
)
