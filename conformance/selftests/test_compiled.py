"""Schemas as functions say what the validator says, or that they are not sure."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from gritstone_conformance.attachment.terms import Terms
from gritstone_conformance.bundled import spec_dir, vectors_dir
from gritstone_conformance.compiled import Compiler, UnsureError
from gritstone_conformance.properties.harness import samples
from gritstone_conformance.replies import Json
from gritstone_conformance.rules import load_rules
from gritstone_conformance.schemas import _compiler, _contents, _deepest, _urn, fits, violation
from selftests.fakes import HELLO
from selftests.reports import made_outcome, made_report
from selftests.test_harness_properties import EVERYTHING

TEXTS: list[Json] = ["", "a", "b", "ab", "abc", "a\n", "é", "1"]
LISTS: list[Json] = [[], ["a"], ["a", "a"], ["a", 1], ["a", "b", "c"], [1, True], [[]], [{}, {}], [None, "a"]]
OBJECTS: list[Json] = [{}, {"a": 1}, {"b": "x"}, {"a": "a", "b": 1}, {"a": None, "b": None, "c": 3}, {"a": {"a": {}}}]
VALUES: list[Json] = [None, True, False, 0, 1, 2, -1, 1.0, 1.5, 10**20, *TEXTS, *LISTS, *OBJECTS]

SCHEMAS: list[Json] = [
    *(True, False, {}, {"title": "x", "format": "date"}),
    *({"type": name} for name in ("object", "array", "string", "boolean", "integer", "number", "null")),
    *({"type": names} for names in (["string", "null"], ["integer", "number"], ["integer", "array"])),
    *({"const": value} for value in VALUES),
    *({"enum": ["a", "b"]}, {"enum": ["a", 1]}, {"enum": [True]}, {"enum": [[]]}),
    *({"minimum": 1}, {"maximum": 1}, {"minimum": 0.5}, {"minLength": 2}, {"maxLength": 1}, {"minItems": 1}),
    *({"maxItems": 1}, {"minProperties": 1}, {"maxProperties": 1}, {"pattern": "^a$"}, {"pattern": "b"}),
    *({"uniqueItems": True}, {"uniqueItems": False}),
    *({"properties": {"a": {"type": "integer"}}}, {"required": ["a", "b"]}, {"additionalProperties": False}),
    {"properties": {"a": True}, "additionalProperties": {"type": "null"}},
    {"properties": {"a": False}, "required": []},
    *({"propertyNames": {"enum": ["a", "b"]}}, {"dependentRequired": {"a": ["b", "c"], "b": []}}),
    *({"items": {"type": "string"}}, {"items": False}, {"prefixItems": [{"type": "string"}, {"type": "integer"}]}),
    {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
    *({"contains": {"const": "a"}}, {"contains": True, "minContains": 2}, {"patternProperties": {"a": False}}),
    {"allOf": [{"type": "integer"}, {"minimum": 1}]},
    {"anyOf": [{"type": "string"}, {"minimum": 1}]},
    {"oneOf": [{"type": "string"}, {"minLength": 2}, {"type": "integer"}]},
    *({"not": {"type": "string"}}, {"not": {"not": {"const": 1}}}),
    {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"type": "integer"}},
    *({"if": {"required": ["a"]}, "then": False}, {"if": {"type": "string"}, "else": False}, {"then": False}),
    {"$defs": {"x": {"type": "object", "additionalProperties": {"$ref": "#/$defs/x"}}}, "$ref": "#/$defs/x"},
    {"$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}, "required": ["a"]},
    {"properties": {"a": {"type": "string"}}, "unevaluatedProperties": False},
    {"type": "string", "minLength": 2, "pattern": "c", "not": {"const": "abcd"}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_each_keyword_says_what_the_validator_says(schema: Json) -> None:
    check = Compiler({"urn:x": schema}).check("urn:x")
    validator = Draft202012Validator(schema)
    assert [value for value in VALUES if said(check, value) not in (None, validator.is_valid(value))] == []


def said(check: Any, value: Json) -> bool | None:
    """Return what a check says, or None where it is not sure."""
    try:
        return bool(check(value))
    except UnsureError:
        return None


def test_a_keyword_that_is_not_known_is_never_passed_over() -> None:
    check = Compiler({"urn:x": {"properties": {"a": {"type": "string", "multipleOf": 2}}}}).check("urn:x")
    assert said(check, {"b": 1}) is True
    assert said(check, {"a": "x"}) is None


def documents() -> Iterator[tuple[str, str | None, Json]]:
    """Yield documents that fit a schema, or a part of one."""
    rules = json.loads((spec_dir() / "rules.json").read_bytes())
    yield "rules", None, {**rules, "rules": rules["rules"][:2]}
    for name in ("grit/tree.reject", "wit/merge", "runtime/life"):
        content = json.loads((vectors_dir() / f"{name}.json").read_bytes())
        yield "vectors", None, content | {"cases": content["cases"][:2]}
    audits = json.loads((vectors_dir() / "audit/history.json").read_bytes())
    yield "audits", None, audits | {"audits": audits["audits"][:2]}
    yield "reply", None, {"seq": 1, "ok": HELLO}
    yield "reply-ok", "ok.hello", HELLO
    for op, args in samples.every_request(EVERYTHING, Terms().hello_args(), "/dir", "/path"):
        yield "request", None, {"seq": 1, "op": op, "args": args}
    outcomes = [made_outcome(f"grit/tree/{verdict}", verdict) for verdict in ("pass", "fail", "error", "skip")]
    report = made_report(load_rules(), *outcomes)
    yield "report", "header", report.header
    yield "report", "footer", {**report.footer, "sha256": "0" * 64}
    for outcome in outcomes:
        yield "report", None, outcome.to_json()


def changed(document: Json, dice: random.Random) -> Json:
    """Return a document with one place changed: replaced, left out, or with one more member."""
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
    """Return the validator of a schema that knows nothing of functions."""
    contents = [json.loads(path.read_bytes()) for path in (spec_dir() / "schemas").glob("*.schema.json")]
    registry = Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in contents)
    (urn,) = [each["$id"] for each in contents if each["$id"].endswith(f":{schema}")]
    return Draft202012Validator({"$ref": f"{urn}#/$defs/{part}" if part else urn}, registry=registry)


def test_the_schemas_of_the_spec_say_what_the_validator_says() -> None:
    dice = random.Random(1)
    answers = []
    for schema, part, document in documents():
        check = _compiler().check(_urn(schema) + (f"#/$defs/{part}" if part else ""))
        assert said(check, document) in (True, None), document
        for each in [changed(document, dice) for _ in range(6)]:
            answers.append(said(check, each))
            worst = _deepest(plain(schema, part).iter_errors(each))
            assert answers[-1] in (None, worst is None), (schema, part, each)
            assert part is None or fits(schema, part, each) == (worst is None)
            assert (violation(schema, each, part) or "")[:90] == ((worst and told(worst)) or "")[:90]
    assert answers.count(None) < len(answers) / 20
    assert min(answers.count(True), answers.count(False)) > 20


def told(error: ValidationError) -> str:
    """Return in one line where an error is and what it is."""
    place = "".join(f"/{part}" for part in error.absolute_path)
    return f"{place or '/'}: {' '.join(error.message.split())}"


def test_nearly_every_definition_of_the_spec_is_known() -> None:
    names = [f"{urn}#/$defs/{name}" for urn, each in _contents().items() for name in each.get("$defs", {})]
    unsure = [name for name in names if all(said(_compiler().check(name), value) is None for value in VALUES)]
    assert len(names) > 150
    assert [name.rpartition(":")[2] for name in unsure] == ["expect#/$defs/entry", "expect#/$defs/recorded"]
