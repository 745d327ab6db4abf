"""What is wrong with an input: defects, and the refusal classes that they permit.

One input may have several defects, and then the text lets an implementation name the class of any of them. So the
model collects defects and offers the *set* of their classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gritstone_conformance.replies import Json

__all__ = ["Defect", "Refusal", "exhausted", "invalid", "malformed", "missing", "ok", "refused", "rejected"]


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong.

    Attributes:
        kind: the refusal class it permits.
        rule: the narrowest rule that it breaks.
        words: what and where, for people.
        code: the code that travels with the class, where the text gives one.
    """

    kind: str
    rule: str
    words: str
    code: str | None = None


class Refusal(Exception):  # noqa: N818 - the name of the spec
    """The model refuses an input; carries every defect found."""

    def __init__(self, defects: Iterable[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__("; ".join(f"{defect.rule}: {defect.words}" for defect in self.defects))

    @property
    def kinds(self) -> frozenset[str]:
        """The classes that an implementation may answer."""
        return frozenset(defect.kind for defect in self.defects)

    def expectation(self) -> dict[str, Json]:
        """Return what a case expects of an implementation that is given this input."""
        options = dict.fromkeys((defect.kind, defect.code) for defect in self.defects)
        answers = [refused(kind, code) for kind, code in sorted(options, key=str)]
        return answers[0] if len(answers) == 1 else {"any": answers}


def malformed(rule: str, words: str) -> Defect:
    """Return a defect of class ``malformed``: the fields cannot be found."""
    return Defect("malformed", rule, words)


def invalid(rule: str, words: str, code: str | None = None) -> Defect:
    """Return a defect of class ``invalid``: found, but not the one encoding of an allowed value."""
    return Defect("invalid", rule, words, code)


def missing(rule: str, words: str, code: str | None = None) -> Defect:
    """Return a defect of class ``missing``: no such object or reference."""
    return Defect("missing", rule, words, code)


def rejected(rule: str, words: str, code: str | None = None) -> Defect:
    """Return a defect of class ``rejected``: the state forbids it."""
    return Defect("rejected", rule, words, code)


def exhausted(rule: str, words: str) -> Defect:
    """Return a defect of class ``exhausted``: a declared limit is passed."""
    return Defect("exhausted", rule, words)


def ok(**members: Json) -> dict[str, Json]:
    """Return the expectation of an ``ok`` answer with exactly these members."""
    return {"ok": members}


def refused(kind: str, code: str | None = None) -> dict[str, Json]:
    """Return the expectation of a refusal; with a code, the code counts."""
    return {"refused": kind} if code is None else {"refused": kind, "code": code}
