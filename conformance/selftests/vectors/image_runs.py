"""Drafts of vectors of what programs do and read, and of what quotas, fuel and limits stop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from selftests.vectors.image_drafts import Drafts, Program, add_kernel, held, still

__all__ = ["run_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")


def run_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_programs, _reads, _quotas, _limits):
        yield from drafts()


# --- programs ------------------------------------------------------------

_MOST: Final = 2**63 - 1
_NUMBERS: Final = {
    "absent": (None, 5, COMMITTED),
    "absent-below-0": (None, -1, "rejected/range"),
    "to-0": (b"7", -7, COMMITTED),
    "below-0": (b"7", -8, "rejected/range"),
    "to-the-largest": (b"%d" % (_MOST - 1), 1, COMMITTED),
    "above-the-largest": (b"%d" % _MOST, 1, "rejected/range"),
    "smallest-operand": (b"%d" % _MOST, -(2**63), "rejected/range"),
    "leading-zero": (b"07", 1, "rejected/failed"),
    "sign": (b"+7", 1, "rejected/failed"),
    "empty": (b"", 1, "rejected/failed"),
    "above-2-63": (b"%d" % 2**63, -1, "rejected/failed"),
}
_BYTES: Final = {
    "unknown-op": b"Q",
    "puppet-op": b"S",
    "data-beyond-the-end": b"W\1x\0\5ab",
    "path-beyond-the-end": b"D\5ab",
    "ref-of-f4": b"P\1x\xf4",
    "mode-of-q": b"s\xf0q\1a\0",
    "sign-of-star": b"c\1x*",
    "code-empty": b"f\0",
    "code-of-33": b"f\x21" + b"a" * 33,
    "code-upper-case": b"f\1A",
    "number-too-short": b"a\1x" + bytes(7),
    "op-after-a-failure": b"FQ",
    "path-of-256-names": b"D\xff" + b"a/" * 127 + b"a/",
}
_READABLE: Final = {
    "empty": (b"", COMMITTED),
    "code-of-32": (b"f\x20" + b"a" * 32, "rejected/" + "a" * 32),
    "path-of-255": (b"D\xff" + b"a" * 255, COMMITTED),
    "every-ref": (b"P\1s\xf0P\1t\xf1P\1u\xf2P\1v\xf3", COMMITTED),
    "fails-with-a-code": (b"f\5limit", "rejected/limit"),
    "operand-absent": (b"P\1x\0", "rejected/failed"),
}


def _programs() -> Drafts:
    for slug, (held_number, number, ends) in _NUMBERS.items():
        yield f"program/add-{slug}", "program.exact", partial(_add, before=held_number, number=number, ends=ends)
    for slug, program in _BYTES.items():
        yield f"program/{slug}", "language.closed", partial(_bytes, program=program, ends="malformed/program")
    for slug, (program, ends) in _READABLE.items():
        yield f"program/{slug}", "program.exact language.closed", partial(_bytes, program=program, ends=ends)
    yield "program/count", "program.exact", _count
    yield "program/expect", "program.exact", _expect
    yield "program/keeps-headers", "program.exact", _headers
    yield "program/notice-and-reply-without-a-handler", "program.handler op.notice", _without_handler
    yield "program/nothing-of-a-failure", "program.exact op.default op.total", _nothing_left


def _add(imaged: Imaged, before: bytes | None, number: int, ends: str) -> None:
    stage = imaged.stage
    entries = {} if before is None else {"n": stage.blob(before, ("ct", "s"))}
    actor = stage.actor("a", entries)
    imaged.create(actor)
    imaged.order(actor, stage.draft().add("n", number), ends)


def _bytes(imaged: Imaged, program: bytes, ends: str) -> None:
    """The same program in a message ``run`` and in the code of a core."""
    stage, actor = imaged.stage, held(imaged, "a")
    told = stage.draft().raw(program).seal()
    imaged.say(actor, "run", told, ends)
    imaged.say(actor, "image.install", stage.install(job=told), ends if ends == "malformed/program" else COMMITTED)
    if ends != "malformed/program":
        imaged.say(actor, "job", stage.empty(), ends)


def _count(imaged: Imaged) -> None:
    stage = imaged.stage
    signs = {"more": b"+", "less": b"-"}
    code = {name: stage.draft().raw(ops.count("n", sign)).seal() for name, sign in signs.items()}
    actor = stage.actor("a", code=code)
    imaged.create(actor)
    for mt, number, ends in (
        ("more", "7", COMMITTED),
        ("less", "7", COMMITTED),
        ("less", "1", "rejected/range"),
        ("more", str(_MOST), COMMITTED),
        ("more", "1", "rejected/range"),
        ("more", "01", "rejected/failed"),
        ("more", "", "rejected/failed"),
    ):
        imaged.say(actor, mt, stage.text(number), ends)
    imaged.say(actor, "more", stage.tree(x=stage.empty()), "rejected/failed")


def _expect(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = stage.actor("a", {"n": stage.text("7"), "d": stage.tree(x=stage.text("1"))})
    imaged.create(actor)
    for path, data, ends in (
        ("n", b"7", COMMITTED),
        ("n", b"8", "rejected/expect"),
        ("n", b"", "rejected/expect"),
        ("absent", b"", "rejected/expect"),
        ("d", b"1", "rejected/expect"),
        ("d/x", b"1", COMMITTED),
        ("image/owner", b"self", COMMITTED),
    ):
        imaged.order(actor, stage.draft().raw(ops.expect(path, data)), ends)


def _headers(imaged: Imaged) -> None:
    """A sum has the headers of the number before it; a blob that is written has none."""
    stage = imaged.stage
    actor = stage.actor("a", {"n": stage.blob(b"1", ("ct", "s"), ("unit", "eur")), "o": stage.text("1")})
    imaged.create(actor)
    draft = stage.draft().add("n", 1).add("m", 1).write("o", "2").raw(ops.append("p", b"x"))
    imaged.order(actor, draft.raw(ops.append("n", b"0")).raw(ops.delete("name")))


def _without_handler(imaged: Imaged) -> None:
    """A notice and a reply are only read where no program answers them; any other message fails."""
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL)
    other = stage.actor("b", entry={"run": "*"})
    imaged.create(other)
    imaged.order(actor, stage.draft().save(other, "nothing", stage.empty()).write("x", "1"))
    imaged.order(actor, stage.draft().join(other, "run", stage.draft().reply(stage.empty()).seal()))
    imaged.say(other, "nothing", stage.empty(), "missing/handler")


def _nothing_left(imaged: Imaged) -> None:
    """Each kind of effect before an op that fails is undone."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    tool = stage.actor("tool", owner=actors["A"], granter=actors["A"])
    unchanged = still(imaged, *actors.values())
    draft = stage.draft().write("x", "1").raw(ops.delete("name")).post(actors["B"], "run", stage.draft().seal())
    draft.join(tool, "genesis", tool).join(ops.ACTOR, "image.timer", stage.text("0 tick"))
    imaged.order(actors["A"], draft.fail(), "rejected/failed")
    unchanged()
    imaged.run()
    unchanged()
    imaged.list_actors()


