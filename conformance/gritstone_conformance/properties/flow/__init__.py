"""Properties of the profile ``flow``. A docstring is the gist of the normative sentence that is judged."""

from __future__ import annotations
