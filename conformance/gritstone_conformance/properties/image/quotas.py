"""Quotas and fuel: at each limit and one above it, what a savepoint spends, and usage that is counted again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from gritstone_conformance.strategies.image.ops import Draft
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_HARD: Final = "image.quota.hard"
_RECOUNT: Final = "image.quota.recount"
_FUEL: Final = "image.fuel.exact"
_MASK: Final = "image.fuel.unmaskable"

_NO_FUEL: Final = "exhausted/fuel"


def _child(imaged: Imaged, owner: bytes, number: int) -> bytes:
    return imaged.stage.actor(f"child {number} of {owner.hex()[:8]}", owner=owner, granter=owner)


def _uses(imaged: Imaged, one: bytes, other: bytes) -> dict[str, Callable[[Draft, int], object]]:
    """Return for each resource what uses one unit of it."""
    stage = imaged.stage

    def spawn(draft: Draft, number: int) -> object:
        child = _child(imaged, one, number)
        return draft.join(child, "genesis", child)

    return {
        "actors": spawn,
        "bytes": lambda draft, number: draft.write(f"b{number}", "1"),
        "posts": lambda draft, number: draft.post(other, "tick", stage.text(f"{number}")),
        "subs": lambda draft, number: draft.join(0xF0, f"image.subscribe.e{number}", stage.empty()),
        "timers": lambda draft, number: draft.join(0xF0, "image.timer", stage.text(f"9{number} tick")),
    }


def at_the_limit(trial: Trial, fmt: Format) -> None:
    """For each resource an operation that reaches the limit commits, and one that passes it by one fails."""
    for resource in ("actors", "bytes", "posts", "subs", "timers"):
        imaged = Imaged(trial, fmt)
        actors = imaged.cast("A", "B")
        (one, other) = actors.values()
        imaged.play(actors, "A{save B{!}}")  # the entry f is there, so that a later notice adds no byte
        use = _uses(imaged, one, other)[resource]
        base = _size(imaged, one) if resource == "bytes" else 0
        limits = {resource: base + 3}
        imaged.limit(one, **limits)
        four = imaged.stage.draft()
        for number in range(4):
            use(four, number)
        imaged.order(one, four, f"exhausted/{resource}", rule=_HARD)
        imaged.world(rule=_HARD)
        for number in range(3):
            draft = imaged.stage.draft()
            use(draft, number)
            imaged.order(one, draft, rule=_HARD)
        draft = imaged.stage.draft()
        use(draft, 3)
        imaged.order(one, draft, f"exhausted/{resource}", rule=_HARD)
        saved = imaged.stage.draft().save(0xF0, "run", draft.seal()) if resource != "posts" else draft
        imaged.order(one, saved, f"exhausted/{resource}", rule=_HARD)
        undone = imaged.stage.draft().save(0xF0, "run", draft.fail().seal())
        imaged.order(one, undone, rule=_HARD)
        imaged.run(rule=_HARD)
        imaged.log(rule=_HARD)
        imaged.judge(rule=_HARD)
        imaged.close()


def _size(imaged: Imaged, actor: bytes) -> int:
    """Return how many bytes the blobs of a core have, without the entry ``image``."""
    shelf, size = imaged.model.shelf, 0
    trees = [identity for name, identity in shelf.names(imaged.core(actor)).items() if name != "image"]
    while trees:
        identity = trees.pop()
        if shelf.is_tree(identity):
            trees += shelf.names(identity).values()
        else:
            blob = shelf.blob(identity)
            size += 0 if blob is None else len(blob.data)
    return size


def over_the_limit(trial: Trial, fmt: Format) -> None:
    """Above a limit that was lowered, an operation that uses no more commits, and one that uses more fails."""
    imaged = Imaged(trial, fmt)
    (one, other) = imaged.cast("A", "B").values()
    stage = imaged.stage
    for use in _uses(imaged, one, other).values():
        draft = stage.draft()
        for number in range(2):
            use(draft, number)
        imaged.order(one, draft)
    imaged.limit(one, _HARD, actors=1, bytes=1, posts=1, subs=1, timers=1)
    for draft in (
        stage.draft(),
        stage.draft().write("b0", "2"),
        stage.draft().raw(b"D\2b0"),
        stage.draft().join(_child(imaged, one, 0), "image.destroy", stage.empty()),
        stage.draft().join(0xF0, "image.unsubscribe.e0", stage.empty()),
    ):
        imaged.order(one, draft, rule=_HARD)
    imaged.order(one, stage.draft().write("more", "1"), "exhausted/bytes", rule=_HARD)
    imaged.order(one, stage.draft().post(0xF0, "tick", stage.empty()), "exhausted/posts", rule=_HARD)
    imaged.order(one, stage.draft().write("more", "1").raw(b"D\4more"), rule=_HARD)
    imaged.order(one, stage.draft().write("b0", "1").raw(b"D\2b1"), rule=_HARD)  # as much as before
    imaged.order(
        other, stage.draft().join(one, "run", stage.draft().write("c", "1").seal()), "exhausted/bytes", rule=_HARD
    )
    imaged.run(rule=_HARD)
    imaged.judge(rule=_HARD)


def first_exceeded(trial: Trial, fmt: Format) -> None:
    """If several limits are exceeded, the first principal and its first resource count; zeros allow nothing."""
    imaged = Imaged(trial, fmt)
    (one, other) = imaged.cast("A", "B").values()
    stage = imaged.stage
    low, high = sorted((one, other))
    both = stage.draft().write("b", "1").join(high, "run", stage.draft().post(low, "tick", stage.empty()).seal())
    imaged.limit(low, actors=0, bytes=0, posts=0, subs=0, timers=0)
    imaged.limit(high, actors=0, bytes=0, posts=0, subs=0, timers=0)
    imaged.order(low, both, "exhausted/bytes", rule=_HARD)
    later = stage.draft().post(high, "tick", stage.empty()).join(0xF0, "image.timer", stage.text("5 tick"))
    imaged.order(low, later, "exhausted/posts", rule=_HARD)
    imaged.order(low, later.raw(b"W\1b\0\1x"), "exhausted/bytes", rule=_HARD)
    for each in (low, high):
        imaged.limit(each, actors=0, posts=0, subs=0, timers=0)
    child = _child(imaged, low, 0)
    imaged.order(low, later.join(child, "genesis", child), "exhausted/actors", rule=_HARD)
    imaged.order(high, stage.draft().write("b", "1").join(low, "run", later.seal()), "exhausted/actors", rule=_HARD)
    fresh = stage.actor("fresh", limits={"bytes": 1})
    imaged.create(fresh, ends="exhausted/bytes", rule=_HARD)
    imaged.create(_child(imaged, high, 1), ends="exhausted/actors", rule=_HARD)
    imaged.judge(rule=_HARD)


def judged_while_it_runs(trial: Trial, fmt: Format) -> None:
    """Bytes are judged after each step: what is freed or undone later comes too late, except within a step."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    actors = imaged.cast("A", "B")
    (one, other) = actors.values()
    imaged.play(actors, "A{save B{!}}")  # the entry f is there, so that a later notice adds no byte
    child = stage.actor("child", owner=one, entry={"run": "*"})
    imaged.create(child)
    imaged.limit(one, bytes=sum(_size(imaged, actor) for actor in (one, child)) + 10)
    most, more = "m" * 10, "m" * 11
    free = stage.draft().raw(ops.delete("b")).seal()

    def writes(data: str) -> Draft:
        return stage.draft().write("b", data)

    for freed, ends in ((writes(most), COMMITTED), (writes(more), "exhausted/bytes")):
        imaged.order(one, freed.join(0xF0, "run", free), ends, rule=_HARD)
    imaged.order(one, writes(more).raw(ops.delete("b")), rule=_HARD)
    imaged.order(one, stage.draft().save(child, "run", writes(more).seal()), "exhausted/bytes", rule=_HARD)
    undone = stage.draft().save(0xF0, "run", writes(more).join(0xF0, "run", stage.draft().fail().seal()).seal())
    imaged.order(one, undone, "exhausted/bytes", rule=_HARD)
    imaged.order(one, stage.draft().save(0xF0, "run", writes(more).fail().seal()).write("c", most), rule=_HARD)
    imaged.run(rule=_HARD)
    imaged.order(one, stage.draft().raw(ops.delete("c")), rule=_HARD)
    twice = stage.draft().save(0xF0, "run", writes(most).fail().seal()).join(child, "run", writes(most).seal())
    imaged.order(one, twice, rule=_HARD)
    imaged.order(other, stage.draft().join(child, "run", free).join(one, "run", writes(most).seal()), rule=_HARD)
    imaged.order(other, stage.draft().join(child, "run", writes(most).seal()), "exhausted/bytes", rule=_HARD)
    lowered = letter(one, "image.quota", stage.text(quota_text(bytes=5)))
    swap = letter(one, "run", writes("").seal()), letter(child, "run", writes(most).seal())
    imaged.operate(lowered, *swap, rule=_HARD)  # as much as before, above the limit, and less in between
    imaged.operate(*swap[::-1], ends=COMMITTED, rule=_HARD)
    imaged.operate(letter(child, "run", writes(more).seal()), ends="exhausted/bytes", rule=_HARD)
    imaged.world(rule=_HARD)
    imaged.judge(rule=_HARD)


