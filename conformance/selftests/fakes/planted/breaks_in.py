"""Planted: a proxy in front of an honest adapter that breaks at each request of one operation.

python breaks_in.py OPERATION hangs|exits -- COMMAND...
"""

from __future__ import annotations

import json
import subprocess
import sys
import time


def main(op: str, how: str, command: list[str]) -> int:
    """Forward requests and replies until the end of input, or until a request of the operation."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as adapter:
        assert adapter.stdin is not None
        assert adapter.stdout is not None
        for line in sys.stdin.buffer:
            asked = json.loads(line)["op"]
            while asked == op and how == "hangs":
                time.sleep(3600)
            if asked == op:
                adapter.kill()
                return 7
            adapter.stdin.write(line)
            adapter.stdin.flush()
            sys.stdout.buffer.write(adapter.stdout.readline())
            sys.stdout.buffer.flush()
            if asked == "bye":
                break
        adapter.stdin.close()
        return adapter.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[sys.argv.index("--") + 1 :]))
