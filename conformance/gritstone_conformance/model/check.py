"""Which values have an encoding: the conditions that do not depend on bytes.

Encoding refuses every other value; decoding has conditions of its own, in the modules of the formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gritstone_conformance.model.grammar import check_key, check_name, check_value
from gritstone_conformance.model.refusals import Defect, Refusal, invalid
from gritstone_conformance.model.values import ZERO, Blob, Headers, Mailbox, Message, Object, Step, Tree

__all__ = ["check_values"]


def check_values(value: Object, format_name: str) -> None:
    """Raise Refusal, with a defect for each thing that is wrong, if the value has no encoding in the format.

    Spec: :rule:`grit.object.encode-refuses`.
    """
    defects = list(_defects(value, format_name))
    if defects:
        raise Refusal(defects)


def _defects(value: Object, format_name: str) -> Iterable[Defect]:
    match value:
        case Blob(headers, _):
            yield from _headers(headers, format_name)
        case Tree(entries):
            if not entries:
                yield invalid("grit.tree.non-empty", "the tree is empty")
            for name, _ in entries:
                yield from check_name(name, format_name)
            yield from _repeated([name for name, _ in entries], "grit.tree.key-unique")
            yield from _zeros([target for _, target in entries])
        case Message(previous, headers, content):
            yield from _headers(headers, format_name)
            yield from _zeros([previous, content])
        case Mailbox(pairs):
            if not pairs:
                yield invalid("grit.mailbox.non-empty", "the mailbox is empty")
            yield from _repeated([key for key, _ in pairs], "grit.mailbox.key-unique")
            yield from _zeros([part for pair in pairs for part in pair])
        case Step(previous, actor, inbox, outbox, core):
            yield from _zeros([previous, actor, inbox, outbox, core])


def _headers(headers: Headers, format_name: str) -> Iterable[Defect]:
    if not headers:
        return
    for key, text in headers:
        yield from check_key(key)
        yield from check_value(text, format_name)
    yield from _repeated([key for key, _ in headers], "grit.header.order")


def _repeated(keys: Sequence[str] | Sequence[bytes], rule: str) -> Iterable[Defect]:
    if len(set(keys)) == len(keys):
        return
    for key, count in Counter(keys).items():
        if count > 1:
            yield invalid(rule, f"{key[:40]!r} occurs {count} times")


def _zeros(identities: Iterable[bytes | None]) -> Iterable[Defect]:
    if ZERO in identities:
        yield invalid("grit.id.zero", "an id is all zero")
