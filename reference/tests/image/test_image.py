"""The calls for programs: actors, operations, worlds, forks and rollbacks of an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone.errors import Malformed, Missing, Rejected
from gritstone.grit.formats import CBOR_BLAKE3, FRAMED_SHA256
from gritstone.grit.importing import import_bundle
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.image import Actor, Image, OperationFailed, Program, Quota


def empty_store() -> Store:
    return Store.open(MemoryEngine(), CBOR_BLAKE3)


@pytest.fixture
def image() -> Iterator[Image]:
    with Image(empty_store()) as opened:
        yield opened


@pytest.fixture
def alice(image: Image) -> Actor:
    return image.principal("alice", caps=["spawn"])


def test_the_example_of_the_module(image: Image) -> None:
    alice = image.principal("alice", quota=Quota(fuel=100_000))
    out = image.request(alice.run(Program().add("x", 2).timer(50, "tick")))
    assert (out.seq, out.failed) == (2, None)
    assert image.install(alice, tick=Program().add("x", 40)).failed is None
    image.clock(50)
    assert image.run()
    assert image.read(alice, "x") == "42"
    assert image.rollback(to=out.seq).failed is None
    assert image.read(alice, "x") == "2"


def test_a_principal_is_found_by_its_name(image: Image, alice: Actor) -> None:
    seq = image.seq
    assert image.principal("alice") == alice
    assert image.actor("alice") == alice
    assert image.actor(alice.id.hex()[:8]) == alice
    assert image.seq == seq


def test_the_name_of_an_actor_is_that_of_its_first_core(image: Image, alice: Actor) -> None:
    bob = image.principal("bob")
    image.request(bob.run(Program().write("name", "alice")))
    assert image.read(bob, "name") == "alice"
    assert image.actor("alice") == alice
    assert image.actor("bob") == bob


@pytest.mark.parametrize("name", ["", "a/b", "a b", "-a", "x" * 65, "\x1b[2J"])
def test_a_name_that_is_not_of_its_form_is_rejected(image: Image, name: str) -> None:
    with pytest.raises(ValueError, match="invalid name"):
        image.principal(name)


def test_an_unknown_name_is_missing(image: Image, alice: Actor) -> None:
    for text in ("bob", "", "ffff", "alice/tool"):
        with pytest.raises(Missing) as caught:
            image.actor(text)
        assert caught.value.code == "actor"


def test_a_tool_has_a_part_of_the_rights_of_its_creator(image: Image, alice: Actor) -> None:
    shop = image.principal("shop", entry={"buy": "*"}, code={"buy": Program().add("sold", 1)})
    image.grant(alice, shop.may_send("buy"))
    ask = Program().send(shop, "buy")
    tool = image.spawn(alice, "tool", caps=[shop.may_send("buy")], entry={"go": [alice]}, code={"go": ask})
    assert image.request(alice.run(Program().send(tool, "go"))).failed is None
    assert image.read(shop, "sold") == "1"
    assert image.actor("alice/tool") == tool
    with pytest.raises(OperationFailed) as caught:
        image.spawn(alice, "thief", caps=[shop.may_send("*")])
    assert str(caught.value.failure) == "rejected/escalation"
    assert [view.name for view in image.list() if view.name == "alice/thief"] == []


def test_together_is_one_operation(image: Image, alice: Actor) -> None:
    bob = image.principal("bob", code={"work": Program().count("n")})
    seq = image.seq
    with image.together() as block:
        block.send(bob, "work", 5)
        block.run(alice, Program().write("done", "yes"))
    assert block.outcome is not None
    assert block.outcome.seq == seq + 1
    assert (image.read(bob, "n"), image.read(alice, "done")) == ("5", "yes")


def test_together_changes_nothing_if_one_fails(image: Image, alice: Actor) -> None:
    bob = image.principal("bob", code={"work": Program().count("n")})

    def work() -> None:
        with image.together() as block:
            block.send(bob, "work", 5)
            block.run(alice, Program().fail("no-money"))

    with pytest.raises(OperationFailed, match="rejected/no-money"):
        work()
    assert image.read(bob, "n") is None


def test_together_makes_no_operation_if_the_block_raises(image: Image, alice: Actor) -> None:
    seq = image.seq

    def work() -> None:
        with image.together() as block:
            block.run(alice, Program())
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert image.seq == seq


def test_a_repeated_key_returns_the_first_outcome(image: Image, alice: Actor) -> None:
    first = image.request(alice.run(Program().add("x", 1)), key="order-7")
    assert image.request(alice.run(Program().add("x", 1)), key="order-7") == first
    assert image.read(alice, "x") == "1"


def test_refusals_are_typed_and_make_no_operation(image: Image, alice: Actor) -> None:
    image.clock(10)
    seq = image.seq
    nobody = Actor(b"\x01" * 32)
    with pytest.raises(Missing):
        image.request(nobody.run(Program()))
    with pytest.raises(Malformed) as caught:
        image.request(alice.message("image.op"))
    assert caught.value.code == "mt"
    with pytest.raises(Rejected) as refused:
        image.clock(9)
    assert refused.value.code == "clock"
    with pytest.raises(Missing) as missing:
        image.world(99)
    assert missing.value.code == "world"
    with pytest.raises(ValueError, match="1 to 32"):
        image.request()
    with pytest.raises(Missing):
        image.read(nobody, "x")
    assert image.seq == seq


def test_a_failed_operation_is_an_outcome(image: Image) -> None:
    poor = image.principal("poor", quota=Quota(fuel=3))
    out = image.request(poor.run(Program().spin(10)))
    assert out.failed == "exhausted/fuel"
    with pytest.raises(OperationFailed) as caught:
        out.require()
    assert caught.value.seq == out.seq
    assert [record.seq for record in image.log() if record.failure is not None] == [out.seq]


def test_rights_are_granted_and_revoked(image: Image, alice: Actor) -> None:
    bob = image.principal("bob", code={"hi": Program().add("n", 1)})
    hello = alice.run(Program().send(bob, "hi"))
    assert image.request(hello).failed == "rejected/capability"
    assert image.grant(alice, bob.may_send("hi")).failed is None
    assert image.request(hello).failed == "rejected/entry"
    assert image.admit(bob, "hi", [alice]).failed is None
    assert image.request(hello).failed is None
    assert image.admit(bob, "hi", []).failed is None
    assert image.request(hello).failed == "rejected/entry"
    assert image.revoke(alice, bob.may_send("hi")).failed is None
    assert image.request(hello).failed == "rejected/capability"
    assert image.set_quota(bob, Quota(fuel=1)).failed is None
    assert image.request(bob.run(Program().add("n", 1))).failed == "exhausted/fuel"


def test_a_view_shows_rights_timers_and_subscriptions(image: Image, alice: Actor) -> None:
    bob = image.principal("bob", entry={"hi": [alice]}, code={"hi": Program()})
    event = "image.subscribe.spent"
    image.grant(alice, bob.may_send(event))
    image.request(alice.run(Program().send(bob, event)))
    image.request(bob.run(Program().timer(7, "hi")))
    (view,) = [one for one in image.list() if one.actor == bob]
    assert (view.name, view.owner, view.code) == ("bob", bob.id, ["hi"])
    assert view.entry == {"hi": str(alice)}
    assert view.subs == [("spent", str(alice))]
    assert [timer[0] for timer in view.timers.values()] == [7]
    (seen,) = [one for one in image.list(alice) if one.actor == bob]
    assert (seen.owner, seen.core, seen.code) == (None, None, ())


def test_past_worlds_are_read(image: Image, alice: Actor) -> None:
    seqs = [image.request(alice.run(Program().add("x", 1))).seq for _ in range(3)]
    assert [image.read(alice, "x", at=seq) for seq in seqs] == ["1", "2", "3"]
    assert image.world(seqs[0]).root != image.world().root
    assert image.world().seq == seqs[-1]


def test_a_fork_continues_from_an_earlier_world(image: Image, alice: Actor) -> None:
    seq = image.request(alice.run(Program().add("x", 1))).seq
    image.request(alice.run(Program().add("x", 1)))
    with image.fork(seq, empty_store()) as branch:
        assert branch.seq == seq
        assert branch.world().root == image.world(seq).root
        branch.request(alice.run(Program().add("x", 10)))
        assert (image.read(alice, "x"), branch.read(alice, "x")) == ("2", "11")


def test_a_fork_needs_an_empty_store_of_the_same_format(image: Image, alice: Actor) -> None:
    root = image.world().root
    with pytest.raises(Rejected) as caught:
        image.fork(1, image.store)
    assert caught.value.code == "image"
    with pytest.raises(Rejected) as other:
        image.fork(1, Store.open(MemoryEngine(), FRAMED_SHA256))
    assert other.value.code == "format"
    assert image.world().root == root


def test_a_rollback_waits_for_the_mail_of_later_actors(image: Image, alice: Actor) -> None:
    seq = image.seq
    bob = image.principal("bob", caps=[f"send.{image.agent.hex()}.*"])
    image.request(bob.run(Program().send(image.agent, "hello", "there", mode="post")))
    assert image.rollback(to=seq).failed == "rejected/busy"
    (mail,) = image.mail()
    assert (mail.sender, mail.mt, image.text(mail)) == (bob, "hello", "there")
    image.acknowledge(mail)
    assert image.mail() == []
    assert image.rollback(to=seq).failed is None
    assert [view.name for view in image.list()] == ["alice"]


def test_a_post_of_the_outside_runs_at_the_next_run(image: Image, alice: Actor) -> None:
    image.post(alice.run(Program().add("x", 1)))
    assert image.read(alice, "x") is None
    with pytest.raises(Rejected) as caught:
        image.request(alice.run(Program()))
    assert caught.value.code == "order"
    assert image.run()
    assert image.read(alice, "x") == "1"


def test_run_stops_after_enough_steps(image: Image) -> None:
    loop = image.principal("loop")
    image.install(loop, again=Program().send(loop, "again", mode="post"))
    image.request(loop.message("again"))
    assert not image.run(10)


def test_the_program_of_a_type_is_read_back(image: Image, alice: Actor) -> None:
    program = Program().count("n", "-").reply("ok")
    image.install(alice, take=program)
    assert image.program(alice, "take") == program
    with pytest.raises(Missing) as caught:
        image.program(alice, "give")
    assert caught.value.code == "handler"


def test_a_printed_program_names_actors(image: Image, alice: Actor) -> None:
    text = 'send @alice join run core\nsend @outside post hello "there"\n'
    assert image.text_of(image.parse(text)) == text
    assert image.parse(text) == image.parse(text.replace("@alice", str(alice)))


def test_a_store_with_other_actors_is_no_image() -> None:
    store = empty_store()
    blob = store.put(CBOR_BLAKE3.encode(Blob({}, b"x"), store.limits))
    store.update_references([Change(f"archived/{'00' * 32}", None, blob)])
    with pytest.raises(Rejected) as caught:
        Image(store)
    assert caught.value.code == "image"


def test_an_image_survives_its_process(tmp_path: Path) -> None:
    store = open_durable(tmp_path / "image", CBOR_BLAKE3)
    with Image(store, agent="desk") as image:
        alice = image.principal("alice")
        image.install(alice, tick=Program().add("x", 1))
        image.request(alice.run(Program().timer(5, "tick")))
        root = image.world().root
    store.close()
    store = open_durable(tmp_path / "image", CBOR_BLAKE3, create=False)
    with Image(store) as image:
        assert image.world().root == root
        image.clock(5)
        image.run()
        assert image.read(image.actor("alice"), "x") == "1"
    store.close()


def test_an_export_is_the_image(image: Image, alice: Actor, tmp_path: Path) -> None:
    image.export(tmp_path / "image.grit")
    other = empty_store()
    with (tmp_path / "image.grit").open("rb") as file:
        import_bundle(other, file)
    with Image(other) as copy:
        assert copy.world() == image.world()


def test_a_rollback_to_the_beginning_removes_all_actors(image: Image) -> None:
    seq = image.seq
    for number in range(3):
        image.principal(f"p{number}")
    assert image.rollback(to=seq).failed is None
    assert image.list() == []
    with pytest.raises(Missing) as caught:
        image.rollback(to=10_000)
    assert caught.value.code == "world"
