"""The notation of operations of images, and what is drawn of them."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.image.programs import read_program
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.image.cores import ImageStage
from gritstone_conformance.strategies.image.notation import TREES, parse
from gritstone_conformance.strategies.image.operations import OPERATION_TAPE, Cast, draw_operation
from gritstone_conformance.strategies.tape import Tape


def staged() -> tuple[ImageStage, dict[str, bytes]]:
    stage = ImageStage(Graph(FRAMED_SHA256))
    return stage, {name: stage.actor(name) for name in "ABCD"}


def program_of(stage: ImageStage, tree: bytes) -> bytes:
    value = stage.graph.values[tree]
    assert isinstance(value, Tree)
    blob = stage.graph.values[dict(value.entries)["program"]]
    assert isinstance(blob, Blob)
    return blob.data


def test_notation_spells_ops_in_order() -> None:
    stage, actors = staged()
    told = parse(stage, actors, "A{x=1 y+2 ~3 save B{!limit} !}")
    assert told.actor == "A"
    whole = b"W\x01x\x00\x011" + b"a\x01y" + (2).to_bytes(8) + b"n" + (3).to_bytes(4) + b"s\x00v\x03run\x01" + b"F"
    assert program_of(stage, told.program) == whole


@pytest.mark.parametrize("text", TREES)
def test_table_is_readable(text: str) -> None:
    stage, actors = staged()
    assert read_program(program_of(stage, parse(stage, actors, text).program), FRAMED_SHA256.name)


@pytest.mark.parametrize("text", ["A{x=1", "A{x}", "x=1", "A{join}"])
def test_notation_rejects_other_texts(text: str) -> None:
    stage, actors = staged()
    with pytest.raises((ValueError, IndexError)):
        parse(stage, actors, text)


@pytest.mark.parametrize("seed", range(20))
def test_drawn_roots_are_programs(seed: int) -> None:
    stage, actors = staged()
    tape = Tape(bytes((seed * 37 + place * place) % 256 for place in range(OPERATION_TAPE)))
    for root in draw_operation(tape, stage, Cast(tuple(actors.values()))):
        assert root.to in actors.values()
        assert read_program(program_of(stage, root.content), FRAMED_SHA256.name) is not None
