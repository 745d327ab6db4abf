"""Authority: rights come from the core alone, are given and taken as the text says, and are never widened."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import JOIN, POST, SAVE
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_TYPED: Final = "image.cap.typed"
_STORED: Final = "image.cap.stored"
_DEPUTY: Final = "image.cap.deputy"
_REVOKE: Final = "image.cap.revoke"
_SELF: Final = "image.cap.self"
_GRANT: Final = "image.kernel.grant"
_ATTENUATE: Final = "image.cap.attenuate"
_READ: Final = "image.program.read"
_KERNEL: Final = "image.location.kernel"

_DENIED: Final = "rejected/capability"


def kernel_and_agent(trial: Trial, fmt: Format) -> None:
    """An actor with every capability sends K nothing, and R only posts."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A").values()
    stage, agent, kernel = imaged.stage, imaged.agent, imaged.image.kernel
    record = stage.text("image-op 1\nseq 9\nclock 0\nfuel 0\noutcome committed\n")
    for mt, mode, ends in (
        ("image.op", JOIN, "malformed/mt"),
        ("run", JOIN, "rejected/location"),
        ("run", SAVE, "rejected/location"),
        ("run", POST, "rejected/location"),
        ("image.grant", JOIN, "rejected/location"),
        ("image.install", SAVE, "rejected/location"),
        ("image.destroy", JOIN, "rejected/location"),
    ):
        imaged.order(one, stage.draft().send(mode, kernel, mt, record), ends, rule=_KERNEL)
    for mt in ("run", "image.install", "image.destroy", "note"):
        imaged.order(one, stage.draft().join(agent, mt, record), "rejected/effect", rule=_KERNEL)
        imaged.order(one, stage.draft().save(agent, mt, record), "rejected/effect", rule=_KERNEL)
    imaged.order(one, stage.draft().post(agent, "note", record), rule=_KERNEL)
    for to in (agent, kernel):
        imaged.order(one, stage.draft().read(to, "name", "seen"), "rejected/location", rule=_KERNEL)
        imaged.say(to, "image.install", stage.tree(code=stage.empty()), "refused rejected/location", rule=_KERNEL)
        imaged.say(to, "genesis", to, "refused rejected/location", rule=_KERNEL)
    imaged.mail(rule=_KERNEL)
    imaged.judge(rule=_KERNEL)


def typed(trial: Trial, fmt: Format) -> None:
    """A denied read or sending fails the step: nothing is written in the place of what was denied."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage = imaged.stage
    poor = stage.actor("poor", entry={"run": "*"})
    imaged.create(poor)
    imaged.order(two, stage.draft().write("x", "1"))
    read = stage.draft().write("y", "1").read(two, "x", "seen")
    imaged.order(poor, read, _DENIED, rule=_TYPED)
    imaged.order(poor, stage.draft().read(two, "absent", "seen"), _DENIED, rule=_READ)
    sent = stage.draft().write("y", "1").join(0xF0, "job", stage.empty()).join(two, "run", stage.draft().seal())
    imaged.order(poor, sent, _DENIED, rule=_TYPED)
    imaged.expects(poor, y=None, seen=None)
    imaged.order(one, stage.draft().save(poor, "run", read.seal()), rule=_TYPED)
    imaged.expects(one, f=1)
    imaged.log(rule=_TYPED)
    imaged.order(one, stage.draft().read(two, "x", "seen").read(two, "absent", "none"), rule=_READ)
    imaged.expects(one, seen=1, none=None)
    imaged.say(poor, "image.grant", stage.text(f"read.{two.hex()}"))
    imaged.order(poor, read, rule=_READ)
    imaged.order(poor, stage.draft().read(one, "x", "seen"), _DENIED, rule=_READ)
    imaged.order(poor, stage.draft().write("own", "1").read(0xF0, "y", "copy").read(0xF0, "own", "early"), rule=_READ)
    imaged.expects(poor, copy=1, early=None)
    imaged.judge(rule=_TYPED)


def stored(trial: Trial, fmt: Format) -> None:
    """Rights are in the core: another runtime on the store decides as the first one."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (two,) = imaged.cast("B").values()
    poor = stage.actor("poor", entry={"run": "*"})
    imaged.create(poor)
    pays = stage.draft().join(two, "run", stage.draft().add("y", 1).seal())
    imaged.order(poor, pays, _DENIED, rule=_STORED)
    imaged.restart(rule=_STORED)
    imaged.order(poor, pays, _DENIED, rule=_STORED)
    imaged.say(poor, "image.grant", stage.text(f"send.{two.hex()}.run"))
    imaged.order(poor, pays, rule=_STORED)
    imaged.restart(rule=_STORED)
    imaged.order(poor, pays, rule=_STORED)
    imaged.say(poor, "image.revoke", stage.text(f"send.{two.hex()}.run"))
    imaged.order(poor, pays, _DENIED, rule=_STORED)
    imaged.restart(rule=_STORED)
    imaged.order(poor, pays, _DENIED, rule=_STORED)
    imaged.list_actors(rule=_STORED)
    imaged.judge(rule=_STORED)


