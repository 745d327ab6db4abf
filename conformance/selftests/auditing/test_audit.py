"""The audit: legal bundles pass, each illegal bundle is reported under its rule; the report and the exit codes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.commands.audit import _ask_continued
from gritstone_conformance.doctor.rungs import golden_bundle
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.results.report import read_report
from gritstone_conformance.schemas import violation
from gritstone_conformance.strategies import programs
from selftests.fakes.forging import Scribe

FRAMED = golden_bundle("framed-sha256")
BLOB = b"blob 11\0ct\0s\0\0hello"
BLOB_ID = hashlib.sha256(BLOB).digest()
TREE = b"tree 41\0greeting\0" + BLOB_ID
TREE_ID = hashlib.sha256(TREE).digest()


def bundle(frames: list[bytes], references: list[tuple[str, bytes]], *, count: int | None = None) -> bytes:
    """Return a bundle with the given frames and a correct digest."""
    lines = "".join(f"ref {name} {target.hex()}\n" for name, target in references)
    body = f"gritstone bundle 1\nformat framed-sha256\n{lines}\n".encode()
    body += b"".join(b"o" + len(frame).to_bytes(8) + frame for frame in frames)
    body += b"z" + (len(frames) if count is None else count).to_bytes(8)
    return body + hashlib.sha256(body).digest()


def in_order(*objects: bytes) -> list[bytes]:
    return sorted(objects, key=lambda data: hashlib.sha256(data).digest())


BOTH = in_order(BLOB, TREE)
DEMO = [("tags/demo", TREE_ID)]


def audit(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, set[str]]:
    """Return the exit code and the rules that failed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.grit").write_bytes(data)
    code = main(["audit", "x.grit"])
    outcomes = read_report(tmp_path / ".gritstone/audit.jsonl").outcomes
    return code, {outcome.rule or "" for outcome in outcomes if outcome.verdict == "fail"}


def test_golden_bundles_are_legal(
    fmt: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, golden_bundle(fmt.name), monkeypatch) == (0, set())
    out = capsys.readouterr().out
    assert f"bundle ok · {fmt.name} · 2 objects · 0 tombstones · 1 reference · 0 steps" in out


