"""Kernel messages: the form of each, who may send it, its effect, and the destruction of quiet actors."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.cores import quota_text
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_EXACT: Final = "image.kernel.exact"
_OWNER: Final = "image.kernel.owner"
_QUIET: Final = "image.gone.quiet"
_GONE: Final = "image.gone.final"
_FIXED: Final = "image.owner.fixed"
_CLOSED: Final = "image.core.closed"

_DENIED: Final = "rejected/capability"
_BUSY: Final = "rejected/busy"

_ID: Final = "0f" * 32
_TOP: Final = (1 << 63) - 1
_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "image.grant": ("spawn ", "", "spawn\n"),
    "image.revoke": ("spawn ", "", "spawn\n"),
    "image.entry": (
        *("", "pay", "pay\n", "pay\n\n", "pay\n**", "pay\n*\n", "Pay\n*", "\n*", "image.grant\n*", "on.e\n*"),
        *("reply\n*", "update\n*", f"pay\n{_ID}\n", f"pay\n{_ID[:-1]}", f"pay\n{_ID.upper()}", f"pay\n{_ID} {_ID}"),
        *(f"pay\n{_ID}\n{_ID}", f"pay\n{'ff' * 32}\n{_ID}", f"pay\n{_ID}\n*", "a" * 65 + "\n*", "pay\n--", "pay *"),
    ),
    "image.quota": (
        *("", quota_text()[:-1], quota_text() + "\n", quota_text(actors=-1), quota_text(actors=_TOP + 1)),
        *(quota_text().replace("actors 10", name) for name in ("actors 010", "actors  10", "Actors 10", "actors")),
        *(quota_text().replace("fuel 100000\n", ""), quota_text() + "more 1\n", quota_text().replace("\n", "\r\n")),
        "bytes 1\nactors 1\nfuel 1\nposts 1\nsubs 1\ntimers 1\n",
    ),
    "image.timer": (
        *("", "50", "50 ", " 50 tick", "50  tick", "050 tick", "-1 tick", "+1 tick", "1.5 tick", "50 tick ", "50 Tick"),
        *(
            "50 tick\n",
            "50 image.grant",
            "50 on.e",
            "50 genesis",
            "50 reply",
            f"{_TOP + 1} tick",
            f"50 {'a' * 65}",
            "tick 50",
        ),
    ),
    "image.cancel": ("", _ID[:-1], _ID.upper(), _ID + "\n", "x" * 64),
    "image.subscribe.e": ("x",),
    "image.unsubscribe.e": ("x",),
    "image.destroy": ("x",),
    "image.install": ("x", ""),
    "image.revert": ("x", ""),
}
"""Type -> texts that are not of its form."""


def _word(mt: str) -> str:
    word = mt.split(".")[1]
    return {"grant": "capability", "revoke": "capability"}.get(word, word)


def forms(trial: Trial, fmt: Format) -> None:
    """Contents that are not of their form are malformed, before every other condition is checked."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B").values()
    plain, tree = stage.blob(b"spawn"), stage.tree(a=stage.text("spawn"))
    other = stage.blob(b"", ("ct", "s"))
    for mt, texts in _FORMS.items():
        contents = [stage.text(text) for text in texts]
        contents += [other, tree, stage.blob(b"spawn", ("ct", "s"), ("x", "y"))]
        if mt in ("image.install", "image.revert"):
            contents = [*contents[: len(texts)], other]
        elif mt not in ("image.subscribe.e", "image.unsubscribe.e", "image.destroy"):
            contents.append(plain)
        for content in dict.fromkeys(contents):
            imaged.say(one, mt, content, f"malformed/{_word(mt)}", rule=_EXACT)
            imaged.order(two, stage.draft().join(one, mt, content), f"malformed/{_word(mt)}", rule=_EXACT)
    for content in (tree, stage.tree(core=tree, more=tree), stage.tree(core=plain)):
        imaged.say(one, "image.revert", content, "malformed/revert", rule=_EXACT)
    imaged.judge(rule=_EXACT)


