"""A runtime whose clients use the values of the kit in the places of ids."""

from __future__ import annotations

from gritstone.grit.objects import ObjectId
from gritstone.kit.actors.boxes import InboxMessage
from gritstone.kit.actors.values import Value, open_value
from gritstone.runtime.runtime import Runtime
from gritstone.wit.workspace import Workspace

__all__ = ["ActorRuntime"]


class ActorRuntime(Runtime):
    """A runtime that stores and opens the values of the kit; for everything else see ``Runtime``."""

    def keep(self, value: Value) -> ObjectId:
        """Store a blob or tree, to be sent or to be the first core of an actor; return its id."""
        workspace = self._workspace()
        object_id = value.persist(workspace)
        workspace.keep(self.store)
        return object_id

    def open(self, object_id: ObjectId) -> Value:
        """Return a blob or tree of the store as actors see it.

        Raises:
            Missing: the object is absent or erased.
            Invalid: the object has another kind.
        """
        return open_value(self._workspace(), object_id)

    def received(self) -> list[InboxMessage]:
        """Return the mail to the agent as actors see mail."""
        workspace = self._workspace()
        return [InboxMessage(workspace, sender, message) for sender, message in self.mail()]

    def _workspace(self) -> Workspace:
        return Workspace(self.machine.world.objects)
