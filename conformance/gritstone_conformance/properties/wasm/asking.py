"""Requests about modules, with what the model expects of them, and how their properties are registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from gritstone_conformance.attachment.claims import EXECUTOR
from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.properties.wit.registry import Given
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Asked, Property, PropertyOptions, Trial

__all__ = ["admitting", "answering", "metering", "not_admitted", "of_engines", "of_modules"]


def not_admitted(code: str) -> dict[str, Json]:
    """Return what is expected for a module that is not admitted."""
    return refused("rejected", f"unresolved:{code}")


def answering(op: str, module: bytes, expect: dict[str, Json], rule: str | None, entry: str, pages: int) -> Asked:
    """Return a request about a module, with this expectation."""
    return op, {"module": to_base64(module), "entry": entry, "pages": pages}, expect, rule


def admitting(module: bytes, rule: str | None = None, entry: str = "wit", pages: int = 256) -> Asked:
    """Return ``wasm.admit`` of a module."""
    try:
        admit(module, entry, pages)
        expect = ok()
    except NotAdmitted as problem:
        expect = not_admitted(problem.code)
    return answering("wasm.admit", module, expect, rule, entry, pages)


def metering(module: bytes, rule: str | None = None, entry: str = "wit", pages: int = 256) -> Asked:
    """Return ``wasm.meter`` of a module."""
    try:
        expect = ok(module=to_base64(meter(admit(module, entry, pages), pages)))
    except NotAdmitted as problem:
        expect = not_admitted(problem.code)
    return answering("wasm.meter", module, expect, rule, entry, pages)


def of_engines(
    name: str, body: Callable[..., None], *rules: str, given: Given | None = None, **options: Unpack[PropertyOptions]
) -> tuple[Property, ...]:
    """Return a property of engines, which no format changes: it is run in the first claimed format.

    Args:
        name: profile, topic and slug.
        body: takes the trial, the format, and what ``given`` draws.
        rules: the rules it judges.
        given: what it draws, whatever the format, or None.
        options: as in :class:`Property`.
    """

    def run(trial: Trial, **drawn: Any) -> None:
        body(trial, FORMATS[trial.claims.formats[0]], **drawn)

    draws = None if given is None else given(next(iter(FORMATS.values())))
    return (Property(name, rules, run, draws, Requires((), (EXECUTOR,), ("wit",)), **options),)


def of_modules(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Any = None,
    **options: Unpack[PropertyOptions],
) -> Property:
    """Return a property of modules alone: no store, no format."""
    requires = Requires((), (EXECUTOR,), ("wit",))
    return Property(name, rules, body, given, requires, **options)
