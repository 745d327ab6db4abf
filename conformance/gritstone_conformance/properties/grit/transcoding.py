"""Transcoding: the same graph in the other format, there and back."""

from __future__ import annotations

from functools import partial
from typing import Final

from gritstone_conformance.model.formats import CBOR_BLAKE3, Format, other_format
from gritstone_conformance.model.limits import FLOORS, Limits
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.transcode import MAPPED_SPACES, transcode
from gritstone_conformance.model.values import Blob, Message, Tree, to_base64
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.limits import blob_of
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.grit.registry import each_format, is_first
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.strategies import graphs, objects
from gritstone_conformance.strategies.bundle_faults import BUNDLE_FAULTS
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_TREE_BYTES: Final = 80  # of a request, for one nested tree


def asking(trial: Trial, data: bytes, source: Format, target: Format, rule: str | None = None) -> Asked:
    """Return ``grit.transcode`` of a bundle with the model's answer."""
    limits = Limits.of(trial.claims.limits)
    args = {"from": source.name, "to": target.name, "bundle": to_base64(data)}
    bounds = {"object_bytes": limits.object_bytes, "tree_depth": limits.tree_depth}
    try:
        answer = ok(bundle=to_base64(transcode(data, source, target, **bounds)))
    except Refusal as refusal:
        answer = refusal.expectation()
    return "grit.transcode", args, answer, rule


