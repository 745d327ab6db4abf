"""Drafts of vectors of events and effects, of worlds and rollbacks, and of what the outside asks."""

from __future__ import annotations

from functools import partial
from typing import Final

from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from selftests.vectors.image_drafts import Drafts, held, still

__all__ = ["world_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")


def world_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_events, _worlds, _requests, _lists):
        yield from drafts()


# --- events and effects ------------------------------------------------------------


def _events() -> Drafts:
    yield "event/inside", "event.inside event.order", _emits
    yield "event/veto", "event.veto op.total", _veto
    yield "event/veto-of-a-savepoint", "event.veto op.savepoint", _caught
    yield "event/outside", "event.outside effect.deferred", _outside
    yield "event/consent", "event.consent", _consent
    yield "event/subscriber-that-is-gone", "event.inside kernel.exact quota.recount", _gone
    yield "event/out-of-order", "event.inside op.order", _event_order
    yield "event/itself", "event.inside", _itself
    yield "effect/deferred", "effect.deferred", _effect


def _crew(imaged: Imaged, *, fails: bool = False) -> tuple[bytes, list[bytes], bytes]:
    """Create an emitter, three subscribers of its event ``e`` that log in the order in which they read, and the log."""
    stage = imaged.stage
    code = {"failed": stage.draft().add("f", 1).seal()}
    log = stage.actor("log", entry={"run": "*"})
    emitter = stage.actor("emitter", caps=_ALL, entry={"run": "*"}, code=code)
    crew = []
    for number in range(3):
        draft = stage.draft().put("got", ops.CONTENT)
        draft.join(log, "run", stage.draft().raw(ops.append("log", b"%d" % number)).seal())
        if fails and number == 1:
            draft.fail("veto")
        crew.append(stage.actor(f"{number}", caps=_ALL, entry={"run": "*"}, code={"on.e": draft.seal()}))
    imaged.create(log, emitter, *crew)
    for member in crew[::-1]:
        imaged.order(member, stage.draft().join(emitter, "image.subscribe.e", stage.empty()))
    return emitter, crew, log


def _emit(imaged: Imaged, emitter: bytes, mode: bytes = ops.JOIN, ends: str = COMMITTED) -> None:
    stage = imaged.stage
    draft = stage.draft().add("spent", 20).send(mode, ops.ACTOR, "image.emit.e", stage.text("20"))
    imaged.order(emitter, draft, ends)


def _emits(imaged: Imaged) -> None:
    """The subscribers read the event in ascending order of their ids, which is not that of their subscriptions."""
    emitter, crew, log = _crew(imaged)
    _emit(imaged, emitter)
    wanted = "".join(str(crew.index(member)) for member in sorted(crew))
    assert imaged.at(log, "log") == wanted.encode(), "ascending"
    assert all(imaged.at(member, "got") == b"20" for member in crew), "every subscriber has the content"


def _veto(imaged: Imaged) -> None:
    emitter, crew, log = _crew(imaged, fails=True)
    unchanged = still(imaged, emitter, log, *crew)
    _emit(imaged, emitter, ends="rejected/veto")
    unchanged()


def _caught(imaged: Imaged) -> None:
    emitter, crew, log = _crew(imaged, fails=True)
    unchanged = still(imaged, log, *crew)
    _emit(imaged, emitter, ops.SAVE)
    unchanged()
    imaged.expects(emitter, spent=20, f=1)


def _outside(imaged: Imaged) -> None:
    stage = imaged.stage
    emitter = held(imaged, "emitter", *_ALL)
    imaged.say(emitter, "image.subscribe.e", stage.empty())
    _emit(imaged, emitter)
    imaged.mail()
    failing = stage.draft().join(ops.ACTOR, "image.emit.e", stage.text("1")).join(ops.ACTOR, "nothing", stage.empty())
    imaged.order(emitter, failing, "missing/handler")
    imaged.mail()
    imaged.ack_all()
    imaged.mail()
    imaged.say(emitter, "image.unsubscribe.e", stage.empty())
    _emit(imaged, emitter)
    imaged.mail()


