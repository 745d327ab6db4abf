"""The puppet: programs, the working core against a model of maps, and ops at their edges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Refusal, Rejected
from gritstone.grit import FORMATS, Blob, Limits, MemoryEngine, ObjectId, Store, Tree
from gritstone.wit import Objects
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.puppet.program import OPERANDS, read_program
from gritstone.wit.workspace import Workspace


@given(st.binary(max_size=60), st.sampled_from(sorted(FORMATS)))
def test_any_bytes_are_a_program(data: bytes, name: str) -> None:
    ops = read_program(data, name)
    assert len(ops) <= len(data)
    for letter, values in ops[:-1]:
        assert len(values) == len(OPERANDS[letter])


def test_puppet_programs_are_decoded_into_instructions() -> None:
    assert read_program(b"W\3a/b\0\1vF", "framed-sha256") == (("W", (("a", "b"), b"v")), ("F", ()))
    assert read_program(b"S\0q\2hi\xf2", "framed-sha256") == (("S", (0, 0x71, "hi", 0xF2)),)
    fail = ("F", ())
    for data in (b"W\3a/b\0\2v", b"?", b"L\0", b"L\3a//", b"L\2..", b"S\0q\1\n\0", b"B\0\0\0", b"a"):
        assert read_program(b"Z\0\0" + data, "framed-sha256") == (("Z", (0,)), fail)
    assert read_program(b"L\2\xc3\xa9", "framed-sha256") == (fail,)
    assert read_program(b"L\2\xc3\xa9", "cbor-blake3") == (("L", (("\u00e9",),)),)


names = st.sampled_from(["a", "b"])
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
steps = st.lists(st.tuples(st.sampled_from(["put", "tree", "delete", "find", "store"]), paths), max_size=14)


@given(steps)
def test_working_core_equals_nested_maps(actions: list[tuple[str, tuple[str, ...]]]) -> None:
    format_ = FORMATS["cbor-blake3"]
    store = Store.open(MemoryEngine(), format_)
    workspace = Workspace(Objects(format_, Limits(), store.get))
    model: dict[str, Any] = {"z": 0, "a": {"b": 1}}

    def make(value: Any) -> ObjectId:
        if isinstance(value, dict):
            return workspace.put(Tree({name: make(one) for name, one in value.items()}))
        return workspace.put(Blob({}, b"%d" % value))

    root = make(model)
    tree = workspace.tree(root)
    assert tree is not None
    core = WorkingCore(workspace, root, tree.entries)
    for number, (action, path) in enumerate(actions, 10):
        match action:
            case "put":
                core.put(path, make(number))
                put(model, path, number)
            case "tree":
                core.put(path, make({"b": {"a": number}}))
                put(model, path, {"b": {"a": number}})
            case "delete":
                core.delete(path)
                delete(model, path)
            case "find":
                found = find(model, path)
                assert core.find(path) == (None if found is None else make(found))
            case "store":
                assert core.store() == make(model)
    assert core.store() == make(model)


def find(model: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        model = model.get(name) if isinstance(model, dict) else None
    return model


def put(model: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(model.get(name), dict):
            model[name] = {}
        model = model[name]
    model[path[-1]] = value


def delete(model: dict[str, Any], path: tuple[str, ...]) -> None:
    if find(model, path) is None:
        return
    if len(path) > 1:
        below = model[path[0]]
        delete(below, path[1:])
        if below:
            return
    del model[path[0]]


def after(bench: Any, program: bytes, **operands: ObjectId) -> Any:
    actor, head = bench.born("a")
    return bench.position(bench.tell(actor, head, program, **operands), actor)


def fails(bench: Any, program: bytes, **operands: ObjectId) -> None:
    with pytest.raises(Refusal) as caught:
        after(bench, program, **operands)
    assert caught.value.code == "failed"


def test_references_name_earlier_objects(bench: Any) -> None:
    blob = bench.blob(b"x")
    position = after(bench, b"P\1o\0P\1a\xf0P\1s\xf1P\1c\xf2P\1w\xf3", **{"00": blob})
    assert position.core["o"] == blob
    assert position.core["a"] == position.step.actor
    assert position.core["s"] == bench.outside
    for program in (b"P\1o\1", b"P\1o\xf4", b"P\1o\xff"):
        fails(bench, program, **{"00": blob})
    fails(bench, b"D\4nameD\3witD\x09wit_queryP\1x\xf3")


def test_append_and_bounce_limits_are_respected(bench: Any) -> None:
    blob = bench.blob(b"x", h="v")
    position = after(bench, b"P\1o\0A\1o\0\1yA\1n\0\1z", **{"00": blob})
    assert bench.objects.load(position.core["o"]) == Blob({"h": "v"}, b"xy")
    assert bench.objects.load(position.core["n"]) == Blob({}, b"z")
    fails(bench, b"P\1o\xf0A\1o\0\1y")
    for data in (b"123", b"12345", b"\xff" * 4):
        fails(bench, b"P\7bounces\0B\0\0\0\1", **{"00": bench.blob(data)})
    position = after(bench, b"P\7bounces\0B\0\0\0\1", **{"00": bench.blob(b"\0\0\0\4")})
    assert bench.objects.load(position.core["bounces"]).data == b"\0\0\0\5"
    assert not position.outbox


def test_send_and_release_change_the_outbox(bench: Any) -> None:
    friend = bench.core("friend")
    position = after(bench, b"S\0q\0\xf2S\0q\2mt\xf0S\0s\0\xf1", **{"00": friend})
    assert bench.objects.load(position.outbox[friend]).previous is None
    assert after(bench, b"S\0q\0\xf2R\0R\xf1", **{"00": friend}).step.outbox is None
    fails(bench, b"S\0q\0\xf2", **{"00": bench.blob(b"x")})
    fails(bench, b"S\0x\0\xf2", **{"00": friend})


def test_leave_defers_the_message(bench: Any) -> None:
    actor, head = bench.born("a")
    genesis = bench.position(head, actor).inbox[bench.outside]
    held = bench.message(bench.program(b"T\0Z\0\0L\1kW\1x\0\1y"), genesis)
    assert bench.step(actor, head, [(bench.outside, held)]) is None
    friend = bench.core("friend")
    other = bench.message(bench.program(b"W\1k\0\1v"))
    both = bench.position(bench.step(actor, head, [(bench.outside, held), (friend, other)]), actor)
    assert friend in both.inbox
    assert ("x" in both.core) == (friend < bench.outside)
    fails(bench, b"W\1a\0\0L\1k")
    fails(bench, b"W\1k\0\0L\1k")


def test_erased_objects_are_handled(bench: Any) -> None:
    blob = bench.blob(b"secret")
    actor, head = bench.born("a")
    previous = bench.position(head, actor).inbox[bench.outside]
    program = bench.message(bench.tree(program=blob), previous)
    append = bench.message(bench.program(b"P\1o\0A\1o\0\1y", **{"00": blob}), previous)
    kept = bench.message(bench.program(b"P\1o\0L\1o", **{"00": blob}), previous)
    bench.store.erase(blob)
    for message in (program, append):
        with pytest.raises(Rejected):
            bench.step(actor, head, [(bench.outside, message)])
    with pytest.raises(Rejected):
        bench.step(actor, head, [(bench.outside, kept)])
    put_only = bench.message(bench.program(b"P\1o\0", **{"00": blob}), previous)
    assert bench.step(actor, head, [(bench.outside, put_only)])


@pytest.mark.parametrize("kind", range(1, 15))
def test_every_illegal_kind_is_rejected(bench: Any, kind: int) -> None:
    friend = bench.core("friend")
    actor, head = bench.born("a")
    head = bench.tell(actor, head, b"S\0q\0\xf2S\0q\0\xf2", **{"00": friend})
    with pytest.raises(Rejected) as caught:
        bench.tell(actor, head, b"X" + bytes([kind]))
    assert caught.value.code == "illegal-step"


@pytest.mark.parametrize("kind", [0, 15, 255, 7, 0x0E])
def test_illegal_step_without_target_fails(bench: Any, kind: int) -> None:
    actor, head = bench.born("a")
    with pytest.raises(Rejected) as caught:
        bench.tell(actor, head, b"X" + bytes([kind]))
    assert caught.value.code == "failed"


def test_queued_messages_run_in_order(bench: Any) -> None:
    actor, head = bench.born("a", b"external:puppet-stamp/1")
    message = bench.position(head, actor).inbox[bench.outside]
    for letter in b"abc":
        message = bench.message(bench.program(b"A\3log\0\1" + bytes([letter])), message)
    position = bench.position(bench.step(actor, head, [(bench.outside, message)]), actor)
    assert bench.objects.load(position.core["log"]).data == b"abc"
    assert bench.objects.load(position.core["stamp"]).data == b"...."
