"""Validation of documents by the JSON Schemas of the spec.

A violation is reported as one line: the place (JSON Pointer) and the fault. The readers of a document decide when to
check it: files from the user are always checked, bundled ones by the lint.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from jsonschema_rs import Draft202012Validator, Registry, ValidationError

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json

__all__ = ["definition", "fits", "violation"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_Result = TypeVar("_Result")


def violation(schema: str, document: Json, part: str | None = None) -> str | None:
    """Return the first violation of a schema in one line, or None.

    Args:
        schema: the schema's short name, e.g. ``vectors``, ``case`` or ``report``.
        document: a JSON value.
        part: the name of a definition under its ``$defs`` to check instead of the whole schema.

    Raises:
        DataError: the bundled schemas cannot be read.
    """
    validator = _validator(schema, part)
    errors = _apply(lambda document: list(validator.iter_errors(document)), document)
    if not errors:
        return None
    worst = _deepest(min(errors, key=lambda error: [str(part) for part in error.instance_path]))
    return f"{_place(worst)}: {_shortened(worst.message)}"


def fits(schema: str, part: str, document: Json) -> bool:
    """Return whether a document is valid by one definition of a schema.

    Args:
        schema: the schema's short name, e.g. ``request``.
        part: the name of a definition under its ``$defs``, e.g. ``args.grit.put``.
        document: a JSON value.

    Raises:
        DataError: the bundled schemas cannot be read.
    """
    return _apply(_validator(schema, part).is_valid, document)


@cache
def definition(schema: str, part: str | None = None) -> Json:
    """Return a definition of a schema, whose references are absolute; True, which permits all values, if there is none.

    Args:
        schema: the schema's short name, or an absolute reference.
        part: the name of a definition under its ``$defs``; None for the whole schema.

    Raises:
        DataError: the bundled schemas cannot be read.
    """
    urn, mark, place = schema.partition("#/$defs/")
    content = _contents().get(urn if urn in _contents() else _urn(urn), True)
    name = place if mark else part
    return content if name is None else content.get("$defs", {}).get(name, True)


def _apply(check: Callable[[Json], _Result], document: Json) -> _Result:
    """Return the result of a check. In text that UTF-8 cannot encode, U+FFFD replaces each unpaired surrogate."""
    try:
        return check(document)
    except ValueError:
        encoded = json.dumps(document, ensure_ascii=False).encode("utf-16", "surrogatepass")
        return check(json.loads(encoded.decode("utf-16", "replace")))


def _place(error: ValidationError) -> str:
    """Return where an error is, as a JSON Pointer."""
    return "".join(f"/{part}" for part in error.instance_path) or "/"


def _deepest(error: ValidationError) -> ValidationError:
    """Return the most informative error: of failed alternatives, the error of the one that matched furthest."""
    while alternatives := [inner for branch in getattr(error.kind, "context", ()) for inner in branch]:
        error = max(alternatives, key=lambda inner: (len(inner.instance_path), inner.message))
    return error


def _shortened(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 160 else f"{line[:100]} … {line[-50:]}"


@cache
def _contents() -> dict[str, Json]:
    """Return the schemas by their ``$id``; all references in them are absolute."""
    try:
        contents = [json.loads(path.read_bytes()) for path in sorted((spec_dir() / "schemas").glob("*.schema.json"))]
    except (OSError, ValueError) as problem:
        raise DataError(f"{spec_dir() / 'schemas'}: {problem}") from problem
    return {content["$id"]: _absolute(content, content["$id"]) for content in contents}


def _absolute(schema: Json, urn: str) -> Json:
    """Return a schema whose references name their file, without the choice of a validator."""
    if isinstance(schema, list):
        return [_absolute(each, urn) for each in schema]
    if not isinstance(schema, dict):
        return schema
    members = {name: _absolute(each, urn) for name, each in schema.items() if name != "$schema" or each != _DRAFT}
    ref = members.get("$ref")
    return {**members, "$ref": urn + ref} if isinstance(ref, str) and ref.startswith("#") else members


def _urn(schema: str) -> str:
    wanted = [urn for urn in _contents() if urn.endswith(f":{schema}")]
    if not wanted:
        raise DataError(f"no schema named {schema} in {spec_dir() / 'schemas'}")
    return wanted[0]


@cache
def _validator(schema: str, part: str | None) -> Draft202012Validator:
    ref = _urn(schema) + ("" if part is None else f"#/$defs/{part}")
    return Draft202012Validator({"$ref": ref}, registry=_registry())


@cache
def _registry() -> Registry:
    return Registry(list(_contents().items()))
