"""The operations of ``image``, through the adapter: what each answers, and how it refuses."""

from __future__ import annotations

import base64
from typing import Any

from gritstone.grit import Blob, Tree

QUOTA = "actors 10\nbytes 1000000\nfuel 100000\nposts 1000\nsubs 100\ntimers 100\n"
START = {
    "runtime": "r",
    "store": "s",
    "agent": "test",
    "clock": "suite",
    "base_ms": 0,
    "cap_ms": 0,
    "max_attempts": 1,
    "transition_ms": 0,
}


class Host:
    """A client with an image, and short forms."""

    def __init__(self, opened: Any, put: Any) -> None:
        self.ask = opened
        self._put = put
        self.agent = opened.ok("runtime.start", schedule="free", **START)["agent"]
        self.kernel = opened.ok("image.start", runtime="r")["kernel"]

    def text(self, value: str) -> str:
        found: str = self._put(Blob({"ct": "s"}, value.encode()))
        return found

    def tree(self, **entries: str) -> str:
        found: str = self._put(Tree({name: bytes.fromhex(target) for name, target in entries.items()}))
        return found

    def program(self, data: bytes, **operands: str) -> str:
        found: str = self._put(Blob({}, data))
        return self.tree(program=found, **operands)

    def actor(self, name: str, owner: str = "self", **more: str) -> str:
        node = self.text("external:image/1")
        parts = {"owner": self.text(owner)} | ({"quota": self.text(QUOTA)} if owner == "self" else {})
        core = self.tree(wit=node, wit_query=node, name=self.text(name), image=self.tree(**parts), **more)
        assert self.request(core, "genesis", core)["outcome"] == {"committed": {}}
        return core

    def request(self, to: str, mt: str, content: str, **more: Any) -> Any:
        messages = [{"to": to, "headers": [["mt", mt]], "content": content}]
        return self.ask.ok("image.request", runtime="r", messages=messages, **more)


def test_image_is_begun_once(opened: Any, put: Any) -> None:
    opened.ok("runtime.start", schedule="free", **START)
    assert opened.refused("image.clock", runtime="r", now_ms="0") == ("rejected", "image")
    opened.ok("runtime.stop", runtime="r", how="now")
    host = Host(opened, put)
    assert host.kernel != host.agent
    assert opened.refused("image.start", runtime="r") == ("rejected", "image")
    assert opened.refused("image.start", runtime="other")[0] == "missing"


def test_operations_of_other_profiles_are_refused(opened: Any, put: Any) -> None:
    host = Host(opened, put)
    actor = host.actor("a")
    refused = [
        opened.refused("runtime.collect", runtime="r"),
        opened.refused("runtime.release", runtime="r", actors=[actor]),
        opened.refused("runtime.cut", runtime="r"),
        opened.refused("wasm.release", store="s", actor=actor),
        opened.refused("wasm.adopt", store="s", actor=actor),
        opened.refused("session.sweep", runtime="r", at=0),
    ]
    assert set(refused) == {("rejected", "image")}
    opened.ok("runtime.stop", runtime="r", how="now")
    assert opened.refused("runtime.start", schedule="chosen", **START) == ("rejected", "image")


