"""What an image guarantees and transactions of SQLite do not, or both do: each row of the page, seen on both.

The table is in ``docs/image-compare.rst``, and each of its rows names a test here.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gritstone.errors import Missing
from gritstone.grit import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.image import Image, OperationFailed, Program, Quota

PAGE = Path(__file__).parents[3] / "docs" / "image-compare.rst"


class Both:
    """A bank in a database and in an image: accounts a and b with 500 each, which are never negative."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "bank.db"
        with self.connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE account (name TEXT PRIMARY KEY, money INTEGER CHECK (money >= 0))")
            database.execute("INSERT INTO account VALUES ('a', 500), ('b', 500)")
        self.image = self.open()
        pay = {"pay": Program().count("money", "-"), "get": Program().count("money")}
        self.a, self.b = (
            self.image.principal(one, entry={"get": "*"}, code=pay, state={"money": 500}) for one in ("a", "b")
        )

    def connect(self) -> sqlite3.Connection:
        """Return a connection that begins no transaction by itself."""
        return sqlite3.connect(self.path, isolation_level=None, timeout=0)

    def open(self) -> Image:
        return Image(open_durable(self.folder / "bank", CBOR_BLAKE3))

    def rows(self) -> dict[str, int]:
        with closing(self.connect()) as database:
            return dict(database.execute("SELECT name, money FROM account ORDER BY name"))

    def cores(self) -> dict[str, int]:
        return {one: int(self.image.read(self.image.actor(one), "money") or 0) for one in ("a", "b")}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    bank = Both(tmp_path)
    yield bank
    bank.image.close()
    bank.image.store.close()


def transfer(bank: Both, amount: int) -> Program:
    """Return a program of a that pays b, in one operation."""
    bank.image.grant(bank.a, bank.b.may_send("get"))
    return Program().add("money", -amount).send(bank.b, "get", str(amount))


def test_an_error_that_the_program_ignores(both: Both) -> None:
    with closing(both.connect()) as database:
        database.execute("BEGIN")
        database.execute("UPDATE account SET money = money + 600 WHERE name = 'b'")
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("UPDATE account SET money = money - 600 WHERE name = 'a'")
        database.execute("COMMIT")
    assert both.rows() == {"a": 500, "b": 1_100}

    both.image.grant(both.a, both.b.may_send("get"))
    program = Program().send(both.b, "get", "600").add("money", -600)
    assert both.image.request(both.a.run(program)).failed == "rejected/range"
    assert both.cores() == {"a": 500, "b": 500}


def test_an_error_of_another_participant(both: Both) -> None:
    with closing(both.connect()) as first, closing(both.connect()) as second:
        first.execute("UPDATE account SET money = money - 200 WHERE name = 'a'")
        with pytest.raises(sqlite3.IntegrityError):
            second.execute("UPDATE account SET money = money - 600 WHERE name = 'b'")
    assert both.rows() == {"a": 300, "b": 500}

    def pay() -> None:
        with both.image.together() as block:
            block.send(both.a, "pay", 200)
            block.send(both.b, "pay", 600)

    with pytest.raises(OperationFailed, match="rejected/range"):
        pay()
    assert both.cores() == {"a": 500, "b": 500}


def test_a_part_is_undone_by_a_savepoint(both: Both) -> None:
    with closing(both.connect()) as database:
        database.execute("BEGIN")
        database.execute("UPDATE account SET money = money - 100 WHERE name = 'a'")
        database.execute("SAVEPOINT part")
        database.execute("UPDATE account SET money = 0 WHERE name = 'b'")
        database.execute("ROLLBACK TO part")
        database.execute("COMMIT")
    assert both.rows() == {"a": 400, "b": 500}

    both.image.grant(both.a, both.b.may_send("pay"))
    program = Program().add("money", -100).send(both.b, "pay", "600", mode="save")
    both.image.admit(both.b, "pay", "*")
    assert both.image.request(both.a.run(program)).failed is None
    assert both.cores() == {"a": 400, "b": 500}
    assert [str(one.failure) for one in list(both.image.log())[-1].savepoints] == ["rejected/range"]


def test_a_read_and_a_write_of_two_clients(both: Both) -> None:
    with closing(both.connect()) as first, closing(both.connect()) as second:
        (seen,) = first.execute("SELECT money FROM account WHERE name = 'a'").fetchone()
        second.execute("UPDATE account SET money = money - 100 WHERE name = 'a'")
        first.execute("UPDATE account SET money = ? WHERE name = 'a'", (seen - 50,))
        assert both.rows()["a"] == 450  # the payment of 100 is lost

        first.execute("BEGIN")
        first.execute("SELECT money FROM account WHERE name = 'a'").fetchone()
        second.execute("UPDATE account SET money = money - 100 WHERE name = 'a'")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            first.execute("UPDATE account SET money = money - 50 WHERE name = 'a'")
        first.execute("ROLLBACK")  # and the client begins again

    other = Image(both.image.store)
    for image, amount in ((both.image, 100), (other, 50)) * 2:
        assert image.request(both.a.message("pay", amount)).failed is None
    assert both.cores()["a"] == 200
    other.close()