def _reads() -> Drafts:
    yield "read/order-of-conditions", "program.exact program.read cap.order", _read_order
    yield "read/recorded", "serial.read op.record program.read", _read_recorded
    yield "read/of-the-owner", "program.read cap.deputy", _read_owner
    yield "read/own-core", "program.read program.exact", _read_own
    yield "read/private-copy", "program.read", _read_private


def _read_order(imaged: Imaged) -> None:
    stage = imaged.stage
    other, gone, nobody = held(imaged, "b"), held(imaged, "g"), stage.actor("nobody")
    imaged.say(gone, "image.destroy", stage.empty())
    actor = held(imaged, "a")
    add_kernel(imaged)
    for of, to, ends in (
        (stage.text("x"), "x", "rejected/failed"),
        (nobody, "image/x", "missing/actor"),
        (gone, "image/x", "rejected/gone"),
        (imaged.image.kernel, "x", "rejected/location"),
        (other, "image/x", "rejected/location"),
        (other, "x", "rejected/capability"),
        (ops.ACTOR, "x", COMMITTED),
    ):
        imaged.order(actor, stage.draft().read(of, "name", to), ends)
    imaged.say(actor, "image.grant", stage.text(f"read.{other.hex()}"))
    imaged.order(actor, stage.draft().read(other, "image/owner", "x").write("y", "1"))
    imaged.order(actor, stage.draft().read(other, "absent", "x"))
    assert imaged.at(actor, "x") is None, "what is not there is deleted"


