"""The tables of ``image/examples`` and of the other chapters as drafts of vectors."""

from __future__ import annotations

from functools import partial
from typing import Final

from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from gritstone_conformance.strategies.image.notation import TREES
from selftests.vectors.image_drafts import Drafts, held, still

__all__ = ["table_drafts"]

_TIMER: Final = "image.timer"
_GRANT: Final = "image.grant"


def table_drafts() -> Drafts:
    """Yield the drafts."""
    yield "golden/image", "op.record world.root world.past list.exact log.exact timer.due gone.final", _golden
    for drafts in (_covers, _trees, _paths, _axes, _timers, _posts):
        yield from drafts()
    yield "budget/three-spenders", "serial.budget program.exact", _budget
    yield "fuel/example", "fuel.exact fuel.unmaskable", _fuel_example


# --- the golden image ------------------------------------------------------------


def _golden(imaged: Imaged) -> None:
    """The nine operations of ``image/record``, the ids of their records, and every world."""
    stage = imaged.stage
    rights = stage.tree(owner=stage.text("self"), quota=stage.text(quota_text()))
    actor = stage.tree(**stage.nodes(), n=stage.text("1"), image=rights)
    imaged.create(actor)
    imaged.say(actor, _GRANT, stage.text("spawn"))
    imaged.say(actor, _GRANT, stage.text("send.*"), "malformed/capability")
    imaged.clock(1000)
    imaged.order(actor, stage.draft().add("x", 2).join(ops.ACTOR, _TIMER, stage.text("50 tick")))
    imaged.say(actor, "image.install", stage.install(tick=stage.draft().add("x", 40).seal()))
    imaged.clock(1050)
    imaged.list_actors()
    imaged.run()
    imaged.expects(actor, x=42)
    imaged.list_actors()
    imaged.say(actor, "image.destroy", stage.empty())
    imaged.list_actors()
    fmt = imaged.pair.model.format
    for record in imaged.log():
        blob = Blob((("ct", "s"),), record)
        shown = {"kind": "blob", "headers": [["ct", "s"]], "data": to_base64(record)}
        data = fmt.encode(blob)
        expect = ok(bytes=to_base64(data), id=fmt.hash(data).hex())
        imaged.ask_plainly("grit.encode", {"format": fmt.name, "object": shown}, expect, "image.op.record")
    for seq in range(10):
        imaged.world(seq)


# --- capabilities ------------------------------------------------------------

_COVERS: Final = {
    "every-type": ("send.B.*", "send.B.pay", True),
    "kernel-types": ("send.B.image.*", "send.B.image.grant", True),
    "prefix": ("send.B.pa*", "send.B.pay", True),
    "prefix-itself": ("send.B.pay*", "send.B.pay", True),
    "narrower-prefix": ("send.B.*", "send.B.pa*", True),
    "same-prefix": ("send.B.pa*", "send.B.pa*", True),
    "same-kernel-prefix": ("send.B.image.*", "send.B.image.*", True),
    "narrower-kernel-prefix": ("send.B.image.*", "send.B.image.emit.*", True),
    "every-actor": ("send.*.pay", "send.B.pay", True),
    "every-actor-itself": ("send.*.pay", "send.*.pay", True),
    "read-every-actor": ("read.*", "read.B", True),
    "read-every-actor-itself": ("read.*", "read.*", True),
    "read-itself": ("read.B", "read.B", True),
    "spawn": ("spawn", "spawn", True),
    "image-without-a-point": ("send.B.image*", "send.B.imagex", True),
    "longer-type": ("send.B.pay", "send.B.pays", False),
    "kernel-type-of-every-type": ("send.B.*", "send.B.image.grant", False),
    "kernel-type-of-a-prefix": ("send.B.i*", "send.B.image.grant", False),
    "kernel-type-of-image": ("send.B.image*", "send.B.image.grant", False),
    "kernel-prefix-of-every-type": ("send.B.*", "send.B.image.*", False),
    "kernel-prefix-of-image": ("send.B.image*", "send.B.image.*", False),
    "every-type-of-kernel-types": ("send.B.image.*", "send.B.*", False),
    "prefix-of-a-type": ("send.B.pay", "send.B.pa*", False),
    "wider-prefix": ("send.B.pay*", "send.B.pa*", False),
    "every-actor-of-one": ("send.B.pay", "send.*.pay", False),
    "spawn-of-send": ("send.*.*", "spawn", False),
    "send-of-spawn": ("spawn", "send.B.pay", False),
    "send-of-read": ("read.B", "send.B.pay", False),
    "read-of-send": ("send.B.*", "read.B", False),
    "read-another-actor": ("read.B", "read.C", False),
    "read-every-actor-of-one": ("read.B", "read.*", False),
    "another-actor": ("send.B.pay", "send.C.pay", False),
}
"""Case -> two capabilities, and whether the first one covers the second one."""


