"""Hostile adapters: each is reported with its cause, within the bounds, and its output is escaped."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from gritstone_conformance.attachment import conversation, procfs
from gritstone_conformance.attachment.claims import shown_claims
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.protocol import ProtocolFault, parse_reply
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cli import main
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.console import Console, ConsoleOutput
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.running import verification
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.outcome_builder import excerpt
from gritstone_conformance.running.property_runner import run_property
from gritstone_conformance.running.verification import verify
from gritstone_conformance.text import json_plain, plain
from gritstone_conformance.trial import Property
from selftests.fakes.subject import HELLO
from selftests.paths import PLANTED

ADAPTER = PLANTED / "hostile.py"
sys.path.insert(0, str(ADAPTER.parent))
from hostile import HARMS, NASTY  # type: ignore[import-not-found]  # noqa: E402

sys.path.pop(0)

MIB = 1 << 20
MOST_MEMORY = 512 * MIB
MOST_LINE = 256 << 10
MOST_SECONDS = 120
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
load = cache(load_data)


@dataclass
class Ended:
    """The result of a run against a hostile adapter."""

    said: str
    raw: bytes
    report: Report
    memory: int | None

    @property
    def causes(self) -> set[str]:
        return {outcome.cause for outcome in self.report.outcomes if outcome.cause is not None}


def command(name: str) -> tuple[str, ...]:
    return (sys.executable, str(ADAPTER), name)


@pytest.fixture(autouse=True)
def _one_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "load_data", load)


def run(name: str, home: Path) -> Ended:
    """Verify a hostile adapter with a few cases; ``memory`` is the suite's additional use."""
    glob = "grit/id/of-*" if name == "big-errors" else "grit/id/of-[56]*"
    out = io.StringIO()
    report = home / "report.jsonl"
    load()
    before, can = procfs.rss_bytes(os.getpid()) or 0, procfs.reset_peak_rss(os.getpid())
    started = time.monotonic()

    def listen(data: SuiteData, plan: object) -> Console:
        return Console(data, plan, home, ConsoleOutput(out, live=False))  # type: ignore[arg-type]

    scale = 0.05 if name == "drip" else 0.2 if name.endswith("after-bye") else 1.0
    settings, attach_settings = RunSettings(home=home, shrink_s=2), AttachSettings(deadline_scale=scale)
    verify(
        RunContext(Target("stdio", command(name)), Selection(globs=(glob,)), settings, attach_settings, report), listen
    )
    assert time.monotonic() - started < MOST_SECONDS
    peak = _own_peak() if can else None
    return Ended(out.getvalue(), report.read_bytes(), read_report(report), None if peak is None else peak - before)


def _own_peak() -> int | None:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) << 10 if found else None


@pytest.mark.rule("suite.bounds.each", "suite.output.plain", slow=True)
@pytest.mark.parametrize("name", HARMS)
def test_hostile_adapter_is_reported_within_the_bounds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"hostile-{os.getpid()}-{name}"
    monkeypatch.setenv("HOSTILE", mark)
    if name == "big-errors":
        monkeypatch.setattr(conversation, "_MOST_HELD", 16 * MIB)  # saves minutes
    try:
        ended = run(name, tmp_path)
    finally:
        left = _kill_marked(mark, 30.0)
    cause = HARMS[name][1]
    assert ended.causes == ({cause} if cause else set()) or cause in ended.causes, ended.causes
    if ended.memory is not None:
        assert ended.memory < MOST_MEMORY
    assert max(map(len, ended.raw.splitlines())) < MOST_LINE
    assert not UNSAFE.search(ended.said), UNSAFE.findall(ended.said)
    assert not UNSAFE.search(ended.raw.decode()), UNSAFE.findall(ended.raw.decode())
    assert left == 0


