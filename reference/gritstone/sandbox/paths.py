"""The functions of WASI that find files and folders by their paths: ``path_*``, and ``fd_readdir``.

Spec: :rule:`sandbox.files.kept`, :rule:`sandbox.files.functions`, :rule:`sandbox.files.inside`.
"""

from __future__ import annotations

from gritstone.sandbox.descriptors import Descriptor, DescriptorCalls, Right, kind_of
from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.sandbox.guest_memory import read, write, write_number
from gritstone.sandbox.tree import File, Folder, Node, Place, Tree
from gritstone.wasm.instance import Instance

__all__ = ["PathCalls"]

_MOST_PATH = 4_096  # bytes
_CREATE, _DIRECTORY, _EXCLUSIVE, _TRUNCATE = 1, 2, 4, 8
_FLAGS = 31


class PathCalls(DescriptorCalls):
    """The functions on paths in one call of a guest."""

    def _folder(self, number: int, right: int) -> tuple[Descriptor, Folder, Tree]:
        found = self.descriptor(number, right)
        if not isinstance(found.node, Folder) or self.tree is None:
            raise ErrnoError(Errno.NOTDIR)
        return found, found.node, self.tree

    def _place(self, guest: Instance, folder: Folder, at: int, size: int) -> Place:
        """Return where a path in the memory of the guest leads."""
        if size > _MOST_PATH:
            raise ErrnoError(Errno.NAMETOOLONG)
        try:
            path = read(guest, at, size).decode()
        except UnicodeDecodeError:
            raise ErrnoError(Errno.INVAL) from None
        assert self.tree is not None
        return self.tree.place(folder, path)

    def _path_open(self, guest: Instance, number: int, *arguments: int) -> None:
        at, size, options, rights, inheriting, flags, result = arguments[1:]
        needed = Right.OPEN
        needed |= Right.CREATE_FILE if options & _CREATE else 0
        needed |= Right.PATH_SET_SIZE if options & _TRUNCATE else 0
        found, folder, tree = self._folder(number, needed)
        if (rights | inheriting) & ~found.inheriting:
            raise ErrnoError(Errno.NOTCAPABLE)
        if flags & ~_FLAGS or options > 15:
            raise ErrnoError(Errno.INVAL)
        place = self._place(guest, folder, at, size)
        self._check_options(place, options, rights)
        descriptor = self.free_number()
        node = tree.create(place, is_folder=False) if place.node is None else place.node
        if isinstance(node, File) and options & _TRUNCATE:
            tree.resize(node, 0, guest.charge)
        self.open_node(descriptor, node, rights, inheriting, flags)
        write_number(guest, result, descriptor)

    def _check_options(self, place: Place, options: int, rights: int) -> None:
        """Check that what is at a place can be opened, or created, in a way."""
        if place.node is None:
            if not options & _CREATE:
                raise ErrnoError(Errno.NOENT)
            if options & _DIRECTORY:
                raise ErrnoError(Errno.INVAL)
            if place.is_folder:
                raise ErrnoError(Errno.ISDIR)
        elif options & _CREATE and options & _EXCLUSIVE:
            raise ErrnoError(Errno.EXIST)
        elif isinstance(place.node, File):
            if options & _DIRECTORY:
                raise ErrnoError(Errno.NOTDIR)
        elif options & (_CREATE | _TRUNCATE) or (rights & Right.WRITE and not options & _DIRECTORY):
            raise ErrnoError(Errno.ISDIR)

    def _path_filestat_get(self, guest: Instance, number: int, *arguments: int) -> None:
        at, size, result = arguments[1:]
        _, folder, _ = self._folder(number, Right.PATH_STAT)
        write(guest, result, self.stat(self._place(guest, folder, at, size).existing()))

    def _path_filestat_set_times(self, guest: Instance, number: int, *arguments: int) -> None:
        at, size, accessed, changed, flags = arguments[1:]
        _, folder, _ = self._folder(number, Right.PATH_SET_TIMES)
        self.set_times(self._place(guest, folder, at, size).existing(), accessed, changed, flags)

    def _path_create_directory(self, guest: Instance, number: int, at: int, size: int) -> None:
        _, folder, tree = self._folder(number, Right.CREATE_FOLDER)
        place = self._place(guest, folder, at, size)
        if place.node is not None:
            raise ErrnoError(Errno.EXIST)
        tree.create(place, is_folder=True)

    def _path_remove_directory(self, guest: Instance, number: int, at: int, size: int) -> None:
        _, folder, tree = self._folder(number, Right.REMOVE_FOLDER)
        tree.remove_folder(self._place(guest, folder, at, size))

    def _path_unlink_file(self, guest: Instance, number: int, at: int, size: int) -> None:
        _, folder, tree = self._folder(number, Right.UNLINK)
        tree.unlink(self._place(guest, folder, at, size))

    def _path_rename(self, guest: Instance, number: int, at: int, size: int, *to: int) -> None:
        _, folder, tree = self._folder(number, Right.RENAME_FROM)
        other, new, new_size = to
        _, above, _ = self._folder(other, Right.RENAME_TO)
        old = self._place(guest, folder, at, size)
        tree.rename(old, self._place(guest, above, new, new_size), guest.charge)

    def _path_readlink(self, guest: Instance, number: int, at: int, size: int, *buffer: int) -> None:
        """Report that a file is no link: there are none."""
        _, folder, _ = self._folder(number, Right.READ_LINK)
        self._place(guest, folder, at, size).existing()
        raise ErrnoError(Errno.INVAL)

    def _fd_readdir(self, guest: Instance, number: int, at: int, size: int, cookie: int, result: int) -> None:
        """Write entries in the order of their serial numbers, which are the cookies, so removals do not move them."""
        _, folder, _ = self._folder(number, Right.LIST)
        guest.charge(len(folder.entries))
        nodes = sorted(folder.entries.items(), key=lambda entry: entry[1].number)
        listed: list[tuple[int, bytes, Node]] = [(1, b".", folder), (2, b"..", folder.parent or folder)]
        listed += [(2 + node.number, name.encode(), node) for name, node in nodes]
        data = bytearray()
        for key, name, node in listed:
            if key > cookie and len(data) < size:
                data += key.to_bytes(8, "little") + node.number.to_bytes(8, "little")
                data += len(name).to_bytes(4, "little") + kind_of(node).to_bytes(4, "little") + name
        write(guest, at, bytes(data[:size]))
        write_number(guest, result, min(len(data), size))
