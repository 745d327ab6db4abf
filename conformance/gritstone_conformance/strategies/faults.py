"""Faults: bytes or values that break one rule and are otherwise right.

A fault knows how to make a good object and, next to it, bytes with one defect, and which rule that breaks. What class
the refusal must have is the model's business; the meta tests check that the model sees exactly one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Object
from gritstone_conformance.strategies.tape import Tape

__all__ = ["Fault", "Spoiled"]


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A good object with its encoding, and bytes that are one defect away from it."""

    value: Object
    good: bytes
    bad: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break one rule.

    Attributes:
        rule: the rule that is broken.
        slug: names it within the rule's cases.
        make: the bytes with the defect, from a good object and its encoding.
        kind: the kind of object it needs; None: any.
        least: how many headers or entries the object needs at least.
    """

    rule: str
    slug: str
    make: Callable[[Tape, Object, bytes], bytes]
    kind: str | None = None
    least: int | None = None

    def spoil(self, tape: Tape, fmt: Format, build: Callable[..., Object]) -> Spoiled:
        """Make a good object by ``build`` and spoil it."""
        value = build(tape, fmt.name, self.kind, least=self.least)
        good = fmt.encode(value)
        return Spoiled(value, good, self.make(tape, value, good))
