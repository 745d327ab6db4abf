"""The puppet, op by op and as a whole: the same step everywhere."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.programs import Stock
from gritstone_conformance.strategies.scenarios import PUPPET, STAMP
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_LONGEST: Final = 60  # bytes of noise
_TOLD: Final = 4  # programs of noise in one example
_MOST_S: Final = 1.0  # seconds that a program may take
_PATHS: Final = (b"", b"/", b"a/", b"/a", b"a//b", b".", b"..", b"a/..", b"\xff", b"a\x00", b"n\xc3\xa9", b"a" * 255)


def _bench(trial: Trial, fmt: Format, tape: Tape) -> tuple[Workbench, BenchActor, list[bytes], Stock]:
    """Return a bench with an actor, and operands for its programs with the stock that describes them."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    handler = stage.program(programs.append("log", b"h") + programs.put("last", programs.CONTENT))
    entries = {"on": stage.tree(job=handler), "c": stage.tree(d=stage.blob(b"d", ("ct", "s")))}
    if tape.below(2):
        entries["bounces"] = stage.blob(
            tape.pick((bytes(3) + b"\x01", b"\xff" * 4, b"\xff" * 3 + b"\xfe", b"123", b""))
        )
    actor = bench.born(b"a", tape.pick((PUPPET, STAMP)), **entries)
    plain = stage.program(b"")
    operands = [
        actor.identity,
        bench.outside,
        plain,
        stage.tree(x=plain),
        stage.blob(b"k"),
        stage.blob(b"", ("h", "v")),
    ]
    operands += [stage.blob(PUPPET), stage.blob(STAMP), handler]
    stock = Stock((0, 1), (2, 3, 4), (4, 5), (6, 7), (8,), ("", "job", "genesis", "\u00e9" if _wide(fmt) else "x"))
    return bench, actor, operands, stock


def _wide(fmt: Format) -> bool:
    return fmt.name == "cbor-blake3"


def generated(trial: Trial, fmt: Format, tape: Tape) -> None:
    """For the same step, messages and attempt the puppet gives the step, declines or fails as the text says."""
    bench, actor, operands, stock = _bench(trial, fmt, tape)
    for _ in range(3):
        for _ in range(tape.within(1, 3)):
            ops = programs.draw_ops(tape, stock, most=6)
            mt = tape.pick(("", "job", "a/b", "..", "x"))
            actor.send(bench.program(ops, *operands), mt, sender=tape.pick((bench.outside, actor.identity)))
        _read(bench, actor, tape)
    bench.flush()
    assert actor.head is not None
    bench.holds(actor.head, rule="wit.puppet.exact")


def _read(bench: Workbench, actor: BenchActor, tape: Tape) -> None:
    """Make the actor read everything; what fails or is held is taken back."""
    inbox = bench.executor.shelf.mail(actor.value.inbox)
    mail = [(sender, tip) for sender, tip in sorted(actor.tips.items()) if inbox.get(sender) != tip]
    if mail:
        actor.step(*mail, attempt=tape.pick((1, 2, 3)), rule="wit.puppet.exact")
    actor.tips = dict(bench.executor.shelf.mail(actor.value.inbox))


