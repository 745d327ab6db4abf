"""Functions that a model or a client can call: the JSON Schema of their parameters, and the arguments that arrive.

``pydantic`` maps the annotations and validates, so one library decides both what is described and what is accepted. It
is imported at the first function, because most programs have none.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.json_schema import GenerateJsonSchema

__all__ = ["Signature"]

_UNNAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
_KEY = re.compile("[a-zA-Z0-9_.-]{1,64}")
_MOST_EXACT = 2**53
_VALUES = ("const", "default", "enum", "examples")
_BY_NAME = ("$defs", "patternProperties", "properties")


class Signature:
    """The parameters of a function, all of which are passed by name.

    Attributes:
        schema: the JSON Schema of the object of the arguments. Each array in it has ``items``, without which services
            of models reject it.
        description: the first line of the docstring of the function.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        """Read the signature of a function.

        Args:
            function: the function.
            name: its name, for errors.

        Raises:
            ValueError: a parameter cannot be passed by name, or an annotation has no JSON Schema or no value.
        """
        self._name = name
        lines = (inspect.getdoc(_code_of(function)) or "").splitlines()
        self.description = lines[0] if lines else ""
        self._adapter, self.schema = _adapter_of(function, name)

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments for a call, with values of the types of the parameters.

        A number without a fraction is an integer, however it is spelled; no other value is converted to another type
        of JSON.

        Args:
            arguments: values of JSON.

        Raises:
            ValueError: the arguments do not fit the schema.
        """
        from pydantic import ValidationError

        try:
            return self._read(arguments)
        except ValidationError:
            pass
        try:
            return self._read(_whole(arguments))
        except ValidationError as error:
            raise ValueError(f"the arguments of {self._name} do not fit: {_text_of(error)}") from None

    def _read(self, arguments: Any) -> dict[str, Any]:
        return self._adapter.validate_json(json.dumps(arguments), strict=True)


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what has the docstring and the annotations: a function, or the method ``__call__`` of an object."""
    while isinstance(function, partial):
        function = function.func
    is_code = inspect.isroutine(function) or inspect.isclass(function)
    return function if is_code else type(function).__call__


def _adapter_of(function: Callable[..., Any], name: str) -> tuple[TypeAdapter[dict[str, Any]], dict[str, Any]]:
    from pydantic import PydanticUserError, TypeAdapter
    from pydantic_core import SchemaError

    try:
        parameters = list(inspect.signature(function).parameters.values())
        code = _code_of(function)
        hints = get_type_hints(code.__init__ if inspect.isclass(code) else code, include_extras=True)
    except (AttributeError, NameError, TypeError, SyntaxError) as error:
        raise ValueError(f"{name}: an annotation cannot be read: {error}") from None
    if any(one.kind in _UNNAMED for one in parameters):
        raise ValueError(f"{name}: a parameter cannot be passed by name")
    try:
        adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(_collector(parameters, hints))
        schema = _with_items(adapter.json_schema(schema_generator=_schemas()))
        _json(schema)
    except (PydanticUserError, SchemaError, NameError, TypeError, ValueError) as error:
        text = str(error).partition("\n")[0].partition(". Set `")[0]
        raise ValueError(f"{name}: an annotation has no JSON Schema: {text}") from None
    return adapter, schema


def _collector(parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> Any:
    """Return a function with the same parameters that returns its arguments."""

    def arguments(**given: Any) -> dict[str, Any]:
        return given

    var, keyword = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    named = [
        one.replace(kind=var if one.kind is var else keyword, annotation=hints.get(one.name, Any)) for one in parameters
    ]
    arguments.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    arguments.__annotations__ = {one.name: one.annotation for one in named}
    return arguments


@cache
def _schemas() -> type[GenerateJsonSchema]:
    """Return the generator of schemas."""
    from pydantic.json_schema import GenerateJsonSchema
    from pydantic_core import PydanticSerializationError

    class Schemas(GenerateJsonSchema):
        """Without titles of parameters; a default that is not JSON is left out."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as in the base

        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

        def generator_schema(self, schema: Any) -> dict[str, Any]:
            return self.handle_invalid_for_json_schema(schema, "an iterable; annotate a list instead")

        def encode_default(self, dft: Any) -> Any:
            default = super().encode_default(dft)
            try:
                _json(default)
            except (TypeError, ValueError) as error:
                raise PydanticSerializationError(str(error)) from None
            return default

    return Schemas


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def _with_items(schema: Any) -> Any:
    """Return a schema in which each array has ``items``, also one that lists them only by their places."""
    if not isinstance(schema, dict):
        return schema
    found = {name: _below(name, value) for name, value in schema.items()}
    return {"items": {}, **found} if found.get("type") == "array" else found


def _below(name: str, value: Any) -> Any:
    if name in _VALUES:
        return value
    if name in _BY_NAME:
        for key in value if name == "properties" else ():
            if _KEY.fullmatch(key) is None:
                raise ValueError(f"services of models do not accept the name {key!r}: expected {_KEY.pattern}")
        return {key: _with_items(one) for key, one in value.items()}
    return [_with_items(one) for one in value] if isinstance(value, list) else _with_items(value)


def _whole(value: Any) -> Any:
    """Return a value of JSON in which each number without a fraction is an integer."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MOST_EXACT:
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _text_of(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
