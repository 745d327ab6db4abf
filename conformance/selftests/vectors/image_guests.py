"""Vectors of guests in images: what is valid, what both laws permit, exact fuel, and what is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from gritstone_conformance.properties.image.guests import GuestImage
from gritstone_conformance.properties.image.imaged import ANY
from gritstone_conformance.strategies.assembler import Assembly, uleb
from gritstone_conformance.strategies.image.cores import CODE
from gritstone_conformance.strategies.image.courier import courier, guest_core
from selftests.vectors.image_drafts import ImageDraft

__all__ = ["guest_drafts"]

_TRAPPED: Final = "rejected/failed:trap:unreachable"
_UNITS: Final = [4325, 7480, 10683]
"""The fuel of operations in which the courier sends no letter, one, and two."""


def _counting(rounds: int) -> bytes:
    """Return a guest without imports that counts and traps."""
    guest = Assembly()
    following = ("local.tee", 0, ("i32.add", ("local.get", 0), ("i32.const", 1)))
    loop = ("loop", None, [("br_if", 0, ("i32.lt_u", following, ("i32.const", rounds)))])
    guest.entry([loop, "unreachable"], ("i32",))
    guest.entry([("i32.const", 0)], name="wit_query")
    return guest.binary()


def _foreign() -> bytes:
    """Return a module with an import of WASI."""
    guest = Assembly()
    guest.import_("wasi_snapshot_preview1", "sched_yield", b"\0" + uleb(guest.type([], ["i32"])))
    for name in ("wit", "wit_query"):
        guest.entry([("i32.const", 0)], name=name)
    return guest.binary()


def _example(image: GuestImage) -> None:
    """Make the example of the chapter: a tool that answers, and one that traps within a savepoint."""
    tool = image.guest("tool", send="reply", fuel=200_000)
    answer = image.errand(image.told(image.one, "reply", op="join", r="yes"))
    image.order(image.one, image.stage.draft().write("x", "1").save(tool, "do", answer))
    trap = image.errand(trap=image.stage.empty())
    image.order(image.one, image.stage.draft().write("x", "2").save(tool, "do", trap))
    image.expects(image.one, f=1, x=2)
    image.log()


def _defects(image: GuestImage) -> None:
    stage, code = image.stage, image.stage.text(CODE.decode())
    rights: dict[str, Any] = {"owner": image.one}

    def refused(title: str, module: bytes | None, why: str, **entries: bytes) -> None:
        image.create(guest_core(stage, title, module, None, entries, **rights), ends=f"refused {why}")

    outside = stage.text("wasm:tool.wasm")
    refused("one node", None, "rejected/import", wit_query=code)
    refused("foreign import", _foreign(), "rejected/import")
    refused("no module", b"\0asm", "malformed/program")
    refused("not below code", None, "malformed/program", wit=outside, wit_query=outside)
    refused("manifest", None, "malformed/program", wasm=stage.tree(manifest=code))
    image.guest("valid")


def _installs(image: GuestImage) -> None:
    """Make a guest of an actor with programs: the pinned code answers until the operation ends."""
    stage = image.stage
    actor = stage.actor("turns", code={"do": stage.draft().add("x", 1).seal()}, owner=image.one, entry={"do": "*"})
    image.create(actor)
    node = stage.text("wasm:code/tool.wasm")
    code = stage.tree(**{"tool.wasm": stage.blob(courier("trapping"))})
    install = stage.tree(code=code, wit=node, wit_query=node)
    nothing = stage.empty()
    image.order(image.one, stage.draft().join(actor, "image.install", install).join(actor, "do", nothing))
    image.expects(actor, x=1)
    image.say(actor, "do", nothing, _TRAPPED)
    image.say(actor, "image.install", stage.tree(wit=stage.text(CODE.decode())), "rejected/import")


def _laws(image: GuestImage) -> None:
    two = image.two
    manifest = image.guest("manifest", "send.*.*", send="reply")
    image.do(manifest, image.told(two), ends="rejected/failed:denied:send")
    rights = image.guest("rights", f"send.{two.hex()}.buy")
    image.do(rights, image.told(two), ends="rejected/capability")
    both = image.guest("both", f"send.{two.hex()}.pay", image=True)
    image.do(both, image.told(two))
    image.expects(two, paid=1)


def _denied(image: GuestImage) -> None:
    image.do(image.guest("asks", module=courier("asking"), query=True), ends="rejected/failed:denied:query")


def _closed(image: GuestImage) -> None:
    """Send errands to guests that try to change their rights and their code."""
    stage = image.stage
    guest = image.guest("free", "send.*.*", code=True)
    for path in ("image/caps/spawn", "code/tool.wasm", "src", "frozen"):
        image.do(guest, ends="rejected/location", path=stage.blob(path.encode()), child=stage.text("x"))
    image.do(guest, path=stage.blob(b"x"), child=stage.text("x"))


def _doors(image: GuestImage) -> None:
    """Close a guest by its entry table: no instruction runs, and nothing is charged for it."""
    guest = image.guest("traps", module=courier("trapping"))
    image.say(guest, "image.entry", image.stage.text(f"do\n{image.two.hex()}"))
    image.order(image.one, image.stage.draft().join(guest, "do", image.stage.empty()), "rejected/entry")
    assert image.spent() == 3, "two messages and one op"
    image.order(image.two, image.stage.draft().join(guest, "do", image.stage.empty()), _TRAPPED)


def _declines(image: GuestImage) -> None:
    guest = image.guest("ends")
    image.do(guest, ends="rejected/declined", idle=image.stage.empty())
    image.do(guest, ends="rejected/declined", none=image.stage.empty())
    image.do(guest, ends="rejected/failed:guest:7", exit=7)


def _exact(image: GuestImage) -> None:
    """Spend the same fuel with every budget that is enough, by either law."""
    trap, units = _counting(100), 703
    image.do(image.guest("enough", module=trap, fuel=units), ends=_TRAPPED)
    assert image.spent() == 1 + units, f"{image.spent()}"
    image.do(image.guest("short", module=trap, fuel=units - 1), ends="exhausted/exhausted:fuel")
    assert image.spent() == units, "one for the message, and the whole budget"
    plenty = image.guest("plenty", module=trap, fuel=10_000)
    for rest, ends, spent in ((units + 1, _TRAPPED, units + 1), (units, "exhausted/fuel", units)):
        image.limit(image.one, fuel=rest)
        image.do(plenty, ends=ends)
        assert image.spent() == spent
    equal = image.guest("equal", module=trap, fuel=units - 1)
    image.do(equal, ends="exhausted/fuel")
    image.log()


def _courier_units(image: GuestImage) -> None:
    """Charge a step with host calls the same in both formats."""
    guest = image.guest("units", "send.*.*", fuel=50_000)
    spent = []
    for letters in ((), (image.told(image.two),), (image.told(image.two, op="save"), image.told(image.two))):
        image.do(guest, *letters)
        spent.append(image.spent())
    assert spent == _UNITS, f"the guest spent {spent}"
    image.log()


def _kept(image: GuestImage) -> None:
    """Charge a message to a guest for the memory that it kept: one page, and the state."""
    guest, spent = image.guest("keeps", "send.*.*", fuel=50_000, image=True), []
    for _ in range(3):
        image.do(guest)
        spent.append(image.spent())
    assert spent == [_UNITS[0], _UNITS[0] + 65, _UNITS[0] + 65], f"the guest spent {spent}"
    image.log()


def _savepoints(image: GuestImage) -> None:
    """Bound a savepoint of a guest by its header: the outermost frame at its rest fails."""
    image.limit(image.one, fuel=100_000)
    guest = image.guest("bounds", "send.*.*", fuel=50_000)
    trap = image.guest("works", module=_counting(1_000), fuel=50_000)
    for fuel in ("7005", "7004", "10"):
        image.do(guest, image.told(trap, op="save", mt="do", fuel=fuel), image.told(image.two))
    image.log()


def _undone(image: GuestImage) -> None:
    """Undo memory, randomness and clock of a guest with its savepoint and with its operation."""
    stage, nothing = image.stage, image.stage.empty()
    granted = {"image": True, "random": bytes(range(32)), "clock": {"start": 5, "tick": 3}}
    guest = image.guest("keeps", "send.*.*", module=courier("drawing"), **granted)
    image.do(guest, draw=nothing)
    fails = image.told(image.two, "absent")
    image.do(guest, fails, ends="rejected/entry", draw=nothing)
    image.order(image.one, stage.draft().save(guest, "do", image.errand(fails, draw=nothing)))
    image.do(guest, draw=nothing)
    image.restart()
    image.do(guest, draw=nothing)
    image.world()
    before = image.seq
    image.do(guest, draw=nothing)
    image.rollback(before)
    image.do(guest, draw=nothing)
    image.log()


def _modes(image: GuestImage) -> None:
    guest, two = image.guest("modes", "send.*.*"), image.two
    for letter, ends in (
        (image.told(two, op="now"), "malformed/mode"),
        (image.told(two, fuel="5"), "malformed/mode"),
        (image.told(two, op="save", fuel="05"), "malformed/mode"),
        (image.told(two, "reply"), "malformed/mt"),
        (image.told(two, "failed"), "malformed/mt"),
        (image.told(image.agent), "rejected/effect"),
        (image.told(two, expect=guest.hex()), "rejected/stale"),
        (image.told(two, expect=two.hex()), "committed"),
    ):
        image.do(guest, letter, ends=ends)
    image.do(guest, image.told(two))
    image.do(guest, drop=two, ends=ANY)


_SCRIPTS: Final[tuple[tuple[str, str, Callable[[GuestImage], None]], ...]] = (
    ("example", "wasm.both wasm.undone", _example),
    ("defects", "wasm.valid", _defects),
    ("installs", "wasm.valid code.pinned", _installs),
    ("laws", "wasm.both", _laws),
    ("denied", "wasm.both", _denied),
    ("closed", "wasm.both cap.self", _closed),
    ("doors", "wasm.both entry.declared", _doors),
    ("declines", "wasm.both", _declines),
    ("modes", "wasm.both message.mode", _modes),
    ("exact", "wasm.fuel", _exact),
    ("units", "wasm.fuel", _courier_units),
    ("memory", "fuel.exact", _kept),
    ("savepoints", "wasm.fuel", _savepoints),
    ("undone", "wasm.undone", _undone),
)


def guest_drafts() -> Iterator[ImageDraft]:
    """Yield the drafts."""
    for slug, rules, script in _SCRIPTS:
        yield ImageDraft(f"wasm/{slug}", tuple(rules.split()), script, ("image.wasm",), GuestImage)
