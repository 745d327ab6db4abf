"""Flows: programs with calls to models and tools, under a policy, kept as actors.

The pure part: ``values`` and ``json_form`` have the data, ``expressions`` and ``templates`` read it, ``shapes`` and
``check`` decide whether a program can run, and ``graph`` has the algorithms of the check.

Spec: ``flow``.
"""

from __future__ import annotations

from gritstone.flow.pure import evaluate_text, render_value

__all__ = ["evaluate_text", "render_value"]
