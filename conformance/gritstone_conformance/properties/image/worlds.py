"""Worlds: the root and the references of each, copies and forks with the same future, rollbacks and restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import ACTOR, Draft, append, expect
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "copied", "forked", "history"]

_ROOT: Final = "image.world.root"
_CUT: Final = "image.world.cut"
_LOAD: Final = "image.world.load"
_REPLAY: Final = "image.world.replay"
_PAST: Final = "image.world.past"
_NO_WORLD: Final = "image.world.past-refused"
_FORK: Final = "image.world.fork"
_ROLLBACK: Final = "image.world.rollback"
_NO_ROLLBACK: Final = "image.world.rollback-refused"
_SILENT: Final = "image.restart.silent"
_RESUME: Final = "image.restart.resume"
_ERASED: Final = "image.op.erased"
_FAILED: Final = "rejected/failed"

_MOST_CHANGES: Final = 60  # of one update; every store allows 64


def copied(imaged: Imaged, handle: str, rule: str) -> Imaged:
    """Import an export of an image into an empty store, and start a runtime there."""
    data = imaged.export(rule=rule)
    pair = open_memory(imaged.trial, imaged.pair.model.format, handle, imaged.pair.process)
    pair.expect(*pair.take(data, rule=rule))
    return Imaged(imaged.trial, imaged.pair.model.format, pair=pair, begins=False)


def forked(imaged: Imaged, seq: int, handle: str, rule: str) -> Imaged:
    """Continue from world n in another store, as the chapter on worlds describes."""
    data, (_, _, world, _) = imaged.export(rule=rule), imaged.image.world(seq, None, 4096)
    pair = open_memory(imaged.trial, imaged.pair.model.format, handle, imaged.pair.process)
    pair.expect(*pair.take(data, rule=rule))
    wanted, present = dict(world), pair.model.references
    names = [name for name in present if name.startswith(("heads/", "gone/"))]
    changes = [Change(name, present.get(name), wanted.get(name)) for name in sorted({*names, *wanted})]
    moves = [change for change in changes if change.old != change.new]
    for at in range(0, len(moves), _MOST_CHANGES):
        pair.expect(pair.cas(*moves[at : at + _MOST_CHANGES], rule=rule))
    return Imaged(imaged.trial, imaged.pair.model.format, pair=pair, begins=False)


def history(imaged: Imaged) -> dict[str, bytes]:
    """Make an image with rights, code, timers, posts, events, an actor that is gone and operations that failed."""
    actors = imaged.cast("A", "B", "C")
    one, two, three = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    child = stage.actor("child", owner=one, granter=one, entry={"run": "*"})
    short = stage.actor("short", owner=two, granter=two)
    imaged.play(actors, "A{x=1 join B{y=1}}")
    imaged.order(one, stage.draft().join(child, "genesis", child).join(child, "run", stage.draft().add("k", 1).seal()))
    imaged.order(two, stage.draft().join(short, "genesis", short))
    imaged.play(actors, "A{x=2 join C{!}}", "rejected/failed")
    imaged.clock(100)
    timers = stage.draft().join(ACTOR, "image.timer", stage.text("50 tick"))
    imaged.order(one, timers.join(ACTOR, "image.timer", stage.text("500 tick")))
    imaged.play(actors, "B{post A{x+1} post C{!} post C{z+1}}")
    imaged.order(two, stage.draft().join(short, "image.destroy", empty))
    imaged.order(three, stage.draft().join(one, "image.subscribe.spent", empty))
    imaged.say(one, "image.grant", stage.text(f"send.{imaged.agent.hex()}.note"))
    imaged.order(one, stage.draft().post(imaged.agent, "note", empty))
    imaged.operate(letter(two, "run", stage.draft().add("paid", 1).seal()), key="order-7")
    return actors


def _tail(imaged: Imaged, actors: dict[str, bytes], rule: str) -> bytes:
    """Make requests whose results depend on all parts of a world; return the root after them."""
    stage = imaged.stage
    imaged.run(rule=rule)
    imaged.clock(imaged.image.state.clock + 60, rule=rule)
    imaged.run(rule=rule)
    imaged.operate(letter(actors["B"], "run", stage.draft().add("paid", 1).seal()), key="order-7", rule=rule)
    imaged.play(actors, "A{x+1 join B{y+1} post C{z+1}}", rule=rule)
    late = stage.actor("late", owner=actors["A"], granter=actors["A"])
    imaged.order(actors["A"], stage.draft().join(late, "genesis", late), rule=rule)
    imaged.ack_all(rule=rule)
    imaged.clock(1_000, rule=rule)
    imaged.run(rule=rule)
    return imaged.world(rule=rule)


def roots(trial: Trial, fmt: Format) -> None:
    """The root of a world is that of all its references, whatever page is asked for."""
    imaged = Imaged(trial, fmt)
    history(imaged)
    whole = imaged.world(rule=_ROOT)
    after: str | None = None
    for limit in (1, 2, 1, 4096):
        assert imaged.world(None, after, limit, rule=_ROOT) == whole, "the root is that of the whole"
        refs = imaged.image.world(None, after, limit)[2]
        after = refs[-1][0] if refs else after
    for after in ("heads/", "gone/", "z", "", "heads/" + "f" * 64):
        imaged.world(None, after, rule=_ROOT)
    imaged.run(rule=_ROOT)
    imaged.world(rule=_ROOT)
    imaged.judge(rule=_ROOT)


def past(trial: Trial, fmt: Format) -> None:
    """Every earlier world is returned as it was, whatever happened since, also after a restart."""
    imaged = Imaged(trial, fmt)
    history(imaged)
    seen = [imaged.world(seq, rule=_PAST) for seq in range(imaged.seq + 1)]
    assert len(set(seen)) == len(seen), "no world is equal to another one"
    newest = imaged.seq
    imaged.run()
    imaged.ack_all()
    imaged.rollback(2)
    imaged.restart(rule=_PAST)
    for seq in range(newest + 1):
        assert imaged.world(seq, rule=_PAST) == seen[seq], "the world is as it was"
    imaged.world(3, "heads/8", 2, rule=_PAST)
    for seq in (imaged.seq + 1, imaged.seq + 2, 1 << 53 - 1):
        imaged.world(seq, rule=_NO_WORLD)
        imaged.rollback(seq, ends="refused missing/world", rule=_NO_WORLD)
    imaged.refs(rule=_PAST)
    imaged.judge(rule=_PAST)


def erased_past(trial: Trial, fmt: Format) -> None:
    """Erased records are refused; other worlds are computed, the image starts, and its posts keep an order."""
    imaged = Imaged(trial, fmt)
    actors = history(imaged)
    imaged.run()
    first = imaged.seq + 1
    records = []
    late = imaged.stage.draft().add("late", 1).seal()
    texts = ("B{post A{x+1}}", "A{x=9 post C{z+1}}", "C{post A{x=2} post B{y=3}}", "", "A{post B{y+1}};B{post C{z+5}}")
    for text in texts:
        if text:
            imaged.play(actors, text)
        else:
            imaged.inject(actors["C"], late, "run")
        records.append(imaged.model.shelf.names(imaged.core(imaged.image.kernel))["op"])
    imaged.flush()
    for record in (records[0], *records[2:4]):
        imaged.request(imaged.pair.erase(record))
    imaged.model.shelf.reread()
    for seq in (0, first - 1, first, first + 1, imaged.seq):
        imaged.world(seq, rule=_NO_WORLD)
    for seq in range(first - 1, imaged.seq + 1):
        imaged.log(seq, 1, rule="image.log.exact")
    imaged.world(rule=_NO_WORLD)
    imaged.restart(rule=_RESUME)
    imaged.world(rule=_RESUME)
    imaged.run(rule="image.post.order")
    imaged.world(rule="image.post.order")
    imaged.flush()


def erased_again(trial: Trial, fmt: Format) -> None:
    """A blob that was erased stays erased in an operation that makes it again, also in later steps and savepoints."""
    imaged = Imaged(trial, fmt)
    one, two = imaged.cast("A", "B").values()
    stage = imaged.stage
    written = stage.draft().write("x", "seen").write("n", "5000")
    imaged.order(one, written)
    names = imaged.model.shelf.names(imaged.core(one))
    spelled = stage.text("5 tick")
    imaged.order(two, stage.draft().put("kept", spelled))
    imaged.flush()
    for blob in (names["x"], names["n"], spelled):
        imaged.request(imaged.pair.erase(blob))
    imaged.model.shelf.reread()
    longer, whole = stage.draft().raw(append("x", b"!")), stage.draft().raw(expect("x", b"seen"))
    needs = [longer.seal(), whole.seal(), stage.draft().add("n", 1).seal()]
    lost = stage.draft().write("x", "seen").fail().seal()

    def again() -> Draft:
        return stage.draft().write("x", "seen").write("n", "5000")

    def order(draft: Draft, ends: str = COMMITTED) -> None:
        imaged.order(one, draft, ends, rule=_ERASED)

    for _ in range(2):
        order(again())
        order(again().raw(append("x", b"!")), _FAILED)
        order(again().add("n", 1), _FAILED)
        for later in needs:
            copies = stage.draft().read(one, "x", "x").read(one, "n", "n").join(ACTOR, "run", later).seal()
            order(again().join(ACTOR, "run", later), _FAILED)
            order(again().save(ACTOR, "run", later))
            order(again().join(two, "run", copies), _FAILED)
        order(stage.draft().save(two, "run", lost).write("x", "other").raw(append("x", b"!")))
        order(stage.draft().join(ACTOR, "image.timer", spelled), "malformed/timer")
        imaged.world(rule=_ERASED)
        imaged.restart(rule=_ERASED)
    imaged.log(rule=_ERASED)
    imaged.flush()


def erased_timer(trial: Trial, fmt: Format) -> None:
    """A timer whose text was erased does not fire, and counts for the quota."""
    imaged = Imaged(trial, fmt)
    (actor,) = imaged.cast("A", timers=2).values()
    stage = imaged.stage
    imaged.order(actor, stage.draft().join(ACTOR, "image.timer", stage.text("50 tick")))
    shelf = imaged.model.shelf
    image = shelf.names(imaged.core(actor))["image"]
    (target,) = shelf.names(shelf.names(image)["timers"]).values()
    imaged.clock(1)
    imaged.flush()
    imaged.request(imaged.pair.erase(target))
    imaged.model.shelf.reread()
    imaged.restart(rule="image.quota.recount")
    imaged.list_actors(rule="image.list.exact")
    again = stage.draft().join(ACTOR, "image.timer", stage.text("50 tick"))
    for ends in (COMMITTED, "exhausted/timers"):
        imaged.order(actor, again, ends, rule="image.quota.recount")
    imaged.clock(1_000)
    imaged.run(rule="image.timer.due")
    imaged.world(rule="image.timer.due")
    imaged.flush()


def loaded(trial: Trial, fmt: Format) -> None:
    """A copy has the same root, and the same future for the same requests."""
    imaged = Imaged(trial, fmt)
    actors = history(imaged)
    other = copied(imaged, "s2", _LOAD)
    assert other.world(rule=_LOAD) == imaged.world(rule=_LOAD), "the copy is equal"
    other.list_actors(rule=_LOAD)
    other.mail(rule=_LOAD)
    assert _tail(other, actors, _LOAD) == _tail(imaged, actors, _LOAD), "the futures are equal"
    imaged.judge(rule=_LOAD)
    other.judge(rule=_LOAD)


def forks(trial: Trial, fmt: Format) -> None:
    """A fork at any world does what the image did after it, and knows nothing of later worlds."""
    imaged = Imaged(trial, fmt)
    actors = history(imaged)
    newest = imaged.seq
    whole = _tail(imaged, actors, _FORK)
    fork = forked(imaged, newest, "s-last", _FORK)
    fork.world(rule=_FORK)
    assert _tail(fork, actors, _FORK) == whole, "the fork did as the image"
    fork.judge(rule=_FORK)
    for seq in range(0, newest, 4):
        fork = forked(imaged, seq, f"s-{seq}", _FORK)
        assert fork.world(rule=_FORK) == imaged.world(seq, rule=_FORK), "the fork is the world"
        fork.list_actors(rule=_FORK)
        fork.log(rule=_FORK)
        fork.run(rule=_FORK)
        if seq >= 1:
            fork.operate(letter(actors["B"], "run", fork.stage.draft().add("f", 1).seal()), key="order-7", rule=_FORK)
        fork.clock(fork.image.state.clock, rule=_FORK)
        fork.judge(rule=_FORK)
        fork.close()


def replayed(trial: Trial, fmt: Format) -> None:
    """Equal requests make equal worlds in two stores, whatever else is in them, and after restarts between requests."""
    first, second = Imaged(trial, fmt), Imaged(trial, fmt, pair=open_memory(trial, fmt, "s2"))
    second.request(second.pair.put(fmt.encode(Blob((), b"not part of a world"))))
    actors, same = history(first), history(second)
    second.restart()
    assert actors == same, "the actors have the same ids"
    assert first.world(rule=_REPLAY) == second.world(rule=_REPLAY), "the worlds are equal"
    after = _tail(first, actors, _REPLAY)
    first.judge(rule=_REPLAY)
    assert _tail(second, same, _REPLAY) == after, "the futures are equal"
    second.judge(rule=_REPLAY)


def elsewhere(trial: Trial, fmt: Format) -> None:
    """Another process makes the same worlds for the same requests."""
    first = Imaged(trial, fmt)
    second = Imaged(trial, fmt, pair=open_memory(trial, fmt, "s2", trial.spawn()))
    actors, same = history(first), history(second)
    after = _tail(first, actors, _REPLAY)
    first.judge(rule=_REPLAY)
    assert _tail(second, same, _REPLAY) == after, "the worlds are equal"
    second.judge(rule=_REPLAY)


def rolled_back(trial: Trial, fmt: Format) -> None:
    """A rollback goes forward by one operation: cores are those of the earlier world, and later actors are gone."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage = imaged.stage
    imaged.play(actors, "A{x=1};B{y=1}")
    early = imaged.seq
    cores = imaged.core(one), imaged.core(two)
    child, late = stage.actor("child", owner=one, granter=one), stage.actor("late")
    of_late = stage.actor("of late", owner=late)
    imaged.order(one, stage.draft().join(child, "genesis", child).write("x", "2"))
    imaged.create(late, of_late)
    imaged.say(two, "image.grant", stage.text("read.*"))
    imaged.say(two, "image.install", stage.install(tick=stage.draft().fail().seal()))
    imaged.limit(two, fuel=1)
    imaged.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")))
    imaged.rollback(early, rule=_ROLLBACK)
    imaged.world(rule=_ROLLBACK)
    imaged.list_actors(rule=_ROLLBACK)
    assert (imaged.core(two), len(imaged.timers(one))) == (cores[1], 1), "the core is back, and the timer stays"
    assert imaged.core(one) != cores[0], "the timer is in the core"
    imaged.rollback(early, rule=_ROLLBACK)  # nothing to do: an operation without roots
    imaged.log(rule=_ROLLBACK)
    imaged.create(child, ends="refused rejected/gone", rule=_ROLLBACK)
    imaged.clock(10)
    imaged.run(rule=_ROLLBACK)
    imaged.expects(one, x=1, t=1)
    imaged.rollback(early + 2, rule=_ROLLBACK)  # forward to a world in which the child was there
    imaged.list_actors(rule=_ROLLBACK)
    imaged.rollback(imaged.seq, rule=_ROLLBACK)
    imaged.rollback(0, ends="committed", rule=_ROLLBACK)
    imaged.list_actors(rule=_ROLLBACK)
    imaged.judge(rule=_ROLLBACK)


