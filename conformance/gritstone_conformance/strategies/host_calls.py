"""Scripts of host calls: one guest that runs the calls in the message and stores their results in its step.

The *script guest* is one module for all scripts. It reads a script from the content of the message that it covers
(from ``script`` of that content, if it is a tree; in a query from the arguments), makes the host calls in it, and notes
the result of each and the units left behind it. Then it places its memory up to ``SHOWN`` at ``report`` in the
core, and gives the step. So whatever a host does otherwise than it should, a result, a byte written or a unit charged,
makes another step. In a query the report is the answer.

====================  =======================================================================
from                  what is there
====================  =======================================================================
0                     the table: 16 bytes for each call, result and units left
``SLOTS``             slots of 32 bytes for ids; slot 0 is zero
``BUFFERS``           buffers, with what the script brings along
``SHOWN``             what the guest itself needs, not in the report
====================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

from gritstone_conformance.model.wasm.instructions import I32, host_types
from gritstone_conformance.model.wasm.weights import LAYOUTS
from gritstone_conformance.strategies.assembler import Assembly

__all__ = [
    "BUFFERS",
    "FUNCTIONS",
    "PAGE",
    "SHOWN",
    "SLOTS",
    "SPARE",
    "ZERO_AT",
    "CallScript",
    "HostCall",
    "script_guest",
    "slot",
]

PAGE: Final = 65_536
SLOTS: Final = 0x1000
BUFFERS: Final = 0x3000
SHOWN: Final = 0x6000
SPARE: Final = 0xA100
"""A place with 16 bytes of a data segment; from here on to the end of the page nothing else is written."""
ZERO_AT: Final = SLOTS
"""Slot 0, which no script writes: the zero id."""

FUNCTIONS: Final = tuple(name for name in LAYOUTS if name != "wait")
"""The functions that a script may call, at their numbers."""

_ROW: Final = 16
_RECORD: Final = 32
_RECORDS: Final = 0x8000
_MOST: Final = 255
_ENTRIES: Final = ("wit", "wit_query", "wit_update")
_END: Final = 0x6000  # ids that the guest itself needs
_REPORT_NAME, _SCRIPT_NAME = 0x6800, 0x6810
_ACTS: Final = {
    "grow": 40,  # pages
    "store": 41,  # address, value
    "load": 42,  # address
    "fill": 43,  # address, byte, length
    "set": 44,  # value of the global
    "get": 45,
    "stop": 46,  # end with this number and no step
    "trap": 47,
    "silent": 48,  # end with 0 and what the script gave as its result
    "wait": 49,  # only in a guest that waits: be suspended, and resume with the next record
}
_SAVED: Final = 0x6820  # the record and their number while a guest waits
_UNWINDING, _REWINDING = 1, 2


def slot(number: int) -> int:
    """Return the pointer of a slot."""
    return SLOTS + 32 * number


class HostCall(NamedTuple):
    """A host call: the function and its arguments."""

    name: str
    args: tuple[int, ...]

    @classmethod
    def of(cls, name: str, *args: int) -> HostCall:
        """Return the call of a function with these arguments."""
        return cls(name, args)


class CallScript:
    """A script that is being written: records of a number and up to six arguments, and bytes for the buffers."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._buffers = bytearray()

    def call(self, name: str, *args: int) -> CallScript:
        """Make a host call."""
        return self._add(FUNCTIONS.index(name), *args)

    def act(self, name: str, *args: int) -> CallScript:
        """Run an action other than a host call: one of ``grow store load fill set get stop trap silent wait``."""
        return self._add(_ACTS[name], *args)

    def text(self, content: bytes) -> int:
        """Lay bytes into the buffers and return where they are."""
        at = BUFFERS + len(self._buffers)
        self._buffers += content
        return at

    def find(self, tree: int, path: str, to: int) -> CallScript:
        """Find a path from the tree in a slot and put the found id into another slot."""
        data = path.encode()
        return self.call("find", slot(tree), self.text(data), len(data), slot(to))

    def blob(self, data: bytes, to: int, headers: bytes = b"") -> CallScript:
        """Make a blob in a slot."""
        return self.call("blob", self.text(data), len(data), self.text(headers), len(headers), slot(to))

    def place(self, tree: int, path: str, child: int, to: int) -> CallScript:
        """Place the id of one slot into the tree in another; slot 0 removes the path."""
        data = path.encode()
        return self.call("place", slot(tree), self.text(data), len(data), slot(child), slot(to))

    def step(self, core: int, outbox: int | None = None, inbox: int | None = None) -> CallScript:
        """End with the step that has the core in a slot, and other boxes if they are given."""
        for number, to in ((0, 240), (1, 241), (5, 242), (4, 243)):
            self.call("input", number, slot(to))
        boxes = slot(242 if inbox is None else inbox), slot(243 if outbox is None else outbox)
        self.call("step", slot(241), slot(240), *boxes, slot(core), slot(244))
        return self.call("result", slot(244)).act("silent")

    def join(self, other: CallScript) -> CallScript:
        """Continue with another script; there are no buffers before its own."""
        if self._buffers:
            raise ValueError("the pointers of the other script would be wrong")
        self.records += other.records
        self._buffers += other._buffers
        return self

    def data(self) -> bytes:
        """Return the script."""
        if len(self.records) > _MOST:
            raise ValueError("a script has no more calls than its table has rows")
        return len(self.records).to_bytes(4, "little") + b"".join(self.records) + bytes(self._buffers)

    def _add(self, number: int, *args: int) -> CallScript:
        words = (number, *args, *(0,) * (7 - len(args)))
        self.records.append(b"".join((word & 0xFFFF_FFFF).to_bytes(4, "little") for word in words))
        return self


