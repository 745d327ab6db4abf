"""Drafts of vectors of denials, each with the one condition that decides it: all other conditions are met."""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.properties.image.guests import GuestImage
from gritstone_conformance.properties.image.imaged import Imaged
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.courier import courier, guest_core
from selftests.vectors.image_drafts import Drafts, ImageDraft, held

__all__ = ["denial_drafts", "guest_denials"]

_DENIED = "rejected/capability"
_ESCALATION = "rejected/escalation"


def denial_drafts() -> Drafts:
    """Yield the drafts of actors with programs."""
    yield "kernel/cancel-of-no-handle", "kernel.exact timer.cancel", _cancel
    yield "kernel/revert-to-an-invalid-core", "spawn.valid kernel.exact", _revert
    yield "kernel/to-itself-without-a-right", "cap.send", _own_kernel
    yield "program/count-to-a-reserved-path", "location.reserved", _count
    yield "send/to-a-blob", "program.exact", _to_blob
    yield "spawn/parts-of-a-child", "cap.attenuate", _child
    yield "core/owner-of-another-form", "core.closed", _owner
    yield "core/quota-of-another-form", "core.closed", _quota


def _cancel(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    for text in ("", "x", "0" * 63, "G" * 64):
        imaged.order(actor, stage.draft().join(ops.ACTOR, "image.cancel", stage.text(text)), "malformed/cancel")
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.cancel", stage.text("0" * 64)), "missing/timer")


def _revert(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    wrong = stage.actor("A", {"code": stage.tree(do=stage.tree(x=stage.empty()))})
    imaged.say(actor, "image.revert", stage.tree(core=wrong), "malformed/program")
    imaged.say(actor, "image.revert", stage.tree(core=stage.actor("A")))


def _own_kernel(imaged: Imaged) -> None:
    """Without a capability, an actor sends itself only timers, cancels and events."""
    stage = imaged.stage
    poor, rich = held(imaged, "poor"), held(imaged, "rich", "send.*.image.*")
    contents = {
        "subscribe.e": stage.empty(),
        "entry": stage.text("job\n*"),
        "install": stage.install(job=stage.draft().seal()),
    }
    for word, content in contents.items():
        imaged.order(poor, stage.draft().join(ops.ACTOR, f"image.{word}", content), _DENIED)
    imaged.order(rich, stage.draft().join(ops.ACTOR, "image.subscribe.e", stage.empty()))
    imaged.order(poor, stage.draft().join(ops.ACTOR, "image.timer", stage.text("5 tick")))


def _count(imaged: Imaged) -> None:
    """The path is judged before the content, which is no number."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    code = stage.install(t=stage.draft().raw(ops.count("image/x")).seal(), u=stage.draft().raw(ops.count("x")).seal())
    imaged.say(actor, "image.install", code)
    imaged.say(actor, "image.entry", stage.text("t\n*"))
    for mt, ends in (("t", "rejected/location"), ("u", "rejected/failed")):
        imaged.say(actor, mt, stage.text("no number"), ends)
    imaged.say(actor, "u", stage.text("5"))
    imaged.expects(actor, x=5)


def _to_blob(imaged: Imaged) -> None:
    actor = held(imaged, "A", "send.*.*")
    stage = imaged.stage
    imaged.order(actor, stage.draft().join(stage.text("x"), "run", stage.draft().seal()), "rejected/failed")
    imaged.order(actor, stage.draft().join(stage.tree(x=stage.empty()), "run", stage.draft().seal()), "missing/actor")


def _child(imaged: Imaged) -> None:
    """What a program creates has the owner of its creator, and no quota, timers or subscribers."""
    actor = held(imaged, "A", "spawn")
    stage = imaged.stage
    owner, digits = stage.text(actor.hex()), "ab" * 32
    parts = {
        "quota": stage.text("actors 1\n"),
        "timers": stage.tree(**{digits: stage.text("5 0 0 tick")}),
        "subs": stage.tree(**{f"e.{digits}": stage.empty()}),
    }
    for name, part in parts.items():
        core = stage.tree(name=stage.text(name), **stage.nodes(), image=stage.tree(owner=owner, **{name: part}))
        imaged.order(actor, stage.draft().join(core, "genesis", core), _ESCALATION)
    bare = stage.tree(name=stage.text("bare"), **stage.nodes(), image=stage.tree(entry=stage.tree(x=stage.text("*"))))
    imaged.order(actor, stage.draft().join(bare, "genesis", bare), _ESCALATION)
    core = stage.tree(name=stage.text("right"), **stage.nodes(), image=stage.tree(owner=owner))
    imaged.order(actor, stage.draft().join(core, "genesis", core))


def _owner(imaged: Imaged) -> None:
    stage = imaged.stage
    for text in ("", "selF", "0" * 63, "A" * 64):
        core = stage.tree(name=stage.text("A"), **stage.nodes(), image=stage.tree(owner=stage.text(text)))
        imaged.create(core, ends="refused malformed/core")
    core = stage.tree(name=stage.text("A"), **stage.nodes(), image=stage.tree(owner=stage.text("0" * 64)))
    imaged.create(core, ends="refused missing/actor")


def _quota(imaged: Imaged) -> None:
    stage = imaged.stage
    owner = stage.text("self")
    right = "actors 1\nbytes 9999\nfuel 99\nposts 1\nsubs 1\ntimers 1\n"
    wrong = ("", right[:-1], right + "x 1\n", right.replace("subs 1\n", ""), right.replace("posts 1", "posts 01"))
    for text in wrong:
        image = stage.tree(owner=owner, quota=stage.text(text))
        imaged.create(stage.tree(name=owner, **stage.nodes(), image=image), ends="refused malformed/core")
    image = stage.tree(owner=owner, quota=stage.text(right))
    imaged.create(stage.tree(name=owner, **stage.nodes(), image=image))


# --- guests ------------------------------------------------------------


def guest_denials() -> Iterator[ImageDraft]:
    """Yield the drafts of guests."""
    for slug, rules, script in (
        ("places", "wasm.valid", _places),
        ("chains", "wasm.both", _chains),
        ("replies", "wasm.both", _replies),
        ("type-before-mode", "wasm.both cap.order", _type_first),
    ):
        yield ImageDraft(f"wasm/{slug}", tuple(rules.split()), script, ("image.wasm",), GuestImage)


def _places(image: GuestImage) -> None:
    """A module that could run everywhere else is valid only below ``code``."""
    stage = image.stage
    module = stage.blob(courier())
    elsewhere = stage.text("wasm:lib/tool.wasm")
    entries = {"wit": elsewhere, "wit_query": elsewhere, "lib": stage.tree(**{"tool.wasm": module})}
    image.create(guest_core(stage, "lib", None, None, entries, owner=image.one), ends="refused malformed/program")
    alone = stage.text("wasm:code")
    entries = {"wit": alone, "wit_query": alone, "code": module}
    image.create(guest_core(stage, "code", None, None, entries, owner=image.one), ends="refused malformed/program")
    image.guest("valid")


def _chains(image: GuestImage) -> None:
    """A guest only adds to a channel: it neither begins it again nor empties it."""
    guest, two = image.guest("chains", "send.*.*"), image.two
    image.do(guest, image.told(two))
    for op in ("", "join"):
        begins = image.told(two, content=image.stage.text("8"), op=op, bare="yes")
        image.do(guest, begins, ends="malformed/mode")
    image.do(guest, drop=two, ends="malformed/mode")
    image.do(guest, image.told(two), image.told(two))
    image.expects(two, paid=3)


def _replies(image: GuestImage) -> None:
    """A reply goes to the sender, has the id of its message, and has a mode if the message has one."""
    stage, one = image.stage, image.one
    guest = image.guest("replies", "send.*.*")
    other = "ab" * 32

    def asked(*letters: bytes, ends: str = "committed", op: bytes = ops.JOIN) -> None:
        image.order(one, stage.draft().send(op, guest, "do", image.errand(*letters)), ends)

    asked(image.told(one, "reply", r="yes"))
    asked(image.told(image.two, "reply", r="yes"), ends="malformed/mt")
    asked(image.told(one, "reply", op="", r="yes"), ends="malformed/mt")
    asked(image.told(one, "reply", op="save", r="yes"), ends="malformed/mt")
    asked(image.told(one, "reply", reply=other), ends="malformed/mt")
    asked(image.told(one, "reply"), ends="malformed/mt")
    image.do(guest, image.told(image.agent, "reply", op="", r="yes"))
    image.do(guest, image.told(image.agent, "reply", op="join", r="yes"), ends="malformed/mt")


def _type_first(image: GuestImage) -> None:
    guest = image.guest("types", "send.*.*")
    image.do(guest, image.told(image.two, "failed", op="now"), ends="malformed/mt")
    image.do(guest, image.told(image.two, op="now"), ends="malformed/mode")
