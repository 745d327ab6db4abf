"""Programs: each op byte by byte, the closed language, and which program answers a message."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.image.ops import (
    ACTOR,
    CONTENT,
    CORE,
    JOIN,
    SENDER,
    add,
    append,
    count,
    delete,
    expect,
    fail,
    fail_with,
    put,
    read,
    reply,
    send,
    spin,
    write,
)
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_CLOSED: Final = "image.language.closed"
_EXACT: Final = "image.program.exact"
_HANDLER: Final = "image.program.handler"
_READ: Final = "image.program.read"

_MALFORMED: Final = "malformed/program"
_FAILED: Final = "rejected/failed"
_TOP: Final = (1 << 63) - 1

_SPELLED: Final = (
    put("x", 0),
    put("d/e/f", CONTENT),
    write("x", b"abc"),
    write("x", b""),
    append("x", b"d"),
    delete("x"),
    fail(),
    add("n", 1),
    add("n", -1),
    count("n", b"+"),
    count("n", b"-"),
    expect("x", b"abc"),
    read(ACTOR, "x", "y"),
    send(ACTOR, JOIN, "job", 0),
    reply(0),
    spin(3),
    fail_with("no-stock"),
)
"""One program for each op, with all its operands."""


def every_byte(trial: Trial, fmt: Format) -> None:
    """Each byte in the place of an op begins an op of the table with its operands, or the program is malformed."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    known = {ops[0] for ops in _SPELLED}
    for byte in range(256):
        ops = next((ops for ops in _SPELLED if ops[0] == byte), bytes((byte,)))
        ends = ANY if byte in known else _MALFORMED
        imaged.order(one, stage.draft().raw(b"D\1q" + ops), ends, rule=_CLOSED)
        if byte not in known:
            install = stage.install(go=stage.draft().raw(bytes((byte,))).seal())
            imaged.say(one, "image.install", install, _MALFORMED, rule=_CLOSED)
    imaged.list_actors(rule=_CLOSED)
    imaged.judge(rule=_CLOSED)