def _covers() -> Drafts:
    for slug, (holds, given, is_covered) in _COVERS.items():
        for way in (_granted, _inherited):
            yield (
                f"covers/{slug}{way.__name__.replace('_', '-')}",
                _COVER_RULES[way.__name__],
                partial(way, holds=holds, given=given, is_covered=is_covered),
            )


_COVER_RULES: Final = {
    "_granted": "cap.covers kernel.grant kernel.exact",
    "_inherited": "cap.covers cap.attenuate spawn.gains",
}


def _named(imaged: Imaged, capability: str) -> str:
    """Return a capability with ids in the place of B and C, which are no actors."""
    ids = {letter: imaged.stage.text(letter).hex() for letter in "BC"}
    return ".".join(ids.get(part, part) for part in capability.split("."))


def _granted(imaged: Imaged, holds: str, given: str, *, is_covered: bool) -> None:
    """An actor with a capability grants another one."""
    stage = imaged.stage
    target = held(imaged, "target")
    actor = held(imaged, "granter", f"send.{target.hex()}.{_GRANT}", _named(imaged, holds))
    unchanged = still(imaged, target)
    draft = stage.draft().join(target, _GRANT, stage.text(_named(imaged, given)))
    imaged.order(actor, draft, COMMITTED if is_covered else "rejected/escalation")
    if not is_covered:
        unchanged()


def _inherited(imaged: Imaged, holds: str, given: str, *, is_covered: bool) -> None:
    """An actor with a capability creates an actor with another one."""
    stage = imaged.stage
    caps = dict.fromkeys(("spawn", _named(imaged, holds)))
    actor = held(imaged, "maker", *caps)
    tool = stage.actor("tool", owner=actor, granter=actor, caps=(_named(imaged, given),))
    covered = is_covered or given == "spawn"  # the maker holds spawn in any case
    draft = stage.draft().write("y", "1").join(tool, "genesis", tool)
    imaged.order(actor, draft, COMMITTED if covered else "rejected/escalation")


# --- trees of savepoints ------------------------------------------------------------

_ENDS: Final[tuple[tuple[str, str, dict[str, dict[str, int]]], ...]] = (
    ("join", COMMITTED, {"A": {"x": 1}, "B": {"y": 1}}),
    ("root-fails", "rejected/failed", {}),
    ("join-fails", "rejected/failed", {}),
    ("join-fails-after-a-savepoint", "rejected/failed", {}),
    ("savepoint-fails", COMMITTED, {"A": {"x": 30, "f": 1}, "C": {"z": 33}}),
    ("join-of-a-savepoint-fails", COMMITTED, {"A": {"x": 1, "f": 1}}),
    ("savepoint-fails-after-an-inner-one", COMMITTED, {"A": {"x": 1, "f": 1}}),
    ("inner-savepoint-fails", COMMITTED, {"B": {"y": 1, "f": 1}}),
    ("savepoint-of-itself-fails", COMMITTED, {"A": {"x": 50, "f": 1}}),
    ("savepoint-that-joins-its-sender-fails", COMMITTED, {"A": {"x": 1, "f": 1}}),
    ("post-of-a-savepoint-that-fails", COMMITTED, {"A": {"f": 1}, "D": {"w": 1}}),
)


def _trees() -> Drafts:
    for text, (slug, ends, values) in zip(TREES, _ENDS, strict=True):
        yield f"frames/{slug}", _TREE_RULES, partial(_tree, text=text, ends=ends, values=values)


_TREE_RULES: Final = "op.savepoint op.default op.total op.no-half op.fifo op.notice op.report op.failure-step"