def busy_rollbacks(trial: Trial, fmt: Format) -> None:
    """A rollback that would lose mail fails as a whole; one behind a post of R is refused; neither changes a core."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A")
    stage = imaged.stage
    early = imaged.seq
    imaged.play(actors, "A{x=1}")
    (late,) = imaged.cast("L").values()
    everyone = actors | {"L": late}
    imaged.play(everyone, "L{post A{x=5}}")
    before = imaged.list_actors()
    imaged.rollback(early, "rejected/busy", rule=_ROLLBACK)
    assert imaged.list_actors(rule=_ROLLBACK) == before, "no core changes"
    imaged.run()
    imaged.order(late, stage.draft().post(imaged.agent, "note", stage.empty()))
    imaged.rollback(early, "rejected/busy", rule=_ROLLBACK)
    imaged.ack_all()
    imaged.inject(actors["A"], stage.draft().add("x", 1).seal(), "run")
    imaged.rollback(early, "refused rejected/order", rule=_NO_ROLLBACK)
    imaged.log(rule=_NO_ROLLBACK)
    imaged.rollback(imaged.seq, rule=_NO_ROLLBACK)  # no roots, so nothing is behind the post
    imaged.run()
    imaged.rollback(early, rule=_ROLLBACK)
    imaged.list_actors(rule=_ROLLBACK)
    imaged.judge(rule=_ROLLBACK)


def many_actors(trial: Trial, fmt: Format) -> None:
    """A rollback may have more roots than a request, up to the limits of an operation; above 1,000 it is refused."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A", actors=2_000, fuel=1 << 40).values()
    stage, early = imaged.stage, imaged.seq

    def create(*numbers: int) -> None:
        draft = stage.draft()
        for number in numbers:
            core = stage.actor(f"{number}", owner=one, granter=one)
            draft.join(core, "genesis", core)
        imaged.order(one, draft)

    create(*range(60))
    imaged.rollback(early, rule=_ROLLBACK)
    imaged.list_actors(rule=_ROLLBACK)
    start = imaged.seq
    for at in range(100, 1_100, 100):
        create(*range(at, at + 100))
    imaged.rollback(start, "refused exhausted/steps", rule=_NO_ROLLBACK)
    imaged.rollback(start + 1, "exhausted/heads", rule=_ROLLBACK)  # 901 steps and 900 actors that are gone
    imaged.log(imaged.seq, rule=_ROLLBACK)
    imaged.rollback(start + 6, rule=_ROLLBACK)
    imaged.world(limit=1, rule=_ROLLBACK)
    imaged.flush()