def _consent(imaged: Imaged) -> None:
    """Without the capability an actor does not subscribe; a subscription is that of its sender."""
    stage = imaged.stage
    emitter, actor = held(imaged, "emitter"), held(imaged, "a")
    draft = stage.draft().join(emitter, "image.subscribe.e", stage.empty())
    imaged.order(actor, draft, "rejected/capability")
    imaged.say(actor, "image.grant", stage.text(f"send.{emitter.hex()}.image.subscribe.f"))
    imaged.order(actor, draft, "rejected/capability")
    imaged.say(actor, "image.grant", stage.text(f"send.{emitter.hex()}.image.subscribe.*"))
    imaged.order(actor, draft)
    imaged.order(actor, draft)
    imaged.order(actor, stage.draft().join(emitter, "image.unsubscribe.e", stage.empty()), "rejected/capability")
    _emit(imaged, emitter, ends="missing/handler")
    imaged.list_actors()


def _gone(imaged: Imaged) -> None:
    """A subscriber without a head is skipped, and counts no more."""
    emitter, crew, _ = _crew(imaged)
    imaged.say(crew[0], "image.destroy", imaged.stage.empty())
    _emit(imaged, emitter)
    imaged.say(emitter, "image.quota", imaged.stage.text(quota_text(subs=2)))
    imaged.order(crew[1], imaged.stage.draft().join(emitter, "image.subscribe.f", imaged.stage.empty()), _FULL)
    imaged.say(emitter, "image.quota", imaged.stage.text(quota_text(subs=3)))
    imaged.order(crew[1], imaged.stage.draft().join(emitter, "image.subscribe.f", imaged.stage.empty()))


_FULL: Final = "exhausted/subs"


def _event_order(imaged: Imaged) -> None:
    """An event cannot overtake a post to the subscriber."""
    emitter, crew, _ = _crew(imaged)
    stage = imaged.stage
    imaged.order(emitter, stage.draft().post(crew[0], "run", stage.draft().seal()))
    _emit(imaged, emitter, ends="rejected/order")
    imaged.run()
    _emit(imaged, emitter)


def _itself(imaged: Imaged) -> None:
    stage = imaged.stage
    code = {"on.e": stage.draft().raw(ops.count("n")).seal()}
    actor = stage.actor("a", caps=_ALL, entry={"run": "*"}, code=code)
    imaged.create(actor)
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.subscribe.e", stage.empty()))
    _emit(imaged, actor)
    imaged.expects(actor, n=20, spent=20)


def _effect(imaged: Imaged) -> None:
    """A post to R of an operation that failed, or of a savepoint that was undone, is no mail."""
    actors = imaged.cast(*"AB")
    stage, agent = imaged.stage, imaged.agent
    note = stage.draft().post(agent, "note", stage.text("1"))
    imaged.order(actors["A"], note.fail(), "rejected/failed")
    imaged.mail()
    inner = stage.draft().post(agent, "note", stage.text("2")).fail().seal()
    imaged.order(actors["A"], stage.draft().save(actors["B"], "run", inner).post(agent, "note", stage.text("3")))
    imaged.mail()


# --- worlds ------------------------------------------------------------


def _worlds() -> Drafts:
    yield "world/pages", "world.root world.past", _pages
    yield "world/unknown", "world.past-refused", _unknown
    yield "world/fork", "world.fork", _fork
    yield "rollback/three-kinds-of-roots", "world.rollback", _rollback
    yield "rollback/nothing-to-do", "world.rollback", _rollback_of_nothing
    yield "rollback/timers-stay", "world.rollback timer.lasting", _rollback_timers
    yield "rollback/busy", "world.rollback gone.quiet", _rollback_busy
    yield "rollback/unread-mail-of-the-agent", "world.rollback-refused", _rollback_order
    yield "rollback/gone-stays-gone", "world.rollback gone.final", _rollback_gone


