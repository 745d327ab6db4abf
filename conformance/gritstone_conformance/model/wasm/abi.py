"""The ABI: what each function that a guest imports does, in the order of a host call.

A :class:`Host` is what one call of a guest talks to. Its functions stand in ``reading`` and ``making``; here are the
conventions that all of them share: ranges, charge A, grant, arguments, charge B, outputs.

Spec: ``wasm/abi``; :rule:`wasm.abi.order`, :rule:`wasm.abi.range`, :rule:`wasm.abi.buffer`, :rule:`wasm.abi.scope`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.grammar import check_key, check_name, check_value
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import KINDS, ZERO, Headers
from gritstone_conformance.model.wasm.documents import Manifest, State
from gritstone_conformance.model.wasm.machine import Machine, Trapped
from gritstone_conformance.model.wasm.weights import base_of, eighths, ranges

__all__ = [
    "ABSENT",
    "ERASED",
    "FAILED",
    "INVALID",
    "KIND",
    "LIMIT",
    "UNKNOWN",
    "CannotTell",
    "Host",
    "Inputs",
    "Problem",
    "Reply",
    "Use",
    "denied",
    "read_headers",
    "read_path",
]

ABSENT, KIND, INVALID, UNKNOWN, LIMIT, FAILED, ERASED = -1, -2, -3, -4, -5, -6, -7
_PATH_BYTES: Final = 4096
_PATH_NAMES: Final = 1024


class CannotTell(Exception):  # noqa: N818 - says what follows for the call
    """The call takes more units than are counted here, or asks what only those know who ran it."""


class Problem(Exception):  # noqa: N818 - ends a host call before charge B
    """An argument is wrong; the call gives its number and writes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Reply:
    """What a function gives, before charge B.

    Attributes:
        result: its result; a number below zero is an error, and then there are no outputs.
        weight: of the objects that it looked at and made.
        outputs: pointer, bytes, and whether they are an id; in the order of the parameters.
        units: charge B where it does not follow from weight and outputs.
    """

    result: int
    weight: int = 0
    outputs: tuple[tuple[int, bytes, bool], ...] = ()
    units: int | None = None

    @property
    def charge(self) -> int:
        """Charge B."""
        if self.units is not None:
            return self.units
        return eighths(self.weight + sum(len(data) for _, data, _ in self.outputs))


