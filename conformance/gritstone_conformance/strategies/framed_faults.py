"""Faults of ``framed-sha256``: spellings that its encoder would not have written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.framed import in_order
from gritstone_conformance.model.grammar import FRAMED
from gritstone_conformance.model.values import ZERO, Blob, Mailbox, Message, Object, Step, Tree, kind_of
from gritstone_conformance.strategies import texts
from gritstone_conformance.strategies.faults import Fault
from gritstone_conformance.strategies.tape import Tape

__all__ = ["FRAMED_FAULTS"]

_Pairs = list[tuple[bytes, bytes]]
_Make = Callable[[Tape, Object, bytes], bytes]


def _frame(kind: str, body: bytes) -> bytes:
    return b"%s %d\0%s" % (kind.encode(), len(body), body)


def _body(good: bytes) -> bytes:
    return good[good.index(b"\0") + 1 :]


def _headers(value: Object) -> _Pairs:
    assert isinstance(value, Blob | Message)
    return [(key.encode(), text.encode()) for key, text in in_order(value.headers)]


def _with_headers(value: Object, pairs: _Pairs) -> bytes:
    """Spell a blob or message with these headers, whatever they are."""
    spelled = b"".join(key + b"\0" + text + b"\0" for key, text in pairs) + b"\0"
    if isinstance(value, Blob):
        return _frame("blob", spelled + value.data)
    assert isinstance(value, Message)
    return _frame("message", (value.previous or ZERO) + spelled + value.content)


def _entries(value: Object) -> _Pairs:
    if isinstance(value, Mailbox):
        return sorted(value.entries)
    assert isinstance(value, Tree)
    return [(name.encode(), target) for name, target in in_order(value.entries)]


def _with_entries(value: Object, pairs: _Pairs) -> bytes:
    """Spell a tree or mailbox with these entries, whatever they are."""
    separator = b"\0" if isinstance(value, Tree) else b""
    return _frame(kind_of(value), b"".join(key + separator + target for key, target in pairs))


def _at(tape: Tape, pairs: _Pairs) -> int:
    return tape.below(len(pairs))


def _swapped(tape: Tape, pairs: _Pairs) -> _Pairs:
    at = tape.below(len(pairs) - 1)
    return [*pairs[:at], pairs[at + 1], pairs[at], *pairs[at + 2 :]]


def _doubled(tape: Tape, pairs: _Pairs) -> _Pairs:
    """Repeat one pair, with its own value or with another's."""
    at = _at(tape, pairs)
    other = pairs[at][1] if tape.below(2) == 0 else pairs[_at(tape, pairs)][1]
    return [*pairs[: at + 1], (pairs[at][0], other), *pairs[at + 1 :]]


def _rekeyed(tape: Tape, pairs: _Pairs, key: bytes) -> _Pairs:
    """Change the key of a pair and move the pair where that key belongs, so that the order is right."""
    at = _at(tape, pairs)
    return sorted([*pairs[:at], (key, pairs[at][1]), *pairs[at + 1 :]])


def _revalued(tape: Tape, pairs: _Pairs, text: bytes) -> _Pairs:
    at = _at(tape, pairs)
    return [*pairs[:at], (pairs[at][0], text), *pairs[at + 1 :]]


def _respell_length(tape: Tape, value: Object, good: bytes) -> bytes:
    kind, _, rest = good.partition(b" ")
    digits, _, body = rest.partition(b"\0")
    number = int(digits)
    signs = (b"+" + digits, b"-" + digits, digits + b" ", digits + b"\n", b"0x%x" % number, digits + b".", b"")
    spelled = (*signs, digits[:1] + b"_" + digits[1:], b"%de0" % number, b" " + digits, digits + b"\r", b"\xb2")
    return kind + b" " + tape.pick(spelled) + b"\0" + body


def _pad_length(tape: Tape, value: Object, good: bytes) -> bytes:
    kind, _, rest = good.partition(b" ")
    digits = rest[: rest.index(b"\0")]
    return kind + b" " + digits.rjust(tape.within(len(digits) + 1, 19), b"0") + rest[len(digits) :]


def _long_length(tape: Tape, value: Object, good: bytes) -> bytes:
    kind, _, rest = good.partition(b" ")
    return kind + b" " + rest[: rest.index(b"\0")].rjust(tape.within(20, 40), b"0") + rest[rest.index(b"\0") :]


def _separator(tape: Tape, value: Object, good: bytes) -> bytes:
    kind, _, rest = good.partition(b" ")
    return kind + tape.pick((b"\t", b"", b"\n", b"  ", b"\xa0", b"\x0b", b"_", b":")) + rest


def _rename_kind(tape: Tape, value: Object, good: bytes) -> bytes:
    word = kind_of(value)
    words = ("commit", "tag", word.upper(), word.capitalize(), word[:-1], word + "s", "b", "object", "note", "ref")
    return tape.pick(words).encode() + good[len(word) :]


def _misstate(tape: Tape, value: Object, good: bytes) -> bytes:
    """State a length that is not that of the body, or add and drop bytes under the right one."""
    head, _, body = good.partition(b"\0")
    kind, _, digits = head.partition(b" ")
    by = tape.within(1, 3)
    if isinstance(value, Blob) and tape.below(2) == 0:
        return good + tape.take(by)
    return b"%s %d\0%s" % (kind, int(digits) + by if tape.below(2) else max(int(digits) - by, 0), body)


def _overfill(tape: Tape, value: Object, good: bytes) -> bytes:
    return _frame(kind_of(value), _body(good) + tape.take(tape.within(1, 31)))


