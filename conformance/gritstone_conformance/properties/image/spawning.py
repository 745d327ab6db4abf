"""New actors and code: valid cores, what a creator gains, pinned code, and tools that are made while the image runs."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import CONTENT
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_VALID: Final = "image.spawn.valid"
_FIRST: Final = "image.spawn.first"
_GAINS: Final = "image.spawn.gains"
_CLOSED: Final = "image.core.closed"
_IMPORTS: Final = "image.tool.imports"
_PINNED: Final = "image.code.pinned"
_NEXT: Final = "image.code.next"
_FAILED: Final = "image.code.failed"
_GROUP: Final = "image.code.group"
_TOOL: Final = "image.tool.next"
_LASTING: Final = "image.tool.lasting"


def valid_cores(trial: Trial, fmt: Format) -> None:
    """A core that is not valid is refused with the first condition that it violates, from R and from an actor."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    text, empty = stage.text, stage.empty()
    owner, own = text(one.hex()), stage.nodes()
    program = stage.draft().add("x", 1).seal()
    bad = stage.tree(program=stage.blob(b"\x51"))

    def core(name: str, image: dict[str, bytes] | None = None, **entries: bytes) -> bytes:
        below = {"owner": owner} | (image or {})
        whole = {"name": text(name), **own, "image": stage.tree(**below), **entries}
        return stage.tree(**{key: value for key, value in whole.items() if value != b""})

    capability = stage.tree(spawn=owner)
    cases = (
        (core("plain"), COMMITTED),
        (core("code", code=stage.tree(go=program)), COMMITTED),
        (core("more", d=stage.tree(e=empty), src=text("any"), wasm=empty), COMMITTED),
        (core("frozen", frozen=empty), "malformed/core"),
        (core("update", wit_update=own["wit"]), "malformed/core"),
        (core("no wit", wit=b""), "malformed/core"),
        (core("no query", wit_query=b""), "malformed/core"),
        (core("tree wit", wit=stage.tree(a=empty)), "malformed/core"),
        (stage.tree(name=text("no image"), **own), "malformed/core"),
        (stage.tree(name=text("blob image"), image=empty, **own), "malformed/core"),
        (core("other entry", {"other": empty}), "malformed/core"),
        (core("tree owner", {"owner": stage.tree(a=empty)}), "malformed/core"),
        (core("blob caps", {"caps": empty}), "malformed/core"),
        (core("blob entry", {"entry": empty}), "malformed/core"),
        (core("granter", {"caps": stage.tree(spawn=text("R"))}), "malformed/core"),
        (core("granter tree", {"caps": stage.tree(spawn=capability)}), "malformed/core"),
        (core("entry value", {"entry": stage.tree(pay=text("**"))}), "malformed/core"),
        (core("entry type", {"entry": stage.tree(**{"image.grant": text("*")})}), "malformed/core"),
        (core("entry event", {"entry": stage.tree(**{"on.e": text("*")})}), "malformed/core"),
        (core("quota of a child", {"quota": text("actors 1\n")}), "malformed/core"),
        (core("unknown owner", {"owner": text("0" * 63)}), "malformed/core"),
        (core("owner without type", {"owner": stage.blob(one.hex().encode())}), "malformed/core"),
        (core("puppet", wit=text("external:puppet/1")), "rejected/import"),
        (core("kernel", wit=text("external:image-kernel/1")), "rejected/import"),
        (core("puppet query", wit_query=text("external:puppet/1")), "rejected/import"),
        (core("empty node", wit=text("")), "rejected/import"),
        (core("code and right", {"caps": stage.tree(x=owner)}, wit=text("external:x")), "rejected/import"),
        (core("capability", {"caps": stage.tree(spawns=owner)}), "malformed/capability"),
        (core("right and program", {"caps": stage.tree(spawns=owner)}, code=stage.tree(a=bad)), "malformed/capability"),
        (core("blob code", code=empty), "malformed/program"),
        (core("blob in code", code=stage.tree(go=empty)), "malformed/program"),
        (core("tree of code", code=stage.tree(go=stage.tree(a=program))), "malformed/program"),
        (core("bad op", code=stage.tree(go=bad)), "malformed/program"),
        (core("one bad op", code=stage.tree(a=program, b=bad, c=program)), "malformed/program"),
        (core("timers", {"timers": stage.tree(**{"0f" * 32: text("1 1 0 tick")})}), "malformed/core"),
        (core("subs", {"subs": stage.tree(**{"e." + "0f" * 32: empty})}), "malformed/core"),
    )
    rule = {"rejected/import": _IMPORTS}
    for each, ends in cases:
        wanted = ends if ends == COMMITTED else f"refused {ends}"
        imaged.create(each, ends=wanted, rule=rule.get(ends, _VALID))
    for name in ("A", "b", "c"):
        content = {"go": program} if name == "A" else {"go": bad} if name == "b" else {"go": program, "no": bad}
        child = core(f"made {name}", code=stage.tree(**content))
        ends = COMMITTED if name == "A" else "malformed/program"
        imaged.order(one, stage.draft().join(child, "genesis", child), ends, rule=_VALID)
    for wit in ("external:puppet/1", "external:x", "wasm:code/x"):
        child = core(f"code {wit}", wit=text(wit))
        imaged.order(one, stage.draft().join(child, "genesis", child), "rejected/import", rule=_IMPORTS)
        imaged.say(one, "image.install", stage.tree(wit=text(wit)), "rejected/import", rule=_IMPORTS)
        imaged.say(one, "image.install", stage.tree(wit_query=text(wit)), "rejected/import", rule=_IMPORTS)
    imaged.list_actors(rule=_VALID)
    imaged.judge(rule=_CLOSED)


