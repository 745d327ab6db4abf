"""The oracle's reading of the profile ``wasm``: an engine in plain Python, and the host around it.

Of the engine: ``instructions`` (the table), ``binary`` and ``bodies`` (bytes to modules), ``validation`` (types),
``segments`` (what is live, what it costs), ``admission`` (the closed order of checks), ``metering`` (the metered form),
``floats``, ``numeric`` and ``compiling`` (what instructions do), ``machine`` (an instance that runs).
"""

from __future__ import annotations