def test_requests_clock_log_and_worlds(opened: Any, put: Any) -> None:
    host = Host(opened, put)
    actor = host.actor("a")
    timer = host.program(b"s\xf0j\x0bimage.timer\x00", **{"00": host.text("5 run")})
    assert host.request(actor, "run", timer, key="k") == {"seq": 2, "outcome": {"committed": {}}}
    assert host.request(actor, "run", timer, key="k")["seq"] == 2
    failed = host.request(actor, "image.grant", host.text("send.*"))
    assert failed == {"seq": 3, "outcome": {"failed": {"class": "malformed", "code": "capability"}}}
    assert opened.ok("image.clock", runtime="r", now_ms="5") == {"seq": 4}
    assert opened.refused("image.clock", runtime="r", now_ms="4") == ("rejected", "clock")
    assert opened.refused("image.clock", runtime="r", now_ms=str(2**63)) == ("malformed", "clock")
    (shown,) = opened.ok("image.list", runtime="r", after=None, limit=9)["actors"]
    assert [(one["due"], one["seq"], one["index"], one["mt"]) for one in shown["timers"]] == [("5", 2, 0, "run")]
    assert opened.ok("runtime.run", runtime="r", max_steps=9) == {"cause": "rest", "steps": 1, "parked": []}
    log = opened.ok("image.log", runtime="r", **{"from": 4}, limit=1)
    assert log["more"] is True
    assert base64.urlsafe_b64decode(log["records"][0] + "==").startswith(b"image-op 1\nseq 4\nclock 5\nfuel 0\n")
    assert opened.ok("image.log", runtime="r", **{"from": 9}, limit=1) == {"records": [], "more": False}
    newest = opened.ok("image.world", runtime="r", after=None, limit=2)
    assert (newest["seq"], newest["more"], len(newest["refs"])) == (5, True, 2)
    rest = opened.ok("image.world", runtime="r", seq=5, after=newest["refs"][-1][0], limit=2)
    assert (rest["root"], rest["more"], len(rest["refs"])) == (newest["root"], False, 1)
    assert opened.refused("image.world", runtime="r", seq=6, after=None, limit=1) == ("missing", "world")
    assert opened.ok("image.rollback", runtime="r", to=1)["seq"] == 6
    assert opened.refused("image.rollback", runtime="r", to=7) == ("missing", "world")


def test_list_of_a_principal_hides_the_others(opened: Any, put: Any) -> None:
    host = Host(opened, put)
    one, two = host.actor("one"), host.actor("two")
    tool = host.actor("tool", owner=one)
    shown = opened.ok("image.list", runtime="r", **{"as": tool}, after=None, limit=9)["actors"]
    assert {each["actor"]: each.get("owner") for each in shown} == {one: one, tool: one, two: None}
    assert opened.refused("image.list", runtime="r", **{"as": host.kernel}, after=None, limit=9) == ("missing", "actor")


def test_steps_outside_of_operations_fail(opened: Any, put: Any) -> None:
    host = Host(opened, put)
    actor = host.actor("a")
    message = opened.ok("runtime.inject", runtime="r", to=actor, headers=[["mt", "x"]], content=host.text("c"),
                        mode="queue")["message"]  # fmt: skip
    refs = dict(opened.ok("grit.refs", store="s", prefix="heads/", after=None, limit=9)["refs"])
    step = {"store": "s", "actor": actor, "head": refs[f"heads/{actor}"], "inbox": [[host.agent, message]]}
    assert opened.refused("wit.step", **step, attempt=1) == ("rejected", "failed:image")
    head, kernel = refs[f"heads/{actor}"], refs[f"heads/{host.kernel}"]
    assert opened.ok("wit.query", store="s", step=head, name="get", args="")["result"] == actor
    assert opened.ok("wit.query", store="s", step=head, name="wut", args="")["result"] is None
    assert opened.refused("wit.query", store="s", step=kernel, name="get", args="")[1] == "unresolved"


def test_chosen_runtime_of_an_image_has_no_choices(opened: Any, put: Any) -> None:
    opened.ok("runtime.start", schedule="chosen", **{**START, "runtime": "chosen"})
    host = Host(opened, put)
    actor = host.actor("a")
    opened.ok("runtime.inject", runtime="chosen", to=actor, headers=[["mt", "x"]], content=host.text("c"), mode="queue")
    assert opened.ok("runtime.ready", runtime="chosen") == {"choices": []}
    assert opened.refused("image.clock", runtime="chosen", now_ms="1") == ("rejected", "image")
    assert opened.ok("image.world", runtime="r", after=None, limit=1)["seq"] == 2
