"""The adapter: the order of checks, grouping, and every operation through the door."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import FORMATS, Blob, Format, Limits, Object, Step, Tree
from gritstone.grit.engine import Batch
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.harness import Claims
from gritstone.harness.operations import OPERATIONS
from gritstone.harness.wire import ArgumentError, write_object

HEX = bytes(range(1, 33)).hex()
HELLO = {"protocol": [1], "suite": "s", "spec": "0.6", "frame_bytes": 16_777_216, "window": 64}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# --- the order of checks ---------------------------------------------------------------------------------


def test_unknown_operations_are_unsupported(client: Any) -> None:
    assert client.ask("grit.zork", x=1) == {"unsupported": {"feature": "grit.zork"}}
    assert client.ask("x") == {"unsupported": {"feature": "x"}}


def test_arguments_are_checked_before_claims_and_handles(attach: Any) -> None:
    client = attach(Claims(formats=("framed-sha256",)).without({"erase", "files", "durable"}))
    assert "error" in client.ask("grit.erase", store="s")
    assert client.ask("grit.erase", store="s", id=HEX) == {"unsupported": {"feature": "erase"}}
    assert client.ask("grit.export", store="s", to="/x") == {"unsupported": {"feature": "files"}}
    assert client.ask("grit.import", store="s", from_="/x") == {"unsupported": {"feature": "files"}}
    assert client.ask("grit.id", format="cbor-blake3", bytes="") == {"unsupported": {"feature": "cbor-blake3"}}
    assert client.ask("grit.id", format="zork", bytes="") == {"unsupported": {"feature": "zork"}}
    assert client.ask("grit.transcode", from_="framed-sha256", to="cbor-blake3", bundle="") == {
        "unsupported": {"feature": "transcode"}
    }
    durable = {"store": "s", "format": "framed-sha256", "backend": "durable", "dir": "/x", "create": True}
    assert client.ask("grit.open", **durable) == {"unsupported": {"feature": "durable"}}
    form = {"kind": "tree", "entries": [["a", HEX], ["a", HEX]]}
    assert client.ask("grit.encode", format="zork", object=form) == {"unsupported": {"feature": "zork"}}
    assert client.refused("grit.encode", format="framed-sha256", object=form) == ("invalid", None)
    assert client.refused("grit.export", store="s", cursor=None) == ("missing", None)


def test_internal_faults_are_answered_with_error(
    client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(session: object, args: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(OPERATIONS, "ping", broken)
    assert client.ask("ping") == {"error": {"message": "ZeroDivisionError: oops"}}
    assert "ZeroDivisionError: oops" in capsys.readouterr().err
    assert "error" in client.ask("grit.id", format="framed-sha256", bytes="AB")
    assert "error" in client.ask("grit.id", format="framed-sha256")


def test_reply_longer_than_a_frame_is_an_error(client: Any) -> None:
    client.ok("hello", **HELLO | {"frame_bytes": 4_194_304})
    tree = Tree({f"{n:05}": bytes(31) + b"1" for n in range(75_000)})
    data = FORMATS["framed-sha256"].encode(tree, Limits())
    reply = client.ask("grit.decode", format="framed-sha256", bytes=b64(data))
    assert "error" in reply


def test_line_without_request_raises_argument_error(client: Any) -> None:
    with pytest.raises(ArgumentError):
        list(client.adapter.answer([b"hello?"]))


# --- talking ---------------------------------------------------------------------------------------------


def test_second_hello_keeps_the_claims(client: Any) -> None:
    first = client.ok("hello", **HELLO)
    client.ok("grit.open", store="s", format="framed-sha256", backend="memory", create=True)
    assert client.ok("hello", **HELLO) == first
    assert client.ok("grit.has", store="s", ids=[]) == {"has": []}
    assert client.refused("hello", **HELLO | {"protocol": [2]}) == ("rejected", None)
    assert client.ok("hello", **HELLO | {"frame_bytes": 2**40}) == first


def test_requests_after_bye_are_not_answered(client: Any) -> None:
    assert client.together(("ping", {}), ("bye", {}), ("ping", {})) == [{"ok": {}}, {"ok": {}}]
    assert client.adapter.ended


def test_bye_with_wrong_arguments_does_not_end_the_session(client: Any) -> None:
    first, second = client.together(("bye", {"store": "s"}), ("ping", {}))
    assert "error" in first
    assert second == {"ok": {}}
    assert not client.adapter.ended


# --- objects ---------------------------------------------------------------------------------------------


def test_objects_are_encoded_and_decoded(client: Any, format_: Format) -> None:
    value = Tree({"b": bytes.fromhex(HEX), "aa": bytes.fromhex(HEX)})
    data = format_.encode(value, Limits())
    object_id = format_.object_id(data).hex()
    form = json.loads(json.dumps(write_object(value)))
    answer = client.ok("grit.encode", format=format_.name, object=form)
    assert answer == {"bytes": b64(data), "id": object_id}
    decoded = client.ok("grit.decode", format=format_.name, bytes=b64(data))
    assert decoded["id"] == object_id
    in_order = ["aa", "b"] if format_.name == "framed-sha256" else ["b", "aa"]
    assert [name for name, _ in decoded["object"]["entries"]] == in_order
    assert client.ok("grit.id", format=format_.name, bytes=b64(data)) == {"id": object_id}
    assert client.refused("grit.decode", format=format_.name, bytes="") == ("malformed", None)


def test_object_one_byte_over_the_limit_is_exhausted(attach: Any) -> None:
    client = attach(Claims(limits=Limits(object_bytes=1_048_576)))
    client.ok("hello", **HELLO)
    assert client.ok("grit.id", format="framed-sha256", bytes=b64(bytes(1_048_576)))
    assert client.refused("grit.id", format="framed-sha256", bytes=b64(bytes(1_048_577))) == ("exhausted", None)


# --- stores ----------------------------------------------------------------------------------------------


def test_handles_are_opened_and_closed(opened: Any, format_: Format) -> None:
    memory = {"format": format_.name, "backend": "memory"}
    assert opened.refused("grit.open", store="s", create=True, **memory) == ("rejected", None)
    assert opened.refused("grit.open", store="t", create=False, **memory) == ("missing", None)
    assert opened.refused("grit.get", store="t", id=HEX) == ("missing", None)
    opened.ok("grit.close", store="s")
    assert opened.refused("grit.close", store="s") == ("missing", None)
    opened.ok("grit.open", store="s", create=True, **memory)


def test_objects_are_stored_and_read(opened: Any, put: Callable[[Object], str]) -> None:
    blob = put(Blob({}, b"x"))
    data = opened.ok("grit.get", store="s", id=blob)["bytes"]
    assert opened.ok("grit.put", store="s", bytes=data, id=blob) == {"id": blob}
    assert opened.refused("grit.put", store="s", bytes=data, id=HEX) == ("invalid", "digest")
    assert opened.ok("grit.has", store="s", ids=[blob, HEX]) == {"has": [True, False]}
    assert opened.refused("grit.get", store="s", id=HEX) == ("missing", None)
    opened.ok("grit.damage", store="s", id=blob, offset=0, xor=255)
    assert opened.refused("grit.get", store="s", id=blob) == ("missing", "corrupt")
    opened.ok("grit.damage", store="s", id=blob, offset=0, xor=255)
    assert opened.ok("grit.get", store="s", id=blob) == {"bytes": data}
    assert opened.refused("grit.damage", store="s", id=blob, offset=10_000, xor=1) == ("rejected", None)
    assert opened.refused("grit.damage", store="s", id=HEX, offset=0, xor=1) == ("missing", None)
    opened.ok("grit.erase", store="s", id=blob)
    assert opened.refused("grit.damage", store="s", id=blob, offset=0, xor=1) == ("missing", "erased")
    assert opened.refused("grit.put", store="s", bytes=data) == ("rejected", "erased")
    assert opened.ok("grit.prune", store="s", pins=[blob]) == {"removed": 0}


def test_references_are_set_and_listed(opened: Any, put: Callable[[Object], str]) -> None:
    blob = put(Blob({}, b"x"))
    opened.ok("grit.cas", store="s", changes=[{"name": f"tags/{n}", "old": None, "new": blob} for n in range(3)])
    assert opened.ok("grit.refs", store="s", prefix="tags/", after="tags/0", limit=1) == {
        "refs": [["tags/1", blob]],
        "more": True,
    }
    change = {"name": "tags/0", "old": None, "new": blob}
    assert opened.refused("grit.cas", store="s", changes=[change]) == ("rejected", "conflict")
    assert opened.refused("grit.cas", store="s", changes=[{**change, "name": "/x"}]) == ("invalid", None)
    assert opened.ok("grit.cas", store="s", changes=[]) == {}


# --- bundles ---------------------------------------------------------------------------------------------


def big_graph(put: Callable[[Object], str]) -> str:
    blobs = {f"{n}": bytes.fromhex(put(Blob({}, bytes([n]) * 700_000))) for n in range(4)}
    return put(Tree(blobs))


def test_pieces_of_an_export_come_from_one_snapshot(opened: Any, put: Callable[[Object], str], tmp_path: Path) -> None:
    tree = big_graph(put)
    opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": None, "new": tree}])
    whole = opened.ok("grit.export", store="s", to=str(tmp_path / "a.grit"))
    assert whole["size"] == (tmp_path / "a.grit").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "store") == ["a.grit"]
    pieces: list[bytes] = []
    cursor: str | None = None
    while True:
        answer = opened.ok("grit.export", store="s", cursor=cursor)
        pieces.append(base64.urlsafe_b64decode(answer["bytes"] + "=="))
        assert len(pieces[-1]) <= 1_048_576
        used, cursor = cursor, answer["cursor"]
        if used is None:
            opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": tree, "new": None}])
            opened.ok("grit.prune", store="s", pins=[])
            put(Blob({}, b"later"))
        elif cursor is not None:
            assert opened.refused("grit.export", store="s", cursor=used) == ("rejected", None)
        if cursor is None:
            break
    assert len(pieces) == 3
    data = b"".join(pieces)
    assert data == (tmp_path / "a.grit").read_bytes()
    assert data[-32:].hex() == whole["digest"]
    for dead in ("1.3", "2.1", "zork"):
        assert opened.refused("grit.export", store="s", cursor=dead) == ("rejected", None)
    for start in range(0, len(data), 1_000_000):
        more = start + 1_000_000 < len(data)
        answer = opened.ok("grit.import", store="s", bytes=b64(data[start : start + 1_000_000]), more=more)
        if start == 0:
            assert opened.ok("grit.prune", store="s", pins=[]) == {"removed": 1}
        assert answer == ({"objects": 0, "refs": 0} if more else {"objects": 5, "refs": 1})
    assert opened.ok("grit.has", store="s", ids=[tree]) == {"has": [True]}


def test_a_new_export_ends_the_old_one(opened: Any, put: Callable[[Object], str]) -> None:
    tree = big_graph(put)
    opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": None, "new": tree}])
    first = opened.ok("grit.export", store="s", cursor=None)["cursor"]
    second = opened.ok("grit.export", store="s", cursor=None, names=["tags/x"])["cursor"]
    assert first != second
    assert opened.refused("grit.export", store="s", cursor=first) == ("rejected", None)
    assert opened.ok("grit.export", store="s", cursor=second)


def test_refused_export_creates_no_file(opened: Any, tmp_path: Path) -> None:
    target = tmp_path / "a.grit"
    assert opened.refused("grit.export", store="s", to=str(target), names=["tags/x"]) == ("missing", None)
    assert opened.refused("grit.export", store="s", cursor=None, names=["tags/x"]) == ("missing", None)
    assert [path.name for path in tmp_path.iterdir() if path.name != "store"] == []
    target.write_bytes(b"old")
    opened.ok("grit.export", store="s", to=str(target), names=[])
    assert target.read_bytes().startswith(b"gritstone bundle 1\n")


def test_bundles_are_imported_in_pieces(
    opened: Any, put: Callable[[Object], str], tmp_path: Path, format_: Format
) -> None:
    blob = put(Blob({}, b"x"))
    opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": None, "new": blob}])
    path = tmp_path / "a.grit"
    opened.ok("grit.export", store="s", to=str(path))
    opened.ok("grit.open", store="t", format=format_.name, backend="memory", create=True)
    assert opened.ok("grit.import", store="t", from_=str(path)) == {"objects": 1, "refs": 1}
    assert opened.refused("grit.import", store="t", from_=str(tmp_path / "none")) == ("missing", None)
    data = path.read_bytes()
    opened.ok("grit.import", store="t", bytes=b64(b"rubbish"), more=True)
    assert opened.refused("grit.import", store="t", bytes=b64(data), more=False) == ("malformed", None)
    assert opened.ok("grit.import", store="t", bytes=b64(data), more=False) == {"objects": 1, "refs": 1}
    opened.ok("grit.import", store="t", bytes=b64(data[:10]), more=True)
    opened.ok("grit.close", store="t")
    other = next(name for name in FORMATS if name != format_.name)
    opened.ok("grit.open", store="t", format=other, backend="memory", create=True)
    assert opened.refused("grit.import", store="t", from_=str(path)) == ("rejected", "format")
    new = opened.ok("grit.transcode", from_=format_.name, to=other, bundle=b64(data))["bundle"]
    assert opened.ok("grit.import", store="t", bytes=new, more=False) == {"objects": 1, "refs": 1}


def test_transcoded_bundle_longer_than_a_line_is_exhausted(
    opened: Any, put: Callable[[Object], str], format_: Format, attach: Any
) -> None:
    target = put(Blob({}, b"x" * 200))
    opened.ok("grit.cas", store="s", changes=[{"name": "tags/x", "old": None, "new": target}])
    bundle = opened.ok("grit.export", store="s", cursor=None)["bytes"]
    for frame_bytes, fits in ((len(bundle) + 200, True), (len(bundle) - 100, False)):
        client = attach(Claims(frame_bytes=frame_bytes))
        reply = client.ask("grit.transcode", from_=format_.name, to=format_.name, bundle=bundle)
        assert reply.keys() == ({"ok"} if fits else {"refused"})
        assert fits or reply["refused"]["class"] == "exhausted"


# --- durable stores --------------------------------------------------------------------------------------


def test_two_handles_share_one_store(client: Any, tmp_path: Path) -> None:
    place = {"backend": "durable", "dir": str(tmp_path / "store"), "create": True}
    (tmp_path / "link").symlink_to(tmp_path / "store")
    client.ok("grit.open", store="a", format="framed-sha256", **place)
    client.ok("grit.open", store="b", format="framed-sha256", **place | {"dir": str(tmp_path / "link")})
    assert client.refused("grit.open", store="c", format="cbor-blake3", **place) == ("rejected", "format")
    blob = client.ok("grit.put", store="a", bytes=b64(b"blob 1\0\0"))["id"]
    assert client.ok("grit.has", store="b", ids=[blob]) == {"has": [True]}
    client.ok("grit.close", store="a")
    client.ok("grit.erase", store="b", id=blob)
    assert client.refused("grit.get", store="b", id=blob) == ("missing", "erased")
    client.ok("grit.close", store="b")
    assert client.refused("grit.open", store="c", format="cbor-blake3", **place) == ("rejected", "format")
    client.ok("grit.open", store="a", format="framed-sha256", **place | {"create": False})
    assert client.refused("grit.get", store="a", id=blob) == ("missing", "erased")


def test_open_rejects_a_directory_without_store(client: Any, tmp_path: Path) -> None:
    place = {"backend": "durable", "dir": str(tmp_path / "store"), "create": False}
    assert client.refused("grit.open", store="a", format="framed-sha256", **place) == ("missing", None)
    assert list(tmp_path.iterdir()) == []


def test_puts_that_arrive_together_commit_once(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[object] = []
    plain = LmdbEngine.update

    def counting(self: LmdbEngine, work: Callable[[Batch], object], *, freeing: bool = False) -> object:
        updates.append(work)
        return plain(self, work, freeing=freeing)

    monkeypatch.setattr(LmdbEngine, "update", counting)
    client.ok("grit.open", store="a", format="framed-sha256", backend="durable", dir=str(tmp_path / "s"), create=True)
    updates.clear()

    def one(n: int) -> tuple[str, dict[str, Any]]:
        return "grit.put", {"store": "a", "bytes": b64(b"blob 2\0\0%c" % n)}

    replies = client.together(*(one(n) for n in range(20)), ("ping", {}), one(20), one(0))
    assert len(updates) == 2
    assert len({reply["ok"].get("id") for reply in replies}) == 22
    replies = client.together(
        one(30),
        ("grit.put", {"store": "a", "bytes": b64(b"blob 0\0")}),
        ("grit.put", {"store": "a", "bytes": b64(b"blob 2\0\0x"), "id": HEX}),
        one(31),
    )
    assert [next(iter(reply)) for reply in replies] == ["ok", "refused", "refused", "ok"]
    assert len(updates) == 3
    replies = client.together(one(40), ("grit.put", {"store": "a", "bytes": "AB"}), one(41))
    assert [next(iter(reply)) for reply in replies] == ["ok", "error", "ok"]
    replies = client.together(one(42), ("grit.put", {"store": "b", "bytes": ""}), ("grit.put", {"store": "a"}))
    assert [next(iter(reply)) for reply in replies] == ["ok", "refused", "error"]


def test_steps_are_stored_and_become_heads(opened: Any, put: Callable[[Object], str]) -> None:
    tree = put(Tree({"a": bytes.fromhex(put(Blob({}, b"")))}))
    step = put(Step(None, bytes.fromhex(tree), None, None, bytes.fromhex(tree)))
    head = {"name": f"heads/{tree}", "old": None, "new": step}
    assert opened.refused("grit.cas", store="s", changes=[{**head, "new": tree}]) == ("rejected", None)
    opened.ok("grit.cas", store="s", changes=[head])
    assert opened.ok("grit.prune", store="s", pins=[]) == {"removed": 0}
