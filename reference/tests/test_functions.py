"""Schemas of functions, and the arguments that arrive."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field
from typing_extensions import TypedDict

from gritstone.functions import Signature


class Colour(enum.Enum):
    RED = "r"


class Place(TypedDict, total=False):
    street: str
    numbers: list[int]


@dataclasses.dataclass
class Node:
    value: int
    children: list[Node] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    left: int
    right: str = "x"


class Unknown: ...


UTC = dt.UTC
# annotation, a value of JSON, the argument, a value that does not fit
FITTING: list[tuple[Any, Any, Any, Any]] = [
    (int, 1, 1, "1"),
    (int, 1.0, 1, 1.5),
    (float, 1, 1.0, "1"),
    (bool, True, True, 1),
    (str, "é😀", "é😀", 1),
    (None, None, None, 0),
    (Optional[int], None, None, "1"),  # noqa: UP045
    (Union[int, str], "1", "1", 1.5),  # noqa: UP007
    (Literal["a", 2], 2, 2, 3),
    (Colour, "r", Colour.RED, "RED"),
    (list, [1, "a"], [1, "a"], "a"),
    (list[str], ["a"], ["a"], [1]),
    (list[list[int]], [[1.0]], [[1]], [["1"]]),
    (Sequence[int], [1], [1], ["1"]),
    (dict, {"a": None}, {"a": None}, []),
    (dict[str, int], {"a": 1}, {"a": 1}, {"a": "1"}),
    (tuple, [1, "a"], (1, "a"), 1),
    (tuple[int, str], [1, "a"], (1, "a"), [1]),
    (tuple[int, ...], [1, 2], (1, 2), [1, "a"]),
    (set[int], [1, 2, 2], {1, 2}, ["a"]),
    (frozenset[str], ["a"], frozenset("a"), [1]),
    (Place, {"numbers": [1]}, {"numbers": [1]}, {"numbers": "1"}),
    (Node, {"value": 1, "children": [{"value": 2}]}, Node(1, [Node(2)]), {"value": 1, "children": [{}]}),
    (Pair, [1], Pair(1, "x"), ["1"]),
    (Annotated[int, Field(ge=3, description="at least 3")], 3, 3, 2),
    (bytes, "é", "é".encode(), 1),
    (dt.datetime, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "soon"),
    (dt.date, "2026-01-02", dt.date(2026, 1, 2), "2026-13-01"),
    (Decimal, "1.50", Decimal("1.50"), "x"),
    (UUID, "0" * 32, UUID(int=0), "0"),
]


def of(annotation: Any) -> Signature:
    def function(a: Any) -> None:
        """Do it.

        Further lines.
        """

    function.__annotations__ = {"a": annotation}
    return Signature(function, "function")


def arrays(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for one in schema for found in arrays(one)]
    if not isinstance(schema, dict):
        return []
    below = [found for one in schema.values() for found in arrays(one)]
    return [*below, schema] if schema.get("type") == "array" else below


@pytest.mark.parametrize(("annotation", "given", "expected", "unfit"), FITTING, ids=[str(one[0]) for one in FITTING])
def test_annotations_have_schemas_and_values(annotation: Any, given: Any, expected: Any, unfit: Any) -> None:
    signature = of(annotation)
    Draft202012Validator.check_schema(signature.schema)
    assert all("items" in one for one in arrays(signature.schema))
    assert (signature.schema["required"], signature.schema["additionalProperties"]) == (["a"], False)
    assert signature.description == "Do it."
    json.dumps(signature.schema, allow_nan=False)
    (found,) = signature.read({"a": given}).values()
    assert (found, type(found)) == (expected, type(expected))
    Draft202012Validator(signature.schema).validate({"a": given if given != [1, 2, 2] else [1, 2]})
    for arguments in ({"a": unfit}, {}, {"a": given, "b": 1}):
        with pytest.raises(ValueError, match="arguments of function do not fit: "):
            signature.read(arguments)


def test_absent_annotations_permit_everything() -> None:
    signature = Signature(lambda a, b=1: None, "f")
    assert signature.schema["properties"] == {"a": {}, "b": {"default": 1}}
    assert signature.read({"a": [None, 1.0]}) == {"a": [None, 1.0], "b": 1}


def test_names_of_parameters_do_not_collide() -> None:
    def function(self: int, args: int, schema: int, json: int, type: str = "", model_config: int = 0) -> None: ...  # noqa: A002

    signature = Signature(function, "f")
    assert list(signature.schema["properties"]) == ["self", "args", "schema", "json", "type", "model_config"]
    assert signature.read({"self": 1, "args": 2, "schema": 3, "json": 4})["args"] == 2


TYPE = {"type": "array"}


def test_defaults_that_are_not_json_are_left_out() -> None:
    def function(
        a: float = float("inf"), b: str = "\ud800", c: Any = print, d: tuple[int, ...] = (1,), e: Any = TYPE
    ) -> None: ...

    properties = Signature(function, "f").schema["properties"]
    assert ["default" in one for one in properties.values()] == [False, False, False, True, True]
    assert properties["e"] == {"default": TYPE}


class Callable1:
    def __call__(self, a: int) -> None:
        """Call it."""

    def method(self, a: int) -> None:
        """Call it."""


def partly(b: str, a: int) -> None:
    """Call it."""


@pytest.mark.parametrize(
    "function", [Callable1(), Callable1().method, functools.partial(partly, "x")], ids=["object", "method", "partial"]
)
def test_other_callables_are_functions(function: Callable[..., Any]) -> None:
    signature = Signature(function, "f")
    assert (signature.description, signature.read({"a": 1})) == ("Call it.", {"a": 1})


def test_arbitrary_names_have_a_schema() -> None:
    def function(**more: int) -> None: ...

    signature = Signature(function, "f")
    assert signature.schema["additionalProperties"] == {"type": "integer"}
    assert signature.read({"x": 1}) == {"x": 1}
    with pytest.raises(ValueError, match="x: Input"):
        signature.read({"x": "1"})


def positional(a: int, /) -> None: ...
def several(*a: int) -> None: ...
def unresolved(a: Absent) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("function", [positional, several, unresolved, len, 3])
def test_functions_without_a_schema_are_refused(function: Any) -> None:
    with pytest.raises(ValueError, match=r"^tool: "):
        Signature(function, "tool")


Spaced = TypedDict("Spaced", {"a b": int})
WITHOUT = [Unknown, list[Unknown], Callable[[], int], Iterable[int], type, Literal["\ud800"], 3, "3 +", list[Spaced]]


@pytest.mark.parametrize("annotation", WITHOUT, ids=ascii)
def test_annotations_without_a_schema_are_refused(annotation: Any) -> None:
    with pytest.raises(ValueError, match=r"^function: an annotation [^\n]+$"):
        of(annotation)