def silent(trial: Trial, fmt: Format) -> None:
    """A start and a stop change no reference, also if posts are unread and timers are due."""
    imaged = Imaged(trial, fmt)
    history(imaged)
    imaged.clock(10_000)
    for how in ("drain", "now"):
        imaged.stop(how, rule=_SILENT)
        imaged.refs(rule=_SILENT)
        imaged.start(rule=_SILENT)
        imaged.refs(rule=_SILENT)
        imaged.world(rule=_SILENT)
    imaged.judge(rule=_SILENT)


def resumed(trial: Trial, fmt: Format) -> None:
    """After a start the runs, rights, quotas, code, subscriptions and keys are those that they would have been."""
    plain, broken = Imaged(trial, fmt), Imaged(trial, fmt, pair=open_memory(trial, fmt, "s2"))
    actors = history(plain)
    history(broken)
    broken.restart(rule=_RESUME)
    after = _tail(plain, actors, _RESUME)
    assert _with_restarts(broken, lambda: _tail(broken, actors, _RESUME)) == after, "as without an end"
    plain.judge(rule=_RESUME)
    broken.judge(rule=_RESUME)


def _with_restarts(imaged: Imaged, work: Callable[[], bytes]) -> bytes:
    """Do something with an image that is stopped and started before each run."""
    run = imaged.run

    def restarted(most_steps: int = 1_000_000, *, rule: str | None = None) -> str:
        while (cause := run(1, rule=rule)) != "rest":
            imaged.restart(rule=rule)
        return cause

    imaged.run = restarted  # type: ignore[method-assign]
    return work()


