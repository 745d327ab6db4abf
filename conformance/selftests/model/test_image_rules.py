"""The model of images: order, notices, rights, spawns, code, events, quotas, limits, requests, rollbacks."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image import spelling as op
from gritstone_conformance.model.image.record import Failed, NotRecord, parse_record
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Ok, Refused
from selftests.model.image_scene import Scene


@pytest.fixture
def scene(fmt: Format) -> Scene:
    return Scene(fmt)


NOTE = [op.append("log", b".")]


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([("post", "B", NOTE), ("join", "B", NOTE)], "rejected/order"),
        ([("join", "B", NOTE), ("post", "B", NOTE)], None),
        ([("post", "B", NOTE), ("post", "B", NOTE)], None),
        ([("join", "A", [("join", "A", NOTE)])], None),
        ([("save", "B", [("join", "A", [("join", "C", NOTE)])]), ("join", "C", NOTE)], None),
        ([("join", "B", NOTE), ("save", "B", [("save", "B", NOTE)]), ("join", "B", NOTE)], None),
    ],
)
def test_order_of_a_channel(scene: Scene, steps: list[Any], outcome: str | None) -> None:
    people = scene.people("ABC")

    def named(listed: list[Any]) -> list[Any]:
        return [each if isinstance(each, bytes) else (each[0], people[each[1]], named(each[2])) for each in listed]

    assert scene.request(people["A"], "run", scene.play(named(steps))) == outcome
    scene.rest()
    assert scene.judge(at_rest=True).findings == []


def test_join_in_a_savepoint_does_not_overtake_the_enclosing_frame(scene: Scene) -> None:
    people = scene.people("ABC")
    a, b, c = (people[name] for name in "ABC")
    steps = [("save", b, [("join", a, [("join", c, NOTE)])]), ("join", c, NOTE)]
    assert scene.request(a, "run", scene.play(steps)) is None
    record = parse_record(scene.image.log(scene.image.state.seq, 1)[0][0])
    assert [why for _, why in record.savepoints] == [Failed("rejected", "order")]
    assert (scene.data(a, "f"), scene.data(c, "log")) == (b"1", b".")


def test_join_behind_a_post_of_an_earlier_operation_is_refused(scene: Scene) -> None:
    people = scene.people("AB")
    scene.request(people["A"], "run", scene.play([("post", people["B"], NOTE)]))
    assert scene.request(people["A"], "run", scene.play([("join", people["B"], NOTE)])) == "rejected/order"


def test_post_that_fails_sends_a_post_as_its_notice(scene: Scene) -> None:
    people = scene.people("AB")
    scene.request(people["A"], "run", scene.play([("post", people["B"], [op.fail()])]))
    assert scene.image.run(1) == ("max-steps", 1)
    root = scene.image.state.next_root()
    assert root is not None
    assert scene.data(people["A"], "f") is None
    scene.rest()
    assert scene.data(people["A"], "f") == b"1"


def test_notice_has_exactly_its_headers(scene: Scene) -> None:
    people = scene.people("AB")
    a, b = people["A"], people["B"]
    scene.request(a, "run", scene.play([("save", b, [op.fail_with("no")])]))
    shelf = scene.image.runtime.shelf
    notice = shelf.message(scene.image.state.view().outbox(b)[a])
    savepoint = scene.image.state.view().outbox(a)[b].hex()
    wanted = {"mt": "failed", "class": "rejected", "code": "no", "reply": savepoint, "op": "join"}
    assert dict(notice.headers) == wanted


def test_notice_that_fails_sends_no_notice(scene: Scene) -> None:
    b = scene.open_core("B")
    a = scene.open_core("A", code={"failed": scene.program(op.fail())})
    scene.born(a, b)
    scene.request(a, "run", scene.play([("post", b, [op.fail()])]))
    scene.rest()
    assert scene.judge(at_rest=True).findings == []
    assert message_type(scene.image.runtime.shelf.message(scene.image.state.view().outbox(a)[b])) == "run"


def spawner(scene: Scene, **caps: str) -> bytes:
    owner = scene.core("P", caps=dict.fromkeys(("spawn", *caps.values()), scene.agent.hex()), entry={"run": "*"})
    scene.born(owner)
    return owner


def test_spawn_gains_three_capabilities_and_uses_them_at_once(scene: Scene) -> None:
    p = spawner(scene)
    tool = scene.core("T", p, code={"t": scene.program(op.add("n", 1))}, entry={"t": p.hex()})
    sends = op.send(0, "join", "genesis", 0), op.send(0, "join", "t", 0xF0)
    assert scene.run(p, *sends, o00=tool) is None
    caps = scene.image.runtime.shelf.names(scene.image.runtime.shelf.names(scene.names(p)["image"])["caps"])
    digits = tool.hex()
    assert set(caps) == {"spawn", f"send.{digits}.*", f"send.{digits}.image.*", f"read.{digits}"}
    assert scene.data(tool, "n") == b"1"
    assert scene.run(p, op.read(0, "n", "seen"), o00=tool) is None
    assert scene.data(p, "seen") == b"1"


@pytest.mark.parametrize("fault", ["cap", "granter", "owner", "quota", "none"])
def test_spawn_gives_no_more_than_its_creator_has(scene: Scene, fault: str) -> None:
    held = f"send.{'ab' * 32}.pa*"
    p = spawner(scene, held=held)
    other = spawner(scene, held="send.*.x")
    cap = "read.*" if fault == "cap" else f"send.{'ab' * 32}.pay"
    granter = other if fault == "granter" else p
    owner = None if fault == "quota" else other if fault == "owner" else p
    tool = scene.core("T", owner, caps={cap: granter.hex()})
    outcome = scene.run(p, op.send(0, "join", "genesis", 0), o00=tool)
    assert outcome == (None if fault == "none" else "rejected/escalation")


def test_conditions_on_a_sending_have_their_order(scene: Scene) -> None:
    p = spawner(scene)
    absent, kernel, agent = scene.core("absent"), scene.image.kernel, scene.agent
    gone = scene.core("gone")
    scene.born(gone)
    assert scene.request(gone, "image.destroy", scene.blob()) is None
    note = scene.blob(b"1")

    def sent(to: bytes, mode: str, mt: str, content: bytes = note) -> str | None:
        return scene.run(p, op.send(0, mode, mt, 1), o00=to, o01=content)

    assert sent(absent, "post", "Odd") == "malformed/mt"
    assert sent(absent, "join", "on.e") == "malformed/mt"
    assert sent(absent, "join", "t", absent) == "malformed/mt"
    assert sent(absent, "join", "genesis") == "malformed/mt"
    assert sent(absent, "post", "image.grant") == "malformed/mode"
    assert sent(absent, "save", "genesis", absent) == "malformed/mode"
    assert sent(absent, "join", "t") == "missing/actor"
    assert sent(gone, "join", "t") == "rejected/gone"
    assert sent(gone, "join", "genesis", gone) == "rejected/gone"
    assert sent(kernel, "join", "t") == "rejected/location"
    assert sent(agent, "join", "t") == "rejected/effect"
    assert sent(agent, "post", "t") == "rejected/capability"
    assert sent(p, "join", "t") == "missing/handler"


def test_install_is_for_one_owner_and_runs_from_the_next_operation_on(scene: Scene) -> None:
    p, q = scene.open_core("P"), scene.open_core("Q")
    old, new = (scene.program(op.append("log", data)) for data in (b"o", b"n"))
    mine = scene.core("M", p, code={"t": old}, entry={"t": p.hex()})
    scene.born(p, q, mine)
    content = scene.tree({"code": scene.tree({"t": new})})
    install = op.send(0, "join", "image.install", 1)
    assert scene.run(q, install, o00=mine, o01=content) == "rejected/location"
    twice = op.send(0, "join", "t", 2), install, op.send(0, "join", "t", 2)
    assert scene.run(p, *twice, o00=mine, o01=content, o02=scene.blob()) is None
    assert scene.data(mine, "log") == b"oo"
    assert scene.run(p, op.send(0, "join", "t", 1), o00=mine, o01=scene.blob()) is None
    assert scene.data(mine, "log") == b"oon"
    assert scene.request(mine, "image.install", scene.tree({"frozen": scene.blob()})) == "rejected/location"
    broken = scene.tree({"code": scene.tree({"t": scene.program(b"Q")})})
    assert scene.request(mine, "image.install", broken) == "malformed/program"
    other = scene.tree({"wit": scene.text("external:puppet/1")})
    assert scene.request(mine, "image.install", other) == "rejected/import"


@pytest.mark.parametrize("mt", [".", "..", "failed", "image.grant", "on.e", "A", ""])
def test_entry_table_has_plain_types_that_are_names(scene: Scene, mt: str) -> None:
    a = scene.people("A")["A"]
    assert scene.request(a, "image.entry", scene.text(f"{mt}\n*")) == "malformed/entry"
    assert scene.request(a, "image.entry", scene.text(f"{mt}\n-")) == "malformed/entry"
    assert scene.request(a, "image.entry", scene.text("...\n*")) is None


def subscribers(scene: Scene, *names: str, veto: str = "") -> tuple[bytes, list[bytes]]:
    emitter = scene.open_core("E", entry={"run": "*"})
    found = []
    for name in names:
        ops = [op.fail()] if name == veto else [op.append("log", name.encode())]
        found.append(scene.open_core(name, code={"on.e": scene.program(*ops)}))
    scene.born(emitter, *found)
    for each in found:
        subscribe = op.send(0, "join", "image.subscribe.e", 1)
        assert scene.run(each, subscribe, o00=emitter, o01=scene.blob()) is None
    return emitter, found


def emit(scene: Scene, emitter: bytes, mode: str = "join") -> str | None:
    ops = op.write("x", b"1"), op.send(op.ACTOR, mode, "image.emit.e", 0)
    return scene.run(emitter, *ops, o00=scene.text("20"))


def test_emission_reaches_subscribers_in_ascending_order(scene: Scene) -> None:
    emitter, found = subscribers(scene, "S", "T", "U")
    scene.request(emitter, "image.subscribe.e", scene.blob())
    assert emit(scene, emitter) is None
    assert [scene.data(each, "log") for each in found] == [b"S", b"T", b"U"]
    shelf = scene.image.runtime.shelf
    sent = [shelf.message(message) for sender, message in scene.image.agent.mail()]
    assert [(message.headers, message.content) for message in sent] == [((("mt", "on.e"),), scene.text("20"))]
    assert scene.judge().findings == []


def test_subscriber_vetoes_the_operation_or_the_savepoint(scene: Scene) -> None:
    emitter, found = subscribers(scene, "S", "T", veto="T")
    assert emit(scene, emitter) == "rejected/failed"
    assert scene.data(emitter, "x") is None
    assert emit(scene, emitter, "save") is None
    assert (scene.data(emitter, "x"), scene.data(emitter, "f")) == (b"1", b"1")
    assert [scene.data(each, "log") for each in found] == [None, None]


def test_subscriber_that_is_gone_is_skipped(scene: Scene) -> None:
    emitter, found = subscribers(scene, "S", "T")
    assert scene.request(found[0], "image.destroy", scene.blob()) is None
    assert emit(scene, emitter) is None
    assert scene.data(found[1], "log") == b"T"
    assert scene.image.state.books.totals[emitter].subs == 1


QUOTAS: dict[str, tuple[dict[str, int], list[Any]]] = {
    "timers": ({"timers": 1}, [op.send(op.ACTOR, "join", "image.timer", 0)]),
    "posts": ({"posts": 1}, [op.send(op.ACTOR, "post", "t", 0)]),
}


@pytest.mark.parametrize("resource", QUOTAS)
def test_quota_permits_its_limit_and_no_more(scene: Scene, resource: str) -> None:
    quota, ops = QUOTAS[resource]
    a = scene.open_core("A", quota=quota)
    scene.born(a)
    assert scene.run(a, *ops, *ops, o00=scene.text("5 t")) == f"exhausted/{resource}"
    assert scene.run(a, *ops, o00=scene.text("5 t")) is None
    assert scene.run(a, *ops, o00=scene.text("5 t")) == f"exhausted/{resource}"
    assert scene.run(a, op.write("x", b"1")) is None


def test_bytes_count_each_path_and_not_the_rights(scene: Scene) -> None:
    a = scene.open_core("A")
    scene.born(a)
    before = scene.image.state.books.totals[a].bytes
    shared = scene.tree({"one": scene.blob(b"12345")})
    assert scene.run(a, op.put("p", 0), op.put("q", 0), o00=shared) is None
    assert scene.image.state.books.totals[a].bytes == before + 10
    assert scene.request(a, "image.grant", scene.text("send.*.more")) is None
    assert scene.image.state.books.totals[a].bytes == before + 10


def test_quota_below_the_usage_permits_what_uses_less(scene: Scene) -> None:
    a = scene.open_core("A")
    scene.born(a)
    assert scene.run(a, op.write("x", b"1" * 50)) is None
    lowered = "actors 0\nbytes 1\nfuel 1000\nposts 0\nsubs 0\ntimers 0\n"
    assert scene.request(a, "image.quota", scene.text(lowered)) is None
    assert scene.run(a, op.write("x", b"1" * 49)) is None
    assert scene.run(a, op.write("x", b"1" * 50)) == "exhausted/bytes"


def test_steps_and_depth_have_exact_limits(scene: Scene) -> None:
    a = scene.open_core("A")
    scene.born(a)

    def nested(depth: int) -> bytes:
        steps: list[Any] = [op.write("deep", b"1")]
        for _ in range(depth):
            steps = [("save", a, steps)]
        return scene.play(steps)

    assert scene.request(a, "run", nested(16)) is None
    assert scene.request(a, "run", nested(17)) == "exhausted/depth"
    counting = scene.program(op.add("n", 1), op.send(op.ACTOR, "join", "run", op.CONTENT))
    assert scene.request(a, "run", counting) == "exhausted/steps"
    sends = [op.send(op.ACTOR, "join", "run", 0)] * 999
    assert scene.run(a, *sends, o00=scene.program()) is None
    assert scene.run(a, *sends, op.send(op.ACTOR, "join", "run", 0), o00=scene.program()) == "exhausted/steps"


def test_savepoint_does_not_catch_the_fuel_of_the_operation(scene: Scene) -> None:
    a = scene.open_core("A", quota={"fuel": 50})
    scene.born(a)
    assert scene.request(a, "run", scene.play([("save", a, [op.spin(60)])])) == "exhausted/fuel"
    assert scene.data(a, "f") is None


def test_destroy_needs_a_quiet_actor(scene: Scene) -> None:
    people = scene.people("AB")
    a, b = people["A"], people["B"]
    owned = scene.core("O", a)
    scene.born(owned)
    assert scene.request(a, "image.destroy", scene.blob()) == "rejected/busy"
    assert scene.request(owned, "image.destroy", scene.blob()) is None
    scene.request(a, "run", scene.play([("post", b, NOTE)]))
    assert scene.request(a, "image.destroy", scene.blob()) == "rejected/busy"
    assert scene.request(b, "image.destroy", scene.blob()) == "rejected/busy"
    scene.rest()
    assert scene.requests((a, "image.destroy", scene.blob()), (b, "image.destroy", scene.blob())) is None
    assert scene.denial(scene.request, a, "t", scene.blob()) == "rejected/gone"
    assert scene.denial(scene.request, a, "genesis", a) == "rejected/gone"


def test_rollback_returns_cores_and_destroys_later_actors(scene: Scene) -> None:
    people = scene.people("AB")
    a = people["A"]
    before = scene.names(a)
    seq = scene.image.state.seq
    scene.run(a, op.write("x", b"1"))
    child = scene.core("child", a)
    scene.born(child)
    assert scene.image.rollback(seq) == (seq + 3, None)
    assert scene.names(a) == before
    assert scene.image.state.view().is_gone(child)
    assert scene.image.rollback(seq) == (seq + 4, None)
    assert parse_record(scene.image.log(seq + 4, 1)[0][0]).roots == ()
    assert scene.denial(scene.image.rollback, 99) == "missing/world"
    assert scene.judge().findings == []


def test_key_makes_a_request_once(scene: Scene) -> None:
    a = scene.open_core("A")
    scene.born(a)
    content = scene.program(op.add("n", 1))
    message = (a, (("mt", "run"),), content)
    first = scene.image.request([message], "k")
    assert scene.image.request([message], "k") == first
    assert scene.image.request([(b"\0" * 32, (), b"\0" * 32)], "k") == first
    assert scene.image.request([message], "other") != first
    assert scene.data(a, "n") == b"2"
    for key in ("", "a b", "x" * 65, "\u00e9"):
        assert scene.denial(scene.image.request, [message], key) == "invalid/key"


def test_key_of_a_birth_that_failed_is_not_recorded(scene: Scene) -> None:
    a = scene.open_core("A", quota={"fuel": 0})
    message = (a, (("mt", "genesis"),), a)
    assert scene.image.request([message], "k") == (1, Failed("exhausted", "fuel"))
    assert scene.image.request([message], "k") == (2, Failed("exhausted", "fuel"))
    assert scene.judge().findings == []


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({"mt": "reply"}, "malformed/mt"),
        ({"mt": "receipt"}, "malformed/mt"),
        ({}, "malformed/mt"),
        ({"mt": "t", "op": "join"}, "malformed/mode"),
        ({"mt": "t", "world": "1"}, "malformed/mode"),
        ({"mt": "t", "key": "1"}, "malformed/mode"),
    ],
)
def test_headers_that_the_outside_cannot_send(scene: Scene, headers: dict[str, str], outcome: str) -> None:
    a = scene.open_core("A")
    scene.born(a)
    message = (a, tuple(headers.items()), scene.blob())
    before = dict(scene.store.references)
    assert scene.denial(scene.image.request, [message]) == outcome
    assert scene.denial(scene.image.inject, *message, "queue") == outcome
    assert scene.store.references == before


def test_injection_of_a_kernel_message_a_genesis_or_a_signal_is_refused(scene: Scene) -> None:
    a = scene.open_core("A")
    scene.born(a)
    for mt, content, mode in (("image.grant", scene.text("spawn"), "queue"), ("genesis", a, "queue"), ("t", a, "x")):
        expected = "malformed/mt" if mt == "t" else "malformed/mode"
        assert scene.denial(scene.image.inject, a, (("mt", mt),), content, mode) == expected
    assert scene.denial(scene.image.inject, a, (("mt", "t"),), scene.blob(), "signal") == "malformed/mode"
    scene.image.inject(a, (("mt", "t"),), scene.blob(), "queue")
    assert scene.denial(scene.request, a, "t", scene.blob()) == "rejected/order"


def test_principal_and_its_actor_are_born_in_one_request(scene: Scene) -> None:
    p = scene.core("P")
    tool = scene.core("T", p)
    assert scene.denial(scene.request, tool, "genesis", tool) == "missing/actor"
    assert scene.requests((p, "genesis", p), (tool, "genesis", tool)) is None


@pytest.mark.parametrize("text", ["image-op 1\n", "image-op 1\nseq 01\nclock 0\nfuel 0\noutcome committed\n"])
def test_other_texts_are_no_records(text: str) -> None:
    with pytest.raises(NotRecord):
        parse_record(text.encode())


def test_record_is_parsed_as_it_was_written(scene: Scene) -> None:
    people = scene.people("AB")
    steps = [("save", people["B"], [op.fail()]), ("read", people["B"])]
    assert scene.request(people["A"], "run", scene.play(steps)) is None
    for data in scene.image.log(0, 99)[0]:
        assert parse_record(data).encode() == data


class Client:
    """A client of the model host: one store and one runtime."""

    def __init__(self, fmt: Format) -> None:
        self.host = ImageHost()
        self.ok("grit.open", store="s", format=fmt.name, backend="memory", create=True)
        start = {"agent": "test", "schedule": "free", "clock": "suite", "base_ms": 0, "cap_ms": 0, "max_attempts": 1}
        self.ok("runtime.start", store="s", runtime="r", **start)

    def ok(self, name: str, **args: Any) -> dict[str, Any]:
        reply = self.host.ask(name, args)
        assert isinstance(reply, Ok), reply
        return dict(reply.value)

    def refused(self, name: str, **args: Any) -> tuple[str, str | None]:
        reply = self.host.ask(name, args)
        assert isinstance(reply, Refused), reply
        return reply.kind, reply.code


def test_host_serves_an_image(fmt: Format) -> None:
    client = Client(fmt)
    assert client.refused("image.clock", runtime="r", now_ms="1") == ("rejected", "image")
    assert client.refused("image.clock", runtime="x", now_ms="1")[0] == "missing"
    client.ok("image.start", runtime="r")
    assert client.refused("image.start", runtime="r") == ("rejected", "image")
    assert client.refused("runtime.collect", runtime="r") == ("rejected", "image")
    scene = Scene(fmt)
    actor = scene.core("A")
    for data in scene.store.objects.values():
        client.ok("grit.put", store="s", bytes=to_base64(data))
    message = {"to": actor.hex(), "headers": [["mt", "genesis"]], "content": actor.hex()}
    assert client.ok("image.request", runtime="r", messages=[message]) == {"seq": 1, "outcome": {"committed": {}}}
    listed = client.ok("image.list", runtime="r", after=None, limit=9)
    assert [each["owner"] for each in listed["actors"]] == [actor.hex()]
    hidden = client.ok("image.list", runtime="r", after=None, limit=9, **{"as": actor.hex()})
    assert hidden == listed
    assert client.ok("runtime.run", runtime="r", max_steps=5) == {"cause": "rest", "steps": 0, "parked": []}
    assert client.refused("image.clock", runtime="r", now_ms=str(2**63)) == ("malformed", "clock")
    assert client.ok("image.clock", runtime="r", now_ms=str(2**63 - 1)) == {"seq": 2}
    assert client.refused("image.clock", runtime="r", now_ms="0") == ("rejected", "clock")
    page = client.ok("image.world", runtime="r", after=None, limit=2)
    assert (len(page["refs"]), page["more"], page["seq"]) == (2, True, 2)
    assert client.ok("image.log", runtime="r", limit=2, **{"from": 5}) == {"records": [], "more": False}
