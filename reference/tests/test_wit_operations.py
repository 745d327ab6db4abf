"""The operations of ``wit``, through the door: what each answers, and each way to be refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.grit import Blob, Mailbox, Message, Object, Step, Tree
from gritstone.harness import Claims

ABSENT = "ab" * 32

Put = Callable[[Object], str]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Stage:
    """Put the objects of one actor into ``s``, as ids in hexadecimal."""

    def __init__(self, put: Put) -> None:
        self.put = put
        self.node = put(Blob({"ct": "s"}, b"external:puppet/1"))
        self.core = self.tree(wit=self.node, wit_query=self.node)
        self.sender = self.tree(name=put(Blob({}, b"sender")))
        self.genesis = self.message(self.core, mt="genesis")

    def tree(self, **entries: str) -> str:
        return self.put(Tree({name: bytes.fromhex(one) for name, one in entries.items()}))

    def message(self, content: str, previous: str | None = None, **headers: str) -> str:
        link = None if previous is None else bytes.fromhex(previous)
        return self.put(Message(link, headers, bytes.fromhex(content)))

    def program(self, code: bytes, **operands: str) -> str:
        return self.tree(program=self.put(Blob({}, code)), **operands)

    def start(self, head: str | None, message: str) -> dict[str, Any]:
        """Return the start of a transition."""
        return {"store": "s", "actor": self.core, "head": head, "inbox": [[self.sender, message]]}

    def step(self, head: str | None, message: str, **more: Any) -> dict[str, Any]:
        return {**self.start(head, message), "attempt": 1, **more}


@pytest.fixture
def stage(put: Put) -> Stage:
    return Stage(put)


@pytest.fixture
def born(opened: Any, stage: Stage) -> str:
    """Return the first step of the actor."""
    return str(opened.ok("wit.step", **stage.step(None, stage.genesis))["step"])


def test_a_step_is_stored_and_no_reference_is_set(opened: Any, stage: Stage, born: str) -> None:
    assert opened.ok("grit.has", store="s", ids=[born])["has"] == [True]
    assert opened.ok("grit.refs", store="s", prefix="", after=None, limit=10)["refs"] == []
    message = stage.message(stage.program(b"W\1k\0\1v"), stage.genesis)
    step = opened.ok("wit.step", **stage.step(born, message))["step"]
    assert step != born
    assert opened.ok("wit.step", **stage.step(born, message, attempt=7, transition_ms=5_000))["step"] == step
    assert opened.ok("wit.admit", **stage.start(born, message), step=step) == {}


def test_declined_transition_returns_the_head(opened: Any, stage: Stage, born: str) -> None:
    message = stage.message(stage.program(b"L\1k"), stage.genesis)
    assert opened.ok("wit.step", **stage.step(born, message)) == {"step": born}


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (b"F", ("rejected", "failed")),
        (b"X\3", ("rejected", "illegal-step")),
        (b"Z\3\xe8", ("exhausted", "timeout")),
    ],
)
def test_failed_transition_stores_nothing(
    opened: Any, stage: Stage, born: str, code: bytes, refusal: tuple[str, str]
) -> None:
    message = stage.message(stage.program(b"W\1k\0\1w" + code), stage.genesis)
    removed = opened.ok("grit.prune", store="s", pins=[born, message])["removed"]
    assert opened.refused("wit.step", **stage.step(born, message, transition_ms=20)) == refusal
    assert opened.ok("grit.prune", store="s", pins=[born, message])["removed"] == 0
    assert removed >= 0


def test_sleeping_takes_no_time_without_a_limit(opened: Any, stage: Stage, born: str) -> None:
    message = stage.message(stage.program(b"Z\xff\xff"), stage.genesis)
    assert opened.ok("wit.step", **stage.step(born, message))["step"] != born


def test_unclaimed_code_is_unresolved(attach: Any) -> None:
    client = attach(Claims().without({"external"}))
    client.ok("grit.open", store="s", format="framed-sha256", backend="memory", create=True)
    encode = client.adapter._session.claims.limits

    def put(value: Object) -> str:
        from gritstone.grit import FRAMED_SHA256

        return str(client.ok("grit.put", store="s", bytes=b64(FRAMED_SHA256.encode(value, encode)))["id"])

    stage = Stage(put)
    assert client.refused("wit.step", **stage.step(None, stage.genesis)) == ("rejected", "unresolved")


def test_invalid_transitions_are_rejected(opened: Any, stage: Stage, born: str, put: Put) -> None:
    blob = put(Blob({}, b""))
    message = stage.message(blob, stage.genesis)
    good = stage.start(born, message)
    cases: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
        ({"actor": blob}, ("invalid", None)),
        ({"actor": ABSENT}, ("missing", None)),
        ({"head": blob}, ("invalid", None)),
        ({"head": ABSENT}, ("missing", None)),
        ({"actor": stage.sender}, ("invalid", None)),
        ({"inbox": []}, ("invalid", "proposal")),
        ({"inbox": [[stage.sender, stage.genesis]]}, ("invalid", "proposal")),
        ({"inbox": [[stage.sender, blob]]}, ("invalid", "proposal")),
        ({"inbox": [[stage.sender, ABSENT]]}, ("missing", None)),
        ({"store": "other"}, ("missing", None)),
    ]
    for change, refusal in cases:
        assert opened.refused("wit.step", **{**good, **change}, attempt=1) == refusal, change
        assert opened.refused("wit.admit", **{**good, **change}, step=born) == refusal, change
    for step in (born, blob, ABSENT):
        assert opened.refused("wit.admit", **good, step=step) == ("rejected", "illegal-step")


def test_unread_lists_messages_oldest_first(opened: Any, stage: Stage, put: Put) -> None:
    second = stage.message(stage.core, stage.genesis)
    third = stage.message(stage.core, second)
    assert opened.ok("wit.unread", store="s", tip=third, cursor=stage.genesis) == {
        "ids": [second, third],
        "fresh": False,
    }
    assert opened.ok("wit.unread", store="s", tip=third, cursor=None)["fresh"] is True
    assert opened.ok("wit.unread", store="s", tip=third, cursor=third) == {"ids": [], "fresh": False}
    assert opened.refused("wit.unread", store="s", tip=ABSENT, cursor=None) == ("missing", None)
    assert opened.refused("wit.unread", store="s", tip=stage.core, cursor=None) == ("invalid", None)


def test_unread_of_more_messages_than_the_limit_is_exhausted(client: Any) -> None:
    from gritstone.grit import FRAMED_SHA256, Limits

    client.ok("grit.open", store="s", format="framed-sha256", backend="memory", create=True)
    tip: bytes | None = None
    requests = []
    for _ in range(4_097):
        data = FRAMED_SHA256.encode(Message(tip, {}, bytes(31) + b"x"), Limits())
        tip = FRAMED_SHA256.object_id(data)
        requests.append(("grit.put", {"store": "s", "bytes": b64(data)}))
    ids = [reply["ok"]["id"] for reply in client.together(*requests)]
    assert len(client.ok("wit.unread", store="s", tip=ids[-2], cursor=None)["ids"]) == 4_096
    assert client.refused("wit.unread", store="s", tip=ids[-1], cursor=None) == ("exhausted", None)


def test_merge_returns_the_merged_tree(opened: Any, stage: Stage, put: Put) -> None:
    a, b = put(Blob({}, b"a")), put(Blob({}, b"b"))
    core = opened.ok("wit.merge", store="s", core=stage.tree(x=a, y=a), update=stage.tree(y=b, z=b))["core"]
    assert core == stage.tree(x=a, y=b, z=b)
    for args, refusal in (
        ({"core": a, "update": core}, "invalid"),
        ({"core": core, "update": a}, "invalid"),
        ({"core": ABSENT, "update": core}, "missing"),
        ({"core": core, "update": ABSENT}, "missing"),
    ):
        assert opened.refused("wit.merge", store="s", **args) == (refusal, None)


def test_query_returns_the_answer(opened: Any, stage: Stage, born: str, put: Put) -> None:
    found = opened.ok("wit.query", store="s", step=born, name="echo", args=b64(b"hi"))["result"]
    assert found == put(Blob({}, b"hi"))
    assert opened.ok("wit.query", store="s", step=born, name="other", args="") == {"result": None}
    assert opened.refused("wit.query", store="s", step=born, name="fail", args="") == ("rejected", "failed")
    assert opened.refused("wit.query", store="s", step=stage.core, name="echo", args="") == ("rejected", None)
    assert opened.refused("wit.query", store="s", step=ABSENT, name="echo", args="") == ("missing", None)
    mute = bytes.fromhex(stage.tree(wit=stage.node))
    mailbox = bytes.fromhex(put(Mailbox({mute: bytes.fromhex(stage.genesis)})))
    step = put(Step(None, mute, mailbox, None, mute))
    assert opened.refused("wit.query", store="s", step=step, name="echo", args="") == ("rejected", "unresolved")


def test_openapi_returns_the_document(opened: Any, born: str, stage: Stage, format_: Any) -> None:
    wut = opened.ok("wit.query", store="s", step=born, name="wut", args="")["result"]
    data = format_.decode(unb64(opened.ok("grit.get", store="s", id=wut)["bytes"]), Claims().limits).data
    document = json.loads(unb64(opened.ok("wit.openapi", actor=stage.core, wut=b64(data))["document"]))
    assert document["openapi"] == "3.1.0"
    assert "/queries/echo" in document["paths"]
    assert opened.refused("wit.openapi", actor=stage.core, wut=b64(data + b" ")) == ("invalid", None)
