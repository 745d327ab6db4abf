"""Campaigns: one search over several machines, on Dask.

``unit`` is the work of one worker and does not import Dask; ``cluster`` does. ``commands.campaign`` deals the units and
merges the results. Nothing here judges: parts are merged and concluded as the shards of any run are.
"""

from __future__ import annotations
