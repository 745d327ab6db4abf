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
from gritstone_conformance.properties.runtime.double import GENESIS
from gritstone_conformance.properties.runtime.full import MOST_REFERENCES, fill_references
from gritstone_conformance.properties.runtime.halves import Half, kill_at_each_write
from gritstone_conformance.properties.runtime.house import House, Opening
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, StoreFacts, check_export
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.wasm.doubles import KEEPS, PUPPET_GRANTS, GuestDouble, move_references
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_OWNER: Final = "wasm.handoff.one-owner"
_STILL: Final = "runtime.away.still"
_AGENT: Final = "wasm.handoff.agent"
_LIMIT: Final = "grit.ref.limit"
_RECORDED: Final = "wasm.handoff.recorded"
_MOST_WRITES: Final = 12  # of one handoff


def _hand(house: GuestDouble, op: str, actor: bytes) -> None:
    """Ask for one half of a handoff, and that nothing changed where it is refused."""
    _ask_half(house, op, actor)
    house.refs(rule=house.rule)


def _ask_half(house: GuestDouble, op: str, actor: bytes) -> None:
    """Ask for one half of a handoff."""
    halves: dict[str, Callable[[Mailroom, bytes], bytes]] = {"release": release, "adopt": adopt}
    try:
        expect = ok(step=halves[op](house.model.mailroom, actor).hex())
    except Refusal as refusal:
        expect = refusal.expectation()
    house.ask_plainly(f"wasm.{op}", {"store": "s", "actor": actor.hex()}, expect, house.rule)


def _reply(house: GuestDouble) -> bytes:
    """Create an actor that answers with what it was sent."""
    return house.guest(b"echo", "effects", {**KEEPS, "send": "any"})


def refused(trial: Trial, fmt: Format) -> None:
    """An absent, released or busy actor is not released; a present or invalid actor is not adopted."""
    house = GuestDouble(trial, fmt, _OWNER)
    stage = house.stage
    actor, echo = house.guest(b"a", "counter", KEEPS), _reply(house)
    nobody = stage.core(b"nobody", b"external:absent")
    house.fill()
    for one in (nobody, stage.blob(b"blob"), actor):
        _hand(house, "adopt", one)
    _hand(house, "release", nobody)
    message = house.inject(actor, stage.blob(b"unread"))
    assert message is not None
    _hand(house, "release", actor)
    house.run()
    house.ask_guest(echo, b"r")
    _hand(house, "release", echo)
    for sender, message in house.mail():
        house.ack(sender, message)
    _hand(house, "release", echo)
    _hand(house, "release", echo)
    house.ask_guest(actor, b"")
    house.change(actor, wasm=house.manifest({"fuel": 1}))
    house.ask_guest(actor, b"")
    _hand(house, "release", actor)
    house.change(actor, wasm=house.manifest(KEEPS))
    _hand(house, "release", actor)
    head = f"moved/{actor.hex()}"
    step = house.pair.model.references[head]
    house.play()
    house.stop()
    gone = f"gone/{actor.hex()}"
    house.request(house.pair.cas(Change(gone, None, house.agent)))
    _hand(house, "adopt", actor)
    house.request(house.pair.cas(Change(gone, house.agent, None)))
    for target in (house.pair.model.references[f"moved/{echo.hex()}"], actor, step):
        house.request(house.pair.cas(Change(head, house.pair.model.references[head], target)))
        _hand(house, "adopt", actor)
    _hand(house, "adopt", actor)
    for target in (actor, step):
        house.request(house.pair.cas(Change(head, None, target)))
        for op in ("adopt", "release"):
            _hand(house, op, actor)
        house.request(house.pair.cas(Change(head, target, None)))
    mark, target = f"failed/{actor.hex()}", stage.graph.add(Mailbox(((house.agent, message),)))
    house.fill()
    house.request(house.pair.cas(Change(mark, None, target)))
    _hand(house, "release", actor)
    house.request(house.pair.cas(Change(mark, target, None)))
    house.compare()


