"""Excerpts: values of any size as one short line that people can read.

Bytes are shown as text where they are text (``framed-sha256``) and as hex where they are not; what is long is cut in
the middle, because the ends are the most useful part. Expected and actual values are never cut so far that they look
equal. The output contains no control characters.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes
from gritstone_conformance.replies import Json
from gritstone_conformance.text import counted, printable

__all__ = [
    "BYTES_MEMBERS",
    "cut_middle",
    "short_ids",
    "show_answer",
    "show_bytes",
    "show_difference",
    "show_first_byte",
    "show_request",
    "show_request_lines",
    "show_sides",
    "show_value",
    "sized_bytes",
    "sized_text",
]

_BYTES_ARGS: Final = ("bytes", "bundle", "data")
BYTES_MEMBERS: Final = frozenset({*_BYTES_ARGS, "document", "module", "output", "prepared", "request", "signature"})
"""The members of replies whose bytes are compared byte for byte."""
_EMPTY: Final = '""'
_ID: Final = re.compile(r"\b[0-9a-f]{64}\b")
_IDS_SHOWN: Final = 8  # hex digits of an id that are kept
_IDS_COMPARED: Final = 12  # where one is held against another
_WHOLE: Final = 64
_LEAD: Final = 12  # characters, or bytes, before the first one that differs
_APART: Final = 8  # bytes that are shown from the first one that differs
_UNCUT: Final = 1 << 30
_CONTENT: Final = 360  # characters of the content of bytes, which a report does not cut again
_LEAST: Final = 24  # characters of each long argument
_SIZED: Final = re.compile(r"([0-9]+ bytes?)(?:  (.*))?", re.DOTALL)
_FRAMED: Final = re.compile(rb"(?:blob|tree|message|mailbox|step) [0-9]+\0|gritstone bundle ")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def cut_middle(line: str, width: int) -> str:
    """Return ``line``, with its middle replaced by an ellipsis when it is longer than ``width`` characters."""
    if len(line) <= width:
        return line
    head = max(1, (width - 1) * 2 // 3)
    tail = max(0, width - 1 - head)
    return f"{line[:head]}…{line[-tail:] if tail else ''}"


def show_bytes(data: bytes, *, as_text: bool, width: int) -> str:
    """Return bytes as text with escapes (NUL as ␀), or as hex, cut to ``width`` characters."""
    if not as_text:
        return cut_middle(data.hex(), width)
    kept = data if len(data) <= 2 * width else data[:width] + data[-width:]
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "␀" if byte == 0 else f"\\x{byte:02x}" for byte in kept)
    return cut_middle(shown, width)


def sized_bytes(data: bytes, *, as_text: bool | None = None) -> str:
    """Return the size of bytes and their content, as :func:`show_bytes`; None decides by the content."""
    if as_text is None and _is_utf8(data[:_CONTENT]):
        return sized_text(len(data), data[:_CONTENT].decode("utf-8", "ignore") + "…" * (len(data) > _CONTENT))
    is_text = bool(_FRAMED.match(data)) if as_text is None else as_text
    kept = data if len(data) <= 2 * _CONTENT else data[:_CONTENT] + data[-_CONTENT:]
    return sized_text(len(data), show_bytes(kept, as_text=is_text, width=_CONTENT))


def sized_text(size: int, content: str) -> str:
    """Return the size of bytes and a text that spells them, bounded and on one line."""
    return f"{counted(size, 'byte')}  {cut_middle(printable(content, 4 * _CONTENT), _CONTENT)}".rstrip()


def _is_utf8(head: bytes) -> bool:
    """Return whether the first bytes are text without control characters; the last character may be incomplete."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and _CONTROL.search(text) is None


def show_request(op: str, args: Mapping[str, Json], width: int) -> str:
    """Return a request in one line: the operation, its plain arguments, then its bytes or object."""
    plain, long = [], []
    for name, value in args.items():
        sized = _SIZED.fullmatch(value) if isinstance(value, str) else None
        if sized is not None and name not in _BYTES_ARGS:
            long.append(f"{name} {' '.join(filter(None, sized.groups()))}")
        elif isinstance(value, str) and name in _BYTES_ARGS:
            spelled = sized.groups("") if sized else _spelled_bytes(value, _is_text(args), max(24, width - 50))
            plain.append(spelled[0])
            long.append(spelled[1])
        elif isinstance(value, str):
            shown = short_ids(value) or _EMPTY
            plain.append(shown if name in ("format", "store") else f"{name} {shown}")
        else:
            long.append(f"{name} {show_value(value, width)}")
    head = [op, *filter(None, [", ".join(plain)])]
    shared = _shared([printable(text, 4 * width) for text in long], width - len("  ".join(head)))
    return cut_middle(printable("  ".join([*head, *shared]), 4 * width), width)


