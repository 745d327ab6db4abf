"""Handoff: an actor leaves one store and goes on in another, and is in one of them at any time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.choices import run_freely
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Mailbox, to_base64
from gritstone_conformance.model.wasm.handoff import adopt, release
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.full import MOST_REFERENCES, fill_references
from gritstone_conformance.properties.runtime.halves import Half, kill_at_each_write
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, StoreFacts, check_export
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.properties.wasm.guest_lockstep import (
    KEEPS,
    PUPPET_GRANTS,
    GuestLockstepModel,
    move_references,
)
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "hand"]

_OWNER: Final = "wasm.handoff.one-owner"
_STILL: Final = "runtime.away.still"
_AGENT: Final = "wasm.handoff.agent"
_LIMIT: Final = "grit.ref.limit"
_RECORDED: Final = "wasm.handoff.recorded"
_MOST_WRITES: Final = 12  # of one handoff


def hand(lockstep: GuestLockstepModel, op: str, actor: bytes) -> None:
    """Ask for one half of a handoff, and that nothing changed where it is refused."""
    _ask_half(lockstep, op, actor)
    lockstep.refs(rule=lockstep.rule)


def _ask_half(lockstep: GuestLockstepModel, op: str, actor: bytes) -> None:
    """Ask for one half of a handoff."""
    halves: dict[str, Callable[[Mailroom, bytes], bytes]] = {"release": release, "adopt": adopt}
    try:
        expect = ok(step=halves[op](lockstep.model.mailroom, actor).hex())
    except Refusal as refusal:
        expect = refusal.expectation()
    lockstep.ask_plainly(f"wasm.{op}", {"store": "s", "actor": actor.hex()}, expect, lockstep.rule)


def _reply(lockstep: GuestLockstepModel) -> bytes:
    """Create an actor that answers with what it was sent."""
    return lockstep.guest(b"echo", "effects", {**KEEPS, "send": "any"})


def refused(trial: Trial, fmt: Format) -> None:
    """An absent, released or busy actor is not released; a present or invalid actor is not adopted."""
    lockstep = GuestLockstepModel(trial, fmt, _OWNER)
    stage = lockstep.stage
    actor, echo = lockstep.guest(b"a", "counter", KEEPS), _reply(lockstep)
    nobody = stage.core(b"nobody", b"external:absent")
    lockstep.fill()
    for one in (nobody, stage.blob(b"blob"), actor):
        hand(lockstep, "adopt", one)
    hand(lockstep, "release", nobody)
    message = lockstep.inject(actor, stage.blob(b"unread"))
    assert message is not None
    hand(lockstep, "release", actor)
    lockstep.run()
    lockstep.ask_guest(echo, b"r")
    hand(lockstep, "release", echo)
    for sender, message in lockstep.mail():
        lockstep.ack(sender, message)
    hand(lockstep, "release", echo)
    hand(lockstep, "release", echo)
    lockstep.ask_guest(actor, b"")
    lockstep.change(actor, wasm=lockstep.manifest({"fuel": 1}))
    lockstep.ask_guest(actor, b"")
    hand(lockstep, "release", actor)
    lockstep.change(actor, wasm=lockstep.manifest(KEEPS))
    hand(lockstep, "release", actor)
    head = f"moved/{actor.hex()}"
    step = lockstep.pair.model.references[head]
    lockstep.flush()
    lockstep.stop()
    gone = f"gone/{actor.hex()}"
    lockstep.request(lockstep.pair.cas(Change(gone, None, lockstep.agent)))
    hand(lockstep, "adopt", actor)
    lockstep.request(lockstep.pair.cas(Change(gone, lockstep.agent, None)))
    for target in (lockstep.pair.model.references[f"moved/{echo.hex()}"], actor, step):
        lockstep.request(lockstep.pair.cas(Change(head, lockstep.pair.model.references[head], target)))
        hand(lockstep, "adopt", actor)
    hand(lockstep, "adopt", actor)
    for target in (actor, step):
        lockstep.request(lockstep.pair.cas(Change(head, None, target)))
        for op in ("adopt", "release"):
            hand(lockstep, op, actor)
        lockstep.request(lockstep.pair.cas(Change(head, target, None)))
    mark, target = f"failed/{actor.hex()}", stage.graph.add(Mailbox(((lockstep.agent, message),)))
    lockstep.fill()
    lockstep.request(lockstep.pair.cas(Change(mark, None, target)))
    hand(lockstep, "release", actor)
    lockstep.request(lockstep.pair.cas(Change(mark, target, None)))
    lockstep.compare()


def waiting(trial: Trial, fmt: Format) -> None:
    """A released actor makes no step, whatever it is sent, also after a start; its mail waits until it is adopted."""
    lockstep = GuestLockstepModel(trial, fmt, _STILL)
    stage = lockstep.stage
    actor, friend = lockstep.guest(b"a", "counter", KEEPS), lockstep.guest(b"b", "counter", KEEPS)
    hand(lockstep, "release", actor)
    for content, mt in ((stage.blob(b"mail"), ""), (stage.tree(k=stage.blob(b"v")), "update"), (actor, "genesis")):
        lockstep.tell(actor, content, mt, rule=_STILL)
        lockstep.ask_guest(friend, b"")
        lockstep.refs(rule=_STILL)
    lockstep.restart(rule=_STILL)
    lockstep.run(rule=_STILL)
    lockstep.refs(rule=_STILL)
    lockstep.query(actor, "any", rule=_STILL)
    hand(lockstep, "adopt", actor)
    lockstep.run(rule=_STILL)
    hand(lockstep, "release", actor)
    lockstep.tell(actor, stage.blob(b"more"), rule=_STILL)
    step = lockstep.pair.model.references[f"moved/{actor.hex()}"]
    both = Change(f"moved/{actor.hex()}", step, None), Change(f"heads/{actor.hex()}", None, step)
    lockstep.request(lockstep.pair.cas(*both))
    lockstep.run(rule=_STILL)
    lockstep.refs(rule=_STILL)
    lockstep.compare()


def unborn(trial: Trial, fmt: Format) -> None:
    """A genesis message creates no actor that was released here."""
    lockstep = GuestLockstepModel(trial, fmt, _STILL)
    actor = lockstep.guest(b"a", "counter", KEEPS)
    other = lockstep.guest(b"b", "counter", KEEPS)
    hand(lockstep, "release", actor)
    lockstep.inject(other, other, headers=GENESIS)
    lockstep.inject(actor, actor, mode="signal", headers=GENESIS)
    lockstep.run(rule=_STILL)
    lockstep.compare()


def beside_other_references(trial: Trial, fmt: Format) -> None:
    """An actor with a head that is away is handed on as others are, unless it is gone, and stays away."""
    for space in ("archived", "closed", "gone"):
        lockstep = GuestLockstepModel(trial, fmt, _OWNER)
        actor = lockstep.guest(b"a", "counter", KEEPS)
        head, name = f"heads/{actor.hex()}", f"{space}/{actor.hex()}"
        move_references(lockstep, (name, lockstep.model.mailroom.heads[actor]))
        lockstep.ask_guest(actor, b"waits")
        hand(lockstep, "release", actor)
        move_references(lockstep, (name, None))
        lockstep.run(rule=_STILL)
        move_references(lockstep, (name, lockstep.model.mailroom.heads[actor]))
        hand(lockstep, "release", actor)
        hand(lockstep, "release", actor)
        hand(lockstep, "adopt", actor)
        if space == "gone":
            move_references(lockstep, (name, None))
            hand(lockstep, "adopt", actor)
            move_references(lockstep, (name, lockstep.pair.model.references[head]))
        lockstep.ask_guest(actor, b"waits")
        lockstep.refs(rule=_STILL)
        move_references(lockstep, (name, None))
        lockstep.run(rule=_STILL)
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def unread_beside_other_references(trial: Trial, fmt: Format) -> None:
    """Unread mail hinders a release also where its sender, or a receiver that has a head, is away."""
    for space in ("archived", "closed", "gone", "moved"):
        lockstep = GuestLockstepModel(trial, fmt, _OWNER)
        stage = lockstep.stage
        actor, friend = (lockstep.guest(title, "puppet", PUPPET_GRANTS) for title in (b"a", b"friend"))
        at_actor, at_friend = f"archived/{actor.hex()}", f"{space}/{friend.hex()}"
        heads = lockstep.model.mailroom.heads
        move_references(lockstep, (at_actor, heads[actor]))
        lockstep.tell(friend, stage.program(programs.send(0, 1), actor, stage.program(b"")), rule=_OWNER)
        move_references(lockstep, (at_friend, heads[friend]))
        hand(lockstep, "release", actor)
        move_references(lockstep, (at_actor, None))
        lockstep.run(rule=_OWNER)
        lockstep.tell(actor, stage.program(programs.send(0, 1), friend, stage.program(b"")), rule=_OWNER)
        hand(lockstep, "release", actor)
        head = lockstep.pair.model.references[f"heads/{friend.hex()}"]
        move_references(lockstep, (f"heads/{friend.hex()}", None))
        hand(lockstep, "release", actor)
        hand(lockstep, "adopt", actor)
        move_references(lockstep, (at_friend, None), (f"heads/{friend.hex()}", head))
        lockstep.run(rule=_OWNER)
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def there_and_back(trial: Trial, fmt: Format) -> None:
    """An actor that is handed on keeps its memory, randomness and history, in each store in its turn."""
    actor, bundle = b"", b""
    for stay in range(3):
        lockstep = GuestLockstepModel(trial, fmt, _OWNER)
        if stay == 0:
            key = bytes(range(32))
            grants = {"image": True, "pages": 4, "random": key, "clock": {"start": 1, "tick": 2}}
            actor = lockstep.guest(b"a", "random", grants)
        else:
            for asked in lockstep.pair.take(bundle, rule=_OWNER):
                lockstep.request(asked)
            hand(lockstep, "adopt", actor)
        for length in (b"\3", b"\5\1"):
            lockstep.ask_guest(actor, length)
        hand(lockstep, "release", actor)
        lockstep.flush()
        data = lockstep.pair.export([f"moved/{actor.hex()}"], rule=_OWNER)
        assert data is not None, "the actor stands still here"
        bundle = data
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def known_elsewhere(trial: Trial, fmt: Format) -> None:
    """What an actor and the agent's id wrote to each other in another store is neither offered nor delivered again."""
    actor, bundle = b"", b""
    for stay in range(3):
        lockstep = GuestLockstepModel(trial, fmt, _AGENT)
        if stay == 0:
            actor = _reply(lockstep)
        else:
            for asked in lockstep.pair.take(bundle, rule=_AGENT):
                lockstep.request(asked)
            hand(lockstep, "adopt", actor)
        lockstep.mail(rule=_AGENT)
        lockstep.ask_guest(actor, b"s", "signal" if stay == 1 else "queue")
        lockstep.ask_guest(actor, b"s")
        for sender, message in lockstep.mail(rule=_AGENT):
            lockstep.ack(sender, message, rule=_AGENT)
        lockstep.mail(rule=_AGENT)
        check_export(trial, lockstep.export(rule=_AGENT), at_rest=True, known=StoreFacts(is_whole=False))
        hand(lockstep, "release", actor)
        lockstep.flush()
        bundle = lockstep.pair.export([f"moved/{actor.hex()}"], rule=_AGENT) or b""
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def at_home_again(trial: Trial, fmt: Format) -> None:
    """An actor that comes back meets the agent that it left; a chain that forked is released first."""
    for is_forked in (False, True):
        lockstep = GuestLockstepModel(trial, fmt, _AGENT)
        actor = _reply(lockstep)
        lockstep.ask_guest(actor, b"s")
        lockstep.ack(*lockstep.mail()[0])
        hand(lockstep, "release", actor)
        away, step = _elsewhere(lockstep, actor)
        if is_forked:
            lockstep.inject(actor, lockstep.stage.blob(b"s"), "late", rule=_AGENT)
        for data in away:
            lockstep.request(lockstep.pair.put(data))
        moved = f"moved/{actor.hex()}"
        lockstep.flush()
        lockstep.stop()
        lockstep.request(lockstep.pair.cas(Change(moved, lockstep.pair.model.references[moved], step)))
        lockstep.start()
        hand(lockstep, "adopt", actor)
        if is_forked:
            lockstep.ask("runtime.release", {"actors": [actor.hex()]}, ok(released=[actor.hex()]), _AGENT)
            lockstep.model.agent.release([actor])
            hand(lockstep, "adopt", actor)
        lockstep.mail(rule=_AGENT)
        lockstep.effects(rule=_AGENT)
        lockstep.ask_guest(actor, b"s")
        lockstep.mail(rule=_AGENT)
        check_export(trial, lockstep.export(rule=_AGENT), at_rest=True, known=StoreFacts(is_whole=False))
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def at_the_limit(trial: Trial, fmt: Format) -> None:
    """With ``refs`` references afterwards an actor is adopted with its mail, released by the agent, and moves on."""
    source = GuestLockstepModel(trial, fmt, _LIMIT)
    if source.pair.model.limits.refs > MOST_REFERENCES:
        trial.remark = f"not tried: the limit is above {MOST_REFERENCES}"
        return
    actor = _reply(source)
    source.ask_guest(actor, b"r")
    source.ack(*source.mail()[0])
    hand(source, "release", actor)
    source.flush()
    bundle = source.pair.model.export([f"moved/{actor.hex()}"])
    trial.expect("grit.close", {"store": "s"}, ok())
    lockstep = GuestLockstepModel(trial, fmt, _LIMIT)
    for asked in lockstep.pair.take(bundle):
        lockstep.request(asked)
    marker = lockstep.stage.blob(b"")
    lockstep.fill()
    if is_first(trial, fmt):  # it takes a second
        fill_references(lockstep, marker, room=1)
    lockstep.request(lockstep.pair.cas(Change("t/more", None, marker), rule=_LIMIT))
    _ask_half(lockstep, "adopt", actor)
    _look(lockstep)
    lockstep.request(lockstep.pair.cas(Change("t/more", marker, None), rule=_LIMIT))
    _ask_half(lockstep, "adopt", actor)
    lockstep.request(lockstep.pair.cas(Change("t/more", None, marker), rule=_LIMIT))
    for op in ("adopt", "release", "adopt"):
        _ask_half(lockstep, op, actor)
        _look(lockstep)
    lockstep.release(actor, rule=_LIMIT)
    lockstep.ask_guest(actor, b"r")
    lockstep.release(actor, rule=_LIMIT)
    lockstep.ack(*lockstep.mail(rule=_LIMIT)[0])
    lockstep.release(actor, rule=_LIMIT)
    _ask_half(lockstep, "release", actor)
    _look(lockstep)
    lockstep.release(actor, rule=_LIMIT)
    _look(lockstep)
    lockstep.flush()


