"""Campaigns: one search over several machines, on Dask.

``unit`` is the work of one worker and does not import Dask; ``cluster`` does. ``commands.campaign`` distributes the
units and merges the results like the shards of any run. This package judges nothing.
"""

from __future__ import annotations
