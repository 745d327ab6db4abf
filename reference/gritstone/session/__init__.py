"""Sessions: conversations of a language-model agent, kept as actors.

The guest: ``json_text`` reads and writes JSON, ``talk`` reads and writes the state in a core, ``turns`` prepares turns
and reads responses, and ``guest`` is the code.

The host: ``standing`` finds where a session is, ``usage`` when it was used, ``moving`` archives, restores and closes,
``opening`` makes first steps, ``notices`` reports to the agent, and ``residency`` has the operations.

For programs that keep conversations: ``sessions`` and ``chat`` have the calls, ``serving`` carries out effects,
``channel`` reads the mail of sessions, ``carrying`` moves a session into a file and back, ``views`` reads a store,
``outcomes`` and ``tools`` have the values, and ``providers`` translates for the services of models.

The names below are loaded at their first use, because a host of guests alone needs no runtime.

Spec: ``session``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gritstone.session.guest import SESSIONS

if TYPE_CHECKING:
    from gritstone.session.chat import Chat
    from gritstone.session.outcomes import Answer, Call, Calls, Final, Retry, SessionRefused, Turn
    from gritstone.session.residency import Residency
    from gritstone.session.sessions import Sessions
    from gritstone.session.tools import Tool

__all__ = [
    "SESSIONS",
    "Answer",
    "Call",
    "Calls",
    "Chat",
    "Final",
    "Residency",
    "Retry",
    "SessionRefused",
    "Sessions",
    "Tool",
    "Turn",
]

_MODULES = {
    "Chat": "chat",
    "Residency": "residency",
    "Sessions": "sessions",
    "Tool": "tools",
    **dict.fromkeys(("Answer", "Call", "Calls", "Final", "Retry", "SessionRefused", "Turn"), "outcomes"),
}


def __getattr__(name: str) -> Any:
    """Load the module of a name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
