"""Requests, keys, and what is read of an image without an operation: the list of actors and the log."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.image.worlds import copied, forked, history
from gritstone_conformance.strategies.image.ops import ACTOR
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_REPLY: Final = "image.request.reply"
_KEY: Final = "image.request.key"
_ONCE: Final = "image.request.once"
_LIST: Final = "image.list.exact"
_REDACTED: Final = "image.list.redacted"
_LOG: Final = "image.log.exact"
_RECORD: Final = "image.op.record"
_REPORT: Final = "image.op.report"
_OUTSIDE: Final = "image.outside.refused"
_ONE: Final = "image.op.one-step"

_KEYED_RECORDS: Final = 1_000


def requests(trial: Trial, fmt: Format) -> None:
    """A request is one operation with its messages as roots; the reply is its number and outcome, also if it fails."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    adds = imaged.stage.draft().add("x", 1).seal()
    many = {"a": "1", "b-c": "", "class": "x", "code": "y", "reply": "z", "expect2": "w"}
    imaged.operate(letter(one, "run", adds, **many), letter(two, "run", adds, more="1"), rule=_REPLY)
    imaged.operate(letter(one, "run", adds), letter(two, "job", adds), ends="missing/handler", rule=_REPLY)
    imaged.operate(letter(two, "run", adds), letter(one, "run", adds), letter(two, "run", adds), rule=_REPLY)
    for key in ("k", "!" * 64, "~", "order-7"):
        imaged.operate(letter(one, "run", adds), key=key, rule=_REPLY)
    imaged.log(rule=_RECORD)
    imaged.world(rule=_ONE)
    imaged.expects(one, x=6)
    imaged.judge(rule=_REPLY)


def keys(trial: Trial, fmt: Format) -> None:
    """A key of another form is refused before anything else is checked."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A").values()
    adds = imaged.stage.draft().add("x", 1).seal()
    nobody = letter(imaged.stage.tree(name=imaged.stage.text("nobody")), "Bad", adds, op="join")
    for key in ("", " ", "a b", "a\n", "\t", "\x7f", "é", "a" * 65, "\x00", "\x1f", "ключ"):
        imaged.operate(letter(one, "run", adds), key=key, ends="refused invalid/key", rule=_KEY)
        imaged.operate(nobody, key=key, ends="refused invalid/key", rule=_KEY)
    imaged.operate(nobody, key="good", ends="refused malformed/mt", rule=_KEY)
    imaged.operate(letter(one, "run", adds), key="a" * 64, rule=_KEY)
    imaged.judge(rule=_KEY)


def repeated(trial: Trial, fmt: Format) -> None:
    """A repeated request has the reply of the first one, whatever its messages are, and makes no operation."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage = imaged.stage
    adds, fails = stage.draft().add("x", 1).seal(), stage.draft().fail("broke").seal()
    imaged.operate(letter(one, "run", adds), key="good", rule=_ONCE)
    imaged.operate(letter(one, "run", fails), letter(two, "run", adds), key="bad", ends="rejected/broke", rule=_ONCE)
    for _ in range(2):
        imaged.operate(letter(one, "run", adds), key="good", rule=_ONCE)
        imaged.operate(letter(two, "run", fails), key="good", rule=_ONCE)
        imaged.operate(letter(stage.text("x"), "Bad", adds), key="good", rule=_ONCE)
        imaged.operate(letter(one, "run", adds), key="bad", ends="rejected/broke", rule=_ONCE)
        imaged.restart(rule=_ONCE)
    imaged.expects(one, x=1)
    core = stage.actor("late")
    both = letter(core, "genesis", core), letter(one, "run", fails)
    imaged.operate(*both, key="genesis", ends="rejected/broke", rule=_ONCE)
    imaged.operate(*both, key="genesis", ends="rejected/broke", rule=_ONCE)  # R did not send it, so it runs again
    imaged.operate(both[0], key="genesis", rule=_ONCE)
    imaged.operate(both[0], key="genesis", rule=_ONCE)
    imaged.operate(letter(one, "run", adds), letter(two, "run", adds, key2="x"), key="Good", rule=_ONCE)
    imaged.inject(one, adds, (("key", "posted"), ("mt", "run")), rule=_OUTSIDE)
    imaged.log(rule=_ONCE)
    imaged.expects(one, x=2)
    copy = copied(imaged, "s2", _ONCE)
    copy.operate(letter(one, "run", adds), key="good", rule=_ONCE)
    fork = forked(imaged, 1, "s3", _ONCE)
    fork.operate(letter(one, "run", adds), key="good", rule=_ONCE)
    fork.operate(letter(one, "run", adds), key="bad", rule=_ONCE)
    fork.expects(one, x=2)
    imaged.judge(rule=_ONCE)


