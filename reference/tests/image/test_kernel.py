"""Kernel messages, events, timers, quotas and effects."""

from __future__ import annotations

import pytest

from gritstone.grit import ObjectId, Tree
from gritstone.image.requests import Request

from .stage import QUOTA, Program, Stage


def ask(stage: Stage, to: ObjectId, mt: str, content: ObjectId) -> str:
    failure = stage.ask(to, mt, content).failure
    return "committed" if failure is None else str(failure)


def run(stage: Stage, actor: ObjectId, program: Program) -> str:
    failure = stage.run_program(actor, program).failure
    return "committed" if failure is None else str(failure)


def quota_text(**limits: int) -> str:
    return "".join(f"{name} {limits.get(name, QUOTA[name])}\n" for name in QUOTA)


def test_content_of_kernel_messages_is_checked_first(stage: Stage) -> None:
    actor, text = stage.born(), stage.text("?")
    words = {
        "grant": "capability",
        "revoke": "capability",
        "entry": "entry",
        "quota": "quota",
        "install": "install",
        "timer": "timer",
        "cancel": "cancel",
        "destroy": "destroy",
        "revert": "revert",
        "subscribe.e": "subscribe",
        "unsubscribe.e": "unsubscribe",
    }
    found = {word: ask(stage, actor, f"image.{word}", text) for word in words}
    assert found == {word: f"malformed/{code}" for word, code in words.items()}
    bare = stage.blob(b"spawn")
    assert ask(stage, actor, "image.grant", bare) == "malformed/capability"


def test_grant_and_revoke(stage: Stage) -> None:
    giver = stage.born(name="giver", caps={"send.*.image.*": stage.agent, "send.*.pay": stage.agent})
    taker = stage.born(name="taker", caps={"send.*.image.*": stage.agent})
    granted, missing = stage.text(f"send.{giver.hex()}.pay"), stage.text("spawn")
    assert run(stage, giver, Program().send(taker, "j", "image.grant", missing)) == "rejected/escalation"
    assert run(stage, giver, Program().send(taker, "j", "image.grant", granted)) == "committed"
    at = f"image/caps/send.{giver.hex()}.pay"
    assert stage.value(taker, at) == giver.hex().encode()
    other = stage.born(name="other", caps={"send.*.image.*": stage.agent})
    assert run(stage, other, Program().send(taker, "j", "image.revoke", granted)) == "rejected/capability"
    assert run(stage, giver, Program().send(taker, "j", "image.revoke", granted)) == "committed"
    assert stage.value(taker, at) is None
    assert run(stage, giver, Program().send(taker, "j", "image.revoke", granted)) == "rejected/capability"
    assert ask(stage, taker, "image.revoke", granted) == "missing/capability"


def test_entry_and_quota(stage: Stage) -> None:
    actor = stage.born(caps={"send.*.image.*": stage.agent})
    assert ask(stage, actor, "image.entry", stage.text("pay\n*")) == "committed"
    assert stage.value(actor, "image/entry/pay") == b"*"
    assert ask(stage, actor, "image.entry", stage.text("pay\n-")) == "committed"
    assert stage.value(actor, "image/entry/pay") is None
    for mt in (".", "..", "image.grant", "genesis", "A"):
        assert ask(stage, actor, "image.entry", stage.text(f"{mt}\n*")) == "malformed/entry"
    quota = stage.text(quota_text(fuel=5))
    assert run(stage, actor, Program().send(0xF0, "j", "image.quota", quota)) == "rejected/capability"
    assert ask(stage, actor, "image.quota", quota) == "committed"
    assert run(stage, actor, Program().spin(9)) == "exhausted/fuel"


def test_destroy_needs_a_quiet_actor(stage: Stage) -> None:
    owner = stage.born(caps={"spawn": stage.agent})
    child = stage.born(owner=owner, code={"x": Program()}, caps={"send.*.*": stage.agent})
    empty = stage.blob(b"")
    assert ask(stage, owner, "image.destroy", empty) == "rejected/busy"
    assert run(stage, child, Program().send(0xF0, "p", "x", stage.text("n"))) == "committed"
    assert ask(stage, child, "image.destroy", empty) == "rejected/busy"
    stage.rest()
    assert run(stage, child, Program().send(stage.agent, "p", "effect.x", stage.text("n"))) == "committed"
    assert ask(stage, child, "image.destroy", empty) == "rejected/busy"
    ((sender, message),) = stage.runtime.mail()
    seq = stage.engine.seq
    stage.wait(stage.runtime.acknowledge(sender, message))
    assert stage.engine.seq == seq + 1
    assert ask(stage, child, "image.destroy", empty) == "committed"
    assert ask(stage, owner, "image.destroy", empty) == "committed"


