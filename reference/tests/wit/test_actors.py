"""Actors as handlers: the greeting and the chat actor, what handlers get, code in cores."""

from __future__ import annotations

import asyncio
import functools
import json
from dataclasses import dataclass
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit import Blob, ObjectId, Tree
from gritstone.kit.actors import (
    BlobObject,
    Core,
    Inbox,
    InboxMessage,
    MessageContext,
    Outbox,
    OutboxMessage,
    QueryContext,
    Sources,
    TreeObject,
    Wit,
)
from gritstone.wit import Laws
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.queries import ask_position, read_asked_step
from gritstone.wit.workspace import Workspace

greetings = Wit("greetings")


@greetings.message("greeting")
async def on_greeting(greeting: str, core: Core) -> None:
    """Keep a greeting."""
    core.makeb_path(f"my_greetings/{len(greeting)}.txt").set_as_str(greeting)


@greetings.query("count", returns="blob")
async def count(core: Core, least: int = 0) -> dict[str, int]:
    return {"count": least + len(await core.gett("my_greetings"))}


@dataclass
class ChatMessage:
    from_name: str
    text: str

    @classmethod
    async def load_from_tree(cls, tree: TreeObject) -> list[ChatMessage]:
        return [cls(**(await tree.getb(name)).get_as_json()) for name in tree]


chat = Wit("chat")


@chat.message("new_user_message")
async def on_new_user_message(messages_tree: TreeObject, ctx: MessageContext) -> None:
    messages = await ChatMessage.load_from_tree(messages_tree)
    if not messages or messages[-1].from_name != "user":
        return
    await asyncio.sleep(0)
    reply = {"from_name": "assistant", "text": messages[-1].text.upper()}
    ctx.outbox.add(OutboxMessage.from_reply(ctx.message, BlobObject.from_json(reply), mt="head_reply"))


def delivered(bench: Any, app: Wit, content: ObjectId, mt: str, **entries: ObjectId) -> Any:
    bench.register("app", app.code)
    actor, head = bench.born("a", b"external:app", **entries)
    message = bench.message(content, bench.position(head, actor).inbox[bench.outside], **({"mt": mt} if mt else {}))
    step = bench.step(actor, head, [(bench.outside, message)])
    return None if step is None else bench.position(step, actor)


def asked(bench: Any, position: Any, name: str, args: bytes = b"") -> Any:
    workspace = Workspace(bench.objects)
    query = ask_position(bench.laws, workspace, read_asked_step(workspace, position.step_id), name, args)
    found = drive(query, lambda seconds: None, Deadline(lambda: 0.0, 0))
    return None if found is None else workspace.load(found)


def test_greetings_actor_keeps_and_returns_greetings(bench: Any) -> None:
    position = delivered(bench, greetings, bench.blob(b"hello"), "greeting")
    assert bench.objects.load(position.core["my_greetings"]) == Tree({"5.txt": bench.blob(b"hello", ct="s")})
    assert asked(bench, position, "count").data == b'{"count":1}'
    assert asked(bench, position, "count", b'{"least":2}').data == b'{"count":3}'
    assert asked(bench, position, "other") is None
    for args in (b'{"most":2}', b"[]", b"{"):
        with pytest.raises(Rejected):
            asked(bench, position, "count", args)
    wut = json.loads(asked(bench, position, "wut").data)
    assert wut["messages"] == {"greeting": {"content": "blob", "summary": "Keep a greeting."}}
    assert wut["queries"]["count"] == {"args": "blob", "returns": "blob"}


def test_chat_actor_replies_to_the_sender(bench: Any) -> None:
    one = bench.blob(json.dumps({"from_name": "user", "text": "hi"}).encode())
    position = delivered(bench, chat, bench.tree(**{"1": one}), "new_user_message")
    reply = bench.objects.load(position.outbox[bench.outside])
    assert dict(reply.headers) == {"mt": "head_reply", "reply": position.inbox[bench.outside].hex()}
    assert json.loads(bench.objects.load(reply.content).data) == {"from_name": "assistant", "text": "HI"}
    with pytest.raises(Rejected) as caught:
        delivered(bench, chat, bench.blob(b"no tree"), "new_user_message")
    assert caught.value.code == "failed"


def test_message_without_handler_is_read(bench: Any) -> None:
    position = delivered(bench, greetings, bench.blob(b"x"), "other")
    assert position.step.core == position.step.actor