def waiting(trial: Trial, fmt: Format) -> None:
    """A released actor makes no step, whatever it is sent, also after a start; its mail waits until it is adopted."""
    house = GuestDouble(trial, fmt, _STILL)
    stage = house.stage
    actor, friend = house.guest(b"a", "counter", KEEPS), house.guest(b"b", "counter", KEEPS)
    _hand(house, "release", actor)
    for content, mt in ((stage.blob(b"mail"), ""), (stage.tree(k=stage.blob(b"v")), "update"), (actor, "genesis")):
        house.tell(actor, content, mt, rule=_STILL)
        house.ask_guest(friend, b"")
        house.refs(rule=_STILL)
    house.restart(rule=_STILL)
    house.run(rule=_STILL)
    house.refs(rule=_STILL)
    house.query(actor, "any", rule=_STILL)
    _hand(house, "adopt", actor)
    house.run(rule=_STILL)
    _hand(house, "release", actor)
    house.tell(actor, stage.blob(b"more"), rule=_STILL)
    step = house.pair.model.references[f"moved/{actor.hex()}"]
    both = Change(f"moved/{actor.hex()}", step, None), Change(f"heads/{actor.hex()}", None, step)
    house.request(house.pair.cas(*both))
    house.run(rule=_STILL)
    house.refs(rule=_STILL)
    house.compare()


def unborn(trial: Trial, fmt: Format) -> None:
    """A genesis message creates no actor that was released here."""
    house = GuestDouble(trial, fmt, _STILL)
    actor = house.guest(b"a", "counter", KEEPS)
    other = house.guest(b"b", "counter", KEEPS)
    _hand(house, "release", actor)
    house.inject(other, other, headers=GENESIS)
    house.inject(actor, actor, mode="signal", headers=GENESIS)
    house.run(rule=_STILL)
    house.compare()