def _look(lockstep: GuestLockstepModel) -> None:
    """Ask that the references of actors are those of the model."""
    for prefix in ("adopted/", "failed/", "heads/", "moved/"):
        lockstep.request(lockstep.pair.refs(prefix, rule=_LIMIT))


def sender_in_both_stores(trial: Trial, fmt: Format) -> None:
    """The history is legal if the adopted actor read mail of a sender that has another history in this store."""
    bundle = b""
    for stay in range(3):
        lockstep = GuestLockstepModel(trial, fmt, _RECORDED)
        stage = lockstep.stage
        friend, actor = lockstep.born(b"friend"), stage.core(b"a")
        mails: list[tuple[bytes, str]] = [
            (stage.program(b"", stage.blob(b"%d" % stay)), ""),
            (stage.program(b""), ""),
        ]
        if stay == 0:
            mails.insert(0, (actor, "genesis"))
        for content, mt in mails:
            lockstep.tell(friend, stage.program(programs.send(0, 1, mt), actor, content), rule=_RECORDED)
            if stay > 0 and (content, mt) == mails[0]:
                for asked in lockstep.pair.take(bundle, rule=_RECORDED):
                    lockstep.request(asked)
                check_export(trial, lockstep.export(rule=_RECORDED), at_rest=False, known=StoreFacts(is_whole=False))
                hand(lockstep, "adopt", actor)
                lockstep.run(rule=_RECORDED)
        check_export(trial, lockstep.export(rule=_RECORDED), at_rest=True, known=StoreFacts(is_whole=False))
        for half in ("release", "adopt", "release"):
            hand(lockstep, half, actor)
        check_export(trial, lockstep.export(rule=_RECORDED), at_rest=False, known=StoreFacts(is_whole=False))
        bundle = lockstep.pair.export([f"moved/{actor.hex()}"], rule=_RECORDED) or b""
        lockstep.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def _elsewhere(lockstep: GuestLockstepModel, actor: bytes) -> tuple[list[bytes], bytes]:
    """Run the model's actor in another store of an agent of the same id; returns what it brings, and its step."""
    store = lockstep.pair.model.copy()
    for name in [name for name in store.references if name != f"moved/{actor.hex()}"]:
        del store.references[name]
    before = set(store.objects)
    other = start(store, "test", Config(0, 0, 1))
    adopt(other.mailroom, actor)
    for _ in range(2):
        other.agent.inject(actor, (), other.shelf.put(Blob((), b"s")), "queue")
        run_freely(other, random.Random(1))
    for sender, message in other.agent.mail():
        other.agent.acknowledge(sender, message)
    step = release(other.mailroom, actor)
    return [data for identity, data in store.objects.items() if identity not in before], step


