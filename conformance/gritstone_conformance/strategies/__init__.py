"""What to draw: valid values by construction, and near-valid bytes apart from them.

Hypothesis draws one string of bytes, a *tape*, and plain functions read their decisions from it: one draw per example
is what keeps thousands of examples cheap. A tape of zeros gives the simplest value, so shrinking works as usual.
"""

from __future__ import annotations
