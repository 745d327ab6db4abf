"""A workbench with guests: actors that run modules in their own cores, under a manifest.

:func:`of_executors` registers properties that need no more than single transitions and queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Unpack

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Tree, to_base64
from gritstone_conformance.model.wasm.documents import CT_CBOR, Manifest, encode_item
from gritstone_conformance.model.wasm.image import state_at
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.guests import add_module
from gritstone_conformance.strategies.host_calls import CallScript
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["MAIN", "GuestBench", "in_one_format", "of_executors"]

MAIN: Final = b"wasm:code/main.wasm"
"""The data of the code nodes of an actor on this bench."""

Members = Mapping[str, Any] | bytes | None
"""Members of a manifest next to ``v``, or its bytes; None: there is none."""


class GuestBench(Workbench):
    """One store, with guests."""

    def document(self, content: Mapping[str, Any] | bytes) -> bytes:
        """Add a document; bytes stand as they are."""
        data = content if isinstance(content, bytes) else encode_item(dict(content))
        return self.add(Blob(CT_CBOR, data))

    def guest_core(self, module: bytes, manifest: Members = None, title: bytes = b"a", **entries: bytes) -> bytes:
        """Add the core of an actor that runs a module; entries of ``wasm`` are given as ``wasm_<name>``."""
        wasm = {name.removeprefix("wasm_"): each for name, each in entries.items() if name.startswith("wasm_")}
        if manifest is not None:
            wasm["manifest"] = self.document({"v": 1, **manifest} if isinstance(manifest, Mapping) else manifest)
        node = self.stage.blob(MAIN, ("ct", "s"))
        own = {"name": self.stage.blob(title, ("ct", "s")), "wit": node, "wit_query": node}
        own["code"] = self.stage.tree(**{"main.wasm": add_module(self.stage.graph, module)})
        if wasm:
            own["wasm"] = self.add(Tree(tuple(wasm.items())))
        rest = {name: each for name, each in entries.items() if not name.startswith("wasm_")}
        return self.stage.tree(**{**own, **rest})

    def guest(self, module: bytes, manifest: Members = None, title: bytes = b"a", **entries: bytes) -> BenchActor:
        """Add an actor that runs a module and has no step yet."""
        return BenchActor(self, self.guest_core(module, manifest, title, **entries))

    def erase(self, blob: bytes) -> None:
        """Erase a blob that was put."""
        self.pair.expect(self.pair.erase(blob))
        self.executor = Executor(self.pair.model)  # which has forgotten what it read

    def reading(self, core: bytes, name: str) -> tuple[dict[str, Json], dict[str, Json]]:
        """Return arguments and expectation of ``grit.get`` of an entry of a core."""
        shelf = self.executor.shelf
        identity = shelf.names(core)[name]
        value = shelf.get(identity)
        assert isinstance(value, Blob)
        encoding = self.stage.graph.format.encode(value)
        return {"store": self.pair.handle, "id": identity.hex()}, ok(bytes=to_base64(encoding))

    def needed(self, core: bytes) -> int:
        """Return the least fuel with which the first step of a core ends as it does, by the model alone.

        The core has more than enough, and its call fails, or keeps state.
        """
        message = self.add(Message(None, (("mt", "genesis"),), core))
        store = Store(self.stage.graph.format, self.pair.model.limits)
        store.keep(self.stage.graph.encodings)
        executor = Executor(store)
        try:
            step = executor.step(core, None, [(self.outside, message)])
        except Refusal as refusal:
            return _spent(refusal)
        return state_at(executor.shelf, executor.shelf.step(step).core, Manifest(image=True)).used

    def probe_content(
        self, actor: BenchActor, content: bytes, mt: str = "", *, rule: str | None = None
    ) -> bytes | None:
        """Ask for the step that reads a message with a content, and leave the actor as it was."""
        head, tips = actor.head, dict(actor.tips)
        made = actor.tell(content, mt, rule=rule)
        actor.head, actor.tips = head, tips
        return made

    def pretend(self, actor: BenchActor, core: bytes) -> bytes:
        """Add a step with another core behind the head of an actor, without its code; returns its id."""
        return self.add(replace(actor.value, previous=actor.head, core=core))

    def probe(
        self, actor: BenchActor, script: CallScript, *, rule: str | None = None, sender: bytes | None = None
    ) -> bytes | None:
        """Ask for the step that runs a script, and leave the actor as it was."""
        head, tips = actor.head, dict(actor.tips)
        message = actor.send(self.stage.blob(script.data()), sender=sender)
        made = actor.step((self.outside if sender is None else sender, message), rule=rule)
        actor.head, actor.tips = head, tips
        return made

    def run(
        self,
        module: bytes,
        manifest: Members = None,
        *,
        rule: str | None = None,
        title: bytes = b"a",
        also: Mapping[str, bytes] | None = None,
        **entries: bytes,
    ) -> BenchActor:
        """Add an actor that runs a module, with further entries, and ask for its first step."""
        actor = self.guest(module, manifest, title, **{**entries, **(also or {})})
        actor.tell(actor.identity, "genesis", rule=rule)
        return actor


def _spent(refusal: Refusal) -> int:
    """Return the units of the call that failed."""
    failure = refusal.__cause__
    assert isinstance(failure, Failure)
    assert failure.spent is not None
    return failure.spent


def of_executors(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    once: bool = False,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format, for implementations of single steps of modules, with or without a runtime."""
    needed = ("wasm.executor", *features)
    found = in_each_format(name, body, *rules, given=given, features=needed, once=once, **options)
    return tuple(replace(prop, requires=replace(prop.requires, profiles=_profiles(features))) for prop in found)


def in_one_format(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    examples: int | None = None,
) -> tuple[Property, ...]:
    """Return one property of what no format changes, for executors: it is run in the first claimed format."""

    def run(trial: Trial, **drawn: Any) -> None:
        body(trial, FORMATS[trial.claims.formats[0]], **drawn)

    requires = Requires((), ("wasm.executor", *features), _profiles(features))
    draws = None if given is None else given(CBOR_BLAKE3)
    return (Property(name, tuple(dict.fromkeys(rules)), run, draws, requires, examples=examples),)


def _profiles(features: tuple[str, ...]) -> tuple[str, ...]:
    """Return the profile that a case needs: a claim of ``wasm`` includes ``wit`` and the executor."""
    return ("wasm",) if "wasm.continuation" in features else ("wit",)