def principals(trial: Trial, fmt: Format) -> None:
    """A principal has a quota of its form; the text of each limit is a number."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    text, own = stage.text, stage.nodes()
    for number, quota in enumerate(("", "actors 1\n", "actors 1\nbytes 1\nfuel 1\nposts 1\nsubs 1\ntimers 01\n")):
        image = stage.tree(owner=text("self"), quota=text(quota))
        core = stage.tree(name=text(f"{number}"), image=image, **own)
        imaged.create(core, ends="refused malformed/core", rule=_CLOSED)
    core = stage.tree(image=stage.tree(owner=text("self")), **own)
    imaged.create(core, ends="refused malformed/core", rule=_CLOSED)
    imaged.create(stage.actor("zeros", limits=dict.fromkeys(("actors", "posts", "subs", "timers"), 0)), rule=_CLOSED)
    most = stage.actor("most", limits=dict.fromkeys(("actors", "fuel", "bytes"), (1 << 63) - 1))
    imaged.create(most, rule=_CLOSED)
    imaged.judge(rule=_CLOSED)


def first_steps(trial: Trial, fmt: Format) -> None:
    """The first step has the core that was sent; a genesis for an actor with a head is only read, and gives nothing."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B").values()
    child = stage.actor("c", owner=one, granter=one, code={"genesis": stage.draft().fail().seal()})
    twice = stage.draft().join(child, "genesis", child).join(child, "genesis", child)
    imaged.order(one, twice, rule=_FIRST)
    imaged.world(rule=_FIRST)
    imaged.order(one, stage.draft().join(child, "genesis", child), rule=_FIRST)
    imaged.order(two, stage.draft().join(child, "genesis", child), rule=_FIRST)
    assert len(imaged.list_actors(rule=_FIRST)) == 3, "three actors"
    imaged.create(child, rule=_FIRST)
    imaged.create(two, one, rule=_FIRST)
    roots = letter(child, "genesis", child), letter(child, "genesis", child)
    imaged.operate(*roots, rule=_FIRST)
    fresh = stage.actor("fresh")
    imaged.operate(letter(fresh, "genesis", fresh), letter(fresh, "genesis", fresh), rule=_FIRST)
    imaged.judge(rule=_FIRST)


