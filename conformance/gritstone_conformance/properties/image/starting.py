"""The start of an image: its first two actors, the stores that do not become one, and what is refused in an image."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import refused
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Mailbox, Message
from gritstone_conformance.properties.grit.pair import open_durable
from gritstone_conformance.properties.image.imaged import Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions, start_args
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.image.cores import CODE, KERNEL_CODE
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MADE: Final = "image.start.made"
_FRESH: Final = "image.start.fresh"
_REFUSED: Final = "image.runtime.refused"
_RUN: Final = "image.runtime.run"
_INJECT: Final = "image.runtime.inject"
_CODE: Final = "image.code.outside"
_QUERY: Final = "image.code.query"
_KERNEL: Final = "image.kernel.step"
_IMAGE: Final = "image.request.image"
_LASTING: Final = "image.tool.lasting"


def made(trial: Trial, fmt: Format) -> None:
    """A start makes the kernel actor and the second step of R by one update, and sets no other reference."""
    imaged = Imaged(trial, fmt, begins=False)
    imaged.refs(rule=_MADE)
    imaged.begin(rule=_MADE)
    imaged.refs(rule=_MADE)
    imaged.world(rule=_MADE)
    imaged.log(rule=_MADE)
    imaged.list_actors(rule=_MADE)
    imaged.mail(rule=_MADE)
    imaged.judge(rule=_MADE)


def durable(trial: Trial, fmt: Format) -> None:
    """An image that was started is served at once by the next runtime, without another start."""
    imaged = Imaged(trial, fmt, pair=open_durable(trial, fmt))
    imaged.reopen(rule=_MADE)
    imaged.world(rule=_MADE)
    actors = imaged.cast("A")
    imaged.play(actors, "A{x=1}", rule=_MADE)
    imaged.reopen(rule=_MADE)
    imaged.play(actors, "A{x+1}", rule=_MADE)
    imaged.expects(actors["A"], x=2)
    imaged.judge(rule=_MADE)


def again(trial: Trial, fmt: Format) -> None:
    """A store that is an image is not fresh, before and after its first operation."""
    imaged = Imaged(trial, fmt)
    imaged.begin(rule=_FRESH)
    imaged.cast("A")
    imaged.begin(rule=_FRESH)
    imaged.judge(rule=_FRESH)


def used(trial: Trial, fmt: Format) -> None:
    """A store whose agent has sent a message, or that has another actor, does not become an image."""
    lockstep = LockstepModel(trial, fmt)
    actor = lockstep.born(b"puppet")
    lockstep.ask("image.start", {}, refused("rejected", "image"), _FRESH)
    lockstep.refs(rule=_FRESH)
    lockstep.tell(actor, lockstep.stage.program(b""))
    lockstep.refs(rule=_FRESH)
    lockstep.flush()


def spaces(trial: Trial, fmt: Format) -> None:
    """One reference in a space of actors makes a store used; a reference in another space does not."""
    for space in ("failed", "archived", "closed", "gone", "moved", "adopted"):
        imaged = Imaged(trial, fmt, pair=None, begins=False)
        stage = imaged.stage
        actor = stage.tree(name=stage.blob(space.encode()))
        sent = stage.graph.add(Message(None, (("mt", "genesis"),), actor))
        target = stage.graph.add(Mailbox(((actor, sent),))) if space == "failed" else actor
        imaged.fill()
        name = f"{space}/{actor.hex()}"
        imaged.request(imaged.pair.cas(Change("tags/kept", None, actor), Change(name, None, target)))
        imaged.begin(rule=_FRESH)
        imaged.refs(rule=_FRESH)
        imaged.request(imaged.pair.cas(Change(name, target, None)))
        imaged.begin(rule=_FRESH)
        imaged.judge(rule=_FRESH)
        imaged.close()


def cut(trial: Trial, fmt: Format) -> None:
    """A store whose agent's chain was cut does not become an image: its head is no step of the bootstrap."""
    lockstep = LockstepModel(trial, fmt)
    absent = lockstep.stage.core(b"absent")
    lockstep.tell(absent, lockstep.stage.program(b""))
    lockstep.release(absent)
    lockstep.cut()
    lockstep.refs(rule=_FRESH)
    lockstep.ask("image.start", {}, refused("rejected", "image"), _FRESH)
    lockstep.refs(rule=_FRESH)
    lockstep.flush()