def _underfill(tape: Tape, value: Object, good: bytes) -> bytes:
    return _frame(kind_of(value), _body(good)[: -tape.within(1, 31)])


def _unterminate(tape: Tape, value: Object, good: bytes) -> bytes:
    """End the body where a header, or the NUL of the list, should begin, or within a header."""
    body = b"".join(key + b"\0" + text + b"\0" for key, text in _headers(value))
    return _frame("blob", body if tape.below(2) == 0 else body[: -tape.within(1, len(body))])


def _unterminate_name(tape: Tape, value: Object, good: bytes) -> bytes:
    return _frame("tree", _body(good) + b"~" * tape.within(1, 3) + b"~")


def _byte_above(tape: Tape, text: bytes) -> bytes:
    return text[:1] + tape.pick((b"\xc3\xa9", b"\xe9", b"\x80", b"\xff")) + text[1:]


def _zero_target(tape: Tape, value: Object, good: bytes) -> bytes:
    return _with_entries(value, _revalued(tape, _entries(value), ZERO))


def _zero_key(tape: Tape, value: Object, good: bytes) -> bytes:
    return _with_entries(value, _rekeyed(tape, _entries(value), ZERO))


def _zero_field(tape: Tape, value: Object, good: bytes) -> bytes:
    assert isinstance(value, Step)
    place = tape.pick((1, 4)) * 32
    body = _body(good)
    return _frame("step", body[:place] + ZERO + body[place + 32 :])


def _on_headers(change: Callable[[Tape, _Pairs], _Pairs]) -> _Make:
    return lambda tape, value, _: _with_headers(value, change(tape, _headers(value)))


def _on_entries(change: Callable[[Tape, _Pairs], _Pairs]) -> _Make:
    return lambda tape, value, _: _with_entries(value, change(tape, _entries(value)))


def _wide_key(tape: Tape, pairs: _Pairs) -> _Pairs:
    return _rekeyed(tape, pairs, _byte_above(tape, b"a"))


def _wide_text(tape: Tape, pairs: _Pairs) -> _Pairs:
    return _revalued(tape, pairs, _byte_above(tape, b"a"))


def _bad_name(tape: Tape, pairs: _Pairs) -> _Pairs:
    return _rekeyed(tape, pairs, texts.bad_name(tape, FRAMED).encode())


def _bad_key(tape: Tape, pairs: _Pairs) -> _Pairs:
    return _rekeyed(tape, pairs, texts.bad_key(tape, empty=False).encode())


def _bad_text(tape: Tape, pairs: _Pairs) -> _Pairs:
    return _revalued(tape, pairs, texts.bad_value(tape, FRAMED).encode())


FRAMED_FAULTS: Final = (
    Fault("grit.object.kinds", "other-word", _rename_kind),
    Fault("grit.framed.header", "respelled-length", _respell_length),
    Fault("grit.framed.header", "leading-zeros", _pad_length),
    Fault("grit.framed.header", "twenty-digits", _long_length),
    Fault("grit.framed.header", "other-separator", _separator),
    Fault("grit.framed.length", "misstated", _misstate),
    Fault("grit.framed.fill", "message-overfull", _overfill, "message"),
    Fault("grit.framed.fill", "mailbox-overfull", _overfill, "mailbox"),
    Fault("grit.framed.fill", "mailbox-short", _underfill, "mailbox"),
    Fault("grit.framed.fill", "step-overfull", _overfill, "step"),
    Fault("grit.framed.fill", "step-short", _underfill, "step"),
    Fault("grit.framed.fill", "tree-short", _underfill, "tree"),
    Fault("grit.framed.terminator", "headers-open", _unterminate, "blob", 1),
    Fault("grit.framed.terminator", "name-open", _unterminate_name, "tree"),
    Fault("grit.framed.ascii", "name", _on_entries(_wide_key), "tree"),
    Fault("grit.framed.ascii", "header-value", _on_headers(_wide_text), "message", 1),
    Fault("grit.framed.ascii", "header-key", _on_headers(_wide_key), "blob", 1),
    Fault("grit.name.grammar", "outside", _on_entries(_bad_name), "tree"),
    Fault("grit.header.grammar", "key", _on_headers(_bad_key), "blob", 1),
    Fault("grit.header.grammar", "value", _on_headers(_bad_text), "message", 1),
    Fault("grit.header.order", "swapped", _on_headers(_swapped), "blob", 2),
    Fault("grit.header.order", "repeated", _on_headers(_doubled), "message", 1),
    Fault("grit.tree.key-order", "swapped", _on_entries(_swapped), "tree", 2),
    Fault("grit.tree.key-unique", "repeated", _on_entries(_doubled), "tree"),
    Fault("grit.tree.non-empty", "empty", lambda tape, value, good: _frame("tree", b""), "tree"),
    Fault("grit.mailbox.key-order", "swapped", _on_entries(_swapped), "mailbox", 2),
    Fault("grit.mailbox.key-unique", "repeated", _on_entries(_doubled), "mailbox"),
    Fault("grit.mailbox.non-empty", "empty", lambda tape, value, good: _frame("mailbox", b""), "mailbox"),
    Fault("grit.id.zero", "tree-value", _zero_target, "tree"),
    Fault("grit.id.zero", "mailbox-value", _zero_target, "mailbox"),
    Fault("grit.id.zero", "mailbox-key", _zero_key, "mailbox"),
    Fault("grit.message.content", "zero", lambda tape, value, good: good[:-32] + ZERO, "message"),
    Fault("grit.step.fields", "zero", _zero_field, "step"),
)
"""All of them; each rule of the format has at least one."""
