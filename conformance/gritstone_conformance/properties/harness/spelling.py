"""Spelling: bytes and ids have one spelling each, in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.properties.harness.probe import ANSWERED, DONE, ERROR, ask_apart, process_of
from gritstone_conformance.properties.harness.samples import blob_of, every_request, format_of, opening
from gritstone_conformance.replies import Json
from gritstone_conformance.schemas import fits
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES", "misspelt"]

_LENGTHS: Final = range(101)
_ID: Final = re.compile("[0-9a-f]{64}")
_BAD_BYTES: Final = (
    "AB",
    "AAF",
    "A",
    "AA==",
    "+/+/",
    "AAA=",
    "AA\n",
    " AA",
    "AA ",
    "A A",
    "A.AA",
    "\u0410\u0410",
    "AAAAA",
)


def lengths(trial: Trial) -> None:
    """Bytes of every length from 0 to 100 are read from and written in their one spelling."""
    fmt = format_of(trial.claims)
    asked: list[Asked] = []
    for length in _LENGTHS:
        blob = blob_of(fmt, bytes((length * 7 + index * 37) % 256 for index in range(length)))
        asked.append(("grit.id", {"format": fmt.name, "bytes": blob.bytes}, {"ok": {"id": blob.id}}))
        whole = {"ok": {"bytes": blob.bytes, "id": blob.id}}
        asked.append(("grit.encode", {"format": fmt.name, "object": blob.object}, whole))
    ask_apart(trial, asked)


def other_spellings(trial: Trial) -> None:
    """Bytes or an id in any other spelling are answered ``error``; the same request spelled well is not."""
    fmt = format_of(trial.claims)
    hello = process_of(trial.subject).settings.hello_args()
    trial.expect(*opening("s", fmt), DONE)
    asked: list[Asked] = []
    for op, args in every_request(trial.claims, hello, trial.directory(), trial.path()):
        bad = [(op, changed, ERROR) for changed in misspelt(args) if not fits("request", f"args.{op}", changed)]
        if bad and op != "grit.open":
            asked += [*bad, (op, args, ANSWERED)]
    ask_apart(trial, asked)
    trial.expect("grit.close", {"store": "s"}, DONE)


def misspelt(value: Json) -> Iterator[Any]:
    """Yield a JSON value with one text of bytes or one id in it spelled in another way."""
    match value:
        case dict():
            for name, item in value.items():
                changes = _BAD_BYTES if name in ("bytes", "data", "bundle") else misspelt(item)
                yield from ({**value, name: changed} for changed in changes)
        case list():
            for index, item in enumerate(value):
                yield from ([*value[:index], changed, *value[index + 1 :]] for changed in misspelt(item))
        case str() if _ID.fullmatch(value):
            yield from (value.upper() + "A", value[:-1] + "A", value[:-1], value + "0", "0x" + value[2:], value + "\n")
            yield from (" " + value[1:], value[:-1] + "g", value[:-1] + "\u0660", "")


PROPERTIES = (
    Property(
        "harness/bytes/lengths",
        ("harness.bytes.canonical",),
        lengths,
        requires=Requires(profiles=("grit",)),
        kind="wire",
    ),
    Property(
        "harness/bytes/other-spellings",
        ("harness.bytes.canonical",),
        other_spellings,
        requires=Requires(profiles=("grit",)),
        kind="wire",
    ),
)
