"""State: requests act one at a time, and nothing leaks from one handle to another."""

from __future__ import annotations

from itertools import chain, zip_longest

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.harness.probe import DONE
from gritstone_conformance.properties.harness.samples import Sample, blob_of, format_of, opening
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]


def isolated(trial: Trial) -> None:
    """A reply depends only on the requests on its own handle: two stores in three orders answer the same."""
    fmt = format_of(trial.claims)
    one, other = blob_of(fmt, b"one"), blob_of(fmt, b"other")
    left, right = _script("s", fmt, one, other), _script("t", fmt, other, one)
    interleaved = [request for request in chain(*zip_longest(left, right)) if request is not None]
    for asked in (left + right, right + left, interleaved):
        trial.expect_many(asked)


def _script(store: str, fmt: Format, own: Sample, foreign: Sample) -> list[Asked]:
    """Return a life of a store in which each answer shows whether something of another store is seen."""
    of = {"store": store}
    listing: dict[str, Json] = {**of, "prefix": "", "after": None, "limit": 9}
    nothing: dict[str, Json] = {"ok": {"refs": [], "more": False}}
    return [
        (*opening(store, fmt), DONE),
        ("grit.has", {**of, "ids": [own.id, foreign.id]}, {"ok": {"has": [False, False]}}),
        ("grit.refs", listing, nothing),
        ("grit.put", {**of, "bytes": own.bytes}, {"ok": {"id": own.id}}),
        ("grit.has", {**of, "ids": [own.id, foreign.id]}, {"ok": {"has": [True, False]}}),
        ("grit.get", {**of, "id": foreign.id}, {"refused": "missing"}),
        ("grit.cas", {**of, "changes": [{"name": "tags/a", "old": None, "new": own.id}]}, DONE),
        ("grit.refs", listing, {"ok": {"refs": [["tags/a", own.id]], "more": False}}),
        ("grit.get", {**of, "id": own.id}, {"ok": {"bytes": own.bytes}}),
        ("grit.close", of, DONE),
        ("grit.close", of, {"refused": "missing"}),
    ]


def sequential(trial: Trial) -> None:
    """Pipelined requests have the effects and replies that they have one at a time."""
    fmt = format_of(trial.claims)
    asked: list[Asked] = []
    for number in range(8):
        asked += _dependent(f"s-{number}", fmt, blob_of(fmt, b"%d" % number))
    for request in asked:
        trial.expect_many([request])
    trial.expect_many(asked)


def _dependent(store: str, fmt: Format, blob: Sample) -> list[Asked]:
    """Return requests each of whose answers changes if it overtakes, or is overtaken by, its neighbour."""
    of = {"store": store}
    put: Asked = ("grit.put", {**of, "bytes": blob.bytes}, {"ok": {"id": blob.id}})
    has = ("grit.has", {**of, "ids": [blob.id]})
    cas = {"name": "tags/a", "old": None, "new": blob.id}
    back = {"name": "tags/a", "old": blob.id, "new": None}
    listing: dict[str, Json] = {**of, "prefix": "", "after": None, "limit": 9}
    return [
        (*has, {"refused": "missing"}),
        (*opening(store, fmt), DONE),
        (*has, {"ok": {"has": [False]}}),
        put,
        ("grit.get", {**of, "id": blob.id}, {"ok": {"bytes": blob.bytes}}),
        ("grit.refs", listing, {"ok": {"refs": [], "more": False}}),
        ("grit.cas", {**of, "changes": [cas]}, DONE),
        ("grit.refs", listing, {"ok": {"refs": [["tags/a", blob.id]], "more": False}}),
        ("grit.cas", {**of, "changes": [cas]}, {"refused": "rejected", "code": "conflict"}),
        ("grit.cas", {**of, "changes": [back]}, DONE),
        ("grit.refs", listing, {"ok": {"refs": [], "more": False}}),
        (*has, {"ok": {"has": [True]}}),
        ("grit.close", of, DONE),
        (*has, {"refused": "missing"}),
    ]


_GRIT = Requires(profiles=("grit",))
PROPERTIES = (
    Property("harness/state/isolated", ("harness.state.isolated",), isolated, requires=_GRIT, kind="wire"),
    Property("harness/state/sequential", ("harness.state.sequential",), sequential, requires=_GRIT, kind="wire"),
)
