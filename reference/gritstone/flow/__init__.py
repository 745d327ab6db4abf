"""Flows: programs with calls to models and tools, under a policy, kept as actors.

The pure part: ``values``, ``json_form`` and ``forms`` have the data, ``expressions`` and ``templates`` read it,
``shapes`` and ``check`` decide whether a program can run, ``graph`` has the algorithms of the check, and ``metrics``
measures a trace.

The code of flows: ``core``, ``state`` and ``plan`` read what a step needs, ``packets`` and ``handling`` read messages,
``begin``, ``moves``, ``attempts``, ``parallel`` and ``leaving`` carry a program out, and ``guest`` makes the step.
``queries``, ``trace`` and ``replay`` read a history.

Spec: ``flow``.
"""

from __future__ import annotations

from gritstone.flow.guest import FLOWS
from gritstone.flow.pure import evaluate_text, render_value

__all__ = ["FLOWS", "evaluate_text", "render_value"]
