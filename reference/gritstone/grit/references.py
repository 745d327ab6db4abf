"""References: the grammar of their names, the allowed targets of each space, and updates as data.

The store reads and writes references; this module checks them and counts their versions.

Spec: :rule:`grit.ref.grammar`, :rule:`grit.ref.target`, :rule:`grit.ref.duplicate`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.grit.engine import Batch, Table, View
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Mailbox, Object, ObjectId, Step, Tree

__all__ = ["Change", "check_changes", "check_name", "check_target", "count_version", "references_version"]

_ALNUM = "[a-z0-9]"
_NAME = re.compile(rf"[a-z][a-z0-9-]{{0,31}}/(?!.*\.\.)(?=.{{1,200}}\Z){_ALNUM}(?:[a-z0-9._-]*{_ALNUM})?")
_ACTOR_ID = re.compile(r"(?!0{64})[0-9a-f]{64}")
_ACTOR_SPACES = ("heads", "failed")
_VERSION_KEY = b"references"  # in META: how many updates changed references
_VERSION_BYTES = 8


@dataclass(frozen=True, slots=True)
class Change:
    """A request to change the target of one reference.

    Attributes:
        name: space, slash, name.
        old: the expected current target; None if the reference must be absent.
        new: the target afterwards; None to remove the reference. If it equals ``old``, the change is only a check.
    """

    name: str
    old: ObjectId | None
    new: ObjectId | None


def check_name(name: str) -> None:
    """Check the name of a reference.

    Raises:
        Invalid: the name is outside of the grammar, or of the names that its space allows.

    Spec: :rule:`grit.ref.grammar`.
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            "the name of a reference is invalid", rule="grit.ref.grammar", expected="SPACE/NAME", got=ascii(name[:250])
        )
    space, _, rest = name.partition("/")
    if space in _ACTOR_SPACES and _ACTOR_ID.fullmatch(rest) is None:
        raise Invalid(
            "the name of a reference is invalid",
            rule="grit.ref.grammar",
            expected=f"{space}/ and the id of an actor in hex",
            got=ascii(name),
        )
    if space == "runtime" and rest != "agent":
        raise Invalid(
            "the name of a reference is invalid", rule="grit.ref.grammar", expected="runtime/agent", got=ascii(name)
        )


def check_changes(changes: Sequence[Change], limits: Limits) -> None:
    """Check an update before the store is read.

    Raises:
        Exhausted: more changes than ``limits.cas_names``.
        Invalid: a name is invalid or repeated.

    Spec: :rule:`grit.ref.limit`, :rule:`grit.ref.duplicate`.
    """
    if len(changes) > limits.cas_names:
        raise Exhausted(
            "too many changes in one update",
            rule="grit.ref.limit",
            got=len(changes),
            expected=f"at most {limits.cas_names}",
        )
    seen: set[str] = set()
    for change in changes:
        check_name(change.name)
        if change.name in seen:
            raise Invalid("a name is repeated in one update", rule="grit.ref.duplicate", got=change.name)
        seen.add(change.name)


def check_target(name: str, target: Object | None) -> None:
    """Check the target of a reference.

    Args:
        name: a valid name.
        target: the object; None for a tombstone, which counts as a blob.

    Raises:
        Rejected: the space of ``name`` does not allow the object.

    Spec: :rule:`grit.ref.target`.
    """
    space, _, rest = name.partition("/")
    match space:
        case "heads":
            good = isinstance(target, Step) and target.actor.hex() == rest
            wanted = "a step of that actor"
        case "failed":
            good = isinstance(target, Mailbox) and len(target.entries) == 1
            wanted = "a mailbox with one entry"
        case "actors" | "runtime":
            good = isinstance(target, Tree)
            wanted = "a tree"
        case _:
            return
    if not good:
        kind = "a tombstone" if target is None else f"a {target.kind.word}"
        raise Rejected(f"the target of {name} is not allowed", rule="grit.ref.target", got=kind, expected=wanted)


def references_version(view: View) -> bytes:
    """Return a value that differs after each update that changed references."""
    return view.get(Table.META, _VERSION_KEY) or bytes(_VERSION_BYTES)


def count_version(batch: Batch) -> None:
    """Record that an update changes references."""
    version = int.from_bytes(references_version(batch), "big") + 1
    batch.put(Table.META, _VERSION_KEY, version.to_bytes(_VERSION_BYTES, "big"))
