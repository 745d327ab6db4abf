"""An exchange: a message, the steps that follow it, and the acknowledgement of the reply as one update of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import Blob, ObjectId, Store, Tree
from gritstone.runtime import Runtime
from gritstone.runtime.agent_mailbox import acknowledge, inject, mail
from gritstone.wit.workspace import Workspace

_REPLY = b"A\3log\0\1xS\xf1q\5reply\xf2"  # append to a blob, and reply
_NAP = b"Z\0\x14"


class Asking:
    """The exchange with an actor that runs a program for each message."""

    def __init__(self, stage: Any, program: bytes = _REPLY, *, suite_clock: bool = True) -> None:
        self.runtime: Runtime = stage.start(suite_clock=suite_clock)
        (self.actor,) = stage.born("a")
        self.content = stage.program(program)
        self.sent: list[ObjectId] = []

    @property
    def world(self) -> Any:
        return self.runtime.machine.world

    def send(self) -> ObjectId:
        self.sent.append(inject(self.world, self.actor, [], self.content, signal=False))
        return self.sent[-1]

    def receive(self, message: ObjectId) -> ObjectId | None:
        assert message == self.sent[-1]
        for sender, reply in mail(self.world):
            acknowledge(self.world, sender, reply)
            return reply
        return None

    def exchange(self) -> Awaitable[ObjectId | None]:
        return self.runtime.exchange(self.send, self.receive)

    def other_sends(self) -> Callable[[], None]:
        """Return a function with which another runtime sends the actor the same content."""
        other = Runtime(self.runtime.store, self.runtime.machine.world.executor.laws, self.runtime.machine.config)

        def send() -> None:
            other.refresh()
            with pytest.raises(StopIteration):  # it does not wait
                other.inject(self.actor, self.content).send(None)

        return send


def count_updates(store: Store, monkeypatch: pytest.MonkeyPatch, *disturbances: Callable[[], None]) -> list[None]:
    """Return a list that grows by each update; each disturbance runs before one update, and is not counted."""
    seen: list[None] = []
    waiting = list(disturbances)
    plain = store.update

    def update(*given: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop(0)()
        seen.append(None)
        return plain(*given, **named)

    monkeypatch.setattr(store, "update", update)
    return seen


def test_exchange_is_one_update(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(stage)
    updates = count_updates(stage.store, monkeypatch)
    reply = stage.wait(asking.exchange())
    assert len(updates) == 1
    assert stage.load(reply).headers == {"mt": "reply"}
    assert stage.data(asking.actor, "log") == b"x"
    assert stage.entries(stage.head(asking.runtime.agent).inbox)[asking.actor] == reply


def test_exchange_waits_for_runs(stage: Any) -> None:
    asking = Asking(stage, _NAP + _REPLY, suite_clock=False)
    assert stage.load(stage.wait(asking.exchange())).headers == {"mt": "reply"}


def test_exchange_without_a_reply_returns_none(stage: Any) -> None:
    asking = Asking(stage, b"")
    assert stage.wait(asking.exchange()) is None
    assert len(stage.steps(asking.actor)) == 2


def test_exchange_that_changes_nothing_ends(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(stage)
    updates = count_updates(stage.store, monkeypatch)
    assert stage.wait(asking.runtime.exchange(lambda: None, lambda sent: None)) is None
    assert updates == []


def test_refused_exchange_is_repeated_from_new_heads(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(stage)
    count_updates(stage.store, monkeypatch, asking.other_sends())
    reply = stage.wait(asking.exchange())
    assert len(set(asking.sent)) == 2
    assert stage.data(asking.actor, "log") == b"xx"  # for the message of the other runtime, and for the second one
    assert stage.entries(stage.head(asking.runtime.agent).inbox)[asking.actor] == reply


def test_exchange_needs_a_runtime_that_nobody_runs(stage: Any) -> None:
    asking = Asking(stage, suite_clock=False)

    async def both() -> None:
        serving = asyncio.ensure_future(asking.runtime.serve())
        await asyncio.sleep(0)
        with pytest.raises(Rejected):
            await asking.exchange()
        await asking.runtime.stop(drain=True)
        await serving

    stage.wait(both())
    assert asking.sent == []


def test_refused_message_leaves_no_new_objects(stage: Any) -> None:
    asking = Asking(stage)
    new = Workspace(asking.world.objects)
    content = new.put(Tree({"new": new.put(Blob({}, b"never stored"))}))

    def send() -> ObjectId:
        return inject(asking.world, asking.actor, [("mt", "receipt")], content, signal=False, new=new)

    with pytest.raises(Rejected):
        stage.wait(asking.runtime.exchange(send, asking.receive))
    stage.wait(asking.exchange())
    with pytest.raises(Missing):
        stage.load(content)


def test_new_content_that_was_erased_stays_erased(stage: Any) -> None:
    asking = Asking(stage)
    erased = stage.blob(b"A\3log\0\1x")
    stage.store.erase(erased)
    asking.runtime.forget()
    new = Workspace(asking.world.objects)
    content = new.put(Tree({"program": new.put(Blob({}, b"A\3log\0\1x"))}))
    message = inject(asking.world, asking.actor, [], content, signal=False, new=new)
    assert stage.wait(asking.runtime.exchange(lambda: message, lambda sent: None)) is None
    assert erased not in asking.world.objects.young
    assert stage.load(content).entries == {"program": erased}
    with pytest.raises(Missing) as missing:
        stage.load(erased)
    assert missing.value.code == "erased"
    assert stage.data(asking.actor, "log") is None


def test_reply_whose_commit_is_refused_is_received_again(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run waits, so the message is durable before the reply."""
    asking = Asking(stage, _NAP + _REPLY, suite_clock=False)
    updates = count_updates(stage.store, monkeypatch, lambda: None, asking.other_sends())
    reply = stage.wait(asking.exchange())
    assert (len(updates), len(asking.sent)) == (4, 1)  # with the update of the other runtime
    assert stage.data(asking.actor, "log") == b"xx"
    assert stage.entries(stage.head(asking.runtime.agent).inbox)[asking.actor] == reply