def cut_programs(trial: Trial, fmt: Format) -> None:
    """A program that ends within an op is malformed as a whole: no op before it has an effect."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    first = write("x", b"1")
    for ops in _SPELLED:
        for length in range(1, len(ops)):
            imaged.order(one, stage.draft().raw(first + ops[:length]), _MALFORMED, rule=_CLOSED)
    imaged.expects(one, x=None)
    imaged.judge(rule=_CLOSED)


def odd_operands(trial: Trial, fmt: Format) -> None:
    """Invalid refs, modes, signs and codes are malformed; operands that are absent fail the op."""
    imaged = Imaged(trial, fmt)
    stage, text = imaged.stage, imaged.stage.text("7")
    (one, two) = imaged.cast("A", "B").values()
    for ref in (0xF4, 0xFF):
        for ops in (
            put("x", ref),
            read(ref, "x", "y"),
            send(ref, JOIN, "job", 0),
            send(0, JOIN, "job", ref),
            reply(ref),
        ):
            imaged.order(one, stage.draft().raw(write("x", b"1") + ops), _MALFORMED, rule=_CLOSED)
    for mode in range(256):
        if bytes((mode,)) not in b"jvp":
            imaged.order(one, stage.draft().raw(send(ACTOR, bytes((mode,)), "job", 0)), _MALFORMED, rule=_CLOSED)
    for sign in (b"*", b"\0", b"p", b" "):
        imaged.order(one, stage.draft().raw(count("n", sign)), _MALFORMED, rule=_CLOSED)
    for code in ("", "A", "a b", "a_b", "a.b", "a:b", "é", "a" * 33):
        imaged.order(one, stage.draft().raw(fail_with(code)), _MALFORMED, rule=_CLOSED)
    for code in ("a", "-", "0", "a" * 32):
        imaged.order(one, stage.draft().raw(fail_with(code)), f"rejected/{code}", rule=_EXACT)
    for ops in (put("x", 7), read(7, "x", "y"), send(7, JOIN, "job", 0), send(ACTOR, JOIN, "job", 7), reply(0xEF)):
        imaged.order(one, stage.draft().raw(ops), _FAILED, rule=_EXACT)
    for program in (text, stage.tree(a=text), stage.tree(program=stage.tree(a=text))):
        imaged.say(one, "run", program, _MALFORMED, rule=_CLOSED)
    imaged.say(one, "run", stage.tree(program=stage.blob(b"", ("x", "y"))), rule=_EXACT)
    imaged.order(two, stage.draft().join(text, "job", text), _FAILED, rule=_EXACT)
    imaged.order(two, stage.draft().read(text, "x", "y"), _FAILED, rule=_EXACT)
    imaged.judge(rule=_CLOSED)


def numbers(trial: Trial, fmt: Format) -> None:
    """``add`` and ``count`` keep numbers from 0 to 2^63 - 1, and headers, and fail for everything that is no number."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    steps = (
        (add("n", 5), COMMITTED),
        (add("n", -5), COMMITTED),
        (add("n", -1), "rejected/range"),
        (add("n", _TOP), COMMITTED),
        (add("n", 1), "rejected/range"),
        (add("n", -_TOP), COMMITTED),
        (add("m", -_TOP - 1), "rejected/range"),
        (add("m", 0), COMMITTED),
        (add("d/e/f", 3), COMMITTED),
        (add("d", 1), _FAILED),
        (add("d/e/f/g", 1), ANY),
        (add("name", 1), _FAILED),
    )
    for ops, ends in steps:
        imaged.order(one, stage.draft().raw(ops), ends, rule=_EXACT)
    for data in (b"", b"01", b"-1", b"+1", b" 1", b"1\n", b"1.0", b"1" * 20, str(_TOP + 1).encode(), b"\xd9\xa3"):
        imaged.order(one, stage.draft().put("v", stage.blob(data)).add("v", 0), _FAILED, rule=_EXACT)
    headed = stage.draft().put("v", stage.blob(b"41", ("a", "b"), ("ct", "s"))).add("v", 1)
    imaged.order(one, headed, rule=_EXACT)
    plus, minus = stage.draft().raw(count("v", b"+")).seal(), stage.draft().raw(count("v", b"-")).seal()
    imaged.say(one, "image.install", stage.install(plus=plus, minus=minus))
    contents = (
        ("plus", stage.text("8"), COMMITTED),
        ("minus", stage.blob(b"50"), COMMITTED),
        ("minus", stage.blob(b"1"), "rejected/range"),
        ("plus", stage.text(str(_TOP)), COMMITTED),
        ("plus", stage.text("1"), "rejected/range"),
        ("plus", stage.text("x"), _FAILED),
        ("minus", stage.text("01"), _FAILED),
        ("plus", stage.tree(a=stage.text("1")), _FAILED),
    )
    for mt, content, ends in contents:
        imaged.say(one, mt, content, ends, rule=_EXACT)
    imaged.order(one, stage.draft().raw(count("w", b"+")), _FAILED, rule=_EXACT)  # its content is the program tree
    imaged.judge(rule=_EXACT)