@dataclass(frozen=True, slots=True)
class Use:
    """How a function takes an id.

    Attributes:
        identity: the id.
        kinds: what it may lead to.
        maybe: whether it may be zero.
        edge: whether it becomes an edge, which ``raw`` lets be any id.
    """

    identity: bytes
    kinds: tuple[str, ...]
    maybe: bool = False
    edge: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a call is given.

    Attributes:
        given: the inputs 0 to 7; None where there is none.
        covered: senders and messages.
        query: the name of the query, or None in a transition.
    """

    given: tuple[bytes | None, ...]
    covered: tuple[tuple[bytes, bytes], ...] = ()
    query: str | None = None


@dataclass(slots=True)
class Host:
    """What one call of a guest talks to.

    Attributes:
        state: randomness and clock move on in it.
        entry: the entry that runs; ``_initialize`` while that runs.
        scope: the ids that the host wrote into memory.
        result: the answer of the call, or None.
        suspend: what ``wait`` does, or None where it is denied.
        winding: whether the guest's stack is being unwound or wound up, when no host call may be made.
        hidden: units of the budget that the machine does not hold.
        machine: the machine; set before anything runs.
    """

    shelf: Shelf
    context: Context
    manifest: Manifest
    state: State
    inputs: Inputs
    functions: Mapping[str, Callable[..., Reply]]
    entry: str = "wit"
    scope: set[bytes] = field(default_factory=set)
    result: bytes | None = None
    suspend: Callable[[], None] | None = None
    rewind: Callable[[], None] | None = None
    winding: bool = False
    hidden: int = 0
    machine: Machine = field(init=False)

    def __call__(self, name: str, args: list[int]) -> int | None:
        """Carry a host call out."""
        if self.winding:
            self._wind(name)
            return 0
        memory = self.machine.memory
        placed = list(ranges(name, args))
        if any(start + length > len(memory) for letter, start, length in placed if letter != "n"):
            raise Trapped("memory-bounds")
        read = sum(length for letter, _, length in placed if letter in "iI")
        self.machine.charge(base_of(name) + eighths(read))
        if name == "wait":
            return self._wait()
        taken = [_taken(memory, letter, start, length) for letter, start, length in placed]
        try:
            reply = self.functions[name](self, *taken)
        except Problem as problem:
            return problem.number & 0xFFFF_FFFF
        self.machine.charge(reply.charge)
        for start, data, is_id in reply.outputs:
            memory[start : start + len(data)] = data
            if is_id:
                self.scope.add(data)
        wide = name in ("clock", "fuel")
        return reply.result & (0xFFFF_FFFF_FFFF_FFFF if wide else 0xFFFF_FFFF)

    def check(self, *uses: Use) -> None:
        """Raise Problem for ids that are UNKNOWN or of a wrong KIND."""
        for use in uses:
            is_free = use.edge and self.manifest.raw
            known = use.maybe if use.identity == ZERO else is_free or use.identity in self.scope
            if not known:
                raise Problem(UNKNOWN)
        for use in uses:
            is_free = use.edge and self.manifest.raw
            if use.identity != ZERO and not is_free and self.shelf.kind(use.identity) not in use.kinds:
                raise Problem(KIND)

    def kind(self, identity: bytes) -> int:
        """Return the number of the kind of what an id leads to."""
        return KINDS.index(self.shelf.kind(identity)) + 1

    def give(self, out: int, identity: bytes | None, weight: int = 0) -> Reply:
        """Return the reply with an id and its kind, or ABSENT."""
        if identity is None:
            return Reply(ABSENT, weight)
        return Reply(self.kind(identity), weight, ((out, identity, True),))

    def _wait(self) -> int:
        if self.suspend is None or self.entry != "wit":
            raise denied("wait")
        self.suspend()
        return 0

    def _wind(self, name: str) -> None:
        if name != "wait" or self.rewind is None:
            raise Trapped("wait")
        self.rewind()


def denied(grant: str) -> Failure:
    """Return the outcome of something that was not granted."""
    return Failure("failed", f"{grant} is not granted", "wasm.manifest.deny", f"denied:{grant}")


def read_path(data: bytes, format_name: str) -> list[str]:
    """Return the names of a path; raises Problem."""
    try:
        names = data.decode().split("/")
    except UnicodeDecodeError:
        raise Problem(INVALID) from None
    if len(data) > _PATH_BYTES or len(names) > _PATH_NAMES or any(check_name(name, format_name) for name in names):
        raise Problem(INVALID)
    return names


def read_headers(data: bytes, format_name: str) -> Headers:
    """Return the headers that a header list spells; raises Problem."""
    if not data:
        return ()
    try:
        texts = data.decode().split("\0")
    except UnicodeDecodeError:
        raise Problem(INVALID) from None
    if texts.pop() or len(texts) % 2:
        raise Problem(INVALID)
    keys, values = texts[::2], texts[1::2]
    wrong = any(map(check_key, keys)) or any(check_value(value, format_name) for value in values)
    if wrong or len(set(keys)) < len(keys):
        raise Problem(INVALID)
    return tuple(zip(keys, values, strict=True))


_Taken: TypeAlias = Any


def _taken(memory: bytearray, letter: str, start: int, length: int) -> _Taken:
    """Return an argument: a number, a pointer, bytes that are read, or pointer and room of a buffer."""
    if letter in "iI":
        return bytes(memory[start : start + length])
    return (start, length) if letter == "O" else start