def _tree(imaged: Imaged, text: str, ends: str, values: dict[str, dict[str, int]]) -> None:
    actors = imaged.cast(*"ABCD")
    unchanged = still(imaged, *(actor for name, actor in actors.items() if name not in values))
    imaged.play(actors, text, ends)
    imaged.run()
    unchanged()
    for name, found in values.items():
        imaged.expects(actors[name], **found)


# --- paths ------------------------------------------------------------

_PATHS: Final = {
    COMMITTED: {
        "a": "one",
        "a/b": "two",
        "imagex": "image-and-more",
        "Image": "upper-case",
        "codex": "code-and-more",
        "~": "tilde",
        "a%2fb": "percent",
        "x/image": "below",
    },
    "rejected/location": {
        "image": "image",
        "image/caps/x": "capability",
        "code/h": "code",
        "wit": "wit",
        "wit_query": "wit-query",
        "wit_update": "wit-update",
        "src/t": "src",
        "frozen": "frozen",
        "wasm/state": "wasm",
    },
    "malformed/program": {
        "": "empty",
        "/a": "begins-with-a-slash",
        "a/": "ends-with-a-slash",
        "a//b": "two-slashes",
        ".": "point",
        "a/../image": "parent",
    },
}


def _paths() -> Drafts:
    for ends, paths in _PATHS.items():
        rules = "language.closed" if ends == "malformed/program" else "location.reserved program.exact"
        for path, slug in paths.items():
            yield f"paths/put-{slug}", rules, partial(_put, path=path, ends=ends)
    for op in ("write", "append", "delete", "add", "count", "read"):
        yield f"paths/{op}-image", "location.reserved", partial(_changes_image, op=op)


def _put(imaged: Imaged, path: str, ends: str) -> None:
    actor = held(imaged, "a")
    unchanged = still(imaged, actor)
    stage = imaged.stage
    imaged.order(actor, stage.draft().put(path, stage.blob(b"1")), ends)
    if ends != COMMITTED:
        unchanged()


def _changes_image(imaged: Imaged, op: str) -> None:
    """Each op that changes a path, with a path below ``image`` and with one that only begins so."""
    actor = held(imaged, "a")
    stage = imaged.stage
    for path, ends in (("image/owner", "rejected/location"), ("images/owner", COMMITTED)):
        draft = {
            "write": lambda path: stage.draft().write(path, "1"),
            "append": lambda path: stage.draft().raw(ops.append(path, b"1")),
            "delete": lambda path: stage.draft().raw(ops.delete(path)),
            "add": lambda path: stage.draft().add(path, 1),
            "read": lambda path: stage.draft().read(ops.ACTOR, "name", path),
        }
        if op == "count":
            program = stage.draft().raw(ops.count(path)).seal()
            imaged.say(actor, "image.install", stage.install(tick=program))
            imaged.say(actor, "tick", stage.text("1"), ends)
        else:
            imaged.order(actor, draft[op](path), ends)


# --- one attack and five changes ------------------------------------------------------------


def _axes() -> Drafts:
    changes = {
        "none": COMMITTED,
        "language": "malformed/program",
        "location": "rejected/location",
        "invocation": "rejected/entry",
        "capability": "rejected/capability",
        "rollback": "rejected/failed",
    }
    for axis, ends in changes.items():
        yield f"axis/{axis}", _AXIS_RULES.get(axis, "axis.alone"), partial(_attack, axis=axis, ends=ends)


_AXIS_RULES: Final = {
    "language": "axis.alone language.closed",
    "location": "axis.alone location.reserved",
    "invocation": "axis.alone entry.declared",
    "capability": "axis.alone cap.send",
    "rollback": "axis.alone op.default",
}


