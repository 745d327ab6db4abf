"""Found cases: a failure, saved as a vector file of one case that ``gritstone replay`` runs again.

The shrunk trace of a property becomes a case with the expected answers of the model. The suite tests whether the
requests alone show the fault. If they do not (the fault needs a race, a kill or a measurement), the case has ``judge:
history``, and replay runs the property again.

The signature of the failure is at the end of the comment, after ``was:``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from gritstone_conformance import SPEC_VERSION
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Divergence
from gritstone_conformance.vectors.files import VectorFile

__all__ = ["case_of", "case_of_death", "file_of", "locate", "save", "was_signature"]

_WAS: Final = re.compile(r"was: (.+)$")


def case_of(item: Planned, divergence: Divergence, seed: int) -> Case:
    """Return the case to save for a failed property, named after the first 8 hex digits of its identity."""
    topic = item.name.split("/")[1]
    rules = tuple(dict.fromkeys((divergence.rule, *item.rules)))
    steps = divergence.steps
    if steps and steps[-1].rule not in (None, divergence.rule):  # the case fails by the rule of the failure
        steps = (*steps[:-1], replace(steps[-1], rule=None))
    unnamed = Case(
        name=f"{item.profile}/{topic}/found",
        rules=rules,
        requires=item.requires,
        steps=steps,
        comment=f"shrunk; was: {divergence.difference.signature}",
        origin={"by": "shrunk", "from": item.name, "seed": seed},
        judge="exact" if divergence.replayable else "history",
    )
    return replace(unnamed, name=f"{unnamed.name}-{unnamed.identity()[:8]}")


def case_of_death(item: Planned, case: Case, needs: str, cause: str, seed: int) -> Case:
    """Return the case to save for a crash or a hang: its requests, with the cause in the comment."""
    topic = item.name.split("/")[1]
    comment = "; ".join(filter(None, ("shrunk", needs, f"was: {cause}")))
    origin: dict[str, Json] = {"by": "shrunk", "from": item.name, "seed": seed}
    unnamed = replace(case, name=f"{item.profile}/{topic}/found", rules=item.rules, comment=comment, origin=origin)
    unnamed = replace(unnamed, twin=None, edit=None, flags=(), status="active")
    return replace(unnamed, name=f"{unnamed.name}-{unnamed.identity()[:8]}")


def copy_of(case: Case, signature: str) -> Case:
    """Return a vector with the signature of its failure in the comment; requests and expected answers are unchanged."""
    comment = _WAS.sub("", case.comment).rstrip("; ")
    return replace(case, comment=f"{comment}; was: {signature}" if comment else f"was: {signature}")


def file_of(case: Case) -> VectorFile:
    """Return the vector file of one case; it defines no flags, so the flags of the case are removed."""
    return VectorFile(
        path=f"{case.identity()[:16]}.json",
        spec=SPEC_VERSION,
        profile=case.profile,
        topic=case.name.split("/")[1],
        kind="reject" if case.twin is not None else "accept",
        flags={},
        cases=(replace(case, flags=()),),
    )


def save(case: Case, home: Path) -> str:
    """Write a found case below ``home``; return its path relative to ``home``."""
    file = file_of(case)
    write_file(home / "found" / file.path, file.to_text())
    return f"found/{file.path}"


def was_signature(case: Case) -> str | None:
    """Return the signature in the comment of a found case, or None."""
    match = _WAS.search(case.comment)
    return match[1] if match else None


def locate(word: str, home: Path) -> Path | None:
    """Return the found file for a path or a prefix of a digest, or None.

    Raises:
        UsageError: several files have this prefix.
    """
    given = Path(word)
    if given.suffix == ".json" or given.is_file():
        return given
    if not re.fullmatch(r"[0-9a-f]{4,16}", word):
        return None
    matches = sorted((home / "found").glob(f"{word}*.json"))
    if len(matches) > 1:
        raise UsageError(f"{word} is a prefix of {len(matches)} files in {home / 'found'}; use more digits")
    return matches[0] if matches else None