def _pages(imaged: Imaged) -> None:
    actors = imaged.cast(*"ABC")
    imaged.play(actors, "A{x=1 join B{y=1}}")
    imaged.say(actors["C"], "image.destroy", imaged.stage.empty())
    names = [name for name, _ in imaged.image.state.world.refs()]
    for seq in (None, *range(4)):
        imaged.world(seq, limit=2)
        imaged.world(seq, after=names[1], limit=2)
        imaged.world(seq, after="heads/~", limit=1)


def _unknown(imaged: Imaged) -> None:
    imaged.cast("A")
    imaged.world(1)
    imaged.world(2)
    imaged.rollback(2, "refused missing/world")


def _fork(imaged: Imaged) -> None:
    """References of world 2 are set while no runtime is started; the next operation has the number 3."""
    actors = imaged.cast(*"AB")
    imaged.play(actors, "A{x=1 post B{y=1}}")
    imaged.play(actors, "A{x=2 join B{y=2}}", "rejected/order")
    imaged.clock(50)
    wanted = dict(imaged.image.world(2, None, 4096)[2])
    imaged.stop()
    newest = {name: target for name, target in imaged.pair.model.references.items() if name.startswith("heads/")}
    changes = [Change(name, newest[name], wanted.get(name)) for name in newest if newest[name] != wanted.get(name)]
    imaged.request(imaged.pair.cas(*changes))
    imaged.start()
    imaged.world()
    imaged.run()
    imaged.expects(actors["B"], y=1)
    imaged.clock(10)


def _rollback(imaged: Imaged) -> None:
    """The core of A is returned to, its tool and a later principal are destroyed."""
    stage = imaged.stage
    actors = imaged.cast(*"AB")
    owner = actors["A"]
    tool = stage.actor("tool", owner=owner, granter=owner, entry={"run": "*"})
    imaged.order(owner, stage.draft().write("x", "1").join(tool, "genesis", tool))
    later = stage.actor("later")
    imaged.create(later)
    imaged.say(owner, "image.install", stage.install(more=stage.draft().seal()))
    imaged.rollback(1)
    imaged.list_actors()
    assert imaged.core(owner) == owner, "the core is the first one"
    imaged.play(actors, "A{x+1}")


def _rollback_of_nothing(imaged: Imaged) -> None:
    actors = imaged.cast("A")
    imaged.rollback(1)
    imaged.clock(5)
    imaged.rollback(1)
    imaged.play(actors, "A{x=1}")


