"""Templates: which leaves are of their form, which vars they have, and rendering.

Spec: ``flow/templates``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.flow.limits import NESTING, VALUE_BYTES
from gritstone_conformance.model.flow.paths import PATH, Environment, EvaluationError, Path, look_up
from gritstone_conformance.model.flow.values import Value, encode, in_key_order, nesting_of

__all__ = ["CannotRender", "is_template", "leaves", "paths_of_leaf", "render"]

_VAR: Final = re.compile(rf"\$({PATH})")
_PIECE: Final = re.compile(rf"([^$]+)|\$(\$)|\$\{{({PATH})\}}")


class CannotRender(Exception):  # noqa: N818 - says what happened
    """A template has no rendered value.

    Attributes:
        outcomes: those that the text permits: ``unbound``, ``type`` or ``exhausted``.
    """

    def __init__(self, outcomes: frozenset[str]) -> None:
        super().__init__(" or ".join(sorted(outcomes)))
        self.outcomes = outcomes


def leaves(template: Value) -> Iterator[str]:
    """Yield the leaves of a template: texts that are not keys, at any depth, in the order of rendering."""
    match template:
        case str():
            yield template
        case list():
            for item in template:
                yield from leaves(item)
        case dict():
            for key in in_key_order(template):
                yield from leaves(template[key])


def paths_of_leaf(leaf: str) -> list[Path] | None:
    """Return the paths of a leaf, or None if it is malformed."""
    var = _VAR.fullmatch(leaf)
    if var:
        return [Path.of(var[1])]
    pieces = _pieces(leaf)
    return None if pieces is None else [piece for piece in pieces if isinstance(piece, Path)]


def is_template(template: Value) -> bool:
    """Return whether no leaf is malformed."""
    return all(paths_of_leaf(leaf) is not None for leaf in leaves(template))


def render(template: Value, environment: Environment) -> Value:
    """Return the rendered value of a template without malformed leaves.

    Raises:
        CannotRender: there is an error, or the rendered value would exceed the limits of a value.

    Spec: :rule:`flow.tmpl.single-pass`, :rule:`flow.tmpl.everywhere`, :rule:`flow.tmpl.typed`.
    """
    renderer = _Renderer(environment)
    value = renderer.render(template, 0)
    if len(encode(value)) > VALUE_BYTES:
        renderer.outcomes.add("exhausted")
    if renderer.outcomes:
        raise CannotRender(frozenset(renderer.outcomes))
    return value


def _pieces(leaf: str) -> list[str | Path] | None:
    """Return the pieces of a leaf of the second form: what stays, and paths; None if it is malformed."""
    pieces: list[str | Path] = []
    at = 0
    while at < len(leaf):
        match = _PIECE.match(leaf, at)
        if match is None:
            return None
        plain, dollar, path = match.groups()
        pieces.append(Path.of(path) if path else plain or dollar)
        at = match.end()
    return pieces


@dataclass(slots=True)
class _Renderer:
    """Renders in the order of the text.

    The first error is the outcome. It does not end the rendering: what follows can show that the value would also be
    too large, and then the text permits both.

    Attributes:
        inserted: bytes of the values that leaves became. What is beyond the limit is dropped.
        has_error: whether there was an error.
        outcomes: what is permitted instead of a value.
    """

    environment: Environment
    inserted: int = 0
    has_error: bool = False
    outcomes: set[str] = field(default_factory=set)

    def render(self, template: Value, depth: int) -> Value:
        """Return the rendered value of a part of the template that is in so many lists and maps."""
        match template:
            case str():
                return self._checked(self._leaf(template), depth)
            case list():
                return [self.render(item, depth + 1) for item in template]
            case dict():
                return {key: self.render(template[key], depth + 1) for key in in_key_order(template)}
            case _:
                return template

    def _checked(self, value: Value, depth: int) -> Value:
        self.inserted += len(encode(value))
        if self.inserted > VALUE_BYTES or depth + nesting_of(value) > NESTING:
            self.outcomes.add("exhausted")
            return None
        return value

    def _leaf(self, leaf: str) -> Value:
        var = _VAR.fullmatch(leaf)
        if var:
            return self._inserted(Path.of(var[1]), lambda value: value)
        pieces = _pieces(leaf)
        assert pieces is not None, leaf
        text = ""
        for piece in pieces:
            text += piece if isinstance(piece, str) else str(self._inserted(piece, _text_of))
            if len(text) > VALUE_BYTES:
                self.outcomes.add("exhausted")
                text = ""
        return text

    def _inserted(self, path: Path, form: Callable[[Value], Value]) -> Value:
        """Return what takes the place of a path; the empty text after an error."""
        try:
            return form(look_up(path, self.environment))
        except EvaluationError as error:
            if not self.has_error:
                self.outcomes.add(error.code)
            self.has_error = True
            return ""


def _text_of(value: Value) -> str:
    """Return the text of a text or int; raises EvaluationError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise EvaluationError("type")
    return str(value)
