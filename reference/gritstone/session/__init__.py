"""Sessions: conversations of a language-model agent, kept as actors.

``json_text`` reads and writes JSON, ``talk`` reads and writes the state in a core, ``turns`` prepares turns and reads
responses, and ``guest`` is the code.

Spec: ``session``.
"""

from gritstone.session.guest import SESSIONS

__all__ = ["SESSIONS"]
