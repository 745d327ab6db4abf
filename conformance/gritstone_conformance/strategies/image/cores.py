"""Cores of actors of images: owner, capabilities, entry table, quota and code.

Spec: ``image/actors``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict, Unpack

from gritstone_conformance.strategies.image.ops import Draft
from gritstone_conformance.strategies.scenarios import Stage

__all__ = ["CODE", "KERNEL_CODE", "LIMITS", "ImageStage", "Rights", "quota_text"]

CODE: Final = b"external:image/1"
KERNEL_CODE: Final = b"external:image-kernel/1"
LIMITS: Final = {"actors": 10, "bytes": 1_000_000, "fuel": 100_000, "posts": 1000, "subs": 100, "timers": 100}
"""Resource -> the limit of a principal whose quota does not matter."""


def quota_text(**limits: int) -> str:
    """Return the content of a quota; what is not given has the limit of ``LIMITS``."""
    return "".join(f"{name} {limit}\n" for name, limit in (LIMITS | limits).items())


class Rights(TypedDict, total=False):
    """What an actor may do.

    Attributes:
        owner: the principal that owns the actor; a principal has none.
        caps: its capabilities.
        entry: types of messages to the admitted senders: ``*`` or ids.
        code: types of messages to programs.
        granter: the granter of the capabilities, if it is not R.
        limits: limits of the quota of a principal that are not those of ``LIMITS``.
    """

    owner: bytes
    caps: Iterable[str]
    entry: Mapping[str, str | Iterable[bytes]]
    code: Mapping[str, bytes]
    granter: bytes
    limits: Mapping[str, int]


@dataclass(slots=True)
class ImageStage(Stage):
    """Builds actors of images and what they send.

    Attributes:
        agent: R, the granter of the capabilities of first cores that R sends.
    """

    agent: bytes = b""

    def text(self, text: str) -> bytes:
        """Add a text blob."""
        return self.blob(text.encode(), ("ct", "s"))

    def empty(self) -> bytes:
        """Add the empty blob."""
        return self.blob(b"")

    def draft(self) -> Draft:
        """Begin a program."""
        return Draft(self)

    def actor(self, title: str, entries: Mapping[str, bytes] | None = None, **rights: Unpack[Rights]) -> bytes:
        """Add a first core; return its id.

        Args:
            title: makes the id unique.
            entries: further entries of the core.
            rights: what the actor may do.
        """
        own = {"name": self.text(title), **self.nodes(), "image": self.rights(**rights)}
        if code := rights.get("code"):
            own["code"] = self.tree(**code)
        return self.tree(**{**own, **(entries or {})})

    def rights(self, **rights: Unpack[Rights]) -> bytes:
        """Add the tree ``image`` of a first core."""
        owner = rights.get("owner")
        image = {"owner": self.text("self" if owner is None else owner.hex())}
        if owner is None:
            image["quota"] = self.text(quota_text(**rights.get("limits", {})))
        granter = self.text(rights.get("granter", self.agent).hex())
        if caps := rights.get("caps"):
            image["caps"] = self.tree(**dict.fromkeys(caps, granter))
        if entry := rights.get("entry"):
            image["entry"] = self.tree(**{mt: self.text(_admitted(senders)) for mt, senders in entry.items()})
        return self.tree(**image)

    def nodes(self) -> dict[str, bytes]:
        """Return the entries ``wit`` and ``wit_query``."""
        code = self.text(CODE.decode())
        return {"wit": code, "wit_query": code}

    def install(self, **programs: bytes) -> bytes:
        """Add the content of an install of programs, by the types that they answer."""
        return self.tree(code=self.tree(**programs))


def _admitted(senders: str | Iterable[bytes]) -> str:
    return senders if isinstance(senders, str) else "\n".join(sorted(sender.hex() for sender in senders))
