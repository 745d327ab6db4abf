"""The strategies draw the values that they promise."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gritstone_conformance.model.bundle import read
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.grammar import check_key, check_name, check_reference, check_value
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import KINDS, kind_of
from gritstone_conformance.strategies import graphs, objects, texts
from gritstone_conformance.strategies.bundle_faults import BUNDLE_FAULTS
from gritstone_conformance.strategies.cbor_faults import CBOR_FAULTS
from gritstone_conformance.strategies.edits import edit
from gritstone_conformance.strategies.faults import Fault
from gritstone_conformance.strategies.framed_faults import FRAMED_FAULTS
from gritstone_conformance.strategies.items import parse, render
from gritstone_conformance.strategies.tape import Tape

FAULTS = [(FORMATS["framed-sha256"], fault) for fault in FRAMED_FAULTS]
FAULTS += [(FORMATS["cbor-blake3"], fault) for fault in CBOR_FAULTS]


def tapes(count: int, length: int = 96) -> list[Tape]:
    """Return the tape of zeros, on which every choice is the simplest one, and others."""
    source = random.Random(count)
    return [Tape(bytes(length)), Tape(b""), *(Tape(source.randbytes(length)) for _ in range(count))]


def test_tape_of_zeros_takes_the_first_choice() -> None:
    tape = Tape(bytes(4))
    assert (tape.below(9), tape.within(3, 5), tape.pick("abc"), tape.once_in(4)) == (0, 3, "a", False)
    assert tape.take(3) == bytes(3)
    assert Tape(b"\1\2").turned(1).data == b"\2\1"


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_object_has_an_encoding(fmt: Format, kind: str) -> None:
    for tape in tapes(300):
        value = objects.build(tape, fmt.name, kind)
        assert kind_of(value) == kind
        data = fmt.encode(value)
        assert fmt.encode(fmt.decode(data)) == data
        assert fmt.encode(objects.shuffled(tape, value)) == data


def test_objects_reach_the_lengths_at_which_encodings_change(fmt: Format) -> None:
    names: Counter[int] = Counter()
    counts: Counter[int] = Counter()
    for tape in tapes(3000):
        entries = objects.build(tape, fmt.name, "tree").entries  # type: ignore[union-attr]
        counts[len(entries)] += 1
        names.update(len(str(name).encode()) for name, _ in entries)
    assert {1, 2, 23, 24, 254, 255} <= set(names)
    assert any(count > 23 for count in counts)


def test_valid_texts_are_valid_and_invalid_ones_invalid(fmt: Format) -> None:
    for tape in tapes(2000, 24):
        assert not check_name(texts.name(tape, fmt.name), fmt.name)
        assert not check_value(texts.value(tape, fmt.name), fmt.name)
        assert not check_key(texts.key(tape))
        assert not check_reference(texts.reference(tape))
        assert check_name(texts.bad_name(tape, fmt.name), fmt.name)
        assert check_value(texts.bad_value(tape, fmt.name), fmt.name)
        assert check_key(texts.bad_key(tape, empty=True))
        assert check_reference(texts.bad_reference(tape))


@pytest.mark.parametrize(("fmt", "fault"), FAULTS, ids=[f"{fmt.name}-{each.rule}-{each.slug}" for fmt, each in FAULTS])
def test_every_fault_is_rejected_with_one_class(fmt: Format, fault: Fault) -> None:
    for tape in tapes(15 if fault.rule == "grit.cbor.depth" else 150, 80):
        spoiled = fault.spoil(tape, fmt, objects.build)
        assert fmt.encode(fmt.decode(spoiled.good)) == spoiled.good
        with pytest.raises(Refusal) as refused:
            fmt.decode(spoiled.bad)
        if fault.rule != "grit.cbor.depth":
            assert len(refused.value.kinds) == 1, refused.value


def test_every_rule_about_bytes_has_a_fault() -> None:
    framed, cbor = ({fault.rule for fault in faults} for faults in (FRAMED_FAULTS, CBOR_FAULTS))
    assert {"grit.framed.header", "grit.framed.length", "grit.framed.fill", "grit.framed.terminator"} <= framed
    assert {f"grit.cbor.{slug}" for slug in ("shape", "shortest", "definite", "map-order", "plain", "utf8")} <= cbor
    assert {"grit.tree.key-order", "grit.mailbox.key-unique", "grit.id.zero", "grit.step.fields"} <= framed & cbor


def test_edited_bytes_are_rejected_or_round_trip(fmt: Format) -> None:
    seen: Counter[str] = Counter()
    for tape in tapes(2000):
        data = edit(tape, fmt.encode(objects.build(tape, fmt.name)))
        try:
            assert fmt.encode(fmt.decode(data)) == data
            seen["ok"] += 1
        except Refusal as refusal:
            seen.update(refusal.kinds)
    assert min(seen[word] for word in ("ok", "malformed", "invalid")) > 100


def test_items_round_trip() -> None:
    fmt = FORMATS["cbor-blake3"]
    for tape in tapes(300):
        data = fmt.encode(objects.build(tape, fmt.name))
        assert render(parse(data)) == data


def test_graphs_are_closed_and_have_every_kind(fmt: Format) -> None:
    kinds: Counter[str] = Counter()
    spaces: Counter[str] = Counter()
    for tape in tapes(300, graphs.GRAPH_TAPE):
        graph = graphs.build(tape, fmt)
        store = Store(fmt)
        graph.fill(store)
        assert store.export() == graph.bundle()
        assert "ok" in Store(fmt).import_(graph.bundle())
        kinds.update(kind_of(graph.values[identity]) for identity in graph.reached())
        spaces.update(name.split("/")[0] for name in graph.references)
    assert set(kinds) == set(KINDS)
    assert {"heads", "failed", "actors", "runtime", "tags", "gone"} <= set(spaces)


@pytest.mark.parametrize("rule", BUNDLE_FAULTS)
def test_faults_of_bundles_are_rejected(fmt: Format, rule: str) -> None:
    for fault in BUNDLE_FAULTS[rule]:
        refusals = 0
        for tape in tapes(60, graphs.GRAPH_TAPE + 32):
            graph = graphs.build(tape, fmt, size=5)
            try:
                read(fault(tape, graph), fmt, object_bytes=1 << 20, tree_depth=1024)
            except Refusal:
                refusals += 1
        assert refusals > 40, fault.__name__  # a swap of one frame with itself, for example, is not a fault