def _read_recorded(imaged: Imaged) -> None:
    """An actor that is read has a line, also if the savepoint that read it fails, and none if it moves."""
    actors = imaged.cast(*"ABC")
    stage, other = imaged.stage, actors["B"]
    imaged.order(actors["A"], stage.draft().read(other, "name", "x"))
    inner = stage.draft().read(other, "name", "x").fail().seal()
    imaged.order(actors["A"], stage.draft().save(ops.ACTOR, "run", inner))
    moved = stage.draft().read(other, "name", "x").join(other, "run", stage.draft().write("y", "1").seal())
    imaged.order(actors["A"], moved)
    imaged.order(actors["A"], stage.draft().read(other, "name", "x").fail(), "rejected/failed")
    lines = [sum(line.startswith(b"read ") for line in record.splitlines()) for record in imaged.log()[-4:]]
    assert lines == [1, 1, 0, 0], "the lines of the four operations"


def _read_owner(imaged: Imaged) -> None:
    """A tool and its owner read each other only by a capability."""
    stage = imaged.stage
    owner = held(imaged, "p")
    tool = stage.actor("tool", owner=owner, entry={"run": "*"})
    imaged.create(tool)
    for one, other in ((tool, owner), (owner, tool)):
        imaged.order(one, stage.draft().read(other, "name", "x"), "rejected/capability")


def _read_own(imaged: Imaged) -> None:
    """A read of the own core shows the core before the step; the ref F3 is the working core."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    imaged.order(actor, stage.draft().write("n", "1"))
    imaged.order(actor, stage.draft().write("n", "2").read(ops.ACTOR, "n", "before").put("now", ops.CORE))
    assert imaged.at(actor, "before") == b"1", "the core before the step is read"


def _read_private(imaged: Imaged) -> None:
    """A read shows what the operation has already done to another actor."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    look = stage.draft().read(actors["B"], "n", "seen").seal()
    draft = stage.draft().join(actors["B"], "run", stage.draft().write("n", "7").seal()).join(ops.ACTOR, "run", look)
    imaged.order(actors["A"], draft)
    imaged.expects(actors["A"], seen=7)


# --- quotas and limits ------------------------------------------------------------


def _quotas() -> Drafts:
    for resource in ("actors", "bytes", "posts", "subs", "timers"):
        yield f"quota/{resource}", "quota.hard quota.recount", partial(_resource, resource=resource)
    yield "quota/of-its-actors", "quota.hard", _of_its_actors
    yield "quota/lowered", "quota.hard", _lowered
    yield "quota/first-principal", "quota.hard", _first_principal
    yield "quota/freed-in-the-same-operation", "quota.hard", _freed
    yield "fuel/exact-charges", "fuel.exact", _charges
    yield "fuel/masked-by-a-savepoint", "fuel.unmaskable fuel.exact", _masked
    yield "fuel/limit-0", "fuel.exact op.failure-step", _no_fuel


