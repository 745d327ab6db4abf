"""Which texts are allowed: names, header keys, header values, reference names.

Each function returns the defects of one text. Length bounds are bytes of its encoding.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gritstone_conformance.model.refusals import Defect, invalid

__all__ = [
    "CBOR",
    "FRAMED",
    "KEY_BYTES",
    "NAME_BYTES",
    "VALUE_BYTES",
    "check_key",
    "check_name",
    "check_reference",
    "check_value",
    "text_bytes",
]

FRAMED: Final = "framed-sha256"
CBOR: Final = "cbor-blake3"

NAME_BYTES: Final = 255
KEY_BYTES: Final = 64
VALUE_BYTES: Final = 65535

_PRINTABLE: Final = re.compile(r"[ -~]*")
_VISIBLE: Final = re.compile(r"[!-~]*")
_UNCONTROLLED: Final = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_REFERENCE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}/(?!.*\.\.)[a-z0-9]([a-z0-9._-]{0,198}[a-z0-9])?")
_ACTOR: Final = re.compile(r"(?!0{64})[0-9a-f]{64}")
_SECOND: Final = {"heads": _ACTOR, "failed": _ACTOR, "runtime": re.compile("agent")}


def text_bytes(text: str) -> bytes:
    """Return the UTF-8 bytes of a text; a lone surrogate, which no encoding has, keeps its three bytes."""
    return text.encode("utf-8", "surrogatepass")


def check_name(text: str, format_name: str) -> list[Defect]:
    """Return what is wrong with a tree's name.

    Spec: :rule:`grit.name.grammar`, :rule:`grit.framed.ascii`.
    """
    return [] if _is_plain_name(text) else _name_defects(text, format_name)


@lru_cache(maxsize=4096)
def _is_plain_name(text: str) -> bool:
    """Return whether a text is a name in both formats; the same few names stand in most trees."""
    return not _name_defects(text, FRAMED)


def _name_defects(text: str, format_name: str) -> list[Defect]:
    defects = _characters(text, format_name, "grit.name.grammar")
    if not 1 <= len(text_bytes(text)) <= NAME_BYTES or "/" in text or text in (".", ".."):
        defects.append(invalid("grit.name.grammar", f"{text[:40]!r} is not a name"))
    return defects


def check_key(text: str) -> list[Defect]:
    """Return what is wrong with a header's key; the grammar is the same in both formats.

    Spec: :rule:`grit.header.grammar`.
    """
    if 1 <= len(text_bytes(text)) <= KEY_BYTES and _VISIBLE.fullmatch(text):
        return []
    return [invalid("grit.header.grammar", f"{text[:40]!r} is not a header key")]


def check_value(text: str, format_name: str) -> list[Defect]:
    """Return what is wrong with a header's value.

    Spec: :rule:`grit.header.grammar`, :rule:`grit.framed.ascii`.
    """
    defects = _characters(text, format_name, "grit.header.grammar")
    if len(text_bytes(text)) > VALUE_BYTES:
        defects.append(invalid("grit.header.grammar", f"a header value of {len(text_bytes(text))} bytes"))
    return defects


def check_reference(name: str) -> list[Defect]:
    """Return what is wrong with a reference name.

    Spec: :rule:`grit.ref.grammar`.
    """
    space, _, second = name.partition("/")
    if _REFERENCE.fullmatch(name) and (space not in _SECOND or _SECOND[space].fullmatch(second)):
        return []
    return [invalid("grit.ref.grammar", f"{name[:60]!r} is not a reference name")]


def _characters(text: str, format_name: str, rule: str) -> list[Defect]:
    if format_name == FRAMED and not text.isascii():
        return [invalid("grit.framed.ascii", f"{text[:40]!r} is not ASCII")]
    allowed = _PRINTABLE if format_name == FRAMED else _UNCONTROLLED
    if allowed.fullmatch(text):
        return []
    return [invalid(rule, f"{text[:40]!r} has a character that is not allowed")]
