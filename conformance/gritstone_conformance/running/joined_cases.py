"""Several cases, run one after the other in one process, as one case.

The names that each case binds and its temporary paths get a number, so that they stay distinct. The stores that a case
leaves open are closed after it, as when it runs alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.replies import Json
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in
from gritstone_conformance.running.vector_runner import open_handles

__all__ = ["joined"]

_ANY_END: Final[dict[str, Json]] = {"any": [{"ok": {"$": "any"}}, {"error": True}]}
_NUMBER: Final = re.compile(r"-\d+$")


def joined(earlier: Sequence[Case], last: Case) -> Case:
    """Return the last case with the steps of the earlier cases before its own; the same case if there are none."""
    if not earlier:
        return last
    steps: list[CaseStep] = []
    for number, case in enumerate((*earlier, last)):
        steps += (_renamed(step, number) for step in case.steps)
        if case is not last:
            steps += (CaseStep("grit.close", {"store": handle}, _ANY_END) for handle in open_handles(case.steps))
    requires = [case.requires for case in (*earlier, last)]
    together = Requires(
        *(
            tuple(dict.fromkeys(name for each in requires for name in getattr(each, member)))
            for member in ("formats", "features", "profiles")
        )
    )
    return replace(last, steps=tuple(steps), requires=together, twin=None, edit=None, flags=())


def _renamed(step: CaseStep, number: int) -> CaseStep:
    names = (names_in(step.args) | names_in(step.expect)) - {"any"}
    new = {name: _new_name(name, number) for name in names}
    if not new:
        return step
    return replace(step, args=_rename(step.args, new), expect=_rename(step.expect, new))


def _new_name(name: str, number: int) -> str:
    """Return a name that no other case uses; the name of a temporary path stays one."""
    if not TemporaryPaths.is_temporary(name):
        return f"{name}-{number}"
    used = _NUMBER.search(name)
    return f"{_NUMBER.sub('', name)}-{number}{int(used[0][1:]) if used else 0:03d}"


def _rename(value: Json, new: dict[str, str]) -> Json:
    if isinstance(value, dict):
        if set(value) == {"$"}:
            return {"$": new.get(value["$"], value["$"])}
        return {key: _rename(item, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, new) for item in value]
    return value
