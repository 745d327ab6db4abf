"""Reading an image: actors, operations, worlds and state; nothing is changed.

Spec: :ref:`image-list`, :ref:`image-log`, :ref:`image-past`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from gritstone.errors import Missing
from gritstone.grit.objects import Blob, Message, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.image.actors import Actor
from gritstone.image.builder import Program
from gritstone.image.cores import Facts
from gritstone.image.programs import is_reserved
from gritstone.image.record import Record
from gritstone.image.refusals import refusal
from gritstone.image.requests import Shown, newest_seq
from gritstone.image.service import Service
from gritstone.image.views import View, WorldView, find_actor, name_of, view_of
from gritstone.image.worlds import world_root
from gritstone.runtime.runtime import Runtime
from gritstone.wit.objects import Objects
from gritstone.wit.paths import find
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

__all__ = ["KERNEL", "OUTSIDE", "Reading"]

OUTSIDE = "outside"
"""The name of the agent."""

KERNEL = "kernel"
"""The name of the kernel actor."""

_PAGE = 256
_MOST_PATHS = 100_000


class Reading:
    """What can be read of the image of a runtime.

    Attributes:
        store: the store.
        runtime: the runtime.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Read the image of a runtime."""
        self.store: Store = runtime.store
        self.runtime = runtime
        self._service = Service(runtime)

    def _fresh(self) -> Service:
        """Return the service, with what other processes changed."""
        self.runtime.refresh()
        self._service.look()
        return self._service

    @property
    def objects(self) -> Objects:
        """Return the objects of the store."""
        return self.runtime.machine.world.objects

    @property
    def agent(self) -> ObjectId:
        """Return the id of the agent, which represents the outside."""
        return self.runtime.agent

    @property
    def seq(self) -> int:
        """Return the number of the newest operation."""
        return newest_seq(self._fresh().engine)

    @property
    def now_ms(self) -> int:
        """Return the clock of the image in milliseconds."""
        service = self._fresh()
        service.engine.sync()
        return service.engine.clock

    # --- names -------------------------------------------------------------------------------------------

    def actor(self, text: str) -> Actor:
        """Return an actor by its name, as in ``alice`` or ``alice/tool``, or by the first digits of its id.

        Raises:
            Missing: there is none, or more than one (code ``actor``).
        """
        return find_actor(self.objects, self._ids(), text)

    def name(self, actor: ObjectId) -> str:
        """Return the name of an actor, also one that is gone; ``outside`` for the agent; else the id."""
        if actor in (self.agent, self._fresh().engine.kernel):
            return OUTSIDE if actor == self.agent else KERNEL
        return name_of(self.objects, actor)

    def parse(self, text: str) -> Program:
        """Return the program of a text, in which ``@alice`` is an actor, and ``@outside`` the agent.

        Raises:
            LineDefect: a line is not an operation (code ``program``).
        """
        return Program.parse(text, lambda name: self.agent if name == OUTSIDE else self.actor(name))

    def text_of(self, program: Program) -> str:
        """Return the text of a program, in which actors have their names, as ``parse`` reads it."""

        def label(value: ObjectId) -> str:
            name = OUTSIDE if value == self.agent else name_of(self.objects, value)
            return name if name == value.hex() else f"@{name}"

        return program.text(label)

    # --- actors and operations ---------------------------------------------------------------------------

    def _ids(self) -> Iterator[ObjectId]:
        return (view.actor for view in self._shown(None))

    def _shown(self, viewer: Actor | None) -> Iterator[Shown]:
        service, after, more = self._fresh(), None, True
        while more:
            page, more = service.list(None if viewer is None else viewer.id, after, _PAGE)
            yield from page
            after = page[-1].actor if page else None

    def list(self, viewer: Actor | None = None) -> list[View]:
        """Return the actors, ascending by id.

        Args:
            viewer: show what this actor may see; None to show everything.

        Raises:
            Missing: the viewer has no head (code ``actor``).
        """
        return [view_of(self.objects, one) for one in self._shown(viewer)]

    def log(self, after: int = -1) -> Iterator[Record]:
        """Yield the records of the operations after a number, failed ones too.

        Raises:
            Missing: a record was erased or is corrupt.
        """
        more = True
        while more:
            page, more = self._fresh().log(after + 1, _PAGE)
            yield from (entry.record for entry in page)
            after = page[-1].seq if page else after

    def world(self, seq: int | None = None) -> WorldView:
        """Return the world after an operation; the newest one without a number.

        Raises:
            Missing: there is no such world yet (code ``world``), or a record is absent.
        """
        found, world = self._fresh().world(seq)
        return WorldView(found, world_root(world, self.store.format), world.references())

    def read(self, actor: Actor, path: str, *, at: int | None = None) -> str | None:
        """Return the text at a path of the core of an actor; None if the path leads to nothing or to a tree.

        Args:
            actor: the actor.
            path: names joined by ``/``.
            at: the number of an earlier world; None for the present one.

        Raises:
            Missing: the actor has no head in this world (code ``actor``), or the blob was erased.
            UnicodeDecodeError: the data is not UTF-8; see ``data``.
        """
        data = self.data(actor, path, at=at)
        return None if data is None else data.decode()

    def data(self, actor: Actor, path: str, *, at: int | None = None) -> bytes | None:
        """Return the data at a path of the core of an actor, as ``read`` does."""
        workspace = Workspace(self.objects)
        target = find(workspace, self._core(actor, at), path.split("/"))
        blob = None if target is None else workspace.load(target)
        return blob.data if isinstance(blob, Blob) else None

    def program(self, actor: Actor, mt: str) -> Program:
        """Return the program with which an actor handles a type.

        Raises:
            Missing: the actor has no head, or no such program (code ``handler``).
        """
        workspace = Workspace(self.objects)
        target = find(workspace, self._core(actor, None), ("code", mt))
        if target is None:
            raise refusal("missing/handler", "the actor has no program for the type", "program.handler", got=ascii(mt))
        return Program.read(workspace, target)

    def _core(self, actor: Actor, seq: int | None) -> Mapping[str, ObjectId]:
        service = self._fresh()
        if seq is None:
            position = service.engine.base.position(actor.id)
        else:
            head = service.world(seq)[1].heads.get(actor.id)
            position = None if head is None else load_position(self.objects, head, actor.id)
        if position is None:
            raise refusal("missing/actor", "the actor has no head in this world", "list.exact", got=str(actor))
        return position.core

    def _facts(self, actor: Actor) -> Facts:
        return Facts(Workspace(self.objects), self._core(actor, None))

    def roots(self, record: Record) -> Sequence[tuple[str, str, str]]:
        """Return sender, receiver and type of each root of an operation, with names of actors.

        The type of a root that was not sent is ``genesis``: it is one to an actor that was not created.
        """
        found = []
        for root in record.roots:
            try:
                message = self.objects.load(root.message)
            except Missing:
                message = None
            mt = message.headers.get("mt", "") if isinstance(message, Message) else "genesis"
            found.append((self.name(root.sender), self.name(root.target), mt))
        return found

    def items(
        self, actor: Actor, *, at: int | None = None, most: int = _MOST_PATHS
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield each path of the core of an actor with its data, ascending; None for an erased blob.

        Rights, code and nodes are not among them; see ``list``. A tree that is at several paths is visited at each of
        them, so a small core can have very many paths.

        Raises:
            Exhausted: there are more than ``most`` paths, to trees or blobs; those before were yielded.
        """
        core = self._core(actor, at)
        waiting = [(name, target) for name, target in sorted(core.items(), reverse=True) if not is_reserved((name,))]
        for left in count(most, -1):
            if not waiting:
                return
            if left == 0:
                raise refusal("exhausted/exhausted", "the core has too many paths", "list.exact", got=f"over {most}")
            path, target = waiting.pop()
            value = self.objects.look(target)
            if isinstance(value, Tree):
                waiting += [(f"{path}/{name}", one) for name, one in sorted(value.entries.items(), reverse=True)]
            else:
                yield path, value.data if isinstance(value, Blob) else None
