"""Templates: values whose texts may contain paths, and their rendering in one pass.

::

    leaf   = var / *(plain / "$$" / "${" path "}")      ; var: the whole leaf
    plain  = any character but "$"

Spec: ``flow/templates``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from gritstone.errors import Exhausted, Malformed, Rejected
from gritstone.flow.expressions import VARIABLE, Environment, Variable, read_variable
from gritstone.flow.limits import MOST_VALUE_BYTES
from gritstone.flow.values import Value, encode_value, key_order

__all__ = ["Rendered", "Template", "read_template", "render"]

_WHOLE = re.compile(rf"\$({VARIABLE})")
_PIECE = re.compile(rf"\$(?:\$|\{{({VARIABLE})\}})")


class _Room:
    """How many characters may still be inserted into texts; below 0, nothing more is inserted."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_VALUE_BYTES


_Render: TypeAlias = Callable[[Environment, _Room], Value]


class Template(NamedTuple):
    """A template that was read.

    Attributes:
        run: returns the rendered value, which can be above the limits of values.
        variables: the variables of its leaves that are well-formed.
        is_malformed: whether it has a malformed leaf; then it has no value.
    """

    run: _Render
    variables: tuple[Variable, ...]
    is_malformed: bool


class Rendered(NamedTuple):
    """A rendered value.

    Attributes:
        value: the value.
        data: its encoding.
    """

    value: Value
    data: bytes


def read_template(value: Value) -> Template:
    """Return the template of a value."""
    variables: list[Variable] = []
    try:
        run = _read(value, variables)
    except _MalformedLeaf:
        return Template(_has_no_value, tuple(variables), is_malformed=True)
    return Template(run, tuple(variables), is_malformed=False)


def render(template: Template, environment: Environment) -> Rendered:
    """Render a template.

    Raises:
        Malformed: a leaf is malformed.
        Rejected: a variable is unbound (code ``unbound``), or has the wrong kind (code ``type``).
        Exhausted: the value would exceed the limits of values, and there is no other error.

    Spec: :rule:`flow.tmpl.single-pass`, :rule:`flow.tmpl.fail-closed`.
    """
    room = _Room()
    value = template.run(environment, room)
    if room.left < 0:
        raise Exhausted("the rendered value is too long", rule="flow.value.limits")
    return Rendered(value, encode_value(value))


class _MalformedLeaf(Exception):  # noqa: N818 - it never leaves this module
    """A template has at least one malformed leaf."""


def _has_no_value(environment: Environment, room: _Room) -> Value:
    raise Malformed("a template has a malformed leaf", rule="flow.tmpl.fail-closed")


def _read(value: Value, variables: list[Variable]) -> _Render:
    """Return the function that renders a value; add its variables to a list.

    Raises:
        _MalformedLeaf: after all leaves were read, if one of them is malformed.

    Spec: :rule:`flow.tmpl.everywhere`.
    """
    if type(value) is str and "$" in value:
        return _read_leaf(value, variables)
    if type(value) is list:
        items = _read_all(value, variables)
        return lambda environment, room: [item(environment, room) for item in items]
    if type(value) is dict:
        names = sorted(value, key=key_order)
        members = list(zip(names, _read_all([value[name] for name in names], variables), strict=True))
        return lambda environment, room: {name: member(environment, room) for name, member in members}
    return lambda environment, room: value


def _read_all(values: list[Value], variables: list[Variable]) -> list[_Render]:
    found, is_malformed = [], False
    for value in values:
        try:
            found.append(_read(value, variables))
        except _MalformedLeaf:
            is_malformed = True
    if is_malformed:
        raise _MalformedLeaf
    return found


def _read_leaf(text: str, variables: list[Variable]) -> _Render:
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        variable = read_variable(whole[1])
        variables.append(variable)
        return lambda environment, room: variable.read(environment)
    pieces: list[str | Variable] = []
    at = 0
    while (mark := text.find("$", at)) >= 0:
        found = _PIECE.match(text, mark)
        if found is None:
            raise _MalformedLeaf
        pieces += (text[at:mark], "$" if found[1] is None else read_variable(found[1]))
        at = found.end()
    pieces.append(text[at:])
    variables += [piece for piece in pieces if isinstance(piece, Variable)]
    return lambda environment, room: _joined(pieces, environment, room)


def _joined(pieces: list[str | Variable], environment: Environment, room: _Room) -> str:
    texts: list[str] = []
    for piece in pieces:
        text = piece if isinstance(piece, str) else _text(piece.read(environment))
        room.left -= len(text)
        if room.left >= 0:
            texts.append(text)
    return "".join(texts)


def _text(value: Value) -> str:
    """Spec: :rule:`flow.tmpl.typed`."""
    if type(value) is str:
        return value
    if type(value) is not int:
        raise Rejected("only texts and integers are inserted into a text", rule="flow.tmpl.typed", code="type")
    return str(value)
