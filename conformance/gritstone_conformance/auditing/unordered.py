"""The lenient audit of a bundle: reports objects whose maps are not in canonical order, and checks the history.

A store that was written before the canonical order was required has such objects, and a strict audit that rejects them
cannot check the history. The lenient audit reports each of them once. It then writes the graph again with every map in
order, checks the history in that copy, and reports its findings with the ids of the file.

Spec: :rule:`suite.audit.lenient`.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.bundle import Bundle, scan
from gritstone_conformance.model.spreading import Spread, in_turn
from gritstone_conformance.model.transcode import canonical
from gritstone_conformance.planning.plan import Planned, Watch, named_identity
from gritstone_conformance.replies import Json
from gritstone_conformance.results.audit_cases import ORDER_CASE, ORDER_RULES
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.text import counted

__all__ = ["Reading", "in_file_ids", "order_lines", "order_outcome", "read_bundle", "with_file_ids"]

_MOST_NAMED: Final = 100  # ids in a report line
_ID: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class Reading:
    """A bundle that was read strictly or leniently.

    Attributes:
        bundle: the bundle of the file.
        judged: the bundle in which the history is checked: the same one, or a copy with every map in order.
        ids: an id in the copy -> the id of that object in the file, both in hex, where they differ.
    """

    bundle: Bundle
    judged: Bundle
    ids: dict[str, str] = field(default_factory=dict)


def read_bundle(raw: bytes | mmap.mmap, *, lenient: bool, spread: Spread = in_turn) -> Reading:
    """Read a bundle; if ``lenient``, accept maps in any order.

    Args:
        raw: its bytes.
        lenient: whether maps may be in any order.
        spread: spreads the reading of a large bundle.

    Raises:
        Refusal: a reference names an id that another object gets in canonical order.
    """
    bundle = scan(raw, lenient=lenient, spread=spread)
    if bundle.defects or not bundle.unordered:
        return Reading(bundle, bundle)
    copy, renamed = canonical(bundle)
    return Reading(bundle, scan(copy), {new.hex(): old.hex() for old, new in renamed.items() if old != new})


def order_outcome(recorder: OutcomeBuilder, bundle: Bundle) -> Outcome:
    """Return the outcome of the case that reports the objects which are not in canonical order."""
    identity = partial(named_identity, "audit", ORDER_CASE)
    item = Planned(ORDER_CASE, "audit", identity, ORDER_RULES, Requires(), Watch(ORDER_RULES[0]))
    if not bundle.unordered:
        return recorder.blank(item, "pass")
    first = next(iter(bundle.unordered.values()))
    named = [f"{identity.hex()} {defect.rule}" for identity, defect in bundle.unordered.items()]
    more = [f"and {len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
    are = counted(len(named), "object is", "objects are")
    return replace(
        recorder.blank(item, "fail"),
        rule=first.rule,
        level=recorder.level(first.rule),
        signature="audit order",
        detail=f"{are} not in canonical order: {', '.join([*named[:_MOST_NAMED], *more])}",
    )


def order_lines(bundle: Bundle) -> list[str]:
    """Return one line for each object that is not in canonical order."""
    return [f"order {identity.hex()}   {defect.rule}: {defect.words}" for identity, defect in bundle.unordered.items()]


def with_file_ids(outcome: Outcome, ids: Mapping[str, str]) -> Outcome:
    """Return an outcome about a copy in canonical order with the ids of the file in its texts."""
    if not ids:
        return outcome
    return replace(outcome, detail=in_file_ids(outcome.detail, ids), history=in_file_ids(outcome.history, ids))


def in_file_ids(value: Json, ids: Mapping[str, str]) -> Json:
    """Return a value about a copy in canonical order with the ids of the file in its texts."""
    if not ids:
        return value
    if isinstance(value, str):
        return _ID.sub(lambda match: ids.get(match[0], match[0]), value)
    if isinstance(value, list):
        return [in_file_ids(each, ids) for each in value]
    if isinstance(value, dict):
        return {name: in_file_ids(each, ids) for name, each in value.items()}
    return value
