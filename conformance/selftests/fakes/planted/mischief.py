"""A proxy that replaces the files that the honest adapter behind it wrote.

    python mischief.py HOW -- COMMAND...

HOW: ``pipe``, ``endless`` (a link to a device without end), ``huge`` (a sparse file of one tebibyte). It
replaces the file ``to`` of each ``grit.export`` with the reply ``ok``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def put_instead(how: str, path: Path) -> None:
    path.unlink()
    if how == "pipe":
        os.mkfifo(path)
    elif how == "endless":
        path.symlink_to("/dev/zero")
    elif how == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)


def main(how: str, command: list[str]) -> int:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as adapter:
        assert adapter.stdin is not None
        assert adapter.stdout is not None
        for line in sys.stdin.buffer:
            adapter.stdin.write(line)
            adapter.stdin.flush()
            reply = adapter.stdout.readline()
            request = json.loads(line)
            if request["op"] == "grit.export" and "to" in request["args"] and "ok" in json.loads(reply):
                put_instead(how, Path(request["args"]["to"]))
            sys.stdout.buffer.write(reply)
            sys.stdout.buffer.flush()
            if request["op"] == "bye":
                break
    return adapter.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3:]))
