"""The operations of ``flow``, through the adapter: what each answers, and how it refuses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gritstone.flow.values import encode_value
from gritstone.grit import Blob, Mailbox, Message, Step, Tree
from gritstone.harness import Claims

END = {"kind": "end", "outcome": "success"}
PROGRAM = {"flow": 1, "name": "n", "start": "e", "nodes": {"e": END}}
POLICY = {"flow_policy": 1, "tools": {}}


def b64(value: Any) -> str:
    """Return the encoding of a value as base64url."""
    return base64.urlsafe_b64encode(encode_value(value)).decode().rstrip("=")


def test_programs_are_checked(client: Any) -> None:
    parts = {"policy": b64(POLICY), "input": b64({}), "peers": [], "refs": []}
    assert client.ok("flow.check", program=b64(PROGRAM), **parts) == {"defects": []}
    assert client.ok("flow.check", program=b64({}), **parts) == {"defects": [["", "shape"]]}


def test_expressions_are_evaluated(client: Any) -> None:
    env = b64({"input": {"amount": 40}})
    assert client.ok("flow.eval", expr="$input.amount <= 100", env=env) == {"value": True}
    assert client.refused("flow.eval", expr="$input.x", env=env) == ("rejected", "unbound")
    assert client.refused("flow.eval", expr="$input.amount", env=env) == ("rejected", "type")
    assert client.refused("flow.eval", expr="1 <", env=env)[0] == "malformed"
    assert client.refused("flow.eval", expr="(" * 33 + "True" + ")" * 33, env=env)[0] == "exhausted"


def test_templates_are_rendered(client: Any) -> None:
    env = b64({"input": {"amount": 40}})
    assert client.ok("flow.render", template=b64(["$input.amount", "${input.amount}"]), env=env) == {
        "value": b64([40, "40"])
    }
    assert client.refused("flow.render", template=b64("$"), env=env)[0] == "malformed"


def test_metrics_are_computed(client: Any) -> None:
    found = client.ok("flow.metrics", trace=b64([{"e": "entered", "node": "a", "visit": 1}]), baselines=[["a", "b"]])
    assert found["path_variance"] == [1, 2]
    assert client.refused("flow.metrics", trace=b64({}), baselines=[])[0] == "malformed"


def test_flows_are_stepped_queried_and_replayed(opened: Any, put: Any) -> None:
    def tree(**entries: str) -> str:
        found: str = put(Tree({name: bytes.fromhex(target) for name, target in entries.items()}))
        return found

    def document(value: Any) -> str:
        found: str = put(Blob({"ct": "cbor"}, encode_value(value)))
        return found

    node = put(Blob({"ct": "s"}, b"external:flow/1"))
    parts = {"program": document(PROGRAM), "policy": tree(doc=document(POLICY)), "input": document({})}
    core = tree(wit=node, wit_query=node, **parts)
    sender = tree(name=node)
    message = put(Message(None, {"mt": "genesis"}, bytes.fromhex(core)))
    step = opened.ok("wit.step", store="s", actor=core, head=None, inbox=[[sender, message]], attempt=1)["step"]
    assert opened.ok("flow.replay", store="s", step=step) == {"steps": 1, "differs": None}
    assert opened.ok("wit.query", store="s", step=step, name="accepts", args="")["result"] == document([])
    inbox = put(Mailbox({bytes.fromhex(sender): bytes.fromhex(message)}))
    forged = put(Step(None, bytes.fromhex(core), bytes.fromhex(inbox), None, bytes.fromhex(core)))
    assert opened.ok("flow.replay", store="s", step=forged) == {"steps": 1, "differs": 0}
    assert opened.refused("flow.replay", store="s", step=core)[0] == "invalid"
    assert opened.refused("flow.replay", store="s", step="ab" * 32)[0] == "missing"
    assert opened.refused("flow.replay", store="t", step=step)[0] == "missing"


@pytest.mark.parametrize("lost", ["external", "flow.executor"])
def test_operations_need_the_executor(attach: Any, lost: str) -> None:
    client = attach(Claims().without({lost}))
    assert client.ask("flow.eval", expr="True", env="oA") == {"unsupported": {"feature": "flow.executor"}}


def test_metrics_need_their_feature(attach: Any) -> None:
    client = attach(Claims().without({"flow.metrics"}))
    assert client.ask("flow.metrics", trace="gA", baselines=[]) == {"unsupported": {"feature": "flow.metrics"}}