def test_mail_of_destroyed_actor_counts_as_read(stage: Stage) -> None:
    owner = stage.born(quota={"posts": 1}, caps={"send.*.*": stage.agent})
    child = stage.born(owner=owner, entry={"x": "*"}, code={"x": Program()})
    post = Program().send(child, "p", "x", stage.text("n"))
    assert run(stage, owner, post) == "committed"
    assert run(stage, owner, post) == "exhausted/posts"
    stage.rest()
    empty = stage.blob(b"")
    both = [Request(actor, [("mt", "image.destroy")], empty) for actor in (child, owner)]
    assert str(stage.request(both[::-1]).failure) == "rejected/busy"
    assert ask(stage, child, "image.destroy", empty) == "committed"
    for _ in range(2):
        assert stage.engine.ledger.usage(stage.engine.copy(), owner, "posts") == 0
        stage.open()
    assert run(stage, owner, Program().send(0xF0, "p", "x", stage.text("n"))) == "committed"
    stage.rest()
    assert ask(stage, owner, "image.destroy", empty) == "committed"


def test_revert_keeps_timers(stage: Stage) -> None:
    actor = stage.born(n="1")
    position = stage.engine.base.position(actor)
    assert position is not None
    old = stage.tree({"core": position.step.core})
    program = Program().add("n", 1).send(0xF0, "j", "image.timer", stage.text("5 tick"))
    assert run(stage, actor, program) == "committed"
    timers = stage.engine.ledger.actors[actor].timers
    assert ask(stage, actor, "image.revert", old) == "committed"
    assert stage.value(actor, "n") == b"1"
    assert timers is not None
    assert stage.engine.ledger.actors[actor].timers == timers
    assert ask(stage, actor, "image.revert", stage.tree({"core": {"a": "b"}})) == "rejected/escalation"


# --- events --------------------------------------------------------------------------------------------


def test_subscribers_read_an_event_in_the_operation(stage: Stage) -> None:
    emitter = stage.born(name="emitter", budget="0")
    names = ("one", "two")
    subscribers = [
        stage.born(name=name, caps={f"send.{emitter.hex()}.image.subscribe.spent": stage.agent},
                   code={"on.spent": Program().count("seen", "+").expect("veto", b"no")}, veto="no")
        for name in names
    ]  # fmt: skip
    empty = stage.blob(b"")
    for one in subscribers:
        assert run(stage, one, Program().send(emitter, "j", "image.subscribe.spent", empty)) == "committed"
    assert ask(stage, emitter, "image.subscribe.spent", empty) == "committed"
    emit = Program().add("budget", 20).send(0xF0, "j", "image.emit.spent", stage.text("20"))
    assert run(stage, emitter, emit) == "committed"
    assert [stage.value(one, "seen") for one in subscribers] == [b"20", b"20"]
    assert [sender for sender, _ in stage.runtime.mail()] == [emitter]
    assert run(stage, subscribers[1], Program().write("veto", b"yes")) == "committed"
    assert run(stage, emitter, emit) == "rejected/expect"
    assert stage.value(emitter, "budget") == b"20"
    assert len(stage.runtime.mail()) == 1
    assert ask(stage, subscribers[1], "image.destroy", empty) == "committed"
    assert run(stage, emitter, emit) == "committed"
    assert stage.value(subscribers[0], "seen") == b"40"
    unsubscribe = Program().send(emitter, "j", "image.unsubscribe.spent", empty)
    assert run(stage, subscribers[0], unsubscribe) == "rejected/capability"


def test_emission_from_another_actor_is_refused(stage: Stage) -> None:
    emitter = stage.born(name="emitter")
    assert ask(stage, emitter, "image.emit.e", stage.text("c")) == "rejected/capability"


# --- timers --------------------------------------------------------------------------------------------


def set_timers(stage: Stage, actor: ObjectId, *timers: str) -> None:
    program = Program()
    for timer in timers:
        program.send(0xF0, "j", "image.timer", stage.text(timer))
    assert run(stage, actor, program) == "committed"