def of_all_actors(trial: Trial, fmt: Format) -> None:
    """A quota is for the principal and its actors together, whichever of them uses it, for whatever sender."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, other) = imaged.cast("A", "B").values()
    children = [stage.actor(f"c{number}", owner=one, caps=("send.*.*",), entry={"run": "*"}) for number in range(2)]
    imaged.create(*children)
    size = sum(_size(imaged, actor) for actor in (one, *children))
    imaged.limit(one, bytes=size + 2, posts=1)
    write = stage.draft().write("b", "1")
    for actor in (one, children[0]):
        imaged.order(actor, write, rule=_HARD)
    imaged.order(children[1], write, "exhausted/bytes", rule=_HARD)
    asked = stage.draft().join(children[1], "run", write.seal())
    imaged.order(other, asked, "exhausted/bytes", rule=_HARD)
    imaged.order(one, stage.draft().raw(b"D\1b").join(children[1], "run", write.seal()), rule=_HARD)
    imaged.order(children[0], stage.draft().post(other, "tick", stage.empty()), rule=_HARD)
    imaged.order(one, stage.draft().post(other, "tick", stage.empty()), "exhausted/posts", rule=_HARD)
    imaged.order(other, stage.draft().post(one, "tick", stage.empty()), rule=_HARD)
    imaged.run(rule=_HARD)
    imaged.order(one, stage.draft().post(imaged.agent, "note", stage.empty()), rule=_HARD)
    imaged.order(children[0], stage.draft().post(0xF0, "run", write.seal()), "exhausted/posts", rule=_HARD)
    imaged.ack_all()
    imaged.order(children[0], stage.draft().post(0xF0, "run", write.seal()), rule=_HARD)
    imaged.run(rule=_HARD)
    imaged.judge(rule=_HARD)


def counted_bytes(trial: Trial, fmt: Format) -> None:
    """Bytes are counted for each path that leads to a blob, also if two paths lead to one tree, and without headers."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    size = _size(imaged, one)
    imaged.limit(one, bytes=size + 40)
    shared = stage.tree(a=stage.blob(b"0123456789", ("long", "header" * 10)), b=stage.tree(c=stage.blob(b"0123456789")))
    imaged.order(one, stage.draft().put("x", shared), rule=_RECOUNT)
    imaged.order(one, stage.draft().put("y", shared), rule=_RECOUNT)
    imaged.order(one, stage.draft().write("z", "1"), "exhausted/bytes", rule=_RECOUNT)
    imaged.order(one, stage.draft().raw(b"D\3x/a").write("z", "0123456789"), rule=_RECOUNT)
    imaged.order(one, stage.draft().write("q", "1"), "exhausted/bytes", rule=_RECOUNT)
    imaged.order(one, stage.draft().put("n" * 255, stage.blob(b"", ("h", "v"))), rule=_RECOUNT)
    wide = shared
    for _ in range(100):
        wide = stage.tree(l=wide, r=wide)
    imaged.order(one, stage.draft().put("w", wide), "exhausted/bytes", rule=_RECOUNT)
    imaged.limit(one, bytes=(1 << 63) - 1)
    imaged.order(one, stage.draft().put("w", wide), rule=_RECOUNT)  # the sum is saturated at the limit
    imaged.order(one, stage.draft().put("v", wide), rule=_RECOUNT)
    imaged.limit(one, bytes=5)
    imaged.order(one, stage.draft().put("u", wide), rule=_RECOUNT)  # the sum is above the limit, and stays as it is
    imaged.judge(rule=_RECOUNT)


