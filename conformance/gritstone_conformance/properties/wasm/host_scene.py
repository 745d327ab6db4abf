"""What crossings of host calls have in common: an actor with objects of all kinds, and two calls.

The script fetches what the host call needs, makes it, and looks at what it wrote; the step holds all that was observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Message, Step, Tree
from gritstone_conformance.model.wasm.weights import LAYOUTS
from gritstone_conformance.properties.wasm.crossed_scene import BOUND, ENOUGH, GuestScene
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.host_calls import PAGE, ZERO_AT, CallScript, slot
from gritstone_conformance.trial import Trial

__all__ = ["ACTOR", "CORE", "KEY", "MANIFESTS", "PARAMETERS", "HostScene", "Writer"]

KEY: Final = bytes(range(32))
_GRANTS: Final[dict[str, Any]] = {
    "image": True,
    "query": True,
    "attempt": True,
    "random": KEY,
    "clock": {"start": 5, "tick": 3},
    "send": "any",
    "spawn": "any",
}
MANIFESTS: Final[dict[str, dict[str, Any]]] = {
    "everything": _GRANTS,
    "raw": {**_GRANTS, "raw": True},
    "nothing": {},
}
"""Manifest of a row -> its members in addition to `fuel`."""

PARAMETERS: Final[dict[str, tuple[str | bytes | int, ...]]] = {
    "input": (2, "out"),
    "covered": (0, "out", "out"),
    "kind": ("tree",),
    "size": ("tree",),
    "read": ("blob", 1, "room"),
    "headers": ("blob", "room"),
    "link": ("message", 1, "out"),
    "entry": ("tree", 0, "room", "out"),
    "find": ("core", b"deep", "out"),
    "place": ("core", b"deep", "blob", "out"),
    "mail": ("mailbox", "actor", "message", "out"),
    "blob": (b"data", b"k\0v\0", "out"),
    "message": ("message", b"k\0v\0", "blob", "out"),
    "step": ("step", "actor", "mailbox", "mailbox", "core", "out"),
    "result": ("core",),
    "query_name": ("room",),
    "query": ("actor", b"name", "blob", "out"),
    "random": ("room",),
    "log": (b"text",),
    "fail": (7, b"text"),
}
"""Function -> its arguments where nothing is wrong: what is fetched, a text, a number, or where it writes."""
assert all(len(found) == len(LAYOUTS[name]) for name, found in PARAMETERS.items())

CORE, ACTOR, _MADE, _SPARE, _OTHER = 1, 2, 3, 4, 5
_PATHS: Final = {
    "tree": b"deep",
    "blob": b"deep/ab",
    "empty-blob": b"deep/cde",
    "erased": b"gone",
}
_INPUTS: Final = {"core": 2, "actor": 0, "mailbox": 3, "step": 7}
_FILLED: Final = {"zero": 0, "unknown": 0x5A}
_LOST_ENTRY: Final = 3  # code, deep, gone, lost, name, ...


class HostScene(GuestScene):
    """A scene with one actor that has an object of each kind within its reach.

    Attributes:
        row: the row.
        gone: a blob that rows erase.
        lost: a blob that is not in the store, or corrupt.
        members: of the manifest.
    """

    def __init__(self, trial: Trial, row: Row, rule: str) -> None:
        self.waits = row["before"] == "suspended"
        super().__init__(trial, FORMATS[row["format"]], row["entry"], rule, waits=self.waits)
        self.row = row
        self.gone = self.stage.blob(b"gone", ("k", "v"))
        self.lost = self.stage.blob(b"lost", ("k", "v"))
        self.members: Mapping[str, Any] = {}

    def set_up(self, members: Mapping[str, Any], script: CallScript, **entries: bytes) -> None:
        """Set the core and head of the actor."""
        self.members = members
        deep = self.stage.tree(ab=self.stage.blob(b"text", ("k", "v")), cde=self.stage.blob(b""))
        self.begin({"fuel": ENOUGH, **members}, script, deep=deep, gone=self.gone, lost=self.lost, **entries)
        if self.head is not None:
            sent = self.add(Message(None, (), self.stage.blob(b"sent")))
            self.head = self.add(replace(self._step(self.head), outbox=self.box((self.outside, sent))))

    def pages_image(self, **members: Any) -> dict[str, bytes]:
        """Return the entries of ``wasm`` for an image of two pages."""
        more: dict[str, Any] = {"globals": [5, 0]} if self.waits else {}
        return self.image(2, {1: b"page" * (PAGE // 4)}, **more, **members)

    def lose(self, state: str) -> None:
        """Bring the object of a row into its state."""
        if state == "lost":
            del self.stage.graph.encodings[self.lost]
        self.fill()
        self.flush()
        if state in ("erased", "made-again", "erased-out-of-scope"):
            self.erase(self.gone)
        elif state == "corrupt":
            self.pair.expect(self.pair.damage(self.lost, 5, 1))
            self.executor = Executor(self.pair.model)

    def come_before(self, script: CallScript) -> None:
        """Make the call that comes before; the head moves if it makes a step."""
        look = CallScript().call("input", 0, slot(_OTHER))
        match self.row["before"]:
            case "trap":
                self._trap(look.act("trap"))
            case "query":
                self.call(look, "query")
            case "step":
                self.head = self.call(look, "message") or self.head
            case "suspended":
                first = CallScript().call("input", 2, slot(CORE)).step(CORE)
                first.records.pop()  # which ends the script
                self.head = self.call(first.act("wait").join(script), "message") or self.head

    def _trap(self, script: CallScript) -> None:
        if self.entry == "genesis":
            self.make_first_step(script)
        else:
            self.call(script)

    def make_first_step(self, script: CallScript) -> None:
        """Ask for the first step of another actor, which runs a script from the same objects."""
        self.fill()
        names = dict(self.executor.shelf.names(self.core))
        names["script"] = self.stage.blob(script.data())
        core = self.add(Tree(tuple(names.items())))
        message = self.add(Message(None, (("mt", "genesis"),), core))
        self.step(core, None, [(self.outside, message)], rule=self.rule)

    def make_calls(self, script: CallScript) -> None:
        """Make the call that comes before and the call of the row, and one more if the actor made a step."""
        self.come_before(script)
        if self.row["budget"] == "exact":
            self.call_with_units(script)
        made = self.call(script)
        if made is not None and self.row["before"] != "nothing":
            self.call(script, "message", made)
        self.flush()

    def run_twin(self, script: CallScript) -> None:
        """Make the call that comes before and a call with another script, and leave the actor as it was."""
        head = self.head
        self.come_before(script)
        if self.entry == "genesis":
            self.make_first_step(script)
        else:
            self.call(script)
        self.head = head

    def call_with_units(self, script: CallScript) -> None:
        """Make the call with one unit less than it needs, and leave the actor with a budget that is exactly enough."""
        units, core, head = self.units(script), self.core, self.head
        for fuel in (units - 1, units):
            if head is None:
                self.core = self._with_fuel(core, fuel)
            else:
                step = self._step(head)
                self.head = self.add(replace(step, previous=head, core=self._with_fuel(step.core, fuel)))
            if fuel < units:
                self.call(script)

    def _step(self, step: bytes) -> Step:
        """Return a step that the suite or a guest made."""
        found = self.stage.graph.values.get(step)
        value = self.executor.shelf.step(step) if found is None else found
        assert isinstance(value, Step)
        return value

    def _with_fuel(self, core: bytes, fuel: int) -> bytes:
        self.fill()
        shelf = self.executor.shelf
        entries = dict(shelf.names(core))
        wasm = dict(shelf.names(entries["wasm"]))
        wasm["manifest"] = self.document({"v": 1, "pages": BOUND, **self.members, "fuel": fuel})
        entries["wasm"] = self.add(Tree(tuple(wasm.items())))
        return self.add(Tree(tuple(entries.items())))


class Writer:
    """Writes the script of a row: what is fetched, the host call, and what is read after it.

    Attributes:
        script: what is written.
        size: the bytes of memory from the start of the host call.
    """

    def __init__(self, scene: HostScene, pages: int = 1) -> None:
        self.scene = scene
        self.script = CallScript()
        self.size = pages * PAGE

    def begin(self, grow: int = 0) -> None:
        """Grow the memory by pages, and fetch the ids that others are fetched with."""
        if grow:
            self.script.act("grow", grow)
        self.script.call("input", 2, slot(CORE)).call("input", 0, slot(ACTOR))

    def holds(self, at: int, length: int) -> bool:
        """Return whether a range lies in memory."""
        return at + length <= self.size

    def fetch(self, kind: str, to: int) -> None:
        """Have the id of an object written to a place, if that lies in memory."""
        if not self.holds(to, 32):
            return
        script, query = self.script, self.scene.entry == "query"
        match kind:
            case "mailbox" | "step" if self.scene.entry == "genesis":
                self._make(kind, to)
            case "core" | "actor" | "mailbox" | "step":
                script.call("input", _INPUTS[kind], to)
            case "message" if query:
                script.call("input", 3, slot(_OTHER)).call("entry", slot(_OTHER), 0, slot(_SPARE), 32, to)
            case "message":
                script.call("covered", 0, slot(_SPARE), to)
            case "made" | "made-again":
                headers, data = script.text(b"k\0v\0"), b"made" if kind == "made" else b"gone"
                script.call("blob", script.text(data), len(data), headers, 4, to)
            case "lost" | "corrupt":
                script.call("entry", slot(CORE), _LOST_ENTRY, slot(_SPARE), 32, to)
            case "out-of-scope" | "erased-out-of-scope":
                self.write(self.scene.outside if kind == "out-of-scope" else self.scene.gone, to)
            case "zero" | "unknown":
                script.act("fill", to, _FILLED[kind], 32)
            case _:
                path = _PATHS[kind]
                script.call("find", slot(CORE), script.text(path), len(path), to)

    def _make(self, kind: str, to: int) -> None:
        """Make a mailbox or step where no input is one."""
        script = self.script.call("covered", 0, slot(_SPARE), slot(_OTHER))
        if kind == "mailbox":
            script.call("mail", ZERO_AT, slot(_SPARE), slot(_OTHER), to)
        else:
            script.call("step", ZERO_AT, slot(ACTOR), ZERO_AT, ZERO_AT, slot(CORE), to)

    def write(self, content: bytes, to: int) -> None:
        """Write bytes to a place, if they lie in memory."""
        for at in range(0, len(content), 4):
            word = content[at : at + 4]
            if len(word) == 4 and self.holds(to + at, 4):
                self.script.act("store", to + at, int.from_bytes(word, "little"))

    def look(self, *places: int) -> None:
        """Read the first and the last word of ids at some places, and use them."""
        for at in places:
            if self.holds(at, 32):
                self.script.call("kind", at).act("load", at).act("load", at + 28)

    def end(self, results: str) -> None:
        """Call ``result`` as often as a row says, the last time by what the script guest does at its end."""
        if results == "0":
            self.script.call("result", ZERO_AT).act("silent")
        elif results == "2":
            self.script.call("result", slot(CORE))
