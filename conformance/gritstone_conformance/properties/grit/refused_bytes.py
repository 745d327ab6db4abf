"""Decoding: which bytes it must refuse, and with which class, rule by rule.

Each property belongs to one rule. An example is a good object, which must decode, and bytes one defect away from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.formats import CBOR_BLAKE3, FRAMED_SHA256, Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.properties.grit.asking import decoding
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies import objects
from gritstone_conformance.strategies.cbor_faults import CBOR_FAULTS
from gritstone_conformance.strategies.faults import Fault, Spoiled
from gritstone_conformance.strategies.framed_faults import FRAMED_FAULTS
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_ACCEPTED: Final = "grit.object.round-trip"


def refuse_spoiled(trial: Trial, fmt: Format, spoiled: list[Spoiled]) -> None:
    """Bytes that are not the one encoding of an object are refused with a class that is true of them."""
    limits = Limits.of(trial.claims.limits)
    requests: list[Asked] = []
    for each in spoiled:
        requests += [decoding(fmt, each.good, limits, _ACCEPTED), decoding(fmt, each.bad, limits)]
    trial.expect_many(requests)


def _given(faults: list[Fault]) -> Callable[[Format], Mapping[str, st.SearchStrategy[Any]]]:
    """Draw one tape and let each fault of the rule begin at another place of it."""

    def spoil(fmt: Format, tape: Tape) -> list[Spoiled]:
        return [fault.spoil(tape.turned(11 * at), fmt, objects.build) for at, fault in enumerate(faults)]

    return lambda fmt: {"spoiled": from_tape(partial(spoil, fmt), 72)}


def _properties(fmt: Format, faults: tuple[Fault, ...]) -> list[Property]:
    found: list[Property] = []
    for rule in dict.fromkeys(fault.rule for fault in faults):
        own = [fault for fault in faults if fault.rule == rule]
        _, topic, slug = rule.split(".")
        found += each_format(
            *(f"{topic}/{slug}-decoded", refuse_spoiled, rule, _ACCEPTED),
            given=_given(own),
            examples=6 if rule == "grit.cbor.depth" else 20,
            formats=(fmt.name,),
        )
    return found


PROPERTIES: Final = (*_properties(FRAMED_SHA256, FRAMED_FAULTS), *_properties(CBOR_BLAKE3, CBOR_FAULTS))
