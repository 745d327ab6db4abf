"""The command line of images: what it prints, and its errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gritstone.errors import Exhausted
from gritstone.grit.formats import CBOR_BLAKE3, FRAMED_SHA256
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.references import Change
from gritstone.image import Image, Program, Quota
from gritstone.image.command import main

from ..killing import run_killed  # noqa: TID252 - it is a helper of all tests


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with two programs."""
    (tmp_path / "buy.txt").write_text("# handles buy\ncount sold +\n")
    (tmp_path / "bad.txt").write_text("add x 1\nadd y\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main([str(word) for word in words]) == code
    printed = capsys.readouterr()
    return printed.out + printed.err


@contextmanager
def opened(folder: str) -> Iterator[Image]:
    store = open_durable(folder, FRAMED_SHA256)
    with Image(store) as image:
        yield image
    store.close()


@pytest.fixture
def world(place: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the folder of an image with two principals."""
    run(capsys, "new", "world", "alice", "--may", "spawn", "--quota", "fuel=500")
    run(capsys, "new", "world", "shop", "--admit", "buy=alice", "--code", "buy=buy.txt")
    return "world"


def test_operations_print_their_outcome(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "run", world, "alice", "-e", "add x 2", "-e", "timer 50 buy") == "operation 3 committed\n"
    line = 'send @shop join buy "4"'
    assert run(capsys, "run", world, "alice", "-e", line, code=1) == "operation 4 failed: rejected/capability\n"
    assert run(capsys, "grant", world, "alice", "send", "shop", "b*") == "operation 5 committed\n"
    assert run(capsys, "run", world, "alice", "-e", line, "--key", "k") == "operation 6 committed\n"
    assert run(capsys, "run", world, "alice", "-e", line, "--key", "k") == "operation 6 committed\n"
    assert 'sold "4"\n' in run(capsys, "show", world, "shop")
    assert run(capsys, "revoke", world, "alice", "send", "shop", "b*") == "operation 7 committed\n"
    assert run(capsys, "send", world, "shop", "buy", "1") == "operation 8 committed\n"
    assert 'sold "5"\n' in run(capsys, "show", world, "shop")
    assert 'sold "4"\n' in run(capsys, "show", world, "shop", "--at", "7")


def test_list_and_show_print_rights_and_programs(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "new", world, "tool", "--by", "alice", "--code", "buy=buy.txt")
    lines = run(capsys, "list", world).splitlines()
    assert [line.split()[0] for line in lines] == ["alice", "alice/tool", "shop"]
    assert lines[1].endswith("actor      handles buy")
    assert run(capsys, "list", world, "--as", "shop").splitlines()[0].endswith("of another owner")
    assert run(capsys, "show", world, "shop", "buy") == "count sold +\n"
    shown = run(capsys, "show", world, "alice/tool")
    assert "owner    alice\n" in shown
    rights = run(capsys, "show", world, "alice")
    assert "may      spawn    granted by outside\n" in rights
    assert "may      send alice/tool *    granted by alice\n" in rights
    assert "admits   buy from alice\n" in run(capsys, "show", world, "shop")


def test_install_changes_the_next_operation(world: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "buy.txt").write_text("fail closed\n")
    assert run(capsys, "install", world, "shop", "buy=buy.txt") == "operation 3 committed\n"
    assert run(capsys, "send", world, "shop", "buy", "1", code=1) == "operation 4 failed: rejected/closed\n"
    error = run(capsys, "install", world, "shop", "buy=bad.txt", code=1)
    assert error == ("gritstone image: bad.txt: line 2: wrong number of operands: expected add PATH AMOUNT, got 1\n")


def test_the_clock_fires_timers(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "run", world, "shop", "-e", "timer 50 tick")
    assert run(capsys, "clock", world, 49).count("\n") == 1
    assert "failed missing/handler" in run(capsys, "clock", world, 50)
    assert run(capsys, "rest", world) == ""
    assert "the clock does not go back" in run(capsys, "clock", world, 1, code=1)


def test_log_lists_failures_and_undone_savepoints(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "run", world, "alice", "-e", "send @alice save none empty")
    lines = run(capsys, "log", world, "--after", "1").splitlines()
    assert lines[0].split() == ["2", "committed", "fuel", "1", "outside", "->", "shop:", "genesis"]
    assert lines[1].split()[:2] == ["3", "committed"]
    assert lines[2] == "      undone: alice -> alice, missing/handler"
    assert "the image begins" in run(capsys, "log", world).splitlines()[0]


def test_worlds_are_returned_to_and_forked(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "send", world, "shop", "buy", "4")
    run(capsys, "send", world, "shop", "buy", "5")
    assert run(capsys, "rollback", world, 3) == "operation 5 committed\n"
    assert 'sold "4"\n' in run(capsys, "show", world, "shop")
    assert run(capsys, "fork", world, 4, "branch").startswith("branch continues from world 4, root ")
    assert 'sold "9"\n' in run(capsys, "show", "branch", "shop")
    assert run(capsys, "fork", world, 4, "branch", code=1) == "gritstone image: the store of the fork is not empty\n"
    assert "there is no such world yet" in run(capsys, "fork", world, 99, "other", code=1)
    assert not Path("other").exists()


def test_check_reads_programs_and_journals(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "buy.txt") == "buy.txt: 1 operation, no defects\n"
    assert "line 2: wrong number of operands" in run(capsys, "check", "bad.txt", code=1)
    assert run(capsys, "check", world).endswith("3 records, 0 failed; they account for all 4 references\n")


def test_check_finds_a_reference_without_a_record(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Image(open_durable(Path(world), FRAMED_SHA256, create=False)) as image:
        steps = [step for _, step in image.world().references]
        image.store.update_references([Change(f"gone/{'01' * 32}", None, steps[0])])
        image.store.close()
    assert run(capsys, "check", world, code=1).endswith("the journal does not account for the references\n")


def test_either_format_is_opened(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_durable(place / "other", CBOR_BLAKE3)
    with Image(store) as image:
        image.request(image.principal("alice").run(Program().write("x", b"\x1b\xff")))
    store.close()
    assert 'x "\\u001b\\\\xff"\n' in run(capsys, "show", "other", "alice")


def test_export_writes_a_bundle(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "export", world, "world.grit") == "exported world 2 to world.grit\n"
    assert Path("world.grit").read_bytes().startswith(b"gritstone bundle 1\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("show", "nowhere", "alice"), "the directory has no store"),
        (("show", "world", "bob"), "no actor has this name or id"),
        (("new", "world", "a/b"), "invalid name"),
        (("new", "world", "alice"), "there is a principal alice already"),
        (("grant", "world", "alice", "fly"), "invalid right 'fly'"),
        (("run", "world", "alice"), "expected either a file or lines after -e"),
        (("show", "world", "alice", "buy"), "the actor has no program for the type"),
        (("rollback", "world", "99"), "there is no such world yet"),
    ],
)
def test_errors_are_one_line(
    world: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], error: str
) -> None:
    printed = run(capsys, *words, code=1)
    assert printed.startswith(f"gritstone image: {error}")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("clock", "world", "-1"),
        ("rollback", "world", "x"),
        ("install", "world", "alice", "buy.txt"),
        ("new", "world", "bob", "--quota", "sleep=1"),
        ("fly", "world"),
    ],
)
def test_usage_errors_exit_with_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    capsys.readouterr()


def test_show_prints_a_bounded_part_of_a_state_with_very_many_paths(
    world: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(world) as image:
        store = image.store

        def put(value: Blob | Tree) -> ObjectId:
            return store.put(store.format.encode(value, store.limits))

        target = put(Blob({}, b"1"))
        for _ in range(40):  # each tree has the one before twice, so there are 2^40 paths
            target = put(Tree({"l": target, "r": target}))
        image.set_quota(image.actor("alice"), Quota(bytes=2**62)).require()
        image.request(image.actor("alice").run(Program().put("n", target))).require()
    shown = run(capsys, "show", world, "alice")
    assert shown.count("\n") < 1_020
    assert shown.endswith("only the first 1000 paths are shown; --most N shows more\n")
    assert run(capsys, "show", world, "alice", "--most", "3000").count("\n") > shown.count("\n")
    with opened(world) as image, pytest.raises(Exhausted):
        for _ in image.items(image.actor("alice")):
            pass


def test_export_keeps_the_earlier_file_if_it_fails(
    world: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = place / "backup.grit"
    run(capsys, "export", world, backup)
    before = backup.read_bytes()
    assert backup.stat().st_mode & 0o777 == 0o600

    def fail(_: int) -> None:
        raise OSError("the medium failed")

    monkeypatch.setattr("gritstone.files.os.fsync", fail)
    assert "the medium failed" in run(capsys, "export", world, backup, code=1)
    assert backup.read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["backup.grit", "bad.txt", "buy.txt", "world"]


def test_fork_into_an_empty_folder_and_not_into_another_one(
    world: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "new").mkdir()
    assert "continues from world 1" in run(capsys, "fork", world, "1", "new")
    assert "not empty" in run(capsys, "fork", world, "1", "new", code=1)
    assert "itself" in run(capsys, "fork", world, "1", world, code=1)
    assert "other files" in run(capsys, "fork", world, "1", place, code=1)
    assert "alice" in run(capsys, "list", "new")


def test_killed_fork_continues_or_is_complete(world: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, at = place / "new", 0
    while run_killed(lambda: main(["fork", world, "1", "new"]), at):
        code = main(["fork", world, "1", "new"])
        capsys.readouterr()
        listed = run(capsys, "list", "new")
        assert "alice" in listed, code
        assert "shop" not in listed, "it is world 1 and not the newest one"
        shutil.rmtree(new)
        at += 29
    assert at > 100
