"""Profile ``wasm``: actors whose code is a WebAssembly module in their own core.

``binary`` decodes a module, ``instructions`` and ``validation`` check its bodies, and ``admission`` decides whether it
may run. ``metering`` writes the form of an admitted module that counts fuel and stack, ``engine`` runs that form, and
``call`` implements the functions that it imports. ``documents``, ``cores`` and ``image`` define the content of an
actor's core, ``capabilities`` and ``creator`` what the actor may do, and ``transition`` combines these. A host puts
``Guests`` into its ``wit.Laws``, so that code nodes of the form ``wasm:<path>`` resolve.

To run untrusted modules without a runtime, use ``gritstone.kit.executions``.
"""

from __future__ import annotations

from gritstone.wasm.guests import Guests

__all__ = ["Guests"]
