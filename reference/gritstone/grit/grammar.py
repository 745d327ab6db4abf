"""The grammar of names, header keys and header values, in both alphabets.

Each format has one ``Alphabet``. Text is compared as bytes: this module does not fold case, normalize or trim.
``Grammar.check`` decides about one text.

Spec: :rule:`grit.name.grammar`, :rule:`grit.header.grammar`, :rule:`grit.name.bytewise`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gritstone.errors import Invalid

__all__ = ["ASCII", "UNICODE", "Alphabet", "Grammar"]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar of one kind of text.

    Attributes:
        label: the name of the text in messages.
        rule: the rule that a text outside of the grammar violates.
        allowed: matches a string of allowed characters; the encoding can express all of them.
        encoding: the text encoding.
        foreign_rule: the rule that a text violates if the encoding cannot express it.
        least_bytes: the shortest text, in encoded bytes.
        most_bytes: the longest text, in encoded bytes.
        reserved: texts that match the grammar but are not allowed.
    """

    label: str
    rule: str
    allowed: re.Pattern[str]
    encoding: str
    foreign_rule: str
    least_bytes: int
    most_bytes: int
    reserved: tuple[str, ...] = ()

    def check(self, text: str) -> bytes:
        """Check one text and return its bytes.

        Raises:
            Invalid: a character or the length is outside of the grammar, or the text is reserved.

        Spec: :rule:`grit.name.grammar`, :rule:`grit.header.grammar`, :rule:`grit.framed.ascii`.
        """
        if self.allowed.fullmatch(text) is not None:
            data = text.encode(self.encoding)
            if self.least_bytes <= len(data) <= self.most_bytes and text not in self.reserved:
                return data
        raise self._refusal(text)

    def _refusal(self, text: str) -> Invalid:
        try:
            size = len(text.encode(self.encoding))
        except UnicodeEncodeError as error:
            return Invalid(
                f"a {self.label} has a character that {self.encoding} cannot express",
                rule=self.foreign_rule,
                got=ascii(text[error.start]),
            )
        if not self.least_bytes <= size <= self.most_bytes:
            return Invalid(
                f"the length of a {self.label} is out of range",
                rule=self.rule,
                got=f"{size} bytes",
                expected=f"{self.least_bytes} to {self.most_bytes} bytes",
            )
        return Invalid(f"a {self.label} is reserved or has a forbidden character", rule=self.rule, got=ascii(text))


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The three grammars of one format."""

    name: Grammar
    key: Grammar
    value: Grammar


def _alphabet(encoding: str, foreign_rule: str, name: str, value: str) -> Alphabet:
    def grammar(label: str, rule: str, allowed: str, least: int, most: int, *reserved: str) -> Grammar:
        pattern = re.compile(f"{allowed}*")
        return Grammar(label, rule, pattern, encoding, foreign_rule, least, most, reserved)

    return Alphabet(
        name=grammar("name", "grit.name.grammar", name, 1, 255, ".", ".."),
        key=grammar("header key", "grit.header.grammar", r"[!-~]", 1, 64),
        value=grammar("header value", "grit.header.grammar", value, 0, 65_535),
    )


ASCII = _alphabet("ascii", "grit.framed.ascii", name=r"[ -.0-~]", value=r"[ -~]")
"""The texts of ``framed-sha256``."""

UNICODE = _alphabet(
    "utf-8",
    "grit.cbor.utf8",
    name=r"[^\x00-\x1f/\x7f-\x9f\ud800-\udfff]",
    value=r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]",
)
"""The texts of ``cbor-blake3``."""
