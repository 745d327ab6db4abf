"""Conditions: properties of the environment of a process that must not change an answer.

Each condition starts the same command in another place or with another setting. If this machine cannot produce a
condition, the result names what is missing, so that a table does not show the condition as tried.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.process import Command

__all__ = ["CONDITIONS", "Condition", "Missing", "with_hash_seed"]

_PAD_BYTES: Final = 65_536
_HASH_SEEDS: Final = ("PYTHONHASHSEED", "PERL_HASH_SEED")
"""Variables that set a hash seed; other languages draw a new seed for each process, or have no seed."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The reason why this machine cannot produce a condition."""

    why: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    Attributes:
        name: the name in a table.
        made: returns the command under this condition, for a fresh directory; or what is missing.
        is_reversed: whether the cases run in reversed order.
    """

    name: str
    made: Callable[[Command, Path], Command | Missing]
    is_reversed: bool = False


def with_hash_seed(command: Command, seed: int) -> Command:
    """Return the command with other hash seeds, for languages with a variable that sets the seed."""
    return _with(command, dict.fromkeys(_HASH_SEEDS, str(seed)))


def _with(command: Command, variables: dict[str, str]) -> Command:
    return replace(command, env=(*command.env, *variables.items()))


def _behind(command: Command, *words: str) -> Command | Missing:
    """Return the command, started by a program that replaces itself with it."""
    program = shutil.which(words[0])
    return (
        Missing(f"{words[0]} is not installed") if program is None else replace(command, argv=(*words, *command.argv))
    )


def _same(command: Command, place: Path) -> Command:
    del place
    return command


def _hashes(command: Command, place: Path) -> Command:
    del place
    return with_hash_seed(command, 4097)


def _locale(command: Command, place: Path) -> Command:
    del place
    return _with(command, {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"})


def _zone(command: Command, place: Path) -> Command:
    del place
    return _with(command, {"TZ": "Asia/Kathmandu"})


def _elsewhere(command: Command, place: Path) -> Command:
    moved, paths = command.moved_to(str(place)), os.environ.get("PYTHONPATH")
    if paths is None:
        return moved
    absolute = (str(Path(entry).resolve()) for entry in paths.split(os.pathsep))  # relative to the current directory
    return _with(moved, {"PYTHONPATH": os.pathsep.join(absolute)})


def _mask(command: Command, place: Path) -> Command:
    del place
    return replace(command, umask=0o077)


def _padded(command: Command, place: Path) -> Command:
    del place
    return _with(command, {"PADDING": "x" * _PAD_BYTES})


def _one_processor(command: Command, place: Path) -> Command | Missing:
    del place
    if not hasattr(os, "sched_getaffinity"):
        return Missing(f"processes cannot be bound to a processor on {sys.platform}")
    return _behind(command, "taskset", "-c", str(min(os.sched_getaffinity(0))))


def _fixed_addresses(command: Command, place: Path) -> Command | Missing:
    del place
    return _behind(command, "setarch", sysconfig.get_platform().rpartition("-")[2], "-R")


def _later(command: Command, place: Path) -> Command | Missing:
    del place
    return _behind(command, "faketime", "-f", "+400d")


CONDITIONS: Final = (
    Condition("a fresh process", _same),
    Condition("another hash seed", _hashes),
    Condition("LC_ALL=tr_TR.UTF-8", _locale),
    Condition("TZ=Asia/Kathmandu", _zone),
    Condition("another working directory", _elsewhere),
    Condition("umask 077", _mask),
    Condition("64 KiB more environment", _padded),
    Condition("one processor", _one_processor),
    Condition("no address randomization", _fixed_addresses),
    Condition("the clock 400 days later", _later),
    Condition("cases in reversed order", _same, is_reversed=True),
)
"""All conditions; the first one changes nothing, and shows the answers that differ in every process."""