def chosen(trial: Trial, fmt: Format) -> None:
    """A runtime with a chosen schedule starts no image, and does not start on one."""
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen"))
    lockstep.ask("image.start", {}, refused("rejected", "image"), _FRESH)
    lockstep.refs(rule=_FRESH)
    lockstep.stop()
    imaged = Imaged(trial, fmt, pair=lockstep.pair)
    lockstep.flush()
    imaged.stop()
    terms = StartOptions(schedule="chosen")
    imaged.ask_plainly("runtime.start", start_args(terms), refused("rejected", "image"), _REFUSED)
    imaged.start(rule=_REFUSED)
    imaged.judge(rule=_REFUSED)


def no_image(trial: Trial, fmt: Format) -> None:
    """Every operation of images but the start is refused where the store is none, and changes nothing."""
    imaged = Imaged(trial, fmt, begins=False)
    core = imaged.stage.actor("A")
    imaged.fill()
    page: dict[str, Json] = {"after": None, "limit": 10}
    genesis = letter(core, "genesis", core).to_json()
    asked: list[tuple[str, dict[str, Json]]] = [
        ("request", {"messages": [genesis]}),
        ("request", {"messages": [genesis], "key": ""}),
        ("clock", {"now_ms": "5"}),
        ("rollback", {"to": 0}),
        ("list", page),
        ("log", {"from": 0, "limit": 10}),
        ("world", page),
        ("world", page | {"seq": 7}),
    ]
    for word, args in asked:
        imaged.ask(f"image.{word}", args, refused("rejected", "image"), _IMAGE)
    imaged.refs(rule=_IMAGE)
    for word, args in asked:
        unknown = args | {"runtime": "nobody"}
        imaged.ask_plainly(f"image.{word}", unknown, refused("missing"), "runtime.start.handle")
    imaged.ask_plainly("image.start", {"runtime": "nobody"}, refused("missing"), "runtime.start.handle")
    imaged.begin(rule=_IMAGE)
    imaged.judge(rule=_IMAGE)


def ordinary(trial: Trial, fmt: Format) -> None:
    """The operations of ``runtime`` that would make steps without a record are refused in an image."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{x=1 post B{y=1}}")
    imaged.fill()
    nothing: list[tuple[str, dict[str, Json]]] = [
        ("collect", {}),
        ("release", {"actors": [actors["A"].hex()]}),
        ("cut", {}),
    ]
    for word, args in nothing:
        imaged.ask(f"runtime.{word}", args, refused("rejected", "image"), _REFUSED)
    imaged.refs(rule=_REFUSED)
    imaged.inject(actors["A"], imaged.stage.draft().add("x", 1).seal(), "run", mode="signal", rule=_INJECT)
    imaged.refs(rule=_INJECT)
    imaged.judge(rule=_REFUSED)


def sessions(trial: Trial, fmt: Format) -> None:
    """The operations of sessions are refused in an image, whatever their arguments are."""
    imaged = Imaged(trial, fmt)
    (actor,) = imaged.cast("A").values()
    about: dict[str, Json] = {"at": 1_000, "session": actor.hex()}
    asked: list[tuple[str, dict[str, Json]]] = [
        ("limits", {"max_live": 1, "idle_ms": 0, "lease_ms": 0}),
        ("open", {"at": 1_000, "core": actor.hex()}),
        ("sweep", {"at": 1_000}),
        ("send", about | {"headers": [["at", "1000"]], "content": actor.hex()}),
        ("archive", about),
        ("restore", about),
        ("close", about),
        ("progress", about | {"progress": "e30"}),
        ("prepare", about | {"request": "e30"}),
    ]
    for word, args in asked:
        imaged.ask(f"session.{word}", args, refused("rejected", "image"), _REFUSED)
    imaged.judge(rule=_REFUSED)


def handoffs(trial: Trial, fmt: Format) -> None:
    """An actor of an image is neither released to another store nor adopted."""
    imaged = Imaged(trial, fmt)
    (actor,) = imaged.cast("A").values()
    for word in ("release", "adopt"):
        args = {"store": imaged.pair.handle, "actor": actor.hex()}
        imaged.ask_plainly(f"wasm.{word}", args, refused("rejected", "image"), _REFUSED)
    imaged.judge(rule=_REFUSED)


def alone(trial: Trial, fmt: Format) -> None:
    """An inject, an acknowledgement and an answer are one operation of R each; a run is at rest and has no marks."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    stage, agent = imaged.stage, imaged.agent
    imaged.inject(actors["A"], stage.draft().add("x", 1).seal(), "run", rule=_INJECT)
    imaged.log(rule=_INJECT)
    assert imaged.run(rule=_RUN) == "rest"
    imaged.expects(actors["A"], x=1)
    said = stage.draft().post(agent, "note", stage.blob(b"1")).post(agent, "note", stage.blob(b"2"))
    imaged.order(actors["A"], said)
    imaged.order(actors["B"], stage.draft().post(agent, "note", stage.blob(b"3")))
    listed = imaged.mail(rule=_INJECT)
    assert len(listed) == 3, "three notes are listed"
    first = next(message for sender, message in listed if sender == actors["A"])
    imaged.ack(actors["A"], first, rule=_INJECT)
    imaged.ack(actors["A"], first, rule=_INJECT)  # again: the cursor does not move, so there is no operation
    imaged.log(rule=_INJECT)
    imaged.ack_all(rule=_INJECT)
    imaged.log(rule=_INJECT)
    imaged.inject(actors["B"], stage.draft().fail().seal(), "run", rule=_INJECT)
    assert imaged.run(rule=_RUN) == "rest"
    imaged.log(rule=_RUN)
    imaged.mail(rule=_RUN)
    imaged.judge(rule=_RUN)


