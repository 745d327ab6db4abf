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

__all__ = ["MISUSES", "suspended_memory", "waiter"]

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
_TEXT: Final = b"count saw"
_NORMAL, _UNWINDING, _REWINDING = range(3)


def _const(value: int) -> tuple[str, int]:
    return "i32.const", value


def _fill() -> tuple[Any, ...]:
    """Return an instruction that spends about four thousand units: it writes over half of the page."""
    return "memory.fill", _const(0x8000), _const(0), _const(0x8000)


class _Waiter:
    """One waiter while it is built."""

    def __init__(self, misuse: str, burns: int, *, remembers: bool) -> None:
        self.guest = Assembly()
        self._misuse = misuse
        self._burns = burns
        names = (
            "input",
            "covered",
            "blob",
            "place",
            "step",
            "result",
            "fuel",
            "wait",
            *(("kind",) if remembers else ()),
        )
        self._at = {name: self.guest.grit(name) for name in names}
        self.guest.memory(1)
        self._state = self.guest.global_("i32", 0, mutable=True)
        area = self.guest.global_("i32", _AREA)
        self.guest.export("grit_wait_area", area, 3)
        self.guest.data(_NAMES, _TEXT)

    def quiet(self, name: str, *args: int) -> tuple[Any, ...]:
        """Call a host function and drop what it returns."""
        return "drop", ("call", self._at[name], *map(_const, args))

    def add_winding(self) -> None:
        """Export the five functions of the transformation that a compiler makes."""
        deep: list[Any] = []
        for _ in range(6 if self._is_deep else 0):  # frames that fit, but for that of the one who waits
            deep = [("call", self.guest.function([], [], ["i32"] * 9_500, deep))]
        for kind, value in (
            ("start_unwind", _UNWINDING),
            ("stop_unwind", _NORMAL),
            ("start_rewind", _REWINDING),
            ("stop_rewind", _NORMAL),
        ):
            parameters = ["i32"] if kind.startswith("start") else []
            local_types = [] if parameters else ["i32"]
            first = self._burn(kind) or (self._area_checked() if parameters else [])
            first += deep if kind == "start_unwind" else []
            code = [*first, ("global.set", self._state, _const(value))]
            self.guest.function(parameters, [], local_types, code, f"asyncify_{kind}")
        self.guest.function([], ["i32"], [], [*self._lie(), ("global.get", self._state)], "asyncify_get_state")

    def made(self) -> list[Any]:
        """Return the code of a turn before it waits."""
        ids = {number: _IDS + 32 * number for number in range(10)}
        asked = [] if "kind" not in self._at else [("call", self._at["kind"], _const(_IDS))]
        kept = [("i32.store", _const(_COUNT + 4), each) for each in asked]
        return [
            *kept,
            ("memory.fill", _const(_IDS), _const(0), _const(0x140)),
            *(self.quiet("input", number, ids[number]) for number in (0, 1, 2, 4, 5)),
            self.quiet("covered", 0, ids[6], ids[7]),
            ("i32.store", _const(_COUNT), ("i32.add", ("i32.load", _const(_COUNT)), _const(1))),
            self.quiet("blob", _COUNT, 4, 0, 0, ids[8]),
            self.quiet("place", ids[2], _NAMES, 5, ids[8], ids[2]),
            self.quiet("place", ids[2], _NAMES + 6, 3, ids[0], ids[2]),
            self.quiet("step", ids[1], ids[0], ids[5], ids[4], ids[2], ids[9]),
            *([] if self._misuse == "no result" else [self.quiet("result", ids[9])]),
            *([self.quiet("result", ids[3])] if self._misuse == "result unset" else []),
        ]

    def main(self, made: list[Any], *, ends: bool) -> int:
        """Add the function that waits in each turn, or ends with a turn once it is resumed; returns its index."""
        last = [*made, _const(0), "return"] if ends else [("br", 0)]
        turn = [
            ("if", None, self._is(_REWINDING), [*(self._rewinding() or ["nop"]), *self._burn("rewinding")], made),
            self.quiet("wait"),
            ("if", None, self._is(_UNWINDING), [*self._unwinding(), *self._burn("unwinding"), _const(99), "return"]),
            *last,
        ]
        locals_ = ["i32"] * (9_000 if self._is_deep else 1)
        return self.guest.function([], ["i32"], locals_, [("loop", None, turn), "unreachable"])

    @property
    def _is_deep(self) -> bool:
        return self._misuse == "is too deep for start_unwind"

    def _is(self, state: int) -> tuple[Any, ...]:
        return "i32.eq", ("global.get", self._state), _const(state)

    def _burn(self, kind: str) -> list[Any]:
        units = 40_000 if self._misuse == f"spins in {kind}" else self._burns
        turn = [
            _fill(),
            ("local.set", 0, ("i32.sub", ("local.get", 0), _const(4))),
            ("br_if", 0, ("i32.gt_s", ("local.get", 0), _const(0))),
        ]
        return [("local.set", 0, _const(units)), ("loop", None, turn)] if units else []

    @staticmethod
    def _area_checked() -> list[Any]:
        """Return code that traps if the host passes another place than that of the export ``grit_wait_area``."""
        return [("if", None, ("i32.ne", ("local.get", 0), _const(_AREA)), ["unreachable"])]

    def _lie(self) -> list[Any]:
        """Return the start of ``asyncify_get_state``: in one state it returns an unknown state."""
        wrong = {"another state when suspended": _UNWINDING, "another state when resumed": _REWINDING}
        state = wrong.get(self._misuse)
        return [] if state is None else [("if", None, self._is(state), [_const(3), "return"])]

    def _unwinding(self) -> list[Any]:
        """Return the faulty code that runs while the stack unwinds."""
        wrong: dict[str, list[Any]] = {
            "calls while unwinding": [("drop", ("call", self._at["fuel"]))],
            "waits while unwinding": [self.quiet("wait")],
            "points beyond memory while unwinding": [self.quiet("input", 0, 0x10000)],
            "spins while unwinding": [("loop", None, [_fill(), ("br", 0)])],
            "traps while unwinding": ["unreachable"],
            "reads beyond memory while unwinding": [("drop", ("i32.load", _const(0x10000)))],
        }
        return wrong.get(self._misuse, [])

    def _rewinding(self) -> list[Any]:
        """Return the faulty code that runs before the stack is rewound."""
        wrong: dict[str, list[Any]] = {
            "returns before it is resumed": [_const(0), "return"],
            "calls before it is resumed": [("drop", ("call", self._at["fuel"]))],
            "traps when resumed": ["unreachable"],
        }
        return wrong.get(self._misuse, [])