def effects(trial: Trial, fmt: Format) -> None:
    """Each kernel message makes one step of its receiver with the effect of the table; its code does not run."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B").values()
    handlers = stage.install(**{mt: stage.draft().fail().seal() for mt in ("image.grant", "genesis", "image.emit.e")})
    imaged.say(one, "image.install", handlers, rule=_EXACT)
    text, empty = stage.text, stage.empty()
    said = (
        ("image.grant", text("read.*"), COMMITTED),
        ("image.grant", text(f"send.{two.hex()}.pay"), COMMITTED),
        ("image.grant", text(f"send.{two.hex()}.pay"), COMMITTED),
        ("image.revoke", text("read.*"), COMMITTED),
        ("image.revoke", text("read.*"), "missing/capability"),
        ("image.entry", text("pay\n*"), COMMITTED),
        ("image.entry", text(f"pay\n{min(one, two).hex()}\n{max(one, two).hex()}"), COMMITTED),
        ("image.entry", text("pay\n-"), COMMITTED),
        ("image.entry", text("pay\n-"), COMMITTED),
        ("image.quota", text(quota_text(actors=3, timers=_TOP)), COMMITTED),
        ("image.subscribe.spent", empty, COMMITTED),
        ("image.subscribe.spent", empty, COMMITTED),
        ("image.unsubscribe.spent", empty, COMMITTED),
        ("image.unsubscribe.spent", empty, "missing/subscription"),
        ("image.emit.spent", empty, _DENIED),
        ("image.timer", text("5 tick"), _DENIED),
        ("image.cancel", text(_ID), _DENIED),
        ("genesis", one, COMMITTED),
    )
    for mt, content, ends in said:
        imaged.say(one, mt, content, ends, rule=_EXACT)
        imaged.list_actors(rule=_EXACT)
    for mt in ("image.entry", "image.revoke"):
        for name in ("run\n-", "tick\n-") if mt == "image.entry" else ("spawn", "read.*", "send.*.*", "send.*.image.*"):
            imaged.say(two, mt, text(name), rule=_EXACT)
    imaged.list_actors(rule=_EXACT)
    imaged.judge(rule=_CLOSED)


def senders(trial: Trial, fmt: Format) -> None:
    """Each kernel message is for R, the owner, the granter or the actor itself, whatever capabilities others have."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (owner, stranger) = imaged.cast("A", "S").values()
    caps = ("send.*.image.*", "send.*.*")
    child, sister = (stage.actor(name, owner=owner, caps=caps, entry={"run": "*"}) for name in "cd")
    imaged.create(child, sister)
    text, empty = stage.text, stage.empty()
    revert = stage.tree(core=imaged.core(child))
    messages = (
        ("image.entry", text("pay\n*"), (owner,), _DENIED),
        ("image.revoke", text("send.*.*"), (), _DENIED),
        ("image.quota", text(quota_text()), (), _DENIED),
        ("image.revert", revert, (), _DENIED),
        ("image.timer", text("5 tick"), (child,), _DENIED),
        ("image.cancel", text(_ID), (), _DENIED),
        ("image.emit.e", empty, (child,), _DENIED),
        (
            "image.install",
            stage.install(x=stage.draft().add("x", 1).seal()),
            (owner, child, sister),
            "rejected/location",
        ),
    )
    for mt, content, admitted, ends in messages:
        for by in (owner, stranger, child, sister):
            wanted = COMMITTED if by in admitted else ends
            if mt == "image.cancel" and by == child:
                wanted = "missing/timer"
            if mt == "image.revoke" and by == owner:
                continue
            imaged.order(by, stage.draft().join(child, mt, content), wanted, rule=_OWNER)
    revoke = stage.draft().join(child, "image.revoke", text("send.*.*"))
    imaged.order(owner, revoke, rule=_OWNER)
    imaged.order(owner, revoke, "missing/capability", rule=_OWNER)
    for actor in (child, owner):
        imaged.say(actor, "image.entry", text("pay\n*"), rule=_OWNER)
    imaged.say(child, "image.quota", text(quota_text()), _DENIED, rule=_OWNER)  # not a principal
    imaged.say(owner, "image.quota", text(quota_text()), rule=_OWNER)
    imaged.say(child, "image.revert", revert, rule=_OWNER)
    own = stage.draft().join(0xF0, "image.entry", text("pay\n-"))
    imaged.order(owner, own, rule=_OWNER)  # a principal is its own owner
    imaged.order(child, own, _DENIED, rule=_OWNER)
    imaged.list_actors(rule=_OWNER)
    imaged.judge(rule=_OWNER)


