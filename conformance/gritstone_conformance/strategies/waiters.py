"""Guests that wait, built by hand: they wind their stack by themselves, rightly or in one of the ways to get it wrong.

A waiter counts in its memory. In a turn it adds 1, places the count at ``count`` and the newest message at ``saw``,
names the step as its result, and waits. It has no stack worth keeping: when it is resumed it goes on behind its
``wait``, into the next turn. What a compiler's transformation would do is done in a few lines here, so that each of
them can be left out or changed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly

__all__ = ["MISUSES", "waiter"]

MISUSES: Final = (
    "another state when suspended",
    "another state when resumed",
    "returns before it is resumed",
    "calls while unwinding",
    "calls before it is resumed",
    "waits while unwinding",
    "spins while unwinding",
    "spins in start_unwind",
    "spins in stop_unwind",
    "spins in start_rewind",
    "spins in stop_rewind",
    "no result",
    "result unset",
    "traps while unwinding",
    "traps when resumed",
    "reads beyond memory while unwinding",
    "points beyond memory while unwinding",
    "is too deep for start_unwind",
)
"""Ways in which a waiter goes wrong."""

_AREA: Final = 0x100
_IDS: Final = 0x200
_NAMES: Final = 0x400
_COUNT: Final = 0x500
_NORMAL, _UNWINDING, _REWINDING = range(3)


def _const(value: int) -> tuple[str, int]:
    return "i32.const", value


@cache
def waiter(misuse: str = "", *, burns: int = 0, entry: str = "wit", initializes: bool = False) -> bytes:
    """Return the module of a waiter.

    Args:
        misuse: how it goes wrong; one of :data:`MISUSES`, or nothing.
        burns: units that it spends on purpose, in thousands, at each of the four turns of winding, and between them.
        entry: the entry that waits; ``wit`` and ``wit_query`` are there in any case.
        initializes: whether ``_initialize`` waits.
    """
    guest = Assembly()
    names = ("input", "covered", "blob", "place", "step", "result", "fuel", "wait")
    at = {name: guest.grit(name) for name in names}
    guest.memory(1)
    state = guest.global_("i32", 0, mutable=True)
    area = guest.global_("i32", _AREA)
    guest.export("grit_wait_area", area, 3)
    guest.data(_NAMES, b"count saw")

    def quiet(name: str, *args: int) -> tuple[Any, ...]:
        return "drop", ("call", at[name], *map(_const, args))

    def burn(kind: str) -> list[Any]:
        units = 40_000 if misuse == f"spins in {kind}" else burns
        fill = ("memory.fill", _const(0x8000), _const(0), _const(0x8000))
        turn = [
            fill,
            ("local.set", 0, ("i32.sub", ("local.get", 0), _const(4))),
            ("br_if", 0, ("i32.gt_s", ("local.get", 0), _const(0))),
        ]
        return [("local.set", 0, _const(units)), ("loop", None, turn)] if units else []

    deep: list[Any] = []
    is_deep = misuse == "is too deep for start_unwind"
    for _ in range(6 if is_deep else 0):  # frames that fit, but for that of the one who waits
        deep = [("call", guest.function([], [], ["i32"] * 9_500, deep))]
    for kind, value in (
        ("start_unwind", _UNWINDING),
        ("stop_unwind", _NORMAL),
        ("start_rewind", _REWINDING),
        ("stop_rewind", _NORMAL),
    ):
        parameters = ["i32"] if kind.startswith("start") else []
        local_types = [] if parameters else ["i32"]
        guest.function(
            parameters,
            [],
            local_types,
            [*burn(kind), *(deep if kind == "start_unwind" else []), ("global.set", state, _const(value))],
            f"asyncify_{kind}",
        )
    wrong = {"another state when suspended": _UNWINDING, "another state when resumed": _REWINDING}.get(misuse)
    lie = [("if", None, ("i32.eq", ("global.get", state), _const(wrong)), [_const(3), "return"])] if wrong else []
    guest.function([], ["i32"], [], [*lie, ("global.get", state)], "asyncify_get_state")

    ids = {number: _IDS + 32 * number for number in range(10)}
    made = [
        *(("memory.fill", _const(_IDS), _const(0), _const(0x140)),),
        *(quiet("input", number, ids[number]) for number in (0, 1, 2, 4, 5)),
        quiet("covered", 0, ids[6], ids[7]),
        ("i32.store", _const(_COUNT), ("i32.add", ("i32.load", _const(_COUNT)), _const(1))),
        quiet("blob", _COUNT, 4, 0, 0, ids[8]),
        quiet("place", ids[2], _NAMES, 5, ids[8], ids[2]),
        quiet("place", ids[2], _NAMES + 6, 3, ids[0], ids[2]),
        quiet("step", ids[1], ids[0], ids[5], ids[4], ids[2], ids[9]),
        *([] if misuse == "no result" else [quiet("result", ids[9])]),
        *([quiet("result", ids[3])] if misuse == "result unset" else []),
    ]
    spin = ("loop", None, [("memory.fill", _const(0x8000), _const(0), _const(0x8000)), ("br", 0)])
    unwinding: dict[str, list[Any]] = {
        "calls while unwinding": [("drop", ("call", at["fuel"]))],
        "waits while unwinding": [quiet("wait")],
        "points beyond memory while unwinding": [quiet("input", 0, 0x10000)],
        "spins while unwinding": [spin],
        "traps while unwinding": ["unreachable"],
        "reads beyond memory while unwinding": [("drop", ("i32.load", _const(0x10000)))],
    }
    rewinding: dict[str, list[Any]] = {
        "returns before it is resumed": [_const(0), "return"],
        "calls before it is resumed": [("drop", ("call", at["fuel"]))],
        "traps when resumed": ["unreachable"],
    }
    is_rewinding = ("i32.eq", ("global.get", state), _const(_REWINDING))
    is_unwinding = ("i32.eq", ("global.get", state), _const(_UNWINDING))
    turn = [
        ("if", None, is_rewinding, [*rewinding.get(misuse, ["nop"]), *burn("rewinding")], made),
        quiet("wait"),
        ("if", None, is_unwinding, [*unwinding.get(misuse, []), *burn("unwinding"), _const(99), "return"]),
        ("br", 0),
    ]
    main = guest.function([], ["i32"], ["i32"] * (9_000 if is_deep else 1), [("loop", None, turn), "unreachable"])
    look = guest.function([], ["i32"], [], [quiet("blob", 0, 0x600, 0, 0, _IDS), quiet("result", _IDS), _const(0)])
    still = guest.function([], ["i32"], [], [*made, _const(0)])
    guest.export("wit", main if entry == "wit" else still)
    guest.export("wit_query", main if entry == "wit_query" else look)
    guest.export("wit_update", main if entry == "wit_update" else still)
    if initializes:
        guest.function([], [], [], [quiet("wait")], "_initialize")
    return guest.binary()
