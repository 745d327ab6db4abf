"""The inputs of a call, and the parsing of texts that a guest passes.

Spec: :rule:`wasm.abi.function`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from gritstone.errors import Invalid
from gritstone.grit.grammar import Alphabet
from gritstone.grit.objects import ObjectId
from gritstone.wasm.interface import INVALID
from gritstone.wit.paths import ALPHABETS, Path, read_path, read_text

__all__ = ["EarlyResult", "Inputs", "headers_of", "path_of"]

_PATH_BYTES, _PATH_NAMES = 4_096, 1_024
_MOST_KEPT_BYTES = 128


class EarlyResult(Exception):  # noqa: N818 - it is not an error
    """An exception that ends a host call with a result."""

    def __init__(self, result: int) -> None:
        super().__init__(result)
        self.result = result


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a call.

    Attributes:
        ids: the ids that ``input`` returns, by number; None for an absent one.
        covered: the covered messages with their senders, in order.
        query_name: the name of the query; None in a transition.
        attempt: the number of the attempt.
    """

    ids: Mapping[int, ObjectId]
    covered: Sequence[tuple[ObjectId, ObjectId]] = ()
    query_name: str | None = None
    attempt: int = 1


def path_of(data: bytes, format_name: str) -> Path:
    """Return the path that bytes encode.

    Args:
        data: the bytes.
        format_name: the name of the object format, which defines valid names.

    Raises:
        EarlyResult: the text is invalid.
    """
    return (_read_short if len(data) <= _MOST_KEPT_BYTES else _read)(data, format_name)


def _read(data: bytes, format_name: str) -> Path:
    if not 1 <= len(data) <= _PATH_BYTES or data.count(b"/") >= _PATH_NAMES:
        raise EarlyResult(INVALID)
    try:
        return read_path(data, ALPHABETS[format_name])
    except Invalid:
        raise EarlyResult(INVALID) from None


# Guests use the same few paths repeatedly.
_read_short = lru_cache(maxsize=4_096)(_read)


def headers_of(data: bytes, alphabet: Alphabet) -> Mapping[str, str]:
    """Return the header list that bytes encode.

    Raises:
        EarlyResult: the text is invalid.
    """
    *parts, rest = data.split(b"\0")
    if rest or len(parts) % 2:
        raise EarlyResult(INVALID)
    try:
        keys = [read_text(part, alphabet.key) for part in parts[::2]]
        values = [read_text(part, alphabet.value) for part in parts[1::2]]
    except Invalid:
        raise EarlyResult(INVALID) from None
    if len(set(keys)) != len(keys):
        raise EarlyResult(INVALID)
    return MappingProxyType(dict(zip(keys, values, strict=True)))
