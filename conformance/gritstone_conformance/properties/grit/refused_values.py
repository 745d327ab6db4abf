"""Encoding: which values it must refuse, instead of repairing them."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.values import (
    KINDS,
    ZERO,
    Blob,
    Headers,
    Mailbox,
    Message,
    Object,
    Tree,
    from_json,
    to_json,
)
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.asking import encoding
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import objects, texts
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ACCEPTED: Final = "grit.object.one-spelling"


def one_bad_field(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Encoding refuses with ``invalid`` every value that has no encoding; it shortens, drops and repairs nothing."""
    limits = Limits.of(trial.claims.limits)
    value = objects.build(tape, fmt.name, tape.pick(KINDS[:4]), least=1)
    trial.expect_many([encoding(fmt, value, limits, _ACCEPTED), encoding(fmt, _spoil(tape, fmt, value), limits)])


def zero_ids(trial: Trial, fmt: Format, value: Object) -> None:
    """Encoding refuses the all-zero id in every place of every kind."""
    limits = Limits.of(trial.claims.limits)
    spoiled = [encoding(fmt, bad, limits) for bad in _with_zero(value)]
    trial.expect_many([encoding(fmt, value, limits, _ACCEPTED), *spoiled])


def _spoil(tape: Tape, fmt: Format, value: Object) -> Object:
    """Return the value with one bad text, one repeated key or no entries."""
    match value:
        case Blob(headers, data):
            return Blob(_spoil_headers(tape, fmt, headers), data)
        case Message(previous, headers, content):
            return Message(previous, _spoil_headers(tape, fmt, headers), content)
        case Tree(entries):
            (name, target), *rest = entries
            twice = (*entries, (name, objects.identity(tape)))
            return Tree(tape.pick([((texts.bad_name(tape, fmt.name), target), *rest), twice, ()]))
        case Mailbox(pairs):
            return Mailbox(tape.pick([(*pairs, (pairs[0][0], objects.identity(tape))), ()]))
        case _:
            raise AssertionError("a step has neither texts nor entries")


def _spoil_headers(tape: Tape, fmt: Format, headers: Headers) -> Headers:
    (key, text), *rest = headers
    bad_key: Headers = ((texts.bad_key(tape, empty=True), text), *rest)
    bad_value: Headers = ((key, texts.bad_value(tape, fmt.name)), *rest)
    return tape.pick([bad_key, bad_value, (*headers, (key, texts.value(tape, fmt.name)))])


def _with_zero(value: Object) -> list[Object]:
    """Return the value with Z in each of its places in turn."""
    form = to_json(value)
    fields = [name for name in ("previous", "content", "actor", "inbox", "outbox", "core") if name in form]
    spoiled: list[dict[str, Json]] = [{**form, field: ZERO.hex()} for field in fields]
    entries = form.get("entries", [])
    for at, (key, target) in enumerate(entries):
        spoiled.append({**form, "entries": [*entries[:at], [key, ZERO.hex()], *entries[at + 1 :]]})
        if form["kind"] == "mailbox":
            spoiled.append({**form, "entries": [*entries[:at], [ZERO.hex(), target], *entries[at + 1 :]]})
    return [from_json(each) for each in spoiled]


PROPERTIES: Final = (
    *each_format(
        *("object/encode-refuses", one_bad_field, "grit.object.encode-refuses", _ACCEPTED),
        given=draws.tape(96),
        examples=42,
    ),
    *each_format("id/zero-encoded", zero_ids, "grit.id.zero", _ACCEPTED, given=draws.value(*KINDS[1:]), examples=24),
)
