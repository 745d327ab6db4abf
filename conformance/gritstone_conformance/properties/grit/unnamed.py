"""Arguments that name nothing: an id of 64 zeros, and a handle that is not bound."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_ZERO: Final = "grit.id.zero"
_OPEN: Final = "grit.store.open"
_NOTHING: Final = bytes(32)


def zero_arguments(trial: Trial, fmt: Format) -> None:
    """An argument of 64 zeros is the id of an object that is not stored: it is absent, and it is not none."""
    pair = open_memory(trial, fmt)
    data = fmt.encode(Blob((), b"kept"))
    kept = fmt.hash(data)
    pair.expect(pair.put(data), pair.point("tags/kept", kept))
    asked = [
        pair.get(_NOTHING),
        pair.has([_NOTHING, kept, _NOTHING]),
        pair.put(data, _NOTHING),
        pair.prune([_NOTHING]),
        pair.cas(Change("tags/kept", kept, _NOTHING)),
        pair.cas(Change("tags/kept", _NOTHING, kept)),
        pair.cas(Change("tags/kept", _NOTHING, None)),
        pair.cas(Change("tags/new", None, _NOTHING)),
        pair.cas(Change("tags/new", _NOTHING, kept)),
        pair.cas(Change("tags/new", _NOTHING, None)),
        pair.cas(Change("tags/new", _NOTHING, _NOTHING)),
    ]
    if "erase" in trial.claims.features:
        asked.append(pair.erase(_NOTHING))
    if "damage" in trial.claims.features:
        asked.append(pair.damage(_NOTHING, 0, 1))
    pair.expect(*asked, pair.refs(), pair.get(kept), rule=_ZERO)


def unbound_first(trial: Trial, fmt: Format) -> None:
    """A request on a handle that is not bound is missing, whatever else is wrong with it."""
    pair = open_memory(trial, fmt)
    pair.expect(pair.close())
    zero = _NOTHING.hex()
    change: dict[str, Json] = {"name": "no name", "old": zero, "new": zero}
    wrong: list[tuple[str, dict[str, Json]]] = [
        ("grit.put", {"bytes": ""}),
        ("grit.put", {"bytes": to_base64(fmt.encode(Blob((), b""))), "id": zero}),
        ("grit.cas", {"changes": [change, change]}),
        ("grit.cas", {"changes": [change] * (pair.model.limits.cas_names + 1)}),
        ("grit.export", {"names": ["no name"], "cursor": None}),
        ("grit.export", {"cursor": "never returned"}),
        ("grit.import", {"bytes": "", "more": False}),
        ("grit.import", {"bytes": "", "more": True}),
        ("grit.prune", {"pins": [zero]}),
    ]
    if "erase" in trial.claims.features:
        wrong.append(("grit.erase", {"id": zero}))
    if "wit" in trial.claims.profiles:
        step: dict[str, Json] = {"actor": zero, "head": zero, "inbox": [], "attempt": 1}
        wrong += [
            ("wit.step", step),
            ("wit.unread", {"tip": zero, "cursor": zero}),
            ("wit.merge", {"core": zero, "update": zero}),
            ("wit.query", {"step": zero, "name": "", "args": ""}),
        ]
    missing: dict[str, Json] = {"refused": "missing"}
    asked: list[Asked] = [(op, {"store": pair.handle, **args}, missing, _OPEN) for op, args in wrong]
    pair.expect(*asked)


PROPERTIES: Final = (
    *each_format("id/zero-arguments", zero_arguments, _ZERO),
    *each_format("store/unbound-first", unbound_first, _OPEN),
)
