"""Edits: the change of one argument that turns the twin into the reject case.

Invariant: ``apply_edit(twin, edit_between(twin, reject)) == requests of the reject``.
"""

from __future__ import annotations

import copy
import re
from typing import Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes, encode_bytes
from gritstone_conformance.cases import Case, canonical_json
from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json

__all__ = ["Requests", "apply_edit", "edit_between", "edit_bytes", "most_edit_bytes", "requests_of"]

MOST_EDIT_BYTES: Final = 80
MOST_BUNDLE_EDIT_BYTES: Final = 1024  # an edit in a bundle extends to its end, because the digest there changes

_ID: Final = re.compile(r"[0-9a-f]{64}")

Requests = list[tuple[str, dict[str, Json]]]


def requests_of(case: Case) -> Requests:
    """Return the operations and arguments of a case."""
    return [(step.op, step.args) for step in case.steps]


def apply_edit(twin: Case, edit: dict[str, Json]) -> Requests:
    """Return the requests of the twin after the edit.

    Raises:
        DataError: the place does not exist, or its value is not ``was``.
    """
    asked = copy.deepcopy(requests_of(twin))
    step, arg = edit["step"], edit["arg"]
    if step >= len(asked) or arg not in asked[step][1]:
        raise DataError(f"the twin has no argument {arg!r} in step {step}")
    args = asked[step][1]
    if "at" in edit:
        args[arg] = _edited_bytes(args[arg], edit)
    else:
        args[arg] = _edited_value(args[arg], edit)
    return asked


def edit_bytes(edit: dict[str, Json]) -> int:
    """Return how many bytes an edit of bytes removes and inserts; 0 for an edit of a JSON value, which has no limit."""
    return sum(len(decode_bytes(edit[name])) for name in ("was", "now")) if "at" in edit else 0


def most_edit_bytes(case: Case, edit: dict[str, Json]) -> int:
    """Return the limit of :func:`edit_bytes`, which depends on the operation whose argument the edit changes."""
    takes_bundle = case.steps[edit["step"]].op in ("grit.import", "grit.transcode")
    return MOST_BUNDLE_EDIT_BYTES if takes_bundle else MOST_EDIT_BYTES


def edit_between(twin: Case, reject: Case) -> dict[str, Json]:
    """Return the edit that turns the requests of the twin into those of the reject case.

    Raises:
        DataError: they differ in more than one argument, or in their operations.
    """
    ours, theirs = requests_of(reject), requests_of(twin)
    if [op for op, _ in ours] != [op for op, _ in theirs]:
        raise DataError(f"{twin.name} does not have the same operations")
    changed = [
        (step, arg)
        for step, ((_, mine), (_, other)) in enumerate(zip(ours, theirs, strict=True))
        for arg in sorted(mine.keys() | other.keys())
        if arg not in mine or arg not in other or mine[arg] != other[arg]
    ]
    if len(changed) != 1:
        raise DataError(f"{twin.name} differs in {len(changed)} arguments, expected one")
    step, arg = changed[0]
    if arg not in ours[step][1] or arg not in theirs[step][1]:
        raise DataError(f"{twin.name} and the case do not both have the argument {arg!r}")
    return {"step": step, "arg": arg, **_difference(theirs[step][1][arg], ours[step][1][arg])}


def _edited_bytes(value: Json, edit: dict[str, Json]) -> str:
    try:
        data, was, now = decode_bytes(value), decode_bytes(edit["was"]), decode_bytes(edit["now"])
    except (NotCanonicalError, TypeError, AttributeError) as problem:
        raise DataError(f"an edit of bytes in a value that is not bytes: {problem}") from problem
    at = edit["at"]
    if data[at : at + len(was)] != was or at > len(data):
        raise DataError(f"at offset {at} the twin has {data[at : at + len(was)].hex()}, not {was.hex()}")
    return encode_bytes(data[:at] + now + data[at + len(was) :])


def _edited_value(value: Json, edit: dict[str, Json]) -> Json:
    keys = [part.replace("~1", "/").replace("~0", "~") for part in edit["path"].split("/")[1:]]
    if not keys:
        _check_was(value, edit)
        return edit["now"]
    inner = value
    try:
        for key in keys[:-1]:
            inner = inner[int(key) if isinstance(inner, list) else key]
        last = int(keys[-1]) if isinstance(inner, list) else keys[-1]
        _check_was(inner[last], edit)
        inner[last] = edit["now"]
    except (KeyError, IndexError, ValueError, TypeError) as problem:
        raise DataError(f"the twin has no {edit['path']!r} in {edit['arg']!r}") from problem
    return value


def _check_was(value: Json, edit: dict[str, Json]) -> None:
    if canonical_json(value) != canonical_json(edit["was"]):
        raise DataError(f"at {edit['path'] or '/'} the value of the twin is not equal to `was`")


def _difference(was: Json, now: Json) -> dict[str, Json]:
    """Return the members of the edit: bytes without the common prefix and suffix, or complete values if not bytes."""
    if all(isinstance(value, str) and _ID.fullmatch(value) for value in (was, now)):
        return {"path": "", "was": was, "now": now}
    try:
        old, new = decode_bytes(was), decode_bytes(now)
    except (NotCanonicalError, TypeError, AttributeError):
        return {"path": "", "was": was, "now": now}
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    cut = slice(start, len(old) - end), slice(start, len(new) - end)
    return {"at": start, "was": encode_bytes(old[cut[0]]), "now": encode_bytes(new[cut[1]])}