def noise(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any bytes are a program: it ends, and does what the text says as far as it can be read."""
    bench, actor, operands, _ = _bench(trial, fmt, tape)
    for _ in range(_TOLD):
        actor.tell(bench.program(programs.noise(tape, tape.below(_LONGEST)), *operands), rule="wit.puppet.total")
        actor.tips = dict(bench.executor.shelf.mail(actor.value.inbox))
    actor.tell(bench.program(programs.append("log", b"x"), *operands), rule="wit.puppet.exact")
    watch = Stopwatch(trial)
    bench.flush()
    seconds = watch.waiting_s()
    if seconds > _TOLD * _MOST_S:
        trial.fail(f"at most {_MOST_S} s each", f"{seconds:.1f} s", words="programs take more than a second")


def every_cut(trial: Trial, fmt: Format) -> None:
    """A program that ends within an operand fails; one that ends between two ops runs the ops before."""
    bench = Workbench(trial, fmt)
    actor = bench.born()
    head = actor.head
    whole = b"".join(
        (
            *(programs.put("p/q", programs.SENDER), programs.write("w", b"data"), programs.append("w", b"more")),
            *(programs.delete("w"), programs.send(0, 1, "mt"), programs.release(0), programs.bounce(9)),
            *(programs.query(0, "step", 2, "a"), programs.try_again(0), programs.sleep(0), programs.leave("k")),
        )
    )
    operands = (actor.identity, bench.program(b""), bench.stage.blob(b""))
    for end in range(len(whole) + 1):
        message = actor.send(bench.program(whole[:end], *operands), signal=True)
        bench.step(actor.identity, head, [(bench.outside, message)], rule="wit.puppet.total")
    bench.flush()


def edges(trial: Trial, fmt: Format) -> None:
    """Each op at its bounds: paths, refs, numbers, kinds of what it meets."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    blob, tree = stage.blob(b"b", ("ct", "s")), stage.tree(x=stage.blob(b"x"))
    actor = bench.born(b"a", blob=blob, tree=tree, deep=stage.tree(a=stage.tree(b=blob)))
    head = actor.head
    tried = [
        *(programs.write(path, b"v") for path in _PATHS),
        *(programs.put("p", ref) for ref in (0, 1, 2, 3, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xFF)),
        *(programs.send(to, 1, mt) for to in (0, 1, 2, 0xF0, 0xF1, 0xF2, 0xF3) for mt in ("", "x")),
        *(programs.send(0, content) for content in (0, 1, 2, 3, 0xF0, 0xF3)),
        *(programs.send(0, 2, "m", mode) for mode in (b"q", b"s", b"Q", b"\x00")),
        *(programs.send(0, 2, text) for text in (b"\xff", b"\x1f", b"a b", b"~" * 255, b"\x7f", b"\xc3\xa9")),
        *(op("blob/x", b"v") for op in (programs.write, programs.append)),
        *(programs.append(path, b"+") for path in ("blob", "tree", "no", "deep/a", "deep/a/b", "blob/x")),
        *(programs.delete(path) for path in ("blob", "tree", "tree/x", "deep/a/b", "deep/a", "no", "blob/x", "wit")),
        *(programs.leave(path) for path in ("blob", "no", "blob/x", "tree/x", "deep/a/b", "deep/no")),
        *(front + programs.leave("blob") for front in (b"T\x00", b"Z\x00\x00", programs.leave("tree"))),
        *(front + programs.leave("no") + b"F" for front in (b"T\x00", b"", programs.append("log", b"x"), b"X\x01")),
        *(programs.bounce(limit) for limit in (0, 1, 2, 0xFFFFFFFF)),
        *(programs.write("bounces", data) + programs.bounce(9) for data in (b"", bytes(4), b"\xff" * 4, bytes(5))),
        *(programs.query(0, "step", args, "q") for args in (0, 1, 2)),
        *(bytes((byte,)) for byte in (0, 0x20, 0x43, 0x61, 0x7A, 0x80, 0xFF)),
        *(programs.delete(name) for name in ("name", "wit", "wit_query")),
        b"".join(map(programs.delete, ("name", "wit", "wit_query", "blob", "tree", "deep"))),
        b"".join(map(programs.delete, ("name", "wit", "wit_query", "blob", "tree", "deep"))) + programs.put("a", 0xF3),
        *(programs.release(ref) for ref in (0, 1, 2, 0xF0, 0xF3)),
        programs.send(0, 2) + programs.release(0) + programs.send(0, 2),
        programs.send(0, 2) + programs.send(0, 2) + programs.send(0, 2, "", b"s"),
        programs.write("wit", b"external:absent") + programs.append("wit", b"/x"),
        programs.write("a" * 100 + "/" + "b" * 100, b"v") + programs.delete("a" * 100),
        programs.write("/".join("abcdefgh" * 8), b"deep"),
        programs.write("k", bytes(65535)),
        programs.try_again(1),
    ]
    operands = (actor.identity, blob, bench.program(b""))
    for ops in tried:
        message = actor.send(bench.program(ops, *operands), "t", signal=True, more=(("z", "1"),))
        bench.step(actor.identity, head, [(bench.outside, message)], rule="wit.puppet.exact")
    bench.flush()


def handlers(trial: Trial, fmt: Format) -> None:
    """A handler in the core runs in place of the program of the content, with its own operands, where it is one."""
    bench = Workbench(trial, fmt)
    stage = bench.stage
    says = {word: bench.program(programs.append("log", word.encode()), stage.blob(b"0")) for word in ("h", "c", "n")}
    odd = stage.tree(program=stage.tree(x=stage.blob(b"")))
    actor = bench.born(b"a", on=stage.tree(job=says["h"], odd=odd, leaf=stage.blob(b"leaf"), empty=odd))
    for mt in ("job", "odd", "leaf", "none", "", "on", "job/x", ".", "Job", "j" * 255, "j" * 256):
        actor.tell(says["c"], mt, rule="wit.puppet.exact")
        actor.tell(stage.blob(b"no program"), mt, rule="wit.puppet.exact")
    installed = bench.born(b"b")
    install = bench.program(programs.put("on/job", 0) + programs.put("on/late", 0), says["n"])
    installed.send(install, "job")
    installed.send(says["c"], "job")
    installed.send(bench.program(programs.delete("on")), "x")
    installed.send(says["c"], "late")
    installed.step(rule="wit.puppet.exact")
    blobbed = bench.born(b"c", on=stage.blob(b"no tree"))
    blobbed.tell(says["c"], "job", rule="wit.puppet.exact")
    bench.flush()


def order(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Senders are read in ascending order of their ids, each oldest first, each on what the ones before it left."""
    bench = Workbench(trial, fmt)
    actor = bench.born(b"a", tape.pick((PUPPET, STAMP)))
    senders = [bench.stage.tree(name=bench.stage.blob(b"s%d" % number)) for number in range(4)]
    for number in range(tape.within(2, 8)):
        ops = programs.append("log", b"%d" % number) + programs.put("last", programs.SENDER)
        actor.send(bench.program(ops), sender=tape.pick(senders))
    actor.tips.pop(bench.outside)
    left = sorted(actor.tips.items())
    given = []
    while left:
        given.append(left.pop(tape.below(len(left))))
    actor.step(*given, rule="wit.puppet.order")
    bench.flush()


def atomic(trial: Trial, fmt: Format) -> None:
    """When an op of any covered message fails, nothing of any message remains."""
    bench = Workbench(trial, fmt)
    rule = "wit.puppet.atomic"
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    good = bench.program(programs.write("k", b"v") + programs.send(0, 1), other, bench.program(b""))
    bad = bench.program(programs.write("k", b"w") + programs.fail())
    for first, second in ((good, bad), (bad, good), (bad, bad), (good, good)):
        actor = bench.born(b"%s%s" % (first[:4].hex().encode(), second[:4].hex().encode()))
        before = actor.head
        one = actor.send(first)
        two = actor.send(second, sender=other)
        actor.step((bench.outside, one), (other, two), rule=rule)
        bench.references(rule=rule)
        if actor.head == before:
            for who, message in ((bench.outside, one), (other, two)):
                actor.step((who, message), rule=rule)
    bench.flush()


def leave(trial: Trial, fmt: Format) -> None:
    """A held message has no effect and holds its own channel only."""
    bench = Workbench(trial, fmt)
    rule = "wit.puppet.leave"
    other = bench.stage.tree(name=bench.stage.blob(b"other"))
    late = bench.stage.tree(name=bench.stage.blob(b"late"))
    held = bench.program(programs.leave("k") + programs.append("log", b"held"))
    for opener in (other, late, bench.outside):
        actor = bench.born(opener[:4].hex().encode(), STAMP)
        waiting = next(sender for sender in (other, late) if sender != opener)
        actor.send(bench.program(programs.append("log", b"1")), sender=waiting)
        actor.send(held, sender=waiting)
        actor.send(bench.program(programs.append("log", b"3")), sender=waiting)
        actor.send(bench.program(programs.write("k", b"v")), sender=opener)
        actor.step(rule=rule)
        inbox = bench.executor.shelf.mail(actor.value.inbox)
        left = [(sender, tip) for sender, tip in sorted(actor.tips.items()) if inbox.get(sender) != tip]
        if left:
            actor.step(*left, rule=rule)
    bench.flush()


PROPERTIES: Final = (
    *in_each_format(
        *("wit/puppet/generated", generated, "wit.puppet.exact"),
        reach={"wit.step refused": 0.15},
        given=tape(160),
        examples=52,
        cost=1_200,
    ),
    *in_each_format(
        *("wit/puppet/noise", noise, "wit.puppet.total", "wit.puppet.exact"),
        reach={"wit.step refused": 0.5},
        given=tape(250),
        examples=39,
    ),
    *in_each_format("wit/puppet/cuts", every_cut, "wit.puppet.total"),
    *in_each_format("wit/puppet/edges", edges, "wit.puppet.exact"),
    *in_each_format("wit/puppet/handlers", handlers, "wit.puppet.exact"),
    *in_each_format("wit/puppet/order", order, "wit.puppet.order", given=tape(24), examples=16),
    *in_each_format("wit/puppet/atomic", atomic, "wit.puppet.atomic"),
    *in_each_format("wit/puppet/leave", leave, "wit.puppet.leave"),
)
