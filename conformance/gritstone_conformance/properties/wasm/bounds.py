"""What bounds a host call: ranges, buffers, scope, the order of its checks, and that no format shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.values import Tree
from gritstone_conformance.model.wasm.weights import LAYOUTS, base_of, eighths, ranges, tree_weight
from gritstone_conformance.properties.wasm.abi import (
    ACTOR,
    BLOB,
    CORE,
    GRANTS,
    INBOX,
    LAST,
    MESSAGE,
    OUTBOX,
    TREE,
    ScriptBench,
    spoken,
)
from gritstone_conformance.properties.wasm.bench import GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.host_calls import (
    BUFFERS,
    FUNCTIONS,
    PAGE,
    ZERO_AT,
    CallScript,
    HostCall,
    script_guest,
    slot,
)
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


_MUCH: Final = 1 << 40  # units


def too_long_not_written(trial: Trial, fmt: Format) -> None:
    """What is longer than its buffer is not written, nor is any other output of the call; errors write nothing."""
    world = ScriptBench(trial, fmt)
    script = spoken().find(CORE, "wide", 30).act("fill", BUFFERS + 0x1000, 0xAA, 0x1C00)
    for number, cap in enumerate((0, 1, 2, 199, 200, 201)):
        for i in (0, 1, 6):
            out = BUFFERS + 0x2000 + 256 * number + 32 * i
            script.call("entry", slot(30), i, BUFFERS + 0x1000 + 256 * i, cap, out)
    for cap in (0, 1, 4, 5, 6, 7):
        script.call("headers", slot(BLOB), BUFFERS + 0x1A00 + 16 * cap, cap).call("query_name", BUFFERS + 0x1B00, cap)
        script.call("entry", slot(INBOX), 0, BUFFERS + 0x1C00, 28 + cap, BUFFERS + 0x1D00)
    script.call("read", slot(BLOB), 1, BUFFERS + 0x1E00, 2).call("link", slot(BLOB), 0, BUFFERS + 0x1F00)
    script.call("find", slot(TREE), BUFFERS, 0, BUFFERS + 0x1F00).call("input", 6, BUFFERS + 0x1F00)
    for name, args in _nothing(script):
        script.call(name, *args, BUFFERS + 0x1F40)
    world.tell(script, "wasm.abi.buffer")
    world.bench.flush()


def _nothing(script: CallScript) -> tuple[HostCall, ...]:
    """Return calls without their last output, all of which find nothing."""
    no = script.text(b"no")
    return (
        HostCall.of("find", slot(TREE), no, 2),
        HostCall.of("find", slot(INBOX), slot(ACTOR), 32),
        HostCall.of("entry", slot(TREE), 99, BUFFERS + 0x1F60, 40),
        HostCall.of("place", slot(TREE), no, 2, ZERO_AT),
        HostCall.of("mail", slot(INBOX), slot(CORE), ZERO_AT),
        HostCall.of("covered", 99, BUFFERS + 0x1F60),
    )


def overlapping(trial: Trial, fmt: Format) -> None:
    """Inputs are read before outputs are written, and outputs in the order of the parameters."""
    world = ScriptBench(trial, fmt)
    script = spoken().find(CORE, "wide", 30)
    script.call("entry", slot(30), 6, slot(50), 200, slot(52)).call("entry", slot(30), 5, slot(60) + 16, 32, slot(60))
    script.call("covered", 0, slot(70), slot(70) + 16).call("covered", 0, slot(72), slot(72)).call("kind", slot(72))
    script.call("link", slot(MESSAGE), 1, slot(MESSAGE)).place(CORE, "x", BLOB, CORE).call("kind", slot(CORE))
    script.call("read", slot(BLOB), 0, slot(BLOB), 32).call("kind", slot(BLOB)).call("random", slot(80), 64)
    world.tell(script, "wasm.abi.buffer")
    world.bench.flush()


def ids_not_given(trial: Trial, fmt: Format) -> None:
    """An id that the host did not give in this call is unknown, be there such an object or not; ``raw`` lifts some."""
    bench = GuestBench(trial, fmt)
    there = bench.stage.tree(t=bench.stage.blob(b"there"))
    for raw in (False, True):
        actor = bench.run(script_guest(), {**GRANTS, **({"raw": True} if raw else {})}, title=b"raw" if raw else b"a")
        for identity in (there, actor.identity, fmt.hash(b"never stored"), bytes(32)):
            actor.tell(bench.stage.blob(_probes(identity).data()), rule="wasm.abi.scope")
    keys = CallScript().call("input", 3, slot(INBOX)).call("entry", slot(INBOX), 0, slot(40), 31, slot(41))
    for identity in (bench.outside, actor.tips[bench.outside]):  # what was not written is not in scope
        keys.call("kind", keys.text(identity))
    keys.call("kind", slot(40)).call("entry", slot(INBOX), 0, slot(40), 32, slot(41))
    keys.call("kind", slot(40)).call("kind", slot(41)).call("find", slot(INBOX), slot(40), 32, slot(42))
    keys.blob(b"x", 50).place(0, "n" * 32, 50, 51).call("entry", slot(51), 0, slot(52), 32, slot(53))
    keys.call("kind", slot(52)).call("kind", slot(53))  # a name is no id, be it as long as one
    bench.probe(actor, keys, rule="wasm.abi.scope", sender=there)
    bench.flush()


def _probes(identity: bytes) -> CallScript:
    """Return a script that passes an id to every function, at every place."""
    script = CallScript().call("input", 2, slot(CORE)).call("covered", 0, slot(20), slot(MESSAGE))
    at = script.text(identity)
    script.call("kind", at).call("size", at).call("read", at, 0, BUFFERS + 0x1000, 8).call("headers", at, BUFFERS, 0)
    script.call("link", at, 0, slot(30)).call("entry", at, 0, BUFFERS, 0, slot(30)).call("find", at, at, 32, slot(30))
    script.call("mail", at, slot(20), slot(MESSAGE), slot(30)).call("place", at, at, 1, slot(CORE), slot(30))
    script.call("result", at).call("result", ZERO_AT).call("query", at, at, 0, at, slot(30))
    script.call("place", slot(CORE), script.text(b"y"), 1, at, slot(32)).call("message", at, 0, 0, slot(CORE), slot(33))
    script.call("message", ZERO_AT, 0, 0, at, slot(33)).call("mail", ZERO_AT, at, slot(MESSAGE), slot(34))
    script.call("mail", ZERO_AT, slot(20), at, slot(35))
    for number in range(5):
        boxes = [at if number == each else slot(20) if each in (1, 4) else ZERO_AT for each in range(5)]
        script.call("step", *boxes, slot(36 + number)).call("kind", slot(36 + number))
    for made in (32, 33, 34, 35):
        script.call("kind", slot(made))
    return script.call("input", 0, slot(50)).call("kind", at)


def ids_kept_in_memory(trial: Trial, fmt: Format) -> None:
    """Ids that a guest kept in its memory from an earlier call are unknown until it walks to them again."""
    world = ScriptBench(trial, fmt, {"image": True})
    world.tell(spoken(), "wasm.abi.scope")
    again = CallScript()
    for number in range(1, 9):
        again.call("kind", slot(number))
    again.call("input", 2, slot(30)).call("kind", slot(CORE)).find(30, "deep", 31).call("kind", slot(TREE))
    world.tell(again, "wasm.abi.scope")
    world.bench.flush()


def _edges(*, fits: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield calls of every function with one range that just fits, or just does not, or would wrap."""
    for name in FUNCTIONS:
        for at, letter in enumerate(LAYOUTS[name]):
            for length in {"n": (), "i": (32,), "o": (32,)}.get(letter, (0, 1, 40)):
                starts = (PAGE - length,) if fits else (PAGE - length + 1, PAGE + 1, 0xFFFF_FFFF, 0xFFFF_FFE0)
                for start in starts:
                    yield name, _arguments(LAYOUTS[name], at, start, length)
            if letter in "IO" and not fits:
                yield name, _arguments(LAYOUTS[name], at, 0, PAGE + 1)
                yield name, _arguments(LAYOUTS[name], at, BUFFERS, 0xFFFF_FFFF)