def revoked(trial: Trial, fmt: Format) -> None:
    """A revoked capability is gone from the next step on, in the same operation too; what was sent before is read."""
    imaged = Imaged(trial, fmt)
    (owner, two) = imaged.cast("A", "B").values()
    stage = imaged.stage
    name = f"send.{two.hex()}.run"
    pays = stage.draft().join(two, "run", stage.draft().add("y", 1).seal()).seal()
    child = stage.actor("child", owner=owner, granter=owner, caps=(name,), entry={"run": "*"})
    imaged.order(owner, stage.draft().join(child, "genesis", child))
    later = stage.draft().join(child, "run", pays).join(child, "image.revoke", stage.text(name))
    imaged.order(owner, later, rule=_REVOKE)
    imaged.expects(two, y=1)
    imaged.say(child, "image.grant", stage.text(name))
    early = stage.draft().join(child, "image.revoke", stage.text(name)).join(child, "run", pays)
    imaged.order(owner, early, _DENIED, rule=_REVOKE)
    imaged.say(child, "run", pays, rule=_REVOKE)  # the failed operation revoked nothing
    undone = stage.draft().join(child, "image.revoke", stage.text(name)).fail().seal()
    imaged.order(owner, stage.draft().save(owner, "run", undone).join(child, "run", pays), rule=_REVOKE)
    imaged.order(child, stage.draft().post(0xF0, "run", pays))
    imaged.say(child, "image.revoke", stage.text(name), "committed", rule=_REVOKE)
    imaged.run(rule=_REVOKE)
    imaged.say(child, "run", pays, _DENIED, rule=_REVOKE)
    imaged.expects(two, y=3)
    imaged.judge(rule=_REVOKE)


def granters(trial: Trial, fmt: Format) -> None:
    """A capability is revoked by R, by the owner and by its granter, and by no other actor."""
    imaged = Imaged(trial, fmt)
    (owner, granter, other) = imaged.cast("A", "B", "C").values()
    stage = imaged.stage
    child = stage.actor("child", owner=owner)
    imaged.create(child)
    name = stage.text("read.*")
    revoke = stage.draft().join(child, "image.revoke", name)
    for by, ends in ((other, _DENIED), (granter, COMMITTED), (owner, COMMITTED)):
        imaged.order(granter, stage.draft().join(child, "image.grant", name), rule=_REVOKE)
        imaged.list_actors(rule=_REVOKE)
        imaged.order(by, revoke, ends, rule=_REVOKE)
    imaged.order(owner, revoke, "missing/capability", rule=_REVOKE)
    imaged.order(other, revoke, _DENIED, rule=_REVOKE)
    imaged.order(granter, stage.draft().join(child, "image.grant", name))
    imaged.order(other, stage.draft().join(child, "image.grant", name))  # it becomes the granter
    imaged.order(granter, revoke, _DENIED, rule=_REVOKE)
    imaged.order(other, revoke, rule=_REVOKE)
    imaged.judge(rule=_REVOKE)