@cache
def waiter(
    misuse: str = "",
    *,
    burns: int = 0,
    entry: str = "wit",
    initializes: bool = False,
    remembers: bool = False,
    ends: bool = False,
) -> bytes:
    """Return the module of a waiter.

    Args:
        misuse: how it goes wrong; one of :data:`MISUSES`, or nothing.
        burns: units that it spends on purpose, in thousands, at each of the four turns of winding, and between them.
        entry: the entry that waits; ``wit`` and ``wit_query`` are there in any case.
        initializes: whether ``_initialize`` waits.
        remembers: whether it asks in each turn for the kind of an id that the turn before was given.
        ends: whether it returns after the turn in which it is resumed, and does not wait again.
    """
    built = _Waiter(misuse, burns, remembers=remembers)
    guest, quiet = built.guest, built.quiet
    built.add_winding()
    made = built.made()
    main = built.main(made, ends=ends)
    look = guest.function([], ["i32"], [], [quiet("blob", 0, 0x600, 0, 0, _IDS), quiet("result", _IDS), _const(0)])
    still = guest.function([], ["i32"], [], [*made, _const(0)])
    guest.export("wit", main if entry == "wit" else still)
    guest.export("wit_query", main if entry == "wit_query" else look)
    guest.export("wit_update", main if entry == "wit_update" else still)
    if initializes:
        guest.function([], [], [], [quiet("wait")], "_initialize")
    return guest.binary()


def suspended_memory() -> bytes:
    """Return the first page of a waiter that is suspended before it has counted."""
    return (bytes(_NAMES) + _TEXT).ljust(1 << 16, b"\0")
