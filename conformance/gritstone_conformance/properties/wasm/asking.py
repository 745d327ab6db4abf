"""Requests about modules, with what the model expects of them, and how their properties are registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gritstone_conformance.attachment.claims import EXECUTOR
from gritstone_conformance.cases import Requires
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.model.wasm.admission import NotAdmitted, admit
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Asked, Property

__all__ = ["admitting", "answering", "metering", "not_admitted", "of_modules"]


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


def of_modules(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Any = None,
    examples: int | None = None,
    cost: float | None = None,
    search_only: bool = False,
) -> Property:
    """Return a property of modules alone: no store, no format."""
    requires = Requires((), (EXECUTOR,), ("wit",))
    return Property(name, rules, body, given, requires, examples=examples, search_only=search_only, cost=cost)
