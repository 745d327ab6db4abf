"""The lenient audit: it reports each object in another order once, and still judges the history.

Spec: :rule:`suite.audit.lenient`.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.model.bundle import Bundle, scan, write
from gritstone_conformance.model.formats import CBOR_BLAKE3, FRAMED_SHA256
from gritstone_conformance.model.framed import decode_in_any_order, encode
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.transcode import _rename, children_first, translate
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Tree
from gritstone_conformance.results.report import Report, read_report
from selftests.auditing.test_audit import bundle, exports, in_order
from selftests.fakes.forging import reforge


def backwards(value: Object) -> bytes:
    """Return the encoding of a value with its entries in descending order."""
    data = encode(value)
    head, body = data[: data.index(b"\0") + 1], data[data.index(b"\0") + 1 :]
    match value:
        case Tree(entries):
            body = b"".join(name.encode() + b"\0" + target for name, target in reversed(entries))
        case Mailbox(entries):
            body = b"".join(key + target for key, target in reversed(entries))
        case _:
            pass
    return head + body


def disordered(data: bytes) -> tuple[bytes, set[str]]:
    """Return a bundle with every map of two or more entries reversed, and the ids of the objects that changed."""
    read: Bundle = scan(data)
    frames: dict[bytes, bytes | None] = {}
    renamed: dict[bytes, bytes] = {}
    changed: set[str] = set()
    for identity in children_first(read):
        encoding = read.encoding(identity)
        assert encoding is not None
        value = translate(FRAMED_SHA256.decode(encoding), renamed)
        if isinstance(value, Mailbox):
            value = Mailbox(tuple(sorted(value.entries)))
        elif isinstance(value, Tree):
            value = Tree(tuple(sorted(value.entries)))
        spelled = backwards(value)
        renamed[identity] = FRAMED_SHA256.hash(spelled)
        frames[renamed[identity]] = spelled
        if spelled != encode(value):
            changed.add(renamed[identity].hex())
    return write(FRAMED_SHA256, _rename(read.references, renamed), frames), changed


def audit(folder: Path, data: bytes, *options: str) -> tuple[int, Report]:
    (folder / "x.grit").write_bytes(data)
    code = main(["audit", "x.grit", *options])
    return code, read_report(folder / ".gritstone/audit.jsonl")


def failed(report: Report) -> list[str]:
    return [outcome.case for outcome in report.outcomes if outcome.verdict == "fail"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.rule("suite.audit.lenient")
def test_each_object_in_another_order_is_reported_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, changed = disordered(exports(FRAMED_SHA256)[1])
    assert changed
    code, report = audit(folder, data, "--lenient", "--at-rest")
    out = capsys.readouterr().out
    assert code == 1
    assert sorted(re.findall(r"^order ([0-9a-f]{64})   grit\.", out, re.MULTILINE)) == sorted(changed)
    assert failed(report) == ["grit/audit/order"]
    (order,) = [outcome for outcome in report.outcomes if outcome.case == "grit/audit/order"]
    assert set(re.findall("[0-9a-f]{64}", order.detail or "")) == changed
    assert report.header.get("lenient") is True
    assert "lenient" in out.splitlines()[0]


@pytest.mark.rule("suite.audit.lenient")
def test_strict_audit_of_unordered_objects_skips_the_history(folder: Path) -> None:
    data, _ = disordered(exports(FRAMED_SHA256)[1])
    code, report = audit(folder, data)
    assert code == 1
    assert "grit/audit/objects" in failed(report)
    assert not any(outcome.case.startswith("runtime/") for outcome in report.outcomes)
    assert "lenient" not in report.header


@pytest.mark.rule("suite.audit.lenient")
def test_illegal_history_in_another_order_is_reported(folder: Path) -> None:
    legal = exports(FRAMED_SHA256)[1]
    heads = [name for name in scan(legal).references if name.startswith("heads/")]
    actor = bytes.fromhex(heads[0].partition("/")[2])
    illegal = reforge(legal, actor, 1, inbox=None)
    cases = failed(audit(folder, illegal)[1])
    data, _ = disordered(illegal)
    report = audit(folder, data, "--lenient")[1]
    assert failed(report) == ["grit/audit/order", *cases]
    (found,) = [outcome for outcome in report.outcomes if outcome.verdict == "fail" and outcome.case in cases]
    named = set(re.findall("[0-9a-f]{64}", f"{found.detail} {found.history}"))
    in_file = {identity.hex() for identity in scan(data, lenient=True).places}
    actors = {name.partition("/")[2] for name in scan(data, lenient=True).references}
    assert named <= in_file | actors, "the ids are those of the file, not of the sorted copy"


@pytest.mark.rule("suite.audit.lenient")
def test_later_export_is_compared_in_canonical_order(folder: Path) -> None:
    old, new, _ = exports(FRAMED_SHA256)
    (folder / "old.grit").write_bytes(disordered(old)[0])
    report = audit(folder, disordered(new)[0], "--lenient", "--before", "old.grit")[1]
    assert failed(report) == ["grit/audit/order"]


@pytest.mark.rule("suite.audit.lenient")
def test_canonical_store_passes_a_lenient_audit(folder: Path) -> None:
    code, report = audit(folder, exports(FRAMED_SHA256)[1], "--lenient", "--at-rest")
    assert code == 0
    assert {outcome.case: outcome.verdict for outcome in report.outcomes}["grit/audit/order"] == "pass"


@pytest.mark.parametrize("twice", [b"tree 68\0a\0%s" + b"a\0%s", b"tree 102\0b\0%s" + b"a\0%s" + b"b\0%s"])
def test_duplicate_name_is_rejected_in_any_order(twice: bytes, folder: Path) -> None:
    blob = b"blob 1\0\0"
    identity = hashlib.sha256(blob).digest()
    tree = twice.replace(b"%s", identity)
    with pytest.raises(Refusal):
        decode_in_any_order(tree)
    data = bundle(in_order(blob, tree), [("tags/x", hashlib.sha256(tree).digest())])
    assert "grit/audit/objects" in failed(audit(folder, data, "--lenient")[1])


def test_headers_are_accepted_in_any_order() -> None:
    value, found = decode_in_any_order(b"blob 9\0b\x001\0a\x002\0\0")
    assert value == Blob((("b", "1"), ("a", "2")), b"")
    assert [defect.rule for defect in found] == ["grit.header.order"]
    content = bytes([1]) * 32
    value, found = decode_in_any_order(b"message 73\0" + bytes(32) + b"b\x001\0a\x002\0\0" + content)
    assert value == Message(None, (("b", "1"), ("a", "2")), content)
    with pytest.raises(Refusal):
        decode_in_any_order(b"blob 09\0b\x001\0a\x002\0\0")


def test_objects_of_cbor_are_read_strictly(folder: Path) -> None:
    low, high = bytes([1]) * 32, bytes([2]) * 32
    tree = CBOR_BLAKE3.encode(Tree((("a", low), ("b", high))))
    head, first, second = tree[:3], tree[3:39], tree[39:]
    turned = head + second + first
    data = write(CBOR_BLAKE3, {"tags/x": CBOR_BLAKE3.hash(turned)}, {CBOR_BLAKE3.hash(turned): turned})
    assert scan(data, lenient=True).unordered == {}
    assert "grit/audit/objects" in failed(audit(folder, data, "--lenient")[1])