def reverts(trial: Trial, fmt: Format) -> None:
    """R gives an actor another core with the same owner; the timers of the actor stay, and the core must be valid."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (owner, other) = imaged.cast("A", "B").values()
    child = stage.actor("c", owner=owner, entry={"run": "*"})
    imaged.create(child)
    imaged.order(child, stage.draft().write("x", "1").join(0xF0, "image.timer", stage.text("9 tick")))
    timed = imaged.core(child)
    cores = (
        (stage.actor("c2", owner=owner, caps=("spawn",)), COMMITTED),
        (child, COMMITTED),
        (timed, COMMITTED),
        (stage.actor("of another", owner=other), "rejected/escalation"),
        (stage.actor("a principal"), "rejected/escalation"),
        (stage.actor("bad cap", owner=owner, caps=("spawn2",)), "malformed/capability"),
        (stage.actor("frozen", {"frozen": stage.empty()}, owner=owner), "malformed/core"),
        (stage.actor("bad code", {"code": stage.empty()}, owner=owner), "malformed/program"),
        (stage.actor("other code", {"wit": stage.text("external:puppet/1")}, owner=owner), "rejected/import"),
    )
    for core, ends in cores:
        imaged.say(child, "image.revert", stage.tree(core=core), ends, rule=_EXACT)
        imaged.list_actors(rule=_FIXED)
    principal = stage.actor("P2", limits={"actors": 1})
    imaged.say(other, "image.revert", stage.tree(core=principal), rule=_FIXED)
    imaged.say(other, "image.revert", stage.tree(core=timed), "rejected/escalation", rule=_FIXED)
    imaged.clock(100)
    imaged.run(rule=_EXACT)
    imaged.judge(rule=_FIXED)


def destroyed(trial: Trial, fmt: Format) -> None:
    """An actor that is gone gets no message, has no head again, and is not listed."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B").values()
    child = stage.actor("c", owner=one, granter=one, entry={"run": "*"})
    imaged.order(one, stage.draft().join(child, "genesis", child))
    imaged.order(two, stage.draft().join(child, "image.subscribe.e", stage.empty()))
    imaged.order(child, stage.draft().write("x", "1"))
    imaged.order(one, stage.draft().join(child, "image.destroy", stage.empty()), rule=_GONE)
    imaged.world(rule=_GONE)
    imaged.list_actors(rule=_GONE)
    again = stage.draft().join(child, "genesis", child)
    imaged.order(one, again, "rejected/gone", rule=_GONE)
    imaged.create(child, ends="refused rejected/gone", rule=_GONE)
    for mt in ("run", "image.grant"):
        imaged.order(one, stage.draft().join(child, mt, stage.text("spawn")), "rejected/gone", rule=_GONE)
        imaged.say(child, mt, stage.text("spawn"), "refused rejected/gone", rule=_GONE)
    imaged.order(one, stage.draft().read(child, "x", "seen"), "rejected/gone", rule=_GONE)
    imaged.inject(child, stage.draft().seal(), "run", rule=_GONE)
    imaged.query(child, "get", b"x", rule=_GONE)
    imaged.restart(rule=_GONE)
    imaged.create(child, ends="refused rejected/gone", rule=_GONE)
    passing = stage.actor("short", owner=one, granter=one)
    brief = stage.draft().join(passing, "genesis", passing).join(passing, "image.destroy", stage.empty())
    imaged.order(one, brief, rule=_GONE)
    imaged.create(passing, ends="refused rejected/gone", rule=_GONE)
    undone = stage.actor("undone", owner=one, granter=one)
    brief = stage.draft().join(undone, "genesis", undone).join(undone, "image.destroy", stage.empty())
    imaged.order(two, stage.draft().save(one, "run", brief.fail().seal()), rule=_GONE)
    imaged.create(undone, rule=_GONE)
    imaged.log(rule=_GONE)
    imaged.judge(rule=_GONE)


