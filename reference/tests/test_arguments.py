"""The table of arguments, held against the JSON Schema of the specification."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from gritstone.errors import Invalid
from gritstone.grit import Change, Tree
from gritstone.harness.arguments import ARGUMENTS, read_arguments
from gritstone.harness.wire import ArgumentError

SCHEMAS = Path(__file__).parents[2] / "spec" / "schemas"
HEX = bytes(range(1, 33)).hex()

START: dict[str, Any] = {
    "runtime": "r",
    "store": "s",
    "agent": "test",
    "schedule": "free",
    "clock": "system",
    "base_ms": 0,
    "cap_ms": 0,
    "max_attempts": 1,
    "transition_ms": 0,
}

SANDBOX_LIMITS = {"fuel": 1, "pages": 16, "table": None, "ms": None}

GOOD: dict[str, list[dict[str, Any]]] = {
    "hello": [{"protocol": [1], "suite": "s", "spec": "0.6", "frame_bytes": 4_194_304, "window": 1}],
    "ping": [{}],
    "bye": [{}],
    "grit.id": [{"format": "framed-sha256", "bytes": "AAEC"}],
    "grit.encode": [{"format": "zork", "object": {"kind": "tree", "entries": [["a", HEX]]}}],
    "grit.decode": [{"format": "framed-sha256", "bytes": ""}],
    "grit.open": [
        {"store": "s", "format": "framed-sha256", "backend": "memory", "create": True},
        {"store": "s-1", "format": "framed-sha256", "backend": "durable", "dir": "/d", "create": False},
    ],
    "grit.close": [{"store": "s" * 32}],
    "grit.put": [{"store": "s", "bytes": "AA"}, {"store": "s", "bytes": "AA", "id": HEX}],
    "grit.get": [{"store": "s", "id": "0" * 64}],
    "grit.has": [{"store": "s", "ids": []}, {"store": "s", "ids": [HEX] * 4_096}],
    "grit.refs": [
        {"store": "s", "prefix": "", "after": None, "limit": 1},
        {"store": "s", "prefix": "\u00e9", "after": "", "limit": 4_096},
    ],
    "grit.cas": [
        {"store": "s", "changes": []},
        {"store": "s", "changes": [{"name": "", "old": None, "new": HEX}, {"name": "x", "old": HEX, "new": None}]},
    ],
    "grit.export": [
        {"store": "s", "cursor": None},
        {"store": "s", "cursor": "c", "names": []},
        {"store": "s", "to": "/f", "names": ["x"]},
    ],
    "grit.import": [{"store": "s", "from": "/f"}, {"store": "s", "bytes": "", "more": False}],
    "grit.transcode": [{"from": "a", "to": "b", "bundle": ""}],
    "grit.erase": [{"store": "s", "id": HEX}],
    "grit.prune": [{"store": "s", "pins": []}, {"store": "s", "pins": [HEX]}],
    "grit.damage": [{"store": "s", "id": HEX, "offset": 0, "xor": 1}],
    "wit.step": [
        {"store": "s", "actor": HEX, "head": None, "inbox": [[HEX, HEX]], "attempt": 1},
        {"store": "s", "actor": HEX, "head": HEX, "inbox": [], "attempt": 2**32 - 1, "transition_ms": 0},
    ],
    "wit.admit": [{"store": "s", "actor": HEX, "head": None, "inbox": [[HEX, HEX]] * 3, "step": HEX}],
    "wit.unread": [{"store": "s", "tip": HEX, "cursor": None}, {"store": "s", "tip": HEX, "cursor": HEX}],
    "wit.merge": [{"store": "s", "core": HEX, "update": HEX}],
    "wit.query": [{"store": "s", "step": HEX, "name": "", "args": "AA"}],
    "wit.openapi": [{"actor": HEX, "wut": ""}],
    "runtime.start": [
        START,
        START | {"schedule": "chosen", "clock": "suite", "workers": 64, "max_attempts": 1_000, "agent": ""},
    ],
    "runtime.inject": [
        {"runtime": "r", "to": HEX, "headers": [["mt", "x"], ["mt", "x"]], "content": HEX, "mode": "queue"},
        {"runtime": "r", "to": HEX, "headers": [], "content": HEX, "mode": "signal"},
    ],
    "runtime.run": [{"runtime": "r", "max_steps": 1}],
    "runtime.query": [{"runtime": "r", "actor": HEX, "name": "x", "args": ""}],
    "runtime.mail": [{"runtime": "r"}],
    "runtime.ack": [{"runtime": "r", "sender": HEX, "message": HEX}],
    "runtime.collect": [{"runtime": "r"}],
    "runtime.release": [{"runtime": "r", "actors": [HEX]}, {"runtime": "r", "actors": [HEX] * 32}],
    "runtime.cut": [{"runtime": "r"}],
    "runtime.stop": [{"runtime": "r", "how": "drain"}, {"runtime": "r", "how": "now"}],
    "runtime.ready": [{"runtime": "r"}],
    "runtime.choose": [{"runtime": "r", "choice": 0}],
    "runtime.time": [{"runtime": "r", "now_ms": "0"}, {"runtime": "r", "now_ms": "9223372036854775808"}],
    "runtime.effects": [{"runtime": "r"}],
    "runtime.resolve": [
        {"runtime": "r", "effect": f"{HEX}.{HEX}", "outcome": {"ok": ""}},
        {"runtime": "r", "effect": f"{HEX}.{HEX}", "outcome": {"failed": ""}},
    ],
    "fault.arm": [{"writes": 1, "when": "before"}, {"writes": 2, "when": "after"}],
    "fault.count": [{}],
    "wasm.admit": [
        {"module": "", "entry": "wit", "pages": 0},
        {"module": "AA", "entry": "wit_update", "pages": 65_536},
    ],
    "wasm.meter": [{"module": "AAEC", "entry": "wit_query", "pages": 256}],
    "wasm.fork": [{"store": "s", "step": HEX, "n": 2**53 - 1, "entropy": "fresh"}],
    "wasm.release": [{"store": "s", "actor": HEX}],
    "wasm.adopt": [{"store": "s", "actor": HEX}],
    "wasm.sign": [{"bundle": "", "secret": "A" * 43}],
    "wasm.verify": [{"bundle": "", "signature": "", "keys": []}, {"bundle": "", "signature": "", "keys": [HEX] * 64}],
    "session.limits": [{"runtime": "r", "max_live": 1, "idle_ms": 0, "lease_ms": 2**53 - 1}],
    "session.open": [{"runtime": "r", "at": 0, "core": HEX}],
    "session.prepare": [
        {"runtime": "r", "at": 0, "session": HEX, "request": ""},
        {"runtime": "r", "at": 0, "session": None, "request": "AA"},
        {"runtime": "r", "at": 0, "session": None, "request": "AA", "nonce": "A" * 43},
    ],
    "session.send": [
        {"runtime": "r", "at": 1, "session": HEX, "headers": [["mt", "x"], ["mt", "x"]], "content": HEX},
    ],
    "session.sweep": [{"runtime": "r", "at": 2**53 - 1}],
    "session.archive": [{"runtime": "r", "at": 0, "session": HEX}],
    "session.restore": [{"runtime": "r", "at": 0, "session": HEX}],
    "session.close": [{"runtime": "r", "at": 0, "session": HEX}],
    "session.progress": [{"runtime": "r", "at": 0, "session": HEX, "progress": "AA"}],
    "flow.check": [{"program": "", "policy": "AA", "input": "AA", "peers": ["a"], "refs": []}],
    "flow.eval": [{"expr": "True", "env": "oA"}],
    "flow.render": [{"template": "AA", "env": "oA"}],
    "flow.replay": [{"store": "s", "step": HEX}],
    "flow.metrics": [{"trace": "gA", "baselines": [["a", "b"], []]}],
    "image.start": [{"runtime": "r"}],
    "image.request": [
        {"runtime": "r", "messages": [{"to": HEX, "headers": [["mt", "x"], ["mt", "x"]], "content": HEX}]},
        {"runtime": "r", "messages": [{"to": HEX, "headers": [], "content": HEX}] * 32, "key": ""},
    ],
    "image.clock": [{"runtime": "r", "now_ms": "0"}, {"runtime": "r", "now_ms": "18446744073709551615"}],
    "image.rollback": [{"runtime": "r", "to": 2**53 - 1}],
    "image.list": [
        {"runtime": "r", "after": None, "limit": 1},
        {"runtime": "r", "as": HEX, "after": HEX, "limit": 4_096},
    ],
    "image.log": [{"runtime": "r", "from": 0, "limit": 4_096}],
    "image.world": [
        {"runtime": "r", "after": None, "limit": 1},
        {"runtime": "r", "seq": 0, "after": "", "limit": 4_096},
    ],
    "sandbox.run": [
        {"module": "", "limits": SANDBOX_LIMITS, "grants": {}, "keep": True},
        {
            "module": "AAEC",
            "limits": {"fuel": None, "pages": 1_024, "table": 0, "ms": 60_000},
            "grants": {"args": ["x"], "env": {"A": ""}, "random": "A" * 43, "clock": 0, "files": {"a/b": "AA"}},
            "keep": False,
            "suspend": False,
        },
    ],
    "sandbox.again": [
        {"instance": "i1", "limits": SANDBOX_LIMITS},
        {"instance": "i1", "limits": SANDBOX_LIMITS, "suspend": True},
    ],
    "sandbox.snapshot": [{"instance": "i1"}],
    "sandbox.resume": [{"snapshot": "~" * 128}],
    "sandbox.export": [{"snapshot": "s1"}, {"snapshot": "s1", "fuel": 0}, {"snapshot": "s1", "fuel": 2**53 - 1}],
    "sandbox.import": [{"bytes": ""}],
    "sandbox.close": [{"handle": "!"}],
}
ODD: list[Any] = [None, True, 0, 1, -1, 255, 256, 2**53, 1e300, "", "x", "X", "/x", HEX, HEX.upper(), "AB", [], [1], {}]


@pytest.fixture(scope="module")
def judge() -> Any:
    """Judge arguments by the schema."""
    resources = [
        (content["$id"], Resource.from_contents(content))
        for content in (json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("*.schema.json")))
    ]
    registry: Any = Registry().with_resources(resources)

    def fits(op: str, args: Any) -> bool:
        reference = {"$ref": f"urn:gritstone:schema:0.6:request#/$defs/args.{op}"}
        return bool(Draft202012Validator(reference, registry=registry).is_valid(args))

    return fits


def test_all_operations_of_the_schema_are_known() -> None:
    definitions = json.loads((SCHEMAS / "request.schema.json").read_text())["$defs"]
    assert set(ARGUMENTS) == {name.removeprefix("args.") for name in definitions if name.startswith("args.")}
    assert set(GOOD) == set(ARGUMENTS)


CASES = [pytest.param(op, args, id=f"{op}-{n}") for op, some in GOOD.items() for n, args in enumerate(some)]


@pytest.mark.parametrize(("op", "args"), CASES)
def test_valid_arguments_are_accepted(judge: Any, op: str, args: dict[str, Any]) -> None:
    assert judge(op, args)
    assert read_arguments(op, args).keys() == args.keys()


def _accepted(op: str, args: Any) -> bool:
    try:
        read_arguments(op, args)
    except ArgumentError:
        return False
    return True


@pytest.mark.parametrize(("op", "args"), CASES)
def test_arguments_with_one_defect_are_rejected(judge: Any, op: str, args: dict[str, Any]) -> None:
    variants: list[Any] = [{name: value for name, value in args.items() if name != gone} for gone in args]
    variants += [args | {"more-members": 1}, None, [], list(args)]
    for name in args:
        for odd in ODD:
            changed = copy.deepcopy(args)
            changed[name] = odd
            variants.append(changed)
    for variant in variants:
        if _is_relative_path(variant):
            assert not _accepted(op, variant)
        else:
            assert _accepted(op, variant) == judge(op, variant), variant


def test_list_longer_than_the_maximum_is_rejected(judge: Any) -> None:
    for count in (4_096, 4_097):
        args = {**GOOD["wit.admit"][0], "inbox": [[HEX, HEX]] * count}
        assert _accepted("wit.admit", args) == judge("wit.admit", args) == (count == 4_096)
    for count in (64, 65):
        args = {**GOOD["wasm.verify"][0], "keys": [HEX] * count}
        assert _accepted("wasm.verify", args) == judge("wasm.verify", args) == (count == 64)


def _is_relative_path(args: Any) -> bool:
    """The schema cannot say that a path is absolute; the text does."""
    members = ("dir", "to", "from") if isinstance(args, dict) and "store" in args else ()
    return any(isinstance(args.get(name), str) and args[name] and args[name][0] != "/" for name in members)


def test_arguments_are_decoded_to_their_values() -> None:
    values = read_arguments("grit.cas", GOOD["grit.cas"][1])
    assert values["changes"] == [Change("", None, bytes.fromhex(HEX)), Change("x", bytes.fromhex(HEX), None)]
    assert read_arguments("grit.put", GOOD["grit.put"][1])["id"] == bytes.fromhex(HEX)
    assert read_arguments("grit.encode", GOOD["grit.encode"][0])["object"] == Tree({"a": bytes.fromhex(HEX)})


def test_repeated_key_is_reported_last() -> None:
    form = {"kind": "tree", "entries": [["a", HEX], ["a", HEX]]}
    assert isinstance(read_arguments("grit.encode", {"format": "zork", "object": form})["object"], Invalid)
