"""How properties of images are registered: once for each format, with the features that they need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.trial import Property, PropertyOptions

__all__ = ["of_images"]


def of_images(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    profiles: tuple[str, ...] = (),
    once: bool = False,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property of images per format; see ``in_each_format``.

    Args:
        name: topic and slug: ``op/default``.
        body: takes the trial, the format, and what ``given`` draws.
        rules: the rules that it judges.
        given: what it draws, or None.
        features: what must be claimed in addition to the profile.
        profiles: further profiles that must be claimed.
        once: whether the gate runs it in one format only.
        options: as in :class:`Property`.
    """
    made = in_each_format(f"image/{name}", body, *rules, given=given, features=features, once=once, **options)
    return tuple(replace(each, requires=replace(each.requires, profiles=("image", *profiles))) for each in made)
