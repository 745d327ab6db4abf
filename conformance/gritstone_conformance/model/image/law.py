"""The two codes of images: that of actors, which makes steps only in operations, and that of the kernel actor.

Spec: ``image/actors``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.image.validity import CODE
from gritstone_conformance.model.law import Law
from gritstone_conformance.model.proposals import Proposal, message_type
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.puppet_answers import answer_puppet
from gritstone_conformance.model.shelf import Shelf

__all__ = ["ACTORS", "KERNEL"]

_QUERIES: Final = ("get", "echo", "step", "fail")


class _Actors(Law):
    """Actors of images; see ``Law``."""

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is the name of the code."""
        return data == CODE

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Raise Failure: this is not an operation. Spec: :rule:`image.code.outside`."""
        raise Failure("failed", "an actor of an image steps only in an operation", "image.code.outside", "image")

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return what the puppet answers to four queries. Spec: :rule:`image.code.query`."""
        return answer_puppet(shelf, step, name, args) if name in _QUERIES else None


class _Kernel(Law):
    """The kernel actor; see ``Law``. Spec: :rule:`image.kernel.step`."""

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is the name of the code."""
        return data == b"external:image-kernel/1"

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return the step that keeps a record."""
        (sender, identity), *more = proposal.covered
        message = shelf.message(identity)
        if proposal.kind == "genesis":
            return Draft(None, context.actor, {sender: identity}, {}, message.content)
        is_record = message_type(message) == "image.op" and shelf.kind(message.content) == "blob"
        if more or proposal.kind != "ordinary" or not is_record:
            raise Failure("failed", "the message is not a record", "image.kernel.step")
        assert last is not None, "a first step covers a genesis"
        before = shelf.step(last)
        core = WorkingTree(shelf, shelf.names(before.core))
        core.put(["op"], message.content)
        inbox = {**shelf.mail(before.inbox), sender: identity}
        return Draft(last, context.actor, inbox, dict(shelf.mail(before.outbox)), core.seal())

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return none."""
        return None

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule of its steps."""
        return "image.kernel.step"


ACTORS: Final = _Actors()
KERNEL: Final = _Kernel()
