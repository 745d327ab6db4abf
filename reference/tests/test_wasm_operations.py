"""The operations of ``wasm``, through the door: what each answers, and each way to be refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gritstone.harness import Claims

NOTHING = bytes.fromhex("0061736d010000000105016000017f030201000707010377697400000a0601040041000b")
"""A module whose ``wit`` declines."""

EMPTY = b"\0asm\1\0\0\0"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- modules ---------------------------------------------------------------------------------------------


def module(data: bytes = NOTHING, **more: Any) -> dict[str, Any]:
    return {"module": b64(data), "entry": "wit", "pages": 256} | more


def test_a_module_is_admitted_and_metered(client: Any) -> None:
    assert client.ok("wasm.admit", **module()) == {}
    metered = unb64(client.ok("wasm.meter", **module())["module"])
    assert metered.startswith(EMPTY)
    assert b"grit:fuel" in metered
    assert client.ok("wasm.meter", **module(pages=0))["module"] == b64(metered), "without a memory pages change nothing"


@pytest.mark.parametrize("op", ["wasm.admit", "wasm.meter"])
@pytest.mark.parametrize(
    ("args", "refusal"),
    [
        (module(b"\0asm"), ("rejected", "unresolved:module")),
        (module(EMPTY), ("rejected", "unresolved:export")),
        (module(entry="wit_query"), ("rejected", "unresolved:export")),
        (module(EMPTY + b"\5\3\1\0\2", pages=1), ("rejected", "unresolved:limit")),
        (module(EMPTY + b"\1\4\1\x60\0\0\2\7\1\1a\1b\0\0"), ("rejected", "unresolved:import")),
        (module(b"\0asm", pages=4_097), ("exhausted", "exhausted:host")),
    ],
)
def test_a_module_is_refused(client: Any, op: str, args: dict[str, Any], refusal: tuple[str, str]) -> None:
    assert client.refused(op, **args) == refusal


def test_without_the_profile(attach: Any) -> None:
    client = attach(Claims().without({"wasm"}))
    assert client.ask("wasm.admit", **module()) == {"unsupported": {"feature": "wasm"}}


def test_without_signatures(attach: Any) -> None:
    client = attach(Claims().without({"wasm.signature"}))
    args = {"bundle": "", "secret": "A" * 43}
    assert client.ask("wasm.sign", **args) == {"unsupported": {"feature": "wasm.signature"}}
