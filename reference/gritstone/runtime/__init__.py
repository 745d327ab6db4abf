"""Profile ``runtime``: heads, routing, recovery, failure and lifetime of actors.

``machine`` decides what happens, without any I/O, along the table in ``states``. ``world`` is what it knows of heads
and mail, ``proposing`` what may be run, ``outcomes`` what comes of it, ``batch`` what is made durable at once.
``runtime`` is the asyncio shell around it.
"""

from __future__ import annotations

from gritstone.runtime.config import Config
from gritstone.runtime.runtime import Report, Runtime

__all__ = ["Config", "Report", "Runtime"]
