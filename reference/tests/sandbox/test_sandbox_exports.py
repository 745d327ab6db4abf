"""Exports of instances: complete, equal for equal instances, and refused when they were changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from gritstone.errors import Invalid, Malformed
from gritstone.sandbox import Instance, Limits, Sandbox, World, read_instance, write_instance

FUEL = Limits(fuel=1_000_000)
WORLD = World(("a", "ü"), {"LANG": "C"}, bytes(32), 7, 5, {"a/b": b"\0\xff", "empty": b""})


@pytest.fixture
def instance(sandbox: Sandbox, counter: Callable[..., bytes]) -> Instance:
    call = sandbox.run(counter(), FUEL)
    assert call.instance is not None
    return replace(call.instance, world=WORLD)


def sealed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def test_imported_instance_is_equal(instance: Instance) -> None:
    data = write_instance(instance)
    assert read_instance(data) == instance
    assert write_instance(read_instance(data)) == data


def test_imported_instance_runs_on(sandbox: Sandbox, instance: Instance, words: Callable[[bytes], list[int]]) -> None:
    assert words(Sandbox().again(read_instance(write_instance(instance)), FUEL).output) == [102, 1]


def test_instance_is_exported_after_a_failure(sandbox: Sandbox, instance: Instance) -> None:
    failed = sandbox.again(instance, Limits(fuel=1))
    assert failed.outcome == "exhausted:fuel"
    assert failed.instance is not None
    assert write_instance(failed.instance) == write_instance(instance)


def test_every_changed_byte_is_found(instance: Instance) -> None:
    data = write_instance(replace(instance, pages={}))
    for at in range(len(data)):
        with pytest.raises(Malformed):
            read_instance(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])


def test_every_truncation_and_an_additional_byte_are_found(instance: Instance) -> None:
    data = write_instance(replace(instance, pages={}))
    for wrong in [*(data[:end] for end in range(len(data))), data + b"\0", b"\0" + data]:
        with pytest.raises(Malformed):
            read_instance(wrong)


def test_parts_of_two_exports_are_refused(instance: Instance) -> None:
    one, other = write_instance(instance), write_instance(replace(instance, globals=(7,)))
    assert len(one) == len(other)
    with pytest.raises(Malformed):
        read_instance(one[: len(one) // 2] + other[len(other) // 2 :])


@pytest.mark.parametrize("end", [4, 8, 100])
def test_content_that_ends_early_is_malformed(instance: Instance, end: int) -> None:
    with pytest.raises(Malformed, match="ends early"):
        read_instance(sealed(write_instance(instance)[: 20 + end]))


def test_content_after_the_last_page_is_malformed(instance: Instance) -> None:
    with pytest.raises(Malformed, match="after the last page"):
        read_instance(sealed(write_instance(instance)[:-32] + b"\0"))


@pytest.mark.parametrize(
    "change",
    [
        {"globals": ()},
        {"globals": (1, 2)},
        {"size": 0, "pages": {}},
        {"size": 9},
        {"pages": {1: b"\1" * 65_536}},
        {"module": b"\0asm"},
    ],
    ids=["no-global", "two-globals", "no-memory", "more-than-the-module", "page-outside", "no-module"],
)
def test_instance_that_does_not_fit_its_module_is_invalid(instance: Instance, change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        read_instance(write_instance(replace(instance, **change)))  # type: ignore[arg-type]


def test_global_larger_than_its_type_is_invalid(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    kept = sandbox.run(counter(more="(global (mut i32) (i32.const 0))"), FUEL).instance
    assert kept is not None
    assert read_instance(write_instance(replace(kept, globals=(2**64 - 1, 2**32 - 1)))).globals[1] == 2**32 - 1
    with pytest.raises(Invalid):
        read_instance(write_instance(replace(kept, globals=(0, 2**32))))


@pytest.mark.parametrize(
    "world",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"args":[],"clock":null,"drawn":0,"env":5,"files":null,"random":null}',
        b'{"args":[1],"clock":null,"drawn":0,"env":{},"files":null,"random":null}',
        b'{"args":[],"clock":null,"drawn":0,"env":{"a":1},"files":null,"random":null}',
        b'{"args":[],"clock":null,"drawn":"0","env":{},"files":null,"random":null}',
        b'{"args":[],"clock":null,"drawn":-1,"env":{},"files":null,"random":null}',
        b'{"args":[],"clock":"x","drawn":0,"env":{},"files":null,"random":null}',
        b'{"args":[],"clock":null,"drawn":0,"env":{},"files":{"../a":""},"random":null}',
        b'{"args":[],"clock":null,"drawn":0,"env":{},"files":{},"random":"ab"}',
        b'{"args": [],"clock":null,"drawn":0,"env":{},"files":null,"random":null}',
    ],
)
def test_grants_that_cannot_be_read_are_malformed(instance: Instance, world: bytes) -> None:
    data = write_instance(instance)
    head = 20 + 4 + len(instance.module)
    length = int.from_bytes(data[head : head + 4], "little")
    changed = data[:head] + len(world).to_bytes(4, "little") + world + data[head + 4 + length : -32]
    with pytest.raises(Malformed):
        read_instance(sealed(changed))
