"""How properties of ``wit`` and ``runtime`` are registered: once for each object format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from hypothesis import strategies as st

from gritstone_conformance.attachment.claims import EXECUTOR, EXECUTORS
from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.properties.grit.registry import in_one_format
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.casting import GuestFormat
from gritstone_conformance.strategies.tape import from_tape
from gritstone_conformance.trial import Divergence, Property, PropertyOptions, Trial

__all__ = ["Given", "in_each_format", "tape", "with_puppet_module"]

Given = Callable[[Format], Mapping[str, st.SearchStrategy[Any]]]
"""The drawn arguments of a body, given the format."""


def in_each_format(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = ("external",),
    once: bool = False,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format.

    Args:
        name: profile, topic and slug, without the format: ``wit/channel/unread``.
        body: takes the trial, the format, and what ``given`` draws.
        rules: the rules it judges; the first is blamed where no step names another.
        given: what it draws, or None: it runs once.
        features: what must be claimed in addition to the profile (``runtime`` for cases of ``harness``, ``wit`` for
            those of executors of modules and of guests of sessions, which need not claim ``wasm`` or ``session``).
        once: whether the gate runs it in one format only; see ``properties.grit.registry.in_one_format``.
        options: as in :class:`Property`.
    """
    is_of_wit = not set(features).isdisjoint(EXECUTORS.values())
    profile = "wit" if is_of_wit else name.partition("/")[0].replace("harness", "runtime")
    made = tuple(
        Property(
            name=f"{name}-{format_name.partition('-')[0]}",
            rules=tuple(dict.fromkeys(rules)),
            body=partial(_run, body, fmt),
            given=None if given is None else partial(_given, given, fmt),
            requires=Requires((format_name,), features, (profile,)),
            **options,
        )
        for format_name, fmt in FORMATS.items()
    )
    return in_one_format(made) if once else made


def with_puppet_module(prop: Property, *, examples: int | None, search_only: bool) -> Property:
    """Return a property of :func:`in_each_format` in which the puppet's module is the code of every test actor.

    What the puppet has to do is then what :rule:`wasm.puppet.same` says; every other rule binds as it is.
    There are no floors of reach, for its examples are few.
    """
    assert isinstance(prop.body, partial), f"{prop.name} was made by in_each_format"
    body, fmt = prop.body.args
    guests = GuestFormat.of(fmt)
    features = tuple(EXECUTOR if name == "external" else name for name in prop.requires.features)
    return replace(
        prop,
        name="wasm/puppet/" + prop.name.replace("/", "-"),
        rules=tuple(dict.fromkeys((_SAME, *map(_of_guests, prop.rules)))),
        body=partial(_run_guests, body, guests),
        given=None if prop.given is None else partial(_given, prop.given.args[0], guests),
        requires=replace(prop.requires, features=features),
        examples=examples,
        cost=prop.cost if prop.cost is None or prop.given is None else prop.cost / 4,
        search_only=search_only or prop.search_only,
        spared_by=None,
        reach={},
    )


def tape(length: int) -> Given:
    """Draw ``tape``, with so many bytes."""
    return lambda fmt: {"tape": from_tape(lambda drawn: drawn, length)}


def _run(body: Callable[..., None], fmt: Format, trial: Trial, **drawn: Any) -> None:
    body(trial, fmt, **drawn)


def _given(given: Given, fmt: Format, claims: Claims) -> Mapping[str, st.SearchStrategy[Any]]:
    return given(fmt)


_SAME = "wasm.puppet.same"


def _of_guests(rule: str) -> str:
    return _SAME if rule.startswith("wit.puppet.") else rule


def _run_guests(body: Callable[..., None], fmt: Format, trial: Trial, **drawn: Any) -> None:
    try:
        body(trial, fmt, **drawn)
    except Divergence as found:
        steps = [replace(step, rule=step.rule and _of_guests(step.rule)) for step in found.steps]
        rule = _of_guests(found.rule)
        raise Divergence(found.difference, steps, rule, replayable=found.replayable) from found
