"""Exports and listings of implementations that violate the rules: each is reported as what it is."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.comparing.handovers import HANDOVERS, run_handovers
from gritstone_conformance.comparing.matrix import Implementation, Matrix, Stuck
from gritstone_conformance.comparing.resuming import run_matrix
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.pieces import Endless, joined_pieces
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties.grit import sharing
from gritstone_conformance.properties.runtime import crashes, queries
from gritstone_conformance.properties.runtime.judging import export
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.journeys import JOURNEYS
from gritstone_conformance.trial import Divergence, Trial

CBOR = FORMATS["cbor-blake3"]


class GivesCursors(ModelHost):
    """A model whose exports have no end."""

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        return ok(bytes="", cursor="more") if op == "grit.export" else super()._answer(op, args)


class ListsBackwards(ModelHost):
    """A model that lists references in descending order."""

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        answer = super()._answer(op, args)
        return ok(**{**answer["ok"], "refs": answer["ok"]["refs"][::-1]}) if op == "grit.refs" else answer

    def spawn(self) -> ListsBackwards:
        return type(self)(self.world)


def test_pieces_are_joined_in_order() -> None:
    pieces: dict[str | None, tuple[bytes, str | None]] = {None: (b"a", "1"), "1": (b"", "2"), "2": (b"bc", None)}

    def ask(cursor: str | None) -> dict[str, Json]:
        data, further = pieces.pop(cursor)
        return {"bytes": to_base64(data), "cursor": further}

    assert joined_pieces(ask) == b"abc"
    assert not pieces


@pytest.mark.rule("suite.bounds.each")
@pytest.mark.parametrize(("size", "most"), [(0, 1_024), (1, 1_024), (1 << 20, 257)])
def test_export_without_end_is_aborted(size: int, most: int) -> None:
    asked: list[Any] = []
    data = to_base64(bytes(size))

    def ask(cursor: str | None) -> dict[str, Json]:
        asked.append(cursor)
        return {"bytes": data, "cursor": "more"}

    with pytest.raises(Endless, match=f"no end after {most} pieces"):
        joined_pieces(ask)
    assert len(asked) == most


@pytest.mark.rule("suite.bounds.each")
def test_export_without_end_fails_the_case_and_the_matrix() -> None:
    subject = GivesCursors()
    opened = {"store": "s", "format": CBOR.name, "backend": "memory", "create": True}
    subject.ask("grit.open", opened)
    with pytest.raises(Divergence) as caught:
        export(Trial(subject, "runtime.history.bundle"))
    assert (caught.value.rule, caught.value.difference.signature) == ("runtime.history.bundle", "pieces without end")
    with pytest.raises(Stuck, match="no end after"):
        Implementation(subject, "the model").carry("s")  # type: ignore[arg-type]


class AnswersAsToAFile(ModelHost):
    """A model that reports the size of its export and returns no bytes."""

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        return ok(size=1, digest="0" * 64) if op == "grit.export" else super()._answer(op, args)


def test_export_without_bytes_stops_the_matrix() -> None:
    subject = AnswersAsToAFile()
    subject.ask("grit.open", {"store": "s", "format": CBOR.name, "backend": "memory", "create": True})
    with pytest.raises(Stuck, match="an export to a file"):
        Implementation(subject, "the model").carry("s")  # type: ignore[arg-type]


class InventsSteps(GuestHost):
    """A model that invents the ids of its steps, and exports and imports an invalid bundle."""

    made = 0

    def spawn(self) -> InventsSteps:
        return type(self)(self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        if op == "wit.step":
            self.made += 1
            return ok(step=f"{self.made:064x}")
        invented = {
            "grit.export": ok(bytes=to_base64(b"none"), cursor=None),
            "grit.import": ok(objects=0, refs=0),
            "grit.cas": ok(),
        }
        return invented.get(op) or super()._answer(op, args)


def test_exports_without_the_differing_object_are_compared() -> None:
    hosts = [Implementation(InventsSteps(), "one"), Implementation(InventsSteps(), "other")]  # type: ignore[arg-type]
    hosts[1].subject.made = 100  # type: ignore[attr-defined]
    matrix = run_matrix(hosts, [CBOR], JOURNEYS[:1])
    assert "the export is incomplete" in matrix.differences[0].words


class HidesHeads(ModelHost):
    """A model that lists no head of any actor."""

    def spawn(self) -> HidesHeads:
        return type(self)(self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        return ok(refs=[], more=False) if args.get("prefix") == "heads/" else super()._answer(op, args)


def test_missing_head_fails_the_case_that_reads_it() -> None:
    subject = HidesHeads()
    (prop,) = (each for each in queries.PROPERTIES if each.name == "runtime/query/meanwhile-cbor")
    with pytest.raises(Divergence) as caught:
        prop.body(Trial(subject, prop.rules[0], subject.spawn))
    assert caught.value.rule == "runtime.query.monotone"


class ListsAnOddHead(ModelHost):
    """A model that lists an extra head of an object that is not an actor."""

    def spawn(self) -> ListsAnOddHead:
        return type(self)(self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        answer = super()._answer(op, args)
        if op != "grit.refs" or "ok" not in answer:
            return answer
        return ok(refs=[["heads/nobody", "0" * 64], *answer["ok"]["refs"]], more=False)


def test_head_of_an_unknown_actor_fails_the_case_that_lists_it() -> None:
    subject = ListsAnOddHead()
    (prop,) = (each for each in crashes.PROPERTIES if each.name == "runtime/crash/living-cbor")
    with pytest.raises(Divergence) as caught:
        prop.body(Trial(subject, prop.rules[0], subject.spawn))
    assert (caught.value.rule, caught.value.difference.expected) == ("runtime.recover.step", "heads/nobody")


class ExportsHalfALine(ModelHost):
    """A model whose bundles have a reference line without a target."""

    def spawn(self) -> ExportsHalfALine:
        return type(self)(self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        half = ok(bytes=to_base64(b"grit\nref tags/a\n\n"), cursor=None)
        return half if op == "grit.export" else super()._answer(op, args)


def test_incomplete_reference_line_fails_the_case_that_reads_it() -> None:
    subject = ExportsHalfALine()
    (prop,) = (each for each in sharing.PROPERTIES if each.name == "grit/shared/readers-cbor")
    with pytest.raises(Divergence) as caught:
        prop.body(Trial(subject, prop.rules[0], subject.spawn))
    assert caught.value.rule == "grit.ref.snapshot"


def test_references_in_another_order_are_a_difference() -> None:
    matrix = Matrix(("A", "B"))
    hosts = [Implementation(ModelHost(), "one"), Implementation(ListsBackwards(), "other")]  # type: ignore[arg-type]
    run_handovers(matrix, hosts, [CBOR], HANDOVERS[:1])
    words = {(each.source, each.target): each.words for each in matrix.differences}
    assert words["B", "B"] == words["A", "B"] == words["B", "A"] == "the same references in another order"
    assert ("A", "A") not in words
