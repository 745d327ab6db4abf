"""The parsing of commands, addresses and deadlines, and the display of an implementation's output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gritstone_conformance.attachment.connection import Address
from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.log import LogTail
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import UsageError
from gritstone_conformance.text import hex_bytes, printable
from selftests.paths import PLANTED


def test_command_is_split_as_by_a_shell() -> None:
    assert Command.parse("./a 'b c' --d=\"e\"").argv == ("./a", "b c", "--d=e")
    assert Command.parse(["./a", "b c"]).argv == ("./a", "b c")
    assert str(Command.parse(["./a", "b c"])) == "./a 'b c'"


@pytest.mark.parametrize("command", ["", "   ", "'", []])
def test_invalid_command_is_a_usage_error(command: str | list[str]) -> None:
    with pytest.raises(UsageError):
        Command.parse(command)


def test_command_with_relative_paths_works_after_a_chdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapter").write_text("")
    moved = Command.parse("adapter --flag other").moved_to("/")
    assert moved == Command((str(tmp_path / "adapter"), "--flag", "other"), "/")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/x:y", Address(path="/run/x:y")),
        ("tcp:localhost:7000", Address("localhost", 7000)),
        ("tcp:[::1]:1", Address("::1", 1)),
    ],
)
def test_address_is_parsed(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text", ["", "unix:", "/run/x", "tcp:7000", "tcp:host:", "tcp:host:0", "tcp:host:65536", "udp:a:1"]
)
def test_invalid_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="neither unix:PATH nor tcp:HOST:PORT"):
        Address.parse(text)


def test_connect_reports_an_address_without_a_listener(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot connect to unix:"):
        Launcher.for_address(f"unix:{tmp_path}/none").start()


@pytest.mark.rule("suite.deadline.each")
@pytest.mark.parametrize(
    ("op", "size", "seconds"),
    [
        ("hello", 0, 10),
        ("ping", 100, 5),
        ("grit.put", (1 << 20) - 1, 5),
        ("grit.put", 3 << 20, 8),
        ("grit.export", 3 << 20, 30),
        ("grit.import", 0, 30),
        ("grit.transcode", 0, 30),
        ("grit.prune", 0, 30),
        ("no.such", 0, 5),
    ],
)
def test_deadline_depends_on_operation_and_size(op: str, size: int, seconds: float) -> None:
    assert AttachSettings().deadline_s(op, size) == seconds
    assert AttachSettings(deadline_scale=0.5).deadline_s(op, size) == seconds / 2
    assert AttachSettings(deadline_scale=None).deadline_s(op, size) is None


def test_deadline_grows_with_the_fuel_of_a_guest() -> None:
    deadlines = Deadlines(AttachSettings(deadline_scale=2.0))
    assert deadlines.deadline_s("wit.step", 0) == 10
    deadlines.guest_s = 100.0
    assert deadlines.deadline_s("wit.step", 0) == 210
    assert deadlines.deadline_s("wit.query", 0) == 210
    assert deadlines.deadline_s("grit.put", 0) == 10
    deadlines.guest_s = 0.0
    assert deadlines.deadline_s("wit.step", 0) == 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 😀", "plain é 😀"),
        ("\x1b[31m\a", r"\x1b[31m\x07"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\u202egpj.exe\u2066", r"\u202egpj.exe\u2066"),
        ("\x85\u2028\ufeff\ud800", r"\x85\u2028\ufeff\ud800"),
        (b"\xff\x00ok", r"\xff\x00ok"),
    ],
)
def test_shown_text_has_no_control_characters(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_shown_text_is_truncated() -> None:
    assert printable("x" * 500, 10) == "xxxxxxxxxx…"
    assert printable(b"x" * 500, 10) == "xxxxxxxxxx…"
    assert hex_bytes(b"Acme", 8) == "41 63 6d 65"
    assert hex_bytes(bytes(9), 8) == "00 00 00 00 00 00 00 00 …"


def test_log_keeps_its_last_bytes() -> None:
    log = LogTail()
    for number in range(100_000):
        log.add(b"%06d\n" % number)
    assert len(log.read()) == 64 << 10
    assert log.read().endswith(b"099999\n")
    assert log.words().endswith("099999")
    assert LogTail().words() == ""


def test_child_of_a_discarded_subject_ends_with_the_suite(tmp_path: Path) -> None:
    """Without close or kill, the child ends when the suite's process ends."""
    import subprocess

    script = tmp_path / "forgetful.py"
    honest = PLANTED / "honest.py"
    script.write_text(
        "import sys\n"
        "from gritstone_conformance.attachment.launcher import Launcher\n"
        f"subject = Launcher.for_command([sys.executable, {str(honest)!r}]).start()\n"
        "print(subject._conversation.channel.pid)\n"
        "raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, timeout=60)
    assert done.returncode == 7
    stat = Path(f"/proc/{int(done.stdout)}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX"
