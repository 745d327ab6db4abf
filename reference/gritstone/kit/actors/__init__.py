"""Writing actors in Python: decorated handlers, and objects that read and write themselves.

::

    app = Wit()

    @app.message("greeting")
    async def on_greeting(greeting: str, core: Core) -> None:
        core.makeb_path("greetings/last").set_as_str(greeting)

``app`` is code: register it under an external name, or let a core name it where it lies. ``values`` holds blobs, trees
and the core, ``boxes`` inbox and outbox, ``contexts`` what a handler may ask for, ``binding`` how it gets it, ``app``
the decorators, ``handling`` what is done with handlers, ``bridge`` what lets a coroutine ask other actors, and
``sources`` code that lies in a core.
"""

from __future__ import annotations

from gritstone.kit.actors.app import Wit
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox, OutboxMessage
from gritstone.kit.actors.contexts import MessageContext, QueryContext
from gritstone.kit.actors.sources import Sources
from gritstone.kit.actors.values import BlobObject, Core, TreeObject

__all__ = [
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
