"""Planted: a proxy in front of an honest adapter that changes the last digit of every fiftieth id.

python one_wrong_id_in_50.py -- COMMAND...
"""

from __future__ import annotations

import json
import subprocess
import sys


def main(command: list[str]) -> int:
    """Forward requests and replies until the end of input."""
    given = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as adapter:
        assert adapter.stdin is not None
        assert adapter.stdout is not None
        for line in sys.stdin.buffer:
            adapter.stdin.write(line)
            adapter.stdin.flush()
            reply = json.loads(adapter.stdout.readline())
            answer = reply.get("ok")
            if isinstance(answer, dict) and isinstance(answer.get("id"), str):
                given += 1
                if given % 50 == 0:
                    answer["id"] = answer["id"][:-1] + ("0" if answer["id"][-1] != "0" else "1")
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()
            if json.loads(line)["op"] == "bye":
                break
        adapter.stdin.close()
        return adapter.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[sys.argv.index("--") + 1 :]))
