"""Start the adapter: ``python -m gritstone.harness [options]``."""

from __future__ import annotations

import gc
import sys

from gritstone.harness.claims import Claims
from gritstone.harness.server import listen, serve_stdio
from gritstone.harness.wire import ArgumentError
from gritstone.optional import turn_on

_COLLECT_AT = 10_000
"""The number of new containers that starts a garbage collection; most containers of a request end with the request."""


def main() -> int:
    """Serve until a client sends ``bye``; return the exit code."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AT)
    claims, address, is_plain = Claims(), None, False
    if len(sys.argv) > 1:
        # Loading the option parser takes longer than the rest of a start without options.
        from gritstone.harness.options import read_options

        claims, address, is_plain = read_options(sys.argv[1:])
    if not is_plain:
        turn_on()
    try:
        if address is not None:
            listen(address, claims)
        serve_stdio(claims)
    except ArgumentError as error:
        print(f"gritstone.harness: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
