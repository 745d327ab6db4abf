"""What the tests of ``wit`` share: a bench with a memory store on which transitions are run by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gritstone.grit import Blob, Format, Limits, MemoryEngine, Message, Object, ObjectId, Store, Tree
from gritstone.grit.store import put_unless_erased
from gritstone.wit import PUPPETS, Code, Executor, External, Laws, Objects, read_proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position, load_position
from gritstone.wit.workspace import Workspace


@dataclass
class Bench:
    """A store and the runtime, driven by hand."""

    store: Store
    laws: Laws = field(default_factory=lambda: Laws(External(PUPPETS)))

    @property
    def objects(self) -> Objects:
        """Read the store again."""
        return Objects(self.store.format, self.store.limits, self.store.get)

    @property
    def workspace(self) -> Workspace:
        """Make an empty workspace."""
        return Workspace(self.objects)

    def put(self, value: Object) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.put(Blob(headers, data))

    def tree(self, **entries: ObjectId) -> ObjectId:
        return self.put(Tree(entries))

    def nested(self, value: object) -> ObjectId:
        """Put dictionaries as trees, and everything else as the blob of its text."""
        if isinstance(value, dict):
            return self.put(Tree({name: self.nested(one) for name, one in value.items()}))
        return self.blob(str(value).encode())

    def core(self, name: str, wit: bytes = b"external:puppet/1", **entries: ObjectId) -> ObjectId:
        """Put a first core, as the golden histories have it."""
        node = self.blob(wit, ct="s")
        first = {"name": self.blob(name.encode(), ct="s"), "wit": node, "wit_query": node}
        return self.tree(**{**first, **entries})

    def program(self, data: bytes, **operands: ObjectId) -> ObjectId:
        return self.put(Tree({"program": self.blob(data), **operands}))

    def message(self, content: ObjectId, previous: ObjectId | None = None, **headers: str) -> ObjectId:
        return self.put(Message(previous, headers, content))

    @property
    def outside(self) -> ObjectId:
        """Return the id of a sender."""
        return self.tree(name=self.blob(b"test", ct="s"))

    def position(self, step: ObjectId, actor: ObjectId) -> Position:
        return load_position(self.objects, step, actor)

    def step(
        self,
        actor: ObjectId,
        head: ObjectId | None,
        mail: Sequence[tuple[ObjectId, ObjectId]],
        attempt: int = 1,
    ) -> ObjectId | None:
        """Run a transition and store its step; None if it declined."""
        executor = Executor(self.objects, self.laws)
        last = None if head is None else self.position(head, actor)
        proposal = read_proposal(executor.objects.load, actor, last, list(mail))
        run = executor.prepare(actor, last, proposal, attempt)
        admitted = drive(executor.transition(run), time.sleep, Deadline(time.monotonic, 0))
        if admitted is None:
            return None
        made = admitted.workspace.encodings
        self.store.update(lambda batch: [put_unless_erased(batch, one, data) for one, data in made.items()])
        return admitted.position.step_id

    def born(
        self, name: str = "a", wit: bytes = b"external:puppet/1", **entries: ObjectId
    ) -> tuple[ObjectId, ObjectId]:
        """Make an actor; return its id and first step. Its genesis message is from ``outside``."""
        actor = self.core(name, wit, **entries)
        head = self.step(actor, None, [(self.outside, self.message(actor, mt="genesis"))])
        assert head is not None
        return actor, head

    def tell(self, actor: ObjectId, head: ObjectId, program: bytes, attempt: int = 1, **operands: ObjectId) -> ObjectId:
        """Make an actor run a program that is queued behind what it read from ``outside``."""
        previous = self.position(head, actor).inbox[self.outside]
        message = self.message(self.program(program, **operands), previous)
        step = self.step(actor, head, [(self.outside, message)], attempt)
        assert step is not None
        return step

    def register(self, name: str, code: Code) -> None:
        self.laws = Laws(External({name: code}), *self.laws.laws)


@pytest.fixture
def bench(format_: Format) -> Bench:
    """Return a bench for each format."""
    return Bench(Store.open(MemoryEngine(), format_, limits=Limits(tree_depth=1_100, object_bytes=1_048_576)))
