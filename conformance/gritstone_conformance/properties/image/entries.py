"""Entry tables and places: whose messages an actor admits, what no program writes, and each axis alone."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import JOIN, POST, SAVE, Draft, add, append, count, delete, put, write
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_DECLARED: Final = "image.entry.declared"
_CURRENT: Final = "image.entry.current"
_AXIS: Final = "image.axis.alone"
_PLACE: Final = "image.location.reserved"
_OWNER: Final = "image.location.owner"

_ENTRY: Final = "rejected/entry"
_LOCATION: Final = "rejected/location"

WRITTEN: Final = ("a", "a/b", "imagex", "Image", "codex", "~", "a%2fb", "x/image", "wit2", "srcs", "thaw", "wasmx")
RESERVED: Final = (
    *("image", "image/caps/x", "code", "code/h", "wit", "wit_query", "wit_update", "src", "src/t"),
    *("frozen", "wasm", "wasm/state"),
)
NO_PATHS: Final = ("", "/a", "a/", "a//b", ".", "a/../image", "..", "./a")


def declared(trial: Trial, fmt: Format) -> None:
    """A message of another actor runs code only if the entry table has its sender; R and the actor itself may enter."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B").values()
    counts = stage.draft().add("n", 1).seal()
    code = dict.fromkeys(("open", "listed", "closed", "both", "reply", "on.e"), counts)
    entry: dict[str, str | tuple[bytes, ...]] = {"open": "*", "listed": (one,), "both": (one, two)}
    target = stage.actor("target", caps=("send.*.*",), entry=entry, code=code)
    bare = stage.actor("bare", owner=target, code=code)
    imaged.create(target, bare)
    for sender in (one, two):
        for mode in (JOIN, SAVE, POST):
            for mt in ("open", "listed", "closed", "both"):
                is_in = mt in ("open", "both") or (mt == "listed" and sender == one)
                ends = COMMITTED if mode != JOIN or is_in else _ENTRY
                imaged.order(sender, stage.draft().send(mode, target, mt, stage.empty()), ends, rule=_DECLARED)
                imaged.run(rule=_DECLARED)
        imaged.order(sender, stage.draft().join(bare, "open", stage.empty()), _ENTRY, rule=_DECLARED)
        imaged.order(sender, stage.draft().join(bare, "run", counts), _ENTRY, rule=_DECLARED)
    owner = stage.draft().join(bare, "closed", stage.empty())
    imaged.order(target, owner, _ENTRY, rule=_DECLARED)  # the owner is another actor too
    for mt in ("open", "closed", "run"):
        imaged.say(bare, mt, counts, rule=_DECLARED)
    own = stage.draft().join(0xF0, "closed", stage.empty()).post(0xF0, "closed", stage.empty())
    imaged.order(target, own, rule=_DECLARED)
    imaged.run(rule=_DECLARED)
    imaged.order(one, stage.draft().join(target, "absent", stage.empty()), _ENTRY, rule=_DECLARED)
    imaged.say(target, "absent", stage.empty(), "missing/handler", rule=_DECLARED)
    imaged.list_actors(rule=_DECLARED)
    imaged.judge(rule=_DECLARED)


