"""Crossings of suspended calls: where the call was begun, what happened to its actor since, and how it goes on.

The rows are those of the table ``wasm/suspended``. The model determines each reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Message
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.wasm.crossed_scene import BOUND, ENOUGH, GuestScene, looking
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.guests import add_module
from gritstone_conformance.strategies.host_calls import PAGE, CallScript, script_guest, slot
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "wasm.wait.resume"
_FUEL: Final = "wasm.wait.fuel"
_GRANTS: Final[dict[str, Any]] = {"image": True, "fuel": ENOUGH}
_CORE: Final = 30  # a slot


def suspend(trial: Trial, row: Row) -> None:
    """Suspend a call, change its actor as a row says, resume the call, and make another call."""
    scene = _SuspendedScene(trial, row)
    scene.move()
    scene.lose()
    scene.between()
    scene.limit()
    scene.head = scene.call(looking(), row["resumed"]) or scene.head
    scene.call(looking(), "message")
    if row["later"] == "query":
        scene.call(looking(), "query")
    scene.flush()


class _SuspendedScene(GuestScene):
    """A scene whose actor is suspended inside a call.

    Attributes:
        row: the row.
    """

    def __init__(self, trial: Trial, row: Row) -> None:
        super().__init__(trial, FORMATS[row["format"]], row["begun"], _RULE, waits=True)
        self.row = row
        grow = {"one-page": 0, "grown": 1, "at-bound": BOUND - 1}[row["memory"]]
        script = CallScript().act("grow", grow).act("set", 9).act("store", (grow + 1) * PAGE - 4, 77)
        script.join(_waiting()).join(_tail(row["tail"])).join(looking())
        self.begin(_GRANTS, script)
        self.head = self.call(script)

    def move(self) -> None:
        """Continue in another store to which the actor was exported, or prune."""
        where = self.row["store"]
        if where == "here":
            return
        assert self.head is not None
        name = f"tags/{self.core.hex()}"
        self.flush()
        self.pair.expect(self.pair.point(name, self.head, rule=_RULE))
        if where == "pruned":
            self.pair.expect(self.pair.prune(rule=_RULE))
        else:
            bundle = self.pair.export([name], rule=_RULE)
            assert bundle is not None
            other = open_memory(self.trial, self.stage.graph.format, "t")
            other.expect(*other.take(bundle, rule=_RULE))
            self.pair = other
        self.executor = Executor(self.pair.model)

    def lose(self) -> None:
        """Erase or damage a part of the image."""
        state, _, part = self.row["image"].partition("-")
        if not part:
            return
        assert self.head is not None
        self.flush()
        shelf = self.executor.shelf
        names = shelf.names(shelf.names(shelf.step(self.head).core)["wasm"])
        target = names["state"]
        if part == "page":
            target = next(iter(shelf.names(shelf.names(names["memory"])["00"]).values()))
        if state == "erased":
            self.erase(target)
        else:
            self.pair.expect(self.pair.damage(target, 5, 1))
            self.executor = Executor(self.pair.model)

    def between(self) -> None:
        """Do what a row says before the call is resumed."""
        match self.row["between"]:
            case "query":
                self.call(looking(), "query")
            case "update":
                self._update(k=self.stage.blob(b"k"))
            case "lowered":
                self._grant(pages=1)
            case "not-granted":
                self._grant(image=False)
            case "granted-again":
                self._grant(image=False)
                self._grant()
            case "tank-spent":
                self._grant(tank=1)
            case "same-code":
                self.head = self.call(looking(), "update") or self.head
            case "other-code":
                other = add_module(self.stage.graph, script_guest())
                self._update(code=self.stage.tree(**{"main.wasm": other}))

    def limit(self) -> None:
        """Grant exactly the units that the resumed call spends, or one less."""
        budget = self.row["budget"]
        if budget == "enough" or self.row["image"].startswith("corrupt"):  # what cannot be read is not run
            return
        self.rule = _FUEL
        entry, self.entry = self.entry, self.row["resumed"]
        units = self.units(looking())
        self.entry = entry
        self._grant(fuel=max(1, units - (budget == "one-short")))

    def _grant(self, **members: Any) -> None:
        whole = {name: value for name, value in {**_GRANTS, **members}.items() if value is not False}
        self.head = self.grant(whole, self.head) or self.head

    def _update(self, **entries: bytes) -> None:
        message = self.add(Message(None, (("mt", "update"),), self.stage.tree(**entries)))
        self.head = self.step(self.core, self.head, [(self.outside, message)], rule=self.rule) or self.head


def _waiting() -> CallScript:
    """Return a script that is suspended with the core as it is."""
    script = CallScript().call("input", 2, slot(_CORE)).step(_CORE)
    script.records.pop()  # which ends the script
    return script.act("wait")


def _tail(word: str) -> CallScript:
    """Return what a script does first when it is resumed."""
    script = CallScript()
    match word:
        case "wait-again":
            return _waiting()
        case "trap":
            return script.act("trap")
        case "stop":
            return script.act("stop", 7)
        case "past-bound":
            return script.act("grow", BOUND)
    return script


def _rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_RULE, _FUEL, "wit.admit.closed")


PROPERTIES: Final[tuple[Property, ...]] = each_row("wasm/suspended", suspend, _rules, features=("wasm.continuation",))