def recounted(trial: Trial, fmt: Format) -> None:
    """Usage is that of the world, whatever was undone, destroyed, cancelled or returned to, also after a restart."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    (one, other) = actors.values()
    stage = imaged.stage
    imaged.play(actors, "A{save B{!}}")
    size = _size(imaged, one)
    imaged.limit(one, actors=2, bytes=size + 200, posts=2, subs=2, timers=2)
    uses, start = _uses(imaged, one, other), imaged.seq
    full = stage.draft()
    for use in uses.values():
        use(full, 0)
        use(full, 1)
    for again in range(2):
        undone = stage.draft().join(0xF0, "run", full.seal()).fail()
        imaged.order(one, undone, "rejected/failed", rule=_RECOUNT)
        imaged.order(other, stage.draft().save(one, "run", undone.seal()), rule=_RECOUNT)
        imaged.run(rule=_RECOUNT)
        if again:
            imaged.restart()
    imaged.order(one, full, rule=_RECOUNT)
    for name, use in uses.items():
        draft = stage.draft()
        use(draft, 2)
        imaged.order(one, draft, f"exhausted/{name}" if name != "bytes" else COMMITTED, rule=_RECOUNT)
    imaged.run(rule=_RECOUNT)
    frees = stage.draft().join(0xF0, "image.unsubscribe.e0", stage.empty())
    for handle in imaged.timers(one)[:1]:
        frees.join(0xF0, "image.cancel", stage.text(handle.hex()))
    imaged.order(one, frees.join(_child(imaged, one, 0), "image.destroy", stage.empty()), rule=_RECOUNT)
    for name in ("actors", "subs", "timers", "posts"):
        draft = stage.draft()
        uses[name](draft, 3)
        imaged.order(one, draft, rule=_RECOUNT)
        draft = stage.draft()
        uses[name](draft, 4)
        imaged.order(one, draft, f"exhausted/{name}" if name != "posts" else COMMITTED, rule=_RECOUNT)
    imaged.restart(rule=_RECOUNT)
    for name in ("actors", "subs", "timers", "posts"):
        draft = stage.draft()
        uses[name](draft, 5)
        imaged.order(one, draft, f"exhausted/{name}", rule=_RECOUNT)
    imaged.run()
    imaged.rollback(start, rule=_RECOUNT)
    more = stage.draft()
    uses["bytes"](more, 0)
    uses["subs"](more, 0)
    imaged.order(one, more, rule=_RECOUNT)
    imaged.clock(1000)
    imaged.run(rule=_RECOUNT)
    timers = stage.draft()
    uses["timers"](timers, 6)
    imaged.order(one, timers, rule=_RECOUNT)
    imaged.judge(rule=_RECOUNT)


def notices_are_free(trial: Trial, fmt: Format) -> None:
    """Notices, and subscriptions of actors that are gone, are not counted; a failed operation is not judged."""
    imaged = Imaged(trial, fmt)
    stage, empty = imaged.stage, imaged.stage.empty()
    (one, other) = imaged.cast("A", "B").values()
    imaged.limit(other, posts=0, subs=1)
    fails = stage.draft().fail().seal()
    imaged.order(one, stage.draft().post(other, "run", fails).post(other, "run", fails), rule=_HARD)
    imaged.run(rule=_HARD)
    imaged.expects(one, f=2)
    short = stage.actor("short", caps=("send.*.image.*",), entry={"run": "*"})
    imaged.create(short)
    imaged.order(short, stage.draft().join(other, "image.subscribe.e", empty), rule=_HARD)
    imaged.order(one, stage.draft().join(other, "image.subscribe.e", empty), "exhausted/subs", rule=_HARD)
    imaged.say(short, "image.destroy", empty)
    imaged.order(one, stage.draft().join(other, "image.subscribe.e", empty), rule=_HARD)
    imaged.list_actors(rule=_HARD)
    imaged.judge(rule=_HARD)


def _fuel(imaged: Imaged, actors: Mapping[str, bytes], fuel: int) -> None:
    """Set the fuel limit of A by an operation that B pays, since A may have none left."""
    first = letter(actors["B"], "run", imaged.stage.draft().seal())
    quota = letter(actors["A"], "image.quota", imaged.stage.text(quota_text(fuel=fuel)))
    imaged.operate(first, quota)


def exact_fuel(trial: Trial, fmt: Format) -> None:
    """Each light message and op costs one unit, a spin its operand in addition; at the limit nothing fails."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    (one, _) = actors.values()
    stage = imaged.stage
    programs = (
        ("A{}", 1),
        ("A{x=1}", 2),
        ("A{x=1 y=2 x+1}", 4),
        ("A{~0}", 2),
        ("A{~5 x=1}", 8),
        ("A{join B{y=1}}", 4),
        ("A{save B{y=1}}", 4),
        ("A{save B{~10 !}}", 17),
        ("A{post B{y=1}}", 2),
        ("A{x=1};B{y=1};A{}", 5),
        ("A{save B{save A{x=1 !} !}}", 7),
        ("A{join B{join A{join B{y=1}}}}", 8),
    )
    for text, cost in programs:
        _fuel(imaged, actors, cost - 1)
        imaged.play(actors, text, _NO_FUEL, rule=_FUEL)
        _fuel(imaged, actors, cost)
        imaged.play(actors, text, rule=_FUEL)
        record = parse_record(imaged.log(imaged.seq, rule=_FUEL)[0])
        assert record.fuel == cost, f"{text} costs {record.fuel}, the script expects {cost}"
        imaged.run(rule=_FUEL)
    _fuel(imaged, actors, 6)  # the rights of A weigh more than 1,024 bytes
    kernel = (letter(one, "image.grant", stage.text("spawn")) for _ in range(3))
    imaged.operate(*kernel, rule=_FUEL)
    kernel = (letter(one, "image.grant", stage.text("spawn")) for _ in range(4))
    imaged.operate(*kernel, ends=_NO_FUEL, rule=_FUEL)
    _fuel(imaged, actors, 0)
    imaged.play(actors, "A{}", _NO_FUEL, rule=_FUEL)
    imaged.play(actors, "B{join A{x=9}}", rule=_FUEL)
    imaged.play(actors, "A{};B{}", _NO_FUEL, rule=_FUEL)
    imaged.play(actors, "B{};A{x=8}", rule=_FUEL)
    imaged.log(rule=_FUEL)
    imaged.judge(rule=_FUEL)


