"""Data about a process and its descendants, read from ``/proc``.

Without such a file system, the functions return None, False or an empty collection. No function raises an exception
because a process has ended. Figures are sums over the process and its living descendants, so that they include the
implementation if the command is a wrapper script.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = [
    "all_pids",
    "busy_seconds",
    "cpu_seconds",
    "group_members",
    "outside_group",
    "own_queued_seconds",
    "peak_rss_bytes",
    "processes_with_variable",
    "queued_seconds",
    "reset_peak_rss",
    "rss_bytes",
]

_PROC: Final = Path("/proc")
_LONGEST_START_S: Final = 1.0


def _tree(pid: int) -> Iterator[int]:
    """Yield the process and all its descendants; a process without readable threads yields nothing."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        yield current
        for children in _of_tasks(current, "children"):
            waiting.extend(int(child) for child in _read(children).split())


def _of_tasks(pid: int, name: str) -> list[Path]:
    """Return the file ``name`` of each thread of a process; empty if the process has ended."""
    try:
        return list(_PROC.glob(f"{pid}/task/*/{name}"))
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _status_bytes(pid: int, field: str) -> int | None:
    found = None
    for member in _tree(pid):
        for line in _read(_PROC / str(member) / "status").splitlines():
            if line.startswith(field + ":"):
                found = (found or 0) + int(line.split()[1]) * 1024
    return found


def rss_bytes(pid: int, others: Iterable[int] = ()) -> int | None:
    """Return the resident size in bytes, or None if it cannot be read.

    Args:
        pid: the process.
        others: further processes to count, which need not be descendants.
    """
    sizes = [_status_bytes(each, "VmRSS") for each in (pid, *(set(others) - set(_tree(pid))))]
    return None if sizes[0] is None else sum(size or 0 for size in sizes)


def all_pids() -> frozenset[int]:
    """Return the ids of all processes; empty if they cannot be read."""
    return frozenset(int(name) for name in (os.listdir(_PROC) if _PROC.is_dir() else ()) if name.isdecimal())


def outside_group(leader: int, variable: str, before: frozenset[int]) -> set[int]:
    """Return the living processes that a leader started and that left its process group.

    A process is included if it is a descendant of the leader, or if ``variable`` is in its environment.

    Args:
        leader: the process that leads the group; it may have ended.
        variable: ``NAME=value``, which the leader was started with.
        before: processes that existed before the leader; they are ignored.
    """
    candidates = all_pids() - before
    marked = variable.encode()
    found = set()
    for pid in candidates - {leader}:
        with contextlib.suppress(OSError):  # the process has ended, or belongs to another user
            if os.getpgid(pid) != leader and marked in _environment(pid):
                found.add(pid)
    for pid in set(_tree(leader)) - {leader}:
        with contextlib.suppress(OSError):
            if os.getpgid(pid) != leader:
                found.add(pid)
    return {pid for pid in found if _state(pid) not in "ZX"}


def peak_rss_bytes(pid: int) -> int | None:
    """Return the peak resident size in bytes since the last reset, or None if it cannot be read."""
    return _status_bytes(pid, "VmHWM")


def reset_peak_rss(pid: int) -> bool:
    """Reset the peak of every process of the tree; return whether this machine supports that."""
    done = False
    for member in _tree(pid):
        try:
            (_PROC / str(member) / "clear_refs").write_text("5")
        except OSError:
            return False
        done = True
    return done


def busy_seconds(pid: int) -> float | None:
    """Return the seconds during which its threads ran or waited for a processor, or None if it cannot be read.

    Waiting is included if the kernel reports it: on a busy machine, a busy process gets little processor time.
    """
    busy = None
    for member in _tree(pid):
        tasks = [_read(path).split() for path in _of_tasks(member, "schedstat")]
        if tasks:
            busy = (busy or 0.0) + sum(int(task[0]) + int(task[1]) for task in tasks if len(task) == 3) / 1e9
        elif fields := _read(_PROC / str(member) / "stat").rpartition(")")[2].split():
            # after the command's name: state is field 0, user and system time 11 and 12
            busy = (busy or 0.0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return busy


def cpu_seconds(pid: int) -> float | None:
    """Return the seconds of processor time used by it and its descendants, ended ones included, or None.

    The clock of a process is exact and includes its ended threads. The time of ended children is that of their parent.
    """
    used = None
    for member in _tree(pid):
        with contextlib.suppress(OSError):  # the process has ended, or the system has no such clock
            used = (used or 0.0) + time.clock_gettime(_clock_of(member)) + _seconds_of_ended_children(member)
    return used


def _clock_of(pid: int) -> int:
    """Return the id of the clock that measures the processor time of another process, as Linux makes it."""
    return ~pid << 3 | 2


def _seconds_of_ended_children(pid: int) -> float:
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    # after the command's name: state is field 0, user and system time of ended children 13 and 14
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def queued_seconds(pid: int) -> float | None:
    """Return the seconds during which its threads were ready and waited for a processor, or None if unknown."""
    queued = None
    for member in _tree(pid):
        for path in _of_tasks(member, "schedstat"):
            fields = _read(path).split()
            queued = (queued or 0.0) + (int(fields[1]) / 1e9 if len(fields) == 3 else 0.0)
    return queued


def own_queued_seconds() -> float:
    """Return the seconds during which the calling thread was ready and waited for a processor; 0 if unknown."""
    fields = _read(_PROC / "thread-self" / "schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) == 3 else 0.0


def group_members(group: int) -> list[int]:
    """Return the living processes of a process group except its leader; empty if they cannot be read."""
    members = []
    for pid in map(int, filter(str.isdigit, os.listdir(_PROC) if _PROC.is_dir() else ())):
        with contextlib.suppress(OSError):  # the process has ended
            if os.getpgid(pid) == group != pid and _state(pid) not in "ZX":
                members.append(pid)
    return sorted(members)


def _environment(pid: int) -> list[bytes]:
    """Return the variables that a process was started with; raises OSError if it has ended or cannot be read.

    While a process begins to execute a program, its arguments and variables are empty. This waits for at most a second.
    They are always empty for threads of the kernel.
    """
    until = time.monotonic() + _LONGEST_START_S
    while True:
        has_begun = (_PROC / str(pid) / "cmdline").read_bytes() or _state(pid) in "ZX" or os.getpgid(pid) == 0
        found = (_PROC / str(pid) / "environ").read_bytes()
        if found or has_begun or time.monotonic() > until:
            return found.split(b"\0")
        time.sleep(0.001)


def _state(pid: int) -> str:
    """Return the letter for the state of a process; X (dead) if it cannot be read."""
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return fields[0] if fields else "X"


def processes_with_variable(variable: str) -> dict[int, int] | None:
    """Return the living processes that were started with ``NAME=value`` in their environment.

    Returns:
        Process -> process group; None if environments cannot be read.
    """
    if not (_PROC / "self" / "environ").exists():
        return None
    found = {}
    for path in _PROC.glob("[0-9]*/environ"):
        try:
            carries = variable.encode() in _environment(int(path.parent.name))
        except OSError:
            continue
        fields = _read(path.with_name("stat")).rpartition(")")[2].split()
        if carries and fields and fields[0] not in "ZX":
            found[int(path.parent.name)] = int(fields[2])
    return found
