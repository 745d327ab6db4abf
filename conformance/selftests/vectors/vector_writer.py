"""What all scripts of vectors share: files of cases that name their script, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gritstone_conformance.cases import Case
from gritstone_conformance.replies import Json
from gritstone_conformance.vectors.files import VectorFile

__all__ = ["origin_of", "scripted_file", "write_files"]


def origin_of(script: str) -> dict[str, Json]:
    """Return the origin of a vector that a module of this folder made."""
    return {"by": "script", "script": script}


def scripted_file(script: str, profile: str, topic: str, cases: Iterable[Case], kind: str = "accept") -> VectorFile:
    """Return the file of a topic whose cases a module of this folder made."""
    made = tuple(replace(case, origin=origin_of(script)) for case in cases)
    path = f"{profile}/{topic}.json" if kind == "accept" else f"{profile}/{topic}.{kind}.json"
    return VectorFile(path, "0.6", profile, topic, kind, {}, made)


def write_files(files: Iterable[VectorFile], root: Path) -> int:
    """Write the files and print how many cases each contains; return the exit code 0."""
    for file in files:
        (root / file.path).parent.mkdir(exist_ok=True)
        (root / file.path).write_text(file.to_text(), encoding="utf-8", newline="\n")
        print(f"{file.path}: {len(file.cases)} cases")
    return 0
