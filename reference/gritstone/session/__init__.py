"""Sessions: conversations of a language-model agent, kept as actors.

The guest: ``json_text`` reads and writes JSON, ``talk`` reads and writes the state in a core, ``turns`` prepares turns
and reads responses, and ``guest`` is the code.

The host: ``standing`` finds where a session is, ``usage`` when it was used, ``moving`` archives, restores and closes,
``opening`` makes first steps, ``notices`` reports to the agent, and ``residency`` has the operations.

``sessions``, ``outcomes`` and ``tools`` are for programs that keep conversations.

Spec: ``session``.
"""

from gritstone.session.guest import SESSIONS
from gritstone.session.outcomes import Call, Calls, Final, Retry, SessionRefused, Turn
from gritstone.session.residency import Residency
from gritstone.session.sessions import Chat, Sessions
from gritstone.session.tools import Tool

__all__ = [
    "SESSIONS",
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
