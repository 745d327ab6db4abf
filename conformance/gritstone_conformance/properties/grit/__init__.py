"""Properties of the profile ``grit``. The docstring of each property is the requirement that it tests, in short."""

from __future__ import annotations