def quiet(trial: Trial, fmt: Format) -> None:
    """An actor with unread mail, to it or of it, or a principal with actors, is not destroyed, and no mail is lost."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    (one, two, three) = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    imaged.play(actors, "A{post B{y+1}}")
    for actor in (one, two):
        imaged.say(actor, "image.destroy", empty, _BUSY, rule=_QUIET)
        imaged.order(three, stage.draft().join(actor, "image.destroy", empty), _BUSY, rule=_QUIET)
    imaged.run()
    imaged.order(one, stage.draft().post(imaged.agent, "note", empty))
    imaged.say(one, "image.destroy", empty, _BUSY, rule=_QUIET)
    imaged.ack_all()
    imaged.inject(two, stage.draft().add("y", 1).seal(), "run")
    imaged.say(two, "image.destroy", empty, "refused rejected/order", rule=_QUIET)
    imaged.order(three, stage.draft().join(two, "image.destroy", empty), _BUSY, rule=_QUIET)
    imaged.run()
    imaged.expects(two, y=2)
    both = letter(two, "image.destroy", empty), letter(two, "run", stage.draft().seal())
    imaged.operate(*both, ends=_BUSY, rule=_QUIET)
    imaged.operate(both[1], both[0], letter(one, "run", stage.draft().seal()), rule=_QUIET)
    waits = stage.draft().join(one, "run", stage.draft().seal()).join(one, "image.destroy", empty)
    imaged.order(three, waits.post(three, "tick", empty), rule=_QUIET)
    imaged.run(rule=_QUIET)
    child = stage.actor("c", owner=three)
    imaged.create(child)
    imaged.say(three, "image.destroy", empty, _BUSY, rule=_QUIET)
    imaged.operate(*(letter(actor, "image.destroy", empty) for actor in (three, child)), ends=_BUSY, rule=_QUIET)
    imaged.operate(*(letter(actor, "image.destroy", empty) for actor in (child, three)), rule=_QUIET)
    imaged.list_actors(rule=_QUIET)
    imaged.judge(rule=_QUIET)


def owned(trial: Trial, fmt: Format) -> None:
    """The owner of an actor is in its first core and stays; an owner is a principal with a head."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    child = stage.actor("c", owner=one, caps=("spawn", "send.*.*", "send.*.image.*"), entry={"run": "*"})
    imaged.create(child)
    nobody = stage.text("nobody")
    for owner in (child, nobody, imaged.agent, imaged.image.kernel):
        core = stage.actor(f"of {owner.hex()}", owner=owner)
        imaged.create(core, ends="refused missing/actor", rule=_FIXED)
    late = stage.actor("late")
    of_late = stage.actor("of late", owner=late)
    imaged.create(of_late, late, ends="refused missing/actor", rule=_FIXED)
    imaged.create(late, of_late, rule=_FIXED)
    within = stage.actor("within", owner=one, granter=child)
    grand = stage.actor("grand", owner=one, granter=within)
    imaged.order(child, stage.draft().join(within, "genesis", within), rule=_FIXED)
    imaged.order(child, stage.draft().join(grand, "genesis", grand), rule=_FIXED)
    imaged.list_actors(rule=_FIXED)
    imaged.say(late, "image.destroy", stage.empty(), _BUSY, rule=_FIXED)
    imaged.judge(rule=_FIXED)


PROPERTIES: Final = (
    *of_images("kernel/forms", forms, _EXACT),
    *of_images("kernel/effects", effects, _EXACT, _CLOSED),
    *of_images("kernel/senders", senders, _OWNER),
    *of_images("kernel/reverts", reverts, _EXACT, _FIXED),
    *of_images("gone/final", destroyed, _GONE),
    *of_images("gone/quiet", quiet, _QUIET),
    *of_images("owner/fixed", owned, _FIXED),
)
