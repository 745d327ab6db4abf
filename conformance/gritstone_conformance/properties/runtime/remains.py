"""What a death may not leave in halves: mark and receipt, update and removed mark, an end of life, an import.

The history checker cannot see these, since each half alone is a legal history.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.proposals import header, message_type
from gritstone_conformance.trial import Trial

__all__ = ["check_heals", "check_pairs", "check_removals"]

_HEAD: Final = re.compile("heads/[0-9a-f]{64}")


def check_pairs(trial: Trial, found: History) -> None:
    """Every receipt has the mark that it reports, unless an update or a collection removed it.

    That every mark has its receipt is asked by the history checker.

    Args:
        trial: the trial.
        found: the history.

    Spec: :rule:`runtime.recover.mark`.
    """
    marks = _marks(found)
    for message in _receipts(found):
        actors = [receiver for (_, receiver), channel in found.channels.items() if message in channel.places]
        if not any(
            marks.get(actor) == message or _was_updated(found, actor) or f"gone/{actor.hex()}" in found.references
            for actor in actors
        ):
            words = "a receipt is there without its mark"
            trial.fail("a mark", message.hex(), words=words, rule="runtime.recover.mark")


def _marks(found: History) -> dict[bytes, bytes]:
    """Return the messages that actors are marked for."""
    boxes = {name[7:]: target for name, target in found.references.items() if name.startswith("failed/")}
    return {bytes.fromhex(actor): next(iter(found.shelf.mail(box).values())) for actor, box in boxes.items()}


def _receipts(found: History) -> Iterator[bytes]:
    """Yield the messages that receipts report."""
    for (sender, _), channel in found.channels.items():
        for identity in channel.messages if sender == found.agent else ():
            message = found.shelf.message(identity)
            reply = header(message, "reply")
            if message_type(message) == "receipt" and reply is not None:
                yield bytes.fromhex(reply)


def _was_updated(found: History, actor: bytes) -> bool:
    chain = found.chains.get(actor)
    return chain is not None and any(
        message_type(found.shelf.message(message)) == "update"
        for index in range(len(chain))
        for _, message in chain.covered(found.shelf, index)
    )


def check_heals(trial: Trial, found: Mapping[str, bytes], listed: Mapping[str, bytes]) -> None:
    """An actor that was marked has its old head and its mark, or a later head and not this mark.

    Args:
        trial: the trial.
        found: the references.
        listed: references as they were seen before.

    Spec: :rule:`runtime.recover.unmark`.
    """
    for name, mark in listed.items():
        head = f"heads/{name[7:]}"
        if not name.startswith("failed/") or head not in listed or head not in found:
            continue
        has_moved, is_marked = found[head] != listed[head], found.get(name) == mark
        if has_moved == is_marked:
            words = "an updated actor kept its mark" if has_moved else "a mark is gone and its actor was not updated"
            trial.fail("both or none", name, path="failed/*", words=words, rule="runtime.recover.unmark")


def check_removals(
    trial: Trial, found: Mapping[str, bytes], listed: Mapping[str, bytes], imported: Collection[str] = ()
) -> None:
    """No actor lost its head and kept its mark or is not gone; the references of an import are all there or none is.

    Args:
        trial: the trial.
        found: the references.
        listed: references as they were seen before.
        imported: names that an import brings.

    Spec: :rule:`runtime.recover.collect`.
    """
    for name in found:
        head = f"heads/{name[7:]}"
        if name.startswith("failed/") and head in listed and head not in found:
            words = "an actor lost its head and kept its mark"
            trial.fail("both or none", name, path="failed/*", words=words, rule="runtime.recover.collect")
    for name in listed:
        if _HEAD.fullmatch(name) and not any(f"{space}/{name[6:]}" in found for space in ("heads", "moved", "gone")):
            words = "an actor lost its head and is not gone"
            trial.fail("both or none", name, path="gone/*", words=words, rule="runtime.recover.collect")
    there = [name for name in sorted(imported) if name in found]
    if there and len(there) != len(imported):
        words = "an import is there in part"
        trial.fail(sorted(imported), there, words=words, rule="runtime.recover.collect")