def gains(trial: Trial, fmt: Format) -> None:
    """A creator gains three capabilities at once, uses them in the same step, and keeps them."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    maker = stage.actor("maker", caps=("spawn",), entry={"run": "*"})
    imaged.create(maker)
    child, other = (
        stage.actor(name, owner=maker, granter=maker, entry={"run": "*"}, code={"go": stage.draft().add("x", 1).seal()})
        for name in ("c", "d")
    )
    run = stage.draft().add("y", 1).seal()
    for early in (
        stage.draft().join(child, "run", run).join(child, "genesis", child),
        stage.draft().join(child, "image.entry", stage.text("go\n*")).join(child, "genesis", child),
    ):
        imaged.order(maker, early, "missing/actor", rule=_GAINS)
    all_at_once = (
        stage.draft()
        .join(child, "genesis", child)
        .join(child, "run", run)
        .join(child, "image.entry", stage.text("go\n*"))
        .join(child, "go", stage.empty())
        .post(child, "run", run)
        .join(other, "genesis", other)
    )
    imaged.order(maker, all_at_once, rule=_GAINS)
    imaged.run(rule=_TOOL)
    imaged.expects(child, x=1, y=2)
    imaged.list_actors(rule=_GAINS)
    imaged.order(maker, stage.draft().read(child, "y", "seen"), rule=_GAINS)
    revoke = stage.draft().join(child, "image.revoke", stage.text("spawn"))
    imaged.order(maker, revoke, "missing/capability", rule=_GAINS)
    imaged.order(child, stage.draft().join(maker, "run", run), "rejected/capability", rule=_GAINS)
    undone = stage.actor("undone", owner=maker, granter=maker)
    lost = stage.draft().join(undone, "genesis", undone).fail().seal()
    imaged.order(maker, stage.draft().save(0xF0, "run", lost), rule=_GAINS)
    imaged.order(maker, stage.draft().join(undone, "run", run), "missing/actor", rule=_GAINS)
    early = stage.draft().join(undone, "genesis", undone).read(undone, "name", "seen")
    imaged.order(maker, early, "missing/actor", rule=_GAINS)  # it has a head when its genesis is read
    imaged.list_actors(rule=_GAINS)
    imaged.judge(rule=_GAINS)


def pinned(trial: Trial, fmt: Format) -> None:
    """All steps of an operation run the code with which it began, also after an install in it."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    old, new = stage.draft().write("v", "1"), stage.draft().write("v", "2").add("n", 1)
    actor = stage.actor("a", owner=one, entry={"go": "*", "run": "*"}, code={"go": old.seal()})
    imaged.create(actor)
    install, empty = stage.install(go=new.seal(), late=new.seal()), stage.empty()
    both = stage.draft().join(actor, "image.install", install).join(actor, "go", empty)
    imaged.order(one, both, rule=_PINNED)
    imaged.expects(actor, v=1, n=None)
    imaged.say(actor, "go", empty, rule=_NEXT)
    imaged.expects(actor, v=2, n=1)
    gone = stage.draft().join(actor, "image.install", stage.tree(code=stage.tree(go=old.seal())))
    imaged.order(one, gone.join(actor, "go", empty).join(actor, "go", empty), rule=_PINNED)
    imaged.expects(actor, v=2, n=3)
    imaged.order(one, stage.draft().join(actor, "late", empty), "rejected/entry", rule=_PINNED)
    fresh = letter(actor, "image.install", stage.install(x=old.seal()))
    imaged.operate(fresh, letter(actor, "x", empty), ends="missing/handler", rule=_PINNED)
    revert = stage.tree(core=actor)
    imaged.operate(letter(actor, "image.revert", revert), letter(actor, "go", empty), rule=_PINNED)
    imaged.expects(actor, v=1, n=None)
    self_install = stage.draft().join(0xF0, "image.install", install).join(0xF0, "go", empty)
    imaged.say(actor, "image.grant", stage.text(f"send.{actor.hex()}.image.install"))
    imaged.order(actor, self_install, rule=_PINNED)
    imaged.expects(actor, v=1, n=None)
    saved = stage.draft().join(actor, "image.install", stage.install(go=stage.draft().fail().seal())).fail().seal()
    imaged.order(one, stage.draft().save(one, "run", saved).join(actor, "go", empty), rule=_PINNED)
    imaged.expects(actor, v=2, n=1)
    child = stage.actor("c", owner=one, granter=one, code={"go": old.seal()})
    born = stage.draft().join(child, "genesis", child).join(child, "image.entry", stage.text("go\n*"))
    imaged.order(one, born.join(child, "image.install", install).join(child, "go", empty), rule=_PINNED)
    imaged.expects(child, v=1, n=None)
    imaged.judge(rule=_PINNED)


