"""Evidence: the history in a bundle, opened so that checks can read it.

Spec: "Terms" of ``runtime/history``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from gritstone_conformance.model.away import stopped_at
from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.chains import Chain, Channel, read_chain
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.image.world import kernel_actor
from gritstone_conformance.model.refusals import Defect, missing
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Object

__all__ = ["History", "has_history", "open_history"]


@dataclass(slots=True)
class History:
    """A history while it is judged.

    Attributes:
        shelf: the objects of the bundle.
        references: names to targets.
        agent: the target of ``runtime/agent``, or None.
        chains: actors to their chains, ascending.
        numbers: actors to their numbers from 0, ascending.
        channels: (sender, receiver) to what was sent.
        unverified: what the bundle does not hold enough to decide, in words.
        max_attempts: after how many failures actors are marked, where that is known.
        is_whole: whether it is known that no actor was ever collected or adopted.
        kernel: the kernel actor if the store is an image, or None.
    """

    shelf: Shelf
    references: dict[str, bytes]
    agent: bytes | None
    chains: dict[bytes, Chain]
    numbers: dict[bytes, int]
    channels: dict[tuple[bytes, bytes], Channel] = field(default_factory=dict)
    unverified: list[str] = field(default_factory=list)
    max_attempts: int | None = None
    is_whole: bool = False
    kernel: bytes | None = None

    def is_open(self, actor: bytes) -> bool:
        """Return whether what an actor did is not known in full.

        It is not if its history is cut, it has no step here, or it continues in another store.
        """
        chain = self.chains.get(actor)
        if chain is None:
            return not self.is_whole
        return chain.cut or f"moved/{actor.hex()}" in self.references

    def adopted_steps(self, actor: bytes) -> int:
        """Return how many steps of an actor, from the first on, may have been made in another store.

        They are those up to the step at which it was adopted; all of them while it is moved.

        Spec: :rule:`wasm.handoff.recorded`.
        """
        ids = self.chains[actor].ids
        if f"moved/{actor.hex()}" in self.references:
            return len(ids)
        adopted = self.references.get(f"adopted/{actor.hex()}", b"")
        return ids.index(adopted) + 1 if adopted in ids else 0

    def is_cut(self, actor: bytes) -> bool:
        """Return whether an actor has a chain that is cut."""
        chain = self.chains.get(actor)
        return chain is not None and chain.cut

    def actors(self) -> list[Chain]:
        """Return the chains of all actors but the agent."""
        return [chain for actor, chain in self.chains.items() if actor != self.agent]


def has_history(bundle: Bundle) -> bool:
    """Return whether a bundle is of a store that a runtime was started on."""
    return any(name == "runtime/agent" or name.startswith(("heads/", "failed/")) for name in bundle.references)


def open_history(bundle: Bundle) -> History:
    """Return the history of a bundle that has no defect."""
    fmt = bundle.format
    assert fmt is not None

    shelf = Shelf(fmt, partial(_look, bundle))
    shelf.closed, shelf.forgets, shelf.keeps_blobs = bundle.shapes, bundle.is_large, True
    if not bundle.is_large:
        shelf.hold(bundle.shapes)
    heads = {bytes.fromhex(name[6:]): head for name, head in bundle.references.items() if name.startswith("heads/")}
    heads = {**stopped_at(bundle.references, bundle.shapes), **heads}
    agent = bundle.references.get("runtime/agent")
    chains = {actor: read_chain(shelf, actor, head, is_agent=actor == agent) for actor, head in sorted(heads.items())}
    numbers = {actor: number for number, actor in enumerate(chains)}
    kernel = kernel_actor(fmt) if kernel_actor(fmt) in bundle.actors else None
    return History(shelf, dict(bundle.references), agent, chains, numbers, kernel=kernel)


def _look(bundle: Bundle, identity: bytes) -> Object | Tombstone | Defect:
    """Return the object of an id, its tombstone, or the defect of not having it."""
    shape = bundle.shapes.get(identity)
    if shape is None:
        return missing("grit.bundle.exact", f"{identity.hex()} is absent")
    data = bundle.encoding(identity) if isinstance(shape, Blob) else None
    assert bundle.format is not None
    return shape if data is None else bundle.format.decode(data)
