"""The state that a Wasm actor keeps from step to step: its code, its image, the units that it used."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wasm.guest_lockstep import KEEPS, GuestLockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies.guests import add_module, guest
from gritstone_conformance.strategies.host_calls import PAGE, CallScript, script_guest
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def replaced(trial: Trial, fmt: Format) -> None:
    """Node and module are looked up at every step: what an update or the guest itself put there is run next."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.module.node")
    stage = lockstep.stage
    actor = lockstep.guest(b"a", "counter")
    lockstep.ask_guest(actor, b"\5")
    lockstep.change(actor, code=lockstep.module("compute"))
    lockstep.ask_guest(actor, b"\5")
    loops = add_module(stage.graph, guest("loops"))
    other = stage.tree(**{"second.wasm": loops, "a:b": loops})
    lockstep.change(actor, code=other, wit=stage.blob(b"wasm:code/second.wasm"))
    lockstep.ask_guest(actor, b"\5")
    for node in (
        b"wasm:code",
        b"wasm:code/none.wasm",
        b"wasm:name/x",
        b"external:absent",
        b"wasm:wit",
        b"wasm:",
        b"wasm:code/a:b",
    ):
        lockstep.change(actor, wit=stage.blob(node))
        lockstep.ask_guest(actor, b"\6")
        lockstep.refs(rule=lockstep.rule)
    lockstep.change(actor, wit=stage.blob(b"wasm:code/main.wasm"))
    lockstep.ask_guest(actor, b"\7")
    lockstep.compare()


def _renamed(lockstep: GuestLockstepModel) -> bytes:
    """Add a module that does what ``random`` does, and is another one."""
    return add_module(lockstep.stage.graph, guest("random") + b"\0\2\1x")


def renewed(trial: Trial, fmt: Format) -> None:
    """Other code at the module path gets a new instance, and what was used goes on; the same code keeps its memory."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.image.module")
    drawing = lockstep.guest(b"draws", "random", {**KEEPS, "random": bytes(32), "clock": {"start": 5, "tick": 3}})
    for entries in ({}, {"code": lockstep.stage.tree(**{"main.wasm": _renamed(lockstep)})}):
        lockstep.change(drawing, k=lockstep.stage.blob(b"v"), **entries)
        lockstep.ask_guest(drawing, b"\3\5")
        lockstep.refs(rule=lockstep.rule)
    actor = lockstep.guest(b"counter", "counter", KEEPS)
    for _ in range(2):
        lockstep.ask_guest(actor, b"")
    for entries in (
        {"k": lockstep.stage.blob(b"v")},
        {"code": lockstep.module("counter")},
        {"code": lockstep.module("grow")},
        {"code": lockstep.module("counter")},
        {"wasm": lockstep.manifest({"pages": 8})},
        {"wasm": lockstep.manifest({**KEEPS, "fuel": 1_000_000})},
    ):
        lockstep.change(actor, **entries)
        for question in (b"\1", b""):
            lockstep.ask_guest(actor, question)
    lockstep.compare()


def large(trial: Trial, fmt: Format) -> None:
    """A memory of 24 pages is restored whole at every later call of the actor."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.image.complete")
    actor = lockstep.guest(b"large", script_guest(), {"image": True, "fuel": 20_000_000, "pages": 24})
    written = (1, 2, 5, 20, 23)
    write, look = CallScript().act("grow", 23), CallScript()
    for page in written:
        write.act("store", page * PAGE, page)
    for page in (*written, 22):
        look.act("load", page * PAGE)
    change = CallScript().act("store", 5 * PAGE, 0).act("store", 22 * PAGE, 7)
    for script in (write, look, change, look, look):
        lockstep.ask_guest(actor, script.data())
    lockstep.compare()


_ENDS: Final = (b"", b"r", b"s", b"f", b"t", b"h", b"rf", b"?", b"x", b"rr")
"""The arguments of ``effects``: steps, failures of each kind, and what declines nothing."""


