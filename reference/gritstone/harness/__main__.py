"""Start the adapter: ``python -m gritstone.harness [options]``."""

from __future__ import annotations

import gc
import sys

from gritstone.harness.claims import Claims
from gritstone.harness.server import listen, serve_stdio
from gritstone.harness.wire import ArgumentError

_COLLECT_AT = 10_000
"""How many more containers there may be before garbage is looked for; most of those of a request live as long as it."""


def main() -> int:
    """Serve until told to stop; give the exit code."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AT)
    claims, address = Claims(), None
    if len(sys.argv) > 1:
        # Reading options takes longer than all the rest of a start without any.
        from gritstone.harness.options import read_options

        claims, address = read_options(sys.argv[1:])
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
