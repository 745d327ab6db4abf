"""The lockstep model of a runtime with actors that run guests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.strategies.casting import TEST_GRANTS
from gritstone_conformance.strategies.guests import add_manifest, add_module, guest, guest_core
from gritstone_conformance.trial import Trial

__all__ = ["KEEPS", "PUPPET_GRANTS", "GuestLockstepModel", "move_references"]

_ONCE: Final = StartOptions(config=Config(0, 0, 1))

KEEPS: Final = {"image": True, "pages": 8}
"""Members of a manifest that preserve the memory of a guest."""

PUPPET_GRANTS: Final = {name: value for name, value in TEST_GRANTS.items() if name != "update"}
"""The grants of a puppet that is a module, except for ``update``."""


class GuestLockstepModel(LockstepModel):
    """A runtime of the subject next to the model's; a message that fails is marked at once.

    Attributes:
        rule: the rule that a difference counts against.
    """

    def __init__(self, trial: Trial, fmt: Format, rule: str, *, durable: bool = False) -> None:
        super().__init__(trial, fmt, _ONCE, durable=durable)
        self.rule = rule

    def guest(self, title: bytes, module: str | bytes, manifest: Mapping[str, Any] | None = None, **rest: Any) -> bytes:
        """Create an actor that runs a guest, and run its genesis; return its id."""
        actor = guest_core(self.stage.graph, title, module, manifest, **rest)
        self.inject(actor, actor, headers=GENESIS, rule=self.rule)
        self.run(rule=self.rule)
        return actor

    def ask_guest(self, actor: bytes, question: bytes, mode: str = "queue") -> None:
        """Send a guest its question, and run to rest."""
        self.tell(actor, self.stage.blob(question), mode=mode, rule=self.rule)

    def change(self, actor: bytes, **entries: bytes) -> None:
        """Send an update as a signal, which also supersedes failed mail, and run to rest."""
        self.tell(actor, self.stage.tree(**entries), "update", "signal", rule=self.rule)

    def manifest(self, members: Mapping[str, Any]) -> bytes:
        """Add a tree ``wasm`` with a manifest."""
        return self.stage.tree(manifest=add_manifest(self.stage.graph, members))

    def module(self, name: str) -> bytes:
        """Add a tree ``code`` with a guest at ``main.wasm``."""
        return self.stage.tree(**{"main.wasm": add_module(self.stage.graph, guest(name))})

    def prune(self) -> None:
        """Prune; the number of unreachable intermediate objects is not compared."""
        self.pair.model.prune([])
        self.request(("grit.prune", {"store": "s", "pins": []}, ok(removed={"$": "any"}), self.rule))

    def compare(self) -> None:
        """Compare the references and the whole store with the model's."""
        self.refs(rule=self.rule)
        self.export(rule=self.rule)


def move_references(lockstep: GuestLockstepModel, *moves: tuple[str, bytes | None]) -> None:
    """Stop the runtime, set or remove references, and start it again."""
    lockstep.stop()
    lockstep.fill()
    references = lockstep.pair.model.references
    lockstep.request(lockstep.pair.cas(*(Change(name, references.get(name), target) for name, target in moves)))
    lockstep.start(rule=lockstep.rule)
