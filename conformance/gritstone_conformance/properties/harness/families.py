"""Families: what a process takes and starts: memory in proportion, children that end with it."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice, product
from string import ascii_lowercase
from typing import Final

from gritstone_conformance.attachment import procfs
from gritstone_conformance.attachment.process import FAMILY, Command
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, Format
from gritstone_conformance.model.values import Blob, Object, Tree, to_base64, to_json
from gritstone_conformance.properties.harness.probe import ANSWERED, DONE, process_of
from gritstone_conformance.properties.harness.samples import every_request
from gritstone_conformance.trial import Asked, Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_GONE_S: Final = 5.0
_SIZE_BYTES: Final = 100_000  # every implementation takes objects of this size
_ROOM_BYTES: Final = 64 << 20
_ROOM_TIMES: Final = 64
_CLAIMED: Final = (200_000_000, 1_000_000_000, 1 << 40)  # lengths that are not there
_REFUSED: Final = {"any": [{"refused": kind} for kind in ("malformed", "invalid", "exhausted")]}


def group(trial: Trial) -> None:
    """No process that the command started is outside its group, and none is left when the group was killed."""
    trial.spawn().close()  # what was attached cannot be started
    here = process_of(trial.subject)
    assert isinstance(here.opener, Command)
    mark = secrets.token_hex(16)
    process = Subject(replace(here.opener, env=(*here.opener.env, (FAMILY, mark))), here.settings)
    try:
        hello = here.settings.hello_args()
        listed = every_request(trial.claims, hello, trial.directory(), trial.path())
        trial.expect_many([(op, args, ANSWERED) for op, args in listed], on=process)
        _check_family(trial, process, f"{FAMILY}={mark}")
    finally:
        process.kill()
        for left in procfs.processes_with_variable(f"{FAMILY}={mark}") or ():
            with suppress(OSError):
                os.kill(left, signal.SIGKILL)


def _check_family(trial: Trial, process: Subject, variable: str) -> None:
    family = procfs.processes_with_variable(variable)
    if not family:
        trial.remark = "the environment of processes cannot be read here"
        return
    outside = [pid for pid, number in family.items() if number != process.leader()]
    if outside:
        trial.fail([], len(outside), words="a process is outside the group")
    process.kill()
    until = time.monotonic() + _GONE_S
    while (left := procfs.processes_with_variable(variable)) and time.monotonic() < until:
        time.sleep(0.02)
    if left:
        trial.fail([], len(left), words="a process outlived the group")


def bounded(trial: Trial) -> None:
    """Decoding raises the peak of memory by at most 64 MiB and 64 times the length of the bytes."""
    for fmt in (FORMATS[name] for name in trial.claims.formats if name in FORMATS):
        process = trial.spawn()
        trial.expect("grit.decode", _decoding(fmt, fmt.encode(Blob((), b"warm"))), ANSWERED, on=process)
        for value in _dense():
            data = fmt.encode(value)
            whole = {"ok": {"object": to_json(value), "id": fmt.hash(data).hex()}}
            _decode_within(trial, process, ("grit.decode", _decoding(fmt, data), whole), len(data))
        for data in _untrue(fmt):
            _decode_within(trial, process, ("grit.decode", _decoding(fmt, data), _REFUSED), len(data))
        trial.expect("ping", {}, DONE, on=process)


def _decode_within(trial: Trial, process: SubjectLike, asked: Asked, length: int) -> None:
    is_reset, before = process.reset_peak_rss(), process.peak_rss_bytes()
    trial.expect_many([asked], on=process)
    after, most = process.peak_rss_bytes(), _ROOM_BYTES + _ROOM_TIMES * length
    if not is_reset or before is None or after is None:
        trial.remark = "the peak of memory cannot be read here"
    elif after - before > most:
        trial.fail(f"at most {most}", after - before, words="peak memory grew out of proportion")


def _decoding(fmt: Format, data: bytes) -> dict[str, str]:
    return {"format": fmt.name, "bytes": to_base64(data)}


def _dense() -> Iterator[Object]:
    """Yield values that take the most memory for their length."""
    yield Blob((), bytes(_SIZE_BYTES))
    yield Tree(tuple((name, b"\1" * 32) for name in _names(_SIZE_BYTES // 40)))
    yield Blob(tuple((name, "v") for name in _names(_SIZE_BYTES // 7)), b"")


def _names(count: int) -> Iterator[str]:
    """Yield so many names of four letters in ascending order."""
    return ("".join(letters) for letters in islice(product(ascii_lowercase, repeat=4), count))


def _untrue(fmt: Format) -> Iterator[bytes]:
    """Yield bytes of some length that claim to be much longer, as data and as a count of headers."""
    rest = bytes(_SIZE_BYTES)
    for claimed in _CLAIMED:
        if fmt is CBOR_BLAKE3:
            yield b"\x83\x00\xa0\x5b" + claimed.to_bytes(8, "big") + rest
            yield b"\x83\x00\xbb" + claimed.to_bytes(8, "big") + rest
        else:
            yield b"blob %d\0\0" % claimed + rest


PROPERTIES = (
    Property("harness/process/group", ("harness.process.group",), group, kind="wire"),
    Property(
        "harness/memory/bounded",
        ("harness.memory.bounded",),
        bounded,
        requires=Requires(profiles=("grit",)),
        kind="wire",
        cost=300,
    ),
)
