"""Disks: a durable store keeps what was acknowledged, under its own directory and nowhere else."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.cases import Requires
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.folders import given_entries, read_given
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.harness.probe import DONE, process_of
from gritstone_conformance.properties.harness.samples import blob_of, format_of, opening, tree_of
from gritstone_conformance.trial import Asked, Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_ESCAPES: Final = ("../escape", "heads/../../escape", "/escape", "tags/../escape", "tags/a/../../../escape", "tags/..")
_INNOCENT: Final = ("tags/a", "tags/con", "tags/a.lock", "x-1/data.mdb")


def dir_only(trial: Trial) -> None:
    """A durable store writes only below its directory, whatever it is asked to store; an export writes its file."""
    around = Path(trial.directory())
    (around / "sibling").mkdir()
    (around / "sibling" / "file").write_bytes(b"untouched")
    (around / "cwd").mkdir()
    fmt = format_of(trial.claims)
    before = _snapshot(around, around / "store")
    process = _elsewhere(trial, str(around / "cwd"))
    try:
        trial.expect_many(_busy(fmt, str(around / "store"), str(around / "out.grit")), on=process)
        process.close()
    finally:
        process.kill()
    written = {name for name, state in _snapshot(around, around / "store").items() if before.get(name) != state}
    written |= before.keys() - _snapshot(around, around / "store").keys()
    unexpected = sorted(written - {"out.grit"})
    if unexpected:
        trial.fail(["out.grit"], unexpected, words="a durable store wrote outside its directory")
    if "out.grit" not in written:
        trial.fail(["out.grit"], [], words="an export wrote no file")


def _elsewhere(trial: Trial, cwd: str) -> SubjectLike:
    """Start the command in another working directory; a command that only works in this one is started here."""
    here = process_of(trial.subject)
    usual = trial.spawn()
    if not isinstance(here.opener, Command):
        return usual
    try:  # apart from the run: a command that cannot be moved has done nothing wrong
        moved = Subject(here.opener.moved_to(cwd), here.settings)
    except (SubjectFault, UsageError):
        return usual
    usual.close()
    return moved


def _busy(fmt: Format, directory: str, path: str) -> list[Asked]:
    blob = blob_of(fmt, b"content")
    tree = tree_of(fmt, "..escape", blob)
    put = [("grit.put", {"store": "s", "bytes": each.bytes}, {"ok": {"id": each.id}}) for each in (blob, tree)]
    invalid: list[Asked] = [
        (
            "grit.cas",
            {"store": "s", "changes": [{"name": name, "old": None, "new": tree.id}]},
            {"refused": "invalid"},
            "grit.ref.grammar",
        )
        for name in _ESCAPES
    ]
    changes = [{"name": name, "old": None, "new": tree.id} for name in _INNOCENT]
    return [
        (*opening("s", fmt, directory), DONE),
        *put,
        *invalid,
        ("grit.cas", {"store": "s", "changes": changes}, DONE),
        ("grit.export", {"store": "s", "to": path}, {"ok": {"size": {"$": "any"}, "digest": {"$": "any"}}}),
        ("grit.close", {"store": "s"}, DONE),
    ]


def _snapshot(root: Path, without: Path) -> dict[str, str]:
    """Return what is below a directory, one part left out: name to kind and content."""
    found = {}
    for path in map(Path, given_entries(root)):
        if path == without or without in path.parents:
            continue
        content = read_given(path)
        state = content if isinstance(content, str) else hashlib.sha256(content).hexdigest()
        found[str(path.relative_to(root))] = state
    return found


def reopen(trial: Trial, how: str) -> None:
    """A new process sees every acknowledged object and reference again, however the one before it ended."""
    fmt, directory = format_of(trial.claims), str(Path(trial.directory()) / "store")
    blob = blob_of(fmt, b"durable")
    tree = tree_of(fmt, "a", blob)
    writer = trial.spawn()
    trial.expect("grit.open", opening("s", fmt, directory, create=False)[1], {"refused": "missing"}, on=writer)
    written: list[Asked] = [
        (*opening("s", fmt, directory), DONE),
        ("grit.put", {"store": "s", "bytes": blob.bytes}, {"ok": {"id": blob.id}}),
        ("grit.put", {"store": "s", "bytes": tree.bytes}, {"ok": {"id": tree.id}}),
        ("grit.cas", {"store": "s", "changes": [{"name": "tags/a", "old": None, "new": tree.id}]}, DONE),
    ]
    trial.expect_many(written, on=writer)
    match how:
        case "bye":
            writer.close()
        case "eof":
            process_of(writer).end_input()
        case _:
            writer.kill()
    reader = trial.spawn()
    seen: list[Asked] = [
        (*opening("s", fmt, directory, create=False), DONE),
        ("grit.get", {"store": "s", "id": blob.id}, {"ok": {"bytes": blob.bytes}}),
        ("grit.get", {"store": "s", "id": tree.id}, {"ok": {"bytes": tree.bytes}}),
        (
            "grit.refs",
            {"store": "s", "prefix": "", "after": None, "limit": 9},
            {"ok": {"refs": [["tags/a", tree.id]], "more": False}},
        ),
        ("grit.close", {"store": "s"}, DONE),
    ]
    trial.expect_many(seen, on=reader)


PROPERTIES = (
    Property(
        "harness/store/dir-only",
        ("harness.store.dir-only",),
        dir_only,
        requires=Requires(features=("durable", "files"), profiles=("grit",)),
        kind="wire",
    ),
    *(
        Property(
            f"harness/store/reopen-after-{how}",
            ("harness.store.reopen",),
            partial(reopen, how=how),
            requires=Requires(features=("durable",), profiles=("grit",)),
            kind="wire",
        )
        for how in ("bye", "eof", "kill")
    ),
)