def effects(trial: Trial, fmt: Format) -> None:
    """An answer to an effect is one operation of R, whose post is read in the operation after it."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    code = {"effect.ok": stage.draft().add("ok", 1).seal(), "effect.failed": stage.draft().add("failed", 1).seal()}
    actor = stage.actor("A", caps=(f"send.{imaged.agent.hex()}.effect.*",), code=code)
    imaged.create(actor)
    for kind in ("http", "mail"):
        imaged.order(actor, stage.draft().post(imaged.agent, f"effect.{kind}", stage.blob(b"go")))
    first, second = imaged.effects(rule=_INJECT)
    imaged.resolve(first, "ok", b"done", rule=_INJECT)
    imaged.log(rule=_INJECT)
    imaged.expects(actor, ok=None)
    imaged.run(rule=_RUN)
    imaged.expects(actor, ok=1)
    imaged.resolve(second, "failed", b"no", rule=_INJECT)
    imaged.run(rule=_RUN)
    imaged.effects(rule=_INJECT)
    imaged.judge(rule=_INJECT)


def outside(trial: Trial, fmt: Format) -> None:
    """The code of actors of images fails in every transition that is not of an operation."""
    bench = Workbench(trial, fmt)
    code = bench.stage.blob(CODE, ("ct", "s"))
    actor = bench.actor(b"a", CODE)
    assert actor.tell(actor.identity, "genesis", rule=_CODE) is None
    puppet = bench.born(b"turned")
    assert puppet.tell(bench.stage.tree(wit_update=code), "update", rule=_CODE) is None
    turned = bench.born(b"becomes")
    turned.tell(bench.stage.tree(wit=code), "update")
    for mt in ("", "run", "cleanup"):
        assert turned.tell(bench.program(b""), mt, rule=_CODE) is None
    bench.flush()


def in_a_runtime(trial: Trial, fmt: Format) -> None:
    """In a store that is no image an actor with this code is marked, and the runtime goes on."""
    lockstep = LockstepModel(trial, fmt)
    actor = lockstep.stage.core(b"a", CODE)
    lockstep.inject(actor, actor, (("mt", "genesis"),), rule=_CODE)
    lockstep.run(rule=_CODE)
    lockstep.refs(rule=_CODE)
    lockstep.born(b"puppet")
    lockstep.export(rule=_CODE)


def queries(trial: Trial, fmt: Format) -> None:
    """Actors of images answer the queries of the puppet and no others; K answers none."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{d/e=1 x=7}")
    for path in (b"x", b"d", b"d/e", b"image/owner", b"absent", b"/", b""):
        imaged.query(actors["A"], "get", path, rule=_QUERY)
    for name in ("echo", "step", "fail", "wut", "run", "", "image.list"):
        imaged.query(actors["A"], name, b"arguments", rule=_QUERY)
    kernel = imaged.image.state.kernel
    for name in ("get", "echo", "step", "fail"):
        imaged.query(kernel, name, b"op", rule=_KERNEL)
    imaged.query(imaged.stage.text("nobody"), "get", b"x", rule=_QUERY)
    imaged.judge(rule=_QUERY)


