"""The model of the guest of sessions against the ids in the spec, and on states that no client makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.session.json_text import NotJson, read_json, write_json
from gritstone_conformance.model.values import Blob, Message, Tree
from selftests.model.session_scene import Scene

HELLO = b'{"kind":"user","prompt":"hello"}'
SUM = b'{"kind":"user","prompt":"sum?"}'
CONTINUE = b'{"kind":"continue"}'
BRIEF = b'{"system_prompt":"Be brief."}'
ADD = (
    '{"description":"Add two numbers","name":"add","params":['
    '{"name":"a","required":true,"type":"number"},{"name":"b","required":false,"type":"number"}]}'
)
LOOKUP = (
    '{"description":"Look a word up","name":"lookup","params":['
    '{"name":"word","required":true,"type":"string"},{"name":"lang","required":false,"type":"string"}]}'
)
BOTH = f"[{ADD},{LOOKUP}]".encode()
ROUND = (
    rb'{"action":"call_tools","calls":[{"tool":"add","input":{"a":1,"b":2.50}},'
    rb'{"tool":"lookup","input":{"word":"\u00e9"}}]}'
)
CALL_ADD = b'{"action":"call_tool","input":{"a":1,"b":2},"tool":"add"}'
GOLDEN = {
    "framed-sha256": {
        "actor": "717696adf0c153a564172bc6df2f8efab88a2bd4f6f63e58a031c1534e742efc",
        "root": "79f07356bfa56b65ab26951705d60a78b96df427080dcc8c7451abcf90170936",
        "first": "3ed8607387c4ffc99351a52f10224760332e561293f345deaafe9dcdcce5eb7c",
        "turn": "d25e4d86265a7248b829b5bbb7569543fb8eacd8b58eb0028cc607d11eb8d707",
        "commit": "39da3cd304ce7b9a1ae2dbcca56e658919184b63a1485603f0fe28899ffaee2e",
        "root after": "56c235219e8452df",
        "repeated": "23a835de48b2a55b",
        "tools": ("ee47f79cc08cfd97", "a05ffabd047750f4", "4d8ce9940db6e8ea", "530908fee822d37b"),
        "condensed": "05e4590223bb4da7",
        "ask": ("e910f2448eefe141", "bcb21bc022fa5b9d"),
    },
    "cbor-blake3": {
        "actor": "6931952c2d7d504dc33048bc95d2997ed4107fd89c36d7649f5eb1ce121e1e47",
        "root": "e1b2785d3594976f115b67fd14fbbc7a6d8bf6cdc9646b68162dfee224e8c5c2",
        "first": "da42a6e80e69b0f264a754123a850545891cfbc745eb7def8c12209e690d9b12",
        "turn": "46d4785a766932921e4511fe48553bf356cb180f84a61d529481500c82795fc4",
        "commit": "6d69ece58c6f8e53d883b2eaa49e52318d0c82a044f5e082b0859a0f59a4b801",
        "root after": "6d4ccfe97d7cc052",
        "repeated": "ad5d8d1d7972f2b2",
        "tools": ("e2cc57c8cf36d732", "1528aae1549d3b94", "4282273d620fcf39", "7a553f652b2aa313"),
        "condensed": "1762d8ca4d9f6dc6",
        "ask": ("5dd4bfedd4b89348", "07e77c63de9587cb"),
    },
}


def short(*ids: bytes | None) -> tuple[str, ...]:
    return tuple("" if identity is None else identity.hex()[:16] for identity in ids)


def test_one_turn_has_the_ids_of_the_spec(fmt: Format) -> None:
    golden: dict[str, Any] = GOLDEN[fmt.name]
    scene = Scene(fmt)
    assert scene.head is not None
    assert (scene.actor.hex(), scene.root.hex(), scene.head.hex()) == (
        golden["actor"],
        golden["root"],
        golden["first"],
    )
    assert scene.prepare(HELLO).hex() == golden["turn"]
    turn = scene.commit(HELLO, b"hi there")
    assert (turn.hex(), scene.head.hex()) == (golden["turn"], golden["commit"])
    root = scene.root
    scene.commit(HELLO, b"hi there", at="1600", turn=turn)
    assert short(root, scene.head) == (golden["root after"], golden["repeated"])
    assert scene.root == root


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_round_of_tools_has_the_ids_of_the_spec(fmt: Format, order: tuple[int, int]) -> None:
    scene = Scene(fmt, {"config": BRIEF, "tools": BOTH})
    turn = scene.commit(SUM, ROUND, "j", "2000")
    calling = scene.root
    results = [("1.0", b"3.5", "j", "1"), ("1.1", b"no such word", "s", "0")]
    for at in order:
        call, data, ct, ok = results[at]
        scene.result(call, data, ct=ct, ok=ok)
    assert short(turn, calling, scene.root, scene.prepare(CONTINUE)) == GOLDEN[fmt.name]["tools"]


def test_condensing_has_the_ids_of_the_spec(fmt: Format) -> None:
    scene = Scene(fmt, {"config": b'{"keep":2,"max_messages":4,"summary_chars":40}'})
    covered = []
    for index in range(4):
        prompt = json.dumps({"kind": "user", "prompt": f"q{index}\u00e9\n"}, ensure_ascii=False, separators=(",", ":"))
        scene.commit(prompt.encode(), f"a{index}".encode())
        covered.append(scene.state()["covered"])
    assert covered == [0, 0, 2, 4]
    assert short(scene.root) == (GOLDEN[fmt.name]["condensed"],)


def test_an_ask_has_the_ids_of_the_spec(fmt: Format) -> None:
    scene = Scene(fmt, {"config": BRIEF, "tools": f"[{ADD}]".encode()})
    scene.send("ask", scene.blob(SUM, ct="j"), at="1000", corr="c1")
    asked = scene.root
    for answer in (CALL_ADD, b"3", b"not json", b'{"action":"final","response":"3"}'):
        scene.answer(answer)
    assert short(asked, scene.root) == GOLDEN[fmt.name]["ask"]
    assert scene.last_reply()[1] == {"action": "final", "content": "3", "count": 5}


def test_messages_in_one_step_leave_what_single_steps_leave(fmt: Format) -> None:
    apart, together = Scene(fmt, {"tools": BOTH}), Scene(fmt, {"tools": BOTH})
    for scene in (apart, together):
        scene.commit(SUM, ROUND, "j")
    for call in ("1.1", "1.0"):
        apart.result(call, b"x")
    first = together.queue("tool-result", together.blob(b"x", ct="s"), at="2100", call="1.1", ok="1")
    second = together.queue("tool-result", together.blob(b"x", ct="s"), at="2100", call="1.0", ok="1")
    together.read(second)
    assert first != second
    assert together.root == apart.root
    assert together.step.outbox == apart.step.outbox


def test_a_stranger_changes_nothing(fmt: Format) -> None:
    scene = Scene(fmt)
    before = scene.step
    stranger = scene.tree(name=scene.blob(b"x", ct="s"))
    message = scene.put(Message(None, (("at", "1"), ("mt", "abandon")), scene.blob(b"")))
    scene.head = Executor(scene.store).step(scene.actor, scene.head, [(stranger, message)])
    assert (scene.step.core, scene.step.outbox) == (before.core, before.outbox)


def test_an_erased_message_is_left_out(fmt: Format) -> None:
    scene = Scene(fmt)
    scene.commit(HELLO, b"hi there")
    scene.store.erase(scene.blob(b"hi there", ct="s", role="assistant"))
    prepared = json.loads(scene.value(scene.prepare(HELLO)).data)
    assert [each["content"] for each in prepared["messages"]] == ["hello", "hello"]


def test_a_damaged_session_refuses_every_request(fmt: Format) -> None:
    scene = Scene(fmt)
    scene.commit(HELLO, b"hi there")
    root = scene.root
    scene.store.erase(scene.blob(b'{"count":1,"covered":0,"history":2,"phase":"idle","rounds":0}', ct="j"))
    scene.send("abandon", scene.blob(b""), at="1")
    assert scene.last_reply()[1] == {"class": "invalid", "code": "state"}
    assert json.loads(scene.value(scene.prepare(HELLO)).data) == {"refused": {"class": "invalid", "code": "state"}}
    assert scene.root == root


@pytest.mark.parametrize("name", ["host", "nonce"])
def test_a_first_core_needs_host_and_nonce(fmt: Format, name: str) -> None:
    scene = Scene(fmt)
    session = {"host": scene.host, "nonce": scene.blob(bytes(32), ct="b")}
    del session[name]
    code = scene.blob(b"external:session/1", ct="s")
    actor = scene.tree(session=scene.tree(**session), wit=code, other=scene.blob(b"x"))
    genesis = scene.put(Message(None, (("mt", "genesis"),), actor))
    with pytest.raises(Refusal):
        Executor(scene.store).step(actor, None, [(scene.host, genesis)])


@pytest.mark.parametrize(
    ("entries", "accepted"),
    [({"note": "x"}, True), ({"session": "x"}, False), ({"effects": "x"}, False), ({"wit_update": "x"}, False)],
)
def test_updates_keep_the_session(fmt: Format, entries: dict[str, str], accepted: bool) -> None:
    scene = Scene(fmt)
    core = scene.step.core
    scene.send("update", scene.tree(**{name: scene.blob(text.encode()) for name, text in entries.items()}))
    assert (scene.step.core != core) == accepted


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b' {"b" : 2.50, "a" : "\\u00e9\\/" }\n', '{"a":"é/","b":2.50}'),
        (b"-0", "-0"),
        (b"1E+2", "1E+2"),
        ('{"\uffff":1,"\U00010000":2}'.encode(), '{"\U00010000":2,"\uffff":1}'),
        (b'"\\u0001\\u000a\\u007f\\ud83d\\ude00"', '"\\u0001\\n\x7f\U0001f600"'),
        (b"[" * 32 + b"]" * 32, "[" * 32 + "]" * 32),
        (b"1" * 32, "1" * 32),
    ],
)
def test_json_has_one_text(text: bytes, written: str) -> None:
    assert write_json(read_json(text)) == written.encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xef\xbb\xbf1",
        b"\xff",
        b"1 2",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'"\\ud800"',
        b'"\\ude00\\ud83d"',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b"1" * 33,
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"NaN",
        b"Infinity",
        b'"\n"',
        b"[1,]",
        b"'a'",
        b"1\x0c",
    ],
)
def test_other_bytes_are_not_json(text: bytes) -> None:
    with pytest.raises(NotJson):
        read_json(text)


def test_a_scene_stores_what_it_sends(fmt: Format) -> None:
    scene = Scene(fmt)
    assert scene.value(scene.blob(b"x", ct="s")) == Blob((("ct", "s"),), b"x")
    assert isinstance(scene.value(scene.actor), Tree)
