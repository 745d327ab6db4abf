"""Profile ``wasm``: actors whose code is a WebAssembly module in their own core.

``binary`` takes modules apart, ``instructions`` and ``validation`` judge their bodies, ``admission`` says which
may run. ``metering`` writes an admitted module so that it counts its fuel and stack, ``engine`` runs that, and
``call`` serves what it imports. ``documents``, ``cores`` and ``image`` say what of an actor stands in its core,
``capabilities`` and ``creator`` what may be done, and ``transition`` puts these together. ``guests`` is the door: what
a host gives to ``wit`` so that nodes of the form ``wasm:<path>`` resolve.

Who only wants to run code that they do not trust needs ``spawn``, ``load`` and ``fork``, an ``Environment``, and what
these give. All of that is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gritstone.wasm.admission import AdmittedModule, admit_module
    from gritstone.wasm.environment import Environment
    from gritstone.wasm.execution import Execution, fork, load
    from gritstone.wasm.folders import Diff
    from gritstone.wasm.guests import Guests
    from gritstone.wasm.isolation import Isolated
    from gritstone.wasm.metering import meter_module
    from gritstone.wasm.outcomes import Abandoned, Failed, Letter, OutOfFuel, Result, SecurityViolation, Trapped
    from gritstone.wasm.sandbox import Sandbox
    from gritstone.wasm.spawning import spawn

__all__ = [
    "Abandoned",
    "AdmittedModule",
    "Diff",
    "Environment",
    "Execution",
    "Failed",
    "Guests",
    "Isolated",
    "Letter",
    "OutOfFuel",
    "Result",
    "Sandbox",
    "SecurityViolation",
    "Trapped",
    "admit_module",
    "fork",
    "load",
    "meter_module",
    "spawn",
]

_BY_NEED = {
    "Abandoned": "outcomes",
    "AdmittedModule": "admission",
    "Diff": "folders",
    "Environment": "environment",
    "Execution": "execution",
    "Failed": "outcomes",
    "Guests": "guests",
    "Isolated": "isolation",
    "Letter": "outcomes",
    "OutOfFuel": "outcomes",
    "Result": "outcomes",
    "Sandbox": "sandbox",
    "SecurityViolation": "outcomes",
    "Trapped": "outcomes",
    "admit_module": "admission",
    "fork": "execution",
    "load": "execution",
    "meter_module": "metering",
    "spawn": "spawning",
}


def __getattr__(name: str) -> object:
    """Load a part when it is first asked for: a host that never meets a module starts without reading any of them."""
    module = _BY_NEED.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
