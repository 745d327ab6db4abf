"""The operations of ``runtime`` and ``fault``, through the door: what each answers, and each way to be refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import FRAMED_SHA256, Blob, Limits, Object, Tree
from gritstone.harness import Claims

ABSENT = "ab" * 32
START: dict[str, Any] = {
    "store": "s",
    "agent": "test",
    "schedule": "free",
    "clock": "suite",
    "base_ms": 10,
    "cap_ms": 100,
    "max_attempts": 2,
    "transition_ms": 0,
}

Put = Callable[[Object], str]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Stage:
    """Start the runtime ``r`` on the store ``s``, and send puppets what to do."""

    def __init__(self, client: Any, put: Put, **given: Any) -> None:
        self.client, self.put = client, put
        self.agent = client.ok("runtime.start", runtime="r", **{**START, **given})["agent"]
        self.node = put(Blob({"ct": "s"}, b"external:puppet/1"))

    def core(self, name: str) -> str:
        return self.tree(name=self.put(Blob({}, name.encode())), wit=self.node, wit_query=self.node)

    def tree(self, **entries: str) -> str:
        return self.put(Tree({name: bytes.fromhex(one) for name, one in entries.items()}))

    def inject(self, to: str, content: str, mode: str = "queue", **headers: str) -> str:
        pairs = [list(pair) for pair in headers.items()]
        args = {"to": to, "content": content, "headers": pairs, "mode": mode}
        return str(self.client.ok("runtime.inject", runtime="r", **args)["message"])

    def tell(self, to: str, code: bytes, mode: str = "queue", **operands: str) -> str:
        return self.inject(to, self.tree(program=self.put(Blob({}, code)), **operands), mode)

    def run(self, max_steps: int = 1_000) -> Any:
        return self.client.ok("runtime.run", runtime="r", max_steps=max_steps)

    def refs(self, prefix: str = "") -> dict[str, str]:
        return dict(self.client.ok("grit.refs", store="s", prefix=prefix, after=None, limit=100)["refs"])


@pytest.fixture
def stage(opened: Any, put: Put) -> Stage:
    return Stage(opened, put)


@pytest.fixture
def chosen(opened: Any, put: Put) -> Stage:
    return Stage(opened, put, schedule="chosen")


def test_start_returns_the_agent(opened: Any, stage: Stage, put: Put) -> None:
    start = {"runtime": "q", **START}
    assert stage.refs("runtime/") == {"runtime/agent": stage.agent}
    assert opened.refused("runtime.start", **{**start, "store": "other"}) == ("missing", None)
    assert opened.refused("runtime.start", **{**start, "runtime": "r"}) == ("rejected", None)
    assert opened.refused("runtime.start", **{**start, "agent": ""}) == ("invalid", None)
    assert opened.refused("runtime.start", **{**start, "agent": "x" * 256}) == ("invalid", None)
    assert opened.refused("runtime.start", **{**start, "agent": "another"}) == ("rejected", "agent")
    assert opened.ok("runtime.start", **start)["agent"] == stage.agent
    assert opened.ask("runtime.start", **{**start, "runtime": "p", "workers": 2}) == {
        "unsupported": {"feature": "threads"}
    }


def test_unknown_runtime_handles_are_refused_as_missing(opened: Any, stage: Stage) -> None:
    for op, args in (
        ("runtime.run", {"max_steps": 1}),
        ("runtime.mail", {}),
        ("runtime.collect", {}),
        ("runtime.effects", {}),
        ("runtime.stop", {"how": "now"}),
        ("runtime.ready", {}),
        ("runtime.query", {"actor": ABSENT, "name": "x", "args": ""}),
        ("runtime.time", {"now_ms": "1"}),
    ):
        assert opened.refused(op, runtime="other", **args) == ("missing", None), op


def test_injected_message_is_run(opened: Any, stage: Stage) -> None:
    a = stage.core("a")
    stage.inject(a, a, mt="genesis")
    assert stage.run() == {"cause": "rest", "steps": 1, "parked": []}
    first = stage.tell(a, b"A\3log\0\1x")
    assert stage.tell(a, b"A\3log\0\1x") != first
    signal = stage.tell(a, b"A\3log\0\1s", "signal")
    assert stage.tell(a, b"A\3log\0\1s", "signal") == signal
    assert stage.run()["steps"] == 1
    for actor in (stage.core("b"), stage.core("c")):
        stage.inject(actor, actor)
    assert stage.run(1) == {"cause": "max-steps", "steps": 1, "parked": []}
    inject = {"runtime": "r", "to": a, "content": a, "headers": [], "mode": "queue"}
    blob = stage.put(Blob({}, b""))
    for change, refusal in (
        ({"to": ABSENT}, "missing"),
        ({"content": ABSENT}, "missing"),
        ({"to": blob}, "rejected"),
        ({"headers": [["mt", "receipt"]]}, "rejected"),
        ({"headers": [["a", "1"], ["a", "2"]]}, "invalid"),
    ):
        assert opened.refused("runtime.inject", **{**inject, **change}) == (refusal, None), change


def test_failures_delay_retries_on_the_suite_clock(opened: Any, stage: Stage) -> None:
    a = stage.core("a")
    stage.inject(a, a)
    stage.run()
    stage.tell(a, b"F")
    assert stage.run() == {"cause": "waiting", "steps": 0, "parked": []}
    assert opened.ok("runtime.time", runtime="r", now_ms="9") == {"due": 0}
    assert stage.run()["cause"] == "waiting"
    assert opened.ok("runtime.time", runtime="r", now_ms="10") == {"due": 1}
    assert stage.run() == {"cause": "rest", "steps": 0, "parked": [[a, "failed"]]}
    assert opened.refused("runtime.time", runtime="r", now_ms="9") == ("rejected", None)
    assert list(stage.refs("failed/")) == [f"failed/{a}"]


def test_setting_the_system_clock_is_rejected(opened: Any, put: Put) -> None:
    Stage(opened, put, clock="system")
    assert opened.refused("runtime.time", runtime="r", now_ms="1") == ("rejected", None)


def test_queries_return_step_and_answer(opened: Any, stage: Stage, put: Put) -> None:
    a = stage.core("a")
    stage.inject(a, a)
    stage.run()
    answer = opened.ok("runtime.query", runtime="r", actor=a, name="echo", args=b64(b"hi"))
    assert answer == {"step": stage.refs()[f"heads/{a}"], "result": put(Blob({}, b"hi"))}
    assert opened.ok("runtime.query", runtime="r", actor=a, name="other", args="")["result"] is None
    assert opened.refused("runtime.query", runtime="r", actor=a, name="fail", args="") == ("rejected", "failed")
    assert opened.refused("runtime.query", runtime="r", actor=ABSENT, name="x", args="") == ("missing", None)
    assert opened.refused("runtime.query", runtime="r", actor=stage.agent, name="x", args="") == (
        "rejected",
        "unresolved",
    )


def test_mail_is_listed_and_acknowledged(opened: Any, stage: Stage) -> None:
    a = stage.core("a")
    stage.inject(a, a)
    stage.tell(a, b"S\xf1q\3one\xf2S\xf1q\3two\xf2")
    stage.run()
    (_, first), (_, second) = opened.ok("runtime.mail", runtime="r")["mail"]
    acknowledge = {"runtime": "r", "sender": a, "message": first}
    assert opened.ok("runtime.ack", **acknowledge) == {}
    assert opened.ok("runtime.mail", runtime="r")["mail"] == [[a, second]]
    assert opened.refused("runtime.ack", **{**acknowledge, "sender": ABSENT}) == ("missing", None)
    assert opened.refused("runtime.ack", **{**acknowledge, "message": ABSENT}) == ("rejected", None)


def test_effects_are_listed_and_answered(opened: Any, stage: Stage, put: Put) -> None:
    a = stage.core("a")
    stage.inject(a, a)
    stage.tell(a, b"S\xf1q\x08effect.x\0S\xf1q\x08effect.y\xf2", **{"00": put(Blob({}, b"do"))})
    stage.run()
    x, y = opened.ok("runtime.effects", runtime="r")["effects"]
    assert (x["actor"], x["kind"], x["request"], x["effect"]) == (a, "x", b64(b"do"), f"{a}.{x['message']}")
    assert (y["kind"], y["request"]) == ("y", None)
    assert opened.ok("runtime.resolve", runtime="r", effect=x["effect"], outcome={"ok": b64(b"done")}) == {}
    assert opened.refused("runtime.resolve", runtime="r", effect=x["effect"], outcome={"ok": ""}) == ("missing", None)
    surrogate = {"failed": "\ud800"}
    assert opened.refused("runtime.resolve", runtime="r", effect=y["effect"], outcome=surrogate) == ("invalid", None)
    assert opened.ok("runtime.resolve", runtime="r", effect=y["effect"], outcome={"failed": "no"}) == {}
    assert opened.ok("runtime.effects", runtime="r") == {"effects": []}


def test_choices_are_listed_and_run(opened: Any, chosen: Stage) -> None:
    stage = chosen
    a, b = (stage.core(name) for name in "ab")
    for actor in (a, b):
        stage.inject(actor, actor)
    assert stage.refs("heads/").keys() == {f"heads/{stage.agent}"}
    choices = opened.ok("runtime.ready", runtime="r")["choices"]
    assert [one["actor"] for one in choices] == sorted([a, b])
    assert [sender for one in choices for sender, _ in one["inbox"]] == [stage.agent] * 2
    step = opened.ok("runtime.choose", runtime="r", choice=3)["step"]
    assert stage.refs()[f"heads/{choices[1]['actor']}"] == step
    assert opened.ok("runtime.choose", runtime="r", choice=0)["step"]
    assert opened.refused("runtime.choose", runtime="r", choice=0) == ("rejected", None)
    stage.tell(a, b"F")
    assert opened.ok("runtime.choose", runtime="r", choice=0) == {"step": None}
    assert opened.refused("runtime.run", runtime="r", max_steps=1) == ("rejected", None)


def test_choose_rejects_a_free_runtime(opened: Any, stage: Stage) -> None:
    assert opened.refused("runtime.ready", runtime="r") == ("rejected", None)
    assert opened.refused("runtime.choose", runtime="r", choice=0) == ("rejected", None)


def test_collect_returns_the_removed_actors(opened: Any, stage: Stage) -> None:
    a, b = (stage.core(name) for name in "ab")
    stage.inject(a, a)
    stage.tell(a, b"S\0q\0\0", **{"00": b})
    stage.run()
    assert opened.ok("runtime.collect", runtime="r") == {"removed": []}
    stage.tell(a, b"R\0", **{"00": b})
    stage.run()
    assert opened.ok("runtime.collect", runtime="r") == {"removed": [b]}
    assert f"heads/{b}" not in stage.refs()


@pytest.mark.parametrize("how", ["drain", "now"])
def test_stop_frees_the_handle(opened: Any, stage: Stage, put: Put, how: str) -> None:
    assert opened.ok("runtime.stop", runtime="r", how=how) == {}
    assert opened.refused("runtime.mail", runtime="r") == ("missing", None)
    assert Stage(opened, put).agent == stage.agent


def test_closing_a_store_stops_its_runtimes(opened: Any, stage: Stage) -> None:
    opened.ok("grit.close", store="s")
    assert opened.refused("runtime.mail", runtime="r") == ("missing", None)


def test_prune_keeps_objects_of_runs(opened: Any, put: Put) -> None:
    stage = Stage(opened, put, clock="system")
    a = stage.core("a")
    stage.inject(a, a)
    stage.run()
    message = stage.tell(a, b"Z\0\x64W\4done\0\0")
    b = stage.core("b")
    stage.inject(b, b)
    assert stage.run(1)["steps"] == 1
    opened.ok("grit.prune", store="s", pins=[])
    assert opened.ok("grit.has", store="s", ids=[message])["has"] == [True]
    assert stage.run() == {"cause": "rest", "steps": 1, "parked": []}


def test_erased_blob_is_dropped_from_caches(opened: Any, stage: Stage, put: Put) -> None:
    a = stage.core("a")
    stage.inject(a, a)
    stage.tell(a, b"P\1k\0", **{"00": put(Blob({}, b"secret"))})
    stage.run()
    opened.ok("grit.erase", store="s", id=put(Blob({}, b"secret")))
    get = {"runtime": "r", "actor": a, "name": "get", "args": b64(b"k")}
    assert opened.refused("runtime.query", **get) == ("rejected", "failed")


@pytest.mark.parametrize(
    ("feature", "op", "args"),
    [
        ("schedule", "runtime.ready", {"runtime": "r"}),
        ("schedule", "runtime.start", {"runtime": "r", **START, "schedule": "chosen"}),
        ("clock", "runtime.start", {"runtime": "r", **START}),
        ("clock", "runtime.time", {"runtime": "r", "now_ms": "1"}),
        ("effects", "runtime.effects", {"runtime": "r"}),
        ("fault.kill", "fault.count", {}),
        ("fault.kill", "fault.arm", {"writes": 1, "when": "before"}),
    ],
)
def test_unclaimed_operations_are_unsupported(attach: Any, feature: str, op: str, args: dict[str, Any]) -> None:
    client = attach(Claims().without({feature}))
    assert client.ask(op, **args) == {"unsupported": {"feature": feature}}


def test_durable_writes_are_counted(client: Any, tmp_path: Path) -> None:
    place = {"format": "framed-sha256", "backend": "durable", "create": True}
    client.ok("grit.open", store="s", dir=str(tmp_path / "s"), **place)
    client.ok("grit.open", store="m", format="framed-sha256", backend="memory", create=True)

    def put(store: str, value: Object) -> str:
        data = FRAMED_SHA256.encode(value, Limits())
        return str(client.ok("grit.put", store=store, bytes=b64(data))["id"])

    def writes() -> int:
        return int(client.ok("fault.count")["writes"])

    before = writes()
    put("m", Blob({}, b"x"))
    assert writes() == before
    put("s", Blob({}, b"x"))
    assert writes() == before + 1
    put("s", Blob({}, b"x"))
    assert writes() == before + 1
    stage = Stage(client, lambda value: put("s", value))
    client.ok("runtime.run", runtime="r", max_steps=10)
    client.ok("runtime.mail", runtime="r")
    assert writes() == before + 3  # a blob, the agent, and the blob that names the puppet
    cores = [stage.core(f"{n}") for n in range(20)]
    for one in cores:
        stage.inject(one, one)
    for one, other in zip(cores[::2], cores[1::2], strict=True):
        stage.tell(one, b"S\0q\0\1", **{"00": other, "01": stage.tree(program=put("s", Blob({}, b"B\0\0\0\5")))})
    before = writes()
    assert stage.run()["steps"] >= 100
    assert writes() == before + 1
