"""Drafts of vectors of actors: valid cores, new actors, code that is replaced, and the end of an actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import CODE
from selftests.vectors.image_drafts import Drafts, held, still

__all__ = ["actor_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")
_ESCALATION: Final = "rejected/escalation"
_DENIED: Final = "rejected/capability"
_X: Final = "0" * 64

Content = Callable[[Imaged], bytes]


def actor_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_cores, _births, _installs, _endings):
        yield from drafts()


def _text(text: str) -> Content:
    return lambda imaged: imaged.stage.text(text)


def _plain(data: bytes) -> Content:
    return lambda imaged: imaged.stage.blob(data)


def _tree(imaged: Imaged) -> bytes:
    return imaged.stage.tree(x=imaged.stage.empty())


# --- valid cores ------------------------------------------------------------


def _cores() -> Drafts:
    for slug, (build, ends) in _CORES.items():
        yield (
            f"core/{slug}",
            _CORE_RULES.get(ends.partition(" ")[2], "spawn.valid"),
            partial(_core, build=build, ends=ends),
        )


_CORE_RULES: Final = {
    "malformed/core": "core.closed spawn.valid",
    "rejected/import": "tool.imports spawn.valid",
    "malformed/program": "spawn.valid language.closed",
}


def _changed(imaged: Imaged, at: str, entries: dict[str, bytes | None]) -> bytes:
    """Return a core of a principal with other entries; ``at`` is ``image`` for those of the subtree."""
    stage, shelf = imaged.stage, imaged.stage.graph
    whole = dict(shelf.values[stage.actor("a")].entries)  # type: ignore[union-attr]
    below = dict(shelf.values[whole["image"]].entries) if at else whole  # type: ignore[union-attr]
    kept = {name: target for name, target in (below | entries).items() if target is not None}
    return stage.tree(**(whole | {"image": stage.tree(**kept)} if at else kept))


def _in(**entries: Callable[[Imaged], bytes] | None) -> Content:
    return lambda imaged: _changed(imaged, "", {name: make and make(imaged) for name, make in entries.items()})


def _in_image(**entries: Callable[[Imaged], bytes] | None) -> Content:
    return lambda imaged: _changed(imaged, "image", {name: make and make(imaged) for name, make in entries.items()})


def _under(name: str, content: Content) -> Content:
    return lambda imaged: imaged.stage.tree(**{name: content(imaged)})


_REFUSED: Final = "refused malformed/core"
_OWNED: Final = dict.fromkeys(("quota",))
_CORES: Final[dict[str, tuple[Content, str]]] = {
    "plain": (_in(), COMMITTED),
    "no-image": (_in(image=None), _REFUSED),
    "image-a-blob": (_in(image=_text("x")), _REFUSED),
    "no-owner": (_in_image(owner=None), _REFUSED),
    "owner-of-no-form": (_in_image(owner=_text("me")), _REFUSED),
    "owner-without-a-header": (_in_image(owner=_plain(b"self")), _REFUSED),
    "no-quota": (_in_image(quota=None), _REFUSED),
    "unknown-entry": (_in_image(note=_text("x")), _REFUSED),
    "frozen": (_in(frozen=_text("x\n")), _REFUSED),
    "wit-update": (_in(wit_update=_text(CODE.decode())), _REFUSED),
    "no-wit": (_in(wit=None), _REFUSED),
    "no-wit-query": (_in(wit_query=None), _REFUSED),
    "other-code": (_in(wit=_text("external:puppet/1")), "refused rejected/import"),
    "other-query": (_in(wit_query=_text("external:image/2")), "refused rejected/import"),
    "code-without-a-header": (_in(wit=_plain(CODE)), COMMITTED),
    "timers": (_in_image(timers=_under(_X, _text("1 1 0 tick"))), _REFUSED),
    "subscriptions": (_in_image(subs=_under(f"e.{_X}", _plain(b""))), _REFUSED),
    "caps-a-blob": (_in_image(caps=_text("x")), _REFUSED),
    "no-capability": (_in_image(caps=_under("send.x", _text(_X))), "refused malformed/capability"),
    "no-granter": (_in_image(caps=_under("spawn", _text("self"))), _REFUSED),
    "entry-of-a-reserved-type": (_in_image(entry=_under("failed", _text("*"))), _REFUSED),
    "unknown-owner": (_in_image(owner=_text(_X), quota=None), "refused missing/actor"),
    "owned-with-a-quota": (_in_image(owner=_text(_X)), _REFUSED),
    "code-a-blob": (_in(code=_text("x")), "refused malformed/program"),
    "program-of-no-op": (
        _in(code=lambda imaged: imaged.stage.tree(job=imaged.stage.program(b"\0"))),
        "refused malformed/program",
    ),
}


def _core(imaged: Imaged, build: Content, ends: str) -> None:
    imaged.create(build(imaged), ends=ends)
    imaged.list_actors()


# --- new actors ------------------------------------------------------------


def _births() -> Drafts:
    yield "spawn/tool", "tool.next spawn.gains spawn.first list.exact", _tool
    yield "spawn/existing", "spawn.first spawn.gains", _existing
    cases: dict[str, dict[str, Any]] = {
        "other-owner": {"owner": "q"},
        "principal": {"owner": None},
        "not-covered": {"owner": "p", "caps": ("send.*.job",)},
        "other-granter": {"owner": "p", "caps": ("read.*",), "granter": "q"},
    }
    for slug, rights in cases.items():
        yield f"spawn/{slug}", "cap.attenuate", partial(_escalates, rights=rights)
    yield "spawn/without-the-right", "cap.send cap.attenuate", _without_spawn
    yield "spawn/by-a-tool", "cap.attenuate owner.fixed", _grandchild
    yield "spawn/undone", "op.no-half spawn.gains", _undone
    yield "spawn/destroyed-at-once", "op.record gone.final", _destroyed_at_once


def _tool(imaged: Imaged) -> None:
    """A principal makes a tool, uses it in the same operation and in the next one."""
    stage = imaged.stage
    owner = held(imaged, "p", "spawn", "read.*")
    code = {"job": stage.draft().add("n", 1).reply(ops.CONTENT).seal()}
    tool = stage.actor("tool", owner=owner, granter=owner, caps=("read.*",), entry={"job": [owner]}, code=code)
    draft = stage.draft().join(tool, "genesis", tool).join(tool, "job", stage.text("1"))
    imaged.order(owner, draft.join(tool, "image.entry", stage.text("more\n*")))
    imaged.list_actors()
    imaged.order(owner, stage.draft().join(tool, "job", stage.text("2")).read(tool, "n", "seen"))
    imaged.expects(tool, n=2)
    imaged.expects(owner, seen=1)
    imaged.say(tool, "job", stage.text("3"))
    imaged.mail()


def _existing(imaged: Imaged) -> None:
    """A genesis of an actor that exists is only read, and gives its sender nothing."""
    stage = imaged.stage
    owner, other = held(imaged, "p", "spawn"), held(imaged, "q")
    before = imaged.core(owner)
    imaged.order(owner, stage.draft().join(other, "genesis", other))
    assert imaged.core(owner) == before, "no capability was gained"
    imaged.create(other)


def _escalates(imaged: Imaged, rights: dict[str, Any]) -> None:
    stage = imaged.stage
    actors = {name: held(imaged, name, "spawn", "read.*") for name in "pq"}
    named = {name: actors.get(value, value) if name != "caps" else value for name, value in rights.items()}
    tool = stage.actor("tool", **{"granter": actors["p"], **named})
    imaged.order(actors["p"], stage.draft().write("x", "1").join(tool, "genesis", tool), _ESCALATION)
    imaged.create(tool)


def _without_spawn(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL)
    tool = stage.actor("tool", owner=actor, granter=actor)
    imaged.order(actor, stage.draft().join(tool, "genesis", tool), _DENIED)
    imaged.say(actor, "image.grant", stage.text("spawn"))
    imaged.order(actor, stage.draft().join(tool, "genesis", tool))


def _grandchild(imaged: Imaged) -> None:
    """The owner of what a tool creates is the principal; the tool is not a possible owner."""
    stage = imaged.stage
    owner = held(imaged, "p")
    tool = stage.actor("tool", owner=owner, caps=("spawn",), entry={"run": "*"})
    imaged.create(tool)
    for named, ends in ((tool, _ESCALATION), (owner, COMMITTED)):
        child = stage.actor("child", owner=named, granter=tool)
        imaged.order(tool, stage.draft().join(child, "genesis", child), ends)
    imaged.create(stage.actor("other", owner=tool), ends="refused missing/actor")
    imaged.list_actors()


def _undone(imaged: Imaged) -> None:
    """A creation in a savepoint that fails leaves neither the actor nor the capabilities."""
    stage = imaged.stage
    owner = held(imaged, "p", "spawn", *_ALL)
    tool = stage.actor("tool", owner=owner, granter=owner)
    inner = stage.draft().join(tool, "genesis", tool).join(tool, "job", stage.empty()).seal()
    imaged.order(owner, stage.draft().write("x", "1").save(ops.ACTOR, "run", inner))
    imaged.list_actors()
    imaged.order(owner, stage.draft().join(tool, "genesis", tool))


def _destroyed_at_once(imaged: Imaged) -> None:
    stage = imaged.stage
    owner = held(imaged, "p", "spawn")
    tool = stage.actor("tool", owner=owner, granter=owner)
    draft = stage.draft().join(tool, "genesis", tool).join(tool, "image.destroy", stage.empty())
    imaged.order(owner, draft)
    imaged.order(owner, stage.draft().join(tool, "genesis", tool), "rejected/gone")
    imaged.create(tool, ends="refused rejected/gone")


# --- code ------------------------------------------------------------


def _installs() -> Drafts:
    yield "code/own-install", "code.pinned code.next", _own_install
    yield "code/install-then-message", "code.pinned code.next", _install_then_message
    yield "code/of-two-actors", "code.group code.pinned", _group
    yield "code/failed-install", "code.failed code.group", _failed_install
    yield "code/post-and-code", "code.next", _post_and_code
    yield "code/merged", "kernel.exact program.handler", _merged
    yield "code/run-is-not-a-handler", "program.handler", _run_handler
    yield "code/first-core", "code.pinned", _first_core


def _adding(imaged: Imaged, number: int) -> bytes:
    return imaged.stage.install(job=imaged.stage.draft().add("n", number).seal())


def _worker(imaged: Imaged, title: str, owner: bytes | None = None) -> bytes:
    """Create an actor whose program ``job`` adds 1, that installs and runs what its mail says."""
    stage = imaged.stage
    code = {"job": stage.draft().add("n", 1).seal()}
    rights: dict[str, Any] = {} if owner is None else {"owner": owner}
    actor = stage.actor(title, caps=_ALL, entry={"job": "*", "run": "*"}, code=code, **rights)
    imaged.create(actor)
    return actor


def _own_install(imaged: Imaged) -> None:
    """An actor replaces its own program, and runs the old one until the operation ends."""
    stage, actor = imaged.stage, _worker(imaged, "a")
    draft = stage.draft().join(ops.ACTOR, "job", stage.empty())
    operation = letter(actor, "image.install", _adding(imaged, 100)), letter(actor, "run", draft.seal())
    imaged.operate(*operation)
    imaged.expects(actor, n=1)
    imaged.order(actor, stage.draft().join(ops.ACTOR, "job", stage.empty()))
    imaged.expects(actor, n=101)


def _install_then_message(imaged: Imaged) -> None:
    stage, owner = imaged.stage, held(imaged, "p", *_ALL)
    worker = _worker(imaged, "w", owner)
    draft = stage.draft().join(worker, "job", stage.empty()).join(worker, "image.install", _adding(imaged, 10))
    imaged.order(owner, draft.join(worker, "job", stage.empty()))
    imaged.expects(worker, n=2)
    imaged.say(worker, "job", stage.empty())
    imaged.expects(worker, n=12)


def _group(imaged: Imaged) -> None:
    stage, owner = imaged.stage, held(imaged, "p", *_ALL)
    workers = [_worker(imaged, title, owner) for title in ("v", "w")]
    new = _adding(imaged, 10)
    bad = stage.install(job=stage.draft().raw(b"Q").seal())
    first, second = workers
    imaged.order(
        owner,
        stage.draft().join(first, "image.install", new).join(second, "image.install", bad),
        "malformed/program",
    )
    imaged.order(owner, stage.draft().join(first, "image.install", new).join(second, "image.install", new))
    for worker in workers:
        imaged.say(worker, "job", stage.empty())
        imaged.expects(worker, n=10)


def _failed_install(imaged: Imaged) -> None:
    """An install that fails leaves no part of its tree, also within a savepoint."""
    stage, actor = imaged.stage, _worker(imaged, "a")
    half = stage.tree(
        code=stage.tree(a=stage.draft().seal(), job=stage.draft().raw(b"Q").seal()), src=stage.text("new")
    )
    unchanged = still(imaged, actor)
    imaged.say(actor, "image.install", half, "malformed/program")
    unchanged()
    imaged.order(actor, stage.draft().write("x", "1").save(ops.ACTOR, "image.install", half))
    imaged.say(actor, "job", stage.empty())
    imaged.expects(actor, n=1, x=1)


def _post_and_code(imaged: Imaged) -> None:
    """A post that was sent before an install runs the new code."""
    stage, owner = imaged.stage, held(imaged, "p", *_ALL)
    worker = _worker(imaged, "w", owner)
    imaged.order(owner, stage.draft().post(worker, "job", stage.empty()))
    imaged.say(worker, "image.install", _adding(imaged, 10))
    imaged.run()
    imaged.expects(worker, n=10)


def _merged(imaged: Imaged) -> None:
    """An install merges trees, so other programs stay."""
    stage, actor = imaged.stage, _worker(imaged, "a")
    imaged.say(actor, "image.install", stage.install(more=stage.draft().add("m", 1).seal()))
    for mt, ends in (("job", COMMITTED), ("more", COMMITTED), ("other", "missing/handler")):
        imaged.say(actor, mt, stage.empty(), ends)
    imaged.list_actors()


def _run_handler(imaged: Imaged) -> None:
    """A message ``run`` runs its content, whatever ``code/run`` is."""
    stage = imaged.stage
    actor = stage.actor("a", code={"run": stage.draft().write("x", "no").seal()})
    imaged.create(actor)
    imaged.order(actor, stage.draft().write("y", "1"))
    assert imaged.at(actor, "x") is None, "code/run has no effect"
    imaged.say(actor, "run", stage.empty(), "malformed/program")


def _first_core(imaged: Imaged) -> None:
    """The code of an actor that begins in an operation is that of its first core."""
    stage = imaged.stage
    actor = stage.actor("a", code={"job": stage.draft().add("n", 1).seal()})
    imaged.operate(
        letter(actor, "genesis", actor),
        letter(actor, "image.install", _adding(imaged, 10)),
        letter(actor, "job", stage.empty()),
    )
    imaged.expects(actor, n=1)


# --- the end of an actor ------------------------------------------------------------


def _ends_of(imaged: Imaged, text: str, ends: str) -> None:
    actors = imaged.cast(*"AB")
    imaged.play(actors, text)
    imaged.say(actors["B"], "image.destroy", imaged.stage.empty(), ends)
    imaged.run()
    imaged.ack_all()
    imaged.say(actors["B"], "image.destroy", imaged.stage.empty())
    imaged.list_actors()


def _endings() -> Drafts:
    for slug, text in (("unread-post-to-it", "A{post B{x=1}}"), ("unread-post-of-it", "B{post A{x=1}}")):
        yield f"destroy/{slug}", "gone.quiet gone.final", partial(_ends_of, text=text, ends="rejected/busy")
    yield "destroy/unread-mail-to-the-agent", "gone.quiet gone.final", _mail_to_agent
    yield "destroy/owner-of-another", "gone.quiet", _owner_of_another
    yield "destroy/with-joins-that-wait", "gone.quiet op.total", _joins_that_wait
    yield "destroy/itself", "gone.final kernel.exact", _destroys_itself
    yield "destroy/with-a-timer", "gone.final timer.lasting", _with_a_timer


def _mail_to_agent(imaged: Imaged) -> None:
    stage, agent = imaged.stage, imaged.agent
    actor = held(imaged, "a", f"send.{agent.hex()}.note")
    imaged.order(actor, stage.draft().post(agent, "note", stage.text("1")))
    imaged.say(actor, "image.destroy", stage.empty(), "rejected/busy")
    imaged.ack_all()
    imaged.say(actor, "image.destroy", stage.empty())
    imaged.mail()


def _owner_of_another(imaged: Imaged) -> None:
    stage = imaged.stage
    owner = held(imaged, "p")
    tool = stage.actor("tool", owner=owner)
    imaged.create(tool)
    imaged.say(owner, "image.destroy", stage.empty(), "rejected/busy")
    imaged.operate(letter(tool, "image.destroy", stage.empty()), letter(owner, "image.destroy", stage.empty()))


def _joins_that_wait(imaged: Imaged) -> None:
    """A join that waits in the queue is unread, so its receiver is not destroyed."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    one, other = actors.values()
    for number in (0, 1):
        draft = stage.draft()
        pair = [("image.destroy", stage.empty()), ("run", stage.draft().add("x", 1).seal())]
        for mt, content in pair if number == 0 else pair[::-1]:
            draft.join(other, mt, content)
        imaged.order(one, draft, "rejected/busy" if number == 0 else COMMITTED)
    imaged.list_actors()


def _destroys_itself(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL)
    imaged.order(actor, stage.draft().write("x", "1").join(ops.ACTOR, "image.destroy", stage.empty()))
    imaged.say(actor, "run", stage.draft().seal(), "refused rejected/gone")
    imaged.create(actor, ends="refused rejected/gone")
    imaged.list_actors()


def _with_a_timer(imaged: Imaged) -> None:
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.timer", stage.text("0 tick")))
    imaged.say(actor, "image.destroy", stage.empty())
    imaged.run()
