"""Modules as data, and their binary form.

Spec: ``wasm/modules``.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Module"]


@dataclass(frozen=True, slots=True)
class Module:
    """A module that decodes."""
