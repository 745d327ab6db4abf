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
    spoiled, rule = _spoil(tape, fmt, value)
    trial.expect_many([encoding(fmt, value, limits, _ACCEPTED), encoding(fmt, spoiled, limits, rule)])


def zero_ids(trial: Trial, fmt: Format, value: Object) -> None:
    """Encoding refuses the all-zero id in every place of every kind."""
    limits = Limits.of(trial.claims.limits)
    spoiled = [encoding(fmt, bad, limits) for bad in _with_zero(value)]
    trial.expect_many([encoding(fmt, value, limits, _ACCEPTED), *spoiled])


def _spoil(tape: Tape, fmt: Format, value: Object) -> tuple[Object, str]:
    """Return the value with one bad text, one repeated key or no entries, and the rule that says so."""
    match value:
        case Blob(headers, data):
            spoiled, rule = _spoil_headers(tape, fmt, headers)
            return Blob(spoiled, data), rule
        case Message(previous, headers, content):
            spoiled, rule = _spoil_headers(tape, fmt, headers)
            return Message(previous, spoiled, content), rule
        case Tree(entries):
            (_, target), *rest = entries
            bad: list[tuple[Tree, str]] = [
                (Tree(((texts.bad_name(tape, fmt.name), target), *rest)), "grit.name.grammar"),
                (Tree((*entries, (entries[0][0], objects.identity(tape)))), "grit.tree.key-unique"),
                (Tree(()), "grit.tree.non-empty"),
            ]
            return tape.pick(bad)
        case Mailbox(entries):
            repeated = Mailbox((*entries, (entries[0][0], objects.identity(tape))))
            return tape.pick(
                [(repeated, "grit.mailbox.key-unique"), (Mailbox(()), "grit.mailbox.non-empty")],
            )
        case _:
            raise AssertionError("a step has neither texts nor entries")


def _spoil_headers(tape: Tape, fmt: Format, headers: Headers) -> tuple[Headers, str]:
    (key, text), *rest = headers
    bad_key = ((texts.bad_key(tape, empty=True), text), *rest)
    bad_value = ((key, texts.bad_value(tape, fmt.name)), *rest)
    twice = (*headers, (key, texts.value(tape, fmt.name)))
    return tape.pick(
        [(bad_key, "grit.header.grammar"), (bad_value, "grit.header.grammar"), (twice, "grit.header.order")]
    )


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
        *("grit.name.grammar", "grit.header.grammar", "grit.header.order", "grit.tree.key-unique"),
        *("grit.tree.non-empty", "grit.mailbox.key-unique", "grit.mailbox.non-empty"),
        given=draws.tape(96),
    ),
    *each_format("id/zero-encoded", zero_ids, "grit.id.zero", _ACCEPTED, given=draws.value(*KINDS[1:]), examples=40),
)
