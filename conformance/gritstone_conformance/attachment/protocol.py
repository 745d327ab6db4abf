"""Frames: one JSON object per line, encoded without white space and decoded strictly.

This module checks whether a line is a reply, and which of the four answers it has. ``reply_shapes`` checks the content
of an ``ok``; ``judge`` checks whether it is the *right* answer; ``conversation`` checks when a line may arrive.

======================================================================  ==============================
a reply line                                                            violates
======================================================================  ==============================
contains a CR, starts with a byte order mark, is blank                  ``harness.frame.line``
is not UTF-8, not JSON, not one object                                  ``harness.frame.line``
is not JSON, before the first reply                                     ``harness.frame.stdout-clean``
repeats a member, contains a lone surrogate                             ``harness.json.plain``
contains a number with sign, fraction or exponent, or above 2^53-1      ``harness.json.plain``
has no ``seq``, not exactly one answer, unknown or malformed members    ``harness.reply.one-answer``
refuses with a class outside the five                                   ``harness.reply.class-closed``
======================================================================  ==============================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from gritstone_conformance.replies import REFUSAL_CLASSES, Json, Ok, Refused, Reply, Trouble, Unsupported
from gritstone_conformance.text import hex_bytes, printable, quoted

__all__ = ["MAX_INTEGER", "ProtocolFault", "RawArgs", "encode_request", "parse_json", "parse_reply"]

MAX_INTEGER: Final = 2**53 - 1
_ANSWERS: Final = frozenset({"ok", "refused", "unsupported", "error"})
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ProtocolFault(Exception):  # noqa: N818 - a finding about the implementation, not an error of the suite
    """A line that the protocol does not allow.

    Attributes:
        rule: the violated harness rule.
        detail: a description in one line, safe to print.
    """

    rule: str
    detail: str

    @property
    def cause(self) -> str:
        """The cause, as the liveness chapter defines it: ``protocol:`` and the rule id without ``harness.``."""
        return "protocol:" + self.rule.removeprefix("harness.")

    def __str__(self) -> str:
        """Return the cause and the detail in one line."""
        return f"{self.cause}: {self.detail}"


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class RawArgs(dict[str, Json]):
    """Arguments that are sent as a given JSON text, which need not be an object.

    Attributes:
        text: the JSON text, or None: the request has no member ``args``.
    """

    def __init__(self, text: str | None) -> None:
        super().__init__()
        self.text = text

    def member(self) -> str:
        """Return the member ``args`` as it is written in the line, with its comma."""
        return "" if self.text is None else f',"args":{self.text}'


def encode_request(seq: int, op: str, args: Mapping[str, Json]) -> bytes:
    """Encode a request as a line with its LF, with its members in the order ``seq``, ``op``, ``args``.

    Raises:
        UnicodeEncodeError: an argument contains a lone surrogate; the suite never sends one.
    """
    if isinstance(args, RawArgs):
        return f'{{"seq":{seq},"op":{_encode_json(op)}{args.member()}}}\n'.encode()
    return f'{{"seq":{seq},"op":{_encode_json(op)},"args":{_encode_json(args)}}}\n'.encode()


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ProtocolFault("harness.json.plain", f"member {quoted(twice)} occurs twice")
    return members


def _no_fraction(text: str) -> NoReturn:
    raise ProtocolFault("harness.json.plain", f"number {printable(text, 40)} is not a plain integer")


def _plain_integer(text: str) -> int:
    # the JSON decoder rejects leading zeros; 2^53-1 has 16 digits, and longer text is not converted
    if text[0] == "-" or len(text) > 16 or (value := int(text)) > MAX_INTEGER:
        raise ProtocolFault("harness.json.plain", f"number {printable(text, 40)} is not from 0 to 2^53-1")
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_no_fraction,
    parse_constant=_no_fraction,
    parse_int=_plain_integer,
)


def parse_json(line: bytes, *, first: bool = False) -> Json:
    """Read one line (without its LF) as strict JSON.

    Args:
        line: the bytes between two LF.
        first: whether this is the first line; if it is not JSON, it is then a banner on standard output.

    Raises:
        ProtocolFault: not UTF-8, not JSON, a BOM, a CR, a blank line, a repeated member, or a number or text that the
            protocol does not allow.

    Spec: :rule:`harness.frame.line`, :rule:`harness.frame.stdout-clean`, :rule:`harness.json.plain`.
    """
    try:
        value = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise _unreadable(line, f"not UTF-8, byte {line[problem.start]:02x} at {problem.start}", first) from problem
    except json.JSONDecodeError as problem:
        raise _unreadable(line, f"not JSON, {problem.msg} at character {problem.pos}", first) from problem
    except RecursionError as problem:
        raise _unreadable(line, "nested too deeply", first) from problem
    if b"\r" in line:
        raise ProtocolFault("harness.frame.line", f"the line contains a CR: {printable(line)}")
    if b"\\u" in line:
        _check_surrogates(value, line)
    return value


def _unreadable(line: bytes, reason: str, first: bool) -> ProtocolFault:
    bare = line.removeprefix(_BOM).strip(b"\r\t ")
    if not bare:
        return ProtocolFault("harness.frame.line", "a blank line")
    if first and not bare.startswith(b"{"):  # a line that opens an object is a malformed reply, not a banner
        noise = f"{len(line) + 1} bytes before the first reply, {hex_bytes(line)}  {quoted(line)}"
        return ProtocolFault("harness.frame.stdout-clean", noise)
    if line.startswith(_BOM):
        reason = "it starts with a byte order mark"
    return ProtocolFault("harness.frame.line", f"{reason}: {printable(line)}")


def _check_surrogates(value: Json, line: bytes) -> None:
    try:
        _encode_json(value).encode()
    except UnicodeEncodeError as problem:
        raise ProtocolFault("harness.json.plain", f"a lone surrogate: {printable(line)}") from problem


def parse_reply(line: bytes, *, first: bool = False) -> tuple[int, Reply]:
    """Read one reply line (without its LF).

    Args:
        line: the bytes between two LF.
        first: whether this is the first line of the process.

    Returns:
        Its ``seq`` and its answer; the shape of an ``ok`` is not checked here.

    Raises:
        ProtocolFault: the line is not a reply; the table of the module lists the violated rules.
    """
    value = parse_json(line, first=first)
    if not isinstance(value, dict):
        raise ProtocolFault("harness.frame.line", f"not a JSON object: {printable(line)}")
    seq = value.get("seq")
    if type(seq) is not int:
        raise _off_form("no seq", line)
    if len(value) == 2 and type(ok := value.get("ok")) is dict:
        return seq, Ok(ok)
    return seq, _parse_answer(value, line)


def _off_form(problem: str, line: bytes) -> ProtocolFault:
    return ProtocolFault("harness.reply.one-answer", f"{problem}: {printable(line)}")


def _parse_answer(value: dict[str, Json], line: bytes) -> Reply:
    given = sorted(_ANSWERS & value.keys())
    if len(given) != 1:
        raise _off_form(" and ".join(given) or "no answer", line)
    unknown = sorted(value.keys() - _ANSWERS - {"seq", "x"})
    if unknown:
        raise _off_form(f"unknown member {quoted(unknown[0])}", line)
    answer = value[given[0]]
    if not isinstance(answer, dict) or not isinstance(value.get("x", {}), dict):
        raise _off_form(f"{given[0]} or x is not an object", line)
    match given[0]:
        case "ok":
            return Ok(answer)
        case "refused":
            return _parse_refusal(answer, line)
        case "unsupported":
            _check_texts(answer, {"feature"}, set(), line)
            if not answer["feature"]:
                raise _off_form("feature is empty", line)
            return Unsupported(answer["feature"])
        case _:
            _check_texts({name: note for name, note in answer.items() if name != "context"}, {"message"}, set(), line)
            return Trouble(answer["message"])


def _parse_refusal(answer: dict[str, Json], line: bytes) -> Refused:
    _check_texts(answer, {"class"}, {"code", "rule", "message"}, line)
    kind = answer["class"]
    if kind not in REFUSAL_CLASSES:
        raise ProtocolFault("harness.reply.class-closed", f"class {quoted(kind)}: {printable(line)}")
    return Refused(kind, answer.get("code"), answer.get("rule"), answer.get("message"))


def _check_texts(answer: Mapping[str, Json], required: set[str], optional: set[str], line: bytes) -> None:
    wrong = [name for name, value in answer.items() if not isinstance(value, str)]
    for problem, names in (
        ("without member", sorted(required - answer.keys())),
        ("unknown member", sorted(answer.keys() - required - optional)),
        ("not text: member", wrong),
    ):
        if names:
            raise _off_form(f"{problem} {quoted(names[0])}", line)
