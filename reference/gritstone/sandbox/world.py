"""What a guest can reach in addition to its memory: what was granted, and nothing else.

Spec: :rule:`sandbox.grant.nothing`, :rule:`sandbox.grant.env`, :rule:`sandbox.grant.random`,
:rule:`sandbox.grant.clock`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gritstone.errors import Malformed

__all__ = [
    "MOST_NAME",
    "NOTHING",
    "SEED_BYTES",
    "Times",
    "World",
    "are_files",
    "is_inside",
    "parents",
    "read_world",
    "write_world",
]

_NONE: Mapping[str, str] = MappingProxyType({})
SEED_BYTES = 32
MOST_NAME = 255  # characters of a part of a path
_MOST_TIME = 2**64 - 1

Times = tuple[int | None, int | None]
"""The times of the last access and change that a guest set; None where it set none."""

_NO_TIMES: Mapping[str, Times] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class World:
    """The grants of an instance, as they are between two calls.

    Attributes:
        args: the arguments.
        env: the environment.
        random: the key of the random bytes; None if there are none.
        drawn: how many random bytes were read.
        clock: the time in nanoseconds that every clock shows; None if there is none.
        files: the files by path; None if there is no folder.
        folders: the paths of empty folders, ascending.
        times: the times of files and folders that a guest set, by path; the outermost folder has an empty one.
    """

    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: _NONE)
    random: bytes | None = None
    drawn: int = 0
    clock: int | None = None
    files: Mapping[str, bytes] | None = None
    folders: tuple[str, ...] = ()
    times: Mapping[str, Times] = field(default_factory=lambda: _NO_TIMES)


NOTHING = World()


def is_inside(path: str) -> bool:
    """Return whether a path names a file inside the folder: relative, without empty parts, ``.`` and ``..``.

    Spec: :rule:`sandbox.files.inside`.
    """
    parts = path.split("/")
    return all(part not in ("", ".", "..") and "\0" not in part and len(part) <= MOST_NAME for part in parts)


def parents(path: str) -> Iterator[str]:
    """Yield the paths of the folders that a path leads through, the innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def are_files(paths: Collection[str]) -> bool:
    """Return whether paths are inside the folder, and none of them leads through another one.

    Spec: :rule:`sandbox.files.inside`.
    """
    return all(is_inside(path) and not any(folder in paths for folder in parents(path)) for path in paths)


def write_world(world: World) -> bytes:
    """Return the bytes of what was granted; equal grants have equal bytes."""
    files = None if world.files is None else {path: data.hex() for path, data in world.files.items()}
    members: dict[str, object] = {
        "args": world.args,
        "env": dict(world.env),
        "random": None if world.random is None else world.random.hex(),
        "drawn": world.drawn,
        "clock": world.clock,
        "files": files,
    }
    if world.folders:
        members["folders"] = world.folders
    if world.times:
        members["times"] = dict(world.times)
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def read_world(data: bytes) -> World:
    """Return what bytes of ``write_world`` grant.

    Raises:
        Malformed: they are no such bytes, or name a file outside the folder.
    """
    try:
        members = json.loads(data)
        random, files = members["random"], members["files"]
        world = World(
            tuple(members["args"]),
            members["env"],
            None if random is None else bytes.fromhex(random),
            members["drawn"],
            members["clock"],
            None if files is None else {path: bytes.fromhex(each) for path, each in files.items()},
            tuple(members.get("folders", ())),
            {path: (accessed, changed) for path, (accessed, changed) in members.get("times", {}).items()},
        )
        is_as_written = write_world(world) == data and _has_types(world)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("the grants of an export cannot be read", rule="sandbox.import.checked") from error
    if not is_as_written or not _is_whole(world):
        raise Malformed("the grants of an export are not those that were written", rule="sandbox.import.checked")
    return world


def _has_types(world: World) -> bool:
    """Return whether the values that were read have the types and the sizes of grants."""
    numbers = [world.drawn] if world.clock is None else [world.drawn, world.clock]
    numbers += [time for times in world.times.values() for time in times if time is not None]
    return (
        all(type(text) is str for text in (*world.args, *world.env.values(), *world.folders))
        and all(type(number) is int and 0 <= number <= _MOST_TIME for number in numbers)
        and (world.random is None or len(world.random) == SEED_BYTES)
    )


def _is_whole(world: World) -> bool:
    """Return whether the files, the empty folders and the times belong together."""
    files = {} if world.files is None else world.files
    known = {"", *files, *world.folders, *(each for path in (*files, *world.folders) for each in parents(path))}
    return (
        are_files({*files, *world.folders})
        and len({*files, *world.folders}) == len(files) + len(world.folders)
        and [*world.folders] == sorted(world.folders)
        and (world.files is not None or not (world.folders or world.times))
        and all(path in known for path in world.times)
    )
