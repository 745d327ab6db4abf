"""Profile ``wasm``: actors whose code is a WebAssembly module in their own core.

``binary`` takes modules apart, ``instructions`` and ``validation`` judge their bodies, ``admission`` says which
may run. ``metering`` writes an admitted module so that it counts its fuel and stack, ``engine`` runs that, and
``call`` serves what it imports. ``documents``, ``cores`` and ``image`` say what of an actor stands in its core,
``capabilities`` and ``creator`` what may be done, and ``transition`` puts these together. ``guests`` is the door: what a
host gives to ``wit`` so that nodes of the form ``wasm:<path>`` resolve.
"""

from __future__ import annotations

from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.guests import Guests
from gritstone.wasm.metering import meter_module

__all__ = ["AdmittedModule", "Guests", "admit_module", "meter_module"]
