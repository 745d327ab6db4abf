"""Actors in Python: decorated handlers, and mutable objects for their data.

::

    app = Wit()

    @app.message("greeting")
    async def on_greeting(greeting: str, core: Core) -> None:
        core.makeb_path("greetings/last").set_as_str(greeting)

``app`` is code: register it under an external name, or name it in a core that contains its module. ``values`` defines
blobs, trees and the core, ``boxes`` inbox and outbox, ``contexts`` what a handler may use, ``binding`` how parameters
receive it, ``app`` the decorators, ``handling`` the code that calls handlers, ``bridge`` how a coroutine queries other
actors, ``sources`` code in a core, and ``actor_runtime`` a runtime whose clients use the same values.
"""

from __future__ import annotations

from gritstone.kit.actors.actor_runtime import ActorRuntime
from gritstone.kit.actors.app import Wit
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox, OutboxMessage
from gritstone.kit.actors.contexts import MessageContext, QueryContext
from gritstone.kit.actors.sources import Sources
from gritstone.kit.actors.values import BlobObject, Core, TreeObject

__all__ = [
    "ActorRuntime",
    "BlobObject",
    "Core",
    "Inbox",
    "InboxMessage",
    "MessageContext",
    "Outbox",
    "OutboxMessage",
    "QueryContext",
    "Sources",
    "TreeObject",
    "Wit",
]