def _born(imaged: Imaged, number: int) -> Program:
    owner = imaged.stage.actor("a", caps=(*_ALL, "spawn"), entry={"run": "*"}, limits=_TIGHT)
    tool = imaged.stage.actor(f"{number}", owner=owner, granter=owner)
    return imaged.stage.draft().join(tool, "genesis", tool)


def _subscribed(imaged: Imaged, number: int) -> Program:
    return imaged.stage.draft().join(ops.ACTOR, f"image.subscribe.e{number}", imaged.stage.empty())


_TIGHT: Final = {"actors": 2, "posts": 2, "subs": 2, "timers": 2}


_USES: Final[dict[str, Callable[[Imaged, int], Program]]] = {
    "actors": _born,
    "bytes": lambda imaged, number: imaged.stage.draft().raw(ops.append("d", b"x")),
    "posts": lambda imaged, number: imaged.stage.draft().post(ops.ACTOR, "run", imaged.stage.draft().seal()),
    "subs": _subscribed,
    "timers": lambda imaged, number: imaged.stage.draft().join(ops.ACTOR, "image.timer", imaged.stage.text("9 tick")),
}


def _resource(imaged: Imaged, resource: str) -> None:
    """Two uses are at the limit, the third one is above it, and changes nothing."""
    stage = imaged.stage
    limits = _TIGHT | ({"bytes": 100} if resource == "bytes" else {})
    actor = stage.actor("a", caps=(*_ALL, "spawn"), entry={"run": "*"}, limits=limits)
    imaged.create(actor)
    if resource == "bytes":
        size = len(b"a") + 2 * len(b"external:image/1")
        imaged.order(actor, stage.draft().write("d", "x" * (98 - size)))
    for number, ends in enumerate((COMMITTED, COMMITTED, f"exhausted/{resource}", f"exhausted/{resource}")):
        imaged.order(actor, _USES[resource](imaged, number), ends)
    imaged.order(actor, stage.draft().raw(ops.delete("absent")))
    imaged.list_actors()


def _of_its_actors(imaged: Imaged) -> None:
    """What the actors of a principal use counts for the principal."""
    stage = imaged.stage
    owner = held(imaged, "p", timers=1)
    tools = [stage.actor(name, owner=owner, entry={"run": "*"}) for name in "st"]
    imaged.create(*tools)
    draft = stage.draft().join(ops.ACTOR, "image.timer", stage.text("9 tick"))
    imaged.order(tools[0], draft)
    imaged.order(tools[1], draft, "exhausted/timers")
    imaged.order(owner, draft, "exhausted/timers")


def _lowered(imaged: Imaged) -> None:
    """A principal above its limit may do what does not use more."""
    stage = imaged.stage
    actor = held(imaged, "a")
    draft = stage.draft().join(ops.ACTOR, "image.timer", stage.text("9 tick"))
    imaged.order(actor, draft)
    imaged.order(actor, draft)
    imaged.say(actor, "image.quota", stage.text(quota_text(timers=0)))
    imaged.order(actor, draft, "exhausted/timers")
    imaged.order(actor, stage.draft().write("x", "1"))
    cancel = stage.text(imaged.timers(actor)[0].hex())
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.cancel", cancel))
    imaged.order(actor, draft, "exhausted/timers")


def _first_principal(imaged: Imaged) -> None:
    """If several limits are exceeded, the first principal and its first resource decide."""
    stage = imaged.stage
    low, high = sorted(
        stage.actor(name, caps=_ALL, entry={"run": "*"}, limits={"timers": 0, "subs": 0, "bytes": 60}) for name in "ab"
    )
    imaged.create(low, high)
    timer = stage.draft().join(ops.ACTOR, "image.timer", stage.text("9 tick")).seal()
    subscribe = stage.draft().join(ops.ACTOR, "image.subscribe.e", stage.empty())
    imaged.operate(letter(high, "run", subscribe.seal()), letter(low, "run", timer), ends="exhausted/timers")
    imaged.operate(letter(low, "run", timer), letter(low, "run", subscribe.seal()), ends="exhausted/subs")
    imaged.order(low, subscribe.write("d", "x" * 60), "exhausted/bytes")