def forgotten(trial: Trial, fmt: Format) -> None:
    """A key is known among the newest 1,000 records; the request behind them is carried out again."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A").values()
    adds = imaged.stage.draft().add("x", 1).seal()
    imaged.operate(letter(one, "run", adds), key="k")
    for _ in range(_KEYED_RECORDS - 1):
        imaged.clock(0)
    imaged.operate(letter(one, "run", adds), key="k", rule=_ONCE)
    imaged.expects(one, x=1)
    imaged.clock(0)
    imaged.operate(letter(one, "run", adds), key="k", rule=_ONCE)
    imaged.expects(one, x=2)
    imaged.operate(letter(one, "run", adds), key="k", rule=_ONCE)
    imaged.restart(rule=_ONCE)
    imaged.operate(letter(one, "run", adds), key="k", rule=_ONCE)
    imaged.expects(one, x=2)
    imaged.world(rule=_ONCE)
    imaged.flush()


def listed(trial: Trial, fmt: Format) -> None:
    """The list has exactly the actors with a head, with what is in their cores, page by page, and makes no step."""
    imaged = Imaged(trial, fmt)
    actors = history(imaged)
    one, two, _ = actors.values()
    stage = imaged.stage
    bare = stage.actor("bare", owner=two)
    odd = stage.actor(
        "odd", {"code": stage.tree(**{"a.b": stage.draft().seal()})}, owner=two, entry={"pay": (one, two)}
    )
    imaged.create(bare, odd)
    whole = imaged.list_actors(rule=_LIST)
    for limit in (1, 2, 3):
        found: list[object] = []
        after: bytes | None = None
        while page := imaged.list_actors(None, after, limit, rule=_LIST):
            found += page
            after = bytes.fromhex(str(page[-1]["actor"]))
        assert found == whole, "the pages are the list"
    for after in (bytes(32), b"\xff" * 32, imaged.agent, imaged.image.kernel, stage.text("nobody")):
        imaged.list_actors(None, after, rule=_LIST)
    imaged.refs(rule=_LIST)
    imaged.run()
    imaged.list_actors(rule=_LIST)
    imaged.judge(rule=_LIST)


def redacted(trial: Trial, fmt: Format) -> None:
    """With ``as``, nothing but the id is listed of the actors of other owners."""
    imaged = Imaged(trial, fmt)
    actors = history(imaged)
    stage = imaged.stage
    two = actors["B"]
    owned = stage.actor("owned", owner=two, caps=("spawn",), entry={"secret": "*"})
    gone = stage.actor("gone")
    imaged.create(owned, gone)
    imaged.say(gone, "image.destroy", stage.empty())
    for as_ in (*actors.values(), owned):
        imaged.list_actors(as_, rule=_REDACTED)
    imaged.list_actors(two, None, 1, rule=_REDACTED)
    for as_ in (imaged.agent, imaged.image.kernel, gone, stage.text("nobody")):
        imaged.list_actors(as_, rule=_REDACTED)
    imaged.refs(rule=_REDACTED)
    imaged.judge(rule=_REDACTED)


def logged(trial: Trial, fmt: Format) -> None:
    """The log has the record of each operation, failed ones too, byte by byte, page by page."""
    imaged = Imaged(trial, fmt)
    history(imaged)
    whole = imaged.log(rule=_LOG)
    assert [parse_record(record).seq for record in whole] == list(range(imaged.seq + 1)), "one for each operation"
    for limit in (1, 3, imaged.seq, imaged.seq + 1):
        for first in (0, 1, imaged.seq, imaged.seq + 1, imaged.seq + 2, 1 << 40):
            imaged.log(first, limit, rule=_LOG)
    imaged.run()
    imaged.log(rule=_LOG)
    imaged.restart()
    imaged.log(rule=_LOG)
    imaged.refs(rule=_LOG)
    imaged.judge(rule=_LOG)


def records(trial: Trial, fmt: Format) -> None:
    """A record has all its lines in order: roots, savepoints that failed, heads, reads and actors that are gone."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C", "D")
    one, two, three, four = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    child, short = (stage.actor(name, owner=one, granter=one) for name in ("child", "short"))
    imaged.order(one, stage.draft().join(short, "genesis", short))
    fails = (
        stage.draft()
        .save(three, "run", stage.draft().fail("inner").seal())
        .join(two, "run", stage.draft().fail("outer").seal())
        .seal()
    )
    whole = (
        stage.draft()
        .join(child, "genesis", child)
        .save(two, "run", fails)
        .save(three, "run", stage.draft().read(four, "name", "seen").fail().seal())
        .read(two, "name", "seen")
        .join(short, "image.destroy", empty)
        .join(child, "image.destroy", empty)
    )
    imaged.operate(letter(one, "run", whole.seal()), letter(three, "run", stage.draft().seal()), rule=_RECORD)
    record = parse_record(imaged.log(imaged.seq, rule=_RECORD)[0])
    assert (len(record.roots), len(record.savepoints), len(record.gone)) == (2, 3, 2), "all lines are there"
    failed = letter(four, "run", stage.draft().save(one, "run", fails).join(two, "run", fails).seal())
    imaged.operate(failed, letter(one, "run", stage.draft().seal()), ends="rejected/outer", rule=_REPORT)
    imaged.log(imaged.seq, rule=_REPORT)
    imaged.play(actors, "A{!" + "a" * 32 + "}", "rejected/" + "a" * 32, rule=_REPORT)
    imaged.order(
        two, stage.draft().read(one, "name", "x").read(three, "name", "y").read(two, "name", "z"), rule=_RECORD
    )
    imaged.ack_all(rule=_RECORD)
    imaged.clock(5, rule=_RECORD)
    imaged.log(rule=_RECORD)
    imaged.judge(rule=_RECORD)