def used(trial: Trial, fmt: Format, tape: Tape) -> None:
    """``used`` grows by what steps of the code spent, and by nothing else that happens to the actor."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fuel.used")
    actor = lockstep.guest(b"a", "effects", {"tank": 1 << 40, **({"image": True} if tape.below(2) else {})})
    bystander = lockstep.guest(b"b", "loops", {"tank": 1 << 30})
    for _ in range(tape.within(4, 9)):
        match tape.below(6):
            case 0:
                lockstep.change(actor, k=lockstep.stage.blob(bytes((tape.below(256),))))
            case 1:
                lockstep.inject(actor, actor, headers=GENESIS, mode="signal")
                lockstep.run(rule=lockstep.rule)
            case 2:
                lockstep.query(actor, "any", rule=lockstep.rule)
            case 3:
                lockstep.ask_guest(bystander, bytes((tape.below(256),)))
            case _:
                lockstep.ask_guest(actor, tape.pick(_ENDS), "signal")
    lockstep.change(actor, done=lockstep.stage.blob(b""))
    lockstep.ask_guest(actor, b"")
    lockstep.compare()


def tank(trial: Trial, fmt: Format, tape: Tape) -> None:
    """No step goes beyond the tank, whatever is asked for; nothing but an update that raises it gives more."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fuel.tank")
    limit = tape.within(4_000, 60_000)
    actor = lockstep.guest(b"a", "loops", {"tank": limit, "fuel": tape.pick((5_000, 1 << 30))})
    for _ in range(tape.within(3, 8)):
        match tape.below(5):
            case 0:
                limit += tape.within(0, 9) * 5_000
                lockstep.change(actor, wasm=lockstep.manifest({"tank": limit}))
            case 1:
                lockstep.restart(rule=lockstep.rule)
                lockstep.run(rule=lockstep.rule)
            case 2:
                lockstep.change(actor, wasm=lockstep.manifest({"tank": tape.within(0, limit)}))
            case _:
                lockstep.ask_guest(actor, tape.within(0, 4_000).to_bytes(8, "little"), "signal")
    lockstep.compare()


def resumed(trial: Trial, fmt: Format) -> None:
    """Out of fuel leaves nothing; after an update that raises it the message leads where it would have led at once."""
    lockstep = GuestLockstepModel(trial, fmt, "wasm.fuel.resume")
    question = (2_000).to_bytes(4, "little")
    for title, module, fuel in ((b"a", "compute", 20_000), (b"b", "grow", 30_000), (b"c", "counter", 100)):
        for keeps in ({}, {"image": True}):
            name = title + (b" keeps" if keeps else b"")
            lockstep.guest(name + b" at once", module, {**keeps, "fuel": 100_000_000, "pages": 2_000})
            poor = lockstep.guest(name, module, {**keeps, "fuel": fuel, "pages": 2_000})
            lockstep.ask_guest(poor, question[:2] if module == "grow" else question)
            lockstep.refs(rule=lockstep.rule)
            lockstep.tell(
                poor,
                lockstep.stage.tree(wasm=lockstep.manifest({**keeps, "fuel": 100_000_000, "pages": 2_000})),
                "update",
                rule=lockstep.rule,
            )
    lockstep.compare()


PROPERTIES: Final = (
    *in_each_format("wasm/node/replaced", replaced, "wasm.module.node", features=()),
    *in_each_format("wasm/image/renewed", renewed, "wasm.image.module", features=()),
    *in_each_format("wasm/image/large", large, "wasm.image.complete", features=()),
    *in_each_format("wasm/fuel/used", used, "wasm.fuel.used", features=(), given=tape(60), examples=10),
    *in_each_format("wasm/fuel/tank", tank, "wasm.fuel.tank", features=(), given=tape(60), examples=10),
    *in_each_format("wasm/fuel/resumed", resumed, "wasm.fuel.resume", features=()),
)
