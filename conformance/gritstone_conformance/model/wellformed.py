"""Well-formed CBOR: the question of RFC 8949 Appendix C, answered without recursion.

Knows nothing of objects. ``cbor`` asks it whether bytes are exactly one data item.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Head", "NotWellFormed", "is_one_item", "read_head"]

_INDEFINITE = 31
_BREAK = 0xFF


class NotWellFormed(ValueError):  # noqa: N818 - says what the bytes are
    """The bytes are no well-formed item."""


class Head(NamedTuple):
    """One head: initial byte and argument.

    Attributes:
        major: major type, 0 to 7.
        info: additional information, 0 to 31.
        argument: the number it carries; 0 for indefinite length and for the break.
        end: offset of the byte after it.
    """

    major: int
    info: int
    argument: int
    end: int

    @property
    def shortest(self) -> bool:
        """Whether no shorter head could hold the argument."""
        if self.info < 24 or self.info == _INDEFINITE:
            return True
        return self.argument >= (24, 1 << 8, 1 << 16, 1 << 32)[self.info - 24]


def read_head(data: bytes, at: int) -> Head:
    """Read the head at an offset.

    Raises:
        NotWellFormed: the bytes end within it, or its additional information is reserved.
    """
    if at >= len(data):
        raise NotWellFormed(f"the bytes end where an item should begin, at {at}")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return Head(major, info, info, at + 1)
    if info == _INDEFINITE:
        if major in (0, 1, 6):
            raise NotWellFormed(f"the initial byte {data[at]:02x} at {at}")
        return Head(major, info, 0, at + 1)
    if info > 27:
        raise NotWellFormed(f"the initial byte {data[at]:02x} at {at}")
    end = at + 1 + (1 << (info - 24))
    if end > len(data):
        raise NotWellFormed(f"the bytes end within the head at {at}")
    argument = int.from_bytes(data[at + 1 : end])
    if major == 7 and info == 24 and argument < 32:
        raise NotWellFormed(f"the simple value {argument} in two bytes, at {at}")
    return Head(major, info, argument, end)


def is_one_item(data: bytes) -> bool:
    """Return whether the bytes are exactly one well-formed data item."""
    try:
        return _item_end(data) == len(data)
    except NotWellFormed:
        return False


_OPEN = -1  # items until a break
_PAIRS_KEY, _PAIRS_VALUE = -2, -3  # an indefinite map before a key, before a value


def _item_end(data: bytes) -> int:
    """Return the end of the first item; ``waiting`` holds, innermost last, how many items each open one lacks."""
    at, waiting = 0, [1]
    while waiting:
        head = read_head(data, at)
        at = head.end
        if head.major == 7 and head.info == _INDEFINITE:
            _close(waiting, at - 1)
        else:
            _count(waiting)
            if head.major in (2, 3):
                at = _string_end(data, head)
            elif head.major in (4, 5, 6):
                waiting.append(_wanted(head))
        while waiting and waiting[-1] == 0:
            waiting.pop()
    return at


def _wanted(head: Head) -> int:
    """Return how many items an array, map or tag wants."""
    if head.major == 6:
        return 1
    if head.info == _INDEFINITE:
        return _OPEN if head.major == 4 else _PAIRS_KEY
    return head.argument * (head.major - 3)


def _close(waiting: list[int], at: int) -> None:
    """Note a break."""
    if waiting[-1] not in (_OPEN, _PAIRS_KEY):
        raise NotWellFormed(f"a break at {at}")
    waiting.pop()


def _count(waiting: list[int]) -> None:
    """Note that an item begins in the innermost open one."""
    if waiting[-1] > 0:
        waiting[-1] -= 1
    elif waiting[-1] == _PAIRS_KEY:
        waiting[-1] = _PAIRS_VALUE
    elif waiting[-1] == _PAIRS_VALUE:
        waiting[-1] = _PAIRS_KEY


def _string_end(data: bytes, head: Head) -> int:
    if head.info != _INDEFINITE:
        return _past(data, head)
    at = head.end
    while at >= len(data) or data[at] != _BREAK:
        chunk = read_head(data, at)
        if chunk.major != head.major or chunk.info == _INDEFINITE:
            raise NotWellFormed(f"a chunk of another type at {at}")
        at = _past(data, chunk)
    return at + 1


def _past(data: bytes, head: Head) -> int:
    if head.argument > len(data) - head.end:
        raise NotWellFormed(f"the bytes end within the string at {head.end}")
    return head.end + head.argument