def _rollback_timers(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    imaged.order(actor, stage.draft().write("x", "1").join(ops.ACTOR, "image.timer", stage.text("5 tick")))
    imaged.rollback(1)
    imaged.list_actors()
    imaged.rollback(1)
    imaged.clock(5)
    imaged.run()
    imaged.expects(actor, t=1, x=None)


def _rollback_busy(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    later = stage.actor("later", entry={"run": "*"})
    imaged.create(later)
    imaged.order(actor, stage.draft().write("x", "1").post(later, "run", stage.draft().seal()))
    unchanged = still(imaged, actor, later)
    imaged.rollback(1, "rejected/busy")
    unchanged()
    imaged.run()
    imaged.rollback(1)
    imaged.list_actors()


def _rollback_order(imaged: Imaged) -> None:
    actors = imaged.cast("A")
    imaged.play(actors, "A{x=1}")
    imaged.inject(actors["A"], imaged.stage.draft().add("x", 5).seal(), "run")
    imaged.rollback(1, "refused rejected/order")
    imaged.run()
    imaged.rollback(1)
    imaged.expects(actors["A"], x=None)


def _rollback_gone(imaged: Imaged) -> None:
    actors = imaged.cast(*"AB")
    imaged.say(actors["B"], "image.destroy", imaged.stage.empty())
    imaged.rollback(1)
    imaged.list_actors()
    imaged.say(actors["B"], "run", imaged.stage.draft().seal(), "refused rejected/gone")


# --- requests, lists, the log ------------------------------------------------------------


def _requests() -> Drafts:
    yield "request/key", "request.once request.key request.reply", _keys
    yield "request/headers", "request.reply message.queued", _headers
    yield "request/key-of-a-failed-genesis", "request.once op.failure-step", _key_of_genesis
    for slug, key in (("empty", ""), ("blank", "a b"), ("of-65", "x" * 65), ("umlaut", "\u00e4")):
        yield f"request/key-{slug}", "request.key", partial(_bad_key, key=key)
    yield "clock/forward", "clock.forward", _clock


def _keys(imaged: Imaged) -> None:
    """A repeated key repeats the reply, whatever its messages are, also that of a failed operation."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    good, bad = stage.draft().add("x", 1).seal(), stage.draft().fail("limit").seal()
    longest = "~" * 64
    for key in ("order-7", longest, "order-7", longest):
        imaged.operate(letter(actor, "run", good), key=key)
    imaged.operate(letter(actor, "reply", bad), key="order-7")
    for _ in range(2):
        imaged.operate(letter(actor, "run", bad), key="order-8", ends="rejected/limit")
    imaged.operate(letter(actor, "run", good), key="order-8", ends="rejected/limit")
    imaged.expects(actor, x=2)


def _headers(imaged: Imaged) -> None:
    """The roots have the headers of the request, and the first one the key."""
    actors = imaged.cast("A", "B")
    one, other = actors.values()
    program = imaged.stage.draft().add("x", 1).seal()
    first = letter(one, "run", program, note="1", order="7")
    imaged.operate(first, letter(other, "run", program, note="2"), key="k")
    imaged.operate(letter(one, "run", program, note=""), letter(one, "run", program, ct="s"))
    imaged.expects(one, x=3)


def _key_of_genesis(imaged: Imaged) -> None:
    """A request that fails and begins with a genesis leaves no key, so it is carried out again."""
    stage = imaged.stage
    actor = stage.actor("a", limits={"fuel": 0})
    for _ in range(2):
        imaged.operate(letter(actor, "genesis", actor), key="new", ends="exhausted/fuel")


def _bad_key(imaged: Imaged, key: str) -> None:
    """The key is checked before the messages."""
    (actor,) = imaged.cast("A").values()
    program = imaged.stage.draft().add("x", 1).seal()
    imaged.operate(letter(actor, "reply", program), key=key, ends="refused invalid/key")
    imaged.operate(letter(actor, "run", program), key="!")


def _clock(imaged: Imaged) -> None:
    for now, is_moved in ((5, True), (5, True), (4, False), (2**63 - 1, True), (2**63, False), (2**64 - 1, False)):
        assert imaged.clock(now) is is_moved


def _lists() -> Drafts:
    yield "list/pages", "list.exact", _list_pages
    yield "list/as", "list.redacted", _list_as
    yield "log/pages", "log.exact", _log_pages


def _list_pages(imaged: Imaged) -> None:
    actors = sorted(imaged.cast(*"ABCD").values())
    for limit in (1, 2, 4):
        imaged.list_actors(limit=limit)
        for after in actors:
            imaged.list_actors(after=after, limit=limit)
    imaged.list_actors(after=bytes(32))
    imaged.list_actors(after=b"\xff" * 32)


def _list_as(imaged: Imaged) -> None:
    """A tool sees what its principal sees, and only the ids of all others."""
    stage = imaged.stage
    owner, other = held(imaged, "p", "spawn"), held(imaged, "q", "spawn")
    tool = stage.actor("tool", owner=owner, caps=("read.*",), entry={"job": "*"}, code={"job": stage.draft().seal()})
    imaged.create(tool)
    for as_ in (owner, other, tool, imaged.agent, imaged.image.kernel, stage.actor("nobody")):
        imaged.list_actors(as_)


def _log_pages(imaged: Imaged) -> None:
    actors = imaged.cast("A")
    imaged.play(actors, "A{!}", "rejected/failed")
    imaged.clock(5)
    for first in range(5):
        for limit in (1, 2, 3):
            imaged.log(first, limit)
