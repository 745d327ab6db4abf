"""The profile ``sandbox``: a module runs alone, under limits, and reports how it ended.

::

    sandbox = Sandbox()
    call = sandbox.run(module, Limits(fuel=1_000_000), World(env={"LANG": "C"}))
    call.outcome, call.output, call.used
    call = sandbox.again(call.instance, Limits(fuel=1_000_000))

An instance is an immutable value: a snapshot is the instance itself, and each call returns the next one. It shares its
tank, the fuel that is left, with the instances that follow it. ``Limits()`` means what is left.
"""

from __future__ import annotations

from gritstone.sandbox.calls import Call, Limits, Sandbox
from gritstone.sandbox.instances import Instance, read_instance, write_instance
from gritstone.sandbox.tanks import Tank
from gritstone.sandbox.world import World

__all__ = ["Call", "Instance", "Limits", "Sandbox", "Tank", "World", "read_instance", "write_instance"]