def show_request_lines(op: str, args: Mapping[str, Json], width: int) -> list[tuple[str, str]]:
    """Return labels with texts: a request, then each of its documents and modules if they do not fit in its line."""
    line = show_request(op, args, _UNCUT)
    own = {name: value for name, value in args.items() if name not in _BYTES_ARGS and _is_sized(value)}
    if len(line) <= width or not own:
        return [("", show_request(op, args, width))]
    rest = {name: value for name, value in args.items() if name not in own}
    return [("", show_request(op, rest, width)), *((name, show_value(value, width)) for name, value in own.items())]


def _is_sized(value: Json) -> bool:
    return isinstance(value, str) and _SIZED.fullmatch(value) is not None


def _shared(texts: Sequence[str], room: int) -> list[str]:
    """Return texts that are cut so that the longest ones share the room that the shorter ones leave."""
    shown = list(texts)
    for done, at in enumerate(sorted(range(len(texts)), key=lambda at: len(texts[at]))):
        share = room // (len(texts) - done) - 2  # two blanks separate the texts
        shown[at] = cut_middle(texts[at], max(_LEAST, share))
        room -= len(shown[at]) + 2
    return shown


def show_value(value: Json, width: int, digits: int = _IDS_SHOWN) -> str:
    """Return a JSON value in one line, ids shortened to their first digits."""
    if isinstance(value, str):
        return cut_middle(printable(short_ids(value, digits), 8 * width), width)
    text = _spelled_json(_with_short_ids(value, digits))
    return cut_middle(printable(text, max(len(text), 1)), width)


def _spelled_json(value: Json) -> str:
    """Return a value as JSON without blanks; texts that spell bytes are in angle brackets, without escapes."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_spelled_json(key)}:{_spelled_json(its)}" for key, its in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spelled_json, value)) + "]"
    sized = _SIZED.fullmatch(value) if isinstance(value, str) else None
    return json.dumps(value, ensure_ascii=False) if sized is None else f"<{' '.join(filter(None, sized.groups()))}>"


def show_difference(path: str, expected: Json, got: Json, width: int) -> list[tuple[str, str]]:
    """Return labels with texts: where an answer leaves what was expected, what was expected, what was got.

    Bytes have a further one, ``differs``: from which byte on.
    """
    sides = zip(("expected", "got"), show_sides(path, expected, got, width), strict=True)
    place = [("path", cut_middle(printable(short_ids(path, _IDS_COMPARED), 4 * width), width))] if path else []
    apart = show_first_byte(path, expected, got)
    return [*place, *sides, *([("differs", apart)] if apart else [])]


def show_first_byte(path: str, expected: Json, got: Json) -> str | None:
    """Return from which byte on an answer differs: ``at byte 8, after "tree 68␀": 2000… expected, 6100… got``.

    None where a path leads to no bytes, or to bytes whose first difference was cut out of the report.
    """
    if path.rpartition("/")[2] not in BYTES_MEMBERS:
        return None
    (one, one_is_whole), (other, other_is_whole) = _head_of_bytes(expected), _head_of_bytes(got)
    if one is None or other is None:
        return None
    at = _first_difference(one, other)
    if (at == len(one) and not one_is_whole) or (at == len(other) and not other_is_whole) or one == other:
        return None
    before = show_bytes(one[max(0, at - _LEAD) : at], as_text=True, width=_UNCUT)
    after = f', after {"…" if at > _LEAD else ""}"{before}"' if at else ""
    return f"at byte {at}{after}: {_from_byte(one, at)} expected, {_from_byte(other, at)} got"


def _head_of_bytes(text: Json) -> tuple[bytes | None, bool]:
    """Return the bytes at the start of a base64url text, None if it is invalid; and whether these are all of them."""
    if not isinstance(text, str):
        return None, True
    head, cut, _ = text.partition("…")
    try:
        return decode_bytes(head[: len(head) // 4 * 4] if cut else head), not cut
    except NotCanonicalError:
        return None, True


def _from_byte(data: bytes, at: int) -> str:
    """Return the bytes from an index on: as text where they are text, else as hex."""
    if at == len(data):
        return "the end"
    some = data[at : at + _APART]
    is_text = all(0x20 <= byte < 0x7F for byte in some)
    shown = f'"{some.decode("ascii")}"' if is_text else some.hex()
    return f"{shown}{'…' if len(data) > at + _APART else ''}"


def show_sides(path: str, expected: Json, got: Json, width: int) -> tuple[str, str]:
    """Return what was expected and what was got, each in one line, so that they differ where the values do.

    Ids show twelve digits, or all of them where twelve are not enough; two lines that their cut made equal are cut
    before the first character that differs.
    """
    for digits in (_IDS_COMPARED, _WHOLE):
        sides = tuple(_side(path, value, digits) for value in (expected, got))
        if sides[0] != sides[1]:
            break
    shown = tuple(cut_middle(side, width) for side in sides)
    if shown[0] == shown[1] and sides[0] != sides[1]:
        start = max(0, _first_difference(*sides) - _LEAD)
        shown = tuple(cut_middle(f"…{side[start:]}", width) for side in sides)
    return shown[0], shown[1]


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the first index at which two sequences differ; the length of both where they do not."""
    pairs = enumerate(zip_longest(one, other))
    return next((at for at, (each, its) in pairs if each != its), len(one))


