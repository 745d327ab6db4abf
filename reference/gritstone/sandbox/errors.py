"""Error numbers of WASI preview 1."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Errno", "ErrnoError"]


class Errno(IntEnum):
    """The error numbers that the functions of a sandbox return."""

    SUCCESS = 0
    BADF = 8
    EXIST = 20
    FBIG = 22
    INVAL = 28
    ISDIR = 31
    NAMETOOLONG = 37
    NOENT = 44
    NOSYS = 52
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSUP = 58
    SPIPE = 70
    NOTCAPABLE = 76


class ErrnoError(Exception):
    """A function of WASI returns an error number.

    Attributes:
        number: the number.
    """

    def __init__(self, number: Errno) -> None:
        super().__init__(number)
        self.number = number