def grants(trial: Trial, fmt: Format) -> None:
    """A chain of grants only narrows: each actor gives what its own core covers when the grant is read."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    actors = [stage.actor(name, caps=("send.*.image.grant",), entry={"run": "*"}) for name in "abcd"]
    imaged.create(*actors)
    target = actors[3].hex()
    imaged.say(actors[0], "image.grant", stage.text("send.*.pa*"))
    chain = ("send.*.pay*", f"send.{target}.pay*", f"send.{target}.pay")
    for by, to, name in zip(actors, actors[1:], chain, strict=False):
        wider = {"send.*.*", "send.*.p*", "spawn", "read.*", "send.*.image.grant*", "send.*.pa*", "send.*.pay*", *chain}
        for each in sorted(wider - {name}):
            imaged.order(by, stage.draft().join(to, "image.grant", stage.text(each)), ANY, rule=_GRANT)
            imaged.say(to, "image.revoke", stage.text(each), ANY, rule=_GRANT)
        imaged.order(by, stage.draft().join(to, "image.grant", stage.text(name)), rule=_GRANT)
    imaged.list_actors(rule=_GRANT)
    first = stage.text("send.*.pay*")
    before = stage.draft().join(actors[1], "image.grant", first)
    imaged.say(actors[0], "image.revoke", stage.text("send.*.pa*"))
    imaged.order(actors[0], before, "rejected/escalation", rule=_GRANT)
    imaged.order(actors[1], stage.draft().join(actors[2], "image.grant", first), rule=_GRANT)
    imaged.judge(rule=_GRANT)


def chains(trial: Trial, fmt: Format) -> None:
    """An actor gives a new one what it covers itself, with its own name as the granter, and nothing else."""
    imaged = Imaged(trial, fmt)
    (other,) = imaged.cast("O").values()
    stage = imaged.stage
    maker = stage.actor("maker", caps=("spawn", "send.*.pa*", f"read.{other.hex()}"), entry={"run": "*"})
    imaged.create(maker)
    escalation = "rejected/escalation"
    for number, (caps, ends) in enumerate(
        (
            ((), COMMITTED),
            (("spawn",), COMMITTED),
            (("send.*.pay", f"send.{other.hex()}.pa*"), COMMITTED),
            ((f"read.{other.hex()}",), COMMITTED),
            (("read.*",), escalation),
            (("send.*.*",), escalation),
            (("send.*.pay", "send.*.run"), escalation),
            (("send.*.image.grant",), escalation),
            ((f"read.{maker.hex()}",), escalation),
        )
    ):
        child = stage.actor(f"child {number}", owner=maker, granter=maker, caps=caps)
        imaged.order(maker, stage.draft().join(child, "genesis", child), ends, rule=_ATTENUATE)
    image = stage.tree(owner=stage.text(maker.hex()), quota=stage.text("actors 1\n"))
    cores = (
        stage.actor("a principal"),
        stage.actor("of another", owner=other, granter=maker),
        stage.actor("of R's granting", owner=maker, caps=("spawn",)),
        stage.actor("of another's granting", owner=maker, caps=("spawn",), granter=other),
        stage.actor("with a quota", {"image": image}, owner=maker),
        stage.actor("without image", {"image": stage.empty()}, owner=maker),
        *(
            stage.actor(f"with {part}", {"image": stage.tree(owner=stage.text(maker.hex()), **{part: stage.empty()})})
            for part in ("timers", "subs", "quota")
        ),
    )
    for core in cores:
        imaged.order(maker, stage.draft().join(core, "genesis", core), escalation, rule=_ATTENUATE)
    child = stage.actor("second", owner=maker, granter=maker, caps=("spawn",), entry={"run": "*"})
    imaged.order(maker, stage.draft().join(child, "genesis", child))
    grandchild = stage.actor("third", owner=maker, granter=child, caps=("spawn",))
    imaged.order(child, stage.draft().join(grandchild, "genesis", grandchild), rule=_ATTENUATE)
    wide = stage.actor("fourth", owner=maker, granter=child, caps=("send.*.pay",))
    imaged.order(child, stage.draft().join(wide, "genesis", wide), escalation, rule=_ATTENUATE)
    own = stage.actor("fifth", owner=child, granter=child)
    imaged.order(child, stage.draft().join(own, "genesis", own), escalation, rule=_ATTENUATE)
    imaged.list_actors(rule=_ATTENUATE)
    imaged.judge(rule=_ATTENUATE)


def protected(trial: Trial, fmt: Format) -> None:
    """An actor cannot change its own rights by any op, path, message or new actor."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    actor = stage.actor("a", caps=("spawn", "send.*.pay"), entry={"run": "*"})
    imaged.create(actor)
    operand = stage.tree(owner=stage.text("self"))
    before = imaged.list_actors()
    for path in ("image", "image/owner", "image/caps/spawn", "image/quota", "image/entry/pay", "image/timers/x"):
        for draft in (
            stage.draft().put(path, operand),
            stage.draft().write(path, "self"),
            stage.draft().raw(b"A" + bytes((len(path),)) + path.encode() + b"\0\1x"),
            stage.draft().raw(b"D" + bytes((len(path),)) + path.encode()),
            stage.draft().add(path, 1),
            stage.draft().raw(b"c" + bytes((len(path),)) + path.encode() + b"+"),
            stage.draft().read(0xF0, "name", path),
        ):
            imaged.order(actor, draft, "rejected/location", rule=_SELF)
    spawn = stage.text("spawn")
    for mt, content in (
        ("image.grant", spawn),
        ("image.revoke", spawn),
        ("image.entry", stage.text("pay\n*")),
        ("image.quota", stage.text("actors 1\n")),
        ("image.install", stage.tree(image=operand)),
        ("image.revert", stage.tree(core=operand)),
        ("image.destroy", stage.empty()),
        ("image.subscribe.e", stage.empty()),
    ):
        imaged.order(actor, stage.draft().join(0xF0, mt, content), _DENIED, rule=_SELF)
    imaged.order(actor, stage.draft().join(actor, "genesis", actor), rule=_SELF)  # its own genesis is only read
    for mt in ("update", "cleanup"):
        imaged.order(actor, stage.draft().join(0xF0, mt, stage.tree(image=operand)), "malformed/mt", rule=_SELF)
    imaged.say(actor, "update", stage.tree(image=operand), "refused malformed/mt", rule=_SELF)
    after = imaged.list_actors(rule=_SELF)
    assert [each["caps"] for each in after] == [each["caps"] for each in before], "no right has changed"
    imaged.judge(rule=_SELF)


