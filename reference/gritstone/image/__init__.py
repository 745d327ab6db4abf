"""Images: persistent worlds of actors with rights, in which every operation is atomic.

The pure part: ``texts``, ``refusals``, ``capabilities``, ``programs``, ``record`` and ``cores`` read and check data,
and ``worlds`` computes references from records.

Operations: ``private_copy`` has the heads that an operation sees, ``operation`` its frames, ``answering`` the step of
one message, ``acting`` the programs, ``kernel`` the kernel messages, ``sending`` and ``spawning`` the checks of what is
sent, and ``outside`` those of requests.

On a runtime: ``engine`` runs operations, ``adopting`` makes them part of the world, ``ledger`` counts usage, ``queues``
orders posts and timers, ``standing`` reads what follows from the heads, ``journal`` reads the chain of the kernel
actor, ``starting`` begins an image, and ``requests`` has what clients ask. ``code`` is the code as ``wit`` sees it.

For programs that work with an image: ``image`` has the calls, ``reading`` those that change nothing, ``builder`` makes
programs, ``program_text`` reads and prints them by the table in ``spelling``, ``actors`` and ``values`` have what a
client writes, ``views`` what it gets, and ``forking`` copies an image. ``command`` is the command line, whose lines
``printing`` makes. ``desk`` has the calls of one principal, as ``tools``. ``mcp`` serves them to a model, and
``page`` to a person with a passkey (``passkeys``) by a web server of this machine (``loopback``).

Names of the modules that need a runtime are loaded at their first use.

Spec: ``image``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gritstone.image.code import IMAGES

if TYPE_CHECKING:
    from gritstone.image.actors import Actor, Letter, Quota
    from gritstone.image.builder import Program
    from gritstone.image.image import Image
    from gritstone.image.program_text import LineDefect
    from gritstone.image.spelling import Place
    from gritstone.image.views import Mail, OperationFailed, Outcome, View, WorldView

__all__ = [
    "IMAGES",
    "Actor",
    "Image",
    "Letter",
    "LineDefect",
    "Mail",
    "OperationFailed",
    "Outcome",
    "Place",
    "Program",
    "Quota",
    "View",
    "WorldView",
]

_MODULES = {
    **dict.fromkeys(("Actor", "Letter", "Quota"), "actors"),
    **dict.fromkeys(("Mail", "OperationFailed", "Outcome", "View", "WorldView"), "views"),
    "Image": "image",
    "LineDefect": "program_text",
    "Place": "spelling",
    "Program": "builder",
}


def __getattr__(name: str) -> Any:
    """Load the module of a name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
