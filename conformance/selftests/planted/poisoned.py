"""An adapter that some earlier requests make break at a later one: honest but for that.

    python poisoned.py HOW LAST [EARLIER ...]

It takes ``grit.id`` of a decimal number as a case of that number. At the number LAST it breaks if it has seen every
number of EARLIER before. HOW: ``dies``, ``hangs``, ``once`` (dies if the file named by ``POISONED_ONCE`` is not there
yet, and leaves it) or ``counts`` (dies at the LAST-th number, whatever the numbers were).
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import honest  # type: ignore[import-not-found]


def number_of(request: dict[str, Any]) -> int | None:
    data = request["args"].get("bytes", "")
    raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)) if request["op"] == "grit.id" else b""
    return int(raw) if raw.isdigit() else None


def breaks(how: str) -> None:
    if how == "hangs":
        time.sleep(3600)
    if how == "once":
        mark = Path(os.environ["POISONED_ONCE"])
        if mark.exists():
            return
        mark.touch()
    print("poisoned", file=sys.stderr, flush=True)
    os._exit(9)


def main(how: str, last: int, *earlier: int) -> None:
    honest.HELLO |= {"profiles": ["grit"]}
    limits = {"object_bytes": 1 << 20, "tree_depth": 1024, "cas_names": 64, "refs": 10_000}
    honest.HELLO |= {"limits": limits | honest.HELLO["limits"]}
    seen: list[int] = []
    for line in sys.stdin.buffer:
        request = json.loads(line)
        number = number_of(request)
        if number is not None:
            seen.append(number)
        if (len(seen) if how == "counts" else number) == last and set(earlier) <= set(seen):
            breaks(how)
        reply = {"seq": request["seq"], **honest.answer(request["op"], request["args"])}
        sys.stdout.write(json.dumps(reply, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
