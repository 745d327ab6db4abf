"""The functions that a guest imports: what each gives, for every argument and every kind of object."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Tree
from gritstone_conformance.model.wasm.weights import LAYOUTS
from gritstone_conformance.properties.wasm.bench import GuestBench, in_one_format, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.host_calls import BUFFERS, FUNCTIONS, ZERO_AT, CallScript, script_guest, slot
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = [
    "ACTOR",
    "BLOB",
    "CORE",
    "GRANTS",
    "INBOX",
    "KINDS",
    "LAST",
    "MESSAGE",
    "OUTBOX",
    "PROPERTIES",
    "TREE",
    "ScriptBench",
    "spoken",
]

GRANTS: Final[dict[str, Any]] = {
    "fuel": 50_000_000,
    "query": True,
    "attempt": True,
    "random": bytes(range(32)),
    "clock": {"start": 5, "tick": (1 << 63) - 3},
    "send": "any",
    "spawn": "any",
}
"""All grants of a caller of functions."""

MESSAGE, ACTOR, LAST, CORE, INBOX, OUTBOX, TREE, BLOB, _EMPTY = range(1, 10)
KINDS: Final = (MESSAGE, LAST, CORE, INBOX, BLOB, _EMPTY, 0, 200)
"""Slots with an id of each kind, a blob with headers and no data, the zero id, and an unknown id."""

_FUNCTION: Final = "wasm.abi.function"
_LONG: Final = "/".join(["n" * 255] * 16)  # 4,095 bytes
_MANY: Final = "/".join("n" * 1_025)  # one name too many
_PATHS: Final = (
    "",
    "/",
    "a/",
    "/a",
    ".",
    "..",
    "a/..",
    "a\n",
    "\x00",
    "x" * 256,
    _MANY,
    _MANY[2:],
    _LONG,
    _LONG + "/n",
)


class ScriptBench:
    """An actor that runs scripts, with objects of every kind within its reach."""

    def __init__(self, trial: Trial, fmt: Format, manifest: dict[str, Any] | None = None) -> None:
        self.bench = bench = GuestBench(trial, fmt)
        stage = bench.stage
        empty = stage.blob(b"", ("z", "1"), ("a", ""), ("Z", "2"))
        deep = stage.tree(b=stage.tree(c=stage.blob(b"deep", ("ct", "s"))), B=empty)
        wide = {name: stage.blob(name.encode()) for name in ("a", "B", "aa", "z", "a.b", "-", "zz" * 100)}
        entries = {"deep": deep, "wide": bench.add(Tree(tuple(wide.items())))}
        self.actor = bench.guest(script_guest(), {**GRANTS, **(manifest or {})}, **entries)
        self.actor.tell(self.actor.identity, "genesis")
        first = CallScript().call("input", 0, slot(ACTOR)).blob(b"to self", 10).call("input", 2, slot(CORE))
        first.call("message", ZERO_AT, 0, 0, slot(10), slot(11)).call("mail", ZERO_AT, slot(ACTOR), slot(11), slot(12))
        self.tell(first.step(CORE, outbox=12))

    def tell(self, script: CallScript, rule: str | None = None) -> bytes | None:
        """Send a script and ask for the step that runs it."""
        return self.actor.tell(self.bench.stage.blob(script.data()), rule=rule)

    def probe(self, script: CallScript, rule: str | None = None) -> bytes | None:
        """Send a script and ask for the step that runs it; the actor stays where it is."""
        return self.bench.probe(self.actor, script, rule=rule)


def spoken() -> CallScript:
    """Return the beginning of a script: ids of all kinds in the first slots."""
    script = CallScript().call("covered", 0, slot(20), slot(MESSAGE))
    for which, to in ((0, ACTOR), (7, LAST), (2, CORE), (3, INBOX), (4, OUTBOX)):
        script.call("input", which, slot(to))
    return script.find(CORE, "deep", TREE).find(CORE, "deep/b/c", BLOB).find(CORE, "deep/B", _EMPTY)


def inputs(trial: Trial, fmt: Format) -> None:
    """Inputs, covered messages and edges are those of the call, in transitions of every kind and in queries."""
    world = ScriptBench(trial, fmt)
    bench, actor = world.bench, world.actor
    script = CallScript()
    for which in (*range(9), 255, 256, 0x8000_0000, 0xFFFF_FFFF):
        script.call("input", which, slot(30 + which % 16))
    for i in (0, 1, 2, 3, 0xFFFF_FFFF):
        script.call("covered", i, slot(50), slot(51)).call("headers", slot(51), BUFFERS + 0x1000, 100)
    for at in (30, 31, 33, 37, 51):
        for field in range(6):
            script.call("link", slot(at), field, slot(60 + field))
    script.call("query_name", BUFFERS + 0x1100, 100).call("attempt").call("clock").call("clock").call("clock")
    content = bench.stage.blob(script.data())
    actor.send(content, "job", more=(("a", "1"), ("Z", "2")))
    actor.send(content, "more")
    actor.send(content, sender=bench.stage.tree(name=bench.stage.blob(b"other")))
    actor.step(attempt=4_294_967_295, rule=_FUNCTION)
    actor.tell(content, "cleanup", rule=_FUNCTION)
    assert actor.head is not None
    bench.query(actor.head, "a question", script.data(), rule=_FUNCTION)
    bench.query(actor.head, "", script.data(), rule=_FUNCTION)
    bench.run(script_guest(), GRANTS, title=b"born", rule=_FUNCTION, script=content)
    bench.flush()


_UNSIGNED: Final = (0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFE, 0xFFFF_FFFF)
"""Numbers that a host which reads parameters as signed takes for others."""


def unsigned(trial: Trial, fmt: Format) -> None:
    """Each parameter is read as unsigned: from 2^31 on it is past all inputs, fields, entries and data."""
    world = ScriptBench(trial, fmt)
    for number in _UNSIGNED:
        script = spoken().call("input", number, slot(30)).call("covered", number, slot(31), slot(32))
        for wanted in KINDS:
            script.call("read", slot(wanted), number, BUFFERS + 0x1800, 3)
            script.call("link", slot(wanted), number, slot(33))
            script.call("entry", slot(wanted), number, BUFFERS + 0x1A00, 40, slot(34))
        world.tell(script, "wasm.abi.unsigned")
    world.bench.flush()


def reading(trial: Trial, fmt: Format) -> None:
    """What is read of an object is what it holds, for every function and every kind of object."""
    world = ScriptBench(trial, fmt)
    for wanted in KINDS:
        script = spoken().call("kind", slot(wanted)).call("size", slot(wanted))
        for offset in (0, 2, 4, 5, 0xFFFF_FFFF):
            script.call("read", slot(wanted), offset, BUFFERS + 0x1800, 3)
        for cap in (0, 1, 12, 100):
            script.call("headers", slot(wanted), BUFFERS + 0x1900, cap)
        for i in (0, 1, 2, 6, 7, 0xFFFF_FFFF):
            script.call("entry", slot(wanted), i, BUFFERS + 0x1A00, 40, slot(40 + i % 8))
        for path in ("deep", "wit", "deep/b/c", "deep/b/c/d", "no", "no/no", "a//b", "x" * 255, *_PATHS[:10]):
            script.find(wanted, path, 60)
        script.call("find", slot(wanted), slot(20), 32, slot(61)).call("find", slot(wanted), slot(ACTOR), 32, slot(62))
        world.tell(script, _FUNCTION)
    script = spoken().find(CORE, "wide", 30)
    for i in range(9):
        script.call("entry", slot(30), i, BUFFERS + 0x2800 + 40 * i, 40, slot(40 + i))
    for path in _PATHS[10:12]:
        script.find(CORE, path, 60)
    world.tell(script, _FUNCTION)
    world.bench.flush()


def making(trial: Trial, fmt: Format) -> None:
    """What is made is the object asked for, and each wrong argument gives its error."""
    world = ScriptBench(trial, fmt)
    for one in KINDS:
        script = spoken().place(one, "p/q", BLOB, 30).place(CORE, "p/q", one, 31).place(CORE, "deep/b", one, 32)
        script.call("mail", slot(one), slot(ACTOR), slot(MESSAGE), slot(33))
        script.call("mail", slot(INBOX), slot(one), slot(MESSAGE), slot(34))
        script.call("mail", ZERO_AT, slot(ACTOR), slot(one), slot(35))
        script.call("mail", slot(INBOX), slot(20), slot(one), slot(36))
        script.call("message", slot(one), 0, 0, slot(BLOB), slot(37)).call(
            "message", ZERO_AT, 0, 0, slot(one), slot(38)
        )
        good = (LAST, ACTOR, INBOX, OUTBOX, CORE)
        for at in range(len(good)):
            args = [slot(one if at == number else each) for number, each in enumerate(good)]
            script.call("step", *args, slot(39 + at))
        world.tell(script.call("result", slot(one)), _FUNCTION)
    for script in (_placing(), _grafting(), _mailing(), _headers(), _beyond_ascii(), _heavy()):
        world.tell(script, _FUNCTION)
    world.bench.flush()


def _placing() -> CallScript:
    script = spoken()
    for tree, path in (
        (CORE, "deep/b/c"),
        (TREE, "b/c"),
        (CORE, "deep/b"),
        (CORE, "no/such"),
        (0, "a"),
        (CORE, "wit/x"),
    ):
        script.place(tree, path, 0, 30)
    script.place(0, "only", BLOB, 31).place(31, "only", 0, 32).place(0, "a/b/c/d", BLOB, 33)
    script.place(33, "a/b/c/d", 0, 34).place(33, "a/x", TREE, 35).place(35, "a/b", 0, 36)
    script.place(CORE, "wit/under/a/blob", BLOB, 37).place(CORE, "deep", BLOB, 38).place(CORE, "deep", TREE, 39)
    for path in _PATHS[:10]:
        script.place(CORE, path, BLOB, 40)
    return script


def _grafting() -> CallScript:
    script = spoken()
    for path in _PATHS[10:]:
        script.call("place", ZERO_AT, *_text(script, path), slot(BLOB), slot(40))
    return script


def _text(script: CallScript, path: str) -> tuple[int, int]:
    """Lay the text of a path into a script, or as much of the longest ones as there is room for."""
    return script.text(path.encode()[:4_097]), len(path.encode()[:4_097])


def _mailing() -> CallScript:
    script = spoken()
    script.call("mail", slot(INBOX), slot(CORE), ZERO_AT, slot(41)).call(
        "mail", ZERO_AT, slot(ACTOR), ZERO_AT, slot(42)
    )
    script.call("mail", slot(OUTBOX), slot(ACTOR), ZERO_AT, slot(43)).call(
        "mail", slot(OUTBOX), slot(CORE), slot(MESSAGE), slot(44)
    )
    return script.call("size", slot(44)).call("entry", slot(44), 1, BUFFERS + 0x1000, 32, slot(45))


def _headers() -> CallScript:
    script = spoken()
    lists = (
        b"",
        b"a\0b\0",
        b"b\0\0a\0\0",
        b"a\0b\0a\0c\0",
        b"a\0b",
        b"a\0",
        b"\0\0",
        b"\0",
        b"a b\0c\0",
        b"a\0b\0c",
        b"a\0\xff\0",
    )
    more = (b"k" * 64 + b"\0v\0", b"k" * 65 + b"\0v\0", b"a\0\n\0", b"mt\0" + b"v" * 900 + b"\0")
    for number, each in enumerate((*lists, *more)):
        script.blob(b"data", 60 + number, each).call("headers", slot(60 + number), BUFFERS + 0x2000, 1000)
        script.call("message", slot(MESSAGE), script.text(each), len(each), slot(CORE), slot(100 + number))
        script.call("headers", slot(100 + number), BUFFERS + 0x2800, 1000)
    return script


def _beyond_ascii() -> CallScript:
    """Return a script with texts of which bytes and units of UTF-16 differ, in number and order."""
    script = spoken()
    for name in ("a", "\u00e9", "\uffee", "\U0001f600"):
        script.place(40, name, BLOB, 40)
    for i in range(4):
        script.call("entry", slot(40), i, BUFFERS + 0x1000 + 8 * i, 8, slot(41))
    each = script.text(b"a\0" + "\u00e9\U0001f600".encode() * 3 + b"\0")
    script.call("blob", each, 1, each, 21, slot(42)).call("message", ZERO_AT, each, 21, slot(BLOB), slot(43))
    return script.call("headers", slot(42), BUFFERS + 0x1100, 21).call("headers", slot(43), BUFFERS + 0x1120, 21)


def _heavy() -> CallScript:
    """Return a script with the heaviest blob, one that is a byte too heavy, and one whose weight is a multiple of 8."""
    script = spoken().act("grow", 128)
    for number, length in enumerate((8_387_936, 8_387_937, 8_387_944)):
        script.call("blob", 0, length, 0, 0, slot(50 + number)).call("kind", slot(50 + number))
    return script


def queries(trial: Trial, fmt: Format) -> None:
    """A query is refused in a single step whomever it asks, and its arguments are checked as all others are."""
    world = ScriptBench(trial, fmt)
    script = spoken()
    name = script.text(b"get\xff")
    pairs = ((ACTOR, BLOB), (BLOB, BLOB), (ACTOR, TREE), (200, BLOB), (0, BLOB), (ACTOR, 200), (BLOB, TREE), (200, 0))
    for whom, args in pairs:
        for length in (3, 4):
            script.call("query", slot(whom), name, length, slot(args), slot(30))
    world.tell(script, _FUNCTION)
    long = spoken().act("grow", 1)
    for length in (0xFFFF, 0x1_0000):
        long.call("query", slot(ACTOR), 0xA000, length, slot(BLOB), slot(31))
        long.call("query", slot(200), 0xA000, length, slot(BLOB), slot(31))
    world.tell(long, _FUNCTION)
    world.bench.flush()


def erased(trial: Trial, fmt: Format) -> None:
    """An erased blob is a blob without data and headers, and it stays one when a guest makes the same blob again."""
    bench = GuestBench(trial, fmt)
    gone = bench.stage.blob(b"gone", ("a", "b"))
    actor = bench.run(script_guest(), GRANTS, gone=gone, wit_query=bench.stage.blob(b"wasm:gone"))
    script = CallScript().call("input", 2, slot(CORE)).call("input", 0, slot(ACTOR)).find(CORE, "gone", BLOB)
    for _ in range(2):
        script.call("kind", slot(BLOB)).call("size", slot(BLOB)).call("read", slot(BLOB), 0, BUFFERS + 0x1000, 9)
        script.call("headers", slot(BLOB), BUFFERS + 0x1000, 9).call("link", slot(BLOB), 0, slot(30)).find(
            BLOB, "a", 30
        )
        script.call("query", slot(ACTOR), 0, 0, slot(BLOB), slot(31)).place(CORE, "other", BLOB, 32)
        script.call("query", slot(BLOB), 0, 0, slot(BLOB), slot(31))  # the kind comes first
        script.blob(b"gone", BLOB, b"a\0b\0")
    bench.flush()
    bench.erase(gone)
    assert actor.head is not None
    bench.query(actor.head, "q", rule="wasm.module.node")
    actor.tell(bench.stage.blob(script.data()), rule=_FUNCTION)
    bench.flush()


def generated(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever calls a guest makes with whatever arguments, results, memory and units are those of the text."""
    world = ScriptBench(trial, fmt)
    for _ in range(3):
        script = spoken()
        for _ in range(tape.within(8, 40)):
            _draw_call(tape, script)
        world.tell(script, _FUNCTION)
    world.bench.flush()