def next_code(trial: Trial, fmt: Format) -> None:
    """The next operation runs the installed code, also for posts and timers from before; the state is kept."""
    imaged = Imaged(trial, fmt)
    stage, empty = imaged.stage, imaged.stage.empty()
    (one,) = imaged.cast("A").values()
    old, new = stage.draft().add("old", 1).seal(), stage.draft().add("new", 1).seal()
    actor = stage.actor("a", owner=one, entry={"go": "*", "run": "*"}, code={"go": old})
    imaged.create(actor)
    imaged.order(actor, stage.draft().write("kept", "7").join(0xF0, "image.timer", stage.text("5 go")))
    imaged.order(one, stage.draft().post(actor, "go", empty).post(actor, "go", empty))
    imaged.inject(actor, empty, "go")
    imaged.run(1, rule=_NEXT)
    imaged.order(one, stage.draft().join(actor, "image.install", stage.install(go=new)), "rejected/order", rule=_NEXT)
    (two,) = imaged.cast("B").values()
    sister = stage.actor("s", owner=one, caps=("send.*.image.*",), entry={"run": "*"})
    imaged.create(sister)
    imaged.order(sister, stage.draft().join(actor, "image.install", stage.install(go=new)), rule=_NEXT)
    imaged.run(rule=_NEXT)
    imaged.clock(5)
    imaged.run(rule=_NEXT)
    imaged.expects(actor, old=1, new=3, kept=7)
    imaged.say(actor, "image.install", stage.tree(src=stage.text("source"), code=stage.tree(more=old)), rule=_NEXT)
    imaged.say(actor, "go", empty, rule=_NEXT)
    imaged.say(actor, "more", empty, rule=_NEXT)
    imaged.expects(actor, old=2, new=4, kept=7)
    imaged.restart()
    imaged.say(actor, "go", empty, rule=_NEXT)
    imaged.order(two, stage.draft().join(actor, "go", empty), rule=_NEXT)
    imaged.judge(rule=_NEXT)


def failed_installs(trial: Trial, fmt: Format) -> None:
    """An install with one bad program changes nothing; of several installs all are made, or none."""
    imaged = Imaged(trial, fmt)
    stage, empty = imaged.stage, imaged.stage.empty()
    (one,) = imaged.cast("A").values()
    old, new = stage.draft().write("v", "1").seal(), stage.draft().write("v", "2").seal()
    bad = stage.tree(program=stage.blob(b"a\x01x"))
    group = [stage.actor(name, owner=one, entry={"go": "*"}, code={"go": old}) for name in "pqr"]
    imaged.create(*group)
    other = stage.text("external:other/1")
    refused = (
        (stage.tree(code=stage.tree(go=new, no=bad)), "malformed/program"),
        (stage.tree(code=bad), "malformed/program"),
        (stage.tree(code=empty), "malformed/program"),
        (stage.tree(code=stage.tree(go=new), wit=other), "rejected/import"),
        (stage.tree(code=stage.tree(go=new), src=empty, wit_query=stage.tree(a=empty)), "malformed/core"),
    )
    for content, ends in refused:
        for actor in group:
            imaged.order(one, stage.draft().join(actor, "image.install", content), ends, rule=_FAILED)
        saved = stage.draft().join(group[0], "image.install", content).seal()
        imaged.order(one, stage.draft().save(one, "run", saved), rule=_FAILED)
        imaged.list_actors(rule=_FAILED)
    good = stage.install(go=new)
    for place in range(3):
        draft = stage.draft()
        for number, actor in enumerate(group):
            draft.join(actor, "image.install", stage.tree(code=stage.tree(no=bad)) if number == place else good)
        imaged.order(one, draft, "malformed/program", rule=_GROUP)
        imaged.list_actors(rule=_GROUP)
    for actor in group:
        imaged.say(actor, "go", empty, rule=_GROUP)
        imaged.expects(actor, v=1)
    draft, runs = stage.draft(), stage.draft()
    for actor in group:
        draft.join(actor, "image.install", good)
        runs.join(actor, "go", empty)
    imaged.operate(letter(one, "run", draft.seal()), letter(one, "run", runs.seal()), rule=_GROUP)
    for actor in group:
        imaged.expects(actor, v=1)
    imaged.order(one, runs, rule=_GROUP)
    for actor in group:
        imaged.expects(actor, v=2)
    imaged.judge(rule=_GROUP)