def always_admitted(trial: Trial, fmt: Format) -> None:
    """Genesis, kernel messages, notices, replies and events enter without an entry of the table."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    counts = stage.draft().add("n", 1).seal()
    shy = stage.actor(
        "shy", caps=("send.*.*", "send.*.image.*"), code={"reply": counts, "failed": counts, "on.e": counts}
    )
    imaged.create(shy)
    (one,) = imaged.cast("A").values()
    answers = stage.install(ask=stage.draft().reply(stage.empty()).seal())
    imaged.say(one, "image.install", answers)
    imaged.say(one, "image.entry", stage.text("ask\n*"))
    asks = stage.draft().join(one, "ask", stage.empty()).save(one, "run", stage.draft().fail().seal())
    imaged.order(shy, asks.join(one, "image.subscribe.e", stage.empty()), rule=_DECLARED)
    imaged.expects(shy, n=2)
    imaged.order(one, stage.draft().join(0xF0, "image.emit.e", stage.empty()), rule=_DECLARED)
    imaged.order(one, stage.draft().join(shy, "image.grant", stage.text("read.*")), rule=_DECLARED)
    imaged.order(one, stage.draft().join(shy, "genesis", shy), rule=_DECLARED)
    imaged.expects(shy, n=3)
    imaged.order(one, stage.draft().join(shy, "job", stage.empty()), _ENTRY, rule=_DECLARED)
    imaged.judge(rule=_DECLARED)


def current(trial: Trial, fmt: Format) -> None:
    """The table of the moment at which a message is taken counts, and not that of the moment at which it was sent."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    counts = stage.draft().add("n", 1).seal()
    target = stage.actor("target", owner=one, code={"job": counts})
    imaged.create(target)
    opens, closes = stage.text("job\n*"), stage.text("job\n-")
    empty = stage.empty()
    imaged.order(one, stage.draft().join(target, "image.entry", opens).join(target, "job", empty), rule=_CURRENT)
    imaged.order(
        one, stage.draft().join(target, "image.entry", closes).join(target, "job", empty), _ENTRY, rule=_CURRENT
    )
    after = stage.draft().join(target, "job", empty).join(target, "image.entry", closes)
    imaged.order(one, after, rule=_CURRENT)
    imaged.order(one, stage.draft().post(target, "job", empty), rule=_CURRENT)
    imaged.say(target, "image.entry", opens, rule=_CURRENT)
    imaged.run(rule=_CURRENT)
    imaged.order(one, stage.draft().post(target, "job", empty), rule=_CURRENT)
    imaged.say(target, "image.entry", stage.text(f"job\n{target.hex()}"), rule=_CURRENT)
    imaged.run(rule=_CURRENT)
    imaged.expects(target, n=3)
    imaged.say(target, "image.entry", stage.text(f"job\n{one.hex()}"), rule=_CURRENT)
    undone = stage.draft().join(target, "image.entry", closes).fail().seal()
    imaged.order(one, stage.draft().save(one, "run", undone).join(target, "job", empty), rule=_CURRENT)
    imaged.expects(target, n=4)
    imaged.judge(rule=_CURRENT)


def _attack(imaged: Imaged, title: str, change: str) -> tuple[bytes, bytes, Draft]:
    """Create an owner and two actors of it, of which one asks the other to spend; return both, and the attack."""
    stage = imaged.stage
    owner = stage.actor(f"owner {title}")
    spend = stage.draft().write("x", "1")
    code = {"spend": (spend.fail() if change == "rollback" else spend).seal()}
    caller = stage.actor(f"caller {title}", owner=owner)
    entry = {} if change == "invocation" else {"spend": (caller,), "run": (caller,)}
    target = stage.actor(f"target {title}", owner=owner, entry=entry, code=code)
    imaged.create(owner, caller, target)
    if change != "capability":
        for mt in ("spend", "run"):
            imaged.say(caller, "image.grant", stage.text(f"send.{target.hex()}.{mt}"))
    draft = stage.draft().write("y", "1")
    if change == "location":
        draft.write("code/spend", "1")
    if change == "language":
        return caller, target, draft.join(target, "run", stage.draft().raw(write("x", b"1") + b"\x51").seal())
    return caller, target, draft.join(target, "spend", stage.empty())


def axes(trial: Trial, fmt: Format) -> None:
    """Each of the five axes stops an attack that all others admit, and leaves all cores as they were."""
    imaged = Imaged(trial, fmt)
    cases = (
        ("", COMMITTED),
        ("language", "malformed/program"),
        ("location", _LOCATION),
        ("invocation", _ENTRY),
        ("capability", "rejected/capability"),
        ("rollback", "rejected/failed"),
    )
    for number, (change, ends) in enumerate(cases):
        caller, target, attack = _attack(imaged, f"{number}", change)
        before = imaged.core(caller), imaged.core(target)
        imaged.order(caller, attack, ends, rule=_AXIS)
        imaged.list_actors(rule=_AXIS)
        if ends == COMMITTED:
            imaged.expects(caller, y=1)
            imaged.expects(target, x=1)
        else:
            assert before == (imaged.core(caller), imaged.core(target)), "the attack was stopped"
    imaged.judge(rule=_AXIS)


