"""The settings of a run: what the suite offers in ``hello`` and how long it is willing to wait.

Pure values and the table of deadlines; reads no clock.

====================================  ==============================================
operation                             seconds until it is ``late``
====================================  ==============================================
``hello``                             10
``grit.export``, ``grit.import``,     30
``grit.transcode``, ``grit.prune``
all others                            5, and 1 more for each full MiB of the request
====================================  ==============================================

All times are multiplied by ``deadline_scale``. After a deadline there is a grace of twice its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION
from gritstone_conformance.replies import Json

__all__ = ["GRACE", "AttachSettings"]

GRACE: Final = 2.0
"""How much longer than the deadline a reply is waited for, in deadlines."""
_LEAST_WAIT_S: Final = 0.25  # processes need some time, however hurried the suite is
_MIB: Final = 1 << 20
_SLOW_OPS: Final = frozenset({"grit.export", "grit.import", "grit.transcode", "grit.prune"})


@dataclass(frozen=True, slots=True)
class AttachSettings:
    """What one run holds every process of the implementation to.

    Attributes:
        seed: of the sequence numbers.
        deadline_scale: multiplies every waiting time; None: requests have no deadline at all.
        max_rss_bytes: resident size of the process tree above which it is killed; None: not watched.
        grace: how long a reply is waited for after its deadline, in deadlines.
        hellos: how many may fail in a row until nothing more is asked.
        spec: the newest version of the specification that may be judged by.
        frame_bytes: the longest line read or written, its LF included.
        window: requests that may be unanswered at the same time.
        trace: a file that every line sent and received is appended to, or None.
    """

    seed: int = 1
    deadline_scale: float | None = 1.0
    max_rss_bytes: int | None = 2 << 30
    grace: float = GRACE
    hellos: int = 2
    spec: str = SPEC_VERSION
    frame_bytes: int = 16 << 20
    window: int = 64
    trace: Path | None = None

    def hello_args(self) -> dict[str, Json]:
        """Return the arguments of ``hello``."""
        return {
            "protocol": [1],
            "suite": f"gritstone {SUITE_VERSION}",
            "spec": self.spec,
            "frame_bytes": self.frame_bytes,
            "window": self.window,
        }

    def deadline_s(self, op: str, size_bytes: int) -> float | None:
        """Return the seconds after which a request of this operation and line length is late; None: never."""
        if self.deadline_scale is None:
            return None
        if op == "hello":
            return 10.0 * self.deadline_scale
        if op in _SLOW_OPS or op.startswith("runtime."):
            return 30.0 * self.deadline_scale
        return (5.0 + size_bytes // _MIB) * self.deadline_scale

    def scaled_s(self, seconds: float) -> float:
        """Return a waiting time of the suite's own (to exit, to react to SIGTERM) under the scale; at least 0.25 s."""
        return seconds if self.deadline_scale is None else max(seconds * self.deadline_scale, _LEAST_WAIT_S)
