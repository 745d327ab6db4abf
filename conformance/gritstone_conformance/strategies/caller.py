"""A guest whose attempt selects what it does: it returns a result of each kind, or ends in each way, after many calls.

In its first step it takes no orders. In every call it counts in a global and in its memory, reads its clock and some
randomness, and makes objects, so that whatever a call leaves behind shows in the next step.

Spec: :rule:`wasm.call.result`, :rule:`wasm.call.atomic`.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.probes import number, zero

__all__ = ["GRANTS", "ORDERS", "caller"]

GRANTS: Final = {
    "attempt": True,
    "random": bytes(range(32)),
    "clock": {"start": 5, "tick": 3},
    "send": "any",
    "spawn": "any",
}
"""The manifest that the guest needs."""

_COUNT, _INITIALIZED, _CLOCK, _RANDOM = 0, 8, 16, 24
_PREVIOUS, _ACTOR, _INBOX, _OUTBOX, _CORE, _STEP, _NONE, _MESSAGE, _OTHER = range(0x400, 0x400 + 32 * 9, 32)
_SENT, _BOX = 0x600, 0x620
_HEADERS: Final = b"k\0v\0"
_HEADERS_AT: Final = 0x700
_IMPORTS: Final = (
    *("input", "step", "result", "attempt", "random", "clock", "fail", "blob", "message", "mail", "covered", "link"),
)


class _Writer:
    """Writes host calls."""

    def __init__(self, imports: dict[str, int]) -> None:
        self.imports = imports

    def call(self, name: str, *arguments: int) -> tuple[Any, ...]:
        return ("call", self.imports[name], *map(number, arguments))

    def do(self, name: str, *arguments: int) -> tuple[Any, ...]:
        return ("drop", self.call(name, *arguments))

    def step(
        self, previous: int = _PREVIOUS, actor: int = _ACTOR, inbox: int = _INBOX, out: int = _STEP
    ) -> tuple[Any, ...]:
        return self.do("step", previous, actor, inbox, _OUTBOX, _CORE, out)


def _orders(write: _Writer) -> dict[str, list[Any]]:
    """Return the code of each attempt from 2 on; code that reaches its end returns 0."""
    give, stop = write.do("result", _STEP), ("loop", None, [("br", 0)])
    sent = [
        write.do("message", _NONE, _HEADERS_AT, len(_HEADERS), _CORE, _MESSAGE),
        write.do("mail", _OUTBOX, _ACTOR, _MESSAGE, _OUTBOX),
        write.step(),
        give,
    ]
    return {
        "a step": [write.step(), give],
        "a message to itself": sent,
        "nothing": [write.step()],
        "nothing after a step": [write.step(), give, write.do("result", _NONE)],
        "the step before": [write.do("result", _PREVIOUS)],
        "the step before and then a step": [write.do("result", _PREVIOUS), write.step(), give],
        "a step and then the step before": [write.step(), give, write.do("result", _PREVIOUS)],
        "a step twice": [write.step(), give, give],
        "what is not in scope": [
            write.step(),
            give,
            ("i64.store", number(_OTHER), number(7, "i64")),
            write.do("result", _OTHER),
        ],
        "a core": [write.do("result", _CORE)],
        "an actor": [write.do("result", _ACTOR)],
        "a blob": [write.do("blob", 0, 8, 0, 0, _OTHER), write.do("result", _OTHER)],
        "an inbox": [write.do("result", _INBOX)],
        "a step without previous": [write.step(_NONE), give],
        "a step that read nothing": [write.step(inbox=_BOX), give],
        "a step of another actor": [write.step(actor=_CORE), give],
        "a trap after a step": [*sent, "unreachable"],
        "a number after a step": [*sent, number(5), "return"],
        "a failure after a step": [*sent, ("call", write.imports["fail"], number(6), zero, zero)],
        "no end after a step": [*sent, stop],
        "a number": [number(0xFFFFFFFF), "return"],
    }


def caller(initialize: bool) -> bytes:
    """Return the guest; with ``_initialize`` it counts in memory and in a global how often that ran."""
    guest = Assembly()
    write = _Writer({name: guest.grit(name) for name in _IMPORTS})
    guest.memory(1)
    guest.data(_HEADERS_AT, _HEADERS)
    count = guest.global_("i64", 0, mutable=True)
    begun = guest.global_("i32", 0, mutable=True)
    if initialize:
        more: Code = [
            ("global.set", begun, ("i32.add", ("global.get", begun), number(1))),
            ("i32.store", number(_INITIALIZED), ("i32.add", ("i32.load", number(_INITIALIZED)), number(1))),
        ]
        guest.function([], [], [], more, "_initialize")
    inputs = ((1, _PREVIOUS), (0, _ACTOR), (5, _INBOX), (4, _OUTBOX), (2, _CORE), (3, _BOX))
    code: list[Any] = [
        ("global.set", count, ("i64.add", ("global.get", count), number(1, "i64"))),
        ("i32.store", number(_COUNT), ("i32.add", ("i32.load", number(_COUNT)), number(1))),
        ("i64.store", number(_CLOCK), ("call", write.imports["clock"])),
        write.do("random", _RANDOM, 40),
        ("memory.fill", number(0x400), zero, number(0x280)),
        *(write.do("input", which, place) for which, place in inputs),
        write.do("blob", 0, 64, _HEADERS_AT, len(_HEADERS), _OTHER),
        ("memory.fill", number(_NONE), zero, number(32)),
    ]
    first = [write.step(), write.do("result", _STEP), zero, "return"]
    code.append(("if", None, ("i32.eqz", ("i32.load", number(_PREVIOUS))), first))
    for place, order in enumerate(_orders(write).values()):
        code.append(("if", None, ("i32.eq", ("call", write.imports["attempt"]), number(place + 1)), order))
    guest.entry([*code, zero])
    query: Code = [
        ("global.set", count, number(99, "i64")),
        ("i64.store", number(_CLOCK), ("call", write.imports["clock"])),
        write.do("random", _RANDOM, 24),
        ("i32.store", number(_COUNT), ("i32.add", ("i32.load", number(_COUNT)), number(100))),
        write.do("blob", 0, 128, 0, 0, _OTHER),
        write.do("result", _OTHER),
        zero,
    ]
    guest.entry(query, name="wit_query")
    return guest.binary()


ORDERS: Final = tuple(_orders(_Writer(dict.fromkeys(_IMPORTS, 0))))
"""The request of each attempt from 1 on."""
