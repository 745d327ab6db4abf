"""What a Wasm actor carries from step to step: its code, its image, the units that it used."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.runtime.double import GENESIS
from gritstone_conformance.properties.wasm.doubles import KEEPS, GuestDouble
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies.guests import add_module, guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def replaced(trial: Trial, fmt: Format) -> None:
    """Node and module are looked up at every step: what an update or the guest itself put there is run next."""
    house = GuestDouble(trial, fmt, "wasm.module.node")
    stage = house.stage
    actor = house.guest(b"a", "counter")
    house.ask_guest(actor, b"\5")
    house.change(actor, code=house.module("compute"))
    house.ask_guest(actor, b"\5")
    loops = add_module(stage.graph, guest("loops"))
    other = stage.tree(**{"second.wasm": loops, "a:b": loops})
    house.change(actor, code=other, wit=stage.blob(b"wasm:code/second.wasm"))
    house.ask_guest(actor, b"\5")
    for node in (
        b"wasm:code",
        b"wasm:code/none.wasm",
        b"wasm:name/x",
        b"external:absent",
        b"wasm:wit",
        b"wasm:",
        b"wasm:code/a:b",
    ):
        house.change(actor, wit=stage.blob(node))
        house.ask_guest(actor, b"\6")
        house.refs(rule=house.rule)
    house.change(actor, wit=stage.blob(b"wasm:code/main.wasm"))
    house.ask_guest(actor, b"\7")
    house.compare()


def _renamed(house: GuestDouble) -> bytes:
    """Add a module that does what ``random`` does, and is another one."""
    return add_module(house.stage.graph, guest("random") + b"\0\2\1x")


def renewed(trial: Trial, fmt: Format) -> None:
    """Other code at the module path gets a new instance, and what was used goes on; the same code keeps its memory."""
    house = GuestDouble(trial, fmt, "wasm.image.module")
    drawing = house.guest(b"draws", "random", {**KEEPS, "random": bytes(32), "clock": {"start": 5, "tick": 3}})
    for entries in ({}, {"code": house.stage.tree(**{"main.wasm": _renamed(house)})}):
        house.change(drawing, k=house.stage.blob(b"v"), **entries)
        house.ask_guest(drawing, b"\3\5")
        house.refs(rule=house.rule)
    actor = house.guest(b"counter", "counter", KEEPS)
    for _ in range(2):
        house.ask_guest(actor, b"")
    for entries in (
        {"k": house.stage.blob(b"v")},
        {"code": house.module("counter")},
        {"code": house.module("grow")},
        {"code": house.module("counter")},
        {"wasm": house.manifest({"pages": 8})},
        {"wasm": house.manifest({**KEEPS, "fuel": 1_000_000})},
    ):
        house.change(actor, **entries)
        for question in (b"\1", b""):
            house.ask_guest(actor, question)
    house.compare()


_ENDS: Final = (b"", b"r", b"s", b"f", b"t", b"h", b"rf", b"?", b"x", b"rr")
"""The arguments of ``effects``: steps, failures of each kind, and what declines nothing."""


def used(trial: Trial, fmt: Format, tape: Tape) -> None:
    """``used`` grows by what steps of the code spent, and by nothing else that happens to the actor."""
    house = GuestDouble(trial, fmt, "wasm.fuel.used")
    actor = house.guest(b"a", "effects", {"tank": 1 << 40, **({"image": True} if tape.below(2) else {})})
    bystander = house.guest(b"b", "loops", {"tank": 1 << 30})
    for _ in range(tape.within(4, 9)):
        match tape.below(6):
            case 0:
                house.change(actor, k=house.stage.blob(bytes((tape.below(256),))))
            case 1:
                house.inject(actor, actor, headers=GENESIS, mode="signal")
                house.run(rule=house.rule)
            case 2:
                house.query(actor, "any", rule=house.rule)
            case 3:
                house.ask_guest(bystander, bytes((tape.below(256),)))
            case _:
                house.ask_guest(actor, tape.pick(_ENDS), "signal")
    house.change(actor, done=house.stage.blob(b""))
    house.ask_guest(actor, b"")
    house.compare()


def tank(trial: Trial, fmt: Format, tape: Tape) -> None:
    """No step goes beyond the tank, whatever is asked for; nothing but an update that raises it gives more."""
    house = GuestDouble(trial, fmt, "wasm.fuel.tank")
    limit = tape.within(4_000, 60_000)
    actor = house.guest(b"a", "loops", {"tank": limit, "fuel": tape.pick((5_000, 1 << 30))})
    for _ in range(tape.within(3, 8)):
        match tape.below(5):
            case 0:
                limit += tape.within(0, 9) * 5_000
                house.change(actor, wasm=house.manifest({"tank": limit}))
            case 1:
                house.restart(rule=house.rule)
                house.run(rule=house.rule)
            case 2:
                house.change(actor, wasm=house.manifest({"tank": tape.within(0, limit)}))
            case _:
                house.ask_guest(actor, tape.within(0, 4_000).to_bytes(8, "little"), "signal")
    house.compare()


def resumed(trial: Trial, fmt: Format) -> None:
    """Out of fuel leaves nothing; after an update that raises it the message leads where it would have led at once."""
    house = GuestDouble(trial, fmt, "wasm.fuel.resume")
    question = (2_000).to_bytes(4, "little")
    for title, module, fuel in ((b"a", "compute", 20_000), (b"b", "grow", 30_000), (b"c", "counter", 100)):
        for keeps in ({}, {"image": True}):
            name = title + (b" keeps" if keeps else b"")
            house.guest(name + b" at once", module, {**keeps, "fuel": 100_000_000, "pages": 2_000})
            poor = house.guest(name, module, {**keeps, "fuel": fuel, "pages": 2_000})
            house.ask_guest(poor, question[:2] if module == "grow" else question)
            house.refs(rule=house.rule)
            house.tell(
                poor,
                house.stage.tree(wasm=house.manifest({**keeps, "fuel": 100_000_000, "pages": 2_000})),
                "update",
                rule=house.rule,
            )
    house.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/node/replaced", replaced, "wasm.module.node", features=()),
    *in_each_format("wasm/image/renewed", renewed, "wasm.image.module", features=()),
    *in_each_format("wasm/fuel/used", used, "wasm.fuel.used", features=(), given=tape(60), examples=10),
    *in_each_format("wasm/fuel/tank", tank, "wasm.fuel.tank", features=(), given=tape(60), examples=10),
    *in_each_format("wasm/fuel/resumed", resumed, "wasm.fuel.resume", features=()),
)