def consistent(trial: Trial, fmt: Format) -> None:
    """Every export between two requests holds exactly the world that the newest record names."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast(*"ABCD")
    for number in range(4):
        if number % 2:
            imaged.play(actors, "A{x+1 join B{x+1} join C{x+1} join D{x+1}}")
        else:
            imaged.play(actors, "A{x+1 post B{x+1} join C{!}}", "rejected/failed")
        imaged.refs(rule=_CUT)
        copy = copied(imaged, f"s{number}", _CUT)
        copy.world(rule=_CUT)
        copy.log(rule=_CUT)
        copy.close()
    imaged.judge(rule=_CUT)


PROPERTIES: Final = (
    *of_images("world/root", roots, _ROOT),
    *of_images("world/past", past, _PAST, _NO_WORLD),
    *of_images(
        "world/erased",
        erased_past,
        _NO_WORLD,
        _RESUME,
        "image.log.exact",
        "image.post.order",
        features=("erase",),
    ),
    *of_images("world/erased-again", erased_again, _ERASED, features=("erase",)),
    *of_images(
        "world/erased-timer",
        erased_timer,
        "image.quota.recount",
        "image.timer.due",
        "image.list.exact",
        features=("erase",),
    ),
    *of_images("world/load", loaded, _LOAD),
    *of_images("world/fork", forks, _FORK),
    *of_images("world/replay", replayed, _REPLAY),
    *of_images("world/processes", elsewhere, _REPLAY),
    *of_images("world/cut", consistent, _CUT),
    *of_images("rollback/cores", rolled_back, _ROLLBACK),
    *of_images("rollback/busy", busy_rollbacks, _ROLLBACK, _NO_ROLLBACK),
    *of_images("rollback/many", many_actors, _ROLLBACK, _NO_ROLLBACK, once=True, cost=200),
    *of_images("restart/silent", silent, _SILENT),
    *of_images("restart/resume", resumed, _RESUME),
)
