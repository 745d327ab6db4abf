"""Long lists in few bytes: ids side by side, and lists of values that are read when they are asked for.

A history of many steps has lists as long as itself. They hold 32 bytes per id and no object per entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar, overload

__all__ = ["Ids", "ReadList"]

_ID: Final = 32
_MOST_KEPT: Final = 4  # entries of a list that is read

_T = TypeVar("_T")


class Ids(Sequence[bytes]):
    """A list of ids."""

    __slots__ = ("_data",)

    def __init__(self, ids: Iterable[bytes] = ()) -> None:
        self._data = bytearray(b"".join(ids))

    def append(self, identity: bytes) -> None:
        """Append an id."""
        self._data += identity

    def reverse(self) -> None:
        """Reverse the order in place."""
        self._data = bytearray(b"".join(reversed(self)))

    def is_at(self, position: int, identity: bytes) -> bool:
        """Return whether an id is at a position; no id is beyond the end."""
        return self._data.startswith(identity, position * _ID)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._data) // _ID

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        """Return the id at a position, or those of a slice."""
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        start = at * _ID if at >= 0 else len(self._data) + at * _ID
        identity = bytes(self._data[start : start + _ID]) if start >= 0 else b""
        if not identity:
            raise IndexError(at)
        return identity

    def __iter__(self) -> Iterator[bytes]:
        """Yield the ids in order."""
        data = self._data
        return (bytes(data[at : at + _ID]) for at in range(0, len(data), _ID))


class ReadList(Sequence[_T]):
    """A list whose entries are read when they are asked for; the last few are kept.

    Args:
        length: the number of entries.
        read: returns the entry of a position from 0.
    """

    __slots__ = ("_kept", "_length", "_read")

    def __init__(self, length: int, read: Callable[[int], _T]) -> None:
        self._length = length
        self._read = read
        self._kept: dict[int, _T] = {}

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._length

    @overload
    def __getitem__(self, at: int) -> _T: ...
    @overload
    def __getitem__(self, at: slice) -> list[_T]: ...
    def __getitem__(self, at: int | slice) -> _T | list[_T]:
        """Return the entry of a position, or those of a slice."""
        if isinstance(at, slice):
            return [self._read(each) for each in range(*at.indices(self._length))]
        if at in self._kept:
            return self._kept[at]
        position = at if at >= 0 else self._length + at
        if not 0 <= position < self._length:
            raise IndexError(at)
        if len(self._kept) == _MOST_KEPT:
            self._kept.clear()
        value = self._kept[position] = self._read(position)
        return value