def test_a_commit_survives_a_kill(both: Both) -> None:
    both.image.close()
    both.image.store.close()
    script = f"""
import os, signal, sqlite3
from pathlib import Path
from gritstone.grit import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.image import Image
image = Image(open_durable(Path({str(both.folder / "bank")!r}), CBOR_BLAKE3))
image.request(image.actor("a").message("pay", 100))
database = sqlite3.connect({str(both.path)!r}, isolation_level=None)
database.execute("UPDATE account SET money = money - 100 WHERE name = 'a'")
database.execute("BEGIN")
database.execute("UPDATE account SET money = 0 WHERE name = 'b'")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    both.image = both.open()
    assert both.rows() == both.cores() == {"a": 400, "b": 500}


def test_a_repeated_request(both: Both) -> None:
    with closing(both.connect()) as database:
        for _ in range(2):
            database.execute("UPDATE account SET money = money - 100 WHERE name = 'a'")
    assert both.rows()["a"] == 300

    for _ in range(2):
        both.image.request(both.a.message("pay", 100), key="order-7")
    assert both.cores()["a"] == 400


def test_rights_are_kept_with_the_data(both: Both) -> None:
    with closing(both.connect()) as database:
        database.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            database.execute("UPDATE account SET money = 0")
    with closing(both.connect()) as database:
        database.execute("UPDATE account SET money = 0")
    assert both.rows() == {"a": 0, "b": 0}

    both.image.close()
    both.image.store.close()
    both.image = both.open()
    program = Program().send(both.b, "get", "1")
    assert both.image.request(both.a.run(program)).failed == "rejected/capability"
    assert both.cores() == {"a": 500, "b": 500}


def test_code_in_the_store_is_contained(both: Both) -> None:
    """A trigger of one table writes any other table; a program writes the state of its own actor."""
    with closing(both.connect()) as database:
        database.execute("CREATE TABLE note (text TEXT)")
        database.execute(
            "CREATE TRIGGER steal AFTER INSERT ON note BEGIN UPDATE account SET money = 0 WHERE name = 'b'; END"
        )
        database.execute("INSERT INTO note VALUES ('hello')")
    assert both.rows() == {"a": 500, "b": 0}

    both.image.install(both.a, note=Program().write("money", "0").send(both.b, "pay", "500"))
    assert both.image.request(both.a.message("note")).failed == "rejected/capability"
    assert both.cores() == {"a": 500, "b": 500}


def test_code_is_replaced_together_with_state(both: Both) -> None:
    with closing(both.connect()) as database:
        database.execute("CREATE TABLE note (text TEXT)")
        database.execute("BEGIN")
        database.execute("CREATE TRIGGER log AFTER UPDATE ON account BEGIN INSERT INTO note VALUES ('x'); END")
        database.execute("UPDATE account SET money = 1 WHERE name = 'a'")
        database.execute("ROLLBACK")
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)

    def change() -> None:
        with both.image.together() as block:
            block.send(both.a, "image.install", {"code": {"pay": Program().fail("closed")}})
            block.run(both.b, Program().fail("no"))

    with pytest.raises(OperationFailed):
        change()
    assert both.image.request(both.a.message("pay", 1)).failed is None


def test_endless_work_is_limited(both: Both) -> None:
    with closing(both.connect()) as database:
        calls = iter(range(3))
        database.set_progress_handler(lambda: next(calls, None) is None, 1_000)  # without it the statement runs on
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            database.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")

    loop = both.image.principal("loop", quota=Quota(fuel=100), code={})
    both.image.install(loop, go=Program().add("n", 1).send(loop, "go"))
    assert both.image.request(loop.message("go")).failed == "exhausted/fuel"
    assert both.image.read(loop, "n") is None


def test_an_earlier_state_is_read(both: Both) -> None:
    with closing(both.connect()) as database:
        database.execute("UPDATE account SET money = 1 WHERE name = 'a'")
    assert both.rows()["a"] == 1  # and no statement returns the value before

    seq = both.image.seq
    both.image.request(both.a.message("pay", 499))
    assert both.image.read(both.a, "money", at=seq) == "500"
    assert both.image.rollback(to=seq).failed is None
    assert both.cores()["a"] == 500


def flip(path: Path, data: bytes) -> None:
    """Change one bit of each occurrence of some data in a file."""
    content = path.read_bytes()
    assert data in content
    path.write_bytes(content.replace(data, bytes([data[0] ^ 1]) + data[1:]))


def test_a_changed_bit_is_noticed(both: Both) -> None:
    text = "a text that is long enough to be found"
    with closing(both.connect()) as database:
        database.execute("CREATE TABLE note (text TEXT)")
        database.execute("INSERT INTO note VALUES (?)", (text,))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    flip(both.path, text.encode())
    with closing(both.connect()) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (read,) = database.execute("SELECT text FROM note").fetchone()
    assert read != text

    note = both.image.principal("note")
    both.image.request(note.run(Program().write("text", text)))
    both.image.close()
    both.image.store.close()
    (file,) = (both.folder / "bank").glob("*.mdb")
    flip(file, text.encode())
    both.image = both.open()
    with pytest.raises(Missing) as caught:
        both.image.read(note, "text")
    assert caught.value.code == "corrupt"


def test_one_spender_too_many(both: Both) -> None:
    with closing(both.connect()) as database:
        for _ in range(2):
            database.execute("UPDATE account SET money = money - 200 WHERE name = 'a'")
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("UPDATE account SET money = money - 200 WHERE name = 'a'")
    assert both.rows()["a"] == 100

    outcomes = [both.image.request(both.a.message("pay", 200)).failed for _ in range(3)]
    assert outcomes == [None, None, "rejected/range"]
    assert both.cores()["a"] == 100


def test_each_row_of_the_page_names_a_test() -> None:
    named = set(re.findall(r"``(test_\w+)``", PAGE.read_text(encoding="utf-8")))
    ours = {name for name in globals() if name.startswith("test_")} - {"test_each_row_of_the_page_names_a_test"}
    assert named == ours