def test_handlers_receive_value_and_context(bench: Any) -> None:
    app = Wit()
    seen: dict[str, Any] = {}

    @dataclass
    class Point:
        x: int

    @app.message()
    def plain(
        content: Any, core: Core, inbox: Inbox, outbox: Outbox, message: InboxMessage, ctx: MessageContext
    ) -> None:
        seen.update(content=content, inbox=inbox, message=message, attempt=ctx.attempt)
        assert (ctx.core, ctx.inbox, ctx.outbox, ctx.message) == (core, inbox, outbox, message)
        outbox.add_genesis(core)
        outbox.add(OutboxMessage.from_new(message.sender_id, BlobObject.from_str("x"), is_signal=True))

    app.message("bytes")(lambda: None)

    def typed(content: bytes, point: Point) -> None:
        seen.update(bytes=content, point=point)

    app.message("typed")(with_hints(typed, content=bytes, point=Point))
    position = delivered(bench, app, bench.blob(b'{"x":1}'), "")
    assert isinstance(seen["content"], BlobObject)
    assert [one.mt for one in seen["inbox"]] == [""]
    assert seen["attempt"] == 1
    assert set(position.outbox) == {position.step.actor, bench.outside}
    delivered(bench, app, bench.blob(b'{"x":1}'), "typed")
    assert (seen["bytes"], seen["point"].x) == (b'{"x":1}', 1)


def with_hints(handler: Any, **hints: Any) -> Any:
    handler.__annotations__ = hints
    return handler


def test_control_messages_call_their_handlers(bench: Any) -> None:
    app = Wit()
    app.genesis(with_hints(lambda core: core.makeb_path("born").set_as_str("yes"), core=Core))
    app.cleanup(with_hints(lambda core: core.remove("born"), core=Core))
    app.update(with_hints(lambda core, update: core.add("got", update.blob("x")), core=Core, update=TreeObject))
    bench.register("app", app.code)
    actor, head = bench.born("a", b"external:app")
    position = bench.position(head, actor)
    assert "born" in position.core
    genesis = position.inbox[bench.outside]
    update = bench.tree(wit_update=bench.blob(b"external:app"), x=bench.blob(b"new"))
    updated = bench.position(
        bench.step(actor, head, [(bench.outside, bench.message(update, genesis, mt="update"))]), actor
    )
    assert updated.core["got"] == bench.blob(b"new")
    message = bench.message(bench.blob(b""), genesis, mt="cleanup")
    cut = bench.position(bench.step(actor, head, [(bench.outside, message)]), actor)
    assert cut.step.previous is None
    assert "born" not in cut.core


def test_update_without_handler_is_merged(bench: Any) -> None:
    app = Wit()
    bench.register("app", app.code)
    actor, head = bench.born("a", b"external:app")
    update = bench.tree(wit_update=bench.blob(b"external:app"), x=bench.blob(b"new"))
    message = bench.message(update, bench.position(head, actor).inbox[bench.outside], mt="update")
    core = bench.position(bench.step(actor, head, [(bench.outside, message)]), actor).core
    assert {"x", "wit_update", "wit"} <= set(core)


def test_held_message_stays_unread(bench: Any) -> None:
    app = Wit()

    @app.message()
    def wait(ctx: MessageContext) -> None:
        if "key" not in ctx.core:
            ctx.hold()

    assert delivered(bench, app, bench.blob(b"x"), "") is None
    assert delivered(bench, app, bench.blob(b"x"), "", key=bench.blob(b"")).inbox


def test_queries_receive_bytes_and_context(bench: Any) -> None:
    app = Wit()

    @app.query("raw")
    def raw(args: bytes, ctx: QueryContext) -> BlobObject:
        return BlobObject.from_bytes(args + ctx.actor_id)

    @app.query("text")
    def text(ctx: QueryContext) -> str:
        return ctx.step_id.hex()

    @app.query("tree")
    def tree(core: Core) -> TreeObject:
        return core

    position = delivered(bench, app, bench.blob(b"x"), "")
    assert asked(bench, position, "raw", b"hi").data == b"hi" + position.step.actor
    assert asked(bench, position, "text") == Blob({"ct": "s"}, position.step_id.hex().encode())
    assert asked(bench, position, "tree") == Tree(position.core)


async def set_later(text: str, core: Core) -> None:
    """Keep a text."""
    await asyncio.sleep(0)
    core.makeb_path("said").set_as_str(text)


def set_by_wrapper(text: str, core: Core) -> Any:
    return set_later(text, core)


class Setter:
    async def __call__(self, text: str, core: Core) -> None:
        await set_later(text, core)


class Later:
    """An awaitable that is not a coroutine."""

    def __init__(self, text: str, core: Core) -> None:
        self.work = set_later(text, core)

    def __await__(self) -> Any:
        return self.work.__await__()


