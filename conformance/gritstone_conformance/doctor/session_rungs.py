"""The rungs of sessions in ``gritstone doctor``: the first turn of a conversation. The requests are golden vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung, right_step
from gritstone_conformance.replies import Claims

__all__ = ["session_rungs"]

_SUFFIXES: Final = {"framed-sha256": "", "cbor-blake3": "-in-cbor"}


def session_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of the guest of sessions that the claims allow, in order."""
    if "wit" not in claims.profiles or "session.guest" not in claims.features:
        return
    vectors = GoldenSteps("session")
    closed = right_step("grit.close", {"store": "s"})
    for fmt, suffix in _SUFFIXES.items():
        if fmt in claims.formats:
            opened = vectors.steps("genesis", f"plain{suffix}")
            words = "the first step: the core as sent, and the reply `opened` with the id of the tree `session`"
            yield Rung(f"session {fmt}", (*opened, closed), words)
            words = "a commit appends both messages; the prepared turn is canonical JSON, and its id is the turn"
            yield Rung(f"turn {fmt}", (*vectors.steps("prepare", f"with-nothing{suffix}"), closed), words)
            words = "a call opens, its result is stored under its id, and the next prepared turn lists both"
            yield Rung(f"tools {fmt}", (*vectors.steps("result", f"same-tool-twice{suffix}"), closed), words)