def _draw_call(tape: Tape, script: CallScript) -> None:
    name = tape.pick((*FUNCTIONS[:16], *FUNCTIONS))
    args: list[int] = []
    for letter in LAYOUTS[name] if name != "fail" else "":
        if letter == "n":
            args.append(tape.pick((0, 1, 2, 3, 4, 5, 7, 8, 0xFFFF_FFFF)))
        elif letter == "i":
            args.append(slot(tape.below(10) if tape.below(4) else tape.below(40)))
        elif letter == "o":
            args.append(slot(tape.within(10, 40)))
        elif letter == "I":
            data = tape.pick((b"deep", b"deep/b", b"wide/a", b"x", b"", b"a\0b\0", b"x/y/z", b"a\0", bytes(32)))
            args += [script.text(data), len(data)]
        else:
            args += [BUFFERS + 0x2000 + tape.below(512), tape.pick((40, 300, 0, 3))]
    if name != "fail":
        script.call(name, *args)


_COST: Final = "wasm.fuel.host-call"

PROPERTIES: Final = (
    *of_executors("wasm/abi/inputs", inputs, _FUNCTION, _COST),
    *of_executors("wasm/abi/unsigned", unsigned, "wasm.abi.unsigned"),
    *of_executors("wasm/abi/reading", reading, _FUNCTION, _COST),
    *of_executors("wasm/abi/making", making, _FUNCTION, _COST),
    *in_one_format("wasm/abi/queries", queries, _FUNCTION, _COST),
    *of_executors("wasm/abi/erased", erased, _FUNCTION, "wasm.module.node", features=("erase",)),
    *of_executors("wasm/abi/generated", generated, _FUNCTION, _COST, given=tape(400), examples=3),
)