def quotas_too(trial: Trial, fmt: Format) -> None:
    """The quota of the owner stops what every capability admits."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    for actor in actors.values():
        imaged.limit(actor, bytes=1)
    imaged.play(actors, "A{x=1 join B{y=1}}", "exhausted/bytes", rule=_AXIS)
    imaged.world(rule=_AXIS)
    imaged.judge(rule=_AXIS)


def reserved(trial: Trial, fmt: Format) -> None:
    """No op changes what is at or below a reserved path; names that only look like one are written."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A", actors=0).values()
    operand = stage.text("7")
    for path in (*WRITTEN, *RESERVED, *NO_PATHS):
        ends = COMMITTED if path in WRITTEN else _LOCATION if path in RESERVED else "malformed/program"
        imaged.order(one, stage.draft().put(path, operand), ends, rule=_PLACE)
    for path in (*RESERVED, "image", "code"):
        for ops in (
            write(path, b"1"),
            append(path, b"1"),
            delete(path),
            add(path, 1),
            add(path, -1),
            count(path),
            b"r\xf0\x04name" + bytes((len(path),)) + path.encode(),
        ):
            imaged.order(one, stage.draft().raw(ops), _LOCATION, rule=_PLACE)
    imaged.order(one, stage.draft().raw(put("image", 0xEF)), _LOCATION, rule=_PLACE)  # before the absent operand
    reads = stage.draft().read(0xF0, "image/owner", "own").read(0xF0, "code/failed/program", "seen")
    imaged.order(one, reads.put("core", 0xF3), rule=_PLACE)
    imaged.judge(rule=_PLACE)


def owners(trial: Trial, fmt: Format) -> None:
    """Code is installed by R and within the actors of one owner, and nothing but code is installed."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, stranger) = imaged.cast("A", "S").values()
    child, other = (stage.actor(name, owner=one, caps=("send.*.image.*",), entry={"run": "*"}) for name in "cd")
    imaged.create(child, other)
    content = stage.install(go=stage.draft().add("x", 1).seal())
    for by, to, ends in (
        (stranger, child, _LOCATION),
        (stranger, one, _LOCATION),
        (child, stranger, _LOCATION),
        (one, child, COMMITTED),
        (child, one, COMMITTED),
        (child, other, COMMITTED),
        (child, child, COMMITTED),
        (one, one, COMMITTED),
    ):
        imaged.order(by, stage.draft().join(to, "image.install", content), ends, rule=_OWNER)
    imaged.say(child, "image.install", content, rule=_OWNER)
    text = stage.text("external:image/1")
    for name in ("image", "frozen", "wasm", "x", "wit_update", "Code"):
        imaged.say(child, "image.install", stage.tree(**{name: stage.tree(a=text)}), _LOCATION, rule=_OWNER)
        both = stage.tree(code=stage.tree(go=stage.draft().seal()), **{name: text})
        imaged.order(one, stage.draft().join(child, "image.install", both), _LOCATION, rule=_OWNER)
    imaged.say(child, "image.install", stage.tree(src=text, wit=text, wit_query=text), rule=_OWNER)
    imaged.operate(letter(child, "image.install", text), ends="malformed/install", rule=_OWNER)
    imaged.judge(rule=_OWNER)


PROPERTIES: Final = (
    *of_images("entry/declared", declared, _DECLARED),
    *of_images("entry/always", always_admitted, _DECLARED),
    *of_images("entry/current", current, _CURRENT),
    *of_images("axis/alone", axes, _AXIS),
    *of_images("axis/quota", quotas_too, _AXIS),
    *of_images("location/reserved", reserved, _PLACE),
    *of_images("location/owners", owners, _OWNER),
)
