"""Flows: programs with calls to models and tools, under a policy, kept as actors.

The pure part: ``values``, ``json_form`` and ``forms`` have the data, ``expressions`` and ``templates`` read it,
``shapes`` and ``check`` decide whether a program can run, ``graph`` has the algorithms of the check, and ``metrics``
measures a trace.

The code of flows: ``core``, ``state`` and ``plan`` read what a step needs, ``packets`` and ``handling`` read messages,
``begin``, ``moves``, ``attempts``, ``parallel`` and ``leaving`` carry a program out, and ``guest`` makes the step.
``queries``, ``trace`` and ``replay`` read a history.

For programs that run flows: ``program`` and ``nodes`` make programs and policies, ``yaml_form`` reads them, ``calls``
has what a tool gets and returns, ``host`` and ``handle`` have the calls, ``starting`` makes first cores, ``engine``
works in rounds on each ``channel``, ``sending`` writes to flows, ``performing`` and ``workers`` carry out what they ask
for, ``standing`` reads a store, ``drawing`` draws, and ``command`` is the command line.

Names of the modules that need a runtime are loaded at their first use, because a flow itself needs no runtime.

Spec: ``flow``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gritstone.flow.guest import FLOWS
from gritstone.flow.nodes import branch, call, end, parallel, sub, wait
from gritstone.flow.pure import evaluate_text, render_value

if TYPE_CHECKING:
    from gritstone.flow.calls import PENDING, Call, Result, ToolError
    from gritstone.flow.engine import Stuck
    from gritstone.flow.handle import Flow
    from gritstone.flow.host import Host
    from gritstone.flow.program import Defect, Defects, Policy, Program
    from gritstone.flow.standing import Outcome, Status
    from gritstone.flow.values import Ref

__all__ = [
    "FLOWS",
    "PENDING",
    "Call",
    "Defect",
    "Defects",
    "Flow",
    "Host",
    "Outcome",
    "Policy",
    "Program",
    "Ref",
    "Result",
    "Status",
    "Stuck",
    "ToolError",
    "branch",
    "call",
    "end",
    "evaluate_text",
    "parallel",
    "render_value",
    "sub",
    "wait",
]

_MODULES = {
    **dict.fromkeys(("PENDING", "Call", "Result", "ToolError"), "calls"),
    **dict.fromkeys(("Defect", "Defects", "Policy", "Program"), "program"),
    **dict.fromkeys(("Outcome", "Status"), "standing"),
    "Flow": "handle",
    "Host": "host",
    "Ref": "values",
    "Stuck": "engine",
}


def __getattr__(name: str) -> Any:
    """Load the module of a name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
