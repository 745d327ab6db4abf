"""The operations of ``wasm``, through the door: what each answers, and each way to be refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gritstone.grit import Blob, Mailbox, Message, Step, Tree
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


def test_module_is_admitted_and_metered(client: Any) -> None:
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
def test_invalid_module_is_rejected(client: Any, op: str, args: dict[str, Any], refusal: tuple[str, str]) -> None:
    assert client.refused(op, **args) == refusal


def test_operations_need_the_wasm_profile(attach: Any) -> None:
    client = attach(Claims().without({"wasm"}))
    assert client.ask("wasm.admit", **module()) == {"unsupported": {"feature": "wasm"}}


def test_operations_need_the_signature_feature(attach: Any) -> None:
    client = attach(Claims().without({"wasm.signature"}))
    args = {"bundle": "", "secret": "A" * 43}
    assert client.ask("wasm.sign", **args) == {"unsupported": {"feature": "wasm.signature"}}


# --- migration -------------------------------------------------------------------------------------------

ABSENT = "ab" * 32


def start(put: Any, wit: bytes = b"wasm:code/x.wasm") -> tuple[str, str]:
    """Put a step of a Wasm actor; give the actor and the step."""
    core = put(Tree({"wit": bytes.fromhex(put(Blob({}, wit)))}))
    actor = bytes.fromhex(core)
    return core, put(Step(None, actor, None, None, actor))


def test_fork_stores_the_first_step(opened: Any, put: Any) -> None:
    _, step = start(put)
    core = opened.ok("wasm.fork", store="s", step=step, n=7, entropy="fresh")["core"]
    assert opened.ok("grit.has", store="s", ids=[core])["has"] == [True]
    assert opened.ok("wasm.fork", store="s", step=step, n=7, entropy="replay") == {"core": core}
    assert opened.ok("grit.refs", store="s", prefix="", after=None, limit=10)["refs"] == []
    _, other = start(put, b"external:puppet/1")
    assert opened.refused("wasm.fork", store="s", step=other, n=0, entropy="fresh") == ("invalid", None)
    assert opened.refused("wasm.fork", store="s", step=ABSENT, n=0, entropy="fresh") == ("missing", None)
    assert opened.refused("wasm.fork", store="t", step=step, n=0, entropy="fresh") == ("missing", None)


def test_handoff_releases_and_adopts(opened: Any, put: Any) -> None:
    actor, step = start(put)
    assert opened.refused("wasm.release", store="s", actor=actor) == ("missing", None)
    change = {"name": f"heads/{actor}", "old": None, "new": step}
    opened.ok("grit.cas", store="s", changes=[change])
    assert opened.ok("wasm.release", store="s", actor=actor) == {"step": step}
    assert opened.ok("grit.refs", store="s", prefix="", after=None, limit=9)["refs"] == [[f"moved/{actor}", step]]
    assert opened.ok("wasm.adopt", store="s", actor=actor) == {"step": step}
    after = [[f"adopted/{actor}", step], [f"heads/{actor}", step]]
    assert opened.ok("grit.refs", store="s", prefix="", after=None, limit=9)["refs"] == after
    assert opened.refused("wasm.adopt", store="s", actor=actor) == ("missing", None)
    mark = put(Mailbox({bytes.fromhex(actor): bytes.fromhex(put(Message(None, {}, bytes.fromhex(actor))))}))
    opened.ok("grit.cas", store="s", changes=[{"name": f"failed/{actor}", "old": None, "new": mark}])
    assert opened.refused("wasm.release", store="s", actor=actor) == ("rejected", "busy")


def test_signatures_are_made_and_verified(opened: Any, put: Any) -> None:
    _, step = start(put)
    opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": None, "new": step}])
    bundle = opened.ok("grit.export", store="s", cursor=None)["bytes"]
    signature = opened.ok("wasm.sign", bundle=bundle, secret=b64(bytes(32)))["signature"]
    key = json.loads(unb64(signature))["key"]
    assert opened.ok("wasm.verify", bundle=bundle, signature=signature, keys=[ABSENT, key]) == {}
    refused = opened.refused("wasm.verify", bundle=bundle, signature=signature, keys=[ABSENT])
    assert refused == ("rejected", "signature")
    assert opened.refused("wasm.sign", bundle="", secret=b64(bytes(32))) == ("malformed", None)