def _attack(imaged: Imaged, axis: str, ends: str) -> None:
    stage = imaged.stage
    owner = held(imaged, "p")
    spend = stage.draft().write("x", "1")
    code = {"spend": (spend.fail() if axis == "rollback" else spend).seal()}
    actor = stage.actor("a", owner=owner)
    imaged.create(actor)
    entry = {} if axis == "invocation" else {"spend": [actor], "run": [actor]}
    victim = stage.actor("b", owner=owner, entry=entry, code=code)
    imaged.create(victim)
    for mt in ("spend", "run"):
        if axis != "capability":
            imaged.say(actor, _GRANT, stage.text(f"send.{victim.hex()}.{mt}"))
    draft = stage.draft().write("y", "1")
    if axis == "location":
        draft.write("code/spend", "x")
    if axis == "language":
        draft.join(victim, "run", stage.draft().raw(b"Q").seal())
    else:
        draft.join(victim, "spend", stage.text("20"))
    unchanged = still(imaged, owner, actor, victim)
    imaged.order(actor, draft, ends)
    if ends == COMMITTED:
        imaged.expects(actor, y=1)
        imaged.expects(victim, x=1)
    else:
        unchanged()


# --- timers, posts, budgets ------------------------------------------------------------


def _timers() -> Drafts:
    yield "timer/order", "timer.order timer.due timer.once", _timer_order
    yield "timer/one-ms-early", "timer.due clock.forward", _timer_early
    yield "timer/cancelled", "timer.cancel", _timer_cancelled
    yield "timer/fails", "timer.once op.failure-step op.total", _timer_fails
    yield "timer/replaced-code", "timer.lasting code.next", _timer_code
    yield "timer/index-of-an-undone-one", "kernel.exact timer.order op.no-half", _timer_undone
    for slug, delay, ends in (
        ("largest-delay", "9223372036854775807 tick", COMMITTED),
        ("zero-delay", "0 tick", COMMITTED),
        ("leading-zero", "01 tick", "malformed/timer"),
        ("above-2-63", "9223372036854775808 tick", "malformed/timer"),
        ("no-type", "5", "malformed/timer"),
        ("kernel-type", "5 image.grant", "malformed/timer"),
        ("two-blanks", "5  tick", "malformed/timer"),
    ):
        yield f"timer/{slug}", "kernel.exact", partial(_timer_content, content=delay, ends=ends)
    yield "timer/due-above-2-63", "kernel.exact", _timer_overflow


def _sets(imaged: Imaged, actor: bytes, *contents: str, mode: bytes = ops.JOIN, ends: str = COMMITTED) -> None:
    """Send a program by which an actor sets timers, one after the other, by one program."""
    draft = imaged.stage.draft()
    for content in contents:
        draft.send(mode, ops.ACTOR, _TIMER, imaged.stage.text(content))
    imaged.order(actor, draft, ends)


def _timer_order(imaged: Imaged) -> None:
    """The example of ``image/timers``: operation 5 sets two timers, operation 6 two others."""
    (actor,) = imaged.cast("A").values()
    for name in "wxyz":
        program = imaged.stage.draft().add("n", 1).put(name, ops.CORE).seal()
        imaged.say(actor, "image.install", imaged.stage.install(**{name: program}))
    _sets(imaged, actor, "100 w", "50 x")
    _sets(imaged, actor, "50 y", "0 z")
    imaged.run()
    imaged.list_actors()
    imaged.clock(100)
    imaged.run()
    imaged.expects(actor, n=4)


