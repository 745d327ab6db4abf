"""The mail of one flow that is not done.

Spec: ``flow/messages``; :rule:`runtime.agent.mail`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.flow.standing import Open
from gritstone.grit.objects import ObjectId
from gritstone.runtime.letters import Letter

__all__ = ["Channel"]


class Channel:
    """The mail of one flow that is not done.

    Attributes:
        flow: its id.
        tip: its last message; None if it sent none.
        status: its status.
        letters: its unread messages, oldest first.
        done: those of them that need nothing any more.
        answered: those whose answer is not stored yet.
        open: what the flow waits for.
        deadlines: the deadlines of the open timers, by packet; see ``deadlines``.
    """

    __slots__ = ("answered", "deadlines", "done", "flow", "letters", "open", "status", "tip")

    def __init__(self, flow: ObjectId) -> None:
        self.flow = flow
        self.tip: ObjectId | None = None
        self.status = ""
        self.letters: list[Letter] = []
        self.done: set[ObjectId] = set()
        self.answered: set[ObjectId] = set()
        self.open = Open({}, frozenset())
        self.deadlines: Mapping[ObjectId, int] = {}

    def cursor(self) -> ObjectId | None:
        """Return the last message before the first one that is not done."""
        last = None
        for letter in self.letters:
            if letter.message_id not in self.done:
                break
            last = letter.message_id
        return last

    def is_open(self, letter: Letter) -> bool:
        """Return whether a message still asks for something."""
        match letter.mt:
            case "flow.call":
                flight = self.open.calls.get(letter.content_id)
                attempt = letter.headers.get("attempt")
                return flight is not None and flight["phase"] == "called" and str(flight["attempt"]) == attempt
            case "flow.timer":
                return letter.content_id in self.open.timers
        return letter.mt == "flow.erase"
