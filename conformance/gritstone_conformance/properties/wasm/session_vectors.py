"""Vectors of sessions with the module ``session.wasm`` in place of external code.

A case of the bundled vectors is carried over: each core gets the module, so that the actor has another id. Ids that
messages name in their headers ``turn`` and ``reply`` are replaced by those that have their place. The model computes
what is expected.

Spec: :rule:`session.wasm.same`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.cases import Case
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Entries, Message, Tree, from_base64
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies.casting import TEST_GRANTS
from gritstone_conformance.strategies.guests import add_manifest, add_module, guest
from gritstone_conformance.strategies.session_guest import SESSION_GRANTS, SESSION_NODE, session_guest
from gritstone_conformance.trial import Trial

__all__ = ["CarriedCase"]

_SAME: Final = "session.wasm.same"
_PUPPET: Final = b"external:puppet/1"
_NODES: Final = {b"external:session/1": SESSION_NODE, _PUPPET: b"wasm:code/puppet.wasm"}
_CODE: Final = ("wit", "wit_query")


class CarriedCase:
    """One case, asked of an implementation with the module.

    Attributes:
        bench: the case with the module.
    """

    def __init__(self, trial: Trial, fmt: Format, case: Case, grants: Mapping[str, Any] = SESSION_GRANTS) -> None:
        self.bench = Workbench(trial, fmt)
        self._case = case
        self._grants = grants
        self._before = Executor(Store(fmt))  # the case as it is recorded
        self._cores = {step.args["actor"] for step in case.steps if step.op == "wit.step"}
        self._carried: dict[bytes, bytes] = {}
        self._texts: dict[str, str] = {}  # ids in headers
        self._heads: list[tuple[bytes, bytes]] = []

    def run(self) -> None:
        """Ask for each step and each answer of the case."""
        for step in self._case.steps:
            args: dict[str, Any] = step.args
            match step.op:
                case "grit.import":
                    assert "ok" in self._before.store.import_(from_base64(args["bytes"]))
                case "wit.step":
                    self._step(args)
                case "wit.query":
                    self._query(bytes.fromhex(args["step"]), args["name"], from_base64(args["args"]))
                case "grit.erase":
                    self._erase(bytes.fromhex(args["id"]))
                case _:
                    assert step.op in ("grit.open", "grit.get"), step.op
        self.bench.flush()
        self.bench.pair.expect(self.bench.pair.close())

    def _step(self, args: dict[str, Any]) -> None:
        actor, attempt = bytes.fromhex(args["actor"]), args["attempt"]
        head = None if args["head"] is None else bytes.fromhex(args["head"])
        mail = [(bytes.fromhex(sender), bytes.fromhex(tip)) for sender, tip in args["inbox"]]
        given = [(self._carry(sender), self._carry(tip)) for sender, tip in mail]
        made = self.bench.step(
            self._carry(actor), None if head is None else self._carried[head], given, attempt, rule=_SAME
        )
        try:
            before = self._before.step(actor, head, mail, attempt)
        except Refusal:
            assert made is None
            return
        assert made is not None
        self._carried[before] = made
        self._heads.append((before, made))
        self._align(before, made)

    def _align(self, before: bytes, made: bytes) -> None:
        """Note which messages of the two steps have the same place."""
        old, new = self._before.shelf, self.bench.executor.shelf
        for receiver, tip in old.mail(old.step(before).outbox).items():
            at: bytes | None = tip
            other: bytes | None = new.mail(new.step(made).outbox).get(self._carry(receiver))
            while at is not None and other is not None and at.hex() not in self._texts:
                self._texts[at.hex()] = other.hex()
                at, other = old.message(at).previous, new.message(other).previous

    def _query(self, step: bytes, name: str, args: bytes) -> None:
        self.bench.query(self._carried[step], name, args, rule=_SAME)

    def _erase(self, blob: bytes) -> None:
        """Erase a blob, which has the same id in both stores; messages after it may have it as their content."""
        self._carry(blob)
        self.bench.flush()
        self.bench.pair.expect(self.bench.pair.erase(blob))
        self.bench.executor = Executor(self.bench.pair.model)
        assert "ok" in self._before.store.erase(blob)
        self._before = Executor(self._before.store)

    def _carry(self, identity: bytes) -> bytes:
        """Return the id of what an object of the case becomes."""
        made = self._carried.get(identity)
        if made is None:
            made = self._carried[identity] = self.bench.add(self._value(identity))
        return made

    def _value(self, identity: bytes) -> Blob | Tree | Message:
        match self._before.shelf.get(identity):
            case Blob() as blob:
                return blob
            case Tree(entries):
                return Tree(self._entries(entries, is_core=identity.hex() in self._cores))
            case Message(previous, headers, content) as message:
                behind = None if previous is None else self._carry(previous)
                pairs = tuple((key, self._text(key, value, message)) for key, value in headers)
                return Message(behind, pairs, self._carry(content))
            case other:
                raise AssertionError(f"a case refers to {other}")

    def _entries(self, entries: Entries, *, is_core: bool) -> Entries:
        nodes = {name: self._node(target) for name, target in entries if name in _CODE}
        carried = {name: nodes.get(name) or self._carry(target) for name, target in entries}
        replaced = any(carried[name] != target for name, target in entries if name in nodes)
        if is_core and replaced:
            carried |= self._modules()
        return tuple(carried.items())

    def _node(self, target: bytes) -> bytes:
        blob = self._before.shelf.blob(target)
        if blob is None or blob.data not in _NODES:
            return self._carry(target)
        return self.bench.add(Blob(blob.headers, _NODES[blob.data]))

    def _modules(self) -> dict[str, bytes]:
        """Add the entries of a core that modules need; the puppet is one where a case uses it to change a session."""
        graph = self.bench.stage.graph
        puppet = self._before.store.format.encode(Blob((("ct", "s"),), _PUPPET))
        has_puppet = self._before.store.format.hash(puppet) in self._before.store.objects
        code = {"session.wasm": add_module(graph, session_guest())}
        if has_puppet:
            code["puppet.wasm"] = add_module(graph, guest("puppet"))
        manifest = add_manifest(graph, TEST_GRANTS if has_puppet else self._grants)
        return {"code": self.bench.stage.tree(**code), "wasm": self.bench.stage.tree(manifest=manifest)}

    def _text(self, key: str, value: str, message: Message) -> str:
        """Return the value of a header, with the id that has the place of the id that it names."""
        if key == "turn" and value not in self._texts:
            self._note_turn(value, message.content)
        return self._texts.get(value, value) if key in ("turn", "reply") else value

    def _note_turn(self, turn: str, content: bytes) -> None:
        """Find the step at which a turn was prepared, and prepare it there with the module."""
        shelf = self._before.shelf
        request = shelf.names(content).get("request") if shelf.is_tree(content) else None
        blob = None if request is None else shelf.blob(request)
        for before, made in reversed(self._heads if blob is not None else []):
            assert blob is not None
            answer = self._before.query(before, "prepare", blob.data)
            if answer is not None and answer.hex() == turn:
                carried = self.bench.executor.query(made, "prepare", blob.data)
                assert carried is not None
                self._texts[turn] = carried.hex()
                return
