"""Results that are kept while there is room: properties meet the same modules again and again.

The room is counted in bytes of modules, since what is read of a module grows with it. What was not asked for longest is
let go; exceptions are not kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

__all__ = ["kept"]

_MOST_BYTES: Final = 256 << 10
"""Of the modules whose results one function keeps; what is read of one takes a hundred times as much memory."""

_Work = TypeVar("_Work", bound=Callable[..., Any])


def kept(work: _Work) -> _Work:
    """Keep the results of a function whose first argument is the bytes of a module; all arguments make the key."""
    found: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
    size = 0

    @wraps(work)
    def look(*key: Any) -> Any:
        nonlocal size
        if key in found:
            found.move_to_end(key)
            return found[key]
        result = work(*key)
        found[key] = result
        size += len(key[0])
        while size > _MOST_BYTES and len(found) > 1:
            oldest, _ = found.popitem(last=False)
            size -= len(oldest[0])
        return result

    return look  # type: ignore[return-value]
