"""Properties of the guest of sessions. In these modules a docstring is the gist of the normative sentence it judges."""

from __future__ import annotations
