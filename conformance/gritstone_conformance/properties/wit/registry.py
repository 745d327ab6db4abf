"""How properties of ``wit`` and ``runtime`` are registered: once for each object format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hypothesis import strategies as st

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.strategies.tape import from_tape
from gritstone_conformance.trial import Claims, Property, Trial

__all__ = ["Given", "in_each_format", "tape"]

Given = Callable[[Format], Mapping[str, st.SearchStrategy[Any]]]
"""The drawn arguments of a body, given the format."""


def in_each_format(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = ("external",),
    kind: str = "property",
    examples: int | None = None,
    cost: float | None = None,
    search_only: bool = False,
) -> tuple[Property, ...]:
    """Return one property per format.

    Args:
        name: profile, topic and slug, without the format: ``wit/channel/unread``.
        body: takes the trial, the format, and what ``given`` draws.
        rules: the rules it judges; the first is blamed where no step names another.
        given: what it draws, or None: it runs once.
        features: what must be claimed besides the profile (``runtime`` for cases of ``harness``).
        kind: as in :class:`Property`.
        examples: how many in the profile ``gate``; None: as many as the kind has.
        cost: as in :class:`Property`.
        search_only: as in :class:`Property`.
    """
    profile = name.partition("/")[0].replace("harness", "runtime")
    return tuple(
        Property(
            name=f"{name}-{format_name.partition('-')[0]}",
            rules=tuple(dict.fromkeys(rules)),
            body=partial(_play, body, fmt),
            given=None if given is None else partial(_given, given, fmt),
            requires=Requires((format_name,), features, (profile,)),
            kind=kind,
            examples=examples,
            cost=cost,
            search_only=search_only,
        )
        for format_name, fmt in FORMATS.items()
    )


def tape(length: int) -> Given:
    """Draw ``tape``, with so many bytes."""
    return lambda fmt: {"tape": from_tape(lambda drawn: drawn, length)}


def _play(body: Callable[..., None], fmt: Format, trial: Trial, **drawn: Any) -> None:
    body(trial, fmt, **drawn)


def _given(given: Given, fmt: Format, claims: Claims) -> Mapping[str, st.SearchStrategy[Any]]:
    return given(fmt)
