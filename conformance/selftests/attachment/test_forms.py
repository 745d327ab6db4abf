"""The table of reply shapes agrees with the JSON Schema of ``ok``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES, shape_problem
from gritstone_conformance.bundled import spec_dir

ID = "0f" * 32
HELLO: dict[str, Any] = {
    "protocol": 1,
    "implementation": {"name": "a", "version": "1", "language": "x", "source": "y"},
    "spec": ["0.6"],
    "formats": ["framed-sha256", "cbor-blake3"],
    "profiles": ["grit"],
    "features": ["durable"],
    "limits": {
        "object_bytes": 1 << 20,
        "tree_depth": 1024,
        "cas_names": 64,
        "refs": 10_000,
        "window": 64,
        "frame_bytes": 16 << 20,
        "more": 0,
    },
    "gaps": [{"feature": "erase", "why": "not yet", "issue": "1"}],
}
EFFECT = {"effect": f"{ID}.{ID}", "actor": ID, "message": ID, "kind": "http"}
OBJECTS: list[dict[str, Any]] = [
    {"kind": "blob", "headers": [["a", "b"]], "data": "AA"},
    {"kind": "tree", "entries": [["a", ID]]},
    {"kind": "message", "previous": None, "headers": [], "content": ID},
    {"kind": "mailbox", "entries": [[ID, ID]]},
    {"kind": "step", "previous": ID, "actor": ID, "inbox": None, "outbox": ID, "core": ID},
]
METRICS = {
    "transition_entropy": 0,
    **{name: [0, 1] for name in ("rollback_density", "path_variance", "invariant_violation_rate")},
    **{name: [1, 2] for name in ("tool_churn", "retry_rate")},
    "usage": [{"node": "a", "calls": 1, "tokens": "0"}],
    "change_point": None,
}
SHOWN: dict[str, Any] = {
    "actor": ID,
    "owner": ID,
    "core": ID,
    "caps": [["spawn", ID]],
    "entry": [["pay", "*"]],
    "code": ["pay"],
    "timers": [{"handle": ID, "due": "50", "seq": 5, "index": 0, "mt": "tick"}],
    "subs": [["spent", ID]],
}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("hello", HELLO),
    ("hello", {**HELLO, "profiles": [], "limits": {"window": 1, "frame_bytes": 4 << 20}}),
    ("ping", {}),
    ("bye", {}),
    ("grit.id", {"id": ID}),
    ("grit.encode", {"bytes": "AAE", "id": ID}),
    *(("grit.decode", {"object": value, "id": ID}) for value in OBJECTS),
    ("grit.open", {}),
    ("grit.close", {}),
    ("grit.put", {"id": ID}),
    ("grit.get", {"bytes": ""}),
    ("grit.has", {"has": [True, False]}),
    ("grit.refs", {"refs": [["tags/a", ID]], "more": False}),
    ("grit.cas", {}),
    ("grit.export", {"size": 0, "digest": ID}),
    ("grit.export", {"bytes": "AA", "cursor": "x"}),
    ("grit.export", {"bytes": "AA", "cursor": None}),
    ("grit.import", {"objects": 1, "refs": 0}),
    ("grit.transcode", {"bundle": "AA"}),
    ("grit.erase", {}),
    ("grit.prune", {"removed": 3}),
    ("grit.damage", {}),
    ("wit.step", {"step": ID}),
    ("wit.admit", {}),
    ("wit.unread", {"ids": [ID], "fresh": False}),
    ("wit.merge", {"core": ID}),
    ("wit.query", {"result": None}),
    ("wit.query", {"result": ID}),
    ("wit.openapi", {"document": "AA"}),
    ("runtime.start", {"agent": ID}),
    ("runtime.inject", {"message": ID}),
    ("runtime.run", {"cause": "rest", "steps": 3, "parked": [[ID, "illegal-step"], [ID, "unknown"]]}),
    ("runtime.query", {"step": ID, "result": None}),
    ("runtime.mail", {"mail": [[ID, ID]]}),
    ("runtime.ack", {}),
    ("runtime.collect", {"removed": [ID]}),
    ("runtime.release", {"released": [ID]}),
    ("runtime.cut", {"step": ID}),
    ("runtime.stop", {}),
    ("runtime.ready", {"choices": [{"actor": ID, "inbox": [[ID, ID]]}]}),
    ("runtime.choose", {"step": None}),
    ("runtime.time", {"due": 0}),
    ("runtime.effects", {"effects": [{**EFFECT, "request": "AA"}, {**EFFECT, "request": None}]}),
    ("runtime.resolve", {}),
    ("wasm.admit", {}),
    ("wasm.meter", {"module": "AA"}),
    ("wasm.fork", {"core": ID}),
    ("wasm.release", {"step": ID}),
    ("wasm.adopt", {"step": ID}),
    ("wasm.sign", {"signature": "AA"}),
    ("wasm.verify", {}),
    ("image.start", {"kernel": ID}),
    ("image.request", {"seq": 1, "outcome": {"committed": {}}}),
    ("image.request", {"seq": 1, "outcome": {"failed": {"class": "rejected", "code": "entry"}}}),
    ("image.clock", {"seq": 1}),
    ("image.rollback", {"seq": 1, "outcome": {"committed": {}}}),
    ("image.rollback", {"seq": 1, "outcome": {"failed": {"class": "rejected", "code": "busy"}}}),
    ("image.list", {"actors": [{"actor": ID}, SHOWN], "more": True}),
    ("image.log", {"records": ["AA"], "more": False}),
    ("image.world", {"seq": 0, "root": ID, "refs": [["heads/a", ID]], "more": False}),
    ("session.limits", {}),
    ("session.open", {"session": ID, "message": ID}),
    ("session.prepare", {"session": ID, "turn": ID, "prepared": ""}),
    ("session.send", {"message": ID}),
    ("session.sweep", {"archived": [ID]}),
    ("session.archive", {"step": ID}),
    ("session.restore", {"step": ID}),
    ("session.close", {"step": ID}),
    ("session.progress", {}),
    ("flow.check", {"defects": [["", "shape"], ["pay", "guard"]]}),
    ("flow.check", {"defects": []}),
    ("flow.eval", {"value": True}),
    ("flow.render", {"value": "9g"}),
    ("flow.replay", {"steps": 3, "differs": None}),
    ("flow.replay", {"steps": 3, "differs": 0}),
    ("flow.metrics", METRICS),
    ("flow.metrics", {**METRICS, "change_point": {"at": 1, "millibits": "-847", "detected": False}}),
    ("sandbox.run", {"outcome": "done", "output": "AA", "used": 3, "instance": "i1"}),
    ("sandbox.run", {"outcome": "unresolved:module", "output": "", "used": None, "instance": None}),
    ("sandbox.again", {"outcome": "failed:guest:7", "output": "", "used": 0, "files": {"a/b": "AA"}}),
    ("sandbox.again", {"outcome": "suspended", "output": "", "used": 9}),
    ("sandbox.snapshot", {"snapshot": "s1"}),
    ("sandbox.resume", {"instance": "~" * 128}),
    ("sandbox.export", {"bytes": "AA"}),
    ("sandbox.import", {"snapshot": "s2"}),
    ("sandbox.close", {}),
    ("fault.arm", {}),
    ("fault.count", {"writes": 1}),
]
WRONG: list[Any] = [
    None,
    True,
    0,
    1,
    4_194_303,
    "",
    "x",
    "AB",
    "AA=",
    "0F" * 32,
    "0f" * 31,
    ID + "\n",
    [],
    {},
    [1, 2],
    [[]],
]


def _validators() -> dict[str, Draft202012Validator]:
    contents = [json.loads(path.read_bytes()) for path in (spec_dir() / "schemas").glob("*.schema.json")]
    registry: Any = Registry().with_resources((content["$id"], Resource.from_contents(content)) for content in contents)
    whole = next(content for content in contents if content["$id"].endswith(":reply-ok"))
    return {
        name.removeprefix("ok."): Draft202012Validator({"$ref": f"{whole['$id']}#/$defs/{name}"}, registry=registry)
        for name in whole["$defs"]
        if name.startswith("ok.")
    }


VALIDATORS = _validators()


def test_table_and_schema_list_the_same_operations() -> None:
    assert VALIDATORS.keys() == REPLY_SHAPES.keys()
    assert {op for op, _ in GOOD} == REPLY_SHAPES.keys()


@pytest.mark.parametrize(("schema", "member", "prefix"), [("reply-ok", "ok", "ok."), ("request", "args", "args.")])
def test_schema_selects_the_form_of_each_operation(schema: str, member: str, prefix: str) -> None:
    whole = json.loads((spec_dir() / "schemas" / f"{schema}.schema.json").read_bytes())
    rows = {row["if"]["properties"]["op"]["const"]: row["then"]["properties"][member]["$ref"] for row in whole["allOf"]}
    forms = [name for name in whole["$defs"] if name.startswith(prefix)]
    assert rows == {name.removeprefix(prefix): f"#/$defs/{name}" for name in forms}


def variations(value: Any) -> Iterator[Any]:
    """Yield copies of a value with one place changed as ``WRONG`` lists, or with one member added or removed."""
    if isinstance(value, dict):
        yield {**value, "surplus": 1}
        for name in value:
            yield {other: item for other, item in value.items() if other != name}
            for changed in (*WRONG, *variations(value[name])):
                yield {**value, name: changed}
    elif isinstance(value, list):
        yield [*value, *value]
        for index, item in enumerate(value):
            for changed in (*WRONG, *variations(item)):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize(("op", "value"), GOOD, ids=[f"{op}-{index}" for index, (op, _) in enumerate(GOOD)])
def test_table_and_schema_agree_on_variations(op: str, value: dict[str, Any]) -> None:
    assert shape_problem(op, value) is None
    accepted = 0
    for changed in [value, *variations(value)]:
        problem = shape_problem(op, changed)
        assert (problem is None) == VALIDATORS[op].is_valid(changed), (changed, problem)
        accepted += problem is None
    assert accepted >= 1


LEAVES = st.sampled_from([*WRONG, ID, "AA", "tags/a"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "bytes", "has", "refs", "more", "size", "cursor", "kind"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@given(
    st.sampled_from(sorted(REPLY_SHAPES)),
    st.dictionaries(st.sampled_from(["id", "bytes", "has", "refs", "size"]), VALUES),
)
def test_table_and_schema_agree_on_drawn_values(op: str, value: dict[str, Any]) -> None:
    assert (shape_problem(op, value) is None) == VALIDATORS[op].is_valid(value)


@pytest.mark.parametrize(
    ("op", "value", "path", "spelling"),
    [
        ("grit.get", {"bytes": "AB"}, "/bytes", True),
        ("grit.get", {"bytes": 1}, "/bytes", False),
        ("grit.put", {"id": ID.upper()}, "/id", True),
        ("grit.put", {"id": None}, "/id", False),
        ("grit.refs", {"refs": [["a", ID], ["b", ID[:-1]]], "more": True}, "/refs/1/1", True),
        ("grit.refs", {"refs": [["a", ID], [3, ID]], "more": True}, "/refs/1/0", False),
        ("grit.decode", {"object": {"kind": "step"}, "id": ID}, "/object", False),
        ("grit.has", {"has": [1]}, "/has/0", False),
    ],
)
def test_problem_names_the_path_and_the_kind(op: str, value: dict[str, Any], path: str, spelling: bool) -> None:
    problem = shape_problem(op, value)
    assert problem is not None
    assert (problem.path, problem.spelling) == (path, spelling)


LIMITS = HELLO["limits"]
RUN = {"cause": "rest", "steps": 3, "parked": []}


@pytest.mark.parametrize(
    ("op", "value", "path"),
    [
        ("hello", {**HELLO, "protocol": 0}, "/protocol"),
        ("hello", {**HELLO, "formats": ["cbor-blake3", "cbor-blake3"]}, "/formats"),
        ("hello", {**HELLO, "limits": {**LIMITS, "window": 0}}, "/limits/window"),
        ("hello", {**HELLO, "limits": {**LIMITS, "more": -1}}, "/limits/more"),
        ("hello", {**HELLO, "limits": {"window": 1, "frame_bytes": 4 << 20}}, "/limits/cas_names"),
        ("grit.decode", {"object": {"kind": "tree", "entries": [[0, ID]]}, "id": ID}, "/object/entries/0/0"),
        ("grit.decode", {"object": {"kind": "mailbox", "entries": [[ID, "x"]]}, "id": ID}, "/object/entries/0/1"),
        ("grit.export", {"bytes": "AA", "cursor": ""}, "/cursor"),
        ("grit.export", {"bytes": "AA", "cursor": 3}, "/cursor"),
        ("grit.export", {"bytes": "AA"}, ""),
        ("wit.query", {"result": "x"}, "/result"),
        ("runtime.run", {**RUN, "cause": ""}, "/cause"),
        ("runtime.effects", {"effects": [{**EFFECT, "effect": ID, "request": None}]}, "/effects/0/effect"),
        ("wasm.fork", {}, ""),
    ],
)
def test_each_shape_reports_its_own_fault(op: str, value: dict[str, Any], path: str) -> None:
    problem = shape_problem(op, value)
    assert (problem and problem.path) == path


def test_lists_and_texts_have_a_maximum_length() -> None:
    assert shape_problem("grit.has", {"has": [True] * 4096}) is None
    assert shape_problem("grit.has", {"has": [True] * 4097}) is not None
    assert shape_problem("hello", {**HELLO, "spec": ["1." + "1" * 14]}) is None
    assert shape_problem("hello", {**HELLO, "spec": ["1." + "1" * 15]}) is not None


@pytest.mark.parametrize(("due", "is_right"), [("0", True), (str(2**64 - 1), True), (str(2**64), False)])
def test_number_as_text_has_at_most_64_bits(due: str, is_right: bool) -> None:
    timer = {**SHOWN["timers"][0], "due": due}
    found = shape_problem("image.list", {"actors": [{**SHOWN, "timers": [timer]}], "more": False})
    assert (found is None) == is_right