def killed(trial: Trial, fmt: Format) -> None:
    """Whatever write it is killed at, a store has one of ``heads`` and ``moved`` for the step, and it can go on."""
    lockstep = GuestLockstepModel(trial, fmt, _OWNER)
    actor = lockstep.guest(b"a", "counter", KEEPS)
    lockstep.flush()
    trial.expect("grit.close", {"store": "s"}, {"ok": {}})
    at_home = lockstep.pair.model.export()
    step = release(lockstep.model.mailroom, actor)
    still = lockstep.pair.model.export()
    victim = trial.spawn()
    deaths = 0
    for op, bundle, finished in (("release", at_home, "moved"), ("adopt", still, "heads")):
        for number in range(1, _MOST_WRITES):
            deaths += 1
            store = FreeScheduleFixture(trial, fmt, opening=StoreOptions(trial.directory(), victim))
            data: dict[str, Json] = {"bytes": to_base64(bundle), "more": False}
            store.ask("grit.import", {"store": "s", **data}, ok(objects={"$": "any"}, refs={"$": "any"}))
            store.flush()
            death: dict[str, Json] = {"writes": (number + 1) // 2, "when": ("before", "after")[number % 2]}
            is_dead = _die(trial, store, op, actor, step, death)
            if is_dead:
                victim.kill()
                store = FreeScheduleFixture(
                    trial, fmt, opening=StoreOptions(store.directory, victim, create=False), rule=_OWNER
                )
            found = _owners(trial, store, actor, step)
            if found == ["heads", "moved"] or not found or (not is_dead and found != [finished]):
                trial.fail("exactly one of heads and moved", found, words="not one owner after a death", rule=_OWNER)
            if found != [finished]:
                args: dict[str, Json] = {"store": "s", "actor": actor.hex()}
                trial.expect(f"wasm.{op}", args, ok(step=step.hex()), on=victim, rule=_OWNER)
            store.close()
            if not is_dead:
                break
    trial.remark = f"{deaths} deaths, before and after every durable write"


def killed_with_an_agent(trial: Trial, fmt: Format) -> None:
    """Whatever write it is killed at, an adoption moved the agent's head with the actor's, or neither."""
    here = GuestLockstepModel(trial, fmt, _AGENT)
    actor = _reply(here)
    for _ in range(2):
        here.ask_guest(actor, b"s")
        for sender, message in here.mail():
            here.ack(sender, message)
    hand(here, "release", actor)
    here.flush()
    bundle = here.pair.model.export([f"moved/{actor.hex()}"])
    trial.expect("grit.close", {"store": "s"}, ok())
    there = GuestLockstepModel(trial, fmt, _AGENT)
    for asked in there.pair.take(bundle):
        there.request(asked)
    there.flush()
    trial.expect("grit.close", {"store": "s"}, ok())
    model, mailroom, halves = there.pair.model, there.model.mailroom, []
    for op, half in (("adopt", adopt), ("release", release)):
        before = model.export()
        mailroom.reload()
        answer = ok(step=half(mailroom, actor).hex())
        halves.append(Half(before, f"wasm.{op}", {"actor": actor.hex()}, answer, dict(model.references), _AGENT))
    assert halves[1].before != halves[0].before
    kill_at_each_write(trial, fmt, halves)


def _die(trial: Trial, store: FreeScheduleFixture, op: str, actor: bytes, step: bytes, death: dict[str, Json]) -> bool:
    """Ask for a half of a handoff with the death due; returns whether it died."""
    victim = store.process
    trial.expect("fault.arm", death, ok(), on=victim)
    try:
        args: dict[str, Json] = {"store": "s", "actor": actor.hex()}
        trial.expect(f"wasm.{op}", args, ok(step=step.hex()), on=victim, rule=_OWNER)
        trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=victim)
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
        return True
    return False


