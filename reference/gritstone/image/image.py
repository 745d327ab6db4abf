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
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, Unpack

from gritstone.errors import Rejected
from gritstone.exact import exact
from gritstone.files import replacing
from gritstone.grit.export import export_bundle
from gritstone.grit.objects import Blob, Message
from gritstone.grit.store import Store
from gritstone.image.actors import Actor, Letter, Parts, Quota, admitted, first_core
from gritstone.image.builder import Program
from gritstone.image.code import IMAGES
from gritstone.image.forking import agent_name, copy_world
from gritstone.image.reading import Reading
from gritstone.image.requests import Request
from gritstone.image.starting import is_image
from gritstone.image.values import Storable, Value, store_value
from gritstone.image.views import (
    Mail,
    Outcome,
    is_name,
    name_of,
)
from gritstone.runtime.config import Config
from gritstone.runtime.runtime import Runtime
from gritstone.wasm.guests import Guests
from gritstone.wit.laws import Laws
from gritstone.wit.workspace import Workspace

__all__ = ["Image", "Together"]

_AGENT = "image"
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


class Image(Reading):
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
        super().__init__(Runtime(store, Laws(IMAGES, Guests()), Config(agent or agent_name(store) or _AGENT)))
        self._loop = asyncio.new_event_loop()
        try:
            self._begin()
        except BaseException:
            self._loop.close()
            raise

    def _begin(self) -> None:
        """Make the store an image, unless it is one; another process may do the same at the same time."""
        if is_image(self.runtime.machine.world):
            return
        try:
            self._wait(self._service.start())
        except Rejected:
            self._fresh()
            if not is_image(self.runtime.machine.world):
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
        workspace = Workspace(self.objects)
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
        workspace = Workspace(self.objects)
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
        found = [one for one in self._ids() if name_of(self.objects, one) == name]
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
        workspace = Workspace(self.objects)
        actor = Actor(store_value(core, workspace.put))
        workspace.keep(self.store)
        return actor

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
        return self.request(principal.message("image.quota", str(exact(quota))))

    def destroy(self, actor: Actor) -> Outcome:
        """Remove an actor for ever; it fails with ``rejected/busy`` while there is unread mail to it or from it."""
        return self.request(actor.message("image.destroy"))

    # --- mail --------------------------------------------------------------------------------------------

    def mail(self) -> _Mails:
        """Return the unread messages of actors to the outside: senders ascending, the oldest first."""
        self._fresh()
        found: _Mails = []
        for sender, message_id in self.runtime.mail():
            message = self.objects.load(message_id)
            assert isinstance(message, Message), "a channel has messages"
            found.append(Mail(Actor(sender), message_id, message.headers, message.content))
        return found

    def text(self, mail: Mail) -> str | None:
        """Return the content of a message as a text; None if it is a tree or was erased."""
        blob = self.objects.look(mail.content)
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
        """Write a bundle of all references, which ``gritstone audit`` checks.

        Raises:
            OSError: the file cannot be written; the earlier one stays.
        """
        with self.store.snapshot() as snapshot, replacing(path) as part:
            part.file.writelines(export_bundle(snapshot))


def _check_name(name: str) -> None:
    if not is_name(name):
        raise ValueError(f"invalid name: expected up to 64 letters, digits and _.-, got {name!r}")