def there_and_back(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A transcoded bundle is the same graph in the other format, and transcoding it back gives the first bytes."""
    other, data = other_format(fmt), graph.bundle()
    limits = Limits.of(trial.claims.limits)
    there = transcode(data, fmt, other, object_bytes=limits.object_bytes, tree_depth=limits.tree_depth)
    back = asking(trial, there, other, fmt, "grit.transcode.round-trip")
    assert back[2] == ok(bundle=to_base64(data)), "the model itself must come back"
    same = asking(trial, data, fmt, fmt, "grit.transcode.shape")
    with relying(trial, partial(_carried, trial, fmt, data), "importing and exporting the bundle"):
        trial.expect_many([asking(trial, data, fmt, other, "grit.transcode.shape"), back, same])


def _carried(trial: Trial, fmt: Format, data: bytes) -> None:
    """A bundle that is imported into an empty store is exported again."""
    pair = open_memory(trial, fmt, "carried")
    pair.expect(*pair.take(data), rule="grit.bundle.bytes")
    pair.export(rule="grit.bundle.bytes")


def back_to_first_format(trial: Trial, fmt: Format, graph: Graph) -> None:
    """If a bundle is accepted, transcoding the result back to the first format gives exactly the first bytes."""
    other, data = other_format(fmt), to_base64(graph.bundle())
    there = {"from": fmt.name, "to": other.name, "bundle": data}
    with relying(trial, partial(_carried, trial, fmt, graph.bundle()), "importing and exporting the bundle"):
        given = trial.expect("grit.transcode", there, ok(bundle={"$": "any"}), rule="grit.transcode.shape")
        back = {"from": other.name, "to": fmt.name, "bundle": given.get("bundle", "")}
        trial.expect("grit.transcode", back, ok(bundle=data))


def ids_in_data_unchanged(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Ids in the data of a blob, in a header, in a name, or in the name of another space stay what they are."""
    graph = Graph(fmt)
    leaf = graph.add(Blob((), tape.take(4)))
    text = leaf.hex()
    inside = graph.add(Blob(((text, text), ("id", text)), leaf + text.encode()))
    tree = graph.add(Tree(((text, leaf), ("x", inside))))
    graph.references["tags/top"] = graph.add(Message(None, (("about", text), (text, "v")), tree))
    for space in (*MAPPED_SPACES[2:], "tags", "actors", "tombstones", "other"):
        target = tree if space == "actors" else tape.pick((leaf, inside, tree))
        graph.references[f"{space}/{tape.pick((leaf, inside, tree)).hex()}"] = target
    trial.expect_many([asking(trial, graph.bundle(), fmt, other_format(fmt))])


def text_outside_ascii(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A text outside ASCII makes transcoding to ``framed-sha256`` ``invalid``; the same graph without it is taken."""
    wide = tape.pick(("\u00e9", "a\u0301", "\U0001f600", "\u00a0", "caf\u00e9"))
    place = tape.below(3)
    for text in ("plain", wide):
        graph = Graph(fmt)
        leaf = graph.add(Blob((("k", text if place == 0 else "v"),), tape.take(1)))
        tree = graph.add(Tree(((text if place == 1 else "n", leaf),)))
        message = graph.add(Message(None, (("k", text if place == 2 else "v"),), tree))
        graph.references["tags/top"] = message
        trial.expect_many([asking(trial, graph.bundle(), fmt, other_format(fmt))])


def tombstones(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """A bundle that holds a tombstone cannot be transcoded: ``missing/erased``, whatever the two formats are."""
    store = Store(fmt, Limits.of(trial.claims.limits))
    graph.fill(store)
    reached = [identity for identity in graph.of_kind("blob") if identity in graph.reached()]
    data = store.export()
    whole = asking(trial, data, fmt, other_format(fmt), "grit.transcode.shape")
    if reached:
        store.erase(tape.pick(reached))
    erased = store.export()
    with relying(trial, partial(_carried, trial, fmt, data), "importing and exporting the bundle"):
        trial.expect_many([whole, asking(trial, erased, fmt, other_format(fmt)), asking(trial, erased, fmt, fmt)])


def ambiguous_names(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The name of a reference that stays but is an id of the new bundle is ``invalid``: going back would change it."""
    other = other_format(fmt)
    value = Blob((), tape.take(3))
    graph = Graph(fmt)
    target = graph.add(value)
    new = other.hash(other.encode(value)).hex()
    requests = []
    for space in (*MAPPED_SPACES[2:], "tags"):
        graph.references = {"tags/a": target, f"{space}/{new}": target}
        requests.append(asking(trial, graph.bundle(), fmt, other))
    graph.references = {f"gone/{target.hex()}": target, f"gone/{objects.identity(tape).hex()}": target}
    trial.expect_many([*requests, asking(trial, graph.bundle(), fmt, other)])


def not_a_bundle(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Transcoding verifies a bundle as import does, and is refused in the same way."""
    graph = graphs.build(Tape(tape.take(graphs.GRAPH_TAPE)), fmt, size=5, ascii_only=True)
    faults = [fault for several in BUNDLE_FAULTS.values() for fault in several]
    spoiled = [tape.pick(faults)(tape, graph) for _ in range(4)]
    other = other_format(fmt)
    requests = [asking(trial, data, fmt, other, "grit.bundle.exact") for data in spoiled]
    good = asking(trial, graph.bundle(), fmt, other, "grit.transcode.shape")
    foreign = asking(trial, graph.bundle(), other, fmt, "grit.bundle.format")
    trial.expect_many([good, *requests, foreign, good])


def long_and_deep(trial: Trial, fmt: Format) -> None:
    """Transcoding works on long chains and on trees nested up to ``tree_depth``, and deeper ones are ``exhausted``."""
    other = other_format(fmt)
    limit, room = trial.claims.limits["tree_depth"], trial.claims.limits["frame_bytes"]
    exact = is_first(trial, fmt) and limit * _TREE_BYTES < room
    deep = graphs.nested(fmt, limit if exact else FLOORS["tree_depth"])
    requests = [asking(trial, graphs.chain(fmt, 2_000).bundle(), fmt, other)]
    if exact:
        requests.append(asking(trial, deep.bundle(), fmt, other))
        (top,) = deep.references.values()
        deep.references["tags/deep"] = deep.add(Tree((("t", top),)))
    trial.expect_many([*requests, asking(trial, deep.bundle(), fmt, other)])


def longer_in_the_new_format(trial: Trial, fmt: Format) -> None:
    """An object that is longer than ``object_bytes`` in the new format is ``exhausted``; one of that length is not."""
    other = other_format(fmt)
    limit = trial.claims.limits["object_bytes"]
    requests = []
    for blob in (blob_of(fmt, limit), blob_of(other, limit)):
        graph = Graph(fmt)
        graph.references = {"tags/a": graph.add(blob)}
        requests.append(asking(trial, graph.bundle(), fmt, other))
    for request in requests:
        trial.expect_many([request])


_TRANSCODE: Final = ("transcode",)
_CARRIED: Final = "grit.bundle.bytes"

PROPERTIES: Final = (
    *each_format(
        *("transcode/there-and-back", there_and_back, "grit.transcode.shape", "grit.transcode.round-trip", _CARRIED),
        given=draws.graph(ascii_only=True),
        features=_TRANSCODE,
        examples=18,
        both=True,
    ),
    *each_format(
        *("transcode/back-again", back_to_first_format, "grit.transcode.round-trip", "grit.transcode.shape", _CARRIED),
        given=draws.graph(ascii_only=True),
        features=_TRANSCODE,
        examples=12,
        both=True,
    ),
    *each_format(
        *("transcode/opaque", ids_in_data_unchanged, "grit.transcode.opaque"),
        given=draws.tape(16),
        features=_TRANSCODE,
        examples=12,
        both=True,
    ),
    *each_format(
        *("transcode/unspeakable", text_outside_ascii, "grit.transcode.refuse"),
        given=draws.tape(4),
        features=_TRANSCODE,
        examples=9,
        formats=(CBOR_BLAKE3.name,),
        both=True,
    ),
    *each_format(
        *("transcode/tombstones", tombstones, "grit.transcode.refuse", "grit.transcode.shape", _CARRIED),
        given=draws.graph_and_tape(1, 4),
        features=_TRANSCODE,
        examples=9,
        both=True,
    ),
    *each_format(
        *("transcode/ambiguous-names", ambiguous_names, "grit.transcode.shape"),
        given=draws.tape(4),
        features=_TRANSCODE,
        examples=3,
        both=True,
    ),
    *each_format(
        *("transcode/not-a-bundle", not_a_bundle, "grit.bundle.exact", "grit.bundle.format", "grit.transcode.shape"),
        given=draws.tape(graphs.GRAPH_TAPE + 64),
        features=_TRANSCODE,
        examples=15,
        both=True,
    ),
    *each_format(
        *("transcode/long-and-deep", long_and_deep, "grit.graph.iterative"),
        features=_TRANSCODE,
        cost=700,
        both=True,
    ),
    *each_format(
        *("transcode/longer-than-allowed", longer_in_the_new_format, "grit.object.size-limit"),
        features=_TRANSCODE,
        cost=700,
        formats=(CBOR_BLAKE3.name,),
        both=True,
    ),
)
