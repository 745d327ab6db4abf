"""A desk: what one principal can do and read, and the server that offers it to a model."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

from gritstone.errors import Exhausted, Missing, Rejected
from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store
from gritstone.grit.lmdb_store import open_durable
from gritstone.image import Actor, Image, LineDefect, OperationFailed, Program
from gritstone.image.desk import Desk
from gritstone.image.mcp import image_server


@pytest.fixture
def image() -> Iterator[Image]:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as opened:
        yield opened


@pytest.fixture
def shop(image: Image) -> Actor:
    sell = Program().add("stock", -1).count("till")
    return image.principal("shop", entry={"sell": "*"}, code={"sell": sell}, state={"stock": 3, "secret": "canary"})


@pytest.fixture
def desk(image: Image, shop: Actor) -> Desk:
    return Desk(image, image.principal("alice", caps=["spawn", shop.may_send("sell")], state={"budget": 500}))


def test_a_program_runs_with_the_rights_of_the_principal(desk: Desk, image: Image, shop: Actor) -> None:
    assert desk.run('add budget -200\nsend @shop join sell "200"').failed is None
    assert desk.read("budget") == "300"
    assert image.read(shop, "till") == "200"
    assert desk.run("send @shop join refund empty").failed == "rejected/capability"
    assert desk.run('write code/x "x"').failed == "rejected/location"


def test_a_key_makes_a_program_run_once(desk: Desk, image: Image, shop: Actor) -> None:
    other = Desk(image, image.principal("bob"))
    first = desk.run("add n 1", key="k" * 200)
    assert desk.run("add n 1", key="k" * 200) == first
    assert other.run("add n 1", key="k" * 200) != first
    assert (desk.read("n"), other.read("n")) == ("1", "1")


def test_a_tool_is_created_and_used(desk: Desk, shop: Actor) -> None:
    code = {"buy": "count spent +\nsend @shop join sell content"}
    assert desk.spawn("buyer", code, may=[shop.may_send("sell")], admit={"buy": ["alice"]}).failed is None
    assert desk.run('send @alice/buyer join buy "50"').failed is None
    assert desk.read("spent", "alice/buyer") == "50"
    assert desk.install("buy", "fail closed", "alice/buyer").failed is None
    assert desk.run('send @alice/buyer join buy "50"').failed == "rejected/closed"
    assert desk.spawn("thief", {}, may=[shop.may_send("*")]).failed == "rejected/escalation"


def test_a_principal_installs_in_itself_only_with_the_right(desk: Desk, image: Image) -> None:
    assert desk.install("tick", "add n 1").failed == "rejected/capability"
    image.grant(desk.principal, desk.principal.may_send("image.install"))
    assert desk.install("tick", "add n 1").failed is None


def test_the_state_of_others_is_read_only_with_the_right(desk: Desk, image: Image, shop: Actor) -> None:
    with pytest.raises(Rejected) as caught:
        desk.read("secret", "shop")
    assert caught.value.code == "capability"
    image.grant(desk.principal, shop.may_read())
    assert desk.read("secret", "shop") == "canary"


def test_others_are_not_named_listed_or_copied(desk: Desk, image: Image, shop: Actor) -> None:
    hidden = image.principal("hidden", state={"secret": "canary"})
    lines = [
        "send @hidden join x empty",
        f"send {hidden} join x empty",
        f"put x {hidden}",
        "put x @shop",
        "reply @shop",
        "send self join x @shop",
    ]
    for line in lines:
        with pytest.raises((LineDefect, Missing)):
            desk.run(line)
    with pytest.raises(Missing):
        desk.read("secret", "hidden")
    assert [one["name"] for one in desk.list()] == ["alice"]


def test_the_log_has_the_own_operations(desk: Desk, image: Image, shop: Actor) -> None:
    seq = image.seq
    image.request(shop.run(Program().add("stock", 1)))
    mine = [desk.run("add n 1").seq, desk.run("fail no").seq]
    found = desk.log(seq)
    assert [one["seq"] for one in found["operations"]] == mine
    assert [one["failed"] for one in found["operations"]] == [None, "rejected/no"]
    assert desk.log(found["seq"])["operations"] == []


def test_a_long_text_is_not_read_or_run(desk: Desk, image: Image) -> None:
    image.request(desk.principal.run(Program().write("x", "x" * 65_535).append("x", "xx")))
    with pytest.raises(Exhausted):
        desk.read("x")
    with pytest.raises(Exhausted):
        desk.run("#" * 65_537)


def test_a_desk_belongs_to_a_principal(desk: Desk, image: Image) -> None:
    with pytest.raises(OperationFailed):
        image.spawn(desk.principal, "x", caps=["send.*.*"])
    tool = image.spawn(desk.principal, "tool")
    with pytest.raises(Rejected) as caught:
        Desk(image, tool)
    assert caught.value.code == "capability"


# --- the server ----------------------------------------------------------------------------------------


def asked(desk: Desk, name: str, arguments: Mapping[str, Any], mode: Any = "auto") -> CallToolResult:
    async def main() -> CallToolResult:
        async with Client(image_server("world", desk), mode=mode) as client:
            return await client.call_tool(name, dict(arguments))

    return asyncio.run(main())


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    return str(getattr(block, "text", ""))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_works_in_the_image(desk: Desk, mode: Any) -> None:
    result = asked(desk, "run", {"program": 'add budget -200\nsend @shop join sell "200"'}, mode)
    assert not result.is_error
    assert result.structured_content == {"seq": 3, "failed": None}
    assert asked(desk, "read", {"path": "budget"}).structured_content == {"result": "300"}
    spawned = asked(desk, "spawn", {"name": "tool", "code": {"go": "add n 1"}, "admit": {"go": ["alice"]}})
    assert not spawned.is_error
    assert not asked(desk, "install", {"mt": "go", "program": "add n 2", "actor": "alice/tool"}).is_error
    assert not asked(desk, "run", {"program": "send @alice/tool join go empty"}).is_error
    assert asked(desk, "read", {"path": "n", "actor": "alice/tool"}).structured_content == {"result": "2"}
    listed = asked(desk, "list", {}).structured_content["result"]
    assert sorted(one["name"] for one in listed) == ["alice", "alice/tool"]
    assert asked(desk, "log", {"after": 4}).structured_content["seq"] == 6


def test_denials_and_errors_are_results_with_class_and_code(desk: Desk) -> None:
    denied = asked(desk, "run", {"program": "send @shop join refund empty"})
    assert denied.is_error
    assert denied.structured_content == {"seq": 3, "failed": "rejected/capability"}
    wrong = asked(desk, "run", {"program": "add budget"})
    assert wrong.is_error
    assert text_of(wrong).startswith("malformed/program: line 1: wrong number of operands")
    secret = asked(desk, "read", {"path": "secret", "actor": "shop"})
    assert secret.is_error
    assert text_of(secret).startswith("rejected/capability: ")
    assert "canary" not in text_of(secret)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fly", {}),
        ("run", {}),
        ("run", {"program": 5}),
        ("run", {"program": "add n 1", "more": "x"}),
        ("log", {"after": True}),
        ("log", {"after": "1"}),
        ("spawn", {"name": "x", "code": {"go": 5}}),
        ("spawn", {"name": "x", "code": [], "may": "spawn"}),
    ],
)
def test_bad_calls_make_no_operation(desk: Desk, image: Image, name: str, arguments: Mapping[str, Any]) -> None:
    seq = image.seq
    assert asked(desk, name, arguments).is_error
    assert image.seq == seq


def test_the_list_of_tools_has_their_schemas(desk: Desk) -> None:
    async def main() -> Any:
        async with Client(image_server("world", desk)) as client:
            return (await client.list_tools()).tools

    tools = {one.name: one for one in asyncio.run(main())}
    assert sorted(tools) == ["install", "list", "log", "read", "run", "spawn"]
    assert tools["run"].input_schema["required"] == ["program"]


def test_calls_at_the_same_time_are_made_one_by_one(desk: Desk) -> None:
    async def main() -> None:
        async with Client(image_server("world", desk)) as client:
            calls = [client.call_tool("run", {"program": "add n 1"}) for _ in range(8)]
            assert not any(one.is_error for one in await asyncio.gather(*calls))

    asyncio.run(main())
    assert desk.read("n") == "8"


def test_the_command_serves_standard_input_and_output(tmp_path: Path) -> None:
    store = open_durable(tmp_path / "world", CBOR_BLAKE3)
    with Image(store) as image:
        image.principal("alice")
    store.close()

    async def main() -> CallToolResult:
        words = ["-m", "gritstone.image", "serve", str(tmp_path / "world"), "alice"]
        async with Client(StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))) as client:
            await client.call_tool("run", {"program": "add n 41"})
            await client.call_tool("run", {"program": "add n 1"})
            return await client.call_tool("read", {"path": "n"})

    assert asyncio.run(main()).structured_content == {"result": "42"}
    with Image(open_durable(tmp_path / "world", CBOR_BLAKE3, create=False)) as image:
        assert image.read(image.actor("alice"), "n") == "42"
        image.store.close()
