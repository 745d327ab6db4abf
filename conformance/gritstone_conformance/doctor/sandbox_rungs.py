"""The rungs of ``sandbox`` in ``gritstone doctor``: one small probe each, in the first ABI that the host claims.

The requests are golden vectors. Rungs of features come after the others, each only if its feature is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.attachment.claims import FEATURES
from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung
from gritstone_conformance.replies import Claims

__all__ = ["sandbox_rungs"]

_PREFIX: Final = "sandbox.abi."
_OUTPUT: Final = {
    "memory": "`output` is the n bytes from address 16 of the exported memory; n is the u32 at address 8",
    "wasi": "`output` is the bytes of standard output; `_start` that returns or exits with 0 is `done`",
    "extism": "`output` is the output of the plug-in's call; a `run` that returns 0 is `done`",
    "grit": "`output` is the data of the blob `out` of the new core",
}
_DIED: Final = "this module must not end or block the process of the sandbox: catch the error of the engine"
_BLOCKED: Final = "this request is answered at once: find the call of the sandbox that does not return"
_ENDLESS: Final = "this loop has no end: stop the call after `ms` milliseconds, or when its `fuel` is spent"
_OF_FEATURES: Final = (
    (
        "keep",
        "keep",
        "keep",
        "counts",
        "`again` calls the entry of the kept instance with its memory, globals and tables",
    ),
    ("close", "keep", "keep", "closed", "requests with a closed handle are refused with `missing`; others stay valid"),
    ("atomic", "atomic", "fail", "atomic", "restore memory, globals and tables after a call that is not `done`"),
    ("snapshot", "snapshot", "fork", "counts", "a snapshot is a copy, and each `resume` makes a new instance of it"),
    ("export", "export", "export", "same-process", "the bytes hold the whole state, and the module or its hash"),
)
"""Name of the rung, feature, topic and case of its vector, advice."""


def sandbox_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of ``sandbox`` that the claims allow, in order."""
    abis = [name.removeprefix(_PREFIX) for name in FEATURES if name.startswith(_PREFIX) and name in claims.features]
    if "sandbox" not in claims.profiles or not abis:
        return
    abi, vectors = abis[0], GoldenSteps("sandbox")
    yield from _of_runs(vectors, abi, claims)
    for name, feature, topic, case, advice in _OF_FEATURES:
        if _has(claims, feature):
            yield Rung(f"{name} {abi}", vectors.judging(topic, f"{abi}-{case}"), advice, _BLOCKED)


def _of_runs(vectors: GoldenSteps, abi: str, claims: Claims) -> Iterator[Rung]:
    defect = vectors.judging("module", f"{abi}-a-text")[1:]
    yield Rung(f"defect {abi}", defect, "bytes that are no module are `unresolved:module`, an outcome in `ok`", _DIED)
    counter = vectors.judging("run", f"{abi}-fresh")[:1]
    words = f"run the module and return its two words, 101 and 1, with the outcome `done`; {_OUTPUT[abi]}"
    yield Rung(f"run {abi}", counter, words, "run the module: it returns at once, and needs no more than the limits")
    topic, cause = ("trap", "divide-by-zero-i32-div-s-by-0") if _has(claims, "traps") else ("outcome", "divide-by-zero")
    trapped = vectors.judging(topic, f"{abi}-{cause}")[1:]
    words = "a trap is an outcome in `ok`: map the error of the engine by its code or class, never by its text"
    yield Rung(f"trap {abi}", trapped, words, _DIED)
    limited = (*vectors.judging("pages", f"{abi}-grown-to-16"), *vectors.judging("pages", f"{abi}-initial-beyond-16"))
    words = "`pages` of a request is the limit of the memory: it may grow to 16 pages, and may not begin with 17"
    yield Rung(f"limit {abi}", limited, words, _DIED)
    yield Rung(f"stop {abi}", vectors.judging("stop", f"{abi}-branch")[:1], _ENDLESS, _ENDLESS)


def _has(claims: Claims, feature: str) -> bool:
    return f"sandbox.{feature}" in claims.features