def _arguments(letters: str, at: int, start: int, length: int) -> tuple[int, ...]:
    args: list[int] = []
    for number, letter in enumerate(letters):
        if number == at:
            args += [start] if letter in "io" else [start, length]
        elif letter in "IO":
            args += [BUFFERS, 4]
        else:
            args.append(0 if letter == "n" else slot(100 + number))
    return tuple(args)


_FITTING: Final = tuple(_edges(fits=True))
_BEYOND: Final = tuple(_edges(fits=False))


def edges(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A range that does not lie in memory traps, whatever else is wrong; one that ends with the memory is fine."""
    world = ScriptBench(trial, fmt)
    for _ in range(6):
        for calls in (_FITTING, _BEYOND):
            name, args = calls[tape.below(len(calls))]
            world.probe(CallScript().call(name, *args), "wasm.abi.range")
    world.bench.flush()


def every_range(trial: Trial, fmt: Format) -> None:
    """Each range of each function is looked at, and its whole length counts."""
    world = ScriptBench(trial, fmt)
    for name in FUNCTIONS:
        for at, letter in enumerate(LAYOUTS[name]):
            if letter != "n":
                length = 32 if letter in "io" else 40
                args = _arguments(LAYOUTS[name], at, PAGE - length + 1, length)
                world.probe(CallScript().call(name, *args), "wasm.abi.range")
    fits = CallScript()
    for name, args in _FITTING:
        if name != "fail":
            fits.call(name, *args)
    world.probe(fits, "wasm.abi.range")
    world.probe(CallScript().act("grow", 1).call("log", PAGE, PAGE).call("log", 2 * PAGE, 0), "wasm.abi.range")
    world.probe(CallScript().act("grow", 1).call("log", PAGE, PAGE + 1), "wasm.abi.range")
    world.bench.flush()


_WRONG: Final = (
    HostCall.of("find", slot(200), PAGE - 1, 1, slot(30)),
    HostCall.of("find", slot(BLOB), BUFFERS, 0, slot(30)),
    HostCall.of("find", slot(TREE), BUFFERS, 0, slot(30)),
    HostCall.of("link", slot(200), 9, slot(30)),
    HostCall.of("link", slot(BLOB), 9, slot(30)),
    HostCall.of("link", slot(MESSAGE), 9, slot(30)),
    HostCall.of("input", 9, slot(30)),
    HostCall.of("place", slot(200), BUFFERS, 0, slot(200), slot(30)),
    HostCall.of("place", slot(200), slot(1) + 3, 1, slot(MESSAGE), slot(30)),
    HostCall.of("place", slot(BLOB), BUFFERS + 0xF00, 1, slot(200), slot(30)),
    HostCall.of("place", slot(BLOB), BUFFERS + 0xF00, 1, slot(MESSAGE), slot(30)),
    HostCall.of("place", slot(TREE), BUFFERS + 0xF00, 1, slot(MESSAGE), slot(30)),
    HostCall.of("mail", slot(BLOB), slot(200), slot(200), slot(30)),
    HostCall.of("mail", slot(BLOB), slot(BLOB), ZERO_AT, slot(30)),
    HostCall.of("mail", ZERO_AT, ZERO_AT, ZERO_AT, slot(30)),
    HostCall.of("message", slot(200), BUFFERS + 0xF00, 1, slot(200), slot(30)),
    HostCall.of("message", slot(BLOB), BUFFERS, 0, slot(200), slot(30)),
    HostCall.of("message", slot(BLOB), BUFFERS, 0, slot(INBOX), slot(30)),
    HostCall.of("blob", BUFFERS, 4, BUFFERS + 0xF00, 1, slot(30)),
    HostCall.of("step", slot(BLOB), ZERO_AT, ZERO_AT, ZERO_AT, slot(CORE), slot(30)),
    HostCall.of("step", slot(BLOB), slot(ACTOR), slot(OUTBOX), slot(LAST), slot(CORE), slot(30)),
    HostCall.of("query", slot(200), BUFFERS + 0xF00, 1, slot(200), slot(30)),
    HostCall.of("query", slot(BLOB), BUFFERS, 0, slot(200), slot(30)),
    HostCall.of("query", slot(BLOB), BUFFERS, 0, slot(TREE), slot(30)),
    HostCall.of("read", slot(TREE), 0, BUFFERS + 0x800, 4),
    HostCall.of("headers", slot(TREE), BUFFERS + 0x800, 4),
    HostCall.of("entry", slot(BLOB), 0, BUFFERS + 0x800, 4, slot(30)),
    HostCall.of("size", slot(MESSAGE)),
)
"""Calls with several faults; at ``BUFFERS + 0xF00`` is a byte that no text contains."""


def first_wrong_argument(trial: Trial, fmt: Format) -> None:
    """If several arguments are wrong, the first in the order is reported, at its cost."""
    world = ScriptBench(trial, fmt)
    for rows in (_WRONG[: len(_WRONG) // 2], _WRONG[len(_WRONG) // 2 :]):
        script = spoken().act("store", BUFFERS + 0xF00, 0xFF)
        for call in rows:
            script.call(call.name, *call.args)
        world.tell(script, "wasm.abi.order")
    world.bench.flush()


_DENIED: Final = (
    HostCall.of("random", BUFFERS, 40),
    HostCall.of("clock"),
    HostCall.of("attempt"),
    HostCall.of("query", ZERO_AT, BUFFERS, 1, ZERO_AT, slot(30)),
    HostCall.of("fail", 3, BUFFERS, 9),
    HostCall.of("log", 0, PAGE + 1),
    HostCall.of("random", PAGE, 1),
    HostCall.of("query", PAGE, BUFFERS, 1, ZERO_AT, slot(30)),
)
"""Calls that end the call of the guest: by a grant that is lacking, by ``fail``, by a range."""


def order_of_checks(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Ranges come before charge A, charge A before the grant, at every budget around them."""
    name, args = tape.pick(_DENIED)
    bench = GuestBench(trial, fmt)
    script = bench.stage.blob(CallScript().call("log", 0, 0).call(name, *args).data())
    read = sum(length for letter, _, length in ranges(name, list(args)) if letter in "iI")
    charge = base_of(name) + eighths(read)
    needed = bench.needed(bench.guest_core(script_guest(), {"fuel": _MUCH}, script=script))
    for fuel in sorted({max(needed - charge - 1, 1), max(needed - charge, 1), needed - 1, needed, needed + 1}):
        bench.run(script_guest(), {"fuel": fuel}, script=script, rule="wasm.abi.order")
    bench.flush()


def charges(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A call ends for want of fuel at charge A or at charge B, and with a unit more it does not."""
    bench = GuestBench(trial, fmt)
    tree = bench.add(Tree(tuple((f"n{number}", bench.stage.blob(b"x" * 40)) for number in range(tape.within(1, 40)))))
    script = CallScript().call("input", 2, slot(CORE)).find(CORE, "tree", TREE).call("input", 0, slot(ACTOR))
    calls = (
        HostCall.of("entry", slot(TREE), 0, BUFFERS + 0x800, 40, slot(30)),
        HostCall.of("find", slot(TREE), script.text(b"n0/x"), 4, slot(30)),
        HostCall.of("place", slot(TREE), script.text(b"a/b"), 3, slot(TREE), slot(30)),
        HostCall.of("random", BUFFERS + 0x800, tape.within(1, 999)),
        HostCall.of("blob", BUFFERS, tape.within(0, 999), 0, 0, slot(30)),
        HostCall.of("step", ZERO_AT, slot(ACTOR), ZERO_AT, ZERO_AT, slot(TREE), slot(30)),
    )
    name, args = tape.pick(calls)
    content = bench.stage.blob(script.call(name, *args).call("fail", 1, 0, 0).data())
    grants = {"random": bytes(32)}
    needed = bench.needed(bench.guest_core(script_guest(), {**grants, "fuel": _MUCH}, script=content, tree=tree))
    for fuel in (needed - 1, needed):
        bench.run(script_guest(), {**grants, "fuel": fuel}, script=content, tree=tree, rule="wasm.fuel.host-call")
    bench.flush()


def prices(trial: Trial, fmt: Format) -> None:
    """Calls that find nothing, make too much, take things away or meet headers charge what the text says, at once."""
    bench = GuestBench(trial, fmt)
    script = (
        CallScript().call("input", 0, slot(ACTOR)).call("input", 2, slot(CORE)).call("covered", 0, slot(20), slot(30))
    )
    headers = script.text(b"key\0value\0")
    script.call("blob", headers, 3, headers, 10, slot(BLOB)).call("message", ZERO_AT, headers, 10, slot(BLOB), slot(31))
    script.call("mail", ZERO_AT, slot(ACTOR), slot(31), slot(32)).call("entry", slot(32), 0, BUFFERS, 3, slot(33))
    script.call("mail", slot(32), slot(20), ZERO_AT, slot(33)).call("mail", slot(32), slot(ACTOR), ZERO_AT, slot(33))
    script.call("size", slot(CORE)).call("query", slot(ACTOR), BUFFERS, 3, slot(BLOB), slot(33))
    script.call("link", slot(31), 0, slot(33)).find(CORE, "code/none/none", 33).find(CORE, "none", 33)
    script.place(CORE, "code/main.wasm", 0, 33).place(CORE, "none/none", 0, 33).place(0, "a/b/c", BLOB, 34)
    script.place(34, "a/b/c", 0, 33).place(34, "a/b", BLOB, 33).call("entry", slot(CORE), 99, BUFFERS, 0, slot(33))
    script.act("grow", 128).call("blob", 0, 8_387_937, 0, 0, slot(33)).call("headers", slot(BLOB), BUFFERS, 9)
    content = bench.stage.blob(script.call("headers", slot(BLOB), BUFFERS, 10).call("fail", 1, 0, 0).data())
    grants = {"query": True}
    needed = bench.needed(bench.guest_core(script_guest(), {**grants, "fuel": _MUCH}, script=content))
    for fuel in (needed - 1, needed):
        bench.run(script_guest(), {**grants, "fuel": fuel}, script=content, rule="wasm.fuel.host-call")
    bench.flush()


_FULL: Final = 8_388_000
"""What a tree that a guest makes weighs at most."""


def _heavy_tree(bench: GuestBench) -> bytes:
    """Add a tree that is too heavy for a guest by its entry ``bb`` alone; most of its names are as long as can be."""
    count, rest = divmod(_FULL - tree_weight(("a",)), tree_weight(("n" * 255,)))
    names = ["a", *(f"n{number:07}".ljust(255, "n") for number in range(count)), "r" * (rest - tree_weight(("",)))]
    assert tree_weight(names) == _FULL
    child = bench.stage.blob(b"leaf")
    return bench.add(Tree(tuple((name, child) for name in (*names, "bb"))))


def full_trees(trial: Trial, fmt: Format) -> None:
    """A tree of the largest weight is made, one that weighs a byte more is not: at the top, below it, by a removal."""
    bench = GuestBench(trial, fmt)
    tree = _heavy_tree(bench)
    for title, script in ((b"top", _placing_into_heavy()), (b"below", _placing_below_heavy())):
        entries = {"script": bench.stage.blob(script.data()), "heavy": tree}
        bench.run(script_guest(), {"fuel": _MUCH}, title=title, rule="wasm.abi.function", also=entries)
    bench.flush()


def _placing_into_heavy() -> CallScript:
    """Return a script that places into the tree itself, and takes from it."""
    heavy, full = 10, 11
    script = CallScript().call("input", 2, slot(CORE)).find(CORE, "heavy", heavy).find(CORE, "code", TREE)
    script.place(heavy, "a", 0, 20).place(heavy, "bb", TREE, 21).place(heavy, "bb", 0, full)
    return script.place(full, "b", TREE, 22).place(full, "b/c/d", TREE, 23)


def _placing_below_heavy() -> CallScript:
    """Return a script that does it in a tree of the core."""
    core, less = 10, 11
    script = CallScript().call("input", 2, slot(CORE)).find(CORE, "code", TREE)
    script.place(CORE, "heavy/a", 0, 20).place(CORE, "heavy/bb", 0, core).place(core, "heavy/b/c", TREE, 21)
    return script.place(core, "heavy/a", 0, less).place(less, "heavy/bb", TREE, 22).place(less, "heavy/b/c", TREE, 23)


def same_in_both_formats(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Results, errors, lengths, the order of entries and the units are the same in both formats."""
    reports = []
    names = [
        tape.pick(("a", "B", "aa", "b", "zz", "ab", "Z", "a-b", "c" * 30, "-")) + str(tape.below(9)) for _ in range(12)
    ]
    for each in FORMATS.values():
        bench = GuestBench(trial, each, handle=each.name)
        tree = bench.add(Tree(tuple((name, bench.stage.blob(name.encode())) for name in sorted(set(names)))))
        script = CallScript().call("input", 2, slot(CORE)).find(CORE, "wide", TREE).call("size", slot(TREE))
        for i in range(len(set(names)) + 1):
            script.call("entry", slot(TREE), i, BUFFERS + 0x1000 + 32 * i, 32, 0x7000)
        script.find(TREE, names[0], BLOB).call("size", slot(BLOB)).call("headers", slot(BLOB), BUFFERS + 0x2000, 40)
        script.call("covered", 0, 0x7000, 0x7000).blob(b"x", 200).act("fill", slot(0), 0, 0x2000)
        actor = bench.run(script_guest(), {}, wide=tree)
        actor.tell(bench.stage.blob(script.data()), rule="wasm.abi.format-blind")
        bench.flush()
        core = actor.value.core
        reports.append(bench.executor.shelf.names(core)["report"])
        report = bench.executor.shelf.blob(reports[-1])
        assert report is not None
        reports[-1] = report.data
        trial.expect("grit.get", *bench.reading(core, "report"), rule="wasm.abi.format-blind")
    assert reports[0] == reports[1], "the model's two reports differ"


PROPERTIES: Final = (
    *of_executors("wasm/abi/fitting", too_long_not_written, "wasm.abi.buffer", "wasm.abi.function"),
    *in_one_format("wasm/abi/overlapping", overlapping, "wasm.abi.buffer"),
    *of_executors("wasm/abi/scope", ids_not_given, "wasm.abi.scope"),
    *of_executors("wasm/abi/kept-ids", ids_kept_in_memory, "wasm.abi.scope"),
    *in_one_format("wasm/abi/edges", edges, "wasm.abi.range", given=tape(40), examples=2),
    *in_one_format("wasm/abi/every-range", every_range, "wasm.abi.range"),
    *of_executors("wasm/abi/wrong", first_wrong_argument, "wasm.abi.order"),
    *in_one_format("wasm/abi/ends", order_of_checks, "wasm.abi.order", "wasm.abi.range", given=tape(4), examples=6),
    *of_executors("wasm/abi/charges", charges, "wasm.fuel.host-call", "wasm.abi.order", given=tape(8), examples=6),
    *of_executors("wasm/abi/prices", prices, "wasm.fuel.host-call"),
    *in_one_format("wasm/abi/full-trees", full_trees, "wasm.abi.function", "wasm.fuel.host-call"),
    *of_executors("wasm/abi/blind", same_in_both_formats, "wasm.abi.format-blind", given=tape(40), examples=2),
)