def _kill_marked(mark: str, patience_s: float) -> int:
    """Kill processes whose command line contains a mark; return how many were left after a wait."""
    until = time.monotonic() + patience_s
    while (marked := _marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in marked:
        os.kill(pid, signal.SIGKILL)
    return len(marked)


def _marked(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words:
            found.append(int(path.parent.name))
    return found


@pytest.mark.rule("suite.output.plain")
@pytest.mark.parametrize("name", ["nasty-hello", "nasty-code", "nasty-log"])
def test_control_characters_reach_no_output(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This covers ``verify``, the commands that read its report, ``doctor`` and ``replay``."""
    words = " ".join(command(name))
    report = str(tmp_path / "report.jsonl")
    main(["verify", "--iut", words, "-k", "grit/id/of-[56]*", "--report", report])
    main(["report", report])
    main(["doctor", "--iut", words])
    main(["replay", "grit/id/of-64-bytes", "--iut", words])
    captured = capsys.readouterr()
    assert "end" in captured.out, "the adapter's output was not shown"
    for text in (captured.out, captured.err, *(path.read_text() for path in tmp_path.rglob("*.json*"))):
        assert not UNSAFE.search(text), UNSAFE.findall(text)


@pytest.mark.rule("suite.output.plain")
@pytest.mark.parametrize("shown", [plain, json_plain])
def test_shown_text_has_no_control_characters(shown: Callable[[str], str]) -> None:
    assert UNSAFE.search(NASTY)
    assert not UNSAFE.search(shown(NASTY))


@pytest.mark.rule("suite.output.plain")
def test_complaint_and_traceback_have_no_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks() -> SuiteData:
        raise RuntimeError(NASTY)

    monkeypatch.setattr(verification, "load_data", breaks)
    assert main(["verify", "--iut", " ".join(command("nasty-hello"))]) == 4
    captured = capsys.readouterr().err
    assert "RuntimeError" in captured
    assert not UNSAFE.search(captured), UNSAFE.findall(captured)


@pytest.mark.rule("suite.output.plain")
def test_plain_text_is_unchanged() -> None:
    words = "Grüße, 世界 · ok “quoted” 😀"
    assert plain(words) == words
    assert json.loads(json_plain(json.dumps({"a": NASTY}, ensure_ascii=False))) == {"a": NASTY}


@pytest.mark.rule("suite.bounds.each")
def test_duplicate_name_among_many_is_found_in_linear_time() -> None:
    line = b'{"seq":1,"ok":{},"x":{%s}}' % b",".join(b'"%d":1' % number for number in [*range(50_000), 49_999])
    started = time.process_time()
    with pytest.raises(ProtocolFault, match='"49999" occurs twice'):
        parse_reply(line)
    assert time.process_time() - started < 5


def wide(depth: int) -> Json:
    return {f"{'n' * 999}{number}": wide(depth - 1) for number in range(30)} if depth else ["t" * 999] * 30


@pytest.mark.rule("suite.bounds.each")
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: wide(2), id="wide"),
        pytest.param(lambda: wide(3), id="wider"),
        pytest.param(lambda: ["x" * 10**6] * 30, id="long"),
        pytest.param(lambda: {"k" * 10**6: 1}, id="name"),
    ],
)
def test_value_in_a_report_is_bounded(made: Callable[[], Json]) -> None:
    assert len(json.dumps(excerpt(made()))) < MOST_LINE / 2


@pytest.mark.rule("suite.bounds.each")
def test_hello_in_a_report_keeps_every_known_name() -> None:
    many = [f"f{number}" for number in range(1000)]
    hello = {**HELLO, "features": [*many, "durable"], "limits": HELLO["limits"] | dict.fromkeys(many, 1)}
    shown = shown_claims(hello)
    assert "durable" in shown["features"]
    assert HELLO["limits"].items() <= shown["limits"].items()
    assert len(json.dumps(shown)) < 8000
    assert shown_claims(HELLO) == HELLO


MISCHIEF = ADAPTER.with_name("mischief.py")


@pytest.mark.rule("suite.bounds.each", slow=True)
@pytest.mark.parametrize(("how", "seen"), [("pipe", "a pipe"), ("endless", "a link"), ("huge", "bytes")])
def test_exported_path_that_is_not_a_file_is_not_read(
    how: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = (sys.executable, str(MISCHIEF), how, "--", sys.executable, "-m", "gritstone.harness")
    subject = ObservedSubject(Launcher.for_command(words).start(), Ledger())
    (item,) = plan_run(load(), Selection(globs=("grit/bundle/by-path-framed",)), 1).items
    assert isinstance(item.source, Property)
    try:
        tested = run_property(item.source, subject, RunSettings(home=tmp_path / "home", shrink_s=0.0))
    finally:
        subject.close()
    assert tested.divergence is not None
    assert seen in str(tested.divergence.difference.got)
    assert not list(tmp_path.glob("gritstone-*")), "temporary folders were left behind"


@pytest.mark.rule("suite.bounds.each")
def test_bundle_with_false_sizes_is_rejected_in_bounded_memory() -> None:
    """Each byte of a bundle is set to its maximum, and items claim 2 to the power of 63 members."""
    fmt = FORMATS["cbor-blake3"]
    store = Store(fmt)
    for content in (b"one", b"two"):
        store.put(fmt.encode(Blob((), content)), None)
    good = store.export(None)
    bombs = [good[:at] + b"\xff" + good[at + 1 :] for at in range(len(good))]
    for head in (b"\x5b", b"\x7b", b"\x9b", b"\xbb", b"\xdb"):
        bombs += [good[:at] + head + b"\x7f" + b"\xff" * 7 + good[at:] for at in range(0, len(good), 3)]
    procfs.reset_peak_rss(os.getpid())
    before, started = _own_peak() or 0, time.process_time()
    for bomb in bombs:
        assert scan(bomb).defects
    assert time.process_time() - started < 20
    assert (_own_peak() or 0) - before < 64 * MIB
