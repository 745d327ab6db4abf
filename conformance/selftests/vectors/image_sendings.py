"""Drafts of vectors of sending: types, modes, the order of the conditions, and whose rights count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_drafts import Drafts, Program, add_kernel, held, still

__all__ = ["sending_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")


def sending_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_sendings, _pairs):
        yield from drafts()


# --- what an actor may send ------------------------------------------------------------

_TYPES: Final = {
    COMMITTED: {"job": "plain", "a.b_c-9": "every-character", "imagex": "image-and-more", "on": "on", "x" * 64: "64"},
    "malformed/mt": {
        "": "empty",
        "Job": "upper-case",
        "a/b": "slash",
        "x" * 65: "65",
        "update": "update",
        "cleanup": "cleanup",
        "receipt": "receipt",
        "failed": "failed",
        "reply": "reply",
        "on.spent": "event",
        "image.op": "image-op",
        "image.": "image",
        "image.emit": "emit-without-an-event",
        "image.emit.A": "emit-of-no-event",
        "image.subscribe." + "x" * 33: "subscribe-to-no-event",
    },
}


def _sendings() -> Drafts:
    for ends, types in _TYPES.items():
        for mt, slug in types.items():
            yield f"message/type-{slug}", "message.type", partial(_typed, mt=mt, ends=ends)
    for mode, mt, ends in (
        ("join", "genesis", COMMITTED),
        ("save", "genesis", "malformed/mode"),
        ("post", "genesis", "malformed/mode"),
        ("join", "image.grant", COMMITTED),
        ("save", "image.grant", COMMITTED),
        ("post", "image.grant", "malformed/mode"),
        ("post", "job", COMMITTED),
    ):
        yield f"message/{mode}-{mt.replace('.', '-')}", "message.mode", partial(_moded, mode=mode, mt=mt, ends=ends)
    yield "message/content-is-the-receiver", "message.type", _content_is_receiver
    yield "message/queued", "message.queued", _queued


def _typed(imaged: Imaged, mt: str, ends: str) -> None:
    """A post, so that the type alone decides; the posts are not run."""
    actor = held(imaged, "a", *_ALL)
    other = held(imaged, "b")
    stage = imaged.stage
    imaged.order(actor, stage.draft().send(ops.POST, other, mt, stage.text("1")), ends)


def _moded(imaged: Imaged, mode: str, mt: str, ends: str) -> None:
    actor = held(imaged, "a", *_ALL, "spawn")
    other = held(imaged, "b")
    stage = imaged.stage
    tool = stage.actor("tool", owner=actor, granter=actor)
    to, content = {"genesis": (tool, tool)}.get(mt, (other, stage.text("spawn")))
    imaged.order(actor, stage.draft().send(ops.MODES[mode], to, mt, content), ends)


def _content_is_receiver(imaged: Imaged) -> None:
    """Every message whose content is its receiver is a genesis; a reply and an emission are none."""
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL, "spawn", to_all="job")
    other = stage.actor("b", caps=_ALL, entry={"run": "*"}, code={"ask": stage.draft().reply(ops.SENDER).seal()})
    imaged.create(other)
    imaged.order(actor, stage.draft().join(other, "job", other), "malformed/mt")
    imaged.order(actor, stage.draft().join(other, "genesis", stage.empty()), "malformed/mt")
    imaged.order(actor, stage.draft().join(other, "genesis", other))
    imaged.say(other, "image.subscribe.e", stage.empty())
    imaged.order(other, stage.draft().join(actor, "image.subscribe.e", stage.empty()))
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.emit.e", other), "malformed/mt")
    imaged.order(other, stage.draft().join(ops.ACTOR, "image.emit.e", actor))


def _queued(imaged: Imaged) -> None:
    """Several messages on one channel are behind each other, also over operations."""
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{join B{x+1} join B{x+1} post B{x+1}}")
    imaged.run()
    imaged.play(actors, "A{join B{x+1}}")
    imaged.expects(actors["B"], x=4)
    stage = imaged.stage
    imaged.order(actors["B"], stage.draft().join(ops.ACTOR, "image.timer", stage.text("0 tick")))
    imaged.run()
    for _ in range(2):
        imaged.order(actors["B"], stage.draft().join(actors["A"], "run", stage.draft().reply(stage.empty()).seal()))


# --- the order of the conditions ------------------------------------------------------------


def _pairs() -> Drafts:
    cases: dict[str, tuple[str, Callable[[Imaged], tuple[bytes, Program]]]] = {
        "type-before-mode": ("malformed/mt", partial(_bare, mt="on.x", mode=ops.POST)),
        "mode-before-actor": ("malformed/mode", partial(_bare, mt="image.grant", mode=ops.POST)),
        "actor-before-capability": ("missing/actor", partial(_bare, mt="job", mode=ops.JOIN)),
        "type-before-actor": ("malformed/mt", partial(_bare, mt="reply", mode=ops.JOIN)),
    }
    for slug, (ends, draw) in cases.items():
        yield f"send/{slug}", "cap.order", partial(_sent, draw=draw, ends=ends)
    yield "send/to-the-kernel-actor", "location.kernel cap.order", _to_kernel
    yield "send/to-the-agent", "location.kernel cap.order cap.send", _to_agent
    yield "send/gone", "gone.final cap.order", _to_gone
    yield "send/order-before-capability", "cap.order op.order", _order_first
    yield "send/escalation-before-capability", "cap.order cap.attenuate", _escalation_first
    yield "send/modes-need-capabilities", "cap.send cap.typed", _every_mode
    yield "send/own-types", "cap.send", _own
    yield "send/deputy", "cap.deputy", _deputy
    yield "send/revoked", "cap.revoke cap.stored", _revoked
    yield "send/reply", "program.exact cap.send", _reply


def _bare(imaged: Imaged, mt: str, mode: bytes) -> tuple[bytes, Program]:
    actor = held(imaged, "a")
    stage = imaged.stage
    return actor, stage.draft().send(mode, stage.actor("nobody"), mt, stage.text("1"))


def _sent(imaged: Imaged, draw: Callable[[Imaged], tuple[bytes, Program]], ends: str) -> None:
    actor, draft = draw(imaged)
    imaged.order(actor, draft, ends)


def _to_kernel(imaged: Imaged) -> None:
    actor = held(imaged, "a", *_ALL)
    kernel, stage = imaged.image.kernel, imaged.stage
    add_kernel(imaged)
    for mt in ("job", "image.grant", "image.op"):
        ends = "malformed/mt" if mt == "image.op" else "rejected/location"
        imaged.order(actor, stage.draft().join(kernel, mt, stage.text("spawn")), ends)


def _to_agent(imaged: Imaged) -> None:
    stage, agent = imaged.stage, imaged.agent
    actor = held(imaged, "a", f"send.{agent.hex()}.note")
    imaged.order(actor, stage.draft().join(agent, "note", stage.text("1")), "rejected/effect")
    imaged.order(actor, stage.draft().save(agent, "note", stage.text("1")), "rejected/effect")
    imaged.order(actor, stage.draft().post(agent, "notes", stage.text("1")), "rejected/capability")
    imaged.mail()
    imaged.order(actor, stage.draft().post(agent, "note", stage.text("1")))
    imaged.mail()


def _to_gone(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL, "spawn")
    other = held(imaged, "b", to_all="job")
    imaged.say(other, "image.destroy", stage.empty())
    imaged.order(actor, stage.draft().join(other, "job", stage.text("1")), "rejected/gone")
    imaged.order(actor, stage.draft().join(other, "genesis", other), "rejected/gone")
    imaged.create(other, ends="refused rejected/gone")
    imaged.say(other, "run", stage.draft().seal(), "refused rejected/gone")


def _order_first(imaged: Imaged) -> None:
    """A join behind a post is out of order, also if there is no capability for it."""
    stage = imaged.stage
    other = held(imaged, "b", to_all="job")
    actor = held(imaged, "a", f"send.{other.hex()}.job")
    draft = stage.draft().post(other, "job", stage.text("1")).join(other, "jobs", stage.text("1"))
    imaged.order(actor, draft, "rejected/order")


def _escalation_first(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = held(imaged, "a")
    for caps, ends in ((("read.*",), "rejected/escalation"), ((), "rejected/capability")):
        tool = stage.actor("tool", owner=actor, granter=actor, caps=caps)
        imaged.order(actor, stage.draft().join(tool, "genesis", tool), ends)


def _every_mode(imaged: Imaged) -> None:
    stage = imaged.stage
    other = held(imaged, "b", to_all="job")
    actor = held(imaged, "a", f"send.{other.hex()}.jobs")
    unchanged = still(imaged, actor, other)
    for mode in ops.MODES.values():
        draft = stage.draft().write("x", "1").send(mode, other, "job", stage.text("1"))
        imaged.order(actor, draft, "rejected/capability")
    unchanged()


def _own(imaged: Imaged) -> None:
    """What an actor may send itself without a capability, and what it may not."""
    stage = imaged.stage
    actor = held(imaged, "a")
    allowed = {"run": stage.draft().add("n", 1).seal(), "image.timer": stage.text("5 tick"), "image.emit.e": actor}
    for mt, content in allowed.items():
        ends = "malformed/mt" if content == actor else COMMITTED
        imaged.order(actor, stage.draft().join(ops.ACTOR, mt, content), ends)
    for mt, text in (("image.grant", "spawn"), ("image.entry", "job\n*"), ("image.destroy", "")):
        imaged.order(actor, stage.draft().join(ops.ACTOR, mt, stage.text(text)), "rejected/capability")


def _deputy(imaged: Imaged) -> None:
    """The handler of B sends by the rights of B, not by those of the actor that asks."""
    stage = imaged.stage
    owner = held(imaged, "p", *_ALL)
    victim = held(imaged, "c", to_all="job")
    ask = stage.draft().join(victim, "job", stage.text("1")).seal()
    deputy = stage.actor("b", owner=owner, entry={"ask": "*"}, code={"ask": ask})
    imaged.create(deputy)
    imaged.order(owner, stage.draft().join(deputy, "ask", stage.empty()), "rejected/capability")
    imaged.say(deputy, "ask", stage.empty(), "rejected/capability")
    imaged.say(victim, "image.install", stage.install(job=stage.draft().add("n", 1).seal()))
    imaged.say(deputy, "image.grant", stage.text(f"send.{victim.hex()}.job"))
    imaged.order(owner, stage.draft().join(deputy, "ask", stage.empty()))
    imaged.expects(victim, n=1)


def _revoked(imaged: Imaged) -> None:
    """B loses a capability within an operation: what it sent before is read, and it sends no more."""
    stage = imaged.stage
    log = stage.actor("l", entry={"job": "*"}, code={"job": stage.draft().add("n", 1).seal()})
    imaged.create(log)
    capability = f"send.{log.hex()}.job"
    owner = held(imaged, "p", *_ALL)
    actor = stage.actor("b", owner=owner, caps=(capability,), entry={"run": "*"})
    imaged.create(actor)
    tell = stage.draft().join(log, "job", stage.empty()).seal()
    revoke = stage.text(capability)
    draft = stage.draft().join(actor, "run", tell).join(actor, "image.revoke", revoke)
    imaged.order(owner, draft)
    imaged.expects(log, n=1)
    imaged.say(actor, "run", tell, "rejected/capability")
    imaged.say(actor, "image.grant", revoke)
    both = stage.draft().join(actor, "image.revoke", revoke).join(actor, "run", tell)
    imaged.order(owner, both, "rejected/capability")


def _reply(imaged: Imaged) -> None:
    """A reply needs no capability; it is a join if the message was a join, and a post if it was a post."""
    stage = imaged.stage
    answer = {"ask": stage.draft().reply(stage.text("7")).seal()}
    server = stage.actor("s", entry={"ask": "*"}, code=answer)
    imaged.create(server)
    code = {"reply": stage.draft().raw(ops.count("n")).seal()}
    client = stage.actor("c", caps=(f"send.{server.hex()}.ask",), entry={"run": "*"}, code=code)
    imaged.create(client)
    imaged.order(client, stage.draft().join(server, "ask", stage.empty()))
    imaged.expects(client, n=7)
    imaged.order(client, stage.draft().post(server, "ask", stage.empty()))
    imaged.run()
    imaged.expects(client, n=14)
    imaged.say(server, "ask", stage.empty())
    imaged.mail()
