"""Session files from strangers: each is loaded, or refused by one line, and nothing is stored for a refused one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone.errors import Invalid
from gritstone.grit.export import export_bundle
from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, Object, ObjectId, Step, Tree
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.session import Sessions
from gritstone.session.command import main

from .conversing import ADD, TOOLS, Clock, scripted

FORMAT = FORMATS["framed-sha256"]


class Forger:
    """A store with a session, in which altered copies of its objects are made."""

    def __init__(self) -> None:
        self.store = Store.open(MemoryEngine(), FORMAT, create=True)
        with Sessions(self.store, agent="me", clock_s=Clock()) as sessions:
            chat = sessions.open(system="Be brief.", tools=TOOLS)
            chat.run("sum?", model=scripted(ADD, "3.5"), tools=TOOLS)
            self.session = chat.session
        with self.store.snapshot() as snapshot:
            head = snapshot.target(f"heads/{self.session.hex()}")
        assert head is not None
        self.head = head

    def put(self, value: Object) -> ObjectId:
        return self.store.put(FORMAT.encode(value, self.store.limits))

    def load(self, object_id: ObjectId) -> Object:
        with self.store.snapshot() as snapshot:
            return snapshot.load(object_id)

    def altered(self, object_id: ObjectId, depth: int) -> Iterator[ObjectId]:
        """Yield copies of an object in which one object at most ``depth`` below it is another one."""
        yield from (self.put(Blob({"ct": "s"}, b"\xff")), self.head, self.put(Tree({"x": self.put(Blob({}, b""))})))
        value = self.load(object_id)
        if isinstance(value, Blob):
            yield self.put(Blob({}, value.data))
            yield self.put(Blob(dict(value.headers), value.data + b"\xff"))
        elif depth and isinstance(value, Tree):
            for name, target in value.entries.items():
                others = {key: one for key, one in value.entries.items() if key != name}
                yield from (self.put(Tree({**value.entries, name: one})) for one in self.altered(target, depth - 1))
                if others:
                    yield self.put(Tree(others))
        elif depth and isinstance(value, Step):
            yield from (self.put(replace(value, core=one)) for one in self.altered(value.core, depth - 1))

    def is_graph(self, step: ObjectId) -> bool:
        """Return whether the objects that a step reaches may be in a bundle at all."""
        try:
            with self.store.snapshot() as snapshot:
                snapshot.closure([step])
        except Invalid:
            return False
        return True

    def file(self, step: ObjectId, *names: str) -> bytes:
        """Return a bundle with references to a step."""
        other = Store.open(MemoryEngine(), FORMAT, create=True)
        with self.store.snapshot() as snapshot:
            for object_id in snapshot.closure([step]):
                other.put(FORMAT.encode(snapshot.load(object_id), other.limits))
        other.update_references([Change(name, None, step) for name in names])
        with other.snapshot() as snapshot:
            return b"".join(export_bundle(snapshot, names))


@pytest.fixture(scope="module")
def forger() -> Forger:
    return Forger()


def load(capsys: pytest.CaptureFixture[str], folder: Path, content: bytes) -> tuple[int, str]:
    """Load a file into a new store; return the exit code and what is printed on standard error."""
    file = folder / "file"
    file.write_bytes(content)
    code = main(["load", str(folder / "store"), str(file)])
    return code, capsys.readouterr().err


def test_each_altered_session_is_loaded_or_refused(
    forger: Forger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"archived/{forger.session.hex()}"
    steps = [one for one in dict.fromkeys(forger.altered(forger.head, 5)) if forger.is_graph(one)]
    codes = []
    for number, step in enumerate(steps):
        folder = tmp_path / str(number)
        folder.mkdir()
        code, err = load(capsys, folder, forger.file(step, name))
        codes.append(code)
        assert err.count("\n") == code, err
        assert (folder / "store").exists() is (code == 0)
        if code == 0:
            assert main(["list", str(folder / "store")]) == 0
            assert main(["show", str(folder / "store"), forger.session.hex()]) in (0, 1)
            assert capsys.readouterr().err.count("\n") <= 1
    assert {0, 1} == set(codes)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["archived/{}"], 0),
        (["moved/{}"], 0),
        (["notes/any", "archived/{}"], 0),
        (["heads/{}"], 1),
        (["archived/zz"], 1),
        (["archived/{}", "moved/zz"], 1),
        (["notes/any"], 1),
    ],
)
def test_foreign_references_are_refused_or_left_out(
    forger: Forger, tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], code: int
) -> None:
    spelled = [name.format(forger.session.hex()) for name in names]
    found, err = load(capsys, tmp_path, forger.file(forger.head, *spelled))
    assert (found, err.count("\n")) == (code, code)
    assert (tmp_path / "store").exists() is (code == 0)


def test_host_name_that_is_not_utf8_is_refused(
    forger: Forger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = forger.load(forger.head)
    assert isinstance(step, Step)
    core = forger.load(step.core)
    assert isinstance(core, Tree)
    session = forger.load(core.entries["session"])
    assert isinstance(session, Tree)
    for data in (b"\xff\xfe", b"a" * 256, b""):
        host = forger.put(Tree({"name": forger.put(Blob({"ct": "s"}, data))}))
        tree = forger.put(Tree({**session.entries, "host": host}))
        forged = forger.put(replace(step, core=forger.put(Tree({**core.entries, "session": tree}))))
        code, err = load(capsys, tmp_path, forger.file(forged, f"archived/{forger.session.hex()}"))
        assert (code, err.count("\n")) == (1, 1)
        assert not (tmp_path / "store").exists()