def _timer_early(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    _sets(imaged, actor, "50 tick")
    for now, fired in ((49, None), (50, 1), (50, 1)):
        imaged.clock(now)
        imaged.run()
        imaged.expects(actor, t=fired)
    imaged.clock(49)


def _timer_cancelled(imaged: Imaged) -> None:
    """One of two equal timers is cancelled, once; the other one fires."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    _sets(imaged, actor, "50 tick", "50 tick")
    imaged.clock(50)
    cancel = stage.text(imaged.timers(actor)[0].hex())
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.cancel", cancel))
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.cancel", cancel), "missing/timer")
    imaged.run()
    imaged.expects(actor, t=1)


def _timer_fails(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    imaged.say(actor, "image.install", stage.install(tick=stage.draft().add("t", 1).fail().seal()))
    _sets(imaged, actor, "0 tick", "0 nothing")
    imaged.run()
    imaged.expects(actor, t=None)
    assert imaged.timers(actor) == [], "both timers have fired"


def _timer_code(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    _sets(imaged, actor, "5 tick")
    imaged.say(actor, "image.install", stage.install(tick=stage.draft().add("later", 7).seal()))
    imaged.clock(5)
    imaged.run()
    imaged.expects(actor, t=None, later=7)


def _timer_undone(imaged: Imaged) -> None:
    """The first timer of the operation is undone with its savepoint; the second one has the index 1."""
    actors = imaged.cast("A", "B")
    stage = imaged.stage
    inner = stage.draft().join(ops.ACTOR, _TIMER, stage.text("5 tick")).join(actors["B"], "nothing", stage.empty())
    outer = stage.draft().save(actors["B"], "run", inner.seal()).save(actors["A"], _TIMER, stage.text("7 tick"))
    imaged.order(actors["A"], outer)
    imaged.list_actors()


def _timer_content(imaged: Imaged, content: str, ends: str) -> None:
    (actor,) = imaged.cast("A").values()
    _sets(imaged, actor, content, ends=ends)
    imaged.list_actors()


def _timer_overflow(imaged: Imaged) -> None:
    """At the clock 1 the largest delay is one too many."""
    (actor,) = imaged.cast("A").values()
    imaged.clock(1)
    _sets(imaged, actor, "9223372036854775806 tick")
    _sets(imaged, actor, "9223372036854775807 tick", ends="malformed/timer")


def _posts() -> Drafts:
    yield "post/order", "post.order post.iff op.independent", _post_order
    yield "post/poison", "op.independent op.notice post.iff", _post_poison
    yield "post/behind-a-timer", "timer.order post.order", _post_behind_timer


def _post_order(imaged: Imaged) -> None:
    """The example of ``image/examples``; each post appends a letter to the log of one actor."""
    actors = imaged.cast(*"ABCDL")
    stage = imaged.stage
    low = sorted(actors[name] for name in "ABCD")
    first, second, third, fourth = low  # A, B, C and D of the example, by their ids
    log = actors["L"]

    def note(letter: str) -> bytes:
        told = stage.draft().raw(ops.append("log", letter.encode())).seal()
        return stage.draft().join(log, "run", told).seal()

    imaged.order(fourth, stage.draft().post(first, "run", note("1")))
    from_second = stage.draft().post(third, "run", note("4")).seal()
    draft = stage.draft().post(fourth, "run", note("3")).post(third, "run", note("2"))
    imaged.order(first, draft.join(second, "run", from_second))
    imaged.run()
    assert imaged.at(log, "log") == b"1234", "the posts are run in their order"


def _post_poison(imaged: Imaged) -> None:
    actors = imaged.cast(*"ABC")
    imaged.play(actors, "A{post B{y=1} post B{!limit} post B{z=1} post C{y=1}}")
    imaged.run()
    imaged.expects(actors["B"], y=1, z=1)
    imaged.expects(actors["C"], y=1)
    imaged.expects(actors["A"], f=1)


def _post_behind_timer(imaged: Imaged) -> None:
    """A timer that is due comes before a post of another actor, and behind mail of R for its own actor."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    _sets(imaged, actors["A"], "0 tick")
    imaged.inject(actors["B"], stage.draft().write("x", "1").seal(), "run")
    imaged.inject(actors["A"], stage.draft().write("x", "1").seal(), "run")
    _sets(imaged, actors["B"], "0 tick", ends="refused rejected/order")
    imaged.run()
    imaged.expects(actors["A"], t=1, x=1)


def _budget(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = stage.actor("a", {"n": stage.blob(b"500")}, code={"buy": stage.draft().raw(ops.count("n", b"-")).seal()})
    imaged.create(actor)
    for ends in (COMMITTED, COMMITTED, "rejected/range"):
        imaged.say(actor, "buy", stage.text("200"), ends)
    imaged.expects(actor, n=100)


def _fuel_example(imaged: Imaged) -> None:
    """The example of ``image/quotas``, with one unit less than it needs, and with exactly enough."""
    for limit, ends in ((10, "exhausted/fuel"), (11, COMMITTED)):
        actor = held(imaged, f"a{limit}", fuel=limit)
        stage = imaged.stage
        inner = stage.draft().spin(3).seal()
        imaged.order(actor, stage.draft().save(ops.ACTOR, "run", inner).spin(3), ends)
    assert imaged.log()[-1].splitlines()[4] == b"fuel 11", "the last operation spends all of its fuel"
