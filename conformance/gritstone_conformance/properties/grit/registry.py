"""How properties of ``grit`` are registered: once for each object format.

A body is written for any format; :func:`each_format` makes one property of it per format, whose name ends in the first
word of the format's, and which requires that format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from hypothesis import strategies as st

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, Format
from gritstone_conformance.replies import Claims
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["Given", "each_format", "in_one_format", "is_first"]

Given = Callable[[Format], Mapping[str, st.SearchStrategy[Any]]]
"""The drawn arguments of a body, given the format."""


def each_format(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    formats: tuple[str, ...] = tuple(FORMATS),
    both: bool = False,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format.

    Args:
        name: topic and slug, without profile and format: ``tree/order``.
        body: takes the trial, the format, and what ``given`` draws.
        rules: the rules it judges; the first is blamed where no step names another.
        given: what it draws, or None: it runs once.
        features: what must be claimed.
        formats: for which formats; default: all.
        both: whether it needs an implementation that has both formats.
        options: as in :class:`Property`.
    """
    return tuple(
        Property(
            name=f"grit/{name}-{format_name.partition('-')[0]}",
            rules=tuple(dict.fromkeys(rules)),
            body=partial(_run, body, FORMATS[format_name]),
            given=None if given is None else partial(_given, given, FORMATS[format_name]),
            requires=Requires(tuple(FORMATS) if both else (format_name,), features, ("grit",)),
            **options,
        )
        for format_name in formats
    )


def in_one_format(properties: Iterable[Property], last: str = CBOR_BLAKE3.name) -> tuple[Property, ...]:
    """Return properties of both formats, of which the gate runs one if both formats are claimed.

    This is for properties that take long and detect no fault of a format, such as those that kill processes.

    Args:
        properties: those of both formats.
        last: the format that the gate runs.
    """
    return tuple(prop if last in prop.requires.formats else replace(prop, spared_by=last) for prop in properties)


def is_first(trial: Trial, fmt: Format) -> bool:
    """Return whether a format is the first that is claimed: what costs seconds is done to the full in that one only."""
    return trial.claims.formats[0] == fmt.name


def _run(body: Callable[..., None], fmt: Format, trial: Trial, **drawn: Any) -> None:
    body(trial, fmt, **drawn)


def _given(given: Given, fmt: Format, claims: Claims) -> Mapping[str, st.SearchStrategy[Any]]:
    return given(fmt)
