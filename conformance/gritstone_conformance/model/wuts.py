"""Wuts: reading one strictly, and the OpenAPI document that follows from it.

Spec: ``wit/queries``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from gritstone_conformance.model.refusals import Refusal, invalid
from gritstone_conformance.replies import Json

__all__ = ["canonical", "openapi", "read_wut"]

_DEEPEST: Final = 64
_MOST: Final = (1 << 53) - 1
_TYPES: Final = ("blob", "tree", "any")
_NOTES: Final = {"schema", "summary"}


def canonical(value: Json) -> bytes:
    """Return the canonical JSON (RFC 8785) of a value without fractions; members ascend by UTF-16 code units."""
    return json.dumps(_sorted(value), separators=(",", ":"), ensure_ascii=False).encode()


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def read_wut(data: bytes) -> dict[str, Any]:
    """Return the wut that bytes spell.

    Raises:
        Refusal: they are not the canonical JSON of one.

    Spec: :rule:`wit.wut.form`.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
        plain = _is_plain(value, _DEEPEST) and canonical(value) == data
    except (ValueError, RecursionError) as problem:
        raise _no_wut(f"no canonical JSON: {problem}") from problem
    if not plain or not _is_wut(value):
        raise _no_wut("no wut in canonical JSON")
    return dict(value)


def openapi(actor: bytes, data: bytes) -> bytes:
    """Return the OpenAPI document of an actor with this wut.

    Raises:
        Refusal: the bytes are no wut.

    Spec: :rule:`wit.wut.openapi`.
    """
    wut = read_wut(data)
    paths: dict[str, Json] = {}
    for mt, message in wut["messages"].items():
        path = f"/messages/{quote(mt, safe='')}" if mt else "/messages"
        paths[path] = {"post": _operation(f"message:{mt}", message, message["content"], {"202": "accepted"})}
    for name, query in wut["queries"].items():
        operation = _operation(f"query:{name}", query, query["args"], {"200": "answer", "404": "none"})
        paths[f"/queries/{quote(name, safe='')}"] = {"get" if query["args"] == "none" else "post": operation}
    return canonical(
        {
            "openapi": "3.1.0",
            "info": {"title": wut["name"], "version": "1"},
            "servers": [{"url": f"/actors/{actor.hex()}"}],
            "paths": paths,
        }
    )


def _operation(name: str, member: Mapping[str, Any], takes: str, responses: Mapping[str, str]) -> dict[str, Json]:
    operation: dict[str, Json] = {
        "operationId": name,
        "responses": {code: {"description": words} for code, words in responses.items()},
    }
    if "summary" in member:
        operation["summary"] = member["summary"]
    if takes != "none":
        operation["requestBody"] = {"content": dict([_media(member, takes)]), "required": True}
    return operation


def _media(member: Mapping[str, Any], takes: str) -> tuple[str, Json]:
    if "schema" in member:
        return "application/json", {"schema": member["schema"]}
    return ("application/octet-stream" if takes == "blob" else "application/vnd.gritstone.object"), {}


def _is_wut(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"wut", "name", "messages", "queries"}
        and type(value["wut"]) is int
        and value["wut"] == 1
        and isinstance(value["name"], str)
        and isinstance(value["messages"], dict)
        and all(_is_member(item, {"content": _TYPES}) for item in value["messages"].values())
        and isinstance(value["queries"], dict)
        and "" not in value["queries"]
        and all(_is_member(item, {"args": ("blob", "none"), "returns": _TYPES}) for item in value["queries"].values())
    )


def _is_member(value: Json, needed: Mapping[str, tuple[str, ...]]) -> bool:
    if not isinstance(value, dict) or not needed.keys() <= value.keys() <= needed.keys() | _NOTES:
        return False
    if any(value[name] not in allowed for name, allowed in needed.items()):
        return False
    takes = value[next(iter(needed))]
    fits = "schema" not in value or (isinstance(value["schema"], (bool, dict)) and takes == "blob")
    return fits and isinstance(value.get("summary", ""), str)


def _is_plain(value: Json, deepest: int) -> bool:
    """Return whether a value has no number out of bounds and is nested no more than so deep."""
    if type(value) is int:
        return -_MOST <= value <= _MOST
    if isinstance(value, (dict, list)):
        items = value.values() if isinstance(value, dict) else value
        return deepest > 0 and all(_is_plain(item, deepest - 1) for item in items)
    return True


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _refuse(text: str) -> Json:
    raise ValueError(f"the number {text}")


def _no_wut(words: str) -> Refusal:
    return Refusal([invalid("wit.wut.openapi", words)])