def fuel_of_owners(trial: Trial, fmt: Format) -> None:
    """The owner of the first receiver pays, as its quota is when the operation begins, or that of its first core."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (rich, poor) = imaged.cast("R", "P").values()
    imaged.limit(poor, fuel=3)
    child = stage.actor("c", owner=poor, entry={"run": "*"})
    imaged.create(child)
    three, two = stage.draft().add("x", 1).add("x", 1).add("x", 1), stage.draft().add("x", 1).add("x", 1)
    imaged.order(child, three, _NO_FUEL, rule=_FUEL)
    imaged.order(child, two, rule=_FUEL)
    imaged.order(rich, stage.draft().join(child, "run", three.seal()), rule=_FUEL)
    imaged.operate(
        letter(poor, "image.quota", stage.text("actors 10\nbytes 1000000\nfuel 99\nposts 9\nsubs 9\ntimers 9\n")),
        letter(poor, "run", three.seal()),
        ends=_NO_FUEL,
        rule=_FUEL,
    )
    for fuel, ends in ((0, _NO_FUEL), (1, COMMITTED)):
        imaged.create(stage.actor(f"fuel {fuel}", limits={"fuel": fuel}), ends=ends, rule=_FUEL)
        own = stage.actor(f"owned {fuel}", owner=poor)
        imaged.create(own, rule=_FUEL)
    imaged.order(rich, stage.draft().post(child, "run", three.seal()), rule=_FUEL)
    imaged.run(rule=_FUEL)
    imaged.order(child, stage.draft().join(0xF0, "image.timer", stage.text("0 run")), rule=_FUEL)
    imaged.run(rule=_FUEL)
    imaged.log(rule=_FUEL)
    imaged.judge(rule=_FUEL)


def unmasked(trial: Trial, fmt: Format) -> None:
    """What a savepoint spends is spent, and a savepoint does not catch the failure of its operation."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", fuel=60)
    for text, ends in (
        ("A{x=1 save B{~100}}", _NO_FUEL),
        ("A{x=1 save B{save A{save B{~100}}}}", _NO_FUEL),
        ("A{save B{~20 !} save B{~20 !} save B{~20 !}}", _NO_FUEL),
        ("A{save B{~20 !} save B{~15 !}}", COMMITTED),
        ("A{save B{~6 !} join A{~44}}", COMMITTED),
        ("A{save B{~6 !} join A{~45}}", _NO_FUEL),
        ("A{save B{~4294967295}}", _NO_FUEL),
    ):
        imaged.play(actors, text, ends, rule=_MASK)
        imaged.world(rule=_MASK)
    endless = imaged.stage.draft().save(0xF0, "run", 0xF2).seal()
    imaged.say(actors["A"], "run", endless, "exhausted/depth", rule="image.op.limits")
    imaged.limit(actors["A"], fuel=20)
    imaged.say(actors["A"], "run", endless, _NO_FUEL, rule=_MASK)
    headed = letter(actors["A"], "run", endless, fuel="1")
    imaged.operate(headed, ends="refused malformed/mode", rule=_MASK)
    imaged.log(rule=_MASK)
    imaged.judge(rule=_MASK)


PROPERTIES: Final = (
    *of_images("quota/limits", at_the_limit, _HARD),
    *of_images("quota/over", over_the_limit, _HARD),
    *of_images("quota/first", first_exceeded, _HARD),
    *of_images("quota/while-it-runs", judged_while_it_runs, _HARD),
    *of_images("quota/all-actors", of_all_actors, _HARD),
    *of_images("quota/bytes", counted_bytes, _RECOUNT),
    *of_images("quota/recount", recounted, _RECOUNT),
    *of_images("quota/notices", notices_are_free, _HARD),
    *of_images("fuel/exact", exact_fuel, _FUEL),
    *of_images("fuel/owners", fuel_of_owners, _FUEL),
    *of_images("fuel/unmaskable", unmasked, _MASK, "image.op.limits"),
)
