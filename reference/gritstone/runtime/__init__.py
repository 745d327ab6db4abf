"""Profile ``runtime``: heads, routing, recovery, failure and lifetime of actors.

``machine`` decides what happens, without any I/O, by the table in ``states``. ``world`` keeps heads and mail,
``proposing`` computes what may run, ``outcomes`` applies results, and ``batch`` collects changes that become durable at
once.
``runtime`` is the asyncio shell around it.
"""

from __future__ import annotations

from gritstone.runtime.config import Config
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.summary import RunSummary

__all__ = ["Config", "RunSummary", "Runtime"]
