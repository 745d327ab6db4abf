"""Condensing: old messages become lines of the summary.

Spec: ``session/condense``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gritstone_conformance.model.session.messages import Entry
from gritstone_conformance.model.session.tree import Session, Summary
from gritstone_conformance.model.shelf import Shelf

__all__ = ["condense"]

_LINE_CHARS: Final = 80
_BLANKS: Final = str.maketrans("\r\n", "  ")


def condense(shelf: Shelf, session: Session) -> Session:
    """Return the session as a new message of the user finds it; it is not counted as a change.

    Spec: :rule:`session.condense.conserve`, :rule:`session.condense.boundary`.
    """
    config = session.config
    if session.history - session.covered + 1 <= config.max_messages:
        return session
    entries = session.entries(shelf)
    end = _boundary(entries, session.history - config.keep - session.covered)
    if end is None:
        return session
    before = session.summary or Summary("", 0, 0)
    text = before.text + "".join(_line(entry) for entry in entries[:end] if entry is not None)
    covered = session.covered + end
    kept = text[max(0, len(text) - config.summary_chars) :]
    summary = Summary(kept, covered, before.version + 1)
    return replace(session, covered=covered, messages=session.messages[end:], summary=summary)


def _boundary(entries: list[Entry | None], last: int) -> int | None:
    """Return the last position, not the first, of a message of the user that is not behind ``last``."""
    users = [at for at, entry in enumerate(entries) if entry is not None and entry.role == "user"]
    return max((at for at in users if 0 < at <= last), default=None)


def _line(entry: Entry) -> str:
    return f"{entry.role}: {entry.text[:_LINE_CHARS].translate(_BLANKS)}\n"