def test_timers_fire_in_order(stage: Stage) -> None:
    log = {name: Program() for name in "abcd"}
    for name, program in log.items():
        program.data += b"A" + bytes([3]) + b"log" + b"\x00\x01" + name.encode()
    actor = stage.born(code=log)
    set_timers(stage, actor, "100 a", "50 b")
    set_timers(stage, actor, "50 c", "0 d")
    assert stage.rest() == 1
    assert stage.value(actor, "log") == b"d"
    stage.clock(49)
    assert stage.rest() == 0
    stage.clock(100)
    assert stage.rest() == 3
    assert stage.value(actor, "log") == b"dbca"
    assert stage.engine.ledger.actors[actor].timers is None


def test_timer_that_fails_is_removed(stage: Stage) -> None:
    actor = stage.born(code={"tick": Program().add("n", 1).fail()})
    set_timers(stage, actor, "0 tick")
    assert stage.rest() == 1
    assert stage.value(actor, "n") is None
    assert stage.engine.ledger.actors[actor].timers is None
    assert stage.rest() == 0


def test_cancelled_timer_does_not_fire(stage: Stage) -> None:
    actor = stage.born(code={"tick": Program().add("n", 1)})
    set_timers(stage, actor, "10 tick", "10 tick")
    timers = stage.engine.ledger.actors[actor].timers
    assert timers is not None
    tree = stage.engine.world.objects.load(timers)
    assert isinstance(tree, Tree)
    handle = stage.text(min(tree.entries))
    cancel = Program().send(0xF0, "j", "image.cancel", handle)
    assert run(stage, actor, cancel) == "committed"
    assert run(stage, actor, cancel) == "missing/timer"
    stage.clock(10)
    assert stage.rest() == 1
    assert stage.value(actor, "n") == b"1"


def test_cancelled_timers_are_dropped(stage: Stage) -> None:
    actor = stage.born(quota={"fuel": 10_000}, caps={"send.*.image.*": stage.agent})
    for _ in range(40):
        set_timers(stage, actor, *["10 tick"] * 50)
        position = stage.engine.base.position(actor)
        assert position is not None
        cancel = Program()
        for handle in stage.engine.copy().facts(position).part("timers"):
            cancel.send(0xF0, "j", "image.cancel", stage.text(handle))
        assert run(stage, actor, cancel) == "committed"
    assert stage.engine.queues.timers < 1_200
    assert stage.rest() == 0


def test_timer_waits_for_mail_of_the_agent(stage: Stage) -> None:
    actor = stage.born(code={"tick": Program().write("last", b"tick"), "x": Program().write("last", b"x")})
    set_timers(stage, actor, "10 tick")
    stage.wait(stage.runtime.inject(actor, stage.text("n"), [("mt", "x")]))
    stage.clock(10)
    assert stage.rest() == 2
    assert stage.value(actor, "last") == b"tick"


def test_timer_runs_before_a_post(stage: Stage) -> None:
    actor = stage.born(code={"tick": Program().write("last", b"tick"), "x": Program().write("last", b"x")})
    program = Program().send(0xF0, "p", "x", stage.text("n")).send(0xF0, "j", "image.timer", stage.text("10 tick"))
    assert run(stage, actor, program) == "rejected/order"
    program = Program().send(0xF0, "j", "image.timer", stage.text("10 tick")).send(0xF0, "p", "x", stage.text("n"))
    assert run(stage, actor, program) == "committed"
    stage.clock(10)
    assert stage.rest() == 2
    assert stage.value(actor, "last") == b"x"


# --- quotas --------------------------------------------------------------------------------------------


def test_quota_of_actors(stage: Stage) -> None:
    owner = stage.born(quota={"actors": 2}, caps={"spawn": stage.agent})
    tools = [stage.core(owner=owner, number=str(number)) for number in range(3)]
    both = Program().send(tools[0], "j", "genesis", tools[0]).send(tools[1], "j", "genesis", tools[1])
    assert run(stage, owner, both) == "committed"
    third = Program().send(tools[2], "j", "genesis", tools[2])
    assert run(stage, owner, third) == "exhausted/actors"
    assert ask(stage, tools[0], "image.destroy", stage.blob(b"")) == "committed"
    assert run(stage, owner, third) == "committed"


def test_quota_of_bytes(stage: Stage) -> None:
    owner = stage.born(n="1")
    used = 1 + 2 * len("external:image/1")
    assert ask(stage, owner, "image.quota", stage.text(quota_text(bytes=used + 10))) == "committed"
    assert run(stage, owner, Program().write("a", b"x" * 10)) == "committed"
    assert run(stage, owner, Program().write("b", b"x")) == "exhausted/bytes"
    assert run(stage, owner, Program().put("b", 0xF2)) == "exhausted/bytes"
    assert run(stage, owner, Program().write("a", b"x" * 11)) == "exhausted/bytes"
    assert run(stage, owner, Program().delete("a").write("b", b"x" * 10)) == "committed"
    assert ask(stage, owner, "image.quota", stage.text(quota_text(bytes=1))) == "committed"
    assert run(stage, owner, Program().write("b", b"y" * 10)) == "committed"
    assert run(stage, owner, Program().write("b", b"y" * 9)) == "committed"
    assert run(stage, owner, Program().write("b", b"y" * 10)) == "exhausted/bytes"