def kernel(trial: Trial, fmt: Format) -> None:
    """K reads one message ``image.op`` with a blob at a time, and makes no other step."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    text = stage.blob(b"image-op 1\nseq 0\nclock 0\nfuel 0\noutcome genesis\n", ("ct", "s"))
    actor = bench.actor(b"k", KERNEL_CODE)
    actor.identity = stage.tree(op=text, wit=stage.blob(KERNEL_CODE, ("ct", "s")))
    record = stage.blob(b"any blob")
    actor.tell(actor.identity, "genesis", rule=_KERNEL)
    actor.tell(record, "image.op", rule=_KERNEL)
    for mt, content in (("image.op", stage.tree(a=record)), ("image.grant", record), ("", record)):
        assert actor.tell(content, mt, rule=_KERNEL) is None
        actor.tips.clear()
        bench.outside = stage.tree(name=stage.blob(mt.encode() + b"?", ("ct", "s")))
    one, other = (stage.tree(name=stage.blob(name, ("ct", "s"))) for name in (b"one", b"other"))
    mail = sorted((sender, actor.send(record, "image.op", sender=sender)) for sender in (one, other))
    assert actor.step(*mail, rule=_KERNEL) is None
    assert actor.step(mail[0], rule=_KERNEL) is not None
    for name in ("get", "echo", "step", "fail"):
        assert actor.head is not None, "it was created"
        bench.query(actor.head, name, b"op", rule=_KERNEL)
    update = stage.tree(wit_update=stage.blob(KERNEL_CODE, ("ct", "s")))
    assert bench.born(b"turned").tell(update, "update", rule=_KERNEL) is None
    bench.flush()


def unread(trial: Trial, fmt: Format) -> None:
    """A stop and a start keep the image as it is; what a runtime was never asked for is not made."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{post B{y=1}}")
    imaged.restart(rule=_LASTING)
    imaged.mail(rule=_LASTING)
    imaged.list_actors(rule=_LASTING)
    imaged.run(rule=_LASTING)
    imaged.expects(actors["B"], y=1)
    imaged.judge(rule=_LASTING)


PROPERTIES: Final = (
    *of_images("start/made", made, _MADE),
    *of_images("start/durable", durable, _MADE, features=("durable",)),
    *of_images("start/again", again, _FRESH),
    *of_images("start/used", used, _FRESH, features=("external",)),
    *of_images("start/spaces", spaces, _FRESH),
    *of_images("start/cut", cut, _FRESH),
    *of_images("start/chosen", chosen, _FRESH, _REFUSED, features=("schedule",)),
    *of_images("start/no-image", no_image, _IMAGE),
    *of_images("runtime/refused", ordinary, _REFUSED, _INJECT),
    *of_images("runtime/sessions", sessions, _REFUSED, profiles=("session",)),
    *of_images("runtime/handoffs", handoffs, _REFUSED, profiles=("wasm",)),
    *of_images("runtime/alone", alone, _INJECT, _RUN),
    *of_images("runtime/effects", effects, _INJECT, _RUN, features=("effects",)),
    *of_images("code/outside", outside, _CODE, features=("external",)),
    *of_images("code/in-a-runtime", in_a_runtime, _CODE),
    *of_images("code/queries", queries, _QUERY, _KERNEL),
    *of_images("kernel/step", kernel, _KERNEL, features=("external",)),
    *of_images("runtime/lasting", unread, _LASTING),
)
