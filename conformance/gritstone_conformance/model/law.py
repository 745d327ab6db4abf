"""A law: one form of code node that can be recomputed, and the data of such nodes.

Each profile with code of its own defines a law; ``laws`` lists them.

Spec: ``wit/nodes``.
"""

from __future__ import annotations

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.shelf import Shelf

__all__ = ["Foreign", "Law", "node_data"]


class Foreign(Exception):  # noqa: N818 - says what the code is
    """This suite cannot run the code; the step that it made is believed."""


class Law:
    """One form of code node. ``has``, ``step`` and ``query`` are defined by each law; other hooks add nothing here.

    Attributes:
        is_exclusive: whether this law resolves every code node of its actors, also nodes of another form.
        outside_path: where :meth:`outside_fault` finds something.
    """

    is_exclusive = False
    outside_path = "core"

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data of a code node is of this form."""
        raise NotImplementedError

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return what the code gives; raises what ``transition.make_step`` raises."""
        raise NotImplementedError

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return the answer of the code of a step, or None; raises Failure or Foreign."""
        raise NotImplementedError

    def makes_first_step(self, shelf: Shelf, core: bytes) -> bool:
        """Return whether code makes the first step; if not, that step only reads its genesis message."""
        return True

    def refused_sender(self, shelf: Shelf, last: bytes, sender: bytes) -> str | None:
        """Return the rule by which an update from a sender is refused, or None."""
        return None

    def refused_code(self, shelf: Shelf, core: bytes) -> str | None:
        """Return the rule by which an update with code is refused, or None."""
        return None

    def refused_merge(self, shelf: Shelf, core: bytes, merged: bytes) -> str | None:
        """Return the rule by which an update without code is refused for the core that it would make, or None."""
        return None

    def outside_fault(
        self, shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes | None, made: bytes
    ) -> Failure | None:
        """Return what is wrong with a step as far as that can be seen without running its code, or None."""
        return None

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule that a step with another value at a path breaks, or None for the rule of the check."""
        return None


def node_data(shelf: Shelf, entries: bytes, node: str) -> bytes | None:
    """Return the data of a code node, or None where no blob with data is there; raises Refusal for an absent object."""
    target = shelf.names(entries).get(node) if shelf.is_tree(entries) else None
    blob = None if target is None else shelf.blob(target)
    return None if blob is None else blob.data