def paths(trial: Trial, fmt: Format) -> None:
    """Ops on paths make and remove trees as those of the puppet; ``expect`` compares the data of a blob."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one,) = imaged.cast("A").values()
    text, tree = stage.text("t"), stage.tree(a=stage.text("1"), b=stage.tree(c=stage.text("2")))
    scripts = (
        put("d/e", 0) + put("d/f", 1),
        write("d/e/g", b"over a blob"),
        delete("d/e") + delete("absent") + delete("d/absent/x"),
        put("d", 1) + delete("d/a") + delete("d/b/c"),
        append("log", b"a") + append("log", b"b") + append("deep/log", b"c"),
        put("kept", CORE) + put("who", ACTOR) + put("from", SENDER) + put("said", CONTENT),
        write("x", b"1") + put("whole", CORE) + write("x", b"2"),
        expect("x", b"2") + expect("log", b"ab"),
        put("h", 2) + append("h", b"more"),
    )
    for ops in scripts:
        imaged.order(one, stage.draft().raw(ops), ANY, rule=_EXACT)
    for ops, ends in (
        (expect("x", b"3"), "rejected/expect"),
        (expect("x", b""), "rejected/expect"),
        (expect("absent", b""), "rejected/expect"),
        (expect("deep", b"c"), "rejected/expect"),
        (append("deep", b"x"), _FAILED),
        (write("y", b"1") + expect("y", b"1"), COMMITTED),
        (delete("name") + expect("name", b"A"), "rejected/expect"),
    ):
        imaged.order(one, stage.draft().raw(ops), ends, rule=_EXACT)
    operands = stage.program(put("o0", 0) + put("o1", 1) + put("o2", 2), text, tree, stage.blob(b"h", ("a", "b")))
    imaged.say(one, "run", operands, rule=_EXACT)
    imaged.judge(rule=_EXACT)


def reads(trial: Trial, fmt: Format) -> None:
    """A read copies what is in the core of the head in the private copy, or deletes, and has a line in the record."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    (one, two, _) = actors.values()
    stage = imaged.stage
    imaged.play(actors, "B{d/e=1 x=5}")
    imaged.order(one, stage.draft().read(two, "x", "x").read(two, "d", "copy").read(two, "image", "rights"), rule=_READ)
    imaged.order(one, stage.draft().write("y", "1").read(two, "absent", "y").read(two, "x/z", "z"), rule=_READ)
    imaged.expects(one, x=5, y=None, z=None)
    fresh = stage.draft().join(two, "run", stage.draft().add("x", 1).seal())
    imaged.order(one, fresh.join(0xF0, "run", stage.draft().read(two, "x", "x").seal()), rule=_READ)
    imaged.expects(one, x=6)
    undone = stage.draft().add("x", 9).fail().seal()
    imaged.order(one, stage.draft().save(two, "run", undone).read(two, "x", "x"), rule=_READ)
    imaged.expects(one, x=6)
    lost = stage.draft().read(actors["C"], "name", "seen").fail().seal()
    imaged.order(one, stage.draft().save(0xF0, "run", lost), rule="image.serial.read")
    imaged.order(one, stage.draft().read(actors["C"], "name", "seen").fail(), _FAILED, rule="image.serial.read")
    imaged.log(rule="image.serial.read")
    never, gone = stage.tree(name=stage.text("never")), stage.actor("gone")
    imaged.create(gone)
    imaged.say(gone, "image.destroy", stage.empty())
    imaged.order(one, stage.draft().read(never, "x", "y"), "missing/actor", rule=_READ)
    imaged.order(one, stage.draft().read(gone, "x", "y"), "rejected/gone", rule=_READ)
    imaged.order(one, stage.draft().read(gone, "x", "image/y"), "rejected/gone", rule=_READ)
    imaged.order(one, stage.draft().read(never, "x", "image/y"), "missing/actor", rule=_READ)
    imaged.order(one, stage.draft().read(two, "x", "image/y"), "rejected/location", rule=_READ)
    imaged.judge(rule=_READ)


def handlers(trial: Trial, fmt: Format) -> None:
    """``run`` runs its content; another type runs the entry of its name; without one it fails, or is only read."""
    imaged = Imaged(trial, fmt)
    stage, empty = imaged.stage, imaged.stage.empty()
    counted = stage.draft().add("own", 1).seal()
    names = ("run", "go", "a.b_c-9", "effect.ok", "failed", "reply", "genesis", "image.grant")
    actor = stage.actor("a", code=dict.fromkeys(names, counted), entry={"go": "*"})
    bare = stage.actor("bare", owner=actor)
    imaged.create(actor, bare)
    imaged.order(actor, stage.draft().add("n", 1), rule=_HANDLER)
    imaged.expects(actor, own=None, n=1)
    for mt in ("go", "a.b_c-9", "effect.ok"):
        imaged.say(actor, mt, empty, rule=_HANDLER)
        imaged.say(bare, mt, empty, "missing/handler", rule=_HANDLER)
    imaged.expects(actor, own=3)
    imaged.say(actor, "image.grant", stage.text("spawn"), rule=_HANDLER)
    imaged.say(actor, "genesis", actor, rule=_HANDLER)
    for mt in ("Go", "", "go/x", "failed", "reply", "on.e"):
        imaged.say(actor, mt, empty, "refused malformed/mt", rule="image.outside.refused")
    imaged.say(actor, "gone", empty, "missing/handler", rule=_HANDLER)
    imaged.say(bare, "run", empty, _MALFORMED, rule=_CLOSED)
    imaged.expects(actor, own=3, n=1)
    nested = stage.tree(code=stage.tree(go=counted))
    imaged.say(bare, "image.install", nested, rule=_HANDLER)
    imaged.say(bare, "go", empty, rule=_HANDLER)
    imaged.judge(rule=_HANDLER)


