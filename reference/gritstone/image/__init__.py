"""Images: persistent worlds of actors with rights, in which every operation is atomic.

The pure part: ``texts``, ``refusals``, ``capabilities``, ``programs``, ``record`` and ``cores`` read and check data,
and ``worlds`` computes references from records.

Operations: ``private_copy`` has the heads that an operation sees, ``operation`` its frames, ``answering`` the step of
one message, ``acting`` the programs, ``kernel`` the kernel messages, ``sending`` and ``spawning`` the checks of what is
sent, and ``outside`` those of requests.

On a runtime: ``engine`` runs operations, ``adopting`` makes them part of the world, ``ledger`` counts usage, ``queues``
orders posts and timers, ``standing`` reads what follows from the heads, ``journal`` reads the chain of the kernel
actor, ``starting`` begins an image, and ``requests`` has what clients ask. ``code`` is the code as ``wit`` sees it.

Spec: ``image``.
"""

from __future__ import annotations

from gritstone.image.code import IMAGES

__all__ = ["IMAGES"]