def tools(trial: Trial, fmt: Format) -> None:
    """A tool is created from a program that was written meanwhile, and answers at once and after a restart."""
    imaged = Imaged(trial, fmt)
    stage, empty = imaged.stage, imaged.stage.empty()
    (one, two) = imaged.cast("A", "B").values()
    answer = stage.draft().add("calls", 1).reply(CONTENT).seal()
    tool = stage.actor("tool", owner=one, granter=one, entry={"ask": (one, two)}, code={"ask": answer})
    imaged.say(two, "image.install", stage.install(reply=stage.draft().put("said", CONTENT).seal()))
    made = stage.draft().join(tool, "genesis", tool).join(tool, "ask", empty)
    imaged.order(one, made, rule=_TOOL)
    imaged.expects(tool, calls=1)
    imaged.list_actors(rule=_TOOL)
    imaged.order(two, stage.draft().join(tool, "ask", stage.text("hello")), rule=_TOOL)
    assert imaged.at(two, "said") == b"hello", "the tool has answered"
    imaged.order(one, stage.draft().join(tool, "image.grant", stage.text("read.*")).write("kept", "1"))
    listed = imaged.list_actors(rule=_LASTING)
    imaged.restart(rule=_LASTING)
    assert imaged.list_actors(rule=_LASTING) == listed, "the actors are as before"
    imaged.order(two, stage.draft().post(tool, "ask", empty), rule=_LASTING)
    imaged.run(rule=_LASTING)
    imaged.expects(tool, calls=3)
    imaged.judge(rule=_TOOL)


def tools_on_disk(trial: Trial, fmt: Format) -> None:
    """A tool on a durable store has its owner, rights, code and state after the store was closed and opened."""
    imaged = Imaged(trial, fmt, durable=True)
    stage, empty = imaged.stage, imaged.stage.empty()
    (one,) = imaged.cast("A").values()
    code = {"ask": stage.draft().add("calls", 1).seal()}
    tool = stage.actor("tool", owner=one, granter=one, caps=("read.*",), entry={"ask": "*"}, code=code)
    imaged.order(one, stage.draft().join(tool, "genesis", tool).join(tool, "ask", empty))
    for _ in range(2):
        imaged.reopen(rule=_LASTING)
        imaged.list_actors(rule=_LASTING)
        imaged.order(one, stage.draft().join(tool, "ask", empty), rule=_LASTING)
    imaged.expects(tool, calls=3)
    imaged.judge(rule=_LASTING)


PROPERTIES: Final = (
    *of_images("spawn/valid", valid_cores, _VALID, _CLOSED, _IMPORTS),
    *of_images("spawn/principals", principals, _CLOSED),
    *of_images("spawn/first", first_steps, _FIRST),
    *of_images("spawn/gains", gains, _GAINS, _TOOL),
    *of_images("code/pinned", pinned, _PINNED, _NEXT),
    *of_images("code/next", next_code, _NEXT),
    *of_images("code/failed", failed_installs, _FAILED, _GROUP),
    *of_images("tool/next", tools, _TOOL, _LASTING),
    *of_images("tool/lasting", tools_on_disk, _LASTING, features=("durable",)),
)
