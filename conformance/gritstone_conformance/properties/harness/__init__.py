"""Properties of the harness itself: what every adapter owes, whatever it claims.

In these modules a docstring is the gist of the normative sentence it judges. Rules that any line can break are watched
over the whole run.
"""

from __future__ import annotations