def test_handwritten_bundle_equals_the_golden_one() -> None:
    assert bundle(BOTH, DEMO) == FRAMED


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "grit.bundle.conditions"),
        (b"PK\x03\x04", "grit.bundle.conditions"),
        (FRAMED[:-40], "grit.bundle.truncated"),
        (FRAMED + b"x", "grit.bundle.truncated"),
        (FRAMED[:-1] + bytes([FRAMED[-1] ^ 1]), "grit.bundle.verify"),
        (FRAMED.replace(b"hello", b"hallo"), "grit.bundle.verify"),
        (bundle([TREE], DEMO), "grit.bundle.exact"),
        (bundle(BOTH[::-1], DEMO), "grit.bundle.exact"),
        (bundle(BOTH, DEMO, count=3), "grit.bundle.exact"),
        (bundle(in_order(BLOB, TREE, b"blob 1\0\0"), DEMO), "grit.bundle.exact"),
        (bundle(BOTH, [("tags/../x", TREE_ID)]), "grit.ref.grammar"),
        (bundle([b"blob 01\0\0"], [("tags/x", hashlib.sha256(b"blob 01\0\0").digest())]), "grit.framed.header"),
        (FRAMED.replace(b"framed-sha256", b"framed-sha512"), "grit.bundle.format"),
    ],
)
def test_illegal_bundle_is_reported_under_its_rule(
    data: bytes, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, failed = audit(tmp_path, data, monkeypatch)
    assert code == 1
    assert rule in failed


def test_object_of_the_wrong_kind_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = b"message 65\0" + bytes(32) + b"\0" + BLOB_ID
    identity = hashlib.sha256(message).digest()
    tree = b"tree 34\0m\0" + identity
    frames = in_order(BLOB, message, tree)
    code, failed = audit(tmp_path, bundle(frames, [("tags/x", hashlib.sha256(tree).digest())]), monkeypatch)
    assert (code, failed) == (1, {"grit.graph.kinds"})


def test_checks_that_are_impossible_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(tmp_path, b"nonsense", monkeypatch)
    report = read_report(tmp_path / ".gritstone/audit.jsonl")
    verdicts = {outcome.case: outcome.verdict for outcome in report.outcomes}
    assert verdicts["grit/audit/layout"] == "fail"
    assert verdicts["grit/audit/closure"] == "skip"
    assert report.header["iut"] == {"bundle": hashlib.sha256(b"nonsense").hexdigest()}
    assert report.footer["conforms"] == {}
    for line in (report.header, *(outcome.to_json() for outcome in report.outcomes), report.footer):
        assert violation("report", line) is None


def exports(fmt: Format) -> tuple[bytes, bytes, bytes]:
    """Return two exports of one store, and one of a store in which an actor was reset and took another path."""
    scribe = Scribe.of(fmt)
    a = scribe.born(b"a")
    first, other = (scribe.stage.program(programs.write("k", value)) for value in (b"1", b"2"))
    read = scribe.inject(a, first)
    before = scribe.heads[a]
    entries = {"name": scribe.stage.blob(b"a", ("ct", "s"))}
    scribe.act(a, reads={scribe.agent: read}, core=scribe.stage.core(b"a", k=scribe.stage.blob(b"1"), **entries))
    old = scribe.bundle()
    late = scribe.inject(a, other)
    core = scribe.stage.core(b"a", k=scribe.stage.blob(b"2"), **entries)
    scribe.act(a, reads={scribe.agent: late}, core=core)
    new = scribe.bundle()
    scribe.heads[a] = before
    scribe.act(a, reads={scribe.agent: late}, core=core)
    return old, new, scribe.bundle()


def test_later_export_is_compared_with_an_earlier_one(
    fmt: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, data in zip(("old", "new", "rolled"), exports(fmt), strict=True):
        (tmp_path / f"{name}.grit").write_bytes(data)
        assert main(["audit", f"{name}.grit", "--at-rest"]) == 0
    assert main(["audit", "new.grit", "--at-rest", "--before", "old.grit"]) == 0
    assert "continues the earlier export" in capsys.readouterr().out.splitlines()[-1]
    for later in ("rolled", "old"):
        earlier = "new" if later == "old" else "old"
        assert main(["audit", f"{later}.grit", "--before", f"{earlier}.grit"]) == 1
        outcomes = read_report(tmp_path / ".gritstone/audit.jsonl").outcomes
        failed = [outcome for outcome in outcomes if outcome.verdict == "fail"]
        assert [(outcome.case, outcome.rule) for outcome in failed] == [
            ("runtime/audit/continued", "runtime.recover.continue")
        ]
    (tmp_path / "none.grit").write_bytes(golden_bundle(fmt.name))
    assert main(["audit", "new.grit", "--before", "none.grit"]) == 2


def test_continuation_is_checked_against_an_earlier_export(fmt: Format, tmp_path: Path) -> None:
    old, new, rolled = exports(fmt)
    for earlier, later, faults in ((old, new, set()), (new, rolled, {"rewound"}), (new, old, {"rewound"})):
        (tmp_path / "earlier.grit").write_bytes(earlier)
        verdict = check_history(scan(later))
        _ask_continued(tmp_path / "earlier.grit", verdict)
        assert {finding.fault for finding in verdict.findings} == faults


def test_jobs_do_not_change_what_is_printed_and_reported(
    fmt: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    old, new, rolled = exports(fmt)
    (tmp_path / "old.grit").write_bytes(new)
    for data, code in ((old, 1), (new, 0), (rolled, 1)):
        (tmp_path / "x.grit").write_bytes(data)
        seen = []
        for jobs in ("1", "3"):
            assert main(["audit", "x.grit", "--before", "old.grit", "--at-rest", "--jobs", jobs]) == code
            outcomes = read_report(tmp_path / ".gritstone/audit.jsonl").outcomes
            seen.append((capsys.readouterr().out, outcomes))
        assert seen[0] == seen[1]
    assert main(["audit", "x.grit", "--jobs", "0"]) == 2


@pytest.mark.rule("suite.audit.picture")
def test_picture_is_written_also_with_an_earlier_export(
    fmt: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, data in zip(("old", "new", "rolled"), exports(fmt), strict=True):
        (tmp_path / f"{name}.grit").write_bytes(data)
    assert main(["audit", "new.grit", "--before", "old.grit", "--html", "pages/new.html"]) == 0
    page = (tmp_path / "pages/new.html").read_text(encoding="utf-8")
    assert "nothing illegal found" in page
    assert '"cuts":[[' in page
    assert main(["audit", "rolled.grit", "--before", "new.grit", "--html", "rolled.html"]) == 1
    assert "runtime.recover.continue" in (tmp_path / "rolled.html").read_text(encoding="utf-8")
    capsys.readouterr()
    (tmp_path / "none.grit").write_bytes(golden_bundle(fmt.name))
    assert main(["audit", "none.grit", "--html", "rolled.html"]) == 0
    assert "rolled.html: not written, because the bundle has no history that can be read" in capsys.readouterr().out
    assert not (tmp_path / "rolled.html").exists()
    assert main(["audit", "new.grit", "--html", "pages"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
