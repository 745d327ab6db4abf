"""Properties: what must hold for every value, drawn by Hypothesis and judged against the suite's own model.

Each module of a profile's package registers a tuple ``PROPERTIES``; this one collects them.
"""

from __future__ import annotations

import importlib
import pkgutil

from gritstone_conformance.trial import Property

__all__ = ["load_properties"]


def load_properties() -> tuple[Property, ...]:
    """Import every module below and return all registered properties, ascending by name."""
    found: list[Property] = []
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        found.extend(getattr(importlib.import_module(module.name), "PROPERTIES", ()))
    return tuple(sorted(found, key=lambda prop: prop.name))