def replies(trial: Trial, fmt: Format) -> None:
    """A reply goes to the sender with the id of the message, as a join if it has a mode, and to R as a post."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    says = stage.draft().reply(stage.text("one")).reply(stage.text("two")).seal()
    answers = stage.actor("answers", entry={"ask": "*"}, code={"ask": says})
    imaged.create(answers)
    (one,) = imaged.cast("A").values()
    imaged.say(one, "image.install", stage.install(reply=stage.draft().put("said", CONTENT).add("r", 1).seal()))
    for draft in (
        stage.draft().join(answers, "ask", stage.empty()),
        stage.draft().save(answers, "ask", stage.empty()),
        stage.draft().post(answers, "ask", stage.empty()),
    ):
        imaged.order(one, draft, rule=_EXACT)
        imaged.run(rule=_EXACT)
    imaged.expects(one, r=6)
    imaged.say(answers, "ask", stage.empty(), rule=_EXACT)
    imaged.mail(rule=_EXACT)
    own = stage.draft().reply(ACTOR)
    imaged.order(one, own, ANY, rule=_EXACT)
    imaged.mail(rule=_EXACT)
    self_asked = stage.install(ask=says)
    imaged.say(one, "image.install", self_asked)
    imaged.order(one, stage.draft().join(0xF0, "ask", stage.empty()), rule=_EXACT)
    imaged.expects(one, r=8)
    imaged.judge(rule=_EXACT)


def noise(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Drawn bytes are a program, which is executed op by op, or malformed; nothing else happens."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (one, two) = imaged.cast("A", "B", fuel=2_000).values()
    operands = (one, two, stage.text("7"), stage.draft().add("x", 1).seal())
    for _ in range(6):
        parts = [tape.pick(_SPELLED) for _ in range(tape.within(1, 4))]
        ops = bytearray(b"".join(parts))
        for _ in range(tape.below(3)):
            ops[tape.below(len(ops))] = tape.below(256)
        cut = len(ops) - tape.below(3)
        program = stage.program(bytes(ops[:cut]), *operands)
        ended = imaged.say(one, "run", program, ANY, rule=_EXACT)
        trial.reach("malformed", ended == _MALFORMED)
        trial.reach("executed", ended == COMMITTED)
        ended = imaged.say(two, "image.install", stage.install(go=program), ANY, rule=_CLOSED)
        imaged.operate(letter(two, "go", stage.text("3")), ends=ANY, rule=_EXACT)
    imaged.world(rule=_EXACT)
    imaged.judge(rule=_EXACT)


PROPERTIES: Final = (
    *of_images("program/every-byte", every_byte, _CLOSED, once=True),
    *of_images("program/cut", cut_programs, _CLOSED),
    *of_images("program/operands", odd_operands, _CLOSED, _EXACT),
    *of_images("program/numbers", numbers, _EXACT),
    *of_images("program/paths", paths, _EXACT),
    *of_images("program/reads", reads, _READ, "image.serial.read"),
    *of_images("program/handlers", handlers, _HANDLER, _CLOSED, "image.outside.refused"),
    *of_images("program/replies", replies, _EXACT),
    *of_images(
        "program/noise", noise, _EXACT, _CLOSED, given=tape(120), examples=20, reach={"malformed": 0.3, "executed": 0.2}
    ),
)
