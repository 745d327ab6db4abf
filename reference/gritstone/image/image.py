"""Images for programs: a runtime of an image behind plain calls.

::

    with Image(store) as image:  # begins one, or continues
        alice = image.principal("alice", quota=Quota(fuel=100_000))
        out = image.request(alice.run(Program().add("x", 2).timer(50, "tick")))  # out.seq, out.failed
        image.install(alice, tick=Program().add("x", 40))  # the next operation runs it
        image.clock(50)
        image.run()
        image.read(alice, "x")  # "42"
        image.rollback(to=out.seq)

A refusal raises a ``Refusal`` with its class and code, and makes no operation. An operation that fails is part of the
image: ``request``, ``install`` and the like return its ``Outcome``, and the calls that return something else raise
``OperationFailed``. All of it is durable when a call returns, if the store is durable.

Spec: ``image``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, Unpack

from gritstone.errors import Missing
from gritstone.grit.export import export_bundle
from gritstone.grit.objects import Blob, Message, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.image.actors import Actor, Letter, Parts, Quota, admitted, first_core
from gritstone.image.builder import Program
from gritstone.image.code import IMAGES
from gritstone.image.cores import Facts
from gritstone.image.forking import agent_name, copy_world
from gritstone.image.programs import is_reserved
from gritstone.image.record import Record
from gritstone.image.refusals import refusal
from gritstone.image.requests import Request, Shown, newest_seq
from gritstone.image.service import Service
from gritstone.image.starting import is_image
from gritstone.image.values import Storable, Value, store_value
from gritstone.image.views import (
    Mail,
    Outcome,
    View,
    WorldView,
    find_actor,
    is_name,
    name_of,
    view_of,
)
from gritstone.image.worlds import world_root
from gritstone.runtime.config import Config
from gritstone.runtime.runtime import Runtime
from gritstone.wit.laws import Laws
from gritstone.wit.objects import Objects
from gritstone.wit.paths import find
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

__all__ = ["KERNEL", "OUTSIDE", "Image", "Together"]

_AGENT = "image"
OUTSIDE = "outside"
"""The name of the agent."""

KERNEL = "kernel"
"""The name of the kernel actor."""

_PAGE = 256
_MOST_STEPS = 100_000

_T = TypeVar("_T")
_Mails: TypeAlias = list[Mail]


class Together:
    """The messages of one operation, which commits as a whole or changes nothing.

    Attributes:
        outcome: the outcome, once the block has ended.
    """

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.outcome: Outcome | None = None

    def send(self, to: Actor, mt: str, content: Value = None) -> None:
        """Add a message."""
        self.letters.append(to.message(mt, content))

    def run(self, actor: Actor, program: Storable) -> None:
        """Add a program that an actor runs."""
        self.letters.append(actor.run(program))


class Image:
    """The image of a store.

    It has no task between two calls, so it needs no thread. Timers and posts run in ``run`` only.

    Attributes:
        store: the store.
        runtime: the runtime.
    """

    def __init__(self, store: Store, *, agent: str | None = None) -> None:
        """Start a runtime on a store; an empty store becomes an image.

        Args:
            store: an open store; it stays open.
            agent: the name of the agent; None for that of the store, and ``image`` in a new one.

        Raises:
            Rejected: the store has other actors and is no image (code ``image``), or another agent (code ``agent``).
        """
        self.store = store
        self.runtime = Runtime(store, Laws(IMAGES), Config(agent or agent_name(store) or _AGENT))
        self._loop = asyncio.new_event_loop()
        self._service = Service(self.runtime)
        try:
            if not is_image(self.runtime.machine.world):
                self._wait(self._service.start())
        except BaseException:
            self._loop.close()
            raise

    def __enter__(self) -> Image:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the runtime."""
        self.close()

    def close(self) -> None:
        """Stop the runtime; the image stays in the store. Closing again has no effect."""
        if not self._loop.is_closed():
            self._wait(self.runtime.stop(drain=True))
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(work)

    def _fresh(self) -> Service:
        """Return the service, with what other processes changed."""
        self.runtime.refresh()
        self._service.look()
        return self._service

    @property
    def _objects(self) -> Objects:
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

    # --- operations --------------------------------------------------------------------------------------

    def request(self, *letters: Letter, key: str | None = None) -> Outcome:
        """Make one operation whose roots are some messages.

        Args:
            letters: 1 to 32 messages.
            key: a text that identifies the request; a repeated request returns the outcome of the first one.

        Raises:
            Refusal: a message cannot be sent; there is no operation.
        """
        if not 1 <= len(letters) <= 32:
            raise ValueError(f"a request has 1 to 32 messages, got {len(letters)}")
        workspace = Workspace(self._objects)
        requests = [Request(one.to, one.pairs(), store_value(one.content, workspace.put)) for one in letters]
        workspace.keep(self.store)
        return Outcome.of(self._wait(self._fresh().request(requests, key)))

    @contextmanager
    def together(self, key: str | None = None) -> Iterator[Together]:
        """Collect the messages of one operation, and make it at the end of the block.

        If the block raises, there is no operation.

        Raises:
            OperationFailed: the operation has failed.
        """
        block = Together()
        yield block
        block.outcome = self.request(*block.letters, key=key)
        block.outcome.require()

    def post(self, letter: Letter) -> int:
        """Send a message as a post, which is read in an operation of its own at the next ``run``; return the number.

        Raises:
            Refusal: the message cannot be sent.
        """
        workspace = Workspace(self._objects)
        content = store_value(letter.content, workspace.put)
        workspace.keep(self.store)
        self._fresh()
        self._wait(self.runtime.inject(letter.to, content, letter.pairs()))
        return self.seq

    def run(self, max_steps: int = _MOST_STEPS) -> bool:
        """Run the timers that are due and the posts that wait; return whether the image is at rest now.

        Args:
            max_steps: stop after an operation with which this number of steps was made; posts can cause posts for ever.
        """
        self._fresh()
        return self._wait(self.runtime.run(max_steps)).cause == "rest"

    def clock(self, now_ms: int) -> int:
        """Set the clock of the image; return the number of the operation. Timers fire in ``run``.

        Args:
            now_ms: the time in milliseconds; at least that of before.

        Raises:
            Rejected: the clock would go back (code ``clock``).
            Malformed: the time is too large (code ``clock``).
        """
        return self._wait(self._fresh().set_clock(now_ms))

    # --- actors ------------------------------------------------------------------------------------------

    def principal(self, name: str, *, quota: Quota | None = None, **parts: Unpack[Parts]) -> Actor:
        """Return the principal with a name, and create it if there is none.

        Args:
            name: its name; see ``views.is_name``.
            quota: the limits of a new principal.
            parts: what else a new principal has.

        Raises:
            ValueError: the name is not of its form.
            Refusal: a part is not valid.
        """
        _check_name(name)
        found = [one for one in self._ids() if name_of(self._objects, one) == name]
        if found:
            return Actor(found[0])
        core = first_core(name, self.agent, quota=quota or Quota(), **parts)
        actor = self._keep(core)
        self.request(actor.message("genesis", actor.id)).require()
        return actor

    def spawn(self, by: Actor, name: str, **parts: Unpack[Parts]) -> Actor:
        """Create an actor by another one, with the same owner and a part of its rights.

        Raises:
            ValueError: the name is not of its form.
            OperationFailed: the actor cannot do that, or would give more than it has.
        """
        _check_name(name)
        actor = self._keep(self.core_of(by, name, **parts))
        self.request(by.run(Program().spawn(actor))).require()
        return actor

    def core_of(self, by: Actor, name: str | None = None, **parts: Unpack[Parts]) -> Mapping[str, Value]:
        """Return the first core of an actor that another one could create; see ``Program.spawn``."""
        owner = self._facts(by).owner or by.id
        return first_core(name, by.id, owner=owner, **parts)

    def _keep(self, core: Mapping[str, Value]) -> Actor:
        """Store a first core; return the actor that it is."""
        workspace = Workspace(self._objects)
        actor = Actor(store_value(core, workspace.put))
        workspace.keep(self.store)
        return actor

    def actor(self, text: str) -> Actor:
        """Return an actor by its name, as in ``alice`` or ``alice/tool``, or by the first digits of its id.

        Raises:
            Missing: there is none, or more than one (code ``actor``).
        """
        return find_actor(self._objects, self._ids(), text)

    def name(self, actor: ObjectId) -> str:
        """Return the name of an actor, also one that is gone; ``outside`` for the agent; else the id."""
        if actor in (self.agent, self._fresh().engine.kernel):
            return OUTSIDE if actor == self.agent else KERNEL
        return name_of(self._objects, actor)

    def parse(self, text: str) -> Program:
        """Return the program of a text, in which ``@alice`` is an actor, and ``@outside`` the agent.

        Raises:
            LineDefect: a line is not an operation (code ``program``).
        """
        return Program.parse(text, lambda name: self.agent if name == OUTSIDE else self.actor(name))

    def text_of(self, program: Program) -> str:
        """Return the text of a program, in which actors have their names, as ``parse`` reads it."""

        def label(value: ObjectId) -> str:
            name = OUTSIDE if value == self.agent else name_of(self._objects, value)
            return name if name == value.hex() else f"@{name}"

        return program.text(label)

    def install(self, actor: Actor, code: Mapping[str, Storable] | None = None, **more: Storable) -> Outcome:
        """Install programs in an actor, by the type of the message that they handle. The next operation runs them."""
        return self.request(actor.message("image.install", {"code": {**(code or {}), **more}}))

    def grant(self, actor: Actor, capability: str) -> Outcome:
        """Grant an actor a right, for example ``shop.may_send("buy")``."""
        return self.request(actor.message("image.grant", capability))

    def revoke(self, actor: Actor, capability: str) -> Outcome:
        """Remove a capability of an actor."""
        return self.request(actor.message("image.revoke", capability))

    def admit(self, actor: Actor, mt: str, senders: Iterable[Actor] | str) -> Outcome:
        """Set the senders whose messages of a type an actor admits: actors, ``*`` for all, or ``-`` for none."""
        return self.request(actor.message("image.entry", f"{mt}\n{admitted(senders)}"))

    def set_quota(self, principal: Actor, quota: Quota) -> Outcome:
        """Set the limits of a principal."""
        return self.request(principal.message("image.quota", str(quota)))

    def destroy(self, actor: Actor) -> Outcome:
        """Remove an actor for ever; it fails with ``rejected/busy`` while there is unread mail to it or from it."""
        return self.request(actor.message("image.destroy"))

    # --- reading -----------------------------------------------------------------------------------------

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
        return [view_of(self._objects, one) for one in self._shown(viewer)]

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
        workspace = Workspace(self._objects)
        target = find(workspace, self._core(actor, at), path.split("/"))
        blob = None if target is None else workspace.load(target)
        return blob.data if isinstance(blob, Blob) else None

    def program(self, actor: Actor, mt: str) -> Program:
        """Return the program with which an actor handles a type.

        Raises:
            Missing: the actor has no head, or no such program (code ``handler``).
        """
        workspace = Workspace(self._objects)
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
            position = None if head is None else load_position(self._objects, head, actor.id)
        if position is None:
            raise refusal("missing/actor", "the actor has no head in this world", "list.exact", got=str(actor))
        return position.core

    def _facts(self, actor: Actor) -> Facts:
        return Facts(Workspace(self._objects), self._core(actor, None))

    def mail(self) -> _Mails:
        """Return the unread messages of actors to the outside: senders ascending, the oldest first."""
        self._fresh()
        found: _Mails = []
        for sender, message_id in self.runtime.mail():
            message = self._objects.load(message_id)
            assert isinstance(message, Message), "a channel has messages"
            found.append(Mail(Actor(sender), message_id, message.headers, message.content))
        return found

    def roots(self, record: Record) -> Sequence[tuple[str, str, str]]:
        """Return sender, receiver and type of each root of an operation, with names of actors.

        The type of a root that was not sent is ``genesis``: it is one to an actor that was not created.
        """
        found = []
        for root in record.roots:
            try:
                message = self._objects.load(root.message)
            except Missing:
                message = None
            mt = message.headers.get("mt", "") if isinstance(message, Message) else "genesis"
            found.append((self.name(root.sender), self.name(root.target), mt))
        return found

    def items(self, actor: Actor, *, at: int | None = None) -> Iterator[tuple[str, bytes | None]]:
        """Yield each path of the core of an actor with its data, ascending; None for an erased blob.

        Rights, code and nodes are not among them; see ``list``.
        """
        core = self._core(actor, at)
        waiting = [(name, target) for name, target in sorted(core.items(), reverse=True) if not is_reserved((name,))]
        while waiting:
            path, target = waiting.pop()
            value = self._objects.look(target)
            if isinstance(value, Tree):
                waiting += [(f"{path}/{name}", one) for name, one in sorted(value.entries.items(), reverse=True)]
            else:
                yield path, value.data if isinstance(value, Blob) else None

    def text(self, mail: Mail) -> str | None:
        """Return the content of a message as a text; None if it is a tree or was erased."""
        blob = self._objects.look(mail.content)
        return blob.data.decode() if isinstance(blob, Blob) else None

    def acknowledge(self, mail: Mail) -> None:
        """Mark a message to the outside as read, and those of the same sender before it."""
        self._fresh()
        self._wait(self.runtime.acknowledge(mail.sender.id, mail.id))

    # --- worlds ------------------------------------------------------------------------------------------

    def rollback(self, to: int) -> Outcome:
        """Return the cores of all actors to those of an earlier world, by one operation.

        It fails with ``rejected/busy`` if an actor that has to go has unread mail: use ``run`` and ``acknowledge``.

        Raises:
            Missing: there is no such world (code ``world``).
            Rejected: a post to an actor is unread (code ``order``).
            Exhausted: more than 1,000 actors would change (code ``steps``).
        """
        return Outcome.of(self._wait(self._fresh().rollback(to)))

    def fork(self, seq: int, store: Store) -> Image:
        """Begin another image from an earlier world, in another store; both have the same actors.

        Args:
            seq: the number of the world.
            store: an empty store of the same format.

        Raises:
            Rejected: the store is not empty (code ``image``), or has another format (code ``format``).
            Missing: there is no such world (code ``world``).
        """
        world = self.world(seq)
        copy_world(self.store, store, world.references)
        return Image(store)

    def export(self, path: str | Path) -> None:
        """Write a bundle of all references, which ``gritstone audit`` checks."""
        with self.store.snapshot() as snapshot, Path(path).open("wb") as file:
            file.writelines(export_bundle(snapshot))


def _check_name(name: str) -> None:
    if not is_name(name):
        raise ValueError(f"invalid name: expected up to 64 letters, digits and _.-, got {name!r}")
