"""Tools as guests: which modules are valid, what both laws permit, whose fuel is spent, and what is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Unpack

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.wit.registry import Given
from gritstone_conformance.strategies.image.courier import courier, errand, guest_core
from gritstone_conformance.strategies.image.courier import letter as sent
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["PROPERTIES", "GuestImage", "of_guests"]

_BOTH: Final = "image.wasm.both"
_FUEL: Final = "image.wasm.fuel"
_UNDONE: Final = "image.wasm.undone"
_SELF: Final = "image.cap.self"
_ENOUGH: Final = 40_000


class GuestImage(Imaged):
    """An image with a principal that runs programs, and guests that it owns.

    Attributes:
        one: the principal.
        two: another principal, which admits the type ``pay`` from any actor.
    """

    def __init__(self, trial: Trial, fmt: Format, **limits: int) -> None:
        super().__init__(trial, fmt)
        caps = ("send.*.*", "send.*.image.*", "spawn")
        code = {"failed": self.stage.draft().add("f", 1).seal(), "pay": self.stage.draft().add("paid", 1).seal()}
        entry = dict.fromkeys(("run", "pay"), "*")
        self.one, self.two = (
            self.stage.actor(name, caps=caps, entry=entry, code=code, limits=limits) for name in ("A", "B")
        )
        self.create(self.one, self.two)

    def guest(self, title: str, *caps: str, module: bytes | None = None, **manifest: Any) -> bytes:
        """Create a guest that admits ``do`` from any actor, with these capabilities and members of its manifest."""
        rights: dict[str, Any] = {"owner": self.one, "entry": {"do": "*", "run": "*"}, "caps": caps}
        core = guest_core(self.stage, title, module, manifest, **rights)
        self.create(core)
        return core

    def errand(self, *letters: bytes, **entries: Any) -> bytes:
        """Add the content of a message to a guest; numbers are of 4 bytes."""
        numbers = {name: value for name, value in entries.items() if isinstance(value, int)}
        return errand(
            self.stage,
            *letters,
            numbers=numbers,
            **{name: value for name, value in entries.items() if name not in numbers},
        )

    def do(self, guest: bytes, *letters: bytes, ends: str = COMMITTED, rule: str | None = None, **entries: Any) -> str:
        """Send a guest an errand, from R."""
        return self.say(guest, "do", self.errand(*letters, **entries), ends, rule=rule)

    def told(self, to: bytes, mt: str = "pay", content: bytes | None = None, op: str = "join", **more: str) -> bytes:
        """Add a letter that a guest sends."""
        return sent(self.stage, to, mt, self.stage.text("7") if content is None else content, op, **more)

    def spent(self) -> int:
        """Return the fuel of the newest operation."""
        (record,) = self.log(self.seq, 1)
        return parse_record(record).fuel


def both_laws(trial: Trial, fmt: Format) -> None:
    """A guest sends what its manifest and its capabilities permit, and the first denial in order is the failure."""
    image = GuestImage(trial, fmt)
    one, two = image.one, image.two
    everyone = ("send.*.*", "send.*.image.*")
    denied = "rejected/failed:denied:send"
    cases: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("any", everyone, COMMITTED),
        ("any", (f"send.{two.hex()}.pay",), COMMITTED),
        ("any", (f"send.{two.hex()}.p*",), COMMITTED),
        ("any", (f"send.{two.hex()}.pays",), "rejected/capability"),
        ("any", (f"send.{one.hex()}.*",), "rejected/capability"),
        ("any", (), "rejected/capability"),
        ("reply", everyone, denied),
        ("reply", (), denied),
        ("none", everyone, denied),
        ("none", (), denied),
    )
    for number, (send, caps, ends) in enumerate(cases):
        guest = image.guest(f"g{number}", *caps, send=None if send == "none" else send)
        for op in ("join", "save", ""):
            image.do(guest, image.told(two, op=op), ends=ends, rule=_BOTH)
        image.do(guest, rule=_BOTH)
        image.run(rule=_BOTH)
    image.list_actors(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def changed_paths(trial: Trial, fmt: Format) -> None:
    """No step of a guest changes its rights or its code, with any manifest; other paths are its own."""
    image = GuestImage(trial, fmt)
    text = image.stage.text("changed")
    nothing = image.guest("plain", "send.*.*")
    free = image.guest("free", "send.*.*", code=True)
    held = ("image/caps/spawn", "image/owner", "image/x", "image", "code/x", "code/tool.wasm", "code", "src", "src/a")
    for path in (*held, "wit", "wit_query", "wit_update", "frozen", "wasm/state", "wasm/manifest", "fs/a", "x", "x/y"):
        for guest in (free, nothing):
            for child in ({"child": text}, {}):
                where: dict[str, Any] = {"path": image.stage.blob(path.encode()), **child}
                image.do(guest, image.told(image.two), ends=ANY, rule=_SELF, **where)
    image.do(free, ends="rejected/location", rule=_SELF, path=image.stage.blob(b"src"), child=text)
    image.do(nothing, ends=COMMITTED, rule=_BOTH, path=image.stage.blob(b"x"), child=text)
    image.list_actors(rule=_SELF)
    image.judge(rule=_SELF)


def sendings(trial: Trial, fmt: Format) -> None:
    """Each message of a guest is judged by the table of sendings, with its type, mode, place and headers."""
    image = GuestImage(trial, fmt)
    stage, one, two, agent = image.stage, image.one, image.two, image.agent
    guest = image.guest("free", "send.*.*", "send.*.image.*")
    text = stage.text("spawn")
    gone = stage.actor("gone", owner=one)
    image.create(gone)
    image.say(gone, "image.destroy", stage.empty())
    kernel = image.image.kernel
    cases = (
        (image.told(two, ""), "malformed/mt"),
        (image.told(two, "failed"), "malformed/mt"),
        (image.told(two, "update"), "rejected/failed:denied:spawn"),
        (image.told(two, "on.e"), "malformed/mt"),
        (image.told(two, "genesis"), "malformed/mt"),
        (image.told(two, "Pay", op="now"), "malformed/mt"),
        (image.told(two, content=two), "malformed/mt"),
        (image.told(two, op="now"), "malformed/mode"),
        (image.told(two, op="Join"), "malformed/mode"),
        (image.told(two, "genesis", two, ""), "malformed/mode"),
        (image.told(two, "genesis", two, "save"), "malformed/mode"),
        (image.told(two, "image.grant", text, ""), "malformed/mode"),
        (image.told(two, fuel="5"), "malformed/mode"),
        (image.told(two, op="", fuel="5"), "malformed/mode"),
        (image.told(two, op="save", fuel="05"), "malformed/mode"),
        (image.told(two, op="save", fuel="9223372036854775808"), "malformed/mode"),
        (image.told(two, op="save", fuel=""), "malformed/mode"),
        (image.told(stage.tree(a=text)), "missing/actor"),
        (image.told(gone), "rejected/gone"),
        (image.told(gone, "genesis", gone), "rejected/gone"),
        (image.told(kernel), "rejected/location"),
        (image.told(agent), "rejected/effect"),
        (image.told(agent, op="save"), "rejected/effect"),
        (image.told(two, "genesis", two), "rejected/capability"),
        (image.told(agent, op=""), COMMITTED),
        (image.told(two, "genesis", two, "join"), "rejected/capability"),
        (image.told(two, "pay", expect=two.hex()), "rejected/stale"),
        (image.told(two, "pay", x="y", timer="z", key="k", world="1"), COMMITTED),
        (image.told(two, op="save", fuel="1000"), COMMITTED),
        (image.told(two, op="save", fuel="0"), COMMITTED),
        (image.told(guest, "do", image.errand()), COMMITTED),
        (image.told(guest, "image.timer", stage.text("0 do")), COMMITTED),
        (image.told(guest, "image.emit.e", text), COMMITTED),
        (image.told(guest, "image.grant", text), "rejected/escalation"),
        (image.told(two, "image.grant", text), "rejected/escalation"),
        (image.told(two, "image.subscribe.e", stage.empty()), COMMITTED),
    )
    for each, ends in cases:
        image.do(guest, each, ends=ends, rule=_BOTH)
        image.do(guest, image.told(two), each, ends=ends if ends != COMMITTED else ANY, rule=_BOTH)
    image.run(rule=_BOTH)
    image.mail(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def orders(trial: Trial, fmt: Format) -> None:
    """Receivers are judged in ascending order, each channel oldest first; the queue has the same order."""
    image = GuestImage(trial, fmt)
    low, high = sorted((image.one, image.two))
    guest = image.guest("free", "send.*.pay")
    nobody = [image.told(each, "other") for each in (low, high)]
    wrong = [image.told(each, op="now") for each in (low, high)]
    image.do(guest, nobody[1], wrong[0], ends="malformed/mode", rule=_BOTH)
    image.do(guest, wrong[1], nobody[0], ends="rejected/capability", rule=_BOTH)
    image.do(guest, wrong[1], image.told(high, "other"), ends="malformed/mode", rule=_BOTH)
    image.do(guest, image.told(high, "other"), wrong[1], ends="rejected/capability", rule=_BOTH)
    image.do(guest, image.told(low), image.told(low, bare="yes"), rule=_BOTH)  # the first one is in no channel
    image.do(guest, image.told(low, bare="yes"), rule=_BOTH)  # the same message again
    other = image.stage.text("8")
    image.do(guest, image.told(low, content=other, bare="yes"), ends="malformed/mode", rule=_BOTH)
    for each in (low, high):
        image.do(guest, image.told(low, "other"), image.told(each, content=other, bare="yes"), ends=ANY, rule=_BOTH)
    image.do(guest, image.told(high), drop=low, ends=ANY, rule=_BOTH)
    image.do(guest, image.told(high, "other"), drop=low, ends=ANY, rule=_BOTH)
    image.do(guest, image.told(low, op=""), image.told(low), ends="rejected/order", rule=_BOTH)
    image.do(guest, image.told(low), image.told(low, op=""), rule=_BOTH)
    image.do(guest, image.told(high, op=""), image.told(low), ends="rejected/order", rule=_BOTH)
    image.run(rule=_BOTH)
    appends = [image.stage.draft().add("paid", 0).join(high, "pay", image.stage.text(f"{each}")) for each in range(3)]
    for draft in appends:
        image.order(low, draft, rule=_BOTH)
    image.do(guest, *(image.told(each, op=op) for op in ("join", "save", "join") for each in (high, low)), rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def replies(trial: Trial, fmt: Format) -> None:
    """A guest answers the sender with one form of reply and needs no capability for it."""
    image = GuestImage(trial, fmt)
    stage, one, two = image.stage, image.one, image.two
    guest = image.guest("replies", send="reply")
    answers: tuple[tuple[dict[str, Any], str], ...] = (
        ({"op": "join", "r": "yes"}, COMMITTED),
        ({"op": "", "r": "yes"}, "malformed/mt"),
        ({"op": "save", "r": "yes"}, "malformed/mt"),
        ({"op": "join"}, "malformed/mt"),
        ({"op": "join", "reply": one.hex()}, "malformed/mt"),
        ({"op": "join", "r": "yes", "fuel": "5"}, "malformed/mode"),
        ({"op": "join", "r": "yes", "more": "5"}, COMMITTED),
    )
    for more, ends in answers:
        told = image.told(one, "reply", **more)
        image.order(one, stage.draft().join(guest, "do", image.errand(told)), ends, rule=_BOTH)
        image.order(one, stage.draft().save(guest, "do", image.errand(told)), rule=_BOTH)
        image.order(one, stage.draft().post(guest, "do", image.errand(told)), rule=_BOTH)
        image.run(rule=_BOTH)
    late = image.told(one, "reply", op="", r="yes")
    image.order(one, stage.draft().post(guest, "do", image.errand(late)), rule=_BOTH)
    image.run(rule=_BOTH)
    other = image.guest("others", "send.*.*")
    image.order(one, stage.draft().join(other, "do", image.errand(image.told(two, "reply", r="yes"))), "malformed/mt")
    image.do(other, image.told(image.agent, "reply", op="", r="yes"), rule=_BOTH)
    image.do(other, image.told(image.agent, "reply", op="join", r="yes"), ends="malformed/mt", rule=_BOTH)
    image.order(one, stage.draft().join(guest, "do", image.errand(image.told(one, "reply", content=one, r="yes"))), ANY)
    image.mail(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def answered(trial: Trial, fmt: Format) -> None:
    """A guest runs for every plain type, event, reply and notice, and not for a genesis or a kernel message."""
    image = GuestImage(trial, fmt)
    stage, one, two = image.stage, image.one, image.two
    guest = image.guest("counts", "send.*.*", "send.*.image.*", image=True)
    nothing = stage.empty()
    for mt in ("do", "run", "any.type_1", "x" * 64):
        image.say(guest, mt, nothing, rule=_BOTH)
    kernel_messages = (
        ("image.grant", stage.text("spawn")),
        ("image.revoke", stage.text("spawn")),
        ("image.entry", stage.text("job\n*")),
        ("image.subscribe.e", nothing),
        ("image.timer", stage.text("0 do")),
        ("image.install", stage.tree(src=nothing)),
        ("genesis", guest),
    )
    for mt, content in kernel_messages:
        image.say(guest, mt, content, ANY, rule=_BOTH)
    image.do(guest, image.told(two, "image.subscribe.sold", nothing), rule=_BOTH)
    image.order(two, stage.draft().join(two, "image.emit.sold", stage.text("event")), rule=_BOTH)
    image.do(guest, image.told(two, "absent", op="save"), rule=_BOTH)  # a notice
    image.do(guest, image.told(guest, "image.timer", stage.text("0 do")), rule=_BOTH)
    image.run(rule=_BOTH)
    traps = image.guest("traps", module=courier("trapping"), image=True)
    image.say(traps, "image.entry", stage.text(f"do\n{two.hex()}"))
    image.order(one, stage.draft().join(traps, "do", nothing), "rejected/entry", rule=_BOTH)
    image.order(two, stage.draft().join(traps, "do", nothing), "rejected/failed:trap:unreachable", rule=_BOTH)
    image.order(two, stage.draft().save(traps, "do", nothing), rule=_BOTH)
    image.order(one, stage.draft().save(traps, "do", nothing), rule=_BOTH)
    stale = letter(traps, "do", nothing, expect=two.hex())
    image.operate(stale, ends="rejected/stale", rule=_BOTH)
    image.say(traps, "image.grant", stage.text("spawn"), rule=_BOTH)
    image.query(guest, "any", rule=_BOTH)
    image.list_actors(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def outcomes(trial: Trial, fmt: Format) -> None:
    """Each end of a call that is no step is a failure with the class and the code of its outcome."""
    image = GuestImage(trial, fmt)
    stage = image.stage
    asking = image.guest("asks", module=courier("asking"), query=True)
    image.do(asking, ends="rejected/failed:denied:query", rule=_BOTH)
    drawing = image.guest("draws", module=courier("drawing"))
    image.do(drawing, ends="rejected/failed:denied:random", rule=_BOTH, draw=stage.empty())
    image.do(drawing, rule=_BOTH)
    guest = image.guest("ends", "send.*.*")
    image.do(guest, ends="rejected/failed:trap:unreachable", rule=_BOTH, trap=stage.empty())
    for number in (1, 77, (1 << 32) - 1):
        image.do(guest, ends=f"rejected/failed:guest:{number}", rule=_BOTH, exit=number)
    image.do(guest, rule=_BOTH, exit=0)
    for word in ("idle", "none"):
        image.do(guest, image.told(image.two), ends="rejected/declined", rule=_BOTH, **{word: stage.empty()})
    image.do(guest, ends="exhausted/exhausted:fuel", rule=_FUEL, spin=1_000_000)
    image.order(image.one, stage.draft().save(guest, "do", image.errand(exit=3)), rule=_BOTH)
    image.expects(image.one, f=1)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def births(trial: Trial, fmt: Format) -> None:
    """A guest creates actors within its capabilities and within its manifest, and gains what a program gains."""
    image = GuestImage(trial, fmt)
    stage, one = image.stage, image.one
    maker = image.guest("maker", "spawn", "send.*.pay", send="reply")
    wide = image.guest("wide", "spawn")
    unable = image.guest("unable", "send.*.*", "send.*.image.*")
    narrow = image.guest("narrow", "spawn", spawn="wasm")
    granter = {"owner": one, "entry": {"do": "*"}}
    for number, guest in enumerate((maker, wide, unable, narrow)):
        own: dict[str, Any] = {**granter, "granter": guest}
        program = stage.actor(f"program {number}", **own)
        tool = guest_core(stage, f"tool {number}", None, {"spawn": "wasm"}, **own)
        strong = guest_core(stage, f"strong {number}", None, {"fuel": 60_000}, **own)
        rights = stage.actor(f"rights {number}", caps=("send.*.pays",), **own)
        bad = guest_core(stage, f"bad {number}", b"\0asm", None, **own)
        for child in (program, tool, strong, rights, bad):
            birth = image.told(child, "genesis", child)
            image.do(guest, birth, image.told(child, "do", image.errand()), ends=ANY, rule=_BOTH)
            image.do(guest, birth, ends=ANY, rule=_BOTH)
            image.do(guest, image.told(child, "image.entry", stage.text("job\n*")), ends=ANY, rule=_BOTH)
        image.list_actors(rule=_BOTH)
    image.log(rule=_BOTH)
    image.judge(rule=_BOTH)


def exact_fuel(trial: Trial, fmt: Format) -> None:
    """A call spends the same with each budget that is enough, and is exhausted with one unit less, of either law."""
    image = GuestImage(trial, fmt)
    work: dict[str, Any] = {"spin": 100}
    plenty = image.guest("plenty", fuel=_ENOUGH)
    image.do(plenty, rule=_FUEL, **work)
    least = image.spent() - 1
    for fuel, ends in ((least, COMMITTED), (least + 1, COMMITTED), (least - 1, "exhausted/exhausted:fuel")):
        image.do(image.guest(f"fuel {fuel}", fuel=fuel), ends=ends, rule=_FUEL, **work)
        image.log(image.seq, rule=_FUEL)
    exact = image.guest("exact", fuel=least)
    equal = image.guest("equal", fuel=least - 1)
    spent, short = "exhausted/fuel", "exhausted/exhausted:fuel"
    rests = ((least + 1, COMMITTED, short), (least, spent, spent), (least - 1, spent, spent), (1, spent, spent))
    for rest, enough, less in rests:
        image.limit(image.one, fuel=rest)
        for guest, ends in ((plenty, enough), (exact, enough), (equal, less)):
            image.do(guest, ends=ends, rule=_FUEL, **work)
            image.log(image.seq, rule=_FUEL)
    image.limit(image.one, fuel=0)
    image.do(plenty, ends="exhausted/fuel", rule=_FUEL)
    image.log(rule=_FUEL)
    image.judge(rule=_FUEL)


def limited(trial: Trial, fmt: Format) -> None:
    """The fuel of a savepoint and of an operation bounds a guest; the outermost frame at its rest fails."""
    image = GuestImage(trial, fmt, fuel=1_000_000)
    stage, one = image.stage, image.one
    guest = image.guest("works", "send.*.*", fuel=200_000)
    inner = image.errand(spin=200)
    image.say(guest, "do", inner, rule=_FUEL)
    least = image.spent()
    for fuel in (least + 1, least, least - 1, 2, 1, 0):
        outer = image.told(guest, "do", inner, "save", fuel=str(fuel))
        image.do(guest, outer, image.told(image.two), rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
        nested = image.told(guest, "do", image.errand(outer), "save", fuel=str(fuel + 20_000))
        image.do(guest, nested, rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
    image.do(guest, image.told(guest, "do", image.errand(spin=10_000), "save", fuel="3000"), rule=_FUEL)
    first = image.spent()
    for limit in (first, first - 1, first - 2_000):
        image.limit(one, fuel=limit)
        image.do(guest, image.told(guest, "do", image.errand(spin=10_000), "save", fuel="3000"), ends=ANY, rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
    image.limit(one, fuel=1_000_000)
    for word in ("trap", "none"):  # what a failed call spent is charged
        wasted = image.errand(spin=1_000, **{word: stage.empty()})
        image.order(one, stage.draft().save(guest, "do", wasted).save(guest, "do", wasted), rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
        image.limit(one, fuel=image.spent() - 1)
        image.order(one, stage.draft().save(guest, "do", wasted).save(guest, "do", wasted), ANY, rule=_FUEL)
        image.limit(one, fuel=1_000_000)
    image.log(rule=_FUEL)
    image.judge(rule=_FUEL)


def equal_rests(trial: Trial, fmt: Format) -> None:
    """If a savepoint and a frame around it have the same rest, the outer one fails."""
    image = GuestImage(trial, fmt, fuel=1_000_000)
    works, guest = image.guest("works", "send.*.*"), image.guest("sends", "send.*.*")
    image.do(works, image.told(guest, "do", image.errand(), ""))  # so that notices are posts, which take no fuel here
    outer = image.told(works, "do", image.errand(spin=10_000), "save", fuel="3000")
    for _ in range(2):  # the second call finds a channel, as each later one
        image.do(guest, outer, rule=_FUEL)
    spent = image.spent()
    for limit, ends in ((spent + 1, COMMITTED), (spent, "exhausted/fuel"), (spent - 1, "exhausted/fuel")):
        image.limit(image.one, fuel=limit)
        image.do(guest, outer, ends=ends, rule=_FUEL)
        image.log(image.seq, rule=_FUEL)
    image.run(rule=_FUEL)
    image.judge(rule=_FUEL)


def tanks(trial: Trial, fmt: Format) -> None:
    """A tank bounds all calls of a guest; what an undone call used is not used."""
    image = GuestImage(trial, fmt)
    stage, one = image.stage, image.one
    meter = image.guest("meter")
    image.do(meter)
    least = image.spent() - 1
    guest = image.guest("tank", tank=2 * least + 10)
    for _ in range(3):
        image.order(one, stage.draft().save(guest, "do", image.errand(trap=stage.empty())), rule=_UNDONE)
        image.order(one, stage.draft().join(guest, "do", image.errand()).fail(), ANY, rule=_UNDONE)
    for _ in range(3):
        image.do(guest, ends=ANY, rule=_FUEL)
        image.world(rule=_FUEL)
    image.log(rule=_FUEL)
    image.judge(rule=_FUEL)


def undone(trial: Trial, fmt: Format) -> None:
    """What fails leaves no memory, randomness, clock, file or fuel of a guest, in any frame, and after a restart."""
    image = GuestImage(trial, fmt)
    stage, one, two = image.stage, image.one, image.two
    granted = {"image": True, "random": bytes(range(32)), "clock": {"start": 5, "tick": 3}, "mounts": {"m": "rw"}}
    guest = image.guest("keeps", "send.*.*", module=courier("drawing"), **granted)
    nothing = stage.empty()
    write = {"path": stage.blob(b"fs/m/file"), "child": stage.text("kept")}
    good = image.errand(draw=nothing, **write)
    other = image.errand(draw=nothing, path=stage.blob(b"fs/m/file"), child=stage.text("undone"))
    fails = image.told(two, "absent")
    nested = image.errand(image.told(guest, "do", other, "save"), fails, draw=nothing)
    for _ in range(2):
        image.say(guest, "do", good, rule=_UNDONE)
        image.say(guest, "do", image.errand(fails, draw=nothing), "rejected/entry", rule=_UNDONE)
        image.order(one, stage.draft().save(guest, "do", image.errand(fails, draw=nothing)), rule=_UNDONE)
        image.order(one, stage.draft().save(guest, "do", nested).join(guest, "do", good), rule=_UNDONE)
        image.order(one, stage.draft().join(guest, "do", other).join(two, "absent", nothing), ANY, rule=_UNDONE)
        image.order(one, stage.draft().join(guest, "do", good).join(guest, "do", other), rule=_UNDONE)
        image.world(rule=_UNDONE)
        image.restart(rule=_UNDONE)
    before = image.seq
    image.say(guest, "do", other, rule=_UNDONE)
    image.say(guest, "do", image.errand(exit=4, draw=nothing), ANY, rule=_UNDONE)
    image.rollback(before, rule=_UNDONE)
    image.say(guest, "do", good, rule=_UNDONE)
    image.world(rule=_UNDONE)
    image.query(guest, "core", rule=_UNDONE)
    image.judge(rule=_UNDONE)


def of_guests(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property of images with guests per format; see ``of_images``."""
    return of_images(name, body, *rules, given=given, features=("image.wasm",), profiles=("wasm",), **options)


PROPERTIES: Final = (
    *of_guests("wasm/both", both_laws, _BOTH),
    *of_guests("wasm/paths", changed_paths, _BOTH, _SELF),
    *of_guests("wasm/sendings", sendings, _BOTH, "image.cap.order"),
    *of_guests("wasm/orders", orders, _BOTH),
    *of_guests("wasm/replies", replies, _BOTH),
    *of_guests("wasm/answered", answered, _BOTH),
    *of_guests("wasm/outcomes", outcomes, _BOTH, _FUEL),
    *of_guests("wasm/births", births, _BOTH),
    *of_guests("wasm/exact", exact_fuel, _FUEL),
    *of_guests("wasm/limited", limited, _FUEL),
    *of_guests("wasm/equal-rests", equal_rests, _FUEL),
    *of_guests("wasm/tanks", tanks, _FUEL, _UNDONE),
    *of_guests("wasm/undone", undone, _UNDONE),
)
