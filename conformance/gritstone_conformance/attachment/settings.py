"""The settings of a connection: the offer of the suite in ``hello``, the deadlines, and the memory limit.

This module has values and the table of deadlines; it reads no clock.

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
from gritstone_conformance.attachment.disguise import drawn_client
from gritstone_conformance.replies import Json

__all__ = ["GRACE", "AttachSettings"]

GRACE: Final = 2.0
"""How long the suite waits for a reply after its deadline, in deadlines."""
_LEAST_WAIT_S: Final = 0.25  # a process needs some time to react, at any scale
_MIB: Final = 1 << 20
_SLOW_OPS: Final = frozenset(
    {"grit.export", "grit.import", "grit.transcode", "grit.prune", "flow.replay", "flow.metrics"}
)


@dataclass(frozen=True, slots=True)
class AttachSettings:
    """The settings that apply to every process of the implementation in one run.

    Attributes:
        seed: the seed of the sequence numbers.
        deadline_scale: multiplies every waiting time; None: requests have no deadline.
        max_rss_bytes: the resident size above which the process tree is killed; None: no limit.
        grace: how long the suite waits for a reply after its deadline, in deadlines.
        hellos: how many consecutive failed hellos end the run.
        spec: the newest version of the specification to judge by.
        frame_bytes: the longest line to send or accept, including its LF.
        window: how many requests may be unanswered at the same time.
        trace: a file to which every line sent and received is appended, or None.
        blind: whether names that could identify the suite are drawn from the seed.
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
    blind: bool = False

    def hello_args(self) -> dict[str, Json]:
        """Return the arguments of ``hello``."""
        return {
            "protocol": [1],
            "suite": drawn_client(self.seed) if self.blind else f"gritstone {SUITE_VERSION}",
            "spec": self.spec,
            "frame_bytes": self.frame_bytes,
            "window": self.window,
        }

    def deadline_s(self, op: str, size_bytes: int) -> float | None:
        """Return the deadline of a request of this operation and line length, in seconds; None: no deadline."""
        if self.deadline_scale is None:
            return None
        if op == "hello":
            return 10.0 * self.deadline_scale
        if op in _SLOW_OPS or op.startswith("runtime."):
            return 30.0 * self.deadline_scale
        return (5.0 + size_bytes // _MIB) * self.deadline_scale

    def scaled_s(self, seconds: float) -> float:
        """Return another waiting time (to exit, to react to SIGTERM) multiplied by the scale; at least 0.25 s."""
        return seconds if self.deadline_scale is None else max(seconds * self.deadline_scale, _LEAST_WAIT_S)
