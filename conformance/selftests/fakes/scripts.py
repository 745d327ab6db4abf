"""Start small adapters from source text; run a function with a time limit."""

from __future__ import annotations

import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from selftests.paths import PLANTED

__all__ = ["HONEST", "PATIENT", "Brisk", "start_script", "within"]

HONEST: Final = PLANTED / "honest.py"
PATIENT: Final = AttachSettings(deadline_scale=0.2)
"""2 s for hello, 1 s for ping, and twice that as grace, so that two interpreters can start on a busy machine."""


class Brisk(AttachSettings):
    """Settings with short deadlines, except for ``hello``: an interpreter needs time to start on a busy machine."""

    __slots__ = ()

    def deadline_s(self, op: str, size_bytes: int) -> float | None:
        return PATIENT.deadline_s(op, size_bytes) if op == "hello" else super().deadline_s(op, size_bytes)


Result = TypeVar("Result")


def start_script(tmp_path: Path, body: str, attach_settings: AttachSettings = PATIENT) -> Subject:
    """Start an adapter that runs ``body`` for each request; the body may use request, op, args, count and reply."""
    script = tmp_path / "adapter.py"
    script.write_text(
        "import json, os, signal, sys, time\n"
        f"sys.path.insert(0, {str(PLANTED)!r})\n"
        "import honest\n"
        "for count, line in enumerate(sys.stdin.buffer):\n"
        "    request = json.loads(line)\n"
        "    op, args = request['op'], request['args']\n"
        "    reply = {'seq': request['seq'], **honest.answer(op, args)}\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
        + "    sys.stdout.write(json.dumps(reply) + '\\n')\n"
        "    sys.stdout.flush()\n"
        "    if op == 'bye' and not args:\n"
        "        break\n"
    )
    return Launcher.for_command([sys.executable, str(script)], attach_settings).start()


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """Call a function in a thread and return its result; fails if it takes longer than ``seconds``."""
    done: list[Result] = []
    thread = threading.Thread(target=lambda: done.append(act()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert done, f"the function did not return in {seconds} s"
    return done[0]
