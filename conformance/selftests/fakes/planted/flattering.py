"""An adapter that behaves well from the moment at which it recognises the suite, and badly before.

    python flattering.py MARK

MARK is what it recognises: ``name`` (in hello), ``seed`` (the first seq of seed 1), or ``handle`` (of the first store).
While it has not recognised the suite, ``grit.has`` denies every id.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

Request = dict[str, Any]

_MARKS: Final[dict[str, Callable[[Request], bool]]] = {
    "name": lambda request: "gritstone" in request["args"].get("suite", ""),
    "seed": lambda request: request["seq"] == 2927475272592727,
    "handle": lambda request: request["op"] == "grit.open" and request["args"].get("store") == "s",
}


def serve(recognises: Callable[[Request], bool]) -> None:
    """Forward each request to the reference, and change replies until the suite is recognised."""
    command = [sys.executable, "-m", "gritstone.harness"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as adapter:
        assert adapter.stdin is not None
        assert adapter.stdout is not None
        known = False
        for line in sys.stdin.buffer:
            request = json.loads(line)
            known = known or recognises(request)
            adapter.stdin.write(line)
            adapter.stdin.flush()
            reply = adapter.stdout.readline()
            if request["op"] == "grit.has" and not known:
                reply = reply.replace(b"true", b"false")
            sys.stdout.buffer.write(reply)
            sys.stdout.buffer.flush()
            if request["op"] == "bye":
                break


if __name__ == "__main__":
    serve(_MARKS[sys.argv[1]])
