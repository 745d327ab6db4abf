"""The suite's validator and jsonschema accept the same documents, and a violation names its place."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.bundled import spec_dir, vectors_dir
from gritstone_conformance.properties.harness import samples
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import load_rules
from gritstone_conformance.schemas import _contents, fits, violation
from selftests.fakes.reports import made_outcome, made_report
from selftests.fakes.subject import HELLO
from selftests.properties.test_harness import EVERYTHING

TEXTS: list[Json] = ["", "a", "b", "ab", "abc", "a\n", "é", "1"]
LISTS: list[Json] = [[], ["a"], ["a", "a"], ["a", 1], ["a", "b", "c"], [1, True], [[]], [{}, {}], [None, "a"]]
OBJECTS: list[Json] = [{}, {"a": 1}, {"b": "x"}, {"a": "a", "b": 1}, {"a": None, "b": None, "c": 3}, {"a": {"a": {}}}]
VALUES: list[Json] = [None, True, False, 0, 1, 2, -1, 1.0, 1.5, 10**20, *TEXTS, *LISTS, *OBJECTS]


def documents() -> Iterator[tuple[str, str | None, Json]]:
    """Yield valid documents: the schema, the definition in it or None, the document."""
    rules = json.loads((spec_dir() / "rules.json").read_bytes())
    yield "rules", None, {**rules, "rules": rules["rules"][:2]}
    for name in ("grit/tree.reject", "wit/merge", "runtime/collect"):
        content = json.loads((vectors_dir() / f"{name}.json").read_bytes())
        yield "vectors", None, content | {"cases": content["cases"][:2]}
    audits = json.loads((vectors_dir() / "audit/history.json").read_bytes())
    yield "audits", None, audits | {"audits": audits["audits"][:2]}
    yield "scenarios", None, json.loads((vectors_dir() / "model/leave.json").read_bytes())
    yield "reply", None, {"seq": 1, "ok": HELLO}
    yield "reply-ok", "ok.hello", HELLO
    for op, args in samples.every_request(EVERYTHING, AttachSettings().hello_args(), "/dir", "/path"):
        yield "request", None, {"seq": 1, "op": op, "args": args}
    outcomes = [made_outcome(f"grit/tree/{verdict}", verdict) for verdict in ("pass", "fail", "error", "skip")]
    report = made_report(load_rules(), *outcomes)
    yield "report", "header", report.header
    yield "report", "footer", {**report.footer, "sha256": "0" * 64}
    for outcome in outcomes:
        yield "report", None, outcome.to_json()


def changed(document: Json, dice: random.Random) -> Json:
    """Return a document with one value replaced or removed, or with one more member."""
    whole = [copy.deepcopy(document)]
    places: list[tuple[Any, Any]] = [(whole, 0)]
    for inner, key in places:
        value = inner[key]
        places += [(value, each) for each in (value if isinstance(value, dict) else ())]
        places += [(value, each) for each in (range(len(value)) if isinstance(value, list) else ())]
    inner, key = dice.choice(places)
    match dice.randrange(4):
        case 0 if isinstance(inner, dict):
            del inner[key]
        case 1 if isinstance(inner[key], dict):
            inner[key]["zork"] = 1
        case _:
            inner[key] = dice.choice(VALUES)
    return whole[0]


@cache
def plain(schema: str, part: str | None) -> Any:
    """Return the jsonschema validator of a schema or of a definition in it."""
    contents = [json.loads(path.read_bytes()) for path in (spec_dir() / "schemas").glob("*.schema.json")]
    registry = Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in contents)
    (urn,) = [each["$id"] for each in contents if each["$id"].endswith(f":{schema}")]
    return Draft202012Validator({"$ref": f"{urn}#/$defs/{part}" if part else urn}, registry=registry)


def test_both_validators_find_the_same_violations() -> None:
    dice = random.Random(1)
    answers = []
    for schema, part, document in documents():
        assert violation(schema, document, part) is None
        for each in [changed(document, dice) for _ in range(12)]:
            found = violation(schema, each, part)
            answers.append(found is None)
            errors = list(plain(schema, part).iter_errors(each))
            assert answers[-1] is (not errors), (schema, part, each)
            assert part is None or fits(schema, part, each) is answers[-1]
            if found is not None:
                place, _, message = found.partition(": ")
                if message.startswith("False schema"):  # for a member that nothing fits, jsonschema names its object
                    place = place.rpartition("/")[0]
                assert place in places(errors)
    assert min(answers.count(True), answers.count(False)) > 20


def places(errors: Iterable[ValidationError]) -> set[str]:
    """Return the places of errors and of the errors in their alternatives."""
    found = {"".join(f"/{part}" for part in error.absolute_path) or "/" for error in errors}
    return found.union(*(places(error.context) for error in errors if error.context))


def test_both_validators_agree_on_each_definition() -> None:
    names = [(urn, name) for urn, each in _contents().items() for name in each.get("$defs", {})]
    assert len(names) > 150
    for urn, name in names:
        validator = plain(urn.rpartition(":")[2], name)
        assert [
            value for value in VALUES if fits(urn.rpartition(":")[2], name, value) is not validator.is_valid(value)
        ] == []


def test_text_with_unpaired_surrogates_is_validated() -> None:
    assert violation("vectors", {"\ud800": 1}) is not None
    assert not fits("reply-ok", "ok.hello", "\ud800")
    hello = {**HELLO, "implementation": {**HELLO["implementation"], "name": "\ud800"}}
    assert fits("reply-ok", "ok.hello", hello)


def test_audits_may_name_checks_of_other_profiles() -> None:
    audits = json.loads((vectors_dir() / "audit/history.json").read_bytes())
    audit = next(each for each in audits["audits"] if each["finding"])
    for check, is_valid in ((1, True), (15, True), (16, True), (1_000, True), (0, False), (1.5, False), ("16", False)):
        changed = {**audit, "finding": {**audit["finding"], "check": check}}
        found = violation("audits", {**audits, "count": 1, "audits": [changed]})
        assert (found is None) is is_valid, (check, found)
