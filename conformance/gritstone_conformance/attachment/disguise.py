"""The disguise of a run with ``--blind``: names that the suite chooses are drawn from the seed.

A handle means nothing but itself and occurs in no reply, so every handle can be replaced on its way to the
implementation. Names with a meaning (references, agents) are in objects and their ids, so they stay.

Spec: :rule:`suite.request.blind`.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

from gritstone_conformance.replies import Json

__all__ = ["disguised", "drawn_client", "drawn_word"]

_HANDLE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MEMBERS: Final = ("store", "runtime")
"""The arguments that are handles."""
_LEAST_LETTERS: Final = 8


@lru_cache(maxsize=4096)
def drawn_word(seed: int, word: str) -> str:
    """Return a word of at least 8 letters, and as long as ``word``; different words have different results."""
    digest = hashlib.shake_256(f"{seed}:name:{word}".encode()).digest(max(len(word), _LEAST_LETTERS))
    return "".join(chr(ord("a") + byte % 26) for byte in digest)


def drawn_client(seed: int) -> str:
    """Return the name and version of a client, for ``hello``."""
    digits = hashlib.sha256(f"{seed}:version".encode()).digest()
    return f"{drawn_word(seed, 'client')} {digits[0] % 10}.{digits[1] % 20}.{digits[2] % 20}"


def disguised(seed: int, args: dict[str, Json]) -> dict[str, Json]:
    """Return arguments with other handles; what is not a valid handle stays."""
    changed = {
        name: drawn_word(seed, value)
        for name in _MEMBERS
        if type(value := args.get(name)) is str and _HANDLE.fullmatch(value)
    }
    return {**args, **changed} if changed else args
