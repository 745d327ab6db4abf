"""Laws: the forms of code node that can be recomputed, in one ordered list.

A law is one form of code node, and what holds for the actors whose node ``wit`` has that form. Each profile with code
of its own adds a law to :func:`laws`; check 8 recomputes steps by this list.

Spec: ``wit/nodes``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gritstone_conformance.model.shelf import Shelf

if TYPE_CHECKING:
    from gritstone_conformance.model.failures import Failure
    from gritstone_conformance.model.proposals import Proposal
    from gritstone_conformance.model.puppet import Context, Draft

__all__ = ["Foreign", "Law", "law_at", "law_of", "laws", "node_data"]


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

    def refused_merge(self, shelf: Shelf, core: bytes, merged: bytes) -> str | None:
        """Return the rule by which an update without code is refused for the core that it would make, or None."""
        return None

    def frozen_paths(self, shelf: Shelf, core: bytes) -> list[list[str]]:
        """Return the paths that are frozen in any core with ``frozen``, in addition to those that it lists."""
        return []

    def outside_fault(
        self, shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes | None, made: bytes
    ) -> Failure | None:
        """Return what is wrong with a step as far as that can be seen without running its code, or None."""
        return None

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule that a step with another value at a path breaks, or None for the rule of the check."""
        return None


@cache
def laws() -> tuple[Law, ...]:
    """Return all laws. The first that has the form of a node decides."""
    # Imported here: a law runs code, and code needs cores, which ask the laws for frozen paths.
    from gritstone_conformance.model.host_code import OTHER, PUPPET, STAMP
    from gritstone_conformance.model.wasm.law import MODULES

    return (PUPPET, STAMP, MODULES, OTHER)


def node_data(shelf: Shelf, entries: bytes, node: str) -> bytes | None:
    """Return the data of a code node, or None where no blob with data is there; raises Refusal for an absent object."""
    target = shelf.names(entries).get(node) if shelf.is_tree(entries) else None
    blob = None if target is None else shelf.blob(target)
    return None if blob is None else blob.data


def law_of(shelf: Shelf, core: bytes) -> Law:
    """Return the law of the actor with a core; one that adds nothing where no code resolves."""
    return _law_with(shelf, core, "wit") or _NO_LAW


def law_at(shelf: Shelf, core: bytes, node: str, content: bytes | None = None) -> Law | None:
    """Return the law that resolves a node of a core, or of the content of an update; None if it is unresolved.

    Spec: :rule:`wit.node.forms`.
    """
    law = law_of(shelf, core)
    return law if law.is_exclusive else _law_with(shelf, core if content is None else content, node)


def _law_with(shelf: Shelf, entries: bytes, node: str) -> Law | None:
    data = node_data(shelf, entries, node)
    return None if data is None else next((law for law in laws() if law.has(data, shelf.format.name)), None)


_NO_LAW = Law()
