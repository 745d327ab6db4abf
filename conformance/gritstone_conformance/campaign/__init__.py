"""Campaigns: one search over several machines, on Dask.

``unit`` is what a worker does, and knows nothing of Dask; ``cluster`` is all that does; ``command`` deals the work and
merges what comes back. Nothing here judges: parts are merged and concluded as the shards of any run are.
"""

from __future__ import annotations