def beside_other_references(trial: Trial, fmt: Format) -> None:
    """An actor with a head that is away is handed on as others are, unless it is gone, and stays away."""
    for space in ("archived", "closed", "gone"):
        house = GuestDouble(trial, fmt, _OWNER)
        actor = house.guest(b"a", "counter", KEEPS)
        head, name = f"heads/{actor.hex()}", f"{space}/{actor.hex()}"
        move_references(house, (name, house.model.mailroom.heads[actor]))
        house.ask_guest(actor, b"waits")
        _hand(house, "release", actor)
        move_references(house, (name, None))
        house.run(rule=_STILL)
        move_references(house, (name, house.model.mailroom.heads[actor]))
        _hand(house, "release", actor)
        _hand(house, "release", actor)
        _hand(house, "adopt", actor)
        if space == "gone":
            move_references(house, (name, None))
            _hand(house, "adopt", actor)
            move_references(house, (name, house.pair.model.references[head]))
        house.ask_guest(actor, b"waits")
        house.refs(rule=_STILL)
        move_references(house, (name, None))
        house.run(rule=_STILL)
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def unread_beside_other_references(trial: Trial, fmt: Format) -> None:
    """Unread mail hinders a release also where its sender, or a receiver that has a head, is away."""
    for space in ("archived", "closed", "gone", "moved"):
        house = GuestDouble(trial, fmt, _OWNER)
        stage = house.stage
        actor, friend = (house.guest(title, "puppet", PUPPET_GRANTS) for title in (b"a", b"friend"))
        at_actor, at_friend = f"archived/{actor.hex()}", f"{space}/{friend.hex()}"
        heads = house.model.mailroom.heads
        move_references(house, (at_actor, heads[actor]))
        house.tell(friend, stage.program(programs.send(0, 1), actor, stage.program(b"")), rule=_OWNER)
        move_references(house, (at_friend, heads[friend]))
        _hand(house, "release", actor)
        move_references(house, (at_actor, None))
        house.run(rule=_OWNER)
        house.tell(actor, stage.program(programs.send(0, 1), friend, stage.program(b"")), rule=_OWNER)
        _hand(house, "release", actor)
        head = house.pair.model.references[f"heads/{friend.hex()}"]
        move_references(house, (f"heads/{friend.hex()}", None))
        _hand(house, "release", actor)
        _hand(house, "adopt", actor)
        move_references(house, (at_friend, None), (f"heads/{friend.hex()}", head))
        house.run(rule=_OWNER)
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def there_and_back(trial: Trial, fmt: Format) -> None:
    """An actor that is handed on keeps its memory, randomness and history, in each store in its turn."""
    actor, bundle = b"", b""
    for stay in range(3):
        house = GuestDouble(trial, fmt, _OWNER)
        if stay == 0:
            key = bytes(range(32))
            grants = {"image": True, "pages": 4, "random": key, "clock": {"start": 1, "tick": 2}}
            actor = house.guest(b"a", "random", grants)
        else:
            for asked in house.pair.take(bundle, rule=_OWNER):
                house.request(asked)
            _hand(house, "adopt", actor)
        for length in (b"\3", b"\5\1"):
            house.ask_guest(actor, length)
        _hand(house, "release", actor)
        house.play()
        data = house.pair.export([f"moved/{actor.hex()}"], rule=_OWNER)
        assert data is not None, "the actor stands still here"
        bundle = data
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def known_elsewhere(trial: Trial, fmt: Format) -> None:
    """What an actor and the agent's id wrote to each other in another store is neither offered nor delivered again."""
    actor, bundle = b"", b""
    for stay in range(3):
        house = GuestDouble(trial, fmt, _AGENT)
        if stay == 0:
            actor = _reply(house)
        else:
            for asked in house.pair.take(bundle, rule=_AGENT):
                house.request(asked)
            _hand(house, "adopt", actor)
        house.mail(rule=_AGENT)
        house.ask_guest(actor, b"s", "signal" if stay == 1 else "queue")
        house.ask_guest(actor, b"s")
        for sender, message in house.mail(rule=_AGENT):
            house.ack(sender, message, rule=_AGENT)
        house.mail(rule=_AGENT)
        check_export(trial, house.export(rule=_AGENT), at_rest=True, known=StoreFacts(is_whole=False))
        _hand(house, "release", actor)
        house.play()
        bundle = house.pair.export([f"moved/{actor.hex()}"], rule=_AGENT) or b""
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def at_home_again(trial: Trial, fmt: Format) -> None:
    """An actor that comes back meets the agent that it left; a chain that forked is released first."""
    for is_forked in (False, True):
        house = GuestDouble(trial, fmt, _AGENT)
        actor = _reply(house)
        house.ask_guest(actor, b"s")
        house.ack(*house.mail()[0])
        _hand(house, "release", actor)
        away, step = _elsewhere(house, actor)
        if is_forked:
            house.inject(actor, house.stage.blob(b"s"), "late", rule=_AGENT)
        for data in away:
            house.request(house.pair.put(data))
        moved = f"moved/{actor.hex()}"
        house.play()
        house.stop()
        house.request(house.pair.cas(Change(moved, house.pair.model.references[moved], step)))
        house.start()
        _hand(house, "adopt", actor)
        if is_forked:
            house.ask("runtime.release", {"actors": [actor.hex()]}, ok(released=[actor.hex()]), _AGENT)
            house.model.agent.release([actor])
            _hand(house, "adopt", actor)
        house.mail(rule=_AGENT)
        house.effects(rule=_AGENT)
        house.ask_guest(actor, b"s")
        house.mail(rule=_AGENT)
        check_export(trial, house.export(rule=_AGENT), at_rest=True, known=StoreFacts(is_whole=False))
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def at_the_limit(trial: Trial, fmt: Format) -> None:
    """With ``refs`` references afterwards an actor is adopted with its mail, released by the agent, and moves on."""
    source = GuestDouble(trial, fmt, _LIMIT)
    if source.pair.model.limits.refs > MOST_REFERENCES:
        trial.remark = f"not tried: the limit is above {MOST_REFERENCES}"
        return
    actor = _reply(source)
    source.ask_guest(actor, b"r")
    source.ack(*source.mail()[0])
    _hand(source, "release", actor)
    source.play()
    bundle = source.pair.model.export([f"moved/{actor.hex()}"])
    trial.expect("grit.close", {"store": "s"}, ok())
    house = GuestDouble(trial, fmt, _LIMIT)
    for asked in house.pair.take(bundle):
        house.request(asked)
    marker = house.stage.blob(b"")
    house.fill()
    if is_first(trial, fmt):  # it takes a second
        fill_references(house, marker, room=1)
    house.request(house.pair.cas(Change("t/more", None, marker), rule=_LIMIT))
    _ask_half(house, "adopt", actor)
    _look(house)
    house.request(house.pair.cas(Change("t/more", marker, None), rule=_LIMIT))
    _ask_half(house, "adopt", actor)
    house.request(house.pair.cas(Change("t/more", None, marker), rule=_LIMIT))
    for op in ("adopt", "release", "adopt"):
        _ask_half(house, op, actor)
        _look(house)
    house.release(actor, rule=_LIMIT)
    house.ask_guest(actor, b"r")
    house.release(actor, rule=_LIMIT)
    house.ack(*house.mail(rule=_LIMIT)[0])
    house.release(actor, rule=_LIMIT)
    _ask_half(house, "release", actor)
    _look(house)
    house.release(actor, rule=_LIMIT)
    _look(house)
    house.play()


def _look(house: GuestDouble) -> None:
    """Ask that the references of actors are those of the model."""
    for prefix in ("adopted/", "failed/", "heads/", "moved/"):
        house.request(house.pair.refs(prefix, rule=_LIMIT))


