"""Properties of the profile ``wit``. In these modules a docstring is the gist of the normative sentence it judges."""

from __future__ import annotations
