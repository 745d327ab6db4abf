"""Names, header keys, header values and reference names: valid ones, and ones that are just outside the grammar."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.grammar import CBOR, NAME_BYTES
from gritstone_conformance.strategies.tape import Tape

__all__ = ["bad_key", "bad_name", "bad_reference", "bad_value", "key", "name", "reference", "value"]

_NAME_CHARACTERS: Final = "ab c.-_~!A0Z@|"
_KEY_CHARACTERS: Final = "abct-_~!A0Z/:."
_WIDE: Final = (
    *("\u00e9", "e\u0301", "\u00a0", "\ufffd", "\U0001f600", "\ud7ff", "\ue000", "\U0010ffff"),
    *("\ufeff", "\u200b", "\u2028", "\u212a", "\u00df", "\u0130", "\u00ad", "\ufdd0", "\u0800"),
)
_CONTROLS: Final = ("\n", "\x01", "\x1f", "\x7f", "\t", "\r")
_WIDE_CONTROLS: Final = (*_CONTROLS, "\x80", "\x9f", "\x85")
_LENGTHS: Final = (1, 2, 1, 3, 2, 4, 1, 5, 3, 23, 24, 2)
_VALUE_LENGTHS: Final = (0, 1, 2, 3, 5, 8, 22, 23, 24, 25, 255, 256, 4)
_SPACES: Final = ("tags", "a", "x-1", "gone", "moved", "closed", "archived", "tombstones", "z" * 32)
_SECONDS: Final = "abz019"
_INNER: Final = "abz019._-"


def name(tape: Tape, format_name: str, *, ascii_only: bool = False) -> str:
    """Return a name of the format's grammar; ``ascii_only``: of both formats' grammar."""
    wide = format_name == CBOR and not ascii_only
    text = _text(tape, _length(tape, _LENGTHS, NAME_BYTES), _NAME_CHARACTERS, wide=wide, most=NAME_BYTES)
    return text + "a" if text in (".", "..") else text


def key(tape: Tape) -> str:
    """Return a header key."""
    return _text(tape, _length(tape, _LENGTHS, 64), _KEY_CHARACTERS, wide=False, most=64)


def value(tape: Tape, format_name: str, *, ascii_only: bool = False) -> str:
    """Return a header value of the format's grammar; one in a thousand has the greatest length."""
    wide = format_name == CBOR and not ascii_only
    length = 65535 if tape.below(1024) == 1023 else tape.pick(_VALUE_LENGTHS)
    return _text(tape, length, _NAME_CHARACTERS + "/", wide=wide, most=65535)


def bad_name(tape: Tape, format_name: str) -> str:
    """Return a text that is not a valid name in the format."""
    stem = tape.pick(("", "a", "b.", "~"))
    controls = _WIDE_CONTROLS if format_name == CBOR else _CONTROLS
    choices = ("", ".", "..", f"{stem}/b", "/", stem + tape.pick(controls), tape.pick(controls) + stem, "a" * 256)
    long = ["\u00e9" * 128, "a" * 255 + "\u00e9", "\U0010ffff" * 64] if format_name == CBOR else ["a" * 300, "x" * 257]
    return tape.pick([*choices, *long])


def bad_key(tape: Tape, *, empty: bool) -> str:
    """Return a text that is not a header key in either format; ``empty``: also the empty one."""
    choices = ("a b", " ", "a" * 65, "a\x7f", "\n", "a\tb", "b ", " b", "a\x1f")
    return tape.pick((*choices, "") if empty else choices)


def bad_value(tape: Tape, format_name: str) -> str:
    """Return a text that is not a header value in the format."""
    controls = _WIDE_CONTROLS if format_name == CBOR else _CONTROLS
    if tape.once_in(16):
        return "v" * 65536
    return tape.pick(("", "a", "a b")) + tape.pick(controls) + tape.pick(("", "a"))


def reference(tape: Tape) -> str:
    """Return the name of a reference in a space that accepts any object."""
    length = tape.pick((1, 2, 3, 4, 200, 199, 64, 2))
    middle = "".join(tape.pick(_INNER) for _ in range(min(length - 2, 6)))
    if length == 1:
        return f"{tape.pick(_SPACES)}/{tape.pick(_SECONDS)}"
    first, last = tape.pick(_SECONDS), tape.pick(_SECONDS)
    inner = (middle + "m" * length)[: length - 2]
    while ".." in inner:
        inner = inner.replace("..", ".-")
    return f"{tape.pick(_SPACES)}/{first}{inner}{last}"


def bad_reference(tape: Tape) -> str:
    """Return a text that is not a reference name."""
    zeros, digits = "0" * 64, "0123456789abcdef" * 4
    escapes = ("tags/../x", "/abs/x", "", "tags", "tags/", "/", "tags//x", "a/b/c", "../x", "tags/..", "./x", "..")
    spelled = ("Tags/x", "tags/X", "1tags/x", "-a/x", "tags/.x", "tags/x.", "tags/-x", "tags/x_", "tags/a..b", "a_b/x")
    long = ("a" * 33 + "/x", "tags/" + "a" * 201, "tags/" + "a" * 1000)
    odd = (
        "tags/x ",
        " tags/x",
        "tags/x\n",
        "tags/\u00e9",
        "tags\\x",
        "tags/a\x00b",
        "tags/%2e",
        "tags/a:b",
        "t\u0430gs/x",
    )
    spaces = (f"heads/{zeros}", f"heads/{digits[:63]}", f"heads/{digits}0", f"failed/{digits.upper()}", "heads/x")
    return tape.pick((*escapes, *spelled, *long, *odd, *spaces, f"failed/{zeros}", "runtime/agents", "runtime/x"))


def _length(tape: Tape, lengths: tuple[int, ...], most: int) -> int:
    return tape.pick((most, most - 1)) if tape.once_in(48) else tape.pick(lengths)


def _text(tape: Tape, length: int, characters: str, *, wide: bool, most: int) -> str:
    """Return a text of about ``length`` bytes, at most ``most``; long ones repeat their beginning."""
    drawn = "".join(tape.pick(characters) for _ in range(min(length, 4)))
    if wide and length > 1 and tape.once_in(3):
        drawn = tape.pick(_WIDE) + drawn[:2]
    text = drawn
    if 0 < len(drawn) < length:
        text = (drawn * (length // len(drawn) + 1))[:length]
    return text.encode()[:most].decode(errors="ignore")