def _side(path: str, value: Json, digits: int) -> str:
    """Return a value in one line that is not cut."""
    if isinstance(value, str) and path.rpartition("/")[2] in BYTES_MEMBERS and _ID.fullmatch(value) is None:
        return _side_of_bytes(value)
    if path:
        return "nothing, or null" if value is None else show_value(value, _UNCUT, digits)
    return show_answer(value, _UNCUT, digits)


def _side_of_bytes(text: str) -> str:
    """Return the content of bytes in one line; a text that is not canonical base64url as it is."""
    data, is_whole = _head_of_bytes(text)
    if data is None or not is_whole:
        return show_value(text, _UNCUT, _WHOLE) if data is None else f"{sized_bytes(data).partition('  ')[2]}…"
    return sized_bytes(data)


def show_answer(value: Json, width: int, digits: int = _IDS_SHOWN) -> str:
    """Return an expectation or an answer in words: ``refused invalid``, ``ok {…}``, ``nothing``."""
    if not isinstance(value, dict):
        return "nothing" if value is None else show_value(value, width, digits)
    match sorted(value):
        case ["refused"]:
            return f"refused {show_value(value['refused'], width, digits)}"
        case ["code", "refused"]:
            return cut_middle(
                f"refused {show_value(value['refused'], width, digits)} ({show_value(value['code'], width, digits)})",
                width,
            )
        case ["unsupported"]:
            feature = value["unsupported"]
            return "unsupported" if isinstance(feature, dict) else f"unsupported {show_value(feature, width, digits)}"
        case ["error"]:
            return "error" if value["error"] is True else f"error: {show_value(value['error'], width, digits)}"
        case ["any"]:
            options = value["any"] if isinstance(value["any"], list) else [value["any"]]
            return cut_middle(" or ".join(show_answer(option, width, digits) for option in options), width)
        case ["ok"]:
            return f"ok  {show_value(value['ok'], width, digits)}"
        case _:
            return show_value(value, width, digits)


def _spelled_bytes(text: str, as_text: bool, width: int) -> tuple[str, str]:
    """Return the size of the bytes that a base64url text encodes, and the bytes; an excerpt is marked as one."""
    if "…" in text:
        return text.split("…")[1].replace("characters", "base64url characters"), cut_middle(text, width)
    try:
        data = decode_bytes(text)
    except NotCanonicalError:
        return "not canonical base64url", cut_middle(text, width)
    return f"{len(data)} bytes", show_bytes(data, as_text=as_text, width=width)


def _is_text(args: Mapping[str, Json]) -> bool:
    return args.get("format") != "cbor-blake3"


def short_ids(text: str, digits: int = _IDS_SHOWN) -> str:
    """Return a text with every id in it cut to its first digits."""
    return text if digits >= _WHOLE else _ID.sub(lambda match: f"{match[0][:digits]}…", text)


def _with_short_ids(value: Json, digits: int) -> Json:
    if isinstance(value, str):
        return short_ids(value, digits)
    if isinstance(value, list):
        return [_with_short_ids(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: _with_short_ids(item, digits) for key, item in value.items()}
    return value
