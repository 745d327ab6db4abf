"""Capabilities: what covers what, and which messages an actor may send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.capabilities import covers
from gritstone_conformance.properties.image.imaged import ANY, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import JOIN, POST, SAVE, Draft
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_COVERS: Final = "image.cap.covers"
_SEND: Final = "image.cap.send"
_ORDER: Final = "image.cap.order"

_DENIED: Final = "rejected/capability"
_MODES: Final = (JOIN, SAVE, POST)

_NO_CAPABILITIES: Final = (
    "",
    "spawn.",
    "Spawn",
    "read",
    "read.",
    "read.b",
    "send",
    "send.*",
    "send.*.",
    "send..pay",
    "send.*.PAY",
    "send.*.pay**",
    "send.*.p*y",
    "send.*. pay",
    "send.%s.pay\n" % ("0" * 64),
    "send.%s.pay" % ("0" * 63),
    "send.%s.pay" % ("A" * 64),
    "send.*." + "a" * 65,
    "send.*." + "a" * 64 + "*",
    "read.*.x",
    "image.grant",
)


def table(trial: Trial, fmt: Format) -> None:
    """An actor grants exactly what one of its capabilities covers, by the table of the chapter and its neighbours."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    one, other = stage.text("one").hex(), stage.text("other").hex()
    wanted = [
        *("spawn", "read.*", f"read.{one}", f"read.{other}"),
        *(f"send.{actor}.{name}" for actor in (one, "*") for name in ("pay", "pays", "pa*", "*", "image.*")),
        *(f"send.{actor}.{name}" for actor in (other, "*") for name in ("pay", "image.grant", "i*", "image.g*")),
        *_NO_CAPABILITIES[:3],
    ]
    (target,) = imaged.cast("T").values()
    for number, held in enumerate(each for each in dict.fromkeys(wanted) if each not in _NO_CAPABILITIES):
        caps = {held, f"send.{target.hex()}.image.grant"}
        granter = stage.actor(f"granter {number}", caps=sorted(caps))
        roots = [letter(granter, "genesis", granter)]
        expected = []
        imaged.operate(*roots)
        for name in dict.fromkeys(wanted):
            grant = stage.draft().join(target, "image.grant", stage.text(name))
            is_covered = any(covers(each, name) for each in caps)
            expected.append(is_covered)
            imaged.order(granter, grant, ANY, rule=_COVERS)
        assert any(expected), "each capability covers itself"
    imaged.list_actors(rule=_COVERS)
    imaged.judge(rule=_COVERS)


def no_capabilities(trial: Trial, fmt: Format) -> None:
    """A text that is not a capability is not granted, also not by R, and makes a first core malformed."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A").values()
    stage = imaged.stage
    for name in _NO_CAPABILITIES:
        imaged.say(one, "image.grant", stage.text(name), "malformed/capability", rule=_COVERS)
        imaged.say(one, "image.revoke", stage.text(name), "malformed/capability", rule=_COVERS)
    for name in ("read.b", "send.*.PAY", "spawned"):
        core = stage.actor(f"with {name}", caps=("spawn", name))
        imaged.create(core, ends="refused malformed/capability", rule=_COVERS)
    imaged.judge(rule=_COVERS)


def matrix(trial: Trial, fmt: Format) -> None:
    """Each sender, receiver, type and mode: a message is sent exactly if a capability covers it, or none is needed."""
    imaged = Imaged(trial, fmt)
    stage, agent = imaged.stage, imaged.agent
    code = {mt: stage.draft().add(mt.replace(".", "-"), 1).seal() for mt in ("pay", "pays", "note")}
    entry = dict.fromkeys((*code, "run"), "*")
    target = stage.actor("target", entry=entry, code=code)
    owned = stage.actor("owned", owner=target, entry=entry, code=code)
    held: Mapping[str, tuple[str, ...]] = {
        "nothing": (),
        "one type": (f"send.{target.hex()}.pay",),
        "a prefix": (f"send.{target.hex()}.pa*", f"send.{agent.hex()}.note"),
        "all plain": (f"send.{target.hex()}.*",),
        "all kernel": (f"send.{target.hex()}.image.*",),
        "to all": ("send.*.pay",),
        "other rights": ("spawn", "read.*", f"send.{owned.hex()}.*"),
    }
    senders = [stage.actor(name, caps=caps, entry=entry, code=code) for name, caps in held.items()]
    imaged.create(target, owned, *senders)
    spawn = stage.text("spawn")
    for number, sender in enumerate(senders):
        for to in (target, owned, agent, sender):
            for mt in ("pay", "pays", "note"):
                mode = POST if to == agent else _MODES[number % 3]
                draft = stage.draft().send(mode, to, mt, stage.blob(b"1"))
                imaged.order(sender, draft, ANY, rule=_SEND)
                imaged.run(rule=_SEND)
        for to in (target, owned, sender):
            imaged.order(sender, stage.draft().join(to, "image.revoke", spawn), ANY, rule=_SEND)
            imaged.order(sender, stage.draft().join(to, "image.subscribe.spent", stage.empty()), ANY, rule=_SEND)
    for mode in _MODES:
        imaged.order(senders[0], stage.draft().send(mode, target, "pay", stage.blob(b"1")), _DENIED, rule=_SEND)
        imaged.order(senders[1], stage.draft().send(mode, target, "pay", stage.blob(b"1")), rule=_SEND)
        imaged.run(rule=_SEND)
    imaged.order(senders[0], stage.draft().post(agent, "note", stage.empty()), _DENIED, rule=_SEND)
    imaged.mail(rule=_SEND)
    imaged.judge(rule=_SEND)


def no_capability_needed(trial: Trial, fmt: Format) -> None:
    """An actor without capabilities sends itself plain types, timers, cancels and emissions, and replies."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    poor = stage.actor(
        "poor",
        entry={"ask": "*"},
        code={"ask": stage.draft().reply(stage.blob(b"7")).seal(), "job": stage.draft().add("j", 1).seal()},
    )
    code = {"reply": stage.draft().add("r", 1).seal()}
    asks = stage.actor("asks", caps=(f"send.{poor.hex()}.ask",), code=code)
    imaged.create(poor, asks)
    self_sent = stage.draft().join(0xF0, "job", stage.empty()).join(0xF0, "image.timer", stage.text("0 job"))
    imaged.order(poor, self_sent.join(0xF0, "image.emit.e", stage.empty()).post(0xF0, "job", stage.empty()), rule=_SEND)
    (handle,) = imaged.timers(poor)
    imaged.order(
        poor, stage.draft().join(0xF0, "image.cancel", stage.text(handle.hex())), "rejected/order", rule=_ORDER
    )
    imaged.run(rule=_SEND)
    imaged.order(poor, stage.draft().join(0xF0, "image.timer", stage.text("9 job")), rule=_SEND)
    (handle,) = imaged.timers(poor)
    imaged.order(poor, stage.draft().join(0xF0, "image.cancel", stage.text(handle.hex())), rule=_SEND)
    for mode in _MODES:
        imaged.order(asks, stage.draft().send(mode, poor, "ask", stage.empty()), rule=_SEND)
        imaged.run(rule=_SEND)
    imaged.expects(asks, r=3)
    for mt in ("image.grant", "image.entry", "image.install", "image.destroy", "image.subscribe.e", "image.quota"):
        imaged.order(poor, stage.draft().join(0xF0, mt, stage.text("spawn")), _DENIED, rule=_SEND)
    imaged.order(poor, stage.draft().reply(stage.blob(b"to R")), rule=_SEND)
    imaged.mail(rule=_SEND)
    imaged.judge(rule=_SEND)