def refusals(trial: Trial, fmt: Format) -> None:
    """The outside sends what the table admits; the first condition of the first message that holds refuses all."""
    imaged = Imaged(trial, fmt)
    stage, agent, kernel = imaged.stage, imaged.agent, imaged.image.kernel
    (one, two) = imaged.cast("A", "B").values()
    gone, never, tree = stage.actor("gone"), stage.text("never"), stage.tree(a=stage.empty())
    imaged.create(gone)
    imaged.say(gone, "image.destroy", stage.empty())
    adds, empty = stage.draft().add("x", 1).seal(), stage.empty()
    good = letter(one, "run", adds)
    cases = (
        (letter(never, "run", adds), "refused missing/actor"),
        (letter(one, "", adds), "refused malformed/mt"),
        *(
            (letter(one, mt, adds), "refused malformed/mt")
            for mt in ("on.e", "image.op", "reply", "update", "receipt", "A")
        ),
        (letter(one, "genesis", two), "refused malformed/mt"),
        (letter(one, "run", one), "refused malformed/mt"),
        *(
            (letter(one, "run", adds, **{name: "1"}), "refused malformed/mode")
            for name in ("op", "timer", "fuel", "key", "world")
        ),
        (letter(never, "Run", adds, op="join"), "refused malformed/mt"),
        (letter(tree, "run", adds, op="join"), "refused malformed/mode"),
        (letter(tree, "run", adds), "refused missing/actor"),
        (letter(gone, "run", adds), "refused rejected/gone"),
        (letter(gone, "genesis", gone), "refused rejected/gone"),
        (letter(agent, "run", adds), "refused rejected/location"),
        (letter(kernel, "image.grant", empty), "refused rejected/location"),
        (letter(tree, "genesis", tree), "refused malformed/core"),
    )
    for bad, ends in cases:
        for roots in ((bad,), (good, bad), (bad, good), (bad, letter(one, "Bad", adds))):
            imaged.operate(*roots, ends="" if bad.to == never else ends, rule=_OUTSIDE)
    imaged.refs(rule=_OUTSIDE)
    for mt in ("run", "job", "effect.ok"):
        imaged.inject(one, adds, mt, rule=_OUTSIDE)
    for mt in ("genesis", "image.grant", "image.destroy", "on.e", "", "Run"):
        imaged.inject(one, one if mt == "genesis" else empty, mt, rule=_OUTSIDE)
    for headers in ((("mt", "run"), ("op", "join")), (("key", "k"), ("mt", "run"))):
        imaged.inject(one, adds, headers, rule=_OUTSIDE)
    imaged.inject(one, adds, "run", mode="signal", rule=_OUTSIDE)
    for to in (tree, gone, agent, kernel):
        imaged.inject(to, adds, "run", rule=_OUTSIDE)
    imaged.operate(good, ends="refused rejected/order", rule=_OUTSIDE)
    imaged.operate(letter(two, "run", adds), good, ends="refused rejected/order", rule=_OUTSIDE)
    imaged.say(two, "run", adds, rule=_OUTSIDE)
    imaged.run(rule=_OUTSIDE)
    imaged.operate(good, rule=_OUTSIDE)
    fresh = stage.actor("fresh")
    in_turn = letter(fresh, "genesis", fresh), letter(fresh, "image.grant", stage.text("spawn"))
    imaged.operate(in_turn[1], in_turn[0], ends="refused missing/actor", rule=_OUTSIDE)
    imaged.operate(*in_turn, ends=COMMITTED, rule=_OUTSIDE)
    imaged.order(one, stage.draft().join(ACTOR, "run", adds), rule=_OUTSIDE)
    imaged.log(rule=_OUTSIDE)
    imaged.judge(rule=_OUTSIDE)


PROPERTIES: Final = (
    *of_images("request/reply", requests, _REPLY, _RECORD, _ONE),
    *of_images("request/key", keys, _KEY),
    *of_images("request/once", repeated, _ONCE, _OUTSIDE),
    *of_images("request/forgotten", forgotten, _ONCE, once=True),
    *of_images("request/outside", refusals, _OUTSIDE),
    *of_images("list/exact", listed, _LIST),
    *of_images("list/redacted", redacted, _REDACTED),
    *of_images("log/exact", logged, _LOG),
    *of_images("log/records", records, _RECORD, _REPORT),
)
