"""Properties of the profile ``sandbox``. A docstring is the gist of the normative sentence that is judged."""

from __future__ import annotations