def sender_in_both_stores(trial: Trial, fmt: Format) -> None:
    """The history is legal if the adopted actor read mail of a sender that has another history in this store."""
    bundle = b""
    for stay in range(3):
        house = GuestDouble(trial, fmt, _RECORDED)
        stage = house.stage
        friend, actor = house.born(b"friend"), stage.core(b"a")
        mails: list[tuple[bytes, str]] = [
            (stage.program(b"", stage.blob(b"%d" % stay)), ""),
            (stage.program(b""), ""),
        ]
        if stay == 0:
            mails.insert(0, (actor, "genesis"))
        for content, mt in mails:
            house.tell(friend, stage.program(programs.send(0, 1, mt), actor, content), rule=_RECORDED)
            if stay > 0 and (content, mt) == mails[0]:
                for asked in house.pair.take(bundle, rule=_RECORDED):
                    house.request(asked)
                check_export(trial, house.export(rule=_RECORDED), at_rest=False, known=StoreFacts(is_whole=False))
                _hand(house, "adopt", actor)
                house.run(rule=_RECORDED)
        check_export(trial, house.export(rule=_RECORDED), at_rest=True, known=StoreFacts(is_whole=False))
        for half in ("release", "adopt", "release"):
            _hand(house, half, actor)
        check_export(trial, house.export(rule=_RECORDED), at_rest=False, known=StoreFacts(is_whole=False))
        bundle = house.pair.export([f"moved/{actor.hex()}"], rule=_RECORDED) or b""
        house.compare()
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def _elsewhere(house: GuestDouble, actor: bytes) -> tuple[list[bytes], bytes]:
    """Run the model's actor in another store of an agent of the same id; returns what it brings, and its step."""
    store = house.pair.model.copy()
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
    house = GuestDouble(trial, fmt, _OWNER)
    actor = house.guest(b"a", "counter", KEEPS)
    house.play()
    trial.expect("grit.close", {"store": "s"}, {"ok": {}})
    at_home = house.pair.model.export()
    step = release(house.model.mailroom, actor)
    still = house.pair.model.export()
    victim = trial.spawn()
    deaths = 0
    for op, bundle, finished in (("release", at_home, "moved"), ("adopt", still, "heads")):
        for number in range(1, _MOST_WRITES):
            deaths += 1
            store = House(trial, fmt, opening=Opening(trial.directory(), victim))
            data: dict[str, Json] = {"bytes": to_base64(bundle), "more": False}
            store.ask("grit.import", {"store": "s", **data}, ok(objects={"$": "any"}, refs={"$": "any"}))
            store.play()
            death: dict[str, Json] = {"writes": (number + 1) // 2, "when": ("before", "after")[number % 2]}
            is_dead = _die(trial, store, op, actor, step, death)
            if is_dead:
                victim.kill()
                store = House(trial, fmt, opening=Opening(store.directory, victim, create=False), rule=_OWNER)
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
    here = GuestDouble(trial, fmt, _AGENT)
    actor = _reply(here)
    for _ in range(2):
        here.ask_guest(actor, b"s")
        for sender, message in here.mail():
            here.ack(sender, message)
    _hand(here, "release", actor)
    here.play()
    bundle = here.pair.model.export([f"moved/{actor.hex()}"])
    trial.expect("grit.close", {"store": "s"}, ok())
    there = GuestDouble(trial, fmt, _AGENT)
    for asked in there.pair.take(bundle):
        there.request(asked)
    there.play()
    trial.expect("grit.close", {"store": "s"}, ok())
    model, mailroom, halves = there.pair.model, there.model.mailroom, []
    for op, half in (("adopt", adopt), ("release", release)):
        before = model.export()
        mailroom.reload()
        answer = ok(step=half(mailroom, actor).hex())
        halves.append(Half(before, f"wasm.{op}", {"actor": actor.hex()}, answer, dict(model.references), _AGENT))
    assert halves[1].before != halves[0].before
    kill_at_each_write(trial, fmt, halves)


def _die(trial: Trial, store: House, op: str, actor: bytes, step: bytes, death: dict[str, Json]) -> bool:
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


def _owners(trial: Trial, store: House, actor: bytes, step: bytes) -> list[str]:
    """Return which of the two references there are; their target is the step."""
    store.play()
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
        *("wasm/handoff/killed", killed, _OWNER), features=("durable", "fault.kill"), kind="crash", cost=600
    ),
    *in_each_format(
        *("wasm/handoff/killed-with-an-agent", killed_with_an_agent, _AGENT),
        features=("durable", "fault.kill"),
        kind="crash",
        cost=600,
    ),
)