def _owners(trial: Trial, store: FreeScheduleFixture, actor: bytes, step: bytes) -> list[str]:
    """Return which of the two references there are; their target is the step."""
    store.flush()
    args: dict[str, Json] = {"store": store.handle, "prefix": "", "after": None, "limit": 100}
    refs = trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=store.process, rule=_OWNER)["refs"]
    owners = {f"heads/{actor.hex()}": "heads", f"moved/{actor.hex()}": "moved"}
    return [owners[name] for name, target in refs if name in owners and target == step.hex()]


PROPERTIES: Final = (
    *in_each_format("wasm/handoff/refused", refused, _OWNER, features=()),
    *in_each_format("wasm/handoff/waiting", waiting, _STILL, features=()),
    *in_each_format("wasm/handoff/beside-others", beside_other_references, _OWNER, _STILL, features=()),
    *in_each_format("wasm/handoff/unread-beside-others", unread_beside_other_references, _OWNER, features=()),
    *in_each_format("wasm/handoff/unborn", unborn, _STILL, features=()),
    *in_each_format("wasm/handoff/there-and-back", there_and_back, _OWNER, "wasm.image.equal", features=()),
    *in_each_format("wasm/handoff/known-elsewhere", known_elsewhere, _AGENT, _OWNER, *HISTORY_RULES, features=()),
    *in_each_format("wasm/handoff/at-home-again", at_home_again, _AGENT, _OWNER, *HISTORY_RULES, features=("effects",)),
    *in_each_format("wasm/handoff/at-the-limit", at_the_limit, _LIMIT, features=(), cost=1_000),
    *in_each_format(
        "wasm/handoff/sender-in-both-stores", sender_in_both_stores, _RECORDED, *HISTORY_RULES, features=()
    ),
    *in_each_format(
        *("wasm/handoff/killed", killed, _OWNER), features=("durable", "fault.kill"), once=True, kind="crash", cost=600
    ),
    *in_each_format(
        *("wasm/handoff/killed-with-an-agent", killed_with_an_agent, _AGENT),
        features=("durable", "fault.kill"),
        once=True,
        kind="crash",
        cost=600,
    ),
)
