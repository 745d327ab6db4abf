"""The guest half of the profile ``session``: the code ``external:session/1``.

From small to large: ``json_text`` (strict JSON that keeps the spelling of numbers), ``refused`` (how a request ends
without an effect), ``settings`` (configuration and tools), ``requests`` (headers, and the request of a turn),
``messages`` (the history), ``tree`` and ``loading`` (the entry ``session`` of a core, written and read),
``condensing``, ``preparing`` (the prepared turn), ``rows`` (responses of a model), ``committing``, ``results``,
``post`` (what is sent), ``asking``, ``desk`` (one message after the other) and ``law``.
"""

from __future__ import annotations
