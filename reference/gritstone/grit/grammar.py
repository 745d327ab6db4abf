"""The grammar of names, header keys and header values, in both alphabets.

Each format has one ``Alphabet``. Text is compared as bytes: nothing here folds case, normalizes or trims.
The judge of one text is ``check``; codecs may test many texts at once with the patterns and then ask
``check`` which one it was.

Spec: :rule:`grit.name.grammar`, :rule:`grit.header.grammar`, :rule:`grit.name.bytewise`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from gritstone.errors import Invalid

__all__ = ["ASCII", "UNICODE", "Alphabet", "Text"]

_MAX_NAME_BYTES = 255
_MAX_KEY_BYTES = 64
_MAX_VALUE_BYTES = 65_535


class Text(enum.Enum):
    """Name the three texts: (what people call it, its rule, its bounds in bytes)."""

    NAME = ("name", "grit.name.grammar", 1, _MAX_NAME_BYTES)
    KEY = ("header key", "grit.header.grammar", 1, _MAX_KEY_BYTES)
    VALUE = ("header value", "grit.header.grammar", 0, _MAX_VALUE_BYTES)

    def __init__(self, label: str, rule: str, least_bytes: int, most_bytes: int) -> None:
        self.label = label
        self.rule = rule
        self.least_bytes = least_bytes
        self.most_bytes = most_bytes


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Say which characters each text of a format may hold.

    Attributes:
        encoding: how text becomes bytes; text that it cannot encode is outside of the alphabet.
        foreign_rule: the rule that a text breaks which the encoding cannot express.
        allowed: per text, a pattern that matches a string of allowed characters of any length.
    """

    encoding: str
    foreign_rule: str
    allowed: dict[Text, re.Pattern[str]]

    def check(self, text: str, role: Text) -> bytes:
        """Judge one text and give its bytes.

        Raises:
            Invalid: a character or the length is outside of the grammar, or the name is ``.`` or ``..``.

        Spec: :rule:`grit.name.grammar`, :rule:`grit.header.grammar`, :rule:`grit.framed.ascii`.
        """
        try:
            data = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise Invalid(
                f"a {role.label} holds a character that {self.encoding} has not",
                rule=self.foreign_rule,
                got=ascii(text[error.start]),
            ) from None
        if not role.least_bytes <= len(data) <= role.most_bytes:
            raise Invalid(
                f"a {role.label} has a length out of bounds",
                rule=role.rule,
                got=f"{len(data)} bytes",
                expected=f"{role.least_bytes} to {role.most_bytes}",
            )
        if self.allowed[role].fullmatch(text) is None:
            raise Invalid(f"a {role.label} holds a character it may not", rule=role.rule, got=ascii(text))
        if role is Text.NAME and text in (".", ".."):
            raise Invalid("a name is a dot segment", rule=role.rule, got=ascii(text))
        return data


_KEY = re.compile(r"[!-~]*")

ASCII = Alphabet(
    encoding="ascii",
    foreign_rule="grit.framed.ascii",
    allowed={
        Text.NAME: re.compile(r"[ -.0-~]*"),
        Text.KEY: _KEY,
        Text.VALUE: re.compile(r"[ -~]*"),
    },
)
"""The texts of ``framed-sha256``."""

UNICODE = Alphabet(
    encoding="utf-8",
    foreign_rule="grit.cbor.utf8",
    allowed={
        Text.NAME: re.compile(r"[^\x00-\x1f/\x7f-\x9f]*"),
        Text.KEY: _KEY,
        Text.VALUE: re.compile(r"[^\x00-\x1f\x7f-\x9f]*"),
    },
)
"""The texts of ``cbor-blake3``."""
