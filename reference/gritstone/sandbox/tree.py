"""The granted files in one call of a guest: files and folders in memory, and the rules of POSIX for their names.

A descriptor holds a file or a folder itself and not its path, so it keeps it over a removal and a renaming.

Spec: :rule:`sandbox.files.kept`, :rule:`sandbox.files.held`, :rule:`sandbox.files.inside`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.sandbox.world import MOST_NAME, Times, parents

__all__ = ["File", "Folder", "Node", "Place", "Tree"]

_MOST_BYTES = 16 << 20  # of all files together
_MOST_NODES = 4_096
_MOST_PATH = 4_096  # bytes

Charge = Callable[[int], None]
"""Pays for work that grows with a number."""


@dataclass(slots=True, eq=False)
class File:
    """A file.

    Attributes:
        number: its serial number.
        data: its bytes.
        times: those of its last access and change that were set; None where it has the time that the clock shows.
        opened: how many descriptors hold it.
        is_linked: whether it has a path.
    """

    number: int
    data: bytearray = field(default_factory=bytearray)
    times: Times = (None, None)
    opened: int = 0
    is_linked: bool = True


@dataclass(slots=True, eq=False)
class Folder:
    """A folder.

    Attributes:
        number: its serial number.
        parent: the folder that it is in; None for the outermost one.
        name: its name there.
        entries: its files and folders by name.
        times: as those of a file.
        is_linked: whether it has a path.
    """

    number: int
    parent: Folder | None = None
    name: str = ""
    entries: dict[str, Node] = field(default_factory=dict)
    times: Times = (None, None)
    is_linked: bool = True


Node = File | Folder


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Attributes:
        folder: the folder of its last name.
        name: its last name; empty if the path leads to ``folder`` itself.
        node: what is there; None if there is nothing.
        is_folder: whether the path can only name a folder.
    """

    folder: Folder
    name: str
    node: Node | None
    is_folder: bool

    def existing(self) -> Node:
        """Return what is there.

        Raises:
            ErrnoError: there is nothing.
        """
        if self.node is None:
            raise ErrnoError(Errno.NOENT)
        return self.node