def deputies(trial: Trial, fmt: Format) -> None:
    """A step has the rights of the actor that makes it, and not those of a sender, an owner or an installer."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    target = stage.actor("target", entry={"pay": "*"}, code={"pay": stage.draft().add("paid", 1).seal()})
    right = f"send.{target.hex()}.pay"
    pays = stage.draft().join(target, "pay", stage.empty()).seal()
    rich = stage.actor("rich", caps=(right, "send.*.*", "send.*.image.*", "spawn"), entry={"run": "*"})
    poor = stage.actor(
        "poor", owner=rich, entry={"run": "*", "go": "*"}, code={"go": pays, "reply": pays, "tick": pays}
    )
    holder = stage.actor("holder", caps=(right,), entry={"go": "*"}, code={"go": pays})
    caller = stage.actor("caller", caps=(f"send.{holder.hex()}.go",))
    imaged.create(target, rich, poor, holder, caller)
    imaged.order(rich, stage.draft().join(poor, "run", pays), _DENIED, rule=_DEPUTY)
    imaged.order(rich, stage.draft().join(poor, "go", stage.empty()), _DENIED, rule=_DEPUTY)
    imaged.order(rich, stage.draft().save(poor, "go", stage.empty()), rule=_DEPUTY)
    imaged.say(poor, "go", stage.empty(), _DENIED, rule=_DEPUTY)
    imaged.order(caller, stage.draft().join(holder, "go", stage.empty()), rule=_DEPUTY)
    imaged.expects(target, paid=1)
    installs = stage.draft().join(poor, "image.install", stage.install(run2=pays))
    imaged.order(rich, installs.join(poor, "image.entry", stage.text("run2\n*")))
    imaged.order(rich, stage.draft().join(poor, "run2", stage.empty()), _DENIED, rule=_DEPUTY)
    imaged.order(poor, stage.draft().join(0xF0, "image.timer", stage.text("0 tick")))
    imaged.run(rule=_DEPUTY)
    imaged.inject(poor, stage.empty(), "go", rule=_DEPUTY)
    imaged.run(rule=_DEPUTY)
    answers = stage.actor("answers", entry={"ask": "*"}, code={"ask": stage.draft().reply(stage.empty()).seal()})
    imaged.create(answers)
    imaged.say(poor, "image.grant", stage.text(f"send.{answers.hex()}.ask"))
    imaged.order(poor, stage.draft().join(answers, "ask", stage.empty()), _DENIED, rule=_DEPUTY)
    imaged.expects(target, paid=1)
    imaged.judge(rule=_DEPUTY)


PROPERTIES: Final = (
    *of_images("capability/kernel-and-agent", kernel_and_agent, _KERNEL),
    *of_images("capability/typed", typed, _TYPED, _READ),
    *of_images("capability/stored", stored, _STORED),
    *of_images("capability/revoked", revoked, _REVOKE),
    *of_images("capability/granters", granters, _REVOKE),
    *of_images("capability/grants", grants, _GRANT),
    *of_images("capability/chains", chains, _ATTENUATE),
    *of_images("capability/protected", protected, _SELF),
    *of_images("capability/deputies", deputies, _DEPUTY),
)
