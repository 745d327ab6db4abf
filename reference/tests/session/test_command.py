"""The command line of sessions: what it prints, and its errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine, open_durable
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob
from gritstone.grit.store import Store
from gritstone.session import Sessions
from gritstone.session.command import main
from gritstone.session.views import describe_session, list_sessions

from .conversing import ADD, NONCE, TOOLS, Clock, module, scripted


@pytest.fixture(params=sorted(FORMATS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Make a store with a conversation, and return its folder and the id of the session."""
    folder = tmp_path / "chats"
    store = Store.open(LmdbEngine(folder, create=True), FORMATS[request.param], create=True)
    with Sessions(store, agent="me", guest=module(), clock_s=Clock()) as sessions:
        chat = sessions.open(system="Be brief.", tools=TOOLS, nonce=NONCE)
        chat.run("sum?\n2", model=scripted(ADD, "3.5"), tools=TOOLS)
        sessions.open(nonce=bytes([1] * 32))
    store.close()
    return folder, chat.session.hex()


def run(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main([str(word) for word in words]) == code
    printed = capsys.readouterr()
    assert bool(printed.err) == (code != 0)
    return printed.out + printed.err


def test_list_and_show(place: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    folder, session = place
    listed = run(capsys, "list", folder).splitlines()
    assert len(listed) == 2
    (line,) = [line for line in listed if line.startswith(session[:12])]
    assert line[12:].split()[:4] == ["live", "idle", "4", "messages"]
    shown = run(capsys, "show", folder, session[:8]).splitlines()
    assert shown[0] == f"session  {session}"
    assert shown[2:4] == ["state    live, idle, 3 changes", "tools    add, lookup"]
    assert shown[5:] == [
        "system: Be brief.",
        "user: sum?",
        "    2",
        "assistant: add(a=1, b=2.5)",
        "tool: add -> 3.5",
        "assistant: 3.5",
    ]


def test_show_does_not_send_controls_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.open(LmdbEngine(tmp_path, create=True), FORMATS["cbor-blake3"], create=True)
    with Sessions(store) as sessions:
        chat = sessions.open(system="a\x1b]0;title\x07b")
        chat.run("é\x9b31m", model=scripted("\r\tdone\n"))
    store.close()
    shown = run(capsys, "show", tmp_path, chat.session.hex())
    assert "system: a\\u001b]0;title\\u0007b\nuser: é\\u009b31m\nassistant: \\r\\tdone\n" in shown


def test_session_is_carried_to_a_new_store_and_back(
    place: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, session = place
    file, other = tmp_path / "chat.grit", tmp_path / "other"
    step = run(capsys, "show", folder, session).splitlines()[1]
    assert run(capsys, "archive", folder, session) == f"archived {session}\n"
    assert run(capsys, "export", folder, session, file) == f"exported {session} to {file}\n"
    assert "moved" in run(capsys, "list", folder)
    assert "load its file" in run(capsys, "restore", folder, session, code=1)
    assert run(capsys, "load", other, file) == f"loaded {session}\n"
    assert run(capsys, "restore", other, session) == f"restored {session}\n"
    assert run(capsys, "show", other, session).splitlines()[1] == step
    assert run(capsys, "archive", other, session) == f"archived {session}\n"
    run(capsys, "export", other, session, file)
    assert run(capsys, "load", folder, file) == f"loaded {session}\n"
    assert run(capsys, "restore", folder, session) == f"restored {session}\n"
    assert run(capsys, "show", folder, session).splitlines()[1] == step


def test_errors_are_one_line(place: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, session = place
    assert "no session has an id that begins with '00'" in run(capsys, "show", folder, "00", code=1)
    assert "no session" in run(capsys, "archive", folder, "0" * 64, code=1)
    assert "it is live already" in run(capsys, "restore", folder, session, code=1)
    assert "not archived" in run(capsys, "export", folder, session, tmp_path / "x", code=1)
    assert "the directory has no store" in run(capsys, "list", tmp_path / "absent", code=1)
    assert "No such file" in run(capsys, "load", folder, tmp_path / "absent", code=1)
    assert "No such file" in run(capsys, "load", tmp_path / "new", tmp_path / "absent", code=1)
    (tmp_path / "bad").write_bytes(b"no bundle\n")
    for where in (folder, tmp_path / "new"):
        assert run(capsys, "load", where, tmp_path / "bad", code=1).count("\n") == 1
    assert not (tmp_path / "new").exists()
    run(capsys, "archive", folder, session)
    run(capsys, "export", folder, session, tmp_path / "chat.grit")
    assert "cannot" not in run(capsys, "load", folder, tmp_path / "chat.grit")


def test_open_ask_is_shown_and_keeps_the_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_durable(tmp_path / "s", FORMATS["cbor-blake3"])
    with Sessions(store) as sessions:
        chat = sessions.open()
        chat.ask("what?")
    store.close()
    session = chat.session.hex()
    assert "ask: what?\n" in run(capsys, "show", tmp_path / "s", session)
    assert "asking" in run(capsys, "list", tmp_path / "s")
    assert "an ask is open" in run(capsys, "archive", tmp_path / "s", session, code=1)


@pytest.mark.parametrize("words", [[], ["show", "d", "XYZ"], ["show", "d"], ["unknown"], ["list"]])
def test_usage_errors_exit_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_module_is_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gritstone.session", "list", str(tmp_path / "absent")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gritstone session: the directory has no store")


def test_damaged_and_erased_sessions_are_listed() -> None:
    store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)
    with Sessions(store, clock_s=Clock()) as sessions:
        chat = sessions.open(config={"keep": 1, "max_messages": 2})
        for number in range(3):
            chat.run(f"q{number}", model=scripted(f"a{number}"))
    (view,) = list_sessions(store)
    described = describe_session(store, view)
    assert described.summary is not None
    assert described.summary.startswith("user: q0\n")
    blob = store.format.encode(Blob({"ct": "s", "role": "assistant"}, b"a2"), store.limits)
    store.erase(store.format.object_id(blob))
    assert describe_session(store, view).messages[-1] == ("erased", "")


def test_guest_is_imported_without_a_runtime() -> None:
    program = "import sys, gritstone.session.guest; print([one for one in sys.modules if '.runtime' in one])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
