"""The grammar of names, header keys and header values, in both alphabets.

Each format has one ``Alphabet``. Text is compared as bytes: nothing here folds case, normalizes or trims.
The judge of one text is ``Grammar.check``; codecs may first try many texts at once with patterns of their own.

Spec: :rule:`grit.name.grammar`, :rule:`grit.header.grammar`, :rule:`grit.name.bytewise`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gritstone.errors import Invalid

__all__ = ["ASCII", "UNICODE", "Alphabet", "Grammar"]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Say what one kind of text may be.

    Attributes:
        label: what people call the text.
        rule: the rule that a text outside of the grammar breaks.
        allowed: matches a string of allowed characters, all of which the encoding has.
        encoding: how text becomes bytes.
        foreign_rule: the rule that a text breaks which the encoding cannot express.
        least_bytes: the shortest text, in encoded bytes.
        most_bytes: the longest text, in encoded bytes.
        reserved: texts that are not allowed although they fit.
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
        """Judge one text and give its bytes.

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
                f"a {self.label} holds a character that {self.encoding} has not",
                rule=self.foreign_rule,
                got=ascii(text[error.start]),
            )
        if not self.least_bytes <= size <= self.most_bytes:
            return Invalid(
                f"a {self.label} has a length out of bounds",
                rule=self.rule,
                got=f"{size} bytes",
                expected=f"{self.least_bytes} to {self.most_bytes}",
            )
        return Invalid(f"a {self.label} that is not allowed", rule=self.rule, got=ascii(text))


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Hold the three grammars of one format."""

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
