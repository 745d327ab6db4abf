"""The examples of the documentation run, as programs and in a runtime that outlives its process."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import Format
from gritstone.grit.lmdb_store import open_durable
from gritstone.kit.actors import ActorRuntime, BlobObject, Sources, TreeObject
from gritstone.runtime import Config
from gritstone.wit import External, Laws

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("greeting", ["2 steps, then rest", "['Hello.', 'Good evening.']"]),
        ("chat", ["head_reply {'from_name': 'assistant', 'text': 'You said: Are you there?'}"]),
    ],
)
def test_example_programs_print_the_expected_lines(name: str, expected: list[str]) -> None:
    run = subprocess.run([sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == expected
    assert run.stderr == ""


def test_greetings_outlive_the_runtime(format_: Format, tmp_path: Path) -> None:
    greeting = load("greeting")

    async def session(text: str) -> list[str]:
        store = open_durable(tmp_path / "store", format_)
        runtime = ActorRuntime(store, Laws(Sources()), Config("test"))
        actor = runtime.keep(greeting.make_core())
        if not store.list_references(f"heads/{actor.hex()}")[0]:
            await runtime.inject(actor, actor, [("mt", "genesis")])
        await runtime.inject(actor, runtime.keep(BlobObject.from_str(text)), [("mt", "greeting")])
        report = await runtime.run()
        assert report.parked == []
        _, answer = await runtime.query(actor, "greetings")
        assert answer is not None
        found = runtime.open(answer)
        assert isinstance(found, BlobObject)
        greetings: list[str] = found.get_as_json()
        await runtime.stop(drain=True)
        store.close()
        return greetings

    assert asyncio.run(session("one")) == ["one"]
    assert asyncio.run(session("two")) == ["one", "two"]


def test_code_in_a_core_can_be_updated(format_: Format, tmp_path: Path) -> None:
    greeting = load("greeting")

    async def session() -> list[str]:
        store = open_durable(tmp_path / "store", format_)
        runtime = ActorRuntime(store, Laws(Sources()), Config("test", max_attempts=1))
        actor = runtime.keep(greeting.make_core())
        await runtime.inject(actor, actor, [("mt", "genesis")])
        change = TreeObject()
        source = (EXAMPLES / "greeting.py").read_text()
        change.makeb_path("code/greeting.py").set_as_str(
            source.replace("set_as_str(greeting)", "set_as_str('changed')")
        )
        await runtime.inject(actor, runtime.keep(BlobObject.from_str("before")), [("mt", "greeting")])
        await runtime.inject(actor, runtime.keep(change), [("mt", "update")])
        await runtime.inject(actor, runtime.keep(BlobObject.from_str("after")), [("mt", "greeting")])
        assert (await runtime.run()).parked == []
        _, answer = await runtime.query(actor, "greetings")
        assert answer is not None
        found = runtime.open(answer)
        assert isinstance(found, BlobObject)
        await runtime.stop(drain=True)
        store.close()
        return list(found.get_as_json())

    assert asyncio.run(session()) == ["before", "changed"]


@pytest.mark.parametrize(("name", "messages"), [("user", 1), ("assistant", 0)])
def test_chat_answers_the_user_only(format_: Format, tmp_path: Path, name: str, messages: int) -> None:
    chat = load("chat")

    async def session() -> int:
        store = open_durable(tmp_path / "store", format_)
        runtime = ActorRuntime(store, Laws(External({"chat": chat.app.code})), Config("test", max_attempts=1))
        actor = runtime.keep(chat.make_core())
        await runtime.inject(actor, actor, [("mt", "genesis")])
        tree = TreeObject()
        tree.makeb_path("1").set_as_json({"from_name": "user", "text": "x"})
        tree.makeb_path("2").set_as_json({"from_name": name, "text": "y"})
        asked = await runtime.inject(actor, runtime.keep(tree), [("mt", "new_user_message")])
        assert (await runtime.run()).parked == []
        replies = runtime.received()
        assert all(reply.headers["reply"] == asked.hex() for reply in replies)
        await runtime.stop(drain=True)
        store.close()
        return len(replies)

    assert asyncio.run(session()) == messages