def _freed(imaged: Imaged) -> None:
    """A limit other than that of bytes may be exceeded within an operation."""
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL, subs=1)
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.subscribe.a", stage.empty()))
    draft = stage.draft().join(ops.ACTOR, "image.subscribe.b", stage.empty())
    imaged.order(actor, draft, "exhausted/subs")
    imaged.order(actor, draft.join(ops.ACTOR, "image.unsubscribe.a", stage.empty()))


def _charges(imaged: Imaged) -> None:
    """One unit for each message and op, one more for a kernel message of this weight, and the operand of each spin."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    imaged.play(actors, "A{x=1 ~5 join B{y=1} save B{y=2 !}}")
    imaged.say(actors["A"], "image.grant", stage.text("spawn"))
    imaged.order(actors["A"], stage.draft().join(ops.ACTOR, "image.emit.e", stage.empty()))
    imaged.order(actors["A"], stage.draft().fail(), "rejected/failed")
    fuels = [record.splitlines()[4] for record in imaged.log()[-4:]]
    assert fuels == [b"fuel 17", b"fuel 2", b"fuel 4", b"fuel 2"], fuels


def _masked(imaged: Imaged) -> None:
    """What a savepoint burns is burnt, whether it fails or not; it never gets more than the operation has."""
    actor = held(imaged, "a", fuel=31)
    stage = imaged.stage
    burn = stage.draft().spin(10).fail().seal()
    draft = stage.draft().save(ops.ACTOR, "run", burn).save(ops.ACTOR, "run", burn)
    imaged.order(actor, draft)
    imaged.order(actor, draft.save(ops.ACTOR, "run", burn), "exhausted/fuel")
    imaged.order(actor, stage.draft().save(ops.ACTOR, "run", stage.draft().spin(100).seal()), "exhausted/fuel")


def _no_fuel(imaged: Imaged) -> None:
    """Without fuel no root is taken, and each is read all the same."""
    actor = held(imaged, "a")
    stage = imaged.stage
    imaged.say(actor, "image.quota", stage.text(quota_text(fuel=0)))
    imaged.order(actor, stage.draft(), "exhausted/fuel")
    imaged.say(actor, "image.quota", stage.text(quota_text()), "exhausted/fuel")


def _limits() -> Drafts:
    yield "limits/savepoints", "op.limits", _savepoints
    yield "limits/steps", "op.limits", _steps


def _savepoints(imaged: Imaged) -> None:
    """Sixteen savepoints within each other are run, one more is not, and no savepoint catches this."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    for number, ends in ((16, COMMITTED), (17, "exhausted/depth")):
        program = stage.draft().add("deepest", 1).seal()
        for _ in range(number):
            program = stage.draft().save(ops.ACTOR, "run", program).seal()
        imaged.say(actor, "run", program, ends)
    imaged.expects(actor, deepest=1)


def _steps(imaged: Imaged) -> None:
    """A tree of 1,000 messages is run, and one of 1,001 is not."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    leaf = stage.draft().add("n", 1).seal()
    many = _several(imaged, 31, leaf)
    # the root, 30 programs with 31 leaves each, and one with 38: 1 + 30 * 32 + 39 = 1,000 messages
    for last, ends in ((38, COMMITTED), (39, "exhausted/steps")):
        draft = stage.draft()
        for _ in range(30):
            draft.join(ops.ACTOR, "run", many)
        imaged.order(actor, draft.join(ops.ACTOR, "run", _several(imaged, last, leaf)), ends)
    imaged.expects(actor, n=30 * 31 + 38)


def _several(imaged: Imaged, number: int, program: bytes) -> bytes:
    draft = imaged.stage.draft()
    for _ in range(number):
        draft.join(ops.ACTOR, "run", program)
    return draft.seal()
