"""What the adapter claims: formats, features and limits, and what a ``hello`` makes of them.

Spec: :rule:`harness.hello.honest`, :rule:`harness.hello.stable`, :rule:`harness.hello.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gritstone import SPEC_VERSIONS, __version__
from gritstone.errors import Rejected
from gritstone.grit.limits import Limits
from gritstone.harness.arguments import Arguments
from gritstone.harness.wire import Json

__all__ = ["ALL_FEATURES", "Claims"]

ALL_FEATURES = (
    "durable",
    "files",
    "shared",
    "transcode",
    "erase",
    "damage",
    "external",
    "schedule",
    "clock",
    "effects",
    "fault.kill",
)
_PROFILES = ("grit", "wit", "runtime")
_NEEDS = {"shared": "durable", "fault.kill": "durable"}
_LIMITS = Limits(object_bytes=4_194_304, tree_depth=2_048, refs=16_384)
_PROTOCOL = 1
_LINE_OVERHEAD_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Claims:
    """Say what is claimed.

    Attributes:
        formats: names of object formats, at least one.
        features: names of features; ``connect`` only while serving a socket.
        limits: as configured; ``object_bytes`` shrinks to what a frame carries.
        window: unanswered requests.
        frame_bytes: bytes of one line with its LF.
    """

    formats: tuple[str, ...] = ("framed-sha256", "cbor-blake3")
    features: tuple[str, ...] = ALL_FEATURES
    limits: Limits = _LIMITS
    window: int = 64
    frame_bytes: int = 8_388_608

    def without(self, features: set[str]) -> Claims:
        """Drop features, and those that need them."""
        lost = features | {feature for feature, needed in _NEEDS.items() if needed in features}
        if len(self.formats) < 2:
            lost |= {"transcode"}
        return replace(self, features=tuple(feature for feature in self.features if feature not in lost))

    def within(self, frame_bytes: int, window: int) -> Claims:
        """Shrink to what the other side offers.

        Spec: :rule:`harness.hello.limits`.
        """
        agreed = min(self.frame_bytes, frame_bytes)
        carried = agreed * 3 // 4 - _LINE_OVERHEAD_BYTES
        limits = replace(self.limits, object_bytes=min(self.limits.object_bytes, carried))
        return replace(self, limits=limits, frame_bytes=agreed, window=min(self.window, window))

    def hello(self, args: Arguments) -> Json:
        """Answer ``hello`` with what is in force.

        Raises:
            Rejected: no protocol in common.
        """
        if _PROTOCOL not in args["protocol"]:
            raise Rejected("no protocol in common", rule="harness.hello.any-time", got=args["protocol"])
        return {
            "protocol": _PROTOCOL,
            "implementation": {"name": "gritstone", "version": __version__, "language": "python"},
            "spec": SPEC_VERSIONS,
            "formats": self.formats,
            "profiles": _PROFILES,
            "features": self.features,
            "limits": {
                "object_bytes": self.limits.object_bytes,
                "tree_depth": self.limits.tree_depth,
                "cas_names": self.limits.cas_names,
                "refs": self.limits.refs,
                "window": self.window,
                "frame_bytes": self.frame_bytes,
            },
        }
