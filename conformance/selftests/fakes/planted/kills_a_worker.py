"""Run a command, and kill the worker process that started it: once in a cluster, after one second.

    KILLED=FILE python kills_a_worker.py COMMAND ...

``FILE`` does not exist yet; the program creates it and writes the id of the killed process. The path is not an
argument, because the suite identifies an implementation by the files that its command names.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    command = sys.argv[1:]
    parent = os.getppid()
    is_worker = b"spawn_main" in Path(f"/proc/{parent}/cmdline").read_bytes()
    if is_worker and _is_first(os.environ["KILLED"], parent) and os.fork() == 0:
        time.sleep(1.0)
        os.kill(parent, signal.SIGKILL)
        os._exit(0)
    os.execvp(command[0], command)


def _is_first(marker: str, parent: int) -> bool:
    try:
        with open(marker, "x") as file:
            file.write(str(parent))
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    main()
