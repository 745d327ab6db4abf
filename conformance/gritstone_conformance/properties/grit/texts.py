"""Names, header keys and header values: every character, every length at a bound, every near twin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.grammar import CBOR
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Blob, Object, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.asking import decoding, encoding
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_ID: Final = bytes(range(1, 33))
_POINTS: Final = (*range(0x100), 0x2FF, 0x300, 0x7FF, 0x800, 0x2028, 0xD7FF, 0xE000, 0xFDD0, 0xFEFF, 0xFFFD, 0xFFFE)
_PLANES: Final = (0x10000, 0x1F600, 0xE0001, 0x10FFFF)
_TWINS: Final = (
    *(("a", "A"), (" a", "a "), ("a", "a "), ("ss", "SS"), ("i", "I"), ("1", "01"), ("a.", "a"), ("-", "_")),
    *(("\u00e9", "e\u0301"), ("\u212b", "\u00c5"), ("\u00df", "\u1e9e"), ("\u0130", "i\u0307"), ("\ufb01", "fi")),
    *(
        ("\u03c3", "\u03c2"),
        ("\uac00", "\u1100\u1161"),
        ("\u2126", "\u03a9"),
        ("\u0041\u0300\u0323", "\u0041\u0323\u0300"),
    ),
    *(("a\u200b", "a"), ("\ufeffa", "a"), ("\u00a0", " "), ("\uff41", "a"), ("\u0430", "a")),
)


def every_name(trial: Trial, fmt: Format) -> None:
    """Every name within the grammar is accepted, and any other refused with ``invalid``, by decoding and encoding."""
    characters = [chr(point) for point in (*_POINTS, *_PLANES)]
    whole = ["", ".", "..", "...", " ", "a..b", ".a", "a.", "a/", "/a", "~", "-", "a b"]
    lengths = ["a" * length for length in (254, 255, 256, 257)] + ["\u00e9" * 127, "\u00e9" * 127 + "a", "\u00e9" * 128]
    for text in _batches([*characters, *whole, *lengths]):
        _ask(trial, fmt, [Tree(((name, _ID),)) for name in text])


def every_header(trial: Trial, fmt: Format) -> None:
    """Every header key and value within the grammar is accepted, any other refused with ``invalid``."""
    characters = [chr(point) for point in (*_POINTS, *_PLANES)]
    keys = [*characters, "", "a b", " a", "a ", "a" * 63, "a" * 64, "a" * 65, "\u00e9" * 32]
    values = [*characters, "", " ", "a" * 65535, "a" * 65536, "\u00e9" * 32767 + "a", "\u00e9" * 32768]
    for texts in _batches(keys):
        _ask(trial, fmt, [Blob(((key, "v"),), b"d") for key in texts])
    for texts in _batches(values):
        _ask(trial, fmt, [Blob((("k", value),), b"d") for value in texts])


def near_twins(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Two texts that differ in any byte are two, without normalization, case folding, trimming or replacement."""
    twins = [pair for pair in _TWINS if fmt.name == CBOR or "".join(pair).isascii()]
    stem = tape.pick(("", "x", "x."))
    pairs = [tape.pick(twins) for _ in range(2)]
    names = list(dict.fromkeys(stem + text for pair in pairs for text in pair))
    together: list[Object] = [Tree(tuple((name, _ID) for name in names))]
    together.append(Blob(tuple((f"k{at}", text) for at, text in enumerate(names)), b""))
    keys = [name for name in names if all("!" <= character <= "~" for character in name)]
    together.append(Blob(tuple((key, "v") for key in keys), b""))
    _ask(trial, fmt, [*together, *(Tree(((name, _ID),)) for name in names)])


def _ask(trial: Trial, fmt: Format, values: list[Object] | list[Tree] | list[Blob]) -> None:
    """Ask to encode each value and to decode what its encoding is, or would be."""
    limits = Limits.of(trial.claims.limits)
    requests: list[Asked] = []
    for value in values:
        requests.append(encoding(fmt, value, limits))
        try:
            requests.append(decoding(fmt, fmt.encode(value), limits))
        except Refusal:
            continue  # what decoding does with it is asked in ``refused_bytes``
    trial.expect_many(requests)


def _batches(texts: list[str]) -> Iterator[list[str]]:
    return (texts[at : at + 32] for at in range(0, len(texts), 32))


PROPERTIES: Final = (
    *each_format("name/every-character", every_name, "grit.name.grammar"),
    *each_format("header/every-character", every_header, "grit.header.grammar"),
    *each_format("name/near-twins", near_twins, "grit.name.bytewise", given=draws.tape(4), examples=24),
)
