"""The service: the image of a runtime, as a client of the runtime uses it.

Until the store is an image, there is no engine. A store can become an image at any moment, also by another runtime.

Spec: :ref:`image-requests`, :rule:`image.request.image`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gritstone.grit.objects import ObjectId
from gritstone.image.engine import Engine, Outcome
from gritstone.image.journal import Entry
from gritstone.image.requests import (
    Keys,
    Request,
    Shown,
    newest_seq,
    past_world,
    request,
    rollback,
    set_clock,
    shown_actors,
)
from gritstone.image.starting import begin_image, is_image, no_image
from gritstone.image.worlds import World
from gritstone.runtime.outcomes import agent_position
from gritstone.runtime.runtime import Runtime

__all__ = ["Service"]


class Service:
    """The image of a runtime, if its store is one.

    Attributes:
        runtime: the runtime.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Serve the image of a runtime, or wait for one."""
        self.runtime = runtime
        self._engine: Engine | None = None
        self._keys: Keys | None = None
        self.look()

    def look(self) -> None:
        """Become the operator of the runtime if its store is an image by now."""
        if self._engine is None and is_image(self.runtime.machine.world):
            self._engine = Engine(self.runtime)
            self._keys = Keys(self._engine)

    @property
    def engine(self) -> Engine:
        """Return the engine.

        Raises:
            Rejected: the store is not an image (code ``image``).
        """
        if self._engine is None:
            raise no_image("the store is not an image", "request.image")
        return self._engine

    async def start(self) -> ObjectId:
        """Make the store an image; return the id of the kernel actor when that is durable.

        Raises:
            Rejected: the store is not fresh (code ``image``).

        Spec: :rule:`image.start.made`, :rule:`image.start.fresh`.
        """
        world = self.runtime.machine.world
        kernel = await self.runtime.durably(lambda: begin_image(world))
        self.look()
        return kernel

    async def request(self, messages: Sequence[Request], key: str | None = None) -> Outcome:
        """Make a request; return its outcome when it is durable. See ``requests.request``."""
        engine, keys = self.engine, self._keys
        assert keys is not None, "there is an engine"
        return await self.runtime.durably(lambda: request(engine, keys, messages, key))

    async def set_clock(self, now_ms: int) -> int:
        """Set the clock; return the number of the operation when it is durable. See ``requests.set_clock``."""
        engine = self.engine
        return await self.runtime.durably(lambda: set_clock(engine, now_ms))

    async def rollback(self, seq: int) -> Outcome:
        """Return to an earlier world; return the outcome when it is durable. See ``requests.rollback``."""
        engine = self.engine
        return await self.runtime.durably(lambda: rollback(engine, seq))

    def list(self, viewer: ObjectId | None, after: ObjectId | None, limit: int) -> tuple[list[Shown], bool]:
        """List actors. See ``requests.shown_actors``."""
        return shown_actors(self.engine, viewer, after, limit)

    def log(self, first: int, limit: int) -> tuple[Sequence[Entry], bool]:
        """Return operations, ascending, and whether there are later ones.

        Raises:
            Missing: a record was erased or is corrupt.

        Spec: :rule:`image.log.exact`.
        """
        engine = self.engine
        newest = newest_seq(engine)
        agent = agent_position(engine.world)
        found = engine.journal.page(engine.kernel_position(), agent, newest, first, limit)
        return found, first + limit <= newest

    def world(self, seq: int | None = None) -> tuple[int, World]:
        """Return a world with its number. See ``requests.past_world``."""
        world = past_world(self.engine, seq)
        return newest_seq(self.engine) if seq is None else seq, world