@cache
def script_guest(
    pages: int = 1, maximum: int | None = None, *, initializes: bool = False, waits: bool = False
) -> bytes:
    """Return the module of the script guest.

    Args:
        pages: the initial size of its memory.
        maximum: the largest that it declares.
        initializes: whether it has an ``_initialize``, which adds 1 to its global.
        waits: whether it can run ``wait``; it then has a second global.
    """
    guest = Assembly()
    imports = {name: guest.grit(name) for name in (*FUNCTIONS, *(("wait",) if waits else ()))}
    guest.memory(pages, maximum)
    guest.global_("i32", 7, mutable=True)
    if waits:
        _add_winding(guest)
    guest.data(_REPORT_NAME, b"report")
    guest.data(_SCRIPT_NAME, b"script")
    guest.data(SPARE, b"segment of data ")
    main = guest.function([], ["i32"], ["i32"] * 5, _main(imports))
    for entry in _ENTRIES:
        guest.export(entry, main)
    if initializes:
        guest.function([], [], (), [("global.set", 0, ("i32.add", ("global.get", 0), ("i32.const", 1)))], "_initialize")
    return guest.binary()


def _add_winding(guest: Assembly) -> None:
    """Add the state of winding and the exports that a guest needs which waits; its stack is not worth keeping."""
    state = guest.global_("i32", 0, mutable=True)
    guest.export("grit_wait_area", guest.global_("i32", _SAVED), 3)
    for kind, value in (("unwind", _UNWINDING), ("rewind", _REWINDING)):
        guest.function(["i32"], [], [], [("global.set", state, _const(value))], f"asyncify_start_{kind}")
        guest.function([], [], [], [("global.set", state, _const(0))], f"asyncify_stop_{kind}")
    guest.function([], ["i32"], [], [("global.get", state)], "asyncify_get_state")


_QUERY, _COUNT, _I, _AT, _TO = range(5)


def _const(value: int) -> tuple[str, int]:
    return "i32.const", value


def _get(local: int) -> tuple[str, int]:
    return "local.get", local