class Tree:
    """All files and folders.

    Attributes:
        root: the outermost folder.
    """

    def __init__(
        self, files: Mapping[str, bytes], folders: tuple[str, ...] = (), times: Mapping[str, Times] | None = None
    ) -> None:
        self.root = Folder(1)
        self._numbers = 1
        self._room = _MOST_BYTES - sum(map(len, files.values()))
        known: dict[str, Node] = {"": self.root}
        above = {each for path in (*files, *folders) for each in parents(path)}
        for path in sorted({*files, *folders, *above}):
            outer, _, name = path.rpartition("/")
            folder = known[outer]
            assert isinstance(folder, Folder), "a file is a folder, too"
            known[path] = self._added(folder, name, bytearray(files[path]) if path in files else None)
        for path, each in (times or {}).items():
            known[path].times = each
        self._count = len(known)

    def _added(self, folder: Folder, name: str, data: bytearray | None) -> Node:
        """Add a file with its bytes, or a folder if there are none."""
        self._numbers += 1
        node: Node = Folder(self._numbers, folder, name) if data is None else File(self._numbers, data)
        folder.entries[name] = node
        return node

    # --- what is left after a call ---------------------------------------------------------------------

    def _walk(self, begin: Folder) -> Iterator[tuple[str, Node]]:
        """Yield each node below a folder with its path from there, in no order."""
        left: list[tuple[str, Folder]] = [("", begin)]
        while left:
            above, folder = left.pop()
            for name, node in folder.entries.items():
                path = f"{above}{name}"
                yield path, node
                if isinstance(node, Folder):
                    left.append((f"{path}/", node))

    def files(self) -> dict[str, bytes]:
        """Return the bytes of each file, by path."""
        return {path: bytes(each.data) for path, each in sorted(self._walk(self.root)) if isinstance(each, File)}

    def folders(self) -> tuple[str, ...]:
        """Return the paths of the empty folders; the others have files or folders."""
        return tuple(
            sorted(path for path, each in self._walk(self.root) if isinstance(each, Folder) and not each.entries)
        )

    def times(self) -> dict[str, Times]:
        """Return the times that were set, by path."""
        found = [("", self.root), *self._walk(self.root)]
        return {path: each.times for path, each in sorted(found, key=_path_of) if each.times != (None, None)}

    # --- paths -----------------------------------------------------------------------------------------

    def place(self, folder: Folder, path: str) -> Place:
        """Return where a path leads from a folder.

        Raises:
            ErrnoError: it leads out of the folder, through something that is no folder, or nowhere.
        """
        if "\0" in path:
            raise ErrnoError(Errno.INVAL)
        if path.startswith("/"):
            raise ErrnoError(Errno.NOTCAPABLE)
        if path == "" or not folder.is_linked:
            raise ErrnoError(Errno.NOENT)
        parts = path.split("/")
        names = [part for part in parts if part not in ("", ".")]
        is_folder = parts[-1] in ("", ".", "..")
        here, depth = folder, 0
        for name in names[:-1]:
            here, depth = _step(here, name, depth)
        if not names or names[-1] == "..":
            here, _ = _step(here, "..", depth) if names else (here, depth)
            return Place(here, "", here, is_folder=True)
        if len(names[-1]) > MOST_NAME:
            raise ErrnoError(Errno.NAMETOOLONG)
        node = here.entries.get(names[-1])
        if isinstance(node, File) and is_folder:
            raise ErrnoError(Errno.NOTDIR)
        return Place(here, names[-1], node, is_folder)

    def _check_length(self, folder: Folder, size: int) -> None:
        """Refuse a new path that is too long.

        Args:
            folder: where it begins.
            size: of the part in this folder, in bytes.
        """
        here: Folder | None = folder
        while here is not None:
            size += len(here.name.encode()) + 1
            here = here.parent
        if size > _MOST_PATH:
            raise ErrnoError(Errno.NAMETOOLONG)

    # --- changes ---------------------------------------------------------------------------------------

    def create(self, place: Place, *, is_folder: bool) -> Node:
        """Create an empty file, or a folder.

        Raises:
            ErrnoError: there are too many, or the path is too long.
        """
        if self._count >= _MOST_NODES:
            raise ErrnoError(Errno.FBIG)
        self._check_length(place.folder, len(place.name.encode()))
        self._count += 1
        return self._added(place.folder, place.name, None if is_folder else bytearray())

    def unlink(self, place: Place) -> None:
        """Remove a file. Its bytes stay as long as a descriptor holds it."""
        node = place.existing()
        if isinstance(node, Folder):
            raise ErrnoError(Errno.ISDIR)
        self._detach(place, node)

    def remove_folder(self, place: Place) -> None:
        """Remove an empty folder."""
        node = place.existing()
        if isinstance(node, File):
            raise ErrnoError(Errno.NOTDIR)
        if not place.name:
            raise ErrnoError(Errno.INVAL)
        if node.entries:
            raise ErrnoError(Errno.NOTEMPTY)
        self._detach(place, node)

    def rename(self, old: Place, new: Place, charge: Charge) -> None:
        """Move a file or a folder; it replaces a file, or an empty folder, that is there."""
        node = old.existing()
        if node is new.node:
            return
        if not old.name or not new.name:
            raise ErrnoError(Errno.INVAL)
        if isinstance(node, File):
            if isinstance(new.node, Folder) or new.is_folder:
                raise ErrnoError(Errno.ISDIR)
            longest = 0
        else:
            longest = self._check_folder(node, new, charge)
        self._check_length(new.folder, len(new.name.encode()) + longest)
        if new.node is not None:
            self._detach(new, new.node)
        new.folder.entries[new.name] = old.folder.entries.pop(old.name)
        if isinstance(node, Folder):
            node.parent, node.name = new.folder, new.name

    def _check_folder(self, folder: Folder, new: Place, charge: Charge) -> int:
        """Check that a folder may move; return the bytes of the longest path in it."""
        above: Folder | None = new.folder
        while above is not None:
            if above is folder:
                raise ErrnoError(Errno.INVAL)
            above = above.parent
        if isinstance(new.node, File):
            raise ErrnoError(Errno.NOTDIR)
        if new.node is not None and new.node.entries:
            raise ErrnoError(Errno.NOTEMPTY)
        longest = 0
        for path, _ in self._walk(folder):
            charge(1)
            longest = max(longest, len(path.encode()) + 1)
        return longest

    def _detach(self, place: Place, node: Node) -> None:
        del place.folder.entries[place.name]
        node.is_linked = False
        self._count -= 1
        self._free(node)

    def hold(self, node: Node) -> None:
        """Note that a descriptor holds a file."""
        if isinstance(node, File):
            node.opened += 1

    def release(self, node: Node) -> None:
        """Note that a descriptor does not hold a file any more."""
        if isinstance(node, File):
            node.opened -= 1
            self._free(node)

    def _free(self, node: Node) -> None:
        if isinstance(node, File) and not node.is_linked and not node.opened:
            self._room += len(node.data)

    # --- bytes -----------------------------------------------------------------------------------------

    def resize(self, file: File, size: int, charge: Charge) -> None:
        """Cut a file, or add zeros to it.

        Raises:
            ErrnoError: the files together would be too large.
        """
        grown = size - len(file.data)
        if grown > self._room:
            raise ErrnoError(Errno.FBIG)
        charge(max(grown, 0) // 8)
        self._room -= grown
        file.times = (file.times[0], None)
        if grown < 0:
            del file.data[size:]
        else:
            file.data += bytes(grown)

    def write(self, file: File, start: int, data: bytes, charge: Charge) -> None:
        """Write bytes from a place on; a gap behind the end of the file is filled with zeros."""
        if data:
            self.resize(file, max(len(file.data), start + len(data)), charge)
            file.data[start : start + len(data)] = data


def _step(folder: Folder, name: str, depth: int) -> tuple[Folder, int]:
    """Return the folder of a name in a folder, and its depth below the folder where the path began."""
    if name == "..":
        if depth == 0 or folder.parent is None:
            raise ErrnoError(Errno.NOTCAPABLE)
        return folder.parent, depth - 1
    node = folder.entries.get(name)
    if node is None:
        raise ErrnoError(Errno.NOENT)
    if isinstance(node, File):
        raise ErrnoError(Errno.NOTDIR)
    return node, depth + 1


def _path_of(found: tuple[str, Node]) -> str:
    return found[0]
