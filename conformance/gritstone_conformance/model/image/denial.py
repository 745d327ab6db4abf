"""How a step, a frame or an operation fails: with a class and a code.

Spec: ``image/operation``, "Failures".
"""

from __future__ import annotations

from gritstone_conformance.model.refusals import Defect, Refusal

__all__ = ["Denied", "Ended", "Unknowable", "within_limits"]


class Denied(Exception):  # noqa: N818 - the word of the spec
    """A step fails, and with it the innermost frame.

    Attributes:
        kind: the class, for example ``rejected``.
        code: the code, for example ``capability``.
    """

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"{kind}/{code}")
        self.kind = kind
        self.code = code

    def refusal(self, rule: str) -> Refusal:
        """Return the refusal of a request for the same reason."""
        return Refusal([Defect(self.kind, rule, str(self), self.code)])


class Ended(Exception):  # noqa: N818 - says what became of the frames
    """All frames from one on end; that one fails. Frame 0 is that of the roots.

    Attributes:
        depth: the number of frames of savepoints around the frame that fails.
        why: its failure.
    """

    def __init__(self, depth: int, why: Denied) -> None:
        super().__init__(f"frame {depth}: {why}")
        self.depth = depth
        self.why = why


class Unknowable(Exception):  # noqa: N818 - says why nothing is computed
    """An operation cannot be computed by this suite, for example because a guest runs."""


def within_limits(refusal: Refusal) -> Denied:
    """Return the failure for an object that is longer than a limit; raise the refusal if it is another one."""
    if all(defect.kind == "exhausted" for defect in refusal.defects):
        return Denied("exhausted", "exhausted")
    raise refusal
