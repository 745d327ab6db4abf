"""Validation of documents by the JSON Schemas of the spec.

A violation is reported as one line: the place (JSON Pointer) and the fault. The readers of a document decide when to
check it: files from the user are always checked, bundled ones by the lint.

The validator with good messages is slow: jsonschema-rs decides whether a document is valid, and jsonschema describes
the fault of an invalid one, skipping the parts that are valid.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, Registry

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json

__all__ = ["fits", "violation"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def violation(schema: str, document: Json, part: str | None = None) -> str | None:
    """Return the first violation of a schema in one line, or None.

    Args:
        schema: the schema's short name, e.g. ``vectors``, ``case`` or ``report``.
        document: a JSON value.
        part: the name of a definition under its ``$defs`` to check instead of the whole schema.

    Raises:
        DataError: the bundled schemas cannot be read.
    """
    if _surely_fits(schema, part, document):
        return None
    worst = _deepest(_validator(schema, part).iter_errors(document))
    if worst is None:
        return None
    place = "".join(f"/{part}" for part in worst.absolute_path)
    return f"{place or '/'}: {_shortened(worst.message)}"


def fits(schema: str, part: str, document: Json) -> bool:
    """Return whether a document is valid by one definition of a schema.

    Args:
        schema: the schema's short name, e.g. ``request``.
        part: the name of a definition under its ``$defs``, e.g. ``args.grit.put``.
        document: a JSON value.

    Raises:
        DataError: the bundled schemas cannot be read.
    """
    known = _surely_fits(schema, part, document)
    return bool(_validator(schema, part).is_valid(document)) if known is None else known


def _surely_fits(schema: str, part: str | None, document: Json) -> bool | None:
    return _fits(_urn(schema) + ("" if part is None else f"#/$defs/{part}"), document)


def _fits(ref: str, document: Json) -> bool | None:
    """Return whether a document is valid by the schema of a reference, or None if UTF-8 cannot encode it."""
    try:
        return _checker(ref).is_valid(document)
    except ValueError:
        return None


def _deepest(errors: Any) -> Any:
    """Return the most informative error: of failed alternatives, the error of the one that matched furthest."""
    found = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    if not found:
        return None
    error = found[0]
    while error.context:
        error = max(error.context, key=lambda inner: (len(inner.absolute_path), str(inner.message)))
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
def _checker(ref: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": ref}, registry=_registry())


@cache
def _registry() -> Registry:
    return Registry(list(_contents().items()))


@cache
def _validator(schema: str, part: str | None = None) -> Any:
    import jsonschema  # takes 0.1 s to import; needed only to describe a fault
    import referencing
    from referencing.jsonschema import DRAFT202012

    whole = jsonschema.Draft202012Validator.VALIDATORS["$ref"]

    def follow(validator: Any, ref: str, instance: Json, parent: Json) -> Any:
        return () if _fits(ref, instance) else whole(validator, ref, instance, parent)

    resources = ((urn, DRAFT202012.create_resource(each)) for urn, each in _contents().items())
    root = _contents()[_urn(schema)] if part is None else {"$ref": f"{_urn(schema)}#/$defs/{part}"}
    kind: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"$ref": follow})  # type: ignore[no-untyped-call]
    return kind(root, registry=referencing.Registry().with_resources(resources))
