"""The rungs of sessions in ``gritstone doctor``: a first turn, an archive, a restore. They are golden vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung, right_step
from gritstone_conformance.replies import Claims

__all__ = ["session_rungs"]

_SUFFIXES: Final = {"framed-sha256": "", "cbor-blake3": "-in-cbor"}


_CLOSED: Final = right_step("grit.close", {"store": "s"})
_HOST: Final = (
    (
        "open",
        "plain-text",
        "opens",
        "one update sends the genesis message and sets the first step",
    ),
    ("archive", "form", "archives", "`heads/S` becomes `archived/S`, and one step of the agent sends the notice"),
    (
        "restore",
        "released",
        "restores",
        "the head is the archived step, and the agent has the entries of that step",
    ),
)
"""Topic and name of a vector, the name of its rung, and the advice."""


def session_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of sessions that the claims allow, in order: those of the guest, then those of the host."""
    vectors = GoldenSteps("session")
    formats = [(fmt, suffix) for fmt, suffix in _SUFFIXES.items() if fmt in claims.formats]
    if "wit" in claims.profiles and "session.guest" in claims.features:
        for fmt, suffix in formats:
            yield from _guest(vectors, fmt, suffix)
    if "session" in claims.profiles and "external" in claims.features:
        for fmt, suffix in formats:
            for topic, name, rung, words in _HOST:
                yield Rung(f"{rung} {fmt}", (*vectors.steps(topic, name + suffix), _CLOSED), words)


def _guest(vectors: GoldenSteps, fmt: str, suffix: str) -> Iterator[Rung]:
    words = "the first step: the core as sent, and the reply `opened` with the id of the tree `session`"
    yield Rung(f"session {fmt}", (*vectors.steps("genesis", f"plain{suffix}"), _CLOSED), words)
    words = "a commit appends both messages; the prepared turn is canonical JSON, and its id is the turn"
    yield Rung(f"turn {fmt}", (*vectors.steps("prepare", f"with-nothing{suffix}"), _CLOSED), words)
    words = "a call opens, its result is stored under its id, and the next prepared turn lists both"
    yield Rung(f"tools {fmt}", (*vectors.steps("result", f"same-tool-twice{suffix}"), _CLOSED), words)
