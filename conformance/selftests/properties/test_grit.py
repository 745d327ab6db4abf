"""The properties of ``grit``: the model passes them, and each planted fault is reported under its rule."""

from __future__ import annotations

import ast
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.bundle import scan, write
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.subject import ModelSubject
from gritstone_conformance.model.values import Blob, from_base64, from_json, to_base64
from gritstone_conformance.properties import load_properties
from gritstone_conformance.properties.grit import edges, scale
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import scan_rules
from gritstone_conformance.trial import Divergence, Property, Trial
from selftests.paths import SUITE
from selftests.properties.model_runs import SMALL, CrashingModel, run_on_model

PROPERTIES = [prop for prop in load_properties() if prop.name.startswith("grit/")]


@pytest.fixture(autouse=True)
def _smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce sizes that take seconds: the model is slow, and its own memory and speed are not judged."""
    monkeypatch.setattr(edges, "_CHAINS", (500, 2_000))
    monkeypatch.setattr(scale, "_MANY", 1_100)
    monkeypatch.setattr(scale, "_STREAMED", 2)
    monkeypatch.setattr(scale, "_NOISE_S", 1.0)


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, CrashingModel() if "fault.kill" in prop.requires.features else ModelSubject(limits=SMALL), 2)


def test_names_and_rules_are_sorted() -> None:
    known = {rule.id for rule in scan_rules(spec_dir())}
    names = [prop.name for prop in PROPERTIES]
    assert len(set(names)) == len(names)
    for prop in PROPERTIES:
        assert set(prop.rules) <= known, prop.name
        assert len(set(prop.rules)) == len(prop.rules), prop.name


def test_every_rule_of_grit_has_a_property() -> None:
    wanted = {rule.id for rule in scan_rules(spec_dir()) if rule.id.startswith("grit.")}
    assert wanted - {"grit.bundle.names", "grit.store.open"} <= {rule for prop in PROPERTIES for rule in prop.rules}, (
        "a rule has no property"
    )


@pytest.mark.rule("suite.oracle.independent")
def test_model_is_independent_of_the_reference() -> None:
    for path in SUITE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name == "gritstone" or name.startswith("gritstone.") for name in names), path


Answer = dict[str, Json]


class Planted(ModelSubject):
    """A model with one fault: ``answer`` is called first, and returns None to pass the request to the model."""

    def __init__(self, answer: Callable[[ModelSubject, str, dict[str, Any]], Answer | None], **rest: Any) -> None:
        super().__init__(limits=SMALL, **rest)
        self.answer = answer

    def spawn(self) -> Planted:
        return Planted(self.answer, world=self.world)

    def _answer(self, op: str, args: dict[str, Json]) -> Answer:
        wrong = self.answer(self, op, args)
        return super()._answer(op, args) if wrong is None else wrong


def store_of(subject: ModelSubject, args: dict[str, Any]) -> Any:
    return subject._handles[args["store"]].store


def takes_trailing_bytes(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op != "grit.decode" or args["format"] != "cbor-blake3":
        return None
    from gritstone_conformance.model.cbor import _Reader
    from gritstone_conformance.model.values import to_json

    data = from_base64(args["bytes"])
    try:
        return ok(object=to_json(_Reader(data).read()), id=FORMATS["cbor-blake3"].hash(data).hex())
    except Exception:  # noqa: BLE001 - the model answers if the reader raises
        return None


def refuses_all_alike(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    return refused("malformed") if op == "grit.decode" and _invalid(subject, args) else None


def _invalid(subject: ModelSubject, args: dict[str, Any]) -> bool:
    answer = ModelSubject().ask("grit.decode", args)
    return getattr(answer, "kind", "") == "invalid"


def keeps_insertion_order(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    """Encode trees of the framed format in the order in which the entries were given."""
    if op != "grit.encode" or args["format"] != "framed-sha256" or args["object"]["kind"] != "tree":
        return None
    entries = args["object"]["entries"]
    value = from_json(args["object"])
    try:
        good = FORMATS["framed-sha256"].encode(value)
    except Refusal:
        return None
    head = good[: good.index(b"\0") + 1]
    data = head + b"".join(name.encode() + b"\0" + bytes.fromhex(target) for name, target in entries)
    return ok(bytes=to_base64(data), id=FORMATS["framed-sha256"].hash(data).hex())


def last_write_wins(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op == "grit.cas":
        for change in args["changes"]:
            held = store_of(subject, args).references.get(change["name"])
            change["old"] = held.hex() if held else None
    return None


def changes_one_by_one(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op != "grit.cas" or len(args["changes"]) < 2:
        return None
    store = store_of(subject, args)
    for change in args["changes"]:
        old, new = (None if change[key] is None else bytes.fromhex(change[key]) for key in ("old", "new"))
        answer: Answer = store.cas([Change(change["name"], old, new)])
        if "ok" not in answer:
            return answer
    return ok()


def takes_dangling_targets(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op == "grit.cas" and len(args["changes"]) == 1 and args["changes"][0]["new"]:
        change = args["changes"][0]
        store, new = store_of(subject, args), bytes.fromhex(change["new"])
        if new not in store.objects and change["old"] is None and change["name"].startswith("tags/"):
            return ok()
    return None


def prunes_cores_only(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op != "grit.prune":
        return None
    return ok(removed=0)


def exports_the_whole_store(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op != "grit.export" or args.get("cursor") or "to" in args or "names" in args:
        return None
    store = store_of(subject, args)
    if store.closure(store.references.values()).defects:
        return None
    return ok(bytes=to_base64(write(store.format, store.references, store.objects)), cursor=None)


def ignores_the_digest(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op != "grit.import" or args.get("more") or "bytes" not in args:
        return None
    data, store = from_base64(args["bytes"]), store_of(subject, args)
    bundle = scan(data, store.format)
    if {defect.code for defect in bundle.defects} == {"digest"}:
        return ok(objects=bundle.objects, refs=len(bundle.references))
    return None


def sets_references_early(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op == "grit.import" and not args.get("more") and "bytes" in args:
        store = store_of(subject, args)
        bundle = scan(from_base64(args["bytes"]), store.format)
        if not bundle.defects:
            for name, target in bundle.references.items():
                store.references.setdefault(name, target)
    return None


def caches_a_miss(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    missed = subject.__dict__.setdefault("missed", set())
    if op == "grit.open":
        missed.clear()
    if op == "grit.get":
        if args["id"] in missed:
            return refused("missing")
        if bytes.fromhex(args["id"]) not in store_of(subject, args).objects:
            missed.add(args["id"])
    return None


def resurrects(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op == "grit.put":
        store = store_of(subject, args)
        store.tombstones.discard(store.format.hash(from_base64(args["bytes"])))
    return None


def erases_anything(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    return ok() if op == "grit.erase" and bytes.fromhex(args["id"]) in store_of(subject, args).objects else None


def trusts_the_disk(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    store = store_of(subject, args) if op == "grit.get" else None
    if store is not None and bytes.fromhex(args["id"]) in store.corrupt:
        return ok(bytes=to_base64(store.objects[bytes.fromhex(args["id"])]))
    return None


def transcodes_nothing(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    return ok(bundle=args["bundle"]) if op == "grit.transcode" else None


def reads_no_references(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    """Refuse each bundle with a reference."""
    data = (
        args.get("bundle" if op == "grit.transcode" else "bytes") if op in ("grit.transcode", "grit.import") else None
    )
    return refused("malformed") if data is not None and b"\nref " in from_base64(data) else None


def one_blob_for_all(subject: ModelSubject, op: str, args: dict[str, Any]) -> Answer | None:
    if op == "grit.get" and bytes.fromhex(args["id"]) not in store_of(subject, args).objects:
        fmt = store_of(subject, args).format
        return ok(bytes=to_base64(fmt.encode(Blob((), b""))))
    return None


FAULTS = [
    (takes_trailing_bytes, "grit.cbor.one-item", "cbor/*"),
    (refuses_all_alike, "grit.tree.key-order", "tree/*"),
    (refuses_all_alike, "grit.object.class", "object/edited-*"),
    (keeps_insertion_order, "grit.object.one-spelling", "object/one-spelling-framed"),
    (keeps_insertion_order, "grit.tree.key-order", "tree/*"),
    (last_write_wins, "grit.ref.cas", "ref/like-a-map-*"),
    (changes_one_by_one, "grit.ref.atomic", "ref/like-a-map-*"),
    (takes_dangling_targets, "grit.ref.target", "ref/targets-*"),
    (prunes_cores_only, "grit.prune.exact", "prune/exact-*"),
    (exports_the_whole_store, "grit.bundle.exact", "bundle/nothing-else-*"),
    (ignores_the_digest, "grit.bundle.verify", "bundle/any-byte-*"),
    (sets_references_early, "grit.bundle.import-atomic", "bundle/all-or-none-*"),
    (caches_a_miss, "grit.store.put-visible", "store/miss-then-put-*"),
    (resurrects, "grit.erase.no-return", "erase/no-way-back-*"),
    (erases_anything, "grit.erase.blob-only", "erase/blobs-only-*"),
    (trusts_the_disk, "grit.store.verify", "store/damaged-*"),
    (transcodes_nothing, "grit.transcode.shape", "transcode/there-and-back-*"),
    (reads_no_references, "grit.bundle.bytes", "transcode/tombstones-*"),
    (one_blob_for_all, "grit.store.missing", "store/unknown-ids-*"),
]


@pytest.mark.parametrize(
    ("fault", "rule", "names"), FAULTS, ids=[f"{fault.__name__}-{rule}" for fault, rule, _ in FAULTS]
)
def test_planted_fault_is_reported_under_its_rule(fault: Any, rule: str, names: str) -> None:
    found = []
    for prop in PROPERTIES:
        if fnmatch(prop.name, f"grit/{names}"):
            try:
                run_on_model(prop, Planted(fault), 30)
            except Divergence as divergence:
                found.append(divergence.rule)
    assert rule in found


def constant(answer: Answer) -> Callable[..., Answer]:
    return lambda *_: dict(answer)


@pytest.mark.rule("suite.property.control", slow=True)
@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_constant_answer_passes_no_property(prop: Property) -> None:
    for answer in (refused("invalid"), refused("missing"), ok()):
        with pytest.raises(Divergence):
            run_on_model(prop, Planted(constant(answer)), 3)


def test_shared_rule_applies_to_each_request_without_a_rule() -> None:
    """A failed request that is sent to test a rule is reported under that rule."""
    trial = Trial(ModelSubject(limits=SMALL), "grit.store.missing")
    for asked, rule in [(None, "grit.ref.fresh"), ("grit.ref.cas", "grit.ref.cas")]:
        with pytest.raises(Divergence) as found:
            trial.expect_many([("grit.nothing", {}, ok(), asked)], rule="grit.ref.fresh")
        assert found.value.rule == rule