def order(trial: Trial, fmt: Format) -> None:
    """Of several reasons to refuse a sending the first in the order of the table counts, for each neighbouring pair."""
    imaged = Imaged(trial, fmt)
    stage, agent = imaged.stage, imaged.agent
    poor = stage.actor("poor", entry={"run": "*"})
    gone, never = stage.actor("gone"), stage.tree(name=stage.text("never"))
    greedy = stage.actor("greedy", owner=never)
    imaged.create(poor, gone)
    imaged.say(gone, "image.destroy", stage.empty())
    kernel, empty = imaged.image.kernel, stage.empty()
    cases: tuple[tuple[Draft, str], ...] = (
        (stage.draft().post(never, "image.op", empty), "malformed/mt"),
        (stage.draft().post(never, "Pay", empty), "malformed/mt"),
        (stage.draft().post(gone, "genesis", empty), "malformed/mt"),
        (stage.draft().post(never, "pay", never), "malformed/mt"),
        (stage.draft().post(never, "image.grant", empty), "malformed/mode"),
        (stage.draft().post(never, "genesis", never), "malformed/mode"),
        (stage.draft().save(never, "genesis", never), "malformed/mode"),
        (stage.draft().join(never, "pay", empty), "missing/actor"),
        (stage.draft().join(gone, "pay", empty), "rejected/gone"),
        (stage.draft().join(gone, "genesis", gone), "rejected/gone"),
        (stage.draft().join(kernel, "pay", empty), "rejected/location"),
        (stage.draft().post(kernel, "pay", empty), "rejected/location"),
        (stage.draft().join(kernel, "genesis", kernel), "rejected/location"),
        (stage.draft().join(agent, "pay", empty), "rejected/effect"),
        (stage.draft().save(agent, "pay", empty), "rejected/effect"),
        (stage.draft().join(agent, "genesis", agent), "rejected/effect"),
        (stage.draft().join(agent, "image.grant", empty), "rejected/effect"),
        (stage.draft().join(greedy, "genesis", greedy), "rejected/escalation"),
        (stage.draft().post(agent, "pay", empty), _DENIED),
    )
    for draft, ends in cases:
        imaged.order(poor, draft, ends, rule=_ORDER)
    imaged.order(poor, stage.draft().post(0xF0, "job", empty), rule=_ORDER)
    late = stage.draft().join(0xF0, "job", empty)
    imaged.order(poor, late, "rejected/order", rule=_ORDER)
    imaged.order(poor, stage.draft().join(0xF0, "image.grant", stage.text("spawn")), "rejected/order", rule=_ORDER)
    imaged.judge(rule=_ORDER)


PROPERTIES: Final = (
    *of_images("capability/table", table, _COVERS),
    *of_images("capability/none", no_capabilities, _COVERS),
    *of_images("capability/matrix", matrix, _SEND),
    *of_images("capability/not-needed", no_capability_needed, _SEND, _ORDER),
    *of_images("capability/order", order, _ORDER),
)