def test_shared_trees_count_once_for_each_path(stage: Stage) -> None:
    tree = stage.tree({"a": "x" * 10})
    for _ in range(62):
        tree = stage.tree({"l": tree, "r": tree})
    owner = stage.born(quota={"bytes": 2**63 - 1})
    assert run(stage, owner, Program().put("big", tree)) == "committed"
    small = stage.born(name="small", quota={"bytes": 2**62})
    assert run(stage, small, Program().put("big", tree)) == "exhausted/bytes"


@pytest.mark.parametrize("resource", ["posts", "subs", "timers"])
def test_quota_of_posts_subscriptions_and_timers(stage: Stage, resource: str) -> None:
    mine = {"send.*.*": stage.agent, "send.*.image.*": stage.agent}
    owner = stage.born(quota={resource: 2}, code={"x": Program()}, caps=mine)
    empty, note = stage.blob(b""), stage.text("9 x")
    programs = {
        "posts": [Program().send(0xF0, "p", "x", note)] * 3,
        "subs": [Program().send(0xF0, "j", f"image.subscribe.e{n}", empty) for n in range(3)],
        "timers": [Program().send(0xF0, "j", "image.timer", note)] * 3,
    }[resource]
    assert [run(stage, owner, program) for program in programs] == ["committed", "committed", f"exhausted/{resource}"]
    before = stage.engine.ledger.usage(stage.engine.copy(), owner, resource)
    stage.open()
    assert stage.engine.ledger.usage(stage.engine.copy(), owner, resource) == before == 2
    if resource != "subs":
        stage.clock(9)
        stage.rest()
        assert run(stage, owner, programs[0]) == "committed"


def test_subscription_of_destroyed_actor_does_not_count(stage: Stage) -> None:
    owner = stage.born(quota={"subs": 1})
    subscriber = stage.born(name="s", caps={"send.*.image.*": stage.agent})
    subscribe = Program().send(owner, "j", "image.subscribe.e", stage.blob(b""))
    assert run(stage, subscriber, subscribe) == "committed"
    assert ask(stage, owner, "image.subscribe.e", stage.blob(b"")) == "exhausted/subs"
    assert ask(stage, subscriber, "image.destroy", stage.blob(b"")) == "committed"
    assert ask(stage, owner, "image.subscribe.e", stage.blob(b"")) == "committed"
    stage.open()
    assert stage.engine.ledger.usage(stage.engine.copy(), owner, "subs") == 1


# --- cost ----------------------------------------------------------------------------------------------


def reads_of(stage: Stage, monkeypatch: pytest.MonkeyPatch, actor: ObjectId, program: Program) -> int:
    """Return how many objects an operation reads from the store if nothing is cached."""
    get, count = stage.store.get, 0

    def counting(object_id: ObjectId) -> bytes:
        nonlocal count
        count += 1
        return get(object_id)

    content = stage.program(program)
    stage.engine.world.forget()
    with monkeypatch.context() as patched:
        patched.setattr(stage.store, "get", counting)
        assert stage.ask(actor, "run", content).failure is None
    return count


def test_operation_does_not_read_what_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = {"posts": 20_000}
    receiver = stage.born(name="receiver", quota=quota)
    sender = stage.born(name="sender", quota=quota, caps={"send.*.*": stage.agent, "send.*.image.*": stage.agent})
    note = stage.text("n")
    one = Program().send(receiver, "p", "x", note)
    counts = []
    for posts in (1, 2_000):
        many = Program()
        for _ in range(min(posts, 500)):
            many.send(receiver, "p", "x", note)
        for _ in range(max(1, posts // 500)):
            assert run(stage, sender, many) == "committed"
        others = [
            run(stage, sender, Program().send(receiver, "j", "image.grant", stage.text("spawn"))),
            ask(stage, receiver, "image.destroy", stage.blob(b"")),
        ]
        assert others == ["rejected/order", "rejected/busy"]
        counts.append(reads_of(stage, monkeypatch, sender, one))
    assert counts[0] == counts[1]
    assert stage.engine.ledger.usage(stage.engine.copy(), sender, "posts") == 2_003
