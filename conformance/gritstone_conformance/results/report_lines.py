"""Reading and checking of report lines: JSON that the report's schema allows, with valid indexes.

Reports may come from others. The seal shows that nothing was changed since, not that the content is valid; everything
made from a report relies on the checks here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json
from gritstone_conformance.schemas import violation

__all__ = ["check_line", "parse_line"]

_GREATEST: Final = 2**53 - 1
_DEEPEST: Final = 400  # levels; a report keeps no more than 300 values of anything
_PARTS: Final = ("header", "case", "footer")


def parse_line(row: bytes) -> dict[str, Any]:
    """Read one line.

    Raises:
        DataError: it is not a JSON object, or contains a number or text that is invalid in a report.
    """
    try:
        line = json.loads(row, parse_int=_integer, parse_float=_fraction, parse_constant=_integer)
        if b"\\u" in row:
            json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        raise DataError("contains a lone surrogate") from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"is not JSON: {problem}") from problem
    if not isinstance(line, dict):
        raise DataError("is not a JSON object")
    return line


def _integer(text: str) -> int:
    if len(text) > 17 or abs(value := int(text)) > _GREATEST:
        raise ValueError(f"{text[:20]} is not a valid number in a report")
    return value


def _fraction(text: str) -> float:
    if not abs(value := float(text)) <= _GREATEST:
        raise ValueError(f"{text[:20]} is not a valid number in a report")
    return value


def check_line(line: Mapping[str, Any]) -> None:
    """Check a line; raises DataError with the place of the fault."""
    if _is_too_deep(line):
        raise DataError(f"is nested more than {_DEEPEST} levels deep")
    part = next((name for name in _PARTS if name == line.get("type")), None)
    wrong = violation("report", dict(line), part) or next(_beyond_the_schema(line), None)
    if wrong is not None:
        raise DataError(f"is not a valid report line: {wrong}")


def _is_too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner: list[Json] = []
        for each in level:
            inner += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        if not inner:
            return False
        level = inner
    return True


def _beyond_the_schema(line: Mapping[str, Any]) -> Iterator[str]:
    """Yield the faults that the schema does not find: impossible dates and indexes out of range."""
    for name in ("started", "finished"):
        if name in line and not _is_moment(line[name]):
            yield f"/{name}: not a valid date and time"
    if "history" in line:
        yield from _nowhere(line["history"])


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _nowhere(history: Mapping[str, Any]) -> Iterator[str]:
    steps, actors = len(history["steps"]), len(history["actors"])
    if history.get("illegal", -1) >= steps:
        yield "/history/illegal: no such step"
    for number, step in enumerate(history["steps"]):
        if step["actor"] >= actors:
            yield f"/history/steps/{number}/actor: no such actor"
    for number, message in enumerate(history["messages"]):
        for name, count in (("from", steps), ("to", steps), ("unread_by", actors)):
            if message.get(name, -1) >= count:
                yield f"/history/messages/{number}/{name}: no such {'actor' if name == 'unread_by' else 'step'}"
    for number, cut in enumerate(history.get("cuts", ())):
        if len(cut["after"]) != actors:
            yield f"/history/cuts/{number}/after: {len(cut['after'])} entries, expected one for each actor, {actors}"
        if any(last is not None and last >= steps for last in cut["after"]):
            yield f"/history/cuts/{number}/after: no such step"