def _main(imports: dict[str, int]) -> list[Any]:
    def host(name: str, *args: Any) -> tuple[Any, ...]:
        return "call", imports[name], *(_const(each) if isinstance(each, int) else each for each in args)

    def quiet(name: str, *args: Any) -> tuple[Any, ...]:
        return "drop", host(name, *args)

    sender, message, content = _END, _END + 32, _END + 64
    found = quiet("find", content, _SCRIPT_NAME, 6, content)
    behind = ("i32.add", ("i32.mul", _get(_COUNT), _const(_RECORD)), _const(4))
    read = [
        ("local.set", _QUERY, ("i32.ge_s", host("query_name", 0, 0), _const(0))),
        ("i32.store", _const(_RECORDS), _const(0)),
        (
            "if",
            None,
            _get(_QUERY),
            [quiet("input", 6, content)],
            [
                quiet("covered", 0, sender, message),
                quiet("link", message, 1, content),
                ("if", None, ("i32.eq", host("kind", content), _const(2)), [found]),
            ],
        ),
        quiet("read", content, 0, _RECORDS, 4 + _RECORD * _MOST),
        ("local.set", _COUNT, ("i32.load", _const(_RECORDS))),
        quiet("read", content, behind, BUFFERS, SHOWN - BUFFERS),
    ]
    turn = [
        ("local.set", _AT, ("i32.add", ("i32.mul", _get(_I), _const(_RECORD)), _const(_RECORDS + 4))),
        ("local.set", _TO, ("i32.mul", _get(_I), _const(_ROW))),
        *(_when(number, _called(imports[name], name)) for number, name in enumerate(FUNCTIONS)),
        *(_when(_ACTS[name], code) for name, code in _acts().items()),
        *([_when(_ACTS["wait"], _waiting(imports["wait"]))] if "wait" in imports else ()),
        ("i64.store", 8, _get(_TO), host("fuel")),
        ("local.set", _I, ("i32.add", _get(_I), _const(1))),
        ("br", 0),
    ]
    done = ("br_if", 1, ("i32.ge_u", _get(_I), _get(_COUNT)))
    loop = ("block", None, [("loop", None, [done, *turn])])
    begin = [("if", None, _is_winding(_REWINDING), _restored(), read)] if "wait" in imports else read
    return [*begin, loop, *_ending(host, quiet)]


def _is_winding(state: int) -> tuple[Any, ...]:
    return "i32.eq", ("global.get", 1), _const(state)


def _restored() -> list[Any]:
    return [("local.set", local, ("i32.load", _const(_SAVED + 4 * place))) for place, local in enumerate((_I, _COUNT))]


def _waiting(index: int) -> list[Any]:
    """Return the code that is suspended, and that continues here when it is resumed."""
    saved = [("i32.store", _const(_SAVED + 4 * place), _get(local)) for place, local in enumerate((_I, _COUNT))]
    return [*saved, ("drop", ("call", index)), ("if", None, _is_winding(_UNWINDING), [_const(0), "return"])]


def _ending(host: Callable[..., tuple[Any, ...]], quiet: Callable[..., tuple[Any, ...]]) -> list[Any]:
    """Return code that returns the report: as the answer to a query, or in the core of a step."""
    at = {number: _END + 32 * (4 + number) for number in (0, 1, 2, 4, 5)}
    report = _END + 96
    return [
        quiet("blob", 0, SHOWN, 0, 0, report),
        ("if", None, _get(_QUERY), [quiet("result", report), _const(0), "return"]),
        *(("memory.fill", _const(place), _const(0), _const(32)) for place in at.values()),
        *(quiet("input", number, place) for number, place in at.items()),
        quiet("place", at[2], _REPORT_NAME, 6, report, at[2]),
        quiet("step", at[1], at[0], at[5], at[4], at[2], report),
        host("result", report),
    ]


def _when(number: int, code: list[Any]) -> tuple[Any, ...]:
    return "if", None, ("i32.eq", ("i32.load", _get(_AT)), _const(number)), code


def _arg(number: int) -> tuple[Any, ...]:
    return "i32.load", 4 + 4 * number, _get(_AT)


def _called(index: int, name: str) -> list[Any]:
    parameters, results = host_types()[name]
    made = ("call", index, *(_arg(number) for number in range(len(parameters))))
    if not results:
        return [made]
    return [(("i32.store" if results == bytes([I32]) else "i64.store"), _get(_TO), made)]


def _acts() -> dict[str, list[Any]]:
    def note(code: Any) -> list[Any]:
        return [("i32.store", _get(_TO), code)]

    return {
        "grow": note(("memory.grow", _arg(0))),
        "store": [("i32.store", _arg(0), _arg(1))],
        "load": note(("i32.load", _arg(0))),
        "fill": [("memory.fill", _arg(0), _arg(1), _arg(2))],
        "set": [("global.set", 0, _arg(0))],
        "get": note(("global.get", 0)),
        "stop": [_arg(0), "return"],
        "trap": ["unreachable"],
        "silent": [_const(0), "return"],
    }
