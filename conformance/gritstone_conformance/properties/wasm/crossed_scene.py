"""What crossings of ``wasm`` have in common: a call of the script guest from a core that the suite made.

The module is the same in all rows, so an engine compiles it once; the script says what a call does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.proposals import propose
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message, Step, Tree
from gritstone_conformance.model.wasm.calls import run_call, run_query
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench
from gritstone_conformance.strategies.guests import add_module
from gritstone_conformance.strategies.host_calls import PAGE, CallScript, script_guest
from gritstone_conformance.trial import Trial

__all__ = ["BOUND", "ENOUGH", "GuestScene", "looking"]

BOUND: Final = 3
"""The pages of the manifests."""

ENOUGH: Final = 1 << 62
"""The fuel of a call whose units are measured."""

_GLOBAL: Final = 5
_MARK: Final = 0xC000
_LOOKED: Final = (_MARK, 0xA100, PAGE - 4)


def looking() -> CallScript:
    """Return a script that reads the global, the size of the memory, and some of its bytes."""
    script = CallScript().act("get").act("grow", 0)
    for place in _LOOKED:
        script.act("load", place)
    return script


class GuestScene(GuestBench):
    """A bench on which one actor of the script guest makes one call.

    Attributes:
        entry: what the call answers: a message of a kind, or a query.
        rule: the rule that a difference counts against.
        core: the core before.
        head: the step before, or None for a genesis message.
        code: the module that runs.
    """

    def __init__(self, trial: Trial, fmt: Format, entry: str, rule: str, *, waits: bool = False) -> None:
        super().__init__(trial, fmt)
        self.code = script_guest(waits=waits)
        self.entry = entry
        self.rule = rule
        self.core = b""
        self.head: bytes | None = None

    @property
    def module(self) -> bytes:
        """The id of the blob of the module."""
        return add_module(self.stage.graph, self.code)

    def begin(self, manifest: Mapping[str, Any], script: CallScript, **entries: bytes) -> None:
        """Set the core and head of the actor; entries of ``wasm`` are given as ``wasm_<name>``."""
        members = {"pages": BOUND, **manifest}
        data = self.stage.blob(script.data())
        self.core = self.guest_core(self.code, members, script=data, **entries)
        self.head = None
        if self.entry != "genesis":
            genesis = self.add(Message(None, (("mt", "genesis"),), self.core))
            self.head = self.add(Step(None, self.core, self.box((self.outside, genesis)), None, self.core))

    def image(self, pages: int, marked: Mapping[int, bytes], used: int = 0, **members: Any) -> dict[str, bytes]:
        """Return the entries of ``wasm`` for an image of the module with these pages."""
        state = {"v": 1, "used": used, "pages": pages, "globals": [_GLOBAL], **members}
        entries = {"wasm_state": self.document(state), "wasm_module": self.module}
        if marked:
            low = {f"{number:02x}": self.add(Blob((), data)) for number, data in marked.items()}
            entries["wasm_memory"] = self.stage.tree(**{"00": self.add(Tree(tuple(low.items())))})
        return entries

    def message(self, script: CallScript, entry: str) -> bytes:
        """Add the message of an entry that brings a script."""
        data = self.stage.blob(script.data())
        match entry:
            case "genesis":
                return self.add(Message(None, (("mt", "genesis"),), self.core))
            case "update":
                names = self.stage.graph.values[self.core]
                assert isinstance(names, Tree)
                code = dict(names.entries)["code"]
                content = self.stage.tree(wit_update=self.stage.blob(MAIN), code=code, script=data)
                return self.add(Message(None, (("mt", "update"),), content))
            case "cleanup":
                return self.add(Message(None, (("mt", "cleanup"),), data))
            case _:
                return self.add(Message(None, (), data))

    def call(self, script: CallScript, entry: str | None = None, head: bytes | None = None) -> bytes | None:
        """Ask for one call, from the head by default; returns the step, if one is made."""
        entry, head = entry or self.entry, head or self.head
        if entry == "query":
            assert head is not None
            self.query(head, "q", script.data(), rule=self.rule)
            return None
        message = self.message(script, entry)
        return self.step(self.core, head, [(self.outside, message)], rule=self.rule)

    def grant(self, members: Mapping[str, Any], head: bytes | None, actor: bytes | None = None) -> bytes | None:
        """Ask for the step of an update that changes the manifest of an actor, by default of the one of the scene."""
        wasm = self.stage.tree(manifest=self.document({"v": 1, "pages": BOUND, **members}))
        message = self.add(Message(None, (("mt", "update"),), self.stage.tree(wasm=wasm)))
        return self.step(actor or self.core, head, [(self.outside, message)], rule=self.rule)

    def units(self, script: CallScript) -> int:
        """Return what a call spends, by the model alone."""
        self.fill()
        shelf = Shelf.over(self.pair.model)
        try:
            if self.entry == "query":
                assert self.head is not None
                return run_query(shelf, self.head, "q", script.data()).spent
            message = self.message(script, self.entry)
            self.fill()
            proposal = propose(shelf, self.core, self.head, [(self.outside, message)])
            return run_call(shelf, Context(self.core, 1), proposal, self.head)[2].spent
        except Failure as failure:
            return failure.spent or 0
