"""An adapter that is honest until a given request, and then breaks if it has got certain earlier requests.

    python poisoned.py HOW LAST [EARLIER ...]

It takes ``grit.id`` of a decimal number as a case of that number. At the number LAST it breaks if it has seen every
number of EARLIER before. HOW:

- ``dies``, ``hangs``;
- ``once`` dies if the file named by ``POISONED_ONCE`` does not exist, and creates it;
- ``counts`` dies at the LAST-th number, whatever the numbers were;
- ``lies`` replies with a wrong id;
- ``ages`` replies with a wrong id at the LAST-th number and at all later ones;
- ``slips`` replies with a wrong id if the file named by ``POISONED_ONCE`` does not exist, and creates it.
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


def is_first() -> bool:
    """Return whether this is the first call in all processes."""
    mark = Path(os.environ["POISONED_ONCE"])
    if mark.exists():
        return False
    mark.touch()
    return True


def breaks(how: str) -> None:
    if how == "hangs":
        time.sleep(3600)
    if how == "once" and not is_first():
        return
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
        at = len(seen) if how in ("counts", "ages") else number
        is_now = (at == last or (how == "ages" and len(seen) >= last)) and set(earlier) <= set(seen)
        reply = {"seq": request["seq"], **honest.answer(request["op"], request["args"])}
        if is_now and number is not None and (how in ("lies", "ages") or (how == "slips" and is_first())):
            reply["ok"] = {"id": "0" * 64}
        elif is_now and how in ("dies", "hangs", "once", "counts"):
            breaks(how)
        sys.stdout.write(json.dumps(reply, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
