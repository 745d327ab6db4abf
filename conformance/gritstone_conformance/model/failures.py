"""How a transition ends without a step: it fails, with a class, or it declines.

Spec: ``wit/transition``.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.refusals import Defect, Refusal

__all__ = ["CLASSES", "Declined", "Failure", "is_code"]

CLASSES: Final = {
    "failed": "rejected",
    "unresolved": "rejected",
    "illegal-step": "rejected",
    "timeout": "exhausted",
    "exhausted": "exhausted",
}
"""Class of a failure to the class of the refusal that reports it."""


_GUEST: Final = re.compile("guest:(0|[1-9][0-9]{0,9})")


def is_code(kind: str, code: str) -> bool:
    """Return whether a failure of a class can have a code of its own.

    Spec: ``wasm/outcomes``; :rule:`wasm.outcome.code`.
    """
    guest = _GUEST.fullmatch(code)
    if guest:
        return kind == "failed" and int(guest[1]) < 1 << 32
    return code in _codes().get(kind, ())


@cache
def _codes() -> dict[str, frozenset[str]]:
    outcomes: Any = json.loads((spec_dir() / "wasm" / "outcomes.json").read_text(encoding="utf-8"))
    return {each["class"]: frozenset(filter(None, each["codes"])) - {"guest:<n>"} for each in outcomes["failures"]}


class Failure(Exception):  # noqa: N818 - the name of the spec
    """A transition failed.

    Attributes:
        kind: the class of the failure.
        rule: the rule that a wrong answer to it breaks.
        code: the code that a profile gives it, or None.
        spent: the units that were spent until then, where they were counted.
    """

    def __init__(self, kind: str, words: str, rule: str = "wit.transition.class", code: str | None = None) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind
        self.rule = rule
        self.code = code
        self.spent: int | None = None

    @property
    def wire_code(self) -> str:
        """The code of a refusal: the class, and the code of its own behind a colon."""
        return self.kind if self.code is None else f"{self.kind}:{self.code}"

    def refusal(self) -> Refusal:
        """Return the refusal that reports it."""
        return Refusal([Defect(CLASSES[self.kind], self.rule, str(self), self.wire_code)])


class Declined(Exception):  # noqa: N818 - the name of the spec
    """The code gave back the step that it started from."""
