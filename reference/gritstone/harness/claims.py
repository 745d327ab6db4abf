"""The claims of the adapter: formats, profiles, features and limits, and how ``hello`` changes them.

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
    "session.guest",
    "flow.executor",
    "flow.metrics",
    "schedule",
    "clock",
    "effects",
    "fault.kill",
    "wasm.continuation",
    "wasm.signature",
    "image.wasm",
    "sandbox.abi.memory",
    "sandbox.abi.wasi",
    "sandbox.fuel",
    "sandbox.time",
    "sandbox.table",
    "sandbox.traps",
    "sandbox.wide",
    "sandbox.keep",
    "sandbox.atomic",
    "sandbox.snapshot",
    "sandbox.export",
    "sandbox.tank",
    "sandbox.suspend",
    "sandbox.env",
    "sandbox.random",
    "sandbox.clock",
    "sandbox.files",
)
_PROFILES = ("grit", "wit", "runtime", "wasm", "session", "flow", "image", "sandbox")
_NEEDS = {
    "shared": ("durable",),
    "fault.kill": ("durable",),
    "session.guest": ("external",),
    "flow.executor": ("external",),
    "flow.metrics": ("flow.executor",),
    "wasm.continuation": ("wasm",),
    "wasm.signature": ("wasm",),
    "image.wasm": ("image", "wasm"),
    "sandbox.atomic": ("sandbox.keep",),
    "sandbox.snapshot": ("sandbox.keep",),
    "sandbox.export": ("sandbox.snapshot",),
    "sandbox.tank": ("sandbox.fuel", "sandbox.snapshot"),
    "sandbox.suspend": ("sandbox.fuel", "sandbox.keep"),
    "sandbox.env": ("sandbox.abi.wasi",),
    "sandbox.random": ("sandbox.abi.wasi",),
    "sandbox.clock": ("sandbox.abi.wasi",),
    "sandbox.files": ("sandbox.abi.wasi",),
}
"""Feature -> what it needs first."""
_LIMITS = Limits(object_bytes=8_388_608, tree_depth=2_048, refs=16_384)
_CODE_OBJECT_BYTES = 8_388_608  # below it modules and prepared turns do not fit, and neither is claimed
_LARGE = {"wasm", "session", "session.guest"}
_PROTOCOL = 1
_LINE_OVERHEAD_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims.

    Attributes:
        formats: names of object formats, at least one.
        profiles: names of profiles.
        features: names of features; ``connect`` only while serving a socket.
        limits: as configured; ``object_bytes`` is reduced to what a frame can carry.
        window: the most unanswered requests.
        frame_bytes: the maximum length of one line with its LF.
        wasm_pages: the largest memory of a Wasm actor, in pages of 64 KiB.
    """

    formats: tuple[str, ...] = ("framed-sha256", "cbor-blake3")
    profiles: tuple[str, ...] = _PROFILES
    features: tuple[str, ...] = ALL_FEATURES
    limits: Limits = _LIMITS
    window: int = 64
    frame_bytes: int = 11_534_336
    wasm_pages: int = 4_096  # pages of 64 KiB

    def without(self, names: set[str]) -> Claims:
        """Drop features, or a profile other than ``grit``, ``wit`` and ``runtime``, and what needs them."""
        lost = set(names)
        if "session.guest" in lost or "external" in lost:
            lost.add("session")
        if "flow.executor" in lost or "external" in lost:
            lost.add("flow")
        if "sandbox" in lost:
            lost |= {feature for feature in self.features if feature.startswith("sandbox.")}
        for feature, needed in _NEEDS.items():  # each comes after what it needs
            if lost.intersection(needed):
                lost.add(feature)
        if len(self.formats) < 2:
            lost |= {"transcode"}
        features = tuple(feature for feature in self.features if feature not in lost)
        return replace(self, profiles=tuple(one for one in self.profiles if one not in lost), features=features)

    def within(self, frame_bytes: int, window: int) -> Claims:
        """Reduce the claims to the offer of the other side.

        Spec: :rule:`harness.hello.limits`, :rule:`wasm.host.limits`, :ref:`session-features`.
        """
        agreed = min(self.frame_bytes, frame_bytes)
        carried = agreed * 3 // 4 - _LINE_OVERHEAD_BYTES
        limits = replace(self.limits, object_bytes=min(self.limits.object_bytes, carried))
        agreement = replace(self, limits=limits, frame_bytes=agreed, window=min(self.window, window))
        return agreement if limits.object_bytes >= _CODE_OBJECT_BYTES else agreement.without(_LARGE)

    def hello(self, args: Arguments) -> Json:
        """Return the reply to ``hello``: the claims in force.

        Raises:
            Rejected: there is no common protocol.
        """
        if _PROTOCOL not in args["protocol"]:
            raise Rejected("there is no common protocol", rule="harness.hello.any-time", got=args["protocol"])
        limits = {
            "object_bytes": self.limits.object_bytes,
            "tree_depth": self.limits.tree_depth,
            "cas_names": self.limits.cas_names,
            "refs": self.limits.refs,
            "window": self.window,
            "frame_bytes": self.frame_bytes,
        }
        if "sandbox.fuel" in self.features:
            limits["fuel_slack"] = 0
        if "wasm" in self.profiles:
            limits["wasm_pages"] = self.wasm_pages
        return {
            "protocol": _PROTOCOL,
            "implementation": {"name": "gritstone", "version": __version__, "language": "python"},
            "spec": SPEC_VERSIONS,
            "formats": self.formats,
            "profiles": self.profiles,
            "features": self.features,
            "limits": limits,
        }
