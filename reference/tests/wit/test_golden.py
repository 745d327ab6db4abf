"""Golden values of the specification, both formats."""

from __future__ import annotations

import hashlib
from typing import Any

from gritstone.grit import ObjectId
from gritstone.wit import openapi
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.queries import ask_position
from gritstone.wit.update import merge
from gritstone.wit.workspace import Workspace

GOLD = {
    "framed-sha256": {
        "a1": "c760c4951c22f12620336ecb217b7be12e9f837ca31540626242b0fa71f690de",
        "b1": "4c2cc9c9abef8b6f99fbca1481c68852be5661ec505c307eafbed52e84176f5a",
        "a2": "1efa90398ba3b3a61e97867eaaddf880fb50514d9bebd3ae2e77c9cab32f9994",
        "b2": "04a93692218f29136456322b2f710ff6d00c123b614a6ee689f2a9e978787729",
        "every op": "671c87e8479e89ea5a34fa4e619363212c2a202b51eee329d5f232c5ef15ee5e",
        "installs": "7c8d8e26460f8a869c491eae8969ba0b6b1ceb6ef285092e236e1a7d0f82f53e",
        "handles": "adad7e4003eaac2a0eae88bff6cbcd1d0c82fa3a4c41d4116761140233e3e98d",
        "both": "af8296f3d7eae17b1916fc2ff6ace71f813970551edf559714b89d344d3001b7",
        "merge": "6456777b227e40dc4d1e59feb349b644fb8257dc0df23c111372d38a4a2734b2",
        "wut": "b400c6905bc4bb48ea8f3c49048d69087615a9574e5e3fd0d0f0d60e2b5a536a",
    },
    "cbor-blake3": {
        "a1": "832717e6ba46dec7ad41ac4668c206700e2054d3a8f1dc9aa417aa7708718023",
        "b1": "6ca81833ab91fd92ae24128001e67941c24854645285ba1bc4a7dcae21394f31",
        "a2": "4bdb65d9f92a4fb267c41428c867b782b87bbdd66a8da0924367bcaf247dc388",
        "b2": "f294a57b9284410bd69def9c7d70d1900df0fc4c3cf34bd0215f38f8a2ca380f",
        "every op": "5c6f5a316991a6081b853ba94cbf5086ee789638f32e943908824e6ac5a8ef3d",
        "installs": "c4ebe0d9bd027aa2e4feca2d2a4efec37162f026a7c443f24bfd699d22eef8f4",
        "handles": "743ee085a12f72960338e2fbc0573c54de0f046e821b1fcd8a4519f29721d74a",
        "both": "ffe064be398d45443aaef8c57bb16605ef4af1b755e773afbe5727967d40a0ef",
        "merge": "48ecf2f91e4ebfdfeb32baa191b7915a6d7920c47dd95ac0dbdbe2a59a5c855a",
        "wut": "466ef26916a5a6ff8fc47c314b864d20ab2cc33df6576e929f2dad51ea90e508",
    },
}
EVERY_OP = bytes.fromhex(
    "57016b00017641036c6f670002616241036c6f670001635003632f64f250026d65f044016b44076e6f2f73756368"
    "57066e616d652f78000044066e616d652f78530071026869f2530071000153f173000153f071000152f153f37107"
    "67656e65736973f3"
)
HANDLER = bytes.fromhex("41036c6f6700016850046c617374f250046b65707400")


def check(bench: Any, **steps: ObjectId | None) -> None:
    gold = GOLD[bench.store.format.name]
    for name, step in steps.items():
        assert step is not None
        assert step.hex() == gold[name.replace("_", " ")], name


def test_one_round_matches_golden_ids(bench: Any) -> None:
    a, a1 = bench.born("a")
    b, b1 = bench.born("b")
    p1 = bench.program(bytes.fromhex("57016b000176"))
    program = bytes.fromhex("41036c6f67000268695300710001")
    a2 = bench.tell(a, a1, program, **{"00": b, "01": p1})
    b2 = bench.step(b, b1, [(a, bench.position(a2, a).outbox[b])])
    check(bench, a1=a1, b1=b1, a2=a2, b2=b2)


def test_every_plain_op_matches_golden_ids(bench: Any) -> None:
    a, a1 = bench.born("a")
    step = bench.tell(a, a1, EVERY_OP, **{"00": bench.core("b"), "01": bench.program(b"")})
    check(bench, every_op=step)
    assert set(bench.position(step, a).core) == {"c", "log", "me", "wit", "wit_query"}
    assert len(bench.position(step, a).outbox) == 3


def test_handler_matches_golden_ids(bench: Any) -> None:
    a, a1 = bench.born("a")
    handler = bench.program(HANDLER, **{"00": bench.blob(b"op")})
    genesis = bench.position(a1, a).inbox[bench.outside]
    first = bench.message(bench.program(bytes.fromhex("50066f6e2f6a6f6200"), **{"00": handler}), genesis)
    second = bench.message(bench.program(b"A\x03log\0\1c"), first, mt="job")
    installs = bench.step(a, a1, [(bench.outside, first)])
    handles = bench.step(a, installs, [(bench.outside, second)])
    check(bench, installs=installs, handles=handles, both=bench.step(a, a1, [(bench.outside, second)]))


def test_merge_matches_golden_ids(bench: Any) -> None:
    core = bench.nested({"a": 1, "d": {"x": 2, "y": 3}, "e": {"z": 4}, "wit": "w"})
    update = bench.nested({"a": {"n": 5}, "d": {"y": 6}, "e": 7, "new": 8})
    check(bench, merge=merge(bench.workspace, core, update))


def test_wut_and_openapi_match_golden_bytes(bench: Any) -> None:
    a, a1 = bench.born("a")
    workspace = Workspace(bench.objects)
    query = ask_position(bench.laws, workspace, bench.position(a1, a), "wut", b"")
    try:
        query.send(None)
    except StopIteration as stop:
        wut = stop.value
    check(bench, wut=wut)
    blob = workspace.blob(wut)
    assert blob is not None
    assert dict(blob.headers) == {"ct": "j"}
    assert len(blob.data) == 268
    document = openapi(bytes(32), blob.data)
    assert len(document) == 1_122
    assert hashlib.sha256(document).hexdigest() == "0d0e73570ef1efb10b478f3d83027bec3bcc091a77827ef2888358512e1ba9a4"
    assert set(PUPPETS) == {"puppet/1", "puppet-stamp/1"}
