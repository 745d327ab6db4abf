"""Drafts of vectors of messages of images: order on a channel, entry tables, notices, and the outside."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_drafts import Drafts, held

__all__ = ["message_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")


def message_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_orders, _entries, _notices, _outside, _expected):
        yield from drafts()


# --- order on a channel ------------------------------------------------------------


def _orders() -> Drafts:
    for slug, text, ends in (
        ("join-behind-a-post", "A{post B{x=1} join B{x=2}}", "rejected/order"),
        ("post-behind-a-join", "A{join B{x=1} post B{x=2}}", COMMITTED),
        ("save-behind-a-post", "A{post B{x=1} save B{x=2}}", "rejected/order"),
        ("post-behind-a-post", "A{post B{x=1} post B{x=2}}", COMMITTED),
        ("itself-while-it-reads", "A{join A{x=1 join A{x=2}}}", COMMITTED),
        ("enclosing-frame", "A{save B{join A{join C{x=1}}} join C{y=1}}", COMMITTED),
        ("other-channel", "A{post B{x=1} join C{x=2}}", COMMITTED),
    ):
        yield f"order/{slug}", "op.order", partial(_play, text=text, ends=ends)
    yield "order/post-of-an-earlier-operation", "op.order", _late
    yield "order/fifo-over-actors", "op.fifo", _fifo
    yield "order/notice-is-last", "op.fifo op.notice", _notice_last


def _play(imaged: Imaged, text: str, ends: str) -> None:
    actors = imaged.cast(*"ABC")
    imaged.play(actors, text, ends)
    imaged.run()


def _late(imaged: Imaged) -> None:
    actors = imaged.cast(*"AB")
    imaged.play(actors, "A{post B{x=1}}")
    imaged.play(actors, "A{join B{x=2}}", "rejected/order")
    imaged.play(actors, "B{x=3}")
    imaged.run()
    imaged.play(actors, "A{join B{x=2}}")


def _fifo(imaged: Imaged) -> None:
    """Two joins, each of which joins a log: the order is that of sending, over all actors."""
    actors = imaged.cast(*"ABCL")
    stage, log = imaged.stage, actors["L"]

    def note(text: str) -> bytes:
        return stage.draft().raw(ops.append("log", text.encode())).seal()

    def through(name: str, text: str) -> tuple[bytes, bytes]:
        return actors[name], stage.draft().join(log, "run", note(text)).seal()

    draft = stage.draft()
    for to, program in (through("B", "3"), (log, note("1")), through("C", "4"), (log, note("2"))):
        draft.join(to, "run", program)
    imaged.order(actors["A"], draft)
    assert imaged.at(log, "log") == b"1234", "messages are taken in the order in which they were sent"


def _notice_last(imaged: Imaged) -> None:
    """The notice about a savepoint is behind the joins that its sender sent."""
    stage = imaged.stage
    log = held(imaged, "log")

    def note(text: str) -> bytes:
        return stage.draft().raw(ops.append("log", text.encode())).seal()

    code = {"failed": stage.draft().join(log, "run", note("2")).seal()}
    actor = stage.actor("a", caps=_ALL, entry={"run": "*"}, code=code)
    imaged.create(actor)
    draft = stage.draft().save(ops.ACTOR, "nothing", stage.empty())
    through = stage.draft().join(log, "run", note("3")).seal()
    imaged.order(actor, draft.join(log, "run", note("1")).join(ops.ACTOR, "run", through))
    assert imaged.at(log, "log") == b"132", "the notice is taken last"


# --- entry tables, expected cores, notices ------------------------------------------------------------


def _entries() -> Drafts:
    for slug, entry, ends in (
        ("absent", None, "rejected/entry"),
        ("every-actor", "*", COMMITTED),
        ("listed", ("A", "B"), COMMITTED),
        ("not-listed", ("B",), "rejected/entry"),
    ):
        yield f"entry/{slug}", "entry.declared", partial(_admits, entry=entry, ends=ends)
    yield "entry/modes", "entry.declared op.notice", _entry_modes
    yield "entry/current", "entry.current kernel.exact", _entry_current


def _admits(imaged: Imaged, entry: str | Iterable[str] | None, ends: str) -> None:
    stage = imaged.stage
    actors = {name: held(imaged, name, *_ALL) for name in "AB"}
    admitted = entry if isinstance(entry, str | None) else [actors[name] for name in entry]
    code = {"job": stage.draft().add("n", 1).seal()}
    victim = stage.actor("v", entry={} if admitted is None else {"job": admitted}, code=code)
    imaged.create(victim)
    imaged.order(actors["A"], stage.draft().join(victim, "job", stage.empty()), ends)
    imaged.say(victim, "job", stage.empty())


def _entry_modes(imaged: Imaged) -> None:
    """A message that is not admitted fails in each mode; the sender of a savepoint and of a post gets a notice."""
    actors = imaged.cast("A")
    stage, actor = imaged.stage, actors["A"]
    victim = stage.actor("v", code={"job": stage.draft().add("n", 1).seal()})
    imaged.create(victim)
    imaged.order(actor, stage.draft().join(victim, "job", stage.empty()), "rejected/entry")
    imaged.order(actor, stage.draft().save(victim, "job", stage.empty()))
    imaged.expects(actor, f=1)
    imaged.order(actor, stage.draft().post(victim, "job", stage.empty()))
    imaged.run()
    imaged.expects(actor, f=2)
    imaged.expects(victim, n=None)


def _entry_current(imaged: Imaged) -> None:
    """The table that counts is that of the moment when the message is taken."""
    stage = imaged.stage
    owner = held(imaged, "p", *_ALL)
    victim = stage.actor("v", owner=owner, entry={"job": "*"}, code={"job": stage.draft().add("n", 1).seal()})
    imaged.create(victim)
    close, reopen = stage.text("job\n-"), stage.text("job\n*")
    job = stage.empty()
    imaged.order(owner, stage.draft().join(victim, "job", job).join(victim, "image.entry", close))
    imaged.expects(victim, n=1)
    imaged.order(owner, stage.draft().join(victim, "job", job).join(victim, "image.entry", reopen), "rejected/entry")
    imaged.order(owner, stage.draft().join(victim, "image.entry", reopen).join(victim, "job", job))
    imaged.expects(victim, n=2)


def _expected() -> Drafts:
    yield "expect/header", "op.expect outside.refused", _expect_header


def _expect_header(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage, first = imaged.stage, imaged.core(actor)
    program = stage.draft().add("x", 1).seal()
    imaged.operate(letter(actor, "run", program, expect=first.hex()))
    imaged.operate(letter(actor, "run", program, expect=first.hex()), ends="rejected/stale")
    imaged.operate(letter(actor, "run", program, expect=imaged.core(actor).hex().upper()), ends="rejected/stale")
    second = imaged.core(actor)
    imaged.operate(
        letter(actor, "run", program, expect=second.hex()),
        letter(actor, "run", program, expect=second.hex()),
        ends="rejected/stale",
    )
    imaged.expects(actor, x=1)
    core = stage.actor("new")
    imaged.operate(letter(core, "genesis", core, expect=core.hex()), ends="rejected/stale")


def _notices() -> Drafts:
    yield "notice/savepoint", "op.notice", _notice_save
    yield "notice/post", "op.notice op.failure-step", _notice_post
    yield "notice/out-of-order", "op.notice op.order", _notice_late
    yield "notice/fails", "op.notice op.independent", _notice_fails


def _kept(imaged: Imaged, title: str, **code: bytes) -> bytes:
    """Create a principal with programs that may send anything and admits ``run``."""
    actor = imaged.stage.actor(title, caps=(*_ALL, "spawn"), entry={"run": "*"}, code=code)
    imaged.create(actor)
    return actor


def _notice_save(imaged: Imaged) -> None:
    """The handler ``failed`` runs in the same operation, and finds the empty blob as the content."""
    stage = imaged.stage
    actor = _kept(imaged, "a", failed=stage.draft().put("note", ops.CONTENT).put("from", ops.SENDER).seal())
    other = _kept(imaged, "b")
    imaged.order(actor, stage.draft().save(other, "nothing", stage.text("x")))
    assert imaged.at(actor, "note") == b"", "the notice has the empty blob"


def _notice_post(imaged: Imaged) -> None:
    """A notice about a post is a post: it is read in an operation of its own."""
    actors = imaged.cast(*"AB")
    imaged.play(actors, "A{post B{x=1 !limit}}")
    imaged.run(1)
    imaged.expects(actors["A"], f=None)
    imaged.run()
    imaged.expects(actors["A"], f=1)


def _notice_late(imaged: Imaged) -> None:
    """B has a post for A that is unread, so its notice about the savepoint is a post, behind it."""
    actors = imaged.cast(*"AB")
    imaged.play(actors, "B{post A{x=1}}")
    imaged.play(actors, "A{save B{y=1 !}}")
    imaged.expects(actors["A"], f=None)
    imaged.run()
    imaged.expects(actors["A"], f=1, x=1)


def _notice_fails(imaged: Imaged) -> None:
    """A handler of notices that fails gets no notice about it."""
    stage = imaged.stage
    actor = _kept(imaged, "a", failed=stage.draft().add("f", 1).fail().seal())
    other = _kept(imaged, "b")
    imaged.order(actor, stage.draft().post(other, "nothing", stage.text("x")))
    imaged.run()
    imaged.expects(actor, f=None)
    imaged.order(actor, stage.draft().save(other, "nothing", stage.text("x")), "rejected/failed")


# --- the outside ------------------------------------------------------------


def _outside() -> Drafts:
    headers = ("op", "timer", "fuel", "key", "world")
    for name in headers:
        yield f"outside/header-{name}", "outside.refused", partial(_reserved, name=name)
    for mt in ("", "reply", "failed", "update", "receipt", "on.e", "image.op"):
        yield f"outside/type-{mt.replace('.', '-') or 'empty'}", "outside.refused", partial(_outside_type, mt=mt)
    yield "outside/receivers", "outside.refused", _outside_receivers
    yield "outside/unread", "outside.refused op.roots", _outside_unread
    yield "outside/inject", "outside.refused runtime.inject", _outside_inject
    yield "outside/first-message-decides", "outside.refused", _outside_first
    yield "outside/several-roots", "op.roots op.total request.reply", _roots


def _reserved(imaged: Imaged, name: str) -> None:
    (actor,) = imaged.cast("A").values()
    program = imaged.stage.draft().add("x", 1).seal()
    for header, ends in (("note", COMMITTED), (name, "refused malformed/mode")):
        imaged.operate(letter(actor, "run", program, **{header: "1"}), ends=ends)


def _outside_type(imaged: Imaged, mt: str) -> None:
    (actor,) = imaged.cast("A").values()
    imaged.say(actor, mt, imaged.stage.empty(), "refused malformed/mt")


def _outside_receivers(imaged: Imaged) -> None:
    stage = imaged.stage
    (actor,) = imaged.cast("A").values()
    nobody, kernel = stage.actor("nobody"), imaged.image.kernel
    program = stage.draft().seal()
    for to, ends in ((nobody, "missing/actor"), (kernel, "rejected/location"), (imaged.agent, "rejected/location")):
        imaged.say(to, "run", program, f"refused {ends}")
    imaged.say(actor, "genesis", nobody, "refused malformed/mt")
    imaged.say(actor, "run", actor, "refused malformed/mt")
    imaged.create(actor)
    imaged.operate(letter(nobody, "genesis", nobody), letter(nobody, "run", program))


def _outside_unread(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    program = imaged.stage.draft().add("x", 1).seal()
    imaged.inject(actor, program, "run")
    imaged.say(actor, "run", program, "refused rejected/order")
    imaged.inject(actor, program, "run")
    imaged.run()
    imaged.operate(letter(actor, "run", program), letter(actor, "run", program))
    imaged.expects(actor, x=4)


def _outside_inject(imaged: Imaged) -> None:
    stage = imaged.stage
    (actor,) = imaged.cast("A").values()
    program = stage.draft().add("x", 1).seal()
    for mt, mode in (("run", "signal"), ("genesis", "queue"), ("image.grant", "queue"), ("reply", "queue")):
        imaged.inject(actor, actor if mt == "genesis" else program, mt, mode)
    imaged.inject(actor, program, "run")
    imaged.run()
    imaged.expects(actor, x=1)


def _outside_first(imaged: Imaged) -> None:
    """The first message with a fault decides, and the first fault of it."""
    stage = imaged.stage
    (actor,) = imaged.cast("A").values()
    program, nobody = stage.draft().add("x", 1).seal(), stage.actor("nobody")
    good, bad = letter(actor, "run", program), letter(actor, "reply", program)
    imaged.operate(good, letter(nobody, "run", program), bad, ends="refused missing/actor")
    imaged.operate(good, bad, letter(nobody, "run", program), ends="refused malformed/mt")
    imaged.operate(letter(nobody, "reply", program, op="join"), ends="refused malformed/mt")
    imaged.operate(letter(nobody, "run", program, op="join"), ends="refused malformed/mode")


def _roots(imaged: Imaged) -> None:
    """Roots are taken in their order, also to one actor; the failure of one undoes all."""
    actors = imaged.cast(*"AB")
    imaged.play(actors, "A{x=1}; B{x=1}; A{x+5}")
    imaged.expects(actors["A"], x=6)
    imaged.play(actors, "A{x=9}; B{x=9 !}; A{x=8}", "rejected/failed")
    imaged.expects(actors["A"], x=6)
    imaged.expects(actors["B"], x=1)