@pytest.mark.parametrize("handler", [set_later, set_by_wrapper, functools.partial(set_later), Setter(), Later])
@pytest.mark.filterwarnings("error")
def test_result_of_a_handler_that_is_awaitable_is_awaited(bench: Any, handler: Any) -> None:
    app = Wit()
    app.message("m")(handler)
    position = delivered(bench, app, bench.blob(b"hi"), "m")
    assert bench.objects.load(position.core["said"]).data == b"hi"


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError(), BaseException("x")])
def test_every_exception_of_a_handler_is_a_failure(bench: Any, error: BaseException) -> None:
    def plain(text: str) -> None:
        raise error

    async def later(text: str) -> None:
        await asyncio.sleep(0)
        raise error

    for handler in (plain, later):
        app = Wit()
        app.message("m")(handler)
        with pytest.raises(Rejected, match=type(error).__name__) as failed:
            delivered(bench, app, bench.blob(b"hi"), "m")
        assert failed.value.code == "failed"


def test_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        BlobObject.from_json({"a": float("nan")})


def test_actor_values_decode_to_the_encoded_value(bench: Any) -> None:
    workspace = bench.workspace
    root = bench.nested({"a": {"b": "1", "c": "2"}, "d": "3"})
    tree = TreeObject(workspace, root)
    assert list(tree) == ["a", "d"]
    assert tree.persist(workspace) == root
    assert not workspace.made
    tree.blob("a/b").set_as_json({"z": 1, "a": [2]})
    tree.remove("a/c")
    tree.remove("no/such")
    tree.add("d/e", BlobObject.from_str("x"))
    expected = bench.tree(
        a=bench.tree(b=bench.blob(b'{"a":[2],"z":1}', ct="j")), d=bench.tree(e=bench.blob(b"x", ct="s"))
    )
    assert tree.persist(workspace) == expected
    assert "a/b" in tree
    assert tree.blob("d/e").get_as_str() == "x"
    tree.makeb_path("n").set_as_bytes(b"\0")
    assert tree.blob("n").get_as_bytes() == b"\0"
    assert tree.makeb_path("n") is tree.blob("n")


SOURCE = b"""
from gritstone.kit.actors import Core, Wit
import loud.very
from plain import PLAIN

app = Wit("inner")

@app.message()
def hi(text: str, core: Core) -> None:
    core.makeb_path("said").set_as_str(loud.very.shout(text) + PLAIN)
"""


def test_actor_runs_the_code_in_its_core(bench: Any) -> None:
    bench.laws = Laws(Sources())
    package = bench.tree(**{"__init__.py": bench.blob(b""), "very.py": bench.blob(b"def shout(t): return t.upper()")})
    modules = {"app.py": bench.blob(SOURCE), "loud": package, "plain.py": bench.blob(b"PLAIN = '.'")}
    actor, head = bench.born("a", b"/lib/code:app:app", lib=bench.tree(code=bench.tree(**modules)))
    genesis = bench.position(head, actor).inbox[bench.outside]
    message = bench.message(bench.blob(b"hi"), genesis)
    position = bench.position(bench.step(actor, head, [(bench.outside, message)]), actor)
    assert bench.objects.load(position.core["said"]).data == b"HI."
    change = bench.nested({"lib": {"code": {"plain.py": "PLAIN = '!'"}}})
    updated = bench.step(actor, head, [(bench.outside, bench.message(change, genesis, mt="update"))])
    again = bench.message(bench.blob(b"hi"), bench.position(updated, actor).inbox[bench.outside])
    position = bench.position(bench.step(actor, updated, [(bench.outside, again)]), actor)
    assert bench.objects.load(position.core["said"]).data == b"HI!"


@pytest.mark.parametrize(
    "node",
    [
        "/lib:exits:app",
        "/lib:none:app",
        "/lib:bad:app",
        "/lib:app:none",
        "/lib:app:number",
        "/none:app:app",
        "/lib:sub.none:x",
    ],
)
def test_transition_with_invalid_code_fails(bench: Any, node: str) -> None:
    laws = Laws(Sources())
    modules = {"app.py": "number = 1", "bad.py": "1 / 0", "exits.py": "raise SystemExit"}
    files = {**modules, "sub": {"__init__.py": ""}}
    core = {"wit": bench.blob(node.encode()), "lib": bench.nested(files)}
    with pytest.raises(Rejected) as caught:
        laws.resolve(bench.workspace, core, "wit")
    assert caught.value.code == "unresolved"
