"""How a transition ends without a step: it fails, with a class, or it declines.

Spec: ``wit/transition``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.refusals import Defect, Refusal

__all__ = ["CLASSES", "Declined", "Failure"]

CLASSES: Final = {
    "failed": "rejected",
    "unresolved": "rejected",
    "illegal-step": "rejected",
    "timeout": "exhausted",
    "exhausted": "exhausted",
}
"""Class of a failure to the class of refusal that tells of it; the code is the class of the failure."""


class Failure(Exception):  # noqa: N818 - the name of the spec
    """A transition failed.

    Attributes:
        kind: the class of the failure.
        rule: the rule that a wrong answer to it breaks.
    """

    def __init__(self, kind: str, words: str, rule: str = "wit.transition.class") -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind
        self.rule = rule

    def refusal(self) -> Refusal:
        """Return the refusal that tells of it."""
        return Refusal([Defect(CLASSES[self.kind], self.rule, str(self), self.kind)])


class Declined(Exception):  # noqa: N818 - the name of the spec
    """The code gave back the step that it started from."""
